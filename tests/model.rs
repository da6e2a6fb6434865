//! Every course of events in a small world: two students, one teacher, one class.
//!
//! The real cores of server and client are explored exhaustively, whatever the network, the disk
//! and a crash do to them. How the world is made small without leaving anything out:
//!
//! * **The network** keeps every datagram that was ever sent and may deliver it at any time, any
//!   number of times, or never: loss, duplication, reordering and delay in one. A sending that
//!   differs from an earlier one only in its attempt number adds nothing to it.
//! * **The disk** takes batches when the server's loop turns, and makes them durable one by one at
//!   any later time. A **crash** loses what is not durable, with all replies that waited for it.
//! * **Time** is abstract. A timeout may come at any moment; the client is then told the time it
//!   had asked for. The date moves by a millisecond with each batch, so that an operation that is
//!   executed twice gives two different answers. A **night** moves all clocks by 31 minutes,
//!   more than the server's window and its patience with silent clients, and keeps every datagram:
//!   the specification's assumption about the age of datagrams is not even used.
//!
//! Two worlds are taken as the same (and only one of them is explored further) if everything that
//! can be seen of them is: what the server has on disk, remembers, holds back and would append; what
//! each client would send next; what is in the network. Hidden are only the values of jitter and
//! waits, and with them the value of ids not drawn yet: no step depends on which one they are. The
//! server is cloned; the client has randomness that cannot be, and is made again from what happened
//! to it.
//!
//! The bound is the script of each person. `MODEL_BOUND=large` doubles the scripts, which takes
//! minutes; what is left out in the small one is only a third request of one client, which for the
//! judge of duplicates is the second again: it knows "next", "same" and "lower".

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, VecDeque};
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use rollcall::client::{self, Client};
use rollcall::ids::{ClassId, ClientId, RequestNumber, StudentNumber};
use rollcall::operation::{Operation, Outcome};
use rollcall::record::{Batch, Record, SnapshotItem};
use rollcall::roll::{Mark, RegisterItem, Sheet};
use rollcall::server::{self, Server};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::{Answer, Datagram, decode_reply, decode_request};
use stateright::{Checker, Model, Property};

const START_MILLIS: u64 = 1_795_353_480_000;
const NIGHT: Duration = Duration::from_secs(31 * 60);
const DEADLINE: Duration = Duration::from_secs(30);
const TEACHER: usize = 0;

// The world and its bounds.

/// What is explored: who does what, and what may go wrong.
#[derive(Clone)]
struct SmallWorld {
    /// What each person wants, one after the other; the first is the teacher.
    scripts: Vec<Vec<Operation>>,
    /// How far each person's clock is ahead.
    clocks_ahead: Vec<Duration>,
    crashes: u8,
    nights: u8,
    /// How often anybody loses patience before an answer came.
    give_ups: u8,
    /// Whether the date moves with each batch.
    date_moves: bool,
    /// Whether the server's loop may take several datagrams before it turns.
    lazy_turns: bool,
}

/// One moment of one course of events.
#[derive(Clone)]
struct World {
    server: Server<usize>,
    /// Whether something happened since the server's loop last turned.
    turn_due: bool,
    /// Appended, not durable yet.
    pending: VecDeque<Batch>,
    disk: Disk,
    people: Vec<Person>,
    /// Every request ever sent, by whom.
    requests: BTreeSet<(usize, Bytes)>,
    /// Every answer ever sent, to whom.
    answers: BTreeSet<(usize, Bytes)>,
    /// What the server has executed, the durable part first.
    executed: Vec<Execution>,
    /// Moves the date.
    batches: u64,
    crashes: u8,
    nights: u8,
    give_ups: u8,
    crash_lost_something: bool,
    broken: Option<Law>,
    /// Of the server and of the disk, kept because most steps do not touch them.
    server_seen: u64,
}

/// A datagram; of requests without the attempt number.
type Bytes = Arc<[u8]>;

/// What is durable.
#[derive(Clone)]
struct Disk {
    /// The server that a restart would make.
    server: Server<usize>,
    sheets: Vec<Sheet>,
    executed: usize,
}

/// One thing that a person wanted was done or refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Execution {
    who: usize,
    step: usize,
}

