//! The laws of plans, corrections and rosters, in the hall of `server_laws.rs`: every answer and every sheet
//! is the one that the auditor says, whatever comes twice, late or after a crash; and a server that was
//! brought back knows what the one before knew.
//!
//! Sheets and rosters are read as they were written, and what is changed in them is read as something else or
//! not at all.

use arbitrary::{Arbitrary, Unstructured};
use rollcall::access::Terms;
use rollcall::attendance::{
    Correction, Listed, Plan, RosterChange, RosterEdit, Status, StudentName,
};
use rollcall::exchange::{Ask, Operation, Query, SheetInfo};
use rollcall::ids::{ClassId, ContentId, RollCallNumber, StudentNumber};
use rollcall::roll::{RosterObject, Sheet};

use crate::laws;
use crate::server_laws::Hall;

const STEPS_MAX: usize = 160;

/// What happens. Small numbers of everything, so that things meet.
#[derive(Arbitrary, Debug)]
enum Step {
    /// Somebody asks for it, once or twice, and perhaps waits until it is durable.
    Do {
        who: u8,
        class: u8,
        deed: Deed,
        twice: bool,
        waits: bool,
    },
    Ask {
        who: u8,
        class: u8,
        question: Question,
    },
    Again {
        which: u8,
        attempt: u8,
    },
    Turn,
    Commit(u8),
    Wait(Wait),
    /// The wall clock jumps by so many minutes: the monotonic one stands while a computer sleeps.
    Jump(i8),
    Timeout,
    Crash,
    Snapshot,
    Fetch {
        who: u8,
        sheet: u8,
    },
    /// A sheet or a roster is changed in one place and given under the name that it then has.
    Garble {
        which: u8,
        place: u16,
        bit: u8,
    },
    /// Students answer one after the other, then it is closed.
    Lesson {
        who: u8,
        class: u8,
        students: u8,
    },
    /// A roster of so many students is imported.
    Import {
        who: u8,
        class: u8,
        students: u8,
    },
    /// A roll call as a teacher holds it: some are late, some answers are delayed, some students are
    /// corrected and answer then, and perhaps there are corrections after its end.
    Held {
        who: u8,
        class: u8,
        students: u8,
        corrected: [(u8, u8); 4],
        ends: bool,
        reopens: bool,
    },
}

#[derive(Arbitrary, Debug)]
enum Deed {
    Open,
    Plan { closes: u8, late: u8, lessons: u8, delayed: u8, titled: bool },
    Close,
    Mark(u8),
    Deliver { student: u8, delay: Delay },
    Extend(u8),
    Reopen,
    Correct { number: u8, student: u8, status: u8, reason: bool },
    Enrol { base: Base, import: u8, edits: Vec<(u8, bool)> },
}

#[derive(Arbitrary, Debug)]
enum Delay {
    Millis(u16),
    Minutes(u8),
    /// Just about as long as is accepted.
    Edge(i8),
}

#[derive(Arbitrary, Debug)]
enum Base {
    Now,
    None,
    Before(u8),
}

#[derive(Arbitrary, Debug)]
enum Question {
    Watch(u8),
    Roster,
    Revisions(u8),
    Sheets,
    Status,
}

#[derive(Arbitrary, Debug)]
enum Wait {
    Millis(u16),
    Minutes(u8),
    /// To just about when the next roll call closes by itself.
    Deadline(i8),
}

/// Applies the laws to the run that these bytes tell.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(input: &[u8]) {
    let mut bytes = Unstructured::new(input);
    let mut hall = Hall::new();
    for _ in 0..STEPS_MAX {
        if bytes.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        play(&mut hall, step);
    }
    hall.rest();
}

fn play(hall: &mut Hall, step: Step) {
    match step {
        Step::Do { who, class: which, deed, twice, waits } => {
            let operation = operation(hall, class(which), &deed);
            perform(hall, who % 4, operation, twice, waits);
        }
        Step::Ask { who, class: which, question } => {
            let query = query(class(which), &question);
            hall.ask(who % 4, |_| Ask::Read(query));
        }
        Step::Again { which, attempt } => hall.again(which, attempt),
        Step::Turn => hall.turn(),
        Step::Commit(count) => hall.commit(usize::from(count % 4)),
        Step::Wait(wait) => {
            let millis = match wait {
                Wait::Millis(millis) => millis.into(),
                Wait::Minutes(minutes) => 60_000 * u64::from(minutes % 20),
                Wait::Deadline(beside) => {
                    let ends = hall.auditor.next_end().unwrap_or_default();
                    let left = ends.saturating_sub(hall.wall.as_millis()).min(7_200_000);
                    left.saturating_add_signed((beside / 32).into())
                }
            };
            hall.pass(millis);
        }
        Step::Jump(minutes) => {
            hall.wall = hall.wall.shifted(i64::from(minutes / 4) * 60_000);
        }
        Step::Timeout => hall.timeout(),
        Step::Crash => hall.crash(),
        Step::Snapshot => hall.keep_snapshot(),
        Step::Fetch { who, sheet } => hall.fetch(who % 4, sheet),
        Step::Garble { which, place, bit } => garble(hall, which, place.into(), bit),
        Step::Lesson { who, class: which, students } => {
            let class = class(which);
            for student in 0..students % 40 {
                let (student, code) = (long(student), None);
                perform(hall, who % 4, Operation::Mark { class, student, code }, false, false);
                hall.settle();
            }
            perform(hall, who % 4, Operation::Close { class }, false, true);
        }
        Step::Held { who, class: which, students, corrected, ends, reopens } => {
            hold(hall, (who % 4, class(which)), students % 8, corrected);
            if ends {
                let class = class(which);
                perform(hall, who % 4, Operation::Close { class }, false, true);
                correct(hall, (who % 4, class), corrected);
                if reopens {
                    perform(hall, who % 4, Operation::Reopen { class }, false, true);
                }
            }
        }
        Step::Import { who, class: which, students } => {
            let class = class(which);
            let (base, _) = hall.auditor.roster(class.get());
            for (place, first) in (0..students % 16).step_by(6).enumerate() {
                let edits = (first..first + 6).map(|it| put(long(it), it)).collect();
                let change = RosterChange { base, import: u64::from(students) << 8, edits };
                let operation = Operation::Enrol { class, change };
                perform(hall, who % 4, operation, place % 2 == 1, true);
            }
        }
    }
}

