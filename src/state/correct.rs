//! Corrections: what a teacher says a student was, and that a close was a mistake.

use std::sync::Arc;

use super::kept::Known;
use super::{Decision, State};
use crate::access::{Remarks, Terms};
use crate::attendance::{Change, Correction, Status, TrailEntry};
use crate::exchange::{Corrected, Outcome, Refusal, Refused};
use crate::ids::{ClassId, RollCallNumber};
use crate::limits::{REOPEN_MARKS_MAX, REOPEN_MAX, TRAIL_MAX};
use crate::principal::Principal;
use crate::roll::{
    Applied, ClosedSheet, Contradiction, Mark, Particulars, Proceedings, Remarked, Sheet, Standing,
    Supplement,
};
use crate::time::WallTime;

impl State {
    pub(super) fn decide_correct(
        &self,
        who: Principal,
        class: ClassId,
        correction: &Correction,
        at: WallTime,
    ) -> Decision {
        if let Err(reason) = self.people.decide_close(who, class, self.register.knows(class)) {
            return Decision::of(Err(reason), at);
        }
        let open = self.register.open_roll_call(class).map(|it| it.1);
        let last = self.register.last_sheet(class).map(|it| it.number);
        // R-CORRECT-1
        let Some(number) = correction.number.or(open).or(last) else {
            return Decision::of(Err(Refusal::NeverOpened), at);
        };
        if open == Some(number) {
            return Decision::of(self.decide_correct_open(class, number, correction, at), at);
        }
        if last.is_none_or(|last| number > last) {
            return Decision::of(Err(Refusal::NoSuchRollCall), at);
        }
        match self.kept.get(class, number) {
            None => Decision::Load(class, number),
            Some(Known::TooLarge) => Decision::of(Err(Refusal::NoRoom), at),
            // R-CORRECT-3
            Some(Known::Is(closed)) if self.register.is_there(closed) => {
                Decision::of(self.decide_correct_closed(who, closed, correction, at), at)
            }
            Some(_) => Decision::of(Err(Refusal::NoSuchRollCall), at),
        }
    }

    fn decide_correct_open(
        &self,
        class: ClassId,
        number: RollCallNumber,
        correction: &Correction,
        at: WallTime,
    ) -> Result<Outcome, Refusal> {
        let was = self.status_in_open(class, correction);
        let trail = self.agenda.of(class).map_or(0, |it| it.trail().len());
        check(was, correction.status, trail)?;
        let is_new = !self.register.is_present(class, correction.student);
        if correction.status.is_there() && is_new {
            // A full roll call takes nobody more.
            let decided = self.register.decide_mark(class, correction.student, at);
            if let Outcome::MarkRefused(Refused { reason, .. }) = decided {
                return Err(reason);
            }
        }
        let corrected = Corrected { at, class, number, revision: 0, was };
        Ok(Outcome::Corrected { corrected, revised: None })
    }

    /// What a student is on the open roll call of a class, if anything is known.
    fn status_in_open(&self, class: ClassId, correction: &Correction) -> Option<Status> {
        let student = correction.student;
        let proceedings = self.agenda.of(class);
        if let Some(standing) = proceedings.and_then(|it| it.standing(student)) {
            return Some(standing);
        }
        if let Some(mark) = self.register.find(class, student) {
            let pressed_at = proceedings.and_then(|it| it.pressed_at(student)).unwrap_or(mark.at);
            let is_late = proceedings.is_some_and(|it| it.is_late(pressed_at));
            return Some(if is_late { Status::Late } else { Status::Present });
        }
        self.rosters.of(class).filter(|it| it.has(student)).map(|_| Status::Absent)
    }

