//! What a server knows and its journal keeps: the fold of a snapshot and of the records after it.
//!
//! Owns the register, the people, the sessions and the two times that belong to them. Leaves to others which
//! batch a record is in and when it is durable ([`crate::server`]), and how the records are kept
//! ([`crate::journal`]). Invariant: the same items and records in the same order give the same
//! state.

use std::sync::Arc;

use crate::access::{RoomCode, Terms};
use crate::attendance::{Change, TrailEntry};
use crate::exchange::{
    Act, ActRecord, Arrived, Closed, Enrolled, Extended, Operation, Outcome, Refusal, Refused,
};
use crate::hashing::HashKey;
use crate::ids::{ClassId, RollCallNumber, StudentNumber};
use crate::limits::{CLASSES_MAX, OPEN_ROLL_CALLS_MAX, ROSTERS_TOTAL_MAX, TRAIL_MAX};
use crate::people::{self, Admission, CodeClock, People, PeopleItem, Pool, Room};
use crate::principal::Principal;
use crate::record::{Record, Recovery, SnapshotItem};
use crate::roll::{
    Agenda, Applied, ClientRecord, ClosedSheet, Contradiction, Extras, Proceedings,
    ProceedingsItem, ProceedingsWalk, Register, RosterWalk, Rosters, Sessions, Supplement, Walked,
};
use crate::time::{Instant, WallTime};

mod correct;
mod kept;

use kept::KeptRollCalls;

/// The state that a journal can bring back.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) register: Register,
    pub(crate) agenda: Agenda,
    pub(crate) rosters: Rosters,
    pub(crate) people: People,
    pub(crate) sessions: Sessions,
    /// The latest time that was written anywhere: the server's own time never goes back.
    pub(crate) latest: WallTime,
    /// The latest time in the journal, or in what is about to be appended to it.
    pub(crate) recorded: WallTime,
    /// Closed roll calls that were read to be corrected. Not a part of what is recorded.
    pub(crate) kept: KeptRollCalls,
    /// The part of a snapshot that comes next, if one is being made.
    snapshot: Option<Stage>,
}

/// What of a snapshot is still to be made.
#[derive(Clone)]
enum Stage {
    Begin { latest: WallTime, rest: Box<Rest> },
    Register(Box<Rest>),
    Rest(Box<Rest>),
    Sessions,
}

/// What is copied when a snapshot begins, which costs nothing.
#[derive(Clone)]
struct Rest {
    people: people::Walk,
    agenda: ProceedingsWalk,
    rosters: RosterWalk,
}

impl Iterator for Rest {
    type Item = SnapshotItem;

