//! The server without a socket, a clock or a disk.
//!
//! Events go in through `handle_*`, effects come out of [`Server::poll_output`]. The contract:
//! after any number of `handle_*` calls, poll until `None`; then more events. One batch is under way
//! at a time: what happens until it is durable makes the next one. One commit thus covers all that
//! arrived during the last one, however slow the disk is.
//!
//! ```text
//!  handle_datagram ─▶ wire ─▶ sessions (judge) ─▶ register (decide, apply) ─▶ batch ─▶ Append
//!                                  │ repeat                                             │
//!                                  ▼                                          commit ◀──┘
//!                             held replies ◀── released by ── handle_durable ◀──┘
//!                                  └──────▶ Transmit
//! ```
//!
//! Invariants: no reply leaves before everything that it tells is durable; nothing is answered but
//! requests, each at most once and with no more bytes than it had; the same events in the same
//! order give the same effects, whatever machine runs them.

mod admission;
mod deadlines;
mod keys;
mod objects;
mod operations;
mod queries;
mod questions;
mod recovery;
mod watching;

use std::collections::VecDeque;
use std::hash::Hash;
use std::time::Duration;

use admission::Admission;
pub use keys::ServerKeys;
use operations::Asked;
use questions::Questions;
pub use questions::{FolderRequest, SheetsQuestion};
use recovery::Snapshot;
use watching::RosterObjects;

use crate::access::{InviteId, PersonName};
use crate::blocks::{BlockServer, CookieKey, Requester};
pub use crate::blocks::{Piece, PieceRead};
use crate::exchange::{
    ActRecord, Answer, Ask, Busy, Received, Reply, Request, SheetInfo, decode_request,
    encode_pulled, encode_reply,
};
use crate::hashing::HashKey;
use crate::ids::{ClassId, ClientId, ContentId, DeviceId, RollCallId};
use crate::limits::{
    CLIENTS_FORGOTTEN_PER_CALL_MAX, REPLIES_HELD_MAX, SNAPSHOT_STEPS_PER_TURN, SWEEP_INTERVAL,
};
use crate::people::CodeClock;
use crate::principal::Principal;
use crate::record::{Batch, Record, RowsQuestion, SnapshotPart};
use crate::roll::{ClosedSheet, Silent};
use crate::state::State;
use crate::stats::{Counter, Stats};
use crate::time::{Instant, Now, WallTime};
use crate::wire::{Datagram, Rejected, Versions};

/// An effect that the server asks for. `P` is the way back to a client, whatever that is where the
/// server runs.
#[derive(Debug, PartialEq, Eq)]
pub enum Output<P> {
    /// Send the datagram that was written into the space given to [`Server::poll_output`].
    Transmit {
        /// The way that the request came.
        to: P,
    },
    /// Append this batch, make it durable, and then call [`Server::handle_durable`]. If that fails,
    /// the server must not be used any more: it knows things that the disk does not.
    Append(Batch),
    /// Keep this part of a snapshot, after every batch that was given out before it, and then call
    /// [`Server::handle_snapshot_kept`].
    Snapshot(SnapshotPart),
    /// Read this sheet's canonical bytes and call [`Server::handle_sheet`].
    Load(ContentId),
    /// Read these sheets of a class in brief, and one more if there is one, and call
    /// [`Server::handle_sheets`].
    ListSheets(SheetsQuestion),
    /// Read these rows, and one more if there is one, and call [`Server::handle_rows`].
    ListRows(RowsQuestion),
    /// Do this in the folder of offered files. Asked for only after [`Server::offer_files`].
    Folder(FolderRequest),
}

/// The roll call server. A clone is what it would be in another course of events: for exploring
/// them all.
#[derive(Clone)]
pub struct Server<P> {
    state: State,
    stats: Stats,
    /// What happened since the last batch was appended.
    records: Vec<Record>,
    /// The memory of an earlier batch's records.
    spare: Vec<Record>,
    sheets: Vec<ClosedSheet>,
    /// The roll calls whose empty sheets need not be kept any longer.
    forgotten: Vec<RollCallId>,
    /// What admins and teachers did.
    acts: Vec<ActRecord>,
    /// By which the codes of rooms are counted, since the first of them.
    codes: Option<CodeClock>,
    /// Makes the secrets of rooms.
    rooms: [u8; 32],
    /// How often names were drawn.
    draws: u64,
    /// The number that the next batch gets.
    next_batch: u64,
    /// The last batch that is on disk.
    durable: u64,
    snapshot: Snapshot,
    snapshot_steps: usize,
    held: VecDeque<Held<P>>,
    blocks: BlockServer<P>,
    questions: Questions<P>,
    cookie_key: CookieKey,
    admission: Admission,
    next_sweep: Instant,
    /// When deadlines are compared with the clock again, if there are any.
    next_deadline: Option<Instant>,
    /// The rosters that were asked for last, as they are fetched.
    roster_objects: RosterObjects,
    /// Who asked for an operation with the last datagram, if it was one: the client as the judge of
    /// duplicates knows it.
    asked: Option<(ClientId, Principal)>,
}

