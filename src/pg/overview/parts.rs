//! The statements behind each part of the overview, and how their rows are read.

use super::{Daemon, HeldCount, Letters, OpenItems, Pause, ScheduleState, SetInForce, SourceStands};
use tokio_postgres::Row;

pub(super) const DAEMONS: &str = "\
    select instance, state, routines, started_at, seen_at from hearken.daemons order by state, seen_at desc";

pub(super) const SET: &str = "\
    select hash, at, (select count(*) from jsonb_object_keys(members)) \
    from hearken.routine_sets order by n desc limit 1";

pub(super) const SOURCES: &str = "\
    select name, relation, failed_at, error from hearken.sources where relation is not null order by name";

pub(super) fn source_stands(row: &Row) -> Result<SourceStands, tokio_postgres::Error> {
    Ok(SourceStands {
        name: row.try_get(0)?,
        relation: row.try_get(1)?,
        failed_at: row.try_get(2)?,
        error: row.try_get(3)?,
    })
}

pub(super) const PAUSED: &str =
    "select routine, since, paused_by, reason from hearken.paused order by routine";

/// Each half along a partial index, whose size follows the backlog.
pub(super) const ITEMS: &str = "\
    select queue, state, count(*), min(due_at) from hearken.inbox_items \
    where state in ('waiting', 'failed') group by queue, state \
    union all \
    select queue, state, count(*), min(due_at) from hearken.inbox_items \
    where state = 'leased' group by queue, state \
    order by queue, state";

pub(super) const HELD: &str = "\
    select h.routine, h.gate, h.phase, h.drafts, h.next_due_at, p.routine is not null \
    from hearken.held_overview h left join hearken.paused p on p.routine = h.routine \
    order by h.routine, h.gate, h.phase";

pub(super) const LETTERS: &str =
    "select kind, count(*), max(at) from hearken.dead_letters group by kind order by kind";

pub(super) fn schedule_state(row: &Row) -> Result<ScheduleState, tokio_postgres::Error> {
    Ok(ScheduleState { routine: row.try_get(0)?, text: row.try_get(1)?, planned_until: row.try_get(2)? })
}

pub(super) fn daemon(row: &Row) -> Result<Daemon, tokio_postgres::Error> {
    Ok(Daemon {
        instance: row.try_get(0)?,
        state: row.try_get(1)?,
        routines: row.try_get(2)?,
        started_at: row.try_get(3)?,
        seen_at: row.try_get(4)?,
    })
}

pub(super) fn set_in_force(row: &Row) -> Result<SetInForce, tokio_postgres::Error> {
    Ok(SetInForce { hash: row.try_get(0)?, since: row.try_get(1)?, routines: row.try_get(2)? })
}

pub(super) fn pause(row: &Row) -> Result<Pause, tokio_postgres::Error> {
    Ok(Pause {
        routine: row.try_get(0)?,
        since: row.try_get(1)?,
        paused_by: row.try_get(2)?,
        reason: row.try_get(3)?,
    })
}

pub(super) fn open_items(row: &Row) -> Result<OpenItems, tokio_postgres::Error> {
    Ok(OpenItems {
        queue: row.try_get(0)?,
        state: row.try_get(1)?,
        count: row.try_get(2)?,
        due_at: row.try_get(3)?,
    })
}

pub(super) fn held_count(row: &Row) -> Result<HeldCount, tokio_postgres::Error> {
    Ok(HeldCount {
        routine: row.try_get(0)?,
        gate: row.try_get(1)?,
        phase: row.try_get(2)?,
        count: row.try_get(3)?,
        next_due_at: row.try_get(4)?,
        paused: row.try_get(5)?,
    })
}

pub(super) fn letters(row: &Row) -> Result<Letters, tokio_postgres::Error> {
    Ok(Letters { kind: row.try_get(0)?, count: row.try_get(1)?, newest: row.try_get(2)? })
}
