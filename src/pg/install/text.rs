//! The statements which make and drop triggers.

use super::Hung;
use super::catalog::Kind;
use crate::rules::foreign::{SourceSpec, quote_ident};
use crate::rules::name::SourceName;
use sha2::{Digest, Sha256};

/// The longest name PostgreSQL has, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 63;

/// The name of a trigger. `zz` sorts it behind those of the table's own, since
/// triggers of one kind fire in the order of their names.
fn name(what: &str, source: &SourceName) -> String {
    let name = format!("zz_hearken_{what}_{source}");
    if name.len() <= IDENTIFIER_BYTES_MAX {
        return name;
    }
    // Names of sources are ASCII, so that it can be cut anywhere.
    let digest = hex::encode(Sha256::digest(&name));
    let (kept, mark) = (&name[..IDENTIFIER_BYTES_MAX - 9], &digest[..8]);
    format!("{kept}_{mark}")
}

/// Rings for each statement which inserts.
pub(super) fn on_insert(spec: &SourceSpec, id: i32) -> String {
    format!(
        "create or replace trigger {} after insert on {} \
         for each statement execute function hearken.ring('{id}')",
        quote_ident(&name("doorbell", &spec.name)),
        spec.table.quoted()
    )
}

/// Rings for rows which an update makes pending.
pub(super) fn on_update(spec: &SourceSpec, id: i32, when: &str, kind: Kind) -> Vec<String> {
    let (trigger, table) = (quote_ident(&name("pending", &spec.name)), spec.table.quoted());
    let tail =
        format!("after update on {table} for each row when ({when}) execute function hearken.ring('{id}')");
    if kind != Kind::Partitioned {
        return vec![format!("create or replace trigger {trigger} {tail}")];
    }
    // Such a trigger of a partitioned table cannot be replaced.
    vec![format!("drop trigger if exists {trigger} on {table}"), format!("create trigger {trigger} {tail}")]
}

/// Takes a trigger off.
pub(super) fn drop(trigger: &Hung) -> String {
    format!("drop trigger if exists {} on {}", quote_ident(&trigger.trigger), trigger.table)
}

/// Statements as one transaction for psql.
pub(super) fn script(title: &str, remarks: &[String], statements: &[String]) -> String {
    let mut text = format!("-- {title}\n");
    for remark in remarks {
        text.push_str(&format!("-- Note: {remark}.\n"));
    }
    if statements.is_empty() {
        text.push_str("-- Nothing to do.\n\n");
        return text;
    }
    text.push_str("begin;\nset local lock_timeout = '2s';\nset local search_path = pg_catalog, pg_temp;\n");
    for statement in statements {
        text.push_str(statement);
        text.push_str(";\n");
    }
    text.push_str("commit;\n\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_told_apart() {
        let source = |text: &str| SourceName::parse(text).unwrap();
        assert_eq!(name("doorbell", &source("plugins")), "zz_hearken_doorbell_plugins");
        let (one, other) = (format!("{}1", "x".repeat(47)), format!("{}2", "x".repeat(47)));
        let (one, other) = (name("doorbell", &source(&one)), name("doorbell", &source(&other)));
        assert_eq!((one.len(), other.len()), (63, 63));
        assert_ne!(one, other);
    }

    #[test]
    fn a_script_says_what_is_left_out() {
        let statements = ["select 1".to_owned(), "select 2".to_owned()];
        let text = script("Title", &["this is so".to_owned()], &statements);
        let want = "-- Title\n-- Note: this is so.\nbegin;\nset local lock_timeout = '2s';\n\
                    set local search_path = pg_catalog, pg_temp;\nselect 1;\nselect 2;\ncommit;\n\n";
        assert_eq!(text, want);
        assert!(script("Title", &[], &[]).contains("Nothing to do"));
    }
}
