use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};

use crate::error::Error;
use crate::limits::{Leniency, Limits};
use crate::list::trim;

/// The head of a response. Values and reason are slices of the bytes that were
/// read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ResponseHead {
    /// The status code, from 100 to 999.
    pub status: StatusCode,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The fields. Lines of one name keep their order.
    pub headers: HeaderMap,
    /// The reason phrase, which means nothing: empty where the peer sent none,
    /// or one that is not ASCII.
    pub reason: Bytes,
}

/// Reads one response head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeadReader {
    /// Bytes of empty lines before the status line.
    skipped: u32,
    /// Bytes that were looked at in vain.
    scanned: u32,
}

/// A head and the bytes it took, empty lines before it included.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) response: ResponseHead,
    pub(crate) bytes: usize,
}

/// Heads of up to so many fields are parsed on the stack.
const USUAL_FIELDS: usize = 128;

impl HeadReader {
    /// Takes a head off the front of `input` once it is complete. The head is
    /// parsed at once when its first bytes are there; if it is incomplete, not
    /// again before its empty line has come, so that a head that drips costs
    /// no more than its length.
    pub(crate) fn read(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<Head>, Error> {
        self.skip_empty_lines(input, limits)?;
        if is_only_start_of_line_end(input) {
            return Ok(None);
        }
        let room = (limits.head_bytes - self.skipped) as usize;
        let is_first_look = self.scanned == 0;
        if !is_first_look && !self.find_empty_line(input) && input.len() < room {
            return Ok(None);
        }
        match parse(input, room, limits)? {
            Some((response, bytes)) => Ok(Some(Head {
                response,
                bytes: bytes + self.skipped as usize,
            })),
            None if input.len() >= room => Err(Error::HeadTooLarge {
                limit: limits.head_bytes as usize,
            }),
            None => {
                self.scanned = count(input.len());
                Ok(None)
            }
        }
    }

    /// The connection ended: says what is wrong with what came before.
    pub(crate) fn end(&self, input: &BytesMut, limits: &Limits) -> Error {
        if input.is_empty() && self.skipped == 0 {
            return Error::Closed;
        }
        match parse(&mut input.clone(), input.len() + 1, limits) {
            Err(error) => error,
            Ok(_) => Error::HeadTruncated,
        }
    }

    fn skip_empty_lines(&mut self, input: &mut BytesMut, limits: &Limits) -> Result<(), Error> {
        let len = empty_lines(input);
        if len == 0 {
            return Ok(());
        }
        if limits.refuses(Leniency::EmptyLines) {
            return Err(Error::EmptyLine);
        }
        input.advance(len);
        self.skipped = self.skipped.saturating_add(count(len));
        if self.skipped >= limits.head_bytes {
            return Err(Error::HeadTooLarge {
                limit: limits.head_bytes as usize,
            });
        }
        Ok(())
    }

    /// Whether the empty line that ends a head has come since the last look.
    fn find_empty_line(&mut self, input: &[u8]) -> bool {
        // The line end before it may have been looked at already.
        let from = (self.scanned as usize).saturating_sub(2);
        self.scanned = count(input.len());
        let mut rest = input.get(from..).unwrap_or_default();
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            rest = rest.get(at + 1..).unwrap_or_default();
            if matches!(rest, [b'\n', ..] | [b'\r', b'\n', ..]) {
                return true;
            }
        }
        false
    }
}

/// Parses a head that must fit in the first `room` bytes; `None` means that it
/// is incomplete.
fn parse(
    input: &mut BytesMut,
    room: usize,
    limits: &Limits,
) -> Result<Option<(ResponseHead, usize)>, Error> {
    let text = input.get(..room).unwrap_or(input);
    let allowed = limits.fields as usize;
    let usual = allowed.min(USUAL_FIELDS);
    let mut fields = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
    let mut spans = [Span::default(); USUAL_FIELDS];
    match scan(text, &mut fields[..usual], &mut spans) {
        Ok(None) => Ok(None),
        Ok(Some(layout)) => build(input, &layout, &spans[..layout.fields], limits).map(Some),
        Err(httparse::Error::TooManyHeaders) if usual < allowed => parse_many(input, room, limits),
        Err(error) => Err(explain(error, text, limits)),
    }
}

/// As [`parse`], for heads of unusually many fields.
#[cold]
fn parse_many(
    input: &mut BytesMut,
    room: usize,
    limits: &Limits,
) -> Result<Option<(ResponseHead, usize)>, Error> {
    let text = input.get(..room).unwrap_or(input);
    // A field takes three bytes at least: the limit alone, which may be huge,
    // decides nothing about what is allocated.
    let allowed = (limits.fields as usize).min(text.len() / 3 + 1);
    let mut fields = Box::new_uninit_slice(allowed);
    let mut spans = vec![Span::default(); allowed];
    match scan(text, &mut fields, &mut spans) {
        Ok(None) => Ok(None),
        Ok(Some(layout)) => build(input, &layout, &spans[..layout.fields], limits).map(Some),
        Err(error) => Err(explain(error, text, limits)),
    }
}

/// Where a field's parts lie in the head.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
}

impl Span {
    fn of(field: &httparse::Header<'_>, text: &[u8]) -> Self {
        Self {
            name: count(offset(field.name.as_bytes(), text)),
            name_len: count(field.name.len()),
            value: count(offset(field.value, text)),
            value_len: count(field.value.len()),
        }
    }

    const fn name(self) -> Range<usize> {
        self.name as usize..(self.name + self.name_len) as usize
    }

    const fn value(self) -> Range<usize> {
        self.value as usize..(self.value + self.value_len) as usize
    }
}

