//! Items as operators see them: lists by filter, what changes, and one with its causes;
//! and what operators do about them.
//!
//! People ask now and then, so no index is kept for them. Every list is bounded, read
//! from its newest end, and given up after [`LIST_WITHIN`].

mod bulk;
mod causes;
mod changes;
mod letters;
mod queues;
mod row;

pub use bulk::{Answer, Deed, act, act_on_all, dead_items, ids_like, items_of};
pub use causes::{Causes, Decision, Event, Found, Unknown, Version, causes_of, item};
pub use changes::{Follower, Look};
pub use letters::{Letter, LetterAnswer, drop_letter, letters, retry_letter};
pub use queues::{QueueState, pause_queue, queues, resume_queue};
pub use row::{Detail, Item};

use super::error::PgError;
use super::session::Session;
use jiff::Timestamp;
use postgres_types::ToSql;
use row::Place;
use std::fmt;
use std::time::Duration;

/// How long one list may take.
pub const LIST_WITHIN: Duration = Duration::from_secs(20);

/// So many items are read at once.
const PAGE: i64 = 500;

/// The state of an item; the texts are those of the constraints of
/// the inbox and the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be leased when it is due.
    Waiting,
    /// A worker has it.
    Leased,
    /// An attempt failed; to be leased again.
    Failed,
    /// Done.
    Done,
    /// Failed for good.
    Dead,
    /// Called off.
    Cancelled,
    /// A newer one took its place.
    Superseded,
    /// Somebody gave it up; such items are in the history only.
    Dropped,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Leased,
        Self::Failed,
        Self::Done,
        Self::Dead,
        Self::Cancelled,
        Self::Superseded,
        Self::Dropped,
    ];

    /// Reads the name of a state.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn parse(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownState)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Failed => "failed",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Dropped => "dropped",
        }
    }
}

/// A text which names no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownState;

impl fmt::Display for UnknownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = State::ALL.map(State::as_str).join(", ");
        write!(f, "a state is one of {names}")
    }
}

impl std::error::Error for UnknownState {}

/// Which items; what is empty asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this queue.
    pub queue: Option<String>,
    /// In one of these states.
    pub states: Vec<State>,
    /// Of this routine.
    pub routine: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// With this ordering key.
    pub key: Option<String>,
    /// Whose lease this worker holds, or held last.
    pub worker: Option<String>,
    /// Whose last error is like this pattern (`ilike`).
    pub error: Option<String>,
    /// Made then or later.
    pub since: Option<Timestamp>,
    /// Made before.
    pub until: Option<Timestamp>,
}

/// What does not change during the life of an item. The planner folds the nulls of a
/// custom plan, so that what is not asked for costs nothing.
const FIXED: &str = "\
    ($1::text is null or i.queue = $1) and ($2::text is null or i.routine = $2) \
    and ($3::text is null or i.tenant = $3) and ($4::text is null or i.key = $4) \
    and ($5::timestamptz is null or i.created_at >= $5) \
    and ($6::timestamptz is null or i.created_at < $6)";

/// What does.
const CHANGING: &str = "\
    ($7::text[] is null or i.state = any ($7)) and ($8::text is null or i.worker = $8) \
    and ($9::text is null or i.error ilike $9)";

/// The filter as the first nine parameters of a statement.
struct Parameters<'a> {
    filter: &'a Filter,
    states: Option<Vec<&'static str>>,
}

impl<'a> Parameters<'a> {
    fn of(filter: &'a Filter) -> Self {
        let states = filter.states.iter().map(|state| state.as_str()).collect::<Vec<_>>();
        Self { filter, states: Some(states).filter(|states| !states.is_empty()) }
    }

    fn with<'b>(&'b self, more: &[&'b (dyn ToSql + Sync)]) -> Vec<&'b (dyn ToSql + Sync)> {
        let filter = self.filter;
        let mut all: Vec<&(dyn ToSql + Sync)> = vec![
            &filter.queue,
            &filter.routine,
            &filter.tenant,
            &filter.key,
            &filter.since,
            &filter.until,
            &self.states,
            &filter.worker,
            &filter.error,
        ];
        all.extend_from_slice(more);
        all
    }
}

/// Where items are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the inbox: those which are open, or finished lately.
    Inbox,
    /// In the history, too.
    History,
}

/// Makes a session fit for this module: its statements have parameters which are null
/// mostly, and a plan for all cases would use no index.
///
/// # Errors
///
/// If the session is lost.
pub async fn prepare(session: &Session) -> Result<(), PgError> {
    session.limit_statements(LIST_WITHIN).await?;
    Ok(session.client().batch_execute("set plan_cache_mode = force_custom_plan").await?)
}

/// A list, read a page at a time: the newest items first.
#[derive(Debug)]
pub struct Pages<'a> {
    filter: &'a Filter,
    sql: String,
    left: i64,
    before: Option<i64>,
}

impl<'a> Pages<'a> {
    /// At most `limit` items.
    #[must_use]
    pub fn new(filter: &'a Filter, reach: Reach, detail: Detail, limit: u32) -> Self {
        Self { filter, sql: list_sql(reach, detail), left: i64::from(limit), before: None }
    }

    /// The next page; empty at the end.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn next(&mut self, session: &Session) -> Result<Vec<Item>, PgError> {
        let count = self.left.min(PAGE);
        if count <= 0 {
            return Ok(Vec::new());
        }
        let parameters = Parameters::of(self.filter);
        let parameters = parameters.with(&[&self.before, &count]);
        let rows = session.client().query(self.sql.as_str(), &parameters).await?;
        let items = rows.iter().map(row::item).collect::<Result<Vec<_>, _>>()?;
        let read = i64::try_from(items.len()).unwrap_or(count);
        self.before = items.last().map(|item| item.id);
        self.left = if read < count { 0 } else { self.left - read };
        Ok(items)
    }
}

/// The statement of a page: items with numbers below `$10`, at most `$11` of them.
fn list_sql(reach: Reach, detail: Detail) -> String {
    let part = |place: Place, more: &str| {
        format!(
            "(select {} from {} i where {FIXED} and {CHANGING} \
             and ($10::bigint is null or i.id < $10) {more} order by i.id desc limit $11)",
            row::columns(place, detail),
            place.table()
        )
    };
    let inbox = part(Place::Inbox, "");
    match reach {
        Reach::Inbox => inbox,
        Reach::History => {
            // What was made since was finished since: weeks before that are not opened.
            let history = part(Place::History, "and ($5::timestamptz is null or i.at >= $5)");
            format!("{inbox} union all {history} order by id desc limit $11")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_read_by_its_name() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Ok(state));
        }
        let error = State::parse("ded").unwrap_err().to_string();
        assert!(
            error.ends_with("waiting, leased, failed, done, dead, cancelled, superseded, dropped"),
            "{error}"
        );
    }

    #[test]
    fn the_history_is_read_only_where_it_is_asked_for() {
        assert!(!list_sql(Reach::Inbox, Detail::Line).contains("hearken.history"));
        assert!(list_sql(Reach::History, Detail::Whole).contains("hearken.history"));
    }
}
