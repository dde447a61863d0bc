//! Who else cleans up: rows of a source which are deleted before they were claimed
//! are events which never were.

use super::Ground;
use super::finding::{Finding, Subject};
use super::privilege::named_in;
use crate::pg::error::PgError;
use crate::rules::foreign::{SourceSpec, TableName};
use crate::rules::routine::Trigger;
use crate::rules::sql::{Word, WordKind, words};
use crate::rules::text::shortened;

/// A command is quoted up to so many characters.
const SHOWN_MAX: usize = 120;

/// The jobs of pg_cron which run in this database, where it is installed and the role
/// may see them.
const JOBS: &str = "select coalesce(jobname::text, jobid::text), command from cron.job \
                    where active and database = current_database()";

/// Looks for deletes which do not ask whether a row is pending: in jobs of pg_cron,
/// and in the statements of routines.
pub(super) async fn look(ground: &Ground<'_>, found: &mut Vec<Finding>) -> Result<(), PgError> {
    // Where there are none the question is refused, which says enough.
    let jobs = ground.probe.pairs(JOBS).await?.unwrap_or_default();
    for spec in ground.described.sources.values() {
        let (Some(pending), Some(table)) = (&spec.pending, ground.tables.get(&spec.table)) else { continue };
        let columns: Vec<&str> = named_in(table, pending).collect();
        for (job, command) in jobs.iter().filter(|(_, command)| is_blind(command, &spec.table, &columns)) {
            let shown = shortened(command.trim(), SHOWN_MAX);
            let what = format!("the job `{job}` of pg_cron, `{shown}`,");
            let subject = Subject::source(spec.name.as_str(), Some("pending"));
            found.push(finding(subject, &what, spec));
        }
        for routine in &ground.described.routines.routines {
            let Trigger::Query(query) = &routine.trigger else { continue };
            if is_blind(query.sql.text(), &spec.table, &columns) {
                let keys = ["on", "query", "sql"].map(str::to_owned).to_vec();
                let subject = Subject::Routine(routine.name.clone(), keys);
                found.push(finding(subject, "this statement", spec));
            }
        }
    }
    Ok(())
}

fn finding(subject: Subject, what: &str, spec: &SourceSpec) -> Finding {
    let (table, source) = (&spec.table, &spec.name);
    let message = format!("{what} deletes from `{table}`, also rows which source `{source}` has not claimed");
    let pending = spec.pending.as_deref().unwrap_or_default();
    Finding::warning(subject, message).advice(format!("add `and not ({pending})` to what it deletes"))
}

/// Whether a text deletes from a table in a statement which names none of the columns.
fn is_blind(text: &str, table: &TableName, columns: &[&str]) -> bool {
    let words = words(text);
    words.split(|word| word.kind == WordKind::Symbol && word.text == ";").any(|statement| {
        let names_one = |word: &Word| word.kind == WordKind::Name && columns.contains(&word.text.as_str());
        deletes_from(statement, table) && !statement.iter().any(names_one)
    })
}

fn deletes_from(statement: &[Word], table: &TableName) -> bool {
    let text: Vec<&str> = statement.iter().map(|word| word.text.as_str()).collect();
    (0..text.len()).any(|start| {
        let rest = match &text[start..] {
            ["delete", "from", "only", rest @ ..] => rest,
            ["delete", "from", rest @ ..] => rest,
            _ => return false,
        };
        match rest {
            [schema, ".", name, ..] => *schema == table.schema() && *name == table.name(),
            // Wherever the search path leads it: a warning too many is no harm.
            [name, ..] => *name == table.name(),
            [] => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_which_does_not_ask_is_blind() {
        check("delete from queue where created_at < now() - interval '1 hour'", true);
        check("DELETE FROM ONLY public.\"queue\" q", true);
        check("delete from queue where processed and created_at < now()", false);
        check("delete from queue where note = 'processed'", true);
        check("select processed from t; delete from queue", true);
        check("with gone as (delete from queue returning id) select id from gone", true);
        check("delete from app.queue", false);
        check("delete from queue_log", false);
        check("select 'delete from queue'", false);
    }

    #[track_caller]
    fn check(text: &str, want: bool) {
        let table = TableName::parse("public.queue").unwrap();
        assert_eq!(is_blind(text, &table, &["processed"]), want, "{text}");
    }
}
