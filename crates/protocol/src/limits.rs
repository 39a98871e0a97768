//! Limits and leniencies.

/// How much a response may take, and which of its looks are put up with.
///
/// Nothing a peer sends makes the engine hold more than these allow. Each
/// limit is an error of its own when it is passed.
///
/// ```
/// use postrider_protocol::{Leniency, Limits};
///
/// let limits = Limits::default()
///     .head_bytes(16 * 1024)
///     .refuse(Leniency::LengthBesideChunked);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(crate) head_bytes: u32,
    pub(crate) line_bytes: u32,
    pub(crate) fields: u32,
    pub(crate) informational: u32,
    pub(crate) chunk_line_bytes: u32,
    pub(crate) chunk_extension_bytes: u32,
    pub(crate) trailer_bytes: u32,
    pub(crate) trailer_fields: u32,
    refused: u8,
}

impl Limits {
    /// Bytes of one response head, with the empty lines before it; all the
    /// informational heads before a response get as much again, together.
    ///
    /// 128 KiB: servers stop between 8 and 64 KiB, curl takes 300 KiB.
    #[must_use]
    pub const fn head_bytes(self, head_bytes: usize) -> Self {
        Self {
            head_bytes: clamp(head_bytes),
            ..self
        }
    }

    /// Bytes of one field's name and value.
    ///
    /// 64 KiB: the largest that is seen are cookies and policies of 16 KiB.
    #[must_use]
    pub const fn line_bytes(self, line_bytes: usize) -> Self {
        Self {
            line_bytes: clamp(line_bytes),
            ..self
        }
    }

    /// Fields of one head.
    ///
    /// 200: twice what hyper takes, and what most servers send at most.
    #[must_use]
    pub const fn fields(self, fields: usize) -> Self {
        Self {
            fields: clamp(fields),
            ..self
        }
    }

    /// Informational responses (1xx) before the final one.
    ///
    /// 16: an upload that sends `102 (Processing)` as a sign of life may need
    /// more; without a bound a peer could go on for ever.
    #[must_use]
    pub const fn informational(self, informational: usize) -> Self {
        Self {
            informational: clamp(informational),
            ..self
        }
    }

    /// Bytes of one chunk's size line, extension and line end included.
    ///
    /// 4 KiB: signatures of signed uploads take some hundred. Bounds the
    /// leading zeros of a size, too.
    #[must_use]
    pub const fn chunk_line_bytes(self, chunk_line_bytes: usize) -> Self {
        Self {
            chunk_line_bytes: clamp(chunk_line_bytes),
            ..self
        }
    }

    /// Bytes of all the chunk extensions of one body.
    ///
    /// 16 KiB, as hyper and Go: extensions cost reading and carry nothing.
    #[must_use]
    pub const fn chunk_extension_bytes(self, chunk_extension_bytes: usize) -> Self {
        Self {
            chunk_extension_bytes: clamp(chunk_extension_bytes),
            ..self
        }
    }

    /// Bytes of the trailer section.
    ///
    /// 16 KiB, as hyper.
    #[must_use]
    pub const fn trailer_bytes(self, trailer_bytes: usize) -> Self {
        Self {
            trailer_bytes: clamp(trailer_bytes),
            ..self
        }
    }

    /// Fields of the trailer section.
    ///
    /// 100, as hyper.
    #[must_use]
    pub const fn trailer_fields(self, trailer_fields: usize) -> Self {
        Self {
            trailer_fields: clamp(trailer_fields),
            ..self
        }
    }

    /// Makes an error of something that is put up with by default.
    #[must_use]
    pub const fn refuse(self, leniency: Leniency) -> Self {
        Self {
            refused: self.refused | leniency.bit(),
            ..self
        }
    }

    pub(crate) const fn refuses(&self, leniency: Leniency) -> bool {
        self.refused & leniency.bit() != 0
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 128 * 1024,
            line_bytes: 64 * 1024,
            fields: 200,
            informational: 16,
            chunk_line_bytes: 4 * 1024,
            chunk_extension_bytes: 16 * 1024,
            trailer_bytes: 16 * 1024,
            trailer_fields: 100,
            refused: 0,
        }
    }
}

/// What is put up with by default although the grammar does not have it. Each
/// can be made an error by [`Limits::refuse`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Leniency {
    /// Empty lines before the status line. RFC 9112 §2.2 asks it of servers;
    /// hyper and Node do it for old servers that sent a line too many.
    EmptyLines,
    /// A value that goes on in the next line. RFC 9112 §5.2 wants user agents
    /// to put a space in its place. Never taken in a framing field.
    Folding,
    /// `Content-Length` beside `Transfer-Encoding`. RFC 9112 §6.3 lets the
    /// latter win; the connection is not used again.
    LengthBesideChunked,
    /// A line feed alone as the end of a head's line, which RFC 9112 §2.2
    /// allows. Never taken in chunked framing.
    LineFeed,
    /// No space behind the status code, where no reason follows. Servers
    /// leave it out, and every client takes it.
    NoReason,
    /// The same `Content-Length` more than once (RFC 9112 §6.3, rule 5).
    RepeatedLength,
    /// Spaces behind a chunk's size. Old servers pad the size to a width.
    SpaceAfterSize,
}

impl Leniency {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Counters are 32 bits wide: a larger limit means that one.
#[expect(clippy::cast_possible_truncation, reason = "compared before")]
const fn clamp(limit: usize) -> u32 {
    if limit > u32::MAX as usize {
        u32::MAX
    } else {
        limit as u32
    }
}
