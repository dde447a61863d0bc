//! The ledger of every no, and the letters of what failed for good.

mod redrive;

mod together;

pub use redrive::{Blocked, Redriven, blocked, redrive_blocked, some_are_blocked};
pub use together::{Group, group_of, redrive_together};

use super::error::PgError;
use super::session::Session;
use crate::rules::gate::Ruling;
use crate::rules::name::{ItemName, RoutineName};
use crate::rules::routine::{Routine, Version};
use jiff::Timestamp;
use postgres_types::ToSql;
use tokio_postgres::ToStatement;

/// Why an event which matched, or a tick, did not become an item. The texts are
/// those of the constraint `decisions_outcome_is_known`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its item was there before.
    Duplicate,
    /// It failed for good: see the dead letter.
    Dead,
    /// It waits for a grant or a column: see the dead letter.
    Blocked,
    /// The tick was not run.
    Missed,
    /// The event could not be weighed: see the dead letter.
    Oversized,
    /// It waits, as a row of `hearken.held`.
    Held,
    /// It became part of a held draft or of a waiting item.
    Merged,
    /// A held draft or a waiting item took its content.
    Replaced,
    /// There were enough of its kind.
    Limited,
    /// It was dropped outside its hours.
    OutsideHours,
    /// An earlier item was still open.
    Overlap,
    /// It would have gone round in circles.
    Loop,
    /// Its routine was paused.
    Paused,
    /// It waited, and a newer one took its place.
    Superseded,
    /// It was held, and somebody called it off.
    Cancelled,
}

impl Outcome {
    /// The text of it in `hearken.decisions`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Dead => "dead",
            Self::Blocked => "blocked",
            Self::Missed => "missed",
            Self::Oversized => "oversized",
            Self::Held => "held",
            Self::Merged => "merged",
            Self::Replaced => "replaced",
            Self::Limited => "limited",
            Self::OutsideHours => "outside_hours",
            Self::Overlap => "overlap",
            Self::Loop => "loop",
            Self::Paused => "paused",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a gate says of a draft is an outcome of the same name.
impl From<Ruling> for Outcome {
    fn from(ruling: Ruling) -> Self {
        match ruling {
            Ruling::Held => Self::Held,
            Ruling::Merged => Self::Merged,
            Ruling::Replaced => Self::Replaced,
            Ruling::Duplicate => Self::Duplicate,
            Ruling::Limited => Self::Limited,
            Ruling::OutsideHours => Self::OutsideHours,
            Ruling::Overlap => Self::Overlap,
            Ruling::Superseded => Self::Superseded,
        }
    }
}

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// An event.
    Event(i64),
    /// A run of ticks.
    Ticks {
        /// The first.
        first: Timestamp,
        /// The last.
        last: Timestamp,
        /// How many.
        count: i64,
    },
}

/// One row of `hearken.decisions`.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What it is about.
    pub about: About,
    /// Where the event came from; `schedule` for ticks.
    pub source: String,
    /// The routine and its version; none if no routine was asked.
    pub routine: Option<(RoutineName, Version)>,
    /// Which of its items.
    pub item: Option<ItemName>,
    /// What was decided.
    pub outcome: Outcome,
    /// Why, for people.
    pub reason: String,
    /// The item which was there before.
    pub met_item_id: Option<i64>,
    /// The row of the source, by its id; none for the log, and for ticks.
    pub event_id: Option<String>,
}

impl Decision {
    /// What becomes of an event while the routine which wanted it is paused. It
    /// is not dealt with later.
    #[must_use]
    pub fn paused(about: About, source: &str, routine: &Routine) -> Self {
        Self {
            about,
            source: source.to_owned(),
            routine: Some((routine.name.clone(), routine.version.clone())),
            item: None,
            outcome: Outcome::Paused,
            reason: "the routine is paused: see hearken.paused".to_owned(),
            met_item_id: None,
            event_id: None,
        }
    }
}

/// What kind of failure a letter keeps. The texts are those of the constraint
/// `dead_letters_kind_is_known`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterKind {
    /// The inbox did not take the item.
    Refused,
    /// A grant or a column is missing; it is tried again by itself.
    Blocked,
    /// The routine could not make an item of the event.
    Failed,
    /// The event could not be weighed.
    Oversized,
}

impl LetterKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Oversized => "oversized",
        }
    }
}

/// One row of `hearken.dead_letters`.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// What it is about; of a run of ticks only the first is kept.
    pub about: About,
    /// What kind of failure.
    pub kind: LetterKind,
    /// Where the event came from; `schedule` for ticks.
    pub source: String,
    /// The routine and its version; none if no routine was asked.
    pub routine: Option<(RoutineName, Version)>,
    /// Which of its items, and for which queue.
    pub item: Option<(ItemName, String)>,
    /// The SQLSTATE, where the database refused.
    pub sqlstate: Option<String>,
    /// What happened, for people.
    pub message: String,
    /// The event as JSON text.
    pub event: Option<String>,
    /// The draft as JSON text.
    pub draft: Option<String>,
    /// The row of the source, by its id; none for the log, and for ticks.
    pub event_id: Option<String>,
}

