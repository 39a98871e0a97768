//! The quick way through a head: names that came before are recognised.

use std::cell::RefCell;

use http::Version;
use http::header::{HeaderMap, HeaderValue};

use crate::layout::{Layout, Span};
use crate::steering::Role;

/// The names of a head, in order. A server sends the same ones again and
/// again: a head of a shape that is known needs no general parser, and its map
/// is ready but for the values, with nothing to hash and no name to allocate.
/// That is more than half of what reading a head costs.
#[derive(Debug)]
struct Shape {
    /// The names as they were sent, each with the colon and space behind it.
    names: Box<[u8]>,
    fields: Box<[Field]>,
    /// Every value is empty.
    map: HeaderMap,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    /// Of the name, with the colon and space.
    len: usize,
    role: Role,
}

/// What a thread remembers of the heads it read.
#[derive(Debug)]
struct Memory {
    /// The one that was met last comes first.
    shapes: Vec<Shape>,
    /// How often another one was met since all places were taken.
    strangers: usize,
}

/// Names that are longer in sum are not remembered.
const MOST_BYTES: usize = 512;
/// Heads of more fields are not remembered, so that room for few is enough.
pub(crate) const MOST_FIELDS: usize = 32;
/// Shapes that each thread remembers: some 15 KiB at most.
const SHAPES: usize = 6;
/// Where more shapes than can be remembered take turns, only one in so many
/// takes a place: remembering costs half as much as reading.
const PATIENCE: usize = 8;

thread_local! {
    static MEMORY: RefCell<Memory> = const {
        RefCell::new(Memory {
            shapes: Vec::new(),
            strangers: 0,
        })
    };
}

/// Finds the parts of a head that is complete, without fault or looseness, and
/// of the shape of another that came lately. Gives a map of its names, in
/// their order, with empty values. All that is not so is `None`, and for the
/// general parser to judge.
pub(crate) fn recognise(text: &[u8], spans: &mut [Span]) -> Option<(Layout, HeaderMap)> {
    let status_line = StatusLine::read(text)?;
    let recognised = MEMORY.try_with(|memory| {
        let shapes = &mut memory.borrow_mut().shapes;
        let mut walk = Walk::start(text, status_line.len);
        let at = shapes.iter().position(|shape| walk.follow(shape, spans))?;
        let len = walk.at;
        shapes.get_mut(..=at)?.rotate_right(1);
        let shape = shapes.first()?;
        let layout = Layout {
            len,
            status: status_line.status,
            version: Version::HTTP_11,
            reason: StatusLine::REASON..status_line.len - 2,
            fields: shape.fields.len(),
        };
        Some((layout, shape.map.clone()))
    });
    // A thread that is ending has no memory.
    recognised.unwrap_or_default()
}

/// Remembers the names of a head, unless one comes again after others: a map
/// puts such lines together.
pub(crate) fn remember(head: &[u8], spans: &[Span], headers: &HeaderMap) {
    let remembered = MEMORY.try_with(|memory| {
        let memory = &mut *memory.borrow_mut();
        if memory.shapes.len() == SHAPES {
            memory.strangers += 1;
            if !memory.strangers.is_multiple_of(PATIENCE) {
                return;
            }
        }
        if let Some(shape) = Shape::of(head, spans, headers) {
            memory.shapes.truncate(SHAPES - 1);
            memory.shapes.insert(0, shape);
        }
    });
    // A thread that is ending need not remember.
    remembered.unwrap_or_default();
}

/// `HTTP/1.1 200 OK`, the parts of which have their fixed places.
struct StatusLine {
    status: u16,
    /// With the line end.
    len: usize,
}

impl StatusLine {
    /// Where the reason begins.
    const REASON: usize = 13;

    fn read(text: &[u8]) -> Option<Self> {
        let rest = text.strip_prefix(b"HTTP/1.1 ")?;
        let [
            hundreds @ b'1'..=b'9',
            tens @ b'0'..=b'9',
            ones @ b'0'..=b'9',
            b' ',
            reason @ ..,
        ] = rest
        else {
            return None;
        };
        let digit = |byte: &u8| u16::from(byte - b'0');
        let end = reason
            .iter()
            .position(|byte| !matches!(byte, b' '..=b'~'))?;
        reason[end..].starts_with(b"\r\n").then(|| Self {
            status: digit(hundreds) * 100 + digit(tens) * 10 + digit(ones),
            len: Self::REASON + end + 2,
        })
    }
}

