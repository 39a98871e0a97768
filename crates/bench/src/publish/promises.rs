//! What was promised before anything was measured, and what was found.

mod list;

use crate::publish::promises::list::promises;
use crate::record::Record;
use crate::spread::Spread;

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
        if let (true, Some(shown)) = (promise.verdict().is_missed(), &promise.shown) {
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
    let both = |clearly, narrowly| {
        let narrowly = count(narrowly);
        (count(clearly) + narrowly, narrowly)
    };
    let (kept, kept_narrowly) = both(Verdict::Kept, Verdict::KeptNarrowly);
    let (missed, missed_narrowly) = both(Verdict::Missed, Verdict::MissedNarrowly);
    let unknown = match count(Verdict::None) {
        0 => String::new(),
        unknown => format!("; {unknown} have no verdict"),
    };
    format!(
        "Of {} figures that were promised beforehand, {kept} are kept ({kept_narrowly} of them \
         narrowly) and {missed} missed ({missed_narrowly} narrowly){unknown}.",
        promises.len(),
    )
}

struct Promise {
    question: &'static str,
    figure: String,
    limit: Limit,
    found: Found,
    /// What else the record has of it, where that explains something.
    shown: Option<String>,
}

#[derive(Clone, Copy)]
enum Found {
    Nothing,
    /// It comes out the same every time.
    Counted(f64),
    /// It differs from round to round.
    Measured(Spread),
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

/// By the median.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Kept,
    /// A quarter of the rounds or more lies on the limit's other side.
    KeptNarrowly,
    MissedNarrowly,
    Missed,
    /// It was not measured, or not often enough.
    None,
}

impl Verdict {
    fn told(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::KeptNarrowly => "kept narrowly",
            Self::MissedNarrowly => "**missed narrowly**",
            Self::Missed => "**missed**",
            Self::None => "no verdict",
        }
    }

    fn is_missed(self) -> bool {
        matches!(self, Self::Missed | Self::MissedNarrowly)
    }
}

impl Promise {
    fn verdict(&self) -> Verdict {
        let (found, is_narrow) = match self.found {
            Found::Nothing => return Verdict::None,
            Found::Measured(spread) if !spread.is_known() => return Verdict::None,
            Found::Counted(found) => (found, false),
            Found::Measured(spread) => {
                let limit = self.limit.value();
                (spread.median, (spread.low..=spread.high).contains(&limit))
            }
        };
        match (self.limit.is_kept_by(found), is_narrow) {
            (true, false) => Verdict::Kept,
            (true, true) => Verdict::KeptNarrowly,
            (false, true) => Verdict::MissedNarrowly,
            (false, false) => Verdict::Missed,
        }
    }

    fn told(&self) -> String {
        match self.found {
            Found::Nothing => "-".to_owned(),
            Found::Counted(found) => figure(found),
            Found::Measured(Spread {
                low, median, high, ..
            }) => format!("{} ({} to {})", figure(median), figure(low), figure(high)),
        }
    }
}

fn figure(found: f64) -> String {
    match found {
        100.0.. => format!("{found:.0}"),
        _ => format!("{found:.3}"),
    }
}

const LEGEND: &str = "\
A ratio is formed in each round and stands with the quartiles of the rounds; the verdict is the
median's. Narrowly: the limit lies between the quartiles, so that another run may find the median
on its other side. Without quartiles it is counted, and comes out the same every time. Of fewer
than three rounds there is no verdict.
";

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[cfg(feature = "peers")]
    use super::promises;
    use super::{Found, Limit, Promise, Verdict, section};
    use crate::part::Part;
    use crate::record::{Answer, Asked, Record};
    use crate::series::Series;
    #[cfg(feature = "peers")]
    use crate::{gauge, scenario};

    #[cfg(feature = "peers")]
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
    fn one_round_has_no_verdict() {
        let verdict = |values: &[f64]| {
            let series = Series::of(values.iter().copied());
            let promise = Promise {
                question: "compile",
                figure: String::new(),
                limit: Limit::AtMost(0.5),
                found: Found::Measured(series.spread()),
                shown: None,
            };
            promise.verdict()
        };
        assert_eq!(verdict(&[0.49]), Verdict::None);
        assert_eq!(verdict(&[0.49, 0.48, 0.47]), Verdict::Kept);
        assert_eq!(verdict(&[0.49, 0.48, 0.6]), Verdict::KeptNarrowly);
        assert_eq!(verdict(&[0.49, 0.51, 0.6]), Verdict::MissedNarrowly);
    }

    #[test]
    fn what_is_missed_is_told_with_what_stands_in_the_way() {
        let client = |name: &str, cpu: [f64; 4]| {
            json!({
                "client": name,
                "cpu_us": { "rounds": cpu },
                "user_us": 1.0,
                "system_us": cpu[0] - 1.0,
            })
        };
        let clients = [
            client("bare", [6.0, 12.0, 6.0, 6.0]),
            client("postrider", [8.0, 16.0, 8.4, 8.0]),
            client("hyper-util", [10.0, 20.0, 10.0, 10.0]),
            client("reqwest", [20.0, 39.0, 19.0, 20.0]),
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
            "| small-get | 64 at a time: CPU to bare | at most 1.35 | 1.333 (1.333 to 1.350) | kept narrowly |",
            "| small-get | 64 at a time: CPU to hyper-util | at most 0.6 | 0.800 (0.800 to 0.810) | **missed** |",
            "| small-get | 64 at a time: CPU to reqwest | at most 0.42 | 0.405 (0.400 to 0.418) | kept |",
            "| small-get | 64 at a time, two threads: CPU to hyper-util | at most 0.55 | - | no verdict |",
            "- small-get, 64 at a time: CPU to hyper-util: postrider 1.00 us user, 7.00 us system; bare 1.00 us user, 5.00 us system; the limit would be 1.00 of bare",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
