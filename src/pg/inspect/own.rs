//! Why hearken's own tables cannot be looked at.

use super::finding::{Finding, Subject};
use crate::pg::error::PgError;
use crate::pg::session::Session;

/// From the catalogue alone, which everybody may read.
const STATE: &str = "\
    select case \
        when n.oid is null then 'absent' \
        when c.oid is null then 'empty' \
        when not pg_catalog.has_schema_privilege(n.oid, 'usage') then 'closed' \
        when not pg_catalog.has_table_privilege(c.oid, 'select') then 'unreadable' \
        else 'open' \
    end \
    from (select) as one \
    left join pg_catalog.pg_namespace n on n.nspname = 'hearken' \
    left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'sources'";

/// Says what stands in the way, so that doorbells are not known. `role` is in quotes as
/// SQL has it.
pub(super) async fn unknown(session: &Session, role: &str) -> Result<Finding, PgError> {
    let state: String = session.client().query_one(STATE, &[]).await?.try_get(0)?;
    let finding = |why: String| {
        let message = format!("{why}, so doorbells are not looked at");
        Finding::warning(Subject::Settings(Vec::new()), message)
    };
    Ok(match state.as_str() {
        "absent" => {
            finding("there is no schema `hearken` in this database".to_owned()).command("hearken migrate")
        }
        "empty" => {
            finding("the schema `hearken` has not its tables yet".to_owned()).command("hearken migrate")
        }
        "closed" => finding(format!("the role {role} may not look into the schema `hearken`"))
            .sql(format!("grant usage on schema hearken to {role}")),
        "unreadable" => finding(format!("the role {role} may not read `hearken.sources`"))
            .sql(format!("grant select on hearken.sources to {role}")),
        _ => finding("`hearken.sources` could not be read".to_owned())
            .advice("try again when less is going on"),
    })
}
