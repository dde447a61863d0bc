//! Reads `[on.query]`: a statement which runs at certain times, and whose rows
//! become items.

use super::schedule;
use super::statement::{self, Verbs};
use super::table::{Findings, Keys, Table, Value, table_of};
use crate::rules::problem::Problem;
use crate::rules::schedule::Schedule;
use crate::rules::sql::Sql;
use std::time::Duration;

/// A statement and the times at which it runs.
#[derive(Clone, Debug)]
pub struct Query {
    /// The times.
    pub schedule: Schedule,
    /// The statement; it may write.
    pub sql: Sql,
    /// The values of its parameters, in order.
    pub params: Vec<QueryParam>,
    /// So many rows it may yield; more is an error.
    pub max_rows: u32,
    /// How long it may take.
    pub timeout: Duration,
}

/// The value of a parameter of `[on.query]`.
#[derive(Clone, Debug)]
pub enum QueryParam {
    /// The routine itself.
    Literal(serde_json::Value),
    /// The tick, as a time with its zone.
    Tick,
}

/// How long a statement may take unless the routine says.
pub const QUERY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// The longest a statement may take: its transaction holds back vacuum.
pub const QUERY_TIMEOUT_MAX: Duration = Duration::from_secs(3600);

const KEYS: Keys<'static> = Keys {
    owner: "`[on.query]`",
    known: &[
        "cron", "every", "time", "at", "tz", "missed", "within", "dst", "jitter", "from", "until", "sql",
        "params", "max_rows", "timeout",
    ],
    later: &[],
};

const VERBS: Verbs = Verbs {
    owner: "`[on.query]`",
    verbs: &[
        "select", "with", "values", "table", "(", "insert", "update", "delete", "merge", "truncate",
        "refresh", "call",
    ],
    help: "it runs inside a transaction of hearken's, together with the items it makes",
};

const PARAM_HELP: &str = "write a value which stands for itself, or `{ get = \"tick\" }`";

/// Reads `[on.query]`.
pub(super) fn parse(findings: &mut Findings, table: &Table<'_>) -> Option<Query> {
    table.check_keys(findings, &KEYS);
    let schedule = schedule::fields(findings, table);
    let sql = statement::sql(findings, table, &VERBS);
    let params = statement::params(findings, table, param);
    let max_rows = statement::max_rows(findings, table);
    let timeout = statement::timeout(findings, table, QUERY_TIMEOUT_DEFAULT, QUERY_TIMEOUT_MAX);
    let (sql, params) = (sql?, params?);
    statement::check_params(findings, table, &sql, params.len())?;
    Some(Query { schedule: schedule?, sql, params, max_rows: max_rows?, timeout: timeout? })
}

fn param(findings: &mut Findings, value: &Value<'_>) -> Option<QueryParam> {
    let Some(table) = table_of(value) else {
        return statement::literal(findings, value).map(QueryParam::Literal);
    };
    table.check_keys(findings, &Keys { owner: "a value of `params`", known: &["get"], later: &[] });
    let text = table.required_text(findings, "get", PARAM_HELP)?;
    if text.text == "tick" {
        return Some(QueryParam::Tick);
    }
    let problem = Problem::error(text.span, format!("there is no `{}` to get at a tick", text.text));
    findings.push(problem.label("only events have fields").help(PARAM_HELP));
    None
}

/// Complains about a query which makes items and does not say when two rows are
/// the same: it would make an item of the same row at every tick.
pub(super) fn require_dedup(findings: &mut Findings, root: &Table<'_>) -> Option<()> {
    let on_query = root.get("on").and_then(table_of).is_some_and(|on| on.get("query").is_some());
    let flow = root.get("flow").and_then(table_of);
    let dedup = flow.is_some_and(|flow| flow.get("dedup").is_some());
    let items = ["item", "items", "webhook"].into_iter().find(|key| root.get(key).is_some());
    let Some(items) = items.filter(|_| on_query && !dedup) else {
        return Some(());
    };
    let message = "a query which makes items needs `[flow] dedup`";
    let problem =
        Problem::error(root.key_span(items), message).label("a row would become an item at each tick");
    let help = "say what makes two rows the same item: `[flow]` with `dedup = { key = [\"row.id\"] }`; add \
                `\"tick\"` to the key for one item a tick";
    findings.missing(problem.help(help));
    None
}

#[cfg(test)]
mod tests;
