//! `debounce` and `batch`.

use super::*;
use crate::rules::gate::request::Keep;
use crate::rules::path::Path;

#[test]
fn a_debounce_has_a_quiet_and_defaults() {
    let flow = flow_of(EVENT, "debounce = { key = [\"data.id\"], quiet = \"30s\", max_wait = \"5m\" }");
    let key = KeySpec(vec![KeyPart::Path(Path::parse("data.id").unwrap())]);
    let (quiet, max_wait) = (SignedDuration::from_secs(30), Some(SignedDuration::from_mins(5)));
    assert_eq!(flow.collect, Some(Gather::Debounce { key, quiet, max_wait, keep: Keep::Last }));
    assert!(!flow.collects() && !flow.is_open());
    for (word, collects) in [("first", false), ("last", false), ("all", true)] {
        let text = format!("debounce = {{ quiet = \"30s\", max_wait = \"5m\", keep = \"{word}\" }}");
        let flow = flow_of(EVENT, &text);
        assert_eq!(flow.collects(), collects, "{word}");
        assert!(flow.collect.unwrap().key().0.is_empty());
    }
}

#[test]
fn a_batch_has_a_size_and_a_time() {
    let flow = flow_of(EVENT, "batch = { key = [\"data.team\"], max = 50, within = \"10m\" }");
    let within = SignedDuration::from_mins(10);
    let key = KeySpec(vec![KeyPart::Path(Path::parse("data.team").unwrap())]);
    assert_eq!(flow.collect, Some(Gather::Batch { key, max: 50, within }));
    assert!(flow.collects());
}

#[test]
fn what_waits_for_nothing_or_for_ever_is_said() {
    let stream = "a steady stream postpones this for ever";
    check_warned(EVENT, "debounce = { quiet = \"30s\" }", stream);
    check_refused(EVENT, "debounce = { max_wait = \"5m\" }", "`debounce` has no `quiet`");
    check_refused(EVENT, "debounce = \"30s\"", "`debounce` must be a table with `quiet`, not a string");
    let over = "`max_wait` is over before it can have been quiet";
    check_refused(EVENT, "debounce = { quiet = \"5m\", max_wait = \"5m\" }", over);
    check_refused(EVENT, "debounce = { quiet = \"5m\", max_wait = \"30s\" }", over);
    let long = "`quiet` cannot be `367d`: it is at most 366 days";
    check_refused(EVENT, "debounce = { quiet = \"367d\", max_wait = \"1m\" }", long);
    let keep = "`keep` cannot be `latest`";
    check_refused(EVENT, "debounce = { quiet = \"1s\", max_wait = \"1m\", keep = \"latest\" }", keep);
    check_refused(EVENT, "batch = { within = \"1m\" }", "`batch` has no `max`");
    check_refused(EVENT, "batch = { max = 5 }", "`batch` has no `within`");
    for max in ["1", "1001", "-1"] {
        let flow = format!("batch = {{ max = {max}, within = \"1m\" }}");
        check_refused(EVENT, &flow, "`max` is at least 2 and at most 1000");
    }
    check_refused(EVENT, "batch = { max = 2.5, within = \"1m\" }", "`max` must be an integer, not a number");
}

#[test]
fn a_routine_has_one_of_the_two() {
    let both = "debounce = { quiet = \"1s\", max_wait = \"1m\" }\nbatch = { max = 5, within = \"1m\" }";
    check_refused(EVENT, both, "a routine has one of `debounce` and `batch`");
}

#[test]
fn what_is_collected_must_be_there() {
    let plain = "[item]\nqueue = \"q\"\ntitle = \"t\"\n";
    for (flow, what) in [
        ("batch = { max = 5, within = \"1m\" }", "`batch`"),
        ("debounce = { quiet = \"1s\", max_wait = \"1m\", keep = \"all\" }", "`keep = \"all\"`"),
        ("dedup = { key = [\"id\"], on_conflict = \"append\" }", "`on_conflict = \"append\"`"),
    ] {
        assert!(flow_of(EVENT, flow).collects());
        for item in [plain.to_owned(), format!("{plain}[item.context]\n")] {
            let (routine, problems) = read_with(EVENT, flow, &item);
            assert_eq!(messages(&problems), [format!("{what} collects `[item.context]`, and there is none")]);
            assert!(routine.is_none());
        }
    }
    let last = "debounce = { quiet = \"1s\", max_wait = \"1m\" }";
    assert!(read_with(EVENT, last, plain).1.is_empty());
}
