//! Figures for machines.

use serde_json::{Value, json};

use super::difference::Rest;
use super::figures::{Comparison, Figures};
use crate::options::Plan;
use crate::series::Series;
use crate::syscalls::Syscalls;

pub(super) fn document(plan: &Plan, comparisons: &[Comparison<'_>], rests: &[Rest]) -> Value {
    let cases: Vec<Value> = comparisons
        .iter()
        .map(|comparison| {
            let case = comparison.case;
            let figures = comparison.figures.iter();
            json!({
                "case": case.name,
                "in_flight": plan.in_flight(case),
                "threads": plan.threads(case),
                "cores": plan.cores(case).name(),
                "rounds": plan.rounds(case),
                "requests": plan.requests(case),
                "clients": figures
                    .map(|figures| client_document(comparison, figures))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "scenario": plan.scenario.name,
        "about": plan.scenario.about,
        "server": plan.server_name(),
        "skipped": plan
            .absent
            .iter()
            .map(|(name, because)| json!({ "client": name, "because": because }))
            .collect::<Vec<_>>(),
        "cases": cases,
        "differences": rests.iter().map(Rest::document).collect::<Vec<_>>(),
    })
}

fn client_document(comparison: &Comparison<'_>, figures: &Figures) -> Value {
    let syscalls = match &figures.syscalls {
        Syscalls::Counted(calls) => calls.iter().cloned().collect(),
        Syscalls::Unknown => Value::Null,
    };
    let latency = |place: usize| figures.latency[place].as_ref().map(Series::to_json);
    let ratio = |to| Some(comparison.ratio(figures, to)?.to_json());
    json!({
        "client": figures.name,
        "settings": figures.settings,
        "cpu_us": figures.cpu.to_json(),
        "user_us": figures.user(),
        "system_us": figures.system(),
        "user_share": figures.user_share.to_json(),
        "wall_us": figures.wall.to_json(),
        "latency_p50_us": latency(0),
        "latency_p99_us": latency(1),
        "latency_p999_us": latency(2),
        "resident_bytes": figures.resident.as_ref().map(Series::to_json),
        "peak_bytes": figures.peak.to_json(),
        "allocations": figures.allocations,
        "allocated_bytes": figures.bytes,
        "syscalls": syscalls,
        "syscalls_total": figures.syscalls.total(),
        "cpu_to_bare": ratio("bare"),
        "cpu_to_hyper_util": ratio("hyper-util"),
    })
}
