//! The chunked coding of a response, taken off.

use bytes::{Bytes, BytesMut};

use crate::error::Error;
use crate::limits::{Leniency, Limits};
use crate::list::is_token_byte;
use crate::response::take_through;

/// Decodes a chunked body (RFC 9112 §7.1), byte by byte where it must be and in
/// bulk where it can be: the data of all the chunks in a buffer is moved
/// together in place and given out as one piece.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Chunked {
    step: Step,
    /// Bytes of the present size line.
    line: u32,
    /// Bytes of all extensions.
    extensions: u32,
}

/// What is awaited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// The first digit of a size.
    Start,
    /// Another digit, or what may follow the size.
    Size(u64),
    /// Nothing but spaces, a `;` or the line end.
    SizeEnd(u64),
    Extension(u64, Extension),
    /// The line feed behind the size line's carriage return.
    LineFeed(u64),
    Data(u64),
    /// The carriage return behind the data.
    DataEnd,
    /// The line feed behind that.
    DataLineFeed,
    /// The trailer section. All data is out.
    Trailers,
}

/// What is awaited of a chunk extension (RFC 9112 §7.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extension {
    Start,
    Name,
    AfterName,
    ValueStart,
    Token,
    Quoted,
    Escaped,
    AfterValue,
}

/// What [`Chunked::read`] found.
#[derive(Debug)]
pub(crate) enum Piece {
    /// More bytes are needed.
    More,
    Data(Bytes),
    /// The trailer section begins.
    Trailers,
}

/// Sizes have 63 bits at most, as lengths do.
const LARGEST: u64 = i64::MAX as u64;

impl Chunked {
    pub(crate) const fn new() -> Self {
        Self {
            step: Step::Start,
            line: 0,
            extensions: 0,
        }
    }

    /// Decodes what is there. An error that stands behind data is found again,
    /// and reported, by the next call.
    pub(crate) fn read(&mut self, input: &mut BytesMut, limits: &Limits) -> Result<Piece, Error> {
        let mut cursor = Cursor::default();
        let result = self.decode(input, &mut cursor, limits);
        let data = take_through(input, cursor.written, cursor.read);
        if !data.is_empty() {
            return Ok(Piece::Data(data));
        }
        result?;
        Ok(match self.step {
            Step::Trailers => Piece::Trailers,
            _ => Piece::More,
        })
    }

    /// Goes through the input. An error leaves everything as it was before the
    /// byte that is refused, so that the next call refuses it again.
    fn decode(
        &mut self,
        input: &mut [u8],
        cursor: &mut Cursor,
        limits: &Limits,
    ) -> Result<(), Error> {
        loop {
            if let Step::Data(left) = self.step {
                let left = cursor.keep(input, left);
                if left > 0 {
                    self.step = Step::Data(left);
                    return Ok(());
                }
                self.step = Step::DataEnd;
            }
            if self.step == Step::Trailers {
                return Ok(());
            }
            if let Some((size, len)) = self.plain_line(input.get(cursor.read..), limits) {
                self.step = Step::Data(size);
                cursor.read += len;
                continue;
            }
            let Some(byte) = input.get(cursor.read) else {
                return Ok(());
            };
            self.step = self.after(*byte, limits)?;
            cursor.read += 1;
        }
    }

    /// The size in a size line that is all there and nothing but a few digits,
    /// as nearly all are, and the bytes up to the data. Anything else is for
    /// the steps to read byte by byte.
    fn plain_line(&self, text: Option<&[u8]>, limits: &Limits) -> Option<(u64, usize)> {
        const DIGITS: usize = 8;
        let text = text?;
        let line = match self.step {
            Step::Start => text,
            Step::DataEnd => text.strip_prefix(b"\r\n")?,
            _ => return None,
        };
        let mut size = 0;
        for (at, byte) in line.iter().take(DIGITS + 1).enumerate() {
            if let Some(digit) = hex(*byte) {
                size = size << 4 | digit;
                continue;
            }
            let after = line.get(at..)?.strip_prefix(b"\r\n")?;
            let is_plain = size > 0 && at < limits.chunk_line_bytes as usize;
            return is_plain.then(|| (size, text.len() - after.len()));
        }
        None
    }

