//! Operations as the journal has them. Variants are only ever appended, and none ever changes, so that
//! every journal can be read; those that came first are what a plain request is to this day.

use serde::{Deserialize, Serialize};

use super::Act;
use crate::access::{InviteCode, RoomCode, Terms};
use crate::attendance::{Correction, Plan, RosterChange};
use crate::ids::{ClassId, StudentNumber};

#[derive(Serialize, Deserialize)]
pub(super) enum Operation {
    Open { class: ClassId },
    Close { class: ClassId },
    Mark { class: ClassId, student: StudentNumber },
    OpenUnder { class: ClassId, terms: Terms },
    MarkWithCode { class: ClassId, student: StudentNumber, code: RoomCode },
    // Its code is a secret, and what it led to says all that is to be known.
    Join,
    Act(Act),
    OpenWith { class: ClassId, terms: Terms, plan: Plan },
    Extend { class: ClassId, seconds: u32 },
    Reopen { class: ClassId },
    Deliver { class: ClassId, student: StudentNumber, code: Option<RoomCode>, delay_ms: u32 },
    Correct { class: ClassId, correction: Box<Correction> },
    Enrol { class: ClassId, change: RosterChange },
}

impl From<super::Operation> for Operation {
    fn from(operation: super::Operation) -> Self {
        use super::Operation::{
            Act, Close, Correct, Deliver, Enrol, Extend, Join, Mark, Open, OpenWith, Reopen,
        };
        match operation {
            Open { class, terms: Terms::PLAIN } => Self::Open { class },
            Open { class, terms } => Self::OpenUnder { class, terms },
            Close { class } => Self::Close { class },
            Mark { class, student, code: None } => Self::Mark { class, student },
            Mark { class, student, code: Some(code) } => {
                Self::MarkWithCode { class, student, code }
            }
            Join { .. } => Self::Join,
            Act(act) => Self::Act(act),
            OpenWith { class, terms, plan } => Self::OpenWith { class, terms, plan },
            Extend { class, seconds } => Self::Extend { class, seconds },
            Reopen { class } => Self::Reopen { class },
            Deliver { class, student, code, delay_ms } => {
                Self::Deliver { class, student, code, delay_ms }
            }
            Correct { class, correction } => Self::Correct { class, correction },
            Enrol { class, change } => Self::Enrol { class, change },
        }
    }
}

impl From<Operation> for super::Operation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Open { class } => Self::Open { class, terms: Terms::PLAIN },
            Operation::OpenUnder { class, terms } => Self::Open { class, terms },
            Operation::Close { class } => Self::Close { class },
            Operation::Mark { class, student } => Self::Mark { class, student, code: None },
            Operation::MarkWithCode { class, student, code } => {
                Self::Mark { class, student, code: Some(code) }
            }
            Operation::Join => Self::Join { code: InviteCode::SPENT },
            Operation::Act(act) => Self::Act(act),
            Operation::OpenWith { class, terms, plan } => Self::OpenWith { class, terms, plan },
            Operation::Extend { class, seconds } => Self::Extend { class, seconds },
            Operation::Reopen { class } => Self::Reopen { class },
            Operation::Deliver { class, student, code, delay_ms } => {
                Self::Deliver { class, student, code, delay_ms }
            }
            Operation::Correct { class, correction } => Self::Correct { class, correction },
            Operation::Enrol { class, change } => Self::Enrol { class, change },
        }
    }
}
