//! A school day with plans, corrections and rosters: teachers and students with the real clients, over the
//! network and the disk of `world.rs`, with a server that is killed at any moment and whose wall clock jumps
//! while its monotonic clock stands.
//!
//! The auditor says every answer and every sheet. Beside that, what people were told is held against what is
//! on the disk in the end: each answer is on a sheet with its time, and is what the student was told unless a
//! correction is in the trail; each correction, which has a reason of its own, is in a trail once; revisions
//! have no gaps, and the bytes of each are the same for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::access::Terms;
use rollcall::attendance::{Change, Correction, Listed, Plan, RosterChange, RosterEdit, Status};
use rollcall::client::{Client, Output as Told, Progress};
use rollcall::exchange::{
    Answer, Arrived, Ask, Corrected, Marked, Operation, Pull, Query, Request,
};
use rollcall::ids::{
    ClassId, ClientId, ContentId, Cookie, RequestNumber, RollCallNumber, StudentNumber,
};
use rollcall::record::{Batch, RowsQuestion, SnapshotItem, SnapshotPart};
use rollcall::server::{Output, Server};
use rollcall::stats::Counter;
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;

use crate::auditor::Auditor;
use crate::disk::Disk;
use crate::laws;
use crate::network::Wire;
use crate::params::{Params, chance, pick};

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const EPOCH_MS: u64 = 1_790_000_000_000;
/// No run goes on for longer than this before its faults heal.
const DAY: u64 = 3 * 60 * MINUTE;
/// Within so long after the healing, whoever waits is answered.
const ANSWERED_WITHIN: u64 = 30 * SECOND;

/// What is held against the disk in the end, and how often it came about.
pub(crate) mod seen {
    crate::premises::premises! {
        RECEIPT: "somebody was told to be there" => "a receipt is on its sheet";
        RECEIPT_LATE: "somebody was told to be late" => "a receipt is on its sheet";
        RECEIPT_CORRECTED: "somebody was told to be there and was corrected" => "a receipt is on its sheet";
        CORRECTION_HEARD: "a teacher heard that a correction was made" => "a correction is made once";
        CORRECTION_UNHEARD: "a correction was made whose teacher did not hear it" => "a correction is made once";
        SEVERAL_REVISIONS: "a sheet had three revisions or more" => "revisions without gaps";
        WAITED: "somebody waited when the faults healed" => "answered after the healing";
        JUMPED: "the wall clock jumped while a roll call was to close by itself" => "one close, at the deadline";
        CRASHED: "the server died while a roll call was to close by itself" => "one close, at the deadline";
    }
}

/// Runs one seed; a broken promise is a panic or told in words.
pub(crate) fn run(seed: u64) -> Result<u64, String> {
    World::new(seed).run()
}

enum Happening {
    ToServer { person: usize, datagram: Vec<u8> },
    ToClient { person: usize, datagram: Vec<u8> },
    Turn { life: u32, at: u64 },
    Committed { life: u32 },
    Rows { life: u32, question: RowsQuestion },
    SheetRead { life: u32, content: ContentId },
    Kept { life: u32, part: SnapshotPart },
    Starts,
    Timer { person: usize, at: u64 },
    Acts { person: usize },
    Crash,
    Snapshot,
    Jump,
}

/// Where an answer goes.
#[derive(Clone, Copy, Debug)]
struct Way {
    person: usize,
    place: usize,
}

impl Hash for Way {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.person.hash(state);
    }
}

/// What somebody waits for.
#[derive(Debug)]
enum Asked {
    Operation(Operation),
    Question,
}

struct Person {
    client: Client,
    teacher: bool,
    acts_left: u32,
    timer_at: u64,
    asked: Option<Asked>,
}

/// What a student was told.
struct Receipt {
    class: ClassId,
    student: StudentNumber,
    at: WallTime,
    late: Option<bool>,
}

