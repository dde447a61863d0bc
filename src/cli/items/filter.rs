//! The filters which commands about items share.

use crate::pg::items::Filter;
use crate::rules::duration;
use jiff::{SignedDuration, Timestamp};

/// Which items.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct FilterArgs {
    /// Those of this queue.
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Those of this routine.
    #[arg(long, value_name = "NAME")]
    routine: Option<String>,
    /// Those of this tenant.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Those whose last error has this in it, in capitals or not; % stands for any text,
    /// and then the whole must be like it.
    #[arg(long, value_name = "PATTERN")]
    error: Option<String>,
    /// Those of that time or later: so long ago, such as 1h or 2d, or a moment, such as
    /// 2026-03-02T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Those before that time.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
}

impl FilterArgs {
    /// Whether nothing is asked for.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        let texts = [&self.queue, &self.routine, &self.tenant, &self.error];
        texts.iter().all(|text| text.is_none()) && self.since.is_none() && self.until.is_none()
    }

    /// The filter, at a time of the database's clock.
    pub(in crate::cli) fn at(&self, now: Timestamp) -> Filter {
        Filter {
            queue: self.queue.clone(),
            routine: self.routine.clone(),
            tenant: self.tenant.clone(),
            error: self.error.as_deref().map(pattern),
            since: self.since.map(|since| since.at(now)),
            until: self.until.map(|until| until.at(now)),
            ..Filter::default()
        }
    }
}

/// A pattern of `ilike`; what has no % in it is looked for anywhere, to the letter.
fn pattern(text: &str) -> String {
    if text.contains('%') {
        return text.to_owned();
    }
    let literal = text.replace('\\', "\\\\").replace('_', "\\_");
    format!("%{literal}%")
}

/// A time, as people say it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cli) enum When {
    /// So long ago.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
}

impl When {
    /// Reads a time.
    ///
    /// # Errors
    ///
    /// What it may be.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        duration::parse(text).map(Self::Ago).map_err(|_| {
            "say how long ago, such as 1h or 2d, or a moment with its offset, such as 2026-03-02T08:00:00Z"
                .to_owned()
        })
    }

    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        assert_eq!(When::parse(text).unwrap().at(now), want.parse::<Timestamp>().unwrap());
    }

    #[test]
    fn a_time_is_a_distance_or_a_moment() {
        check("1h", "2026-03-02T07:00:00Z");
        check("1h 30m", "2026-03-02T06:30:00Z");
        check("2026-03-01T09:00:00+01:00", "2026-03-01T08:00:00Z");
        assert!(When::parse("yesterday").unwrap_err().starts_with("say how long ago"));
        assert!(When::parse("2026-03-01").is_err());
    }

    #[test]
    fn a_plain_text_is_looked_for_anywhere_and_to_the_letter() {
        assert_eq!(pattern("no_route"), "%no\\_route%");
        assert_eq!(pattern("timeout%"), "timeout%");
    }
}
