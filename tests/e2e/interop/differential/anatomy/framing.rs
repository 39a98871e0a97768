//! The fields that say where a body ends (RFC 9112 §6).

use std::collections::BTreeSet;

use super::Anatomy;
use super::text::{significant, trim};

/// The oddities that do not count where a response has no body.
pub(super) const FRAMING: [&str; 7] = [
    "coding-in-http-1.0",
    "coding-not-chunked",
    "length-beside-coding",
    "length-differs",
    "length-invalid",
    "length-large",
    "length-spelled-twice",
];

impl Anatomy<'_> {
    pub(super) fn framing(&mut self) {
        let lengths = self.members("content-length");
        let codings = self.members("transfer-encoding");
        let has_both = !lengths.is_empty() && !codings.is_empty();
        self.note("length-beside-coding", has_both);
        self.lengths(&lengths);
        self.codings(&codings);
    }

    fn lengths(&mut self, lengths: &[Vec<u8>]) {
        let numbers = lengths.iter().map(|length| significant(length));
        let numbers: BTreeSet<_> = numbers.collect();
        let spellings: BTreeSet<_> = lengths.iter().collect();
        let is_twice = numbers.len() == 1 && spellings.len() > 1;
        let has_many = lengths.iter().any(|length| length.len() > 18);
        self.note("length-repeated", lengths.len() > 1);
        self.note("length-differs", numbers.len() > 1);
        self.note("length-spelled-twice", is_twice);
        self.note("length-of-many-digits", has_many);
        self.note(
            "length-invalid",
            !lengths.iter().all(|text| is_number(text)),
        );
        self.note("length-large", numbers.iter().any(|text| is_large(text)));
    }

    fn codings(&mut self, codings: &[Vec<u8>]) {
        let mut given = codings.iter().filter(|coding| !coding.is_empty());
        let is_chunked = |coding: &Vec<u8>| coding.eq_ignore_ascii_case(b"chunked");
        let is_alone = given.next().is_some_and(is_chunked) && given.next().is_none();
        let has_empty = codings.iter().any(Vec::is_empty);
        let is_old = self.found.contains("http-1.0");
        self.note("coding-empty-member", is_alone && has_empty);
        self.note("coding-not-chunked", !codings.is_empty() && !is_alone);
        self.note("coding-in-http-1.0", !codings.is_empty() && is_old);
    }

    /// The members of a list, the empty ones too.
    fn members(&self, name: &str) -> Vec<Vec<u8>> {
        let members = |value: &[u8]| {
            let members = value.split(|byte| *byte == b',');
            members.map(|member| trim(member).to_vec()).collect()
        };
        self.values(name).flat_map::<Vec<_>, _>(members).collect()
    }
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Beyond 63 bits.
fn is_large(text: &[u8]) -> bool {
    is_number(text) && (text.len(), text) > (19, b"9223372036854775807")
}
