//! What a request's body looks like on the wire, and what follows one that fails.

use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use postrider::{Body, Client, ErrorKind};
use testing::{Faulty, Script, Server};

use crate::requests::sent;
use crate::support::{client_of, ok, received};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn bodies_in_memory_have_their_length_and_go_out_with_the_head() {
    let bytes = sent(|client| client.post("http://a.test/").body("hello")).await;
    assert_eq!(
        bytes,
        "POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 5\r\n\r\nhello"
    );

    let bytes = sent(|client| client.put("http://a.test/").body(vec![b'a'; 3])).await;
    assert!(bytes.ends_with("content-length: 3\r\n\r\naaa"), "{bytes}");

    let bytes = sent(|client| client.post("http://a.test/")).await;
    assert!(bytes.ends_with("content-length: 0\r\n\r\n"), "{bytes}");

    let bytes = sent(|client| client.delete("http://a.test/")).await;
    assert!(!bytes.contains("content-length"), "{bytes}");
}

#[tokio::test]
async fn a_stream_goes_out_chunked() {
    let bytes = sent(|client| {
        let pieces = ["one", "", "three"].map(|piece| Ok::<_, BoxError>(Bytes::from(piece)));
        client
            .post("http://a.test/")
            .body(Body::stream(stream::iter(pieces)))
    })
    .await;
    let body = "3\r\none\r\n5\r\nthree\r\n0\r\n\r\n";
    assert_eq!(
        bytes,
        format!("POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n{body}")
    );
}

#[tokio::test]
async fn a_stream_with_a_declared_length_goes_out_as_it_is() {
    let bytes = sent(|client| {
        let pieces = ["one", "three"].map(|piece| Ok::<_, BoxError>(Bytes::from(piece)));
        let body = Body::stream(stream::iter(pieces));
        client
            .post("http://a.test/")
            .header("content-length", "8")
            .body(body)
    })
    .await;
    assert!(bytes.ends_with("\r\n\r\nonethree"), "{bytes}");
    assert!(bytes.contains("content-length: 8\r\n"), "{bytes}");
}

#[tokio::test]
async fn a_body_of_exact_size_has_that_length_and_trailers_follow_chunks() {
    let bytes = sent(|client| {
        client
            .post("http://a.test/")
            .body(Body::wrap(Full::new(Bytes::from("hi"))))
    })
    .await;
    assert!(bytes.ends_with("content-length: 2\r\n\r\nhi"), "{bytes}");

    let bytes = sent(|client| {
        let mut trailers = HeaderMap::new();
        trailers.insert("digest", "abc".parse().unwrap());
        let frames =
            [Frame::data(Bytes::from("hi")), Frame::trailers(trailers)].map(Ok::<_, BoxError>);
        let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
        client.post("http://a.test/").body(Body::wrap(body))
    })
    .await;
    assert!(
        bytes.ends_with("2\r\nhi\r\n0\r\ndigest: abc\r\n\r\n"),
        "{bytes}"
    );
}

#[tokio::test]
async fn trailers_behind_a_body_of_exact_size_are_an_error_that_says_what_they_need() {
    let server = Arc::new(Server::in_memory([Script::respond(ok(""))]));
    let client = client_of(&server);
    let mut trailers = HeaderMap::new();
    trailers.insert("digest", "abc".parse().unwrap());
    let body = Full::new(Bytes::from("hi")).with_trailers(ready(Some(Ok(trailers))));
    let request = client.post("http://a.test/").body(Body::wrap(body));
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    let text = error.to_string();
    assert!(
        text.ends_with("trailers need a request body of unknown length"),
        "{text}"
    );
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test]
async fn a_large_body_in_memory_arrives_whole() {
    let body: String = (0..200_000)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect();
    let bytes = sent(|client| client.post("http://a.test/").body(body.clone())).await;
    assert!(bytes.ends_with(&body));
    assert!(bytes.contains("content-length: 200000\r\n"));
}

#[tokio::test]
async fn a_body_unlike_its_declared_length_is_an_error_and_closes_the_connection() {
    for (declared, pieces) in [("2", ["one", ""]), ("9", ["one", ""])] {
        let server = Arc::new(Server::in_memory([Script::respond(ok(""))]));
        let client = client_of(&server);
        let pieces = pieces.map(|piece| Ok::<_, BoxError>(Bytes::from(piece)));
        let error = client
            .post("http://a.test/")
            .header("content-length", declared)
            .body(Body::stream(stream::iter(pieces)))
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{error}");
        server.closed(0).await;
        let whole = received(&server, 0);
        let (_, body) = whole.split_once("\r\n\r\n").unwrap_or_default();
        assert!(
            body.len() <= declared.parse().unwrap(),
            "{body} is too much"
        );
    }
}

#[tokio::test]
async fn a_body_that_fails_is_the_callers_error_and_closes_the_connection() {
    let server = Arc::new(Server::in_memory([Script::respond(ok(""))]));
    let client = client_of(&server);
    let pieces = [
        Ok(Bytes::from("one")),
        Err(BoxError::from("the disk is gone")),
    ];
    let body = Body::stream(stream::iter(pieces));
    let error = client
        .post("http://a.test/")
        .body(body)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RequestBody);
    assert!(!error.is_retry_safe());
    assert_eq!(
        error.to_string(),
        "POST http://a.test/: sending the request: the request body failed: the disk is gone"
    );
    server.closed(0).await;
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test]
async fn small_pieces_that_are_ready_are_written_together_behind_the_head() {
    let server = Arc::new(Server::in_memory([Script::respond(ok(""))]));
    let (meters, told) = std::sync::mpsc::channel();
    let client = {
        let server = Arc::clone(&server);
        let connect = move |_| {
            let stream = Faulty::new(server.connect());
            meters.send(stream.meter()).unwrap();
            ready(Ok(stream))
        };
        Client::builder().connect_with(connect).build().unwrap()
    };
    let pieces = (0..1_000).map(|_| Ok::<_, BoxError>(Bytes::from_static(b"0123456789")));
    let body = Body::stream(stream::iter(pieces));
    client
        .post("http://a.test/")
        .body(body)
        .send()
        .await
        .unwrap();

    assert_eq!(received(&server, 0).matches("0123456789").count(), 1_000);
    let writes = told.recv().unwrap().counts().writes;
    // The head, and what is under 16 KiB with the chunks' frames.
    assert_eq!(writes, 2);
}
