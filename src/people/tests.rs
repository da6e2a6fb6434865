//! People, their classes and their rooms, told through a server: who may do what, which device answers for
//! which number, and what is remarked on that.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::access::{InviteCode, Remarks, RoomCode, Who};
use crate::exchange::{
    ActList, Answer, Ask, Busy, Closed, Drawn, Marked, MineList, MyMark, OpenRollCall, PersonList,
    Query, Refused, Request, RoomState, SheetInfo, SheetList, SpotList, StatusList, decode_reply,
    decode_request, encode_request,
};
use crate::ids::{ClientId, ContentId, RequestNumber, RollCallId, RollCallNumber};
use crate::limits::{OPEN_ROLL_CALLS_MAX, STRANGERS_WRONG_CODES_MAX, WRONG_CODES_MAX};
use crate::record::{Batch, Recovery as _, Rows, RowsQuestion, SnapshotItem};
use crate::roll::{ClosedSheet, RegisterItem, Sheet};
use crate::server::{Output, Server};
use crate::stats::Counter;
use crate::time::{Instant, Now};
use crate::wire::Datagram;

/// Who asks: a device by its number, or nobody that is known.
type Asker = u8;

const PLAIN: Asker = 0;
/// The first admin's device, and those of the teachers Ana and Eva.
const RUI: Asker = 1;
const ANA: Asker = 2;
const EVA: Asker = 3;

/// A server with people, a journal that is a list of batches, and clocks that the test moves.
struct School {
    server: Server<u8>,
    now: Now,
    journal: Vec<Batch>,
    /// The number of the last request of each that was remembered, and its bytes.
    last: BTreeMap<Asker, (u64, Vec<u8>)>,
    invites: u8,
}

impl School {
    /// One in which nobody has a role.
    fn empty() -> Self {
        let now = Now { instant: Instant::ZERO, wall: WallTime::from_millis(1_700_000_000_000) };
        let (journal, last) = (Vec::new(), BTreeMap::new());
        Self { server: Server::new(1), now, journal, last, invites: 100 }
    }

    /// One with an admin, Rui, and two teachers.
    fn new() -> Self {
        let mut school = Self::empty();
        let code = school.invite_admin("Rui");
        assert!(is_joined(&school.perform(RUI, Operation::Join { code })));
        school.make_teacher(ANA, "Ana");
        school.make_teacher(EVA, "Eva");
        school
    }

    /// An invite from the server's terminal, for an hour.
    fn invite_admin(&mut self, person: &str) -> InviteCode {
        let code = self.code();
        let ends_at = self.now.wall.shifted(3_600_000);
        assert!(self.server.invite_admin(self.now, code.id(), name(person), ends_at));
        code
    }

    /// An invite that Rui makes.
    fn invite(&mut self, guest: Guest) -> InviteCode {
        let code = self.code();
        let answer = self.act(RUI, Act::Invite { invite: code.id(), guest });
        assert!(matches!(answer, Answer::Acted(_)), "{answer:?}");
        code
    }

    fn make_teacher(&mut self, device: Asker, person: &str) {
        let code = self.invite(teacher(person));
        assert!(is_joined(&self.perform(device, Operation::Join { code })));
    }

    fn enroll(&mut self, device: Asker, number: &str) {
        let code = self.invite(Guest::Student { student: student(number) });
        assert!(is_joined(&self.perform(device, Operation::Join { code })));
    }

    /// A code that was not drawn before.
    fn code(&mut self) -> InviteCode {
        self.invites += 1;
        InviteCode::from_bytes([self.invites; 10])
    }

    fn wait(&mut self, wait: Duration) {
        self.now.instant = self.now.instant.after(wait);
        self.now.wall = self.now.wall.after(wait);
    }

    /// The next operation of somebody, and its answer.
    fn perform(&mut self, who: Asker, operation: Operation) -> Answer {
        let number = self.last.get(&who).map_or(1, |last| last.0 + 1);
        let ask = Ask::Perform { started: self.now.wall, operation };
        let bytes = bytes_of(who, number, ask);
        let answer = self.hand(who, &bytes);
        if !matches!(answer, Answer::Busy(_) | Answer::Revoked) {
            self.last.insert(who, (number, bytes));
        }
        answer
    }

    /// The last operation of somebody once more.
    fn retry(&mut self, who: Asker) -> Answer {
        let bytes = self.last[&who].1.clone();
        self.hand(who, &bytes)
    }

    fn ask(&mut self, who: Asker, query: Query) -> Answer {
        self.hand(who, &bytes_of(who, 1, Ask::Read(query)))
    }

    /// The one answer to these bytes.
    fn hand(&mut self, who: Asker, bytes: &[u8]) -> Answer {
        let who = if who == PLAIN { Principal::Plain } else { Principal::Device(device(who)) };
        self.hand_of(who, bytes)
    }

