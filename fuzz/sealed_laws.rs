//! The laws of sealed datagrams: whoever owns the network between clients and server can lose, hold back,
//! repeat, change, splice, cut and send back what he likes, and the server may be started again at any
//! time, and yet
//!
//! - nothing is executed but what the holder of a device's key asked, and that once;
//! - who opens and closes is a teacher, who invites is an admin, and who was revoked does nothing;
//! - what is held back for longer than a minute executes nothing;
//! - an answer is taken only by who asked, and says what was executed;
//! - no address is sent more bytes than it sent;
//! - when everything arrives again, whoever waits is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rollcall::access::{Guest, InviteCode, InviteId, PersonName, Role, Terms};
use rollcall::client::{LinkedClient, Output as ClientOutput, Progress};
use rollcall::endpoint::{Effect, Endpoint, PlainPolicy, Way};
use rollcall::exchange::{Act, Answer, Joined, Operation, Outcome, Refusal};
use rollcall::ids::{ClassId, ClientId, DeviceId, StudentNumber};
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
/// So long after everything arrives again, whoever waits is answered: waits of at most 0.75 s and one `HELLO`
/// in five seconds, for an operation left open and the one after it, each begun again at most three times.
const ANSWERED_WITHIN_MILLIS: u64 = 30_000;
/// More datagrams and commits than that takes.
const HEALING_STEPS_MAX: usize = 20_000;

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
        NO_TEACHER: "who is no teacher asked to open or close" => "R-ACCESS-1";
        NO_ADMIN: "who is no admin asked for an act" => "R-ACCESS-5";
        JOINED: "another device got a role by an invite" => "R-ACCESS-4";
        USED: "an invite was asked for that another device had used" => "R-ACCESS-4";
        OTHERS_CLASS: "a teacher asked for the class of another one" => "R-ACCESS-3";
        REVOKED: "a device was told that it is revoked" => "R-ACCESS-6";
        REFLECTED: "what a client sent came back to it" => "it is not taken";
        WAITED: "somebody waited when everything arrived again" => "whoever waits is answered";
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Step {
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
    /// On such a day the first admin invites somebody, who joins, and perhaps revokes somebody.
    Appoint(u8, u8, u8),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
pub(crate) enum What {
    Open(u8),
    Close(u8),
    Mark(u8, u8),
    /// Use an invite, known or not.
    Join(u8),
    /// Invite somebody.
    Invite(u8),
    /// Revoke another device than the first.
    Revoke(u8),
}

/// An invite that is made here; few, so that they meet.
fn invite(which: u8) -> InviteCode {
    InviteCode::from_bytes([which % 4 + 1; 10])
}

/// The first admin's, and the one by which the same device becomes a teacher's.
const FIRST_INVITES: [InviteCode; 2] =
    [InviteCode::from_bytes([101; 10]), InviteCode::from_bytes([102; 10])];

fn name(which: u8) -> PersonName {
    ["Ana", "Eva"][usize::from(which % 2)].parse().expect("a name")
}

impl What {
    fn operation(self, devices: &[DeviceId]) -> Operation {
        let class = |number: u8| ClassId::new(u32::from(number % 2) + 1).expect("above zero");
        match self {
            // Nobody here sees a room in which a code is shown.
            Self::Open(number) => {
                let terms = Terms { code: false, ..Terms::SEALED };
                Operation::Open { class: class(number), terms }
            }
            Self::Close(number) => Operation::Close { class: class(number) },
            Self::Mark(number, student) => {
                let student = format!("{}", student % 8);
                let student = student.parse::<StudentNumber>().expect("digits");
                Operation::Mark { class: class(number), student, code: None }
            }
            Self::Join(which) => Operation::Join { code: invite(which) },
            Self::Invite(which) => {
                let role = if which & 0x40 == 0 { Role::Teacher } else { Role::Admin };
                let guest = Guest::Staff { role, name: name(which >> 3) };
                Operation::Act(Act::Invite { invite: invite(which).id(), guest })
            }
            Self::Revoke(which) => {
                let device = devices[1 + usize::from(which) % (devices.len() - 1)];
                Operation::Act(Act::Revoke { device })
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
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ask {
    id: usize,
    operation: Operation,
}

struct Client {
    linked: LinkedClient,
    device: DeviceId,
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

/// Who may do what, as naively as can be: told by what was executed.
#[derive(Default)]
struct Roles {
    /// Each device with a role: whose it is.
    names: BTreeMap<DeviceId, PersonName>,
    admins: BTreeSet<DeviceId>,
    teachers: BTreeSet<DeviceId>,
    revoked: BTreeSet<DeviceId>,
    invites: BTreeMap<InviteId, (Guest, Option<DeviceId>)>,
    owners: BTreeMap<ClassId, PersonName>,
}

pub(crate) struct World {
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
    /// Whose each of the judge's names is.
    askers: BTreeMap<[u8; 16], DeviceId>,
    roles: Roles,
    /// The first teacher is one: from here on it is counted what comes about.
    is_set_up: bool,
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
    world.heal();
}

impl World {
    pub(crate) fn new() -> Self {
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
        let mut world = Self {
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
            askers: BTreeMap::new(),
            roles: Roles::default(),
            is_set_up: false,
            bytes: BTreeMap::new(),
        };
        world.set_up();
        world
    }

    /// The first client becomes an admin's, by an invite of the server's terminal, and a teacher's by one
    /// that it makes for itself.
    fn set_up(&mut self) {
        let now = self.server_now();
        let ends_at = now.wall.shifted(3_600_000);
        let [admin, teacher] = FIRST_INVITES;
        let is_new = self.endpoint.server_mut().invite_admin(now, admin.id(), name(0), ends_at);
        assert!(is_new, "nobody was invited before");
        let guest = Guest::Staff { role: Role::Teacher, name: name(0) };
        for operation in [
            Operation::Join { code: admin },
            Operation::Act(Act::Invite { invite: teacher.id(), guest }),
            Operation::Join { code: teacher },
        ] {
            self.ask(0, operation);
            for _ in 0..1_000 {
                self.calm(1);
                if self.clients[0].asked.is_none() {
                    break;
                }
            }
        }
        assert!(self.roles.teachers.contains(&self.clients[0].device), "everything arrived");
        self.is_set_up = true;
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

    pub(crate) fn play(&mut self, step: Step) {
        match step {
            Step::Ask(who, what) => {
                let devices: Vec<_> = self.clients.iter().map(|client| client.device).collect();
                self.ask(who % CLIENTS, what.operation(&devices));
            }
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
            Step::Appoint(who, which, revoked) => {
                let last = (revoked < 64).then_some((0, What::Revoke(revoked)));
                let deeds = [(0, What::Invite(which)), (who, What::Join(which))];
                for (who, what) in deeds.into_iter().chain(last) {
                    self.calm(20);
                    self.play(Step::Ask(who, what));
                }
                self.calm(20);
            }
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
        let ask = Ask { id: self.executions.len(), operation: operation.clone() };
        self.executions.push(0);
        client.asked = Some(ask.clone());
        client.settling = client.linked.client().unsettled().and(client.last.clone());
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
                    let ask = client.settling.clone().or(client.asked.clone()).expect("it asks");
                    let asked = self.asked.entry(*name.as_bytes()).or_default();
                    if asked.last() != Some(&ask) {
                        asked.push(ask);
                    }
                    self.askers.insert(*name.as_bytes(), client.device);
                    let used = self.first_used.entry(*name.as_bytes()).or_insert(self.starts);
                    seen::RESTARTED.held_if(*used < self.starts);
                    sent.push(space.as_bytes().to_vec());
                }
                ClientOutput::Answered { answer, .. } => {
                    let operation = client.asked.take().expect("it asked").operation;
                    let device = client.device;
                    self.judge_answer(device, &operation, &answer);
                    return self.wake_after(who, sent);
                }
                ClientOutput::Unanswered(_) => client.asked = None,
                ClientOutput::Progress(Progress::Settled { operation, answer }) => {
                    let settled = client.settling.take().map(|ask| ask.operation);
                    assert_eq!(settled.as_ref(), Some(&operation));
                    let device = client.device;
                    self.judge_answer(device, &operation, &answer);
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
    fn judge_answer(&self, device: DeviceId, operation: &Operation, answer: &Answer) {
        if *answer == Answer::Revoked {
            seen::REVOKED.held();
            assert!(self.roles.revoked.contains(&device), "{device:?} is revoked by nobody");
            return;
        }
        seen::ANSWERED.held_if(self.is_set_up);
        let is_executed = self.executed.iter().any(|(name, executed)| {
            let asked = self.asked.get(name).into_iter().flatten();
            let is_of_device = asked.into_iter().any(|ask| ask.operation == *operation);
            is_of_device
                && executed
                    .outcomes
                    .values()
                    .any(|(done, outcome)| done == operation && Answer::from(outcome) == *answer)
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
            let (by, operation, client) = match record {
                Record::AnsweredTo { by, operation, client, .. } => (by, operation, client),
                Record::Answered { .. } => panic!("nobody asks plainly: {record:?}"),
                other => {
                    self.roles.learn(other);
                    continue;
                }
            };
            if matches!(client.outcome, Outcome::ClockSkew { .. }) {
                panic!("a sealed client is punctual: {record:?}");
            }
            let name: ClientId = client.client;
            assert_eq!(self.askers.get(name.as_bytes()), Some(by), "by another device: {record:?}");
            self.roles.judge(*by, operation, &client.outcome);
            self.roles.learn(record);
            let place = usize::try_from(client.number.get()).expect("few") - 1;
            let asked = self.asked.get(name.as_bytes()).and_then(|asked| asked.get(place));
            let ask = asked.filter(|ask| ask.operation == *operation);
            let ask = ask.unwrap_or_else(|| panic!("nobody asked for {record:?}"));
            self.executions[ask.id] += 1;
            assert_eq!(self.executions[ask.id], 1, "again, by another name: {record:?}");
            let executed = self.executed.entry(*name.as_bytes()).or_default();
            let done = (operation.clone(), client.outcome.clone());
            let before = executed.outcomes.insert(client.number.get(), done);
            assert!(before.is_none(), "twice: {record:?}");
            seen::EXECUTED.held_if(self.is_set_up);
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
                if let Some((_, _, client)) = record.answered()
                    && let Some(executed) = self.executed.get_mut(client.client.as_bytes())
                {
                    executed.outcomes.remove(&client.number.get());
                    let place = usize::try_from(client.number.get()).expect("few") - 1;
                    self.executions[self.asked[client.client.as_bytes()][place].id] -= 1;
                }
            }
        }
        let mut server: Server<Way<u8>> = Server::new(self.starts.into());
        self.roles = Roles::default();
        for batch in &self.durable {
            for record in &batch.records {
                self.roles.learn(record);
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

    /// What comes next on a good day, if anybody waits or anything is under way.
    pub(crate) fn next_step(&self) -> Option<Step> {
        if !self.under_way.is_empty() {
            Some(Step::Arrive(0))
        } else if !self.jobs.is_empty() {
            Some(Step::Shake)
        } else if self.committing.is_some() {
            Some(Step::Commit)
        } else {
            self.clients.iter().any(|client| client.asked.is_some()).then_some(Step::Wait(5))
        }
    }

    /// Everything arrives from now on, and whoever waits is answered.
    pub(crate) fn heal(&mut self) {
        let waits = |world: &Self| world.clients.iter().any(|client| client.asked.is_some());
        seen::WAITED.held_if(waits(self));
        let end = self.millis + ANSWERED_WITHIN_MILLIS;
        for _ in 0..HEALING_STEPS_MAX {
            let Some(step) = self.next_step().filter(|_| self.millis < end) else { break };
            self.play(step);
        }
        assert!(!waits(self), "somebody still waits when everything has arrived for long");
        assert_eq!(self.under_way.len(), 0, "they never end");
    }

    fn counted_repeats(&self) -> u64 {
        self.endpoint.server().stats().get(Counter::Repeated)
    }

    /// How many operations this start of the server has executed or refused.
    fn executions(&self) -> u64 {
        use Counter::{Acted, AlreadyClosed, AlreadyOpen, AlreadyPresent, ClockAhead};
        use Counter::{Closed, Joined, Marked, Opened};
        let done = [
            Opened,
            AlreadyOpen,
            Closed,
            AlreadyClosed,
            Marked,
            AlreadyPresent,
            Joined,
            Acted,
            ClockAhead,
        ];
        let counters = done.into_iter().chain(Refusal::ALL.map(Counter::from));
        counters.map(|it| self.endpoint.server().stats().get(it)).sum()
    }
}

impl Roles {
    /// Why this device may not do that, if it may not.
    fn refuses(&self, by: DeviceId, operation: &Operation) -> Option<Refusal> {
        let is = |so: bool, reason| so.then_some(reason);
        match *operation {
            Operation::Open { class, .. } | Operation::Close { class } => {
                let owner = self.owners.get(&class);
                let is_others = owner.is_some() && owner != self.names.get(&by);
                is(!self.teachers.contains(&by), Refusal::NotATeacher)
                    .or(is(is_others, Refusal::NotYourClass))
            }
            Operation::Mark { .. } => None,
            Operation::Join { code } => {
                let Some((guest, user)) = self.invites.get(&code.id()) else {
                    return Some(Refusal::InviteUnknown);
                };
                let Guest::Staff { name, .. } = guest else { panic!("no students are invited") };
                let is_others = self.names.get(&by).is_some_and(|own| own != name);
                match user {
                    Some(user) => is(*user != by, Refusal::InviteUsed),
                    None => is(is_others, Refusal::OtherPerson),
                }
            }
            Operation::Act(act) => {
                let is_known = |device| self.names.contains_key(device);
                is(!self.admins.contains(&by), Refusal::NotAnAdmin).or(match act {
                    Act::Invite { ref invite, .. } => {
                        is(self.invites.contains_key(invite), Refusal::NoRoom)
                    }
                    Act::Revoke { ref device } => is(!is_known(device), Refusal::UnknownDevice),
                    other => panic!("nobody asks for {other:?}"),
                })
            }
            ref other => panic!("nobody asks for {other:?}"),
        }
    }

    /// What was executed may be, and what was refused may not.
    fn judge(&self, by: DeviceId, operation: &Operation, outcome: &Outcome) {
        assert!(!self.revoked.contains(&by), "{by:?} is revoked: {operation:?}");
        let reason = self.refuses(by, operation);
        seen::NO_TEACHER.held_if(reason == Some(Refusal::NotATeacher));
        seen::NO_ADMIN.held_if(reason == Some(Refusal::NotAnAdmin));
        seen::OTHERS_CLASS.held_if(reason == Some(Refusal::NotYourClass));
        seen::USED.held_if(reason == Some(Refusal::InviteUsed));
        let told = match outcome {
            // What the register says of a class that was never opened, or is not open.
            Outcome::Refused(refused) if refused.reason == Refusal::NeverOpened => None,
            Outcome::MarkRefused(refused) if refused.reason == Refusal::NotOpen => None,
            Outcome::Refused(refused) | Outcome::MarkRefused(refused) => Some(refused.reason),
            _ => None,
        };
        assert_eq!(told, reason, "{by:?} asked for {operation:?}, which led to {outcome:?}");
    }

    /// A record is in the journal, or about to be.
    fn learn(&mut self, record: &Record) {
        let (by, operation, outcome) = match record {
            Record::AdminInvited { invite, name, .. } => {
                let guest = Guest::Staff { role: Role::Admin, name: *name };
                self.invites.insert(*invite, (guest, None));
                return;
            }
            Record::AnsweredTo { by, operation, client, .. } => (*by, operation, &client.outcome),
            _ => return,
        };
        match (operation, outcome) {
            (&Operation::Open { class, .. }, Outcome::Opened { .. }) => {
                self.owners.entry(class).or_insert(self.names[&by]);
            }
            (Operation::Join { .. }, Outcome::Joined { invite, joined }) => {
                let Joined { guest, .. } = **joined;
                let Guest::Staff { role, name } = guest else { panic!("no students are invited") };
                seen::JOINED.held_if(!FIRST_INVITES.iter().any(|it| it.id() == *invite));
                assert_eq!(self.invites[invite].0, guest, "as whom it was invited");
                self.invites.insert(*invite, (guest, Some(by)));
                self.names.insert(by, name);
                match role {
                    Role::Admin => self.admins.insert(by),
                    Role::Teacher => self.teachers.insert(by),
                };
            }
            (&Operation::Act(Act::Invite { invite, guest }), Outcome::Acted(_)) => {
                self.invites.insert(invite, (guest, None));
            }
            (&Operation::Act(Act::Revoke { device }), Outcome::Acted(_)) => {
                self.revoked.insert(device);
            }
            _ => {}
        }
    }
}

fn endpoint(key: &SecretKey, server: Server<Way<u8>>, seed: u8) -> Endpoint<u8> {
    Endpoint::new(server, key.public(), PlainPolicy::Refuse, [seed; 32], Instant::ZERO)
}
