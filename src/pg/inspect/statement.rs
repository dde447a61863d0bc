//! Parses the statements which routines bring along, so that a misspelt column shows
//! before the first event or tick.

use super::Ground;
use super::finding::{Finding, Subject};
use crate::pg::error::PgError;
use crate::pg::routine_sql::check_columns;
use crate::rules::routine::{Routine, Trigger};
use crate::rules::sql::Sql;

/// Looks at `[each]` and `[on.query]` of a routine, as the role which they run as.
pub(super) async fn look(
    ground: &Ground<'_>,
    routine: &Routine,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    if let Some(each) = &routine.each {
        parse(ground, routine, &["each", "sql"], &each.sql, found).await?;
    }
    if let Trigger::Query(query) = &routine.trigger {
        parse(ground, routine, &["on", "query", "sql"], &query.sql, found).await?;
    }
    Ok(())
}

async fn parse(
    ground: &Ground<'_>,
    routine: &Routine,
    keys: &[&str],
    sql: &Sql,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let subject = Subject::Routine(routine.name.clone(), keys);
    let prepared = ground.probe.prepare(sql.text(), routine.confined.run_as.as_ref()).await?;
    match prepared {
        Err(answer) => found.push(Finding::refused(subject, "this statement", &answer)),
        Ok(statement) => {
            let twice = check_columns(statement.columns()).err();
            found.extend(twice.map(|failure| Finding::error(subject, failure.message)));
        }
    }
    Ok(())
}
