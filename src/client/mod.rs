//! A client without a socket or a clock: it asks one thing at a time and keeps asking until it is
//! answered.
//!
//! Verbs begin an exchange ([`Client::perform`], [`Client::ask`]), events go in through `handle_*`,
//! effects come out of [`Client::poll_output`]: after each verb or event, poll until `None`.
//!
//! What it holds to, in the specification's words: an operation that was sent is sent again with
//! the same bytes until it is answered, and no other operation is sent before (*settle first*);
//! the deadline ends the wait, not the operation; nothing is called failed whose outcome
//! is unknown; an operation is asked again under a new client id only when the server has said that
//! it did not execute it, and soon enough that the server cannot have forgotten an execution.

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::ids::{ClientId, RequestNumber};
use crate::limits::{
    DATAGRAM_MAX_BYTES, RETRY_INITIAL, RETRY_JITTER, RETRY_MAX, RETRY_MIN, WINDOW,
};
use crate::operation::{Operation, Query, SheetInfo};
use crate::round_trip::{Measured, RoundTrip};
use crate::time::{Instant, Now, WallTime};
use crate::wire::{Answer, Ask, Datagram, Reply, Request, Versions, decode_reply, encode_request};

/// An effect that the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the datagram that was written into the space given to [`Client::poll_output`].
    Transmit,
    /// The same request was sent again.
    Retrying {
        /// The how-manieth sending this is.
        attempt: u32,
        /// What is left until the deadline.
        left: Duration,
    },
    /// An operation that an earlier deadline had left open is answered now.
    Settled {
        /// The earlier operation.
        operation: Operation,
        /// Its answer.
        answer: Answer,
    },
    /// The outcome of an operation that an earlier deadline had left open will never be known.
    Abandoned {
        /// The earlier operation.
        operation: Operation,
    },
    /// The exchange is over, with its answer.
    Answered {
        /// The answer; it fits what was asked.
        answer: Answer,
        /// How many datagrams were sent for it.
        attempts: u32,
    },
    /// The exchange is over, without an answer.
    Unanswered(Unanswered),
}

/// What is known when there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// How many datagrams were sent for it. Zero: an earlier operation had to be settled first and
    /// was not, so this one was never sent.
    pub attempts: u32,
    /// True if the server lost track of this client: the operation may or may not have been
    /// executed, and it will not be asked again.
    pub lost: bool,
    /// True if the network said that nobody listens there. A hint: the server may be starting.
    pub refused: bool,
    /// True if the server said `BUSY`: it is there, and one of its tables is full.
    pub busy: bool,
    /// The versions that the server speaks, if it said that ours is not among them. A hint too.
    pub versions: Option<Versions>,
}

/// The client of a roll call server.
pub struct Client {
    rng: StdRng,
    /// Under which queries are asked; they are not remembered, so one name serves for ever.
    reader: ClientId,
    queries: RequestNumber,
    /// Under which operations are asked at present.
    identity: Option<Identity>,
    /// The server's clock minus ours, in milliseconds, as far as it told us.
    clock_offset_ms: i64,
    round_trip: RoundTrip,
    exchange: Option<Exchange>,
    /// An operation that was sent and whose deadline passed.
    unsettled: Option<Exchange>,
    outputs: VecDeque<Output>,
}

/// What makes a client known to the server.
struct Identity {
    client: ClientId,
    started: WallTime,
    next: RequestNumber,
    /// When the server was last known to know it.
    heard: Now,
}

/// One request under way.
struct Exchange {
    goal: Goal,
    client: ClientId,
    number: RequestNumber,
    /// How many datagrams were sent, under whatever client id.
    attempts: u32,
    /// How many of them under the present one.
    sendings: u32,
    first_sent: Option<Now>,
    last_sent: Instant,
    next_send: Instant,
    /// Until when the server asked not to be asked again.
    not_before: Instant,
    /// The next wait, before jitter.
    wait: Duration,
    deadline: Instant,
    /// How often it began again under a new client id.
    beginnings: u32,
    refused: bool,
    busy: bool,
    versions: Option<Versions>,
    /// The operation that waits until this one, from before, is settled.
    then: Option<Operation>,
}

