//! The settings: `hearken.toml`, every key of it optional, and a few variables
//! of the environment which win over it.
//!
//! Everything is checked before anything starts. Unknown keys are errors, each
//! number has bounds, and an error shows the place, but no line which may hold a
//! password. A relative path in the file starts at the file's folder; elsewhere
//! it starts at the current one.

mod endpoints;
mod error;
mod limit;
mod pressure;
mod queues;
mod retention;
mod routines;
mod tables;
#[cfg(test)]
mod tests;
mod webhooks;

pub use self::error::ConfigError;
pub use self::pressure::Pressure;
pub use self::retention::Retention;
pub use self::routines::RoutineSource;
pub use self::webhooks::{DeliverMode, Webhooks};

use self::error::place_of;
use crate::rules::endpoint::EndpointSpec;
use crate::rules::foreign::{InboxSpec, SourceSpec, Tables};
use crate::rules::name::{EndpointName, InboxName, QueueName, SourceName};
use crate::rules::queue::QueuePolicy;
use crate::rules::routine::rows::RowSourceName;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Whether the doorbell is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DoorbellMode {
    /// LISTEN, and a lock which says when to ring.
    On,
    /// The source is polled: for poolers without LISTEN.
    Off,
}

/// Whether a daemon brings the schema up to date at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MigrateMode {
    /// It does.
    Auto,
    /// It waits until somebody has.
    Off,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// A JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Where `/readyz` and its like are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpListen {
    /// Here.
    On(SocketAddr),
    /// Nowhere.
    Off,
}

/// All settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[database]`.
    pub database: Database,
    /// `[daemon]`.
    pub daemon: Daemon,
    /// `[routines.NAME]`: queries whose rows are routines, by their names.
    #[serde(deserialize_with = "routines::sources")]
    pub routines: BTreeMap<RowSourceName, RoutineSource>,
    /// `[source.NAME]`: tables whose rows are events, by their names; without
    /// hearken's own log.
    #[serde(deserialize_with = "tables::sources")]
    pub source: BTreeMap<SourceName, SourceSpec>,
    /// `[inbox.NAME]`: tables which items go to, by their names; without hearken's
    /// own inbox.
    #[serde(deserialize_with = "tables::inboxes")]
    pub inbox: BTreeMap<InboxName, InboxSpec>,
    /// `[queue.NAME]`: how queues hand out their items.
    #[serde(deserialize_with = "queues::queues")]
    pub queue: BTreeMap<QueueName, QueuePolicy>,
    /// `[endpoint.NAME]`: tables whose rows are endpoints of webhooks.
    #[serde(deserialize_with = "endpoints::endpoints")]
    pub endpoint: BTreeMap<EndpointName, EndpointSpec>,
    /// `[webhooks]`: how they are delivered.
    pub webhooks: Option<Webhooks>,
    /// `[pressure]`: when the database is to be spared.
    pub pressure: Option<Pressure>,
    /// `[http]`.
    pub http: Http,
    /// `[retention]`.
    pub retention: Retention,
    /// `[log]`.
    pub log: Log,
}

/// `[database]`: where it is. Without either key, `DATABASE_URL` and the `PG*`
/// variables say.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    url: Option<String>,
    url_file: Option<PathBuf>,
}

impl std::fmt::Debug for Database {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url_file", &self.url_file).finish_non_exhaustive()
    }
}

/// `[daemon]`: how it works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Daemon {
    /// The folder of routine files.
    pub routines: PathBuf,
    /// Whether the doorbell is used.
    pub doorbell: DoorbellMode,
    /// How often to look though no bell rang; finds what does not ring.
    #[serde(deserialize_with = "limit::reconcile")]
    pub reconcile: Duration,
    /// How often to look when there is no doorbell.
    #[serde(deserialize_with = "limit::poll")]
    pub poll: Duration,
    /// How long to keep looking after the last event before falling asleep.
    #[serde(deserialize_with = "limit::linger")]
    pub linger: Duration,
    /// Rows of a page at least, 1 to 10,000; grows under backlog.
    #[serde(deserialize_with = "limit::batch")]
    pub batch_min: u32,
    /// Rows of a page at most, 1 to 10,000, and no less than `batch_min`.
    #[serde(deserialize_with = "limit::batch")]
    pub batch_max: u32,
    /// Bytes of bodies in a page, after which no row is added; bounds memory.
    #[serde(deserialize_with = "limit::bytes")]
    pub batch_bytes: u64,
    /// A body above this is set aside without being fetched; no more than
    /// `batch_bytes`, since a page must be able to hold one.
    #[serde(deserialize_with = "limit::bytes")]
    pub data_max: u64,
    /// How long one statement of a pass may take.
    #[serde(deserialize_with = "limit::statement_timeout")]
    pub statement_timeout: Duration,
    /// Whether the schema is brought up to date at the start.
    pub migrate: MigrateMode,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            routines: "routines".into(),
            doorbell: DoorbellMode::On,
            reconcile: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            linger: Duration::from_millis(5),
            batch_min: 100,
            batch_max: 1000,
            batch_bytes: 4 << 20,
            data_max: 1 << 20,
            statement_timeout: Duration::from_secs(10),
            migrate: MigrateMode::Auto,
        }
    }
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// An address such as `127.0.0.1:9464`, or `off`.
    #[serde(deserialize_with = "listen")]
    pub listen: HttpListen,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: HttpListen::On(SocketAddr::from(([127, 0, 0, 1], 9464))) }
    }
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How.
    pub format: LogFormat,
    /// What: a level, or a filter such as `hearken=debug`.
    #[serde(deserialize_with = "level")]
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".into() }
    }
}

