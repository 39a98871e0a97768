//! The monotonic clock and the wall clock: side by side they show that the machine has slept.

use std::time::SystemTime;

use crate::host::Instant;
use crate::ledger::{Moment, Now};

/// The two clocks, and what they showed when the pool was made.
pub(crate) struct Clocks {
    start: Instant,
    /// What `start` was by the system's clock, which nobody can stop.
    system_start: std::time::Instant,
    wall_start: SystemTime,
    wall: WallClock,
}

/// Where the wall clock's time comes from.
pub(crate) enum WallClock {
    System,
    Custom(Box<dyn Fn() -> SystemTime + Send + Sync>),
}

impl Clocks {
    pub(crate) fn start(wall: WallClock) -> Self {
        Self {
            start: Instant::now(),
            system_start: std::time::Instant::now(),
            wall_start: wall.read(),
            wall,
        }
    }

    /// What both clocks show, for a caller who has read one of them.
    #[inline]
    pub(crate) fn now_at(&self, instant: Instant) -> Now {
        let mono = self.moment_of(instant);
        let lead = self.wall_moment().lead_over(mono);
        match self.wall {
            WallClock::System if !lead.is_slight() => self.look_again(),
            _ => Now { mono, lead },
        }
    }

    /// Where the clocks are not in step, the machine need not have slept: the caller may have read
    /// its clock a while ago, or tokio's may be paused, as in tests.
    #[cold]
    fn look_again(&self) -> Now {
        let system = Moment::after_start(self.system_start.elapsed());
        Now {
            mono: self.moment_of(Instant::now()),
            lead: self.wall_moment().lead_over(system),
        }
    }

    #[inline]
    pub(crate) fn moment_of(&self, instant: Instant) -> Moment {
        match instant.checked_duration_since(self.start) {
            Some(after) => Moment::after_start(after),
            None => Moment::before_start(self.start - instant),
        }
    }

    fn wall_moment(&self) -> Moment {
        match self.wall.read().duration_since(self.wall_start) {
            Ok(after) => Moment::after_start(after),
            Err(before) => Moment::before_start(before.duration()),
        }
    }

    pub(crate) fn instant_of(&self, moment: Moment) -> Instant {
        let (distance, is_before) = moment.distance_from_start();
        let instant = if is_before {
            self.start.checked_sub(distance)
        } else {
            self.start.checked_add(distance)
        };
        instant.unwrap_or(self.start)
    }
}

impl WallClock {
    fn read(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::Custom(read) => read(),
        }
    }
}
