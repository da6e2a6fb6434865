//! The register: which classes are open and who answered; which sheet each class closed last.
//!
//! Deciding ([`Register::decide`]) and doing ([`Register::apply`]) are apart: a request decides and
//! then does, the replay of the journal only does. Invariants: a class has at most one open roll
//! call; a student is on it at most once; the order of marks is the order of their records.

use std::collections::{BTreeMap, VecDeque};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};

use super::sheet::{ClosedSheet, Mark, Sheet};
use crate::exchange::{OpenRollCall, Operation, Outcome, Refusal, SheetInfo};
use crate::hashing::{HashKey, Place};
use crate::ids::{ClassId, RollCallId, RollCallNumber, StudentNumber};
use crate::limits::{
    CLASSES_MAX, EMPTY_SHEETS_KEPT_MAX, MARKS_PER_ROLL_CALL_MAX, OPEN_ROLL_CALLS_MAX,
};
use crate::time::WallTime;

/// A record of the journal that cannot follow the ones before it: the journal is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record contradicts the records before it: {0}")]
pub struct Contradiction(pub &'static str);

/// One piece of the register, as a snapshot keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegisterItem {
    /// The number that the next roll call gets.
    NextRollCall(RollCallId),
    /// A class's last closed sheet.
    LastSheet(SheetInfo),
    /// An open roll call; its marks follow.
    Open {
        /// Its class.
        class: ClassId,
        /// Its number.
        roll_call: RollCallId,
        /// Which of its class it is.
        number: RollCallNumber,
        /// When it was opened.
        opened_at: WallTime,
    },
    /// A mark of an open roll call.
    Mark {
        /// Its class.
        class: ClassId,
        /// Who and when.
        mark: Mark,
    },
    /// The last sheet with students of a class whose last sheet has none.
    EarlierSheet(SheetInfo),
    /// The number of a class's last closed roll call, where its sheet is forgotten.
    LastNumber {
        /// The class.
        class: ClassId,
        /// The number.
        number: RollCallNumber,
    },
    /// A closed roll call without marks whose sheet is still kept, in order of the closes.
    Empty {
        /// Its class.
        class: ClassId,
        /// Its number.
        roll_call: RollCallId,
        /// Which of its class it is.
        number: RollCallNumber,
    },
}

/// What is open, and what was closed last.
#[derive(Clone)]
pub struct Register {
    // Ordered, because `STATUS` lists classes in order and no hash order may be seen outside.
    open: BTreeMap<ClassId, RollCall>,
    past: BTreeMap<ClassId, Past>,
    /// The roll calls without marks that were closed last. When there are too many, the first is
    /// forgotten, so that nobody fills a disk by opening and closing.
    empty: VecDeque<Empty>,
    next_roll_call: RollCallId,
    /// No roll call is opened: the disk has too little room left. Not a part of what is recorded.
    disk_low: bool,
    hash_key: HashKey,
    limits: RegisterLimits,
}

/// What is kept of a class's closed roll calls.
#[derive(Clone)]
struct Past {
    last_number: RollCallNumber,
    last: SheetInfo,
    /// If the last one has no students: the last one before it that has, because that one is left
    /// when the empty ones are forgotten.
    with_students: Option<Box<SheetInfo>>,
}

impl Past {
    fn of(last: SheetInfo) -> Self {
        Self { last_number: last.number, last, with_students: None }
    }

    fn into_with_students(self) -> Option<Box<SheetInfo>> {
        if self.last.students > 0 { Some(Box::new(self.last)) } else { self.with_students }
    }
}

/// A closed roll call without marks.
#[derive(Clone, Copy)]
struct Empty {
    class: ClassId,
    roll_call: RollCallId,
    number: RollCallNumber,
}

/// What the journal has to keep, and what it need not keep any more, after an operation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The sheet that a close made.
    pub closed: Option<ClosedSheet>,
    /// The roll calls whose empty sheets are forgotten for it.
    pub forgotten: Vec<RollCallId>,
}

