//! Which items change, for those who watch.
//!
//! No column says when a row last changed, and to keep one for people who watch would
//! cost each lease. So a look reads what may have changed, each part along an index:
//! the newest numbers, what is leased, what was finished since the last look, and
//! the open items which were seen before. What changed of them is found by comparing.
//!
//! An item which was made before the watch began is thus first seen when it is leased
//! or finished. All of it is bounded: under a flood some changes are passed over, and
//! the look says so.

use super::row::{self, Place};
use super::{CHANGING, Detail, FIXED, Filter, Item, Pages, Parameters, Reach};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// So many items each part of a look reads at most.
const PART_MAX: i64 = 1_000;

/// So many open items are looked at again each time, the newest.
const WATCHED_MAX: usize = 5_000;

/// So many items are remembered, the newest.
const KNOWN_MAX: usize = 50_000;

/// What became visible late, in transactions which were longer than a look, is found
/// for so many looks.
const LOOKS_BACK: usize = 15;

/// As for [`LOOKS_BACK`], in time.
const TIME_BACK: SignedDuration = SignedDuration::from_secs(15);

/// Follows the items of a filter.
#[derive(Debug)]
pub struct Follower<'a> {
    filter: &'a Filter,
    detail: Detail,
    /// The highest number there was at each of the last looks, the oldest first. Of
    /// all items, whatever the filter: what is above is little, however quiet ours are.
    highest: VecDeque<i64>,
    looked_at: Timestamp,
    known: BTreeMap<i64, Known>,
}

/// An item as it was last seen.
#[derive(Debug, PartialEq)]
struct Known {
    state: String,
    attempt: i32,
    progress_at: Option<Timestamp>,
    due_at: Timestamp,
    matches: bool,
}

impl Known {
    fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "waiting" | "leased" | "failed")
    }
}

/// What one look found.
#[derive(Debug)]
pub struct Look {
    /// The items which changed, as they are now, in the order of their numbers.
    pub items: Vec<Item>,
    /// Whether there were more changes than were read.
    pub more: bool,
    /// The database's clock.
    pub now: Timestamp,
}

impl<'a> Follower<'a> {
    /// Begins with the newest items, up to `limit`.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn begin(
        session: &Session,
        filter: &'a Filter,
        detail: Detail,
        limit: u32,
    ) -> Result<(Self, Look), PgError> {
        let (now, highest) = clock_and_highest(session).await?;
        let (highest, known) = (VecDeque::from([highest]), BTreeMap::new());
        let mut follower = Self { filter, detail, highest, looked_at: now, known };
        // What a look finds by itself did not change, it was there.
        follower.look(session).await?;
        let mut items = Vec::new();
        let mut pages = Pages::new(filter, Reach::Inbox, detail, limit);
        loop {
            let page = pages.next(session).await?;
            if page.is_empty() {
                break;
            }
            items.extend(page);
        }
        items.reverse();
        for item in &items {
            follower.remember(item, true);
        }
        Ok((follower, Look { items, more: false, now }))
    }

    /// Looks for what changed since the last look.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn look(&mut self, session: &Session) -> Result<Look, PgError> {
        let (now, highest) = clock_and_highest(session).await?;
        let floor = self.highest.front().copied().unwrap_or_default();
        // A clock which was turned back shows nothing twice, as what is known stays known.
        let since = self.looked_at.checked_sub(TIME_BACK).unwrap_or(self.looked_at);
        let watched = self.watched();
        let sql = look_sql(self.detail);
        let parameters = Parameters::of(self.filter);
        let parameters = parameters.with(&[&floor, &since, &watched, &PART_MAX]);
        let rows = session.client().query(sql.as_str(), &parameters).await?;
        let mut seen = Vec::with_capacity(rows.len());
        for row in &rows {
            seen.push((row::item(row)?, row.try_get::<_, bool>("matches")?, row.try_get::<_, i64>("read")?));
        }
        let more = seen.iter().any(|(_, _, read)| *read >= PART_MAX);
        let gone: Vec<i64> = watched
            .iter()
            .filter(|id| seen.binary_search_by_key(*id, |(item, _, _)| item.id).is_err())
            .copied()
            .collect();
        let mut items = Vec::new();
        for (item, matches, _) in seen {
            self.compare(item, matches, &mut items);
        }
        if !gone.is_empty() {
            self.finish(session, &gone, &mut items).await?;
        }
        self.looked_at = now;
        self.forget(highest);
        Ok(Look { items, more, now })
    }

    /// Items which left the inbox since they were seen: they are in the history, or
    /// nowhere.
    async fn finish(
        &mut self,
        session: &Session,
        gone: &[i64],
        items: &mut Vec<Item>,
    ) -> Result<(), PgError> {
        let sql = format!(
            "select {}, coalesce({CHANGING}, false) as matches \
             from hearken.history i where i.id = any ($10) and {FIXED} order by i.id",
            row::columns(Place::History, self.detail)
        );
        let parameters = Parameters::of(self.filter);
        let rows = session.client().query(sql.as_str(), &parameters.with(&[&gone])).await?;
        for row in &rows {
            self.compare(row::item(row)?, row.try_get("matches")?, items);
        }
        for id in gone {
            if self.known.get(id).is_some_and(Known::is_open) {
                self.known.remove(id);
            }
        }
        Ok(())
    }

    /// Takes note of an item, and keeps it for the caller if it is news.
    fn compare(&mut self, item: Item, matches: bool, news: &mut Vec<Item>) {
        if self.remember(&item, matches) && matches {
            news.push(item);
        }
    }

    /// Whether the item is not as it was last seen.
    fn remember(&mut self, item: &Item, matches: bool) -> bool {
        let known = Known {
            state: item.state.clone(),
            attempt: item.attempt,
            progress_at: item.progress_at,
            due_at: item.due_at,
            matches,
        };
        let changed = self.known.get(&item.id) != Some(&known);
        self.known.insert(item.id, known);
        changed
    }

    /// The open items to be looked at again, in order.
    fn watched(&self) -> Vec<i64> {
        let open = self.known.iter().rev().filter(|(_, known)| known.is_open());
        let mut ids: Vec<i64> = open.take(WATCHED_MAX).map(|(id, _)| *id).collect();
        ids.reverse();
        ids
    }

    fn forget(&mut self, highest: i64) {
        while self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
        self.highest.push_back(highest);
        while self.highest.len() > LOOKS_BACK {
            self.highest.pop_front();
        }
    }
}

