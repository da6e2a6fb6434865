//! The exchanges, told as conversations. The client always speaks first; the server only answers,
//! and answers each datagram at most once.
//!
//! ```text
//!  client                                     server
//!    │ OPEN  ──────────────────────────────────▶ │  a teacher begins a roll call
//!    │ ◀────────────────────────── OPENED        │  or REFUSED
//!    │ MARK  ──────────────────────────────────▶ │  a student answers
//!    │ ◀────────────────────────── MARKED        │  class zero: refused
//!    │ CLOSE ──────────────────────────────────▶ │  a teacher ends it
//!    │ ◀────────────────────────── CLOSED        │  names the sheet; or REFUSED
//!    │ JOIN  ──────────────────────────────────▶ │  a device uses an invite
//!    │ ◀────────────────────────── JOINED        │  or REFUSED
//!    │ ACT   ──────────────────────────────────▶ │  an admin changes who may do what
//!    │ ◀────────────────────────── ACTED         │  or REFUSED
//!    │ PLAN ───────────────────────────────────▶ │  a teacher begins one that closes by itself
//!    │ ◀────────────────────────── OPENED        │  or REFUSED
//!    │ EXTEND ─────────────────────────────────▶ │  a teacher moves its end
//!    │ ◀────────────────────────── EXTENDED      │  or REFUSED
//!    │ REOPEN ─────────────────────────────────▶ │  a teacher takes a close back
//!    │ ◀────────────────────────── OPENED        │  or REFUSED
//!    │ DELIVER ────────────────────────────────▶ │  a student answered some time ago
//!    │ ◀────────────────────────── MARKED        │  class zero: refused
//!    │ CORRECT ────────────────────────────────▶ │  a teacher corrects what a student was
//!    │ ◀────────────────────────── CORRECTED     │  or REFUSED
//!    │ ENROL ──────────────────────────────────▶ │  a teacher changes the roster of a class
//!    │ ◀────────────────────────── ENROLLED      │  or REFUSED
//!    │ STATUS ─────────────────────────────────▶ │  what is open?
//!    │ ◀────────────────────────── STATUS_LIST   │
//!    │ SHEETS ─────────────────────────────────▶ │  which sheets has a class?
//!    │ ◀────────────────────────── SHEET_LIST    │
//!    │ FILES ──────────────────────────────────▶ │  which files are offered?
//!    │ ◀────────────────────────── FILE_LIST     │
//!    │ FILE ───────────────────────────────────▶ │  what is in that one?
//!    │ ◀────────────────────────── FILE_INFO     │
//!    │ PULL ───────────────────────────────────▶ │  many blocks of a sheet or a file
//!    │ ◀────────────────────────── PULLED        │  each; or COOKIE: prove your address first
//! ```
//!
//! `PEOPLE`, `ACTS`, `ROOM`, `MINE`, `SPOT`, `ROSTER`, `WATCH`, `REVISIONS` and `TALLY` are questions that not everybody is answered.
//!
//! Instead of its answer a request may get a verdict on the asking itself: `STALE`, `BEGIN_AGAIN`,
//! `BUSY`, `REVOKED`, or `VERSIONS`.
//!
//! A lost request or a lost answer looks the same to the client, and the cure is the same: the
//! same bytes again, with only the attempt number changed.
//!
//! One file an exchange: its request, its answer, their messages on the wire, which answers fit, and
//! how the server counts it. Here is what dispatches to them, a line each. An [`Operation`] changes
//! something and has one [`Outcome`] for ever; a [`Query`] only reads, and so does a [`Pull`].

mod act;
pub mod acts;
mod close;
mod correct;
mod deliver;
mod extend;
pub mod file;
pub mod files;
mod join;
mod mark;
mod message;
pub mod mine;
mod open;
pub mod people;
mod plan;
mod pull;
mod refusal;
mod reopen;
pub mod revisions;
mod room;
mod roster;
pub mod sheets;
mod spot;
pub mod status;
mod stored;
mod tally;
mod verdict;
mod watch;

use serde::{Deserialize, Serialize};

