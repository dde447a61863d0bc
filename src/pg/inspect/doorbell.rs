//! Whether the doorbell of a source is in place, and rings.

use super::catalog::{Table, Trigger};
use super::finding::{Finding, Subject};
use crate::rules::foreign::{Doorbell, SourceSpec, quote_ident};
use std::collections::BTreeMap;

/// Looks at the triggers of a source's table. `ids` are the numbers of sources by
/// their names; none, if they are not known.
pub(super) fn look(
    ids: Option<&BTreeMap<String, String>>,
    spec: &SourceSpec,
    table: &Table,
    found: &mut Vec<Finding>,
) {
    let (Doorbell::On, Some(ids)) = (spec.doorbell, ids) else { return };
    let subject = || Subject::source(spec.name.as_str(), Some("doorbell"));
    let id = ids.get(spec.name.as_str());
    let ours: Vec<&Trigger> =
        table.triggers.iter().filter(|trigger| trigger.rings && Some(&trigger.argument) == id).collect();
    for trigger in ours.iter().filter(|trigger| !rings(trigger)) {
        let message = format!("the trigger `{}` on `{}` is switched off", trigger.name, spec.table);
        let name = quote_ident(&trigger.name);
        let sql = format!("alter table {} enable trigger {name}", spec.table.quoted());
        found.push(Finding::warning(subject(), message).sql(sql));
    }
    if !ours.iter().any(|trigger| trigger.on_insert) {
        let every = humantime::format_duration(spec.reconcile);
        let message =
            format!("no trigger on `{}` rings for new rows: they are looked for every {every}", spec.table);
        let command = format!("hearken install --source {}", spec.name);
        found.push(Finding::warning(subject(), message).command(command));
    }
}

/// Whether it fires for those who write.
fn rings(trigger: &Trigger) -> bool {
    matches!(trigger.state, 'O' | 'A')
}
