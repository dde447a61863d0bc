//! Reads JSON and remembers where everything stands, so that a mistake in a
//! pattern can be shown in its place. Numbers keep their digits.

use crate::rules::problem::Problem;
use std::ops::Range;

/// How deep lists and objects may nest, so that a hostile file cannot use up the
/// stack. No path of ours is half as long.
pub(super) const DEPTH_MAX: usize = 64;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Json,
    pub(super) span: Range<usize>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// The number as it is written.
    Number(String),
    Text(String),
    Array(Vec<Node>),
    /// The members in the order of the file; no key is there twice.
    Object(Vec<Member>),
}

/// A key of an object and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) value: Node,
}

/// A key and its place, quotes included.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

impl Json {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads the one value which a text holds. The first mistake ends the reading.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.blank();
    let node = reader.value()?;
    reader.blank();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.unexpected("the end of the pattern")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Goes past the character, if it comes next.
    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn blank(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn unexpected(&self, wanted: &str) -> Problem {
        let length = self.peek().map_or(0, char::len_utf8);
        let label = if length == 0 { "the file ends here" } else { "not here" };
        broken(self.at..self.at + length, &format!("expected {wanted}")).label(label)
    }

    fn value(&mut self) -> Result<Node, Problem> {
        let start = self.at;
        let value = match self.peek() {
            Some('{') => self.nested(Self::object)?,
            Some('[') => self.nested(Self::array)?,
            Some('"') => Json::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some(c) if c.is_ascii_alphabetic() => self.word()?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { value, span: start..self.at })
    }

    /// Reads what stands between brackets, the first of which comes next.
    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, Problem>) -> Result<Json, Problem> {
        if self.depth == DEPTH_MAX {
            let message = format!("a pattern nests at most {DEPTH_MAX} deep");
            return Err(Problem::error(self.at..self.at + 1, message).label("too deep"));
        }
        self.depth += 1;
        self.at += 1;
        self.blank();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Json, Problem> {
        let mut items = Vec::new();
        if self.take(']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.blank();
            if self.take(']') {
                return Ok(Json::Array(items));
            }
            self.comma("`,` or `]`")?;
        }
    }

    fn object(&mut self) -> Result<Json, Problem> {
        let mut members: Vec<Member> = Vec::new();
        if self.take('}') {
            return Ok(Json::Object(members));
        }
        loop {
            let key = self.key()?;
            if members.iter().any(|member| member.key.text == key.text) {
                let problem = Problem::error(key.span, format!("`{}` is in this object twice", key.text));
                return Err(problem.label("again").help("keep one: readers differ in which of them counts"));
            }
            let value = self.value()?;
            members.push(Member { key, value });
            self.blank();
            if self.take('}') {
                return Ok(Json::Object(members));
            }
            self.comma("`,` or `}`")?;
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Result<Key, Problem> {
        if self.peek() != Some('"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let start = self.at;
        let key = Key { text: self.string()?, span: start..self.at };
        self.blank();
        if !self.take(':') {
            return Err(self.unexpected("`:`"));
        }
        self.blank();
        Ok(key)
    }

    fn comma(&mut self, wanted: &str) -> Result<(), Problem> {
        if !self.take(',') {
            return Err(self.unexpected(wanted));
        }
        self.blank();
        Ok(())
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let at = self.at;
            let Some(c) = self.peek() else {
                let problem = broken(start..self.text.len(), "this text is not closed");
                return Err(problem.label("begins here").help("add a `\"`"));
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escape(at)?),
                c if c < ' ' => {
                    let problem = broken(at..self.at, "a control character stands in text as it is");
                    return Err(problem.label("not here").help("the end of a line is `\\n`, a tab `\\t`"));
                }
                c => text.push(c),
            }
        }
    }

    /// Reads what follows a backslash at `start`.
    fn escape(&mut self, start: usize) -> Result<char, Problem> {
        let c = self.peek();
        self.at += c.map_or(0, char::len_utf8);
        let meant = match c {
            Some(c @ ('"' | '\\' | '/')) => Some(c),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.unicode(),
            _ => None,
        };
        meant.ok_or_else(|| {
            let problem = broken(start..self.at, "this backslash has no meaning");
            problem.label("not an escape").help("a backslash itself is written `\\\\`")
        })
    }

    /// Reads the digits after `\u`, and the second half of a pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hexadecimal()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !self.text[self.at..].starts_with("\\u") {
            return None;
        }
        self.at += 2;
        let second = self.hexadecimal().filter(|unit| (0xdc00..0xe000).contains(unit))?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Result<Json, Problem> {
        let start = self.at;
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let digits = self.run(part);
        if is_number(digits) {
            return Ok(Json::Number(digits.to_owned()));
        }
        let problem = broken(start..self.at, "this is no number");
        let help = "numbers are written `5`, `-0.5` or `3.018e2`; text stands in quotes";
        Err(problem.label("not a number").help(help))
    }

    fn word(&mut self) -> Result<Json, Problem> {
        let start = self.at;
        match self.run(|c| c.is_ascii_alphanumeric()) {
            "null" => Ok(Json::Null),
            "true" => Ok(Json::Bool(true)),
            "false" => Ok(Json::Bool(false)),
            _ => {
                let problem = broken(start..self.at, "this word means nothing");
                let help = "text stands in double quotes; there is `true`, `false` and `null`";
                Err(problem.label("not a value").help(help))
            }
        }
    }

    /// Goes past the characters which are part of it, and yields them.
    fn run(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

fn broken(span: Range<usize>, what: &str) -> Problem {
    Problem::error(span, format!("this is not JSON: {what}"))
}

/// Whether the text is a number by RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_whole = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    is_whole && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests;
