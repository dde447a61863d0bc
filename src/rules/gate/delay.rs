//! When a draft may be due: hours and limits together.

use super::hours::{HORIZON, Hours, Outside};
use super::limit::{Excess, LimitRequest, Uses};
use super::note::Gate;
use super::request::Request;
use super::slots::spell::spell;
use super::state::Keyed;
use jiff::Timestamp;

/// After so many turns without an end hours and limits leave no room for each
/// other.
const TURNS_MAX: usize = 10_000;

/// When a draft is due, and what made it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delayed {
    pub(super) at: Timestamp,
    /// The limit, if one moved it; else the hours.
    pub(super) gate: Gate,
}

impl Delayed {
    /// Why it is held, for people.
    pub(super) fn reason(&self, request: &Request) -> String {
        let at = self.at;
        match (self.gate, &request.hours) {
            (Gate::Hours, Some(hours)) => format!("held until {at}: {}", hours.describe()),
            (_, Some(hours)) => {
                format!("held until {at}: {}, in the hours {}", described(&request.limits), hours.describe())
            }
            (_, None) => format!("held until {at}: {}", described(&request.limits)),
        }
    }
}

fn described(limits: &[LimitRequest]) -> String {
    let each: Vec<String> = limits.iter().map(|limit| format!("at most {}", limit.describe())).collect();
    each.join(", ")
}

/// The first time in the hours, from `wanted` on; or why there is none.
pub(super) fn open_at(request: &Request, wanted: Timestamp) -> Result<Timestamp, String> {
    let Some(hours) = &request.hours else { return Ok(wanted) };
    match (hours.next_open(wanted), hours.outside) {
        (Some(open_at), _) if open_at == wanted => Ok(wanted),
        (Some(open_at), Outside::Hold) => Ok(open_at),
        (Some(_), Outside::Drop) => Err(format!("{wanted} is outside its hours: {}", hours.describe())),
        (None, _) => Err(format!("its hours never come: {}", hours.describe())),
    }
}

/// The first time from `from` on at which all limits have room and the hours are
/// open; or why there is none.
pub(super) fn delay(
    request: &Request,
    uses: &Keyed<Uses>,
    from: Timestamp,
    now: Timestamp,
) -> Result<Delayed, String> {
    let none = Uses::default();
    let used = |limit: &LimitRequest| uses.get(&limit.key).unwrap_or(&none);
    let mut due = Delayed { at: from, gate: Gate::Hours };
    for _ in 0..TURNS_MAX {
        let before = due.at;
        for limit in &request.limits {
            if let Excess::Delay { max_delay } = &limit.excess {
                let at = limit.first_free(used(limit), due.at, now);
                let late = |at: &Timestamp| max_delay.is_some_and(|max| at.duration_since(from) > max);
                let at = at.filter(|at| !late(at));
                let at =
                    at.ok_or_else(|| format!("at most {}, and no room soon enough", limit.describe()))?;
                if at > due.at {
                    due = Delayed { at, gate: Gate::Limit };
                }
            }
        }
        due = in_hours(request.hours.as_ref(), due)?;
        if due.at.duration_since(from) > HORIZON {
            return Err(format!("{}, and no room within {}", described(&request.limits), spell(HORIZON)));
        }
        if due.at == before {
            return check_drops(request, used, due, now);
        }
    }
    Err("hours and limits leave no room for each other".to_owned())
}

fn in_hours(hours: Option<&Hours>, due: Delayed) -> Result<Delayed, String> {
    let Some(hours) = hours else { return Ok(due) };
    match hours.next_open(due.at) {
        Some(at) if at > due.at => Ok(Delayed { at, ..due }),
        Some(_) => Ok(due),
        None => Err(format!("its hours never come: {}", hours.describe())),
    }
}

fn check_drops<'a>(
    request: &Request,
    used: impl Fn(&LimitRequest) -> &'a Uses,
    due: Delayed,
    now: Timestamp,
) -> Result<Delayed, String> {
    let full = request
        .limits
        .iter()
        .find(|limit| limit.excess == Excess::Drop && !limit.fits(used(limit), due.at, now));
    match full {
        Some(limit) => Err(format!("at most {}, and that many were there already", limit.describe())),
        None => Ok(due),
    }
}