    fn decide_correct_closed(
        &self,
        who: Principal,
        closed: &ClosedSheet,
        correction: &Correction,
        at: WallTime,
    ) -> Result<Outcome, Refusal> {
        let was = closed.sheet().status(correction.student);
        let trail = closed.supplement.as_ref().map_or(0, |it| it.trail.len());
        check(was, correction.status, trail)?;
        // Each revision is a whole sheet on the disk.
        if was != Some(correction.status) && self.register.is_disk_low() {
            return Err(Refusal::DiskLow);
        }
        let (class, number) = (closed.info.class, closed.info.number);
        let revision = closed.revision();
        let corrected = Corrected { at, class, number, revision, was };
        if was == Some(correction.status) {
            return Ok(Outcome::Corrected { corrected, revised: None });
        }
        let corrected = Corrected { revision: revision.saturating_add(1), ..corrected };
        let revised = self.revised(who, closed, correction, &corrected);
        Ok(Outcome::Corrected { corrected, revised: Some(Box::new(revised.info)) })
    }

    /// The revision of a closed sheet that a correction makes.
    fn revised(
        &self,
        who: Principal,
        closed: &ClosedSheet,
        correction: &Correction,
        corrected: &Corrected,
    ) -> ClosedSheet {
        let &Corrected { at, was, revision, .. } = corrected;
        let &Correction { student, status, ref reason, .. } = correction;
        let mut sheet = closed.sheet();
        let is_marked = sheet.marks.iter().any(|mark| mark.student == student);
        if status.is_there() && !is_marked {
            let place =
                u32::try_from(sheet.marks.len()).expect("bounded by MARKS_PER_ROLL_CALL_MAX");
            sheet.marks.push(Mark { student, at });
            if closed.terms.is_some() {
                sheet.remarks.push(Remarked { place, remarks: Remarks::BY_TEACHER });
            }
        }
        let before = sheet.supplement.as_deref();
        let mut supplement = before
            .cloned()
            .unwrap_or_else(|| Supplement::of(&Proceedings::default(), None, std::iter::empty()));
        let standing = Standing { student, status };
        match supplement.standings.binary_search_by_key(&student, |it| it.student) {
            Ok(place) => supplement.standings[place] = standing,
            Err(place) => supplement.standings.insert(place, standing),
        }
        let change = Change::Corrected { student, was, is: status };
        let (by, reason) = (self.people.name_of(who), reason.clone());
        supplement.trail.push(TrailEntry { at, by, change, reason });
        supplement.revision = revision;
        sheet.supplement = Some(Arc::new(supplement));
        ClosedSheet {
            devices: closed.devices.clone(),
            terms: closed.terms,
            ..ClosedSheet::new(closed.roll_call, closed.info.number, &sheet)
        }
    }

    pub(super) fn apply_correct(
        &mut self,
        who: Principal,
        class: ClassId,
        correction: &Correction,
        outcome: &Outcome,
    ) -> Result<Applied, Contradiction> {
        let Outcome::Corrected { corrected, revised } = outcome else {
            return Ok(Applied::default());
        };
        if corrected.was == Some(correction.status) {
            return Ok(Applied::default());
        }
        let Some(info) = revised else {
            self.correct_open(who, class, correction, corrected)?;
            return Ok(Applied::default());
        };
        self.register.revise(info);
        // A replay has not read the sheet, and needs none: the journal has its rows.
        let Some(closed) = self.kept.sheet(class, corrected.number) else {
            return Ok(Applied::default());
        };
        let closed = Arc::clone(closed);
        if closed.revision().saturating_add(1) != corrected.revision {
            self.kept.remove(class, corrected.number);
            return Ok(Applied::default());
        }
        let revision = self.revised(who, &closed, correction, corrected);
        self.kept.insert(class, corrected.number, Some(Arc::new(revision.clone())));
        Ok(Applied { closed: Some(revision), forgotten: Vec::new() })
    }

    fn correct_open(
        &mut self,
        who: Principal,
        class: ClassId,
        correction: &Correction,
        corrected: &Corrected,
    ) -> Result<(), Contradiction> {
        let &Correction { student, status, ref reason, .. } = correction;
        if !self.register.is_open(class) {
            return Err(Contradiction("a class that is not open is corrected as if it were"));
        }
        let is_marked = self.register.is_present(class, student);
        if status.is_there() && !is_marked {
            self.register.insert_corrected(class, Mark { student, at: corrected.at })?;
            self.people.note_marked_by_teacher(class, student);
        }
        let by = self.people.name_of(who);
        let change = Change::Corrected { student, was: corrected.was, is: status };
        let proceedings = self.agenda.entry(class);
        proceedings.set_standing(student, status);
        let at = corrected.at;
        proceedings.note(TrailEntry { at, by, change, reason: reason.clone() });
        Ok(())
    }

