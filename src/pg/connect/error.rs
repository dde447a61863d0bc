//! Why there is no connection.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::pg::error::SqlClass;

/// What kind of trouble a [`ConnectError`] is, and thereby what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectTrouble {
    /// The server is away, busy or starting: waiting helps.
    Unreachable,
    /// A server answered and said no: to the role, the password, the database,
    /// or to TLS. Trying again helps once somebody has changed something there.
    Refused,
    /// What we were told cannot be used: only another setting helps.
    Settings,
}

/// Why there is no connection. Holds no password and no piece of a connection
/// string in which one may hide.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection string is none.
    #[error("the connection string cannot be read: {0}")]
    Syntax(&'static str),
    /// A parameter which libpq does not know either.
    #[error("`{name}` is no connection parameter{hint}")]
    Unknown {
        /// The name as it was written.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// A parameter which is known and cannot be honoured.
    #[error("the connection parameter `{name}` is not supported: {why}")]
    Unsupported {
        /// The name as it was written.
        name: String,
        /// Why not, and what to do instead.
        why: &'static str,
    },
    /// A value which a parameter cannot have.
    #[error("{origin}: {why}")]
    Invalid {
        /// The variable, or the parameter and the place it stands.
        origin: String,
        /// What is wanted instead.
        why: String,
    },
    /// Neither a parameter nor the operating system says who we are.
    #[error("there is no user name: set PGUSER, or `user` in the connection string")]
    NoUser,
    /// No service file defines the service.
    #[error("no service file defines the service `{name}`")]
    NoService {
        /// The name of the service.
        name: String,
    },
    /// A line of a service file is no pair.
    #[error("{}:{line}: a line `key=value` is wanted", .path.display())]
    ServiceLine {
        /// The service file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A file which a parameter names cannot be used.
    #[error("{} cannot be read", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// TLS cannot be set up on our side.
    #[error("TLS cannot be set up")]
    TlsSetup(#[source] rustls::Error),
    /// The name of a server does not resolve.
    #[error("the address of {server} cannot be found")]
    Resolve {
        /// The server.
        server: String,
        /// Why not.
        source: io::Error,
    },
    /// A server did not answer in time.
    #[error("{server} did not answer within {limit}")]
    Timeout {
        /// The server.
        server: String,
        /// The time it had.
        limit: humantime::FormattedDuration,
    },
    /// The connection broke, or could not be made.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// The server.
        server: String,
        /// What the library says.
        source: tokio_postgres::Error,
    },
    /// TLS was wanted, and the server has none.
    #[error(
        "{server} speaks no TLS, which is wanted by default over a network: \
         set sslmode=disable if the network between is trusted"
    )]
    NoTls {
        /// The server.
        server: String,
    },
    /// The TLS handshake failed.
    #[error("{server} and we cannot agree on TLS")]
    Tls {
        /// The server.
        server: String,
        /// What the library says.
        source: tokio_postgres::Error,
    },
    /// The server asks for a password, and we have none.
    #[error(
        "{server} asks for a password: set PGPASSWORD, or give one in .pgpass or in the \
         connection string"
    )]
    NoPassword {
        /// The server.
        server: String,
    },
    /// The server answered with an error.
    #[error("{server} refused the connection")]
    Refused {
        /// The server.
        server: String,
        /// What it said.
        source: tokio_postgres::Error,
    },
    /// Each of several servers failed.
    #[error("none of the servers will do: {}", each(.0))]
    Everywhere(Vec<ConnectError>),
}

impl ConnectError {
    /// What kind of trouble it is. Of several servers the most hopeful counts.
    #[must_use]
    pub fn trouble(&self) -> ConnectTrouble {
        match self {
            Self::Syntax(_)
            | Self::Unknown { .. }
            | Self::Unsupported { .. }
            | Self::Invalid { .. }
            | Self::NoUser
            | Self::NoService { .. }
            | Self::ServiceLine { .. }
            | Self::File { .. }
            | Self::TlsSetup(_) => ConnectTrouble::Settings,
            Self::Resolve { .. } | Self::Timeout { .. } | Self::Unreachable { .. } => {
                ConnectTrouble::Unreachable
            }
            Self::NoTls { .. } | Self::Tls { .. } | Self::NoPassword { .. } => ConnectTrouble::Refused,
            Self::Refused { source, .. } => trouble_of_answer(source),
            Self::Everywhere(errors) => {
                errors.iter().map(Self::trouble).min().unwrap_or(ConnectTrouble::Unreachable)
            }
        }
    }
}

/// A server which starts, stops or is full says so with an error, too.
fn trouble_of_answer(error: &tokio_postgres::Error) -> ConnectTrouble {
    match error.code().map(|state| SqlClass::of(state.code())) {
        Some(SqlClass::Authorization | SqlClass::Catalog | SqlClass::Definition) => ConnectTrouble::Refused,
        _ => ConnectTrouble::Unreachable,
    }
}

/// Several errors in one line, each with what lies behind it.
fn each(errors: &[ConnectError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| chain(error)).collect();
    texts.join("; ")
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_are_told_with_their_causes_and_the_hopeful_one_counts() {
        let source = io::Error::other("no such host");
        let error = ConnectError::Everywhere(vec![
            ConnectError::NoTls { server: "a:5432".to_owned() },
            ConnectError::Resolve { server: "b:5432".to_owned(), source },
        ]);
        assert_eq!(error.trouble(), ConnectTrouble::Unreachable);
        let text = error.to_string();
        assert!(text.contains("a:5432 speaks no TLS"), "{text}");
        assert!(text.ends_with("the address of b:5432 cannot be found: no such host"), "{text}");
    }

    #[test]
    fn a_setting_does_not_mend_itself() {
        assert_eq!(ConnectError::NoUser.trouble(), ConnectTrouble::Settings);
        let server = "a:5432".to_owned();
        assert_eq!(ConnectError::NoPassword { server }.trouble(), ConnectTrouble::Refused);
    }
}