    fn after(&mut self, byte: u8, limits: &Limits) -> Result<Step, Error> {
        let step = match (self.step, byte) {
            (Step::DataEnd, b'\r') => return Ok(Step::DataLineFeed),
            (Step::DataLineFeed, b'\n') => return Ok(Step::Start),
            (Step::DataEnd | Step::DataLineFeed, _) => return Err(Error::ChunkEnd),
            (Step::LineFeed(size), b'\n') => {
                self.line = 0;
                return Ok(match size {
                    0 => Step::Trailers,
                    size => Step::Data(size),
                });
            }
            (Step::Start, byte) => Step::Size(hex(byte).ok_or(Error::ChunkSize)?),
            (Step::Size(size), byte) => match hex(byte) {
                Some(digit) if size <= LARGEST >> 4 => Step::Size(size << 4 | digit),
                Some(_) => return Err(Error::ChunkSize),
                None => after_size(size, byte, limits)?,
            },
            (Step::SizeEnd(size), byte) => after_size(size, byte, limits)?,
            (Step::Extension(size, extension), byte) => {
                self.count_extension_byte(limits)?;
                after_extension(size, extension, byte)?
            }
            (Step::LineFeed(_) | Step::Data(_) | Step::Trailers, _) => {
                return Err(Error::ChunkSize);
            }
        };
        if self.line >= limits.chunk_line_bytes {
            return Err(Error::ChunkLineTooLong {
                limit: limits.chunk_line_bytes as usize,
            });
        }
        self.line += 1;
        Ok(step)
    }

    fn count_extension_byte(&mut self, limits: &Limits) -> Result<(), Error> {
        if self.extensions >= limits.chunk_extension_bytes {
            return Err(Error::ChunkExtensionsTooLarge {
                limit: limits.chunk_extension_bytes as usize,
            });
        }
        self.extensions += 1;
        Ok(())
    }
}

fn after_size(size: u64, byte: u8, limits: &Limits) -> Result<Step, Error> {
    match byte {
        b'\r' => Ok(Step::LineFeed(size)),
        b';' => Ok(Step::Extension(size, Extension::Start)),
        b' ' | b'\t' if !limits.refuses(Leniency::SpaceAfterSize) => Ok(Step::SizeEnd(size)),
        _ => Err(Error::ChunkSize),
    }
}

/// A lone line feed is no line end here: peers that see one where others do
/// not are how requests get smuggled.
fn after_extension(size: u64, extension: Extension, byte: u8) -> Result<Step, Error> {
    let next = match (extension, byte) {
        // `;` with nothing behind it is sent by some, and taken by all.
        (
            Extension::Start
            | Extension::Name
            | Extension::AfterName
            | Extension::Token
            | Extension::AfterValue,
            b'\r',
        ) => return Ok(Step::LineFeed(size)),
        (Extension::Name | Extension::AfterName, b'=') => Extension::ValueStart,
        (
            Extension::Name | Extension::AfterName | Extension::Token | Extension::AfterValue,
            b';',
        ) => Extension::Start,
        (Extension::Start | Extension::ValueStart, b' ' | b'\t') => extension,
        (Extension::Name | Extension::AfterName, b' ' | b'\t') => Extension::AfterName,
        (Extension::Token | Extension::AfterValue, b' ' | b'\t') => Extension::AfterValue,
        (Extension::Start | Extension::Name, byte) if is_token_byte(byte) => Extension::Name,
        (Extension::ValueStart | Extension::Token, byte) if is_token_byte(byte) => Extension::Token,
        (Extension::ValueStart, b'"') => Extension::Quoted,
        (Extension::Quoted, b'"') => Extension::AfterValue,
        (Extension::Quoted, b'\\') => Extension::Escaped,
        (Extension::Quoted | Extension::Escaped, byte) if is_quotable(byte) => Extension::Quoted,
        _ => return Err(Error::ChunkExtension),
    };
    Ok(Step::Extension(size, next))
}

/// A hexadecimal digit and nothing else: `from_str_radix` would take a sign.
fn hex(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

/// RFC 9110 §5.6.4: visible, white space, or outside ASCII.
const fn is_quotable(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// How far a buffer was read, and how far data was moved together at its start.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    read: usize,
    written: usize,
}

impl Cursor {
    /// Moves up to `len` bytes of data to those before them; gives how many are
    /// still to come.
    fn keep(&mut self, input: &mut [u8], len: u64) -> u64 {
        let there = input.len() - self.read;
        let now = usize::try_from(len).map_or(there, |len| len.min(there));
        // The first piece stays where it is, if nothing stood before it.
        if self.read != self.written {
            input.copy_within(self.read..self.read + now, self.written);
        }
        self.read += now;
        self.written += now;
        len - now as u64
    }
}
