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
