//! Writes what the gates changed: one round trip, one statement for each kind of
//! change, in the transaction which is open.

use super::{ForeignRows, Gates};
use crate::pg::columns::{Columns, array_literal, cause_columns};
use crate::pg::error::PgError;
use crate::pg::inboxes::Inboxes;
use crate::pg::session::Session;
use crate::pg::types::{JsonString, KeyBytes};
use crate::rules::gate::changes::Changes;
use crate::rules::gate::entry::{Held, Item, Keys, Phase};
use crate::rules::gate::merge::COLLECTED;
use crate::rules::gate::state::{NO_SLOT, NewKey, NewUse};
use crate::rules::item::{DedupKey, ItemDraft};
use crate::rules::name::RoutineName;
use jiff::Timestamp;
use postgres_types::ToSql;
use serde_json::Value;
use tokio_postgres::Statement;

type Sent = Result<(), PgError>;

impl Gates {
    /// Writes the changes. Titles and contexts are moved out of them. If a table of the
    /// user's had a row of the same key as a new item already, the keys of those items
    /// are returned, and what was written is to be taken back.
    ///
    /// # Errors
    ///
    /// Of the database; the transaction is then to be rolled back.
    pub async fn write(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        rows: &ForeignRows,
        changes: &mut Changes,
    ) -> Result<Vec<DedupKey>, PgError> {
        let duplicates = if inboxes.is_empty() {
            Vec::new()
        } else {
            self.write_foreign(session, inboxes, rows, changes).await?
        };
        if !duplicates.is_empty() {
            return Ok(duplicates);
        }
        let Changes {
            created,
            replaced,
            appended,
            superseded,
            held,
            removed,
            given_up,
            parts,
            reset,
            keys,
            uses,
        } = changes;
        // Sent in this order, since all of it is prepared, and the server works in this
        // order: what is thrown away goes before what takes its place.
        futures_util::try_join!(
            self.remove(session, removed),
            self.free(session, given_up),
            self.put(session, &self.create, created),
            self.put(session, &self.replace, replaced),
            self.append(session, appended),
            self.supersede(session, superseded),
            self.hold(session, held),
            self.discard(session, reset),
            self.collect(session, parts),
            self.take_keys(session, keys),
            self.use_limits(session, uses),
        )?;
        Ok(duplicates)
    }

    async fn remove(&self, session: &Session, ids: &[i64]) -> Sent {
        if ids.is_empty() {
            return Ok(());
        }
        session.client().execute(&self.remove, &[&ids]).await?;
        Ok(())
    }

    async fn free(&self, session: &Session, ids: &[i64]) -> Sent {
        if ids.is_empty() {
            return Ok(());
        }
        session.client().execute(&self.free, &[&ids]).await?;
        Ok(())
    }

    async fn put(&self, session: &Session, statement: &Statement, items: &mut [Item]) -> Sent {
        if items.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
        let key = |key: fn(&Keys) -> Option<DedupKey>| key_column(items.iter().map(|item| key(&item.keys)));
        let (open, supersede, overlap) =
            (key(|keys| keys.open), key(|keys| keys.supersede), key(|keys| keys.overlap));
        let chains: Vec<Option<String>> = items.iter().map(|item| chain(&item.draft.chain)).collect();
        let dues: Vec<Timestamp> = items.iter().map(|item| item.due_at).collect();
        let mut drafts: Vec<ItemDraft> = items
            .iter_mut()
            .zip(dues)
            .map(|(item, due_at)| {
                let context = std::mem::take(&mut item.draft.context);
                let title = std::mem::take(&mut item.draft.title);
                ItemDraft { context, title, due_at: Some(due_at), ..item.draft.clone() }
            })
            .collect();
        let columns = Columns::of(&mut drafts);
        let more: [&(dyn ToSql + Sync); 5] = [&ids, &open, &supersede, &overlap, &chains];
        let parameters: Vec<_> = columns.parameters().into_iter().chain(more).collect();
        session.client().execute(statement, &parameters).await?;
        Ok(())
    }

