//! Whether the tests speak of their routine: of its conditions, its items, its
//! schedule and its rows.

use super::{Case, Given, What, Word};
use crate::rules::problem::Problem;
use crate::rules::routine::table::Findings;
use crate::rules::routine::{Routine, Trigger};
use crate::rules::schedule::{Schedule, merged};
use crate::rules::text::{closest, listed};
use crate::rules::trial::{just_before, schedules, takes_rows};
use crate::rules::when::Clause;
use jiff::Timestamp;

/// Complains about tests which speak of what the routine does not have. They
/// would fail, or pass whatever the routine does.
pub(in crate::rules::routine) fn verify(findings: &mut Findings, routine: &Routine) {
    let reasons = reasons(routine);
    for case in &routine.cases {
        match &routine.trigger {
            Trigger::Event(_) => hears_events(findings, case),
            trigger => keeps_time(findings, case, schedules(trigger)),
        }
        if matches!(routine.trigger, Trigger::Event(_)) {
            let own = case.given.iter().filter_map(|given| given.because.as_ref());
            own.chain(&case.because).for_each(|word| known_reason(findings, word, &reasons));
        }
        known_items(findings, routine, case);
        if takes_rows(routine) {
            has_rows(findings, routine, case);
        } else {
            has_no_rows(findings, case);
        }
    }
}

/// The clauses of the routine with which an event can fail, as operators name
/// them.
fn reasons(routine: &Routine) -> Vec<String> {
    let Trigger::Event(trigger) = &routine.trigger else {
        return Vec::new();
    };
    let mut reasons = Vec::new();
    if !trigger.types.is_empty() {
        reasons.push("on.event.type".to_owned());
    }
    if trigger.from.is_some() {
        reasons.push("on.event.from".to_owned());
    }
    reasons.extend(routine.when.clauses().iter().map(|clause| match clause {
        Clause::Condition(condition) => format!("when.{}", condition.path),
        Clause::AnyOf(group) => format!("when.any_of.{}", group.name),
    }));
    reasons
}

fn known_reason(findings: &mut Findings, word: &Word, reasons: &[String]) {
    if reasons.contains(&word.text) {
        return;
    }
    let names = || reasons.iter().map(String::as_str);
    let message = format!("this routine has no condition `{}`", word.text);
    let all = match reasons {
        [] => "every event matches this routine".to_owned(),
        [one] => format!("an event fails with `{one}`"),
        _ => format!("an event fails with one of {}", listed(names())),
    };
    // These names are alike, and neither is meant for the other.
    let help = match (word.text.as_str(), closest(&word.text, names())) {
        ("on.event.type", _) => format!("it takes events of all types, since it has no `type`; {all}"),
        ("on.event.from", _) => format!("it takes events of all sources, since it has no `from`; {all}"),
        (_, Some(near)) => format!("did you mean `{near}`?"),
        (_, None) => all,
    };
    findings.push(Problem::error(word.span.clone(), message).label("names no condition").help(help));
}

fn hears_events(findings: &mut Findings, case: &Case) {
    for given in case.given.iter().filter(|given| given.what == What::Tick) {
        let problem = Problem::error(given.span.clone(), "this routine waits for events, and never ticks");
        findings.push(problem.label("a tick").help("give it an event: `{ type = \"order.placed\" }`"));
    }
    if case.until.is_some() {
        let message = "a routine which waits for events does nothing by itself";
        let problem = Problem::error(case.span.clone(), message);
        findings.push(problem.label("has `until`").help("leave `until` out"));
    }
}

fn keeps_time(findings: &mut Findings, case: &Case, schedules: &[Schedule]) {
    if let Some(because) = &case.because {
        let problem = Problem::error(because.span.clone(), "a tick has no conditions which could fail");
        findings.push(problem.label("for events only").help("leave `because` out"));
    }
    for given in &case.given {
        if given.what == What::Tick {
            is_a_tick(findings, given, schedules);
        } else {
            let problem = Problem::error(given.span.clone(), "this routine keeps time, and hears no events");
            let help = "let its clock run with `until = \"8d\"`, or name a tick: `{ tick = \"1h\" }`";
            findings.push(problem.label("an event").help(help));
        }
    }
}

/// Complains if the schedules do not tick at this moment.
fn is_a_tick(findings: &mut Findings, given: &Given, schedules: &[Schedule]) {
    let next = next_from(schedules, given.at);
    if next == Some(given.at) {
        return;
    }
    let message = format!("the schedule does not tick at {}", given.at);
    let help = match next {
        Some(next) => format!("the next tick is at {next}; `hearken next` lists more"),
        None => "it never ticks again".to_owned(),
    };
    findings.push(Problem::error(given.span.clone(), message).label("no tick").help(help));
}

/// The first tick at or after `at`.
fn next_from(schedules: &[Schedule], at: Timestamp) -> Option<Timestamp> {
    merged(schedules, just_before(at)).next().map(|(_, tick)| tick.at)
}

fn known_items(findings: &mut Findings, routine: &Routine, case: &Case) {
    let names = || routine.items.iter().map(|item| item.name.as_str());
    for word in case.expect.iter().filter_map(|expected| expected.item.as_ref()) {
        if names().any(|name| name == word.text) {
            continue;
        }
        let message = format!("this routine makes no item `{}`", word.text);
        let help = match closest(&word.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it makes {}", listed(names())),
        };
        findings.push(Problem::error(word.span.clone(), message).label("not made").help(help));
    }
}

fn has_no_rows(findings: &mut Findings, case: &Case) {
    let own = case.given.iter().filter_map(|given| given.rows.as_ref());
    for rows in own.chain(&case.rows) {
        let problem = Problem::error(rows.span.clone(), "this routine asks for no rows");
        findings.push(problem.label("would go unused").help("rows are for `[each]` and `[on.query]`"));
    }
}

/// Complains if rows are missing where the routine would ask for them, or if
/// there are more than it takes.
fn has_rows(findings: &mut Findings, routine: &Routine, case: &Case) {
    if let Some(max) = rows_max(routine) {
        let own = case.given.iter().filter_map(|given| given.rows.as_ref());
        for rows in own.chain(&case.rows).filter(|rows| rows.list.len() > max) {
            let message = format!("the routine takes at most {max} rows, and these are {}", rows.list.len());
            let problem = Problem::error(rows.span.clone(), message).label("too many");
            findings.push(problem.help("more would be an error in the daemon, and make no item"));
        }
    }
    if case.rows.is_some() || routine.items.is_empty() {
        return;
    }
    let help = "say what the query would find: `rows = [ { id = 1 } ]`, or `rows = []` for nothing";
    for given in &case.given {
        if given.rows.is_none() && case.because(given).is_none() {
            let message = "the routine asks for rows here, and there are none";
            let problem = Problem::error(given.span.clone(), message);
            findings.push(problem.label("needs `rows`").help(help));
        }
    }
    if case.until.is_some() {
        let message = "the routine asks for rows at each tick, and there are none";
        let problem = Problem::error(case.span.clone(), message);
        findings.push(problem.label("needs `rows`").help(help));
    }
}

/// The most rows the routine takes at once.
fn rows_max(routine: &Routine) -> Option<usize> {
    let max = match (&routine.each, &routine.trigger) {
        (Some(each), _) => each.max_rows,
        (None, Trigger::Query(query)) => query.max_rows,
        (None, _) => return None,
    };
    usize::try_from(max).ok()
}
