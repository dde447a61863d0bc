//! Connection strings of the form `host=db user='a name'`, read as libpq reads
//! them: blanks around `=` are fine, a value with blanks stands in single quotes,
//! a backslash takes the next character as it is.

use std::iter::Peekable;
use std::str::Chars;

use super::error::ConnectError;
use super::settings::Pairs;

/// Reads the pairs of a connection string, in their order.
///
/// # Errors
///
/// A name without `=`, or a quote which does not end. What stood there is not
/// repeated: it may be half of a password.
pub(super) fn parse(text: &str) -> Result<Pairs, ConnectError> {
    let mut pairs = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        skip_blanks(&mut rest);
        if rest.peek().is_none() {
            return Ok(pairs);
        }
        let name = name(&mut rest)?;
        skip_blanks(&mut rest);
        let value = match rest.next_if_eq(&'\'') {
            Some(_) => quoted(&mut rest)?,
            None => plain(&mut rest),
        };
        pairs.push((name, value));
    }
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(char::is_ascii_whitespace).is_some() {}
}

/// Reads a name and the `=` behind it.
fn name(rest: &mut Peekable<Chars<'_>>) -> Result<String, ConnectError> {
    let mut name = String::new();
    while let Some(c) = rest.next_if(|c| *c != '=' && !c.is_ascii_whitespace()) {
        name.push(c);
    }
    skip_blanks(rest);
    if name.is_empty() || rest.next() != Some('=') {
        return Err(ConnectError::Syntax(
            "a `postgres://` URI or pairs of `key=value` are wanted; a value with blanks needs \
             single quotes",
        ));
    }
    Ok(name)
}

fn plain(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut value = String::new();
    while let Some(c) = rest.next_if(|c| !c.is_ascii_whitespace()) {
        match c {
            '\\' => value.extend(rest.next()),
            c => value.push(c),
        }
    }
    value
}

/// Reads up to the closing quote; the opening one is behind us.
fn quoted(rest: &mut Peekable<Chars<'_>>) -> Result<String, ConnectError> {
    let mut value = String::new();
    loop {
        match rest.next() {
            None => return Err(ConnectError::Syntax("a quote does not end")),
            Some('\'') => return Ok(value),
            Some('\\') => value.extend(rest.next()),
            Some(c) => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_libpq_reads_them() {
        check("", &[]);
        check("host=db port=5433", &[("host", "db"), ("port", "5433")]);
        check("  host = db\n\tuser= ann ", &[("host", "db"), ("user", "ann")]);
        check("password='two words'", &[("password", "two words")]);
        check(r"password='it\'s' user=a\ b", &[("password", "it's"), ("user", "a b")]);
        check("password='' host=db", &[("password", ""), ("host", "db")]);
        check("options='-c geqo=off'host=db", &[("options", "-c geqo=off"), ("host", "db")]);
    }

    #[test]
    fn an_error_repeats_nothing_of_the_text() {
        for text in ["hunter2", "password='hunter2", "host=db hunter2", "=hunter2"] {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[track_caller]
    fn check(text: &str, want: &[(&str, &str)]) {
        let pairs = parse(text).unwrap();
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, want);
    }
}