    async fn append(&self, session: &Session, items: &mut [Item]) -> Sent {
        if items.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
        let added = |item: &Item| {
            JsonString(item.draft.context.get(COLLECTED).map_or_else(|| "[]".to_owned(), Value::to_string))
        };
        let added: Vec<JsonString> = items.iter().map(added).collect();
        let chains: Vec<Option<String>> = items.iter().map(|item| chain(&item.draft.chain)).collect();
        session.client().execute(&self.append, &[&ids, &added, &chains]).await?;
        Ok(())
    }

    async fn supersede(&self, session: &Session, pairs: &[(i64, i64)]) -> Sent {
        if pairs.is_empty() {
            return Ok(());
        }
        let (ids, by): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
        session.client().execute(&self.supersede, &[&ids, &by]).await?;
        Ok(())
    }

    async fn hold(&self, session: &Session, held: &[Held]) -> Sent {
        if held.is_empty() {
            return Ok(());
        }
        let rows = HeldColumns::of(held);
        session.client().execute(&self.hold, &rows.parameters()).await?;
        Ok(())
    }

    async fn discard(&self, session: &Session, ids: &[i64]) -> Sent {
        if ids.is_empty() {
            return Ok(());
        }
        session.client().execute(&self.discard, &[&ids]).await?;
        Ok(())
    }

    async fn collect(&self, session: &Session, parts: &[(i64, u32, Value)]) -> Sent {
        if parts.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = parts.iter().map(|(id, ..)| *id).collect();
        let places: Vec<i32> = parts.iter().map(|(_, n, _)| i32::try_from(*n).unwrap_or(i32::MAX)).collect();
        let contexts: Vec<JsonString> =
            parts.iter().map(|(.., context)| JsonString(context.to_string())).collect();
        session.client().execute(&self.collect, &[&ids, &places, &contexts]).await?;
        Ok(())
    }

    async fn take_keys(&self, session: &Session, new: &[NewKey]) -> Sent {
        if new.is_empty() {
            return Ok(());
        }
        let keys: Vec<KeyBytes> = new.iter().map(|new| KeyBytes(new.key)).collect();
        let slots: Vec<Option<Timestamp>> =
            new.iter().map(|new| (new.slot != NO_SLOT).then_some(new.slot)).collect();
        let items: Vec<i64> = new.iter().map(|new| new.owner.id).collect();
        let routines: Vec<&str> = new.iter().map(|new| new.routine.as_str()).collect();
        let names: Vec<&str> = new.iter().map(|new| new.item.as_str()).collect();
        let ends: Vec<Option<Timestamp>> = new.iter().map(|new| new.owner.expires_at).collect();
        session.client().execute(&self.take_keys, &[&keys, &slots, &items, &routines, &names, &ends]).await?;
        Ok(())
    }

    async fn use_limits(&self, session: &Session, uses: &[(NewUse, u32)]) -> Sent {
        if uses.is_empty() {
            return Ok(());
        }
        let keys: Vec<KeyBytes> = uses.iter().map(|(new, _)| KeyBytes(new.key)).collect();
        let ats: Vec<Timestamp> = uses.iter().map(|(new, _)| new.at).collect();
        let counts: Vec<i32> = uses.iter().map(|(_, n)| i32::try_from(*n).unwrap_or(i32::MAX)).collect();
        let ends: Vec<Timestamp> = uses.iter().map(|(new, _)| new.expires_at).collect();
        session.client().execute(&self.use_limits, &[&keys, &ats, &counts, &ends]).await?;
        Ok(())
    }
}

/// A column of keys; those of which there are none are null.
fn key_column(keys: impl Iterator<Item = Option<DedupKey>>) -> Vec<Option<KeyBytes>> {
    keys.map(|key| key.map(KeyBytes)).collect()
}

