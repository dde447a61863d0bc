//! Rows of a source into events.

use super::{Rows, TableReader, end_of};
use crate::pg::error::{PgError, SqlClass};
use crate::pg::page::{Claimed, PageLimits};
use crate::pg::session::Session;
use crate::rules::event::Event;
use crate::rules::snapshot::PageEnd;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use postgres_types::ToSql;
use serde_json::Value;
use std::collections::HashSet;
use tokio_postgres::Row;

/// A page as it is read: events, what is to be marked, and whether there may be more.
type Read = (Vec<Claimed>, Rows, PageEnd);

/// A page while it is read.
struct Gathered<'a> {
    reader: &'a TableReader,
    limits: PageLimits,
    events: Vec<Claimed>,
    rows: Rows,
    ids: HashSet<String>,
    bytes: i64,
}

/// The attributes of a row.
struct Attributes {
    id: Option<String>,
    kind: Option<String>,
    origin: Option<String>,
    subject: Option<String>,
    time: Option<Timestamp>,
    tenant: Option<String>,
    bytes: i64,
}

/// Where a row is, and the number its event gets.
struct Place {
    place: String,
    part: u32,
    seq: i64,
    /// By what it is known, if that is found out before its attributes.
    id: Option<String>,
}

impl Place {
    /// By what a row without an id is known.
    fn known_as(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("{}@{}", self.place, self.part))
    }
}

impl TableReader {
    /// A page with one statement.
    pub(super) async fn read_page(
        &self,
        session: &Session,
        limits: PageLimits,
        wants: &impl Fn(&str) -> bool,
    ) -> Result<Read, PgError> {
        // Read as it comes, while the server still fetches the rest.
        let limited: [&(dyn ToSql + Sync); 2] = [&limits.rows, &limits.data_max];
        let mut rows = std::pin::pin!(session.client().query_raw(&self.claim, limited).await?);
        let mut gathered = Gathered::new(self, limits);
        let mut read = 0;
        while let Some(row) = rows.try_next().await? {
            read += 1;
            let attributes = Attributes {
                id: row.try_get("id")?,
                kind: row.try_get("type")?,
                origin: row.try_get("source")?,
                subject: row.try_get("subject")?,
                time: row.try_get("time")?,
                tenant: row.try_get("tenant")?,
                bytes: row.try_get("bytes")?,
            };
            let body = |name: &str| match row.try_get::<_, Option<&str>>(name)? {
                None => Ok::<_, PgError>(Ok(None)),
                Some(text) => Ok(serde_json::from_str::<Value>(text)
                    .map(Some)
                    .map_err(|error| format!("its {name} cannot be read: {error}"))),
            };
            if gathered.is_full() {
                break;
            }
            gathered.add(place_of(&row)?, attributes, wants, body)?;
        }
        Ok(gathered.end(read))
    }

    /// A page row by row, so that one whose expressions fail is known by itself.
    pub(super) async fn read_each(
        &self,
        session: &Session,
        limits: PageLimits,
        wants: &impl Fn(&str) -> bool,
    ) -> Result<Read, PgError> {
        let client = session.client();
        let rows = client.query(&self.places, &[&limits.rows]).await?;
        let known = |row: &Row| Ok::<_, PgError>(Place { id: row.try_get("id")?, ..place_of(row)? });
        let places: Vec<Place> = rows.iter().map(known).collect::<Result<_, _>>()?;
        let (at, parts): (Vec<&str>, Vec<u32>) =
            places.iter().map(|place| (place.place.as_str(), place.part)).unzip();
        let sql = "select place, event, code, message from hearken.read_each($1, $2, $3) order by place";
        let read = client.query(sql, &[&self.read, &at, &parts]).await?;
        let mut gathered = Gathered::new(self, limits);
        for (row, place) in read.iter().zip(places) {
            if gathered.is_full() {
                break;
            }
            if let Some(code) = row.try_get::<_, Option<&str>>("code")? {
                let message: Option<&str> = row.try_get("message")?;
                let message = message.unwrap_or_default();
                match SqlClass::of(code) {
                    SqlClass::Offered | SqlClass::Other => gathered.fails(place, code, message),
                    // Trouble of the moment, or the description does not fit the table.
                    _ => return Err(PgError::refused(code, message)),
                }
                continue;
            }
            match row.try_get::<_, Option<&str>>("event")? {
                // Somebody removed it since: it was not locked.
                None => {}
                Some(text) => gathered.add_json(place, text, wants)?,
            }
        }
        Ok(gathered.end(rows.len()))
    }
}

