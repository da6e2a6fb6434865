//! The register: which classes are open and who answered; which sheet each class closed last.
//!
//! Deciding (`decide_*`) and doing ([`Register::apply`]) are apart: a request decides and
//! then does, the replay of the journal only does. Invariants: a class has at most one open roll
//! call; a student is on it at most once; the order of marks is the order of their records.
//!
//! The register can be read bit by bit while it changes ([`Register::begin_walk`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::era::Era;
use super::marks::{End, Head, Marks, SheetBytes};
use super::sheet::{ClosedSheet, Extras, Mark, Particulars, Remarked};
use super::supplement::Supplement;
use crate::exchange::{
    Closed, Marked, OpenRollCall, Operation, Outcome, Refusal, Refused, SheetInfo,
};
use crate::hashing::{HashKey, Index};
use crate::ids::{ClassId, RollCallId, RollCallNumber, StudentNumber};
use crate::limits::{
    CLASSES_MAX, EMPTY_SHEETS_KEPT_MAX, MARKS_PER_ROLL_CALL_MAX, OPEN_ROLL_CALLS_MAX,
};
use crate::time::WallTime;

/// A record of the journal that cannot follow the ones before it: the journal is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record contradicts the records before it: {0}")]
pub struct Contradiction(pub &'static str);

/// One piece of the register, as a snapshot keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegisterItem {
    /// The number that the next roll call gets.
    NextRollCall(RollCallId),
    /// A class's last closed sheet.
    LastSheet(SheetInfo),
    /// An open roll call; its marks follow.
    Open {
        /// Its class.
        class: ClassId,
        /// Its number.
        roll_call: RollCallId,
        /// Which of its class it is.
        number: RollCallNumber,
        /// When it was opened.
        opened_at: WallTime,
    },
    /// A mark of an open roll call.
    Mark {
        /// Its class.
        class: ClassId,
        /// Who and when.
        mark: Mark,
    },
    /// The last sheet with students of a class whose last sheet has none.
    EarlierSheet(SheetInfo),
    /// The number of a class's last closed roll call, where its sheet is forgotten.
    LastNumber {
        /// The class.
        class: ClassId,
        /// The number.
        number: RollCallNumber,
    },
    /// A closed roll call without marks whose sheet is still kept, in order of the closes.
    Empty {
        /// Its class.
        class: ClassId,
        /// Its number.
        roll_call: RollCallId,
        /// Which of its class it is.
        number: RollCallNumber,
    },
}

/// What is open, and what was closed last.
#[derive(Clone)]
pub struct Register {
    // Ordered, because `STATUS` lists classes in order and no hash order may be seen outside.
    open: BTreeMap<ClassId, RollCall>,
    past: BTreeMap<ClassId, Past>,
    /// The roll calls without marks that were closed last. When there are too many, the first is
    /// forgotten, so that nobody fills a disk by opening and closing.
    empty: VecDeque<Empty>,
    next_roll_call: RollCallId,
    /// No roll call is opened: the disk has too little room left. Not a part of what is recorded.
    disk_low: bool,
    hash_key: HashKey,
    limits: RegisterLimits,
    era: Era,
    walk: Option<Walk>,
}

/// What is kept of a class's closed roll calls.
#[derive(Clone)]
struct Past {
    era: Era,
    last_number: RollCallNumber,
    last: SheetInfo,
    /// If the last one is among the empty ones: the last one before it that is not, because that one is
    /// left when those are forgotten.
    with_students: Option<Box<SheetInfo>>,
}

impl Past {
    fn of(last: SheetInfo, era: Era) -> Self {
        Self { era, last_number: last.number, last, with_students: None }
    }

    /// What a snapshot keeps of it.
    fn items(&self) -> impl Iterator<Item = RegisterItem> + use<> {
        let Self { last_number: number, last, ref with_students, .. } = *self;
        let earlier = with_students.as_deref().copied().map(RegisterItem::EarlierSheet);
        let class = last.class;
        let counted = (number != last.number).then_some(RegisterItem::LastNumber { class, number });
        std::iter::once(RegisterItem::LastSheet(last)).chain(earlier).chain(counted)
    }

    /// The last one that is not among the empty ones; `is_empty` says whether the last one is.
    fn into_with_students(self, is_empty: bool) -> Option<Box<SheetInfo>> {
        if is_empty { self.with_students } else { Some(Box::new(self.last)) }
    }
}

/// A closed roll call without marks.
#[derive(Clone, Copy)]
struct Empty {
    class: ClassId,
    roll_call: RollCallId,
    number: RollCallNumber,
}

impl Empty {
    fn item(&self) -> RegisterItem {
        let Self { class, roll_call, number } = *self;
        RegisterItem::Empty { class, roll_call, number }
    }
}

/// A walk that is under way: what is of the last era has still to be handed out.
#[derive(Clone)]
struct Walk {
    /// The next class whose past is looked at.
    past: Option<ClassId>,
    /// The next class whose open roll call is looked at; if it is handed out in part, the position of
    /// the next mark.
    open: Option<ClassId>,
    position: Option<u32>,
    /// What was changed before the walk was there, as it had been.
    preserved: VecDeque<RegisterItem>,
    /// The marks of roll calls that were closed before the walk was through with them.
    closed: VecDeque<ClosedMarks>,
}

/// Marks of a closed roll call, from one position to another.
#[derive(Clone)]
struct ClosedMarks {
    class: ClassId,
    bytes: Arc<SheetBytes>,
    position: u32,
    end: u32,
}

/// What the journal has to keep, and what it need not keep any more, after an operation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The sheet that a close made.
    pub closed: Option<ClosedSheet>,
    /// The roll calls whose empty sheets are forgotten for it.
    pub forgotten: Vec<RollCallId>,
}

/// The bounds of a register; [`Default`] has those of [`crate::limits`], tests have smaller ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegisterLimits {
    pub(crate) marks_per_roll_call: usize,
    pub(crate) open_roll_calls: usize,
    pub(crate) classes: usize,
    pub(crate) empty_sheets: usize,
}

impl Default for RegisterLimits {
    fn default() -> Self {
        Self {
            marks_per_roll_call: MARKS_PER_ROLL_CALL_MAX as usize,
            open_roll_calls: OPEN_ROLL_CALLS_MAX,
            classes: CLASSES_MAX,
            empty_sheets: EMPTY_SHEETS_KEPT_MAX,
        }
    }
}

