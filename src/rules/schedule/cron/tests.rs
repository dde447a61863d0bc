//! What expressions mean, and what is said about those which mean nothing.

use super::*;

#[test]
fn five_fields_have_no_seconds() {
    check("0 9 * * MON", "2026-03-01T00:00:00", &["2026-03-02T09:00:00", "2026-03-09T09:00:00"]);
    check("*/15 9-10 * * *", "2026-03-01T09:40:00", &["2026-03-01T09:45:00", "2026-03-01T10:00:00"]);
    check("0 9 * * *", "2026-03-01T08:59:59", &["2026-03-01T09:00:00"]);
    check("0 9 * * *", "2026-03-01T09:00:00", &["2026-03-02T09:00:00"]);
}

#[test]
fn six_fields_begin_with_seconds() {
    check("*/20 30 9 * * *", "2026-03-01T09:30:00", &["2026-03-01T09:30:20", "2026-03-01T09:30:40"]);
    check("*/5 * * * * *", "2026-03-01T23:59:55", &["2026-03-02T00:00:00"]);
}

#[test]
fn both_days_restricted_is_or() {
    // The 13th, a Friday in March, and every other Friday.
    let want = ["2026-03-06T00:00:00", "2026-03-13T00:00:00", "2026-03-20T00:00:00"];
    check("0 0 13 * FRI", "2026-03-01T00:00:00", &want);
    check("0 0 1-31 * FRI", "2026-03-01T00:00:00", &["2026-03-02T00:00:00"]);
}

#[test]
fn a_star_in_either_day_is_and() {
    // Odd days which are Fridays.
    check("0 0 */2 * FRI", "2026-03-01T00:00:00", &["2026-03-13T00:00:00", "2026-03-27T00:00:00"]);
    // The 1st, if it is a Sunday, Tuesday, Thursday or Saturday.
    check("0 0 1 * */2", "2026-03-02T00:00:00", &["2026-08-01T00:00:00", "2026-09-01T00:00:00"]);
    check("0 0 ? * FRI", "2026-03-01T00:00:00", &["2026-03-06T00:00:00"]);
    check("0 0 13 * ?", "2026-03-01T00:00:00", &["2026-03-13T00:00:00", "2026-04-13T00:00:00"]);
    check("0 0 *,13 * FRI", "2026-03-01T00:00:00", &["2026-03-06T00:00:00", "2026-03-13T00:00:00"]);
}

#[test]
fn last_days_and_nth_weekdays() {
    check("0 0 L * *", "2026-02-01T00:00:00", &["2026-02-28T00:00:00", "2026-03-31T00:00:00"]);
    check("0 0 15,L 2 *", "2028-02-01T00:00:00", &["2028-02-15T00:00:00", "2028-02-29T00:00:00"]);
    check("0 0 * * 5L", "2026-03-01T00:00:00", &["2026-03-27T00:00:00", "2026-04-24T00:00:00"]);
    check("0 0 * * fril", "2026-03-01T00:00:00", &["2026-03-27T00:00:00"]);
    check("0 0 * * SUN#2", "2026-03-01T00:00:00", &["2026-03-08T00:00:00", "2026-04-12T00:00:00"]);
    check("0 0 * * 7L", "2026-03-01T00:00:00", &["2026-03-29T00:00:00"]);
}

#[test]
fn sunday_is_0_and_7() {
    for sunday in ["0", "7", "SUN", "sun", "7-7", "0-0"] {
        let text = format!("0 0 * * {sunday}");
        check(&text, "2026-03-02T00:00:00", &["2026-03-08T00:00:00", "2026-03-15T00:00:00"]);
    }
    for weekend in ["SAT-SUN", "6-7", "6-0", "SAT,SUN"] {
        let text = format!("0 0 * * {weekend}");
        let want = ["2026-03-07T00:00:00", "2026-03-08T00:00:00", "2026-03-14T00:00:00"];
        check(&text, "2026-03-02T00:00:00", &want);
    }
    check("0 0 * * SUN-TUE", "2026-03-03T00:00:00", &["2026-03-08T00:00:00"]);
    check("0 0 * * 7-2", "2026-03-03T00:00:00", &["2026-03-08T00:00:00"]);
}

#[test]
fn a_month_without_a_31st_has_no_tick() {
    check("0 0 31 * *", "2026-03-01T00:00:00", &["2026-03-31T00:00:00", "2026-05-31T00:00:00"]);
    check("0 0 29 2 *", "2026-03-01T00:00:00", &["2028-02-29T00:00:00", "2032-02-29T00:00:00"]);
    // Leap days which are Sundays.
    check("0 0 29 2 */7", "2026-03-01T00:00:00", &["2032-02-29T00:00:00", "2060-02-29T00:00:00"]);
}

