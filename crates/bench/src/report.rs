//! What the rounds have shown, for people and for machines.

use serde_json::{Value, json};

use crate::Failure;
use crate::histogram::Latency;
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
    /// At the median, the 99th and the 99.9th percentile.
    latency: Option<[Spread; 3]>,
    allocations: f64,
    bytes: f64,
    syscalls: Syscalls,
    /// Bytes, for the whole process.
    resident: Spread,
    peak: Spread,
}

impl Figures {
    fn new(result: &ClientResult, requests: usize) -> Self {
        let requests = requests as f64;
        let spread = |part: fn(&Sample) -> u64| {
            Spread::of(result.times.iter().map(|sample| part(sample) as f64))
        };
        let times = |part| spread(part).scaled(1e-3 / requests);
        Self {
            name: result.client.name,
            settings: result.client.settings,
            cpu: times(|sample| sample.user_ns + sample.system_ns),
            user: times(|sample| sample.user_ns),
            system: times(|sample| sample.system_ns),
            wall: times(|sample| sample.wall_ns),
            latency: latency(&result.times),
            allocations: result.heap.heap.allocations as f64 / requests,
            bytes: result.heap.heap.bytes as f64 / requests,
            syscalls: result.syscalls.clone(),
            resident: spread(|sample| sample.resident),
            peak: spread(|sample| sample.peak),
        }
    }
}

fn latency(samples: &[Sample]) -> Option<[Spread; 3]> {
    let rounds: Option<Vec<Latency>> = samples.iter().map(|sample| sample.latency).collect();
    let rounds = rounds?;
    let spread = |part: fn(&Latency) -> u64| {
        Spread::of(rounds.iter().map(|latency| part(latency) as f64)).scaled(1e-3)
    };
    Some([
        spread(|latency| latency.p50_ns),
        spread(|latency| latency.p99_ns),
        spread(|latency| latency.p999_ns),
    ])
}

/// The figures of a case, and the two clients to which the others are compared.
struct Comparison<'a> {
    case: &'a Case,
    figures: Vec<Figures>,
}

impl<'a> Comparison<'a> {
    fn new(plan: &Plan, finding: &'a Finding) -> Self {
        let case = &finding.case;
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

    /// Milliseconds, where microseconds would be too many.
    fn unit(&self) -> (&'static str, f64) {
        let longest = self.figures.iter().map(|figures| figures.cpu.median);
        match longest.fold(0.0, f64::max) {
            1000.0.. => ("ms", 1e-3),
            _ => ("us", 1.0),
        }
    }
}

fn table(plan: &Plan, finding: &Finding) -> String {
    let comparison = Comparison::new(plan, finding);
    let case = comparison.case;
    let (unit, _) = comparison.unit();
    let threads = plan.threads(case);
    let head = format!(
        "{}, {}: {}\n{} in flight, {threads} thread{}, cores {}, {} rounds of {} requests; \
         times in {unit}\n",
        plan.scenario.name,
        case.name,
        plan.scenario.about,
        plan.in_flight(case),
        if threads == 1 { "" } else { "s" },
        plan.cores(case).name(),
        plan.rounds,
        plan.requests(case),
    );
    format!("{head}\n{}\n{}", costs(&comparison), waits(&comparison))
}

fn costs(comparison: &Comparison<'_>) -> String {
    let (_, scale) = comparison.unit();
    let mut text = format!(
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

fn waits(comparison: &Comparison<'_>) -> String {
    let (_, scale) = comparison.unit();
    let mut text = format!(
        "{:<10}{:>9}{:>9}{:>9}{:>11}{:>11}\n",
        "client", "p50", "p99", "p99.9", "resident", "peak"
    );
    for figures in &comparison.figures {
        let at = |place: usize| or_dash(figures.latency.map(|all| all[place].median * scale));
        text += &format!(
            "{:<10}{:>9}{:>9}{:>9}{:>11}{:>11}\n",
            figures.name,
            at(0),
            at(1),
            at(2),
            bytes(figures.resident.median),
            bytes(figures.peak.median),
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
                "threads": plan.threads(case),
                "cores": plan.cores(case).name(),
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
        "cases": cases,
    })
}

fn client_document(comparison: &Comparison<'_>, figures: &Figures) -> Value {
    let syscalls = match &figures.syscalls {
        Syscalls::Counted(calls) => calls.iter().cloned().collect(),
        Syscalls::NoStrace => Value::Null,
    };
    let latency = |place: usize| figures.latency.map(|all| all[place].to_json());
    json!({
        "client": figures.name,
        "settings": figures.settings,
        "cpu_us": figures.cpu.to_json(),
        "user_us": figures.user.to_json(),
        "system_us": figures.system.to_json(),
        "wall_us": figures.wall.to_json(),
        "latency_p50_us": latency(0),
        "latency_p99_us": latency(1),
        "latency_p999_us": latency(2),
        "resident_bytes": figures.resident.to_json(),
        "peak_bytes": figures.peak.to_json(),
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
divided by the bare socket's and by hyper-util's. All these are per request.
p50, p99, p99.9: from asking to the body's end, for one request; medians of the
rounds; resident, peak: bytes of memory of the process when its last request was
answered, and at most.";

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
