//! Requests of every kind to nginx.

use std::fs;
use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use postrider::{Body, Client};

use super::nginx;
use super::program::Program;

fn client_of(nginx: &Program) -> Client {
    Client::builder()
        .only_root_certificates(nginx.root_certificate())
        .build()
        .unwrap()
}

fn some_bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn a_thousand_requests_in_a_row_ride_one_connection() {
    let nginx = nginx::start();
    fs::write(nginx.root().join("small"), "hello").unwrap();
    let client = client_of(&nginx);
    for (base, mark) in nginx.urls().iter().zip(["plain", "secure"]) {
        let url = format!("{base}/small?{mark}");
        for _ in 0..1000 {
            let response = client.get(&url).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), "hello");
        }
        // nginx's own word for it.
        let served = nginx.log_of(&format!("/small?{mark}"), 1000);
        assert_eq!(served.len(), 1000);
        for (number, line) in (1..).zip(&served) {
            assert_eq!(line.connection, served[0].connection);
            assert_eq!(line.request, number);
        }
    }
    let counters = client.stats().counters;
    assert_eq!((counters.dials, counters.reuses), (2, 1998));
}

#[tokio::test]
async fn large_and_chunked_responses_come_whole() {
    let nginx = nginx::start();
    let bytes = some_bytes(5_000_000);
    fs::write(nginx.root().join("large"), &bytes).unwrap();
    fs::write(nginx.root().join("chunked/large"), &bytes).unwrap();
    let client = client_of(&nginx);
    for base in nginx.urls() {
        for (path, length) in [("large", Some(5_000_000)), ("chunked/large", None)] {
            let response = client.get(format!("{base}/{path}")).send().await.unwrap();
            assert_eq!(response.content_length(), length, "{base}/{path}");
            assert!(response.bytes().await.unwrap() == bytes, "{base}/{path}");
        }
    }
    assert_eq!(client.stats().counters.dials, 2);
}

#[tokio::test]
async fn uploads_arrive_whole_with_and_without_a_length() {
    let nginx = nginx::start();
    let bytes = some_bytes(3_000_000);
    let client = client_of(&nginx);
    for base in nginx.urls() {
        let pieces: Vec<_> = bytes
            .chunks(70_000)
            .map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece)))
            .collect();
        let bodies = [bytes.clone().into(), Body::stream(stream::iter(pieces))];
        for body in bodies {
            let url = format!("{base}/put/it");
            let response = client.put(url).body(body).send().await.unwrap();
            assert!(response.status().is_success(), "{}", response.status());
            response.discard().await.unwrap();
            let file = nginx.root().join("put/it");
            assert!(fs::read(&file).unwrap() == bytes);
            fs::remove_file(file).unwrap();
        }
    }
    assert_eq!(client.stats().counters.dials, 2);
}

#[tokio::test]
async fn responses_without_a_body_and_of_failure_keep_the_connection() {
    let nginx = nginx::start();
    fs::write(nginx.root().join("small"), "hello").unwrap();
    let client = client_of(&nginx);
    let [base, _] = nginx.urls();
    let url = format!("{base}/small");

    let head = client.head(&url).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "5");
    let tag = head.headers()["etag"].clone();
    assert_eq!(head.bytes().await.unwrap(), "");

    let cached = client.get(&url).header("if-none-match", tag).send().await;
    assert_eq!(cached.unwrap().status(), StatusCode::NOT_MODIFIED);

    let part = client.get(&url).header("range", "bytes=1-3").send().await;
    let part = part.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.text().await.unwrap(), "ell");

    let missing = client.get(format!("{base}/missing")).send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    missing.discard().await.unwrap();

    let refused = client.post(&url).body(some_bytes(200_000)).send().await;
    assert_eq!(refused.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);

    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
    assert!(client.stats().counters.dials <= 2);
}
