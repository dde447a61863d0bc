//! Tests of what people are told of one item.

use super::*;
use crate::cli::items::lines::tests::waiting;
use crate::pg::items::{Causes, Event, Unknown, Version};
use serde_json::json;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn check(report: &Report, wants: &[&str]) -> String {
    let text = of(report, at("2026-03-02T08:00:00Z"));
    for want in wants {
        assert!(text.contains(want), "{want:?} is not in:\n{text}");
    }
    text
}

fn event() -> Event {
    Event {
        seq: 17,
        at: at("2026-03-02T06:59:59Z"),
        time: None,
        id: "e-1".to_owned(),
        source: "app".to_owned(),
        kind: "refund.requested".to_owned(),
        subject: Some("r1".to_owned()),
        data: Some(json!({})),
    }
}

#[test]
fn the_chain_of_causes_is_told() {
    let (first_at, text) = (at("2026-03-01T00:00:00Z"), "title = \"t\"\n".to_owned());
    let version = Version { first_at, in_force: true, text };
    let causes = Causes { event: Some(event()), routine_version: Some(version), ..Causes::default() };
    let item = Item { chain: vec!["first".to_owned()], ..waiting() };
    let routine = "  routine    refunds, refunds.toml, version 0123456789abcdef, first in force \
                   2026-03-01T00:00:00Z, in force now\n";
    check(
        &Report { item, causes },
        &[
            "12  Refund r1\n",
            "  state      waiting, due\n",
            "  chain      first → this routine",
            "  event      refund.requested about r1, number 17, written 2026-03-02T06:59:59Z; id e-1 of ",
            routine,
            "  item       `item`, made 2026-03-02T07:00:00Z\n",
        ],
    );
}

#[test]
fn an_event_which_is_not_shown_has_its_reason() {
    let report = Report { item: waiting(), causes: Causes::default() };
    check(&report, &["number 17; it is no longer in the log", "of which nothing is known"]);
    let unknown = vec![Unknown { part: "event", why: "this role may not see it" }];
    let report = Report { item: waiting(), causes: Causes { unknown, ..Causes::default() } };
    check(&report, &["number 17; this role may not see it"]);
    let tick = Some(at("2026-03-02T07:00:00Z"));
    let report = Report { item: Item { event_seq: None, tick, ..waiting() }, causes: Causes::default() };
    check(&report, &["  tick       2026-03-02T07:00:00Z\n"]);
    let (source, event_id) = (Some("crm".to_owned()), Some("4711".to_owned()));
    let causes = Causes { source_table: Some("public.queue".to_owned()), ..Causes::default() };
    let report = Report { item: Item { source, event_id, ..waiting() }, causes };
    check(&report, &["the row 4711 of source crm (public.queue)"]);
}

#[test]
fn each_attempt_has_its_line() {
    let errors = json!([{ "attempt": 1, "worker": "w\u{1b}[2J", "leased_at": "2026-03-02T07:00:01+00:00",
                          "at": "2026-03-02T07:00:02+00:00", "outcome": "expired", "error": "gone" }]);
    let item = Item {
        state: "done".to_owned(),
        attempt: 2,
        worker: Some("w2".to_owned()),
        leased_at: Some(at("2026-03-02T07:00:10Z")),
        finished_at: Some(at("2026-03-02T07:00:12.500Z")),
        errors: Some(errors),
        result: Some(json!({ "ok": true })),
        ..waiting()
    };
    let text = check(
        &Report { item, causes: Causes::default() },
        &["it waited 10.0 s and ran 2.5 s", "1        w\\u001b[2J  2026-03-02T07:00:01Z", "expired  gone\n"],
    );
    assert!(text.ends_with("\nresult\n{\n  \"ok\": true\n}\n"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}
