//! The judge of duplicates: which request is new, which was answered before, which came too late.
//!
//! For each client the table keeps the number of its last operation, a fingerprint of it and its
//! outcome: enough to answer every retry with the first answer and to execute nothing twice. The
//! scheme is that of `NFSv4.1` sessions (RFC 8881 2.10.6) and of Kerberos' replay cache (RFC 4120
//! 3.2.3), without a handshake: a request that is a client's first says when the client began, and is
//! only believed within a window of the server's clock.
//!
//! Invariant: an entry is kept until every datagram of its client is refused for its age, so that no
//! duplicate can outlive its entry.
//!
//! The table can be read bit by bit while it changes ([`Sessions::begin_walk`]): what a walk has not
//! yet reached is handed out as it was just before it is changed.

use serde::{Deserialize, Serialize};

use super::era::Era;
use super::segments::Segments;
use crate::exchange::Outcome;
use crate::hashing::{HashKey, Index};
use crate::ids::{ClientId, RequestNumber};
use crate::limits::{CLIENT_SILENCE_MIN, CLIENTS_MAX, WINDOW};
use crate::people::Pool;
use crate::time::{Instant, Now, WallTime};

/// What the table knows of a client: the form that records and snapshots keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRecord {
    /// Who.
    pub client: ClientId,
    /// The client's clock when it began.
    pub started: WallTime,
    /// Its last operation that was executed or refused.
    pub number: RequestNumber,
    /// CRC-32 over that operation's bytes without the attempt number.
    pub fingerprint: u32,
    /// What it led to.
    pub outcome: Outcome,
}

/// What to do with an operation that arrived. One variant for each row of the table in the
/// specification, chapter "Telling duplicates".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A known client's next operation: execute it, once.
    Next,
    /// A client's first operation, begun within the window: execute it, once.
    NewClient,
    /// The last operation again, its outcome durable: the stored reply. The answer had been lost,
    /// or the network made a copy.
    Repeat(Outcome),
    /// The last operation again, before its outcome is durable: silence. The client is quicker than
    /// our disk, and its answer is on the way.
    InProgress,
    /// The same number with another body: a defect of the client, or two clients with one id.
    Conflict,
    /// An older number, or one that leaves a number out: a copy that was delayed until its client
    /// had moved on, or a client that lost count.
    Stale,
    /// A later operation of a client that is not known: it was silent for so long that it was
    /// forgotten, or the journal is another one.
    BeginAgain,
    /// A first operation from outside the window: a clock that is wrong, or a copy so old that its
    /// client may have been forgotten.
    ClockSkew {
        /// True if the client's clock is ahead. Then the same datagram would look punctual when it
        /// arrives again later, so this verdict must be recorded as the operation's outcome.
        ahead: bool,
    },
    /// A first operation, but as many clients are known as this server remembers.
    TableFull,
}

impl Verdict {
    /// Whether an operation that is judged so gets an outcome that is recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        matches!(self, Self::Next | Self::NewClient | Self::ClockSkew { ahead: true })
    }
}

/// A client that has been silent for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Who.
    pub client: ClientId,
    /// Whether it may be forgotten.
    pub forgettable: bool,
}

/// The clients and their last operations.
#[derive(Clone)]
pub struct Sessions {
    entries: Segments<Slot>,
    /// How many there are of each pool.
    pools: [usize; 3],
    by_client: Index,
    free: Option<u32>,
    /// The client that has been silent for longest, and the one heard last.
    oldest: Option<u32>,
    newest: Option<u32>,
    hash_key: HashKey,
    capacity: usize,
    era: Era,
    walk: Option<Walk>,
}

/// A place in the table; linked to its neighbours in order of when they were heard, so that the
/// silent ones are found without searching.
#[derive(Clone)]
struct Slot {
    entry: Option<Entry>,
    before: Option<u32>,
    after: Option<u32>,
}

#[derive(Clone)]
struct Entry {
    record: ClientRecord,
    heard: Instant,
    /// The batch of the journal that holds the record.
    batch: u64,
    /// Whose share of the table it takes.
    pool: Pool,
    /// It is not forgotten before its start lies in the past: the clock was set back behind it, and
    /// its first request would look punctual once more when the clock comes there again.
    until_past: bool,
    /// The era in which a walk handed it out, or in which it was written since.
    era: Era,
}

