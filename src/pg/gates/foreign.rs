//! Items in tables of the user's, as the gates know them.
//!
//! Their keys are rows of `hearken.foreign_items`; how they stand is asked of the
//! tables themselves, by the expressions of the settings. One which is found to be
//! closed is noted as such and not asked about again.

mod rows;

use super::Gates;
use crate::pg::error::{PgError, Policy};
use crate::pg::inbox::Locator;
use crate::pg::inboxes::{Inboxes, Manner, Put};
use crate::pg::session::Session;
use crate::pg::types::KeyBytes;
use crate::rules::gate::changes::Changes;
use crate::rules::gate::entry::{Item, Standing};
use crate::rules::item::{DedupKey, ItemDraft};
use crate::rules::name::InboxName;
use rows::{Columns, item_of, locator_of};
use std::collections::{BTreeMap, HashMap};
use tokio_postgres::{Row, Statement};

/// Where items in tables of the user's are, by their numbers.
#[derive(Debug, Default)]
pub struct ForeignRows(HashMap<i64, (InboxName, Locator)>);

/// Which keys items are met by.
pub(super) struct MetBy<'a> {
    pub(super) open: &'a [KeyBytes],
    pub(super) supersede: &'a [KeyBytes],
    pub(super) overlap: &'a [KeyBytes],
    pub(super) keys: &'a [KeyBytes],
    /// Whether those which wait may be changed: they are locked then.
    pub(super) change: Change,
}

/// Whether items which are met may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// They may.
    Perhaps,
    /// They are only looked at.
    Never,
}

/// The statements.
#[derive(Debug)]
pub(super) struct ForeignStatements {
    met: Statement,
    put: Statement,
}

impl ForeignStatements {
    pub(super) async fn prepare(session: &Session) -> Result<Self, PgError> {
        let client = session.client();
        Ok(Self {
            met: client.prepare(gate_sql!("foreign_met")).await?,
            put: client.prepare(gate_sql!("foreign_put")).await?,
        })
    }
}

impl Gates {
    /// Items which new drafts may meet in tables of the user's.
    pub(super) async fn foreign_met(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        by: MetBy<'_>,
    ) -> Result<(Vec<Item>, ForeignRows), PgError> {
        let mut rows = ForeignRows::default();
        if inboxes.is_empty() {
            return Ok((Vec::new(), rows));
        }
        let statement = &self.foreign.met;
        let found =
            session.client().query(statement, &[&by.open, &by.supersede, &by.overlap, &by.keys]).await?;
        let mut items = Vec::with_capacity(found.len());
        for row in &found {
            let (item, locator) = item_of(row)?;
            if let Some(foreign) = &item.draft.foreign {
                rows.0.insert(item.id, (foreign.inbox.clone(), locator));
            }
            items.push(item);
        }
        let open: Vec<i64> =
            items.iter().filter(|item| item.standing.is_open()).map(|item| item.id).collect();
        let stand = rows.standing(session, inboxes, &open, by.change).await?;
        let mut closed = Vec::new();
        for item in &mut items {
            if let Some((standing, count)) = stand.get(&item.id) {
                item.standing = *standing;
                item.count = *count;
                if *standing == Standing::Closed {
                    closed.push(item.id);
                }
            }
        }
        close(session, &closed).await?;
        Ok((items, rows))
    }

    /// Writes what changed in tables of the user's. The keys of those new items whose
    /// rows their tables had already are returned; nothing may be kept then.
    pub(super) async fn write_foreign(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        rows: &ForeignRows,
        changes: &mut Changes,
    ) -> Result<Vec<DedupKey>, PgError> {
        let created = take(&mut changes.created, |item| item.draft.foreign.is_some());
        let replaced = take(&mut changes.replaced, |item| rows.0.contains_key(&item.id));
        let appended = take(&mut changes.appended, |item| rows.0.contains_key(&item.id));
        let (superseded, own) = changes
            .superseded
            .drain(..)
            .partition(|(id, _)| rows.0.contains_key(id) || created.iter().any(|item| item.id == *id));
        changes.superseded = own;
        let (fresh, known): (Vec<_>, Vec<_>) =
            superseded.into_iter().partition(|(id, _)| created.iter().any(|item| item.id == *id));
        self.supersede_foreign(session, inboxes, rows, known).await?;
        for (name, items) in by_inbox(rows, &replaced) {
            let inbox = inboxes.get(session, name).await?;
            let items: Vec<_> = items.iter().map(|(item, row)| ((*row).clone(), &item.draft)).collect();
            inbox.replace(session, &items).await?;
        }
        for (name, items) in by_inbox(rows, &appended) {
            let inbox = inboxes.get(session, name).await?;
            let items: Vec<_> = items.iter().map(|(item, row)| ((*row).clone(), &item.draft)).collect();
            inbox.append(session, &items).await?;
        }
        // One which came and gave way in the same pass has its row all the same.
        let mut fresh_rows = ForeignRows::default();
        let duplicates = self.create_foreign(session, inboxes, &created, &mut fresh_rows).await?;
        if duplicates.is_empty() {
            self.supersede_foreign(session, inboxes, &fresh_rows, fresh).await?;
        }
        Ok(duplicates)
    }

