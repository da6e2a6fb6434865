//! `SPOT` → `SPOT_LIST`, or `REFUSED`: names to be called aloud, drawn by the server.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::access::Remarks;
use crate::ids::{ClassId, StudentNumber};
use crate::limits::{LIST_REQUEST_MIN_BYTES, SPOT_MAX};
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `SPOT`.
#[derive(Serialize, Deserialize)]
pub(super) struct Spot {
    pub(super) class: ClassId,
    pub(super) count: u8,
}

/// `SPOT_LIST`: students who have answered and were not called yet, those first on whom something suspicious
/// is remarked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotList {
    /// The class.
    pub class: ClassId,
    /// As many as were asked for, or all that there are.
    pub drawn: Vec<Drawn>,
}

/// A student who was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// Who.
    pub student: StudentNumber,
    /// What is remarked.
    pub remarks: Remarks,
}

impl Message for Spot {
    const KIND: Kind = Kind::Spot;

    fn is_valid(&self) -> bool {
        (1..=SPOT_MAX).contains(&self.count)
    }
}

impl Question for Spot {
    const DATAGRAM_MIN_BYTES: usize = LIST_REQUEST_MIN_BYTES;
}

impl Message for SpotList {
    const KIND: Kind = Kind::SpotList;
}

impl MaxBytes for Remarks {
    const MAX_BYTES: usize = 1;
}

max_bytes! {
    Drawn: StudentNumber, Remarks;
}
const _: () = assert!(
    REPLY_REST_MAX_BYTES + ClassId::MAX_BYTES + 1 + SPOT_MAX as usize * Drawn::MAX_BYTES
        <= LIST_REQUEST_MIN_BYTES
);

impl From<Spot> for Ask {
    fn from(Spot { class, count }: Spot) -> Self {
        Self::Read(Query::Spot { class, count })
    }
}

impl From<SpotList> for Answer {
    fn from(list: SpotList) -> Self {
        Self::Spot(list)
    }
}

/// Whether this answers the question for so many names of that class.
pub(super) fn fits(class: ClassId, count: u8, answer: &Answer) -> bool {
    match answer {
        Answer::Spot(list) => list.class == class && list.drawn.len() <= usize::from(count),
        Answer::Refused(_) => true,
        _ => false,
    }
}
