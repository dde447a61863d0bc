//! Routines which are rows of a table of somebody's, and not files.
//!
//! A row holds the same model as a file, as JSON. It is written out as TOML
//! (`written`) and read as a file is, so that there is one language, one reader,
//! and each problem is shown where it is.
//!
//! Whoever may write the table is not trusted as the owner of the folder is
//! ([`Trust`]). What a row is confined to, its tenant and the role its SQL runs
//! as, stands in the first line of its text. So the text alone says it: the
//! version of a routine covers it, and a set which is read back from the
//! database is as confined as it was.

mod names;
mod trust;
mod written;

pub use names::{QueuePattern, RoleError, RoleName, RowSourceError, RowSourceName, SOURCE_BYTES_MAX};
pub use trust::{Tenants, Trust};

use super::table::Findings;
use super::{Routine, RoutineSet, Trigger};
use crate::rules::condition::{Condition, Literal, MissingPolicy, Test};
use crate::rules::name::RoutineName;
use crate::rules::path::Path;
use crate::rules::problem::{Problem, Problems};
use crate::rules::review::against_tables;
use crate::rules::when::{Clause, When};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// What the first line of a row's text begins with.
const HEADER: &str = "#hearken:row ";

/// A row of a source, as the database hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name, without that of the source.
    pub name: String,
    /// The routine, as text of JSON.
    pub routine: String,
    /// Whose it is, if the source tells tenants apart.
    pub tenant: Option<String>,
}

/// What a routine is confined to. A file is not confined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// It hears events of this tenant only, and the items of its ticks are this
    /// tenant's.
    pub tenant: Option<String>,
    /// Its SQL runs as this role.
    pub run_as: Option<RoleName>,
}

/// The first line of a row's text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_as: Option<String>,
}

/// Reads a row of a source and says all there is to say about it, warnings
/// included. There is no routine if there is an error.
#[must_use]
pub fn read(trust: &Trust, row: &Row) -> (Option<Routine>, Problems) {
    let full = format!("{}.{}", trust.source, row.name);
    let refused = |text: &str, problem: Problem| {
        let mut problems = Problems::new(&called(&full), text);
        problems.push(problem);
        (None, problems)
    };
    let name = match name(&full, row) {
        Ok(name) => name,
        Err(problem) => return refused("", problem),
    };
    if let Some(problem) = trust.tenants.complaint(trust, row.tenant.as_deref()) {
        return refused("", problem);
    }
    let fields = match serde_json::from_str(&row.routine) {
        Ok(Value::Object(fields)) => fields,
        Ok(Value::Null) => {
            let help = "let the query leave such rows out, or give them an object";
            return refused("", Problem::error(0..0, "its column `routine` is null").help(help));
        }
        Ok(_) => {
            let problem = Problem::error(0..row.routine.len(), "a routine is an object of JSON");
            let help = "the keys are those of a file: `title`, `on`, `when`, `item` and so on";
            return refused(&row.routine, problem.label("something else").help(help));
        }
        Err(error) => {
            let problem = Problem::error(0..0, format!("this is no JSON: {error}"));
            return refused(&row.routine, problem.help("let the query build it with `jsonb_build_object`"));
        }
    };
    let written = written::write(&header(trust, row), &fields);
    if written.nulls.is_empty() {
        return check(trust, &name, &written.text);
    }
    let mut problems = Problems::new(&called(&full), &written.text);
    written.nulls.into_iter().for_each(|problem| problems.push(problem));
    (None, problems)
}

/// Reads a text which [`read`] made once, under the trust of today.
#[must_use]
pub fn check(trust: &Trust, name: &RoutineName, text: &str) -> (Option<Routine>, Problems) {
    let (routine, mut problems) = super::check(name, &called(name.as_str()), text);
    trust::review(trust, text, &mut problems);
    let tenant = routine.as_ref().map(|routine| routine.confined.tenant.as_deref());
    if let Some(problem) = tenant.and_then(|tenant| trust.tenants.complaint(trust, tenant)) {
        problems.push(problem);
    }
    if !problems.has_errors() && routine.as_ref().is_some_and(|routine| !trust.admits(routine)) {
        let message = format!("rows of the source `{}` may not do what this one does", trust.source);
        problems.push(Problem::error(0..0, message).help("write it as a file"));
    }
    let set = RoutineSet::new(routine.iter().cloned().map(Arc::new).collect());
    let found = against_tables(&set, &trust.tables);
    found.into_iter().for_each(|(_, problem)| problems.push(problem));
    problems.sort();
    (routine.filter(|_| !problems.has_errors()), problems)
}

