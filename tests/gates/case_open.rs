//! By hand: supersede and overlap.

use super::table::check;

#[test]
fn a_new_item_takes_the_place_of_those_which_wait() {
    check(
        "supersede = { key = [\"data.k\"] }",
        &[
            ("0m", "a k=1", &["item #1 a"]),
            ("1m", "x k=2", &["item #2 x"]),
            ("2m", "b k=1", &["superseded a: supersede #3", "item #3 b"]),
            ("3m", "lease 3", &[]),
            ("4m", "c k=1", &["item #4 c"]),
            ("5m", "d k=1", &["superseded c: supersede #5", "item #5 d"]),
        ],
    )
    .items(&[
        "#1 a Superseded a",
        "#2 x Waiting x",
        "#3 b Running b",
        "#4 c Superseded c",
        "#5 d Waiting d",
    ]);
}

#[test]
fn a_held_draft_gives_way_as_well() {
    let mut table = check(
        "hours = { tz = \"UTC\", from = \"08:00\", to = \"18:00\" }\nsupersede = {}",
        &[("0m", "a", &["held a: hours until 120m"])],
    );
    let mut lines = table.step("1m", "b");
    lines.sort();
    assert_eq!(lines, ["held b: hours until 120m", "superseded a: supersede #2"]);
    assert_eq!(table.held(), 1);
    assert_eq!(table.step("3h", ""), ["@120m item #2 b"]);
    table.items(&["#2 b Waiting b"]);
}

#[test]
fn what_does_not_come_to_be_takes_no_place() {
    check(
        "supersede = { key = [\"data.k\"] }\nlimit = { max = 1, per = \"1h\" }",
        &[("0m", "a k=1", &["item #1 a"]), ("1m", "b k=1", &["limited b: limit"])],
    )
    .items(&["#1 a Waiting a"]);
}

/// What gives way is not in the way of what comes in its place.
#[test]
fn what_is_superseded_is_not_open() {
    check(
        "supersede = { key = [\"data.k\"] }\noverlap = \"skip\"",
        &[
            ("0m", "a k=1", &["item #1 a"]),
            ("1m", "b k=2", &["overlap b: overlap #1"]),
            ("2m", "c k=1", &["superseded a: supersede #2", "item #2 c"]),
            ("3m", "lease 2", &[]),
            ("4m", "d k=1", &["overlap d: overlap #2"]),
        ],
    );
}

#[test]
fn overlap_skips_while_one_is_open_or_held() {
    check(
        "overlap = \"skip\"",
        &[
            ("0m", "a", &["item #1 a"]),
            ("1m", "b", &["overlap b: overlap #1"]),
            ("2m", "lease 1", &[]),
            ("3m", "c", &["overlap c: overlap #1"]),
            ("4m", "finish 1", &[]),
            ("5m", "d", &["item #2 d"]),
        ],
    );
    check(
        "hours = { tz = \"UTC\", from = \"08:00\", to = \"18:00\" }\noverlap = \"skip\"",
        &[("0m", "a", &["held a: hours until 120m"]), ("1m", "b", &["overlap b: overlap #1"])],
    );
}

#[test]
fn overlap_queues_and_lets_go_one_at_a_time() {
    check(
        "overlap = \"queue\"",
        &[
            ("0m", "a", &["item #1 a"]),
            ("1m", "b", &["held b: overlap"]),
            ("2m", "c", &["held c: overlap"]),
            ("3m", "lease 1", &[]),
            ("4m", "d", &["held d: overlap"]),
            ("5m", "finish 1", &["item #2 b"]),
            ("6m", "lease 2", &[]),
            ("7m", "finish 2", &["item #3 c"]),
            ("8m", "e", &["held e: overlap"]),
        ],
    );
}

#[test]
fn no_more_than_a_hundred_queue() {
    let mut table = check("overlap = \"queue\"", &[]);
    assert_eq!(table.step("0m", "a"), ["item #1 a"]);
    for _ in 0..100 {
        assert_eq!(table.step("1m", "b"), ["held b: overlap"]);
    }
    let lines = table.step("1m", "c");
    assert!(lines.len() == 1 && lines[0].starts_with("overlap c: overlap #"), "{lines:?}");
    assert_eq!(table.held(), 100);
}

#[test]
fn a_follow_up_which_overlaps_waits_for_both() {
    check(
        "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"replace\" }\n\
         overlap = \"queue\"",
        &[
            ("0m", "a k=1", &["item #1 a"]),
            ("1m", "b k=2", &["held b: overlap"]),
            ("2m", "lease 1", &[]),
            ("3m", "c k=1", &["held c: ?"]),
            ("4m", "d k=2", &["replaced d: dedup #2"]),
            ("5m", "finish 1", &["item #2 d"]),
            ("6m", "lease 2", &[]),
            ("7m", "finish 2", &["item #3 c"]),
        ],
    );
}

/// A follow-up which a limit delays comes when it is due, though the item it
/// followed was done long before.
#[test]
fn a_follow_up_comes_at_its_time_if_nothing_is_open_any_more() {
    check(
        "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"follow_up\" }\n\
         limit = { max = 1, per = \"1h\", excess = \"delay\" }",
        &[
            ("0m", "a k=1", &["item #1 a"]),
            ("1m", "lease 1", &[]),
            ("2m", "b k=1", &["held b: limit until 60m"]),
            ("3m", "finish 1", &[]),
            ("2h", "", &["@60m item #2 b"]),
        ],
    );
}
