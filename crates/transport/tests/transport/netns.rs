//! The race on a network of its own, with black holes and other faults that loopback has not.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use postrider_transport::{ConnectErrorKind, Phase};
use testing::netns::{
    IPV4, IPV4_BLACK_HOLE, IPV4_BLACKHOLE_ROUTE, IPV4_WITHOUT_NEIGHBOUR, IPV4_WITHOUT_ROUTE, IPV6,
    IPV6_BLACK_HOLE, IPV6_BLACKHOLE_ROUTE, IPV6_WITHOUT_NEIGHBOUR, IPV6_WITHOUT_ROUTE, lay_cable,
    run_apart,
};
use tokio::net::TcpListener;

use crate::authority::Authority;
use crate::support::{failure, knowing, listen_at, plain};
use crate::tls_server::{both_versions, knowing_and_trusting, serve_one, tls};

#[test]
fn faults_of_the_network_cost_no_more_than_they_must() {
    run_apart("netns::inside");
}

#[tokio::test]
#[ignore = "run by the test above, in a namespace of its own"]
async fn inside() {
    lay_cable();
    black_holes_cost_one_attempt_delay().await;
    refusals_and_missing_routes_cost_nothing().await;
    a_missing_neighbour_costs_one_attempt_delay().await;
    a_missing_neighbour_alone_is_unreachable().await;
    black_holes_alone_run_into_the_timeout().await;
    silence_after_accepting_costs_the_handshakes_time().await;
}

async fn black_holes_cost_one_attempt_delay() {
    assert_passed(IPV6_BLACK_HOLE, IPV4, 250..450).await;
    assert_passed(IPV4_BLACK_HOLE, IPV6, 250..450).await;
}

async fn refusals_and_missing_routes_cost_nothing() {
    assert_passed("192.0.2.1:9", IPV6, 0..150).await;
    assert_passed("[2001:db8::1]:9", IPV4, 0..150).await;
    assert_passed(IPV6_WITHOUT_ROUTE, IPV4, 0..150).await;
    assert_passed(IPV4_WITHOUT_ROUTE, IPV6, 0..150).await;
    // A route into a black hole is known to the kernel, and swallows nothing.
    assert_passed(IPV6_BLACKHOLE_ROUTE, IPV4, 0..150).await;
    assert_passed(IPV4_BLACKHOLE_ROUTE, IPV6, 0..150).await;
}

async fn a_missing_neighbour_costs_one_attempt_delay() {
    assert_passed(IPV6_WITHOUT_NEIGHBOUR, IPV4, 250..450).await;
    assert_passed(IPV4_WITHOUT_NEIGHBOUR, IPV6, 250..450).await;
}

/// The kernel gives a neighbour up after three seconds.
async fn a_missing_neighbour_alone_is_unreachable() {
    let addr = IPV4_WITHOUT_NEIGHBOUR.parse().unwrap();
    let error = failure(&knowing(&[addr]).build(), &plain("a.test", 80)).await;
    assert_eq!(error.kind(), ConnectErrorKind::Unreachable, "{error}");
}

async fn black_holes_alone_run_into_the_timeout() {
    let addrs = [IPV6_BLACK_HOLE, IPV4_BLACK_HOLE].map(|addr| addr.parse().unwrap());
    let connector = knowing(&addrs)
        .connect_timeout(Duration::from_millis(600))
        .build();
    let error = failure(&connector, &plain("a.test", 80)).await;
    let phase = Phase::Connect;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    assert!(error.elapsed() < Duration::from_millis(900), "{error}");
    let text = error.to_string();
    for addr in addrs {
        assert!(text.contains(&format!("{addr}: timed out after")), "{text}");
    }
}

/// The kernel accepts, and nobody ever answers.
async fn silence_after_accepting_costs_the_handshakes_time() {
    let authority = Authority::new();
    for (silent, good) in [(IPV6, IPV4), (IPV4, IPV6)] {
        let (_silent, silent) = listen_at(&format!("{silent}:0")).await;
        let (listener, good) = listen_at(&format!("{good}:0")).await;
        let serving = serve_one(listener, both_versions(&authority.identity("a.test")));
        let connector = knowing_and_trusting(&[silent, good], &authority)
            .tls_timeout(Duration::from_millis(400))
            .build();
        let began = Instant::now();
        let connected = connector.connect(&tls("a.test")).await.unwrap();
        let took = began.elapsed().as_millis();
        assert_eq!(connected.facts.remote, Some(good));
        assert!((400..700).contains(&took), "{took} ms");
        serving.await.unwrap().unwrap();
    }
}

/// Connects to a host of which the first address has the fault and the second is good, within
/// these milliseconds.
async fn assert_passed(faulty: &str, good: &str, within: std::ops::Range<u128>) {
    let listener = TcpListener::bind(format!("{good}:0")).await.unwrap();
    let good = listener.local_addr().unwrap();
    let faulty: SocketAddr = faulty.parse().unwrap();
    let connector = knowing(&[faulty, good]).build();
    let began = Instant::now();
    let connected = connector.connect(&plain("a.test", 80)).await;
    let took = began.elapsed().as_millis();
    assert_eq!(connected.unwrap().facts.remote, Some(good), "{faulty}");
    assert!(within.contains(&took), "{faulty}: {took} ms");
}
