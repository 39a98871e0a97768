//! Whom the client believes: roots, pins, revocation lists, verifiers of the
//! user's own, and nobody in particular.

use std::sync::Arc;

use postrider::{Client, ConnectErrorKind, Error, ErrorKind, Phase, TlsErrorKind, TlsSettings};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use testing::{Authority, Identity, Server, Tls, TlsVersion};

use super::{always, get, trusting};

const HERE: &[&str] = &["127.0.0.1"];

/// What a client with these settings makes of a server with this identity.
async fn outcome(settings: TlsSettings, server: impl Into<Tls>) -> Result<String, Error> {
    let server = Server::start_tls(server, always("secured"));
    let client = Client::builder().tls(settings).build().unwrap();
    get(&client, &server.url("/")).await
}

#[track_caller]
fn assert_refused(outcome: Result<String, Error>, kind: TlsErrorKind, words: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::Tls(kind)));
    let words = format!(" failed: {words}");
    assert!(error.to_string().ends_with(&words), "{error}");
    assert!(!error.is_retry_safe(), "it will be no better the next time");
}

#[tokio::test]
async fn added_roots_are_trusted_in_der_and_in_pem() {
    let (one, two) = (Authority::new(), Authority::new());
    let settings = TlsSettings::builder()
        .add_root_der(one.ca_der())
        .add_roots_pem(two.ca_pem())
        .only_added_roots()
        .build()
        .unwrap();
    for authority in [one, two] {
        let text = outcome(settings.clone(), authority.issue(HERE)).await;
        assert_eq!(text.unwrap(), "secured");
    }
    let stranger = outcome(settings, Identity::for_names(HERE)).await;
    let words = "the certificate's issuer is not trusted";
    assert_refused(stranger, TlsErrorKind::UnknownIssuer, words);
}

#[tokio::test]
async fn a_pin_is_one_of_the_keys_that_the_server_must_have() {
    let authority = Authority::new();
    let (server, spare) = (authority.issue(HERE), authority.issue(HERE));
    let pinned = |pins: &[&Identity]| {
        let pins = pins
            .iter()
            .map(|identity| sha256(identity.public_key_der()));
        let builder = pins.fold(trusting(&authority), |builder, pin| {
            builder.pin_public_key(pin)
        });
        builder.build().unwrap()
    };
    for settings in [pinned(&[&server]), pinned(&[&spare, &server])] {
        outcome(settings, server.clone()).await.unwrap();
    }
    let other = outcome(pinned(&[&spare]), server).await;
    let words = "the server's key is none of the pinned keys";
    assert_refused(other, TlsErrorKind::UnknownKey, words);

    // A pin excuses nothing else.
    let stranger = Identity::for_names(HERE);
    let unknown = outcome(pinned(&[&stranger]), stranger).await;
    let words = "the certificate's issuer is not trusted";
    assert_refused(unknown, TlsErrorKind::UnknownIssuer, words);
}

fn sha256(data: &[u8]) -> [u8; 32] {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let digest = suite.tls13().unwrap().common.hash_provider.hash(data);
    digest.as_ref().try_into().unwrap()
}

#[tokio::test]
async fn a_certificate_on_a_revocation_list_is_refused() {
    let authority = Authority::new();
    let (good, revoked) = (authority.issue(HERE), authority.issue(HERE));
    let settings = trusting(&authority)
        .add_revocation_lists_pem(authority.revocation_list_pem(&[&revoked]))
        .build()
        .unwrap();
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let of = |identity: &Identity| Tls::new(identity.clone()).version(version);
        outcome(settings.clone(), of(&good)).await.unwrap();
        let refused = outcome(settings.clone(), of(&revoked)).await;
        let words = "the certificate was revoked";
        assert_refused(refused, TlsErrorKind::Revoked, words);
    }

    // A list of others says nothing of this one.
    let others = Authority::new().revocation_list_pem(&[]);
    let settings = trusting(&authority).add_revocation_lists_pem(others);
    let unknown = outcome(settings.build().unwrap(), good).await;
    let words = "no revocation list knows the certificate";
    assert_refused(unknown, TlsErrorKind::UnknownRevocation, words);
}

#[tokio::test]
async fn accepting_invalid_certificates_is_for_those_who_say_that_it_is_dangerous() {
    let authority = Authority::new();
    let settings = TlsSettings::builder()
        .danger_accept_invalid_certificates()
        .build()
        .unwrap();
    for identity in [
        authority.issue_expired(HERE),
        authority.issue_not_yet_valid(HERE),
        authority.issue(&["other.test"]),
        Identity::self_signed(HERE),
    ] {
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let tls = Tls::new(identity.clone()).version(version);
            let text = outcome(settings.clone(), tls).await;
            assert_eq!(text.unwrap(), "secured");
        }
    }
}

/// A configuration whose verifier is this function.
fn judged_by(judge: Judgement) -> TlsSettings {
    let provider = Arc::new(ring::default_provider());
    let verifier = Judge {
        judge,
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

type Judgement = fn(&ServerName<'_>) -> Result<(), rustls::Error>;

#[derive(Debug)]
struct Judge {
    judge: Judgement,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        (self.judge)(server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[tokio::test]
async fn a_verifier_of_the_users_own_has_the_last_word() {
    let stranger = Identity::self_signed(&["nobody.test"]);
    let credulous = judged_by(|name| {
        assert_eq!(name.to_str(), "127.0.0.1");
        Ok(())
    });
    outcome(credulous, stranger.clone()).await.unwrap();

    let strict = judged_by(|_| Err(CertificateError::ApplicationVerificationFailure.into()));
    let refused = outcome(strict, stranger.clone()).await;
    let words = "the verifier refused the certificate";
    assert_refused(refused, TlsErrorKind::Refused, words);

    let confused = judged_by(|_| Err(rustls::Error::General("the moon is full".into())));
    let refused = outcome(confused, stranger).await;
    let words = "this side failed: unexpected error: the moon is full";
    assert_refused(refused, TlsErrorKind::Local, words);
}

#[tokio::test]
async fn a_verifier_that_panics_fails_its_own_requests_only() {
    let server = Server::start_tls(Identity::self_signed(HERE), always("never"));
    let plain = Server::start(always("plain"));
    let client = Client::builder()
        .tls(judged_by(|_| panic!("no!")))
        .build()
        .unwrap();
    for _ in 0..2 {
        let error = super::failure(&client, &server.url("/")).await;
        assert!(error.is_connect());
        let kind = ConnectErrorKind::Panicked;
        assert_eq!(
            (error.phase(), error.connect_kind()),
            (Phase::Tls, Some(kind))
        );
        let words = ": user code panicked";
        assert!(error.to_string().ends_with(words), "{error}");
        assert_eq!(get(&client, &plain.url("/")).await.unwrap(), "plain");
        client.close_idle();
    }
}

#[tokio::test]
async fn a_configuration_of_rustls_is_used_as_it_is() {
    let authority = Authority::new();
    let mut roots = RootCertStore::empty();
    roots.add(authority.ca_der().to_vec().into()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder()
        .tls(TlsSettings::from_rustls(Arc::new(config)))
        .build()
        .unwrap();
    let server = Server::start_tls(authority.issue(HERE), always("secured"));
    let response = client.get(server.url("/")).send().await.unwrap();
    let facts = response.connection().tls().unwrap();
    assert_eq!(facts.version, postrider::TlsVersion::Tls12);
    assert_eq!(facts.alpn, None, "it offered none");
}
