//! `ENROL` → `ENROLLED`, or `REFUSED`: a teacher changes the roster of a class, some students at a time.
//! `ROSTER` → `ROSTER_INFO`, or `REFUSED`: the roster in brief, and how to fetch the whole.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation, Query};
use crate::attendance::RosterChange;
use crate::ids::{ClassId, ContentId};
use crate::limits::{
    ROSTER_EDITS_MAX, ROSTER_MAX, SHEET_REQUEST_MIN_BYTES, WORK_REQUEST_MIN_BYTES,
};
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `ENROL`.
#[derive(Serialize, Deserialize)]
pub(super) struct Enrol {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
    pub(super) change: RosterChange,
}

/// `ENROLLED`: the changes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// When.
    pub at: WallTime,
    /// The class.
    pub class: ClassId,
    /// The version of the roster with them.
    pub version: u64,
    /// How many students are on it.
    pub students: u32,
}

/// The message of `ROSTER`.
#[derive(Serialize, Deserialize)]
pub(super) struct RosterQuestion {
    pub(super) class: ClassId,
}

/// `ROSTER_INFO`: the roster of a class in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterInfo {
    /// The class.
    pub class: ClassId,
    /// Its version, counted from 1 by its changes; 0 if there never was one.
    pub version: u64,
    /// How many students are on it.
    pub students: u32,
    /// The size of its canonical bytes.
    pub bytes: u32,
    /// The name of its canonical bytes.
    pub content: ContentId,
}

impl RosterInfo {
    /// Whether a roster of so many students can have so many bytes, and a client is willing to keep so many.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        const HEAD_MAX_BYTES: u64 = 1 + 5 + 10 + 5;
        // Number, name and group, each with its length, and whether there is a group.
        const ENTRY_MAX_BYTES: u64 = 33 + 121 + 1 + 41;
        let most = HEAD_MAX_BYTES + u64::from(self.students) * ENTRY_MAX_BYTES;
        self.students as usize <= ROSTER_MAX && u64::from(self.bytes) <= most
    }
}

impl Message for Enrol {
    const KIND: Kind = Kind::Enrol;

    fn is_valid(&self) -> bool {
        (1..=ROSTER_EDITS_MAX).contains(&self.change.edits.len())
    }
}

impl Question for Enrol {
    const DATAGRAM_MIN_BYTES: usize = WORK_REQUEST_MIN_BYTES;
}

impl Message for Enrolled {
    const KIND: Kind = Kind::Enrolled;
}

impl Message for RosterQuestion {
    const KIND: Kind = Kind::Roster;
}

impl Question for RosterQuestion {
    const DATAGRAM_MIN_BYTES: usize = SHEET_REQUEST_MIN_BYTES;
}

impl Message for RosterInfo {
    const KIND: Kind = Kind::RosterInfo;
}

max_bytes! {
    Enrolled: WallTime, ClassId, u64, u32;
    RosterInfo: ClassId, u64, u32, u32, ContentId;
}
const _: () = assert!(reply_max_bytes::<Enrolled>() <= WORK_REQUEST_MIN_BYTES);
const _: () = assert!(reply_max_bytes::<RosterInfo>() <= SHEET_REQUEST_MIN_BYTES);

impl From<Enrol> for Ask {
    fn from(Enrol { started, class, change }: Enrol) -> Self {
        Self::Perform { started, operation: Operation::Enrol { class, change } }
    }
}

impl From<Enrolled> for Answer {
    fn from(enrolled: Enrolled) -> Self {
        Self::Enrolled(enrolled)
    }
}

impl From<RosterQuestion> for Ask {
    fn from(RosterQuestion { class }: RosterQuestion) -> Self {
        Self::Read(Query::Roster { class })
    }
}

impl From<RosterInfo> for Answer {
    fn from(info: RosterInfo) -> Self {
        Self::Roster(info)
    }
}

/// Whether this answers a change of that class's roster.
pub(super) fn fits_change(class: ClassId, answer: &Answer) -> bool {
    match answer {
        Answer::Enrolled(enrolled) => enrolled.class == class,
        Answer::Refused(_) => true,
        _ => false,
    }
}

/// Whether this answers the question for that class's roster.
pub(super) fn fits(class: ClassId, answer: &Answer) -> bool {
    match answer {
        Answer::Roster(info) => info.class == class,
        Answer::Refused(_) => true,
        _ => false,
    }
}
