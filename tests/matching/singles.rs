//! One routine and some events: what matches, and why what does not match does
//! not.

use super::events::event;
use super::naive::Seen;
use super::routines::routine;
use super::support::{Tally, cases, compare, pairs, read, run};
use proptest::collection::vec;

/// The events of a case, on the average.
const EVENTS: u64 = 12;

#[test]
fn a_routine_means_what_its_plain_reading_says() {
    let tally = Tally::default();
    run(cases(pairs() / 2, EVENTS), 20_000, &(routine(), vec(event(), 1..=23)), |(model, events)| {
        let seen = events.iter().map(Seen::of).collect::<Vec<_>>();
        let routine = match read("r", &model.to_toml()) {
            Ok(routine) => routine,
            Err(problems) => return tally.refusal(&model, &problems, &seen),
        };
        tally.routine();
        for (event, seen) in events.iter().zip(&seen) {
            tally.pair(compare(&model, &routine, event, seen)?);
        }
        Ok(())
    });
    tally.check("singles");
}
