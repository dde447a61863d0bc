//! `hours`.

use super::*;
use crate::rules::gate::hours::{ClockTime, Days, Outside};

#[test]
fn hours_are_one_interval_or_several() {
    let one = hours_of(EVENT, "tz = \"Europe/Berlin\", days = \"mon-fri\", from = \"08:00\", to = \"18:00\"");
    assert_eq!(one.outside, Outside::Hold);
    assert_eq!(one.tz.fixed().unwrap().iana_name(), Some("Europe/Berlin"));
    assert_eq!(shown(&one), ["mon-fri 08:00-18:00"]);
    let several = hours_of(
        EVENT,
        "tz = \"UTC\", outside = \"drop\", open = [{ from = \"08:00\", to = \"12:00\" }, \
         { days = \"sat,sun\", from = \"22:00\", to = \"02:00\" }]",
    );
    assert_eq!(several.outside, Outside::Drop);
    assert_eq!(shown(&several), ["mon-sun 08:00-12:00", "sat,sun 22:00-02:00"]);
    let tables = flow_of(
        TICK,
        "[flow.hours]\ntz = \"UTC\"\n[[flow.hours.open]]\nfrom = \"08:00\"\nto = \"12:00\"\n\
         [[flow.hours.open]]\nfrom = \"14:00\"\nto = \"24:00\"",
    );
    assert_eq!(shown(&tables.hours.unwrap()), ["mon-sun 08:00-12:00", "mon-sun 14:00-24:00"]);
}

#[test]
fn an_event_or_a_row_may_say_them() {
    let hours = hours_of(
        EACH,
        "tz = { get = \"row.tz\", default = \"UTC\" }, from = { get = \"data.from\" }, to = \"18:00\"",
    );
    assert_eq!(shown(&hours), ["mon-sun data.from-18:00"]);
    assert!(
        matches!(&hours.tz, Setting::Get(get) if get.path.to_string() == "row.tz" && get.default.is_some())
    );
    check_hours(
        EVENT,
        "tz = { get = \"row.tz\" }, from = \"08:00\", to = \"18:00\"",
        "an event has no `row`",
    );
    let tick = "a tick has nothing to `get` for `tz`";
    check_hours(TICK, "tz = { get = \"row.tz\" }, from = \"08:00\", to = \"18:00\"", tick);
    let default = "there is no time zone `Mars`";
    check_hours(
        EVENT,
        "tz = { get = \"data.tz\", default = \"Mars\" }, from = \"08:00\", to = \"18:00\"",
        default,
    );
    let default = "`from` must be a time of day in quotes, not an integer";
    check_hours(EVENT, "tz = \"UTC\", from = { get = \"data.f\", default = 8 }, to = \"18:00\"", default);
    let quantified = "a path of `get` has no `[any]`, `[all]` or `[none]`";
    check_hours(EVENT, "tz = \"UTC\", from = { get = \"data.f[any]\" }, to = \"18:00\"", quantified);
    let needless = "`type` says nothing here";
    check_hours(
        EVENT,
        "tz = { get = \"data.tz\", type = \"string\" }, from = \"08:00\", to = \"18:00\"",
        needless,
    );
    let source = "`tz` does not say where its value comes from";
    check_hours(EVENT, "tz = { default = \"UTC\" }, from = \"08:00\", to = \"18:00\"", source);
}

#[test]
fn the_urgent_may_pass() {
    let plain = "tz = \"UTC\", from = \"08:00\", to = \"18:00\"";
    let hours = hours_of(EVENT, &format!("{plain}, unless = {{ \"data.priority\" = {{ gte = 9 }} }}"));
    assert_eq!(hours.unless.unwrap().conditions().len(), 1);
    let alternatives = "unless = { any_of = { why = [{ \"data.a\" = 1 }, { \"data.b\" = 2 }] } }";
    assert_eq!(hours_of(EVENT, &format!("{plain}, {alternatives}")).unless.unwrap().conditions().len(), 2);
    let none = "`unless` asks an event, and a tick has none";
    check_hours(TICK, &format!("{plain}, unless = {{ \"data.x\" = 1 }}"), none);
    let empty = "`unless` has no conditions, so that all events would pass";
    check_hours(EVENT, &format!("{plain}, unless = {{}}"), empty);
    check_hours(EVENT, &format!("{plain}, unless = {{ \"dta.x\" = 1 }}"), "an event has no `dta`");
    check_hours(
        EVENT,
        &format!("{plain}, unless = {{ \"data.x\" = {{ gt = 3, lt = 1 }} }}"),
        "no number is in this range",
    );
}