impl Config {
    /// Reads the settings: the file named, which must be there, or
    /// `hearken.toml` of this folder if it is; then the environment.
    ///
    /// # Errors
    ///
    /// A file which cannot be read, an error in it, or a variable with a value
    /// it cannot have.
    pub fn load(path: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let default = Path::new("hearken.toml");
        let mut config = match path {
            Some(path) => Self::read(path)?,
            None if default.exists() => Self::read(default)?,
            None => Self::default(),
        };
        config.override_from(env)?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: name.clone(), source })?;
        let mut config = Self::parse(&name, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        if place_of(&text, &["daemon", "routines"]).is_some() {
            config.daemon.routines = folder.join(&config.daemon.routines);
        }
        config.database.url_file = config.database.url_file.map(|file| folder.join(file));
        if let Some(webhooks) = &mut config.webhooks {
            webhooks.ca_file = webhooks.ca_file.take().map(|file| folder.join(file));
        }
        Ok(config)
    }

    /// Reads settings out of a text; `name` is for errors.
    ///
    /// # Errors
    ///
    /// The first error of the text.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            ConfigError::at(name, text, error.span().unwrap_or_default(), error.message())
        })?;
        if let Some((keys, why)) = config.contradiction() {
            let span = place_of(text, &keys).unwrap_or_default();
            return Err(ConfigError::at(name, text, span, why));
        }
        match tables::contradiction(text, &config.source, &config.inbox) {
            None => Ok(config),
            Some((span, why)) => Err(ConfigError::at(name, text, span, &why)),
        }
    }

    /// Two settings which cannot both hold: the key of one, and why.
    fn contradiction(&self) -> Option<([&'static str; 2], &'static str)> {
        if self.database.url.is_some() && self.database.url_file.is_some() {
            return Some((["database", "url_file"], "there is a `url` already: give one of them"));
        }
        let defaults = Daemon::default();
        let daemon = &self.daemon;
        if daemon.batch_min > daemon.batch_max {
            // Point to the one which was written.
            let key = if daemon.batch_max == defaults.batch_max { "batch_min" } else { "batch_max" };
            return Some((["daemon", key], "`batch_max` is less than `batch_min`"));
        }
        if daemon.data_max > daemon.batch_bytes {
            let key = if daemon.batch_bytes == defaults.batch_bytes { "data_max" } else { "batch_bytes" };
            return Some((
                ["daemon", key],
                "`batch_bytes` is less than `data_max`: a page must hold one body",
            ));
        }
        None
    }

    fn override_from(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        if let Some(url) = env("DATABASE_URL") {
            self.database = Database { url: Some(url), url_file: None };
        }
        if let Some(routines) = env("HEARKEN_ROUTINES") {
            self.daemon.routines = routines.into();
        }
        if let Some(text) = env("HEARKEN_LOG") {
            let why = |why| ConfigError::Environment { name: "HEARKEN_LOG", why };
            self.log.level = parse_level(text).map_err(why)?;
        }
        if let Some(text) = env("HEARKEN_HTTP") {
            let why = |why| ConfigError::Environment { name: "HEARKEN_HTTP", why };
            self.http.listen = parse_listen(&text).map_err(why)?;
        }
        if let Some(text) = env("HEARKEN_DOORBELL") {
            self.daemon.doorbell = match text.as_str() {
                "on" => DoorbellMode::On,
                "off" => DoorbellMode::Off,
                _ => {
                    let why = format!("{text:?} is neither `on` nor `off`");
                    return Err(ConfigError::Environment { name: "HEARKEN_DOORBELL", why });
                }
            };
        }
        Ok(())
    }

    /// The tables of the user's which are described.
    #[must_use]
    pub fn tables(&self) -> Tables {
        Tables {
            sources: Arc::new(self.source.clone()),
            inboxes: Arc::new(self.inbox.clone()),
            endpoints: Arc::new(self.endpoint.clone()),
        }
    }

    /// The connection string, if the settings have one.
    ///
    /// # Errors
    ///
    /// If `url_file` cannot be read, or is empty.
    pub fn database_url(&self) -> Result<Option<String>, ConfigError> {
        let Some(path) = &self.database.url_file else { return Ok(self.database.url.clone()) };
        let path_text = path.display().to_string();
        let url = match std::fs::read_to_string(path) {
            // Nothing would mean the database of the environment.
            Ok(text) if text.trim().is_empty() => Err(std::io::Error::other("it is empty")),
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) => Err(error),
        };
        url.map_err(|source| ConfigError::Read { path: path_text, source })
    }

    /// How often the daemon looks at least.
    #[must_use]
    pub fn poll(&self) -> Duration {
        match self.daemon.doorbell {
            DoorbellMode::On => self.daemon.reconcile,
            DoorbellMode::Off => self.daemon.poll,
        }
    }
}

/// The place of a key of the settings, named from the outermost table on; of a
/// table written as `[a.b]`, the place of its head. None, if it is not there.
#[must_use]
pub fn place(text: &str, keys: &[&str]) -> Option<Range<usize>> {
    place_of(text, keys)
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HttpListen, D::Error> {
    parse_listen(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn parse_listen(text: &str) -> Result<HttpListen, String> {
    if text == "off" {
        return Ok(HttpListen::Off);
    }
    let why = || format!("{text:?} is neither an address such as \"127.0.0.1:9464\" nor \"off\"");
    text.parse().map(HttpListen::On).map_err(|_| why())
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    parse_level(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A level, or several of `target=level`, with commas between them. The filter
/// itself would take a mistyped level for the name of a module.
fn parse_level(text: String) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for part in text.split(',') {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            return Err(format!("{level:?} is none of {}", LEVELS.join(", ")));
        }
    }
    Ok(text)
}
