//! What was promised before anything was measured, and what was found.

mod list;

use crate::publish::promises::list::promises;
use crate::record::Record;

/// The table of all, and why some are missed.
pub(super) fn section(record: &Record) -> String {
    let promises = promises(record);
    let mut text = format!(
        "## What was promised\n\n{}\n\n\
         | question | figure | promised | found | |\n|---|---|---|---|---|\n",
        told(&promises),
    );
    for promise in &promises {
        let Promise {
            question, figure, ..
        } = promise;
        text += &format!(
            "| {question} | {figure} | {} | {} | {} |\n",
            promise.limit.told(),
            promise.told(),
            promise.outcome(),
        );
    }
    let missed = promises
        .iter()
        .filter(|promise| promise.is_kept() == Some(false));
    for Promise {
        question,
        figure,
        because,
        ..
    } in missed
    {
        text += &format!("\n- {question}, {figure}: {because}");
    }
    text + "\n"
}

/// In a sentence.
pub(super) fn summary(record: &Record) -> String {
    told(&promises(record))
}

fn told(promises: &[Promise]) -> String {
    let count = |outcome| {
        promises
            .iter()
            .filter(|promise| promise.is_kept() == outcome)
            .count()
    };
    let unknown = match count(None) {
        0 => String::new(),
        unknown => format!(", {unknown} not measured"),
    };
    format!(
        "Of {} figures that were promised beforehand, {} are kept{unknown}.",
        promises.len(),
        count(Some(true)),
    )
}

struct Promise {
    question: &'static str,
    figure: String,
    limit: Limit,
    found: Option<f64>,
    /// Of the rounds, in percent.
    spread: Option<f64>,
    /// Stands in the way, where it is missed.
    because: String,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    /// Of a ratio: ahead.
    Ahead,
}

impl Limit {
    fn told(self) -> String {
        match self {
            Self::AtMost(limit) => format!("at most {limit}"),
            Self::Ahead => "below 1".to_owned(),
        }
    }
}

impl Promise {
    fn is_kept(&self) -> Option<bool> {
        let found = self.found?;
        Some(match self.limit {
            Limit::AtMost(limit) => found <= limit,
            Limit::Ahead => found < 1.0,
        })
    }

    fn outcome(&self) -> &'static str {
        match self.is_kept() {
            Some(true) => "kept",
            Some(false) => "**missed**",
            None => "not measured",
        }
    }

    fn told(&self) -> String {
        match self.found {
            None => "-".to_owned(),
            Some(found @ 100.0..) => format!("{found:.0}"),
            Some(found) => match self.spread {
                Some(spread) => format!("{found:.3} +- {spread:.0} %"),
                None => format!("{found:.3}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{promises, section};
    use crate::part::Part;
    use crate::record::{Answer, Asked, Record};
    use crate::{gauge, scenario};

    #[test]
    fn every_promise_is_about_a_case_that_is_measured() {
        for promise in promises(&Record::begin(Asked::default())) {
            let Some(scenario) = scenario::find(promise.question) else {
                let is_gauge = gauge::find(promise.question).is_some();
                assert!(is_gauge || promise.question == "stale-drops");
                continue;
            };
            let Some((case, _)) = promise.figure.split_once(": ") else {
                continue;
            };
            let mut cases = scenario.cases.iter();
            assert!(cases.any(|known| known.name == case), "{case}");
        }
    }

    #[test]
    fn what_is_missed_is_told_with_what_stands_in_the_way() {
        let client = |name: &str, cpu: f64| json!({ "client": name, "cpu_us": { "median": cpu, "quartiles": [cpu * 0.99, cpu * 1.01] } });
        let clients = [
            client("bare", 6.0),
            client("postrider", 8.0),
            client("hyper-util", 10.0),
        ];
        let mut record = Record::begin(Asked::default());
        record.answers.push(Answer::Answered {
            part: Part {
                name: "small-get".to_owned(),
                about: String::new(),
                text: String::new(),
                document: json!({ "cases": [{ "case": "64 at a time", "clients": clients }] }),
                charts: Vec::new(),
                disturbances: Vec::new(),
            },
            seconds: 1,
        });
        let text = section(&record);
        for line in [
            "| small-get | 64 at a time: CPU to bare | at most 1.35 | 1.333 +- 2 % | kept |",
            "| small-get | 64 at a time: CPU to hyper-util | at most 0.6 | 0.800 +- 2 % | **missed** |",
            "| small-get | 64 at a time: CPU to reqwest | at most 0.42 | - | not measured |",
            "- small-get, 64 at a time: CPU to hyper-util: the bare socket itself is at 0.60 here",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
