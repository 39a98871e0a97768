//! A doubly linked list through the values of a slab, ordered from oldest to newest.

use std::marker::PhantomData;

use super::slab::{Index, Slab};

/// A list of values marked `M`, threaded through the links that `C` names.
///
/// It also remembers one place, the *mark*: whatever is newer than the mark, and the mark itself,
/// has not been passed yet. The waiters' line keeps there who has not dialled yet, the sweeper
/// whom it looks at next.
#[derive(Debug)]
pub(crate) struct List<C, M> {
    oldest: Option<Index<M>>,
    newest: Option<Index<M>>,
    mark: Option<Index<M>>,
    len: u32,
    chain: PhantomData<C>,
}

/// The neighbours of a value in one list.
#[derive(Debug)]
pub(crate) struct Links<M> {
    older: Option<Index<M>>,
    newer: Option<Index<M>>,
}

/// A value that stands in at most one list of the chain `C` at a time.
pub(crate) trait Chained<C, M> {
    fn links(&self) -> &Links<M>;
    fn links_mut(&mut self) -> &mut Links<M>;
}

impl<C, M: Copy + Eq> List<C, M> {
    pub(crate) const fn new() -> Self {
        Self {
            oldest: None,
            newest: None,
            mark: None,
            len: 0,
            chain: PhantomData,
        }
    }

    /// Adds a value at the newest end. If everything had been passed, the mark stands at it.
    #[inline]
    pub(crate) fn push<V: Chained<C, M>>(&mut self, slab: &mut Slab<M, V>, index: Index<M>) {
        self.insert(slab, index, None);
        self.mark = self.mark.or(Some(index));
    }

    /// Adds a value right before a newer one, or at the newest end. The mark stays where it is.
    #[inline]
    pub(crate) fn insert<V: Chained<C, M>>(
        &mut self,
        slab: &mut Slab<M, V>,
        index: Index<M>,
        newer: Option<Index<M>>,
    ) {
        let next = newer.map_or(&mut self.newest, |it| &mut slab[it].links_mut().older);
        let older = next.replace(index);
        match older {
            None => self.oldest = Some(index),
            Some(older) => slab[older].links_mut().newer = Some(index),
        }
        *slab[index].links_mut() = Links { older, newer };
        self.len += 1;
    }

    /// Takes a value of this list out of it. The mark moves on if it stood there.
    #[inline]
    pub(crate) fn unlink<V: Chained<C, M>>(&mut self, slab: &mut Slab<M, V>, index: Index<M>) {
        let Links { older, newer } = std::mem::take(slab[index].links_mut());
        match older {
            None => self.oldest = newer,
            Some(older) => slab[older].links_mut().newer = newer,
        }
        match newer {
            None => self.newest = older,
            Some(newer) => slab[newer].links_mut().older = older,
        }
        if self.mark == Some(index) {
            self.mark = newer;
        }
        self.len -= 1;
    }

    /// Moves the mark past the value it stands at and returns that value.
    pub(crate) fn pass<V: Chained<C, M>>(&mut self, slab: &Slab<M, V>) -> Option<Index<M>> {
        let passed = self.mark?;
        self.mark = slab[passed].links().newer;
        Some(passed)
    }

    /// The last value that the mark has passed.
    pub(crate) fn last_passed<V: Chained<C, M>>(&self, slab: &Slab<M, V>) -> Option<Index<M>> {
        self.mark
            .map_or(self.newest, |mark| slab[mark].links().older)
    }

    /// Puts the mark at a value of this list.
    pub(crate) fn put_mark(&mut self, index: Index<M>) {
        self.mark = Some(index);
    }

    /// Puts the mark back to the oldest value.
    pub(crate) fn rewind(&mut self) {
        self.mark = self.oldest;
    }

    pub(crate) fn mark(&self) -> Option<Index<M>> {
        self.mark
    }

    pub(crate) fn oldest(&self) -> Option<Index<M>> {
        self.oldest
    }

    pub(crate) fn newest(&self) -> Option<Index<M>> {
        self.newest
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn oldest_first<'a, V: Chained<C, M>>(
        &self,
        slab: &'a Slab<M, V>,
    ) -> impl Iterator<Item = Index<M>> + use<'a, C, M, V> {
        std::iter::successors(self.oldest, |index| slab[*index].links().newer)
    }

    /// The newest value for which `pick` gives something, and that.
    pub(crate) fn pick_newest<V: Chained<C, M>, R>(
        &self,
        slab: &Slab<M, V>,
        pick: impl Fn(&V) -> Option<R>,
    ) -> Option<(Index<M>, R)> {
        let mut next = self.newest;
        while let Some(index) = next {
            let value = &slab[index];
            if let Some(picked) = pick(value) {
                return Some((index, picked));
            }
            next = value.links().older;
        }
        None
    }

    pub(crate) fn newest_first<'a, V: Chained<C, M>>(
        &self,
        slab: &'a Slab<M, V>,
    ) -> impl Iterator<Item = Index<M>> + use<'a, C, M, V> {
        std::iter::successors(self.newest, |index| slab[*index].links().older)
    }
}

