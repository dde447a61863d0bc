//! Any text as what people and endpoints write for webhooks: an address, a secret, a
//! `Retry-After`, a body. Of an address which is accepted, the reader of the URL standard
//! must read the same host and port: whoever makes two readers disagree about the host
//! gets a request where it should not go.
#![no_main]

use hearken::webhook::address::{Destination, Policy};
use hearken::webhook::answer::{readable, retry_after};
use hearken::webhook::secret::Secret;
use hearken::webhook::signature::Keys;
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};
use url::Url;

static POLICY: LazyLock<Policy> =
    LazyLock::new(|| Policy::new(&[], Vec::new()).expect("a policy which allows nothing more"));

fuzz_target!(|bytes: &[u8]| {
    assert!(!readable(bytes).contains('\0'));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    address(text);
    // So that more of them get so far as to have a host.
    address(&format!("https://{text}"));
    if let Some(wait) = retry_after(text, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)) {
        assert!(wait <= Duration::from_secs(24 * 3600));
    }
    if let Ok(keys) = Keys::parse(&Secret::new(text)) {
        let signature = keys.sign("id", 1, bytes);
        assert!(signature.split(' ').all(|one| one.starts_with("v1,") && one.len() == 47), "{signature}");
    }
});

/// What we accept leads where others think it does.
fn address(text: &str) {
    let Ok(destination) = Destination::parse(text, &POLICY) else { return };
    let uri = destination.uri();
    let ours = uri.host().expect("a host");
    // It may be stricter: about labels of IDNA, say.
    let Ok(theirs) = Url::parse(text) else { return };
    assert_eq!((theirs.username(), theirs.password()), ("", None), "{text:?}");
    assert_eq!(theirs.scheme(), "https", "{text:?}");
    assert_eq!(uri.port_u16().unwrap_or(443), theirs.port_or_known_default().expect("a port"), "{text:?}");
    let their_host = theirs.host_str().expect("a host");
    let plain = |host: &str| host.trim_matches(['[', ']']).trim_end_matches('.').to_owned();
    let ip = |host: &str| plain(host).parse::<IpAddr>().ok();
    assert_eq!(ip(ours), ip(their_host), "{text:?}: {ours:?} and {their_host:?}");
    if ip(ours).is_none() {
        assert_eq!(plain(ours), plain(their_host), "{text:?}");
    }
    assert!(theirs.fragment().is_none(), "{text:?}");
}
