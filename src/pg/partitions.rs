//! Keeps the weeks of the log, of the decisions and of what has finished: adds them
//! ahead of time and drops them when they are old, those of the log when they are read.
//!
//! Writers come first. Every statement runs under a lock timeout of 100 ms and
//! is tried again later, so that nobody waits for us longer than that:
//! `create table … partition of` on a live log would make every writer queue
//! behind one open transaction. New tables are made aside and attached, which
//! takes a lock that inserts do not mind; old ones are detached concurrently.
//! An interrupted run leaves a detach pending, a table not attached or a gap:
//! each run begins by mending these.

use super::error::PgError;
use super::session::Session;
use crate::rules::partition::{self, Bounds, Partition, Tail};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a statement may wait for a lock, and writers for it.
const LOCK_TIMEOUT: &str = "set lock_timeout = '100ms'; set statement_timeout = '5min'";
/// How often a statement which did not get its lock is tried again at once.
const TRIES: u32 = 10;
/// The pause between tries, so that the queue behind us drains.
const PAUSE: Duration = Duration::from_millis(200);

/// A table which is cut into weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `hearken.events`: dropped only behind the cursor.
    Events,
    /// `hearken.decisions`.
    Decisions,
    /// `hearken.history`.
    History,
    /// `hearken.deliveries`.
    Deliveries,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Decisions => "decisions",
            Self::History => "history",
            Self::Deliveries => "deliveries",
        }
    }
}

/// What a run did, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Partitions made.
    pub made: Vec<String>,
    /// Partitions dropped.
    pub dropped: Vec<String>,
}

/// Mends, extends and prunes the partitions of a table. Safe to run at any time
/// and to interrupt; only one daemon should.
///
/// # Errors
///
/// Of the database; a lock which could not be had after some tries (55P03)
/// among them. The next run goes on.
pub async fn maintain(
    session: &Session,
    table: Table,
    now: Timestamp,
    retention: SignedDuration,
) -> Result<Report, PgError> {
    session.client().batch_execute(LOCK_TIMEOUT).await?;
    let mut report = Report::default();
    finish_detach(session, table).await?;
    drop_strays(session, table, &mut report).await?;
    fill_gaps(session, table, &mut report).await?;
    extend(session, table, now, &mut report).await?;
    prune(session, table, now, retention, &mut report).await?;
    Ok(report)
}

async fn finish_detach(session: &Session, table: Table) -> Result<(), PgError> {
    let sql = "select format('%I.%I', n.nspname, c.relname) from pg_inherits i \
               join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace \
               where i.inhparent = $1::text::regclass and i.inhdetachpending";
    let parent = format!("hearken.{}", table.name());
    for row in session.client().query(sql, &[&parent]).await? {
        let name: String = row.get(0);
        retried(session, &format!("alter table {parent} detach partition {name} finalize")).await?;
    }
    Ok(())
}

/// Tables which an interrupted run left behind: cut from the future, hence
/// empty, or detached because they were old and read.
async fn drop_strays(session: &Session, table: Table, report: &mut Report) -> Result<(), PgError> {
    let sql = "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = 'hearken' and c.relkind = 'r' and c.relname ~ ('^' || $1 || '_([0-9]{8}|floor)') \
                 and not c.relispartition";
    for row in session.client().query(sql, &[&table.name()]).await? {
        let name: String = row.get(0);
        if is_read(session, table, &name).await? {
            retried(session, &format!("drop table {name}")).await?;
            report.dropped.push(name);
        }
    }
    Ok(())
}

async fn fill_gaps(session: &Session, table: Table, report: &mut Report) -> Result<(), PgError> {
    for gap in partition::gaps(&partitions(session, table).await?) {
        attach_new(session, table, &gap, report).await?;
    }
    Ok(())
}

async fn extend(session: &Session, table: Table, now: Timestamp, report: &mut Report) -> Result<(), PgError> {
    let parent = format!("hearken.{}", table.name());
    match partition::tail(&partitions(session, table).await?, now) {
        Tail::Fine => Ok(()),
        Tail::Cut { name, into } => {
            detach(session, &parent, &name).await?;
            if has_rows(session, &name).await? {
                // Somebody's clock was ahead: keep the rows, cut another day.
                let from = into.first().and_then(|bounds| bounds.from);
                return attach(session, &parent, &name, &Bounds { from, to: None }).await;
            }
            retried(session, &format!("drop table {name}")).await?;
            for bounds in &into {
                attach_new(session, table, bounds, report).await?;
            }
            Ok(())
        }
        Tail::Close { name, from, at } => close(session, table, &name, from, at, report).await,
    }
}

