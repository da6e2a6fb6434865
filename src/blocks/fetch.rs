//! One object on its way, without a socket or a clock.
//!
//! Events go in through `handle_*`, effects come out of [`Download::poll_output`], and the bytes come
//! out of [`Download::read`], in order, as soon as all before them are here. What arrives out of order
//! waits in a window of bounded size. The bytes are those that arrived: whoever reads them checks the
//! whole against its name.
//!
//! Each object is pulled under a client id of its own, so that a block of one object that arrives late
//! can never be taken for a block of another. A block is taken only under the number of a `PULL` that
//! asked for it.
//!
//! What counts as lost follows RACK (RFC 8985): a block is lost when something that was asked for
//! later has arrived, and a quarter of a round trip more than usual has passed. If nothing arrives at
//! all, a timer runs out as in RFC 9002 6.2, ever later, and everything is asked for anew.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::congestion::{Asked, Congestion};
use crate::exchange::{
    Answer, Ask, FileInfo, Pull, Pulled, Reply, Request, blocks, decode_reply, encode_request,
};
use crate::ids::{ClientId, Cookie, RequestNumber};
use crate::limits::{
    BLOCK_BYTES, BLOCKS_PER_PULL_MAX, BLOCKS_REORDERED_MAX, PULL_TIMER_MIN, PULLS_RETIRED_MAX,
    RETRY_INITIAL, RETRY_JITTER, RETRY_MAX,
};
use crate::round_trip::{Measured, RoundTrip};
use crate::time::Instant;
use crate::wire::{Datagram};

/// How much later than planned a request may be and still count as punctual.
const LATE_MAX: Duration = Duration::from_millis(2);

/// Of so many blocks not one arrived: then it was their request that was lost.
const WHOLE_LOSS_MIN: u32 = 4;
/// The most time of lost requests that is used for others.
const UNUSED_MAX: Duration = Duration::from_millis(100);

/// A longer round trip is none: one of the computers slept meanwhile.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);
/// At least so many requests share the window.
const REQUESTS_PER_WINDOW: u64 = 4;
/// When the timer has run out so often in a row, the path is congested (RFC 9002 7.6); before that,
/// the end of what was asked for was lost.
const PERSISTENT_TIMEOUTS: u32 = 3;

/// What a download has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Send the datagram that was written into the space given to [`Download::poll_output`].
    Transmit,
    /// Every block has arrived.
    Complete,
    /// The server has no such object (any more): it was never there, or it is another one now.
    Gone,
    /// No block was taken for the idle timeout.
    Unanswered,
}

/// An object on its way.
pub struct Download {
    rng: StdRng,
    /// Drawn for this object alone.
    client: ClientId,
    /// The number of the next request.
    number: RequestNumber,
    /// The first request that carries the present cookie.
    cookie_since: RequestNumber,
    /// How many times the server gave a cookie since it last gave a block.
    cookies: u32,
    path: PathState,
    object: FileInfo,
    /// Blocks in all.
    blocks: u32,
    /// The first block that is not here, or was not read yet.
    begin: u32,
    /// The first block that was never asked for.
    next: u32,
    /// What was asked for and counts as lost.
    lost: BTreeSet<u32>,
    /// The blocks from `begin` on, in places that come round again.
    arrived: Vec<bool>,
    bytes: Vec<u8>,
    flights: VecDeque<Flight>,
    /// The last requests that count as lost, the newest at the end: their blocks may come late.
    retired: VecDeque<Retired>,
    /// The latest request of which anything has arrived.
    newest_answered: Option<RequestNumber>,
    in_flight: u64,
    /// How many blocks the receiving socket holds.
    buffered_max: u64,
    /// No request before, so that they do not come in a heap.
    next_ask: Instant,
    /// The time of blocks that were asked for and never sent, because their request was lost.
    unused: Duration,
    now: Instant,
    /// When a block was last taken.
    progress_at: Instant,
    idle_timeout: Duration,
    end: Option<Event>,
    asked: u32,
}

/// What is known of the path to the server; it outlives an object.
#[derive(Clone, Debug)]
pub struct PathState {
    cookie: Cookie,
    /// Whether the server has taken the cookie.
    proved: bool,
    congestion: Congestion,
    round_trip: RoundTrip,
    /// How often in a row the timer ran out.
    timeouts: u32,
}

