//! Changes of the clock. The expected moments were worked out by hand from the
//! zones' rules; those of each zone stand above its tests.

use super::super::zone::parse_zone;
use super::super::{Schedule, Timing};
use super::*;

const AFTER: GapPolicy = GapPolicy::After;
const SKIP: GapPolicy = GapPolicy::Skip;
const FIRST: RepeatPolicy = RepeatPolicy::First;
const SECOND_PASS: RepeatPolicy = RepeatPolicy::Second;
const BOTH: RepeatPolicy = RepeatPolicy::Both;

// New York, 2026: 8 March, 07:00Z, from −5 to −4, 02:00 becomes 03:00;
// 1 November, 06:00Z, from −4 to −5, 02:00 becomes 01:00.

#[test]
fn new_york_goes_forward() {
    let zone = Case::new("America/New_York", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
    zone.check("30 2 * * *", AFTER, FIRST, &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]);
    zone.check("30 2 * * *", SKIP, FIRST, &["2026-03-09T06:30:00Z"]);
    zone.check("0 2 8 3 *", AFTER, FIRST, &["2026-03-08T07:00:00Z"]);
    // Outside the gap nothing is special.
    zone.check("59 1 8 3 *", AFTER, FIRST, &["2026-03-08T06:59:00Z"]);
    zone.check("0 3 8 3 *", SKIP, FIRST, &["2026-03-08T07:00:00Z"]);
}

