//! rustls as PostgreSQL's modes want it, with *ring* named outright, so that it
//! does not matter whether anybody has installed a provider for the process.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::ConnectError;
use super::sslmode::{Roots, SslMode, TlsSettings};

/// What PostgreSQL calls itself where TLS comes first.
const ALPN: &[u8] = b"postgresql";

/// A connector for servers of this mode.
///
/// # Errors
///
/// The file of root certificates cannot be read or holds none.
pub(super) fn connector(mode: SslMode, settings: &TlsSettings) -> Result<MakeRustlsConnect, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(mode, &settings.roots, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConnectError::TlsSetup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    if settings.direct {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

/// How much a certificate must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// Nothing: whoever answers will do.
    Nothing,
    /// That a root vouches for it.
    Chain,
    /// That a root vouches for it, and that it bears the name of the host.
    ChainAndName,
}

/// Checks a server's certificate as far as the mode asks.
///
/// The signature of the handshake is checked in every mode. Otherwise somebody
/// in between could show the true server's certificate without having its key,
/// and channel binding, which is made from that certificate, would hold.
#[derive(Debug)]
struct Verifier {
    proof: Proof,
    roots: RootCertStore,
    /// Certificates of the file. A server which shows one of them byte for byte
    /// needs nobody to vouch for it: the PostgreSQL manual's self-signed
    /// certificate is its own root, which webpki would not take.
    pinned: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(mode: SslMode, roots: &Roots, provider: &CryptoProvider) -> Result<Self, ConnectError> {
        let algorithms = provider.signature_verification_algorithms;
        let proof = match mode {
            SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => Proof::Nothing,
            SslMode::VerifyCa => Proof::Chain,
            SslMode::VerifyFull => Proof::ChainAndName,
        };
        let (roots, pinned) = match (proof, roots) {
            (Proof::Nothing, _) => (RootCertStore::empty(), Vec::new()),
            (Proof::Chain | Proof::ChainAndName, Roots::System) => (system_roots(), Vec::new()),
            (Proof::Chain | Proof::ChainAndName, Roots::File(path)) => {
                let pinned = read_certificates(path)
                    .map_err(|source| ConnectError::File { path: path.clone(), source })?;
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(pinned.iter().cloned());
                (roots, pinned)
            }
        };
        Ok(Self { proof, roots, pinned, algorithms })
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        let shown: &[u8] = certificate;
        self.pinned.iter().any(|pinned| **pinned == *shown)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.proof == Proof::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if !self.is_pinned(end_entity) {
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        if self.proof == Proof::ChainAndName {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The machine's roots; in an image which has none, the built-in ones.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::debug!(%error, "some root certificates of this machine cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Every certificate of a PEM file; at least one.
pub(crate) fn read_certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let pem = fs::read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    if certificates.is_empty() {
        let why = "there is no certificate in it";
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A certificate of 2026 to 2126 for `db.example`, which `ca.pem` vouches for.
    const SERVER: &str = include_str!("testdata/server.pem");
    /// One for the same name and time which nobody vouches for, marked as a CA
    /// as `openssl req -x509` does.
    const SELF_SIGNED: &str = include_str!("testdata/self-signed.pem");

    #[test]
    fn each_mode_asks_for_its_proof() {
        let ca = file("ca.pem");
        check(SslMode::Require, &Roots::System, SELF_SIGNED, "other.example", true);
        check(SslMode::VerifyCa, &ca, SERVER, "other.example", true);
        check(SslMode::VerifyCa, &ca, SELF_SIGNED, "db.example", false);
        check(SslMode::VerifyFull, &ca, SERVER, "db.example", true);
        check(SslMode::VerifyFull, &ca, SERVER, "other.example", false);
        check(SslMode::VerifyFull, &Roots::System, SERVER, "db.example", false);
    }

    #[test]
    fn a_self_signed_certificate_is_its_own_root() {
        let own = file("self-signed.pem");
        check(SslMode::VerifyCa, &own, SELF_SIGNED, "other.example", true);
        check(SslMode::VerifyFull, &own, SELF_SIGNED, "db.example", true);
        check(SslMode::VerifyFull, &own, SELF_SIGNED, "other.example", false);
        check(SslMode::VerifyCa, &own, SERVER, "db.example", false);
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        for path in ["/nowhere/ca.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let roots = Roots::File(path.into());
            assert!(verifier(SslMode::VerifyFull, &roots).is_err(), "{path}");
            // Where nothing is to be proven, the file does not matter.
            assert!(verifier(SslMode::Prefer, &roots).is_ok(), "{path}");
        }
    }

    fn file(name: &str) -> Roots {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/pg/connect/testdata"));
        Roots::File(folder.join(name))
    }

    fn verifier(mode: SslMode, roots: &Roots) -> Result<Verifier, ConnectError> {
        Verifier::new(mode, roots, &rustls::crypto::ring::default_provider())
    }

    /// Shows a certificate in March 2030.
    #[track_caller]
    fn check(mode: SslMode, roots: &Roots, pem: &str, name: &'static str, want: bool) {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_900_000_000));
        let verdict = verifier(mode, roots).unwrap().verify_server_cert(&certificate, &[], &name, &[], now);
        assert_eq!(verdict.is_ok(), want, "{verdict:?}");
    }
}