#[derive(Clone, Copy)]
enum Goal {
    Operation { operation: Operation, started: WallTime },
    Query(Query),
}

impl Client {
    /// A client that draws its ids and its jitter from this seed. Ids keep strangers from forging
    /// answers, so the seed must be fresh randomness wherever that matters.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let reader = ClientId::from_bytes(rng.random());
        Self {
            rng,
            reader,
            queries: RequestNumber::FIRST,
            identity: None,
            clock_offset_ms: 0,
            round_trip: RoundTrip::default(),
            exchange: None,
            unsettled: None,
            outputs: VecDeque::new(),
        }
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.exchange.is_none()
    }

    /// The client id that the awaited reply carries, if anything is under way. It may change with
    /// every event.
    #[must_use]
    pub fn awaits(&self) -> Option<ClientId> {
        self.exchange.as_ref().map(|exchange| exchange.client)
    }

    /// The smoothed round trip, as far as it was measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.measured().map(|it| it.smoothed)
    }

    /// The operation whose deadline passed and that will be settled before the next one.
    #[must_use]
    pub fn unsettled(&self) -> Option<Operation> {
        self.unsettled.as_ref().and_then(Exchange::operation)
    }

    /// Begins an operation, after settling an earlier one if that was left open. It ends with
    /// [`Output::Answered`] or, at the deadline, with [`Output::Unanswered`].
    ///
    /// # Panics
    /// If something is under way.
    pub fn perform(&mut self, now: Now, operation: Operation, deadline: Duration) {
        // R-CLIENT-2
        assert!(self.is_idle(), "one exchange at a time");
        let deadline = now.instant.after(deadline);
        if let Some(mut earlier) = self.unsettled.take() {
            // R-SETTLE-1, R-SETTLE-2
            if earlier.age(now) <= WINDOW {
                earlier.resume(now.instant, deadline, operation, self.round_trip.first_wait());
                self.exchange = Some(earlier);
                return;
            }
            // Too old to be asked again: the server may have forgotten that it executed it.
            self.identity = None;
            let operation = earlier.operation().expect("only operations are left unsettled");
            self.outputs.push_back(Output::Abandoned { operation });
        }
        self.begin_operation(now, operation, deadline);
    }

    /// Begins a query. It ends with [`Output::Answered`] or [`Output::Unanswered`].
    ///
    /// # Panics
    /// If something is under way.
    pub fn ask(&mut self, now: Now, query: Query, deadline: Duration) {
        assert!(self.is_idle(), "one exchange at a time");
        // R-REQUEST-2
        let number = self.queries;
        self.queries = number.next().expect("fewer than 2^64 queries");
        let deadline = now.instant.after(deadline);
        let goal = Goal::Query(query);
        self.begin(now.instant, goal, self.reader, number, deadline);
    }

    /// A datagram arrived from the server's address. Whatever does not answer what is under way is
    /// ignored; tells whether this did, which shows that the server has that address.
    pub fn handle_datagram(&mut self, now: Now, datagram: &[u8]) -> bool {
        // R-READ-1, R-READ-4
        if let Ok(reply) = decode_reply(datagram) {
            return self.handle_reply(now, reply);
        }
        if let (Some(exchange), Ok(versions)) = (&mut self.exchange, Versions::decode(datagram)) {
            // R-VERSION-3
            exchange.versions = Some(versions);
        }
        false
    }

    /// A datagram arrived that was decoded already, by somebody who serves many clients and had to
    /// find out whose it is ([`Client::awaits`]). Tells whether it was taken as an answer.
    pub fn handle_reply(&mut self, now: Now, reply: Reply) -> bool {
        let Some(exchange) = &mut self.exchange else { return false };
        // R-CLIENT-6, R-CLIENT-7
        let ours = reply.client == exchange.client && reply.number == exchange.number;
        if !ours || exchange.sendings == 0 {
            return false;
        }
        match reply.answer {
            Answer::Busy { retry_after_ms } => {
                exchange.busy = true;
                let wait = Duration::from_millis(retry_after_ms.into());
                exchange.not_before = now.instant.after(wait);
                // R-RETRY-7
                let wait = jittered(&mut self.rng, wait);
                exchange.next_send = exchange.next_send.max(now.instant.after(wait));
            }
            // To a query it is no answer, and nothing is learnt from what is none (R-CLIENT-7).
            Answer::BeginAgain { server_time } if exchange.operation().is_some() => {
                // R-CLIENT-3
                if let Some(server_time) = server_time {
                    self.clock_offset_ms = server_time.millis_after(now.wall);
                }
                self.begin_again(now);
            }
            // R-AGAIN-3
            Answer::Stale => self.lose(now),
            answer if exchange.goal.fits(&answer) => self.finish(now, answer),
            _ => return false,
        }
        true
    }

    /// The network says that nobody listens at the server's address. A hint, not an end: anybody
    /// may have said it, and the server may be starting again.
    pub fn handle_refused(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            // R-RETRY-8
            exchange.refused = true;
        }
    }

    /// Time has passed: sends again, or gives up waiting.
    pub fn handle_timeout(&mut self, now: Now) {
        let Some(exchange) = &mut self.exchange else { return };
        // R-RETRY-5
        if now.instant >= exchange.deadline {
            self.give_up();
        } else if now.instant >= exchange.next_send {
            exchange.next_send = now.instant.after(jittered(&mut self.rng, exchange.wait));
            // R-RETRY-2
            exchange.wait = (exchange.wait * 2).min(RETRY_MAX);
            exchange.attempts = exchange.attempts.saturating_add(1);
            exchange.sendings = exchange.sendings.saturating_add(1);
            exchange.last_sent = now.instant;
            exchange.first_sent.get_or_insert(now);
            if exchange.attempts > 1 {
                let left = exchange.deadline.since(now.instant);
                let attempt = exchange.attempts;
                self.outputs.push_back(Output::Retrying { attempt, left });
            }
            self.outputs.push_back(Output::Transmit);
        }
    }

    /// When [`Client::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.exchange.as_ref().map(|exchange| exchange.next_send.min(exchange.deadline))
    }

    /// The next effect, or `None` when there is nothing to do until the next event. A datagram to
    /// send is written into `space`.
    pub fn poll_output(&mut self, space: &mut Datagram) -> Option<Output> {
        loop {
            let output = self.outputs.pop_front()?;
            if output != Output::Transmit {
                return Some(output);
            }
            // An answer may have ended the exchange before its datagram was fetched.
            if let Some(exchange) = &self.exchange {
                encode_request(&exchange.request(), space);
                return Some(output);
            }
        }
    }

    fn begin_operation(&mut self, now: Now, operation: Operation, deadline: Instant) {
        let identity = self.identity(now);
        let &mut Identity { client, started, next, .. } = identity;
        let goal = Goal::Operation { operation, started };
        self.begin(now.instant, goal, client, next, deadline);
    }

    fn begin(
        &mut self,
        now: Instant,
        goal: Goal,
        client: ClientId,
        number: RequestNumber,
        deadline: Instant,
    ) {
        self.exchange = Some(Exchange {
            goal,
            client,
            number,
            attempts: 0,
            sendings: 0,
            first_sent: None,
            last_sent: now,
            next_send: now,
            not_before: now,
            wait: self.round_trip.first_wait(),
            deadline,
            beginnings: 0,
            refused: false,
            busy: false,
            versions: None,
            then: None,
        });
    }

    /// The present identity, or a new one if there is none that the server still knows for sure.
    fn identity(&mut self, now: Now) -> &mut Identity {
        // R-CLIENT-5
        if self.identity.as_ref().is_some_and(|identity| elapsed(identity.heard, now) > WINDOW) {
            self.identity = None;
        }
        let Self { identity, rng, clock_offset_ms, .. } = self;
        identity.get_or_insert_with(|| Identity {
            // R-CLIENT-1, R-CLIENT-3, R-CLIENT-4
            client: ClientId::from_bytes(rng.random()),
            started: now.wall.shifted(*clock_offset_ms),
            next: RequestNumber::FIRST,
            heard: now,
        })
    }

    /// The server did not execute the operation and will not execute it under this client id: the
    /// same operation goes on under a new one, unless an execution may have been forgotten.
    fn begin_again(&mut self, now: Now) {
        // R-AGAIN-1
        let Some(mut exchange) = self.exchange.take() else { return };
        let operation = exchange.operation().expect("only an operation begins again");
        self.identity = None;
        // R-AGAIN-2
        if exchange.age(now) > WINDOW {
            self.exchange = Some(exchange);
            self.lose(now);
            return;
        }
        let &mut Identity { client, started, next, .. } = self.identity(now);
        exchange.goal = Goal::Operation { operation, started };
        exchange.client = client;
        exchange.number = next;
        exchange.sendings = 0;
        exchange.beginnings += 1;
        // The first time it goes on at once. A server that says so again and again is not asked
        // more often than one that says nothing.
        // R-AGAIN-5
        if exchange.beginnings == 1 {
            exchange.next_send = now.instant.max(exchange.not_before);
        }
        self.exchange = Some(exchange);
    }

    fn finish(&mut self, now: Now, answer: Answer) {
        let exchange = self.exchange.take().expect("an exchange is answered");
        self.drop_stale_transmits();
        // Karn's rule: the answer to a request that was sent twice does not tell a round trip.
        // R-RETRY-4
        if exchange.sendings == 1 {
            self.round_trip.sample(now.instant.since(exchange.last_sent));
        }
        let Goal::Operation { operation, .. } = exchange.goal else {
            let attempts = exchange.attempts;
            self.outputs.push_back(Output::Answered { answer, attempts });
            return;
        };
        if let Some(identity) = &mut self.identity {
            identity.heard = now;
            // R-REQUEST-1, R-CLIENT-4
            match exchange.number.next() {
                Some(next) => identity.next = next,
                None => self.identity = None,
            }
        }
        // R-RETRY-9
        match exchange.then {
            None => {
                let attempts = exchange.attempts;
                self.outputs.push_back(Output::Answered { answer, attempts });
            }
            Some(next) => {
                // R-SETTLE-3
                self.outputs.push_back(Output::Settled { operation, answer });
                self.begin_operation(now, next, exchange.deadline);
            }
        }
    }

    /// The server can no longer say what became of the operation.
    fn lose(&mut self, now: Now) {
        let Some(exchange) = self.exchange.take() else { return };
        // R-AGAIN-4
        let Some(operation) = exchange.operation() else {
            // No server says this to a query.
            self.exchange = Some(exchange);
            return;
        };
        self.drop_stale_transmits();
        self.identity = None;
        match exchange.then {
            None => {
                let attempts = exchange.attempts;
                self.outputs.push_back(Output::Unanswered(exchange.unanswered(attempts, true)));
            }
            Some(next) => {
                self.outputs.push_back(Output::Abandoned { operation });
                self.begin_operation(now, next, exchange.deadline);
            }
        }
    }

    /// The deadline has passed. An operation that was sent stays to be settled.
    fn give_up(&mut self) {
        let mut exchange = self.exchange.take().expect("an exchange is given up");
        self.drop_stale_transmits();
        let follower = exchange.then.take();
        // R-RETRY-6
        let attempts = if follower.is_some() { 0 } else { exchange.attempts };
        self.outputs.push_back(Output::Unanswered(exchange.unanswered(attempts, false)));
        if exchange.operation().is_some() && exchange.attempts > 0 {
            self.unsettled = Some(exchange);
        }
    }

    /// A datagram that was not fetched before its exchange ended is not sent any more.
    fn drop_stale_transmits(&mut self) {
        self.outputs.retain(|output| *output != Output::Transmit);
    }
}

