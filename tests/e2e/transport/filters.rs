//! A filter on addresses, for services that fetch URLs which others give them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postrider::{Answers, Client, ClientBuilder, ConnectErrorKind, ErrorKind, Phase, is_public};
use testing::{Script, Server};

use super::{Asking, always, failure, get};
use crate::support::ok;

fn public_only() -> ClientBuilder {
    Client::builder()
        .connector(|connector| connector.address_filter(|_, address| is_public(address)))
}

/// However somebody spells it, it leads inwards, and nobody knocks there.
#[tokio::test]
async fn no_spelling_of_a_private_address_is_connected_to() {
    let server = Server::start(always("secret"));
    let port = server.addr().port();
    let inward = [[127, 0, 0, 1], [10, 0, 0, 1], [169, 254, 169, 254]];
    let inward = inward.map(|octets| (octets, 0).into());
    let resolver = Asking(move |name: &str| match name {
        "rebound.test" => Answers::ready([inward[0]]),
        "metadata.test" => Answers::ready([inward[2]]),
        // What the system's resolver makes of numbers in disguise.
        "2130706433" | "0x7f000001" | "127.1" | "0177.0.0.1" | "localhost" => {
            Answers::ready([inward[0]])
        }
        _ => Answers::ready(inward),
    });
    let client = public_only()
        .connector(|connector| connector.resolver(resolver))
        .resolve("overridden.test", [server.addr()])
        .build()
        .unwrap();
    // Of a name it is told what it leads to.
    for (host, told) in [
        ("127.0.0.1", "127.0.0.1: {}"),
        ("[::1]", "[::1]: {}"),
        ("[::]", "[::]: {}"),
        ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]: {}"),
        ("[::ffff:7f00:1]", "[::ffff:127.0.0.1]: {}"),
        ("[::127.0.0.1]", "[::7f00:1]: {}"),
        ("[64:ff9b::7f00:1]", "[64:ff9b::7f00:1]: {}"),
        ("[fe80::1%251]", "[fe80::1%1]: {}"),
        ("localhost", "localhost: {} (found 127.0.0.1)"),
        ("2130706433", "2130706433: {} (found 127.0.0.1)"),
        ("0x7f000001", "0x7f000001: {} (found 127.0.0.1)"),
        ("127.1", "127.1: {} (found 127.0.0.1)"),
        ("0177.0.0.1", "0177.0.0.1: {} (found 127.0.0.1)"),
        ("rebound.test", "rebound.test: {} (found 127.0.0.1)"),
        ("metadata.test", "metadata.test: {} (found 169.254.169.254)"),
        (
            "many.test",
            "many.test: {} (found 127.0.0.1, 10.0.0.1, 169.254.169.254)",
        ),
        ("overridden.test", "overridden.test: {} (found 127.0.0.1)"),
    ] {
        let error = failure(&client, &format!("http://{host}:{port}/")).await;
        assert_eq!(error.kind(), ErrorKind::Resolve, "{error}");
        assert_eq!(error.phase(), Phase::Resolve);
        assert_eq!(error.connect_kind(), Some(ConnectErrorKind::AddressRefused));
        assert!(error.attempts().is_empty());
        let told = told.replace("{}", "the address filter refused every address");
        let text = format!("could not resolve {told}");
        assert!(error.to_string().ends_with(&text), "{error}");
    }
    assert_eq!(server.connections(), 0);
}

/// By the system's own resolver, which knows these spellings.
#[tokio::test]
async fn numbers_in_disguise_are_filtered_by_what_they_resolve_to() {
    let server = Server::start(always("secret"));
    let port = server.addr().port();
    let (open, closed) = (Client::new(), public_only().build().unwrap());
    for host in ["2130706433", "0x7f000001", "127.1", "localhost"] {
        let url = format!("http://{host}:{port}/");
        // A resolver may know them or not; it is not we who make addresses of them.
        if let Ok(text) = get(&open, &url).await {
            assert_eq!(text, "secret");
            let error = failure(&closed, &url).await;
            assert_eq!(error.connect_kind(), Some(ConnectErrorKind::AddressRefused));
        }
    }
    let reached = server.connections();
    assert!(reached >= 1, "at least localhost leads here");
}

#[tokio::test]
async fn of_several_addresses_only_those_are_tried_that_pass() {
    let good = Server::start(always("good"));
    let bad = Server::start_on(([127, 0, 0, 2], 0).into(), always("bad"));
    let client = Client::builder()
        .connector(|connector| connector.address_filter(|_, ip| ip != IpAddr::from([127, 0, 0, 2])))
        .resolve("api.test", [bad.addr(), good.addr(), bad.addr()])
        .build()
        .unwrap();
    assert_eq!(get(&client, "http://api.test/").await.unwrap(), "good");
    assert_eq!(bad.connections(), 0);
}

/// The name's owner changes its address between the two looks at it.
#[tokio::test]
async fn the_filter_is_asked_again_when_a_retry_dials_anew() {
    let outer = Server::start([Script::respond(ok("outer")).read_head().close()]);
    let inner = Server::start_on(([127, 0, 0, 2], 0).into(), always("secret"));
    let (outer_addr, inner_addr) = (outer.addr(), inner.addr());
    let asked = AtomicUsize::new(0);
    let resolver = Asking(move |_: &str| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Answers::ready([outer_addr]),
        _ => Answers::ready([inner_addr]),
    });
    let client = Client::builder()
        .connector(|connector| {
            connector
                .resolver(resolver)
                .resolve_cache(Duration::ZERO)
                .address_filter(|_, ip| ip != IpAddr::from([127, 0, 0, 2]))
        })
        .build()
        .unwrap();
    assert_eq!(get(&client, "http://api.test/").await.unwrap(), "outer");

    let error = failure(&client, "http://api.test/").await;
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::AddressRefused));
    assert_eq!(client.stats().counters.dials, 2, "it was a retry's dial");
    assert_eq!((outer.connections(), inner.connections()), (1, 0));
}

#[tokio::test]
async fn the_filter_is_told_where_the_connection_is_to_lead() {
    let server = Server::start(always("here"));
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let record = Arc::clone(&asked);
    let client = Client::builder()
        .connector(move |connector| {
            connector.address_filter(move |endpoint, ip| {
                record.lock().unwrap().push((endpoint.to_string(), ip));
                true
            })
        })
        .resolve("api.test", [server.addr()])
        .build()
        .unwrap();
    get(&client, "http://API.test:8080/").await.unwrap();
    let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
    let asked = asked.lock().unwrap();
    assert_eq!(*asked, [("api.test:8080".to_owned(), localhost)]);
}

#[tokio::test]
async fn a_filter_that_panics_fails_its_own_requests_only() {
    let server = Server::start(always("here"));
    let client = Client::builder()
        .connector(|connector| {
            connector.address_filter(|endpoint, _| {
                assert!(endpoint.to_string().starts_with("calm.test"), "no!");
                true
            })
        })
        .resolve("calm.test", [server.addr()])
        .resolve("other.test", [server.addr()])
        .build()
        .unwrap();
    for _ in 0..2 {
        let error = failure(&client, "http://other.test/").await;
        let text = error.to_string();
        assert!(text.contains("panicked"), "{text}");
        assert!(error.is_connect());
        assert_eq!(get(&client, "http://calm.test/").await.unwrap(), "here");
        client.close_idle();
    }
}
