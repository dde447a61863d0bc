//! What one value of a list says, and the sets which a field's values make.

use crate::rules::schedule::calendar::LAST_DAY;
use std::fmt;

/// One value of a list, every word of it checked. `Display` writes it without
/// names, and with Sunday as 0 wherever it stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    One(u8),
    Range {
        first: u8,
        last: u8,
    },
    /// `*/step`: a star counts from the least value of the field to its greatest.
    Star {
        first: u8,
        last: u8,
        step: u16,
    },
    Stepped {
        first: u8,
        last: u8,
        step: u16,
    },
    LastDay,
    LastOf(u8),
    Nth {
        day: u8,
        nth: u8,
    },
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => write!(f, "{value}"),
            Self::Range { first, last } => write!(f, "{first}-{last}"),
            Self::Star { step, .. } => write!(f, "*/{step}"),
            Self::Stepped { first, last, step } => write!(f, "{first}-{last}/{step}"),
            Self::LastDay => f.write_str("L"),
            Self::LastOf(day) => write!(f, "{day}L"),
            Self::Nth { day, nth } => write!(f, "{day}#{nth}"),
        }
    }
}

/// What a field names, a bit for each value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::rules::schedule) struct Values {
    /// The values. Among days of the month [`LAST_DAY`] may be one, and among
    /// days of the week Sunday may be 0, or 7, or both.
    pub(in crate::rules::schedule) set: u64,
    /// The days of the week which are named as the first to the fifth of a month.
    pub(in crate::rules::schedule) nth: [u8; 5],
    /// The days of the week which are named as the last of a month.
    pub(in crate::rules::schedule) last: u8,
}

impl Values {
    /// All values of a range.
    pub(super) fn range(first: u8, last: u8) -> Self {
        Self { set: bits(first, last, 1), ..Self::default() }
    }

    /// Adds what a term names.
    pub(super) fn add(&mut self, term: Term) {
        match term {
            Term::One(value) => self.set |= bits(value, value, 1),
            Term::Range { first, last } => self.set |= bits(first, last, 1),
            Term::Star { first, last, step } | Term::Stepped { first, last, step } => {
                self.set |= bits(first, last, step);
            }
            Term::LastDay => self.set |= LAST_DAY,
            Term::LastOf(day) => self.last |= 1_u8 << day,
            Term::Nth { day, nth } => {
                if let Some(days) = self.nth.get_mut(usize::from(nth) - 1) {
                    *days |= 1_u8 << day;
                }
            }
        }
    }

    /// The days of the week, with Sunday as 0 only.
    pub(in crate::rules::schedule) fn weekdays(self) -> u8 {
        let week = self.set | (self.set >> 7);
        (week & 0x7f) as u8
    }
}

/// Every `step`-th value of a range, beginning with its first.
fn bits(first: u8, last: u8, step: u16) -> u64 {
    (first..=last).step_by(usize::from(step)).fold(0, |set, value| set | (1_u64 << value))
}
