//! Reads the tests of text.

use super::in_quotes;
use super::operators::mistyped;
use crate::rules::condition::{Fold, Like, LikeError, Network, Pattern, PatternError, Test, fold};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Text, Value, text_of};
use std::collections::HashSet;
use toml::de::DeValue;

/// Reads a test which takes a text or several; none, if there is no such test.
pub(super) fn test(findings: &mut Findings, name: &str, value: &Value<'_>) -> Option<Test> {
    let how = fold_of(name);
    let texts = texts(findings, name, value)?;
    let words = || texts.iter().map(|text| folded(text.text, how)).collect::<Vec<_>>();
    let test = match name {
        "prefix" | "iprefix" => Test::Prefix(how, words()),
        "suffix" | "isuffix" => Test::Suffix(how, words()),
        "contains" | "icontains" => Test::Contains(how, words()),
        "iequals" => Test::IEquals(words()),
        "like" | "ilike" => Test::Like(how, all(&texts, |text| like(findings, name, text, how))?),
        "regex" => {
            if let [text] = &texts[..] {
                advise(findings, text);
            }
            Test::Regex(all(&texts, |text| regex(findings, text))?)
        }
        "cidr" => Test::Cidr(all(&texts, |text| network(findings, text))?),
        _ => return None,
    };
    if matches!(test, Test::Prefix(..) | Test::Suffix(..) | Test::Contains(..)) {
        warn_of_empty(findings, name, &texts);
    }
    Some(test)
}

fn fold_of(name: &str) -> Fold {
    match name {
        "iequals" | "iprefix" | "isuffix" | "icontains" | "ilike" => Fold::Insensitive,
        _ => Fold::Exact,
    }
}

fn folded(text: &str, how: Fold) -> Box<str> {
    match how {
        Fold::Exact => text.into(),
        Fold::Insensitive => fold(text).into(),
    }
}

/// Reads each of the texts, so that all that is wrong is found.
fn all<T>(texts: &[Text<'_>], read: impl FnMut(&Text<'_>) -> Option<T>) -> Option<Vec<T>> {
    texts.iter().map(read).collect::<Vec<_>>().into_iter().collect()
}

/// One text, or a list of them without any twice.
fn texts<'a>(findings: &mut Findings, name: &str, value: &'a Value<'a>) -> Option<Vec<Text<'a>>> {
    let help = "numbers and booleans are compared with the value itself, or with `gt`, `gte`, `lt` and `lte`";
    let DeValue::Array(items) = value.get_ref() else {
        return match text_of(value) {
            Some(text) => Some(vec![text]),
            None => mistyped(findings, name, value, "a string or an array of strings", help),
        };
    };
    if items.is_empty() {
        let message = format!("`{name}` has an empty list, which no text passes");
        let problem = Problem::error(value.span(), message).label("names no text");
        findings.push(problem.help(format!("write a text: `{{ {name} = \"…\" }}`")));
        return None;
    }
    let (mut texts, mut seen) = (Vec::new(), HashSet::new());
    let mut whole = true;
    for item in items.iter() {
        let Some(text) = text_of(item) else {
            whole = mistyped(findings, name, item, "a string", help).unwrap_or(false);
            continue;
        };
        if !seen.insert(folded(text.text, fold_of(name))) {
            let problem = Problem::error(item.span(), "this text is in the list twice");
            findings.push(problem.label("again").help("remove it"));
            whole = false;
        }
        texts.push(text);
    }
    whole.then_some(texts)
}

fn like(findings: &mut Findings, name: &str, text: &Text<'_>, how: Fold) -> Option<Like> {
    let LikeError { message, span } = match Like::parse(text.text, how) {
        Ok(like) => {
            warn_of_stars(findings, name, text, &like);
            return Some(like);
        }
        Err(error) => error,
    };
    let span = text.part(findings.text(), span);
    let help = "`*` is any text; `\\*` and `\\\\` are those characters, and the backslash is written once in \
                single quotes: `'50\\*'`";
    findings.push(Problem::error(span, message).label("in this pattern").help(help));
    None
}

fn regex(findings: &mut Findings, text: &Text<'_>) -> Option<Pattern> {
    let PatternError { message, span } = match Pattern::parse(text.text) {
        Ok(pattern) => return Some(pattern),
        Err(error) => error,
    };
    let span = span.map_or(text.span.clone(), |span| text.part(findings.text(), span));
    let help = "the syntax is that of the `regex` crate of Rust; in single quotes a backslash is written \
                once: `'^\\d+$'`";
    let problem = Problem::error(span, format!("this is no regular expression: {message}"));
    findings.push(problem.label("in this expression").help(help));
    None
}

fn network(findings: &mut Findings, text: &Text<'_>) -> Option<Network> {
    match Network::parse(text.text) {
        Ok(network) => Some(network),
        Err(error) => {
            let problem = Problem::error(text.span.clone(), error.to_string()).label("not a range");
            findings.push(problem.help("write `10.0.0.0/8`, `2001:db8::/32`, or a single address"));
            None
        }
    }
}

