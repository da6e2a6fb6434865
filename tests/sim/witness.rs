//! The witness: whether what people are told agrees with what the disk keeps.
//!
//! It is told what people asked of their clients, which datagrams went out for it, what became
//! durable, which requests the server disowned, what the clients then told their people, and the
//! sheets that were fetched. From the durable records it keeps its own register, in maps and lists and
//! without any cleverness, and holds every record and every word to people against it.
//!
//! Each answer of the server is judged by the auditor (`fuzz/auditor.rs`), byte by byte; nothing here
//! looks at them. Only names and times are taken from the product: no rule of it is used here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollcall::exchange::{
    Answer, BeginAgain, Marked, Opened, Operation, Outcome, Refused, SheetInfo,
};
use rollcall::ids::{ClassId, ClientId, ContentId, RequestNumber, StudentNumber};
use rollcall::time::WallTime;

use crate::seen;

/// What a person asked for, once, under however many names it went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) usize);

/// A request's name.
pub(crate) type Name = (ClientId, RequestNumber);

/// A request's name and all that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The name.
    pub(crate) name: Name,
    /// The client's claim of when it began.
    pub(crate) started: WallTime,
    /// What to do.
    pub(crate) operation: Operation,
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// Which one, in a few words that always stay the same.
    pub(crate) law: &'static str,
    /// What was seen.
    pub(crate) story: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.story)
    }
}

/// A closed roll call as the witness wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainSheet {
    /// The class.
    pub(crate) class: ClassId,
    /// When it was opened.
    pub(crate) opened_at: WallTime,
    /// When it was closed.
    pub(crate) closed_at: WallTime,
    /// Each student once.
    pub(crate) marks: Vec<(StudentNumber, WallTime)>,
}

/// What was asked, kept and told so far.
#[derive(Default)]
pub(crate) struct Witness {
    tickets: Vec<Story>,
    /// Which tickets went out under a name.
    names: BTreeMap<Name, Vec<Ticket>>,
    /// A process's operation that was sent and has not ended.
    under_way: BTreeMap<u32, Ticket>,
    latest: WallTime,
    known: BTreeMap<ClientId, RequestNumber>,
    ever_known: BTreeSet<ClientId>,
    effects: BTreeMap<Name, Effect>,
    rooms: BTreeMap<ClassId, Room>,
    sheets: BTreeMap<ContentId, PlainSheet>,
    disowned: Vec<Asked>,
    /// Requests whose `BEGIN_AGAIN` with a time was kept until their client was forgotten. Whoever still sends
    /// one of them has not heard it and wants it done: it may be judged anew.
    forgotten_skews: Vec<Asked>,
    receipts: Vec<Receipt>,
    violations: Vec<Violation>,
    /// How often the server has started again.
    starts: u64,
    /// What has arrived since the last start and is not durable.
    arrived: Vec<Asked>,
}

struct Story {
    process: u32,
    operation: Operation,
    names: Vec<Asked>,
    executed: Vec<Asked>,
    answer: Option<Answer>,
    unknown: bool,
}

#[derive(Debug)]
struct Effect {
    asked: Asked,
    outcome: Outcome,
    /// Which roll call of its class it was about, counted by the witness.
    roll_call: usize,
    /// How often the server had started again by then.
    starts: u64,
}

#[derive(Default)]
struct Room {
    open: Option<PlainSheet>,
    closed: Vec<SheetInfo>,
    /// For each of these, how often the server had started again by then.
    closed_starts: Vec<u64>,
    /// How many roll calls were opened so far.
    opened: usize,
}

struct Receipt {
    ticket: Ticket,
    class: ClassId,
    student: StudentNumber,
    at: WallTime,
    roll_call: usize,
    starts: u64,
}

