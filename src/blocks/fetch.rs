//! The client's half of a transfer: pulls the blocks of one object, without a socket or a clock.
//!
//! Events go in through `handle_*`, effects come out of [`Download::poll_output`], and the bytes come
//! out of [`Download::read`], in order, as soon as all before them have arrived. They are the bytes that
//! arrived: [`ObjectFetch`](super::ObjectFetch) checks them against the name of the object.
//!
//! Each object is pulled under a client id of its own, so that a late block of one object can never be
//! taken for a block of another. A block is taken only under the number of a `PULL` that asked for it.
//!
//! This file decides when to send which request. What is in flight and what counts as lost is in
//! [`loss`](super::loss), what has arrived in [`window`](super::window), how much the path carries in
//! [`path`](super::path).

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::loss::{Arrival, Lost, Refused, SentRequests};
use super::path::PathState;
use super::window::Window;
use crate::exchange::{
    Answer, Ask, FileInfo, Pull, Pulled, Reply, Request, decode_reply, encode_request,
};
use crate::ids::{ClientId, Cookie, RequestNumber};
use crate::limits::RETRY_JITTER;
use crate::time::Instant;
use crate::wire::Datagram;

/// A request that is sent later than planned by no more than this is made up for.
const LATE_MAX: Duration = Duration::from_millis(2);
/// The most time of blocks that were never sent which is used for others.
const UNUSED_MAX: Duration = Duration::from_millis(100);

/// An effect or the end of a [`Download`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Send the datagram that was written into the space given to [`Download::poll_output`].
    Transmit,
    /// Every block has arrived.
    Complete,
    /// The server has no such object, or no longer.
    Gone,
    /// No block arrived for the idle timeout.
    Unanswered,
}

/// The transfer of one object.
pub struct Download {
    rng: StdRng,
    /// Drawn for this object alone.
    client: ClientId,
    /// The number of the next request.
    number: RequestNumber,
    /// The first request that carries the present cookie.
    cookie_since: RequestNumber,
    /// How many cookies came since the last block.
    cookies: u32,
    path: PathState,
    object: FileInfo,
    window: Window,
    sent: SentRequests,
    /// How many blocks the receive buffer of the socket holds.
    buffered_max: u64,
    /// No request is sent before, so that blocks do not come in bursts.
    next_request: Instant,
    /// Time that was spaced out for blocks that were never sent, because their request was lost.
    unused: Duration,
    now: Instant,
    /// When a block was last taken.
    progress_at: Instant,
    idle_timeout: Duration,
    end: Option<Event>,
    requests: u32,
}

impl Download {
    /// Begins to fetch an object, of which the blocks before `begin` are here already. The seed is
    /// fresh randomness. `buffered_max` is how many blocks the receive buffer of the socket holds. When
    /// no block is taken for `idle_timeout`, it ends.
    #[must_use]
    pub fn new(
        path: PathState,
        seed: [u8; 32],
        now: Instant,
        object: FileInfo,
        begin: u32,
        buffered_max: u64,
        idle_timeout: Duration,
    ) -> Self {
        let mut rng = StdRng::from_seed(seed);
        Self {
            // R-TRANSFER-2
            client: ClientId::from_bytes(rng.random()),
            rng,
            number: RequestNumber::FIRST,
            cookie_since: RequestNumber::FIRST,
            cookies: 0,
            path,
            object,
            window: Window::new(&object, begin),
            sent: SentRequests::new(),
            buffered_max: buffered_max.max(1),
            next_request: now,
            unused: Duration::ZERO,
            now,
            progress_at: now,
            idle_timeout,
            end: (begin >= object.blocks()).then_some(Event::Complete),
            requests: 0,
        }
    }

    /// What was learnt of the path, for the next object.
    #[must_use]
    pub fn into_path(self) -> PathState {
        self.path
    }

    /// What is known of the path.
    #[must_use]
    pub fn path(&self) -> &PathState {
        &self.path
    }

    /// How many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// The client id of its requests and of the replies to them.
    #[must_use]
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> &FileInfo {
        &self.object
    }

