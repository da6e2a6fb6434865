//! The server by itself, with plans, rosters and corrections: played as stories over a journal in memory.

use std::collections::BTreeMap;

use std::time::Duration;

use super::*;
use crate::access::{Guest, InviteCode, Role, Terms};
use crate::attendance::{
    Change, Correction, Listed, Plan, RosterChange, RosterEdit, Status, TrailEntry,
};
use crate::exchange::{
    Act, Arrived, Closed, Enrolled, Extended, Marked, Opened, Operation, Query, Refusal, Refused,
    Revision, RevisionList, RosterInfo, Watched, decode_reply, encode_request,
};
use crate::ids::{RequestNumber, RollCallNumber, StudentNumber};
use crate::journal::{Journal as _, MemoryJournal};
use crate::limits::{ROSTER_MAX, TRAIL_MAX, WATCHED_MAX};
use crate::record::{Recovery as _, Rows, SnapshotItem};
use crate::roll::{RosterObject, Sheet};

/// Who asks.
type Asker = u8;
const PLAIN: Asker = 0;
const RUI: Asker = 1;
const ANA: Asker = 2;
const EVA: Asker = 3;
const STUDENT: Asker = 9;

struct Desk {
    server: Server<u8>,
    now: Now,
    records: Vec<(u64, Vec<Record>)>,
    journal: MemoryJournal,
    /// The last operation of each: its number and bytes.
    last: BTreeMap<Asker, (u64, Vec<u8>)>,
    /// Rows are not read before this is true again.
    reads: bool,
}

fn class() -> ClassId {
    ClassId::new(3030).unwrap()
}

fn student(number: &str) -> StudentNumber {
    number.parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Desk {
    fn new() -> Self {
        let wall = WallTime::from_millis(1_700_000_000_000);
        Self {
            server: Server::new(1),
            now: Now { instant: Instant::ZERO, wall },
            records: Vec::new(),
            journal: MemoryJournal::new(),
            last: BTreeMap::new(),
            reads: true,
        }
    }

    /// One where Rui is the admin, and Ana and Eva are teachers.
    fn of_teachers() -> Self {
        let mut desk = Self::new();
        let code = InviteCode::from_bytes([1; 10]);
        let ends_at = desk.now.wall.after(seconds(60));
        assert!(desk.server.invite_admin(desk.now, code.id(), "Rui".parse().unwrap(), ends_at));
        assert!(matches!(desk.perform(RUI, Operation::Join { code }), Answer::Joined(_)));
        for (who, name) in [(ANA, "Ana"), (EVA, "Eva")] {
            let code = InviteCode::from_bytes([who + 10; 10]);
            let guest = Guest::Staff { role: Role::Teacher, name: name.parse().unwrap() };
            let invite = Operation::Act(Act::Invite { invite: code.id(), guest });
            assert!(matches!(desk.perform(RUI, invite), Answer::Acted(_)));
            assert!(matches!(desk.perform(who, Operation::Join { code }), Answer::Joined(_)));
        }
        desk
    }

    fn wait(&mut self, wait: Duration) -> &mut Self {
        self.now.instant = self.now.instant.after(wait);
        self.now.wall = self.now.wall.after(wait);
        self
    }

    fn perform(&mut self, who: Asker, operation: Operation) -> Answer {
        self.try_perform(who, operation).expect("an answer")
    }

    /// The next operation of somebody: its answer, or silence.
    fn try_perform(&mut self, who: Asker, operation: Operation) -> Option<Answer> {
        let number = self.last.get(&who).map_or(1, |last| last.0 + 1);
        let ask = Ask::Perform { started: self.now.wall, operation };
        let bytes = bytes_of(who, number, ask);
        self.last.insert(who, (number, bytes.clone()));
        self.hand(who, &bytes)
    }

    /// The last operation of somebody once more.
    fn again(&mut self, who: Asker) -> Option<Answer> {
        let bytes = self.last[&who].1.clone();
        self.hand(who, &bytes)
    }

    /// A correction as a client makes it: silence is met with the same request again.
    fn correct(&mut self, who: Asker, number: &str, status: Status) -> Answer {
        self.correct_of(who, number, status, None)
    }

    fn correct_of(&mut self, who: Asker, number: &str, status: Status, of: Option<u32>) -> Answer {
        let number_of = of.map(|it| RollCallNumber::new(it).unwrap());
        let correction =
            Correction { number: number_of, student: student(number), status, reason: None };
        let operation = Operation::Correct { class: class(), correction: Box::new(correction) };
        self.try_perform(who, operation).or_else(|| self.again(who)).expect("it was read by now")
    }

    fn reopen(&mut self, who: Asker) -> Answer {
        let operation = Operation::Reopen { class: class() };
        self.try_perform(who, operation).or_else(|| self.again(who)).expect("it was read by now")
    }

    fn ask(&mut self, who: Asker, query: Query) -> Answer {
        self.hand(who, &bytes_of(who, 1, Ask::Read(query))).expect("an answer")
    }

    fn hand(&mut self, who: Asker, bytes: &[u8]) -> Option<Answer> {
        let principal = match who {
            PLAIN => Principal::Plain,
            device => Principal::Device(DeviceId::from_bytes([device; 16])),
        };
        let received = crate::exchange::decode_request(bytes).unwrap();
        let counter = self.server.handle_message(self.now, 0, principal, received, bytes.len());
        self.server.count(counter);
        let replies = self.drain();
        assert!(replies.len() <= 1, "one answer at most");
        assert!(replies.iter().all(|it| it.len() <= bytes.len()), "no amplification");
        replies.first().map(|reply| decode_reply(reply).unwrap().answer)
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let (mut space, mut replies) = (Datagram::new(), Vec::new());
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Transmit { .. } => replies.push(space.as_bytes().to_vec()),
                Output::Append(batch) => {
                    self.journal.commit(&batch).unwrap();
                    self.records.push((batch.number, batch.records.clone()));
                    self.server.handle_durable(batch.number);
                }
                Output::ListRows(question) if self.reads => {
                    let rows = self.journal.rows(question).unwrap();
                    self.server.handle_rows(question, &rows);
                }
                Output::ListRows(_) => {}
                other => panic!("{other:?}"),
            }
        }
        replies
    }

    /// The process dies and another one starts from the journal.
    fn restart(&mut self) {
        let mut server = Server::new(2);
        for (number, records) in &self.records {
            for record in records {
                server.replay(record.clone()).unwrap();
            }
            server.resume_after(*number);
        }
        let kept: Vec<_> = self.server.snapshot().collect();
        assert_eq!(told(&kept), told(&server.snapshot().collect::<Vec<_>>()), "as it was");
        // And so does one that starts from a snapshot.
        let mut other = Server::<u8>::new(3);
        for item in &kept {
            other.restore(item.clone()).unwrap();
        }
        assert_eq!(told(&kept), told(&other.snapshot().collect::<Vec<_>>()), "from a snapshot");
        self.server = server;
        self.now.instant = Instant::ZERO;
    }

    fn open(&mut self, who: Asker, plan: Plan) -> Answer {
        let terms = if who == PLAIN { Terms::PLAIN } else { Terms::SEALED };
        self.perform(who, Operation::OpenWith { class: class(), terms, plan })
    }

    fn mark(&mut self, number: &str) -> Answer {
        self.perform(PLAIN, mark(number))
    }

    fn deliver(&mut self, number: &str, delay: Duration) -> Answer {
        let delay_ms = u32::try_from(delay.as_millis()).unwrap();
        let student = student(number);
        self.perform(PLAIN, Operation::Deliver { class: class(), student, code: None, delay_ms })
    }

    fn close(&mut self, who: Asker) -> SheetInfo {
        match self.perform(who, Operation::Close { class: class() }) {
            Answer::Closed(Closed { sheet, .. }) => sheet,
            other => panic!("{other:?}"),
        }
    }

    fn sheet(&mut self, info: &SheetInfo) -> Sheet {
        let bytes = self.journal.sheet(info.content).unwrap().expect("it is kept");
        Sheet::from_bytes(&bytes, info).unwrap()
    }

    /// Everybody on the last sheet, with what they were.
    fn statuses(&mut self) -> Vec<String> {
        let info = self.server.last_sheet(class()).unwrap();
        let entries = self.sheet(&info).entries();
        let shown = |it: &crate::roll::SheetEntry| {
            let walk_in = if it.listed { "" } else { " walk-in" };
            format!("{} {}{walk_in}", it.student, it.status)
        };
        entries.iter().map(shown).collect()
    }

    fn revisions(&mut self) -> Vec<Revision> {
        let (class, number, revision) = (class(), RollCallNumber::MAX, u32::MAX);
        match self.ask(PLAIN, Query::Revisions { class, number, revision }) {
            Answer::Revisions(RevisionList { revisions, more: false }) => revisions,
            other => panic!("{other:?}"),
        }
    }

    fn enrol(
        &mut self,
        who: Asker,
        base: u64,
        import: u64,
        edits: &[(&str, Option<&str>)],
    ) -> Answer {
        let edit = |&(number, name): &(&str, Option<&str>)| match name {
            None => RosterEdit::Remove(student(number)),
            Some(name) => RosterEdit::Put(Listed {
                student: student(number),
                name: name.parse().unwrap(),
                group: None,
            }),
        };
        let edits = edits.iter().map(edit).collect();
        let change = RosterChange { base, import, edits };
        self.perform(who, Operation::Enrol { class: class(), change })
    }
}

