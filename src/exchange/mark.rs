//! `MARK` → `MARKED`: a student answers. A mark that is refused has the same answer, with class zero.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation, Refusal, Refused};
use crate::access::RoomCode;
use crate::ids::{ClassId, StudentNumber};
use crate::limits::REQUEST_MIN_BYTES;
use crate::stats::Counter;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `MARK`.
#[derive(Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
    pub(super) student: StudentNumber,
    pub(super) code: Option<RoomCode>,
}

/// `MARKED`: the student is on the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// The class.
    pub class: ClassId,
    /// When the student was first recorded.
    pub at: WallTime,
    /// True if the student had been marked before.
    pub already_present: bool,
}

/// As [`Marked`], of somebody of whom there is more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// The mark; it is new.
    pub marked: Marked,
    /// The student is late.
    pub late: bool,
    /// The class has a roster, and the student is not on it.
    pub unlisted: bool,
}

/// The message of `MARKED`.
#[derive(Serialize, Deserialize)]
pub(super) struct MarkedMessage {
    class: u32,
    at: WallTime,
    standing: Standing,
}

/// The last byte of `MARKED`: 0 present, 1 already present, 2 late, 3 present and 4 late but not on the roster,
/// 16 and up refused and why.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
enum Standing {
    Present,
    AlreadyPresent,
    Late,
    Unlisted,
    LateUnlisted,
    Refused(Refusal),
}

impl Message for Mark {
    const KIND: Kind = Kind::Mark;
}

impl Question for Mark {
    const DATAGRAM_MIN_BYTES: usize = REQUEST_MIN_BYTES;
}

impl Message for MarkedMessage {
    const KIND: Kind = Kind::Marked;

    fn is_valid(&self) -> bool {
        self.answer().is_some()
    }
}

impl MaxBytes for Standing {
    const MAX_BYTES: usize = 1;
}

max_bytes! {
    MarkedMessage: u32, WallTime, Standing;
}
const _: () = assert!(reply_max_bytes::<MarkedMessage>() <= REQUEST_MIN_BYTES);

impl From<Mark> for Ask {
    fn from(Mark { started, class, student, code }: Mark) -> Self {
        Self::Perform { started, operation: Operation::Mark { class, student, code } }
    }
}

impl MarkedMessage {
    pub(super) fn marked(&Marked { class, at, already_present }: &Marked) -> Self {
        let standing = if already_present { Standing::AlreadyPresent } else { Standing::Present };
        Self { class: class.get(), at, standing }
    }

    pub(super) fn arrived(&Arrived { marked, late, unlisted }: &Arrived) -> Self {
        let standing = match (late, unlisted) {
            (true, true) => Standing::LateUnlisted,
            (true, false) => Standing::Late,
            (false, true) => Standing::Unlisted,
            (false, false) => return Self::marked(&marked),
        };
        Self { class: marked.class.get(), at: marked.at, standing }
    }

    pub(super) fn refused(&Refused { at, reason }: &Refused) -> Self {
        // R-MARKED-1
        Self { class: 0, at, standing: Standing::Refused(reason) }
    }

    /// The answer, unless a refusal names a class, or a mark names none (R-MARKED-1).
    fn answer(&self) -> Option<Answer> {
        let &Self { class, at, standing } = self;
        let arrived = |class, late, unlisted| {
            let marked = Marked { class, at, already_present: false };
            Some(Answer::Arrived(Arrived { marked, late, unlisted }))
        };
        match (ClassId::new(class), standing) {
            (Some(class), Standing::Late) => arrived(class, true, false),
            (Some(class), Standing::Unlisted) => arrived(class, false, true),
            (Some(class), Standing::LateUnlisted) => arrived(class, true, true),
            (Some(class), Standing::Present) => {
                Some(Answer::Marked(Marked { class, at, already_present: false }))
            }
            (Some(class), Standing::AlreadyPresent) => {
                Some(Answer::Marked(Marked { class, at, already_present: true }))
            }
            (None, Standing::Refused(reason)) => Some(Answer::MarkRefused(Refused { at, reason })),
            _ => None,
        }
    }
}

impl From<MarkedMessage> for Answer {
    fn from(message: MarkedMessage) -> Self {
        message.answer().expect("what was read is valid")
    }
}

impl Standing {
    const REFUSED: u8 = 16;
}

impl From<Standing> for u8 {
    fn from(standing: Standing) -> u8 {
        match standing {
            Standing::Present => 0,
            Standing::AlreadyPresent => 1,
            Standing::Late => 2,
            Standing::Unlisted => 3,
            Standing::LateUnlisted => 4,
            Standing::Refused(reason) => Standing::REFUSED + u8::from(reason),
        }
    }
}

impl TryFrom<u8> for Standing {
    type Error = &'static str;

    fn try_from(byte: u8) -> Result<Self, Self::Error> {
        match byte {
            0 => Ok(Self::Present),
            1 => Ok(Self::AlreadyPresent),
            2 => Ok(Self::Late),
            3 => Ok(Self::Unlisted),
            4 => Ok(Self::LateUnlisted),
            _ => byte
                .checked_sub(Self::REFUSED)
                .and_then(|number| Refusal::try_from(number).ok())
                .map(Self::Refused)
                .ok_or("no such standing"),
        }
    }
}

/// Whether this answers a mark in that class.
pub(super) fn fits(class: ClassId, answer: &Answer) -> bool {
    match answer.marked() {
        Some(marked) => marked.class == class,
        None => matches!(answer, Answer::MarkRefused(_)),
    }
}

/// How the server counts a mark that was not refused.
pub(super) fn counter(already_present: bool) -> Counter {
    if already_present { Counter::AlreadyPresent } else { Counter::Marked }
}
