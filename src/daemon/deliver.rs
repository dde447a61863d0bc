//! Puts drafts which have no gates to pass into their inboxes, ours and the user's.
//!
//! The fast way sends those for tables of the user's with one statement for each set
//! of columns. With care each draft gets its verdict, and items of one routine, cause
//! and row come together or not at all: what would be refused is found out behind a
//! savepoint, and goes with its siblings.

use super::gates::ALONE_TIMEOUT_MS;
use super::outcome::{Plan, of_the_moment};
use super::pass::Care;
use crate::pg::dead::group_of;
use crate::pg::enqueue::{Enqueued, Verdict, Writer, duplicate};
use crate::pg::error::PgError;
use crate::pg::inboxes::{Manner, Put};
use crate::pg::session::Session;
use crate::rules::event::Event;
use crate::rules::item::ItemDraft;
use crate::rules::name::QueueName;
use std::collections::{BTreeMap, BTreeSet};

/// What drafts are put with.
#[derive(Clone, Copy)]
pub(super) struct Delivery<'a> {
    pub(super) session: &'a Session,
    pub(super) writer: &'a Writer,
    /// How carefully.
    pub(super) care: Care,
    /// Why so carefully.
    pub(super) trouble: Option<&'a str>,
    /// The source of what is in hand, as decisions have it.
    pub(super) source: &'a str,
}

