//! Lets the engine weigh what it only counts.
//!
//! The engine limits its steps and not their size: `a ~ a`, said thirty times,
//! makes a billion bytes of one, a text of an event multiplied by its number as
//! many as somebody outside likes, and two long lists compared in a loop keep it
//! busy for a minute. Operators are fixed parts of the
//! engine, so the code of a template is changed before the engine reads it: what
//! goes into an operator, a filter or a variable first goes through a filter of
//! ours, which no template can name. What they do is in `budget`.

use super::code::{Block, Kind, Token};
use std::ops::Range;

/// Takes the operands of `*`.
pub(super) const FACTOR: &str = "_factor";

/// Takes the operands of `+` and `~`, and of comparisons.
pub(super) const TERM: &str = "_term";

/// Takes the input of filters and what is put into variables.
pub(super) const KEPT: &str = "_kept";

/// A template with the filters put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weighed {
    pub(super) text: String,
    /// What was put in, from left to right.
    edits: Vec<Edit>,
}

/// Text which was put into the template.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    /// The place before which it stands, in the template as it was.
    at: usize,
    text: String,
}

impl Weighed {
    /// Puts the filters into a template.
    pub(super) fn of(text: &str, blocks: &[Block<'_>]) -> Self {
        let mut edits = Vec::new();
        for block in blocks {
            operators(block, &mut edits);
            variables(block, &mut edits);
        }
        // What closes a variable's value comes after the value's own filters,
        // which were noted before.
        edits.sort_by_key(|edit| edit.at);
        let mut weighed = String::with_capacity(text.len() + 16 * edits.len());
        let mut done = 0;
        for edit in &edits {
            weighed.push_str(&text[done..edit.at]);
            weighed.push_str(&edit.text);
            done = edit.at;
        }
        weighed.push_str(&text[done..]);
        Self { text: weighed, edits }
    }

    /// The place in the template as it was.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let start = self.place(range.start);
        start..self.place(range.end).max(start)
    }

    fn place(&self, at: usize) -> usize {
        let mut shift = 0;
        for edit in &self.edits {
            let start = edit.at + shift;
            if at <= start {
                break;
            }
            if at < start + edit.text.len() {
                return edit.at;
            }
            shift += edit.text.len();
        }
        at - shift
    }
}

fn operators(block: &Block<'_>, edits: &mut Vec<Edit>) {
    let closers = block.closers();
    for (place, token) in block.tokens.iter().enumerate().skip(1) {
        let Some(filter) = filter_for(block, place) else {
            continue;
        };
        let before = &block.tokens[place - 1];
        let at = if token.is("in") && before.is("not") { before.span.start } else { token.span.start };
        let call = format!("|{filter} ");
        edits.push(Edit { at, text: call.clone() });
        if !token.is("|")
            && let Some(end) = operand_end(&block.tokens, &closers, place + 1)
        {
            edits.push(Edit { at: end, text: call });
        }
    }
}

