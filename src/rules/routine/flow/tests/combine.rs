//! Gates together.

use super::*;

#[test]
fn gates_which_leave_something_for_each_other_work() {
    for flow in [
        "debounce = { key = [\"data.id\"], quiet = \"30s\", max_wait = \"5m\" }\n\
         dedup = { key = [\"data.id\"] }\n\
         limit = { key = [\"data.customer\"], max = 20, per = \"1h\", excess = \"delay\" }\n\
         hours = { tz = \"UTC\", from = \"08:00\", to = \"18:00\" }\n\
         supersede = { key = [\"data.customer\"] }\noverlap = \"queue\"\nloop = \"allow\"",
        "batch = { key = [\"data.team\"], max = 5, within = \"1m\" }\n\
         dedup = { key = [\"data.team\"], window = \"while_open\", on_conflict = \"append\" }",
        "dedup = { key = [\"data.id\"], window = \"while_open\", on_conflict = \"follow_up\" }\n\
         overlap = \"queue\"",
        "dedup = { key = [\"data.id\"], window = \"while_open\", on_conflict = \"replace\" }\n\
         overlap = \"skip\"",
        "dedup = { key = [\"data.id\"], window = \"1h\" }\nsupersede = { key = [\"data.id\"] }",
        "dedup = { key = [\"data.id\"] }\nsupersede = {}",
        "supersede = {}\noverlap = \"skip\"",
    ] {
        flow_of(EVENT, flow);
    }
    flow_of(
        TICK,
        "overlap = \"skip\"\nsupersede = {}\nlimit = { max = 1, per = \"1d\" }\n\
                   hours = { tz = \"UTC\", from = \"08:00\", to = \"18:00\" }",
    );
    flow_of(QUERY, "dedup = { key = [\"row.id\"], window = \"while_open\" }\noverlap = \"skip\"");
}

#[test]
fn a_newer_one_which_dedup_stops_takes_no_place() {
    let never = "`supersede` never finds an older item";
    for window in ["forever", "while_open"] {
        let flow = |key: &str| {
            format!(
                "dedup = {{ key = [\"data.id\"], window = \"{window}\" }}\nsupersede = {{ key = [{key}] }}"
            )
        };
        check_refused(EVENT, &flow("\"data.id\""), never);
        check_refused(EVENT, &flow("\"type\", \"data.id\""), never);
        flow_of(EVENT, &flow("\"data.customer\""));
    }
}

#[test]
fn what_follows_needs_its_turn() {
    let flow = "dedup = { key = [\"data.id\"], window = \"while_open\", on_conflict = \"follow_up\" }\n\
                overlap = \"skip\"";
    check_refused(EVENT, flow, "what would follow a running item is dropped by `overlap = \"skip\"`");
}

#[test]
fn a_dedup_which_changes_nothing_is_said() {
    let flow = "dedup = { key = [\"data.id\"], window = \"while_open\" }\noverlap = \"skip\"";
    check_warned(EVENT, flow, "`overlap = \"skip\"` drops all that this would drop");
}

#[test]
fn keys_which_differ_within_an_item_are_said() {
    let mixed = |gather: &str, gate: &str| {
        format!("`{gather}` makes one item of drafts which differ in the key of `{gate}`")
    };
    let batch = "batch = { key = [\"data.team\"], max = 5, within = \"1m\" }";
    check_warned(EVENT, &format!("{batch}\ndedup = {{ key = [\"data.id\"] }}"), &mixed("batch", "dedup"));
    check_warned(
        EVENT,
        &format!("{batch}\nsupersede = {{ key = [\"data.id\"] }}"),
        &mixed("batch", "supersede"),
    );
    let limit = "limit = { key = [\"data.team\", \"data.id\"], max = 1, per = \"1h\" }";
    check_warned(EVENT, &format!("{batch}\n{limit}"), &mixed("batch", "limit"));
    let all = "debounce = { quiet = \"1s\", max_wait = \"1m\", keep = \"all\" }";
    check_warned(EVENT, &format!("{all}\ndedup = {{ key = [\"data.id\"] }}"), &mixed("debounce", "dedup"));
    flow_of(EVENT, "debounce = { quiet = \"1s\", max_wait = \"1m\" }\ndedup = { key = [\"data.id\"] }");
}

#[test]
fn ticks_have_no_bursts_and_no_twins() {
    let waits = |gate: &str| format!("`{gate}` waits for more, and ticks come when the schedule says");
    check_refused(TICK, "batch = { max = 5, within = \"1d\" }", &waits("batch"));
    check_refused(TICK, "debounce = { quiet = \"1h\", max_wait = \"1d\" }", &waits("debounce"));
    let twins = "two ticks are never the same";
    check_refused(TICK, "dedup = { key = [\"tick\"], window = \"1d\" }", twins);
    check_refused(TICK, "dedup = { key = [\"tick\"], on_conflict = \"replace\" }", twins);
    let sees = |gate: &str| format!("by this key `{gate}` never sees two items");
    check_refused(TICK, "limit = { key = [\"tick\"], max = 1, per = \"1d\" }", &sees("limit"));
    check_refused(TICK, "supersede = { key = [\"tick\"] }", &sees("supersede"));
    for on in [TICK, QUERY] {
        let dedup = if on == QUERY { "\ndedup = { key = [\"row.id\"] }" } else { "" };
        check_refused(on, &format!("loop = \"avoid\"{dedup}"), "a tick comes of no item");
    }
    flow_of(
        QUERY,
        "batch = { key = [\"row.team\"], max = 5, within = \"1m\" }\n\
                    dedup = { key = [\"row.team\"], window = \"while_open\", on_conflict = \"append\" }",
    );
}

#[test]
fn a_query_without_items_has_no_gates() {
    let (routine, problems) = read_with(QUERY, "overlap = \"skip\"", "");
    assert_eq!(messages(&problems), ["`[flow]` is for items, and this makes none"]);
    assert!(routine.is_none());
    assert!(read_with(QUERY, "", "").1.is_empty());
}

#[test]
fn what_cannot_be_read_is_not_held_against_the_others() {
    let flow = "supersede = { key = [\"data.id\"] }\ndedup = { key = [\"dta.id\"] }\noverlap = \"skip\"";
    check_refused(EVENT, flow, "an event has no `dta`");
}
