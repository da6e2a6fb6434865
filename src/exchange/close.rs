//! `CLOSE` → `CLOSED`, or `REFUSED`: a teacher ends the roll call of a class, and is told its sheet.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation, SheetInfo};
use crate::ids::ClassId;
use crate::limits::SHEET_REQUEST_MIN_BYTES;
use crate::stats::Counter;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `CLOSE`.
#[derive(Serialize, Deserialize)]
pub(super) struct Close {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
}

/// `CLOSED`: the sheet is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The sheet in brief.
    pub sheet: SheetInfo,
    /// True if an earlier request had closed it.
    pub already_closed: bool,
}

impl Message for Close {
    const KIND: Kind = Kind::Close;
}

impl Question for Close {
    const DATAGRAM_MIN_BYTES: usize = SHEET_REQUEST_MIN_BYTES;
}

impl Message for Closed {
    const KIND: Kind = Kind::Closed;
}

max_bytes! {
    Closed: SheetInfo, bool;
}
const _: () = assert!(reply_max_bytes::<Closed>() <= SHEET_REQUEST_MIN_BYTES);

impl From<Close> for Ask {
    fn from(Close { started, class }: Close) -> Self {
        Self::Perform { started, operation: Operation::Close { class } }
    }
}

impl From<Closed> for Answer {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

/// Whether this answers a close of that class.
pub(super) fn fits(class: ClassId, answer: &Answer) -> bool {
    match answer {
        Answer::Closed(closed) => closed.sheet.class == class,
        Answer::Refused(_) => true,
        _ => false,
    }
}

/// How the server counts a close that was not refused.
pub(super) fn counter(already_closed: bool) -> Counter {
    if already_closed { Counter::AlreadyClosed } else { Counter::Closed }
}
