//! A vector with holes: values keep their index until they are removed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::ops;

/// Where a value stands in the [`Slab`] marked `M`.
///
/// The mark keeps the index of a slot from being used for a waiter. One is added to the position,
/// so that `Option<Index>` takes four bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Index<M>(NonZeroU32, std::marker::PhantomData<M>);

/// Values of `V`, each at an [`Index`] of its own. Insertion and removal allocate only to grow and
/// to shrink.
///
/// The lowest vacant cell is filled first, so that after a burst the upper ones become vacant with
/// time, and their memory is given back.
#[derive(Debug)]
pub(crate) struct Slab<M, V> {
    cells: Vec<Cell<V>>,
    /// Every vacant cell, perhaps beside others that have been filled again or are gone.
    vacant: BinaryHeap<Reverse<Index<M>>>,
    len: usize,
}

#[derive(Debug)]
enum Cell<V> {
    Vacant,
    Full(V),
}

impl<M: Copy + Ord, V> Slab<M, V> {
    pub(crate) fn new() -> Self {
        Self {
            cells: Vec::new(),
            vacant: BinaryHeap::new(),
            len: 0,
        }
    }

    pub(crate) fn insert(&mut self, value: V) -> Index<M> {
        self.len += 1;
        while let Some(Reverse(index)) = self.vacant.pop() {
            if let Some(cell @ Cell::Vacant) = self.cells.get_mut(index.position()) {
                *cell = Cell::Full(value);
                return index;
            }
        }
        self.cells.push(Cell::Full(value));
        Index::of_position(self.cells.len() - 1)
    }

    /// Takes a value out; `None` if none stands there.
    pub(crate) fn remove(&mut self, index: Index<M>) -> Option<V> {
        let cell = self.cells.get_mut(index.position())?;
        let Cell::Full(value) = std::mem::replace(cell, Cell::Vacant) else {
            return None;
        };
        self.len -= 1;
        self.vacant.push(Reverse(index));
        self.shrink();
        Some(value)
    }

    pub(crate) fn get(&self, index: Index<M>) -> Option<&V> {
        match self.cells.get(index.position())? {
            Cell::Vacant => None,
            Cell::Full(value) => Some(value),
        }
    }

    /// Drops vacant cells at the end, and gives memory back once little of it is in use.
    fn shrink(&mut self) {
        while matches!(self.cells.last(), Some(Cell::Vacant)) {
            self.cells.pop();
        }
        let len = self.cells.len();
        if self.cells.capacity() > SMALL.max(len * 4) {
            self.cells.shrink_to(len * 2);
            self.vacant.retain(|Reverse(index)| index.position() < len);
            self.vacant.shrink_to(len);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Index<M>, &V)> {
        self.cells
            .iter()
            .enumerate()
            .filter_map(|(position, cell)| match cell {
                Cell::Vacant => None,
                Cell::Full(value) => Some((Index::of_position(position), value)),
            })
    }
}

// An index comes from `insert` alone and its holder is the only one who removes the value, so a
// vacant cell is met only through a mistake in this crate. No peer can bring it about.
impl<M: Copy, V> ops::Index<Index<M>> for Slab<M, V> {
    type Output = V;

    #[inline]
    fn index(&self, index: Index<M>) -> &V {
        match &self.cells[index.position()] {
            Cell::Vacant => unreachable!("a vacant cell was asked for"),
            Cell::Full(value) => value,
        }
    }
}

impl<M: Copy, V> ops::IndexMut<Index<M>> for Slab<M, V> {
    #[inline]
    fn index_mut(&mut self, index: Index<M>) -> &mut V {
        match &mut self.cells[index.position()] {
            Cell::Vacant => unreachable!("a vacant cell was asked for"),
            Cell::Full(value) => value,
        }
    }
}

/// How much is too little to be worth giving back.
pub(super) const SMALL: usize = 64;

impl<M> Index<M> {
    fn of_position(position: usize) -> Self {
        let number = u32::try_from(position + 1)
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MAX);
        Self(number, std::marker::PhantomData)
    }

    fn position(&self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
    struct Mark;

    #[test]
    fn a_value_keeps_its_index_while_others_come_and_go() {
        let mut slab: Slab<Mark, &str> = Slab::new();
        let first = slab.insert("first");
        let second = slab.insert("second");
        assert_eq!(slab.remove(first), Some("first"));
        assert_eq!(slab[second], "second");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn vacated_cells_are_used_again_before_the_slab_grows() {
        let mut slab: Slab<Mark, u32> = Slab::new();
        let indices: Vec<_> = (0..5).map(|value| slab.insert(value)).collect();
        for position in [2, 0, 3, 1] {
            slab.remove(indices[position]);
        }
        for value in 10..14 {
            slab.insert(value);
        }
        assert_eq!(slab.cells.len(), 5);
        let values: Vec<_> = slab.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [10, 11, 12, 13, 4]);
    }

    #[test]
    fn a_slab_that_was_large_gives_its_memory_back() {
        let mut slab: Slab<Mark, u32> = Slab::new();
        let mut indices: Vec<_> = (0..10_000).map(|value| slab.insert(value)).collect();
        let last = indices.pop().expect("there are many");
        for index in indices.drain(5..) {
            slab.remove(index);
        }
        // The last holds all of it; a newer one stands below.
        assert_eq!(slab.cells.len(), 10_000);
        let newer = slab.insert(7);
        slab.remove(last);
        assert_eq!((slab.cells.len(), slab[newer]), (6, 7));
        assert!(slab.cells.capacity() <= SMALL);
        assert!(slab.vacant.capacity() <= SMALL);
        for index in indices {
            slab.remove(index);
        }
        assert_eq!(slab.insert(8).position(), 0);
        assert_eq!((slab.len(), slab[newer]), (2, 7));
    }

    #[test]
    fn removing_twice_gives_nothing_and_harms_nothing() {
        let mut slab: Slab<Mark, u32> = Slab::new();
        let index = slab.insert(1);
        assert_eq!(slab.remove(index), Some(1));
        assert_eq!(slab.remove(index), None);
        let again = slab.insert(2);
        let other = slab.insert(3);
        assert_ne!(again, other);
        assert_eq!((slab[again], slab[other]), (2, 3));
    }

    #[test]
    fn an_optional_index_takes_four_bytes() {
        assert_eq!(size_of::<Option<Index<Mark>>>(), 4);
    }
}
