//! One source: what it gave, what it refuses, and how it is read.

use super::digest::{Digest, Known, News, digest, in_a_line};
use crate::config::RoutineSource;
use crate::pg::routine_rows::{self, RowsError};
use crate::pg::session::Session;
use crate::rules::foreign::Tables;
use crate::rules::name::RoutineName;
use crate::rules::routine::Routine;
use crate::rules::routine::rows::{self, RowSourceName, Trust};
use crate::rules::sql::Sql;
use crate::rules::text::shortened;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A source which took too long is left alone at least for so long.
const SLOW_REST: Duration = Duration::from_secs(30);
/// So many rows which cannot be used are shown one by one, in log and status.
const SHOWN_MAX: usize = 20;
/// The longest name of a row in the log, in characters; most are shorter.
const NAME_CHARS: usize = 48;
/// The longest list of such names, in characters.
const NAMES_CHARS: usize = 10_000;

/// A source, and what it gave when it could last be read.
#[derive(Debug)]
pub(super) struct Source {
    trust: Trust,
    sql: Sql,
    refresh: Duration,
    max: u32,
    known: HashMap<String, Known>,
    pub(super) routines: Vec<Arc<Routine>>,
    /// Rows which cannot be used, by their names in the source, and why in a line.
    pub(super) refused: BTreeMap<String, String>,
    /// Routines for which something is kept, and which may be rows of it: nobody
    /// knows before it is read.
    unseen: Vec<RoutineName>,
    /// Why it cannot be read at present.
    pub(super) trouble: Option<String>,
    /// The trouble which was told last.
    told: Option<String>,
    pub(super) was_read: bool,
    pub(super) due: Instant,
}

impl Source {
    /// A source of the settings, which is due.
    pub(super) fn new(name: &RowSourceName, source: &RoutineSource, tables: &Tables) -> Self {
        Self {
            trust: source.trust(name, tables),
            sql: source.sql.clone(),
            refresh: source.refresh,
            max: source.max,
            known: HashMap::new(),
            routines: Vec::new(),
            refused: BTreeMap::new(),
            unseen: Vec::new(),
            trouble: None,
            told: None,
            was_read: false,
            due: Instant::now(),
        }
    }

    /// Its name in the settings.
    pub(super) fn name(&self) -> &RowSourceName {
        &self.trust.source
    }

    /// The full names of rows which cannot be used, and of those which may be
    /// there. What cannot be the name of a routine never was one.
    pub(super) fn refused_names(&self) -> impl Iterator<Item = RoutineName> {
        let full = move |row: &String| RoutineName::parse(&format!("{}.{row}", self.name())).ok();
        self.refused.keys().filter_map(full).chain(self.unseen.iter().cloned())
    }

    /// Reads it; a statement may take as long as `within`. False, if the session is
    /// lost: then it is still due.
    pub(super) async fn read(&mut self, session: &Session, within: Duration) -> bool {
        // The database keeps the limit. This is for one which says nothing at all.
        let patience = within * 3;
        let reading = routine_rows::read(session, &self.sql, self.max, within);
        let Ok(read) = tokio::time::timeout(patience, reading).await else {
            self.trouble = Some(format!("the database was silent for {} s", patience.as_secs()));
            return false;
        };
        let mut pause = self.refresh;
        match read {
            Ok(rows) => self.take(rows).await,
            // Not its fault, and it is read again soon.
            Err(_) if session.is_closed() => return false,
            Err(error) => {
                if matches!(error, RowsError::Slow { .. }) {
                    pause = pause.max(SLOW_REST);
                }
                self.trouble = Some(error.to_string());
            }
        }
        self.due = Instant::now() + pause;
        !session.is_closed()
    }

