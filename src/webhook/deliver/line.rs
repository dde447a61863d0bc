//! The session over which a deliverer reads endpoints and writes what it knows.
//!
//! It is opened when it is needed first, and again when it was lost.

use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::session::{Session, SessionRole};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Between two tries to connect.
const CONNECT_AGAIN: Duration = Duration::from_millis(500);

/// A session which is opened again.
#[derive(Debug)]
pub struct Line {
    options: ConnectOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<Arc<Session>>,
    failed: Option<Instant>,
}

impl Line {
    /// A session to this database, once somebody needs it.
    pub fn new(options: ConnectOptions) -> Self {
        Self { options, state: Mutex::default() }
    }

    /// The session.
    pub async fn session(&self) -> Result<Arc<Session>, PgError> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| !session.is_closed()) {
            return Ok(session.clone());
        }
        if state.failed.is_some_and(|failed| failed.elapsed() < CONNECT_AGAIN) {
            return Err(PgError::lost("the deliverer's session"));
        }
        match Session::open(&self.options, SessionRole::Tool, None).await {
            Ok(session) => {
                let session = Arc::new(session);
                *state = State { session: Some(session.clone()), failed: None };
                Ok(session)
            }
            Err(error) => {
                *state = State { session: None, failed: Some(Instant::now()) };
                Err(error.into())
            }
        }
    }
}
