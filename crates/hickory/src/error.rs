//! What hickory says, in the words of `std::io::Error`.

use std::error::Error;
use std::fmt;
use std::io;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;

/// What became of a question that brought no address.
#[derive(Debug)]
pub(crate) enum Nothing {
    /// There is no such name.
    NoName,
    /// There is, but it has no address of this family.
    NoAddress,
    /// Nobody can tell.
    Failed(io::Error),
}

impl Nothing {
    pub(crate) fn from_hickory(error: NetError) -> Self {
        match &error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => Self::NoName,
                _ => Self::NoAddress,
            },
            _ => Self::Failed(in_words(error)),
        }
    }

    /// What two names come to that both brought nothing: the first failure, or else the one that
    /// says more.
    pub(crate) fn and(self, later: Self) -> Self {
        match (self, later) {
            (Self::NoName, later) => later,
            (Self::NoAddress, Self::Failed(error)) => Self::Failed(error),
            (earlier, _) => earlier,
        }
    }
}

pub(crate) fn no_such_name() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such name")
}

/// The failure with the kind that the transport goes by.
pub(crate) fn in_words(error: NetError) -> io::Error {
    let kind = match &error {
        NetError::Timeout => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, Failure(error))
}

/// Why the system's configuration is of no use. Its reader's error is not of one type everywhere.
pub(crate) fn unconfigured(error: impl Into<NetError>) -> io::Error {
    let (kind, words) = match error.into() {
        NetError::Io(error) => (error.kind(), error.to_string()),
        other => (io::ErrorKind::Other, other.to_string()),
    };
    let words = format!("the system's configuration of DNS cannot be used: {words}");
    io::Error::new(kind, words)
}

#[derive(Debug)]
struct Failure(NetError);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            NetError::Timeout => f.write_str("no name server answered in time"),
            // hickory's word for whatever its sockets failed of: refused, unreachable, closed or
            // reset before the answer came.
            NetError::NoConnections => f.write_str(ALL_FAILED),
            NetError::Busy => f.write_str("too many questions are under way"),
            NetError::Dns(DnsError::ResponseCode(code)) => write!(f, "a name server said: {code}"),
            NetError::Truncated => {
                f.write_str("an answer is too long for UDP, and none came by TCP")
            }
            // hickory's words for a connection whose task ended before it took the question.
            NetError::Message("receiver was canceled") => f.write_str(CLOSED),
            NetError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str(CLOSED)
            }
            NetError::Io(error) => write!(f, "a name server cannot be reached: {error}"),
            other => write!(f, "the name servers failed: {other}"),
        }
    }
}

const ALL_FAILED: &str = "every connection to a name server failed";
const CLOSED: &str = "a name server closed the connection without an answer";

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_words() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for (error, text) in [
            (NetError::Timeout, "no name server answered in time"),
            (NetError::NoConnections, ALL_FAILED),
            (NetError::Busy, "too many questions are under way"),
            (
                DnsError::ResponseCode(ResponseCode::ServFail).into(),
                "a name server said: Server Failure",
            ),
            (
                refused.into(),
                "a name server cannot be reached: connection refused",
            ),
            (NetError::Message("receiver was canceled"), CLOSED),
            (io::Error::from(io::ErrorKind::UnexpectedEof).into(), CLOSED),
            (
                NetError::Truncated,
                "an answer is too long for UDP, and none came by TCP",
            ),
            (NetError::Message("oh"), "the name servers failed: oh"),
        ] {
            assert_eq!(in_words(error).to_string(), text);
        }
    }

    #[test]
    fn a_configuration_of_no_use_is_told_as_such() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        for (error, kind, text) in [
            (missing.into(), io::ErrorKind::NotFound, "entity not found"),
            (
                io::Error::other("no nameservers found in config").into(),
                io::ErrorKind::Other,
                "no nameservers found in config",
            ),
            (NetError::Message("oh"), io::ErrorKind::Other, "oh"),
        ] {
            let error = unconfigured(error);
            let text = format!("the system's configuration of DNS cannot be used: {text}");
            assert_eq!((error.kind(), error.to_string()), (kind, text));
        }
    }

    #[test]
    fn of_two_names_that_brought_nothing_the_first_failure_is_told_or_what_says_more() {
        let failed = |words: &'static str| Nothing::Failed(io::Error::other(words));
        let told = |nothing| match nothing {
            Nothing::NoName => "no name".to_owned(),
            Nothing::NoAddress => "no address".to_owned(),
            Nothing::Failed(error) => error.to_string(),
        };
        for (earlier, later, both) in [
            (Nothing::NoName, Nothing::NoName, "no name"),
            (Nothing::NoName, Nothing::NoAddress, "no address"),
            (Nothing::NoAddress, Nothing::NoName, "no address"),
            (Nothing::NoName, failed("second"), "second"),
            (Nothing::NoAddress, failed("second"), "second"),
            (failed("first"), Nothing::NoAddress, "first"),
            (failed("first"), failed("second"), "first"),
        ] {
            assert_eq!(told(earlier.and(later)), both);
        }
    }

    #[test]
    fn only_silence_is_a_timeout() {
        assert_eq!(in_words(NetError::Timeout).kind(), io::ErrorKind::TimedOut);
        assert_eq!(in_words(NetError::Busy).kind(), io::ErrorKind::Other);
        assert_eq!(no_such_name().kind(), io::ErrorKind::NotFound);
        assert_eq!(no_such_name().to_string(), "no such name");
    }
}
