//! A vector with holes: values keep their index until they are removed.

use std::num::NonZeroU32;
use std::ops;

/// Where a value stands in the [`Slab`] marked `M`.
///
/// The mark keeps the index of a slot from being used for a waiter. One is added to the position,
/// so that `Option<Index>` takes four bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Index<M>(NonZeroU32, std::marker::PhantomData<M>);

/// Values of `V`, each at an [`Index`] of its own; insertion and removal take constant time and
/// allocate only to grow.
#[derive(Debug)]
pub(crate) struct Slab<M, V> {
    cells: Vec<Cell<M, V>>,
    vacant: Option<Index<M>>,
    len: usize,
}

#[derive(Debug)]
enum Cell<M, V> {
    Vacant { next: Option<Index<M>> },
    Full(V),
}

impl<M: Copy, V> Slab<M, V> {
    pub(crate) const fn new() -> Self {
        Self {
            cells: Vec::new(),
            vacant: None,
            len: 0,
        }
    }

    pub(crate) fn insert(&mut self, value: V) -> Index<M> {
        self.len += 1;
        let Some(index) = self.vacant else {
            self.cells.push(Cell::Full(value));
            return Index::of_position(self.cells.len() - 1);
        };
        let cell = &mut self.cells[index.position()];
        if let Cell::Vacant { next } = *cell {
            self.vacant = next;
        }
        *cell = Cell::Full(value);
        index
    }

    /// Takes a value out; `None` if none stands there.
    pub(crate) fn remove(&mut self, index: Index<M>) -> Option<V> {
        let cell = self.cells.get_mut(index.position())?;
        if matches!(cell, Cell::Vacant { .. }) {
            return None;
        }
        let vacated = Cell::Vacant { next: self.vacant };
        match std::mem::replace(cell, vacated) {
            Cell::Vacant { .. } => None,
            Cell::Full(value) => {
                self.vacant = Some(index);
                self.len -= 1;
                Some(value)
            }
        }
    }

    pub(crate) fn get(&self, index: Index<M>) -> Option<&V> {
        match self.cells.get(index.position())? {
            Cell::Vacant { .. } => None,
            Cell::Full(value) => Some(value),
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
                Cell::Vacant { .. } => None,
                Cell::Full(value) => Some((Index::of_position(position), value)),
            })
    }
}

// An index comes from `insert` alone and its holder is the only one who removes the value, so a
// vacant cell is met only through a mistake in this crate. No peer can bring it about.
impl<M: Copy, V> ops::Index<Index<M>> for Slab<M, V> {
    type Output = V;

    fn index(&self, index: Index<M>) -> &V {
        match &self.cells[index.position()] {
            Cell::Vacant { .. } => unreachable!("a vacant cell was asked for"),
            Cell::Full(value) => value,
        }
    }
}

impl<M: Copy, V> ops::IndexMut<Index<M>> for Slab<M, V> {
    fn index_mut(&mut self, index: Index<M>) -> &mut V {
        match &mut self.cells[index.position()] {
            Cell::Vacant { .. } => unreachable!("a vacant cell was asked for"),
            Cell::Full(value) => value,
        }
    }
}

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

    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
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
        let indices: Vec<_> = (0..4).map(|value| slab.insert(value)).collect();
        for index in &indices {
            slab.remove(*index);
        }
        for value in 10..14 {
            slab.insert(value);
        }
        assert_eq!(slab.cells.len(), 4);
        let mut values: Vec<_> = slab.iter().map(|(_, value)| *value).collect();
        values.sort_unstable();
        assert_eq!(values, [10, 11, 12, 13]);
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
