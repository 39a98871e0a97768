//! Figures for people.

use super::figures::Comparison;
use crate::options::Plan;
use crate::series::Series;

pub(super) fn table(plan: &Plan, comparison: &Comparison<'_>) -> String {
    let case = comparison.case;
    let (unit, _) = comparison.unit();
    let threads = plan.threads(case);
    let head = format!(
        "{}, {}: {}\n{} in flight, {threads} thread{}, cores {}, {} rounds of {} requests; \
         server: {}; times in {unit}\n",
        plan.scenario.name,
        case.name,
        plan.scenario.about,
        plan.in_flight(case),
        if threads == 1 { "" } else { "s" },
        plan.cores(case).name(),
        plan.rounds(case),
        plan.requests(case),
        plan.server_name(),
    );
    let left_out = plan
        .scenario
        .left_out
        .as_ref()
        .map_or_else(String::new, |left_out| {
            format!("without {}: {}\n", left_out.client, left_out.because)
        });
    let absent = plan.absent.iter();
    let absent = absent.map(|(name, because)| format!("{name} is skipped: {}\n", because.trim()));
    let absent: String = absent.collect();
    let (costs, waits) = (costs(comparison), waits(comparison));
    format!("{head}{left_out}{absent}\n{costs}\n{waits}")
}

fn costs(comparison: &Comparison<'_>) -> String {
    let (_, scale) = comparison.unit();
    let mut text = format!(
        "{:<10}{:>8}{:>6}{:>8}{:>8}{:>8}{:>7}{:>8}{:>6}{:>6}{:>6}{:>6}{:>6}\n",
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
        "+-",
        "/h-u",
        "+-"
    );
    for figures in &comparison.figures {
        text += &format!(
            "{:<10}{:>8.2}{}{:>8.2}{:>8.2}{:>8.2}{:>7}{:>8}{:>6}{}{}\n",
            figures.name,
            figures.cpu.median() * scale,
            figures.cpu.spread().column(),
            figures.user() * scale,
            figures.system() * scale,
            figures.wall.median() * scale,
            count(figures.allocations),
            bytes(figures.bytes),
            or_dash(figures.syscalls.total()),
            ratio_columns(comparison.ratio(figures, "bare").as_ref()),
            ratio_columns(comparison.ratio(figures, "hyper-util").as_ref()),
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
        let at = |place: usize| {
            let latency = figures.latency[place].as_ref();
            or_dash(latency.map(|series| series.median() * scale))
        };
        text += &format!(
            "{:<10}{:>9}{:>9}{:>9}{:>11}{:>11}\n",
            figures.name,
            at(0),
            at(1),
            at(2),
            bytes(figures.resident.as_ref().map(Series::median)),
            bytes(Some(figures.peak.median())),
        );
    }
    text
}

/// A ratio's median and spread, in twelve columns.
pub(super) fn ratio_columns(ratio: Option<&Series>) -> String {
    let column = ratio.map_or_else(|| format!("{:>6}", "-"), |ratio| ratio.spread().column());
    format!("{:>6}{column}", or_dash(ratio.map(Series::median)))
}

/// Two digits behind the point where there is room for them.
pub(crate) fn or_dash(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number @ ..99.995) => format!("{number:.2}"),
        Some(number) => format!("{number:.0}"),
    }
}

fn count(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number @ ..9_999.95) => format!("{number:.1}"),
        Some(number) => format!("{number:.0}"),
    }
}

fn bytes(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number @ ..99_999.5) => format!("{number:.0}"),
        Some(number @ ..1e7) => format!("{:.0}Ki", number / 1024.0),
        Some(number) => format!("{:.0}Mi", number / 1024.0 / 1024.0),
    }
}

pub(super) const LEGEND: &str = "\
cpu: user and system time of the client's process, median of the rounds; +-: half
of what the middle half of the rounds spans; user, system: cpu, divided as in the
median round by the kernel's estimate; allocs, bytes: asked of the heap; calls:
system calls under strace; /bare, /h-u: cpu divided by the bare socket's and by
hyper-util's in the same round, median of the rounds. All these are per request.
p50, p99, p99.9: from asking to the body's end, for one request; medians of the
rounds; resident, peak: bytes of memory of the process when its last request was
answered and its heap had given back what it did not use (malloc_trim), and at most;
the kernel counts both only roughly, to some dozen pages. -: not known, not counted, of too few requests for such a
percentile, or strace is not installed.";

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
        assert_eq!(bytes(Some(12_526.0)), "12526");
        assert_eq!(bytes(Some(4_794_661.0)), "4682Ki");
        assert_eq!(bytes(Some(112_458_832.0)), "107Mi");
    }
}