impl<'a> Gathered<'a> {
    fn new(reader: &'a TableReader, limits: PageLimits) -> Self {
        Self { reader, limits, events: Vec::new(), rows: Rows::default(), ids: HashSet::new(), bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.bytes >= self.limits.bytes
    }

    fn end(self, read: usize) -> Read {
        let all = self.rows.len() == read;
        let end = if all { end_of(read, self.limits) } else { PageEnd::Full };
        (self.events, self.rows, end)
    }

    /// A row which is dealt with now, whatever comes of it.
    fn take(&mut self, place: &Place, id: String) {
        self.rows.places.push(place.place.clone());
        self.rows.parts.push(place.part);
        self.rows.ids.push(id);
    }

    fn fails(&mut self, place: Place, code: &str, message: &str) {
        let why = format!("its row at {} cannot be read: {message} (SQLSTATE {code})", place.place);
        let id = place.known_as();
        self.take(&place, id.clone());
        self.events.push(Claimed::SetAside { seq: place.seq, id: Some(id), kind: "?".to_owned(), why });
    }

    fn add(
        &mut self,
        place: Place,
        attributes: Attributes,
        wants: &impl Fn(&str) -> bool,
        body: impl Fn(&str) -> Result<Result<Option<Value>, String>, PgError>,
    ) -> Result<(), PgError> {
        let seq = place.seq;
        let Some(id) = attributes.id else {
            let why = format!("the `id` of its row at {} is null", place.place);
            let id = place.known_as();
            self.take(&place, id.clone());
            let kind = attributes.kind.unwrap_or_default();
            self.events.push(Claimed::SetAside { seq, id: Some(id), kind, why });
            return Ok(());
        };
        self.take(&place, id.clone());
        let Some(kind) = attributes.kind else {
            let why = format!("the `type` of row {id} is null");
            self.events.push(Claimed::SetAside { seq, id: Some(id), kind: String::new(), why });
            return Ok(());
        };
        // The settings call rows with one id one event.
        if !self.ids.insert(id.clone()) || !wants(&kind) {
            self.events.push(Claimed::Unwanted);
            return Ok(());
        }
        if attributes.bytes > self.limits.data_max {
            let why = format!(
                "row {id}: its body has {} bytes and data_max is {}",
                attributes.bytes, self.limits.data_max
            );
            self.events.push(Claimed::SetAside { seq, id: Some(id), kind, why });
            return Ok(());
        }
        self.bytes += attributes.bytes;
        let bodies = (|| -> Result<_, PgError> {
            let (data, old, meta) = (body("data")?, body("old")?, body("meta")?);
            Ok((|| Ok::<_, String>((data?, old?, meta?)))())
        })()?;
        let (data, old, meta) = match bodies {
            Ok(bodies) => bodies,
            Err(why) => {
                let why = format!("row {id}: {why}");
                self.events.push(Claimed::SetAside { seq, id: Some(id), kind, why });
                return Ok(());
            }
        };
        let from = self.reader.spec.name.clone();
        self.events.push(Claimed::Event(Box::new(Event {
            origin: attributes.origin.unwrap_or_else(|| from.as_str().to_owned()),
            from,
            seq,
            id,
            kind,
            subject: attributes.subject,
            time: attributes.time.unwrap_or(Timestamp::UNIX_EPOCH),
            tenant: attributes.tenant,
            data: data.unwrap_or(Value::Null),
            old: old.filter(|old| !old.is_null()),
            meta: meta.unwrap_or(Value::Null),
            chain: Vec::new(),
        })));
        Ok(())
    }

    fn add_json(&mut self, place: Place, text: &str, wants: &impl Fn(&str) -> bool) -> Result<(), PgError> {
        let json: Value = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => {
                self.fails(place, "22P02", &error.to_string());
                return Ok(());
            }
        };
        let text_of = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
        let bytes = ["data", "old", "meta"]
            .iter()
            .filter_map(|key| json.get(*key))
            .map(|value| value.to_string().len())
            .sum::<usize>();
        let attributes = Attributes {
            id: text_of("id"),
            kind: text_of("type"),
            origin: text_of("source"),
            subject: text_of("subject"),
            time: text_of("time").and_then(|time| time.parse().ok()),
            tenant: text_of("tenant"),
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        };
        self.add(place, attributes, wants, |key| {
            Ok(Ok(json.get(key).filter(|value| !value.is_null()).cloned()))
        })
    }
}

fn place_of(row: &Row) -> Result<Place, PgError> {
    let (place, part) = (row.try_get("place")?, row.try_get("part")?);
    Ok(Place { place, part, seq: row.try_get("seq")?, id: None })
}
