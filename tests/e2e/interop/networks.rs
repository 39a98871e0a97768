//! Requests on a network of their own, with faults that loopback has not, and
//! behind name servers that are slow with one record type: where each gets
//! through to, and the time that it may take.
//!
//! Needs Linux, root, `unshare`, `ip` and `dnsmasq`.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::process::Command;
use std::time::{Duration, Instant};

use hickory::HickoryResolver;
use postrider::{Client, ConnectErrorKind, ErrorKind, Phase, Response};
use testing::netns::{
    Forwarder, IPV4, IPV4_BLACK_HOLE, IPV4_BLACKHOLE_ROUTE, IPV4_WITHOUT_NEIGHBOUR, IPV6,
    IPV6_BLACK_HOLE, IPV6_BLACKHOLE_ROUTE, IPV6_WITHOUT_NEIGHBOUR, LINK_LOCAL, lay_cable,
    run_apart,
};
use testing::{Authority, Server};

use super::slow_names::{self, SlowNames};
use crate::support::trusting;
use crate::transport::always;

#[test]
fn faults_of_the_network_cost_a_request_no_more_than_they_must() {
    run_apart("interop::networks::with_faults");
}

#[test]
fn a_slow_record_type_holds_a_request_up_only_by_the_systems_resolver() {
    run_apart("interop::networks::with_slow_names");
}

#[tokio::test]
#[ignore = "run by a test above, in namespaces of its own"]
async fn with_faults() {
    lay_cable();
    let slower = Some(io::ErrorKind::Interrupted);
    let refused = Some(io::ErrorKind::ConnectionRefused);
    // The race goes by the addresses' order, and gives each 250 ms.
    assert_passed(IPV6_BLACK_HOLE, IPV4, 250..450, slower).await;
    assert_passed(IPV4_BLACK_HOLE, IPV6, 250..450, slower).await;
    assert_passed(IPV6_WITHOUT_NEIGHBOUR, IPV4, 250..450, slower).await;
    assert_passed(IPV4_WITHOUT_NEIGHBOUR, IPV6, 250..450, slower).await;
    // What is known at once is not waited for. A route into a black hole is
    // known to the kernel.
    assert_passed("192.0.2.1:9", IPV6, 0..150, refused).await;
    assert_passed("[2001:db8::1]:9", IPV4, 0..150, refused).await;
    assert_passed(IPV6_BLACKHOLE_ROUTE, IPV4, 0..150, None).await;
    assert_passed(IPV4_BLACKHOLE_ROUTE, IPV6, 0..150, None).await;
    silence_after_accepting_costs_the_handshakes_time().await;
    all_faults_at_once_leave_the_good_address().await;
    a_missing_neighbour_alone_is_unreachable().await;
    black_holes_alone_cost_what_the_request_has().await;
    a_link_local_address_is_reached_through_its_zone().await;
}

/// Sends requests to a host of which the first address has a fault, as which it
/// is told, and the second is good.
async fn assert_passed(
    faulty: &str,
    good: &str,
    within: Range<u128>,
    told_as: Option<io::ErrorKind>,
) {
    let server = Server::start_on(format!("{good}:0").parse().unwrap(), always("good"));
    let faulty: SocketAddr = faulty.parse().unwrap();
    let client = Client::builder()
        .resolve("api.test", [faulty, server.addr()])
        .build()
        .unwrap();
    let began = Instant::now();
    let response = client.get("http://api.test/").send().await.unwrap();
    let took = began.elapsed().as_millis();
    assert!(within.contains(&took), "{faulty}: {took} ms");

    let connection = response.connection();
    assert_eq!(connection.remote_addr(), Some(server.addr()));
    let [first, second] = connection.attempts() else {
        panic!("{:?}", connection.attempts());
    };
    assert_eq!((first.addr, second.addr), (faulty, server.addr()));
    let kind = first.error.as_ref().unwrap().kind();
    assert!(told_as.is_none_or(|it| it == kind), "{faulty}: {kind}");
    assert!(second.error.is_none());
    assert!(within.contains(&second.started.as_millis()));
    assert_eq!(response.text().await.unwrap(), "good");

    // Who has a connection pays no more.
    let response = client.get("http://api.test/").send().await.unwrap();
    assert!(response.connection().is_reused());
}

