//! The bounds of each setting, and why they are where they are.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Something which has bounds.
pub(super) trait Quantity: Copy + PartialOrd + Sized {
    /// Reads it from the file, without regard to bounds.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// As people write it.
    fn show(self) -> String;
}

/// The least and the most a setting may be.
pub(super) struct Limit<T> {
    least: T,
    most: T,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Oftener, it would be a poll; more rarely, what does not ring would wait for
/// hours.
const RECONCILE: Limit<Duration> = Limit { least: Duration::from_millis(50), most: HOUR };
/// Oftener, an idle daemon would keep a core busy; more rarely, `/readyz` could
/// not tell a daemon which waits from one which hangs.
const POLL: Limit<Duration> = Limit { least: Duration::from_millis(10), most: Duration::from_secs(60) };
/// Oftener, the table of routines would be read all the time; who cannot wait
/// notifies.
const REFRESH: Limit<Duration> = Limit { least: SECOND, most: HOUR };
/// A set is recorded whole each time it changes, and held in memory with its
/// index.
const ROWS: Limit<u32> = Limit { least: 1, most: 100_000 };
/// Nothing means to sleep at once. While the daemon lingers it looks a thousand
/// times a second.
const LINGER: Limit<Duration> = Limit { least: Duration::ZERO, most: SECOND };
/// A full page must fit into it, on a slow disk; and whatever hangs, hangs so
/// long.
const STATEMENT_TIMEOUT: Limit<Duration> = Limit { least: SECOND, most: Duration::from_secs(600) };
/// Weeks are dropped whole, so less than a day says nothing; the most is ten
/// years, which is five hundred partitions.
const RETENTION: Limit<Duration> = Limit { least: DAY, most: Duration::from_secs(3650 * 24 * 3600) };
/// Nothing means to move it at the next look; the most is as above.
const STAY: Limit<Duration> = Limit { least: Duration::ZERO, most: Duration::from_secs(3650 * 24 * 3600) };
/// Ids of rows which are gone are forgotten: sooner, a row which somebody puts back
/// would be an event again; later, the table of ids only grows.
const KEEP: Limit<Duration> = Limit { least: HOUR, most: Duration::from_secs(3650 * 24 * 3600) };
/// Beyond some thousands a larger transaction is not faster, and its failure
/// costs more.
const BATCH: Limit<u32> = Limit { least: 1, most: 10_000 };
/// Bodies lie in memory several times over while a page is worked on; above
/// 64 MiB one of them would be a tenth of a small machine.
const BYTES: Limit<u64> = Limit { least: 1 << 10, most: 64 << 20 };

impl<T: Quantity> Limit<T> {
    fn read<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<T, D::Error> {
        let value = T::read(deserializer)?;
        if self.least <= value && value <= self.most {
            return Ok(value);
        }
        let (least, most) = (self.least.show(), self.most.show());
        Err(D::Error::custom(format!("{} is not between {least} and {most}", value.show())))
    }
}

macro_rules! readers {
    ($($name:ident: $quantity:ty, $limit:ident;)*) => {
        $(pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$quantity, D::Error> {
            $limit.read(deserializer)
        })*
    };
}

readers! {
    reconcile: Duration, RECONCILE;
    poll: Duration, POLL;
    refresh: Duration, REFRESH;
    rows: u32, ROWS;
    linger: Duration, LINGER;
    statement_timeout: Duration, STATEMENT_TIMEOUT;
    retention: Duration, RETENTION;
    stay: Duration, STAY;
    keep: Duration, KEEP;
    batch: u32, BATCH;
    bytes: u64, BYTES;
}

/// Reads a quantity which has bounds.
pub(super) fn within<'de, T: Quantity, D: Deserializer<'de>>(
    bounds: &RangeInclusive<T>,
    deserializer: D,
) -> Result<T, D::Error> {
    let value = T::read(deserializer)?;
    if bounds.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (bounds.start().show(), bounds.end().show());
    Err(D::Error::custom(format!("{} is not between {least} and {most}", value.show())))
}

/// A duration as people write it, such as `30s` or `1h 30m`.
impl Quantity for Duration {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(|error| {
            D::Error::custom(format!("{text:?} is not a duration such as \"30s\" or \"5m\": {error}"))
        })
    }

    fn show(self) -> String {
        humantime::format_duration(self).to_string()
    }
}

/// A number of rows.
impl Quantity for u32 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer)
    }

    fn show(self) -> String {
        self.to_string()
    }
}

/// A size as people write it: `512KiB`, `1MiB`, or a plain number of bytes.
impl Quantity for u64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        size(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a size such as \"512KiB\" or \"1MiB\"")))
    }

    fn show(self) -> String {
        Size(self).to_string()
    }
}

fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// A size in the largest unit which shows it exactly.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        for (factor, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if bytes >= factor && bytes.is_multiple_of(factor) {
                return write!(f, "{}{unit}", bytes / factor);
            }
        }
        write!(f, "{bytes}B")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_binary_unit_or_none() {
        for (text, want) in [
            ("65536", Some(65_536)),
            ("1B", Some(1)),
            ("512KiB", Some(512 << 10)),
            ("4 MiB", Some(4 << 20)),
            ("1GiB", Some(1 << 30)),
            ("1MB", None),
            ("1kib", None),
            ("MiB", None),
            ("-1KiB", None),
            ("1.5MiB", None),
            ("99999999999999999999", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(size(text), want, "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_as_it_is_written() {
        for text in ["1KiB", "512KiB", "64MiB", "2GiB", "1000B"] {
            assert_eq!(size(text).expect(text).show(), text);
        }
    }
}
