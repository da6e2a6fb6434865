//! All open roll calls.

use super::{Inquiry, Step};
use crate::exchange::{Answer, OpenRollCall, Query, StatusList};
use crate::ids::ClassId;
use crate::limits::OPEN_ROLL_CALLS_MAX;
use crate::time::Instant;

/// Asks for the open roll calls, in order of class.
pub struct OpenInquiry {
    /// The first class of the next page, if there is one.
    from: Option<ClassId>,
    listed: Vec<OpenRollCall>,
}

impl OpenInquiry {
    /// From the first class on.
    #[must_use]
    pub fn new() -> Self {
        Self { from: ClassId::new(1), listed: Vec::new() }
    }
}

impl Default for OpenInquiry {
    fn default() -> Self {
        Self::new()
    }
}

impl Inquiry for OpenInquiry {
    type Found = Vec<OpenRollCall>;

    fn poll(&mut self, _: Instant) -> Step<Self::Found> {
        if self.listed.len() > OPEN_ROLL_CALLS_MAX {
            return Step::Stalled("its list of open roll calls");
        }
        match self.from {
            Some(from) => Step::Ask(Query::Status { from }),
            None => Step::Done(std::mem::take(&mut self.listed)),
        }
    }

    fn handle_answer(&mut self, _: Instant, answer: Answer) {
        let Answer::Status(StatusList { open, more }) = answer else { return };
        self.listed.extend(open);
        let last = self.listed.last().filter(|_| more);
        self.from = last.and_then(|last| last.class.get().checked_add(1)).and_then(ClassId::new);
    }
}
