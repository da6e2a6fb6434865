//! `WATCH` → `WATCHED`, or `REFUSED`: an open roll call as its teacher watches it, and who answered from a
//! place on.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::access::{Remarks, RoomCode};
use crate::attendance::{Status, Title};
use crate::ids::{ClassId, RollCallNumber, StudentNumber};
use crate::limits::{LIST_REQUEST_MIN_BYTES, TITLE_MAX_BYTES, WATCHED_MAX};
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `WATCH`.
#[derive(Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) class: ClassId,
    pub(super) from: u32,
}

/// `WATCHED`: the open roll call of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The class.
    pub class: ClassId,
    /// Which roll call of the class.
    pub number: RollCallNumber,
    /// When it was opened.
    pub opened_at: WallTime,
    /// When it closes by itself.
    pub closes_at: Option<WallTime>,
    /// From when on who answers is late.
    pub late_at: Option<WallTime>,
    /// How many are present or late.
    pub present: u32,
    /// How many of them are late.
    pub late: u32,
    /// How many are on the roster, if there is one.
    pub expected: Option<u32>,
    /// How many of those on the roster are present or late.
    pub expected_present: u32,
    /// On how many something suspicious is remarked.
    pub remarked: u32,
    /// How many wrong codes came.
    pub wrong_codes: u32,
    /// The version of the roster; 0 for none.
    pub roster: u64,
    /// How many corrections there were. When it changes, what was told of entries has changed too.
    pub corrections: u32,
    /// The code that is to be shown, if there is one.
    pub code: Option<RoomCode>,
    /// For how long, in milliseconds.
    pub left_ms: u16,
    /// What the roll call is called.
    pub title: Option<Title>,
    /// How many entries there are: the marks in order of arrival, then who was corrected without a mark.
    pub entries: u32,
    /// Those from the place on that was asked for, as many as the answer has room for.
    pub listed: Vec<WatchedEntry>,
}

/// A student of an open roll call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedEntry {
    /// Who.
    pub student: StudentNumber,
    /// When the student answered; when the roll call was opened, if not.
    pub at: WallTime,
    /// What the student is.
    pub status: Status,
    /// What is remarked.
    pub remarks: Remarks,
}

impl WatchedEntry {
    /// Whether it has no mark, on a roll call that was opened then: a teacher has said what the student is, who
    /// has not answered. These come last, so that who answers is before them.
    #[must_use]
    pub fn is_unmarked(&self, opened_at: WallTime) -> bool {
        self.at == opened_at && !self.status.is_there()
    }
}

impl Message for Watch {
    const KIND: Kind = Kind::Watch;
}

impl Question for Watch {
    const DATAGRAM_MIN_BYTES: usize = LIST_REQUEST_MIN_BYTES;
}

impl Message for Watched {
    const KIND: Kind = Kind::Watched;
}

impl MaxBytes for Title {
    const MAX_BYTES: usize = 1 + TITLE_MAX_BYTES;
}

max_bytes! {
    WatchedEntry: StudentNumber, WallTime, Status, Remarks;
}

const HEAD_MAX_BYTES: usize = ClassId::MAX_BYTES
    + RollCallNumber::MAX_BYTES
    + WallTime::MAX_BYTES
    + 2 * Option::<WallTime>::MAX_BYTES
    + 7 * u32::MAX_BYTES
    + Option::<u32>::MAX_BYTES
    + u64::MAX_BYTES
    + Option::<RoomCode>::MAX_BYTES
    + u16::MAX_BYTES
    + Option::<Title>::MAX_BYTES
    + 1;
const _: () = assert!(
    REPLY_REST_MAX_BYTES + HEAD_MAX_BYTES + WATCHED_MAX * WatchedEntry::MAX_BYTES
        <= LIST_REQUEST_MIN_BYTES
);

impl From<Watch> for Ask {
    fn from(Watch { class, from }: Watch) -> Self {
        Self::Read(Query::Watch { class, from })
    }
}

impl From<Watched> for Answer {
    fn from(watched: Watched) -> Self {
        Self::Watched(Box::new(watched))
    }
}

/// Whether this answers the question for that class from that place on.
pub(super) fn fits(class: ClassId, from: u32, answer: &Answer) -> bool {
    match answer {
        Answer::Watched(it) => {
            let rest = it.entries.saturating_sub(from) as usize;
            // R-WATCH-2
            // As many as there are, or as fit: a list ends.
            it.class == class && it.listed.len() == rest.min(WATCHED_MAX)
        }
        Answer::Refused(_) => true,
        _ => false,
    }
}