    fn next(&mut self) -> Option<SnapshotItem> {
        if let Some(item) = self.people.next() {
            return Some(SnapshotItem::People(item));
        }
        if let Some(item) = self.agenda.next() {
            return Some(SnapshotItem::Proceedings(item));
        }
        self.rosters.next().map(SnapshotItem::Roster)
    }
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
    /// It is not looked at before this closed roll call was read.
    Load(ClassId, RollCallNumber),
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
            agenda: Agenda::default(),
            rosters: Rosters::default(),
            people: People::default(),
            sessions: Sessions::new(hash_key),
            latest: WallTime::default(),
            recorded: WallTime::default(),
            kept: KeptRollCalls::default(),
            snapshot: None,
        }
    }

    /// Begins a snapshot: [`State::next_items`] gives the state as it is now, bit by bit, whatever
    /// happens to it meanwhile.
    pub(crate) fn begin_snapshot(&mut self) {
        self.register.begin_walk();
        self.sessions.begin_walk();
        self.snapshot = Some(Stage::Begin { latest: self.latest, rest: Box::new(self.rest()) });
    }

    /// What a snapshot keeps beside the register and the sessions.
    fn rest(&self) -> Rest {
        Rest {
            people: self.people.items(),
            agenda: self.agenda.items(),
            rosters: self.rosters.items(),
        }
    }

    /// The next items of the snapshot, after a bounded number of steps, and whether they are the
    /// last ones. Together they are what [`State::items`] was at the beginning, in an order in which
    /// [`Recovery::restore`] takes it.
    pub(crate) fn next_items(&mut self, steps: usize) -> (Vec<SnapshotItem>, bool) {
        let mut items = Vec::with_capacity(steps);
        let stage = self.snapshot.take().map(|stage| match stage {
            Stage::Begin { latest, rest } => {
                items.push(SnapshotItem::Latest(latest));
                Stage::Register(rest)
            }
            other => other,
        });
        self.snapshot = match stage {
            None | Some(Stage::Begin { .. }) => None,
            Some(Stage::Register(rest)) => {
                let mut hand_out = |item| items.push(SnapshotItem::Register(item));
                let is_done = self.register.walk(steps, &mut hand_out);
                Some(if is_done { Stage::Rest(rest) } else { Stage::Register(rest) })
            }
            Some(Stage::Rest(mut rest)) => {
                items.extend(rest.by_ref().take(steps));
                Some(if items.len() < steps { Stage::Sessions } else { Stage::Rest(rest) })
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
        let register = self.register.items().map(SnapshotItem::Register);
        let kept = self.sessions.kept_until_past().map(SnapshotItem::KeptUntilPast);
        let latest = std::iter::once(SnapshotItem::Latest(self.latest));
        latest.chain(register).chain(self.rest()).chain(clients).chain(kept)
    }

    /// What an operation of this principal leads to now. Changes nothing.
    pub(crate) fn decide(&self, who: Principal, operation: &Operation, now: Moment) -> Decision {
        let Moment { at, .. } = now;
        let decided = match *operation {
            Operation::Open { class, terms } | Operation::OpenWith { class, terms, .. } => {
                self.decide_open(who, class, terms, at)
            }
            Operation::Close { class } => self.decide_close(who, class, at),
            Operation::Mark { class, student, code } => {
                return self.decide_mark(who, (class, student), (code, 0), now);
            }
            Operation::Deliver { class, student, code, delay_ms } => {
                // Who is on the roll call already is told so, however long ago that was.
                if !self.register.is_present(class, student)
                    && let Err(reason) = self.decide_delay(class, delay_ms, at)
                {
                    return Decision::Outcome(Outcome::MarkRefused(Refused { at, reason }));
                }
                return self.decide_mark(who, (class, student), (code, delay_ms), now);
            }
            Operation::Join { code } => {
                let invite = code.id();
                let joined = self.people.decide_join(who, invite, at);
                joined.map(|joined| Outcome::Joined { invite, joined: Box::new(joined) })
            }
            Operation::Act(act) => {
                let is_known = match act {
                    Act::Call { class, student, .. } => self.register.is_present(class, student),
                    Act::Enrol { class, student, .. } => {
                        self.rosters.of(class).is_some_and(|roster| roster.has(student))
                    }
                    _ => false,
                };
                self.people.decide_act(who, &act, at, is_known).map(Outcome::Acted)
            }
            Operation::Extend { class, seconds } => self.decide_extend(who, class, seconds, at),
            Operation::Enrol { class, ref change } => self.decide_use(who, class).and_then(|()| {
                let most = self.share_of(who, ROSTERS_TOTAL_MAX);
                let (version, students) = self.rosters.decide(class, change, most)?;
                Ok(Outcome::Enrolled(Enrolled { at, class, version, students }))
            }),
            Operation::Reopen { class } => return self.decide_reopen(who, class, at),
            Operation::Correct { class, ref correction } => {
                return self.decide_correct(who, class, correction, at);
            }
        };
        Decision::of(decided, at)
    }

    fn decide_open(
        &self,
        who: Principal,
        class: ClassId,
        terms: Terms,
        at: WallTime,
    ) -> Result<Outcome, Refusal> {
        let is_open = self.register.is_open(class);
        self.people.decide_open(who, class, terms, is_open)?;
        match self.lacks_room(who, class).filter(|_| !is_open) {
            None => Ok(self.register.decide_open(class, at)),
            Some(reason) => Err(reason),
        }
    }

    fn decide_close(
        &self,
        who: Principal,
        class: ClassId,
        at: WallTime,
    ) -> Result<Outcome, Refusal> {
        self.people.decide_close(who, class, self.register.knows(class))?;
        Ok(self.with_extras(class, |extras| self.register.decide_close(class, at, extras)))
    }

    /// Whether somebody may change what a class has beside its roll calls: whoever may open one.
    fn decide_use(&self, who: Principal, class: ClassId) -> Result<(), Refusal> {
        let terms = if who == Principal::Plain { Terms::PLAIN } else { Terms::SEALED };
        self.people.decide_open(who, class, terms, self.register.is_open(class))?;
        let is_new = self.rosters.version(class) == 0;
        // R-ROSTER-3
        if is_new && self.rosters.len() >= self.share_of(who, CLASSES_MAX) {
            return Err(Refusal::TooManyClasses);
        }
        Ok(())
    }

    /// Up to where this principal may fill a table of this capacity that has no shares of its own: who asks
    /// plainly leaves the rest to teachers, where there are some.
    fn share_of(&self, who: Principal, capacity: usize) -> usize {
        if who == Principal::Plain && !self.people.is_empty() {
            Pool::Strangers.share_of(capacity)
        } else {
            capacity
        }
    }

    /// Whether an answer may arrive so long after it was pressed.
    fn decide_delay(&self, class: ClassId, delay_ms: u32, at: WallTime) -> Result<(), Refusal> {
        let Some((_, _, opened_at, _)) = self.register.open_roll_call(class) else {
            return Err(Refusal::NotOpen);
        };
        let plan = self.agenda.of(class).map(|it| it.plan.clone()).unwrap_or_default();
        let most_ms = u32::from(plan.accept_delayed_s) * 1_000;
        // R-DELAY-1, R-DELAY-2
        let is_before = at.millis_after(opened_at) < i64::from(delay_ms);
        if delay_ms > most_ms || is_before { Err(Refusal::TooLate) } else { Ok(()) }
    }

    fn decide_mark(
        &self,
        who: Principal,
        (class, student): (ClassId, StudentNumber),
        (code, delay_ms): (Option<RoomCode>, u32),
        now: Moment,
    ) -> Decision {
        let Moment { at, instant, codes } = now;
        let refused = |reason| Decision::Outcome(Outcome::MarkRefused(Refused { at, reason }));
        match self.people.decide_mark(who, class, student, (code, delay_ms), (codes, instant)) {
            Admission::Taken => {}
            Admission::Refused(reason) => return refused(reason),
            Admission::Later(millis) => return Decision::Later(millis),
        }
        let proceedings = self.agenda.of(class);
        // R-CORRECT-4
        let standing = proceedings.and_then(|it| it.standing(student));
        let is_taken_back = standing.is_some_and(|it| !it.is_there());
        if is_taken_back && self.register.is_present(class, student) {
            return refused(Refusal::TakenBack);
        }
        let outcome = self.register.decide_mark(class, student, at);
        let Outcome::Marked(marked) = outcome else { return Decision::Outcome(outcome) };
        if marked.already_present {
            return Decision::Outcome(outcome);
        }
        let pressed_at = at.shifted(-i64::from(delay_ms));
        // R-PLAN-3, R-ROSTER-4
        let late = proceedings.is_some_and(|it| it.is_late(pressed_at));
        let unlisted = self.rosters.of(class).is_some_and(|roster| !roster.has(student));
        Decision::Outcome(if late || unlisted {
            Outcome::Arrived(Arrived { marked, late, unlisted })
        } else {
            outcome
        })
    }

    fn decide_extend(
        &self,
        who: Principal,
        class: ClassId,
        seconds: u32,
        at: WallTime,
    ) -> Result<Outcome, Refusal> {
        self.people.decide_close(who, class, self.register.knows(class))?;
        if !self.register.is_open(class) {
            return Err(Refusal::NotOpen);
        }
        let by = std::time::Duration::from_secs(seconds.into());
        // R-CORRECT-5
        if self.agenda.of(class).is_some_and(|it| it.trail().len() >= TRAIL_MAX) {
            return Err(Refusal::NoRoom);
        }
        let closes_at = match self.agenda.of(class) {
            Some(it) => it.extended(at, by),
            None => Proceedings::default().extended(at, by),
        };
        Ok(Outcome::Extended(Extended { at, class, closes_at }))
    }

    /// What a sheet of the open roll call of a class says beside the marks.
    fn supplement(&self, class: ClassId) -> Option<Arc<Supplement>> {
        let (roster, proceedings) = (self.rosters.of(class), self.agenda.of(class));
        if roster.is_none() && proceedings.is_none() {
            return None;
        }
        let none = Proceedings::default();
        let marks = self.register.marks(class).map(|mark| mark.student);
        let listed = roster.map(|it| it.iter().collect());
        Some(Arc::new(Supplement::of(proceedings.unwrap_or(&none), listed, marks)))
    }

    /// Does something with what goes onto the sheet of the open roll call of a class.
    fn with_extras<T>(&self, class: ClassId, with: impl FnOnce(Extras<'_>) -> T) -> T {
        let room = self.people.room(class);
        let supplement = self.supplement(class);
        with(Extras {
            particulars: room.map(Room::particulars),
            supplement: supplement.as_ref(),
            terms: room.map(|room| room.terms),
        })
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
        let applied = match *operation {
            Operation::Close { class } => {
                let Outcome::Closed(closed) = outcome else { return Ok(Changed::default()) };
                self.apply_close(class, closed)?
            }
            Operation::Reopen { class } => {
                self.apply_reopen(who, class, outcome)?;
                Applied::default()
            }
            Operation::Correct { class, ref correction } => {
                self.apply_correct(who, class, correction, outcome)?
            }
            _ => self.register.apply(operation, outcome, Extras::default())?,
        };
        if let &Outcome::Extended(Extended { class, .. }) = outcome
            && !self.register.is_open(class)
        {
            return Err(Contradiction("a class that is not open is extended"));
        }
        let act = self.people.apply(who, operation, outcome);
        self.apply_agenda(who, operation, outcome);
        Ok(Changed { applied, act })
    }

    /// Closes a roll call, unless an earlier request did.
    pub(crate) fn apply_close(
        &mut self,
        class: ClassId,
        closed: &Closed,
    ) -> Result<Applied, Contradiction> {
        if closed.already_closed {
            return Ok(Applied::default());
        }
        let supplement = self.supplement(class);
        let room = self.people.room(class);
        let extras = Extras {
            particulars: room.map(Room::particulars),
            supplement: supplement.as_ref(),
            terms: room.map(|room| room.terms),
        };
        let applied = self.register.apply_close(class, closed, extras)?;
        self.agenda.remove(class);
        if let Some(closed) = &applied.closed {
            self.kept.insert(class, closed.info.number, Some(Arc::new(closed.clone())));
        }
        Ok(applied)
    }

    /// Closes a roll call at its deadline.
    pub(crate) fn apply_deadline(
        &mut self,
        class: ClassId,
        closed: &Closed,
    ) -> Result<Applied, Contradiction> {
        let applied = self.apply_close(class, closed)?;
        self.people.close_room(class);
        Ok(applied)
    }

    /// What the close of a roll call leads to whose deadline this is.
    pub(crate) fn decide_deadline(&self, class: ClassId, closes_at: WallTime) -> Outcome {
        // R-PLAN-2
        self.with_extras(class, |extras| self.register.decide_close(class, closes_at, extras))
    }

    /// What an operation changes of plans, rosters and what is known of those who answered.
    fn apply_agenda(&mut self, who: Principal, operation: &Operation, outcome: &Outcome) {
        match (operation, outcome) {
            (
                &Operation::OpenWith { class, ref plan, .. },
                &Outcome::Opened { opened_at, already_open: false, .. },
            ) => self.agenda.insert(class, Proceedings::new(plan.clone(), opened_at)),
            (
                &Operation::Extend { class, .. },
                &Outcome::Extended(Extended { at, closes_at, .. }),
            ) => {
                self.agenda.extend(class, at, closes_at);
                let by = self.people.name_of(who);
                let change = Change::Extended { closes_at };
                self.agenda.entry(class).note(TrailEntry { at, by, change, reason: None });
            }
            (&Operation::Enrol { class, ref change }, &Outcome::Enrolled(enrolled)) => {
                self.rosters.apply(class, change, enrolled.version);
            }
            (&Operation::Mark { class, student, .. }, outcome) => {
                self.note_answer(class, student, outcome, None);
            }
            (&Operation::Deliver { class, student, delay_ms, .. }, outcome) => {
                self.note_answer(class, student, outcome, Some(delay_ms));
            }
            _ => {}
        }
    }

    fn note_answer(
        &mut self,
        class: ClassId,
        student: StudentNumber,
        outcome: &Outcome,
        delay_ms: Option<u32>,
    ) {
        let Some(marked) = outcome.marked().filter(|it| !it.already_present) else { return };
        let pressed_at = delay_ms.map(|it| marked.at.shifted(-i64::from(it)));
        if pressed_at.is_some() || self.agenda.of(class).is_some() {
            self.agenda.entry(class).note_answer(student, pressed_at);
        }
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

impl Decision {
    fn of(decided: Result<Outcome, Refusal>, at: WallTime) -> Self {
        let refused = |reason| Outcome::Refused(Refused { at, reason });
        Self::Outcome(decided.unwrap_or_else(refused))
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
            SnapshotItem::Roster(item) => self.rosters.restore(item)?,
            SnapshotItem::Proceedings(item) => {
                if let ProceedingsItem::Begin { class, .. } = item
                    && !self.register.is_open(class)
                {
                    return Err(Contradiction("a plan is of no open roll call"));
                }
                self.agenda.restore(item)?;
            }
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
            Record::ClosedAtDeadline { class, ref closed } => {
                self.learn_time(closed.sheet.closed_at);
                self.apply_deadline(class, closed)?;
            }
            Record::Reopening(kept) => {
                let (class, number) = (kept.class, kept.number);
                let closed = ClosedSheet::try_from(*kept)?;
                self.kept.insert(class, number, Some(Arc::new(closed)));
            }
            Record::ClockSet { at } => self.set_clock(at),
        }
        Ok(())
    }

    fn resume_after(&mut self, _batch: u64) {}
}

#[cfg(test)]
mod tests;
