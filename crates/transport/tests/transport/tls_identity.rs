//! Who we are to a server that asks, and how that changes while connections go on.

use std::sync::Arc;

use postrider_transport::{
    ConnectErrorKind, Connected, Connector, TlsErrorKind, TlsSettings, tls_error,
};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::authority::{Authority, Identity};
use crate::options::with;
use crate::support::{knowing, listen, soon};
use crate::tls_server::{Server, serve_one, tls, trusting_by};

/// New settings are for new connections; those made with the old ones go on.
#[tokio::test]
async fn a_client_certificate_is_shown_and_can_be_rotated() {
    let authority = Authority::new();
    let server = Server::with(&authority, asking_for_certificates(&authority)).await;
    let mut earlier = Vec::new();
    for _ in 0..2 {
        let client = authority.client();
        let settings = showing(&authority, &client);
        for is_again in [false, true] {
            let (mut connected, mut far) = connect(&server, &settings).await;
            let tls = connected.facts.tls.as_ref().unwrap();
            // Sessions of the certificate before must not stand for this one.
            assert_eq!(tls.resumed, is_again);
            let shown = far.get_ref().1.peer_certificates().unwrap();
            assert_eq!(shown[0].as_ref(), client.certificate);
            // The tickets come along.
            exchange(&mut connected, &mut far).await;
            earlier.push((connected, far));
        }
    }
    for (mut connected, mut far) in earlier {
        exchange(&mut connected, &mut far).await;
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_with_its_chain() {
    let root = Authority::new();
    let between = root.intermediate(5);
    let client = between.client();
    let server = Server::with(&root, asking_for_certificates(&root)).await;
    let settings = trusting_by(&root)
        .client_certificate_pem(
            client.certificate_pem.clone() + &between.pem(),
            client.key.serialize_pem(),
        )
        .build()
        .unwrap();
    let (_, far) = connect(&server, &settings).await;
    let shown = far.get_ref().1.peer_certificates().unwrap();
    let shown: Vec<_> = shown.iter().map(AsRef::as_ref).collect();
    assert_eq!(shown, [client.certificate, between.der()]);
}

/// By one connector: the settings are the endpoint's own.
async fn connect(server: &Server, settings: &TlsSettings) -> (Connected, TlsStream<TcpStream>) {
    let connector: &Connector = &server.connector;
    let endpoint = with(tls("a.test"), |o| o.tls = Some(settings.clone()));
    let (connected, far) = tokio::join!(connector.connect(&endpoint), async {
        let (socket, _) = server.listener.accept().await.unwrap();
        server.acceptor.accept(socket).await.unwrap()
    });
    (connected.unwrap(), far)
}

async fn exchange(connected: &mut Connected, far: &mut TlsStream<TcpStream>) {
    far.write_all(b"x").await.unwrap();
    far.flush().await.unwrap();
    let mut room = [0];
    soon(connected.stream.read_exact(&mut room)).await.unwrap();
    assert_eq!(&room, b"x");
}

/// In TLS 1.3 the client is done before the server has looked at its certificate.
#[tokio::test]
async fn a_missing_client_certificate_is_an_alert_at_the_first_read() {
    let authority = Authority::new();
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, asking_for_certificates(&authority));
    let settings = trusting_by(&authority).build().unwrap();
    let connector = knowing(&[addr]).tls(settings).build();
    let connected = connector.connect(&tls("a.test")).await.unwrap();
    let mut stream = connected.stream;
    // It stays so however often one asks.
    for _ in 0..2 {
        let error = soon(stream.read(&mut [0])).await.unwrap_err();
        let words = "the server sent an alert: CertificateRequired";
        assert_eq!(error.to_string(), words);
        assert_eq!(tls_error(&error), Some(TlsErrorKind::Alert));
    }
    assert!(serving.await.unwrap().is_err());
}

#[tokio::test]
async fn a_client_certificate_that_will_not_do_is_an_alert_in_words() {
    let authority = Authority::new();
    let anonymous = || trusting_by(&authority).build().unwrap();
    let stranger = || showing(&authority, &Authority::new().client());
    for (settings, words) in [
        (anonymous(), "the server sent an alert: CertificateRequired"),
        (stranger(), "the server sent an alert: UnknownCA"),
    ] {
        let connect = async |version| {
            let (listener, addr) = listen().await;
            let config = asking_for_certificates_by(&authority, &[version]);
            let serving = serve_one(listener, config);
            let connector = knowing(&[addr]).tls(settings.clone()).build();
            let outcome = soon(connector.connect(&tls("a.test"))).await;
            assert!(serving.await.unwrap().is_err());
            outcome
        };
        let error = connect(&TLS12).await.unwrap_err();
        let kind = ConnectErrorKind::Tls(TlsErrorKind::Alert);
        assert_eq!(error.kind(), kind, "{error}");
        let text = format!("TLS handshake with a.test:443 failed: {words} (");
        assert!(error.to_string().starts_with(&text), "{error}");

        let mut stream = connect(&TLS13).await.unwrap().stream;
        let error = soon(stream.read(&mut [0])).await.unwrap_err();
        assert_eq!(tls_error(&error), Some(TlsErrorKind::Alert));
        assert_eq!(error.to_string(), words);
    }
}

fn asking_for_certificates(authority: &Authority) -> ServerConfig {
    asking_for_certificates_by(authority, rustls::ALL_VERSIONS)
}

fn asking_for_certificates_by(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let identity = authority.identity("a.test");
    let key = identity.key.serialize_der().try_into().unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate.into()], key)
        .unwrap()
}

fn showing(authority: &Authority, client: &Identity) -> TlsSettings {
    trusting_by(authority)
        .client_certificate_pem(client.certificate_pem.clone(), client.key.serialize_pem())
        .build()
        .unwrap()
}
