//! What is wrong with an authority.

use std::fmt;

/// Why a text is no [`Authority`](crate::Authority).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthorityError {
    /// Brackets around something else than an IPv6 address, or text behind them.
    Brackets,
    /// A character that is part of no host name.
    HostCharacter(char),
    /// An empty label, or one of more than 63 characters.
    Label,
    /// A name of more than 253 characters.
    Length,
    /// There is no host.
    NoHost,
    /// The host is not ASCII; map it by IDNA first.
    NotAscii,
    /// The port is not a number from 0 to 65535.
    Port,
    /// There are two `@`.
    TwoAtSigns,
    /// The user information has a character that must be percent-encoded.
    UserInfo,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Brackets => f.write_str("the brackets of the host hold no ipv6 address"),
            Self::HostCharacter(character) => {
                write!(f, "the host has the invalid character {character:?}")
            }
            Self::Label => f.write_str("a label of the host name is empty or too long"),
            Self::Length => f.write_str("the host name is longer than 253 characters"),
            Self::NoHost => f.write_str("there is no host"),
            Self::NotAscii => f.write_str("the host name is not ascii"),
            Self::Port => f.write_str("the port is not a number from 0 to 65535"),
            Self::TwoAtSigns => f.write_str("there is more than one '@'"),
            Self::UserInfo => f.write_str("the user information has an invalid character"),
        }
    }
}

impl std::error::Error for AuthorityError {}
