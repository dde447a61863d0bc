//! The loop guard: what a routine's own items bring about does not set it off
//! again.
//!
//! An event carries the names of the routines whose items led to it, as the
//! database derived them from leases; nobody can write them himself. A routine
//! which finds itself there would go round in circles. One which wants that says
//! `loop = "allow"`, and comes to an end all the same: no chain is longer than
//! [`CHAIN_MAX`].

use crate::rules::event::Event;
use crate::rules::name::RoutineName;
use crate::rules::routine::{Looping, Routine};

/// The longest chain of routines which leads to an item. An event at the end of
/// one which is as long sets nothing off.
pub const CHAIN_MAX: usize = 8;

/// Why the event must not set the routine off, in words for people; nothing, if
/// it may. Most events come from outside, and cost one look.
#[must_use]
pub fn guard(routine: &Routine, event: &Event) -> Option<String> {
    let chain = &event.chain;
    if chain.len() >= CHAIN_MAX {
        return Some(format!(
            "stopped, since a chain of {} routines led to this event, and {CHAIN_MAX} are the most: {}",
            chain.len(),
            spelled_out(chain)
        ));
    }
    if routine.flow.looping == Looping::Avoid && chain.contains(&routine.name) {
        return Some(format!(
            "stopped, since an item of this routine led to this event: {}; `loop = \"allow\"` lets it go on",
            spelled_out(chain)
        ));
    }
    None
}

/// The chain as one reads it, with no more of it than may be in force.
fn spelled_out(chain: &[RoutineName]) -> String {
    let shown = chain.iter().take(CHAIN_MAX).map(RoutineName::as_str).collect::<Vec<_>>().join(" → ");
    if chain.len() > CHAIN_MAX { format!("{shown} → …") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{routine, testing};
    use serde_json::json;

    #[test]
    fn an_event_from_outside_passes() {
        check("avoid", &[], None);
        check("avoid", &["other"], None);
        check("allow", &["other", "r"], None);
    }

    #[test]
    fn a_routine_does_not_set_itself_off() {
        let reason = |chain: &str| {
            let met = "stopped, since an item of this routine led to this event";
            format!("{met}: {chain}; `loop = \"allow\"` lets it go on")
        };
        check("avoid", &["r"], Some(&reason("r")));
        check("avoid", &["a", "r", "b"], Some(&reason("a → r → b")));
    }

    #[test]
    fn no_chain_is_longer_than_eight() {
        let chain = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        check("allow", &chain[..7], None);
        let shown = "a → b → c → d → e → f → g → h";
        let reason = |count, more: &str| {
            let met = format!("stopped, since a chain of {count} routines led to this event");
            format!("{met}, and 8 are the most: {shown}{more}")
        };
        check("allow", &chain[..8], Some(&reason(8, "")));
        check("avoid", &chain, Some(&reason(9, " → …")));
    }

    #[track_caller]
    fn check(looping: &str, chain: &[&str], want: Option<&str>) {
        let text = format!(
            "title = \"x\"\n[on.event]\n[flow]\nloop = \"{looping}\"\n[item]\nqueue = \"q\"\ntitle = \"t\"\n"
        );
        let routine = routine::parse(&RoutineName::parse("r").unwrap(), "r.toml", &text).unwrap();
        let chain = chain.iter().map(|name| RoutineName::parse(name).unwrap()).collect();
        let event = Event { chain, ..testing::event("a", json!({})) };
        assert_eq!(guard(&routine, &event).as_deref(), want);
    }
}
