//! The corners of the calendar, by hand.

use super::support::{at, cron};
use hearken::rules::schedule::cron::Cron;

#[test]
fn a_day_which_a_month_does_not_have_does_not_come() {
    check("0 0 31 * *", "2026-01-31", &["2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31"]);
    check("0 0 31 * *", "2026-08-31", &["2026-10-31", "2026-12-31", "2027-01-31"]);
    check("0 0 30 * *", "2026-01-30", &["2026-03-30", "2026-04-30", "2026-05-30"]);
    check("0 0 29 * *", "2026-01-29", &["2026-03-29", "2026-04-29"]);
    check("0 0 29 * *", "2028-01-29", &["2028-02-29", "2028-03-29"]);
}

#[test]
fn l_is_the_end_of_each_month() {
    let ends = ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"];
    check("0 0 L * *", "2027-12-31", &ends);
    check("0 0 31,L * *", "2026-01-31", &["2026-02-28", "2026-03-31", "2026-04-30"]);
    // Both days restricted: the end of the month, and every Friday.
    check("0 0 L * FRI", "2026-04-20", &["2026-04-24", "2026-04-30", "2026-05-01", "2026-05-08"]);
}

#[test]
fn leap_days_come_in_leap_years() {
    check("0 0 29 2 *", "2088-01-01", &["2088-02-29", "2092-02-29", "2096-02-29", "2104-02-29"]);
    check("0 0 29 2 *", "1896-02-29", &["1904-02-29", "1908-02-29"]);
    check("0 0 29 2 *", "1996-02-29", &["2000-02-29", "2004-02-29"]);
    // The day after the 28th is the 1st of March, or not.
    check("0 0 28,29 2 *", "2027-01-01", &["2027-02-28", "2028-02-28", "2028-02-29", "2029-02-28"]);
}

/// Forty years is the longest anything can be away: the leap day which is a
/// Monday, across 2100.
#[test]
fn a_leap_day_on_a_certain_weekday_is_found_across_2100() {
    check("0 0 */28 2 MON#5", "2000-01-01", &["2016-02-29", "2044-02-29", "2072-02-29", "2112-02-29"]);
    check("0 0 * 2 FRI#5", "2026-01-01", &["2036-02-29", "2064-02-29", "2092-02-29", "2104-02-29"]);
}

#[test]
fn a_fifth_weekday_comes_in_months_which_have_five() {
    let fridays = ["2026-01-30", "2026-05-29", "2026-07-31", "2026-10-30", "2027-01-29"];
    check("0 0 * * 5#5", "2026-01-01", &fridays);
    check("0 0 * * SUN#5", "2027-01-01", &["2027-01-31", "2027-05-30", "2027-08-29"]);
    // The last one comes in all months.
    check("0 0 * * 5L", "2026-01-01", &["2026-01-30", "2026-02-27", "2026-03-27", "2026-04-24"]);
}

#[test]
fn both_day_fields_are_joined_as_vixie_did() {
    check("0 0 13 * FRI", "2026-02-01", &["2026-02-06", "2026-02-13", "2026-02-20", "2026-02-27"]);
    check("0 0 */13 * FRI", "2026-02-01", &["2026-02-27", "2026-03-27", "2026-05-01", "2026-08-14"]);
    check("0 0 1 2 */6", "2026-01-01", &["2026-02-01", "2031-02-01", "2032-02-01"]);
}

#[test]
fn a_year_ends_and_another_begins() {
    times("59 23 31 12 *", "2026-12-31T23:58:59Z", &["2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"]);
    times("59 59 23 31 12 *", "2026-12-31T23:59:59Z", &["2027-12-31T23:59:59Z"]);
    times("*/30 * * * * *", "2026-12-31T23:59:00Z", &["2026-12-31T23:59:30Z", "2027-01-01T00:00:00Z"]);
    times("@yearly", "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"]);
    times("0 0 1 1 *", "2026-12-31T23:59:59.999Z", &["2027-01-01T00:00:00Z"]);
}

#[test]
fn days_which_never_come_are_told_from_those_which_seldom_do() {
    let never = ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 4 */2", "0 0 */30 2 FRI#5", "0 0 */20 * MON#2"];
    for never in never {
        let error = Cron::parse(never).expect_err(never);
        assert!(error.message.starts_with("such a day never comes"), "{never}: {error}");
    }
    // The 1st of February; the 9th on a Monday; a leap day on a Friday.
    for seldom in ["0 0 */29 2 *", "0 0 */8 * MON#2", "0 0 */28 2 FRI#5"] {
        assert!(Cron::parse(seldom).is_ok(), "{seldom}");
    }
}

/// Compares the next days at midnight in UTC.
#[track_caller]
fn check(text: &str, after: &str, want: &[&str]) {
    let want: Vec<String> = want.iter().map(|day| format!("{day}T00:00:00Z")).collect();
    let want: Vec<&str> = want.iter().map(String::as_str).collect();
    times(text, &format!("{after}T00:00:00Z"), &want);
}

/// Compares the next ticks in UTC.
#[track_caller]
fn times(text: &str, after: &str, want: &[&str]) {
    let schedule = cron(text);
    let ticks = schedule.ticks_after(at(after)).take(want.len());
    let got: Vec<String> = ticks.map(|tick| tick.at.to_string()).collect();
    assert_eq!(got, want, "{text} after {after}");
}