    fn hand_of(&mut self, who: Principal, bytes: &[u8]) -> Answer {
        let received = decode_request(bytes).unwrap();
        let counter = self.server.handle_message(self.now, 0, who, received.clone(), bytes.len());
        self.server.count(counter);
        let replies = self.drain();
        assert_eq!(replies.len(), 1, "{received:?}");
        assert!(replies[0].len() <= bytes.len(), "no amplification");
        decode_reply(&replies[0]).unwrap().answer
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let (mut space, mut replies) = (Datagram::new(), Vec::new());
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Transmit { .. } => replies.push(space.as_bytes().to_vec()),
                Output::Append(batch) => {
                    let number = batch.number;
                    self.journal.push(batch);
                    self.server.handle_durable(number);
                }
                Output::ListRows(question) => {
                    let rows = self.rows(question);
                    self.server.handle_rows(question, &rows);
                }
                Output::ListSheets(question) => {
                    let of_class = |it: &&ClosedSheet| it.info.class == question.class;
                    let infos = self.sheets().filter(of_class).map(|it| it.info).collect();
                    self.server.handle_sheets(question, infos);
                }
                other => panic!("{other:?}"),
            }
        }
        replies
    }

    /// The sheets that were closed, the last one first.
    fn sheets(&self) -> impl Iterator<Item = &ClosedSheet> {
        self.journal.iter().rev().flat_map(|batch| batch.sheets.iter().rev())
    }

    fn rows(&self, question: RowsQuestion) -> Rows {
        match question {
            RowsQuestion::Acts { at_most, limit } => {
                let acts = self.journal.iter().rev().flat_map(|batch| batch.acts.iter().rev());
                let acts = acts.filter(|it| it.number <= at_most).take(limit + 1);
                Rows::Acts(acts.copied().collect())
            }
            RowsQuestion::Mine { device, .. } => {
                let mine = self.sheets().flat_map(|closed| {
                    let SheetInfo { class, number, .. } = closed.info;
                    let is_mine = move |it: &crate::roll::Mark| {
                        closed.devices.get(&it.student) == Some(&device)
                    };
                    let marks = closed.sheet().marks.into_iter().filter(is_mine);
                    marks.map(move |it| MyMark { class, number, student: it.student, at: it.at })
                });
                Rows::Mine(mine.collect())
            }
            RowsQuestion::Tally { class, student } => {
                let of_class = self.sheets().filter(|it| it.info.class == class);
                Rows::Tally(of_class.filter_map(|it| it.expected(student)).collect())
            }
            RowsQuestion::Revisions { .. } | RowsQuestion::RollCall { .. } => {
                panic!("nobody asks for {question:?} here")
            }
        }
    }

    fn act(&mut self, who: Asker, act: Act) -> Answer {
        self.perform(who, Operation::Act(act))
    }

    /// Opens a class under these terms.
    fn open(&mut self, who: Asker, number: u32, terms: Terms) -> Answer {
        self.perform(who, Operation::Open { class: class(number), terms })
    }

    fn close(&mut self, who: Asker, number: u32) -> Answer {
        self.perform(who, Operation::Close { class: class(number) })
    }

    /// Answers without a code.
    fn mark(&mut self, who: Asker, number: u32, student_number: &str) -> Answer {
        let (class, student) = (class(number), student(student_number));
        self.perform(who, Operation::Mark { class, student, code: None })
    }

    /// Answers with the code that is shown.
    fn mark_rightly(&mut self, who: Asker, number: u32, student_number: &str) -> Answer {
        let (class, student) = (class(number), student(student_number));
        let code = self.room(number).code;
        assert!(code.is_some(), "it has one");
        self.perform(who, Operation::Mark { class, student, code })
    }

    /// Answers with a code that is not taken.
    fn mark_wrongly(&mut self, who: Asker, number: u32, student_number: &str) -> Answer {
        let (class, student) = (class(number), student(student_number));
        let code = self.room(number).code.expect("it has one");
        let code = RoomCode::new((code.get() + 500_000) % 1_000_000);
        self.perform(who, Operation::Mark { class, student, code })
    }

    /// What Ana shows.
    fn room(&mut self, number: u32) -> RoomState {
        match self.ask(ANA, Query::Room { class: class(number) }) {
            Answer::Room(state) => state,
            other => panic!("{other:?}"),
        }
    }

    /// Ana closes the class; what is remarked on whom.
    fn remarks(&mut self, number: u32) -> Vec<(String, Remarks)> {
        let closed = self.close(ANA, number);
        let Answer::Closed(Closed { sheet, already_closed: false }) = closed else {
            panic!("{closed:?}")
        };
        let last = self.sheets().next().unwrap();
        assert_eq!(last.info, sheet);
        let (read, bytes) = (last.sheet(), last.bytes.to_vec());
        assert_eq!(Sheet::from_bytes(&bytes, &sheet).as_ref(), Ok(&read), "it reads back");
        let marks = (0..).zip(&read.marks);
        marks.map(|(place, mark)| (mark.student.to_string(), read.remarks_at(place))).collect()
    }

    /// What the server knows, in one order whatever was heard last.
    fn state(server: &Server<u8>) -> Vec<Vec<u8>> {
        let written = |item: SnapshotItem| postcard::to_stdvec(&item).unwrap();
        let mut items: Vec<_> = server.snapshot().map(written).collect();
        items.sort();
        items
    }

    fn has(&self, is_it: impl Fn(&PeopleItem) -> bool) -> bool {
        let is_it = |item| matches!(item, SnapshotItem::People(ref item) if is_it(item));
        self.server.snapshot().any(is_it)
    }

    fn is_bound(&self, number: &str, who: Asker) -> bool {
        self.has(|item| {
            matches!(*item, PeopleItem::Bond { student: it, device: its, .. }
                if (it, its) == (student(number), device(who)))
        })
    }

    /// The process dies and another one starts from the journal.
    fn restart(&mut self) {
        let mut server = Server::new(2);
        for batch in &self.journal {
            batch.records.iter().for_each(|record| server.replay(record.clone()).unwrap());
            server.resume_after(batch.number);
        }
        self.server = server;
        self.now.instant = Instant::ZERO;
    }
}

fn bytes_of(who: Asker, number: u64, ask: Ask) -> Vec<u8> {
    let client = ClientId::from_bytes([who; 16]);
    let number = RequestNumber::new(number).unwrap();
    let mut datagram = Datagram::new();
    encode_request(&Request { attempt: 1, client, number, ask }, &mut datagram);
    datagram.as_bytes().to_vec()
}

fn device(who: Asker) -> DeviceId {
    DeviceId::from_bytes([who; 16])
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).unwrap()
}

fn student(number: &str) -> StudentNumber {
    number.parse().unwrap()
}

fn name(person: &str) -> PersonName {
    person.parse().unwrap()
}

fn teacher(person: &str) -> Guest {
    Guest::Staff { role: Role::Teacher, name: name(person) }
}

/// Each number from a device of its own, without a code.
const DEVICE: Terms = Terms { who: Who::Device, strict: false, code: false };

fn is_joined(answer: &Answer) -> bool {
    matches!(answer, Answer::Joined(_))
}

fn is_opened(answer: &Answer) -> bool {
    matches!(answer, Answer::Opened(_))
}

fn is_marked(answer: &Answer) -> bool {
    matches!(answer, Answer::Marked(_))
}

#[track_caller]
fn refuses(answer: &Answer, expected: Refusal) {
    match answer {
        Answer::Refused(Refused { reason, .. }) | Answer::MarkRefused(Refused { reason, .. }) => {
            assert_eq!(*reason, expected);
        }
        other => panic!("{other:?} in place of {expected:?}"),
    }
}

// Whose a class is.

// spec: R-ACCESS-1
#[test]
fn only_teachers_open_and_close() {
    let mut school = School::new();
    for stranger in [RUI, 9] {
        refuses(&school.open(stranger, 1, DEVICE), Refusal::NotATeacher);
        refuses(&school.close(stranger, 1), Refusal::NotATeacher);
    }
    assert!(is_opened(&school.open(ANA, 1, DEVICE)));
    refuses(&school.close(9, 1), Refusal::NotATeacher);
    refuses(&school.ask(9, Query::Room { class: class(1) }), Refusal::NotOpen);
    refuses(&school.ask(9, Query::Spot { class: class(1), count: 1 }), Refusal::NotOpen);
    assert!(matches!(school.close(ANA, 1), Answer::Closed(_)));
}

// spec: R-ACCESS-3, R-ACCESS-1
#[test]
fn a_class_is_its_first_teachers_and_nobody_elses() {
    let mut school = School::new();
    refuses(&school.close(EVA, 1), Refusal::NeverOpened);
    assert!(is_opened(&school.open(ANA, 1, DEVICE)));
    refuses(&school.open(EVA, 1, DEVICE), Refusal::NotYourClass);
    refuses(&school.close(EVA, 1), Refusal::NotYourClass);
    assert!(matches!(school.close(ANA, 1), Answer::Closed(_)));
    refuses(&school.open(EVA, 1, DEVICE), Refusal::NotYourClass);
    school.restart();
    refuses(&school.open(EVA, 1, DEVICE), Refusal::NotYourClass);
    // Another device of the same person is as good.
    school.make_teacher(4, "Ana");
    assert!(is_opened(&school.open(4, 1, DEVICE)));
    assert!(matches!(school.close(ANA, 1), Answer::Closed(_)));
}

