//! Keyed hashing for the tables of the core.
//!
//! Who sends datagrams chooses student numbers and client ids; with a key that nobody outside knows
//! (SipHash, Aumasson and Bernstein 2012) nobody can choose them to collide and make the loop slow.
//! The key comes from the seed, so that a run can be repeated. No table is ever walked in the order
//! of its hashes.
//!
//! A table ([`Index`]) holds places in a list, and beside each place its hash: so a table that grows
//! reads itself only, and not the list in an order in which no cache helps. A large table is many
//! small ones, each of which grows alone: none is ever so large that moving it takes long.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use siphasher::sip::SipHasher13;

/// The key of one process's tables.
#[derive(Clone, Copy)]
pub struct HashKey(u64, u64);

impl HashKey {
    /// The key with these 128 bits.
    #[must_use]
    pub fn new(bits: u128) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of 128 bits")]
        Self((bits >> 64) as u64, bits as u64)
    }

    /// The hash of these bytes under the key: 32 bits, twice. A table takes its place from the low
    /// bits and its tag from the high ones; the two do not meet below 2^25 places.
    #[must_use]
    pub fn hash(self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "half of the bits are enough")]
        twice(hasher.finish() as u32)
    }
}

fn twice(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

/// Places in a list, found by the hash of what is there.
#[derive(Clone)]
pub struct Index {
    /// One table, or [`Index::SHARDS`] of them.
    shards: Vec<HashTable<Slot>>,
    len: usize,
}

/// A place in a list, and the hash under which it is found.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    index: u32,
}

impl Slot {
    fn hash(self) -> u64 {
        twice(self.hash)
    }
}

impl Index {
    /// So many tables hold what is too much for one: at two million places some 32,000 each.
    const SHARDS: usize = 64;
    /// The length at which one table becomes many.
    const SPLIT_LEN: usize = 16_384;

    /// An empty index.
    #[must_use]
    pub fn new() -> Self {
        Self { shards: vec![HashTable::new()], len: 0 }
    }

    /// How many places there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The place with this hash where the right thing is.
    pub fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let shard = &self.shards[self.shard_of(hash)];
        shard.find(hash, |place| is_it(place.index)).map(|place| place.index)
    }

    /// Adds a place under this hash, unless the same thing is at one that is there: false then.
    pub fn insert(&mut self, hash: u64, index: u32, is_it: impl Fn(u32) -> bool) -> bool {
        if self.len == Self::SPLIT_LEN && self.shards.len() == 1 {
            self.split();
        }
        let shard = self.shard_of(hash);
        let same = |place: &Slot| is_it(place.index);
        let Entry::Vacant(vacant) = self.shards[shard].entry(hash, same, |slot| slot.hash()) else {
            return false;
        };
        #[expect(clippy::cast_possible_truncation, reason = "both halves are the same")]
        vacant.insert(Slot { hash: hash as u32, index });
        self.len += 1;
        true
    }

    /// Removes a place; false if it was not there under this hash.
    pub fn remove(&mut self, hash: u64, index: u32) -> bool {
        let shard = self.shard_of(hash);
        let found = self.shards[shard].find_entry(hash, |place| place.index == index);
        let is_found = found.map(hashbrown::hash_table::OccupiedEntry::remove).is_ok();
        self.len -= usize::from(is_found);
        is_found
    }

    /// By bits between those from which a table takes its place and its tag.
    fn shard_of(&self, hash: u64) -> usize {
        let bits = (hash >> 18) as usize;
        bits % self.shards.len()
    }

    fn split(&mut self) {
        let room = 2 * Self::SPLIT_LEN / Self::SHARDS;
        let shards = (0..Self::SHARDS).map(|_| HashTable::with_capacity(room)).collect();
        let Some(whole) = std::mem::replace(&mut self.shards, shards).pop() else { return };
        for place in whole {
            let shard = self.shard_of(place.hash());
            self.shards[shard].insert_unique(place.hash(), place, |slot| slot.hash());
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found_through_every_growth_and_only_once() {
        const PLACES: u32 = 100_000;
        let key = HashKey::new(7);
        let hash = |index: u32| key.hash(&index.to_le_bytes());
        let mut table = Index::new();
        for index in 0..PLACES {
            assert!(table.insert(hash(index), index, |it| it == index));
            assert!(!table.insert(hash(index), index, |it| it == index), "a second time");
        }
        assert_eq!((table.len(), table.shards.len()), (PLACES as usize, Index::SHARDS));
        assert!((0..PLACES).all(|index| table.find(hash(index), |it| it == index) == Some(index)));
        let most = table.shards.iter().map(HashTable::len).max().unwrap();
        assert!(most < 2 * PLACES as usize / Index::SHARDS, "{most} in one table");
        for index in (0..PLACES).step_by(2) {
            assert!(table.remove(hash(index), index));
            assert!(!table.remove(hash(index), index));
        }
        let found = |index: &u32| table.find(hash(*index), |it| it == *index).is_some();
        assert_eq!((0..PLACES).filter(found).count(), table.len());
        assert_eq!(table.len(), PLACES as usize / 2);
    }
}
