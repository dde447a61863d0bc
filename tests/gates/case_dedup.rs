//! By hand: dedup, its windows and its conflicts.

use super::table::check;

#[test]
fn forever_is_for_ever_and_a_missing_part_is_a_value() {
    check(
        "dedup = { key = [\"data.k\"] }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("1m", "b k=1", &["duplicate b: dedup #1"]),
            ("2m", "lease 1", &[]),
            ("3m", "finish 1", &[]),
            ("4m", "c k=1", &["duplicate c: dedup #1"]),
            ("5m", "d k=2", &["item #2 d"]),
            ("6m", "e", &["item #3 e"]),
            ("7m", "f", &["duplicate f: dedup #3"]),
            ("9000h", "g k=1", &["duplicate g: dedup #1"]),
        ],
    );
}

#[test]
fn a_window_which_slides_begins_with_its_owner() {
    check(
        "dedup = { key = [\"data.k\"], window = \"1h\" }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("59m", "b k=1", &["duplicate b: dedup #1"]),
            ("60m", "c k=1", &["item #2 c"]),
            ("119m", "d k=1", &["duplicate d: dedup #2"]),
            ("120m", "e k=1", &["item #3 e"]),
        ],
    );
}

/// A day in Berlin ends at 23:00 UTC, seventeen hours after the beginning.
#[test]
fn a_window_of_a_calendar_ends_with_its_slot() {
    check(
        "dedup = { key = [\"data.k\"], window = \"1d\", align = \"calendar\", tz = \"Europe/Berlin\" }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("1019m", "b k=1", &["duplicate b: dedup #1"]),
            ("1020m", "c k=1", &["item #2 c"]),
            ("1021m", "d k=1", &["duplicate d: dedup #2"]),
        ],
    );
}

#[test]
fn while_open_ends_when_the_item_is_done() {
    check(
        "dedup = { key = [\"data.k\"], window = \"while_open\" }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("1m", "b k=1", &["duplicate b: dedup #1"]),
            ("2m", "lease 1", &[]),
            ("3m", "c k=1", &["duplicate c: dedup #1"]),
            ("4m", "finish 1", &[]),
            ("5m", "d k=1", &["item #2 d"]),
        ],
    );
}

#[test]
fn a_waiting_item_takes_the_content_of_a_later_event() {
    check(
        "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"replace\" }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("1m", "b k=1", &["replaced b: dedup #1"]),
            ("2m", "c k=1 seq=500", &["duplicate c: dedup #1"]),
            ("3m", "lease 1", &[]),
            ("4m", "d k=1", &["held d: dedup"]),
            ("5m", "e k=1", &["replaced e: dedup #2"]),
            ("6m", "f k=1 seq=501", &["duplicate f: dedup #2"]),
            ("7m", "finish 1", &["item #2 e"]),
        ],
    )
    .items(&["#1 b Closed b", "#2 e Waiting e"]);
}

#[test]
fn with_other_windows_a_running_item_is_left_alone() {
    for window in ["forever", "1d"] {
        check(
            &format!("dedup = {{ key = [\"data.k\"], window = \"{window}\", on_conflict = \"replace\" }}"),
            &[
                ("0s", "a k=1", &["item #1 a"]),
                ("1m", "b k=1", &["replaced b: dedup #1"]),
                ("2m", "lease 1", &[]),
                ("3m", "c k=1", &["duplicate c: dedup #1"]),
                ("4m", "finish 1", &[]),
                ("5m", "d k=1", &["duplicate d: dedup #1"]),
            ],
        )
        .items(&["#1 b Closed b"]);
    }
}

#[test]
fn a_held_draft_takes_the_content_as_well() {
    check(
        "hours = { tz = \"UTC\", days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }\n\
         dedup = { key = [\"data.k\"], on_conflict = \"replace\" }",
        &[
            ("0s", "a k=1", &["held a: hours until 120m"]),
            ("1m", "b k=1", &["replaced b: dedup #1"]),
            ("3h", "", &["@120m item #1 b"]),
        ],
    )
    .items(&["#1 b Waiting b"]);
}

#[test]
fn what_is_appended_is_listed_in_the_order_of_arrival() {
    check(
        "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"append\" }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("1m", "b k=1", &["merged b: dedup #1"]),
            ("2m", "lease 1", &[]),
            ("3m", "c k=1", &["held c: dedup"]),
            ("4m", "d k=1", &["merged d: dedup #2"]),
            ("5m", "finish 1", &["item #2 c"]),
        ],
    )
    .items(&["#1 a Closed [a,b]", "#2 c Waiting [c,d]"]);
}

#[test]
fn no_more_than_a_thousand_are_appended() {
    let mut table = check("dedup = { key = [\"data.k\"], on_conflict = \"append\" }", &[]);
    assert_eq!(table.step("0s", "a k=1"), ["item #1 a"]);
    for _ in 0..999 {
        assert_eq!(table.step("1s", "b k=1"), ["merged b: dedup #1"]);
    }
    assert_eq!(table.step("1s", "c k=1"), ["duplicate c: dedup #1"]);
}

#[test]
fn batches_are_appended_whole() {
    check(
        "batch = { key = [\"data.k\"], max = 2, within = \"10m\" }\n\
         dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"append\" }",
        &[
            ("0s", "a k=1", &["held a: batch until 10m"]),
            ("1m", "b k=1", &["merged b: batch #1", "item #1 a"]),
            ("2m", "c k=1", &["held c: batch until 12m"]),
            ("3m", "d k=1", &["merged d: batch #2", "merged c: dedup #1"]),
        ],
    )
    .items(&["#1 a Waiting [a,b,c,d]"]);
}

#[test]
fn one_draft_follows_a_running_item() {
    check(
        "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"follow_up\" }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("1m", "b k=1", &["duplicate b: dedup #1"]),
            ("2m", "lease 1", &[]),
            ("3m", "c k=1", &["held c: dedup"]),
            ("4m", "d k=1", &["duplicate d: dedup ?"]),
            ("4m", "x k=2", &["item #3 x"]),
            ("5m", "finish 1", &["item #2 c"]),
            ("6m", "e k=1", &["duplicate e: dedup #2"]),
        ],
    );
}

/// The third comes too late for the first hour and would be the second of its
/// key in the second.
#[test]
fn dedup_is_asked_again_where_a_limit_puts_the_draft() {
    check(
        "dedup = { key = [\"data.k\"], window = \"1h\", align = \"calendar\", tz = \"UTC\" }\n\
         limit = { max = 2, per = \"1h\", align = \"calendar\", tz = \"UTC\", excess = \"delay\" }",
        &[
            ("0s", "a k=1", &["item #1 a"]),
            ("1m", "b k=2", &["item #2 b"]),
            ("2m", "c k=3", &["held c: limit until 60m"]),
            ("3m", "d k=3", &["duplicate d: ? #3"]),
            ("4m", "e k=1", &["duplicate e: dedup #1"]),
            ("5m", "f k=4", &["held f: limit until 60m"]),
            ("6m", "g k=5", &["held g: limit until 120m"]),
        ],
    );
}
