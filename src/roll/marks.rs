//! The marks of a roll call, in the bytes that they have on its sheet.
//!
//! Owns those bytes while the roll call is open ([`Marks`]) and when it is closed ([`SheetBytes`]).
//! Invariants: a mark never moves, so that its position names it for ever; before the first mark is
//! room for the head of the sheet, so that a close writes the head and copies no mark.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::sheet::Mark;
use crate::exchange::SheetInfo;
use crate::ids::{ClassId, ContentId};
use crate::time::WallTime;

/// What stands on a sheet before the marks: the fields, and how many marks follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) class: ClassId,
    pub(super) opened_at: WallTime,
    pub(super) closed_at: WallTime,
    pub(super) students: u32,
}

impl Head {
    /// No head is longer: two numbers of 32 bits and two times below [`WallTime::MAX`], in groups of
    /// seven bits.
    const MAX_BYTES: usize = 5 + 7 + 7 + 5;

    /// The head of the sheet that is told so in brief.
    pub(super) fn of(info: &SheetInfo) -> Self {
        let SheetInfo { class, opened_at, closed_at, students, .. } = *info;
        Self { class, opened_at, closed_at, students }
    }

    fn write(self, space: &mut [u8; Self::MAX_BYTES]) -> &[u8] {
        postcard::to_slice(&self, space).expect("the longest head fits")
    }
}

const _: () = assert!(WallTime::MAX.as_millis() < 1 << 49);
const _: () = assert!(Marks::FIRST as usize == Head::MAX_BYTES);

/// The marks of an open roll call, in order of arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// Empty, or room for the head and then the marks.
    bytes: Vec<u8>,
    count: u32,
}

impl Marks {
    /// The position of the first mark.
    pub(super) const FIRST: u32 = 24;
    /// No mark is longer: a length of one byte, a student number, and a time.
    const MARK_MAX_BYTES: usize = 40;

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// The position that the next mark gets.
    pub(super) fn end(&self) -> u32 {
        position(self.bytes.len().max(Head::MAX_BYTES))
    }

    /// Appends a mark.
    pub(super) fn push(&mut self, mark: &Mark) {
        if self.bytes.is_empty() {
            self.bytes.resize(Head::MAX_BYTES, 0);
        }
        let mut space = [0; Self::MARK_MAX_BYTES];
        let written = postcard::to_slice(mark, &mut space).expect("the longest mark fits");
        self.bytes.extend_from_slice(written);
        self.count += 1;
    }

    /// The mark at a position.
    pub(super) fn at(&self, position: u32) -> Mark {
        read(&self.bytes[position as usize..]).0
    }

    /// Whether the mark at a position is of the student with this number.
    pub(super) fn is_of(&self, position: u32, student: &[u8]) -> bool {
        // A text is its length, which is one byte here, and then its bytes.
        let mark = &self.bytes[position as usize..];
        usize::from(mark[0]) == student.len() && mark[1..].starts_with(student)
    }

    /// The marks in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Mark> + '_ {
        self.from(Marks::FIRST).map(|(mark, _)| mark)
    }

    /// The marks from a position on, each with the position after it.
    pub(super) fn from(&self, position: u32) -> impl Iterator<Item = (Mark, u32)> + '_ {
        walk(&self.bytes, position)
    }

    /// Length and name of the sheet that these marks make under this head.
    pub(super) fn name(&self, head: Head) -> (u32, ContentId) {
        let mut space = [0; Head::MAX_BYTES];
        let head = head.write(&mut space);
        let marks = self.bytes.get(Head::MAX_BYTES..).unwrap_or_default();
        let hash = Sha256::new().chain_update(head).chain_update(marks).finalize();
        let bytes = u32::try_from(head.len() + marks.len());
        // R-SHEET-1
        let content = ContentId::from_bytes(hash.into());
        (bytes.expect("bounded by MARKS_PER_ROLL_CALL_MAX"), content)
    }

    /// The sheet under this head.
    pub(super) fn close(mut self, head: Head) -> SheetBytes {
        self.bytes.resize(self.bytes.len().max(Head::MAX_BYTES), 0);
        let mut space = [0; Head::MAX_BYTES];
        let head = head.write(&mut space);
        let start = Head::MAX_BYTES - head.len();
        self.bytes[start..Head::MAX_BYTES].copy_from_slice(head);
        SheetBytes { bytes: self.bytes, start }
    }
}

/// The canonical bytes of a closed sheet.
#[derive(Clone, Debug)]
pub struct SheetBytes {
    bytes: Vec<u8>,
    /// Where the sheet begins; its marks begin at the same position as before the close.
    start: usize,
}

impl SheetBytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The marks in order.
    pub fn marks(&self) -> impl Iterator<Item = Mark> + '_ {
        self.from(Marks::FIRST).map(|(mark, _)| mark)
    }

    /// As [`Marks::from`].
    pub(super) fn from(&self, position: u32) -> impl Iterator<Item = (Mark, u32)> + '_ {
        walk(&self.bytes, position)
    }
}

impl PartialEq for SheetBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SheetBytes {}

fn position(place: usize) -> u32 {
    u32::try_from(place).expect("bounded by MARKS_PER_ROLL_CALL_MAX")
}

fn read(bytes: &[u8]) -> (Mark, &[u8]) {
    postcard::take_from_bytes(bytes).expect("it was written here")
}

fn walk(bytes: &[u8], from: u32) -> impl Iterator<Item = (Mark, u32)> + '_ {
    let mut rest = bytes.get(from as usize..).unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (mark, after) = read(rest);
        rest = after;
        Some((mark, position(bytes.len() - rest.len())))
    })
}
