//! Why a routine wants an event, or does not, for people who ask.
//!
//! The answer is the one the daemon would give, reached by the same code: the
//! trigger, then the conditions in the order of the file, then the items and what
//! the gates are asked about them. It is slower than matching, since it also says
//! what was met where.

mod describe;
mod gates;
mod input;

pub use describe::{describe, describe_condition};
pub use input::read_events;

use super::event::Event;
use super::item::ItemDraft;
use super::name::RoutineName;
use super::plan::{PlanError, plan_event};
use super::routine::{EventTrigger, Routine, Trigger};
use super::when::{Failure, Met, Verdict};
use describe::{cut, quoted_list};
use serde_json::{Value, json};
use std::fmt;

/// What a routine makes of an event.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The routine.
    pub routine: RoutineName,
    /// What it makes of it.
    pub outcome: Outcome,
    /// What its gates are asked about the items, a line for each; none if it does
    /// not match, or has none.
    pub gates: Vec<String>,
}

/// What becomes of an event.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It matches, and these are the items, if the gates let them pass.
    Items(Vec<ItemDraft>),
    /// It matches; the items come from the rows of `[each]`, for which a
    /// database must be asked.
    Rows,
    /// It matches, and a field of the item cannot be filled in.
    Failed(PlanError),
    /// It does not match.
    NoMatch(Reason),
}

/// Why an event does not match.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// What fails first, as an operator names it: `on.event.type`,
    /// `when.data.amount`, `when.any_of.why`.
    pub because: String,
    /// What is wanted there, in words: `gte 500`.
    pub wants: String,
    /// What the event has there.
    pub met: Met,
    /// For a group: why each of its alternatives fails.
    pub alternatives: Vec<Reason>,
}

/// Says what the routine makes of the event.
#[must_use]
pub fn explain(routine: &Routine, event: &Event) -> Explanation {
    let refusal = trigger_refuses(&routine.trigger, event).or_else(|| conditions_refuse(routine, event));
    let mut gates = Vec::new();
    let outcome = match refusal {
        Some(reason) => Outcome::NoMatch(reason),
        None if routine.each.is_some() => Outcome::Rows,
        None => match plan_event(routine, event) {
            Ok(planned) => {
                gates = gates::asked(routine, event, &planned);
                Outcome::Items(planned.into_iter().map(|planned| planned.draft).collect())
            }
            Err(error) => Outcome::Failed(error),
        },
    };
    Explanation { routine: routine.name.clone(), outcome, gates }
}

fn trigger_refuses(trigger: &Trigger, event: &Event) -> Option<Reason> {
    let reason = |because: &str, wants: String, met: &str| {
        let (because, met) = (because.to_owned(), Met::Value(met.into()));
        Some(Reason { because, wants, met, alternatives: Vec::new() })
    };
    let no_event = "a tick of the clock, and no event".to_owned();
    match trigger {
        Trigger::Event(trigger) if trigger.wants(&event.from, &event.kind) => None,
        Trigger::Event(EventTrigger { types, from }) => {
            let kind = &event.kind;
            if types.is_empty() || types.iter().any(|pattern| pattern.matches(kind)) {
                let wanted = from.as_ref().map_or("events", |from| from.as_str());
                return reason("on.event.from", quoted_list([wanted]), event.from.as_str());
            }
            let types = types.iter().map(ToString::to_string).collect::<Vec<_>>();
            reason("on.event.type", quoted_list(types.iter().map(String::as_str)), kind)
        }
        Trigger::Schedule(_) => reason("on.schedule", no_event, &event.kind),
        Trigger::Query(_) => reason("on.query", no_event, &event.kind),
    }
}

fn conditions_refuse(routine: &Routine, event: &Event) -> Option<Reason> {
    match routine.when.eval(event) {
        Verdict::Match => None,
        Verdict::NoMatch(failure) => Some(reason(routine, failure)),
    }
}

fn reason(routine: &Routine, failure: Failure) -> Reason {
    let Failure { because, met, alternatives } = failure;
    let failed = routine.when.conditions().iter().find(|labelled| labelled.key == because);
    let wants = match failed {
        Some(labelled) => describe_condition(&labelled.condition),
        None => "one of its alternatives".to_owned(),
    };
    let alternatives = alternatives.into_iter().map(|failure| reason(routine, failure)).collect();
    Reason { because, wants, met, alternatives }
}

