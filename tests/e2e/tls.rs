//! HTTPS over sockets of this machine, with certificates made on the spot.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use postrider::{Client, ConnectErrorKind, Error, ErrorKind, Phase, TlsErrorKind, TlsVersion};
use testing::{Authority, CloseNotify, Identity, Script, Server, Tls};

use crate::support::{ok, poll_at_most, received, tls_builder_of, trusting};

fn always(body: &str) -> [Script; 1] {
    [Script::respond_always(ok(body))]
}

async fn get(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

/// The error of a `GET /` at a server with this certificate.
async fn refused(client: &Client, tls: impl Into<Tls>) -> (Error, SocketAddr) {
    let server = Server::start_tls(tls, always("never read"));
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert_eq!(error.phase(), Phase::Tls, "{error}");
    assert!(error.is_connect());
    assert_eq!(client.stats().totals.connections(), 0);
    assert_eq!(received(&server, 0), "");
    (error, server.addr())
}

#[tokio::test]
async fn connections_are_kept_alive_on_ipv4_and_ipv6_after_session_tickets() {
    if !testing::has_ipv6() {
        return;
    }
    let authority = Authority::new();
    for ip in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        for version in [testing::TlsVersion::Tls12, testing::TlsVersion::Tls13] {
            let identity = authority.issue(&["127.0.0.1", "::1"]);
            // More tickets than usual: they come behind the first response.
            let tls = Tls::new(identity).version(version).tickets(8);
            let addr = SocketAddr::new(ip, 0);
            let server = Server::start_tls_on(addr, tls, always("secured"));
            let client = trusting(&authority).build().unwrap();
            for number in 1..=20 {
                let response = client.get(server.url("/")).send().await.unwrap();
                assert_eq!(response.connection().request(), number);
                assert_eq!(response.remote_addr(), Some(server.addr()));
                assert_eq!(response.text().await.unwrap(), "secured");
                assert_eq!(client.stats().totals.idle, 1);
            }
            assert_eq!(server.connections(), 1);
        }
    }
}

#[tokio::test]
async fn a_connection_tells_what_was_agreed() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    for (version, agreed, text) in [
        (testing::TlsVersion::Tls12, TlsVersion::Tls12, "TLS 1.2"),
        (testing::TlsVersion::Tls13, TlsVersion::Tls13, "TLS 1.3"),
    ] {
        let tls = Tls::new(identity.clone()).version(version);
        let server = Server::start_tls(tls, always("hello"));
        let client = trusting(&authority).build().unwrap();
        let response = client.get(server.url("/")).send().await.unwrap();
        let facts = response.connection().tls().unwrap();
        assert_eq!(facts.version, agreed);
        assert_eq!(facts.version.to_string(), text);
        assert_eq!(facts.alpn, Some("http/1.1"));
        assert!(facts.cipher.starts_with("TLS"), "{}", facts.cipher);
        assert!(!facts.resumed);
        let dial = response.timings().dial().unwrap();
        assert!(dial.tls.is_some() && dial.connect.is_some());
        assert_eq!(dial.resolve, None, "an address is not looked up");
    }
    let server = Server::start(always("in the clear"));
    let response = Client::new().get(server.url("/")).send().await.unwrap();
    assert!(response.connection().tls().is_none());
    assert_eq!(response.timings().dial().unwrap().tls, None);
}

#[tokio::test]
async fn a_later_connection_resumes_the_session() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start_tls(identity, [Script::respond(closing).close()]);
    let client = trusting(&authority).build().unwrap();
    let mut resumed = Vec::new();
    for _ in 0..3 {
        let response = client.get(server.url("/")).send().await.unwrap();
        resumed.push(response.connection().tls().unwrap().resumed);
    }
    assert_eq!(resumed, [false, true, true]);
}

