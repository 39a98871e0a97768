//! What a request looks like on the wire.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use postrider::{Body, Client, ErrorKind, RequestBuilder};
use testing::{Script, Server, Signal};

use crate::support::{builder_of, client_of, ok, received, until};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The bytes of the one request that `build` makes.
pub(crate) async fn sent(build: impl FnOnce(&Client) -> RequestBuilder) -> String {
    let server = Arc::new(Server::in_memory([Script::respond(ok(""))]));
    let client = client_of(&server);
    build(&client).send().await.unwrap();
    received(&server, 0)
}

#[tokio::test]
async fn a_get_is_a_request_line_and_a_host() {
    let bytes = sent(|client| client.get("http://a.test/x?y=1#fragment")).await;
    assert_eq!(bytes, "GET /x?y=1 HTTP/1.1\r\nhost: a.test\r\n\r\n");
}

#[tokio::test]
async fn a_port_is_named_only_if_it_is_not_the_default_and_ipv6_is_bracketed() {
    for (url, host) in [
        ("http://a.test:80/", "a.test"),
        ("http://a.test:8080/", "a.test:8080"),
        ("http://A.Test/", "a.test"),
        ("http://[::1]/", "[::1]"),
        ("http://[::1]:81/", "[::1]:81"),
        ("http://127.0.0.1:443/", "127.0.0.1:443"),
    ] {
        let bytes = sent(|client| client.get(url)).await;
        assert_eq!(
            bytes,
            format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"),
            "{url}"
        );
    }
}

#[tokio::test]
async fn headers_query_and_authorization_are_as_reqwests_users_know_them() {
    let bytes = sent(|client| {
        client
            .get("http://a.test/find?q=1")
            .header("x-one", "1")
            .header("x-one", "2")
            .query([("name", "a b&c"), ("n", "2")])
            .basic_auth("user", Some("secret"))
    })
    .await;
    assert!(
        bytes.starts_with("GET /find?q=1&name=a+b%26c&n=2 HTTP/1.1\r\n"),
        "{bytes}"
    );
    assert!(bytes.contains("x-one: 1\r\nx-one: 2\r\n"), "{bytes}");
    assert!(
        bytes.contains("authorization: Basic dXNlcjpzZWNyZXQ=\r\n"),
        "{bytes}"
    );

    let bytes = sent(|client| client.get("http://a.test/").bearer_auth("t0ken")).await;
    assert!(bytes.contains("authorization: Bearer t0ken\r\n"), "{bytes}");
}

#[tokio::test]
async fn user_info_in_a_url_becomes_basic_authorization() {
    let bytes = sent(|client| client.get("http://us%65r:secret@a.test/")).await;
    assert!(bytes.contains("host: a.test\r\n"), "{bytes}");
    assert!(
        bytes.contains("authorization: Basic dXNlcjpzZWNyZXQ=\r\n"),
        "{bytes}"
    );
}

#[tokio::test]
async fn user_info_in_a_url_is_sent_byte_for_byte() {
    let bytes = sent(|client| client.get("http://%FF:%C3%A9%80@a.test/")).await;
    // FF ":" C3 A9 80.
    assert!(
        bytes.contains("authorization: Basic /zrDqYA=\r\n"),
        "{bytes}"
    );
    let client = Client::new();
    for url in [
        "http://u%3Ax:p@a.test/",
        "http://u%0Ax:p@a.test/",
        "http://u:p%7F@a.test/",
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{url}");
    }
}

#[tokio::test]
async fn more_fields_than_a_map_can_hold_are_an_error() {
    let fields = |prefix: &str| -> HeaderMap {
        let name = |n| HeaderName::try_from(format!("{prefix}-{n}")).unwrap();
        (0..20_000)
            .map(|n| (name(n), HeaderValue::from_static("1")))
            .collect()
    };
    let client = Client::builder()
        .default_headers(fields("a"))
        .build()
        .unwrap();
    let builder = Client::builder().default_headers(fields("a"));
    let error = builder.default_headers(fields("b")).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    let request = || client.get("http://a.test/").headers(fields("b"));
    for request in [request(), request().headers(fields("c"))] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        assert_eq!(
            error.to_string(),
            "GET http://a.test/: invalid header: max size reached"
        );
    }
}

#[tokio::test]
async fn a_requests_own_credentials_come_before_the_clients() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let mut defaults = HeaderMap::new();
    defaults.insert("authorization", "Bearer everybodys".parse().unwrap());
    let client = builder_of(&server)
        .default_headers(defaults)
        .build()
        .unwrap();
    let last = async |request: RequestBuilder| {
        let before = received(&server, 0).len();
        request.send().await.unwrap();
        received(&server, 0)[before..].to_owned()
    };
    let with_user_info = || client.get("http://user:secret@a.test/");
    client.get("http://a.test/").send().await.unwrap();
    for (request, value) in [
        (client.get("http://a.test/@"), "Bearer everybodys"),
        (client.get("http://@a.test/"), "Bearer everybodys"),
        (with_user_info(), "Basic dXNlcjpzZWNyZXQ="),
        (with_user_info().bearer_auth("own"), "Bearer own"),
    ] {
        let bytes = last(request).await;
        let line = format!("authorization: {value}\r\n");
        assert_eq!(bytes.matches("authorization: ").count(), 1, "{bytes}");
        assert!(bytes.contains(&line), "{bytes}");
    }
}

