//! The HTTP client: sends a [`Request`] and says what came of it.
//!
//! It is built on hyper's client with a pool, and a connector of our own, since that is
//! where the address must be judged (`connect`). The endpoint at the other end is not
//! trusted with anything:
//!
//! - **Time**: one limit for everything, lookup, connection, handshake, head and body.
//! - **Memory**: the head of an answer has at most 32 KiB, of the body is read and kept what
//!   the settings say, and the rest is not read: the connection is closed instead.
//! - **Where it goes**: redirects are answers, not orders. Nothing is decompressed.
//!
//! The status decides. What comes after the head of an answer is kept to be looked at, and
//! a body which drips or breaks off changes nothing about whether the request was taken; it
//! is cut when the time is over.
//!
//! Idle connections are kept for less than the five seconds after which common servers hang
//! up: one which is closed at the moment when we use it would look like a failure.

mod connect;
mod resolve;
mod tls;

pub use self::resolve::{Lookup, Resolve, SystemResolver};

use self::connect::Connector;
use super::address::{Destination, NoHost, Policy};
use super::answer::{Again, DeliveryError, Outcome, is_delivered, readable, retry_after};
use super::request::Request;
use super::secret::Secret;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Method, Response};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};

/// How long a connection waits for its next request.
const IDLE: Duration = Duration::from_secs(4);

/// How long the head of an answer may be, in bytes.
const HEAD_BYTES: usize = 32 * 1024;

/// What is blackened where an answer repeats a secret, and shorter texts are not: they
/// would be found everywhere.
const HIDDEN: &str = "(hidden)";
const HIDDEN_FROM: usize = 4;

/// What a client may do.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Hosts, with or without a port, which may be called without TLS.
    pub allow_http: Vec<String>,
    /// Networks which may be called though they are not public.
    pub allow_private: Vec<IpNet>,
    /// How much of the body of an answer is read and kept, in bytes.
    pub response_bytes: usize,
    /// How many idle connections to one server are kept.
    pub idle_per_host: usize,
    /// A file with further roots in PEM, besides those of the machine.
    pub ca_file: Option<PathBuf>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            allow_http: Vec::new(),
            allow_private: Vec::new(),
            response_bytes: 4096,
            idle_per_host: 8,
            ca_file: None,
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// An entry of `allow_http` is no host.
    #[error(transparent)]
    NoHost(#[from] NoHost),
    /// The file of further roots cannot be read or holds none.
    #[error("the file `{}` with certificates cannot be used: {source}", .path.display())]
    Roots {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// Sends requests. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    policy: Arc<Policy>,
    response_bytes: usize,
}

/// An answer, as far as it was read.
struct Answer {
    status: u16,
    body: String,
    location: Option<String>,
    retry_after: Option<Duration>,
}

impl Client {
    /// A client which looks names up as the machine does.
    ///
    /// # Errors
    ///
    /// If the settings name something which is no host, or certificates which cannot be
    /// read.
    pub fn new(settings: ClientSettings) -> Result<Self, SetupError> {
        Self::with_resolver(settings, Arc::new(SystemResolver))
    }

    /// A client which looks names up in its own way.
    ///
    /// # Errors
    ///
    /// As [`Client::new`].
    pub fn with_resolver(settings: ClientSettings, resolver: Arc<dyn Resolve>) -> Result<Self, SetupError> {
        let policy = Arc::new(Policy::new(&settings.allow_http, settings.allow_private)?);
        let tls = tls::config(settings.ca_file.as_deref())?;
        let connector = Connector::new(resolver, policy.clone(), tls);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.idle_per_host)
            .http1_max_buf_size(HEAD_BYTES)
            .build(connector);
        Ok(Self { http, policy, response_bytes: settings.response_bytes })
    }

    /// Sends a request and waits for the answer, at most for the request's timeout.
    ///
    /// Dropping the future gives up: the connection is closed.
    pub async fn send(&self, request: Request) -> Outcome {
        let began = Instant::now();
        let exchanged = self.exchange(request).await;
        let duration = began.elapsed();
        match exchanged {
            Ok(answer) => judged(answer, duration),
            Err(error) => {
                Outcome { status: None, duration, body: String::new(), error: Some(error), retry_after: None }
            }
        }
    }

    async fn exchange(&self, request: Request) -> Result<Answer, DeliveryError> {
        let deadline = Instant::now() + request.timeout;
        let destination = Destination::parse(&request.url, &self.policy)?;
        let mut message = hyper::Request::new(Full::new(request.body));
        *message.method_mut() = Method::POST;
        *message.uri_mut() = destination.uri().clone();
        *message.headers_mut() = request.headers;
        let response = timeout_at(deadline, self.http.request(message))
            .await
            .map_err(|_| DeliveryError::Timeout(request.timeout))?
            .map_err(|error| trouble(&error))?;
        Ok(self.read(response, deadline, &request.hidden).await)
    }

    async fn read(&self, response: Response<Incoming>, deadline: Instant, hidden: &[Secret]) -> Answer {
        let status = response.status().as_u16();
        let location = text(response.headers(), &LOCATION);
        let wait = text(response.headers(), &RETRY_AFTER);
        let mut kept = Vec::new();
        // Whether the body ends, breaks off or takes too long is all the same.
        let _ = timeout_at(deadline, keep(response.into_body(), self.response_bytes, &mut kept)).await;
        Answer {
            status,
            body: blackened(readable(&kept), hidden),
            location: location.map(|location| blackened(location, hidden)),
            retry_after: wait.and_then(|wait| retry_after(&wait, SystemTime::now())),
        }
    }
}