fn warn_of_empty(findings: &mut Findings, name: &str, texts: &[Text<'_>]) {
    for text in texts.iter().filter(|text| text.text.is_empty()) {
        let problem = Problem::warning(text.span.clone(), format!("every text passes an empty `{name}`"));
        findings.push(problem.label("empty").help("leave the test out, or say what the text must have"));
    }
}

fn warn_of_stars(findings: &mut Findings, name: &str, text: &Text<'_>, like: &Like) {
    let (message, help) = if text.text == "*" {
        (format!("every text passes this `{name}`"), "leave the test out, or put something beside the star")
    } else if like.pieces().len() > 1 {
        return;
    } else if text.text.contains('%') {
        (format!("a `%` is no wildcard of `{name}`"), "write `*` for any text")
    } else {
        (
            format!("this `{name}` has no star, so it compares the whole text"),
            "write `*` where there may be any text; without one, equality says the same",
        )
    };
    findings.push(Problem::warning(text.span.clone(), message).label("as it stands").help(help));
}

/// Says which operator does the work of an expression which is only a text: it
/// is found by an index, where each expression has to be tried.
fn advise(findings: &mut Findings, text: &Text<'_>) {
    let (message, help) = match plain(text.text) {
        None => return,
        Some((Anchors::None | Anchors::Start | Anchors::End, word)) if word.is_empty() => {
            ("every text passes this expression", "leave the test out".to_owned())
        }
        Some((anchors, word)) => {
            let operator = match anchors {
                Anchors::None => "contains",
                Anchors::Start => "prefix",
                Anchors::End => "suffix",
                Anchors::Both => "eq",
            };
            let help = format!("write `{operator} = {}`, which is found faster", in_quotes(&word));
            ("this expression only looks for a text", help)
        }
    };
    findings.push(Problem::warning(text.span.clone(), message).label("nothing varies here").help(help));
}

/// To which ends of the text an expression is tied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchors {
    None,
    Start,
    End,
    Both,
}

/// The text an expression looks for, if it is only one.
fn plain(pattern: &str) -> Option<(Anchors, String)> {
    let (start, rest) = strip(pattern, |text| text.strip_prefix('^'));
    let rest = if start { rest } else { rest.strip_prefix(".*").unwrap_or(rest) };
    let (end, rest) = strip(rest, |text| text.strip_suffix('$').filter(|rest| !ends_in_escape(rest)));
    let rest = if end { rest } else { rest.strip_suffix(".*").unwrap_or(rest) };
    let anchors = match (start, end) {
        (false, false) => Anchors::None,
        (true, false) => Anchors::Start,
        (false, true) => Anchors::End,
        (true, true) => Anchors::Both,
    };
    let mut word = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            // `\<` and `\>` are edges of words.
            '\\' => word.push(chars.next().filter(|c| c.is_ascii_punctuation() && !matches!(c, '<' | '>'))?),
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            c => word.push(c),
        }
    }
    Some((anchors, word))
}

fn strip(text: &str, how: impl Fn(&str) -> Option<&str>) -> (bool, &str) {
    how(text).map_or((false, text), |rest| (true, rest))
}

/// Whether what follows is escaped.
fn ends_in_escape(text: &str) -> bool {
    (text.len() - text.trim_end_matches('\\').len()) % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_which_is_only_a_text_is_known() {
        check("refund", Some((Anchors::None, "refund")));
        check(".*refund.*", Some((Anchors::None, "refund")));
        check("^refund", Some((Anchors::Start, "refund")));
        check(r"^refund\.", Some((Anchors::Start, "refund.")));
        check("^refund.*", Some((Anchors::Start, "refund")));
        check("refund$", Some((Anchors::End, "refund")));
        check(r"\$5$", Some((Anchors::End, "$5")));
        check(r"5\$", Some((Anchors::None, "5$")));
        check(r"5\\$", Some((Anchors::End, r"5\")));
        check("^refund$", Some((Anchors::Both, "refund")));
        check("", Some((Anchors::None, "")));
        check(".*", Some((Anchors::None, "")));
        for pattern in ["^a.c", "a|b", "a+", "[ab]", "(?i)a", r"\d", r"a\.*", "^.*a", "a.*$", "a{2}", r"\<a"]
        {
            check(pattern, None);
        }
    }

    #[track_caller]
    fn check(pattern: &str, want: Option<(Anchors, &str)>) {
        let got = plain(pattern);
        assert_eq!(got, want.map(|(anchors, word)| (anchors, word.to_owned())), "{pattern}");
        if let Some((anchors, word)) = got {
            let ok = |text: &str| match anchors {
                Anchors::None => text.contains(&word),
                Anchors::Start => text.starts_with(&word),
                Anchors::End => text.ends_with(&word),
                Anchors::Both => text == word,
            };
            let pattern = Pattern::parse(pattern).unwrap();
            for text in
                [word.clone(), format!("a{word}"), format!("{word}\n"), format!("\n{word}b"), String::new()]
            {
                assert_eq!(pattern.matches(&text), ok(&text), "{text:?}");
            }
        }
    }
}