impl Witness {
    /// A witness who has seen nothing yet.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The first promise that was broken, if any was.
    #[must_use]
    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violations.first()
    }

    /// Which of its requests was executed, if one was.
    #[must_use]
    pub(crate) fn executed(&self, ticket: Ticket) -> Option<Asked> {
        self.tickets[ticket.0].executed.first().cloned()
    }

    /// The classes that are open, as far as the durable records tell.
    #[must_use]
    pub(crate) fn open_classes(&self) -> Vec<ClassId> {
        let open = |(&class, room): (&ClassId, &Room)| room.open.is_some().then_some(class);
        self.rooms.iter().filter_map(open).collect()
    }

    /// The latest time that is durable.
    #[must_use]
    pub(crate) fn latest(&self) -> WallTime {
        self.latest
    }

    /// The server started again.
    pub(crate) fn started_again(&mut self) {
        self.starts += 1;
        self.arrived.clear();
    }

    /// An operation's datagram came to the server: what it meets there.
    pub(crate) fn arrived(&mut self, asked: Asked) {
        let (client, number) = asked.name;
        let known = self.known.get(&client).map(|number| number.get());
        let forgotten = known.is_none() && self.ever_known.contains(&client);
        seen::MET_FORGOTTEN.held_if(forgotten);
        seen::DISOWNED_AGAIN.held_if(self.disowned.contains(&asked));
        seen::UNKNOWN_LATER.held_if(known.is_none() && number != RequestNumber::FIRST);
        seen::GAP.held_if(known.is_some_and(|last| number.get() > last + 1));
        seen::OLD.held_if(known.is_some_and(|last| number.get() < last));
        match self.effects.get(&asked.name).filter(|_| known.is_some()) {
            Some(effect) if effect.asked == asked => self.copy_arrived(effect),
            Some(_) => seen::OTHER_BODY.held_if(known == Some(number.get())),
            None if self.arrived.contains(&asked) => seen::COPY_IN_PROGRESS.held(),
            None => self.arrived.push(asked),
        }
    }

    fn copy_arrived(&self, effect: &Effect) {
        seen::COPY.held();
        seen::COPY_AFTER_START.held_if(effect.starts < self.starts);
        let operation = &effect.asked.operation;
        let Some(room) = self.rooms.get(&class_of(operation)) else { return };
        let (is_open, is_next) = (room.open.is_some(), room.opened > effect.roll_call);
        let is_closed = !is_open || is_next;
        match operation {
            Operation::Open { .. } => seen::OPEN_AFTER_CLOSE.held_if(is_closed),
            Operation::Close { .. } => seen::CLOSE_IN_NEXT.held_if(is_open && is_next),
            Operation::Mark { .. } => {
                seen::MARK_AFTER_CLOSE.held_if(is_closed);
                seen::MARK_IN_NEXT.held_if(is_open && is_next);
            }
            _ => {}
        }
    }

    // What clients do.

    /// A person asked a client process for an operation.
    pub(crate) fn begun(&mut self, process: u32, operation: Operation) -> Ticket {
        let (names, executed) = (Vec::new(), Vec::new());
        self.tickets.push(Story {
            process,
            operation,
            names,
            executed,
            answer: None,
            unknown: false,
        });
        Ticket(self.tickets.len() - 1)
    }

    /// A datagram left a client for this ticket.
    pub(crate) fn asked(&mut self, ticket: Ticket, asked: &Asked) {
        let story = &self.tickets[ticket.0];
        let process = story.process;
        if story.operation != asked.operation {
            self.accuse("what is sent is what was asked", format!("{ticket:?} {asked:?}"));
            return;
        }
        if story.names.contains(asked) {
            self.under_way.insert(process, ticket);
            return;
        }
        let orphan = story.names.iter().find(|earlier| !self.disowned.contains(earlier)).cloned();
        if let Some(earlier) = orphan {
            let story =
                format!("{ticket:?} goes out as {asked:?}, and {earlier:?} may be executed");
            self.accuse("a second name only after the first was disowned", story);
        }
        if let Some(&other) = self.under_way.get(&process)
            && other != ticket
        {
            let story = format!("process {process} sends {ticket:?} before {other:?} has ended");
            self.accuse("settle first", story);
        }
        self.under_way.insert(process, ticket);
        seen::SECOND_NAME.held_if(!self.tickets[ticket.0].names.is_empty());
        let others = self.names.get(&asked.name).into_iter().flatten();
        seen::CLONED.held_if(others.clone().any(|it| self.tickets[it.0].process != process));
        self.tickets[ticket.0].names.push(asked.clone());
        self.names.entry(asked.name).or_default().push(ticket);
        if self
            .effects
            .get(&asked.name)
            .is_some_and(|effect| effect.asked == *asked && executes(&effect.outcome))
        {
            self.count_execution(ticket, asked);
        }
    }

    /// The client told its person this answer; true if it is the answer to an earlier operation.
    pub(crate) fn heard(&mut self, ticket: Ticket, answer: &Answer) {
        let story = &mut self.tickets[ticket.0];
        self.under_way.remove(&story.process);
        if let Some(first) = story.answer.replace(answer.clone()) {
            let tale = format!("{ticket:?} heard {first:?} and then {answer:?}");
            self.accuse("one answer", tale);
            return;
        }
        let names = story.names.clone();
        let told = |asked: &Asked| {
            let effect = self.effects.get(&asked.name)?;
            let right = effect.asked == *asked && says(&effect.outcome, answer);
            right.then_some((effect.roll_call, effect.starts))
        };
        let Some((roll_call, starts)) = names.iter().find_map(told) else {
            let tale = format!("{ticket:?} of names {names:?} heard {answer:?}");
            self.accuse("a client tells only what is durable under its own name", tale);
            return;
        };
        seen::HEARD_AFTER_START.held_if(starts < self.starts);
        if let (Operation::Mark { class, student, .. }, &Answer::Marked(Marked { at, .. })) =
            (self.tickets[ticket.0].operation.clone(), answer)
        {
            self.receipts.push(Receipt { ticket, class, student, at, roll_call, starts });
        }
    }

    /// The client told its person that the outcome is unknown; for ever, if `lost`.
    pub(crate) fn unknown(&mut self, ticket: Ticket, lost: bool) {
        let story = &mut self.tickets[ticket.0];
        story.unknown = true;
        seen::LOST.held_if(lost);
        if lost {
            self.under_way.remove(&story.process);
        }
    }

    /// The client process ended. What it had under way is unknown for ever.
    pub(crate) fn ended(&mut self, process: u32) {
        self.under_way.remove(&process);
    }

    // What the disk keeps.

    /// A record of an operation became durable.
    pub(crate) fn durable_answered(&mut self, at: WallTime, asked: &Asked, outcome: &Outcome) {
        self.time(at);
        let Asked { name, operation, .. } = asked.clone();
        seen::LATER.held_if(name.1 != RequestNumber::FIRST);
        self.arrived.retain(|it| it.name != name);
        self.follow(name);
        let forgiven = self.forgotten_skews.contains(asked);
        match self.effects.get(&name) {
            Some(effect) if effect.asked == *asked && !forgiven => {
                let tale = format!("{asked:?}: {:?} and then {outcome:?}", effect.outcome);
                self.accuse("one request, one effect", tale);
            }
            // Two computers from one image drew one name; the first was forgotten since.
            Some(_) | None => {}
        }
        // Only of those who keep to the protocol: who is told to begin again and goes on under the
        // same id is answered like anybody.
        let tracked = self.names.contains_key(&name);
        if tracked && !forgiven && self.disowned.contains(asked) && executes(outcome) {
            let tale = format!("{asked:?} was disowned and is executed: {outcome:?}");
            self.accuse("what was disowned is never executed", tale);
        }
        let class = class_of(&operation);
        self.notice(class, outcome);
        self.judge(at, &operation, outcome);
        let starts = self.starts;
        let roll_call = self.rooms.get(&class).map_or(0, |room| room.opened);
        self.effects.insert(
            name,
            Effect { asked: asked.clone(), outcome: outcome.clone(), roll_call, starts },
        );
        if executes(outcome) {
            let same = |ticket: &&Ticket| self.tickets[ticket.0].names.contains(asked);
            let tickets: Vec<Ticket> =
                self.names.get(&name).into_iter().flatten().filter(same).copied().collect();
            for ticket in tickets {
                self.count_execution(ticket, asked);
            }
        }
    }

    /// A record that a client was forgotten became durable.
    pub(crate) fn durable_forgot(&mut self, at: WallTime, client: ClientId) {
        self.time(at);
        seen::FORGOT.held();
        let skewed = self
            .effects
            .values()
            .filter(|effect| effect.asked.name.0 == client && !executes(&effect.outcome));
        self.forgotten_skews.extend(skewed.map(|effect| effect.asked.clone()));
        if self.known.remove(&client).is_none() {
            self.accuse("who is forgotten was known", format!("{client:?}"));
        }
    }

    // What the server says.

    /// The server answered this request with `BEGIN_AGAIN`: it was not executed and never will be.
    pub(crate) fn disowned(&mut self, asked: Asked) {
        seen::DISOWNED.held();
        let executed = |effect: &Effect| effect.asked == asked && executes(&effect.outcome);
        let is_executed = self.effects.get(&asked.name).is_some_and(executed);
        seen::EXECUTED_FORGOTTEN.held_if(is_executed);
        if is_executed && self.known.contains_key(&asked.name.0) {
            let tale = format!("{asked:?} had {:?}", self.effects[&asked.name].outcome);
            self.accuse("what was executed is not disowned", tale);
        }
        if !self.disowned.contains(&asked) {
            self.disowned.push(asked);
        }
    }

    /// A sheet was fetched whole under this name.
    pub(crate) fn fetched(&mut self, content: ContentId, sheet: &PlainSheet) {
        let closed = self.rooms.get(&sheet.class).and_then(|room| room.closed.last());
        seen::SHEET_OF_EARLIER.held_if(closed.is_some_and(|last| last.content != content));
        match self.sheets.get(&content) {
            Some(kept) if kept == sheet => {}
            kept => {
                let tale = format!("{content:?} is {sheet:?}, written down was {kept:?}");
                self.accuse("a sheet never changes", tale);
            }
        }
    }

    /// Everything is closed and fetched: every receipt must be on its sheet.
    pub(crate) fn end(&mut self) {
        let mut tales = Vec::new();
        for receipt in &self.receipts {
            let &Receipt { ticket, class, student, at, roll_call, starts } = receipt;
            let room = self.rooms.get(&class);
            let closed = room.and_then(|room| room.closed_starts.get(roll_call.wrapping_sub(1)));
            seen::RECEIPT_OVER_START.held_if(closed.is_some_and(|&closed| starts < closed));
            let info = room.and_then(|room| room.closed.get(roll_call.wrapping_sub(1)));
            let sheet = info.and_then(|info| self.sheets.get(&info.content));
            let marks = sheet.map_or(&[][..], |sheet| &sheet.marks);
            let found: Vec<_> = marks.iter().filter(|mark| mark.0 == student).collect();
            if found != [&(student, at)] {
                tales.push(format!(
                    "{ticket:?}: {student} at {at} in roll call {roll_call} of class {class}, on \
                     the sheet: {found:?}"
                ));
            }
        }
        for tale in tales {
            self.accuse("a receipt is on its sheet", tale);
        }
    }

    /// What of the register an outcome speaks of, before it is judged.
    fn notice(&self, class: ClassId, outcome: &Outcome) {
        let closed = self.rooms.get(&class).is_some_and(|room| !room.closed.is_empty());
        match outcome {
            Outcome::Opened { already_open: true, .. } => seen::ALREADY_OPEN.held(),
            Outcome::Opened { already_open: false, .. } => seen::OPENED_AGAIN.held_if(closed),
            Outcome::Marked(Marked { already_present, .. }) => {
                seen::ALREADY_PRESENT.held_if(*already_present);
            }
            Outcome::MarkRefused(_) => seen::MARK_REFUSED.held_if(closed),
            Outcome::Closed(closed) => seen::ALREADY_CLOSED.held_if(closed.already_closed),
            Outcome::Refused(_) => seen::NEVER_OPENED.held(),
            Outcome::ClockSkew { .. } => seen::SKEW_AHEAD.held(),
            _ => {}
        }
    }

    fn accuse(&mut self, law: &'static str, story: String) {
        self.violations.push(Violation { law, story });
    }

    fn time(&mut self, at: WallTime) {
        if at < self.latest {
            let tale = format!("{at} after {}", self.latest);
            self.accuse("the server's time never goes back", tale);
        }
        self.latest = self.latest.max(at);
    }

    /// A client's operations are executed one after the other, none left out.
    fn follow(&mut self, (client, number): Name) {
        let last = self.known.get(&client).map_or(0, |last| last.get());
        if number.get() != last + 1 {
            let tale = format!("{client:?} number {number:?} after {last}");
            self.accuse("numbers without gaps", tale);
        }
        self.ever_known.insert(client);
        self.known.insert(client, number);
    }

    fn count_execution(&mut self, ticket: Ticket, asked: &Asked) {
        let executed = &mut self.tickets[ticket.0].executed;
        if !executed.contains(asked) {
            executed.push(asked.clone());
            let names = &self.tickets[ticket.0].names;
            seen::BEGUN_AGAIN.held_if(names.first().is_some_and(|first| first != asked));
        }
        let executed = &self.tickets[ticket.0].executed;
        if executed.len() > 1 {
            let tale = format!("{ticket:?} was executed as {executed:?}");
            self.accuse("one operation, one effect", tale);
        }
    }

    /// Holds an outcome against the register, and writes down what it changes.
    fn judge(&mut self, at: WallTime, operation: &Operation, outcome: &Outcome) {
        let class = class_of(operation);
        let room = self.rooms.entry(class).or_default();
        let right = match (operation, outcome) {
            (_, Outcome::ClockSkew { server_time }) => *server_time == at,
            (
                Operation::Open { .. },
                &Outcome::Opened { class: told, opened_at, already_open, .. },
            ) => told == class && room.judge_open(class, at, opened_at, already_open),
            (
                Operation::Mark { student, .. },
                &Outcome::Marked(Marked { class: told, at: told_at, already_present }),
            ) => told == class && room.judge_mark(*student, at, told_at, already_present),
            (Operation::Mark { .. }, &Outcome::MarkRefused(Refused { at: told, .. })) => {
                told == at && room.open.is_none()
            }
            (Operation::Close { .. }, Outcome::Closed(closed)) if closed.already_closed => {
                room.open.is_none() && room.closed.last().is_some_and(|last| *last == closed.sheet)
            }
            (Operation::Close { .. }, &Outcome::Refused(Refused { at: told, .. })) => {
                told == at && room.open.is_none() && room.closed.is_empty()
            }
            (Operation::Close { .. }, Outcome::Closed(closed)) => {
                let sheet = &closed.sheet;
                room.closed_starts.push(self.starts);
                let kept = room.judge_close(at, sheet);
                kept.is_some_and(|kept| {
                    let named = self.sheets.entry(sheet.content).or_insert_with(|| kept.clone());
                    *named == kept
                })
            }
            _ => false,
        };
        if !right {
            let tale = format!("{operation:?} at {at} led to {outcome:?}");
            self.accuse("an outcome follows from what was before", tale);
        }
    }
}

