//! hearken: a sidecar for PostgreSQL which turns what it hears into work.
//!
//! ```text
//! notify / poll / tick / reload ──▶ wake ──▶ claim ──▶ match ──▶ plan ──▶ enqueue
//!                                            └────────── one transaction ──────────┘
//! ```
//!
//! Every way of waking runs the same pass; there is no second path for recovery.
//! Events are claimed from the log along snapshots ([`rules::snapshot`]), found
//! to be wanted by routines ([`rules::routine`]), and become items of the inbox,
//! each once, in the transaction which claimed them ([`daemon::pass`]).
//!
//! # Layout
//!
//! - [`rules`]: the pure core. No I/O, no clock, nothing of ours outside it.
//! - [`pg`]: the Postgres edge. The only place which knows the client library.
//! - [`webhook`]: one delivery over HTTP. [`work`]: a worker, which runs a command for
//!   each item, or delivers it.
//! - [`daemon`]: the shell. What runs, when.
//! - [`cli`]: arguments to calls, a file for each subcommand.
//! - [`cluster`]: a private PostgreSQL for demo and tests; [`demo`]: the demo.
//!
//! Imports run `main → cli → {daemon, demo} → {work, webhook} → {pg, rules}`, and
//! `pg → rules` for values only; `tests/tidy.rs` holds them to it.

pub mod cli;
pub mod cluster;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod pg;
pub mod rules;
pub mod webhook;
pub mod work;
