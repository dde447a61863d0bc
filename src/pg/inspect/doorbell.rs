//! Whether the doorbell of a source is in place, and rings.

use super::Ground;
use super::catalog::{Table, Trigger};
use super::finding::{Finding, Subject};
use crate::pg::error::PgError;
use crate::pg::install::grants::rings_for_updates;
use crate::rules::foreign::{Doorbell, SourceSpec, quote_ident};

/// Looks at the triggers of a source's table: one for new rows, and one for rows which
/// an update makes pending, where `hearken install` would make one.
pub(super) async fn look(
    ground: &Ground<'_>,
    spec: &SourceSpec,
    table: &Table,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let (Doorbell::On, Some(ids)) = (spec.doorbell, &ground.doorbells) else { return Ok(()) };
    let subject = || Subject::source(spec.name.as_str(), Some("doorbell"));
    let updates = hears_updates(ground, spec, table).await?;
    let id = ids.get(spec.name.as_str());
    let is_ours =
        |trigger: &&Trigger| trigger.rings && Some(&trigger.argument) == id && (trigger.on_insert || updates);
    let ours: Vec<&Trigger> = table.triggers.iter().filter(is_ours).collect();
    for trigger in ours.iter().filter(|trigger| !rings(trigger)) {
        let message = format!("the trigger `{}` on `{}` is switched off", trigger.name, spec.table);
        let name = quote_ident(&trigger.name);
        let sql = format!("alter table {} enable trigger {name}", spec.table.quoted());
        found.push(Finding::warning(subject(), message).sql(sql));
    }
    let no_insert = !ours.iter().any(|trigger| trigger.on_insert);
    let no_update = updates && !ours.iter().any(|trigger| trigger.on_update);
    let silent = match (no_insert, no_update) {
        (false, false) => return Ok(()),
        (true, false) => "new rows",
        (false, true) => "rows which an update makes pending",
        (true, true) => "new rows, nor for those which an update makes pending",
    };
    let every = humantime::format_duration(spec.reconcile);
    let message =
        format!("no trigger on `{}` rings for {silent}: they are looked for every {every}", spec.table);
    let command = format!("hearken install --source {}", spec.name);
    found.push(Finding::warning(subject(), message).command(command));
    Ok(())
}

/// Whether `hearken install` would make a trigger for updates.
async fn hears_updates(ground: &Ground<'_>, spec: &SourceSpec, table: &Table) -> Result<bool, PgError> {
    if !matches!(table.kind, 'r' | 'p') {
        return Ok(false);
    }
    let columns: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let asked = rings_for_updates(ground.probe.session(), spec, &columns);
    // What could not be asked is not known to be missing.
    Ok(ground.probe.within(asked).await?.unwrap_or(false))
}

/// Whether it fires for those who write.
fn rings(trigger: &Trigger) -> bool {
    matches!(trigger.state, 'O' | 'A')
}
