//! The inboxes which are tables of the user's, as one session knows them.
//!
//! Each is opened when the first item goes to it: its columns are read from the
//! catalog, and statements prepared as they are needed. If the table is altered, the
//! statements do not fit any more; then all is forgotten and opened again.

use super::error::{PgError, Policy};
use super::inbox::{self, Inbox, Locator, Placed, PlacedOr};
use super::session::Session;
use crate::rules::foreign::InboxSpec;
use crate::rules::item::ItemDraft;
use crate::rules::name::InboxName;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The inboxes of the settings, by their names.
pub type Specs = Arc<BTreeMap<InboxName, InboxSpec>>;

/// What became of one draft for a table of the user's.
#[derive(Clone, Debug)]
pub enum Put {
    /// It is there now: where.
    There(InboxName, Locator),
    /// It was there before.
    Duplicate,
    /// The database refused it.
    Refused {
        /// Its SQLSTATE.
        sqlstate: String,
        /// Its message.
        message: String,
    },
}

/// How drafts are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// All with one statement for each set of columns, which fails if one of them does.
    Together,
    /// Each behind an exception block.
    Guarded,
    /// Each in a statement of its own, which may take so many milliseconds.
    Alone(u32),
}

/// The inboxes of one session.
#[derive(Debug, Default)]
pub struct Inboxes {
    specs: Specs,
    open: Mutex<HashMap<InboxName, Arc<Inbox>>>,
}

impl Inboxes {
    /// None of them is open yet.
    #[must_use]
    pub fn new(specs: Specs) -> Self {
        Self { specs, open: Mutex::default() }
    }

    /// Whether there are any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// The inbox of this name, opened if need be.
    ///
    /// # Errors
    ///
    /// 42P01 if the settings do not know it, or the database not its table.
    pub async fn get(&self, session: &Session, name: &InboxName) -> Result<Arc<Inbox>, PgError> {
        let mut open = self.open.lock().await;
        if let Some(inbox) = open.get(name) {
            return Ok(Arc::clone(inbox));
        }
        let Some(spec) = self.specs.get(name) else {
            let message = format!("the settings describe no inbox `{name}`: add `[inbox.{name}]`");
            return Err(PgError::refused("42P01", &message));
        };
        let inbox = Arc::new(Inbox::open(session, spec).await?);
        open.insert(name.clone(), Arc::clone(&inbox));
        Ok(inbox)
    }

    /// Forgets what is known of the tables, if the error may come of one which was
    /// altered.
    pub async fn learn(&self, error: &PgError) {
        if inbox::is_stale(error) || matches!(error.policy(), Policy::Refused | Policy::Blocked) {
            self.open.lock().await.clear();
        }
    }

    /// Puts drafts into their tables; the answers are in the order of the drafts.
    ///
    /// # Errors
    ///
    /// Of the database. Unless all go together, what it says of a single draft is an
    /// answer and no error.
    pub async fn put(
        &self,
        session: &Session,
        drafts: &[&ItemDraft],
        manner: Manner,
    ) -> Result<Vec<Put>, PgError> {
        let mut answers: Vec<Option<Put>> = vec![None; drafts.len()];
        for (name, places) in by_inbox(drafts) {
            let of_inbox: Vec<&ItemDraft> = places.iter().map(|place| drafts[*place]).collect();
            let put = self.put_into(session, name, &of_inbox, manner).await;
            let put = match put {
                Ok(put) => put,
                Err(error) => {
                    self.learn(&error).await;
                    return Err(error);
                }
            };
            for (place, put) in places.into_iter().zip(put) {
                answers[place] = Some(put);
            }
        }
        if answers.iter().any(|answer| matches!(answer, Some(Put::Refused { .. }))) {
            // Its column may be wider by now, or of another type.
            self.open.lock().await.clear();
        }
        let lost = || Put::Refused { sqlstate: "XX000".into(), message: "there was no answer".into() };
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect())
    }

    async fn put_into(
        &self,
        session: &Session,
        name: &InboxName,
        drafts: &[&ItemDraft],
        manner: Manner,
    ) -> Result<Vec<Put>, PgError> {
        let inbox = match (self.get(session, name).await, manner) {
            (Ok(inbox), _) => inbox,
            // With care, a table which is not there is each draft's own trouble.
            (Err(error), Manner::Guarded | Manner::Alone(_)) => return blame_each(drafts, error),
            (Err(error), Manner::Together) => return Err(error),
        };
        let there = |placed: Placed| match placed {
            Placed::Created(locator) | Placed::Replaced(locator) => Put::There(name.clone(), locator),
            Placed::Duplicate => Put::Duplicate,
        };
        let judged = |answer: PlacedOr| match answer {
            PlacedOr::Placed(placed) => there(placed),
            PlacedOr::Refused { sqlstate, message } => Put::Refused { sqlstate, message },
        };
        Ok(match manner {
            Manner::Together => inbox.place(session, drafts).await?.into_iter().map(there).collect(),
            Manner::Guarded => inbox.place_each(session, drafts).await?.into_iter().map(judged).collect(),
            Manner::Alone(timeout_ms) => {
                let answers = inbox.place_singly(session, drafts, timeout_ms).await?;
                answers.into_iter().map(judged).collect()
            }
        })
    }
}

/// The table could not be opened: if that is about the table, it is said of each draft.
fn blame_each(drafts: &[&ItemDraft], error: PgError) -> Result<Vec<Put>, PgError> {
    match error.answer() {
        Some(answer) if answer.sqlstate.starts_with("42") || answer.sqlstate.starts_with("3F") => {
            let put = Put::Refused { sqlstate: answer.sqlstate.clone(), message: answer.message.clone() };
            Ok(vec![put; drafts.len()])
        }
        _ => Err(error),
    }
}

/// The places of the drafts of each inbox; the inboxes in the order in which they first
/// appear, which is that of a routine's items: one may refer to another before it.
fn by_inbox<'a>(drafts: &[&'a ItemDraft]) -> Vec<(&'a InboxName, Vec<usize>)> {
    let mut all: Vec<(&InboxName, Vec<usize>)> = Vec::new();
    for (place, draft) in drafts.iter().enumerate() {
        let Some(foreign) = &draft.foreign else { continue };
        match all.iter_mut().find(|(inbox, _)| **inbox == foreign.inbox) {
            Some((_, places)) => places.push(place),
            None => all.push((&foreign.inbox, vec![place])),
        }
    }
    all
}
