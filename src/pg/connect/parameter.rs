//! The parameters of a connection: which are read, which may be passed over,
//! and which are refused because passing over them would give less safety than
//! was asked for.

/// A parameter which hearken reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    ApplicationName,
    ChannelBinding,
    ConnectTimeout,
    Database,
    Host,
    HostAddress,
    Options,
    PassFile,
    Password,
    Port,
    Service,
    ServiceFile,
    SslMode,
    SslNegotiation,
    SslRootCert,
    TargetSessionAttrs,
    User,
}

/// Each parameter with its name in connection strings and service files, and
/// the variable which psql reads for it.
const KEYS: [(Key, &str, &str); 17] = [
    (Key::ApplicationName, "application_name", "PGAPPNAME"),
    (Key::ChannelBinding, "channel_binding", "PGCHANNELBINDING"),
    (Key::ConnectTimeout, "connect_timeout", "PGCONNECT_TIMEOUT"),
    (Key::Database, "dbname", "PGDATABASE"),
    (Key::Host, "host", "PGHOST"),
    (Key::HostAddress, "hostaddr", "PGHOSTADDR"),
    (Key::Options, "options", "PGOPTIONS"),
    (Key::PassFile, "passfile", "PGPASSFILE"),
    (Key::Password, "password", "PGPASSWORD"),
    (Key::Port, "port", "PGPORT"),
    (Key::Service, "service", "PGSERVICE"),
    (Key::ServiceFile, "servicefile", "PGSERVICEFILE"),
    (Key::SslMode, "sslmode", "PGSSLMODE"),
    (Key::SslNegotiation, "sslnegotiation", "PGSSLNEGOTIATION"),
    (Key::SslRootCert, "sslrootcert", "PGSSLROOTCERT"),
    (Key::TargetSessionAttrs, "target_session_attrs", "PGTARGETSESSIONATTRS"),
    (Key::User, "user", "PGUSER"),
];

/// Parameters of libpq which change nothing for us: what they ask for is always
/// so, or does not exist here, or is set by hearken itself (keepalives).
const PASSED_OVER: [&str; 16] = [
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "sslcompression",
    "sslkeylogfile",
    "sslsni",
    "tcp_user_timeout",
];

const NO_CLIENT_CERTIFICATES: &str = "hearken does not present client certificates yet";
const NO_REVOCATION: &str = "hearken does not check revocation lists";
const NO_PROTOCOL_BOUNDS: &str = "hearken speaks TLS 1.2 and 1.3, and cannot be told to prefer one";

/// Parameters of libpq which we cannot honour, and why each is refused.
const REFUSED: [(&str, &str); 13] = [
    ("gssencmode", "hearken has no GSSAPI; leave it out"),
    ("replication", "hearken is not a replication client"),
    ("require_auth", "hearken cannot choose the method; use channel_binding=require or sslmode"),
    ("requirepeer", "hearken does not check the owner of a socket"),
    ("requiressl", "it is obsolete; use sslmode=require"),
    ("ssl_max_protocol_version", NO_PROTOCOL_BOUNDS),
    ("ssl_min_protocol_version", NO_PROTOCOL_BOUNDS),
    ("sslcert", NO_CLIENT_CERTIFICATES),
    ("sslcertmode", NO_CLIENT_CERTIFICATES),
    ("sslcrl", NO_REVOCATION),
    ("sslcrldir", NO_REVOCATION),
    ("sslkey", NO_CLIENT_CERTIFICATES),
    ("sslpassword", NO_CLIENT_CERTIFICATES),
];

/// What a name in a connection string or a service file means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is read.
    Read(Key),
    /// It is known, and changes nothing.
    PassedOver,
    /// It is known, and cannot be honoured, for this reason.
    Refused(&'static str),
    /// libpq does not know it either.
    Unknown,
}

/// What `name` means.
pub(super) fn meaning(name: &str) -> Meaning {
    if let Some((key, ..)) = KEYS.iter().find(|(_, known, _)| *known == name) {
        return Meaning::Read(*key);
    }
    if let Some((_, why)) = REFUSED.iter().find(|(known, _)| *known == name) {
        return Meaning::Refused(why);
    }
    if PASSED_OVER.contains(&name) { Meaning::PassedOver } else { Meaning::Unknown }
}

/// The parameter which a mistyped name probably means.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|(_, known, _)| (strsim::damerau_levenshtein(name, known), *known))
        .min()
        .filter(|(distance, _)| distance * 3 <= name.len())
        .map(|(_, known)| known)
}

impl Key {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        KEYS.iter().map(|(key, ..)| *key)
    }

    /// Its name in connection strings and service files.
    pub(super) fn name(self) -> &'static str {
        self.row().1
    }

    /// The variable which psql reads for it.
    pub(super) fn variable(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        // The table stands in the order of the enum, which a test holds it to.
        KEYS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum() {
        for (index, (key, name, _)) in KEYS.iter().enumerate() {
            assert_eq!(*key as usize, index, "{name}");
            assert_eq!(key.name(), *name);
        }
    }

    #[test]
    fn no_name_has_two_meanings() {
        let refused = REFUSED.iter().map(|(name, _)| *name);
        let mut names: Vec<&str> = Key::all().map(Key::name).collect();
        names.extend(PASSED_OVER.into_iter().chain(refused));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn what_asks_for_safety_we_lack_is_refused_and_not_passed_over() {
        for name in ["sslcrl", "require_auth", "requirepeer", "gssencmode", "sslcert"] {
            assert!(matches!(meaning(name), Meaning::Refused(_)), "{name}");
        }
        assert_eq!(meaning("sslmode"), Meaning::Read(Key::SslMode));
        assert_eq!(meaning("keepalives_idle"), Meaning::PassedOver);
        assert_eq!(meaning("pool"), Meaning::Unknown);
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(nearest("ssl_mode"), Some("sslmode"));
        assert_eq!(nearest("usre"), Some("user"));
        assert_eq!(nearest("pool"), None);
        assert_eq!(nearest("connection_limit"), None);
    }
}
