//! A journal without a disk: for `--in-memory` and the simulator.
//!
//! What it "commits" lasts as long as the process, and so does the server that would ask for it
//! back; therefore it keeps no batch and no snapshot, only sheets. Invariant: the sheets are bounded
//! in number and bytes. At the bound the oldest goes, and a client that asks for it is told that
//! there is no such sheet; the newest is always kept.

use std::collections::VecDeque;

use super::{DiskStatus, Journal, JournalError, Recovered, SheetReader};
use crate::exchange::{ActRecord, MyMark, Revision, SheetInfo};
use crate::ids::{ClassId, ContentId, RollCallNumber};
use crate::limits::{
    MARKS_PER_ROLL_CALL_MAX, MEMORY_ACTS_MAX, MEMORY_SHEETS_MAX, MEMORY_SHEETS_MAX_BYTES,
};
use crate::record::{Batch, Recovery, Rows, RowsQuestion, SnapshotPart};
use crate::roll::{ClosedSheet, Mark};

const _: () = {
    // Room for the largest sheet: 40 bytes hold a student number, its length and a time.
    assert!(MARKS_PER_ROLL_CALL_MAX as usize * 40 <= MEMORY_SHEETS_MAX_BYTES);
};

/// A journal in memory.
#[derive(Debug)]
pub struct MemoryJournal {
    /// The last revision of each roll call, the oldest first.
    sheets: VecDeque<ClosedSheet>,
    /// The revisions before those.
    earlier: VecDeque<ClosedSheet>,
    /// The oldest first.
    acts: VecDeque<ActRecord>,
    bytes: usize,
    sheets_max: usize,
    bytes_max: usize,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(MEMORY_SHEETS_MAX, MEMORY_SHEETS_MAX_BYTES)
    }

    fn bounded(sheets_max: usize, bytes_max: usize) -> Self {
        let (sheets, earlier, acts) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { sheets, earlier, acts, bytes: 0, sheets_max, bytes_max }
    }

    fn revisions(
        &self,
        class: ClassId,
        from: (RollCallNumber, u32),
        limit: usize,
    ) -> Vec<Revision> {
        let all = self.sheets.iter().chain(&self.earlier);
        let of_class = all.filter(|it| it.info.class == class);
        let mut found: Vec<_> = of_class
            .map(|it| Revision { revision: it.revision(), at: it.revised_at(), sheet: it.info })
            .filter(|it| (it.sheet.number, it.revision) <= from)
            .collect();
        found.sort_by_key(|it| std::cmp::Reverse((it.sheet.number, it.revision)));
        found.truncate(limit + 1);
        found
    }

    fn keep(&mut self, sheet: &ClosedSheet) {
        self.bytes += sheet.bytes.len();
        let is_before = |it: &ClosedSheet| it.roll_call == sheet.roll_call;
        match self.sheets.iter().rposition(is_before).filter(|_| sheet.revision() > 1) {
            Some(place) => {
                self.earlier.push_back(std::mem::replace(&mut self.sheets[place], sheet.clone()));
            }
            None => self.sheets.push_back(sheet.clone()),
        }
        while self.earlier.len() > self.sheets_max || self.bytes > self.bytes_max {
            let Some(oldest) = self.earlier.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
        }
        while self.sheets.len() > self.sheets_max
            || (self.bytes > self.bytes_max && self.sheets.len() > 1)
        {
            let Some(oldest) = self.sheets.pop_front() else { return };
            self.bytes -= oldest.bytes.len();
        }
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl Journal for MemoryJournal {
    /// Yields nothing: what was there ended with the process.
    fn recover(&mut self, _into: &mut dyn Recovery) -> Result<Recovered, JournalError> {
        Ok(Recovered::default())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), JournalError> {
        batch.sheets.iter().for_each(|sheet| self.keep(sheet));
        self.acts.extend(&batch.acts);
        let excess = self.acts.len().saturating_sub(MEMORY_ACTS_MAX);
        self.acts.drain(..excess);
        Ok(())
    }

    fn sheet(&mut self, content: ContentId) -> Result<Option<Vec<u8>>, JournalError> {
        let mut all = self.sheets.iter().chain(&self.earlier);
        let found = all.find(|sheet| sheet.info.content == content);
        Ok(found.map(|sheet| sheet.bytes.to_vec()))
    }

    fn history(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        limit: usize,
    ) -> Result<Vec<SheetInfo>, JournalError> {
        let of_class = |info: &SheetInfo| info.class == class && info.number <= at_most;
        let mut found: Vec<_> =
            self.sheets.iter().rev().map(|sheet| sheet.info).filter(of_class).collect();
        // A roll call that was corrected is not newer than the one after it.
        found.sort_by_key(|info| std::cmp::Reverse(info.number));
        found.truncate(limit);
        Ok(found)
    }

    fn rows(&mut self, question: RowsQuestion) -> Result<Rows, JournalError> {
        Ok(match question {
            RowsQuestion::Acts { at_most, limit } => {
                let newest_first = self.acts.iter().rev().filter(|act| act.number <= at_most);
                Rows::Acts(newest_first.take(limit + 1).copied().collect())
            }
            RowsQuestion::Mine { device, skip, limit } => {
                let newest_first = self.sheets.iter().rev().flat_map(|sheet| {
                    let SheetInfo { class, number, .. } = sheet.info;
                    let is_theirs =
                        move |mark: &Mark| sheet.devices.get(&mark.student) == Some(&device);
                    let marks = sheet.bytes.marks().filter(is_theirs);
                    marks.map(move |Mark { student, at }| MyMark { class, number, student, at })
                });
                Rows::Mine(newest_first.skip(skip as usize).take(limit + 1).collect())
            }
            RowsQuestion::Tally { class, student } => {
                let of_class = self.sheets.iter().filter(|it| it.info.class == class);
                Rows::Tally(of_class.filter_map(|it| it.expected(student)).collect())
            }
            RowsQuestion::Revisions { class, number, revision, limit } => {
                Rows::Revisions(self.revisions(class, (number, revision), limit))
            }
            RowsQuestion::RollCall { class, number } => {
                let is_it = |it: &&ClosedSheet| (it.info.class, it.info.number) == (class, number);
                Rows::RollCall(self.sheets.iter().rev().find(is_it).cloned().map(Box::new))
            }
        })
    }

    fn reader(&self) -> Result<Option<Box<dyn SheetReader>>, JournalError> {
        Ok(None)
    }

    fn disk_status(&mut self) -> Result<DiskStatus, JournalError> {
        Ok(DiskStatus::default())
    }

    /// Never: there are no batches to take the place of.
    fn snapshot_due(&self) -> bool {
        false
    }

    fn keep_snapshot(&mut self, _part: &SnapshotPart) -> Result<(), JournalError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClassId, RollCallId};
    use crate::roll::{Mark, Sheet};
    use crate::time::WallTime;

    fn sheet(number: u32) -> Sheet {
        let at = WallTime::from_millis(0);
        Sheet {
            class: ClassId::new(number).unwrap(),
            opened_at: at,
            closed_at: at,
            marks: vec![Mark { student: "042191010".parse().unwrap(), at }],
            remarks: vec![],
            supplement: None,
        }
    }

    fn batch(number: u32) -> Batch {
        let roll_call = RollCallId::new(u64::from(number));
        let sheets = vec![ClosedSheet::new(roll_call, RollCallNumber::FIRST, &sheet(number))];
        Batch {
            number: u64::from(number),
            records: vec![],
            sheets,
            forgotten: vec![],
            acts: vec![],
        }
    }

    fn kept(journal: &mut MemoryJournal) -> Vec<u32> {
        let has = |number: &u32| {
            let sheet = sheet(*number);
            let found = journal.sheet(sheet.info(RollCallNumber::FIRST).content).unwrap();
            assert!(found.iter().all(|bytes| *bytes == sheet.to_bytes()));
            found.is_some()
        };
        (1..=4).filter(has).collect()
    }

    #[test]
    fn sheets_are_found_by_their_names_and_the_oldest_is_dropped_at_the_bound() {
        let mut journal = MemoryJournal::bounded(2, usize::MAX);
        (1..=3).for_each(|number| journal.commit(&batch(number)).unwrap());
        assert_eq!(kept(&mut journal), [2, 3]);
        assert!(!journal.snapshot_due());
    }

    #[test]
    fn the_bytes_are_bounded_too_but_the_newest_sheet_is_kept() {
        let size = sheet(1).to_bytes().len();
        let mut journal = MemoryJournal::bounded(usize::MAX, 2 * size);
        (1..=3).for_each(|number| journal.commit(&batch(number)).unwrap());
        assert_eq!((kept(&mut journal), journal.bytes), (vec![2, 3], 2 * size));
        let mut tiny = MemoryJournal::bounded(usize::MAX, 1);
        (1..=3).for_each(|number| tiny.commit(&batch(number)).unwrap());
        assert_eq!(kept(&mut tiny), [3]);
    }
}
