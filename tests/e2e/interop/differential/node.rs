//! Node's client, and so llhttp.

use serde_json::Value;

use super::corpus::Case;
use super::process::ask;
use super::verdict::Verdict;

pub(crate) fn verdicts(cases: &[Case]) -> Vec<Verdict> {
    let questions: Vec<Value> = cases.iter().map(Case::to_json).collect();
    let answers = ask("node", "node_oracle.js", &questions);
    let verdicts = cases.iter().zip(&answers).map(|(case, answer)| {
        // It hands the connection over after the first head, whatever it says.
        if case.method == "CONNECT" {
            Verdict::NotComparable
        } else {
            Verdict::parse(answer)
        }
    });
    verdicts.collect()
}