/// A reply that leaves when the batch `after` is durable. In a queue these never decrease.
#[derive(Clone)]
struct Held<P> {
    to: P,
    after: u64,
    reply: HeldReply,
}

#[derive(Clone)]
enum HeldReply {
    Reply(Reply),
    Versions,
}

impl<P> Server<P> {
    /// A server that knows nothing yet, for runs that can be repeated: its keys follow from the seed.
    #[must_use]
    pub fn new(seed: u128) -> Self {
        Self::with_keys(seed.into())
    }

    /// A server that knows nothing yet, and keeps these keys to itself.
    #[must_use]
    pub fn with_keys(keys: ServerKeys) -> Self {
        Self {
            state: State::new(HashKey::new(keys.tables)),
            stats: Stats::default(),
            records: Vec::new(),
            spare: Vec::new(),
            sheets: Vec::new(),
            forgotten: Vec::new(),
            acts: Vec::new(),
            codes: None,
            rooms: keys.rooms,
            draws: 0,
            next_batch: 1,
            durable: 0,
            snapshot: Snapshot::None,
            snapshot_steps: SNAPSHOT_STEPS_PER_TURN,
            held: VecDeque::new(),
            blocks: BlockServer::new(),
            questions: Questions::new(),
            cookie_key: CookieKey::new(keys.cookies),
            admission: Admission::new(keys.admission),
            next_sweep: Instant::ZERO,
            next_deadline: None,
            roster_objects: RosterObjects::default(),
            asked: None,
        }
    }

    /// Limits the bytes of blocks that leave in a second, in all; each address gets half of it at most.
    pub fn limit_blocks(&mut self, bytes_per_second: u64) {
        self.blocks.limit(bytes_per_second);
    }

    /// There is a folder of files to offer.
    pub fn offer_files(&mut self) {
        self.blocks.offer_files();
    }

    /// Whether the disk has too little room left to begin another roll call.
    pub fn set_disk_low(&mut self, low: bool) {
        self.state.register.set_disk_low(low);
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts what happens outside of the core.
    pub fn count(&mut self, counter: Counter) {
        self.stats.count(counter);
    }

    /// The server's own time: the latest that it has written or seen.
    #[must_use]
    pub fn latest(&self) -> WallTime {
        self.state.latest
    }

    /// How many roll calls are open.
    #[must_use]
    pub fn open_roll_calls(&self) -> usize {
        self.state.register.open_count()
    }

    /// How many clients are remembered.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.state.sessions.len()
    }

    /// Whether the device may do nothing any more.
    #[must_use]
    pub fn is_revoked(&self, device: DeviceId) -> bool {
        self.state.people.is_revoked(device)
    }

    /// An admin was invited at the server's terminal. False if the invite is known already.
    pub fn invite_admin(
        &mut self,
        now: Now,
        invite: InviteId,
        name: PersonName,
        ends_at: WallTime,
    ) -> bool {
        let at = self.advance(now.wall);
        if self.state.people.knows_invite(invite) {
            return false;
        }
        self.acts.extend(self.state.people.apply_admin_invite(invite, name, at, ends_at));
        self.record(at, Record::AdminInvited { at, invite, name, ends_at });
        true
    }

    /// The journal was restored from a backup: the invites that are open in it are void.
    pub fn void_invites(&mut self) {
        self.state.people.void_invites();
        self.records.push(Record::Restored);
    }

    /// The last closed sheet of the class.
    #[must_use]
    pub fn last_sheet(&self, class: ClassId) -> Option<SheetInfo> {
        self.state.register.last_sheet(class)
    }

    fn record(&mut self, at: WallTime, record: Record) {
        self.state.recorded = self.state.recorded.max(at);
        self.records.push(record);
    }

    /// The server's own time at this moment: the wall clock, but never going back.
    fn advance(&mut self, wall: WallTime) -> WallTime {
        // R-TIME-1
        self.state.latest = self.state.latest.max(wall);
        self.state.latest
    }
}

impl<P> Output<P> {
    /// The same effect by another way.
    pub(crate) fn map_path<Q>(self, path: impl FnOnce(P) -> Q) -> Output<Q> {
        match self {
            Self::Transmit { to } => Output::Transmit { to: path(to) },
            Self::Append(batch) => Output::Append(batch),
            Self::Snapshot(part) => Output::Snapshot(part),
            Self::Load(content) => Output::Load(content),
            Self::ListSheets(question) => Output::ListSheets(question),
            Self::ListRows(question) => Output::ListRows(question),
            Self::Folder(request) => Output::Folder(request),
        }
    }
}

