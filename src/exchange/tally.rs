//! `TALLY` → `TALLIED`: how often a student was there.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::attendance::Tally;
use crate::ids::{ClassId, StudentNumber};
use crate::limits::SHEET_REQUEST_MIN_BYTES;
use crate::wire::Kind;
use crate::wire::codec::{Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `TALLY`.
#[derive(Serialize, Deserialize)]
pub(super) struct TallyQuestion {
    pub(super) class: ClassId,
    pub(super) student: StudentNumber,
}

/// `TALLIED`: how often the student was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallied {
    /// In this class.
    pub class: ClassId,
    /// Who.
    pub student: StudentNumber,
    /// How often.
    pub tally: Tally,
}

impl Message for TallyQuestion {
    const KIND: Kind = Kind::Tally;
}

impl Question for TallyQuestion {
    const DATAGRAM_MIN_BYTES: usize = SHEET_REQUEST_MIN_BYTES;
}

impl Message for Tallied {
    const KIND: Kind = Kind::Tallied;

    fn is_valid(&self) -> bool {
        let Tally { roll_calls, of, present, late, excused, absent } = self.tally;
        let sum = [present, late, excused, absent].map(u64::from).iter().sum::<u64>();
        u64::from(of) == sum && roll_calls <= of
    }
}

max_bytes! {
    Tally: u32, u32, u32, u32, u32, u32;
    Tallied: ClassId, StudentNumber, Tally;
}
const _: () = assert!(reply_max_bytes::<Tallied>() <= SHEET_REQUEST_MIN_BYTES);

impl From<TallyQuestion> for Ask {
    fn from(TallyQuestion { class, student }: TallyQuestion) -> Self {
        Self::Read(Query::Tally { class, student })
    }
}

impl From<Tallied> for Answer {
    fn from(tallied: Tallied) -> Self {
        Self::Tallied(tallied)
    }
}

/// Whether this answers the question for that student of that class.
pub(super) fn fits(class: ClassId, student: StudentNumber, answer: &Answer) -> bool {
    // R-TALLY-3
    matches!(answer, Answer::Tallied(it) if (it.class, it.student) == (class, student))
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: R-TALLY-3
    #[test]
    fn a_tally_of_another_class_or_student_is_no_answer() {
        let class = |number| ClassId::new(number).unwrap();
        let student = |number: &str| number.parse::<StudentNumber>().unwrap();
        let answer = |of, who| {
            let tally = Tally { roll_calls: 1, of: 2, late: 2, ..Tally::default() };
            Answer::Tallied(Tallied { class: class(of), student: student(who), tally })
        };
        assert!(fits(class(3030), student("10"), &answer(3030, "10")));
        assert!(!fits(class(3030), student("10"), &answer(3031, "10")));
        assert!(!fits(class(3030), student("10"), &answer(3030, "20")));
        assert!(!fits(class(3030), student("10"), &Answer::Stale));
    }

    #[test]
    fn a_tally_that_does_not_add_up_is_invalid() {
        let valid = |tally| {
            let (class, student) = (ClassId::new(1).unwrap(), "10".parse().unwrap());
            Tallied { class, student, tally }.is_valid()
        };
        let tally = Tally { roll_calls: 2, of: 4, present: 1, late: 1, excused: 1, absent: 1 };
        assert!(valid(tally));
        assert!(!valid(Tally { of: 5, ..tally }));
        assert!(!valid(Tally { roll_calls: 5, ..tally }));
        assert!(!valid(Tally { present: u32::MAX, late: 4, ..tally }));
    }
}
