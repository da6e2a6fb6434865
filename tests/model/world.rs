//! The world: its steps, its laws, and when two moments of it are the same.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rollcall::exchange::{Answer, BeginAgain, Marked, Operation, Outcome, decode_request};
use rollcall::ids::{ClassId, DeviceId, StudentNumber};
use rollcall::principal::Principal;
use rollcall::record::{Batch, Record};
use rollcall::roll::Sheet;
use rollcall::server::Output;
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;
use stateright::{Model, Property};

use crate::machine::{FORGER, Machine, Said, device, execution};
use crate::person::{Happening, Person};

const START_MILLIS: u64 = 1_795_353_480_000;
pub(crate) const NIGHT: Duration = Duration::from_secs(31 * 60);
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// What is explored: who does what, and what may go wrong.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, by itself")]
pub(crate) struct SmallWorld {
    /// What each person wants, one after the other; the first is the teacher.
    pub(crate) scripts: Vec<Vec<Operation>>,
    /// How far each person's clock is ahead.
    pub(crate) clocks_ahead: Vec<Duration>,
    /// How far the server's clock is ahead until the crash.
    pub(crate) server_ahead: Duration,
    pub(crate) crashes: u8,
    pub(crate) nights: u8,
    /// Whether the people's computers sleep at night, so that no deadline passes.
    pub(crate) asleep: bool,
    /// How often anybody reaches a deadline before an answer came.
    pub(crate) give_ups: u8,
    /// Whether the date moves with each execution.
    pub(crate) date_moves: bool,
    /// Whether the server's loop may take several datagrams before it turns.
    pub(crate) lazy_turns: bool,
    /// How often a minute passes for the server alone, which then looks for what is to be closed.
    pub(crate) minutes: u8,
    /// Whether everything is sealed, and there is a forger.
    pub(crate) sealed: bool,
    pub(crate) memory: Arc<Memory>,
}

/// What is not part of any state.
#[derive(Default)]
pub(crate) struct Memory {
    /// What became of each person, in place of finding it out again.
    people: Mutex<HashMap<(u64, Happening), Fate>>,
    visited: AtomicUsize,
    /// The law that was broken first, and after how many states.
    pub(crate) broken: OnceLock<(Law, usize)>,
    /// Whether it was ever seen.
    pub(crate) loss: AtomicBool,
    pub(crate) stale: AtomicBool,
    pub(crate) abandoned: AtomicBool,
    pub(crate) skew: AtomicBool,
    pub(crate) begin_again: AtomicBool,
    pub(crate) forged: AtomicBool,
    pub(crate) marked_by_forger: AtomicBool,
    pub(crate) closed_by_itself: AtomicBool,
    pub(crate) corrected: AtomicBool,
}

/// What becomes of a person, or `None` if something makes no difference.
type Fate = Option<Arc<Person>>;

/// One moment of one course of events. Most steps change one part of it; the others are shared.
#[derive(Clone)]
pub(crate) struct World {
    machine: Arc<Machine>,
    people: Vec<Arc<Person>>,
    /// What the network may deliver to somebody, and all outcomes that were ever told; sorted.
    answers: Vec<Arc<Said>>,
    /// What the server has executed, the durable part first.
    executed: Vec<Execution>,
    crashes: u8,
    nights: u8,
    minutes: u8,
    give_ups: u8,
    /// Whether the first student was ever heard.
    first_was_heard: bool,
    broken: Option<Law>,
    seen: u64,
}

/// One thing that a person wanted was done or refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Execution {
    /// A person, or [`FORGER`], whose steps are all 0.
    who: usize,
    step: usize,
    /// Whom it put on the sheet.
    marked: Option<StudentNumber>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    OneOutcome,
    Acknowledged,
    NoLateEffect,
    HoldsTheKey,
    OneClose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Perform(usize),
    GiveUp(usize),
    Overdue(usize),
    /// The network delivers a request: whose, and which.
    ToServer(usize, usize),
    /// The forger asks for the same.
    Forge(usize, usize),
    /// The network delivers an answer.
    ToClient(usize),
    Turn,
    Commit,
    Crash,
    Night,
    Minute,
}