/// Items without when clients were heard, and without what is only cached.
fn told(items: &[SnapshotItem]) -> Vec<String> {
    items.iter().map(|item| format!("{item:?}")).collect()
}

fn bytes_of(who: Asker, number: u64, ask: Ask) -> Vec<u8> {
    let client = ClientId::from_bytes([who + 1; 16]);
    let number = RequestNumber::new(number).unwrap();
    let mut datagram = Datagram::new();
    encode_request(&Request { attempt: 1, client, number, ask }, &mut datagram);
    datagram.as_bytes().to_vec()
}

fn mark(number: &str) -> Operation {
    Operation::Mark { class: class(), student: student(number), code: None }
}

fn plan(closes_after_s: Option<u32>, late_after_s: Option<u32>) -> Plan {
    Plan { closes_after_s, late_after_s, ..Plan::default() }
}

fn refusal(answer: &Answer) -> Option<Refusal> {
    match answer {
        Answer::Refused(Refused { reason, .. }) | Answer::MarkRefused(Refused { reason, .. }) => {
            Some(*reason)
        }
        _ => None,
    }
}

const NAMES: [(&str, Option<&str>); 3] =
    [("10", Some("Ana")), ("20", Some("Rui")), ("30", Some("Eva"))];

// spec: R-PLAN-2
#[test]
fn a_roll_call_closes_at_its_end_however_late_that_is_noticed() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(Some(600), None));
    let end = desk.now.wall.after(seconds(600));
    assert!(matches!(desk.mark("10"), Answer::Marked(_)));
    // A laptop that slept: no timer ran, and the monotonic clock stood still.
    desk.now.wall = desk.now.wall.after(seconds(4_000));
    assert_eq!(refusal(&desk.mark("20")), Some(Refusal::NotOpen), "before anything else is done");
    let sheet = desk.close(PLAIN);
    assert_eq!((sheet.closed_at, sheet.students), (end, 1));
    desk.restart();
    assert_eq!(desk.close(PLAIN), sheet, "and after a restart");
}

