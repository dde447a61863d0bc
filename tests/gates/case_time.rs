//! By hand: hours, and the order of things at one moment.

use super::engine::{Engine, event_with};
use super::table::{at, check};
use serde_json::json;

const OFFICE: &str = "hours = { tz = \"Europe/Berlin\", days = \"mon-fri\", from = \"08:00\", to = \"18:00\"";

/// The beginning is seven o'clock of a Friday in Berlin, and the clocks go
/// forward on Sunday.
#[test]
fn drafts_wait_for_the_hours() {
    check(
        &format!("{OFFICE} }}"),
        &[
            ("0s", "a", &["held a: hours until 60m"]),
            ("59m", "b", &["held b: hours until 60m"]),
            ("60m", "c", &["@60m item #1 a", "@60m item #2 b", "item #3 c"]),
            ("659m", "d", &["item #4 d"]),
            ("660m", "e", &["held e: hours until 4320m"]),
            ("4320m", "", &["@4320m item #5 e"]),
        ],
    );
}

#[test]
fn outside_may_be_out() {
    check(
        &format!("{OFFICE}, outside = \"drop\" }}"),
        &[("0s", "a", &["outside_hours a: hours"]), ("60m", "b", &["item #1 b"])],
    );
}

#[test]
fn the_urgent_pass() {
    check(
        &format!("{OFFICE}, unless = {{ \"data.p\" = {{ gte = 9 }} }} }}"),
        &[("0s", "a p=8", &["held a: hours until 60m"]), ("1m", "b p=9", &["item #2 b"])],
    );
}

#[test]
fn the_event_may_name_the_zone_and_the_times() {
    let flow = "hours = { tz = { get = \"data.tz\", default = \"UTC\" }, \
                from = { get = \"data.from\", default = \"08:00\" }, to = \"18:00\" }";
    check(
        flow,
        &[
            ("0s", "a", &["held a: hours until 120m"]),
            ("0s", "b tz=Europe/Berlin", &["held b: hours until 60m"]),
            ("0s", "c from=06:00", &["item #3 c"]),
            ("0s", "d tz=Asia/Tokyo", &["item #4 d"]),
        ],
    );
}

#[test]
fn a_night_belongs_to_the_day_it_begins_on() {
    check(
        "hours = { tz = \"UTC\", open = [ { days = \"fri\", from = \"22:00\", to = \"02:00\" } ] }",
        &[
            ("0s", "a", &["held a: hours until 960m"]),
            ("960m", "b", &["@960m item #1 a", "item #2 b"]),
            ("1199m", "c", &["item #3 c"]),
            ("1200m", "d", &["held d: hours until 11040m"]),
        ],
    );
}

/// Late timers fire at the moment somebody is on duty, and before the events
/// which are looked at then.
#[test]
fn what_was_due_goes_before_what_is_new() {
    check(
        "debounce = { key = [\"data.k\"], quiet = \"1m\", max_wait = \"5m\" }\n\
         limit = { max = 1, per = \"1h\" }",
        &[
            ("0s", "a k=1", &["held a: debounce until 1m"]),
            ("60s", "b k=1", &["@1m item #1 a", "held b: debounce until 2m"]),
            ("2m", "", &["@2m limited b: limit"]),
        ],
    );
}

#[test]
fn a_late_release_is_judged_by_the_time_it_happens() {
    let text = "title = \"Late\"\n[on.event]\n[flow]\ndebounce = { quiet = \"1m\", max_wait = \"5m\" }\n\
                hours = { tz = \"UTC\", from = \"06:00\", to = \"07:00\", outside = \"drop\" }\n\
                [item]\nqueue = \"q\"\ntitle = \"t\"\n";
    let mut engine = Engine::read(&[text.to_owned()]).unwrap_or_else(|problems| panic!("{problems}"));
    let event = event_with(1, json!({}), vec![], at(0));
    assert_eq!(engine.offer(0, &event, at(0)).len(), 1);
    assert_eq!(engine.state.next_due(), Some(at(1)));
    let notes = engine.settle(at(90));
    let rulings = notes.iter().map(|note| note.ruling.as_str()).collect::<Vec<_>>();
    assert_eq!((rulings, engine.state.held().count()), (vec!["outside_hours"], 0));
}

/// Ticks pass the same gates; the jitter of a tick alone holds nothing.
#[test]
fn jitter_alone_holds_nothing() {
    let text = "title = \"Ticks\"\n[on.schedule]\nevery = \"1h\"\njitter = \"10m\"\n\
                [flow]\noverlap = \"skip\"\n[item]\nqueue = \"q\"\ntitle = \"tick\"\n";
    let mut engine = Engine::read(&[text.to_owned()]).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(engine.tick(0, at(0), at(0)).is_empty());
    let due = engine.state.items().map(|item| item.due_at).collect::<Vec<_>>();
    assert!(due.len() == 1 && at(0) <= due[0] && due[0] <= at(10), "{due:?}");
    assert_eq!(engine.state.held().count(), 0);
    let notes = engine.tick(0, at(60), at(60));
    assert!(notes.len() == 1 && notes[0].ruling == "overlap" && notes[0].met == Some(1), "{notes:?}");
}
