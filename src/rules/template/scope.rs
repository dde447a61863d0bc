//! What a template may speak about.

use crate::rules::event::Event;
use crate::rules::name::RoutineName;
use crate::rules::path::{Found, Root};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// Which variables a template may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// Those of a routine which waits for events.
    Event,
    /// Those of a routine which keeps a schedule.
    Tick,
}

/// What a template is rendered from.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// An event which matched.
    Event {
        /// The event.
        event: &'a Event,
        /// The routine it matched.
        routine: &'a RoutineName,
    },
    /// A tick which fell due.
    Tick {
        /// The instant.
        tick: Timestamp,
        /// The zone of the schedule, in which `date` writes the instant.
        tz: &'a TimeZone,
        /// The routine whose schedule it is.
        routine: &'a RoutineName,
    },
}

/// One variable of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Event(Root),
    Tick,
    Routine,
}

impl Variables {
    /// The names of the variables.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Event => Root::ALL.iter().map(|root| root.as_str()).chain(["routine"]).collect(),
            Self::Tick => vec!["tick", "routine"],
        }
    }

    pub(super) fn find(self, name: &str) -> Option<Variable> {
        match (self, name) {
            (_, "routine") => Some(Variable::Routine),
            (Self::Tick, "tick") => Some(Variable::Tick),
            (Self::Event, name) => Root::parse(name).map(Variable::Event),
            (Self::Tick, _) => None,
        }
    }
}

impl Variable {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Event(root) => root.as_str(),
            Self::Tick => "tick",
            Self::Routine => "routine",
        }
    }
}

impl<'a> Scope<'a> {
    /// What the variable holds; nothing, if the event has no such attribute.
    pub(super) fn read(self, variable: Variable) -> Option<Found<'a>> {
        match (self, variable) {
            (Self::Event { event, .. }, Variable::Event(root)) => root.read(event),
            (Self::Tick { tick, .. }, Variable::Tick) => Some(Found::Text(Cow::Owned(tick.to_string()))),
            (Self::Event { routine, .. } | Self::Tick { routine, .. }, Variable::Routine) => {
                Some(Found::Text(Cow::Borrowed(routine.as_str())))
            }
            (Self::Event { .. }, Variable::Tick) | (Self::Tick { .. }, Variable::Event(_)) => None,
        }
    }
}
