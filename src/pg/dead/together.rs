//! Tries again what was blocked and goes into tables of the user's, or must come with
//! its siblings: items of one routine and cause come together or not at all.

use super::Redriven;
use crate::pg::enqueue::{Verdict, Writer};
use crate::pg::error::{PgError, Policy, policy_of_state};
use crate::pg::inboxes::{Manner, Put};
use crate::pg::session::Session;
use crate::rules::item::{Cause, ItemDraft};
use std::collections::BTreeMap;

/// What drafts that come together have in common: routine, cause and row.
pub type Group = (String, String, u32);

/// Tries blocked letters with a stored draft again, in order, each group behind a
/// savepoint, in a transaction of its own. The first group which is still blocked in
/// an inbox keeps the later ones of the same routine waiting.
///
/// # Errors
///
/// Of the database as a whole, never of a single letter. The transaction may still be
/// open then.
pub async fn redrive_together(session: &Session, writer: &Writer, max: i64) -> Result<Redriven, PgError> {
    let client = session.client();
    client.batch_execute("begin").await?;
    let rows = client
        .query(
            "select id, (draft -> 'stored')::text from hearken.dead_letters \
             where kind = 'blocked' and draft -> 'stored' is not null order by id limit $1 for update skip locked",
            &[&max],
        )
        .await?;
    let mut groups: BTreeMap<Group, Vec<(i64, ItemDraft)>> = BTreeMap::new();
    let mut order = Vec::new();
    for row in &rows {
        let Ok(draft) = serde_json::from_str::<ItemDraft>(row.get(1)) else { continue };
        let group = group_of(&draft);
        if !groups.contains_key(&group) {
            order.push(group.clone());
        }
        groups.entry(group).or_default().push((row.get(0), draft));
    }
    let mut taken: Vec<i64> = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    let mut refused = 0;
    for group in order {
        let Some(letters) = groups.remove(&group) else { continue };
        if waiting.contains(&group.0) {
            continue;
        }
        let ids: Vec<i64> = letters.iter().map(|(id, _)| *id).collect();
        match try_group(session, writer, &letters).await? {
            Tried::Taken => taken.extend(ids),
            Tried::Waits => waiting.push(group.0),
            Tried::Refused(message) => {
                let sql = "update hearken.dead_letters set kind = 'refused', message = $2 where id = any($1)";
                client.execute(sql, &[&ids, &message]).await?;
                refused += ids.len();
            }
        }
    }
    if taken.is_empty() && refused == 0 {
        client.batch_execute("rollback").await?;
        return Ok(Redriven { taken: 0, left: rows.len() });
    }
    client.execute("delete from hearken.dead_letters where id = any($1)", &[&taken]).await?;
    client.batch_execute("commit").await?;
    Ok(Redriven { taken: taken.len(), left: rows.len() - taken.len() - refused })
}

/// What became of letters which were tried again.
enum Tried {
    /// Their items are there.
    Taken,
    /// A grant, a column or a lock is still in the way.
    Waits,
    /// An inbox does not want them: why.
    Refused(String),
}

/// What a draft comes together with.
#[must_use]
pub fn group_of(draft: &ItemDraft) -> Group {
    let cause = match draft.cause {
        Cause::Event(seq) => format!("event {seq}"),
        Cause::Tick(tick) => format!("tick {tick}"),
    };
    (draft.routine.as_str().to_owned(), cause, draft.row)
}

/// Puts all drafts of a group where they belong, or none.
async fn try_group(
    session: &Session,
    writer: &Writer,
    letters: &[(i64, ItemDraft)],
) -> Result<Tried, PgError> {
    session.savepoint("letters").await?;
    let (foreign, own): (Vec<&ItemDraft>, Vec<&ItemDraft>) =
        letters.iter().map(|(_, draft)| draft).partition(|draft| draft.foreign.is_some());
    let own: Vec<ItemDraft> = own.into_iter().cloned().collect();
    let verdicts = if own.is_empty() { Vec::new() } else { writer.enqueue_each(session, &own).await? };
    let put = writer.inboxes().put(session, &foreign, Manner::Guarded).await?;
    let own = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Refused { sqlstate, message } => Some((sqlstate, message)),
        Verdict::Created | Verdict::Duplicate(_) => None,
    });
    let foreign = put.iter().filter_map(|put| match put {
        Put::Refused { sqlstate, message } => Some((sqlstate, message)),
        Put::There(..) | Put::Duplicate => None,
    });
    let refused: Vec<(&String, &String)> = own.chain(foreign).collect();
    let Some((_, message)) = refused.first() else {
        session.release("letters").await?;
        return Ok(Tried::Taken);
    };
    session.take_back("letters").await?;
    let waits = |sqlstate: &str| matches!(policy_of_state(sqlstate), Policy::Blocked | Policy::RetryLater);
    if refused.iter().any(|(sqlstate, _)| waits(sqlstate)) {
        return Ok(Tried::Waits);
    }
    Ok(Tried::Refused((*message).clone()))
}