    async fn supersede_foreign(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        rows: &ForeignRows,
        superseded: Vec<(i64, i64)>,
    ) -> Result<(), PgError> {
        if superseded.is_empty() {
            return Ok(());
        }
        let mut places: BTreeMap<&InboxName, Vec<Locator>> = BTreeMap::new();
        for (id, _) in &superseded {
            if let Some((inbox, locator)) = rows.0.get(id) {
                places.entry(inbox).or_default().push(locator.clone());
            }
        }
        for (name, locators) in places {
            inboxes.get(session, name).await?.supersede(session, &locators).await?;
        }
        let (ids, by): (Vec<i64>, Vec<i64>) = superseded.into_iter().unzip();
        let sql = "update hearken.foreign_items f set superseded_by = s.by, closed_at = hearken.now() \
                   from unnest($1::bigint[], $2::bigint[]) as s (id, by) where f.id = s.id";
        session.client().execute(sql, &[&ids, &by]).await?;
        Ok(())
    }

    async fn create_foreign(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        created: &[Item],
        rows: &mut ForeignRows,
    ) -> Result<Vec<DedupKey>, PgError> {
        if created.is_empty() {
            return Ok(Vec::new());
        }
        let drafts: Vec<ItemDraft> = created
            .iter()
            .map(|item| ItemDraft { due_at: Some(item.due_at), ..item.draft.clone() })
            .collect();
        let offered: Vec<&ItemDraft> = drafts.iter().collect();
        let put = inboxes.put(session, &offered, Manner::Together).await?;
        let mut columns = Columns::default();
        let mut duplicates = Vec::new();
        for (item, put) in created.iter().zip(put) {
            match put {
                Put::There(inbox, locator) => {
                    columns.add(item, &inbox, &locator);
                    rows.0.insert(item.id, (inbox, locator));
                }
                Put::Duplicate => duplicates.push(item.draft.key),
                Put::Refused { sqlstate, message } => return Err(PgError::refused(&sqlstate, &message)),
            }
        }
        if duplicates.is_empty() {
            columns.write(session, &self.foreign.put).await?;
        }
        Ok(duplicates)
    }

    /// Finds out which items have been closed that held drafts wait for.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn look_after_foreign(&self, session: &Session, inboxes: &Inboxes) -> Result<(), PgError> {
        if inboxes.is_empty() {
            return Ok(());
        }
        let sql = "select f.id, f.inbox, f.locator::text as locator from hearken.foreign_items f \
                   where f.closed_at is null and f.id > $1 and ( \
                       exists (select from hearken.held h where h.phase = 'queued' and h.open_key = f.open_key) \
                       or exists (select from hearken.held h where h.phase = 'queued' and h.overlap_key = f.overlap_key)) \
                   order by f.id limit 1000";
        let mut after = 0_i64;
        loop {
            let found = session.client().query(sql, &[&after]).await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = last.get("id");
            close_finished(session, inboxes, &found).await?;
        }
    }
}

/// Looks through items which were open when they were last met, in the order of their
/// numbers, and notes which are closed; then removes those which are closed for long.
///
/// # Errors
///
/// Of the database.
pub async fn sweep(session: &Session, inboxes: &Inboxes, keep_seconds: f64) -> Result<(), PgError> {
    let mut after = 0_i64;
    loop {
        let sql = "select f.id, f.inbox, f.locator::text as locator from hearken.foreign_items f \
                   where f.closed_at is null and f.id > $1 order by f.id limit 500";
        let found = session.client().query(sql, &[&after]).await?;
        let Some(last) = found.last() else { break };
        after = last.get("id");
        session.client().batch_execute("begin").await?;
        close_finished(session, inboxes, &found).await?;
        session.client().batch_execute("commit").await?;
    }
    let sql = "delete from hearken.foreign_items f where f.id = any (array( \
                   select c.id from hearken.foreign_items c \
                   where c.closed_at < hearken.now() - make_interval(secs => $1) order by c.closed_at limit 10000))";
    session.client().execute(sql, &[&keep_seconds]).await?;
    Ok(())
}

