//! Random routines and random histories.
//!
//! Few values of keys and few moments, so that drafts meet. What the language
//! leaves open is not drawn: see `settle`.

use super::spec::{
    Age, Collect, Conflict, Dedup, Excess, Field, Flow, Hours, Keep, Key, Limit, Looping, Outside, Overlap,
    Per, Shape, Source, Window,
};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

/// Zones: none, with summer time, with half an hour of it, far east.
const ZONES: &[&str] = &["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"];

/// Something which happens after a while.
#[derive(Clone, Debug)]
pub struct Step {
    /// Minutes since the step before.
    pub wait: i64,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    /// These events are in one page.
    Events(Vec<Shape>),
    /// A worker takes one of the waiting items.
    Lease(usize),
    /// A worker is done with one of its items.
    Finish(usize),
    /// Time passes; each timer fires at its moment.
    Nothing,
    /// Nobody was on duty meanwhile: the timers fire late, all at once.
    Away,
}

/// A routine's `[flow]`.
pub fn flow() -> BoxedStrategy<Flow> {
    let gates = (
        weighted(0.3, collect()),
        weighted(0.25, hours()),
        weighted(0.5, dedup()),
        weighted(0.25, key()),
        prop_oneof![5 => Just(0_usize), 4 => Just(1), 2 => Just(2)].prop_flat_map(|n| vec(limit(), n)),
        prop_oneof![4 => Just(Overlap::Allow), 1 => Just(Overlap::Skip), 2 => Just(Overlap::Queue)],
        prop_oneof![6 => Just(Looping::Avoid), 1 => Just(Looping::Allow)],
    );
    gates
        .prop_map(|(collect, hours, dedup, supersede, limits, overlap, looping)| {
            settle(Flow { looping, collect, hours, dedup, supersede, limits, overlap })
        })
        .boxed()
}

/// Takes out what `check` refuses, and what may be read in two ways.
fn settle(mut flow: Flow) -> Flow {
    if let [one, other] = flow.limits.as_mut_slice() {
        // The second is the longer and the wider one.
        other.per = Per::Calendar("1d", "UTC");
        other.max = one.max + 2;
        other.from = Source::Fixed;
        other.excess = one.excess;
        if let Per::Calendar(period, _) = &mut one.per {
            *period = "1h";
        }
    }
    let is_alone = flow.limits.len() == 1 && flow.hours.is_none();
    for limit in &mut flow.limits {
        if let Excess::Delay(most) = &mut limit.excess
            && !is_alone
        {
            *most = None;
        }
    }
    let delays = flow.limits.iter().any(|limit| matches!(limit.excess, Excess::Delay(_)));
    if let Some(hours) = &mut flow.hours
        && delays
    {
        hours.outside = Outside::Hold;
    }
    if flow.overlap == Overlap::Queue {
        settle_queue(&mut flow);
    }
    avoid_nonsense(&mut flow);
    flow
}

/// What has no meaning together is refused when a routine is read.
fn avoid_nonsense(flow: &mut Flow) {
    if flow.overlap == Overlap::Skip
        && let Some(dedup) = &mut flow.dedup
        && matches!(dedup.conflict, Conflict::FollowUp)
    {
        dedup.conflict = Conflict::Skip;
    }
    let finds_none = match (&flow.dedup, &flow.supersede) {
        (Some(dedup), Some(key)) => {
            matches!(dedup.window, Window::Forever | Window::WhileOpen)
                && dedup.key.iter().all(|field| key.contains(field))
        }
        _ => false,
    };
    if finds_none {
        flow.supersede = None;
    }
}

/// Who came first must also be due first, or it is not said who goes first.
fn settle_queue(flow: &mut Flow) {
    if let Some(hours) = &mut flow.hours {
        (hours.unless, hours.from) = (None, Source::Fixed);
    }
    for limit in &mut flow.limits {
        limit.key.clear();
        limit.from = Source::Fixed;
    }
    if let Some(Collect::Debounce { key, .. } | Collect::Batch { key, .. }) = &mut flow.collect {
        key.clear();
    }
}

fn key() -> BoxedStrategy<Key> {
    let keys = vec![vec![], vec![Field::K], vec![Field::L], vec![Field::K, Field::L]];
    select(keys).boxed()
}

