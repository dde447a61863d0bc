//! Routines which are rows of tables: the sources which the settings name, read
//! now and then, and at once when somebody notifies.
//!
//! A row which cannot be used disables itself and nothing else: it is said once
//! for each version of it, and counted. If a whole source cannot be read, what it
//! gave last stays in force, loudly; a daemon which starts takes that from the
//! set which was last recorded, so that a table which is away for a moment takes
//! no schedule and no held draft with it.
//!
//! Reading goes on beside the passes, on a session of its own; rows are parsed on
//! another thread, and only those which changed.

mod digest;
mod watching;

pub use watching::watch_sources;

use self::digest::{Digest, Known, digest};
use super::status::{RowLabels, Status};
use crate::config::{Config, RoutineSource};
use crate::pg::error::PgError;
use crate::pg::routine_rows::{self, RowsError};
use crate::pg::session::Session;
use crate::rules::name::RoutineName;
use crate::rules::routine::Routine;
use crate::rules::routine::rows::{self, RowSourceName, Trust};
use crate::rules::sql::Sql;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All routines of all sources.
pub type Rows = Arc<Vec<Arc<Routine>>>;

/// The part of the status which speaks about sources.
const PART: &str = "routine sources";
/// One read may take so long; then its session is given up.
const READ_WITHIN: Duration = Duration::from_secs(90);
/// So many rows which cannot be used are shown one by one, in log and status.
const SHOWN_MAX: usize = 20;

/// The sources of the settings, and what they gave.
#[derive(Debug)]
pub struct Sources {
    list: Vec<Source>,
}

/// A source, and what it gave when it could last be read.
#[derive(Debug)]
struct Source {
    trust: Trust,
    sql: Sql,
    refresh: Duration,
    max: u32,
    known: HashMap<String, Known>,
    routines: Vec<Arc<Routine>>,
    /// Rows which cannot be used, and why in a line.
    refused: BTreeMap<String, String>,
    /// Why it cannot be read at present.
    trouble: Option<String>,
    was_read: bool,
    due: Instant,
}

