//! Integration tests: real PostgreSQL, real processes.

mod crash;
mod doorbell;
mod each;
mod gates;
mod gates_agree;
mod gates_edges;
mod gates_kill;
mod gates_refuse;
mod gates_sql;
mod held_cli;
mod inbox;
mod log;
mod migrate;
mod offline;
mod partitions;
mod pause;
mod query;
mod reconcile;
mod refuse;
mod replicas;
mod roles;
mod routine_rows;
mod run;
mod schedule;
mod support;