/// The bounds of a register; [`Default`] has those of [`crate::limits`], tests have smaller ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegisterLimits {
    pub(crate) marks_per_roll_call: usize,
    pub(crate) open_roll_calls: usize,
    pub(crate) classes: usize,
    pub(crate) empty_sheets: usize,
}

impl Default for RegisterLimits {
    fn default() -> Self {
        Self {
            marks_per_roll_call: MARKS_PER_ROLL_CALL_MAX as usize,
            open_roll_calls: OPEN_ROLL_CALLS_MAX,
            classes: CLASSES_MAX,
            empty_sheets: EMPTY_SHEETS_KEPT_MAX,
        }
    }
}

impl Register {
    /// An empty register whose tables hash under this key.
    #[must_use]
    pub fn new(hash_key: HashKey) -> Self {
        Self {
            open: BTreeMap::new(),
            past: BTreeMap::new(),
            empty: VecDeque::new(),
            next_roll_call: RollCallId::FIRST,
            disk_low: false,
            hash_key,
            limits: RegisterLimits::default(),
        }
    }

    /// Whether the disk has too little room left to begin another roll call.
    pub fn set_disk_low(&mut self, low: bool) {
        self.disk_low = low;
    }

    /// What the operation leads to if it is executed at this time. Changes nothing.
    #[must_use]
    pub fn decide(&self, operation: &Operation, at: WallTime) -> Outcome {
        match *operation {
            Operation::Open { class } => self.decide_open(class, at),
            Operation::Close { class } => self.decide_close(class, at),
            Operation::Mark { class, student } => self.decide_mark(class, student, at),
        }
    }

    /// Does what was decided, and tells what that means for the sheets that are kept.
    ///
    /// # Errors
    /// If the outcome cannot follow from the present state. Nothing has changed then. After
    /// [`Register::decide`] it cannot happen; in a replay it means a damaged journal.
    pub fn apply(
        &mut self,
        operation: &Operation,
        outcome: &Outcome,
    ) -> Result<Applied, Contradiction> {
        match (*operation, outcome) {
            (
                Operation::Open { class },
                &Outcome::Opened { roll_call, number, opened_at, already_open: false, .. },
            ) => {
                self.insert_open(class, roll_call, number, opened_at)?;
                self.next_roll_call = roll_call.next();
                Ok(Applied::default())
            }
            (
                Operation::Mark { class, student },
                &Outcome::Marked { at, already_present: false, .. },
            ) => {
                self.insert_mark(class, Mark { student, at })?;
                Ok(Applied::default())
            }
            (Operation::Close { class }, Outcome::Closed { sheet, already_closed: false }) => {
                self.finish(class, sheet)
            }
            // A refusal, or something that had already been so: nothing to do.
            _ => Ok(Applied::default()),
        }
    }

