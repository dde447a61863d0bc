//! The gates against a second reading of their description.
//!
//! `spec` holds the `[flow]` of a routine as data and `writing` writes it as
//! TOML. `model`, `verdict`, `room` and `clock` judge drafts from the description
//! of the gates alone: they keep the whole history and answer every question by
//! looking through all of it. `drive` puts random histories (`random`) before the
//! model and before `hearken::rules::gate`, step by step, and compares the notes,
//! the items and the held drafts (`views`). The files `case_*` are cases by hand,
//! written as tables of what happens and what comes of it (`table`).
//!
//! `HEARKEN_HISTORIES` says how many histories are tried, 150 without it:
//!
//! ```text
//! HEARKEN_HISTORIES=20000 cargo test --release --test gates
//! ```

mod agree;
mod case_collect;
mod case_dedup;
mod case_limit;
mod case_open;
mod case_time;
mod clock;
mod drive;
mod engine;
mod entry;
mod model;
mod random;
mod room;
mod spec;
mod table;
mod verdict;
mod views;
mod writing;
