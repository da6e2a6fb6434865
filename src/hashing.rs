//! Keyed hashing for the tables of the core.
//!
//! Who sends datagrams chooses student numbers and client ids; with a key that nobody outside knows
//! (SipHash, Aumasson and Bernstein 2012) nobody can choose them to collide and make the loop slow.
//! The key comes from the seed, so that a run can be repeated. No table is ever walked in the order
//! of its hashes.

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

    /// The hash of these bytes under the key.
    #[must_use]
    pub fn hash(self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(bytes);
        hasher.finish()
    }
}
