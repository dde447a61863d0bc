//! Templates cut into tokens.

use super::*;
use proptest::prelude::*;

#[test]
fn only_code_is_looked_at() {
    let tokens = r#"b . c | d ( "x }}" , { "e" : { "f" : 1 } } )"#;
    check(r#"a {{ b.c | d("x }}", {"e": {"f": 1}}) }} g"#, tokens);
    check("{# h | i #} {%- if j is not k +%}{ l }{% endif %}", "if j is not k / endif");
    check("{# {#}{{ a }}#}{{ b }}", "a / b");
    check("{#}{{ a }}#}{{ b }}", "b");
    check("{% raw %}{{ \" {% endraw %}{{ a }}", "a");
    check("{%- raw -%}{{ b }}{%- endraw %}{{ a }}", "a");
    check("{% rawer %}{{ a }}", "rawer / a");
    check("{{-1}}{{+ 2-}}", "1 / 2");
}

#[test]
fn numbers_are_cut_as_the_engine_cuts_them() {
    check("{{ 1e+5+2.50-0xfe.a.1.0 }}", "1e+5 + 2.50 - 0xfe . a . 1 . 0");
    check("{{ 1_000.e+3 ** 1.e3 // 1.real }}", "1_000.e+3 ** 1.e3 // 1 . real");
}

#[test]
fn what_cannot_be_read_ends_the_tokens() {
    check("{{ a ? b }}{{ c }}", "a");
    check("{{ a 'b }}", "a");
    check("{{ a", "a");
    check("{{ a) }}{{ b }}", "a ) } } { { b } }");
}

#[test]
fn places_are_those_of_the_template() {
    let text = "ü {{- a[1] -}} b";
    let blocks = blocks(text);
    assert_eq!(&text[blocks[0].span.clone()], "{{- a[1] -}}");
    assert_eq!(&text[blocks[0].inside.clone()], " a[1] ");
    assert!(blocks[0].tokens.iter().all(|token| &text[token.span.clone()] == token.text));
    assert_eq!(blocks[0].closers(), [None, Some(3), None, None]);
}

proptest! {
    #[test]
    fn no_text_is_too_broken(
        text in "([{}%#|.'\"+\\-*ae0-2x_() ü\\[\\]\\\\]|\\{\\{|\\}\\}|\\{%|%\\}|raw|endraw){0,24}",
    ) {
        for block in blocks(&text) {
            prop_assert!(block.span.end <= text.len() && block.inside.start <= block.inside.end);
        }
    }
}

#[track_caller]
fn check(text: &str, want: &str) {
    let words = |block: &Block<'_>| block.tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" ");
    assert_eq!(blocks(text).iter().map(words).collect::<Vec<_>>().join(" / "), want, "{text}");
}