/// Writes decisions; their arrays are those of [`Rows`].
pub(super) const RECORD: &str = "\
    insert into hearken.decisions \
        (event_seq, first_tick, last_tick, count, met_item_id, source, routine, version, item, outcome, reason, event_id) \
    select * from unnest( \
        $1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], \
        $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])";

/// Writes decisions, in the transaction which is open, with [`RECORD`] as it is or
/// prepared.
pub(super) async fn record<T>(session: &Session, statement: &T, decisions: &[Decision]) -> Result<(), PgError>
where
    T: ?Sized + ToStatement,
{
    if decisions.is_empty() {
        return Ok(());
    }
    session.client().execute(statement, &Rows::of(decisions).parameters()).await?;
    Ok(())
}

/// Decisions turned on their side: an array for each column.
#[derive(Default)]
struct Rows<'a> {
    event_seq: Vec<Option<i64>>,
    first_tick: Vec<Option<Timestamp>>,
    last_tick: Vec<Option<Timestamp>>,
    count: Vec<i64>,
    met_item_id: Vec<Option<i64>>,
    source: Vec<&'a str>,
    routine: Vec<Option<&'a str>>,
    version: Vec<Option<&'a str>>,
    item: Vec<Option<&'a str>>,
    outcome: Vec<&'static str>,
    reason: Vec<String>,
    event_id: Vec<Option<&'a str>>,
}

impl<'a> Rows<'a> {
    fn of(decisions: &'a [Decision]) -> Self {
        let mut rows = Self::default();
        for decision in decisions {
            let (event_seq, first, last, count) = about_columns(decision.about);
            rows.event_seq.push(event_seq);
            rows.first_tick.push(first);
            rows.last_tick.push(last);
            rows.count.push(count);
            rows.met_item_id.push(decision.met_item_id);
            rows.source.push(&decision.source);
            rows.routine.push(decision.routine.as_ref().map(|(name, _)| name.as_str()));
            rows.version.push(decision.routine.as_ref().map(|(_, version)| version.as_str()));
            rows.item.push(decision.item.as_ref().map(ItemName::as_str));
            rows.outcome.push(decision.outcome.as_str());
            rows.reason.push(clean(&decision.reason));
            rows.event_id.push(decision.event_id.as_deref());
        }
        rows
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 12] {
        [
            &self.event_seq,
            &self.first_tick,
            &self.last_tick,
            &self.count,
            &self.met_item_id,
            &self.source,
            &self.routine,
            &self.version,
            &self.item,
            &self.outcome,
            &self.reason,
            &self.event_id,
        ]
    }
}

/// Writes dead letters, in the transaction which is open.
pub(super) async fn bury(session: &Session, letters: &[DeadLetter]) -> Result<(), PgError> {
    if letters.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = letters.iter().map(letter_json).collect();
    let events: Vec<Option<&str>> = letters.iter().map(|letter| letter.event.as_deref()).collect();
    let drafts: Vec<Option<&str>> = letters.iter().map(|letter| letter.draft.as_deref()).collect();
    let sql = "\
        insert into hearken.dead_letters \
            (event_seq, tick, kind, source, routine, version, item, queue, sqlstate, message, event, draft, \
             event_id) \
        select d.event_seq, d.tick, d.kind, d.source, d.routine, d.version, d.item, d.queue, d.sqlstate, d.message, \
               l.event::json, l.draft::json, d.event_id \
        from unnest($1::text[], $2::text[], $3::text[]) as l (row, event, draft) \
        cross join lateral jsonb_to_record(l.row::jsonb) as d ( \
            event_seq bigint, tick timestamptz, kind text, source text, routine text, version text, item text, \
            queue text, sqlstate text, message text, event_id text)";
    session.client().execute(sql, &[&rows, &events, &drafts]).await?;
    Ok(())
}

fn letter_json(letter: &DeadLetter) -> String {
    let (event_seq, tick, ..) = about_columns(letter.about);
    serde_json::json!({
        "event_seq": event_seq,
        "tick": tick.map(|tick| tick.to_string()),
        "kind": letter.kind.as_str(),
        "source": letter.source,
        "routine": letter.routine.as_ref().map(|(name, _)| name.as_str()),
        "version": letter.routine.as_ref().map(|(_, version)| version.as_str()),
        "item": letter.item.as_ref().map(|(item, _)| item.as_str()),
        "queue": letter.item.as_ref().map(|(_, queue)| queue),
        "sqlstate": letter.sqlstate,
        "message": clean(&letter.message),
        "event_id": letter.event_id,
    })
    .to_string()
}

type AboutColumns = (Option<i64>, Option<Timestamp>, Option<Timestamp>, i64);

fn about_columns(about: About) -> AboutColumns {
    match about {
        About::Event(seq) => (Some(seq), None, None, 1),
        About::Ticks { first, last, count } => (None, Some(first), Some(last), count),
    }
}

/// PostgreSQL's text holds no NUL; a message which quotes one must not fail.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
