//! The HTTP client of webhooks against real sockets: what arrives, what a server may do to
//! it, and where it does not go.

mod misbehaving;
mod names;
mod secure;

use crate::support::endpoint::{Behaviour, Endpoint};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use hearken::rules::webhook::Mode;
use hearken::webhook::answer::{DeliveryError, Fault, Outcome, Verdict};
use hearken::webhook::client::{Client, ClientSettings};
use hearken::webhook::request::{Header, Outgoing, Request};
use hearken::webhook::secret::Secret;
use ring::hmac;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Longer than anything takes which ends by itself.
const AMPLE: Duration = Duration::from_secs(30);

/// Settings under which a server on 127.0.0.1 may be called without TLS, and no other.
fn settings() -> ClientSettings {
    ClientSettings {
        allow_http: vec!["127.0.0.1".to_owned(), "a.example".to_owned()],
        allow_private: vec!["127.0.0.1/32".parse().expect("a network")],
        ..ClientSettings::default()
    }
}

fn client() -> Client {
    Client::new(settings()).expect("a client")
}

fn event() -> Value {
    json!({
        "specversion": "1.0",
        "id": "e1",
        "source": "/test",
        "type": "refund.decided",
        "data": { "amount": 900, "who": "Zoë" },
    })
}

fn request(url: &str, timeout: Duration) -> Request {
    request_with(url, timeout, Mode::Structured, &[])
}

fn request_with(url: &str, timeout: Duration, mode: Mode, headers: &[Header]) -> Request {
    let (event, secret) = (event(), Secret::new(SECRET));
    let outgoing = Outgoing {
        url,
        id: "0a0b0c",
        sent_at: 1_614_265_330,
        event: &event,
        mode,
        timeout,
        headers,
        secret: Some(&secret),
    };
    Request::new(&outgoing).expect("a request")
}

/// Sends one request to a server which behaves like this.
async fn send_to(behaviour: Behaviour) -> Outcome {
    let endpoint = Endpoint::start(behaviour);
    client().send(request(&endpoint.url(), AMPLE)).await
}

/// What a receiver computes by hand from what it got.
fn signature(id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base64");
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &content);
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[tokio::test]
async fn a_request_arrives_as_it_was_signed() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let outcome = client().send(request(&format!("{}?a=b", endpoint.url()), AMPLE)).await;
    assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    assert_eq!((outcome.status, outcome.body.as_str(), outcome.retry_after), (Some(200), "said so", None));
    let received = endpoint.received();
    assert_eq!(received.len(), 1);
    let received = &received[0];
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/hook?a=b"));
    assert_eq!(received.header("host"), Some(format!("127.0.0.1:{}", endpoint.port()).as_str()));
    assert_eq!(received.header("content-type"), Some("application/cloudevents+json; charset=utf-8"));
    assert_eq!(received.header("webhook-id"), Some("0a0b0c"));
    assert_eq!(received.header("idempotency-key"), Some("0a0b0c"));
    assert_eq!(received.header("accept-encoding"), None);
    assert_eq!(serde_json::from_slice::<Value>(&received.body).unwrap(), event());
    let timestamp = received.header("webhook-timestamp").unwrap();
    let want = signature("0a0b0c", timestamp, &received.body);
    assert_eq!(received.header("webhook-signature"), Some(want.as_str()));
}

#[tokio::test]
async fn in_binary_mode_the_data_arrives_with_its_attributes() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let headers = [Header::shown("x-team", "finance")];
    let outcome = client().send(request_with(&endpoint.url(), AMPLE, Mode::Binary, &headers)).await;
    assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    let received = &endpoint.received()[0];
    assert_eq!(received.header("ce-type"), Some("refund.decided"));
    assert_eq!(received.header("x-team"), Some("finance"));
    assert_eq!(serde_json::from_slice::<Value>(&received.body).unwrap(), event()["data"]);
    let want = signature("0a0b0c", "1614265330", &received.body);
    assert_eq!(received.header("webhook-signature"), Some(want.as_str()));
}

#[tokio::test]
async fn connections_are_used_again() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let client = client();
    for _ in 0..20 {
        let outcome = client.send(request(&endpoint.url(), AMPLE)).await;
        assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    }
    assert_eq!(endpoint.received().len(), 20);
    assert!(endpoint.connections() < 20, "{} connections", endpoint.connections());
}

#[tokio::test]
async fn many_at_once_arrive_once_each() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let client = client();
    let outcomes = join_all((0..200).map(|_| client.send(request(&endpoint.url(), AMPLE)))).await;
    for outcome in outcomes {
        assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    }
    assert_eq!(endpoint.received().len(), 200);
}

#[tokio::test]
async fn an_overburdened_endpoint_says_when_to_come_back() {
    let outcome = send_to(Behaviour::with_header(429, "retry-after", "7")).await;
    assert_eq!(outcome.verdict(), Verdict::Retry(Some(Duration::from_secs(7))), "{outcome:?}");

    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(300));
    let outcome = send_to(Behaviour::with_header(503, "retry-after", &date)).await;
    let Verdict::Retry(Some(pause)) = outcome.verdict() else { panic!("{outcome:?}") };
    assert!(pause > Duration::from_secs(200) && pause <= Duration::from_secs(300), "{pause:?}");

    let outcome = send_to(Behaviour::with_header(404, "retry-after", "7")).await;
    assert_eq!((outcome.verdict(), outcome.retry_after), (Verdict::Never, None));
}

#[tokio::test]
async fn errors_of_the_server_are_tried_again() {
    let outcome = send_to(Behaviour::status(500)).await;
    assert_eq!(outcome.verdict(), Verdict::Retry(None), "{outcome:?}");
    let error = outcome.error.unwrap();
    assert_eq!(error.fault(), Fault::Endpoint);
    assert_eq!(error.to_string(), "answered 500 Internal Server Error: said so");
}

#[tokio::test]
async fn what_an_endpoint_repeats_of_our_secrets_is_blackened() {
    let endpoint = Endpoint::start(Behaviour::Answer {
        status: 400,
        headers: Vec::new(),
        body: b"bad token: sesame-4711".to_vec(),
    });
    let headers = [Header::hidden("authorization", Secret::new("Bearer sesame-4711"))];
    let outcome = client().send(request_with(&endpoint.url(), AMPLE, Mode::Structured, &headers)).await;
    assert_eq!(outcome.body, "bad token: (hidden)");
    assert_eq!(outcome.error.unwrap().to_string(), "answered 400 Bad Request: bad token: (hidden)");
    assert_eq!(endpoint.received()[0].header("authorization"), Some("Bearer sesame-4711"));
}

#[tokio::test]
async fn nobody_listening_is_tried_again() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let url = endpoint.url();
    drop(endpoint);
    crate::support::until("a port without a server", || async {
        let outcome = client().send(request(&url, AMPLE)).await;
        assert_ne!(outcome.verdict(), Verdict::Never, "{outcome:?}");
        matches!(outcome.error, Some(DeliveryError::Connect { .. })).then_some(())
    })
    .await;
}
