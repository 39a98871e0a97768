//! From a name to its addresses, and to the reasons why there are none.

use std::io;
use std::time::{Duration, Instant};

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use postrider_hickory::HickoryResolver;
use tokio::net::UdpSocket;
use transport::Resolve;

use crate::server::{Answer, Reception, Says, Server};
use crate::support::{addresses, all, asking, both_families};

const BOTH: [&str; 2] = ["192.0.2.1:0", "[2001:db8::1]:0"];

#[tokio::test]
async fn both_families_are_asked_for_once() {
    let server = Server::start(both_families).await;
    assert_eq!(addresses(&asking(&server), "a.test").await, BOTH);
    for family in [RecordType::A, RecordType::AAAA] {
        assert_eq!(server.asked(family), ["a.test"]);
    }
}

#[tokio::test]
async fn each_family_is_delivered_as_it_arrives() {
    for slow in [RecordType::A, RecordType::AAAA] {
        let lookup = move |name: &str, family: RecordType| {
            let late = if family == slow { 800 } else { 0 };
            both_families(name, family).after(late)
        };
        let server = Server::start(lookup).await;
        let began = Instant::now();
        let mut answers = asking(&server).resolve("a.test");
        let first = answers.next().await.unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_millis(600));
        assert_eq!(first[0].is_ipv6(), slow == RecordType::A);
        let second = answers.next().await.unwrap().unwrap();
        assert!(began.elapsed() >= Duration::from_millis(800));
        assert_ne!(first[0].is_ipv6(), second[0].is_ipv6());
        assert!(answers.next().await.is_none());
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_the_time_that_it_says() {
    let at = "127.0.0.1:0".parse().unwrap();
    let server = Server::start_at(at, 1, both_families).await;
    let resolver = asking(&server);
    for _ in 0..3 {
        assert_eq!(addresses(&resolver, "a.test").await, BOTH);
    }
    assert_eq!(server.asked(RecordType::A).len(), 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(addresses(&resolver, "a.test").await, BOTH);
    assert_eq!(server.asked(RecordType::A).len(), 2);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_found() {
    let server = Server::start(both_families).await;
    let pieces = all(&asking(&server), "b.test").await;
    assert_eq!(pieces.len(), 2);
    for piece in pieces {
        let error = piece.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(error.to_string(), "no such name");
    }
}

#[tokio::test]
async fn what_is_no_dns_name_is_not_found_without_a_question() {
    let server = Server::start(both_families).await;
    let pieces = all(&asking(&server), "a..test").await;
    let kinds: Vec<_> = pieces
        .iter()
        .map(|p| p.as_ref().unwrap_err().kind())
        .collect();
    assert_eq!(kinds, [io::ErrorKind::NotFound]);
    assert_eq!(server.asked(RecordType::A), [""; 0]);
}

#[tokio::test]
async fn an_alias_is_followed_to_its_end() {
    let server = Server::start(|name, family| match name {
        "with.test" => match both_families("a.test", family).says {
            Says::Addresses(addrs) => Says::Alias("a.test.", addrs).into(),
            other => other.into(),
        },
        "apart.test" => Says::Alias("a.test.", Vec::new()).into(),
        "empty.test" => Says::Alias("b.test.", Vec::new()).into(),
        "b.test" => ResponseCode::NoError.into(),
        "dead.test" => Says::Alias("c.test.", Vec::new()).into(),
        "round.test" => Says::Alias("round.test.", Vec::new()).into(),
        _ => both_families(name, family),
    });
    let resolver = asking(&server.await);
    for name in ["with.test", "apart.test"] {
        assert_eq!(addresses(&resolver, name).await, BOTH, "{name}");
    }
    for name in ["empty.test", "round.test"] {
        assert_eq!(addresses(&resolver, name).await, [""; 0], "{name}");
    }
    for piece in all(&resolver, "dead.test").await {
        assert_eq!(piece.unwrap_err().to_string(), "no such name");
    }
}

/// It exists, and has an address of the other family.
#[tokio::test]
async fn a_family_without_addresses_is_empty_and_no_failure() {
    let server = Server::start(|name, family| match family {
        RecordType::AAAA => ResponseCode::NoError.into(),
        _ => both_families(name, family),
    });
    let server = server.await;
    assert_eq!(addresses(&asking(&server), "a.test").await, ["192.0.2.1:0"]);
    let pieces = all(&asking(&server), "a.test").await;
    assert_eq!(pieces.len(), 2);
}

#[tokio::test]
async fn a_servers_failure_is_told_in_its_words() {
    for (code, text) in [
        (ResponseCode::ServFail, "a name server said: Server Failure"),
        (ResponseCode::Refused, "a name server said: Query Refused"),
    ] {
        let server = Server::start(move |_, _| code.into()).await;
        for piece in all(&asking(&server), "a.test").await {
            let error = piece.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Other);
            assert_eq!(error.to_string(), text);
        }
    }
}

#[tokio::test]
async fn a_failure_of_one_family_does_not_spoil_the_other() {
    let server = Server::start(|name, family| match family {
        RecordType::AAAA => ResponseCode::ServFail.into(),
        _ => both_families(name, family),
    });
    let pieces = all(&asking(&server.await), "a.test").await;
    let good: Vec<_> = pieces.iter().flatten().flatten().collect();
    assert_eq!(good.len(), 1);
    assert_eq!(pieces.iter().filter(|piece| piece.is_err()).count(), 1);
}

#[tokio::test]
async fn silence_is_a_timeout_after_the_time_allowed() {
    let server = Server::start(|_, _| Says::Nothing.into()).await;
    let resolver = asking(&server).timeout(Duration::from_millis(200));
    let began = Instant::now();
    for piece in all(&resolver, "a.test").await {
        let error = piece.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "no name server answered in time");
    }
    let took = began.elapsed().as_millis();
    assert!((200..1000).contains(&took), "{took} ms");
}

#[tokio::test]
async fn another_server_answers_where_the_first_is_silent() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start(both_families).await;
    let resolver = HickoryResolver::from_servers([silent.local_addr().unwrap(), server.addr])
        .timeout(Duration::from_millis(300));
    assert_eq!(addresses(&resolver, "a.test").await, BOTH);
}

