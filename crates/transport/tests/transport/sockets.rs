//! How sockets are set up before they connect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postrider_transport::{ConnectErrorKind, Connector, Keepalive, Phase};

use crate::support::{closed_port, failure, knowing, listen, plain, plain_at};

#[tokio::test]
async fn options_are_set_before_the_hook_sees_the_socket() {
    let (_listener, addr) = listen().await;
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let connector = Connector::builder()
        .keepalive(Keepalive::new(
            Duration::from_secs(30),
            Duration::from_secs(5),
            3,
        ))
        .user_timeout(Duration::from_secs(20))
        .interface("lo")
        .send_buffer(32 * 1024)
        .receive_buffer(64 * 1024)
        .socket_hook(move |fd, to| {
            let socket = socket2::SockRef::from(&fd);
            assert_eq!(to, addr);
            assert!(socket.tcp_nodelay()?);
            assert_eq!(socket.tcp_keepalive_time()?, Duration::from_secs(30));
            assert_eq!(socket.tcp_keepalive_interval()?, Duration::from_secs(5));
            assert_eq!(socket.tcp_keepalive_retries()?, 3);
            assert_eq!(socket.tcp_user_timeout()?, Some(Duration::from_secs(20)));
            assert_eq!(socket.device()?, Some(b"lo".to_vec()));
            // Linux doubles what it is asked for.
            assert_eq!(socket.send_buffer_size()?, 64 * 1024);
            assert_eq!(socket.recv_buffer_size()?, 128 * 1024);
            assert!(socket.peer_addr().is_err());
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .build();
    connector.connect(&plain_at(addr)).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

/// Linux answers "Invalid argument" to these, and takes a user timeout of zero for none.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn values_that_the_system_cannot_take_are_brought_to_the_nearest_that_it_can() {
    let (_listener, addr) = listen().await;
    let millis = Duration::from_millis;
    let longest = millis(i32::MAX as u64);
    for (time, probes, seconds, told_probes, user_timeout) in [
        (Duration::ZERO, 0, 1, 1, millis(1)),
        (Duration::from_micros(1), 1, 1, 1, millis(1)),
        (millis(1_500), 127, 2, 127, millis(1_500)),
        (Duration::from_micros(1_500), 2, 1, 2, millis(2)),
        (millis(40_000_000), 128, 32_767, 127, millis(40_000_000)),
        (Duration::from_secs(3_000_000), 128, 32_767, 127, longest),
        (Duration::MAX, u32::MAX, 32_767, 127, longest),
    ] {
        let connector = Connector::builder()
            .keepalive(Keepalive::new(time, time, probes))
            .user_timeout(time)
            .socket_hook(move |fd, _| {
                let socket = socket2::SockRef::from(&fd);
                let whole = Duration::from_secs(seconds);
                assert_eq!(socket.tcp_keepalive_time()?, whole);
                assert_eq!(socket.tcp_keepalive_interval()?, whole);
                assert_eq!(socket.tcp_keepalive_retries()?, told_probes);
                assert_eq!(socket.tcp_user_timeout()?, Some(user_timeout));
                Ok(())
            })
            .build();
        let outcome = connector.connect(&plain_at(addr)).await;
        assert!(outcome.is_ok(), "{time:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn buffers_may_be_asked_to_be_of_any_size() {
    let (_listener, addr) = listen().await;
    for bytes in [0, 1, i32::MAX as u32, u32::MAX] {
        let connector = Connector::builder().send_buffer(bytes);
        let connector = connector.receive_buffer(bytes).build();
        let outcome = connector.connect(&plain_at(addr)).await;
        assert!(outcome.is_ok(), "{bytes}: {outcome:?}");
    }
}

/// Only so can it say how the port is taken.
#[tokio::test]
async fn the_hook_sees_the_socket_before_it_is_bound() {
    let (_listener, addr) = listen().await;
    let ours = IpAddr::from([127, 0, 0, 1]);
    let connector = Connector::builder()
        .local_address(ours)
        .socket_hook(|fd, _| {
            let local = socket2::SockRef::from(&fd).local_addr()?.as_socket();
            assert_eq!(local, Some(SocketAddr::from(([0, 0, 0, 0], 0))));
            Ok(())
        })
        .build();
    let connected = connector.connect(&plain_at(addr)).await.unwrap();
    assert_eq!(connected.facts.local.unwrap().ip(), ours);
}

#[tokio::test]
async fn the_port_of_the_peer_may_be_ones_own_at_another_address() {
    let (_listener, addr) = listen().await;
    for (endpoint, last) in [(plain_at(addr), 2), (plain("a.test", 80), 3)] {
        let ours = SocketAddr::from(([127, 0, 0, last], addr.port()));
        let connector = knowing(&[addr])
            .socket_hook(move |fd, _| socket2::SockRef::from(&fd).bind(&ours.into()))
            .build();
        let connected = connector.connect(&endpoint).await.unwrap();
        assert_eq!(connected.facts.local, Some(ours));
    }
}

/// As the kernel may bring about by itself, one time in 28,000.
#[tokio::test]
async fn a_socket_that_connects_to_itself_has_reached_nobody() {
    let addr = closed_port().await;
    let connector = knowing(&[addr, addr])
        .socket_hook(move |fd, _| socket2::SockRef::from(&fd).bind(&addr.into()))
        .build();
    let anywhere = SocketAddr::from(([0, 0, 0, 0], addr.port()));
    for (endpoint, words) in [
        (plain_at(addr), format!("{addr}: connection refused")),
        (
            plain_at(anywhere),
            format!("{anywhere}: connection refused"),
        ),
        (
            plain("a.test", 80),
            format!(
                "a.test:80: connection refused \
                 ({addr}: nobody listens there, it connected to itself after "
            ),
        ),
    ] {
        let error = failure(&connector, &endpoint).await;
        assert_eq!(error.kind(), ConnectErrorKind::Refused);
        let words = format!("could not connect to {words}");
        assert!(error.to_string().starts_with(&words), "{error}");
        // The port is free for the server that is to come, even one that does not insist.
        let server = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        server.unwrap().bind(&addr.into()).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_local_address_that_will_not_do_is_told_apart_from_the_peers() {
    if !testing::has_ipv6() {
        return;
    }
    let (_four, four) = listen().await;
    let (_six, six) = crate::support::listen_at("[::1]:0").await;
    for (peer, local, words) in [
        (
            four,
            "192.0.2.77",
            "Cannot assign requested address (os error 99)",
        ),
        (six, "fe80::1", "Invalid argument (os error 22)"),
        (
            six,
            "2001:db8::77",
            "Cannot assign requested address (os error 99)",
        ),
    ] {
        let connector = Connector::builder().local_address(local.parse().unwrap());
        let error = failure(&connector.build(), &plain_at(peer)).await;
        assert_eq!(error.kind(), ConnectErrorKind::Connect);
        let cause = format!("cannot connect from the local address {local}: {words}");
        let words = format!("could not connect to {peer}: {cause}");
        assert_eq!(error.to_string(), words);
    }
}

#[tokio::test]
async fn delay_can_be_allowed_and_keepalive_is_off_unless_set() {
    let (_listener, addr) = listen().await;
    let connector = Connector::builder()
        .nodelay(false)
        .socket_hook(|fd, _| {
            let socket = socket2::SockRef::from(&fd);
            assert!(!socket.tcp_nodelay()?);
            assert!(!socket.keepalive()?);
            Ok(())
        })
        .build();
    connector.connect(&plain_at(addr)).await.unwrap();
}

#[tokio::test]
async fn a_hook_that_fails_fails_the_attempt() {
    let (_listener, addr) = listen().await;
    let connector = Connector::builder()
        .socket_hook(|_, _| Err(io::Error::other("no mark for you")))
        .build();
    let error = failure(&connector, &plain_at(addr)).await;
    assert_eq!(error.kind(), ConnectErrorKind::Connect);
    assert!(error.to_string().contains("no mark for you"), "{error}");
}

#[tokio::test]
async fn a_hook_that_panics_fails_the_attempt() {
    let (_listener, addr) = listen().await;
    let connector = knowing(&[addr, closed_port().await])
        .socket_hook(|_, _| panic!("oh"))
        .build();
    for endpoint in [plain("a.test", 80), plain_at(addr)] {
        let error = failure(&connector, &endpoint).await;
        assert_eq!(error.kind(), ConnectErrorKind::Panicked);
        assert_eq!(error.phase(), Phase::Connect);
        let text = format!("could not connect to {endpoint}: user code panicked");
        assert!(error.to_string().starts_with(&text), "{error}");
    }
}
