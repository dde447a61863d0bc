//! What the database and the state have, in words which both can say.

use crate::gates::engine;
use crate::support::TestDatabase;
use hearken::rules::gate::State;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Outcomes of which it is compared what they met.
const MEETING: [&str; 5] = ["merged", "replaced", "duplicate", "overlap", "superseded"];

/// Whose ids are whose: the keys of causes by the ids in the state and in the
/// database, as they were seen.
#[derive(Debug, Default)]
pub struct Seen {
    state: BTreeMap<i64, String>,
    rows: BTreeMap<i64, String>,
}

/// A decision: the event, the routine, the outcome, and what it met, if that is
/// known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decided {
    about: (i64, String, String),
    met: Option<String>,
}

impl Seen {
    /// Remembers the ids of the state.
    pub fn learn(&mut self, state: &State) {
        self.state.extend(state.items().map(|item| (item.id, short(&item.draft.key.0))));
        self.state.extend(state.held().map(|held| (held.id, short(&held.draft.key.0))));
    }

    /// Remembers the ids of the database.
    pub async fn learn_rows(&mut self, db: &TestDatabase) -> anyhow::Result<()> {
        let sql = "select id, dedup_key from hearken.items union all \
                   select id, dedup_key from hearken.held";
        let rows = db.client.query(sql, &[]).await?;
        self.rows.extend(rows.iter().map(|row| (row.get(0), short(row.get(1)))));
        Ok(())
    }

    /// A note of the state.
    pub fn decided(&self, note: &engine::Seen) -> Decided {
        let about = (note.seq.unwrap_or_default(), note.routine.clone(), note.ruling.clone());
        Decided { met: met(&about.2, note.met, &self.state), about }
    }
}

fn met(outcome: &str, id: Option<i64>, known: &BTreeMap<i64, String>) -> Option<String> {
    id.filter(|_| MEETING.contains(&outcome)).and_then(|id| known.get(&id).cloned())
}

/// The decisions of the daemon.
pub async fn decisions(db: &TestDatabase, seen: &Seen) -> anyhow::Result<Vec<Decided>> {
    let sql = "select event_seq, routine, outcome, met_item_id from hearken.decisions";
    let rows = db.client.query(sql, &[]).await?;
    let decided = rows.iter().map(|row| {
        let about = (row.get(0), row.get(1), row.get::<_, String>(2));
        Decided { met: met(&about.2, row.get(3), &seen.rows), about }
    });
    Ok(decided.collect())
}

/// Whether both decided the same about the same events; what was met is compared
/// where both sides know it.
pub fn same_decisions(got: &[Decided], want: &[Decided]) -> anyhow::Result<()> {
    let mut missing = want.to_vec();
    for decided in got {
        let is_it = |other: &Decided| {
            let met = other.met.is_none() || decided.met.is_none() || other.met == decided.met;
            other.about == decided.about && met
        };
        let Some(place) = missing.iter().position(is_it) else {
            anyhow::bail!("the daemon decided {decided:?}, which is none of {missing:#?}");
        };
        missing.remove(place);
    }
    anyhow::ensure!(missing.is_empty(), "the daemon has not decided {missing:#?}");
    Ok(())
}

/// The items and held drafts of the database, a line each.
pub async fn rows(db: &TestDatabase, now: Timestamp) -> anyhow::Result<Vec<String>> {
    let sql = "select i.dedup_key, i.routine, i.state, i.title, i.context::text, i.event_seq, i.due_at, \
               i.created_at, s.dedup_key from hearken.items i \
               left join hearken.items s on s.id = i.superseded_by";
    let items = db.client.query(sql, &[]).await?;
    let mut lines = Vec::new();
    for row in &items {
        let standing = match row.get::<_, &str>(2) {
            "waiting" | "failed" => "Waiting",
            "leased" => "Running",
            "superseded" => "Superseded",
            _ => "Closed",
        };
        let context = serde_json::from_str::<Value>(row.get(4))?;
        let (due, created) = (row.get::<_, Timestamp>(6), row.get::<_, Timestamp>(7));
        let by = row.get::<_, Option<&[u8]>>(8).map(short);
        lines.push(format!(
            "item {} of {}: {standing} {} {context} seq {:?} due {} created {created} by {by:?}",
            short(row.get(0)),
            row.get::<_, &str>(1),
            row.get::<_, &str>(3),
            row.get::<_, Option<i64>>(5),
            due.max(created),
        ));
    }
    let sql = "select dedup_key, routine, phase, gate, draft ->> 'title', event_seq, due_at, since, count \
               from hearken.held";
    for row in &db.client.query(sql, &[]).await? {
        let (phase, due) = (row.get::<_, &str>(2), row.get::<_, Timestamp>(6));
        let collected = (row.get::<_, Timestamp>(7), i64::from(row.get::<_, i32>(8)));
        lines.push(format!(
            "held {} of {}: {phase} by {} {} seq {:?} due {}{}",
            short(row.get(0)),
            row.get::<_, &str>(1),
            row.get::<_, &str>(3),
            row.get::<_, &str>(4),
            row.get::<_, Option<i64>>(5),
            if phase == "queued" { due.max(now) } else { due },
            since(phase, collected),
        ));
    }
    lines.sort();
    Ok(lines)
}

/// The items and held drafts of the state, a line each.
pub fn state_rows(state: &State, now: Timestamp) -> Vec<String> {
    let items = state.items().map(|item| (item.id, short(&item.draft.key.0))).collect::<BTreeMap<_, _>>();
    let mut lines = Vec::new();
    for item in state.items() {
        let by = item.superseded_by.and_then(|id| items.get(&id).cloned());
        lines.push(format!(
            "item {} of {}: {:?} {} {} seq {:?} due {} created {} by {by:?}",
            short(&item.draft.key.0),
            item.draft.routine,
            item.standing,
            item.draft.title,
            item.draft.context,
            engine::seq_of(item.draft.cause),
            item.due_at.max(item.created_at),
            item.created_at,
        ));
    }
    for held in state.held() {
        let phase = format!("{:?}", held.phase).to_lowercase();
        let due = if phase == "queued" { held.due_at.max(now) } else { held.due_at };
        lines.push(format!(
            "held {} of {}: {phase} by {} {} seq {:?} due {due}{}",
            short(&held.draft.key.0),
            held.draft.routine,
            held.gate.as_str(),
            held.draft.title,
            engine::seq_of(held.draft.cause),
            since(&phase, (held.since, i64::from(held.count))),
        ));
    }
    lines.sort();
    lines
}

fn since(phase: &str, (since, count): (Timestamp, i64)) -> String {
    if phase == "collecting" { format!(" since {since} count {count}") } else { String::new() }
}

fn short(key: &[u8]) -> String {
    key.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
