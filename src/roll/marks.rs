//! The marks of a roll call, in the bytes that they have on its sheet.
//!
//! Owns those bytes while the roll call is open ([`Marks`]) and when it is closed ([`SheetBytes`]).
//! Invariants: a mark never moves, so that its position names it for ever; before the first mark is
//! room for the head of the sheet, so that a close writes the head and copies no mark.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::sheet::{Mark, Remarked, SECOND_FORM, THIRD_FORM};
use super::supplement::Supplement;
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

    /// What stands before the marks of a sheet that ends so.
    fn before_marks(self, end: End<'_>) -> Vec<u8> {
        let mut space = [0; Self::MAX_BYTES];
        let form = match end {
            End { supplement: Some(_), .. } => &THIRD_FORM[..],
            End { remarks: [], .. } => &[],
            End { .. } => &SECOND_FORM,
        };
        [form, self.write(&mut space)].concat()
    }
}

/// What stands on a sheet after the marks.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) remarks: &'a [Remarked],
    pub(super) supplement: Option<&'a Supplement>,
}

impl End<'_> {
    fn to_bytes(self) -> Vec<u8> {
        let Self { remarks, supplement } = self;
        let written = match supplement {
            None if remarks.is_empty() => return Vec::new(),
            None => postcard::to_stdvec(remarks),
            Some(supplement) => postcard::to_stdvec(&(remarks, supplement)),
        };
        written.expect("what stands on a sheet can be written")
    }
}

/// The room for what stands before the marks.
const ROOM_BYTES: usize = THIRD_FORM.len() + Head::MAX_BYTES;

const _: () = assert!(WallTime::MAX.as_millis() < 1 << 49);
const _: () = assert!(Marks::FIRST as usize == ROOM_BYTES);

/// The marks of an open roll call, in order of arrival.
///
/// They stand in chunks, so that nothing is moved when there are more. A position is the number of a
/// chunk and a place in it; no mark is in two chunks.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// None, or the first one with room for the head and then marks, and more with marks only. All
    /// but the last have no room for a mark of any length.
    chunks: Vec<Vec<u8>>,
    count: u32,
}

impl Marks {
    /// The position of the first mark.
    pub(super) const FIRST: u32 = 26;
    /// No mark is longer: a length of one byte, a student number, and a time.
    const MARK_MAX_BYTES: usize = 40;

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// The position that the next mark gets.
    pub(super) fn end(&self) -> u32 {
        let Some(last) = self.chunks.last() else { return Self::FIRST };
        position_after(self.chunks.len() - 1, last.len())
    }

    /// Appends a mark.
    pub(super) fn push(&mut self, mark: &Mark) {
        let mut space = [0; Self::MARK_MAX_BYTES];
        let written = postcard::to_slice(mark, &mut space).expect("the longest mark fits");
        match self.chunks.last_mut() {
            None => self.chunks.push([&[0; ROOM_BYTES], &*written].concat()),
            Some(last) if last.len() + Self::MARK_MAX_BYTES <= CHUNK_BYTES => {
                last.extend_from_slice(written);
            }
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                chunk.extend_from_slice(written);
                self.chunks.push(chunk);
            }
        }
        self.count += 1;
    }

    /// The mark at a position.
    pub(super) fn at(&self, position: u32) -> Mark {
        read(self.bytes_at(position)).0
    }

    /// Whether the mark at a position is of the student with this number.
    pub(super) fn is_of(&self, position: u32, student: &[u8]) -> bool {
        // A text is its length, which is one byte here, and then its bytes.
        let mark = self.bytes_at(position);
        usize::from(mark[0]) == student.len() && mark[1..].starts_with(student)
    }

    /// The marks in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Mark> + '_ {
        self.from(Self::FIRST).map(|(mark, _)| mark)
    }

    /// The marks from a position on, each with the position after it.
    pub(super) fn from(&self, position: u32) -> impl Iterator<Item = (Mark, u32)> + '_ {
        walk(&self.chunks, position)
    }

    /// Length and name of the sheet that these marks make under this head, with this end.
    pub(super) fn name(&self, head: Head, end: End<'_>) -> (u32, ContentId) {
        let (before, after) = (head.before_marks(end), end.to_bytes());
        let mut hasher = Sha256::new().chain_update(&before);
        let mut bytes = before.len() + after.len();
        for (place, chunk) in self.chunks.iter().enumerate() {
            let marks = if place == 0 { &chunk[ROOM_BYTES..] } else { chunk };
            hasher.update(marks);
            bytes += marks.len();
        }
        hasher.update(&after);
        // R-SHEET-1
        let content = ContentId::from_bytes(hasher.finalize().into());
        (u32::try_from(bytes).expect("bounded by MARKS_PER_ROLL_CALL_MAX"), content)
    }

    /// The sheet under this head, with this end.
    pub(super) fn close(self, head: Head, end: End<'_>) -> SheetBytes {
        let mut chunks = self.chunks;
        if chunks.is_empty() {
            chunks.push(vec![0; ROOM_BYTES]);
        }
        let before = head.before_marks(end);
        let start = ROOM_BYTES - before.len();
        chunks[0][start..ROOM_BYTES].copy_from_slice(&before);
        SheetBytes { chunks, start, after: end.to_bytes() }
    }

    fn bytes_at(&self, position: u32) -> &[u8] {
        let (chunk, place) = split(position);
        &self.chunks[chunk][place..]
    }
}

