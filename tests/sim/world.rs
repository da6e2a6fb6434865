//! The world of one run: a server, people with their clients, the network and the disk between
//! them, and one true time that nobody can read.
//!
//! Everything happens in the order of a queue, whose ties are broken by the order of arrival; all
//! dice are one generator. So a seed is a run. Phase one has faults. Then they heal, and phase two
//! demands that whoever waits is answered, that all is closed, and that all sheets can be fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::access::Terms;
use rollcall::blocks::{Download, Event as Fetched, PathState};
use rollcall::client::{Client, Output as Told, Progress, Unanswered};
use rollcall::exchange::{
    Answer, Ask, Closed, Operation, Pulled, Query, Request, SheetInfo, SheetList, StatusList,
    decode_reply, decode_request, encode_request,
};
use rollcall::ids::{ClassId, ClientId, ContentId, RequestNumber, RollCallNumber, StudentNumber};
use rollcall::record::{Batch, Record, SnapshotItem, SnapshotPart};
use rollcall::roll::{ClosedSheet, Sheet};
use rollcall::server::{Output, Server, SheetsQuestion};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;

use crate::auditor::Auditor;
use crate::disk::Disk;
use crate::linear::{Event, Finding, Heard, Question, judge};
use crate::network::Wire;
use crate::params::{Params, chance, pick};
use crate::seen;
use crate::witness::{Asked, Name, PlainSheet, Ticket, Witness, class_of};

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
/// Within so long after the healing, whoever waits is answered: an operation left open and the one
/// after it, each begun again at most three times, at most 0.75 s of waiting each time, the rest for
/// a server that starts.
pub(crate) const ANSWERED_WITHIN_MICROS: u64 = 30 * SECOND;
/// No run goes on for longer than this before its faults heal.
const PHASE_ONE_MAX: u64 = 12 * 60 * MINUTE;
/// The class of the meddler, whose history no person knows.
const MEDDLED_CLASS: u32 = 99;
/// The class of the crowd, and how many it is: a sheet of three blocks.
const CROWDED_CLASS: u32 = 98;
const CROWD: u64 = 70;
const EPOCH_MS: u64 = 1_790_000_000_000;

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) operations: u64,
    pub(crate) queries: u64,
    pub(crate) datagrams: u64,
    pub(crate) server_crashes: u64,
    pub(crate) client_crashes: u64,
    pub(crate) forgotten: u64,
    pub(crate) unknown: u64,
    pub(crate) histories: u64,
    pub(crate) undecided: u64,
    pub(crate) sheets: u64,
    pub(crate) slowest_after_healing_micros: u64,
}

/// Runs one seed under these parameters; a broken promise is told in words.
pub(crate) fn run(seed: u64, params: &Params, trace: bool) -> Result<Figures, String> {
    World::new(seed, params.clone(), trace).run()
}

/// How far a snapshot is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Snapshot {
    None,
    /// It begins with the next batch.
    Due,
    Begun,
}

enum Happening {
    ToServer { from: usize, life: u32, datagram: Vec<u8> },
    ToClient { person: usize, life: u32, datagram: Vec<u8> },
    ServerTurn { life: u32 },
    Committed { life: u32 },
    CommitFailed { life: u32 },
    SheetRead { life: u32, content: ContentId },
    SheetsListed { life: u32, question: SheetsQuestion },
    SnapshotKept { life: u32, part: SnapshotPart },
    ServerStarts,
    ClientTimer { person: usize, life: u32 },
    PersonActs { person: usize, life: u32 },
    Fault(Fault),
    Wakes { person: usize, life: u32, hidden: bool },
    Meddling,
}

#[derive(Clone, Copy)]
enum Fault {
    Partition,
    ServerCrash,
    ClientCrash,
    Snapshot,
    ClockJump,
    Sleep,
}

/// The two clocks of one computer.
struct Clock {
    /// True time at which the monotonic clock showed zero.
    zero: u64,
    /// The wall clock minus the true one.
    wrong_ms: i64,
}

impl Clock {
    fn now(&self, now: u64) -> Now {
        let wall = WallTime::from_millis(EPOCH_MS + now / 1_000).shifted(self.wrong_ms);
        Now { instant: Instant::from_micros(now - self.zero), wall }
    }
}

struct Person {
    client: Client,
    clock: Clock,
    life: u32,
    seed: u64,
    acts_left: u32,
    teacher: bool,
    /// Whether its clock may jump; otherwise its computer may sleep. Never both in one life: each
    /// of the client's clocks may be wrong alone.
    jumps: bool,
    asleep_since: Option<u64>,
    current: Option<Waiting>,
    earlier: Option<Waiting>,
    /// The sheet that is being fetched.
    download: Option<Download>,
    /// The blocks of it that came, and the server's life when it was begun.
    blocks: BTreeSet<u32>,
    begun_in: u32,
    /// What is known of the path to the server, between two sheets.
    path: Option<PathState>,
    /// What is fetched at the end.
    task: Task,
}

#[derive(Clone, Debug)]
struct Waiting {
    since: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Operation { ticket: Ticket, operation: Operation, event: usize, names: Vec<Name> },
    Query(Query),
    Sheet(SheetInfo),
}

