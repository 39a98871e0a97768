//! What the caller did wrong.

use std::fmt;

use http::header::HeaderName;

use crate::authority_error::AuthorityError;

/// What is wrong with a request: the caller's fault. Where it comes from
/// [`Exchange::start`](crate::Exchange::start), no byte was written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The rest of the body was given up before.
    Abandoned,
    /// `*` is a target of OPTIONS only (RFC 9112 §3.2.4).
    Asterisk,
    /// The method has no body: CONNECT or TRACE.
    Body,
    /// The body has more bytes than declared.
    BodyTooLong {
        /// How many more.
        surplus: u64,
    },
    /// The body ended before its declared length.
    BodyTooShort {
        /// How many bytes are missing.
        missing: u64,
    },
    /// A body of unknown length for a server that knows only HTTP/1.0.
    ChunkedToHttp10,
    /// CONNECT goes with the authority form of the target, and nothing else does.
    Connect,
    /// `Connection` names a field that no proxy may take away: the one given here
    /// (RFC 9110 §7.6.1).
    ConnectionNames(&'static str),
    /// `Content-Length` as given is no number, is given twice, or contradicts
    /// the body.
    ContentLength,
    /// `Expect: 100-continue` without a body to wait with (RFC 9110 §10.1.1).
    ExpectWithoutBody,
    /// `Host` as given is not one valid host.
    Host(AuthorityError),
    /// `Host` is given more than once.
    Hosts,
    /// The target has a character that must not be sent, or no leading `/`.
    Target,
    /// `TE` lists `chunked`, which it never does (RFC 9112 §7.4).
    TeChunked,
    /// A field that must not be in a trailer (RFC 9110 §6.5.1).
    Trailer(HeaderName),
    /// Trailers behind a body that is not chunked.
    TrailersWithoutChunked,
    /// `Transfer-Encoding` as given is not `chunked`, or contradicts the body.
    TransferEncoding,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned => f.write_str("the rest of the request body was given up"),
            Self::Asterisk => f.write_str("the target '*' is for the method OPTIONS only"),
            Self::Body => f.write_str("the request method takes no body"),
            Self::BodyTooLong { surplus } => {
                write!(
                    f,
                    "the request body is {surplus} bytes longer than declared"
                )
            }
            Self::BodyTooShort { missing } => {
                write!(
                    f,
                    "the request body is {missing} bytes shorter than declared"
                )
            }
            Self::ChunkedToHttp10 => {
                f.write_str("an http/1.0 server takes no request body of unknown length")
            }
            Self::Connect => {
                f.write_str("the method CONNECT and an authority as target need each other")
            }
            Self::ConnectionNames(name) => write!(f, "the field connection must not name {name}"),
            Self::ContentLength => {
                f.write_str("the content-length given is invalid or contradicts the request body")
            }
            Self::ExpectWithoutBody => f.write_str("'expect: 100-continue' needs a request body"),
            Self::Host(_) => f.write_str("the host field given is not a valid host"),
            Self::Hosts => f.write_str("the host field is given more than once"),
            Self::Target => f.write_str("the request target has an invalid character"),
            Self::TeChunked => f.write_str("the field te must not list chunked"),
            Self::Trailer(name) => write!(f, "the field {name:.64} must not be a trailer"),
            Self::TrailersWithoutChunked => {
                f.write_str("trailers need a request body of unknown length")
            }
            Self::TransferEncoding => f.write_str(
                "the transfer-encoding given is not chunked or contradicts the request body",
            ),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host(error) => Some(error),
            _ => None,
        }
    }
}
