//! What sets a routine off: `[on.event]`, `[on.schedule]` or `[on.query]`.

use super::query::{self, Query};
use super::schedule;
use super::table::{Findings, Keys, Table, Text, Value, table_of, text_of, wrong_type};
use crate::rules::name::SourceName;
use crate::rules::problem::Problem;
use crate::rules::schedule::Schedule;
use std::fmt;
use std::ops::Range;
use toml::de::DeValue;

/// What sets a routine off.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// Events.
    Event(EventTrigger),
    /// The ticks of one or more schedules; equal instants are one tick.
    Schedule(Vec<Schedule>),
    /// The rows of a statement which runs at certain times.
    Query(Box<Query>),
}

/// Which events set a routine off, before its conditions are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTrigger {
    /// The types of events; all types, if there are none.
    pub types: Vec<TypePattern>,
    /// The source the events come from; all sources, if none.
    pub from: Option<SourceName>,
}

/// A type of events, or many of one beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypePattern {
    /// This type.
    Exact(String),
    /// All types which begin so. `refund.*` is the prefix `refund.`, at any
    /// depth, and `*` is the empty one.
    Prefix(String),
}

impl EventTrigger {
    /// Whether events of this type from this source set the routine off.
    #[must_use]
    pub fn wants(&self, from: &SourceName, kind: &str) -> bool {
        let from_there = self.from.as_ref().is_none_or(|wanted| wanted == from);
        from_there && (self.types.is_empty() || self.types.iter().any(|pattern| pattern.matches(kind)))
    }
}

impl TypePattern {
    /// Whether the type is one of these.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == kind,
            Self::Prefix(prefix) => kind.starts_with(prefix),
        }
    }

    /// Reads a pattern. The error is the place of a star which cannot be there.
    fn parse(text: &str) -> Result<Self, Range<usize>> {
        let prefix = text.strip_suffix('*').filter(|prefix| prefix.is_empty() || prefix.ends_with('.'));
        match (text.find('*'), prefix) {
            (None, _) => Ok(Self::Exact(text.to_owned())),
            (Some(star), Some(prefix)) if star == prefix.len() => Ok(Self::Prefix(prefix.to_owned())),
            (Some(star), _) => Err(star..star + 1),
        }
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => f.write_str(exact),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

const HELP: &str = "say what sets it off: `[on.event]` with `type = \"order.placed\"`, `[on.schedule]` with \
                    `cron = \"0 9 * * MON\"`, or `[on.query]` with `every = \"15m\"` and `sql`";

/// The triggers; a routine has one of them.
const TRIGGERS: [&str; 3] = ["event", "schedule", "query"];

/// Reads `[on.…]` of the whole file, whose beginning is `start`.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>, start: Range<usize>) -> Option<Trigger> {
    if root.get("on").is_none() {
        findings.missing(
            Problem::error(start, "this routine never runs").label("nothing sets it off").help(HELP),
        );
        return None;
    }
    let on = root.table(findings, "on")?;
    on.check_keys(
        findings,
        &Keys {
            owner: "`on`",
            known: &TRIGGERS,
            later: &[("webhook", "let the receiver insert into `hearken.events`, and use `[on.event]`")],
        },
    );
    let mut present = TRIGGERS.into_iter().filter(|key| on.get(key).is_some()).collect::<Vec<_>>();
    present.sort_by_key(|key| on.key_span(key).start);
    match present[..] {
        [] if on.is_empty() => {
            findings.missing(
                Problem::error(on.span.clone(), "`on` is empty").label("nothing sets it off").help(HELP),
            );
            None
        }
        // Its unknown key has been complained about.
        [] => None,
        ["event"] => {
            let table = on.table(findings, "event")?;
            event(findings, &table).map(Trigger::Event)
        }
        ["query"] => {
            let table = on.table(findings, "query")?;
            query::parse(findings, &table).map(|query| Trigger::Query(Box::new(query)))
        }
        [_] => schedules(findings, on.get("schedule")?).map(Trigger::Schedule),
        [_, second, ..] => {
            let message = "a routine has one trigger, and this is its second";
            let problem = Problem::error(on.key_span(second), message).label("the other one is above");
            findings.push(problem.help("make two routines of it: two files"));
            None
        }
    }
}

