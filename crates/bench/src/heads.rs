//! Counts and reports what reading heads costs.

use serde_json::{Value, json};

use crate::Failure;
use crate::chart::{Bar, Chart};
use crate::instructions::{self, Instructions};
use crate::options::heads_words;
use crate::part::Part;
use crate::report::or_dash;
use crate::scenarios::head_parse::{ABOUT, Heads, NAME, Reader, Shape};
use crate::spread::Spread;

/// Instructions per head of one shape.
pub(crate) struct Finding {
    shape: Shape,
    httparse: Instructions,
    /// Preparation taken away.
    postrider: Instructions,
}

pub(crate) fn measure() -> Result<Vec<Finding>, Failure> {
    Shape::ALL.into_iter().map(Finding::of).collect()
}

pub(crate) fn part(findings: &[Finding]) -> Part {
    let counted = findings.iter().filter(|finding| finding.ratio().is_some());
    Part {
        name: NAME.to_owned(),
        about: ABOUT.to_owned(),
        text: table(findings),
        document: document(findings),
        charts: counted.map(Finding::chart).collect(),
        disturbances: Vec::new(),
    }
}

impl Finding {
    fn of(shape: Shape) -> Result<Self, Failure> {
        let count = |reader: Reader| {
            eprintln!("{} shape: {}", shape.name(), reader.name());
            instructions::count(|count| {
                heads_words(Heads {
                    reader,
                    shape,
                    count,
                })
            })
        };
        let whole = count(Reader::Exchange)?;
        let preparation = count(Reader::Preparation)?;
        Ok(Self {
            shape,
            httparse: count(Reader::Httparse)?,
            postrider: whole.with(preparation, |whole, preparation| whole - preparation),
        })
    }

    fn chart(&self) -> Chart {
        let bar = |label: &str, instructions: Instructions| {
            let count = instructions.counted().unwrap_or(0.0);
            Bar {
                label: label.to_owned(),
                value: Spread::exactly(count),
                note: format!("{count:.0}"),
            }
        };
        Chart {
            title: self.shape.name().to_owned(),
            unit: "instructions per head".to_owned(),
            bars: vec![
                bar("httparse", self.httparse),
                bar("postrider", self.postrider),
            ],
        }
    }

    fn ratio(&self) -> Option<f64> {
        let ratio = self.postrider.with(self.httparse, |one, other| one / other);
        ratio.counted()
    }
}

fn table(findings: &[Finding]) -> String {
    let mut text = format!(
        "{NAME}: {ABOUT}\n\n{:<10}{:>10}{:>11}{:>11}\n",
        "shape", "httparse", "postrider", "/httparse"
    );
    for finding in findings {
        text += &format!(
            "{:<10}{:>10}{:>11}{:>11}\n",
            finding.shape.name(),
            or_dash(finding.httparse.counted()),
            or_dash(finding.postrider.counted()),
            or_dash(finding.ratio()),
        );
    }
    text + LEGEND
}

fn document(findings: &[Finding]) -> Value {
    let cases: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "case": finding.shape.name(),
                "httparse_instructions": finding.httparse.counted(),
                "postrider_instructions": finding.postrider.counted(),
                "postrider_to_httparse": finding.ratio(),
            })
        })
        .collect();
    json!({ "scenario": NAME, "about": ABOUT, "cases": cases })
}

const LEGEND: &str = "
Instructions per head under valgrind (-: valgrind is not installed). httparse reads
into an array on the stack; postrider reads from a buffer, which is there already, to
a HeaderMap. known: all names are the same every time; new-first, new-last: the first
or the last three of them never were there before.";