struct World {
    params: Params,
    rng: StdRng,
    now: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    server: Option<Server<Way>>,
    /// True time at which the server's monotonic clock showed zero, and how wrong its wall clock is.
    zero: u64,
    wrong_ms: i64,
    life: u32,
    /// When the server's next turn is; of several that were planned, the first.
    turn_at: u64,
    inbox: Vec<(usize, Vec<u8>)>,
    disk: Disk,
    snapshot_due: bool,
    snapshot_begun: bool,
    to_server: Wire,
    to_client: Wire,
    people: Vec<Person>,
    auditor: Auditor,
    receipts: Vec<Receipt>,
    /// The corrections that were asked for, by their reasons, and those that were heard to be made.
    corrections: BTreeSet<String>,
    heard: BTreeSet<String>,
    /// The bytes of each revision when it became durable.
    revisions: BTreeMap<(ClassId, RollCallNumber, u32), ContentId>,
    imports: u64,
    healed: bool,
    operations: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x0061_7474_656e_6400);
        let params = Params::draw(seed);
        let people = (0..params.teachers + params.students.max(2)).map(|place| Person {
            client: Client::new(rng.random()),
            teacher: place < params.teachers,
            acts_left: params.acts * 2,
            timer_at: u64::MAX,
            asked: None,
        });
        let people: Vec<_> = people.collect();
        let mut world = Self {
            to_server: Wire::new(params.to_server),
            to_client: Wire::new(params.to_client),
            params,
            rng,
            now: 0,
            order: 0,
            queue: BTreeMap::new(),
            server: Some(Server::new(1)),
            zero: 0,
            wrong_ms: 0,
            life: 0,
            turn_at: u64::MAX,
            inbox: Vec::new(),
            disk: Disk::default(),
            snapshot_due: false,
            snapshot_begun: false,
            people,
            auditor: Auditor::new(),
            receipts: Vec::new(),
            corrections: BTreeSet::new(),
            heard: BTreeSet::new(),
            revisions: BTreeMap::new(),
            imports: 0,
            healed: false,
            operations: 0,
        };
        for person in 0..world.people.len() {
            let pause = world.rng.random_range(0..5 * SECOND);
            world.plan(pause, Happening::Acts { person });
        }
        for (rate, fault) in [
            (world.params.server_crashes, Happening::Crash),
            (world.params.snapshots, Happening::Snapshot),
            (world.params.clock_jumps, Happening::Jump),
        ] {
            if rate > 0 {
                world.plan_fault(rate, fault);
            }
        }
        world
    }

    fn plan(&mut self, after: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + after, self.order), happening);
    }

    fn plan_fault(&mut self, rate: u32, fault: Happening) {
        let mean = 900 * SECOND / u64::from(rate);
        let wait = self.rng.random_range(0..=2 * mean);
        self.plan(wait, fault);
    }

    fn run(mut self) -> Result<u64, String> {
        let end = self.params.heals_after_s.map_or(DAY, |it| DAY.min(it * SECOND));
        while self.people.iter().any(|it| it.acts_left > 0 || it.asked.is_some()) && self.now < end
        {
            if !self.step() {
                break;
            }
        }
        self.heal();
        seen::WAITED.held_if(self.people.iter().any(|it| !it.client.is_idle()));
        self.run_for(ANSWERED_WITHIN);
        if let Some(place) = self.people.iter().position(|it| !it.client.is_idle()) {
            return Err(format!("person {place} is not answered: {:?}", self.people[place].asked));
        }
        // What is still on its way arrives, and every deadline passes.
        self.run_for(11 * MINUTE);
        self.close_all()?;
        self.pull_all();
        self.run_for(2 * SECOND);
        self.auditor.rest();
        self.judge()?;
        Ok(self.operations)
    }

    fn step(&mut self) -> bool {
        let Some(((at, _), happening)) = self.queue.pop_first() else { return false };
        self.now = at;
        self.happen(happening);
        true
    }

    fn run_for(&mut self, micros: u64) {
        let end = self.now + micros;
        while self.queue.first_key_value().is_some_and(|(&(at, _), _)| at <= end) {
            self.step();
        }
        self.now = end;
    }

    fn heal(&mut self) {
        self.healed = true;
        let calm = Params::quiet_lan();
        self.to_server = Wire::new(calm.to_server);
        self.to_client = Wire::new(calm.to_client);
        self.params = Params { server_crashes: 0, snapshots: 0, clock_jumps: 0, ..calm };
        for person in &mut self.people {
            person.acts_left = 0;
        }
        if self.server.is_none() {
            self.start();
        }
        self.plan_turn(0);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ToServer { .. } if self.server.is_none() => {}
            Happening::ToServer { person, datagram } => {
                self.inbox.push((person, datagram));
                let wait = self.rng.random_range(0..2_000);
                self.plan_turn(wait);
            }
            Happening::ToClient { person, datagram } => {
                let now = self.now_of_people();
                self.people[person].client.handle_datagram(now, &datagram);
                self.drain_client(person);
            }
            Happening::Turn { life, at } if life == self.life && at == self.turn_at => self.turn(),
            Happening::Committed { life } if life == self.life => self.committed(),
            Happening::Rows { life, question } if life == self.life => {
                let rows = self.disk.rows(question);
                if let Some(server) = &mut self.server {
                    server.handle_rows(question, &rows);
                }
                self.drain_server();
            }
            Happening::SheetRead { life, content } if life == self.life => {
                let bytes = self.disk.sheet(content);
                if let Some(server) = &mut self.server {
                    server.handle_sheet(content, bytes);
                }
                self.drain_server();
            }
            Happening::Kept { life, part } if life == self.life => {
                let is_last = part.is_last;
                self.disk.keep_snapshot(part);
                if is_last {
                    self.auditor.snapshot_is_kept();
                    self.snapshot_begun = false;
                }
                if let Some(server) = &mut self.server {
                    server.handle_snapshot_kept();
                }
                self.drain_server();
            }
            Happening::Starts => self.start(),
            Happening::Timer { person, at } if at == self.people[person].timer_at => {
                self.people[person].timer_at = u64::MAX;
                let now = self.now_of_people();
                self.people[person].client.handle_timeout(now);
                self.drain_client(person);
            }
            Happening::Acts { person } => self.act(person),
            Happening::Crash if !self.healed => {
                self.crash();
                self.plan_fault(self.params.server_crashes, Happening::Crash);
            }
            Happening::Snapshot if !self.healed => {
                self.begin_snapshot();
                self.plan_fault(self.params.snapshots, Happening::Snapshot);
            }
            Happening::Jump if !self.healed => {
                seen::JUMPED.held_if(self.auditor.next_end().is_some());
                let minutes = self.rng.random_range(-10..=20);
                self.wrong_ms += minutes * 60_000;
                self.plan_fault(self.params.clock_jumps, Happening::Jump);
            }
            _ => {}
        }
    }

    // The server's computer.

    fn now_of_server(&self) -> Now {
        let wall = WallTime::from_millis(EPOCH_MS + self.now / 1_000).shifted(self.wrong_ms);
        Now { instant: Instant::from_micros(self.now - self.zero), wall }
    }

    fn plan_turn(&mut self, wait: u64) {
        let at = self.now + wait;
        if at < self.turn_at {
            self.turn_at = at;
            self.plan(wait, Happening::Turn { life: self.life, at });
        }
    }

    fn turn(&mut self) {
        self.turn_at = u64::MAX;
        let now = self.now_of_server();
        let (micros, wall) = (now.instant.as_micros(), now.wall.as_millis());
        let Some(server) = &mut self.server else { return };
        for (person, datagram) in self.inbox.drain(..) {
            let place = self.auditor.place();
            let before = server.stats().get(Counter::Loading);
            server.handle_datagram(now, Way { person, place }, &datagram);
            let loads = server.stats().get(Counter::Loading) > before;
            let from = u32::try_from(person).expect("few");
            self.auditor.datagram(from, micros, wall, &datagram, loads);
        }
        server.handle_timeout(now);
        let known: Vec<_> = server.snapshot().filter_map(client_of).collect();
        self.auditor.timeout(micros, wall, server.latest().as_millis(), &known);
        self.drain_server();
        // As the loop does: it sleeps until the server wants to be called.
        let due = self.server.as_ref().and_then(Server::poll_timeout);
        if let Some(due) = due {
            let wait = due.as_micros().saturating_sub(micros).max(1_000);
            self.plan_turn(wait);
        }
    }

    fn drain_server(&mut self) {
        let mut space = Datagram::new();
        while let Some(output) = self.server.as_mut().and_then(|it| it.poll_output(&mut space)) {
            let life = self.life;
            match output {
                Output::Append(batch) => self.append(batch),
                Output::Snapshot(part) => {
                    self.disk.busy_until =
                        self.disk.busy_until.max(self.now) + self.rng.random_range(50..20_000);
                    self.plan(self.disk.busy_until - self.now, Happening::Kept { life, part });
                }
                // What was appended before is read with it, as the journal's threads do.
                Output::ListRows(question) => {
                    let wait = self.disk.busy_until.saturating_sub(self.now);
                    let wait = wait + self.rng.random_range(100..20_000);
                    self.plan(wait, Happening::Rows { life, question });
                }
                Output::Load(content) => {
                    let wait = self.disk.busy_until.saturating_sub(self.now);
                    let wait = wait + self.rng.random_range(100..20_000);
                    self.plan(wait, Happening::SheetRead { life, content });
                }
                Output::Transmit { to: Way { person, place } } => {
                    self.auditor.sent(place, space.as_bytes());
                    if person >= self.people.len() {
                        continue;
                    }
                    for (delay, datagram) in
                        self.to_client.carry(&mut self.rng, self.now, space.as_bytes())
                    {
                        self.plan(delay, Happening::ToClient { person, datagram });
                    }
                }
                other => unreachable!("nobody asks for that: {other:?}"),
            }
        }
    }

    fn append(&mut self, batch: Batch) {
        let sheets: Vec<_> = batch.sheets.iter().map(|it| it.bytes.to_vec()).collect();
        self.auditor.appended(batch.number, &sheets);
        if std::mem::take(&mut self.snapshot_due) {
            assert!(self.auditor.snapshot_begins(), "it begins with this batch");
        }
        self.disk.append(batch);
        let most = u64::try_from(self.params.commit.as_micros()).expect("short");
        let slow = chance(&mut self.rng, self.params.slow_commits);
        let takes = self.rng.random_range(50..=if slow { 5 * SECOND } else { most });
        self.disk.busy_until = self.disk.busy_until.max(self.now) + takes;
        self.plan(self.disk.busy_until - self.now, Happening::Committed { life: self.life });
    }

    fn committed(&mut self) {
        let Some(batch) = self.disk.commit().cloned() else { return };
        self.tell_durable(&batch);
        if let Some(server) = &mut self.server {
            server.handle_durable(batch.number);
        }
        self.drain_server();
    }

    fn tell_durable(&mut self, batch: &Batch) {
        self.auditor.durable(batch.number);
        for closed in &batch.sheets {
            let key = (closed.info.class, closed.info.number, closed.revision());
            let before = self.revisions.insert(key, closed.info.content);
            assert_eq!(before, None, "a revision is made once: {key:?}");
        }
    }

    fn begin_snapshot(&mut self) {
        let Some(server) = &mut self.server else { return };
        if self.snapshot_begun {
            return;
        }
        self.snapshot_begun = true;
        self.snapshot_due = !self.auditor.snapshot_begins();
        server.begin_snapshot();
        self.drain_server();
    }

    fn crash(&mut self) {
        if self.server.take().is_none() {
            return;
        }
        seen::CRASHED.held_if(self.auditor.next_end().is_some());
        self.life += 1;
        self.turn_at = u64::MAX;
        self.inbox.clear();
        for batch in self.disk.tear(&mut self.rng) {
            self.tell_durable(&batch);
        }
        self.auditor.crash();
        (self.snapshot_due, self.snapshot_begun) = (false, false);
        let down = *pick(&mut self.rng, &[1_000, SECOND, 10 * SECOND, 3 * MINUTE]);
        self.plan(down, Happening::Starts);
    }

    fn start(&mut self) {
        if self.server.is_some() {
            return;
        }
        let seed = u128::from(self.rng.random::<u64>());
        let mut server = self.disk.recover(seed).expect("what was kept is taken back");
        server.limit_snapshot_parts(3);
        self.server = Some(server);
        self.zero = self.now;
        self.plan_turn(0);
    }

    // People.

    fn now_of_people(&self) -> Now {
        let wall = WallTime::from_millis(EPOCH_MS + self.now / 1_000);
        Now { instant: Instant::from_micros(self.now), wall }
    }

    fn act(&mut self, person: usize) {
        if self.people[person].acts_left == 0 {
            return;
        }
        let pause = self.params.pause_s * SECOND;
        if self.people[person].client.is_idle() {
            self.people[person].acts_left -= 1;
            let teacher = self.people[person].teacher;
            if self.rng.random_bool(0.15) {
                let query = self.question();
                self.ask(person, query);
            } else if teacher {
                let operation = self.of_a_teacher();
                self.perform(person, operation);
            } else {
                let operation = self.of_a_student(person);
                self.perform(person, operation);
            }
        }
        let wait = self.rng.random_range(0..=pause);
        self.plan(wait, Happening::Acts { person });
    }

    /// What the commands that only read ask; the auditor knows the answers.
    fn question(&mut self) -> Query {
        let class = self.class();
        match self.rng.random_range(0..3) {
            0 => Query::Watch { class, from: 0 },
            1 => Query::Tally { class, student: self.student() },
            _ => Query::Revisions { class, number: RollCallNumber::MAX, revision: u32::MAX },
        }
    }

    fn ask(&mut self, person: usize, query: Query) {
        let deadline = Duration::from_secs(*pick(&mut self.rng, &[1, 5, 30, 120]));
        let now = self.now_of_people();
        self.people[person].asked = Some(Asked::Question);
        self.people[person].client.ask(now, query, deadline);
        self.drain_client(person);
    }

    fn perform(&mut self, person: usize, operation: Operation) {
        self.operations += 1;
        let deadline = Duration::from_secs(*pick(&mut self.rng, &[1, 5, 30, 120]));
        let now = self.now_of_people();
        self.people[person].asked = Some(Asked::Operation(operation.clone()));
        self.people[person].client.perform(now, operation, deadline);
        self.drain_client(person);
    }

    fn class(&mut self) -> ClassId {
        let classes = self.params.classes;
        ClassId::new(self.rng.random_range(1..=classes)).expect("above zero")
    }

    fn student(&mut self) -> StudentNumber {
        self.rng.random_range(10..16).to_string().parse().expect("digits")
    }

    fn of_a_student(&mut self, person: usize) -> Operation {
        let class = self.class();
        let student = if self.rng.random_bool(0.7) {
            (10 + person).to_string().parse().expect("digits")
        } else {
            self.student()
        };
        if self.rng.random_bool(0.5) {
            return Operation::Mark { class, student, code: None };
        }
        let most = *pick(&mut self.rng, &[1_000, 20_000, 60_000, 700_000]);
        let delay_ms = self.rng.random_range(0..most);
        Operation::Deliver { class, student, code: None, delay_ms }
    }

    fn of_a_teacher(&mut self) -> Operation {
        let (class, terms) = (self.class(), Terms::PLAIN);
        match self.rng.random_range(0..14) {
            0..=3 => {
                let closes = self.rng.random_range(2..120);
                let plan = Plan {
                    closes_after_s: self.rng.random_bool(0.8).then_some(closes),
                    late_after_s: self.rng.random_bool(0.6).then_some(closes / 2),
                    lessons: 2,
                    ..Plan::default()
                };
                Operation::OpenWith { class, terms, plan }
            }
            4 => Operation::Open { class, terms },
            5 | 6 => Operation::Close { class },
            7 => Operation::Extend { class, seconds: self.rng.random_range(1..60) },
            8 => Operation::Reopen { class },
            9 => {
                self.imports += 1;
                let base = self.auditor.roster(class.get()).0;
                let base = if self.rng.random_bool(0.8) { base } else { base.saturating_sub(1) };
                let edits = (0..3).map(|_| {
                    let student = self.student();
                    if self.rng.random_bool(0.2) {
                        return RosterEdit::Remove(student);
                    }
                    let name = "Ana Silva".parse().expect("a name");
                    RosterEdit::Put(Listed { student, name, group: None })
                });
                let edits = edits.collect();
                let change = RosterChange { base, import: self.imports / 2, edits };
                Operation::Enrol { class, change }
            }
            _ => {
                let reason = format!("reason {}", self.corrections.len());
                self.corrections.insert(reason.clone());
                let number = self.rng.random_range(0..4);
                let correction = Correction {
                    number: RollCallNumber::new(number),
                    student: self.student(),
                    status: *pick(&mut self.rng, &Status::ALL),
                    reason: Some(reason.parse().expect("a line")),
                };
                Operation::Correct { class, correction: Box::new(correction) }
            }
        }
    }

    fn drain_client(&mut self, person: usize) {
        let mut space = Datagram::new();
        while let Some(output) = self.people[person].client.poll_output(&mut space) {
            match output {
                Told::Transmit => {
                    for (delay, datagram) in
                        self.to_server.carry(&mut self.rng, self.now, space.as_bytes())
                    {
                        self.plan(delay, Happening::ToServer { person, datagram });
                    }
                }
                Told::Answered { answer, .. } => {
                    let asked = self.people[person].asked.take().expect("it was asked for");
                    if let Asked::Operation(operation) = asked {
                        self.heard(&operation, &answer);
                    }
                }
                Told::Unanswered(_) => self.people[person].asked = None,
                Told::Progress(Progress::Settled { operation, answer }) => {
                    self.heard(&operation, &answer);
                }
                Told::Progress(_) => {}
            }
        }
        if let Some(at) = self.people[person].client.poll_timeout() {
            let at = at.as_micros().max(self.now);
            if at < self.people[person].timer_at {
                self.people[person].timer_at = at;
                self.plan(at - self.now, Happening::Timer { person, at });
            }
        }
    }

    fn heard(&mut self, operation: &Operation, answer: &Answer) {
        match (operation, answer) {
            (
                &(Operation::Mark { class, student, .. }
                | Operation::Deliver { class, student, .. }),
                answer,
            ) => {
                let (at, late) = match *answer {
                    Answer::Marked(Marked { at, already_present, .. }) => {
                        (at, (!already_present).then_some(false))
                    }
                    Answer::Arrived(Arrived { marked, late, .. }) => (marked.at, Some(late)),
                    _ => return,
                };
                seen::RECEIPT.held();
                seen::RECEIPT_LATE.held_if(late == Some(true));
                self.receipts.push(Receipt { class, student, at, late });
            }
            (Operation::Correct { correction, .. }, Answer::Corrected(Corrected { was, .. }))
                if *was != Some(correction.status) =>
            {
                seen::CORRECTION_HEARD.held();
                let reason = correction.reason.as_ref().expect("each has one");
                self.heard.insert(reason.to_string());
            }
            _ => {}
        }
    }

    // The end.

    fn close_all(&mut self) -> Result<(), String> {
        self.people[0].asked = None;
        for class in 1..=3 {
            let class = ClassId::new(class).expect("above zero");
            self.perform(0, Operation::Close { class });
            self.run_for(2 * SECOND);
            if !self.people[0].client.is_idle() {
                return Err(format!("class {class} is not closed"));
            }
        }
        Ok(())
    }

    /// Asks for the blocks of every revision; the auditor says what they are.
    fn pull_all(&mut self) {
        let contents: Vec<_> = self.revisions.values().copied().collect();
        let person = self.people.len();
        for object in contents {
            for first in 0..2 {
                let ask = Ask::Pull(Pull { object, cookie: Cookie::NONE, first, wanted: 1 });
                let (client, number) = (ClientId::from_bytes([9; 16]), RequestNumber::FIRST);
                let request = Request { attempt: 1, client, number, ask };
                let zeros = laws::padding_of(&request, 1_065);
                let datagram = laws::request(&request, zeros);
                self.happen(Happening::ToServer { person, datagram });
                self.run_for(SECOND / 10);
            }
        }
    }

    fn judge(&self) -> Result<(), String> {
        let mut last = BTreeMap::new();
        for (&(class, number, revision), &content) in &self.revisions {
            let next = last.insert((class, number), (revision, content)).map_or(1, |it| it.0 + 1);
            if revision != next {
                return Err(format!("class {class}, {number:?}: {revision} and not {next}"));
            }
            seen::SEVERAL_REVISIONS.held_if(revision == 3);
            let bytes = self.disk.sheet(content).ok_or("a revision is gone")?;
            if ContentId::of(&bytes) != content {
                return Err("a revision is another one now".to_owned());
            }
        }
        let sheets = last.iter().map(|(&(class, number), &(revision, _))| {
            let closed = self.disk.revision(class, number, revision).expect("it is there");
            (class, closed.sheet())
        });
        let sheets: Vec<_> = sheets.collect();
        let trails = sheets.iter().filter_map(|it| it.1.supplement.as_ref());
        let reasons = trails.flat_map(|it| &it.trail).filter_map(|it| it.reason.as_ref());
        let mut made = BTreeSet::new();
        for reason in reasons {
            if !self.corrections.contains(&reason.to_string()) {
                return Err(format!("nobody asked for {reason}"));
            }
            if !made.insert(reason.to_string()) {
                return Err(format!("made twice: {reason}"));
            }
        }
        if let Some(lost) = self.heard.iter().find(|it| !made.contains(*it)) {
            return Err(format!("heard and not made: {lost}"));
        }
        seen::CORRECTION_UNHEARD.held_if(made.len() > self.heard.len());
        for Receipt { class, student, at, late } in &self.receipts {
            let of_class = sheets.iter().filter(|it| it.0 == *class).map(|it| &it.1);
            let found = of_class.filter_map(|sheet| {
                let entries = sheet.entries();
                let mut theirs = entries.into_iter().filter(|it| it.student == *student);
                let entry = theirs.next()?;
                assert!(theirs.next().is_none(), "{student} is on a sheet twice");
                let trail = sheet.supplement.iter().flat_map(|it| &it.trail);
                let is_theirs = |change: &Change| {
                    matches!(change, Change::Corrected { student: of, .. } if of == student)
                };
                let is_corrected = trail.into_iter().any(|it| is_theirs(&it.change));
                (entry.at == Some(*at)).then_some((entry.status, is_corrected))
            });
            let found: Vec<_> = found.collect();
            let told = late.map(|late| if late { Status::Late } else { Status::Present });
            let is_so = |&(status, is_corrected): &(Status, bool)| {
                is_corrected || told.map_or(status.is_there(), |told| status == told)
            };
            seen::RECEIPT_CORRECTED.held_if(found.iter().any(|it| it.1));
            if !found.iter().any(is_so) {
                return Err(format!(
                    "{student} at {at} of class {class}: {found:?}, told {told:?}"
                ));
            }
        }
        Ok(())
    }
}

fn client_of(item: SnapshotItem) -> Option<[u8; 16]> {
    match item {
        SnapshotItem::Client(record) => Some(*record.client.as_bytes()),
        _ => None,
    }
}