impl Model for SmallWorld {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let person = |(who, script): (usize, &Vec<_>)| {
            let ahead = i64::try_from(self.clocks_ahead[who].as_millis()).expect("some nights");
            let wall = WallTime::from_millis(START_MILLIS).shifted(ahead);
            Arc::new(Person::new(who, Now { instant: Instant::ZERO, wall }, script))
        };
        let mut world = World {
            machine: Arc::new(if self.sealed {
                let wall = WallTime::from_millis(START_MILLIS);
                Machine::sealed(Now { instant: Instant::ZERO, wall })
            } else {
                Machine::new()
            }),
            people: self.scripts.iter().enumerate().map(person).collect(),
            answers: Vec::new(),
            executed: Vec::new(),
            crashes: 0,
            nights: 0,
            minutes: 0,
            give_ups: 0,
            first_was_heard: false,
            broken: None,
            seen: 0,
        };
        self.settle(&mut world, None);
        vec![world]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.broken.is_some() {
            return;
        }
        for (who, person) in world.people.iter().enumerate() {
            // Students who want the same are told apart by who is heard first.
            let may_be_heard = who < 2 || world.first_was_heard;
            if may_be_heard {
                steps.extend((0..person.requests.len()).map(|it| Step::ToServer(who, it)));
            }
            if self.sealed {
                steps.extend((0..person.requests.len()).map(|it| Step::Forge(who, it)));
            }
        }
        if world.machine.turn_due {
            steps.push(Step::Turn);
            return;
        }
        for (who, person) in world.people.iter().enumerate() {
            if person.idle {
                if person.step < self.scripts[who].len() {
                    steps.push(Step::Perform(who));
                }
            } else if person.is_overdue() {
                steps.push(Step::Overdue(who));
            } else if world.give_ups < self.give_ups {
                steps.push(Step::GiveUp(who));
            }
        }
        // A client with nothing under way looks at no datagram.
        let awaited = |it: &(usize, &Arc<Said>)| !world.people[it.1.to].idle;
        let answers = world.answers.iter().enumerate().filter(awaited);
        steps.extend(answers.map(|(which, _)| Step::ToClient(which)));
        if !world.machine.pending.is_empty() {
            steps.push(Step::Commit);
        }
        if world.crashes < self.crashes {
            steps.push(Step::Crash);
        }
        if world.nights < self.nights {
            steps.push(Step::Night);
        }
        if world.minutes < self.minutes {
            steps.push(Step::Minute);
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::Perform(who) => self.tell(&mut world, who, Happening::Perform),
            Step::Overdue(who) => self.tell(&mut world, who, Happening::Overdue),
            Step::GiveUp(who) => {
                world.give_ups += 1;
                self.tell(&mut world, who, Happening::GiveUp);
            }
            Step::ToClient(which) => {
                let said = &last.answers[which];
                self.tell(&mut world, said.to, Happening::Datagram(said.bytes.clone()));
            }
            Step::ToServer(who, which) => {
                world.first_was_heard |= who == 1;
                let by = self.sealed.then(|| device(who));
                self.hear(&mut world, who, by, &last.people[who].requests[which]);
            }
            Step::Forge(who, which) => {
                self.memory.forged.store(true, Ordering::Relaxed);
                let by = Some(device(FORGER));
                self.hear(&mut world, FORGER, by, &last.people[who].requests[which]);
            }
            Step::Turn => self.turn(&mut world),
            Step::Commit => {
                Arc::make_mut(&mut world.machine).commit();
                self.turn(&mut world);
            }
            Step::Crash => {
                let machine = Arc::make_mut(&mut world.machine);
                let is_loss = world.executed.len() > machine.kept();
                self.memory.loss.fetch_or(is_loss, Ordering::Relaxed);
                world.executed.truncate(machine.kept());
                machine.crash();
                world.crashes += 1;
            }
            Step::Minute => {
                world.minutes += 1;
                let now = self.servers_now(&world);
                Arc::make_mut(&mut world.machine).server.handle_timeout(now);
                self.turn(&mut world);
            }
            Step::Night => {
                world.nights += 1;
                for who in 0..world.people.len() {
                    let night = if self.asleep { Happening::Sleep } else { Happening::Night };
                    self.tell(&mut world, who, night);
                }
                Arc::make_mut(&mut world.machine).nights_up += 1;
                let now = self.servers_now(&world);
                Arc::make_mut(&mut world.machine).server.handle_timeout(now);
                self.turn(&mut world);
            }
        }
        self.settle(&mut world, Some(last));
        if world.seen == last.seen {
            return None;
        }
        let visited = self.memory.visited.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(law) = world.broken {
            self.memory.broken.get_or_init(|| (law, visited));
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one request, one outcome", |_, world: &World| {
                world.broken != Some(Law::OneOutcome)
            }),
            Property::always("acknowledged means on the sheet", |_, world: &World| {
                world.broken != Some(Law::Acknowledged)
            }),
            Property::always("no late duplicate has an effect", |_, world: &World| {
                world.broken != Some(Law::NoLateEffect)
            }),
            Property::always("who marked is who holds the key", |_, world: &World| {
                world.broken != Some(Law::HoldsTheKey)
            }),
            Property::always("one close, whoever was first", |_, world: &World| {
                world.broken != Some(Law::OneClose)
            }),
            Property::sometimes("everything can finish", |model: &Self, world: &World| {
                let all =
                    |(person, script): (&Arc<Person>, &Vec<_>)| person.answered == script.len();
                let complete = |sheet: &Sheet| sheet.marks.len() == model.scripts.len() - 1;
                world.people.iter().zip(&model.scripts).all(all)
                    && world.machine.sheets().iter().any(complete)
            }),
        ]
    }
}

