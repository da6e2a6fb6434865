//! A rehearsal in numbers: who is asked in which class, what each student was told, and whether the
//! sheets agree.
//!
//! It trusts nothing that it checks: who should be where follows from the [`Plan`] alone, and what
//! was promised from the receipts alone.

use std::collections::HashSet;
use std::fmt;

use crate::ids::{ClassId, StudentNumber};
use crate::roll::Sheet;
use crate::time::WallTime;

/// How many students in how many classes.
///
/// Students are called 1, 2, 3 and so on; the first is in the first class, the second in the second,
/// and after the last class it goes on with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    first_class: ClassId,
    classes: usize,
    students: usize,
}

impl Plan {
    /// The plan; `None` if there is nobody, no class, or no number left for the last class.
    #[must_use]
    pub fn new(first_class: ClassId, classes: usize, students: usize) -> Option<Self> {
        let last = u32::try_from(classes.checked_sub(1)?).ok()?;
        first_class.get().checked_add(last)?;
        (students > 0).then_some(Self { first_class, classes, students })
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of students.
    #[must_use]
    pub fn students(&self) -> usize {
        self.students
    }

    /// The class at this place, counted from 0.
    #[must_use]
    pub fn class(&self, place: usize) -> ClassId {
        assert!(place < self.classes, "there is no such class");
        let number = self.first_class.get() + u32::try_from(place).expect("checked when planned");
        ClassId::new(number).expect("checked when planned")
    }

    /// The class of the student at this place.
    #[must_use]
    pub fn class_of(&self, student: usize) -> ClassId {
        self.class(student % self.classes)
    }

    /// The student at this place, counted from 0.
    #[must_use]
    pub fn student(&self, place: usize) -> StudentNumber {
        (place + 1).to_string().parse().expect("digits are a student number")
    }

    /// The places of the students of the class at this place.
    fn places(&self, class: usize) -> impl Iterator<Item = usize> + '_ {
        (class..self.students).step_by(self.classes)
    }

    /// The place of this student, if it is one of the class at this place.
    fn place_of(&self, class: usize, student: &StudentNumber) -> Option<usize> {
        let place = student.as_str().parse::<usize>().ok()?.checked_sub(1)?;
        let ours = place < self.students && place % self.classes == class;
        // `007` is another student than `7`.
        (ours && self.student(place) == *student).then_some(place)
    }
}

/// What a student knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: nobody asked for this student.
    NotAsked,
    /// Nothing certain: there was no answer. The student may be on the sheet, once.
    Unknown,
    /// The mark was refused: the student must not be on the sheet.
    Refused,
    /// A receipt with this time: the student must be on the sheet, once, with this time.
    Receipt(WallTime),
}

/// What a sheet says that contradicts what a student was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is a receipt, and the student is not on the sheet.
    Missing,
    /// The student is on the sheet more than once.
    Doubled,
    /// The receipt tells another time.
    Retimed {
        /// The time on the receipt.
        receipt: WallTime,
        /// The time on the sheet.
        sheet: WallTime,
    },
    /// The student is on the sheet, but was refused, was never asked, or belongs elsewhere.
    Uninvited,
}

/// A [`Fault`], and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The class of the sheet.
    pub class: ClassId,
    /// The student.
    pub student: StudentNumber,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, student, fault } = self;
        write!(f, "class {class}, student {student}: ")?;
        match fault {
            Fault::Missing => write!(f, "has a receipt and is not on the sheet"),
            Fault::Doubled => write!(f, "is on the sheet more than once"),
            Fault::Retimed { receipt, sheet } => {
                write!(f, "the receipt says {receipt} and the sheet {sheet}")
            }
            Fault::Uninvited => write!(f, "is on the sheet and should not be"),
        }
    }
}

/// What every student of a plan was told.
#[derive(Clone, Debug)]
pub struct Ledger {
    plan: Plan,
    fates: Vec<Fate>,
}

impl Ledger {
    /// Nobody was asked yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, fates: vec![Fate::NotAsked; plan.students()] }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Writes down what the student at this place was told.
    pub fn record(&mut self, student: usize, fate: Fate) {
        self.fates[student] = fate;
    }

    /// How many students were told something of this kind.
    #[must_use]
    pub fn count(&self, kind: impl Fn(&Fate) -> bool) -> usize {
        self.fates.iter().filter(|fate| kind(fate)).count()
    }