/// Ends a last partition which is in use. Inserts need a partition at every
/// moment, so this is one transaction; the constraint, checked beforehand,
/// spares it the scan. Its lock on the log is asked for no longer than 100 ms.
async fn close(
    session: &Session,
    table: Table,
    name: &str,
    from: Option<Timestamp>,
    at: Timestamp,
    report: &mut Report,
) -> Result<(), PgError> {
    let parent = format!("hearken.{}", table.name());
    let lower = from.map_or(String::new(), |from| format!("at >= '{from}' and "));
    let next = make_aside(session, table, &Bounds { from: Some(at), to: None }).await?;
    retried(session, &format!("alter table {name} drop constraint if exists bounds_are_known")).await?;
    let add =
        format!("alter table {name} add constraint bounds_are_known check ({lower}at < '{at}') not valid");
    retried(session, &add).await?;
    retried(session, &format!("alter table {name} validate constraint bounds_are_known")).await?;
    let swap = format!(
        "begin; alter table {parent} detach partition {name}; \
         alter table {parent} attach partition {name} for values from ({}) to ('{at}'); \
         alter table {parent} attach partition {next} for values from ('{at}') to (maxvalue); commit",
        literal(from, "minvalue"),
    );
    retried(session, &swap).await?;
    retried(session, &format!("alter table {name} drop constraint bounds_are_known")).await?;
    report.made.push(next);
    Ok(())
}

async fn prune(
    session: &Session,
    table: Table,
    now: Timestamp,
    retention: SignedDuration,
    report: &mut Report,
) -> Result<(), PgError> {
    let parent = format!("hearken.{}", table.name());
    let all = partitions(session, table).await?;
    let expired = partition::expired(&all, now - retention);
    if let [floor] = expired
        && floor.from.is_none()
        && !has_rows(session, &floor.name).await?
    {
        return Ok(());
    }
    for old in expired {
        if !is_read(session, table, &old.name).await? {
            break;
        }
        detach(session, &parent, &old.name).await?;
        if !is_read(session, table, &old.name).await? {
            // A transaction which was open all the while has committed since.
            let bounds = Bounds { from: old.from, to: old.to };
            attach(session, &parent, &old.name, &bounds).await?;
            break;
        }
        retried(session, &format!("drop table {}", old.name)).await?;
        report.dropped.push(old.name.clone());
    }
    fill_gaps(session, table, report).await
}

/// The partitions of a table, in order.
///
/// # Errors
///
/// Of the database.
pub async fn partitions(session: &Session, table: Table) -> Result<Vec<Partition>, PgError> {
    let sql = "select format('%I.%I', n.nspname, c.relname), pg_get_expr(c.relpartbound, c.oid) from pg_inherits i \
               join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace \
               where i.inhparent = $1::text::regclass and not i.inhdetachpending";
    let rows = session.client().query(sql, &[&format!("hearken.{}", table.name())]).await?;
    let mut found: Vec<Partition> = rows
        .iter()
        .filter_map(|row| {
            let (from, to) = parse_bounds(row.get(1))?;
            Some(Partition { name: row.get(0), from, to })
        })
        .collect();
    found.sort_by_key(|partition| partition.from);
    Ok(found)
}

/// Reads `FOR VALUES FROM ('2026-03-02 00:00:00+00') TO (MAXVALUE)`.
fn parse_bounds(text: &str) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
    let (from, to) = text.strip_prefix("FOR VALUES FROM (")?.split_once(") TO (")?;
    let bound = |text: &str| match text {
        "MINVALUE" | "MAXVALUE" => Some(None),
        quoted => quoted.trim_matches('\'').parse().ok().map(Some),
    };
    Some((bound(from)?, bound(to.strip_suffix(')')?)?))
}

