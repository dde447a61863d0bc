//! What came, beside what was expected.
//!
//! Both are lists in order, and an item too many must not make all behind it
//! look wrong. So they are aligned as a text is with its revision: what pairs
//! with what is chosen so that the least differs.

mod fields;
mod foreign;
mod webhook;

use super::Made;
use crate::rules::routine::{Case, Expected, ItemState};
use crate::rules::text::shortened;
use crate::rules::value::same;
use fields::{Field, fields};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::ops::Range;

/// The longest text shown of a value, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// How much text is shown before the place where two long texts differ.
const LEAD_CHARS: usize = 40;

/// The most pairs which are weighed; beyond, items are paired by their places.
const CELLS_MAX: usize = 250_000;

/// What a pair costs in which all differs. It is less than two gaps, so that an
/// item which came out wrong is no missing one and another too many.
const PAIR_COST: usize = 100;
const GAP_COST: usize = 60;

/// A day, in seconds: up to here a moment is shown as so long after the start.
const DAY_SECS: i64 = 24 * 60 * 60;

/// One step of an alignment, by places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Pair(usize, usize),
    Missing(usize),
    Extra(usize),
}

/// What differs between what a test expects and what came, a sentence each.
pub(super) fn differences(case: &Case, made: &[Made]) -> Vec<String> {
    let mut found = Vec::new();
    for step in align(case, made) {
        match step {
            Step::Pair(wanted, got) => {
                let differing = differing(case, wanted, &made[got]);
                found.extend(differing.into_iter().map(|what| format!("item {}: {what}", wanted + 1)));
            }
            Step::Missing(wanted) => {
                let what = announced(&case.expect[wanted], case.start);
                found.push(format!("item {} did not come: {what}", wanted + 1));
            }
            Step::Extra(got) => {
                found.push(format!("nobody expected this item: {}", unannounced(case.start, &made[got])));
            }
        }
    }
    found
}

/// The first characters of a text.
fn cut(text: &str) -> String {
    shortened(text, SHOWN_CHARS_MAX)
}

fn align(case: &Case, made: &[Made]) -> Vec<Step> {
    let (wanted, got) = (case.expect.len(), made.len());
    let equal = |wanted: usize, got: usize| differing(case, wanted, &made[got]).is_empty();
    let both = wanted.min(got);
    let head = (0..both).take_while(|place| equal(*place, *place)).count();
    let from_end = |place: &usize| equal(wanted - 1 - place, got - 1 - place);
    let tail = (0..both - head).take_while(from_end).count();
    let (wanted_middle, got_middle) = (head..wanted - tail, head..got - tail);
    let mut steps = (0..head).map(|place| Step::Pair(place, place)).collect::<Vec<_>>();
    if wanted_middle.len() * got_middle.len() <= CELLS_MAX {
        let weigh = |wanted: usize, got: usize| pair_cost(case, wanted, &made[got]);
        steps.extend(align_middle(wanted_middle, got_middle, weigh));
    } else {
        let pairs = wanted_middle.len().min(got_middle.len());
        steps.extend((head..head + pairs).map(|place| Step::Pair(place, place)));
        steps.extend((head + pairs..wanted_middle.end).map(Step::Missing));
        steps.extend((head + pairs..got_middle.end).map(Step::Extra));
    }
    steps.extend((0..tail).rev().map(|place| Step::Pair(wanted - 1 - place, got - 1 - place)));
    steps
}

/// The cheapest alignment of two ranges, by the costs of all their parts.
fn align_middle(
    wanted: Range<usize>,
    got: Range<usize>,
    pair_cost: impl Fn(usize, usize) -> usize,
) -> Vec<Step> {
    let (rows, columns) = (wanted.len(), got.len());
    // For the first so many of both, the cost of aligning them and the last step.
    let mut cells = vec![(0, Step::Missing(0)); (rows + 1) * (columns + 1)];
    let at = |row: usize, column: usize| row * (columns + 1) + column;
    for row in 0..=rows {
        for column in 0..=columns {
            let mut ways = Vec::with_capacity(3);
            if row > 0 && column > 0 {
                let (wanted, got) = (wanted.start + row - 1, got.start + column - 1);
                let cost = cells[at(row - 1, column - 1)].0 + pair_cost(wanted, got);
                ways.push((cost, Step::Pair(wanted, got)));
            }
            if row > 0 {
                ways.push((cells[at(row - 1, column)].0 + GAP_COST, Step::Missing(wanted.start + row - 1)));
            }
            if column > 0 {
                ways.push((cells[at(row, column - 1)].0 + GAP_COST, Step::Extra(got.start + column - 1)));
            }
            if let Some(best) = ways.into_iter().min_by_key(|(cost, _)| *cost) {
                cells[at(row, column)] = best;
            }
        }
    }
    let last = |row: usize, column: usize| cells[at(row, column)].1;
    walk_back(rows, columns, last)
}

/// The steps which led to the last cell, first to last.
fn walk_back(rows: usize, columns: usize, last: impl Fn(usize, usize) -> Step) -> Vec<Step> {
    let (mut row, mut column, mut steps) = (rows, columns, Vec::new());
    while row > 0 || column > 0 {
        let step = last(row, column);
        row -= usize::from(!matches!(step, Step::Extra(_)));
        column -= usize::from(!matches!(step, Step::Missing(_)));
        steps.push(step);
    }
    steps.reverse();
    steps
}

