//! What is done about dead letters.

use crate::cli::retry::bulk::{AT_ONCE, Selection};
use crate::cli::{of_schema, say};
use crate::pg::items::{self, Deed, Detail, LetterAnswer};
use crate::pg::schedules;
use crate::pg::session::Session;

/// Does it to one letter, and says what became of it; whether it was done.
///
/// # Errors
///
/// Of the database.
pub(super) async fn one(session: &Session, deed: Deed, id: i64) -> anyhow::Result<bool> {
    let answer = asked(session, deed, id).await?;
    let words = words(&answer);
    if is_done(&answer) {
        say(&format!("L{id} {words}\n"))?;
    } else {
        eprintln!("L{id} {words}");
    }
    Ok(is_done(&answer))
}

/// Does it to all letters which fit; whether none was left.
///
/// # Errors
///
/// Of the database. What was done until then stays done.
pub(super) async fn all(session: &Session, deed: Deed, selection: &Selection) -> anyhow::Result<bool> {
    let now = schedules::now(session).await.map_err(of_schema)?;
    let filter = selection.filter.at(now);
    let (mut before, mut left) = (None, selection.limit());
    let (mut done, mut not_done) = (0_u64, 0_u64);
    while left > 0 {
        let page = items::letters(session, &filter, Detail::Line, before, left.min(AT_ONCE)).await;
        let page = page.map_err(of_schema)?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for letter in &page {
            if selection.dry_run || is_done(&asked(session, deed, letter.id).await?) {
                done += 1;
                left -= 1;
            } else {
                not_done += 1;
            }
        }
    }
    let what = match (done, selection.dry_run, deed) {
        (_, true, Deed::Drop) => "would be dropped",
        (_, true, _) => "would be offered to the inbox again",
        (_, false, Deed::Drop) => "dropped",
        (_, false, _) => "offered to the inbox again",
    };
    let letters = if done == 1 { "letter" } else { "letters" };
    say(&format!("{done} dead {letters} {what}\n"))?;
    if not_done > 0 {
        eprintln!("{not_done} could not be: `hearken dead --only letters` says why");
    }
    Ok(not_done == 0)
}

async fn asked(session: &Session, deed: Deed, id: i64) -> anyhow::Result<LetterAnswer> {
    let answer = match deed {
        Deed::Drop => items::drop_letter(session, id).await,
        Deed::Retry | Deed::Cancel => items::retry_letter(session, id).await,
    };
    answer.map_err(of_schema)
}

fn is_done(answer: &LetterAnswer) -> bool {
    match answer {
        LetterAnswer::Waiting | LetterAnswer::There | LetterAnswer::Blocked | LetterAnswer::Dropped => true,
        LetterAnswer::Refused | LetterAnswer::NoItem | LetterAnswer::Gone => false,
    }
}

fn words(answer: &LetterAnswer) -> &'static str {
    match answer {
        LetterAnswer::Waiting => "is an item now, and waits",
        LetterAnswer::There => "had its item before: the letter is gone",
        LetterAnswer::Blocked => "will be tried again by the daemon within half a minute",
        LetterAnswer::Refused => "was refused once more: `hearken dead --only letters` says why",
        LetterAnswer::NoItem => {
            "has no item to offer, since the routine could not make one: mend the routine, and fire it for \
             the event (`hearken fire`)"
        }
        LetterAnswer::Dropped => "dropped",
        LetterAnswer::Gone => "is not there",
    }
}
