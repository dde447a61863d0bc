//! Limits which say the same, and limits which others never let a draft reach.

use super::{LimitSpec, Placed};
use crate::rules::gate::limit::Per;
use crate::rules::problem::Problem;
use crate::rules::routine::table::Findings;

/// Complains about a limit which is given twice, and warns of one which can never
/// be reached. False if there is an error.
pub(super) fn review(findings: &mut Findings, limits: &[Placed]) -> bool {
    let mut sound = true;
    for (number, limit) in limits.iter().enumerate() {
        if limits[..number].iter().any(|other| is_same(&other.spec, &limit.spec)) {
            let problem = Problem::error(limit.span.clone(), "this limit is given twice").label("again");
            findings.push(problem.help("remove it, or make it a limit of another kind"));
            sound = false;
            continue;
        }
        let others = limits.iter().enumerate().filter(|(other, _)| *other != number);
        let mut others = others.map(|(_, other)| &other.spec);
        if others.any(|other| keeps_below(other, &limit.spec) && !is_same(other, &limit.spec)) {
            let problem = Problem::warning(limit.span.clone(), "this limit is never reached");
            let help = "another one lets no more through than this; remove it, or make it stricter";
            findings.push(problem.label("says nothing").help(help));
        }
    }
    sound
}

/// Whether both count the same drafts in the same time, up to the same number.
fn is_same(a: &LimitSpec, b: &LimitSpec) -> bool {
    let kinds = a.key.is_within(&b.key) && b.key.is_within(&a.key);
    kinds && a.per == b.per && fixed(a).is_some() && fixed(a) == fixed(b)
}

fn fixed(limit: &LimitSpec) -> Option<(u32, u32)> {
    limit.max.fixed().copied().zip(limit.used.fixed().copied())
}

/// Whether `strict` lets at most as many drafts of a kind through as `loose`
/// does, so that the loose one has room for all it is asked about.
fn keeps_below(strict: &LimitSpec, loose: &LimitSpec) -> bool {
    let (Some(most), Some((room, 0))) = (strict.max.fixed(), fixed(loose)) else {
        return false;
    };
    // Drafts of one kind of the loose one are of one kind of the strict one too.
    let covered = || windows(&strict.per, &loose.per);
    strict.key.is_within(&loose.key)
        && covered().is_some_and(|windows| i128::from(*most) * windows <= i128::from(room))
}

/// How many windows of the strict one cover one of the loose one's.
fn windows(strict: &Per, loose: &Per) -> Option<i128> {
    match (strict, loose) {
        (Per::Sliding(strict), Per::Sliding(loose)) => {
            let (strict, loose) = (strict.as_nanos().max(1), loose.as_nanos());
            Some((loose + strict - 1) / strict)
        }
        (Per::Calendar(strict), Per::Calendar(loose)) if strict == loose => Some(1),
        (Per::Calendar(_) | Per::Sliding(_), _) => None,
    }
}