/// What happens, and what follows from it. The way back to a client can be copied, because many
/// blocks may leave by it, and hashed, because a cookie is made of it.
impl<P: Clone + Hash> Server<P> {
    /// The system dropped datagrams that arrived, for want of room in the receive buffer.
    pub fn handle_overflow(&mut self, now: Now) {
        self.stats.count(Counter::Overflowed);
        self.admission.handle_overflow(now.instant);
    }

    /// A plain datagram arrived. False if it was thrown away unread, which costs next to nothing.
    pub fn handle_datagram(&mut self, now: Now, from: P, datagram: &[u8]) -> bool {
        if !self.admits(now.instant, &from) {
            return false;
        }
        let exit = self.handle_plain(now, from, datagram, true);
        self.stats.count(exit);
        true
    }

    /// Who asked for an operation with the last datagram, if it was one: the client as the judge of
    /// duplicates knows it, for the operator's log.
    #[must_use]
    pub fn asked(&self) -> Option<(ClientId, Principal)> {
        self.asked
    }

    /// Whether a datagram from there is read at all at present.
    pub(crate) fn admits(&mut self, now: Instant, from: &P) -> bool {
        self.asked = None;
        let admitted = self.admission.admits(now, from);
        if !admitted {
            self.stats.count(Counter::Shed);
        }
        admitted
    }

    /// Handles a plain datagram, or only tells what it is if plain requests are not read here.
    pub(crate) fn handle_plain(
        &mut self,
        now: Now,
        from: P,
        datagram: &[u8],
        is_read: bool,
    ) -> Counter {
        if self.held.len() >= REPLIES_HELD_MAX {
            return Counter::Overloaded;
        }
        match decode_request(datagram) {
            Ok(received) if is_read => {
                self.handle_request(now, from, Principal::Plain, received, datagram.len())
            }
            Ok(_) => Counter::Plain,
            Err(rejected) => self.handle_rejected(from, rejected, datagram.len()),
        }
    }

    /// Tells a client to ask again later. Nothing is judged or remembered.
    pub(crate) fn handle_too_fast(&mut self, from: P, request: &Request, wait: Duration) {
        if self.held.len() < REPLIES_HELD_MAX {
            let retry_after_ms = u16::try_from(wait.as_millis().max(1)).unwrap_or(u16::MAX);
            let requester = Requester { to: from, client: request.client, number: request.number };
            self.reply(requester, Answer::Busy(Busy { retry_after_ms }));
        }
    }

    /// Handles a request out of another envelope, which has proved who asks and has room for a plain answer
    /// of that length. Tells what came of it, which is not counted here.
    pub fn handle_message(
        &mut self,
        now: Now,
        from: P,
        who: Principal,
        received: Received,
        room: usize,
    ) -> Counter {
        if self.held.len() >= REPLIES_HELD_MAX {
            return Counter::Overloaded;
        }
        if let Principal::Device(device) = who
            && self.is_revoked(device)
        {
            // R-ACCESS-6
            let Request { client, number, .. } = received.request;
            self.reply(Requester { to: from, client, number }, Answer::Revoked);
            return Counter::Revoked;
        }
        self.handle_request(now, from, who, received, room)
    }

    /// Every batch up to this one is on disk.
    pub fn handle_durable(&mut self, batch: u64) {
        assert!(batch < self.next_batch, "only what was appended can become durable");
        self.durable = self.durable.max(batch);
        self.stats.count(Counter::Committed);
    }

    /// Takes back a batch that is durable, to use its memory again.
    pub fn recycle(&mut self, batch: Batch) {
        self.spare = batch.records;
        self.spare.clear();
    }

    /// Time has passed: a turn of the loop begins. Forgets clients that were silent for long.
    pub fn handle_timeout(&mut self, now: Now) {
        self.blocks.begin_turn(now.instant);
        self.close_due(now);
        if now.instant < self.next_sweep {
            return;
        }
        let at = self.advance(now.wall);
        let now = Now { wall: at, ..now };
        for _ in 0..CLIENTS_FORGOTTEN_PER_CALL_MAX {
            match self.state.sessions.longest_silent(now) {
                None => {
                    self.next_sweep = now.instant.after(SWEEP_INTERVAL);
                    return;
                }
                Some(Silent { client, forgettable: true }) => {
                    self.state.sessions.forget(client);
                    // R-FORGET-3
                    self.record(at, Record::Forgot { at, client });
                    self.stats.count(Counter::Forgotten);
                }
                // Kept for as long again, so that it does not stand in the way of the others.
                Some(Silent { client, forgettable: false }) => {
                    self.state.sessions.hear(client, now.instant);
                }
            }
        }
        // There may be more: the next call goes on without waiting.
    }

