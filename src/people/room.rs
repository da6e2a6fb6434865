//! The room in which a roll call is held: its terms, its code, who answered from which device, and what is
//! remarked on that.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use super::{CodeClock, People, RoomSecret};
use crate::access::{Remarks, RoomCode, Terms, Who};
use crate::exchange::{Arrived, Marked, Outcome, Refusal, Refused};
use crate::ids::{ClassId, DeviceId, StudentNumber};
use crate::limits::{STRANGERS_WRONG_CODES_MAX, WRONG_CODES_MAX};
use crate::principal::Principal;
use crate::roll::Particulars;
use crate::time::Instant;

/// A roll call that a device opened.
#[derive(Clone, Debug)]
pub struct Room {
    /// Under which terms.
    pub terms: Terms,
    pub(super) secret: Option<RoomSecret>,
    /// From which device each student answered, and what is remarked.
    pub(super) particulars: Particulars,
    /// From which device whom: the same the other way round.
    pub(super) students: OrdSet<(DeviceId, StudentNumber)>,
    /// The wrong codes.
    pub(super) tries: OrdMap<Tried, u8>,
    pub(super) wrong_codes: u32,
    /// The wrong codes of strangers while the code of this step is shown. Not kept.
    pub(super) strangers: (u64, u32),
}

/// By whom wrong codes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tried {
    /// For a number, by a device that is bound to it.
    Own(StudentNumber),
    /// For a number, by all other devices together.
    Others(StudentNumber),
    /// By a device.
    Device(DeviceId),
}

/// Whether a mark is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Taken,
    /// It is not, and will not be.
    Refused(Refusal),
    /// It is not looked at while the present code is shown, which is for so many milliseconds.
    Later(u16),
}

impl Room {
    /// A room in which nobody has answered.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            secret: None,
            particulars: Particulars::default(),
            students: OrdSet::new(),
            tries: OrdMap::new(),
            wrong_codes: 0,
            strangers: (0, 0),
        }
    }

    /// The code that is shown in a step.
    #[must_use]
    pub fn code(&self, step: u64) -> Option<RoomCode> {
        Some(self.secret.as_ref().filter(|_| self.terms.code)?.code(step))
    }

    /// How many wrong codes came.
    #[must_use]
    pub fn wrong_codes(&self) -> u32 {
        self.wrong_codes
    }

    /// On how many students something suspicious is remarked.
    #[must_use]
    pub fn suspicious(&self) -> usize {
        self.particulars.remarks.values().filter(|it| it.has(Remarks::SUSPICIOUS)).count()
    }

    /// What is remarked on a student.
    #[must_use]
    pub fn remarks(&self, student: StudentNumber) -> Remarks {
        self.particulars.remarks.get(&student).copied().unwrap_or_default()
    }

    /// From which device each student answered, and what is remarked.
    #[must_use]
    pub fn particulars(&self) -> &Particulars {
        &self.particulars
    }

    pub(super) fn call(&mut self, student: StudentNumber, there: bool) {
        let now = if there { Remarks::CALLED_PRESENT } else { Remarks::CALLED_ABSENT };
        self.particulars
            .remarks
            .insert(student, self.remarks(student).without(Remarks::CALLED).and(now));
    }

    fn remark(&mut self, student: StudentNumber, remark: Remarks) {
        if !remark.is_empty() {
            self.particulars.remarks.insert(student, self.remarks(student).and(remark));
        }
    }

    fn count(&self, tried: Tried) -> u8 {
        self.tries.get(&tried).copied().unwrap_or(0)
    }

    fn is_used_up(&self, tried: Tried) -> bool {
        self.count(tried) >= WRONG_CODES_MAX
    }

    /// So many wrong codes of strangers are looked at in one step: some for everybody who mistypes.
    fn strangers_max(&self) -> u32 {
        let present = u32::try_from(self.particulars.devices.len()).unwrap_or(u32::MAX);
        STRANGERS_WRONG_CODES_MAX + present / 16
    }

    /// The numbers for which a device has answered here, but for that one.
    fn others_of(
        &self,
        device: DeviceId,
        but: StudentNumber,
    ) -> impl Iterator<Item = StudentNumber> + '_ {
        let from = (device, StudentNumber::LEAST);
        let of_device = self.students.range(from..).take_while(move |it| it.0 == device);
        of_device.map(|it| it.1).filter(move |&it| it != but)
    }
}