/// What a walk hands out: a client's record, its pool, and whether it is kept until its start lies in the
/// past.
pub(crate) type Walked = (ClientRecord, Pool, bool);

/// A walk that is under way. The entries of the last era are still to be handed out.
#[derive(Clone)]
struct Walk {
    /// The next one to look at, beginning with the one that was silent for longest.
    next: Option<u32>,
    /// How many entries are of the last era.
    left: usize,
    /// Entries that were changed before the walk reached them, as they had been.
    preserved: Vec<Walked>,
}

impl Sessions {
    /// A table without clients that hashes under this key.
    #[must_use]
    pub fn new(hash_key: HashKey) -> Self {
        Self {
            entries: Segments::new(),
            pools: [0; 3],
            by_client: Index::new(),
            free: None,
            oldest: None,
            newest: None,
            hash_key,
            capacity: CLIENTS_MAX,
            era: Era::default(),
            walk: None,
        }
    }

    /// Judges an operation. `durable` is the last batch that is on disk; `pool` whose share of the table a
    /// new client takes, where the shares are kept apart. Changes nothing.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is one column of the table of verdicts")]
    pub fn judge(
        &self,
        client: ClientId,
        number: RequestNumber,
        started: WallTime,
        fingerprint: u32,
        now: WallTime,
        durable: u64,
        pool: Option<Pool>,
    ) -> Verdict {
        let Some(slot) = self.find(client) else {
            // R-JUDGE-14
            return self.judge_unknown(number, started, now, pool);
        };
        let Entry { record, batch, .. } = self.entry(slot);
        if number == record.number {
            return match (fingerprint == record.fingerprint, *batch <= durable) {
                // R-JUDGE-2
                (true, true) => Verdict::Repeat(record.outcome.clone()),
                // R-JUDGE-3
                (true, false) => Verdict::InProgress,
                // R-JUDGE-4
                (false, _) => Verdict::Conflict,
            };
        }
        // R-JUDGE-1, R-JUDGE-5
        if record.number.next() == Some(number) { Verdict::Next } else { Verdict::Stale }
    }

    fn judge_unknown(
        &self,
        number: RequestNumber,
        started: WallTime,
        now: WallTime,
        pool: Option<Pool>,
    ) -> Verdict {
        if number != RequestNumber::FIRST {
            // R-JUDGE-7
            return Verdict::BeginAgain;
        }
        // R-JUDGE-11
        if started.distance(now) > WINDOW {
            let ahead = started > now;
            if ahead && self.is_full(pool) {
                // R-JUDGE-10
                return Verdict::TableFull;
            }
            // R-JUDGE-8, R-JUDGE-9
            return Verdict::ClockSkew { ahead };
        }
        // R-JUDGE-6, R-JUDGE-10
        if self.is_full(pool) { Verdict::TableFull } else { Verdict::NewClient }
    }

    /// Remembers an operation's outcome, in place of the client's last one.
    pub fn record(&mut self, record: ClientRecord, pool: Pool, heard: Instant, batch: u64) {
        let era = self.era;
        let client = record.client;
        let hash = self.hash_key.hash(client.as_bytes());
        let (entries, next) = (&self.entries, self.next_slot());
        let is_it = |slot| is_of(&entries[slot], client);
        let Some(slot) = self.by_client.find_or_insert(hash, next, is_it) else {
            self.pools[pool as usize] += 1;
            self.fill_slot(next, Entry { record, heard, batch, pool, until_past: false, era });
            self.link_newest(next);
            return;
        };
        self.preserve(slot);
        // A client keeps the start that it began with: what it claims later is not believed.
        let entry = self.entry(slot);
        let (until_past, before) = (entry.until_past, entry.pool);
        let record = ClientRecord { started: entry.record.started, ..record };
        self.pools[before as usize] -= 1;
        self.pools[pool as usize] += 1;
        self.entries[slot].entry = Some(Entry { record, heard, batch, pool, until_past, era });
        self.unlink(slot);
        self.link_newest(slot);
    }

