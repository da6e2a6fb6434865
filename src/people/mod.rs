//! Who may do what: people and their devices, invites, whose a class is, which device answers for which
//! number, and the rooms in which roll calls are held.
//!
//! Knows nothing of keys and nothing of marks beyond who made them: [`Register`](crate::roll::Register) has
//! those. As there, deciding (`decide_*`) and doing (`apply_*`) are apart, so that the replay of the journal
//! only does. Every table is a persistent map, so that a snapshot takes a copy of all of them at once and
//! hands it out bit by bit (`Walk`).

mod code;
mod items;
mod room;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

pub use code::{CodeClock, RoomSecret};
pub use items::PeopleItem;
pub(crate) use items::Walk;
pub use room::{Admission, Room, Tried};

use crate::access::{Guest, InviteId, PersonName, Role, Terms};
use crate::exchange::{
    Act, ActRecord, Acted, Deed, Joined, Operation, Outcome, Refusal, StaffDevice,
};
use crate::ids::{ActNumber, ClassId, DeviceId, StudentNumber};
use crate::limits::{
    BONDS_MAX, BONDS_PER_ONE_MAX, CLASSES_MAX, INVITE_LIFE, INVITES_MAX, PEOPLE_MAX, SHARES_MAX,
    STAFF_DEVICES_MAX,
};
use crate::principal::Principal;
use crate::roll::Particulars;
use crate::time::WallTime;

/// A person, as the tables here know one: counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PersonId(u32);

/// A device with a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staff {
    /// Whose it is.
    pub person: PersonId,
    /// Since when.
    pub joined_at: WallTime,
    /// Whether it is an admin's.
    pub admin: bool,
    /// Whether it is a teacher's.
    pub teacher: bool,
}

/// An invite that has not been forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// For whom.
    pub guest: Guest,
    /// Until when it can be used.
    pub ends_at: WallTime,
    /// The device that used it.
    pub used_by: Option<DeviceId>,
}

/// Whose share of the tables a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// Those of devices with a role.
    Staff,
    /// Those of devices that are bound to a number.
    Bound,
    /// Everybody else, and who asks plainly.
    Strangers,
}

impl Pool {
    /// How much of a table of this capacity is this pool's: a quarter for those with a role and for
    /// strangers, half for those who are bound.
    #[must_use]
    pub fn share_of(self, capacity: usize) -> usize {
        match self {
            Self::Staff | Self::Strangers => capacity / 4,
            Self::Bound => capacity / 2,
        }
    }
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct People {
    persons: OrdMap<PersonId, PersonName>,
    by_name: OrdMap<PersonName, PersonId>,
    staff: OrdMap<DeviceId, Staff>,
    revoked: OrdSet<DeviceId>,
    invites: OrdMap<InviteId, Invite>,
    /// Which invite ends when, so that the ended ones are found without searching.
    ends: OrdSet<(WallTime, InviteId)>,
    owners: OrdMap<ClassId, PersonId>,
    shares: OrdSet<(ClassId, PersonId)>,
    /// Which number answers from which devices, and whether the device was enrolled for it.
    bonds: OrdMap<(StudentNumber, DeviceId), bool>,
    /// The same the other way round.
    numbers: OrdSet<(DeviceId, StudentNumber)>,
    /// Of each roll call that a device opened and that is open.
    rooms: OrdMap<ClassId, Room>,
    /// How many acts there were.
    acts: u64,
}

impl People {
    /// Whether the device may do nothing any more.
    #[must_use]
    pub fn is_revoked(&self, device: DeviceId) -> bool {
        self.revoked.contains(&device)
    }

    /// Whether nobody has a role: then there is nobody whose share of the tables has to be kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.staff.is_empty()
    }

    /// Whose share of the tables a client of this principal takes.
    #[must_use]
    pub fn pool(&self, who: Principal) -> Pool {
        match who {
            Principal::Device(device) if self.staff.contains_key(&device) => Pool::Staff,
            Principal::Device(device) if self.is_bound(device) => Pool::Bound,
            _ => Pool::Strangers,
        }
    }

    /// The room in which the open roll call of a class is held, if a device opened it.
    #[must_use]
    pub fn room(&self, class: ClassId) -> Option<&Room> {
        self.rooms.get(&class)
    }

