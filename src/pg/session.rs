//! One connection, with its settings, and the task which drives it.
//!
//! The task does nothing but take messages off the wire and hand notifications
//! on: a listener which does not drain holds back vacuum and can fill the
//! server's queue. (Driven as a future, the library's connection throws
//! notifications away.)
//!
//! Every session has limits, so that a half-open client keeps no lock for hours:
//! `lock_timeout`, `statement_timeout`, `idle_in_transaction_session_timeout`,
//! and TCP keepalives on both sides.

use super::connect::{ConnectError, ConnectOptions, Dialled, dial};
use super::error::PgError;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, Connection, Notification};

/// How long a dropped session may take to say good-bye. A request which was
/// given up, such as the wait for the doorbell's lock, would otherwise keep the
/// connection until it is answered, and the lock with it.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// What a session is for; decides its name and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRole {
    /// Runs passes.
    Work,
    /// Runs the queries of routines.
    Query,
    /// Listens.
    Listener,
    /// Holds, or waits for, the lock of the doorbell.
    Doorbell,
    /// Holds the leader's lock.
    Leader,
    /// Keeps partitions.
    Housekeeping,
    /// Reads routines which are rows, and hears that they changed.
    Routines,
    /// A command, a test.
    Tool,
}

impl SessionRole {
    /// The last word of its `application_name`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Query => "query",
            Self::Listener => "listener",
            Self::Doorbell => "doorbell",
            Self::Leader => "leader",
            Self::Housekeeping => "housekeeping",
            Self::Routines => "routines",
            Self::Tool => "tool",
        }
    }

    /// The settings in which roles differ.
    fn limits(self) -> &'static str {
        match self {
            Self::Work | Self::Query | Self::Routines | Self::Tool => {
                "set lock_timeout = '1s'; set statement_timeout = '30s'; "
            }
            // They wait by design, and are pinged.
            Self::Listener => "set lock_timeout = 0; set statement_timeout = 0; ",
            Self::Doorbell => {
                "set lock_timeout = 0; set statement_timeout = 0; set idle_session_timeout = '60s'; "
            }
            Self::Leader => {
                "set lock_timeout = '1s'; set statement_timeout = '30s'; set idle_session_timeout = '60s'; "
            }
            Self::Housekeeping => "set lock_timeout = '100ms'; set statement_timeout = '5min'; ",
        }
    }
}

/// The settings all sessions share, whatever the role or the database has by
/// default. In any other isolation than read committed the last look before
/// sleep would not see what was just committed.
const COMMON: &str = "\
    set timezone = 'UTC'; set datestyle = 'ISO'; set jit = off; \
    set default_transaction_isolation = 'read committed'; \
    set idle_in_transaction_session_timeout = '60s'; set idle_session_timeout = 0; \
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 1; set tcp_keepalives_count = 3; ";

/// By this a backend which waits for a lock notices that we are gone. Servers on
/// some platforms cannot, and say so with one of [`CANNOT`].
const CHECK_CONNECTION: &str = "set client_connection_check_interval = '2s'";

/// Invalid parameter value, feature not supported, undefined object.
const CANNOT: [&str; 3] = ["22023", "0A000", "42704"];

/// The SQLSTATE of a notice which somebody raises on purpose, if they name no other.
const ON_PURPOSE: &str = "00000";

/// What is done with a notification, on the task which drives the connection:
/// next to nothing.
pub type OnNotify = Arc<dyn Fn(&Notification) + Send + Sync>;

