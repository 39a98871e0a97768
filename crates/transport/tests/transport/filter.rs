//! The address filter, which has the last word on where to connect.

use std::net::{IpAddr, SocketAddr};

use postrider_transport::{
    Answers, ConnectErrorKind, Connector, Endpoint, Host, Phase, Resolve, Security, is_public,
};

use crate::names::NUMBERS_IN_DISGUISE;
use crate::support::{closed_port, failure, knowing, listen, listen_at, plain, plain_at};

#[tokio::test]
async fn a_filter_is_asked_about_every_address_wherever_it_comes_from() {
    let (_listener, addr) = listen().await;
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    let connector = knowing(&[addr, SocketAddr::new(mapped, 0)])
        .address_filter(|_, address| is_public(address))
        .build();
    let literal = Endpoint::new(Host::Ip(mapped), addr.port(), Security::Plain);
    for (endpoint, host, found) in [
        (
            plain("a.test", addr.port()),
            "a.test",
            Some(" (found 127.0.0.1, ::ffff:127.0.0.1)"),
        ),
        // As the machine has it.
        (plain("localhost", addr.port()), "localhost", None),
        (plain_at(addr), "127.0.0.1", Some("")),
        (literal, "[::ffff:127.0.0.1]", Some("")),
    ] {
        let error = failure(&connector, &endpoint).await;
        assert_eq!(error.kind(), ConnectErrorKind::AddressRefused, "{error}");
        assert_eq!(error.attempts().len(), 0);
        let text = error.to_string();
        let begin = format!("could not resolve {host}: the address filter refused every address");
        let told = text
            .strip_prefix(&begin)
            .unwrap_or_else(|| panic!("{text}"));
        assert_eq!(told, found.unwrap_or(told));
    }
}

/// What a rule that is written for IPv4 refuses stays refused in IPv6's clothes.
#[tokio::test]
async fn a_filter_of_the_users_own_sees_through_mapped_addresses() {
    let (_listener, addr) = listen().await;
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    let literal = Endpoint::new(Host::Ip(mapped), addr.port(), Security::Plain);
    let filtering = knowing(&[SocketAddr::new(mapped, 0)])
        .address_filter(|_, address| !address.is_loopback())
        .build();
    for endpoint in [&plain("a.test", addr.port()), &literal] {
        let error = failure(&filtering, endpoint).await;
        assert_eq!(error.kind(), ConnectErrorKind::AddressRefused, "{error}");
    }
    let open = Connector::builder().build();
    let facts = open.connect(&literal).await.unwrap().facts;
    assert_eq!(facts.remote, Some(addr));
}

#[tokio::test]
async fn mapped_addresses_are_of_the_family_that_they_are_reached_by() {
    let (_listener, addr) = listen().await;
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    let literal = Endpoint::new(Host::Ip(mapped), addr.port(), Security::Plain);
    let ipv6 = knowing(&[SocketAddr::new(mapped, 0)]).only_ipv6().build();
    for endpoint in [&plain("a.test", addr.port()), &literal] {
        let error = failure(&ipv6, endpoint).await;
        assert_eq!(error.kind(), ConnectErrorKind::NoAddress, "{error}");
    }
    let ipv4 = Connector::builder().only_ipv4().build();
    ipv4.connect(&literal).await.unwrap();
}

/// A resolver that asks for the families apart: what is told is the whole.
#[tokio::test]
async fn what_the_filter_refused_is_told_of_all_parts_of_an_answer() {
    struct Apart;

    impl Resolve for Apart {
        fn resolve(&self, _: &str) -> Answers {
            let part = |ip: &str| {
                let addr = SocketAddr::new(ip.parse().unwrap(), 0);
                Box::pin(async move { Ok(vec![addr]) }) as _
            };
            Answers::from_lookups(["::1", "10.0.0.7"].map(part))
        }
    }

    let connector = Connector::builder()
        .resolver(Apart)
        .address_filter(|_, address| is_public(address))
        .build();
    let error = failure(&connector, &plain("a.test", 80)).await;
    assert_eq!(
        error.to_string(),
        "could not resolve a.test: the address filter refused every address (found ::1, 10.0.0.7)"
    );
}

/// `getaddrinfo` of most systems makes them loopback; the filter sees what has become of them.
#[tokio::test]
async fn a_name_that_is_a_number_in_disguise_does_not_pass_the_filter() {
    let (_listener, addr) = listen().await;
    let open = Connector::builder().build();
    let filtering = Connector::builder()
        .address_filter(|_, address| is_public(address))
        .build();
    for name in NUMBERS_IN_DISGUISE {
        let endpoint = plain(name, addr.port());
        let error = failure(&filtering, &endpoint).await;
        assert_eq!(error.phase(), Phase::Resolve, "{error}");
        assert_eq!(error.attempts().len(), 0);
        if let Ok(connected) = open.connect(&endpoint).await {
            assert_eq!(connected.facts.remote, Some(addr));
            assert_eq!(error.kind(), ConnectErrorKind::AddressRefused);
        }
    }
    // Where the library is glibc, all of this was about something.
    #[cfg(target_env = "gnu")]
    assert!(open.connect(&plain("127.1", addr.port())).await.is_ok());
}

#[tokio::test]
async fn a_filter_that_panics_is_an_error_and_nothing_is_dialled() {
    let (listener, addr) = listen().await;
    let connector = knowing(&[addr, closed_port().await])
        .address_filter(|_, _| panic!("oh"))
        .build();
    for (endpoint, host) in [
        (plain("a.test", 80), "a.test"),
        (plain_at(addr), "127.0.0.1"),
    ] {
        let error = failure(&connector, &endpoint).await;
        assert_eq!(error.kind(), ConnectErrorKind::Panicked);
        assert_eq!(error.phase(), Phase::Resolve);
        let text = format!("could not resolve {host}: user code panicked");
        assert_eq!(error.to_string(), text);
    }
    // The first to come is one that no filter has seen.
    let stranger = Connector::builder().build();
    let connected = stranger.connect(&plain_at(addr)).await.unwrap();
    let (_, client) = listener.accept().await.unwrap();
    assert_eq!(connected.facts.local, Some(client));
}

#[tokio::test]
async fn addresses_that_pass_the_filter_are_used() {
    let (_listener, addr) = listen_at("127.0.0.2:0").await;
    let other = SocketAddr::from(([127, 0, 0, 3], addr.port()));
    let connector = knowing(&[other, addr])
        .address_filter(move |endpoint, address| {
            endpoint.host == Host::Name("a.test".into()) && address == addr.ip()
        })
        .build();
    let connected = connector.connect(&plain("a.test", 80)).await.unwrap();
    assert_eq!(connected.facts.remote, Some(addr));
    assert!(connected.facts.attempts.is_empty());
}
