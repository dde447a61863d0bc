//! The rights which each role needs, and no more: what a DBA is shown.
//!
//! The daemon reads and marks the rows of sources, and puts rows into inboxes: only
//! the columns which the routines in hand set or change. Those who write to a source
//! need nothing for its doorbell, since a trigger fires without a right to its
//! function, and that function uses nothing but what everybody may.

use super::condition::{self, Condition};
use super::parts::Parts;
use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::{Conflict, InboxSpec, SourceSpec, Strategy, TableName, quote_ident};
use crate::rules::gate::request::OnConflict;
use crate::rules::routine::{Routine, RoutineSet};
use crate::rules::sql::targets;
use std::collections::BTreeSet;

/// Whom rights are printed for.
#[derive(Clone, Copy, Debug)]
pub struct Roles<'a> {
    /// The daemon; the role of the session, if none.
    pub daemon: Option<&'a str>,
    /// Who writes to sources.
    pub writer: Option<&'a str>,
    /// Who leases items from hearken's own inbox.
    pub worker: Option<&'a str>,
}

/// What a worker of hearken's own inbox needs; `docs/operations.md` has the same.
const WORKER: [&str; 21] = [
    "usage on schema hearken",
    "usage on sequence hearken.lease_tokens",
    "select on hearken.inbox_items, hearken.queues, hearken.queue_uses, hearken.lease_timer",
    "insert on hearken.queue_uses",
    "update (state, token, attempt, due_at, lease_until, leased_at, deadline_at, counted, finished_at, worker, \
     result, error, errors, progress, progress_at) on hearken.inbox_items",
    "execute on function hearken.now(), hearken.backoff(integer, text)",
    "execute on function hearken.lease(text, text[], integer, interval, text[])",
    "execute on function hearken.next_due(text[]), hearken.next_due(text[], text[])",
    "execute on function hearken.extend(bigint, bigint, interval), hearken.progress(bigint, bigint, jsonb)",
    "execute on function hearken.complete(bigint, bigint, jsonb), hearken.complete_all(bigint[], bigint[], jsonb[])",
    "execute on function hearken.fail(bigint, bigint, text, boolean, interval)",
    "execute on function hearken.snooze(bigint, bigint, interval, text), hearken.release(bigint, bigint)",
    "execute on function hearken.expire_leases(integer)",
    "execute on function hearken.limited_queues(text[])",
    "execute on function hearken.sees_all_tenants(), hearken.my_work()",
    "execute on function hearken.pick_limited(text, integer, integer, text[], text[], timestamptz)",
    "execute on function hearken.find_floors(text[], jsonb, integer, timestamptz)",
    "execute on function hearken.next_room(text, timestamptz, timestamptz)",
    "execute on function hearken.was_answered(bigint, bigint, text[])",
    "execute on function hearken.add_error(jsonb, integer, text, timestamptz, text, text)",
    "execute on function hearken.ring_queue(text), hearken.ring_for_slot(text), hearken.ring_for_waiting(bytea, bytea)",
];

/// Adds the grants to the parts of those who may give them. Asks the database who owns
/// the tables, and which sequences stand behind their defaults.
///
/// # Errors
///
/// Of the database.
pub async fn grants(
    session: &Session,
    sources: &[&SourceSpec],
    inboxes: &[&InboxSpec],
    routines: &RoutineSet,
    roles: Roles<'_>,
    parts: &mut Parts,
) -> Result<(), PgError> {
    let current = current_role(session).await?;
    let daemon = roles.daemon.unwrap_or(&current);
    for spec in sources {
        for_table(session, &spec.table, daemon, &of_source(spec), parts).await?;
    }
    for spec in inboxes {
        for_table(session, &spec.table, daemon, &of_inbox(spec, routines), parts).await?;
    }
    let first = parts.first();
    if let Some(writer) = roles.writer {
        let nothing = "nothing. The doorbell needs no right of whoever writes to a source.";
        parts.grant(&first, format!("-- Writers, as {writer}: {nothing}"));
    }
    if let Some(worker) = roles.worker {
        parts.grant(&first, format!("-- Workers of hearken's own inbox, as {worker}"));
        for right in WORKER {
            parts.grant(&first, format!("grant {right} to {}", quote_ident(worker)));
        }
    }
    Ok(())
}

async fn current_role(session: &Session) -> Result<String, PgError> {
    Ok(session.client().query_one("select current_user::text", &[]).await?.try_get(0)?)
}

