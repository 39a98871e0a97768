//! TLS 1.3 with one cipher suite, one key exchange and one certificate for everybody.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::Failure;

/// What the server shows.
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    /// A new one for 127.0.0.1: ECDSA on P-256.
    pub(crate) fn new() -> Result<Self, Failure> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        Ok(Self {
            certificate: cert.der().to_vec(),
            key: signing_key.serialize_der(),
        })
    }

    /// Sends tickets, two to a connection.
    pub(crate) fn remembering(&self) -> Result<Arc<ServerConfig>, Failure> {
        let mut config = self.config()?;
        config.ticketer = ring::Ticketer::new()?;
        Ok(Arc::new(config))
    }

    /// Sends no tickets: no session can be resumed.
    pub(crate) fn forgetful(&self) -> Result<Arc<ServerConfig>, Failure> {
        let mut config = self.config()?;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }

    /// The server alone decides, so that all clients agree with it upon the same.
    fn config(&self) -> Result<ServerConfig, Failure> {
        let provider = CryptoProvider {
            cipher_suites: vec![ring::cipher_suite::TLS13_AES_256_GCM_SHA384],
            kx_groups: vec![ring::kx_group::X25519],
            ..ring::default_provider()
        };
        let certificate = CertificateDer::from(self.certificate.clone());
        let key = PrivateKeyDer::try_from(self.key.clone())?;
        Ok(ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?)
    }
}

/// The configuration of every client that takes one: ring, TLS 1.3, this certificate trusted and
/// no other, sessions resumed as rustls does unless told otherwise.
pub(crate) fn client_config(certificate: &[u8]) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.to_vec()))?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// For clients that must have one although they use no TLS.
pub(crate) fn unused_config() -> Result<ClientConfig, Failure> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