impl Register {
    /// An empty register whose tables hash under this key.
    #[must_use]
    pub fn new(hash_key: HashKey) -> Self {
        Self {
            open: BTreeMap::new(),
            past: BTreeMap::new(),
            empty: VecDeque::new(),
            next_roll_call: RollCallId::FIRST,
            disk_low: false,
            hash_key,
            limits: RegisterLimits::default(),
            era: Era::default(),
            walk: None,
        }
    }

    /// Whether the disk has too little room left to begin another roll call.
    #[must_use]
    pub fn is_disk_low(&self) -> bool {
        self.disk_low
    }

    /// Whether a closed roll call that was read before is still kept. One that nobody answered may have been
    /// forgotten since.
    #[must_use]
    pub fn is_there(&self, closed: &ClosedSheet) -> bool {
        !is_forgettable(&closed.info, closed.supplement.as_deref())
            || self.empty.iter().any(|it| it.roll_call == closed.roll_call)
    }

    /// Whether the disk has too little room left to begin another roll call.
    pub fn set_disk_low(&mut self, low: bool) {
        self.disk_low = low;
    }

    /// Does what was decided, and tells what that means for the sheets that are kept. A close writes the
    /// extras on its sheet. A roll call is opened again by [`Register::reopen`].
    ///
    /// # Errors
    /// If the outcome cannot follow from the present state. Nothing has changed then. After one of the
    /// `decide_*` it cannot happen; in a replay it means a damaged journal.
    pub fn apply(
        &mut self,
        operation: &Operation,
        outcome: &Outcome,
        extras: Extras<'_>,
    ) -> Result<Applied, Contradiction> {
        match (operation, outcome) {
            (
                &(Operation::Open { class, .. } | Operation::OpenWith { class, .. }),
                &Outcome::Opened { roll_call, number, opened_at, already_open: false, .. },
            ) => {
                self.insert_open(class, roll_call, number, opened_at)?;
                self.next_roll_call = roll_call.next();
                Ok(Applied::default())
            }
            (
                &(Operation::Mark { class, student, .. }
                | Operation::Deliver { class, student, .. }),
                outcome,
            ) => {
                if let Some(Marked { at, already_present: false, .. }) = outcome.marked() {
                    self.insert_mark(class, Mark { student, at })?;
                }
                Ok(Applied::default())
            }
            (&Operation::Close { class }, Outcome::Closed(closed)) => {
                self.apply_close(class, closed, extras)
            }
            // A refusal, or something that had already been so: nothing to do. Operations are named, so
            // that a new one cannot be answered and then do nothing.
            (Operation::Open { .. } | Operation::OpenWith { .. } | Operation::Close { .. }, _) => {
                Ok(Applied::default())
            }
            // What changes no mark, or is done by the other methods.
            (
                Operation::Join { .. }
                | Operation::Act(_)
                | Operation::Correct { .. }
                | Operation::Extend { .. }
                | Operation::Reopen { .. }
                | Operation::Enrol { .. },
                _,
            ) => Ok(Applied::default()),
        }
    }

    /// Closes a roll call, as a teacher asked or as its deadline did.
    ///
    /// # Errors
    /// As for [`Register::apply`].
    pub fn apply_close(
        &mut self,
        class: ClassId,
        closed: &Closed,
        extras: Extras<'_>,
    ) -> Result<Applied, Contradiction> {
        if closed.already_closed {
            return Ok(Applied::default());
        }
        self.finish(class, &closed.sheet, extras)
    }

    /// Opens a closed roll call again, with its marks.
    ///
    /// # Errors
    /// As for [`Register::apply`].
    pub fn reopen(
        &mut self,
        class: ClassId,
        (roll_call, number, opened_at): (RollCallId, RollCallNumber, WallTime),
        marks: &[Mark],
    ) -> Result<(), Contradiction> {
        self.insert_open(class, roll_call, number, opened_at)?;
        // Should it have been among the empty ones, it is counted anew when it is closed.
        self.empty.retain(|it| it.roll_call != roll_call);
        marks.iter().try_for_each(|&mark| self.insert_mark(class, mark))
    }

    /// The sheet of a closed roll call is another one. It is never forgotten from then on.
    pub fn revise(&mut self, info: &SheetInfo) {
        self.preserve_past(info.class);
        // R-SHEET-5
        self.empty.retain(|it| (it.class, it.number) != (info.class, info.number));
        let Some(past) = self.past.get_mut(&info.class) else { return };
        if past.last.number == info.number {
            past.last = *info;
            past.with_students = None;
            return;
        }
        // It is the one that is left when a last one without students is forgotten, unless a later one is.
        let is_last_empty = past.last.students == 0
            && self.empty.iter().any(|it| (it.class, it.number) == (info.class, past.last.number));
        if is_last_empty && past.with_students.as_ref().is_none_or(|it| it.number <= info.number) {
            past.with_students = Some(Box::new(*info));
        }
    }

    /// A teacher has marked somebody who had not answered.
    ///
    /// # Errors
    /// As for [`Register::apply`].
    pub fn insert_corrected(&mut self, class: ClassId, mark: Mark) -> Result<(), Contradiction> {
        self.insert_mark(class, mark)
    }