// spec: R-PLAN-2
#[test]
fn the_timer_closes_what_nobody_asks_about_and_once() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(Some(60), None));
    desk.server.handle_timeout(desk.now);
    let wake = desk.server.poll_timeout().expect("it looks at the clock again");
    assert!(wake.since(desk.now.instant) <= seconds(1), "which may be set meanwhile");
    desk.wait(seconds(59));
    desk.server.handle_timeout(desk.now);
    assert_eq!(desk.server.open_roll_calls(), 1);
    desk.wait(seconds(1));
    desk.server.handle_timeout(desk.now);
    desk.drain();
    assert_eq!(desk.server.open_roll_calls(), 0);
    let Answer::Closed(Closed { already_closed, .. }) =
        desk.perform(PLAIN, Operation::Close { class: class() })
    else {
        panic!("it was closed")
    };
    assert!(already_closed, "a teacher who closes at the same moment finds it closed");
    let closes = desk.records.iter().flat_map(|it| &it.1);
    let closes = closes.filter(|it| matches!(it, Record::ClosedAtDeadline { .. }));
    assert_eq!(closes.count(), 1);
}

// spec: R-PLAN-2
#[test]
fn a_restart_keeps_the_end_and_closes_what_ended_meanwhile() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(Some(60), Some(30)));
    let end = desk.now.wall.after(seconds(60));
    desk.restart();
    desk.wait(seconds(45));
    assert!(matches!(desk.mark("10"), Answer::Arrived(Arrived { late: true, .. })));
    desk.restart();
    desk.wait(seconds(100));
    desk.server.handle_timeout(desk.now);
    desk.drain();
    assert_eq!(desk.server.last_sheet(class()).map(|it| it.closed_at), Some(end));
    assert_eq!(desk.statuses(), ["10 late"]);
}

// spec: R-PLAN-3
#[test]
fn who_answers_from_the_late_time_on_is_late_by_when_it_was_pressed() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(None, Some(300)));
    assert!(matches!(desk.mark("10"), Answer::Marked(_)));
    desk.wait(seconds(300));
    let Answer::Arrived(Arrived { marked, late: true, unlisted: false }) = desk.mark("20") else {
        panic!("late")
    };
    assert_eq!(marked.at, desk.now.wall);
    assert!(matches!(desk.again(PLAIN), Some(Answer::Arrived(_))), "the same answer again");
    assert!(matches!(desk.mark("10"), Answer::Marked(Marked { already_present: true, .. })));
    assert!(matches!(desk.deliver("30", seconds(1)), Answer::Marked(_)), "pressed in time");
    assert!(matches!(desk.deliver("40", Duration::ZERO), Answer::Arrived(_)));
    desk.close(PLAIN);
    assert_eq!(desk.statuses(), ["10 present", "20 late", "30 present", "40 late"]);
}

// spec: R-PLAN-4
#[test]
fn an_extension_moves_the_end_and_a_late_time_that_has_not_come() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(Some(600), Some(300)));
    let opened_at = desk.now.wall;
    let extend = || Operation::Extend { class: class(), seconds: 60 };
    let Answer::Extended(Extended { closes_at, .. }) = desk.perform(PLAIN, extend()) else {
        panic!("open")
    };
    assert_eq!(closes_at, opened_at.after(seconds(660)));
    assert!(matches!(desk.again(PLAIN), Some(Answer::Extended(it)) if it.closes_at == closes_at));
    desk.wait(seconds(359));
    assert!(matches!(desk.mark("10"), Answer::Marked(_)), "the late time moved too");
    desk.wait(seconds(1));
    assert!(matches!(desk.mark("20"), Answer::Arrived(_)));
    desk.perform(PLAIN, extend());
    assert!(matches!(desk.mark("30"), Answer::Arrived(_)), "what has come stays");
    desk.restart();
    desk.wait(seconds(360));
    assert_eq!(refusal(&desk.perform(PLAIN, extend())), Some(Refusal::NotOpen));
    assert_eq!(desk.close(PLAIN).closed_at, opened_at.after(seconds(720)));
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    let now = desk.now.wall;
    let Answer::Extended(it) = desk.perform(PLAIN, extend()) else { panic!("open") };
    assert_eq!(it.closes_at, now.after(seconds(60)), "without an end it gets one");
}

// spec: R-DELAY-1, R-DELAY-2
#[test]
fn an_answer_that_was_kept_counts_once_with_both_times_and_not_in_the_next_roll_call() {
    let mut desk = Desk::new();
    desk.open(PLAIN, Plan { accept_delayed_s: 120, ..Plan::default() });
    desk.wait(seconds(200));
    let pressed_at = desk.now.wall.shifted(-100_000);
    let Answer::Marked(marked) = desk.deliver("10", seconds(100)) else { panic!("taken") };
    assert_eq!(marked.at, desk.now.wall);
    assert!(matches!(desk.mark("10"), Answer::Marked(Marked { already_present: true, .. })));
    let refused = desk.deliver("20", seconds(121));
    assert_eq!(refusal(&refused), Some(Refusal::TooLate), "longer ago than the plan accepts");
    desk.restart();
    let info = desk.close(PLAIN);
    let entries = desk.sheet(&info).entries();
    assert_eq!((entries[0].at, entries[0].pressed_at), (Some(marked.at), Some(pressed_at)));
    assert!(entries[0].flags().eq(["delayed"]));
    assert_eq!(refusal(&desk.deliver("30", seconds(1))), Some(Refusal::NotOpen));
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    desk.wait(seconds(5));
    let refused = desk.deliver("30", seconds(6));
    assert_eq!(refusal(&refused), Some(Refusal::TooLate), "it was pressed in the lesson before");
    assert!(matches!(desk.deliver("30", seconds(5)), Answer::Marked(_)));
    assert_eq!(refusal(&desk.deliver("40", seconds(601))), Some(Refusal::TooLate));
}

