//! What a server knows and its journal keeps: the fold of a snapshot and of the records after it.
//!
//! Owns the register, the sessions and the two times that belong to them. Leaves to others which
//! batch a record is in and when it is durable ([`crate::server`]), and how the records are kept
//! ([`crate::journal`]). Invariant: the same items and records in the same order give the same
//! state.

use crate::hashing::HashKey;
use crate::record::{Record, Recovery, SnapshotItem};
use crate::roll::{Contradiction, Register, Sessions, Walked};
use crate::time::{Instant, WallTime};

/// The state that a journal can bring back.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) register: Register,
    pub(crate) sessions: Sessions,
    /// The latest time that was written anywhere: the server's own time never goes back.
    pub(crate) latest: WallTime,
    /// The latest time in the journal, or in what is about to be appended to it.
    pub(crate) recorded: WallTime,
    /// The part of a snapshot that comes next, if one is being made.
    snapshot: Option<Stage>,
}

/// What of a snapshot is still to be made.
#[derive(Clone, Copy)]
enum Stage {
    Begin { latest: WallTime },
    Register,
    Sessions,
}

impl State {
    /// Nothing has happened. The tables hash under this key.
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self {
            register: Register::new(hash_key),
            sessions: Sessions::new(hash_key),
            latest: WallTime::default(),
            recorded: WallTime::default(),
            snapshot: None,
        }
    }

    /// Begins a snapshot: [`State::next_items`] gives the state as it is now, bit by bit, whatever
    /// happens to it meanwhile.
    pub(crate) fn begin_snapshot(&mut self) {
        self.register.begin_walk();
        self.sessions.begin_walk();
        self.snapshot = Some(Stage::Begin { latest: self.latest });
    }

    /// The next items of the snapshot, after a bounded number of steps, and whether they are the
    /// last ones. Together they are what [`State::items`] was at the beginning, in an order in which
    /// [`Recovery::restore`] takes it.
    pub(crate) fn next_items(&mut self, steps: usize) -> (Vec<SnapshotItem>, bool) {
        let mut items = Vec::with_capacity(steps);
        if let Some(Stage::Begin { latest }) = self.snapshot {
            items.push(SnapshotItem::Latest(latest));
            self.snapshot = Some(Stage::Register);
        }
        if let Some(Stage::Register) = self.snapshot {
            let mut hand_out = |item| items.push(SnapshotItem::Register(item));
            if self.register.walk(steps, &mut hand_out) {
                self.snapshot = Some(Stage::Sessions);
            }
        } else if let Some(Stage::Sessions) = self.snapshot {
            let mut hand_out = |(record, is_kept): Walked| {
                let kept = is_kept.then_some(SnapshotItem::KeptUntilPast(record.client));
                items.push(SnapshotItem::Client(record));
                items.extend(kept);
            };
            if self.sessions.walk(steps, &mut hand_out) {
                self.snapshot = None;
            }
        }
        (items, self.snapshot.is_none())
    }

    /// Everything that [`Recovery::restore`] needs to make the same state again, in the order in
    /// which it takes it.
    pub(crate) fn items(&self) -> impl Iterator<Item = SnapshotItem> + '_ {
        let clients = self.sessions.records().cloned().map(SnapshotItem::Client);
        let register = self.register.items().map(SnapshotItem::Register);
        let kept = self.sessions.kept_until_past().map(SnapshotItem::KeptUntilPast);
        let latest = std::iter::once(SnapshotItem::Latest(self.latest));
        latest.chain(register).chain(clients).chain(kept)
    }

    /// Goes on from this time, also if that is a step back.
    pub(crate) fn set_clock(&mut self, at: WallTime) {
        self.latest = at;
        self.recorded = at;
        self.sessions.set_clock(at);
    }

    /// The journal holds this time.
    fn learn_time(&mut self, at: WallTime) {
        self.latest = self.latest.max(at);
        // R-TIME-2
        self.recorded = self.recorded.max(at);
    }
}

impl Recovery for State {
    fn restore(&mut self, item: SnapshotItem) -> Result<(), Contradiction> {
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

    fn replay(&mut self, record: Record) -> Result<(), Contradiction> {
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
            Record::TimeDisclosed { at } => self.learn_time(at),
            Record::ClockSet { at } => self.set_clock(at),
        }
        Ok(())
    }

    fn resume_after(&mut self, _batch: u64) {}
}
