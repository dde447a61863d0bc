//! Names and addresses: what is judged is what is called, and nothing else.

use super::*;
use hearken::webhook::client::{Lookup, Resolve};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// May be called by these tests.
const GOOD: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Stands for any private address: it may not.
const BAD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A resolver which says something else each time; the last answer stays.
struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(answers: &[&[IpAddr]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> Lookup<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().expect("answers");
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A resolver which does not answer.
struct Silence;

impl Resolve for Silence {
    fn resolve<'a>(&'a self, _: &'a str) -> Lookup<'a> {
        Box::pin(std::future::pending())
    }
}

fn client_with(resolver: Arc<dyn Resolve>) -> Client {
    Client::with_resolver(settings(), resolver).expect("a client")
}

fn url(port: u16) -> String {
    format!("http://a.example:{port}/hook")
}

/// A server which may be called, and one on the same port which may not.
fn two(behaviour: &Behaviour) -> (Endpoint, Endpoint) {
    let good = Endpoint::start(behaviour.clone());
    let bad = Endpoint::at(BAD, good.port(), behaviour.clone());
    (good, bad)
}

fn closing() -> Behaviour {
    Behaviour::with_header(200, "connection", "close")
}

#[track_caller]
fn check_refused(outcome: &Outcome, part: &str) {
    assert_eq!(outcome.verdict(), Verdict::Never, "{outcome:?}");
    let error = outcome.error.as_ref().expect("an error");
    assert_eq!(error.fault(), Fault::Ours, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[tokio::test]
async fn a_name_is_called_at_the_addresses_which_are_allowed() {
    let (good, bad) = two(&Behaviour::ok());
    let outcome = client_with(Names::new(&[&[BAD, GOOD]])).send(request(&url(good.port()), AMPLE)).await;
    assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    assert_eq!((good.received().len(), bad.connections()), (1, 0));
    assert_eq!(good.received()[0].header("host"), Some(format!("a.example:{}", good.port()).as_str()));
}

#[tokio::test]
async fn a_name_without_an_allowed_address_is_refused() {
    let (good, bad) = two(&Behaviour::ok());
    let outcome = client_with(Names::new(&[&[BAD]])).send(request(&url(good.port()), AMPLE)).await;
    check_refused(&outcome, "`a.example` has only addresses which are not called (127.0.0.2, loopback)");
    assert_eq!((good.connections(), bad.connections()), (0, 0));
}

/// The name leads to a good address while it is judged, and to a bad one right after.
#[tokio::test]
async fn a_name_which_changes_its_mind_leads_nowhere_else() {
    let (good, bad) = two(&closing());
    let names = Names::new(&[&[GOOD], &[BAD]]);
    let client = client_with(names.clone());
    let outcome = client.send(request(&url(good.port()), AMPLE)).await;
    assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    assert_eq!(names.asked(), 1, "what was judged is what was called");
    let outcome = client.send(request(&url(good.port()), AMPLE)).await;
    check_refused(&outcome, "127.0.0.2, loopback");
    assert_eq!(names.asked(), 2, "each connection is judged anew");
    assert_eq!((good.received().len(), bad.connections()), (1, 0));
}

#[tokio::test]
async fn addresses_in_urls_are_judged_as_those_of_names_are() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let port = endpoint.port();
    let hosts = ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost"];
    let allow_http = hosts.map(str::to_owned).to_vec();
    let client = Client::new(ClientSettings { allow_http, ..ClientSettings::default() }).expect("a client");
    for host in hosts {
        let outcome = client.send(request(&format!("http://{host}:{port}/"), AMPLE)).await;
        check_refused(&outcome, "loopback");
    }
    // The C library would take it for 127.0.0.1.
    let outcome = client.send(request(&format!("https://127.1:{port}/"), AMPLE)).await;
    check_refused(&outcome, "looks like an address");
    let outcome = client.send(request(&format!("http://other.example:{port}/"), AMPLE)).await;
    check_refused(&outcome, "would be called without TLS");
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test]
async fn an_address_on_which_nobody_listens_does_not_spoil_the_next() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let allow_private = vec!["127.0.0.0/8".parse().expect("a network")];
    let client = Client::with_resolver(
        ClientSettings { allow_private, ..settings() },
        Names::new(&[&[IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), GOOD]]),
    );
    let outcome = client.expect("a client").send(request(&url(endpoint.port()), AMPLE)).await;
    assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
}

#[tokio::test]
async fn a_name_which_cannot_be_found_is_tried_again() {
    let outcome = client_with(Names::new(&[])).send(request(&url(80), AMPLE)).await;
    assert_eq!(outcome.verdict(), Verdict::Retry(None), "{outcome:?}");
    let error = outcome.error.expect("an error").to_string();
    assert_eq!(error, "the address of `a.example` cannot be found: no such name");
}

#[tokio::test]
async fn the_lookup_counts_towards_the_timeout() {
    let timeout = Duration::from_millis(300);
    let outcome = client_with(Arc::new(Silence)).send(request(&url(80), timeout)).await;
    assert_eq!(outcome.error, Some(DeliveryError::Timeout(timeout)));
    assert!(outcome.duration < AMPLE, "{outcome:?}");
}