// spec: R-DELAY-3
#[test]
fn the_code_of_a_kept_answer_is_that_of_the_step_in_which_it_was_pressed() {
    let mut desk = Desk::of_teachers();
    desk.open(ANA, Plan::default());
    let Answer::Watched(watched) = desk.ask(ANA, Query::Watch { class: class(), from: 0 }) else {
        panic!("it is hers")
    };
    let code = watched.code;
    desk.wait(seconds(120));
    let mut deliver = |number, delay_ms| {
        let student = student(number);
        desk.perform(STUDENT, Operation::Deliver { class: class(), student, code, delay_ms })
    };
    assert_eq!(refusal(&deliver("10", 0)), Some(Refusal::WrongCode), "it is an old one now");
    assert!(matches!(deliver("10", 120_000), Answer::Marked(_)), "and was right then");
}

// spec: R-ROSTER-4
#[test]
fn who_is_expected_and_does_not_come_is_absent_and_who_is_not_a_walk_in() {
    let mut desk = Desk::new();
    assert!(matches!(
        desk.enrol(PLAIN, 0, 7, &NAMES),
        Answer::Enrolled(Enrolled { version: 1, students: 3, .. })
    ));
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    desk.mark("20");
    let Answer::Arrived(Arrived { unlisted: true, late: false, .. }) = desk.mark("2O") else {
        panic!("a typo is told to whoever typed it")
    };
    desk.restart();
    let sheet = desk.close(PLAIN);
    assert_eq!(sheet.students, 2, "who answered");
    let all = ["20 present", "2O present walk-in", "10 absent", "30 absent"];
    assert_eq!(desk.statuses(), all);
    // A roster that changes later changes no sheet.
    desk.enrol(PLAIN, 1, 8, &[("30", None), ("40", Some("Ivo"))]);
    assert_eq!(desk.statuses(), all);
    assert_eq!(desk.close(PLAIN), sheet);
}

#[test]
fn a_roll_call_that_nobody_answers_is_kept_where_somebody_was_expected() {
    let mut desk = Desk::new();
    desk.enrol(PLAIN, 0, 7, &NAMES);
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    desk.close(PLAIN);
    assert_eq!(desk.statuses(), ["10 absent", "20 absent", "30 absent"]);
    let empty = |item: &SnapshotItem| {
        matches!(item, SnapshotItem::Register(crate::roll::RegisterItem::Empty { .. }))
    };
    assert!(!desk.server.snapshot().any(|item| empty(&item)), "it is never forgotten");
}

// spec: R-ROSTER-2, R-ROSTER-1
#[test]
fn a_roster_is_changed_by_one_import_at_a_time() {
    let mut desk = Desk::new();
    desk.enrol(PLAIN, 0, 7, &NAMES[..1]);
    assert!(matches!(desk.again(PLAIN), Some(Answer::Enrolled(it)) if it.version == 1));
    assert!(
        matches!(desk.enrol(PLAIN, 0, 7, &NAMES[1..]), Answer::Enrolled(it) if it.version == 2)
    );
    let other = desk.enrol(PLAIN, 1, 8, &[("10", None)]);
    assert_eq!(refusal(&other), Some(Refusal::RosterChanged), "began before the second part");
    desk.restart();
    let Answer::Roster(info) = desk.ask(PLAIN, Query::Roster { class: class() }) else {
        panic!("it is nobody's")
    };
    assert_eq!((info.version, info.students), (2, 3));
}

// spec: R-ROSTER-5
#[test]
fn a_roster_is_fetched_by_its_name() {
    let mut desk = Desk::new();
    desk.enrol(PLAIN, 0, 7, &NAMES);
    let Answer::Roster(RosterInfo { content, bytes, .. }) =
        desk.ask(PLAIN, Query::Roster { class: class() })
    else {
        panic!("it is nobody's")
    };
    let pull = crate::exchange::Pull {
        object: content,
        cookie: crate::ids::Cookie::NONE,
        first: 0,
        wanted: 1,
    };
    let Some(Answer::Pulled(block)) = desk.hand(PLAIN, &bytes_of(PLAIN, 2, Ask::Pull(pull))) else {
        panic!("one block")
    };
    assert_eq!((block.bytes.len(), ContentId::of(&block.bytes)), (bytes as usize, content));
    let roster = RosterObject::from_bytes(&block.bytes, class()).unwrap();
    let names: Vec<_> = roster.students.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Ana", "Rui", "Eva"]);
}

// spec: R-ROSTER-3
#[test]
fn a_roster_has_a_bound() {
    let mut desk = Desk::new();
    let name = "A".parse().unwrap();
    for first in (0..ROSTER_MAX).step_by(50) {
        let put = |number: usize| {
            let student = student(&format!("{number:06}"));
            RosterEdit::Put(Listed { student, name: Clone::clone(&name), group: None })
        };
        let change =
            RosterChange { base: 0, import: 7, edits: (first..first + 50).map(put).collect() };
        let answer = desk.perform(PLAIN, Operation::Enrol { class: class(), change });
        assert!(matches!(answer, Answer::Enrolled(_)), "{first}: {answer:?}");
    }
    assert_eq!(refusal(&desk.enrol(PLAIN, 0, 7, &NAMES[..1])), Some(Refusal::NoRoom));
    assert!(matches!(desk.enrol(PLAIN, 0, 7, &[("000007", None)]), Answer::Enrolled(_)));
    assert!(matches!(desk.enrol(PLAIN, 0, 7, &NAMES[..1]), Answer::Enrolled(_)));
}