impl<M> Default for Links<M> {
    fn default() -> Self {
        Self {
            older: None,
            newer: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
    struct Mark;

    #[derive(Debug)]
    struct Chain;

    struct Item {
        name: char,
        links: Links<Mark>,
    }

    impl Chained<Chain, Mark> for Item {
        fn links(&self) -> &Links<Mark> {
            &self.links
        }

        fn links_mut(&mut self) -> &mut Links<Mark> {
            &mut self.links
        }
    }

    struct Scene {
        slab: Slab<Mark, Item>,
        list: List<Chain, Mark>,
    }

    impl Scene {
        fn of(names: &str) -> Self {
            let mut scene = Self {
                slab: Slab::new(),
                list: List::new(),
            };
            for name in names.chars() {
                scene.push(name);
            }
            scene
        }

        fn push(&mut self, name: char) {
            let index = self.item(name);
            self.list.push(&mut self.slab, index);
        }

        fn insert(&mut self, name: char, newer: Option<char>) {
            let newer = newer.map(|it| self.find(it));
            let index = self.item(name);
            self.list.insert(&mut self.slab, index, newer);
        }

        fn unlink(&mut self, name: char) {
            let index = self.find(name);
            self.list.unlink(&mut self.slab, index);
            self.slab.remove(index);
        }

        fn item(&mut self, name: char) -> Index<Mark> {
            self.slab.insert(Item {
                name,
                links: Links::default(),
            })
        }

        fn find(&self, name: char) -> Index<Mark> {
            self.list
                .oldest_first(&self.slab)
                .find(|index| self.slab[*index].name == name)
                .expect("the name stands in the list")
        }

        fn last_passed(&self) -> Option<char> {
            let last = self.list.last_passed(&self.slab);
            last.map(|index| self.slab[index].name)
        }

        fn pass(&mut self) -> Option<char> {
            self.list
                .pass(&self.slab)
                .map(|index| self.slab[index].name)
        }

        fn names(&self) -> String {
            let forth: String = self
                .list
                .oldest_first(&self.slab)
                .map(|index| self.slab[index].name)
                .collect();
            let mut back: Vec<char> = self
                .list
                .newest_first(&self.slab)
                .map(|index| self.slab[index].name)
                .collect();
            back.reverse();
            assert_eq!(forth, back.into_iter().collect::<String>());
            assert_eq!(forth.len(), self.list.len() as usize);
            forth
        }
    }

    #[test]
    fn unlinking_anywhere_leaves_both_directions_whole() {
        for (gone, left) in [
            ("a", "bcd"),
            ("d", "abc"),
            ("b", "acd"),
            ("bc", "ad"),
            ("abcd", ""),
            ("dcba", ""),
        ] {
            let mut scene = Scene::of("abcd");
            for name in gone.chars() {
                scene.unlink(name);
            }
            assert_eq!(scene.names(), left, "without {gone}");
            scene.push('e');
            assert_eq!(scene.names(), format!("{left}e"));
        }
    }

    #[test]
    fn the_mark_passes_each_value_once_in_order() {
        let mut scene = Scene::of("abc");
        assert_eq!(scene.pass(), Some('a'));
        scene.push('d');
        let rest: String = std::iter::from_fn(|| scene.pass()).collect();
        assert_eq!(rest, "bcd");
        assert_eq!(scene.pass(), None);
        scene.push('e');
        assert_eq!(scene.pass(), Some('e'));
        scene.list.rewind();
        assert_eq!(scene.pass(), Some('a'));
    }

    #[test]
    fn a_value_may_be_added_anywhere_and_leaves_the_mark_alone() {
        for (newer, names, last_passed) in [
            (Some('a'), "xabc", 'b'),
            (Some('b'), "axbc", 'b'),
            (Some('c'), "abxc", 'x'),
            (None, "abcx", 'b'),
        ] {
            let mut scene = Scene::of("abc");
            scene.pass();
            scene.pass();
            scene.insert('x', newer);
            assert_eq!(scene.names(), names);
            assert_eq!(scene.last_passed(), Some(last_passed));
            assert_eq!(scene.pass(), Some('c'));
        }
    }

    #[test]
    fn the_mark_can_be_put_back() {
        let mut scene = Scene::of("abc");
        assert_eq!(scene.last_passed(), None);
        while scene.pass().is_some() {}
        assert_eq!(scene.last_passed(), Some('c'));
        let last = scene.find('c');
        scene.list.put_mark(last);
        assert_eq!(scene.last_passed(), Some('b'));
        assert_eq!(scene.pass(), Some('c'));
    }

    #[test]
    fn the_mark_moves_on_when_its_value_leaves() {
        let mut scene = Scene::of("abc");
        scene.pass();
        scene.unlink('b');
        assert_eq!(scene.pass(), Some('c'));
        scene.unlink('a');
        scene.unlink('c');
        assert_eq!(scene.list.mark(), None);
        assert!(scene.list.is_empty());
    }
}
