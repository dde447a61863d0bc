//! The servers which a connection may go to, each with its mode of TLS and its
//! password.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::error::ConnectError;
use super::parameter::Key;
use super::pgpass::{self, Wanted};
use super::settings::Settings;
use super::sslmode::{SslMode, TlsSettings};

/// PostgreSQL's port.
const PORT_DEFAULT: u16 = 5432;

/// Folders which a libpq somewhere has compiled in as its default. A password
/// for `localhost` counts for them.
const SOCKET_FOLDERS: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// A password which cannot be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Password(String);

impl Password {
    /// The password itself, for the library and nobody else.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(_)")
    }
}

/// The way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// The folder of its socket.
    Socket(PathBuf),
    /// Its name, which a certificate must bear, and its address, if that was
    /// given and need not be looked up.
    Tcp { name: String, ip: Option<IpAddr> },
}

impl Address {
    /// Whether nobody stands between.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Socket(_) => true,
            Self::Tcp { ip: Some(ip), .. } => ip.is_loopback(),
            Self::Tcp { name, ip: None } => match name.parse::<IpAddr>() {
                Ok(ip) => ip.is_loopback(),
                Err(_) => name.eq_ignore_ascii_case("localhost"),
            },
        }
    }

    fn is_usual_socket(&self) -> bool {
        matches!(self, Self::Socket(folder)
            if SOCKET_FOLDERS.iter().any(|usual| folder == Path::new(usual)))
    }
}

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    pub(super) port: u16,
    pub(super) ssl_mode: SslMode,
    pub(super) password: Option<Password>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Socket(folder) => write!(f, "{}:{}", folder.display(), self.port),
            Address::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Address::Tcp { name, .. } => write!(f, "{name}:{}", self.port),
        }
    }
}

/// The servers which `settings` name, in the order in which they are to be tried.
///
/// # Errors
///
/// Lists of hosts, addresses and ports of different lengths, or a value which is
/// no address or no port. A port is not repeated: it may be half of a password.
pub(super) fn endpoints(
    settings: &Settings,
    tls: &TlsSettings,
    user: &str,
    database: &str,
) -> Result<Vec<Endpoint>, ConnectError> {
    let addresses = addresses(settings)?;
    let ports = ports(settings, addresses.len())?;
    let given = settings.get(Key::Password);
    let passwords = if given.is_none() { password_file(settings) } else { None };
    let endpoint = |(address, port): (Address, u16)| {
        let host = match &address {
            address if address.is_usual_socket() => "localhost".to_owned(),
            Address::Socket(folder) => folder.display().to_string(),
            Address::Tcp { name, .. } => name.clone(),
        };
        let wanted = Wanted { host: &host, port, database, user };
        let found = || pgpass::password(passwords.as_deref()?, &wanted);
        Endpoint {
            ssl_mode: tls.mode_for(&address),
            password: given.map(str::to_owned).or_else(found).map(Password),
            address,
            port,
        }
    };
    Ok(addresses.into_iter().zip(ports).map(endpoint).collect())
}

fn password_file(settings: &Settings) -> Option<String> {
    let path = match settings.get(Key::PassFile) {
        Some(path) => PathBuf::from(path),
        None => settings.home()?.join(".pgpass"),
    };
    pgpass::read(&path)
}

fn addresses(settings: &Settings) -> Result<Vec<Address>, ConnectError> {
    let hosts = list(settings, Key::Host);
    let ips = list(settings, Key::HostAddress);
    if !hosts.is_empty() && !ips.is_empty() && hosts.len() != ips.len() {
        let why = format!("{} addresses do not fit {} hosts", ips.len(), hosts.len());
        return Err(settings.invalid(Key::HostAddress, why));
    }
    let count = hosts.len().max(ips.len()).max(1);
    let member = |index: usize| {
        let host = hosts.get(index).copied().unwrap_or_default();
        let ip = ips.get(index).copied().unwrap_or_default();
        address(settings, host, ip)
    };
    (0..count).map(member).collect()
}

/// The members of a list, none of them if it is not given.
fn list(settings: &Settings, key: Key) -> Vec<&str> {
    settings.get(key).map_or_else(Vec::new, |text| text.split(',').map(str::trim).collect())
}

fn address(settings: &Settings, host: &str, ip: &str) -> Result<Address, ConnectError> {
    if !ip.is_empty() {
        let Ok(ip) = ip.parse::<IpAddr>() else {
            return Err(settings.invalid(Key::HostAddress, "an IP address is wanted"));
        };
        // Without a name the address is what a certificate must bear.
        let name = if host.is_empty() { ip.to_string() } else { host.to_owned() };
        return Ok(Address::Tcp { name, ip: Some(ip) });
    }
    match host.chars().next() {
        None => Ok(default_address()),
        Some('/') => Ok(Address::Socket(PathBuf::from(host))),
        Some('@') => Err(settings.invalid(Key::Host, "sockets of the abstract name space are not supported")),
        Some(_) => Ok(Address::Tcp { name: host.to_owned(), ip: None }),
    }
}

/// The usual folder, if a server's package has made it.
fn default_address() -> Address {
    let folder = Path::new(SOCKET_FOLDERS[0]);
    if folder.is_dir() {
        Address::Socket(folder.to_owned())
    } else {
        Address::Tcp { name: "localhost".to_owned(), ip: None }
    }
}

/// One port for each of `count` servers.
fn ports(settings: &Settings, count: usize) -> Result<Vec<u16>, ConnectError> {
    let Some(text) = settings.get(Key::Port) else {
        return Ok(vec![PORT_DEFAULT; count]);
    };
    let port = |text: &str| match text.trim() {
        "" => Ok(PORT_DEFAULT),
        text => text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| {
            let why = "a port is a number from 1 to 65535; if a password stands there, its `/`, \
                       `@` or `:` must be written %2F, %40 or %3A";
            settings.invalid(Key::Port, why)
        }),
    };
    let ports = text.split(',').map(port).collect::<Result<Vec<u16>, ConnectError>>()?;
    if let [port] = ports[..] {
        return Ok(vec![port; count]);
    }
    if ports.len() != count {
        let why = format!("{} ports do not fit {count} hosts", ports.len());
        return Err(settings.invalid(Key::Port, why));
    }
    Ok(ports)
}
