//! The resolver in its place, beneath a connector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use tokio::net::TcpListener;
use transport::{ConnectErrorKind, Connector, ConnectorBuilder, Endpoint, Host, Phase, Security};

use crate::server::{Answer, Says, Server};
use crate::support::{asking, both_families};

fn connector(server: &Server) -> ConnectorBuilder {
    let resolver = asking(server).timeout(Duration::from_millis(500));
    Connector::builder().resolver(resolver)
}

fn plain(name: &str, port: u16) -> Endpoint {
    Endpoint::new(Host::Name(name.into()), port, Security::Plain)
}

/// RFC 8305 §3: IPv4 waits 50 ms for IPv6, and no longer.
#[tokio::test]
async fn a_slow_aaaa_answer_costs_the_resolution_delay() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start(|_, family| match family {
        RecordType::A => Answer::addresses(["127.0.0.1"]),
        _ => Answer::addresses(["::1"]).after(1000),
    });
    let connector = connector(&server.await).build();
    let addr = listener.local_addr().unwrap();
    let began = Instant::now();
    let connected = connector.connect(&plain("a.test", addr.port())).await;
    let took = began.elapsed().as_millis();
    assert_eq!(connected.unwrap().facts.remote, Some(addr));
    assert!((50..700).contains(&took), "{took} ms");
}

/// Nothing waits for an answer that would be of no use.
#[tokio::test]
async fn a_connector_of_one_family_asks_for_no_other() {
    let server = Server::start(|_, family| match family {
        RecordType::A => Answer::addresses(["127.0.0.1"]),
        _ => Answer::addresses(["::1"]).after(5000),
    });
    let server = server.await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    let began = Instant::now();
    let connector = connector(&server).only_ipv4().build();
    let error = connector
        .connect(&plain("a.test", closed))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Refused);
    // The resolver's own patience would be 500 ms.
    assert!(began.elapsed() < Duration::from_millis(400));
    assert_eq!(server.asked(RecordType::AAAA), [""; 0]);
}

#[tokio::test]
async fn ipv4_does_not_wait_where_ipv6_has_no_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start(|_, family| match family {
        RecordType::A => Answer::addresses(["127.0.0.1"]),
        _ => ResponseCode::NoError.into(),
    });
    // Were it waited for, it would be for the whole second.
    let connector = connector(&server.await)
        .resolution_delay(Duration::from_secs(1))
        .build();
    let port = listener.local_addr().unwrap().port();
    let began = Instant::now();
    connector.connect(&plain("a.test", port)).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn errors_are_told_by_the_kinds_of_the_connector() {
    let server = Server::start(|name, family| match name {
        "empty.test" => ResponseCode::NoError.into(),
        "silent.test" => Says::Nothing.into(),
        "failing.test" => ResponseCode::ServFail.into(),
        _ => both_families(name, family),
    });
    let connector = connector(&server.await).build();
    let phase = Phase::Resolve;
    for (name, kind, words) in [
        ("no.test", ConnectErrorKind::NameNotFound, "no such name"),
        (
            "empty.test",
            ConnectErrorKind::NoAddress,
            "the answer holds no address that may be used",
        ),
        (
            "silent.test",
            ConnectErrorKind::TimedOut { phase },
            "timed out after ",
        ),
        (
            "failing.test",
            ConnectErrorKind::Resolve,
            "a name server said: Server Failure",
        ),
    ] {
        let error = connector.connect(&plain(name, 80)).await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (kind, phase));
        let text = format!("could not resolve {name}: {words}");
        assert!(error.to_string().starts_with(&text), "{error}");
    }
}

#[tokio::test]
async fn the_last_good_answer_stands_in_when_the_servers_fail() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    let at = "127.0.0.1:0".parse().unwrap();
    let server = Server::start_at(at, 0, move |_, family| match family {
        _ if is_down.load(Ordering::SeqCst) => ResponseCode::ServFail.into(),
        RecordType::A => Answer::addresses(["127.0.0.1"]),
        _ => ResponseCode::NoError.into(),
    });
    let server = server.await;
    let connector = connector(&server).resolve_cache(Duration::ZERO).build();
    let endpoint = plain("a.test", listener.local_addr().unwrap().port());
    connector.connect(&endpoint).await.unwrap();
    down.store(true, Ordering::SeqCst);
    connector.connect(&endpoint).await.unwrap();
    assert!(server.asked(RecordType::A).len() > 1);
}
