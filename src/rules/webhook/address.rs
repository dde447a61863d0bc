//! Addresses of endpoints: what is absolute, and hides nothing.
//!
//! Readers of addresses differ in what they make of odd ones, and whoever can make two
//! of them disagree about the host gets a request where it should not go. So an address
//! has plain characters only, no name or password, and a host which is told in one way.

/// The longest address, in bytes: what servers and proxies commonly take.
pub const ADDRESS_BYTES_MAX: usize = 2048;

/// An absolute address of HTTP, in parts of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// How it is called.
    pub scheme: Scheme,
    /// The host: a name, an address of IPv4, or one of IPv6 in brackets.
    pub host: &'a str,
    /// The port, if it is not the scheme's own.
    pub port: Option<u16>,
    /// Path and query, which begin with `/` or `?`, or are empty.
    pub path: &'a str,
}

/// How an address is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// Why a text is no such address. Says nothing of the text itself, which may be an
/// event's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has no scheme of HTTP.
    #[error("it does not begin with `https://` or `http://`")]
    Relative,
    /// It is longer than [`ADDRESS_BYTES_MAX`].
    #[error("it has more than {ADDRESS_BYTES_MAX} bytes")]
    TooLong,
    /// It has a character which must be encoded.
    #[error("it has a character which must be percent-encoded, in a template by the filter `urlencode`")]
    Character,
    /// It has a part behind `#`.
    #[error("it has a `#`, and what is behind it is never sent")]
    Fragment,
    /// It has a name, or a password, before the host.
    #[error("it has a name or a password before its host")]
    Userinfo,
    /// It has no host, or none which can be told.
    #[error("it has no host, or one which cannot be read")]
    Host,
    /// Its port is none.
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

impl<'a> Address<'a> {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// Says which rule the text breaks.
    pub fn parse(text: &'a str) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        let (scheme, rest) = scheme(text).ok_or(AddressError::Relative)?;
        if rest.contains('#') {
            return Err(AddressError::Fragment);
        }
        if !rest.bytes().all(is_plain) {
            return Err(AddressError::Character);
        }
        let (authority, path) = rest.split_at(authority_end(rest).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(AddressError::Userinfo);
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Self { scheme, host, port, path })
    }

    /// Host and port as they are written.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_owned(),
        }
    }
}

/// The scheme with which the text begins, and what is behind `://`.
#[must_use]
pub fn scheme(text: &str) -> Option<(Scheme, &str)> {
    let (name, rest) = text.split_once("://")?;
    match name {
        name if name.eq_ignore_ascii_case("https") => Some((Scheme::Https, rest)),
        name if name.eq_ignore_ascii_case("http") => Some((Scheme::Http, rest)),
        _ => None,
    }
}

/// Where host and port end in what is behind `://`; nowhere, if nothing follows them.
#[must_use]
pub fn authority_end(rest: &str) -> Option<usize> {
    rest.find(['/', '?'])
}

/// Whether a byte may stand in an address as it is. Those which RFC 3986 forbids are
/// not, but for brackets, which many queries have; nor is a backslash, which some take
/// for a slash.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), AddressError> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, rest)) => {
            let known = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            if !inside.contains(':') || !inside.bytes().all(known) {
                return Err(AddressError::Host);
            }
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or(AddressError::Host)?),
            };
            (&authority[..authority.len() - rest.len()], port)
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if host.is_empty() || host.starts_with('.') || !host.bytes().all(known) {
                return Err(AddressError::Host);
            }
            (host, port)
        }
    };
    let number = |port: &str| {
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        port.parse::<u16>().ok().filter(|port| digits && *port > 0).ok_or(AddressError::Port)
    };
    Ok((host, port.map(number).transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_path() {
        check("https://example.org", Scheme::Https, "example.org", None, "");
        check("HTTP://localhost:8080/a?b=c&d[]=%20", Scheme::Http, "localhost", Some(8080), "/a?b=c&d[]=%20");
        check("https://10.0.0.1?x", Scheme::Https, "10.0.0.1", None, "?x");
        check("https://[::1]:443/a@b:c", Scheme::Https, "[::1]", Some(443), "/a@b:c");
        check("https://[::ffff:10.0.0.1]", Scheme::Https, "[::ffff:10.0.0.1]", None, "");
        assert_eq!(Address::parse("http://h:81/x").map(|address| address.authority()), Ok("h:81".to_owned()));
        assert_eq!(Address::parse("http://h/x").map(|address| address.authority()), Ok("h".to_owned()));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_none() {
        for (text, want) in [
            ("", AddressError::Relative),
            ("/hook", AddressError::Relative),
            ("example.org/hook", AddressError::Relative),
            ("ftp://example.org", AddressError::Relative),
            ("https:/example.org", AddressError::Relative),
            ("https://", AddressError::Host),
            ("https:///hook", AddressError::Host),
            ("https://:80/", AddressError::Host),
            ("https://.example.org/", AddressError::Host),
            ("https://exa%6dple.org/", AddressError::Host),
            ("https://[::1", AddressError::Host),
            ("https://[::1]x/", AddressError::Host),
            ("https://[1]/", AddressError::Host),
            ("https://a:b:c/", AddressError::Port),
            ("https://a:/", AddressError::Port),
            ("https://a:0/", AddressError::Port),
            ("https://a:+80/", AddressError::Port),
            ("https://a:65536/", AddressError::Port),
            ("https://name:secret@example.org/", AddressError::Userinfo),
            ("https://example.org#@other.org/", AddressError::Fragment),
            ("https://example.org\\@other.org/", AddressError::Character),
            ("https://example.org/a b", AddressError::Character),
            ("https://example.org/a\nb", AddressError::Character),
            ("https://exämple.org/", AddressError::Character),
        ] {
            assert_eq!(Address::parse(text), Err(want), "{text:?}");
        }
        let long = format!("https://example.org/{}", "x".repeat(ADDRESS_BYTES_MAX));
        assert_eq!(Address::parse(&long), Err(AddressError::TooLong));
    }

    #[track_caller]
    fn check(text: &str, scheme: Scheme, host: &str, port: Option<u16>, path: &str) {
        assert_eq!(Address::parse(text), Ok(Address { scheme, host, port, path }), "{text}");
    }
}