/// A person with a client.
#[derive(Clone)]
struct Person {
    /// Makes the client, together with its history: its core has no other input.
    seed: u8,
    history: Vec<Event>,
    now: Now,
    deadline: Instant,
    /// What of the script comes next, or is under way.
    step: usize,
    /// The step that was given up and is not settled yet.
    unsettled: Option<usize>,
    /// Each request that was sent, and for which step.
    sent: Vec<(ClientId, RequestNumber, usize)>,
    answered: usize,
    forsaken: bool,
    /// What can be seen of the client, kept because it takes going through its history.
    idle: bool,
    wakes: Instant,
    words: String,
}

#[derive(Clone)]
struct Event {
    now: Now,
    what: What,
}

#[derive(Clone)]
enum What {
    Perform(Operation),
    Timeout,
    Datagram(Bytes),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Law {
    OneOutcome,
    Acknowledged,
    NoLateEffect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Perform(usize),
    Timeout(usize),
    GiveUp(usize),
    ToServer(usize),
    ToClient(usize),
    Turn,
    Commit,
    Crash,
    Night,
}

// The steps.

impl Model for SmallWorld {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let person = |who| {
            let mut person = Person::new(
                u8::try_from(who).expect("few people"),
                Now { instant: Instant::ZERO, wall: self.date(who, 0) },
            );
            let (client, _) = person.client();
            person.look(client, &self.scripts[who]);
            person
        };
        let server = Server::new(1);
        let disk = Disk { server: Server::new(2), sheets: Vec::new(), executed: 0 };
        let mut world = World {
            server,
            turn_due: false,
            pending: VecDeque::new(),
            disk,
            people: (0..self.scripts.len()).map(person).collect(),
            requests: BTreeSet::new(),
            answers: BTreeSet::new(),
            executed: Vec::new(),
            batches: 0,
            crashes: 0,
            nights: 0,
            give_ups: 0,
            crash_lost_something: false,
            broken: None,
            server_seen: 0,
        };
        world.look_at_server();
        vec![world]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (who, person) in world.people.iter().enumerate() {
            if person.idle {
                if person.step < self.scripts[who].len() {
                    steps.push(Step::Perform(who));
                }
            } else {
                steps.push(Step::Timeout(who));
                if world.give_ups < self.give_ups {
                    steps.push(Step::GiveUp(who));
                }
            }
        }
        steps.extend((0..world.requests.len()).map(Step::ToServer));
        // A client with nothing under way looks at no datagram.
        let awaited = |it: &(usize, &(usize, Bytes))| !world.people[it.1.0].idle;
        let answers = world.answers.iter().enumerate().filter(awaited);
        steps.extend(answers.map(|(which, _)| Step::ToClient(which)));
        if world.turn_due {
            steps.push(Step::Turn);
        }
        if !world.pending.is_empty() {
            steps.push(Step::Commit);
        }
        if world.crashes < self.crashes {
            steps.push(Step::Crash);
        }
        if world.nights < self.nights {
            steps.push(Step::Night);
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::Perform(who) => {
                let operation = self.scripts[who][world.people[who].step];
                let person = &mut world.people[who];
                person.deadline = person.now.instant.after(DEADLINE);
                self.tell(&mut world, who, What::Perform(operation));
            }
            Step::Timeout(who) => {
                let person = &mut world.people[who];
                person.now.instant = person.now.instant.max(person.wakes);
                self.tell(&mut world, who, What::Timeout);
            }
            Step::GiveUp(who) => {
                world.give_ups += 1;
                let person = &mut world.people[who];
                person.now.instant = person.now.instant.max(person.deadline);
                self.tell(&mut world, who, What::Timeout);
            }
            Step::ToClient(which) => {
                let (who, datagram) = world.answers.iter().nth(which)?.clone();
                self.tell(&mut world, who, What::Datagram(datagram));
            }
            Step::ToServer(which) => {
                let (who, datagram) = world.requests.iter().nth(which)?.clone();
                let now = self.servers_now(&world);
                world.server.handle_datagram(now, who, &datagram);
                world.turn_due = true;
                if !self.lazy_turns {
                    world.turn();
                }
                world.look_at_server();
            }
            Step::Turn => {
                world.turn();
                world.look_at_server();
            }
            Step::Commit => {
                world.commit();
                world.look_at_server();
            }
            Step::Crash => {
                world.crash();
                world.look_at_server();
            }
            Step::Night => self.pass_a_night(&mut world),
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("one request, one outcome", |_, world: &World| {
                world.broken != Some(Law::OneOutcome)
            }),
            Property::always("acknowledged means on the sheet", |_, world: &World| {
                world.broken != Some(Law::Acknowledged)
            }),
            Property::always("no late duplicate has an effect", |_, world: &World| {
                world.broken != Some(Law::NoLateEffect)
            }),
            Property::sometimes("everything can finish", |model: &Self, world: &World| {
                let all = |(person, script): (&Person, &Vec<_>)| person.answered == script.len();
                let complete = |sheet: &Sheet| sheet.marks.len() == model.scripts.len() - 1;
                world.people.iter().zip(&model.scripts).all(all)
                    && world.disk.sheets.iter().any(complete)
            }),
            Property::sometimes("a late duplicate is turned away", |_, world: &World| {
                let stale = |(_, bytes): &(usize, Bytes)| matches!(answer(bytes).2, Answer::Stale);
                world.answers.iter().any(stale)
            }),
        ];
        if self.crashes > 0 {
            properties.push(Property::sometimes("a crash loses something", |_, world: &World| {
                world.crash_lost_something
            }));
        }
        if self.nights > 0 {
            properties.push(Property::sometimes(
                "an operation is given up for good",
                |_, world: &World| world.people.iter().any(|person| person.forsaken),
            ));
        }
        properties
    }
}

