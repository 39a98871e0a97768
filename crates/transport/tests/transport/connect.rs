//! Connecting by TCP: which address, and what is told of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use postrider_transport::{ConnectErrorKind, Connector, Endpoint, Host, Phase, Security};

use crate::support::{closed_port, failure, knowing, listen, listen_at, plain, plain_at, soon};

fn assert_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_literal_address_is_dialled_without_a_lookup() {
    if !testing::has_ipv6() {
        return;
    }
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let (listener, addr) = listen_at(local).await;
        let connector = Connector::builder().build();
        let endpoint = plain_at(addr);
        let connected = assert_send(connector.connect(&endpoint)).await.unwrap();
        let (_, client) = listener.accept().await.unwrap();
        let facts = connected.facts;
        assert_eq!(facts.remote, Some(addr));
        assert_eq!(facts.local, Some(client));
        assert_eq!(facts.resolve, None);
        assert!(facts.connect.is_some());
        assert_eq!((facts.tls, facts.handshake), (None, None));
        // The only attempt is told by the facts above.
        assert!(facts.attempts.is_empty());
    }
}

#[tokio::test]
async fn the_system_resolves_localhost() {
    let (_listener, addr) = listen().await;
    let connector = Connector::builder().build();
    let connected = connector.connect(&plain("localhost", addr.port())).await;
    let facts = connected.unwrap().facts;
    assert_eq!(facts.remote, Some(addr));
    assert!(facts.resolve.is_some());
}

#[tokio::test]
async fn an_override_gives_addresses_and_keeps_a_port_of_its_own() {
    let (_listener, addr) = listen().await;
    let connector = knowing(&[addr]).build();
    for name in ["a.test", "A.TEST", "a.test."] {
        let connected = connector.connect(&plain(name, 9)).await.unwrap();
        assert_eq!(connected.facts.remote, Some(addr));
        assert_eq!(connected.facts.resolve, None);
    }
    let zero = SocketAddr::new(addr.ip(), 0);
    let connector = knowing(&[zero]).build();
    let connected = connector.connect(&plain("a.test", addr.port())).await;
    assert_eq!(connected.unwrap().facts.remote, Some(addr));
}

#[tokio::test]
async fn a_refused_connection_says_so() {
    let addr = closed_port().await;
    let connector = Connector::builder().build();
    let error = failure(&connector, &plain_at(addr)).await;
    assert_eq!(error.kind(), ConnectErrorKind::Refused);
    assert_eq!(error.phase(), Phase::Connect);
    assert_eq!(error.attempts().len(), 1);
    assert!(!error.is_timeout());
    // The address is told once.
    let text = format!("could not connect to {addr}: connection refused");
    assert_eq!(error.to_string(), text);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "Connection refused (os error 111)");
}

#[tokio::test]
async fn an_only_address_of_a_name_is_told_with_its_failure() {
    let addr = closed_port().await;
    let error = failure(&knowing(&[addr]).build(), &plain("a.test", 80)).await;
    let took = error.attempts()[0].elapsed.as_millis();
    assert_eq!(
        error.to_string(),
        format!(
            "could not connect to a.test:80: connection refused \
             ({addr}: Connection refused (os error 111) after {took} ms)"
        )
    );
}

#[tokio::test]
async fn each_of_several_addresses_is_told_with_its_failure() {
    if !testing::has_ipv6() {
        return;
    }
    let (v4, v6) = (closed_port().await, listen_at("[::1]:0").await.1);
    let connector = knowing(&[v6, v4]).build();
    let error = failure(&connector, &plain("a.test", 80)).await;
    let tried: Vec<_> = error.attempts().iter().map(|a| a.addr).collect();
    assert_eq!(tried, [v6, v4]);
    let text = error.to_string();
    assert!(
        text.starts_with("could not connect to a.test:80: connection refused ("),
        "{text}"
    );
    assert!(text.contains(&v4.to_string()) && text.contains(&v6.to_string()));
}

#[tokio::test]
async fn an_address_that_refuses_does_not_hold_up_the_next() {
    if !testing::has_ipv6() {
        return;
    }
    let (_listener, good) = listen_at("[::1]:0").await;
    let connector = knowing(&[closed_port().await, good]).build();
    let began = std::time::Instant::now();
    let facts = connector.connect(&plain("a.test", 80)).await.unwrap().facts;
    assert_eq!(facts.remote, Some(good));
    assert!(began.elapsed() < Duration::from_millis(200));
    assert_eq!(facts.attempts.len(), 2);
}

#[tokio::test]
async fn an_unreachable_address_says_so() {
    // A socket bound to loopback has no way to the rest of the world.
    let connector = Connector::builder()
        .local_address(Ipv4Addr::LOCALHOST.into())
        .build();
    let there = SocketAddr::from(([192, 0, 2, 1], 80));
    let error = failure(&connector, &plain_at(there)).await;
    let kind = error.kind();
    let expected = [ConnectErrorKind::Unreachable, ConnectErrorKind::Connect];
    assert!(expected.contains(&kind), "{error}");
}

