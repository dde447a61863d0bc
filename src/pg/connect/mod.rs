//! How hearken finds its database: from a URL, the `PG*` variables and the
//! files which psql reads, to an open connection.
//!
//! The client library knows one dialect of a connection string and nothing
//! else: no `PG*` variable, no `.pgpass`, no service file, no `verify-full`.
//! The front end is therefore ours, and the library is handed single servers.
//!
//! **Order.** Each parameter on its own: the connection string, then the
//! service file, then the environment, then the default. `host` and `hostaddr`
//! belong together: where they come from different places, the nearer one
//! stands alone, or a stray `PGHOSTADDR` would redirect a URL. An empty value
//! counts as absent.
//!
//! **One server at a time.** Hosts are tried in their order, each address of
//! each host on its own, and every try has one time limit from the first packet
//! to the end of authentication. The library's own limit ends with the TCP
//! handshake: a server which accepts and then says nothing would hold us for
//! ever.
//!
//! **TLS.** No `prefer` by default over a network, because whoever can drop a
//! packet can turn it off. A parameter which asks for more safety than we can
//! give is refused; none is silently passed over.
//!
//! **Secrets.** Neither `Debug`, nor `Display`, nor an error shows a password,
//! nor a piece of a connection string in which one may hide: a `/` left
//! unescaped in a password makes its rest look like a port or a database.

mod dial;
mod endpoint;
mod error;
mod keyvalue;
mod parameter;
mod pgpass;
mod service;
mod settings;
mod sslmode;
#[cfg(test)]
mod tests;
mod tls;
mod uri;

use std::fmt;
use std::time::Duration;

use nix::unistd::{User, geteuid};
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

pub(in crate::pg) use self::dial::{Dialled, dial};
pub use self::error::{ConnectError, ConnectTrouble};
pub(crate) use self::tls::{read_certificates, system_roots};

use self::endpoint::Endpoint;
use self::parameter::Key;
use self::settings::Settings;
use self::sslmode::TlsSettings;

/// How long one try to connect may take, from the first packet to the end of
/// authentication, unless `connect_timeout` says otherwise. A server under load
/// answers within seconds; what takes longer is down, or swallows packets.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// The longest `application_name` which PostgreSQL shows, in bytes
/// (`NAMEDATALEN - 1`). It cuts the rest off.
const APPLICATION_NAME_BYTES_MAX: usize = 63;

/// Everything which is needed to connect, found and checked.
///
/// Cheap to clone. Neither `Debug` nor [`describe`](Self::describe) shows a
/// password.
#[derive(Clone)]
pub struct ConnectOptions {
    endpoints: Vec<Endpoint>,
    user: String,
    database: String,
    application: String,
    server_options: Option<String>,
    tls: TlsSettings,
    channel_binding: ChannelBinding,
    target: TargetSessionAttrs,
    timeout: Duration,
}