    /// The open roll calls from this class on, in order of class.
    pub fn open_from(&self, from: ClassId) -> impl Iterator<Item = OpenRollCall> + '_ {
        // R-STATUS-1
        self.open.range(from..).map(|(&class, roll_call)| OpenRollCall {
            class,
            opened_at: roll_call.opened_at,
            present: roll_call.marks.len(),
        })
    }

    /// The last closed sheet of the class.
    #[must_use]
    pub fn last_sheet(&self, class: ClassId) -> Option<SheetInfo> {
        self.past.get(&class).map(|past| past.last)
    }

    /// How many roll calls are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// How many classes have had a roll call that was closed.
    #[must_use]
    pub fn past_count(&self) -> usize {
        self.past.len()
    }

    /// Everything that a snapshot has to keep, in the order in which [`Register::restore`] takes it.
    pub fn items(&self) -> impl Iterator<Item = RegisterItem> + '_ {
        let sheets = self.past.values().flat_map(Past::items);
        let empty = self.empty.iter().map(Empty::item);
        let open = self.open.iter().flat_map(|(&class, roll_call)| {
            let RollCall { ref marks, .. } = *roll_call;
            let head = roll_call.item(class);
            let marks = marks.iter().map(move |mark| RegisterItem::Mark { class, mark });
            std::iter::once(head).chain(marks)
        });
        let next = RegisterItem::NextRollCall(self.next_roll_call);
        std::iter::once(next).chain(sheets).chain(empty).chain(open)
    }

    /// Takes back one piece of a snapshot.
    ///
    /// # Errors
    /// If it contradicts the pieces before it.
    pub fn restore(&mut self, item: &RegisterItem) -> Result<(), Contradiction> {
        match *item {
            RegisterItem::NextRollCall(roll_call) => self.next_roll_call = roll_call,
            RegisterItem::LastSheet(info) => {
                self.past.insert(info.class, Past::of(info, self.era));
            }
            RegisterItem::Open { class, roll_call, number, opened_at } => {
                self.insert_open(class, roll_call, number, opened_at)?;
            }
            RegisterItem::Mark { class, mark } => self.insert_mark(class, mark)?,
            RegisterItem::EarlierSheet(info) => {
                self.past_of(info.class)?.with_students = Some(Box::new(info));
            }
            RegisterItem::LastNumber { class, number } => {
                self.past_of(class)?.last_number = number;
            }
            RegisterItem::Empty { class, roll_call, number } => {
                self.empty.push_back(Empty { class, roll_call, number });
            }
        }
        Ok(())
    }

    fn past_of(&mut self, class: ClassId) -> Result<&mut Past, Contradiction> {
        self.past
            .get_mut(&class)
            .ok_or(Contradiction("a class has no last sheet, but an earlier one"))
    }

    /// Whether the roll call of a class is open.
    #[must_use]
    pub fn is_open(&self, class: ClassId) -> bool {
        self.open.contains_key(&class)
    }

    /// Whether a class has an open roll call, or had one.
    #[must_use]
    pub fn knows(&self, class: ClassId) -> bool {
        self.is_open(class) || self.past.contains_key(&class)
    }

    /// Whether a student has answered the open roll call of a class.
    #[must_use]
    pub fn is_present(&self, class: ClassId, student: StudentNumber) -> bool {
        self.find(class, student).is_some()
    }

    /// The mark of a student on the open roll call of a class.
    #[must_use]
    pub fn find(&self, class: ClassId, student: StudentNumber) -> Option<Mark> {
        self.open.get(&class)?.find(self.hash_key, student)
    }

    /// The open roll call of a class: its id, its number, when it was opened, and how many marks it has.
    #[must_use]
    pub fn open_roll_call(
        &self,
        class: ClassId,
    ) -> Option<(RollCallId, RollCallNumber, WallTime, u32)> {
        self.open.get(&class).map(|it| (it.id, it.number, it.opened_at, it.marks.len()))
    }

    /// The marks of the open roll call of a class, in order of arrival.
    pub fn marks(&self, class: ClassId) -> impl Iterator<Item = Mark> + '_ {
        self.open.get(&class).into_iter().flat_map(|open| open.marks.iter())
    }

    /// Whether one more roll call may be opened.
    ///
    /// # Errors
    /// Why not.
    pub fn has_room(&self) -> Result<(), Refusal> {
        if self.disk_low {
            // R-ROLL-13
            return Err(Refusal::DiskLow);
        }
        // R-ROLL-11
        if self.open.len() >= self.limits.open_roll_calls {
            return Err(Refusal::TooManyOpen);
        }
        Ok(())
    }

    /// Who has answered the open roll call of a class, in order of arrival.
    pub fn present(&self, class: ClassId) -> impl Iterator<Item = StudentNumber> + '_ {
        let open = self.open.get(&class).into_iter();
        open.flat_map(|open| open.marks.iter()).map(|mark| mark.student)
    }

    /// What an opening leads to if it is executed at this time. Changes nothing.
    #[must_use]
    pub fn decide_open(&self, class: ClassId, at: WallTime) -> Outcome {
        if let Some(open) = self.open.get(&class) {
            // R-ROLL-2
            let RollCall { id: roll_call, number, opened_at, .. } = *open;
            return Outcome::Opened { class, roll_call, number, opened_at, already_open: true };
        }
        if let Err(reason) = self.has_room() {
            return Outcome::Refused(Refused { at, reason });
        }
        let past = self.past.get(&class);
        // Open classes without a sheet count too, so that closing never finds the table full.
        if past.is_none() && self.past.len() + self.open.len() >= self.limits.classes {
            // R-ROLL-12
            return Outcome::Refused(Refused { at, reason: Refusal::TooManyClasses });
        }
        let roll_call = self.next_roll_call;
        let number = past.map_or(RollCallNumber::FIRST, |past| past.last_number.next());
        // R-ROLL-1
        Outcome::Opened { class, roll_call, number, opened_at: at, already_open: false }
    }

    /// What a close leads to if it is executed at this time, with these extras. Changes nothing.
    #[must_use]
    pub fn decide_close(&self, class: ClassId, at: WallTime, extras: Extras<'_>) -> Outcome {
        if let Some(open) = self.open.get(&class) {
            // R-ROLL-6
            let remarks = open.remarked(extras.particulars);
            let supplement = extras.supplement.map(|it| &**it);
            let sheet = open.info(class, at, End { remarks: &remarks, supplement });
            return Outcome::Closed(Box::new(Closed { sheet, already_closed: false }));
        }
        match self.last_sheet(class) {
            // R-ROLL-7
            Some(sheet) => Outcome::Closed(Box::new(Closed { sheet, already_closed: true })),
            // R-ROLL-8
            None => Outcome::Refused(Refused { at, reason: Refusal::NeverOpened }),
        }
    }

    /// What a mark leads to if it is executed at this time. Changes nothing.
    #[must_use]
    pub fn decide_mark(&self, class: ClassId, student: StudentNumber, at: WallTime) -> Outcome {
        let Some(open) = self.open.get(&class) else {
            // R-ROLL-5
            return Outcome::MarkRefused(Refused { at, reason: Refusal::NotOpen });
        };
        if let Some(first) = open.find(self.hash_key, student) {
            // R-ROLL-4
            return Outcome::Marked(Marked { class, at: first.at, already_present: true });
        }
        if open.marks.len() as usize >= self.limits.marks_per_roll_call {
            // R-ROLL-10
            return Outcome::MarkRefused(Refused { at, reason: Refusal::RollCallFull });
        }
        // R-ROLL-3
        Outcome::Marked(Marked { class, at, already_present: false })
    }

    fn insert_open(
        &mut self,
        class: ClassId,
        id: RollCallId,
        number: RollCallNumber,
        opened_at: WallTime,
    ) -> Result<(), Contradiction> {
        if self.open.contains_key(&class) {
            return Err(Contradiction("a class that is open is opened"));
        }
        self.open.insert(class, RollCall::new(id, number, opened_at, self.era));
        Ok(())
    }

    fn insert_mark(&mut self, class: ClassId, mark: Mark) -> Result<(), Contradiction> {
        let open = self
            .open
            .get_mut(&class)
            .ok_or(Contradiction("a mark for a class that is not open"))?;
        if open.era != self.era {
            // A walk that comes here hands out what was there before.
            open.frozen.get_or_insert(open.marks.end());
        }
        open.insert(self.hash_key, mark)
    }

    fn finish(
        &mut self,
        class: ClassId,
        info: &SheetInfo,
        extras: Extras<'_>,
    ) -> Result<Applied, Contradiction> {
        let Extras { particulars, supplement, terms } = extras;
        let open =
            self.open.get(&class).ok_or(Contradiction("a class that is not open is closed"))?;
        if open.marks.len() != info.students {
            return Err(Contradiction("a sheet has other students than were marked"));
        }
        if open.number != info.number {
            return Err(Contradiction("a sheet is of another roll call than is open"));
        }
        // R-ROLL-6, R-ROLL-9
        self.preserve_past(class);
        let open = self.open.remove(&class).expect("found above");
        let before = self.past.remove(&class);
        let mut past = Past::of(*info, self.era);
        if let Some(before) = &before {
            // One that is opened again may be older than the last one, which is forgotten; no number comes twice.
            past.last_number = past.last_number.max(before.last_number);
        }
        if is_forgettable(info, supplement.map(|it| &**it)) {
            past.with_students = before.and_then(|it| {
                let is_it = |other: &Empty| (other.class, other.number) == (class, it.last.number);
                let is_empty = it.last.students == 0 && self.empty.iter().any(is_it);
                it.into_with_students(is_empty)
            });
            self.empty.push_back(Empty { class, roll_call: open.id, number: open.number });
        }
        self.past.insert(class, past);
        let to_walk = self.preserve_head(class, &open);
        let roll_call = open.id;
        let head = open.head(class, info.closed_at);
        let remarks = open.remarked(particulars);
        let supplement = supplement.cloned();
        let end = End { remarks: &remarks, supplement: supplement.as_deref() };
        let bytes = Arc::new(open.marks.close(head, end));
        self.preserve_marks(class, to_walk, &bytes);
        let devices = particulars.map(|it| it.devices.clone()).unwrap_or_default();
        let closed =
            ClosedSheet { roll_call, info: *info, bytes, remarks, devices, supplement, terms };
        Ok(Applied { closed: Some(closed), forgotten: self.forget_empty() })
    }

    /// Forgets the oldest roll calls without marks, as many as there are too many.
    pub fn forget_empty(&mut self) -> Vec<RollCallId> {
        let excess = self.empty.len().saturating_sub(self.limits.empty_sheets);
        let mut forgotten = Vec::with_capacity(excess);
        for _ in 0..excess {
            let Some(Empty { class, roll_call, number }) = self.empty.pop_front() else { break };
            forgotten.push(roll_call);
            self.preserve_past(class);
            let Some(past) = self.past.get_mut(&class) else { continue };
            if past.last.students > 0 || past.last.number != number {
                continue;
            }
            match past.with_students.take() {
                Some(earlier) => past.last = *earlier,
                None => _ = self.past.remove(&class),
            }
        }
        forgotten
    }

    /// Begins to hand out everything as it is now, bit by bit by [`Register::walk`], whatever happens
    /// to it meanwhile. What is handed out can be taken by [`Register::restore`] in that order.
    pub(crate) fn begin_walk(&mut self) {
        assert!(self.walk.is_none(), "one walk at a time");
        self.era = self.era.next();
        let next = RegisterItem::NextRollCall(self.next_roll_call);
        let preserved = std::iter::once(next).chain(self.empty.iter().map(Empty::item)).collect();
        let (past, open) = (ClassId::new(1), ClassId::new(1));
        let closed = VecDeque::new();
        self.walk = Some(Walk { past, open, position: None, preserved, closed });
    }

    /// Goes on with the walk by some more than so many steps at most; true when it has ended.
    pub(crate) fn walk(&mut self, steps: usize, hand_out: &mut impl FnMut(RegisterItem)) -> bool {
        let Self { walk, past, open, era, .. } = self;
        let Some(it) = walk else { return true };
        let mut left = steps;
        while left > 0 {
            let taken = if !it.preserved.is_empty() {
                it.hand_out_preserved(left, hand_out)
            } else if !it.closed.is_empty() {
                it.hand_out_closed(left, hand_out)
            } else if let Some(from) = it.past {
                it.hand_out_past(past.range_mut(from..).next(), *era, hand_out)
            } else if let Some(from) = it.open {
                it.hand_out_open(open.range_mut(from..).next(), *era, left, hand_out)
            } else {
                *walk = None;
                return true;
            };
            left = left.saturating_sub(taken);
        }
        false
    }

    /// Sees to it that a walk hands out what is known of the past of a class as it is now.
    fn preserve_past(&mut self, class: ClassId) {
        let (Some(walk), Some(past)) = (&mut self.walk, self.past.get_mut(&class)) else { return };
        if past.era != self.era {
            past.era = self.era;
            walk.preserved.extend(past.items());
        }
    }

    /// Sees to it that a walk hands out a roll call that is closed now; gives from where to where its
    /// marks have still to be.
    fn preserve_head(&mut self, class: ClassId, open: &RollCall) -> Option<(u32, u32)> {
        let walk = self.walk.as_mut().filter(|_| open.era != self.era)?;
        let begun = walk.position.take_if(|_| walk.open == Some(class));
        if begun.is_none() {
            walk.preserved.push_back(open.item(class));
        }
        let from = begun.unwrap_or(Marks::FIRST);
        Some((from, open.frozen.unwrap_or(open.marks.end())))
    }

    fn preserve_marks(
        &mut self,
        class: ClassId,
        to_walk: Option<(u32, u32)>,
        bytes: &Arc<SheetBytes>,
    ) {
        if let (Some(walk), Some((position, end))) = (&mut self.walk, to_walk)
            && position < end
        {
            let bytes = Arc::clone(bytes);
            walk.closed.push_back(ClosedMarks { class, bytes, position, end });
        }
    }

    #[cfg(test)]
    pub(crate) fn set_limits(&mut self, limits: RegisterLimits) {
        self.limits = limits;
    }
}

