//! Makes `[flow]` definite for one draft: keys are hashed, zones, times and
//! numbers are read from the event or the row.

use super::hours::{ClockTime, Hours, Interval};
use super::limit::LimitRequest;
use super::note::Gate;
use super::request::{Collect, DedupRequest, OverlapPolicy, OverlapRequest, Request};
use crate::rules::item::DedupKey;
use crate::rules::key::{Part, gate_key};
use crate::rules::name::ItemName;
use crate::rules::plan::{PlanError, PlanReason, resolve_get};
use crate::rules::routine::{
    Dedup, Flow, Gather, HoursSpec, IntervalSpec, KeyPart, KeySpec, LimitSpec, Overlap, Routine, Setting,
    Trigger,
};
use crate::rules::schedule::zone::parse_zone;
use crate::rules::template::Scope;
use crate::rules::value::is_integral;
use crate::rules::when::When;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::borrow::Cow;

/// What the gates of the routine are asked about a draft of this item.
///
/// # Errors
///
/// If a value which a gate takes from the event or the row is not there, or is
/// none which the gate can use.
pub fn resolve(routine: &Routine, item: &ItemName, scope: Scope<'_>) -> Result<Request, PlanError> {
    let resolver = Resolver { routine, item, scope };
    let Flow { collect, hours, dedup, supersede, limits, overlap, looping: _ } = &routine.flow;
    Ok(Request {
        collect: collect.as_ref().map(|gather| resolver.collect(gather)),
        hours: hours.as_ref().map_or(Ok(None), |spec| resolver.hours(spec))?,
        dedup: dedup.as_ref().map(|dedup| resolver.dedup(dedup)),
        supersede: supersede.as_ref().map(|key| resolver.key(Gate::Supersede, key)),
        limits: resolver.limits(limits)?,
        overlap: resolver.overlap(overlap),
    })
}

/// The gates of the routine, in their order. The loop guard stands before every
/// routine which hears events.
#[must_use]
pub fn gates(routine: &Routine) -> Vec<Gate> {
    let flow = &routine.flow;
    let has = |gate: &Gate| match gate {
        Gate::Loop => matches!(routine.trigger, Trigger::Event(_)),
        Gate::Debounce => matches!(flow.collect, Some(Gather::Debounce { .. })),
        Gate::Batch => matches!(flow.collect, Some(Gather::Batch { .. })),
        Gate::Hours => flow.hours.is_some(),
        Gate::Dedup => flow.dedup.is_some(),
        Gate::Supersede => flow.supersede.is_some(),
        Gate::Limit => !flow.limits.is_empty(),
        Gate::Overlap => flow.overlap != Overlap::Allow,
    };
    Gate::ALL.into_iter().filter(has).collect()
}

/// What a value which comes from an event or a row must be.
struct Wanted<T> {
    /// In words, for people.
    words: &'static str,
    /// The value, if it is one.
    read: fn(&Value) -> Option<T>,
}

const ZONE: Wanted<TimeZone> = Wanted { words: "a time zone such as `Europe/Berlin`", read: zone };
const TIME: Wanted<ClockTime> = Wanted { words: "a time of day such as `08:00`", read: time };
const COUNT: Wanted<u32> = Wanted { words: "a whole number of 0 or more", read: count };

#[derive(Clone, Copy)]
struct Resolver<'a> {
    routine: &'a Routine,
    item: &'a ItemName,
    scope: Scope<'a>,
}

/// The value of a part of a key.
enum KeyValue<'a> {
    Json(Cow<'a, Value>),
    Tick(Timestamp),
    Missing,
}

impl<'a> Resolver<'a> {
    fn collect(self, gather: &Gather) -> Collect {
        match gather {
            Gather::Debounce { key, quiet, max_wait, keep } => Collect::Debounce {
                key: self.key(Gate::Debounce, key),
                quiet: *quiet,
                max_wait: *max_wait,
                keep: *keep,
            },
            Gather::Batch { key, max, within } => {
                Collect::Batch { key: self.key(Gate::Batch, key), max: *max, within: *within }
            }
        }
    }

    /// The hours; none for what is urgent.
    fn hours(self, spec: &HoursSpec) -> Result<Option<Hours>, PlanError> {
        let holds = |when: &When| self.scope.event().is_some_and(|event| when.matches(event));
        if spec.unless.as_ref().is_some_and(holds) {
            return Ok(None);
        }
        let open = spec.open.iter().map(|spec| self.interval(spec)).collect::<Result<Vec<_>, _>>()?;
        let tz = self.setting(&spec.tz, &ZONE, || "flow.hours.tz".to_owned())?;
        Ok(Some(Hours { tz, open, outside: spec.outside }))
    }

