//! The five systems which are shown in `routines/systems`: each plays a day in its
//! life on its own tables, and its inboxes are checked row by row.

mod fit;
mod hq;
pub mod play;
mod shared_backend;
mod six_businesses;
mod vutler;
mod yachtparty;
