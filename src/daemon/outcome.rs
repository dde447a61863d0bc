//! What a pass is to write: drafts, decisions and dead letters, and what the
//! inbox's answers make of them.

use super::deliver::there_before;
use super::gates::source_of;
use crate::pg::dead::{About, DeadLetter, Decision, LetterKind, Outcome};
use crate::pg::each::{Failure, Rows};
use crate::pg::enqueue::{Enqueued, Verdict, about, draft_json, duplicate, event_id, stored_json};
use crate::pg::error::{PgError, Policy, policy_of_state};
use crate::rules::event::Event;
use crate::rules::gate::circle;
use crate::rules::item::{ItemDraft, Planned};
use crate::rules::name::RoutineName;
use crate::rules::plan;
use crate::rules::routine::Routine;
use std::collections::BTreeSet;

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) drafts: Vec<ItemDraft>,
    /// Drafts for tables of the user's.
    pub(super) foreign: Vec<ItemDraft>,
    /// Routines whose items come together or not at all.
    several: BTreeSet<RoutineName>,
    /// Drafts which have gates to pass.
    pub(super) gated: Vec<Planned>,
    pub(super) decisions: Vec<Decision>,
    pub(super) letters: Vec<DeadLetter>,
    pub(super) matches: usize,
}

impl Plan {
    /// How many letters wait for a grant or a column.
    pub(super) fn blocked(&self) -> usize {
        self.letters.iter().filter(|letter| letter.kind == LetterKind::Blocked).count()
    }

    /// Whether nothing is to be put anywhere.
    pub(super) fn has_no_drafts(&self) -> bool {
        self.drafts.is_empty() && self.foreign.is_empty() && self.gated.is_empty()
    }

    /// All drafts, wherever they go.
    pub(super) fn all_drafts(&self) -> impl Iterator<Item = &ItemDraft> {
        let gated = self.gated.iter().map(|planned| &planned.draft);
        self.drafts.iter().chain(&self.foreign).chain(gated)
    }

    /// Whether the draft comes with others of its routine, or not at all.
    pub(super) fn has_siblings(&self, draft: &ItemDraft) -> bool {
        self.several.contains(&draft.routine)
    }

    /// Takes drafts out.
    pub(super) fn drop_drafts(&mut self, unwanted: impl Fn(&ItemDraft) -> bool) {
        self.drafts.retain(|draft| !unwanted(draft));
        self.foreign.retain(|draft| !unwanted(draft));
        self.gated.retain(|planned| !unwanted(&planned.draft));
    }

    /// Takes drafts of a routine, and sorts out those which have gates to pass. So
    /// have those of our inbox whose causes are to be written down: the fast way has no
    /// column for them.
    pub(super) fn take(&mut self, routine: &Routine, planned: Vec<Planned>) {
        if routine.items.len() > 1 && !planned.is_empty() {
            self.several.insert(routine.name.clone());
        }
        for planned in planned {
            match (planned.request.is_empty(), &planned.draft.foreign) {
                (true, Some(_)) => self.foreign.push(planned.draft),
                (true, None) if planned.draft.chain.is_empty() => self.drafts.push(planned.draft),
                (true, None) | (false, _) => self.gated.push(planned),
            }
        }
    }

    /// What the loop guard stops; says whether it did.
    fn is_stopped(&mut self, routine: &Routine, event: &Event) -> bool {
        let Some(reason) = circle::guard(routine, event) else { return false };
        self.decisions.push(Decision {
            about: About::Event(event.seq),
            source: event.from.as_str().into(),
            routine: Some((routine.name.clone(), routine.version.clone())),
            item: None,
            outcome: Outcome::Loop,
            reason,
            met_item_id: None,
            event_id: row_of(event),
        });
        true
    }

    /// An event which a paused routine would have wanted.
    pub(super) fn pause(&mut self, routine: &Routine, event: &Event) {
        self.matches += 1;
        let paused = Decision::paused(About::Event(event.seq), event.from.as_str(), routine);
        self.decisions.push(Decision { event_id: row_of(event), ..paused });
    }

