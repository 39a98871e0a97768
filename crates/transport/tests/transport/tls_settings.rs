//! What TLS can be told: whom to refuse, who we are, what to ask for. A little over 400 lines:
//! every setting, side by side.

use std::sync::Arc;

use postrider_transport::{
    ConnectError, ConnectErrorKind, Connected, Connector, TlsErrorKind, TlsSettings,
    TlsSettingsBuilder, TlsSettingsError, TlsVersion,
};
use rcgen::{PublicKeyData, SerialNumber};
use rustls::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{Authority, Identity, expired, revocation_list, server};
use crate::support::{knowing, listen, soon};
use crate::tls_server::{
    Server, both_versions, chain_config, serve_one, server_config, tls, trusting_by,
};

/// Connects with the settings to a server of this identity.
pub(crate) async fn connect_to(
    config: ServerConfig,
    settings: TlsSettings,
) -> Result<Connected, Box<ConnectError>> {
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, config);
    let connector = knowing(&[addr]).tls(settings).build();
    let endpoint = tls("a.test");
    let outcome = soon(connector.connect(&endpoint)).await;
    assert_eq!(serving.await.unwrap().is_ok(), outcome.is_ok());
    outcome.map_err(Box::new)
}

fn with_serial(authority: &Authority, serial: u64) -> Identity {
    let mut params = server(&["a.test"]);
    params.serial_number = Some(SerialNumber::from(serial));
    authority.issue(params)
}

pub(crate) fn kind(outcome: Result<Connected, Box<ConnectError>>) -> ConnectErrorKind {
    outcome.unwrap_err().kind()
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_others_of_the_list_are_not() {
    let authority = Authority::new();
    let list = revocation_list(&authority, &[7, 8], 2090);
    let settings = trusting_by(&authority)
        .add_revocation_list_der(list)
        .build()
        .unwrap();
    let good = both_versions(&with_serial(&authority, 6));
    connect_to(good, settings.clone()).await.unwrap();
    let revoked = both_versions(&with_serial(&authority, 7));
    let error = connect_to(revoked, settings).await.unwrap_err();
    let kind = ConnectErrorKind::Tls(TlsErrorKind::Revoked);
    assert_eq!(error.kind(), kind);
    let words = "TLS handshake with a.test:443 failed: the certificate was revoked (";
    assert!(error.to_string().starts_with(words), "{error}");
}

#[tokio::test]
async fn where_lists_are_given_one_must_cover_the_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    let list = revocation_list(&other, &[], 2090);
    let settings = trusting_by(&authority)
        .add_revocation_list_der(list)
        .build()
        .unwrap();
    let config = both_versions(&authority.identity("a.test"));
    let outcome = connect_to(config, settings).await;
    let expected = ConnectErrorKind::Tls(TlsErrorKind::UnknownRevocation);
    assert_eq!(kind(outcome), expected);
}

#[tokio::test]
async fn where_lists_are_given_authorities_in_between_must_be_covered_too() {
    let root = Authority::new();
    let between = root.intermediate(5);
    let identity = between.identity("a.test");
    let config = || chain_config(&identity, &[&between], rustls::ALL_VERSIONS);
    let of_root = |serials: &[u64]| revocation_list(&root, serials, 2090);
    let of_between = || revocation_list(&between, &[], 2090);
    let settings = |lists: Vec<Vec<u8>>| {
        let add = TlsSettingsBuilder::add_revocation_list_der;
        let builder = lists.into_iter().fold(trusting_by(&root), add);
        builder.build().unwrap()
    };
    for lists in [vec![], vec![of_root(&[]), of_between()]] {
        connect_to(config(), settings(lists)).await.unwrap();
    }
    for (lists, expected) in [
        (vec![of_between()], TlsErrorKind::UnknownRevocation),
        (vec![of_root(&[])], TlsErrorKind::UnknownRevocation),
        (vec![of_root(&[5]), of_between()], TlsErrorKind::Revoked),
    ] {
        let outcome = connect_to(config(), settings(lists)).await;
        assert_eq!(kind(outcome), ConnectErrorKind::Tls(expected));
    }
}