/// Notes which of these items are closed, in the transaction which is open. A table
/// which cannot be asked keeps nobody from the others: its items count as open.
async fn close_finished(session: &Session, inboxes: &Inboxes, found: &[Row]) -> Result<(), PgError> {
    let mut by_inbox: BTreeMap<InboxName, ForeignRows> = BTreeMap::new();
    for row in found {
        if let Ok(inbox) = InboxName::parse(row.get("inbox")) {
            let rows = by_inbox.entry(inbox.clone()).or_default();
            rows.0.insert(row.get("id"), (inbox, locator_of(row)?));
        }
    }
    for (inbox, rows) in by_inbox {
        session.savepoint("asked").await?;
        let ids: Vec<i64> = rows.0.keys().copied().collect();
        let closing = async {
            let stand = rows.standing(session, inboxes, &ids, Change::Never).await?;
            let closed = stand.iter().filter(|(_, (standing, _))| *standing == Standing::Closed);
            close(session, &closed.map(|(id, _)| *id).collect::<Vec<_>>()).await
        };
        match closing.await {
            Ok(()) => session.release("asked").await?,
            Err(error) if matches!(error.policy(), Policy::Blocked | Policy::Refused) => {
                session.take_back("asked").await?;
                inboxes.learn(&error).await;
                tracing::debug!(inbox = %inbox, error = %error, "the inbox cannot say how its items stand");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn close(session: &Session, ids: &[i64]) -> Result<(), PgError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let sql = "update hearken.foreign_items f set closed_at = hearken.now() from ( \
                   select c.id from hearken.foreign_items c where c.id = any($1) order by c.id for update) d \
               where f.id = d.id";
    session.client().execute(sql, &[&ids]).await?;
    Ok(())
}

impl ForeignRows {
    /// How the rows of these items stand, and how many drafts are in them. One which
    /// somebody else holds counts as running.
    async fn standing(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        ids: &[i64],
        change: Change,
    ) -> Result<HashMap<i64, (Standing, u32)>, PgError> {
        let mut by_inbox: BTreeMap<&InboxName, (Vec<i64>, Vec<Locator>)> = BTreeMap::new();
        for id in ids {
            if let Some((inbox, locator)) = self.0.get(id) {
                let (ids, locators) = by_inbox.entry(inbox).or_default();
                ids.push(*id);
                locators.push(locator.clone());
            }
        }
        let mut stand = HashMap::new();
        for (name, (ids, locators)) in by_inbox {
            // An inbox which is not described any more: its items count as open.
            let Ok(inbox) = inboxes.get(session, name).await else { continue };
            let standings = inbox.standing(session, &locators).await?;
            let locked = match change {
                Change::Perhaps => inbox.lock_waiting(session, &locators).await?,
                Change::Never => vec![Some(1); locators.len()],
            };
            for ((id, standing), count) in ids.into_iter().zip(standings).zip(locked) {
                let standing = match (standing, count) {
                    (Standing::Waiting, None) => Standing::Running,
                    (standing, _) => standing,
                };
                stand.insert(id, (standing, count.unwrap_or(1)));
            }
        }
        Ok(stand)
    }
}

/// Those of the items for which `which` holds, taken out.
fn take(items: &mut Vec<Item>, which: impl Fn(&Item) -> bool) -> Vec<Item> {
    let (taken, left) = std::mem::take(items).into_iter().partition(|item| which(item));
    *items = left;
    taken
}

type Placed<'a> = Vec<(&'a Item, &'a Locator)>;

fn by_inbox<'a>(rows: &'a ForeignRows, items: &'a [Item]) -> BTreeMap<&'a InboxName, Placed<'a>> {
    let mut found: BTreeMap<&InboxName, Placed<'_>> = BTreeMap::new();
    for item in items {
        if let Some((inbox, locator)) = rows.0.get(&item.id) {
            found.entry(inbox).or_default().push((item, locator));
        }
    }
    found
}