/// Marks, where a device opened the roll call.
impl People {
    /// Whether a mark is taken, before the register looks at it.
    #[must_use]
    pub fn decide_mark(
        &self,
        who: Principal,
        class: ClassId,
        student: StudentNumber,
        (code, delay_ms): (Option<RoomCode>, u32),
        (clock, now): (CodeClock, Instant),
    ) -> Admission {
        let Some(room) = self.rooms.get(&class) else {
            // Nothing is open, or it was opened plainly.
            let is_owned = self.owners.contains_key(&class);
            let is_plain = who == Principal::Plain;
            return if is_plain && is_owned {
                Admission::Refused(Refusal::NoDevice)
            } else {
                Admission::Taken
            };
        };
        // R-ACCESS-2
        let Principal::Device(device) = who else { return Admission::Refused(Refusal::NoDevice) };
        // R-ROOM-4
        if self.holds(who, class) {
            return Admission::Taken;
        }
        if let Some(secret) = &room.secret {
            let (step, left_ms) = clock.step(now);
            let Some(code) = code else { return Admission::Refused(Refusal::CodeNeeded) };
            // R-CODE-3
            let tried = self.tried(student, device);
            if room.is_used_up(tried) || room.is_used_up(Tried::Device(device)) {
                return Admission::Refused(Refusal::CodeLimit);
            }
            // R-CODE-4
            let is_stranger = !self.is_bound(device);
            if is_stranger && room.strangers.0 == step && room.strangers.1 >= room.strangers_max() {
                return Admission::Later(left_ms);
            }
            // R-DELAY-3
            if !secret.takes(code, clock.step_ago(now, delay_ms)) {
                return Admission::Refused(Refusal::WrongCode);
            }
        }
        if room.terms.who == Who::Enrolled && self.bonds.get(&(student, device)) != Some(&true) {
            return Admission::Refused(Refusal::NotEnrolled);
        }
        if room.terms.strict {
            // R-ROOM-3
            let remarks = self.remarks_on(room, student, device);
            if remarks.has(Remarks::SECOND_DEVICE) {
                return Admission::Refused(Refusal::OtherDevice);
            }
            if remarks.has(Remarks::SEVERAL_NUMBERS) {
                return Admission::Refused(Refusal::OtherNumber);
            }
        }
        Admission::Taken
    }

    /// A wrong code of a stranger was looked at in this step.
    pub fn note_stranger(&mut self, who: Principal, class: ClassId, step: u64) {
        let Principal::Device(device) = who else { return };
        if self.is_bound(device) {
            return;
        }
        if let Some(room) = self.rooms.get_mut(&class) {
            let (of, count) = room.strangers;
            room.strangers = (step, if of == step { count + 1 } else { 1 });
        }
    }

    pub(super) fn apply_mark(
        &mut self,
        who: Principal,
        class: ClassId,
        student: StudentNumber,
        outcome: &Outcome,
    ) {
        let Principal::Device(device) = who else { return };
        let Some(room) = self.rooms.get(&class) else { return };
        match *outcome {
            Outcome::Marked(Marked { already_present, .. })
            | Outcome::Arrived(Arrived { marked: Marked { already_present, .. }, .. }) => {
                let is_teacher = self.holds(who, class);
                let remarks = self.remarks_on(room, student, device);
                let others: Vec<_> = if remarks.has(Remarks::SEVERAL_NUMBERS) {
                    room.others_of(device, student).collect()
                } else {
                    Vec::new()
                };
                let binds = room.secret.is_some() && room.terms.who != Who::Anyone;
                let room = self.rooms.get_mut(&class).expect("found above");
                if is_teacher {
                    if !already_present {
                        // R-ROOM-4
                        self.note_marked_by_teacher(class, student);
                    }
                    return;
                }
                // R-ROOM-1, R-ROOM-2
                room.remark(student, remarks.and(remarks_of_tries(room, student, Some(device))));
                for other in others {
                    room.remark(other, Remarks::SEVERAL_NUMBERS);
                }
                if !already_present {
                    room.particulars.devices.insert(student, device);
                    room.students.insert((device, student));
                }
                if binds {
                    self.bind(student, device, false);
                }
            }
            Outcome::MarkRefused(Refused { reason: Refusal::WrongCode, .. }) => {
                let tried = self.tried(student, device);
                let room = self.rooms.get_mut(&class).expect("found above");
                room.wrong_codes = room.wrong_codes.saturating_add(1);
                for tried in [tried, Tried::Device(device)] {
                    let count = room.tries.entry(tried).or_insert(0);
                    *count = count.saturating_add(1);
                }
                if room.is_used_up(tried) && room.particulars.devices.contains_key(&student) {
                    room.remark(student, Remarks::MANY_WRONG_CODES);
                }
            }
            _ => {}
        }
    }

    /// A teacher has marked somebody who had not answered.
    pub(crate) fn note_marked_by_teacher(&mut self, class: ClassId, student: StudentNumber) {
        if let Some(room) = self.rooms.get_mut(&class) {
            let wrong = remarks_of_tries(room, student, None);
            room.remark(student, Remarks::BY_TEACHER.and(wrong));
        }
    }

    fn tried(&self, student: StudentNumber, device: DeviceId) -> Tried {
        if self.bonds.contains_key(&(student, device)) {
            Tried::Own(student)
        } else {
            Tried::Others(student)
        }
    }

    /// What is to be remarked when this device answers for that number.
    fn remarks_on(&self, room: &Room, student: StudentNumber, device: DeviceId) -> Remarks {
        if room.terms.who == Who::Anyone {
            return Remarks::NONE;
        }
        let answered = room.particulars.devices.get(&student).is_some_and(|&it| it != device);
        let second = answered || self.devices_for(student).any(|it| it != device);
        let several = room.others_of(device, student).next().is_some()
            || self.numbers_of(device).any(|it| it != student);
        let remark = |is, remark| if is { remark } else { Remarks::NONE };
        remark(second, Remarks::SECOND_DEVICE).and(remark(several, Remarks::SEVERAL_NUMBERS))
    }
}

fn remarks_of_tries(room: &Room, student: StudentNumber, device: Option<DeviceId>) -> Remarks {
    let tried =
        [Some(Tried::Own(student)), Some(Tried::Others(student)), device.map(Tried::Device)];
    let many = tried.into_iter().flatten().any(|it| room.is_used_up(it));
    if many { Remarks::MANY_WRONG_CODES } else { Remarks::NONE }
}
