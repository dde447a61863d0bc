//! A request, complete and signed, ready to be sent.
//!
//! Everything is decided here but where the bytes go: so what is signed is what is sent,
//! and a request can be looked at in a test without a network.

use super::answer::DeliveryError;
use super::body::{Payload, payload};
use super::secret::{Secret, SecretError};
use super::signature::{KeyError, Keys};
use crate::rules::webhook::{self, Mode};
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What we call ourselves, unless a header of the user's says otherwise.
const AGENT: &str = concat!("hearken/", env!("CARGO_PKG_VERSION"));

/// Headers which are ours, or the connection's, and nobody else's.
const RESERVED: [&str; 12] = [
    "connection",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "accept-encoding",
];

/// And everything which begins like this.
const RESERVED_PREFIXES: [&str; 3] = ["content-", "webhook-", "ce-"];

/// A header of the user's.
#[derive(Clone, Debug)]
pub struct Header {
    name: String,
    value: HeaderText,
}

/// What stands in a header.
#[derive(Clone, Debug)]
enum HeaderText {
    Shown(String),
    Hidden(Secret),
}

/// What a request is made of.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where it goes.
    pub url: &'a str,
    /// What makes the message one and the same over all attempts: the item's key as hex.
    pub id: &'a str,
    /// When it is sent, in seconds since 1970: each attempt has its own.
    pub sent_at: u64,
    /// The item's context: a CloudEvent.
    pub event: &'a Value,
    /// How the event is written.
    pub mode: Mode,
    /// How long everything may take, from the lookup of the name to the end of the answer.
    pub timeout: Duration,
    /// Headers of the user's.
    pub headers: &'a [Header],
    /// What it is signed with; without, it is not signed.
    pub secret: Option<&'a Secret>,
}

/// A POST which is ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
    /// What an answer may repeat and nobody may read.
    pub(super) hidden: Vec<Secret>,
}

impl Header {
    /// A header which may be seen.
    #[must_use]
    pub fn shown(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: HeaderText::Shown(value.into()) }
    }

    /// A header which may not be seen: it is in no error, and blackened where an answer
    /// repeats it.
    #[must_use]
    pub fn hidden(name: impl Into<String>, value: Secret) -> Self {
        Self { name: name.into(), value: HeaderText::Hidden(value) }
    }

    /// The headers of a delivery, with the secrets which they refer to.
    ///
    /// # Errors
    ///
    /// If one of the secrets cannot be read.
    pub async fn read_all(
        headers: &BTreeMap<String, webhook::HeaderValue>,
    ) -> Result<Vec<Self>, SecretError> {
        let mut read = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            read.push(match value {
                webhook::HeaderValue::Text(text) => Self::shown(name, text),
                webhook::HeaderValue::Secret(reference) => Self::hidden(name, Secret::read(reference).await?),
            });
        }
        Ok(read)
    }
}

impl From<SecretError> for DeliveryError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error.to_string())
    }
}

impl From<KeyError> for DeliveryError {
    fn from(error: KeyError) -> Self {
        Self::Secret(error.to_string())
    }
}

impl Request {
    /// Writes and signs a request. Where it may go is judged when it is sent.
    ///
    /// # Errors
    ///
    /// If a header cannot be written or is reserved, the event cannot be written in this
    /// mode, or the secret is no key.
    pub fn new(outgoing: &Outgoing<'_>) -> Result<Self, DeliveryError> {
        let payload = payload(outgoing.mode, outgoing.event)?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let mut hidden = Vec::new();
        for header in outgoing.headers {
            let (name, value) = written(header)?;
            headers.insert(name, value);
            if let HeaderText::Hidden(secret) = &header.value {
                hidden.push(secret.clone());
            }
        }
        own_headers(&mut headers, outgoing, &payload)?;
        headers.extend(payload.attributes);
        Ok(Self {
            url: outgoing.url.to_owned(),
            headers,
            body: payload.bytes,
            timeout: outgoing.timeout,
            hidden,
        })
    }

    /// The headers as they are sent, without `host` and `content-length`.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as it is sent.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Puts in what is always there: what it is, which message, when, and by whom.
fn own_headers(
    headers: &mut HeaderMap,
    outgoing: &Outgoing<'_>,
    payload: &Payload,
) -> Result<(), DeliveryError> {
    let id = HeaderValue::from_str(outgoing.id)
        .map_err(|_| DeliveryError::Unsendable("the key of the item cannot be a header".to_owned()))?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(payload.content_type));
    headers.insert(HeaderName::from_static("webhook-id"), id.clone());
    headers.insert(HeaderName::from_static("idempotency-key"), id);
    headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(outgoing.sent_at));
    if let Some(secret) = outgoing.secret {
        let signature = Keys::parse(secret)?.sign(outgoing.id, outgoing.sent_at, &payload.bytes);
        let value = HeaderValue::from_str(&signature)
            .map_err(|_| DeliveryError::Unsendable("the signature cannot be a header".to_owned()))?;
        headers.insert(HeaderName::from_static("webhook-signature"), value);
    }
    Ok(())
}

fn written(header: &Header) -> Result<(HeaderName, HeaderValue), DeliveryError> {
    let wrong =
        |what: &str| DeliveryError::Unsendable(format!("the header `{}` {what}", header.name.escape_debug()));
    let name =
        HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| wrong("has no name which can be sent"))?;
    // The name of a HeaderName is in lower case, whatever it was made of.
    if is_reserved(name.as_str()) {
        return Err(wrong("is hearken's own and cannot be set"));
    }
    let (text, is_hidden) = match &header.value {
        HeaderText::Shown(text) => (text.as_str(), false),
        HeaderText::Hidden(secret) => (secret.expose(), true),
    };
    let mut value = HeaderValue::from_bytes(text.trim().as_bytes())
        .map_err(|_| wrong("has a value which cannot be sent: there is a control character in it"))?;
    value.set_sensitive(is_hidden);
    Ok((name, value))
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests;