/// One request, and what has not arrived of it.
struct Flight {
    number: RequestNumber,
    first: u32,
    /// What was asked for, as a map of the blocks from `first` on.
    wanted: u64,
    /// What of it is still awaited under this number.
    missing: u64,
    asked: Asked,
    /// Of what has arrived of it, all bits up to the last.
    passed: u64,
    /// Whether some of it counts as lost, so that it may come late.
    has_lost: bool,
}

impl Flight {
    /// Whether anything of it has arrived.
    fn is_answered(&self) -> bool {
        self.passed != 0
    }
}

/// A request that counts as lost.
struct Retired {
    number: RequestNumber,
    first: u32,
    wanted: u64,
}

/// The bit of a block in the map of the blocks from `first` on, if the map wants it.
fn wanted_bit(first: u32, wanted: u64, index: u32) -> Option<u32> {
    let bit = index.checked_sub(first).filter(|bit| *bit < u64::BITS)?;
    (wanted & 1 << bit != 0).then_some(bit)
}

impl PathState {
    /// A path of which no more is known than perhaps a round trip.
    #[must_use]
    pub fn new(now: Instant, round_trip: Option<Duration>) -> Self {
        let mut known = RoundTrip::default();
        if let Some(round_trip) = round_trip {
            known.sample(round_trip);
        }
        Self {
            // R-COOKIE-4
            cookie: Cookie::NONE,
            proved: false,
            congestion: Congestion::new(now),
            round_trip: known,
            timeouts: 0,
        }
    }

    fn sample(&mut self, sample: Duration) {
        self.round_trip.sample(sample.min(ROUND_TRIP_MAX));
    }

    /// How long no block may be taken before everything counts as lost (R-TRANSFER-5).
    fn timer(&self) -> Duration {
        let first = match self.round_trip.measured() {
            None => RETRY_INITIAL,
            Some(Measured { smoothed, variation }) => {
                smoothed + (variation * 4).max(PULL_TIMER_MIN)
            }
        };
        // R-TRANSFER-5
        (first * (1 << self.timeouts.min(8))).min(RETRY_MAX.max(first))
    }
}