/// The source a text is a row of; none, if it is a file.
#[must_use]
pub fn source_of(text: &str) -> Option<String> {
    let (line, _) = first_line(text)?;
    // A line which cannot be read belongs to no source, but is no file either.
    Some(serde_json::from_str::<Header>(line).map_or_else(|_| String::new(), |header| header.source))
}

/// Confines a routine to what the first line of its text says.
pub(super) fn confine(findings: &mut Findings, routine: Routine) -> Option<Routine> {
    let Some((line, length)) = first_line(&routine.text) else { return Some(routine) };
    match confinement(line).and_then(|confined| confined_to(&routine, confined)) {
        Ok(routine) => Some(routine),
        Err(reason) => {
            let message = format!("this line says whose row the routine is, and cannot be used: {reason}");
            let problem = Problem::error(0..length, message).label("written by hearken");
            findings.push(problem.help("remove the line, if this is a file of yours"));
            None
        }
    }
}

fn confinement(line: &str) -> Result<Confinement, String> {
    let header = serde_json::from_str::<Header>(line).map_err(|error| error.to_string())?;
    let run_as = header.run_as.as_deref().map(RoleName::parse).transpose();
    Ok(Confinement { tenant: header.tenant, run_as: run_as.map_err(|error| error.to_string())? })
}

fn confined_to(routine: &Routine, confined: Confinement) -> Result<Routine, String> {
    let when = match (&confined.tenant, &routine.trigger) {
        (Some(tenant), Trigger::Event(_)) => of_tenant(&routine.when, tenant)?,
        (None, _) | (Some(_), Trigger::Schedule(_) | Trigger::Query(_)) => routine.when.clone(),
    };
    Ok(Routine { when, confined, ..routine.clone() })
}

/// The conditions, and that the event is this tenant's: a condition like any
/// other, so that the index knows it.
fn of_tenant(when: &When, tenant: &str) -> Result<When, String> {
    let condition = Condition {
        path: Path::parse("tenant").map_err(|error| error.message)?,
        tests: vec![Test::OneOf(vec![Literal::Text(tenant.into())])],
        missing: MissingPolicy::NoMatch,
    };
    let mut clauses = vec![Clause::Condition(condition)];
    clauses.extend_from_slice(when.clauses());
    When::new(clauses).map_err(|error| error.to_string())
}

/// What a row is called in messages.
fn called(full: &str) -> String {
    format!("row {full}")
}

fn name(full: &str, row: &Row) -> Result<RoutineName, Problem> {
    let help = "the names of source and row, with a dot between them, are the routine's: letters, digits, \
                `-`, `_` and `.`, at most 48 together; an id such as a UUID will do";
    if row.name.is_empty() {
        return Err(Problem::error(0..0, "this row has no name").help(help));
    }
    RoutineName::parse(full).map_err(|error| {
        Problem::error(0..0, format!("`{full}` is not a name for a routine: {error}")).help(help)
    })
}

/// The line which stands before the routine, a comment.
fn header(trust: &Trust, row: &Row) -> String {
    let header = Header {
        source: trust.source.as_str().to_owned(),
        tenant: row.tenant.clone(),
        run_as: trust.run_as.as_ref().map(|role| role.as_str().to_owned()),
    };
    // JSON of plain texts is always to be written.
    let json = serde_json::to_string(&header).unwrap_or_default();
    format!("{HEADER}{json}\n")
}

/// The JSON of the first line, if it is such a line, and the line's length.
fn first_line(text: &str) -> Option<(&str, usize)> {
    let line = text.split('\n').next()?;
    Some((line.strip_prefix(HEADER)?, line.len()))
}

#[cfg(test)]
mod tests;