impl What {
    /// Its ticket and its names so far, if it is this operation.
    fn fitting(&mut self, asked: &Operation) -> Option<(Ticket, &mut Vec<Name>)> {
        match self {
            Self::Operation { ticket, operation, names, .. } if operation == asked => {
                Some((*ticket, names))
            }
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Task {
    Routine,
    Close(Vec<ClassId>),
    Fetch(Vec<SheetInfo>),
    Done,
}

/// Where an answer goes: the datagram that it answers, and the address that this came from, which is
/// all that a server knows of it.
#[derive(Clone, Copy)]
struct From {
    arrival: usize,
    process: u32,
}

impl Hash for From {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.process.hash(state);
    }
}

/// A datagram that reached the server.
struct Arrival {
    person: usize,
    life: u32,
    bytes: Vec<u8>,
    /// Which datagram of the auditor's it is.
    place: usize,
}

struct World {
    params: Params,
    rng: StdRng,
    now: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    server: Option<Server<From>>,
    server_clock: Clock,
    server_life: u32,
    turn_planned: bool,
    inbox: Vec<usize>,
    arrivals: Vec<Arrival>,
    disk: Disk,
    to_server: Wire,
    to_client: Wire,
    people: Vec<Person>,
    /// Judges each answer of the server.
    auditor: Auditor,
    snapshot: Snapshot,
    /// Judges what is kept, and what people are told.
    witness: Witness,
    histories: BTreeMap<ClassId, Vec<Event>>,
    /// The request by which an event of a history was answered.
    answered_as: BTreeMap<(ClassId, usize), Asked>,
    infos: BTreeMap<ContentId, SheetInfo>,
    meddled: u64,
    healed_at: Option<u64>,
    last_reply: Vec<u8>,
    failure: Option<String>,
    trace: bool,
    figures: Figures,
}

macro_rules! trace {
    ($world:expr, $($words:tt)*) => {
        if $world.trace {
            let mut line = format!("{:>9} ms  ", $world.now / 1_000);
            let _ = write!(line, $($words)*);
            println!("{line}");
        }
    };
}

impl World {
    fn new(seed: u64, params: Params, trace: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let server_clock = Clock { zero: 0, wrong_ms: wrong(&mut rng, params.wrong_clocks) };
        let mut world = Self {
            to_server: Wire::new(params.to_server),
            to_client: Wire::new(params.to_client),
            params,
            rng,
            now: 0,
            order: 0,
            queue: BTreeMap::new(),
            server: Some(Server::new(1)),
            server_clock,
            server_life: 0,
            turn_planned: false,
            inbox: Vec::new(),
            arrivals: Vec::new(),
            disk: Disk::default(),
            people: Vec::new(),
            auditor: Auditor::new(),
            snapshot: Snapshot::None,
            witness: Witness::new(),
            histories: BTreeMap::new(),
            answered_as: BTreeMap::new(),
            infos: BTreeMap::new(),
            meddled: 0,
            healed_at: None,
            last_reply: Vec::new(),
            failure: None,
            trace,
            figures: Figures::default(),
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        for person in 0..self.params.teachers + self.params.students {
            let teacher = person < self.params.teachers;
            let cloned =
                self.params.clones && person + 1 == self.params.teachers + self.params.students;
            let seed = if cloned { self.people[person - 1].seed } else { self.rng.random() };
            let acts_left = self.params.acts;
            let person = self.new_person(seed, 0, teacher, acts_left);
            self.people.push(person);
            let pause = self.rng.random_range(0..5 * SECOND);
            let person = self.people.len() - 1;
            self.plan(pause, Happening::PersonActs { person, life: 0 });
        }
        for (fault, rate) in [
            (Fault::Partition, self.params.partitions),
            (Fault::ServerCrash, self.params.server_crashes),
            (Fault::ClientCrash, self.params.client_crashes),
            (Fault::Snapshot, self.params.snapshots),
            (Fault::ClockJump, self.params.clock_jumps),
            (Fault::Sleep, self.params.sleeps),
        ] {
            if rate > 0 {
                self.plan_fault(fault, rate);
            }
        }
        if self.params.meddler {
            self.plan(SECOND, Happening::Meddling);
        }
        if self.params.crowd {
            self.crowd();
        }
    }

    fn new_person(&mut self, seed: u64, life: u32, teacher: bool, acts_left: u32) -> Person {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let wrong_ms = wrong(&mut self.rng, self.params.wrong_clocks);
        Person {
            client: Client::new(bytes),
            clock: Clock { zero: self.now, wrong_ms },
            life,
            seed,
            acts_left,
            teacher,
            jumps: self.rng.random_bool(0.5),
            asleep_since: None,
            current: None,
            earlier: None,
            download: None,
            blocks: BTreeSet::new(),
            begun_in: 0,
            path: None,
            task: Task::Routine,
        }
    }

    fn plan(&mut self, after: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + after, self.order), happening);
    }

    /// Faults come after times that are spread evenly around what the rate says, and quickly at
    /// first, because most runs are short.
    fn plan_fault(&mut self, fault: Fault, rate: u32) {
        let mean = 3_600 * SECOND / u64::from(rate);
        let wait = self.rng.random_range(0..=2 * mean);
        let wait = if self.rng.random_bool(0.5) { wait / 20 } else { wait };
        self.plan(wait, Happening::Fault(fault));
    }

    fn run(mut self) -> Result<Figures, String> {
        while self.healed_at.is_none() {
            let idle = self.people.iter().all(|person| {
                person.acts_left == 0 && person.current.is_none() && person.asleep_since.is_none()
            });
            let healing = self.params.heals_after_s.is_some_and(|at| self.now > at * SECOND);
            if idle || healing || self.now > PHASE_ONE_MAX || !self.step()? {
                self.heal();
            }
        }
        let healed = self.healed_at.expect("just healed");
        // What is still on its way arrives before anything is closed for good.
        self.run_until(healed + 11 * MINUTE)?;
        self.settle_all(healed)?;
        self.close_all()?;
        self.fetch_all()?;
        self.witness.end();
        self.check()?;
        self.judge_histories()?;
        Ok(self.figures)
    }

    /// Lets the next thing happen; false if nothing is left.
    fn step(&mut self) -> Result<bool, String> {
        let Some(((at, _), happening)) = self.queue.pop_first() else { return Ok(false) };
        self.now = at;
        self.happen(happening);
        self.check()?;
        Ok(true)
    }

    fn run_until(&mut self, end: u64) -> Result<(), String> {
        while self.queue.first_key_value().is_some_and(|(&(at, _), _)| at <= end) {
            self.step()?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        if let Some(violation) = self.witness.violation() {
            return Err(violation.to_string());
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ToServer { from, life, datagram } => self.arrive(from, life, datagram),
            Happening::ToClient { person, life, datagram } => self.deliver(person, life, &datagram),
            Happening::ServerTurn { life } if life == self.server_life => self.turn(),
            Happening::Committed { life } if life == self.server_life => self.committed(),
            Happening::CommitFailed { life }
                if life == self.server_life && self.healed_at.is_none() =>
            {
                trace!(self, "the disk fails");
                self.crash_server();
            }
            Happening::SheetRead { life, content } if life == self.server_life => {
                let bytes = self.disk.sheet(content);
                if let Some(server) = &mut self.server {
                    server.handle_sheet(content, bytes);
                }
                self.drain_server();
            }
            Happening::SheetsListed { life, question } if life == self.server_life => {
                let sheets = self.disk.history(question);
                if let Some(server) = &mut self.server {
                    server.handle_sheets(question, sheets);
                }
                self.drain_server();
            }
            Happening::SnapshotKept { life, part } if life == self.server_life => {
                self.keep_snapshot(part);
            }
            Happening::ServerStarts => self.start_server(),
            Happening::ClientTimer { person, life } => self.client_timer(person, life),
            Happening::PersonActs { person, life } => self.act(person, life),
            Happening::Fault(fault) => self.fault(fault),
            Happening::Wakes { person, life, hidden } => self.wake(person, life, hidden),
            Happening::Meddling => self.meddle(),
            _ => {}
        }
    }

    // The server's computer.

    fn arrive(&mut self, person: usize, life: u32, bytes: Vec<u8>) {
        self.figures.datagrams += 1;
        if self.server.is_none() {
            if self.people[person].life == life && self.people[person].asleep_since.is_none() {
                self.people[person].client.handle_refused();
            }
            return;
        }
        self.notice_arrival(&bytes);
        self.inbox.push(self.arrivals.len());
        self.arrivals.push(Arrival { person, life, bytes, place: usize::MAX });
        if !self.turn_planned {
            self.turn_planned = true;
            let wait = self.rng.random_range(0..2_000);
            self.plan(wait, Happening::ServerTurn { life: self.server_life });
        }
    }

    fn notice_arrival(&mut self, bytes: &[u8]) {
        match decode_request(bytes) {
            Ok(received) => {
                let Request { client, number, ask, .. } = received.request;
                if let Ask::Perform { started, operation } = ask {
                    self.witness.arrived(Asked { name: (client, number), started, operation });
                }
            }
            Err(_) if decode_reply(bytes).is_ok() => seen::REFLECTED.held(),
            Err(_) => seen::DAMAGED.held(),
        }
    }

    fn turn(&mut self) {
        self.turn_planned = false;
        let now = self.server_clock.now(self.now);
        if !self.inbox.is_empty() {
            seen::CLOCK_BACK.held_if(now.wall < self.witness.latest());
            seen::WHILE_COMMITTING.held_if(!self.disk.is_quiet());
        }
        let Some(server) = &mut self.server else { return };
        let (micros, wall) = (now.instant.as_micros(), now.wall.as_millis());
        for arrival in self.inbox.drain(..) {
            let Arrival { person, life, ref bytes, ref mut place } = self.arrivals[arrival];
            let process = process(person, life);
            *place = self.auditor.datagram(process, micros, wall, bytes, false);
            server.handle_datagram(now, From { arrival, process }, bytes);
        }
        server.handle_timeout(now);
        let known: Vec<_> = server.snapshot().filter_map(client_of).collect();
        self.auditor.timeout(micros, wall, server.latest().as_millis(), &known);
        self.drain_server();
    }

    fn drain_server(&mut self) {
        let mut space = Datagram::new();
        while let Some(output) = self.server.as_mut().and_then(|it| it.poll_output(&mut space)) {
            match output {
                Output::Append(batch) => self.append(batch),
                Output::Snapshot(part) => {
                    // After what was appended before.
                    self.disk.busy_until =
                        self.disk.busy_until.max(self.now) + self.rng.random_range(50..20_000);
                    let wait = self.disk.busy_until - self.now;
                    self.plan(wait, Happening::SnapshotKept { life: self.server_life, part });
                }
                Output::Folder(order) => unreachable!("no files are offered: {order:?}"),
                Output::ListRows(question) => unreachable!("nobody asks for rows: {question:?}"),
                Output::ListSheets(question) => {
                    let wait = self.rng.random_range(100..20_000);
                    self.plan(wait, Happening::SheetsListed { life: self.server_life, question });
                }
                Output::Load(content) => {
                    let wait = self.rng.random_range(100..20_000);
                    self.plan(wait, Happening::SheetRead { life: self.server_life, content });
                }
                Output::Transmit { to } => self.transmit(to, space.as_bytes()),
            }
        }
    }

    fn append(&mut self, batch: Batch) {
        trace!(self, "server appends batch {} of {}", batch.number, batch.records.len());
        let sheets: Vec<_> = batch.sheets.iter().map(|it| it.bytes.to_vec()).collect();
        self.auditor.appended(batch.number, &sheets);
        self.begin_due_snapshot();
        self.disk.append(batch);
        let most = u64::try_from(self.params.commit.as_micros()).expect("short");
        let slow = chance(&mut self.rng, self.params.slow_commits);
        let takes = self.rng.random_range(50..=if slow { 5 * SECOND } else { most });
        self.disk.busy_until = self.disk.busy_until.max(self.now) + takes;
        let life = self.server_life;
        let fails = chance(&mut self.rng, self.params.failed_commits);
        let happening =
            if fails { Happening::CommitFailed { life } } else { Happening::Committed { life } };
        self.plan(self.disk.busy_until - self.now, happening);
    }

    fn committed(&mut self) {
        let Some(batch) = self.disk.commit().cloned() else { return };
        trace!(self, "batch {} is durable", batch.number);
        self.tell_durable(&batch);
        if let Some(server) = &mut self.server {
            server.handle_durable(batch.number);
        }
        self.drain_server();
    }

    fn tell_durable(&mut self, batch: &Batch) {
        self.auditor.durable(batch.number);
        for record in &batch.records {
            match record {
                // Who asked is in the name of the client already.
                Record::Answered { at, operation, client }
                | Record::AnsweredTo { at, operation, client, .. } => {
                    let name = (client.client, client.number);
                    // A record keeps a client's first `started`; what this request said is in the
                    // arrival, and the operation is what counts.
                    let asked =
                        Asked { name, started: client.started, operation: operation.clone() };
                    trace!(self, "  {:?} {:?} {:?}", asked.name, operation, client.outcome);
                    self.witness.durable_answered(*at, &asked, &client.outcome);
                }
                Record::Forgot { at, client } => {
                    trace!(self, "  {client:?} is forgotten");
                    self.figures.forgotten += 1;
                    self.witness.durable_forgot(*at, *client);
                }
                Record::TimeDisclosed { at } => trace!(self, "  {at} was told"),
                Record::ClockSet { at } => panic!("nobody sets the clock here: {at}"),
                Record::CodeDrawn { .. } | Record::AdminInvited { .. } | Record::Restored => {
                    panic!("nobody has a role here: {record:?}")
                }
                Record::ClosedAtDeadline { .. } | Record::Reopening(_) => {
                    panic!("no roll call has a plan here: {record:?}")
                }
            }
        }
        for &ClosedSheet { info, .. } in &batch.sheets {
            self.infos.insert(info.content, info);
        }
    }

    fn transmit(&mut self, From { arrival, .. }: From, reply: &[u8]) {
        let Arrival { person, life, place, .. } = self.arrivals[arrival];
        self.auditor.sent(place, reply);
        self.notice_reply(arrival, reply);
        if chance(&mut self.rng, 20) {
            self.last_reply = reply.to_vec();
        }
        for (delay, datagram) in self.to_client.carry(&mut self.rng, self.now, reply) {
            self.plan(delay, Happening::ToClient { person, life, datagram });
        }
    }

    /// What of an answer that was judged concerns the witness, and what it speaks of.
    fn notice_reply(&mut self, arrival: usize, bytes: &[u8]) {
        let Ok(received) = decode_request(&self.arrivals[arrival].bytes) else { return };
        let Ok(reply) = decode_reply(bytes) else { return };
        let Request { client, number, ask, .. } = received.request;
        trace!(self, "server answers {client:?} {}: {:?}", number.get(), reply.answer);
        match (ask, reply.answer) {
            (Ask::Perform { started, operation }, Answer::BeginAgain(_)) => {
                self.witness.disowned(Asked { name: (client, number), started, operation });
            }
            (Ask::Pull(pull), Answer::Pulled(Pulled { index, .. })) => {
                seen::MANY_BLOCKS.held_if(index > pull.first);
            }
            (Ask::Read(Query::Sheets { class, .. }), Answer::Sheets(SheetList { sheets, .. })) => {
                let is_open = self.witness.open_classes().contains(&class);
                seen::SHEET_NAMED_AGAIN.held_if(sheets.len() > 1);
                seen::SHEET_NAMED_OPEN.held_if(is_open && !sheets.is_empty());
            }
            _ => {}
        }
    }

    fn crash_server(&mut self) {
        if self.server.take().is_none() {
            return;
        }
        self.figures.server_crashes += 1;
        self.server_life += 1;
        self.turn_planned = false;
        self.inbox.clear();
        let pending = self.disk.pending();
        seen::SNAPSHOT_TORN.held_if(self.disk.has_parts());
        let kept = self.disk.tear(&mut self.rng);
        seen::TORN.held_if(kept.len() < pending);
        seen::KEPT.held_if(!kept.is_empty());
        trace!(self, "the server crashes; {} batches more are on disk", kept.len());
        for batch in &kept {
            self.tell_durable(batch);
        }
        self.auditor.crash();
        self.snapshot = Snapshot::None;
        let down = match self.healed_at {
            Some(_) => SECOND,
            None => *pick(&mut self.rng, &[1_000, SECOND, 10 * SECOND, 3 * MINUTE]),
        };
        self.plan(down, Happening::ServerStarts);
    }

    fn start_server(&mut self) {
        if self.server.is_some() {
            return;
        }
        let seed = u128::from(self.rng.random::<u64>());
        match self.disk.recover(seed) {
            Ok(server) => self.server = Some(server),
            Err(contradiction) => self.failure = Some(format!("recovery: {contradiction}")),
        }
        self.server_clock.zero = self.now;
        self.witness.started_again();
        seen::FROM_SNAPSHOT.held_if(self.disk.has_both());
        seen::CLOCK_BACK_AT_START
            .held_if(self.server_clock.now(self.now).wall < self.witness.latest());
        trace!(self, "the server starts; its clock shows {}", self.server_clock.now(self.now).wall);
    }

    // Faults.

    fn fault(&mut self, fault: Fault) {
        if self.healed_at.is_some() {
            return;
        }
        let rate = match fault {
            Fault::Partition => self.partition(),
            Fault::ServerCrash => {
                self.crash_server();
                self.params.server_crashes
            }
            Fault::ClientCrash => self.crash_client(),
            Fault::Snapshot => self.snapshot(),
            Fault::ClockJump => self.jump(),
            Fault::Sleep => self.sleep(),
        };
        self.plan_fault(fault, rate);
    }

    fn partition(&mut self) -> u32 {
        let until = self.now + self.rng.random_range(SECOND..3 * MINUTE);
        let directions = self.rng.random_range(1..=3);
        trace!(self, "partition {directions:02b} until {} s", until / SECOND);
        if directions & 1 > 0 {
            self.to_server.cut_until = until;
        }
        if directions & 2 > 0 {
            self.to_client.cut_until = until;
        }
        self.params.partitions
    }

    fn crash_client(&mut self) -> u32 {
        let person = self.rng.random_range(0..self.people.len());
        let Person { life, teacher, acts_left, .. } = self.people[person];
        trace!(self, "the client of person {person} crashes");
        self.figures.client_crashes += 1;
        self.witness.ended(process(person, life));
        let seed = self.rng.random();
        self.people[person] = self.new_person(seed, life + 1, teacher, acts_left);
        let pause = self.rng.random_range(0..10 * SECOND);
        self.plan(pause, Happening::PersonActs { person, life: life + 1 });
        self.params.client_crashes
    }

    /// A snapshot begins, in parts so small that much happens before it is whole.
    fn snapshot(&mut self) -> u32 {
        if let Some(server) = &mut self.server
            && self.snapshot == Snapshot::None
        {
            trace!(self, "a snapshot begins");
            server.limit_snapshot_parts(self.rng.random_range(1..=8));
            server.begin_snapshot();
            self.snapshot = Snapshot::Due;
            self.begin_due_snapshot();
        }
        self.drain_server();
        self.params.snapshots
    }

    /// A snapshot is of the state after a batch: what has happened since the last one is none yet.
    fn begin_due_snapshot(&mut self) {
        if self.snapshot == Snapshot::Due && self.auditor.snapshot_begins() {
            self.snapshot = Snapshot::Begun;
        }
    }

    fn keep_snapshot(&mut self, part: SnapshotPart) {
        trace!(self, "{} items of the snapshot of batch {}", part.items.len(), part.batch);
        seen::SNAPSHOT_BEHIND.held_if(part.is_last && part.batch < self.disk.last_batch());
        if part.is_last {
            self.snapshot = Snapshot::None;
            self.auditor.snapshot_is_kept();
        }
        self.disk.keep_snapshot(part);
        if let Some(server) = &mut self.server {
            server.handle_snapshot_kept();
        }
        self.drain_server();
    }

    fn jump(&mut self) -> u32 {
        let by = wrong(&mut self.rng, true);
        let jumpers: Vec<usize> =
            (0..self.people.len()).filter(|&person| self.people[person].jumps).collect();
        if jumpers.is_empty() || self.rng.random_bool(0.5) {
            self.server_clock.wrong_ms = by;
            trace!(self, "the server's clock is now wrong by {by} ms");
        } else {
            let person = *pick(&mut self.rng, &jumpers);
            self.people[person].clock.wrong_ms = by;
            trace!(self, "the clock of person {person} is now wrong by {by} ms");
        }
        self.params.clock_jumps
    }

    /// A computer sleeps: its monotonic clock stands still. If its client has nothing open, its
    /// wall clock may stand still too, as that of a suspended virtual machine does.
    fn sleep(&mut self) -> u32 {
        // A lid that is closed before the answer came is what the client's window is about.
        let waits = |person: &usize| {
            let it = &self.people[*person];
            !it.jumps && it.current.is_some()
        };
        let waiting: Vec<usize> = (0..self.people.len()).filter(waits).collect();
        let person = if waiting.is_empty() || self.rng.random_bool(0.3) {
            self.rng.random_range(0..self.people.len())
        } else {
            *pick(&mut self.rng, &waiting)
        };
        let it = &mut self.people[person];
        if !it.jumps && it.asleep_since.is_none() {
            it.asleep_since = Some(self.now);
            let open = it.current.is_some() || it.earlier.is_some();
            let hidden = !open && self.rng.random_bool(0.7);
            let wait = *pick(&mut self.rng, &[MINUTE, 14 * MINUTE, 40 * MINUTE, 90 * MINUTE]);
            let life = it.life;
            trace!(self, "person {person} sleeps for {} s, hidden: {hidden}", wait / SECOND);
            self.plan(wait, Happening::Wakes { person, life, hidden });
        }
        self.params.sleeps
    }

    fn wake(&mut self, person: usize, life: u32, hidden: bool) {
        if self.people[person].life != life {
            return;
        }
        let Some(since) = self.people[person].asleep_since.take() else { return };
        let slept = self.now - since;
        let open = [&self.people[person].current, &self.people[person].earlier];
        let is_open =
            open.into_iter().flatten().any(|it| matches!(it.what, What::Operation { .. }));
        seen::SLEPT_OPEN.held_if(is_open && slept > 15 * MINUTE);
        trace!(self, "person {person} wakes");
        self.people[person].clock.zero += slept;
        if hidden {
            self.people[person].clock.wrong_ms -= i64::try_from(slept / 1_000).expect("hours");
        }
        self.plan(0, Happening::ClientTimer { person, life });
        if self.people[person].current.is_none() {
            self.plan(0, Happening::PersonActs { person, life });
        }
    }

    fn heal(&mut self) {
        trace!(self, "all faults of {} heal", self.params.name);
        self.healed_at = Some(self.now);
        self.start_server();
        while !self.disk.is_quiet() {
            self.committed();
        }
        self.disk.busy_until = self.now;
        let calm = Params::quiet_lan();
        self.to_server = Wire::new(calm.to_server);
        self.to_client = Wire::new(calm.to_client);
        self.params =
            Params { teachers: self.params.teachers, students: self.params.students, ..calm };
        for person in 0..self.people.len() {
            let life = self.people[person].life;
            self.wake(person, life, false);
            self.people[person].acts_left = 2;
            if self.people[person].current.is_none() {
                self.plan(0, Happening::PersonActs { person, life });
            }
        }
    }

    // People and their clients.

    fn now_of(&self, person: usize) -> Now {
        self.people[person].clock.now(self.now)
    }

    fn act(&mut self, person: usize, life: u32) {
        let it = &self.people[person];
        if it.life != life || it.current.is_some() || it.asleep_since.is_some() {
            return;
        }
        match it.task.clone() {
            Task::Routine if it.acts_left > 0 => {
                self.people[person].acts_left -= 1;
                self.act_routinely(person);
            }
            Task::Close(mut classes) => match classes.pop() {
                Some(class) => {
                    self.people[person].task = Task::Close(classes);
                    self.perform(person, Operation::Close { class });
                }
                None => self.people[person].task = Task::Done,
            },
            Task::Fetch(mut left) => match left.pop() {
                Some(info) => {
                    self.people[person].task = Task::Fetch(left);
                    self.fetch(person, info);
                }
                None => self.people[person].task = Task::Done,
            },
            _ => {}
        }
    }

    fn act_routinely(&mut self, person: usize) {
        let class = ClassId::new(self.rng.random_range(1..=self.params.classes)).expect("above 0");
        let dice = self.rng.random_range(0..100);
        match (self.people[person].teacher, dice) {
            (_, 0..8) => self.ask(person, Query::Status { from: class }),
            (_, 8..12) => {
                let at_most = RollCallNumber::MAX;
                self.ask(person, Query::Sheets { class, at_most });
            }
            (_, 12..18) if !self.infos.is_empty() => {
                let place = self.rng.random_range(0..self.infos.len());
                let info = *self.infos.values().nth(place).expect("one of them");
                self.fetch(person, info);
            }
            (true, 12..60) => self.perform(person, Operation::Open { class, terms: Terms::PLAIN }),
            (true, 60..92) => self.perform(person, Operation::Close { class }),
            _ => {
                let student = student(self.rng.random_range(0..6));
                self.perform(person, Operation::Mark { class, student, code: None });
            }
        }
    }

    fn deadline(&mut self) -> Duration {
        let seconds = if self.healed_at.is_some() {
            120
        } else {
            *pick(&mut self.rng, &[1, 5, 30, 30, 120, 600])
        };
        Duration::from_secs(seconds)
    }

    fn perform(&mut self, person: usize, operation: Operation) {
        let process = process(person, self.people[person].life);
        let ticket = self.witness.begun(process, operation.clone());
        trace!(self, "person {person} asks {ticket:?}: {operation:?}");
        self.figures.operations += 1;
        let history = self.histories.entry(class_of(&operation)).or_default();
        let event = history.len();
        let question = Question::Do(operation.clone());
        history.push(Event { begin: self.now, end: u64::MAX, question, heard: None });
        let what =
            What::Operation { ticket, operation: operation.clone(), event, names: Vec::new() };
        self.people[person].current = Some(Waiting { since: self.now, what });
        seen::TWO_OPEN.held_if(self.people[person].earlier.is_some());
        let (now, deadline) = (self.now_of(person), self.deadline());
        self.people[person].client.perform(now, operation, deadline);
        self.drain_client(person);
    }

    fn ask(&mut self, person: usize, query: Query) {
        trace!(self, "person {person} asks {query:?}");
        self.figures.queries += 1;
        self.people[person].current = Some(Waiting { since: self.now, what: What::Query(query) });
        let (now, deadline) = (self.now_of(person), self.deadline());
        self.people[person].client.ask(now, query, deadline);
        self.drain_client(person);
    }

    fn deliver(&mut self, person: usize, life: u32, datagram: &[u8]) {
        if person >= self.people.len() {
            return;
        }
        let now = self.now_of_or_zero(person);
        let it = &mut self.people[person];
        if it.life != life || it.asleep_since.is_some() {
            return;
        }
        if let Some(waiting) = &it.current {
            notice_answer(waiting, datagram);
        }
        notice_block(it, datagram);
        it.client.handle_datagram(now, datagram);
        if let Some(download) = &mut it.download {
            download.handle_datagram(now.instant, datagram);
        }
        self.drain_client(person);
        self.drain_download(person);
    }

    fn now_of_or_zero(&self, person: usize) -> Now {
        let clock = &self.people[person].clock;
        clock.now(self.now.max(clock.zero))
    }

    fn client_timer(&mut self, person: usize, life: u32) {
        let it = &mut self.people[person];
        if it.life != life || it.asleep_since.is_some() {
            return;
        }
        let now = it.clock.now(self.now);
        if let Some(download) = &mut it.download {
            download.handle_timeout(now.instant);
            self.drain_download(person);
        } else if it.client.poll_timeout().is_some_and(|at| at <= now.instant) {
            it.client.handle_timeout(now);
            self.drain_client(person);
        } else {
            self.plan_timer(person);
        }
    }

    fn plan_timer(&mut self, person: usize) {
        let now = self.now_of(person).instant;
        let Person { client, download, .. } = &self.people[person];
        let at = download.as_ref().map(Download::poll_timeout).or_else(|| client.poll_timeout());
        let Some(at) = at else { return };
        let wait = u64::try_from(at.since(now).as_micros()).expect("short");
        let life = self.people[person].life;
        self.plan(wait, Happening::ClientTimer { person, life });
    }

    fn drain_client(&mut self, person: usize) {
        let mut space = Datagram::new();
        while let Some(told) = self.people[person].client.poll_output(&mut space) {
            match told {
                Told::Transmit => self.client_sends(person, space.as_bytes()),
                Told::Progress(Progress::Retrying { .. } | Progress::Refused) => {}
                Told::Progress(Progress::Settled { answer, .. }) => {
                    seen::SETTLED.held();
                    let earlier = self.people[person].earlier.take();
                    self.hear(person, earlier, answer);
                }
                Told::Progress(Progress::Abandoned { .. }) => {
                    seen::FORSAKEN.held();
                    if let Some(earlier) = self.people[person].earlier.take() {
                        self.unknown(&earlier, true);
                    }
                }
                Told::Answered { answer, .. } => {
                    let current = self.people[person].current.take();
                    if let Some(waiting) = &current {
                        self.check_wait(person, waiting);
                    }
                    self.hear(person, current, answer);
                    self.pause(person);
                }
                Told::Unanswered(unanswered) => self.unanswered(person, &unanswered),
            }
        }
        self.plan_timer(person);
    }

    fn client_sends(&mut self, person: usize, datagram: &[u8]) {
        let Ok(received) = decode_request(datagram) else {
            self.failure = Some(format!("a client sends nonsense: {datagram:?}"));
            return;
        };
        let Request { client, number, ask, .. } = received.request;
        if let Ask::Perform { started, operation } = ask {
            let asked = Asked { name: (client, number), started, operation };
            match self.ticket_of(person, &asked) {
                Some(ticket) => {
                    trace!(self, "person {person} sends {ticket:?} as {client:?} {}", number.get());
                    self.witness.asked(ticket, &asked);
                }
                None => self.failure = Some(format!("a client sends unasked: {asked:?}")),
            }
        }
        let life = self.people[person].life;
        for (delay, datagram) in self.to_server.carry(&mut self.rng, self.now, datagram) {
            self.plan(delay, Happening::ToServer { from: person, life, datagram });
        }
        if self.params.reflections && !self.last_reply.is_empty() {
            let datagram = std::mem::take(&mut self.last_reply);
            self.plan(1, Happening::ToServer { from: person, life, datagram });
        }
    }

    /// Which of a person's two operations goes out here.
    fn ticket_of(&mut self, person: usize, asked: &Asked) -> Option<Ticket> {
        let Person { earlier, current, .. } = &mut self.people[person];
        let both = earlier.iter_mut().chain(current).map(|waiting| &mut waiting.what);
        let mut fitting: Vec<_> = both.filter_map(|what| what.fitting(&asked.operation)).collect();
        let known = fitting.iter().position(|(_, names)| names.contains(&asked.name));
        let (ticket, names) = fitting.get_mut(known.unwrap_or(0))?;
        names.push(asked.name);
        Some(*ticket)
    }

    fn unanswered(&mut self, person: usize, unanswered: &Unanswered) {
        trace!(self, "person {person} is told: unknown, lost: {}", unanswered.lost);
        self.figures.unknown += 1;
        let current = self.people[person].current.take();
        if let Some(waiting) = &current {
            self.check_wait(person, waiting);
            let never_sent = unanswered.attempts == 0;
            if !never_sent {
                self.unknown(waiting, unanswered.lost);
            }
            let open = matches!(waiting.what, What::Operation { .. });
            if open && !never_sent && !unanswered.lost {
                self.people[person].earlier = current;
            }
        }
        self.pause(person);
    }

    fn unknown(&mut self, waiting: &Waiting, lost: bool) {
        if let What::Operation { ticket, .. } = waiting.what {
            self.witness.unknown(ticket, lost);
        }
    }

    /// After the healing nobody waits for longer than the bound.
    fn check_wait(&mut self, person: usize, waiting: &Waiting) {
        let Some(healed) = self.healed_at else { return };
        let waited = self.now - waiting.since.max(healed);
        seen::WAITED.held_if(waiting.since < healed);
        let slowest = &mut self.figures.slowest_after_healing_micros;
        *slowest = waited.max(*slowest);
        if waited > ANSWERED_WITHIN_MICROS {
            let (waited, bound) = (waited / SECOND, ANSWERED_WITHIN_MICROS / SECOND);
            self.failure =
                Some(format!("answered within {bound} s: person {person} waited {waited} s"));
        }
    }

    fn hear(&mut self, person: usize, waiting: Option<Waiting>, answer: Answer) {
        trace!(self, "person {person} hears {answer:?}");
        let Some(waiting) = waiting else {
            self.failure = Some(format!("person {person} hears unasked: {answer:?}"));
            return;
        };
        match waiting.what {
            What::Operation { ticket, operation, event, names } => {
                self.witness.heard(ticket, &answer);
                let class = class_of(&operation);
                let asked = self.witness.executed(ticket);
                if let Some(asked) = asked.filter(|asked| names.contains(&asked.name)) {
                    self.answered_as.insert((class, event), asked);
                }
                let event = &mut self.histories.get_mut(&class).expect("it was begun")[event];
                event.end = self.now;
                event.heard = Some(Heard::Answer(answer.clone()));
                if let Answer::Closed(Closed { sheet, .. }) = answer {
                    self.wants_sheet(person, sheet);
                }
            }
            What::Query(Query::Status { from }) => self.hear_status(waiting.since, from, answer),
            What::Query(_) | What::Sheet(_) => {}
        }
    }

    fn hear_status(&mut self, since: u64, from: ClassId, answer: Answer) {
        let Answer::Status(StatusList { open, more }) = answer else { return };
        let last = open.last().map_or(0, |last| last.class.get());
        for number in from.get()..=3 {
            let class = ClassId::new(number).expect("above 0");
            let found = open.iter().find(|open| open.class == class);
            if found.is_none() && more && number > last {
                break;
            }
            let heard = Heard::Status(found.map(|open| (open.opened_at, open.present)));
            self.histories.entry(class).or_default().push(Event {
                begin: since,
                end: self.now,
                question: Question::Status,
                heard: Some(heard),
            });
        }
    }

    fn pause(&mut self, person: usize) {
        let long = chance(&mut self.rng, self.params.long_pauses);
        let wait = match self.people[person].task {
            Task::Routine if long => *pick(
                &mut self.rng,
                &[3 * MINUTE, 12 * MINUTE, 16 * MINUTE, 32 * MINUTE, 70 * MINUTE],
            ),
            Task::Routine => self.rng.random_range(0..=self.params.pause_s * SECOND),
            _ => 0,
        };
        let life = self.people[person].life;
        self.plan(wait, Happening::PersonActs { person, life });
    }

    // Phase two.

    fn wait_for(&mut self, person: usize) -> Result<(), String> {
        let life = self.people[person].life;
        self.plan(0, Happening::PersonActs { person, life });
        while self.people[person].task != Task::Done {
            if !self.step()? {
                return Err(format!("person {person} is left with nothing to wait for"));
            }
        }
        Ok(())
    }

    fn settle_all(&mut self, healed: u64) -> Result<(), String> {
        for person in &self.people {
            if person.current.as_ref().is_some_and(|waiting| waiting.since <= healed) {
                return Err("answered after the healing: somebody still waits".into());
            }
        }
        Ok(())
    }

    fn close_all(&mut self) -> Result<(), String> {
        // Twice, because an opening that the teacher had left open is settled before the first close.
        for _ in 0..2 {
            let classes = self.witness.open_classes();
            self.people[0].task = Task::Close(classes);
            self.wait_for(0)?;
        }
        let open = self.server.as_ref().map_or(0, Server::open_roll_calls);
        if open > 0 {
            return Err(format!("all is closed: {open} roll calls are open"));
        }
        Ok(())
    }

    fn fetch_all(&mut self) -> Result<(), String> {
        let left: Vec<SheetInfo> = self.infos.values().copied().collect();
        self.figures.sheets = left.len() as u64;
        self.people[0].task = Task::Fetch(left);
        self.wait_for(0)
    }

    /// Who closes a class looks at its sheet, also while the network is bad.
    fn wants_sheet(&mut self, person: usize, info: SheetInfo) {
        if self.people[person].task == Task::Routine && self.people[person].current.is_none() {
            self.fetch(person, info);
        }
    }

    fn fetch(&mut self, person: usize, info: SheetInfo) {
        trace!(self, "person {person} fetches {info:?}");
        self.figures.queries += 1;
        self.people[person].current = Some(Waiting { since: self.now, what: What::Sheet(info) });
        let (now, deadline) = (self.now_of(person).instant, self.deadline());
        let it = &mut self.people[person];
        let path = it.path.take().unwrap_or_else(|| PathState::new(now, None));
        let seed = self.rng.random();
        it.blocks.clear();
        it.begun_in = self.server_life;
        it.download = Some(Download::new(path, seed, now, info.into(), 0, 64, deadline));
        self.drain_download(person);
    }

    fn drain_download(&mut self, person: usize) {
        let mut space = Datagram::new();
        while let Some(mut download) = self.people[person].download.take() {
            match download.poll_output(&mut space) {
                None => {
                    self.people[person].download = Some(download);
                    break;
                }
                Some(Fetched::Transmit) => {
                    self.people[person].download = Some(download);
                    self.client_sends(person, space.as_bytes());
                }
                Some(end) => {
                    let mut bytes = Vec::new();
                    let Ok(()) = download.read(|piece| {
                        bytes.extend_from_slice(piece);
                        Ok::<(), std::convert::Infallible>(())
                    });
                    self.people[person].path = Some(download.into_path());
                    self.fetched(person, end, &bytes);
                }
            }
        }
        self.plan_timer(person);
    }

    fn fetched(&mut self, person: usize, end: Fetched, bytes: &[u8]) {
        trace!(self, "person {person} has {} bytes of a sheet: {end:?}", bytes.len());
        let current = self.people[person].current.take();
        let Some(waiting @ Waiting { what: What::Sheet(info), since }) = &current else {
            self.failure = Some(format!("person {person} fetched what nobody asked for"));
            return;
        };
        self.check_wait(person, waiting);
        // The deadline of what was begun before may pass just after.
        let healed_before = self.healed_at.is_some_and(|healed| *since >= healed);
        seen::FETCH_UNANSWERED.held_if(end == Fetched::Unanswered);
        match end {
            Fetched::Complete => match Sheet::from_bytes(bytes, info) {
                Ok(sheet) => {
                    seen::FETCHED_OVER_START
                        .held_if(self.people[person].begun_in != self.server_life);
                    self.witness.fetched(info.content, &plain(&sheet));
                }
                Err(error) => {
                    let story = format!("a sheet is what was announced: {info:?}: {error}");
                    self.failure = Some(story);
                }
            },
            Fetched::Gone => {
                self.failure = Some(format!("a sheet stays for ever: {info:?} is gone"));
            }
            Fetched::Unanswered if !healed_before => self.figures.unknown += 1,
            Fetched::Unanswered | Fetched::Transmit => {
                self.failure = Some(format!("a sheet is fetched after the healing: {info:?}"));
            }
        }
        self.pause(person);
    }

    fn judge_histories(&mut self) -> Result<(), String> {
        let histories = std::mem::take(&mut self.histories);
        for (class, history) in histories {
            if class.get() >= CROWDED_CLASS {
                continue;
            }
            let history = self.merged(class, history);
            self.figures.histories += 1;
            let overlap = |(at, one): (usize, &Event)| {
                history[at + 1..].iter().any(|it| it.begin < one.end && one.begin < it.end)
            };
            seen::CONCURRENT.held_if(history.iter().enumerate().any(overlap));
            seen::UNKNOWN_IN_HISTORY.held_if(history.iter().any(|it| it.heard.is_none()));
            match judge(history.clone()) {
                Finding::Linearizable => {}
                Finding::Undecided => self.figures.undecided += 1,
                Finding::Impossible => {
                    let mut story = format!("linearizable: the history of class {class} is not\n");
                    for event in history {
                        let _ = writeln!(story, "  {event:?}");
                    }
                    return Err(story);
                }
            }
        }
        Ok(())
    }

    /// Clones that send one request are one: it begins with the first that asks and ends with the
    /// first that hears. One name is not enough: when a client was forgotten, its clone may do
    /// something else under the same name.
    fn merged(&self, class: ClassId, history: Vec<Event>) -> Vec<Event> {
        let mut merged: Vec<(Option<Asked>, Event)> = Vec::new();
        for (place, event) in history.into_iter().enumerate() {
            let asked = self.answered_as.get(&(class, place)).cloned();
            let same = |other: &&mut (Option<Asked>, Event)| asked.is_some() && other.0 == asked;
            match merged.iter_mut().find(same) {
                Some((_, earlier)) => {
                    earlier.begin = earlier.begin.min(event.begin);
                    earlier.end = earlier.end.min(event.end);
                }
                None => merged.push((asked, event)),
            }
        }
        merged.into_iter().map(|(_, event)| event).collect()
    }

    // Somebody who keeps to the protocol, and to whom nothing happens on the way.

    /// Opens a class, marks many and closes it, twice: long sheets, of one length.
    fn crowd(&mut self) {
        let class = ClassId::new(CROWDED_CLASS).expect("above 0");
        let mark = |number| {
            let student = format!("{number:0>32}").parse().expect("32 digits");
            Operation::Mark { class, student, code: None }
        };
        let lesson = || {
            let marks = (0..CROWD).map(mark);
            [Operation::Open { class, terms: Terms::PLAIN }]
                .into_iter()
                .chain(marks)
                .chain([Operation::Close { class }])
        };
        let started = self.server_clock.now(self.now).wall;
        let client = ClientId::from_bytes([CROWDED_CLASS.to_le_bytes()[0]; 16]);
        let mut space = Datagram::new();
        for (number, operation) in (1..).zip(lesson().chain(lesson())) {
            let number = RequestNumber::new(number).expect("above 0");
            let ask = Ask::Perform { started, operation };
            encode_request(&Request { attempt: 1, client, number, ask }, &mut space);
            let datagram = space.as_bytes().to_vec();
            // Its answers go to nobody, as those of the meddler.
            let life = u32::MAX;
            self.plan(number.get() * 10_000, Happening::ToServer { from: 0, life, datagram });
        }
    }

    // Somebody who does not keep to the protocol.

    /// Sends what no client should send: numbers with gaps, old numbers, one number with several
    /// bodies. It has a class of its own.
    fn meddle(&mut self) {
        if self.healed_at.is_some() {
            return;
        }
        self.meddled += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(self.meddled / 12).to_le_bytes());
        let client = ClientId::from_bytes(id);
        let number = if self.meddled.is_multiple_of(12) { 1 } else { self.rng.random_range(1..=6) };
        let number = RequestNumber::new(number).expect("above 0");
        let class = ClassId::new(MEDDLED_CLASS).expect("above 0");
        let operation = match self.rng.random_range(0..6) {
            0 => Operation::Open { class, terms: Terms::PLAIN },
            1 => Operation::Close { class },
            _ => Operation::Mark { class, student: student(self.meddled), code: None },
        };
        let started = self.server_clock.now(self.now.max(self.server_clock.zero)).wall;
        let started = started.shifted(self.meddled.cast_signed());
        let ask = Ask::Perform { started, operation };
        let mut space = Datagram::new();
        encode_request(&Request { attempt: 1, client, number, ask }, &mut space);
        for (delay, datagram) in self.to_server.carry(&mut self.rng, self.now, space.as_bytes()) {
            // Its answers go to nobody: no life of the first person has this number.
            self.plan(delay, Happening::ToServer { from: 0, life: u32::MAX, datagram });
        }
        let wait = self.rng.random_range(0..20 * SECOND);
        self.plan(wait, Happening::Meddling);
    }
}

fn client_of(item: SnapshotItem) -> Option<[u8; 16]> {
    match item {
        SnapshotItem::Client(record) | SnapshotItem::ClientOf { client: record, .. } => {
            Some(*record.client.as_bytes())
        }
        _ => None,
    }
}

/// What comes to a client that waits, and is not what it waits for.
fn notice_answer(waiting: &Waiting, datagram: &[u8]) {
    let Ok(reply) = decode_reply(datagram) else { return seen::ANSWERED_DAMAGED.held() };
    if let What::Operation { names, .. } = &waiting.what {
        seen::OTHER_ANSWER.held_if(!names.contains(&(reply.client, reply.number)));
    }
}

/// What comes to a download, or to a client that fetches nothing.
fn notice_block(person: &mut Person, datagram: &[u8]) {
    let reply = decode_reply(datagram);
    let Some(download) = &person.download else {
        let pulled = reply.is_ok_and(|it| matches!(it.answer, Answer::Pulled(_)));
        return seen::BLOCK_AFTER.held_if(pulled);
    };
    let Ok(reply) = reply else { return seen::BLOCK_DAMAGED.held() };
    let Answer::Pulled(Pulled { index, .. }) = reply.answer else { return };
    let ours = reply.client == download.client();
    seen::LATE_BLOCK.held_if(!ours);
    seen::BLOCK_AGAIN.held_if(ours && !person.blocks.insert(index));
}

/// How wrong a clock is, in milliseconds: a little, about the window, or by days.
fn wrong(rng: &mut StdRng, at_all: bool) -> i64 {
    if !at_all {
        return 0;
    }
    let most: i64 = *pick(rng, &[100, 600_000, 1_500_000, 1_500_000, 7_200_000, 259_200_000]);
    rng.random_range(-most..=most)
}

fn student(number: u64) -> StudentNumber {
    format!("0421{number:05}").parse().expect("digits")
}

fn plain(sheet: &Sheet) -> PlainSheet {
    let marks = sheet.marks.iter().map(|mark| (mark.student, mark.at)).collect();
    let &Sheet { class, opened_at, closed_at, .. } = sheet;
    PlainSheet { class, opened_at, closed_at, marks }
}

/// One life of one person's client.
fn process(person: usize, life: u32) -> u32 {
    u32::try_from(person).expect("few").wrapping_mul(10_000).wrapping_add(life)
}
