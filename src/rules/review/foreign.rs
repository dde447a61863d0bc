//! Routines beside the tables of the user's which the settings describe.
//!
//! Whether an item is open, or may still be changed, is what a table's owner knows.
//! Where a gate asks for it and the settings do not say it, the gate could not do its
//! work, and would do something else instead. So that is an error.

use super::endpoint::check_endpoints;
use super::{find, place};
use crate::rules::foreign::{InboxSpec, SourceSpec, Tables};
use crate::rules::gate::request::{OnConflict, Window};
use crate::rules::name::{InboxName, RoutineName, SourceName};
use crate::rules::problem::Problem;
use crate::rules::routine::{Flow, ForeignSpec, Overlap, Routine, RoutineSet, Trigger};
use crate::rules::text::{closest, listed};
use std::collections::BTreeMap;
use std::ops::Range;

/// Holds routines against the tables which the settings describe. Each
/// problem goes with the name of the routine in whose text it has its place; one with
/// an error among them cannot be used.
#[must_use]
pub fn against_tables(set: &RoutineSet, tables: &Tables) -> Vec<(RoutineName, Problem)> {
    let Tables { sources, inboxes, endpoints } = tables;
    let mut found = Vec::new();
    for routine in &set.routines {
        let mut problems = Vec::new();
        problems.extend(unknown_source(routine, sources));
        for item in routine.items.iter().filter_map(|item| item.foreign.as_ref()) {
            match inboxes.get(&item.inbox) {
                Some(inbox) => check_item(&mut problems, routine, item, inbox),
                None => problems.push(unknown_inbox(item, inboxes)),
            }
        }
        problems.extend(check_endpoints(routine, endpoints));
        // Several items of one inbox lack the same.
        let mut told: Vec<Problem> = Vec::new();
        for problem in problems {
            if !told.contains(&problem) {
                told.push(problem);
            }
        }
        found.extend(told.into_iter().map(|problem| (routine.name.clone(), problem)));
    }
    found
}

fn unknown_source(routine: &Routine, sources: &BTreeMap<SourceName, SourceSpec>) -> Option<Problem> {
    let Trigger::Event(trigger) = &routine.trigger else { return None };
    let from = trigger.from.as_ref().filter(|from| !from.is_log() && !sources.contains_key(*from))?;
    let log = SourceName::log();
    let names = || std::iter::once(&log).chain(sources.keys()).map(SourceName::as_str);
    let help = match closest(from.as_str(), names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known sources are {}; others are described as `[source.{from}]`", listed(names())),
    };
    let problem = Problem::error(
        place(&routine.text, &["on", "event", "from"]),
        format!("there is no source `{from}`, so this routine would never run"),
    );
    Some(problem.label("not in hearken.toml").help(help))
}

fn unknown_inbox(item: &ForeignSpec, inboxes: &BTreeMap<InboxName, InboxSpec>) -> Problem {
    let wanted = &item.inbox;
    let names = || inboxes.keys().map(InboxName::as_str);
    let help = match closest(wanted.as_str(), names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if inboxes.is_empty() => format!(
            "hearken.toml describes no inbox: write `[inbox.{wanted}]` with its `table`; or `queue`, for \
             hearken's own inbox"
        ),
        None => format!("known inboxes are {}; others are described as `[inbox.{wanted}]`", listed(names())),
    };
    let problem = Problem::error(item.inbox_span.clone(), format!("there is no inbox `{wanted}`"));
    problem.label("not in hearken.toml").help(help)
}

/// A key of `[inbox.NAME]`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Open,
    Waiting,
    Supersede,
    Append,
}

impl Key {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Supersede => "supersede",
            Self::Append => "append",
        }
    }

    /// What it says, with an example.
    fn describe(self) -> &'static str {
        match self {
            Self::Open => "`open = \"status in ('pending', 'leased')\"` says which rows are still worked on",
            Self::Waiting => "`waiting = \"status = 'pending'\"` says which rows may still be changed",
            Self::Supersede => "`supersede = \"status = 'superseded'\"` says what a row gets which gives way",
            Self::Append => "`append = [\"context\"]` names the columns which collect",
        }
    }

    fn is_in(self, inbox: &InboxSpec) -> bool {
        match self {
            Self::Open => inbox.open.is_some(),
            Self::Waiting => inbox.waiting.is_some(),
            Self::Supersede => inbox.supersede.is_some(),
            Self::Append => !inbox.append.is_empty(),
        }
    }
}

/// What a gate asks of an inbox.
struct Need {
    /// What asks, in words: `` `supersede` ``.
    who: &'static str,
    /// Where it stands.
    path: &'static [&'static str],
    keys: &'static [Key],
}

