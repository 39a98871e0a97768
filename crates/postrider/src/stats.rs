//! What a client's pool holds, and what the client has done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use pool::{Counters, Counts, Retirement};

use crate::policy::retry::Written;
use crate::route::Key;

/// A look at a client's connections: what it holds was true at one moment.
///
/// Cheap enough to be asked for every second.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Over all origins.
    pub totals: Counts,
    /// For each origin that has a connection or a request waiting for one, by
    /// the order of their texts.
    pub origins: Vec<(String, Counts)>,
    /// What the pool has done since the client was made.
    pub counters: Counters,
    /// Requests that were sent again because their kept-alive connection
    /// turned out to be closed.
    pub retries: u64,
    /// Kept-alive connections that were found closed by the server.
    pub stale: Stale,
    /// Requests, and bodies of responses, that reached a limit on time.
    pub timeouts: u64,
}

/// How often a kept-alive connection was found closed by the server, by where
/// that was noticed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stale {
    /// While it was idle.
    pub at_idle: u64,
    /// When a request was about to take it.
    pub at_checkout: u64,
    /// By a request of which no byte could be written.
    pub at_write: u64,
    /// By a request that was written, wholly or in part, and got no byte of an
    /// answer.
    pub at_read: u64,
}

/// What the pool can't know. Each figure only ever grows.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) retries: Figure,
    pub(crate) timeouts: Figure,
    stale_at_write: Figure,
    stale_at_read: Figure,
}

#[derive(Debug, Default)]
pub(crate) struct Figure(AtomicU64);

impl Stats {
    pub(crate) fn new(stats: pool::Stats<Key>, tally: &Tally) -> Self {
        // An origin has several keys where requests ask for connections of
        // their own kind.
        let mut origins: BTreeMap<String, Counts> = BTreeMap::new();
        for (key, counts) in stats.keys {
            *origins.entry(key.to_string()).or_default() += counts;
        }
        let closes = &stats.counters.closes;
        Self {
            totals: stats.totals,
            origins: origins.into_iter().collect(),
            retries: tally.retries.read(),
            stale: Stale {
                at_idle: closes.of(Retirement::Ended),
                at_checkout: closes.of(Retirement::Stale),
                at_write: tally.stale_at_write.read(),
                at_read: tally.stale_at_read.read(),
            },
            timeouts: tally.timeouts.read(),
            counters: stats.counters,
        }
    }
}

impl Tally {
    /// Counts a kept-alive connection that was found closed by its request.
    pub(crate) fn count_stale(&self, written: Written) {
        match written {
            Written::Nothing => self.stale_at_write.add(),
            Written::Something => self.stale_at_read.add(),
        }
    }
}

impl Figure {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