// spec: R-ROSTER-6, R-ACCESS-5
#[test]
fn a_teacher_invites_the_students_of_her_roster_and_nobody_else() {
    let mut desk = Desk::of_teachers();
    assert!(matches!(desk.enrol(ANA, 0, 7, &NAMES), Answer::Enrolled(_)));
    let code = InviteCode::from_bytes([99; 10]);
    let enrol = |number, invite| {
        Operation::Act(Act::Enrol { class: class(), invite, student: student(number) })
    };
    assert_eq!(refusal(&desk.perform(EVA, enrol("10", code.id()))), Some(Refusal::NotYourClass));
    assert_eq!(refusal(&desk.perform(ANA, enrol("99", code.id()))), Some(Refusal::UnknownStudent));
    assert!(matches!(desk.perform(ANA, enrol("10", code.id())), Answer::Acted(_)));
    let Answer::Joined(joined) = desk.perform(STUDENT, Operation::Join { code }) else {
        panic!("the code is right")
    };
    assert_eq!(joined.guest, Guest::Student { student: student("10") });
}

// spec: R-CORRECT-1, R-CORRECT-2, R-CORRECT-4
#[test]
fn a_teacher_corrects_while_it_is_open_and_a_friend_does_not_undo_it() {
    let mut desk = Desk::new();
    desk.enrol(PLAIN, 0, 7, &NAMES);
    desk.open(PLAIN, plan(None, Some(60)));
    desk.mark("10");
    let Answer::Corrected(it) = desk.correct(PLAIN, "10", Status::Absent) else { panic!("open") };
    assert_eq!((it.was, it.revision), (Some(Status::Present), 0));
    assert_eq!(refusal(&desk.mark("10")), Some(Refusal::TakenBack));
    let Answer::Corrected(it) = desk.correct(PLAIN, "10", Status::Present) else { panic!("open") };
    assert_eq!(it.was, Some(Status::Absent), "the teacher may");
    assert!(matches!(desk.mark("10"), Answer::Marked(Marked { already_present: true, .. })));
    assert!(matches!(desk.correct(PLAIN, "20", Status::Excused), Answer::Corrected(_)));
    let unknown = desk.correct(PLAIN, "99", Status::Excused);
    assert_eq!(refusal(&unknown), Some(Refusal::UnknownStudent));
    assert!(
        matches!(desk.correct(PLAIN, "99", Status::Present), Answer::Corrected(_)),
        "a walk-in"
    );
    desk.wait(seconds(60));
    assert!(matches!(desk.mark("20"), Answer::Arrived(_)), "who was excused came all the same");
    assert!(matches!(desk.correct(PLAIN, "30", Status::Present), Answer::Corrected(_)));
    desk.restart();
    desk.close(PLAIN);
    assert_eq!(desk.statuses(), ["10 present", "99 present walk-in", "20 late", "30 present"]);
}