#[test]
fn a_step_past_the_end_takes_the_first_value() {
    check("*/90 * * * *", "2026-03-01T00:00:00", &["2026-03-01T01:00:00", "2026-03-01T02:00:00"]);
    check("10-20/65535 * * * *", "2026-03-01T00:00:00", &["2026-03-01T00:10:00", "2026-03-01T01:10:00"]);
}

#[test]
fn nicknames_stand_for_fields() {
    for (nickname, fields) in [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        (" @Daily ", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ] {
        assert_eq!(Cron::parse(nickname).unwrap().canonical(), Cron::parse(fields).unwrap().canonical());
    }
    assert!(Cron::parse("@hourly").unwrap().is_wildcard());
    assert!(!Cron::parse("@daily").unwrap().is_wildcard());
}

#[test]
fn two_spellings_of_one_schedule_are_equal_once_rewritten() {
    let canonical = |text| Cron::parse(text).unwrap().canonical().to_owned();
    assert_eq!(canonical("0  9 * jan-MAR mon-fri"), "0 0 9 * 1-3 1-5");
    assert_eq!(canonical("00 09 ? 1-3 1-5"), "0 0 9 * 1-3 1-5");
    assert_eq!(canonical("0 0 * * 7,sun#1,7L"), "0 0 0 * * 0,0#1,0L");
    // These differ: the star makes it AND, the range OR.
    assert_ne!(canonical("0 0 *,13 * FRI"), canonical("0 0 1-31,13 * FRI"));
}

/// What is stored of a schedule is this text: whoever changes it starts
/// schedules afresh which nobody has edited.
#[test]
fn the_canonical_text_stays_what_it_is() {
    for (text, want) in [
        ("* * * * *", "0 * * * * *"),
        ("*/5 * * * * *", "*/5 * * * * *"),
        ("@weekly", "0 0 0 * * 0"),
        ("00-010/02 007 1,L dec ?", "0 0-10/2 7 1,L 12 *"),
        ("*,5 5,* l,* *,1 *,fri", "0 * 5,0-23 L,1-31 * *"),
        ("0 0 ? * 1,*", "0 0 0 * * 1,0-6"),
        ("*/90 */99 */40 */13 */8", "0 */60 */24 */32 */13 */8"),
        ("10-20/65535 0 1-2/1 * 5-7/9", "0 10-20/60 0 1-2/1 * 5-7/8"),
        ("0 0 * * 7-2,6-0,7-7,0-7,Sun", "0 0 0 * * 0-2,6-7,7-7,0-7,0"),
        ("0 0 * * fril,5#05,SUN#1,7L", "0 0 0 * * 5L,5#5,0#1,0L"),
    ] {
        let cron = Cron::parse(text).unwrap();
        assert_eq!(cron.canonical(), want);
        assert_eq!(cron.as_str(), text);
        // It is an expression, and means the same.
        let again = Cron::parse(want).unwrap();
        assert_eq!(again.canonical(), want);
        assert_eq!((again.calendar, again.wildcard), (cron.calendar, cron.wildcard), "{text}");
    }
}

/// There may be a hundred thousand: one allocation each, and this.
#[test]
fn an_expression_is_small() {
    assert_eq!(size_of::<Cron>(), 64);
    assert_eq!(size_of::<Option<Cron>>(), 64);
}

#[test]
fn an_expression_has_a_greatest_length() {
    let padded = |length: usize| format!("0 9{}* * *", " ".repeat(length - 8));
    assert!(Cron::parse(&padded(LENGTH_MAX)).is_ok());
    let error = Cron::parse(&padded(LENGTH_MAX + 1)).unwrap_err();
    assert_eq!(error.message, "the expression is too long: it has at most 4096 bytes");
    assert_eq!(error.span, 0..LENGTH_MAX + 1);
}

#[test]
fn a_star_in_front_of_minute_or_hour_is_a_wildcard() {
    for (text, wildcard) in [
        ("* * * * *", true),
        ("*/15 * * * *", true),
        ("*/15 2 * * *", true),
        ("0 */2 * * *", true),
        ("0 2,14 * * *", false),
        ("0-59/15 0-23 * * *", false),
        ("* 0 2 * * *", false),
        ("0 * 2 * * *", true),
    ] {
        assert_eq!(Cron::parse(text).unwrap().is_wildcard(), wildcard, "{text}");
    }
}

#[test]
fn days_which_never_come_are_refused() {
    let never = ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 4 */2", "0 0 */20 * 1#4"];
    for text in never {
        let error = Cron::parse(text).unwrap_err();
        assert!(error.message.starts_with("such a day never comes"), "{text}: {error}");
    }
    // OR with a weekday always comes; so does the fifth Monday of a leap February.
    for text in ["0 0 31 2 MON", "0 0 29 2 *", "0 0 * 2 MON#5", "0 0 30,L 2 *"] {
        assert!(Cron::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn an_error_points_at_the_guilty_word() {
    refuse("61 * * * *", "61", "`61` is no minute: minutes go from 0 to 59");
    refuse("0 24 * * *", "24", "`24` is no hour: hours go from 0 to 23");
    refuse("0 0 1,15,32 * *", "32", "`32` is no day of the month: days of the month go from 1 to 31");
    refuse("0 0 0 * *", "0", "`0` is no day of the month: days of the month go from 1 to 31");
    refuse("0 0 * 13 *", "13", "`13` is no month: months go from 1 to 12");
    refuse("0 0 * * MONDAY", "MONDAY", "`MONDAY` is no day of the week; did you mean `MON`?");
    refuse("0 0 * MON *", "MON", "`MON` is no month");
    refuse("0 0 * * 1-9", "9", "`9` is no day of the week: days of the week go from 0 to 7");
    refuse("* * x * *", "x", "`x` is no day of the month");
    refuse("0 ä * * *", "ä", "`ä` is no hour");
}

#[test]
fn an_error_says_what_to_write() {
    refuse("0 22-4 * * *", "22-4", "this range runs backwards: write `22-23,0-4`");
    refuse("0 0 * * FRI-MON", "FRI-MON", "this range runs backwards: write `5-6,0-1`");
    refuse("5/15 * * * *", "5/15", "a step needs a range: write `5-59/15`");
    refuse("*/0 * * * *", "0", "`0` is no step: a step is a whole number from 1");
    refuse("*/+5 * * * *", "+5", "`+5` is no step: a step is a whole number from 1");
    refuse("5- * * * *", "5-", "`5-` is not complete");
    refuse("*/ * * * *", "*/", "`*/` is not complete");
    refuse("1,,2 * * * *", ",", "a value is missing beside this comma");
    refuse("0 0 15W * *", "15W", "`W`, the weekday nearest to a day, is not supported");
    refuse("0 0 L-3 * *", "L", "`L`, the last day of the month, takes part in no range");
    refuse("0 0 * * L", "L", "`L` needs a weekday here: `FRIL` is the last Friday");
    refuse("0 0 * * 5#6", "6", "a month has a first to a fifth of a weekday: write `#1` to `#5`");
    refuse("0 0 1#2 * *", "1#2", "`#` is for days of the week, as in `FRI#2`");
    refuse("? * * * *", "?", "`?` stands alone, and only for the day of the month or of the week");
}

#[test]
fn the_commas_of_a_list_are_pointed_at() {
    for (text, want) in
        [("1,,2 * * * *", 2..3), ("0 ,5 * * *", 2..3), ("0 5, * * *", 3..4), ("0 , * * *", 2..3)]
    {
        assert_eq!(Cron::parse(text).unwrap_err().span, want, "{text}");
    }
}

#[test]
fn a_wrong_number_of_fields_is_refused() {
    for text in ["", "  ", "0", "* * * *", "0 0 0 * * * 2026", "@daily *", "@every 5m", "@fortnightly"] {
        let error = Cron::parse(text).unwrap_err();
        assert!(error.span.end <= text.len(), "{text}: {error}");
    }
    refuse("@reboot", "@reboot", "`@reboot` is no time: that a daemon starts must not cause work");
    refuse("@every 5m", "@every 5m", "`@every` is no cron expression: say `every` instead of `cron`");
    let error = Cron::parse(" * * * ").unwrap_err();
    assert_eq!(error.span, 1..6);
}

/// Compares the first civil times after `from`.
#[track_caller]
fn check(text: &str, from: &str, want: &[&str]) {
    let cron = Cron::parse(text).unwrap();
    let mut at: DateTime = from.parse().unwrap();
    for want in want {
        at = cron.civil_after(at).unwrap();
        assert_eq!(at.to_string(), *want, "{text}");
        assert_eq!(cron.civil_at_or_after(at), Some(at), "{text}");
    }
}

/// Compares the error and the word it points at.
#[track_caller]
fn refuse(text: &str, word: &str, message: &str) {
    let error = Cron::parse(text).unwrap_err();
    assert_eq!(error.message, message);
    assert_eq!(&text[error.span], word, "{text}");
}
