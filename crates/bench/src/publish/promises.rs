//! What was promised before anything was measured, and what was found.

use super::sources::{Source, client_field, cpu, failures, gauge, medians, share_to_bare};
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
            Some(found) => format!("{found:.3}"),
        }
    }
}

fn promises(record: &Record) -> Vec<Promise> {
    let mut list = List {
        record,
        promises: Vec::new(),
    };
    list.small_get();
    list.bodies();
    list.tls_and_connections();
    list.memory_and_build();
    list.promises
}

struct List<'a> {
    record: &'a Record,
    promises: Vec<Promise>,
}

impl List<'_> {
    fn small_get(&mut self) {
        const ONE: &str = "64 at a time";
        const TWO: &str = "64 at a time, two threads";
        self.cpu_to("small-get", ONE, "bare", 1.35);
        self.cpu_to("small-get", ONE, "hyper-util", 0.6);
        self.cpu_to("small-get", ONE, "reqwest", 0.42);
        let field = |client, field| {
            client_field(
                self.record,
                Source {
                    part: "small-get",
                    case: ONE,
                    client,
                },
                field,
            )
        };
        let allocations = field("postrider", "allocations");
        let calls =
            || Some(field("postrider", "syscalls_total")? - field("bare", "syscalls_total")?);
        let calls = calls();
        self.add(
            "small-get, 64 at a time",
            "heap allocations",
            Limit::AtMost(7.01),
            allocations,
        );
        // A handful in thousands of requests are connections that rested.
        let more = "system calls more than the bare socket's";
        self.add("small-get, 64 at a time", more, Limit::AtMost(0.05), calls);
        self.cpu_to("small-get", TWO, "hyper-util", 0.55);
        for case in [
            "one at a time",
            "512 at a time",
            TWO,
            "one at a time, two threads",
            "512 at a time, two threads",
        ] {
            self.ahead("small-get", case, "cpu_us", "CPU");
        }
    }

    fn bodies(&mut self) {
        self.cpu_to("chunked-small", "64-byte chunks", "hyper-util", 0.1);
        self.cpu_to("collect", "64 MiB", "reqwest", 0.333);
        self.cpu_to("collect", "64 MiB", "bare", 1.3);
        for part in ["download", "upload"] {
            for case in ["64 MiB", "1 GiB"] {
                self.cpu_to(part, case, "bare", 1.05);
            }
        }
        self.ahead("token-stream", "32 streams", "latency_p99_us", "p99");
    }

    fn tls_and_connections(&mut self) {
        self.cpu_to("tls-small-get", "64 at a time", "bare", 1.5);
        self.cpu_to("tls-small-get", "64 at a time", "hyper-util", 0.65);
        const FRESH: &str = "fresh-connections";
        for (case, share) in [
            ("TCP", "a TCP connection"),
            ("TLS, full handshake", "a full TLS handshake"),
            ("TLS, resumed", "a resumed TLS session"),
        ] {
            let found = share_to_bare(self.record, FRESH, share, "postrider");
            let figure = format!("{share}, CPU to bare without the exchange");
            self.add(FRESH, &figure, Limit::AtMost(1.1), found);
            self.cpu_to(FRESH, case, "bare", 1.1);
        }
    }

    fn memory_and_build(&mut self) {
        let of = |part, row, unit| gauge(self.record, part, row, unit);
        let ratio = |part, row, to, unit| Some(of(part, row, unit)? / of(part, to, unit)?);
        let plain = of("idle-memory", "postrider", 0);
        let tls = ratio("idle-memory-tls", "postrider", "bare", 0);
        let crates = of("compile", "postrider", 0);
        let build = ratio("compile", "postrider", "reqwest", 1);
        let tracing = ratio("tracing-cost", "unheard", "compiled-out", 0);
        let dropped = failures(self.record, "postrider");
        let at_most = Limit::AtMost;
        self.add(
            "idle-memory",
            "resident bytes a connection",
            at_most(3072.0),
            plain,
        );
        self.add(
            "idle-memory-tls",
            "resident bytes to bare tokio-rustls",
            at_most(1.15),
            tls,
        );
        self.add(
            "stale-drops",
            "GETs that failed, in all four ways",
            at_most(0.0),
            dropped,
        );
        self.add("compile", "crates by default", at_most(35.0), crates);
        self.add(
            "compile",
            "CPU of the build to reqwest's",
            at_most(0.5),
            build,
        );
        self.add(
            "tracing-cost",
            "instructions to those without tracing",
            at_most(1.02),
            tracing,
        );
    }

    /// Postrider's CPU divided by another's.
    fn cpu_to(&mut self, part: &'static str, case: &'static str, other: &'static str, limit: f64) {
        let cpu = |client| cpu(self.record, Source { part, case, client });
        let ratio = |one, other| Some(cpu(one)? / cpu(other)?);
        let found = ratio("postrider", other);
        let because = match (ratio("bare", other), other) {
            (Some(bare), "hyper-util" | "reqwest") if bare > limit * 0.8 => format!(
                "the bare socket itself is at {bare:.2} here: what the kernel takes is the same \
                 for all, and leaves no room for this ratio"
            ),
            _ => reason(part, case),
        };
        self.promises.push(Promise {
            question: part,
            figure: format!("{case}: CPU to {other}"),
            limit: Limit::AtMost(limit),
            found,
            because,
        });
    }

    /// Postrider's figure divided by that of the best of all peers.
    fn ahead(&mut self, part: &'static str, case: &'static str, field: &str, what: &str) {
        let all = medians(self.record, part, case, field).unwrap_or_default();
        let ours = all.iter().find(|(name, _)| name == "postrider");
        let peers = all
            .iter()
            .filter(|(name, _)| name != "postrider" && name != "bare");
        let best = peers.min_by(|(_, one), (_, other)| one.total_cmp(other));
        let found = || Some((ours?.1 / best?.1, best?.0.as_str()));
        let (found, best) = found().map_or((None, "?"), |(ratio, best)| (Some(ratio), best));
        self.promises.push(Promise {
            question: part,
            figure: format!("{case}: {what} to the best peer, {best}"),
            limit: Limit::Ahead,
            found,
            because: reason(part, case),
        });
    }

    fn add(&mut self, question: &'static str, figure: &str, limit: Limit, found: Option<f64>) {
        self.promises.push(Promise {
            question,
            figure: figure.to_owned(),
            limit,
            found,
            because: reason(question, figure),
        });
    }
}

