//! `REOPEN` → `OPENED`, or `REFUSED`: a teacher takes back a close that was a mistake.

use serde::{Deserialize, Serialize};

use super::{Ask, Operation};
use crate::ids::ClassId;
use crate::limits::REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::Message;
use crate::wire::envelope::Question;

/// The message of `REOPEN`.
#[derive(Serialize, Deserialize)]
pub(super) struct Reopen {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
}

impl Message for Reopen {
    const KIND: Kind = Kind::Reopen;
}

impl Question for Reopen {
    const DATAGRAM_MIN_BYTES: usize = REQUEST_MIN_BYTES;
}

impl From<Reopen> for Ask {
    fn from(Reopen { started, class }: Reopen) -> Self {
        Self::Perform { started, operation: Operation::Reopen { class } }
    }
}
