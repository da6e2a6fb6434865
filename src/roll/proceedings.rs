//! What an open roll call has beside its marks: its plan, when it closes, and corrections.
//!
//! Owns that and the order of the deadlines. Invariant: a roll call without any of it has no entry here, so
//! that one which is opened plainly costs nothing. A copy costs nothing, so that a snapshot is one.

use std::collections::VecDeque;
use std::time::Duration;

use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};

use super::Contradiction;
use super::supplement::Supplement;
use crate::attendance::{Plan, Status, TrailEntry};
use crate::ids::{ClassId, StudentNumber};
use crate::time::WallTime;

/// What an open roll call has beside its marks.
#[derive(Clone, Debug, Default)]
pub struct Proceedings {
    /// How it is to go.
    pub plan: Plan,
    closes_at: Option<WallTime>,
    late_at: Option<WallTime>,
    /// The last revision of its sheet, if it was closed before and opened again; else 0.
    closed_revision: u32,
    standings: OrdMap<StudentNumber, Status>,
    pressed: OrdMap<StudentNumber, WallTime>,
    trail: Vector<TrailEntry>,
}

impl Proceedings {
    /// Those of a roll call that is opened now.
    #[must_use]
    pub fn new(plan: Plan, opened_at: WallTime) -> Self {
        let (closes_at, late_at) = (plan.closes_at(opened_at), plan.late_at(opened_at));
        Self { plan, closes_at, late_at, ..Self::default() }
    }

    /// Those of a roll call that is opened again, whose sheet had this supplement.
    #[must_use]
    pub fn reopened(supplement: Option<&Supplement>, students: &[StudentNumber]) -> Self {
        let Some(it) = supplement else { return Self { closed_revision: 1, ..Self::default() } };
        let pressed = |it: &super::supplement::Pressed| (students[it.place as usize], it.at);
        Self {
            plan: it.plan.clone(),
            closes_at: None,
            late_at: it.late_at,
            closed_revision: it.revision,
            standings: it.standings.iter().map(|it| (it.student, it.status)).collect(),
            pressed: it.pressed.iter().map(pressed).collect(),
            trail: it.trail.iter().cloned().collect(),
        }
    }

    /// When it closes by itself.
    #[must_use]
    pub fn closes_at(&self) -> Option<WallTime> {
        self.closes_at
    }

    /// From when on who answers is late.
    #[must_use]
    pub fn late_at(&self) -> Option<WallTime> {
        self.late_at
    }

    /// Whether who answers at this time is late.
    #[must_use]
    pub fn is_late(&self, at: WallTime) -> bool {
        self.late_at.is_some_and(|late_at| at >= late_at)
    }

    /// The revision that its sheet will be.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.closed_revision.saturating_add(1)
    }

    /// What students are by a teacher's word.
    #[must_use]
    pub fn standings(&self) -> &OrdMap<StudentNumber, Status> {
        &self.standings
    }

    /// What the student is by a teacher's word.
    #[must_use]
    pub fn standing(&self, student: StudentNumber) -> Option<Status> {
        self.standings.get(&student).copied()
    }

    /// When a mark was pressed that arrived delayed.
    #[must_use]
    pub fn pressed_at(&self, student: StudentNumber) -> Option<WallTime> {
        self.pressed.get(&student).copied()
    }

    /// What arrived delayed.
    #[must_use]
    pub fn pressed(&self) -> &OrdMap<StudentNumber, WallTime> {
        &self.pressed
    }

    /// What happened beside marks.
    #[must_use]
    pub fn trail(&self) -> &Vector<TrailEntry> {
        &self.trail
    }

    /// What the student is by a teacher's word from now on.
    pub fn set_standing(&mut self, student: StudentNumber, status: Status) {
        self.standings.insert(student, status);
    }

    /// The student has answered: that somebody not there was excused is over.
    pub fn note_answer(&mut self, student: StudentNumber, pressed_at: Option<WallTime>) {
        self.standings.remove(&student);
        if let Some(at) = pressed_at {
            self.pressed.insert(student, at);
        }
    }

    /// Appends to the trail.
    pub fn note(&mut self, entry: TrailEntry) {
        self.trail.push_back(entry);
    }

    /// The end that an extension by so much at this time leads to.
    #[must_use]
    pub fn extended(&self, at: WallTime, by: Duration) -> WallTime {
        // R-PLAN-4
        self.closes_at.unwrap_or(at).after(by)
    }

    fn extend(&mut self, at: WallTime, closes_at: WallTime) {
        let by = closes_at.distance(self.closes_at.unwrap_or(at));
        // Who came too late stays late: only what has not come yet is moved.
        self.late_at = self.late_at.map(|it| if it > at { it.after(by) } else { it });
        self.closes_at = Some(closes_at);
    }
}

/// One piece of the proceedings, as a snapshot keeps it. Variants are only ever appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is a field of `Proceedings`")]
pub enum ProceedingsItem {
    Begin {
        class: ClassId,
        plan: Plan,
        closes_at: Option<WallTime>,
        late_at: Option<WallTime>,
        closed_revision: u32,
    },
    Standing {
        class: ClassId,
        student: StudentNumber,
        status: Status,
    },
    Pressed {
        class: ClassId,
        student: StudentNumber,
        at: WallTime,
    },
    Trail {
        class: ClassId,
        entry: TrailEntry,
    },
}