#[tokio::test]
async fn a_certificate_for_a_name_is_for_that_name() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.issue(&["api.test"]), always("hello"));
    let client = trusting(&authority)
        .resolve("api.test", [server.addr()])
        .resolve("other.test", [server.addr()])
        .build()
        .unwrap();
    let text = get(&client, &server.url_for("api.test", "/")).await;
    assert_eq!(text.unwrap(), "hello");
    let host = format!("host: api.test:{}\r\n", server.addr().port());
    assert!(received(&server, 0).contains(&host));

    let url = server.url_for("other.test", "/");
    let error = get(&client, &url).await.unwrap_err();
    assert_eq!(
        error.connect_kind(),
        Some(ConnectErrorKind::Tls(TlsErrorKind::WrongName))
    );
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn certificates_that_are_wrong_are_three_distinct_errors() {
    let authority = Authority::new();
    let client = trusting(&authority).build().unwrap();

    let (expired, addr) = refused(&client, authority.issue_expired(&["127.0.0.1"])).await;
    assert_eq!(
        expired.connect_kind(),
        Some(ConnectErrorKind::Tls(TlsErrorKind::Expired))
    );
    let text = expired.to_string();
    let begin = format!(
        "GET https://{addr}/: TLS handshake with {addr} failed: the certificate has expired"
    );
    assert!(text.starts_with(&begin), "{text}");
    assert!(text.contains(" days ago"), "{text}");

    let (other, addr) = refused(&client, authority.issue(&["other.test"])).await;
    assert_eq!(
        other.connect_kind(),
        Some(ConnectErrorKind::Tls(TlsErrorKind::WrongName))
    );
    let text = other.to_string();
    let begin = format!(
        "GET https://{addr}/: TLS handshake with {addr} failed: \
         the certificate is for other names: "
    );
    assert!(text.starts_with(&begin), "{text}");
    assert!(text.contains("other.test"), "{text}");

    let (unknown, addr) = refused(&client, Identity::self_signed(&["127.0.0.1"])).await;
    assert_eq!(
        unknown.connect_kind(),
        Some(ConnectErrorKind::Tls(TlsErrorKind::UnknownIssuer))
    );
    let text = unknown.to_string();
    let begin = format!(
        "GET https://{addr}/: TLS handshake with {addr} failed: \
         the certificate's issuer is not trusted"
    );
    assert!(text.starts_with(&begin), "{text}");
    assert_eq!(expired.kind(), ErrorKind::Tls);
    assert_eq!(expired.attempts().len(), 1, "{:?}", expired.attempts());
}

#[tokio::test]
async fn an_authority_that_is_not_among_the_roots_is_an_unknown_issuer() {
    let client = trusting(&Authority::new()).build().unwrap();
    let (error, _) = refused(&client, Identity::for_names(&["127.0.0.1"])).await;
    assert_eq!(
        error.connect_kind(),
        Some(ConnectErrorKind::Tls(TlsErrorKind::UnknownIssuer)),
        "{error}"
    );
}

#[tokio::test]
async fn roots_are_added_to_the_built_in_ones_or_take_their_place() {
    let (one, two) = (Authority::new(), Authority::new());
    let first = Server::start_tls(one.issue(&["127.0.0.1"]), always("first"));
    let second = Server::start_tls(two.issue(&["127.0.0.1"]), always("second"));

    let neither = Client::new();
    assert!(get(&neither, &first.url("/")).await.is_err());

    let extra = Client::builder()
        .add_root_certificates(one.ca_pem())
        .build()
        .unwrap();
    assert_eq!(get(&extra, &first.url("/")).await.unwrap(), "first");
    assert!(get(&extra, &second.url("/")).await.is_err());

    let both = Client::builder()
        .only_root_certificates(one.ca_pem())
        .add_root_certificates(two.ca_pem())
        .build()
        .unwrap();
    assert_eq!(get(&both, &first.url("/")).await.unwrap(), "first");
    assert_eq!(get(&both, &second.url("/")).await.unwrap(), "second");

    let bundle = Client::builder()
        .only_root_certificates(one.ca_pem() + &two.ca_pem())
        .build()
        .unwrap();
    assert_eq!(get(&bundle, &second.url("/")).await.unwrap(), "second");
}

