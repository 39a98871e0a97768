//! What the pool holds now, and what it has done so far.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// A consistent look at a pool: everything in it was true at the same moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats<K> {
    /// What the pool holds over all keys.
    pub totals: Counts,
    /// What it holds for each key that it knows at the moment, in no order.
    pub keys: Vec<(K, Counts)>,
    /// What it has done since it was made.
    pub counters: Counters,
}

/// How many connections stand where, and how many requests wait.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that wait for a request.
    pub idle: usize,
    /// Connections that a request holds.
    pub lent: usize,
    /// Connections that are being made.
    pub dialling: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
}

/// Counts of what has happened; they only ever grow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Dials begun.
    pub dials: u64,
    /// Dials that failed or panicked.
    pub dial_failures: u64,
    /// Dials that ended unfinished: nobody wanted them any more, or their runtime ended.
    pub dials_cancelled: u64,
    /// Connections lent from the idle set.
    pub reuses: u64,
    /// Connections handed from one request straight to the next.
    pub handed_on: u64,
    /// Requests that had to wait and were served.
    pub waits: u64,
    /// How long these waited, all told.
    pub wait_time: Duration,
    /// Requests that stopped waiting.
    pub waits_given_up: u64,
    /// Requests that were refused because the line was full.
    pub waits_refused: u64,
    /// Connections closed, by reason.
    pub closes: Closes,
}

/// Why the pool parted with a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Retirement {
    /// Whoever held the lease dropped it, without releasing it or giving a reason.
    Dropped,
    /// Its peer had ended it: the check at checkout refused it, or whoever it was handed on to
    /// said so to [`Lease::close`](crate::Lease::close).
    Stale,
    /// The sweeper saw that the peer had ended it.
    Ended,
    /// What it was made by has changed since; see
    /// [`Reusable::is_retired`](crate::Reusable::is_retired).
    Replaced,
    /// It had idled as long as it may.
    IdleTimeout,
    /// It had become as old as it may.
    Lifetime,
    /// It had been lent as often as it may.
    MaxUses,
    /// The machine slept while it was open: the wall clock ran ahead of the monotonic one.
    Suspended,
    /// More connections idled than may.
    OverIdleLimit,
    /// Its key had more connections than it may since its limit was lowered.
    OverLimit,
    /// It made room for a connection that was waited for.
    MadeRoom,
    /// The pool was asked to close it.
    Evicted,
    /// The runtime it belonged to ended.
    RuntimeEnded,
    /// The pool was shut down or dropped.
    ShutDown,
}

/// A count for each [`Retirement`].
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Closes([u64; Retirement::ALL.len()]);

impl Counts {
    /// Idle, lent and being dialled together: what the limits count.
    pub fn connections(&self) -> usize {
        self.idle + self.lent + self.dialling
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            idle,
            lent,
            dialling,
            waiting,
        } = other;
        self.idle += idle;
        self.lent += lent;
        self.dialling += dialling;
        self.waiting += waiting;
    }
}

impl Closes {
    /// How many connections were closed for this reason.
    pub fn of(&self, reason: Retirement) -> u64 {
        self.0[reason as usize]
    }

    /// How many connections were closed for any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Retirement, u64)> {
        Retirement::ALL.iter().copied().zip(self.0)
    }

    pub(crate) fn add(&mut self, reason: Retirement) {
        self.0[reason as usize] += 1;
    }
}

/// The reasons that there were, by name.
impl fmt::Debug for Closes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().filter(|(_, count)| *count > 0))
            .finish()
    }
}

impl Retirement {
    /// Every reason, in the order of their declaration.
    pub const ALL: &'static [Self] = &[
        Self::Dropped,
        Self::Stale,
        Self::Ended,
        Self::Replaced,
        Self::IdleTimeout,
        Self::Lifetime,
        Self::MaxUses,
        Self::Suspended,
        Self::OverIdleLimit,
        Self::OverLimit,
        Self::MadeRoom,
        Self::Evicted,
        Self::RuntimeEnded,
        Self::ShutDown,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_count_of_its_own() {
        let mut closes = Closes::default();
        for (position, reason) in Retirement::ALL.iter().copied().enumerate() {
            assert_eq!(reason as usize, position);
            for _ in 0..=position {
                closes.add(reason);
            }
        }
        for (position, (reason, count)) in closes.iter().enumerate() {
            assert_eq!(count, position as u64 + 1);
            assert_eq!(closes.of(reason), count);
        }
        assert_eq!(closes.total(), 105);
    }

    #[test]
    fn the_reasons_that_there_were_are_read_by_name() {
        let mut closes = Closes::default();
        closes.add(Retirement::Stale);
        closes.add(Retirement::Stale);
        assert_eq!(format!("{closes:?}"), "{Stale: 2}");
    }
}