impl SmallWorld {
    /// What the clock of a person shows.
    fn date(&self, who: usize, nights: u8) -> WallTime {
        let millis = (self.clocks_ahead[who] + NIGHT * nights.into()).as_millis();
        WallTime::from_millis(START_MILLIS + u64::try_from(millis).expect("a few nights"))
    }

    fn servers_now(&self, world: &World) -> Now {
        let nights = NIGHT * world.nights.into();
        let millis = u64::try_from(nights.as_millis()).expect("a few nights");
        let millis = millis + if self.date_moves { world.batches } else { 0 };
        Now {
            instant: Instant::ZERO.after(nights),
            wall: WallTime::from_millis(START_MILLIS + millis),
        }
    }

    /// Something happens to a person's client.
    fn tell(&self, world: &mut World, who: usize, what: What) {
        let World { people, requests, .. } = world;
        let person = &mut people[who];
        let now = person.now;
        person.history.push(Event { now, what });
        let (client, outputs) = person.client();
        let ignored = outputs.is_empty();
        for output in outputs {
            person.take(output, &client, who, requests);
        }
        let before = std::mem::take(&mut person.words);
        person.look(client, &self.scripts[who]);
        if ignored && person.words == before {
            // What changes nothing need not be gone through again.
            person.history.pop();
        }
    }

    fn pass_a_night(&self, world: &mut World) {
        world.nights += 1;
        for (who, person) in world.people.iter_mut().enumerate() {
            person.now.instant = person.now.instant.after(NIGHT);
            person.now.wall = self.date(who, world.nights);
            let (client, _) = person.client();
            person.look(client, &self.scripts[who]);
        }
        let now = self.servers_now(world);
        world.server.handle_timeout(now);
        world.turn_due = true;
        world.look_at_server();
    }
}