fn hold(hall: &mut Hall, (who, class): (u8, ClassId), students: u8, corrected: [(u8, u8); 4]) {
    let plan = Plan {
        closes_after_s: Some(900),
        late_after_s: Some(60 * u32::from(students) + 1),
        ..Plan::default()
    };
    let open = Operation::OpenWith { class, terms: Terms::PLAIN, plan };
    perform(hall, who, open, false, true);
    for number in 0..students {
        hall.pass(120_000);
        let (student, code) = (student(number), None);
        let operation = if number % 2 == 0 {
            Operation::Mark { class, student, code }
        } else {
            Operation::Deliver { class, student, code, delay_ms: 60_000 * u32::from(number) }
        };
        perform(hall, who, operation, false, true);
    }
    correct(hall, (who, class), corrected);
    for (number, _) in corrected {
        let operation = Operation::Mark { class, student: student(number), code: None };
        perform(hall, who, operation, false, true);
    }
}

fn correct(hall: &mut Hall, (who, class): (u8, ClassId), corrected: [(u8, u8); 4]) {
    for (number, status) in corrected {
        let status = Status::ALL[usize::from(status) % Status::ALL.len()];
        let correction =
            Correction { number: None, student: student(number), status, reason: None };
        let operation = Operation::Correct { class, correction: Box::new(correction) };
        perform(hall, who, operation, number >= 128, true);
    }
}

/// An operation; again if the server has to read something first, which it must have read then.
fn perform(hall: &mut Hall, who: u8, operation: Operation, twice: bool, waits: bool) {
    let taken = hall.ask(who, |started| Ask::Perform { started, operation });
    if twice {
        hall.turn();
        hall.last_again();
    }
    if waits {
        hall.settle();
        if !taken {
            assert!(hall.last_again() || twice, "it reads the same again");
            hall.settle();
        }
    }
}

fn operation(hall: &Hall, class: ClassId, deed: &Deed) -> Operation {
    let terms = Terms::PLAIN;
    match *deed {
        Deed::Open => Operation::Open { class, terms },
        Deed::Plan { closes, late, lessons, delayed, titled } => {
            let minutes = |it: u8| (!it.is_multiple_of(16)).then(|| 30 * u32::from(it % 16));
            let closes_after_s = minutes(closes);
            let late_after_s =
                minutes(late).filter(|it| closes_after_s.is_none_or(|end| *it < end));
            let title = titled.then(|| "Álgebra linear".parse().expect("a title"));
            let accept_delayed_s = 600 - 100 * u16::from(delayed % 7);
            let lessons = lessons % 20 + 1;
            let plan = Plan { closes_after_s, late_after_s, lessons, accept_delayed_s, title };
            Operation::OpenWith { class, terms, plan }
        }
        Deed::Close => Operation::Close { class },
        Deed::Mark(number) => Operation::Mark { class, student: student(number), code: None },
        Deed::Deliver { student: number, ref delay } => {
            let delay_ms = match *delay {
                Delay::Millis(millis) => millis.into(),
                Delay::Minutes(minutes) => 60_000 * u32::from(minutes % 12),
                Delay::Edge(beside) => 600_000_u32.saturating_add_signed((beside / 43).into()),
            };
            Operation::Deliver { class, student: student(number), code: None, delay_ms }
        }
        Deed::Extend(by) => Operation::Extend { class, seconds: 20 * u32::from(by) + 1 },
        Deed::Reopen => Operation::Reopen { class },
        Deed::Correct { number, student: who, status, reason } => {
            let number = RollCallNumber::new(u32::from(number % 6));
            let status = Status::ALL[usize::from(status) % Status::ALL.len()];
            let reason = reason.then(|| "atestado médico".parse().expect("a reason"));
            let correction = Correction { number, student: student(who), status, reason };
            Operation::Correct { class, correction: Box::new(correction) }
        }
        Deed::Enrol { ref base, import, ref edits } => {
            let (version, _) = hall.auditor.roster(class.get());
            let base = match *base {
                Base::Now => version,
                Base::None => 0,
                Base::Before(by) => version.saturating_sub(u64::from(by % 4)),
            };
            let edit = |&(number, puts): &(u8, bool)| {
                if puts {
                    put(student(number), number)
                } else {
                    RosterEdit::Remove(student(number))
                }
            };
            let mut edits: Vec<_> = edits.iter().take(8).map(edit).collect();
            if edits.is_empty() {
                edits.push(put(student(import), import));
            }
            let change = RosterChange { base, import: u64::from(import % 4), edits: edits.into() };
            Operation::Enrol { class, change }
        }
    }
}

