//! Room for connections that nobody waits for: they may not cost anybody anything.

use super::after::Debris;
use super::{Address, After, Asking, Host, Joined, Ledger, Moment, Now, Sought};
use crate::policy::KeyLimits;
use crate::reusable::{Key, Reusable};

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Somebody comes to warm: whatever becomes of that, the limits in the address hold from now
    /// on.
    pub(crate) fn heed_limits(
        &mut self,
        address: Address<K, H>,
        now: Moment,
        after: &mut After<K, T, H>,
    ) {
        if self.is_open() && self.keys.find(&address.sought()).is_some() {
            let lane = self.lane_for(address, after);
            self.settle(lane, now, after);
        } else {
            address.discard(after);
        }
    }

    /// How many more connections of a key could be made, and idle, without another having to go,
    /// once those have dialled who wait under the key. What is being dialled may idle once it is
    /// made.
    pub(crate) fn room_to_warm(&self, key: &Sought<'_, K>, limits: KeyLimits) -> usize {
        let counts = self.counts_of(key);
        let left = [
            (limits.max_connections.max(1), counts.connections()),
            (limits.max_idle, counts.idle + counts.dialling),
            (
                self.policy.max_connections.max(1),
                self.totals.connections(),
            ),
            (
                self.policy.max_idle,
                self.totals.idle + self.totals.dialling,
            ),
        ];
        let left = left.map(|(max, taken)| max.saturating_sub(taken));
        let left = left.into_iter().min().unwrap_or_default();
        left.saturating_sub(self.held_back(key))
    }

    /// Joins the line only where there is room to warm. The dial then begins at once: nobody else
    /// waits for room that there is.
    pub(crate) fn join_if_room(
        &mut self,
        asking: Asking<K, H>,
        now: Now,
        after: &mut After<K, T, H>,
    ) -> Option<Joined<T>> {
        let address = &asking.address;
        if self.room_to_warm(&address.sought(), address.limits) > 0 {
            return Some(self.join(asking, now, after));
        }
        after.discard(Debris::Dial(asking.dial));
        asking.address.discard(after);
        None
    }

    /// How many wait under a key for whom no dial is under way.
    fn held_back(&self, key: &Sought<'_, K>) -> usize {
        let place = self.keys.find(key);
        let lanes = place.map_or(&[][..], |place| &self.entries[place.entry].lanes);
        let lanes = lanes.iter().map(|lane| &self.lanes[*lane]);
        let held_back = lanes.map(|it| it.line.len().saturating_sub(it.dials.len()) as usize);
        held_back.sum()
    }
}