impl World {
    /// The server's loop turns: batches go to the disk, what may leave leaves.
    fn turn(&mut self) {
        self.turn_due = false;
        let mut space = Datagram::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                server::Output::Append(batch) => self.append(batch),
                server::Output::Transmit { to } => self.send(to, space.as_bytes()),
                server::Output::Load(_) => unreachable!("nobody asks for blocks"),
            }
        }
    }

    fn append(&mut self, batch: Batch) {
        self.batches += 1;
        for record in &batch.records {
            let Record::Answered { client, .. } = record else { continue };
            if matches!(client.outcome, Outcome::ClockSkew { .. }) {
                continue;
            }
            let (who, step) = self.whose(client.client, client.number);
            // A person's operations take effect in the order in which they were meant, each once:
            // an earlier one after a later one, or the same again, is a duplicate that had an
            // effect.
            if self.executed.iter().any(|it| it.who == who && it.step >= step) {
                self.broken = Some(Law::NoLateEffect);
            }
            self.executed.push(Execution { who, step });
            // Who was told that it was not executed and will not be has asked again.
            let told = |(_, bytes): &(usize, Bytes)| {
                let (told, number, answer) = answer(bytes);
                (told, number) == (client.client, client.number)
                    && matches!(answer, Answer::BeginAgain | Answer::ClockSkew { .. })
            };
            if self.answers.iter().any(told) {
                self.broken = Some(Law::NoLateEffect);
            }
        }
        self.pending.push_back(batch);
    }

    /// The oldest batch that waits becomes durable; the loop turns, because it hears of it.
    fn commit(&mut self) {
        let batch = self.pending.pop_front().expect("only asked while something waits");
        for record in batch.records {
            let executed = matches!(&record, Record::Answered { client, .. }
                if !matches!(client.outcome, Outcome::ClockSkew { .. }));
            self.disk.executed += usize::from(executed);
            self.disk.server.replay(record).expect("what was appended can be replayed");
        }
        self.disk.server.resume_after(batch.number);
        self.disk.sheets.extend(batch.sheets.into_iter().map(|(_, sheet)| sheet));
        self.server.handle_durable(batch.number);
        self.turn();
        self.check_acknowledged();
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.crash_lost_something |= self.executed.len() > self.disk.executed;
        self.executed.truncate(self.disk.executed);
        self.pending.clear();
        self.server = self.disk.server.clone();
        self.turn_due = false;
        self.check_acknowledged();
    }

    fn send(&mut self, to: usize, datagram: &[u8]) {
        let (client, number, said) = answer(datagram);
        if is_outcome(&said) {
            let other = |(_, bytes): &(usize, Bytes)| {
                let (told, which, before) = answer(bytes);
                (told, which) == (client, number) && is_outcome(&before) && before != said
            };
            if self.answers.iter().any(other) {
                self.broken = Some(Law::OneOutcome);
            }
        }
        if self.answers.insert((to, datagram.into())) {
            self.check_acknowledged();
        }
    }

    /// Whoever holds a receipt is on disk, with its time; and nobody is on one sheet twice.
    fn check_acknowledged(&mut self) {
        let open: Vec<Mark> = self.disk.server.snapshot().filter_map(mark_of).collect();
        let mut lists = self.disk.sheets.iter().map(|sheet| &sheet.marks).chain([&open]);
        let twice = |marks: &Vec<Mark>| {
            let students: BTreeSet<_> = marks.iter().map(|mark| mark.student).collect();
            students.len() != marks.len()
        };
        let recorded = |who: usize, at: WallTime| {
            let mark = Mark { student: student(who), at };
            open.contains(&mark) || self.disk.sheets.iter().any(|it| it.marks.contains(&mark))
        };
        let receipts_hold = self.answers.iter().all(|(who, bytes)| match answer(bytes).2 {
            Answer::Marked { at, .. } => recorded(*who, at),
            Answer::Closed { sheet, .. } => {
                self.disk.sheets.iter().any(|kept| kept.info() == sheet)
            }
            _ => true,
        });
        if !receipts_hold || lists.any(twice) {
            self.broken = Some(Law::Acknowledged);
        }
    }

    /// Who asked this, and for which step of the script.
    fn whose(&self, client: ClientId, number: RequestNumber) -> (usize, usize) {
        let mut all = self.people.iter().enumerate();
        all.find_map(|(who, person)| {
            let same = |it: &&(ClientId, RequestNumber, usize)| (it.0, it.1) == (client, number);
            person.sent.iter().find(same).map(|it| (who, it.2))
        })
        .expect("only what was sent is executed")
    }

    /// What can be seen of the server and the disk: what it remembers, and, by going through it
    /// with a clone, what it would append and what it holds back until which commit.
    fn look_at_server(&mut self) {
        let mut hasher = DefaultHasher::new();
        see_state(&self.server, &mut hasher);
        see_state(&self.disk.server, &mut hasher);
        self.disk.sheets.len().hash(&mut hasher);
        for batch in &self.pending {
            format!("{:?}", batch.records).hash(&mut hasher);
        }
        let mut future = self.server.clone();
        let mut held = BTreeSet::new();
        let mut space = Datagram::new();
        let mut to_commit: VecDeque<u64> = self.pending.iter().map(|it| it.number).collect();
        for stage in 0.. {
            while let Some(output) = future.poll_output(&mut space) {
                match output {
                    server::Output::Append(batch) => {
                        to_commit.push_back(batch.number);
                        format!("{:?}", batch.records).hash(&mut hasher);
                    }
                    server::Output::Transmit { to } => {
                        let reply: (usize, Bytes) = (to, space.as_bytes().into());
                        // What is in the network already changes nothing when it is sent again.
                        if !self.answers.contains(&reply) && held.insert(reply.clone()) {
                            (stage, reply).hash(&mut hasher);
                        }
                    }
                    server::Output::Load(_) => unreachable!("nobody asks for blocks"),
                }
            }
            let Some(batch) = to_commit.pop_front() else { break };
            future.handle_durable(batch);
        }
        self.turn_due.hash(&mut hasher);
        self.server_seen = hasher.finish();
    }
}

