//! Names in a template which nothing answers to, found when it is loaded.
//!
//! The engine looks filters, tests and variables up when it renders, which is
//! too late for an operator. The words between `{{ }}` and `{% %}` are looked
//! through here, without understanding more of them than needed. Nor can text
//! have keys: what looks for some would be missing in every event.

use super::TemplateProblem;
use super::code::{Block, Kind, Token};
use super::scope::Variables;
use crate::rules::text::{closest, listed};
use std::collections::HashSet;
use std::ops::Range;

/// The filters templates may use, in the order in which they are documented.
pub(super) const FILTERS: &[&str] = &[
    "date",
    "money",
    "number",
    "truncate",
    "oneline",
    "tojson",
    "urlencode",
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

/// Words after which a bracket begins a list.
const ENDS_NO_VALUE: [&str; 8] = ["in", "and", "or", "not", "if", "else", "is", "elif"];

/// The functions templates may call.
pub(super) const FUNCTIONS: &[&str] = &["range", "dict"];

/// Checks that all names in the code of `text` are known. `free` are the
/// variables which the template uses and does not set itself.
pub(super) fn check(
    text: &str,
    blocks: &[Block<'_>],
    variables: Variables,
    free: &HashSet<String>,
) -> Result<(), TemplateProblem> {
    let known = |name: &str| variables.find(name).is_some() || FUNCTIONS.contains(&name);
    if let Some(name) = free.iter().filter(|name| !known(name)).min() {
        return Err(unknown_variable(text, blocks, variables, name));
    }
    let own = own_names(blocks);
    for block in blocks {
        check_words(&block.tokens)?;
        check_keys(&block.tokens, variables, &own)?;
    }
    Ok(())
}

fn unknown_variable(text: &str, blocks: &[Block<'_>], variables: Variables, name: &str) -> TemplateProblem {
    let after_dot = |tokens: &[Token<'_>], place: usize| place > 0 && tokens[place - 1].is(".");
    let at = blocks.iter().find_map(|block| {
        let tokens = block.tokens.iter().enumerate();
        let mut named = tokens.filter(|(_, token)| token.kind == Kind::Word && token.text == name);
        named.find(|(place, _)| !after_dot(&block.tokens, *place)).map(|(_, token)| token.span.clone())
    });
    let problem = unknown(at.unwrap_or(0..text.len()), "variable", name, &variables.names());
    if name != "row" {
        return problem;
    }
    let help = "rows come with `[each]` for events, and with `[on.query]`";
    TemplateProblem { help: Some(help.to_owned()), ..problem }
}

/// The names which the template may give values of its own.
/// The names of what is sliced, such as `id` in `id[:2]`: the engine does not
/// count them among the variables of a template.
pub(super) fn sliced(blocks: &[Block<'_>]) -> HashSet<String> {
    let own = own_names(blocks);
    let mut names = HashSet::new();
    for block in blocks {
        let tokens = &block.tokens;
        for (opener, closer) in block.closers().into_iter().enumerate() {
            let inside = closer.map_or(&[][..], |closer| &tokens[opener..closer]);
            if opener == 0 || !tokens[opener].is("[") || !inside.iter().any(|token| token.is(":")) {
                continue;
            }
            // To the beginning of the path.
            let mut head = opener - 1;
            while head >= 2 && tokens[head - 1].is(".") {
                head -= 2;
            }
            let name = &tokens[head];
            if name.kind == Kind::Word && !own.contains(name.text) && !ENDS_NO_VALUE.contains(&name.text) {
                names.insert(name.text.to_owned());
            }
        }
    }
    names
}

fn own_names<'a>(blocks: &'a [Block<'_>]) -> HashSet<&'a str> {
    let mut names = HashSet::new();
    for block in blocks {
        let end = match block.tag().map(|tag| tag.text) {
            Some("for") => "in",
            Some("set") => "=",
            // Names stand between the values, so all words are taken.
            Some("with") => "",
            _ => continue,
        };
        let tokens = block.tokens.iter().skip(1).take_while(|token| !token.is(end));
        names.extend(tokens.filter(|token| token.kind == Kind::Word).map(|token| token.text));
    }
    names
}

fn check_words(tokens: &[Token<'_>]) -> Result<(), TemplateProblem> {
    for (place, pair) in tokens.windows(2).enumerate() {
        let [token, next] = pair else { continue };
        if token.is("|") && next.kind == Kind::Word && !FILTERS.contains(&next.text) {
            return Err(unknown(next.span.clone(), "filter", next.text, FILTERS));
        }
        if token.is("|")
            && let Some(dot) = tokens.get(place + 2).filter(|dot| dot.is("."))
        {
            let help = "put brackets round what is filtered: `(data.list | first).name`";
            let message = "a filter has no keys".to_owned();
            return Err(TemplateProblem { message, span: dot.span.clone(), help: Some(help.to_owned()) });
        }
        let key = place > 0 && tokens[place - 1].is(".");
        if token.is("is") && !key {
            check_test(&tokens[place + 1..])?;
        }
    }
    Ok(())
}

/// Refuses keys of what is text in every event: nothing is ever there.
fn check_keys(
    tokens: &[Token<'_>],
    variables: Variables,
    own: &HashSet<&str>,
) -> Result<(), TemplateProblem> {
    for (place, token) in tokens.iter().enumerate() {
        let named = |mark: &str| place > 0 && tokens[place - 1].is(mark);
        if token.kind != Kind::Word || own.contains(token.text) || named(".") || named("|") {
            continue;
        }
        let variable = variables.find(token.text).filter(|variable| !variable.has_keys());
        let [dot, key, ..] = tokens.get(place + 1..).unwrap_or_default() else {
            continue;
        };
        if variable.is_some() && dot.is(".") {
            let (message, help) = match token.text {
                "tick" => ("`tick` is a time and has no keys".to_owned(), "write `tick | date('%Y')`".into()),
                name => (format!("`{name}` is text and has no keys"), format!("write `{name}` alone")),
            };
            return Err(TemplateProblem { message, span: key.span.clone(), help: Some(help) });
        }
    }
    Ok(())
}

fn check_test(tokens: &[Token<'_>]) -> Result<(), TemplateProblem> {
    let tokens = if tokens.first().is_some_and(|token| token.is("not")) { &tokens[1..] } else { tokens };
    let Some(test) = tokens.first().filter(|token| token.kind == Kind::Word) else {
        return Ok(());
    };
    if TESTS.contains(&test.text) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::template::code;

    #[test]
    fn known_names_pass() {
        check_ok("{{ data.x | default('a') | upper }}");
        check_ok("{% if data.x is not defined %}a{% endif %}");
        check_ok("{% if data.x is divisibleby 3 %}a{% endif %}");
        check_ok("{{ data.is.filter }}");
        check_ok("{{ (data.x | first).y }}");
        check_ok("{% raw %}{{ x | nothing }}{% endraw %}");
    }

    #[test]
    fn unknown_names_are_shown_where_they_stand() {
        check_refused("{{ data.x | uper }}", "filter `uper`", "uper", "did you mean `upper`?");
        check_refused(
            "{% if data.x is defind %}{% endif %}",
            "test `defind`",
            "defind",
            "did you mean `defined`?",
        );
        check_refused(
            "{% raw %}\"{% endraw %}{{ data.x | uper }}",
            "filter `uper`",
            "uper",
            "did you mean `upper`?",
        );
    }

    #[test]
    fn text_has_no_keys() {
        check_refused("{{ type.x }}", "`type` is text and has no keys", "x", "write `type` alone");
        check_refused("{% if subject .a %}", "`subject` is text", "a", "write `subject` alone");
        check_refused("{{ routine.name }}", "`routine` is text", "name", "write `routine` alone");
        check_refused(
            "{{ data.list | first.name }}",
            "a filter has no keys",
            ".",
            "put brackets round what is filtered: `(data.list | first).name`",
        );
        check_ok("{{ id[:8] }}{{ data.type.x }}{{ old.x }}{{ dict(type=1) }}");
        check_ok("{% for type in data.types %}{{ type.name }}{% endfor %}");
        check_ok("{% set id, time = data.a, data.b %}{{ id.x }}{{ time.x }}");
        check_ok("{% with a = data.a, source = data.b %}{{ source.x }}{% endwith %}");
    }

    #[track_caller]
    fn check_ok(text: &str) {
        let free = HashSet::from(["data".to_owned()]);
        assert_eq!(check(text, &code::blocks(text), Variables::Event, &free), Ok(()), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, message: &str, marked: &str, help: &str) {
        let problem = check(text, &code::blocks(text), Variables::Event, &HashSet::new()).unwrap_err();
        assert!(problem.message.contains(message), "{}", problem.message);
        assert_eq!(&text[problem.span], marked);
        assert_eq!(problem.help.as_deref(), Some(help));
    }
}