#[tokio::test]
async fn a_list_that_is_out_of_date_fails_the_handshake() {
    let authority = Authority::new();
    let list = revocation_list(&authority, &[], 2021);
    let settings = trusting_by(&authority)
        .add_revocation_list_der(list)
        .build()
        .unwrap();
    let config = both_versions(&authority.identity("a.test"));
    let outcome = connect_to(config, settings).await;
    let expected = ConnectErrorKind::Tls(TlsErrorKind::ExpiredRevocationList);
    assert_eq!(kind(outcome), expected);
}

#[tokio::test]
async fn a_list_that_cannot_be_relied_on_fails_the_handshake() {
    // As an authority that has changed its key and kept its name.
    let (old, new) = (Authority::named("lists"), Authority::named("lists"));
    let settings = trusting_by(&new)
        .add_revocation_list_der(revocation_list(&old, &[], 2090))
        .build()
        .unwrap();
    let config = both_versions(&new.identity("a.test"));
    let error = connect_to(config, settings).await.unwrap_err();
    let kind = ConnectErrorKind::Tls(TlsErrorKind::BadRevocationList);
    assert_eq!(error.kind(), kind);
    let words = "failed: a revocation list cannot be relied on: its signature is wrong (";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn only_a_pinned_key_is_accepted() {
    let authority = Authority::new();
    let identity = authority.identity("a.test");
    let pin = sha256(&identity.key.subject_public_key_info());
    let pinned = |pin| trusting_by(&authority).pin_public_key(pin);

    let settings = pinned([0; 32]).pin_public_key(pin).build().unwrap();
    connect_to(both_versions(&identity), settings)
        .await
        .unwrap();
    let settings = pinned([0; 32]).build().unwrap();
    let error = connect_to(both_versions(&identity), settings).await;
    let error = error.unwrap_err();
    let expected = ConnectErrorKind::Tls(TlsErrorKind::UnknownKey);
    assert_eq!(error.kind(), expected);
    let words =
        "TLS handshake with a.test:443 failed: the server's key is none of the pinned keys (";
    assert!(error.to_string().starts_with(words), "{error}");

    // A pin excuses nothing else.
    let stale = authority.issue(expired(server(&["a.test"])));
    let pin = sha256(&stale.key.subject_public_key_info());
    let outcome = connect_to(both_versions(&stale), pinned(pin).build().unwrap()).await;
    assert_eq!(kind(outcome), ConnectErrorKind::Tls(TlsErrorKind::Expired));
}

fn sha256(data: &[u8]) -> [u8; 32] {
    let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let suite = suite.tls13().unwrap();
    let digest = suite.common.hash_provider.hash(data);
    digest.as_ref().try_into().unwrap()
}

#[tokio::test]
async fn danger_accepts_any_certificate_but_no_stranger_to_a_pin() {
    let stranger = Authority::new().issue(expired(server(&["b.test"])));
    let dangerous = || TlsSettings::builder().danger_accept_invalid_certificates();
    for version in rustls::ALL_VERSIONS {
        let config = server_config(&stranger, &[version]);
        connect_to(config, dangerous().build().unwrap())
            .await
            .unwrap();
    }
    let pinned = dangerous().pin_public_key([0; 32]).build().unwrap();
    let outcome = connect_to(both_versions(&stranger), pinned).await;
    let expected = ConnectErrorKind::Tls(TlsErrorKind::UnknownKey);
    assert_eq!(kind(outcome), expected);
}

/// Certificates are public: a server that shows one must hold its key, however little else is asked
/// of it.
#[tokio::test]
async fn a_certificate_without_its_key_is_refused_by_pins_and_dangerous_settings_too() {
    let authority = Authority::new();
    let (honest, thief) = (authority.identity("a.test"), authority.identity("a.test"));
    let pin = sha256(&honest.key.subject_public_key_info());
    let key = thief.key.serialize_der().try_into().unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let shown = CertifiedKey::new(vec![honest.certificate.into()], key);
    let shown = Arc::new(SingleCertAndKey::from(shown));
    for version in rustls::ALL_VERSIONS {
        let dangerous = || TlsSettings::builder().danger_accept_invalid_certificates();
        for settings in [
            trusting_by(&authority),
            trusting_by(&authority).pin_public_key(pin),
            dangerous(),
            dangerous().pin_public_key(pin),
        ] {
            let mut config = server_config(&thief, &[version]);
            config.cert_resolver = Arc::clone(&shown) as _;
            let outcome = connect_to(config, settings.build().unwrap()).await;
            let expected = ConnectErrorKind::Tls(TlsErrorKind::BadSignature);
            assert_eq!(kind(outcome), expected);
        }
    }
}

#[tokio::test]
async fn danger_means_the_same_before_and_after_other_settings() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let builder = TlsSettings::builder;
    for settings in [
        builder()
            .danger_accept_invalid_certificates()
            .add_root_der(authority.der())
            .only_added_roots(),
        builder()
            .add_root_der(authority.der())
            .only_added_roots()
            .danger_accept_invalid_certificates(),
    ] {
        let config = both_versions(&stranger.identity("a.test"));
        connect_to(config, settings.build().unwrap()).await.unwrap();
    }
}

