//! Webhooks: items which are delivered over HTTP.
//!
//! ```text
//! item ──▶ request (body, headers, signature) ──▶ client ──▶ outcome ──▶ verdict
//!                                                   │
//!                                  address: may it be called at all?
//! ```
//!
//! - [`request`] and [`body`]: what is sent, from the item's event and the routine's
//!   `[webhook]`. [`signature`] signs it, [`secret`] reads what it is signed with.
//! - [`client`]: sends it, to an [`address`] which was judged, within limits of time and
//!   memory.
//! - [`answer`]: what came of it, whether it is tried again, and whom it speaks against.
//! - [`deliver`]: takes items, puts the others to use and says what became of the items.
//!   It alone knows that there is a database.

pub mod address;
pub mod answer;
pub mod body;
pub mod client;
pub mod deliver;
pub mod request;
pub mod secret;
pub mod signature;
