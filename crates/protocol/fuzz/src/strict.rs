//! Parsers written straight from the grammar of RFC 9112, slow and without
//! mercy: what they take, every server takes in the same way.

/// A chunked body.
pub struct ChunkedBody<'a> {
    pub data: Vec<u8>,
    pub trailers: Vec<Field<'a>>,
    /// What follows it.
    pub rest: &'a [u8],
}

/// A request.
pub struct Request<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub fields: Vec<Field<'a>>,
    pub body: Vec<u8>,
    pub trailers: Vec<Field<'a>>,
}

/// A field's name and value.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// The one request that `text` is: nothing before it, nothing behind it.
pub fn request(text: &[u8]) -> Option<Request<'_>> {
    let (line, rest) = line(text)?;
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_request_line = parts.next().is_none()
        && is_token(method)
        && !target.is_empty()
        && target.iter().all(u8::is_ascii_graphic)
        && !target.contains(&b'#')
        && version == b"HTTP/1.1";
    if !is_request_line {
        return None;
    }
    let (fields, rest) = section(rest)?;
    let hosts = values(&fields, b"host");
    let lengths = values(&fields, b"content-length");
    let codings = values(&fields, b"transfer-encoding");
    let (body, trailers) = match (&lengths[..], &codings[..]) {
        ([], []) => (rest.is_empty().then(Vec::new)?, Vec::new()),
        ([length], []) => (body_of(rest, length)?, Vec::new()),
        ([], [b"chunked"]) => {
            let body = chunked(rest).filter(|body| body.rest.is_empty())?;
            (body.data, body.trailers)
        }
        _ => return None,
    };
    (hosts.len() == 1).then_some(Request {
        method,
        target,
        fields,
        body,
        trailers,
    })
}

/// RFC 9112 §7.1, with `5;` and nothing behind it as the only licence.
pub fn chunked(text: &[u8]) -> Option<ChunkedBody<'_>> {
    let mut data = Vec::new();
    let mut text = text;
    loop {
        let (size_line, rest) = line(text)?;
        let size = chunk_size(size_line)?;
        if size == 0 {
            let (trailers, rest) = section(rest)?;
            return Some(ChunkedBody {
                data,
                trailers,
                rest,
            });
        }
        let size = usize::try_from(size).ok()?;
        data.extend_from_slice(rest.get(..size)?);
        text = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn chunk_size(line: &[u8]) -> Option<i64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let digits = digits.count();
    if digits == 0 || !are_extensions(&line[digits..]) {
        return None;
    }
    i64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

/// `*( ";" BWS name [ BWS "=" BWS value ] )`, the white space before the
/// semicolon only behind an extension.
fn are_extensions(mut text: &[u8]) -> bool {
    while !text.is_empty() {
        let Some(rest) = text.strip_prefix(b";") else {
            return false;
        };
        let rest = skip_space(rest);
        let name = token_len(rest);
        let after = skip_space(&rest[name..]);
        text = match after.strip_prefix(b"=") {
            Some(_) if name == 0 => return false,
            Some(value) => match after_value(skip_space(value)) {
                Some(rest) => skip_space(rest),
                None => return false,
            },
            // No name at all: white space only, up to the end.
            None if name == 0 && !after.is_empty() => return false,
            None => after,
        };
    }
    true
}

fn after_value(text: &[u8]) -> Option<&[u8]> {
    let Some(mut quoted) = text.strip_prefix(b"\"") else {
        let len = token_len(text);
        return (len > 0).then(|| &text[len..]);
    };
    loop {
        quoted = match quoted {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] if is_text(*byte) => rest,
            [b'\\', ..] | [] => return None,
            [byte, rest @ ..] if is_text(*byte) => rest,
            _ => return None,
        };
    }
}

/// Lines of fields up to an empty one.
fn section(mut text: &[u8]) -> Option<(Vec<Field<'_>>, &[u8])> {
    let mut fields = Vec::new();
    loop {
        let (line, rest) = line(text)?;
        text = rest;
        if line.is_empty() {
            return Some((fields, text));
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) || !value.iter().all(|byte| is_text(*byte)) {
            return None;
        }
        fields.push((name, value.trim_ascii()));
    }
}

fn body_of(rest: &[u8], length: &[u8]) -> Option<Vec<u8>> {
    let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    (is_number && rest.len() == length).then(|| rest.to_vec())
}

/// The values of all lines of a name.
fn values<'a>(fields: &[Field<'a>], name: &[u8]) -> Vec<&'a [u8]> {
    let lines = fields.iter();
    let lines = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    lines.map(|(_, value)| *value).collect()
}

/// Up to CR LF, with neither of them inside.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let rest = text[end..].strip_prefix(b"\r\n")?;
    Some((&text[..end], rest))
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && token_len(text) == text.len()
}

fn token_len(text: &[u8]) -> usize {
    let is_token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(*byte);
    text.iter().take_while(is_token).count()
}

fn skip_space(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