fn collect() -> BoxedStrategy<Collect> {
    let keep = prop_oneof![Just(Keep::First), Just(Keep::Last), Just(Keep::All)];
    let debounce = (key(), 1..6_i64, weighted(0.7, 1..10_i64), keep).prop_map(|(key, quiet, more, keep)| {
        Collect::Debounce { key, quiet, max_wait: more.map(|more| quiet + more), keep }
    });
    let batch =
        (key(), 2..5_usize, 1..15_i64).prop_map(|(key, max, within)| Collect::Batch { key, max, within });
    prop_oneof![debounce, batch].boxed()
}

fn hours() -> BoxedStrategy<Hours> {
    let open = vec![
        vec![("mon-fri", "08:00", "18:00")],
        vec![("mon-sun", "06:00", "24:00")],
        vec![("mon-sun", "22:00", "02:30")],
        vec![("mon-fri", "08:00", "12:00"), ("sat,sun", "22:00", "02:00")],
        vec![("mon,wed", "00:00", "24:00"), ("sun", "02:15", "02:45")],
    ];
    let outside = prop_oneof![3 => Just(Outside::Hold), 1 => Just(Outside::Drop)];
    let from = prop_oneof![2 => Just(Source::Fixed), 1 => Just(Source::Event)];
    (select(ZONES), from, select(open), outside, weighted(0.3, Just(9_i64)))
        .prop_map(|(tz, from, open, outside, unless)| Hours { tz, from, open, outside, unless })
        .boxed()
}

fn dedup() -> BoxedStrategy<Dedup> {
    let key = select(vec![vec![Field::K], vec![Field::L], vec![Field::K, Field::L]]);
    let window = prop_oneof![
        2 => Just(Window::Forever),
        3 => Just(Window::WhileOpen),
        2 => (1..40_i64).prop_map(Window::Sliding),
        2 => period().prop_map(|(period, tz)| Window::Calendar(period, tz)),
    ];
    let conflict = prop_oneof![
        2 => Just(Conflict::Skip),
        3 => Just(Conflict::Replace),
        2 => Just(Conflict::Append),
        1 => Just(Conflict::FollowUp),
    ];
    (key, window, conflict)
        .prop_map(|(key, window, conflict)| match conflict {
            Conflict::FollowUp => Dedup { key, window: Window::WhileOpen, conflict },
            _ => Dedup { key, window, conflict },
        })
        .boxed()
}

fn period() -> BoxedStrategy<(&'static str, &'static str)> {
    (select(vec!["15m", "1h", "1d", "1d", "1w", "1month"]), select(ZONES)).boxed()
}

fn limit() -> BoxedStrategy<Limit> {
    let per = prop_oneof![
        2 => (2..90_i64).prop_map(Per::Sliding),
        1 => period().prop_map(|(period, tz)| Per::Calendar(period, tz)),
    ];
    let excess = prop_oneof![
        1 => Just(Excess::Drop),
        2 => weighted(0.3, 1..60_i64).prop_map(Excess::Delay),
    ];
    let from = prop_oneof![2 => Just(Source::Fixed), 1 => Just(Source::Event)];
    (key(), 1..4_u32, from, per, excess)
        .prop_map(|(key, max, from, per, excess)| Limit { key, max, from, per, excess })
        .boxed()
}

/// What happens, in order.
pub fn history(steps: std::ops::Range<usize>) -> BoxedStrategy<Vec<Step>> {
    vec(step(), steps).boxed()
}

fn step() -> BoxedStrategy<Step> {
    let wait = prop_oneof![
        4 => Just(0_i64),
        8 => 1..4_i64,
        4 => 4..30_i64,
        2 => 30..240_i64,
        1 => 240..4_000_i64,
    ];
    let what = prop_oneof![
        12 => vec(shape(), 1..4).prop_map(What::Events),
        4 => (0..8_usize).prop_map(What::Lease),
        4 => (0..8_usize).prop_map(What::Finish),
        2 => Just(What::Nothing),
        1 => Just(What::Away),
    ];
    (wait, what).prop_map(|(wait, what)| Step { wait, what }).boxed()
}

fn shape() -> BoxedStrategy<Shape> {
    let chain = select(vec![vec![], vec![], vec![], vec!["other"], vec!["gates0"], vec!["other"; 8]]);
    let age = prop_oneof![5 => Just(Age::Newest), 1 => Just(Age::Older)];
    (
        0..3_u8,
        0..2_u8,
        0..12_i64,
        weighted(0.2, 0..4_u32),
        weighted(0.2, 0..3_u32),
        weighted(0.2, select(ZONES)),
        age,
        chain,
    )
        .prop_map(|(k, l, p, max, used, tz, age, chain)| Shape { k, l, p, max, used, tz, age, chain })
        .boxed()
}
