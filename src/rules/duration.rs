//! Durations as routines write them: `30s`, `15m`, `1h 30m`.

use jiff::SignedDuration;

/// Units which humantime takes for a fixed time, and which are none.
const CALENDAR_UNITS: [&str; 6] = ["M", "month", "months", "y", "year", "years"];

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It has a unit of the calendar, which has no fixed length.
    #[error("months and years differ in length (`m` is a minute)")]
    Calendar,
    /// It cannot be read.
    #[error("{0}")]
    Syntax(String),
    /// It is longer than can be counted.
    #[error("it is too long")]
    TooLong,
}

/// Reads a duration, which is zero or longer.
///
/// # Errors
///
/// If it is none, or has months or years in it.
pub fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    if text.split(|c: char| !c.is_ascii_alphabetic()).any(|unit| CALENDAR_UNITS.contains(&unit)) {
        return Err(DurationError::Calendar);
    }
    let duration =
        humantime::parse_duration(text).map_err(|error| DurationError::Syntax(error.to_string()))?;
    SignedDuration::try_from(duration).map_err(|_| DurationError::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_of_fixed_length() {
        assert_eq!(parse("1h 30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(parse("0s"), Ok(SignedDuration::ZERO));
        for text in ["1M", "2 months", "1year"] {
            assert_eq!(parse(text), Err(DurationError::Calendar), "{text}");
        }
        assert!(matches!(parse("soon"), Err(DurationError::Syntax(_))));
    }
}
