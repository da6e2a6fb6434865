//! A client without a socket or a clock: it asks one thing at a time and keeps asking until it is
//! answered.
//!
//! Verbs begin an exchange ([`Client::perform`], [`Client::ask`]), events go in through `handle_*`,
//! effects come out of [`Client::poll_output`]: after each verb or event, poll until `None`.
//!
//! What it holds to, in the specification's words: an operation that was sent is sent again with
//! the same bytes until it is answered, and no other operation is sent before (*settle first*);
//! the deadline ends a person's patience, not the operation; nothing is called failed whose outcome
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
    Forsaken {
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
            self.outputs.push_back(Output::Forsaken { operation });
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
                self.outputs.push_back(Output::Forsaken { operation });
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
mod tests {
    use super::*;
    use crate::ids::{ClassId, ContentId, RollCallNumber};
    use crate::operation::{FileEntry, FileList, OpenRollCall, Refusal};
    use crate::wire::{decode_request, encode_reply};

    const DEADLINE: Duration = Duration::from_secs(30);

    /// A client whose clocks the test moves, and the requests that it sent.
    struct Bench {
        client: Client,
        now: Now,
        sent: Vec<Request>,
        heard: Vec<Output>,
    }

    impl Bench {
        fn new() -> Self {
            let now =
                Now { instant: Instant::ZERO, wall: WallTime::from_millis(1_700_000_000_000) };
            Self { client: Client::new([7; 32]), now, sent: Vec::new(), heard: Vec::new() }
        }

        fn perform(&mut self, operation: Operation) -> &mut Self {
            self.client.perform(self.now, operation, DEADLINE);
            self.settle()
        }

        /// Lets that much time pass on both clocks, waking the client whenever it wants.
        fn wait(&mut self, wait: Duration) -> &mut Self {
            let end = self.now.instant.after(wait);
            while let Some(at) = self.client.poll_timeout().filter(|&at| at <= end) {
                self.advance(at.since(self.now.instant));
                self.settle();
            }
            self.advance(end.since(self.now.instant));
            self
        }

        /// Moves both clocks without waking the client, as when a laptop sleeps.
        fn advance(&mut self, wait: Duration) {
            self.now.instant = self.now.instant.after(wait);
            let millis = i64::try_from(wait.as_millis()).unwrap();
            self.now.wall = self.now.wall.shifted(millis);
        }

        /// The server answers the last request.
        fn answer(&mut self, answer: Answer) -> &mut Self {
            let &Request { client, number, .. } = self.last();
            self.deliver(&Reply { client, number, answer })
        }

        fn deliver(&mut self, reply: &Reply) -> &mut Self {
            let mut datagram = Datagram::new();
            encode_reply(reply, &mut datagram);
            self.client.handle_datagram(self.now, datagram.as_bytes());
            self.settle()
        }

        fn settle(&mut self) -> &mut Self {
            let mut space = Datagram::new();
            loop {
                if self.client.poll_timeout().is_some_and(|at| at <= self.now.instant) {
                    self.client.handle_timeout(self.now);
                }
                match self.client.poll_output(&mut space) {
                    Some(Output::Transmit) => {
                        self.sent.push(decode_request(space.as_bytes()).unwrap().request);
                    }
                    Some(output) => self.heard.push(output),
                    None => return self,
                }
            }
        }

        fn last(&self) -> &Request {
            self.sent.last().expect("something was sent")
        }

        fn ending(&self) -> &Output {
            self.heard.last().expect("something was heard")
        }
    }

    fn class(number: u32) -> ClassId {
        ClassId::new(number).unwrap()
    }

    fn open() -> Operation {
        Operation::Open { class: class(1) }
    }

    fn mark() -> Operation {
        Operation::Mark { class: class(1), student: "10".parse().unwrap() }
    }

    fn at() -> WallTime {
        WallTime::from_millis(1_700_000_000_000)
    }

    fn opened() -> Answer {
        Answer::Opened { class: class(1), opened_at: at(), already_open: false }
    }

    fn marked() -> Answer {
        Answer::Marked { class: class(1), at: at(), already_present: false }
    }

    fn begin_again() -> Answer {
        Answer::BeginAgain { server_time: None }
    }

    fn answered(answer: Answer, attempts: u32) -> Output {
        Output::Answered { answer, attempts }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    // spec: R-REQUEST-4, R-RETRY-9
    #[test]
    fn a_request_is_sent_again_with_the_same_words_until_it_is_answered() {
        let mut bench = Bench::new();
        bench.perform(mark()).wait(secs(5));
        assert!(bench.sent.len() > 3, "{} sendings", bench.sent.len());
        let first = bench.sent[0];
        assert_eq!(bench.client.awaits(), Some(first.client));
        for (place, request) in bench.sent.iter().enumerate() {
            let attempt = u8::try_from(place + 1).unwrap();
            assert_eq!(*request, Request { attempt, ..first });
        }
        let attempts = u32::try_from(bench.sent.len()).unwrap();
        assert_eq!(*bench.answer(marked()).ending(), answered(marked(), attempts));
        let sent = bench.sent.len();
        bench.wait(secs(60));
        assert_eq!(bench.sent.len(), sent, "silence after the answer");
    }

    // spec: R-RETRY-1, R-RETRY-2, R-RETRY-3
    #[test]
    fn waits_double_up_to_their_cap_and_have_jitter() {
        let mut bench = Bench::new();
        bench.perform(mark());
        let mut waits = Vec::new();
        while let Some(at) = bench.client.poll_timeout().filter(|at| at.as_micros() < 20_000_000) {
            let wait = at.since(bench.now.instant);
            waits.push(wait);
            bench.wait(wait);
        }
        let mut expected = RETRY_INITIAL;
        for wait in &waits {
            assert!(*wait >= expected && *wait < expected.mul_f64(1.5), "{wait:?} {expected:?}");
            expected = (expected * 2).min(RETRY_MAX);
        }
        assert!(waits.iter().any(|wait| *wait > RETRY_MAX), "the cap is reached, before jitter");
    }

    // spec: R-RETRY-5, R-RETRY-6
    #[test]
    fn at_the_deadline_the_outcome_is_unknown_and_the_request_stays_open() {
        let mut bench = Bench::new();
        bench.perform(mark()).wait(DEADLINE);
        let attempts = u32::try_from(bench.sent.len()).unwrap();
        let unknown =
            Unanswered { attempts, lost: false, refused: false, busy: false, versions: None };
        assert_eq!(*bench.ending(), Output::Unanswered(unknown));
        assert_eq!(bench.client.unsettled(), Some(mark()));
        let sent = bench.sent.len();
        bench.wait(secs(60));
        assert_eq!(bench.sent.len(), sent, "silence after the deadline");
    }

    // spec: R-SETTLE-1, R-SETTLE-3
    #[test]
    fn an_open_request_is_settled_before_the_next_one_is_sent() {
        let mut bench = Bench::new();
        bench.perform(open()).wait(DEADLINE);
        let earlier = *bench.last();
        bench.perform(mark());
        assert_eq!((bench.last().number, bench.last().ask), (earlier.number, earlier.ask));
        bench.answer(opened());
        let settled = Output::Settled { operation: open(), answer: opened() };
        assert_eq!(*bench.ending(), settled);
        assert_eq!(bench.last().client, earlier.client);
        assert_eq!(Some(bench.last().number), earlier.number.next());
        assert_eq!(*bench.answer(marked()).ending(), answered(marked(), 1));
    }

    #[test]
    fn what_was_never_sent_is_not_left_open() {
        let mut bench = Bench::new();
        bench.perform(open()).wait(DEADLINE);
        bench.perform(mark()).wait(DEADLINE);
        let unsent =
            Unanswered { attempts: 0, lost: false, refused: false, busy: false, versions: None };
        assert_eq!(*bench.ending(), Output::Unanswered(unsent));
        assert_eq!(bench.client.unsettled(), Some(open()), "the first is still the open one");
    }

    // spec: R-RETRY-7, R-AGAIN-1
    #[test]
    fn who_was_told_to_wait_waits_although_it_begins_again() {
        let mut bench = Bench::new();
        bench.perform(mark()).answer(Answer::Busy { retry_after_ms: 5_000 });
        let busy_at = bench.now.instant;
        bench.answer(begin_again());
        assert_eq!(bench.sent.len(), 1, "not at once");
        bench.wait(secs(10));
        assert!(bench.sent.len() > 1);
        assert_ne!(bench.last().client, bench.sent[0].client, "under a new client id");
        let waited = bench.client.exchange.as_ref().expect("it waits").last_sent.since(busy_at);
        assert!(waited >= secs(5), "{waited:?}");
        let unknown = match bench.wait(DEADLINE).ending() {
            Output::Unanswered(unanswered) => unanswered.clone(),
            other => panic!("{other:?}"),
        };
        assert!(unknown.busy && !unknown.lost, "{unknown:?}");
    }

    // spec: R-SETTLE-2
    #[test]
    fn an_open_request_older_than_the_window_is_forsaken() {
        let mut bench = Bench::new();
        bench.perform(open()).wait(DEADLINE);
        let earlier = *bench.last();
        bench.wait(WINDOW).perform(mark());
        assert!(bench.heard.contains(&Output::Forsaken { operation: open() }));
        assert_ne!(bench.last().client, earlier.client);
        assert_eq!(bench.last().number, RequestNumber::FIRST);
    }

    // spec: R-SETTLE-1, R-AGAIN-2
    #[test]
    fn an_open_request_exactly_as_old_as_the_window_is_settled() {
        let mut bench = Bench::new();
        bench.perform(open()).wait(DEADLINE);
        let earlier = *bench.last();
        bench.wait(WINDOW.checked_sub(DEADLINE).unwrap()).perform(mark());
        assert_eq!((bench.last().client, bench.last().ask), (earlier.client, earlier.ask));
        bench.advance(Duration::from_millis(1));
        bench.answer(begin_again());
        assert!(bench.heard.contains(&Output::Forsaken { operation: open() }));
    }

    // spec: R-AGAIN-1
    #[test]
    fn begin_again_exactly_a_window_after_the_first_sending_goes_on() {
        let mut bench = Bench::new();
        bench.perform(open());
        let earlier = *bench.last();
        bench.now.wall = bench.now.wall.shifted(15 * 60 * 1_000);
        bench.answer(begin_again());
        assert_ne!(bench.last().client, earlier.client);
        assert_eq!(*bench.answer(opened()).ending(), answered(opened(), 2));
    }

    // spec: R-AGAIN-1
    #[test]
    fn begin_again_sends_the_same_operation_as_a_new_client() {
        let mut bench = Bench::new();
        bench.perform(open()).answer(opened()).perform(mark());
        let earlier = *bench.last();
        assert_eq!(earlier.number.get(), 2);
        bench.answer(begin_again());
        assert_ne!(bench.last().client, earlier.client);
        assert_eq!(bench.last().number, RequestNumber::FIRST);
        assert_eq!(*bench.answer(marked()).ending(), answered(marked(), 2));
    }

    // spec: R-AGAIN-2
    #[test]
    fn begin_again_after_a_long_sleep_leaves_the_outcome_unknown() {
        // The first sending may have been executed and forgotten while the laptop slept.
        let mut bench = Bench::new();
        bench.perform(open()).answer(opened()).perform(mark());
        bench.now.wall = bench.now.wall.shifted(31 * 60 * 1_000);
        bench.answer(begin_again());
        assert!(matches!(bench.ending(), Output::Unanswered(Unanswered { lost: true, .. })));
        assert_eq!(bench.client.unsettled(), None);
    }

    // spec: R-CLIENT-3, R-AGAIN-1
    #[test]
    fn clock_skew_teaches_the_servers_time() {
        let mut bench = Bench::new();
        let server_time = bench.now.wall.shifted(-86_400_000);
        bench.perform(open());
        let earlier = *bench.last();
        bench.answer(Answer::BeginAgain { server_time: Some(server_time) });
        assert_ne!(bench.last().client, earlier.client);
        let Ask::Perform { started, .. } = bench.last().ask else { panic!("an operation") };
        assert_eq!(started, server_time);
        bench.answer(opened());
        assert_eq!(*bench.ending(), answered(opened(), 2));
    }

    // spec: R-CLIENT-7
    #[test]
    fn clock_skew_to_a_query_teaches_nothing() {
        let mut bench = Bench::new();
        let at_most = RollCallNumber::MAX;
        bench.client.ask(bench.now, Query::Sheets { class: class(1), at_most }, DEADLINE);
        bench.settle();
        let server_time = bench.now.wall.shifted(-86_400_000);
        bench.answer(Answer::BeginAgain { server_time: Some(server_time) });
        let none = Answer::Sheets { sheets: Vec::new(), more: false };
        bench.answer(none).perform(open());
        let Ask::Perform { started, .. } = bench.last().ask else { panic!("an operation") };
        assert_eq!(started, bench.now.wall, "it answers no request that is under way");
    }

    // spec: R-AGAIN-5
    #[test]
    fn a_server_that_always_sends_back_is_not_asked_faster_than_a_silent_one() {
        let mut bench = Bench::new();
        bench.perform(open()).answer(begin_again());
        let sent = bench.sent.len();
        for _ in 0..50 {
            bench.answer(begin_again());
        }
        assert_eq!(bench.sent.len(), sent);
        bench.wait(DEADLINE);
        assert!(matches!(bench.ending(), Output::Unanswered(_)));
    }

    // spec: R-AGAIN-3, R-AGAIN-4
    #[test]
    fn stale_leaves_the_outcome_unknown() {
        let mut bench = Bench::new();
        bench.perform(mark()).answer(Answer::Stale);
        assert!(matches!(bench.ending(), Output::Unanswered(Unanswered { lost: true, .. })));
        let earlier = *bench.last();
        bench.perform(mark());
        assert_ne!(bench.last().client, earlier.client);
    }

    // spec: R-AGAIN-1, R-AGAIN-2, R-AGAIN-6
    #[test]
    fn the_age_of_an_operation_is_counted_over_all_its_names() {
        let mut bench = Bench::new();
        bench.perform(open());
        let first = *bench.last();
        bench.wait(secs(1)).answer(begin_again());
        let second = *bench.last();
        assert_ne!(second.client, first.client);
        assert_eq!(second.number, RequestNumber::FIRST);
        // A whole window since the second name: only since the first it is more.
        bench.now.wall = bench.now.wall.shifted(15 * 60 * 1_000);
        bench.answer(begin_again());
        assert!(matches!(bench.ending(), Output::Unanswered(Unanswered { lost: true, .. })));
        assert_eq!(*bench.last(), second, "it was not sent again");
    }

    // spec: R-REQUEST-1, R-REQUEST-2, R-CLIENT-4
    #[test]
    fn operations_and_queries_are_counted_apart_from_1() {
        let mut bench = Bench::new();
        let list = Answer::Status { open: Vec::new(), more: false };
        for count in 1..=3 {
            bench.perform(mark());
            assert_eq!(bench.last().number.get(), count);
            bench.answer(marked());
            bench.client.ask(bench.now, Query::Status { from: class(1) }, DEADLINE);
            bench.settle();
            assert_eq!(bench.last().number.get(), count);
            assert_eq!(*bench.answer(list.clone()).ending(), answered(list.clone(), 1));
        }
    }

    // spec: R-REQUEST-3
    #[test]
    fn attempts_are_counted_over_all_names_and_up_to_255() {
        let mut bench = Bench::new();
        bench.client.perform(bench.now, mark(), secs(1_000));
        bench.settle().wait(secs(1)).answer(begin_again()).wait(secs(900));
        assert!(bench.sent.len() > 260, "{} sendings", bench.sent.len());
        for (place, request) in bench.sent.iter().enumerate() {
            assert_eq!(request.attempt, u8::try_from(place + 1).unwrap_or(255));
        }
    }

    // spec: R-CLIENT-1
    #[test]
    fn no_two_clients_have_one_id() {
        let ids = (0..100).map(|_| {
            let mut bench = Bench::new();
            bench.client = Client::new(crate::shell::clock::entropy());
            bench.perform(mark());
            *bench.last().client.as_bytes()
        });
        assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 100);
    }

    // spec: R-CLIENT-2
    #[test]
    #[should_panic(expected = "one exchange at a time")]
    fn a_second_operation_has_to_wait_for_the_first() {
        Bench::new().perform(open()).perform(mark());
    }

    // spec: R-READ-4, R-CLIENT-7
    #[test]
    fn whatever_comes_unasked_is_not_answered() {
        let mut bench = Bench::new();
        bench.perform(mark()).answer(marked());
        let (sent, heard) = (bench.sent.len(), bench.heard.len());
        for answer in [marked(), begin_again(), Answer::Busy { retry_after_ms: 0 }] {
            bench.answer(answer);
        }
        let mut request = Datagram::new();
        encode_request(bench.last(), &mut request);
        bench.client.handle_datagram(bench.now, request.as_bytes());
        bench.wait(secs(60));
        assert_eq!((bench.sent.len(), bench.heard.len()), (sent, heard));
    }

    // spec: R-RETRY-1
    #[test]
    fn the_first_wait_has_bounds() {
        for (measured, wait) in [(1, 100), (40, 120), (150, 450), (170, 500), (9_000, 500)] {
            let mut round_trip = RoundTrip::default();
            round_trip.sample(Duration::from_millis(measured));
            assert_eq!(round_trip.first_wait(), Duration::from_millis(wait), "{measured} ms");
        }
        let mut round_trip = RoundTrip::default();
        round_trip.sample(Duration::from_millis(80));
        round_trip.sample(Duration::from_millis(160));
        // srtt = 7/8 * 80 + 1/8 * 160 = 90, rttvar = 3/4 * 40 + 1/4 * 80 = 50.
        assert_eq!(round_trip.first_wait(), Duration::from_millis(290));
    }

    // spec: R-RETRY-7
    #[test]
    fn busy_is_waited_for() {
        let mut bench = Bench::new();
        bench.perform(mark()).answer(Answer::Busy { retry_after_ms: 5_000 });
        let sent = bench.sent.len();
        bench.wait(Duration::from_millis(4_999));
        assert_eq!(bench.sent.len(), sent);
        bench.wait(secs(5));
        assert!(bench.sent.len() > sent);
    }

    // spec: R-RETRY-7
    #[test]
    fn busy_is_waited_for_beyond_the_deadline() {
        let mut bench = Bench::new();
        bench.perform(open()).wait(secs(29)).answer(Answer::Busy { retry_after_ms: 60_000 });
        let sent = bench.sent.len();
        bench.wait(secs(1)).perform(mark()).wait(secs(29));
        assert_eq!(bench.sent.len(), sent, "settling begins no sooner");
        bench.wait(secs(1)).perform(mark()).wait(secs(28));
        assert_eq!(bench.sent.len(), sent, "nor the second time");
        bench.wait(secs(1));
        assert_eq!(bench.sent.len(), sent + 1);
        assert_eq!(bench.last().ask, bench.sent[0].ask);
    }

    // spec: R-CLIENT-6, R-CLIENT-7, R-CLIENT-8, R-READ-1
    #[test]
    fn answers_to_others_to_other_requests_and_of_other_kinds_are_ignored() {
        let mut bench = Bench::new();
        bench.perform(mark()).answer(marked()).perform(mark());
        let heard = bench.heard.len();
        let &Request { client, number, .. } = bench.last();
        let stranger = ClientId::from_bytes([1; 16]);
        let other_class = Answer::Marked { class: class(2), at: at(), already_present: false };
        let wrong = [
            Reply { client: stranger, number, answer: marked() },
            Reply { client, number: RequestNumber::FIRST, answer: marked() },
            Reply { client, number: number.next().unwrap(), answer: marked() },
            Reply { client, number, answer: opened() },
            Reply { client, number, answer: other_class },
            Reply { client, number, answer: Answer::Status { open: Vec::new(), more: false } },
            Reply {
                client,
                number,
                answer: Answer::Refused { at: at(), reason: Refusal::NotOpen },
            },
        ];
        for reply in wrong {
            bench.deliver(&reply);
            assert_eq!(bench.heard.len(), heard, "{reply:?}");
        }
        bench.client.handle_datagram(bench.now, b"nonsense");
        assert_eq!(*bench.answer(marked()).ending(), answered(marked(), 1));
    }

    // spec: R-FILES-12
    #[test]
    fn pages_of_files_that_do_not_rise_or_could_be_longer_are_ignored() {
        let page = |names: &[String], total| {
            let entry = |name: &String| FileEntry { name: name.parse().unwrap(), bytes: 1 };
            Answer::Files(Some(FileList { total, files: names.iter().map(entry).collect() }))
        };
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        // 42 bytes, and 267 for each of the first three: there are 357 bytes left.
        let long = ["a", "b", "c"].map(|it| it.repeat(255));
        let rest = |bytes: usize| [&long[..], &["d".repeat(bytes)]].concat();
        let mut bench = Bench::new();
        bench.client.ask(bench.now, Query::Files { from: 2 }, DEADLINE);
        bench.settle();
        let heard = bench.heard.len();
        let wrong = [
            page(&names(&["b", "a"]), 4),
            page(&names(&["a", "a"]), 4),
            page(&[], 3),
            page(&names(&["a"]), 4),
            page(&long, 6),
            page(&rest(78), 7),
        ];
        for answer in wrong {
            bench.answer(answer.clone());
            assert_eq!(bench.heard.len(), heard, "{answer:?}");
        }
        let right = page(&rest(79), 7);
        assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
        for right in [page(&names(&["a", "b"]), 4), page(&[], 0), Answer::Files(None)] {
            bench.client.ask(bench.now, Query::Files { from: 2 }, DEADLINE);
            bench.settle();
            assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
        }
    }

    // spec: R-STATUS-4
    #[test]
    fn lists_out_of_order_and_short_ones_with_more_are_ignored() {
        let list = |classes: &[u32], more| {
            let open = classes.iter().map(|&number| OpenRollCall {
                class: class(number),
                opened_at: at(),
                present: 0,
            });
            Answer::Status { open: open.collect(), more }
        };
        let mut bench = Bench::new();
        bench.client.ask(bench.now, Query::Status { from: class(5) }, DEADLINE);
        bench.settle();
        let heard = bench.heard.len();
        let wrong = [
            list(&[7, 6], false),
            list(&[6, 6], false),
            list(&[4, 6], false),
            list(&[4], false),
            list(&[7, 6], true),
            list(&[4, 6], true),
            list(&[], true),
            // A page that is not the last one is full.
            list(&(5..5 + 67).collect::<Vec<_>>(), true),
        ];
        for answer in wrong {
            bench.answer(answer.clone());
            assert_eq!(bench.heard.len(), heard, "{answer:?}");
        }
        let right = list(&(5..5 + 68).collect::<Vec<_>>(), true);
        assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
    }

    // spec: R-SHEET-9
    #[test]
    fn sheets_of_another_class_out_of_order_or_too_few_with_more_are_ignored() {
        let listed = |numbers: &[u32], of: u32, more| {
            let info = |&number: &u32| SheetInfo {
                class: class(of),
                number: RollCallNumber::new(number).unwrap(),
                opened_at: at(),
                closed_at: at(),
                students: 0,
                bytes: 16,
                content: ContentId::of(b"a sheet"),
            };
            Answer::Sheets { sheets: numbers.iter().map(info).collect(), more }
        };
        let mut bench = Bench::new();
        let at_most = RollCallNumber::new(50).unwrap();
        bench.client.ask(bench.now, Query::Sheets { class: class(1), at_most }, DEADLINE);
        bench.settle();
        let heard = bench.heard.len();
        let wrong = [
            listed(&[3, 2], 2, false),
            listed(&[51, 50], 1, false),
            listed(&[2, 3], 1, false),
            listed(&[3, 3], 1, false),
            listed(&[], 1, true),
            listed(&(1..=16).rev().collect::<Vec<_>>(), 1, true),
        ];
        for answer in wrong {
            bench.answer(answer.clone());
            assert_eq!(bench.heard.len(), heard, "{answer:?}");
        }
        let right = listed(&(34..=50).rev().collect::<Vec<_>>(), 1, true);
        assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
    }

    // spec: R-VERSION-3, R-RETRY-8
    #[test]
    fn a_refused_connection_and_unknown_versions_are_only_hints() {
        let mut bench = Bench::new();
        bench.perform(mark());
        bench.client.handle_refused();
        let mut datagram = Datagram::new();
        Versions::ours().encode(&mut datagram);
        bench.client.handle_datagram(bench.now, datagram.as_bytes());
        bench.settle();
        assert!(!bench.client.is_idle());
        bench.wait(DEADLINE);
        let Output::Unanswered(unanswered) = bench.ending() else { panic!("no answer came") };
        assert!(unanswered.refused);
        assert_eq!(unanswered.versions, Some(Versions::ours()));
    }

    // spec: R-RETRY-4
    #[test]
    fn karns_rule_only_single_sendings_are_measured() {
        let mut bench = Bench::new();
        bench.perform(mark()).wait(secs(1)).answer(marked());
        assert!(bench.client.round_trip().is_none(), "it was sent several times");
        bench.perform(mark());
        bench.wait(Duration::from_millis(80)).answer(marked());
        assert_eq!(bench.client.round_trip(), Some(Duration::from_millis(80)));
        assert_eq!(bench.client.round_trip.first_wait(), Duration::from_millis(240));
    }

    // spec: R-CLIENT-5
    #[test]
    fn a_client_that_was_idle_for_longer_than_the_window_begins_anew() {
        let mut bench = Bench::new();
        bench.perform(open()).answer(opened());
        let earlier = *bench.last();
        bench.wait(WINDOW).perform(mark());
        assert_eq!(bench.last().client, earlier.client);
        bench.answer(marked()).wait(WINDOW + secs(1)).perform(mark());
        assert_ne!(bench.last().client, earlier.client);
    }
}
