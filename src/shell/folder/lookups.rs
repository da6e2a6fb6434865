//! Lookups that the last listing could not answer. What a listing that began after the question does not
//! have either is absent.

use crate::limits::FILE_LOOKUPS_MAX;
use std::collections::HashMap;
use std::hash::Hash;

/// Keys that were looked up in vain.
pub(super) struct Lookups<K> {
    /// By key, the number of the last listing that had begun when it was first asked for.
    asked_in: HashMap<K, u64>,
}

impl<K: Eq + Hash> Lookups<K> {
    pub(super) fn new() -> Self {
        Self { asked_in: HashMap::new() }
    }

    /// A key is looked up while the listing with the number `begun` is the last one that has begun.
    /// Returns the number of the listing that decides whether it is absent, or `None` if no more keys
    /// can be remembered.
    pub(super) fn ask(&mut self, key: K, begun: u64) -> Option<u64> {
        if self.asked_in.len() >= FILE_LOOKUPS_MAX && !self.asked_in.contains_key(&key) {
            return None;
        }
        Some(*self.asked_in.entry(key).or_insert(begun) + 1)
    }

    /// The lookup is answered.
    pub(super) fn remove(&mut self, key: &K) {
        self.asked_in.remove(key);
    }

    /// A listing is complete: forgets keys that nobody has asked for since the one before.
    pub(super) fn listed(&mut self, listed: u64) {
        self.asked_in.retain(|_, asked_in| listed <= *asked_in + 1);
    }
}