/// A question of revisions with a number from here on is one of how often a student was there: so the inputs
/// that were found before keep their meaning.
const OF_ONE: u8 = 128;

fn query(class: ClassId, question: &Question) -> Query {
    match *question {
        Question::Watch(from) => Query::Watch { class, from: u32::from(from % 8) },
        Question::Roster => Query::Roster { class },
        Question::Revisions(number) if number >= OF_ONE => {
            Query::Tally { class, student: student(number) }
        }
        Question::Revisions(number) => {
            let number = RollCallNumber::new(number.into()).unwrap_or(RollCallNumber::MAX);
            Query::Revisions { class, number, revision: u32::MAX }
        }
        Question::Sheets => Query::Sheets { class, at_most: RollCallNumber::MAX },
        Question::Status => Query::Status { from: class },
    }
}

/// One bit of a sheet or a roster is another one. Under the name that it has then it is no sheet, or another
/// one that has these very bytes.
fn garble(hall: &Hall, which: u8, place: usize, bit: u8) {
    let count = hall.sheets().count();
    let Some(closed) = hall.sheets().nth(usize::from(which) % count.max(1)) else { return };
    let mut bytes = closed.bytes.to_vec();
    let (class, place) = (closed.info.class, place % bytes.len());
    bytes[place] ^= 1 << (bit % 8);
    if bit >= 128 {
        bytes.truncate(place);
    }
    let length = u32::try_from(bytes.len()).expect("short");
    let info = SheetInfo { bytes: length, content: ContentId::of(&bytes), ..closed.info };
    if let Ok(sheet) = Sheet::from_bytes(&bytes, &info) {
        assert_eq!(sheet.to_bytes(), bytes, "two forms of one sheet");
        let entries = sheet.entries();
        assert!(entries.len() >= sheet.marks.len(), "a mark is an entry");
    }
    let students = usize::from(which % 8);
    let listed = |it: usize| Listed {
        student: long(u8::try_from(it).expect("few")),
        name: name(which),
        group: it.is_multiple_of(2).then(|| "A".parse().expect("a group")),
    };
    let students = (0..students).map(listed).collect();
    let object = RosterObject { form: RosterObject::FORM, class, version: place as u64, students };
    let mut bytes = roster_bytes(&object);
    assert_eq!(RosterObject::from_bytes(&bytes, class), Ok(object), "read as another roster");
    let place = place % bytes.len();
    bytes[place] ^= 1 << (bit % 8);
    if let Ok(object) = RosterObject::from_bytes(&bytes, class) {
        assert_eq!(roster_bytes(&object), bytes, "two forms of one roster");
    }
}

/// A roster as the specification writes it.
fn roster_bytes(object: &RosterObject) -> Vec<u8> {
    let head = [vec![object.form], laws::varint(object.class.get().into())].concat();
    let count = laws::varint(object.students.len() as u64);
    let mut bytes = [head, laws::varint(object.version), count].concat();
    for Listed { student, name, group } in &object.students {
        bytes.extend(laws::byte_string(student.as_bytes()));
        bytes.extend(laws::byte_string(name.as_str().as_bytes()));
        match group {
            None => bytes.push(0),
            Some(group) => {
                bytes.push(1);
                bytes.extend(laws::byte_string(group.as_str().as_bytes()));
            }
        }
    }
    bytes
}

fn put(student: StudentNumber, which: u8) -> RosterEdit {
    let group = which.is_multiple_of(3).then(|| "B".parse().expect("a group"));
    RosterEdit::Put(Listed { student, name: name(which), group })
}

fn name(which: u8) -> StudentName {
    ["Ana", "João d'Água", "王小明"][usize::from(which % 3)].parse().expect("a name")
}

fn class(which: u8) -> ClassId {
    ClassId::new(u32::from(which % 3) + 1).expect("not zero")
}

/// Few, so that they meet.
fn student(number: u8) -> StudentNumber {
    (number % 8).to_string().parse().expect("a digit")
}

/// Long ones, so that a sheet has several blocks.
fn long(number: u8) -> StudentNumber {
    format!("{number:032}").parse().expect("digits")
}
