//! What is printed: for 80 columns.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use postrider::{ConnectionInfo, Error, Response, Stats, Timings};

/// How many columns a waterfall's bars have.
const BAR: usize = 44;

/// An exchange that is over: the connection that carried it, and its phases.
pub(crate) fn exchange(title: &str, response: &Response, length: u64) {
    println!("{:.78}", title);
    println!("  {}, {} of body", response.status(), bytes(length));
    println!("  {}", connection(response.connection()));
    waterfall(response.timings());
    println!();
}

/// A response's head, as it came.
pub(crate) fn head(response: &Response) {
    println!("{:?} {}", response.version(), response.status());
    for (name, value) in response.headers() {
        println!("{name}: {}", value.as_bytes().escape_ascii());
    }
    println!();
}

/// Rewrites one line with how far a download has come.
pub(crate) fn progress(length: u64, expected: Option<u64>) {
    let of = expected.map_or_else(String::new, |expected| format!(" of {}", bytes(expected)));
    print!("\r  {}{of}      ", bytes(length));
    std::io::stdout().flush().ok();
}

/// Many exchanges at once: what the slowest and the middle one took.
pub(crate) fn many(title: &str, done: &[(u64, Timings)]) {
    let mut by_connection: BTreeMap<u64, usize> = BTreeMap::new();
    for (id, _) in done {
        *by_connection.entry(*id).or_default() += 1;
    }
    let mut took: Vec<Duration> = done.iter().filter_map(|(_, it)| it.body()).collect();
    took.sort();
    let at = |percent: usize| {
        took.get(took.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    let busiest = by_connection.values().max().copied().unwrap_or_default();
    println!("{title}");
    println!(
        "  {} connections, the busiest carried {busiest}",
        by_connection.len()
    );
    println!(
        "  half of them took at most {}, 99 of 100 {}",
        time(at(50)),
        time(at(99))
    );
    println!();
}

pub(crate) fn failure(error: &Error) {
    wrapped(&format!("error: {error}"));
    for attempt in error.attempts() {
        println!("    tried {} for {}", attempt.addr, time(attempt.elapsed));
    }
}

/// Prints a text over as many lines of at most 78 columns as it takes.
fn wrapped(text: &str) {
    let mut column = 1;
    print!(" ");
    for word in text.split(' ') {
        if column + 1 + word.len() > 78 {
            print!("\n   ");
            column = 3;
        }
        print!(" {word}");
        column += 1 + word.len();
    }
    println!();
}

/// The pool, at the end of it all.
pub(crate) fn pool(stats: &Stats) {
    println!("== The pool\n");
    for (origin, counts) in &stats.origins {
        println!(
            "  {origin:<40} {:>3} idle {:>3} lent",
            counts.idle, counts.lent
        );
    }
    let counters = &stats.counters;
    println!(
        "  {} dials ({} failed), {} reuses, {} handed on, {} sent again",
        counters.dials, counters.dial_failures, counters.reuses, counters.handed_on, stats.retries
    );
}

fn connection(connection: &ConnectionInfo) -> String {
    let id = connection.id();
    let tls = connection
        .tls()
        .map_or_else(String::new, |tls| format!(", {}", tls.version));
    if connection.is_reused() {
        let age = time(connection.age());
        format!(
            "connection {id}, reused for its request {}, {age} old{tls}",
            connection.request()
        )
    } else {
        format!("connection {id}, new{tls}")
    }
}

/// Each phase as a bar where it lay between the first and the last moment.
fn waterfall(timings: &Timings) {
    let connected = timings.connected().unwrap_or_default();
    let mut phases = Vec::new();
    if let Some(dial) = timings.dial() {
        let parts = [
            ("resolve", dial.resolve),
            ("connect", dial.connect),
            ("tls", dial.tls),
        ];
        let made: Duration = parts.iter().filter_map(|(_, took)| *took).sum();
        let mut at = connected.saturating_sub(made);
        phases.push(("pool", Duration::ZERO, at));
        for (name, took) in parts {
            if let Some(took) = took {
                phases.push((name, at, at + took));
                at += took;
            }
        }
    } else {
        phases.push(("pool", Duration::ZERO, connected));
    }
    let mut at = connected;
    for (name, end) in [
        ("send", timings.sent()),
        ("wait", timings.head()),
        ("body", timings.body()),
    ] {
        if let Some(end) = end {
            phases.push((name, at.min(end), end));
            at = end;
        }
    }
    let total = phases
        .iter()
        .map(|(_, _, end)| *end)
        .max()
        .unwrap_or_default();
    for (name, start, end) in phases {
        println!(
            "  {name:<8}|{}| {:>9}",
            bar(start, end, total),
            time(end - start)
        );
    }
}

fn bar(start: Duration, end: Duration, total: Duration) -> String {
    let column = |at: Duration| {
        let share = at.as_secs_f64() / total.as_secs_f64().max(1e-9);
        (share * BAR as f64) as usize
    };
    let from = column(start).min(BAR - 1);
    let to = column(end).clamp(from + 1, BAR);
    format!(
        "{}{}{}",
        " ".repeat(from),
        "=".repeat(to - from),
        " ".repeat(BAR - to)
    )
}

fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        _ if micros < 1_000.0 => format!("{micros:.0} us"),
        _ if micros < 1_000_000.0 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

fn bytes(count: u64) -> String {
    if count < 10 * 1024 {
        format!("{count} bytes")
    } else {
        format!("{:.1} MiB", count as f64 / (1024.0 * 1024.0))
    }
}
