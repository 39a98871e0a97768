//! What the rounds have shown, for people and for machines.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Failure;
use crate::options::{Output, Plan};
use crate::probe::Sample;
use crate::rounds::{ClientResult, Finding};
use crate::scenario::Case;
use crate::spread::Spread;
use crate::syscalls::Syscalls;

pub(crate) fn print(plan: &Plan, findings: &[Finding]) -> Result<(), Failure> {
    match plan.output {
        Output::Table => {
            for finding in findings {
                println!("{}", table(plan, finding));
            }
            println!("{LEGEND}");
        }
        Output::Json => println!(
            "{}",
            serde_json::to_string_pretty(&document(plan, findings))?
        ),
    }
    Ok(())
}

/// One client's figures per request, times in microseconds.
struct Figures {
    name: &'static str,
    settings: &'static str,
    cpu: Spread,
    user: Spread,
    system: Spread,
    wall: Spread,
    allocations: f64,
    bytes: f64,
    syscalls: Syscalls,
}

impl Figures {
    fn new(result: &ClientResult, requests: usize) -> Self {
        let requests = requests as f64;
        let times = |part: fn(&Sample) -> Duration| {
            let each = result.times.iter();
            Spread::of(each.map(|sample| part(sample).as_secs_f64() * 1e6 / requests))
        };
        Self {
            name: result.client.name,
            settings: result.client.settings,
            cpu: times(Sample::cpu),
            user: times(|sample| sample.user),
            system: times(|sample| sample.system),
            wall: times(|sample| sample.wall),
            allocations: result.heap.heap.allocations as f64 / requests,
            bytes: result.heap.heap.bytes as f64 / requests,
            syscalls: result.syscalls.clone(),
        }
    }
}

/// The figures of a case, and the two clients to which the others are compared.
struct Comparison<'a> {
    case: &'a Case,
    figures: Vec<Figures>,
}

impl<'a> Comparison<'a> {
    fn new(plan: &'a Plan, finding: &Finding) -> Self {
        let case = &plan.scenario.cases[finding.case];
        let requests = plan.requests(case);
        let results = finding.results.iter();
        Self {
            case,
            figures: results
                .map(|result| Figures::new(result, requests))
                .collect(),
        }
    }

    /// This client's CPU time divided by another's.
    fn ratio(&self, figures: &Figures, to: &str) -> Option<f64> {
        let other = self.figures.iter().find(|other| other.name == to)?;
        Some(figures.cpu.median / other.cpu.median)
    }
}

fn table(plan: &Plan, finding: &Finding) -> String {
    let comparison = Comparison::new(plan, finding);
    let case = comparison.case;
    let longest = comparison.figures.iter().map(|figures| figures.cpu.median);
    let (unit, scale) = match longest.fold(0.0, f64::max) {
        1000.0.. => ("ms", 1e-3),
        _ => ("us", 1.0),
    };
    let mut text = format!(
        "{}, {}: {}\n{} in flight, {} thread{}, cores {}, {} rounds of {} requests; times in {unit}\n\n",
        plan.scenario.name,
        case.name,
        plan.scenario.about,
        plan.in_flight(case),
        plan.threads,
        if plan.threads == 1 { "" } else { "s" },
        plan.cores().name(),
        plan.rounds,
        plan.requests(case),
    );
    text += &format!(
        "{:<10}{:>8}{:>6}{:>8}{:>8}{:>8}{:>7}{:>8}{:>6}{:>6}{:>6}\n",
        "client",
        "cpu",
        "+-",
        "user",
        "system",
        "wall",
        "allocs",
        "bytes",
        "calls",
        "/bare",
        "/h-u"
    );
    for figures in &comparison.figures {
        text += &format!(
            "{:<10}{:>8.2}{:>5.1}%{:>8.2}{:>8.2}{:>8.2}{:>7.1}{:>8}{:>6}{:>6}{:>6}\n",
            figures.name,
            figures.cpu.median * scale,
            figures.cpu.percent(),
            figures.user.median * scale,
            figures.system.median * scale,
            figures.wall.median * scale,
            figures.allocations,
            bytes(figures.bytes),
            or_dash(figures.syscalls.total()),
            or_dash(comparison.ratio(figures, "bare")),
            or_dash(comparison.ratio(figures, "hyper-util")),
        );
    }
    text
}

/// Two digits behind the point where there is room for them.
pub(crate) fn or_dash(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number @ ..99.995) => format!("{number:.2}"),
        Some(number) => format!("{number:.0}"),
    }
}

fn bytes(number: f64) -> String {
    match number {
        ..99_999.5 => format!("{number:.0}"),
        ..1e7 => format!("{:.0}Ki", number / 1024.0),
        _ => format!("{:.0}Mi", number / 1024.0 / 1024.0),
    }
}

fn document(plan: &Plan, findings: &[Finding]) -> Value {
    let cases: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let comparison = Comparison::new(plan, finding);
            let case = comparison.case;
            let figures = comparison.figures.iter();
            json!({
                "case": case.name,
                "in_flight": plan.in_flight(case),
                "requests": plan.requests(case),
                "clients": figures
                    .map(|figures| client_document(&comparison, figures))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "scenario": plan.scenario.name,
        "about": plan.scenario.about,
        "rounds": plan.rounds,
        "threads": plan.threads,
        "cores": plan.cores().name(),
        "cases": cases,
    })
}

fn client_document(comparison: &Comparison<'_>, figures: &Figures) -> Value {
    let syscalls = match &figures.syscalls {
        Syscalls::Counted(calls) => calls.iter().cloned().collect(),
        Syscalls::NoStrace => Value::Null,
    };
    json!({
        "client": figures.name,
        "settings": figures.settings,
        "cpu_us": figures.cpu.to_json(),
        "user_us": figures.user.to_json(),
        "system_us": figures.system.to_json(),
        "wall_us": figures.wall.to_json(),
        "allocations": figures.allocations,
        "allocated_bytes": figures.bytes,
        "syscalls": syscalls,
        "syscalls_total": figures.syscalls.total(),
        "cpu_to_bare": comparison.ratio(figures, "bare"),
        "cpu_to_hyper_util": comparison.ratio(figures, "hyper-util"),
    })
}

const LEGEND: &str = "\
cpu: user and system time of the client's process, median of the rounds; +-: half
of what the middle half of the rounds spans; allocs, bytes: asked of the heap;
calls: system calls under strace (-: strace is not installed); /bare, /h-u: cpu
divided by the bare socket's and by hyper-util's. All figures are per request.";

#[cfg(test)]
mod tests {
    use super::{bytes, or_dash};

    #[test]
    fn what_is_not_known_is_a_dash() {
        assert_eq!(or_dash(None), "-");
        assert_eq!(or_dash(Some(1.234)), "1.23");
    }

    #[test]
    fn long_numbers_keep_to_their_column() {
        assert_eq!(or_dash(Some(549.38)), "549");
        assert_eq!(bytes(12_526.0), "12526");
        assert_eq!(bytes(4_794_661.0), "4682Ki");
        assert_eq!(bytes(112_458_832.0), "107Mi");
    }
}