    /// Notes that the client was heard, if it is known.
    pub fn hear(&mut self, client: ClientId, at: Instant) {
        if let Some(slot) = self.find(client) {
            self.entries[slot].entry.as_mut().expect("found slots are taken").heard = at;
            self.unlink(slot);
            self.link_newest(slot);
        }
    }

    /// The client that has been silent for longest, if that is more than [`CLIENT_SILENCE_MIN`].
    ///
    /// It may be forgotten if it also began so long ago (or so far ahead) that its first request
    /// would not be executed as a new client's. Both are asked, because the date may jump while
    /// nothing was silent, and silence may pass while the date stands still.
    #[must_use]
    pub fn longest_silent(&self, now: Now) -> Option<Silent> {
        let Entry { record, heard, until_past, .. } = self.entry(self.oldest?);
        // R-FORGET-1
        let silent = now.instant.since(*heard) > CLIENT_SILENCE_MIN;
        let is_ahead = record.started > now.wall;
        // R-FORGET-2, R-TIME-5
        let forgettable = record.started.distance(now.wall) > WINDOW && !(*until_past && is_ahead);
        silent.then_some(Silent { client: record.client, forgettable })
    }

    /// The clock was set to this time: every client that began ahead of its window is kept until
    /// its start lies in the past.
    pub fn set_clock(&mut self, at: WallTime) {
        for slot in 0..u32::try_from(self.entries.len()).expect("bounded by CLIENTS_MAX") {
            let Some(entry) = &self.entries[slot].entry else { continue };
            let started = entry.record.started;
            if started > at && started.distance(at) > WINDOW {
                self.keep_slot(slot);
            }
        }
    }

    /// Keeps a client until its start lies in the past; true if it is known.
    pub fn keep_until_past(&mut self, client: ClientId) -> bool {
        let Some(slot) = self.find(client) else { return false };
        self.keep_slot(slot);
        true
    }

    fn keep_slot(&mut self, slot: u32) {
        self.preserve(slot);
        let entry = self.entries[slot].entry.as_mut().expect("found slots are taken");
        (entry.until_past, entry.era) = (true, self.era);
    }

    /// The clients that are kept until their start lies in the past.
    pub fn kept_until_past(&self) -> impl Iterator<Item = ClientId> {
        let after = |&slot: &u32| self.entries[slot].after;
        let entries = std::iter::successors(self.oldest, after).map(|slot| self.entry(slot));
        entries.filter(|entry| entry.until_past).map(|entry| entry.record.client)
    }

    /// Forgets a client; true if it was known.
    pub fn forget(&mut self, client: ClientId) -> bool {
        let Some(slot) = self.find(client) else { return false };
        self.preserve(slot);
        let hash = self.hash_key.hash(client.as_bytes());
        assert!(self.by_client.remove(hash, slot), "a known client is indexed");
        self.unlink(slot);
        let place = &mut self.entries[slot];
        if let Some(entry) = place.entry.take() {
            self.pools[entry.pool as usize] -= 1;
        }
        place.after = self.free;
        self.free = Some(slot);
        true
    }

