//! The code of a template, cut into words and marks as the engine cuts it.
//!
//! The engine keeps its own reading of a template to itself. What has to be
//! known of the code before the engine sees it, or beyond what it tells, is
//! found in these tokens. They end where the engine would find the template
//! unreadable; it then says so itself.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A text in quotes.
    Text,
    /// A mark, such as `|` or `==`.
    Mark,
}

/// A word or mark of the code, and its place in the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) span: Range<usize>,
}

/// Which braces the code stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Braces {
    /// `{{ … }}`, which puts a value in.
    Output,
    /// `{% … %}`, which decides something.
    Tag,
}

/// The code between a pair of braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub(super) braces: Braces,
    /// With the braces.
    pub(super) span: Range<usize>,
    /// Without them.
    pub(super) inside: Range<usize>,
    pub(super) tokens: Vec<Token<'a>>,
}

impl Token<'_> {
    /// Whether it is this word or mark.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Mark) && self.text == text
    }

    /// Whether it opens a bracket.
    pub(super) fn opens(&self) -> bool {
        self.kind == Kind::Mark && matches!(self.text, "(" | "[" | "{")
    }

    /// Whether it closes a bracket.
    pub(super) fn closes(&self) -> bool {
        self.kind == Kind::Mark && matches!(self.text, ")" | "]" | "}")
    }
}

impl Block<'_> {
    /// The word which says what a tag does, such as `if`.
    pub(super) fn tag(&self) -> Option<&Token<'_>> {
        let first = self.tokens.first().filter(|token| token.kind == Kind::Word);
        first.filter(|_| self.braces == Braces::Tag)
    }

    /// For each token which opens a bracket, the place of the one which closes
    /// it.
    pub(super) fn closers(&self) -> Vec<Option<usize>> {
        let mut closers = vec![None; self.tokens.len()];
        let mut open = Vec::new();
        for (place, token) in self.tokens.iter().enumerate() {
            if token.opens() {
                open.push(place);
            } else if token.closes()
                && let Some(opener) = open.pop()
            {
                closers[opener] = Some(place);
            }
        }
        closers
    }
}

/// All code of a template. What stands in remarks and in raw blocks is none.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let bytes = text.as_bytes();
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('{').map(|found| at + found) {
        let sign = usize::from(matches!(bytes.get(start + 2), Some(b'-' | b'+')));
        let inside = start + 2 + sign;
        let braces = match bytes.get(start + 1) {
            Some(b'{') => Braces::Output,
            Some(b'%') => Braces::Tag,
            Some(b'#') => {
                at = after(text, inside, "#}");
                continue;
            }
            _ => {
                at = start + 1;
                continue;
            }
        };
        if braces == Braces::Tag
            && let Some(raw) = raw_start(&text[inside..])
        {
            at = raw_end(text, inside + raw);
            continue;
        }
        let block = block(text, start, inside, braces);
        at = block.span.end;
        blocks.push(block);
    }
    blocks
}

/// The place after the next `mark`, or the end of the text.
fn after(text: &str, from: usize, mark: &str) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.find(mark).map_or(text.len(), |found| from + found + mark.len())
}

/// The length of the rest of a `raw` tag, if that is what begins here.
fn raw_start(rest: &str) -> Option<usize> {
    basic_tag(rest, "raw")
}

/// The place after the `endraw` tag which ends the raw block.
fn raw_end(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = text[at..].find("{%") {
        at += found + 2;
        let rest = &text[at..];
        let signed = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if let Some(length) = basic_tag(signed, "endraw") {
            return text.len() - signed.len() + length;
        }
    }
    text.len()
}

/// The length of `name %}`, with spaces around it and a sign before the brace.
fn basic_tag(rest: &str, name: &str) -> Option<usize> {
    let tail = rest.trim_ascii_start().strip_prefix(name)?.trim_ascii_start();
    let tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
    Some(rest.len() - tail.strip_prefix("%}")?.len())
}

fn block(text: &str, start: usize, inside: usize, braces: Braces) -> Block<'_> {
    let end = match braces {
        Braces::Output => "}}",
        Braces::Tag => "%}",
    };
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = inside;
    let mut depth = 0_i64;
    loop {
        at += bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let rest = &text[at..];
        let signed = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        let closed = [rest, signed].into_iter().find_map(|rest| rest.strip_prefix(end));
        if depth == 0
            && let Some(tail) = closed
        {
            return Block { braces, span: start..text.len() - tail.len(), inside: inside..at, tokens };
        }
        let Some((kind, length)) = token(rest, bytes[..at].last() == Some(&b'.')) else {
            return Block { braces, span: start..text.len(), inside: inside..text.len(), tokens };
        };
        let token = Token { kind, text: &rest[..length], span: at..at + length };
        depth += i64::from(token.opens()) - i64::from(token.closes());
        at += length;
        tokens.push(token);
    }
}

/// The kind and length of the token at the beginning; none, if there is none,
/// or it is unreadable.
fn token(rest: &str, after_dot: bool) -> Option<(Kind, usize)> {
    let bytes = rest.as_bytes();
    match bytes {
        [quote @ (b'"' | b'\''), ..] => Some((Kind::Text, quoted(bytes, *quote)?)),
        [byte, ..] if byte.is_ascii_digit() => Some((Kind::Number, number(bytes, after_dot))),
        [b'_' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
            let word = |byte: &&u8| **byte == b'_' || byte.is_ascii_alphanumeric();
            Some((Kind::Word, bytes.iter().take_while(word).count()))
        }
        [b'/', b'/', ..] | [b'*', b'*', ..] | [b'=' | b'!' | b'>' | b'<', b'=', ..] => Some((Kind::Mark, 2)),
        [byte, ..] if b"+-*/%.,:~|=><()[]{}".contains(byte) => Some((Kind::Mark, 1)),
        _ => None,
    }
}

/// The length of a text in quotes; none, if it is not closed.
fn quoted(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while *bytes.get(at)? != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some(at + 1)
}

/// How far a number has been read.
#[derive(Clone, Copy)]
enum Part {
    Hexadecimal,
    OtherRadix,
    Whole,
    Fraction,
    Exponent,
    ExponentDigits,
}

/// The length of a number. A number after a dot is an index, so it has no
/// fraction.
fn number(bytes: &[u8], after_dot: bool) -> usize {
    let (mut at, mut part) = match bytes.get(..2) {
        Some(b"0x" | b"0X") => (2, Part::Hexadecimal),
        Some(b"0b" | b"0B" | b"0o" | b"0O") => (2, Part::OtherRadix),
        _ => (0, Part::Whole),
    };
    while let Some(byte) = bytes.get(at) {
        part = match (byte, part) {
            (b'.', Part::Whole) if !after_dot && !is_attribute(&bytes[at + 1..]) => Part::Fraction,
            (b'e' | b'E', Part::Whole | Part::Fraction) => Part::Exponent,
            (b'+' | b'-' | b'0'..=b'9', Part::Exponent) => Part::ExponentDigits,
            (b'a'..=b'f' | b'A'..=b'F', Part::Hexadecimal) => part,
            (b'0'..=b'9' | b'_', _) => part,
            _ => break,
        };
        at += 1;
    }
    at
}

/// Whether a name follows the dot after a number, and no exponent.
fn is_attribute(rest: &[u8]) -> bool {
    let exponent = matches!(rest, [b'e' | b'E', b'+' | b'-' | b'0'..=b'9', ..]);
    !exponent && rest.first().is_some_and(|byte| *byte == b'_' || byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
