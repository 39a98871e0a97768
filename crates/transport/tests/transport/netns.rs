//! The race on a network of its own, with black holes and other faults that loopback has not.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use postrider_transport::{ConnectErrorKind, Phase};
use tokio::net::TcpListener;

use crate::support::{failure, knowing, plain};

#[test]
fn faults_of_the_network_cost_no_more_than_they_must() {
    let inside = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "netns::inside", "--nocapture"])
        .output()
        .expect("unshare should be installed");
    let told = String::from_utf8_lossy(&inside.stdout) + String::from_utf8_lossy(&inside.stderr);
    assert!(
        inside.status.success() && told.contains("1 passed"),
        "{told}"
    );
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
}

const IPV4: &str = "192.0.2.1";
const IPV6: &str = "[2001:db8::1]";
const IPV4_BLACK_HOLE: &str = "192.0.2.9:80";
const IPV6_BLACK_HOLE: &str = "[2001:db8::9]:80";
const IPV4_WITHOUT_NEIGHBOUR: &str = "192.0.2.50:80";
const IPV6_WITHOUT_NEIGHBOUR: &str = "[2001:db8::50]:80";
const IPV4_WITHOUT_ROUTE: &str = "198.51.100.1:80";
const IPV6_WITHOUT_ROUTE: &str = "[2001:db8:1::1]:80";

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
    ] {
        let status = Command::new("ip").args(line.split(' ')).status();
        assert!(status.unwrap().success(), "ip {line}");
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