impl Shape {
    fn of(head: &[u8], spans: &[Span], headers: &HeaderMap) -> Option<Self> {
        let len: u32 = spans.iter().map(|span| span.name_len).sum();
        let is_small = len as usize <= MOST_BYTES && spans.len() <= MOST_FIELDS;
        if !is_small || headers.len() != spans.len() {
            return None;
        }
        let mut map = headers.clone();
        let mut names = Vec::with_capacity(len as usize + spans.len() * ": ".len());
        let mut fields = Vec::with_capacity(spans.len());
        for (span, (name, value)) in spans.iter().zip(&mut map) {
            let sent = &head[span.name()];
            // The order of a map is not promised: that of this one is seen
            // here, and its clones have it, too.
            if !sent.eq_ignore_ascii_case(name.as_str().as_bytes()) {
                return None;
            }
            names.extend_from_slice(sent);
            names.extend_from_slice(b": ");
            fields.push(Field {
                len: sent.len() + ": ".len(),
                role: span.role,
            });
            *value = HeaderValue::from_static("");
        }
        Some(Self {
            names: names.into(),
            fields: fields.into(),
            map,
        })
    }
}

/// How far a head was understood. One shape after another goes on from here,
/// if it begins with the same names: no value is looked at twice.
struct Walk<'t, 's> {
    text: &'t [u8],
    /// Where the next field begins.
    at: usize,
    fields: usize,
    /// The names of the fields before it, as a shape has them.
    names: &'s [u8],
}

impl<'t, 's> Walk<'t, 's> {
    fn start(text: &'t [u8], status_line: usize) -> Self {
        Self {
            text,
            at: status_line,
            fields: 0,
            names: &[],
        }
    }

    /// Whether the head has just the names of this shape: each with one space
    /// before its value, and with no white space behind it.
    fn follow(&mut self, shape: &'s Shape, spans: &mut [Span]) -> bool {
        if !shape.names.starts_with(self.names) {
            return false;
        }
        while let Some(field) = shape.fields.get(self.fields) {
            if self.step(shape, field, spans).is_none() {
                return false;
            }
        }
        let is_end = self.rest().starts_with(b"\r\n");
        if is_end {
            self.at += "\r\n".len();
        }
        is_end
    }

    fn step(&mut self, shape: &'s Shape, field: &Field, spans: &mut [Span]) -> Option<()> {
        let names = shape.names.get(..self.names.len() + field.len)?;
        let name = names.get(self.names.len()..)?;
        let value = self.rest().strip_prefix(name)?;
        let end = value_len(value)?;
        let (value, after) = value.split_at(end);
        if let [b' ' | b'\t', ..] | [.., b' ' | b'\t'] = value {
            return None;
        }
        after.strip_prefix(b"\r\n")?;
        *spans.get_mut(self.fields)? = Span::new(self.at, field.len - ": ".len(), end, field.role);
        self.at += field.len + end + "\r\n".len();
        self.fields += 1;
        self.names = names;
        Some(())
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }
}

/// The number of bytes before the first that no value has. They are looked at
/// eight at a time: most of a head is values.
fn value_len(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks();
    let words = words.iter().take_while(|word| are_value_bytes(**word));
    let checked = words.count() * 8;
    let rest = text.get(checked..)?;
    let end = rest.iter().position(|byte| !is_value_byte(*byte))?;
    Some(checked + end)
}

/// Whether none of these is a control character. A tab counts as one here.
const fn are_value_bytes(word: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let word = u64::from_ne_bytes(word);
    // The high bit of a byte is set where subtracting borrows from it, and it
    // had none itself.
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let deletes = word ^ (ONES * 0x7f);
    let delete = deletes.wrapping_sub(ONES) & !deletes;
    (below_space | delete) & HIGH == 0
}

/// RFC 9110 §5.5: visible, white space, or outside ASCII.
const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests;
