//! By hand: limits.

use super::table::check;

#[test]
fn no_window_holds_more_than_may_be() {
    check(
        "limit = { max = 2, per = \"1h\" }",
        &[
            ("0m", "a", &["item #1 a"]),
            ("10m", "b", &["item #2 b"]),
            ("59m", "c", &["limited c: limit"]),
            ("60m", "d", &["item #3 d"]),
            ("61m", "e", &["limited e: limit"]),
            ("70m", "f", &["item #4 f"]),
            ("71m", "g", &["limited g: limit"]),
        ],
    );
}

#[test]
fn keys_are_counted_apart() {
    check(
        "limit = { key = [\"data.k\"], max = 1, per = \"1h\" }",
        &[
            ("0m", "a k=1", &["item #1 a"]),
            ("1m", "b k=2", &["item #2 b"]),
            ("2m", "c k=1", &["limited c: limit"]),
        ],
    );
}

#[test]
fn excess_may_come_later() {
    check(
        "limit = { max = 1, per = \"1h\", excess = \"delay\" }",
        &[
            ("0m", "a", &["item #1 a"]),
            ("1m", "b", &["held b: limit until 60m"]),
            ("2m", "c", &["held c: limit until 120m"]),
            ("61m", "d", &["@60m item #2 b", "held d: limit until 180m"]),
            ("5h", "e", &["@120m item #3 c", "@180m item #4 d", "item #5 e"]),
        ],
    );
}

#[test]
fn what_would_come_too_late_is_dropped() {
    check(
        "limit = { max = 1, per = \"1h\", excess = \"delay\", max_delay = \"90m\" }",
        &[
            ("0m", "a", &["item #1 a"]),
            ("1m", "b", &["held b: limit until 60m"]),
            ("1m", "c", &["limited c: limit"]),
            ("30m", "d", &["held d: limit until 120m"]),
        ],
    );
}

#[test]
fn slots_of_a_calendar_begin_afresh() {
    check(
        "limit = { max = 1, per = \"1d\", align = \"calendar\", tz = \"Europe/Berlin\" }",
        &[
            ("0m", "a", &["item #1 a"]),
            ("1019m", "b", &["limited b: limit"]),
            ("1020m", "c", &["item #2 c"]),
            ("1021m", "d", &["limited d: limit"]),
        ],
    );
}

/// The beginning is six o'clock UTC: the next day begins after eighteen hours.
#[test]
fn all_limits_must_have_room_at_once() {
    check(
        "limit = [ { max = 1, per = \"10m\", excess = \"delay\" }, \
                   { max = 2, per = \"1d\", align = \"calendar\", tz = \"UTC\", excess = \"delay\" } ]",
        &[
            ("0m", "a", &["item #1 a"]),
            ("0m", "b", &["held b: limit until 10m"]),
            ("0m", "c", &["held c: limit until 1080m"]),
            ("0m", "d", &["held d: limit until 1090m"]),
            ("0m", "e", &["held e: limit until 2520m"]),
        ],
    );
}

#[test]
fn the_event_may_say_how_many_and_how_many_were_used() {
    let flow = "limit = { max = { get = \"data.max\", default = 2 }, \
                used = { get = \"data.used\", default = 0 }, per = \"1h\" }";
    check(
        flow,
        &[
            ("0m", "a max=3 used=2", &["item #1 a"]),
            ("0m", "b max=3 used=2", &["limited b: limit"]),
            ("0m", "c max=0", &["limited c: limit"]),
            ("0m", "d", &["item #2 d"]),
            ("0m", "e", &["limited e: limit"]),
            ("0m", "f max=5 used=2", &["item #3 f"]),
        ],
    );
}

#[test]
fn others_uses_in_a_calendar_count_in_the_slot_of_now() {
    check(
        "limit = { max = 2, used = { get = \"data.used\", default = 0 }, per = \"1h\", align = \"calendar\", \
         tz = \"UTC\", excess = \"delay\" }",
        &[
            ("0m", "a used=2", &["held a: limit until 60m"]),
            ("1m", "b used=1", &["item #2 b"]),
            ("61m", "c used=1", &["@60m item #1 a", "held c: limit until 120m"]),
        ],
    );
}

#[test]
fn a_use_counts_where_the_draft_is_due() {
    let hours = "hours = { tz = \"UTC\", from = \"07:00\", to = \"18:00\", \
                 unless = { \"data.p\" = { gte = 9 } } }\n";
    check(
        &format!("{hours}limit = {{ max = 1, per = \"1h\" }}"),
        &[
            ("0m", "a", &["held a: hours until 60m"]),
            ("1m", "b", &["limited b: limit"]),
            // Within an hour before it.
            ("30m", "c p=9", &["limited c: limit"]),
        ],
    );
    check(
        &format!("{hours}limit = {{ max = 1, per = \"1h\" }}"),
        &[("0m", "a p=9", &["item #1 a"]), ("0m", "b", &["held b: hours until 60m"])],
    );
}

/// Friday's is spent, the weekend is closed, and the clocks go forward.
#[test]
fn a_draft_which_is_delayed_keeps_the_hours() {
    check(
        "hours = { tz = \"Europe/Berlin\", days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }\n\
         limit = { max = 1, per = \"1d\", align = \"calendar\", tz = \"Europe/Berlin\", excess = \"delay\" }",
        &[
            ("120m", "a", &["item #1 a"]),
            ("121m", "b", &["held b: ? until 4320m"]),
            ("122m", "c", &["held c: ? until 5760m"]),
        ],
    );
}

#[test]
fn what_came_to_nothing_is_not_a_use() {
    check(
        "dedup = { key = [\"data.k\"] }\nlimit = { max = 2, per = \"1h\" }\noverlap = \"skip\"",
        &[
            ("0m", "a k=1", &["item #1 a"]),
            ("1m", "b k=1", &["duplicate b: dedup #1"]),
            ("2m", "c k=2", &["overlap c: overlap #1"]),
            ("3m", "lease 1", &[]),
            ("4m", "finish 1", &[]),
            // Neither the key nor a use was taken by `c`.
            ("5m", "d k=2", &["item #2 d"]),
            ("6m", "e k=3", &["limited e: limit"]),
        ],
    );
}
