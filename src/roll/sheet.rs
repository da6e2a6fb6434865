//! A closed roll call: who answered and when, in order of arrival, for ever.

use serde::{Deserialize, Serialize};

use crate::ids::{ClassId, ContentId, RollCallId, RollCallNumber, StudentNumber};
use crate::operation::SheetInfo;
use crate::time::WallTime;

/// A student's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who.
    pub student: StudentNumber,
    /// When it was first recorded.
    pub at: WallTime,
}

/// The result of a roll call.
///
/// Its canonical bytes are its postcard form; they have one name ([`ContentId`]) and one length,
/// which is how a client asks for them block by block and checks what it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// The class.
    pub class: ClassId,
    /// When the roll call was opened.
    pub opened_at: WallTime,
    /// When it was closed.
    pub closed_at: WallTime,
    /// Each student once, in order of arrival.
    pub marks: Vec<Mark>,
}

/// The bytes are not the sheet that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sheet does not match its name")]
pub struct SheetDamaged;

impl Sheet {
    /// The canonical bytes.
    ///
    /// # Panics
    /// Never: a sheet has no value that cannot be written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a sheet can be written")
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
            content: ContentId::of(&bytes),
        }
    }

    /// Reads a sheet that was fetched and checks that it is the announced one.
    ///
    /// # Errors
    /// If its bytes have another name or do not say what `info` says.
    pub fn from_bytes(bytes: &[u8], info: &SheetInfo) -> Result<Self, SheetDamaged> {
        if ContentId::of(bytes) != info.content {
            return Err(SheetDamaged);
        }
        let sheet: Self = postcard::from_bytes(bytes).map_err(|_| SheetDamaged)?;
        if sheet.info(info.number) == *info { Ok(sheet) } else { Err(SheetDamaged) }
    }
}

/// A sheet as its close made it, for the journal to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedSheet {
    /// Its roll call.
    pub roll_call: RollCallId,
    /// The sheet in brief.
    pub info: SheetInfo,
    /// The sheet.
    pub sheet: Sheet,
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
        }
    }

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
        assert_eq!(Sheet::from_bytes(&bytes, &other.info(FIRST)), Err(SheetDamaged));
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(Sheet::from_bytes(&bytes, &sheet.info(FIRST)), Err(SheetDamaged));
        assert_eq!(Sheet::from_bytes(&[], &sheet.info(FIRST)), Err(SheetDamaged));
    }
}
