//! The task which decides: when to look for items, and what became of each.
//!
//! The engine looks while it is *hungry*: after a bell, when a timer says so, after
//! a look which gave it all it asked for, and in some cases after an answer. It looks
//! for as many items as it has free slots. After an answer by which an item falls due
//! later it is *unsure*, and only asks when. If a look gives it less, it asks when the
//! next item is due and sleeps until then, or until a bell, or for `poll`.

mod ending;
mod looking;
#[cfg(test)]
mod tests;

use self::looking::{Appetite, Looked, Looking, Timer};
use super::answers::{self, Due, Told};
use super::bell::Bell;
use super::holds::{Held, Holds};
use super::link::{First, Link};
use super::{Answer, Ending, Handler, Hold, Run, Settings, Stop, Summary, WorkError, heart, listen, notes};
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::work::{Ask, Lease, Retry, Taken, Word};
use futures_util::task::noop_waker_ref;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

/// One worker at work.
pub(super) struct Engine<H> {
    settings: Settings,
    handler: Arc<H>,
    stop: Stop,
    link: Link,
    bell: Arc<Bell>,
    holds: Arc<Holds>,
    ask: Arc<Ask>,
    /// The handlers, and whose each is.
    running: JoinSet<Answer>,
    whose: HashMap<Id, Arc<Held>>,
    /// The answers under way, and for how many items they are.
    telling: JoinSet<Vec<Told>>,
    untold: usize,
    looking: Looking,
    /// There may be something to lease.
    appetite: Appetite,
    timer: Timer,
    stopping: watch::Sender<bool>,
    summary: Summary,
    /// What serves the engine; ends with it.
    _servants: JoinSet<()>,
}

/// What a handler left.
type Left = Result<(Id, Answer), JoinError>;

impl<H: Handler> Engine<H> {
    pub(super) async fn begin(
        options: ConnectOptions,
        settings: Settings,
        handler: Arc<H>,
        stop: Stop,
    ) -> Result<Self, WorkError> {
        let first = if settings.run == Run::Once { First::MustBe } else { First::MayWait };
        let (link, keeper) = Link::open(options.clone(), first).await?;
        let (bell, holds) = (Arc::<Bell>::default(), Arc::<Holds>::default());
        let mut servants = JoinSet::new();
        servants.spawn(keeper.keep());
        servants.spawn(heart::beat(holds.clone(), link.clone(), settings.lease));
        servants.spawn(notes::send(holds.clone(), link.clone()));
        if settings.run == Run::Forever {
            servants.spawn(listen::listen(options, settings.queues.clone(), bell.clone()));
        }
        let ask = Arc::new(Ask {
            worker: settings.worker.clone(),
            queues: settings.queues.iter().map(|queue| queue.as_str().to_owned()).collect(),
            lease: settings.lease,
            tags: settings.tags.clone(),
        });
        Ok(Self {
            settings,
            handler,
            stop,
            link,
            bell,
            holds,
            ask,
            running: JoinSet::new(),
            whose: HashMap::new(),
            telling: JoinSet::new(),
            untold: 0,
            looking: Looking::default(),
            appetite: Appetite::Hungry,
            timer: Timer::default(),
            stopping: watch::channel(false).0,
            summary: Summary::default(),
            _servants: servants,
        })
    }

    /// Works until the end, and returns what was done.
    pub(super) async fn run(mut self) -> Result<Summary, WorkError> {
        let ended = self.work().await;
        if let Ok(ending) = &ended {
            self.summary.ending = *ending;
        }
        self.wind_down().await;
        ended.map(|_| self.summary).map_err(WorkError::from)
    }

    async fn work(&mut self) -> Result<Ending, PgError> {
        loop {
            self.begin_look();
            if self.is_drained() {
                return Ok(Ending::Drained);
            }
            let wake = self.timer.next();
            tokio::select! {
                biased;
                () = self.stop.wanted() => return Ok(Ending::Stopped),
                Some(left) = self.running.join_next_with_id() => self.left(left),
                Some(told) = self.telling.join_next() => self.told(told),
                looked = self.looking.ended() => self.looked(looked)?,
                () = self.bell.wait(), if self.appetite != Appetite::Hungry => self.rung(),
                () = looking::at(wake) => self.woken(),
            }
        }
    }

    fn is_drained(&self) -> bool {
        self.settings.run == Run::Once
            && self.appetite == Appetite::Sated
            && !self.timer.is_set()
            && self.looking.is_idle()
            && self.running.is_empty()
            && self.untold == 0
    }

    /// How many items may be leased. Answers which pile up count: the database has
    /// trouble with them.
    fn free(&self) -> usize {
        let owed = self.untold.saturating_sub(self.settings.slots);
        self.settings.slots.saturating_sub(self.running.len() + owed)
    }

