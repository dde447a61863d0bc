//! The parameters of a connection, gathered from the connection string, the
//! service file and the environment, each with the place it came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use super::error::ConnectError;
use super::parameter::{Key, Meaning, meaning, nearest};
use super::{keyvalue, service, uri};

/// Parameters as they were written, in their order.
pub(super) type Pairs = Vec<(String, String)>;

/// Where a value came from; the nearer place wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// The connection string.
    Text,
    /// The service file.
    Service,
    /// A variable of the environment.
    Environment,
}

/// What is known about the connection. It holds a password and therefore has no
/// `Debug`.
pub(super) struct Settings {
    values: BTreeMap<Key, (String, Origin)>,
    home: Option<PathBuf>,
}

impl Settings {
    /// Gathers every parameter; see the module doc of `connect` for the order.
    pub(super) fn gather(
        url: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConnectError> {
        let variable = |name: &str| env(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from).or_else(home_of_user);
        let mut settings = Self { values: BTreeMap::new(), home };
        if let Some(text) = url {
            settings.take_text(text)?;
        }
        settings.take_service(&variable)?;
        for key in Key::all() {
            if let Some(value) = variable(key.variable()) {
                settings.offer(key, value, Origin::Environment);
            }
        }
        settings.keep_host_and_address_together();
        Ok(settings)
    }

    /// The value of a parameter; never empty.
    pub(super) fn get(&self, key: Key) -> Option<&str> {
        self.values.get(&key).map(|(value, _)| value.as_str())
    }

    /// The folder below which libpq looks for its files.
    pub(super) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// An error which says where the value of `key` came from, and not the value.
    pub(super) fn invalid(&self, key: Key, why: impl Into<String>) -> ConnectError {
        let origin = match self.values.get(&key).map(|(_, origin)| *origin) {
            Some(Origin::Environment) => key.variable().to_owned(),
            Some(Origin::Service) => format!("`{}` of the service file", key.name()),
            Some(Origin::Text) | None => format!("`{}` of the connection string", key.name()),
        };
        ConnectError::Invalid { origin, why: why.into() }
    }

    /// The choice which `key` names, if it is given.
    pub(super) fn choice<T: Copy>(&self, key: Key, choices: &[(&str, T)]) -> Result<Option<T>, ConnectError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                Err(self.invalid(key, format!("one of {} is wanted", names.join(", "))))
            }
        }
    }

    /// Within one connection string the last of two equal names wins, as in libpq.
    fn take_text(&mut self, text: &str) -> Result<(), ConnectError> {
        let mut after_password = false;
        for (name, value) in parse(text)? {
            // What follows a password which was not quoted may be its second half.
            if let Some(key) = read(&name, after_password)?
                && !value.is_empty()
            {
                self.values.insert(key, (value, Origin::Text));
            }
            after_password = after_password || name == "password";
        }
        Ok(())
    }

    fn take_service(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), ConnectError> {
        let given = |key: Key| self.get(key).map(str::to_owned).or_else(|| variable(key.variable()));
        let Some(name) = given(Key::Service) else { return Ok(()) };
        let own = given(Key::ServiceFile).map(PathBuf::from);
        let folder = variable("PGSYSCONFDIR").map(PathBuf::from);
        let pairs = service::find(&name, &service::files(own, self.home(), folder))?;
        for (name, value) in pairs {
            if name == "service" || name == "servicefile" {
                let why = "a service cannot refer to another service";
                return Err(ConnectError::Unsupported { name, why });
            }
            if let Some(key) = read(&name, false)? {
                self.offer(key, value, Origin::Service);
            }
        }
        Ok(())
    }

    /// Takes a value unless a nearer place, or an earlier line, has one.
    fn offer(&mut self, key: Key, value: String, origin: Origin) {
        if !value.is_empty() {
            self.values.entry(key).or_insert((value, origin));
        }
    }

    fn keep_host_and_address_together(&mut self) {
        let origin = |key: Key| self.values.get(&key).map(|(_, origin)| *origin);
        let (Some(host), Some(address)) = (origin(Key::Host), origin(Key::HostAddress)) else {
            return;
        };
        if host < address {
            self.values.remove(&Key::HostAddress);
        } else if address < host {
            self.values.remove(&Key::Host);
        }
    }
}

/// Reads a connection string of either form.
fn parse(text: &str) -> Result<Pairs, ConnectError> {
    let text = text.trim();
    if let Some(rest) = uri::without_scheme(text) {
        return uri::parse(rest);
    }
    let equals = text.find('=').unwrap_or(text.len());
    if text.find("://").is_some_and(|scheme| scheme < equals) {
        return Err(ConnectError::Syntax("it begins with neither postgres:// nor postgresql://"));
    }
    keyvalue::parse(text)
}

/// Which parameter a name stands for, or `None` for one which changes nothing.
fn read(name: &str, after_password: bool) -> Result<Option<Key>, ConnectError> {
    match meaning(name) {
        Meaning::Read(key) => Ok(Some(key)),
        Meaning::PassedOver => Ok(None),
        Meaning::Refused(why) => Err(ConnectError::Unsupported { name: name.to_owned(), why }),
        Meaning::Unknown if after_password || !is_plain(name) => Err(ConnectError::Syntax(
            "one of its names is no parameter: does the password need quotes, or escapes?",
        )),
        Meaning::Unknown => {
            let hint = nearest(name).map(|known| format!(": is `{known}` meant?"));
            Err(ConnectError::Unknown { name: name.to_owned(), hint: hint.unwrap_or_default() })
        }
    }
}

/// Whether a name may be shown: it looks like one, and not like a shred of a
/// password.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

fn home_of_user() -> Option<PathBuf> {
    User::from_uid(geteuid()).ok().flatten().map(|user| user.dir)
}
