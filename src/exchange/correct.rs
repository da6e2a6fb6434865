//! `CORRECT` → `CORRECTED`, or `REFUSED`: a teacher corrects what a student was, while the roll call is open
//! or after its close.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation};
use crate::attendance::{Correction, Status};
use crate::ids::{ClassId, RollCallNumber};
use crate::limits::WORK_REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `CORRECT`.
#[derive(Serialize, Deserialize)]
pub(super) struct Correct {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
    pub(super) correction: Correction,
}

/// `CORRECTED`: the student is what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// When: of this request, whether it changed anything or not.
    pub at: WallTime,
    /// The class.
    pub class: ClassId,
    /// Which roll call of the class.
    pub number: RollCallNumber,
    /// The revision of its sheet that says so; 0 while it is open.
    pub revision: u32,
    /// What the student was before, if anything was known. The same as was asked for: nothing was changed.
    pub was: Option<Status>,
}

impl Message for Correct {
    const KIND: Kind = Kind::Correct;
}

impl Question for Correct {
    const DATAGRAM_MIN_BYTES: usize = WORK_REQUEST_MIN_BYTES;
}

impl Message for Corrected {
    const KIND: Kind = Kind::Corrected;
}

impl MaxBytes for Status {
    const MAX_BYTES: usize = 1;
}

max_bytes! {
    Corrected: WallTime, ClassId, RollCallNumber, u32, Option<Status>;
}
const _: () = assert!(reply_max_bytes::<Corrected>() <= WORK_REQUEST_MIN_BYTES);

impl From<Correct> for Ask {
    fn from(Correct { started, class, correction }: Correct) -> Self {
        let correction = Box::new(correction);
        Self::Perform { started, operation: Operation::Correct { class, correction } }
    }
}

impl From<Corrected> for Answer {
    fn from(corrected: Corrected) -> Self {
        Self::Corrected(corrected)
    }
}

/// Whether this answers a correction in that class.
pub(super) fn fits(class: ClassId, correction: &Correction, answer: &Answer) -> bool {
    match answer {
        // R-CORRECT-7
        Answer::Corrected(it) => {
            it.class == class && correction.number.is_none_or(|number| number == it.number)
        }
        Answer::Refused(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Refusal, Refused};

    // spec: R-CORRECT-7, R-CLIENT-8
    #[test]
    fn a_correction_is_answered_for_the_roll_call_that_was_asked_for() {
        let class = |number| ClassId::new(number).unwrap();
        let at = WallTime::from_millis(7);
        let number = |number| RollCallNumber::new(number).unwrap();
        let corrected = |of, which| {
            let (class, number) = (class(of), number(which));
            Answer::Corrected(Corrected { at, class, number, revision: 2, was: None })
        };
        let correction = |number| Correction {
            number,
            student: "10".parse().unwrap(),
            status: Status::Late,
            reason: None,
        };
        let fits = |asked, answer: &Answer| super::fits(class(3030), &correction(asked), answer);
        assert!(fits(Some(number(7)), &corrected(3030, 7)));
        assert!(fits(None, &corrected(3030, 7)), "which one, the server says");
        assert!(!fits(Some(number(8)), &corrected(3030, 7)));
        assert!(!fits(None, &corrected(3031, 7)));
        assert!(fits(None, &Answer::Refused(Refused { at, reason: Refusal::NoRoom })));
        assert!(!fits(None, &Answer::Revoked));
    }
}
