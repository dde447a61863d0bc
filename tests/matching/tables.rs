//! Cases by hand: conditions, what meets them and what does not.

use super::support::{read, shown};
use hearken::rules::event::Event;
use hearken::rules::matcher::Matcher;
use hearken::rules::name::SourceName;
use hearken::rules::routine::{Routine, RoutineSet};
use hearken::rules::when::Verdict;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Which of these `data` meet the conditions, and which do not.
#[track_caller]
pub fn data(when: &str, yes: &[&str], no: &[&str]) {
    let routine = routine(when);
    for data in yes {
        judge(&routine, when, &event(data, ""), Holds::Yes);
    }
    for data in no {
        judge(&routine, when, &event(data, ""), Holds::No);
    }
}

/// The same for pairs of `data` and `old`, which is none if it is empty.
#[track_caller]
pub fn rows(when: &str, yes: &[(&str, &str)], no: &[(&str, &str)]) {
    let routine = routine(when);
    for (data, old) in yes {
        judge(&routine, when, &event(data, old), Holds::Yes);
    }
    for (data, old) in no {
        judge(&routine, when, &event(data, old), Holds::No);
    }
}

/// The first clause which fails, and those of its alternatives.
#[track_caller]
pub fn because(when: &str, data: &str, want: &str, alternatives: &[&str]) {
    let event = event(data, "");
    let Verdict::NoMatch(failure) = routine(when).when.eval(&event) else {
        panic!("{when}\nmatches {}", shown(&event));
    };
    let inner = failure.alternatives.iter().map(|failure| failure.because.as_str()).collect::<Vec<_>>();
    assert_eq!((failure.because.as_str(), &inner[..]), (want, alternatives), "{when}\n{}", shown(&event));
}

/// The event all cases start from.
#[track_caller]
pub fn event(data: &str, old: &str) -> Event {
    let value =
        |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Event {
        from: SourceName::log(),
        seq: 1,
        id: "e-1".to_owned(),
        origin: "shop".to_owned(),
        kind: "order.placed".to_owned(),
        subject: None,
        time: Timestamp::UNIX_EPOCH,
        tenant: Some("acme".to_owned()),
        data: value(data),
        old: (!old.is_empty()).then(|| value(old)),
        meta: json!({}),
        chain: Vec::new(),
    }
}

/// Whether conditions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
}

#[track_caller]
fn routine(when: &str) -> Arc<Routine> {
    let text = format!("title = \"r\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n[when]\n{when}\n");
    Arc::new(read("r", &text).unwrap_or_else(|problems| panic!("{problems}")))
}

#[track_caller]
fn judge(routine: &Arc<Routine>, when: &str, event: &Event, want: Holds) {
    let told = |who: &str| format!("{who} of {when}\nfor {}", shown(event));
    let holds = |does: bool| if does { Holds::Yes } else { Holds::No };
    assert_eq!(holds(routine.when.matches(event)), want, "{}", told("`matches`"));
    let is_match = routine.when.eval(event) == Verdict::Match;
    assert_eq!(holds(is_match), want, "{}", told("`eval`"));
    let matcher = Matcher::new(Arc::new(RoutineSet::new(vec![routine.clone()])));
    assert_eq!(holds(matcher.matches(event) == [0]), want, "{}", told("the matcher"));
}
