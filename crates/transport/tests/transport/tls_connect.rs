//! TLS handshakes that succeed, and what is told of them.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use postrider_transport::{Connector, Endpoint, Host, Security, Stream, TlsSettings, TlsVersion};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::authority::{Authority, server, server_at};
use crate::support::{knowing, listen, listen_at, soon};
use crate::tls_server::{
    Server, acceptor, both_versions, knowing_and_trusting, serve_one, server_config, tls, trusting,
};

#[tokio::test]
async fn tls_1_3_is_preferred_and_its_facts_are_told() {
    let authority = Authority::new();
    let server = Server::with(&authority, both_versions(&authority.identity("a.test"))).await;
    let (connected, mut far) = server.connect().await;
    let facts = connected.facts.tls.unwrap();
    assert_eq!(facts.version, TlsVersion::Tls13);
    assert_eq!(facts.cipher, "TLS_AES_256_GCM_SHA384");
    assert_eq!(facts.key_exchange, Some("X25519"));
    assert_eq!(facts.alpn, None);
    assert!(!facts.resumed);
    assert!(connected.facts.handshake.is_some());
    assert!(connected.stream.is_secure());

    let mut stream = connected.stream;
    stream.write_all(b"ping").await.unwrap();
    stream.flush().await.unwrap();
    let mut room = [0; 4];
    far.read_exact(&mut room).await.unwrap();
    far.write_all(b"pong").await.unwrap();
    far.flush().await.unwrap();
    stream.read_exact(&mut room).await.unwrap();
    assert_eq!(&room, b"pong");
}

#[tokio::test]
async fn tls_1_2_is_spoken() {
    let server = Server::with_versions(&[&rustls::version::TLS12]).await;
    let (connected, _far) = server.connect().await;
    let facts = connected.facts.tls.unwrap();
    assert_eq!(facts.version, TlsVersion::Tls12);
    assert_eq!(facts.version.to_string(), "TLS 1.2");
}

