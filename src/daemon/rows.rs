//! Routines which are rows of tables: the sources which the settings name, read
//! now and then, and at once when somebody notifies.
//!
//! A row which cannot be used disables itself and nothing else: it is said once
//! for each version of it, and counted. Its name goes along with those which can,
//! so that what is kept for it waits. If a whole source cannot be read, what it
//! gave last stays in force, loudly; a daemon which starts takes that from the
//! set which was last recorded, so that a table which is away for a moment takes
//! no schedule and no held draft with it.
//!
//! Reading goes on beside the passes, on a session of its own; rows are parsed on
//! another thread, and only those which changed.

mod digest;
mod source;
mod watching;

pub use watching::watch_sources;

use self::source::Source;
use super::status::{RowLabels, Status};
use crate::config::Config;
use crate::pg::error::PgError;
use crate::pg::routine_rows;
use crate::pg::session::Session;
use crate::rules::name::RoutineName;
use crate::rules::routine::Routine;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The part of the status which speaks about sources.
const PART: &str = "routine sources";
/// A statement of a source may take so long.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// While a daemon starts: it works for nobody meanwhile, and has what the source
/// gave last.
const BEGIN_WITHIN: Duration = Duration::from_secs(5);

/// What all sources give, as far as they could be read.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The routines which can be used.
    pub routines: Vec<Arc<Routine>>,
    /// The full names of rows which are there, or may be, and cannot be used.
    pub refused: Vec<RoutineName>,
}

impl Rows {
    /// Whether these are the same, row by row.
    fn is(&self, other: &Self) -> bool {
        let mut pairs = self.routines.iter().zip(&other.routines);
        self.routines.len() == other.routines.len()
            && pairs.all(|(a, b)| Arc::ptr_eq(a, b))
            && self.refused == other.refused
    }
}

/// The sources of the settings, and what they gave.
#[derive(Debug)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// The sources of the settings, none of them read yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let tables = config.tables();
        let source = |(name, source)| Source::new(name, source, &tables);
        Self { list: config.routines.iter().map(source).collect() }
    }

    /// The sources of the settings, read for the first time. One which cannot be
    /// read gives what it gave when the set of these names and texts was in force.
    ///
    /// # Errors
    ///
    /// Of the database: then it is to be done again. Not that a source cannot be
    /// read.
    pub async fn begin(
        config: &Config,
        session: &Session,
        last: &[(String, String)],
        status: &Status,
    ) -> Result<Self, PgError> {
        let mut sources = Self::new(config);
        for place in sources.due() {
            if !sources.read(place, session, BEGIN_WITHIN, status).await {
                return Err(PgError::lost("the session which read the sources of routines"));
            }
        }
        if sources.list.iter().any(|source| !source.was_read) {
            let kept = routine_rows::names_kept(session).await?;
            sources.fall_back(last, &kept);
            sources.tell(status);
        }
        Ok(sources)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What all sources give, as far as they could be read.
    #[must_use]
    pub fn rows(&self) -> Arc<Rows> {
        Arc::new(Rows {
            routines: self.list.iter().flat_map(|source| source.routines.iter().cloned()).collect(),
            refused: self.list.iter().flat_map(Source::refused_names).collect(),
        })
    }

    /// Which sources are due. Those which failed last come last, so that one which
    /// hangs keeps nobody waiting but itself.
    fn due(&self) -> Vec<usize> {
        let now = Instant::now();
        let due = self.list.iter().enumerate().filter(|(_, source)| source.due <= now);
        let mut due: Vec<(bool, usize)> =
            due.map(|(place, source)| (source.trouble.is_some(), place)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, place)| place).collect()
    }

    /// Reads a source. If it cannot be read, its last good rows stay. False, if the
    /// session is lost: then it is still due.
    async fn read(&mut self, place: usize, session: &Session, within: Duration, status: &Status) -> bool {
        let Some(source) = self.list.get_mut(place) else { return true };
        let alive = source.read(session, within).await;
        self.tell(status);
        alive
    }

    /// Gives the sources which could not be read what they gave when the set of
    /// these names and texts was in force, under the trust of today. What is
    /// `kept` for other routines which may be rows of theirs is to wait.
    fn fall_back(&mut self, texts: &[(String, String)], kept: &[String]) {
        for source in self.list.iter_mut().filter(|source| !source.was_read) {
            source.fall_back(texts, kept);
        }
    }

    /// All are to be read now.
    fn all_due(&mut self) {
        let now = Instant::now();
        self.list.iter_mut().for_each(|source| source.due = now);
    }

    /// Those which are due are put off.
    fn put_off(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        self.list.iter_mut().for_each(|source| source.due = source.due.max(until));
    }

    /// When the next is due; far away, if there is none.
    fn next_due(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        self.list.iter().map(|source| source.due).min().unwrap_or(far)
    }

    /// Says how the sources are: in the status, and, if it is news, in the log and
    /// the count of failures.
    fn tell(&mut self, status: &Status) {
        let facts: serde_json::Map<String, Value> =
            self.list.iter().map(|source| (source.name().to_string(), source.fact())).collect();
        status.fact("routine_sources", facts);
        for source in &self.list {
            let count = |state: &'static str, count: usize| {
                let labels = RowLabels { source: source.name().to_string(), state };
                let gauge = status.metrics.routine_rows.get_or_create_owned(&labels);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            };
            count("used", source.routines.len());
            count("refused", source.refused.len());
        }
        let troubles: Vec<String> = self.list.iter().filter_map(Source::complaint).collect();
        if troubles.is_empty() {
            status.well(PART);
        } else {
            status.trouble(PART, troubles.join("; "));
        }
        for news in self.list.iter_mut().filter_map(Source::news) {
            status.metrics.reload_failures.inc();
            tracing::error!("a source of routines cannot be read; what it gave last stays in force: {news}");
        }
    }
}

#[cfg(test)]
mod tests;
