//! What the pool may hold, and for how long.

use std::time::Duration;

/// The limits and times of a pool.
///
/// The default suits a service that calls others all day: connections are not limited, up to 64
/// idle ones are kept per key and 512 in total, for 50 seconds each (under the 60 seconds that
/// load balancers commonly allow) and for about ten minutes of life, so that changes of DNS are
/// followed.
///
/// What idles longer than it may is closed by the sweeper, which looks at up to 1,024 idle
/// connections a second and runtime: of 10,000 each has its turn once in ten seconds, however many
/// of the others are lent and returned meanwhile. Lending looks for itself, so that none is lent
/// whose time is over.
///
/// ```
/// use std::time::Duration;
/// use postrider_pool::{KeyLimits, Policy};
///
/// let policy = Policy::default()
///     .with_max_connections(2_000)
///     .with_per_key(KeyLimits::default().with_max_connections(100))
///     .with_idle_timeout(Some(Duration::from_secs(20)));
/// assert_eq!(policy.per_key.max_connections, 100);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// The limits that hold for each key, unless
    /// [`Builder::limits_of`](crate::Builder::limits_of) says otherwise for one.
    pub per_key: KeyLimits,
    /// The most connections in total: idle, lent and being dialled. Unlimited by default; zero
    /// counts as one, as a pool without connections would let everybody wait for ever.
    pub max_connections: usize,
    /// The most idle connections in total; beyond it the one that has idled longest is closed.
    /// 512 by default. With zero, connections serve only those who already wait.
    pub max_idle: usize,
    /// How long a connection may idle since it last served; `None` is without end. 50 seconds by
    /// default. With zero, connections serve only those who already wait.
    ///
    /// What [`Reusable::idle_limit`](crate::Reusable::idle_limit) says shortens it further.
    pub idle_timeout: Option<Duration>,
    /// How old a connection may become; `None` is without end. Ten minutes by default. With zero,
    /// each connection serves one request.
    ///
    /// It is looked at when a connection is lent, when it is returned, and by the sweeper while it
    /// idles, never while it is lent.
    pub lifetime: Option<Duration>,
    /// By how many percent a connection's lifetime is made shorter or longer at random, so that
    /// connections opened together do not end together. 20 by default; more than 100 counts as 100,
    /// and zero is no jitter.
    pub lifetime_jitter: u8,
    /// How many times a connection may be lent; `None` is without end, the default. Zero counts
    /// as one.
    pub max_uses: Option<u64>,
    /// How long a dial that nobody waits for any more may go on. 5 seconds by default; with zero it
    /// is cancelled as soon as the sweeper comes, within about a second.
    pub surplus_grace: Duration,
}

/// The limits of one key, over all runtimes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct KeyLimits {
    /// The most connections: idle, lent and being dialled. Unlimited by default; zero counts as
    /// one.
    pub max_connections: usize,
    /// The most idle connections; beyond it the one that has idled longest is closed.
    /// 64 by default. With zero, connections serve only those who already wait.
    pub max_idle: usize,
    /// The longest line of waiters that the limits hold back; who comes when it is full is refused
    /// at once. 10,000 by default. With zero, whoever has to wait for more than its own dial is
    /// refused.
    pub max_waiting: usize,
}

impl Policy {
    /// Sets the limits that hold for each key.
    #[must_use]
    pub fn with_per_key(self, per_key: KeyLimits) -> Self {
        Self { per_key, ..self }
    }

    /// Sets the most connections in total.
    #[must_use]
    pub fn with_max_connections(self, max_connections: usize) -> Self {
        Self {
            max_connections,
            ..self
        }
    }

    /// Sets the most idle connections in total.
    #[must_use]
    pub fn with_max_idle(self, max_idle: usize) -> Self {
        Self { max_idle, ..self }
    }

    /// Sets how long a connection may idle.
    #[must_use]
    pub fn with_idle_timeout(self, idle_timeout: Option<Duration>) -> Self {
        Self {
            idle_timeout,
            ..self
        }
    }

    /// Sets how old a connection may become.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Option<Duration>) -> Self {
        Self { lifetime, ..self }
    }

    /// Sets by how many percent lifetimes vary; more than 100 counts as 100.
    #[must_use]
    pub fn with_lifetime_jitter(self, percent: u8) -> Self {
        Self {
            lifetime_jitter: percent.min(100),
            ..self
        }
    }

    /// Sets how many times a connection may be lent.
    #[must_use]
    pub fn with_max_uses(self, max_uses: Option<u64>) -> Self {
        Self { max_uses, ..self }
    }

    /// Sets how long a dial that nobody waits for any more may go on.
    #[must_use]
    pub fn with_surplus_grace(self, surplus_grace: Duration) -> Self {
        Self {
            surplus_grace,
            ..self
        }
    }

    /// The lifetime of one connection: `chance` out of `u64::MAX` picks within the jitter.
    pub(crate) fn lifetime_by(&self, chance: u64) -> Option<Duration> {
        let lifetime = self.lifetime?;
        let spread = f64::from(self.lifetime_jitter.min(100)) / 100.0;
        let swing = (chance as f64 / u64::MAX as f64) * 2.0 - 1.0;
        let seconds = lifetime.as_secs_f64() * (1.0 + spread * swing);
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(lifetime))
    }
}

impl KeyLimits {
    /// Sets the most connections of the key.
    #[must_use]
    pub fn with_max_connections(self, max_connections: usize) -> Self {
        Self {
            max_connections,
            ..self
        }
    }

    /// Sets the most idle connections of the key.
    #[must_use]
    pub fn with_max_idle(self, max_idle: usize) -> Self {
        Self { max_idle, ..self }
    }

    /// Sets the longest line of waiters of the key.
    #[must_use]
    pub fn with_max_waiting(self, max_waiting: usize) -> Self {
        Self {
            max_waiting,
            ..self
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            per_key: KeyLimits::default(),
            max_connections: usize::MAX,
            max_idle: 512,
            idle_timeout: Some(Duration::from_secs(50)),
            lifetime: Some(Duration::from_secs(600)),
            lifetime_jitter: 20,
            max_uses: None,
            surplus_grace: Duration::from_secs(5),
        }
    }
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self {
            max_connections: usize::MAX,
            max_idle: 64,
            max_waiting: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_stays_within_its_jitter() {
        let policy = Policy::default();
        for (chance, seconds) in [(0, 480), (u64::MAX / 2, 600), (u64::MAX, 720)] {
            let lifetime = policy
                .lifetime_by(chance)
                .map(|it| it.as_secs_f64().round());
            assert_eq!(lifetime, Some(f64::from(seconds)));
        }
    }

    #[test]
    fn an_endless_lifetime_has_no_jitter() {
        let policy = Policy::default().with_lifetime(None);
        assert_eq!(policy.lifetime_by(7), None);
        let longest = Policy::default().with_lifetime(Some(Duration::MAX));
        assert_eq!(longest.lifetime_by(u64::MAX), Some(Duration::MAX));
    }
}