impl SmallWorld {
    fn servers_now(&self, world: &World) -> Now {
        let ahead = if world.crashes == 0 { self.server_ahead } else { Duration::ZERO };
        // Nobody sees the difference between this second and one in which a restart takes as long.
        let passed = ahead
            + NIGHT * world.nights.into()
            + Duration::from_secs(world.crashes.into())
            + Duration::from_secs(60) * world.minutes.into();
        let moved = if self.date_moves { world.executed.len() } else { 0 };
        let millis = i64::try_from(passed.as_millis()).expect("a few nights")
            + i64::try_from(moved).expect("a few executions");
        Now {
            instant: Instant::ZERO.after(NIGHT * world.machine.nights_up.into()),
            wall: WallTime::from_millis(START_MILLIS).shifted(millis),
        }
    }

    /// A request arrives at the server.
    fn hear(&self, world: &mut World, from: usize, by: Option<DeviceId>, bytes: &[u8]) {
        let now = self.servers_now(world);
        Arc::make_mut(&mut world.machine).hear(now, from, by, bytes);
        if !self.lazy_turns {
            self.turn(world);
        }
    }

    fn after(&self, who: usize, person: &Person, happening: Happening) -> Fate {
        let key = (person.id, happening);
        if let Some(known) = self.memory.people.lock().expect("no panic").get(&key) {
            return known.clone();
        }
        let after = person.after(&key.1, &self.scripts[who]).map(Arc::new);
        self.memory.people.lock().expect("no panic").insert(key, after.clone());
        after
    }

    /// Something happens to a person.
    fn tell(&self, world: &mut World, who: usize, happening: Happening) {
        let Some(person) = self.after(who, &world.people[who], happening) else { return };
        self.memory.abandoned.fetch_or(!person.abandoned.is_empty(), Ordering::Relaxed);
        world.people[who] = person;
    }

