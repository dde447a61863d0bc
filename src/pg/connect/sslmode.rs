//! How much safety a connection asks of TLS, and what is asked where nobody said.

use std::path::{Path, PathBuf};

use super::endpoint::Address;
use super::error::ConnectError;
use super::parameter::Key;
use super::settings::Settings;

/// The modes of libpq, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server insists.
    Allow,
    /// TLS if the server has it.
    Prefer,
    /// TLS, with whomever.
    Require,
    /// TLS, with somebody whom a root certificate vouches for.
    VerifyCa,
    /// TLS, with the very host which was named.
    VerifyFull,
}

const MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// Whose signature vouches for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// The certificates of this file.
    File(PathBuf),
    /// The machine's own, else the ones of Mozilla which are built in.
    System,
}

/// What is asked of TLS, before it is known of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsSettings {
    asked: Option<SslMode>,
    /// Whose signature vouches for a server.
    pub(super) roots: Roots,
    /// TLS from the first byte on, as PostgreSQL 17 can, rather than after a
    /// question in the clear.
    pub(super) direct: bool,
    /// `sslrootcert=system`: anybody can have a certificate from one of those,
    /// so that only the name tells servers apart.
    public_roots: bool,
}

impl TlsSettings {
    /// Reads the parameters which begin with `ssl`.
    ///
    /// # Errors
    ///
    /// An unknown mode, or two parameters which cannot both hold.
    pub(super) fn read(settings: &Settings) -> Result<Self, ConnectError> {
        let asked = settings.choice(Key::SslMode, &MODES)?;
        let given = settings.get(Key::SslRootCert);
        let public_roots = given == Some("system");
        let roots = match given {
            Some("system") => Roots::System,
            Some(path) => Roots::File(PathBuf::from(path)),
            None => settings.home().and_then(root_file_of).map_or(Roots::System, Roots::File),
        };
        if public_roots && asked.is_some_and(|mode| mode != SslMode::VerifyFull) {
            let why = "with sslrootcert=system only verify-full tells one server from another";
            return Err(settings.invalid(Key::SslMode, why));
        }
        let negotiations = [("postgres", false), ("direct", true)];
        let direct = settings.choice(Key::SslNegotiation, &negotiations)?.unwrap_or(false);
        if direct && asked.is_some_and(|mode| mode < SslMode::Require) {
            let why = "sslnegotiation=direct needs sslmode=require or a stronger one";
            return Err(settings.invalid(Key::SslMode, why));
        }
        Ok(Self { asked, roots, direct, public_roots })
    }

    /// The mode for one server.
    ///
    /// A socket needs none. Where nothing was asked, loopback gets `prefer`,
    /// since nobody stands between, and the network `require`. As in libpq, a
    /// file of root certificates turns `require` into `verify-ca`.
    pub(super) fn mode_for(&self, address: &Address) -> SslMode {
        if matches!(address, Address::Socket(_)) {
            return SslMode::Disable;
        }
        let mode = match self.asked {
            Some(mode) => mode,
            None if self.public_roots => SslMode::VerifyFull,
            None if address.is_loopback() && !self.direct => SslMode::Prefer,
            None => SslMode::Require,
        };
        match (mode, &self.roots) {
            (SslMode::Require, Roots::File(_)) => SslMode::VerifyCa,
            _ => mode,
        }
    }
}

/// The file which libpq takes where none is named.
fn root_file_of(home: &Path) -> Option<PathBuf> {
    Some(home.join(".postgresql/root.crt")).filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_asked_the_way_decides() {
        check("host=/run/postgresql", SslMode::Disable);
        check("host=localhost", SslMode::Prefer);
        check("host=127.0.0.1", SslMode::Prefer);
        check("hostaddr=::1", SslMode::Prefer);
        check("host=db.example", SslMode::Require);
        check("host=localhost hostaddr=10.0.0.1", SslMode::Require);
        check("host=localhost sslnegotiation=direct", SslMode::Require);
        check("host=db.example sslrootcert=system", SslMode::VerifyFull);
    }

    #[test]
    fn what_is_asked_holds_except_over_a_socket() {
        for (name, mode) in MODES {
            check(&format!("host=db.example sslmode={name}"), mode);
            check(&format!("host=/run/postgresql sslmode={name}"), SslMode::Disable);
        }
    }

    #[test]
    fn a_file_of_roots_makes_require_verify() {
        check("host=db.example sslrootcert=/ca.crt", SslMode::VerifyCa);
        check("host=db.example sslrootcert=/ca.crt sslmode=prefer", SslMode::Prefer);
        check("host=localhost sslrootcert=/ca.crt", SslMode::Prefer);
    }

    #[test]
    fn weak_modes_do_not_go_with_public_roots_or_a_direct_start() {
        for text in [
            "host=db sslmode=require sslrootcert=system",
            "host=db sslmode=prefer sslnegotiation=direct",
            "host=db sslmode=on",
        ] {
            let settings = Settings::gather(Some(text), &|_| None).unwrap();
            assert!(TlsSettings::read(&settings).is_err(), "{text}");
        }
    }

    #[track_caller]
    fn check(text: &str, want: SslMode) {
        let env = |name: &str| (name == "HOME").then(|| "/nowhere".to_owned());
        let settings = Settings::gather(Some(text), &env).unwrap();
        let tls = TlsSettings::read(&settings).unwrap();
        let endpoints = super::super::endpoint::endpoints(&settings, &tls, "ann", "app").unwrap();
        assert_eq!(endpoints[0].ssl_mode, want, "{text}");
    }
}
