//! Items in tables of the user's: what goes in comes out, each draft is told what
//! became of it, and rows are changed only where they may be.

mod conflict;
mod each;
mod rows;
mod types;

use crate::support::TestDatabase;
use hearken::pg::error::PgError;
use hearken::pg::inbox::{Inbox, Locator, Placed, PlacedOr};
use hearken::pg::session::{Session, SessionRole};
use hearken::rules::foreign::{Conflict, DedupSpec, InboxSpec, TableName};
use hearken::rules::item::{Cause, DedupKey, Foreign, ItemDraft};
use hearken::rules::name::{InboxName, ItemName, QueueName, RoutineName};
use hearken::rules::routine::Version;
use serde_json::{Value, json};

/// A table of items as people have them.
const ITEMS: &str = "create table items ( \
    id bigint generated always as identity primary key, \
    tenant_id text, \
    title text not null, \
    size numeric(6, 2), \
    status text not null default 'pending', \
    context jsonb, \
    tags text[], \
    scheduled_for timestamptz, \
    dedup_key text, \
    lower_title text generated always as (lower(title)) stored, \
    created_at timestamptz not null default now()); \
    create unique index items_once on items (tenant_id, dedup_key) where status in ('pending', 'leased');";

/// A table and its inbox.
struct Fixture {
    db: TestDatabase,
    session: Session,
    inbox: Inbox,
}

impl Fixture {
    async fn new(sql: &str, spec: &InboxSpec) -> anyhow::Result<Self> {
        let db = TestDatabase::new().await?;
        db.client.batch_execute("set timezone = 'UTC'").await?;
        db.client.batch_execute(sql).await?;
        let session = db.session(SessionRole::Tool).await?;
        let inbox = Inbox::open(&session, spec).await?;
        Ok(Self { db, session, inbox })
    }

    async fn place(&self, drafts: &[ItemDraft]) -> Result<Vec<String>, PgError> {
        let drafts: Vec<&ItemDraft> = drafts.iter().collect();
        let placed = self.inbox.place(&self.session, &drafts).await?;
        Ok(placed.iter().map(shown).collect())
    }

    async fn place_each(&self, drafts: &[ItemDraft]) -> anyhow::Result<Vec<String>> {
        let drafts: Vec<&ItemDraft> = drafts.iter().collect();
        let placed = self.inbox.place_each(&self.session, &drafts).await?;
        Ok(placed.iter().map(shown_or).collect())
    }

    /// Why the drafts were refused.
    async fn refused(&self, drafts: &[ItemDraft]) -> String {
        let error = self.place(drafts).await.expect_err("a refusal");
        error.sqlstate().unwrap_or("no SQLSTATE").to_owned()
    }

    /// Runs statements as the session of the inbox.
    async fn run(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.session.client().batch_execute(sql).await?)
    }

    /// The values of a query's one column, as others see them.
    async fn see(&self, sql: &str) -> anyhow::Result<Vec<Option<String>>> {
        let rows = self.db.client.query(sql, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The same without nulls.
    async fn texts(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        Ok(self.see(sql).await?.into_iter().flatten().collect())
    }
}

/// An inbox which is described by its table alone.
fn plain(table: &str) -> InboxSpec {
    InboxSpec {
        name: InboxName::parse("mine").expect("a name"),
        table: TableName::parse(table).expect("a table"),
        dedup: None,
        tenant: None,
        due: None,
        open: None,
        waiting: None,
        supersede: None,
        replace: None,
        append: Vec::new(),
        lease: None,
    }
}

/// The inbox of [`ITEMS`].
fn items(on_conflict: Conflict) -> InboxSpec {
    InboxSpec {
        dedup: Some(DedupSpec {
            column: Some("dedup_key".to_owned()),
            conflict: vec!["tenant_id".to_owned(), "dedup_key".to_owned()],
            filter: Some("status in ('pending', 'leased')".to_owned()),
            on_conflict,
        }),
        tenant: Some("tenant_id".to_owned()),
        due: Some("scheduled_for".to_owned()),
        open: Some("status in ('pending', 'leased')".to_owned()),
        waiting: Some("items.status = 'pending' and id is not null".to_owned()),
        supersede: Some("status = 'superseded', title = title || ' (' || id || ')'".to_owned()),
        append: vec!["context".to_owned(), "tags".to_owned()],
        ..plain("items")
    }
}

/// A draft of the tenant `t` with the columns given.
fn draft(columns: Value) -> ItemDraft {
    let Value::Object(columns) = columns else { panic!("columns are an object") };
    ItemDraft {
        routine: RoutineName::parse("r").expect("a name"),
        version: Version::of("r"),
        item: ItemName::only(),
        cause: Cause::Event(1),
        key: DedupKey([7; 32]),
        queue: QueueName::parse("mine").expect("a name"),
        priority: 0,
        due_at: None,
        attempts_max: Some(5),
        tenant: Some("t".to_owned()),
        title: "item of r".to_owned(),
        instructions: "".into(),
        context: json!({}),
        tags: [].into(),
        chain: Vec::new(),
        from: None,
        row: 0,
        foreign: Some(Foreign { inbox: InboxName::parse("mine").expect("a name"), columns }),
        order_key: None,
        webhook: None,
    }
}

/// A draft with a title and a key of its own.
fn keyed(title: &str, key: &str) -> ItemDraft {
    draft(json!({ "title": title, "dedup_key": key }))
}

/// A draft which has collected others.
fn collected(columns: Value, items: Value) -> ItemDraft {
    ItemDraft { context: json!({ "items": items }), ..draft(columns) }
}

/// Row `id` of a table with that primary key.
fn row(id: i64) -> Locator {
    Locator(json!({ "id": id }))
}

fn shown(placed: &Placed) -> String {
    match placed {
        Placed::Created(Locator(row)) => format!("new {}", row["id"]),
        Placed::Replaced(Locator(row)) => format!("replaced {}", row["id"]),
        Placed::Duplicate => "duplicate".to_owned(),
    }
}

fn shown_or(placed: &PlacedOr) -> String {
    match placed {
        PlacedOr::Placed(placed) => shown(placed),
        PlacedOr::Refused { sqlstate, .. } => format!("refused {sqlstate}"),
    }
}
