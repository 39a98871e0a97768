//! What many tests need.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use postrider::{Client, ClientBuilder};
use testing::{Authority, Server};
use tokio::time::{sleep, timeout};

/// A client whose every connection leads to `server`, in memory.
pub(crate) fn client_of(server: &Arc<Server>) -> Client {
    builder_of(server).build().unwrap()
}

/// The settings of such a client.
pub(crate) fn builder_of(server: &Arc<Server>) -> ClientBuilder {
    let server = Arc::clone(server);
    Client::builder().connect_with(move |_| {
        let stream = server.connect();
        async move { Ok(stream) }
    })
}

/// What came on the server's connection `number`, as text.
pub(crate) fn received(server: &Server, number: usize) -> String {
    String::from_utf8_lossy(&server.received(number)).into_owned()
}

/// A response with a body of known length.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Waits for something that must come about soon.
pub(crate) async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = timeout(Duration::from_secs(10), waiting).await;
    assert!(in_time.is_ok(), "it has not come about");
}

/// Polls a future so many times at most, and drops it.
pub(crate) async fn poll_at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A client of servers with certificates by `authority`, which trusts no others.
pub(crate) fn trusting(authority: &Authority) -> ClientBuilder {
    Client::builder().only_root_certificates(authority.ca_pem())
}

/// The settings of a client whose every connection leads to `server`, in
/// memory and by TLS.
pub(crate) fn tls_builder_of(server: &Arc<Server>, authority: &Authority) -> ClientBuilder {
    builder_of(server).only_root_certificates(authority.ca_pem())
}
