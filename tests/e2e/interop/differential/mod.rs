//! The same bytes to independent readers and to ours: hyper's client, Python's
//! h11, Node's client and curl. Every disagreement is explained by a rule in
//! `tests/data/disagreements.jsonl`.
//!
//! The corpus, and by default 2,000 mutations of it; for more of them, or
//! others:
//!
//! ```sh
//! POSTRIDER_MUTATIONS=100000 POSTRIDER_SEED=1 \
//!     cargo test -p tests --features interop -- --nocapture differential
//! ```
//!
//! Needs `python3` with h11 0.16, `node` and `curl` in the path, which
//! `.ci/interop` installs.
//!
//! A response that ends with the connection in the corpus does so here, and one
//! after which the connection stays open ends with it, too: whether a reader
//! waited for that is part of its verdict.

mod anatomy;
mod corpus;
mod curl;
mod h11;
mod hyper;
mod mutate;
mod node;
mod ours;
mod process;
mod requests;
mod sent;
mod servers;
mod table;
mod verdict;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::ops::Range;

use anatomy::oddities;
use corpus::Case;
use mutate::mutation;
use table::{How, Rule, rules};
use verdict::Verdict;

const MUTATIONS: u64 = 2000;
const SEED: u64 = 1;

/// Mutations that are held in memory at once.
const BATCH: u64 = 10_000;

/// A transfer of curl's takes some milliseconds, on real sockets: it is asked
/// for a twentieth, and so many at least.
const MUTATIONS_FOR_CURL: u64 = 1000;

/// Larger cases of the corpus are about limits, and everybody has others.
const LARGEST: usize = 64 * 1024;

const SHOWN: usize = 20;

#[test]
fn the_corpus_is_read_as_others_read_it() {
    let mut comparison = Comparison::start();
    let cases = cases();
    comparison.compare("hyper", &cases, hyper::verdicts);
    comparison.compare("h11", &cases, h11::verdicts);
    comparison.compare("node", &cases, node::verdicts);
    comparison.compare("curl", &cases, curl::verdicts);
    comparison.finish();
}

#[test]
fn mutations_are_read_as_others_read_them() {
    let mut comparison = Comparison::start();
    let corpus = cases();
    let count = setting("POSTRIDER_MUTATIONS", MUTATIONS);
    for start in (0..count).step_by(BATCH as usize) {
        let cases = mutations(&corpus, start..count.min(start + BATCH));
        comparison.compare("hyper", &cases, hyper::verdicts);
        comparison.compare("h11", &cases, h11::verdicts);
        comparison.compare("node", &cases, node::verdicts);
    }
    let sample = count.min(MUTATIONS_FOR_CURL.max(count / 20));
    let sample = mutations(&corpus, 0..sample);
    comparison.compare("curl", &sample, curl::verdicts);
    comparison.finish();
}

/// A rule that held of them would explain nothing.
#[test]
fn no_rule_holds_of_plain_responses() {
    let plain: [&[u8]; 6] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nConnection: close\r\n\r\nno",
        b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n",
    ];
    for raw in plain {
        let case = Case {
            name: "plain".to_owned(),
            method: "GET".to_owned(),
            upgrade: None,
            raw: raw.to_vec(),
        };
        let odd = oddities(&case);
        for rule in rules() {
            let holds = rule.oddities.iter().all(|oddity| odd.contains(&oddity[..]));
            assert!(!holds, "{} holds of {}", rule.name, raw.escape_ascii());
        }
    }
}

#[test]
fn every_rule_cites_its_reason() {
    for rule in rules() {
        assert!(rule.why.contains("RFC 911"), "{}", rule.name);
    }
}

fn cases() -> Vec<Case> {
    let mut cases = corpus::responses();
    cases.retain(|case| case.raw.len() <= LARGEST);
    cases
}

fn mutations(cases: &[Case], indices: Range<u64>) -> Vec<Case> {
    let seed = setting("POSTRIDER_SEED", SEED);
    indices.map(|index| mutation(cases, seed, index)).collect()
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Our verdicts beside those of others.
struct Comparison {
    rules: Vec<Rule>,
    compared: BTreeMap<&'static str, usize>,
    explained: BTreeMap<(String, &'static str), usize>,
    unexplained: Vec<String>,
}

impl Comparison {
    fn start() -> Self {
        Self {
            rules: rules(),
            compared: BTreeMap::new(),
            explained: BTreeMap::new(),
            unexplained: Vec::new(),
        }
    }

    fn compare(&mut self, oracle: &'static str, cases: &[Case], ask: fn(&[Case]) -> Vec<Verdict>) {
        let ours = ours::verdicts(cases);
        for ((case, ours), theirs) in cases.iter().zip(ours).zip(ask(cases)) {
            *self.compared.entry(oracle).or_default() += 1;
            if !ours.agrees_with(&theirs) {
                self.explain(oracle, case, &ours, &theirs);
            }
        }
    }

    fn explain(&mut self, oracle: &'static str, case: &Case, ours: &Verdict, theirs: &Verdict) {
        let odd = oddities(case);
        let how = How::of(ours, theirs);
        let mut rules = self.rules.iter();
        if let Some(rule) = rules.find(|rule| rule.explains(oracle, how, &odd)) {
            let key = (rule.name.clone(), oracle);
            *self.explained.entry(key).or_default() += 1;
        } else {
            let raw = case.raw.escape_ascii();
            self.unexplained.push(format!(
                "{} of {}: {how:?}, {odd:?}\n    bytes {raw}\n    ours  {ours}\n    {oracle:5} {theirs}",
                case.name, case.method
            ));
        }
    }

    /// Fails if anything is left to explain; tells what was compared.
    fn finish(self) {
        let mut text = String::new();
        for (oracle, count) in &self.compared {
            writeln!(text, "{count:7} compared with {oracle}").unwrap();
        }
        for ((rule, oracle), count) in &self.explained {
            writeln!(text, "{count:7} {rule} ({oracle})").unwrap();
        }
        println!("{text}");
        let shown = &self.unexplained[..self.unexplained.len().min(SHOWN)];
        assert!(
            shown.is_empty(),
            "{} disagreements are not explained:\n{}",
            self.unexplained.len(),
            shown.join("\n")
        );
    }
}