// spec: R-ACCESS-5, R-ACCESS-1
#[test]
fn a_class_that_is_shared_is_held_by_both_and_one_that_is_given_by_its_new_owner() {
    let mut school = School::new();
    school.open(ANA, 1, DEVICE);
    let share = |with| Act::Share { class: class(1), with: name(with) };
    refuses(&school.act(EVA, share("Eva")), Refusal::NotYourClass);
    refuses(&school.act(9, share("Eva")), Refusal::NotATeacher);
    refuses(&school.act(ANA, share("Nobody")), Refusal::UnknownTeacher);
    refuses(&school.act(ANA, share("Rui")), Refusal::UnknownTeacher);
    let shared = |answer| matches!(answer, Answer::Acted(Acted { count: 1, .. }));
    assert!(shared(school.act(ANA, share("Eva"))));
    assert!(matches!(school.act(ANA, share("Eva")), Answer::Acted(Acted { count: 0, .. })));
    assert!(matches!(school.close(EVA, 1), Answer::Closed(_)));
    assert!(is_opened(&school.open(EVA, 1, DEVICE)));
    assert!(matches!(school.close(ANA, 1), Answer::Closed(_)), "it is still hers");

    let give = |class_number, to| Act::Give { class: class(class_number), to: name(to) };
    refuses(&school.act(ANA, give(1, "Eva")), Refusal::NotAnAdmin);
    assert!(shared(school.act(RUI, give(1, "Eva"))));
    refuses(&school.open(ANA, 1, DEVICE), Refusal::NotYourClass);
    assert!(is_opened(&school.open(EVA, 1, DEVICE)));
    // Also a class that nobody has had.
    assert!(shared(school.act(RUI, give(2, "Eva"))));
    refuses(&school.open(ANA, 2, DEVICE), Refusal::NotYourClass);
}

// spec: R-ACCESS-2
#[test]
fn who_asks_plainly_holds_what_is_nobodys_and_nothing_else() {
    let mut school = School::new();
    assert!(is_opened(&school.open(PLAIN, 1, Terms::PLAIN)));
    assert!(is_marked(&school.mark(PLAIN, 1, "10")));
    refuses(&school.open(PLAIN, 2, DEVICE), Refusal::NoDevice);
    // A teacher does not take what is open under other terms, but what is closed.
    refuses(&school.open(ANA, 1, DEVICE), Refusal::NotYourClass);
    refuses(&school.close(ANA, 1), Refusal::NotYourClass);
    assert!(is_marked(&school.mark(9, 1, "20")), "whoever asks answers");
    assert!(matches!(school.close(PLAIN, 1), Answer::Closed(_)));
    assert!(is_opened(&school.open(ANA, 1, DEVICE)));
    refuses(&school.mark(PLAIN, 1, "30"), Refusal::NoDevice);
    refuses(&school.close(PLAIN, 1), Refusal::NoDevice);
    school.close(ANA, 1);
    refuses(&school.open(PLAIN, 1, Terms::PLAIN), Refusal::NoDevice);
    refuses(&school.mark(PLAIN, 1, "30"), Refusal::NoDevice);
    refuses(&school.mark(9, 1, "30"), Refusal::NotOpen);
    // What is about people needs a device, whoever holds what.
    let code = school.code();
    refuses(&school.perform(PLAIN, Operation::Join { code }), Refusal::NoDevice);
    refuses(&school.act(PLAIN, Act::Release { student: student("1") }), Refusal::NoDevice);
    refuses(&school.ask(PLAIN, Query::Mine { skip: 0 }), Refusal::NoDevice);
    refuses(&school.ask(PLAIN, Query::Room { class: class(1) }), Refusal::NoDevice);
    refuses(&school.ask(PLAIN, Query::People { after: None }), Refusal::NotAnAdmin);
    let acts = Query::Acts { at_most: ActNumber::MAX };
    refuses(&school.ask(PLAIN, acts), Refusal::NotAnAdmin);
}

// spec: R-STATUS-5, R-ACCESS-7
#[test]
fn each_sees_the_roll_calls_and_sheets_that_they_hold_and_an_admin_all_roll_calls() {
    let mut school = School::new();
    school.open(PLAIN, 1, Terms::PLAIN);
    school.open(ANA, 2, DEVICE);
    school.open(EVA, 3, DEVICE);
    for (who, expected) in
        [(PLAIN, &[1][..]), (ANA, &[2]), (EVA, &[3]), (RUI, &[1, 2, 3]), (9, &[])]
    {
        let answer = school.ask(who, Query::Status { from: class(1) });
        let Answer::Status(StatusList { open, more: false }) = answer else { panic!("{answer:?}") };
        let seen: Vec<_> = open.iter().map(|it: &OpenRollCall| it.class.get()).collect();
        assert_eq!(seen, expected, "device {who}");
    }
    school.close(ANA, 2);
    for (who, expected) in [(PLAIN, 0), (ANA, 1), (EVA, 0), (RUI, 0), (9, 0)] {
        let query = Query::Sheets { class: class(2), at_most: RollCallNumber::MAX };
        let answer = school.ask(who, query);
        let Answer::Sheets(SheetList { sheets, more: false }) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(sheets.len(), expected, "device {who}");
    }
}

// Invites and devices.

// spec: R-ACCESS-4
#[test]
fn an_invite_is_for_one_device_which_may_use_it_again() {
    let mut school = School::new();
    let code = school.invite(teacher("Zoe"));
    assert!(is_joined(&school.perform(10, Operation::Join { code })));
    let first = school.retry(10);
    assert!(is_joined(&school.perform(10, Operation::Join { code })), "by the same device");
    refuses(&school.perform(11, Operation::Join { code }), Refusal::InviteUsed);
    school.restart();
    refuses(&school.perform(12, Operation::Join { code }), Refusal::InviteUsed);
    assert!(is_joined(&first));
    let unknown = InviteCode::from_bytes([250; 10]);
    refuses(&school.perform(10, Operation::Join { code: unknown }), Refusal::InviteUnknown);
    // It is one act, whoever tries again.
    let answer = school.ask(RUI, Query::Acts { at_most: ActNumber::MAX });
    let Answer::Acts(ActList { acts, .. }) = answer else { panic!("{answer:?}") };
    let joined = acts.iter().filter(|it| it.deed == Deed::Joined(teacher("Zoe"))).count();
    assert_eq!(joined, 1, "{acts:?}");
}

#[test]
fn an_invite_ends_and_whoever_comes_late_is_told_so() {
    let mut school = School::new();
    let code = school.invite(teacher("Zoe"));
    school.wait(INVITE_LIFE);
    let other = school.invite(teacher("Ina"));
    assert!(is_joined(&school.perform(10, Operation::Join { code })), "until the last moment");
    school.wait(INVITE_LIFE + Duration::from_millis(1));
    refuses(&school.perform(11, Operation::Join { code: other }), Refusal::InviteEnded);
    assert!(is_joined(&school.perform(10, Operation::Join { code })), "it is that device's");
    // It is forgotten after as long again, when others are made.
    school.wait(INVITE_LIFE);
    school.invite(teacher("Ina"));
    refuses(&school.perform(11, Operation::Join { code: other }), Refusal::InviteUnknown);
}

// spec: R-ACCESS-5
#[test]
fn a_device_is_one_persons_and_may_have_both_roles() {
    let mut school = School::new();
    let code = school.invite(teacher("Eva"));
    refuses(&school.perform(ANA, Operation::Join { code }), Refusal::OtherPerson);
    assert!(is_joined(&school.perform(10, Operation::Join { code })), "it is not used yet");
    school.make_teacher(RUI, "Rui");
    assert!(is_opened(&school.open(RUI, 1, DEVICE)));
    assert!(matches!(school.act(RUI, Act::Revoke { device: device(10) }), Answer::Acted(_)));
    let answer = school.ask(RUI, Query::People { after: None });
    let Answer::People(PersonList { devices, more: false }) = answer else { panic!("{answer:?}") };
    let told = devices.iter().map(|it| (it.name.to_string(), it.admin, it.teacher, it.revoked));
    let told: Vec<_> = told.collect();
    let expected = [
        ("Rui".to_owned(), true, true, false),
        ("Ana".to_owned(), false, true, false),
        ("Eva".to_owned(), false, true, false),
        ("Eva".to_owned(), false, true, true),
    ];
    assert_eq!(told, expected);
    refuses(&school.ask(ANA, Query::People { after: None }), Refusal::NotAnAdmin);
}

