//! The revisions of the sheets of a class, the last one first.

use super::{Inquiry, Step};
use crate::exchange::{Answer, Query, Revision, RevisionList};
use crate::ids::{ClassId, RollCallNumber};
use crate::limits::SHEETS_LISTED_MAX;
use crate::time::Instant;

/// Asks for the revisions of the sheets of a class, from a roll call down, for as long as they are wanted.
pub struct RevisionsInquiry<'a> {
    class: ClassId,
    /// The highest revision that was not told yet, if there may be one.
    next: Option<(RollCallNumber, u32)>,
    found: Vec<Revision>,
    wanted: &'a mut dyn FnMut(&Revision) -> bool,
}

impl<'a> RevisionsInquiry<'a> {
    /// From the last revision of this roll call down. The first one that is not wanted is the last that is
    /// looked at.
    #[must_use]
    pub fn new(
        class: ClassId,
        at_most: RollCallNumber,
        wanted: &'a mut dyn FnMut(&Revision) -> bool,
    ) -> Self {
        Self { class, next: Some((at_most, u32::MAX)), found: Vec::new(), wanted }
    }
}

/// What is just below a revision.
fn below(it: &Revision) -> Option<(RollCallNumber, u32)> {
    if it.revision > 1 {
        return Some((it.sheet.number, it.revision - 1));
    }
    RollCallNumber::new(it.sheet.number.get() - 1).map(|number| (number, u32::MAX))
}

impl Inquiry for RevisionsInquiry<'_> {
    type Found = Vec<Revision>;

    fn poll(&mut self, _: Instant) -> Step<Self::Found> {
        if self.found.len() > SHEETS_LISTED_MAX {
            return Step::Stalled("its list of sheets");
        }
        match self.next {
            Some((number, revision)) => {
                Step::Ask(Query::Revisions { class: self.class, number, revision })
            }
            None => Step::Done(std::mem::take(&mut self.found)),
        }
    }

    fn handle_answer(&mut self, _: Instant, answer: Answer) {
        let Answer::Revisions(RevisionList { revisions, more }) = answer else { return };
        self.next = revisions.last().filter(|_| more).and_then(below);
        for revision in revisions {
            if !(self.wanted)(&revision) {
                self.next = None;
                return;
            }
            self.found.push(revision);
        }
    }
}
