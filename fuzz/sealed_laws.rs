//! The laws of sealed datagrams: whoever owns the network between clients and server can lose, hold back,
//! repeat, change, splice, cut and send back what he likes, and the server may be started again at any
//! time, and yet
//!
//! - nothing is executed but what the holder of a device's key asked, and that once;
//! - what is held back for longer than a minute executes nothing;
//! - an answer is taken only by who asked, and says what was executed;
//! - no address is sent more bytes than it sent.

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rollcall::client::{LinkedClient, Output as ClientOutput, Progress};
use rollcall::endpoint::{Effect, Endpoint, PlainPolicy, Way};
use rollcall::exchange::{Answer, Operation, Outcome};
use rollcall::ids::{ClassId, ClientId, StudentNumber};
use rollcall::principal::Principal;
use rollcall::record::{Batch, Record, Recovery as _};
use rollcall::seal::{Channel, HandshakeJob, Link, SecretKey};
use rollcall::server::{Output, Server};
use rollcall::stats::Counter;
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::{Datagram, Kind};

use crate::premises::premises;

const START_MILLIS: u64 = 1_795_353_480_000;
const STEPS_MAX: usize = 300;
const CLIENTS: u8 = 4;
/// What was on its way for longer executes nothing (R-SEALED-3).
const HELD_BACK_MAX_MILLIS: u64 = 60_000;
/// What is under way at once, at most: the oldest is lost.
const UNDER_WAY_MAX: usize = 64;
const DEADLINE: Duration = Duration::from_secs(600);

/// What the laws speak of.
pub(crate) mod seen {
    super::premises! {
        EXECUTED: "an operation was executed" => "only what was asked, and once";
        REPEATED: "an operation was answered that had been executed before" => "one operation, one effect";
        ANSWERED: "a client took an answer" => "it says what was executed";
        RESTARTED: "a request was asked again after the server was started again" => "one operation, one effect";
        RENEWED: "a client had a second ticket" => "one operation, one effect";
        HELD_BACK: "what was held back for more than a minute arrived" => "it executes nothing";
        FORGED: "something that was changed arrived at the server" => "only what was asked";
        SPLICED: "the ticket of one with the rest of another arrived" => "only what was asked";
        ASTRAY: "an answer arrived at another client" => "it is not taken";
        REFLECTED: "what a client sent came back to it" => "it is not taken";
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    /// A client asks for something, if it waits for nothing.
    Ask(u8, What),
    /// So many datagrams arrive as they are.
    Arrive(u8),
    /// One that is under way arrives, and stays under way.
    Repeat(u8),
    Lose(u8),
    /// One arrives with a bit turned.
    Turn(u8, u16),
    /// One arrives without its end.
    Cut(u8, u16),
    /// The beginning of one arrives with the rest of another.
    Splice(u8, u8, u8),
    /// One arrives at whoever sent it.
    Reflect(u8),
    /// One for a client arrives at another.
    Misdeliver(u8, u8),
    /// Milliseconds pass.
    Wait(u8),
    /// Seconds pass.
    WaitLong(u8),
    /// The server dies and is started again with what was durable; the keys of its tickets are others.
    Restart,
    /// The worker does its handshakes.
    Shake,
    /// The disk is done.
    Commit,
    /// Everything arrives in both directions for a while, as on a good day.
    Calm(u8),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum What {
    Open(u8),
    Close(u8),
    Mark(u8, u8),
}

impl What {
    fn operation(self) -> Operation {
        let class = |number: u8| ClassId::new(u32::from(number % 2) + 1).expect("above zero");
        match self {
            Self::Open(number) => Operation::Open { class: class(number) },
            Self::Close(number) => Operation::Close { class: class(number) },
            Self::Mark(number, student) => {
                let student = format!("{}", student % 8);
                let student = student.parse::<StudentNumber>().expect("digits");
                Operation::Mark { class: class(number), student }
            }
        }
    }
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Server,
    Client(u8),
}

#[derive(Clone)]
struct UnderWay {
    from: To,
    to: To,
    sent: u64,
    bytes: Vec<u8>,
}

/// One thing that a client was told to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ask {
    id: usize,
    operation: Operation,
}

struct Client {
    linked: LinkedClient,
    device: rollcall::ids::DeviceId,
    /// What it asks for at present.
    asked: Option<Ask>,
    /// An earlier operation whose deadline passed, and that is settled before.
    settling: Option<Ask>,
    /// What it asked for last.
    last: Option<Ask>,
}

/// What was executed under one of the judge's names of a client.
#[derive(Default)]
struct Executed {
    outcomes: BTreeMap<u64, (Operation, Outcome)>,
}

struct World {
    millis: u64,
    /// When the server was last started: the clock of a process counts from its start.
    started: u64,
    key: SecretKey,
    endpoint: Endpoint<u8>,
    starts: u8,
    clients: Vec<Client>,
    under_way: Vec<UnderWay>,
    jobs: Vec<HandshakeJob<u8>>,
    committing: Option<Batch>,
    /// What is on the disk.
    durable: Vec<Batch>,
    /// What was asked under each of the judge's names, in the order of its numbers.
    asked: BTreeMap<[u8; 16], Vec<Ask>>,
    /// How often each was executed, by whatever name.
    executions: Vec<u32>,
    /// At which start of the server each of them was first used.
    first_used: BTreeMap<[u8; 16], u8>,
    executed: BTreeMap<[u8; 16], Executed>,
    /// Bytes that came from an address, and that were sent to it.
    bytes: BTreeMap<u8, (usize, usize)>,
}

/// Reads steps and plays them.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(input: &[u8]) {
    let mut unstructured = Unstructured::new(input);
    let mut world = World::new();
    for _ in 0..STEPS_MAX {
        if unstructured.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut unstructured) else { break };
        world.play(step);
    }
    world.calm(200);
}

