//! Tests of what becomes of a tick which has ended.

use super::*;
use crate::pg::error::PgError;
use crate::rules::routine::check as check_routine;

pub(super) fn name() -> RoutineName {
    RoutineName::parse("r").unwrap()
}

/// The queries of a term with one routine, of which a tick ended so, so often.
pub(super) fn after(times: usize, end: impl Fn() -> TickEnd) -> Queries {
    let options = ConnectOptions::resolve(Some("postgres://ann@localhost/app"), &|_| None).unwrap();
    let text = "title = \"t\"\n[on.query]\nevery = \"1h\"\nsql = \"delete from a\"\n";
    let routine = check_routine(&name(), "r.toml", text).0.unwrap();
    let mut queries = Queries::new(options, Default::default(), Timestamp::UNIX_EPOCH);
    queries.routines.insert(name(), Arc::new(routine));
    for _ in 0..times {
        queries.put_off.clear();
        let settled = queries.settle_one(Ended { routine: name(), worker: None, end: end() });
        assert!(settled.is_none());
        assert_eq!(queries.put_off.len(), 1, "the tick is to be run again");
    }
    queries
}

pub(super) fn no() -> PgError {
    PgError::refused("53100", "no")
}

#[test]
fn a_tick_which_fails_again_and_again_is_suspected_and_then_set_aside() {
    let attempt = |times| after(times, || TickEnd::Failed(no())).attempt(&name());
    assert!(matches!(attempt(2), Attempt::Try));
    assert!(matches!(attempt(3), Attempt::Blame));
    assert!(matches!(attempt(6), Attempt::SetAside(_)));
}

#[test]
fn a_tick_is_not_suspected_while_the_database_takes_no_writes() {
    let queries = after(20, || TickEnd::Unwritable(no()));
    assert!(matches!(queries.attempt(&name()), Attempt::Try));
}

#[test]
fn a_routine_which_was_gone_for_a_moment_is_tried_again() {
    let queries = after(1, || TickEnd::Gone);
    assert!(matches!(queries.attempt(&name()), Attempt::Try));
}
