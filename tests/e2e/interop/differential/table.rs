//! Why readers disagree: the table in `tests/data/disagreements.jsonl`.
//!
//! A rule holds of a disagreement with one of its `oracles`, of a kind in `how`,
//! over bytes that have all the oddities of `if`; [`anatomy`](super::anatomy)
//! finds those. `why` is the RFC's word for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::verdict::Verdict;

pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) oddities: Vec<String>,
    pub(crate) why: String,
    oracles: Vec<String>,
    how: Vec<How>,
}

/// In what two readers differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    WeAccept,
    WeRefuse,
    /// Both read a response, and not the same.
    ReadOtherwise,
    /// One finds in the head what the other finds in the body.
    RefuseElsewhere,
}

pub(crate) fn rules() -> Vec<Rule> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/disagreements.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.map(|line: Value| Rule::parse(&line)).collect()
}

impl Rule {
    fn parse(line: &Value) -> Self {
        Self {
            name: text(&line["rule"]),
            oddities: texts(&line["if"]),
            why: text(&line["why"]),
            oracles: texts(&line["oracles"]),
            how: texts(&line["how"])
                .iter()
                .map(|how| How::parse(how))
                .collect(),
        }
    }

    pub(crate) fn explains(
        &self,
        oracle: &str,
        how: How,
        oddities: &BTreeSet<&'static str>,
    ) -> bool {
        self.how.contains(&how)
            && self.oracles.iter().any(|known| known == oracle)
            && self.oddities.iter().all(|odd| oddities.contains(&odd[..]))
    }
}

impl How {
    pub(crate) fn of(ours: &Verdict, theirs: &Verdict) -> Self {
        match (ours.is_accepted(), theirs.is_accepted()) {
            (true, true) => Self::ReadOtherwise,
            (true, false) => Self::WeAccept,
            (false, true) => Self::WeRefuse,
            (false, false) => Self::RefuseElsewhere,
        }
    }

    fn parse(name: &str) -> Self {
        match name {
            "we-accept" => Self::WeAccept,
            "we-refuse" => Self::WeRefuse,
            "read-otherwise" => Self::ReadOtherwise,
            "refuse-elsewhere" => Self::RefuseElsewhere,
            other => panic!("{other} is no kind of disagreement"),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}
