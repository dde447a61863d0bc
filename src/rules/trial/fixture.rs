//! Events in files: one JSON object, a list of them, or one a line.
//!
//! The keys are those of an event in a test. A row of `hearken.events` as JSON
//! is such an event too: what the server assigned to it is left out, and its
//! nulls are what the event does not have.

use crate::rules::name::{RoutineName, SourceName};
use crate::rules::routine::Attributes;
use crate::rules::text::{closest, listed};
use jiff::Timestamp;
use serde_json::{Deserializer, Value};

/// Columns of the log which the server assigns; a test assigns them itself.
const ASSIGNED: [&str; 3] = ["seq", "xid", "at"];

/// Reads the events of a file.
///
/// # Errors
///
/// Says what is wrong with the text, and with which of its events.
pub(super) fn read(text: &str) -> Result<Vec<Attributes>, String> {
    let mut events = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        match value.map_err(|error| format!("this is not JSON: {error}"))? {
            Value::Array(items) => events.extend(items),
            value => events.push(value),
        }
    }
    if events.is_empty() {
        return Err("there is no event in it".to_owned());
    }
    let numbered = |(event, number): (Value, usize)| {
        attributes(event).map_err(|why| format!("its event {number} {why}"))
    };
    events.into_iter().zip(1..).map(numbered).collect()
}

/// The attributes with others over them. Of objects, the keys are laid over
/// each other, at any depth; anything else is replaced.
pub(super) fn overlay(below: Attributes, above: &Attributes) -> Attributes {
    Attributes {
        kind: above.kind.clone().or(below.kind),
        id: above.id.clone().or(below.id),
        origin: above.origin.clone().or(below.origin),
        subject: above.subject.clone().or(below.subject),
        time: above.time.or(below.time),
        tenant: above.tenant.clone().or(below.tenant),
        data: overlay_json(below.data, above.data.as_ref()),
        old: overlay_json(below.old, above.old.as_ref()),
        meta: overlay_json(below.meta, above.meta.as_ref()),
        from: above.from.clone().or(below.from),
        chain: above.chain.clone().or(below.chain),
    }
}

fn overlay_json(below: Option<Value>, above: Option<&Value>) -> Option<Value> {
    match (below, above) {
        (below, None) => below,
        (Some(Value::Object(mut below)), Some(Value::Object(above))) => {
            for (key, value) in above {
                let laid = overlay_json(below.get(key).cloned(), Some(value));
                below.insert(key.clone(), laid.unwrap_or_default());
            }
            Some(Value::Object(below))
        }
        (_, Some(above)) => Some(above.clone()),
    }
}

fn attributes(event: Value) -> Result<Attributes, String> {
    let Value::Object(map) = event else {
        return Err("is no JSON object".to_owned());
    };
    let mut found = Attributes::default();
    for (key, value) in map {
        let known = Attributes::NAMES.contains(&key.as_str());
        if !known && !ASSIGNED.contains(&key.as_str()) {
            return Err(unknown(&key));
        }
        // What is null, the event does not have; but its data may be null.
        if !value.is_null() || key == "data" {
            set(&mut found, &key, value)?;
        }
    }
    Ok(found)
}

fn set(found: &mut Attributes, key: &str, value: Value) -> Result<(), String> {
    match key {
        "type" => found.kind = Some(filled(key, value)?),
        "id" => found.id = Some(filled(key, value)?),
        "source" => found.origin = Some(filled(key, value)?),
        "subject" => found.subject = Some(text(key, value)?),
        "tenant" => found.tenant = Some(text(key, value)?),
        "data" => found.data = Some(value),
        "old" => found.old = Some(value),
        "meta" => found.meta = Some(value),
        "time" => {
            let text = text(key, value)?;
            let time = text.parse::<Timestamp>();
            found.time = Some(time.map_err(|_| format!("has the `time` \"{text}\", which is no RFC 3339"))?);
        }
        "from" => {
            let text = text(key, value)?;
            let name = SourceName::parse(&text);
            found.from = Some(name.map_err(|error| format!("is `from` \"{text}\": {error}"))?);
        }
        "chain" => found.chain = Some(chain(value)?),
        _ => {}
    }
    Ok(())
}

