//! A closed roll call: who answered and when, in order of arrival, for ever.

use std::sync::Arc;

use imbl::OrdMap;
use postcard::ser_flavors::Size;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Contradiction;
use super::marks::{End, Head, Marks, SheetBytes};
use super::supplement::Supplement;
use crate::access::{Remarks, Terms};
use crate::attendance::Status;
use crate::exchange::SheetInfo;
use crate::ids::{ClassId, ContentId, DeviceId, RollCallId, RollCallNumber, StudentNumber};
use crate::time::WallTime;

/// A student's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who.
    pub student: StudentNumber,
    /// When it was first recorded.
    pub at: WallTime,
}

/// What is remarked on a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarked {
    /// Which mark of the sheet, counted from 0.
    pub place: u32,
    /// What; never nothing.
    pub remarks: Remarks,
}

/// What is known of the marks of a roll call beyond who and when.
#[derive(Clone, Debug, Default)]
pub struct Particulars {
    /// From which device each student answered, where it was a device.
    pub devices: OrdMap<StudentNumber, DeviceId>,
    /// What is remarked on a student, where there is something.
    pub remarks: OrdMap<StudentNumber, Remarks>,
}

/// How a sheet of form 2 begins: with what no sheet of form 1 begins with, and the number of the form.
pub(super) const SECOND_FORM: [u8; 2] = [SheetReader::LATER_FORM, 2];

/// How a sheet of form 3 begins.
pub(super) const THIRD_FORM: [u8; 2] = [SheetReader::LATER_FORM, 3];

/// What goes onto a sheet beside the marks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// From which device each student answered, and what is remarked.
    pub particulars: Option<&'a Particulars>,
    /// The plan, corrections and who was expected, where there is any of it.
    pub supplement: Option<&'a Arc<Supplement>>,
    /// Under which terms the roll call was held, if a device opened it.
    pub terms: Option<Terms>,
}

/// The result of a roll call.
///
/// Its canonical bytes have one name ([`ContentId`]) and one length, which is how a client asks for
/// them block by block and checks what it got. Where nothing is remarked they are of form 1: class, times
/// and marks in postcard. It begins with the class, which is never 0: a sheet that begins with 0 is of a
/// later form, whose number follows. Form 2 is then as form 1, and ends with the remarks. Form 3 has the
/// remarks too, of which there may be none, and ends with the supplement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The class.
    pub class: ClassId,
    /// When the roll call was opened.
    pub opened_at: WallTime,
    /// When it was closed.
    pub closed_at: WallTime,
    /// Each student once, in order of arrival.
    pub marks: Vec<Mark>,
    /// What is remarked on them, in the same order.
    pub remarks: Vec<Remarked>,
    /// The plan, corrections and who was expected, where there is any of it.
    pub supplement: Option<Arc<Supplement>>,
}

/// Why bytes are not the sheet that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// They have another length or another SHA-256: some were damaged on the way.
    #[error("the sheet does not match its name")]
    Damaged,
    /// They have the right name, but they are not the sheet that was announced with it: the server
    /// is at fault, and fetching it again does not help.
    #[error("what the server calls a sheet is none")]
    NotASheet,
    /// They have the right name, and their first byte says that they are of a form that this program
    /// does not know.
    #[error("the sheet is of a newer form than this program knows; update this program")]
    NewerForm,
}

