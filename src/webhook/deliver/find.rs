//! Finds where a delivery goes, and what it is signed with.
//!
//! A row of a table is read when something is delivered to it, and used for two seconds:
//! so an endpoint which is switched off, or whose secret was changed, is used as it was
//! for no longer than that and the time of the request which is under way. Secrets are
//! in memory a little longer, and nowhere else.

use super::line::Line;
use crate::pg::endpoints::{EndpointRow, EndpointTable, Rows};
use crate::pg::error::{PgError, Policy};
use crate::rules::endpoint::EndpointSpec;
use crate::rules::name::EndpointName;
use crate::rules::webhook::{Delivery, Target};
use crate::webhook::answer::DeliveryError;
use crate::webhook::request::Header;
use crate::webhook::secret::Secret;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What was read of a row is used for so long.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// Above so many rows in memory, the old ones are thrown away.
const ROWS_MAX: usize = 10_000;
/// A row is to be had within this.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// Items wait so long if the database has a hiccup, and if somebody has to mend something.
const SOON: Duration = Duration::from_secs(2);
const MENDED: Duration = Duration::from_secs(30);

/// Where a delivery goes.
#[derive(Clone, Debug)]
pub enum Place {
    /// To an address.
    Url(String),
    /// To what a row says.
    Row(Arc<EndpointRow>),
}

/// Why there is no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There never will be one.
    Never(String),
    /// Somebody has to mend something, or the database is away for a moment.
    Later {
        /// How long to wait.
        pause: Duration,
        /// Why.
        note: String,
    },
}

/// All that a request needs to know about its endpoint.
#[derive(Clone, Debug)]
pub struct Found {
    /// The address.
    pub url: String,
    /// What it is signed with.
    pub secret: Option<Secret>,
    /// Headers of the delivery and of the row; the row's win.
    pub headers: Vec<Header>,
}

type Known = HashMap<(EndpointName, String), (Instant, Arc<EndpointRow>)>;

/// Reads rows of tables of endpoints.
#[derive(Debug)]
pub struct Finder {
    specs: BTreeMap<EndpointName, EndpointSpec>,
    line: Arc<Line>,
    known: Lock<Known>,
    /// The statement of each table, with the process id of the session it belongs to.
    tables: Mutex<HashMap<EndpointName, (i32, Arc<EndpointTable>)>>,
}

impl Finder {
    /// A finder in these tables.
    pub fn new(specs: BTreeMap<EndpointName, EndpointSpec>, line: Arc<Line>) -> Self {
        Self { specs, line, known: Lock::default(), tables: Mutex::default() }
    }

    /// Where a delivery goes, if anything is delivered there.
    pub async fn place(&self, target: &Target) -> Result<Place, Missing> {
        match target {
            Target::Url(url) => Ok(Place::Url(url.clone())),
            Target::Endpoint { name, id } => {
                let row = self.row(name, id).await?;
                if !row.enabled {
                    return Err(Missing::Never("the endpoint is switched off".to_owned()));
                }
                if row.url.as_deref().is_none_or(str::is_empty) {
                    let why = format!("the endpoint {id} of [endpoint.{name}] has no address");
                    return Err(Missing::Never(why));
                }
                Ok(Place::Row(row))
            }
        }
    }

