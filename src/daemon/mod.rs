//! The shell: what runs, when, and what is told about it.
//!
//! `run` waits for the database and for leadership; `term` is one time of
//! leadership, from connecting to losing a session; `pass` and `ticks` are the
//! transactions; `doorbell` says when to look. No decision about an event is
//! made here.

mod archive;
pub mod bell;
pub mod caution;
pub mod chores;
pub mod clock;
mod deliver;
pub mod doorbell;
pub mod failpoint;
pub mod fan_out;
pub mod fire;
mod gates;
mod held;
pub mod http;
pub mod load;
mod outcome;
mod page_size;
pub mod pass;
pub mod pressure;
pub mod query;
pub mod queues;
pub mod reload;
mod rhythm;
pub mod rows;
pub mod run;
mod source;
pub mod status;
pub mod telemetry;
pub mod term;
pub mod ticks;
pub mod webhooks;
