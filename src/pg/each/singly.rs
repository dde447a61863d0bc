//! Finds out for which events a query fails, if it fails for all of them at once.

use super::{Asked, run};
use crate::pg::error::PgError;
use crate::pg::routine_sql::{Access, Failure, OfTheMoment, Rows, weigh};
use crate::pg::session::Session;
use futures_util::future::join_all;
use std::time::Instant;
use tokio_postgres::Statement;

/// After so many events whose query did not end in time the others of the page
/// are not tried one by one.
const TIMEOUTS_MAX: usize = 2;
/// Events are tried one by one for so many times the timeout, all together.
pub(super) const SINGLY: u32 = 3;
/// So many events which are tried one by one are sent at once.
const AT_ONCE: usize = 64;

/// Asks for each event alone, so that those which fail do not harm the others.
/// `failure` is how all of them failed together.
///
/// Some are sent at once, and share one timeout: who does not end within its
/// part of it is asked once more, and then as the others one after the other.
pub(super) async fn one_by_one(
    session: &Session,
    one: &Asked<'_>,
    statement: &Statement,
    failure: &Failure,
    of_the_moment: OfTheMoment,
) -> Result<Vec<Rows>, PgError> {
    let until = Instant::now() + one.each.timeout.saturating_mul(SINGLY);
    // Where it took too long, no time is to be spent on many at once.
    let mut at_once = if failure.is_timeout() { 1 } else { AT_ONCE };
    let mut all: Vec<Rows> = Vec::with_capacity(one.parameters.len());
    let mut timeouts = 0;
    while all.len() < one.parameters.len() && timeouts < TIMEOUTS_MAX && Instant::now() < until {
        let events = all.len()..(all.len() + at_once).min(one.parameters.len());
        let limit = one.each.timeout / u32::try_from(events.len()).unwrap_or(u32::MAX).max(1);
        let sent = events.clone().map(|event| run(session, one, statement, event..event + 1, limit));
        let answers = join_all(sent).await;
        let hurried = events.len() > 1;
        for (event, answer) in events.zip(answers) {
            let mut rows = alone(answer, one, of_the_moment)?;
            if hurried && is_timeout(&rows) {
                at_once = 1;
                if timeouts < TIMEOUTS_MAX && Instant::now() < until {
                    let answer = run(session, one, statement, event..event + 1, one.each.timeout).await;
                    rows = alone(answer, one, of_the_moment)?;
                }
            }
            timeouts += usize::from(is_timeout(&rows));
            all.push(rows);
        }
    }
    all.resize(one.parameters.len(), Err(failure.clone()));
    Ok(all)
}

fn is_timeout(rows: &Rows) -> bool {
    rows.as_ref().is_err_and(Failure::is_timeout)
}

/// What the query found for an event which was asked for alone.
fn alone(
    answer: Result<Vec<Rows>, PgError>,
    one: &Asked<'_>,
    of_the_moment: OfTheMoment,
) -> Result<Rows, PgError> {
    match answer {
        Ok(mut rows) => Ok(rows.pop().unwrap_or_else(|| Ok(Vec::new()))),
        Err(error) => weigh(error, Access::Reads, of_the_moment, one.each.timeout).map(Err),
    }
}
