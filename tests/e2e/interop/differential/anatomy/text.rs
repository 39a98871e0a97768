//! The alphabet of RFC 9110 §5.6, written down once more.

pub(super) fn is_name(given: &[u8], name: &str) -> bool {
    given.eq_ignore_ascii_case(name.as_bytes())
}

pub(super) fn is_framing(name: &[u8]) -> bool {
    is_name(name, "content-length") || is_name(name, "transfer-encoding")
}

pub(super) fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && *byte != b'\t'
}

pub(super) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(is_token_byte)
}

pub(super) fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// A number without the zeros before it.
pub(super) fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros.min(digits.len().saturating_sub(1))..]
}

pub(super) fn trim(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    let behind = text.iter().rev().take_while(|byte| is_space(byte));
    &text[..text.len() - behind.count()]
}

pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    split_while(text, is_space).1
}

pub(super) fn split_while(text: &[u8], is_part: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let len = text.iter().take_while(|byte| is_part(byte)).count();
    text.split_at(len)
}
