//! A request as the caller describes it.

use std::fmt;

use http::{HeaderMap, Method, Uri, Version};

use crate::authority::Authority;
use crate::spelling::Spelling;

/// The head of a request, to be encoded by
/// [`Exchange::start`](crate::Exchange::start).
///
/// The encoder alone writes `Host`, `Content-Length` and `Transfer-Encoding`.
/// A `Host` among the headers takes the place of the authority's; a length or
/// coding among them must say what `body` says. A `Content-Length` given with
/// [`BodyLength::Chunked`] declares the length, and the body is sent with it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method, sent as it is: methods are case-sensitive.
    pub method: &'a Method,
    /// What the request line names.
    pub target: Target<'a>,
    /// Whom the request is for: the `Host` field.
    pub authority: &'a Authority<'a>,
    /// The other fields. Lines of one name keep their order.
    pub headers: &'a HeaderMap,
    /// What is known of the body.
    pub body: BodyLength,
    /// How field names are spelled.
    pub spelling: Spelling<'a>,
    /// The version that the server is known to speak, HTTP/1.1 if unknown.
    pub peer: Version,
}

impl<'a> RequestHead<'a> {
    /// A head with names in lower case, for a server of HTTP/1.1.
    #[must_use]
    pub const fn new(
        method: &'a Method,
        target: Target<'a>,
        authority: &'a Authority<'a>,
        headers: &'a HeaderMap,
        body: BodyLength,
    ) -> Self {
        Self {
            method,
            target,
            authority,
            headers,
            body,
            spelling: Spelling::Lower,
            peer: Version::HTTP_11,
        }
    }

    /// Spells field names otherwise than in lower case.
    #[must_use]
    pub const fn with_spelling(self, spelling: Spelling<'a>) -> Self {
        Self { spelling, ..self }
    }

    /// Tells the version that an earlier response of this server had: one of
    /// HTTP/1.0 is sent no chunked body (RFC 9112 §6.1).
    #[must_use]
    pub const fn with_peer(self, peer: Version) -> Self {
        Self { peer, ..self }
    }
}

/// The target in the request line (RFC 9112 §3.2).
///
/// A fragment is never sent. Bytes that a target must not have, such as those
/// outside ASCII that [`Uri`] lets through, are percent-encoded.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Target<'a> {
    /// Path and query: for every request to the origin itself.
    Origin(&'a Uri),
    /// The whole URL, with the authority of the head: for a plain proxy.
    Absolute(&'a Uri),
    /// `host:port`: for CONNECT, and CONNECT only.
    Authority,
    /// `*`: for OPTIONS only.
    Asterisk,
    /// What [`Asterisk`](Self::Asterisk) becomes by way of a plain proxy: the
    /// URL without a path.
    AbsoluteAsterisk,
}

/// Without what a URL may hide: user information and the query.
impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(uri) => write!(f, "Origin({})", uri.path()),
            Self::Absolute(uri) => write!(f, "Absolute({})", uri.path()),
            Self::Authority => f.write_str("Authority"),
            Self::Asterisk => f.write_str("Asterisk"),
            Self::AbsoluteAsterisk => f.write_str("AbsoluteAsterisk"),
        }
    }
}

/// What the caller knows of the request's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyLength {
    /// There is none. POST, PUT and PATCH say `Content-Length: 0` then.
    None,
    /// This many bytes, and neither more nor less.
    Known(u64),
    /// Unknown: sent in chunks.
    Chunked,
}