#[tokio::test]
async fn http_1_1_is_offered_by_alpn_and_nothing_else() {
    let authority = Authority::new();
    let mut config = both_versions(&authority.identity("a.test"));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let server = Server::with(&authority, config).await;
    let (connected, far) = server.connect().await;
    assert_eq!(connected.facts.tls.unwrap().alpn, Some("http/1.1"));
    assert_eq!(far.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn the_name_is_sent_without_its_dot_and_addresses_are_not_sent() {
    if !testing::has_ipv6() {
        return;
    }
    let authority = Authority::new();
    let server = Server::with(&authority, both_versions(&authority.identity("a.test"))).await;
    let endpoint = tls("a.test.");
    let (connected, accepted) = tokio::join!(server.connector.connect(&endpoint), async {
        let (socket, _) = server.listener.accept().await.unwrap();
        server.acceptor.accept(socket).await.unwrap()
    });
    connected.unwrap();
    assert_eq!(accepted.get_ref().1.server_name(), Some("a.test"));

    for ip in ["127.0.0.1", "::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        let (listener, addr) = listen_at(&std::net::SocketAddr::new(ip, 0).to_string()).await;
        let serving = serve_one(listener, both_versions(&authority.issue(server_at(ip))));
        let endpoint = Endpoint::new(Host::Ip(ip), addr.port(), Security::Tls);
        let connector = Connector::builder().tls(trusting(&authority)).build();
        connector.connect(&endpoint).await.unwrap();
        let far = serving.await.unwrap().unwrap();
        assert_eq!(far.get_ref().1.server_name(), None);
    }
}

/// RFC 6874 §4: the zone is a matter of this machine's.
#[tokio::test]
async fn an_address_with_a_zone_is_verified_without_it() {
    let authority = Authority::new();
    let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let acceptor = acceptor(both_versions(&authority.issue(server_at(ip.into()))));
    let connector = Connector::builder().tls(trusting(&authority)).build();
    let endpoint = Endpoint::new(Host::ZonedIp(ip, "eth0".into()), 443, Security::Tls);
    let (ours, theirs) = duplex(64 * 1024);
    let securing = connector.secure(Stream::custom(ours), &endpoint);
    let (secured, accepted) = tokio::join!(soon(securing), acceptor.accept(theirs));
    secured.unwrap();
    assert_eq!(accepted.unwrap().get_ref().1.server_name(), None);
}

#[tokio::test]
async fn a_wildcard_stands_for_one_whole_label() {
    let authority = Authority::new();
    let (listener, addr) = listen().await;
    let serving = serve_one(
        listener,
        both_versions(&authority.issue(server(&["*.a.test"]))),
    );
    let connector = knowing(&[])
        .resolve_override("x.a.test", [addr])
        .tls(trusting(&authority))
        .build();
    connector.connect(&tls("x.a.test")).await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn sessions_are_resumed_with_the_same_settings_only() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let authority = Authority::new();
        let config = server_config(&authority.identity("a.test"), &[version]);
        let server = Server::with(&authority, config).await;
        let addr = server.listener.local_addr().unwrap();

        let (connected, mut far) = server.connect().await;
        assert!(!connected.facts.tls.unwrap().resumed);
        // The tickets of TLS 1.3 come after the handshake, and are taken in by a read.
        let mut stream = connected.stream;
        far.write_all(b"x").await.unwrap();
        far.flush().await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
        let (again, _far) = server.connect().await;
        assert!(again.facts.tls.unwrap().resumed, "{version:?}");

        let other = Server {
            connector: knowing_and_trusting(&[addr], &authority).build(),
            ..server
        };
        let (stranger, _far) = other.connect().await;
        assert!(!stranger.facts.tls.unwrap().resumed);
    }
}

#[tokio::test]
async fn roots_can_be_given_in_pem() {
    let authorities = [(); 3].map(|()| Authority::new());
    // By a program that begins with a byte order mark, from files without a newline at their ends.
    let [first, second, third] = authorities.each_ref().map(|authority| authority.pem());
    let text = format!(
        "\u{feff}{}\r\n# 2 and 3\r\n{}{third}",
        first.trim(),
        second.trim()
    );
    let settings = TlsSettings::builder()
        .add_roots_pem(text)
        .only_added_roots();
    let settings = settings.build().unwrap();
    for authority in authorities {
        let (listener, addr) = listen().await;
        let serving = serve_one(listener, both_versions(&authority.identity("a.test")));
        let connector = knowing(&[addr]).tls(settings.clone()).build();
        connector.connect(&tls("a.test")).await.unwrap();
        serving.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_configuration_of_rustls_is_used_as_it_is() {
    let authority = Authority::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, both_versions(&authority.identity("a.test")));
    let settings = TlsSettings::from_rustls(Arc::new(config));
    let connector = knowing(&[addr]).tls(settings).build();
    let facts = connector.connect(&tls("a.test")).await.unwrap().facts;
    assert_eq!(facts.tls.unwrap().version, TlsVersion::Tls12);
    serving.await.unwrap().unwrap();
}

/// A secure endpoint over a stream of the user's own, and TLS inside TLS, as over a TLS proxy.
#[tokio::test]
async fn tls_goes_over_any_stream_even_over_tls() {
    let authority = Authority::new();
    let (ours, theirs) = duplex(4096);
    let acceptor_of = |name| acceptor(both_versions(&authority.identity(name)));
    let (outer, inner) = (acceptor_of("proxy.test"), acceptor_of("a.test"));
    let far = tokio::spawn(async move {
        let outside = outer.accept(theirs).await.unwrap();
        let mut inside = inner.accept(outside).await.unwrap();
        let mut room = [0; 4];
        inside.read_exact(&mut room).await.unwrap();
        inside.write_all(&room).await.unwrap();
        inside.flush().await.unwrap();
        inside.read(&mut room).await
    });

    let ours = std::sync::Mutex::new(Some(ours));
    let connector = Connector::builder()
        .tls(trusting(&authority))
        .connect_with(move |_| {
            let ours = ours.lock().unwrap().take();
            async move { ours.ok_or_else(|| std::io::Error::other("only once")) }
        })
        .build();
    let connected = connector.connect(&tls("proxy.test")).await.unwrap();
    assert!(connected.facts.tls.is_some());
    let secured = connector.secure(connected.stream, &tls("a.test")).await;
    let (mut stream, facts): (Stream, _) = secured.unwrap();
    assert_eq!(facts.version, TlsVersion::Tls13);

    let before = stream.written();
    stream.write_all(b"ping").await.unwrap();
    stream.flush().await.unwrap();
    // Two records around four bytes, each with a header and a tag.
    assert_eq!(stream.written() - before, 4 + 2 * 22);
    let mut room = [0; 4];
    soon(stream.read_exact(&mut room)).await.unwrap();
    assert_eq!(&room, b"ping");
    assert!(stream.is_alive(postrider_transport::Probe::Kernel));

    // The close_notify of the inner session arrives through the outer one.
    drop(stream);
    assert_eq!(soon(far).await.unwrap().unwrap(), 0);
}

#[test]
fn settings_are_equal_to_their_clones_only() {
    let build = || TlsSettings::builder().build().unwrap();
    let settings = build();
    let hash = |settings: &TlsSettings| {
        use std::hash::BuildHasher;
        std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(settings)
    };
    assert_eq!(settings, settings.clone());
    assert_eq!(hash(&settings), hash(&settings.clone()));
    assert_ne!(settings, build());
}
