//! Connections: a name becomes addresses, the addresses are judged, and what is connected
//! to is one of those which were found good. There is no other way to a connection.

use super::resolve::Resolve;
use crate::webhook::address::Policy;
use crate::webhook::answer::DeliveryError;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tower_service::Service;

/// How long a connection may take when nobody waits for it any more: hyper finishes what a
/// request began which meanwhile got another connection, or gave up.
const WITHIN: Duration = Duration::from_secs(30);

/// How much later the next address is tried while the one before has not answered.
const STAGGER: Duration = Duration::from_millis(250);

/// How many addresses of a name are tried.
const ADDRESSES: usize = 6;

/// Makes the connections of a client.
#[derive(Clone)]
pub(super) struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    resolver: Arc<dyn Resolve>,
    policy: Arc<Policy>,
    tls: TlsConnector,
}

/// A connection, secure or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Connection for Box<dyn Wire> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<Box<dyn Wire>>, DeliveryError>> + Send>>;

/// Where a connection leads: what the URL said, read back from what hyper passes on.
struct Place {
    secure: bool,
    host: String,
    port: u16,
}

impl Connector {
    pub(super) fn new(resolver: Arc<dyn Resolve>, policy: Arc<Policy>, tls: Arc<ClientConfig>) -> Self {
        Self { shared: Arc::new(Shared { resolver, policy, tls: TlsConnector::from(tls) }) }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Wire>>;
    type Error = DeliveryError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DeliveryError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let shared = self.shared.clone();
        Box::pin(async move {
            match timeout(WITHIN, shared.connect(&uri)).await {
                Ok(connected) => connected.map(TokioIo::new),
                Err(_) => Err(DeliveryError::Timeout(WITHIN)),
            }
        })
    }
}

impl Shared {
    async fn connect(&self, uri: &Uri) -> Result<Box<dyn Wire>, DeliveryError> {
        let place = Place::of(uri)?;
        let addresses = self.addresses(&place).await?;
        let stream = dial(&addresses)
            .await
            .map_err(|error| DeliveryError::Connect { host: place.shown(), why: error.to_string() })?;
        if !place.secure {
            return Ok(Box::new(stream));
        }
        let untrusted = |why: String| DeliveryError::Tls { host: place.shown(), why };
        let name = ServerName::try_from(place.host.clone()).map_err(|error| untrusted(error.to_string()))?;
        let secure = self.tls.connect(name, stream).await.map_err(|error| untrusted(error.to_string()))?;
        Ok(Box::new(secure))
    }

    /// The addresses which may be called, judged just now.
    async fn addresses(&self, place: &Place) -> Result<Vec<SocketAddr>, DeliveryError> {
        let host = &place.host;
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self
                .resolver
                .resolve(host)
                .await
                .map_err(|error| DeliveryError::Lookup { host: host.clone(), why: error.to_string() })?,
        };
        let allowed = self.policy.allowed(host, &found)?;
        Ok(allowed.into_iter().take(ADDRESSES).map(|address| SocketAddr::new(address, place.port)).collect())
    }
}

impl Place {
    fn of(uri: &Uri) -> Result<Self, DeliveryError> {
        let nowhere = || DeliveryError::Unsendable(format!("`{uri}` leads nowhere"));
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(nowhere()),
        };
        let host = uri.host().ok_or_else(nowhere)?;
        // An address of IPv6 stands in brackets there, and nowhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host, port })
    }

    fn shown(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Connects to the first address which answers. The next one is tried a little later, so
/// that one which swallows everything does not use up the time.
async fn dial(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut attempts: FuturesUnordered<_> = addresses
        .iter()
        .copied()
        .zip(0_u32..)
        .map(|(address, place)| async move {
            // Even a sleep of nothing takes a tick of the timer.
            if place > 0 {
                sleep(STAGGER * place).await;
            }
            TcpStream::connect(address).await
        })
        .collect();
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no addresses");
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, secure: bool, host: &str, port: u16) {
        let place = Place::of(&uri.parse().unwrap()).unwrap();
        assert_eq!((place.secure, place.host.as_str(), place.port), (secure, host, port));
    }

    #[test]
    fn a_place_is_read_from_what_hyper_passes_on() {
        check("https://example.org/", true, "example.org", 443);
        check("http://example.org/", false, "example.org", 80);
        check("http://127.0.0.1:8080/", false, "127.0.0.1", 8080);
        check("https://[::1]:8443/", true, "::1", 8443);
        check("https://[::ffff:127.0.0.1]/", true, "::ffff:127.0.0.1", 443);
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for uri in ["ftp://example.org/", "/hook", "example.org:443"] {
            assert!(Place::of(&uri.parse().unwrap()).is_err(), "{uri}");
        }
    }
}
