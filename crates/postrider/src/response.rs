//! A response: its head, and its body as bytes, text, JSON or pieces.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, Version};
use protocol::ResponseHead;

use crate::connection_info::ConnectionInfo;
use crate::error::{Cause, Error};
use crate::fields::Shown;
use crate::incoming::{Memory, ResponseBody};
use crate::phase::Phase;
use crate::timings::Timings;
use crate::upgrade::Upgraded;

/// The response to a request.
///
/// Its head has arrived; its body may still be on the way. A body that is
/// dropped before its end closes the connection, unless what is left is known
/// to be at most 64 KiB and comes within 50 ms: then the connection is kept.
/// [`discard`](Self::discard) reads it on purpose.
pub struct Response {
    head: ResponseHead,
    body: ResponseBody,
}

impl Response {
    pub(crate) fn new(head: ResponseHead, body: ResponseBody) -> Self {
        Self { head, body }
    }

    /// Reads the next piece of the body; `None` at its end.
    ///
    /// Trailers are skipped: [`into_body`](Self::into_body) gives them.
    ///
    /// # Errors
    ///
    /// When the connection fails or closes before the body's end, when the
    /// body is not valid, and when the time between reads or in total is over.
    /// The connection is closed then, and every further call is an error of the
    /// same kind.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: the next call goes on.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.body.poll_data(cx)).await
    }

    /// Reads the whole body.
    ///
    /// On Linux a body of known length from 32 MiB on comes to lie in huge pages,
    /// where the system has them: that takes half of the CPU, and a `Vec` or
    /// `BytesMut` can be made of it only by copying.
    ///
    /// # Errors
    ///
    /// Those of [`chunk`](Self::chunk); and [`ErrorKind::Limit`] for a body of
    /// more than 64 MiB, or what
    /// [`ClientBuilder::max_collected_body`] says instead.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the response, and with it what was read.
    ///
    /// [`ErrorKind::Limit`]: crate::ErrorKind::Limit
    /// [`ClientBuilder::max_collected_body`]: crate::ClientBuilder::max_collected_body
    pub fn bytes(self) -> impl Future<Output = Result<Bytes, Error>> + Send {
        // An async function would hold the whole response besides.
        let mut body = self.body;
        async move { body.collect(Memory::Any).await }
    }

    /// Reads the whole body as text in UTF-8; bytes that are not become
    /// U+FFFD, the replacement character.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes).
    ///
    /// # Cancel safety
    ///
    /// As for [`bytes`](Self::bytes).
    pub fn text(self) -> impl Future<Output = Result<String, Error>> + Send {
        let mut body = self.body;
        async move {
            let bytes = body.collect(Memory::Heap).await?;
            let text = String::from_utf8(bytes.into());
            Ok(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
        }
    }

    /// Reads the whole body as JSON.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes); and [`ErrorKind::Decode`] where the
    /// body is not the JSON of a `T`.
    ///
    /// # Cancel safety
    ///
    /// As for [`bytes`](Self::bytes).
    ///
    /// [`ErrorKind::Decode`]: crate::ErrorKind::Decode
    #[cfg(feature = "json")]
    pub fn json<T>(self) -> impl Future<Output = Result<T, Error>> + Send
    where
        T: serde::de::DeserializeOwned,
    {
        let mut body = self.body;
        async move {
            let bytes = body.collect(Memory::Any).await?;
            serde_json::from_slice(&bytes)
                .map_err(|error| body.error(Cause::Decode(error.into()), Phase::Decode))
        }
    }

    /// Reads what is left of the body and drops it, so that the connection can
    /// be used again.
    ///
    /// # Errors
    ///
    /// Those of [`chunk`](Self::chunk).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the response.
    pub fn discard(self) -> impl Future<Output = Result<(), Error>> + Send {
        let mut body = self.body;
        async move {
            while poll_fn(|cx| body.poll_data(cx)).await?.is_some() {}
            Ok(())
        }
    }

    /// The connection as a stream, after 101 (Switching Protocols) to a request
    /// with an `Upgrade` field, or after a CONNECT that succeeded.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Upgrade`](crate::ErrorKind::Upgrade) where the response is
    /// any other, and where it came before the request's body was sent: a request
    /// can't change its protocol in the middle (RFC 9110 §7.8).
    pub fn upgrade(self) -> Result<Upgraded, Error> {
        self.body.into_upgraded()
    }

    /// The body alone, an [`http_body::Body`] with its trailers.
    ///
    /// After a [`chunk`](Self::chunk) that failed it gives an error once more,
    /// of the same kind.
    #[must_use]
    pub fn into_body(self) -> ResponseBody {
        self.body.after_error()
    }

    /// An error if the status is one of failure (4xx or 5xx), else the
    /// response itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`](crate::ErrorKind::Status) with
    /// [`Error::status`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        let status = self.head.status;
        if status.is_client_error() || status.is_server_error() {
            Err(self.body.error(Cause::Status(status), Phase::Head))
        } else {
            Ok(self)
        }
    }

    /// The status of the final response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The version that the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The response's header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The response's header fields, to change or take them.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// The URL that was asked for, just as it was given: with its user-info and
    /// query, which a log should not show.
    #[must_use]
    pub fn url(&self) -> &Uri {
        &self.body.call().url
    }

    /// How many bytes of the body are still to be read, where that is known:
    /// before the first is read, the whole body's length.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.body.remaining()
    }

    /// The server's address; `None` where a connect function of the user's
    /// own took the place of the network.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.connection().remote_addr()
    }

    /// The connection that carried the request.
    #[must_use]
    pub fn connection(&self) -> &ConnectionInfo {
        self.body.connection()
    }

    /// How long each phase took up to now.
    #[must_use]
    pub fn timings(&self) -> &Timings {
        self.body.timings()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.head.status)
            .field("version", &self.head.version)
            .field("headers", &Shown(&self.head.headers))
            .field("connection", self.connection())
            .finish_non_exhaustive()
    }
}

/// The response in the types of the `http` crate, for what takes those.
/// Its URL, timings and connection are not among them.
impl From<Response> for http::Response<ResponseBody> {
    fn from(response: Response) -> Self {
        let Response { head, body } = response;
        let mut converted = Self::new(body.after_error());
        *converted.status_mut() = head.status;
        *converted.version_mut() = head.version;
        *converted.headers_mut() = head.headers;
        converted
    }
}
