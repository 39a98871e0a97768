//! From the lines of a head to a map of its fields.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::error::Error;
use crate::layout::Span;
use crate::limits::{Leniency, Limits};
use crate::list::trim;
use crate::steering::{Role, Steering};

/// Puts the values into the map of a head that was recognised.
pub(crate) fn fill(
    head: &Bytes,
    spans: &[Span],
    headers: &mut HeaderMap,
    limits: &Limits,
) -> Result<Steering, Error> {
    let mut steering = Steering::default();
    for ((_, value), span) in headers.iter_mut().zip(spans) {
        check_length(*span, limits)?;
        let text = head.slice(span.value());
        *value = HeaderValue::from_maybe_shared(text).map_err(|_| malformed(head, *span))?;
        if span.role != Role::None {
            steering.read(span.role, value.as_bytes(), limits);
        }
    }
    Ok(steering)
}

/// The fields of a head as a map, their values slices of it, and what they say
/// of the exchange.
pub(crate) fn collect(
    head: &Bytes,
    spans: &mut [Span],
    limits: &Limits,
) -> Result<(HeaderMap, Steering), Error> {
    let too_many = |_| Error::TooManyFields {
        limit: limits.fields as usize,
    };
    let mut headers = HeaderMap::try_with_capacity(spans.len()).map_err(too_many)?;
    let mut steering = Steering::default();
    for span in spans.iter_mut() {
        let name =
            HeaderName::from_bytes(&head[span.name()]).map_err(|_| malformed(head, *span))?;
        span.role = Role::of(&name);
        let value = read_value(head, *span, limits)?;
        steering.read(span.role, value.as_bytes(), limits);
        headers.try_append(name, value).map_err(too_many)?;
    }
    Ok((headers, steering))
}

fn read_value(head: &Bytes, span: Span, limits: &Limits) -> Result<HeaderValue, Error> {
    check_length(span, limits)?;
    let is_strict = span.role.is_framing() || limits.refuses(Leniency::Folding);
    if is_strict && is_folded(&head[span.name().end..]) {
        let name = HeaderName::from_bytes(&head[span.name()]);
        return Err(name.map_or_else(|_| malformed(head, span), Error::Folded));
    }
    match HeaderValue::from_maybe_shared(head.slice(span.value())) {
        Ok(value) => Ok(value),
        // What the parser lets through and a value may not have is a fold.
        Err(_) => {
            HeaderValue::from_bytes(&unfold(&head[span.value()])).map_err(|_| malformed(head, span))
        }
    }
}

const fn check_length(span: Span, limits: &Limits) -> Result<(), Error> {
    if span.name_len + span.value_len > limits.line_bytes {
        return Err(Error::LineTooLong {
            limit: limits.line_bytes as usize,
        });
    }
    Ok(())
}

#[cold]
fn malformed(head: &[u8], span: Span) -> Error {
    let before = head[..span.name().start].iter();
    Error::Field {
        line: before.filter(|byte| **byte == b'\n').count() + 1,
    }
}

/// Whether the first line of `text` goes on in the next, which then begins
/// with white space (RFC 9112 §5.2).
fn is_folded(text: &[u8]) -> bool {
    let mut after = text.iter().skip_while(|byte| **byte != b'\n').skip(1);
    matches!(after.next(), Some(b' ' | b'\t'))
}

/// Puts a single space in the place of each fold.
fn unfold(value: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::with_capacity(value.len());
    for line in value.split(|byte| *byte == b'\n') {
        let line = trim(line.strip_suffix(b"\r").unwrap_or(line));
        if !unfolded.is_empty() && !line.is_empty() {
            unfolded.push(b' ');
        }
        unfolded.extend_from_slice(line);
    }
    unfolded
}
