//! An open roll call, and everybody on it from a place on.

use super::{Inquiry, Step};
use crate::exchange::{Answer, Query, Watched, WatchedEntry};
use crate::ids::ClassId;
use crate::limits::MARKS_PER_ROLL_CALL_MAX;
use crate::time::Instant;

/// Asks for an open roll call and everybody on it from a place on, some with each answer.
///
/// When somebody was corrected between two answers, what was told before may be old: then it begins again,
/// once for each correction, and a server that always says so is not asked for ever.
pub struct WatchInquiry {
    class: ClassId,
    from: u32,
    last: Option<Box<Watched>>,
    found: Vec<WatchedEntry>,
    beginnings: u32,
}

impl WatchInquiry {
    /// More corrections than this while one list is read are none of a teacher's.
    const BEGINNINGS_MAX: u32 = 100;

    /// Everybody from this place on.
    #[must_use]
    pub fn new(class: ClassId, from: u32) -> Self {
        Self { class, from, last: None, found: Vec::new(), beginnings: 0 }
    }

    fn next(&self) -> u32 {
        self.from.saturating_add(u32::try_from(self.found.len()).unwrap_or(u32::MAX))
    }
}

impl Inquiry for WatchInquiry {
    type Found = (Watched, Vec<WatchedEntry>);

    fn poll(&mut self, _: Instant) -> Step<Self::Found> {
        let is_endless = self.found.len() > MARKS_PER_ROLL_CALL_MAX as usize;
        if is_endless || self.beginnings > Self::BEGINNINGS_MAX {
            return Step::Stalled("its list of who answered");
        }
        let next = self.next();
        match self.last.take_if(|it| it.entries <= next) {
            Some(last) => Step::Done((*last, std::mem::take(&mut self.found))),
            None => Step::Ask(Query::Watch { class: self.class, from: next }),
        }
    }

    fn handle_answer(&mut self, _: Instant, answer: Answer) {
        let Answer::Watched(watched) = answer else { return };
        let is_other =
            |it: &Watched| (it.corrections, it.number) != (watched.corrections, watched.number);
        if self.last.as_deref().is_some_and(is_other) {
            self.found.clear();
            self.last = None;
            self.beginnings += 1;
            return;
        }
        self.found.extend(&watched.listed);
        self.last = Some(watched);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Remarks;
    use crate::attendance::Status;
    use crate::ids::RollCallNumber;
    use crate::limits::WATCHED_MAX;
    use crate::time::WallTime;

    fn answer(entries: u32, from: u32, corrections: u32) -> Answer {
        let at = WallTime::from_millis(7);
        let entry = |place: u32| WatchedEntry {
            student: place.to_string().parse().unwrap(),
            at,
            status: Status::Present,
            remarks: Remarks::NONE,
        };
        Answer::Watched(Box::new(Watched {
            class: ClassId::new(1).unwrap(),
            number: RollCallNumber::FIRST,
            opened_at: at,
            closes_at: None,
            late_at: None,
            present: entries,
            late: 0,
            expected: None,
            expected_present: 0,
            remarked: 0,
            wrong_codes: 0,
            roster: 0,
            corrections,
            code: None,
            left_ms: 0,
            title: None,
            entries,
            listed: (from..entries).take(WATCHED_MAX).map(entry).collect(),
        }))
    }

    fn run(mut corrections: impl FnMut(u32) -> u32) -> Result<usize, u32> {
        let mut inquiry = WatchInquiry::new(ClassId::new(1).unwrap(), 0);
        for asked in 0..1_000 {
            match inquiry.poll(Instant::ZERO) {
                Step::Ask(Query::Watch { from, .. }) => {
                    inquiry.handle_answer(Instant::ZERO, answer(100, from, corrections(asked)));
                }
                Step::Done((_, found)) => return Ok(found.len()),
                _ => return Err(asked),
            }
        }
        panic!("it does not end")
    }

    // spec: R-WATCH-2
    #[test]
    fn everybody_is_listed_and_a_correction_in_between_begins_it_again() {
        assert_eq!(run(|_| 0), Ok(100));
        assert_eq!(run(|asked| u32::from(asked > 2)), Ok(100));
    }

    #[test]
    fn a_server_that_corrects_without_end_is_not_asked_without_end() {
        assert!(run(|asked| asked).unwrap_err() < 300);
    }
}
