//! Words and durations; the statements are tested on a database.

use super::{Word, from_ms};
use std::time::Duration;

#[test]
fn every_word_is_read_as_it_is_said() {
    let words = [
        Word::Done,
        Word::Failed,
        Word::Dead,
        Word::Stale,
        Word::Extended,
        Word::Snoozed,
        Word::Released,
        Word::Noted,
    ];
    for word in words {
        assert_eq!(Word::parse(word.as_str()).unwrap(), word);
    }
    assert!(Word::parse("perhaps").is_err());
}

#[test]
fn a_lease_which_is_over_lasts_no_more_and_one_for_ever_lasts_long() {
    assert_eq!(from_ms(1500.0), Duration::from_millis(1500));
    assert_eq!(from_ms(-1.0), Duration::ZERO);
    assert_eq!(from_ms(f64::NAN), Duration::ZERO);
    assert!(from_ms(f64::INFINITY) > Duration::from_secs(24 * 3600));
}
