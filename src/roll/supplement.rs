//! What stands on a sheet beside the marks: the plan, corrections, and who was expected.
//!
//! A roll call of a class without a roster, opened without a plan and never corrected has none.

use serde::{Deserialize, Serialize};

use super::proceedings::Proceedings;
use super::sheet::Sheet;
use crate::access::{PersonName, Remarks};
use crate::attendance::{Change, Group, Listed, Plan, Reason, Status, StudentName, TrailEntry};
use crate::ids::StudentNumber;
use crate::time::WallTime;

/// What a sheet of form 3 says after its marks and remarks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplement {
    /// Which revision of the sheet this is: 1 is the one that the close made.
    pub revision: u32,
    /// How the roll call was to go.
    pub plan: Plan,
    /// When it was to close by itself.
    pub closes_at: Option<WallTime>,
    /// From when on who answered was late.
    pub late_at: Option<WallTime>,
    /// When what arrived delayed was pressed, by place of the mark, in order.
    pub pressed: Vec<Pressed>,
    /// What students were by a teacher's word, in order of their numbers.
    pub standings: Vec<Standing>,
    /// What happened beside marks, in order.
    pub trail: Vec<TrailEntry>,
    /// Who was on the roster, in order of their numbers. `None`: the class had none.
    pub roster: Option<Vec<Listed>>,
}

/// When a mark was pressed that arrived delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressed {
    /// Which mark of the sheet, counted from 0.
    pub place: u32,
    /// When.
    pub at: WallTime,
}

/// What a student was by a teacher's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Who.
    pub student: StudentNumber,
    /// What.
    pub status: Status,
}

/// A student on a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetEntry {
    /// The number.
    pub student: StudentNumber,
    /// The name, if the student was on the roster.
    pub name: Option<StudentName>,
    /// The group.
    pub group: Option<Group>,
    /// What the student was.
    pub status: Status,
    /// False if the class had a roster and the student was not on it.
    pub listed: bool,
    /// When the student answered.
    pub at: Option<WallTime>,
    /// When that was pressed, if it arrived delayed.
    pub pressed_at: Option<WallTime>,
    /// What is remarked.
    pub remarks: Remarks,
    /// True if a teacher has said what the student was.
    pub corrected: bool,
    /// Who that was, where that is known.
    pub by: Option<PersonName>,
    /// Why.
    pub reason: Option<Reason>,
}

impl SheetEntry {
    /// The words for what is remarked, and for a mark that arrived delayed.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        self.remarks.names().chain(self.pressed_at.map(|_| "delayed"))
    }
}

impl Supplement {
    /// That of the sheet that closes a roll call with these proceedings, with who is expected and who has
    /// answered, in order of arrival.
    #[must_use]
    pub fn of(
        proceedings: &Proceedings,
        roster: Option<Vec<Listed>>,
        marked: impl Iterator<Item = StudentNumber>,
    ) -> Self {
        let is_delayed = !proceedings.pressed().is_empty();
        let pressed =
            (0..).zip(marked).take_while(|_| is_delayed).filter_map(|(place, student)| {
                proceedings.pressed_at(student).map(|at| Pressed { place, at })
            });
        let standings = proceedings.standings().iter();
        Self {
            revision: proceedings.revision(),
            plan: proceedings.plan.clone(),
            closes_at: proceedings.closes_at(),
            late_at: proceedings.late_at(),
            pressed: pressed.collect(),
            standings: standings.map(|(&student, &status)| Standing { student, status }).collect(),
            trail: proceedings.trail().iter().cloned().collect(),
            roster,
        }
    }

    /// Whether its lists are in their one order and fit so many marks.
    pub(super) fn is_valid(&self, marks: usize) -> bool {
        let Self { revision, plan, pressed, standings, roster, .. } = self;
        let roster = roster.as_deref().unwrap_or_default();
        *revision > 0
            && plan.is_valid()
            && pressed.windows(2).all(|pair| pair[0].place < pair[1].place)
            && pressed.last().is_none_or(|it| (it.place as usize) < marks)
            && standings.windows(2).all(|pair| pair[0].student < pair[1].student)
            && roster.windows(2).all(|pair| pair[0].student < pair[1].student)
    }

