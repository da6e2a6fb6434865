//! `ACTS` → `ACT_LIST`, or `REFUSED`: what admins and teachers did, for an admin.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Act, Answer, Ask, Query};
use crate::access::PersonName;
use crate::ids::{ActNumber, DeviceId};
use crate::limits::LIST_REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `ACTS`.
#[derive(Serialize, Deserialize)]
pub(super) struct Acts {
    pub(super) at_most: ActNumber,
}

/// `ACT_LIST`: acts, the highest number first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActList {
    /// As many as the answer has room for.
    pub acts: Vec<ActRecord>,
    /// True if there are more below the last one.
    pub more: bool,
}

/// What was done, by whom, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActRecord {
    /// Counted from 1 without gaps.
    pub number: ActNumber,
    /// When.
    pub at: WallTime,
    /// By which device; by none if it was done at the server's terminal.
    pub by: Option<DeviceId>,
    /// Whose device that was then.
    pub name: Option<PersonName>,
    /// What.
    pub deed: Deed,
}

/// What the record of an act says was done. Variants are only ever appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// That was asked for, and is done.
    Act(Act),
    /// An invite was used.
    Joined(crate::access::Guest),
}

impl Message for Acts {
    const KIND: Kind = Kind::Acts;
}

impl Question for Acts {
    const DATAGRAM_MIN_BYTES: usize = LIST_REQUEST_MIN_BYTES;
}

impl Message for ActList {
    const KIND: Kind = Kind::ActList;
}

impl MaxBytes for Deed {
    const MAX_BYTES: usize = 1 + Act::MAX_BYTES;
}

max_bytes! {
    ActRecord: ActNumber, WallTime, Option<DeviceId>, Option<PersonName>, Deed;
}
const _: () = assert!(CAPACITY >= 1);

impl From<Acts> for Ask {
    fn from(Acts { at_most }: Acts) -> Self {
        Self::Read(Query::Acts { at_most })
    }
}

impl From<ActList> for Answer {
    fn from(list: ActList) -> Self {
        Self::Acts(list)
    }
}

/// How many acts an answer has room for, counted with every value at its longest.
pub const CAPACITY: usize =
    (LIST_REQUEST_MIN_BYTES - REPLY_REST_MAX_BYTES - 1 - bool::MAX_BYTES) / ActRecord::MAX_BYTES;

/// Whether this answers the question for the acts from that number down.
pub(super) fn fits(at_most: ActNumber, answer: &Answer) -> bool {
    let Answer::Acts(ActList { acts, more }) = answer else {
        return matches!(answer, Answer::Refused(_));
    };
    let falls = acts.windows(2).all(|pair| pair[0].number > pair[1].number);
    let within = acts.first().is_none_or(|first| first.number <= at_most);
    falls && within && (acts.len() >= CAPACITY || !more)
}

/// As the journal's rows and the log tell it.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Act(Act::Invite { guest, .. }) => write!(f, "invited {guest}"),
            Self::Act(Act::Revoke { device }) => write!(f, "revoked device {device:?}"),
            Self::Act(Act::Release { student }) => write!(f, "released student {student}"),
            Self::Act(Act::Give { class, to }) => write!(f, "gave class {class} to {to}"),
            Self::Act(Act::Share { class, with }) => write!(f, "shared class {class} with {with}"),
            Self::Act(Act::Call { class, student, there: true }) => {
                write!(f, "called {student} in class {class}: there")
            }
            Self::Act(Act::Call { class, student, .. }) => {
                write!(f, "called {student} in class {class}: not there")
            }
            Self::Act(Act::Enrol { class, student, .. }) => {
                write!(f, "invited student {student} of class {class}")
            }
            Self::Joined(guest) => write!(f, "joined as {guest}"),
        }
    }
}
