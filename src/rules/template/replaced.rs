//! Parts of the engine in a form which is bounded.
//!
//! The engine's own trust their arguments. Here those may be numbers of an
//! event, and a few of the parts make much of little, or stumble.

use super::budget::{BYTES_MAX, reserve};
use super::filters::said;
use minijinja::filters as jinja;
use minijinja::value::{Kwargs, StringInput, Value as Dynamic};
use minijinja::{Environment, Error, State};

/// The most numbers `range` yields.
const RANGE_MAX: i128 = 10_000;

/// The widest `indent`, and the largest `batch` and `slice`.
const WIDTH_MAX: usize = 1000;

/// Puts them in the place of the engine's.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("indent", indent);
    environment.add_filter("batch", batch);
    environment.add_filter("slice", slice);
    environment.add_filter("sum", sum);
    environment.add_test("divisibleby", divisibleby);
    environment.add_function("range", range);
}

fn replace(
    state: &mut State<'_, '_>,
    value: StringInput<'_>,
    from: StringInput<'_>,
    to: StringInput<'_>,
) -> Result<Dynamic, Error> {
    let (text, from, to) = (value.as_str(), from.as_str(), to.as_str());
    let grown = text.matches(from).count().checked_mul(to.len());
    reserve(state, grown)?;
    Ok(Dynamic::from(text.replace(from, to)))
}

fn join(
    state: &mut State<'_, '_>,
    value: &Dynamic,
    joiner: Option<StringInput<'_>>,
    attribute: Option<&str>,
    kwargs: Kwargs,
) -> Result<Dynamic, Error> {
    let between = match &joiner {
        Some(joiner) => joiner.as_str().len(),
        None => kwargs.peek::<Option<StringInput<'_>>>("d")?.map_or(0, |joiner| joiner.as_str().len()),
    };
    let items = value.try_iter().map_or(0, Iterator::count);
    reserve(state, items.checked_mul(between))?;
    jinja::join(state, value, joiner, attribute, kwargs)
}

fn indent(
    value: StringInput<'_>,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    kwargs: Kwargs,
) -> Result<Dynamic, Error> {
    let asked = width.or(kwargs.peek::<Option<usize>>("width")?).unwrap_or_default();
    let lines = value.as_str().lines().count();
    if asked > WIDTH_MAX || asked.saturating_mul(lines) > BYTES_MAX {
        return Err(said("the filter `indent` is asked for too much space"));
    }
    jinja::indent(value, width, first, blank, kwargs)
}

fn batch(
    state: &State<'_, '_>,
    value: Dynamic,
    count: usize,
    fill_with: Option<Dynamic>,
) -> Result<Dynamic, Error> {
    if count > WIDTH_MAX {
        return Err(said("the filter `batch` makes lists of at most 1000"));
    }
    jinja::batch(state, value, count, fill_with)
}

fn slice(
    state: &State<'_, '_>,
    value: Dynamic,
    count: usize,
    fill_with: Option<Dynamic>,
) -> Result<Dynamic, Error> {
    if count > WIDTH_MAX {
        return Err(said("the filter `slice` makes at most 1000 lists"));
    }
    jinja::slice(state, value, count, fill_with)
}

fn sum(
    state: &State<'_, '_>,
    values: Dynamic,
    attribute: Option<&str>,
    start: Option<Dynamic>,
    kwargs: Kwargs,
) -> Result<Dynamic, Error> {
    let from = match &start {
        Some(start) => Some(start.clone()),
        None => kwargs.peek::<Option<Dynamic>>("start")?,
    };
    if from.is_some_and(|from| !from.is_number()) {
        return Err(said("the filter `sum` starts from a number"));
    }
    jinja::sum(state, values, attribute, start, kwargs)
}

