//! From names to addresses: overrides, resolvers of the user's own, and what
//! becomes of their failures.

use std::future::{pending, ready};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use postrider::{Answers, Client, ClientBuilder, ConnectErrorKind, ErrorKind, Phase, Resolve};
use testing::Server;
use tokio::time::{sleep, timeout};

use super::{Asking, always, closed_port, closing, failure, get};
use crate::support::received;

/// Ends, by far, before any test's patience does.
const SOON: Duration = Duration::from_secs(3);

fn asking(resolver: impl Resolve) -> ClientBuilder {
    Client::builder().connector(|connector| connector.resolver(resolver))
}

/// A resolver that nobody may ask.
fn unasked() -> impl Resolve {
    Asking(|name: &str| panic!("asked for {name}"))
}

#[tokio::test]
async fn an_override_stands_for_a_name_in_any_spelling() {
    let server = Server::start(always("here"));
    let port = server.addr().port();
    let client = asking(unasked())
        .resolve("Api.Test", [server.addr()])
        .resolve("dotted.test.", [(Ipv4Addr::LOCALHOST, 0).into()])
        .build()
        .unwrap();
    // An override's own port wins, and 0 is the URL's.
    for url in [
        "http://api.test/".to_owned(),
        "http://API.TEST:1/".to_owned(),
        "http://api.test./".to_owned(),
        format!("http://dotted.test:{port}/"),
        format!("http://DOTTED.test.:{port}/"),
        format!("http://127.0.0.1:{port}/"),
    ] {
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.remote_addr(), Some(server.addr()), "{url}");
        assert_eq!(response.timings().dial().unwrap().resolve, None);
        assert_eq!(response.text().await.unwrap(), "here");
    }
    assert!(received(&server, 1).contains("\r\nhost: api.test:1\r\n"));
}

#[test]
fn an_override_for_what_could_match_no_url_is_an_error() {
    let label = "a".repeat(64);
    let port = "a name stands here without a port or user-info";
    let address = "an address is not resolved";
    let labels = "a label of the host name is empty or too long";
    for (name, words) in [
        ("127.0.0.1", address),
        ("[::1]", address),
        ("[fe80::1%25eth0]", address),
        ("api.local:443", port),
        ("api.local:", port),
        ("me@api.local", port),
        (
            "https://api.local",
            "the port is not a number from 0 to 65535",
        ),
        ("::1", "there is no host"),
        ("a..b", labels),
        (".", labels),
        (&label, labels),
        ("", "there is no host"),
        ("a b", "the host has the invalid character ' '"),
        ("api.local/", "the host has the invalid character '/'"),
    ] {
        let error = Client::builder().resolve(name, []).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        let text = format!("the client can't be built: no addresses for {name:?}: {words}");
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn the_next_of_several_addresses_is_taken_where_one_refuses() {
    let server = Server::start(always("here"));
    let client = Client::builder()
        .resolve("api.test", [closed_port(), server.addr()])
        .build()
        .unwrap();
    let answer = timeout(SOON, get(&client, "http://api.test/")).await;
    assert_eq!(answer.unwrap().unwrap(), "here");
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_lookup() {
    let server = Server::start(always("here"));
    let (asked, addr) = (Arc::new(AtomicUsize::new(0)), server.addr());
    let count = Arc::clone(&asked);
    let resolver = Asking(move |name: &str| {
        assert_eq!(name, "api.test");
        count.fetch_add(1, Ordering::Relaxed);
        Answers::from_lookup(async move {
            sleep(Duration::from_millis(20)).await;
            Ok(vec![addr])
        })
    });
    let client = asking(resolver).build().unwrap();
    let gets = (0..8).map(|_| get(&client, "http://api.test/"));
    for answer in join_all(gets).await {
        assert_eq!(answer.unwrap(), "here");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_the_lookup_took_is_told_apart_from_connecting() {
    const SLOW: Duration = Duration::from_millis(300);

    let server = Server::start(always("here"));
    let addr = server.addr();
    let slowly = Asking(move |_: &str| {
        Answers::from_lookup(async move {
            sleep(SLOW).await;
            Ok(vec![addr])
        })
    });
    let client = asking(slowly).build().unwrap();
    let response = client.get("http://api.test/").send().await.unwrap();
    let dial = response.timings().dial().unwrap();
    assert!(dial.resolve.unwrap() >= SLOW, "{dial:?}");
    assert!(dial.connect.unwrap() < SLOW, "{dial:?}");
}

/// RFC 8305 §3.
#[tokio::test]
async fn a_slow_answer_for_ipv6_holds_nothing_up_and_a_quick_one_is_preferred() {
    if !testing::has_ipv6() {
        return;
    }
    let four = Server::start(always("four"));
    let six = Server::start_on((Ipv6Addr::LOCALHOST, 0).into(), always("six"));
    let (four, six): (SocketAddr, SocketAddr) = (four.addr(), six.addr());

    let never = Asking(move |_: &str| {
        Answers::from_lookups([
            Box::pin(pending()) as _,
            Box::pin(ready(Ok(vec![four]))) as _,
        ])
    });
    let client = asking(never).build().unwrap();
    let response = timeout(SOON, client.get("http://api.test/").send()).await;
    assert_eq!(response.unwrap().unwrap().remote_addr(), Some(four));

    let quick = Asking(move |_: &str| {
        Answers::from_lookups([
            Box::pin(ready(Ok(vec![four]))) as _,
            Box::pin(async move {
                sleep(Duration::from_millis(1)).await;
                Ok(vec![six])
            }) as _,
        ])
    });
    let client = asking(quick)
        .connector(|connector| connector.resolution_delay(SOON))
        .build()
        .unwrap();
    let response = timeout(SOON, client.get("http://api.test/").send()).await;
    assert_eq!(response.unwrap().unwrap().remote_addr(), Some(six));
}

#[tokio::test]
async fn a_resolver_that_fails_is_told_in_its_own_words() {
    let resolver = Asking(|name: &str| match name {
        "unknown.test" => Answers::failed(io::ErrorKind::NotFound.into()),
        "empty.test" => Answers::ready([]),
        "late.test" => Answers::from_lookup(async { Err(io::ErrorKind::TimedOut.into()) }),
        _ => Answers::failed(io::Error::other("SERVFAIL from 10.0.0.53")),
    });
    let client = asking(resolver).build().unwrap();
    for (name, kind, told, may_help) in [
        (
            "api.test",
            ConnectErrorKind::Resolve,
            "SERVFAIL from 10.0.0.53",
            true,
        ),
        (
            "unknown.test",
            ConnectErrorKind::NameNotFound,
            "no such name",
            false,
        ),
        (
            "empty.test",
            ConnectErrorKind::NoAddress,
            "the answer holds no address that may be used",
            true,
        ),
    ] {
        let error = failure(&client, &format!("http://{name}:8080/")).await;
        assert_eq!(error.kind(), ErrorKind::Resolve);
        assert_eq!(error.phase(), Phase::Resolve);
        assert_eq!(error.connect_kind(), Some(kind));
        assert_eq!(error.is_retry_safe(), may_help, "{error}");
        assert_eq!(
            error.to_string(),
            format!("GET http://{name}:8080/: could not resolve {name}: {told}")
        );
    }
    let error = failure(&client, "http://late.test/").await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Resolve)
    );
    let begin = "GET http://late.test/: could not resolve late.test: timed out after ";
    assert!(error.to_string().starts_with(begin), "{error}");
}

#[tokio::test]
async fn half_a_lookup_that_fails_is_told_where_the_other_half_brings_nobody() {
    let addr = closed_port();
    let halves = Asking(move |_: &str| {
        Answers::from_lookups([
            Box::pin(ready(Ok(vec![addr]))) as _,
            Box::pin(ready(Err(io::Error::other("SERVFAIL from 10.0.0.53")))) as _,
        ])
    });
    let client = asking(halves).build().unwrap();
    let error = failure(&client, "http://api.test/").await;
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::Refused));
    let [attempt] = error.attempts() else {
        panic!("{error}");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "GET http://api.test/: could not connect to api.test:80: connection refused \
             ({attempt}); a part of the lookup failed: SERVFAIL from 10.0.0.53"
        )
    );
}

