//! Which drafts a gate takes together: `key`.

use crate::rules::path::Path;
use crate::rules::problem::Problem;
use crate::rules::routine::context::checked_path;
use crate::rules::routine::table::{Findings, Table, Text, Value, text_of, wrong_type};
use crate::rules::template::Variables;

/// The most parts a key may have; more say nothing new.
pub const KEY_PARTS_MAX: usize = 16;

/// Which drafts belong together: those with equal values there. Without parts,
/// all drafts of the item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeySpec(pub Vec<KeyPart>);

/// A part of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyPart {
    /// The value there, of the event or the row.
    Path(Path),
    /// The instant of the tick.
    Tick,
}

impl KeySpec {
    /// Whether drafts which are equal by `finer` are equal by this key too: each
    /// of its parts is a part of the other.
    #[must_use]
    pub fn is_within(&self, finer: &Self) -> bool {
        self.0.iter().all(|part| finer.0.iter().any(|known| known.is(part)))
    }
}

impl KeyPart {
    /// Whether two parts are the same value, however they are written.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(a), Self::Path(b)) => a.root() == b.root() && a.steps() == b.steps(),
            (Self::Tick, Self::Tick) => true,
            (Self::Path(_), Self::Tick) | (Self::Tick, Self::Path(_)) => false,
        }
    }
}

const DEDUP_HELP: &str = "say what must be equal: `dedup = { key = [\"data.refund_id\"] }`";

/// Reads the key of `dedup`, which must have one.
pub(super) fn required(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<KeySpec> {
    let Some(value) = table.get("key") else {
        let problem = Problem::error(table.span.clone(), "`dedup` has no `key`").label("says nothing equal");
        findings.missing(problem.help(DEDUP_HELP));
        return None;
    };
    let empty = ("`key` is empty, so that all matches would be one", DEDUP_HELP);
    read(findings, value, variables, empty)
}

/// Reads the key of another gate; without it, the gate takes all drafts of the
/// item together.
pub(super) fn optional(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<KeySpec> {
    let Some(value) = table.get("key") else {
        return Some(KeySpec::default());
    };
    let empty = ("`key` is empty", "leave it out to take all items of the routine together");
    read(findings, value, variables, empty)
}

fn read(
    findings: &mut Findings,
    value: &Value<'_>,
    variables: Variables,
    (empty, help): (&str, &str),
) -> Option<KeySpec> {
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "key", value, "an array of paths");
    };
    let message = match items.len() {
        0 => Some(empty.to_owned()),
        count if count > KEY_PARTS_MAX => Some(format!("`key` has at most {KEY_PARTS_MAX} parts")),
        _ => None,
    };
    if let Some(message) = message {
        findings.push(Problem::error(value.span(), message).label("not a key").help(help));
        return None;
    }
    let mut parts: Vec<KeyPart> = Vec::new();
    let mut all = true;
    for item in items {
        match part(findings, item, variables) {
            Some(part) if parts.iter().any(|other| other.is(&part)) => {
                let problem = Problem::error(item.span(), "this is in the key twice").label("again");
                findings.push(problem.help("remove it"));
                all = false;
            }
            Some(part) => parts.push(part),
            None => all = false,
        }
    }
    all.then_some(KeySpec(parts))
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
