//! Templates from the outside, and the fast path against the engine.

mod bounds;

use super::*;
use crate::rules::event::Event;
use crate::rules::name::RoutineName;
use crate::rules::testing;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

const REFUND: &str = r#"{
    "refund_id": "r1", "amount": 600, "price": 12.50, "big": 12345678901234567890.123,
    "vip": true, "note": null, "list": [1, 2.50, "a"], "customer": { "id": "c1", "name": "Ann\nLee" }
}"#;

#[test]
fn text_without_braces_stands_for_itself() {
    check_text("Look into it.", Ok("Look into it."));
    check_text("", Ok(""));
    check_text("100 % {safe} }} {", Ok("100 % {safe} }} {"));
    assert!(compile("plain").as_static().is_some());
}

#[test]
fn paths_show_their_values_as_they_were_written() {
    check_text("Refund {{ data.refund_id }}: {{data.amount}}", Ok("Refund r1: 600"));
    check_text("{{ data.price }} {{ data.big }}", Ok("12.50 12345678901234567890.123"));
    check_text("{{ data.vip }} {{ data.note }} {{ data.list }}", Ok(r#"true none [1,2.50,"a"]"#));
    check_text(
        "{{ type }} {{ id }} {{ source }} {{ time }}",
        Ok("refund.requested e-1 shop 1970-01-01T00:00:00Z"),
    );
    check_text("{{ routine }}\n", Ok("large-refund\n"));
}

#[test]
fn a_missing_value_is_an_error_which_names_it() {
    check_text("{{ data.reason }}", Err("`data.reason` is missing in this event"));
    check_text("{{ data.client.name.first }}", Err("`data.client` is missing in this event"));
    check_text("{{ data.amount.x }}", Err("`data.amount.x` is missing in this event"));
    check_text("{{ subject }}", Err("`subject` is missing in this event"));
    check_text("{{ old.amount }}", Err("`old` is missing in this event"));
    check_text("{{ data.reason | upper }}", Err("`data.reason` is missing in this event"));
    check_text("{% if data.reason %}a{% endif %}", Err("`data.reason` is missing in this event"));
    check_value("{{ data.a or data.reason }}", Err("`data.a` is missing in this event"));
}

#[test]
fn the_engine_does_the_rest() {
    check_text("{{ data.reason | default('none given') }}", Ok("none given"));
    check_text("{{ data.refund_id | upper }}-{{ data.amount * 2 }}", Ok("R1-1200"));
    check_text("{% if data.vip %}VIP {% endif %}{{ data.price }}", Ok("VIP 12.50"));
    check_text("{% for x in data.list %}{{ x }};{% endfor %}", Ok("1;2.50;a;"));
    check_text("{{ data.price * 2 }}", Ok("25.0"));
    check_text("{{ data.big | string }}{# a remark #}", Ok("12345678901234567890.123"));
    check_text("{{ data.list | first }}{{ data.customer }}", Ok(r#"1{"id":"c1","name":"Ann\nLee"}"#));
}

#[test]
fn a_single_expression_keeps_its_type() {
    check_value("{{ data.amount }}", Ok(json!(600)));
    check_value("{{data.customer}}", Ok(json!({ "id": "c1", "name": "Ann\nLee" })));
    check_value("{{ data.note }}", Ok(json!(null)));
    check_value("{{ data.amount + 1 }}", Ok(json!(601)));
    check_value("{{ data.amount > 500 }}", Ok(json!(true)));
    check_value("{{- data.vip -}}", Ok(json!(true)));
    check_value("{{ [data.vip, data.refund_id] }}", Ok(json!([true, "r1"])));
    check_value("{{ data.amount }} ", Ok(json!("600 ")));
    check_value("{{ data.amount }}{{ data.amount }}", Ok(json!("600600")));
    check_value("{{ data.amount | string }} EUR", Ok(json!("600 EUR")));
    check_value("600", Ok(json!("600")));
}

#[test]
fn work_and_output_are_limited() {
    let endless = "{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}";
    check_text(endless, Err("the template takes more than 20000 steps"));
    let flood = format!("{{% for a in range(999) %}}{}{{% endfor %}}", "x".repeat(100));
    check_text(&flood, Err("the template yields more than 65536 bytes"));
    check_value("{{ range }}", Err("`range` is no value for an item"));
}

#[test]
fn an_error_does_not_tell_what_is_in_the_event() {
    check_text("{{ data.customer.name + 1 }}", Err("invalid operation in `data.customer.name + 1`"));
    let date = "the filter `date` needs a time with an offset, such as \"2026-03-02T09:00:00Z\"";
    check_text("{{ data.customer.name | date('%Y') }}", Err(date));
    check_text("a{{ data.list + 1 }}", Err("invalid operation in `data.list + 1`"));
    let sum = "invalid operation in `data.amount|int + data.customer.name`";
    check_value("{{ data.amount|int + data.customer.name }}", Err(sum));
    check_text("{{ data.nothing * 2 }}", Err("`data.nothing` is missing in this event"));
    check_text("{{ data.big * 2 }}", Err("a number with so many digits cannot be multiplied"));
}

#[test]
fn broken_templates_are_refused_when_loaded() {
    check_problem("{{ data.x ", "this template cannot be read", None);
    check_problem("{{ dta.x }}", "there is no variable `dta`", Some(("dta", "did you mean `data`?")));
    check_problem(
        "a {{ data.x | uper }}",
        "there is no filter `uper`",
        Some(("uper", "did you mean `upper`?")),
    );
    check_problem("{{ debug() }}", "there is no variable `debug`", None);
    check_problem("{{ type.x }}", "`type` is text and has no keys", Some(("x", "write `type` alone")));
    check_problem(
        "{{ row.id }}",
        "there is no variable `row`",
        Some(("row", "rows come with `[each]` for events, and with `[on.query]`")),
    );
    check_problem("{% macro x() %}{% endmacro %}", "there is no tag `macro`", None);
    check_problem("a {{ data.x + }}", "this template cannot be read", None);
    check_problem(&"x".repeat(TEMPLATE_BYTES_MAX + 1), "a template has at most 16384 bytes", None);
    let tick = Template::compile("{{ data.x }}", Variables::Tick).unwrap_err();
    assert_eq!(tick.message, "there is no variable `data` for templates here");
    assert_eq!(tick.help.as_deref(), Some("there are `tick` and `routine`"));
}

#[test]
fn a_tick_is_text_and_a_date_in_the_zone_of_its_schedule() {
    check_tick("{{ tick }}", "2026-03-29T01:00:00Z");
    check_tick("{{ tick | date('%d %b %H:%M') }}", "29 Mar 03:00");
    check_tick("{{ tick | date('%H:%M', 'UTC') }}", "01:00");
    check_tick("{{ routine | upper }} {{ tick | string }}", "LARGE-REFUND 2026-03-29T01:00:00Z");
}

#[test]
fn a_date_of_an_event_is_written_in_utc_or_the_zone_given() {
    check_text("{{ time | date('%Y-%m-%d') }}", Ok("1970-01-01"));
    check_text("{{ time | date('%H:%M', 'America/New_York') }}", Ok("19:00"));
    let zone = "the filter `date` does not know this time zone";
    check_text("{{ time | date('%H:%M', 'Mars/Base') }}", Err(zone));
}

#[test]
fn a_row_is_there_beside_events_and_ticks() {
    let (event, routine) = (refund(), RoutineName::parse("r").unwrap());
    let row = json!({ "id": 9007199254740993_i64, "name": "ann" });
    let tz = TimeZone::UTC;
    let tick = Timestamp::UNIX_EPOCH;
    let of_event = Scope::Event { event: &event, routine: &routine, row: Some(&row) };
    let of_tick = Scope::Tick { tick, tz: &tz, routine: &routine, row: Some(&row) };
    for (variables, scope) in [(Variables::EventRow, of_event), (Variables::TickRow, of_tick)] {
        let text = |template: &str| Template::compile(template, variables).unwrap().text(scope);
        assert_eq!(text("{{ row.id }} {{ row.name }}"), Ok("9007199254740993 ann".to_owned()));
        assert_eq!(text("{{ row.name | upper }}"), Ok("ANN".to_owned()));
        for template in ["{{ row.slug }}", "{{ row.slug | upper }}"] {
            assert_eq!(text(template).unwrap_err().to_string(), "`row.slug` is missing in this row");
        }
    }
    assert!(Template::compile("{{ data.x }}{{ row.x }}", Variables::EventRow).is_ok());
    assert!(Template::compile("{{ tick }}{{ row.x }}", Variables::TickRow).is_ok());
    assert!(Template::compile("{{ data.x }}", Variables::TickRow).is_err());
    assert!(Template::compile("{{ tick.x }}", Variables::Tick).is_err());
}

#[test]
fn a_template_tells_its_paths() {
    assert_eq!(compile("{{ data.a.b }}, {{ type }}").paths(), ["data.a.b", "type"]);
    let looped = compile("{% for x in data.list %}{{ x.y }}{{ data.a | upper }}{% endfor %}");
    assert_eq!(looped.paths(), ["data.a", "data.list"]);
    assert!(compile("plain").paths().is_empty());
}

#[test]
fn amounts_keep_their_digits() {
    check_text("{{ data.price | money('EUR') }}", Ok("12.50 EUR"));
    check_text("{{ data.amount | money('JPY') }}", Ok("600 JPY"));
    check_text("{{ '1234.005' | money('KWD', 'de') }}", Ok("1.234,005 KWD"));
    check_text("{{ data.big | money('USD') }}", Ok("12,345,678,901,234,567,890.12 USD"));
    check_text("{{ (data.price * 3) | money('USD') }}", Ok("37.50 USD"));
    check_text("{{ data.big | number }}", Ok("12,345,678,901,234,567,890.123"));
    check_text("{{ data.big | number(1, 'plain') }}", Ok("12345678901234567890.1"));
    check_text("{{ data.list[1] | number }}", Ok("2.50"));
}

#[test]
fn what_is_no_amount_is_told_without_showing_it() {
    let number = "the filter `money` needs a number, or text such as \"1234.50\"";
    check_text("{{ data.vip | money('EUR') }}", Err(number));
    check_text("{{ data.customer.name | money('EUR') }}", Err(number));
    let currency = "the filter `money` needs a currency of three capitals, such as \"EUR\"";
    check_text("{{ data.price | money('Euro') }}", Err(currency));
    let style = "there are the styles `en`, `de`, `fr`, `ch` and `plain`";
    check_text("{{ data.price | money('EUR', 'xx') }}", Err(style));
    check_text("{{ data.tax | money('EUR') }}", Err("`data.tax` is missing in this event"));
    check_text("{{ data.price | money(data.currency) }}", Err("`data.currency` is missing in this event"));
    check_text("{{ data.price | number(31) }}", Err("the filter `number` writes at most 30 decimals"));
}

#[test]
fn what_is_sliced_is_a_variable_like_any_other() {
    check_text("{{ data.refund_id[:1] }}{{ type[:3] }}", Ok("rref"));
    check_text("{% for x in [type[:2], 'b'] %}{{ x[:1] }}{% endfor %}", Ok("rb"));
    let problem = Template::compile("{{ dta.x[1:] }}", Variables::Event).unwrap_err();
    assert_eq!(
        (problem.message.as_str(), problem.span),
        ("there is no variable `dta` for templates here", 3..6)
    );
}

#[test]
fn text_is_made_to_fit() {
    check_text("{{ data.customer.name | truncate(4) }}", Ok("Ann…"));
    check_text("{{ data.customer.name | truncate(7) }}", Ok("Ann\nLee"));
    check_text("{{ 'äöüß' | truncate(3, end='..') }}|{{ 'abc' | truncate(1, '...') }}", Ok("ä..|."));
    check_text("{{ data.customer.name | oneline }}", Ok("Ann Lee"));
    check_text("{{ data.customer | tojson }}", Ok(r#"{"id":"c1","name":"Ann\nLee"}"#));
    let list = r#"[12.50,12345678901234567890.123,null,"a"]"#;
    check_text("{{ [data.price, data.big, none, 'a'] | tojson }}", Ok(list));
    check_text("{{ data.refund_id | tojson }}", Ok(r#""r1""#));
    check_text("{{ data.reason | tojson }}", Err("`data.reason` is missing in this event"));
}

/// Each example of the reference, with the values which stand above them.
#[test]
fn the_examples_of_the_reference_yield_what_it_says() {
    let reference = include_str!("../../../docs/routines.md");
    let section = reference.split("\n## ").find(|section| section.starts_with("Templates")).unwrap();
    let block = |fence: &str| section.split(fence).nth(1).and_then(|rest| rest.split("\n```").next());
    let data = serde_json::from_str(block("```json\n").unwrap()).unwrap();
    let event = testing::event("refund.requested", data);
    let routine = RoutineName::parse("large-refund").unwrap();
    let scope = Scope::Event { event: &event, routine: &routine, row: None };
    let lines = block("```jinja\n").unwrap().lines();
    let examples = lines.filter_map(|line| line.split_once("  =>  ")).collect::<Vec<_>>();
    assert!(examples.len() > 10, "the examples are gone");
    for (template, want) in examples {
        assert_eq!(compile(template.trim_end()).text(scope), Ok(want.to_owned()), "{template}");
    }
}

/// Any JSON value, with numbers written in every way.
fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,20})([.][0-9]{1,20})?(e-?[0-9]{1,3})?",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(|text| serde_json::from_str(&text).unwrap()),
        ".{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[a-c]", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A template of text and paths, some of which lead nowhere.
fn any_paths() -> impl Strategy<Value = String> {
    let path = "(data|(data|row)[.][a-c]|data[.][a-c][.][a-c]|old|old[.]a|meta|row|subject|type|id|routine)";
    let piece = prop_oneof!["[^{}]{0,6}", path.prop_map(|path| format!("{{{{ {path} }}}}"))];
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// The fast path yields what the engine yields, text, values and errors.
    #[test]
    fn the_fast_path_is_the_engine_made_fast(data in any_json(), template in any_paths()) {
        let event = testing::event("a.b", data.clone());
        let routine = RoutineName::parse("r").unwrap();
        let row = json!({ "a": data["a"], "b": 1 });
        let variables = Variables::EventRow;
        let scope = Scope::Event { event: &event, routine: &routine, row: Some(&row) };
        let fast = Template(Kind::Paths(fast::pieces(&template, variables).unwrap().into()));
        let slow = Template(Kind::Engine(Arc::new(engine::compile(&template, variables).unwrap())));
        prop_assert_eq!(fast.text(scope), slow.text(scope));
        prop_assert_eq!(fast.value(scope), slow.value(scope));
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in "([{}%#|.'\"a-c ()\\[\\]\\\\-]|data|\\{\\{|\\}\\}|if|is){0,20}") {
        let _ = Template::compile(&text, Variables::Event);
    }
}

fn refund() -> Event {
    testing::event("refund.requested", serde_json::from_str(REFUND).unwrap())
}

#[track_caller]
fn compile(text: &str) -> Template {
    Template::compile(text, Variables::Event).unwrap()
}

#[track_caller]
fn check_text(template: &str, want: Result<&str, &str>) {
    let (event, routine) = (refund(), RoutineName::parse("large-refund").unwrap());
    let got = compile(template).text(Scope::Event { event: &event, routine: &routine, row: None });
    let got = got.map_err(|error| error.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), want, "{template}");
}

#[track_caller]
fn check_value(template: &str, want: Result<Value, &str>) {
    let (event, routine) = (refund(), RoutineName::parse("large-refund").unwrap());
    let got = compile(template).value(Scope::Event { event: &event, routine: &routine, row: None });
    assert_eq!(got.map_err(|error| error.to_string()), want.map_err(str::to_owned), "{template}");
}

#[track_caller]
fn check_problem(template: &str, message: &str, marked: Option<(&str, &str)>) {
    let problem = Template::compile(template, Variables::Event).unwrap_err();
    assert!(problem.message.contains(message), "{}", problem.message);
    if let Some((marked, help)) = marked {
        assert_eq!(&template[problem.span], marked);
        assert_eq!(problem.help.as_deref(), Some(help));
    }
}

#[track_caller]
fn check_tick(template: &str, want: &str) {
    let routine = RoutineName::parse("large-refund").unwrap();
    let tick = "2026-03-29T01:00:00Z".parse::<Timestamp>().unwrap();
    let tz = TimeZone::get("Europe/Berlin").unwrap();
    let template = Template::compile(template, Variables::Tick).unwrap();
    let scope = Scope::Tick { tick, tz: &tz, routine: &routine, row: None };
    assert_eq!(template.text(scope), Ok(want.to_owned()));
}