impl Exchange {
    fn operation(&self) -> Option<Operation> {
        match self.goal {
            Goal::Operation { operation, .. } => Some(operation),
            Goal::Query(_) => None,
        }
    }

    fn request(&self) -> Request {
        // R-REQUEST-3, R-REQUEST-4
        let attempt = u8::try_from(self.attempts).unwrap_or(u8::MAX);
        let ask = match self.goal {
            Goal::Operation { operation, started } => Ask::Perform { started, operation },
            Goal::Query(query) => Ask::Read(query),
        };
        Request { attempt, client: self.client, number: self.number, ask }
    }

    /// How long ago it was first sent.
    fn age(&self, now: Now) -> Duration {
        // R-AGAIN-6
        self.first_sent.map_or(Duration::ZERO, |first| elapsed(first, now))
    }

    /// Goes on with an operation that was left open, before `then`.
    fn resume(&mut self, now: Instant, deadline: Instant, then: Operation, wait: Duration) {
        self.deadline = deadline;
        self.next_send = now.max(self.not_before);
        self.wait = wait;
        self.then = Some(then);
    }

    fn unanswered(&self, attempts: u32, lost: bool) -> Unanswered {
        let &Self { refused, busy, ref versions, .. } = self;
        Unanswered { attempts, lost, refused, busy, versions: versions.clone() }
    }
}

