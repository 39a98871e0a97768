//! What is odd about a response's bytes, found without any of the readers that
//! are compared: it goes through them as leniently as anyone might.

mod chunks;
mod framing;
mod text;

use std::collections::BTreeSet;

use super::corpus::Case;
use framing::FRAMING;
use text::{is_control, is_framing, is_name, is_space, is_token, trim};

/// What is odd about a case, by the names that the table of disagreements uses.
pub(crate) fn oddities(case: &Case) -> BTreeSet<&'static str> {
    let mut anatomy = Anatomy {
        rest: &case.raw,
        found: BTreeSet::new(),
        fields: Vec::new(),
        status: 0,
    };
    anatomy.heads(case);
    anatomy.found
}

/// A value as it stands behind the colon of a line that others may fold.
type Field<'a> = (&'a [u8], Vec<u8>);

struct Anatomy<'a> {
    rest: &'a [u8],
    found: BTreeSet<&'static str>,
    /// Those of the last head.
    fields: Vec<Field<'a>>,
    status: u16,
}

impl<'a> Anatomy<'a> {
    fn heads(&mut self, case: &Case) {
        loop {
            self.head();
            if !(100..200).contains(&self.status) {
                break;
            }
            if self.status == 101 {
                self.note("switch", true);
                break;
            }
            let steers = ["content-length", "transfer-encoding", "connection"];
            let is_steered = steers.iter().any(|name| self.values(name).next().is_some());
            self.note("informational-steers", is_steered);
            if self.found.contains("head-cut") {
                return;
            }
        }
        self.framing();
        let is_tunnel = case.method == "CONNECT" && (200..300).contains(&self.status);
        let has_no_status_body = matches!(self.status, 101 | 204 | 304);
        let has_body = case.method != "HEAD" && !is_tunnel && !has_no_status_body;
        let is_framing_odd = FRAMING.iter().any(|oddity| self.found.contains(oddity));
        self.note("framing-without-body", !has_body && is_framing_odd);
        if has_body && self.values("transfer-encoding").any(names_chunked) {
            self.chunks();
        }
    }

    fn note(&mut self, oddity: &'static str, is_there: bool) {
        if is_there {
            self.found.insert(oddity);
        }
    }

    /// The next line without its end, or what is left.
    fn line(&mut self) -> Line<'a> {
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let len = end.map_or(self.rest.len(), |end| end + 1);
        let (line, rest) = self.rest.split_at(len);
        self.rest = rest;
        let (text, end) = match line {
            [text @ .., b'\r', b'\n'] => (text, End::CrLf),
            [text @ .., b'\n'] => (text, End::Lf),
            text => (text, End::Missing),
        };
        Line { text, end }
    }

    fn head(&mut self) {
        self.fields.clear();
        self.empty_lines();
        let first = self.line();
        self.line_end(&first);
        self.status_line(first.text);
        loop {
            let line = self.line();
            self.line_end(&line);
            if line.end == End::Missing {
                return self.note("head-cut", true);
            }
            if line.text.is_empty() {
                return;
            }
            self.field_line(line.text);
        }
    }

    fn empty_lines(&mut self) {
        while let [first @ (b'\r' | b'\n'), rest @ ..] = self.rest {
            let is_bare = *first == b'\r' && !rest.starts_with(b"\n");
            self.note("empty-lines", true);
            self.note("bare-cr", is_bare);
            self.rest = rest;
        }
    }

    fn line_end(&mut self, line: &Line<'_>) {
        self.note("head-cut", line.end == End::Missing);
        self.note("bare-lf", line.end == End::Lf);
        self.note("bare-cr", line.text.contains(&b'\r'));
    }

    fn status_line(&mut self, line: &[u8]) {
        let (version, after) = line.split_at(line.len().min("HTTP/1.1".len()));
        self.note("http-1.0", version == b"HTTP/1.0");
        self.note("protocol", !matches!(version, b"HTTP/1.0" | b"HTTP/1.1"));
        let (code, reason) = after.split_at(after.len().min(" 200".len()));
        let is_code =
            matches!(code, [b' ', b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
        let is_whole = is_code && code.len() == 4 && matches!(reason, [] | [b' ', ..]);
        self.status = match is_code {
            true => str::from_utf8(&code[1..]).unwrap().parse().unwrap(),
            false => 0,
        };
        self.note("status-code", !is_whole);
        self.note("control-in-reason", reason.iter().any(is_control));
    }

    fn field_line(&mut self, line: &'a [u8]) {
        if let [b' ' | b'\t', ..] = line {
            return self.folded_line(line);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return self.note("no-colon", true);
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let bare = trim(name);
        let is_spaced = bare.len() < name.len();
        self.note("space-before-colon", is_spaced && is_token(bare));
        self.note("field-name", !is_token(bare));
        self.note("control-in-value", value.iter().any(is_control));
        let mut behind = value.iter().rev().take_while(|byte| is_space(byte));
        let has_tab = behind.any(|byte| *byte == b'\t');
        self.note("framing-before-tab", is_framing(bare) && has_tab);
        self.fields.push((bare, trim(value).to_vec()));
    }

    fn folded_line(&mut self, line: &[u8]) {
        self.note("control-in-value", line.iter().any(is_control));
        let Some((name, value)) = self.fields.last_mut() else {
            return self.note("space-before-first-field", true);
        };
        let is_framing = is_framing(name);
        value.push(b' ');
        value.extend_from_slice(trim(line));
        self.note("fold", true);
        self.note("fold-in-framing", is_framing);
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.iter();
        let fields = fields.filter(move |(given, _)| is_name(given, name));
        fields.map(|(_, value)| &value[..])
    }
}

struct Line<'a> {
    text: &'a [u8],
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    CrLf,
    Lf,
    Missing,
}

fn names_chunked(value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    value.windows(7).any(|word| word == b"chunked")
}