impl Room {
    fn judge_open(&mut self, class: ClassId, at: WallTime, told: WallTime, already: bool) -> bool {
        if let Some(open) = &self.open {
            return already && open.opened_at == told;
        }
        self.open = Some(PlainSheet { class, opened_at: told, closed_at: told, marks: Vec::new() });
        self.opened += 1;
        !already && told == at
    }

    fn judge_mark(
        &mut self,
        student: StudentNumber,
        at: WallTime,
        told: WallTime,
        already: bool,
    ) -> bool {
        let Some(open) = &mut self.open else { return false };
        if let Some(&(_, first)) = open.marks.iter().find(|(other, _)| *other == student) {
            return already && told == first;
        }
        open.marks.push((student, told));
        !already && told == at
    }

    fn judge_close(&mut self, at: WallTime, told: &SheetInfo) -> Option<PlainSheet> {
        let open = self.open.take()?;
        let right = told.class == open.class
            && told.opened_at == open.opened_at
            && told.closed_at == at
            && told.students as usize == open.marks.len();
        self.closed.push(*told);
        right.then_some(PlainSheet { closed_at: at, ..open })
    }
}

/// The class of an operation: people here ask for nothing that is not about one.
pub(crate) fn class_of(operation: &Operation) -> ClassId {
    operation.class().expect("it is about a class")
}

/// Whether the operation was done or refused: it has had its one chance.
fn executes(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::ClockSkew { .. })
}

/// Whether the answer says what the outcome is.
fn says(outcome: &Outcome, answer: &Answer) -> bool {
    match (outcome, answer) {
        (
            Outcome::Opened { class, opened_at, already_open, .. },
            Answer::Opened(Opened { class: told, opened_at: at, already_open: already }),
        ) => (class, opened_at, already_open) == (told, at, already),
        (Outcome::Closed(closed), Answer::Closed(told)) => **closed == *told,
        (Outcome::Marked(marked), Answer::Marked(told)) => marked == told,
        (Outcome::MarkRefused(refused), Answer::MarkRefused(told))
        | (Outcome::Refused(refused), Answer::Refused(told)) => refused == told,
        (
            Outcome::ClockSkew { server_time },
            Answer::BeginAgain(BeginAgain { server_time: told }),
        ) => Some(*server_time) == *told,
        _ => false,
    }
}