    pub(super) fn add(&mut self, routine: &Routine, event: &Event) {
        self.matches += 1;
        if self.is_stopped(routine, event) {
            return;
        }
        match plan::plan_event(routine, event) {
            Ok(drafts) => self.take(routine, drafts),
            Err(error) => {
                self.bury(
                    About::Event(event.seq),
                    event.from.as_str(),
                    routine,
                    &error.to_string(),
                    Some(event),
                );
            }
        }
    }

    /// Items of the rows which a routine's query found for an event: all of them,
    /// or none if one of them cannot be made.
    pub(super) fn add_rows(&mut self, routine: &Routine, event: &Event, rows: Rows) {
        self.matches += 1;
        if self.is_stopped(routine, event) {
            return;
        }
        let planned = rows.and_then(|rows| {
            let mut drafts = Vec::new();
            for (number, row) in (0..).zip(&rows) {
                let planned = plan::plan_event_row(routine, event, row, number).map_err(|error| {
                    Failure::of_the_routine(format!("row {} of its query: {error}", number + 1))
                });
                drafts.extend(planned?);
            }
            Ok(drafts)
        });
        match planned {
            Ok(drafts) => self.take(routine, drafts),
            Err(failure) => {
                let about = About::Event(event.seq);
                self.bury_failure(about, event.from.as_str(), routine, &failure, Some(event));
            }
        }
    }

    /// A routine could not make an item of an event or a tick.
    pub(super) fn bury(
        &mut self,
        about: About,
        source: &str,
        routine: &Routine,
        why: &str,
        event: Option<&Event>,
    ) {
        self.bury_failure(about, source, routine, &Failure::of_the_routine(why), event);
    }

    /// The same, with what the database said.
    pub(super) fn bury_failure(
        &mut self,
        about: About,
        source: &str,
        routine: &Routine,
        failure: &Failure,
        event: Option<&Event>,
    ) {
        let named = Some((routine.name.clone(), routine.version.clone()));
        self.decisions.push(Decision {
            about,
            source: source.into(),
            routine: named.clone(),
            item: None,
            outcome: outcome_of(failure.kind),
            reason: failure.message.clone(),
            met_item_id: None,
            event_id: event.and_then(row_of),
        });
        self.letters.push(DeadLetter {
            about,
            kind: failure.kind,
            source: source.into(),
            routine: named,
            item: None,
            sqlstate: failure.sqlstate.clone(),
            message: failure.message.clone(),
            event: event.map(event_json),
            draft: None,
            event_id: event.and_then(row_of),
        });
    }

    pub(super) fn set_aside(&mut self, source: &str, seq: i64, id: Option<&str>, kind: &str, why: &str) {
        let message = format!("the event of type {kind} was set aside: {why}");
        self.decisions.push(Decision {
            about: About::Event(seq),
            source: source.into(),
            routine: None,
            item: None,
            outcome: Outcome::Oversized,
            reason: message.clone(),
            met_item_id: None,
            event_id: id.map(str::to_owned),
        });
        self.letters.push(DeadLetter {
            about: About::Event(seq),
            kind: LetterKind::Oversized,
            source: source.into(),
            routine: None,
            item: None,
            sqlstate: None,
            message,
            event: None,
            draft: None,
            event_id: id.map(str::to_owned),
        });
    }

    /// Turns what the inbox said of each draft into decisions and letters.
    pub(super) fn judge(
        &mut self,
        source: &str,
        drafts: &[ItemDraft],
        verdicts: &[Verdict],
        events: &[&Event],
    ) -> Enqueued {
        let mut enqueued = Enqueued::default();
        for (draft, verdict) in drafts.iter().zip(verdicts) {
            match verdict {
                Verdict::Created => enqueued.created += 1,
                Verdict::Duplicate(met) => {
                    enqueued.duplicates += 1;
                    self.decisions.push(match draft.foreign {
                        None => duplicate(source, draft, *met),
                        Some(_) => there_before(source, draft),
                    });
                }
                Verdict::Refused { sqlstate, message } => {
                    self.refuse(source, draft, sqlstate, message, events);
                }
            }
        }
        enqueued
    }

