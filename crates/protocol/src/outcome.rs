//! Whether the connection can be used again, and why not.

use std::fmt;
use std::time::Duration;

use crate::list::{decimal, members_of, trim};

/// What becomes of the connection after an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The response is not over.
    NotYet,
    /// Both halves are done, nothing spoke against another request, and no
    /// byte is left over.
    Reusable,
    /// It must not carry another request.
    Close(CloseReason),
}

/// Why a connection carries no further request.
///
/// Its `Display` is a sentence for logs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The response could not be read.
    Error,
    /// The peer speaks HTTP/1.0 and did not ask to keep the connection.
    Http10,
    /// `Keep-Alive` leaves no time or no request.
    KeepAliveSpent,
    /// Bytes came behind the response.
    Leftover,
    /// `Content-Length` stood beside `Transfer-Encoding` (RFC 9112 §6.1).
    LengthBesideChunked,
    /// We asked for it.
    RequestClose,
    /// The response was over before the request was.
    RequestUnfinished,
    /// The peer asked for it.
    ResponseClose,
    /// The end of the response is the end of the connection.
    UntilClose,
    /// The connection is a tunnel, or speaks another protocol now.
    Upgraded,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "the response could not be read",
            Self::Http10 => "an HTTP/1.0 server did not ask to keep the connection",
            Self::KeepAliveSpent => "the server's Keep-Alive field leaves no time or no request",
            Self::Leftover => "the server sent bytes after its response",
            Self::LengthBesideChunked => "the response had both a length and a transfer coding",
            Self::RequestClose => "the request asked to close the connection",
            Self::RequestUnfinished => "the response ended before the request was sent",
            Self::ResponseClose => "the server asked to close the connection",
            Self::UntilClose => "the response ends with the connection",
            Self::Upgraded => "the connection was handed over to another protocol",
        })
    }
}

/// What the response's `Keep-Alive` field promises: a hint of how long and for
/// how many requests the connection is good.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct KeepAlive {
    /// How long the peer keeps an idle connection, in whole seconds.
    pub timeout: Option<Duration>,
    /// How many more requests it will take.
    pub max: Option<u64>,
}

impl KeepAlive {
    /// `timeout=5, max=100`: parameters that are no number are ignored, as the
    /// field is but a hint. Of several the smallest holds: a connection that is
    /// closed early only costs, one that is kept too long fails.
    pub(crate) fn read(&mut self, line: &[u8]) {
        for member in members_of(line) {
            let mut parts = member.splitn(2, |byte| *byte == b'=').map(trim);
            let (Some(name), Some(value)) = (parts.next(), parts.next().and_then(decimal)) else {
                continue;
            };
            if name.eq_ignore_ascii_case(b"timeout") {
                self.timeout = smaller(self.timeout, Duration::from_secs(value));
            } else if name.eq_ignore_ascii_case(b"max") {
                self.max = smaller(self.max, value);
            }
        }
    }

    /// A second or less is over before the next request gets there.
    pub(crate) fn is_spent(&self) -> bool {
        let short = Duration::from_secs(1);
        self.max == Some(0) || self.timeout.is_some_and(|timeout| timeout <= short)
    }
}

fn smaller<T: Ord>(known: Option<T>, next: T) -> Option<T> {
    known.into_iter().chain([next]).min()
}