pub use act::{Act, Acted};
pub use acts::{ActList, ActRecord, Deed};
pub use close::Closed;
pub use correct::Corrected;
pub use extend::Extended;
pub use file::{FileInfo, FileState};
pub use files::{FileEntry, FileList};
pub use join::Joined;
pub use mark::{Arrived, Marked};
pub use message::{
    Received, Reply, Request, decode_reply, decode_request, encode_pulled, encode_reply,
    encode_request,
};
pub(crate) use message::{decode_bare_reply, decode_bare_request, encode_bare_request};
pub use mine::{MineList, MyMark};
pub use open::Opened;
pub use people::{PersonList, StaffDevice};
pub use pull::{Pull, Pulled};
pub(crate) use pull::{blocks, span};
pub use refusal::{Refusal, Refused, UnknownRefusal};
pub use revisions::{Revision, RevisionList};
pub use room::RoomState;
pub use roster::{Enrolled, RosterInfo};
pub use sheets::{SheetInfo, SheetList};
pub use spot::{Drawn, SpotList};
pub use status::{OpenRollCall, StatusList};
pub use tally::Tallied;
pub use verdict::{BeginAgain, Busy};
pub use watch::{Watched, WatchedEntry};

use crate::access::{InviteCode, InviteId, RoomCode, Terms};
use crate::attendance::{Correction, Plan, RosterChange};
use crate::ids::{
    ActNumber, ClassId, Cookie, DeviceId, FileKey, RollCallId, RollCallNumber, StudentNumber,
};
use crate::stats::Counter;
use crate::time::WallTime;

/// A request that may change something. It is executed at most once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::Operation", into = "stored::Operation")]
pub enum Operation {
    /// Begin the roll call of a class.
    Open {
        /// The class.
        class: ClassId,
        /// Under which terms.
        terms: Terms,
    },
    /// End the roll call of a class and make its sheet.
    Close {
        /// The class.
        class: ClassId,
    },
    /// A student answers.
    Mark {
        /// The class whose roll call is answered.
        class: ClassId,
        /// Who answers.
        student: StudentNumber,
        /// The code that is shown in the room, as the student read it.
        code: Option<RoomCode>,
    },
    /// Use an invite.
    Join {
        /// Its secret. It is not kept.
        code: InviteCode,
    },
    /// Change who may do what.
    Act(Act),
    /// As `Open`, with a plan that is not the usual one.
    OpenWith {
        /// The class.
        class: ClassId,
        /// Under which terms.
        terms: Terms,
        /// How it is to go.
        plan: Plan,
    },
    /// Move the end of the open roll call of a class, and when who answers is late if that is not yet.
    Extend {
        /// The class.
        class: ClassId,
        /// By so many seconds.
        seconds: u32,
    },
    /// Open the last roll call of a class again, which was closed by mistake.
    Reopen {
        /// The class.
        class: ClassId,
    },
    /// As `Mark`, some time after it was pressed.
    Deliver {
        /// The class whose roll call is answered.
        class: ClassId,
        /// Who answers.
        student: StudentNumber,
        /// The code that was shown in the room then.
        code: Option<RoomCode>,
        /// How long before this request was first sent, in milliseconds.
        delay_ms: u32,
    },
    /// Correct what a student was.
    Correct {
        /// The class.
        class: ClassId,
        /// What is corrected.
        correction: Box<Correction>,
    },
    /// Change the roster of a class.
    Enrol {
        /// The class.
        class: ClassId,
        /// The changes.
        change: RosterChange,
    },
}

impl Operation {
    /// The class that it is about, if it is about one.
    #[must_use]
    pub fn class(&self) -> Option<ClassId> {
        match *self {
            Self::Open { class, .. }
            | Self::Close { class }
            | Self::Mark { class, .. }
            | Self::OpenWith { class, .. }
            | Self::Extend { class, .. }
            | Self::Reopen { class }
            | Self::Deliver { class, .. }
            | Self::Correct { class, .. }
            | Self::Enrol { class, .. }
            | Self::Act(
                Act::Give { class, .. }
                | Act::Share { class, .. }
                | Act::Call { class, .. }
                | Act::Enrol { class, .. },
            ) => Some(class),
            Self::Join { .. } | Self::Act(_) => None,
        }
    }

