//! What is measured around a client's loop.

use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::heap::{self, HeapUse};
use crate::histogram::Latency;
use crate::memory;

/// What this run is for: counting allocations costs time, so it is not done while time counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Quantity {
    Time,
    Heap,
    /// How many requests fail, where the others end at the first that does.
    Failures,
}

/// One client's figures in one run, for all requests together. Clients that are programs of their
/// own print it as JSON.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Sample {
    pub(crate) wall_ns: u64,
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
    /// Nothing, unless the run was for it.
    #[serde(default)]
    pub(crate) heap: Option<HeapUse>,
    #[serde(default)]
    pub(crate) failures: u64,
    #[serde(default)]
    pub(crate) latency: Option<Latency>,
    /// Bytes that were resident when the loop had ended, ...
    #[serde(default)]
    pub(crate) resident: Option<u64>,
    /// ... and at most.
    #[serde(default)]
    pub(crate) peak: u64,
}

/// A measurement under way.
pub(crate) struct Probe {
    quantity: Quantity,
    usage: Usage,
    start: Instant,
}

impl Probe {
    pub(crate) fn start(quantity: Quantity) -> Result<Self, Failure> {
        if quantity == Quantity::Heap {
            heap::start_counting();
        }
        Ok(Self {
            quantity,
            usage: getrusage(UsageWho::RUSAGE_SELF)?,
            start: Instant::now(),
        })
    }

    pub(crate) fn stop(self) -> Result<Sample, Failure> {
        let wall = self.start.elapsed();
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let heap = match self.quantity {
            Quantity::Time | Quantity::Failures => None,
            Quantity::Heap => Some(heap::stop_counting()),
        };
        Ok(Sample {
            wall_ns: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            user_ns: elapsed(self.usage.user_time(), usage.user_time()),
            system_ns: elapsed(self.usage.system_time(), usage.system_time()),
            heap,
            failures: 0,
            latency: None,
            resident: Some(memory::resident()?),
            peak: memory::peak()?,
        })
    }
}

impl Sample {
    /// User and system time together. The kernel measures the sum exactly and only estimates how
    /// it divides.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.user_ns + self.system_ns)
    }
}

/// In nanoseconds.
fn elapsed(from: TimeVal, to: TimeVal) -> u64 {
    let microseconds = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let difference = microseconds(to) - microseconds(from);
    u64::try_from(difference).unwrap_or(0) * 1000
}
