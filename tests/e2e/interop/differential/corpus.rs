//! The engine's test data; the README beside it says how to read it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What a server answers to a request of one method.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) method: String,
    /// The protocol that the request offers to change to.
    pub(crate) upgrade: Option<String>,
    pub(crate) raw: Vec<u8>,
}

impl Case {
    /// As the oracles that are other programs are told it.
    pub(crate) fn to_json(&self) -> Value {
        let raw: String = self.raw.iter().copied().map(char::from).collect();
        json!({"method": self.method, "upgrade": self.upgrade, "raw": raw})
    }
}

pub(crate) fn responses() -> Vec<Case> {
    lines("responses.jsonl").iter().map(response).collect()
}

pub(crate) fn requests() -> Vec<Value> {
    lines("requests.jsonl")
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

fn response(case: &Value) -> Case {
    let request = &case["request"];
    let fields = request["headers"].as_array().into_iter().flatten();
    let upgrade = fields
        .filter(|field| field[0] == "upgrade")
        .map(|field| field[1].as_str().unwrap().to_owned())
        .next();
    Case {
        name: case["name"].as_str().unwrap().to_owned(),
        method: request["method"].as_str().unwrap().to_owned(),
        upgrade,
        raw: octets(&case["raw"]),
    }
}

fn lines(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(data().join(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/protocol/tests/data")
}
