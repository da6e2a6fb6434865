//! A fair queue: addresses are served in turn, so that asking more often does not serve anybody sooner.
//!
//! Deficit round robin (Shreedhar and Varghese, SIGCOMM 1995) with items of one size. Whoever takes items
//! decides how many one caller is served before the next one is.

use std::collections::{BTreeMap, VecDeque};

/// Items by caller, those of each caller in order of arrival.
#[derive(Clone)]
pub(super) struct FairQueue<T> {
    queues: BTreeMap<u64, VecDeque<T>>,
    /// The callers that have items; the one at the front has its turn.
    turns: VecDeque<u64>,
    length: usize,
}

impl<T> FairQueue<T> {
    pub(super) fn new() -> Self {
        Self { queues: BTreeMap::new(), turns: VecDeque::new(), length: 0 }
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many callers have items.
    pub(super) fn callers(&self) -> usize {
        self.turns.len()
    }

    /// How many items this caller has.
    pub(super) fn len_of(&self, caller: u64) -> usize {
        self.queues.get(&caller).map_or(0, VecDeque::len)
    }

    pub(super) fn push(&mut self, caller: u64, item: T) {
        let queue = self.queues.entry(caller).or_default();
        if queue.is_empty() {
            self.turns.push_back(caller);
        }
        queue.push_back(item);
        self.length += 1;
    }

    /// The first item of the caller whose turn it is, and who that is.
    pub(super) fn front_mut(&mut self) -> Option<(u64, &mut T)> {
        let &caller = self.turns.front()?;
        let queue = self.queues.get_mut(&caller).expect("who has a turn has items");
        Some((caller, queue.front_mut().expect("who has a turn has items")))
    }

    /// Takes the first item of the caller whose turn it is; the turn stays.
    pub(super) fn pop_front(&mut self) -> Option<T> {
        let &caller = self.turns.front()?;
        let queue = self.queues.get_mut(&caller).expect("who has a turn has items");
        let item = queue.pop_front().expect("who has a turn has items");
        if queue.is_empty() {
            self.queues.remove(&caller);
            self.turns.pop_front();
        }
        self.length -= 1;
        Some(item)
    }

    /// The turn of this caller ends, if it is its turn.
    pub(super) fn end_turn(&mut self, caller: u64) {
        if self.turns.front() == Some(&caller) {
            self.turns.rotate_left(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_much_waits_for_whoever_asks_little() {
        let mut queue = FairQueue::new();
        for item in 0..100 {
            queue.push(1, item);
        }
        queue.push(2, 1_000);
        queue.push(3, 2_000);
        queue.push(2, 1_001);
        assert_eq!((queue.len(), queue.callers(), queue.len_of(1)), (103, 3, 100));
        let mut served = Vec::new();
        while let Some((caller, _)) = queue.front_mut() {
            served.extend(queue.pop_front());
            queue.end_turn(caller);
        }
        assert_eq!(served[..7], [0, 1_000, 2_000, 1, 1_001, 2, 3]);
        assert_eq!(served.len(), 103);
        assert!(queue.is_empty() && queue.front_mut().is_none() && queue.callers() == 0);
    }
}
