//! What many tests need.

use std::sync::Arc;

use postrider::{Client, ClientBuilder};
use testing::Server;

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