#[test]
fn several_hours_are_a_fixed_schedule() {
    let zone = Case::new("America/New_York", "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z");
    zone.check("0 2,14 * * *", AFTER, FIRST, &["2026-03-08T07:00:00Z", "2026-03-08T18:00:00Z"]);
    zone.check("0 2,14 * * *", SKIP, FIRST, &["2026-03-08T18:00:00Z"]);
    // At 02:00 in November the repeated hour is over.
    let zone = Case::new("America/New_York", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    zone.check("0 2,14 * * *", AFTER, FIRST, &["2026-11-01T07:00:00Z", "2026-11-01T19:00:00Z"]);
    let both = ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T18:00:00Z"];
    zone.check("0 1,13 * * *", AFTER, BOTH, &both);
}

#[test]
fn all_that_falls_into_a_gap_is_one_tick() {
    let zone = Case::new("America/New_York", "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z");
    zone.check("0,20,40 2 * * *", AFTER, FIRST, &["2026-03-08T07:00:00Z"]);
    // 03:00 is that moment too.
    zone.check("0,30 2,3 * * *", AFTER, FIRST, &["2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z"]);
    zone.check("0,30 2,3 * * *", SKIP, FIRST, &["2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z"]);
}

#[test]
fn new_york_goes_back() {
    let zone = Case::new("America/New_York", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    zone.check("30 1 * * *", AFTER, FIRST, &["2026-11-01T05:30:00Z"]);
    zone.check("30 1 * * *", AFTER, SECOND_PASS, &["2026-11-01T06:30:00Z"]);
    zone.check("30 1 * * *", AFTER, BOTH, &["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"]);
    // Before and after the repeated hour there is one of each.
    zone.check("59 0 * * *", AFTER, BOTH, &["2026-11-01T04:59:00Z"]);
    zone.check("0 2 * * *", AFTER, BOTH, &["2026-11-01T07:00:00Z"]);
    // Both passes in order, not each time twice in a row.
    let passes =
        ["2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z"];
    zone.check("0,30 1 * * *", AFTER, BOTH, &passes);
}

#[test]
fn a_wildcard_follows_elapsed_time() {
    let zone = Case::new("America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T07:15:00Z");
    let want = [
        "2026-11-01T05:45:00Z",
        "2026-11-01T06:00:00Z",
        "2026-11-01T06:15:00Z",
        "2026-11-01T06:30:00Z",
        "2026-11-01T06:45:00Z",
        "2026-11-01T07:00:00Z",
        "2026-11-01T07:15:00Z",
    ];
    zone.check("*/15 * * * *", AFTER, FIRST, &want);
    zone.check("*/15 * * * *", SKIP, SECOND_PASS, &want);
    let zone = Case::new("America/New_York", "2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z");
    let want =
        ["2026-03-08T06:45:00Z", "2026-03-08T07:00:00Z", "2026-03-08T07:15:00Z", "2026-03-08T07:30:00Z"];
    zone.check("*/15 * * * *", AFTER, FIRST, &want);
}

#[test]
fn a_wildcard_has_nothing_to_move() {
    let zone = Case::new("America/New_York", "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z");
    zone.check("*/15 2 * * *", AFTER, FIRST, &[]);
    let zone = Case::new("America/New_York", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    let twice =
        ["2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z"];
    zone.check("*/30 1 * * *", AFTER, FIRST, &twice);
}

#[test]
fn seconds_go_through_a_change() {
    let zone = Case::new("America/New_York", "2026-03-08T06:59:50Z", "2026-03-08T07:00:05Z");
    let want = ["2026-03-08T06:59:55Z", "2026-03-08T07:00:00Z", "2026-03-08T07:00:05Z"];
    zone.check("*/5 * * * * *", AFTER, FIRST, &want);
    // A fixed one: every ten seconds of 01:59 and 02:00.
    zone.check("*/10 59,0 1,2 * * *", AFTER, FIRST, &["2026-03-08T07:00:00Z"]);
}

// Berlin, 2026: 29 March, 01:00Z, from +1 to +2, 02:00 becomes 03:00;
// 25 October, 01:00Z, from +2 to +1, 03:00 becomes 02:00.

#[test]
fn berlin() {
    let zone = Case::new("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    zone.check("30 2 * * *", AFTER, FIRST, &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    zone.check("30 2 * * *", SKIP, FIRST, &["2026-03-30T00:30:00Z"]);
    zone.check("0 3 * * *", AFTER, FIRST, &["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]);
    let zone = Case::new("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    zone.check("30 2 * * *", AFTER, FIRST, &["2026-10-25T00:30:00Z"]);
    zone.check("30 2 * * *", AFTER, SECOND_PASS, &["2026-10-25T01:30:00Z"]);
    zone.check("30 2 * * *", AFTER, BOTH, &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]);
    zone.check("0 3 * * *", AFTER, BOTH, &["2026-10-25T02:00:00Z"]);
    zone.check("0 2,14 * * *", AFTER, FIRST, &["2026-10-25T00:00:00Z"]);
}

// Lord Howe, 2026: half an hour. 4 April, 15:00Z, from +11 to +10:30, 02:00
// becomes 01:30; 3 October, 15:30Z, from +10:30 to +11, 02:00 becomes 02:30.

#[test]
fn lord_howe_changes_by_half_an_hour() {
    let zone = Case::new("Australia/Lord_Howe", "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z");
    zone.check("45 1 * * *", AFTER, FIRST, &["2026-04-04T14:45:00Z"]);
    zone.check("45 1 * * *", AFTER, SECOND_PASS, &["2026-04-04T15:15:00Z"]);
    zone.check("45 1 * * *", AFTER, BOTH, &["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"]);
    zone.check("15 1 * * *", AFTER, BOTH, &["2026-04-04T14:15:00Z"]);
    let zone = Case::new("Australia/Lord_Howe", "2026-04-04T13:30:00Z", "2026-04-04T16:40:00Z");
    let hours = ["2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"];
    zone.check("0 * * * *", AFTER, FIRST, &hours);
    let zone = Case::new("Australia/Lord_Howe", "2026-10-03T15:00:00Z", "2026-10-03T16:00:00Z");
    zone.check("15 2 * * *", AFTER, FIRST, &["2026-10-03T15:30:00Z"]);
    zone.check("15 2 * * *", SKIP, FIRST, &[]);
    let quarters =
        ["2026-10-03T15:15:00Z", "2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z", "2026-10-03T16:00:00Z"];
    zone.check("*/15 * * * *", AFTER, FIRST, &quarters);
}

// Casablanca, 2025: back for Ramadan. 23 February, 02:00Z, from +1 to 0, 03:00
// becomes 02:00; 6 April, 02:00Z, from 0 to +1, 02:00 becomes 03:00.

#[test]
fn casablanca_goes_back_for_ramadan() {
    let zone = Case::new("Africa/Casablanca", "2025-02-23T00:00:00Z", "2025-02-24T00:00:00Z");
    zone.check("30 2 * * *", AFTER, FIRST, &["2025-02-23T01:30:00Z"]);
    zone.check("30 2 * * *", AFTER, SECOND_PASS, &["2025-02-23T02:30:00Z"]);
    let zone = Case::new("Africa/Casablanca", "2025-04-06T00:00:00Z", "2025-04-07T00:00:00Z");
    zone.check("30 2 * * *", AFTER, FIRST, &["2025-04-06T02:00:00Z"]);
    zone.check("30 2 * * *", SKIP, FIRST, &[]);
}

// Apia, 2011: 30 December, 10:00Z, from −10 to +14: 30 December did not exist.

#[test]
fn apia_skips_a_day() {
    let zone = Case::new("Pacific/Apia", "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z");
    let want =
        ["2011-12-29T19:30:00Z", "2011-12-30T10:00:00Z", "2011-12-30T19:30:00Z", "2011-12-31T19:30:00Z"];
    zone.check("30 9 * * *", AFTER, FIRST, &want);
    zone.check("30 9 * * *", SKIP, FIRST, &["2011-12-29T19:30:00Z", "2011-12-30T19:30:00Z", want[3]]);
    zone.check("0 0,6,12,18 30 12 *", AFTER, FIRST, &["2011-12-30T10:00:00Z"]);
    zone.check("0 * 30 12 *", AFTER, FIRST, &[]);
    // The midnight which is left out and the next one are one moment.
    let midnights = ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"];
    zone.check("0 0 * * *", AFTER, FIRST, &midnights);
    zone.check("0 0 * * *", SKIP, FIRST, &midnights);
}

// Kathmandu, 1986: 31 December 1985, 18:30Z, from +5:30 to +5:45, 00:00 becomes
// 00:15. No daylight saving since.

#[test]
fn kathmandu_moved_by_a_quarter() {
    let zone = Case::new("Asia/Kathmandu", "1985-12-31T00:00:00Z", "1986-01-02T00:00:00Z");
    zone.check("5 0 * * *", AFTER, FIRST, &["1985-12-31T18:30:00Z", "1986-01-01T18:20:00Z"]);
    zone.check("5 0 * * *", SKIP, FIRST, &["1986-01-01T18:20:00Z"]);
    let zone = Case::new("Asia/Kathmandu", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z");
    zone.check("0 9 * * *", AFTER, FIRST, &["2026-03-01T03:15:00Z"]);
}

// Dublin: winter time is the exception there, and from 1968 to 1971 there was
// none. 2026: 29 March, 01:00Z, from 0 to +1, 01:00 becomes 02:00; 25 October,
// 01:00Z, from +1 to 0, 02:00 becomes 01:00.

#[test]
fn dublin_saves_daylight_backwards() {
    let zone = Case::new("Europe/Dublin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    zone.check("30 1 * * *", AFTER, FIRST, &["2026-03-29T01:00:00Z"]);
    let zone = Case::new("Europe/Dublin", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    zone.check("30 1 * * *", AFTER, FIRST, &["2026-10-25T00:30:00Z"]);
    zone.check("30 1 * * *", AFTER, SECOND_PASS, &["2026-10-25T01:30:00Z"]);
    let zone = Case::new("Europe/Dublin", "1970-01-15T00:00:00Z", "1970-01-16T00:00:00Z");
    zone.check("0 9 * * *", AFTER, FIRST, &["1970-01-15T08:00:00Z"]);
}

// São Paulo, 2018: midnight itself. 18 February, 02:00Z, from −2 to −3, 00:00
// becomes 23:00 of the day before; 4 November, 03:00Z, from −3 to −2, 00:00
// becomes 01:00.

#[test]
fn sao_paulo_changes_at_midnight() {
    let zone = Case::new("America/Sao_Paulo", "2018-02-17T12:00:00Z", "2018-02-18T12:00:00Z");
    zone.check("30 23 17 2 *", AFTER, BOTH, &["2018-02-18T01:30:00Z", "2018-02-18T02:30:00Z"]);
    zone.check("0 0 * * *", AFTER, BOTH, &["2018-02-18T03:00:00Z"]);
    let zone = Case::new("America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T12:00:00Z");
    zone.check("@daily", AFTER, FIRST, &["2018-11-04T03:00:00Z"]);
    zone.check("@daily", SKIP, FIRST, &[]);
}

// Troll, 2026: two hours. 29 March, 01:00Z, from 0 to +2, 01:00 becomes 03:00;
// 25 October, 01:00Z, from +2 to 0, 03:00 becomes 01:00.

#[test]
fn troll_changes_by_two_hours() {
    let zone = Case::new("Antarctica/Troll", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    zone.check("30 1,2 * * *", AFTER, FIRST, &["2026-03-29T01:00:00Z"]);
    let zone = Case::new("Antarctica/Troll", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    zone.check("30 1,2 * * *", AFTER, FIRST, &["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z"]);
    zone.check("30 1,2 * * *", AFTER, SECOND_PASS, &["2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]);
}

#[test]
fn a_walk_may_begin_anywhere() {
    let zone = |after| Case::new("America/New_York", after, "2026-11-01T12:00:00Z");
    // Between the two passes, and inside the second.
    zone("2026-11-01T05:30:00Z").check("30 1 * * *", AFTER, BOTH, &["2026-11-01T06:30:00Z"]);
    zone("2026-11-01T06:15:00Z").check("30 1 * * *", AFTER, FIRST, &[]);
    zone("2026-11-01T06:29:59.999Z").check("30 1 * * *", AFTER, BOTH, &["2026-11-01T06:30:00Z"]);
    zone("2026-11-01T06:30:00.001Z").check("30 1 * * *", AFTER, BOTH, &[]);
    // At a gap's edge, and within the second before it.
    let zone = |after| Case::new("America/New_York", after, "2026-03-08T12:00:00Z");
    zone("2026-03-08T07:00:00Z").check("30 2 * * *", AFTER, FIRST, &[]);
    zone("2026-03-08T06:59:59.5Z").check("30 2 * * *", AFTER, FIRST, &["2026-03-08T07:00:00Z"]);
}

#[test]
fn notes_say_what_the_clock_did() {
    note(
        "America/New_York",
        "30 2 * * *",
        "2026-03-08T00:00:00Z",
        "02:30 does not exist on this day, moved to 03:00",
    );
    note(
        "America/New_York",
        "0 2,3 * * *",
        "2026-03-08T00:00:00Z",
        "02:00 does not exist on this day, one tick with 03:00",
    );
    note("America/New_York", "30 1 * * *", "2026-11-01T00:00:00Z", "01:30 exists twice, first of two");
    note("America/New_York", "*/30 * * * *", "2026-11-01T06:00:00Z", "01:30 exists twice, second of two");
    note(
        "Pacific/Apia",
        "30 9 * * *",
        "2011-12-30T00:00:00Z",
        "2011-12-30 09:30 does not exist, moved to 2011-12-31 00:00",
    );
    note(
        "Europe/Berlin",
        "30 30 2 * * *",
        "2026-03-29T00:00:00Z",
        "02:30:30 does not exist on this day, moved to 03:00",
    );
    note("Europe/Berlin", "30 4 * * *", "2026-03-29T00:00:00Z", "none");
}

/// A zone and a half-open window.
struct Case {
    tz: TimeZone,
    after: Timestamp,
    until: Timestamp,
}

impl Case {
    fn new(zone: &str, after: &str, until: &str) -> Self {
        let tz = parse_zone(zone).unwrap();
        Self { tz, after: after.parse().unwrap(), until: until.parse().unwrap() }
    }

    /// Compares the ticks of the window, in UTC.
    #[track_caller]
    fn check(&self, cron: &str, gap: GapPolicy, repeat: RepeatPolicy, want: &[&str]) {
        let timing = Timing::Cron(Cron::parse(cron).unwrap());
        let dst = DstPolicy { gap, repeat };
        let schedule = Schedule { tz: self.tz.clone(), dst, ..Schedule::new(timing) };
        let ticks = schedule.ticks_after(self.after).take_while(|tick| tick.at <= self.until);
        let got: Vec<String> = ticks.map(|tick| tick.at.to_string()).collect();
        assert_eq!(got, want, "{cron} {gap} {repeat}");
    }
}

/// Compares the note of the first tick.
#[track_caller]
fn note(zone: &str, cron: &str, after: &str, want: &str) {
    let timing = Timing::Cron(Cron::parse(cron).unwrap());
    let schedule = Schedule { tz: parse_zone(zone).unwrap(), ..Schedule::new(timing) };
    let tick = schedule.next_after(after.parse().unwrap()).unwrap();
    assert_eq!(tick.note.map_or_else(|| "none".to_owned(), |note| note.to_string()), want);
}
