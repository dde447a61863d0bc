//! What an operator may choose where a schedule's ticks meet reality: clocks
//! which jump, and times when nobody was on duty.

use std::fmt;

/// A word which is none of those a policy knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is none of {}", .allowed.join(", "))]
pub struct PolicyError {
    /// The word.
    pub word: String,
    /// The words there are.
    pub allowed: &'static [&'static str],
}

macro_rules! policy {
    ($(#[$attribute:meta])* $name:ident { $($(#[$detail:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$detail])* $variant,)+
        }

        impl $name {
            /// The words there are.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// Reads a word, exactly as written in [`Self::WORDS`].
            ///
            /// # Errors
            ///
            /// If it is none of them.
            pub fn parse(word: &str) -> Result<Self, PolicyError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(PolicyError { word: word.to_owned(), allowed: Self::WORDS }),
                }
            }

            /// The word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

policy! {
    /// What becomes of ticks which nobody ran when they fell due.
    Missed {
        /// Run each of them, up to [`super::ticks::TICKS_MAX`].
        All = "all",
        /// Run the newest, unless a tick which is on time makes it needless.
        #[default]
        Latest = "latest",
        /// Run none of them.
        Skip = "skip",
    }
}

policy! {
    /// What becomes of a fixed time which a clock going forward leaves out.
    GapPolicy {
        /// It ticks at the first moment after the gap.
        #[default]
        After = "after",
        /// It does not tick on that day.
        Skip = "skip",
    }
}

policy! {
    /// What becomes of a fixed time which a clock going back brings twice.
    RepeatPolicy {
        /// It ticks the first time.
        #[default]
        First = "first",
        /// It ticks the second time.
        Second = "second",
        /// It ticks both times.
        Both = "both",
    }
}

/// How fixed times behave where a zone changes its offset. Schedules whose
/// minute or hour begins with `*` follow elapsed time and have no use for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DstPolicy {
    /// For times which do not exist on a day.
    pub gap: GapPolicy,
    /// For times which exist twice on a day.
    pub repeat: RepeatPolicy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for word in Missed::WORDS {
            assert_eq!(Missed::parse(word).unwrap().as_str(), *word);
        }
        for word in GapPolicy::WORDS {
            assert_eq!(GapPolicy::parse(word).unwrap().as_str(), *word);
        }
        for word in RepeatPolicy::WORDS {
            assert_eq!(RepeatPolicy::parse(word).unwrap().as_str(), *word);
        }
    }

    #[test]
    fn an_unknown_word_is_told_the_known_ones() {
        let error = Missed::parse("newest").unwrap_err();
        assert_eq!(error.to_string(), "`newest` is none of all, latest, skip");
        assert!(Missed::parse("All").is_err());
        assert!(GapPolicy::parse("").is_err());
    }

    #[test]
    fn the_defaults_are_latest_after_and_first() {
        assert_eq!(Missed::default(), Missed::Latest);
        assert_eq!(DstPolicy::default(), DstPolicy { gap: GapPolicy::After, repeat: RepeatPolicy::First });
    }
}
