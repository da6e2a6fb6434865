//! What may be asked of a roll call, and what came of it.
//!
//! An [`Operation`] changes something and has one [`Outcome`] for ever; a [`Query`] only reads.

use serde::{Deserialize, Serialize};

use crate::ids::{
    ClassId, ContentId, Cookie, FileKey, FileName, RollCallId, RollCallNumber, StudentNumber,
};
use crate::limits::{
    BLOCK_BYTES, FILE_BYTES_MAX, MARKS_PER_ROLL_CALL_MAX, STUDENT_LENGTH_MAX_BYTES,
};
use crate::time::WallTime;

/// A request that may change the register. It is executed at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Begin the roll call of a class.
    Open {
        /// The class.
        class: ClassId,
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
    },
}

impl Operation {
    /// The class that it is about.
    #[must_use]
    pub fn class(&self) -> ClassId {
        match *self {
            Self::Open { class } | Self::Close { class } | Self::Mark { class, .. } => class,
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
}

/// A request for blocks of an object. Nothing is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The object.
    pub object: ContentId,
    /// What proves the client's address.
    pub cookie: Cookie,
    /// The first block that is wanted.
    pub first: u32,
    /// Which of the 64 blocks from `first` on are wanted: bit 0 is `first`, and always set.
    pub wanted: u64,
}

impl Pull {
    /// Whether it names at least `first`, and no block past the last that there can be.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        // R-PULL-1
        self.wanted & 1 == 1 && self.first.checked_add(span(self.wanted) - 1).is_some()
    }

    /// The blocks that are wanted, in order.
    pub fn blocks(self) -> impl Iterator<Item = u32> {
        blocks(self.first, self.wanted)
    }
}

/// The blocks that such a map names, in order.
pub(crate) fn blocks(first: u32, map: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |bit| map & 1 << bit != 0).map(move |bit| first + bit)
}

/// How many blocks lie between the first and the last that such a map names, with both.
pub(crate) fn span(map: u64) -> u32 {
    u64::BITS - map.leading_zeros()
}

/// An object in brief: how to fetch and check it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its size, at most [`FILE_BYTES_MAX`].
    pub bytes: u64,
    /// The name of its content.
    pub content: ContentId,
}

impl FileInfo {
    /// How many blocks it has.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        let blocks = self.bytes.min(FILE_BYTES_MAX).div_ceil(BLOCK_BYTES as u64);
        u32::try_from(blocks).expect("FILE_BYTES_MAX is counted in u32")
    }
}

impl From<SheetInfo> for FileInfo {
    fn from(sheet: SheetInfo) -> Self {
        Self { bytes: sheet.bytes.into(), content: sheet.content }
    }
}

/// How it stands with a file that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// No such file is offered.
    Absent,
    /// It is being read to find the name of its content: ask again.
    Reading {
        /// The bytes that have been read.
        done: u64,
        /// The bytes that it has.
        bytes: u64,
    },
    /// It can be fetched.
    Ready(FileInfo),
}

/// An offered file in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name.
    pub name: FileName,
    /// Its size.
    pub bytes: u64,
}

/// A part of the list of offered files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList {
    /// How many there are in all.
    pub total: u32,
    /// Those from the one on that was asked for, as many as the answer has room for.
    pub files: Vec<FileEntry>,
}

/// What an operation led to. Kept for its client, so that a retry gets the same bytes.
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
    /// The roll call of the class is closed and its sheet is made.
    Closed {
        /// The sheet. Boxed because it is three times as large as the rest and rare.
        sheet: Box<SheetInfo>,
        /// True if an earlier request had closed it.
        already_closed: bool,
    },
    /// The student is on the register.
    Marked {
        /// The class.
        class: ClassId,
        /// When the first mark of this student was recorded.
        at: WallTime,
        /// True if the student had been marked before.
        already_present: bool,
    },
    /// The mark was refused: on the wire, the same answer with class zero.
    MarkRefused {
        /// When it was refused.
        at: WallTime,
        /// Why.
        reason: Refusal,
    },
    /// An opening or a close was refused.
    Refused {
        /// When it was refused.
        at: WallTime,
        /// Why.
        reason: Refusal,
    },
    /// The client's clock is ahead of the server's by more than the window. It is an outcome, and
    /// kept like one, because the same datagram might look punctual when it arrives again later.
    ClockSkew {
        /// The server's clock when it first saw the request.
        server_time: WallTime,
    },
}

