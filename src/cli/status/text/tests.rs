//! Tests of what people are told.

use super::*;
use crate::pg::overview::SetInForce;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A database of which nothing is known yet.
fn nothing() -> Overview {
    Overview {
        now: at("2026-03-02T08:00:00Z"),
        led: false,
        daemons: Vec::new(),
        set: None,
        paused: Vec::new(),
        log: LogState { read_at: None, behind: Some(0), more: false, since: None },
        sources: Vec::new(),
        items: Some(Vec::new()),
        held: Some(Vec::new()),
        dead_letters: Some(Vec::new()),
    }
}

fn told(overview: Overview) -> String {
    of(&Report { overview, queues: Vec::new(), ticks: Ticks::Known(Vec::new()) })
}

fn somebody(state: &str, routines: &str) -> Daemon {
    Daemon {
        instance: format!("{state}-host:7"),
        state: state.to_owned(),
        routines: Some(routines.to_owned()),
        started_at: at("2026-03-02T07:00:00Z"),
        seen_at: at("2026-03-02T07:00:00Z"),
    }
}

#[test]
fn an_empty_database_says_so_in_each_part() {
    let want = "leader    none: nothing is read, no tick is run\n\
                routines  none were ever in force\n\
                log       never read\n\
                \nno routine is paused\n\
                \nno item is open\n\
                \nnothing is held\n\
                \nno dead letters\n\
                \nno tick is to come\n";
    assert_eq!(told(nothing()), want);
}

#[test]
fn a_leader_which_is_gone_does_not_lead() {
    let daemons = vec![somebody("leader", "aa"), somebody("standby", "bb")];
    let since = at("2026-03-01T00:00:00Z");
    let set = Some(SetInForce { hash: "aa".to_owned(), since, routines: 3 });
    let led = Overview { led: true, daemons: daemons.clone(), set: set.clone(), ..nothing() };
    let text = told(led);
    assert!(text.starts_with("leader    leader-host:7, reported 1h 0m ago\n"), "{text}");
    assert!(text.contains("standby   standby-host:7, reported 1h 0m ago, with another set bb\n"), "{text}");
    assert!(text.contains("routines  3 in force since 2026-03-01T00:00:00Z, set aa\n"), "{text}");
    let gone = told(Overview { daemons, set, ..nothing() });
    assert!(gone.starts_with("leader    none"), "{gone}");
}

#[track_caller]
fn check_log(behind: Option<i64>, more: bool, since: Option<&str>, want: &str) {
    let read_at = Some(at("2026-03-02T07:59:55Z"));
    let state = LogState { read_at, behind, more, since: since.map(at) };
    assert_eq!(log(&state, at("2026-03-02T08:00:00Z")), want);
}

#[test]
fn the_log_is_read_or_so_far_behind() {
    check_log(Some(0), false, None, "read to its end; last read 5s ago");
    let since = Some("2026-03-02T07:58:00Z");
    check_log(Some(12), false, since, "12 events to be read, the oldest written 2m 0s ago; last read 5s ago");
    check_log(
        Some(10_000),
        true,
        since,
        "more than 10000 events to be read, the oldest written 2m 0s ago; last read 5s ago",
    );
    let unknown = "far behind: how far could not be found out in time; last read 5s ago";
    check_log(None, true, None, unknown);
}

#[test]
fn what_waits_is_a_table_and_what_cannot_be_counted_is_said() {
    let waiting = OpenItems {
        queue: "finance".to_owned(),
        state: "waiting".to_owned(),
        count: 3,
        due_at: Some(at("2026-03-02T07:59:00Z")),
    };
    let held = HeldCount {
        routine: "refunds".to_owned(),
        gate: "overlap".to_owned(),
        phase: "queued".to_owned(),
        count: 2,
        next_due_at: None,
        paused: false,
    };
    let stopped = HeldCount {
        routine: "digest".to_owned(),
        gate: "hours".to_owned(),
        phase: "accepted".to_owned(),
        next_due_at: Some(at("2026-03-02T08:00:03Z")),
        paused: true,
        ..held.clone()
    };
    let pause = Pause {
        routine: "digest".to_owned(),
        since: at("2026-03-01T00:00:00Z"),
        paused_by: "ann".to_owned(),
        reason: None,
    };
    let text = told(Overview {
        items: Some(vec![waiting]),
        held: Some(vec![stopped, held]),
        paused: vec![pause],
        dead_letters: None,
        ..nothing()
    });
    assert!(text.contains("finance  waiting     3      1m 0s ago\n"), "{text}");
    assert!(text.contains("refunds  overlap  queued    2      in its turn\n"), "{text}");
    assert!(text.contains("digest   hours    accepted  2      paused\n"), "{text}");
    assert!(text.contains("digest          2026-03-01T00:00:00Z  ann  -\n"), "{text}");
    assert!(text.contains("dead letters, count, newest: too many to be counted in time\n"), "{text}");
}

#[test]
fn ticks_which_are_not_shown_say_why() {
    let too_many = of(&Report { overview: nothing(), queues: Vec::new(), ticks: Ticks::TooMany });
    assert!(too_many.contains("\nnext ticks: not worked out for more than 10000 schedules; "), "{too_many}");
    let late = of(&Report { overview: nothing(), queues: Vec::new(), ticks: Ticks::NotInTime });
    assert!(late.ends_with("\nnext ticks: the schedules could not be read in time\n"), "{late}");
    // For machines both are null.
    let json = |ticks| {
        serde_json::to_value(Report { overview: nothing(), queues: Vec::new(), ticks }).unwrap()["ticks"]
            .clone()
    };
    assert_eq!(json(Ticks::TooMany), serde_json::Value::Null);
    assert_eq!(json(Ticks::NotInTime), serde_json::Value::Null);
    assert_eq!(json(Ticks::Known(Vec::new())), serde_json::json!([]));
}

#[test]
fn queues_which_are_paused_or_have_a_policy_are_told() {
    let state = |queue: &str, paused: Option<&str>, policy: &str| QueueState {
        queue: queue.to_owned(),
        paused_since: paused.map(|_| at("2026-03-02T07:00:00Z")),
        paused_by: paused.map(|_| "ann".to_owned()),
        pause_reason: paused.map(str::to_owned),
        policy: policy.to_owned(),
    };
    let queues = vec![
        state("finance", Some("year end"), ""),
        state("left", None, ""),
        state("mail", None, "at once 3"),
    ];
    let text = of(&Report { overview: nothing(), queues, ticks: Ticks::Known(Vec::new()) });
    let want = "queue    paused                                       policy\n\
                finance  since 2026-03-02T07:00:00Z by ann: year end  -\n\
                mail     -                                            at once 3\n";
    assert!(text.contains(want), "{text}");
}