    /// How many roll calls are open that a device opened.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// How many classes are a teacher's.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.owners.len()
    }

    /// Whether this is an admin's device.
    #[must_use]
    pub fn is_admin(&self, who: Principal) -> bool {
        self.staff_of(who).is_some_and(|staff| staff.admin)
    }

    /// Whether somebody may hold the roll calls of a class, and read its sheets: a teacher those of a class
    /// that is the teacher's or shared; who asks plainly those of a class that is nobody's.
    #[must_use]
    pub fn holds(&self, who: Principal, class: ClassId) -> bool {
        let owner = self.owners.get(&class);
        match who {
            // R-ACCESS-2
            Principal::Plain => owner.is_none(),
            // R-ACCESS-1
            Principal::Device(_) => self.staff_of(who).is_some_and(|staff| {
                let shared = || self.shares.contains(&(class, staff.person));
                staff.teacher && (owner == Some(&staff.person) || shared())
            }),
        }
    }

    /// Whether somebody may know what a student was in a class: the student, from a device that answers for the
    /// number, and who holds the class.
    #[must_use]
    pub fn may_know_of(&self, who: Principal, class: ClassId, student: StudentNumber) -> bool {
        let is_theirs = match who {
            Principal::Plain => false,
            Principal::Device(device) => self.bonds.contains_key(&(student, device)),
        };
        is_theirs || self.holds(who, class)
    }

    /// Whether the class is somebody's.
    #[must_use]
    pub fn is_owned(&self, class: ClassId) -> bool {
        self.owners.contains_key(&class)
    }

    /// Whether a roll call of this class may be opened; `is_open` says that one is open.
    ///
    /// # Errors
    /// Why not.
    pub fn decide_open(
        &self,
        who: Principal,
        class: ClassId,
        terms: Terms,
        is_open: bool,
    ) -> Result<(), Refusal> {
        match who {
            Principal::Plain if terms != Terms::PLAIN => Err(Refusal::NoDevice),
            _ if self.holds(who, class) => Ok(()),
            Principal::Plain => Err(Refusal::NoDevice),
            Principal::Device(_) if !self.is_teacher(who) => Err(Refusal::NotATeacher),
            // R-ACCESS-3
            Principal::Device(_) if self.owners.contains_key(&class) || is_open => {
                Err(Refusal::NotYourClass)
            }
            Principal::Device(_) if self.owners.len() >= CLASSES_MAX => {
                Err(Refusal::TooManyClasses)
            }
            Principal::Device(_) => Ok(()),
        }
    }

    /// Whether the roll call of this class may be closed; `is_known` says that there is one, or was.
    ///
    /// # Errors
    /// Why not.
    pub fn decide_close(
        &self,
        who: Principal,
        class: ClassId,
        is_known: bool,
    ) -> Result<(), Refusal> {
        match who {
            _ if self.holds(who, class) => Ok(()),
            Principal::Plain => Err(Refusal::NoDevice),
            Principal::Device(_) if !self.is_teacher(who) => Err(Refusal::NotATeacher),
            // Then the register says that there was none.
            Principal::Device(_) if !is_known && !self.owners.contains_key(&class) => Ok(()),
            Principal::Device(_) => Err(Refusal::NotYourClass),
        }
    }

    /// What the use of this invite leads to.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn decide_join(
        &self,
        who: Principal,
        invite: InviteId,
        at: WallTime,
    ) -> Result<Joined, Refusal> {
        let Principal::Device(device) = who else { return Err(Refusal::NoDevice) };
        let found = self.invites.get(&invite).ok_or(Refusal::InviteUnknown)?;
        match found.used_by {
            Some(user) if user == device => return Ok(Joined { at, guest: found.guest }),
            // R-ACCESS-4
            Some(_) => return Err(Refusal::InviteUsed),
            None if at > found.ends_at => return Err(Refusal::InviteEnded),
            None => {}
        }
        match found.guest {
            Guest::Staff { name, .. } => match self.staff.get(&device) {
                Some(staff) if self.by_name.get(&name) != Some(&staff.person) => {
                    return Err(Refusal::OtherPerson);
                }
                None if self.staff.len() >= STAFF_DEVICES_MAX => return Err(Refusal::NoRoom),
                None if !self.by_name.contains_key(&name) && self.persons.len() >= PEOPLE_MAX => {
                    return Err(Refusal::NoRoom);
                }
                _ => {}
            },
            Guest::Student { student } => {
                if !self.can_bind(student, device) {
                    return Err(Refusal::NoRoom);
                }
            }
        }
        Ok(Joined { at, guest: found.guest })
    }

    /// What an act leads to; `is_known` tells whether the student of a call has answered, or the one who is
    /// invited is on the roster.
    ///
    /// # Errors
    /// Why it may not be done.
    pub fn decide_act(
        &self,
        who: Principal,
        act: &Act,
        at: WallTime,
        is_known: bool,
    ) -> Result<Acted, Refusal> {
        let Principal::Device(device) = who else { return Err(Refusal::NoDevice) };
        let needs_admin = match *act {
            Act::Share { class, .. } => !self.owns(who, class),
            Act::Call { .. } | Act::Enrol { .. } => false,
            _ => true,
        };
        // R-ACCESS-5
        if needs_admin && !self.is_admin(who) {
            return Err(match *act {
                Act::Share { .. } if self.is_teacher(who) => Refusal::NotYourClass,
                Act::Share { .. } => Refusal::NotATeacher,
                _ => Refusal::NotAnAdmin,
            });
        }
        let count = match *act {
            Act::Invite { invite, guest } => {
                if self.invites.len() >= INVITES_MAX || self.invites.contains_key(&invite) {
                    return Err(Refusal::NoRoom);
                }
                match guest {
                    Guest::Staff { name, .. } => self.devices_of(name),
                    Guest::Student { student } => self.devices_for(student).count(),
                }
            }
            Act::Revoke { device } if self.revoked.contains(&device) => 0,
            Act::Revoke { device } if !self.is_known(device) => return Err(Refusal::UnknownDevice),
            Act::Revoke { .. } if self.revoked.len() >= STAFF_DEVICES_MAX => {
                return Err(Refusal::NoRoom);
            }
            Act::Revoke { .. } => 1,
            Act::Release { student } => self.devices_for(student).count(),
            Act::Give { class, to } => {
                let to = self.teacher(to)?;
                if !self.owners.contains_key(&class) && self.owners.len() >= CLASSES_MAX {
                    return Err(Refusal::TooManyClasses);
                }
                usize::from(self.owners.get(&class) != Some(&to))
            }
            Act::Share { class, with } => {
                let with = self.teacher(with)?;
                if self.shares.len() >= SHARES_MAX {
                    return Err(Refusal::NoRoom);
                }
                usize::from(!self.shares.contains(&(class, with)))
            }
            // R-ROSTER-6
            Act::Enrol { class, invite, student } => {
                if !self.holds(who, class) {
                    return Err(Refusal::NotYourClass);
                }
                if !is_known {
                    return Err(Refusal::UnknownStudent);
                }
                if self.invites.len() >= INVITES_MAX || self.invites.contains_key(&invite) {
                    return Err(Refusal::NoRoom);
                }
                self.devices_for(student).count()
            }
            Act::Call { class, .. } => {
                if !self.holds(Principal::Device(device), class) {
                    return Err(Refusal::NotYourClass);
                }
                if !self.rooms.contains_key(&class) {
                    return Err(Refusal::NotOpen);
                }
                if !is_known {
                    return Err(Refusal::UnknownStudent);
                }
                1
            }
        };
        Ok(Acted { at, count: u32::try_from(count).unwrap_or(u32::MAX) })
    }

    /// Does what was decided for an operation; tells what is to be kept of it for ever.
    pub fn apply(
        &mut self,
        who: Principal,
        operation: &Operation,
        outcome: &Outcome,
    ) -> Option<ActRecord> {
        match (operation, outcome) {
            (
                &(Operation::Open { class, terms } | Operation::OpenWith { class, terms, .. }),
                Outcome::Opened { already_open: false, .. },
            ) => {
                self.apply_open(who, class, terms);
                None
            }
            (&Operation::Close { class }, Outcome::Closed(closed)) if !closed.already_closed => {
                self.close_room(class);
                None
            }
            (
                &(Operation::Mark { class, student, .. }
                | Operation::Deliver { class, student, .. }),
                outcome,
            ) => {
                self.apply_mark(who, class, student, outcome);
                None
            }
            (Operation::Join { .. }, &Outcome::Joined { invite, ref joined }) => {
                self.apply_join(who, invite, joined)
            }
            (&Operation::Act(act), &Outcome::Acted(Acted { at, .. })) => {
                self.apply_act(&act, at);
                Some(self.note(at, who, Deed::Act(act)))
            }
            (&Operation::Enrol { class, .. }, Outcome::Enrolled(_)) => {
                self.own(who, class);
                None
            }
            _ => None,
        }
    }

    /// An admin is invited from the server's terminal. Nothing if the invite is known already.
    pub fn apply_admin_invite(
        &mut self,
        invite: InviteId,
        name: PersonName,
        at: WallTime,
        ends_at: WallTime,
    ) -> Option<ActRecord> {
        if self.invites.contains_key(&invite) {
            return None;
        }
        let guest = Guest::Staff { role: Role::Admin, name };
        self.insert_invite(invite, Invite { guest, ends_at, used_by: None }, at);
        Some(self.note(at, Principal::Plain, Deed::Act(Act::Invite { invite, guest })))
    }

    /// Whether this invite is known.
    #[must_use]
    pub fn knows_invite(&self, invite: InviteId) -> bool {
        self.invites.contains_key(&invite)
    }

    /// The journal was restored from a backup: what was open when it was made may have been used since.
    pub fn void_invites(&mut self) {
        let open = self.invites.iter().filter(|(_, it)| it.used_by.is_none());
        for invite in open.map(|(&invite, _)| invite).collect::<Vec<_>>() {
            let ended = self.invites.remove(&invite).expect("it was just seen");
            self.ends.remove(&(ended.ends_at, invite));
        }
    }

    /// The secret of the code of an open roll call was drawn; false if it has none.
    pub fn set_secret(&mut self, class: ClassId, secret: RoomSecret) -> bool {
        let Some(room) = self.rooms.get_mut(&class).filter(|room| room.terms.code) else {
            return false;
        };
        room.secret = Some(secret);
        true
    }

    /// The devices with a role after that one, in order of their names.
    pub fn staff_after(&self, after: Option<DeviceId>) -> impl Iterator<Item = StaffDevice> + '_ {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.staff.range((from, Unbounded)).map(|(&device, staff)| {
            let &Staff { person, joined_at, admin, teacher } = staff;
            let name = self.persons[&person];
            let revoked = self.is_revoked(device);
            StaffDevice { device, name, joined_at, admin, teacher, revoked }
        })
    }

    fn apply_open(&mut self, who: Principal, class: ClassId, terms: Terms) {
        if self.own(who, class) {
            self.rooms.insert(class, Room::new(terms));
        }
    }

    /// The class is whose it was, or of whoever uses it first, if that is somebody with a role.
    fn own(&mut self, who: Principal, class: ClassId) -> bool {
        let Some(&Staff { person, .. }) = self.staff_of(who) else { return false };
        // R-ACCESS-3
        self.owners.entry(class).or_insert(person);
        true
    }

    /// The roll call of a class is closed.
    pub fn close_room(&mut self, class: ClassId) {
        self.rooms.remove(&class);
    }

    /// A roll call that a device had opened is open again, with what was known of its marks.
    pub fn reopen_room(&mut self, class: ClassId, terms: Terms, particulars: Particulars) {
        let students = particulars.devices.iter().map(|(&student, &device)| (device, student));
        let students = students.collect();
        self.rooms.insert(class, Room { particulars, students, ..Room::new(terms) });
    }

    /// Whose device that is, if it is somebody's with a role.
    #[must_use]
    pub fn name_of(&self, who: Principal) -> Option<PersonName> {
        self.staff_of(who).map(|staff| self.persons[&staff.person])
    }

    fn apply_join(
        &mut self,
        who: Principal,
        invite: InviteId,
        joined: &Joined,
    ) -> Option<ActRecord> {
        let Principal::Device(device) = who else { return None };
        let found = self.invites.get_mut(&invite)?;
        if found.used_by.replace(device).is_some() {
            return None;
        }
        let &Joined { at, guest } = joined;
        match guest {
            Guest::Staff { role, name } => {
                let person = self.person(name);
                let fresh = Staff { person, joined_at: at, admin: false, teacher: false };
                let staff = self.staff.entry(device).or_insert(fresh);
                staff.admin |= role == Role::Admin;
                staff.teacher |= role == Role::Teacher;
            }
            Guest::Student { student } => self.bind(student, device, true),
        }
        Some(self.note(at, who, Deed::Joined(guest)))
    }

    fn apply_act(&mut self, act: &Act, at: WallTime) {
        match *act {
            Act::Invite { invite, guest } => {
                let ends_at = at.after(INVITE_LIFE);
                self.insert_invite(invite, Invite { guest, ends_at, used_by: None }, at);
            }
            Act::Enrol { invite, student, .. } => {
                let (ends_at, guest) = (at.after(INVITE_LIFE), Guest::Student { student });
                self.insert_invite(invite, Invite { guest, ends_at, used_by: None }, at);
            }
            Act::Revoke { device } => {
                self.revoked.insert(device);
            }
            Act::Release { student } => {
                for device in self.devices_for(student).collect::<Vec<_>>() {
                    self.bonds.remove(&(student, device));
                    self.numbers.remove(&(device, student));
                }
            }
            Act::Give { class, to } => {
                if let Some(&to) = self.by_name.get(&to) {
                    self.owners.insert(class, to);
                }
            }
            Act::Share { class, with } => {
                if let Some(&with) = self.by_name.get(&with) {
                    self.shares.insert((class, with));
                }
            }
            Act::Call { class, student, there } => {
                if let Some(room) = self.rooms.get_mut(&class) {
                    room.call(student, there);
                }
            }
        }
    }

    fn insert_invite(&mut self, invite: InviteId, it: Invite, at: WallTime) {
        self.ends.insert((it.ends_at, invite));
        self.invites.insert(invite, it);
        // An ended one is kept for as long again, so that whoever comes late is told why.
        while let Some(&(ends_at, ended)) = self.ends.get_min()
            && ends_at.after(INVITE_LIFE) < at
        {
            self.ends.remove(&(ends_at, ended));
            self.invites.remove(&ended);
        }
    }

    /// The next record of what was done.
    fn note(&mut self, at: WallTime, who: Principal, deed: Deed) -> ActRecord {
        // Only a damaged journal has counted to the end.
        self.acts = self.acts.saturating_add(1);
        let number = ActNumber::new(self.acts).expect("counted from 1");
        let by = match who {
            Principal::Plain => None,
            Principal::Device(device) => Some(device),
        };
        let name = self.name_of(who);
        ActRecord { number, at, by, name, deed }
    }

    fn person(&mut self, name: PersonName) -> PersonId {
        if let Some(&person) = self.by_name.get(&name) {
            return person;
        }
        let next = self.persons.get_max().map_or(1, |(person, _)| person.0.saturating_add(1));
        self.persons.insert(PersonId(next), name);
        self.by_name.insert(name, PersonId(next));
        PersonId(next)
    }

    fn staff_of(&self, who: Principal) -> Option<&Staff> {
        match who {
            Principal::Plain => None,
            Principal::Device(device) => self.staff.get(&device),
        }
    }

    fn is_teacher(&self, who: Principal) -> bool {
        self.staff_of(who).is_some_and(|staff| staff.teacher)
    }

    fn owns(&self, who: Principal, class: ClassId) -> bool {
        let owner = self.owners.get(&class);
        self.staff_of(who).is_some_and(|it| it.teacher && owner == Some(&it.person))
    }

    /// The teacher of that name.
    fn teacher(&self, name: PersonName) -> Result<PersonId, Refusal> {
        let person = *self.by_name.get(&name).ok_or(Refusal::UnknownTeacher)?;
        let is_one = |(device, it): (&DeviceId, &Staff)| {
            it.person == person && it.teacher && !self.is_revoked(*device)
        };
        if self.staff.iter().any(is_one) { Ok(person) } else { Err(Refusal::UnknownTeacher) }
    }

    fn devices_of(&self, name: PersonName) -> usize {
        let Some(person) = self.by_name.get(&name) else { return 0 };
        let is_theirs =
            |(device, it): &(&DeviceId, &Staff)| it.person == *person && !self.is_revoked(**device);
        self.staff.iter().filter(is_theirs).count()
    }

    fn is_known(&self, device: DeviceId) -> bool {
        self.staff.contains_key(&device) || self.is_bound(device)
    }
}

