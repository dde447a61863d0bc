//! Integration tests: real PostgreSQL, real processes.

mod crash;
mod doorbell;
mod inbox;
mod log;
mod migrate;
mod partitions;
mod reconcile;
mod refuse;
mod replicas;
mod roles;
mod run;
mod schedule;
mod support;
