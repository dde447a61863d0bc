//! What `because` may name: conditions of the routine, and its gates.

use crate::rules::gate::resolve::gates;
use crate::rules::problem::Problem;
use crate::rules::routine::cases::Word;
use crate::rules::routine::table::Findings;
use crate::rules::routine::{Routine, Trigger};
use crate::rules::text::{closest, listed};
use crate::rules::when::Clause;

/// Why nothing may come of an event or a tick at once.
pub(super) struct Reasons {
    /// Conditions with which an event can fail, as operators name them; none for a
    /// routine which hears no events.
    conditions: Option<Vec<String>>,
    /// Gates which can keep a draft.
    gates: Vec<String>,
}

impl Reasons {
    /// Those of a routine.
    pub(super) fn of(routine: &Routine) -> Self {
        let gates = gates(routine).into_iter().map(|gate| format!("flow.{}", gate.as_str())).collect();
        Self { conditions: conditions(routine), gates }
    }

    /// Complains if the routine has no such reason.
    pub(super) fn check(&self, findings: &mut Findings, word: &Word) {
        let problem = match &self.conditions {
            _ if word.is_of_flow() => self.unknown_gate(word),
            Some(conditions) => unknown_condition(word, conditions),
            None => Some(tick_without_conditions(word)),
        };
        problem.into_iter().for_each(|problem| findings.push(problem));
    }

    fn unknown_gate(&self, word: &Word) -> Option<Problem> {
        if self.gates.contains(&word.text) {
            return None;
        }
        let names = || self.gates.iter().map(String::as_str);
        let help = match (self.gates.as_slice(), closest(&word.text, names())) {
            ([], _) => "no gate of this routine keeps anything: it has no `[flow]`".to_owned(),
            (_, Some(near)) if word.gate().is_none() => format!("did you mean `{near}`?"),
            (_, _) => format!("its drafts are kept by {}", listed(names())),
        };
        let problem = Problem::error(word.span.clone(), format!("this routine has no gate `{}`", word.text));
        Some(problem.label("names no gate").help(help))
    }
}

fn conditions(routine: &Routine) -> Option<Vec<String>> {
    let Trigger::Event(trigger) = &routine.trigger else {
        return None;
    };
    let mut conditions = Vec::new();
    if !trigger.types.is_empty() {
        conditions.push("on.event.type".to_owned());
    }
    if trigger.from.is_some() {
        conditions.push("on.event.from".to_owned());
    }
    conditions.extend(routine.when.clauses().iter().map(|clause| match clause {
        Clause::Condition(condition) => format!("when.{}", condition.path),
        Clause::AnyOf(group) => format!("when.any_of.{}", group.name),
    }));
    Some(conditions)
}

fn unknown_condition(word: &Word, conditions: &[String]) -> Option<Problem> {
    if conditions.contains(&word.text) {
        return None;
    }
    let names = || conditions.iter().map(String::as_str);
    let message = format!("this routine has no condition `{}`", word.text);
    let all = match conditions {
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
    Some(Problem::error(word.span.clone(), message).label("names no condition").help(help))
}

fn tick_without_conditions(word: &Word) -> Problem {
    let problem = Problem::error(word.span.clone(), "a tick has no conditions which could fail");
    problem.label("for events only").help("leave `because` out, or name a gate: `because = \"flow.overlap\"`")
}