impl Goal {
    /// Whether this is an answer to that question at all.
    fn fits(&self, answer: &Answer) -> bool {
        match (*self, answer) {
            (Self::Operation { operation, .. }, answer) => operation_fits(&operation, answer),
            (Self::Query(Query::Status { from }), Answer::Status { open, more }) => {
                // R-STATUS-4
                let in_order = open.windows(2).all(|pair| pair[0].class < pair[1].class);
                let not_before = open.first().is_none_or(|first| first.class >= from);
                // A page that is not the last one is full (R-STATUS-3): a list ends.
                let is_full = open.len() >= Answer::status_capacity(DATAGRAM_MAX_BYTES);
                in_order && not_before && (is_full || !more)
            }
            (Self::Query(Query::Sheets { class, at_most }), Answer::Sheets { sheets, more }) => {
                // R-SHEET-9
                let falls = sheets.windows(2).all(|pair| pair[0].number > pair[1].number);
                let fits = |it: &SheetInfo| it.class == class && it.number <= at_most;
                // A page that is not the last one is full (R-SHEET-8): a list ends.
                let is_full = sheets.len() >= Answer::sheets_capacity(DATAGRAM_MAX_BYTES);
                falls && sheets.iter().all(fits) && (is_full || !more)
            }
            (Self::Query(Query::Files { from }), Answer::Files(Some(list))) => {
                // R-FILES-12
                let rises = list.files.windows(2).all(|pair| pair[0].name < pair[1].name);
                let listed = u32::try_from(list.files.len()).unwrap_or(u32::MAX);
                let is_last = from.saturating_add(listed) >= list.total;
                rises && (is_last || !Answer::has_room_for_a_file(&list.files, DATAGRAM_MAX_BYTES))
            }
            (Self::Query(Query::Files { .. }), Answer::Files(None))
            | (Self::Query(Query::File { .. }), Answer::File(_)) => true,
            (Self::Query(_), _) => false,
        }
    }
}