impl Explanation {
    /// Whether the event matches.
    #[must_use]
    pub fn matched(&self) -> bool {
        !matches!(self.outcome, Outcome::NoMatch(_))
    }

    /// The explanation for machines: an object with `routine` and `matched`, and
    /// then `items`, or `error`, or the reason, see [`Reason::to_json`]. Of an item for
    /// a table of the user's there are `inbox` and `columns`; one which is delivered has
    /// `webhook`, and says how. With
    /// `note`, there are no items since they cannot be known. With `gates`, the
    /// items must pass them first.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "routine": self.routine.as_str(), "matched": self.matched() });
        match &self.outcome {
            Outcome::Items(drafts) => object["items"] = drafts.iter().map(draft_json).collect(),
            Outcome::Rows => {
                object["items"] = json!([]);
                object["note"] = ROWS_NOTE.into();
            }
            Outcome::Failed(error) => object["error"] = error.to_string().into(),
            Outcome::NoMatch(reason) => {
                if let (Value::Object(object), Value::Object(reason)) = (&mut object, reason.to_json()) {
                    object.extend(reason);
                }
            }
        }
        if !self.gates.is_empty() {
            object["gates"] = self.gates.clone().into();
        }
        object
    }
}

/// What is said where items depend on rows.
pub const ROWS_NOTE: &str = "the items come from the rows of `[each]`, for which the database must be asked";

/// What a draft says of its item.
#[must_use]
pub fn draft_json(draft: &ItemDraft) -> Value {
    if let Some(foreign) = &draft.foreign {
        return json!({
            "item": draft.item.as_str(),
            "inbox": foreign.inbox.as_str(),
            "columns": foreign.columns,
            "tenant": draft.tenant,
            "due_at": draft.due_at.map(|due_at| due_at.to_string()),
        });
    }
    let mut object = json!({
        "item": draft.item.as_str(),
        "queue": draft.queue.as_str(),
        "title": draft.title,
        "priority": draft.priority,
        "instructions": &*draft.instructions,
        "context": draft.context,
        "tags": &draft.tags[..],
        "tenant": draft.tenant,
        "due_at": draft.due_at.map(|due_at| due_at.to_string()),
        "max_attempts": draft.attempts_max,
    });
    if let Some(key) = &draft.order_key {
        object["key"] = key.as_str().into();
    }
    if let Some(webhook) = &draft.webhook {
        object["webhook"] = json!(**webhook);
    }
    object
}

impl Reason {
    /// The reason for machines: `because`, `wants`, and `met` with the value, or
    /// `missing = true` where there is none; `other_element = true` if the value
    /// would do but for the conditions before; `alternatives` of a group.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "because": self.because, "wants": self.wants });
        match &self.met {
            Met::Missing => object["missing"] = true.into(),
            Met::Value(value) => object["met"] = value.clone(),
            Met::OtherElement(value) => {
                object["met"] = value.clone();
                object["other_element"] = true.into();
            }
            Met::Alternatives => {
                object["alternatives"] = self.alternatives.iter().map(Self::to_json).collect();
            }
        }
        object
    }

    /// The reason and, under it, those of the alternatives, with how deep each
    /// of them is.
    #[must_use]
    pub fn lines(&self) -> Vec<(usize, String)> {
        let below = self.alternatives.iter().flat_map(Self::lines);
        std::iter::once((0, self.to_string())).chain(below.map(|(depth, line)| (depth + 1, line))).collect()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wants {}", self.because, self.wants)?;
        match &self.met {
            Met::Missing => f.write_str(", met nothing"),
            Met::Value(value) => write!(f, ", met {}", cut(&value.to_string())),
            Met::OtherElement(value) => {
                let value = cut(&value.to_string());
                write!(f, ", met {value}, but not in the element which meets the conditions before")
            }
            Met::Alternatives => f.write_str(", and none holds"),
        }
    }
}

#[cfg(test)]
mod tests;
