//! TLS: whose certificates are believed, and what is said of the others.

use super::*;
use hearken::webhook::client::{Lookup, Resolve};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// A root of tests alone.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/webhook_client/testdata/ca.pem");
/// A certificate of 2026 to 2126 for `hook.example`, for which the root vouches, and its key.
const SERVER: &str = include_str!("testdata/server.pem");
const KEY: &str = include_str!("testdata/server-key.pem");

/// Every name is this machine's.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> Lookup<'a> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

fn server() -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(SERVER.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key")
}

/// Calls the server by this name, believing these roots besides the machine's.
async fn call(endpoint: &Endpoint, name: &str, ca_file: Option<PathBuf>) -> Outcome {
    let settings = ClientSettings { ca_file, ..settings() };
    let client = Client::with_resolver(settings, Arc::new(Here)).expect("a client");
    client.send(request(&format!("https://{name}:{}/hook", endpoint.port()), AMPLE)).await
}

#[track_caller]
fn check_untrusted(outcome: &Outcome) {
    assert_eq!(outcome.verdict(), Verdict::Retry(None), "{outcome:?}");
    assert!(matches!(outcome.error, Some(DeliveryError::Tls { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_server_whose_root_is_known_is_called() {
    let endpoint = Endpoint::secure(Behaviour::ok(), server());
    let outcome = call(&endpoint, "hook.example", Some(ROOT.into())).await;
    assert_eq!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    assert_eq!(endpoint.received().len(), 1);
}

#[tokio::test]
async fn a_server_which_nobody_vouches_for_is_told_nothing() {
    let endpoint = Endpoint::secure(Behaviour::ok(), server());
    check_untrusted(&call(&endpoint, "hook.example", None).await);
    check_untrusted(&call(&endpoint, "other.example", Some(ROOT.into())).await);
    assert_eq!(endpoint.received().len(), 0);
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let endpoint = Endpoint::start(Behaviour::Garbage);
    let client = Client::with_resolver(settings(), Arc::new(Here)).expect("a client");
    let timeout = Duration::from_millis(400);
    let outcome = client.send(request(&format!("https://hook.example:{}/", endpoint.port()), timeout)).await;
    assert_ne!(outcome.verdict(), Verdict::Delivered, "{outcome:?}");
    assert_eq!(endpoint.received().len(), 0);
}

#[tokio::test]
async fn large_answers_over_tls_are_cut_too() {
    let endpoint = Endpoint::secure(Behaviour::huge(10 * 1024 * 1024), server());
    let outcome = call(&endpoint, "hook.example", Some(ROOT.into())).await;
    assert_eq!((outcome.verdict(), outcome.body.len()), (Verdict::Delivered, 4096), "{:?}", outcome.error);
}
