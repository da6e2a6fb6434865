//! `PEOPLE` → `PERSON_LIST`, or `REFUSED`: the devices with a role, for an admin.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::access::PersonName;
use crate::ids::DeviceId;
use crate::limits::LIST_REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `PEOPLE`.
#[derive(Serialize, Deserialize)]
pub(super) struct People {
    pub(super) after: Option<DeviceId>,
}

/// `PERSON_LIST`: devices in order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonList {
    /// As many as the answer has room for.
    pub devices: Vec<StaffDevice>,
    /// True if there are more after the last one.
    pub more: bool,
}

/// A device that has a role, or had one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffDevice {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub name: PersonName,
    /// Since when.
    pub joined_at: WallTime,
    /// Whether it is an admin's.
    pub admin: bool,
    /// Whether it is a teacher's.
    pub teacher: bool,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Message for People {
    const KIND: Kind = Kind::People;
}

impl Question for People {
    const DATAGRAM_MIN_BYTES: usize = LIST_REQUEST_MIN_BYTES;
}

impl Message for PersonList {
    const KIND: Kind = Kind::PersonList;
}

max_bytes! {
    StaffDevice: DeviceId, PersonName, WallTime, bool, bool, bool;
}
const _: () = assert!(CAPACITY >= 1);

impl From<People> for Ask {
    fn from(People { after }: People) -> Self {
        Self::Read(Query::People { after })
    }
}

impl From<PersonList> for Answer {
    fn from(list: PersonList) -> Self {
        Self::People(list)
    }
}

/// How many devices an answer has room for, counted with every value at its longest.
pub const CAPACITY: usize =
    (LIST_REQUEST_MIN_BYTES - REPLY_REST_MAX_BYTES - 1 - bool::MAX_BYTES) / StaffDevice::MAX_BYTES;

/// Whether this answers the question for the devices after that one.
pub(super) fn fits(after: Option<DeviceId>, answer: &Answer) -> bool {
    let Answer::People(PersonList { devices, more }) = answer else {
        return matches!(answer, Answer::Refused(_));
    };
    let in_order = devices.windows(2).all(|pair| pair[0].device < pair[1].device);
    let behind = devices.first().is_none_or(|first| after.is_none_or(|it| first.device > it));
    // A page that is not the last one is full: a list ends.
    in_order && behind && (devices.len() >= CAPACITY || !more)
}
