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

mod identity;
pub mod inquiry;
mod linked;
mod output;
mod pending;

use std::collections::VecDeque;
use std::time::Duration;

use identity::{Identity, elapsed};
pub use linked::LinkedClient;
pub use output::{Output, Progress, Unanswered};
use pending::Pending;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::exchange::{
    Answer, Ask, BeginAgain, Busy, Operation, Query, Reply, decode_reply, encode_request,
};
use crate::ids::{ClientId, RequestNumber};
use crate::limits::WINDOW;
pub use crate::retry::Backoff;
use crate::retry::jittered;
use crate::round_trip::RoundTrip;
use crate::time::{Instant, Now};
use crate::wire::{Datagram, Versions};

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
    exchange: Option<Pending>,
    /// An operation that was sent and whose deadline passed.
    unsettled: Option<Pending>,
    /// Whether nothing can be sent at present; the deadline counts on.
    held: bool,
    outputs: VecDeque<Output>,
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
            held: false,
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
        self.unsettled.as_ref().and_then(Pending::operation)
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
            self.outputs.push_back(Output::Progress(Progress::Abandoned { operation }));
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
        let ask = Ask::Read(query);
        self.begin(now.instant, ask, self.reader, number, deadline);
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
            Answer::Busy(Busy { retry_after_ms }) => {
                exchange.busy = true;
                let wait = Duration::from_millis(retry_after_ms.into());
                exchange.not_before = now.instant.after(wait);
                // R-RETRY-7
                let wait = jittered(&mut self.rng, wait);
                exchange.next_send = exchange.next_send.max(now.instant.after(wait));
            }
            // To a query it is no answer, and nothing is learnt from what is none (R-CLIENT-7).
            Answer::BeginAgain(BeginAgain { server_time }) if exchange.operation().is_some() => {
                // R-CLIENT-3
                if let Some(server_time) = server_time {
                    self.clock_offset_ms = server_time.millis_after(now.wall);
                }
                self.begin_again(now);
            }
            // R-AGAIN-3
            Answer::Stale => self.lose(now),
            // R-CLIENT-10
            Answer::Revoked => {
                self.finish(now, Answer::Revoked);
                // It was not counted as a request of this client id.
                self.identity = None;
            }
            answer if exchange.ask.fits(&answer) => self.finish(now, answer),
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
            self.outputs.push_back(Output::Progress(Progress::Refused));
        }
    }

    /// Nothing can be sent until [`Client::release`].
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// What is under way can be sent, or sent anew: it is sent at once. An operation of which nothing was
    /// sent begins under a new client id, because only now it is known what time it is for the server.
    pub fn release(&mut self, now: Now) {
        self.held = false;
        // The time that comes with `now` is the server's own, told anew.
        self.clock_offset_ms = 0;
        let Some(mut exchange) = self.exchange.take() else { return };
        exchange.next_send = now.instant.max(exchange.not_before);
        if exchange.attempts == 0
            && let Some(operation) = exchange.operation()
        {
            self.identity = None;
            self.rename(now, &mut exchange, operation);
        }
        self.exchange = Some(exchange);
    }

    /// Puts an operation under the present identity.
    fn rename(&mut self, now: Now, exchange: &mut Pending, operation: Operation) {
        let &mut Identity { client, started, next, .. } = self.identity(now);
        exchange.ask = Ask::Perform { started, operation };
        exchange.client = client;
        exchange.number = next;
    }

    /// Time has passed: sends again, or gives up waiting.
    pub fn handle_timeout(&mut self, now: Now) {
        let Some(exchange) = &mut self.exchange else { return };
        // R-RETRY-5
        if now.instant >= exchange.deadline {
            self.give_up();
        } else if !self.held && now.instant >= exchange.next_send {
            let wait = exchange.backoff.next_wait();
            exchange.next_send = now.instant.after(jittered(&mut self.rng, wait));
            exchange.attempts = exchange.attempts.saturating_add(1);
            exchange.sendings = exchange.sendings.saturating_add(1);
            exchange.last_sent = now.instant;
            exchange.first_sent.get_or_insert(now);
            if exchange.attempts > 1 {
                let left = exchange.deadline.since(now.instant);
                let attempt = exchange.attempts;
                self.outputs.push_back(Output::Progress(Progress::Retrying { attempt, left }));
            }
            self.outputs.push_back(Output::Transmit);
        }
    }

    /// When [`Client::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let exchange = self.exchange.as_ref()?;
        let send = if self.held { exchange.deadline } else { exchange.next_send };
        Some(send.min(exchange.deadline))
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
        let ask = Ask::Perform { started, operation };
        self.begin(now.instant, ask, client, next, deadline);
    }

    fn begin(
        &mut self,
        now: Instant,
        ask: Ask,
        client: ClientId,
        number: RequestNumber,
        deadline: Instant,
    ) {
        let wait = self.round_trip.first_wait();
        self.exchange = Some(Pending::new(ask, client, number, now, wait, deadline));
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
        self.rename(now, &mut exchange, operation);
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
        let Some(operation) = exchange.operation() else {
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
                self.outputs.push_back(Output::Progress(Progress::Settled { operation, answer }));
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
                self.outputs.push_back(Output::Progress(Progress::Abandoned { operation }));
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

#[cfg(test)]
mod tests;