impl Sheet {
    /// The canonical bytes.
    ///
    /// # Panics
    /// Never: a sheet has no value that cannot be written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut marks = Marks::default();
        self.marks.iter().for_each(|mark| marks.push(mark));
        let Self { class, opened_at, closed_at, .. } = *self;
        let head = Head { class, opened_at, closed_at, students: marks.len() };
        marks.close(head, self.end()).to_vec()
    }

    /// What stands after the marks.
    pub(super) fn end(&self) -> End<'_> {
        End { remarks: &self.remarks, supplement: self.supplement.as_deref() }
    }

    /// What is remarked on the mark at this place.
    #[must_use]
    pub fn remarks_at(&self, place: u32) -> Remarks {
        let found = self.remarks.binary_search_by_key(&place, |it| it.place);
        found.map(|it| self.remarks[it].remarks).unwrap_or_default()
    }

    /// The sheet in brief, with the name of its bytes. Which roll call of its class it is does not
    /// stand in it: a sheet is known by what it says.
    ///
    /// # Panics
    /// Never: the students of a roll call are bounded so that its bytes are counted in 32 bits.
    #[must_use]
    pub fn info(&self, number: RollCallNumber) -> SheetInfo {
        let bytes = self.to_bytes();
        SheetInfo {
            class: self.class,
            number,
            opened_at: self.opened_at,
            closed_at: self.closed_at,
            students: u32::try_from(self.marks.len()).expect("bounded by MARKS_PER_ROLL_CALL_MAX"),
            bytes: u32::try_from(bytes.len()).expect("bounded by MARKS_PER_ROLL_CALL_MAX"),
            // R-SHEET-1
            content: ContentId::of(&bytes),
        }
    }

    /// Reads a sheet that was fetched and checks that it is the announced one.
    ///
    /// # Errors
    /// If its bytes have another name or do not say what `info` says.
    pub fn from_bytes(bytes: &[u8], info: &SheetInfo) -> Result<Self, SheetError> {
        let mut reader = SheetReader::new(*info);
        reader.push(bytes);
        reader.finish()
    }
}

/// Reads a sheet while its bytes arrive, so that no more than its marks is ever kept, and no more
/// marks than were announced.
#[derive(Debug)]
pub struct SheetReader {
    info: SheetInfo,
    hasher: Sha256,
    bytes: u64,
    /// The beginning of a value whose rest has not arrived.
    carry: Vec<u8>,
    form: Form,
    head: Option<Head>,
    marks: Vec<Mark>,
    /// How many remarks follow the marks, once that is known.
    remarked: Option<u32>,
    remarks: Vec<Remarked>,
    /// The bytes of the supplement.
    supplement: Vec<u8>,
    /// Something was no part of a sheet; whether it was damaged on the way is known at the end.
    is_malformed: bool,
}

/// Of which form the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Nothing has arrived.
    Unknown,
    /// The first byte says that the number of the form follows.
    Later,
    First,
    Second,
    Third,
    /// One that is not known here.
    Newer,
}

impl SheetReader {
    /// No value of a sheet is longer than this, however it is written.
    const VALUE_MAX_BYTES: usize = 64;
    /// What a sheet of form 1 never begins with, because a class is never 0. The number of the form
    /// follows.
    const LATER_FORM: u8 = 0;

    /// Nothing has arrived yet of the sheet that was announced so.
    #[must_use]
    pub fn new(info: SheetInfo) -> Self {
        Self {
            info,
            hasher: Sha256::new(),
            bytes: 0,
            carry: Vec::new(),
            form: Form::Unknown,
            head: None,
            marks: Vec::new(),
            remarked: None,
            remarks: Vec::new(),
            supplement: Vec::new(),
            is_malformed: false,
        }
    }

    /// Some bytes have arrived, in order.
    pub fn push(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        let bytes = self.read_form(bytes);
        // What follows something malformed is only hashed.
        if self.is_malformed || self.form == Form::Newer {
            return;
        }
        let mut carry = std::mem::take(&mut self.carry);
        carry.extend_from_slice(bytes);
        let mut rest = &carry[..];
        while !rest.is_empty() && !self.is_malformed {
            if self.is_at_supplement() {
                self.supplement.extend_from_slice(rest);
                rest = &[];
                break;
            }
            match self.read_value(rest) {
                Some(after) => rest = after,
                None => break,
            }
        }
        self.is_malformed |= rest.len() > Self::VALUE_MAX_BYTES;
        if !self.is_malformed {
            self.carry = rest.to_vec();
        }
    }

