//! The kinds of datagrams.

use std::fmt;

/// The kind of a datagram: its fourth byte. Requests are below 0x80, what answers them is above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`exchange` and the specification tell each one")]
pub enum Kind {
    Open,
    Close,
    Mark,
    Join,
    Act,
    Plan,
    Extend,
    Reopen,
    Deliver,
    Correct,
    Enrol,
    Status,
    Sheets,
    Files,
    File,
    Pull,
    People,
    Acts,
    Room,
    Mine,
    Spot,
    Roster,
    Watch,
    Revisions,
    Tally,
    Hello,
    Sealed,
    Opened,
    Closed,
    Marked,
    Refused,
    Joined,
    Acted,
    Extended,
    Corrected,
    Enrolled,
    StatusList,
    SheetList,
    FileList,
    FileInfo,
    Pulled,
    Cookie,
    PersonList,
    ActList,
    RoomState,
    MineList,
    SpotList,
    RosterInfo,
    Watched,
    RevisionList,
    Tallied,
    Stale,
    BeginAgain,
    Busy,
    Revoked,
    Renew,
    Retry,
    Welcome,
    SealedReply,
    Versions,
}

impl Kind {
    /// Every kind with its byte on the wire and its name in the specification.
    pub const TABLE: [(Self, u8, &'static str); 60] = [
        (Self::Open, 0x01, "OPEN"),
        (Self::Close, 0x02, "CLOSE"),
        (Self::Mark, 0x03, "MARK"),
        (Self::Join, 0x04, "JOIN"),
        (Self::Act, 0x05, "ACT"),
        (Self::Plan, 0x06, "PLAN"),
        (Self::Extend, 0x07, "EXTEND"),
        (Self::Reopen, 0x08, "REOPEN"),
        (Self::Deliver, 0x09, "DELIVER"),
        (Self::Correct, 0x0a, "CORRECT"),
        (Self::Enrol, 0x0b, "ENROL"),
        (Self::Status, 0x11, "STATUS"),
        (Self::Sheets, 0x12, "SHEETS"),
        (Self::Files, 0x13, "FILES"),
        (Self::File, 0x14, "FILE"),
        (Self::Pull, 0x15, "PULL"),
        (Self::People, 0x16, "PEOPLE"),
        (Self::Acts, 0x17, "ACTS"),
        (Self::Room, 0x18, "ROOM"),
        (Self::Mine, 0x19, "MINE"),
        (Self::Spot, 0x1a, "SPOT"),
        (Self::Roster, 0x1b, "ROSTER"),
        (Self::Watch, 0x1c, "WATCH"),
        (Self::Revisions, 0x1d, "REVISIONS"),
        (Self::Tally, 0x1e, "TALLY"),
        (Self::Hello, 0x7d, "HELLO"),
        (Self::Sealed, 0x7e, "SEALED"),
        (Self::Opened, 0x81, "OPENED"),
        (Self::Closed, 0x82, "CLOSED"),
        (Self::Marked, 0x83, "MARKED"),
        (Self::Refused, 0x84, "REFUSED"),
        (Self::Joined, 0x85, "JOINED"),
        (Self::Acted, 0x86, "ACTED"),
        (Self::Extended, 0x87, "EXTENDED"),
        (Self::Corrected, 0x88, "CORRECTED"),
        (Self::Enrolled, 0x89, "ENROLLED"),
        (Self::StatusList, 0x91, "STATUS_LIST"),
        (Self::SheetList, 0x92, "SHEET_LIST"),
        (Self::FileList, 0x93, "FILE_LIST"),
        (Self::FileInfo, 0x94, "FILE_INFO"),
        (Self::Pulled, 0x95, "PULLED"),
        (Self::Cookie, 0x96, "COOKIE"),
        (Self::PersonList, 0x97, "PERSON_LIST"),
        (Self::ActList, 0x98, "ACT_LIST"),
        (Self::RoomState, 0x99, "ROOM_STATE"),
        (Self::MineList, 0x9a, "MINE_LIST"),
        (Self::SpotList, 0x9b, "SPOT_LIST"),
        (Self::RosterInfo, 0x9c, "ROSTER_INFO"),
        (Self::Watched, 0x9d, "WATCHED"),
        (Self::RevisionList, 0x9e, "REVISION_LIST"),
        (Self::Tallied, 0x9f, "TALLIED"),
        (Self::Stale, 0xa1, "STALE"),
        (Self::BeginAgain, 0xa2, "BEGIN_AGAIN"),
        (Self::Busy, 0xa3, "BUSY"),
        (Self::Revoked, 0xa4, "REVOKED"),
        (Self::Renew, 0xfb, "RENEW"),
        (Self::Retry, 0xfc, "RETRY"),
        (Self::Welcome, 0xfd, "WELCOME"),
        (Self::SealedReply, 0xfe, "SEALED_REPLY"),
        (Self::Versions, 0xff, "VERSIONS"),
    ];

    /// Its byte on the wire.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.row().1
    }

    /// Whether it belongs to sealed datagrams, which are not read in plain frames.
    #[must_use]
    pub fn is_sealed(self) -> bool {
        use Kind::{Hello, Renew, Retry, Sealed, SealedReply, Welcome};
        matches!(self, Hello | Sealed | Renew | Retry | Welcome | SealedReply)
    }

    /// Its name in the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, u8, &'static str) {
        let row = Self::TABLE[self as usize];
        debug_assert_eq!(row.0, self);
        row
    }

    /// The kind with this byte, if there is one.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::TABLE.into_iter().find(|row| row.1 == byte).map(|row| row.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
