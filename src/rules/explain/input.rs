//! Events as people write them down: a JSON object each, one or several after
//! the other.

use crate::rules::event::Event;
use crate::rules::name::{RoutineName, SourceName};
use crate::rules::problem::{Problem, Problems};
use crate::rules::text::{closest, listed};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// The attributes an event may be given; only `type` must be there.
const KEYS: [&str; 11] =
    ["type", "data", "old", "subject", "source", "id", "time", "tenant", "meta", "from", "chain"];

/// The `source` of an event which does not say, as in the event log.
const SOURCE_DEFAULT: &str = "app";

/// Reads the events of a file; `file` is how messages call it, and `now` the
/// time of events which do not say theirs. Their `seq` counts from 1.
///
/// # Errors
///
/// All that is wrong with them; what cannot be read as JSON ends the reading.
pub fn read_events(file: &str, text: &str, now: Timestamp) -> Result<Vec<Event>, Problems> {
    let mut problems = Problems::new(file, text);
    let mut events = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut end = 0;
    while let Some(value) = values.next() {
        match value {
            Ok(value) => {
                let start = text.len() - text[end..].trim_start().len();
                end = values.byte_offset();
                let mut reader = Reader { problems: &mut problems, text, place: start..end };
                events.extend(reader.event(value, events.len(), now));
            }
            Err(error) => {
                problems.push(syntax(text, &error));
                break;
            }
        }
    }
    if events.is_empty() && problems.is_empty() {
        problems.push(Problem::error(0..0, "there is no event here").help(EXAMPLE));
    }
    problems.sort();
    if problems.has_errors() { Err(problems) } else { Ok(events) }
}

const EXAMPLE: &str = "write `{ \"type\": \"refund.requested\", \"data\": { \"amount\": 600 } }`";

fn syntax(text: &str, error: &serde_json::Error) -> Problem {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let at = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    let problem = Problem::error(at..at + 1, format!("this is not JSON: {what}")).label("cannot be read");
    problem.help("an event is one object; several of them stand one after the other, with no comma between")
}

/// Reads one event.
struct Reader<'a> {
    problems: &'a mut Problems,
    text: &'a str,
    /// Where the event stands in the text.
    place: Range<usize>,
}

impl Reader<'_> {
    /// The event. What is wrong with it is noted; then what stands in for it here
    /// does not matter.
    fn event(&mut self, value: Value, before: usize, now: Timestamp) -> Option<Event> {
        let Value::Object(mut map) = value else {
            let place = self.place.clone();
            self.problems.push(Problem::error(place, "an event is a JSON object").help(EXAMPLE));
            return None;
        };
        self.unknown_keys(&map);
        let time = self.text(&mut map, "time");
        let from = self.text(&mut map, "from");
        Some(Event {
            from: from.and_then(|from| self.source(&from)).unwrap_or_else(SourceName::log),
            seq: i64::try_from(before).map_or(i64::MAX, |before| before.saturating_add(1)),
            id: self.name(&mut map, "id").unwrap_or_else(|| "1".to_owned()),
            origin: self.name(&mut map, "source").unwrap_or_else(|| SOURCE_DEFAULT.to_owned()),
            kind: self.kind(&mut map).unwrap_or_default(),
            subject: self.text(&mut map, "subject"),
            time: time.and_then(|time| self.time(&time)).unwrap_or(now),
            tenant: self.text(&mut map, "tenant"),
            data: map.remove("data").unwrap_or_else(|| json!({})),
            old: map.remove("old").filter(|old| !old.is_null()),
            meta: map.remove("meta").unwrap_or(Value::Null),
            chain: self.chain(&mut map),
        })
    }

    /// The routines whose items led to the event.
    fn chain(&mut self, map: &mut Map<String, Value>) -> Vec<RoutineName> {
        let help = "write names of routines: `\"chain\": [\"triage\"]`";
        let names = match map.remove("chain") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(names)) => names,
            Some(_) => {
                self.complain("chain", "`chain` must be a list".to_owned(), help);
                return Vec::new();
            }
        };
        let named = |name: &Value| name.as_str().and_then(|name| RoutineName::parse(name).ok());
        let chain = names.iter().map(named).collect::<Option<Vec<_>>>();
        if chain.is_none() {
            self.complain("chain", "`chain` has what is no name of a routine".to_owned(), help);
        }
        chain.unwrap_or_default()
    }

    fn unknown_keys(&mut self, map: &Map<String, Value>) {
        for key in map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let help = match closest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("an event has {}; what happened goes into `data`", listed(KEYS)),
            };
            self.complain(key, format!("unknown key `{key}`"), &help);
        }
    }

    fn complain(&mut self, key: &str, message: String, help: &str) {
        let span = key_span(self.text, &self.place, key);
        self.problems.push(Problem::error(span, message).help(help));
    }

    fn kind(&mut self, map: &mut Map<String, Value>) -> Option<String> {
        if !map.contains_key("type") {
            let start = self.place.start;
            let problem = Problem::error(start..start + 1, "this event has no `type`").help(EXAMPLE);
            self.problems.push(problem);
        }
        self.name(map, "type")
    }

    /// Text which cannot be empty.
    fn name(&mut self, map: &mut Map<String, Value>, key: &str) -> Option<String> {
        let text = self.text(map, key)?;
        if text.is_empty() {
            self.complain(key, format!("`{key}` cannot be empty"), "leave it out, or say it");
        }
        Some(text)
    }

    /// Text, if there is any; null is none.
    fn text(&mut self, map: &mut Map<String, Value>, key: &str) -> Option<String> {
        match map.remove(key)? {
            Value::String(text) => Some(text),
            Value::Null if key != "type" => None,
            _ => {
                self.complain(key, format!("`{key}` must be text"), "text stands in quotes");
                None
            }
        }
    }

    fn source(&mut self, name: &str) -> Option<SourceName> {
        match SourceName::parse(name) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("`from` is no name of a source: {error}");
                self.complain("from", message, "`events` is hearken's own log");
                None
            }
        }
    }

    fn time(&mut self, text: &str) -> Option<Timestamp> {
        let time = text.parse().ok();
        if time.is_none() {
            let help = "write a time with its offset: `2026-03-02T09:00:00+01:00`, or with `Z`";
            self.complain("time", format!("`{text}` is no time"), help);
        }
        time
    }
}

