//! The counters of a faulty stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what happens on a [`Faulty`](crate::Faulty) stream, also after the stream was given away.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    tally: Arc<Tally>,
}

/// What a [`Meter`] has counted so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Reads that brought bytes or the end.
    pub reads: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Writes that took bytes.
    pub writes: u64,
    /// Bytes taken by writes.
    pub bytes_written: u64,
    /// Flushes that were completed.
    pub flushes: u64,
    /// Shutdowns that were completed.
    pub shutdowns: u64,
    /// Polls of any kind that were held up by the stream itself, not by what it wraps.
    pub held_up: u64,
}

#[derive(Debug, Default)]
struct Tally {
    reads: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
    flushes: AtomicU64,
    shutdowns: AtomicU64,
    held_up: AtomicU64,
}

impl Meter {
    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        let Tally {
            reads,
            bytes_read,
            writes,
            bytes_written,
            flushes,
            shutdowns,
            held_up,
        } = &*self.tally;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            reads: load(reads),
            bytes_read: load(bytes_read),
            writes: load(writes),
            bytes_written: load(bytes_written),
            flushes: load(flushes),
            shutdowns: load(shutdowns),
            held_up: load(held_up),
        }
    }

    pub(crate) fn read(&self, bytes: usize) {
        add(&self.tally.reads, 1);
        add(&self.tally.bytes_read, bytes);
    }

    pub(crate) fn wrote(&self, bytes: usize) {
        add(&self.tally.writes, 1);
        add(&self.tally.bytes_written, bytes);
    }

    pub(crate) fn flushed(&self) {
        add(&self.tally.flushes, 1);
    }

    pub(crate) fn shut_down(&self) {
        add(&self.tally.shutdowns, 1);
    }

    pub(crate) fn held_up(&self) {
        add(&self.tally.held_up, 1);
    }
}

fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}
