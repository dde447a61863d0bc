//! Where a request may go.
//!
//! The addresses of webhooks come from people, from tables and, where they are templates,
//! from events. So each of them might be an attempt to make this process, which stands
//! inside the network, call what is not meant to be called from outside: the metadata of
//! the cloud, an administration page on localhost, a database (SSRF). Against that:
//!
//! - **There is one reading of a URL**, [`Address`], for `hearken check` and here. It takes
//!   no URL which two parsers might read differently, and what is called is made of its
//!   parts, not of the text. Of addresses it knows the plain spelling only: `127.1`,
//!   `2130706433` and `0x7f.1` are neither names nor addresses.
//! - **TLS**, unless the host is allowed without it.
//! - **Names are judged by their addresses** ([`network`]), each time a connection is made,
//!   and the connection goes to the very address which was judged. There is no second
//!   lookup which could say something else (DNS rebinding).
//! - **No proxy.** `HTTPS_PROXY` is not heeded: a proxy would look names up itself, behind
//!   all of this.
//!
//! A name with several addresses is called at those which are allowed; only if there is
//! none it is refused. To refuse the name for one bad address would help nobody, since the
//! bad one is not called anyway.

pub mod network;

use super::answer::DeliveryError;
use crate::rules::webhook::address::{Address, Scheme};
use hyper::Uri;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What may be called besides public addresses by TLS.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    allow_http: Vec<AllowedHost>,
    allow_private: Vec<IpNet>,
}

/// A host which may be called without TLS, at one port or at all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowedHost {
    host: String,
    port: Option<u16>,
}

/// An entry of `allow_http` which is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` in `[webhooks] allow_http` is no host; write `localhost`, `localhost:8080` or `[::1]:8080`")]
pub struct NoHost(String);

/// A URL which may be called, as far as it says itself where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    uri: Uri,
}

impl Policy {
    /// A policy which allows more than nothing.
    ///
    /// # Errors
    ///
    /// If an entry of `allow_http` is no host.
    pub fn new(allow_http: &[String], allow_private: Vec<IpNet>) -> Result<Self, NoHost> {
        let allow_http = allow_http.iter().map(|text| AllowedHost::parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { allow_http, allow_private })
    }

    /// Those of the addresses which may be called, in their order.
    ///
    /// # Errors
    ///
    /// If there is none among them.
    pub fn allowed(&self, host: &str, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, DeliveryError> {
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for address in addresses {
            match network::refusal(*address, &self.allow_private) {
                None => good.push(*address),
                Some(kind) => bad.push((*address, kind)),
            }
        }
        let host = host.to_owned();
        match (good.is_empty(), bad.is_empty()) {
            (false, _) => Ok(good),
            (true, false) => Err(DeliveryError::Forbidden { host, addresses: bad }),
            (true, true) => Err(DeliveryError::Lookup { host, why: "it has no addresses".to_owned() }),
        }
    }

    fn allows_http(&self, host: &str, port: Option<u16>) -> bool {
        let port = port.unwrap_or(80);
        self.allow_http
            .iter()
            .any(|allowed| allowed.host == host && allowed.port.is_none_or(|allowed| allowed == port))
    }
}

impl AllowedHost {
    fn parse(text: &str) -> Result<Self, NoHost> {
        let wrong = || NoHost(text.to_owned());
        let url = format!("http://{text}");
        let address = Address::parse(&url).map_err(|_| wrong())?;
        let host = canonical(address.host).ok_or_else(wrong)?;
        if address.path.is_empty() { Ok(Self { host, port: address.port }) } else { Err(wrong()) }
    }
}

impl Destination {
    /// Reads a URL, and refuses what need not be looked up to be refused.
    ///
    /// # Errors
    ///
    /// If it is no URL of http or https which can be read in one way only, or if it is http
    /// and the host is not allowed without TLS.
    pub fn parse(text: &str, policy: &Policy) -> Result<Self, DeliveryError> {
        let unsendable = |why: &str| DeliveryError::Unsendable(format!("its URL is not called: {why}"));
        let address = Address::parse(text).map_err(|error| unsendable(&error.to_string()))?;
        let host = canonical(address.host)
            .ok_or_else(|| unsendable("its host looks like an address and is none in plain spelling"))?;
        let scheme = match address.scheme {
            Scheme::Https => "https",
            Scheme::Http if policy.allows_http(&host, address.port) => "http",
            Scheme::Http => return Err(DeliveryError::PlainHttp { host: address.authority() }),
        };
        let authority = match address.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        };
        let slash = if address.path.starts_with('/') { "" } else { "/" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(format!("{slash}{}", address.path))
            .build()
            .map_err(|error| unsendable(&error.to_string()))?;
        Ok(Self { uri })
    }

    /// What is requested. Host and port are those which were judged.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

/// A host in the one spelling which is compared: names in lower case and without the dot at
/// their end, addresses as they are commonly written. Nothing if it is neither.
fn canonical(host: &str) -> Option<String> {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if name.is_empty() {
        return None;
    }
    // A name whose last part is a number is no name: resolvers take it for an address, and
    // for another one than we might.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    if is_number { name.parse::<Ipv4Addr>().ok().map(|address| address.to_string()) } else { Some(name) }
}

#[cfg(test)]
mod tests;