#[cfg(feature = "platform-verifier")]
#[test]
fn the_platforms_roots_cannot_be_trusted_beside_only_added_ones() {
    let root = Authority::new().der();
    let builder = || TlsSettings::builder().add_root_der(root.clone());
    for settings in [
        builder().only_added_roots().platform_verifier(),
        builder().platform_verifier().only_added_roots(),
    ] {
        let error = settings.build().unwrap_err();
        assert!(matches!(error, TlsSettingsError::ContradictoryRoots));
        assert_eq!(
            error.to_string(),
            "only added roots were to be trusted, and the platform verifier trusts others"
        );
    }
}

#[cfg(feature = "platform-verifier")]
#[test]
fn what_the_platform_verifier_cannot_take_is_told_for_what_it_is() {
    let builder = || TlsSettings::builder().platform_verifier();
    for (builder, words) in [
        (
            builder().add_root_der([1, 2, 3]),
            "a root certificate is bad: it cannot be read as DER",
        ),
        (
            builder().add_revocation_list_der([1, 2, 3]),
            "the platform verifier takes no revocation lists",
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), words);
    }
}

#[tokio::test]
async fn another_name_than_the_hosts_can_be_asked_for() {
    let authority = Authority::new();
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, both_versions(&authority.identity("b.test")));
    let settings = trusting_by(&authority)
        .server_name("b.test")
        .build()
        .unwrap();
    let connector = knowing(&[addr]).tls(settings).build();
    connector.connect(&tls("a.test")).await.unwrap();
    let far = serving.await.unwrap().unwrap();
    assert_eq!(far.get_ref().1.server_name(), Some("b.test"));
}

#[tokio::test]
async fn an_old_version_can_be_refused() {
    let authority = Authority::new();
    let settings = trusting_by(&authority)
        .oldest_version(TlsVersion::Tls13)
        .build()
        .unwrap();
    let identity = authority.identity("a.test");
    let config = server_config(&identity, &[&rustls::version::TLS12]);
    let outcome = connect_to(config, settings.clone()).await;
    let expected = ConnectErrorKind::Tls(TlsErrorKind::Incompatible);
    assert_eq!(kind(outcome), expected);
    connect_to(both_versions(&identity), settings)
        .await
        .unwrap();
}

#[tokio::test]
async fn sessions_are_not_resumed_where_none_are_remembered() {
    let authority = Authority::new();
    let mut server = Server::with(&authority, both_versions(&authority.identity("a.test"))).await;
    let addr = server.listener.local_addr().unwrap();
    let settings = trusting_by(&authority)
        .remembered_sessions(0)
        .build()
        .unwrap();
    server.connector = knowing(&[addr]).tls(settings).build();
    for _ in 0..2 {
        let (connected, mut far) = server.connect().await;
        assert!(!connected.facts.tls.unwrap().resumed);
        let mut stream = connected.stream;
        far.write_all(b"x").await.unwrap();
        far.flush().await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
    }
}

