//! Waiters by key: many wait for the same answer, and it is asked for once.
//!
//! Whoever owns the queue bounds it: a waiter is pushed only while there is room.

use std::collections::VecDeque;

/// Waiters for answers from elsewhere, each known by its key.
#[derive(Clone)]
pub(crate) struct Waiting<K, W> {
    capacity: usize,
    waiters: Vec<(K, W)>,
    /// Keys to ask for, in the order in which the first waiter of each came.
    to_ask: VecDeque<K>,
}

impl<K: Copy + PartialEq, W> Waiting<K, W> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, waiters: Vec::new(), to_ask: VecDeque::new() }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether one more may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.waiters.len() < self.capacity
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &W> {
        self.waiters.iter().map(|(_, waiter)| waiter)
    }

    /// Adds a waiter. The key is asked for unless somebody waits for it already.
    ///
    /// # Panics
    /// If there is no room.
    pub(crate) fn push(&mut self, key: K, waiter: W) {
        assert!(self.has_room(), "whoever adds a waiter looks for room first");
        if !self.waiters.iter().any(|(other, _)| *other == key) {
            self.to_ask.push_back(key);
        }
        self.waiters.push((key, waiter));
    }

    /// The next key to ask for; each is returned once.
    pub(crate) fn next_to_ask(&mut self) -> Option<K> {
        self.to_ask.pop_front()
    }

    /// The answer for this key has come: removes those who waited for it, in the order in which they
    /// came.
    pub(crate) fn take(&mut self, key: K) -> Vec<W> {
        let ready = self.waiters.extract_if(.., |(other, _)| *other == key);
        ready.map(|(_, waiter)| waiter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_wait_for_is_asked_for_once_until_it_is_answered() {
        let mut waiting = Waiting::new(4);
        for (key, waiter) in [(1, 'a'), (2, 'b'), (1, 'c')] {
            waiting.push(key, waiter);
        }
        let to_ask: Vec<_> = std::iter::from_fn(|| waiting.next_to_ask()).collect();
        assert_eq!(to_ask, [1, 2]);
        waiting.push(1, 'd');
        assert_eq!(waiting.next_to_ask(), None, "it was asked for and is not answered yet");
        assert!(!waiting.has_room());
        assert_eq!(waiting.take(1), ['a', 'c', 'd']);
        assert!(waiting.take(1).is_empty());
        waiting.push(1, 'e');
        assert_eq!((waiting.next_to_ask(), waiting.len()), (Some(1), 2));
    }
}
