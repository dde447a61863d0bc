//! Tests of requests before they are sent.

use super::*;
use crate::rules::webhook::SecretRef;
use serde_json::json;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn outgoing<'a>(event: &'a Value, headers: &'a [Header], secret: Option<&'a Secret>) -> Outgoing<'a> {
    Outgoing {
        url: "https://example.org/hook",
        id: "0a0b",
        sent_at: 1_614_265_330,
        event,
        mode: Mode::Structured,
        timeout: Duration::from_secs(15),
        headers,
        secret,
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap())
}

#[track_caller]
fn check_refused(header: Header, part: &str) {
    let error = Request::new(&outgoing(&json!({}), &[header], None)).unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
    assert!(!error.contains("hidden"), "{error}");
}

#[test]
fn a_request_says_what_it_is_and_which_message() {
    let event = json!({ "id": "e1", "data": { "a": 1 } });
    let request = Request::new(&outgoing(&event, &[], None)).unwrap();
    assert_eq!(header(&request, "content-type"), Some("application/cloudevents+json; charset=utf-8"));
    assert_eq!(header(&request, "webhook-id"), Some("0a0b"));
    assert_eq!(header(&request, "idempotency-key"), Some("0a0b"));
    assert_eq!(header(&request, "webhook-timestamp"), Some("1614265330"));
    assert_eq!(header(&request, "user-agent"), Some(concat!("hearken/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(header(&request, "webhook-signature"), None);
    assert_eq!(request.body().as_ref(), br#"{"id":"e1","data":{"a":1}}"#);
}

#[test]
fn what_is_signed_are_the_bytes_which_are_sent() {
    let (event, secret) = (json!({ "id": "e1", "data": "ü" }), Secret::new(SECRET));
    for mode in [Mode::Structured, Mode::Binary] {
        let outgoing = Outgoing { mode, ..outgoing(&event, &[], Some(&secret)) };
        let request = Request::new(&outgoing).unwrap();
        let want = Keys::parse(&secret).unwrap().sign("0a0b", 1_614_265_330, request.body());
        assert_eq!(header(&request, "webhook-signature"), Some(want.as_str()));
    }
}

#[test]
fn in_binary_mode_the_attributes_are_headers() {
    let event = json!({ "id": "e1", "data": { "a": 1 } });
    let outgoing = Outgoing { mode: Mode::Binary, ..outgoing(&event, &[], None) };
    let request = Request::new(&outgoing).unwrap();
    assert_eq!(header(&request, "ce-id"), Some("e1"));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(request.body().as_ref(), br#"{"a":1}"#);
}

#[test]
fn headers_of_the_users_are_sent() {
    let headers = [
        Header::shown("X-Team", " finance "),
        Header::shown("user-agent", "acme"),
        Header::hidden("authorization", Secret::new("Bearer hidden")),
    ];
    let request = Request::new(&outgoing(&json!({}), &headers, None)).unwrap();
    assert_eq!(header(&request, "x-team"), Some("finance"));
    assert_eq!(header(&request, "user-agent"), Some("acme"));
    assert_eq!(header(&request, "authorization"), Some("Bearer hidden"));
    assert!(!format!("{request:?} {headers:?}").contains("Bearer"), "{request:?}");
}

#[test]
fn our_own_headers_are_nobody_elses() {
    for name in
        ["host", "Host", "content-length", "content-type", "Webhook-Signature", "ce-id", "idempotency-key"]
    {
        check_refused(Header::shown(name, "a"), "is hearken's own");
    }
    for name in ["connection", "transfer-encoding", "te", "trailer", "upgrade", "expect"] {
        check_refused(Header::shown(name, "a"), "is hearken's own");
    }
}

#[test]
fn headers_which_cannot_be_sent_are_refused_without_a_word_of_their_value() {
    check_refused(Header::shown("", "a"), "has no name");
    check_refused(Header::shown("a b", "a"), "has no name");
    check_refused(Header::shown("a\r\nhost", "a"), "has no name");
    check_refused(Header::shown("x-a", "hidden\r\nhost: b"), "has a value which cannot be sent");
    check_refused(Header::hidden("x-a", Secret::new("hidden\0")), "has a value which cannot be sent");
}

#[test]
fn a_secret_which_is_no_key_is_our_trouble() {
    let (event, secret) = (json!({}), Secret::new("whsec_!"));
    let error = Request::new(&outgoing(&event, &[], Some(&secret))).unwrap_err();
    assert!(matches!(error, DeliveryError::Secret(_)), "{error:?}");
}

#[test]
fn headers_of_a_delivery_are_read_with_their_secrets() {
    let headers = BTreeMap::from([
        ("authorization".to_owned(), webhook::HeaderValue::Secret(SecretRef::Env("PATH".to_owned()))),
        ("x-team".to_owned(), webhook::HeaderValue::Text("finance".to_owned())),
    ]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(Header::read_all(&headers)).unwrap();
    let request = Request::new(&outgoing(&json!({}), &read, None)).unwrap();
    assert_eq!(header(&request, "authorization"), Some(std::env::var("PATH").unwrap().as_str()));
    assert_eq!(header(&request, "x-team"), Some("finance"));
}
