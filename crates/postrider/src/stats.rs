//! What a client's pool holds, and what it has done.

use pool::{Counters, Counts};

use crate::route::Key;

/// A look at a client's connections: everything in it was true at one moment.
///
/// Cheap enough to be asked for every second.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Over all origins.
    pub totals: Counts,
    /// For each origin that has a connection or a request waiting for one, in
    /// no order.
    pub origins: Vec<(String, Counts)>,
    /// What the pool has done since the client was made.
    pub counters: Counters,
    /// Requests that were sent again because their kept-alive connection
    /// turned out to be closed.
    pub retries: u64,
}

impl Stats {
    pub(crate) fn new(stats: pool::Stats<Key>, retries: u64) -> Self {
        let origins = stats
            .keys
            .into_iter()
            .map(|(key, counts)| (key.to_string(), counts));
        Self {
            totals: stats.totals,
            origins: origins.collect(),
            counters: stats.counters,
            retries,
        }
    }
}
