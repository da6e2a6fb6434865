//! What a server knows and its journal keeps: the fold of a snapshot and of the records after it.
//!
//! Owns the register, the people, the sessions and the two times that belong to them. Leaves to others which
//! batch a record is in and when it is durable ([`crate::server`]), and how the records are kept
//! ([`crate::journal`]). Invariant: the same items and records in the same order give the same
//! state.

use crate::exchange::{Act, ActRecord, Operation, Outcome, Refusal, Refused};
use crate::hashing::HashKey;
use crate::ids::ClassId;
use crate::limits::{CLASSES_MAX, OPEN_ROLL_CALLS_MAX};
use crate::people::{self, Admission, CodeClock, People, PeopleItem, Pool, Room};
use crate::principal::Principal;
use crate::record::{Record, Recovery, SnapshotItem};
use crate::roll::{Applied, ClientRecord, Contradiction, Particulars, Register, Sessions, Walked};
use crate::time::{Instant, WallTime};

/// The state that a journal can bring back.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) register: Register,
    pub(crate) people: People,
    pub(crate) sessions: Sessions,
    /// The latest time that was written anywhere: the server's own time never goes back.
    pub(crate) latest: WallTime,
    /// The latest time in the journal, or in what is about to be appended to it.
    pub(crate) recorded: WallTime,
    /// The part of a snapshot that comes next, if one is being made.
    snapshot: Option<Stage>,
}

/// What of a snapshot is still to be made.
#[derive(Clone)]
enum Stage {
    Begin { latest: WallTime, people: Box<people::Walk> },
    Register(Box<people::Walk>),
    People(Box<people::Walk>),
    Sessions,
}

/// What a request is decided by, beside the state.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    /// The server's time.
    pub(crate) at: WallTime,
    /// The monotonic clock.
    pub(crate) instant: Instant,
    /// By which the codes of rooms are counted.
    pub(crate) codes: CodeClock,
}

/// What becomes of an operation that is new.
pub(crate) enum Decision {
    /// It is executed, or refused.
    Outcome(Outcome),
    /// It is not looked at for so many milliseconds.
    Later(u16),
}

/// What the journal has to keep, and need not keep any more, after an operation.
#[derive(Default)]
pub(crate) struct Changed {
    pub(crate) applied: Applied,
    pub(crate) act: Option<ActRecord>,
}