fn event(findings: &mut Findings, table: &Table<'_>) -> Option<EventTrigger> {
    table.check_keys(findings, &Keys { owner: "`[on.event]`", known: &["type", "from"], later: &[] });
    let types = table.get("type").map_or(Some(Vec::new()), |value| types(findings, value));
    let from = match table.text(findings, "from") {
        None if table.get("from").is_some() => None,
        None => Some(None),
        Some(text) => source(findings, &text).map(Some),
    };
    Some(EventTrigger { types: types?, from: from? })
}

fn source(findings: &mut Findings, text: &Text<'_>) -> Option<SourceName> {
    let error = match SourceName::parse(text.text) {
        Ok(name) => return Some(name),
        Err(error) => error,
    };
    let problem = Problem::error(text.span.clone(), format!("`from` is no name of a source: {error}"));
    findings.push(
        problem.label("not a name").help("`events` is hearken's own log; others are named in hearken.toml"),
    );
    None
}

fn types(findings: &mut Findings, value: &Value<'_>) -> Option<Vec<TypePattern>> {
    let DeValue::Array(items) = value.get_ref() else {
        return match text_of(value) {
            Some(text) => pattern(findings, &text).map(|pattern| vec![pattern]),
            None => wrong_type(findings, "type", value, "a string or an array of strings"),
        };
    };
    if items.is_empty() {
        let problem = Problem::error(value.span(), "`type` is empty, so no event would match");
        findings.push(problem.label("names no type").help("leave `type` out to take events of all types"));
        return None;
    }
    let mut patterns = Vec::new();
    let mut all = Some(());
    for item in items {
        let parsed = match text_of(item) {
            Some(text) => pattern(findings, &text),
            None => wrong_type(findings, "type", item, "a string"),
        };
        match parsed {
            Some(pattern) if patterns.contains(&pattern) => {
                let problem = Problem::error(item.span(), format!("`{pattern}` is in this list twice"));
                findings.push(problem.label("again").help("remove it"));
                all = None;
            }
            Some(pattern) => patterns.push(pattern),
            None => all = None,
        }
    }
    all.map(|()| patterns)
}

fn pattern(findings: &mut Findings, text: &Text<'_>) -> Option<TypePattern> {
    if text.text.is_empty() {
        let problem = Problem::error(text.span.clone(), "no event has an empty type");
        findings.push(problem.label("empty").help("leave `type` out to take events of all types"));
        return None;
    }
    match TypePattern::parse(text.text) {
        Ok(pattern) => Some(pattern),
        Err(star) => {
            let span = text.part(findings.text(), star);
            let problem = Problem::error(span, "a star in a type stands at its end, after a dot");
            let help = "`refund.*` takes all types which begin with `refund.`; `*` takes all";
            findings.push(problem.label("not here").help(help));
            None
        }
    }
}

fn schedules(findings: &mut Findings, value: &Value<'_>) -> Option<Vec<Schedule>> {
    if let Some(table) = table_of(value) {
        return schedule::parse(findings, &table).map(|schedule| vec![schedule]);
    }
    let DeValue::Array(items) = value.get_ref() else {
        return wrong_type(findings, "schedule", value, "a table");
    };
    if items.is_empty() {
        let problem = Problem::error(value.span(), "a routine without a schedule never runs");
        findings.push(problem.label("empty").help("write `[on.schedule]` with `cron`, `every` or `at`"));
        return None;
    }
    // All of them are read, so that all that is wrong is found.
    let schedules = items.iter().map(|item| match table_of(item) {
        Some(table) => schedule::parse(findings, &table),
        None => wrong_type(findings, "schedule", item, "a table"),
    });
    schedules.collect::<Vec<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_ends_a_type_or_is_no_star_at_all() {
        check("refund.requested", Ok("refund.requested"), "refund.requested", "refund.requested.late");
        check("refund.*", Ok("refund.*"), "refund.a.b", "refunds.a");
        check("*", Ok("*"), "anything", "");
        check("ref*", Err(3..4), "", "");
        check("*.requested", Err(0..1), "", "");
        check("a.*.b.*", Err(2..3), "", "");
        check("a.**", Err(2..3), "", "");
    }

    /// `yes` matches the pattern and `no` does not, unless it is empty.
    #[track_caller]
    fn check(text: &str, want: Result<&str, Range<usize>>, yes: &str, no: &str) {
        let got = TypePattern::parse(text);
        assert_eq!(got.clone().map(|pattern| pattern.to_string()), want.map(str::to_owned), "{text}");
        if let Ok(pattern) = got {
            assert!(pattern.matches(yes), "{text} {yes}");
            assert!(no.is_empty() || !pattern.matches(no), "{text} {no}");
        }
    }
}
