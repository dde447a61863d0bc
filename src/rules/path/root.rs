//! Where a path begins: the attributes of an event, or a row.

use crate::rules::event::Event;
use serde_json::Value;
use std::borrow::Cow;

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// What kind of thing happened.
    Type,
    /// The writer's id of the event.
    Id,
    /// The writer's name for where it happened.
    Source,
    /// What it happened to.
    Subject,
    /// When it happened, as RFC 3339 text in UTC.
    Time,
    /// Whose event it is.
    Tenant,
    /// What happened, in detail.
    Data,
    /// The row before an update or a delete.
    Old,
    /// What the writer wants carried along.
    Meta,
    /// A row of the routine's query.
    Row,
    /// The element of an array which `where` looks at.
    Element,
}

/// Which roots a path may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The attributes of an event.
    Event,
    /// Those, and `row`.
    EventAndRow,
    /// `row` alone.
    Row,
}

/// What is found at the beginning of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// An attribute which is text.
    Text(Cow<'a, str>),
    /// A JSON value.
    Json(&'a Value),
}

impl Root {
    /// The attributes of an event, in the order in which they are documented.
    pub const ALL: [Self; 9] = [
        Self::Type,
        Self::Id,
        Self::Source,
        Self::Subject,
        Self::Time,
        Self::Tenant,
        Self::Data,
        Self::Old,
        Self::Meta,
    ];

    /// The attribute of that name, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|root| root.as_str() == text)
    }

    /// The name of the root.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Id => "id",
            Self::Source => "source",
            Self::Subject => "subject",
            Self::Time => "time",
            Self::Tenant => "tenant",
            Self::Data => "data",
            Self::Old => "old",
            Self::Meta => "meta",
            Self::Row => "row",
            Self::Element => "element",
        }
    }

    /// Whether keys may follow it.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Data | Self::Old | Self::Meta | Self::Row | Self::Element)
    }

    /// What the event holds there; nothing, if it has no such attribute.
    #[must_use]
    pub fn read(self, event: &Event) -> Option<Found<'_>> {
        let text = |text| Some(Found::Text(Cow::Borrowed(text)));
        match self {
            Self::Type => text(event.kind.as_str()),
            Self::Id => text(event.id.as_str()),
            Self::Source => text(event.origin.as_str()),
            Self::Subject => event.subject.as_deref().and_then(text),
            Self::Time => Some(Found::Text(Cow::Owned(event.time.to_string()))),
            Self::Tenant => event.tenant.as_deref().and_then(text),
            Self::Data => Some(Found::Json(&event.data)),
            Self::Old => event.old.as_ref().map(Found::Json),
            Self::Meta => Some(Found::Json(&event.meta)),
            Self::Row | Self::Element => None,
        }
    }
}

impl Roots {
    /// The root of that name, if it is one of these.
    #[must_use]
    pub fn find(self, name: &str) -> Option<Root> {
        match (self, name) {
            (Self::EventAndRow | Self::Row, "row") => Some(Root::Row),
            (Self::Event | Self::EventAndRow, name) => Root::parse(name),
            (Self::Row, _) => None,
        }
    }

    /// The names of all of these.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let event = Root::ALL.iter().map(|root| root.as_str());
        match self {
            Self::Event => event.collect(),
            Self::EventAndRow => event.chain(["row"]).collect(),
            Self::Row => vec!["row"],
        }
    }
}