    /// Some items are ours.
    fn take(&mut self, taken: Vec<Taken>, sent: Instant) {
        for taken in taken {
            let lease = Lease { id: taken.id, token: taken.token };
            let more = taken.item.as_ref().ok().and_then(|item| item.more.as_ref());
            let has_key = more.is_some_and(|more| more.key.is_some());
            let held = self.holds.add(Held::new(lease, has_key, sent, taken.lease));
            match taken.item {
                Ok(item) => {
                    let hold = Hold::new(held.clone(), self.holds.clone(), self.stopping.subscribe());
                    let task = self.running.spawn(self.handler.clone().handle(item, hold));
                    self.whose.insert(task.id(), held);
                }
                Err(error) => {
                    let error = format!("this item cannot be read: {error}");
                    self.answer(vec![Due { held, answer: Answer::Failed { error, retry: Retry::Never } }]);
                }
            }
        }
    }

    /// Handlers have ended: the one given, and any others by now.
    fn left(&mut self, left: Left) {
        let mut due = Vec::new();
        let mut next = Some(left);
        while let Some(left) = next {
            let (id, answer) = left.unwrap_or_else(|error| (error.id(), answer_of(&error)));
            if let Some(held) = self.whose.remove(&id) {
                due.push(Due { held, answer });
            }
            next = self.running.try_join_next_with_id();
        }
        self.answer(due);
    }

    /// Tells answers: of those which are done all at once, of the others each. Notes
    /// which were not sent go before.
    fn answer(&mut self, due: Vec<Due>) {
        let (mut held, mut results, mut ids) = (Vec::new(), Vec::new(), HashSet::new());
        for due in due {
            if self.is_worth_a_look(&due.held) {
                self.appetite = Appetite::Hungry;
            }
            if let Some(note) = due.held.take_note() {
                let noting = note_before(self.link.clone(), due.held.clone(), note);
                self.send(0, noting);
            }
            match due.answer {
                Answer::Lost => self.count(Told { lease: due.held.lease, word: Some(Word::Stale) }),
                // One item can be there twice: under a lease which is lost, and again.
                Answer::Done(result) if ids.insert(due.held.lease.id) => {
                    held.push(due.held);
                    results.push(result);
                }
                answer => {
                    let due = Due { held: due.held, answer };
                    let link = self.link.clone();
                    self.send(1, async move { vec![answers::tell(link, due).await] });
                }
            }
        }
        if !held.is_empty() {
            let items = held.len();
            self.send(items, answers::complete_all(self.link.clone(), held, results));
        }
    }

    /// Whether something may be due now because this item is answered for, and
    /// nobody would ring for it, or not for us.
    fn is_worth_a_look(&self, held: &Held) -> bool {
        held.has_key || self.settings.run == Run::Once || !self.bell.is_heard()
    }

    fn send(&mut self, items: usize, telling: impl Future<Output = Vec<Told>> + Send + 'static) {
        let mut telling = Box::pin(telling);
        // The first poll hands the statement to the connection: what is sent in this
        // order arrives in it, and the next lease comes behind.
        match telling.as_mut().poll(&mut Context::from_waker(noop_waker_ref())) {
            Poll::Ready(told) => told.into_iter().for_each(|told| self.count(told)),
            Poll::Pending => {
                self.untold += items;
                self.telling.spawn(telling);
            }
        }
    }

    /// Answers were heard.
    fn told(&mut self, told: Result<Vec<Told>, JoinError>) {
        match told {
            Ok(told) => {
                self.untold = self.untold.saturating_sub(told.len());
                told.into_iter().for_each(|told| self.count(told));
            }
            Err(error) => tracing::error!(error = %error, "an answer ended badly"),
        }
    }

    fn count(&mut self, told: Told) {
        let Told { lease, word } = told;
        self.holds.remove(lease);
        let said = word.map_or("nothing", Word::as_str);
        let summary = &mut self.summary;
        match word {
            Some(Word::Done) => summary.done += 1,
            Some(Word::Snoozed) => summary.snoozed += 1,
            Some(Word::Released) => summary.released += 1,
            Some(Word::Failed) => summary.failed += 1,
            Some(Word::Dead) => summary.dead += 1,
            Some(Word::Stale | Word::Extended | Word::Noted) => summary.lost += 1,
            None => summary.unanswered += 1,
        }
        match word {
            Some(Word::Dead) => tracing::warn!(item.id = lease.id, "an item is dead: no attempt is left"),
            Some(Word::Stale) => tracing::warn!(item.id = lease.id, "the lease of an item was lost"),
            _ => tracing::debug!(item.id = lease.id, said, "answered"),
        }
        // It falls due by itself, and rings nobody: its time is to be asked for.
        if matches!(word, Some(Word::Failed | Word::Snoozed)) && self.settings.run == Run::Forever {
            self.appetite = self.appetite.max(Appetite::Unsure);
        }
    }
}

/// A note, as something to be told.
async fn note_before(link: Link, held: Arc<Held>, note: serde_json::Value) -> Vec<Told> {
    notes::note_of(link, held, note).await;
    Vec::new()
}

/// What a handler which did not come to its end has to say.
fn answer_of(error: &JoinError) -> Answer {
    if error.is_panic() {
        // What it said is on standard error; it may hold anything.
        return Answer::Failed { error: "the worker's handler panicked".to_owned(), retry: Retry::Backoff };
    }
    Answer::Released
}
