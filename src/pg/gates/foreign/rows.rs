//! Rows of `hearken.foreign_items`: read, and written.

use crate::pg::columns::cause_columns;
use crate::pg::error::PgError;
use crate::pg::gates::read::{cause_of, from_of, key_of};
use crate::pg::inbox::Locator;
use crate::pg::session::Session;
use crate::pg::types::KeyBytes;
use crate::rules::gate::entry::{Item, ItemChange, Keys, Standing};
use crate::rules::item::{Foreign, ItemDraft};
use crate::rules::name::{InboxName, ItemName, QueueName, RoutineName};
use crate::rules::routine::Version;
use jiff::Timestamp;
use serde_json::Map;
use tokio_postgres::{Row, Statement};

/// Where an item's row is.
pub(super) fn locator_of(row: &Row) -> Result<Locator, PgError> {
    let text: &str = row.try_get("locator")?;
    serde_json::from_str(text)
        .map(Locator)
        .map_err(|error| PgError::refused("22P02", &format!("`locator` of an item cannot be read: {error}")))
}

/// An item, open or not as far as `hearken.foreign_items` knows, and where it is.
pub(super) fn item_of(row: &Row) -> Result<(Item, Locator), PgError> {
    let id: i64 = row.try_get("id")?;
    let bad = |what: &str, why: String| {
        PgError::refused("22P02", &format!("`{what}` of the foreign item {id} cannot be read: {why}"))
    };
    let name = |column: &str| row.try_get::<_, &str>(column);
    let inbox = InboxName::parse(name("inbox")?).map_err(|error| bad("inbox", error.to_string()))?;
    let routine = RoutineName::parse(name("routine")?).map_err(|error| bad("routine", error.to_string()))?;
    let item = ItemName::parse(name("item")?).map_err(|error| bad("item", error.to_string()))?;
    let queue = QueueName::parse(inbox.as_str()).map_err(|error| bad("inbox", error.to_string()))?;
    let key = key_of(row.try_get("dedup_key")?).ok_or_else(|| bad("dedup_key", "its length".to_owned()))?;
    let key_at = |column: &str| row.try_get::<_, Option<&[u8]>>(column).map(|bytes| bytes.and_then(key_of));
    let standing = match (row.try_get("superseded")?, row.try_get("closed")?) {
        (true, _) => Standing::Superseded,
        (false, true) => Standing::Closed,
        (false, false) => Standing::Running,
    };
    let keys = Keys {
        open: key_at("open_key")?,
        supersede: key_at("supersede_key")?,
        overlap: key_at("overlap_key")?,
    };
    let found = Item {
        id,
        draft: ItemDraft {
            routine,
            version: Version::parse(name("version")?).unwrap_or_else(|| Version::of("")),
            item,
            cause: cause_of(row)?,
            key,
            queue,
            priority: 0,
            due_at: None,
            attempts_max: None,
            tenant: None,
            title: String::new(),
            instructions: "".into(),
            context: serde_json::json!({ "items": [] }),
            tags: Vec::new().into(),
            chain: Vec::new(),
            from: from_of(row)?,
            row: 0,
            foreign: Some(Foreign { inbox, columns: Map::new() }),
            order_key: None,
            webhook: None,
        },
        standing,
        due_at: row.try_get("due_at")?,
        created_at: row.try_get("created_at")?,
        superseded_by: None,
        keys,
        count: 1,
        change: ItemChange::None,
    };
    Ok((found, locator_of(row)?))
}

/// New items turned on their side, an array for each column of `foreign_put.sql`.
#[derive(Default)]
pub(super) struct Columns<'a> {
    id: Vec<i64>,
    inbox: Vec<String>,
    locator: Vec<String>,
    event_seq: Vec<Option<i64>>,
    tick: Vec<Option<Timestamp>>,
    due_at: Vec<Timestamp>,
    routine: Vec<&'a str>,
    version: Vec<&'a str>,
    item: Vec<&'a str>,
    dedup_key: Vec<KeyBytes>,
    open_key: Vec<Option<KeyBytes>>,
    supersede_key: Vec<Option<KeyBytes>>,
    overlap_key: Vec<Option<KeyBytes>>,
    source: Vec<Option<&'a str>>,
    event_id: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    pub(super) fn add(&mut self, item: &'a Item, inbox: &InboxName, locator: &Locator) {
        let (event_seq, tick) = cause_columns(item.draft.cause);
        self.id.push(item.id);
        self.inbox.push(inbox.as_str().to_owned());
        self.locator.push(locator.0.to_string());
        self.event_seq.push(event_seq);
        self.tick.push(tick);
        self.due_at.push(item.due_at);
        self.routine.push(item.draft.routine.as_str());
        self.version.push(item.draft.version.as_str());
        self.item.push(item.draft.item.as_str());
        self.dedup_key.push(KeyBytes(item.draft.key));
        self.open_key.push(item.keys.open.map(KeyBytes));
        self.supersede_key.push(item.keys.supersede.map(KeyBytes));
        self.overlap_key.push(item.keys.overlap.map(KeyBytes));
        self.source.push(item.draft.from.as_ref().map(|from| from.source.as_str()));
        self.event_id.push(item.draft.from.as_ref().map(|from| from.id.as_str()));
    }

    pub(super) async fn write(&self, session: &Session, statement: &Statement) -> Result<(), PgError> {
        session
            .client()
            .execute(
                statement,
                &[
                    &self.id,
                    &self.inbox,
                    &self.locator,
                    &self.event_seq,
                    &self.tick,
                    &self.due_at,
                    &self.routine,
                    &self.version,
                    &self.item,
                    &self.dedup_key,
                    &self.open_key,
                    &self.supersede_key,
                    &self.overlap_key,
                    &self.source,
                    &self.event_id,
                ],
            )
            .await?;
        Ok(())
    }
}
