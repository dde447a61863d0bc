//! Which networks are not called unless they are allowed.
//!
//! After IANA's registries of special-purpose addresses. Of IPv4, what is listed is
//! refused. Of IPv6, only what is given out as global unicast (2000::/3) may be called, and
//! of that not what is listed; so a kind of address which somebody invents later is refused
//! until somebody looks at it. Where an IPv6 address holds one of IPv4, to which a
//! translator on the way passes on, that one is judged.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 which are refused, and what they are called in errors.
const V4: [(Ipv4Net, &str); 17] = [
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by a provider"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([168, 63, 129, 16], 32), "the platform of Azure"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "of protocols"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "relay of 6to4"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// Networks of IPv6 which are refused.
const V6: [(Ipv6Net, &str); 14] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "compatible with IPv4"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local translation to IPv4"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discarded"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "Teredo"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "of protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

/// What is given out as global unicast.
const GLOBAL: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// The well-known prefix of NAT64: the last four bytes are an address of IPv4.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4(octets: [u8; 4], length: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// Why an address is not called: what kind of address it is. Nothing if it may be.
///
/// An address which holds one of IPv4 is also allowed by a network of IPv4.
#[must_use]
pub fn refusal(address: IpAddr, allowed: &[IpNet]) -> Option<&'static str> {
    let judged = judged(address);
    let is_allowed = allowed.iter().any(|net| net.contains(&address) || net.contains(&judged));
    if is_allowed { None } else { kind(judged) }
}

/// The address which is called in the end.
fn judged(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(mapped) = v6.to_ipv4_mapped() {
        return IpAddr::V4(mapped);
    }
    if NAT64.contains(&v6) {
        let [.., a, b, c, d] = v6.octets();
        return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    }
    address
}

fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => V4.iter().find(|(net, _)| net.contains(&v4)).map(|(_, kind)| *kind),
        IpAddr::V6(v6) => {
            let listed = V6.iter().find(|(net, _)| net.contains(&v6)).map(|(_, kind)| *kind);
            let global = if GLOBAL.contains(&v6) { None } else { Some("not global") };
            listed.or(global)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, want: Option<&str>) {
        assert_eq!(refusal(address.parse().unwrap(), &[]), want, "{address}");
    }

    #[track_caller]
    fn check_allowed(address: &str, net: &str, want: Option<&str>) {
        assert_eq!(refusal(address.parse().unwrap(), &[net.parse().unwrap()]), want, "{address}");
    }

    #[test]
    fn public_addresses_are_called() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2003::1",
            "2001:200::1",
            "3ffe::1",
        ] {
            check(address, None);
        }
    }

    #[test]
    fn special_addresses_of_ipv4_are_refused() {
        check("0.0.0.0", Some("this network"));
        check("0.255.255.255", Some("this network"));
        check("10.0.0.0", Some("private"));
        check("10.255.255.255", Some("private"));
        check("100.64.0.0", Some("shared by a provider"));
        check("100.100.100.200", Some("shared by a provider"));
        check("100.127.255.255", Some("shared by a provider"));
        check("127.0.0.1", Some("loopback"));
        check("127.255.255.254", Some("loopback"));
        check("168.63.129.16", Some("the platform of Azure"));
        check("168.63.129.17", None);
        check("169.254.169.254", Some("link-local"));
        check("172.16.0.0", Some("private"));
        check("172.31.255.255", Some("private"));
        check("192.0.0.192", Some("of protocols"));
        check("192.0.2.1", Some("documentation"));
        check("192.88.99.1", Some("relay of 6to4"));
        check("192.168.255.255", Some("private"));
        check("198.18.0.0", Some("benchmarking"));
        check("198.19.255.255", Some("benchmarking"));
        check("198.51.100.1", Some("documentation"));
        check("203.0.113.1", Some("documentation"));
        check("224.0.0.1", Some("multicast"));
        check("239.255.255.255", Some("multicast"));
        check("240.0.0.1", Some("reserved"));
        check("255.255.255.255", Some("broadcast"));
    }

    #[test]
    fn special_addresses_of_ipv6_are_refused() {
        check("::", Some("unspecified"));
        check("::1", Some("loopback"));
        check("::8.8.8.8", Some("compatible with IPv4"));
        check("64:ff9b:1::8.8.8.8", Some("local translation to IPv4"));
        check("100::1", Some("discarded"));
        check("2001::1", Some("Teredo"));
        check("2001:2::1", Some("of protocols"));
        check("2001:10::1", Some("of protocols"));
        check("2001:db8::1", Some("documentation"));
        check("2002:0808:0808::1", Some("6to4"));
        check("3fff::1", Some("documentation"));
        check("fc00::1", Some("private"));
        check("fd00:ec2::254", Some("private"));
        check("fe80::1", Some("link-local"));
        check("febf::1", Some("link-local"));
        check("fec0::1", Some("site-local"));
        check("ff02::1", Some("multicast"));
        check("4000::1", Some("not global"));
        check("1::1", Some("not global"));
        check("::ffff:0:8.8.8.8", Some("not global"));
    }

    #[test]
    fn an_address_inside_an_address_is_judged() {
        check("::ffff:8.8.8.8", None);
        check("::ffff:127.0.0.1", Some("loopback"));
        check("::ffff:169.254.169.254", Some("link-local"));
        check("::ffff:a9fe:a9fe", Some("link-local"));
        check("64:ff9b::8.8.8.8", None);
        check("64:ff9b::10.0.0.1", Some("private"));
        check("64:ff9b::169.254.169.254", Some("link-local"));
    }

    #[test]
    fn what_is_allowed_is_called_and_no_more() {
        check_allowed("10.1.2.3", "10.1.2.0/24", None);
        check_allowed("10.1.3.3", "10.1.2.0/24", Some("private"));
        check_allowed("::ffff:10.1.2.3", "10.1.2.0/24", None);
        check_allowed("64:ff9b::10.1.2.3", "10.1.2.0/24", None);
        check_allowed("127.0.0.1", "127.0.0.1/32", None);
        check_allowed("127.0.0.2", "127.0.0.1/32", Some("loopback"));
        check_allowed("::1", "127.0.0.0/8", Some("loopback"));
        check_allowed("::1", "::1/128", None);
        check_allowed("fd00::5", "fd00::/8", None);
    }
}