/// Whether a source gets a trigger for updates, if its table has these columns. Only
/// reads; what the database refuses aborts the transaction. Errors are the database's.
pub(crate) async fn rings_for_updates(
    session: &Session,
    spec: &SourceSpec,
    columns: &[String],
) -> Result<bool, PgError> {
    Ok(matches!(condition::of(session, spec, columns).await?, Condition::When(_)))
}

/// What the daemon does to a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The columns which it sets in new rows.
    pub(crate) insert: BTreeSet<String>,
    /// Those which it changes in rows that are there.
    pub(crate) update: BTreeSet<String>,
}

/// Reads all of it, since rows are known by their place; and marks.
fn of_source(spec: &SourceSpec) -> Rights {
    let update = match &spec.strategy {
        Strategy::Flag { mark } => targets(mark).into_iter().collect(),
        Strategy::Keys { .. } => BTreeSet::new(),
    };
    Rights { update, ..Rights::default() }
}

/// Puts what the routines set, and changes what they change.
pub(crate) fn of_inbox(spec: &InboxSpec, routines: &RoutineSet) -> Rights {
    let mut rights = Rights::default();
    for routine in &routines.routines {
        let set = columns_set(spec, routine);
        if set.is_empty() {
            continue;
        }
        rights.update.extend(columns_changed(spec, routine, &set));
        rights.insert.extend(set);
    }
    if !rights.insert.is_empty() {
        let filled = spec.dedup.as_ref().and_then(|dedup| dedup.column.as_ref());
        rights.insert.extend(filled.into_iter().chain(&spec.tenant).chain(&spec.due).cloned());
    }
    rights
}

/// The columns of the inbox which a routine's items set.
fn columns_set(spec: &InboxSpec, routine: &Routine) -> BTreeSet<String> {
    let items = routine.items.iter().filter_map(|item| item.foreign.as_ref());
    let ours = items.filter(|foreign| foreign.inbox == spec.name);
    ours.flat_map(|foreign| foreign.columns.iter().map(|field| field.name.clone())).collect()
}

/// Those which it changes in rows that are there.
fn columns_changed(spec: &InboxSpec, routine: &Routine, set: &BTreeSet<String>) -> BTreeSet<String> {
    let flow = &routine.flow;
    let mut changed = BTreeSet::new();
    let upserts = spec.dedup.as_ref().is_some_and(|dedup| dedup.on_conflict == Conflict::Replace);
    let replaces = flow.dedup.as_ref().is_some_and(|dedup| dedup.on_conflict == OnConflict::Replace);
    if upserts || replaces {
        let conflict = spec.dedup.as_ref().map(|dedup| dedup.conflict.as_slice()).unwrap_or_default();
        match &spec.replace {
            Some(columns) => changed.extend(columns.iter().cloned()),
            None => changed.extend(set.iter().filter(|column| !conflict.contains(column)).cloned()),
        }
    }
    if flow.collects() {
        changed.extend(spec.append.iter().cloned());
    }
    if flow.supersede.is_some() {
        changed.extend(spec.supersede.as_deref().map(targets).unwrap_or_default());
    }
    changed
}

/// The grants on one table, of its owner and that of its schema; a remark, if the role
/// owns it.
async fn for_table(
    session: &Session,
    table: &TableName,
    role: &str,
    rights: &Rights,
    parts: &mut Parts,
) -> Result<(), PgError> {
    // The role may be one which is still to be made.
    let sql = "\
        select coalesce((select pg_catalog.pg_has_role(r.oid, c.relowner, 'usage') \
                         from pg_catalog.pg_roles r where r.rolname = $3), false), \
               array(select distinct pg_catalog.format('%I.%I', m.nspname, s.relname) \
                     from pg_catalog.pg_attrdef d \
                     join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum \
                     join pg_catalog.pg_depend p on p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass \
                          and p.objid = d.oid and p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
                     join pg_catalog.pg_class s on s.oid = p.refobjid and s.relkind = 'S' \
                     join pg_catalog.pg_namespace m on m.oid = s.relnamespace \
                     where d.adrelid = c.oid and a.attname <> all ($4)), \
               pg_catalog.pg_get_userbyid(c.relowner)::text, \
               pg_catalog.pg_get_userbyid(case pg_catalog.pg_get_userbyid(n.nspowner) \
                   when 'pg_database_owner' \
                   then (select b.datdba from pg_catalog.pg_database b \
                         where b.datname = pg_catalog.current_database()) \
                   else n.nspowner end)::text \
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
        where n.nspname = $1 and c.relname = $2";
    let set: Vec<&str> = rights.insert.iter().map(String::as_str).collect();
    let row = session.client().query_opt(sql, &[&table.schema(), &table.name(), &role, &set]).await?;
    let Some(row) = row else {
        let first = parts.first();
        parts.grant(&first, format!("-- There is no table {table}."));
        return Ok(());
    };
    let (sequences, owner, schema_owner): (Vec<String>, String, String) =
        (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    if row.try_get::<_, bool>(0)? {
        parts.grant(&owner, format!("-- {table} is {role}'s own: nothing to grant."));
        return Ok(());
    }
    let schema = quote_ident(table.schema());
    parts.grant(&schema_owner, format!("grant usage on schema {schema} to {}", quote_ident(role)));
    for line in written(table, role, rights, &sequences) {
        parts.grant(&owner, line);
    }
    Ok(())
}

