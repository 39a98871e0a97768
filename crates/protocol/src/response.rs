//! Reading the head of a response, however its bytes come in.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Version};

use crate::error::Error;
use crate::fields::{collect, fill};
use crate::layout::{Layout, Span, count, explain, scan};
use crate::limits::{Leniency, Limits};
use crate::shape;
use crate::steering::Steering;

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
    pub(crate) steering: Steering,
    pub(crate) bytes: usize,
}

/// Heads of up to so many fields are parsed on the stack.
const USUAL_FIELDS: usize = 64;

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
            Some(head) => Ok(Some(Head {
                bytes: head.bytes + self.skipped as usize,
                ..head
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
fn parse(input: &mut BytesMut, room: usize, limits: &Limits) -> Result<Option<Head>, Error> {
    let text = input.get(..room).unwrap_or(input);
    let allowed = limits.fields as usize;
    let mut spans = [Span::EMPTY; shape::MOST_FIELDS];
    let few = allowed.min(shape::MOST_FIELDS);
    match shape::recognise(text, &mut spans[..few]) {
        Some((layout, headers)) => {
            let spans = &spans[..layout.fields];
            build_recognised(input, &layout, spans, headers, limits).map(Some)
        }
        None => parse_unknown(input, room, limits),
    }
}

/// The same for a head whose names are not known.
fn parse_unknown(
    input: &mut BytesMut,
    room: usize,
    limits: &Limits,
) -> Result<Option<Head>, Error> {
    let text = input.get(..room).unwrap_or(input);
    let allowed = limits.fields as usize;
    let usual = allowed.min(USUAL_FIELDS);
    let mut spans = [Span::EMPTY; USUAL_FIELDS];
    let mut fields = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
    match scan(text, &mut fields[..usual], &mut spans) {
        Ok(None) => Ok(None),
        Ok(Some(layout)) => {
            let spans = &mut spans[..layout.fields];
            build(input, &layout, spans, limits).map(Some)
        }
        Err(httparse::Error::TooManyHeaders) if usual < allowed => parse_many(input, room, limits),
        Err(error) => Err(explain(error, text, limits)),
    }
}

/// The same for heads of unusually many fields.
#[cold]
fn parse_many(input: &mut BytesMut, room: usize, limits: &Limits) -> Result<Option<Head>, Error> {
    let text = input.get(..room).unwrap_or(input);
    // A field takes three bytes at least: the limit alone, which may be huge,
    // decides nothing about what is allocated.
    let allowed = (limits.fields as usize).min(text.len() / 3 + 1);
    let mut fields = Box::new_uninit_slice(allowed);
    let mut spans = vec![Span::EMPTY; allowed];
    match scan(text, &mut fields, &mut spans) {
        Ok(None) => Ok(None),
        Ok(Some(layout)) => {
            let spans = &mut spans[..layout.fields];
            build(input, &layout, spans, limits).map(Some)
        }
        Err(error) => Err(explain(error, text, limits)),
    }
}

/// Takes the head off the input and makes a map of its fields.
fn build(
    input: &mut BytesMut,
    layout: &Layout,
    spans: &mut [Span],
    limits: &Limits,
) -> Result<Head, Error> {
    let head = take(input, layout.len);
    check_line_ends(&head, limits)?;
    let (headers, steering) = collect(&head, spans, limits)?;
    shape::remember(&head, spans, &headers);
    Head::new(&head, layout, headers, steering)
}

/// The same for a head that is known but for its values.
fn build_recognised(
    input: &mut BytesMut,
    layout: &Layout,
    spans: &[Span],
    mut headers: HeaderMap,
    limits: &Limits,
) -> Result<Head, Error> {
    let head = take(input, layout.len);
    let steering = fill(&head, spans, &mut headers, limits)?;
    Head::new(&head, layout, headers, steering)
}

impl Head {
    fn new(
        head: &Bytes,
        layout: &Layout,
        headers: HeaderMap,
        steering: Steering,
    ) -> Result<Self, Error> {
        Ok(Self {
            response: ResponseHead {
                status: StatusCode::from_u16(layout.status).map_err(|_| Error::StatusLine)?,
                version: layout.version,
                headers,
                reason: head.slice(layout.reason.clone()),
            },
            steering,
            bytes: layout.len,
        })
    }
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

/// Takes `len` bytes off the front. The whole buffer goes as it is, if it is
/// small and has no room for more.
pub(crate) fn take(input: &mut BytesMut, len: usize) -> Bytes {
    take_through(input, len, len)
}

/// Takes `len` bytes off the front, and drops those behind them up to `end`.
pub(crate) fn take_through(input: &mut BytesMut, len: usize, end: usize) -> Bytes {
    if len == 0 {
        input.advance(end);
        Bytes::new()
    } else if end == input.len() && end == input.capacity() && end < KEPT {
        let mut all = std::mem::take(input);
        all.truncate(len);
        all.freeze()
    } else {
        let taken = input.split_to(len).freeze();
        input.advance(end - len);
        taken
    }
}

/// A buffer of so many bytes is worth keeping: whoever reads on into it finds it
/// free again once what was taken is dropped.
const KEPT: usize = 16 * 1024;

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