async fn attach_new(
    session: &Session,
    table: Table,
    bounds: &Bounds,
    report: &mut Report,
) -> Result<(), PgError> {
    let name = make_aside(session, table, bounds).await?;
    attach(session, &format!("hearken.{}", table.name()), &name, bounds).await?;
    report.made.push(name);
    Ok(())
}

async fn make_aside(session: &Session, table: Table, bounds: &Bounds) -> Result<String, PgError> {
    let stem = match bounds.from {
        Some(from) => format!("{}_{}", table.name(), from.strftime("%Y%m%d")),
        None => format!("{}_floor", table.name()),
    };
    // The name may belong to the partition which is about to be replaced.
    let taken = session
        .client()
        .query_one("select to_regclass('hearken.' || quote_ident($1)) is not null", &[&stem])
        .await?;
    let name = if taken.get(0) { format!("{stem}_{}", suffix(session).await?) } else { stem };
    let name = format!("hearken.{name}");
    let sql = format!("create table {name} (like hearken.{} including all)", table.name());
    session.client().batch_execute(&sql).await?;
    Ok(name)
}

async fn suffix(session: &Session) -> Result<String, PgError> {
    let row = session.client().query_one("select pg_current_xact_id()::text", &[]).await?;
    Ok(row.get(0))
}

async fn attach(session: &Session, parent: &str, name: &str, bounds: &Bounds) -> Result<(), PgError> {
    let sql = format!(
        "alter table {parent} attach partition {name} for values from ({}) to ({})",
        literal(bounds.from, "minvalue"),
        literal(bounds.to, "maxvalue"),
    );
    retried(session, &sql).await
}

async fn detach(session: &Session, parent: &str, name: &str) -> Result<(), PgError> {
    let result =
        retried(session, &format!("alter table {parent} detach partition {name} concurrently")).await;
    if result.is_err() {
        // It is pending now, or not begun; the former must be brought to an end.
        retried(session, &format!("alter table {parent} detach partition {name} finalize")).await?;
    }
    Ok(())
}

fn literal(bound: Option<Timestamp>, none: &str) -> String {
    bound.map_or(none.to_owned(), |bound| format!("'{bound}'"))
}

async fn has_rows(session: &Session, name: &str) -> Result<bool, PgError> {
    Ok(session.client().query_one(&format!("select exists (select from {name})"), &[]).await?.get(0))
}

/// Whether nothing in a partition is still to be read.
async fn is_read(session: &Session, table: Table, name: &str) -> Result<bool, PgError> {
    if table != Table::Events {
        return Ok(true);
    }
    if !has_rows(session, name).await? {
        return Ok(true);
    }
    // What the old snapshot does not see: begun since, or in progress then.
    let sql = format!(
        "with p as materialized (select * from hearken.progress where source = 'events' order by n desc limit 1) \
         select exists (select from p where p.seq_max is null) \
            and not exists (select from {name} e where e.xid >= (select pg_snapshot_xmax(old) from p) \
                            and e.seq > (select seq_min from p)) \
            and not exists (select from {name} e where e.xid = any (array(select x from p, pg_snapshot_xip(p.old) x)) \
                            and e.seq > (select seq_min from p))"
    );
    Ok(session.client().query_one(&sql, &[]).await?.get(0))
}

/// Runs a statement until it gets its locks, a few times.
async fn retried(session: &Session, sql: &str) -> Result<(), PgError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match session.client().batch_execute(sql).await.map_err(PgError::from) {
            Err(error) if error.is_lock_timeout() && tries < TRIES => {
                // A statement list may have left a transaction behind.
                session.client().batch_execute("rollback").await?;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                session.client().batch_execute("rollback").await?;
                return Err(error);
            }
            Ok(()) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_the_catalogue_prints_them() {
        let text = "FOR VALUES FROM ('2026-03-02 00:00:00+00') TO (MAXVALUE)";
        assert_eq!(parse_bounds(text), Some((Some("2026-03-02T00:00Z".parse().expect("a time")), None)));
        let text = "FOR VALUES FROM (MINVALUE) TO ('2026-03-02 00:00:00+00')";
        assert_eq!(parse_bounds(text), Some((None, Some("2026-03-02T00:00Z".parse().expect("a time")))));
    }
}
