//! What values a rendering may work on, by size.
//!
//! Whatever copies values or makes larger ones of them draws on one budget of
//! bytes; `weigh` puts the filters in which do so.

use super::convert::Exact;
use super::filters::said;
use super::weigh;
use minijinja::value::{StringInput, Value as Dynamic, ValueKind};
use minijinja::{Environment, Error, State};

/// How many bytes of values one rendering may copy or compare, each list and object with
/// all that is in it: a large event many times over, and some milliseconds.
pub(super) const BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a value counts for beside its text: what it takes up in a list.
const VALUE_BYTES: usize = 16;

/// How deep the lists and objects which a template makes may nest.
const DEPTH_MAX: usize = 200;

const TOO_MUCH: &str = "the template handles more than 16 MiB of values";

/// The bytes which are left of the budget of a rendering.
struct Left(usize);

/// Makes the filters known which draw on the budget.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter(weigh::FACTOR, factor);
    environment.add_filter(weigh::TERM, term);
    environment.add_filter(weigh::KEPT, kept);
}

/// Passes the operand of `*`: a number, so that no text is repeated.
fn factor(state: &mut State<'_, '_>, value: &Dynamic) -> Result<Dynamic, Error> {
    match value.kind() {
        ValueKind::Number | ValueKind::Bool => Ok(value.clone()),
        ValueKind::Undefined => {
            named(state, value)?;
            Err(said("a value is missing"))
        }
        _ if value.downcast_object_ref::<Exact>().is_some() => {
            Err(said("a number with so many digits cannot be multiplied"))
        }
        _ => Err(said("`*` multiplies numbers only, and one of these values is not a number")),
    }
}

/// Passes an operand of `+`, `~` or a comparison.
fn term(state: &mut State<'_, '_>, value: &Dynamic) -> Result<Dynamic, Error> {
    match value.kind() {
        ValueKind::Number | ValueKind::Bool | ValueKind::None => Ok(value.clone()),
        ValueKind::Undefined => named(state, value).map(|()| value.clone()),
        _ => kept(state, value),
    }
}

/// Passes any value.
fn kept(state: &mut State<'_, '_>, value: &Dynamic) -> Result<Dynamic, Error> {
    let left = state.get_or_insert_extension(Left(BYTES_MAX));
    if measure(value, &mut left.0, 0) { Ok(value.clone()) } else { Err(said(TOO_MUCH)) }
}

/// Fails for an undefined value with the engine's error, which names it.
fn named(state: &State<'_, '_>, value: &Dynamic) -> Result<(), Error> {
    StringInput::new(state, value).map(drop)
}

/// Takes the size of a value from what is left; no, if that is too little.
fn measure(value: &Dynamic, left: &mut usize, depth: usize) -> bool {
    if !take(left, VALUE_BYTES) || depth > DEPTH_MAX {
        return false;
    }
    match value.kind() {
        ValueKind::String | ValueKind::Bytes => take(left, value.as_bytes().map_or(0, <[u8]>::len)),
        ValueKind::Seq | ValueKind::Iterable => match value.try_iter() {
            Ok(mut items) => items.all(|item| measure(&item, left, depth + 1)),
            Err(_) => true,
        },
        ValueKind::Map => match value.try_iter() {
            Ok(mut keys) => keys.all(|key| {
                let item = value.get_item(&key).unwrap_or(Dynamic::UNDEFINED);
                measure(&key, left, depth + 1) && measure(&item, left, depth + 1)
            }),
            Err(_) => true,
        },
        _ => true,
    }
}

fn take(left: &mut usize, cost: usize) -> bool {
    let rest = left.checked_sub(cost);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// Takes the size of what is about to be made.
pub(super) fn reserve(state: &mut State<'_, '_>, bytes: Option<usize>) -> Result<(), Error> {
    let left = state.get_or_insert_extension(Left(BYTES_MAX));
    let fits = bytes.is_some_and(|bytes| take(&mut left.0, bytes));
    if fits { Ok(()) } else { Err(said(TOO_MUCH)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_weighed_with_all_that_is_in_them() {
        check_weight(Dynamic::from(7), 16);
        check_weight(Dynamic::from("abc"), 19);
        check_weight(Dynamic::from(vec!["abc", "d"]), 52);
        check_weight(Dynamic::from_pairs([("abc", 1), ("d", 2)]), 84);
        check_weight(Dynamic::UNDEFINED, 16);
        let mut deep = Dynamic::from(1);
        for _ in 0..=DEPTH_MAX {
            deep = Dynamic::from(vec![deep]);
        }
        assert!(!measure(&deep, &mut 100_000, 0));
    }

    #[track_caller]
    fn check_weight(value: Dynamic, want: usize) {
        let mut left = 100;
        assert!(measure(&value, &mut left, 0));
        assert_eq!(100 - left, want);
        let mut scarce = want - 1;
        assert!(!measure(&value, &mut scarce, 0));
    }
}