/// What the operands of an operator go through, or the input of a filter.
fn filter_for(block: &Block<'_>, place: usize) -> Option<&'static str> {
    let token = block.tokens.get(place)?;
    match (token.kind, token.text) {
        (Kind::Mark, "|") => Some(KEPT),
        (Kind::Mark, "*") => Some(FACTOR),
        (Kind::Mark, "+" | "~" | "==" | "!=" | "<" | "<=" | ">" | ">=") => Some(TERM),
        (Kind::Word, "in") => compares(block, place).then_some(TERM),
        _ => None,
    }
}

/// Whether the `in` at `place` is an operator, and not that of a loop, a test or
/// a key of that name.
fn compares(block: &Block<'_>, place: usize) -> bool {
    let of_loop = block.tag().is_some_and(|tag| tag.is("for"))
        && block.tokens.iter().position(|token| token.is("in")) == Some(place);
    let word = |back: usize| place.checked_sub(back).map(|place| &block.tokens[place]);
    let is = |back: usize, text: &str| word(back).is_some_and(|token| token.is(text));
    let of_test = is(1, "is") || (is(1, "not") && is(2, "is"));
    !of_loop && !of_test && !is(1, ".")
}

/// Where the operand which begins at `place` ends: a value with its signs, its
/// keys, its arguments and its filters.
fn operand_end(tokens: &[Token<'_>], closers: &[Option<usize>], place: usize) -> Option<usize> {
    let signs = tokens.get(place..)?.iter().take_while(|token| token.is("-")).count();
    let mut last = place + signs;
    match tokens.get(last)?.kind {
        Kind::Word | Kind::Number => {}
        Kind::Text => {
            let texts = tokens[last..].iter().take_while(|token| token.kind == Kind::Text).count();
            last += texts - 1;
        }
        Kind::Mark => last = (*closers.get(last)?)?,
    }
    while let Some(next) = tokens.get(last + 1).filter(|next| next.kind == Kind::Mark) {
        last = match next.text {
            "." | "|" => last + 2,
            "(" | "[" => (*closers.get(last + 1)?)?,
            _ => break,
        };
    }
    tokens.get(last).map(|token| token.span.end)
}

/// Weighs what `set` and `with` put into variables.
fn variables(block: &Block<'_>, edits: &mut Vec<Edit>) {
    let Some(tag) = block.tag().filter(|tag| tag.is("set") || tag.is("with")) else {
        return;
    };
    let several = tag.is("with");
    let mut depth = 0_i64;
    let mut open = None;
    for (place, token) in block.tokens.iter().enumerate() {
        depth += i64::from(token.opens()) - i64::from(token.closes());
        if depth != 0 || token.kind != Kind::Mark {
            continue;
        }
        if token.text == "=" && open.is_none() && place + 1 < block.tokens.len() {
            open = Some(token.span.end);
        } else if token.text == ","
            && several
            && let Some(start) = open.take()
        {
            weigh_between(start, block.tokens[place - 1].span.end, edits);
        }
    }
    if let (Some(start), Some(last)) = (open, block.tokens.last()) {
        weigh_between(start, last.span.end, edits);
    }
}

fn weigh_between(start: usize, end: usize, edits: &mut Vec<Edit>) {
    if start < end {
        edits.push(Edit { at: start, text: "(".to_owned() });
        edits.push(Edit { at: end, text: format!(")|{KEPT} ") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::template::code;

    #[test]
    fn operands_filters_and_variables_are_weighed() {
        check("{{ data.a }} + {{ -1 - b ** 2 }}", "{{ data.a }} + {{ -1 - b ** 2 }}");
        check(
            "{{ a.b * -c[1 + 2]|int }}",
            "{{ a.b |_factor * -c[1 |_term + 2|_term ]|_kept |int|_factor  }}",
        );
        check("{{ 'a' ~ 'b' 'c' }}", "{{ 'a' |_term ~ 'b' 'c'|_term  }}");
        check("{{ (a+b)|join(', ') }}", "{{ (a|_term +b|_term )|_kept |join(', ') }}");
        check("{{ a*b*c is odd }}", "{{ a|_factor *b|_factor |_factor *c|_factor  is odd }}");
        check("{{ 'a + b | c' }}", "{{ 'a + b | c' }}");
        check("{% if a + 1 > 2 %}", "{% if a |_term + 1|_term  |_term > 2|_term  %}");
        check("{% if a not in b.c and d %}", "{% if a |_term not in b.c|_term  and d %}");
        check("{{ a in [b, 'c'] }}{{ a.in }}", "{{ a |_term in [b, 'c']|_term  }}{{ a.in }}");
        check("{{ a is in b }}{{ a is not in b }}", "{{ a is in b }}{{ a is not in b }}");
    }

    #[test]
    fn variables_are_weighed_whole() {
        check("{% set x = [x, x] %}", "{% set x =( [x, x])|_kept  %}");
        check("{% set a, b=c,d -%}", "{% set a, b=(c,d)|_kept  -%}");
        check("{% with a = f(b=1, c=2), d=e%}", "{% with a =( f(b=1, c=2))|_kept , d=(e)|_kept %}");
        check("{% set x = x ~ x%}", "{% set x =( x |_term ~ x|_term )|_kept %}");
        check("{% for x in y if x in z %}", "{% for x in y if x |_term in z|_term  %}");
        check("{% set x = %}", "{% set x = %}");
    }

    #[test]
    fn places_are_found_again() {
        let text = "{% set x = a+b %}c";
        let weighed = Weighed::of(text, &code::blocks(text));
        for part in ["a+b", "b", "set", "c"] {
            let (start, was) = (weighed.text.find(part), text.find(part).unwrap());
            if let Some(start) = start {
                assert_eq!(weighed.original(start..start + part.len()), was..was + part.len(), "{part}");
            }
        }
        let all = 0..weighed.text.len();
        assert_eq!(weighed.original(all), 0..text.len());
        let sum = weighed.text.find("a|").unwrap()..weighed.text.find(")|").unwrap();
        assert_eq!(&text[weighed.original(sum)], "a+b");
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(Weighed::of(text, &code::blocks(text)).text, want);
    }
}