#[test]
fn a_backup_that_is_restored_ends_the_invites_that_are_open() {
    let mut school = School::new();
    let (used, open) = (school.invite(teacher("Zoe")), school.invite(teacher("Ina")));
    school.perform(10, Operation::Join { code: used });
    school.server.void_invites();
    school.drain();
    for _ in 0..2 {
        refuses(&school.perform(11, Operation::Join { code: open }), Refusal::InviteUnknown);
        assert!(is_joined(&school.perform(10, Operation::Join { code: used })));
        school.restart();
    }
}

// spec: R-ACCESS-5
#[test]
fn acts_are_an_admins_and_are_kept_with_who_did_them() {
    let mut school = School::new();
    let release = Act::Release { student: student("1") };
    for who in [ANA, 9] {
        refuses(&school.act(who, release), Refusal::NotAnAdmin);
        refuses(&school.act(who, Act::Revoke { device: device(EVA) }), Refusal::NotAnAdmin);
        let act = Act::Invite { invite: school.code().id(), guest: teacher("Zoe") };
        refuses(&school.act(who, act), Refusal::NotAnAdmin);
        let acts = Query::Acts { at_most: ActNumber::MAX };
        refuses(&school.ask(who, acts), Refusal::NotAnAdmin);
    }
    refuses(&school.act(RUI, Act::Revoke { device: device(9) }), Refusal::UnknownDevice);
    assert!(matches!(school.act(RUI, release), Answer::Acted(Acted { count: 0, .. })));
    let known = Act::Invite { invite: school.code().id(), guest: teacher("Ana") };
    let answer = school.act(RUI, known);
    assert!(
        matches!(answer, Answer::Acted(Acted { count: 1, .. })),
        "she has a device: {answer:?}"
    );
    refuses(&school.act(RUI, known), Refusal::NoRoom);
    let answer = school.ask(RUI, Query::Acts { at_most: ActNumber::MAX });
    let Answer::Acts(ActList { acts, .. }) = answer else { panic!("{answer:?}") };
    let first = acts.last().unwrap();
    let last = (acts[0].deed, acts[0].by, acts[0].name);
    assert_eq!(last, (Deed::Act(known), Some(device(RUI)), Some(name("Rui"))));
    assert!(acts.windows(2).all(|pair| pair[0].number.get() == pair[1].number.get() + 1));
    assert_eq!(first.number, ActNumber::new(acts[0].number.get() + 1 - acts.len() as u64).unwrap());
}

// spec: R-ACCESS-6
#[test]
fn a_device_that_is_revoked_is_told_so_whatever_it_asks_and_nothing_is_kept_of_it() {
    let mut school = School::new();
    assert!(is_opened(&school.open(ANA, 1, DEVICE)));
    assert!(matches!(school.act(RUI, Act::Revoke { device: device(ANA) }), Answer::Acted(_)));
    for _ in 0..2 {
        let kept = school.journal.len();
        assert_eq!(school.retry(ANA), Answer::Revoked, "also what was executed before");
        assert_eq!(school.close(ANA, 1), Answer::Revoked);
        assert_eq!(school.mark(ANA, 1, "10"), Answer::Revoked);
        assert_eq!(school.ask(ANA, Query::Status { from: class(1) }), Answer::Revoked);
        assert_eq!(school.journal.len(), kept, "nothing is journaled");
        school.restart();
    }
    assert_eq!(school.server.stats().get(Counter::Closed), 0);
    // The person goes on with another device.
    school.make_teacher(10, "Ana");
    assert!(matches!(school.close(10, 1), Answer::Closed(_)));
    // Who was revoked is no teacher to give a class to.
    school.act(RUI, Act::Revoke { device: device(10) });
    let give = Act::Give { class: class(2), to: name("Ana") };
    refuses(&school.act(RUI, give), Refusal::UnknownTeacher);
}

// Rooms: which device answers for which number.

// spec: R-ROOM-1
#[test]
fn a_number_that_answers_from_a_second_device_is_remarked() {
    let mut school = School::new();
    school.open(ANA, 1, DEVICE);
    assert!(is_marked(&school.mark(10, 1, "10")));
    // The same from the same device says nothing.
    assert!(is_marked(&school.mark(10, 1, "10")));
    assert!(is_marked(&school.mark(20, 1, "20")));
    let again = school.mark(11, 1, "10");
    assert!(matches!(again, Answer::Marked(Marked { already_present: true, .. })));
    let expected = [("10".to_owned(), Remarks::SECOND_DEVICE), ("20".to_owned(), Remarks::NONE)];
    assert_eq!(school.remarks(1), expected);
    let from = school.sheets().next().unwrap().devices.get(&student("10")).copied();
    assert_eq!(from, Some(device(10)), "the one that answered first");
}

// spec: R-ROOM-1
#[test]
fn a_number_that_is_bound_is_remarked_when_another_device_answers_first_or_second() {
    for bound_first in [true, false] {
        let mut school = School::new();
        school.open(ANA, 1, Terms::SEALED);
        assert!(is_marked(&school.mark_rightly(10, 1, "10")));
        assert_eq!(school.remarks(1), [("10".to_owned(), Remarks::NONE)]);
        assert!(school.is_bound("10", 10));
        school.open(ANA, 1, Terms::SEALED);
        let devices = if bound_first { [10, 11] } else { [11, 10] };
        for device in devices {
            assert!(is_marked(&school.mark_rightly(device, 1, "10")));
        }
        assert_eq!(school.remarks(1), [("10".to_owned(), Remarks::SECOND_DEVICE)]);
        // From then on it answers from both, and whichever it is there is another one.
        school.open(ANA, 1, Terms::SEALED);
        assert!(is_marked(&school.mark_rightly(10, 1, "10")));
        assert_eq!(school.remarks(1), [("10".to_owned(), Remarks::SECOND_DEVICE)]);
    }
}

// spec: R-ROOM-2
#[test]
fn a_device_that_answers_for_several_numbers_is_remarked_on_each_of_them() {
    let mut school = School::new();
    school.open(ANA, 1, DEVICE);
    for number in ["10", "20", "30"] {
        assert!(is_marked(&school.mark(10, 1, number)));
    }
    assert!(is_marked(&school.mark(40, 1, "40")));
    let several = Remarks::SEVERAL_NUMBERS;
    let expected = [("10", several), ("20", several), ("30", several), ("40", Remarks::NONE)];
    let remarks = school.remarks(1);
    let remarks: Vec<_> = remarks.iter().map(|(number, it)| (number.as_str(), *it)).collect();
    assert_eq!(remarks, expected);
    // It was not bound, because there was no code: another day says nothing.
    school.open(ANA, 1, DEVICE);
    school.mark(10, 1, "20");
    assert_eq!(school.remarks(1), [("20".to_owned(), Remarks::NONE)]);
}

