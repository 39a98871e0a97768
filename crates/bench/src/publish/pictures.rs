//! The few pictures that are shown, put together from the charts of all answers.

use crate::chart::Chart;
use crate::record::Record;

pub(super) struct Picture {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    pub(super) about: String,
    pub(super) charts: Vec<Chart>,
}

/// Those of which anything was measured.
pub(super) fn pictures(record: &Record) -> Vec<Picture> {
    let selections = SELECTIONS.iter();
    selections
        .filter_map(|selection| selection.picture(record))
        .collect()
}

struct Selection {
    file: &'static str,
    title: &'static str,
    about: &'static str,
    picks: &'static [Pick],
}

/// One chart of an answer.
struct Pick {
    part: &'static str,
    /// As the chart is called there, and which of that name.
    chart: &'static str,
    which: usize,
    /// As it is called here.
    title: &'static str,
}

impl Selection {
    fn picture(&self, record: &Record) -> Option<Picture> {
        let picks = self.picks.iter();
        let charts: Vec<_> = picks.filter_map(|pick| pick.chart(record)).collect();
        let about = &record.about;
        (!charts.is_empty()).then(|| Picture {
            file: self.file,
            title: self.title,
            about: format!("{} {}, {}.", self.about, about.machine, about.date),
            charts,
        })
    }
}

impl Pick {
    fn chart(&self, record: &Record) -> Option<Chart> {
        let charts = &record.part(self.part)?.charts;
        let mut named = charts.iter().filter(|chart| chart.title == self.chart);
        let chart = named.nth(self.which)?.clone();
        Some(Chart {
            title: self.title.to_owned(),
            ..chart
        })
    }
}

const fn pick(part: &'static str, chart: &'static str, title: &'static str) -> Pick {
    Pick {
        part,
        chart,
        which: 0,
        title,
    }
}

const SELECTIONS: &[Selection] = &[
    Selection {
        file: "small-get.svg",
        title: "A small GET over kept connections",
        about: "The client's own CPU, user and system, over loopback; less is better.",
        picks: &[
            pick("small-get", "64 at a time", "64 in flight, one thread"),
            pick(
                "small-get",
                "64 at a time, two threads",
                "64 in flight, two threads",
            ),
            pick(
                "tls-small-get",
                "64 at a time",
                "64 in flight, one thread, TLS 1.3",
            ),
        ],
    },
    Selection {
        file: "bodies.svg",
        title: "Bodies",
        about: "The client's own CPU, user and system, over loopback; less is better.",
        picks: &[
            pick(
                "chunked-small",
                "64-byte chunks",
                "1 MiB in chunks of 64 bytes, collected",
            ),
            pick("collect", "64 MiB", "64 MiB into one new piece of memory"),
            pick(
                "download",
                "64 MiB",
                "64 MiB, read in pieces that are dropped",
            ),
            pick("upload", "64 MiB", "64 MiB, sent in pieces of 64 KiB"),
        ],
    },
    Selection {
        file: "connections.svg",
        title: "New connections",
        about: "CPU of connecting and closing: a GET over a new connection less one over a kept \
                connection; less is better.",
        picks: &[
            pick(
                "fresh-connections",
                "a TCP connection alone",
                "a TCP connection",
            ),
            pick(
                "fresh-connections",
                "a full TLS handshake alone",
                "a full TLS 1.3 handshake",
            ),
            pick(
                "fresh-connections",
                "a resumed TLS session alone",
                "a resumed TLS 1.3 session",
            ),
        ],
    },
    Selection {
        file: "idle-memory.svg",
        title: "An idle connection",
        about: "What it keeps in memory as the system sees it, of many that were opened at once; \
                less is better.",
        picks: &[
            pick("idle-memory", "10000 connections", "10,000 connections"),
            pick(
                "idle-memory-tls",
                "2000 connections",
                "2,000 connections with TLS 1.3",
            ),
        ],
    },
    Selection {
        file: "stale-drops.svg",
        title: "A server that ends a connection after one answer in ten",
        about: "GETs that the caller sees fail; less is better.",
        picks: &[
            pick("stale-drops", "fin", "it closes behind an answer"),
            pick("stale-drops", "reset", "it resets behind an answer"),
            pick(
                "stale-drops",
                "late-fin",
                "it closes up to 200 us after an answer",
            ),
            pick(
                "stale-drops",
                "silence",
                "it reads the next request and closes",
            ),
        ],
    },
    Selection {
        file: "compile.svg",
        title: "What depending on it costs",
        about: "A cold release build of a program that makes one HTTPS request; less is better.",
        picks: &[
            pick("compile", "1 build", "crates"),
            Pick {
                which: 1,
                ..pick("compile", "1 build", "time")
            },
        ],
    },
];

#[cfg(all(test, feature = "peers"))]
mod tests {
    use super::SELECTIONS;
    use crate::scenarios::stale_drops;
    use crate::server::drops::Departure;
    use crate::{gauge, scenario};

    /// As the parts of a report call their charts.
    fn charts(part: &str) -> Vec<String> {
        if let Some(scenario) = scenario::find(part) {
            let cases = scenario.cases.iter().map(|case| case.name.to_owned());
            let differences = scenario.differences.iter();
            let alone = differences.map(|difference| format!("{} alone", difference.name));
            return cases.chain(alone).collect();
        }
        if let Some(gauge) = gauge::find(part) {
            return vec![format!("{} {}", gauge.count, gauge.counted); gauge.units.len()];
        }
        assert_eq!(part, stale_drops::NAME);
        let ways = Departure::ALL.into_iter();
        ways.map(|how| how.name().to_owned()).collect()
    }

    #[test]
    fn every_chart_that_is_picked_exists() {
        for pick in SELECTIONS.iter().flat_map(|selection| selection.picks) {
            let charts = charts(pick.part);
            let named = charts.iter().filter(|chart| *chart == pick.chart);
            assert!(named.count() > pick.which, "{}: {}", pick.part, pick.chart);
        }
    }
}
