//! Keyed hashing for the tables of the core.
//!
//! Who sends datagrams chooses student numbers and client ids; with a key that nobody outside knows
//! (SipHash, Aumasson and Bernstein 2012) nobody can choose them to collide and make the loop slow.
//! The key comes from the seed, so that a run can be repeated. No table is ever walked in the order
//! of its hashes.
//!
//! A table ([`Index`]) holds places in a list, and beside each place its hash: so a table that grows
//! reads itself only, and not the list in an order in which no cache helps. It grows by small steps
//! (linear hashing, Litwin 1980): it is many small tables, and for so many new places one of them is
//! divided into two. So no insertion takes long, however many places there are.

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
    /// One at least.
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
    /// The mean number of places in a table. One that waits to be divided has twice as many and some
    /// more by chance, which is what 512 buckets hold.
    const SHARD_LEN: usize = 208;
    /// The bits of a hash that choose a table. Below them are those from which a table of so many
    /// places takes its own place, above them those of its tag.
    const SHARD_BITS: u32 = 15;
    const BITS_BELOW: u32 = 10;

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

    /// The place with this hash where the right thing is; if there is none, this place is added.
    pub fn find_or_insert(
        &mut self,
        hash: u64,
        index: u32,
        is_it: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let shard = self.shard_of(hash);
        let same = |place: &Slot| is_it(place.index);
        match self.shards[shard].entry(hash, same, |slot| slot.hash()) {
            Entry::Occupied(found) => return Some(found.get().index),
            Entry::Vacant(vacant) => {
                #[expect(clippy::cast_possible_truncation, reason = "both halves are the same")]
                vacant.insert(Slot { hash: hash as u32, index });
            }
        }
        self.len += 1;
        if self.len > Self::SHARD_LEN * self.shards.len() {
            self.divide_one();
        }
        None
    }

    /// Removes a place; false if it was not there under this hash.
    pub fn remove(&mut self, hash: u64, index: u32) -> bool {
        let shard = self.shard_of(hash);
        let found = self.shards[shard].find_entry(hash, |place| place.index == index);
        let is_found = found.map(hashbrown::hash_table::OccupiedEntry::remove).is_ok();
        self.len -= usize::from(is_found);
        is_found
    }

    fn shard_of(&self, hash: u64) -> usize {
        let bits = (hash >> Self::BITS_BELOW) as usize & ((1 << Self::SHARD_BITS) - 1);
        let count = self.shards.len();
        let mask = count.next_power_of_two() - 1;
        // A table that is not there yet is still a part of the one that will be divided for it.
        let shard = bits & mask;
        if shard < count { shard } else { shard & (mask >> 1) }
    }

    /// Divides one table into two.
    fn divide_one(&mut self) {
        let count = self.shards.len();
        if count >= 1 << Self::SHARD_BITS {
            return;
        }
        // The number of the new one without its highest bit.
        let divided = count - (1 << count.ilog2());
        let whole = std::mem::take(&mut self.shards[divided]);
        // With room for what comes until they are divided themselves.
        self.shards[divided] = HashTable::with_capacity(2 * Self::SHARD_LEN);
        self.shards.push(HashTable::with_capacity(2 * Self::SHARD_LEN));
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
            assert_eq!(table.find_or_insert(hash(index), index, |it| it == index), None);
            let again = table.find_or_insert(hash(index), PLACES, |it| it == index);
            assert_eq!(again, Some(index), "a second time");
        }
        assert_eq!(table.len(), PLACES as usize);
        assert!((0..PLACES).all(|index| table.find(hash(index), |it| it == index) == Some(index)));
        let most = table.shards.iter().map(HashTable::len).max().unwrap();
        assert!(most < 3 * Index::SHARD_LEN, "{most} in one table");
        for index in (0..PLACES).step_by(2) {
            assert!(table.remove(hash(index), index));
            assert!(!table.remove(hash(index), index));
        }
        let found = |index: &u32| table.find(hash(*index), |it| it == *index).is_some();
        assert_eq!((0..PLACES).filter(found).count(), table.len());
        assert_eq!(table.len(), PLACES as usize / 2);
    }
}