/// Whether a sheet is among those that are forgotten when there are too many: nobody is on it. Who was expected
/// and did not come is something that is missed.
fn is_forgettable(info: &SheetInfo, supplement: Option<&Supplement>) -> bool {
    info.students == 0 && !supplement.is_some_and(Supplement::is_of_somebody)
}

/// Each tells how many steps it took, one at least.
impl Walk {
    fn hand_out_preserved(
        &mut self,
        most: usize,
        hand_out: &mut impl FnMut(RegisterItem),
    ) -> usize {
        let count = self.preserved.len().min(most);
        self.preserved.drain(..count).for_each(hand_out);
        count
    }

    fn hand_out_closed(&mut self, most: usize, hand_out: &mut impl FnMut(RegisterItem)) -> usize {
        let Some(marks) = self.closed.front_mut() else { return 1 };
        let ClosedMarks { class, ref bytes, position, end } = *marks;
        let mut count = 0;
        for (mark, next) in bytes.from(position).take(most) {
            if marks.position >= end {
                break;
            }
            hand_out(RegisterItem::Mark { class, mark });
            marks.position = next;
            count += 1;
        }
        if marks.position >= end {
            self.closed.pop_front();
        }
        count.max(1)
    }

    fn hand_out_past(
        &mut self,
        found: Option<(&ClassId, &mut Past)>,
        era: Era,
        hand_out: &mut impl FnMut(RegisterItem),
    ) -> usize {
        self.past = found.and_then(|(&class, past)| {
            if past.era != era {
                past.era = era;
                past.items().for_each(hand_out);
            }
            class.next()
        });
        1
    }