#[tokio::test]
async fn a_server_that_speaks_no_http_1_is_refused() {
    let authority = Authority::new();
    let client = trusting(&authority).build().unwrap();
    for version in [testing::TlsVersion::Tls12, testing::TlsVersion::Tls13] {
        let identity = authority.issue(&["127.0.0.1"]);
        let tls = Tls::new(identity).version(version).alpn(&["h2"]);
        let (error, addr) = refused(&client, tls).await;
        let kind = error.connect_kind();
        assert_eq!(kind, Some(ConnectErrorKind::AlpnMismatch), "{error}");
        let text = error.to_string();
        let begin = format!(
            "GET https://{addr}/: TLS handshake with {addr} failed: \
             the server does not speak HTTP/1.1"
        );
        assert!(text.starts_with(&begin), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_knows_no_alpn_is_taken_at_its_word() {
    let authority = Authority::new();
    let client = trusting(&authority).build().unwrap();
    let tls = Tls::new(authority.issue(&["127.0.0.1"])).alpn(&[]);
    let server = Server::start_tls(tls, always("hello"));
    let response = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.connection().tls().unwrap().alpn, None);
}

#[tokio::test]
async fn a_port_that_speaks_in_the_clear_is_told_from_one_that_does_not() {
    let script = Script::new().read_some().write("HTTP/1.1 400 Bad\r\n\r\n");
    let server = Server::start([script.close()]);
    let url = server.url("/").replace("http://", "https://");
    let error = Client::new().get(url).send().await.unwrap_err();
    assert_eq!(
        error.connect_kind(),
        Some(ConnectErrorKind::Tls(TlsErrorKind::NotTls)),
        "{error}"
    );
    assert!(error.to_string().contains("is no TLS"), "{error}");
}

#[tokio::test]
async fn an_end_without_close_notify_ends_no_body_that_ends_with_the_connection() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    let rude = Tls::new(identity.clone()).close_notify(CloseNotify::Omit);
    let until_close = "HTTP/1.1 200 OK\r\n\r\nhello";
    let known = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let client = trusting(&authority).build().unwrap();
    for answer in [known, chunked] {
        let server = Server::start_tls(rude.clone(), [Script::respond(answer).close()]);
        assert_eq!(get(&client, &server.url("/")).await.unwrap(), "hello");
    }

    let server = Server::start_tls(rude.clone(), [Script::respond(until_close).close()]);
    let error = get(&client, &server.url("/")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Closed, Phase::Body)
    );
    assert_eq!(
        error.to_string(),
        format!(
            "GET {}: reading the response body from {}: \
             the connection ended before the end of the body",
            server.url("/"),
            server.addr()
        )
    );

    let server = Server::start_tls(identity, [Script::respond(until_close).close()]);
    assert_eq!(get(&client, &server.url("/")).await.unwrap(), "hello");
}

#[tokio::test]
async fn an_alert_behind_a_write_that_failed_is_told() {
    let authority = Authority::new();
    let tls = Tls::new(authority.issue(&["127.0.0.1"]))
        .version(testing::TlsVersion::Tls13)
        .require_client_certificate(authority.ca_der());
    let server = Server::start_tls(tls, always("unseen"));
    let client = trusting(&authority).build().unwrap();
    // The server refuses us with what we read first, and resets what we write.
    let upload = client.post(server.url("/")).body(vec![0; 3_000_000]);
    let error = upload.send().await.unwrap_err();
    assert!(error.to_string().contains("ertificate"), "{error}");
}

#[tokio::test]
async fn a_goodbye_that_comes_with_the_response_is_heeded_at_once() {
    let authority = Authority::new();
    let script = Script::respond(ok("warm")).then(Script::respond(ok("the last")).close());
    let identity = authority.issue(&["a.test"]);
    let server = Arc::new(Server::in_memory_tls(identity, [script]));
    let client = tls_builder_of(&server, &authority).build().unwrap();
    let text = get(&client, "https://a.test/").await;
    assert_eq!(text.unwrap(), "warm");

    let mut last = Box::pin(client.get("https://a.test/").send());
    assert!(poll_at_most(1, last.as_mut()).await.is_none());
    // Both are here before either is read.
    server.finished(0).await;
    assert_eq!(last.await.unwrap().text().await.unwrap(), "the last");
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_with_and_without_close_notify() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    let client = trusting(&authority).build().unwrap();
    for ending in [CloseNotify::Send, CloseNotify::Omit] {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            let tls = Tls::new(identity.clone()).close_notify(ending);
            let server = Server::start_tls(tls, [Script::respond(answer).close()]);
            let error = get(&client, &server.url("/")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
            assert!(
                error.to_string().contains("before the end of the body"),
                "{error}"
            );
        }
    }
}