/// The place of a key of the object at `place`; its first byte, if the key is
/// written with escapes.
fn key_span(text: &str, place: &Range<usize>, key: &str) -> Range<usize> {
    let wanted = Value::from(key).to_string();
    let bytes = text.get(place.clone()).unwrap_or_default().as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(bytes, at);
                let is_key = bytes[end..].trim_ascii_start().starts_with(b":");
                if depth == 1 && is_key && bytes[at..end] == *wanted.as_bytes() {
                    return place.start + at..place.start + end;
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    place.start..place.start + 1
}

/// Where the string ends whose quote is at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_needs_no_more_than_a_type() {
        let events = read("{ \"type\": \"a.b\" }").unwrap();
        let event = &events[0];
        assert_eq!((event.kind.as_str(), event.id.as_str(), event.origin.as_str()), ("a.b", "1", "app"));
        assert_eq!((event.from.as_str(), event.seq, event.time), ("events", 1, Timestamp::UNIX_EPOCH));
        assert_eq!((&event.data, &event.old, &event.meta), (&json!({}), &None, &Value::Null));
    }

    #[test]
    fn all_attributes_are_read_and_numbers_keep_their_digits() {
        let text = r#"{ "type": "a", "data": 9007199254740993.10, "old": [1], "subject": "s", "source": "o", "id": "7",
            "time": "2026-03-02T09:00:00+01:00", "tenant": "t", "meta": null, "from": "plugins",
            "chain": ["a", "b"] }"#;
        let event = read(text).unwrap().remove(0);
        assert_eq!((event.data.to_string().as_str(), event.old), ("9007199254740993.10", Some(json!([1]))));
        assert_eq!((event.subject.as_deref(), event.tenant.as_deref()), (Some("s"), Some("t")));
        assert_eq!((event.origin.as_str(), event.id.as_str(), event.from.as_str()), ("o", "7", "plugins"));
        assert_eq!((event.time.to_string().as_str(), event.meta), ("2026-03-02T08:00:00Z", Value::Null));
        assert_eq!(event.chain.iter().map(RoutineName::as_str).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn several_events_stand_one_after_the_other() {
        let events = read("{\"type\":\"a\"}\n{\"type\":\"b\"}\n\n{\n \"type\": \"c\"\n}").unwrap();
        let kinds = events.iter().map(|event| (event.seq, event.kind.as_str())).collect::<Vec<_>>();
        assert_eq!(kinds, [(1, "a"), (2, "b"), (3, "c")]);
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        check("", &[(1, 1, "there is no event here")]);
        check("{\"type\": \"a\",\n \"data\": }", &[(2, 10, "this is not JSON: expected value")]);
        check("{\"type\": \"a\"", &[(1, 12, "this is not JSON: EOF while parsing an object")]);
        check("[1]", &[(1, 1, "an event is a JSON object")]);
        check("{}", &[(1, 1, "this event has no `type`")]);
        check("{\"type\": 1}", &[(1, 2, "`type` must be text")]);
        check("{\"type\": null}", &[(1, 2, "`type` must be text")]);
        check("{\"type\": \"\"}", &[(1, 2, "`type` cannot be empty")]);
        check("{\"type\": \"a\", \"time\": \"soon\"}", &[(1, 15, "`soon` is no time")]);
        let from = "`from` is no name of a source: a name cannot be empty";
        check("{\"type\": \"a\", \"from\": \"\"}", &[(1, 15, from)]);
        check("{\"type\": \"a\", \"chain\": \"b\"}", &[(1, 15, "`chain` must be a list")]);
        let chain = "`chain` has what is no name of a routine";
        check("{\"type\": \"a\", \"chain\": [\"b\", \"\"]}", &[(1, 15, chain)]);
        // The key of the event, and not one inside its data.
        let text = "{\"type\": \"a\", \"data\": {\"dta\": \"dta\"},\n \"dta\": 1, \"zz\": 2}";
        check(text, &[(2, 2, "unknown key `dta`"), (2, 12, "unknown key `zz`")]);
        // All that is wrong with all events is found.
        let text = "{\"typ\": \"a\"}\n{\"type\": \"b\", \"id\": 7}";
        let want =
            [(1, 1, "this event has no `type`"), (1, 2, "unknown key `typ`"), (2, 15, "`id` must be text")];
        check(text, &want);
    }

    fn read(text: &str) -> Result<Vec<Event>, Problems> {
        read_events("e.json", text, Timestamp::UNIX_EPOCH)
    }

    #[track_caller]
    fn check(text: &str, want: &[(usize, usize, &str)]) {
        let problems = read(text).unwrap_err();
        let got = problems.reports();
        let got = got.iter().map(|report| (report.line, report.column, report.message.as_str()));
        assert_eq!(got.collect::<Vec<_>>(), want, "{text}");
    }
}
