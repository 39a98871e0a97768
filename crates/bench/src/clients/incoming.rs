//! What both of hyper's clients are given, and what they give.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::outgoing::{JSON_TYPE, Outgoing, method};
use crate::Failure;
use crate::drive::Turn;
use crate::load::Action;

pub(crate) fn request(action: Action, uri: Uri) -> Result<Request<Outgoing>, Failure> {
    let mut request = Request::builder().method(method(action)).uri(uri);
    request = request.header(ACCEPT, HeaderValue::from_static("*/*"));
    if action == Action::Post {
        request = request.header(CONTENT_TYPE, JSON_TYPE);
    }
    Ok(request.body(Outgoing::of(action))?)
}

pub(crate) async fn read(
    mut body: Incoming,
    action: Action,
    turn: Turn<'_>,
) -> Result<u64, Failure> {
    if !action.is_piecewise() {
        return Ok(body.collect().await?.to_bytes().len() as u64);
    }
    let mut tally = turn.tally();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            tally.take(&piece);
        }
    }
    Ok(tally.bytes())
}