/// What is known of the promises that are missed at times.
fn reason(part: &str, case: &str) -> String {
    let mut all = REASONS.iter();
    let known = all.find(|(question, word, _)| part.starts_with(question) && case.contains(word));
    known
        .map_or("no reason is known yet", |(_, _, reason)| reason)
        .to_owned()
}

/// By question, and a word of the case.
const REASONS: &[(&str, &str, &str)] = &[];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::section;
    use crate::part::Part;
    use crate::record::{Answer, Record};

    #[test]
    fn what_is_missed_is_told_with_what_stands_in_the_way() {
        let client = |name: &str, cpu: f64| json!({ "client": name, "cpu_us": { "median": cpu } });
        let clients = [
            client("bare", 6.0),
            client("postrider", 8.0),
            client("hyper-util", 10.0),
        ];
        let mut record = Record::begin();
        record.answers.push(Answer::Answered {
            part: Part {
                name: "small-get".to_owned(),
                about: String::new(),
                text: String::new(),
                document: json!({ "cases": [{ "case": "64 at a time", "clients": clients }] }),
                charts: Vec::new(),
            },
            seconds: 1,
        });
        let text = section(&record);
        for line in [
            "| small-get | 64 at a time: CPU to bare | at most 1.35 | 1.333 | kept |",
            "| small-get | 64 at a time: CPU to hyper-util | at most 0.6 | 0.800 | **missed** |",
            "| small-get | 64 at a time: CPU to reqwest | at most 0.42 | - | not measured |",
            "- small-get, 64 at a time: CPU to hyper-util: the bare socket itself is at 0.60 here",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
