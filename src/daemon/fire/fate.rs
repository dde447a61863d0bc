//! What became of each draft, told from what was there before and after it was put in,
//! and from what was decided about it.

use crate::pg::dead::{Decision, Outcome};
use crate::pg::fire::{Place, Standing};
use crate::rules::item::ItemDraft;

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is an item now; one in a table of the user's has no number.
    Made(Option<i64>),
    /// It was there before, as the item or held draft of this number, if it is known.
    There(Option<i64>),
    /// A gate holds it, under this number.
    Held(i64),
    /// A gate said something else, about the item or held draft of this number, if any.
    Told(Outcome, Option<i64>),
}

/// A draft of the routine, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FiredDraft {
    /// The draft.
    pub draft: ItemDraft,
    /// What became of it.
    pub fate: Fate,
    /// Why, if there is something to say.
    pub reason: Option<String>,
}

/// A decision which is about no draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What was decided.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
}

/// Puts drafts and decisions together. A decision names the item of a routine and not
/// the row: of several drafts of one item, those which have no number of their own get
/// the decisions in their order.
pub(super) fn told(
    drafts: Vec<ItemDraft>,
    mut decisions: Vec<Decision>,
    before: &Standing,
    after: &Standing,
) -> (Vec<FiredDraft>, Vec<Remark>) {
    let mut fired: Vec<FiredDraft> = drafts
        .into_iter()
        .map(|draft| {
            let (fate, reason) = by_key(&draft, &mut decisions, before, after);
            FiredDraft { draft, fate, reason }
        })
        .collect();
    for one in &mut fired {
        if one.fate == Fate::Made(None)
            && let Some(decision) = take(&mut decisions, &one.draft, |_| true)
        {
            one.fate = match decision.outcome {
                Outcome::Duplicate => Fate::There(decision.met_item_id),
                outcome => Fate::Told(outcome, decision.met_item_id),
            };
            one.reason = Some(decision.reason);
        }
    }
    let remark = |Decision { outcome, reason, .. }| Remark { outcome, reason };
    (fired, decisions.into_iter().map(remark).collect())
}

/// What the draft's key says; nothing, and so `Made` without a number, if nobody has it.
fn by_key(
    draft: &ItemDraft,
    decisions: &mut Vec<Decision>,
    before: &Standing,
    after: &Standing,
) -> (Fate, Option<String>) {
    let mut why = |id: i64| {
        let met = |decision: &Decision| decision.met_item_id == Some(id);
        take(decisions, draft, met).map(|decision| decision.reason)
    };
    match (before.get(&draft.key), after.get(&draft.key)) {
        (Some((id, place)), _) => {
            // That it is the same is all which the decision says.
            let _ = why(*id);
            let reason = match place {
                Place::Inbox => None,
                Place::Held => Some("a gate holds it still".to_owned()),
                Place::History => Some("it is in the history".to_owned()),
            };
            (Fate::There(Some(*id)), reason)
        }
        (None, Some((id, Place::Held))) => (Fate::Held(*id), why(*id)),
        (None, Some((id, Place::Inbox | Place::History))) => (Fate::Made(Some(*id)), None),
        (None, None) => (Fate::Made(None), None),
    }
}

/// Takes out the first decision about the item of this draft.
fn take(
    decisions: &mut Vec<Decision>,
    draft: &ItemDraft,
    fits: impl Fn(&Decision) -> bool,
) -> Option<Decision> {
    let place = decisions
        .iter()
        .position(|decision| decision.item.as_ref() == Some(&draft.item) && fits(decision))?;
    Some(decisions.remove(place))
}

/// Why nothing can be made, each reason once.
pub(super) fn failures(decisions: &[Decision]) -> Vec<String> {
    let is_failure = |decision: &&Decision| matches!(decision.outcome, Outcome::Dead | Outcome::Blocked);
    let mut reasons: Vec<String> = Vec::new();
    for decision in decisions.iter().filter(is_failure) {
        let reason = match &decision.item {
            Some(item) => format!("{item}: {}", decision.reason),
            None => decision.reason.clone(),
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::dead::About;
    use crate::rules::item::{Cause, DedupKey};
    use crate::rules::name::{ItemName, QueueName, RoutineName};
    use crate::rules::routine::Version;

    fn draft(key: u8) -> ItemDraft {
        ItemDraft {
            routine: RoutineName::parse("r").unwrap(),
            version: Version::of(""),
            item: ItemName::only(),
            cause: Cause::Event(7),
            key: DedupKey([key; 32]),
            queue: QueueName::parse("q").unwrap(),
            priority: 0,
            due_at: None,
            attempts_max: None,
            tenant: None,
            title: format!("t{key}"),
            instructions: "".into(),
            context: serde_json::json!({}),
            tags: [].into(),
            chain: Vec::new(),
            from: None,
            row: 0,
            foreign: None,
            order_key: None,
            webhook: None,
        }
    }

    fn decision(outcome: Outcome, met: Option<i64>, item: Option<ItemName>) -> Decision {
        Decision {
            about: About::Event(7),
            source: "events".to_owned(),
            routine: None,
            item,
            outcome,
            reason: format!("because of {met:?}"),
            met_item_id: met,
            event_id: None,
        }
    }

    fn standing(all: &[(u8, i64, Place)]) -> Standing {
        all.iter().map(|(key, id, place)| (DedupKey([*key; 32]), (*id, *place))).collect()
    }

    #[test]
    fn each_draft_has_its_own_fate() {
        let item = || Some(ItemName::only());
        let before = standing(&[(2, 12, Place::Inbox), (3, 13, Place::Held), (4, 14, Place::History)]);
        let after = standing(&[
            (1, 21, Place::Inbox),
            (2, 12, Place::Inbox),
            (3, 13, Place::Held),
            (5, 25, Place::Held),
        ]);
        let decisions = vec![
            decision(Outcome::Duplicate, Some(12), item()),
            decision(Outcome::Merged, Some(99), item()),
            decision(Outcome::Held, Some(25), item()),
            decision(Outcome::Limited, None, item()),
        ];
        let drafts = (1..=7).map(draft).collect();
        let (fired, remarks) = told(drafts, decisions, &before, &after);
        let fates: Vec<Fate> = fired.iter().map(|fired| fired.fate).collect();
        let want = [
            Fate::Made(Some(21)),
            Fate::There(Some(12)),
            Fate::There(Some(13)),
            Fate::There(Some(14)),
            Fate::Held(25),
            Fate::Told(Outcome::Merged, Some(99)),
            Fate::Told(Outcome::Limited, None),
        ];
        assert_eq!(fates, want);
        assert_eq!(fired[4].reason.as_deref(), Some("because of Some(25)"));
        assert!(remarks.is_empty(), "{remarks:?}");
    }

    #[test]
    fn a_draft_for_another_table_is_made_unless_something_was_said() {
        let (fired, _) = told(vec![draft(1)], Vec::new(), &standing(&[]), &standing(&[]));
        assert_eq!(fired[0].fate, Fate::Made(None));
        let said = vec![decision(Outcome::Duplicate, None, Some(ItemName::only()))];
        let (fired, _) = told(vec![draft(1)], said, &standing(&[]), &standing(&[]));
        assert_eq!(fired[0].fate, Fate::There(None));
    }

    #[test]
    fn what_is_said_of_the_whole_cause_is_a_remark() {
        let said = vec![decision(Outcome::Loop, None, None)];
        let (fired, remarks) = told(Vec::new(), said, &standing(&[]), &standing(&[]));
        assert_eq!((fired.len(), remarks[0].outcome), (0, Outcome::Loop));
    }
}
