//! The pure core: what an event is, what a routine says, what should become of
//! the two.
//!
//! Nothing here opens a socket, reads a file or looks at a clock. Time comes in
//! as an argument, so that a restart, a missed wake-up and a test are one case.

pub mod condition;
pub mod event;
pub mod item;
pub mod key;
pub mod matcher;
pub mod name;
pub mod partition;
pub mod path;
pub mod plan;
pub mod problem;
pub mod routine;
pub mod schedule;
pub mod snapshot;
pub mod template;
#[cfg(test)]
mod testing;
pub mod text;
pub mod value;
pub mod when;