#[test]
fn hours_which_never_or_always_come_are_said() {
    check_hours(EVENT, "tz = \"UTC\", from = \"08:00\", to = \"08:00\"", "these hours end when they begin");
    check_hours(EVENT, "tz = \"UTC\", from = \"24:00\", to = \"02:00\"", "no hours begin at 24:00");
    check_hours(EVENT, "tz = \"UTC\", open = []", "`open` is empty, so that nothing would ever be due");
    let always = "these hours are always open";
    check_warned(EVENT, "hours = { tz = \"UTC\", from = \"00:00\", to = \"24:00\" }", always);
    check_open([("mon-sun", "06:00", "18:00"), ("mon-sun", "18:00", "06:00")], Some(always));
    let weekdays = "tz = \"UTC\", days = \"mon-sat\", from = \"00:00\", to = \"24:00\"";
    assert_eq!(shown(&hours_of(EVENT, weekdays)), ["mon-sat 00:00-24:00"]);
}

#[test]
fn intervals_which_share_time_are_said() {
    check_open([("mon-sun", "08:00", "12:00"), ("wed", "11:59", "13:00")], OVERLAPS);
    check_open([("mon-sun", "08:00", "12:00"), ("mon-sun", "12:00", "13:00")], None);
    check_open([("sun", "22:00", "02:00"), ("mon", "01:00", "03:00")], OVERLAPS);
    check_open([("mon", "01:00", "03:00"), ("sun", "22:00", "02:00")], OVERLAPS);
    check_open([("sun", "22:00", "24:00"), ("mon", "00:00", "03:00")], None);
    check_open([("mon,tue", "01:00", "03:00"), ("wed-sun", "01:00", "03:00")], None);
    // What an event says may be anything.
    let unknown = "tz = \"UTC\", open = [{ from = \"08:00\", to = { get = \"data.to\" } }, \
                   { from = \"08:00\", to = \"13:00\" }]";
    assert_eq!(hours_of(EVENT, unknown).open.len(), 2);
}

#[test]
fn hours_are_checked_to_the_word() {
    let ends = "from = \"08:00\", to = \"18:00\"";
    check_hours(EVENT, ends, "`hours` has no `tz`");
    check_hours(EVENT, "tz = \"UTC\", from = \"08:00\"", "`hours` has no `to`");
    check_hours(EVENT, "tz = \"UTC\", open = [{ to = \"08:00\" }]", "`open` has no `from`");
    check_hours(EVENT, &format!("tz = \"Europe/Berln\", {ends}"), "there is no time zone `Europe/Berln`");
    check_hours(EVENT, &format!("tz = 1, {ends}"), "`tz` must be the name of a time zone, not an integer");
    check_hours(EVENT, &format!("tz = \"UTC\", days = \"mon-frid\", {ends}"), "`frid` is no day");
    check_hours(EVENT, &format!("tz = \"UTC\", days = \"mon,\", {ends}"), "a day is missing");
    check_hours(EVENT, "tz = \"UTC\", from = \"8:00\", to = \"18:00\"", "`8:00` is no time of day");
    check_hours(EVENT, &format!("tz = \"UTC\", outside = \"skip\", {ends}"), "`outside` cannot be `skip`");
    check_hours(
        EVENT,
        &format!("tz = \"UTC\", days = \"mon\", open = [{{ {ends} }}]"),
        "`days` stands beside `open`",
    );
    check_hours(
        EVENT,
        &format!("tz = \"UTC\", open = {{ {ends} }}"),
        "`open` must be an array of tables, not a table",
    );
    check_hours(EVENT, &format!("tz = \"UTC\", open = [{{ {ends}, tz = \"UTC\" }}]"), "unknown key `tz`");
    check_help(&format!("hours = {{ tz = \"Europe/Berln\", {ends} }}"), "did you mean `Europe/Berlin`?");
}

#[track_caller]
fn hours_of(on: &str, hours: &str) -> HoursSpec {
    flow_of(on, &format!("hours = {{ {hours} }}")).hours.unwrap()
}

#[track_caller]
fn check_hours(on: &str, hours: &str, want: &str) {
    check_refused(on, &format!("hours = {{ {hours} }}"), want);
}

const OVERLAPS: Option<&str> = Some("this interval overlaps one above it");

/// What is said about two intervals, if anything.
#[track_caller]
fn check_open(open: [(&str, &str, &str); 2], want: Option<&str>) {
    let interval = |(days, from, to): (&str, &str, &str)| {
        format!("{{ days = \"{days}\", from = \"{from}\", to = \"{to}\" }}")
    };
    let flow = format!("hours = {{ tz = \"UTC\", open = [{}] }}", open.map(interval).join(", "));
    match want {
        Some(want) => check_warned(EVENT, &flow, want),
        None => assert_eq!(flow_of(EVENT, &flow).hours.unwrap().open.len(), 2),
    }
}

fn shown(hours: &HoursSpec) -> Vec<String> {
    let end = |end: &Setting<ClockTime>| match end {
        Setting::Fixed(time) => time.to_string(),
        Setting::Get(get) => get.path.to_string(),
    };
    let days = |days: Days| days.to_string();
    hours.open.iter().map(|one| format!("{} {}-{}", days(one.days), end(&one.from), end(&one.to))).collect()
}
