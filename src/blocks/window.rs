//! Which blocks of an object have arrived and which to request next. Bounded: no block is requested
//! that lies more than [`BLOCKS_REORDERED_MAX`] blocks after the first one that is missing.
//!
//! ```text
//!        begin                 next                end                 blocks
//!   ───────┼─────────────────────┼───────────────────┼───────────────────┼
//!     read │ arrived, in flight, │ to be requested   │ not before `begin`│
//!          │ or lost             │                   │ has moved         │
//! ```

use std::collections::BTreeSet;

use crate::exchange::{FileInfo, blocks};
use crate::limits::{BLOCK_BYTES, BLOCKS_PER_PULL_MAX, BLOCKS_REORDERED_MAX};

/// The receive window of one object.
pub(super) struct Window {
    object_bytes: u64,
    /// Blocks of the object.
    blocks: u32,
    /// The first block that has not arrived, or was not read yet.
    begin: u32,
    /// The first block that was never requested.
    next: u32,
    /// Blocks that were requested and count as lost.
    lost: BTreeSet<u32>,
    /// Which of the blocks from `begin` on have arrived: a ring, indexed by block modulo its length.
    arrived: Vec<bool>,
    /// Their bytes, in the same places.
    buffer: Vec<u8>,
}

impl Window {
    /// The blocks before `begin` are here already.
    pub(super) fn new(object: &FileInfo, begin: u32) -> Self {
        let blocks = object.blocks();
        let begin = begin.min(blocks);
        let places = (blocks - begin).min(BLOCKS_REORDERED_MAX) as usize;
        Self {
            object_bytes: object.bytes,
            blocks,
            begin,
            next: begin,
            lost: BTreeSet::new(),
            arrived: vec![false; places],
            buffer: vec![0; places * BLOCK_BYTES],
        }
    }

    /// Whether every block was requested and none counts as lost.
    pub(super) fn is_requested(&self) -> bool {
        self.next >= self.blocks && self.lost.is_empty()
    }

    /// How many blocks may be requested now.
    pub(super) fn requestable(&self) -> u32 {
        let lost = u32::try_from(self.lost.len()).expect("no more than the window");
        (self.end() - self.next).saturating_add(lost)
    }

    /// Takes at most so many blocks to request, as one `PULL` names them: the first block and a map of
    /// those from it on. Lost ones come before new ones.
    pub(super) fn take_request(&mut self, most: u32) -> Option<(u32, u64)> {
        // R-TRANSFER-6
        if let Some(&first) = self.lost.first() {
            return Some((first, self.take_lost(first, most)));
        }
        let first = self.next;
        let count = most.min(self.end() - first).min(BLOCKS_PER_PULL_MAX);
        if count == 0 {
            return None;
        }
        self.next += count;
        Some((first, u64::MAX >> (u64::BITS - count)))
    }

    fn take_lost(&mut self, first: u32, most: u32) -> u64 {
        let near = self.lost.range(first..=first.saturating_add(BLOCKS_PER_PULL_MAX - 1));
        let near: Vec<u32> = near.take(most as usize).copied().collect();
        let mut map = 0;
        for index in near {
            self.lost.remove(&index);
            map |= 1 << (index - first);
        }
        map
    }

    /// These blocks, which were requested, count as lost.
    pub(super) fn lose(&mut self, first: u32, map: u64) {
        self.lost.extend(blocks(first, map));
    }

    /// A block arrived after all that counted as lost; false if it does not count as lost.
    pub(super) fn find(&mut self, index: u32) -> bool {
        self.lost.remove(&index)
    }

    /// The length of a block; 0 past the end of the object.
    pub(super) fn block_bytes(&self, index: u32) -> u64 {
        self.offset(index.saturating_add(1)) - self.offset(index)
    }