/// The part of an expected item which came out differently, of [`PAIR_COST`].
fn pair_cost(case: &Case, wanted: usize, made: &Made) -> usize {
    let expected = &case.expect[wanted];
    let context = expected.context.as_ref().map_or(0, Map::len);
    let others = fields(expected, made).iter().filter(|field| field.wanted.is_some()).count();
    let moments = usize::from(expected.at.is_some()) + usize::from(expected.due_at.is_some());
    let columns = usize::from(expected.inbox.is_some()) + expected.columns.len();
    let sent = webhook::named(&expected.webhook);
    let named = context + others + moments + columns + sent + usize::from(expected.state.is_some());
    let named = named.max(1);
    let differing = differing(case, wanted, made).len().min(named);
    PAIR_COST * differing / named
}

/// What differs in one item, field by field.
fn differing(case: &Case, wanted: usize, made: &Made) -> Vec<String> {
    let expected = &case.expect[wanted];
    let mut found = Vec::new();
    for (name, wanted, got) in [("at", expected.at, made.at), ("due_at", expected.due_at, made.due_at)] {
        if let Some(wanted) = wanted
            && wanted != got
        {
            let (wanted, got) = (moment(case.start, wanted), moment(case.start, got));
            found.push(format!("{name}: expected {wanted}, got {got}"));
        }
    }
    if foreign::is_elsewhere(&mut found, expected, &made.draft) {
        return found;
    }
    for Field { name, wanted, got } in fields(expected, made) {
        if let Some(wanted) = wanted {
            compare(&mut found, name, &wanted, &got);
        }
    }
    if let Some(wanted) = &expected.context {
        compare_objects(&mut found, "context", wanted, &made.draft.context);
    }
    foreign::compare_columns(&mut found, &expected.columns, &made.draft);
    webhook::compare_content(&mut found, &expected.webhook, &made.draft);
    found.extend(differing_state(expected.state, made.state));
    found
}

/// An item which gave way to a newer one is expected as such or not at all.
fn differing_state(wanted: Option<ItemState>, got: ItemState) -> Option<String> {
    match wanted {
        Some(wanted) if wanted != got => {
            Some(format!("state: expected {}, got {}", wanted.as_str(), got.as_str()))
        }
        None if got == ItemState::Superseded => {
            Some("state: it was superseded; write `state = \"superseded\"` if it should be".to_owned())
        }
        Some(_) | None => None,
    }
}

/// Compares two values at a path; of objects, the keys which are expected.
fn compare(found: &mut Vec<String>, path: &str, wanted: &Value, got: &Value) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(_)) => compare_objects(found, path, wanted, got),
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (number, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                compare(found, &format!("{path}[{}]", number + 1), wanted, got);
            }
        }
        (wanted, got) if same(wanted, got) => {}
        (wanted, got) => {
            let (wanted, got) = show_both(&wanted.to_string(), &got.to_string());
            found.push(format!("{path}: expected {wanted}, got {got}"));
        }
    }
}

fn compare_objects(found: &mut Vec<String>, path: &str, wanted: &Map<String, Value>, got: &Value) {
    for (key, wanted) in wanted {
        let path = format!("{path}.{key}");
        match got.get(key) {
            Some(got) => compare(found, &path, wanted, got),
            None => found.push(format!("{path}: expected {}, and it is not there", show(wanted))),
        }
    }
}

/// An item as the test announces it, in a few words.
fn announced(expected: &Expected, start: Timestamp) -> String {
    let mut words = Vec::new();
    words.extend(expected.at.map(|at| format!("at {}", moment(start, at))));
    words.extend(expected.item.as_ref().map(|item| format!("item `{}`", item.text)));
    words.extend(expected.inbox.as_ref().map(|inbox| format!("inbox `{inbox}`")));
    words.extend(expected.queue.as_ref().map(|queue| format!("queue `{queue}`")));
    words.extend(expected.title.as_ref().map(|title| format!("title {}", show(&title.as_str().into()))));
    words.extend(webhook::announced(&expected.webhook));
    words.extend(foreign::shown(&expected.columns));
    words.extend(expected.state.map(|state| state.as_str().to_owned()));
    if words.is_empty() {
        words.extend(expected.context.as_ref().map(|map| format!("context {}", show(&map.clone().into()))));
    }
    if words.is_empty() { "no item is left for it".to_owned() } else { words.join(", ") }
}

/// An item which nobody expected, in a few words.
fn unannounced(start: Timestamp, made: &Made) -> String {
    let Made { at, state, draft, .. } = made;
    let at = moment(start, *at);
    let superseded = if *state == ItemState::Superseded { ", superseded" } else { "" };
    if let Some(foreign) = &draft.foreign {
        let columns = foreign::shown(&foreign.columns).unwrap_or_default();
        return format!("at {at}, inbox `{}`, {columns}{superseded}", foreign.inbox);
    }
    let title = show(&draft.title.as_str().into());
    format!("at {at}, queue `{}`, title {title}{superseded}", draft.queue)
}

fn show(value: &Value) -> String {
    cut(&value.to_string())
}

/// Two texts, cut so that the place where they differ is shown.
fn show_both(wanted: &str, got: &str) -> (String, String) {
    let alike = wanted.chars().zip(got.chars()).take_while(|(wanted, got)| wanted == got).count();
    let long = wanted.chars().chain(got.chars()).nth(SHOWN_CHARS_MAX).is_some();
    if !long || alike <= LEAD_CHARS {
        return (cut(wanted), cut(got));
    }
    let from = |text: &str| format!("…{}", cut(&text.chars().skip(alike - LEAD_CHARS).collect::<String>()));
    (from(wanted), from(got))
}

/// A moment as so long after the start, or as it is if it is far away.
pub(super) fn moment(start: Timestamp, at: Timestamp) -> String {
    let after = at.duration_since(start);
    if after.is_negative() || after.as_secs() >= DAY_SECS {
        return at.to_string();
    }
    humantime::format_duration(after.unsigned_abs()).to_string()
}

#[cfg(test)]
mod tests;
