//! `SHEETS` → `SHEET_LIST`: the closed roll calls of a class in brief.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::ids::{ClassId, ContentId, RollCallNumber};
use crate::limits::{
    DATAGRAM_MAX_BYTES, MARKS_PER_ROLL_CALL_MAX, ROSTER_MAX, SEALED_ROOM_BYTES,
    SHEET_REQUEST_MIN_BYTES, STUDENT_LENGTH_MAX_BYTES, TRAIL_MAX,
};
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `SHEETS`.
#[derive(Serialize, Deserialize)]
pub(super) struct Sheets {
    pub(super) class: ClassId,
    pub(super) at_most: RollCallNumber,
}

/// `SHEET_LIST`: closed sheets of the class, the highest number first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetList {
    /// As many as the answer has room for.
    pub sheets: Vec<SheetInfo>,
    /// True if there are more below the last one.
    pub more: bool,
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
        let most =
            Self::HEAD_MAX_BYTES + students * Self::MARK_MAX_BYTES + Self::SUPPLEMENT_MAX_BYTES;
        self.students <= MARKS_PER_ROLL_CALL_MAX && (least..=most).contains(&u64::from(self.bytes))
    }

    // Class, two times, and the number of marks, each as a varint of one byte or at its longest; the form
    // before them and the number of remarks after them.
    const HEAD_MIN_BYTES: u64 = 4;
    const HEAD_MAX_BYTES: u64 = 2 + 5 + 7 + 7 + 5 + 5;
    // A whole roster, a whole trail with a standing for each entry, and a little more.
    const SUPPLEMENT_MAX_BYTES: u64 = 200 * ROSTER_MAX as u64 + 400 * TRAIL_MAX as u64 + 1_024;
    // A student number with its length, and a time; a place and what is remarked there; a place and when it was
    // pressed.
    const MARK_MIN_BYTES: u64 = 2 + 1;
    const MARK_MAX_BYTES: u64 = 1 + STUDENT_LENGTH_MAX_BYTES as u64 + 7 + (5 + 1) + (5 + 7);
}

impl Message for Sheets {
    const KIND: Kind = Kind::Sheets;
}

impl Question for Sheets {
    const DATAGRAM_MIN_BYTES: usize = SHEET_REQUEST_MIN_BYTES;

    /// A list asks for as much room as there can be.
    fn padded_bytes(&self) -> usize {
        DATAGRAM_MAX_BYTES
    }
}

impl Message for SheetList {
    const KIND: Kind = Kind::SheetList;
}

max_bytes! {
    SheetInfo: ClassId, RollCallNumber, WallTime, WallTime, u32, u32, ContentId;
}
const _: () = assert!(capacity(SHEET_REQUEST_MIN_BYTES) >= 1);

impl From<Sheets> for Ask {
    fn from(Sheets { class, at_most }: Sheets) -> Self {
        Self::Read(Query::Sheets { class, at_most })
    }
}

impl From<SheetList> for Answer {
    fn from(list: SheetList) -> Self {
        Self::Sheets(list)
    }
}

/// How many sheets the answer to a `SHEETS` of this length has room for, counted with every number at
/// its longest.
#[must_use]
pub const fn capacity(request_bytes: usize) -> usize {
    /// Their number, which is below 2^7, and whether there are more.
    const REST_MAX_BYTES: usize = REPLY_REST_MAX_BYTES + 1 + bool::MAX_BYTES;
    let bytes = if request_bytes < DATAGRAM_MAX_BYTES { request_bytes } else { DATAGRAM_MAX_BYTES };
    bytes.saturating_sub(REST_MAX_BYTES) / SheetInfo::MAX_BYTES
}

/// Whether this answers the question for the sheets of that class from that number down.
pub(super) fn fits(class: ClassId, at_most: RollCallNumber, answer: &Answer) -> bool {
    let Answer::Sheets(SheetList { sheets, more }) = answer else { return false };
    // R-SHEET-9
    let falls = sheets.windows(2).all(|pair| pair[0].number > pair[1].number);
    let fits = |it: &SheetInfo| it.class == class && it.number <= at_most;
    // A page that is not the last one is full (R-SHEET-8): a list ends.
    let is_full = sheets.len() >= capacity(SEALED_ROOM_BYTES);
    falls && sheets.iter().all(fits) && (is_full || !more)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (students, least, most) in
            [(0, 4, 21_639_455), (1, 7, 21_639_513), (2_000_000, 6_000_004, 137_639_455)]
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