    /// How many clients are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_client.len()
    }

    /// Whether no client is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// Whether no further client can be remembered, or none of that pool.
    #[must_use]
    pub fn is_full(&self, pool: Option<Pool>) -> bool {
        // R-POOL-1
        match pool {
            None => self.len() >= self.capacity,
            Some(pool) => self.pools[pool as usize] >= pool.share_of(self.capacity),
        }
    }

    /// Every client's record with its pool, the one that was silent for longest first.
    pub fn records(&self) -> impl Iterator<Item = (&ClientRecord, Pool)> {
        let after = |&slot: &u32| self.entries[slot].after;
        let entries = std::iter::successors(self.oldest, after).map(|slot| self.entry(slot));
        entries.map(|entry| (&entry.record, entry.pool))
    }

    /// Begins to hand out every client as it is now, bit by bit by [`Sessions::walk`], whatever
    /// happens to it meanwhile.
    pub(crate) fn begin_walk(&mut self) {
        assert!(self.walk.is_none(), "one walk at a time");
        self.era = self.era.next();
        self.walk = Some(Walk { next: self.oldest, left: self.len(), preserved: Vec::new() });
    }

    /// Goes on with the walk by at most so many steps; true when it has ended.
    pub(crate) fn walk(&mut self, steps: usize, hand_out: &mut impl FnMut(Walked)) -> bool {
        let Self { entries, walk, era, .. } = self;
        let Some(it) = walk else { return true };
        let preserved = it.preserved.len().min(steps);
        it.preserved.drain(..preserved).for_each(&mut *hand_out);
        for _ in preserved..steps {
            let Some(slot) = it.next.filter(|_| it.left > 0) else { break };
            let Slot { entry, after, .. } = &mut entries[slot];
            it.next = *after;
            let entry = entry.as_mut().expect("linked slots are taken");
            if entry.era != *era {
                entry.era = *era;
                it.left -= 1;
                hand_out((entry.record.clone(), entry.pool, entry.until_past));
            }
        }
        let is_done = it.left == 0 && it.preserved.is_empty();
        if is_done {
            *walk = None;
        }
        is_done
    }

    /// Sees to it that a walk hands out what is in this slot as it is now.
    fn preserve(&mut self, slot: u32) {
        let Some(walk) = &mut self.walk else { return };
        let Slot { entry: Some(entry), .. } = &mut self.entries[slot] else { return };
        if entry.era != self.era {
            entry.era = self.era;
            walk.left -= 1;
            walk.preserved.push((entry.record.clone(), entry.pool, entry.until_past));
        }
    }

    fn find(&self, client: ClientId) -> Option<u32> {
        let hash = self.hash_key.hash(client.as_bytes());
        self.by_client.find(hash, |slot| is_of(&self.entries[slot], client))
    }

    fn entry(&self, slot: u32) -> &Entry {
        self.entries[slot].entry.as_ref().expect("linked and indexed slots are taken")
    }

    /// The slot that the next new client gets.
    fn next_slot(&self) -> u32 {
        let end = || u32::try_from(self.entries.len()).expect("bounded by CLIENTS_MAX");
        self.free.unwrap_or_else(end)
    }

    fn fill_slot(&mut self, slot: u32, entry: Entry) {
        let taken = Slot { entry: Some(entry), before: None, after: None };
        if self.free == Some(slot) {
            let place = &mut self.entries[slot];
            self.free = place.after;
            *place = taken;
        } else {
            self.entries.push(taken);
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { before, after, .. } = self.entries[slot];
        if let Some(walk) = &mut self.walk
            && walk.next == Some(slot)
        {
            walk.next = after;
        }
        match before {
            Some(before) => self.entries[before].after = after,
            None => self.oldest = after,
        }
        match after {
            Some(after) => self.entries[after].before = before,
            None => self.newest = before,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        if let Some(walk) = &mut self.walk {
            // It may not have been handed out, and is behind all that are left.
            walk.next.get_or_insert(slot);
        }
        let before = self.newest.replace(slot);
        let place = &mut self.entries[slot];
        place.before = before;
        place.after = None;
        match before {
            Some(before) => self.entries[before].after = Some(slot),
            None => self.oldest = Some(slot),
        }
    }

    #[cfg(test)]
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }
}

