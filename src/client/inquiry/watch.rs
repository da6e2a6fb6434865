//! An open roll call, and everybody on it from a place on.

use super::{Inquiry, Step};
use crate::exchange::{Answer, Query, Watched, WatchedEntry};
use crate::ids::ClassId;
use crate::limits::MARKS_PER_ROLL_CALL_MAX;
use crate::time::Instant;

/// Asks for an open roll call and everybody on it from a place on, some with each answer.
///
/// When somebody was corrected between two answers, what was told before may be old: then it begins again. Who
/// answers gets a place before those without a mark, who come last: then it goes on from the first of these. A
/// server that always says so is not asked for ever. Who wants to go on later does it from the first one
/// [without a mark](WatchedEntry::is_unmarked).
pub struct WatchInquiry {
    class: ClassId,
    from: u32,
    last: Option<Box<Watched>>,
    found: Vec<WatchedEntry>,
    beginnings: u32,
}

impl WatchInquiry {
    /// More corrections and answers than this while one list is read are none of a class's.
    const BEGINNINGS_MAX: u32 = 1_000;

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
        // R-WATCH-2
        let has_answers = self.last.as_deref().is_some_and(|it| it.present != watched.present);
        let is_unmarked = |it: &WatchedEntry| it.is_unmarked(watched.opened_at);
        if let Some(first) = self.found.iter().position(is_unmarked).filter(|_| has_answers) {
            self.found.truncate(first);
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
        for asked in 0..10_000 {
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

    // spec: R-WATCH-2
    #[test]
    fn who_answers_while_those_without_a_mark_are_listed_is_not_missed() {
        let opened_at = WallTime::from_millis(1);
        let entry = |place: u32, marks: u32| {
            let (at, status) = if place < marks {
                (WallTime::from_millis(7), Status::Present)
            } else {
                (opened_at, Status::Excused)
            };
            let student = if place < marks { place } else { 1_000 + place - marks };
            let student = student.to_string().parse().unwrap();
            WatchedEntry { student, at, status, remarks: Remarks::NONE }
        };
        // One more has answered before each answer but the last ones; forty were excused.
        let mut inquiry = WatchInquiry::new(ClassId::new(1).unwrap(), 0);
        let mut asked = 0;
        let found = loop {
            let marks = 30 + u32::min(asked, 9);
            asked += 1;
            match inquiry.poll(Instant::ZERO) {
                Step::Ask(Query::Watch { from, .. }) => {
                    let Answer::Watched(watched) = answer(marks + 40, from, 0) else { panic!() };
                    let places = (from..marks + 40).take(WATCHED_MAX);
                    let listed = places.map(|place| entry(place, marks)).collect();
                    let watched = Watched { opened_at, present: marks, listed, ..*watched };
                    inquiry.handle_answer(Instant::ZERO, Answer::Watched(Box::new(watched)));
                }
                Step::Done((_, found)) => break found,
                _ => panic!("it goes on"),
            }
        };
        let students: std::collections::BTreeSet<_> = found.iter().map(|it| it.student).collect();
        assert_eq!((found.len(), students.len()), (79, 79));
    }

    #[test]
    fn a_server_that_corrects_without_end_is_not_asked_without_end() {
        assert!(run(|asked| asked).unwrap_err() < 3_000);
    }
}
