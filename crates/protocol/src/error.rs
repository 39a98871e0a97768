//! What the peer, or the network, did wrong.

use std::fmt;

use http::header::HeaderName;

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

impl Error {
    /// Whether more came than [`Limits`](crate::Limits) allow: the response
    /// may be sound, and be read with other limits.
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::ChunkExtensionsTooLarge { .. }
                | Self::ChunkLineTooLong { .. }
                | Self::HeadTooLarge { .. }
                | Self::InformationalTooLarge { .. }
                | Self::LineTooLong { .. }
                | Self::TooManyFields { .. }
                | Self::TooManyInformational { .. }
                | Self::TooManyTrailers { .. }
                | Self::TrailersTooLarge { .. }
        )
    }

    /// Whether the connection ended too early: the fault of the network or of
    /// a peer that gave up, and not of what was sent.
    #[must_use]
    pub const fn is_truncation(&self) -> bool {
        matches!(
            self,
            Self::BodyTruncated { .. } | Self::Closed | Self::HeadTruncated
        )
    }
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
            // A peer's name may be as long as a line.
            Self::Folded(name) => write!(f, "the field {name:.64} is folded over several lines"),
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
