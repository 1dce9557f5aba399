//! How the other side of a connection is verified: one configuration, read from the machine once and shared by every
//! client. It must not know who calls or what is sent.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::SetupError;

/// TLS that is verified always, by the machine's roots or by those of a test (PEM). It names no protocol (ALPN).
pub(super) fn verified(roots: Option<&[u8]>) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?;
    let builder = match roots {
        None => builder.try_with_platform_verifier().map_err(SetupError::Tls)?,
        Some(pem) => {
            let mut store = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| SetupError::Roots)?;
                store.add(certificate).map_err(SetupError::Tls)?;
            }
            builder.with_root_certificates(store)
        }
    };
    Ok(builder.with_no_client_auth())
}

/// `config` for a client that speaks HTTP/2 where the other side does, or HTTP/1.1 alone.
pub(super) fn speaking(config: &ClientConfig, http2: bool) -> ClientConfig {
    let mut config = config.clone();
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}
