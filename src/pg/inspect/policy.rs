//! Row-level security which would hide rows from the daemon, or refuse its own.
//!
//! A row which is hidden is no error to PostgreSQL: the claim would find nothing, for
//! ever.

use super::catalog::{Policy, Table};
use super::finding::{Finding, Subject};
use super::privilege::Needs;
use crate::rules::endpoint::EndpointSpec;
use crate::rules::foreign::{InboxSpec, SourceSpec, Strategy, TableName};
use crate::rules::text::listed;

/// What is done with rows, in the letters of `pg_policy.polcmd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Select,
    Insert,
    Update,
}

impl Deed {
    fn letter(self) -> char {
        match self {
            Self::Select => 'r',
            Self::Insert => 'a',
            Self::Update => 'w',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
        }
    }
}

/// How far policies let a deed be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// With every row.
    Open,
    /// With those which meet conditions.
    Narrow,
    /// With none.
    Closed,
}

/// Looks at the policies of a source's table.
pub(super) fn of_source(role: &str, spec: &SourceSpec, table: &Table, found: &mut Vec<Finding>) {
    let deeds: &[Deed] = match spec.strategy {
        Strategy::Flag { .. } => &[Deed::Select, Deed::Update],
        Strategy::Keys { .. } => &[Deed::Select],
    };
    let subject = Subject::source(spec.name.as_str(), Some("table"));
    found.extend(look(role, subject, &spec.table, table, deeds));
}

/// Looks at the policies of a table of endpoints.
pub(super) fn of_endpoint(role: &str, spec: &EndpointSpec, table: &Table, found: &mut Vec<Finding>) {
    let subject = Subject::endpoint(spec.name.as_str(), Some("table"));
    found.extend(look(role, subject, &spec.table, table, &[Deed::Select]));
}

/// Looks at the policies of an inbox's table.
pub(super) fn of_inbox(role: &str, spec: &InboxSpec, table: &Table, needs: &Needs, found: &mut Vec<Finding>) {
    let deeds: &[Deed] = if needs.update.is_empty() {
        &[Deed::Insert, Deed::Select]
    } else {
        &[Deed::Insert, Deed::Select, Deed::Update]
    };
    let subject = Subject::inbox(spec.name.as_str(), Some("table"));
    found.extend(look(role, subject, &spec.table, table, deeds));
}

fn look(role: &str, subject: Subject, name: &TableName, table: &Table, deeds: &[Deed]) -> Option<Finding> {
    if !table.row_security {
        return None;
    }
    let of = |passage: Passage| {
        let deeds = deeds.iter().filter(move |deed| self::passage(&table.policies, **deed) == passage);
        deeds.map(|deed| deed.word()).collect::<Vec<_>>()
    };
    let (closed, narrow) = (of(Passage::Closed), of(Passage::Narrow));
    let applying = table.policies.iter().filter(|policy| policy.applies).map(|policy| policy.name.as_str());
    let finding = match (closed.as_slice(), narrow.as_slice()) {
        ([], []) => return None,
        ([], narrow) => {
            let message = format!(
                "row-level security on `{name}` lets {role} {} only such rows as {} allow",
                narrow.join(" and "),
                listed(applying)
            );
            Finding::warning(subject, message)
        }
        (closed, _) => {
            let closed = closed.join(" and ");
            let message =
                format!("no policy lets {role} {closed} any row of `{name}`, by row-level security");
            Finding::error(subject, message)
        }
    };
    Some(finding.sql(mend(role, name, table)))
}

/// A policy of the role's own; where others restrict what all policies allow, only
/// passing them by helps.
fn mend(role: &str, name: &TableName, table: &Table) -> String {
    if table.policies.iter().any(|policy| policy.applies && !policy.permissive) {
        return format!("alter role {role} bypassrls");
    }
    let taken = |name: &&str| table.policies.iter().any(|policy| policy.name == *name);
    let names = ["hearken", "hearken_daemon", "hearken_all"];
    let free = names.into_iter().find(|name| !taken(name)).unwrap_or("hearken_all_rows");
    format!("create policy {free} on {} to {role} using (true) with check (true)", name.quoted())
}

/// How far the policies which apply let a deed be done: one of the permissive ones
/// must hold, and all restrictive ones.
fn passage(policies: &[Policy], deed: Deed) -> Passage {
    let about = |policy: &&Policy| policy.applies && ['*', deed.letter()].contains(&policy.command);
    let mut permissive = policies.iter().filter(about).filter(|policy| policy.permissive).peekable();
    if permissive.peek().is_none() {
        return Passage::Closed;
    }
    let mut restrictive = policies.iter().filter(about).filter(|policy| !policy.permissive);
    if permissive.any(|policy| is_open(policy, deed)) && restrictive.all(|policy| is_open(policy, deed)) {
        Passage::Open
    } else {
        Passage::Narrow
    }
}

/// Whether a policy has no condition for a deed. Without `with check`, what holds for
/// rows which are there holds for new ones.
fn is_open(policy: &Policy, deed: Deed) -> bool {
    let is_true = |condition: &Option<String>| condition.as_deref().is_some_and(|text| text == "true");
    let new_rows = if policy.check.is_some() { &policy.check } else { &policy.using };
    match deed {
        Deed::Select => is_true(&policy.using),
        Deed::Insert => is_true(new_rows),
        Deed::Update => is_true(&policy.using) && is_true(new_rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_which_apply_are_put_together() {
        let all = policy('*', "true", "");
        check(&[], Deed::Select, Passage::Closed);
        check(std::slice::from_ref(&all), Deed::Insert, Passage::Open);
        check(&[policy('r', "true", "")], Deed::Update, Passage::Closed);
        check(&[policy('*', "tenant = 'a'", "")], Deed::Select, Passage::Narrow);
        check(&[policy('*', "tenant = 'a'", ""), all.clone()], Deed::Select, Passage::Open);
        check(&[policy('w', "true", "state = 'x'")], Deed::Update, Passage::Narrow);
        check(&[policy('a', "", "true")], Deed::Insert, Passage::Open);
        let others = Policy { applies: false, ..all.clone() };
        check(&[others], Deed::Select, Passage::Closed);
        let restricts = Policy { permissive: false, ..policy('*', "tenant = 'a'", "") };
        check(&[restricts.clone(), all], Deed::Select, Passage::Narrow);
        check(&[restricts], Deed::Select, Passage::Closed);
    }

    #[track_caller]
    fn check(policies: &[Policy], deed: Deed, want: Passage) {
        assert_eq!(passage(policies, deed), want);
    }

    fn policy(command: char, using: &str, check: &str) -> Policy {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Policy {
            name: "p".to_owned(),
            permissive: true,
            command,
            applies: true,
            using: text(using),
            check: text(check),
        }
    }
}
