//! The gates between a match and an item: `[flow]`.
//!
//! A gate says of a draft "now", "later" or "no". The order is fixed: loop guard →
//! debounce or batch → hours → dedup → supersede → limit → overlap → enqueue.
//! Debounce stands before dedup, or the second draft of a burst would replace the
//! held one instead of extending the quiet; limit stands behind debounce, or a
//! burst would spend it.
//!
//! What a routine says in `[flow]` is made definite for each draft while it is
//! planned: keys are hashed, zones and numbers are read from the event or the row.
//! The outcome is a [`request::Request`], which says all there is to know, so that a draft
//! which was held for a week is judged by the rules that held it, even if its
//! routine was edited meanwhile. What is known of earlier drafts is a `State`, and
//! the judgement is a function of request, state and the time. The daemon reads the
//! state from the database and writes down what changed; `hearken test` keeps it
//! in memory.

mod admit;
pub mod changes;
pub mod circle;
mod dedup;
mod delay;
pub mod entry;
pub mod hours;
mod judge;
pub mod limit;
pub mod merge;
pub mod note;
pub mod request;
pub mod resolve;
pub mod slots;
pub mod state;
pub mod wanted;

pub use entry::{Held, Item, Phase, Standing};
pub use note::{Gate, Note, Ruling};
pub use state::State;
