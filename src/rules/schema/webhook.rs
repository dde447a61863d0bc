//! The part about what is delivered: `[webhook]`.

use super::item::{emits, order_key};
use super::{Key, add, duration, integer, key, name, reference, table, text, words};
use crate::rules::routine::{HEADERS_MAX, RETRY_DEFAULT, WEBHOOK_QUEUE};
use serde_json::{Value, json};

/// `[webhook]`: to a `url`, or to a row of an `endpoint`.
pub(super) fn webhook() -> Value {
    let mut webhook = table(keys(), &[]);
    add(
        &mut webhook,
        json!({
            "if": { "required": ["endpoint"] },
            "then": { "required": ["id"] },
            "else": { "required": ["url"] },
        }),
    );
    webhook
}

fn keys() -> Vec<Key> {
    // What is filled in may begin with anything.
    let url = json!({ "type": "string", "pattern": r"^([Hh][Tt][Tt][Pp][Ss]?://|\{)" });
    let mut queue = name();
    add(&mut queue, json!({ "default": WEBHOOK_QUEUE }));
    let mut timeout = duration();
    add(&mut timeout, json!({ "default": "15s" }));
    let retry = json!({ "type": "array", "items": duration(), "default": RETRY_DEFAULT });
    vec![
        key("url", "Where it goes: an absolute address, or a template of one.", url),
        key("endpoint", "A table of endpoints of hearken.toml, in place of a url.", name()),
        key("id", "Which row of that table.", reference("value")),
        key("queue", "The queue from which it is delivered.", queue),
        key("secret", "Where the deliverer finds what it signs with: { env = \"HOOK_SECRET\" }.", secret()),
        key(
            "mode",
            "The whole event as the body, or its data alone.",
            words(&["structured", "binary"], "structured"),
        ),
        key("timeout", "How long one attempt may take, from 1s to 5min.", timeout),
        key("retry", "The pauses between attempts, each from 1s to 30d, at most 20 of them.", retry),
        key("type", "The type of what is sent: a template; the event's, if not given.", text()),
        order_key(),
        key("title", "One line for people: a template; what it is and where it goes, if not given.", text()),
        key("priority", "Greater is delivered first.", integer(i32::MIN, i32::MAX, 0)),
        key("headers", "Headers of your own: templates, or where a secret is found.", headers()),
        key("data", "What is sent; the data of the event, if not given.", reference("value")),
        emits(),
    ]
}

/// A secret: where it is found.
fn secret() -> Value {
    let env = json!({ "type": "string", "pattern": "^[A-Z_][A-Z0-9_]*$" });
    let file = json!({ "type": "string", "pattern": "^/" });
    let mut secret = table(
        vec![
            key("env", "A variable of the deliverer's environment.", env),
            key("file", "A file of the deliverer's: an absolute path.", file),
        ],
        &[],
    );
    add(&mut secret, json!({ "minProperties": 1, "maxProperties": 1 }));
    secret
}

fn headers() -> Value {
    let mut header = secret();
    add(&mut header, json!({ "type": ["string", "object"] }));
    json!({
        "type": "object",
        "maxProperties": HEADERS_MAX,
        "propertyNames": { "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" },
        "additionalProperties": header,
    })
}
