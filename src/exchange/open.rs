//! `OPEN` → `OPENED`, or `REFUSED`: a teacher begins the roll call of a class.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation};
use crate::access::Terms;
use crate::ids::ClassId;
use crate::limits::REQUEST_MIN_BYTES;
use crate::stats::Counter;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `OPEN`.
#[derive(Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
    pub(super) terms: Terms,
}

/// `OPENED`: the roll call is open since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The class.
    pub class: ClassId,
    /// Since when.
    pub opened_at: WallTime,
    /// True if an earlier request had opened it.
    pub already_open: bool,
}

impl Message for Open {
    const KIND: Kind = Kind::Open;
}

impl Question for Open {
    const DATAGRAM_MIN_BYTES: usize = REQUEST_MIN_BYTES;
}

impl Message for Opened {
    const KIND: Kind = Kind::Opened;
}

max_bytes! {
    Opened: ClassId, WallTime, bool;
}
const _: () = assert!(reply_max_bytes::<Opened>() <= REQUEST_MIN_BYTES);

impl From<Open> for Ask {
    fn from(Open { started, class, terms }: Open) -> Self {
        Self::Perform { started, operation: Operation::Open { class, terms } }
    }
}

impl From<Opened> for Answer {
    fn from(opened: Opened) -> Self {
        Self::Opened(opened)
    }
}

/// Whether this answers an opening of that class.
pub(super) fn fits(class: ClassId, answer: &Answer) -> bool {
    match answer {
        Answer::Opened(opened) => opened.class == class,
        Answer::Refused(_) => true,
        _ => false,
    }
}

/// How the server counts an opening that was not refused.
pub(super) fn counter(already_open: bool) -> Counter {
    if already_open { Counter::AlreadyOpen } else { Counter::Opened }
}
