//! Operations as the journal has them. Variants are only ever appended, and none ever changes, so that
//! every journal can be read; those that came first are what a plain request is to this day.

use serde::{Deserialize, Serialize};

use super::Act;
use crate::access::{InviteCode, RoomCode, Terms};
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
}

impl From<super::Operation> for Operation {
    fn from(operation: super::Operation) -> Self {
        use super::Operation::{Act, Close, Join, Mark, Open};
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
        }
    }
}
