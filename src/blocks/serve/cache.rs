//! Bytes of objects in memory: the sheets that were pulled last, and runs of blocks that were read.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::ContentId;
use crate::limits::{BLOCK_BYTES, SHEETS_CACHED_MAX};

/// A contiguous run of blocks from `first`. `Clone` shares the bytes.
#[derive(Clone)]
pub(super) struct BlockRun {
    first: u32,
    bytes: Arc<Vec<u8>>,
}

impl BlockRun {
    pub(super) fn new(first: u32, bytes: Vec<u8>) -> Self {
        Self { first, bytes: Arc::new(bytes) }
    }

    /// Whether there are no bytes: the object does not exist or ends before the run.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes of a block; empty if the run does not have it.
    pub(super) fn block(&self, index: u32) -> &[u8] {
        let bytes = &self.bytes;
        let Some(place) = index.checked_sub(self.first) else { return &[] };
        // R-SHEET-3, R-PULL-4
        let start = (place as usize).saturating_mul(BLOCK_BYTES).min(bytes.len());
        let end = start.saturating_add(BLOCK_BYTES).min(bytes.len());
        &bytes[start..end]
    }
}

/// The sheets that were pulled last, at most [`SHEETS_CACHED_MAX`].
#[derive(Clone)]
pub(super) struct SheetCache {
    /// The one used least recently first.
    sheets: VecDeque<(ContentId, BlockRun)>,
}

impl SheetCache {
    pub(super) fn new() -> Self {
        Self { sheets: VecDeque::new() }
    }

    /// All blocks of this sheet, if it is in memory.
    pub(super) fn get(&mut self, content: ContentId) -> Option<BlockRun> {
        let place = self.sheets.iter().position(|(cached, _)| *cached == content)?;
        let used = self.sheets.remove(place).expect("found above");
        let run = used.1.clone();
        self.sheets.push_back(used);
        Some(run)
    }

    pub(super) fn insert(&mut self, content: ContentId, run: BlockRun) {
        if self.sheets.len() >= SHEETS_CACHED_MAX {
            self.sheets.pop_front();
        }
        self.sheets.push_back((content, run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_its_blocks_and_no_others() {
        let run = BlockRun::new(3, vec![7; 2 * BLOCK_BYTES + 5]);
        let lengths = [2, 3, 4, 5, 6, u32::MAX].map(|index| run.block(index).len());
        assert_eq!(lengths, [0, BLOCK_BYTES, BLOCK_BYTES, 5, 0, 0]);
        assert!(!run.is_empty() && BlockRun::new(0, Vec::new()).is_empty());
    }

    #[test]
    fn the_sheet_that_was_used_least_recently_makes_room() {
        let content = |number: usize| ContentId::of(&number.to_le_bytes());
        let mut cache = SheetCache::new();
        for number in 0..SHEETS_CACHED_MAX {
            cache.insert(content(number), BlockRun::new(0, vec![1]));
        }
        assert!(cache.get(content(0)).is_some());
        cache.insert(content(SHEETS_CACHED_MAX), BlockRun::new(0, vec![1]));
        assert!(cache.get(content(0)).is_some() && cache.get(content(1)).is_none());
    }
}