    /// How many bytes were read, with those that were here from the beginning.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.window.bytes_read()
    }

    /// Whether there are bytes to read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.window.is_readable()
    }

    /// A datagram arrived from the server's address. One that answers no request in flight is ignored.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        if let Ok(reply) = decode_reply(datagram) {
            self.handle_reply(now, &reply);
        }
    }

    /// A reply arrived.
    pub fn handle_reply(&mut self, now: Instant, reply: &Reply) {
        self.now = self.now.max(now);
        if reply.client != self.client || self.end.is_some() {
            return;
        }
        match &reply.answer {
            Answer::Pulled(Pulled { index, bytes }) => {
                self.handle_block(reply.number, *index, bytes);
            }
            Answer::Cookie(cookie) => self.handle_cookie(reply.number, *cookie),
            _ => {}
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.end.is_some() {
            return;
        }
        // R-TRANSFER-7
        if self.now.since(self.progress_at) >= self.idle_timeout {
            self.end = Some(Event::Unanswered);
            return;
        }
        self.find_overtaken();
        // R-TRANSFER-5
        if self.timer_at().is_some_and(|at| at <= self.now) {
            self.time_out();
        }
    }

    /// When [`Download::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let idle = self.progress_at.after(self.idle_timeout);
        let overtaken = self.path.reordering().and_then(|after| self.sent.overtaken_at(after));
        let request = (self.allowance() > 0).then_some(self.next_request);
        [overtaken, self.timer_at(), request].into_iter().flatten().fold(idle, Instant::min)
    }

    /// The next effect, or `None` when there is nothing to do until the next event. A datagram to
    /// send is written into `space`. Once it has ended, its end is returned each time.
    pub fn poll_output(&mut self, space: &mut Datagram) -> Option<Event> {
        if self.end.is_some() {
            return self.end;
        }
        if self.next_request > self.now {
            return None;
        }
        let most = self.allowance();
        if most == 0 {
            return None;
        }
        let (first, wanted) = self.window.take_request(most)?;
        let is_limited = self.window.requestable() == 0;
        let sent = self.path.on_request(self.now, self.sent.in_flight(), is_limited);
        // R-TRANSFER-2
        let number = self.number;
        self.number = number.next().expect("fewer than 2^64 requests");
        self.sent.push(number, first, wanted, sent);
        self.requests = self.requests.saturating_add(1);
        self.space_out(wanted.count_ones());
        let pull = Pull { object: self.object.content, cookie: self.path.cookie(), first, wanted };
        let client = self.client;
        encode_request(&Request { attempt: 1, client, number, ask: Ask::Pull(pull) }, space);
        Some(Event::Transmit)
    }

    /// Reads all bytes that have arrived in order, piece by piece.
    ///
    /// # Errors
    /// Those of `take`; the piece that it was given counts as read.
    pub fn read<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while let Some(bytes) = self.window.read() {
            take(bytes)?;
        }
        Ok(())
    }

    fn handle_block(&mut self, number: RequestNumber, index: u32, bytes: &[u8]) {
        let Some(arrival) = self.sent.find(number, index) else { return };
        if bytes.is_empty() && matches!(arrival, Arrival::InFlight { .. }) {
            // R-TRANSFER-8
            self.end = Some(Event::Gone);
            return;
        }
        // R-TRANSFER-3
        if bytes.len() as u64 != self.window.block_bytes(index) {
            return;
        }
        let is_new = match arrival {
            Arrival::InFlight { place, bit } => {
                self.take(place, bit);
                true
            }
            // Lost, or in flight again under a later request; or a copy.
            Arrival::Late => self.window.find(index) || self.sent.take_late(index),
        };
        if !is_new {
            return;
        }
        self.progress_at = self.now;
        self.window.insert(index, bytes);
        if self.window.is_requested() && self.sent.in_flight() == 0 {
            self.end = Some(Event::Complete);
        }
    }

    /// A block arrived under the request for which it is in flight.
    fn take(&mut self, place: usize, bit: u32) {
        self.cookies = 0;
        let taken = self.sent.take(place, bit);
        if taken.is_first {
            self.path.sample(self.now.since(taken.sent.at));
        }
        self.path.on_block(self.now, &taken.sent, self.sent.in_flight());
    }

    /// The server wants a proof that we receive at this address, and gave the means for it.
    fn handle_cookie(&mut self, number: RequestNumber, cookie: Cookie) {
        let Some(Refused { sent_at, lost }) = self.sent.refuse(number) else { return };
        self.window.lose(lost.first, lost.map);
        if number < self.cookie_since {
            // It was sent with an earlier cookie.
            return;
        }
        self.path.sample(self.now.since(sent_at));
        self.path.on_cookie(cookie);
        self.cookie_since = self.number;
        self.cookies = self.cookies.saturating_add(1);
        if self.cookies > 1 {
            // The server does not accept the cookie that it gave, or our address changes with each
            // datagram: it is asked no faster than a server that does not answer.
            self.path.on_cookie_refused();
            // R-COOKIE-6
            let wait = self.path.timer().mul_f64(self.rng.random_range(RETRY_JITTER));
            self.next_request = self.now.after(wait);
        }
    }

    fn find_overtaken(&mut self) {
        let Some(after) = self.path.reordering() else { return };
        for Lost { first, map, never_sent } in self.sent.find_overtaken(self.now, after) {
            self.window.lose(first, map);
            if never_sent > 0 {
                // The path did not carry these blocks: others can have their time.
                self.unused = (self.unused + self.path.spacing(never_sent)).min(UNUSED_MAX);
            }
        }
    }

    /// When all that is in flight counts as lost.
    fn timer_at(&self) -> Option<Instant> {
        let newest = self.sent.newest_sent_at()?;
        Some(newest.max(self.progress_at).after(self.path.timer()))
    }

    /// The timer ran out: all that is in flight counts as lost.
    fn time_out(&mut self) {
        self.path.on_timeout();
        for Lost { first, map, .. } in self.sent.lose_all() {
            self.window.lose(first, map);
        }
        // Clients that lost their datagrams together do not ask again together.
        let wait = self.path.timer().mul_f64(self.rng.random_range(RETRY_JITTER) - 1.0);
        let wait = if self.path.is_silent() { wait } else { Duration::ZERO };
        self.next_request = self.now.after(wait);
    }

    /// How many blocks the next request may name; 0: none is sent now.
    fn allowance(&self) -> u32 {
        // R-COOKIE-5
        let awaits_proof = !self.path.is_proved() && !self.sent.is_empty();
        if self.end.is_some() || awaits_proof {
            return 0;
        }
        let requestable = self.window.requestable();
        self.path.allowance(self.sent.in_flight(), requestable, self.buffered_max)
    }

    /// No request is sent before the blocks of this one had their time.
    fn space_out(&mut self, blocks: u32) {
        let spacing = self.path.spacing(blocks);
        let due = spacing.saturating_sub(self.unused);
        self.unused = self.unused.saturating_sub(spacing);
        // A clock that wakes late is made up for, a little; more would make a burst.
        let late = self.now.since(self.next_request).min(LATE_MAX);
        self.next_request = self.now.after(due.saturating_sub(late));
    }
}
