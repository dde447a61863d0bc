//! Tells the tokens of SQL apart as PostgreSQL's scanner does, as far as needed
//! to know what is text, what is a comment, and what is a parameter.
//!
//! PostgreSQL 18, `src/backend/parser/scan.l`. Bytes beyond ASCII are letters
//! there, so that UTF-8 needs no further thought.

use super::SqlError;
use std::ops::Range;

/// A token and its place; blanks and comments are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or an unquoted name.
    Word,
    /// Text in whatever quotes, or a quoted name.
    Quoted,
    /// `$1`.
    Parameter(u32),
    /// Digits, and what belongs to them.
    Number,
    /// One other character.
    Symbol(u8),
}

/// All tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SqlError> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = scanner.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// How a quote is written inside quotes.
#[derive(Clone, Copy)]
enum Escape {
    /// Twice.
    Doubled,
    /// Twice, or after a backslash.
    Backslash,
}

impl Scanner<'_> {
    fn token(&mut self) -> Result<Option<Token>, SqlError> {
        self.skip_blanks()?;
        let start = self.at;
        let Some(first) = self.peek(0) else {
            return Ok(None);
        };
        let kind = match first {
            b'\'' | b'"' => self.quoted(start, first, Escape::Doubled)?,
            b'$' => self.dollar()?,
            b'0'..=b'9' => {
                self.skip_while(|byte| byte == b'.' || is_word(byte));
                Kind::Number
            }
            byte if is_word_start(byte) => self.word()?,
            byte => {
                self.at += 1;
                Kind::Symbol(byte)
            }
        };
        Ok(Some(Token { kind, span: start..self.at }))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn begins(&self, with: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(with))
    }

    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&belongs) {
            self.at += 1;
        }
    }

    fn skip_blanks(&mut self) -> Result<(), SqlError> {
        loop {
            self.skip_while(|byte| byte.is_ascii_whitespace() || byte == 0x0b);
            if self.begins(b"--") {
                self.skip_while(|byte| byte != b'\n' && byte != b'\r');
            } else if self.begins(b"/*") {
                self.comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// A comment in `/* … */`, which may hold others.
    fn comment(&mut self) -> Result<(), SqlError> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            if self.begins(b"/*") {
                depth += 1;
                self.at += 2;
            } else if self.begins(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else if self.at < self.bytes.len() {
                self.at += 1;
            } else {
                return Err(
                    SqlError::new("this comment does not end", start..start + 2).help("close it with `*/`")
                );
            }
        }
    }

    /// Text or a name in quotes; `start` is where the token begins.
    fn quoted(&mut self, start: usize, quote: u8, escape: Escape) -> Result<Kind, SqlError> {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match escape {
                Escape::Backslash if byte == b'\\' => self.at = (self.at + 1).min(self.bytes.len()),
                Escape::Doubled | Escape::Backslash if byte == quote => {
                    if self.peek(0) != Some(quote) {
                        return Ok(Kind::Quoted);
                    }
                    self.at += 1;
                }
                Escape::Doubled | Escape::Backslash => {}
            }
        }
        let what = if quote == b'"' { "this quoted name does not end" } else { "this text does not end" };
        Err(SqlError::new(what, start..start + 1).help("close the quotes; a quote inside is written twice"))
    }

    /// A word, or text which begins with one: `E'…'`, `B'…'`, `X'…'`, `N'…'`,
    /// `U&'…'`, `U&"…"`.
    fn word(&mut self) -> Result<Kind, SqlError> {
        let start = self.at;
        self.skip_while(is_word);
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        match (word, self.peek(0)) {
            (b"e" | b"E", Some(b'\'')) => self.quoted(start, b'\'', Escape::Backslash),
            (b"b" | b"B" | b"x" | b"X" | b"n" | b"N", Some(b'\'')) => {
                self.quoted(start, b'\'', Escape::Doubled)
            }
            (b"u" | b"U", Some(b'&')) => match self.peek(1) {
                Some(quote @ (b'\'' | b'"')) => {
                    self.at += 1;
                    self.quoted(start, quote, Escape::Doubled)
                }
                _ => Ok(Kind::Word),
            },
            _ => Ok(Kind::Word),
        }
    }

    /// `$1`, or text between dollar quotes: `$$…$$`, `$tag$…$tag$`.
    fn dollar(&mut self) -> Result<Kind, SqlError> {
        let start = self.at;
        self.at += 1;
        let digits = self.at;
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.at > digits {
            let number = self.bytes.get(digits..self.at).unwrap_or_default();
            let number = std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok());
            return match number {
                Some(number) => Ok(Kind::Parameter(number)),
                None => Err(SqlError::new("no statement has so many parameters", start..self.at)),
            };
        }
        if self.peek(0).is_some_and(is_word_start) {
            self.skip_while(|byte| byte != b'$' && is_word(byte));
        }
        if self.peek(0) != Some(b'$') {
            self.at = start + 1;
            return Ok(Kind::Symbol(b'$'));
        }
        self.at += 1;
        let tag = self.bytes.get(start..self.at).unwrap_or_default().to_vec();
        while self.at < self.bytes.len() {
            if self.begins(&tag) {
                self.at += tag.len();
                return Ok(Kind::Quoted);
            }
            self.at += 1;
        }
        let tag = String::from_utf8_lossy(&tag).into_owned();
        let problem = SqlError::new("this text does not end", start..start + tag.len());
        Err(problem.help(format!("close it with `{tag}`")))
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}