    /// Keeps a block that was requested, so that it lies within the window.
    pub(super) fn insert(&mut self, index: u32, bytes: &[u8]) {
        let place = index as usize % self.arrived.len();
        self.arrived[place] = true;
        self.buffer[place * BLOCK_BYTES..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Whether there are bytes to read.
    pub(super) fn is_readable(&self) -> bool {
        self.run().is_some()
    }

    /// Reads the next bytes in order, as many as lie together; `None` if the next block is missing.
    pub(super) fn read(&mut self) -> Option<&[u8]> {
        let (place, run) = self.run()?;
        self.arrived[place..place + run].fill(false);
        let start = self.offset(self.begin);
        self.begin += u32::try_from(run).expect("no more than the window");
        let bytes = usize::try_from(self.offset(self.begin) - start).expect("within the window");
        Some(&self.buffer[place * BLOCK_BYTES..][..bytes])
    }

    /// How many bytes were read, with those that were here from the beginning.
    pub(super) fn bytes_read(&self) -> u64 {
        self.offset(self.begin)
    }

    /// Where the ring has the first block that can be read, and how many lie there in order.
    fn run(&self) -> Option<(usize, usize)> {
        let place = (self.begin as usize).checked_rem(self.arrived.len())?;
        let run = self.arrived[place..].iter().take_while(|arrived| **arrived).count();
        (run > 0).then_some((place, run))
    }

    /// The first block that may not be requested yet.
    fn end(&self) -> u32 {
        let places = u32::try_from(self.arrived.len()).expect("BLOCKS_REORDERED_MAX");
        // R-TRANSFER-10
        self.begin.saturating_add(places).min(self.blocks)
    }

    /// Where a block begins.
    fn offset(&self, index: u32) -> u64 {
        (u64::from(index) * BLOCK_BYTES as u64).min(self.object_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ContentId;

    fn window(bytes: u64, begin: u32) -> Window {
        Window::new(&FileInfo { bytes, content: ContentId::from_bytes([1; 32]) }, begin)
    }

    #[test]
    fn blocks_are_read_in_order_however_they_arrive() {
        let mut window = window(3 * 1_024 + 7, 1);
        assert_eq!(window.take_request(64), Some((1, 0b111)));
        assert!(window.is_requested());
        window.insert(3, &[3; 7]);
        assert!(!window.is_readable() && window.read().is_none());
        window.insert(1, &[1; BLOCK_BYTES]);
        assert_eq!(window.read(), Some(&[1; BLOCK_BYTES][..]));
        window.insert(2, &[2; BLOCK_BYTES]);
        let rest: Vec<usize> = std::iter::from_fn(|| window.read().map(<[u8]>::len)).collect();
        assert_eq!(rest.iter().sum::<usize>(), BLOCK_BYTES + 7);
        assert_eq!(window.bytes_read(), 3 * 1_024 + 7);
    }

    // spec: R-TRANSFER-6
    #[test]
    fn what_was_lost_is_requested_before_what_is_new() {
        let mut window = window(1_024 * 1_024, 0);
        assert_eq!(window.take_request(10), Some((0, 0b11_1111_1111)));
        window.lose(0, 0b10_0000_0100);
        window.lose(900, 0);
        assert_eq!(window.requestable(), 1_024 - 10 + 2);
        assert!(window.find(9) && !window.find(9));
        assert_eq!(window.take_request(10), Some((2, 1)));
        assert_eq!(window.take_request(2), Some((10, 0b11)));
    }

    // spec: R-TRANSFER-10
    #[test]
    fn no_block_is_requested_that_the_object_does_not_have_or_the_window_cannot_hold() {
        let blocks = u64::from(BLOCKS_REORDERED_MAX) + 5;
        let mut window = window(blocks * 1_024, 0);
        let mut requested = 0;
        while let Some((_, map)) = window.take_request(64) {
            requested += map.count_ones();
        }
        assert_eq!(requested, BLOCKS_REORDERED_MAX);
        window.insert(0, &[0; BLOCK_BYTES]);
        assert!(window.read().is_some());
        assert_eq!(window.take_request(64), Some((BLOCKS_REORDERED_MAX, 1)));
        let lengths = [0, BLOCKS_REORDERED_MAX + 4, BLOCKS_REORDERED_MAX + 5, u32::MAX]
            .map(|index| window.block_bytes(index));
        assert_eq!(lengths, [1_024, 1_024, 0, 0]);
    }
}
