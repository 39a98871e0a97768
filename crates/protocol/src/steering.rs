//! What a head's fields say of the body's end and of the connection.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};

use crate::error::Error;
use crate::limits::{Leniency, Limits};
use crate::list::{decimal, members_of, trim};
use crate::outcome::KeepAlive;

/// What the fields of a head say of the body's end and of the connection. Read
/// line by line while the head is read, so that nothing is looked up later.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steering {
    pub(crate) length: Length,
    pub(crate) coding: Coding,
    pub(crate) connection: Connection,
    pub(crate) keep_alive: KeepAlive,
}

/// Which of these fields one is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    None,
    Connection,
    ContentLength,
    KeepAlive,
    TransferEncoding,
}

/// What `Content-Length` says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Length {
    #[default]
    Absent,
    /// This number, written with so many digits.
    Known(u64, usize),
    /// No number.
    Invalid,
    /// More than one number, or one more than once where that is refused.
    Conflicting,
}

/// What `Transfer-Encoding` says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Coding {
    #[default]
    Absent,
    /// The field is there, with no coding yet.
    Empty,
    Chunked,
    Other,
}

/// Which options `Connection` lists.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Connection {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
}

impl Role {
    pub(crate) fn of(name: &HeaderName) -> Self {
        if *name == CONNECTION {
            Self::Connection
        } else if *name == CONTENT_LENGTH {
            Self::ContentLength
        } else if *name == TRANSFER_ENCODING {
            Self::TransferEncoding
        } else if *name == "keep-alive" {
            Self::KeepAlive
        } else {
            Self::None
        }
    }

    /// Whether the field says where the body ends: nobody may read it
    /// differently.
    pub(crate) const fn is_framing(self) -> bool {
        matches!(self, Self::ContentLength | Self::TransferEncoding)
    }
}

impl Steering {
    /// Reads a line of a field. What is wrong is remembered: whether it matters
    /// depends on the whole head.
    pub(crate) fn read(&mut self, role: Role, value: &[u8], limits: &Limits) {
        match role {
            Role::Connection => self.connection.read(value),
            Role::ContentLength => self.length = self.length.and(value, limits),
            Role::KeepAlive => self.keep_alive.read(value),
            Role::None => {}
            Role::TransferEncoding => self.coding = self.coding.and(value),
        }
    }
}

impl Connection {
    /// RFC 9110 §7.6.1: options are compared whole, in any case.
    fn read(&mut self, value: &[u8]) {
        for option in members_of(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

impl Length {
    /// RFC 9112 §6.3, rule 5: a list of one number repeated is that number.
    /// Equal means written the same.
    fn and(self, value: &[u8], limits: &Limits) -> Self {
        value
            .split(|byte| *byte == b',')
            .map(trim)
            .fold(self, |length, member| match (length, number(member)) {
                (_, None) | (Self::Invalid, _) => Self::Invalid,
                (Self::Absent, Some(number)) => Self::Known(number, member.len()),
                (Self::Known(known, digits), Some(number))
                    if known == number
                        && digits == member.len()
                        && !limits.refuses(Leniency::RepeatedLength) =>
                {
                    length
                }
                (Self::Known(..) | Self::Conflicting, Some(_)) => Self::Conflicting,
            })
    }

    pub(crate) const fn checked(self) -> Result<Option<u64>, Error> {
        match self {
            Self::Absent => Ok(None),
            Self::Known(length, _) => Ok(Some(length)),
            Self::Invalid => Err(Error::ContentLength),
            Self::Conflicting => Err(Error::ContentLengths),
        }
    }
}

/// Numbers of more than 63 bits are unsound in a good part of the software
/// there is; no body has eight exabytes.
fn number(text: &[u8]) -> Option<u64> {
    decimal(text).filter(|number| i64::try_from(*number).is_ok())
}

impl Coding {
    fn and(self, value: &[u8]) -> Self {
        let coding = match self {
            Self::Absent => Self::Empty,
            other => other,
        };
        members_of(value).fold(coding, |coding, member| match coding {
            Self::Empty if member.eq_ignore_ascii_case(b"chunked") => Self::Chunked,
            _ => Self::Other,
        })
    }
}
