//! What is found by key.
//!
//! To hash a key takes longer than all else that lending does under the lock. So whoever looks one
//! up hashes it before, and a listed key keeps its hash. The standard map has no way to be told a
//! hash; here it is what the key itself consists of, for the map.
//!
//! Keys are foreign code. A look-up asks them whether they are equal, before anything is changed;
//! to list one and to strike one asks them nothing, and whoever strikes one has it to drop.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use super::slab::SMALL;

/// A value for each key.
#[derive(Debug)]
pub(crate) struct Directory<K, V> {
    hashing: RandomState,
    values: HashMap<Listed<K>, V, BuildHasherDefault<AsGiven>>,
    last: u64,
}

/// A key to be looked up, and its hash.
#[derive(Debug)]
pub(crate) struct Sought<'a, Q: ?Sized> {
    hash: KeyHash,
    key: &'a Q,
}

/// The hash of a key by a directory's hashing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyHash(u64);

/// By what a listed key is known without being asked: its hash, and a number that no other has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Listing {
    hash: KeyHash,
    number: u64,
}

impl<K, V> Directory<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            hashing: RandomState::new(),
            values: HashMap::default(),
            last: 0,
        }
    }

    /// A listing for a key of this hash.
    pub(crate) fn new_listing(&mut self, hash: KeyHash) -> Listing {
        self.last += 1;
        Listing {
            hash,
            number: self.last,
        }
    }

    /// Lists a key that is not listed yet, by a new listing.
    pub(crate) fn insert(&mut self, listing: Listing, key: K, value: V) {
        self.values.insert(Listed { listing, key }, value);
    }

    /// Strikes a key, and gives memory back once little of it is in use.
    pub(crate) fn remove(&mut self, listing: Listing) -> Option<K> {
        let (listed, _) = self.values.remove_entry(&listing)?;
        let len = self.values.len();
        if self.values.capacity() > SMALL.max(len * 4) {
            self.values.shrink_to(len * 2);
        }
        Some(listed.key)
    }

    pub(crate) fn get_mut(&mut self, listing: Listing) -> Option<&mut V> {
        self.values.get_mut(&listing)
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
        Self::hashed(key, KeyHash(hashing.hash_one(key)))
    }

    /// A key whose hash is known.
    pub(crate) fn hashed(key: &'a Q, hash: KeyHash) -> Self {
        Self { hash, key }
    }

    pub(crate) fn hash(&self) -> KeyHash {
        self.hash
    }

    fn as_hashed(&self) -> &(dyn Hashed<Q> + '_) {
        self
    }
}

/// A key of the map.
#[derive(Debug)]
struct Listed<K> {
    listing: Listing,
    key: K,
}

/// A listed key or a sought one.
trait Hashed<Q: ?Sized> {
    fn hash(&self) -> KeyHash;
    fn key(&self) -> &Q;
}

impl<Q: ?Sized> Hashed<Q> for Sought<'_, Q> {
    fn hash(&self) -> KeyHash {
        self.hash
    }

    fn key(&self) -> &Q {
        self.key
    }
}

impl<Q: ?Sized, K: Borrow<Q>> Hashed<Q> for Listed<K> {
    fn hash(&self) -> KeyHash {
        self.listing.hash
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

impl<K> Borrow<Listing> for Listed<K> {
    fn borrow(&self) -> &Listing {
        &self.listing
    }
}

impl<K> Hash for Listed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.listing.hash(state);
    }
}

impl<K> Eq for Listed<K> {}

// No two listed keys are equal, so that their listings tell.
impl<K> PartialEq for Listed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.listing == other.listing
    }
}

impl Hash for Listing {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash.0);
    }
}

impl<Q: ?Sized> Hash for dyn Hashed<Q> + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(Hashed::hash(self).0);
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

    /// Lists numbers by the keys made of them.
    fn directory<K: Hash>(count: u32, key: impl Fn(u32) -> K) -> (Directory<K, u32>, Vec<Listing>) {
        let mut directory = Directory::new();
        let listings = (0..count).map(|number| {
            let key = key(number);
            let hash = Sought::new(&key, &directory.hashing).hash();
            let listing = directory.new_listing(hash);
            directory.insert(listing, key, number);
            listing
        });
        let listings = listings.collect();
        (directory, listings)
    }

    #[test]
    fn a_key_is_found_by_what_it_borrows_as() {
        let (directory, _) = directory(100, |number| number.to_string());
        let find = |key| {
            directory
                .find(&Sought::new(key, directory.hashing()))
                .copied()
        };
        assert_eq!(
            (find("7"), find("99"), find("100")),
            (Some(7), Some(99), None)
        );
    }

    #[test]
    fn keys_of_the_same_hash_are_told_apart() {
        let (mut directory, listings) = directory(10, Twin);
        assert_eq!(directory.remove(listings[3]), Some(Twin(3)));
        assert_eq!(directory.remove(listings[3]), None);
        if let Some(value) = directory.get_mut(listings[4]) {
            *value += 10;
        }
        let find = |key| {
            directory
                .find(&Sought::new(&key, directory.hashing()))
                .copied()
        };
        let left: Vec<_> = (0..10).filter_map(|number| find(Twin(number))).collect();
        assert_eq!(left, [0, 1, 2, 14, 5, 6, 7, 8, 9]);
        assert_eq!(directory.len(), 9);
    }
}
