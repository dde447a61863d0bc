//! Fills in an item which is delivered: the event as CloudEvents 1.0 has it, and how it
//! is sent.

use super::draft::{Content, Origin, one_line, place};
use super::error::{PlanError, PlanReason};
use super::value::{Failed, resolve_all, type_name};
use crate::rules::routine::{HeaderSpec, ItemSpec, TargetSpec, Titled, WebhookSpec, is_header_text};
use crate::rules::template::Scope;
use crate::rules::webhook::address::Address;
use crate::rules::webhook::{Delivery, HeaderValue, Target};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The type of what is sent on account of a tick.
const TICK_TYPE: &str = "hearken.tick";

/// An item which goes to an endpoint.
pub(super) fn of_webhook(
    spec: &ItemSpec,
    webhook: &WebhookSpec,
    scope: Scope<'_>,
    origin: &Origin,
) -> Result<Content, PlanError> {
    let failed = |field: &str, reason| PlanError { field: place(spec, field), reason };
    let kind = kind(webhook, scope).map_err(|reason| failed("type", reason))?;
    let data = data(webhook, scope).map_err(|Failed { field, reason }| failed(&field, reason))?;
    let (to, whither) = target(webhook, scope).map_err(|Failed { field, reason }| failed(&field, reason))?;
    let headers = headers(webhook, scope).map_err(|Failed { field, reason }| failed(&field, reason))?;
    let title = match webhook.titled {
        Titled::ByRoutine => spec.title.text(scope).map_err(|error| failed("title", error.into()))?,
        Titled::ByTarget => format!("{kind} to {whither}"),
    };
    let delivery = Delivery {
        to,
        headers,
        secret: webhook.secret.clone(),
        mode: webhook.mode,
        timeout_ms: webhook.timeout_ms,
        retry_ms: webhook.retry_ms.clone(),
    };
    Ok(Content {
        title: one_line(title),
        instructions: "".into(),
        context: event(kind, data, scope, origin),
        foreign: None,
        webhook: Some(Arc::new(delivery)),
    })
}

fn kind(webhook: &WebhookSpec, scope: Scope<'_>) -> Result<String, PlanReason> {
    let kind = match (&webhook.kind, scope) {
        (Some(template), scope) => template.text(scope)?,
        (None, Scope::Event { event, .. }) => event.kind.clone(),
        (None, Scope::Tick { .. }) => TICK_TYPE.to_owned(),
    };
    if kind.is_empty() { Err(PlanReason::Empty) } else { Ok(kind) }
}

fn data(webhook: &WebhookSpec, scope: Scope<'_>) -> Result<Value, Failed> {
    match (&webhook.data, scope) {
        (Some(field), scope) => {
            let mut map = resolve_all(std::slice::from_ref(field), scope)?;
            Ok(map.remove(&field.name).unwrap_or_default())
        }
        (None, Scope::Event { event, .. }) => Ok(event.data.clone()),
        (None, Scope::Tick { .. }) => Ok(json!({})),
    }
}

/// Where it goes, and the same in a word for the title.
fn target(webhook: &WebhookSpec, scope: Scope<'_>) -> Result<(Target, String), Failed> {
    let of = |field: &str, reason| Failed { field: field.to_owned(), reason };
    match &webhook.to {
        TargetSpec::Url(template) => {
            let url = template.text(scope).map_err(|error| of("url", error.into()))?;
            let host = Address::parse(&url).map_err(|error| of("url", error.into()))?.authority();
            Ok((Target::Url(url), host))
        }
        TargetSpec::Endpoint { name, id, .. } => {
            let mut map = resolve_all(std::slice::from_ref(id), scope)?;
            let id = match map.remove(&id.name).unwrap_or_default() {
                Value::String(id) if id.is_empty() => return Err(of("id", PlanReason::Empty)),
                Value::String(id) => id,
                Value::Number(id) => id.to_string(),
                other => return Err(of("id", PlanReason::Id { found: type_name(&other) })),
            };
            let whither = format!("{name} {id}");
            Ok((Target::Endpoint { name: name.clone(), id }, whither))
        }
    }
}

fn headers(webhook: &WebhookSpec, scope: Scope<'_>) -> Result<BTreeMap<String, HeaderValue>, Failed> {
    let mut headers = BTreeMap::new();
    for (name, spec) in &webhook.headers {
        let of = |reason| Failed { field: format!("headers.{name}"), reason };
        let value = match spec {
            HeaderSpec::Secret(secret) => HeaderValue::Secret(secret.clone()),
            HeaderSpec::Text(template) => {
                let text = template.text(scope).map_err(|error| of(error.into()))?;
                if !is_header_text(&text) {
                    return Err(of(PlanReason::Header));
                }
                HeaderValue::Text(text)
            }
        };
        headers.insert(name.clone(), value);
    }
    Ok(headers)
}

/// The event as CloudEvents has it, in structured JSON. What stands for a tick is known
/// by routine, tick and, of a query, the number of the row: source and id together tell
/// one event from all others.
fn event(kind: String, data: Value, scope: Scope<'_>, origin: &Origin) -> Value {
    let (id, source, subject, time) = match scope {
        Scope::Event { event, .. } => {
            (event.id.clone(), event.origin.clone(), event.subject.clone(), event.time)
        }
        Scope::Tick { tick, routine, row, .. } => {
            let number = row.map_or_else(String::new, |_| format!("/{}", origin.row));
            (format!("{routine}@{tick}{number}"), format!("/hearken/{routine}"), None, tick)
        }
    };
    let mut event = Map::new();
    let mut set = |name: &str, value: String| {
        // An attribute which is there has text.
        if !value.is_empty() {
            event.insert(name.to_owned(), Value::String(value));
        }
    };
    set("specversion", "1.0".to_owned());
    set("id", id);
    set("source", source);
    set("type", kind);
    set("subject", subject.unwrap_or_default());
    set("time", time.to_string());
    set("tenant", origin.tenant.clone().unwrap_or_default());
    set("datacontenttype", "application/json".to_owned());
    event.insert("data".to_owned(), data);
    Value::Object(event)
}
