//! The one safe retry: what to do when a kept-alive connection turns out to
//! have been closed (RFC 9110 §9.2.2).

use std::io;

use http::{HeaderMap, Method};

use crate::error::{Cause, Sent};

/// Whether requests are sent again after their kept-alive connection turned
/// out to be closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Retry {
    /// Where it can't make the server act twice: nothing of the request had
    /// reached the socket, or its method is idempotent or marked so
    /// (RFC 9110 §9.2.2).
    #[default]
    Safe,
    /// Never: each such failure is the caller's.
    Never,
    /// Also where the server may have acted on it, whatever its method: for
    /// servers that know a request they have seen.
    /// [`RequestBuilder::idempotent`](crate::RequestBuilder::idempotent) says
    /// the same of one request.
    EvenIfProcessed,
}

impl Retry {
    /// Whether a request would be sent again although the server may have seen
    /// it.
    pub(crate) fn is_safe_for(self, idempotent: bool) -> bool {
        match self {
            Self::Safe => idempotent,
            Self::Never => false,
            Self::EvenIfProcessed => true,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) connection: Past,
    pub(crate) written: Written,
    pub(crate) response: Seen,
    pub(crate) end: End,
}

/// What the connection had been before this request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Past {
    /// It came from the idle ones, or from another request's hands.
    Reused,
    /// Straight from its own dial.
    Fresh,
}

/// Whether the socket accepted any byte of the request, below TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    Nothing,
    Something,
}

/// Whether any byte of a response was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    Nothing,
    Something,
}

/// How the connection came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The peer closed or reset it.
    Closed,
    /// Anything else: a limit on time, an alert, bytes that are not HTTP.
    Other,
}

/// What may be done with the request once more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    /// Its method is idempotent, or it was marked so.
    pub(crate) idempotent: bool,
    /// Its body can be sent again.
    pub(crate) replayable: bool,
    /// Retries so far on a connection made anew.
    pub(crate) used: u8,
}

/// The decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Decision {
    /// At once, on whatever connection comes first.
    NextConnection,
    /// Once, on a connection that no request has used.
    FreshConnection,
    /// The failure is the caller's.
    Fail,
}

/// Decides what follows a failed attempt.
pub(crate) fn decide(policy: Retry, failure: Failure, again: Again) -> Decision {
    let Failure {
        connection,
        written,
        response,
        end,
    } = failure;
    if policy == Retry::Never || !again.replayable {
        return Decision::Fail;
    }
    match (connection, end, response, written) {
        // The server can't have seen any of it, whatever the method.
        (Past::Reused, End::Closed, Seen::Nothing, Written::Nothing) => Decision::NextConnection,
        // It may have acted on it: only where twice is the same as once, and
        // never a second time.
        (Past::Reused, End::Closed, Seen::Nothing, Written::Something)
            if policy.is_safe_for(again.idempotent) && again.used == 0 =>
        {
            Decision::FreshConnection
        }
        _ => Decision::Fail,
    }
}

impl Failure {
    /// Whether the connection had been closed while it was kept, as far as can
    /// be told.
    pub(crate) fn is_stale(&self) -> bool {
        self.connection == Past::Reused && self.end == End::Closed && self.response == Seen::Nothing
    }
}

impl Written {
    pub(crate) fn of(sent: Sent) -> Self {
        match sent {
            Sent::Nothing => Self::Nothing,
            Sent::Partly | Sent::Wholly => Self::Something,
        }
    }
}

impl End {
    /// Whether a failure is the peer's going away.
    pub(crate) fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Closed => Self::Closed,
            Cause::Read(error) | Cause::Write(error) if is_close(error) => Self::Closed,
            _ => Self::Other,
        }
    }
}

/// End of file (which is how TLS ends without close_notify, too), reset, broken pipe.
fn is_close(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected
    )
}

