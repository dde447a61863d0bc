//! Which row is whose: the answer to a statement which put drafts into a table.

use super::{Locator, Placed};
use crate::pg::error::PgError;
use std::collections::{HashMap, HashSet, VecDeque};
use tokio_postgres::Row;

/// A row which is new or was changed.
#[derive(Debug)]
struct Made {
    locator: Locator,
    /// By what it is known; absent, if every draft made a row.
    key: Option<String>,
}

/// A draft, where not every draft made a row.
#[derive(Debug)]
struct Told {
    n: usize,
    key: String,
    /// The draft which was offered for it: itself, or a later one for the same row.
    last: usize,
    /// Whether its row was there before.
    was_there: bool,
}

/// What became of each of `count` drafts; none, if some row is nobody's: then a trigger
/// of the table's has changed by what rows are known, or kept some out.
///
/// # Errors
///
/// If the answer cannot be read.
pub(super) fn settle(rows: &[Row], count: usize) -> Result<Option<Vec<Placed>>, PgError> {
    let (mut made, mut told) = (Vec::new(), Vec::new());
    for row in rows {
        match row.try_get::<_, Option<i32>>("n")? {
            None => made.push(Made { locator: read(row.try_get("locator")?)?, key: row.try_get("key")? }),
            Some(n) => told.push(Told {
                n: place(n),
                key: row.try_get("key")?,
                last: place(row.try_get("last")?),
                was_there: row.try_get("was_there")?,
            }),
        }
    }
    Ok(if told.is_empty() { in_order(made, count) } else { by_key(made, told, count) })
}

/// A locator, as the server wrote it.
///
/// # Errors
///
/// If it is no JSON.
pub(super) fn read(text: &str) -> Result<Locator, PgError> {
    serde_json::from_str(text)
        .map(Locator)
        .map_err(|error| PgError::refused("22032", &format!("the key of a row is no JSON: {error}")))
}

/// A number which a record bore.
pub(super) fn place(n: i32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Every draft made a row: rows come back in the order in which they went in.
fn in_order(made: Vec<Made>, count: usize) -> Option<Vec<Placed>> {
    (made.len() == count).then(|| made.into_iter().map(|made| Placed::Created(made.locator)).collect())
}

/// Some drafts made no row. Of those with one key the first ones made the rows, as
/// the index lets the first one in.
fn by_key(made: Vec<Made>, mut told: Vec<Told>, count: usize) -> Option<Vec<Placed>> {
    let mut rows: HashMap<String, VecDeque<Locator>> = HashMap::new();
    for made in made {
        rows.entry(made.key.unwrap_or_default()).or_default().push_back(made.locator);
    }
    told.sort_by_key(|told| told.n);
    let mut found: HashMap<usize, Locator> = HashMap::new();
    for told in told.iter().filter(|told| told.n == told.last) {
        if let Some(locator) = rows.get_mut(&told.key).and_then(VecDeque::pop_front) {
            found.insert(told.n, locator);
        }
    }
    if told.len() != count || rows.values().any(|left| !left.is_empty()) {
        return None;
    }
    let mut begun = HashSet::new();
    let placed = told.iter().map(|told| match found.get(&told.last) {
        None => Placed::Duplicate,
        Some(locator) if !told.was_there && begun.insert(told.last) => Placed::Created(locator.clone()),
        Some(locator) => Placed::Replaced(locator.clone()),
    });
    Some(placed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_those_of_their_drafts_in_order() {
        assert_eq!(in_order(vec![made(1, None), made(2, None)], 2), Some(vec![created(1), created(2)]));
        assert_eq!(in_order(vec![made(1, None)], 2), None);
    }

    #[test]
    fn of_two_drafts_with_one_key_the_first_one_is_the_row() {
        let told = vec![told(2, "a", 2), told(0, "a", 0), told(1, "b", 1)];
        let want = vec![created(7), Placed::Duplicate, Placed::Duplicate];
        assert_eq!(by_key(vec![made(7, Some("a"))], told, 3), Some(want));
    }

    #[test]
    fn keys_which_never_meet_are_rows_one_by_one() {
        let told = vec![told(0, "a", 0), told(1, "a", 1), told(2, "b", 2)];
        let rows = vec![made(7, Some("a")), made(8, Some("a"))];
        assert_eq!(by_key(rows, told, 3), Some(vec![created(7), created(8), Placed::Duplicate]));
    }

    #[test]
    fn the_last_draft_for_a_row_stands_for_those_before() {
        let mut all =
            vec![told(0, "a", 1), told(1, "A", 1), told(2, "b", 3), told(3, "b", 3), told(4, "c", 4)];
        all[2].was_there = true;
        all[3].was_there = true;
        let rows = vec![made(7, Some("A")), made(8, Some("b"))];
        let want = vec![created(7), replaced(7), replaced(8), replaced(8), Placed::Duplicate];
        assert_eq!(by_key(rows, all, 5), Some(want));
    }

    #[test]
    fn a_row_which_is_nobodys_is_noticed() {
        assert_eq!(by_key(vec![made(7, Some("lower"))], vec![told(0, "Lower", 0)], 1), None);
        assert_eq!(by_key(vec![made(7, Some("a"))], vec![told(0, "a", 0)], 2), None);
    }

    fn made(id: i64, key: Option<&str>) -> Made {
        Made { locator: locator(id), key: key.map(str::to_owned) }
    }

    fn told(n: usize, key: &str, last: usize) -> Told {
        Told { n, key: key.to_owned(), last, was_there: false }
    }

    fn locator(id: i64) -> Locator {
        Locator(json!({ "id": id }))
    }

    fn created(id: i64) -> Placed {
        Placed::Created(locator(id))
    }

    fn replaced(id: i64) -> Placed {
        Placed::Replaced(locator(id))
    }
}
