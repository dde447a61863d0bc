//! All items and held drafts of both sides, a line each, to be compared.

use super::engine::{Engine, key_of, name, seq_of};
use super::entry::{Entry, Status};
use super::model::Model;
use hearken::rules::item::DedupKey;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the engine has. The model is asked only where more than one answer is
/// right.
pub fn engine_view(engine: &Engine, model: &Model, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for item in engine.state.items() {
        let draft = &item.draft;
        lines.push(format!(
            "item {} of {}: {} {} seq {:?} key {} {:?} due {} created {}{}",
            item.id,
            draft.routine,
            draft.title,
            draft.context,
            seq_of(draft.cause),
            short(draft.key),
            item.standing,
            item.due_at.max(item.created_at),
            item.created_at,
            by(item.superseded_by),
        ));
    }
    for held in engine.state.held() {
        let draft = &held.draft;
        let entry = usize::try_from(held.id).ok().and_then(|id| model.entries.get(id - 1));
        let phase = match format!("{:?}", held.phase).as_str() {
            "Collecting" => "Collecting",
            "Accepted" => "Accepted",
            "Queued" => "Queued",
            other => panic!("a phase nobody knows: {other}"),
        };
        let detail = if phase == "Collecting" {
            format!("since {} count {}", held.since, held.count)
        } else {
            draft.context.to_string()
        };
        let gate = held.gate.as_str();
        let gate_is_right = entry.is_some_and(|entry| entry.gates.contains(&gate));
        lines.push(format!(
            "held {} of {}: {} {detail} seq {:?} key {} {phase} due {}{}",
            held.id,
            draft.routine,
            draft.title,
            seq_of(draft.cause),
            short(draft.key),
            due(phase, held.due_at, now),
            if gate_is_right { String::new() } else { format!(" by the wrong gate, {gate}") },
        ));
    }
    lines
}

/// What the model has.
pub fn model_view(model: &Model, now: Timestamp) -> Vec<String> {
    let item = |entry: &Entry| Some(item_line(model, entry, entry.created?));
    let held = |entry: &Entry| entry.status.is_held().then(|| held_line(model, entry, now));
    model.entries.iter().filter_map(item).chain(model.entries.iter().filter_map(held)).collect()
}

fn item_line(model: &Model, entry: &Entry, created: Timestamp) -> String {
    let draft = &entry.draft;
    let (standing, superseded_by) = match entry.status {
        Status::Superseded(id) => ("Superseded".to_owned(), Some(id)),
        status => (format!("{status:?}"), None),
    };
    format!(
        "item {} of {}: {} {} seq {:?} key {} {standing} due {} created {created}{}",
        entry.id,
        name(draft.routine),
        draft.title,
        context(model, entry),
        Some(draft.seq),
        short(key_of(draft.routine, draft.first)),
        entry.due.max(created),
        by(superseded_by),
    )
}

fn held_line(model: &Model, entry: &Entry, now: Timestamp) -> String {
    let draft = &entry.draft;
    let phase = match entry.status {
        // Its time comes first.
        Status::Queued(_) if entry.due > now => "Accepted",
        Status::Queued(_) => "Queued",
        Status::Collecting => "Collecting",
        _ => "Accepted",
    };
    let detail = if phase == "Collecting" {
        format!("since {} count {}", entry.since, entry.count)
    } else {
        context(model, entry).to_string()
    };
    format!(
        "held {} of {}: {} {detail} seq {:?} key {} {phase} due {}",
        entry.id,
        name(draft.routine),
        draft.title,
        Some(draft.seq),
        short(key_of(draft.routine, draft.first)),
        due(phase, entry.due, now),
    )
}

fn context(model: &Model, entry: &Entry) -> Value {
    let contexts = &entry.draft.contexts;
    if model.flows[entry.draft.routine].collects() {
        json!({ "items": contexts })
    } else {
        contexts.first().cloned().unwrap_or_default()
    }
}

/// When a draft which waits for others was due is of no interest.
fn due(phase: &str, due: Timestamp, now: Timestamp) -> Timestamp {
    if phase == "Queued" { due.max(now) } else { due }
}

fn by(id: Option<i64>) -> String {
    id.map(|id| format!(" superseded by {id}")).unwrap_or_default()
}

fn short(key: DedupKey) -> String {
    key.0[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
