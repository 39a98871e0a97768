//! The kinds of errors.

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is not one that can be sent: a bad URL, contradictory
    /// fields, a body unlike its declared length.
    Request,
    /// The client could not be built from its settings.
    Builder,
    /// The body that the caller gave failed while it was read.
    RequestBody,
    /// The name has no address, or could not be looked up.
    Resolve,
    /// No address of the host accepted a connection.
    Connect,
    /// The connection could not be secured, or TLS broke on it: the
    /// certificate, or TLS itself.
    Tls,
    /// A limit on time was reached; [`Error::phase`](crate::Error::phase) says which.
    Timeout,
    /// The server closed the connection before the response was complete.
    Closed,
    /// Reading from or writing to the connection failed.
    Io,
    /// The server's bytes are not a valid HTTP/1.1 response.
    Protocol,
    /// The response is larger than a limit allows.
    Limit,
    /// The response's status says that the request failed
    /// ([`Response::error_for_status`](crate::Response::error_for_status)).
    Status,
    /// The server did not switch to another protocol, or did so before it had
    /// the whole request
    /// ([`Response::upgrade`](crate::Response::upgrade)).
    Upgrade,
    /// The body is not the JSON that it was to be read as.
    Decode,
    /// The pool did not give a connection: its line is full.
    Pool,
    /// The client was shut down ([`Client::shutdown`](crate::Client::shutdown)).
    ShutDown,
    /// No tokio runtime runs where the request was polled.
    Runtime,
}