impl Download {
    /// Begins to fetch an object, of which the blocks before `begin` are here already. The seed is
    /// fresh randomness. `buffered_max`: how many blocks fit the buffer of the socket. When no block
    /// was taken for `idle_timeout`, it ends.
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
        let blocks = object.blocks();
        let room = (blocks - begin.min(blocks)).min(BLOCKS_REORDERED_MAX) as usize;
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
            blocks,
            begin: begin.min(blocks),
            next: begin.min(blocks),
            lost: BTreeSet::new(),
            arrived: vec![false; room],
            bytes: vec![0; room * BLOCK_BYTES],
            flights: VecDeque::new(),
            retired: VecDeque::new(),
            newest_answered: None,
            in_flight: 0,
            buffered_max: buffered_max.max(1),
            next_ask: now,
            unused: Duration::ZERO,
            now,
            progress_at: now,
            idle_timeout,
            end: (begin >= blocks).then_some(Event::Complete),
            asked: 0,
        }
    }

    /// What was learnt of the way to the server, for the next object.
    #[must_use]
    pub fn into_path(self) -> PathState {
        self.path
    }

    /// How many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.asked
    }

    /// The client id that replies to it carry.
    #[must_use]
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// A datagram arrived from the server's address. Whatever does not answer what is under way is
    /// ignored.
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
            self.path.timeouts += 1;
            if self.path.timeouts >= PERSISTENT_TIMEOUTS {
                self.path.congestion.timed_out();
            }
            while let Some(flight) = self.flights.pop_front() {
                self.lose(flight.first, flight.missing);
                self.retire(&flight);
            }
            // Clients that lost their datagrams together do not ask again together.
            let wait = self.path.timer().mul_f64(self.rng.random_range(RETRY_JITTER) - 1.0);
            self.next_ask =
                self.now.after(if self.path.timeouts > 1 { wait } else { Duration::ZERO });
        }
    }

    /// When [`Download::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let given_up = self.progress_at.after(self.idle_timeout);
        let overtaken = self.overtaken_at().unwrap_or(given_up);
        let timer = self.timer_at().unwrap_or(given_up);
        let ask = if self.may_ask() > 0 { self.next_ask } else { given_up };
        given_up.min(overtaken).min(timer).min(ask)
    }

    /// The next effect, or `None` when there is nothing to do until the next event. A datagram to
    /// send is written into `space`.
    pub fn poll_output(&mut self, space: &mut Datagram) -> Option<Event> {
        if self.end.is_some() {
            return self.end;
        }
        if self.next_ask > self.now {
            return None;
        }
        let most = self.may_ask();
        if most == 0 {
            return None;
        }
        let (first, wanted) = self.take_wanted(most)?;
        let count = wanted.count_ones();
        let limited = self.lost.is_empty() && self.next >= self.window_end();
        let asked = self.path.congestion.ask(self.now, self.in_flight, limited);
        // R-TRANSFER-2
        let number = self.number;
        self.number = number.next().expect("fewer than 2^64 requests");
        let flight =
            Flight { number, first, wanted, missing: wanted, asked, passed: 0, has_lost: false };
        self.flights.push_back(flight);
        self.in_flight += u64::from(count);
        self.asked = self.asked.saturating_add(1);
        self.space_out(count);
        let pull = Pull { object: self.object.content, cookie: self.path.cookie, first, wanted };
        let client = self.client;
        encode_request(&Request { attempt: 1, client, number, ask: Ask::Pull(pull) }, space);
        Some(Event::Transmit)
    }

    /// Takes the bytes that are whole so far, piece by piece, in order.
    ///
    /// # Errors
    /// The taker's; what it was given counts as taken.
    pub fn read<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        loop {
            // As long a run as lies together.
            let start = self.begin;
            let places = self.arrived.len();
            let Some(place) = (start as usize).checked_rem(places) else { return Ok(()) };
            let run = self.arrived[place..].iter().take_while(|here| **here).count();
            if run == 0 {
                return Ok(());
            }
            self.arrived[place..place + run].fill(false);
            self.begin += u32::try_from(run).expect("fewer than the window");
            let until = self.offset(self.begin) - self.offset(start);
            let bytes = &self.bytes[place * BLOCK_BYTES..];
            take(&bytes[..usize::try_from(until).expect("within the window")])?;
        }
    }

    /// How many bytes have been read, with those that were here at the start.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.offset(self.begin)
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> &FileInfo {
        &self.object
    }

    /// A block arrived (R-TRANSFER-3, R-TRANSFER-8).
    fn handle_block(&mut self, number: RequestNumber, index: u32, bytes: &[u8]) {
        let place = self.flights.binary_search_by_key(&number, |flight| flight.number).ok();
        let asked = if let Some(place) = place {
            let &Flight { first, wanted, .. } = &self.flights[place];
            wanted_bit(first, wanted, index)
        } else {
            let retired = self.retired.iter().find(|it| it.number == number);
            retired.and_then(|it| wanted_bit(it.first, it.wanted, index))
        };
        let Some(bit) = asked else { return };
        let under_way = place.filter(|&place| self.flights[place].missing & 1 << bit != 0);
        if bytes.is_empty() && under_way.is_some() {
            // R-TRANSFER-8
            self.end = Some(Event::Gone);
            return;
        }
        // R-TRANSFER-3
        if bytes.len() as u64 != self.offset(index + 1) - self.offset(index) {
            return;
        }
        match under_way {
            Some(place) => self.take(place, bit),
            // It came under a request that counts as lost: unless it has come otherwise.
            None if self.take_late(index) => {}
            None => return,
        }
        self.progress_at = self.now;
        self.keep(index, bytes);
    }

    /// Notes that a block arrived under the request that is under way for it.
    fn take(&mut self, place: usize, bit: u32) {
        self.path.timeouts = 0;
        self.cookies = 0;
        // A lone block may have been given without a cookie, which proves nothing.
        self.path.proved = self.path.cookie != Cookie::NONE;
        let flight = &mut self.flights[place];
        self.newest_answered = self.newest_answered.max(Some(flight.number));
        flight.missing &= !(1 << bit);
        self.in_flight -= 1;
        let asked = flight.asked;
        if !flight.is_answered() {
            self.path.sample(self.now.since(asked.at));
        }
        flight.passed |= u64::MAX >> (u64::BITS - 1 - bit);
        self.end_if_answered(place);
        self.path.congestion.arrived(self.now, &asked, self.in_flight);
    }

    /// Notes that a block arrived that counted as lost; it may be asked for again already. False if
    /// it is here already.
    fn take_late(&mut self, index: u32) -> bool {
        if self.lost.remove(&index) {
            return true;
        }
        let again = self.flights.iter().enumerate().find_map(|(place, flight)| {
            Some((place, wanted_bit(flight.first, flight.missing, index)?))
        });
        let Some((place, bit)) = again else { return false };
        self.flights[place].missing &= !(1 << bit);
        self.in_flight -= 1;
        self.end_if_answered(place);
        true
    }

    /// Removes a request of which nothing is awaited any more; what it lost may still come.
    fn end_if_answered(&mut self, place: usize) {
        if self.flights[place].missing != 0 {
            return;
        }
        let flight = self.flights.remove(place).expect("it was just looked at");
        if flight.has_lost {
            self.retire(&flight);
        }
    }

    /// Keeps a block that was asked for, so that it lies within the window.
    fn keep(&mut self, index: u32, bytes: &[u8]) {
        let place = index as usize % self.arrived.len();
        self.arrived[place] = true;
        self.bytes[place * BLOCK_BYTES..][..bytes.len()].copy_from_slice(bytes);
        if self.is_complete() {
            self.end = Some(Event::Complete);
        }
    }

    fn is_complete(&self) -> bool {
        self.next >= self.blocks && self.lost.is_empty() && self.in_flight == 0
    }

    /// The server wants a proof that this address is ours, and gave the means for it.
    fn handle_cookie(&mut self, number: RequestNumber, cookie: Cookie) {
        let Ok(place) = self.flights.binary_search_by_key(&number, |flight| flight.number) else {
            return;
        };
        let flight = self.flights.remove(place).expect("found above");
        self.lose(flight.first, flight.missing);
        if number < self.cookie_since {
            // It was sent with an earlier cookie.
            return;
        }
        self.path.sample(self.now.since(flight.asked.at));
        // R-COOKIE-4
        self.path.cookie = cookie;
        self.path.proved = false;
        self.cookie_since = self.number;
        self.cookies = self.cookies.saturating_add(1);
        if self.cookies > 1 {
            // It does not take what it gave, or the address changes with each datagram: no faster
            // than with no answer at all (R-COOKIE-6).
            self.path.timeouts = self.path.timeouts.saturating_add(1);
            // R-COOKIE-6
            let wait = self.path.timer().mul_f64(self.rng.random_range(RETRY_JITTER));
            self.next_ask = self.now.after(wait);
        }
    }

    /// Gives up what was asked for before something that has arrived. The server gives the blocks of
    /// one request in their order, so those before one that has arrived are overtaken too.
    fn find_overtaken(&mut self) {
        let Some(due) = self.overtaken_after() else { return };
        for place in 0..self.flights.len() {
            let flight = &mut self.flights[place];
            if flight.asked.at.after(due) > self.now {
                break;
            }
            let passed = flight.missing & flight.passed;
            flight.missing &= !passed;
            flight.has_lost |= passed != 0;
            let first = flight.first;
            self.lose(first, passed);
        }
        while let Some(place) = self.flights.iter().position(|flight| flight.missing == 0) {
            let flight = self.flights.remove(place).expect("found above");
            self.retire(&flight);
        }
        while let Some(flight) = self.flights.front() {
            // R-TRANSFER-4
            let is_overtaken = Some(flight.number) < self.newest_answered;
            if !is_overtaken || flight.asked.at.after(due) > self.now {
                break;
            }
            let flight = self.flights.pop_front().expect("it is the first");
            let asked = flight.missing.count_ones();
            if !flight.is_answered() && asked >= WHOLE_LOSS_MIN {
                // The path did not carry these blocks: others can have their time.
                let spacing = self.path.congestion.spacing(asked);
                self.unused = (self.unused + spacing).min(UNUSED_MAX);
            }
            self.lose(flight.first, flight.missing);
            self.retire(&flight);
        }
    }

    /// How long after it was asked for what was overtaken counts as lost.
    fn overtaken_after(&self) -> Option<Duration> {
        let Measured { smoothed, .. } = self.path.round_trip.measured()?;
        // R-TRANSFER-4
        Some(smoothed + smoothed / 4)
    }

    /// When something of the oldest request counts as lost, if anything later has arrived.
    fn overtaken_at(&self) -> Option<Instant> {
        let after = self.overtaken_after()?;
        let is_overtaken = |flight: &&Flight| {
            flight.missing & flight.passed != 0 || Some(flight.number) < self.newest_answered
        };
        self.flights.iter().find(is_overtaken).map(|flight| flight.asked.at.after(after))
    }

    /// When everything counts as lost.
    fn timer_at(&self) -> Option<Instant> {
        let newest = self.flights.back()?;
        Some(newest.asked.at.max(self.progress_at).after(self.path.timer()))
    }

    /// Remembers a request that counts as lost: what it asked for may come late.
    fn retire(&mut self, flight: &Flight) {
        if self.retired.len() >= PULLS_RETIRED_MAX {
            self.retired.pop_front();
        }
        let &Flight { number, first, wanted, .. } = flight;
        self.retired.push_back(Retired { number, first, wanted });
    }

    fn lose(&mut self, first: u32, missing: u64) {
        self.in_flight -= u64::from(missing.count_ones());
        self.lost.extend(blocks(first, missing));
    }

    /// How many blocks one may ask for now: none, or enough for a request to pay.
    fn may_ask(&self) -> u32 {
        if self.end.is_some() {
            return 0;
        }
        // R-COOKIE-5
        if !self.path.proved && !self.flights.is_empty() {
            // Who is not proved yet gets no block, whatever it asks for.
            return 0;
        }
        // R-TRANSFER-1
        let window = self.path.congestion.window().min(self.buffered_max);
        let room = u32::try_from(window.saturating_sub(self.in_flight)).unwrap_or(u32::MAX);
        let left = (self.window_end() - self.next)
            .saturating_add(u32::try_from(self.lost.len()).expect("no more than the window"));
        // Several requests to a window: what is asked for later shows what was lost before. Only one
        // that makes the most of it where the server has taken no cookie yet, or nothing comes.
        let is_heard = self.path.proved && self.path.timeouts < PERSISTENT_TIMEOUTS;
        let requests = if is_heard { REQUESTS_PER_WINDOW } else { 1 };
        let share = u32::try_from(window / requests).unwrap_or(u32::MAX).max(1);
        let quantum = self.path.congestion.quantum().min(BLOCKS_PER_PULL_MAX).min(share);
        let pays = quantum.min(left).min(u32::try_from(window).unwrap_or(u32::MAX));
        if room < pays || left == 0 { 0 } else { room.min(quantum) }
    }

    /// Where the window ends.
    fn window_end(&self) -> u32 {
        let places = u32::try_from(self.arrived.len()).expect("BLOCKS_REORDERED_MAX");
        // R-TRANSFER-10
        self.begin.saturating_add(places).min(self.blocks)
    }

    /// At most so many blocks, as one request names them: what was lost, before what is new.
    fn take_wanted(&mut self, most: u32) -> Option<(u32, u64)> {
        // R-TRANSFER-6
        if let Some(&first) = self.lost.first() {
            let mut wanted = 0_u64;
            let near: Vec<u32> = self
                .lost
                .range(first..=first.saturating_add(BLOCKS_PER_PULL_MAX - 1))
                .take(most as usize)
                .copied()
                .collect();
            for index in near {
                self.lost.remove(&index);
                wanted |= 1 << (index - first);
            }
            return Some((first, wanted));
        }
        let first = self.next;
        let count = most.min(self.window_end() - first).min(BLOCKS_PER_PULL_MAX);
        if count == 0 {
            return None;
        }
        self.next += count;
        Some((first, u64::MAX >> (u64::BITS - count)))
    }

    /// No next request before this one's blocks had their time.
    fn space_out(&mut self, blocks: u32) {
        let spacing = self.path.congestion.spacing(blocks);
        let due = spacing.saturating_sub(self.unused);
        self.unused = self.unused.saturating_sub(spacing);
        // A clock that wakes late is made up for, a little; more would come in a heap.
        let late = self.now.since(self.next_ask).min(LATE_MAX);
        self.next_ask = self.now.after(due.saturating_sub(late));
    }

    /// Where that block begins.
    fn offset(&self, index: u32) -> u64 {
        (u64::from(index) * BLOCK_BYTES as u64).min(self.object.bytes)
    }
}
