//! Latencies, counted in buckets whose width grows with their value.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Sixteen buckets to each doubling: no value is told with more than 6 % of error. Everything is
/// allocated beforehand, so that recording costs one addition.
pub(crate) struct Histogram(Box<[AtomicU64]>);

/// What a histogram tells, in nanoseconds. Where fewer were recorded than a share needs to be more
/// than the slowest one, nothing.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_ns: u64,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) p999_ns: Option<u64>,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn record(&self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0[bucket(nanoseconds)].fetch_add(1, Ordering::Relaxed);
    }

    /// Nothing, where nothing was recorded.
    pub(crate) fn tell(&self) -> Option<Latency> {
        let counts: Vec<u64> = self.0.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let of_enough = |least, share| quantile(&counts, share).filter(|_| total >= least);
        Some(Latency {
            p50_ns: quantile(&counts, 0.5)?,
            p99_ns: of_enough(100, 0.99),
            p999_ns: of_enough(1000, 0.999),
        })
    }
}

/// The middle of the bucket in which the share is reached.
fn quantile(counts: &[u64], share: f64) -> Option<u64> {
    let total: u64 = counts.iter().sum();
    let rank = (share * total as f64).ceil() as u64;
    let mut seen = 0;
    let reached = counts.iter().position(|count| {
        seen += count;
        seen >= rank.max(1)
    })?;
    Some(lowest(reached).midpoint(lowest(reached + 1)))
}

fn bucket(value: u64) -> usize {
    if value < PARTS {
        return value as usize;
    }
    let doubling = value.ilog2() - PARTS.ilog2();
    let part = (value >> doubling) - PARTS;
    ((u64::from(doubling) + 1) * PARTS + part) as usize
}

/// The least value of a bucket.
fn lowest(bucket: usize) -> u64 {
    let (doubling, part) = (bucket as u64 / PARTS, bucket as u64 % PARTS);
    match doubling {
        0 => part,
        _ => (PARTS + part)
            .checked_shl((doubling - 1) as u32)
            .unwrap_or(u64::MAX),
    }
}

const PARTS: u64 = 16;

/// For every value of 64 bits.
const BUCKETS: usize = 61 * PARTS as usize;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BUCKETS, Histogram, bucket, lowest};

    #[test]
    fn every_value_lies_between_its_buckets_ends() {
        for value in [0, 1, 15, 16, 17, 31, 32, 1000, 123_456_789, u64::MAX / 3] {
            let found = bucket(value);
            assert!(
                lowest(found) <= value && value < lowest(found + 1),
                "{value}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_slowest_of_a_few_is_no_percentile() {
        let histogram = Histogram::new();
        for _ in 0..100 {
            histogram.record(Duration::from_micros(10));
        }
        let latency = histogram.tell().unwrap();
        assert!(latency.p99_ns.is_some() && latency.p999_ns.is_none());
    }

    #[test]
    fn quantiles_are_told_with_little_error() {
        let histogram = Histogram::new();
        assert_eq!(histogram.tell(), None);
        for microseconds in 1..=1000 {
            histogram.record(Duration::from_micros(microseconds));
        }
        let latency = histogram.tell().unwrap();
        for (told, right) in [
            (latency.p50_ns, 500_000.0),
            (latency.p99_ns.unwrap(), 990_000.0),
            (latency.p999_ns.unwrap(), 999_000.0),
        ] {
            assert!(
                (told as f64 / right - 1.0).abs() < 0.06,
                "{told} for {right}"
            );
        }
    }
}
