//! The rounds' figures, put in relation.

use crate::histogram::Latency;
use crate::options::Plan;
use crate::probe::Sample;
use crate::rounds::{ClientResult, Finding};
use crate::scenario::Case;
use crate::series::Series;
use crate::syscalls::Syscalls;

/// One client's figures per request, times in microseconds.
pub(super) struct Figures {
    pub(super) name: &'static str,
    pub(super) settings: &'static str,
    pub(super) cpu: Series,
    /// The share of the CPU that is user time. The kernel measures the sum and estimates how it
    /// divides.
    pub(super) user_share: Series,
    pub(super) wall: Series,
    /// At the median, the 99th and the 99.9th percentile.
    pub(super) latency: [Option<Series>; 3],
    /// Asked of the heap, where that is known.
    pub(super) allocations: Option<f64>,
    pub(super) bytes: Option<f64>,
    pub(super) syscalls: Syscalls,
    /// Bytes, for the whole process.
    pub(super) resident: Option<Series>,
    pub(super) peak: Series,
}

impl Figures {
    fn new(result: &ClientResult, requests: usize) -> Self {
        let requests = requests as f64;
        let series = |part: fn(&Sample) -> u64| {
            Series::of(result.times.iter().map(|sample| part(sample) as f64))
        };
        let heap = result.heap.heap;
        let times = |part| series(part).scaled(1e-3 / requests);
        Self {
            name: result.client.name,
            settings: result.client.settings,
            cpu: times(|sample| sample.user_ns + sample.system_ns),
            user_share: user_share(&result.times),
            wall: times(|sample| sample.wall_ns),
            latency: latency(&result.times),
            allocations: heap.map(|heap| heap.allocations as f64 / requests),
            bytes: heap.map(|heap| heap.bytes as f64 / requests),
            syscalls: result.syscalls.clone(),
            resident: resident(&result.times),
            peak: series(|sample| sample.peak),
        }
    }

    /// So that both together are the median of the CPU.
    pub(super) fn user(&self) -> f64 {
        self.cpu.median() * self.user_share.median()
    }

    pub(super) fn system(&self) -> f64 {
        self.cpu.median() - self.user()
    }
}

fn user_share(samples: &[Sample]) -> Series {
    Series::of(samples.iter().map(|sample| {
        let all = sample.user_ns + sample.system_ns;
        sample.user_ns as f64 / all.max(1) as f64
    }))
}

fn resident(samples: &[Sample]) -> Option<Series> {
    let rounds: Option<Vec<u64>> = samples.iter().map(|sample| sample.resident).collect();
    Some(Series::of(rounds?.into_iter().map(|bytes| bytes as f64)))
}

fn latency(samples: &[Sample]) -> [Option<Series>; 3] {
    let series = |part: fn(Latency) -> Option<u64>| {
        let rounds = samples.iter().map(|sample| part(sample.latency?));
        let rounds = rounds.collect::<Option<Vec<u64>>>()?.into_iter();
        Some(Series::of(rounds.map(|nanoseconds| nanoseconds as f64)).scaled(1e-3))
    };
    [
        series(|latency| Some(latency.p50_ns)),
        series(|latency| latency.p99_ns),
        series(|latency| latency.p999_ns),
    ]
}

/// The figures of a case, and the two clients to which the others are compared.
pub(super) struct Comparison<'a> {
    pub(super) case: &'a Case,
    pub(super) figures: Vec<Figures>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(plan: &Plan, finding: &'a Finding) -> Self {
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

    /// This client's CPU time divided by another's, round by round.
    pub(super) fn ratio(&self, figures: &Figures, to: &str) -> Option<Series> {
        let other = self.figures.iter().find(|other| other.name == to)?;
        Some(figures.cpu.over(&other.cpu))
    }

    /// Milliseconds, where microseconds would be too many.
    pub(super) fn unit(&self) -> (&'static str, f64) {
        let longest = self.figures.iter().map(|figures| figures.cpu.median());
        match longest.fold(0.0, f64::max) {
            1000.0.. => ("ms", 1e-3),
            _ => ("us", 1.0),
        }
    }
}
