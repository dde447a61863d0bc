//! Why a routine makes no item of an event or a tick.

use crate::rules::routine::{HEADER_BYTES_MAX, ORDER_KEY_BYTES_MAX};
use crate::rules::template::{TemplateError, place_of};
use crate::rules::webhook::address::AddressError;

/// Why a routine could not make an item of an event or tick. Says nothing of
/// what is in the event, beyond paths and types.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct PlanError {
    /// The field of the routine, such as `item.title`, `items.manager.title`,
    /// `webhook.url` or `flow.limit.max`.
    pub field: String,
    /// What is wrong with it.
    pub reason: PlanReason,
}

/// What is wrong with a field for an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanReason {
    /// Its template cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The event, or the row, has no such value, and the routine no default.
    #[error("`{path}` is missing in this {place}", place = place_of(.path))]
    Missing {
        /// The path.
        path: String,
    },
    /// The value of the event, or the row, is of another type.
    #[error(
        "`{path}` is {found} in this {place}, and `type = \"{wanted}\"` is asked for",
        place = place_of(.path)
    )]
    Type {
        /// The path.
        path: String,
        /// The type which the routine asks for.
        wanted: &'static str,
        /// The type which it is of.
        found: &'static str,
    },
    /// The value of the event, or the row, is none which the field may have.
    #[error("`{path}` of this {place} is not {wanted}", place = place_of(.path))]
    Unfit {
        /// The path.
        path: String,
        /// What the field may have, in words.
        wanted: &'static str,
    },
    /// Hours which end when they begin.
    #[error("the hours end when they begin, so that it is not said whether they are never or always open")]
    SameTimes,
    /// The values for the worker nest so deep that they could not be read back
    /// once a gate has held them.
    #[error("it nests deeper than {max} levels, and could not be read back after a gate held it")]
    Deep {
        /// The most levels.
        max: usize,
    },
    /// An ordering key which is longer than [`ORDER_KEY_BYTES_MAX`].
    #[error("it has more than {ORDER_KEY_BYTES_MAX} bytes; the key of an order is an id, and no text")]
    LongKey,
    /// It yields nothing, where something must be.
    #[error("it yields empty text")]
    Empty,
    /// It yields something else than the id of a row.
    #[error("it yields {found}, and an id is text or a number")]
    Id {
        /// What it yields.
        found: &'static str,
    },
    /// It yields no address.
    #[error("it yields no address which can be called: {0}")]
    Address(#[from] AddressError),
    /// It yields what no header may have.
    #[error("it yields a line break, a letter beyond ASCII, or more than {HEADER_BYTES_MAX} bytes")]
    Header,
}
