//! What `[each]` and `[on.query]` share: a statement of SQL, the values of its
//! parameters, and the limits it runs under.

use super::context::constant;
use super::literal::small_integer;
use super::table::{Findings, Table, Text, Value, wrong_type};
use crate::rules::duration;
use crate::rules::problem::Problem;
use crate::rules::sql::Sql;
use crate::rules::text::listed;
use std::time::Duration;
use toml::de::DeValue;

/// How many rows a query may find, unless the routine says.
pub const MAX_ROWS_DEFAULT: u32 = 1000;

/// The most rows a routine may ask for: each is an item, and all of them are
/// written by one transaction.
pub const MAX_ROWS_LIMIT: i32 = 100_000;

/// What a statement may begin with.
pub(super) struct Verbs {
    /// Whose statement it is.
    pub(super) owner: &'static str,
    /// The words; `(` stands for a `select` in parentheses.
    pub(super) verbs: &'static [&'static str],
    /// What to do about another.
    pub(super) help: &'static str,
}

/// Reads `sql`.
pub(super) fn sql(findings: &mut Findings, table: &Table<'_>, verbs: &Verbs) -> Option<Sql> {
    let help = "write the statement in triple quotes: `sql = \"\"\"select … where id = $1\"\"\"`";
    let text = table.required_text(findings, "sql", help)?;
    let sql = match Sql::parse(text.text) {
        Ok(sql) => sql,
        Err(error) => {
            let span = text.part(findings.text(), error.span);
            let problem = Problem::error(span, error.message).label("in this statement");
            findings.push(Problem { help: error.help, ..problem });
            return None;
        }
    };
    if verbs.verbs.contains(&sql.verb()) {
        return Some(sql);
    }
    let words = listed(verbs.verbs.iter().copied().filter(|verb| *verb != "("));
    let message =
        format!("the statement of {} begins with one of {words}, not with `{}`", verbs.owner, sql.verb());
    findings.push(Problem::error(text.span, message).label("another kind of statement").help(verbs.help));
    None
}

/// Reads `params`, each by `one`; without it there are none.
pub(super) fn params<T>(
    findings: &mut Findings,
    table: &Table<'_>,
    mut one: impl FnMut(&mut Findings, &Value<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(value) = table.get("params") else {
        return Some(Vec::new());
    };
    let DeValue::Array(items) = value.get_ref() else {
        return wrong_type(findings, "params", value, "an array, a value for each of `$1`, `$2` and so on");
    };
    let params = items.iter().map(|item| one(findings, item)).collect::<Vec<_>>();
    params.into_iter().collect()
}

/// A value which stands for itself.
pub(super) fn literal(findings: &mut Findings, value: &Value<'_>) -> Option<serde_json::Value> {
    let literal = constant(findings, "params", value)?;
    if !holds_zero(&literal) {
        return Some(literal);
    }
    let problem = Problem::error(value.span(), "a value of PostgreSQL cannot hold the character 0");
    findings.push(problem.label("holds it").help("remove it"));
    None
}

fn holds_zero(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(values) => values.iter().any(holds_zero),
        _ => false,
    }
}

/// Complains about parameters without a value, and values without a parameter.
pub(super) fn check_params(
    findings: &mut Findings,
    table: &Table<'_>,
    sql: &Sql,
    count: usize,
) -> Option<()> {
    let text = table.text(findings, "sql")?;
    let known = |number: u32| number >= 1 && usize::try_from(number).is_ok_and(|number| number <= count);
    if let Some((span, number)) = sql.parameters().iter().find(|(_, number)| !known(*number)) {
        return no_value(findings, &text, span.clone(), *number, count);
    }
    let used = |place: usize| {
        sql.parameters().iter().any(|(_, number)| usize::try_from(*number).is_ok_and(|n| n == place + 1))
    };
    let last = (0..count).rev().find(|place| used(*place));
    let mut all = Some(());
    for place in (0..count).filter(|place| !used(*place)) {
        let span = match table.get("params").map(|value| value.get_ref()) {
            Some(DeValue::Array(items)) => items.get(place).map(|item| item.span()),
            _ => None,
        };
        let span = span.unwrap_or_else(|| table.key_span("params"));
        let message = format!("`${}` is not in the statement", place + 1);
        // PostgreSQL cannot tell the type of a parameter which others follow.
        let problem = if last.is_some_and(|last| place < last) {
            all = None;
            Problem::error(span, message)
        } else {
            Problem::warning(span, message)
        };
        findings.push(problem.label("used nowhere").help("remove it, and count the others anew"));
    }
    all
}

fn no_value(
    findings: &mut Findings,
    text: &Text<'_>,
    span: std::ops::Range<usize>,
    number: u32,
    count: usize,
) -> Option<()> {
    let span = text.part(findings.text(), span);
    let (label, help) = match (number, count) {
        (0, _) => ("parameters are counted from 1".to_owned(), "the first of `params` is `$1`".to_owned()),
        (_, 0) => ("there is no `params`".to_owned(), format!("give its value: `params = [{SAMPLE}]`")),
        (_, count) => {
            (format!("`params` ends at `${count}`"), format!("add its value to `params`, such as {SAMPLE}"))
        }
    };
    findings.push(Problem::error(span, format!("`${number}` has no value")).label(label).help(help));
    None
}

const SAMPLE: &str = "\"ready\"";

/// Reads `max_rows`.
pub(super) fn max_rows(findings: &mut Findings, table: &Table<'_>) -> Option<u32> {
    let Some(value) = table.get("max_rows") else {
        return Some(MAX_ROWS_DEFAULT);
    };
    let number = small_integer(findings, "max_rows", value)?;
    match u32::try_from(number) {
        Ok(rows @ 1..) if number <= MAX_ROWS_LIMIT => Some(rows),
        _ => {
            let message = format!("`max_rows` is at least 1 and at most {MAX_ROWS_LIMIT}");
            let help = format!("leave it out for {MAX_ROWS_DEFAULT}");
            findings.push(Problem::error(value.span(), message).label("out of bounds").help(help));
            None
        }
    }
}

/// Reads `timeout`, which is at most `most`.
pub(super) fn timeout(
    findings: &mut Findings,
    table: &Table<'_>,
    default: Duration,
    most: Duration,
) -> Option<Duration> {
    if table.get("timeout").is_none() {
        return Some(default);
    }
    let text = table.text(findings, "timeout")?;
    let read = duration::parse(text.text).map_err(|error| error.to_string());
    let read = read.and_then(|read| Duration::try_from(read).map_err(|error| error.to_string()));
    let reason = match read {
        Ok(timeout) if timeout > most => format!("it is at most {}", humantime::format_duration(most)),
        // PostgreSQL takes zero for no limit at all.
        Ok(timeout) if timeout.as_millis() == 0 => "it is at least 1ms".to_owned(),
        Ok(timeout) => return Some(timeout),
        Err(reason) => reason,
    };
    let problem = Problem::error(text.span, format!("`timeout` cannot be used: {reason}"));
    let help = format!("leave it out for {}", humantime::format_duration(default));
    findings.push(problem.label("not such a duration").help(help));
    None
}
