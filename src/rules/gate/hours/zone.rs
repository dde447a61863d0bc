//! Zones in stored requests: by their IANA name, for `#[serde(with)]`.
//!
//! jiff's own module would look the name up in the zones of the machine. A draft
//! which was held by one replica must mean the same to the next, so the name is
//! looked up in the zones inside the binary, as it is in a routine.

use crate::rules::schedule::zone::parse_zone;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

/// Writes the name. A zone without one cannot be written; [`parse_zone`] gives
/// none such.
pub(in crate::rules::gate) fn serialize<S: Serializer>(
    tz: &TimeZone,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match tz.iana_name() {
        Some(name) => serializer.serialize_str(name),
        None => Err(<S::Error as ser::Error>::custom("a time zone without an IANA name cannot be stored")),
    }
}

/// Reads the name, and finds the zone.
pub(in crate::rules::gate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    parse_zone(&name).map_err(<D::Error as de::Error>::custom)
}
