//! Whether the tests speak of their routine: of its conditions and gates, its
//! items, its schedule and its rows.

mod reasons;

use super::{Case, Given, What, Word};
use crate::rules::gate::hours::Outside;
use crate::rules::gate::limit::Excess;
use crate::rules::gate::request::{OnConflict, Window};
use crate::rules::problem::Problem;
use crate::rules::routine::table::Findings;
use crate::rules::routine::{Flow, Overlap, Routine, Trigger};
use crate::rules::schedule::{Schedule, merged};
use crate::rules::text::{closest, listed};
use crate::rules::trial::{just_before, schedules, takes_rows};
use jiff::Timestamp;
use reasons::Reasons;

/// Complains about tests which speak of what the routine does not have. They
/// would fail, or pass whatever the routine does.
pub(in crate::rules::routine) fn verify(findings: &mut Findings, routine: &Routine) {
    let reasons = Reasons::of(routine);
    for case in &routine.cases {
        match &routine.trigger {
            Trigger::Event(_) => hears_events(findings, routine, case),
            trigger => keeps_time(findings, case, schedules(trigger)),
        }
        let own = case.given.iter().filter_map(|given| given.because.as_ref());
        own.chain(&case.because).for_each(|word| reasons.check(findings, word));
        if case.held.is_some() && !holds(&routine.flow) {
            let problem = Problem::error(case.span.clone(), "the gates of this routine hold nothing");
            findings.push(problem.label("counts drafts which are `held`").help("leave `held` out"));
        }
        known_items(findings, routine, case);
        if takes_rows(routine) {
            has_rows(findings, routine, case);
        } else {
            has_no_rows(findings, case);
        }
    }
}

/// Whether a gate of the routine may hold a draft, so that something happens
/// while time passes.
fn holds(flow: &Flow) -> bool {
    let delays = flow.limits.iter().any(|limit| matches!(limit.excess, Excess::Delay { .. }));
    // What would change an item while a worker has it waits until it is done.
    let follows = flow
        .dedup
        .as_ref()
        .is_some_and(|dedup| dedup.window == Window::WhileOpen && dedup.on_conflict != OnConflict::Skip);
    flow.collect.is_some()
        || flow.hours.as_ref().is_some_and(|hours| hours.outside == Outside::Hold)
        || delays
        || follows
        || flow.overlap == Overlap::Queue
}

fn hears_events(findings: &mut Findings, routine: &Routine, case: &Case) {
    for given in case.given.iter().filter(|given| given.what == What::Tick) {
        let problem = Problem::error(given.span.clone(), "this routine waits for events, and never ticks");
        findings.push(problem.label("a tick").help("give it an event: `{ type = \"order.placed\" }`"));
    }
    if case.until.is_some() && !holds(&routine.flow) {
        let message = "a routine which waits for events does nothing by itself";
        let problem = Problem::error(case.span.clone(), message);
        findings.push(problem.label("has `until`").help("leave `until` out"));
    } else if case.given.iter().all(|given| given.what.is_of_worker()) {
        let problem = Problem::error(case.span.clone(), "no event comes in this test");
        let help = "give it events: `given = [ { type = \"order.placed\", data = { amount = 5 } } ]`";
        findings.push(problem.label("only lets time pass").help(help));
    }
}

fn keeps_time(findings: &mut Findings, case: &Case, schedules: &[Schedule]) {
    for given in &case.given {
        match given.what {
            What::Tick => is_a_tick(findings, given, schedules),
            What::Lease(_) | What::Complete(_) => {}
            What::Event(_) | What::File { .. } => {
                let message = "this routine keeps time, and hears no events";
                let problem = Problem::error(given.span.clone(), message);
                let help = "let its clock run with `until = \"8d\"`, or name a tick: `{ tick = \"1h\" }`";
                findings.push(problem.label("an event").help(help));
            }
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
    // An event which does not match asks for no rows; one which a gate keeps does.
    let matches = |given: &Given| case.because(given).is_none_or(Word::is_of_flow);
    for given in case.given.iter().filter(|given| !given.what.is_of_worker()) {
        if given.rows.is_none() && matches(given) {
            let message = "the routine asks for rows here, and there are none";
            let problem = Problem::error(given.span.clone(), message);
            findings.push(problem.label("needs `rows`").help(help));
        }
    }
    if case.until.is_some() && !matches!(routine.trigger, Trigger::Event(_)) {
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
