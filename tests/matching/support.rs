//! Running random cases, and putting a routine before both readings.

use super::model;
use super::naive::{Reason, Seen, is_wanted, matches, reason};
use hearken::rules::event::Event;
use hearken::rules::name::RoutineName;
use hearken::rules::problem::Problems;
use hearken::rules::routine::{Routine, parse};
use hearken::rules::when::{Failure, Verdict};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestError, TestRunner};
use serde_json::json;
use std::cell::Cell;

/// How many pairs are tried if nothing else is said.
const PAIRS: u64 = 200_000;

/// How many pairs of a routine and an event to try.
pub fn pairs() -> u64 {
    let wanted = std::env::var("HEARKEN_PAIRS").ok();
    wanted.map_or(PAIRS, |text| text.parse().expect("HEARKEN_PAIRS is a number"))
}

/// The number of cases with so many pairs each which make up a share of them.
pub fn cases(share: u64, pairs_each: u64) -> u32 {
    u32::try_from((share / pairs_each).max(1)).expect("at most 4 billion cases")
}

/// Runs a property and panics with the smallest case which breaks it.
#[track_caller]
pub fn run<S: Strategy>(cases: u32, shrinks: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig {
        cases,
        max_shrink_iters: shrinks,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    match TestRunner::new(config).run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(TestError::Abort(reason)) => panic!("no cases: {reason}"),
    }
}

/// The routine as it is read.
pub fn read(name: &str, text: &str) -> Result<Routine, Box<Problems>> {
    let name = RoutineName::parse(name).expect("a name");
    parse(&name, "r.toml", text).map_err(Box::new)
}

/// What has been tried, to see that it was worth trying.
#[derive(Default)]
pub struct Tally {
    routines: Cell<u64>,
    refused: Cell<u64>,
    pairs: Cell<u64>,
    matches: Cell<u64>,
}

impl Tally {
    /// Notes a routine which was put in force.
    pub fn routine(&self) {
        self.routines.set(self.routines.get() + 1);
    }

    /// Notes a pair and whether it matches.
    pub fn pair(&self, does_match: bool) {
        self.pairs.set(self.pairs.get() + 1);
        self.matches.set(self.matches.get() + u64::from(does_match));
    }

    /// Sees that not too many routines were refused, and that there were both
    /// matches and others.
    #[track_caller]
    pub fn check(&self, what: &str) {
        let (routines, refused) = (self.routines.get(), self.refused.get());
        let (pairs, matches) = (self.pairs.get(), self.matches.get());
        println!("{what}: {routines} routines and {refused} refused; {matches} of {pairs} pairs match");
        assert!(refused <= routines, "most routines are refused: {refused} beside {routines}");
        assert!(matches > pairs / 100, "hardly any of {pairs} pairs match: {matches}");
        assert!(matches < pairs - pairs / 100, "hardly any of {pairs} pairs do not match: {matches}");
    }

    /// What is refused as impossible must not match: it is what the checker
    /// claims. Any other complaint would be one about the model.
    pub fn refusal(&self, routine: &model::Routine, problems: &Problems, seen: &[Seen]) -> TestCaseResult {
        self.refused.set(self.refused.get() + 1);
        let claims = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
        let wrong = seen.iter().any(|seen| matches(routine, seen));
        prop_assert!(!wrong, "refused, and yet an event matches: {:?}\n{}", claims, routine.to_toml());
        Ok(())
    }
}

/// Puts one routine and one event before both readings. Tells whether they
/// match, trigger and all.
pub fn compare(
    model: &model::Routine,
    routine: &Routine,
    event: &Event,
    seen: &Seen,
) -> Result<bool, TestCaseError> {
    let want = reason(seen, &model.when);
    let got = routine.when.matches(event);
    let told = || format!("{}\nevent: {}", model.to_toml(), shown(event));
    prop_assert!(
        got == want.is_none(),
        "`matches` says {}, and the plain reading: {:?}\n{}",
        got,
        want,
        told()
    );
    match (routine.when.eval(event), &want) {
        (Verdict::Match, None) => {}
        (Verdict::NoMatch(failure), Some(want)) if is_explained(&failure, want) => {}
        (verdict, want) => {
            let message = format!("`eval` says {verdict:?}, and the plain reading: {want:?}\n{}", told());
            return Err(TestCaseError::fail(message));
        }
    }
    Ok(got && is_wanted(model, seen))
}

/// Whether the failure names what the plain reading names, all the way down.
fn is_explained(got: &Failure, want: &Reason) -> bool {
    let count = got.alternatives.len() == want.alternatives.len();
    let mut both = got.alternatives.iter().zip(&want.alternatives);
    got.because == want.because && count && both.all(|(got, want)| is_explained(got, want))
}

/// An event for people.
pub fn shown(event: &Event) -> String {
    json!({
        "from": event.from.as_str(),
        "type": event.kind,
        "id": event.id,
        "source": event.origin,
        "subject": event.subject,
        "time": event.time.to_string(),
        "tenant": event.tenant,
        "data": event.data,
        "old": event.old,
        "meta": event.meta,
    })
    .to_string()
}
