//! SQL which a routine brings along: one statement, told apart into tokens.
//!
//! It is not understood. Only PostgreSQL can say whether a statement is right;
//! what is told here is where its parameters are, where it ends, and with which
//! word it begins.

mod expression;
mod token;

pub use self::expression::{Shape, Word, WordKind, expression, targets, words};

use self::token::{Kind, Token, tokens};
use std::ops::Range;
use std::sync::Arc;

/// The longest statement, in bytes. A longer one belongs into a view or a
/// function of the database.
pub const SQL_BYTES_MAX: usize = 64 * 1024;

/// The words after which a statement goes on behind `with …`.
const MAIN_WORDS: [&str; 7] = ["select", "insert", "update", "delete", "merge", "values", "table"];

/// One statement. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql {
    text: Arc<str>,
    parameters: Arc<[(Range<usize>, u32)]>,
    verb: Box<str>,
    /// Where the statement behind `with …` begins.
    main: Option<usize>,
}

/// Why a text is not one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// What is wrong.
    pub message: String,
    /// The offending bytes of the text.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

impl SqlError {
    fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span, help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Sql {
    /// Reads one statement; a semicolon at its end is cut off.
    ///
    /// # Errors
    ///
    /// If it is none, or more than one, or speaks to psql.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        if text.len() > SQL_BYTES_MAX {
            let error =
                SqlError::new(format!("a statement has at most {SQL_BYTES_MAX} bytes"), 0..text.len());
            return Err(error.help("make a view or a function of it"));
        }
        if let Some(at) = text.find('\0') {
            return Err(SqlError::new("SQL cannot hold the character 0", at..at + 1).help("remove it"));
        }
        let mut tokens = tokens(text)?;
        refuse_psql(text, &tokens)?;
        cut(&mut tokens)?;
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return Err(SqlError::new("there is no statement", 0..text.len()).help("write one SQL statement"));
        };
        let verb = text.get(first.span.clone()).unwrap_or_default().to_lowercase();
        let parameters = tokens.iter().filter_map(|token| match token.kind {
            Kind::Parameter(number) => Some((token.span.clone(), number)),
            Kind::Word | Kind::Quoted | Kind::Number | Kind::Symbol(_) => None,
        });
        Ok(Self {
            parameters: parameters.collect(),
            main: if verb == "with" { main_of(text, &tokens) } else { None },
            verb: verb.into(),
            text: text.get(..last.span.end).unwrap_or(text).into(),
        })
    }

    /// The statement, without a semicolon.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its first word in small letters; `(` if it begins so.
    #[must_use]
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// Its parameters as they come, each with its place in the text and its
    /// number.
    #[must_use]
    pub fn parameters(&self) -> &[(Range<usize>, u32)] {
        &self.parameters
    }

    /// The statement with something else for each parameter.
    #[must_use]
    pub fn replaced(&self, with: impl Fn(u32) -> String) -> String {
        self.part(0..self.text.len(), &with)
    }

    /// The same as the last part of a `with`, called `name`, to be followed by a
    /// `select` from it. A statement which writes may stand there, and not in a
    /// subquery. None, if it begins with `with` and does not go on.
    #[must_use]
    pub fn named(&self, name: &str, with: impl Fn(u32) -> String) -> Option<String> {
        let end = self.text.len();
        if &*self.verb != "with" {
            return Some(format!("with {name} as materialized (\n{}\n)", self.part(0..end, &with)));
        }
        let main = self.main?;
        let (head, tail) = (self.part(0..main, &with), self.part(main..end, &with));
        Some(format!("{head}\n, {name} as materialized (\n{tail}\n)"))
    }

    fn part(&self, range: Range<usize>, with: &impl Fn(u32) -> String) -> String {
        let mut out = String::with_capacity(range.len() + 64);
        let mut from = range.start;
        for (span, number) in self.parameters.iter().filter(|(span, _)| range.contains(&span.start)) {
            out.push_str(self.text.get(from..span.start).unwrap_or_default());
            out.push_str(&with(*number));
            from = span.end;
        }
        out.push_str(self.text.get(from..range.end).unwrap_or_default());
        out
    }
}

/// Cuts the tokens off at the semicolon; complains about what follows it.
fn cut(tokens: &mut Vec<Token>) -> Result<(), SqlError> {
    let semicolon = |token: &Token| token.kind == Kind::Symbol(b';');
    let Some(end) = tokens.iter().position(semicolon) else {
        return Ok(());
    };
    if let Some(second) = tokens[end..].iter().find(|token| !semicolon(token)) {
        let error =
            SqlError::new("a routine runs one statement, and this is its second", second.span.clone());
        return Err(error.help("put both into one with `with … as (…)`, or into a function of the database"));
    }
    tokens.truncate(end);
    Ok(())
}

/// psql's commands and variables are replaced by psql, which is not here.
fn refuse_psql(text: &str, tokens: &[Token]) -> Result<(), SqlError> {
    let mut brackets = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol(b'[') => brackets += 1,
            Kind::Symbol(b']') => brackets = brackets.saturating_sub(1),
            Kind::Symbol(b'\\') => {
                let error = SqlError::new("a backslash command is for psql, and no SQL", token.span.clone());
                return Err(error.help("write a single SQL statement"));
            }
            // Inside brackets it is the slice of an array.
            Kind::Symbol(b':') if brackets == 0 && is_variable(tokens, place) => {
                let end = tokens.get(place + 1).map_or(token.span.end, |name| name.span.end);
                let name = text.get(token.span.start..end).unwrap_or_default();
                let error = SqlError::new(
                    format!("`{name}` is a variable of psql, and no SQL"),
                    token.span.start..end,
                );
                return Err(error.help("write `$1`, and give its value in `params`"));
            }
            Kind::Symbol(_) | Kind::Word | Kind::Quoted | Kind::Parameter(_) | Kind::Number => {}
        }
    }
    Ok(())
}

/// Whether the colon at `place` begins a name, and is no cast.
fn is_variable(tokens: &[Token], place: usize) -> bool {
    let colon = &tokens[place].span;
    let before = place.checked_sub(1).and_then(|before| tokens.get(before));
    let is_cast =
        before.is_some_and(|token| token.kind == Kind::Symbol(b':') && token.span.end == colon.start);
    let named = tokens.get(place + 1).is_some_and(|token| {
        matches!(token.kind, Kind::Word | Kind::Quoted) && token.span.start == colon.end
    });
    named && !is_cast
}

/// Where the statement behind the parts of a `with` begins.
fn main_of(text: &str, tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = "";
    for token in tokens {
        let word = text.get(token.span.clone()).unwrap_or_default();
        let names_a_part =
            before == "," || ["with", "recursive"].iter().any(|name| before.eq_ignore_ascii_case(name));
        let is_main = match token.kind {
            Kind::Word => !names_a_part && MAIN_WORDS.iter().any(|main| word.eq_ignore_ascii_case(main)),
            // Directly after the parentheses of a part, and not of its columns.
            Kind::Symbol(b'(') => before == ")",
            Kind::Quoted | Kind::Parameter(_) | Kind::Number | Kind::Symbol(_) => false,
        };
        if depth == 0 && is_main {
            return Some(token.span.start);
        }
        match token.kind {
            Kind::Symbol(b'(') => depth += 1,
            Kind::Symbol(b')') => depth = depth.saturating_sub(1),
            Kind::Word | Kind::Quoted | Kind::Parameter(_) | Kind::Number | Kind::Symbol(_) => {}
        }
        before = word;
    }
    None
}

#[cfg(test)]
mod tests;
