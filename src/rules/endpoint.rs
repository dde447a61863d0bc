//! What the settings say about a table of endpoints: names and SQL expressions.
//!
//! An application which lets its customers register webhooks keeps their addresses in
//! a table of its own. `[endpoint.NAME]` describes that table by expressions over its
//! rows, and a routine names the row: `endpoint = "NAME"` and an `id`. The address,
//! the secret and the switch are read when an item is delivered, not when it is made:
//! so an edit of the row is obeyed by what already waits, and a secret is never
//! stored twice.

use super::foreign::TableName;
use super::name::EndpointName;

/// A table whose rows are endpoints of webhooks. Expressions are SQL over one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSpec {
    /// Its name in routines.
    pub name: EndpointName,
    /// The table.
    pub table: TableName,
    /// What tells an endpoint from the others; compared as text with the item's id.
    pub id: String,
    /// Where to deliver.
    pub url: String,
    /// What deliveries are signed with; they are not signed, if none.
    pub secret: Option<String>,
    /// Whether anything is delivered; always, if none.
    pub enabled: Option<String>,
    /// Further headers, an object of JSON; none, if none.
    pub headers: Option<String>,
}
