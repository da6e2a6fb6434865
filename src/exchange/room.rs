//! `ROOM` → `ROOM_STATE`, or `REFUSED`: what a teacher shows in the room, and watches.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::access::{RoomCode, Terms, Who};
use crate::ids::ClassId;
use crate::limits::ROOM_REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `ROOM`.
#[derive(Serialize, Deserialize)]
pub(super) struct Room {
    pub(super) class: ClassId,
}

/// `ROOM_STATE`: the open roll call of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomState {
    /// The class.
    pub class: ClassId,
    /// When it was opened.
    pub opened_at: WallTime,
    /// How many have answered.
    pub present: u32,
    /// On how many of them something suspicious is remarked.
    pub remarked: u32,
    /// How many wrong codes came.
    pub wrong_codes: u32,
    /// Under which terms.
    pub terms: Terms,
    /// The code that is to be shown, if there is one.
    pub code: Option<RoomCode>,
    /// For how long, in milliseconds.
    pub left_ms: u16,
}

impl Message for Room {
    const KIND: Kind = Kind::Room;
}

impl Question for Room {
    const DATAGRAM_MIN_BYTES: usize = ROOM_REQUEST_MIN_BYTES;
}

impl Message for RoomState {
    const KIND: Kind = Kind::RoomState;

    fn is_valid(&self) -> bool {
        self.code.is_some() == self.terms.code
    }
}

impl MaxBytes for Who {
    const MAX_BYTES: usize = 1;
}

impl MaxBytes for RoomCode {
    const MAX_BYTES: usize = 3;
}

max_bytes! {
    Terms: Who, bool, bool;
    RoomState: ClassId, WallTime, u32, u32, u32, Terms, Option<RoomCode>, u16;
}
const _: () = assert!(reply_max_bytes::<RoomState>() <= ROOM_REQUEST_MIN_BYTES);

impl From<Room> for Ask {
    fn from(Room { class }: Room) -> Self {
        Self::Read(Query::Room { class })
    }
}

impl From<RoomState> for Answer {
    fn from(state: RoomState) -> Self {
        Self::Room(state)
    }
}

/// Whether this answers the question for that class.
pub(super) fn fits(class: ClassId, answer: &Answer) -> bool {
    match answer {
        Answer::Room(state) => state.class == class,
        Answer::Refused(_) => true,
        _ => false,
    }
}