/// One connection. Dropping it ends it.
pub struct Session {
    client: Client,
    closed: watch::Receiver<bool>,
    backend_pid: i32,
    role: SessionRole,
    /// Tells the driving task that the session was dropped.
    _alive: oneshot::Sender<Infallible>,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub async fn open(
        options: &ConnectOptions,
        role: SessionRole,
        on_notify: Option<OnNotify>,
    ) -> Result<Self, ConnectError> {
        let Dialled { client, connection, server } = dial(options, role.name()).await?;
        let (closing, closed) = watch::channel(false);
        let (alive, dropped) = oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                () = drive(connection, role, on_notify) => {}
                () = goodbye(dropped) => {}
            }
            closing.send_replace(true);
        });
        let settings = format!("{COMMON}{}", role.limits());
        let settled = async {
            tokio::join!(
                client.batch_execute(&settings),
                client.batch_execute(CHECK_CONNECTION),
                client.query_one("select pg_backend_pid()", &[]),
            )
        };
        let Ok((set, checked, pid)) = tokio::time::timeout(options.limit(), settled).await else {
            let limit = humantime::format_duration(options.limit());
            return Err(ConnectError::Timeout { server, limit });
        };
        let refused = |source| ConnectError::Refused { server: server.clone(), source };
        set.map_err(refused)?;
        if let Err(error) = checked
            && error.code().is_none_or(|code| !CANNOT.contains(&code.code()))
        {
            return Err(refused(error));
        }
        let backend_pid: i32 = pid.map_err(refused)?.get(0);
        Ok(Self { client, closed, backend_pid, role, _alive: alive })
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sets a savepoint in the transaction which is open.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn savepoint(&self, name: &'static str) -> Result<(), PgError> {
        Ok(self.client.batch_execute(&format!("savepoint {name}")).await?)
    }

    /// Keeps what was done since a savepoint.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn release(&self, name: &'static str) -> Result<(), PgError> {
        Ok(self.client.batch_execute(&format!("release savepoint {name}")).await?)
    }

    /// Takes back what was done since a savepoint, and removes it.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn take_back(&self, name: &'static str) -> Result<(), PgError> {
        let sql = format!("rollback to savepoint {name}; release savepoint {name}");
        Ok(self.client.batch_execute(&sql).await?)
    }

    /// Bounds how long one statement may take.
    ///
    /// # Errors
    ///
    /// If the session is lost.
    pub async fn limit_statements(&self, timeout: Duration) -> Result<(), PgError> {
        let ms = timeout.as_millis().clamp(1, 2_000_000_000);
        Ok(self.client.batch_execute(&format!("set statement_timeout = {ms}")).await?)
    }

    /// The process id of its backend.
    #[must_use]
    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow() || self.client.is_closed()
    }

    /// Waits until the connection ends.
    pub async fn closed(&self) {
        // An error means that the task is gone, and the connection with it.
        let _ = self.closed.clone().wait_for(|closed| *closed).await;
    }
}

/// Takes messages off the wire until the connection ends.
async fn drive<S, T>(mut connection: Connection<S, T>, role: SessionRole, on_notify: Option<OnNotify>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(notification))) => {
                if let Some(on_notify) = &on_notify {
                    on_notify(&notification);
                }
            }
            Some(Ok(AsyncMessage::Notice(notice))) => tell(role, &notice),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                // Said here, because whoever waits in vain only learns that it ended.
                tracing::warn!(session.role = role.name(), error = %PgError::from(error), "a session ended");
                return;
            }
            None => return,
        }
    }
}

/// Hands on what the database remarks. What a migration says on purpose, such as
/// whom it waits for, is for people who wait with it; the rest is chatter such as
/// "already exists, skipping".
fn tell(role: SessionRole, notice: &DbError) {
    let sqlstate = notice.code().code();
    if role == SessionRole::Tool && sqlstate == ON_PURPOSE {
        tracing::info!("the database says: {}", notice.message());
    } else {
        tracing::debug!(session.role = role.name(), notice.sqlstate = sqlstate, "{}", notice.message());
    }
}

/// Ends a moment after the session was dropped.
async fn goodbye(dropped: oneshot::Receiver<Infallible>) {
    let _ = dropped.await;
    tokio::time::sleep(GOODBYE_WITHIN).await;
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.role)
            .field("backend_pid", &self.backend_pid)
            .finish_non_exhaustive()
    }
}
