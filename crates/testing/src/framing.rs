//! As much of HTTP/1.1 as it takes to know where a request ends.

/// How a request's body is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyFraming {
    Length(usize),
    Chunked,
    Malformed,
}

/// Where the first empty line ends, looking from `from` on.
pub(crate) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_sub(3);
    let rest = bytes.get(from..)?;
    let at = rest.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(from + at + 4)
}

/// RFC 9112 §6.3, for requests: chunked before a length, no field means no body.
pub(crate) fn body_framing(head: &[u8]) -> BodyFraming {
    let mut framing = BodyFraming::Length(0);
    for line in head.split(|&byte| byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value.trim_ascii_start();
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return BodyFraming::Chunked;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            framing = number(value, 10).map_or(BodyFraming::Malformed, BodyFraming::Length);
        }
    }
    framing
}

/// The size that a chunk's first line declares.
pub(crate) fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?;
    number(digits.trim_ascii(), 16)
}

/// Digits only: the standard library's parsers would take a sign.
fn number(digits: &[u8], radix: u32) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_usize, |value, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        value
            .checked_mul(radix as usize)?
            .checked_add(digit as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::{BodyFraming, body_framing, chunk_size, head_end};

    #[test]
    fn the_end_of_the_head_is_found_across_reads() {
        let bytes = b"GET / HTTP/1.1\r\n\r\nrest";
        assert_eq!(head_end(bytes, 0), Some(18));
        for from in 0..18 {
            assert_eq!(head_end(bytes, from), Some(18), "looking from {from}");
        }
        assert_eq!(head_end(&bytes[..17], 0), None);
        assert_eq!(head_end(b"", 0), None);
    }

    #[test]
    fn bodies_are_framed_by_their_fields() {
        let cases: [(&[u8], BodyFraming); 6] = [
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", BodyFraming::Length(0)),
            (
                b"PUT / HTTP/1.1\r\ncontent-LENGTH:  12 \r\n\r\n",
                BodyFraming::Length(12),
            ),
            (
                b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                BodyFraming::Chunked,
            ),
            (
                b"PUT / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
                BodyFraming::Malformed,
            ),
            (
                b"PUT / HTTP/1.1\r\nContent-Length:\r\n\r\n",
                BodyFraming::Malformed,
            ),
            (
                b"PUT / HTTP/1.1\r\nX: Content-Length: 5\r\n\r\n",
                BodyFraming::Length(0),
            ),
        ];
        for (head, framing) in cases {
            assert_eq!(body_framing(head), framing, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn chunk_sizes_are_hexadecimal_digits_only() {
        assert_eq!(chunk_size(b"1aF"), Some(0x1af));
        assert_eq!(chunk_size(b"5 ; name=value"), Some(5));
        assert_eq!(chunk_size(b"+5"), None);
        assert_eq!(chunk_size(b""), None);
        assert_eq!(chunk_size(b"fffffffffffffffff"), None);
    }
}