    pub(super) fn decide_reopen(&self, who: Principal, class: ClassId, at: WallTime) -> Decision {
        if let Err(reason) = self.people.decide_close(who, class, self.register.knows(class)) {
            return Decision::of(Err(reason), at);
        }
        if self.register.is_open(class) {
            return Decision::Outcome(self.register.decide_open(class, at));
        }
        let Some(last) = self.register.last_sheet(class) else {
            return Decision::of(Err(Refusal::NeverOpened), at);
        };
        // R-REOPEN-1
        if at.distance(last.closed_at) > REOPEN_MAX {
            return Decision::of(Err(Refusal::ReopenTooLate), at);
        }
        let room = self.register.has_room().err().or_else(|| self.lacks_room(who, class));
        let is_huge = last.students as usize > REOPEN_MARKS_MAX;
        if let Some(reason) = room.or(is_huge.then_some(Refusal::NoRoom)) {
            return Decision::of(Err(reason), at);
        }
        match self.kept.get(class, last.number) {
            None => Decision::Load(class, last.number),
            Some(Known::TooLarge) => Decision::of(Err(Refusal::NoRoom), at),
            Some(Known::Is(closed)) if self.register.is_there(closed) => {
                // R-CORRECT-5
                let trail = closed.supplement.as_ref().map_or(0, |it| it.trail.len());
                if trail >= TRAIL_MAX {
                    return Decision::of(Err(Refusal::NoRoom), at);
                }
                Decision::Outcome(Outcome::Reopened {
                    at,
                    class,
                    roll_call: closed.roll_call,
                    number: closed.info.number,
                    opened_at: closed.info.opened_at,
                })
            }
            Some(_) => Decision::of(Err(Refusal::NoSuchRollCall), at),
        }
    }

    pub(super) fn apply_reopen(
        &mut self,
        who: Principal,
        class: ClassId,
        outcome: &Outcome,
    ) -> Result<(), Contradiction> {
        let &Outcome::Reopened { at, number, .. } = outcome else { return Ok(()) };
        let Some(closed) = self.kept.sheet(class, number) else {
            return Err(Contradiction("a roll call is opened again that is not known"));
        };
        let closed = Arc::clone(closed);
        self.kept.remove(class, number);
        let Sheet { marks, remarks, supplement, opened_at, .. } = closed.sheet();
        self.register.reopen(class, (closed.roll_call, number, opened_at), &marks)?;
        let students: Vec<_> = marks.iter().map(|mark| mark.student).collect();
        let mut proceedings = Proceedings::reopened(supplement.as_deref(), &students);
        let by = self.people.name_of(who);
        // R-REOPEN-2
        proceedings.note(TrailEntry { at, by, change: Change::Reopened, reason: None });
        self.agenda.insert(class, proceedings);
        // What was closed before terms were kept is not opened for everybody.
        let is_owned = self.people.is_owned(class);
        if let Some(terms) = closed.terms.or_else(|| is_owned.then_some(Terms::SEALED)) {
            let remarked = remarks.iter().map(|it| (students[it.place as usize], it.remarks));
            let particulars =
                Particulars { devices: closed.devices.clone(), remarks: remarked.collect() };
            self.people.reopen_room(class, terms, particulars);
        }
        Ok(())
    }
}

/// Whether somebody can be corrected so, of whom that is known, beside so many corrections.
fn check(was: Option<Status>, is: Status, trail: usize) -> Result<(), Refusal> {
    // R-CORRECT-2
    if was.is_none() && !is.is_there() {
        return Err(Refusal::UnknownStudent);
    }
    // R-CORRECT-5
    if was != Some(is) && trail >= TRAIL_MAX { Err(Refusal::NoRoom) } else { Ok(()) }
}