/// The bonds between numbers and devices.
impl People {
    /// The devices that a number answers from.
    fn devices_for(&self, student: StudentNumber) -> impl Iterator<Item = DeviceId> + '_ {
        let from = (student, DeviceId::from_bytes([0; 16]));
        let to = (student, DeviceId::from_bytes([0xff; 16]));
        self.bonds.range(from..=to).map(|(&(_, device), _)| device)
    }

    /// The numbers that a device answers for.
    fn numbers_of(&self, device: DeviceId) -> impl Iterator<Item = StudentNumber> + '_ {
        let from = (device, StudentNumber::LEAST);
        self.numbers.range(from..).take_while(move |it| it.0 == device).map(|it| it.1)
    }

    fn is_bound(&self, device: DeviceId) -> bool {
        self.numbers_of(device).next().is_some()
    }

    fn can_bind(&self, student: StudentNumber, device: DeviceId) -> bool {
        self.bonds.contains_key(&(student, device))
            || (self.bonds.len() < BONDS_MAX
                && self.devices_for(student).take(BONDS_PER_ONE_MAX).count() < BONDS_PER_ONE_MAX
                && self.numbers_of(device).take(BONDS_PER_ONE_MAX).count() < BONDS_PER_ONE_MAX)
    }

    /// Binds a device to a number, where there is room.
    fn bind(&mut self, student: StudentNumber, device: DeviceId, enrolled: bool) {
        if self.can_bind(student, device) {
            *self.bonds.entry((student, device)).or_insert(false) |= enrolled;
            self.numbers.insert((device, student));
        }
    }
}

#[cfg(test)]
mod tests;
