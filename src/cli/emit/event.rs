//! Whole events in lines of `hearken emit --lines`.

use crate::pg::emit::NewEvent;
use crate::rules::text::{closest, listed};
use serde_json::{Map, Value};

/// The attributes of an event in a line.
const KEYS: [&str; 9] = ["type", "data", "old", "subject", "source", "id", "time", "tenant", "meta"];

/// The event of an object; what it does not say is as for all.
///
/// # Errors
///
/// What is wrong with it, for people.
pub(super) fn event(mut map: Map<String, Value>, common: &NewEvent) -> Result<NewEvent, String> {
    if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let help = match closest(key, KEYS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("an event has {}", listed(KEYS)),
        };
        return Err(format!("unknown key `{key}`: {help}"));
    }
    let time = match text(&mut map, "time")? {
        None => common.time,
        Some(text) => Some(super::time(&text).map_err(|help| format!("`{text}` is no time: {help}"))?),
    };
    Ok(NewEvent {
        kind: name(&mut map, "type")?.ok_or("this event has no `type`")?,
        data: map.remove("data").map_or_else(|| common.data.clone(), |data| data.to_string()),
        subject: text(&mut map, "subject")?.or_else(|| common.subject.clone()),
        source: name(&mut map, "source")?.or_else(|| common.source.clone()),
        id: name(&mut map, "id")?,
        time,
        old: any(&mut map, "old").or_else(|| common.old.clone()),
        tenant: text(&mut map, "tenant")?.or_else(|| common.tenant.clone()),
        meta: any(&mut map, "meta").or_else(|| common.meta.clone()),
    })
}

/// Text, if there is any; null is none.
fn text(map: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match map.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{key}` must be text")),
    }
}

/// Text which cannot be empty.
fn name(map: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match text(map, key)? {
        Some(text) if text.is_empty() => Err(format!("`{key}` cannot be empty")),
        text => Ok(text),
    }
}

/// Any value as JSON text; null is none.
fn any(map: &mut Map<String, Value>, key: &str) -> Option<String> {
    map.remove(key).filter(|value| !value.is_null()).map(|value| value.to_string())
}
