//! From a caller's request to the bytes of one attempt.

use http::{HeaderMap, Method, Uri};
use http_body::Body as _;
use protocol::{Authority, BodyLength, Exchange, Limits, RequestHead, Target};

use crate::body::{Body, Content};
use crate::error::Cause;
use crate::wire::{Upload, spare_head};

/// A request made ready to be written: its head, checked and encoded, with as
/// much of the body as fits behind it.
pub(crate) struct Attempt {
    pub(crate) exchange: Exchange,
    pub(crate) upload: Upload,
}

impl Attempt {
    /// Encodes a request; also gives what a further attempt would send, where
    /// the body can be sent again.
    pub(crate) fn encode(
        method: &Method,
        url: &Uri,
        authority: &Authority<'_>,
        headers: &HeaderMap,
        body: Body,
        limits: &Limits,
    ) -> Result<(Self, Option<Body>), Cause> {
        let (content, again) = body.into_attempt();
        let head = RequestHead::new(
            method,
            Target::Origin(url),
            authority,
            headers,
            length(&content),
        );
        let mut bytes = spare_head();
        let mut exchange = Exchange::start(&head, limits, &mut bytes).map_err(Cause::Request)?;
        let upload = Upload::start(&mut exchange, bytes, content).map_err(Cause::Request)?;
        Ok((Self { exchange, upload }, again))
    }
}

fn length(content: &Content) -> BodyLength {
    match content {
        Content::Empty => BodyLength::None,
        Content::Bytes(bytes) => BodyLength::Known(bytes.len() as u64),
        Content::Streaming(body) => match body.size_hint().exact() {
            Some(length) => BodyLength::Known(length),
            None => BodyLength::Chunked,
        },
    }
}