// spec: R-CORRECT-3, R-SHEET-5
#[test]
fn a_correction_after_the_close_makes_a_revision_beside_the_earlier_ones() {
    let mut desk = Desk::new();
    desk.enrol(PLAIN, 0, 7, &NAMES);
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    desk.mark("10");
    let first = desk.close(PLAIN);
    desk.wait(seconds(7 * 24 * 3_600));
    let Answer::Corrected(it) = desk.correct(PLAIN, "20", Status::Excused) else {
        panic!("closed")
    };
    assert_eq!((it.was, it.revision), (Some(Status::Absent), 2));
    let again = desk.again(PLAIN);
    assert_eq!(again, Some(Answer::Corrected(it)), "told again, and not done again");
    let Answer::Corrected(it) = desk.correct(PLAIN, "20", Status::Excused) else {
        panic!("closed")
    };
    assert_eq!((it.was, it.revision), (Some(Status::Excused), 2), "as it was: no revision");
    desk.restart();
    let Answer::Corrected(it) = desk.correct(PLAIN, "30", Status::Present) else {
        panic!("closed")
    };
    assert_eq!(it.revision, 3);
    assert_eq!(desk.statuses(), ["10 present", "30 present", "20 excused"]);
    let revisions = desk.revisions();
    assert_eq!(revisions.iter().map(|it| it.revision).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(revisions[2].sheet, first, "the first one is as it was");
    assert_eq!(desk.sheet(&first).revision(), 1);
    let trail = desk.sheet(&revisions[0].sheet).supplement.as_ref().unwrap().trail.clone();
    assert_eq!(trail.len(), 2);
    assert_eq!(desk.close(PLAIN), revisions[0].sheet, "the last one is the sheet of the class");
}

// spec: R-CORRECT-1
#[test]
fn an_earlier_roll_call_is_corrected_by_its_number_also_while_another_is_open() {
    let mut desk = Desk::new();
    for _ in 0..3 {
        desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
        desk.mark("10");
        desk.close(PLAIN);
    }
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    desk.restart();
    let Answer::Corrected(it) = desk.correct_of(PLAIN, "10", Status::Late, Some(1)) else {
        panic!("the first one")
    };
    assert_eq!((it.number.get(), it.revision), (1, 2));
    let Answer::Corrected(it) = desk.correct(PLAIN, "20", Status::Present) else { panic!("open") };
    assert_eq!((it.number.get(), it.revision), (4, 0), "without a number: the open one");
    let none = desk.correct_of(PLAIN, "10", Status::Late, Some(5));
    assert_eq!(refusal(&none), Some(Refusal::NoSuchRollCall));
    let numbers =
        desk.revisions().iter().map(|it| (it.sheet.number.get(), it.revision)).collect::<Vec<_>>();
    assert_eq!(numbers, [(3, 1), (2, 1), (1, 2), (1, 1)]);
    let mut desk = Desk::new();
    assert_eq!(refusal(&desk.correct(PLAIN, "10", Status::Late)), Some(Refusal::NeverOpened));
}

// spec: R-CORRECT-5
#[test]
fn a_trail_has_a_bound() {
    let mut desk = Desk::new();
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    for turn in 0..TRAIL_MAX {
        let status = if turn % 2 == 0 { Status::Present } else { Status::Late };
        assert!(matches!(desk.correct(PLAIN, "10", status), Answer::Corrected(_)), "{turn}");
    }
    assert_eq!(refusal(&desk.correct(PLAIN, "10", Status::Present)), Some(Refusal::NoRoom));
    assert!(matches!(desk.correct(PLAIN, "10", Status::Late), Answer::Corrected(_)), "as it is");
}

// spec: R-CORRECT-6
#[test]
fn what_has_to_be_read_first_is_met_with_silence_and_not_remembered() {
    let mut desk = Desk::new();
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    desk.mark("10");
    desk.close(PLAIN);
    desk.restart();
    // What a replay has seen is in memory; a server that started from a snapshot has to read.
    let items: Vec<_> = desk.server.snapshot().collect();
    let mut server = Server::new(5);
    for item in items {
        server.restore(item).unwrap();
    }
    server.resume_after(desk.server.last_batch());
    desk.server = server;
    desk.reads = false;
    let correction =
        Correction { number: None, student: student("10"), status: Status::Late, reason: None };
    let operation = Operation::Correct { class: class(), correction: Box::new(correction) };
    assert_eq!(desk.try_perform(PLAIN, operation), None);
    assert_eq!(desk.again(PLAIN), None, "and is asked for once");
    assert_eq!(desk.server.stats().get(Counter::Loading), 2);
    let number = RollCallNumber::FIRST;
    let question = RowsQuestion::RollCall { class: class(), number };
    let rows = desk.journal.rows(question).unwrap();
    assert!(matches!(rows, Rows::RollCall(Some(_))));
    desk.server.handle_rows(question, &rows);
    assert!(matches!(desk.again(PLAIN), Some(Answer::Corrected(it)) if it.revision == 2));
}

// spec: R-REOPEN-1, R-REOPEN-2, R-REOPEN-3
#[test]
fn a_close_by_mistake_is_taken_back_within_ten_minutes_and_the_sheet_says_so() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(Some(600), Some(300)));
    desk.mark("10");
    desk.correct(PLAIN, "20", Status::Present);
    let first = desk.close(PLAIN);
    desk.wait(seconds(600));
    let Answer::Opened(Opened { opened_at, already_open, .. }) = desk.reopen(PLAIN) else {
        panic!("in time")
    };
    assert_eq!((opened_at, already_open), (first.opened_at, false));
    assert!(matches!(desk.reopen(PLAIN), Answer::Opened(it) if it.already_open));
    desk.restart();
    assert!(matches!(desk.mark("10"), Answer::Marked(Marked { already_present: true, .. })));
    desk.wait(seconds(3_600));
    assert!(matches!(desk.mark("30"), Answer::Arrived(_)), "it has no end any more, and is late");
    let second = desk.close(PLAIN);
    assert_eq!(second.number, first.number);
    assert_eq!(desk.statuses(), ["10 present", "20 present", "30 late"]);
    let sheet = desk.sheet(&second);
    assert_eq!(sheet.revision(), 2);
    let trail = &sheet.supplement.as_ref().unwrap().trail;
    assert!(matches!(trail.last(), Some(TrailEntry { change: Change::Reopened, .. })), "{trail:?}");
    assert_eq!(desk.sheet(&first).marks, sheet.marks[..2], "old receipts stay true");
    desk.wait(seconds(601));
    assert_eq!(refusal(&desk.reopen(PLAIN)), Some(Refusal::ReopenTooLate));
    let next = desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    assert!(matches!(next, Answer::Opened(_)));
    assert_eq!(desk.close(PLAIN).number, first.number.next());
}

// spec: R-REOPEN-2
#[test]
fn a_room_that_is_open_again_has_its_terms_its_devices_and_a_code() {
    let mut desk = Desk::of_teachers();
    desk.open(ANA, Plan::default());
    let watch = Query::Watch { class: class(), from: 0 };
    let code_of = |desk: &mut Desk| match desk.ask(ANA, watch) {
        Answer::Watched(watched) => watched.code,
        other => panic!("{other:?}"),
    };
    let code = code_of(&mut desk);
    let mark = |number, code| Operation::Mark { class: class(), student: student(number), code };
    assert!(matches!(desk.perform(STUDENT, mark("10", code)), Answer::Marked(_)));
    desk.close(ANA);
    assert_eq!(refusal(&desk.reopen(EVA)), Some(Refusal::NotYourClass));
    assert!(matches!(desk.reopen(ANA), Answer::Opened(_)));
    desk.restart();
    assert_eq!(refusal(&desk.perform(8, mark("20", None))), Some(Refusal::CodeNeeded));
    let code = code_of(&mut desk);
    assert!(matches!(desk.perform(8, mark("10", code)), Answer::Marked(_)));
    desk.close(ANA);
    let info = desk.server.last_sheet(class()).unwrap();
    let remarks = desk.sheet(&info).remarks_at(0);
    assert!(remarks.has(crate::access::Remarks::SECOND_DEVICE), "the first device is known still");
}

