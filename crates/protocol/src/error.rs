use std::fmt;

use http::header::HeaderName;

use crate::authority::AuthorityError;

/// What is wrong with a response: the peer broke the rules, passed a limit, or
/// went away too early. The connection must be closed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// `receive` was called again after it had given an error.
    AfterError,
    /// The connection ended inside the response's body.
    BodyTruncated {
        /// The bytes that are missing, where the length was declared.
        missing: Option<u64>,
    },
    /// A chunk's data is not followed by a line end.
    ChunkEnd,
    /// A chunk extension that breaks the grammar.
    ChunkExtension,
    /// The chunk extensions of one body have more bytes than allowed.
    ChunkExtensionsTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The size line of a chunk has more bytes than allowed.
    ChunkLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A chunk's size is not a hexadecimal number of at most 63 bits.
    ChunkSize,
    /// The connection ended before a byte of the response had come.
    Closed,
    /// `Content-Length` is not one decimal number of at most 63 bits.
    ContentLength,
    /// There are `Content-Length`s that differ.
    ContentLengths,
    /// An empty line stands before the status line, and such are refused.
    EmptyLine,
    /// A field's name or value has a character it must not have.
    Field {
        /// The line of the head, the status line being the first.
        line: usize,
    },
    /// A field's value goes on in the next line, and such are refused.
    Folded(HeaderName),
    /// The connection ended inside the response's head.
    HeadTruncated,
    /// The head has more bytes than allowed.
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The informational heads together have more bytes than allowed.
    InformationalTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Both `Content-Length` and `Transfer-Encoding`, and such are refused.
    LengthBesideChunked,
    /// A line of the head ends with a line feed alone, and such are refused.
    LineFeed,
    /// A field has more bytes than allowed.
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// This is no response of HTTP/1.
    NotHttp,
    /// The status line is malformed.
    StatusLine,
    /// There are more fields than allowed.
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// There are more informational responses than allowed.
    TooManyInformational {
        /// The limit.
        limit: usize,
    },
    /// There are more trailer fields than allowed.
    TooManyTrailers {
        /// The limit.
        limit: usize,
    },
    /// The trailer section is malformed.
    Trailer,
    /// The trailer section has more bytes than allowed.
    TrailersTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A transfer coding other than `chunked` alone: we asked for none.
    TransferCoding,
    /// A transfer coding in a response of HTTP/1.0, which has none.
    TransferCodingInHttp10,
    /// 101 (Switching Protocols) to a protocol that the request did not offer.
    Upgrade,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterError => f.write_str("the response was given up after an earlier error"),
            Self::BodyTruncated { missing: None } => {
                f.write_str("the connection ended before the end of the body")
            }
            Self::BodyTruncated {
                missing: Some(missing),
            } => {
                write!(
                    f,
                    "the connection ended {missing} bytes before the end of the body"
                )
            }
            Self::ChunkEnd => f.write_str("a chunk of the body is not followed by a line end"),
            Self::ChunkExtension => f.write_str("a chunk extension of the body is malformed"),
            Self::ChunkExtensionsTooLarge { limit } => {
                write!(f, "the chunk extensions of the body exceed {limit} bytes")
            }
            Self::ChunkLineTooLong { limit } => {
                write!(f, "a chunk's size line exceeds {limit} bytes")
            }
            Self::ChunkSize => f.write_str("a chunk of the body has no valid size"),
            Self::Closed => f.write_str("the connection ended before a response began"),
            Self::ContentLength => f.write_str("the content-length is not a valid number"),
            Self::ContentLengths => f.write_str("the content-lengths contradict each other"),
            Self::EmptyLine => f.write_str("the response begins with an empty line"),
            Self::Field { line } => write!(f, "line {line} of the response head is malformed"),
            Self::Folded(name) => write!(f, "the field {name} is folded over several lines"),
            Self::HeadTruncated => f.write_str("the connection ended inside the response head"),
            Self::HeadTooLarge { limit } => write!(f, "the response head exceeds {limit} bytes"),
            Self::InformationalTooLarge { limit } => {
                write!(f, "the informational responses exceed {limit} bytes")
            }
            Self::LengthBesideChunked => {
                f.write_str("the response has both content-length and transfer-encoding")
            }
            Self::LineFeed => {
                f.write_str("a line of the response head ends without a carriage return")
            }
            Self::LineTooLong { limit } => {
                write!(f, "a field of the response head exceeds {limit} bytes")
            }
            Self::NotHttp => f.write_str("the answer is not an http/1 response"),
            Self::StatusLine => f.write_str("the status line is malformed"),
            Self::TooManyFields { limit } => {
                write!(f, "the response head has more than {limit} fields")
            }
            Self::TooManyInformational { limit } => {
                write!(f, "there are more than {limit} informational responses")
            }
            Self::TooManyTrailers { limit } => {
                write!(f, "there are more than {limit} trailer fields")
            }
            Self::Trailer => f.write_str("the trailer section is malformed"),
            Self::TrailersTooLarge { limit } => {
                write!(f, "the trailer section exceeds {limit} bytes")
            }
            Self::TransferCoding => f.write_str("the transfer-encoding is not chunked alone"),
            Self::TransferCodingInHttp10 => {
                f.write_str("an http/1.0 response has a transfer-encoding")
            }
            Self::Upgrade => f.write_str("the server switched to a protocol that was not offered"),
        }
    }
}

impl std::error::Error for Error {}

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
            Self::ContentLength => {
                f.write_str("the content-length given is invalid or contradicts the request body")
            }
            Self::ExpectWithoutBody => f.write_str("'expect: 100-continue' needs a request body"),
            Self::Host(_) => f.write_str("the host field given is not a valid host"),
            Self::Hosts => f.write_str("the host field is given more than once"),
            Self::Target => f.write_str("the request target has an invalid character"),
            Self::TeChunked => f.write_str("the field te must not list chunked"),
            Self::Trailer(name) => write!(f, "the field {name} must not be a trailer"),
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
