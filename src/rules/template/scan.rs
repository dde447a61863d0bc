//! Names in a template which nothing answers to, found when it is loaded.
//!
//! The engine looks filters, tests and variables up when it renders, which is
//! too late for an operator. The words between `{{ }}` and `{% %}` are looked
//! through here, without understanding more of them than needed.

use super::TemplateProblem;
use super::scope::Variables;
use crate::rules::text::{closest, listed};
use std::collections::HashSet;
use std::ops::Range;

/// The filters templates may use, in the order in which they are documented.
pub(super) const FILTERS: &[&str] = &[
    "date",
    "default",
    "d",
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "replace",
    "split",
    "lines",
    "indent",
    "join",
    "string",
    "int",
    "float",
    "bool",
    "round",
    "abs",
    "sum",
    "min",
    "max",
    "length",
    "count",
    "first",
    "last",
    "reverse",
    "sort",
    "unique",
    "list",
    "items",
    "dictsort",
    "attr",
    "map",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "groupby",
    "batch",
    "slice",
    "chain",
    "zip",
];

/// The tests templates may use after `is`.
pub(super) const TESTS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "boolean",
    "true",
    "false",
    "number",
    "integer",
    "int",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "odd",
    "even",
    "divisibleby",
    "startingwith",
    "endingwith",
    "lower",
    "upper",
    "sameas",
    "in",
    "eq",
    "equalto",
    "ne",
    "lt",
    "lessthan",
    "le",
    "gt",
    "greaterthan",
    "ge",
    "filter",
    "test",
];

/// The functions templates may call.
pub(super) const FUNCTIONS: &[&str] = &["range", "dict"];

/// Checks that all names in `text` are known. `free` are the variables which
/// the template uses and does not set itself.
pub(super) fn check(text: &str, variables: Variables, free: &HashSet<String>) -> Result<(), TemplateProblem> {
    let words = words(text);
    let known = |name: &str| variables.find(name).is_some() || FUNCTIONS.contains(&name);
    if let Some(name) = free.iter().filter(|name| !known(name)).min() {
        let at = words.iter().find(|word| word.text == name.as_str() && word.before != b'.');
        let span = at.map_or(0..text.len(), |word| word.span.clone());
        return Err(unknown(span, "variable", name, &variables.names()));
    }
    for (place, word) in words.iter().enumerate() {
        if word.before == b'|' && !FILTERS.contains(&word.text) {
            return Err(unknown(word.span.clone(), "filter", word.text, FILTERS));
        }
        if word.text == "is" && word.before != b'.' {
            check_test(&words[place + 1..])?;
        }
    }
    Ok(())
}

fn check_test(words: &[Word<'_>]) -> Result<(), TemplateProblem> {
    let words = if words.first().is_some_and(|word| word.text == "not") { &words[1..] } else { words };
    let Some(test) = words.first().filter(|word| word.before == b' ') else {
        return Ok(());
    };
    // The engine takes `is divisible by` for `is divisibleby`.
    let joined = words.get(1).map(|next| format!("{}{}", test.text, next.text));
    let known = |name: &str| TESTS.contains(&name);
    if known(test.text) || joined.is_some_and(|joined| known(&joined)) {
        return Ok(());
    }
    Err(unknown(test.span.clone(), "test", test.text, TESTS))
}

fn unknown(span: Range<usize>, what: &str, name: &str, known: &[&str]) -> TemplateProblem {
    let help = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", listed(known.iter().copied())),
    };
    let message = format!("there is no {what} `{name}` for templates here");
    TemplateProblem { message, span, help: Some(help) }
}

/// A word of the template's code.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word<'a> {
    text: &'a str,
    span: Range<usize>,
    /// The last character before it which is no space; a space, if that belongs
    /// to another word.
    before: u8,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    // What stands in a raw block is no code, and rare enough not to look at.
    if text.contains("endraw") {
        return words;
    }
    let mut at = 0;
    while let Some(start) = text[at..].find('{').map(|start| at + start) {
        at = match text.as_bytes().get(start + 1) {
            Some(b'#') => text[start..].find("#}").map_or(text.len(), |end| start + end + 2),
            Some(b'{' | b'%') => code(text, start + 2, &mut words),
            _ => start + 1,
        };
    }
    words
}

/// Collects the words of the code which begins at `at`, and says where it ends.
fn code<'a>(text: &'a str, mut at: usize, words: &mut Vec<Word<'a>>) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut before = b'{';
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at = string_end(bytes, at),
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b'%' if depth == 0 && bytes.get(at + 1) == Some(&b'}') => return at + 2,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            byte if is_word(byte) => {
                let end = at + bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
                words.push(Word { text: &text[at..end], span: at..end, before });
                (at, before) = (end, b' ');
                continue;
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        at += 1;
    }
    bytes.len()
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// The place of the quote which ends the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != bytes[start] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_code_are_looked_at() {
        let text = r#"a {{ b.c | d("x | y }}", {"e": {"f": 1}}) }} g {# h | i #} {% if j is not k %}{ l }{% endif %}"#;
        let found = words(text).iter().map(|word| word.text).collect::<Vec<_>>();
        assert_eq!(found, ["b", "c", "d", "1", "if", "j", "is", "not", "k", "endif"]);
    }

    #[test]
    fn every_place_of_a_broken_template_ends() {
        let text = r#"{{ a | b("c\"d", 'e }} {% f %} {# g"#;
        for end in 0..=text.len() {
            assert!(words(&text[..end]).len() <= 6);
        }
    }

    #[test]
    fn known_names_pass() {
        check_ok("{{ data.x | default('a') | upper }}");
        check_ok("{% if data.x is not defined %}a{% endif %}");
        check_ok("{% if data.x is divisible by 3 %}a{% endif %}");
        check_ok("{{ data.is.filter }}");
        check_ok("{% raw %}{{ x | nothing }}{% endraw %}");
    }

    #[test]
    fn unknown_names_are_shown_where_they_stand() {
        check_unknown("{{ data.x | uper }}", "filter `uper`", "uper", "did you mean `upper`?");
        check_unknown(
            "{% if data.x is defind %}{% endif %}",
            "test `defind`",
            "defind",
            "did you mean `defined`?",
        );
    }

    #[track_caller]
    fn check_ok(text: &str) {
        assert_eq!(check(text, Variables::Event, &HashSet::from(["data".to_owned()])), Ok(()), "{text}");
    }

    #[track_caller]
    fn check_unknown(text: &str, message: &str, marked: &str, help: &str) {
        let problem = check(text, Variables::Event, &HashSet::new()).unwrap_err();
        assert!(problem.message.contains(message), "{}", problem.message);
        assert_eq!(&text[problem.span], marked);
        assert_eq!(problem.help.as_deref(), Some(help));
    }
}
