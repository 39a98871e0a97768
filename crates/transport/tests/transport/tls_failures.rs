//! Every way in which a TLS handshake fails: its kind and its words. One list, so that a gap in it is
//! seen; a little over 400 lines for that.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use postrider_transport::{
    Answers, ConnectError, ConnectErrorKind, Connector, Endpoint, Host, Phase, Resolve, Security,
    TlsErrorKind, TlsSettings,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::authority::{Authority, Identity, expired, not_yet_valid, server, server_at};
use crate::support::{failure, knowing, listen, reset, soon};
use crate::tls_server::{
    both_versions, knowing_and_trusting, serve_one, server_config, tls, trusting, trusting_by,
};

/// What a client says that trusts the authority and asks for `a.test`.
async fn failure_with(authority: &Authority, config: ServerConfig) -> ConnectError {
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, config);
    let connector = knowing_and_trusting(&[addr], authority).build();
    let error = failure(&connector, &tls("a.test")).await;
    assert!(serving.await.unwrap().is_err(), "the server is told");
    assert_eq!(error.phase(), Phase::Tls);
    assert_eq!(error.attempts().len(), 1);
    let attempt = &error.attempts()[0];
    assert_eq!(attempt.addr, addr);
    let cause = attempt.error.as_ref().unwrap().to_string();
    let text = error.to_string();
    assert_eq!(text.matches(&cause).count(), 1, "told once: {text}");
    let source = error.source().unwrap().to_string();
    let kept = attempt.error.as_ref().and_then(|error| error.get_ref());
    assert_eq!(kept.unwrap().source().unwrap().to_string(), source);
    error
}

/// The failure of a server that does `serve` with the connection, and nothing else.
async fn failure_of<S>(serve: impl FnOnce(TcpStream) -> S + Send + 'static) -> ConnectError
where
    S: Future<Output = ()> + Send,
{
    let (listener, addr) = listen().await;
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        serve(socket).await;
    });
    let connector = knowing_and_trusting(&[addr], &Authority::new())
        .tls_timeout(Duration::from_millis(100))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    serving.abort();
    error
}

async fn failure_of_certificate(params: CertificateParams) -> ConnectError {
    let authority = Authority::new();
    let config = both_versions(&authority.issue(params));
    failure_with(&authority, config).await
}

/// A configuration of the user's own.
fn client_config(
    authority: &Authority,
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().into()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Compares without the list of addresses, of which port and time vary.
fn assert_says(error: &ConnectError, kind: TlsErrorKind, words: &str) {
    assert_eq!(error.kind(), ConnectErrorKind::Tls(kind), "{error}");
    let text = error.to_string();
    let text = text.split(" (127.0.0.1:").next().unwrap();
    assert_eq!(
        text,
        format!("TLS handshake with a.test:443 failed: {words}")
    );
    assert!(error.to_string().len() < 1024);
}

#[tokio::test]
async fn an_expired_certificate() {
    let error = failure_of_certificate(expired(server(&["a.test"]))).await;
    assert_eq!(error.kind(), ConnectErrorKind::Tls(TlsErrorKind::Expired));
    let text = error.to_string();
    let words = "TLS handshake with a.test:443 failed: the certificate has expired ";
    let days = text.strip_prefix(words).unwrap();
    let (days, _) = days.split_once(" days ago (").unwrap();
    assert!(days.parse::<u32>().unwrap() > 1500);
}

#[tokio::test]
async fn a_certificate_from_the_future() {
    let error = failure_of_certificate(not_yet_valid(server(&["a.test"]))).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::NotYetValid);
    assert_eq!(error.kind(), kind);
    let words = "failed: the certificate is not yet valid for ";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_certificate_for_other_names() {
    let error = failure_of_certificate(server(&["b.test", "*.a.test"])).await;
    let words = "the certificate is for other names: b.test, *.a.test";
    assert_says(&error, TlsErrorKind::WrongName, words);
}

#[tokio::test]
async fn a_certificate_for_an_address() {
    for there in ["192.0.2.1", "2001:db8::1"] {
        let error = failure_of_certificate(server_at(there.parse().unwrap())).await;
        let words = format!("the certificate is for other names: {there}");
        assert_says(&error, TlsErrorKind::WrongName, &words);
    }
}

#[tokio::test]
async fn a_great_many_other_names_are_cut() {
    let names: Vec<_> = (0..200).map(|n| format!("name-{n}.test")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let error = failure_of_certificate(server(&names)).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::WrongName);
    assert_eq!(error.kind(), kind);
    let text = error.to_string();
    let words = "the certificate is for other names: name-0.test, name-1.test, ";
    assert!(text.contains(words) && text.contains("... ("), "{text}");
    assert!(text.len() < 400, "{text}");
}

/// RFC 9110 §4.3.4: the common name is no name of a server.
#[tokio::test]
async fn a_certificate_with_a_common_name_only() {
    let mut params = server(&[]);
    params.distinguished_name.push(DnType::CommonName, "a.test");
    let error = failure_of_certificate(params).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::WrongName);
    assert_eq!(error.kind(), kind, "{error}");
}

