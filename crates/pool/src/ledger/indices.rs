//! What the books refer to each other by: an index for each slab, tickets, and numbers of dials.

use super::slab::Index;

pub(crate) type EntryIndex = Index<OfEntries>;
pub(crate) type HomeIndex = Index<OfHomes>;
pub(crate) type LaneIndex = Index<OfLanes>;
pub(crate) type SlotIndex = Index<OfSlots>;
pub(crate) type WaiterIndex = Index<OfWaiters>;

/// The order of coming, over all lines.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Ticket(pub(crate) u64);

/// A dial's slot, and the number that tells whether the slot is still that dial's: one that is given
/// up for others loses it before it has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DialId {
    pub(crate) slot: SlotIndex,
    pub(crate) number: u64,
}

/// Marks the slab of entries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfEntries;

/// Marks the slab of lanes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfLanes;

/// Marks the slab of homes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfHomes;

/// Marks the slab of slots.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfSlots;

/// Marks the slab of waiters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct OfWaiters;
