//! What came of a request, and what follows from it. Pure: no clock, no network.
//!
//! Two questions are answered here, each by one `match` which names every case: *is it
//! tried again?* ([`DeliveryError::again`]) and *does it speak against the endpoint?*
//! ([`DeliveryError::fault`]). An endpoint which says "no such page" is alive and well,
//! and a secret which we do not find is not its fault either.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Nobody makes us wait longer than this, whatever `Retry-After` says.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How much of an answer, or of an address, an error quotes, in characters.
const QUOTED: usize = 200;

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took, from the lookup of the name to the last byte which was read.
    pub duration: Duration,
    /// The beginning of the answer's body, as text without NUL.
    pub body: String,
    /// Why it is not delivered; nothing if it is.
    pub error: Option<DeliveryError>,
    /// How long the endpoint asks us to wait before the next attempt; at most a day.
    /// Only with answers after which there is one.
    pub retry_after: Option<Duration>,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has arrived.
    Delivered,
    /// It is tried again, after this at the earliest if the endpoint said so.
    Retry(Option<Duration>),
    /// It would be of no use to try again.
    Never,
}

/// Whether an attempt is followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Yes, after a pause.
    Yes,
    /// No: the next answer would be the same.
    No,
}

/// Whom a failure speaks against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The endpoint is down, too slow or overburdened: a failure for a circuit breaker.
    Endpoint,
    /// The endpoint is alive and does not want this request.
    Request,
    /// Our own settings or secrets: the endpoint has not been asked at all.
    Ours,
}

/// Why a request was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The address is none, or a request to it cannot be written.
    #[error("this cannot be sent: {0}")]
    Unsendable(String),
    /// A secret or a key is missing.
    #[error("{0}")]
    Secret(String),
    /// HTTP without TLS, to a host which is not excepted.
    #[error(
        "`{host}` would be called without TLS; use https, or allow the host under `[webhooks] allow_http`"
    )]
    PlainHttp {
        /// The host, with its port unless that is 80.
        host: String,
    },
    /// All addresses of the host are in networks which are not to be reached from outside.
    #[error("{}", forbidden(.host, .addresses))]
    Forbidden {
        /// The host as the URL has it.
        host: String,
        /// Its addresses, and what kind of address each one is.
        addresses: Vec<(IpAddr, &'static str)>,
    },
    /// The name cannot be resolved.
    #[error("the address of `{host}` cannot be found: {why}")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver says.
        why: String,
    },
    /// Nobody listens, or the network does not lead there.
    #[error("`{host}` cannot be reached: {why}")]
    Connect {
        /// The host with its port.
        host: String,
        /// What the system says.
        why: String,
    },
    /// The certificate or the handshake.
    #[error("there is no secure connection to `{host}`: {why}")]
    Tls {
        /// The host with its port.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// No answer in time. Everything counts: lookup, connection, handshake, answer.
    #[error("did not answer within {}", seconds(*.0))]
    Timeout(Duration),
    /// The connection ended, or what came was no HTTP.
    #[error("gave no proper answer: {0}")]
    Broken(String),
    /// An answer which says that it was not taken.
    #[error("{}", refused(*.status, .location.as_deref(), .body))]
    Status {
        /// Any but 200 to 299.
        status: u16,
        /// Where a redirect leads, which is not followed.
        location: Option<String>,
        /// The beginning of the body.
        body: String,
    },
}

impl Outcome {
    /// What follows from it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.error.as_ref().map(DeliveryError::again) {
            None => Verdict::Delivered,
            Some(Again::Yes) => Verdict::Retry(self.retry_after),
            Some(Again::No) => Verdict::Never,
        }
    }
}

impl DeliveryError {
    /// Whether there is another attempt.
    #[must_use]
    pub fn again(&self) -> Again {
        match self {
            Self::Unsendable(_) | Self::PlainHttp { .. } | Self::Forbidden { .. } => Again::No,
            // A file may be there in a moment: secrets are mounted and changed while we run.
            Self::Secret(_) => Again::Yes,
            Self::Lookup { .. } | Self::Connect { .. } | Self::Tls { .. } => Again::Yes,
            Self::Timeout(_) | Self::Broken(_) => Again::Yes,
            Self::Status { status, .. } => again(*status),
        }
    }

    /// Whom it speaks against.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unsendable(_) | Self::Secret(_) | Self::PlainHttp { .. } | Self::Forbidden { .. } => {
                Fault::Ours
            }
            Self::Lookup { .. } | Self::Connect { .. } | Self::Tls { .. } => Fault::Endpoint,
            Self::Timeout(_) | Self::Broken(_) => Fault::Endpoint,
            Self::Status { status, .. } => match again(*status) {
                Again::Yes => Fault::Endpoint,
                Again::No => Fault::Request,
            },
        }
    }
}

/// Whether a status means that the request was taken.
#[must_use]
pub fn is_delivered(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Whether a request is tried again after this status, which is not one of success.
fn again(status: u16) -> Again {
    match status {
        // Too slow, too early, too often: all of them pass.
        408 | 425 | 429 => Again::Yes,
        500..600 => Again::Yes,
        // An interim answer as the last one is no answer.
        0..200 => Again::Yes,
        // A redirect is not followed: it might lead to where we must not go.
        200..500 => Again::No,
        // No status of any standard.
        600.. => Again::No,
    }
}

/// How long `Retry-After` asks to wait, as seconds or as a date. A date which is over means
/// no wait, more than a day means a day, and what cannot be read means nothing.
#[must_use]
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits which do not fit are very many seconds.
        let seconds = header.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(RETRY_AFTER_MAX))
}

/// The beginning of a body as text which can be stored: no NUL, and no half character where
/// it was cut.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.get(..error.valid_up_to()).unwrap_or(bytes),
        _ => bytes,
    };
    String::from_utf8_lossy(whole).replace('\0', "\u{fffd}")
}

fn refused(status: u16, location: Option<&str>, body: &str) -> String {
    let mut text = format!("answered {}", Status(status));
    match (status, location) {
        (300..400, Some(location)) => {
            // What follows the question mark may be a secret of theirs.
            let place = location.split(['?', '#']).next().unwrap_or_default();
            text.push_str(&format!(" with a redirect to `{}`, which is not followed", quoted(place)));
        }
        (410, _) => text.push_str(", so it wants no more of these"),
        _ => {}
    }
    let said = quoted(body);
    if !said.is_empty() {
        text.push_str(": ");
        text.push_str(&said);
    }
    text
}

/// A status with its name, if it has one.
struct Status(u16);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = hyper::StatusCode::from_u16(self.0).ok();
        match known.and_then(|status| status.canonical_reason()) {
            Some(reason) => write!(f, "{} {reason}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

fn forbidden(host: &str, addresses: &[(IpAddr, &'static str)]) -> String {
    let mut list = String::new();
    for (address, kind) in addresses.iter().take(4) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&format!("{address}, {kind}"));
    }
    if addresses.len() > 4 {
        list.push_str(", …");
    }
    format!(
        "`{host}` has only addresses which are not called ({list}); \
         if that is meant, allow them under `[webhooks] allow_private`"
    )
}

/// One line of at most [`QUOTED`] characters.
fn quoted(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * QUOTED {
            break;
        }
    }
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => {
            line.truncate(end);
            line.push('…');
            line
        }
        None => line,
    }
}

fn seconds(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) { format!("{} s", millis / 1000) } else { format!("{millis} ms") }
}

#[cfg(test)]
mod tests;
