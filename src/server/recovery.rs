//! Bringing a server back from what its journal kept, and the snapshots for it.

use super::Server;
use crate::record::{Record, SnapshotItem};
use crate::roll::Contradiction;
use crate::time::{Instant, WallTime};

impl<P> Server<P> {
    /// Forgets the oldest closed roll calls without marks, as many as there are too many.
    pub(crate) fn forget_empty_sheets(&mut self) {
        self.register.forget_empty();
    }

    /// Takes back a piece of a snapshot, before the first event.
    ///
    /// # Errors
    /// If the pieces contradict each other: the journal is damaged.
    pub fn restore(&mut self, item: SnapshotItem) -> Result<(), Contradiction> {
        match item {
            SnapshotItem::Latest(latest) => self.learn_time(latest),
            SnapshotItem::Client(record) => self.sessions.record(record, Instant::ZERO, 0),
            SnapshotItem::Register(item) => self.register.restore(&item)?,
            SnapshotItem::KeptUntilPast(client) => {
                if !self.sessions.keep_until_past(client) {
                    return Err(Contradiction("a client is kept that is not known"));
                }
            }
        }
        Ok(())
    }

    /// Repeats a record of the journal, before the first event.
    ///
    /// # Errors
    /// If it contradicts the records before it: the journal is damaged.
    pub fn replay(&mut self, record: Record) -> Result<(), Contradiction> {
        match record {
            Record::Answered { at, operation, client } => {
                self.learn_time(at);
                self.register.apply(&operation, &client.outcome)?;
                // R-FORGET-4
                self.sessions.record(client, Instant::ZERO, 0);
            }
            Record::Forgot { at, client } => {
                self.learn_time(at);
                if !self.sessions.forget(client) {
                    return Err(Contradiction("a client is forgotten that is not known"));
                }
            }
            Record::Told { at } => self.learn_time(at),
            Record::ClockSet { at } => self.set_clock(at),
        }
        Ok(())
    }

    /// Continues after that batch of the journal: the next one gets the next number.
    pub fn resume_after(&mut self, batch: u64) {
        self.next_batch = batch + 1;
        self.durable = batch;
    }

    /// Everything that a new server needs to continue in place of this one, once every batch that
    /// was given out is durable.
    pub fn snapshot(&self) -> impl Iterator<Item = SnapshotItem> + '_ {
        let clients = self.sessions.records().cloned().map(SnapshotItem::Client);
        let register = self.register.items().map(SnapshotItem::Register);
        let kept = self.sessions.kept_until_past().map(SnapshotItem::KeptUntilPast);
        let latest = std::iter::once(SnapshotItem::Latest(self.latest));
        latest.chain(register).chain(clients).chain(kept)
    }

    /// The last batch that was given out.
    #[must_use]
    pub fn last_batch(&self) -> u64 {
        self.next_batch - 1
    }

    /// An operator has said that the clock is right: the server's time goes on from here. Recorded
    /// like everything that happens.
    pub fn accept_clock(&mut self, at: WallTime) {
        self.set_clock(at);
        // R-TIME-5
        self.records.push(Record::ClockSet { at });
    }

    fn set_clock(&mut self, at: WallTime) {
        self.latest = at;
        self.noted = at;
        self.sessions.set_clock(at);
    }

    /// The journal holds this time.
    fn learn_time(&mut self, at: WallTime) {
        self.latest = self.latest.max(at);
        // R-TIME-2
        self.noted = self.noted.max(at);
    }
}