// spec: R-WATCH-1
#[test]
fn a_roll_call_is_watched_by_who_holds_the_class_entry_by_entry() {
    let mut desk = Desk::of_teachers();
    desk.enrol(ANA, 0, 7, &NAMES);
    let plan = Plan { title: Some("Redes".parse().unwrap()), ..plan(Some(600), Some(60)) };
    desk.open(ANA, plan);
    desk.correct(ANA, "10", Status::Present);
    desk.correct(ANA, "20", Status::Excused);
    for number in 100..130 {
        desk.correct(ANA, &number.to_string(), Status::Present);
    }
    let watch = |from| Query::Watch { class: class(), from };
    let Answer::Watched(watched) = desk.ask(ANA, watch(0)) else { panic!("it is hers") };
    let Watched { present, late, expected, expected_present, entries, corrections, .. } = *watched;
    assert_eq!((present, late, expected, expected_present), (31, 0, Some(3), 1));
    assert_eq!((entries, corrections, watched.listed.len()), (32, 32, WATCHED_MAX));
    assert_eq!(watched.title.as_ref().map(crate::attendance::Line::as_str), Some("Redes"));
    let Answer::Watched(rest) = desk.ask(ANA, watch(31)) else { panic!("it is hers") };
    assert_eq!(rest.listed.len(), 1);
    assert_eq!(rest.listed[0].status, Status::Excused, "who has no mark comes last");
    for (who, reason) in [(EVA, Refusal::NotYourClass), (STUDENT, Refusal::NotATeacher)] {
        assert_eq!(refusal(&desk.ask(who, watch(0))), Some(reason));
        assert_eq!(refusal(&desk.ask(who, Query::Roster { class: class() })), Some(reason));
    }
    desk.close(ANA);
    let (number, revision) = (RollCallNumber::MAX, u32::MAX);
    let revisions = Query::Revisions { class: class(), number, revision };
    let Answer::Revisions(list) = desk.ask(EVA, revisions) else { panic!("as if there were none") };
    assert!(list.revisions.is_empty());
    assert_eq!(refusal(&desk.ask(ANA, watch(0))), Some(Refusal::NotOpen));
}

#[test]
fn a_snapshot_that_is_made_while_all_this_goes_on_is_the_state_at_its_beginning() {
    let mut desk = Desk::new();
    desk.enrol(PLAIN, 0, 7, &NAMES);
    desk.open(PLAIN, plan(Some(600), Some(300)));
    desk.mark("10");
    desk.correct(PLAIN, "20", Status::Excused);
    desk.close(PLAIN);
    let expected: Vec<_> = desk.server.snapshot().collect();
    desk.server.limit_snapshot_parts(1);
    desk.server.begin_snapshot();
    let (mut space, mut items, mut turn) = (Datagram::new(), Vec::new(), 0);
    loop {
        turn += 1;
        let Some(Output::Snapshot(part)) = desk.server.poll_output(&mut space) else {
            panic!("there is a next part")
        };
        items.extend(part.items);
        if desk.server.handle_snapshot_kept() {
            break;
        }
        if turn == 2 {
            let bytes = bytes_of(
                7,
                1,
                Ask::Perform {
                    started: desk.now.wall,
                    operation: Operation::Reopen { class: class() },
                },
            );
            desk.server.handle_datagram(desk.now, 0, &bytes);
        }
        if turn == 4 {
            let bytes =
                bytes_of(7, 2, Ask::Perform { started: desk.now.wall, operation: mark("30") });
            desk.server.handle_datagram(desk.now, 0, &bytes);
        }
        // What is to be committed waits: the snapshot is of what was before.
        while let Some(Output::Append(batch)) = {
            let is_waiting = !desk.server.records.is_empty();
            is_waiting.then(|| desk.server.poll_output(&mut space)).flatten()
        } {
            desk.server.handle_durable(batch.number);
        }
        while desk.server.held.front().is_some() {
            let _ = desk.server.poll_output(&mut space);
        }
    }
    let mut restored = Server::<u8>::new(9);
    for item in items {
        restored.restore(item).unwrap();
    }
    assert_eq!(told(&restored.snapshot().collect::<Vec<_>>()), told(&expected));
    assert_eq!(desk.server.open_roll_calls(), 1, "it went on meanwhile");
}

// spec: R-DELAY-1, R-DELAY-2, R-ROLL-4
#[test]
fn an_answer_that_was_executed_and_not_heard_of_is_told_again_however_late() {
    let mut desk = Desk::new();
    desk.open(PLAIN, Plan { accept_delayed_s: 60, ..Plan::default() });
    desk.wait(seconds(10));
    let Answer::Marked(first) = desk.deliver("10", seconds(5)) else { panic!("in time") };
    // The process ended before it heard so; the next one knows only when it was pressed.
    desk.wait(seconds(300));
    for delay in [305, 1_000_000] {
        let Answer::Marked(marked) = desk.deliver("10", seconds(delay)) else { panic!("recorded") };
        assert_eq!((marked.at, marked.already_present), (first.at, true));
    }
    assert_eq!(refusal(&desk.deliver("20", seconds(305))), Some(Refusal::TooLate));
}

// spec: R-PLAN-2
#[test]
fn an_end_that_was_just_planned_wakes_the_loop_and_so_does_one_in_a_journal() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(Some(60), None));
    let wakes = |desk: &Desk| desk.server.poll_timeout().is_some_and(|it| it <= desk.now.instant);
    assert!(wakes(&desk), "to look at the clock");
    desk.server.handle_timeout(desk.now);
    assert!(!wakes(&desk), "and not for ever");
    desk.restart();
    assert!(wakes(&desk));
}

// spec: R-PLAN-2
#[test]
fn nobody_watches_a_roll_call_past_its_end() {
    let mut desk = Desk::new();
    desk.open(PLAIN, plan(Some(60), None));
    let watch = Query::Watch { class: class(), from: 0 };
    assert!(matches!(desk.ask(PLAIN, watch), Answer::Watched(_)));
    desk.wait(seconds(60));
    assert_eq!(refusal(&desk.ask(PLAIN, watch)), Some(Refusal::NotOpen));
}