// spec: R-ROOM-1, R-ROOM-2
#[test]
fn a_device_that_is_bound_to_another_number_is_remarked_in_later_lessons() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    school.mark_rightly(10, 1, "10");
    school.close(ANA, 1);
    school.open(ANA, 1, Terms::SEALED);
    school.mark_rightly(20, 1, "20");
    school.mark_rightly(10, 1, "30");
    let expected = [("20".to_owned(), Remarks::NONE), ("30".to_owned(), Remarks::SEVERAL_NUMBERS)];
    assert_eq!(school.remarks(1), expected);
    // An admin releases the number: it is as new, and so is its device.
    let release = |number| Act::Release { student: student(number) };
    assert!(matches!(school.act(RUI, release("10")), Answer::Acted(Acted { count: 1, .. })));
    assert!(matches!(school.act(RUI, release("30")), Answer::Acted(Acted { count: 1, .. })));
    assert!(!school.is_bound("10", 10) && !school.is_bound("30", 10));
    school.restart();
    school.open(ANA, 1, Terms::SEALED);
    school.mark_rightly(12, 1, "10");
    school.mark_rightly(10, 1, "40");
    let expected = [("10".to_owned(), Remarks::NONE), ("40".to_owned(), Remarks::NONE)];
    assert_eq!(school.remarks(1), expected);
}

// spec: R-ROOM-3
#[test]
fn strict_terms_refuse_what_would_be_remarked() {
    let mut school = School::new();
    school.open(ANA, 1, Terms { strict: true, ..DEVICE });
    assert!(is_marked(&school.mark(10, 1, "10")));
    refuses(&school.mark(11, 1, "10"), Refusal::OtherDevice);
    refuses(&school.mark(10, 1, "20"), Refusal::OtherNumber);
    assert!(is_marked(&school.mark(20, 1, "20")));
    let expected = [("10".to_owned(), Remarks::NONE), ("20".to_owned(), Remarks::NONE)];
    assert_eq!(school.remarks(1), expected);
}

#[test]
fn only_enrolled_devices_answer_where_that_is_the_term() {
    let mut school = School::new();
    school.enroll(10, "10");
    school.open(ANA, 1, Terms { who: Who::Enrolled, ..DEVICE });
    assert!(is_marked(&school.mark(10, 1, "10")));
    for (device, number) in [(10, "20"), (11, "10"), (11, "11")] {
        refuses(&school.mark(device, 1, number), Refusal::NotEnrolled);
    }
    assert_eq!(school.remarks(1), [("10".to_owned(), Remarks::NONE)]);
    // Who was bound by a code is not enrolled by it.
    school.open(ANA, 2, Terms::SEALED);
    assert!(is_marked(&school.mark_rightly(12, 2, "12")));
    assert!(school.is_bound("12", 12));
    school.open(ANA, 1, Terms { who: Who::Enrolled, ..DEVICE });
    refuses(&school.mark(12, 1, "12"), Refusal::NotEnrolled);
}

// spec: R-ROOM-4
#[test]
fn a_teacher_marks_without_a_code_and_that_is_remarked() {
    let mut school = School::new();
    school.open(ANA, 1, Terms { strict: true, ..Terms::SEALED });
    assert!(is_marked(&school.mark(ANA, 1, "10")));
    assert!(is_marked(&school.mark(ANA, 1, "20")), "one device for many numbers");
    assert!(is_marked(&school.mark_rightly(30, 1, "30")));
    assert!(is_marked(&school.mark(ANA, 1, "30")), "who is there stays as they answered");
    refuses(&school.mark(EVA, 1, "40"), Refusal::CodeNeeded);
    assert!(!school.is_bound("10", ANA));
    let by_teacher = Remarks::BY_TEACHER;
    let expected = [("10", by_teacher), ("20", by_teacher), ("30", Remarks::NONE)];
    let remarks = school.remarks(1);
    let remarks: Vec<_> = remarks.iter().map(|(number, it)| (number.as_str(), *it)).collect();
    assert_eq!(remarks, expected);
    let devices = &school.sheets().next().unwrap().devices;
    assert_eq!(devices.keys().copied().collect::<Vec<_>>(), [student("30")]);
}

#[test]
fn where_anyone_may_answer_nothing_is_bound_and_nothing_remarked() {
    let mut school = School::new();
    school.open(ANA, 1, Terms { who: Who::Anyone, ..Terms::SEALED });
    for (device, number) in [(10, "10"), (10, "20"), (11, "10")] {
        assert!(is_marked(&school.mark_rightly(device, 1, number)));
    }
    assert!(!school.is_bound("10", 10));
    let expected = [("10".to_owned(), Remarks::NONE), ("20".to_owned(), Remarks::NONE)];
    assert_eq!(school.remarks(1), expected);
}

// Codes.

// spec: R-CODE-1
#[test]
fn a_right_code_binds_and_a_wrong_one_does_not() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    refuses(&school.mark(10, 1, "10"), Refusal::CodeNeeded);
    refuses(&school.mark_wrongly(10, 1, "10"), Refusal::WrongCode);
    assert!(!school.is_bound("10", 10));
    assert_eq!(school.room(1).wrong_codes, 1);
    // The code stays good while two others are shown.
    let shown = school.room(1).code;
    school.wait(Duration::from_secs(30));
    assert_ne!(school.room(1).code, shown);
    let (class, student) = (class(1), student("10"));
    assert!(is_marked(&school.perform(10, Operation::Mark { class, student, code: shown })));
    assert!(school.is_bound("10", 10));
    school.wait(Duration::from_secs(15));
    refuses(
        &school.perform(11, Operation::Mark { class, student, code: shown }),
        Refusal::WrongCode,
    );
    assert_eq!(school.remarks(1), [("10".to_owned(), Remarks::NONE)]);
}

#[test]
fn the_code_of_a_room_outlives_the_server_and_each_roll_call_has_another() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    let first = school.room(1);
    // The steps are counted from the clock at the start, which shows the same.
    school.restart();
    assert_eq!(school.room(1).code, first.code);
    school.close(ANA, 1);
    school.open(ANA, 1, Terms::SEALED);
    assert_ne!(school.room(1).code, first.code);
    let open = school.open(ANA, 1, DEVICE);
    assert!(is_opened(&open), "it is open, under the terms that it has");
    assert_eq!(school.room(1).terms, Terms::SEALED);
}

// spec: R-CODE-3
#[test]
fn strangers_who_use_up_the_codes_of_a_number_do_not_lock_out_its_own_device() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    school.mark_rightly(10, 1, "10");
    school.close(ANA, 1);
    school.open(ANA, 1, Terms::SEALED);
    for device in 20..20 + WRONG_CODES_MAX {
        refuses(&school.mark_wrongly(device, 1, "10"), Refusal::WrongCode);
    }
    refuses(&school.mark_rightly(30, 1, "10"), Refusal::CodeLimit);
    assert!(is_marked(&school.mark_rightly(30, 1, "30")), "another number is not concerned");
    assert!(is_marked(&school.mark_rightly(10, 1, "10")), "its own device has tries of its own");
    let many = Remarks::MANY_WRONG_CODES;
    let expected = [("30".to_owned(), Remarks::NONE), ("10".to_owned(), many)];
    assert_eq!(school.remarks(1), expected);
}