/// The routines whose items led to the event.
fn chain(value: Value) -> Result<Vec<RoutineName>, String> {
    let Value::Array(names) = value else {
        return Err(format!("has the `chain` {value}, which is no list"));
    };
    let named = |name: Value| {
        let name = text("chain", name)?;
        RoutineName::parse(&name).map_err(|error| format!("has \"{name}\" in its `chain`: {error}"))
    };
    names.into_iter().map(named).collect()
}

fn text(key: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        value => Err(format!("has the `{key}` {value}, which is not text")),
    }
}

fn filled(key: &str, value: Value) -> Result<String, String> {
    match text(key, value)? {
        text if text.is_empty() => Err(format!("has an empty `{key}`")),
        text => Ok(text),
    }
}

fn unknown(key: &str) -> String {
    match closest(key, Attributes::NAMES) {
        Some(near) => format!("has an unknown key `{key}`: did you mean `{near}`?"),
        None => format!("has an unknown key `{key}`: an event has {}", listed(Attributes::NAMES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_come_as_an_object_a_list_or_lines() {
        let kinds = |text: &str| {
            let events = read(text).unwrap();
            events.into_iter().map(|event| event.kind.unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(kinds("{\"type\": \"a\"}"), ["a"]);
        assert_eq!(kinds("{\n  \"type\": \"a\"\n}\n"), ["a"]);
        assert_eq!(kinds("[{\"type\": \"a\"}, {\"type\": \"b\"}]"), ["a", "b"]);
        assert_eq!(kinds("{\"type\": \"a\"}\n\n{\"type\": \"b\"}\n"), ["a", "b"]);
    }

    #[test]
    fn a_row_of_the_log_is_an_event() {
        let row = json!({
            "seq": 7, "xid": "741", "at": "2026-03-02T08:00:00+00:00", "time": null, "id": "e",
            "source": "app", "type": "a", "subject": null, "tenant": "acme", "data": null, "old": null,
            "meta": null, "chain": null,
        });
        let found = read(&row.to_string()).unwrap().remove(0);
        assert_eq!((found.kind.as_deref(), found.tenant.as_deref()), (Some("a"), Some("acme")));
        assert_eq!((found.time, found.subject, found.old, found.meta), (None, None, None, None));
        assert_eq!(found.data, Some(Value::Null));
    }

    #[test]
    fn what_is_no_event_is_refused_with_a_reason() {
        check("", "there is no event in it");
        check("[]", "there is no event in it");
        check("{", "this is not JSON: EOF while parsing an object at line 1 column 1");
        check("{\"type\": \"a\"} 5", "its event 2 is no JSON object");
        check("{\"typ\": \"a\"}", "its event 1 has an unknown key `typ`: did you mean `type`?");
        check("{\"type\": \"\"}", "its event 1 has an empty `type`");
        check("{\"id\": 5}", "its event 1 has the `id` 5, which is not text");
        check("{\"time\": \"noon\"}", "its event 1 has the `time` \"noon\", which is no RFC 3339");
        check("{\"chain\": \"a\"}", "its event 1 has the `chain` \"a\", which is no list");
        check("{\"chain\": [5]}", "its event 1 has the `chain` 5, which is not text");
        let name = "its event 1 has \"\" in its `chain`: a name cannot be empty";
        check("{\"chain\": [\"\"]}", name);
    }

    #[test]
    fn what_the_test_names_stands_over_the_file() {
        let data = json!({ "x": 1, "o": { "a": 1, "b": 2 }, "l": [1, 2] });
        let below = read(&json!({ "type": "a", "subject": "s", "data": data }).to_string());
        let above = Attributes {
            kind: Some("b".to_owned()),
            data: Some(json!({ "o": { "a": 9 }, "l": [3], "n": true })),
            ..Attributes::default()
        };
        let got = overlay(below.unwrap().remove(0), &above);
        assert_eq!((got.kind.as_deref(), got.subject.as_deref()), (Some("b"), Some("s")));
        assert_eq!(got.data, Some(json!({ "x": 1, "o": { "a": 9, "b": 2 }, "l": [3], "n": true })));
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(read(text).unwrap_err(), want, "{text}");
    }
}