/// What is known of a complete head before it is taken off the input.
#[derive(Debug)]
struct Layout {
    len: usize,
    status: u16,
    version: Version,
    reason: Range<usize>,
    fields: usize,
}

/// Finds the parts of a head; `None` means that it is incomplete.
fn scan<'t>(
    text: &'t [u8],
    fields: &mut [MaybeUninit<httparse::Header<'t>>],
    spans: &mut [Span],
) -> Result<Option<Layout>, httparse::Error> {
    let mut response = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    // A folded value is taken as it is here, and unfolded in `build`.
    config.allow_obsolete_multiline_headers_in_responses(true);
    let parsed = config.parse_response_with_uninit_headers(&mut response, text, fields)?;
    let (httparse::Status::Complete(len), Some(status)) = (parsed, response.code) else {
        return Ok(None);
    };
    for (span, field) in spans.iter_mut().zip(response.headers.iter()) {
        *span = Span::of(field, text);
    }
    let reason = response.reason.unwrap_or_default().as_bytes();
    let start = offset(reason, text);
    Ok(Some(Layout {
        len,
        status,
        version: match response.version {
            Some(0) => Version::HTTP_10,
            _ => Version::HTTP_11,
        },
        reason: start..start + reason.len(),
        fields: response.headers.len(),
    }))
}

/// Takes the head off the input and makes a map of its fields.
fn build(
    input: &mut BytesMut,
    layout: &Layout,
    spans: &[Span],
    limits: &Limits,
) -> Result<(ResponseHead, usize), Error> {
    let head = take(input, layout.len);
    check_line_ends(&head, limits)?;
    let too_many = Error::TooManyFields {
        limit: limits.fields as usize,
    };
    let Ok(mut headers) = HeaderMap::try_with_capacity(spans.len()) else {
        return Err(too_many);
    };
    for (index, span) in spans.iter().enumerate() {
        if span.name_len + span.value_len > limits.line_bytes {
            return Err(Error::LineTooLong {
                limit: limits.line_bytes as usize,
            });
        }
        let malformed = Error::Field { line: index + 2 };
        let Ok(name) = HeaderName::from_bytes(&head[span.name()]) else {
            return Err(malformed);
        };
        let value = value(&head, *span, &name, limits)?.ok_or(malformed)?;
        if headers.try_append(name, value).is_err() {
            return Err(too_many);
        }
    }
    let status = StatusCode::from_u16(layout.status).map_err(|_| Error::StatusLine)?;
    let response = ResponseHead {
        status,
        version: layout.version,
        headers,
        reason: head.slice(layout.reason.clone()),
    };
    Ok((response, layout.len))
}

/// A field's value, unfolded; `None` if it has a character it must not have.
fn value(
    head: &Bytes,
    span: Span,
    name: &HeaderName,
    limits: &Limits,
) -> Result<Option<HeaderValue>, Error> {
    let is_framing = *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING;
    let is_strict = is_framing || limits.refuses(Leniency::Folding);
    if is_strict && is_folded(&head[span.name().end..]) {
        return Err(Error::Folded(name.clone()));
    }
    match HeaderValue::from_maybe_shared(head.slice(span.value())) {
        Ok(value) => Ok(Some(value)),
        Err(_) => Ok(HeaderValue::from_bytes(&unfold(&head[span.value()])).ok()),
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

/// The leniencies of a head's line ends, where they are refused.
fn check_line_ends(head: &[u8], limits: &Limits) -> Result<(), Error> {
    // `HTTP/1.1 200`, and then a space.
    if limits.refuses(Leniency::NoReason) && head.get(12) != Some(&b' ') {
        return Err(Error::StatusLine);
    }
    let mut line_ends = head.windows(2).filter(|pair| pair[1] == b'\n');
    if limits.refuses(Leniency::LineFeed) && line_ends.any(|pair| pair[0] != b'\r') {
        return Err(Error::LineFeed);
    }
    Ok(())
}

#[cold]
fn explain(error: httparse::Error, text: &[u8], limits: &Limits) -> Error {
    match error {
        httparse::Error::Version => Error::NotHttp,
        httparse::Error::Status => Error::StatusLine,
        httparse::Error::TooManyHeaders => Error::TooManyFields {
            limit: limits.fields as usize,
        },
        _ => Error::Field {
            line: faulty_line(text),
        },
    }
}

/// The number of the line that made the parser fail: the first that makes the
/// text up to its end unparsable.
fn faulty_line(text: &[u8]) -> usize {
    let line_ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let line_ends: Vec<usize> = line_ends.map(|(at, _)| at + 1).collect();
    let good = line_ends.partition_point(|end| {
        let mut fields = Box::new_uninit_slice(line_ends.len());
        scan(&text[..*end], &mut fields, &mut []).is_ok()
    });
    good + 1
}

/// Takes `len` bytes off the front. The whole buffer goes as it is, if it has
/// no room for more.
pub(crate) fn take(input: &mut BytesMut, len: usize) -> Bytes {
    if len == input.len() && len == input.capacity() {
        std::mem::take(input).freeze()
    } else {
        input.split_to(len).freeze()
    }
}

/// A carriage return alone may be the start of an empty line.
fn is_only_start_of_line_end(input: &[u8]) -> bool {
    matches!(input, [] | [b'\r'])
}

/// The length of the empty lines at the start.
fn empty_lines(input: &[u8]) -> usize {
    let mut rest = input;
    while let [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] = rest {
        rest = after;
    }
    input.len() - rest.len()
}

/// Where `part` begins in the text that it is a slice of. An empty part may be
/// a slice of anything.
fn offset(part: &[u8], text: &[u8]) -> usize {
    if part.is_empty() {
        return 0;
    }
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// Heads are shorter than the 32 bits of their limit.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
