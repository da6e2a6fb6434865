//! Verdicts on the asking itself, in place of an answer: `STALE`, `BEGIN_AGAIN`, `BUSY`, `REVOKED`.

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::limits::REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{Message, max_bytes};
use crate::wire::envelope::reply_max_bytes;

/// `STALE`: the number is older than the client's last one, or leaves one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stale;

/// `BEGIN_AGAIN`: under this client id the datagram was not executed, and no copy of it will be: the
/// server does not know the client (any more), knows another request under this number, or finds
/// `started` too far from its clock. An earlier sending may have been executed, if it is so long ago
/// that the server has forgotten the client since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginAgain {
    /// The server's clock, if `started` was too far from it.
    pub server_time: Option<WallTime>,
}

/// `REVOKED`: the device may do nothing here any more. Nothing was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Revoked;

/// `BUSY`: a table is full; not executed now, ask again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// How long to wait before the next sending, in milliseconds.
    pub retry_after_ms: u16,
}

impl Message for Stale {
    const KIND: Kind = Kind::Stale;
}

impl Message for BeginAgain {
    const KIND: Kind = Kind::BeginAgain;
}

impl Message for Revoked {
    const KIND: Kind = Kind::Revoked;
}

impl Message for Busy {
    const KIND: Kind = Kind::Busy;
}

max_bytes! {
    BeginAgain: Option<WallTime>;
    Busy: u16;
}
const _: () = assert!(reply_max_bytes::<BeginAgain>() <= REQUEST_MIN_BYTES);
const _: () = assert!(reply_max_bytes::<Busy>() <= REQUEST_MIN_BYTES);

impl From<Stale> for Answer {
    fn from(Stale: Stale) -> Self {
        Self::Stale
    }
}

impl From<BeginAgain> for Answer {
    fn from(begin_again: BeginAgain) -> Self {
        Self::BeginAgain(begin_again)
    }
}

impl From<Revoked> for Answer {
    fn from(Revoked: Revoked) -> Self {
        Self::Revoked
    }
}

impl From<Busy> for Answer {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}
