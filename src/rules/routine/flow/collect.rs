//! Reads `debounce` and `batch`: drafts which wait for others, to become one
//! item with them.

use super::key::{self, KeySpec};
use super::read;
use crate::rules::gate::request::{COLLECTED_MAX, Keep};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Keys, Table};
use crate::rules::template::Variables;
use jiff::SignedDuration;

/// The fewest drafts a batch may be full with: one is no batch.
pub const BATCH_MIN: u32 = 2;

/// Waits for others of its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Gather {
    /// Until it has been quiet for a while.
    Debounce {
        /// Drafts with equal keys are one burst.
        key: KeySpec,
        /// So long without another.
        quiet: SignedDuration,
        /// And no longer than this after the first; longer than `quiet`.
        max_wait: Option<SignedDuration>,
        /// What becomes of the drafts of a burst.
        keep: Keep,
    },
    /// Until there are many, or the first has waited long enough.
    Batch {
        /// Drafts with equal keys are one batch.
        key: KeySpec,
        /// So many, [`BATCH_MIN`] to [`COLLECTED_MAX`].
        max: u32,
        /// So long after the first.
        within: SignedDuration,
    },
}

impl Gather {
    /// Which drafts it takes together.
    #[must_use]
    pub fn key(&self) -> &KeySpec {
        match self {
            Self::Debounce { key, .. } | Self::Batch { key, .. } => key,
        }
    }

    /// Whether the item holds what all drafts brought.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        match self {
            Self::Debounce { keep, .. } => *keep == Keep::All,
            Self::Batch { .. } => true,
        }
    }

    /// Its name in `[flow]`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Debounce { .. } => "debounce",
            Self::Batch { .. } => "batch",
        }
    }
}

const DEBOUNCE: Keys<'static> =
    Keys { owner: "`debounce`", known: &["key", "quiet", "max_wait", "keep"], later: &[] };

const BATCH: Keys<'static> = Keys { owner: "`batch`", known: &["key", "max", "within"], later: &[] };

const KEEP: [(&str, Keep); 3] = [("first", Keep::First), ("last", Keep::Last), ("all", Keep::All)];

/// Reads `debounce` or `batch`, if the routine has one.
pub(super) fn parse(
    findings: &mut Findings,
    flow: &Table<'_>,
    variables: Variables,
) -> Option<Option<Gather>> {
    let debounce = read::gate(findings, flow, "debounce", "a table with `quiet`")
        .and_then(|table| debounce(findings, table.as_ref(), variables));
    let batch = read::gate(findings, flow, "batch", "a table with `max` and `within`")
        .and_then(|table| batch(findings, table.as_ref(), variables));
    if flow.get("debounce").is_some() && flow.get("batch").is_some() {
        let message = "a routine has one of `debounce` and `batch`";
        let help = "a draft waits for others once: `debounce` with `keep = \"all\"` collects a whole burst, \
                    `batch` goes on as soon as it is full";
        read::needless(findings, flow, "batch", message, help);
        return None;
    }
    Some(debounce?.or(batch?))
}

fn debounce(
    findings: &mut Findings,
    table: Option<&Table<'_>>,
    variables: Variables,
) -> Option<Option<Gather>> {
    let Some(table) = table else {
        return Some(None);
    };
    table.check_keys(findings, &DEBOUNCE);
    let key = key::optional(findings, table, variables);
    let help = "say how long nothing more must come: `debounce = { quiet = \"30s\", max_wait = \"5m\" }`";
    let quiet = read::required_duration(findings, table, "debounce", "quiet", help);
    let max_wait = read::optional_duration(findings, table, "max_wait");
    let keep = read::word(findings, table, "keep", &KEEP, Keep::Last);
    let (quiet, max_wait) = (quiet?, max_wait?);
    if table.key_span("max_wait") == table.span {
        let message = "a steady stream postpones this for ever";
        let problem = Problem::warning(table.key_span("quiet"), message).label("has no `max_wait`");
        findings.push(problem.help("say how long the first may wait at most: `max_wait = \"5m\"`"));
    }
    if max_wait.is_some_and(|max_wait| max_wait <= quiet) {
        let message = "`max_wait` is over before it can have been quiet";
        let problem = Problem::error(table.key_span("max_wait"), message).label("not longer than `quiet`");
        let help = "make it longer than `quiet`; to wait a fixed time after the first, write `batch`";
        findings.push(problem.help(help));
        return None;
    }
    Some(Some(Gather::Debounce { key: key?, quiet, max_wait, keep: keep? }))
}

fn batch(findings: &mut Findings, table: Option<&Table<'_>>, variables: Variables) -> Option<Option<Gather>> {
    let Some(table) = table else {
        return Some(None);
    };
    table.check_keys(findings, &BATCH);
    let key = key::optional(findings, table, variables);
    let help =
        "say how many make a batch, and how long the first waits: `batch = { max = 50, within = \"10m\" }`";
    let max = read::require(findings, table, "batch", "max", help)
        .and_then(|()| read::whole(findings, "max", table.get("max")?, BATCH_MIN..=COLLECTED_MAX));
    let within = read::required_duration(findings, table, "batch", "within", help);
    Some(Some(Gather::Batch { key: key?, max: max?, within: within? }))
}
