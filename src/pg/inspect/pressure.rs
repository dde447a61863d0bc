//! Holds the query of `[pressure]` against the database, as it will be asked.

use super::Ground;
use super::finding::{Finding, Subject};
use crate::pg::error::PgError;
use tokio_postgres::types::Type;

/// How the query is called.
const WHAT: &str = "`sql` of [pressure]";

/// Parses it, and plans it, which is when privileges are looked at.
pub(super) async fn look(ground: &Ground<'_>, found: &mut Vec<Finding>) -> Result<(), PgError> {
    let Some(sql) = ground.described.pressure else { return Ok(()) };
    let subject = || Subject::Settings(vec!["pressure".to_owned(), "sql".to_owned()]);
    let statement = match ground.probe.prepare(sql.text(), None).await? {
        Ok(statement) => statement,
        Err(answer) => {
            found.push(Finding::refused(subject(), WHAT, &answer));
            return Ok(());
        }
    };
    if !statement.params().is_empty() {
        let message = format!("{WHAT} has parameters, and nothing to put there");
        found.push(Finding::error(subject(), message).advice("write the values into the query"));
        return Ok(());
    }
    let kind = statement.columns().first().map(|column| column.type_().clone());
    if kind != Some(Type::BOOL) {
        let is = kind.map_or_else(|| "gives no column".to_owned(), |kind| format!("gives `{kind}`"));
        let message = format!("{WHAT} {is}, and is to say yes or no");
        let advice = "write `select EXPRESSION` which is true under pressure";
        found.push(Finding::error(subject(), message).advice(advice));
        return Ok(());
    }
    if let Err(answer) = ground.probe.explain(sql.text()).await? {
        found.push(Finding::refused(subject(), WHAT, &answer));
    }
    Ok(())
}
