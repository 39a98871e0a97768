//! All that was promised, as one list.

use super::{Limit, Promise};
use crate::publish::sources::{
    Source, client_field, cpu, failures, gauge, median, medians, share_spread, share_to_bare,
    spread,
};
use crate::record::Record;

pub(super) fn promises(record: &Record) -> Vec<Promise> {
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
            "small-get",
            "64 at a time: heap allocations",
            Limit::Counted {
                promised: 7.0,
                tolerance: 0.01,
                why: "what starting the loop costs",
            },
            allocations,
        );
        let more = "64 at a time: system calls more than the bare socket's";
        let limit = Limit::Counted {
            promised: 0.0,
            tolerance: 0.05,
            why: "an idle connection that rested is looked at before it is used again",
        };
        self.add("small-get", more, limit, calls);
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
            let figure = format!("{share}, CPU to bare without the exchange");
            self.promises.push(Promise {
                question: FRESH,
                figure,
                limit: Limit::AtMost(1.1),
                found: share_to_bare(self.record, FRESH, share, US),
                spread: share_spread(self.record, FRESH, share, [US, LIMIT]),
                shown: None,
            });
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
        let lean = match ratio("compile", "postrider", "reqwest-lean", 1) {
            Some(lean) => format!("{lean:.2}"),
            None => "-".to_owned(),
        };
        let figure = format!(
            "CPU of the build to reqwest's, both with default features (to reqwest-lean, without \
             its default features: {lean})"
        );
        self.add("compile", &figure, at_most(0.5), build);
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
        let mut shown = self.user_and_system(part, case);
        if let (Some(bare), true) = (ratio(LIMIT, other), other != LIMIT) {
            let limit = format!("; the limit would be {:.2} of bare", limit / bare);
            shown = shown.map(|shown| shown + &limit);
        }
        self.promises.push(Promise {
            question: part,
            figure: format!("{case}: CPU to {other}"),
            limit: Limit::AtMost(limit),
            found: ratio(US, other),
            spread: spread(self.record, part, case, "cpu_us", [US, other]),
            shown,
        });
    }

    /// Of ours and of the bare socket's CPU.
    fn user_and_system(&self, part: &'static str, case: &'static str) -> Option<String> {
        let told = |client| {
            let median = |field| median(self.record, Source { part, case, client }, field);
            let (user, system) = (median("user_us")?, median("system_us")?);
            Some(format!("{client} {user:.2} us user, {system:.2} us system"))
        };
        Some(format!("{}; {}", told(US)?, told(LIMIT)?))
    }

    /// Postrider's figure divided by that of the best of all peers.
    fn ahead(&mut self, part: &'static str, case: &'static str, field: &str, what: &str) {
        let all = medians(self.record, part, case, field).unwrap_or_default();
        let ours = all.iter().find(|(name, _)| name == US);
        let best = |without: &[&str]| {
            let peers = all
                .iter()
                .filter(|(name, _)| !without.contains(&name.as_str()));
            peers.min_by(|(_, one), (_, other)| one.total_cmp(other))
        };
        let to = |best: Option<&(String, f64)>| {
            let ((_, ours), (name, theirs)) = (ours?, best?);
            Some((ours / theirs, name.clone()))
        };
        let (found, name) = to(best(&[US, LIMIT])).unzip();
        let name = name.unwrap_or_default();
        // hyper alone has no pool: it is given a connection for each worker.
        let shown = match to(best(&[US, LIMIT, "hyper"])) {
            Some((ratio, pooled)) if name == "hyper" => Some(format!(
                "hyper's own connections have no pool to ask; to the best client that has one, \
                 {pooled}, it is {ratio:.3}"
            )),
            _ => None,
        };
        self.promises.push(Promise {
            question: part,
            limit: Limit::Ahead,
            found,
            spread: spread(self.record, part, case, field, [US, &name]),
            figure: format!("{case}: {what} to the best peer, {name}"),
            shown,
        });
    }

    fn add(&mut self, question: &'static str, figure: &str, limit: Limit, found: Option<f64>) {
        self.promises.push(Promise {
            question,
            figure: figure.to_owned(),
            limit,
            found,
            spread: None,
            shown: None,
        });
    }
}

const US: &str = "postrider";
const LIMIT: &str = "bare";