/// Whether this slot is that of the client.
fn is_of(slot: &Slot, client: ClientId) -> bool {
    slot.entry.as_ref().is_some_and(|entry| entry.record.client == client)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exchange::{Refusal, Refused};

    const DURABLE: u64 = 10;

    fn wall(minutes: u64) -> WallTime {
        WallTime::from_millis(1_700_000_000_000 + minutes * 60_000)
    }

    fn minutes(minutes: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(minutes * 60))
    }

    fn client(byte: u8) -> ClientId {
        ClientId::from_bytes([byte; 16])
    }

    fn number(number: u64) -> RequestNumber {
        RequestNumber::new(number).unwrap()
    }

    fn outcome(byte: u8) -> Outcome {
        let at = WallTime::from_millis(u64::from(byte));
        Outcome::MarkRefused(Refused { at, reason: Refusal::NotOpen })
    }

    fn record(byte: u8, last: u64, fingerprint: u32) -> ClientRecord {
        ClientRecord {
            client: client(byte),
            started: wall(0),
            number: number(last),
            fingerprint,
            outcome: outcome(byte),
        }
    }

    /// A table that knows client 1, whose operation 4 with fingerprint 44 is in a durable batch.
    fn sessions() -> Sessions {
        let mut sessions = Sessions::new(HashKey::new(1));
        sessions.record(record(1, 4, 44), Pool::Strangers, Instant::ZERO, DURABLE);
        sessions
    }

    fn judge(sessions: &Sessions, who: u8, which: u64, fingerprint: u32) -> Verdict {
        let started = wall(0);
        sessions.judge(client(who), number(which), started, fingerprint, wall(0), DURABLE, None)
    }

    // The rows of the table, each under its name.

    #[test]
    fn known_next_executes_once() {
        assert_eq!(judge(&sessions(), 1, 5, 55), Verdict::Next);
    }

    #[test]
    fn known_same_number_same_body_gets_the_stored_reply() {
        assert_eq!(judge(&sessions(), 1, 4, 44), Verdict::Repeat(outcome(1)));
    }

    #[test]
    fn known_same_number_same_body_gets_silence_while_it_is_not_durable() {
        let mut sessions = sessions();
        sessions.record(record(1, 5, 55), Pool::Strangers, Instant::ZERO, DURABLE + 1);
        assert_eq!(judge(&sessions, 1, 5, 55), Verdict::InProgress);
    }

    #[test]
    fn known_same_number_other_body_is_a_conflict() {
        let mut sessions = sessions();
        assert_eq!(judge(&sessions, 1, 4, 45), Verdict::Conflict);
        sessions.record(record(1, 5, 55), Pool::Strangers, Instant::ZERO, DURABLE + 1);
        assert_eq!(judge(&sessions, 1, 5, 56), Verdict::Conflict, "not durable");
    }

    #[test]
    fn known_lower_number_or_a_gap_is_stale() {
        for which in [1, 3, 6, u64::MAX] {
            assert_eq!(judge(&sessions(), 1, which, 44), Verdict::Stale, "{which}");
        }
    }

    #[test]
    fn unknown_within_the_window_number_1_is_a_new_client() {
        for now in [0, 15] {
            let judged =
                sessions().judge(client(2), number(1), wall(0), 1, wall(now), DURABLE, None);
            assert_eq!(judged, Verdict::NewClient);
            let judged =
                sessions().judge(client(2), number(1), wall(now), 1, wall(0), DURABLE, None);
            assert_eq!(judged, Verdict::NewClient);
        }
    }

    #[test]
    fn unknown_number_above_1_begins_again() {
        for which in [2, 5, u64::MAX] {
            assert_eq!(judge(&sessions(), 2, which, 1), Verdict::BeginAgain);
        }
        let far = sessions().judge(client(2), number(2), wall(0), 1, wall(999), DURABLE, None);
        assert_eq!(far, Verdict::BeginAgain, "whatever its clock says");
    }

    #[test]
    fn unknown_outside_the_window_number_1_is_clock_skew() {
        let just_outside = WallTime::from_millis(wall(15).as_millis() + 1);
        let late = sessions().judge(client(2), number(1), wall(0), 1, just_outside, DURABLE, None);
        assert_eq!(late, Verdict::ClockSkew { ahead: false });
        let early = sessions().judge(client(2), number(1), just_outside, 1, wall(0), DURABLE, None);
        assert_eq!(early, Verdict::ClockSkew { ahead: true });
    }

    // What stands beside the table.

    #[test]
    fn a_full_table_takes_no_new_client_and_keeps_serving_the_known() {
        let mut sessions = sessions();
        sessions.set_capacity(1);
        assert_eq!(judge(&sessions, 2, 1, 1), Verdict::TableFull);
        let ahead = sessions.judge(client(2), number(1), wall(99), 1, wall(0), DURABLE, None);
        assert_eq!(ahead, Verdict::TableFull, "a skew that would have to be remembered");
        assert_eq!(judge(&sessions, 1, 5, 55), Verdict::Next);
        assert_eq!(judge(&sessions, 1, 4, 44), Verdict::Repeat(outcome(1)));
    }

    // spec: R-POOL-1
    #[test]
    fn the_clients_of_one_pool_leave_the_shares_of_the_others_alone() {
        let mut sessions = Sessions::new(HashKey::new(1));
        sessions.set_capacity(8);
        let judge = |sessions: &Sessions, who, pool| {
            sessions.judge(client(who), number(1), wall(0), 1, wall(0), DURABLE, pool)
        };
        let [staff, bound, strangers] = [Pool::Staff, Pool::Bound, Pool::Strangers];
        for (who, pool) in
            [(1, strangers), (2, strangers), (3, staff), (4, staff), (5, bound), (6, bound)]
        {
            assert_eq!(judge(&sessions, who, Some(pool)), Verdict::NewClient, "{who}");
            sessions.record(record(who, 1, 1), pool, Instant::ZERO, DURABLE);
        }
        // A quarter each, and half: the places of those who are bound are nobody else's.
        assert_eq!(judge(&sessions, 7, Some(strangers)), Verdict::TableFull);
        assert_eq!(judge(&sessions, 7, Some(staff)), Verdict::TableFull);
        assert_eq!(judge(&sessions, 7, Some(bound)), Verdict::NewClient);
        assert_eq!(judge(&sessions, 7, None), Verdict::NewClient, "where no shares are kept apart");
        // Who is bound from now on takes a place there and leaves one here.
        sessions.record(record(1, 2, 2), bound, Instant::ZERO, DURABLE);
        assert_eq!(judge(&sessions, 7, Some(strangers)), Verdict::NewClient);
        assert!(sessions.forget(client(3)));
        assert_eq!(judge(&sessions, 7, Some(staff)), Verdict::NewClient);
        assert_eq!(sessions.pools, [1, 3, 1]);
    }

    #[test]
    fn the_last_number_of_all_has_no_next() {
        let mut sessions = sessions();
        sessions.record(record(1, u64::MAX - 1, 1), Pool::Strangers, Instant::ZERO, DURABLE);
        assert_eq!(judge(&sessions, 1, u64::MAX, 2), Verdict::Next);
        sessions.record(record(1, u64::MAX, 2), Pool::Strangers, Instant::ZERO, DURABLE);
        assert_eq!(judge(&sessions, 1, u64::MAX, 2), Verdict::Repeat(outcome(1)));
        assert_eq!(judge(&sessions, 1, 1, 3), Verdict::Stale, "it does not wrap");
    }

    // spec: R-FORGET-1, R-FORGET-2, R-JUDGE-11
    #[test]
    fn a_client_is_forgotten_only_after_twice_the_window_of_silence() {
        let sessions = sessions();
        let at = |instant, date| {
            let now = Now { instant: minutes(instant), wall: wall(date) };
            sessions.longest_silent(now).map(|silent| silent.forgettable)
        };
        assert_eq!(at(30, 30), None, "not more than twice the window");
        assert_eq!(at(31, 31), Some(true));
        assert_eq!(at(1, 99_999), None, "only the date has jumped");
        assert_eq!(at(31, 0), Some(false), "the date stood still: still punctual");
        assert_eq!(at(31, 15), Some(false), "just within the window");
        let just_outside =
            Now { instant: minutes(31), wall: WallTime::from_millis(wall(15).as_millis() + 1) };
        assert_eq!(sessions.longest_silent(just_outside).map(|it| it.forgettable), Some(true));
    }

    #[test]
    fn a_word_from_the_client_begins_its_silence_anew() {
        let mut sessions = sessions();
        sessions.hear(client(1), minutes(20));
        let now = Now { instant: minutes(49), wall: wall(49) };
        assert_eq!(sessions.longest_silent(now), None);
        let now = Now { instant: minutes(51), wall: wall(51) };
        let silent = Silent { client: client(1), forgettable: true };
        assert_eq!(sessions.longest_silent(now), Some(silent));
    }

    #[test]
    fn a_duplicate_of_a_forgotten_client_is_never_executed() {
        let mut sessions = sessions();
        assert!(!sessions.is_empty());
        assert!(sessions.forget(client(1)));
        assert!(!sessions.forget(client(1)));
        assert!(sessions.is_empty());
        let now = wall(31);
        let first = sessions.judge(client(1), number(1), wall(0), 1, now, DURABLE, None);
        assert_eq!(first, Verdict::ClockSkew { ahead: false });
        let later = sessions.judge(client(1), number(4), wall(0), 44, now, DURABLE, None);
        assert_eq!(later, Verdict::BeginAgain);
    }

    #[test]
    fn a_client_cannot_move_its_start_and_be_forgotten_sooner_or_later() {
        let mut sessions = sessions();
        let moved = ClientRecord { started: wall(500), ..record(1, 5, 55) };
        sessions.record(moved, Pool::Strangers, minutes(1), DURABLE);
        assert_eq!(sessions.records().next().unwrap().0.started, wall(0));
    }

    /// What a walk hands out, so many steps at a time, while something is done after each.
    fn walked(
        sessions: &mut Sessions,
        steps: usize,
        mut meanwhile: impl FnMut(&mut Sessions, usize),
    ) -> Vec<(u8, u64, bool)> {
        let mut found = Vec::new();
        sessions.begin_walk();
        for turn in 0..10_000 {
            let mut hand_out = |(record, _, kept): Walked| {
                found.push((record.client.as_bytes()[0], record.number.get(), kept));
            };
            if sessions.walk(steps, &mut hand_out) {
                return found;
            }
            meanwhile(sessions, turn);
        }
        panic!("the walk does not end");
    }

    #[test]
    fn a_walk_hands_out_every_client_once_as_it_was_at_the_beginning() {
        for steps in [1, 2, 3, 50] {
            let mut sessions = Sessions::new(HashKey::new(1));
            for who in 0..100 {
                sessions.record(record(who, 1, 1), Pool::Strangers, minutes(u64::from(who)), 1);
            }
            sessions.keep_until_past(client(7));
            let in_order = walked(&mut sessions, steps, |_, _| {});
            let expected: Vec<_> = (0..100).map(|who| (who, 1, who == 7)).collect();
            assert_eq!(in_order, expected, "nothing was changed");
            // Everything that can happen to a client, before and after the walk is there.
            let mut found = walked(&mut sessions, steps, |sessions, turn| {
                let who = u8::try_from(turn * 37 % 100).unwrap();
                match turn % 6 {
                    0 => sessions.record(record(who, 2, 2), Pool::Strangers, minutes(200), 2),
                    1 => sessions.hear(client(who), minutes(200)),
                    2 => drop(sessions.forget(client(who))),
                    3 => drop(sessions.keep_until_past(client(who))),
                    4 => sessions.record(record(100 + who, 1, 1), Pool::Strangers, minutes(200), 2),
                    _ => sessions.hear(client(99 - who), minutes(200)),
                }
            });
            found.sort_unstable();
            assert_eq!(found, expected, "{steps} steps at a time");
            sessions.set_clock(wall(0).shifted(-3_600_000));
            let kept = walked(&mut sessions, steps, |sessions, turn| {
                sessions.forget(client(u8::try_from(turn % 200).unwrap()));
            });
            assert!(kept.iter().all(|&(_, _, kept)| kept));
        }
    }

    #[test]
    fn clients_are_forgotten_in_order_of_their_silence_and_places_are_used_again() {
        let mut sessions = Sessions::new(HashKey::new(1));
        for who in 1..=4 {
            sessions.record(record(who, 1, 1), Pool::Strangers, minutes(u64::from(who)), 1);
        }
        sessions.hear(client(1), minutes(9));
        sessions.record(record(3, 2, 1), Pool::Strangers, minutes(10), 1);
        let order = |sessions: &Sessions| {
            sessions.records().map(|(it, _)| it.client.as_bytes()[0]).collect::<Vec<_>>()
        };
        assert_eq!(order(&sessions), [2, 4, 1, 3]);
        sessions.forget(client(4));
        sessions.forget(client(2));
        assert_eq!(order(&sessions), [1, 3]);
        sessions.record(record(7, 1, 1), Pool::Strangers, minutes(11), 1);
        sessions.record(record(8, 1, 1), Pool::Strangers, minutes(12), 1);
        sessions.record(record(9, 1, 1), Pool::Strangers, minutes(13), 1);
        assert_eq!(order(&sessions), [1, 3, 7, 8, 9]);
        assert_eq!(sessions.entries.len(), 5, "two places were used again");
        assert_eq!(sessions.len(), 5);
    }
}
