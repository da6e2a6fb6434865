//! The closed sheets of a class in brief.

use super::{Inquiry, Step};
use crate::exchange::{Answer, Query, SheetInfo, SheetList};
use crate::ids::{ClassId, RollCallNumber};
use crate::limits::SHEETS_LISTED_MAX;
use crate::time::Instant;

/// Asks for the sheets of a class, the last one first, for as long as they are wanted.
pub struct SheetsInquiry<W> {
    class: ClassId,
    /// The highest number of the next page, if there is one.
    next: Option<RollCallNumber>,
    wanted: W,
    listed: Vec<SheetInfo>,
}

impl<W: FnMut(&SheetInfo) -> bool> SheetsInquiry<W> {
    /// From this number down, up to the first sheet that `wanted` does not want.
    #[must_use]
    pub fn new(class: ClassId, at_most: RollCallNumber, wanted: W) -> Self {
        Self { class, next: Some(at_most), wanted, listed: Vec::new() }
    }
}

impl<W: FnMut(&SheetInfo) -> bool> Inquiry for SheetsInquiry<W> {
    type Found = Vec<SheetInfo>;

    fn poll(&mut self, _: Instant) -> Step<Self::Found> {
        if self.listed.len() > SHEETS_LISTED_MAX {
            return Step::Stalled("its list of sheets");
        }
        match self.next {
            Some(at_most) => Step::Ask(Query::Sheets { class: self.class, at_most }),
            None => Step::Done(std::mem::take(&mut self.listed)),
        }
    }

    fn handle_answer(&mut self, _: Instant, answer: Answer) {
        let Answer::Sheets(SheetList { sheets, more }) = answer else { return };
        let (before, page) = (self.listed.len(), sheets.len());
        self.listed.extend(sheets.into_iter().take_while(|info| (self.wanted)(info)));
        let all_wanted = self.listed.len() == before + page;
        let last = self.listed.last().filter(|_| more && all_wanted);
        self.next = last.and_then(|last| RollCallNumber::new(last.number.get() - 1));
    }
}
