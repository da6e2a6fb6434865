//! `REFUSED`, and why an operation is refused.

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::limits::REQUEST_MIN_BYTES;
use crate::stats::Counter;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::reply_max_bytes;

/// `REFUSED`, or a mark's refusal: the operation changed nothing, and will not when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When it was refused.
    pub at: WallTime,
    /// Why.
    pub reason: Refusal,
}

/// Why an operation was refused. The numbers are those of the wire and the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Refusal {
    /// The class has no open roll call.
    NotOpen,
    /// The class never had a roll call, so there is no sheet to give again.
    NeverOpened,
    /// The roll call has as many students as this server holds for one.
    RollCallFull,
    /// As many roll calls are open as this server holds at once.
    TooManyOpen,
    /// This server has seen as many different classes as it keeps.
    TooManyClasses,
    /// The server's disk has too little room left to begin another roll call.
    DiskLow,
}

impl Refusal {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 6] = [
        Self::NotOpen,
        Self::NeverOpened,
        Self::RollCallFull,
        Self::TooManyOpen,
        Self::TooManyClasses,
        Self::DiskLow,
    ];

    /// The word for it in `--json`, logs and the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotOpen => "not_open",
            Self::NeverOpened => "never_opened",
            Self::RollCallFull => "roll_call_full",
            Self::TooManyOpen => "too_many_open",
            Self::TooManyClasses => "too_many_classes",
            Self::DiskLow => "disk_low",
        }
    }
}

impl From<Refusal> for u8 {
    fn from(refusal: Refusal) -> u8 {
        match refusal {
            Refusal::NotOpen => 1,
            Refusal::NeverOpened => 2,
            Refusal::RollCallFull => 3,
            Refusal::TooManyOpen => 4,
            Refusal::TooManyClasses => 5,
            Refusal::DiskLow => 6,
        }
    }
}

/// A number that names no refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the number of a refusal")]
pub struct UnknownRefusal(u8);

impl TryFrom<u8> for Refusal {
    type Error = UnknownRefusal;

    fn try_from(number: u8) -> Result<Self, UnknownRefusal> {
        Self::ALL.into_iter().find(|&it| u8::from(it) == number).ok_or(UnknownRefusal(number))
    }
}

/// How the server counts a refusal.
impl From<Refusal> for Counter {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotOpen => Self::NotOpen,
            Refusal::NeverOpened => Self::NeverOpened,
            Refusal::RollCallFull => Self::RollCallFull,
            Refusal::TooManyOpen => Self::TooManyOpen,
            Refusal::TooManyClasses => Self::TooManyClasses,
            Refusal::DiskLow => Self::DiskLow,
        }
    }
}

impl Message for Refused {
    const KIND: Kind = Kind::Refused;
}

impl MaxBytes for Refusal {
    const MAX_BYTES: usize = 1;
}

max_bytes! {
    Refused: WallTime, Refusal;
}
const _: () = assert!(reply_max_bytes::<Refused>() <= REQUEST_MIN_BYTES);

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_keeps_its_number() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::try_from(u8::from(refusal)), Ok(refusal));
        }
        assert_eq!(Refusal::try_from(0), Err(UnknownRefusal(0)));
        assert_eq!(Refusal::try_from(7), Err(UnknownRefusal(7)));
    }
}
