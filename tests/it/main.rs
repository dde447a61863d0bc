//! Integration tests: real PostgreSQL, real processes.

mod crash;
mod doorbell;
mod each;
mod inbox;
mod log;
mod migrate;
mod offline;
mod partitions;
mod query;
mod reconcile;
mod refuse;
mod replicas;
mod roles;
mod run;
mod schedule;
mod support;