    /// The open roll calls from this class on, in order of class.
    pub fn open_from(&self, from: ClassId) -> impl Iterator<Item = OpenRollCall> + '_ {
        // R-STATUS-1
        self.open.range(from..).map(|(&class, roll_call)| OpenRollCall {
            class,
            opened_at: roll_call.opened_at,
            present: roll_call.present(),
        })
    }

    /// The last closed sheet of the class.
    #[must_use]
    pub fn last_sheet(&self, class: ClassId) -> Option<SheetInfo> {
        self.past.get(&class).map(|past| past.last)
    }

    /// How many roll calls are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Everything that a snapshot has to keep, in the order in which [`Register::restore`] takes it.
    pub fn items(&self) -> impl Iterator<Item = RegisterItem> + '_ {
        let sheets = self.past.iter().flat_map(|(&class, past)| {
            let Past { last_number: number, last, ref with_students } = *past;
            let earlier = with_students.as_deref().copied().map(RegisterItem::EarlierSheet);
            let counted =
                (number != last.number).then_some(RegisterItem::LastNumber { class, number });
            std::iter::once(RegisterItem::LastSheet(last)).chain(earlier).chain(counted)
        });
        let empty = self.empty.iter().map(|&Empty { class, roll_call, number }| {
            RegisterItem::Empty { class, roll_call, number }
        });
        let open = self.open.iter().flat_map(|(&class, roll_call)| {
            let RollCall { id, number, opened_at, ref marks, .. } = *roll_call;
            let head = RegisterItem::Open { class, roll_call: id, number, opened_at };
            let marks = marks.iter().map(move |&it| RegisterItem::Mark { class, mark: it.into() });
            std::iter::once(head).chain(marks)
        });
        let next = RegisterItem::NextRollCall(self.next_roll_call);
        std::iter::once(next).chain(sheets).chain(empty).chain(open)
    }

    /// Takes back one piece of a snapshot.
    ///
    /// # Errors
    /// If it contradicts the pieces before it.
    pub fn restore(&mut self, item: &RegisterItem) -> Result<(), Contradiction> {
        match *item {
            RegisterItem::NextRollCall(roll_call) => self.next_roll_call = roll_call,
            RegisterItem::LastSheet(info) => {
                self.past.insert(info.class, Past::of(info));
            }
            RegisterItem::Open { class, roll_call, number, opened_at } => {
                self.insert_open(class, roll_call, number, opened_at)?;
            }
            RegisterItem::Mark { class, mark } => self.insert_mark(class, mark)?,
            RegisterItem::EarlierSheet(info) => {
                self.past_of(info.class)?.with_students = Some(Box::new(info));
            }
            RegisterItem::LastNumber { class, number } => {
                self.past_of(class)?.last_number = number;
            }
            RegisterItem::Empty { class, roll_call, number } => {
                self.empty.push_back(Empty { class, roll_call, number });
            }
        }
        Ok(())
    }

    fn past_of(&mut self, class: ClassId) -> Result<&mut Past, Contradiction> {
        self.past
            .get_mut(&class)
            .ok_or(Contradiction("a class has no last sheet, but an earlier one"))
    }

    fn decide_open(&self, class: ClassId, at: WallTime) -> Outcome {
        if let Some(open) = self.open.get(&class) {
            // R-ROLL-2
            let RollCall { id: roll_call, number, opened_at, .. } = *open;
            return Outcome::Opened { class, roll_call, number, opened_at, already_open: true };
        }
        if self.disk_low {
            // R-ROLL-13
            return Outcome::Refused { at, reason: Refusal::DiskLow };
        }
        if self.open.len() >= self.limits.open_roll_calls {
            // R-ROLL-11
            return Outcome::Refused { at, reason: Refusal::TooManyOpen };
        }
        let past = self.past.get(&class);
        // Open classes without a sheet count too, so that closing never finds the table full.
        if past.is_none() && self.past.len() + self.open.len() >= self.limits.classes {
            // R-ROLL-12
            return Outcome::Refused { at, reason: Refusal::TooManyClasses };
        }
        let roll_call = self.next_roll_call;
        let number = past.map_or(RollCallNumber::FIRST, |past| past.last_number.next());
        // R-ROLL-1
        Outcome::Opened { class, roll_call, number, opened_at: at, already_open: false }
    }

    fn decide_close(&self, class: ClassId, at: WallTime) -> Outcome {
        if let Some(open) = self.open.get(&class) {
            // R-ROLL-6
            let sheet = Box::new(open.sheet(class, at).info(open.number));
            return Outcome::Closed { sheet, already_closed: false };
        }
        match self.last_sheet(class) {
            // R-ROLL-7
            Some(info) => Outcome::Closed { sheet: Box::new(info), already_closed: true },
            // R-ROLL-8
            None => Outcome::Refused { at, reason: Refusal::NeverOpened },
        }
    }

    fn decide_mark(&self, class: ClassId, student: StudentNumber, at: WallTime) -> Outcome {
        let Some(open) = self.open.get(&class) else {
            // R-ROLL-5
            return Outcome::MarkRefused { at, reason: Refusal::NotOpen };
        };
        if let Some(first) = open.find(self.hash_key, student) {
            // R-ROLL-4
            return Outcome::Marked { class, at: first.at, already_present: true };
        }
        if open.marks.len() >= self.limits.marks_per_roll_call {
            // R-ROLL-10
            return Outcome::MarkRefused { at, reason: Refusal::RollCallFull };
        }
        // R-ROLL-3
        Outcome::Marked { class, at, already_present: false }
    }

    fn insert_open(
        &mut self,
        class: ClassId,
        id: RollCallId,
        number: RollCallNumber,
        opened_at: WallTime,
    ) -> Result<(), Contradiction> {
        if self.open.contains_key(&class) {
            return Err(Contradiction("a class that is open is opened"));
        }
        self.open.insert(class, RollCall::new(id, number, opened_at));
        Ok(())
    }

    fn insert_mark(&mut self, class: ClassId, mark: Mark) -> Result<(), Contradiction> {
        let open = self
            .open
            .get_mut(&class)
            .ok_or(Contradiction("a mark for a class that is not open"))?;
        open.insert(self.hash_key, mark)
    }

    fn finish(&mut self, class: ClassId, info: &SheetInfo) -> Result<Applied, Contradiction> {
        let open =
            self.open.get(&class).ok_or(Contradiction("a class that is not open is closed"))?;
        if open.present() != info.students {
            return Err(Contradiction("a sheet has other students than were marked"));
        }
        if open.number != info.number {
            return Err(Contradiction("a sheet is of another roll call than is open"));
        }
        // R-ROLL-6, R-ROLL-9
        let open = self.open.remove(&class).expect("found above");
        let before = self.past.remove(&class);
        let mut past = Past::of(*info);
        if info.students == 0 {
            past.with_students = before.and_then(Past::into_with_students);
            self.empty.push_back(Empty { class, roll_call: open.id, number: open.number });
        }
        self.past.insert(class, past);
        let closed = ClosedSheet {
            roll_call: open.id,
            info: *info,
            sheet: open.sheet(class, info.closed_at),
        };
        Ok(Applied { closed: Some(closed), forgotten: self.forget_empty() })
    }

    /// Forgets the oldest roll calls without marks, as many as there are too many.
    pub fn forget_empty(&mut self) -> Vec<RollCallId> {
        let excess = self.empty.len().saturating_sub(self.limits.empty_sheets);
        let mut forgotten = Vec::with_capacity(excess);
        for Empty { class, roll_call, number } in self.empty.drain(..excess) {
            forgotten.push(roll_call);
            let Some(past) = self.past.get_mut(&class) else { continue };
            if past.last.students > 0 || past.last.number != number {
                continue;
            }
            match past.with_students.take() {
                Some(earlier) => past.last = *earlier,
                None => _ = self.past.remove(&class),
            }
        }
        forgotten
    }

    #[cfg(test)]
    pub(crate) fn set_limits(&mut self, limits: RegisterLimits) {
        self.limits = limits;
    }
}