    /// Everything has arrived.
    ///
    /// # Errors
    /// If it is not the announced sheet.
    pub fn finish(self) -> Result<Sheet, SheetError> {
        let Self { info, hasher, bytes, carry, form, head, marks, remarked, remarks, .. } = self;
        let content = ContentId::from_bytes(hasher.finalize().into());
        // R-SHEET-7
        if bytes != u64::from(info.bytes) || content != info.content {
            return Err(SheetError::Damaged);
        }
        if form == Form::Newer {
            // R-SHEET-10
            return Err(SheetError::NewerForm);
        }
        let head = head.filter(|head| {
            let Head { class, opened_at, closed_at, students } = *head;
            (class, opened_at, closed_at) == (info.class, info.opened_at, info.closed_at)
                && (students, students as usize) == (info.students, marks.len())
        });
        let Head { class, opened_at, closed_at, .. } = head.ok_or(SheetError::NotASheet)?;
        // R-SHEET-11, R-SHEET-12
        let are_all = match form {
            Form::Second | Form::Third => {
                let in_order = remarks.windows(2).all(|pair| pair[0].place < pair[1].place);
                let in_place = remarks.iter().all(|it| (it.place as usize) < marks.len());
                let are_some = (form == Form::Third || !remarks.is_empty())
                    && !remarks.iter().any(|it| it.remarks.is_empty());
                remarked == u32::try_from(remarks.len()).ok() && in_order && in_place && are_some
            }
            _ => true,
        };
        if self.is_malformed || !carry.is_empty() || !are_all {
            return Err(SheetError::NotASheet);
        }
        let supplement = match form {
            Form::Third => Some(Arc::new(read_supplement(&self.supplement, marks.len())?)),
            _ => None,
        };
        Ok(Sheet { class, opened_at, closed_at, marks, remarks, supplement })
    }

    /// Whether everything before the supplement is here.
    fn is_at_supplement(&self) -> bool {
        let is_whole = |it: u32| self.remarks.len() >= it as usize;
        self.form == Form::Third && self.remarked.is_some_and(is_whole)
    }

    /// Reads of which form it is; gives what follows.
    fn read_form<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Form::Unknown | Form::Later = self.form
            && let Some((&byte, rest)) = bytes.split_first()
        {
            (self.form, bytes) = match (self.form, byte) {
                (Form::Unknown, Self::LATER_FORM) => (Form::Later, rest),
                (Form::Unknown, _) => (Form::First, bytes),
                (_, 2) => (Form::Second, rest),
                (_, 3) => (Form::Third, rest),
                (_, _) => (Form::Newer, rest),
            };
        }
        bytes
    }

    /// Reads the next value; `None` if more bytes are needed for it.
    fn read_value<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if self.head.is_none() {
            let (head, rest) = self.take::<Head>(bytes)?;
            self.head = Some(head);
            return Some(rest);
        }
        if self.marks.len() >= self.info.students as usize {
            return self.read_remark(bytes);
        }
        let (mark, rest) = self.take::<Mark>(bytes)?;
        self.marks.push(mark);
        Some(rest)
    }

    /// Reads what follows the marks.
    fn read_remark<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self.remarked {
            None if matches!(self.form, Form::Second | Form::Third) => {
                let (remarked, rest) = self.take::<u32>(bytes)?;
                self.remarked = Some(remarked);
                Some(rest)
            }
            Some(remarked) if self.remarks.len() < remarked.min(self.info.students) as usize => {
                let (remark, rest) = self.take::<Remarked>(bytes)?;
                self.remarks.push(remark);
                Some(rest)
            }
            _ => {
                // More than was announced.
                self.is_malformed = true;
                None
            }
        }
    }

    /// Takes a value that is written in its one canonical form.
    fn take<'a, T: Deserialize<'a> + Serialize>(
        &mut self,
        bytes: &'a [u8],
    ) -> Option<(T, &'a [u8])> {
        match postcard::take_from_bytes::<T>(bytes) {
            Ok((value, rest)) => {
                let size = postcard::serialize_with_flavor(&value, Size::default());
                if size == Ok(bytes.len() - rest.len()) {
                    return Some((value, rest));
                }
                self.is_malformed = true;
            }
            Err(postcard::Error::DeserializeUnexpectedEnd) => {}
            Err(_) => self.is_malformed = true,
        }
        None
    }
}