/// The kernel accepts, and nobody ever answers.
async fn silence_after_accepting_costs_the_handshakes_time() {
    let authority = Authority::new();
    let identity = authority.issue(&["api.test"]);
    for (silent, good) in [(IPV6, IPV4), (IPV4, IPV6)] {
        let silent = std::net::TcpListener::bind(format!("{silent}:0")).unwrap();
        let silent = silent.local_addr().map(|addr| (silent, addr)).unwrap();
        let good = format!("{good}:0").parse().unwrap();
        let server = Server::start_tls_on(good, identity.clone(), always("good"));
        let client = trusting(&authority)
            .connector(|it| it.tls_timeout(Duration::from_millis(400)))
            .resolve("api.test", [silent.1, server.addr()])
            .build()
            .unwrap();
        let began = Instant::now();
        let response = client.get("https://api.test/").send().await.unwrap();
        let took = began.elapsed().as_millis();
        assert!((400..750).contains(&took), "{took} ms");
        let connection = response.connection();
        assert_eq!(connection.remote_addr(), Some(server.addr()));
        assert!(connection.tls().is_some());
        let stalled = connection.attempts()[0].to_string();
        let words = format!("{}: TLS handshake timed out after 4", silent.1);
        assert!(stalled.starts_with(&words), "{stalled}");
    }
}

async fn all_faults_at_once_leave_the_good_address() {
    let authority = Authority::new();
    let identity = authority.issue(&["api.test"]);
    let silent = std::net::TcpListener::bind(format!("{IPV4}:0")).unwrap();
    let good = format!("{IPV6}:0").parse().unwrap();
    let server = Server::start_tls_on(good, identity, always("good"));
    let faulty = [IPV6_BLACK_HOLE, IPV4_BLACK_HOLE, "192.0.2.1:9"];
    let addrs = faulty
        .map(|addr| addr.parse().unwrap())
        .into_iter()
        .chain([silent.local_addr().unwrap(), server.addr()]);
    let client = trusting(&authority)
        .connector(|it| it.tls_timeout(Duration::from_millis(400)))
        .resolve("api.test", addrs)
        .build()
        .unwrap();
    let began = Instant::now();
    let response = client.get("https://api.test/").send().await.unwrap();
    let took = began.elapsed().as_millis();
    // Two attempts that are not answered, and a handshake.
    assert!((400..1500).contains(&took), "{took} ms");
    assert_eq!(response.connection().remote_addr(), Some(server.addr()));
}

/// The kernel gives a neighbour up after three seconds.
async fn a_missing_neighbour_alone_is_unreachable() {
    let addr: SocketAddr = IPV4_WITHOUT_NEIGHBOUR.parse().unwrap();
    let client = Client::builder().resolve("api.test", [addr]).build();
    let began = Instant::now();
    let request = client.unwrap().get("http://api.test/").send();
    let error = request.await.unwrap_err();
    let took = began.elapsed().as_millis();
    assert!((1000..5000).contains(&took), "{took} ms");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::Unreachable));
    let text = format!(
        "GET http://api.test/: could not connect to api.test:80: unreachable ({addr}: No route to host"
    );
    assert!(error.to_string().starts_with(&text), "{error}");
}

