//! Asks the database whether SQL makes sense to it, and leaves no trace.
//!
//! To prepare a statement is to parse it: names, types and functions are looked up,
//! and nothing is run. To explain it is to plan it as well, which is when a unique
//! index is looked for. Each is behind a savepoint, so that a refusal is an answer
//! and not the end of the transaction.

use crate::pg::error::{Answer, PgError};
use crate::pg::query::role;
use crate::pg::session::Session;
use crate::pg::types::JsonString;
use crate::rules::routine::rows::RoleName;
use postgres_types::ToSql;
use serde_json::Value;
use tokio_postgres::Statement;

/// Where each question begins and ends. Assuming a role is undone with it.
const BEGIN: &str = "savepoint hearken_check";
const END: &str = "rollback to savepoint hearken_check; release savepoint hearken_check";

/// What the database says to a question: something, or no.
pub(super) type Said<T> = Result<T, Answer>;

/// Asks over one session, inside a transaction.
pub(super) struct Probe<'a> {
    session: &'a Session,
}

impl<'a> Probe<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Self { session }
    }

    /// The session which is asked.
    pub(super) fn session(&self) -> &'a Session {
        self.session
    }

    /// Lets somebody else ask over the session; what they are refused is undone as well.
    pub(super) async fn within<T>(
        &self,
        asking: impl Future<Output = Result<T, PgError>>,
    ) -> Result<Said<T>, PgError> {
        self.session.client().batch_execute(BEGIN).await?;
        self.settle(asking.await).await
    }

    /// Parses a statement, as a role if there is one.
    pub(super) async fn prepare(
        &self,
        sql: &str,
        run_as: Option<&RoleName>,
    ) -> Result<Said<Statement>, PgError> {
        let client = self.session.client();
        let begin = format!("{BEGIN}{}", role::assume(run_as));
        let prepared = match client.batch_execute(&begin).await {
            Ok(()) => client.prepare(sql).await.map_err(PgError::from),
            Err(error) => Err(role::not_assumed(error.into(), run_as)),
        };
        self.settle(prepared).await
    }

    /// Whether a statement can be parsed; what is against it, if not.
    pub(super) async fn refusal(&self, sql: &str) -> Result<Option<Answer>, PgError> {
        Ok(self.prepare(sql, None).await?.err())
    }

    /// Plans a statement. The planner is to use an index wherever there is one.
    pub(super) async fn explain(&self, sql: &str) -> Result<Said<Value>, PgError> {
        let client = self.session.client();
        client.batch_execute(&format!("{BEGIN}; set local enable_seqscan = off")).await?;
        let explain = format!("explain (format json, costs off) {sql}");
        let plan = match client.query_one(explain.as_str(), &[]).await {
            Ok(row) => row.try_get::<_, Value>(0),
            Err(error) => Err(error),
        };
        self.settle(plan.map_err(PgError::from)).await
    }

    /// Runs a query which only reads; its rows are not looked at.
    pub(super) async fn read(&self, sql: &str, json: &Value) -> Result<Said<()>, PgError> {
        let client = self.session.client();
        client.batch_execute(BEGIN).await?;
        let json = JsonString(json.to_string());
        let parameters: [&(dyn ToSql + Sync); 1] = [&json];
        let read = client.execute(sql, &parameters).await;
        self.settle(read.map(drop).map_err(PgError::from)).await
    }

    /// The rows of a query, their first two columns as text.
    pub(super) async fn pairs(&self, sql: &str) -> Result<Said<Vec<(String, String)>>, PgError> {
        let client = self.session.client();
        client.batch_execute(BEGIN).await?;
        let rows = client.query(sql, &[]).await.and_then(|rows| {
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<Vec<_>, _>>()
        });
        self.settle(rows.map_err(PgError::from)).await
    }

    /// Ends a question. What the server said no to is an answer; anything else, such
    /// as a session which is gone, is an error.
    async fn settle<T>(&self, answered: Result<T, PgError>) -> Result<Said<T>, PgError> {
        let said = match answered {
            Ok(value) => Ok(value),
            Err(PgError::Server(answer)) => Err(*answer),
            Err(error) => return Err(error),
        };
        self.session.client().batch_execute(END).await?;
        Ok(said)
    }
}
