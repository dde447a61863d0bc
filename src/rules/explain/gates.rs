//! What the gates of `[flow]` are asked about an event, in words, a line for each.
//!
//! What came before is not known here, so this says what a gate will go by and
//! what it may do, and not what it will do.

use super::describe::cut;
use crate::rules::event::Event;
use crate::rules::gate::circle::guard;
use crate::rules::gate::hours::Outside;
use crate::rules::gate::limit::{Excess, LimitRequest};
use crate::rules::gate::note::Gate;
use crate::rules::gate::request::{Keep, OnConflict, Request, Window};
use crate::rules::gate::resolve::gates;
use crate::rules::item::Planned;
use crate::rules::routine::{Dedup, Gather, KeyPart, KeySpec, LimitSpec, Overlap, Routine};
use jiff::SignedDuration;

/// What the gates are asked about the items of this event.
pub(super) fn asked(routine: &Routine, event: &Event, planned: &[Planned]) -> Vec<String> {
    if let Some(reason) = guard(routine, event) {
        return vec![format!("loop: {reason}")];
    }
    let Some(Planned { request, .. }) = planned.first() else {
        return Vec::new();
    };
    let lines = |gate: Gate| {
        let sentences = sentences(gate, routine, event, request);
        sentences.into_iter().map(move |sentence| format!("{}: {sentence}", gate.as_str()))
    };
    gates(routine).into_iter().flat_map(lines).collect()
}

fn sentences(gate: Gate, routine: &Routine, event: &Event, request: &Request) -> Vec<String> {
    let flow = &routine.flow;
    let sentence = match gate {
        Gate::Loop => None,
        Gate::Debounce | Gate::Batch => flow.collect.as_ref().map(|gather| collect(gather, event)),
        Gate::Hours => Some(hours(request)),
        Gate::Dedup => flow.dedup.as_ref().map(|spec| dedup(spec, event)),
        Gate::Supersede => {
            flow.supersede.as_ref().map(|spec| format!("waiting {} give way to it", key(spec, event)))
        }
        Gate::Limit => {
            let limits = flow.limits.iter().zip(&request.limits);
            return limits.map(|(spec, asked)| limit(spec, asked, event)).collect();
        }
        Gate::Overlap => overlap(flow.overlap),
    };
    sentence.into_iter().collect()
}

fn collect(gather: &Gather, event: &Event) -> String {
    match gather {
        Gather::Debounce { key: spec, quiet, max_wait, keep } => {
            let at_most = max_wait.map_or_else(String::new, |max| format!(" or {} have passed", time(max)));
            let kept = match keep {
                Keep::First => "the first is kept",
                Keep::Last => "the last is kept",
                Keep::All => "all are kept",
            };
            let key = key(spec, event);
            format!("held until no more {key} have come for {}{at_most}; {kept}", time(*quiet))
        }
        Gather::Batch { key: spec, max, within } => {
            format!("held until there are {max} {}, or {} have passed", key(spec, event), time(*within))
        }
    }
}

fn hours(request: &Request) -> String {
    match &request.hours {
        None => "passes at any time, by `unless`".to_owned(),
        Some(hours) => {
            let otherwise = match hours.outside {
                Outside::Hold => "held until then",
                Outside::Drop => "dropped at other times",
            };
            format!("{}; {otherwise}", hours.describe())
        }
    }
}

fn dedup(dedup: &Dedup, event: &Event) -> String {
    let lasting = match &dedup.window {
        Window::Forever => "for ever".to_owned(),
        Window::Sliding(window) => format!("within {}", time(*window)),
        Window::Aligned(_) => "in each slot of the calendar".to_owned(),
        Window::WhileOpen => "while it is open".to_owned(),
    };
    let second = match dedup.on_conflict {
        OnConflict::Skip => "a second is dropped",
        OnConflict::Replace => "a second takes the place of its content",
        OnConflict::Append => "a second is added to it",
        OnConflict::FollowUp => "a second follows it, if a worker has it",
    };
    format!("one item for {} {lasting}; {second}", key(&dedup.key, event))
}

fn limit(spec: &LimitSpec, asked: &LimitRequest, event: &Event) -> String {
    let excess = match &asked.excess {
        Excess::Drop => "more are dropped".to_owned(),
        Excess::Delay { max_delay: None } => "more are delayed".to_owned(),
        Excess::Delay { max_delay: Some(max) } => format!("more are delayed, by {} at most", time(*max)),
    };
    format!("at most {} for {}; {excess}", asked.describe(), key(&spec.key, event))
}

fn overlap(overlap: Overlap) -> Option<String> {
    match overlap {
        Overlap::Allow => None,
        Overlap::Skip => Some("dropped while an earlier item of the routine is open".to_owned()),
        Overlap::Queue => Some("held while an earlier item of the routine is open".to_owned()),
    }
}

/// Which items a gate takes together, with the values of this event.
fn key(spec: &KeySpec, event: &Event) -> String {
    let part = |part: &KeyPart| match part {
        KeyPart::Path(path) => match path.get(event) {
            Some(value) => format!("`{path}` {}", cut(&value.to_string())),
            None => format!("no `{path}`"),
        },
        KeyPart::Tick => "one tick".to_owned(),
    };
    match &spec.0[..] {
        [] => "items of the routine".to_owned(),
        parts => format!("items with {}", parts.iter().map(part).collect::<Vec<_>>().join(" and ")),
    }
}

fn time(duration: SignedDuration) -> String {
    humantime::format_duration(duration.unsigned_abs()).to_string()
}