#[tokio::test]
async fn sessions_are_remembered_for_as_many_servers_as_asked() {
    // Where there is room for one, each connection has the other name forgotten.
    for (servers, are_resumed) in [(1, false), (2, true), (usize::MAX, true)] {
        let authority = Authority::new();
        let config = both_versions(&authority.issue(server(&["a.test", "b.test"])));
        let mut server = Server::with(&authority, config).await;
        let addr = server.listener.local_addr().unwrap();
        let settings = trusting_by(&authority).remembered_sessions(servers);
        server.connector = Connector::builder()
            .resolve_override("a.test", [addr])
            .resolve_override("b.test", [addr])
            .tls(settings.build().unwrap())
            .build();
        for (name, is_resumed) in [
            ("a.test", false),
            ("b.test", false),
            ("a.test", are_resumed),
            ("b.test", are_resumed),
        ] {
            let endpoint = tls(name);
            let connecting = server.connector.connect(&endpoint);
            let (connected, mut far) = tokio::join!(connecting, server.accept());
            let connected = connected.unwrap();
            let resumed = connected.facts.tls.unwrap().resumed;
            assert_eq!(resumed, is_resumed, "{name} of {servers}");
            let mut stream = connected.stream;
            far.write_all(b"x").await.unwrap();
            far.flush().await.unwrap();
            soon(stream.read_exact(&mut [0])).await.unwrap();
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    fn error(builder: TlsSettingsBuilder) -> String {
        let error: TlsSettingsError = builder.build().unwrap_err();
        error.to_string()
    }
    let builder = TlsSettings::builder;
    assert_eq!(
        error(builder().only_added_roots()),
        "no root certificate is left to trust"
    );
    assert_eq!(
        error(builder().add_roots_pem("nothing here")),
        "a text of root certificates in PEM holds none"
    );
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert_eq!(
        error(builder().add_roots_pem(broken)),
        "a text of root certificates is no PEM"
    );
    for (text, what) in [(broken, "it is no PEM"), ("nothing", "its PEM holds none")] {
        let text = text.replace("CERTIFICATE", "X509 CRL");
        assert_eq!(
            error(builder().add_revocation_lists_pem(text.clone())),
            format!("a revocation list is bad: {what}")
        );
        let text = text.replace("X509 CRL", "CERTIFICATE");
        assert_eq!(
            error(builder().client_certificate_pem(text, "")),
            format!("the client certificate is bad: {what}")
        );
    }
    // As PEM is for who takes it for DER.
    for bytes in [broken.as_bytes(), &[1, 2, 3], &[]] {
        assert_eq!(
            error(builder().add_root_der(bytes)),
            "a root certificate is bad: it cannot be read as DER"
        );
        assert_eq!(
            error(builder().add_revocation_list_der(bytes)),
            "a revocation list is bad: it cannot be read as DER"
        );
    }
    assert_eq!(
        error(builder().server_name("no name")),
        "the server name is neither a DNS name nor an address"
    );

    let authority = Authority::new();
    let (one, other) = (authority.client(), authority.client());
    let identity = |key: String| builder().client_certificate_pem(one.certificate_pem.clone(), key);
    assert!(identity(one.key.serialize_pem()).build().is_ok());
    // As one file, which has no newline in between.
    let all = one.certificate_pem.trim().to_owned() + &one.key.serialize_pem();
    let whole = builder().client_certificate_pem(all.clone(), all);
    assert!(whole.build().is_ok());
    for key in [
        "nothing here",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    ] {
        assert_eq!(
            error(identity(key.to_owned())),
            "the client certificate's key cannot be read (it must be in PEM and not encrypted)"
        );
    }
    let no_der = broken.replace('!', "AAAA");
    assert_eq!(
        error(builder().client_certificate_pem(no_der, one.key.serialize_pem())),
        "the client certificate is bad: it cannot be read as DER"
    );
    let bad = error(identity(other.key.serialize_pem()));
    assert!(bad.starts_with("the client certificate is bad: "), "{bad}");
}
