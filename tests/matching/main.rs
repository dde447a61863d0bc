//! Matching against a second reading of the language.
//!
//! `model` holds routines as data and writes them as TOML. `naive` judges them
//! from the description of the language alone: it tries every choice of
//! alternatives and every choice of elements, and knows nothing of the code it
//! checks. `sets` and `singles` put random routines and events before both;
//! `large` does so with thousands of routines which share their values.
//! `operators`, `texts`, `arrays`, `moments` and `groups` are cases by hand.
//!
//! `HEARKEN_PAIRS` says how many pairs of a routine and an event `singles` and
//! `sets` try, 200,000 without it; `large` tries at least one set of 3,000
//! routines, and more from 2,400,000 pairs on. Tens of millions are for release
//! builds:
//!
//! ```text
//! HEARKEN_PAIRS=50000000 cargo test --release --test matching
//! ```

mod arrays;
mod events;
mod groups;
mod large;
mod looking_back;
mod model;
mod moments;
mod naive;
mod operators;
mod passing;
mod routines;
mod sets;
mod singles;
mod specs;
mod spelling;
mod support;
mod tables;
mod texts;
mod values;
mod words;
