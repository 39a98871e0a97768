//! Every question, one after another.

use std::fs;
use std::time::Instant;

use crate::Failure;
use crate::gauge::{self, Gauge};
use crate::options::{DropsPlan, EverythingPlan, GaugePlan, Plan, Publishing};
use crate::part::Part;
use crate::record::{Answer, Record};
use crate::scenario::{self, Scenario};
use crate::scenarios::{head_parse, small_get, stale_drops};
use crate::{heads, publish, quiet, readings, report, rounds};

/// Writes `report.md`, `report.json` and pictures. What was answered is written as soon as it is
/// known; a question that cannot be answered stops no other.
pub(crate) fn run(plan: &EverythingPlan) -> Result<(), Failure> {
    fs::create_dir_all(&plan.out)?;
    quiet::await_quiet();
    let begun = Instant::now();
    let mut questions = Question::all();
    questions.retain(|question| plan.wants(question.name()));
    if plan.peers.is_none() {
        questions.retain(|question| !matches!(question, Question::Peers));
    }
    let all = questions.len();
    let mut record = Record::begin(plan.asked.clone());
    for (number, question) in questions.into_iter().enumerate() {
        let (name, seconds) = (question.name(), begun.elapsed().as_secs());
        eprintln!("== {} of {all}: {name} (at {seconds} s)", number + 1);
        record.answers.push(question.answer(plan));
        record.save(&plan.out)?;
        publish::report(&record, &plan.out)?;
    }
    let seconds = begun.elapsed().as_secs();
    println!("{} ({seconds} s)", plan.out.join("report.md").display());
    if let Publishing::Yes(demand) = plan.publishing {
        publish::publish(&record, demand)?;
    }
    match record.unanswered().as_slice() {
        [] => Ok(()),
        names => Err(format!("without an answer: {}", names.join(", ")).into()),
    }
}

/// The names of all questions, in their order.
pub(crate) fn names() -> Vec<&'static str> {
    Question::all().iter().map(Question::name).collect()
}

enum Question {
    Scenario(Scenario),
    /// `small-get`'s first case, asked at nginx, ...
    Nginx,
    /// ... and asked by clients that are programs of their own, too.
    Peers,
    Gauge(Gauge),
    StaleDrops,
    HeadParse,
}

impl Question {
    fn all() -> Vec<Self> {
        let scenarios = scenario::all().into_iter().map(Self::Scenario);
        let gauges = gauge::all().into_iter().map(Self::Gauge);
        let apart = [Self::Nginx, Self::Peers, Self::StaleDrops, Self::HeadParse];
        scenarios.chain(apart).chain(gauges).collect()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Scenario(scenario) => scenario.name,
            Self::Nginx => small_get::AT_NGINX,
            Self::Peers => small_get::WITH_PEERS,
            Self::Gauge(gauge) => gauge.name,
            Self::StaleDrops => stale_drops::NAME,
            Self::HeadParse => head_parse::NAME,
        }
    }

    fn answer(self, all: &EverythingPlan) -> Answer {
        let (begun, name) = (Instant::now(), self.name());
        match self.ask(all) {
            Ok(part) => Answer::Answered {
                part,
                seconds: begun.elapsed().as_secs(),
            },
            Err(failure) => {
                eprintln!("{name} is skipped: {failure}");
                Answer::Skipped {
                    name: name.to_owned(),
                    because: failure.to_string(),
                }
            }
        }
    }

    fn ask(self, all: &EverythingPlan) -> Result<Part, Failure> {
        let rounds = all.rounds;
        match self {
            Self::Scenario(scenario) => {
                let plan = Plan::new(scenario).at_most(rounds);
                Ok(report::part(&plan, &rounds::measure(&plan)?))
            }
            Self::Nginx => {
                let plan = Plan::at_nginx().at_most(rounds);
                Ok(report::part(&plan, &rounds::measure(&plan)?))
            }
            Self::Peers => {
                let mut plan = Plan::new(small_get::scenario_with_peers()).at_most(rounds);
                plan.invite(all.peers.as_deref().unwrap_or_default())?;
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
