//! What gates are asked, read from events and rows.

use super::*;
use crate::rules::event::Event;
use crate::rules::gate::hours::{Days, Outside};
use crate::rules::gate::limit::{Excess, Per};
use crate::rules::gate::request::{Keep, OnConflict, Window};
use crate::rules::key::KeyHasher;
use crate::rules::name::RoutineName;
use crate::rules::{routine, testing};
use jiff::SignedDuration;
use serde_json::json;

#[test]
fn without_gates_nothing_is_asked() {
    assert_eq!(asked("", json!({})), Request::default());
    assert_eq!(asked("loop = \"allow\"\noverlap = \"allow\"", json!({})), Request::default());
}

#[test]
fn fixed_values_are_taken_as_they_are() {
    let request = asked(
        "debounce = { key = [\"data.id\"], quiet = \"30s\", max_wait = \"5m\", keep = \"first\" }\n\
         hours = { tz = \"Europe/Berlin\", days = \"mon-fri\", from = \"08:00\", to = \"18:00\", \
                   outside = \"drop\" }\n\
         dedup = { key = [\"data.id\"], window = \"while_open\", on_conflict = \"replace\" }\n\
         supersede = { key = [\"data.team\"] }\n\
         limit = { key = [\"data.id\"], max = 20, per = \"1h\", excess = \"delay\", max_delay = \"2d\" }\n\
         overlap = \"queue\"",
        json!({ "id": "a", "team": "b" }),
    );
    let (quiet, max_wait) = (SignedDuration::from_secs(30), Some(SignedDuration::from_mins(5)));
    let collect = Collect::Debounce { key: key("debounce", "a"), quiet, max_wait, keep: Keep::First };
    assert_eq!(request.collect, Some(collect));
    let hours = request.hours.unwrap();
    assert_eq!((hours.tz.iana_name(), hours.outside), (Some("Europe/Berlin"), Outside::Drop));
    let days = Days::parse("mon-fri").unwrap();
    let interval = Interval { days, from: clock("08:00"), to: clock("18:00") };
    assert_eq!(hours.open, [interval]);
    let (window, on_conflict) = (Window::WhileOpen, OnConflict::Replace);
    assert_eq!(request.dedup, Some(DedupRequest { key: key("dedup", "a"), window, on_conflict }));
    assert_eq!(request.supersede, Some(key("supersede", "b")));
    let [limit] = &request.limits[..] else { panic!("one limit") };
    assert_eq!((limit.max, limit.used, limit.key), (20, 0, limit_key("data.id 1h", "a")));
    assert_eq!(limit.per, Per::Sliding(SignedDuration::from_hours(1)));
    assert_eq!(limit.excess, Excess::Delay { max_delay: Some(SignedDuration::from_hours(48)) });
    let overlap = gate_key("overlap", &name(), &ItemName::only(), []);
    assert_eq!(request.overlap, Some(OverlapRequest { key: overlap, policy: OverlapPolicy::Queue }));
}

#[test]
fn values_are_read_from_the_event() {
    let flow = "hours = { tz = { get = \"data.tz\", default = \"UTC\" }, days = \"mon-sun\", \
                          from = { get = \"data.from\" }, to = \"24:00\" }\n\
                [[flow.limit]]\nmax = { get = \"data.max\" }\nper = \"1h\"\n\
                [[flow.limit]]\nmax = 7\nused = { get = \"data.used\", default = 0 }\nper = \"1d\"\n";
    let request = asked(flow, json!({ "tz": "asia/tokyo", "from": "09:30:15", "max": 5.0, "used": 3 }));
    let hours = request.hours.unwrap();
    assert_eq!((hours.tz.iana_name(), hours.open[0].from), (Some("Asia/Tokyo"), clock("09:30:15")));
    let numbers = request.limits.iter().map(|limit| (limit.max, limit.used)).collect::<Vec<_>>();
    assert_eq!(numbers, [(5, 0), (7, 3)]);
    assert_ne!(request.limits[0].key, request.limits[1].key);
    let request = asked(flow, json!({ "from": "00:00", "max": 99_999_999_999_u64, "used": null }));
    assert_eq!(request.hours.unwrap().tz, TimeZone::UTC);
    let numbers = request.limits.iter().map(|limit| (limit.max, limit.used)).collect::<Vec<_>>();
    assert_eq!(numbers, [(u32::MAX, 0), (7, 0)]);
}

