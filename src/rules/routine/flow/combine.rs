//! Gates which mean nothing together, or nothing for this routine.
//!
//! Any combination of gates works, since each takes what the one before it lets
//! through. But one may leave nothing for another, and then what is written does
//! not do what it says. That is an error, with the reason. Where gates do
//! something together which is hardly meant, it is a warning.

use super::{Flow, Gather, Overlap, dedup};
use crate::rules::gate::request::{OnConflict, Window};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Table, table_of};
use crate::rules::template::Variables;
use std::ops::Range;

/// Where the gates stand.
pub(super) struct Ground<'g> {
    /// The whole file.
    pub(super) root: &'g Table<'g>,
    /// `[flow]`.
    pub(super) flow: &'g Table<'g>,
    /// What sets the routine off.
    pub(super) variables: Variables,
}

impl Ground<'_> {
    /// The place of a key of a gate; of the gate, if it has no such key.
    fn place(&self, gate: &str, key: &str) -> Range<usize> {
        let table = self.flow.get(gate).and_then(table_of);
        match table {
            Some(table) if table.get(key).is_some() => table.key_span(key),
            _ => self.flow.key_span(gate),
        }
    }

    fn has(&self, gate: &str) -> bool {
        self.flow.get(gate).is_some()
    }

    /// The tables of the items: `[item]`, and those of `[items.NAME]`.
    fn items(&self) -> Vec<Table<'_>> {
        let item = self.root.get("item").and_then(table_of);
        let further = self.root.get("items").and_then(table_of);
        let further = further.iter().flat_map(Table::entries).filter_map(|(_, item)| table_of(item));
        item.into_iter().chain(further).collect()
    }
}

/// Complains about gates which mean nothing; false if there is an error. A gate
/// which could not be read is not in `flow`.
pub(super) fn check(findings: &mut Findings, ground: &Ground<'_>, flow: &Flow) -> bool {
    let checks = [
        makes_items(findings, ground),
        suits_ticks(findings, ground, flow),
        has_what_it_collects(findings, ground, flow),
        finds_what_it_supersedes(findings, ground, flow),
        may_follow(findings, ground, flow),
    ];
    warn_of_mixed_keys(findings, ground, flow);
    warn_of_needless_dedup(findings, ground, flow);
    checks.into_iter().all(|sound| sound)
}

/// A query may do without an item, and then there is nothing to hold or to count.
fn makes_items(findings: &mut Findings, ground: &Ground<'_>) -> bool {
    let makes_some = ["item", "items", "webhook"].into_iter().any(|key| ground.root.get(key).is_some());
    if ground.variables != Variables::TickRow || makes_some || ground.flow.is_empty() {
        return true;
    }
    let problem = Problem::error(ground.root.key_span("flow"), "`[flow]` is for items, and this makes none");
    findings.missing(problem.label("has no meaning here").help("remove it, or write `[item]`"));
    false
}

fn suits_ticks(findings: &mut Findings, ground: &Ground<'_>, flow: &Flow) -> bool {
    if ground.variables.has_event() {
        return true;
    }
    let mut sound = true;
    if ground.has("loop") {
        let problem = Problem::error(ground.flow.key_span("loop"), "a tick comes of no item");
        findings.push(problem.label("never goes round").help("remove it: only events can come back"));
        sound = false;
    }
    if ground.variables == Variables::TickRow {
        return sound;
    }
    // Ticks come when the routine says, one at a time. What waits for more of
    // them only makes them late.
    for gate in ["debounce", "batch"].into_iter().filter(|gate| ground.has(gate)) {
        let message = format!("`{gate}` waits for more, and ticks come when the schedule says");
        let problem = Problem::error(ground.flow.key_span(gate), message).label("only makes items late");
        let help = "tick less often; `missed = \"latest\"` makes one of the ticks which were missed";
        findings.push(problem.help(help));
        sound = false;
    }
    sound &= flow.dedup.as_ref().is_none_or(|dedup| dedup::check_of_tick(findings, ground.flow, dedup));
    let by_tick = flow.limits.iter().any(|limit| !limit.key.0.is_empty()).then_some("limit");
    let newest = flow.supersede.as_ref().filter(|key| !key.0.is_empty()).map(|_| "supersede");
    for gate in by_tick.into_iter().chain(newest) {
        let message = format!("by this key `{gate}` never sees two items");
        let problem = Problem::error(ground.place(gate, "key"), message).label("another one at each tick");
        findings.push(problem.help("leave `key` out to take the items of all ticks together"));
        sound = false;
    }
    sound
}

