//! Our own filters.

use super::convert::Moment;
use crate::rules::schedule::zone::parse_zone;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use minijinja::value::{StringInput, Value as Dynamic};
use minijinja::{Error, ErrorKind, State};

/// What one of our filters has against its input, in words fit for operators:
/// they hold nothing of the event.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(&'static str);

/// Writes a time by a `strftime` format, in the zone given, else in that of the
/// schedule, else in UTC.
pub(super) fn date(
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

fn said(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what).with_source(Said(what))
}