/// The canonical bytes of a closed sheet.
#[derive(Clone, Debug)]
pub struct SheetBytes {
    /// As those of [`Marks`], with the head in its room.
    chunks: Vec<Vec<u8>>,
    /// Where the sheet begins in the first chunk.
    start: usize,
    /// What stands after the marks.
    after: Vec<u8>,
}

#[expect(clippy::len_without_is_empty, reason = "no sheet is without bytes")]
impl SheetBytes {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum::<usize>() - self.start + self.after.len()
    }

    /// The bytes in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        bytes.extend_from_slice(&self.chunks[0][self.start..]);
        self.chunks[1..].iter().for_each(|chunk| bytes.extend_from_slice(chunk));
        bytes.extend_from_slice(&self.after);
        bytes
    }

    /// The marks in order.
    pub fn marks(&self) -> impl Iterator<Item = Mark> + '_ {
        self.from(Marks::FIRST).map(|(mark, _)| mark)
    }

    /// As [`Marks::from`].
    pub(super) fn from(&self, position: u32) -> impl Iterator<Item = (Mark, u32)> + '_ {
        walk(&self.chunks, position)
    }
}

impl PartialEq for SheetBytes {
    fn eq(&self, other: &Self) -> bool {
        self.to_vec() == other.to_vec()
    }
}

impl Eq for SheetBytes {}

/// The bytes of a chunk: a position takes its lower half for the place in one.
const CHUNK_BYTES: usize = 1 << 16;

/// The position of what follows this place in this chunk.
fn position_after(chunk: usize, place: usize) -> u32 {
    let is_full = place + Marks::MARK_MAX_BYTES > CHUNK_BYTES;
    let position = if is_full { (chunk + 1) * CHUNK_BYTES } else { chunk * CHUNK_BYTES + place };
    u32::try_from(position).expect("bounded by MARKS_PER_ROLL_CALL_MAX")
}

fn split(position: u32) -> (usize, usize) {
    (position as usize / CHUNK_BYTES, position as usize % CHUNK_BYTES)
}

fn read(bytes: &[u8]) -> (Mark, &[u8]) {
    postcard::take_from_bytes(bytes).expect("it was written here")
}

fn walk(chunks: &[Vec<u8>], from: u32) -> impl Iterator<Item = (Mark, u32)> + '_ {
    let mut position = from;
    std::iter::from_fn(move || {
        let (chunk, place) = split(position);
        let bytes = chunks.get(chunk)?;
        let rest = bytes.get(place..).filter(|rest| !rest.is_empty())?;
        let (mark, after) = read(rest);
        position = position_after(chunk, bytes.len() - after.len());
        Some((mark, position))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_every_length_are_found_at_their_positions_in_any_number_of_chunks() {
        let mark = |number: u64| {
            let length = usize::try_from(1 + number % 32).unwrap();
            let student = format!("{number:0>length$}").parse().unwrap();
            Mark { student, at: WallTime::from_millis(WallTime::MAX.as_millis() >> (number % 48)) }
        };
        let mut marks = Marks::default();
        assert_eq!(marks.end(), Marks::FIRST);
        let mut positions = Vec::new();
        for number in 0..20_000 {
            positions.push(marks.end());
            marks.push(&mark(number));
            assert_eq!(marks.at(positions[positions.len() - 1]), mark(number));
        }
        assert!(marks.chunks.len() > 5);
        assert!(marks.chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
        assert!(marks.iter().eq((0..20_000).map(mark)));
        for (number, &from) in positions.iter().enumerate().step_by(997) {
            let rest: Vec<_> = marks.from(from).collect();
            assert_eq!(rest.len(), 20_000 - number);
            assert_eq!(rest.last().unwrap().1, marks.end());
            assert_eq!(rest[0].1, positions.get(number + 1).copied().unwrap_or(marks.end()));
        }
        let head = Head {
            class: ClassId::new(u32::MAX).unwrap(),
            opened_at: WallTime::MAX,
            closed_at: WallTime::MAX,
            students: marks.len(),
        };
        let end = End { remarks: &[], supplement: None };
        let (bytes, content) = marks.name(head, end);
        let sheet = marks.close(head, end);
        assert_eq!(sheet.to_vec().len(), bytes as usize);
        assert_eq!((sheet.len(), ContentId::of(&sheet.to_vec())), (bytes as usize, content));
        assert!(sheet.marks().eq((0..20_000).map(mark)));
    }
}
