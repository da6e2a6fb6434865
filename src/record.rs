//! What the journal keeps: records of what happened, in batches, and snapshots of what is alive.
//!
//! The state of a server is the fold of a snapshot and the batches after it; nothing else enters.
//! These types say what is kept, [`crate::journal`] says how.

use serde::{Deserialize, Serialize};

use crate::access::{InviteId, PersonName};
use crate::attendance::Tally;
use crate::exchange::{ActRecord, Closed, MyMark, Operation, Revision};
use crate::ids::{
    ActNumber, ClassId, ClientId, DeviceId, RollCallId, RollCallNumber, StudentNumber,
};
use crate::people::{PeopleItem, Pool, RoomSecret};
use crate::principal::Principal;
use crate::roll::{
    ClientRecord, ClosedSheet, Contradiction, Kept, ProceedingsItem, RegisterItem, RosterItem,
};
use crate::time::WallTime;

/// One thing that happened. Variants are only ever appended: their order is their number on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// An operation was executed or refused. Its effect on the register and the memory of its
    /// outcome are one record, so that neither is ever there without the other.
    Answered {
        /// The server's time.
        at: WallTime,
        /// What was asked.
        operation: Operation,
        /// The client's entry from now on: its request and the outcome.
        client: ClientRecord,
    },
    /// A client was forgotten. Recorded, so that no restart brings back a client that was told to
    /// begin again.
    Forgot {
        /// The server's time.
        at: WallTime,
        /// The client.
        client: ClientId,
    },
    /// The server's time was disclosed to a client, and no other record holds it. Recorded, so that a
    /// restart with another clock does not go back behind it and take for punctual what was called
    /// too old.
    TimeDisclosed {
        /// The server's time.
        at: WallTime,
    },
    /// An operator has said that the clock is right although it is far from the last time in the
    /// journal. The server's time goes on from here, also if that is a step back.
    ClockSet {
        /// The time from now on.
        at: WallTime,
    },
    /// As `Answered`, for an operation that came sealed.
    AnsweredTo {
        /// The server's time.
        at: WallTime,
        /// The device that asked.
        by: DeviceId,
        /// What was asked.
        operation: Operation,
        /// The client's entry from now on: its request and the outcome.
        client: ClientRecord,
    },
    /// The secret was drawn from which the codes of a roll call are made that was just opened.
    CodeDrawn {
        /// Its class.
        class: ClassId,
        /// The secret.
        secret: RoomSecret,
    },
    /// An admin was invited from the server's terminal.
    AdminInvited {
        /// The server's time.
        at: WallTime,
        /// The invite.
        invite: InviteId,
        /// Whom.
        name: PersonName,
        /// Until when it can be used.
        ends_at: WallTime,
    },
    /// The journal was restored from a backup: the invites that are open in it are void.
    Restored,
    /// A roll call was closed at its deadline, which is when its sheet says that it was closed.
    ClosedAtDeadline {
        /// Its class.
        class: ClassId,
        /// The sheet that was made.
        closed: Box<Closed>,
    },
    /// A closed roll call as it is kept, because the next record opens it again: no replay reads rows.
    Reopening(Box<Kept>),
}

impl Record {
    /// What was asked, by whom, and the client's entry from then on, if it is that of an operation.
    #[must_use]
    pub fn answered(&self) -> Option<(Principal, &Operation, &ClientRecord)> {
        match self {
            Self::Answered { operation, client, .. } => Some((Principal::Plain, operation, client)),
            Self::AnsweredTo { by, operation, client, .. } => {
                Some((Principal::Device(*by), operation, client))
            }
            _ => None,
        }
    }
}

/// What one turn of the loop changed: committed as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Counted from 1 without gaps.
    pub number: u64,
    /// In the order in which they happened; never empty.
    pub records: Vec<Record>,
    /// The sheets that the records made, to be kept as rows.
    pub sheets: Vec<ClosedSheet>,
    /// The roll calls whose empty sheets are not kept any longer: their rows go.
    pub forgotten: Vec<RollCallId>,
    /// What admins and teachers did, to be kept as rows.
    pub acts: Vec<ActRecord>,
}

/// A question for other rows of the journal, the last one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsQuestion {
    /// What admins and teachers did.
    Acts {
        /// The highest number to tell about.
        at_most: ActNumber,
        /// How many at most.
        limit: usize,
    },
    /// The revisions of the sheets of a class.
    Revisions {
        /// The class.
        class: ClassId,
        /// The highest number of a roll call to tell about,
        number: RollCallNumber,
        /// and the highest revision of that one.
        revision: u32,
        /// How many at most.
        limit: usize,
    },
    /// The last revision of a closed roll call, whole.
    RollCall {
        /// The class.
        class: ClassId,
        /// Which of its roll calls.
        number: RollCallNumber,
    },
    /// How often a student was there.
    Tally {
        /// In this class.
        class: ClassId,
        /// Who.
        student: StudentNumber,
    },
    /// The marks that were made from a device.
    Mine {
        /// The device.
        device: DeviceId,
        /// How many are left out.
        skip: u32,
        /// How many at most.
        limit: usize,
    },
}

/// The rows that answer a [`RowsQuestion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// As asked for by [`RowsQuestion::Acts`].
    Acts(Vec<ActRecord>),
    /// As asked for by [`RowsQuestion::Mine`].
    Mine(Vec<MyMark>),
    /// As asked for by [`RowsQuestion::Tally`].
    Tally(Tally),
    /// As asked for by [`RowsQuestion::Revisions`].
    Revisions(Vec<Revision>),
    /// As asked for by [`RowsQuestion::RollCall`]; nothing if there is no such roll call.
    RollCall(Option<Box<ClosedSheet>>),
}

/// One piece of a snapshot. Variants are only ever appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotItem {
    /// The latest time that the server has written anywhere.
    Latest(WallTime),
    /// A client that is remembered.
    Client(ClientRecord),
    /// A piece of the register.
    Register(RegisterItem),
    /// A client that is kept until its start lies in the past, because the clock was set back.
    KeptUntilPast(ClientId),
    /// A piece of who may do what.
    People(PeopleItem),
    /// A client that is remembered, of another pool than the strangers'.
    ClientOf {
        /// The pool.
        pool: Pool,
        /// The client.
        client: ClientRecord,
    },
    /// A piece of the rosters.
    Roster(RosterItem),
    /// A piece of what open roll calls have beside their marks.
    Proceedings(ProceedingsItem),
}

/// Some items of a snapshot. Parts of the same snapshot follow each other; together they are the
/// state after exactly their batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPart {
    /// The batch.
    pub batch: u64,
    /// In the order in which a server takes them back.
    pub items: Vec<SnapshotItem>,
    /// Whether the snapshot is whole with this part.
    pub is_last: bool,
}

/// Takes what a journal yields at a start: the items of the last snapshot, then the records of the
/// batches after it, one by one and in order.
pub trait Recovery {
    /// An item of the snapshot.
    ///
    /// # Errors
    /// If it contradicts the items before it: the journal is damaged.
    fn restore(&mut self, item: SnapshotItem) -> Result<(), Contradiction>;

    /// A record of a batch.
    ///
    /// # Errors
    /// If it contradicts what came before it: the journal is damaged.
    fn replay(&mut self, record: Record) -> Result<(), Contradiction>;

    /// That was all, and it ends with this batch: the next one gets the next number.
    fn resume_after(&mut self, batch: u64);
}