impl World {
    fn new() -> Self {
        let key = SecretKey::from_bytes([1; 32]);
        let client = |number: u8| {
            let device = SecretKey::from_bytes([100 + number; 32]);
            let id = device.public().device();
            let channel = Channel::new(key.public(), device, [number; 32]);
            let link = Link::Sealed(Box::new(channel));
            // The same seed for two of them: their client ids are the same, their devices are not.
            let linked = LinkedClient::new([number / 2; 32], link);
            Client { linked, device: id, asked: None, settling: None, last: None }
        };
        Self {
            millis: 1_000,
            started: 1_000,
            endpoint: endpoint(&key, Server::new(1), 1),
            key: key.clone(),
            starts: 1,
            clients: (0..CLIENTS).map(client).collect(),
            under_way: Vec::new(),
            jobs: Vec::new(),
            committing: None,
            durable: Vec::new(),
            asked: BTreeMap::new(),
            executions: Vec::new(),
            first_used: BTreeMap::new(),
            executed: BTreeMap::new(),
            bytes: BTreeMap::new(),
        }
    }

    fn now(&self) -> Now {
        let instant = Instant::from_micros(self.millis * 1_000);
        Now { instant, wall: WallTime::from_millis(START_MILLIS + self.millis) }
    }

    /// The same by the server's clocks.
    fn server_now(&self) -> Now {
        let instant = Instant::from_micros((self.millis - self.started) * 1_000);
        Now { instant, ..self.now() }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Ask(who, what) => self.ask(who % CLIENTS, what.operation()),
            Step::Arrive(count) => {
                for _ in 0..=count % 8 {
                    if !self.under_way.is_empty() {
                        let datagram = self.under_way.remove(0);
                        self.deliver(&datagram);
                    }
                }
            }
            Step::Repeat(which) => {
                if let Some(datagram) = self.pick(which) {
                    self.deliver(&datagram);
                }
            }
            Step::Lose(which) => {
                if !self.under_way.is_empty() {
                    let place = usize::from(which) % self.under_way.len();
                    self.under_way.remove(place);
                }
            }
            Step::Turn(which, bit) => {
                if let Some(mut datagram) = self.pick(which) {
                    let bit = usize::from(bit) % (datagram.bytes.len() * 8);
                    datagram.bytes[bit / 8] ^= 1 << (bit % 8);
                    seen::FORGED.held_if(datagram.to == To::Server);
                    self.deliver(&datagram);
                }
            }
            Step::Cut(which, length) => {
                if let Some(mut datagram) = self.pick(which) {
                    let length = usize::from(length) % datagram.bytes.len();
                    datagram.bytes.truncate(length);
                    self.deliver(&datagram);
                }
            }
            Step::Splice(one, other, place) => {
                if let (Some(one), Some(mut other)) = (self.pick(one), self.pick(other)) {
                    // At the ends of the parts of a sealed datagram, or anywhere.
                    let place = match place % 4 {
                        0 => 104,
                        1 => 128,
                        2 => 4,
                        _ => usize::from(place),
                    };
                    let place = place.min(one.bytes.len()).min(other.bytes.len());
                    let is_other = one.bytes != other.bytes;
                    other.bytes[..place].copy_from_slice(&one.bytes[..place]);
                    seen::SPLICED.held_if(is_other && other.to == To::Server && place == 104);
                    self.deliver(&other);
                }
            }
            Step::Reflect(which) => {
                if let Some(datagram) = self.pick(which) {
                    seen::REFLECTED.held_if(datagram.to == To::Server);
                    self.deliver(&UnderWay { to: datagram.from, from: datagram.to, ..datagram });
                }
            }
            Step::Misdeliver(which, who) => {
                if let Some(datagram) = self.pick(which)
                    && let To::Client(right) = datagram.to
                    && right != who % CLIENTS
                {
                    seen::ASTRAY.held();
                    self.deliver(&UnderWay { to: To::Client(who % CLIENTS), ..datagram });
                }
            }
            Step::Wait(millis) => self.pass(u64::from(millis) * 4),
            Step::WaitLong(seconds) => self.pass(u64::from(seconds) * 1_000),
            Step::Restart => self.restart(),
            Step::Shake => self.shake(),
            Step::Commit => self.commit(),
            Step::Calm(turns) => self.calm(u32::from(turns)),
        }
    }

    fn pick(&self, which: u8) -> Option<UnderWay> {
        let place = usize::from(which).checked_rem(self.under_way.len())?;
        Some(self.under_way[place].clone())
    }

    fn ask(&mut self, who: u8, operation: Operation) {
        let now = self.now();
        let client = &mut self.clients[usize::from(who)];
        if client.asked.is_some() {
            return;
        }
        let ask = Ask { id: self.executions.len(), operation };
        self.executions.push(0);
        client.asked = Some(ask);
        client.settling = client.linked.client().unsettled().and(client.last);
        client.last = Some(ask);
        client.linked.perform(now, operation, DEADLINE);
        self.wake(who);
    }

    /// Lets a client do what it wants.
    fn wake(&mut self, who: u8) {
        let now = self.now();
        let client = &mut self.clients[usize::from(who)];
        client.linked.handle_timeout(now);
        let mut space = Datagram::new();
        let mut sent = Vec::new();
        while client.linked.poll_hello(&mut space) {
            sent.push(space.as_bytes().to_vec());
        }
        while let Some(output) = client.linked.poll_output(now, &mut space) {
            match output {
                ClientOutput::Transmit => {
                    let id = client.linked.client().awaits().expect("it asks");
                    let name = Principal::Device(client.device).client(id);
                    let ask = client.settling.or(client.asked).expect("it asks");
                    let asked = self.asked.entry(*name.as_bytes()).or_default();
                    if asked.last() != Some(&ask) {
                        asked.push(ask);
                    }
                    let used = self.first_used.entry(*name.as_bytes()).or_insert(self.starts);
                    seen::RESTARTED.held_if(*used < self.starts);
                    sent.push(space.as_bytes().to_vec());
                }
                ClientOutput::Answered { answer, .. } => {
                    let operation = client.asked.take().expect("it asked").operation;
                    let device = client.device;
                    self.judge_answer(device, operation, &answer);
                    return self.wake_after(who, sent);
                }
                ClientOutput::Unanswered(_) => client.asked = None,
                ClientOutput::Progress(Progress::Settled { operation, answer }) => {
                    let settled = client.settling.take().map(|ask| ask.operation);
                    assert_eq!(settled, Some(operation));
                    let device = client.device;
                    self.judge_answer(device, operation, &answer);
                    return self.wake_after(who, sent);
                }
                ClientOutput::Progress(Progress::Abandoned { .. }) => client.settling = None,
                ClientOutput::Progress(_) => {}
            }
        }
        self.send(who, sent);
    }

    /// Sends what it wanted to send so far, and goes on.
    fn wake_after(&mut self, who: u8, sent: Vec<Vec<u8>>) {
        self.send(who, sent);
        self.wake(who);
    }

    fn send(&mut self, who: u8, sent: Vec<Vec<u8>>) {
        for bytes in sent {
            let datagram =
                UnderWay { from: To::Client(who), to: To::Server, sent: self.millis, bytes };
            self.push(datagram);
        }
    }

    fn push(&mut self, datagram: UnderWay) {
        if self.under_way.len() >= UNDER_WAY_MAX {
            self.under_way.remove(0);
        }
        self.under_way.push(datagram);
    }

    /// An answer that was taken says what was executed for that device.
    fn judge_answer(&self, device: rollcall::ids::DeviceId, operation: Operation, answer: &Answer) {
        seen::ANSWERED.held();
        let is_executed = self.executed.iter().any(|(name, executed)| {
            let asked = self.asked.get(name).into_iter().flatten();
            let is_of_device = asked.into_iter().any(|ask| ask.operation == operation);
            is_of_device
                && executed
                    .outcomes
                    .values()
                    .any(|(done, outcome)| *done == operation && Answer::from(outcome) == *answer)
        });
        assert!(is_executed, "{device:?} was told {answer:?} for {operation:?}");
    }

    fn deliver(&mut self, datagram: &UnderWay) {
        let now = self.now();
        match datagram.to {
            To::Client(who) => {
                let client = &mut self.clients[usize::from(who)];
                let had_ticket = client.linked.link().is_ready();
                let taken = client.linked.handle_datagram(now, &datagram.bytes);
                let is_welcome = datagram.bytes.get(3) == Some(&Kind::Welcome.byte());
                seen::RENEWED.held_if(taken && is_welcome && had_ticket);
                self.wake(who);
            }
            To::Server => {
                let To::Client(from) = datagram.from else { return };
                let is_held_back = self.millis - datagram.sent > HELD_BACK_MAX_MILLIS;
                seen::HELD_BACK.held_if(is_held_back);
                let before = self.executions();
                let bytes = self.bytes.entry(from).or_default();
                bytes.0 += datagram.bytes.len();
                self.endpoint.handle_datagram(self.server_now(), from, &datagram.bytes);
                let executed = self.executions() > before;
                assert!(!(executed && is_held_back), "held back for more than a minute");
                self.carry_out();
            }
        }
    }

    /// Does what the server wants, but for the disk and the worker.
    fn carry_out(&mut self) {
        let now = self.server_now();
        let mut space = Datagram::new();
        while let Some(effect) = self.endpoint.poll_output(now, &mut space) {
            match effect {
                Effect::Handshake(job) => self.jobs.push(*job),
                Effect::Core(Output::Append(batch)) => {
                    self.judge_batch(&batch);
                    self.committing = Some(batch);
                }
                Effect::Core(Output::Transmit { to }) => {
                    let bytes = self.bytes.entry(to).or_default();
                    bytes.1 += space.as_bytes().len();
                    assert!(bytes.1 <= bytes.0, "an address was sent more than it sent");
                    self.push(UnderWay {
                        from: To::Server,
                        to: To::Client(to),
                        sent: self.millis,
                        bytes: space.as_bytes().to_vec(),
                    });
                }
                Effect::Core(other) => panic!("nobody asked for {other:?}"),
            }
        }
    }

    /// Everything that is executed was asked by the holder of a key, once.
    fn judge_batch(&mut self, batch: &Batch) {
        for record in &batch.records {
            let Record::Answered { operation, client, .. } = record else { continue };
            if matches!(client.outcome, Outcome::ClockSkew { .. }) {
                panic!("a sealed client is punctual: {record:?}");
            }
            let name: ClientId = client.client;
            let place = usize::try_from(client.number.get()).expect("few") - 1;
            let asked = self.asked.get(name.as_bytes()).and_then(|asked| asked.get(place));
            let ask = asked.filter(|ask| ask.operation == *operation);
            let ask = ask.unwrap_or_else(|| panic!("nobody asked for {record:?}"));
            self.executions[ask.id] += 1;
            assert_eq!(self.executions[ask.id], 1, "again, by another name: {record:?}");
            let executed = self.executed.entry(*name.as_bytes()).or_default();
            let done = (*operation, client.outcome.clone());
            let before = executed.outcomes.insert(client.number.get(), done);
            assert!(before.is_none(), "twice: {record:?}");
            seen::EXECUTED.held();
        }
    }

    fn commit(&mut self) {
        let Some(batch) = self.committing.take() else { return };
        self.endpoint.server_mut().handle_durable(batch.number);
        self.durable.push(batch);
        self.carry_out();
    }

    fn shake(&mut self) {
        for job in std::mem::take(&mut self.jobs) {
            self.endpoint.handle_welcomed(job.answer(&self.key));
        }
        self.carry_out();
    }

    fn pass(&mut self, millis: u64) {
        self.millis += millis;
        self.endpoint.handle_timeout(self.server_now());
        self.carry_out();
        for who in 0..CLIENTS {
            self.wake(who);
        }
    }

    fn restart(&mut self) {
        self.starts = self.starts.saturating_add(1);
        // What was not durable was never answered, and may be executed anew.
        if let Some(lost) = self.committing.take() {
            for record in &lost.records {
                if let Record::Answered { client, .. } = record
                    && let Some(executed) = self.executed.get_mut(client.client.as_bytes())
                {
                    executed.outcomes.remove(&client.number.get());
                    let place = usize::try_from(client.number.get()).expect("few") - 1;
                    self.executions[self.asked[client.client.as_bytes()][place].id] -= 1;
                }
            }
        }
        let mut server: Server<Way<u8>> = Server::new(self.starts.into());
        for batch in &self.durable {
            for record in &batch.records {
                server.replay(record.clone()).expect("it was written so");
            }
            server.resume_after(batch.number);
        }
        self.jobs.clear();
        self.started = self.millis;
        self.endpoint = endpoint(&self.key, server, self.starts);
        self.carry_out();
    }

    /// Everything arrives, the disk and the worker are quick.
    fn calm(&mut self, turns: u32) {
        for _ in 0..turns {
            for datagram in std::mem::take(&mut self.under_way) {
                self.deliver(&datagram);
            }
            self.shake();
            self.commit();
            seen::REPEATED.held_if(self.counted_repeats() > 0);
            self.pass(20);
        }
    }

    fn counted_repeats(&self) -> u64 {
        self.endpoint.server().stats().get(Counter::Repeated)
    }

    /// How many operations this start of the server has executed or refused.
    fn executions(&self) -> u64 {
        use Counter::{AlreadyClosed, AlreadyOpen, AlreadyPresent, Closed, Marked};
        use Counter::{ClockAhead, NeverOpened, NotOpen, Opened};
        let counters = [
            Opened,
            AlreadyOpen,
            Closed,
            AlreadyClosed,
            Marked,
            AlreadyPresent,
            NotOpen,
            NeverOpened,
            ClockAhead,
        ];
        counters.into_iter().map(|it| self.endpoint.server().stats().get(it)).sum()
    }
}

fn endpoint(key: &SecretKey, server: Server<Way<u8>>, seed: u8) -> Endpoint<u8> {
    Endpoint::new(server, key.public(), PlainPolicy::Refuse, [seed; 32], Instant::ZERO)
}
