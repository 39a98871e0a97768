//! Happy Eyeballs (RFC 8305): the order in which addresses are tried, and the race.

mod order;
mod race;

use std::time::Duration;

pub(crate) use self::race::{Batch, Race, Supply, Winner};

/// The constants of RFC 8305, by their own names.
#[derive(Clone, Debug)]
pub(crate) struct RaceOptions {
    /// §5: from the start of one attempt to the start of the next.
    pub(crate) attempt_delay: Duration,
    /// §3: how long IPv4 answers wait for IPv6 ones that are still on their way.
    pub(crate) resolution_delay: Duration,
    /// How many attempts may be under way at once.
    pub(crate) most_at_once: usize,
}

impl Default for RaceOptions {
    fn default() -> Self {
        Self {
            attempt_delay: Duration::from_millis(250),
            resolution_delay: Duration::from_millis(50),
            most_at_once: 6,
        }
    }
}
