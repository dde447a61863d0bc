//! The Postgres edge: everything which knows the client library or SQL.
//!
//! The rest of the program speaks to it in values of the pure core. Statements
//! of more than a line are files in `sql/queries`.

mod columns;
pub mod connect;
pub mod error;
pub mod migrate;
pub mod session;
mod types;

pub mod dead;
pub mod demo;
pub mod doorbell;
pub mod each;
pub mod enqueue;
pub mod gates;
pub mod log;
pub mod overview;
pub mod partitions;
pub mod paused;
pub mod query;
pub mod registry;
pub mod routine_rows;
mod routine_sql;
pub mod schedules;
pub mod unanswered;
