//! What operators do about items: start them again, call them off, give them up, one
//! by one and all which fit a filter.
//!
//! Of many, the numbers come first, in order, and then the function is called for each:
//! so one which cannot be done is passed by and stands in nobody's way.
//! (`hearken.retry_all()` and its like are for SQL; they begin anew with each call.)

use super::row::{self, Place};
use super::{CHANGING, Detail, FIXED, Filter, Item, Parameters, Reach};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use postgres_types::ToSql;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It waits again, with all its attempts.
    Retry,
    /// Nobody will do it.
    Cancel,
    /// It is given up, and goes to the history.
    Drop,
}

impl Deed {
    /// Its function for an item `i`, with the reason `$2` if it takes one.
    fn call(self) -> &'static str {
        match self {
            Self::Retry => "hearken.retry(i.id)",
            Self::Cancel => "hearken.cancel(i.id, $2::text)",
            Self::Drop => "hearken.drop(i.id, $2::text)",
        }
    }

    fn takes_a_reason(self) -> bool {
        match self {
            Self::Retry => false,
            Self::Cancel | Self::Drop => true,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It was done.
    Done,
    /// The item is open: there is nothing to start again, or to give up.
    Open,
    /// The item has finished: there is nothing to call off.
    Closed,
    /// Another item, or a held draft, has its key by now.
    Taken,
    /// There is no such item.
    Gone,
    /// Somebody's transaction has the item locked.
    Busy,
}

impl Answer {
    fn read(text: &str) -> Self {
        match text {
            "waiting" | "cancelled" | "dropped" => Self::Done,
            "open" => Self::Open,
            "closed" => Self::Closed,
            "taken" => Self::Taken,
            _ => Self::Gone,
        }
    }
}

/// Does it to one item. The session must not wait for locks for long: a worker may have
/// the item in a transaction of its own.
///
/// # Errors
///
/// Of the database.
pub async fn act(session: &Session, deed: Deed, id: i64, reason: Option<&str>) -> Result<Answer, PgError> {
    match together(session, deed, &[id], reason).await {
        Ok(answers) => Ok(answers.first().map_or(Answer::Gone, |(_, answer)| *answer)),
        Err(error) if error.is_lock_timeout() => Ok(Answer::Busy),
        Err(error) => Err(error),
    }
}

/// Does it to several items in one transaction; if one of them is locked, to each in its
/// own.
///
/// # Errors
///
/// Of the database.
pub async fn act_on_all(
    session: &Session,
    deed: Deed,
    ids: &[i64],
    reason: Option<&str>,
) -> Result<Vec<(i64, Answer)>, PgError> {
    match together(session, deed, ids, reason).await {
        Err(error) if error.is_lock_timeout() => {}
        answers => return answers,
    }
    let mut answers = Vec::with_capacity(ids.len());
    for id in ids {
        answers.push((*id, act(session, deed, *id, reason).await?));
    }
    Ok(answers)
}

async fn together(
    session: &Session,
    deed: Deed,
    ids: &[i64],
    reason: Option<&str>,
) -> Result<Vec<(i64, Answer)>, PgError> {
    let sql = format!("select i.id, {} from unnest($1::bigint[]) as i (id)", deed.call());
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&ids];
    if deed.takes_a_reason() {
        parameters.push(&reason);
    }
    let rows = session.client().query(sql.as_str(), &parameters).await?;
    let answer = |row: &tokio_postgres::Row| {
        Ok::<_, tokio_postgres::Error>((row.try_get(0)?, Answer::read(row.try_get(1)?)))
    };
    Ok(rows.iter().map(answer).collect::<Result<Vec<_>, _>>()?)
}

/// The filter of fixed values, with the times at which items finished, or were made if
/// they have not.
fn of_finished() -> String {
    FIXED.replace("i.created_at", "coalesce(i.finished_at, i.created_at)")
}

/// The numbers above `after` of items which fit, in order, at most `limit`. Times are
/// those at which they finished, or were made if they have not.
///
/// # Errors
///
/// Of the database.
pub async fn ids_like(
    session: &Session,
    filter: &Filter,
    reach: Reach,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, PgError> {
    let fixed = of_finished();
    let part = |place: Place| {
        format!(
            "(select i.id from {} i where {fixed} and {CHANGING} and i.id > $10 order by i.id limit $11)",
            place.table()
        )
    };
    let sql = match reach {
        Reach::Inbox => part(Place::Inbox),
        Reach::History => {
            let (inbox, history) = (part(Place::Inbox), part(Place::History));
            format!("{inbox} union {history} order by id limit $11")
        }
    };
    let parameters = Parameters::of(filter);
    let rows = session.client().query(sql.as_str(), &parameters.with(&[&after, &limit])).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<_>, _>>()?)
}

/// The items with these numbers, in order, as lines say them.
///
/// # Errors
///
/// Of the database.
pub async fn items_of(session: &Session, ids: &[i64], reach: Reach) -> Result<Vec<Item>, PgError> {
    let part = |place: Place| {
        let columns = row::columns(place, Detail::Line);
        format!("select {columns} from {} i where i.id = any ($1)", place.table())
    };
    let inbox = part(Place::Inbox);
    let sql = match reach {
        Reach::Inbox => format!("{inbox} order by id"),
        Reach::History => format!("{inbox} union all {} order by id", part(Place::History)),
    };
    let rows = session.client().query(sql.as_str(), &[&ids]).await?;
    Ok(rows.iter().map(row::item).collect::<Result<Vec<_>, _>>()?)
}

/// Dead items, the latest first, at most `limit`. Times are those at which they died.
///
/// # Errors
///
/// Of the database.
pub async fn dead_items(
    session: &Session,
    filter: &Filter,
    detail: Detail,
    limit: i64,
) -> Result<Vec<Item>, PgError> {
    // An equation with one state, so that the index gives them in the order of time.
    let sql = format!(
        "select {} from hearken.inbox_items i \
         where i.state = 'dead' and i.finished_at is not null and {} and {CHANGING} \
         order by i.finished_at desc, i.id desc limit $10",
        row::columns(Place::Inbox, detail),
        FIXED.replace("i.created_at", "i.finished_at"),
    );
    let filter = Filter { states: Vec::new(), ..filter.clone() };
    let parameters = Parameters::of(&filter);
    let rows = session.client().query(sql.as_str(), &parameters.with(&[&limit])).await?;
    Ok(rows.iter().map(row::item).collect::<Result<Vec<_>, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_of_the_functions_is_known() {
        let cases = [
            ("waiting", Answer::Done),
            ("cancelled", Answer::Done),
            ("dropped", Answer::Done),
            ("open", Answer::Open),
            ("closed", Answer::Closed),
            ("taken", Answer::Taken),
            ("gone", Answer::Gone),
        ];
        for (text, want) in cases {
            assert_eq!(Answer::read(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_done_to_many_is_chosen_by_the_time_they_finished() {
        assert!(!of_finished().contains("i.created_at >= $5"));
        assert!(of_finished().contains("coalesce(i.finished_at, i.created_at) >= $5"));
    }
}
