//! Bodies that are collected into memory of their own.

use std::sync::Arc;

use postrider::ErrorKind;
use testing::{Script, Server};

use crate::support::{builder_of, client_of, ok};

/// From here on glibc, and so we, ask the kernel for each body's memory.
const LARGE: usize = 32 << 20;

/// The same again only after 4,207 bytes, which no page or buffer is a multiple of.
fn text(length: usize) -> String {
    let numbers: String = (0..601).map(|at| format!("{at:6} ")).collect();
    let mut text = numbers.repeat(length / numbers.len() + 1);
    text.truncate(length);
    text
}

#[tokio::test]
async fn a_large_body_is_the_same_as_bytes_and_as_text_and_its_connection_is_kept() {
    for length in [LARGE - 1, LARGE, LARGE + 4097] {
        let text = text(length);
        let server = Arc::new(Server::in_memory([Script::respond_always(ok(&text))]));
        let client = client_of(&server);
        let bytes = client.get("http://a.test/").send().await.unwrap().bytes();
        assert!(bytes.await.unwrap() == text);
        let again = client.get("http://a.test/").send().await.unwrap().text();
        assert!(again.await.unwrap() == text);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_large_body_that_breaks_off_or_is_beyond_the_limit_is_an_error() {
    let most = ok(&text(LARGE))[..LARGE / 2].to_owned();
    let server = Arc::new(Server::in_memory([Script::respond(most).close()]));
    let response = client_of(&server).get("http://a.test/").send().await;
    let error = response.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert!(error.to_string().contains("16777"), "{error}");

    let server = Arc::new(Server::in_memory([Script::respond(ok(&text(LARGE)))]));
    let client = builder_of(&server).max_collected_body(LARGE - 1);
    let response = client.build().unwrap().get("http://a.test/").send().await;
    let error = response.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}
