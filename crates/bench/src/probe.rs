//! What is measured around a client's loop.

use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

use crate::Failure;
use crate::heap::{self, HeapUse};

/// What this run is for: counting allocations costs time, so it is not done while time counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Quantity {
    Time,
    Heap,
    /// How many requests fail, where the others end at the first that does.
    Failures,
}

/// One client's figures in one run, for all requests together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) heap: HeapUse,
    pub(crate) failures: u64,
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
            Quantity::Time | Quantity::Failures => HeapUse::default(),
            Quantity::Heap => heap::stop_counting(),
        };
        Ok(Sample {
            wall,
            user: elapsed(self.usage.user_time(), usage.user_time()),
            system: elapsed(self.usage.system_time(), usage.system_time()),
            heap,
            failures: 0,
        })
    }
}

impl Sample {
    /// User and system time together. The kernel measures the sum exactly and only estimates how
    /// it divides.
    pub(crate) fn cpu(&self) -> Duration {
        self.user + self.system
    }

    pub(crate) fn to_json(self) -> Value {
        json!({
            "wall_ns": nanoseconds(self.wall),
            "user_ns": nanoseconds(self.user),
            "system_ns": nanoseconds(self.system),
            "allocations": self.heap.allocations,
            "allocated_bytes": self.heap.bytes,
            "failures": self.failures,
        })
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let number = |name: &str| value.get(name)?.as_u64();
        Some(Self {
            wall: Duration::from_nanos(number("wall_ns")?),
            user: Duration::from_nanos(number("user_ns")?),
            system: Duration::from_nanos(number("system_ns")?),
            heap: HeapUse {
                allocations: number("allocations")?,
                bytes: number("allocated_bytes")?,
            },
            failures: number("failures")?,
        })
    }
}

fn elapsed(from: TimeVal, to: TimeVal) -> Duration {
    let microseconds = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let difference = microseconds(to) - microseconds(from);
    Duration::from_micros(u64::try_from(difference).unwrap_or(0))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
