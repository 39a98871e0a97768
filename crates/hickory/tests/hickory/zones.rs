//! A name server with a link-local address, as a router at home has it.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use postrider_hickory::HickoryResolver;
use testing::netns::{LINK_LOCAL, lay_cable, run_apart};

use crate::server::{Answer, Says, Server};
use crate::support::{addresses, both_families};

#[test]
fn a_name_server_is_reached_through_its_zone() {
    // What the system is configured with counts for the process in there only.
    run_apart("zones::inside");
}

#[tokio::test]
#[ignore = "run by the test above, on a network of its own"]
async fn inside() {
    lay_cable();
    let addr = tokio::net::lookup_host((format!("{LINK_LOCAL}%veth0"), 53));
    let addr = addr.await.unwrap().next().unwrap();
    let server = Server::start_at(addr, 60, by_udp_and_tcp).await;
    assert_eq!(server.addr, addr);
    // In which no time to wait is one second.
    let config = format!("nameserver {LINK_LOCAL}%veth0\noptions timeout:0 attempts:0");
    std::fs::write("/etc/resolv.conf", config).unwrap();

    let given = HickoryResolver::from_servers([addr]);
    let given = given.timeout(Duration::from_secs(2)).retries(0);
    for resolver in [given, HickoryResolver::from_system().unwrap()] {
        let found = addresses(&resolver, "a.test").await;
        assert_eq!(found, ["192.0.2.1:0", "[2001:db8::1]:0"]);
        assert_eq!(addresses(&resolver, "long.test").await, ["192.0.2.2:0"]);
    }
}

fn by_udp_and_tcp(name: &str, family: RecordType) -> Answer {
    match (name, family) {
        ("long.test", RecordType::A) => Says::TooLong(vec![[192, 0, 2, 2].into()]).into(),
        ("long.test", _) => Says::Addresses(Vec::new()).into(),
        _ => both_families(name, family),
    }
}