fn operation_fits(operation: &Operation, answer: &Answer) -> bool {
    // R-CLIENT-8
    match (operation, answer) {
        (Operation::Open { class: asked }, Answer::Opened { class, .. })
        | (Operation::Mark { class: asked, .. }, Answer::Marked { class, .. }) => asked == class,
        (Operation::Close { class }, Answer::Closed { sheet, .. }) => sheet.class == *class,
        (Operation::Mark { .. }, Answer::MarkRefused { .. })
        | (Operation::Open { .. } | Operation::Close { .. }, Answer::Refused { .. }) => true,
        _ => false,
    }
}

/// How much time lies between two moments by the clock that shows more: one of them may have stood
/// still while the computer slept, the other may have been set.
fn elapsed(from: Now, to: Now) -> Duration {
    to.instant.since(from.instant).max(to.wall.distance(from.wall))
}

/// A wait with its jitter, so that clients that began together do not go on together.
fn jittered(rng: &mut StdRng, wait: Duration) -> Duration {
    // R-RETRY-3
    wait.mul_f64(rng.random_range(RETRY_JITTER))
}

impl RoundTrip {
    /// How long to wait for the first answer.
    fn first_wait(self) -> Duration {
        match self.measured() {
            // R-RETRY-1
            None => RETRY_INITIAL,
            Some(Measured { smoothed, variation }) => {
                (smoothed + variation * 4).clamp(RETRY_MIN, RETRY_MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests;
