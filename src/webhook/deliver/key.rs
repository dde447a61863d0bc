//! By what name an endpoint is known: in memory, in `hearken.endpoints`, in the log.
//!
//! `hearken.endpoint_of()` makes the same of what stands in an item; a test holds the
//! two against each other.

use crate::rules::name::EndpointName;
use crate::rules::webhook::Target;
use std::sync::Arc;

/// The key of a target: `NAME:ID` for a row of a table, `scheme://host:port` for an
/// address. Of a text which is no address the whole of it: nothing is sent there.
pub fn key_of(target: &Target) -> Arc<str> {
    match target {
        Target::Endpoint { name, id } => of_row(name, id),
        Target::Url(url) => origin(url).map_or_else(|| url.as_str().into(), Into::into),
    }
}

fn of_row(name: &EndpointName, id: &str) -> Arc<str> {
    format!("{name}:{id}").into()
}

/// Scheme, host and port, those of ASCII in small letters, without the port which goes without saying.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.is_empty() || scheme.contains([':', '/', '?', '#']) {
        return None;
    }
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let origin = format!("{scheme}://{}", &rest[..end]).to_ascii_lowercase();
    let plain = match () {
        () if origin.starts_with("https://") => origin.strip_suffix(":443"),
        () if origin.starts_with("http://") => origin.strip_suffix(":80"),
        () => None,
    };
    Some(plain.map(str::to_owned).unwrap_or(origin))
}

/// An address without what may be secret in it: the query, and all behind it; and a name
/// or a password before the host, which are refused, but not before they are logged.
pub fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else { return plain.to_owned() };
    let end = rest.find(['/', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_server_are_one_endpoint() {
        check("HTTPS://Example.org:443/hook?x=1", "https://example.org");
        check("http://localhost:80", "http://localhost");
        check("http://localhost:8080/x", "http://localhost:8080");
        check("https://[::1]:80?x", "https://[::1]:80");
        check("http://h:443/", "http://h:443");
        check("https://a\\b", "https://a");
        check("nonsense", "nonsense");
        check("://x", "://x");
    }

    #[test]
    fn rows_are_endpoints_of_their_own() {
        let name = EndpointName::parse("plugins").expect("a name");
        let target = Target::Endpoint { name, id: "7".to_owned() };
        assert_eq!(&*key_of(&target), "plugins:7");
    }

    #[test]
    fn a_query_is_not_shown() {
        assert_eq!(shown("https://example.org/hook?token=1#x"), "https://example.org/hook");
        assert_eq!(shown("https://example.org"), "https://example.org");
        assert_eq!(shown("nonsense?x"), "nonsense");
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("https://name:secret@example.org/a@b?x"), "https://example.org/a@b");
        assert_eq!(shown("https://name:se@cret@example.org"), "https://example.org");
        assert_eq!(shown("https://example.org/a@b"), "https://example.org/a@b");
    }

    #[track_caller]
    fn check(url: &str, want: &str) {
        assert_eq!(&*key_of(&Target::Url(url.to_owned())), want);
    }
}
