//! Durations for people: `1h 30m`, and never a month or a year.

use jiff::SignedDuration;

/// The units, in nanoseconds.
const UNITS: [(&str, i128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The duration as a routine would write it: `1d 12h`, `20ms`, `0s`. It is read
/// again by [`duration::parse`](crate::rules::duration::parse); below zero, where
/// there is no such text, it is `0s` too.
#[must_use]
pub fn spell(duration: SignedDuration) -> String {
    let mut rest = duration.as_nanos();
    let mut parts = Vec::new();
    for (unit, length) in UNITS {
        if rest >= length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::duration::parse;
    use proptest::prelude::*;

    #[test]
    fn durations_are_short() {
        for (nanos, want) in [
            (0, "0s"),
            (-1, "0s"),
            (3_600_000_000_000, "1h"),
            (5_400_000_000_000, "1h 30m"),
            (90_000_000_000, "1m 30s"),
            (129_600_000_000_000, "1d 12h"),
            (604_800_000_000_000, "7d"),
            (1_000_001, "1ms 1ns"),
        ] {
            assert_eq!(spell(SignedDuration::from_nanos(nanos)), want);
        }
    }

    proptest! {
        #[test]
        fn durations_are_read_as_they_are_spelt(nanos in 0..i64::MAX) {
            let duration = SignedDuration::from_nanos(nanos);
            prop_assert_eq!(parse(&spell(duration)), Ok(duration));
        }
    }
}
