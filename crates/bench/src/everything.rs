//! Every question, one after another, and a report of the answers.

use std::fs;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::Failure;
use crate::chart;
use crate::clients;
use crate::gauge::{self, Gauge};
use crate::options::{DropsPlan, EverythingPlan, GaugePlan, Plan};
use crate::part::Part;
use crate::scenario::{self, Scenario};
use crate::scenarios::{head_parse, stale_drops};
use crate::{heads, readings, report, rounds};

/// Writes `report.md`, `report.json` and a picture for each question. What was answered is written
/// as soon as it is known; a question that cannot be answered stops no other.
pub(crate) fn run(plan: &EverythingPlan) -> Result<(), Failure> {
    fs::create_dir_all(&plan.out)?;
    let begun = Instant::now();
    let mut questions = Question::all();
    questions.retain(|question| plan.wants(question.name()));
    let all = questions.len();
    let mut report = Report::new();
    for (number, question) in questions.into_iter().enumerate() {
        let (name, seconds) = (question.name(), begun.elapsed().as_secs());
        eprintln!("== {} of {all}: {name} (at {seconds} s)", number + 1);
        match question.ask(plan) {
            Ok(part) => report.add(plan, &part)?,
            Err(failure) => report.skip(name, &failure),
        }
        report.write(plan)?;
    }
    let seconds = begun.elapsed().as_secs();
    println!("{} ({seconds} s)", plan.out.join("report.md").display());
    match report.skipped.as_slice() {
        [] => Ok(()),
        skipped => Err(format!("without an answer: {}", skipped.join(", ")).into()),
    }
}

enum Question {
    Scenario(Scenario),
    Gauge(Gauge),
    StaleDrops,
    HeadParse,
}

impl Question {
    fn all() -> Vec<Self> {
        let scenarios = scenario::all().into_iter().map(Self::Scenario);
        let gauges = gauge::all().into_iter().map(Self::Gauge);
        let apart = [Self::StaleDrops, Self::HeadParse];
        scenarios.chain(gauges).chain(apart).collect()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Scenario(scenario) => scenario.name,
            Self::Gauge(gauge) => gauge.name,
            Self::StaleDrops => stale_drops::NAME,
            Self::HeadParse => head_parse::NAME,
        }
    }

    fn ask(self, all: &EverythingPlan) -> Result<Part, Failure> {
        let rounds = all.rounds;
        match self {
            Self::Scenario(scenario) => {
                let mut plan = Plan::new(scenario).at_most(rounds);
                if let (Some(peers), "small-get") = (&all.peers, plan.scenario.name) {
                    plan.invite(peers)?;
                }
                Ok(report::part(&plan, &rounds::measure(&plan)?))
            }
            Self::Gauge(gauge) => {
                let plan = GaugePlan::new(gauge).at_most(rounds);
                Ok(readings::part(&plan, &readings::take(&plan)?))
            }
            Self::StaleDrops => {
                let plan = DropsPlan::default();
                Ok(stale_drops::part(&plan, &stale_drops::measure(&plan)?))
            }
            Self::HeadParse => Ok(heads::part(&heads::measure()?)),
        }
    }
}

/// What was answered so far.
struct Report {
    text: String,
    documents: Vec<Value>,
    skipped: Vec<&'static str>,
}

impl Report {
    fn new() -> Self {
        Self {
            text: String::new(),
            documents: Vec::new(),
            skipped: Vec::new(),
        }
    }

    fn add(&mut self, plan: &EverythingPlan, part: &Part) -> Result<(), Failure> {
        let Part {
            name, about, text, ..
        } = part;
        self.text += &format!("## {name}\n\n");
        if !part.charts.is_empty() {
            let picture = chart::svg(name, about, &part.charts);
            fs::write(plan.out.join(format!("{name}.svg")), picture)?;
            self.text += &format!("![{about}]({name}.svg)\n\n");
        }
        self.text += &format!("```text\n{}\n```\n\n", text.trim_end());
        self.documents.push(part.document.clone());
        Ok(())
    }

    fn skip(&mut self, name: &'static str, failure: &Failure) {
        eprintln!("bench: {name}: {failure}");
        self.text += &format!("## {name}\n\nNot answered: {failure}\n\n");
        self.skipped.push(name);
    }

    fn write(&self, plan: &EverythingPlan) -> Result<(), Failure> {
        let about = about();
        let mut text = String::from("# Benchmarks\n\n");
        for (what, how) in &about {
            text += &format!("- {what}: {how}\n");
        }
        text += "- repeated by: `cargo run --release -p bench`\n\n";
        text += &self.text;
        text += "## Settings of the clients\n\n";
        let outside = clients::outside::ALL.iter().map(|outside| &outside.client);
        for client in clients::ALL.iter().chain(outside) {
            text += &format!("- **{}**: {}\n", client.name, client.settings);
        }
        fs::write(plan.out.join("report.md"), text)?;
        let about: serde_json::Map<_, _> = about
            .into_iter()
            .map(|(what, how)| (what.to_owned(), how.into()))
            .collect();
        let document = json!({ "about": about, "parts": self.documents });
        let document = serde_json::to_string_pretty(&document)?;
        fs::write(plan.out.join("report.json"), document)?;
        Ok(())
    }
}

/// When and where it was measured.
fn about() -> [(&'static str, String); 4] {
    [
        ("date", told_by("date", &["--utc", "+%F"])),
        ("machine", machine()),
        ("system", told_by("uname", &["-srm"])),
        ("compiler", told_by("rustc", &["--version"])),
    ]
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    format!("{model}, {cores} cores")
}

fn told_by(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
