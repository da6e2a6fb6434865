//! Keyed hashing for the tables of the core.
//!
//! Who sends datagrams chooses student numbers and client ids; with a key that nobody outside knows
//! (SipHash, Aumasson and Bernstein 2012) nobody can choose them to collide and make the loop slow.
//! The key comes from the seed, so that a run can be repeated. No table is ever walked in the order
//! of its hashes.
//!
//! The tables hold places in lists, and beside each place its hash ([`Place`]): so a table that grows
//! reads itself only, and not the list in an order in which no cache helps.

use std::hash::Hasher as _;

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

/// A place in a list, and the hash under which it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    hash: u32,
    index: u32,
}

impl Place {
    /// That place, for what has this hash.
    #[must_use]
    pub fn new(hash: u64, index: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "both halves are the same")]
        Self { hash: hash as u32, index }
    }

    /// The hash of what is there.
    #[must_use]
    pub fn hash(&self) -> u64 {
        twice(self.hash)
    }

    /// Where it is.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }
}
