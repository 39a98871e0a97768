//! A verifier of the user's own, by way of a configuration of rustls's.

use std::sync::Arc;

use postrider_transport::{ConnectErrorKind, Connector, Phase, TlsErrorKind, TlsSettings};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, SecureRandom, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};

use crate::authority::Authority;
use crate::support::{failure, knowing, listen};
use crate::tls_server::{acceptor, serve_one, server_config, tls};

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
        assert_eq!(name.to_str(), "a.test", "a bug of the user's own");
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
        let words = "TLS handshake with a.test:443 failed: the verifier refused the certificate (";
        assert!(error.to_string().starts_with(words), "{error}");
        assert!(serving.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_verifier_that_panics_fails_its_own_connect_only() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let identity = authority.identity("a.test");
        let (listener, addr) = listen().await;
        let (other, unused) = listen().await;
        let acceptor = acceptor(server_config(&identity, &[version]));
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await?;
            // The client goes without a word.
            assert!(acceptor.accept(socket).await.is_err());
            let (socket, _) = listener.accept().await?;
            acceptor.accept(socket).await
        });
        let connector = Connector::builder()
            .resolve_override("bug.test", [addr, unused])
            .resolve_override("a.test", [addr])
            .tls(believing(&identity.certificate))
            .build();
        let error = failure(&connector, &tls("bug.test")).await;
        assert_eq!(error.kind(), ConnectErrorKind::Panicked);
        assert_eq!(error.phase(), Phase::Tls);
        let text = error.to_string();
        let words = "TLS handshake with bug.test:443 failed: user code panicked (";
        assert!(text.starts_with(words), "{text}");
        assert_eq!(error.attempts().len(), 1, "another address changes nothing");

        let connected = connector.connect(&tls("a.test")).await.unwrap();
        assert!(connected.stream.is_secure());
        serving.await.unwrap().unwrap();
        drop(other);
    }
}

#[derive(Debug)]
struct Erratic;

impl SecureRandom for Erratic {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        panic!("a bug of the provider's")
    }
}

/// In the making of the session, before anything is sent.
#[tokio::test]
async fn a_provider_that_panics_fails_its_own_connect_only() {
    let provider = CryptoProvider {
        secure_random: &Erratic,
        ..rustls::crypto::ring::default_provider()
    };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let (_listener, addr) = listen().await;
    let settings = TlsSettings::from_rustls(Arc::new(config));
    let connector = knowing(&[addr]).tls(settings).build();
    let error = failure(&connector, &tls("a.test")).await;
    assert_eq!(error.kind(), ConnectErrorKind::Panicked);
    assert_eq!(error.phase(), Phase::Tls);
}
