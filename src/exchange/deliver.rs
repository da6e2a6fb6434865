//! `DELIVER` → `MARKED`: a student's answer that was kept for want of an answer from the server, with how
//! long ago it was pressed.

use serde::{Deserialize, Serialize};

use super::{Ask, Operation};
use crate::access::RoomCode;
use crate::ids::{ClassId, StudentNumber};
use crate::limits::REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::Message;
use crate::wire::envelope::Question;

/// The message of `DELIVER`.
#[derive(Serialize, Deserialize)]
pub(super) struct Deliver {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
    pub(super) student: StudentNumber,
    pub(super) code: Option<RoomCode>,
    /// How long before this request was first sent, in milliseconds.
    pub(super) delay_ms: u32,
}

impl Message for Deliver {
    const KIND: Kind = Kind::Deliver;
}

impl Question for Deliver {
    const DATAGRAM_MIN_BYTES: usize = REQUEST_MIN_BYTES;
}

impl From<Deliver> for Ask {
    fn from(Deliver { started, class, student, code, delay_ms }: Deliver) -> Self {
        let operation = Operation::Deliver { class, student, code, delay_ms };
        Self::Perform { started, operation }
    }
}
