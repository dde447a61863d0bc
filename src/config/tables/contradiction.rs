//! Keys of a table which cannot both hold, each by itself being fine.

use crate::config::error::place_of;
use crate::rules::foreign::{InboxSpec, SourceSpec, Strategy};
use crate::rules::name::{InboxName, SourceName};
use std::collections::BTreeMap;
use std::ops::Range;

/// The first contradiction in the descriptions of tables: where, and why.
pub(in crate::config) fn contradiction(
    text: &str,
    sources: &BTreeMap<SourceName, SourceSpec>,
    inboxes: &BTreeMap<InboxName, InboxSpec>,
) -> Option<(Range<usize>, String)> {
    let of_sources = sources.values().find_map(|source| of_source(text, source));
    of_sources.or_else(|| inboxes.values().find_map(|inbox| of_inbox(text, inbox)))
}

fn of_source(text: &str, source: &SourceSpec) -> Option<(Range<usize>, String)> {
    let (key, why) = match source.strategy {
        Strategy::Keys { .. } => {
            ("mark", "a source with strategy = \"keys\" is only read: leave `mark` out, or use \"flag\"")
        }
        Strategy::Flag { .. } => {
            ("keep", "ids are only remembered with strategy = \"keys\": leave `keep` out")
        }
    };
    let span = place_of(text, &["source", source.name.as_str(), key])?;
    Some((span, why.to_owned()))
}

fn of_inbox(text: &str, inbox: &InboxSpec) -> Option<(Range<usize>, String)> {
    let at = |key: &str, why: String| {
        let span = place_of(text, &["inbox", inbox.name.as_str(), key]).unwrap_or_default();
        Some((span, why))
    };
    if inbox.supersede.is_some() && inbox.waiting.is_none() {
        let why = "only rows which nobody has begun to work on are superseded: say which by `waiting`";
        return at("supersede", why.to_owned());
    }
    let conflict = inbox.dedup.as_ref().map(|dedup| dedup.conflict.as_slice()).unwrap_or_default();
    let tells_apart = |column: &&String| conflict.contains(column);
    if let Some(column) = inbox.replace.iter().flatten().find(tells_apart) {
        let why = format!("`{column}` tells the rows apart, by `conflict` of `dedup`: it is never replaced");
        return at("replace", why);
    }
    None
}
