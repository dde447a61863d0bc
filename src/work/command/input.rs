//! What a command is told of its item.

use crate::pg::work::Leased;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

/// The longest value of a variable, in bytes. Systems bound them, and a command
/// whose environment is too large does not start; all of it is on standard input.
const VARIABLE_BYTES_MAX: usize = 8 * 1024;

/// The item as JSON, in one line.
pub(super) fn json(item: &Leased) -> Vec<u8> {
    let more = item.more.as_ref();
    let object = json!({
        "id": item.id,
        "token": item.token,
        "attempt": item.attempt,
        "attempts_max": more.and_then(|more| more.attempts_max),
        "queue": item.queue,
        "priority": item.priority,
        "routine": item.routine,
        "title": item.title,
        "instructions": item.instructions,
        "context": item.context,
        "tenant": item.tenant,
        "tags": item.tags,
        "key": more.and_then(|more| more.key.as_deref()),
        "idempotency_key": more.map(|more| more.dedup_key.as_str()),
        "event_seq": item.event_seq,
        "tick": item.tick,
        "due_at": item.due_at,
        "lease_until": item.lease_until,
    });
    let mut line = object.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Writes the item. Whoever does not want to read it need not.
pub(super) async fn write(mut pipe: ChildStdin, line: Vec<u8>) {
    if let Err(error) = pipe.write_all(&line).await {
        tracing::trace!(error = %error, "the command did not read its item");
    }
    // The pipe closes here: the command sees the end of its input.
}

/// The variables of an item; without a value, those which are not to be there.
pub(super) fn variables(item: &Leased) -> Vec<(&'static str, Option<String>)> {
    let more = item.more.as_ref();
    let variables = [
        ("HEARKEN_ITEM_ID", Some(item.id.to_string())),
        ("HEARKEN_TOKEN", Some(item.token.to_string())),
        ("HEARKEN_ATTEMPT", Some(item.attempt.to_string())),
        ("HEARKEN_QUEUE", Some(item.queue.clone())),
        ("HEARKEN_ROUTINE", Some(item.routine.clone())),
        ("HEARKEN_TITLE", Some(item.title.clone())),
        ("HEARKEN_TENANT", item.tenant.clone()),
        ("HEARKEN_KEY", more.and_then(|more| more.key.clone())),
        ("HEARKEN_IDEMPOTENCY_KEY", more.map(|more| more.dedup_key.clone())),
        ("HEARKEN_LEASE_UNTIL", Some(item.lease_until.to_string())),
    ];
    variables.into_iter().map(|(name, value)| (name, value.map(fit))).collect()
}

/// A value which a variable can have: without NUL, and not too long.
fn fit(value: String) -> String {
    let mut value = value.replace('\0', "\u{FFFD}");
    value.truncate(value.floor_char_boundary(VARIABLE_BYTES_MAX));
    value
}