    fn hand_out_open(
        &mut self,
        found: Option<(&ClassId, &mut RollCall)>,
        era: Era,
        most: usize,
        hand_out: &mut impl FnMut(RegisterItem),
    ) -> usize {
        let Some((&class, open)) = found else {
            self.open = None;
            return 1;
        };
        let is_through = open.era == era;
        let mut count = 1;
        let end = open.frozen.unwrap_or(open.marks.end());
        let mut position = if is_through { end } else { self.begin_open(class, open, hand_out) };
        for (mark, next) in open.marks.from(position).take(most) {
            if position >= end {
                break;
            }
            hand_out(RegisterItem::Mark { class, mark });
            position = next;
            count += 1;
        }
        if position >= end {
            (open.era, open.frozen) = (era, None);
            (self.open, self.position) = (class.next(), None);
        } else {
            (self.open, self.position) = (Some(class), Some(position));
        }
        count
    }

    /// Where the next mark of a roll call is, whose head is handed out if it was not before.
    fn begin_open(
        &self,
        class: ClassId,
        open: &RollCall,
        hand_out: &mut impl FnMut(RegisterItem),
    ) -> u32 {
        self.position.filter(|_| self.open == Some(class)).unwrap_or_else(|| {
            hand_out(open.item(class));
            Marks::FIRST
        })
    }
}

/// One open roll call.
#[derive(Clone)]
struct RollCall {
    era: Era,
    /// Where the marks end that a walk that is under way has to hand out, if there were more since.
    frozen: Option<u32>,
    id: RollCallId,
    number: RollCallNumber,
    opened_at: WallTime,
    marks: Marks,
    /// Positions in `marks`, found by student.
    by_student: Index,
}

impl RollCall {
    fn new(id: RollCallId, number: RollCallNumber, opened_at: WallTime, era: Era) -> Self {
        let (marks, by_student) = (Marks::default(), Index::new());
        Self { era, frozen: None, id, number, opened_at, marks, by_student }
    }

    /// What a snapshot keeps of it before its marks.
    fn item(&self, class: ClassId) -> RegisterItem {
        let Self { id: roll_call, number, opened_at, .. } = *self;
        RegisterItem::Open { class, roll_call, number, opened_at }
    }

    fn find(&self, key: HashKey, student: StudentNumber) -> Option<Mark> {
        let student = student.as_bytes();
        let same = |position| self.marks.is_of(position, student);
        self.by_student.find(key.hash(student), same).map(|position| self.marks.at(position))
    }

    fn insert(&mut self, key: HashKey, mark: Mark) -> Result<(), Contradiction> {
        let Self { marks, by_student, .. } = self;
        let student = mark.student.as_bytes();
        let hash = key.hash(student);
        let same = |position| marks.is_of(position, student);
        if by_student.find_or_insert(hash, marks.end(), same).is_some() {
            return Err(Contradiction("a student is marked a second time"));
        }
        marks.push(&mark);
        Ok(())
    }

    /// What is remarked on the marks, in their order.
    fn remarked(&self, particulars: Option<&Particulars>) -> Vec<Remarked> {
        let Some(it) = particulars.filter(|it| !it.remarks.is_empty()) else { return Vec::new() };
        let marks = (0..).zip(self.marks.iter());
        let remarks = marks.filter_map(|(place, mark)| {
            let remarks = it.remarks.get(&mark.student).copied().filter(|it| !it.is_empty())?;
            Some(Remarked { place, remarks })
        });
        remarks.collect()
    }

    fn head(&self, class: ClassId, closed_at: WallTime) -> Head {
        Head { class, opened_at: self.opened_at, closed_at, students: self.marks.len() }
    }

