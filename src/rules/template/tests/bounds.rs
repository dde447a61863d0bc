//! Whatever a template says and an event holds, rendering ends soon.

use super::*;

/// Little templates which ask for much, and what stands in their way.
#[test]
fn no_template_runs_away() {
    let heavy = Err("the template handles more than 16 MiB of values");
    let doubled = |step: &str| format!("{{% set a = 'x' %}}{}{{{{ a | length }}}}", step.repeat(60));
    check_text(&doubled("{% set a = a ~ a %}"), heavy);
    check_text(&doubled("{% set a = a + a %}"), heavy);
    check_text(&doubled("{% set a = [a, a] %}"), heavy);
    check_text(&doubled("{% set a = {'l': a, 'r': a} %}"), heavy);
    let numbers = Err("`*` multiplies numbers only, and one of these values is not a number");
    check_text("{{ 'x' * 1000000000 }}", numbers);
    check_text("{{ data.amount * [1] }}", numbers);
    check_text("{{ (('x')) * 1000000000 ~ 'y' }}", numbers);
    check_text("{{ data.customer.name * data.amount }}", numbers);
    check_text("{{ range(1000000000) }}", Err("`range` yields at most 10000 numbers"));
    check_text("{{ range(9999) | join('x' ~ range(9999) | join) | length }}", heavy);
    check_text("{{ 'a' | indent(99999999) }}", Err("the filter `indent` is asked for too much space"));
    check_text("{{ [1] | batch(99999999, 0) }}", Err("the filter `batch` makes lists of at most 1000"));
    check_text("{{ range(9) | sum(start='') }}", Err("the filter `sum` starts from a number"));
    check_text("{{ 2 ** 99999999 }}", Err("invalid operation in `2 ** 99999999`"));
    check_text("{% if data.amount is divisibleby 0 %}a{% endif %}", Ok(""));
    for (before, after) in [("(", ")"), ("not ", ""), ("- ", ""), ("", "+1"), ("", ".x"), ("", "|upper")] {
        let text = format!("{{{{ {}a{} }}}}", before.repeat(2000), after.repeat(2000));
        check_problem(&text, "there are at most 200 operators", None);
    }
    check_problem(&"{% if 1 %}".repeat(1500), "this template cannot be read", None);
    check_problem(&format!("{{% if 1 %}}{}", "{% elif 1 %}".repeat(1000)), "at most 50 `elif`", None);
}

/// An event's text is multiplied by its number in a loop, without being shown.
#[test]
fn no_event_makes_a_template_run_away() {
    let line = json!({ "price": "x".repeat(1000), "count": 100_000 });
    let event = testing::event("a.b", json!({ "lines": vec![line; 3000], "long": "y".repeat(100_000) }));
    let routine = RoutineName::parse("r").unwrap();
    let scope = Scope::Event { event: &event, routine: &routine, row: None };
    for template in [
        "{% for l in data.lines if l.price * l.count > 9 %}{% endfor %}",
        "{% for l in data.lines %}{% if data.long ~ data.long == l.price %}{% endif %}{% endfor %}",
        "{% for l in data.lines %}{% set x = data.long | upper %}{% endfor %}",
        "{% for l in data.lines if data.lines == data.lines %}{% endfor %}",
        "{% for l in data.lines if data.lines in l.price %}{% endfor %}",
        "{{ data.long | replace('', data.long) | length }}",
        "{{ data.long | list | join(data.long) | length }}",
    ] {
        assert!(compile(template).text(scope).is_err(), "{template}");
    }
}

/// Words which templates are made of.
#[rustfmt::skip]
const WORDS: [&str; 75] = [
    "{{ ", " }}", "{% if ", "{% for x in ", "{% set x = ", "{% with y = ", " %}", "{% else %}",
    "{% endif %}", "{% endfor %}", "{% endwith %}", "data", ".a", ".b", ".c", "x", "y", "loop", ".index",
    ".cycle", "type", "(", ")", "[", "]", "{", "}", ",", ":", "=", "|", "~", "+", "-", " * ", "**", "/",
    "//", "%", " == ", " < ", " in ", " is ", " not ", " and ", " if ", " else ", "range", "dict", "|join",
    "|replace", "|indent", "|batch", "|slice", "|sort", "|map", "|sum", "|list", "|tojson", "|money",
    "|number", "|truncate", "|date", "|round", "|int", "divisibleby ", "defined ", "'a'", "'%Y'", "'EUR'",
    "0", "1", "9", "-9223372036854775808", "1e308",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// Whatever can be compiled comes to an end, in a value or an error.
    #[test]
    fn no_template_makes_the_engine_panic(
        words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..16),
        data in any_json(),
    ) {
        for text in [words.concat(), format!("{{{{ data{} }}}}", words.concat())] {
            let Ok(template) = Template::compile(&text, Variables::Event) else { continue };
            let event = testing::event("a.b", data.clone());
            let routine = RoutineName::parse("r").unwrap();
            let scope = Scope::Event { event: &event, routine: &routine, row: None };
            let _ = (template.text(scope), template.value(scope));
        }
    }
}
