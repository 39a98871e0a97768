//! Families, addresses of our own, and functions that see raw sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use postrider::{Client, ConnectErrorKind, ErrorKind, Phase};
use testing::Server;

use super::{always, failure, get};

#[tokio::test]
async fn one_family_can_be_all_that_is_used() {
    if !testing::has_ipv6() {
        return;
    }
    let four = Server::start(always("four"));
    let six = Server::start_on((Ipv6Addr::LOCALHOST, 0).into(), always("six"));
    let both = || Client::builder().resolve("api.test", [six.addr(), four.addr()]);
    let only_four = both().connector(|connector| connector.only_ipv4());
    let only_six = both().connector(|connector| connector.only_ipv6());
    let (only_four, only_six) = (only_four.build().unwrap(), only_six.build().unwrap());
    for (client, text) in [(&only_four, "four"), (&only_six, "six")] {
        assert_eq!(get(client, "http://api.test/").await.unwrap(), text);
    }

    // That goes for addresses in URLs, too.
    for (client, url, family) in [
        (only_four, six.url("/"), "IPv4"),
        (only_six, four.url("/"), "IPv6"),
    ] {
        client.close_idle();
        let error = failure(&client, &url).await;
        assert_eq!(error.kind(), ErrorKind::Resolve);
        assert_eq!(error.connect_kind(), Some(ConnectErrorKind::NoAddress));
        let text = format!(": only {family} addresses may be used");
        assert!(error.to_string().ends_with(&text), "{error}");
    }
}

#[tokio::test]
async fn the_server_sees_the_address_that_we_connect_from() {
    if !testing::has_ipv6() {
        return;
    }
    let four = Server::start(always("four"));
    let six = Server::start_on((Ipv6Addr::LOCALHOST, 0).into(), always("six"));
    let ours = IpAddr::from([127, 0, 0, 5]);
    let client = Client::builder()
        .connector(|connector| connector.local_address(ours))
        .resolve("api.test", [six.addr(), four.addr()])
        .build()
        .unwrap();
    // Its family is all that can be reached from it.
    let response = client.get("http://api.test/").send().await.unwrap();
    let seen = four.peer(0).addr.unwrap();
    assert_eq!(seen.ip(), ours);
    assert_eq!(response.connection().local_addr(), Some(seen));
    assert_eq!(six.connections(), 0);

    drop(response);
    client.close_idle();
    let error = failure(&client, &six.url("/")).await;
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::NoAddress));
    let text = ": only IPv4 addresses can be reached from the local address 127.0.0.5";
    assert!(error.to_string().ends_with(text), "{error}");

    // An address that is not ours.
    let foreign = Client::builder()
        .connector(|connector| connector.local_address([192, 0, 2, 1].into()))
        .build()
        .unwrap();
    let error = failure(&foreign, &four.url("/")).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    let text = error.to_string();
    assert!(text.contains("Cannot assign requested address"), "{text}");
}

#[tokio::test]
async fn a_hook_can_refuse_an_address_in_its_own_words() {
    let (bad, good) = (
        Server::start(always("bad")),
        Server::start_on(([127, 0, 0, 2], 0).into(), always("good")),
    );
    let client = Client::builder()
        .connector(|connector| {
            connector.socket_hook(|_, addr| match addr.ip() {
                IpAddr::V4(Ipv4Addr::LOCALHOST) => Err(io::Error::other("not that one")),
                _ => Ok(()),
            })
        })
        .resolve("both.test", [bad.addr(), good.addr()])
        .build()
        .unwrap();
    assert_eq!(get(&client, "http://both.test/").await.unwrap(), "good");
    client.close_idle();

    let error = failure(&client, &bad.url("/")).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert!(error.to_string().contains("not that one"), "{error}");
    assert_eq!(bad.connections(), 0);
}

#[tokio::test]
async fn a_hook_that_panics_fails_its_own_requests_only() {
    let (bad, good) = (
        Server::start(always("bad")),
        Server::start_on(([127, 0, 0, 2], 0).into(), always("good")),
    );
    let client = Client::builder()
        .connector(|connector| {
            connector.socket_hook(|_, addr| {
                assert_ne!(addr.ip(), Ipv4Addr::LOCALHOST, "no!");
                Ok(())
            })
        })
        .build()
        .unwrap();
    for _ in 0..2 {
        let error = failure(&client, &bad.url("/")).await;
        assert!(error.is_connect());
        assert!(error.to_string().contains("panicked"), "{error}");
        assert_eq!(get(&client, &good.url("/")).await.unwrap(), "good");
        client.close_idle();
    }
}