#[test]
fn what_cannot_be_used_is_named_and_not_shown() {
    let limit = "limit = { max = { get = \"data.max\" }, per = \"1h\" }";
    check_error(limit, json!({}), "flow.limit.max: `data.max` is missing in this event");
    for value in [json!(-1), json!(1.5), json!("20"), json!(null), json!([1])] {
        let want = "flow.limit.max: `data.max` of this event is not a whole number of 0 or more";
        check_error(limit, json!({ "max": value }), want);
    }
    let two = "limit = [{ max = 9, per = \"1h\" }, { max = 5, used = { get = \"data.max\" }, per = \"1d\" }]";
    let want = "flow.limit[2].used: `data.max` of this event is not a whole number of 0 or more";
    check_error(two, json!({ "max": "secret" }), want);
    let hours = "hours = { tz = { get = \"data.tz\" }, days = \"mon\", \
                          from = { get = \"data.from\" }, to = \"18:00\" }";
    let want = "flow.hours.tz: `data.tz` of this event is not a time zone such as `Europe/Berlin`";
    check_error(hours, json!({ "tz": "+02:00", "from": "08:00" }), want);
    let want = "flow.hours.from: `data.from` of this event is not a time of day such as `08:00`";
    check_error(hours, json!({ "tz": "UTC", "from": "8 o'clock" }), want);
}

#[test]
fn what_is_urgent_has_no_hours() {
    let flow = "hours = { tz = \"UTC\", days = \"mon-fri\", from = \"08:00\", to = \"18:00\", \
                unless = { \"data.priority\" = { gte = 9 } } }";
    assert!(asked(flow, json!({ "priority": 5 })).hours.is_some());
    assert!(asked(flow, json!({ "priority": 9 })).hours.is_none());
}

#[test]
fn a_missing_part_of_a_key_is_a_value_of_its_own() {
    let flow = "supersede = { key = [\"data.id\"] }";
    let supersede = |data: Value| asked(flow, data).supersede;
    assert_ne!(supersede(json!({})), supersede(json!({ "id": null })));
    assert_ne!(supersede(json!({ "id": 1 })), supersede(json!({ "id": "1" })));
    assert_eq!(supersede(json!({ "id": 1 })), supersede(json!({ "id": 1.0 })));
}

#[test]
fn a_tick_is_part_of_a_key_too() {
    let text = "title = \"x\"\n[on.query]\nevery = \"1h\"\nsql = \"select 1 as id\"\n[flow]\n\
                dedup = { key = [\"row.id\", \"tick\"] }\n[item]\nqueue = \"q\"\ntitle = \"t\"\n";
    let routine = routine::parse(&name(), "r.toml", text).unwrap();
    let row = json!({ "id": 1 });
    let key = |second| {
        let tick = Timestamp::from_second(second).unwrap();
        let scope = Scope::Tick { tick, tz: &TimeZone::UTC, routine: &routine.name, row: Some(&row) };
        resolve(&routine, &ItemName::only(), scope).unwrap().dedup.unwrap().key
    };
    assert_eq!(key(0), key(0));
    assert_ne!(key(0), key(3600));
}

#[test]
fn a_request_survives_its_storage() {
    let request = asked(
        "batch = { key = [\"data.id\"], max = 50, within = \"10m\" }\n\
         hours = { tz = \"Europe/Berlin\", open = [{ days = \"sat\", from = \"22:00\", to = \"02:00\" }] }\n\
         dedup = { key = [\"data.id\"], window = \"1d\", align = \"calendar\", tz = \"Europe/Berlin\" }\n\
         limit = [{ max = 2, per = \"1h\", excess = \"delay\" }, \
                  { max = 9, per = \"1month\", align = \"calendar\", tz = \"UTC\", excess = \"delay\" }]\n\
         overlap = \"skip\"",
        json!({ "id": 1 }),
    );
    let text = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
    let text = serde_json::to_string(&Request::default()).unwrap();
    assert_eq!(text, "{}");
    assert!(serde_json::from_str::<Request>(&text).unwrap().is_empty());
}

fn name() -> RoutineName {
    RoutineName::parse("r").unwrap()
}

fn clock(text: &str) -> ClockTime {
    ClockTime::parse(text).unwrap()
}

fn key(gate: &str, value: &str) -> DedupKey {
    gate_key(gate, &name(), &ItemName::only(), [Part::Text(value)])
}

fn limit_key(name_of: &str, value: &str) -> DedupKey {
    let texts = ["limit", "r", "item"].into_iter();
    let named = texts.fold(KeyHasher::new(), |key, text| key.part(Part::Text(text)));
    named.part(Part::Text(name_of)).part(Part::Text(value)).finish()
}

fn try_asked(flow: &str, data: Value) -> Result<Request, PlanError> {
    let text = format!(
        "title = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n\
         context = {{ all = {{ get = \"data\" }} }}\n[flow]\n{flow}\n"
    );
    let routine = match routine::parse(&name(), "r.toml", &text) {
        Ok(routine) => routine,
        Err(problems) => panic!("{problems}"),
    };
    let event: Event = testing::event("a", data);
    let scope = Scope::Event { event: &event, routine: &routine.name, row: None };
    resolve(&routine, &ItemName::only(), scope)
}

#[track_caller]
fn asked(flow: &str, data: Value) -> Request {
    try_asked(flow, data).unwrap()
}

#[track_caller]
fn check_error(flow: &str, data: Value, want: &str) {
    assert_eq!(try_asked(flow, data).unwrap_err().to_string(), want);
}
