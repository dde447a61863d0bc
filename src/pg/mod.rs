//! The Postgres edge: everything which knows the client library or SQL.
//!
//! The rest of the program speaks to it in values of the pure core. Statements
//! of more than a line are files in `sql/queries`.

mod columns;
pub mod connect;
pub mod error;
pub mod fire;
pub mod migrate;
pub mod session;
mod types;

pub mod dead;
pub mod deliveries;
pub mod demo;
pub mod doorbell;
pub mod each;
pub mod emit;
pub mod endpoints;
pub mod enqueue;
pub mod gates;
pub mod history;
pub mod inbox;
pub mod inboxes;
pub mod inspect;
pub mod install;
pub mod items;
pub mod log;
pub mod overview;
pub mod page;
pub mod partitions;
pub mod paused;
pub mod pressure;
pub mod protocol;
pub mod query;
pub mod queues;
pub mod registry;
pub mod routine_rows;
mod routine_sql;
pub mod schedules;
pub mod table;
pub mod unanswered;
pub mod work;
