//! Our own filters.

use super::budget;
use super::convert::{self, Exact, Moment, Written};
use super::decimal::{Decimal, Style, currency_decimals};
use super::engine::WRITTEN;
use crate::rules::schedule::zone::parse_zone;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, StringInput, Value as Dynamic, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use serde_json::Number;
use std::borrow::Cow;

/// The most decimals `number` writes.
const DECIMALS_MAX: usize = 30;

/// What one of our filters has against its input, in words fit for operators:
/// they hold nothing of the event.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(&'static str);

/// Makes them known to the engine.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("date", date);
    environment.add_filter("money", money);
    environment.add_filter("number", number);
    environment.add_filter("truncate", truncate);
    environment.add_filter("oneline", oneline);
    environment.add_filter("tojson", tojson);
    environment.add_filter("urlencode", urlencode);
}

/// Writes a time by a `strftime` format, in the zone given, else in that of the
/// schedule, else in UTC.
fn date(
    state: &mut State<'_, '_>,
    value: &Dynamic,
    format: String,
    zone: Option<String>,
) -> Result<String, Error> {
    // Fails for an undefined value, with its name.
    let text = StringInput::new(state, value)?;
    let moment = value.downcast_object_ref::<Moment>();
    let at = match moment {
        Some(moment) => moment.at,
        None => text.as_str().parse::<Timestamp>().map_err(|_| {
            said("the filter `date` needs a time with an offset, such as \"2026-03-02T09:00:00Z\"")
        })?,
    };
    let tz = match (zone, moment) {
        (Some(name), _) => {
            parse_zone(&name).map_err(|_| said("the filter `date` does not know this time zone"))?
        }
        (None, Some(moment)) => moment.tz.clone(),
        (None, None) => TimeZone::UTC,
    };
    strtime::format(&format, &at.to_zoned(tz)).map_err(|_| said("the filter `date` cannot write this format"))
}

/// Writes an amount with the decimals of its currency.
fn money(
    state: &mut State<'_, '_>,
    value: &Dynamic,
    currency: StringInput<'_>,
    style: Option<String>,
) -> Result<String, Error> {
    let decimal = decimal(state, value)?
        .ok_or_else(|| said("the filter `money` needs a number, or text such as \"1234.50\""))?;
    let code = currency.as_str();
    let decimals = currency_decimals(code)
        .ok_or_else(|| said("the filter `money` needs a currency of three capitals, such as \"EUR\""))?;
    Ok(format!("{} {code}", decimal.rounded(decimals).show(style_of(style)?)))
}

/// Writes a number with its digits in groups, and rounded if asked for.
fn number(
    state: &mut State<'_, '_>,
    value: &Dynamic,
    decimals: Option<usize>,
    style: Option<String>,
) -> Result<String, Error> {
    let decimal = decimal(state, value)?
        .ok_or_else(|| said("the filter `number` needs a number, or text such as \"1234.50\""))?;
    let decimal = match decimals {
        Some(decimals) if decimals > DECIMALS_MAX => {
            return Err(said("the filter `number` writes at most 30 decimals"));
        }
        Some(decimals) => decimal.rounded(decimals),
        None => decimal,
    };
    Ok(decimal.show(style_of(style)?))
}

fn style_of(name: Option<String>) -> Result<Style, Error> {
    let style = name.map_or(Some(Style::EN), |name| Style::parse(&name));
    style.ok_or_else(|| said("there are the styles `en`, `de`, `fr`, `ch` and `plain`"))
}

/// The number a value is, or which its text says, by its digits.
fn decimal(state: &State<'_, '_>, value: &Dynamic) -> Result<Option<Decimal>, Error> {
    // Fails for an undefined value, with its name.
    let text = StringInput::new(state, value)?;
    if let Some(exact) = value.downcast_object_ref::<Exact>() {
        return Ok(Decimal::parse(exact.0.as_str()));
    }
    let digits = match value.kind() {
        ValueKind::String => Cow::Borrowed(text.as_str()),
        ValueKind::Number if value.is_integer() => Cow::Borrowed(text.as_str()),
        ValueKind::Number => {
            let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
            let number = with_written(state, |written| written.number(float).cloned());
            let number = number.or_else(|| Number::from_f64(float));
            Cow::Owned(number.map_or_else(String::new, |number| number.as_str().to_owned()))
        }
        _ => return Ok(None),
    };
    Ok(Decimal::parse(&digits))
}

/// Cuts text off after so many characters, of which the last say so.
fn truncate(
    value: StringInput<'_>,
    length: usize,
    end: Option<String>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let end = match end {
        Some(end) => end,
        None => kwargs.get::<Option<String>>("end")?.unwrap_or_else(|| "…".to_owned()),
    };
    kwargs.assert_all_used()?;
    let text = value.as_str();
    if text.chars().nth(length).is_none() {
        return Ok(text.to_owned());
    }
    let kept = length.saturating_sub(end.chars().count());
    Ok(text.chars().take(kept).chain(end.chars()).take(length).collect())
}

/// Puts text on one line: line breaks, tabs and runs of spaces become a space.
fn oneline(value: StringInput<'_>) -> String {
    let text = value.as_str();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Writes a value as JSON, with numbers as they were written.
fn tojson(state: &mut State<'_, '_>, value: &Dynamic) -> Result<String, Error> {
    if value.is_undefined() {
        // Fails with the name of the value.
        StringInput::new(state, value)?;
    }
    let json = with_written(state, |written| convert::to_json(value, written));
    json.map(|json| json.to_string()).map_err(|_| said("the filter `tojson` cannot write this value"))
}

/// Writes text so that it is one part of an address, whatever is in it: all but letters,
/// digits, `-`, `.`, `_` and `~` of ASCII is percent-encoded, slashes as well.
fn urlencode(state: &mut State<'_, '_>, value: StringInput<'_>) -> Result<String, Error> {
    let text = value.as_str();
    // A byte becomes three.
    budget::reserve(state, text.len().checked_mul(3))?;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    Ok(encoded)
}

/// What `read` makes of how the event's numbers were written.
fn with_written<T>(state: &State<'_, '_>, read: impl FnOnce(&Written) -> T) -> T {
    let table = state.lookup(WRITTEN).unwrap_or_default();
    match table.downcast_object_ref::<Written>() {
        Some(written) => read(written),
        None => read(&Written::default()),
    }
}

/// An error in words fit for operators.
pub(super) fn said(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what).with_source(Said(what))
}
