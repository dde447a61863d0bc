//! Tests of what may be called.

use super::*;

fn policy(allow_http: &[&str]) -> Policy {
    let hosts: Vec<String> = allow_http.iter().map(|text| (*text).to_owned()).collect();
    Policy::new(&hosts, Vec::new()).unwrap()
}

/// Reads a URL where everything may be called without TLS which these say.
#[track_caller]
fn check(url: &str, allow_http: &[&str], want: &str) {
    let destination = Destination::parse(url, &policy(allow_http)).unwrap();
    assert_eq!(destination.uri().to_string(), want);
}

#[track_caller]
fn check_refused(url: &str, allow_http: &[&str], part: &str) {
    let error = Destination::parse(url, &policy(allow_http)).unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
}

#[track_caller]
fn check_addresses(addresses: &[&str], want: Result<&[&str], &str>) {
    let parse = |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
    match (policy(&[]).allowed("a.example", &parse(addresses)), want) {
        (Ok(allowed), Ok(want)) => assert_eq!(allowed, parse(want)),
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
        (found, want) => panic!("{found:?} is not {want:?}"),
    }
}

#[test]
fn urls_with_tls_are_called_at_any_port() {
    check("https://example.org", &[], "https://example.org/");
    check("https://example.org?a", &[], "https://example.org/?a");
    check("https://example.org:8443/a/b?c=d&e[]=%20", &[], "https://example.org:8443/a/b?c=d&e[]=%20");
    check("HTTPS://EXAMPLE.org./A", &[], "https://example.org/A");
    check("https://a_b.example/", &[], "https://a_b.example/");
    check("https://8.8.8.8/", &[], "https://8.8.8.8/");
    check("https://[2606:4700::1]:8443/", &[], "https://[2606:4700::1]:8443/");
    check("https://[0:0:0:0:0:0:0:1]/", &[], "https://[::1]/");
    check("https://[::ffff:127.0.0.1]/", &[], "https://[::ffff:127.0.0.1]/");
    check("https://4.example/", &[], "https://4.example/");
    check("https://0xyz/", &[], "https://0xyz/");
}

#[test]
fn what_is_no_webhook_is_refused() {
    let parts = "its URL is not called: ";
    for url in [
        "",
        "/hook",
        "https://",
        "https://a b/",
        "https://example.org:99999/",
        "https://example.org/#a",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "https://ann:hidden@example.org/",
        "https://ann@example.org/",
        "https://example.org\\@127.0.0.1/",
        "https://./",
        "https://[::1::]/",
    ] {
        check_refused(url, &[], parts);
    }
}

#[test]
fn errors_do_not_repeat_passwords() {
    for url in ["https://ann:hidden@example.org/", "https://ann:hidden@example.org:99999/"] {
        let error = Destination::parse(url, &Policy::default()).unwrap_err();
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}

/// The C library takes all of these for addresses.
#[test]
fn addresses_in_odd_spellings_are_not_called() {
    for host in [
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f.0x1",
        "0177.0.0.1",
        "127.0.0.01",
        "0x7f000001",
        "0x",
        "1.2.3.4.5",
    ] {
        let part = "looks like an address and is none in plain spelling";
        check_refused(&format!("https://{host}/"), &[], part);
        check_refused(&format!("https://{host}./"), &[], part);
    }
    check("https://127.0.0.1./", &[], "https://127.0.0.1/");
}

#[test]
fn without_tls_only_allowed_hosts_are_called() {
    check_refused("http://example.org/", &[], "`example.org` would be called without TLS");
    check_refused("http://example.org:8080/", &["example.org:80"], "`example.org:8080`");
    check_refused("http://sub.example.org/", &["example.org"], "without TLS");
    check_refused("http://127.0.0.1/", &["localhost"], "without TLS");
    check("http://example.org/", &["example.org"], "http://example.org/");
    check("http://example.org:8080/", &["example.org"], "http://example.org:8080/");
    check("http://example.org/", &["example.org:80"], "http://example.org/");
    check("http://Example.org.:8080/", &["EXAMPLE.org:8080"], "http://example.org:8080/");
    check("http://127.0.0.1:8080/", &["127.0.0.1:8080"], "http://127.0.0.1:8080/");
    check("http://[::1]:8080/", &["a", "[0::1]:8080"], "http://[::1]:8080/");
    check("http://[::1]:8080/", &["[::1]"], "http://[::1]:8080/");
}

#[test]
fn what_is_no_host_is_not_allowed() {
    for text in
        ["", "a b", "a:b", "a:99999", "a:", "http://a", "a/", "a/b", "a?b", "::1", "[::1", "ann@a", "127.1"]
    {
        let error = Policy::new(&[text.to_owned()], Vec::new()).unwrap_err();
        assert_eq!(error, NoHost(text.to_owned()), "{text}");
    }
}

#[test]
fn only_allowed_addresses_of_a_name_are_called() {
    check_addresses(&["8.8.8.8", "10.0.0.5", "1.1.1.1"], Ok(&["8.8.8.8", "1.1.1.1"]));
    check_addresses(&["10.0.0.5", "::1"], Err("`a.example` has only addresses which are not called"));
    check_addresses(&["10.0.0.5"], Err("10.0.0.5, private"));
    check_addresses(&[], Err("no addresses"));
}
