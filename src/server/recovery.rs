//! A server as what its journal kept makes it, and the snapshots for the journal.

use super::Server;
use crate::record::{Record, Recovery, SnapshotItem, SnapshotPart};
use crate::roll::Contradiction;
use crate::stats::Counter;
use crate::time::WallTime;

/// How far a snapshot is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Snapshot {
    None,
    /// It begins with the next batch: what has happened since the last one is no batch yet.
    Due,
    /// The next part of the one of the state after this batch can be given out.
    Ready {
        batch: u64,
    },
    /// A part was given out and is not kept yet.
    Kept {
        batch: u64,
        was_last: bool,
    },
}

impl<P> Server<P> {
    /// Everything that a new server needs to continue in place of this one, once every batch that
    /// was given out is durable.
    pub fn snapshot(&self) -> impl Iterator<Item = SnapshotItem> + '_ {
        self.state.items()
    }

    /// A part of a snapshot takes no more steps than this: about as many items. The fewer, the
    /// shorter the turn that makes it.
    pub fn limit_snapshot_parts(&mut self, steps: usize) {
        self.snapshot_steps = steps.max(1);
    }

    /// Begins a snapshot, unless one is under way: from now on its parts are among the outputs. It is of the
    /// last batch that was given out; while something waits for that one to be durable, of the next.
    pub fn begin_snapshot(&mut self) {
        if self.snapshot != Snapshot::None {
            return;
        }
        self.snapshot = Snapshot::Due;
        if self.records.is_empty() {
            self.begin_due_snapshot();
        }
    }

    /// The state is that after the last batch that was given out.
    pub(super) fn begin_due_snapshot(&mut self) {
        if self.snapshot == Snapshot::Due {
            self.state.begin_snapshot();
            self.snapshot = Snapshot::Ready { batch: self.last_batch() };
        }
    }

    /// The part of a snapshot that was given out is kept. True if the snapshot is whole.
    pub fn handle_snapshot_kept(&mut self) -> bool {
        let Snapshot::Kept { batch, was_last } = self.snapshot else { return false };
        self.snapshot = if was_last { Snapshot::None } else { Snapshot::Ready { batch } };
        if was_last {
            self.stats.count(Counter::Snapshots);
        }
        was_last
    }

    pub(super) fn next_snapshot_part(&mut self) -> Option<SnapshotPart> {
        let Snapshot::Ready { batch } = self.snapshot else { return None };
        let (items, is_last) = self.state.next_items(self.snapshot_steps);
        self.snapshot = Snapshot::Kept { batch, was_last: is_last };
        Some(SnapshotPart { batch, items, is_last })
    }

    /// The last batch that was given out.
    #[must_use]
    pub fn last_batch(&self) -> u64 {
        self.next_batch - 1
    }

    /// An operator has said that the clock is right: the server's time goes on from here. Recorded
    /// like everything that happens.
    pub fn accept_clock(&mut self, at: WallTime) {
        self.state.set_clock(at);
        // R-TIME-5
        self.records.push(Record::ClockSet { at });
    }
}

impl<P> Recovery for Server<P> {
    fn restore(&mut self, item: SnapshotItem) -> Result<(), Contradiction> {
        self.state.restore(item)
    }

    fn replay(&mut self, record: Record) -> Result<(), Contradiction> {
        self.state.replay(record)
    }

    /// # Panics
    /// If something has happened here that the journal does not hold.
    fn resume_after(&mut self, batch: u64) {
        let is_behind = self.records.is_empty() && self.last_batch() <= batch;
        assert!(is_behind, "a server that goes on alone is not brought back");
        self.next_batch = batch + 1;
        self.durable = batch;
    }
}
