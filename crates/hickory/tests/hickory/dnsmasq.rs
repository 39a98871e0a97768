//! Both resolvers behind a forwarder as it stands in homes and on machines of developers, in
//! front of a server that is slow with one record type.
//!
//! Needs Linux, root, `unshare`, `ip` and `dnsmasq`.

use std::net::SocketAddr;
use std::time::Instant;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use postrider_hickory::HickoryResolver;
use testing::netns::{Forwarder, run_apart};
use tokio::net::TcpListener;
use transport::{Connector, Endpoint, Host, Security};

use crate::server::{Answer, Server};

#[test]
fn a_slow_record_type_holds_up_only_who_asks_for_both_at_once() {
    // What the system is configured with counts for the process in there only.
    run_apart("dnsmasq::inside");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, in namespaces of its own"]
async fn inside() {
    let slow = Server::start_at(UPSTREAM.parse().unwrap(), 60, slow_server).await;
    let _forwarder = Forwarder::start(slow.addr);
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ipv6 = TcpListener::bind(format!("[::1]:{port}")).await.unwrap();

    // RFC 8305 §3: the 50 ms that IPv4 waits for IPv6.
    let took = connect_asking_apart("slow-aaaa.test", port, "127.0.0.1").await;
    assert!((50..600).contains(&took), "{took} ms");
    let took = connect_asking_apart("slow-a.test", port, "[::1]").await;
    assert!(took < 600, "{took} ms");

    drop(ipv6);
    for name in ["slow-aaaa-2.test", "slow-a-2.test"] {
        let connector = Connector::builder().build();
        let took = connect(&connector, name, port, "127.0.0.1").await;
        assert!((1000..1900).contains(&took), "{name}: {took} ms");
    }
}

const UPSTREAM: &str = "127.0.0.1:5300";

fn slow_server(name: &str, family: RecordType) -> Answer {
    let is_slow = match family {
        RecordType::A => name.starts_with("slow-a") && !name.starts_with("slow-aaaa"),
        RecordType::AAAA => name.starts_with("slow-aaaa"),
        _ => return ResponseCode::NoError.into(),
    };
    let answer = match family {
        RecordType::A => Answer::addresses(["127.0.0.1"]),
        _ => Answer::addresses(["::1"]),
    };
    answer.after(if is_slow { 1000 } else { 0 })
}

async fn connect_asking_apart(name: &str, port: u16, by: &str) -> u128 {
    let resolver = HickoryResolver::from_system().unwrap();
    let connector = Connector::builder().resolver(resolver).build();
    connect(&connector, name, port, by).await
}

/// Connects, which must lead to this address, and tells how many milliseconds it took.
async fn connect(connector: &Connector, name: &str, port: u16, by: &str) -> u128 {
    let expected: SocketAddr = format!("{by}:{port}").parse().unwrap();
    let endpoint = Endpoint::new(Host::Name(name.into()), port, Security::Plain);
    let began = Instant::now();
    let connected = connector.connect(&endpoint).await.unwrap();
    let took = began.elapsed().as_millis();
    assert_eq!(connected.facts.remote, Some(expected), "{name}");
    took
}
