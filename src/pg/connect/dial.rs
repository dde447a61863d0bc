//! Goes to the servers, one after the other, until one takes us in.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode as LibraryMode, SslNegotiation};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ConnectOptions;
use super::endpoint::{Address, Endpoint};
use super::error::ConnectError;
use super::sslmode::SslMode;
use super::tls;

/// Client-side keepalive: a server which vanished is noticed within half a
/// minute, with a few packets a minute on an idle connection.
const KEEPALIVES_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVES_RETRIES: u32 = 3;

/// The same bound for data under way, which keepalive does not see.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// `invalid_authorization_specification`: no line of `pg_hba.conf` lets us in,
/// which may be for want of TLS, or for too much of it.
const NOT_LET_IN: &str = "28000";

/// A connection which somebody must drive.
pub(in crate::pg) type Wire = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// A connection, made.
pub(in crate::pg) struct Dialled {
    /// To ask with.
    pub(in crate::pg) client: Client,
    /// To be driven.
    pub(in crate::pg) connection: Wire,
    /// Which server it is, for errors and logs.
    pub(in crate::pg) server: String,
}

/// Connects to the first server which takes us in, as a session which plays
/// `part`.
///
/// # Errors
///
/// What the only server said, or what each of them said.
pub(in crate::pg) async fn dial(options: &ConnectOptions, part: &str) -> Result<Dialled, ConnectError> {
    let mut errors = Vec::new();
    for endpoint in &options.endpoints {
        match dial_endpoint(options, endpoint, part).await {
            Ok(dialled) => return Ok(dialled),
            Err(error) => errors.push(error),
        }
    }
    match errors.pop() {
        Some(only) if errors.is_empty() => Err(only),
        Some(last) => {
            errors.push(last);
            Err(ConnectError::Everywhere(errors))
        }
        None => Err(ConnectError::Everywhere(errors)),
    }
}

