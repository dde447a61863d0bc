//! rustls for webhooks: the machine's roots and perhaps some more, *ring* named outright,
//! and HTTP/1.1 as the only protocol we speak.

use super::SetupError;
use crate::pg::connect::{read_certificates, system_roots};
use rustls::ClientConfig;
use std::path::Path;
use std::sync::Arc;

/// A configuration which trusts the machine's roots and those of the file.
pub(super) fn config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = system_roots();
    if let Some(path) = ca_file {
        let certificates =
            read_certificates(path).map_err(|source| SetupError::Roots { path: path.to_owned(), source })?;
        roots.add_parsable_certificates(certificates);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
