//! Expressions which the settings bring along, to be put into statements of ours.
//!
//! An expression must not end the statement it is put into, nor the parentheses
//! around it, nor go on as a second one. Whether it means something is for
//! PostgreSQL to say.

use super::token::{Kind, Token, tokens};
use super::{SQL_BYTES_MAX, SqlError, refuse_psql};

/// How many expressions a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One: a value, or a condition.
    One,
    /// Several with commas between them: an order, or what `update … set` gets.
    List,
}

/// What a word of SQL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// A keyword or a name.
    Name,
    /// Text, a number, a parameter.
    Constant,
    /// One other character.
    Symbol,
}

/// A word of SQL, told apart from text and comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it is.
    pub kind: WordKind,
    /// A name as PostgreSQL knows it: in small letters, or as it was quoted.
    /// Anything else as it stands.
    pub text: String,
}

/// Reads an expression; comments around it are cut off.
///
/// # Errors
///
/// If it is empty, is no whole, or would not stay where it is put.
pub fn expression(text: &str, shape: Shape) -> Result<String, SqlError> {
    if text.len() > SQL_BYTES_MAX {
        let error = SqlError::new(format!("an expression has at most {SQL_BYTES_MAX} bytes"), 0..text.len());
        return Err(error.help("make a function of it"));
    }
    if let Some(at) = text.find('\0') {
        return Err(SqlError::new("SQL cannot hold the character 0", at..at + 1).help("remove it"));
    }
    let tokens = tokens(text)?;
    refuse_psql(text, &tokens)?;
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return Err(SqlError::new("there is no expression", 0..text.len()).help("write one, or leave it out"));
    };
    balanced(&tokens, shape)?;
    Ok(text.get(first.span.start..last.span.end).unwrap_or(text).to_owned())
}

/// Complains about what would reach beyond the place of the expression.
fn balanced(tokens: &[Token], shape: Shape) -> Result<(), SqlError> {
    let mut open: Vec<&Token> = Vec::new();
    for token in tokens {
        let span = token.span.clone();
        match token.kind {
            Kind::Symbol(b'(' | b'[') => open.push(token),
            Kind::Symbol(closing @ (b')' | b']')) => {
                let wanted = if closing == b')' { b'(' } else { b'[' };
                if open.pop().is_none_or(|opened| opened.kind != Kind::Symbol(wanted)) {
                    let message = format!("nothing is open which this `{}` could close", char::from(closing));
                    return Err(SqlError::new(message, span).help("balance the parentheses"));
                }
            }
            Kind::Symbol(b';') => {
                let error = SqlError::new("a `;` would end the statement which this is put into", span);
                return Err(error.help("write an expression, and no statement"));
            }
            Kind::Symbol(b',') if open.is_empty() && shape == Shape::One => {
                let error = SqlError::new("this comma makes two expressions of one", span);
                return Err(error.help("write one expression; join texts with `||`"));
            }
            Kind::Parameter(_) => {
                let error = SqlError::new("there is nothing to give a parameter here", span);
                return Err(error.help("write the value itself"));
            }
            Kind::Symbol(_) | Kind::Word | Kind::Quoted | Kind::Number => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some(opened) => {
            Err(SqlError::new("this is never closed", opened.span.clone()).help("balance the parentheses"))
        }
    }
}

/// The words of a text; none, if it cannot be told apart.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let word = |token: Token| {
        let raw = text.get(token.span).unwrap_or_default();
        let (kind, text) = match token.kind {
            Kind::Word => (WordKind::Name, raw.to_lowercase()),
            Kind::Quoted => match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(name) => (WordKind::Name, name.replace("\"\"", "\"")),
                None => (WordKind::Constant, raw.to_owned()),
            },
            Kind::Number | Kind::Parameter(_) => (WordKind::Constant, raw.to_owned()),
            Kind::Symbol(_) => (WordKind::Symbol, raw.to_owned()),
        };
        Word { kind, text }
    };
    tokens(text).unwrap_or_default().into_iter().map(word).collect()
}

/// The columns which an assignment, as of `update … set`, sets.
#[must_use]
pub fn targets(assignment: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    // The names before the next `=` which may be its columns.
    let mut before: Option<Vec<String>> = Some(Vec::new());
    for word in words(assignment) {
        match (word.kind, word.text.as_str()) {
            (WordKind::Symbol, "(" | "[") => depth += 1,
            (WordKind::Symbol, ")" | "]") => depth = depth.saturating_sub(1),
            (WordKind::Symbol, "=") if depth == 0 => found.extend(before.take().into_iter().flatten()),
            (WordKind::Symbol, ",") if depth == 0 => before = Some(Vec::new()),
            (WordKind::Name, _) => {
                if let Some(names) = &mut before {
                    names.push(word.text.clone());
                }
            }
            (WordKind::Symbol | WordKind::Constant, _) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_stays_where_it_is_put() {
        check("not processed", Shape::One, Ok("not processed"));
        check(" coalesce(a, b[1]) -- which ", Shape::One, Ok("coalesce(a, b[1])"));
        check("payload->>'a;b,('", Shape::One, Ok("payload->>'a;b,('"));
        check("\"odd;,(\" /* ;( */ = 1", Shape::One, Ok("\"odd;,(\" /* ;( */ = 1"));
        check("created_at desc, id", Shape::List, Ok("created_at desc, id"));
        check("a, b", Shape::One, Err((",", "two expressions")));
        check("a; drop table b", Shape::List, Err((";", "end the statement")));
        check("a;", Shape::One, Err((";", "end the statement")));
        check("a) or (b", Shape::One, Err((")", "nothing is open")));
        check("f(a", Shape::One, Err(("(", "never closed")));
        check("f(a]", Shape::One, Err(("]", "nothing is open")));
        check("'a", Shape::One, Err(("'", "does not end")));
        check(" -- only", Shape::One, Err((" -- only", "no expression")));
        check("", Shape::One, Err(("", "no expression")));
        check("a = $1", Shape::One, Err(("$1", "nothing to give")));
        check("a = :b", Shape::One, Err((":b", "variable of psql")));
    }

    #[test]
    fn words_are_told_apart() {
        let of = |text: &str| words(text).into_iter().map(|word| word.text).collect::<Vec<_>>();
        assert_eq!(of("Delete FROM \"My \"\"T\" -- x"), ["delete", "from", "My \"T"]);
        assert_eq!(of("a.b = 'from'"), ["a", ".", "b", "=", "'from'"]);
        assert_eq!(words("'a'")[0].kind, WordKind::Constant);
        assert!(words("'a").is_empty());
    }

    #[test]
    fn the_columns_of_an_assignment_are_known() {
        for (assignment, want) in [
            ("processed = true", vec!["processed"]),
            ("processed = true, at = now()", vec!["processed", "at"]),
            ("state = case when a = b then 'x' else 'y' end, \"Odd\" = 1", vec!["state", "Odd"]),
            ("(a, b) = (select c, d from t where e = f)", vec!["a", "b"]),
            ("processed", vec![]),
        ] {
            assert_eq!(targets(assignment), want, "{assignment}");
        }
    }

    #[track_caller]
    fn check(text: &str, shape: Shape, want: Result<&str, (&str, &str)>) {
        match (expression(text, shape), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want),
            (Err(error), Err((part, says))) => {
                assert_eq!(&text[error.span.clone()], part, "{text}: {error:?}");
                assert!(error.message.contains(says), "{text}: {error:?}");
            }
            (got, want) => panic!("{text}: {got:?}, and not {want:?}"),
        }
    }
}