    /// Takes rows as they are now.
    async fn take(&mut self, rows: Vec<rows::Row>) {
        let (trust, known) = (self.trust.clone(), std::mem::take(&mut self.known));
        // Thousands of rows take a while to parse, and the passes go on meanwhile.
        let digested = tokio::task::spawn_blocking(move || digest(&trust, known, rows)).await;
        let Ok(Digest { known, routines, refused, news }) = digested else {
            self.trouble = Some("its rows could not be parsed: a bug of hearken".to_owned());
            return;
        };
        let source = self.name().as_str();
        for News { report, .. } in news.iter().take(SHOWN_MAX) {
            tracing::error!(routines.source = source, "a row cannot be used; the others go on\n{report}");
        }
        if let Some(more) = news.get(SHOWN_MAX..).filter(|more| !more.is_empty()) {
            let (count, names) = (more.len(), names(more));
            tracing::error!(routines.source = source, "{count} more rows cannot be used: {names}");
        }
        (self.known, self.routines, self.refused) = (known, routines, refused);
        self.unseen.clear();
        self.trouble = None;
        self.was_read = true;
    }

    /// Gives it what it gave when the set of these names and texts was in force, as
    /// far as the settings of today allow it. Of what is `kept` for other routines
    /// all waits that may be a row's.
    pub(super) fn fall_back(&mut self, texts: &[(String, String)], kept: &[String]) {
        let source = self.name().clone();
        let (own, prefix) = (source.as_str(), format!("{source}."));
        let is_own = |text: &str| rows::source_of(text).is_some_and(|source| source == own);
        let mut news = Vec::new();
        for (name, text) in texts.iter().filter(|(_, text)| is_own(text)) {
            let Ok(routine) = RoutineName::parse(name) else { continue };
            let (routine, problems) = rows::check(&self.trust, &routine, text);
            if let Some(routine) = routine {
                self.routines.push(Arc::new(routine));
                continue;
            }
            let row = name.strip_prefix(&prefix).unwrap_or(name).to_owned();
            self.refused.insert(row.clone(), in_a_line(&problems));
            news.push(News { row, report: problems.render() });
        }
        let used: HashSet<&str> = self.routines.iter().map(|routine| routine.name.as_str()).collect();
        let unseen = kept.iter().filter(|name| name.starts_with(&prefix) && !used.contains(name.as_str()));
        self.unseen = unseen.filter_map(|name| RoutineName::parse(name).ok()).collect();
        tracing::warn!(
            routines.source = own,
            routines.count = self.routines.len(),
            "this source of routines could not be read; what it gave last is in force"
        );
        if !news.is_empty() {
            let reports: Vec<&str> = news.iter().take(SHOWN_MAX).map(|news| news.report.as_str()).collect();
            let (count, names, reports) = (news.len(), names(&news), reports.join("\n"));
            tracing::error!(
                routines.source = own,
                "{count} of its rows may not be used under the settings of today: {names}\n{reports}"
            );
        }
    }

    /// What is to be said of a source which cannot be read.
    pub(super) fn complaint(&self) -> Option<String> {
        self.trouble.as_ref().map(|trouble| format!("`{}`: {trouble}", self.name()))
    }

    /// The same, if it was not told yet.
    pub(super) fn news(&mut self) -> Option<String> {
        if self.told == self.trouble {
            return None;
        }
        self.told.clone_from(&self.trouble);
        self.complaint()
    }

    /// What `/status` says of it.
    pub(super) fn fact(&self) -> Value {
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

/// The names of rows for a line of the log. They are somebody's text.
fn names(news: &[News]) -> String {
    let name = |news: &News| shortened(&news.row.escape_debug().to_string(), NAME_CHARS);
    shortened(&news.iter().map(name).collect::<Vec<_>>().join(", "), NAMES_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rows_are_all_there_and_no_longer_than_a_line() {
        let news = |row: &str| News { row: row.to_owned(), report: String::new() };
        assert_eq!(names(&[news("a"), news("b\nc")]), "a, b\\nc");
        let many: Vec<News> = (0..100_000).map(|n| news(&n.to_string())).collect();
        assert_eq!(names(&many).chars().count(), NAMES_CHARS + 1);
    }
}
