//! `MINE` → `MINE_LIST`: the marks that were made from the asking device, and nobody else's.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::ids::{ClassId, RollCallNumber, StudentNumber};
use crate::limits::LIST_REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `MINE`.
#[derive(Serialize, Deserialize)]
pub(super) struct Mine {
    pub(super) skip: u32,
}

/// `MINE_LIST`: marks of closed roll calls, the last one first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MineList {
    /// As many as the answer has room for.
    pub marks: Vec<MyMark>,
    /// True if there are more after the last one.
    pub more: bool,
}

/// A mark that was made from the asking device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MyMark {
    /// The class.
    pub class: ClassId,
    /// Which roll call of the class.
    pub number: RollCallNumber,
    /// For whom.
    pub student: StudentNumber,
    /// When.
    pub at: WallTime,
}

impl Message for Mine {
    const KIND: Kind = Kind::Mine;
}

impl Question for Mine {
    const DATAGRAM_MIN_BYTES: usize = LIST_REQUEST_MIN_BYTES;
}

impl Message for MineList {
    const KIND: Kind = Kind::MineList;
}

max_bytes! {
    MyMark: ClassId, RollCallNumber, StudentNumber, WallTime;
}
const _: () = assert!(CAPACITY >= 1);

impl From<Mine> for Ask {
    fn from(Mine { skip }: Mine) -> Self {
        Self::Read(Query::Mine { skip })
    }
}

impl From<MineList> for Answer {
    fn from(list: MineList) -> Self {
        Self::Mine(list)
    }
}

/// How many marks an answer has room for, counted with every value at its longest.
pub const CAPACITY: usize =
    (LIST_REQUEST_MIN_BYTES - REPLY_REST_MAX_BYTES - 1 - bool::MAX_BYTES) / MyMark::MAX_BYTES;

/// Whether this is an answer to the question.
pub(super) fn fits(answer: &Answer) -> bool {
    match answer {
        // A page that is not the last one is full: a list ends.
        Answer::Mine(MineList { marks, more }) => marks.len() >= CAPACITY || !more,
        Answer::Refused(_) => true,
        _ => false,
    }
}
