//! Writing the head of a request, and the end of a chunked one.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Uri};

use crate::list::trim;
use crate::plan::{Plan, RequestFraming};
use crate::request::{RequestHead, Target};

/// Appends a head that was planned. Nothing can go wrong here: what could,
/// was found before.
pub(crate) fn write_head(head: &RequestHead<'_>, plan: &Plan, out: &mut Vec<u8>) {
    out.reserve(expected_length(head));
    write_request_line(head, out);
    write_host(head, plan, out);
    for (name, value) in head.headers {
        if *name != HOST && *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            write_field(head, name, value.as_bytes(), out);
        }
    }
    match plan.framing {
        RequestFraming::Nothing => {}
        RequestFraming::Length(length) => {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(length).as_bytes();
            write_field(head, &CONTENT_LENGTH, digits, out);
        }
        RequestFraming::Chunked => write_field(head, &TRANSFER_ENCODING, b"chunked", out),
    }
    if !plan.unlisted.is_empty() {
        write_field(head, &CONNECTION, plan.unlisted.join(", ").as_bytes(), out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the end of a chunked body with its trailers.
pub(crate) fn write_last_chunk(trailers: Option<&HeaderMap>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        write_line(name.as_str().as_bytes(), value, out);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_request_line(head: &RequestHead<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    match head.target {
        Target::Origin(uri) => write_path_and_query(uri, out),
        Target::Absolute(uri) => {
            write_origin(head, out);
            write_path_and_query(uri, out);
        }
        Target::Authority => head.authority.write_host_and_port(out),
        Target::Asterisk => out.push(b'*'),
        Target::AbsoluteAsterisk => write_origin(head, out),
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

fn write_origin(head: &RequestHead<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(head.authority.scheme().as_str().as_bytes());
    out.extend_from_slice(b"://");
    head.authority.write_host(out);
}

/// RFC 9112 §3.2.1: an empty path is sent as `/`. The fragment stays behind.
fn write_path_and_query(uri: &Uri, out: &mut Vec<u8>) {
    let path = uri.path();
    write_encoded(if path.is_empty() { "/" } else { path }, out);
    if let Some(query) = uri.query() {
        out.push(b'?');
        write_encoded(query, out);
    }
}

/// Percent-encodes what RFC 3986 §3.3 and §3.4 do not have in a path or query.
/// `[` and `]` stay as they are: they ought to be encoded, but no peer does so,
/// and servers take `a[]=1` apart by them.
fn write_encoded(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(is_target_byte) {
        return out.extend_from_slice(text.as_bytes());
    }
    for byte in text.bytes() {
        if is_target_byte(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
}

const fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        )
}

const fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + (nibble & 15) - 10,
    }
}

/// RFC 9110 §7.2: `Host` comes first.
fn write_host(head: &RequestHead<'_>, plan: &Plan, out: &mut Vec<u8>) {
    let given = plan.has_host.then(|| head.headers.get(HOST)).flatten();
    if let Some(given) = given {
        return write_field(head, &HOST, given.as_bytes(), out);
    }
    head.spelling.write(&HOST, out);
    out.extend_from_slice(b": ");
    match head.target {
        // RFC 9112 §3.2: the same authority as in the target, with its port.
        Target::Authority => head.authority.write_host_and_port(out),
        _ => head.authority.write_host(out),
    }
    out.extend_from_slice(b"\r\n");
}

fn write_field(head: &RequestHead<'_>, name: &HeaderName, value: &[u8], out: &mut Vec<u8>) {
    head.spelling.write(name, out);
    write_value(value, out);
}

fn write_line(name: &[u8], value: &HeaderValue, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    write_value(value.as_bytes(), out);
}

/// White space around a value is no part of it (RFC 9110 §5.5).
fn write_value(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(trim(value));
    out.extend_from_slice(b"\r\n");
}

/// Enough for most heads to be written without growing the buffer.
fn expected_length(head: &RequestHead<'_>) -> usize {
    let fields = head.headers.iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 4);
    160 + fields.sum::<usize>()
}
