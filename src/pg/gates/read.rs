//! Rows into what the gates know.

use super::Gates;
use super::foreign::{Change, ForeignRows, MetBy};
use crate::pg::error::PgError;
use crate::pg::inboxes::Inboxes;
use crate::pg::session::Session;
use crate::pg::types::{JsonText, KeyBytes};
use crate::rules::gate::Gate;
use crate::rules::gate::entry::{
    Held, HeldChange, HeldRole, Item, ItemChange, Keys, Loaded, Parts, Phase, Standing, Waits,
};
use crate::rules::gate::merge::collected;
use crate::rules::gate::state::{NO_SLOT, Owner, State};
use crate::rules::gate::wanted::Wanted;
use crate::rules::item::{Cause, DedupKey, FromRow, ItemDraft};
use crate::rules::name::{ItemName, QueueName, RoutineName, SourceName};
use crate::rules::routine::Version;
use jiff::Timestamp;
use postgres_types::ToSql;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio_postgres::{Row, Statement};

type Parameters<'a> = Vec<&'a (dyn ToSql + Sync)>;

/// Asks, if there is something to ask for.
async fn ask(
    session: &Session,
    asked: bool,
    statement: &Statement,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>, PgError> {
    if !asked {
        return Ok(Vec::new());
    }
    Ok(session.client().query(statement, &parameters).await?)
}

/// What new drafts may meet.
pub(super) struct Met {
    ids: Vec<i64>,
    causes: Vec<Row>,
    keys: Vec<Row>,
    uses: Vec<Row>,
    items: Vec<Item>,
    held: Vec<Held>,
    rows: ForeignRows,
}

impl Met {
    /// Reads it: one round trip, and two more if there are items in tables of the
    /// user's to be met.
    pub(super) async fn read(
        gates: &Gates,
        session: &Session,
        inboxes: &Inboxes,
        wanted: &Wanted,
        known: &[i64],
        drafts: usize,
    ) -> Result<Self, PgError> {
        let list = |keys: &BTreeSet<DedupKey>| keys.iter().copied().map(KeyBytes).collect::<Vec<_>>();
        let causes: Vec<KeyBytes> = wanted.causes.iter().copied().map(KeyBytes).collect();
        let (open, supersede) = (list(&wanted.open), list(&wanted.supersede));
        let (overlap, keys) = (list(&wanted.overlap), list(&wanted.keys));
        let (open_to_change, keys_to_change) = (list(&wanted.open_to_change), list(&wanted.keys_to_change));
        let limits: Vec<KeyBytes> = wanted.limits.keys().copied().map(KeyBytes).collect();
        let since: Vec<Timestamp> = wanted.limits.values().copied().collect();
        let drafts = i32::try_from(drafts).unwrap_or(i32::MAX);
        let meets = !(open.is_empty() && supersede.is_empty() && overlap.is_empty() && keys.is_empty());
        let changes = !(open_to_change.is_empty() && supersede.is_empty() && keys_to_change.is_empty());
        let change = if changes { Change::Perhaps } else { Change::Never };
        let by = MetBy { open: &open, supersede: &supersede, overlap: &overlap, keys: &keys, change };
        let foreign = async {
            if meets { gates.foreign_met(session, inboxes, by).await } else { Ok(Default::default()) }
        };
        let (ids, causes, keys_taken, uses, items, to_change, held, foreign) = futures_util::try_join!(
            ask(session, drafts > 0, &gates.ids, vec![&drafts]),
            ask(session, !causes.is_empty(), &gates.causes, vec![&causes]),
            ask(session, !keys.is_empty(), &gates.keys, vec![&keys]),
            ask(session, !limits.is_empty(), &gates.uses, vec![&limits, &since]),
            ask(session, meets, &gates.items_met, vec![&open, &supersede, &overlap, &keys]),
            ask(session, changes, &gates.items_to_change, vec![&open_to_change, &supersede, &keys_to_change]),
            ask(session, meets, &gates.held_met, vec![&open, &supersede, &overlap, &keys, &known]),
            foreign,
        )?;
        let locked: HashMap<i64, i32> = to_change.iter().map(|row| (row.get(0), row.get(1))).collect();
        let (of_tables, rows) = foreign;
        let mut items: Vec<Item> = items.iter().map(|row| item_of(row, &locked)).collect::<Result<_, _>>()?;
        items.extend(of_tables);
        Ok(Self {
            ids: ids.iter().map(|row| row.get(0)).collect(),
            causes,
            keys: keys_taken,
            uses,
            items,
            held: readable(&held, HeldRole::Bystander),
            rows,
        })
    }

    /// All that is known, with those drafts which may go on.
    pub(super) fn into_state(self, subjects: Vec<Held>) -> (State, ForeignRows) {
        let mut state = State::with_ids(self.ids);
        for row in &self.causes {
            if let Some(key) = key_of(row.get(0)) {
                state.know_cause(key, row.get(1));
            }
        }
        for row in &self.keys {
            if let Some(key) = key_of(row.get(0)) {
                let slot = row.get::<_, Option<Timestamp>>(1).unwrap_or(NO_SLOT);
                state.know_key(key, slot, Owner { id: row.get(2), expires_at: row.get(3) });
            }
        }
        for row in &self.uses {
            if let Some(key) = key_of(row.get(0)) {
                state.know_uses(key, row.get(1), u32::try_from(row.get::<_, i32>(2)).unwrap_or_default());
            }
        }
        self.items.into_iter().for_each(|item| state.know_item(item));
        self.held.into_iter().chain(subjects).for_each(|held| state.know_held(held));
        (state, self.rows)
    }
}

impl Gates {
    /// Reads what the held drafts have collected which may go on now, and of the
    /// others how much it is.
    pub(super) async fn read_parts(
        &self,
        session: &Session,
        wanted: &Wanted,
        held: &mut [Held],
        now: Timestamp,
    ) -> Result<(), PgError> {
        let collects = |held: &&Held| held.request.collects();
        let goes_on = |held: &&Held| held.due_at <= now || fills_up(held, wanted);
        let (now_due, later): (Vec<&Held>, Vec<&Held>) = held.iter().filter(collects).partition(goes_on);
        let now_due: Vec<i64> = now_due.iter().map(|held| held.id).collect();
        let later: BTreeSet<i64> = later.iter().map(|held| held.id).collect();
        let mut lists = BTreeMap::<i64, Vec<Value>>::new();
        if !now_due.is_empty() {
            for row in session.client().query(&self.parts, &[&now_due]).await? {
                let JsonText(text) = row.try_get(1)?;
                lists.entry(row.get(0)).or_default().push(parse_json(text));
            }
        }
        for held in held.iter_mut() {
            if later.contains(&held.id) {
                held.parts = Parts { stored: held.count, loaded: Loaded::No, ..Parts::default() };
            } else if let Some(parts) = lists.remove(&held.id) {
                held.parts.stored = u32::try_from(parts.len()).unwrap_or(u32::MAX);
                if let Some(list) = collected(&mut held.draft) {
                    *list = parts;
                }
            }
        }
        Ok(())
    }
}

/// Whether what comes now fills the batch.
fn fills_up(held: &Held, wanted: &Wanted) -> bool {
    let coming = held.request.collect.as_ref().and_then(|collect| wanted.collects.get(&collect.key()));
    matches!(coming, Some((coming, Some(max))) if held.count.saturating_add(*coming) >= *max)
}

pub(super) fn key_of(bytes: &[u8]) -> Option<DedupKey> {
    bytes.try_into().ok().map(DedupKey)
}

/// One which is too deep to be read stays what it is, as text.
fn parse_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn unreadable(what: &str, why: &str) -> PgError {
    PgError::refused("22P02", &format!("{what} cannot be read: {why}"))
}

/// Rows of `hearken.held`. One which somebody has spoilt is passed over here; when
/// it falls due it becomes a dead letter.
pub(super) fn readable(rows: &[Row], role: HeldRole) -> Vec<Held> {
    rows.iter().filter_map(|row| held_of(row, role).ok()).collect()
}

/// A row of `hearken.held`.
pub(super) fn held_of(row: &Row, role: HeldRole) -> Result<Held, PgError> {
    let id: i64 = row.try_get("id")?;
    let bad = |what: &str, why: &str| unreadable(&format!("`{what}` of the held draft {id}"), why);
    let JsonText(draft) = row.try_get("draft")?;
    let JsonText(request) = row.try_get("request")?;
    let phase: &str = row.try_get("phase")?;
    let gate: &str = row.try_get("gate")?;
    let mut held = Held {
        id,
        draft: serde_json::from_str(draft).map_err(|error| bad("draft", &error.to_string()))?,
        request: serde_json::from_str(request).map_err(|error| bad("request", &error.to_string()))?,
        phase: Phase::parse(phase).ok_or_else(|| bad("phase", phase))?,
        gate: Gate::parse(gate).ok_or_else(|| bad("gate", gate))?,
        due_at: row.try_get("due_at")?,
        since: row.try_get("since")?,
        count: u32::try_from(row.try_get::<_, i32>("count")?).unwrap_or(1),
        waits: Waits { open: row.try_get("waits_open")?, overlap: row.try_get("waits_overlap")? },
        reason: row.try_get("reason")?,
        parts: Parts::default(),
        role,
        change: HeldChange::None,
    };
    if role == HeldRole::Bystander && held.request.collects() {
        // Its list is not read; what is added goes behind whatever is there.
        held.parts.loaded = Loaded::No;
        held.parts.stored = held.count;
    }
    Ok(held)
}

/// What an item comes from, by its columns `event_seq` and `tick`.
pub(super) fn cause_of(row: &Row) -> Result<Cause, PgError> {
    let (seq, tick): (Option<i64>, Option<Timestamp>) = (row.try_get("event_seq")?, row.try_get("tick")?);
    Ok(match (seq, tick) {
        (Some(seq), _) => Cause::Event(seq),
        (None, Some(tick)) => Cause::Tick(tick),
        (None, None) => Cause::Event(0),
    })
}

/// The row of the user's which an item comes from, by its columns `source` and `event_id`.
pub(super) fn from_of(row: &Row) -> Result<Option<Arc<FromRow>>, PgError> {
    let (source, id): (Option<&str>, Option<String>) = (row.try_get("source")?, row.try_get("event_id")?);
    let source = source.and_then(|source| SourceName::parse(source).ok());
    Ok(source.zip(id).map(|(source, id)| Arc::new(FromRow { source, id })))
}

fn item_of(row: &Row, locked: &HashMap<i64, i32>) -> Result<Item, PgError> {
    let id: i64 = row.try_get("id")?;
    let bad = |what: &str, why: &str| unreadable(&format!("`{what}` of item {id}"), why);
    let name = |column: &str| row.try_get::<_, &str>(column);
    let routine = RoutineName::parse(name("routine")?).map_err(|e| bad("routine", &e.to_string()))?;
    let item = ItemName::parse(name("item")?).map_err(|e| bad("item", &e.to_string()))?;
    let queue = QueueName::parse(name("queue")?).map_err(|e| bad("queue", &e.to_string()))?;
    let key = key_of(row.try_get("dedup_key")?).ok_or_else(|| bad("dedup_key", "its length"))?;
    let cause = cause_of(row)?;
    let chain = row.try_get::<_, Option<Vec<Option<&str>>>>("chain")?.unwrap_or_default();
    let key_at = |column: &str| row.try_get::<_, Option<&[u8]>>(column).map(|bytes| bytes.and_then(key_of));
    let count = locked.get(&id).and_then(|count| u32::try_from(*count).ok());
    Ok(Item {
        id,
        draft: ItemDraft {
            routine,
            version: Version::parse(name("version")?).unwrap_or_else(|| Version::of("")),
            item,
            cause,
            key,
            queue,
            priority: 0,
            due_at: None,
            attempts_max: None,
            tenant: None,
            title: String::new(),
            instructions: "".into(),
            context: serde_json::json!({ "items": [] }),
            tags: Vec::new().into(),
            chain: chain.into_iter().flatten().filter_map(|name| RoutineName::parse(name).ok()).collect(),
            from: from_of(row)?,
            row: 0,
            foreign: None,
            order_key: None,
            webhook: None,
        },
        standing: match (name("state")?, count) {
            ("waiting" | "failed", Some(_)) => Standing::Waiting,
            ("waiting" | "failed", None) | ("leased", _) => Standing::Running,
            ("superseded", _) => Standing::Superseded,
            _ => Standing::Closed,
        },
        due_at: row.try_get("due_at")?,
        created_at: row.try_get("created_at")?,
        superseded_by: None,
        keys: Keys {
            open: key_at("open_key")?,
            supersede: key_at("supersede_key")?,
            overlap: key_at("overlap_key")?,
        },
        count: count.unwrap_or(1),
        change: ItemChange::None,
    })
}
