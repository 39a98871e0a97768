//! A request as it was on the wire, and how it differs from another.

use serde_json::Value;

use super::cases::{elements, octets};
use super::same;

/// The parts of a request, as text of octets.
#[derive(Debug)]
pub(super) struct Message {
    line: String,
    /// In the order of the wire, names in lower case.
    fields: Vec<(String, String)>,
    content: Content,
}

/// What follows the head.
#[derive(Debug, Eq, PartialEq)]
enum Content {
    Plain(String),
    /// Without the boundaries of the chunks, which are free.
    Chunked {
        data: String,
        trailers: Vec<(String, String)>,
    },
    /// The last chunk is missing.
    Unfinished,
}

impl Message {
    pub(super) fn of(wire: &[u8]) -> Self {
        let wire = latin1(wire);
        let (head, body) = wire.split_once("\r\n\r\n").unwrap();
        let (line, fields) = head.split_once("\r\n").unwrap();
        let fields = fields_of(fields);
        let is_chunked = fields.iter().any(|(name, _)| name == "transfer-encoding");
        let content = if is_chunked {
            dechunk(body)
        } else {
            Content::Plain(body.to_owned())
        };
        Self {
            line: line.to_owned(),
            fields,
            content,
        }
    }

    /// The start line and the content are the same; so are the fields, but for
    /// the order of lines with different names. `host` comes first.
    pub(super) fn compare(&self, expected: &Self, case: &Value) -> Result<(), String> {
        let is_other_target = elements(&case["also_ok"])
            .any(|other| self.line == format!("{} HTTP/1.1", latin1(&octets(other))));
        if !is_other_target {
            same(&self.line, &expected.line, "start line")?;
        }
        same(&self.fields[0].0.as_str(), &"host", "first field")?;
        same(&by_name(&self.fields), &by_name(&expected.fields), "fields")?;
        same(&self.content, &expected.content, "content")
    }

    /// A body that was broken off has not been ended, nor has it gone beyond its
    /// declared length.
    pub(super) fn is_not_overlong(&self) -> Result<(), String> {
        let declared = self
            .fields
            .iter()
            .find(|(name, _)| name == "content-length");
        match (&self.content, declared) {
            (Content::Unfinished, _) => Ok(()),
            (Content::Plain(body), Some((_, length))) if body.len() <= length.parse().unwrap() => {
                Ok(())
            }
            _ => Err(format!("sent as {self:?}")),
        }
    }
}

fn dechunk(mut rest: &str) -> Content {
    let mut data = String::new();
    loop {
        let Some((size, after)) = rest.split_once("\r\n") else {
            return Content::Unfinished;
        };
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            let trailers = after.strip_suffix("\r\n").unwrap();
            let trailers = fields_of(trailers.trim_end());
            return Content::Chunked { data, trailers };
        }
        data.push_str(&after[..size]);
        rest = after[size..].strip_prefix("\r\n").unwrap();
    }
}

fn fields_of(text: &str) -> Vec<(String, String)> {
    text.split_terminator("\r\n")
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect()
}

/// The order of lines matters within a name only: sorting is stable.
fn by_name(fields: &[(String, String)]) -> Vec<(String, String)> {
    let mut fields = fields.to_vec();
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields
}

/// Octets as text, one character each, so that it can be cut anywhere by lengths
/// where it is ASCII.
fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}
