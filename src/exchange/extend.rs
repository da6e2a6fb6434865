//! `EXTEND` → `EXTENDED`, or `REFUSED`: a teacher moves the end of an open roll call.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation};
use crate::ids::ClassId;
use crate::limits::{WINDOW_LENGTH_MAX, WORK_REQUEST_MIN_BYTES};
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `EXTEND`.
#[derive(Serialize, Deserialize)]
pub(super) struct Extend {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
    pub(super) seconds: u32,
}

/// `EXTENDED`: the roll call closes at another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// When that was done.
    pub at: WallTime,
    /// The class.
    pub class: ClassId,
    /// When it closes now.
    pub closes_at: WallTime,
}

impl Message for Extend {
    const KIND: Kind = Kind::Extend;

    fn is_valid(&self) -> bool {
        (1..=WINDOW_LENGTH_MAX.as_secs()).contains(&u64::from(self.seconds))
    }
}

impl Question for Extend {
    const DATAGRAM_MIN_BYTES: usize = WORK_REQUEST_MIN_BYTES;
}

impl Message for Extended {
    const KIND: Kind = Kind::Extended;
}

max_bytes! {
    Extended: WallTime, ClassId, WallTime;
}
const _: () = assert!(reply_max_bytes::<Extended>() <= WORK_REQUEST_MIN_BYTES);

impl From<Extend> for Ask {
    fn from(Extend { started, class, seconds }: Extend) -> Self {
        Self::Perform { started, operation: Operation::Extend { class, seconds } }
    }
}

impl From<Extended> for Answer {
    fn from(extended: Extended) -> Self {
        Self::Extended(extended)
    }
}

/// Whether this answers an extension of that class's roll call.
pub(super) fn fits(class: ClassId, answer: &Answer) -> bool {
    match answer {
        Answer::Extended(extended) => extended.class == class,
        Answer::Refused(_) => true,
        _ => false,
    }
}