/// Tries every address of a server, and for each every way of TLS which the mode
/// leaves open. Returns the last error.
async fn dial_endpoint(
    options: &ConnectOptions,
    endpoint: &Endpoint,
    part: &str,
) -> Result<Dialled, ConnectError> {
    // Read anew each time, so that a renewed file of roots counts.
    let tls = tls::connector(endpoint.ssl_mode, &options.tls)?;
    let mut last = None;
    for ip in ips_of(options, endpoint).await? {
        for mode in ways(endpoint.ssl_mode) {
            let config = config(options, endpoint, ip, *mode, part);
            match attempt(options, endpoint, &config, tls.clone()).await {
                Ok(dialled) => return Ok(dialled),
                Err(error) => {
                    let not_let_in = is_not_let_in(&error);
                    last = Some(error);
                    if !not_let_in {
                        break;
                    }
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| ConnectError::Resolve {
        server: endpoint.to_string(),
        source: std::io::Error::other("the name has no address"),
    }))
}

/// The addresses to try: `None` stands for a socket.
async fn ips_of(options: &ConnectOptions, endpoint: &Endpoint) -> Result<Vec<Option<IpAddr>>, ConnectError> {
    let name = match &endpoint.address {
        Address::Socket(_) => return Ok(vec![None]),
        Address::Tcp { ip: Some(ip), .. } => return Ok(vec![Some(*ip)]),
        Address::Tcp { name, ip: None } => name.as_str(),
    };
    let server = || endpoint.to_string();
    match timeout(options.timeout, lookup_host((name, endpoint.port))).await {
        Ok(Ok(found)) => Ok(found.map(|address| Some(address.ip())).collect()),
        Ok(Err(source)) => Err(ConnectError::Resolve { server: server(), source }),
        Err(_) => Err(timed_out(options, endpoint)),
    }
}

/// The ways of TLS which a mode leaves open, in order. The later ones are tried
/// only if the server turns the earlier one away.
fn ways(mode: SslMode) -> &'static [LibraryMode] {
    match mode {
        SslMode::Disable => &[LibraryMode::Disable],
        SslMode::Allow => &[LibraryMode::Disable, LibraryMode::Require],
        SslMode::Prefer => &[LibraryMode::Prefer, LibraryMode::Disable],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[LibraryMode::Require],
    }
}

fn is_not_let_in(error: &ConnectError) -> bool {
    match error {
        ConnectError::Refused { source, .. } => source.code().is_some_and(|code| code.code() == NOT_LET_IN),
        _ => false,
    }
}

/// What the library is told of one server at one address.
fn config(
    options: &ConnectOptions,
    endpoint: &Endpoint,
    ip: Option<IpAddr>,
    mode: LibraryMode,
    part: &str,
) -> Config {
    let mut config = Config::new();
    config
        .user(options.user.as_str())
        .dbname(options.database.as_str())
        .application_name(options.application_name(part))
        .port(endpoint.port)
        .ssl_mode(mode)
        .channel_binding(options.channel_binding)
        .target_session_attrs(options.target)
        .connect_timeout(options.timeout)
        .tcp_user_timeout(TCP_USER_TIMEOUT)
        .keepalives_idle(KEEPALIVES_IDLE)
        .keepalives_interval(KEEPALIVES_INTERVAL)
        .keepalives_retries(KEEPALIVES_RETRIES);
    match &endpoint.address {
        Address::Socket(folder) => config.host_path(folder),
        // The name is what the certificate must bear, the address where we go.
        Address::Tcp { name, .. } => config.host(name.as_str()),
    };
    if let Some(ip) = ip {
        config.hostaddr(ip);
    }
    if options.tls.direct && mode == LibraryMode::Require {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    if let Some(password) = &endpoint.password {
        config.password(password.reveal());
    }
    if let Some(server_options) = &options.server_options {
        config.options(server_options.as_str());
    }
    config
}

/// One try, with one time limit over all of it.
async fn attempt(
    options: &ConnectOptions,
    endpoint: &Endpoint,
    config: &Config,
    tls: MakeRustlsConnect,
) -> Result<Dialled, ConnectError> {
    match timeout(options.timeout, config.connect(tls)).await {
        Ok(Ok((client, connection))) => Ok(Dialled { client, connection, server: endpoint.to_string() }),
        Ok(Err(error)) => Err(sort(error, endpoint.to_string())),
        Err(_) => Err(timed_out(options, endpoint)),
    }
}

fn timed_out(options: &ConnectOptions, endpoint: &Endpoint) -> ConnectError {
    let limit = humantime::format_duration(options.timeout);
    ConnectError::Timeout { server: endpoint.to_string(), limit }
}

/// Says what an error of the library means. It keeps its kinds to itself, so
/// that their texts must do; the tests below would notice if those changed.
fn sort(source: tokio_postgres::Error, server: String) -> ConnectError {
    if source.as_db_error().is_some() {
        return ConnectError::Refused { server, source };
    }
    let cause = source.source().map(|cause| cause.to_string()).unwrap_or_default();
    match (source.to_string().as_str(), cause.as_str()) {
        ("error performing TLS handshake", "server does not support TLS") => ConnectError::NoTls { server },
        ("error performing TLS handshake", _) => ConnectError::Tls { server, source },
        ("invalid configuration", "password missing") => ConnectError::NoPassword { server },
        ("authentication error", _) => ConnectError::Refused { server, source },
        _ => ConnectError::Unreachable { server, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// The answer to a request for TLS: no.
    const NO_TLS: &[u8] = b"N";
    /// A request for a password in clear text.
    const PASSWORD_WANTED: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
    /// An error of SQLSTATE 28000.
    const TURNED_AWAY: &[u8] = b"E\0\0\0\x1eSFATAL\0VFATAL\0C28000\0Mno\0\0";

    #[tokio::test]
    async fn a_server_without_tls_is_told_as_such() {
        let url = server(vec![vec![NO_TLS]]).await;
        let error = connect(&format!("{url} sslmode=require")).await;
        assert!(matches!(error, ConnectError::NoTls { .. }), "{error:?}");
        assert!(error.to_string().contains("sslmode=disable"), "{error}");
    }

    #[tokio::test]
    async fn a_server_which_wants_a_password_is_told_as_such() {
        let url = server(vec![vec![PASSWORD_WANTED]]).await;
        let error = connect(&format!("{url} sslmode=disable")).await;
        assert!(matches!(error, ConnectError::NoPassword { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_server_which_speaks_nonsense_in_place_of_tls_is_told_as_such() {
        let url = server(vec![vec![b"S", b"no handshake at all"]]).await;
        let error = connect(&format!("{url} sslmode=require")).await;
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_server_which_accepts_and_says_nothing_runs_out_of_time() {
        let url = server(vec![vec![]]).await;
        let error = connect(&format!("{url} sslmode=disable connect_timeout=1")).await;
        assert!(matches!(error, ConnectError::Timeout { .. }), "{error:?}");
    }

    /// The first connection asks for TLS and is turned away without it; the
    /// second comes without asking.
    #[tokio::test]
    async fn prefer_comes_again_without_tls_if_it_is_turned_away() {
        let url = server(vec![vec![NO_TLS, TURNED_AWAY], vec![PASSWORD_WANTED]]).await;
        let error = connect(&format!("{url} sslmode=prefer")).await;
        assert!(matches!(error, ConnectError::NoPassword { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn nobody_there_is_trouble_which_passes() {
        let error = connect("host=/nowhere/at/all,/nor/there").await;
        assert!(matches!(&error, ConnectError::Everywhere(errors) if errors.len() == 2), "{error:?}");
        assert_eq!(error.trouble(), super::super::ConnectTrouble::Unreachable);
    }

    #[test]
    fn the_library_is_told_no_more_than_one_server() {
        let options = options("host=db.example,10.0.0.2 port=1,2 user=ann dbname=app");
        let endpoint = &options.endpoints[1];
        let config = config(&options, endpoint, Some([10, 0, 0, 2].into()), LibraryMode::Require, "work");
        assert_eq!(config.get_hosts().len(), 1);
        assert_eq!(config.get_ports(), [2]);
        assert_eq!(config.get_application_name(), Some("hearken work"));
        assert_eq!(config.get_keepalives_idle(), KEEPALIVES_IDLE);
    }

    fn options(text: &str) -> ConnectOptions {
        let env = |name: &str| (name == "HOME").then(|| "/nowhere".to_owned());
        ConnectOptions::resolve(Some(text), &env).unwrap()
    }

    async fn connect(text: &str) -> ConnectError {
        let options = options(&format!("{text} user=ann dbname=app"));
        dial(&options, "work").await.map(|_| ()).unwrap_err()
    }

    /// A server which gives, on each connection in turn, one answer to each
    /// thing it is told, and then waits. Returns where it is.
    async fn server(connections: Vec<Vec<&'static [u8]>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut open = Vec::new();
            for answers in connections {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 1024];
                for answer in answers {
                    let _ = stream.read(&mut buffer).await;
                    let _ = stream.write_all(answer).await;
                }
                open.push(stream);
            }
            std::future::pending::<()>().await;
        });
        format!("host=127.0.0.1 port={port}")
    }
}