    /// Whether this is an answer to it at all.
    fn fits(&self, answer: &Answer) -> bool {
        // R-CLIENT-8
        match *self {
            Self::Open { class, .. } | Self::OpenWith { class, .. } | Self::Reopen { class } => {
                open::fits(class, answer)
            }
            Self::Close { class } => close::fits(class, answer),
            Self::Mark { class, .. } | Self::Deliver { class, .. } => mark::fits(class, answer),
            Self::Join { .. } => join::fits(answer),
            Self::Act(_) => act::fits(answer),
            Self::Extend { class, .. } => extend::fits(class, answer),
            Self::Correct { class, ref correction } => correct::fits(class, correction, answer),
            Self::Enrol { class, .. } => roster::fits_change(class, answer),
        }
    }
}

/// A request that only reads. It may be executed any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// Which roll calls are open, in order of class, from `from` on.
    Status {
        /// The first class to tell about.
        from: ClassId,
    },
    /// The closed sheets of a class in brief, the last one first.
    Sheets {
        /// The class.
        class: ClassId,
        /// The highest number of a roll call to tell about.
        at_most: RollCallNumber,
    },
    /// Which files are offered, in order of name, from the `from`-th on, counted from 0.
    Files {
        /// The first to tell about.
        from: u32,
    },
    /// One offered file: its size and the name of its content.
    File {
        /// Which one.
        file: FileKey,
    },
    /// The devices with a role, in order of their names. Only an admin is told.
    People {
        /// The one that was told about last.
        after: Option<DeviceId>,
    },
    /// What admins and teachers did, the last act first. Only an admin is told.
    Acts {
        /// The highest number to tell about.
        at_most: ActNumber,
    },
    /// What is to be shown of the open roll call of a class. Only its teachers are told.
    Room {
        /// The class.
        class: ClassId,
    },
    /// The marks that were made from the asking device, the last one first.
    Mine {
        /// How many of them were told already.
        skip: u32,
    },
    /// Draw students to be called aloud. Only the teachers of the class are told.
    Spot {
        /// The class.
        class: ClassId,
        /// How many, from 1 to [`SPOT_MAX`](crate::limits::SPOT_MAX).
        count: u8,
    },
    /// The roster of a class in brief. Only its teachers are told.
    Roster {
        /// The class.
        class: ClassId,
    },
    /// The open roll call of a class, and who answered. Only its teachers are told.
    Watch {
        /// The class.
        class: ClassId,
        /// The place of the first entry to tell about, counted from 0.
        from: u32,
    },
    /// The revisions of the sheets of a class in brief, the last one first.
    Revisions {
        /// The class.
        class: ClassId,
        /// The highest number of a roll call to tell about,
        number: RollCallNumber,
        /// and the highest revision of that one.
        revision: u32,
    },
    /// How often a student was there. Only who answers for the number is told, and who holds the class.
    Tally {
        /// In this class.
        class: ClassId,
        /// Who.
        student: StudentNumber,
    },
}

impl Query {
    /// Whether this is an answer to it at all.
    fn fits(&self, answer: &Answer) -> bool {
        match *self {
            Self::Status { from } => status::fits(from, answer),
            Self::Sheets { class, at_most } => sheets::fits(class, at_most, answer),
            Self::Files { from } => files::fits(from, answer),
            Self::File { .. } => file::fits(answer),
            Self::People { after } => people::fits(after, answer),
            Self::Acts { at_most } => acts::fits(at_most, answer),
            Self::Room { class } => room::fits(class, answer),
            Self::Mine { .. } => mine::fits(answer),
            Self::Spot { class, count } => spot::fits(class, count, answer),
            Self::Roster { class } => roster::fits(class, answer),
            Self::Watch { class, from } => watch::fits(class, from, answer),
            Self::Revisions { class, number, revision } => {
                revisions::fits(class, (number, revision), answer)
            }
            Self::Tally { class, student } => tally::fits(class, student, answer),
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Something that may change the register.
    Perform {
        /// The client's clock when it drew its client id.
        started: WallTime,
        /// What to do.
        operation: Operation,
    },
    /// Something to read.
    Read(Query),
    /// Blocks of an object.
    Pull(Pull),
}

impl Ask {
    /// The operation, if it is one.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Perform { operation, .. } => Some(operation),
            Self::Read(_) | Self::Pull(_) => None,
        }
    }