    /// What closing it at this time makes, in brief. The bytes of its sheet are hashed here and
    /// nowhere else.
    fn info(&self, class: ClassId, closed_at: WallTime, end: End<'_>) -> SheetInfo {
        let head = self.head(class, closed_at);
        // R-SHEET-2
        let (bytes, content) = self.marks.name(head, end);
        let Head { opened_at, students, .. } = head;
        SheetInfo { class, number: self.number, opened_at, closed_at, students, bytes, content }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Terms;

    fn class(number: u32) -> ClassId {
        ClassId::new(number).unwrap()
    }

    fn mark(number: u32, student: &str) -> Operation {
        Operation::Mark { class: class(number), student: student.parse().unwrap(), code: None }
    }

    fn open(number: u32) -> Operation {
        Operation::Open { class: class(number), terms: Terms::PLAIN }
    }

    fn close(number: u32) -> Operation {
        Operation::Close { class: class(number) }
    }

    fn at(millis: u64) -> WallTime {
        WallTime::from_millis(millis)
    }

    fn register() -> Register {
        Register::new(HashKey::new(7))
    }

    fn decide(register: &Register, operation: &Operation, at: WallTime) -> Outcome {
        match *operation {
            Operation::Open { class, .. } => register.decide_open(class, at),
            Operation::Close { class } => register.decide_close(class, at, Extras::default()),
            Operation::Mark { class, student, .. } => register.decide_mark(class, student, at),
            _ => panic!("no roll call's"),
        }
    }

    fn run(register: &mut Register, operation: &Operation, millis: u64) -> Outcome {
        let outcome = decide(register, operation, at(millis));
        register.apply(operation, &outcome, Extras::default()).unwrap();
        outcome
    }

    fn students(register: &mut Register, number: u32, millis: u64) -> Vec<String> {
        let outcome = register.decide_close(class(number), at(millis), Extras::default());
        let closed =
            register.apply(&close(number), &outcome, Extras::default()).unwrap().closed.unwrap();
        closed.bytes.marks().map(|mark| mark.student.to_string()).collect()
    }

    #[test]
    fn a_roll_call_from_open_to_sheet() {
        let mut register = register();
        let opened = run(&mut register, &open(3030), 1);
        assert!(
            matches!(opened, Outcome::Opened { already_open: false, opened_at, .. } if opened_at == at(1))
        );
        for (millis, student) in [(2, "10"), (3, "042191010"), (4, "20")] {
            let outcome = run(&mut register, &mark(3030, student), millis);
            let expected = Outcome::Marked(Marked {
                class: class(3030),
                at: at(millis),
                already_present: false,
            });
            assert_eq!(outcome, expected);
        }
        assert_eq!(students(&mut register, 3030, 5), ["10", "042191010", "20"]);
    }

    #[test]
    fn what_is_open_is_counted_and_the_last_sheet_is_kept() {
        let mut register = register();
        assert_eq!((register.open_count(), register.last_sheet(class(1))), (0, None));
        for number in 1..=3 {
            run(&mut register, &open(number), 1);
        }
        assert_eq!((register.open_count(), register.last_sheet(class(1))), (3, None));
        let Outcome::Closed(closed) = run(&mut register, &close(1), 2) else {
            panic!("it was open")
        };
        assert_eq!((register.open_count(), register.last_sheet(class(1))), (2, Some(closed.sheet)));
        assert_eq!(register.last_sheet(class(2)), None);
    }

    #[test]
    fn a_second_mark_is_answered_with_the_first_time() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let again = run(&mut register, &mark(1, "10"), 9);
        assert_eq!(
            again,
            Outcome::Marked(Marked { class: class(1), at: at(2), already_present: true })
        );
        assert_eq!(students(&mut register, 1, 10), ["10"]);
    }

    #[test]
    fn a_mark_without_an_open_roll_call_is_refused_with_its_time() {
        let mut register = register();
        let refused = Outcome::MarkRefused(Refused { at: at(5), reason: Refusal::NotOpen });
        assert_eq!(run(&mut register, &mark(1, "10"), 5), refused);
        run(&mut register, &open(1), 6);
        run(&mut register, &close(1), 7);
        let refused = Outcome::MarkRefused(Refused { at: at(8), reason: Refusal::NotOpen });
        assert_eq!(run(&mut register, &mark(1, "10"), 8), refused, "after the close");
    }