    /// When [`Server::handle_timeout`] wants to be called next, if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sweep = (!self.state.sessions.is_empty()).then_some(self.next_sweep);
        // The first one is noticed at once, and looked at from then on.
        let deadline = self.state.agenda.next_deadline();
        let deadline = deadline.map(|_| self.next_deadline.unwrap_or(Instant::ZERO));
        [self.blocks.poll_timeout(), sweep, deadline].into_iter().flatten().min()
    }

    /// The next effect, or `None` when there is nothing to do until the next event. A datagram to
    /// send is written into `space`.
    pub fn poll_output(&mut self, space: &mut Datagram) -> Option<Output<P>> {
        if !self.records.is_empty() && self.durable == self.last_batch() {
            return Some(Output::Append(self.take_batch()));
        }
        // What happened before a sheet was asked for may have made it: that is given out first.
        if self.records.is_empty()
            && let Some(content) = self.blocks.poll_load()
        {
            return Some(Output::Load(content));
        }
        if self.records.is_empty()
            && let Some(question) = self.questions.poll_sheets()
        {
            return Some(Output::ListSheets(question));
        }
        if self.records.is_empty()
            && let Some(question) = self.questions.poll_rows()
        {
            return Some(Output::ListRows(question));
        }
        if self.records.is_empty()
            && let Some(question) = self.questions.poll_load()
        {
            return Some(Output::ListRows(question));
        }
        if let Some(request) = self.poll_folder() {
            return Some(Output::Folder(request));
        }
        if self.held.front().is_some_and(|held| held.after <= self.durable) {
            let Held { to, reply, .. } = self.held.pop_front().expect("there is a front");
            match reply {
                HeldReply::Reply(reply) => encode_reply(&reply, space),
                HeldReply::Versions => Versions::ours().encode(space),
            }
            return Some(Output::Transmit { to });
        }
        if let Some(part) = self.next_snapshot_part() {
            return Some(Output::Snapshot(part));
        }
        // R-PULL-7
        let to = self.blocks.poll_transmit(|requester, index, block| {
            encode_pulled(requester.client, requester.number, index, block, space);
        })?;
        self.stats.count(Counter::BlocksGiven);
        Some(Output::Transmit { to })
    }

    fn handle_rejected(&mut self, from: P, rejected: Rejected, request_bytes: usize) -> Counter {
        // R-READ-2, R-READ-3, R-VERSION-1
        if let Rejected::Version(_) = rejected
            && request_bytes >= Versions::ENCODED_BYTES
        {
            self.hold(from, HeldReply::Versions);
        }
        rejected.into()
    }

    fn handle_request(
        &mut self,
        now: Now,
        from: P,
        who: Principal,
        received: Received,
        request_bytes: usize,
    ) -> Counter {
        let request = received.request;
        if request.attempt > 1 {
            self.stats.count(Counter::Resent);
        }
        match request.ask {
            Ask::Perform { started, ref operation } => {
                let client = who.client(request.client);
                self.asked = Some((client, who));
                let asked = Asked { who, client, started, operation: operation.clone() };
                self.handle_operation(now, from, &request, asked, received.fingerprint)
            }
            Ask::Read(query) => self.handle_query(now, from, who, &request, query, request_bytes),
            Ask::Pull(pull) => self.handle_pull(now, from, &request, pull, request_bytes),
        }
    }

    /// The next thing to do in the folder: questions before pieces of files.
    fn poll_folder(&mut self) -> Option<FolderRequest> {
        self.questions.poll_folder().or_else(|| self.blocks.poll_piece().map(FolderRequest::Read))
    }

    fn reply(&mut self, requester: Requester<P>, answer: Answer) {
        let Requester { to, client, number } = requester;
        // R-KIND-2, R-KIND-4, R-REQUEST-6
        self.hold(to, HeldReply::Reply(Reply { client, number, answer }));
    }

    /// Queues a reply to leave when all that has happened so far is durable: what is told is on
    /// disk, even if it is only told by a refusal or a count.
    fn hold(&mut self, to: P, reply: HeldReply) {
        // R-DURABLE-1
        let after = if self.records.is_empty() { self.last_batch() } else { self.next_batch };
        self.held.push_back(Held { to, after, reply });
    }

    fn take_batch(&mut self) -> Batch {
        let number = self.next_batch;
        self.next_batch += 1;
        let records = std::mem::replace(&mut self.records, std::mem::take(&mut self.spare));
        self.begin_due_snapshot();
        let sheets = std::mem::take(&mut self.sheets);
        let forgotten = std::mem::take(&mut self.forgotten);
        let acts = std::mem::take(&mut self.acts);
        Batch { number, records, sheets, forgotten, acts }
    }
}

#[cfg(test)]
#[path = "attendance/tests.rs"]
mod attendance_tests;
#[cfg(test)]
mod tests;
