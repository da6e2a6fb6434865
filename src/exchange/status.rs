//! `STATUS` → `STATUS_LIST`: which roll calls are open.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::ids::ClassId;
use crate::limits::{DATAGRAM_MAX_BYTES, SEALED_ROOM_BYTES, STATUS_REQUEST_MIN_BYTES};
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `STATUS`.
#[derive(Serialize, Deserialize)]
pub(super) struct Status {
    /// The first class to tell about.
    pub(super) from: ClassId,
}

/// `STATUS_LIST`: open roll calls in order of class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusList {
    /// As many as the answer has room for.
    pub open: Vec<OpenRollCall>,
    /// True if there are more after the last one.
    pub more: bool,
}

/// An open roll call in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRollCall {
    /// The class.
    pub class: ClassId,
    /// When it was opened.
    pub opened_at: WallTime,
    /// How many students have answered so far.
    pub present: u32,
}

impl Message for Status {
    const KIND: Kind = Kind::Status;
}

impl Question for Status {
    const DATAGRAM_MIN_BYTES: usize = STATUS_REQUEST_MIN_BYTES;

    /// A list asks for as much room as there can be.
    fn padded_bytes(&self) -> usize {
        DATAGRAM_MAX_BYTES
    }
}

impl Message for StatusList {
    const KIND: Kind = Kind::StatusList;
}

max_bytes! {
    OpenRollCall: ClassId, WallTime, u32;
}
const _: () = assert!(capacity(STATUS_REQUEST_MIN_BYTES) >= 1);

impl From<Status> for Ask {
    fn from(Status { from }: Status) -> Self {
        Self::Read(Query::Status { from })
    }
}

impl From<StatusList> for Answer {
    fn from(list: StatusList) -> Self {
        Self::Status(list)
    }
}

/// How many open roll calls the answer to a `STATUS` of this length has room for, counted with every
/// number at its longest.
#[must_use]
pub const fn capacity(request_bytes: usize) -> usize {
    /// Their number, which is below 2^14, and whether there are more.
    const REST_MAX_BYTES: usize = REPLY_REST_MAX_BYTES + 2 + bool::MAX_BYTES;
    let bytes = if request_bytes < DATAGRAM_MAX_BYTES { request_bytes } else { DATAGRAM_MAX_BYTES };
    // R-STATUS-3, R-SIZE-3
    bytes.saturating_sub(REST_MAX_BYTES) / OpenRollCall::MAX_BYTES
}

/// Whether this answers the question for open roll calls from that class on.
pub(super) fn fits(from: ClassId, answer: &Answer) -> bool {
    let Answer::Status(StatusList { open, more }) = answer else { return false };
    // R-STATUS-4
    let in_order = open.windows(2).all(|pair| pair[0].class < pair[1].class);
    let not_before = open.first().is_none_or(|first| first.class >= from);
    // A page that is not the last one is full (R-STATUS-3): a list ends.
    let is_full = open.len() >= capacity(SEALED_ROOM_BYTES);
    in_order && not_before && (is_full || !more)
}