    /// Compares the sheet of the class at this place with everything that its students were told.
    #[must_use]
    pub fn check(&self, class: usize, sheet: &Sheet) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut complain = |student, fault| {
            findings.push(Finding { class: self.plan.class(class), student, fault });
        };
        let mut seen = HashSet::with_capacity(sheet.marks.len());
        for mark in &sheet.marks {
            let place = self.plan.place_of(class, &mark.student);
            let fate = place.map_or(Fate::NotAsked, |place| self.fates[place]);
            if !seen.insert(mark.student) {
                complain(mark.student, Fault::Doubled);
            }
            match fate {
                Fate::NotAsked | Fate::Refused => complain(mark.student, Fault::Uninvited),
                Fate::Receipt(receipt) if receipt != mark.at => {
                    complain(mark.student, Fault::Retimed { receipt, sheet: mark.at });
                }
                Fate::Unknown | Fate::Receipt(_) => {}
            }
        }
        for place in self.plan.places(class) {
            let student = self.plan.student(place);
            if matches!(self.fates[place], Fate::Receipt(_)) && !seen.contains(&student) {
                complain(student, Fault::Missing);
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roll::Mark;

    fn at(millis: u64) -> WallTime {
        WallTime::from_millis(millis)
    }

    /// Two classes, 10 and 11, and six students; those of class 10 are 1, 3 and 5.
    fn ledger() -> Ledger {
        let plan = Plan::new(ClassId::new(10).unwrap(), 2, 6).unwrap();
        let mut ledger = Ledger::new(plan);
        ledger.record(0, Fate::Receipt(at(100)));
        ledger.record(2, Fate::Receipt(at(300)));
        ledger
    }

    fn sheet(marks: &[(&str, u64)]) -> Sheet {
        let mark = |&(student, millis): &(&str, u64)| Mark {
            student: student.parse().unwrap(),
            at: at(millis),
        };
        Sheet {
            class: ClassId::new(10).unwrap(),
            opened_at: at(1),
            closed_at: at(900),
            marks: marks.iter().map(mark).collect(),
            remarks: Vec::new(),
            supplement: None,
        }
    }

    #[track_caller]
    fn finds(ledger: &Ledger, marks: &[(&str, u64)], expected: &[(&str, Fault)]) {
        let found = ledger.check(0, &sheet(marks));
        let found: Vec<_> = found.iter().map(|it| (it.student.as_str(), it.fault)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_sheet_with_every_receipt_is_right_in_any_order() {
        finds(&ledger(), &[("1", 100), ("3", 300)], &[]);
        finds(&ledger(), &[("3", 300), ("1", 100)], &[]);
    }

    #[test]
    fn a_missing_student_is_noticed() {
        finds(&ledger(), &[("1", 100)], &[("3", Fault::Missing)]);
        finds(&ledger(), &[], &[("1", Fault::Missing), ("3", Fault::Missing)]);
    }

    #[test]
    fn a_doubled_student_is_noticed_whatever_is_known_of_it() {
        finds(&ledger(), &[("1", 100), ("3", 300), ("1", 100)], &[("1", Fault::Doubled)]);
        let mut ledger = ledger();
        ledger.record(4, Fate::Unknown);
        let marks = [("1", 100), ("3", 300), ("5", 500), ("5", 501)];
        finds(&ledger, &marks, &[("5", Fault::Doubled)]);
    }

    #[test]
    fn another_time_is_noticed_by_the_millisecond() {
        let fault = Fault::Retimed { receipt: at(300), sheet: at(301) };
        finds(&ledger(), &[("1", 100), ("3", 301)], &[("3", fault)]);
    }

    #[test]
    fn who_was_never_asked_is_noticed() {
        let right = [("1", 100), ("3", 300)];
        // Not asked; of the other class; beyond the last; written otherwise; no number at all.
        for stranger in ["5", "2", "7", "0", "01", "+1", "x"] {
            let marks = [&right[..], &[(stranger, 100)]].concat();
            finds(&ledger(), &marks, &[(stranger, Fault::Uninvited)]);
        }
    }

    #[test]
    fn without_an_answer_both_are_right_and_after_a_refusal_only_absence() {
        let mut ledger = ledger();
        ledger.record(4, Fate::Unknown);
        finds(&ledger, &[("1", 100), ("3", 300)], &[]);
        finds(&ledger, &[("1", 100), ("3", 300), ("5", 7)], &[]);
        ledger.record(4, Fate::Refused);
        finds(&ledger, &[("1", 100), ("3", 300)], &[]);
        let marks = [("1", 100), ("3", 300), ("5", 7)];
        finds(&ledger, &marks, &[("5", Fault::Uninvited)]);
    }

    #[test]
    fn every_student_has_one_class_and_the_plan_ends_where_numbers_end() {
        let plan = Plan::new(ClassId::new(10).unwrap(), 3, 7).unwrap();
        let mut places: Vec<_> = (0..3).flat_map(|class| plan.places(class)).collect();
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
        assert!((0..7).all(|it| plan.place_of(it % 3, &plan.student(it)) == Some(it)));
        let last = ClassId::new(u32::MAX).unwrap();
        assert!(Plan::new(last, 1, 1).is_some());
        for (classes, students) in [(2, 1), (0, 1), (1, 0)] {
            assert_eq!(Plan::new(last, classes, students), None);
        }
    }
}