#[tokio::test]
async fn json_is_written_and_named() {
    let bytes = sent(|client| {
        client
            .post("http://a.test/")
            .json(&serde_json::json!({"a": 1}))
    })
    .await;
    assert!(
        bytes.contains("content-type: application/json\r\n"),
        "{bytes}"
    );
    assert!(bytes.ends_with("\r\n\r\n{\"a\":1}"), "{bytes}");
}

#[tokio::test]
async fn default_headers_fill_in_what_a_request_lacks() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let mut defaults = HeaderMap::new();
    defaults.insert("accept", "text/plain".parse().unwrap());
    defaults.append("x-many", "1".parse().unwrap());
    defaults.append("x-many", "2".parse().unwrap());
    let client = builder_of(&server)
        .default_headers(defaults)
        .user_agent("orders/1.4")
        .build()
        .unwrap();
    client
        .get("http://a.test/")
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    let bytes = received(&server, 0);
    assert!(bytes.contains("accept: text/html\r\n"), "{bytes}");
    assert!(!bytes.contains("text/plain"), "{bytes}");
    assert!(bytes.contains("x-many: 1\r\nx-many: 2\r\n"), "{bytes}");
    assert!(bytes.contains("user-agent: orders/1.4\r\n"), "{bytes}");
}

#[tokio::test]
async fn a_request_of_the_http_crate_is_executed() {
    let server = Arc::new(Server::in_memory([Script::respond(ok("done"))]));
    let client = client_of(&server);
    let request = http::Request::patch("http://a.test/x")
        .header("x-a", "b")
        .body("body")
        .unwrap();
    let response = client.execute(request).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "done");
    let bytes = received(&server, 0);
    assert!(bytes.starts_with("PATCH /x HTTP/1.1\r\n"), "{bytes}");
    assert!(bytes.contains("x-a: b\r\n"), "{bytes}");
}

#[tokio::test]
async fn nothing_can_be_smuggled_through_a_header_and_the_error_says_so() {
    let client = Client::new();
    for (name, value) in [
        ("x-a", "b\r\nx-c: d"),
        ("x a", "b"),
        ("", "b"),
        ("x-a", "nul\0"),
    ] {
        let error = client
            .get("http://a.test/")
            .header(name, value)
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        assert!(
            error
                .to_string()
                .starts_with("GET http://a.test/: invalid header: "),
            "{error}"
        );
    }
    for (request, name) in [
        (client.get("http://a.test/").header("X-A", "b\n"), "x-a"),
        (
            client.get("http://a.test/").bearer_auth("b\n"),
            "authorization",
        ),
    ] {
        let error = request.send().await.unwrap_err().to_string();
        let says = format!(": invalid header: {name}: failed to parse header value");
        assert!(error.ends_with(&says), "{error}");
    }
}

#[tokio::test]
async fn contradictions_of_the_caller_are_errors_before_a_byte_is_sent() {
    let server = Arc::new(Server::in_memory([Script::respond(ok(""))]));
    let client = client_of(&server);
    for (name, value) in [
        ("content-length", "7"),
        ("transfer-encoding", "gzip"),
        ("host", "a b"),
        ("connection", "close, Content-Length"),
    ] {
        let error = client
            .post("http://a.test/")
            .header(name, value)
            .body("x")
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{name}: {error}");
        assert!(error.to_string().contains("invalid request: "), "{error}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_host_that_is_none_is_told_with_what_is_wrong_with_it() {
    let request = Client::new()
        .get("http://a.test/")
        .header("host", "b.test:x");
    let error = request.send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET http://a.test/: invalid request: the host field given is not a valid host: \
         the port is not a number from 0 to 65535"
    );
}

#[tokio::test]
async fn secrets_appear_in_no_debug_and_no_error() {
    let client = Client::new();
    let request = client
        .get("http://user:canary@127.0.0.1:1/path?token=canary")
        .basic_auth("user", Some("canary"))
        .bearer_auth("canary");
    assert!(!format!("{request:?}").contains("canary"), "{request:?}");
    let error = request.send().await.unwrap_err();
    assert!(
        !format!("{error:?} {error}").contains("canary"),
        "{error:?} {error}"
    );
}

#[tokio::test]
async fn no_chunks_are_sent_to_a_server_that_is_known_to_speak_http_1_0() {
    let answer = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    let server = Arc::new(Server::in_memory([Script::respond_always(answer)]));
    let client = client_of(&server);
    client.get("http://a.test/").send().await.unwrap();
    let body = Body::stream(stream::iter([Ok::<_, BoxError>(Bytes::from("x"))]));
    let error = client
        .post("http://a.test/")
        .body(body)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().contains("http/1.0"), "{error}");
    client
        .post("http://a.test/")
        .body("known")
        .send()
        .await
        .unwrap();
    assert_eq!(server.connections(), 1, "the connection was not harmed");
}

#[tokio::test]
async fn no_chunks_are_sent_on_such_a_connection_that_is_handed_on_either() {
    let answer = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    let now = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .wait(&now)
        .write(answer)
        .then(Script::respond_always(answer))]));
    let client = builder_of(&server).pool_max_connections(1).build().unwrap();
    let held = tokio::spawn(client.get("http://a.test/").send());
    until(|| client.stats().totals.lent == 1).await;
    let body = Body::stream(stream::iter([Ok::<_, BoxError>(Bytes::from("x"))]));
    let waiting = tokio::spawn(client.post("http://a.test/").body(body).send());
    until(|| client.stats().totals.waiting == 1).await;
    now.notify();
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request, "{error}");
    client.get("http://a.test/").send().await.unwrap();
    assert_eq!(server.connections(), 1, "the connection was not harmed");
}