/// Reads a supplement in its one canonical form.
fn read_supplement(bytes: &[u8], marks: usize) -> Result<Supplement, SheetError> {
    let read: Result<(Supplement, &[u8]), _> = postcard::take_from_bytes(bytes);
    let (supplement, rest) = read.map_err(|_| SheetError::NotASheet)?;
    let is_canonical =
        postcard::serialize_with_flavor(&supplement, Size::default()) == Ok(bytes.len());
    if rest.is_empty() && is_canonical && supplement.is_valid(marks) {
        Ok(supplement)
    } else {
        Err(SheetError::NotASheet)
    }
}

/// A sheet as its close or a correction made it, for the journal to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedSheet {
    /// Its roll call.
    pub roll_call: RollCallId,
    /// The sheet in brief.
    pub info: SheetInfo,
    /// Its canonical bytes, made once.
    pub bytes: Arc<SheetBytes>,
    /// What is remarked on its marks, in their order.
    pub remarks: Vec<Remarked>,
    /// From which device each student answered, where it was a device.
    pub devices: OrdMap<StudentNumber, DeviceId>,
    /// The plan, corrections and who was expected, where there is any of it.
    pub supplement: Option<Arc<Supplement>>,
    /// Under which terms the roll call was held, if a device opened it.
    pub terms: Option<Terms>,
}

impl ClosedSheet {
    /// For how many lessons a student was expected who was on the roster, and what the student was.
    #[must_use]
    pub fn expected(&self, student: StudentNumber) -> Option<(u32, Status)> {
        let supplement = self.supplement.as_ref().filter(|it| it.roster.is_some())?;
        let entries = self.sheet().entries();
        let entry = entries.iter().find(|it| it.student == student && it.listed)?;
        Some((supplement.plan.lessons.into(), entry.status))
    }

    /// This sheet, as the close of this roll call would have made it.
    #[must_use]
    pub fn new(roll_call: RollCallId, number: RollCallNumber, sheet: &Sheet) -> Self {
        let mut marks = Marks::default();
        sheet.marks.iter().for_each(|mark| marks.push(mark));
        let info = sheet.info(number);
        let bytes = Arc::new(marks.close(Head::of(&info), sheet.end()));
        let (remarks, supplement) = (sheet.remarks.clone(), sheet.supplement.clone());
        Self { roll_call, info, bytes, remarks, devices: OrdMap::new(), supplement, terms: None }
    }

    /// The sheet.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        let SheetInfo { class, opened_at, closed_at, .. } = self.info;
        let (marks, remarks) = (self.bytes.marks().collect(), self.remarks.clone());
        Sheet { class, opened_at, closed_at, marks, remarks, supplement: self.supplement.clone() }
    }

    /// Which revision of the sheet of its roll call it is.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.supplement.as_ref().map_or(1, |it| it.revision)
    }

    /// When this revision was made.
    #[must_use]
    pub fn revised_at(&self) -> WallTime {
        match &self.supplement {
            Some(it) if it.revision > 1 => {
                // A second close makes a revision too, and is later than what is in the trail.
                it.trail.last().map_or(self.info.closed_at, |last| last.at.max(self.info.closed_at))
            }
            _ => self.info.closed_at,
        }
    }
}

/// A closed roll call with everything that is needed to open it again or to correct it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which roll call.
    pub roll_call: RollCallId,
    /// Which of its class.
    pub number: RollCallNumber,
    /// Its class.
    pub class: ClassId,
    /// When it was opened.
    pub opened_at: WallTime,
    /// When it was closed.
    pub closed_at: WallTime,
    /// The marks in order of arrival.
    pub marks: Vec<Mark>,
    /// What is remarked on them.
    pub remarks: Vec<Remarked>,
    /// The plan, corrections and who was expected.
    pub supplement: Option<Supplement>,
    /// From which device each student answered, where it was a device.
    pub devices: Vec<(StudentNumber, DeviceId)>,
    /// Under which terms it was held, if a device opened it.
    pub terms: Option<Terms>,
}