fn written(table: &TableName, role: &str, rights: &Rights, sequences: &[String]) -> Vec<String> {
    let (role, quoted) = (quote_ident(role), table.quoted());
    let listed = |columns: &BTreeSet<String>| {
        columns.iter().map(|name| quote_ident(name)).collect::<Vec<_>>().join(", ")
    };
    let mut lines = vec![format!("grant select on {quoted} to {role}")];
    for (right, columns) in [("insert", &rights.insert), ("update", &rights.update)] {
        if !columns.is_empty() {
            lines.push(format!("grant {right} ({}) on {quoted} to {role}", listed(columns)));
        }
    }
    if !rights.insert.is_empty() {
        for sequence in sequences {
            lines.push(format!("grant usage on sequence {sequence} to {role}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::foreign::DedupSpec;
    use crate::rules::name::{InboxName, RoutineName};
    use std::sync::Arc;

    fn inbox() -> InboxSpec {
        InboxSpec {
            name: InboxName::parse("agents").unwrap(),
            table: TableName::parse("public.items").unwrap(),
            dedup: Some(DedupSpec {
                column: Some("dedup_key".to_owned()),
                conflict: vec!["dedup_key".to_owned()],
                filter: None,
                on_conflict: Conflict::Skip,
            }),
            tenant: Some("tenant_id".to_owned()),
            due: None,
            open: Some("status = 'pending'".to_owned()),
            waiting: Some("status = 'pending'".to_owned()),
            supersede: Some("status = 'superseded', seen = false".to_owned()),
            replace: None,
            append: vec!["context".to_owned()],
            lease: None,
        }
    }

    /// What is inserted, and what is updated, for a routine with these gates.
    #[track_caller]
    fn check(flow: &str, insert: &[&str], update: &[&str]) {
        let text = format!(
            "title = \"T\"\n[on.event]\n{flow}\n[item]\ninbox = \"agents\"\ntitle = \"t\"\n\
             [item.context]\nid = {{ get = \"data.id\" }}\n"
        );
        let name = RoutineName::parse("r").unwrap();
        let routine = crate::rules::routine::parse(&name, "r.toml", &text).unwrap();
        let rights = of_inbox(&inbox(), &RoutineSet::new(vec![Arc::new(routine)]));
        assert_eq!(rights.insert.iter().collect::<Vec<_>>(), insert, "{flow}");
        assert_eq!(rights.update.iter().collect::<Vec<_>>(), update, "{flow}");
    }

    #[test]
    fn an_inbox_gives_what_its_routines_use() {
        let set = ["context", "dedup_key", "tenant_id", "title"];
        check("", &set, &[]);
        let dedup = "[flow.dedup]\nkey = [\"data.id\"]\nwindow = \"while_open\"\non_conflict = \"replace\"\n";
        check(dedup, &set, &["context", "title"]);
        check("[flow]\nsupersede = { key = [\"data.id\"] }", &set, &["seen", "status"]);
    }

    #[test]
    fn rights_are_written_column_by_column() {
        let rights = Rights {
            insert: BTreeSet::from(["a".to_owned(), "B".to_owned()]),
            update: BTreeSet::from(["done".to_owned()]),
        };
        let table = TableName::parse("app.jobs").unwrap();
        let want = [
            "grant select on \"app\".\"jobs\" to \"d\"",
            "grant insert (\"B\", \"a\") on \"app\".\"jobs\" to \"d\"",
            "grant update (\"done\") on \"app\".\"jobs\" to \"d\"",
            "grant usage on sequence app.s to \"d\"",
        ];
        assert_eq!(written(&table, "d", &rights, &["app.s".to_owned()]), want);
    }
}