// spec: R-WATCH-3
#[test]
fn the_revisions_of_a_class_are_told_page_by_page() {
    let mut desk = Desk::new();
    for _ in 0..2 {
        desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
        desk.mark("10");
        desk.close(PLAIN);
        for turn in 0..15 {
            let status = if turn % 2 == 0 { Status::Late } else { Status::Present };
            assert!(matches!(desk.correct(PLAIN, "10", status), Answer::Corrected(_)));
        }
    }
    let mut place = (RollCallNumber::MAX, u32::MAX);
    let mut told = Vec::new();
    let mut pages = Vec::new();
    loop {
        let query = Query::Revisions { class: class(), number: place.0, revision: place.1 };
        let Answer::Revisions(list) = desk.ask(PLAIN, query) else { panic!("it is nobody's") };
        pages.push(list.revisions.len());
        told.extend(list.revisions.iter().map(|it| (it.sheet.number.get(), it.revision)));
        if !list.more {
            break;
        }
        let end = list.revisions.last().unwrap();
        place = (end.sheet.number, end.revision - 1);
    }
    let of = |number| (1..=16).rev().map(move |revision| (number, revision));
    assert_eq!(told, of(2).chain(of(1)).collect::<Vec<_>>());
    assert_eq!(pages, [14, 14, 4]);
}

// spec: R-ACCESS-1, R-ACCESS-2, R-ACCESS-3
#[test]
fn only_who_holds_a_class_plans_extends_reopens_corrects_and_enrols() {
    let mut desk = Desk::of_teachers();
    let put = RosterEdit::Put(Listed {
        student: student("10"),
        name: "Ana".parse().unwrap(),
        group: None,
    });
    let change = RosterChange { base: 0, import: 7, edits: [put].into() };
    let correction =
        Correction { number: None, student: student("10"), status: Status::Present, reason: None };
    let planned = |terms| Operation::OpenWith { class: class(), terms, plan: Plan::default() };
    let others = || {
        [
            Operation::Extend { class: class(), seconds: 60 },
            Operation::Correct { class: class(), correction: Box::new(correction.clone()) },
            Operation::Reopen { class: class() },
            Operation::Enrol { class: class(), change: change.clone() },
        ]
    };
    // Whoever makes the roster of a class first has it.
    assert_eq!(refusal(&desk.perform(STUDENT, others()[3].clone())), Some(Refusal::NotATeacher));
    assert!(matches!(desk.perform(ANA, others()[3].clone()), Answer::Enrolled(_)));
    let sealed = || planned(Terms::SEALED);
    for open in [false, true] {
        assert_eq!(refusal(&desk.perform(EVA, sealed())), Some(Refusal::NotYourClass));
        assert_eq!(refusal(&desk.perform(STUDENT, sealed())), Some(Refusal::NotATeacher));
        assert_eq!(refusal(&desk.perform(PLAIN, planned(Terms::PLAIN))), Some(Refusal::NoDevice));
        for operation in others() {
            for (who, expected) in [
                (EVA, Refusal::NotYourClass),
                (STUDENT, Refusal::NotATeacher),
                (PLAIN, Refusal::NoDevice),
            ] {
                let told = desk.perform(who, operation.clone());
                assert_eq!(refusal(&told), Some(expected), "{operation:?} of {who}");
            }
        }
        if !open {
            assert!(matches!(desk.perform(ANA, sealed()), Answer::Opened(_)));
        }
    }
    for operation in &others()[..3] {
        let told = desk.perform(ANA, operation.clone());
        assert_eq!(refusal(&told), None, "{operation:?}");
    }
}

// spec: R-ACCESS-2
#[test]
fn a_plain_answer_is_not_delivered_into_a_roll_call_that_a_device_opened() {
    let mut desk = Desk::of_teachers();
    desk.open(ANA, Plan::default());
    assert_eq!(refusal(&desk.deliver("10", Duration::ZERO)), Some(Refusal::NoDevice));
}

// spec: R-ROLL-1, R-ROLL-2
#[test]
fn a_plan_of_a_roll_call_that_is_open_already_changes_nothing() {
    let mut desk = Desk::new();
    let Answer::Opened(first) = desk.open(PLAIN, plan(Some(60), None)) else { panic!("opened") };
    desk.wait(seconds(1));
    let Answer::Opened(second) = desk.open(PLAIN, plan(Some(600), None)) else { panic!("open") };
    assert_eq!((second.opened_at, second.already_open), (first.opened_at, true));
    desk.wait(seconds(100));
    assert_eq!(desk.close(PLAIN).closed_at, first.opened_at.after(seconds(60)));
}

// spec: R-CORRECT-4
#[test]
fn nobody_is_told_to_be_present_who_is_not_on_the_sheet_as_that() {
    let mut desk = Desk::new();
    desk.enrol(PLAIN, 0, 7, &NAMES);
    desk.perform(PLAIN, Operation::Open { class: class(), terms: Terms::PLAIN });
    for status in [Status::Excused, Status::Absent, Status::Left] {
        // Without a mark the answer is one; with a mark it was taken back.
        desk.correct(PLAIN, "10", status);
        assert!(matches!(desk.mark("10"), Answer::Marked(_)) || status != Status::Excused);
        desk.correct(PLAIN, "10", status);
        assert_eq!(refusal(&desk.mark("10")), Some(Refusal::TakenBack), "{status}");
        assert_eq!(refusal(&desk.deliver("10", Duration::ZERO)), Some(Refusal::TakenBack));
    }
    for status in [Status::Late, Status::Present] {
        desk.correct(PLAIN, "10", status);
        assert!(matches!(desk.mark("10"), Answer::Marked(Marked { already_present: true, .. })));
    }
}