impl Sources {
    /// The sources of the settings, none of them read yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let source = |(name, source): (&RowSourceName, &RoutineSource)| Source {
            trust: source.trust(name),
            sql: source.sql.clone(),
            refresh: source.refresh,
            max: source.max,
            known: HashMap::new(),
            routines: Vec::new(),
            refused: BTreeMap::new(),
            trouble: None,
            was_read: false,
            due: Instant::now(),
        };
        Self { list: config.routines.iter().map(source).collect() }
    }

    /// The sources of the settings, read for the first time. One which cannot be
    /// read gives what it gave when the set of these names and texts was in force.
    ///
    /// # Errors
    ///
    /// If the session is lost: then it is to be done again.
    pub async fn begin(
        config: &Config,
        session: &Session,
        last: &[(String, String)],
        status: &Status,
    ) -> Result<Self, PgError> {
        let mut sources = Self::new(config);
        if !sources.is_empty() {
            if !sources.read_due(session, status).await {
                return Err(PgError::lost("the session which read the sources of routines"));
            }
            sources.fall_back(last);
        }
        Ok(sources)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The routines of all sources, as far as they could be read.
    #[must_use]
    pub fn rows(&self) -> Rows {
        Arc::new(self.list.iter().flat_map(|source| source.routines.iter().cloned()).collect())
    }

    /// Reads what is due. Of a source which cannot be read the last good rows
    /// stay. False, if the session is lost: the others are still due then.
    async fn read_due(&mut self, session: &Session, status: &Status) -> bool {
        let now = Instant::now();
        let mut alive = true;
        for source in self.list.iter_mut().filter(|source| source.due <= now) {
            let reading = routine_rows::read(session, &source.sql, source.max);
            let read = match tokio::time::timeout(READ_WITHIN, reading).await {
                Ok(read) => read,
                Err(_) => {
                    alive = false;
                    Err(RowsError::Columns(format!("it was silent for {} s", READ_WITHIN.as_secs())))
                }
            };
            match read {
                Ok(rows) => source.take(rows).await,
                // Not its fault, and it is read again soon.
                Err(_) if session.is_closed() => {}
                Err(error) => source.trouble = Some(error.to_string()),
            }
            if !alive || session.is_closed() {
                alive = false;
                break;
            }
            source.due = Instant::now() + source.refresh;
        }
        self.tell(status);
        alive
    }

    /// Gives the sources which could not be read what they gave when the set of
    /// these names and texts was in force, under the trust of today.
    fn fall_back(&mut self, texts: &[(String, String)]) {
        for source in self.list.iter_mut().filter(|source| !source.was_read) {
            let own = source.trust.source.as_str();
            let is_own = |text: &str| rows::source_of(text).is_some_and(|source| source == own);
            for (name, text) in texts.iter().filter(|(_, text)| is_own(text)) {
                let routine = RoutineName::parse(name).ok();
                let routine = routine.and_then(|name| rows::check(&source.trust, &name, text).0);
                source.routines.extend(routine.map(Arc::new));
            }
            tracing::warn!(
                routines.source = own,
                routines.count = source.routines.len(),
                "this source of routines could not be read; what it gave last is in force"
            );
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

    /// Says how the sources are: in the status, the metrics and, if it is news, the log.
    fn tell(&self, status: &Status) {
        let facts: serde_json::Map<String, Value> =
            self.list.iter().map(|source| (source.trust.source.to_string(), source.fact())).collect();
        status.fact("routine_sources", facts);
        for source in &self.list {
            let count = |state: &'static str, count: usize| {
                let labels = RowLabels { source: source.trust.source.to_string(), state };
                let gauge = status.metrics.routine_rows.get_or_create_owned(&labels);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            };
            count("used", source.routines.len());
            count("refused", source.refused.len());
        }
        let troubles: Vec<String> = self.list.iter().filter_map(Source::complaint).collect();
        if troubles.is_empty() {
            return status.well(PART);
        }
        status.metrics.reload_failures.inc();
        let text = troubles.join("; ");
        if status.complains_anew(PART, &text) {
            tracing::error!("a source of routines cannot be read; what it gave last stays in force: {text}");
        }
    }
}

impl Source {
    /// Takes rows as they are now.
    async fn take(&mut self, rows: Vec<rows::Row>) {
        let (trust, known) = (self.trust.clone(), std::mem::take(&mut self.known));
        // Thousands of rows take a while to parse, and the passes go on meanwhile.
        let digested = tokio::task::spawn_blocking(move || digest(&trust, known, rows)).await;
        let Ok(Digest { known, routines, refused, news }) = digested else {
            self.trouble = Some("its rows could not be parsed: a bug of hearken".to_owned());
            return;
        };
        for report in news.iter().take(SHOWN_MAX) {
            let source = self.trust.source.as_str();
            tracing::error!(routines.source = source, "a row cannot be used; the others go on\n{report}");
        }
        if news.len() > SHOWN_MAX {
            let more = news.len() - SHOWN_MAX;
            tracing::error!(routines.source = self.trust.source.as_str(), "{more} more rows cannot be used");
        }
        (self.known, self.routines, self.refused) = (known, routines, refused);
        self.trouble = None;
        self.was_read = true;
    }

    /// What is to be said of a source which cannot be read.
    fn complaint(&self) -> Option<String> {
        self.trouble.as_ref().map(|trouble| format!("`{}`: {trouble}", self.trust.source))
    }

    /// What `/status` says of it.
    fn fact(&self) -> Value {
        let problems = self.refused.iter().take(SHOWN_MAX);
        let problems = problems.map(|(row, why)| json!({ "row": row, "problem": why })).collect::<Vec<_>>();
        json!({
            "used": self.routines.len(),
            "refused": self.refused.len(),
            "problems": problems,
            "trouble": self.trouble,
        })
    }
}

#[cfg(test)]
mod tests;