impl From<&ClosedSheet> for Kept {
    fn from(closed: &ClosedSheet) -> Self {
        let SheetInfo { class, number, opened_at, closed_at, .. } = closed.info;
        Self {
            roll_call: closed.roll_call,
            number,
            class,
            opened_at,
            closed_at,
            marks: closed.bytes.marks().collect(),
            remarks: closed.remarks.clone(),
            supplement: closed.supplement.as_deref().cloned(),
            devices: closed.devices.iter().map(|(&student, &device)| (student, device)).collect(),
            terms: closed.terms,
        }
    }
}

impl TryFrom<Kept> for ClosedSheet {
    type Error = Contradiction;

    /// # Errors
    /// If something is of a mark that is not there: the journal is damaged.
    fn try_from(kept: Kept) -> Result<Self, Contradiction> {
        let Kept { roll_call, number, class, opened_at, closed_at, marks, remarks, .. } = kept;
        let in_place = remarks.iter().all(|it| (it.place as usize) < marks.len());
        if !in_place || kept.supplement.as_ref().is_some_and(|it| !it.is_valid(marks.len())) {
            return Err(Contradiction("a closed roll call is kept that none can be"));
        }
        let supplement = kept.supplement.map(Arc::new);
        let sheet = Sheet { class, opened_at, closed_at, marks, remarks, supplement };
        let devices = kept.devices.into_iter().collect();
        Ok(Self { devices, terms: kept.terms, ..Self::new(roll_call, number, &sheet) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: RollCallNumber = RollCallNumber::FIRST;

    fn sheet() -> Sheet {
        let mark = |student: &str, millis| Mark {
            student: student.parse().unwrap(),
            at: WallTime::from_millis(millis),
        };
        Sheet {
            class: ClassId::new(3030).unwrap(),
            opened_at: WallTime::from_millis(1_000),
            closed_at: WallTime::from_millis(5_000),
            marks: vec![mark("042191010", 2_000), mark("10", 3_000)],
            remarks: vec![],
            supplement: None,
        }
    }

    // spec: R-SHEET-1
    #[test]
    fn a_sheet_is_read_back_from_its_bytes() {
        let sheet = sheet();
        assert_eq!(Sheet::from_bytes(&sheet.to_bytes(), &sheet.info(FIRST)), Ok(sheet));
    }

    // spec: R-SHEET-7
    #[test]
    fn another_sheet_or_damaged_bytes_are_noticed() {
        let sheet = sheet();
        let mut bytes = sheet.to_bytes();
        let mut other = sheet.clone();
        other.marks.pop();
        assert_eq!(Sheet::from_bytes(&bytes, &other.info(FIRST)), Err(SheetError::Damaged));
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(Sheet::from_bytes(&bytes, &sheet.info(FIRST)), Err(SheetError::Damaged));
        assert_eq!(Sheet::from_bytes(&[], &sheet.info(FIRST)), Err(SheetError::Damaged));
    }

    // spec: R-SHEET-7
    #[test]
    fn a_sheet_is_read_in_pieces_of_any_length() {
        let sheet = sheet();
        let (bytes, info) = (sheet.to_bytes(), sheet.info(FIRST));
        for length in 1..=bytes.len() {
            let mut reader = SheetReader::new(info);
            bytes.chunks(length).for_each(|piece| reader.push(piece));
            assert_eq!(reader.finish().as_ref(), Ok(&sheet), "pieces of {length}");
        }
    }

    // spec: R-SHEET-7
    #[test]
    fn bytes_of_the_right_name_that_are_not_the_announced_sheet_are_told_apart() {
        let (sheet, info) = (sheet(), sheet().info(FIRST));
        let named = |bytes: &[u8], students| SheetInfo {
            students,
            bytes: u32::try_from(bytes.len()).unwrap(),
            content: ContentId::of(bytes),
            ..info
        };
        let bytes = sheet.to_bytes();
        let longer = [&bytes[..], &[0]].concat();
        let mut overlong = bytes.clone();
        // The length of the last student number, in two bytes.
        let place = bytes.len() - 5;
        assert_eq!(overlong[place], 2);
        overlong.splice(place..=place, [0x82, 0]);
        for (bytes, students) in [
            (&bytes[..], 1),
            (&bytes[..], 3),
            (&longer[..], 2),
            (&overlong[..], 2),
            (&bytes[..bytes.len() - 1], 2),
            (&[0xff; 200][..], 2),
            (&[][..], 0),
        ] {
            let read = Sheet::from_bytes(bytes, &named(bytes, students));
            assert_eq!(read, Err(SheetError::NotASheet), "{students} students, {bytes:02x?}");
        }
    }

    fn remarked() -> Sheet {
        let remarks = vec![
            Remarked { place: 0, remarks: Remarks::SECOND_DEVICE },
            Remarked { place: 1, remarks: Remarks::BY_TEACHER },
        ];
        Sheet { remarks, ..sheet() }
    }

    // spec: R-SHEET-11, R-SHEET-1
    #[test]
    fn a_sheet_with_remarks_is_of_the_second_form_and_is_read_in_pieces_of_any_length() {
        let (sheet, plain) = (remarked(), sheet().to_bytes());
        let (bytes, info) = (sheet.to_bytes(), sheet.info(FIRST));
        let second = [&SECOND_FORM[..], &plain, &[2, 0, 1, 1, 4]].concat();
        assert_eq!(bytes, second, "the first form, between its number and the remarks");
        for length in 1..=bytes.len() {
            let mut reader = SheetReader::new(info);
            bytes.chunks(length).for_each(|piece| reader.push(piece));
            assert_eq!(reader.finish().as_ref(), Ok(&sheet), "pieces of {length}");
        }
        let closed = ClosedSheet::new(RollCallId::FIRST, FIRST, &sheet);
        assert_eq!((closed.sheet(), closed.bytes.to_vec(), closed.info), (sheet, bytes, info));
    }

    // spec: R-SHEET-11
    #[test]
    fn remarks_that_no_server_writes_are_no_sheet() {
        let plain = sheet().to_bytes();
        let wrong: [(&[u8], &str); 9] = [
            (&[], "no remarks, not even their number"),
            (&[0], "none: that is a sheet of the first form"),
            (&[1, 0, 0], "a remark of nothing"),
            (&[1, 0, 64], "a remark that there is not"),
            (&[1, 2, 1], "of a mark that there is not"),
            (&[2, 1, 1, 0, 1], "out of order"),
            (&[2, 0, 1, 0, 1], "twice of one mark"),
            (&[2, 0, 1], "fewer than announced"),
            (&[1, 0, 1, 1, 1], "more than announced"),
        ];
        for (remarks, why) in wrong {
            let bytes = [&SECOND_FORM[..], &plain, remarks].concat();
            let length = u32::try_from(bytes.len()).unwrap();
            let content = ContentId::of(&bytes);
            let info = SheetInfo { bytes: length, content, ..sheet().info(FIRST) };
            assert_eq!(Sheet::from_bytes(&bytes, &info), Err(SheetError::NotASheet), "{why}");
        }
    }

    fn supplemented() -> Sheet {
        use crate::attendance::{Change, Listed, Plan, Status, TrailEntry};
        use crate::roll::{Pressed, Standing};
        let (student, at) = ("10".parse().unwrap(), WallTime::from_millis(4_000));
        let change = Change::Corrected { student, was: None, is: Status::Late };
        let reason = Some("a note".parse().unwrap());
        let listed = |number: &str| Listed {
            student: number.parse().unwrap(),
            name: "Ana".parse().unwrap(),
            group: None,
        };
        let supplement = Supplement {
            revision: 2,
            plan: Plan::default(),
            closes_at: None,
            late_at: Some(at),
            pressed: vec![Pressed { place: 1, at }],
            standings: vec![Standing { student, status: Status::Late }],
            trail: vec![TrailEntry { at, by: None, change, reason }],
            roster: Some(vec![listed("042191010"), listed("20")]),
        };
        Sheet { supplement: Some(Arc::new(supplement)), ..sheet() }
    }

    // spec: R-SHEET-12, R-SHEET-1
    #[test]
    fn a_sheet_with_a_supplement_is_of_the_third_form_and_is_read_in_pieces_of_any_length() {
        for sheet in [supplemented(), Sheet { remarks: remarked().remarks, ..supplemented() }] {
            let (bytes, info) = (sheet.to_bytes(), sheet.info(FIRST));
            assert!(bytes.starts_with(&THIRD_FORM));
            for length in 1..=bytes.len() {
                let mut reader = SheetReader::new(info);
                bytes.chunks(length).for_each(|piece| reader.push(piece));
                assert_eq!(reader.finish().as_ref(), Ok(&sheet), "pieces of {length}");
            }
            let closed = ClosedSheet::new(RollCallId::FIRST, FIRST, &sheet);
            assert_eq!((closed.sheet(), closed.bytes.to_vec()), (sheet, bytes));
            assert_eq!(ClosedSheet::try_from(Kept::from(&closed)), Ok(closed), "kept as it was");
        }
    }

    // spec: R-SHEET-12
    #[test]
    fn a_supplement_that_no_server_writes_is_no_sheet() {
        let right = supplemented();
        let change = |change: fn(&mut Supplement)| {
            let mut supplement = Supplement::clone(right.supplement.as_ref().unwrap());
            change(&mut supplement);
            Sheet { supplement: Some(Arc::new(supplement)), ..right.clone() }
        };
        let wrong = [
            (change(|it| it.revision = 0), "counted from 1"),
            (change(|it| it.pressed[0].place = 2), "of a mark that there is not"),
            (change(|it| it.pressed.push(it.pressed[0])), "twice of one mark"),
            (change(|it| it.standings.push(it.standings[0])), "twice of one student"),
            (change(|it| it.roster.as_mut().unwrap().reverse()), "out of order"),
            (change(|it| it.plan.lessons = 0), "a plan that there cannot be"),
        ];
        for (sheet, why) in wrong {
            let read = Sheet::from_bytes(&sheet.to_bytes(), &sheet.info(FIRST));
            assert_eq!(read, Err(SheetError::NotASheet), "{why}");
        }
        let bytes = right.to_bytes();
        for bytes in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat()] {
            let (length, content) = (u32::try_from(bytes.len()).unwrap(), ContentId::of(bytes));
            let info = SheetInfo { bytes: length, content, ..right.info(FIRST) };
            assert_eq!(Sheet::from_bytes(bytes, &info), Err(SheetError::NotASheet));
        }
    }

    // spec: R-SHEET-10
    #[test]
    fn a_sheet_of_a_later_form_is_told_as_that_and_not_as_damaged() {
        let bytes = [&[0, 4], &sheet().to_bytes()[..]].concat();
        let length = u32::try_from(bytes.len()).unwrap();
        let info =
            SheetInfo { bytes: length, content: ContentId::of(&bytes), ..sheet().info(FIRST) };
        for piece in 1..=bytes.len() {
            let mut reader = SheetReader::new(info);
            bytes.chunks(piece).for_each(|piece| reader.push(piece));
            assert_eq!(reader.finish(), Err(SheetError::NewerForm), "pieces of {piece}");
        }
        let damaged = [&bytes[..bytes.len() - 1], &[0xff]].concat();
        assert_eq!(Sheet::from_bytes(&damaged, &info), Err(SheetError::Damaged), "whatever it was");
        assert!(SheetError::NewerForm.to_string().ends_with("update this program"));
    }

    #[test]
    fn a_sheet_with_more_marks_than_were_announced_keeps_no_more() {
        let mut sheet = sheet();
        sheet.marks = vec![sheet.marks[0]; 10_000];
        let mut reader = SheetReader::new(SheetInfo { students: 7, ..sheet.info(FIRST) });
        reader.push(&sheet.to_bytes());
        assert_eq!((reader.marks.len(), reader.carry.len()), (7, 0), "the rest is only hashed");
    }
}