fn judged(answer: Answer, duration: Duration) -> Outcome {
    let Answer { status, body, location, retry_after } = answer;
    let error =
        (!is_delivered(status)).then(|| DeliveryError::Status { status, location, body: body.clone() });
    let retry_after = match error.as_ref().map(DeliveryError::again) {
        Some(Again::Yes) => retry_after,
        Some(Again::No) | None => None,
    };
    Outcome { status: Some(status), duration, body, error, retry_after }
}

/// Reads until there is enough, the body ends or breaks off. What is left is not read:
/// dropping the body closes the connection.
async fn keep(mut body: Incoming, most: usize, kept: &mut Vec<u8>) {
    while kept.len() < most {
        let Some(Ok(frame)) = body.frame().await else { return };
        let Some(data) = frame.data_ref() else { continue };
        let room = (most - kept.len()).min(data.len());
        kept.extend(data.iter().take(room));
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| readable(value.as_bytes()))
}

/// What somebody echoes of our secrets, as it stands, is not kept; nor is the beginning of
/// one at the end, where the answer was cut.
fn blackened(mut text: String, hidden: &[Secret]) -> String {
    for secret in hidden {
        // An echo may leave the scheme out: of `Bearer abc`, `abc` is the secret.
        let words = secret.expose().split_whitespace().filter(|word| word.len() >= HIDDEN_FROM);
        for word in words {
            if is_scheme(word) {
                continue;
            }
            if text.contains(word) {
                text = text.replace(word, HIDDEN);
            }
            if let Some(end) = cut_at_end(&text, word) {
                text.truncate(end);
                text.push_str(HIDDEN);
            }
        }
    }
    text
}

/// Where, at the end of a text, the beginning of a word stands which was cut.
fn cut_at_end(text: &str, word: &str) -> Option<usize> {
    let mut ends = word.char_indices().map(|(end, _)| end);
    let longest = ends.rfind(|end| *end >= HIDDEN_FROM && text.ends_with(&word[..*end]))?;
    Some(text.len() - longest)
}

fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "token", "digest"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Finds out what was wrong. Our own errors come back from the connector inside of
/// hyper's; what else hyper knows is said for people.
fn trouble(error: &legacy::Error) -> DeliveryError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut deepest = error.to_string();
    while let Some(found) = cause {
        if let Some(own) = found.downcast_ref::<DeliveryError>() {
            return own.clone();
        }
        if let Some(said) = found.downcast_ref::<hyper::Error>().and_then(known) {
            return DeliveryError::Broken(said.to_owned());
        }
        deepest = found.to_string();
        cause = found.source();
    }
    DeliveryError::Broken(deepest)
}

fn known(error: &hyper::Error) -> Option<&'static str> {
    if error.is_parse_too_large() {
        Some("the head of its answer is too long, more than 32 KiB or 100 headers")
    } else if error.is_parse() {
        Some("what it sent is not HTTP/1.1")
    } else if error.is_incomplete_message() {
        Some("it closed the connection before it had answered")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