impl ConnectOptions {
    /// Finds out where to connect.
    ///
    /// `url` is a `postgres://` URI or a text of `key=value` pairs, usually
    /// `DATABASE_URL`; without it the environment alone decides. `env` looks up
    /// a variable, so that a test need not touch the process's own. The service
    /// file, `.pgpass` and the file of root certificates are read where the
    /// parameters point to them, else below `HOME`.
    ///
    /// # Errors
    ///
    /// A text which cannot be read, a parameter which is unknown or not
    /// supported, a value out of range, or a file of certificates which is not
    /// there. All of these are [`ConnectTrouble::Settings`]: trying again does
    /// not help.
    pub fn resolve(url: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConnectError> {
        let settings = Settings::gather(url, env)?;
        let user = match settings.get(Key::User) {
            Some(user) => user.to_owned(),
            None => operating_system_user().ok_or(ConnectError::NoUser)?,
        };
        let database = settings.get(Key::Database).unwrap_or(&user).to_owned();
        let tls = TlsSettings::read(&settings)?;
        let endpoints = endpoint::endpoints(&settings, &tls, &user, &database)?;
        for endpoint in &endpoints {
            // Said at the start, rather than at the first try.
            tls::connector(endpoint.ssl_mode, &tls)?;
        }
        Ok(Self {
            target: target(&settings, endpoints.len())?,
            endpoints,
            user,
            database,
            application: application(settings.get(Key::ApplicationName)),
            server_options: settings.get(Key::Options).map(str::to_owned),
            tls,
            channel_binding: channel_binding(&settings)?,
            timeout: timeout(&settings)?,
        })
    }

    /// Where this leads, for a log line: `app on db.example:5432 as hearken`.
    ///
    /// Several servers are joined by commas. Never shows a password.
    #[must_use]
    pub fn describe(&self) -> String {
        let servers: Vec<String> = self.endpoints.iter().map(Endpoint::to_string).collect();
        format!("{} on {} as {}", self.database, servers.join(","), self.user)
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The role which connects.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// How long one step on the way to a session may take.
    pub(in crate::pg) fn limit(&self) -> Duration {
        self.timeout
    }

    /// The `application_name` of a session which plays `part`, short enough to
    /// be shown whole. Where it must be cut, the operator's part of it is.
    pub(in crate::pg) fn application_name(&self, part: &str) -> String {
        let room = APPLICATION_NAME_BYTES_MAX.saturating_sub(part.len() + 1);
        let mut end = self.application.len().min(room);
        while !self.application.is_char_boundary(end) {
            end -= 1;
        }
        format!("{} {part}", &self.application[..end])
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `server_options` stays out: it may set whatever an extension calls a key.
        f.debug_struct("ConnectOptions")
            .field("endpoints", &self.endpoints)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("application", &self.application)
            .field("tls", &self.tls)
            .field("channel_binding", &self.channel_binding)
            .field("target", &self.target)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The name behind the effective user id, which is what libpq takes.
fn operating_system_user() -> Option<String> {
    User::from_uid(geteuid()).ok().flatten().map(|user| user.name)
}

/// Our part of `application_name`: always first, so that one `like 'hearken%'`
/// finds all our sessions in `pg_stat_activity`.
fn application(given: Option<&str>) -> String {
    match given {
        None => "hearken".to_owned(),
        Some(name) if name.starts_with("hearken") => name.to_owned(),
        Some(name) => format!("hearken/{name}"),
    }
}

/// Of several servers we want the one which takes writes; a single one is taken
/// as it is, so that `doctor` can look at a standby.
fn target(settings: &Settings, servers: usize) -> Result<TargetSessionAttrs, ConnectError> {
    const CHOICES: [(&str, TargetSessionAttrs); 3] = [
        ("any", TargetSessionAttrs::Any),
        ("read-write", TargetSessionAttrs::ReadWrite),
        ("primary", TargetSessionAttrs::ReadWrite),
    ];
    let asked = settings.get(Key::TargetSessionAttrs);
    if matches!(asked, Some("read-only" | "standby" | "prefer-standby")) {
        return Err(settings.invalid(
            Key::TargetSessionAttrs,
            "hearken writes, which a standby cannot take: any, read-write or primary will do",
        ));
    }
    let default = match servers {
        0 | 1 => TargetSessionAttrs::Any,
        _ => TargetSessionAttrs::ReadWrite,
    };
    Ok(settings.choice(Key::TargetSessionAttrs, &CHOICES)?.unwrap_or(default))
}

fn channel_binding(settings: &Settings) -> Result<ChannelBinding, ConnectError> {
    const CHOICES: [(&str, ChannelBinding); 3] = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let chosen = settings.choice(Key::ChannelBinding, &CHOICES)?;
    Ok(chosen.unwrap_or(ChannelBinding::Prefer))
}

/// libpq waits for ever at 0 and below; a daemon which must notice that its
/// database is gone does not, and takes the default.
fn timeout(settings: &Settings) -> Result<Duration, ConnectError> {
    let Some(text) = settings.get(Key::ConnectTimeout) else {
        return Ok(CONNECT_TIMEOUT_DEFAULT);
    };
    match text.trim().parse::<i32>() {
        Ok(seconds) => match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
            _ => Ok(CONNECT_TIMEOUT_DEFAULT),
        },
        Err(_) => Err(settings.invalid(Key::ConnectTimeout, "a whole number of seconds is wanted")),
    }
}
