//! `PLAN` → `OPENED`, or `REFUSED`: a teacher begins a roll call that closes by itself, from which on who
//! answers is late, that counts for several lessons, or that has a title.

use serde::{Deserialize, Serialize};

use super::{Ask, Operation};
use crate::access::Terms;
use crate::attendance::Plan;
use crate::ids::ClassId;
use crate::limits::REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::Message;
use crate::wire::envelope::Question;

/// The message of `PLAN`.
#[derive(Serialize, Deserialize)]
pub(super) struct PlanMessage {
    pub(super) started: WallTime,
    pub(super) class: ClassId,
    pub(super) terms: Terms,
    pub(super) plan: Plan,
}

impl Message for PlanMessage {
    const KIND: Kind = Kind::Plan;

    fn is_valid(&self) -> bool {
        self.plan.is_valid()
    }
}

impl Question for PlanMessage {
    const DATAGRAM_MIN_BYTES: usize = REQUEST_MIN_BYTES;
}

impl From<PlanMessage> for Ask {
    fn from(PlanMessage { started, class, terms, plan }: PlanMessage) -> Self {
        Self::Perform { started, operation: Operation::OpenWith { class, terms, plan } }
    }
}