    /// A draft which the inbox refused: a letter, and a decision.
    pub(super) fn refuse(
        &mut self,
        source: &str,
        draft: &ItemDraft,
        sqlstate: &str,
        message: &str,
        events: &[&Event],
    ) {
        let source = draft.from.as_ref().map_or(source, |_| source_of(draft));
        let mut letter = refusal(source, draft, sqlstate, message, events);
        if draft.foreign.is_some() || self.has_siblings(draft) {
            letter.draft = Some(stored_json(draft));
        }
        self.decisions.push(Decision {
            about: about(draft),
            source: source.into(),
            routine: Some((draft.routine.clone(), draft.version.clone())),
            item: Some(draft.item.clone()),
            outcome: outcome_of(letter.kind),
            reason: format!("the inbox refused it: {message} (SQLSTATE {sqlstate})"),
            met_item_id: None,
            event_id: event_id(draft),
        });
        self.letters.push(letter);
    }
}

/// The decision which goes with a letter on an item.
fn outcome_of(kind: LetterKind) -> Outcome {
    match kind {
        LetterKind::Blocked => Outcome::Blocked,
        LetterKind::Refused | LetterKind::Failed | LetterKind::Oversized => Outcome::Dead,
    }
}

/// A refusal which is trouble of the moment, such as a lock that was not to be
/// had: not the draft's fault until it has happened again and again.
pub(super) fn of_the_moment(verdicts: &[Verdict]) -> Option<PgError> {
    verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Refused { sqlstate, message } if policy_of_state(sqlstate) == Policy::RetryLater => {
            Some(PgError::refused(sqlstate, message))
        }
        Verdict::Created | Verdict::Duplicate(_) | Verdict::Refused { .. } => None,
    })
}

fn refusal(source: &str, draft: &ItemDraft, sqlstate: &str, message: &str, events: &[&Event]) -> DeadLetter {
    let kind = match policy_of_state(sqlstate) {
        Policy::Blocked => LetterKind::Blocked,
        // A table of the user's which is locked is not the draft's fault.
        Policy::RetryLater if draft.foreign.is_some() => LetterKind::Blocked,
        _ => LetterKind::Refused,
    };
    let about = about(draft);
    let event = match about {
        About::Event(seq) => events.iter().find(|event| event.seq == seq).map(|event| event_json(event)),
        About::Ticks { .. } => None,
    };
    DeadLetter {
        about,
        kind,
        source: source.into(),
        routine: Some((draft.routine.clone(), draft.version.clone())),
        item: Some((draft.item.clone(), draft.queue.as_str().to_owned())),
        sqlstate: Some(sqlstate.to_owned()),
        message: message.to_owned(),
        event,
        draft: Some(draft_json(draft)),
        event_id: event_id(draft),
    }
}

/// The row of the user's which an event is, by its id; none for one of the log.
fn row_of(event: &Event) -> Option<String> {
    (!event.from.is_log()).then(|| event.id.clone())
}

/// An event as JSON text, with the names of CloudEvents.
fn event_json(event: &Event) -> String {
    serde_json::json!({
        "from": event.from.as_str(),
        "seq": event.seq,
        "id": event.id,
        "source": event.origin,
        "type": event.kind,
        "subject": event.subject,
        "time": event.time.to_string(),
        "tenant": event.tenant,
        "data": event.data,
        "old": event.old,
        "meta": event.meta,
        "chain": event.chain.iter().map(RoutineName::as_str).collect::<Vec<_>>(),
    })
    .to_string()
}