impl State {
    /// Nothing has happened. The tables hash under this key.
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self {
            register: Register::new(hash_key),
            people: People::default(),
            sessions: Sessions::new(hash_key),
            latest: WallTime::default(),
            recorded: WallTime::default(),
            snapshot: None,
        }
    }

    /// Begins a snapshot: [`State::next_items`] gives the state as it is now, bit by bit, whatever
    /// happens to it meanwhile.
    pub(crate) fn begin_snapshot(&mut self) {
        self.register.begin_walk();
        self.sessions.begin_walk();
        let people = Box::new(self.people.items());
        self.snapshot = Some(Stage::Begin { latest: self.latest, people });
    }

    /// The next items of the snapshot, after a bounded number of steps, and whether they are the
    /// last ones. Together they are what [`State::items`] was at the beginning, in an order in which
    /// [`Recovery::restore`] takes it.
    pub(crate) fn next_items(&mut self, steps: usize) -> (Vec<SnapshotItem>, bool) {
        let mut items = Vec::with_capacity(steps);
        let stage = self.snapshot.take().map(|stage| match stage {
            Stage::Begin { latest, people } => {
                items.push(SnapshotItem::Latest(latest));
                Stage::Register(people)
            }
            other => other,
        });
        self.snapshot = match stage {
            None | Some(Stage::Begin { .. }) => None,
            Some(Stage::Register(people)) => {
                let mut hand_out = |item| items.push(SnapshotItem::Register(item));
                let is_done = self.register.walk(steps, &mut hand_out);
                Some(if is_done { Stage::People(people) } else { Stage::Register(people) })
            }
            Some(Stage::People(mut people)) => {
                items.extend(people.by_ref().take(steps).map(SnapshotItem::People));
                Some(if items.len() < steps { Stage::Sessions } else { Stage::People(people) })
            }
            Some(Stage::Sessions) => {
                let mut hand_out = |(record, pool, is_kept): Walked| {
                    let kept = is_kept.then_some(SnapshotItem::KeptUntilPast(record.client));
                    items.push(client_item(record, pool));
                    items.extend(kept);
                };
                let is_done = self.sessions.walk(steps, &mut hand_out);
                (!is_done).then_some(Stage::Sessions)
            }
        };
        (items, self.snapshot.is_none())
    }

    /// Everything that [`Recovery::restore`] needs to make the same state again, in the order in
    /// which it takes it.
    pub(crate) fn items(&self) -> impl Iterator<Item = SnapshotItem> + '_ {
        let clients =
            self.sessions.records().map(|(record, pool)| client_item(record.clone(), pool));
        let people = self.people.items().map(SnapshotItem::People);
        let register = self.register.items().map(SnapshotItem::Register);
        let kept = self.sessions.kept_until_past().map(SnapshotItem::KeptUntilPast);
        let latest = std::iter::once(SnapshotItem::Latest(self.latest));
        latest.chain(register).chain(people).chain(clients).chain(kept)
    }

    /// What an operation of this principal leads to now. Changes nothing.
    pub(crate) fn decide(&self, who: Principal, operation: &Operation, now: Moment) -> Decision {
        let Moment { at, instant, codes } = now;
        let Self { register, people, .. } = self;
        let refused = |reason| Outcome::Refused(Refused { at, reason });
        let outcome = match *operation {
            Operation::Open { class, terms } => {
                let is_open = register.is_open(class);
                match people.decide_open(who, class, terms, is_open) {
                    Ok(()) => match self.lacks_room(who, class).filter(|_| !is_open) {
                        None => register.decide_open(class, at),
                        Some(reason) => refused(reason),
                    },
                    Err(reason) => refused(reason),
                }
            }
            Operation::Close { class } => {
                match people.decide_close(who, class, register.knows(class)) {
                    Ok(()) => register.decide_close(class, at, self.particulars(class)),
                    Err(reason) => refused(reason),
                }
            }
            Operation::Mark { class, student, code } => {
                match people.decide_mark(who, class, student, code, (codes, instant)) {
                    Admission::Taken => register.decide_mark(class, student, at),
                    Admission::Refused(reason) => Outcome::MarkRefused(Refused { at, reason }),
                    Admission::Later(millis) => return Decision::Later(millis),
                }
            }
            Operation::Join { code } => {
                let invite = code.id();
                match people.decide_join(who, invite, at) {
                    Ok(joined) => Outcome::Joined { invite, joined: Box::new(joined) },
                    Err(reason) => refused(reason),
                }
            }
            Operation::Act(act) => {
                let is_present = match act {
                    Act::Call { class, student, .. } => register.is_present(class, student),
                    _ => false,
                };
                match people.decide_act(who, &act, at, is_present) {
                    Ok(acted) => Outcome::Acted(acted),
                    Err(reason) => refused(reason),
                }
            }
        };
        Decision::Outcome(outcome)
    }

    /// Does what was decided.
    ///
    /// # Errors
    /// If it cannot follow from the present state: the journal is damaged.
    pub(crate) fn apply(
        &mut self,
        who: Principal,
        operation: &Operation,
        outcome: &Outcome,
    ) -> Result<Changed, Contradiction> {
        let particulars = match *operation {
            Operation::Close { class } => self.people.room(class).map(Room::particulars),
            _ => None,
        };
        let applied = self.register.apply(operation, outcome, particulars)?;
        let act = self.people.apply(who, operation, outcome);
        Ok(Changed { applied, act })
    }

    /// Whose share of the table of clients this principal takes, where the shares are kept apart: that is
    /// when somebody has a role.
    pub(crate) fn pool(&self, who: Principal) -> Option<Pool> {
        // R-POOL-1
        (!self.people.is_empty()).then(|| self.people.pool(who))
    }

    /// Why there is no room left for one more roll call of this principal, if there is none: who asks plainly
    /// has a share of the open ones and of the classes, and cannot take what teachers need.
    fn lacks_room(&self, who: Principal, class: ClassId) -> Option<Refusal> {
        let Self { register, people, .. } = self;
        if who != Principal::Plain || people.is_empty() {
            return None;
        }
        // R-POOL-2
        let open = register.open_count().saturating_sub(people.rooms());
        // As for all, an open class counts once more if it has had a roll call before.
        let classes = register.past_count().saturating_sub(people.classes()) + open;
        if open >= Pool::Strangers.share_of(OPEN_ROLL_CALLS_MAX) {
            Some(Refusal::TooManyOpen)
        } else if !register.knows(class) && classes >= Pool::Strangers.share_of(CLASSES_MAX) {
            Some(Refusal::TooManyClasses)
        } else {
            None
        }
    }

    fn particulars(&self, class: ClassId) -> Option<&Particulars> {
        self.people.room(class).map(Room::particulars)
    }

    /// Goes on from this time, also if that is a step back.
    pub(crate) fn set_clock(&mut self, at: WallTime) {
        self.latest = at;
        self.recorded = at;
        self.sessions.set_clock(at);
    }

    fn replay_answer(
        &mut self,
        at: WallTime,
        who: Principal,
        operation: &Operation,
        client: ClientRecord,
    ) -> Result<(), Contradiction> {
        self.learn_time(at);
        self.apply(who, operation, &client.outcome)?;
        let pool = self.people.pool(who);
        // R-FORGET-4
        self.sessions.record(client, pool, Instant::ZERO, 0);
        Ok(())
    }

    /// The journal holds this time.
    fn learn_time(&mut self, at: WallTime) {
        self.latest = self.latest.max(at);
        // R-TIME-2
        self.recorded = self.recorded.max(at);
    }
}