/// The snapshot without the latest time: the clock of this world never goes back, so no later step
/// depends on it.
fn see_state(server: &Server<usize>, hasher: &mut DefaultHasher) {
    for item in server.snapshot().filter(|item| !matches!(item, SnapshotItem::Latest(_))) {
        postcard::to_stdvec(&item).expect("written").hash(hasher);
    }
}

fn mark_of(item: SnapshotItem) -> Option<Mark> {
    match item {
        SnapshotItem::Register(RegisterItem::Mark { mark, .. }) => Some(mark),
        _ => None,
    }
}

impl Person {
    fn new(seed: u8, now: Now) -> Self {
        Self {
            seed,
            history: Vec::new(),
            now,
            deadline: Instant::ZERO,
            step: 0,
            unsettled: None,
            sent: Vec::new(),
            answered: 0,
            forsaken: false,
            idle: true,
            wakes: Instant::ZERO,
            words: String::new(),
        }
    }

    /// The client after all that happened to it, and what it put out at the last event.
    fn client(&self) -> (Client, Vec<(client::Output, Option<Bytes>)>) {
        let mut client = Client::new([self.seed; 32]);
        let mut outputs = Vec::new();
        for event in &self.history {
            outputs = step_client(&mut client, event);
        }
        (client, outputs)
    }

    fn take(
        &mut self,
        output: (client::Output, Option<Bytes>),
        client: &Client,
        who: usize,
        requests: &mut BTreeSet<(usize, Bytes)>,
    ) {
        match output {
            (client::Output::Transmit, Some(datagram)) => {
                let request = decode_request(&datagram).expect("a request").request;
                let known =
                    self.sent.iter().any(|it| (it.0, it.1) == (request.client, request.number));
                if !known {
                    let step = self.unsettled.unwrap_or(self.step);
                    self.sent.push((request.client, request.number, step));
                }
                requests.insert((who, datagram));
            }
            (client::Output::Settled { .. }, _) => self.unsettled = None,
            (client::Output::Forsaken { .. }, _) => {
                self.unsettled = None;
                self.forsaken = true;
            }
            (client::Output::Answered { .. }, _) => {
                self.step += 1;
                self.answered += 1;
            }
            (client::Output::Unanswered(_), _) => {
                if client.unsettled().is_some() {
                    self.unsettled.get_or_insert(self.step);
                }
                self.step += 1;
            }
            _ => {}
        }
    }

    /// Notes what can be seen: what is under way or would come next, and as whom. The client is
    /// used up by it: it goes one step into its future.
    ///
    /// An id that was drawn and never sent is nobody's yet, so it has no name here.
    fn look(&mut self, mut client: Client, script: &[Operation]) {
        self.idle = client.is_idle();
        self.wakes = client.poll_timeout().unwrap_or(self.now.instant);
        let mut words = format!("{:?} {:?}", self.idle, client.unsettled());
        let mut outputs = Vec::new();
        if let Some(&operation) = script.get(self.step).filter(|_| self.idle) {
            let event = Event { now: self.now, what: What::Perform(operation) };
            outputs = step_client(&mut client, &event);
        }
        if let Some(at) = client.poll_timeout() {
            let now = Now { instant: self.now.instant.max(at), ..self.now };
            outputs.extend(step_client(&mut client, &Event { now, what: What::Timeout }));
        }
        for (output, datagram) in outputs {
            let Some(datagram) = datagram else {
                // The values of waits are left out.
                if !matches!(output, client::Output::Retrying { .. }) {
                    write!(words, "; {output:?}").expect("written");
                }
                continue;
            };
            let request = decode_request(&datagram).expect("a request").request;
            let named = self.sent.iter().any(|it| it.0 == request.client);
            let name = named.then_some(request.client);
            write!(words, "; {name:?} {} {:?}", request.number.get(), request.ask)
                .expect("written");
        }
        self.words = words;
    }
}

