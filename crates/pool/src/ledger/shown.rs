//! For tests: what of the books a reference is compared with.

use super::indices::LaneIndex;
use super::slot::SlotState;
use super::{Host, Ledger};
use crate::reusable::{Key, Reusable};

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// The lanes of the dials under way, in the order of their beginning, and of the cancelled ones.
    pub(crate) fn dials_in_order(&self) -> [Vec<(K, H::Id)>; 2] {
        let mut under_way: Vec<_> = self
            .slots
            .iter()
            .filter_map(|(_, slot)| match &slot.state {
                SlotState::Dialling(dialling) => Some((dialling.number, slot.lane)),
                _ => None,
            })
            .collect();
        under_way.sort_unstable_by_key(|(number, _)| *number);
        let cancelled = self.cancelled.oldest_first(&self.slots);
        let name = |lane: LaneIndex| {
            let lane = &self.lanes[lane];
            (self.entries[lane.entry].key.clone(), lane.runtime)
        };
        [
            under_way.into_iter().map(|(_, lane)| name(lane)).collect(),
            cancelled.map(|slot| name(self.slots[slot].lane)).collect(),
        ]
    }

    /// The lanes in which somebody waits.
    pub(crate) fn lines(&self) -> Vec<(K, H::Id)> {
        let lanes = self.lanes.iter();
        let waiting = lanes.filter(|(_, lane)| !lane.line.is_empty());
        waiting
            .map(|(_, lane)| (self.entries[lane.entry].key.clone(), lane.runtime))
            .collect()
    }

    /// Whether a runtime has a sweeper.
    pub(crate) fn is_swept(&self, runtime: H::Id) -> bool {
        let mut homes = self.homes.iter();
        homes.any(|(_, home)| home.id == runtime && home.is_swept)
    }
}