/// One open roll call.
#[derive(Clone)]
struct RollCall {
    id: RollCallId,
    number: RollCallNumber,
    opened_at: WallTime,
    /// In order of arrival.
    marks: Vec<PackedMark>,
    /// Positions in `marks`, found by student.
    by_student: HashTable<Place>,
}

/// A mark in 39 bytes in place of 48: a class of a million is walked in less memory.
#[derive(Clone, Copy)]
struct PackedMark {
    student: StudentNumber,
    /// The milliseconds of its time; [`WallTime::MAX`] needs no more than these bytes.
    at: [u8; PackedMark::TIME_BYTES],
}

impl PackedMark {
    const TIME_BYTES: usize = 6;
}

const _: () = assert!(WallTime::MAX.as_millis() < 1 << (8 * PackedMark::TIME_BYTES));

impl From<Mark> for PackedMark {
    fn from(Mark { student, at }: Mark) -> Self {
        let at = at.as_millis().to_le_bytes();
        Self { student, at: *at.first_chunk().expect("eight bytes") }
    }
}

impl From<PackedMark> for Mark {
    fn from(PackedMark { student, at }: PackedMark) -> Self {
        let mut millis = [0; 8];
        millis[..PackedMark::TIME_BYTES].copy_from_slice(&at);
        Self { student, at: WallTime::from_millis(u64::from_le_bytes(millis)) }
    }
}

