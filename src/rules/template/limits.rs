//! What templates leave out of the engine's language, and how involved they
//! may be.
//!
//! A title needs no macros, blocks or captured text: they are for web pages, and
//! what they do cannot be bounded. Nor may code nest so deep that merely
//! reading it takes more stack than a thread has.

use super::TemplateProblem;
use super::code::{Block, Kind, Token};
use crate::rules::text::{closest, listed};

/// The tags templates may use.
const TAGS: [&str; 11] =
    ["if", "elif", "else", "endif", "for", "endfor", "set", "with", "endwith", "raw", "endraw"];

/// The most operators between one pair of braces. The engine walks them one
/// inside the other; people lose their way far earlier.
const OPERATORS_MAX: usize = 200;

/// The most `elif` of one template; the engine takes each to be inside the one
/// before.
const BRANCHES_MAX: usize = 50;

/// Words which are operators.
const WORDS: [&str; 7] = ["not", "and", "or", "is", "in", "if", "else"];

/// Checks that a template stays within the language and its bounds.
pub(super) fn check(blocks: &[Block<'_>]) -> Result<(), TemplateProblem> {
    let mut branches = 0;
    for block in blocks {
        check_tag(block)?;
        check_operators(block)?;
        check_brackets(block)?;
        branches += usize::from(block.tag().is_some_and(|tag| tag.is("elif")));
        if branches > BRANCHES_MAX {
            let message = format!("a template has at most {BRANCHES_MAX} `elif`");
            let help = "let the worker decide, or make several routines";
            return Err(problem(block.span.clone(), message, help));
        }
    }
    Ok(())
}

fn check_tag(block: &Block<'_>) -> Result<(), TemplateProblem> {
    let Some(tag) = block.tag() else {
        return Ok(());
    };
    if !TAGS.contains(&tag.text) {
        let help = match closest(tag.text, TAGS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(TAGS)),
        };
        let message = format!("there is no tag `{}` for templates here", tag.text);
        return Err(problem(tag.span.clone(), message, help));
    }
    if tag.is("for")
        && let [.., before, last] = &block.tokens[..]
        && last.is("recursive")
        && !before.is(".")
        && !before.is("in")
    {
        let message = "a loop cannot be `recursive` here";
        return Err(problem(last.span.clone(), message, "write a loop inside the loop"));
    }
    if tag.is("set") && !block.tokens.iter().any(|token| token.is("=")) {
        let message = "`set` needs a value here";
        return Err(problem(block.span.clone(), message, "write `{% set name = data.amount %}`"));
    }
    Ok(())
}

fn check_operators(block: &Block<'_>) -> Result<(), TemplateProblem> {
    let operator = |token: &&Token<'_>| match token.kind {
        Kind::Mark => !token.closes() && !matches!(token.text, "," | ":" | "="),
        Kind::Word => WORDS.contains(&token.text),
        Kind::Number | Kind::Text => false,
    };
    if block.tokens.iter().filter(operator).count() > OPERATORS_MAX {
        let message = format!("there are at most {OPERATORS_MAX} operators between one pair of braces");
        return Err(problem(block.span.clone(), message, "take it apart with `{% set name = … %}`"));
    }
    Ok(())
}

/// Refuses what stands in brackets and has no use here, but trips the engine.
fn check_brackets(block: &Block<'_>) -> Result<(), TemplateProblem> {
    // For each open bracket, how many colons it has had.
    let mut open = Vec::new();
    let mut before = None;
    for (place, token) in block.tokens.iter().enumerate() {
        if token.opens() {
            open.push((token.text, 0));
        } else if token.closes() {
            open.pop();
        } else if token.is(":")
            && let Some((bracket, colons)) = open.last_mut()
        {
            *colons += 1;
            if *bracket == "[" && *colons > 1 {
                let message = "a slice has no step here";
                return Err(problem(token.span.clone(), message, "`reverse` turns a list round"));
            }
        }
        let first = before.is_none_or(|before: &Token<'_>| before.is("(") || before.is(","));
        if first && (token.is("*") || token.is("**")) {
            let message = format!("`{}` stands between two numbers here", token.text);
            return Err(problem(token.span.clone(), message, "write the arguments one by one"));
        }
        let empty = |place: usize| block.tokens.get(place).is_some_and(|token| token.is(")"));
        if token.is("(") && before.is_some_and(|before| before.is("cycle")) && empty(place + 1) {
            let message = "`cycle` has nothing to choose from";
            return Err(problem(token.span.clone(), message, "write `loop.cycle('odd', 'even')`"));
        }
        before = Some(token);
    }
    Ok(())
}

fn problem(
    span: std::ops::Range<usize>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> TemplateProblem {
    TemplateProblem { message: message.into(), span, help: Some(help.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::template::code;

    #[test]
    fn what_titles_need_is_within_the_limits() {
        for text in [
            "{% if data.x %}a{% elif data.y %}b{% else %}c{% endif %}",
            "{% for x in data.list if x.ok %}{{ loop.cycle('a', 'b') }}{% endfor %}",
            "{% set a, b = data.x, data.y %}{% with c = a * b ** 2 %}{{ c }}{% endwith %}",
            "{{ data.list[1:] }}{{ {'a': 1, 'b': [1, 2]}[data.x] }}{{ data.recursive }}",
            "{% for x in data.recursive %}{% endfor %}",
            "{% raw %}{% macro x() %}{% endraw %}",
        ] {
            assert_eq!(check(&code::blocks(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_bounded_is_refused_where_it_stands() {
        check_refused("a{% macro x() %}", "macro", "there is no tag `macro`");
        check_refused("{% fro x in y %}", "fro", "there is no tag `fro`");
        check_refused("{% set x %}a{% endset %}", "{% set x %}", "`set` needs a value here");
        check_refused("{% for x in y recursive %}", "recursive", "a loop cannot be `recursive`");
        check_refused("{{ 'abc'[0:2:-1] }}", ":", "a slice has no step");
        check_refused("{{ dict(*data.x) }}", "*", "`*` stands between two numbers");
        check_refused("{{ dict(a=1, **data.x) }}", "**", "`**` stands between two numbers");
        check_refused("{{ loop.cycle() }}", "(", "`cycle` has nothing to choose from");
        let deep = format!("{{{{ {}a }}}}", "not ".repeat(OPERATORS_MAX + 1));
        check_refused(&deep, &deep, "at most 200 operators");
        let chain = format!("{{{{ a{} }}}}", "+1".repeat(OPERATORS_MAX + 1));
        check_refused(&chain, &chain, "at most 200 operators");
        let branches = format!("{{% if a %}}{}", "{% elif a %}".repeat(BRANCHES_MAX + 1));
        check_refused(&branches, "{% elif a %}", "at most 50 `elif`");
    }

    #[track_caller]
    fn check_refused(text: &str, marked: &str, message: &str) {
        let problem = check(&code::blocks(text)).unwrap_err();
        assert!(problem.message.contains(message), "{}", problem.message);
        assert_eq!(&text[problem.span], marked);
        assert!(problem.help.is_some());
    }
}
