//! All that was promised, as one list.

use super::{Found, Limit, Promise};
use crate::publish::sources::{
    Source, all_series, calls, client_field, cpu_ratio, failures, gauge, share_to_bare,
};
use crate::record::Record;
use crate::series::Series;

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
        const TWO: &str = "64 at a time, two threads";
        self.cpu_to("small-get", ONE, "bare", 1.35);
        self.cpu_to("small-get", ONE, "hyper-util", 0.6);
        self.cpu_to("small-get", ONE, "reqwest", 0.42);
        self.small_get_counts();
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

    fn small_get_counts(&mut self) {
        let source = |client| Source {
            part: "small-get",
            case: ONE,
            client,
        };
        let allocations = client_field(self.record, source(US), "allocations");
        let count = |names| {
            let count = |client| calls(self.record, source(client), names);
            Some((count(US)?, count(LIMIT)?))
        };
        let more = count(&SENDING_AND_RECEIVING).map(|(ours, bare)| ours - bare);
        let waits = count(&WAITING).map_or_else(
            || "-".to_owned(),
            |(ours, bare)| format!("{ours:.3}, and the bare socket's {bare:.3}"),
        );
        self.counted(
            "small-get",
            format!("{ONE}: heap allocations"),
            Limit::Counted {
                promised: 7.0,
                tolerance: 0.01,
                why: "what starting the loop costs",
            },
            allocations,
        );
        self.counted(
            "small-get",
            format!(
                "{ONE}: calls that send or receive, more than the bare socket's (apart from \
                 them epoll_wait, which many connections share: {waits})"
            ),
            Limit::Counted {
                promised: 0.0,
                tolerance: 0.01,
                why: "a connection that rested is looked at before it is used again",
            },
            more,
        );
    }

    fn bodies(&mut self) {
        self.cpu_to("chunked-small", "64-byte chunks", "hyper-util", 0.1);
        self.cpu_to("collect", "64 MiB", "reqwest", 0.333);
        self.cpu_to("collect", "64 MiB", "bare", 1.3);
        for part in ["download", "upload"] {
            for case in ["64 MiB", "1 GiB"] {
                self.cpu_to(part, case, "bare", 1.05);
            }
            self.ahead(part, "64 MiB", "cpu_us", "CPU");
        }
        let copied = "64 MiB, copied without rep movsb";
        self.ahead("tls-download", copied, "cpu_us", "CPU");
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
            let alone = share_to_bare(self.record, FRESH, share, US);
            self.cpu_to(FRESH, case, "bare", 1.1);
            if let Some(promise) = self.promises.last_mut() {
                let alone = told(alone);
                promise.figure += &format!(" ({share} without the exchange: {alone})");
            }
        }
    }

    fn memory_and_build(&mut self) {
        let of = |part, row, unit| gauge(self.record, part, row, unit);
        let ratio = |part, row, to, unit| Some(of(part, row, unit)?.over(&of(part, to, unit)?));
        let median = |series: Option<Series>| series.map(|series| series.median());
        let plain = of("idle-memory", US, 0);
        let tls = ratio("idle-memory-tls", US, "bare", 0);
        let crates = median(of("compile", US, 0));
        let build = ratio("compile", US, "reqwest", 1);
        let lean = told(median(ratio("compile", US, "reqwest-lean", 1)));
        let tracing = median(ratio("tracing-cost", "unheard", "compiled-out", 0));
        let dropped = failures(self.record, US);
        let at_most = Limit::AtMost;
        self.timed(
            "idle-memory",
            "resident bytes a connection".to_owned(),
            at_most(3072.0),
            plain,
        );
        self.timed(
            "idle-memory-tls",
            "resident bytes to bare tokio-rustls".to_owned(),
            at_most(1.15),
            tls,
        );
        self.counted(
            "stale-drops",
            "GETs that failed, in all four ways".to_owned(),
            at_most(0.0),
            dropped,
        );
        self.counted(
            "compile",
            "crates by default".to_owned(),
            at_most(35.0),
            crates,
        );
        let figure = format!(
            "CPU of the build to reqwest's, both with default features (to reqwest-lean, without \
             its default features: {lean})"
        );
        self.timed("compile", figure, at_most(0.5), build);
        self.counted(
            "tracing-cost",
            "instructions to those without tracing".to_owned(),
            at_most(1.02),
            tracing,
        );
    }

    /// Postrider's CPU divided by another's.
    fn cpu_to(&mut self, part: &'static str, case: &'static str, other: &'static str, limit: f64) {
        let ratio = |client, to| cpu_ratio(self.record, Source { part, case, client }, to);
        let mut shown = self.user_and_system(part, case);
        if let (Some(bare), true) = (ratio(LIMIT, other), other != LIMIT) {
            let limit = format!("; the limit would be {:.2} of bare", limit / bare.median);
            shown = shown.map(|shown| shown + &limit);
        }
        self.promises.push(Promise {
            question: part,
            figure: format!("{case}: CPU to {other}"),
            limit: Limit::AtMost(limit),
            found: ratio(US, other).map_or(Found::Nothing, Found::Measured),
            shown,
        });
    }

    /// Of ours and of the bare socket's CPU.
    fn user_and_system(&self, part: &'static str, case: &'static str) -> Option<String> {
        let told = |client| {
            let field = |field| client_field(self.record, Source { part, case, client }, field);
            let (user, system) = (field("user_us")?, field("system_us")?);
            Some(format!("{client} {user:.2} us user, {system:.2} us system"))
        };
        Some(format!("{}; {}", told(US)?, told(LIMIT)?))
    }

    /// Postrider's figure divided by that of the best of all peers, by their medians.
    fn ahead(&mut self, part: &'static str, case: &'static str, field: &str, what: &str) {
        let all = all_series(self.record, part, case, field).unwrap_or_default();
        let ours = all.iter().find(|(name, _)| name == US);
        let best = |without: &[&str]| {
            let peers = all
                .iter()
                .filter(|(name, _)| !without.contains(&name.as_str()));
            peers.min_by(|(_, one), (_, other)| one.median().total_cmp(&other.median()))
        };
        let to = |best: Option<&(String, Series)>| {
            let ((_, ours), (name, theirs)) = (ours?, best?);
            Some((ours.over(theirs).spread(), name.clone()))
        };
        let (found, name) = to(best(&[US, LIMIT])).unzip();
        let name = name.unwrap_or_default();
        // hyper alone has no pool: it is given a connection for each worker.
        let shown = match to(best(&[US, LIMIT, "hyper"])) {
            Some((ratio, pooled)) if name == "hyper" => Some(format!(
                "hyper's own connections have no pool to ask; to the best client that has one, \
                 {pooled}, it is {:.3}",
                ratio.median
            )),
            _ => None,
        };
        self.promises.push(Promise {
            question: part,
            limit: Limit::Ahead,
            found: found.map_or(Found::Nothing, Found::Measured),
            figure: format!("{case}: {what} to the best peer, {name}"),
            shown,
        });
    }

    fn timed(
        &mut self,
        question: &'static str,
        figure: String,
        limit: Limit,
        found: Option<Series>,
    ) {
        let found = found.map_or(Found::Nothing, |series| Found::Measured(series.spread()));
        self.promises.push(Promise {
            question,
            figure,
            limit,
            found,
            shown: None,
        });
    }

    fn counted(
        &mut self,
        question: &'static str,
        figure: String,
        limit: Limit,
        found: Option<f64>,
    ) {
        self.promises.push(Promise {
            question,
            figure,
            limit,
            found: found.map_or(Found::Nothing, Found::Counted),
            shown: None,
        });
    }
}

/// A figure beside the one that was promised.
fn told(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
}

const US: &str = "postrider";
const LIMIT: &str = "bare";
const ONE: &str = "64 at a time";

const SENDING_AND_RECEIVING: [&str; 8] = [
    "read", "readv", "recvfrom", "recvmsg", "sendmsg", "sendto", "write", "writev",
];
const WAITING: [&str; 2] = ["epoll_pwait", "epoll_wait"];