    /// Whether this is an answer to it at all, and not one to something else. Verdicts are none.
    #[must_use]
    pub fn fits(&self, answer: &Answer) -> bool {
        match self {
            Self::Perform { operation, .. } => operation.fits(answer),
            Self::Read(query) => query.fits(answer),
            Self::Pull(_) => matches!(answer, Answer::Pulled(_) | Answer::Cookie(_)),
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `OPENED`.
    Opened(Opened),
    /// `CLOSED`.
    Closed(Closed),
    /// `MARKED`.
    Marked(Marked),
    /// `MARKED` of somebody who is late, or is not on the roster.
    Arrived(Arrived),
    /// `EXTENDED`.
    Extended(Extended),
    /// `CORRECTED`.
    Corrected(Corrected),
    /// `ENROLLED`.
    Enrolled(Enrolled),
    /// `ROSTER_INFO`.
    Roster(RosterInfo),
    /// `WATCHED`. Boxed because it is larger than the rest.
    Watched(Box<Watched>),
    /// `REVISION_LIST`.
    Revisions(RevisionList),
    /// `TALLIED`.
    Tallied(Tallied),
    /// `MARKED` with class zero: the mark was refused.
    MarkRefused(Refused),
    /// `REFUSED`: an opening, a close, an invite, an act or a question was refused.
    Refused(Refused),
    /// `JOINED`.
    Joined(Joined),
    /// `ACTED`.
    Acted(Acted),
    /// `STATUS_LIST`.
    Status(StatusList),
    /// `SHEET_LIST`.
    Sheets(SheetList),
    /// `FILE_LIST`: the offered files; nothing if this server offers none.
    Files(Option<FileList>),
    /// `FILE_INFO`.
    File(FileState),
    /// `PULLED`.
    Pulled(Pulled),
    /// `COOKIE`: the address has not proved itself; with this it can.
    Cookie(Cookie),
    /// `PERSON_LIST`.
    People(PersonList),
    /// `ACT_LIST`.
    Acts(ActList),
    /// `ROOM_STATE`.
    Room(RoomState),
    /// `MINE_LIST`.
    Mine(MineList),
    /// `SPOT_LIST`.
    Spot(SpotList),
    /// `STALE`: the number is older than the client's last one, or leaves one out.
    Stale,
    /// `BEGIN_AGAIN`.
    BeginAgain(BeginAgain),
    /// `BUSY`.
    Busy(Busy),
    /// `REVOKED`: the device may do nothing here any more.
    Revoked,
}

/// What an operation led to. Kept for its client, so that a retry gets the same bytes.
///
/// Each is the answer that it is sent as, but for two, of which a client is told less or otherwise
/// than the journal keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The roll call of the class is open.
    Opened {
        /// The class.
        class: ClassId,
        /// Which roll call; not sent, but the journal's rows carry it.
        roll_call: RollCallId,
        /// Which roll call of its class it is, counted from 1; not sent either.
        number: RollCallNumber,
        /// When it was opened, by this request or by an earlier one.
        opened_at: WallTime,
        /// True if an earlier request had opened it.
        already_open: bool,
    },
    /// The roll call of the class is closed and its sheet is made. Boxed because it is three times as
    /// large as the rest and rare.
    Closed(Box<Closed>),
    /// The student is on the register.
    Marked(Marked),
    /// The mark was refused.
    MarkRefused(Refused),
    /// Something else than a mark was refused.
    Refused(Refused),
    /// The client's clock is ahead of the server's by more than the window. It is an outcome, and
    /// kept like one, because the same datagram might look punctual when it arrives again later.
    ClockSkew {
        /// The server's clock when it first saw the request.
        server_time: WallTime,
    },
    /// The device is what its invite says.
    Joined {
        /// The invite, under the name by which it is kept; not sent.
        invite: InviteId,
        /// What is sent.
        joined: Box<Joined>,
    },
    /// The act is done.
    Acted(Acted),
    /// The student is on the register, and is late or not on the roster.
    Arrived(Arrived),
    /// The end of the roll call is moved.
    Extended(Extended),
    /// The roll call is open again.
    Reopened {
        /// When; not sent.
        at: WallTime,
        /// The class.
        class: ClassId,
        /// Which roll call; not sent.
        roll_call: RollCallId,
        /// Which of its class; not sent.
        number: RollCallNumber,
        /// When it was first opened.
        opened_at: WallTime,
    },
    /// The student is what was asked for.
    Corrected {
        /// What is sent.
        corrected: Corrected,
        /// The new revision, if the roll call is closed and something was changed; not sent.
        revised: Option<Box<SheetInfo>>,
    },
    /// The roster is changed.
    Enrolled(Enrolled),
}

impl Answer {
    /// The mark that it is the receipt of, if it is one: also that of a student who is late or not on
    /// the roster.
    #[must_use]
    pub fn marked(&self) -> Option<Marked> {
        match *self {
            Self::Marked(marked) | Self::Arrived(Arrived { marked, .. }) => Some(marked),
            _ => None,
        }
    }
}

impl Outcome {
    /// The mark that it tells of, if it is one.
    #[must_use]
    pub fn marked(&self) -> Option<Marked> {
        match *self {
            Self::Marked(marked) | Self::Arrived(Arrived { marked, .. }) => Some(marked),
            _ => None,
        }
    }

