//! What a test comes to: the items as they are at the end, the drafts which are
//! still held, and what of it is not as expected.

use super::World;
use crate::rules::gate;
use crate::rules::routine::ItemState;
use crate::rules::trial::{Made, Outcome, Standing, compare};
use serde_json::Value;
use std::collections::HashMap;

/// The most drafts named which are still held at the end.
const HELD_SHOWN: usize = 3;

impl World<'_> {
    /// What came of it, if it could not be run to its end.
    pub(in crate::rules::trial) fn give_up(self, why: String) -> Outcome {
        let made = self.made();
        let Self { events, gates, notes, .. } = self;
        Outcome { standing: Standing::Error, problems: vec![why], made, events, gates, notes }
    }

    pub(in crate::rules::trial) fn finish(self) -> Outcome {
        let made = self.made();
        let held = self.held_problem();
        let Self { case, events, gates, notes, mut problems, .. } = self;
        problems.extend(compare::differences(case, &made));
        problems.extend(held);
        let standing = if problems.is_empty() { Standing::Passed } else { Standing::Failed };
        Outcome { standing, problems, made, events, gates, notes }
    }

    /// The items as they are now, in the order in which they came.
    fn made(&self) -> Vec<Made> {
        let items = self.state.items().map(|item| (item.id, item)).collect::<HashMap<_, _>>();
        let made = self.came.iter().filter_map(|(id, at)| {
            let item = items.get(id)?;
            let (draft, state) = (item.draft.clone(), state_of(item.standing));
            Some(Made { at: *at, due_at: item.due_at, state, draft })
        });
        made.collect()
    }

    /// What is wrong with the number of drafts which are held at the end.
    fn held_problem(&self) -> Option<String> {
        let held = self.state.held().collect::<Vec<_>>();
        let shown = held.iter().take(HELD_SHOWN).map(|held| {
            let title = Value::from(held.draft.title.as_str());
            format!("{title} (`flow.{}`: {})", held.gate.as_str(), held.reason)
        });
        let mut shown = shown.collect::<Vec<_>>().join("; ");
        if held.len() > HELD_SHOWN {
            shown.push_str("; …");
        }
        let got = held.len();
        match self.case.held {
            Some(wanted) if wanted == got => None,
            Some(wanted) if got == 0 => Some(format!("held: expected {wanted}, got 0")),
            Some(wanted) => Some(format!("held: expected {wanted}, got {got}: {shown}")),
            None if got == 0 || self.case.until.is_some() => None,
            None => {
                let told = format!("held: {got} at the end, and the test does not say so: {shown}");
                Some(format!("{told}; write `held = {got}`, or complete what is waited for"))
            }
        }
    }
}

/// The state as the inbox calls it.
pub(super) fn state_of(standing: gate::Standing) -> ItemState {
    match standing {
        gate::Standing::Waiting => ItemState::Waiting,
        gate::Standing::Running => ItemState::Leased,
        gate::Standing::Closed => ItemState::Done,
        gate::Standing::Superseded => ItemState::Superseded,
    }
}
