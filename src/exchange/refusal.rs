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
    /// The device is no teacher's.
    NotATeacher,
    /// The device is no admin's.
    NotAnAdmin,
    /// The class is another teacher's, or is not held in this way.
    NotYourClass,
    /// It has to come from a device: sealed.
    NoDevice,
    /// There is no such invite.
    InviteUnknown,
    /// The invite was used already.
    InviteUsed,
    /// The invite has ended.
    InviteEnded,
    /// The device is another person's.
    OtherPerson,
    /// There is no such device.
    UnknownDevice,
    /// There is no teacher of that name.
    UnknownTeacher,
    /// The student has not answered.
    UnknownStudent,
    /// The server keeps no more of it.
    NoRoom,
    /// The code that is shown in the room has to be given.
    CodeNeeded,
    /// It is not the code that is shown in the room.
    WrongCode,
    /// Too many wrong codes came for this number, or from this device.
    CodeLimit,
    /// The number answers from another device.
    OtherDevice,
    /// The device answers for another number.
    OtherNumber,
    /// The device is not enrolled for the number.
    NotEnrolled,
    /// A teacher has taken the student's answer back.
    TakenBack,
    /// It was pressed too long ago, or before the roll call was opened.
    TooLate,
    /// Somebody else has changed the roster since the import was begun.
    RosterChanged,
    /// The class has no closed roll call with that number.
    NoSuchRollCall,
    /// The roll call was closed too long ago to be opened again.
    ReopenTooLate,
}

impl Refusal {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 29] = [
        Self::NotOpen,
        Self::NeverOpened,
        Self::RollCallFull,
        Self::TooManyOpen,
        Self::TooManyClasses,
        Self::DiskLow,
        Self::NotATeacher,
        Self::NotAnAdmin,
        Self::NotYourClass,
        Self::NoDevice,
        Self::InviteUnknown,
        Self::InviteUsed,
        Self::InviteEnded,
        Self::OtherPerson,
        Self::UnknownDevice,
        Self::UnknownTeacher,
        Self::UnknownStudent,
        Self::NoRoom,
        Self::CodeNeeded,
        Self::WrongCode,
        Self::CodeLimit,
        Self::OtherDevice,
        Self::OtherNumber,
        Self::NotEnrolled,
        Self::TakenBack,
        Self::TooLate,
        Self::RosterChanged,
        Self::NoSuchRollCall,
        Self::ReopenTooLate,
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
            Self::NotATeacher => "not_a_teacher",
            Self::NotAnAdmin => "not_an_admin",
            Self::NotYourClass => "not_your_class",
            Self::NoDevice => "no_device",
            Self::InviteUnknown => "invite_unknown",
            Self::InviteUsed => "invite_used",
            Self::InviteEnded => "invite_ended",
            Self::OtherPerson => "other_person",
            Self::UnknownDevice => "unknown_device",
            Self::UnknownTeacher => "unknown_teacher",
            Self::UnknownStudent => "unknown_student",
            Self::NoRoom => "no_room",
            Self::CodeNeeded => "code_needed",
            Self::WrongCode => "wrong_code",
            Self::CodeLimit => "code_limit",
            Self::OtherDevice => "other_device",
            Self::OtherNumber => "other_number",
            Self::NotEnrolled => "not_enrolled",
            Self::TakenBack => "taken_back",
            Self::TooLate => "too_late",
            Self::RosterChanged => "roster_changed",
            Self::NoSuchRollCall => "no_such_roll_call",
            Self::ReopenTooLate => "reopen_too_late",
        }
    }
}

impl From<Refusal> for u8 {
    fn from(refusal: Refusal) -> u8 {
        // Its place in `ALL`, counted from 1: a new one is appended there.
        refusal as u8 + 1
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
            Refusal::NotATeacher => Self::NotATeacher,
            Refusal::NotAnAdmin => Self::NotAnAdmin,
            Refusal::NotYourClass => Self::NotYourClass,
            Refusal::NoDevice => Self::NoDevice,
            Refusal::InviteUnknown => Self::InviteUnknown,
            Refusal::InviteUsed => Self::InviteUsed,
            Refusal::InviteEnded => Self::InviteEnded,
            Refusal::OtherPerson => Self::OtherPerson,
            Refusal::UnknownDevice => Self::UnknownDevice,
            Refusal::UnknownTeacher => Self::UnknownTeacher,
            Refusal::UnknownStudent => Self::UnknownStudent,
            Refusal::NoRoom => Self::NoRoom,
            Refusal::CodeNeeded => Self::CodeNeeded,
            Refusal::WrongCode => Self::WrongCode,
            Refusal::CodeLimit => Self::CodeLimit,
            Refusal::OtherDevice => Self::OtherDevice,
            Refusal::OtherNumber => Self::OtherNumber,
            Refusal::NotEnrolled => Self::NotEnrolled,
            Refusal::TakenBack => Self::TakenBack,
            Refusal::TooLate => Self::TooLate,
            Refusal::RosterChanged => Self::RosterChanged,
            Refusal::NoSuchRollCall => Self::NoSuchRollCall,
            Refusal::ReopenTooLate => Self::ReopenTooLate,
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
        assert_eq!(Refusal::try_from(30), Err(UnknownRefusal(30)));
        assert_eq!((u8::from(Refusal::NotOpen), u8::from(Refusal::DiskLow)), (1, 6));
    }
}
