//! Reads the cases in `tests/data`; its README says what they hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

pub(crate) fn cases(file: &str) -> Vec<Value> {
    let text = read(file);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Names of cases with a reason each.
pub(crate) fn listed(file: &str) -> BTreeMap<String, String> {
    serde_json::from_str(&read(file)).unwrap()
}

/// A string, or a list of strings and repeated strings, of octets in latin-1.
pub(crate) fn octets(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => latin1(text),
        Value::Array(parts) => parts.iter().flat_map(octets).collect(),
        Value::Object(repeated) => {
            let times = repeated["times"].as_u64().unwrap();
            octets(&repeated["repeat"]).repeat(times as usize)
        }
        other => panic!("{other} holds no octets"),
    }
}

pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|octet| u8::try_from(octet).unwrap())
        .collect()
}

/// Whether an outcome is among those that are allowed besides the expected one.
pub(crate) fn is_also_ok(case: &Value, outcome: &str) -> bool {
    let also = case["also_ok"].as_array();
    also.is_some_and(|also| also.iter().any(|other| other == outcome))
}

fn read(file: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    fs::read_to_string(data.join(file)).unwrap()
}