    #[test]
    fn closing_one_class_touches_no_other() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &open(2), 2);
        run(&mut register, &mark(1, "10"), 3);
        run(&mut register, &mark(2, "20"), 4);
        assert_eq!(students(&mut register, 1, 5), ["10"]);
        run(&mut register, &mark(2, "30"), 6);
        assert_eq!(students(&mut register, 2, 7), ["20", "30"]);
    }

    #[test]
    fn opening_an_open_class_changes_nothing_and_tells_since_when() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let again = run(&mut register, &open(1), 3);
        assert!(
            matches!(again, Outcome::Opened { already_open: true, opened_at, .. } if opened_at == at(1))
        );
        assert_eq!(students(&mut register, 1, 4), ["10"]);
    }

    #[test]
    fn closing_a_closed_class_gives_the_same_sheet() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let Outcome::Closed(first) = run(&mut register, &close(1), 3) else { panic!("closed") };
        assert!(!first.already_closed);
        let again = run(&mut register, &close(1), 4);
        assert_eq!(again, Outcome::Closed(Box::new(Closed { already_closed: true, ..*first })));
        run(&mut register, &open(1), 5);
        run(&mut register, &close(1), 6);
        assert_ne!(
            register.last_sheet(class(1)),
            Some(first.sheet),
            "the next lesson has its own sheet"
        );
    }

    #[test]
    fn closing_a_class_that_never_had_a_roll_call_is_refused() {
        let mut register = register();
        let refused = Outcome::Refused(Refused { at: at(1), reason: Refusal::NeverOpened });
        assert_eq!(run(&mut register, &close(1), 1), refused);
    }

    // spec: R-ROLL-10, R-ROLL-11, R-ROLL-12
    #[test]
    fn every_bound_has_its_refusal() {
        let mut register = register();
        register.set_limits(RegisterLimits {
            marks_per_roll_call: 1,
            open_roll_calls: 2,
            classes: 3,
            empty_sheets: 9,
        });
        run(&mut register, &open(1), 1);
        run(&mut register, &mark(1, "10"), 2);
        let full = Outcome::MarkRefused(Refused { at: at(3), reason: Refusal::RollCallFull });
        assert_eq!(run(&mut register, &mark(1, "20"), 3), full);
        let known = Outcome::Marked(Marked { class: class(1), at: at(2), already_present: true });
        assert_eq!(run(&mut register, &mark(1, "10"), 4), known, "who is on it stays on it");
        run(&mut register, &open(2), 5);
        let many = Outcome::Refused(Refused { at: at(6), reason: Refusal::TooManyOpen });
        assert_eq!(run(&mut register, &open(3), 6), many);
        run(&mut register, &close(1), 7);
        run(&mut register, &close(2), 8);
        run(&mut register, &open(3), 9);
        let many = Outcome::Refused(Refused { at: at(10), reason: Refusal::TooManyClasses });
        assert_eq!(run(&mut register, &open(4), 10), many);
        assert!(matches!(run(&mut register, &open(1), 11), Outcome::Opened { .. }));
    }

    #[test]
    fn on_a_disk_that_is_almost_full_only_what_is_open_goes_on() {
        let mut register = register();
        run(&mut register, &open(1), 1);
        register.set_disk_low(true);
        let low = Outcome::Refused(Refused { at: at(2), reason: Refusal::DiskLow });
        assert_eq!(run(&mut register, &open(2), 2), low);
        let again = run(&mut register, &open(1), 3);
        assert!(matches!(again, Outcome::Opened { already_open: true, .. }), "{again:?}");
        let marked = run(&mut register, &mark(1, "10"), 4);
        assert!(
            matches!(marked, Outcome::Marked(Marked { already_present: false, .. })),
            "{marked:?}"
        );
        assert_eq!(students(&mut register, 1, 5), ["10"]);
        register.set_disk_low(false);
        assert!(matches!(run(&mut register, &open(2), 6), Outcome::Opened { .. }));
    }

    /// Opens, marks and closes; gives the number of the sheet and what was forgotten for it.
    fn roll_call(register: &mut Register, number: u32, students: u32) -> (u32, Vec<RollCallId>) {
        run(register, &open(number), 1);
        for student in 0..students {
            run(register, &mark(number, &student.to_string()), 2);
        }
        let outcome = register.decide_close(class(number), at(3), Extras::default());
        let applied = register.apply(&close(number), &outcome, Extras::default()).unwrap();
        let closed = applied.closed.unwrap();
        assert_eq!(closed.info, closed.sheet().info(closed.info.number));
        assert_eq!(closed.sheet().to_bytes(), closed.bytes.to_vec());
        (closed.info.number.get(), applied.forgotten)
    }

    #[test]
    fn the_roll_calls_of_a_class_are_counted() {
        let mut register = register();
        for expected in 1..=3 {
            assert_eq!(roll_call(&mut register, 3030, 2), (expected, vec![]));
            assert_eq!(roll_call(&mut register, expected, 0), (1, vec![]));
        }
        run(&mut register, &open(3030), 1);
        let mut restored = Register::new(HashKey::new(8));
        for item in register.items() {
            restored.restore(&item).unwrap();
        }
        let Outcome::Closed(closed) = run(&mut restored, &close(3030), 2) else { panic!() };
        assert_eq!(closed.sheet.number.get(), 4);
    }

    // spec: R-SHEET-5, R-ROLL-7, R-ROLL-8
    #[test]
    fn of_roll_calls_without_marks_only_the_last_are_kept() {
        let mut register = register();
        register.set_limits(RegisterLimits { empty_sheets: 2, ..RegisterLimits::default() });
        let id = RollCallId::new;
        assert_eq!(roll_call(&mut register, 1, 0), (1, vec![]), "roll call 1");
        assert_eq!(roll_call(&mut register, 2, 5), (1, vec![]), "roll call 2");
        assert_eq!(roll_call(&mut register, 2, 0), (2, vec![]), "roll call 3");
        let present = |register: &Register, number| {
            register.last_sheet(class(number)).map(|info| info.students)
        };
        assert_eq!((present(&register, 1), present(&register, 2)), (Some(0), Some(0)));
        // The third empty one: the first is forgotten, and its class, which had nothing else.
        assert_eq!(roll_call(&mut register, 3, 0), (1, vec![id(1)]), "roll call 4");
        assert_eq!(present(&register, 1), None);
        let refused = Outcome::Refused(Refused { at: at(9), reason: Refusal::NeverOpened });
        assert_eq!(run(&mut register, &close(1), 9), refused);
        // A class that has an earlier sheet keeps that one, and goes on counting.
        assert_eq!(roll_call(&mut register, 4, 0), (1, vec![id(3)]), "roll call 5");
        assert_eq!(present(&register, 2), Some(5));
        let mut restored = Register::new(HashKey::new(8));
        restored.set_limits(RegisterLimits { empty_sheets: 2, ..RegisterLimits::default() });
        for item in register.items() {
            restored.restore(&item).unwrap();
        }
        assert_eq!(restored.items().collect::<Vec<_>>(), register.items().collect::<Vec<_>>());
        for register in [&mut register, &mut restored] {
            assert_eq!(roll_call(register, 2, 1), (3, vec![]), "roll call 6");
            // What is open while its class is forgotten goes on.
            run(register, &open(3), 1);
            assert_eq!(roll_call(register, 5, 0), (1, vec![id(4)]));
            assert_eq!(register.last_sheet(class(3)), None);
            run(register, &mark(3, "10"), 2);
            assert_eq!(students(register, 3, 3), ["10"]);
            assert_eq!(register.last_sheet(class(3)).unwrap().number.get(), 2);
        }
        assert_eq!(restored.items().collect::<Vec<_>>(), register.items().collect::<Vec<_>>());
    }

    // spec: R-SHEET-5, R-CORRECT-3
    #[test]
    fn what_nobody_answered_and_a_teacher_corrected_is_not_forgotten() {
        let mut register = register();
        register.set_limits(RegisterLimits { empty_sheets: 2, ..RegisterLimits::default() });
        let revise = |register: &mut Register, number: u32, of: u32| {
            let info = register.last_sheet(class(number)).unwrap();
            let number = RollCallNumber::new(of).unwrap();
            let revised = SheetInfo { number, students: 1, ..info };
            register.revise(&revised);
            revised
        };
        roll_call(&mut register, 1, 0);
        let corrected = revise(&mut register, 1, 1);
        roll_call(&mut register, 2, 3);
        roll_call(&mut register, 2, 0);
        roll_call(&mut register, 2, 0);
        let second = revise(&mut register, 2, 2);
        assert_eq!(register.last_sheet(class(2)).unwrap().number.get(), 3);
        let mut restored = Register::new(HashKey::new(8));
        register.items().for_each(|item| restored.restore(&item).unwrap());
        restored.set_limits(RegisterLimits { empty_sheets: 2, ..RegisterLimits::default() });
        for register in [&mut register, &mut restored] {
            for number in 10..20 {
                let (_, forgotten) = roll_call(register, number, 0);
                let kept = [RollCallId::new(1), RollCallId::new(3)];
                assert!(kept.iter().all(|it| !forgotten.contains(it)), "{forgotten:?}");
            }
            assert_eq!(register.last_sheet(class(1)), Some(corrected));
            assert_eq!(register.last_sheet(class(2)), Some(second), "the last one is forgotten");
            assert_eq!(roll_call(register, 2, 1).0, 4, "it goes on counting");
        }
    }

    #[test]
    fn strangers_who_open_and_close_do_not_use_up_the_classes() {
        let mut register = register();
        let limits = RegisterLimits { empty_sheets: 2, classes: 4, ..RegisterLimits::default() };
        register.set_limits(limits);
        for number in 1..=100 {
            assert_eq!(roll_call(&mut register, number, 0).0, 1);
        }
        assert_eq!(register.items().count(), 1 + 2 + 2);
    }

    #[test]
    fn status_lists_open_classes_in_order() {
        let mut register = register();
        for number in [30, 10, 20] {
            run(&mut register, &open(number), u64::from(number));
        }
        run(&mut register, &mark(20, "1"), 99);
        let listed: Vec<_> =
            register.open_from(class(11)).map(|it| (it.class.get(), it.present)).collect();
        assert_eq!(listed, [(20, 1), (30, 0)]);
    }

    #[test]
    fn a_snapshot_restores_the_same_register() {
        let mut original = register();
        run(&mut original, &open(1), 1);
        run(&mut original, &mark(1, "10"), 2);
        run(&mut original, &close(1), 3);
        run(&mut original, &open(1), 4);
        run(&mut original, &mark(1, "30"), 5);
        run(&mut original, &mark(1, "20"), 6);
        let mut restored = Register::new(HashKey::new(8));
        for item in original.items() {
            restored.restore(&item).unwrap();
        }
        assert_eq!(original.items().collect::<Vec<_>>(), restored.items().collect::<Vec<_>>());
        assert_eq!(students(&mut restored, 1, 7), ["30", "20"]);
    }

    /// A register with a past, and roll calls that are open.
    fn lived() -> Register {
        let mut register = register();
        register.set_limits(RegisterLimits { empty_sheets: 3, ..RegisterLimits::default() });
        for number in 1..=6 {
            roll_call(&mut register, number, number % 3);
        }
        roll_call(&mut register, 2, 0);
        for number in 4..=9 {
            run(&mut register, &open(number), 4);
            for student in 0..number * 3 {
                run(&mut register, &mark(number, &student.to_string()), 5);
            }
        }
        register
    }

    fn restored(items: &[RegisterItem]) -> Register {
        let mut restored = Register::new(HashKey::new(8));
        restored.set_limits(RegisterLimits { empty_sheets: 3, ..RegisterLimits::default() });
        for item in items {
            restored.restore(item).unwrap();
        }
        restored
    }

    #[test]
    fn a_walk_hands_out_the_register_as_it_was_at_the_beginning_whatever_happens() {
        for (steps, salt) in
            [1, 2, 5, 7, 100].into_iter().flat_map(|it| (0..20).map(move |s| (it, s)))
        {
            let mut register = lived();
            let before: Vec<_> = register.items().collect();
            let mut found = Vec::new();
            register.begin_walk();
            for turn in 0_u32.. {
                if register.walk(steps, &mut |item| found.push(item)) {
                    break;
                }
                assert!(turn < 10_000, "the walk does not end");
                // Openings, marks and closes before, at and behind the walk.
                let number = 1 + (turn * 7 + salt) % 11;
                let operation = match (turn + salt) % 5 {
                    0 => close(number),
                    1 => open(number),
                    _ => mark(number, &format!("{turn}-{number}")),
                };
                run(&mut register, &operation, 6);
            }
            let then = restored(&found);
            assert_eq!(then.items().collect::<Vec<_>>(), before, "{steps} steps, {salt}");
            assert_eq!(found.len(), before.len(), "each once");
            // And the register itself is what it would be without the walk.
            let mut again = Vec::new();
            let now: Vec<_> = register.items().collect();
            register.begin_walk();
            while !register.walk(steps, &mut |item| again.push(item)) {}
            let again = restored(&again).items().collect::<Vec<_>>();
            assert_eq!(again, now, "nothing is left of the first walk");
        }
    }

    #[test]
    fn records_that_contradict_each_other_are_an_error_and_change_nothing() {
        let mut register = register();
        let marked = Outcome::Marked(Marked { class: class(1), at: at(1), already_present: false });
        assert!(register.apply(&mark(1, "10"), &marked, Extras::default()).is_err(), "not open");
        let opened = run(&mut register, &open(1), 1);
        assert!(register.apply(&open(1), &opened, Extras::default()).is_err(), "open twice");
        run(&mut register, &mark(1, "10"), 2);
        assert!(
            register.apply(&mark(1, "10"), &marked, Extras::default()).is_err(),
            "marked twice"
        );
        let Outcome::Closed(mut closed) = register.decide_close(class(1), at(3), Extras::default())
        else {
            panic!("closed")
        };
        closed.sheet.students = 2;
        let wrong = Outcome::Closed(closed);
        assert!(register.apply(&close(1), &wrong, Extras::default()).is_err(), "another count");
        assert_eq!(students(&mut register, 1, 4), ["10"]);
    }

    #[test]
    fn a_journal_that_counted_to_the_end_is_no_panic() {
        let mut register = register();
        let last = RollCallId::new(u64::MAX);
        register.restore(&RegisterItem::NextRollCall(last)).unwrap();
        let opened = run(&mut register, &open(1), 1);
        let first = Outcome::Opened {
            class: class(1),
            roll_call: last,
            number: RollCallNumber::FIRST,
            opened_at: at(1),
            already_open: false,
        };
        assert_eq!(opened, first);
        assert_eq!(register.items().next(), Some(RegisterItem::NextRollCall(last)));
    }
}
