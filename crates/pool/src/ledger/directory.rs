//! What is found by key.
//!
//! To hash a key takes longer than all else that lending does under the lock. So whoever looks one
//! up may hash it before, and a listed key keeps its hash. The standard map has no way to be told a
//! hash; here it is what the key itself consists of, for the map.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use super::slab::SMALL;

/// A value for each key.
#[derive(Debug)]
pub(crate) struct Directory<K, V> {
    hashing: RandomState,
    values: HashMap<Listed<K>, V, BuildHasherDefault<AsGiven>>,
}

/// A key to be looked up, and its hash.
#[derive(Debug)]
pub(crate) struct Sought<'a, Q: ?Sized> {
    hash: u64,
    key: &'a Q,
}

impl<K: Eq + Hash, V> Directory<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            hashing: RandomState::new(),
            values: HashMap::default(),
        }
    }

    /// Lists a key that is not listed yet.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let hash = self.hashing.hash_one(&key);
        self.values.insert(Listed { hash, key }, value);
    }

    /// Strikes a key, and gives memory back once little of it is in use.
    pub(crate) fn remove(&mut self, key: &K) {
        let sought = Sought::new(key, &self.hashing);
        self.values.remove(sought.as_hashed());
        let len = self.values.len();
        if self.values.capacity() > SMALL.max(len * 4) {
            self.values.shrink_to(len * 2);
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let sought = Sought::new(key, &self.hashing);
        self.values.get_mut(sought.as_hashed())
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.find(&Sought::new(key, &self.hashing))
    }

    /// The value of a key that was hashed before, by this directory's hashing.
    pub(crate) fn find<Q>(&self, sought: &Sought<'_, Q>) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq,
    {
        self.values.get(sought.as_hashed())
    }

    pub(crate) fn hashing(&self) -> &RandomState {
        &self.hashing
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

impl<'a, Q: ?Sized> Sought<'a, Q> {
    /// Hashes the key by the hashing of the directory it is to be looked up in.
    pub(crate) fn new(key: &'a Q, hashing: &RandomState) -> Self
    where
        Q: Hash,
    {
        let hash = hashing.hash_one(key);
        Self { hash, key }
    }

    fn as_hashed(&self) -> &(dyn Hashed<Q> + '_) {
        self
    }
}

/// A key of the map.
#[derive(Debug)]
struct Listed<K> {
    hash: u64,
    key: K,
}

/// A listed key or a sought one.
trait Hashed<Q: ?Sized> {
    fn hash(&self) -> u64;
    fn key(&self) -> &Q;
}

impl<Q: ?Sized> Hashed<Q> for Sought<'_, Q> {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn key(&self) -> &Q {
        self.key
    }
}

impl<Q: ?Sized, K: Borrow<Q>> Hashed<Q> for Listed<K> {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn key(&self) -> &Q {
        self.key.borrow()
    }
}

impl<'a, Q: ?Sized + 'a, K: Borrow<Q> + 'a> Borrow<dyn Hashed<Q> + 'a> for Listed<K> {
    fn borrow(&self) -> &(dyn Hashed<Q> + 'a) {
        self
    }
}

impl<K> Hash for Listed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<K: Eq> Eq for Listed<K> {}

impl<K: Eq> PartialEq for Listed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.key == other.key
    }
}

impl<Q: ?Sized> Hash for dyn Hashed<Q> + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(Hashed::hash(self));
    }
}

impl<Q: ?Sized + Eq> Eq for dyn Hashed<Q> + '_ {}

impl<Q: ?Sized + Eq> PartialEq for dyn Hashed<Q> + '_ {
    fn eq(&self, other: &Self) -> bool {
        Hashed::hash(self) == Hashed::hash(other) && self.key() == other.key()
    }
}

/// Takes the hash that a key comes with for its own.
#[derive(Debug, Default)]
struct AsGiven(u64);

impl Hasher for AsGiven {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a listed key is hashed by its number")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of them hash to the same.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Twin(u32);

    impl Hash for Twin {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u32(0);
        }
    }

    #[test]
    fn a_key_is_found_by_what_it_borrows_as() {
        let mut directory = Directory::new();
        for number in 0..100 {
            directory.insert(number.to_string(), number);
        }
        let hashing = directory.hashing().clone();
        let find = |key| directory.find(&Sought::new(key, &hashing)).copied();
        assert_eq!(
            (find("7"), find("99"), find("100")),
            (Some(7), Some(99), None)
        );
    }

    #[test]
    fn keys_of_the_same_hash_are_told_apart() {
        let mut directory = Directory::new();
        for number in 0..10 {
            directory.insert(Twin(number), number);
        }
        directory.remove(&Twin(3));
        if let Some(value) = directory.get_mut(&Twin(4)) {
            *value += 10;
        }
        let left: Vec<_> = (0..10)
            .filter_map(|number| directory.get(&Twin(number)).copied())
            .collect();
        assert_eq!(left, [0, 1, 2, 14, 5, 6, 7, 8, 9]);
        assert_eq!(directory.len(), 9);
    }
}
