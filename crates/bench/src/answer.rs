//! What the server answers.

use std::time::Duration;

use bytes::Bytes;

use crate::tally::TOKEN_BYTES;

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The whole answer as it goes over the wire.
    Whole(Bytes),
    /// The same, and then the connection is closed, as the answer says.
    Last(Bytes),
    /// A body of so many bytes, which is never in memory at once.
    Long(u64),
    /// So many tokens, and a pause before each.
    Tokens { count: usize, pause: Duration },
}

impl Answer {
    /// A body of known length.
    pub(crate) fn whole(content_type: &str, body: &[u8]) -> Self {
        Self::Whole(message(content_type, "", body))
    }

    pub(crate) fn last(content_type: &str, body: &[u8]) -> Self {
        Self::Last(message(content_type, "Connection: close\r\n", body))
    }

    /// A body in chunks of one size.
    pub(crate) fn chunked(body: usize, chunk: usize) -> Self {
        let one = [
            format!("{chunk:x}\r\n").as_bytes(),
            &vec![b'x'; chunk],
            b"\r\n",
        ]
        .concat();
        let head = head("text/plain", "Transfer-Encoding: chunked\r\n");
        let message = [head.as_bytes(), &one.repeat(body / chunk), LAST_CHUNK].concat();
        Self::Whole(message.into())
    }
}

/// The head of a [`Answer::Long`].
pub(crate) fn long_head(length: u64) -> String {
    let length = format!("Content-Length: {length}\r\n");
    head("application/octet-stream", &length)
}

/// The head of [`Answer::Tokens`].
pub(crate) fn tokens_head() -> String {
    head("text/event-stream", "Transfer-Encoding: chunked\r\n")
}

/// A chunk with one token in it.
pub(crate) fn token_chunk(token: &str) -> String {
    format!("{TOKEN_BYTES:x}\r\n{token}\r\n")
}

pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn message(content_type: &str, fields: &str, body: &[u8]) -> Bytes {
    let length = format!("{fields}Content-Length: {}\r\n", body.len());
    [head(content_type, &length).as_bytes(), body]
        .concat()
        .into()
}

fn head(content_type: &str, fields: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\n\
         Date: Sat, 03 Oct 2026 12:00:00 GMT\r\n\
         Content-Type: {content_type}\r\n\
         {fields}\r\n"
    )
}