// spec: R-CODE-3
#[test]
fn a_device_has_so_many_wrong_codes_for_all_numbers_together() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    for number in 0..WRONG_CODES_MAX {
        refuses(&school.mark_wrongly(10, 1, &number.to_string()), Refusal::WrongCode);
    }
    refuses(&school.mark_rightly(10, 1, "99"), Refusal::CodeLimit);
    refuses(&school.mark_wrongly(10, 1, "99"), Refusal::CodeLimit);
    assert_eq!(school.room(1).wrong_codes, u32::from(WRONG_CODES_MAX), "those that were looked at");
    assert!(is_marked(&school.mark_rightly(11, 1, "0")));
    school.restart();
    refuses(&school.mark_rightly(10, 1, "99"), Refusal::CodeLimit);
    // Each roll call counts anew.
    school.close(ANA, 1);
    school.open(ANA, 1, Terms::SEALED);
    assert!(is_marked(&school.mark_rightly(10, 1, "99")));
}

// spec: R-CODE-3
#[test]
fn the_own_device_of_a_number_has_so_many_wrong_codes_and_who_is_there_stays_and_is_remarked() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    assert!(is_marked(&school.mark_rightly(10, 1, "10")));
    for _ in 0..WRONG_CODES_MAX {
        refuses(&school.mark_wrongly(10, 1, "10"), Refusal::WrongCode);
    }
    refuses(&school.mark_rightly(10, 1, "10"), Refusal::CodeLimit);
    assert_eq!(school.room(1).remarked, 1);
    assert_eq!(school.remarks(1), [("10".to_owned(), Remarks::MANY_WRONG_CODES)]);
}

// spec: R-CODE-4
#[test]
fn strangers_who_guess_wait_for_the_next_code_and_who_is_bound_does_not() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    assert!(is_marked(&school.mark_rightly(10, 1, "10")));
    for number in 0..STRANGERS_WRONG_CODES_MAX {
        let device = u8::try_from(20 + number).unwrap();
        refuses(&school.mark_wrongly(device, 1, &number.to_string()), Refusal::WrongCode);
    }
    let kept = school.journal.len();
    let RoomState { left_ms, .. } = school.room(1);
    let busy = Answer::Busy(Busy { retry_after_ms: left_ms });
    assert_eq!(school.mark_wrongly(90, 1, "90"), busy);
    assert_eq!(school.mark_rightly(91, 1, "91"), busy, "a right one is not looked at either");
    assert_eq!(school.journal.len(), kept, "nothing is remembered of it");
    assert_eq!(school.server.stats().get(Counter::StrangersBusy), 2);
    assert!(is_marked(&school.mark_rightly(10, 1, "10")));
    assert!(is_marked(&school.mark(ANA, 1, "92")), "nor does a teacher wait");
    school.wait(Duration::from_millis(left_ms.into()));
    assert!(is_marked(&school.mark_rightly(91, 1, "91")));
    refuses(&school.mark_wrongly(90, 1, "90"), Refusal::WrongCode);
}

/// Guessers, each try from a device that is known to nobody, and the codes that they guess from: so few that
/// every chance is a thousand times what it is with all codes.
struct Guessers {
    school: School,
    rng: StdRng,
    devices: u32,
}

/// Codes that are guessed from; three of them are taken.
const GUESSED_FROM: u32 = 1_000;

impl Guessers {
    fn new() -> Self {
        let mut school = School::new();
        school.open(ANA, 1, Terms::SEALED);
        Self { school, rng: StdRng::from_seed([1; 32]), devices: 0 }
    }

    /// Another roll call, in which nobody has tried yet.
    fn begin(&mut self) {
        self.school.close(ANA, 1);
        self.school.open(ANA, 1, Terms::SEALED);
    }

    /// The codes that are taken from now on, for fifteen seconds: the one that is shown and two before it.
    fn taken(&mut self) -> [RoomCode; 3] {
        [0, 1, 2].map(|turn| {
            if turn > 0 {
                self.wait_for_next_code();
            }
            self.school.room(1).code.expect("it has one")
        })
    }

    fn wait_for_next_code(&mut self) {
        let RoomState { left_ms, .. } = self.school.room(1);
        self.school.wait(Duration::from_millis(left_ms.into()));
    }

    /// One of the codes that are guessed from.
    fn guess(&mut self, taken: &[RoomCode; 3]) -> RoomCode {
        let drawn = self.rng.random_range(0..GUESSED_FROM);
        match usize::try_from(drawn).ok().and_then(|place| taken.get(place)) {
            Some(&code) => code,
            // None of the codes that will be shown, as far as the secrets of this test go.
            None => RoomCode::new(999_000 + drawn).unwrap(),
        }
    }

    fn fresh(&mut self) -> DeviceId {
        self.devices += 1;
        let mut bytes = [0xee; 16];
        bytes[..4].copy_from_slice(&self.devices.to_be_bytes());
        DeviceId::from_bytes(bytes)
    }

    fn try_code(
        &mut self,
        by: DeviceId,
        number: u64,
        student: StudentNumber,
        code: RoomCode,
    ) -> Answer {
        let operation = Operation::Mark { class: class(1), student, code: Some(code) };
        let ask = Ask::Perform { started: self.school.now.wall, operation };
        self.school.hand_of(Principal::Device(by), &bytes_of(200, number, ask))
    }
}

/// The table of `docs/security.md`: however many devices guess, five tries of strangers are looked at for a
/// number, and each hits with three in a million.
#[test]
fn a_code_is_guessed_as_seldom_from_a_thousand_devices_as_from_one() {
    const ROLL_CALLS: u32 = 3_000;
    for devices in [1, 10, 1_000] {
        let mut guessers = Guessers::new();
        let mut hits = 0_u32;
        for roll_call in 0..ROLL_CALLS {
            // In another school now and then, so that no table is full.
            if roll_call % 100 == 0 {
                guessers.school = Guessers::new().school;
            }
            guessers.begin();
            let victim: StudentNumber = roll_call.to_string().parse().unwrap();
            let taken = guessers.taken();
            let all: Vec<_> = (0..devices).map(|_| guessers.fresh()).collect();
            let mut looked_at = 0;
            for turn in 0..all.len().max(20) {
                let by = all[turn % all.len()];
                let number = u64::try_from(turn / all.len()).unwrap() + 1;
                let code = guessers.guess(&taken);
                match guessers.try_code(by, number, victim, code) {
                    Answer::Marked(_) => {
                        hits += 1;
                        looked_at += 1;
                        break;
                    }
                    Answer::MarkRefused(Refused { reason: Refusal::WrongCode, .. }) => {
                        looked_at += 1;
                    }
                    other => {
                        refuses(&other, Refusal::CodeLimit);
                        assert_eq!(looked_at, u32::from(WRONG_CODES_MAX), "{devices} devices");
                    }
                }
            }
            assert!(looked_at <= u32::from(WRONG_CODES_MAX));
        }
        let chance = f64::from(WRONG_CODES_MAX) * 3.0 / f64::from(GUESSED_FROM);
        let expected = f64::from(ROLL_CALLS) * chance;
        let off = (f64::from(hits) - expected).abs();
        assert!(off < 5.0 * expected.sqrt(), "{devices} devices: {hits} hits, {expected} expected");
        println!(
            "{devices} devices: {hits} hits in {ROLL_CALLS} roll calls, {expected:.0} expected"
        );
    }
}

