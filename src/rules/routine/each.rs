//! Reads `[each]`: one item for each row of a query.

use super::context::{self, Get};
use super::statement::{self, Verbs};
use super::table::{Findings, Keys, Table, Text, Value, table_of};
use crate::rules::problem::Problem;
use crate::rules::sql::Sql;
use crate::rules::template::Variables;
use std::time::Duration;

/// A query which a routine asks for each event it matched.
#[derive(Clone, Debug)]
pub struct Each {
    /// The query; it only reads.
    pub sql: Sql,
    /// The values of its parameters, in order.
    pub params: Vec<EachParam>,
    /// So many rows it may find for one event; more is an error.
    pub max_rows: u32,
    /// How long it may take, for all events of a pass together.
    pub timeout: Duration,
}

/// The value of a parameter of `[each]`.
#[derive(Clone, Debug)]
pub enum EachParam {
    /// The routine itself.
    Literal(serde_json::Value),
    /// A path of the event.
    Get(Get),
}

/// How long a query may take unless the routine says.
pub const EACH_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// The longest a query may take: all other events wait for it.
pub const EACH_TIMEOUT_MAX: Duration = Duration::from_secs(60);

const KEYS: Keys<'static> =
    Keys { owner: "`[each]`", known: &["sql", "params", "max_rows", "timeout"], later: &[] };

const VERBS: Verbs = Verbs {
    owner: "`[each]`",
    verbs: &["select", "with", "values", "table", "("],
    help: "it only reads: what is to be written is written by whoever takes the item, or by `[on.query]`",
};

/// Reads `[each]` of the whole file; without it there is none.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>, variables: Variables) -> Option<Option<Each>> {
    if root.get("each").is_none() {
        return Some(None);
    }
    if matches!(variables, Variables::Tick | Variables::TickRow) {
        let problem = Problem::error(root.key_span("each"), "`[each]` belongs to `[on.event]`");
        let help = "to make items of rows at certain times, write `[on.query]` in place of `[on.schedule]`";
        findings.push(problem.label("there is no event to ask for").help(help));
        return None;
    }
    let table = root.table(findings, "each")?;
    table.check_keys(findings, &KEYS);
    let sql = statement::sql(findings, &table, &VERBS);
    let params = statement::params(findings, &table, param);
    let max_rows = statement::max_rows(findings, &table);
    let timeout = statement::timeout(findings, &table, EACH_TIMEOUT_DEFAULT, EACH_TIMEOUT_MAX);
    let (sql, params) = (sql?, params?);
    statement::check_params(findings, &table, &sql, params.len())?;
    Some(Some(Each { sql, params, max_rows: max_rows?, timeout: timeout? }))
}

fn param(findings: &mut Findings, value: &Value<'_>) -> Option<EachParam> {
    let Some(table) = table_of(value) else {
        return statement::literal(findings, value).map(EachParam::Literal);
    };
    let key = Text { text: "params", span: value.span() };
    // There is no row yet: it is what the query is to find.
    context::get(findings, &key, &table, Variables::Event).map(EachParam::Get)
}

#[cfg(test)]
mod tests;