fn step_client(client: &mut Client, event: &Event) -> Vec<(client::Output, Option<Bytes>)> {
    match &event.what {
        What::Perform(operation) => client.perform(event.now, *operation, DEADLINE),
        What::Timeout => client.handle_timeout(event.now),
        What::Datagram(bytes) => client.handle_datagram(event.now, bytes),
    }
    let mut outputs = Vec::new();
    let mut space = Datagram::new();
    while let Some(output) = client.poll_output(&mut space) {
        let datagram = (output == client::Output::Transmit).then(|| first_sending(&space));
        outputs.push((output, datagram));
    }
    outputs
}

/// The datagram as it was when it was sent for the first time.
fn first_sending(space: &Datagram) -> Bytes {
    let request = decode_request(space.as_bytes()).expect("a client sends requests").request;
    let mut first = Datagram::new();
    rollcall::wire::encode_request(&rollcall::wire::Request { attempt: 1, ..request }, &mut first);
    first.as_bytes().into()
}

fn answer(bytes: &[u8]) -> (ClientId, RequestNumber, Answer) {
    let reply = decode_reply(bytes).expect("a server sends replies");
    (reply.client, reply.number, reply.answer)
}

fn is_outcome(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Opened { .. }
            | Answer::Closed { .. }
            | Answer::Marked { .. }
            | Answer::MarkRefused { .. }
            | Answer::Refused { .. }
    )
}

// What makes two worlds the same.

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.server_seen.hash(hasher);
        for person in &self.people {
            (person.step, person.unsettled, person.answered, &person.words).hash(hasher);
        }
        self.requests.hash(hasher);
        self.answers.hash(hasher);
        self.executed.hash(hasher);
        (self.batches, self.crashes, self.nights, self.give_ups).hash(hasher);
        (self.crash_lost_something, self.broken.map(|law| law as u8)).hash(hasher);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let hash = |world: &Self| {
            let mut hasher = DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        hash(self) == hash(other)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, bytes) in &self.requests {
            writeln!(f, "  {:?}", decode_request(bytes).map(|it| it.request))?;
        }
        for (_, bytes) in &self.answers {
            writeln!(f, "  {:?}", decode_reply(bytes))?;
        }
        writeln!(f, "  executed {}, broken {:?}", self.executed.len(), self.broken)
    }
}

// The worlds.

fn class() -> ClassId {
    ClassId::new(1).expect("not zero")
}

fn student(who: usize) -> StudentNumber {
    format!("{who}0").parse().expect("a student number")
}

fn mark(who: usize) -> Operation {
    Operation::Mark { class: class(), student: student(who) }
}

fn open() -> Operation {
    Operation::Open { class: class() }
}

fn close() -> Operation {
    Operation::Close { class: class() }
}

fn is_large() -> bool {
    std::env::var("MODEL_BOUND").is_ok_and(|bound| bound == "large")
}

fn explore(name: &str, world: SmallWorld) {
    assert_eq!(TEACHER, 0);
    let mut checker = world.checker().threads(2);
    if let Ok(seconds) = std::env::var("MODEL_SECONDS") {
        checker = checker.timeout(Duration::from_secs(seconds.parse().expect("seconds")));
    }
    let checker = checker.spawn_bfs().join();
    println!(
        "{name}: {} states visited, {} of them different, up to {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    assert!(checker.is_done());
    checker.assert_properties();
}

fn small_world() -> SmallWorld {
    SmallWorld {
        scripts: vec![vec![open(), close()], vec![mark(1)], vec![mark(2)]],
        clocks_ahead: vec![Duration::ZERO; 3],
        crashes: 1,
        nights: 0,
        give_ups: u8::from(is_large()),
        date_moves: true,
        lazy_turns: false,
    }
}

#[test]
fn two_students_one_teacher_one_crash() {
    explore("one crash", small_world());
}

#[test]
fn one_student_and_a_teacher_who_loses_patience() {
    let mut world = SmallWorld { give_ups: 1, lazy_turns: is_large(), ..small_world() };
    world.scripts.truncate(2);
    explore("no patience", world);
}

#[test]
fn a_night_in_which_clients_are_forgotten() {
    let mut world =
        SmallWorld { crashes: u8::from(is_large()), nights: 1, give_ups: 1, ..small_world() };
    world.scripts.truncate(2);
    explore("one night", world);
}

#[test]
fn a_clock_that_is_ahead_by_as_much_as_a_night() {
    let mut world = SmallWorld {
        crashes: u8::from(is_large()),
        nights: 1,
        date_moves: is_large(),
        ..small_world()
    };
    world.scripts.truncate(2);
    world.clocks_ahead = vec![Duration::ZERO, NIGHT];
    explore("a clock ahead", world);
}
