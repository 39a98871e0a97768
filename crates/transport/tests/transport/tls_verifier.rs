//! A verifier of the user's own, by way of a configuration of rustls's.

use std::sync::Arc;

use postrider_transport::{ConnectErrorKind, TlsErrorKind, TlsSettings};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};

use crate::authority::Authority;
use crate::support::{failure, knowing, listen};
use crate::tls_server::{serve_one, server_config, tls};

/// Believes one certificate and no authority.
#[derive(Debug)]
struct OnlyThis {
    certificate: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OnlyThis {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        assert_eq!(name.to_str(), "a.test");
        if end_entity.as_ref() == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn believing(certificate: &[u8]) -> TlsSettings {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = OnlyThis {
        certificate: certificate.to_vec(),
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    TlsSettings::from_rustls(Arc::new(config))
}

#[tokio::test]
async fn a_verifier_of_the_users_own_has_the_only_word() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let unknown = Authority::new();
        let (believed, other) = (unknown.identity("b.test"), unknown.identity("a.test"));

        let (listener, addr) = listen().await;
        let serving = serve_one(listener, server_config(&believed, &[version]));
        let settings = believing(&believed.certificate);
        let connector = knowing(&[addr]).tls(settings.clone()).build();
        let connected = connector.connect(&tls("a.test")).await.unwrap();
        assert!(connected.stream.is_secure());
        serving.await.unwrap().unwrap();

        let (listener, addr) = listen().await;
        let serving = serve_one(listener, server_config(&other, &[version]));
        let connector = knowing(&[addr]).tls(settings).build();
        let error = failure(&connector, &tls("a.test")).await;
        let kind = ConnectErrorKind::Tls(TlsErrorKind::Refused);
        assert_eq!(error.kind(), kind);
        let words = "TLS handshake with a.test:443 failed: the verifier refused the certificate: ";
        assert!(error.to_string().starts_with(words), "{error}");
        assert!(serving.await.unwrap().is_err());
    }
}
