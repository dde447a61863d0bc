//! Routines of random histories as data, and as the TOML which says the same.
//!
//! All durations are minutes, so that the naive model can step through time.

use serde_json::{Value, json};

/// The type of all events here.
pub const KIND: &str = "test.event";

/// A field of the event which is part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `data.k`
    K,
    /// `data.l`
    L,
}

/// A key; without parts, all drafts of the routine.
pub type Key = Vec<Field>;

/// `[flow]`.
#[derive(Clone, Debug)]
pub struct Flow {
    /// `loop`.
    pub looping: Looping,
    /// `debounce` or `batch`.
    pub collect: Option<Collect>,
    /// `hours`.
    pub hours: Option<Hours>,
    /// `dedup`.
    pub dedup: Option<Dedup>,
    /// `supersede`.
    pub supersede: Option<Key>,
    /// `limit`.
    pub limits: Vec<Limit>,
    /// `overlap`.
    pub overlap: Overlap,
}

/// `loop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looping {
    /// `"avoid"`
    Avoid,
    /// `"allow"`
    Allow,
}

/// `debounce` or `batch`.
#[derive(Clone, Debug)]
pub enum Collect {
    /// `debounce`
    Debounce { key: Key, quiet: i64, max_wait: Option<i64>, keep: Keep },
    /// `batch`
    Batch { key: Key, max: usize, within: i64 },
}

/// `keep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// `"first"`
    First,
    /// `"last"`
    Last,
    /// `"all"`
    All,
}

/// `hours`.
#[derive(Clone, Debug)]
pub struct Hours {
    /// The zone; the event may name another, with `Source::Event`.
    pub tz: &'static str,
    /// Where the zone comes from.
    pub from: Source,
    /// The intervals: days, from, to.
    pub open: Vec<(&'static str, &'static str, &'static str)>,
    /// `outside`.
    pub outside: Outside,
    /// `unless = { "data.p" = { gte = … } }`.
    pub unless: Option<i64>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The routine says it.
    Fixed,
    /// The event may; the routine has a default.
    Event,
}

/// `outside`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// `"hold"`
    Hold,
    /// `"drop"`
    Drop,
}

/// `dedup`.
#[derive(Clone, Debug)]
pub struct Dedup {
    /// `key`, at least one part.
    pub key: Key,
    /// `window`.
    pub window: Window,
    /// `on_conflict`.
    pub conflict: Conflict,
}

/// `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// `"forever"`
    Forever,
    /// `"while_open"`
    WhileOpen,
    /// So many minutes.
    Sliding(i64),
    /// A period of a calendar, and its zone.
    Calendar(&'static str, &'static str),
}

/// `on_conflict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// `"skip"`
    Skip,
    /// `"replace"`
    Replace,
    /// `"append"`
    Append,
    /// `"follow_up"`
    FollowUp,
}

/// One limit.
#[derive(Clone, Debug)]
pub struct Limit {
    /// `key`.
    pub key: Key,
    /// `max`; the event may name another, with `Source::Event`.
    pub max: u32,
    /// Where `max` and `used` come from.
    pub from: Source,
    /// `per`.
    pub per: Per,
    /// `excess`.
    pub excess: Excess,
}

/// `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// So many minutes.
    Sliding(i64),
    /// A period of a calendar, and its zone.
    Calendar(&'static str, &'static str),
}

/// `excess`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// `"drop"`
    Drop,
    /// `"delay"`, with `max_delay` in minutes.
    Delay(Option<i64>),
}

/// `overlap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// `"allow"`
    Allow,
    /// `"skip"`
    Skip,
    /// `"queue"`
    Queue,
}

/// What one event is like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// `data.k`
    pub k: u8,
    /// `data.l`
    pub l: u8,
    /// `data.p`
    pub p: i64,
    /// `data.max`
    pub max: Option<u32>,
    /// `data.used`
    pub used: Option<u32>,
    /// `data.tz`
    pub tz: Option<&'static str>,
    /// Whether it was written before the two events before it.
    pub age: Age,
    /// The routines which led to it.
    pub chain: Vec<&'static str>,
}

/// The place of an event among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// The last.
    Newest,
    /// Before the two which came before it.
    Older,
}

impl Shape {
    /// Its `data`. `n` is its number.
    pub fn data(&self, n: i64) -> Value {
        let mut data =
            json!({ "n": n, "k": format!("k{}", self.k), "l": format!("l{}", self.l), "p": self.p });
        if let Some(max) = self.max {
            data["max"] = json!(max);
        }
        if let Some(used) = self.used {
            data["used"] = json!(used);
        }
        if let Some(tz) = self.tz {
            data["tz"] = json!(tz);
        }
        data
    }

    /// The values of a key, said plainly.
    pub fn values(&self, key: &[Field]) -> String {
        let value = |field: &Field| match field {
            Field::K => format!("k{}", self.k),
            Field::L => format!("l{}", self.l),
        };
        key.iter().map(value).collect::<Vec<_>>().join("/")
    }
}

/// The title of the item of an event.
pub fn title(n: i64) -> String {
    format!("e{n}")
}

impl Flow {
    /// Whether the context of its items is a list of contexts.
    pub fn collects(&self) -> bool {
        let keeps_all = match &self.collect {
            Some(Collect::Debounce { keep, .. }) => *keep == Keep::All,
            Some(Collect::Batch { .. }) => true,
            None => false,
        };
        keeps_all || self.dedup.as_ref().is_some_and(|dedup| dedup.conflict == Conflict::Append)
    }

    /// The routine, whose items go to the queue.
    pub fn to_toml(&self, queue: &str) -> String {
        routine(queue, &self.lines())
    }
}

/// A routine with the lines given in its `[flow]`.
pub fn routine(queue: &str, flow: &str) -> String {
    format!(
        "title = \"Gates\"\n\n[on.event]\ntype = \"{KIND}\"\n\n[flow]\n{flow}\n[item]\nqueue = \"{queue}\"\n\
         title = \"e{{{{ data.n }}}}\"\n\n[item.context]\nn = {{ get = \"data.n\" }}\n"
    )
}
