//! Connections that fail: every address with its own failure.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use postrider::{Client, ConnectErrorKind, ErrorKind, Phase, Sent};
use testing::{Script, Server};

use super::{always, closed_port, failure};

#[tokio::test]
async fn every_address_is_told_with_its_own_failure() {
    let (refusing, hooked) = (closed_port(), closed_port());
    let silent = Server::start([Script::new().stall()]);
    let leaving = Server::start([Script::new().read_some().close()]);
    let client = Client::builder()
        .connector(|connector| {
            connector
                .socket_hook(move |_, addr| match addr == hooked {
                    true => Err(io::Error::other("the firewall says no")),
                    false => Ok(()),
                })
                .tls_timeout(Duration::from_millis(500))
        })
        .resolve(
            "api.test",
            [refusing, hooked, silent.addr(), leaving.addr()],
        )
        .build()
        .unwrap();
    let error = failure(&client, "https://api.test/").await;
    let attempts: Vec<(SocketAddr, String)> = error
        .attempts()
        .iter()
        .map(|attempt| {
            let error = attempt.error.as_ref().unwrap();
            assert!(attempt.elapsed < Duration::from_secs(20));
            (attempt.addr, error.to_string())
        })
        .collect();
    let refused = "Connection refused (os error 111)";
    let expected = [
        (refusing, refused),
        (hooked, "the firewall says no"),
        (silent.addr(), "TLS handshake timed out"),
        (leaving.addr(), "tls handshake eof"),
    ];
    let expected = expected.map(|(addr, words)| (addr, words.to_owned()));
    assert_eq!(attempts, expected);
    let text = error.to_string();
    for (addr, words) in expected {
        assert!(text.contains(&format!("{addr}: {words} after ")), "{text}");
    }
    // The handshakes are the cause: there was somebody.
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Phase::Tls));
    assert_eq!(error.sent(), Sent::Nothing);
    assert!(error.is_retry_safe());
}

#[tokio::test]
async fn what_all_addresses_have_in_common_is_the_kind() {
    let addrs: Vec<_> = (0..6).map(|_| closed_port()).collect();
    let client = Client::builder()
        .resolve("api.test", addrs.clone())
        .build()
        .unwrap();
    let began = Instant::now();
    let error = failure(&client, "http://api.test/").await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "a refusal is not waited for"
    );
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::Refused));
    assert_eq!(error.attempts().len(), addrs.len());
    let text = error.to_string();
    let begin = format!(
        "GET http://api.test/: could not connect to api.test:80: connection refused \
         ({}: Connection refused (os error 111) after ",
        addrs[0]
    );
    assert!(text.starts_with(&begin), "{text}");
    assert!(text.ends_with(", and 2 more)"), "{text}");
}

#[tokio::test]
async fn an_address_of_each_family_is_told() {
    if !testing::has_ipv6() {
        return;
    }
    let four = closed_port();
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, four.port()));
    let client = Client::builder()
        .resolve("api.test", [six, four])
        .build()
        .unwrap();
    let error = failure(&client, "http://api.test/").await;
    let mut tried: Vec<_> = error.attempts().iter().map(|at| at.addr).collect();
    tried.sort();
    assert_eq!(tried, [four, six]);
    let text = error.to_string();
    assert!(
        text.contains(&format!("{six}: Connection refused")),
        "{text}"
    );
    assert!(
        text.contains(&format!("{four}: Connection refused")),
        "{text}"
    );
}

#[tokio::test]
async fn a_connection_tells_what_was_tried_before_it() {
    let server = Server::start(always("here"));
    let refusing = closed_port();
    let client = Client::builder()
        .resolve("api.test", [refusing, server.addr()])
        .build()
        .unwrap();
    let response = client.get("http://api.test/").send().await.unwrap();
    let attempts = response.connection().attempts();
    let tried: Vec<_> = attempts
        .iter()
        .map(|at| (at.addr, at.error.is_some()))
        .collect();
    assert_eq!(tried, [(refusing, true), (server.addr(), false)]);
}
