//! `ACT` → `ACTED`, or `REFUSED`: an admin or a teacher changes who may do what.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Operation};
use crate::access::{Guest, InviteId, PersonName, Role};
use crate::ids::{ClassId, DeviceId, StudentNumber};
use crate::limits::REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// What is done. Each is kept with who did it and when. Variants are only ever appended: the journal
/// holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// An admin invites somebody. Who invites draws the code and tells the server only its name.
    Invite {
        /// The invite.
        invite: InviteId,
        /// Whom.
        guest: Guest,
    },
    /// An admin ends all that a device may do.
    Revoke {
        /// The device.
        device: DeviceId,
    },
    /// An admin ends every bond between a student number and devices.
    Release {
        /// The number.
        student: StudentNumber,
    },
    /// An admin makes a class somebody's.
    Give {
        /// The class.
        class: ClassId,
        /// The teacher whose it is from now on.
        to: PersonName,
    },
    /// Whose class it is, or an admin, lets another teacher hold its roll calls too.
    Share {
        /// The class.
        class: ClassId,
        /// The teacher.
        with: PersonName,
    },
    /// A teacher has called a student aloud.
    Call {
        /// The class, whose roll call is open.
        class: ClassId,
        /// The student.
        student: StudentNumber,
        /// Whether the student was there.
        there: bool,
    },
    /// A teacher invites a student of the roster of a class. Who invites draws the code and tells the server
    /// only its name.
    Enrol {
        /// The class.
        class: ClassId,
        /// The invite.
        invite: InviteId,
        /// The student.
        student: StudentNumber,
    },
}

/// The message of `ACT`.
#[derive(Serialize, Deserialize)]
pub(super) struct ActMessage {
    pub(super) started: WallTime,
    pub(super) act: Act,
}

/// `ACTED`: it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// When.
    pub at: WallTime,
    /// For an invite: the devices that the person has already. Else how much was changed: 0 if it had been
    /// so before.
    pub count: u32,
}

impl Message for ActMessage {
    const KIND: Kind = Kind::Act;
}

impl Question for ActMessage {
    const DATAGRAM_MIN_BYTES: usize = REQUEST_MIN_BYTES;
}

impl Message for Acted {
    const KIND: Kind = Kind::Acted;
}

const fn longer(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

impl MaxBytes for Role {
    const MAX_BYTES: usize = 1;
}

impl MaxBytes for Guest {
    const MAX_BYTES: usize =
        1 + longer(Role::MAX_BYTES + PersonName::MAX_BYTES, StudentNumber::MAX_BYTES);
}

impl MaxBytes for Act {
    const MAX_BYTES: usize = 1 + longer(
        InviteId::MAX_BYTES + Guest::MAX_BYTES,
        ClassId::MAX_BYTES
            + longer(PersonName::MAX_BYTES, InviteId::MAX_BYTES + StudentNumber::MAX_BYTES),
    );
}

max_bytes! {
    Acted: WallTime, u32;
}
const _: () = assert!(reply_max_bytes::<Acted>() <= REQUEST_MIN_BYTES);

impl From<ActMessage> for Ask {
    fn from(ActMessage { started, act }: ActMessage) -> Self {
        Self::Perform { started, operation: Operation::Act(act) }
    }
}

impl From<Acted> for Answer {
    fn from(acted: Acted) -> Self {
        Self::Acted(acted)
    }
}

/// Whether this answers an act.
pub(super) fn fits(answer: &Answer) -> bool {
    matches!(answer, Answer::Acted(_) | Answer::Refused(_))
}