impl RollCall {
    fn new(id: RollCallId, number: RollCallNumber, opened_at: WallTime) -> Self {
        Self { id, number, opened_at, marks: Vec::new(), by_student: HashTable::new() }
    }

    fn present(&self) -> u32 {
        u32::try_from(self.marks.len()).expect("bounded by MARKS_PER_ROLL_CALL_MAX")
    }

    fn find(&self, key: HashKey, student: StudentNumber) -> Option<Mark> {
        let mark = |place: &Place| &self.marks[place.index() as usize];
        let same = |place: &Place| mark(place).student == student;
        self.by_student.find(key.hash(student.as_bytes()), same).map(|place| (*mark(place)).into())
    }

    fn insert(&mut self, key: HashKey, mark: Mark) -> Result<(), Contradiction> {
        let Self { marks, by_student, .. } = self;
        let hash = key.hash(mark.student.as_bytes());
        let same = |place: &Place| marks[place.index() as usize].student == mark.student;
        let Entry::Vacant(vacant) = by_student.entry(hash, same, Place::hash) else {
            return Err(Contradiction("a student is marked a second time"));
        };
        let index = u32::try_from(marks.len()).expect("bounded by MARKS_PER_ROLL_CALL_MAX");
        vacant.insert(Place::new(hash, index));
        marks.push(mark.into());
        Ok(())
    }

