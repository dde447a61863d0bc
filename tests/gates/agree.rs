//! Random histories: the engine and the model agree after each step.

use super::drive::{Counts, End, run};
use super::random::{flow, history};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use std::cell::{Cell, RefCell};

/// How many histories are tried if nothing else is said.
const HISTORIES: u32 = 150;

/// The outcomes which must have come up, or the histories were not worth trying.
const OUTCOMES: [&str; 9] =
    ["held", "merged", "replaced", "duplicate", "limited", "outside_hours", "overlap", "superseded", "loop"];

#[test]
fn random_histories_end_as_the_description_says() {
    let wanted = std::env::var("HEARKEN_HISTORIES").ok();
    let cases = wanted.map_or(HISTORIES, |text| text.parse().expect("HEARKEN_HISTORIES is a number"));
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (refused, first_refusal) = (Cell::new(0_u32), RefCell::new(String::new()));
    let counts = RefCell::new(Counts::new());
    let strategy = (vec(flow(), 1..3), history(5..40));
    let result = TestRunner::new(config).run(&strategy, |(flows, steps)| {
        match run(&flows, &steps).map_err(TestCaseError::fail)? {
            End::Refused(problems) => {
                refused.set(refused.get() + 1);
                first_refusal.replace(problems);
            }
            End::Agreed(more) => {
                let mut counts = counts.borrow_mut();
                more.into_iter().for_each(|(what, n)| *counts.entry(what).or_default() += n);
            }
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(TestError::Abort(reason)) => panic!("no histories: {reason}"),
    }
    let (refused, counts) = (refused.get(), counts.borrow());
    println!("{cases} histories, {refused} refused; {counts:#?}");
    assert!(refused <= cases / 2, "most routines are refused, the last one for\n{}", first_refusal.borrow());
    if cases >= HISTORIES {
        for outcome in OUTCOMES {
            assert!(counts.keys().any(|(ruling, _)| ruling == outcome), "no draft was ever {outcome}");
        }
    }
}
