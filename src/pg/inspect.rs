//! Holds what the settings and the routines say against the real tables:
//! `hearken check --database`.
//!
//! Expressions are parsed by the database, unique indexes are looked for by its
//! planner, columns and privileges come from its catalogue. Nothing is run which
//! could change anything: all of it is in one transaction which cannot write, and is
//! rolled back.
//!
//! Each check is a module of its own, and speaks for itself; they share what was read
//! of the tables (`catalog`), and a way to ask (`probe`).

mod arbiter;
mod catalog;
mod claim;
mod doorbell;
mod endpoint;
mod finding;
mod inbox;
mod item;
mod own;
mod policy;
mod pressure;
mod privilege;
mod probe;
mod retention;
mod source;
mod statement;

pub use self::finding::{Finding, Mend, Subject};

use self::catalog::{Table, Tables};
use self::probe::Probe;
use super::error::PgError;
use super::session::Session;
use crate::rules::endpoint::EndpointSpec;
use crate::rules::foreign::{InboxSpec, SourceSpec, TableName};
use crate::rules::name::{EndpointName, InboxName, SourceName};
use crate::rules::routine::{ItemSpec, Routine, RoutineSet};
use crate::rules::sql::Sql;
use std::collections::{BTreeMap, BTreeSet};

/// What is held against the tables.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// The sources of the settings, without hearken's own log.
    pub sources: &'a BTreeMap<SourceName, SourceSpec>,
    /// The inboxes of the settings, without hearken's own.
    pub inboxes: &'a BTreeMap<InboxName, InboxSpec>,
    /// The tables of endpoints.
    pub endpoints: &'a BTreeMap<EndpointName, EndpointSpec>,
    /// The query of `[pressure]`, if there is one.
    pub pressure: Option<&'a Sql>,
    /// The routines.
    pub routines: &'a RoutineSet,
}

/// What all checks have.
struct Ground<'a> {
    probe: Probe<'a>,
    described: Described<'a>,
    tables: Tables,
    /// The role, in quotes as SQL has it.
    role: String,
    /// Whose number a source has at the doorbell; none, if hearken's tables cannot be
    /// read.
    doorbells: Option<BTreeMap<String, String>>,
}

/// No waiting for anybody's lock, and no writing.
const BEGIN: &str = "begin read only; set local lock_timeout = '1s'; set local statement_timeout = '30s'";

/// Holds all of it against the database; the findings come in the order of the
/// settings and then of the routines.
///
/// # Errors
///
/// If the session is lost. What the database refuses is a finding.
pub async fn inspect(session: &Session, described: Described<'_>) -> Result<Vec<Finding>, PgError> {
    session.client().batch_execute(BEGIN).await?;
    let found = look(session, described).await;
    session.client().batch_execute("rollback").await?;
    found
}

async fn look(session: &Session, described: Described<'_>) -> Result<Vec<Finding>, PgError> {
    let ground = Ground::read(session, described).await?;
    let mut found = Vec::new();
    if ground.doorbells.is_none() {
        found.push(own::unknown(session, &ground.role).await?);
    }
    for spec in described.sources.values() {
        source::look(&ground, spec, &mut found).await?;
    }
    for spec in described.inboxes.values() {
        inbox::look(&ground, spec, &mut found).await?;
    }
    for spec in described.endpoints.values() {
        endpoint::look(&ground, spec, &mut found).await?;
    }
    pressure::look(&ground, &mut found).await?;
    retention::look(&ground, &mut found).await?;
    for routine in &described.routines.routines {
        statement::look(&ground, routine, &mut found).await?;
    }
    Ok(found)
}

impl<'a> Ground<'a> {
    async fn read(session: &'a Session, described: Described<'a>) -> Result<Ground<'a>, PgError> {
        let sources = described.sources.values().map(|spec| &spec.table);
        let inboxes = described.inboxes.values().map(|spec| &spec.table);
        let endpoints = described.endpoints.values().map(|spec| &spec.table);
        let names: BTreeSet<TableName> = sources.chain(inboxes).chain(endpoints).cloned().collect();
        let tables = catalog::read(session, &names).await?;
        let role = "select quote_ident(current_user)";
        let role: String = session.client().query_one(role, &[]).await?.try_get(0)?;
        let probe = Probe::new(session);
        let doorbells = probe.pairs("select name, id::text from hearken.sources").await?;
        let doorbells = doorbells.ok().map(|pairs| pairs.into_iter().collect());
        Ok(Ground { probe, described, tables, role, doorbells })
    }

    /// The table, if there is one which can be looked at; if not, that is noted.
    fn table(&self, name: &TableName, subject: Subject, found: &mut Vec<Finding>) -> Option<&Table> {
        let Some(table) = self.tables.get(name) else {
            let message = format!("there is no table `{name}` in this database");
            let advice = "see that the name is right, with its schema, and that this is the right database";
            found.push(Finding::error(subject, message).advice(advice));
            return None;
        };
        if !table.schema_usage {
            let message = format!("the role {} may not look into the schema `{}`", self.role, name.schema());
            let schema = crate::rules::foreign::quote_ident(name.schema());
            found.push(
                Finding::error(subject, message)
                    .sql(format!("grant usage on schema {schema} to {}", self.role)),
            );
            return None;
        }
        Some(table)
    }

    /// The items which routines put into an inbox.
    fn items_of(&self, inbox: &InboxName) -> impl Iterator<Item = (&'a Routine, &'a ItemSpec)> {
        let routines = &self.described.routines.routines;
        let all =
            routines.iter().flat_map(|routine| routine.items.iter().map(move |item| (&**routine, item)));
        let inbox = inbox.clone();
        all.filter(move |(_, item)| item.foreign.as_ref().is_some_and(|foreign| foreign.inbox == inbox))
    }
}
