//! Answers are told until they are heard, or nobody can be waiting for them.

use super::Answer;
use super::backoff::Backoff;
use super::holds::Held;
use super::link::{Link, Live};
use crate::pg::error::{PgError, Policy};
use crate::pg::work::{Lease, Word};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An answer is told for so long after its lease is over: a database which was away
/// may have had nobody who gave the item to somebody else.
const BEYOND: Duration = Duration::from_secs(60);
/// In place of a NUL, which neither `text` nor `jsonb` can hold.
const IN_PLACE_OF_NUL: &str = "\u{FFFD}";

/// The answer for one item.
#[derive(Debug)]
pub(super) struct Due {
    /// Whose it is.
    pub(super) held: Arc<Held>,
    /// What became of the item.
    pub(super) answer: Answer,
}

/// What the database said to it.
#[derive(Debug)]
pub(super) struct Told {
    /// Whose it was.
    pub(super) lease: Lease,
    /// The word; none, if it could not be told.
    pub(super) word: Option<Word>,
}

/// Completes several items in one statement; one by one, if the database takes
/// offence at some. The results are cleaned. No item may be among them twice.
pub(super) async fn complete_all(link: Link, held: Vec<Arc<Held>>, results: Vec<Option<Value>>) -> Vec<Told> {
    let leases: Vec<Lease> = held.iter().map(|held| held.lease).collect();
    let results: Vec<Option<Value>> = results.into_iter().map(|result| result.map(clean)).collect();
    let until = until(&held);
    let mut backoff = Backoff::new();
    loop {
        let live = link.get().await;
        match live.settle(live.session.complete_all(&leases, &results)).await {
            Ok(words) => {
                let told = leases.iter().zip(words);
                return told.map(|(lease, word)| Told { lease: *lease, word: Some(word) }).collect();
            }
            Err(error) if !error.is_closed() && leases.len() > 1 => break,
            Err(error) if !error.is_closed() && error.policy() == Policy::Refused => break,
            Err(error) => {
                if !again(&error, leases.first(), until, &mut backoff).await {
                    return leases.iter().map(|lease| Told { lease: *lease, word: None }).collect();
                }
            }
        }
    }
    let singly = held.into_iter().zip(results).map(|(held, result)| {
        let due = Due { held, answer: Answer::Done(result) };
        tell(link.clone(), due)
    });
    join_all(singly).await
}

/// Tells one answer.
pub(super) async fn tell(link: Link, due: Due) -> Told {
    let Due { held, answer } = due;
    let lease = held.lease;
    let mut answer = cleaned(answer);
    let mut is_plain = false;
    let until = until(std::slice::from_ref(&held));
    let mut backoff = Backoff::new();
    loop {
        let live = link.get().await;
        match live.settle(say(&live, lease, &answer)).await {
            Ok(word) => return Told { lease, word: Some(word) },
            Err(error) if error.policy() == Policy::Refused && !is_plain => {
                tracing::warn!(item.id = lease.id, error = %error, "an answer was refused; telling it bare");
                answer = plain(answer);
                is_plain = true;
            }
            Err(error) => {
                if !again(&error, Some(&lease), until, &mut backoff).await {
                    return Told { lease, word: None };
                }
            }
        }
    }
}

async fn say(live: &Live, lease: Lease, answer: &Answer) -> Result<Word, PgError> {
    let session = &live.session;
    match answer {
        Answer::Done(result) => {
            let words = session.complete_all(&[lease], std::slice::from_ref(result)).await?;
            Ok(words.first().copied().unwrap_or(Word::Stale))
        }
        Answer::Failed { error, retry } => session.fail(lease, error, *retry).await,
        Answer::Snoozed { pause, note } => {
            let note = Some(note.as_str()).filter(|note| !note.is_empty());
            session.snooze(lease, *pause, note).await
        }
        Answer::Released => session.release(lease).await,
        Answer::Lost => Ok(Word::Stale),
    }
}

/// Waits before an answer is told again; false, if that makes no sense any more.
async fn again(error: &PgError, lease: Option<&Lease>, until: Instant, backoff: &mut Backoff) -> bool {
    let id = lease.map(|lease| lease.id);
    if Instant::now() >= until {
        tracing::error!(item.id = id, error = %error, "an answer could not be told, and is given up");
        return false;
    }
    tracing::warn!(item.id = id, error = %error, "an answer was not heard; telling it again");
    backoff.pause().await;
    true
}

/// Up to when answers for these leases are told.
fn until(held: &[Arc<Held>]) -> Instant {
    let over = held.iter().map(|held| held.over()).max();
    over.unwrap_or_else(Instant::now).max(Instant::now()) + BEYOND
}

/// The answer without what the database may have refused.
fn plain(answer: Answer) -> Answer {
    match answer {
        Answer::Done(_) => Answer::Done(Some(json!({ "lost": "the database does not take this result" }))),
        Answer::Failed { retry, .. } => {
            Answer::Failed { error: "the database does not take the text of this error".to_owned(), retry }
        }
        Answer::Snoozed { pause, .. } => Answer::Snoozed { pause, note: String::new() },
        answer @ (Answer::Released | Answer::Lost) => answer,
    }
}

/// The answer as the database can hold it.
fn cleaned(answer: Answer) -> Answer {
    match answer {
        Answer::Done(result) => Answer::Done(result.map(clean)),
        Answer::Failed { error, retry } => Answer::Failed { error: clean_text(error), retry },
        Answer::Snoozed { pause, note } => Answer::Snoozed { pause, note: clean_text(note) },
        answer @ (Answer::Released | Answer::Lost) => answer,
    }
}

/// A text without NULs.
pub(super) fn clean_text(text: String) -> String {
    if text.contains('\0') { text.replace('\0', IN_PLACE_OF_NUL) } else { text }
}

/// A value without NULs, in keys either.
pub(super) fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean_text(text)),
        Value::Array(values) => Value::Array(values.into_iter().map(clean).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (clean_text(key), clean(value))).collect())
        }
        value @ (Value::Null | Value::Bool(_) | Value::Number(_)) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::work::Retry;

    #[test]
    fn a_nul_is_replaced_wherever_it_stands() {
        let dirty = json!({ "a\0b": ["x\0", { "c": "\0" }], "n": 1.50 });
        assert_eq!(clean(dirty), json!({ "a\u{FFFD}b": ["x\u{FFFD}", { "c": "\u{FFFD}" }], "n": 1.50 }));
        let failed = Answer::Failed { error: "no\0".to_owned(), retry: Retry::Never };
        let want = Answer::Failed { error: "no\u{FFFD}".to_owned(), retry: Retry::Never };
        assert_eq!(cleaned(failed), want);
    }

    #[test]
    fn an_answer_without_its_content_is_still_the_same_answer() {
        assert!(matches!(plain(Answer::Done(Some(json!("x")))), Answer::Done(Some(_))));
        let failed = plain(Answer::Failed { error: "e".to_owned(), retry: Retry::Never });
        assert!(matches!(failed, Answer::Failed { retry: Retry::Never, .. }));
        assert_eq!(plain(Answer::Released), Answer::Released);
    }
}
