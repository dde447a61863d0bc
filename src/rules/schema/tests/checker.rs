//! Checks a value against a schema: as much of draft 7 as ours is written in. A
//! keyword it does not know is a panic, so that none is passed over.

use crate::rules::value::{compare_numbers, is_integral, same};
use regex::Regex;
use serde_json::{Map, Value};

/// What is wrong with the value, each with its place.
pub(super) fn errors(schema: &Value, value: &Value) -> Vec<String> {
    errors_of(schema, schema, value)
}

struct Checker<'s> {
    root: &'s Value,
    errors: Vec<String>,
}

/// Keywords which say something to people only.
const ANNOTATIONS: [&str; 6] = ["$schema", "title", "description", "default", "examples", "definitions"];

impl<'s> Checker<'s> {
    fn check(&mut self, schema: &'s Value, value: &Value, at: &str) {
        let Value::Object(keywords) = schema else {
            // The schema `false`; there is no `true` in ours.
            assert_eq!(schema, &Value::Bool(false), "{at}");
            return self.errors.push(format!("{at}: not allowed"));
        };
        // What stands beside a reference is ignored.
        if let Some(reference) = keywords.get("$ref") {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            let target = self.root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
            return self.check(target, value, at);
        }
        for (keyword, argument) in keywords {
            let keyword = keyword.as_str();
            if !ANNOTATIONS.contains(&keyword) && !self.holds(keyword, argument, keywords, value, at) {
                self.errors.push(format!("{at}: {keyword} {argument}"));
            }
        }
    }

    /// Whether a keyword holds; what is wrong further inside is noted at once.
    fn holds(
        &mut self,
        keyword: &str,
        argument: &'s Value,
        keywords: &'s Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> bool {
        match keyword {
            "type" => match argument {
                Value::Array(types) => types.iter().any(|kind| is_a(kind, value)),
                kind => is_a(kind, value),
            },
            "enum" => argument.as_array().unwrap().iter().any(|one| same(one, value)),
            "then" | "else" => true,
            "if" => {
                let branch = if errors_of(self.root, argument, value).is_empty() { "then" } else { "else" };
                if let Some(schema) = keywords.get(branch) {
                    self.check(schema, value, at);
                }
                true
            }
            _ => match value {
                Value::Object(map) => self.holds_for_object(keyword, argument, keywords, map, at),
                Value::Array(items) => self.holds_for_array(keyword, argument, items, at),
                scalar => holds_for_scalar(keyword, argument, scalar),
            },
        }
    }

    fn holds_for_object(
        &mut self,
        keyword: &str,
        argument: &'s Value,
        keywords: &'s Map<String, Value>,
        map: &Map<String, Value>,
        at: &str,
    ) -> bool {
        let known = |key: &str| keywords.get("properties").is_some_and(|known| known.get(key).is_some());
        match keyword {
            "required" => {
                argument.as_array().unwrap().iter().all(|key| map.contains_key(key.as_str().unwrap()))
            }
            "minProperties" => map.len() >= size(argument),
            "maxProperties" => map.len() <= size(argument),
            "propertyNames" => {
                map.keys().all(|key| holds_for_scalar("pattern", &argument["pattern"], &key.as_str().into()))
            }
            "properties" => {
                for (key, value) in map {
                    if let Some(schema) = argument.get(key) {
                        self.check(schema, value, &format!("{at}/{key}"));
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, value) in map.iter().filter(|(key, _)| !known(key)) {
                    self.check(argument, value, &format!("{at}/{key}"));
                }
                true
            }
            other => is_for_others(other),
        }
    }

    fn holds_for_array(&mut self, keyword: &str, argument: &'s Value, items: &[Value], at: &str) -> bool {
        match keyword {
            "minItems" => items.len() >= size(argument),
            "uniqueItems" => {
                (1..items.len()).all(|end| items[..end].iter().all(|item| !same(item, &items[end])))
            }
            "items" => {
                for (number, item) in items.iter().enumerate() {
                    self.check(argument, item, &format!("{at}/{number}"));
                }
                true
            }
            other => is_for_others(other),
        }
    }
}

fn errors_of(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut checker = Checker { root, errors: Vec::new() };
    checker.check(schema, value, "");
    checker.errors
}

fn holds_for_scalar(keyword: &str, argument: &Value, value: &Value) -> bool {
    match (keyword, value) {
        ("pattern", Value::String(text)) => Regex::new(argument.as_str().unwrap()).unwrap().is_match(text),
        ("minLength", Value::String(text)) => text.chars().count() >= size(argument),
        ("minimum", Value::Number(number)) => compare_numbers(number, argument.as_number().unwrap()).is_ge(),
        ("maximum", Value::Number(number)) => compare_numbers(number, argument.as_number().unwrap()).is_le(),
        (other, _) => is_for_others(other),
    }
}

/// Keywords which speak about values of another type, and so hold.
fn is_for_others(keyword: &str) -> bool {
    const ALL: [&str; 13] = [
        "required",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "properties",
        "additionalProperties",
        "minItems",
        "uniqueItems",
        "items",
        "pattern",
        "minLength",
        "minimum",
        "maximum",
    ];
    assert!(ALL.contains(&keyword), "the checker does not know `{keyword}`");
    true
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_number().is_some_and(is_integral),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type {other}"),
    }
}

fn size(argument: &Value) -> usize {
    usize::try_from(argument.as_u64().unwrap()).unwrap()
}
