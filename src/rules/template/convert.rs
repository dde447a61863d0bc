//! Between JSON and the values of the template engine.
//!
//! The engine has no exact decimals. Numbers it can hold become its own, so
//! that templates can reckon with them; each remembers how it was written, so
//! that `12.50` is not shown as `12.5`. Other numbers become an object which
//! shows the exact text and cannot be reckoned with.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Object, ObjectRepr, Value as Dynamic, ValueKind};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

/// The most digits of which any decimal survives a float.
const FLOAT_DIGITS: usize = 15;

/// The most values and bytes of text one expression may yield.
const SIZE_MAX: usize = 1024 * 1024;

/// A number which the engine cannot hold.
#[derive(Debug)]
pub(super) struct Exact(pub(super) Number);

/// The instant of a tick, with the zone to write it in.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) tz: TimeZone,
}

/// How the floats of an event were written, by their bits.
#[derive(Debug, Default)]
pub(super) struct Written(HashMap<u64, Number>);

impl Object for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at)
    }
}

impl Object for Written {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

impl Written {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How the float was written, if it came from the event.
    pub(super) fn number(&self, float: f64) -> Option<&Number> {
        self.0.get(&float.to_bits())
    }

    /// Remembers how a float was written; no, if it was written otherwise
    /// elsewhere in the same event.
    fn remember(&mut self, float: f64, number: &Number) -> bool {
        match self.0.entry(float.to_bits()) {
            Entry::Vacant(entry) => {
                entry.insert(number.clone());
                true
            }
            Entry::Occupied(entry) => entry.get().as_str() == number.as_str(),
        }
    }
}

/// The engine's value for a JSON value.
pub(super) fn from_json(value: &Value, written: &mut Written) -> Dynamic {
    match value {
        Value::Null => Dynamic::from(()),
        Value::Bool(value) => Dynamic::from(*value),
        Value::Number(number) => from_number(number, written),
        Value::String(text) => Dynamic::from(text.as_str()),
        Value::Array(items) => items.iter().map(|item| from_json(item, written)).collect(),
        Value::Object(map) => {
            Dynamic::from_pairs(map.iter().map(|(key, value)| (key.as_str(), from_json(value, written))))
        }
    }
}

fn from_number(number: &Number, written: &mut Written) -> Dynamic {
    let text = number.as_str();
    if let Ok(integer) = text.parse::<i64>()
        && integer.to_string() == text
    {
        return Dynamic::from(integer);
    }
    if let Ok(integer) = text.parse::<i128>()
        && integer.to_string() == text
    {
        return Dynamic::from(integer);
    }
    match ordinary(text) {
        Some(float) if written.remember(float, number) => Dynamic::from(float),
        _ => Dynamic::from_object(Exact(number.clone())),
    }
}

/// The float of a decimal which survives being one.
fn ordinary(text: &str) -> Option<f64> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
    let vanished = float == 0.0 && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    (digits <= FLOAT_DIGITS && !vanished).then_some(float)
}

/// Why a value of the engine has no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoJson {
    /// Part of it is undefined.
    Undefined,
    /// It is larger than [`SIZE_MAX`].
    TooLong,
    /// It is a function, an infinite number or the like.
    Foreign,
}

/// The JSON for a value of the engine.
pub(super) fn to_json(value: &Dynamic, written: &Written) -> Result<Value, NoJson> {
    let mut left = SIZE_MAX;
    convert(value, written, &mut left)
}

fn convert(value: &Dynamic, written: &Written, left: &mut usize) -> Result<Value, NoJson> {
    spend(left, 1)?;
    match value.kind() {
        ValueKind::Undefined => Err(NoJson::Undefined),
        ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => number(value, written).map(Value::Number).ok_or(NoJson::Foreign),
        ValueKind::String => {
            let text = value.as_str().ok_or(NoJson::Foreign)?;
            spend(left, text.len())?;
            Ok(Value::String(text.to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|_| NoJson::Foreign)?;
            items.map(|item| convert(&item, written, left)).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        ValueKind::Map => convert_map(value, written, left),
        ValueKind::Plain => plain(value).ok_or(NoJson::Foreign),
        _ => Err(NoJson::Foreign),
    }
}

fn convert_map(value: &Dynamic, written: &Written, left: &mut usize) -> Result<Value, NoJson> {
    let mut map = Map::new();
    for key in value.try_iter().map_err(|_| NoJson::Foreign)? {
        let item = value.get_item(&key).map_err(|_| NoJson::Foreign)?;
        let key = key.to_string();
        spend(left, key.len())?;
        map.insert(key, convert(&item, written, left)?);
    }
    Ok(Value::Object(map))
}

fn spend(left: &mut usize, cost: usize) -> Result<(), NoJson> {
    *left = left.checked_sub(cost).ok_or(NoJson::TooLong)?;
    Ok(())
}

fn number(value: &Dynamic, written: &Written) -> Option<Number> {
    if value.is_integer() {
        return i128::try_from(value.clone()).ok().and_then(Number::from_i128);
    }
    let float = f64::try_from(value.clone()).ok()?;
    written.number(float).cloned().or_else(|| Number::from_f64(float))
}

fn plain(value: &Dynamic) -> Option<Value> {
    let exact = value.downcast_object_ref::<Exact>().map(|exact| Value::Number(exact.0.clone()));
    exact.or_else(|| {
        let moment = value.downcast_object_ref::<Moment>()?;
        Some(Value::String(moment.at.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went_in() {
        for text in [
            "null",
            "true",
            "0",
            "-0",
            "600",
            "600.0",
            "12.50",
            "-0.10",
            "1e3",
            "18446744073709551616",
            "12345678901234567890.123",
            "1e400",
            "1e-400",
            "170141183460469231731687303715884105728",
            r#""text""#,
            r#"[1,"a",[2.50,null],{}]"#,
            r#"{"z":1,"a":{"y":[],"b":1.10}}"#,
            "[1.5,1.50,15e-1]",
        ] {
            let mut written = Written::default();
            let value = serde_json::from_str::<Value>(text).unwrap();
            let back = to_json(&from_json(&value, &mut written), &written).unwrap();
            assert_eq!(back.to_string(), value.to_string(), "{text}");
        }
    }

    #[test]
    fn endless_values_are_refused() {
        let text = Dynamic::from("x".repeat(SIZE_MAX));
        assert_eq!(to_json(&text, &Written::default()), Err(NoJson::TooLong));
        let nan = Dynamic::from(f64::NAN);
        assert_eq!(to_json(&nan, &Written::default()), Err(NoJson::Foreign));
    }
}