/// And with numbers that are made up, to learn the code: so many tries are looked at in ten minutes that it
/// is found with 800 times three in a million.
#[test]
fn strangers_with_made_up_numbers_are_looked_at_800_times_in_ten_minutes() {
    let mut guessers = Guessers::new();
    let wrong = RoomCode::new(999_999).unwrap();
    let mut looked_at = 0;
    let steps = 600 / 15;
    for step in 0..steps {
        for turn in 0..30 {
            let by = guessers.fresh();
            let made_up: StudentNumber = (step * 100 + turn).to_string().parse().unwrap();
            match guessers.try_code(by, 1, made_up, wrong) {
                Answer::MarkRefused(Refused { reason: Refusal::WrongCode, .. }) => looked_at += 1,
                other => assert!(matches!(other, Answer::Busy(_)), "{other:?}"),
            }
        }
        guessers.wait_for_next_code();
    }
    assert_eq!(looked_at, 800);
}

/// Ten thousand fresh keys in a minute, while honest students answer: who is bound does not wait, who is
/// not waits for a code that is looked at, and of the others hardly anything is remembered.
#[test]
fn ten_thousand_fresh_keys_fill_no_table_while_honest_students_answer() {
    let mut guessers = Guessers::new();
    // Bound in the lesson before.
    for honest in 10..50 {
        assert!(is_marked(&guessers.school.mark_rightly(honest, 1, &honest.to_string())));
    }
    guessers.begin();
    let before = guessers.school.server.clients();
    let wrong = RoomCode::new(999_999).unwrap();
    let mut waiting: Vec<u8> = (60..70).collect();
    for step in 0..4_u8 {
        for turn in 0..2_500_u32 {
            let by = guessers.fresh();
            let made_up: StudentNumber =
                (u32::from(step) * 2_500 + turn).to_string().parse().unwrap();
            guessers.try_code(by, 1, made_up, wrong);
        }
        for honest in 10 + 10 * step..20 + 10 * step {
            let answer = guessers.school.mark_rightly(honest, 1, &honest.to_string());
            assert!(is_marked(&answer), "{honest}: {answer:?}");
        }
        guessers.wait_for_next_code();
        // Before the strangers are back: a code that is refused for now is looked at later.
        waiting.retain(|&new| {
            let answer = guessers.school.mark_rightly(new, 1, &format!("1{new}"));
            !is_marked(&answer)
        });
    }
    assert!(waiting.is_empty(), "new devices wait: {waiting:?}");
    let remembered = guessers.school.server.clients() - before;
    assert!(remembered < 150, "{remembered} clients more");
}

// Names that are called.

// spec: R-SPOT-1
#[test]
fn those_are_drawn_first_on_whom_something_is_remarked_and_nobody_twice() {
    let mut school = School::new();
    school.open(ANA, 1, DEVICE);
    for number in 10..30 {
        assert!(is_marked(&school.mark(number, 1, &number.to_string())));
    }
    school.mark(99, 1, "15");
    school.mark(ANA, 1, "40");
    let draw = |school: &mut School, count| {
        let answer = school.ask(ANA, Query::Spot { class: class(1), count });
        let Answer::Spot(SpotList { drawn, .. }) = answer else { panic!("{answer:?}") };
        drawn
    };
    let second = Drawn { student: student("15"), remarks: Remarks::SECOND_DEVICE };
    assert_eq!(draw(&mut school, 1), [second]);
    let [one, other] = [(); 2].map(|()| draw(&mut school, 20));
    assert!(one.len() == 20 && one[0] == second && other[0] == second);
    assert_ne!(one, other, "by chance");
    let call = |number: &str, there| Act::Call { class: class(1), student: student(number), there };
    refuses(&school.act(EVA, call("15", true)), Refusal::NotYourClass);
    refuses(&school.act(ANA, call("77", true)), Refusal::UnknownStudent);
    assert!(matches!(school.act(ANA, call("15", false)), Answer::Acted(_)));
    assert!(matches!(school.act(ANA, call("20", true)), Answer::Acted(_)));
    let left = draw(&mut school, 20);
    let called = |it: &Drawn| [student("15"), student("20")].contains(&it.student);
    assert_eq!((left.len(), left.iter().any(called)), (19, false));
    // Who came back is called again, and is there.
    school.act(ANA, call("15", true));
    let remarks: BTreeMap<_, _> = school.remarks(1).into_iter().collect();
    assert_eq!(remarks["15"], Remarks::SECOND_DEVICE.and(Remarks::CALLED_PRESENT));
    assert_eq!(remarks["20"], Remarks::CALLED_PRESENT);
    assert_eq!(remarks["10"], Remarks::NONE);
    refuses(&school.act(ANA, call("15", true)), Refusal::NotOpen);
}

// spec: R-ACCESS-1
#[test]
fn a_device_is_told_its_own_marks_and_nobody_elses() {
    let mut school = School::new();
    school.open(ANA, 1, DEVICE);
    school.mark(10, 1, "10");
    school.mark(20, 1, "20");
    school.mark(11, 1, "10");
    school.close(ANA, 1);
    for (who, expected) in [(10, &["10"][..]), (20, &["20"]), (11, &[]), (ANA, &[])] {
        let answer = school.ask(who, Query::Mine { skip: 0 });
        let Answer::Mine(MineList { marks, more: false }) = answer else { panic!("{answer:?}") };
        let told: Vec<_> = marks.iter().map(|it| it.student.as_str()).collect();
        assert_eq!(told, expected, "device {who}");
    }
}

// Sheets.

// spec: R-SHEET-11
#[test]
fn a_sheet_is_of_the_second_form_where_something_is_remarked_and_of_the_first_elsewhere() {
    let mut school = School::new();
    for (teacher_marks, begins) in [(false, &[1][..]), (true, &[0, 2])] {
        school.open(ANA, 1, DEVICE);
        assert!(is_marked(&school.mark(10, 1, "10")));
        if teacher_marks {
            assert!(is_marked(&school.mark(ANA, 1, "20")));
        }
        let remarks = school.remarks(1);
        assert_eq!(remarks.iter().any(|it| !it.1.is_empty()), teacher_marks);
        let bytes = school.sheets().next().unwrap().bytes.to_vec();
        assert!(bytes.starts_with(begins), "{:02x?}", &bytes[..2]);
    }
    // A close that is repeated names the same bytes, also after a start.
    let first = school.retry(ANA);
    school.restart();
    assert_eq!(school.retry(ANA), first);
    let again = school.close(ANA, 1);
    let (Answer::Closed(first), Answer::Closed(again)) = (first, again) else { panic!("closed") };
    assert_eq!(again, Closed { already_closed: true, ..first });
}

// The shares of the tables.

// spec: R-POOL-1
#[test]
fn the_share_of_a_client_follows_from_what_its_device_is() {
    let mut school = School::new();
    school.open(ANA, 1, Terms::SEALED);
    school.mark_rightly(10, 1, "10");
    school.mark_wrongly(11, 1, "11");
    school.enroll(12, "12");
    school.open(PLAIN, 2, Terms::PLAIN);
    let pool_of = |school: &School, who: Asker| {
        let client = ClientId::from_bytes([who; 16]);
        let asker = if who == PLAIN { Principal::Plain } else { Principal::Device(device(who)) };
        let name = asker.client(client);
        school.server.snapshot().find_map(|item| match item {
            SnapshotItem::Client(record) if record.client == name => Some(Pool::Strangers),
            SnapshotItem::ClientOf { pool, client } if client.client == name => Some(pool),
            _ => None,
        })
    };
    for (who, pool) in [
        (RUI, Pool::Staff),
        (ANA, Pool::Staff),
        (10, Pool::Bound),
        (11, Pool::Strangers),
        (12, Pool::Bound),
        (PLAIN, Pool::Strangers),
    ] {
        assert_eq!(pool_of(&school, who), Some(pool), "device {who}");
    }
}

