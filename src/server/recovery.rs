//! A server as what its journal kept makes it, and the snapshots for the journal.

use super::Server;
use crate::record::{Record, Recovery, SnapshotItem};
use crate::roll::Contradiction;
use crate::time::WallTime;

impl<P> Server<P> {
    /// Everything that a new server needs to continue in place of this one, once every batch that
    /// was given out is durable.
    pub fn snapshot(&self) -> impl Iterator<Item = SnapshotItem> + '_ {
        self.state.items()
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
