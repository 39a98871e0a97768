//! The general parser: where the parts of a head lie in its bytes.

use std::mem::MaybeUninit;
use std::ops::Range;

use http::Version;

use crate::error::Error;
use crate::limits::Limits;
use crate::steering::Role;

/// What is known of a complete head before it is taken off the input.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) len: usize,
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) reason: Range<usize>,
    pub(crate) fields: usize,
}

/// Finds the parts of a head; `None` means that it is incomplete.
pub(crate) fn scan<'t>(
    text: &'t [u8],
    fields: &mut [MaybeUninit<httparse::Header<'t>>],
    spans: &mut [Span],
) -> Result<Option<Layout>, httparse::Error> {
    let mut response = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    // A folded value is taken as it is here, and unfolded when it is read.
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

/// Where a field's parts lie in the head, and what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    name: u32,
    pub(crate) name_len: u32,
    value: u32,
    pub(crate) value_len: u32,
    pub(crate) role: Role,
}

impl Span {
    pub(crate) const EMPTY: Self = Self {
        name: 0,
        name_len: 0,
        value: 0,
        value_len: 0,
        role: Role::None,
    };

    /// The name begins at `name`, and the value behind it.
    pub(crate) fn new(name: usize, name_len: usize, value_len: usize, role: Role) -> Self {
        Self {
            name: count(name),
            name_len: count(name_len),
            value: count(name + name_len + ": ".len()),
            value_len: count(value_len),
            role,
        }
    }

    fn of(field: &httparse::Header<'_>, text: &[u8]) -> Self {
        Self {
            name: count(offset(field.name.as_bytes(), text)),
            name_len: count(field.name.len()),
            value: count(offset(field.value, text)),
            value_len: count(field.value.len()),
            // Not known before the name is read.
            role: Role::None,
        }
    }

    pub(crate) const fn name(self) -> Range<usize> {
        self.name as usize..(self.name + self.name_len) as usize
    }

    pub(crate) const fn value(self) -> Range<usize> {
        self.value as usize..(self.value + self.value_len) as usize
    }
}

/// What the parser's error means.
#[cold]
pub(crate) fn explain(error: httparse::Error, text: &[u8], limits: &Limits) -> Error {
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

/// Where `part` begins in the text that it is a slice of. An empty part may be
/// a slice of anything.
fn offset(part: &[u8], text: &[u8]) -> usize {
    if part.is_empty() {
        return 0;
    }
    // The parser gives nothing else than slices of the text.
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// Heads are shorter than the 32 bits of their limit.
pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
