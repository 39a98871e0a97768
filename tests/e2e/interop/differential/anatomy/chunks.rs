//! Chunks and trailers (RFC 9112 §7.1).

use super::text::{
    is_control, is_framing, is_token, is_token_byte, significant, split_while, trim_start,
};
use super::{Anatomy, End};

impl Anatomy<'_> {
    pub(super) fn chunks(&mut self) {
        while let Some(size) = self.size_line() {
            if size == 0 {
                return self.trailers();
            }
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size >= self.rest.len() {
                return self.note("body-cut", true);
            }
            self.rest = &self.rest[size..];
            let Some(rest) = self.rest.strip_prefix(b"\r\n") else {
                self.note("body-cut", self.rest == b"\r");
                return self.note("chunk-end", true);
            };
            self.rest = rest;
        }
    }

    /// The size, where anybody could go on behind it.
    fn size_line(&mut self) -> Option<u64> {
        let line = self.line();
        self.note("body-cut", line.end == End::Missing);
        self.note("chunk-line-feed", line.end == End::Lf);
        self.note("chunk-line-cr", line.text.contains(&b'\r'));
        let (digits, behind) = split_while(line.text, u8::is_ascii_hexdigit);
        let extension = trim_start(behind);
        self.note("chunk-size-of-many-digits", digits.len() > 16);
        self.note("space-after-size", extension.len() < behind.len());
        let is_extension = extension.starts_with(b";");
        self.note("chunk-size", digits.is_empty());
        self.note("chunk-size", !is_extension && !extension.is_empty());
        self.extension(if is_extension { extension } else { b"" });
        u64::from_str_radix(str::from_utf8(significant(digits)).unwrap(), 16).ok()
    }

    fn extension(&mut self, text: &[u8]) {
        let is_spaced = |pair: &[u8]| matches!(pair, [b' ' | b'\t', _] | [_, b' ' | b'\t']);
        self.note("extension-space", text.windows(2).any(is_spaced));
        self.note("extension-control", text.iter().any(is_control));
        let mut rest = text;
        while let [b';', after @ ..] = rest {
            let (name, after) = split_while(trim_start(after), is_token_byte);
            let after = trim_start(after);
            // With nothing behind it, the semicolon is all there is of it.
            self.note("extension-empty", name.is_empty());
            self.note("extension-malformed", name.is_empty() && !after.is_empty());
            rest = match after {
                [b'=', value @ ..] => after_value(trim_start(value)),
                after => after,
            };
        }
        self.note("extension-malformed", !rest.is_empty());
    }

    fn trailers(&mut self) {
        loop {
            let line = self.line();
            match line.end {
                End::Missing => return self.note("body-cut", true),
                End::Lf => self.note("trailer-line-feed", true),
                End::CrLf if line.text.is_empty() => return,
                End::CrLf => {}
            }
            let colon = line.text.iter().position(|byte| *byte == b':');
            let (name, value) = line.text.split_at(colon.unwrap_or(line.text.len()));
            self.note("trailer-frames", is_framing(name));
            self.note("trailer-fold", matches!(line.text, [b' ' | b'\t', ..]));
            self.note("trailer-field", !is_token(name) || colon.is_none());
            self.note("trailer-control", value.iter().any(is_control));
        }
    }
}

/// What follows an extension's value, a token or a quoted string; all of it,
/// where it begins with neither.
fn after_value(text: &[u8]) -> &[u8] {
    let (token, after) = split_while(text, is_token_byte);
    if !token.is_empty() {
        return trim_start(after);
    }
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        return b"no value";
    };
    loop {
        rest = match rest {
            [b'"', after @ ..] => return trim_start(after),
            [b'\\', _, after @ ..] | [_, after @ ..] => after,
            [] => return b"no end",
        };
    }
}
