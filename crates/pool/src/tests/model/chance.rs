//! Chance that can be repeated.

use super::super::reference::KeyRules;
use crate::Want;

/// The splitmix64 generator.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut chance = self.0;
        chance = (chance ^ (chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chance = (chance ^ (chance >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chance ^= chance >> 31;
        usize::try_from(chance % limit as u64).expect("below a usize")
    }

    pub(super) fn pick<T: Copy>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len())]
    }

    pub(super) fn pick_any<T: Copy>(&mut self, choice: &[T]) -> Option<T> {
        (!choice.is_empty()).then(|| self.pick(choice))
    }

    pub(super) fn want(&mut self) -> Want {
        match self.below(4) {
            0 => Want::Fresh,
            _ => Want::Any,
        }
    }

    pub(super) fn key_rules(&mut self) -> KeyRules {
        KeyRules {
            max_connections: 1 + self.below(7),
            max_idle: self.below(7),
            max_waiting: self.below(5),
        }
    }
}
