//! Time zones by their IANA name.
//!
//! Zones come from the database inside the binary, never from the machine's
//! `/usr/share/zoneinfo`: the core reads no files, the container has none, and
//! two replicas of one version must place a tick at the same moment.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;

/// A name which is no time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError {
    /// The name.
    pub name: String,
    /// A zone whose name is close to it.
    pub suggestion: Option<String>,
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no time zone `{}`", self.name)?;
        match &self.suggestion {
            Some(zone) => write!(f, "; did you mean `{zone}`?"),
            None => f.write_str("; zones have IANA names such as `Europe/Berlin` or `UTC`"),
        }
    }
}

impl std::error::Error for ZoneError {}

/// Finds a zone by its IANA name, in any case: `Europe/Berlin`, `UTC`.
///
/// # Errors
///
/// If there is none of that name. Offsets such as `+02:00` are no zones: they
/// know nothing of daylight saving time.
pub fn parse_zone(name: &str) -> Result<TimeZone, ZoneError> {
    match TimeZoneDatabase::bundled().get(name) {
        // `Etc/Unknown` is found and has no name: it stands for a failure.
        Ok(zone) if zone.iana_name().is_some() => Ok(zone),
        _ => Err(ZoneError { name: name.to_owned(), suggestion: suggest(name) }),
    }
}

/// The zone whose name, or its last part, is closest to `name`. The shorter a
/// name, the less may differ: `PST` is no misspelt `EST`.
fn suggest(name: &str) -> Option<String> {
    let wanted = name.trim().to_lowercase().replace(' ', "_");
    let distance = |zone: &str| {
        let zone = zone.to_lowercase();
        let city = zone.rsplit('/').next().unwrap_or_default();
        strsim::damerau_levenshtein(&wanted, &zone).min(strsim::damerau_levenshtein(&wanted, city))
    };
    let database = TimeZoneDatabase::bundled();
    let zones = database.available().map(|zone| (distance(zone.as_str()), zone.as_str().to_owned()));
    let (distance, zone) = zones.min()?;
    (!wanted.is_empty() && distance <= wanted.chars().count() / 4).then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_in_any_case() {
        assert_eq!(parse_zone("europe/berlin").unwrap().iana_name(), Some("Europe/Berlin"));
        assert_eq!(parse_zone("UTC").unwrap(), TimeZone::UTC);
    }

    #[test]
    fn a_misspelt_zone_is_told_the_right_one() {
        check("Europe/Berln", Some("Europe/Berlin"));
        check("Berlin", Some("Europe/Berlin"));
        check("New York", Some("America/New_York"));
        check("America/NewYork", Some("America/New_York"));
    }

    #[test]
    fn what_is_close_to_nothing_gets_no_suggestion() {
        check("PST", None);
        check("+02:00", None);
        check("", None);
        check("Middle-earth/Shire", None);
    }

    #[test]
    fn the_message_helps_either_way() {
        let error = parse_zone("Europe/Berln").unwrap_err().to_string();
        assert_eq!(error, "there is no time zone `Europe/Berln`; did you mean `Europe/Berlin`?");
        let error = parse_zone("Nowhere").unwrap_err().to_string();
        let want = "there is no time zone `Nowhere`; zones have IANA names such as `Europe/Berlin` or `UTC`";
        assert_eq!(error, want);
    }

    #[track_caller]
    fn check(name: &str, want: Option<&str>) {
        assert_eq!(parse_zone(name).unwrap_err().suggestion.as_deref(), want, "{name}");
    }
}
