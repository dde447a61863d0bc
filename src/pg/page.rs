//! A page of a source: what a pass has claimed, wherever it comes from.

use super::log::Progress;
use super::table::Rows;
use crate::rules::event::Event;
use crate::rules::snapshot::PageEnd;
use jiff::Timestamp;

/// How much one page may hold.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Rows.
    pub rows: i64,
    /// Bytes of bodies; the row which reaches it is the last.
    pub bytes: i64,
    /// A body above so many bytes is not fetched.
    pub data_max: i64,
}

/// An event as claimed.
#[derive(Clone, Debug)]
pub enum Claimed {
    /// Some routine may want it.
    Event(Box<Event>),
    /// No routine wants its type, so its body was not parsed.
    Unwanted,
    /// Its body cannot be weighed: above `data_max`, or nested too deep.
    SetAside {
        /// Its position.
        seq: i64,
        /// The row of the source, by its id; none for the log.
        id: Option<String>,
        /// Its type.
        kind: String,
        /// What is wrong, for people.
        why: String,
    },
}

/// A page of a source, claimed by a transaction which is still open.
#[derive(Debug)]
pub struct Page {
    /// The events, in the order of `seq`.
    pub events: Vec<Claimed>,
    /// How many rows were read, wanted or not.
    pub rows: usize,
    /// What is to be written down once the page is done; none if nothing changed.
    pub step: Option<Step>,
    /// Whether there may be more at once.
    pub end: PageEnd,
    /// The database's clock.
    pub now: Timestamp,
}

/// How far a page goes.
#[derive(Debug)]
pub enum Step {
    /// Along the log.
    Log(Progress),
    /// Rows of a table of the user's, which are to be marked.
    Rows(Rows),
}

/// What a claim found.
#[derive(Debug)]
pub enum Claim {
    /// A page; the transaction is open.
    Page(Page),
    /// Another daemon's pass is under way; the transaction is over.
    Taken,
}
