//! Ranges of addresses, as RFC 4632 and RFC 4291, section 2.3, write them.

use core::net::IpAddr;
use ipnet::IpNet;

/// A range of IPv4 or IPv6 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is neither an address nor one with a length.
    #[error("this is no range of addresses such as `10.0.0.0/8` or `2001:db8::/32`")]
    Unreadable,
    /// The address has bits beyond the length.
    #[error("this address is inside its range; the range is written `{0}`")]
    HostBits(IpNet),
}

impl Network {
    /// Reads a range; an address without a length is a range of one.
    ///
    /// # Errors
    ///
    /// If it is no range, or one with bits set beyond its length.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }
        let network = text.parse::<IpNet>().map_err(|_| NetworkError::Unreadable)?;
        match network.trunc() {
            whole if whole == network => Ok(Self(network)),
            whole => Err(NetworkError::HostBits(whole)),
        }
    }

    /// Whether the address is in the range. An IPv4 address is in no range of
    /// IPv6, however it is written.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// The least address of the range.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        self.0.network()
    }

    /// The greatest address of the range.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        self.0.broadcast()
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_their_ranges() {
        check("10.0.0.0/8", &["10.0.0.0", "10.255.255.255"], &["11.0.0.0", "::ffff:10.0.0.1"]);
        check("2001:db8::/32", &["2001:db8::1", "2001:0DB8:ffff::"], &["2001:db9::", "10.0.0.1"]);
        check("192.0.2.7", &["192.0.2.7"], &["192.0.2.8"]);
        check("0.0.0.0/0", &["203.0.113.1"], &["::1"]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["10.0.0/8", "10.0.0.0/33", "x", "", "10.0.0.0/", "2001:db8::/129"] {
            assert_eq!(Network::parse(text), Err(NetworkError::Unreadable), "{text}");
        }
        let error = Network::parse("10.0.0.1/8").unwrap_err();
        assert_eq!(error.to_string(), "this address is inside its range; the range is written `10.0.0.0/8`");
    }

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network = Network::parse(network).unwrap();
        inside.iter().for_each(|text| assert!(network.contains(text.parse().unwrap()), "{network} {text}"));
        outside.iter().for_each(|text| assert!(!network.contains(text.parse().unwrap()), "{network} {text}"));
    }
}