#[tokio::test]
async fn a_resolver_that_never_answers_costs_the_connect_timeout() {
    let client = asking(Asking(|_: &str| Answers::from_lookup(pending())))
        .connect_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let error = timeout(SOON, failure(&client, "http://api.test/"))
        .await
        .unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Resolve)
    );
    let text = error.to_string();
    let begin = "GET http://api.test/: could not resolve api.test: timed out after ";
    assert!(text.starts_with(begin), "{text}");
}

#[tokio::test]
async fn a_resolver_that_panics_fails_its_own_requests_only() {
    let server = Server::start(always("here"));
    let addr = server.addr();
    let resolver = Asking(move |name: &str| match name {
        "calm.test" => Answers::ready([addr]),
        "later.test" => Answers::from_lookup(async { panic!("in the lookup") }),
        _ => panic!("at once"),
    });
    let client = asking(resolver).build().unwrap();
    for name in ["later.test", "now.test"] {
        let error = failure(&client, &format!("http://{name}/")).await;
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Resolve, Phase::Resolve)
        );
        assert_eq!(error.connect_kind(), Some(ConnectErrorKind::Panicked));
        assert_eq!(
            error.to_string(),
            format!("GET http://{name}/: could not resolve {name}: user code panicked")
        );
    }
    assert_eq!(get(&client, "http://calm.test/").await.unwrap(), "here");
}

#[tokio::test]
async fn the_last_good_answer_stands_in_for_a_resolver_that_fails() {
    let server = Server::start(closing("here"));
    let addr = server.addr();
    for (stale_for, stands_in) in [(Duration::from_secs(60), true), (Duration::ZERO, false)] {
        let asked = AtomicUsize::new(0);
        let resolver = Asking(move |_: &str| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Answers::ready([addr]),
            _ => Answers::failed(io::Error::other("EAI_AGAIN")),
        });
        let client = asking(resolver)
            .connector(|connector| {
                connector
                    .resolve_cache(Duration::ZERO)
                    .resolve_stale(stale_for)
            })
            .build()
            .unwrap();
        assert_eq!(get(&client, "http://api.test/").await.unwrap(), "here");
        for _ in 0..2 {
            let again = get(&client, "http://api.test/").await;
            match again {
                Ok(text) => assert!(stands_in && text == "here"),
                Err(error) => {
                    assert!(!stands_in, "{error}");
                    assert!(error.to_string().ends_with("EAI_AGAIN"), "{error}");
                }
            }
        }
    }
}