/// Why an operation was refused. The numbers are those of the wire and the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Refusal {
    /// The class has no open roll call.
    NotOpen,
    /// The class never had a roll call, so there is no sheet to give again.
    NeverOpened,
    /// The roll call has as many students as this server holds for one.
    RollCallFull,
    /// As many roll calls are open as this server holds at once.
    TooManyOpen,
    /// This server has seen as many different classes as it keeps.
    TooManyClasses,
    /// The server's disk has too little room left to begin another roll call.
    DiskLow,
}

impl Refusal {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 6] = [
        Self::NotOpen,
        Self::NeverOpened,
        Self::RollCallFull,
        Self::TooManyOpen,
        Self::TooManyClasses,
        Self::DiskLow,
    ];

    /// The word for it in `--json`, logs and the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotOpen => "not_open",
            Self::NeverOpened => "never_opened",
            Self::RollCallFull => "roll_call_full",
            Self::TooManyOpen => "too_many_open",
            Self::TooManyClasses => "too_many_classes",
            Self::DiskLow => "disk_low",
        }
    }
}

impl From<Refusal> for u8 {
    fn from(refusal: Refusal) -> u8 {
        match refusal {
            Refusal::NotOpen => 1,
            Refusal::NeverOpened => 2,
            Refusal::RollCallFull => 3,
            Refusal::TooManyOpen => 4,
            Refusal::TooManyClasses => 5,
            Refusal::DiskLow => 6,
        }
    }
}

/// A number that names no refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the number of a refusal")]
pub struct UnknownRefusal(u8);

impl TryFrom<u8> for Refusal {
    type Error = UnknownRefusal;

    fn try_from(number: u8) -> Result<Self, UnknownRefusal> {
        Self::ALL.into_iter().find(|&it| u8::from(it) == number).ok_or(UnknownRefusal(number))
    }
}

/// A closed sheet in brief: whose it is, and how to fetch and check the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetInfo {
    /// The class.
    pub class: ClassId,
    /// Which roll call of the class it is of, counted from 1.
    pub number: RollCallNumber,
    /// When its roll call was opened.
    pub opened_at: WallTime,
    /// When it was closed.
    pub closed_at: WallTime,
    /// How many students are on it.
    pub students: u32,
    /// The size of its canonical bytes.
    pub bytes: u32,
    /// The name of its canonical bytes.
    pub content: ContentId,
}

impl SheetInfo {
    /// Whether a sheet of so many students can have so many bytes, and a client is willing to keep so
    /// many students. What a server announces is not believed beyond this (R-SHEET-4).
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let students = u64::from(self.students);
        let least = Self::HEAD_MIN_BYTES + students * Self::MARK_MIN_BYTES;
        let most = Self::HEAD_MAX_BYTES + students * Self::MARK_MAX_BYTES;
        self.students <= MARKS_PER_ROLL_CALL_MAX && (least..=most).contains(&u64::from(self.bytes))
    }

    // Class, two times, and the number of marks, each as a varint of one byte or at its longest.
    const HEAD_MIN_BYTES: u64 = 4;
    const HEAD_MAX_BYTES: u64 = 5 + 7 + 7 + 5;
    // A student number with its length, and a time.
    const MARK_MIN_BYTES: u64 = 2 + 1;
    const MARK_MAX_BYTES: u64 = 1 + STUDENT_LENGTH_MAX_BYTES as u64 + 7;
}

/// An open roll call in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRollCall {
    /// The class.
    pub class: ClassId,
    /// When it was opened.
    pub opened_at: WallTime,
    /// How many students have answered so far.
    pub present: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_keeps_its_number() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::try_from(u8::from(refusal)), Ok(refusal));
        }
        assert_eq!(Refusal::try_from(0), Err(UnknownRefusal(0)));
        assert_eq!(Refusal::try_from(7), Err(UnknownRefusal(7)));
    }

    // spec: R-SHEET-4
    #[test]
    fn a_sheet_is_as_long_as_its_marks_can_be() {
        let info = |students, bytes| SheetInfo {
            class: ClassId::new(1).unwrap(),
            number: RollCallNumber::FIRST,
            opened_at: WallTime::MAX,
            closed_at: WallTime::MAX,
            students,
            bytes,
            content: ContentId::of(b"a sheet"),
        };
        for (students, least, most) in [(0, 4, 24), (1, 7, 64), (2_000_000, 6_000_004, 80_000_024)]
        {
            assert!(info(students, least).is_plausible() && info(students, most).is_plausible());
            assert!(!info(students, least - 1).is_plausible(), "{students} students");
            assert!(!info(students, most + 1).is_plausible(), "{students} students");
        }
        assert!(!info(2_000_001, 50_000_000).is_plausible(), "more than a client keeps");
        assert!(!info(3, u32::MAX).is_plausible());
        assert!(!info(u32::MAX, u32::MAX).is_plausible());
    }
}