    /// How the server counts it.
    #[must_use]
    pub fn counter(&self) -> Counter {
        match *self {
            Self::Opened { already_open, .. } => open::counter(already_open),
            Self::Closed(ref closed) => close::counter(closed.already_closed),
            Self::Marked(marked) => mark::counter(marked.already_present),
            Self::MarkRefused(refused) | Self::Refused(refused) => refused.reason.into(),
            Self::ClockSkew { .. } => Counter::ClockAhead,
            Self::Joined { .. } => Counter::Joined,
            Self::Acted(_) => Counter::Acted,
            Self::Arrived(arrived) => mark::counter(arrived.marked.already_present),
            Self::Extended(_) => Counter::Extended,
            Self::Reopened { .. } => Counter::Reopened,
            Self::Corrected { .. } => Counter::Corrected,
            Self::Enrolled(_) => Counter::Enrolled,
        }
    }
}

impl From<&Outcome> for Answer {
    fn from(outcome: &Outcome) -> Self {
        match *outcome {
            Outcome::Opened { class, opened_at, already_open, .. } => {
                Self::Opened(Opened { class, opened_at, already_open })
            }
            Outcome::Closed(ref closed) => Self::Closed(**closed),
            Outcome::Marked(marked) => Self::Marked(marked),
            Outcome::MarkRefused(refused) => Self::MarkRefused(refused),
            Outcome::Refused(refused) => Self::Refused(refused),
            Outcome::Joined { ref joined, .. } => Self::Joined(**joined),
            Outcome::Acted(acted) => Self::Acted(acted),
            Outcome::Arrived(arrived) => Self::Arrived(arrived),
            Outcome::Extended(extended) => Self::Extended(extended),
            Outcome::Reopened { class, opened_at, .. } => {
                Self::Opened(Opened { class, opened_at, already_open: false })
            }
            Outcome::Corrected { corrected, .. } => Self::Corrected(corrected),
            Outcome::Enrolled(enrolled) => Self::Enrolled(enrolled),
            Outcome::ClockSkew { server_time } => {
                Self::BeginAgain(BeginAgain { server_time: Some(server_time) })
            }
        }
    }
}
