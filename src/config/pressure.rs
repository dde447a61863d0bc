//! `[pressure]`: a query which says when the database is to be spared.

use super::limit;
use super::routines::sql;
use crate::rules::sql::Sql;
use serde::Deserialize;
use std::time::Duration;

/// A query whose first column says whether the database is under pressure, and how
/// often it is asked. While it is, pages are small and pauses long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pressure {
    /// The query; one row, of which the first column is a boolean.
    #[serde(deserialize_with = "sql")]
    pub sql: Sql,
    /// How often it is asked, 1 s to 1 h.
    #[serde(default = "every", deserialize_with = "limit::refresh")]
    pub every: Duration,
}

fn every() -> Duration {
    Duration::from_secs(10)
}