/// What the gates of a routine ask of an inbox.
fn needs(flow: &Flow) -> Vec<Need> {
    let mut needs = Vec::new();
    if let Some(dedup) = &flow.dedup {
        let by_conflict: (_, &'static [Key]) = match dedup.on_conflict {
            OnConflict::Skip => ("", &[]),
            OnConflict::Replace => ("`on_conflict = \"replace\"`", &[Key::Open, Key::Waiting]),
            OnConflict::Append => ("`on_conflict = \"append\"`", &[Key::Open, Key::Waiting, Key::Append]),
            OnConflict::FollowUp => ("`on_conflict = \"follow_up\"`", &[Key::Open, Key::Waiting]),
        };
        let (who, keys) = by_conflict;
        if !keys.is_empty() {
            needs.push(Need { who, path: &["flow", "dedup"], keys });
        } else if dedup.window == Window::WhileOpen {
            let who = "`window = \"while_open\"`";
            needs.push(Need { who, path: &["flow", "dedup"], keys: &[Key::Open, Key::Waiting] });
        }
    }
    if flow.supersede.is_some() {
        let keys = &[Key::Waiting, Key::Supersede];
        needs.push(Need { who: "`supersede`", path: &["flow", "supersede"], keys });
    }
    if let Some(gather) = flow.collect.as_ref().filter(|gather| gather.keeps_all()) {
        let (who, path): (_, &'static [&'static str]) = match gather.name() {
            "batch" => ("`batch`", &["flow", "batch"]),
            _ => ("`keep = \"all\"`", &["flow", "debounce"]),
        };
        needs.push(Need { who, path, keys: &[Key::Append] });
    }
    if flow.overlap != Overlap::Allow {
        needs.push(Need { who: "`overlap`", path: &["flow", "overlap"], keys: &[Key::Open] });
    }
    needs
}

fn check_item(found: &mut Vec<Problem>, routine: &Routine, item: &ForeignSpec, inbox: &InboxSpec) {
    for need in needs(&routine.flow) {
        let lacking = need.keys.iter().copied().filter(|key| !key.is_in(inbox)).collect::<Vec<_>>();
        if !lacking.is_empty() {
            found.push(lacks(routine, &need, inbox, &lacking));
        }
    }
    found.extend(collects_nothing(routine, item, inbox));
    found.extend(speaks_for_others(routine, item, inbox));
    found.extend(forgets_its_time(routine, inbox));
}

/// Complains about a routine which is confined to a tenant and says itself whose its
/// items are: they could be anybody's.
fn speaks_for_others(routine: &Routine, item: &ForeignSpec, inbox: &InboxSpec) -> Option<Problem> {
    routine.confined.tenant.as_ref()?;
    let tenant = inbox.tenant.as_ref()?;
    let column = item.columns.iter().find(|column| column.name == *tenant)?;
    let message = format!("a row which is a tenant's routine cannot set `{tenant}`");
    let problem = Problem::error(column.span.clone(), message).label("says whose the item is");
    Some(problem.help("leave it out: the column gets the tenant of the routine"))
}

fn lacks(routine: &Routine, need: &Need, inbox: &InboxSpec, lacking: &[Key]) -> Problem {
    let name = &inbox.name;
    let keys = listed(lacking.iter().map(|key| key.as_str()));
    let message = format!("{} needs {keys} of the inbox `{name}`", need.who);
    let examples = lacking.iter().map(|key| key.describe()).collect::<Vec<_>>().join("; ");
    let problem = Problem::error(place(&routine.text, need.path), message).label("the inbox does not say it");
    problem.help(format!("describe it in `[inbox.{name}]` of hearken.toml: {examples}"))
}

/// Complains about a routine which collects, and sets none of the columns which do.
fn collects_nothing(routine: &Routine, item: &ForeignSpec, inbox: &InboxSpec) -> Option<Problem> {
    let collects = |column: &str| inbox.append.iter().any(|append| append == column);
    let sets_one = item.columns.iter().any(|column| collects(&column.name));
    if !routine.flow.collects() || inbox.append.is_empty() || sets_one {
        return None;
    }
    let columns = listed(inbox.append.iter().map(String::as_str));
    let message = format!("this routine collects, and its item sets none of the columns which do: {columns}");
    let problem = Problem::error(item.inbox_span.clone(), message).label("all but the first would be lost");
    Some(problem.help("set one of them: each draft adds its value to the list"))
}

/// Warns of items which would fall due later, in a table which has no place for that.
fn forgets_its_time(routine: &Routine, inbox: &InboxSpec) -> Option<Problem> {
    let span = jitter(routine).filter(|_| inbox.due.is_none())?;
    let message = format!("the inbox `{}` has no `due`, so `jitter` delays nothing", inbox.name);
    let help = format!(
        "name the column for it: `due = \"scheduled_for\"` in `[inbox.{}]` of hearken.toml; or leave out \
         `jitter`",
        inbox.name
    );
    Some(Problem::warning(span, message).label("changes nothing").help(help))
}

/// Where the routine has a `jitter`; that of its trigger, if it has several schedules.
fn jitter(routine: &Routine) -> Option<Range<usize>> {
    let has_one = match &routine.trigger {
        Trigger::Event(_) => false,
        Trigger::Schedule(schedules) => schedules.iter().any(|schedule| schedule.jitter.is_some()),
        Trigger::Query(query) => query.schedule.jitter.is_some(),
    };
    let paths: [&[&str]; 3] = [&["on", "schedule", "jitter"], &["on", "query", "jitter"], &["on"]];
    has_one.then(|| paths.iter().find_map(|path| find(&routine.text, path)).unwrap_or(0..0))
}

#[cfg(test)]
mod tests;