/// Whether sending a request twice is the same as sending it once: by its
/// method (RFC 9110 §9.2.2; RFC 10008 for QUERY), or by the caller's word.
pub(crate) fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    matches!(
        method.as_str(),
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE" | "QUERY"
    ) || headers.contains_key("idempotency-key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide_safe(
        connection: Past,
        written: Written,
        response: Seen,
        end: End,
        idempotent: bool,
        replayable: bool,
    ) -> Decision {
        let failure = Failure {
            connection,
            written,
            response,
            end,
        };
        decide(
            Retry::Safe,
            failure,
            Again {
                idempotent,
                replayable,
                used: 0,
            },
        )
    }

    #[test]
    fn a_request_of_which_nothing_was_written_goes_to_the_next_connection_whatever_its_method() {
        for idempotent in [true, false] {
            let decision = decide_safe(
                Past::Reused,
                Written::Nothing,
                Seen::Nothing,
                End::Closed,
                idempotent,
                true,
            );
            assert_eq!(decision, Decision::NextConnection);
        }
    }

    #[test]
    fn a_written_request_is_sent_again_only_if_it_is_idempotent() {
        let decide = |idempotent| {
            decide_safe(
                Past::Reused,
                Written::Something,
                Seen::Nothing,
                End::Closed,
                idempotent,
                true,
            )
        };
        assert_eq!(decide(true), Decision::FreshConnection);
        assert_eq!(decide(false), Decision::Fail);
    }

    #[test]
    fn a_retry_that_fails_is_not_retried() {
        let failure = Failure {
            connection: Past::Reused,
            written: Written::Something,
            response: Seen::Nothing,
            end: End::Closed,
        };
        let again = Again {
            idempotent: true,
            replayable: true,
            used: 1,
        };
        assert_eq!(decide(Retry::Safe, failure, again), Decision::Fail);
    }

    #[test]
    fn every_other_row_fails() {
        for connection in [Past::Reused, Past::Fresh] {
            for written in [Written::Nothing, Written::Something] {
                for response in [Seen::Nothing, Seen::Something] {
                    for end in [End::Closed, End::Other] {
                        let may = connection == Past::Reused
                            && response == Seen::Nothing
                            && end == End::Closed;
                        let decision = decide_safe(connection, written, response, end, true, true);
                        assert_eq!(
                            decision != Decision::Fail,
                            may,
                            "{connection:?} {written:?}"
                        );
                        let decision = decide_safe(connection, written, response, end, true, false);
                        assert_eq!(decision, Decision::Fail);
                    }
                }
            }
        }
    }

    #[test]
    fn it_can_be_turned_off() {
        let failure = Failure {
            connection: Past::Reused,
            written: Written::Nothing,
            response: Seen::Nothing,
            end: End::Closed,
        };
        let again = Again {
            idempotent: true,
            replayable: true,
            used: 0,
        };
        assert_eq!(decide(Retry::Never, failure, again), Decision::Fail);
    }

    #[test]
    fn it_can_be_widened_to_requests_that_may_have_been_processed() {
        let failure = |written| Failure {
            connection: Past::Reused,
            written,
            response: Seen::Nothing,
            end: End::Closed,
        };
        let again = |used| Again {
            idempotent: false,
            replayable: true,
            used,
        };
        let decide = |written, used| decide(Retry::EvenIfProcessed, failure(written), again(used));
        assert_eq!(decide(Written::Something, 0), Decision::FreshConnection);
        assert_eq!(decide(Written::Something, 1), Decision::Fail);
        assert_eq!(decide(Written::Nothing, 1), Decision::NextConnection);
    }

    #[test]
    fn idempotent_methods_are_those_of_the_rfc_and_marked_requests() {
        let none = HeaderMap::new();
        for method in [
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            assert!(is_idempotent(&method, &none), "{method}");
        }
        for method in [Method::POST, Method::PATCH, Method::CONNECT] {
            assert!(!is_idempotent(&method, &none), "{method}");
        }
        let mut marked = HeaderMap::new();
        marked.insert("idempotency-key", http::HeaderValue::from_static("7"));
        assert!(is_idempotent(&Method::POST, &marked));
    }
}
