//! What a template may speak about.

use crate::rules::event::Event;
use crate::rules::name::RoutineName;
use crate::rules::path::{Found, Root, Roots};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::borrow::Cow;

/// Which variables a template may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// Those of a routine which waits for events.
    Event,
    /// Those, and the row of `[each]`.
    EventRow,
    /// Those of a routine which keeps a schedule.
    Tick,
    /// Those, and the row of `[on.query]`.
    TickRow,
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
        /// The row of `[each]`, an object.
        row: Option<&'a Value>,
    },
    /// A tick which fell due.
    Tick {
        /// The instant.
        tick: Timestamp,
        /// The zone of the schedule, in which `date` writes the instant.
        tz: &'a TimeZone,
        /// The routine whose schedule it is.
        routine: &'a RoutineName,
        /// The row of `[on.query]`, an object.
        row: Option<&'a Value>,
    },
}

/// One variable of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Event(Root),
    Row,
    Tick,
    Routine,
}

impl Variables {
    /// The names of the variables.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let tick = if self.has_event() { None } else { Some("tick") };
        let paths = self.roots().map(Roots::names).unwrap_or_default();
        tick.into_iter().chain(paths).chain(["routine"]).collect()
    }

    /// Where the paths of `get` may begin; nowhere, for a tick without rows.
    #[must_use]
    pub fn roots(self) -> Option<Roots> {
        match self {
            Self::Event => Some(Roots::Event),
            Self::EventRow => Some(Roots::EventAndRow),
            Self::Tick => None,
            Self::TickRow => Some(Roots::Row),
        }
    }

    /// Whether there is an event, and not a tick.
    #[must_use]
    pub fn has_event(self) -> bool {
        matches!(self, Self::Event | Self::EventRow)
    }

    /// Whether there is a row.
    #[must_use]
    pub fn has_row(self) -> bool {
        matches!(self, Self::EventRow | Self::TickRow)
    }

    pub(super) fn find(self, name: &str) -> Option<Variable> {
        match name {
            "routine" => Some(Variable::Routine),
            "tick" => (!self.has_event()).then_some(Variable::Tick),
            name => match self.roots()?.find(name)? {
                Root::Row => Some(Variable::Row),
                root => Some(Variable::Event(root)),
            },
        }
    }
}

impl Variable {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Event(root) => root.as_str(),
            Self::Row => "row",
            Self::Tick => "tick",
            Self::Routine => "routine",
        }
    }

    /// Whether keys may follow it.
    pub(super) fn has_keys(self) -> bool {
        match self {
            Self::Event(root) => root.is_json(),
            Self::Row => true,
            Self::Tick | Self::Routine => false,
        }
    }
}

impl<'a> Scope<'a> {
    /// The event, if there is one.
    #[must_use]
    pub fn event(self) -> Option<&'a Event> {
        match self {
            Self::Event { event, .. } => Some(event),
            Self::Tick { .. } => None,
        }
    }

    /// The row, if there is one.
    #[must_use]
    pub fn row(self) -> Option<&'a Value> {
        match self {
            Self::Event { row, .. } | Self::Tick { row, .. } => row,
        }
    }

    /// What the variable holds; nothing, if the event has no such attribute.
    pub(super) fn read(self, variable: Variable) -> Option<Found<'a>> {
        match (self, variable) {
            (Self::Event { event, .. }, Variable::Event(root)) => root.read(event),
            (Self::Tick { tick, .. }, Variable::Tick) => Some(Found::Text(Cow::Owned(tick.to_string()))),
            (Self::Event { routine, .. } | Self::Tick { routine, .. }, Variable::Routine) => {
                Some(Found::Text(Cow::Borrowed(routine.as_str())))
            }
            (Self::Event { row, .. } | Self::Tick { row, .. }, Variable::Row) => row.map(Found::Json),
            (Self::Event { .. }, Variable::Tick) | (Self::Tick { .. }, Variable::Event(_)) => None,
        }
    }
}