    /// The server's loop turns: batches go to the disk, what may leave leaves.
    fn turn(&self, world: &mut World) {
        let mut machine = (*world.machine).clone();
        machine.turn_due = false;
        let mut space = Datagram::new();
        while let Some(output) = machine.server.poll_output(&mut space) {
            match output {
                Output::Append(batch) => {
                    let closes = |it: &Record| matches!(it, Record::ClosedAtDeadline { .. });
                    let is_closed = batch.records.iter().any(closes);
                    self.memory.closed_by_itself.fetch_or(is_closed, Ordering::Relaxed);
                    let is_corrected = batch.sheets.iter().any(|it| it.revision() > 1);
                    self.memory.corrected.fetch_or(is_corrected, Ordering::Relaxed);
                    world.note_executions(&batch);
                    let by_forger = |it: &Execution| it.who == FORGER && it.marked.is_some();
                    let is_marked = world.executed.iter().any(by_forger);
                    self.memory.marked_by_forger.fetch_or(is_marked, Ordering::Relaxed);
                    machine.pending.push_back(batch);
                }
                // Sealed for him, it opens for nobody else.
                Output::Transmit { to: FORGER } => {}
                Output::Transmit { to } => self.send(world, Said::new(to, space.as_bytes())),
                Output::Load(_)
                | Output::ListSheets(_)
                | Output::ListRows(_)
                | Output::Snapshot(_)
                | Output::Folder(_) => {
                    unreachable!("nobody asks for sheets or files")
                }
            }
        }
        world.machine = Arc::new(machine);
    }

