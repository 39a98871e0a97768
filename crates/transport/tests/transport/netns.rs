//! The race on a network of its own, with black holes and other faults that loopback has not.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use postrider_transport::{ConnectErrorKind, Phase};
use tokio::net::TcpListener;

use crate::authority::Authority;
use crate::support::{failure, knowing, listen_at, plain};
use crate::tls_server::{both_versions, knowing_and_trusting, serve_one, tls};

#[test]
fn faults_of_the_network_cost_no_more_than_they_must() {
    run_apart("netns::inside");
}

/// Runs an ignored test of this program on a network of its own.
pub(crate) fn run_apart(test: &str) {
    let inside = apart(test).output().expect("unshare should be installed");
    let told = String::from_utf8_lossy(&inside.stdout) + String::from_utf8_lossy(&inside.stderr);
    assert!(
        inside.status.success() && told.contains("1 passed"),
        "{told}"
    );
}

pub(crate) fn apart(test: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", test, "--nocapture"]);
    command
}

pub(crate) fn ip(line: &str) {
    let status = Command::new("ip").args(line.split(' ')).status();
    assert!(status.unwrap().success(), "ip {line}");
}

#[tokio::test]
#[ignore = "run by the test above, in a namespace of its own"]
async fn inside() {
    lay_network();
    black_holes_cost_one_attempt_delay().await;
    refusals_and_missing_routes_cost_nothing().await;
    a_missing_neighbour_costs_one_attempt_delay().await;
    a_missing_neighbour_alone_is_unreachable().await;
    black_holes_alone_run_into_the_timeout().await;
    silence_after_accepting_costs_the_handshakes_time().await;
}

const IPV4: &str = "192.0.2.1";
const IPV6: &str = "[2001:db8::1]";
const IPV4_BLACK_HOLE: &str = "192.0.2.9:80";
const IPV6_BLACK_HOLE: &str = "[2001:db8::9]:80";
const IPV4_WITHOUT_NEIGHBOUR: &str = "192.0.2.50:80";
const IPV6_WITHOUT_NEIGHBOUR: &str = "[2001:db8::50]:80";
const IPV4_WITHOUT_ROUTE: &str = "198.51.100.1:80";
const IPV6_WITHOUT_ROUTE: &str = "[2001:db8:1::1]:80";
const IPV4_BLACKHOLE_ROUTE: &str = "203.0.113.1:80";
const IPV6_BLACKHOLE_ROUTE: &str = "[2001:db8:2::1]:80";

/// A cable of which nobody holds the other end.
fn lay_network() {
    for line in [
        "link set lo up",
        "link add veth0 type veth peer name veth1",
        "link set veth0 up",
        "link set veth1 up",
        "addr add 192.0.2.1/24 dev veth0",
        "addr add 2001:db8::1/64 dev veth0 nodad",
        // Who has a neighbour that is not there sends into the void.
        "neigh add 192.0.2.9 lladdr 02:00:00:00:00:01 dev veth0 nud permanent",
        "neigh add 2001:db8::9 lladdr 02:00:00:00:00:01 dev veth0 nud permanent",
        "route add unreachable 198.51.100.0/24",
        "route add unreachable 2001:db8:1::/48",
        "route add blackhole 203.0.113.0/24",
        "route add blackhole 2001:db8:2::/48",
    ] {
        ip(line);
    }
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
