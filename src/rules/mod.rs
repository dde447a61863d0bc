//! The pure core: what an event is, what a routine says, what should become of
//! the two.
//!
//! Nothing here opens a socket, reads a file or looks at a clock. Time comes in
//! as an argument, so that a restart, a missed wake-up and a test are one case.

pub mod condition;
pub mod duration;
pub mod endpoint;
pub mod event;
pub mod eventbridge;
pub mod explain;
pub mod foreign;
pub mod gate;
pub mod item;
pub mod key;
pub mod matcher;
pub mod name;
pub mod partition;
pub mod path;
pub mod plan;
pub mod problem;
pub mod queue;
pub mod review;
pub mod routine;
pub mod schedule;
pub mod schema;
pub mod snapshot;
pub mod sql;
pub mod template;
#[cfg(test)]
mod testing;
pub mod text;
pub mod trial;
pub mod value;
pub mod webhook;
pub mod when;
