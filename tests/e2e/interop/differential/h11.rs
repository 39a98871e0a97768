//! Python's h11, which is as strict as the RFC in most of it.

use serde_json::Value;

use super::corpus::Case;
use super::process::ask;
use super::verdict::Verdict;

pub(crate) fn verdicts(cases: &[Case]) -> Vec<Verdict> {
    let questions: Vec<Value> = cases.iter().map(Case::to_json).collect();
    let answers = ask("python3", "h11_oracle.py", &questions);
    answers.iter().map(Verdict::parse).collect()
}
