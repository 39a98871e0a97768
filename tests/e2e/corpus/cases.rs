//! Reads the engine's test data; the README beside it says what a case holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

pub(super) fn cases(file: &str) -> Vec<Value> {
    let text = read(file);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Names of cases with a reason each.
pub(super) fn listed(file: &str) -> BTreeMap<String, String> {
    serde_json::from_str(&read(file)).unwrap()
}

pub(super) fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

/// Whether this is among the words for what is allowed besides the expected.
pub(super) fn is_also_ok(case: &Value, word: &str) -> bool {
    elements(&case["also_ok"]).any(|other| other == word)
}

/// The elements of a list that may be absent.
pub(super) fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// A string, or a list of strings and repeated strings, of octets in latin-1.
pub(super) fn octets(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text
            .chars()
            .map(|octet| u8::try_from(octet).unwrap())
            .collect(),
        Value::Array(parts) => parts.iter().flat_map(octets).collect(),
        Value::Object(repeated) => {
            let times = repeated["times"].as_u64().unwrap();
            octets(&repeated["repeat"]).repeat(times as usize)
        }
        other => panic!("{other} holds no octets"),
    }
}

fn read(file: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/protocol/tests/data");
    fs::read_to_string(data.join(file)).unwrap()
}