    fn sheet(&self, class: ClassId, closed_at: WallTime) -> Sheet {
        // R-SHEET-2
        let marks = self.marks.iter().map(|&mark| mark.into()).collect();
        Sheet { class, opened_at: self.opened_at, closed_at, marks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(number: u32) -> ClassId {
        ClassId::new(number).unwrap()
    }

    fn mark(number: u32, student: &str) -> Operation {
        Operation::Mark { class: class(number), student: student.parse().unwrap() }
    }

    fn open(number: u32) -> Operation {
        Operation::Open { class: class(number) }
    }

    fn close(number: u32) -> Operation {
        Operation::Close { class: class(number) }
    }

    fn at(millis: u64) -> WallTime {
        WallTime::from_millis(millis)
    }

    fn register() -> Register {
        Register::new(HashKey::new(7))
    }

    fn run(register: &mut Register, operation: &Operation, millis: u64) -> Outcome {
        let outcome = register.decide(operation, at(millis));
        register.apply(operation, &outcome).unwrap();
        outcome
    }

    fn students(register: &mut Register, number: u32, millis: u64) -> Vec<String> {
        let outcome = register.decide(&close(number), at(millis));
        let closed = register.apply(&close(number), &outcome).unwrap().closed.unwrap();
        closed.sheet.marks.iter().map(|mark| mark.student.to_string()).collect()
    }

    #[test]
    fn a_roll_call_from_open_to_sheet() {
        let mut register = register();
        let opened = run(&mut register, &open(3030), 1);
        assert!(
            matches!(opened, Outcome::Opened { already_open: false, opened_at, .. } if opened_at == at(1))
        );
        for (millis, student) in [(2, "10"), (3, "042191010"), (4, "20")] {
            let outcome = run(&mut register, &mark(3030, student), millis);
            let expected =
                Outcome::Marked { class: class(3030), at: at(millis), already_present: false };
            assert_eq!(outcome, expected);
        }
        assert_eq!(students(&mut register, 3030, 5), ["10", "042191010", "20"]);
    }

    #[test]
    fn what_is_open_is_counted_and_the_last_sheet_is_kept() {
        let mut register = register();
        assert_eq!((register.open_count(), register.last_sheet(class(1))), (0, None));
        for number in 1..=3 {
            run(&mut register, &open(number), 1);
        }
        assert_eq!((register.open_count(), register.last_sheet(class(1))), (3, None));
        let Outcome::Closed { sheet, .. } = run(&mut register, &close(1), 2) else {
            panic!("it was open")
        };
        assert_eq!((register.open_count(), register.last_sheet(class(1))), (2, Some(*sheet)));
        assert_eq!(register.last_sheet(class(2)), None);
    }

    #[test]
    fn a_second_mark_is_answered_with_the_first_time() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let again = run(&mut register, &mark(1, "10"), 9);
        assert_eq!(again, Outcome::Marked { class: class(1), at: at(2), already_present: true });
        assert_eq!(students(&mut register, 1, 10), ["10"]);
    }

    #[test]
    fn a_mark_without_an_open_roll_call_is_refused_with_its_time() {
        let mut register = register();
        let refused = Outcome::MarkRefused { at: at(5), reason: Refusal::NotOpen };
        assert_eq!(run(&mut register, &mark(1, "10"), 5), refused);
        run(&mut register, &open(1), 6);
        run(&mut register, &close(1), 7);
        let refused = Outcome::MarkRefused { at: at(8), reason: Refusal::NotOpen };
        assert_eq!(run(&mut register, &mark(1, "10"), 8), refused, "after the close");
    }

    #[test]
    fn closing_one_class_touches_no_other() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &open(2), 2);
        run(&mut register, &mark(1, "10"), 3);
        run(&mut register, &mark(2, "20"), 4);
        assert_eq!(students(&mut register, 1, 5), ["10"]);
        run(&mut register, &mark(2, "30"), 6);
        assert_eq!(students(&mut register, 2, 7), ["20", "30"]);
    }

    #[test]
    fn opening_an_open_class_changes_nothing_and_tells_since_when() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let again = run(&mut register, &open(1), 3);
        assert!(
            matches!(again, Outcome::Opened { already_open: true, opened_at, .. } if opened_at == at(1))
        );
        assert_eq!(students(&mut register, 1, 4), ["10"]);
    }

    #[test]
    fn closing_a_closed_class_gives_the_same_sheet() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let Outcome::Closed { sheet: first, already_closed: false } =
            run(&mut register, &close(1), 3)
        else {
            panic!("closed")
        };
        let again = run(&mut register, &close(1), 4);
        assert_eq!(again, Outcome::Closed { sheet: first.clone(), already_closed: true });
        run(&mut register, &open(1), 5);
        run(&mut register, &close(1), 6);
        assert_ne!(
            register.last_sheet(class(1)),
            Some(*first),
            "the next lesson has its own sheet"
        );
    }

    #[test]
    fn closing_a_class_that_never_had_a_roll_call_is_refused() {
        let mut register = register();
        let refused = Outcome::Refused { at: at(1), reason: Refusal::NeverOpened };
        assert_eq!(run(&mut register, &close(1), 1), refused);
    }

    // spec: R-ROLL-10, R-ROLL-11, R-ROLL-12
    #[test]
    fn every_bound_has_its_refusal() {
        let mut register = register();
        register.set_limits(RegisterLimits {
            marks_per_roll_call: 1,
            open_roll_calls: 2,
            classes: 3,
            empty_sheets: 9,
        });
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let full = Outcome::MarkRefused { at: at(3), reason: Refusal::RollCallFull };
        assert_eq!(run(&mut register, &mark(1, "20"), 3), full);
        let known = Outcome::Marked { class: class(1), at: at(2), already_present: true };
        assert_eq!(run(&mut register, &mark(1, "10"), 4), known, "who is on it stays on it");
        run(&mut register, &open(2), 5);
        let many = Outcome::Refused { at: at(6), reason: Refusal::TooManyOpen };
        assert_eq!(run(&mut register, &open(3), 6), many);
        run(&mut register, &close(1), 7);
        run(&mut register, &close(2), 8);
        run(&mut register, &open(3), 9);
        let many = Outcome::Refused { at: at(10), reason: Refusal::TooManyClasses };
        assert_eq!(run(&mut register, &open(4), 10), many);
        assert!(matches!(run(&mut register, &open(1), 11), Outcome::Opened { .. }));
    }

    #[test]
    fn on_a_disk_that_is_almost_full_only_what_is_open_goes_on() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        register.set_disk_low(true);
        let low = Outcome::Refused { at: at(2), reason: Refusal::DiskLow };
        assert_eq!(run(&mut register, &open(2), 2), low);
        let again = run(&mut register, &open(1), 3);
        assert!(matches!(again, Outcome::Opened { already_open: true, .. }), "{again:?}");
        let marked = run(&mut register, &mark(1, "10"), 4);
        assert!(matches!(marked, Outcome::Marked { already_present: false, .. }), "{marked:?}");
        assert_eq!(students(&mut register, 1, 5), ["10"]);
        register.set_disk_low(false);
        assert!(matches!(run(&mut register, &open(2), 6), Outcome::Opened { .. }));
    }

    /// Opens, marks and closes; gives the number of the sheet and what was forgotten for it.
    fn roll_call(register: &mut Register, number: u32, students: u32) -> (u32, Vec<RollCallId>) {
        run(register, &open(number), 1);
        for student in 0..students {
            run(register, &mark(number, &student.to_string()), 2);
        }
        let outcome = register.decide(&close(number), at(3));
        let applied = register.apply(&close(number), &outcome).unwrap();
        let closed = applied.closed.unwrap();
        assert_eq!(closed.info, closed.sheet.info(closed.info.number));
        (closed.info.number.get(), applied.forgotten)
    }

    #[test]
    fn the_roll_calls_of_a_class_are_counted() {
        let mut register = register();
        for expected in 1..=3 {
            assert_eq!(roll_call(&mut register, 3030, 2), (expected, vec![]));
            assert_eq!(roll_call(&mut register, expected, 0), (1, vec![]));
        }
        run(&mut register, &open(3030), 1);
        let mut restored = Register::new(HashKey::new(8));
        for item in register.items() {
            restored.restore(&item).unwrap();
        }
        let Outcome::Closed { sheet, .. } = run(&mut restored, &close(3030), 2) else { panic!() };
        assert_eq!(sheet.number.get(), 4);
    }

    // spec: R-SHEET-5, R-ROLL-7, R-ROLL-8
    #[test]
    fn of_roll_calls_without_marks_only_the_last_are_kept() {
        let mut register = register();
        register.set_limits(RegisterLimits { empty_sheets: 2, ..RegisterLimits::default() });
        let id = RollCallId::new;
        assert_eq!(roll_call(&mut register, 1, 0), (1, vec![]), "roll call 1");
        assert_eq!(roll_call(&mut register, 2, 5), (1, vec![]), "roll call 2");
        assert_eq!(roll_call(&mut register, 2, 0), (2, vec![]), "roll call 3");
        let present = |register: &Register, number| {
            register.last_sheet(class(number)).map(|info| info.students)
        };
        assert_eq!((present(&register, 1), present(&register, 2)), (Some(0), Some(0)));
        // The third empty one: the first is forgotten, and its class, which had nothing else.
        assert_eq!(roll_call(&mut register, 3, 0), (1, vec![id(1)]), "roll call 4");
        assert_eq!(present(&register, 1), None);
        let refused = Outcome::Refused { at: at(9), reason: Refusal::NeverOpened };
        assert_eq!(run(&mut register, &close(1), 9), refused);
        // A class that has an earlier sheet keeps that one, and goes on counting.
        assert_eq!(roll_call(&mut register, 4, 0), (1, vec![id(3)]), "roll call 5");
        assert_eq!(present(&register, 2), Some(5));
        let mut restored = Register::new(HashKey::new(8));
        restored.set_limits(RegisterLimits { empty_sheets: 2, ..RegisterLimits::default() });
        for item in register.items() {
            restored.restore(&item).unwrap();
        }
        assert_eq!(restored.items().collect::<Vec<_>>(), register.items().collect::<Vec<_>>());
        for register in [&mut register, &mut restored] {
            assert_eq!(roll_call(register, 2, 1), (3, vec![]), "roll call 6");
            // What is open while its class is forgotten goes on.
            run(register, &open(3), 1);
            assert_eq!(roll_call(register, 5, 0), (1, vec![id(4)]));
            assert_eq!(register.last_sheet(class(3)), None);
            run(register, &mark(3, "10"), 2);
            assert_eq!(students(register, 3, 3), ["10"]);
            assert_eq!(register.last_sheet(class(3)).unwrap().number.get(), 2);
        }
        assert_eq!(restored.items().collect::<Vec<_>>(), register.items().collect::<Vec<_>>());
    }

    #[test]
    fn strangers_who_open_and_close_do_not_use_up_the_classes() {
        let mut register = register();
        let limits = RegisterLimits { empty_sheets: 2, classes: 4, ..RegisterLimits::default() };
        register.set_limits(limits);
        for number in 1..=100 {
            assert_eq!(roll_call(&mut register, number, 0).0, 1);
        }
        assert_eq!(register.items().count(), 1 + 2 + 2);
    }

    #[test]
    fn status_lists_open_classes_in_order() {
        let mut register = register();
        for number in [30, 10, 20] {
            run(&mut register, &open(number), u64::from(number));
        }
        run(&mut register, &mark(20, "1"), 99);
        let listed: Vec<_> =
            register.open_from(class(11)).map(|it| (it.class.get(), it.present)).collect();
        assert_eq!(listed, [(20, 1), (30, 0)]);
    }

    #[test]
    fn a_snapshot_restores_the_same_register() {
        let mut original = register();
        run(&mut original, &open(1), 1);
        run(&mut original, &mark(1, "10"), 2);
        run(&mut original, &close(1), 3);
        run(&mut original, &open(1), 4);
        run(&mut original, &mark(1, "30"), 5);
        run(&mut original, &mark(1, "20"), 6);
        let mut restored = Register::new(HashKey::new(8));
        for item in original.items() {
            restored.restore(&item).unwrap();
        }
        assert_eq!(original.items().collect::<Vec<_>>(), restored.items().collect::<Vec<_>>());
        assert_eq!(students(&mut restored, 1, 7), ["30", "20"]);
    }

    #[test]
    fn records_that_contradict_each_other_are_an_error_and_change_nothing() {
        let mut register = register();
        let marked = Outcome::Marked { class: class(1), at: at(1), already_present: false };
        assert!(register.apply(&mark(1, "10"), &marked).is_err(), "not open");
        let opened = run(&mut register, &open(1), 1);
        assert!(register.apply(&open(1), &opened).is_err(), "open twice");
        run(&mut register, &mark(1, "10"), 2);
        assert!(register.apply(&mark(1, "10"), &marked).is_err(), "marked twice");
        let Outcome::Closed { mut sheet, .. } = register.decide(&close(1), at(3)) else {
            panic!("closed")
        };
        sheet.students = 2;
        let wrong = Outcome::Closed { sheet, already_closed: false };
        assert!(register.apply(&close(1), &wrong).is_err(), "another count");
        assert_eq!(students(&mut register, 1, 4), ["10"]);
    }

    #[test]
    fn a_journal_that_counted_to_the_end_is_no_panic() {
        let mut register = register();
        let last = RollCallId::new(u64::MAX);
        register.restore(&RegisterItem::NextRollCall(last)).unwrap();
        let opened = run(&mut register, &open(1), 1);
        let first = Outcome::Opened {
            class: class(1),
            roll_call: last,
            number: RollCallNumber::FIRST,
            opened_at: at(1),
            already_open: false,
        };
        assert_eq!(opened, first);
        assert_eq!(register.items().next(), Some(RegisterItem::NextRollCall(last)));
    }
}
