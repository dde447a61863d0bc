//! `cidr`: a range of addresses.

use super::{Matcher, TextTest, text};
use crate::rules::eventbridge::json::Node;
use crate::rules::problem::Problem;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Reads a range. EventBridge passes over the bits of the address beyond the
/// length; our ranges are written without them.
pub(super) fn read(node: &Node) -> Result<Matcher, Problem> {
    let text = text(node, "cidr")?;
    match network(&text) {
        Some(network) => Ok(Matcher::Text(TextTest::Cidr, network.trunc().to_string())),
        None => {
            let problem = Problem::error(node.span.clone(), "`cidr` takes a range of addresses");
            let help = "write `10.0.0.0/24` or `2001:db8::/32`, with at most 31 or 127 bits; EventBridge \
                        takes a single address as plain text";
            Err(problem.label("not a range").help(help))
        }
    }
}

fn network(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let length = length.parse::<u8>().ok()?;
    if !address.contains(':') {
        return v4(&dotted(address)?, length);
    }
    if !address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') {
        return None;
    }
    let network = format!("{address}/{length}").parse::<Ipv6Net>().ok()?;
    match network.addr().to_ipv4_mapped() {
        Some(address) => v4(&address.to_string(), length),
        None => (length < 128).then_some(IpNet::V6(network)),
    }
}

fn v4(address: &str, length: u8) -> Option<IpNet> {
    let network = format!("{address}/{length}").parse::<Ipv4Net>().ok()?;
    (length < 32).then_some(IpNet::V4(network))
}

/// The address with its parts read as decimals, also where they begin with zeros.
fn dotted(address: &str) -> Option<String> {
    let part = |part: &str| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u8>().ok().filter(|_| digits).map(|number| number.to_string())
    };
    let parts = address.split('.').map(part).collect::<Option<Vec<_>>>()?;
    (parts.len() == 4).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_eventbridge() {
        check("10.0.0.0/24", Some("10.0.0.0/24"));
        check("10.0.0.77/24", Some("10.0.0.0/24"));
        check("010.000.0.1/8", Some("10.0.0.0/8"));
        check("0.0.0.0/0", Some("0.0.0.0/0"));
        check("2001:0DB8:0:0:0:0:0:1/32", Some("2001:db8::/32"));
        check("::ffff:a00:1/8", Some("10.0.0.0/8"));
        let bad =
            ["10.0.0.1/32", "::1/128", "10.0.0.1", "10.0.0/8", "10.0.0.0/", "x/8", "::ffff:10.0.0.1/8", "/8"];
        bad.into_iter().for_each(|text| check(text, None));
    }

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let got = network(text).map(|network| network.trunc().to_string());
        assert_eq!(got.as_deref(), want, "{text}");
    }
}
