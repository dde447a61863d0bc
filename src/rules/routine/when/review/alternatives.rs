//! Alternatives which could be left out, since another one holds whenever they
//! do.

use super::super::groups::{Alternative, Group};
use super::super::{Draft, Written, holds_for_no_element};
use crate::rules::condition::{Condition, Test};
use crate::rules::problem::Problem;
use crate::rules::routine::table::Findings;
use crate::rules::when::COMBINATIONS_MAX;

/// Warns of alternatives which change nothing. Where there are too many of them
/// to be put in force, that is enough to say.
pub(super) fn warn_of_needless(findings: &mut Findings, group: &Group) {
    let all = &group.alternatives;
    if all.len() > COMBINATIONS_MAX {
        return;
    }
    for (place, alternative) in all.iter().enumerate() {
        let wider = |other: &&Alternative| demands(&alternative.drafts, &other.drafts);
        let (message, help) = if let Some(earlier) = all[..place].iter().find(wider) {
            if demands(&earlier.drafts, &alternative.drafts) {
                ("this alternative is the same as one above", "leave it out")
            } else {
                let help = "leave it out, or say what the other one must not be";
                ("whenever this alternative holds, one above does too", help)
            }
        } else if all[place + 1..].iter().any(|later| narrower(alternative, later)) {
            let help = "leave it out, or say what the other one must not be";
            ("whenever this alternative holds, one below does too", help)
        } else {
            continue;
        };
        let problem = Problem::warning(alternative.span.clone(), message);
        findings.push(problem.label("changes nothing").help(help));
    }
}

/// Warns of an alternative which asks for nothing but what is asked for beside the
/// group: it always holds where it counts, and with it the group.
pub(super) fn warn_of_certain(findings: &mut Findings, group: &Group, known: &[&Written]) {
    let asked = |draft: &Draft| match draft {
        Draft::Condition(written) => {
            known.iter().any(|known| condition_implies(&known.condition, &written.condition))
        }
        Draft::AnyOf(_) => false,
    };
    for alternative in &group.alternatives {
        if alternative.drafts.iter().all(asked) {
            let message = format!("this alternative of `{}` is asked for beside the group", group.name);
            let problem = Problem::warning(alternative.span.clone(), message);
            let help = "remove the group, or the condition beside it";
            findings.push(problem.label("so the group always holds").help(help));
        }
    }
}

/// Whether one alternative demands more than the other; if they are the same,
/// it is the later one which is needless.
fn narrower(one: &Alternative, other: &Alternative) -> bool {
    demands(&one.drafts, &other.drafts) && !demands(&other.drafts, &one.drafts)
}

/// Whether all of `others` hold whenever `drafts` do.
fn demands(drafts: &[Draft], others: &[Draft]) -> bool {
    others.iter().all(|other| drafts.iter().any(|draft| implies(draft, other)))
}

fn implies(draft: &Draft, other: &Draft) -> bool {
    match (draft, other) {
        (Draft::Condition(one), Draft::Condition(other)) => {
            condition_implies(&one.condition, &other.condition)
        }
        // A group holds if one of its alternatives does.
        (Draft::AnyOf(one), Draft::AnyOf(other)) => one.alternatives.iter().all(|alternative| {
            other.alternatives.iter().any(|other| demands(&alternative.drafts, &other.drafts))
        }),
        _ => false,
    }
}

fn condition_implies(one: &Condition, other: &Condition) -> bool {
    let same_path = one.path.root() == other.path.root() && one.path.steps() == other.path.steps();
    if !same_path || one.missing != other.missing {
        return false;
    }
    match (&one.tests[..], &other.tests[..]) {
        ([Test::OneOf(few)], [Test::OneOf(many)]) if !holds_for_no_element(&one.path) => {
            few.iter().all(|literal| many.contains(literal))
        }
        (tests, others) => tests == others,
    }
}
