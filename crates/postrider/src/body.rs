//! Request bodies: nothing, bytes, a stream, or a factory that can make the body again.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Any error that a caller's body may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body with its types erased: what the wire pulls its pieces from.
pub(crate) type BoxBody = Pin<Box<dyn HttpBody<Data = Bytes, Error = BoxError> + Send>>;

/// The body of a request.
///
/// Made from nothing, bytes or text by `From`; from a [`Stream`] of pieces by
/// [`Body::stream`]; from any [`http_body::Body`] by [`Body::wrap`].
///
/// A request can be sent again after its connection was found closed only if
/// its body can: that is so for no body, for bytes, for [`Body::factory`], and
/// for a stream of which nothing was taken yet.
///
/// ```
/// use postrider::Body;
///
/// let text = Body::from("hello");
/// let pieces = Body::factory(|| Body::from("made anew for each attempt"));
/// # let _ = (text, pieces);
/// ```
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Bytes(Bytes),
    Streaming(BoxBody),
    Factory(Arc<dyn Fn() -> Body + Send + Sync>),
}

/// What an attempt sends: the body in the one form that the wire needs.
pub(crate) enum Content {
    Empty,
    Bytes(Bytes),
    Streaming(BoxBody),
}

impl Body {
    /// No body at all. A `POST`, `PUT` or `PATCH` then says `Content-Length: 0`.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body whose pieces come from a stream, as they come.
    ///
    /// Its length is not known, so it is sent chunked unless the request has a
    /// `Content-Length` field, which the stream must then match exactly.
    pub fn stream<S, P, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<P, E>> + Send + 'static,
        P: Into<Bytes>,
        E: Into<BoxError>,
    {
        Self(Kind::Streaming(Box::pin(Pieces(Box::pin(stream)))))
    }

    /// Any [`http_body::Body`], trailers included.
    ///
    /// Where its [`SizeHint`] is exact it is sent with that `Content-Length`, and
    /// then trailers are an error: they need a body of unknown length, which is
    /// sent chunked.
    pub fn wrap<B>(body: B) -> Self
    where
        B: HttpBody + Send + 'static,
        B::Data: Into<Bytes>,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Streaming(Box::pin(Erased(Box::pin(body)))))
    }

    /// A body that can be made again, so that a request with it can be sent
    /// again where that is safe.
    ///
    /// The factory is called once for each attempt, on the task that polls the
    /// request.
    pub fn factory<F>(make: F) -> Self
    where
        F: Fn() -> Self + Send + Sync + 'static,
    {
        Self(Kind::Factory(Arc::new(make)))
    }

    /// The content of one attempt, and what a further attempt would send.
    ///
    /// The second is `None` where the body cannot be sent again once a piece of
    /// it was taken.
    ///
    /// # Errors
    ///
    /// If code of the caller's own panics.
    pub(crate) fn into_attempt(self) -> Result<(Content, Option<Self>), BoxError> {
        Ok(match self.0 {
            Kind::Empty => (Content::Empty, Some(Self::empty())),
            Kind::Bytes(bytes) if bytes.is_empty() => (Content::Empty, Some(Self::empty())),
            Kind::Bytes(bytes) => (Content::Bytes(bytes.clone()), Some(Self::from(bytes))),
            Kind::Streaming(body) if contain(|| body.is_end_stream())? => {
                (Content::Empty, Some(Self::empty()))
            }
            Kind::Streaming(body) => (Content::Streaming(body), None),
            Kind::Factory(make) => {
                let (content, _) = contain(|| make())?.into_attempt()?;
                (content, Some(Self(Kind::Factory(make))))
            }
        })
    }

    /// A streaming body that was put aside untouched, to be sent after all.
    pub(crate) fn untouched(body: BoxBody) -> Self {
        Self(Kind::Streaming(body))
    }
}

/// A panic of the caller's own code becomes an error of its request.
pub(crate) fn contain<T>(callers: impl FnOnce() -> T) -> Result<T, BoxError> {
    // What panicked is not used again.
    catch_unwind(AssertUnwindSafe(callers)).map_err(|_| "it panicked".into())
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Empty => f.write_str("Body::Empty"),
            Kind::Bytes(bytes) => write!(f, "Body::Bytes({})", bytes.len()),
            Kind::Streaming(_) => f.write_str("Body::Streaming"),
            Kind::Factory(_) => f.write_str("Body::Factory"),
        }
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(Kind::Bytes(text.into()))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self(Kind::Bytes(Bytes::from_static(text.as_bytes())))
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Kind::Bytes(Bytes::from_static(bytes)))
    }
}

/// Bytes, seen as an [`http_body::Body`].
pub(crate) struct Whole(pub(crate) Bytes);

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }
}

/// A stream of pieces, seen as an [`http_body::Body`].
struct Pieces<S>(Pin<Box<S>>);

impl<S, P, E> HttpBody for Pieces<S>
where
    S: Stream<Item = Result<P, E>>,
    P: Into<Bytes>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_next(cx).map(|piece| {
            piece.map(|piece| {
                piece
                    .map(|piece| Frame::data(piece.into()))
                    .map_err(Into::into)
            })
        })
    }
}

/// Any body, with its data as [`Bytes`] and its errors boxed.
struct Erased<B>(Pin<Box<B>>);

impl<B> HttpBody for Erased<B>
where
    B: HttpBody,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_frame(cx).map(|frame| {
            frame.map(|frame| {
                frame
                    .map(|frame| frame.map_data(Into::into))
                    .map_err(Into::into)
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