fn client_item(client: ClientRecord, pool: Pool) -> SnapshotItem {
    match pool {
        Pool::Strangers => SnapshotItem::Client(client),
        pool => SnapshotItem::ClientOf { pool, client },
    }
}

impl Recovery for State {
    fn restore(&mut self, item: SnapshotItem) -> Result<(), Contradiction> {
        match item {
            SnapshotItem::Latest(latest) => self.learn_time(latest),
            SnapshotItem::Client(record) => {
                self.sessions.record(record, Pool::Strangers, Instant::ZERO, 0);
            }
            SnapshotItem::ClientOf { pool, client } => {
                self.sessions.record(client, pool, Instant::ZERO, 0);
            }
            SnapshotItem::People(item) => {
                if let PeopleItem::Room { class, .. } = item
                    && !self.register.is_open(class)
                {
                    return Err(Contradiction("a room is of no open roll call"));
                }
                self.people.restore(&item)?;
            }
            SnapshotItem::Register(item) => self.register.restore(&item)?,
            SnapshotItem::KeptUntilPast(client) => {
                if !self.sessions.keep_until_past(client) {
                    return Err(Contradiction("a client is kept that is not known"));
                }
            }
        }
        Ok(())
    }

    fn replay(&mut self, record: Record) -> Result<(), Contradiction> {
        match record {
            Record::Answered { at, operation, client } => {
                self.replay_answer(at, Principal::Plain, &operation, client)?;
            }
            Record::AnsweredTo { at, by, operation, client } => {
                self.replay_answer(at, Principal::Device(by), &operation, client)?;
            }
            Record::CodeDrawn { class, secret } => {
                if !self.people.set_secret(class, secret) {
                    return Err(Contradiction("a code is drawn for a roll call that has none"));
                }
            }
            Record::AdminInvited { at, invite, name, ends_at } => {
                self.learn_time(at);
                self.people.apply_admin_invite(invite, name, at, ends_at);
            }
            Record::Restored => self.people.void_invites(),
            Record::Forgot { at, client } => {
                self.learn_time(at);
                if !self.sessions.forget(client) {
                    return Err(Contradiction("a client is forgotten that is not known"));
                }
            }
            Record::TimeDisclosed { at } => self.learn_time(at),
            Record::ClockSet { at } => self.set_clock(at),
        }
        Ok(())
    }

    fn resume_after(&mut self, _batch: u64) {}
}
