//! Tests of what follows from an answer.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// 1994-11-06 08:49:37 UTC, the moment of RFC 9110's examples.
const MOMENT: Duration = Duration::from_secs(784_111_777);

fn status(status: u16, body: &str) -> DeliveryError {
    DeliveryError::Status { status, location: None, body: body.to_owned() }
}

fn outcome(error: Option<DeliveryError>, retry_after: Option<Duration>) -> Outcome {
    Outcome { status: None, duration: Duration::ZERO, body: String::new(), error, retry_after }
}

#[track_caller]
fn check_status(code: u16, want: Again, fault: Fault) {
    let error = status(code, "");
    assert_eq!((error.again(), error.fault()), (want, fault), "{code}");
}

#[track_caller]
fn check_text(error: &DeliveryError, want: &str) {
    assert_eq!(error.to_string(), want);
}

#[track_caller]
fn check_retry_after(header: &str, want: Option<u64>) {
    let now = SystemTime::UNIX_EPOCH + MOMENT;
    assert_eq!(retry_after(header, now), want.map(Duration::from_secs), "{header}");
}

#[test]
fn only_statuses_of_the_two_hundreds_are_success() {
    for (code, want) in [(199, false), (200, true), (204, true), (299, true), (300, false), (500, false)] {
        assert_eq!(is_delivered(code), want, "{code}");
    }
}

#[test]
fn what_passes_is_tried_again_and_what_stays_is_not() {
    for code in [408, 425, 429, 500, 501, 502, 503, 504, 599, 101] {
        check_status(code, Again::Yes, Fault::Endpoint);
    }
    for code in [300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 410, 413, 422, 499, 600, 999] {
        check_status(code, Again::No, Fault::Request);
    }
}

#[test]
fn trouble_of_the_network_is_tried_again() {
    let (host, why) = ("h".to_owned(), "w".to_owned());
    let errors = [
        DeliveryError::Lookup { host: host.clone(), why: why.clone() },
        DeliveryError::Connect { host: host.clone(), why: why.clone() },
        DeliveryError::Tls { host, why },
        DeliveryError::Timeout(Duration::from_secs(1)),
        DeliveryError::Broken(String::new()),
    ];
    for error in errors {
        assert_eq!((error.again(), error.fault()), (Again::Yes, Fault::Endpoint), "{error:?}");
    }
}

#[test]
fn our_own_trouble_does_not_speak_against_the_endpoint() {
    let forbidden = DeliveryError::Forbidden { host: String::new(), addresses: vec![] };
    let plain = DeliveryError::PlainHttp { host: String::new() };
    for error in [forbidden, plain, DeliveryError::Unsendable(String::new())] {
        assert_eq!((error.again(), error.fault()), (Again::No, Fault::Ours), "{error:?}");
    }
    let secret = DeliveryError::Secret(String::new());
    assert_eq!((secret.again(), secret.fault()), (Again::Yes, Fault::Ours));
}

#[test]
fn the_verdict_follows_from_the_error() {
    let wait = Some(Duration::from_secs(7));
    assert_eq!(outcome(None, None).verdict(), Verdict::Delivered);
    assert_eq!(outcome(Some(status(503, "")), wait).verdict(), Verdict::Retry(wait));
    assert_eq!(outcome(Some(status(503, "")), None).verdict(), Verdict::Retry(None));
    assert_eq!(outcome(Some(status(404, "")), wait).verdict(), Verdict::Never);
}

#[test]
fn retry_after_is_read_as_seconds() {
    check_retry_after("0", Some(0));
    check_retry_after("120", Some(120));
    check_retry_after(" 120 ", Some(120));
    check_retry_after("86400", Some(86_400));
    check_retry_after("86401", Some(86_400));
    check_retry_after("99999999999999999999999999", Some(86_400));
}

#[test]
fn retry_after_is_read_as_a_date() {
    check_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
    check_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", Some(60));
    check_retry_after("Sun Nov  6 08:50:37 1994", Some(60));
    check_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
    check_retry_after("Sat, 05 Nov 1994 08:49:37 GMT", Some(0));
    check_retry_after("Sat, 06 Nov 2094 08:49:37 GMT", Some(86_400));
}

#[test]
fn a_retry_after_which_cannot_be_read_is_none() {
    for header in ["", "soon", "-5", "1.5", "5s", "Sun, 31 Feb 1994 08:50:37 GMT"] {
        check_retry_after(header, None);
    }
}

#[test]
fn errors_are_for_people() {
    check_text(&status(503, ""), "answered 503 Service Unavailable");
    check_text(&status(503, " down\r\n for\tnow \0"), "answered 503 Service Unavailable: down for now");
    check_text(&status(799, "no"), "answered 799: no");
    check_text(&status(410, ""), "answered 410 Gone, so it wants no more of these");
    let redirect = DeliveryError::Status {
        status: 302,
        location: Some("http://169.254.169.254/latest?token=hidden".to_owned()),
        body: String::new(),
    };
    check_text(
        &redirect,
        "answered 302 Found with a redirect to `http://169.254.169.254/latest`, which is not followed",
    );
    check_text(&DeliveryError::Timeout(Duration::from_secs(15)), "did not answer within 15 s");
    check_text(&DeliveryError::Timeout(Duration::from_millis(1500)), "did not answer within 1500 ms");
}

#[test]
fn forbidden_addresses_are_listed() {
    let private = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5)), "private");
    let loopback = (IpAddr::V6(Ipv6Addr::LOCALHOST), "loopback");
    let error = DeliveryError::Forbidden { host: "a.example".to_owned(), addresses: vec![private, loopback] };
    check_text(
        &error,
        "`a.example` has only addresses which are not called (10.0.0.5, private, ::1, loopback); \
         if that is meant, allow them under `[webhooks] allow_private`",
    );
    let many = DeliveryError::Forbidden { host: "a.example".to_owned(), addresses: vec![private; 5] };
    assert!(many.to_string().contains("private, …)"), "{many}");
}

#[test]
fn long_answers_are_cut() {
    let text = status(500, &"ü".repeat(1000)).to_string();
    assert_eq!(text, format!("answered 500 Internal Server Error: {}…", "ü".repeat(200)));
    let text = status(500, &"ab ".repeat(100_000)).to_string();
    assert_eq!(text.chars().count(), "answered 500 Internal Server Error: ".len() + 201);
}

#[test]
fn what_is_kept_of_a_body_is_text_which_can_be_stored() {
    assert_eq!(readable(b"fine"), "fine");
    assert_eq!(readable(b"a\0b"), "a\u{fffd}b");
    assert_eq!(readable(b"a\xffb"), "a\u{fffd}b");
    // The first byte of a character which was cut off.
    assert_eq!(readable(b"a\xc3"), "a");
}
