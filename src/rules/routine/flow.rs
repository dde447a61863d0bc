//! What becomes of many matches: `[flow]`.

use super::context::checked_path;
use super::table::{Findings, Keys, Table, Text, Value, not_built, table_of, text_of, wrong_type};
use crate::rules::path::Path;
use crate::rules::problem::Problem;
use crate::rules::template::Variables;
use crate::rules::text::closest;

/// The most parts a dedup key may have; more say nothing new.
pub const KEY_PARTS_MAX: usize = 16;

/// What becomes of many matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// Which matches are one thing; each is one of its own, if none.
    pub dedup: Option<Dedup>,
}

/// Which matches are one thing: those with equal values. The first of them makes
/// the item, for as long as the inbox knows its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Dedup {
    /// What must be equal; at least one part.
    pub key: Vec<KeyPart>,
}

/// A part of a dedup key.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyPart {
    /// The value there, of the event or the row.
    Path(Path),
    /// The instant of the tick.
    Tick,
}

const KEYS: Keys<'static> = Keys {
    owner: "`[flow]`",
    known: &["dedup"],
    later: &[
        ("debounce", "every match makes an item at once; `dedup` makes one item of equal matches"),
        ("batch", "every match makes an item at once; let the worker take several"),
        ("hours", "items are due at once; a schedule chooses its hours with `cron`"),
        ("limit", "every match makes an item at once"),
        ("supersede", "the first item of equal matches stays; see `dedup`"),
        ("overlap", "every tick makes an item, whether the last one is done or not"),
        ("loop", "an event which a worker writes is an event like any other; exclude it in `[when]`"),
    ],
};

const DEDUP_KEYS: Keys<'static> =
    Keys { owner: "`dedup`", known: &["key", "window", "on_conflict"], later: &[] };

const DEDUP_HELP: &str = "say what must be equal: `dedup = { key = [\"data.refund_id\"] }`";

/// Reads `[flow]` of the whole file; without it, every match is an item.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>, variables: Variables) -> Option<Flow> {
    if root.get("flow").is_none() {
        return Some(Flow::default());
    }
    let table = root.table(findings, "flow")?;
    table.check_keys(findings, &KEYS);
    let Some(value) = table.get("dedup") else {
        return Some(Flow::default());
    };
    let Some(dedup) = table_of(value) else {
        return wrong_type(findings, "dedup", value, "a table with `key`");
    };
    self::dedup(findings, &dedup, variables).map(|dedup| Flow { dedup: Some(dedup) })
}

fn dedup(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Dedup> {
    table.check_keys(findings, &DEDUP_KEYS);
    let window = only(findings, table, "window", "forever", "a key is remembered for good");
    let conflict = only(findings, table, "on_conflict", "skip", "the first item stays as it is");
    let key = key(findings, table, variables);
    (window? && conflict?).then_some(Dedup { key: key? })
}

/// Reads a key which has one value so far.
fn only(findings: &mut Findings, table: &Table<'_>, key: &str, word: &str, why: &str) -> Option<bool> {
    if table.get(key).is_none() {
        return Some(true);
    }
    let text = table.text(findings, key)?;
    if text.text == word {
        return Some(true);
    }
    let help = match closest(text.text, [word]) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("leave it out, or write `{key} = \"{word}\"`: {why}"),
    };
    findings.push(not_built(text.span, &format!("{key} = \"{}\"", text.text), &help));
    None
}

fn key(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Vec<KeyPart>> {
    let Some(value) = table.get("key") else {
        let problem = Problem::error(table.span.clone(), "`dedup` has no `key`").label("says nothing equal");
        findings.missing(problem.help(DEDUP_HELP));
        return None;
    };
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "key", value, "an array of paths");
    };
    let message = match items.len() {
        0 => Some("`key` is empty, so that all matches would be one".to_owned()),
        count if count > KEY_PARTS_MAX => Some(format!("`key` has at most {KEY_PARTS_MAX} parts")),
        _ => None,
    };
    if let Some(message) = message {
        findings.push(Problem::error(value.span(), message).label("not a key").help(DEDUP_HELP));
        return None;
    }
    let mut parts = Vec::new();
    let mut all = true;
    for item in items {
        match part(findings, item, variables) {
            Some(part) if parts.iter().any(|other| same(other, &part)) => {
                let problem = Problem::error(item.span(), "this is in the key twice").label("again");
                findings.push(problem.help("remove it"));
                all = false;
            }
            Some(part) => parts.push(part),
            None => all = false,
        }
    }
    all.then_some(parts)
}

/// Whether two parts are the same value, however they are written.
fn same(a: &KeyPart, b: &KeyPart) -> bool {
    match (a, b) {
        (KeyPart::Path(a), KeyPart::Path(b)) => a.root() == b.root() && a.steps() == b.steps(),
        (KeyPart::Tick, KeyPart::Tick) => true,
        _ => false,
    }
}

fn part(findings: &mut Findings, item: &Value<'_>, variables: Variables) -> Option<KeyPart> {
    let Some(text) = text_of(item) else {
        return wrong_type(findings, "key", item, "an array of paths");
    };
    if text.text == "tick" && !variables.has_event() {
        return Some(KeyPart::Tick);
    }
    let Some(roots) = variables.roots() else {
        let problem = Problem::error(text.span, "a tick has no fields").label("only events have fields");
        findings.push(problem.help("its instant is `\"tick\"`"));
        return None;
    };
    let path = checked_path(findings, &text, roots)?;
    if path.has_quantifier() {
        return quantified(findings, text);
    }
    Some(KeyPart::Path(path))
}

fn quantified(findings: &mut Findings, text: Text<'_>) -> Option<KeyPart> {
    let problem = Problem::error(text.span, "a path of `key` has no `[any]`, `[all]` or `[none]`");
    let help = "leave it out: the value is the list of what all elements have there";
    findings.push(problem.label("says how many elements must match").help(help));
    None
}

#[cfg(test)]
mod tests;