/// Whether a number is divisible by another; by zero, none is.
fn divisibleby(value: &Dynamic, by: &Dynamic) -> bool {
    if value.is_integer() && by.is_integer() {
        let numbers = (i128::try_from(value.clone()), i128::try_from(by.clone()));
        return matches!(numbers, (Ok(value), Ok(by)) if value.checked_rem(by) == Some(0));
    }
    let numbers = (f64::try_from(value.clone()), f64::try_from(by.clone()));
    matches!(numbers, (Ok(value), Ok(by)) if value % by == 0.0)
}

/// The numbers from `lower` up to `upper`, which is left out.
fn range(lower: i64, upper: Option<i64>, step: Option<i64>) -> Result<Dynamic, Error> {
    let (start, end) = upper.map_or((0, lower), |upper| (lower, upper));
    let step = step.unwrap_or(1);
    let (distance, stride) = (i128::from(end) - i128::from(start), i128::from(step));
    if stride == 0 {
        return Err(said("`range` makes no steps of 0"));
    }
    let forward = (distance > 0) == (stride > 0);
    let count = if distance == 0 || !forward { 0 } else { (distance.abs() - 1) / stride.abs() + 1 };
    if count > RANGE_MAX {
        return Err(said("`range` yields at most 10000 numbers"));
    }
    let number = move |place: i128| i64::try_from(i128::from(start) + place * stride).unwrap_or_default();
    let numbers = (0..count).map(number).collect::<Vec<_>>();
    Ok(Dynamic::from(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::template::engine;

    #[test]
    fn ranges_are_those_of_the_engine_but_bounded() {
        check_range((3, None, None), Some(&[0, 1, 2]));
        check_range((1, Some(4), None), Some(&[1, 2, 3]));
        check_range((5, Some(0), Some(-2)), Some(&[5, 3, 1]));
        check_range((4, Some(0), Some(-2)), Some(&[4, 2]));
        check_range((0, Some(4), Some(-1)), Some(&[]));
        check_range((-3, None, None), Some(&[]));
        check_range((i64::MIN, Some(i64::MAX), Some(i64::MAX)), Some(&[i64::MIN, -1, i64::MAX - 1]));
        check_range((i64::MAX, Some(i64::MIN), Some(i64::MIN)), Some(&[i64::MAX, -1]));
        check_range((10_001, None, None), None);
        check_range((i64::MIN, Some(i64::MAX), None), None);
        check_range((0, Some(1), Some(0)), None);
    }

    #[test]
    fn nothing_is_divisible_by_zero() {
        for (value, by, want) in [(6, 3, true), (6, 4, false), (6, 0, false), (0, 5, true)] {
            assert_eq!(divisibleby(&Dynamic::from(value), &Dynamic::from(by)), want);
        }
        assert!(divisibleby(&Dynamic::from(3.0), &Dynamic::from(1.5)));
        assert!(!divisibleby(&Dynamic::from(3.0), &Dynamic::from(0)));
        assert!(!divisibleby(&Dynamic::from("6"), &Dynamic::from(3)));
        assert!(!divisibleby(&Dynamic::from(i128::MIN), &Dynamic::from(-1)));
    }

    /// The engine looks parts up by name, so one which is not installed would
    /// leave its own in place.
    #[test]
    fn the_replaced_parts_are_in_force() {
        for expression in ["range(10001)", "[1]|batch(1001, 0)", "'a'|indent(1001)", "['']|sum(start='')"] {
            let compiled = engine::engine().compile_expression(expression).unwrap();
            assert!(compiled.eval(()).is_err(), "{expression}");
        }
    }

    #[track_caller]
    fn check_range(arguments: (i64, Option<i64>, Option<i64>), want: Option<&[i64]>) {
        let found = range(arguments.0, arguments.1, arguments.2).ok();
        let list = |found: Dynamic| -> Vec<i64> {
            found.try_iter().unwrap().filter_map(|number| number.as_i64()).collect()
        };
        let numbers = found.map(list);
        assert_eq!(numbers.as_deref(), want, "{arguments:?}");
    }
}
