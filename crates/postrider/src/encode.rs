//! From a caller's request to the bytes of one attempt.

use http_body::Body as _;
use protocol::{Authority, BodyLength, Exchange, RequestHead};

use crate::body::{Content, contain};
use crate::call::{Attempt, Call};
use crate::client::Inner;
use crate::error::Cause;
use crate::special::Form;
use crate::wire::{Upload, spare_head};

impl Attempt {
    /// Encodes a request with the content of its body.
    pub(crate) fn encode(
        call: &Call,
        client: &Inner,
        authority: &Authority<'_>,
        content: Content,
    ) -> Result<Self, Cause> {
        let case = client.header_case;
        let (form, spelling) = match &call.special {
            Some(special) => (special.form, special.spelled.or(case)),
            None => (Form::default(), case.spelling()),
        };
        let target = form.target(&call.method, &call.url);
        let length = contain(|| length(&content)).map_err(Cause::RequestBody)?;
        let head = RequestHead::new(&call.method, target, authority, &call.headers, length)
            .with_spelling(spelling);
        let mut bytes = spare_head();
        let mut exchange =
            Exchange::start(&head, &client.limits, &mut bytes).map_err(Cause::Request)?;
        let upload = Upload::start(&mut exchange, bytes, content).map_err(Cause::Request)?;
        Ok(Self { exchange, upload })
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