    fn interval(self, spec: &IntervalSpec) -> Result<Interval, PlanError> {
        let from = self.setting(&spec.from, &TIME, || "flow.hours.from".to_owned())?;
        let to = self.setting(&spec.to, &TIME, || "flow.hours.to".to_owned())?;
        if from == to {
            let field = "flow.hours.to".to_owned();
            return Err(PlanError { field, reason: PlanReason::SameTimes });
        }
        Ok(Interval { days: spec.days, from, to })
    }

    fn dedup(self, dedup: &Dedup) -> DedupRequest {
        DedupRequest {
            key: self.key(Gate::Dedup, &dedup.key),
            window: dedup.window.clone(),
            on_conflict: dedup.on_conflict,
        }
    }

    fn limits(self, limits: &[LimitSpec]) -> Result<Vec<LimitRequest>, PlanError> {
        let field = |number: u32, name: &str| match limits {
            [_] => format!("flow.limit.{name}"),
            _ => format!("flow.limit[{}].{name}", number + 1),
        };
        let limit = |(limit, number): (&LimitSpec, u32)| -> Result<LimitRequest, PlanError> {
            Ok(LimitRequest {
                key: self.limit_key(limit),
                max: self.setting(&limit.max, &COUNT, || field(number, "max"))?,
                used: self.setting(&limit.used, &COUNT, || field(number, "used"))?,
                per: limit.per.clone(),
                excess: limit.excess,
            })
        };
        limits.iter().zip(0..).map(limit).collect()
    }

    fn overlap(self, overlap: &Overlap) -> Option<OverlapRequest> {
        let policy = match overlap {
            Overlap::Allow => return None,
            Overlap::Skip => OverlapPolicy::Skip,
            Overlap::Queue => OverlapPolicy::Queue,
        };
        Some(OverlapRequest { key: self.key(Gate::Overlap, &KeySpec(Vec::new())), policy })
    }

    fn key(self, gate: Gate, spec: &KeySpec) -> DedupKey {
        self.named_key(gate, None, spec)
    }

    /// Limits are told apart by what they count and in which time, so that one keeps
    /// its uses when others come to stand before it.
    fn limit_key(self, limit: &LimitSpec) -> DedupKey {
        let paths = limit.key.0.iter().map(|part| match part {
            KeyPart::Path(path) => path.to_string(),
            KeyPart::Tick => "tick".to_owned(),
        });
        let name = paths.chain([limit.per.to_string()]).collect::<Vec<_>>().join(" ");
        self.named_key(Gate::Limit, Some(&name), &limit.key)
    }

    fn named_key(self, gate: Gate, name: Option<&str>, spec: &KeySpec) -> DedupKey {
        let values = spec.0.iter().map(|part| self.key_value(part)).collect::<Vec<_>>();
        let name = name.map(Part::Text);
        let parts = values.iter().map(|value| match value {
            KeyValue::Json(value) => Part::Json(value),
            KeyValue::Tick(tick) => Part::Integer(tick.as_nanosecond()),
            KeyValue::Missing => Part::Missing,
        });
        gate_key(gate.as_str(), &self.routine.name, self.item, name.into_iter().chain(parts))
    }

    fn key_value(self, part: &KeyPart) -> KeyValue<'a> {
        match (part, self.scope) {
            (KeyPart::Path(path), scope) => {
                path.get_in(scope.event(), scope.row()).map_or(KeyValue::Missing, KeyValue::Json)
            }
            (KeyPart::Tick, Scope::Tick { tick, .. }) => KeyValue::Tick(tick),
            (KeyPart::Tick, Scope::Event { .. }) => KeyValue::Missing,
        }
    }

    fn setting<T: Clone>(
        self,
        setting: &Setting<T>,
        wanted: &Wanted<T>,
        field: impl Fn() -> String,
    ) -> Result<T, PlanError> {
        let get = match setting {
            Setting::Fixed(value) => return Ok(value.clone()),
            Setting::Get(get) => get,
        };
        let found = resolve_get(get, self.scope.event(), self.scope.row());
        let unfit = || PlanReason::Unfit { path: get.path.to_string(), wanted: wanted.words };
        let read = found.and_then(|value| (wanted.read)(&value).ok_or_else(unfit));
        read.map_err(|reason| PlanError { field: field(), reason })
    }
}

fn zone(value: &Value) -> Option<TimeZone> {
    parse_zone(value.as_str()?).ok()
}

fn time(value: &Value) -> Option<ClockTime> {
    ClockTime::parse(value.as_str()?).ok()
}

/// A whole number; one which is too large is as good as the largest.
fn count(value: &Value) -> Option<u32> {
    let number = value.as_number()?;
    if let Some(small) = number.as_u64() {
        return Some(u32::try_from(small).unwrap_or(u32::MAX));
    }
    // As written with a fraction or an exponent. What a float cannot hold exactly
    // is far beyond the largest.
    let float = number.as_f64()?;
    (is_integral(number) && float >= 0.0).then_some(float as u32)
}

#[cfg(test)]
mod tests;
