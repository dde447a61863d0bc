//! `limit`.

use super::*;
use crate::rules::gate::limit::{Excess, Per};
use serde_json::json;

#[test]
fn a_limit_has_defaults() {
    let limits = limits_of(EVENT, "limit = { max = 20, per = \"1h\" }");
    let [limit] = &limits[..] else { panic!("one limit") };
    assert_eq!((limit.max.fixed(), limit.used.fixed()), (Some(&20), Some(&0)));
    assert!(limit.key.0.is_empty());
    assert_eq!(limit.per, Per::Sliding(SignedDuration::from_hours(1)));
    assert_eq!(limit.excess, Excess::Drop);
}

#[test]
fn limits_are_one_or_several() {
    let delay = "max = 2, per = \"1h\", excess = \"delay\", max_delay = \"2d\"";
    let day = "max = { get = \"row.limit\" }, used = { get = \"row.used\", default = 0 }, per = \"1d\", \
               align = \"calendar\", tz = \"Europe/Berlin\"";
    let lines = |text: &str| text.replace(", ", "\n").replace("\ndefault", ", default");
    for flow in [
        format!("limit = [{{ {delay} }}, {{ {day} }}]"),
        format!("[[flow.limit]]\n{}\n[[flow.limit]]\n{}", lines(delay), lines(day)),
    ] {
        let limits = limits_of(EACH, &flow);
        let [first, second] = &limits[..] else { panic!("two limits") };
        assert_eq!(first.excess, Excess::Delay { max_delay: Some(SignedDuration::from_hours(48)) });
        assert!(matches!(&second.max, Setting::Get(get) if get.path.to_string() == "row.limit"));
        assert!(matches!(&second.used, Setting::Get(get) if get.default == Some(json!(0))));
        assert!(matches!(&second.per, Per::Calendar(slots) if slots.to_string() == "1d (Europe/Berlin)"));
    }
    assert_eq!(limits_of(EVENT, "[flow.limit]\nmax = 1\nper = \"1w\"\nexcess = \"delay\"").len(), 1);
}

#[test]
fn limits_are_checked_to_the_word() {
    check_limit("per = \"1h\"", "`limit` has no `max`");
    check_limit("max = 1", "`limit` has no `per`");
    check_limit("max = 0, per = \"1h\"", "a limit of 0 drops everything");
    check_limit("max = 100001, per = \"1h\"", "`max` is at least 0 and at most 100000");
    check_limit("max = -1, per = \"1h\"", "`max` is at least 0 and at most 100000");
    check_limit("max = 99999999999, per = \"1h\"", "`max` is too large");
    check_limit("max = \"5\", per = \"1h\"", "`max` must be an integer, not a string");
    check_limit("max = 5, used = 5, per = \"1h\"", "`used` leaves nothing of 5");
    check_limit(
        "max = { get = \"data.n\", default = -1 }, per = \"1h\"",
        "`max` is at least 0 and at most 100000",
    );
    check_limit("max = 1, per = \"0s\"", "`per` cannot be `0s`: it is zero");
    check_limit("max = 1, per = \"400d\"", "`per` cannot be `400d`: it is at most 366 days");
    check_limit("max = 1, per = \"1month\"", "a sliding `per` has no months");
    let slot = "`per` cannot be `36h`: it is no slot of a calendar";
    check_limit("max = 1, per = \"36h\", align = \"calendar\"", slot);
    check_limit("max = 1, per = \"1d\", tz = \"UTC\"", "`tz` is for `align = \"calendar\"`");
    check_limit("max = 1, per = \"1d\", excess = \"wait\"", "`excess` cannot be `wait`");
    let delay = "`max_delay` is for `excess = \"delay\"`";
    check_limit("max = 1, per = \"1d\", max_delay = \"1d\"", delay);
    check_limit("max = 1, per = \"1d\", excess = \"drop\", max_delay = \"1d\"", delay);
    check_limit("max = 1, per = \"1d\", by = 1", "unknown key `by`");
    check_refused(
        EVENT,
        "limit = 5",
        "`limit` must be a table with `max` and `per`, or a list of them, not an integer",
    );
    check_refused(EVENT, "limit = []", "`limit` is empty, so that it limits nothing");
    check_refused(EVENT, "limit = [5]", "`limit` must be a table, not an integer");
    let nine = (1..10).map(|n| format!("{{ max = {n}, per = \"{n}h\" }}")).collect::<Vec<_>>().join(", ");
    check_refused(EVENT, &format!("limit = [{nine}]"), "a routine has at most 8 limits");
    // 0 may come from a row, and stand in for what it does not say.
    limits_of(EVENT, "limit = { max = { get = \"data.n\", default = 0 }, per = \"1h\" }");
}

#[test]
fn a_limit_which_is_given_twice_is_refused() {
    let twice = "this limit is given twice";
    check_both("max = 2, per = \"1h\"", "max = 2, per = \"60m\"", Some(twice));
    let (a, b) = (
        "key = [\"data.a\", \"data.b\"], max = 2, per = \"1h\"",
        "key = [\"data.b\", \"data.a\"], max = 2, per = \"1h\"",
    );
    check_both(a, b, Some(twice));
}

#[test]
fn a_limit_which_is_never_reached_is_said() {
    let never = Some("this limit is never reached");
    check_both("max = 2, per = \"1h\"", "max = 2, per = \"30m\"", never);
    check_both("max = 2, per = \"1h\"", "max = 5, per = \"1h\"", never);
    check_both("max = 2, per = \"1h\"", "max = 48, per = \"1d\"", never);
    check_both("max = 2, per = \"1h\"", "max = 47, per = \"1d\"", None);
    check_both("max = 2, per = \"1h\"", "max = 4, per = \"61m\"", never);
    check_both("max = 2, per = \"1h\"", "max = 3, per = \"61m\"", None);
    // All of them together are fewer than those of one customer may be.
    check_both("max = 2, per = \"1h\"", "key = [\"data.customer\"], max = 3, per = \"1h\"", never);
    check_both("key = [\"data.customer\"], max = 2, per = \"1h\"", "max = 3, per = \"1h\"", None);
    // What others have used may fill it.
    check_both("max = 2, per = \"1h\"", "max = 5, used = 4, per = \"1h\"", None);
    check_both("max = 2, per = \"1h\"", "max = { get = \"data.n\" }, per = \"1h\"", None);
    let calendar = "per = \"1d\", align = \"calendar\"";
    check_both(&format!("max = 2, {calendar}"), &format!("max = 3, {calendar}"), never);
    check_both("max = 2, per = \"1d\"", &format!("max = 3, {calendar}"), None);
    check_both(
        &format!("max = 2, {calendar}"),
        &format!("max = 3, {calendar}, tz = \"Europe/Berlin\""),
        None,
    );
}

#[track_caller]
fn limits_of(on: &str, flow: &str) -> Vec<LimitSpec> {
    flow_of(on, flow).limits
}

#[track_caller]
fn check_limit(limit: &str, want: &str) {
    check_refused(EVENT, &format!("limit = {{ {limit} }}"), want);
}

/// What is said of two limits, whichever comes first.
#[track_caller]
fn check_both(a: &str, b: &str, want: Option<&str>) {
    for flow in [format!("limit = [{{ {a} }}, {{ {b} }}]"), format!("limit = [{{ {b} }}, {{ {a} }}]")] {
        let problems = read(EVENT, &flow).1;
        assert_eq!(messages(&problems), want.into_iter().collect::<Vec<_>>(), "{flow}");
    }
}
