//! TLS settings and server names of one connection in the place of its connector's.

use std::time::Duration;

use postrider_transport::{ConnectErrorKind, Endpoint, ServerName, Stream, TlsErrorKind};

use crate::authority::{Authority, server, server_at};
use crate::options::with;
use crate::support::{closed_port, failure, knowing, listen, plain_at};
use crate::tls_server::{both_versions, knowing_and_trusting, serve_one, tls, trusting_by};

fn asking_for(name: &str, endpoint: Endpoint) -> Endpoint {
    with(endpoint, |o| o.server_name = ServerName::parse(name).ok())
}

#[tokio::test]
async fn an_own_server_name_is_asked_for_and_verified() {
    let authority = Authority::new();
    // It wins over the host, and over the name that the settings ask for.
    let settings = trusting_by(&authority).server_name("c.test").build();
    let settings = settings.unwrap();
    for name in ["b.test", "B.TEST."] {
        let (listener, addr) = listen().await;
        let connector = knowing(&[addr]).tls(settings.clone()).build();
        let serving = serve_one(listener, both_versions(&authority.identity("b.test")));
        let endpoint = asking_for(name, tls("a.test"));
        connector.connect(&endpoint).await.unwrap();
        let far = serving.await.unwrap().unwrap();
        assert_eq!(far.get_ref().1.server_name(), Some("b.test"));
    }
}

#[tokio::test]
async fn an_address_may_be_asked_for_and_the_host_itself_is_not_enough() {
    let authority = Authority::new();
    let there = "192.0.2.7".parse().unwrap();
    let asked = asking_for("192.0.2.7", tls("a.test"));

    let (listener, addr) = listen().await;
    let connector = knowing_and_trusting(&[addr], &authority).build();
    let serving = serve_one(listener, both_versions(&authority.issue(server_at(there))));
    connector.connect(&asked).await.unwrap();
    let far = serving.await.unwrap().unwrap();
    assert_eq!(far.get_ref().1.server_name(), None);

    let (listener, addr) = listen().await;
    let connector = knowing_and_trusting(&[addr], &authority).build();
    let identity = authority.issue(server(&["a.test"]));
    let serving = serve_one(listener, both_versions(&identity));
    let error = failure(&connector, &asked).await;
    assert_eq!(error.kind(), ConnectErrorKind::Tls(TlsErrorKind::WrongName));
    assert!(serving.await.unwrap().is_err());
}

#[tokio::test]
async fn own_settings_decide_whom_to_trust() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let settings = trusting_by(&theirs).build().unwrap();
    let own = with(tls("a.test"), |o| o.tls = Some(settings.clone()));
    assert_ne!(own, tls("a.test"));
    assert_eq!(own, with(tls("a.test"), |o| o.tls = Some(settings)));

    for (endpoint, is_trusted) in [(own, true), (tls("a.test"), false)] {
        let (listener, addr) = listen().await;
        let connector = knowing_and_trusting(&[addr], &ours).build();
        let serving = serve_one(listener, both_versions(&theirs.identity("a.test")));
        let outcome = connector.connect(&endpoint).await;
        assert_eq!(outcome.is_ok(), is_trusted);
        assert_eq!(serving.await.unwrap().is_ok(), is_trusted);
    }
}

#[tokio::test]
async fn a_tunnel_is_secured_by_the_endpoints_own_settings() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (listener, addr) = listen().await;
    let serving = serve_one(listener, both_versions(&theirs.identity("b.test")));
    let connector = knowing_and_trusting(&[addr], &ours).build();
    let tunnel = connector.connect(&plain_at(addr)).await.unwrap().stream;
    let endpoint = with(tls("a.test"), |o| {
        o.tls = trusting_by(&theirs).build().ok();
        o.server_name = ServerName::parse("b.test").ok();
    });
    let (stream, _): (Stream, _) = connector.secure(tunnel, &endpoint).await.unwrap();
    assert!(stream.is_secure());
    let far = serving.await.unwrap().unwrap();
    assert_eq!(far.get_ref().1.server_name(), Some("b.test"));
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_whose_far_end_is_silent_costs_the_handshakes_time() {
    let authority = Authority::new();
    let connector = knowing_and_trusting(&[], &authority)
        .connect_timeout(Duration::from_secs(1))
        .tls_timeout(Duration::from_secs(3))
        .build();
    let (near, _far) = tokio::io::duplex(1 << 16);
    let began = tokio::time::Instant::now();
    let outcome = connector.secure(Stream::custom(near), &tls("a.test")).await;
    let error = outcome.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 3);
    assert_eq!(
        error.to_string(),
        "TLS handshake with a.test:443 failed: timed out after 3.0 s"
    );
}

/// Nothing of it matters where nothing is secured.
#[tokio::test]
async fn a_server_name_does_not_secure_a_plain_endpoint() {
    let addr = closed_port().await;
    let connector = knowing(&[addr]).build();
    let endpoint = asking_for("b.test", plain_at(addr));
    let error = failure(&connector, &endpoint).await;
    assert_eq!(error.kind(), ConnectErrorKind::Refused);
}