    async fn row(&self, name: &EndpointName, id: &str) -> Result<Arc<EndpointRow>, Missing> {
        if let Some(row) = self.known(name, id) {
            return Ok(row);
        }
        let Some(spec) = self.specs.get(name) else {
            let note = format!("the settings of this deliverer have no [endpoint.{name}]");
            tracing::error!(endpoint = %name, "{note}; its items wait");
            return Err(Missing::Later { pause: MENDED, note });
        };
        // Before it is read: it is no newer than this.
        let began = Instant::now();
        let rows = match tokio::time::timeout(READ_WITHIN, self.read(spec, id)).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => {
                self.tables.lock().await.remove(name);
                return Err(later(spec, &error));
            }
            Err(_) => {
                let note = format!("the table {} does not answer", spec.table);
                return Err(Missing::Later { pause: SOON, note });
            }
        };
        let why = |what: &str| format!("{what} {id} in the table {} of [endpoint.{name}]", spec.table);
        match rows {
            Rows::One(row) => Ok(self.remember(name, id, began, row)),
            Rows::None => Err(Missing::Never(why("there is no row"))),
            Rows::Several => Err(Missing::Never(why("there are several rows"))),
        }
    }

    async fn read(&self, spec: &EndpointSpec, id: &str) -> Result<Rows, PgError> {
        let session = self.line.session().await?;
        let pid = session.backend_pid();
        let mut tables = self.tables.lock().await;
        let table = match tables.get(&spec.name) {
            Some((of, table)) if *of == pid => table.clone(),
            _ => {
                let table = Arc::new(EndpointTable::prepare(&session, spec).await?);
                tables.insert(spec.name.clone(), (pid, table.clone()));
                table
            }
        };
        // Others may read at the same time.
        drop(tables);
        table.read(&session, id).await
    }

    fn known(&self, name: &EndpointName, id: &str) -> Option<Arc<EndpointRow>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, row) = known.get(&(name.clone(), id.to_owned()))?;
        (read.elapsed() < GOOD_FOR).then(|| row.clone())
    }

    fn remember(&self, name: &EndpointName, id: &str, read: Instant, row: EndpointRow) -> Arc<EndpointRow> {
        let row = Arc::new(row);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ROWS_MAX {
            known.retain(|_, (read, _)| read.elapsed() < GOOD_FOR);
        }
        known.insert((name.clone(), id.to_owned()), (read, row.clone()));
        row
    }

    /// Forgets rows which are too old to be used: secrets are not kept for nothing.
    pub fn forget_old(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (read, _)| read.elapsed() < GOOD_FOR);
    }
}

/// What an error of the table means for its items: none of them is lost for it.
fn later(spec: &EndpointSpec, error: &PgError) -> Missing {
    let note = format!("[endpoint.{}] cannot be read: {error}", spec.name);
    match error.policy() {
        Policy::Reconnect | Policy::RetryLater => Missing::Later { pause: SOON, note },
        Policy::Narrow | Policy::Blocked | Policy::Refused => {
            let what = "a table of endpoints cannot be read; its items wait";
            tracing::error!(endpoint = %spec.name, error = %error, "{what}");
            Missing::Later { pause: MENDED, note }
        }
    }
}

/// Reads the secrets of a delivery.
///
/// # Errors
///
/// If one is not to be had, or the headers of the row are no headers.
pub async fn found(delivery: &Delivery, place: &Place) -> Result<Found, DeliveryError> {
    let mut headers = Header::read_all(&delivery.headers).await?;
    let (url, of_row) = match place {
        Place::Url(url) => (url.clone(), None),
        Place::Row(row) => {
            headers.extend(row_headers(row.headers.as_ref())?);
            let secret = row.secret.as_deref().filter(|secret| !secret.trim().is_empty());
            (row.url.clone().unwrap_or_default(), secret.map(Secret::new))
        }
    };
    let secret = match (of_row, &delivery.secret) {
        (Some(secret), _) => Some(secret),
        (None, Some(reference)) => Some(Secret::read(reference).await?),
        (None, None) => None,
    };
    Ok(Found { url, secret, headers })
}

/// The headers of a row, none of which is to be seen: who knows what they are.
fn row_headers(headers: Option<&Value>) -> Result<Vec<Header>, DeliveryError> {
    let wrong = |why: &str| DeliveryError::Unsendable(format!("`headers` of the endpoint {why}"));
    let headers = match headers {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(headers)) => headers,
        Some(_) => return Err(wrong("are no object")),
    };
    let mut read = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err(wrong("have a value which is no text")),
        };
        read.push(Header::hidden(name, Secret::new(text)));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(headers: Value, want: Result<usize, &str>) {
        match (row_headers(Some(&headers)), want) {
            (Ok(read), Ok(want)) => assert_eq!(read.len(), want),
            (Err(error), Err(want)) => assert!(error.to_string().contains(want), "{error}"),
            (read, want) => panic!("{read:?} is not {want:?}"),
        }
    }

    #[test]
    fn headers_of_a_row_are_an_object_of_texts() {
        check(json!({ "x-a": "1", "x-b": 2, "x-c": true, "x-d": null }), Ok(3));
        check(json!(null), Ok(0));
        check(json!(["x-a"]), Err("no object"));
        check(json!({ "x-a": ["1"] }), Err("no text"));
        assert!(row_headers(None).expect("none").is_empty());
    }

    #[test]
    fn headers_of_a_row_are_not_shown() {
        let headers = row_headers(Some(&json!({ "authorization": "Bearer geheim" }))).expect("headers");
        assert!(!format!("{headers:?}").contains("geheim"));
    }
}