/// What is collected is the context of each draft; of an item for a table of the
/// user's it is columns, and which of them says the inbox.
fn has_what_it_collects(findings: &mut Findings, ground: &Ground<'_>, flow: &Flow) -> bool {
    let lacks = |item: &Table<'_>| {
        let context = item.get("context");
        let is_empty = context.is_none_or(|context| table_of(context).is_some_and(|table| table.is_empty()));
        is_empty && item.get("inbox").is_none()
    };
    if !flow.collects() || !ground.items().iter().any(lacks) {
        return true;
    }
    let (place, what) = match &flow.collect {
        Some(Gather::Batch { .. }) => (ground.flow.key_span("batch"), "`batch`"),
        Some(gather) if gather.keeps_all() => (ground.place("debounce", "keep"), "`keep = \"all\"`"),
        _ => (ground.place("dedup", "on_conflict"), "`on_conflict = \"append\"`"),
    };
    let message = format!("{what} collects `[item.context]`, and there is none");
    let help = "say what each brings: `[item.context]` with `refund_id = { get = \"data.refund_id\" }`; the \
                item gets them as the list `items`";
    findings.missing(Problem::error(place, message).label("nothing to collect").help(help));
    false
}

/// Of drafts with one dedup key only one waits, if the key is kept so long.
fn finds_what_it_supersedes(findings: &mut Findings, ground: &Ground<'_>, flow: &Flow) -> bool {
    let (Some(dedup), Some(key)) = (&flow.dedup, &flow.supersede) else {
        return true;
    };
    let keeps = matches!(dedup.window, Window::Forever | Window::WhileOpen);
    if !keeps || !dedup.key.is_within(key) {
        return true;
    }
    let problem = Problem::error(ground.flow.key_span("supersede"), "`supersede` never finds an older item");
    let help = "`dedup` lets no second one of this key come while the first waits: leave `supersede` out, \
                and write `on_conflict = \"replace\"` with `window = \"while_open\"`; or leave parts out of \
                its key";
    findings.push(problem.label("`dedup` stops the newer one").help(help));
    false
}

/// What follows a running item comes while one of the routine is open.
fn may_follow(findings: &mut Findings, ground: &Ground<'_>, flow: &Flow) -> bool {
    let follows = flow.dedup.as_ref().is_some_and(|dedup| dedup.on_conflict == OnConflict::FollowUp);
    if !follows || flow.overlap != Overlap::Skip {
        return true;
    }
    let message = "what would follow a running item is dropped by `overlap = \"skip\"`";
    let problem = Problem::error(ground.place("dedup", "on_conflict"), message).label("never follows");
    findings.push(problem.help("write `overlap = \"queue\"`, or leave one of the two out"));
    false
}

/// Warns of keys which differ between the drafts that become one item: the gates
/// behind know but one of their values.
fn warn_of_mixed_keys(findings: &mut Findings, ground: &Ground<'_>, flow: &Flow) {
    let Some(gather) = flow.collect.as_ref().filter(|gather| gather.keeps_all()) else {
        return;
    };
    let limits = flow.limits.iter().map(|limit| ("limit", &limit.key));
    let dedup = flow.dedup.iter().map(|dedup| ("dedup", &dedup.key));
    let supersede = flow.supersede.iter().map(|key| ("supersede", key));
    let mut named = Vec::new();
    for (gate, key) in dedup.chain(supersede).chain(limits) {
        if key.is_within(gather.key()) || named.contains(&gate) {
            continue;
        }
        named.push(gate);
        let message =
            format!("`{}` makes one item of drafts which differ in the key of `{gate}`", gather.name());
        let problem = Problem::warning(ground.place(gate, "key"), message).label("knows one of them only");
        let help = format!("write what is in this key into the key of `{}` too", gather.name());
        findings.push(problem.help(help));
    }
}

/// Warns of a dedup which drops nothing that would not be dropped anyway. A query
/// must have one, and is left in peace.
fn warn_of_needless_dedup(findings: &mut Findings, ground: &Ground<'_>, flow: &Flow) {
    let skips = flow
        .dedup
        .as_ref()
        .is_some_and(|dedup| dedup.window == Window::WhileOpen && dedup.on_conflict == OnConflict::Skip);
    if !skips || flow.overlap != Overlap::Skip || ground.variables == Variables::TickRow {
        return;
    }
    let message = "`overlap = \"skip\"` drops all that this would drop";
    let problem = Problem::warning(ground.flow.key_span("dedup"), message).label("changes nothing");
    let help =
        "while an item of the routine is open, none of another key comes either; leave one of the two out";
    findings.push(problem.help(help));
}