    /// Whether it says something of somebody. A plan alone says nothing that is missed.
    pub(super) fn is_of_somebody(&self) -> bool {
        self.roster.is_some() || !self.standings.is_empty() || !self.trail.is_empty()
    }

    /// The student's entry on the roster, if there is one.
    fn listed(&self, student: StudentNumber) -> Option<&Listed> {
        let roster = self.roster.as_deref()?;
        let found = roster.binary_search_by_key(&student, |it| it.student);
        found.ok().map(|place| &roster[place])
    }

    fn standing(&self, student: StudentNumber) -> Option<Status> {
        let found = self.standings.binary_search_by_key(&student, |it| it.student);
        found.ok().map(|place| self.standings[place].status)
    }

    fn pressed_at(&self, place: u32) -> Option<WallTime> {
        let found = self.pressed.binary_search_by_key(&place, |it| it.place);
        found.ok().map(|it| self.pressed[it].at)
    }

    /// Whether who answered then was late.
    #[must_use]
    pub fn is_late(&self, at: WallTime) -> bool {
        self.late_at.is_some_and(|late_at| at >= late_at)
    }
}

impl Sheet {
    /// Which revision it is.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.supplement.as_ref().map_or(1, |it| it.revision)
    }

    /// Everybody on it: who answered in order of arrival, then who was corrected without an answer, and then
    /// who was expected and did not come, each in order of their numbers.
    #[must_use]
    pub fn entries(&self) -> Vec<SheetEntry> {
        let marked = (0_u32..).zip(&self.marks).map(|(place, mark)| {
            let entry = SheetEntry {
                at: Some(mark.at),
                remarks: self.remarks_at(place),
                ..SheetEntry::of(mark.student, Status::Present)
            };
            match &self.supplement {
                None => entry,
                Some(it) => entry.supplemented(it, it.pressed_at(place)),
            }
        });
        let mut entries: Vec<_> = marked.collect();
        let Some(supplement) = &self.supplement else { return entries };
        entries.extend(self.unmarked(supplement));
        entries
    }

    /// What a student was, if that is known.
    #[must_use]
    pub fn status(&self, student: StudentNumber) -> Option<Status> {
        self.entries().into_iter().find(|it| it.student == student).map(|it| it.status)
    }

    fn unmarked(&self, supplement: &Supplement) -> Vec<SheetEntry> {
        let marked: std::collections::BTreeSet<_> =
            self.marks.iter().map(|mark| mark.student).collect();
        let standing = supplement.standings.iter().map(|it| it.student);
        let expected = supplement.roster.iter().flatten().map(|it| it.student);
        let is_unmarked = |it: &StudentNumber| !marked.contains(it);
        let corrected = standing.filter(is_unmarked);
        let absent = expected.filter(|it| is_unmarked(it) && supplement.standing(*it).is_none());
        let entry =
            |student| SheetEntry::of(student, Status::Absent).supplemented(supplement, None);
        corrected.chain(absent).map(entry).collect()
    }
}

impl SheetEntry {
    fn of(student: StudentNumber, status: Status) -> Self {
        Self {
            student,
            name: None,
            group: None,
            status,
            listed: true,
            at: None,
            pressed_at: None,
            remarks: Remarks::NONE,
            corrected: false,
            by: None,
            reason: None,
        }
    }

    /// With what the supplement says of the student.
    fn supplemented(self, supplement: &Supplement, pressed_at: Option<WallTime>) -> Self {
        let student = self.student;
        let listed = supplement.listed(student);
        let is_late = self.at.is_some_and(|at| supplement.is_late(pressed_at.unwrap_or(at)));
        let by_itself = if is_late { Status::Late } else { self.status };
        let is_theirs = |it: &&TrailEntry| matches!(it.change, Change::Corrected { student: of, .. } if of == student);
        let status = supplement.standing(student);
        let last = status.and_then(|_| supplement.trail.iter().rev().find(is_theirs));
        Self {
            name: listed.map(|it| it.name.clone()),
            group: listed.and_then(|it| it.group.clone()),
            status: status.unwrap_or(by_itself),
            listed: supplement.roster.is_none() || listed.is_some(),
            pressed_at,
            corrected: status.is_some(),
            by: last.and_then(|it| it.by),
            reason: last.and_then(|it| it.reason.clone()),
            ..self
        }
    }
}