/// Classes that were opened plainly before.
fn opened_plainly(number: u32) -> SnapshotItem {
    SnapshotItem::Register(RegisterItem::Open {
        class: class(number),
        roll_call: RollCallId::new(number.into()),
        number: RollCallNumber::FIRST,
        opened_at: WallTime::from_millis(1),
    })
}

fn closed_plainly(number: u32) -> SnapshotItem {
    let at = WallTime::from_millis(1);
    SnapshotItem::Register(RegisterItem::LastSheet(SheetInfo {
        class: class(number),
        number: RollCallNumber::FIRST,
        opened_at: at,
        closed_at: at,
        students: 1,
        bytes: 9,
        content: ContentId::from_bytes([1; 32]),
    }))
}

// spec: R-POOL-2
#[test]
fn who_asks_plainly_does_not_use_up_the_roll_calls_and_classes_of_teachers() {
    let share = |table: usize| u32::try_from(table / 4).unwrap();
    for (item, table, reason) in [
        (opened_plainly as fn(u32) -> SnapshotItem, OPEN_ROLL_CALLS_MAX, Refusal::TooManyOpen),
        (closed_plainly, CLASSES_MAX, Refusal::TooManyClasses),
    ] {
        let mut school = School::new();
        school.open(ANA, 1, DEVICE);
        school.close(ANA, 1);
        school.open(ANA, 1, DEVICE);
        for number in 0..share(table) - 1 {
            school.server.restore(item(1_000 + number)).unwrap();
        }
        assert!(is_opened(&school.open(PLAIN, 2, Terms::PLAIN)), "the last one of the share");
        refuses(&school.open(PLAIN, 3, Terms::PLAIN), reason);
        assert!(is_opened(&school.open(PLAIN, 2, Terms::PLAIN)), "it is open");
        assert!(is_opened(&school.open(EVA, 4, DEVICE)), "a teacher has room");
        // Where nobody has a role, there is nobody to keep room for.
        let mut alone = School::empty();
        for number in 0..=share(table) {
            alone.server.restore(item(1_000 + number)).unwrap();
        }
        assert!(is_opened(&alone.open(PLAIN, 3, Terms::PLAIN)));
    }
}

// Snapshots and starts.

/// What people do in a term, so that every table has something.
fn lived() -> School {
    let mut school = School::new();
    school.enroll(50, "50");
    school.open(ANA, 1, Terms::SEALED);
    school.mark_rightly(10, 1, "10");
    school.mark_wrongly(11, 1, "10");
    school.mark_wrongly(10, 1, "10");
    school.mark_rightly(10, 1, "20");
    school.mark(ANA, 1, "30");
    school.act(ANA, Act::Call { class: class(1), student: student("10"), there: false });
    school.open(EVA, 2, Terms { who: Who::Enrolled, strict: true, code: false });
    school.mark(50, 2, "50");
    school.mark(51, 2, "50");
    school.act(ANA, Act::Share { class: class(1), with: name("Eva") });
    school.act(RUI, Act::Give { class: class(3), to: name("Eva") });
    school.make_teacher(5, "Zoe");
    school.act(RUI, Act::Revoke { device: device(5) });
    school.invite(teacher("Ina"));
    school.open(PLAIN, 9, Terms::PLAIN);
    school
}

#[test]
fn a_server_that_was_replayed_knows_what_the_first_one_knew() {
    let mut school = lived();
    let before = School::state(&school.server);
    for kind in 0..12_u8 {
        let is_there = before.iter().any(|item| item.starts_with(&[4, kind]));
        assert!(is_there, "no item of kind {kind}: the test is too small");
    }
    school.restart();
    assert_eq!(School::state(&school.server), before);
    // Also through the bytes of the journal, in which no invite's code is.
    let mut read = Server::<u8>::new(3);
    for batch in &school.journal {
        let blob = crate::journal::encoding::encode_records(&batch.records, Vec::new());
        for record in crate::journal::encoding::decode_records(&blob).unwrap() {
            read.replay(record).unwrap();
        }
    }
    assert_eq!(School::state(&read), before);
}

#[test]
fn a_snapshot_that_is_made_while_people_go_on_is_the_state_of_its_batch() {
    for steps in [1, 2, 3, 7, 1_000] {
        let mut school = lived();
        let before = School::state(&school.server);
        school.server.limit_snapshot_parts(steps);
        school.server.begin_snapshot();
        let (mut items, mut turn) = (Vec::new(), 0_u8);
        let mut space = Datagram::new();
        let covered = school.server.last_batch();
        loop {
            match school.server.poll_output(&mut space) {
                Some(Output::Snapshot(part)) => items.extend(part.items),
                other => panic!("a part in each turn: {other:?}"),
            }
            if school.server.handle_snapshot_kept() {
                break;
            }
            // What is handed out next was changed meanwhile.
            turn = turn.wrapping_add(1);
            school.go_on(turn);
            assert!(turn < 250, "it ends");
        }
        let mut restored = Server::<u8>::new(4);
        for item in items {
            restored.restore(item).unwrap();
        }
        assert_eq!(School::state(&restored), before, "{steps} steps");
        for batch in school.journal.iter().filter(|batch| batch.number > covered) {
            batch.records.iter().for_each(|record| restored.replay(record.clone()).unwrap());
        }
        assert_eq!(School::state(&restored), School::state(&school.server), "{steps} steps");
    }
}

#[test]
fn a_snapshot_with_a_room_of_no_open_roll_call_is_damaged() {
    let school = lived();
    let is_room =
        |item: &SnapshotItem| matches!(item, SnapshotItem::People(PeopleItem::Room { .. }));
    let room = school.server.snapshot().find(is_room).expect("a roll call of a device is open");
    assert!(Server::<u8>::new(4).restore(room).is_err());
}

impl School {
    /// Something happens, and is committed, before the next part of a snapshot is given out.
    fn go_on(&mut self, turn: u8) {
        let number = turn.to_string();
        let (class_1, student) = (class(1), student(&number));
        let operation = match turn % 5 {
            0 => Operation::Act(Act::Release { student: "10".parse().unwrap() }),
            1 => Operation::Mark { class: class_1, student, code: None },
            2 => Operation::Act(Act::Invite { invite: self.code().id(), guest: teacher("Una") }),
            3 => Operation::Close { class: class_1 },
            _ => Operation::Open { class: class_1, terms: Terms::SEALED },
        };
        let who = if matches!(operation, Operation::Act(_)) { RUI } else { ANA };
        let next = self.last[&who].0 + 1;
        let ask = Ask::Perform { started: self.now.wall, operation: operation.clone() };
        let bytes = bytes_of(who, next, ask);
        self.last.insert(who, (next, bytes.clone()));
        let received = decode_request(&bytes).unwrap();
        let who = Principal::Device(device(who));
        self.server.handle_message(self.now, 0, who, received, bytes.len());
        let mut space = Datagram::new();
        let Some(Output::Append(batch)) = self.server.poll_output(&mut space) else {
            panic!("{operation:?} is executed")
        };
        self.server.handle_durable(batch.number);
        self.journal.push(batch);
        let answered = self.server.poll_output(&mut space);
        assert_eq!(answered, Some(Output::Transmit { to: 0 }), "before a part of the snapshot");
    }
}