/// The database's clock, and the highest number in the inbox.
async fn clock_and_highest(session: &Session) -> Result<(Timestamp, i64), PgError> {
    let sql = "select hearken.now(), coalesce((select max(i.id) from hearken.inbox_items i), 0)";
    let row = session.client().query_one(sql, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// What was finished since `$11`.
const FINISHED: &str = "i.state in ('done', 'dead', 'cancelled', 'superseded') and i.finished_at >= $11";

/// The statement of a look: numbers above `$10`, finished since `$11`, and those of
/// `$12`, at most `$13` of each part.
fn look_sql(detail: Detail) -> String {
    let part = |found: &str, order: &str| {
        format!(
            "select p.id, count(*) over () as read from (select i.id from hearken.inbox_items i \
             where {found} and {FIXED} order by {order} limit $13) p"
        )
    };
    format!(
        "with found as materialized ({} union all {} union all {} union all \
            select w.id, 0 from unnest($12::bigint[]) as w (id)), \
         ids as (select f.id, max(f.read) as read from found f group by f.id) \
         select {}, coalesce({CHANGING}, false) as matches, ids.read \
         from ids join hearken.inbox_items i on i.id = ids.id order by i.id",
        part("i.id > $10", "i.id desc"),
        part("i.state = 'leased'", "i.lease_until desc"),
        part(FINISHED, "i.finished_at desc"),
        row::columns(Place::Inbox, detail),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(state: &str) -> Known {
        let (attempt, due_at) = (1, Timestamp::UNIX_EPOCH);
        Known { state: state.to_owned(), attempt, progress_at: None, due_at, matches: true }
    }

    fn follower(filter: &Filter) -> Follower<'_> {
        let (highest, known) = (VecDeque::from([0]), BTreeMap::new());
        Follower { filter, detail: Detail::Line, highest, looked_at: Timestamp::UNIX_EPOCH, known }
    }

    #[test]
    fn only_open_items_are_looked_at_again_and_the_newest_of_them() {
        let filter = Filter::default();
        let mut follower = follower(&filter);
        follower.known = (1..=6_000).map(|id| (id, known("leased"))).collect();
        follower.known.insert(6_001, known("done"));
        let watched = follower.watched();
        assert_eq!((watched.len(), watched.first(), watched.last()), (5_000, Some(&1_001), Some(&6_000)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let filter = Filter::default();
        let mut follower = follower(&filter);
        follower.known = (1..=60_000).map(|id| (id, known("done"))).collect();
        for _ in 0..100 {
            follower.forget(60_000);
        }
        assert_eq!((follower.known.len(), follower.highest.len()), (KNOWN_MAX, LOOKS_BACK));
        assert!(follower.known.contains_key(&60_000));
    }
}