/// RFC 9525 §6.3: a wildcard stands for one whole label.
#[tokio::test]
async fn a_wildcard_stands_for_no_part_of_a_label_and_for_no_two() {
    let authority = Authority::new();
    for (pattern, name) in [("*.a.test", "x.y.a.test"), ("*.test", "a.b.test")] {
        let (listener, addr) = listen().await;
        let serving = serve_one(
            listener,
            both_versions(&authority.issue(server(&[pattern]))),
        );
        let connector = Connector::builder()
            .resolve_override(name, [addr])
            .tls(trusting(&authority))
            .build();
        let error = failure(&connector, &tls(name)).await;
        let kind = ConnectErrorKind::Tls(TlsErrorKind::WrongName);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(serving.await.unwrap().is_err());
    }
}

/// RFC 9110 §4.3.5: an address stands in a certificate as an address.
#[tokio::test]
async fn an_address_is_verified_as_an_address() {
    let authority = Authority::new();
    let other = server_at(Ipv4Addr::new(127, 0, 0, 2).into());
    for params in [other, server(&["localhost"])] {
        let (listener, addr) = listen().await;
        let serving = serve_one(listener, both_versions(&authority.issue(params)));
        let connector = Connector::builder().tls(trusting(&authority)).build();
        let host = Host::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let endpoint = Endpoint::new(host, addr.port(), Security::Tls);
        let error = failure(&connector, &endpoint).await;
        let kind = ConnectErrorKind::Tls(TlsErrorKind::WrongName);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(serving.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority() {
    let stranger = Authority::new();
    let config = both_versions(&stranger.identity("a.test"));
    let error = failure_with(&Authority::new(), config).await;
    let words = "the certificate's issuer is not trusted";
    assert_says(&error, TlsErrorKind::UnknownIssuer, words);
}

#[tokio::test]
async fn the_public_roots_do_not_know_our_authority() {
    let config = both_versions(&Authority::new().identity("a.test"));
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, config);
    let connector = knowing(&[addr]).build();
    let error = failure(&connector, &tls("a.test")).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::UnknownIssuer);
    assert_eq!(error.kind(), kind);
    assert!(serving.await.unwrap().is_err());
}

#[tokio::test]
async fn a_certificate_for_clients() {
    let mut params = server(&["a.test"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let error = failure_of_certificate(params).await;
    let words = "the certificate is not meant for a server";
    assert_says(&error, TlsErrorKind::WrongPurpose, words);
}

/// As `openssl req -x509` makes them.
#[tokio::test]
async fn a_self_signed_certificate_of_an_authority() {
    let mut params = CertificateParams::default();
    params.subject_alt_names = server(&["a.test"]).subject_alt_names;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let identity = Identity::self_signed(params);
    let root = identity.certificate.clone();
    for settings in [
        trusting_by(&Authority::new()),
        trusting_by(&Authority::new()).add_root_der(root),
    ] {
        let (listener, addr) = listen().await;
        let serving = serve_one(listener, both_versions(&identity));
        let connector = knowing(&[addr]).tls(settings.build().unwrap()).build();
        let error = failure(&connector, &tls("a.test")).await;
        let words = "the certificate is an authority's and cannot be a server's as well";
        assert_says(&error, TlsErrorKind::OwnAuthority, words);
        assert!(serving.await.unwrap().is_err());
    }
}

/// A server that shows this chain, and signs with a key that need not be the certificate's.
async fn failure_of_chain(authority: &Authority, chain: Vec<Vec<u8>>) -> ConnectError {
    let other = authority.identity("a.test");
    let key = other.key.serialize_der().try_into().unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let chain = chain.into_iter().map(Into::into).collect();
    let shown = rustls::sign::CertifiedKey::new(chain, key);
    let mut config = both_versions(&other);
    config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(shown));
    failure_with(authority, config).await
}

#[tokio::test]
async fn a_signature_by_another_key_than_the_certificates() {
    let authority = Authority::new();
    let chain = vec![authority.identity("a.test").certificate];
    let error = failure_of_chain(&authority, chain).await;
    let words = "a signature is wrong or of an unsupported kind";
    assert_says(&error, TlsErrorKind::BadSignature, words);
}

#[tokio::test]
async fn a_certificate_that_is_none() {
    let error = failure_of_chain(&Authority::new(), vec![vec![1, 2, 3]]).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::BadCertificate);
    assert_eq!(error.kind(), kind, "{error}");
    let words = "failed: the certificate is malformed or breaks a rule: ";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn no_certificate_at_all() {
    let error = failure_of_chain(&Authority::new(), Vec::new()).await;
    let words = "the server sent no certificate";
    assert_says(&error, TlsErrorKind::NoCertificate, words);
}

#[tokio::test]
async fn a_server_that_speaks_h2_only() {
    let authority = Authority::new();
    let mut config = both_versions(&authority.identity("a.test"));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let error = failure_with(&authority, config).await;
    assert_eq!(error.kind(), ConnectErrorKind::AlpnMismatch);
    let words = "TLS handshake with a.test:443 failed: the server does not speak HTTP/1.1 (";
    assert!(error.to_string().starts_with(words), "{error}");
}

/// A configuration of the user's own may offer more than we speak.
#[tokio::test]
async fn a_server_that_picks_h2_although_we_cannot_is_told_goodbye() {
    let authority = Authority::new();
    let provider = rustls::crypto::ring::default_provider();
    let mut client = client_config(&authority, provider, rustls::ALL_VERSIONS);
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut config = both_versions(&authority.identity("a.test"));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, config);
    let connector = knowing(&[addr])
        .tls(TlsSettings::from_rustls(client.into()))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    assert_eq!(error.kind(), ConnectErrorKind::AlpnMismatch);
    // Its handshake is over: without close_notify this would be an error.
    let mut accepted = serving.await.unwrap().unwrap();
    assert_eq!(soon(accepted.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_version_that_the_server_does_not_speak() {
    let authority = Authority::new();
    let provider = rustls::crypto::ring::default_provider();
    let client = client_config(&authority, provider, &[&rustls::version::TLS12]);
    let identity = authority.identity("a.test");
    let config = server_config(&identity, &[&rustls::version::TLS13]);
    let (listener, addr) = listen().await;
    let _serving = serve_one(listener, config);
    let connector = knowing(&[addr])
        .tls(TlsSettings::from_rustls(client.into()))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    let words = "no version or cipher in common: ProtocolVersion";
    assert_says(&error, TlsErrorKind::Incompatible, words);
}

#[tokio::test]
async fn a_server_that_speaks_none_of_our_ciphers() {
    let authority = Authority::new();
    let mut provider = rustls::crypto::ring::default_provider();
    // Which takes another kind of key than the server has.
    let suite = rustls::crypto::ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    provider.cipher_suites = vec![suite];
    let client = client_config(&authority, provider, &[&rustls::version::TLS12]);
    let config = both_versions(&authority.identity("a.test"));
    let (listener, addr) = listen().await;
    let _serving = serve_one(listener, config);
    let connector = knowing(&[addr])
        .tls(TlsSettings::from_rustls(client.into()))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    let words = "no version or cipher in common, or no client certificate: HandshakeFailure";
    assert_says(&error, TlsErrorKind::Incompatible, words);
}

#[tokio::test]
async fn a_server_that_speaks_plain_http() {
    let error = failure_of(|mut socket| async move {
        let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        socket.write_all(answer).await.unwrap();
        std::future::pending().await
    })
    .await;
    let words = "what the server sent is no TLS";
    assert_says(&error, TlsErrorKind::NotTls, words);
}

#[tokio::test]
async fn a_server_that_sends_an_alert() {
    let error = failure_of(|mut socket| async move {
        // A fatal unrecognized_name.
        let alert = [21, 3, 3, 0, 2, 2, 112];
        socket.write_all(&alert).await.unwrap();
        std::future::pending().await
    })
    .await;
    let words = "the server sent an alert: UnrecognisedName";
    assert_says(&error, TlsErrorKind::Alert, words);
}

#[tokio::test]
async fn a_server_that_sends_a_malformed_message() {
    let error = failure_of(|mut socket| async move {
        // A record of a handshake that is empty.
        socket.write_all(&[22, 3, 3, 0, 0]).await.unwrap();
        std::future::pending().await
    })
    .await;
    let words = "the server broke the rules of TLS: \
                 received corrupt message of type InvalidEmptyPayload";
    assert_says(&error, TlsErrorKind::Protocol, words);
}

#[tokio::test]
async fn a_server_that_closes() {
    let error = failure_of(|mut socket| async move {
        // Reading what was sent makes it an orderly end and no reset.
        let _ = socket.read(&mut [0; 4096]).await;
        drop(socket);
    })
    .await;
    let words = "the connection ended during the handshake: tls handshake eof";
    assert_says(&error, TlsErrorKind::Closed, words);
}

#[tokio::test]
async fn a_server_that_resets() {
    let error = failure_of(|socket| async move { reset(socket) }).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::Closed);
    assert_eq!(error.kind(), kind, "{error}");
}

#[tokio::test]
async fn a_server_that_stalls() {
    let error = failure_of(|socket| async move {
        let _open = socket;
        std::future::pending().await
    })
    .await;
    let phase = Phase::Tls;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    assert_eq!(error.phase(), Phase::Tls);
    let text = error.to_string();
    let words = "TLS handshake with a.test:443 failed: timed out after 1";
    assert!(text.starts_with(words), "{text}");
    let addr = error.attempts()[0].addr;
    assert!(text.contains(&format!(" ({addr} after 1")), "{text}");
}

#[tokio::test]
async fn a_name_that_no_certificate_can_hold_fails_before_it_is_looked_up() {
    for name in ["a..test", "127.1", "127.0.0.1."] {
        let connector = Connector::builder().resolver(Nobody).build();
        let error = failure(&connector, &tls(name)).await;
        let kind = TlsErrorKind::InvalidServerName;
        assert_eq!(error.kind(), ConnectErrorKind::Tls(kind));
        assert_eq!(error.phase(), Phase::Tls);
        let words = "the host's name cannot stand in a certificate";
        let text = format!("TLS handshake with {name}:443 failed: {words}");
        assert_eq!(error.to_string(), text);
    }
}

struct Nobody;

impl Resolve for Nobody {
    fn resolve(&self, name: &str) -> Answers {
        panic!("{name} was looked up")
    }
}
