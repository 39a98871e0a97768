//! What was promised before anything was measured, and what was found.

mod list;

use crate::publish::promises::list::promises;
use crate::record::Record;

/// The table of all, and what the record shows of those that are missed.
pub(super) fn section(record: &Record) -> String {
    let promises = promises(record);
    let mut text = format!(
        "## What was promised\n\n{}\n\n{LEGEND}\n\
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
            promise.verdict().told(),
        );
    }
    for promise in &promises {
        if let (Verdict::Missed | Verdict::WithinSpread, Some(shown)) =
            (promise.verdict(), &promise.shown)
        {
            text += &format!("\n- {}, {}: {shown}", promise.question, promise.figure);
        }
    }
    text + "\n"
}

/// In a sentence.
pub(super) fn summary(record: &Record) -> String {
    told(&promises(record))
}

fn told(promises: &[Promise]) -> String {
    let count = |verdict| {
        let all = promises.iter();
        all.filter(|promise| promise.verdict() == verdict).count()
    };
    let unknown = match count(Verdict::NotMeasured) {
        0 => String::new(),
        unknown => format!(", {unknown} not measured"),
    };
    format!(
        "Of {} figures that were promised beforehand, {} are kept, {} missed, {} within the \
         spread of the rounds{unknown}.",
        promises.len(),
        count(Verdict::Kept),
        count(Verdict::Missed),
        count(Verdict::WithinSpread),
    )
}

struct Promise {
    question: &'static str,
    figure: String,
    limit: Limit,
    found: Option<f64>,
    /// Of the rounds, in percent.
    spread: Option<f64>,
    /// What else the record has of it, where that explains something.
    shown: Option<String>,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    /// A figure that is counted, and what may come on top of it, in words.
    Counted {
        promised: f64,
        tolerance: f64,
        why: &'static str,
    },
    /// Of a ratio: ahead.
    Ahead,
}

impl Limit {
    fn told(self) -> String {
        match self {
            Self::AtMost(limit) => format!("at most {limit}"),
            Self::Counted {
                promised,
                tolerance,
                why,
            } => format!("at most {promised} ({tolerance} more are let pass: {why})"),
            Self::Ahead => "below 1".to_owned(),
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::AtMost(limit) => limit,
            Self::Counted {
                promised,
                tolerance,
                ..
            } => promised + tolerance,
            Self::Ahead => 1.0,
        }
    }

    fn is_kept_by(self, found: f64) -> bool {
        match self {
            Self::Ahead => found < 1.0,
            Self::AtMost(_) | Self::Counted { .. } => found <= self.value(),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Kept,
    Missed,
    /// The limit lies where another run may as well find the figure on its other side.
    WithinSpread,
    NotMeasured,
}

impl Verdict {
    fn told(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missed => "**missed**",
            Self::WithinSpread => "within the spread",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Promise {
    fn verdict(&self) -> Verdict {
        let Some(found) = self.found else {
            return Verdict::NotMeasured;
        };
        let around = found * self.spread.unwrap_or(0.0) / 100.0;
        match self.limit.is_kept_by(found) {
            _ if (found - self.limit.value()).abs() < around => Verdict::WithinSpread,
            true => Verdict::Kept,
            false => Verdict::Missed,
        }
    }

    fn told(&self) -> String {
        match (self.found, self.spread) {
            (None, _) => "-".to_owned(),
            (Some(found), Some(spread)) => format!("{found:.3} +- {spread:.1} %"),
            (Some(found @ 100.0..), None) => format!("{found:.0}"),
            (Some(found), None) => format!("{found:.3}"),
        }
    }
}

const LEGEND: &str = "\
Within the spread: the limit is nearer to what was found than the rounds are to each other,
so that another run may find it on the other side. Without +-, it is counted or there was
one round.
";

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
        let client = |name: &str, cpu: f64| json!({ "client": name, "cpu_us": { "median": cpu, "quartiles": [cpu * 0.99, cpu * 1.01], "rounds": 5 }, "user_us": { "median": 1.0 }, "system_us": { "median": cpu - 1.0 } });
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
            "| small-get | 64 at a time: CPU to bare | at most 1.35 | 1.333 +- 2.0 % | within the spread |",
            "| small-get | 64 at a time: CPU to hyper-util | at most 0.6 | 0.800 +- 2.0 % | **missed** |",
            "| small-get | 64 at a time: CPU to reqwest | at most 0.42 | - | not measured |",
            "- small-get, 64 at a time: CPU to hyper-util: postrider 1.00 us user, 7.00 us system; bare 1.00 us user, 5.00 us system; the limit would be 1.00 of bare",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
