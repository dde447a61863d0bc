//! From rows to routines: only what changed is parsed, and each problem is news
//! once.

use crate::rules::problem::{Level, Problems};
use crate::rules::routine::Routine;
use crate::rules::routine::rows::{Row, Trust, read};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A row as it was read last, and what became of it: a routine, or why not in a
/// line.
#[derive(Clone, Debug)]
pub(super) struct Known {
    row: Row,
    outcome: Result<Arc<Routine>, String>,
}

/// What the rows of a source are.
#[derive(Debug, Default)]
pub(super) struct Digest {
    /// Each row by its name.
    pub(super) known: HashMap<String, Known>,
    /// Those which can be used, in the order of their names.
    pub(super) routines: Vec<Arc<Routine>>,
    /// The others, and why.
    pub(super) refused: BTreeMap<String, String>,
    /// Each row which cannot be used and was not known so.
    pub(super) news: Vec<News>,
}

/// A row which cannot be used.
#[derive(Debug)]
pub(super) struct News {
    /// Its name in the source.
    pub(super) row: String,
    /// What is wrong with it, for people.
    pub(super) report: String,
}

/// Reads rows, `known` being what was there before.
pub(super) fn digest(trust: &Trust, mut known: HashMap<String, Known>, mut rows: Vec<Row>) -> Digest {
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let mut digest = Digest::default();
    let same_name = |a: &Row, b: &Row| a.name == b.name;
    for rows in rows.chunk_by(same_name) {
        let [row] = rows else {
            digest.twice(trust, &mut known, rows);
            continue;
        };
        let before = known.remove(&row.name).filter(|before| before.row == *row);
        match before {
            Some(before) => digest.add(before),
            None => digest.read(trust, row),
        }
    }
    digest
}

impl Digest {
    fn read(&mut self, trust: &Trust, row: &Row) {
        let (routine, problems) = read(trust, row);
        let outcome = match routine {
            Some(routine) => {
                if !problems.is_empty() {
                    // Warnings; a row is read again only when it changed.
                    tracing::warn!("{problems}");
                }
                Ok(Arc::new(routine))
            }
            None => {
                self.news.push(News { row: row.name.clone(), report: problems.render() });
                Err(in_a_line(&problems))
            }
        };
        self.add(Known { row: row.clone(), outcome });
    }

    /// Several rows of one name: which is meant, nobody can say.
    fn twice(&mut self, trust: &Trust, known: &mut HashMap<String, Known>, rows: &[Row]) {
        let Some(row) = rows.first() else { return };
        let why = format!("{} rows have this name, and none of them is used", rows.len());
        let before = known.remove(&row.name);
        if before.is_none_or(|before| before.outcome.as_ref().err() != Some(&why)) {
            let report = format!("error: row {}.{}: {why}", trust.source, row.name);
            self.news.push(News { row: row.name.clone(), report });
        }
        self.add(Known { row: row.clone(), outcome: Err(why) });
    }

    fn add(&mut self, known: Known) {
        match &known.outcome {
            Ok(routine) => self.routines.push(routine.clone()),
            Err(why) => drop(self.refused.insert(known.row.name.clone(), why.clone())),
        }
        self.known.insert(known.row.name.clone(), known);
    }
}

/// The first error, and how many more there are.
pub(super) fn in_a_line(problems: &Problems) -> String {
    let mut errors = problems.iter().filter(|problem| problem.level == Level::Error);
    let first = errors.next().map_or("it cannot be used", |problem| problem.message.as_str());
    match errors.count() {
        0 => first.to_owned(),
        more => format!("{first}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::routine::rows::{QueuePattern, RowSourceName, Tenants};

    #[test]
    fn a_bad_row_disables_only_itself_and_is_news_once() {
        let rows = vec![row("a", "q"), row("b", "elsewhere"), row("c", "q")];
        let first = digest(&trust(), HashMap::new(), rows.clone());
        check(&first, &["hq.a", "hq.c"], &["b"], 1);
        let again = digest(&trust(), first.known.clone(), rows);
        check(&again, &["hq.a", "hq.c"], &["b"], 0);
        // Not parsed again.
        assert!(Arc::ptr_eq(&first.routines[0], &again.routines[0]));
        let mended = digest(&trust(), again.known, vec![row("b", "q"), row("c", "elsewhere")]);
        check(&mended, &["hq.b"], &["c"], 1);
    }

    #[test]
    fn another_version_of_a_bad_row_is_news() {
        let first = digest(&trust(), HashMap::new(), vec![row("a", "x")]);
        check(&first, &[], &["a"], 1);
        let second = digest(&trust(), first.known, vec![row("a", "y")]);
        check(&second, &[], &["a"], 1);
    }

    #[test]
    fn of_two_rows_of_one_name_none_is_used() {
        let rows = vec![row("a", "q"), row("b", "q"), row("a", "x")];
        let first = digest(&trust(), HashMap::new(), rows.clone());
        check(&first, &["hq.b"], &["a"], 1);
        check(&digest(&trust(), first.known, rows), &["hq.b"], &["a"], 0);
    }

    fn row(name: &str, queue: &str) -> Row {
        let routine = format!(
            "{{\"title\": \"t\", \"on\": {{\"event\": {{}}}}, \"item\": {{\"queue\": \"{queue}\", \"title\": \"t\"}}}}"
        );
        Row { name: name.to_owned(), routine, tenant: None }
    }

    fn trust() -> Trust {
        Trust {
            source: RowSourceName::parse("hq").unwrap(),
            queues: vec![QueuePattern::parse("q").unwrap()],
            tenants: Tenants::Any,
            run_as: None,
            tables: Default::default(),
        }
    }

    #[track_caller]
    fn check(digest: &Digest, used: &[&str], refused: &[&str], news: usize) {
        let names = digest.routines.iter().map(|routine| routine.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, used);
        assert_eq!(digest.refused.keys().collect::<Vec<_>>(), refused);
        assert_eq!(digest.news.len(), news, "{:?}", digest.news);
    }
}