#[tokio::test]
async fn an_answer_too_long_for_udp_comes_by_tcp() {
    let many: Vec<_> = (1..=200).map(|n| [198, 51, 100, n].into()).collect();
    let server = Server::start(move |_, family| match family {
        RecordType::A => Says::TooLong(many.clone()).into(),
        _ => ResponseCode::NoError.into(),
    });
    let addrs = addresses(&asking(&server.await), "a.test").await;
    assert_eq!(addrs.len(), 200);
}

#[tokio::test]
async fn an_answer_too_long_for_udp_that_does_not_come_by_tcp_is_told() {
    // Which of the two depends on whether hickory has put its question to the
    // connection before it sees that this is over.
    let over = &[
        "an answer is too long for UDP, and none came by TCP",
        "a name server closed the connection without an answer",
    ][..];
    let silent = &["no name server answered in time"][..];
    for (reception, kind, texts) in [
        (Reception::Closed, io::ErrorKind::Other, over),
        (Reception::Reset, io::ErrorKind::Other, over),
        (Reception::Ignored, io::ErrorKind::TimedOut, silent),
    ] {
        let server = Server::start(move |_, _| Says::TooLongAnd(reception).into()).await;
        let resolver = asking(&server).timeout(Duration::from_millis(300));
        for piece in all(&resolver, "a.test").await {
            let error = piece.unwrap_err();
            assert_eq!(error.kind(), kind, "{reception:?}: {error}");
            let text = error.to_string();
            assert!(texts.contains(&&*text), "{reception:?}: {text}");
        }
    }
}

/// What the configuration file of a cluster's machines looks like.
#[tokio::test]
async fn a_short_name_is_searched_for_and_the_host_found_is_one() {
    let server = Server::start(|name, family| match (name, family) {
        ("api.one.test", RecordType::A) => Answer::addresses(["192.0.2.1"]),
        ("api.one.test", _) => ResponseCode::NoError.into(),
        ("api.two.test", RecordType::AAAA) => Answer::addresses(["2001:db8::2"]),
        _ => ResponseCode::NXDomain.into(),
    });
    let server = server.await;
    let mut name_server = NameServerConfig::udp(server.addr.ip());
    name_server.connections[0].port = server.addr.port();
    let domains = ["zero.test", "one.test", "two.test"];
    let domains = domains.map(|domain| Name::from_ascii(domain).unwrap());
    let config = ResolverConfig::from_parts(None, domains.into(), vec![name_server]);
    let resolver = HickoryResolver::from_hickory(config, ResolverOpts::default());
    assert_eq!(addresses(&resolver, "api").await, ["192.0.2.1:0"]);
    assert_eq!(
        server.asked(RecordType::AAAA),
        ["api.zero.test", "api.one.test"]
    );
    // A dot at the end says that the name is whole.
    let whole = all(&resolver, "api.").await;
    assert!(whole.iter().all(Result::is_err));
}

#[tokio::test]
async fn localhost_is_asked_of_nobody() {
    let server = Server::start(both_families).await;
    let loopback = ["127.0.0.1:0", "[::1]:0"];
    assert_eq!(addresses(&asking(&server), "localhost").await, loopback);
    assert_eq!(server.asked(RecordType::A), [""; 0]);
}

/// Every Debian has this line.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_hosts_file_is_the_whole_answer_where_it_knows_the_name() {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
    let mut lines = hosts.lines().map(str::split_whitespace);
    let known = lines.find_map(|mut words| {
        let ip: std::net::Ipv4Addr = words.next()?.parse().ok()?;
        Some((ip, words.next()?.to_owned()))
    });
    let (ip, name) = known.expect("a hosts file has a line for IPv4");
    let server = Server::start(both_families).await;
    let mut name_server = NameServerConfig::udp(server.addr.ip());
    name_server.connections[0].port = server.addr.port();
    let config = ResolverConfig::from_name_servers(vec![name_server]);
    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Always;
    let resolver = HickoryResolver::from_hickory(config, options);
    let addrs = addresses(&resolver, &name).await;
    assert!(addrs.contains(&format!("{ip}:0")), "{addrs:?}");
    assert_eq!(server.asked(RecordType::AAAA), [""; 0]);
}