#[tokio::test]
async fn only_one_family_may_be_allowed() {
    if !testing::has_ipv6() {
        return;
    }
    let (_v4, v4) = listen().await;
    let (_v6, v6) = listen_at("[::1]:0").await;
    let endpoint = plain("a.test", 80);
    let only_ipv4 = knowing(&[v6, v4]).only_ipv4().build();
    let only_ipv6 = knowing(&[v4, v6]).only_ipv6().build();
    let remote = only_ipv4.connect(&endpoint).await.unwrap().facts.remote;
    assert_eq!(remote, Some(v4));
    let remote = only_ipv6.connect(&endpoint).await.unwrap().facts.remote;
    assert_eq!(remote, Some(v6));

    let error = failure(&only_ipv6, &plain_at(v4)).await;
    assert_eq!(error.kind(), ConnectErrorKind::NoAddress);
    let text = error.to_string();
    assert_eq!(
        text,
        "could not resolve 127.0.0.1: only IPv6 addresses may be used"
    );
    let error = failure(&knowing(&[v4, v4]).only_ipv6().build(), &endpoint).await;
    assert_eq!(
        error.to_string(),
        "could not resolve a.test: only IPv6 addresses may be used (found 127.0.0.1, 127.0.0.1)"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_link_local_address_without_a_zone_is_told_to_need_one() {
    let without: IpAddr = "fe80::1".parse().unwrap();
    let six = SocketAddr::new(without, 80);
    let words = "a link-local address needs a zone, as in [fe80::1%eth0]";
    let connector = knowing(&[six, closed_port().await]).build();
    let error = failure(&connector, &plain_at(six)).await;
    assert_eq!(error.kind(), ConnectErrorKind::Connect);
    let text = error.to_string();
    assert_eq!(text, format!("could not connect to [fe80::1]:80: {words}"));

    // Among others it is told of that address, and of no other.
    let text = failure(&connector, &plain("a.test", 80)).await.to_string();
    assert!(
        text.contains(&format!("([fe80::1]:80: {words} after ")),
        "{text}"
    );
    assert!(
        text.contains(": Connection refused (os error 111) after "),
        "{text}"
    );
}

/// Loopback has none.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_link_local_address_without_a_route_through_its_interface_is_unreachable() {
    if !testing::has_ipv6() {
        return;
    }
    let by_option = Connector::builder().interface("lo");
    let by_hook = Connector::builder()
        .socket_hook(|fd, _| socket2::SockRef::from(&fd).bind_device(Some(b"lo")));
    for connector in [by_option.build(), by_hook.build()] {
        let nobody = plain_at("[fe80::dead]:80".parse().unwrap());
        let error = failure(&connector, &nobody).await;
        assert_eq!(error.kind(), ConnectErrorKind::Unreachable, "{error}");
        assert_eq!(
            error.to_string(),
            "could not connect to [fe80::dead]:80: unreachable"
        );
    }
}

#[tokio::test]
async fn an_unknown_zone_is_told_as_a_missing_interface() {
    let zoned = |ip: &str, zone: &str| {
        let host = Host::ZonedIp(ip.parse().unwrap(), zone.into());
        Endpoint::new(host, 80, Security::Plain)
    };
    let connector = Connector::builder().build();
    for (endpoint, kind, words) in [
        (
            zoned("fe80::1", "nosuchif0"),
            ConnectErrorKind::NoInterface,
            r#"could not resolve [fe80::1%nosuchif0]: no such interface: "nosuchif0""#,
        ),
        (
            zoned("::1", "lo"),
            ConnectErrorKind::Resolve,
            "could not resolve [::1%lo]: only a link-local address has a zone",
        ),
        (
            zoned("::1", "1"),
            ConnectErrorKind::Resolve,
            "could not resolve [::1%1]: only a link-local address has a zone",
        ),
    ] {
        let error = failure(&connector, &endpoint).await;
        assert_eq!(error.kind(), kind);
        assert_eq!(error.phase(), Phase::Resolve);
        assert_eq!(error.to_string(), words);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_zone_in_digits_that_is_no_interfaces_is_told_as_a_missing_one() {
    if !testing::has_ipv6() {
        return;
    }
    let host = Host::ZonedIp("fe80::1".parse().unwrap(), "99999".into());
    let endpoint = Endpoint::new(host, 80, Security::Plain);
    let error = failure(&Connector::builder().build(), &endpoint).await;
    assert_eq!(error.kind(), ConnectErrorKind::NoInterface, "{error}");
    let words = r#"could not connect to [fe80::1%99999]:80: no such interface: "99999""#;
    assert_eq!(error.to_string(), words);
}

#[tokio::test]
async fn a_local_address_is_used_and_decides_the_family() {
    if !testing::has_ipv6() {
        return;
    }
    let (_v4, v4) = listen().await;
    let (_v6, v6) = listen_at("[::1]:0").await;
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    // What a socket of both families calls it is the same address.
    for given in [local, "::ffff:127.0.0.2".parse().unwrap()] {
        let connector = knowing(&[v6, v4]).local_address(given).build();
        let connected = connector.connect(&plain("a.test", 80)).await;
        let facts = connected.unwrap().facts;
        assert_eq!(facts.local.unwrap().ip(), local);
        assert_eq!(facts.remote, Some(v4));
    }
}

#[tokio::test]
async fn a_dropped_connect_closes_its_socket() {
    // Nobody accepts, so only the kernel knows of the connection.
    let (listener, addr) = listen().await;
    let connector = knowing(&[addr]).build();
    let endpoint = plain("a.test", 80);
    let mut connecting = Box::pin(connector.connect(&endpoint));
    let once = std::future::poll_fn(|cx| {
        let _ = connecting.as_mut().poll(cx);
        std::task::Poll::Ready(())
    });
    once.await;
    drop(connecting);
    // The kernel has accepted it, and has nothing more to say of it than that it is over.
    let (mut socket, _) = soon(listener.accept()).await.unwrap();
    let mut room = [0];
    let read = tokio::io::AsyncReadExt::read(&mut socket, &mut room);
    assert!(matches!(soon(read).await, Ok(0) | Err(_)));
}