/// The proceedings of all open roll calls that have some.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    of: OrdMap<ClassId, Proceedings>,
    deadlines: OrdSet<(WallTime, ClassId)>,
}

impl Agenda {
    /// Those of the open roll call of a class.
    #[must_use]
    pub fn of(&self, class: ClassId) -> Option<&Proceedings> {
        self.of.get(&class)
    }

    /// The same, to be changed; there are some from now on.
    pub fn entry(&mut self, class: ClassId) -> &mut Proceedings {
        self.of.entry(class).or_default()
    }

    /// A roll call is opened with these.
    pub fn insert(&mut self, class: ClassId, proceedings: Proceedings) {
        if let Some(closes_at) = proceedings.closes_at {
            self.deadlines.insert((closes_at, class));
        }
        self.of.insert(class, proceedings);
    }

    /// A roll call is closed.
    pub fn remove(&mut self, class: ClassId) {
        if let Some(Proceedings { closes_at: Some(closes_at), .. }) = self.of.remove(&class) {
            self.deadlines.remove(&(closes_at, class));
        }
    }

    /// A roll call closes at another time.
    pub fn extend(&mut self, class: ClassId, at: WallTime, closes_at: WallTime) {
        let it = self.of.entry(class).or_default();
        if let Some(before) = it.closes_at {
            self.deadlines.remove(&(before, class));
        }
        it.extend(at, closes_at);
        self.deadlines.insert((closes_at, class));
    }

    /// The first roll call that is to be closed at this time, or was to be before, and when.
    #[must_use]
    pub fn due(&self, at: WallTime) -> Option<(WallTime, ClassId)> {
        self.deadlines.get_min().copied().filter(|it| it.0 <= at)
    }

    /// When the next roll call closes by itself.
    #[must_use]
    pub fn next_deadline(&self) -> Option<WallTime> {
        self.deadlines.get_min().map(|it| it.0)
    }

    /// Everything that a snapshot has to keep, in the order in which [`Agenda::restore`] takes it.
    #[must_use]
    pub(crate) fn items(&self) -> ProceedingsWalk {
        ProceedingsWalk { classes: self.of.clone().into_iter(), current: None }
    }

    /// Takes back one piece of a snapshot.
    ///
    /// # Errors
    /// If it contradicts the pieces before it.
    pub(crate) fn restore(&mut self, item: ProceedingsItem) -> Result<(), Contradiction> {
        match item {
            ProceedingsItem::Begin { class, plan, closes_at, late_at, closed_revision } => {
                let it = Proceedings {
                    plan,
                    closes_at,
                    late_at,
                    closed_revision,
                    ..Proceedings::default()
                };
                self.insert(class, it);
            }
            ProceedingsItem::Standing { class, student, status } => {
                self.begun(class)?.standings.insert(student, status);
            }
            ProceedingsItem::Pressed { class, student, at } => {
                self.begun(class)?.pressed.insert(student, at);
            }
            ProceedingsItem::Trail { class, entry } => self.begun(class)?.trail.push_back(entry),
        }
        Ok(())
    }

    fn begun(&mut self, class: ClassId) -> Result<&mut Proceedings, Contradiction> {
        self.of.get_mut(&class).ok_or(Contradiction("something is of a roll call without a plan"))
    }
}

type Shared = imbl::shared_ptr::DefaultSharedPtr;

/// What is still to be handed out of a copy.
#[derive(Clone)]
pub(crate) struct ProceedingsWalk {
    classes: imbl::ordmap::ConsumingIter<ClassId, Proceedings, Shared>,
    current: Option<Rest>,
}

/// What is still to be handed out of one.
#[derive(Clone)]
struct Rest {
    class: ClassId,
    standings: imbl::ordmap::ConsumingIter<StudentNumber, Status, Shared>,
    pressed: imbl::ordmap::ConsumingIter<StudentNumber, WallTime, Shared>,
    trail: VecDeque<TrailEntry>,
}

impl Rest {
    fn next(&mut self) -> Option<ProceedingsItem> {
        let class = self.class;
        if let Some((student, status)) = self.standings.next() {
            return Some(ProceedingsItem::Standing { class, student, status });
        }
        if let Some((student, at)) = self.pressed.next() {
            return Some(ProceedingsItem::Pressed { class, student, at });
        }
        self.trail.pop_front().map(|entry| ProceedingsItem::Trail { class, entry })
    }
}

impl Iterator for ProceedingsWalk {
    type Item = ProceedingsItem;

    fn next(&mut self) -> Option<ProceedingsItem> {
        if let Some(item) = self.current.as_mut().and_then(Rest::next) {
            return Some(item);
        }
        let (class, it) = self.classes.next()?;
        let Proceedings { plan, closes_at, late_at, closed_revision, standings, pressed, trail } =
            it;
        self.current = Some(Rest {
            class,
            standings: standings.into_iter(),
            pressed: pressed.into_iter(),
            trail: trail.into_iter().collect(),
        });
        Some(ProceedingsItem::Begin { class, plan, closes_at, late_at, closed_revision })
    }
}
