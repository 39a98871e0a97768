//! Time as the books keep it: eight bytes a moment, as every idle connection has several.

use std::time::Duration;

/// A moment by the monotonic clock, in nanoseconds after the pool was made, or before. Sums stop
/// at [`Moment::NEVER`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Moment(i64);

/// The time by both clocks: the monotonic one stands still while the machine sleeps, the wall
/// clock does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) mono: Moment,
    pub(crate) lead: Lead,
}

/// By how many nanoseconds the wall clock has run ahead of the monotonic one since the pool was
/// made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lead(i64);

impl Moment {
    /// Some centuries after the pool was made.
    pub(crate) const NEVER: Self = Self(i64::MAX);

    pub(crate) fn after_start(duration: Duration) -> Self {
        Self(nanoseconds(duration))
    }

    pub(crate) fn before_start(duration: Duration) -> Self {
        Self(-nanoseconds(duration))
    }

    /// This moment and a while.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }

    /// How long it is since an earlier moment; nothing if that is not earlier.
    #[inline]
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let passed = self.0.saturating_sub(earlier.0);
        Duration::from_nanos(u64::try_from(passed).unwrap_or_default())
    }

    /// How far it is from the start, and whether it is before it.
    pub(crate) fn distance_from_start(self) -> (Duration, bool) {
        (Duration::from_nanos(self.0.unsigned_abs()), self.0 < 0)
    }

    /// The lead of a wall clock that shows this moment.
    pub(crate) fn lead_over(self, mono: Self) -> Lead {
        Lead(self.0.saturating_sub(mono.0))
    }
}

impl Now {
    pub(crate) const START: Self = Self {
        mono: Moment(0),
        lead: Lead(0),
    };
}

impl Lead {
    /// Whether the wall clock has run ahead since then, by more than clocks drift apart. One that
    /// was set back tells nothing.
    #[inline]
    pub(crate) fn has_grown_since(self, then: Self) -> bool {
        self.0.saturating_sub(then.0) > TOLERATED
    }

    /// Whether the clocks are in step, so that nothing can have grown by more than is tolerated.
    #[inline]
    pub(crate) fn is_slight(self) -> bool {
        self.0.unsigned_abs() < TOLERATED.unsigned_abs() / 2
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    match duration.as_secs() {
        seconds @ ..CENTURIES => {
            seconds as i64 * 1_000_000_000 + i64::from(duration.subsec_nanos())
        }
        _ => i64::MAX,
    }
}

/// Seconds whose nanoseconds still fit into an `i64`: some 285 years.
const CENTURIES: u64 = 9_000_000_000;

/// A second: how far the clocks may drift apart before a suspend is suspected.
const TOLERATED: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_reckoned_from_the_start_in_both_directions() {
        let second = Duration::from_secs;
        let before = Moment::before_start(second(2));
        let after = Moment::after_start(second(3));
        assert_eq!(after.since(before), second(5));
        assert_eq!(before.since(after), Duration::ZERO);
        assert_eq!(before.plus(second(5)), after);
        assert_eq!(before.distance_from_start(), (second(2), true));
        assert_eq!(after.distance_from_start(), (second(3), false));
    }

    #[test]
    fn what_is_too_far_away_never_comes() {
        let far = Moment::after_start(Duration::MAX);
        assert_eq!(far, Moment::NEVER);
        let start = Moment::after_start(Duration::ZERO);
        assert_eq!(start.plus(Duration::MAX), Moment::NEVER);
        assert!(Moment::NEVER.plus(Duration::MAX) > start);
    }
}