/// A chain of causes as PostgreSQL writes it; null, if there is none.
fn chain(chain: &[RoutineName]) -> Option<String> {
    let names: Vec<String> = chain.iter().map(|name| name.as_str().to_owned()).collect();
    (!names.is_empty()).then(|| array_literal(&names))
}

/// Held drafts turned on their side, an array for each column of `hold.sql`.
#[derive(Default)]
struct HeldColumns<'a> {
    id: Vec<i64>,
    phase: Vec<&'a str>,
    gate: Vec<&'a str>,
    due_at: Vec<Timestamp>,
    since: Vec<Timestamp>,
    count: Vec<i32>,
    event_seq: Vec<Option<i64>>,
    tick: Vec<Option<Timestamp>>,
    routine: Vec<&'a str>,
    version: Vec<&'a str>,
    item: Vec<&'a str>,
    queue: Vec<&'a str>,
    tenant: Vec<Option<&'a str>>,
    dedup_key: Vec<KeyBytes>,
    collect_key: Vec<Option<KeyBytes>>,
    open_key: Vec<Option<KeyBytes>>,
    supersede_key: Vec<Option<KeyBytes>>,
    overlap_key: Vec<Option<KeyBytes>>,
    waits_open: Vec<bool>,
    waits_overlap: Vec<bool>,
    reason: Vec<&'a str>,
    draft: Vec<JsonString>,
    request: Vec<JsonString>,
}

impl<'a> HeldColumns<'a> {
    fn of(held: &'a [Held]) -> Self {
        let mut columns = Self::default();
        held.iter().for_each(|held| columns.add(held));
        columns
    }

    fn add(&mut self, held: &'a Held) {
        let Held { id, draft, request, phase, gate, due_at, since, count, waits, reason, .. } = held;
        let (event_seq, tick) = cause_columns(draft.cause);
        let json =
            |value: serde_json::Result<String>| JsonString(value.unwrap_or_else(|_| "null".to_owned()));
        let collects = (*phase == Phase::Collecting).then_some(request.collect.as_ref()).flatten();
        let keys = if *phase == Phase::Collecting { Keys::default() } else { Keys::of(request) };
        self.id.push(*id);
        self.phase.push(phase.as_str());
        self.gate.push(gate.as_str());
        self.due_at.push(*due_at);
        self.since.push(*since);
        self.count.push(i32::try_from(*count).unwrap_or(i32::MAX));
        self.event_seq.push(event_seq);
        self.tick.push(tick);
        self.routine.push(draft.routine.as_str());
        self.version.push(draft.version.as_str());
        self.item.push(draft.item.as_str());
        self.queue.push(draft.queue.as_str());
        self.tenant.push(draft.tenant.as_deref());
        self.dedup_key.push(KeyBytes(draft.key));
        self.collect_key.push(collects.map(|collect| KeyBytes(collect.key())));
        self.open_key.push(keys.open.map(KeyBytes));
        self.supersede_key.push(keys.supersede.map(KeyBytes));
        self.overlap_key.push(keys.overlap.map(KeyBytes));
        self.waits_open.push(waits.open);
        self.waits_overlap.push(waits.overlap);
        self.reason.push(reason);
        self.draft.push(json(serde_json::to_string(draft)));
        self.request.push(json(serde_json::to_string(request)));
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 23] {
        [
            &self.id,
            &self.phase,
            &self.gate,
            &self.due_at,
            &self.since,
            &self.count,
            &self.event_seq,
            &self.tick,
            &self.routine,
            &self.version,
            &self.item,
            &self.queue,
            &self.tenant,
            &self.dedup_key,
            &self.collect_key,
            &self.open_key,
            &self.supersede_key,
            &self.overlap_key,
            &self.waits_open,
            &self.waits_overlap,
            &self.reason,
            &self.draft,
            &self.request,
        ]
    }
}
