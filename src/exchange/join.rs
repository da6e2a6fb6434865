//! `JOIN` → `JOINED`, or `REFUSED`: a device uses an invite.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation};
use crate::access::{Guest, InviteCode};
use crate::limits::JOIN_REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `JOIN`.
#[derive(Serialize, Deserialize)]
pub(super) struct Join {
    pub(super) started: WallTime,
    pub(super) code: InviteCode,
}

/// `JOINED`: the device is what the invite says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Since when.
    pub at: WallTime,
    /// As whom.
    pub guest: Guest,
}

impl Message for Join {
    const KIND: Kind = Kind::Join;
}

impl Question for Join {
    const DATAGRAM_MIN_BYTES: usize = JOIN_REQUEST_MIN_BYTES;
}

impl Message for Joined {
    const KIND: Kind = Kind::Joined;
}

max_bytes! {
    Joined: WallTime, Guest;
}
const _: () = assert!(reply_max_bytes::<Joined>() <= JOIN_REQUEST_MIN_BYTES);

impl From<Join> for Ask {
    fn from(Join { started, code }: Join) -> Self {
        Self::Perform { started, operation: Operation::Join { code } }
    }
}

impl From<Joined> for Answer {
    fn from(joined: Joined) -> Self {
        Self::Joined(joined)
    }
}

/// Whether this answers the use of an invite.
pub(super) fn fits(answer: &Answer) -> bool {
    matches!(answer, Answer::Joined(_) | Answer::Refused(_))
}
