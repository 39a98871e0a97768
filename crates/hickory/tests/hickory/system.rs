//! What the system is configured with: its search list, its hosts file.
//!
//! Needs Linux, root, `unshare` and `mount`.

use std::process::Command;

use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use postrider_hickory::HickoryResolver;
use testing::netns::run_apart;

use crate::server::{Answer, Server};
use crate::support::{addresses, all};

#[test]
fn names_are_looked_for_as_the_system_is_told_to() {
    // Its configuration counts for the process in there only.
    run_apart("system::inside");
}

#[tokio::test]
#[ignore = "run by the test above, on a network of its own"]
async fn inside() {
    let server = Server::start_at("127.0.0.1:53".parse().unwrap(), 60, in_the_lab).await;
    let config = "nameserver 127.0.0.1\nsearch lab.test\noptions ndots:2";
    std::fs::write("/etc/resolv.conf", config).unwrap();
    std::fs::write("/mnt/hosts", "192.0.2.7 known.test other.test").unwrap();
    let mut mount = Command::new("mount");
    let mounted = mount.args(["--bind", "/mnt/hosts", "/etc/hosts"]).status();
    assert!(mounted.unwrap().success());

    let resolver = HickoryResolver::from_system().unwrap();
    for (name, address) in [("db.eu", "192.0.2.1:0"), ("a.db.eu", "192.0.2.2:0")] {
        assert_eq!(addresses(&resolver, name).await, [address]);
    }
    // With as many dots it is taken as it is first.
    assert_eq!(server.asked(RecordType::A), ["db.eu.lab.test", "a.db.eu"]);

    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Always;
    let nobody = || ResolverConfig::from_name_servers(Vec::new());
    let asking_nobody = HickoryResolver::from_hickory(nobody(), options);
    for resolver in [&resolver, &asking_nobody] {
        for name in ["known.test", "OTHER.test."] {
            assert_eq!(addresses(resolver, name).await, ["192.0.2.7:0"]);
        }
    }
    assert_eq!(server.asked(RecordType::A).len(), 2);

    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Never;
    let without_file = HickoryResolver::from_hickory(nobody(), options);
    let given_servers = HickoryResolver::from_servers([server.addr]);
    for resolver in [&without_file, &given_servers] {
        assert!(all(resolver, "known.test").await[0].is_err());
    }
}

fn in_the_lab(name: &str, family: RecordType) -> Answer {
    match (name, family) {
        ("db.eu.lab.test", RecordType::A) => Answer::addresses(["192.0.2.1"]),
        ("a.db.eu", RecordType::A) => Answer::addresses(["192.0.2.2"]),
        ("db.eu.lab.test" | "a.db.eu", _) => Answer::addresses([]),
        _ => ResponseCode::NXDomain.into(),
    }
}
