//! What a snapshot keeps of people and rooms.

use imbl::ordmap::ConsumingIter as MapIter;
use imbl::ordset::ConsumingIter as SetIter;
use imbl::shared_ptr::DefaultSharedPtr;
use serde::{Deserialize, Serialize};

use super::{Invite, People, PersonId, Room, RoomSecret, Staff, Tried};
use crate::access::{InviteId, PersonName, Remarks, Terms};
use crate::ids::{ClassId, DeviceId, StudentNumber};
use crate::roll::{Contradiction, Particulars};

/// One piece. Variants are only ever appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is a row of a table of `People`")]
pub enum PeopleItem {
    Acts(u64),
    Person { person: PersonId, name: PersonName },
    Staff { device: DeviceId, staff: Staff },
    Revoked(DeviceId),
    Invite { invite: InviteId, it: Invite },
    Owner { class: ClassId, person: PersonId },
    Share { class: ClassId, person: PersonId },
    Bond { student: StudentNumber, device: DeviceId, enrolled: bool },
    Room { class: ClassId, terms: Terms, secret: Option<RoomSecret>, wrong_codes: u32 },
    Answer { class: ClassId, student: StudentNumber, device: DeviceId },
    Remarks { class: ClassId, student: StudentNumber, remarks: Remarks },
    Tries { class: ClassId, tried: Tried, count: u8 },
}

impl People {
    /// Everything that a snapshot has to keep, in the order in which [`People::restore`] takes it.
    #[must_use]
    pub(crate) fn items(&self) -> Walk {
        let room = |(class, room)| RoomWalk::new(class, room);
        Walk {
            acts: Some(self.acts).filter(|&acts| acts > 0),
            persons: self.persons.clone().into_iter(),
            staff: self.staff.clone().into_iter(),
            revoked: self.revoked.clone().into_iter(),
            invites: self.invites.clone().into_iter(),
            owners: self.owners.clone().into_iter(),
            shares: self.shares.clone().into_iter(),
            bonds: self.bonds.clone().into_iter(),
            rooms: self.rooms.clone().into_iter().map(room).collect(),
        }
    }

    /// Takes back one piece of a snapshot.
    ///
    /// # Errors
    /// If it contradicts the pieces before it.
    pub fn restore(&mut self, item: &PeopleItem) -> Result<(), Contradiction> {
        match *item {
            PeopleItem::Acts(acts) => self.acts = acts,
            PeopleItem::Person { person, name } => {
                self.persons.insert(person, name);
                self.by_name.insert(name, person);
            }
            PeopleItem::Staff { device, staff } => {
                self.known(staff.person)?;
                self.staff.insert(device, staff);
            }
            PeopleItem::Revoked(device) => _ = self.revoked.insert(device),
            PeopleItem::Invite { invite, it } => {
                self.ends.insert((it.ends_at, invite));
                self.invites.insert(invite, it);
            }
            PeopleItem::Owner { class, person } => {
                self.known(person)?;
                self.owners.insert(class, person);
            }
            PeopleItem::Share { class, person } => {
                self.known(person)?;
                self.shares.insert((class, person));
            }
            PeopleItem::Bond { student, device, enrolled } => {
                self.bonds.insert((student, device), enrolled);
                self.numbers.insert((device, student));
            }
            PeopleItem::Room { class, terms, secret, wrong_codes } => {
                self.rooms.insert(class, Room { secret, wrong_codes, ..Room::new(terms) });
            }
            PeopleItem::Answer { class, student, device } => {
                let room = self.room_of(class)?;
                room.particulars.devices.insert(student, device);
                room.students.insert((device, student));
            }
            PeopleItem::Remarks { class, student, remarks } => {
                self.room_of(class)?.particulars.remarks.insert(student, remarks);
            }
            PeopleItem::Tries { class, tried, count } => {
                self.room_of(class)?.tries.insert(tried, count);
            }
        }
        Ok(())
    }

    fn known(&self, person: PersonId) -> Result<(), Contradiction> {
        let is_known = self.persons.contains_key(&person);
        if is_known {
            Ok(())
        } else {
            Err(Contradiction("something is a person's who is not known"))
        }
    }

    fn room_of(&mut self, class: ClassId) -> Result<&mut Room, Contradiction> {
        self.rooms.get_mut(&class).ok_or(Contradiction("something is of a room that is not open"))
    }
}

type Map<K, V> = MapIter<K, V, DefaultSharedPtr>;
type Set<T> = SetIter<T, DefaultSharedPtr>;

/// What is still to be handed out of a copy.
#[derive(Clone)]
pub(crate) struct Walk {
    acts: Option<u64>,
    persons: Map<PersonId, PersonName>,
    staff: Map<DeviceId, Staff>,
    revoked: Set<DeviceId>,
    invites: Map<InviteId, Invite>,
    owners: Map<ClassId, PersonId>,
    shares: Set<(ClassId, PersonId)>,
    bonds: Map<(StudentNumber, DeviceId), bool>,
    /// The last one first.
    rooms: std::collections::VecDeque<RoomWalk>,
}

#[derive(Clone)]
struct RoomWalk {
    class: ClassId,
    head: Option<PeopleItem>,
    devices: Map<StudentNumber, DeviceId>,
    remarks: Map<StudentNumber, Remarks>,
    tries: Map<Tried, u8>,
}

impl RoomWalk {
    fn new(class: ClassId, room: Room) -> Self {
        let Room { terms, secret, particulars, tries, wrong_codes, .. } = room;
        let Particulars { devices, remarks } = particulars;
        Self {
            class,
            head: Some(PeopleItem::Room { class, terms, secret, wrong_codes }),
            devices: devices.into_iter(),
            remarks: remarks.into_iter(),
            tries: tries.into_iter(),
        }
    }
}

impl Iterator for RoomWalk {
    type Item = PeopleItem;

    fn next(&mut self) -> Option<PeopleItem> {
        let class = self.class;
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        if let Some((student, device)) = self.devices.next() {
            return Some(PeopleItem::Answer { class, student, device });
        }
        if let Some((student, remarks)) = self.remarks.next() {
            return Some(PeopleItem::Remarks { class, student, remarks });
        }
        let (tried, count) = self.tries.next()?;
        Some(PeopleItem::Tries { class, tried, count })
    }
}

impl Iterator for Walk {
    type Item = PeopleItem;

    fn next(&mut self) -> Option<PeopleItem> {
        if let Some(acts) = self.acts.take() {
            return Some(PeopleItem::Acts(acts));
        }
        if let Some((person, name)) = self.persons.next() {
            return Some(PeopleItem::Person { person, name });
        }
        if let Some((device, staff)) = self.staff.next() {
            return Some(PeopleItem::Staff { device, staff });
        }
        if let Some(device) = self.revoked.next() {
            return Some(PeopleItem::Revoked(device));
        }
        if let Some((invite, it)) = self.invites.next() {
            return Some(PeopleItem::Invite { invite, it });
        }
        if let Some((class, person)) = self.owners.next() {
            return Some(PeopleItem::Owner { class, person });
        }
        if let Some((class, person)) = self.shares.next() {
            return Some(PeopleItem::Share { class, person });
        }
        if let Some(((student, device), enrolled)) = self.bonds.next() {
            return Some(PeopleItem::Bond { student, device, enrolled });
        }
        while let Some(room) = self.rooms.front_mut() {
            if let Some(item) = room.next() {
                return Some(item);
            }
            self.rooms.pop_front();
        }
        None
    }
}
