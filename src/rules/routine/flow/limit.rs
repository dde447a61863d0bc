//! Reads `limit`: how many items there may be.

mod review;

use super::align;
use super::key::{self, KeySpec};
use super::read::{self, HELD_MAX, Setting};
use crate::rules::gate::limit::{Excess, Per};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Keys, Table, Value, table_of, wrong_type};
use crate::rules::template::Variables;
use jiff::SignedDuration;
use std::ops::Range;

/// The most limits of a routine; each is asked about every draft.
pub const LIMITS_MAX: usize = 8;

/// The most uses a limit may count.
pub const USES_MAX: u32 = 100_000;

/// How many items there may be of a kind.
#[derive(Clone, Debug)]
pub struct LimitSpec {
    /// Of which kind.
    pub key: KeySpec,
    /// So many, 0 to [`USES_MAX`]; with 0, none.
    pub max: Setting<u32>,
    /// So many of them are used already, by others.
    pub used: Setting<u32>,
    /// In such a time.
    pub per: Per,
    /// What becomes of the others.
    pub excess: Excess,
}

/// A limit and its place in the file.
struct Placed {
    spec: LimitSpec,
    span: Range<usize>,
}

const KEYS: Keys<'static> = Keys {
    owner: "`limit`",
    known: &["key", "max", "per", "used", "excess", "max_delay", "align", "tz"],
    later: &[],
};

/// A word of `excess`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Drop,
    Delay,
}

const EXCESS: [(&str, Word); 2] = [("drop", Word::Drop), ("delay", Word::Delay)];

const HELP: &str = "say how many there may be in which time: `limit = { max = 20, per = \"1h\" }`";

/// Reads `limit`: one, or a list of them.
pub(super) fn parse(
    findings: &mut Findings,
    flow: &Table<'_>,
    variables: Variables,
) -> Option<Vec<LimitSpec>> {
    let Some(value) = flow.get("limit") else {
        return Some(Vec::new());
    };
    if let Some(table) = table_of(value) {
        return one(findings, &table, variables).map(|limit| vec![limit]);
    }
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "limit", value, "a table with `max` and `per`, or a list of them");
    };
    let message = match items.len() {
        0 => Some("`limit` is empty, so that it limits nothing".to_owned()),
        count if count > LIMITS_MAX => Some(format!("a routine has at most {LIMITS_MAX} limits")),
        _ => None,
    };
    if let Some(message) = message {
        findings.push(Problem::error(value.span(), message).label("not limits").help(HELP));
        return None;
    }
    // All of them are read, so that all that is wrong is found.
    let read = items.iter().map(|item| placed(findings, item, variables)).collect::<Vec<_>>();
    let limits = read.into_iter().collect::<Option<Vec<_>>>()?;
    let sound = review::review(findings, &limits);
    sound.then(|| limits.into_iter().map(|placed| placed.spec).collect())
}

fn placed(findings: &mut Findings, item: &Value<'_>, variables: Variables) -> Option<Placed> {
    let Some(table) = table_of(item) else {
        return wrong_type(findings, "limit", item, "a table");
    };
    one(findings, &table, variables).map(|spec| Placed { spec, span: item.span() })
}

fn one(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<LimitSpec> {
    table.check_keys(findings, &KEYS);
    let key = key::optional(findings, table, variables);
    let max = read::require(findings, table, "limit", "max", HELP)
        .and_then(|()| read::setting(findings, table, "max", variables, uses))
        .and_then(|max| lets_some_through(findings, table, max));
    let used = match table.get("used") {
        None => Some(Setting::Fixed(0)),
        Some(_) => read::setting(findings, table, "used", variables, uses),
    };
    let per = per(findings, table);
    let excess = excess(findings, table);
    let limit = LimitSpec { key: key?, max: max?, used: used?, per: per?, excess: excess? };
    has_room(findings, table, &limit).then_some(limit)
}

fn uses(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<u32> {
    read::whole(findings, key, value, 0..=USES_MAX)
}

fn lets_some_through(findings: &mut Findings, table: &Table<'_>, max: Setting<u32>) -> Option<Setting<u32>> {
    if max.fixed() != Some(&0) {
        return Some(max);
    }
    let problem = Problem::error(table.key_span("max"), "a limit of 0 drops everything");
    let help = format!("write 1 to {USES_MAX}; `hearken pause` stops a routine for a while");
    findings.push(problem.label("lets nothing through").help(help));
    None
}

/// Complains if others have used all that there is.
fn has_room(findings: &mut Findings, table: &Table<'_>, limit: &LimitSpec) -> bool {
    let (Some(max), Some(used)) = (limit.max.fixed(), limit.used.fixed()) else {
        return true;
    };
    if used < max {
        return true;
    }
    let message = format!("`used` leaves nothing of {max}");
    let problem = Problem::error(table.key_span("used"), message).label("lets nothing through");
    findings.push(problem.help("make it less than `max`, or `get` it from the event or a row"));
    false
}

fn per(findings: &mut Findings, table: &Table<'_>) -> Option<Per> {
    let align = align::parse(findings, table);
    read::require(findings, table, "limit", "per", HELP)?;
    let text = table.text(findings, "per")?;
    align::length(findings, "per", &text, align?, HELD_MAX)
}

fn excess(findings: &mut Findings, table: &Table<'_>) -> Option<Excess> {
    let word = read::word(findings, table, "excess", &EXCESS, Word::Drop);
    let max_delay: Option<Option<SignedDuration>> = read::optional_duration(findings, table, "max_delay");
    match (word?, table.get("max_delay").is_some()) {
        (Word::Drop, false) => Some(Excess::Drop),
        (Word::Drop, true) => {
            let message = "`max_delay` is for `excess = \"delay\"`";
            let help =
                "what is too much is dropped at once: write `excess = \"delay\"` beside it, or remove it";
            read::needless(findings, table, "max_delay", message, help);
            None
        }
        (Word::Delay, _) => Some(Excess::Delay { max_delay: max_delay? }),
    }
}
