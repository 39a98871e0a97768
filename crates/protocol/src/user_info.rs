//! User information: read, and never shown.

use std::fmt;

use crate::authority_error::AuthorityError;

/// The user information of a URL, still percent-encoded. Never sent as such:
/// it becomes Basic authorization, or an error (RFC 9110 §4.2.4).
///
/// Its `Debug` shows none of it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct UserInfo<'a> {
    /// What stands before the first colon.
    pub user: &'a str,
    /// What stands behind it.
    pub password: Option<&'a str>,
}

impl<'a> UserInfo<'a> {
    /// `None` for the empty text of `http://@host/`.
    pub(crate) fn parse(text: &'a str) -> Result<Option<Self>, AuthorityError> {
        if !is_user_info(text.as_bytes()) {
            return Err(AuthorityError::UserInfo);
        }
        Ok(match text.split_once(':') {
            Some((user, password)) => Some(Self {
                user,
                password: Some(password),
            }),
            None if text.is_empty() => None,
            None => Some(Self {
                user: text,
                password: None,
            }),
        })
    }
}

impl fmt::Debug for UserInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserInfo(..)")
    }
}

/// RFC 3986 §3.2.1: unreserved, sub-delims, ":" and percent-encoded octets.
fn is_user_info(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if is_unreserved(*byte) || b"!$&'()*+,;=:".contains(byte) => rest,
            _ => return false,
        };
    }
}

/// RFC 3986 §2.3.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    is_name_byte(byte) || byte == b'~'
}

/// Letters, digits and hyphens, and the underscore that service names carry.
pub(crate) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}