async fn black_holes_alone_cost_what_the_request_has() {
    let addrs: [SocketAddr; 2] = [IPV6_BLACK_HOLE, IPV4_BLACK_HOLE].map(|it| it.parse().unwrap());
    let server = Server::start_on(format!("{IPV4}:0").parse().unwrap(), always("good"));
    let client = Client::builder()
        .resolve("api.test", addrs)
        .timeout(Duration::from_millis(600))
        .build()
        .unwrap();
    // The second is told of the dial that the first has left behind.
    for doing in ["connecting", "waiting for a connection"] {
        let began = Instant::now();
        let error = client.get("http://api.test/").send().await.unwrap_err();
        let took = began.elapsed().as_millis();
        assert!((600..900).contains(&took), "{took} ms");
        assert!(error.is_timeout());
        let [first, second] = error.attempts() else {
            panic!("{error}");
        };
        assert_eq!([first.addr, second.addr], addrs);
        let text = format!(
            "GET http://api.test/: {doing}: timed out: the request's 600ms are over ({first}, {second})"
        );
        assert_eq!(error.to_string(), text);
        assert!(text.contains(&format!("{}: timed out after ", addrs[0])));
    }
    // Another host is none the worse for it.
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "good");
}

/// The same address may stand on every interface: only the zone tells which is meant.
async fn a_link_local_address_is_reached_through_its_zone() {
    let shown = Command::new("ip")
        .args(["-o", "link", "show", "veth0"])
        .output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let (index, _) = shown.split_once(':').unwrap();
    let addr: SocketAddr = format!("[{LINK_LOCAL}%{index}]:0").parse().unwrap();
    let server = Server::start_on(addr, always("local"));
    let port = server.addr().port();
    let client = Client::new();
    for zone in ["veth0", index] {
        let url = format!("http://[{LINK_LOCAL}%25{zone}]:{port}/");
        let response = client.get(url).send().await.unwrap();
        assert!(!response.connection().is_reused(), "{zone}");
        assert_eq!(response.remote_addr(), Some(server.addr()));
        assert_eq!(response.text().await.unwrap(), "local");
    }
    // RFC 6874 §4: the zone is nobody else's concern.
    for connection in [0, 1] {
        let received = String::from_utf8(server.received(connection)).unwrap();
        let host = format!("\r\nhost: [{LINK_LOCAL}]:{port}\r\n");
        assert!(received.contains(&host), "{received}");
    }
}

/// On one thread, which the system's resolver must not hold up: the name server
/// runs on it as well.
#[tokio::test]
#[ignore = "run by a test above, in namespaces of its own"]
async fn with_slow_names() {
    let names = SlowNames::start("127.0.0.1:5300").await;
    let _forwarder = Forwarder::start(names.addr());
    let ipv4 = Server::start(always("by IPv4"));
    let port = ipv4.addr().port();
    let ipv6 = Server::start_on(format!("[::1]:{port}").parse().unwrap(), always("by IPv6"));

    let apart = || {
        let resolver = HickoryResolver::from_system().unwrap();
        let client = Client::builder().connector(|it| it.resolver(resolver));
        client.build().unwrap()
    };
    // RFC 8305 §3: the 50 ms that IPv4 waits for IPv6.
    let url = |name: &str| format!("http://{name}:{port}/");
    assert_got(&apart(), &url("slow-aaaa.test"), ipv4.addr(), 50..600).await;
    assert_got(&apart(), &url("slow-a.test"), ipv6.addr(), 0..600).await;
    assert_got(&apart(), &url("quick.test"), ipv6.addr(), 0..600).await;

    // The system's resolver gives all or nothing.
    for name in ["slow-aaaa-2.test", "slow-a-2.test"] {
        let slow = slow_names::SLOW.as_millis();
        let within = slow..slow + 900;
        assert_got(&Client::new(), &url(name), ipv6.addr(), within).await;
    }
}

async fn assert_got(client: &Client, url: &str, from: SocketAddr, within: Range<u128>) {
    let began = Instant::now();
    let response: Response = client.get(url).send().await.unwrap();
    let took = began.elapsed().as_millis();
    assert!(within.contains(&took), "{url}: {took} ms");
    assert_eq!(response.connection().remote_addr(), Some(from), "{url}");
    let resolved = response.timings().dial().unwrap().resolve.unwrap();
    assert!(resolved.as_millis() <= took, "{url}: {resolved:?}");
}