impl Delivery<'_> {
    /// Puts the drafts for tables of the user's, all together.
    ///
    /// # Errors
    ///
    /// Of the database, of any draft.
    pub(super) async fn foreign(&self, plan: &mut Plan) -> Result<Enqueued, PgError> {
        if plan.foreign.is_empty() {
            return Ok(Enqueued::default());
        }
        let drafts = std::mem::take(&mut plan.foreign);
        let offered: Vec<&ItemDraft> = drafts.iter().collect();
        let put = self.writer.inboxes().put(self.session, &offered, Manner::Together).await?;
        let verdicts: Vec<Verdict> = put.into_iter().map(verdict_of).collect();
        Ok(plan.judge(self.source, &drafts, &verdicts, &[]))
    }

    /// Puts all drafts, each with a verdict. Says for which queues of ours something
    /// came, too.
    ///
    /// # Errors
    ///
    /// Of the database as a whole, never of a single draft.
    pub(super) async fn with_care(
        &self,
        plan: &mut Plan,
        events: &[&Event],
    ) -> Result<(Enqueued, BTreeSet<QueueName>), PgError> {
        self.weed(plan, events).await?;
        let drafts = std::mem::take(&mut plan.drafts);
        let foreign = std::mem::take(&mut plan.foreign);
        let verdicts = self.own(&drafts).await?;
        let put = self.put(&foreign.iter().collect::<Vec<_>>()).await?;
        self.wait_out(&verdicts)?;
        self.wait_out(&put)?;
        let mut enqueued = plan.judge(self.source, &drafts, &verdicts, events);
        enqueued += plan.judge(self.source, &foreign, &put, events);
        let created = drafts.iter().zip(&verdicts).filter(|(_, verdict)| matches!(verdict, Verdict::Created));
        let queues = created.map(|(draft, _)| draft.queue.clone()).collect();
        Ok((enqueued, queues))
    }

    /// At first trouble of the moment is waited out.
    fn wait_out(&self, verdicts: &[Verdict]) -> Result<(), PgError> {
        match of_the_moment(verdicts) {
            Some(error) if self.care == Care::Guarded => Err(error),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes drafts out of the plan whose siblings would be refused, and those with
    /// them: behind a savepoint all of them are tried.
    async fn weed(&self, plan: &mut Plan, events: &[&Event]) -> Result<(), PgError> {
        let drafts: Vec<ItemDraft> =
            plan.all_drafts().filter(|draft| plan.has_siblings(draft)).cloned().collect();
        if drafts.is_empty() {
            return Ok(());
        }
        let verdicts = self.probe(&drafts).await?;
        let mut guilty = BTreeMap::new();
        for (draft, verdict) in drafts.iter().zip(&verdicts) {
            if let Verdict::Refused { sqlstate, message } = verdict {
                guilty
                    .entry(group_of(draft))
                    .or_insert_with(|| (draft.item.clone(), sqlstate.clone(), message.clone()));
            }
        }
        if guilty.is_empty() {
            return Ok(());
        }
        plan.drop_drafts(|draft| guilty.contains_key(&group_of(draft)));
        for draft in &drafts {
            if let Some((item, sqlstate, message)) = guilty.get(&group_of(draft)) {
                let message = if *item == draft.item {
                    message.clone()
                } else {
                    format!("it comes with the item `{item}` or not at all, and that was refused: {message}")
                };
                plan.refuse(self.source, draft, sqlstate, &message, events);
            }
        }
        Ok(())
    }

    /// Tries drafts without leaving anything behind.
    ///
    /// # Errors
    ///
    /// As [`Delivery::with_care`].
    pub(super) async fn probe(&self, drafts: &[ItemDraft]) -> Result<Vec<Verdict>, PgError> {
        if self.care == Care::SetAside {
            return Ok(vec![self.set_aside(); drafts.len()]);
        }
        self.session.savepoint("probe").await?;
        let (foreign, own): (Vec<&ItemDraft>, Vec<&ItemDraft>) =
            drafts.iter().partition(|draft| draft.foreign.is_some());
        let own: Vec<ItemDraft> = own.into_iter().cloned().collect();
        let (mut of_own, mut of_foreign) =
            (self.own(&own).await?.into_iter(), self.put(&foreign).await?.into_iter());
        self.session.take_back("probe").await?;
        let verdicts: Vec<Verdict> = drafts
            .iter()
            .map(|draft| if draft.foreign.is_some() { of_foreign.next() } else { of_own.next() })
            .map(|verdict| verdict.unwrap_or(Verdict::Duplicate(None)))
            .collect();
        self.wait_out(&verdicts)?;
        Ok(verdicts)
    }

    async fn own(&self, drafts: &[ItemDraft]) -> Result<Vec<Verdict>, PgError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        match self.care {
            Care::Together | Care::Guarded => self.writer.enqueue_each(self.session, drafts).await,
            Care::Alone | Care::OneEvent => {
                self.writer.enqueue_singly(self.session, drafts, ALONE_TIMEOUT_MS).await
            }
            Care::SetAside => Ok(vec![self.set_aside(); drafts.len()]),
        }
    }

    async fn put(&self, drafts: &[&ItemDraft]) -> Result<Vec<Verdict>, PgError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let manner = match self.care {
            Care::Together | Care::Guarded => Manner::Guarded,
            Care::Alone | Care::OneEvent => Manner::Alone(ALONE_TIMEOUT_MS),
            Care::SetAside => return Ok(vec![self.set_aside(); drafts.len()]),
        };
        let put = self.writer.inboxes().put(self.session, drafts, manner).await?;
        Ok(put.into_iter().map(verdict_of).collect())
    }

    fn set_aside(&self) -> Verdict {
        let message = self.trouble.unwrap_or("the connection was lost whenever it was tried").to_owned();
        Verdict::Refused { sqlstate: "XX000".into(), message }
    }
}

fn verdict_of(put: Put) -> Verdict {
    match put {
        Put::There(..) => Verdict::Created,
        Put::Duplicate => Verdict::Duplicate(None),
        Put::Refused { sqlstate, message } => Verdict::Refused { sqlstate, message },
    }
}

/// The decision on a draft whose row was in a table of the user's before.
pub(super) fn there_before(source: &str, draft: &ItemDraft) -> crate::pg::dead::Decision {
    let mut decision = duplicate(source, draft, None);
    if let Some(foreign) = &draft.foreign {
        decision.reason = format!("the inbox `{}` has a row of the same key already", foreign.inbox);
    }
    decision
}
