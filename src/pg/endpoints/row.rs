//! Rows of a table of endpoints, which is the user's.
//!
//! The id stands in items as text, so it is cast to the type which the table's
//! expression has: a cast of the table's side would use no index.

use crate::pg::error::{PgError, Policy};
use crate::pg::session::Session;
use crate::rules::endpoint::EndpointSpec;
use serde_json::Value;
use std::fmt;
use tokio_postgres::Statement;

/// What a row says of an endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// The address, if there is one.
    pub url: Option<String>,
    /// The secret, or several with spaces between them. Not for any log.
    pub secret: Option<String>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Further headers; they may hold secrets, too.
    pub headers: Option<Value>,
}

impl fmt::Debug for EndpointRow {
    /// Without what may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointRow").field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// The rows of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// There is none, or there can be none of this id.
    None,
    /// The one.
    One(EndpointRow),
    /// More than one: nobody can say which is meant.
    Several,
}

/// A table of endpoints, on one session.
#[derive(Debug)]
pub struct EndpointTable {
    select: Statement,
}

impl EndpointTable {
    /// Prepares to read it.
    ///
    /// # Errors
    ///
    /// Of the database, such as a column which is not there.
    pub async fn prepare(session: &Session, spec: &EndpointSpec) -> Result<Self, PgError> {
        let client = session.client();
        let table = spec.table.quoted();
        // On lines of their own, since an expression may end with a comment.
        let id = client.prepare(&format!("select (\n{}\n) from {table}", spec.id)).await?;
        let oid = id.columns().first().map_or(0, |column| column.type_().oid());
        let kind: String = client.query_one("select format_type($1, -1)", &[&oid]).await?.try_get(0)?;
        let part = |expression: &Option<String>, cast: &str, none: &str| match expression {
            Some(expression) => format!("(\n{expression}\n)::{cast}"),
            None => none.to_owned(),
        };
        let sql = format!(
            "select (\n{url}\n)::text, {secret}, coalesce({enabled}, false), {headers} from {table} \
             where (\n{id}\n) = ($1::text)::{kind} limit 2",
            url = spec.url,
            secret = part(&spec.secret, "text", "null::text"),
            enabled = part(&spec.enabled, "boolean", "true"),
            headers = part(&spec.headers, "jsonb", "null::jsonb"),
            id = spec.id,
        );
        Ok(Self { select: client.prepare(&sql).await? })
    }

    /// The rows of an id.
    ///
    /// # Errors
    ///
    /// Of the database. Not that the id is none which the table could have.
    pub async fn read(&self, session: &Session, id: &str) -> Result<Rows, PgError> {
        let rows = match session.client().query(&self.select, &[&id]).await.map_err(PgError::from) {
            Ok(rows) => rows,
            // Such as `x` where ids are numbers; or an expression fails for this row.
            Err(error) if error.policy() == Policy::Refused && is_of_the_id(&error) => return Ok(Rows::None),
            Err(error) => return Err(error),
        };
        let mut rows = rows.iter();
        match (rows.next(), rows.next()) {
            (None, _) => Ok(Rows::None),
            (Some(row), None) => Ok(Rows::One(EndpointRow {
                url: row.try_get(0)?,
                secret: row.try_get(1)?,
                enabled: row.try_get(2)?,
                headers: row.try_get(3)?,
            })),
            (Some(_), Some(_)) => Ok(Rows::Several),
        }
    }
}

/// A text which is no value of the type, or out of its range.
fn is_of_the_id(error: &PgError) -> bool {
    matches!(error.sqlstate(), Some("22P02" | "22003" | "22007" | "22008" | "23514" | "22021"))
}