    fn send(&self, world: &mut World, said: Said) {
        let Memory { stale, skew, begin_again, .. } = &*self.memory;
        match said.answer {
            Answer::Stale => stale.store(true, Ordering::Relaxed),
            Answer::BeginAgain(BeginAgain { server_time: Some(_) }) => {
                skew.store(true, Ordering::Relaxed);
            }
            Answer::BeginAgain(BeginAgain { server_time: None }) => {
                begin_again.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        let same = |it: &&Arc<Said>| (it.client, it.number) == (said.client, said.number);
        if said.is_outcome() {
            let mut told = world.answers.iter().filter(same).filter(|it| it.is_outcome());
            if told.any(|it| it.answer != said.answer) {
                world.break_law(Law::OneOutcome);
            }
        } else if !world.is_awaited(&said) {
            // Nobody will ever listen to it: whoever takes it takes what answers nothing.
            let happening = Happening::Datagram(said.bytes.clone());
            if self.after(said.to, &world.people[said.to], happening).is_some() {
                world.break_law(Law::NoLateEffect);
            }
            return;
        }
        let place = |it: &Arc<Said>| (it.to, &it.bytes).cmp(&(said.to, &said.bytes));
        if let Err(place) = world.answers.binary_search_by(place) {
            world.answers.insert(place, Arc::new(said));
        }
    }

    /// What follows at once, and what can be seen then.
    fn settle(&self, world: &mut World, last: Option<&World>) {
        // Once nothing can be lost any more, a batch that becomes durable later makes silence or
        // a later answer, and the network makes them too.
        while world.crashes == self.crashes && !world.machine.pending.is_empty() {
            Arc::make_mut(&mut world.machine).commit();
            self.turn(world);
        }
        // Once no night is left, it makes no difference when a person begins: the network may
        // delay the request as long.
        while let Some(who) = self.who_may_begin(world) {
            self.tell(world, who, Happening::Perform);
        }
        let World { answers, people, .. } = world;
        answers.retain(|it| it.is_outcome() || people[it.to].listens_to(it.client, it.number));
        // Whatever changes the machine makes a new one; and only the machine tells anything.
        if last.is_none_or(|last| !Arc::ptr_eq(&world.machine, &last.machine)) {
            let receipts_hold = world.answers.iter().all(|it| world.machine.has(it));
            if !receipts_hold || world.machine.has_somebody_twice() {
                world.break_law(Law::Acknowledged);
            }
            if world.machine.has_two_closes() {
                world.break_law(Law::OneClose);
            }
            let now = self.servers_now(world);
            Arc::make_mut(&mut world.machine).look(now.wall, world.crashes < self.crashes);
        }
        world.seen = world.look();
    }

    fn who_may_begin(&self, world: &World) -> Option<usize> {
        let is_last_day = world.nights == self.nights;
        let may = |&who: &usize| {
            world.people[who].idle && world.people[who].step < self.scripts[who].len()
        };
        (0..world.people.len()).filter(|_| is_last_day).find(may)
    }
}

impl World {
    fn break_law(&mut self, law: Law) {
        self.broken.get_or_insert(law);
    }

    fn note_executions(&mut self, batch: &Batch) {
        for (by, operation, client) in batch.records.iter().filter_map(execution) {
            let marked = match (operation, &client.outcome) {
                (
                    Operation::Mark { student, .. },
                    Outcome::Marked(Marked { already_present: false, .. }),
                ) => Some(*student),
                _ => None,
            };
            if by == Principal::Device(device(FORGER)) {
                let is_refused =
                    matches!(client.outcome, Outcome::Refused(_) | Outcome::MarkRefused(_));
                // Whoever asks again under a person's name is answered with what he did there.
                let is_a_persons = self.people.iter().enumerate().any(|(who, it)| {
                    let theirs = Principal::Device(device(who));
                    it.step_of(theirs, client.client, client.number).is_some()
                });
                if is_a_persons || !is_refused && !matches!(operation, Operation::Mark { .. }) {
                    self.break_law(Law::HoldsTheKey);
                }
                self.executed.push(Execution { who: FORGER, step: 0, marked });
                continue;
            }
            let mut place = self.people.iter().enumerate();
            let (who, (step, was_asked_again)) = place
                .find_map(|(who, it)| {
                    let is_theirs = by == Principal::Plain || by == Principal::Device(device(who));
                    is_theirs
                        .then(|| it.step_of(by, client.client, client.number))?
                        .map(|step| (who, step))
                })
                .expect("only what was sent is executed");
            // A person's operations take effect in the order in which they were meant, each once:
            // the same again, or an earlier one after a later one, is a duplicate that had an
            // effect. So is one that its client has asked again under another name, because it was
            // told that under this one it was not executed and will not be. Only what was given up
            // for good may still happen late: the specification says so, and its client said so.
            let given_up = self.people[who].abandoned.contains(&step);
            let is_late = |it: &Execution| it.step == step || it.step > step && !given_up;
            let is_late = self.executed.iter().any(|it| it.who == who && is_late(it));
            if is_late || was_asked_again {
                self.break_law(Law::NoLateEffect);
            }
            self.executed.push(Execution { who, step, marked });
        }
        // The sheet says from whose device each mark came.
        for (student, by) in batch.sheets.iter().flat_map(|it| &it.devices) {
            let first = self.executed.iter().find(|it| it.marked == Some(*student));
            if first.is_none_or(|it| device(it.who) != *by) {
                self.break_law(Law::HoldsTheKey);
            }
        }
    }

    fn is_awaited(&self, said: &Said) -> bool {
        self.people[said.to].listens_to(said.client, said.number)
    }

    fn look(&self) -> u64 {
        let mut hasher = new_hasher();
        self.machine.seen.hash(&mut hasher);
        // A reply that waits adds nothing if the network has it already, or if nobody listens.
        for (commits, said) in &self.machine.held {
            let is_known = self.answers.iter().any(|it| it.hash == said.hash);
            if !is_known && (said.is_outcome() || self.is_awaited(said)) {
                (commits, said.hash).hash(&mut hasher);
            }
        }
        for person in &self.people {
            person.seen.hash(&mut hasher);
        }
        for said in &self.answers {
            said.hash.hash(&mut hasher);
        }
        self.executed.hash(&mut hasher);
        (self.crashes, self.nights, self.minutes).hash(&mut hasher);
        (self.give_ups, self.first_was_heard).hash(&mut hasher);
        self.broken.map(|law| law as u8).hash(&mut hasher);
        hasher.finish()
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.seen.hash(hasher);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.seen == other.seen
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for person in &self.people {
            for bytes in &person.requests {
                writeln!(f, "  {:?}", decode_request(bytes).map(|it| it.request))?;
            }
        }
        for said in &self.answers {
            writeln!(f, "  {:?} {} {:?}", said.client, said.number.get(), said.answer)?;
        }
        writeln!(f, "  executed {}, broken {:?}", self.executed.len(), self.broken)
    }
}

pub(crate) fn new_hasher() -> DefaultHasher {
    DefaultHasher::new()
}

pub(crate) fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = new_hasher();
    value.hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn class() -> ClassId {
    ClassId::new(1).expect("not zero")
}

pub(crate) fn student(who: usize) -> StudentNumber {
    format!("{who}0").parse().expect("a student number")
}
