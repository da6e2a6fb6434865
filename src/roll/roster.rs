//! The rosters: who belongs to which class.
//!
//! Owns the students of each class with their names and groups, in order of their numbers, and the version of
//! each roster. A copy costs nothing, so that a snapshot is one. An entry takes less than a hundred bytes: its
//! texts lie one behind the other in one piece of memory.

use std::cmp::Ordering;

use equivalent::{Comparable, Equivalent};
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use triomphe::ThinArc;

use super::Contradiction;
use crate::attendance::{Listed, RosterChange, RosterEdit};
use crate::exchange::Refusal;
use crate::ids::{ClassId, StudentNumber};
use crate::limits::ROSTER_MAX;

/// The begin of a student number, in the order of the numbers: nine characters of seven bits, and whether
/// more follow. A mark compares these, which lie side by side, and looks no further for most schools' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head(u64);

impl Head {
    const CHARACTERS: usize = 9;

    fn of(number: &[u8]) -> Self {
        // Student numbers are of ASCII; none of their characters is zero.
        let character = |it: usize| u64::from(number.get(it).copied().unwrap_or(0));
        let packed = (0..Self::CHARACTERS).fold(0, |packed, it| packed << 7 | character(it));
        Self(packed << 1 | u64::from(number.len() > Self::CHARACTERS))
    }

    fn is_all(self) -> bool {
        self.0 & 1 == 0
    }
}

/// A student of a class, as it is kept. The text: the lengths of number and name, number, name, group.
#[derive(Clone, Debug)]
struct Entry {
    head: Head,
    text: ThinArc<(), u8>,
}

impl Entry {
    fn new(listed: &Listed) -> Self {
        let number = listed.student.as_bytes();
        let name = listed.name.as_str().as_bytes();
        let group = listed.group.as_ref().map_or(&b""[..], |it| it.as_str().as_bytes());
        let length = |text: &[u8]| u8::try_from(text.len()).expect("bounded by its type");
        let lengths = [length(number), length(name)];
        let text = [&lengths[..], number, name, group].concat();
        Self { head: Head::of(number), text: ThinArc::from_header_and_slice((), &text) }
    }

    fn number(&self) -> &[u8] {
        let text = &self.text.slice;
        &text[2..2 + usize::from(text[0])]
    }

    fn listed(&self) -> Listed {
        let all = &self.text.slice;
        let rest = &all[2 + usize::from(all[0])..];
        let (name, group) = rest.split_at(all[1].into());
        let text = |bytes| std::str::from_utf8(bytes).expect("it was made of text");
        Listed {
            student: text(self.number()).parse().expect("it was made of a number"),
            name: text(name).parse().expect("it was made of a name"),
            group: (!group.is_empty()).then(|| text(group).parse().expect("made of a group")),
        }
    }

    /// The order of this number after or before another one, given by its head and its bytes.
    fn compare(&self, head: Head, number: &[u8]) -> Ordering {
        let by_head = self.head.cmp(&head);
        if by_head.is_eq() && !head.is_all() { self.number().cmp(number) } else { by_head }
    }
}

/// Entries are ordered by their numbers alone.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other.head, other.number())
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// A number, as an entry is found by it.
struct Sought<'a> {
    head: Head,
    number: &'a [u8],
}

impl<'a> Sought<'a> {
    fn new(student: &'a StudentNumber) -> Self {
        let number = student.as_bytes();
        Self { head: Head::of(number), number }
    }
}

impl Equivalent<Entry> for Sought<'_> {
    fn equivalent(&self, entry: &Entry) -> bool {
        self.compare(entry).is_eq()
    }
}

impl Comparable<Entry> for Sought<'_> {
    fn compare(&self, entry: &Entry) -> Ordering {
        entry.compare(self.head, self.number).reverse()
    }
}

/// The students of one class.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    version: u64,
    /// The import that made the last change.
    import: u64,
    entries: OrdSet<Entry>,
}

impl Roster {
    /// Counted from 1 by the changes; 0 if there never was one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many students are on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the student is on it.
    #[must_use]
    pub fn has(&self, student: StudentNumber) -> bool {
        self.entries.contains(&Sought::new(&student))
    }

    /// The students in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Listed> + '_ {
        self.entries.iter().map(Entry::listed)
    }

    fn edit(&mut self, edit: &RosterEdit) {
        // R-ROSTER-1
        match edit {
            RosterEdit::Put(listed) => {
                // An entry with this number is equal to the new one, and would stay.
                self.entries.remove(&Sought::new(&listed.student));
                self.entries.insert(Entry::new(listed));
            }
            RosterEdit::Remove(student) => _ = self.entries.remove(&Sought::new(student)),
        }
    }

    /// The canonical bytes, under whose name it is fetched.
    #[must_use]
    pub fn to_bytes(&self, class: ClassId) -> Vec<u8> {
        let students: Vec<_> = self.iter().collect();
        let object =
            RosterObject { form: RosterObject::FORM, class, version: self.version, students };
        postcard::to_stdvec(&object).expect("a roster can be written")
    }
}

/// A roster as it is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterObject {
    /// The form of what follows.
    pub form: u8,
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: u64,
    /// The students, in order of their numbers.
    pub students: Vec<Listed>,
}

impl RosterObject {
    /// The form that is written and read here.
    pub const FORM: u8 = 1;

    /// Reads what was fetched.
    ///
    /// # Errors
    /// If it is not the roster of that class, in its one canonical form.
    pub fn from_bytes(bytes: &[u8], class: ClassId) -> Result<Self, NotARoster> {
        if bytes.first().is_some_and(|&form| form != Self::FORM) {
            return Err(NotARoster::NewerForm);
        }
        let (roster, rest): (Self, _) =
            postcard::take_from_bytes(bytes).map_err(|_| NotARoster::Malformed)?;
        // R-ROSTER-7
        let rises = roster.students.windows(2).all(|pair| pair[0].student < pair[1].student);
        let is_canonical = postcard::to_stdvec(&roster).is_ok_and(|it| it == bytes);
        if rest.is_empty() && rises && is_canonical && roster.class == class {
            Ok(roster)
        } else {
            Err(NotARoster::Malformed)
        }
    }
}

/// Why bytes are not the roster that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARoster {
    /// They are of a form that this program does not know.
    #[error("the roster is of a newer form than this program knows; update this program")]
    NewerForm,
    /// They are no roster.
    #[error("what the server calls a roster is none")]
    Malformed,
}

/// One piece of the rosters, as a snapshot keeps it. Variants are only ever appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is a field of `Roster`")]
pub enum RosterItem {
    Begin { class: ClassId, version: u64, import: u64 },
    Listed { class: ClassId, listed: Listed },
}

/// The rosters of all classes.
#[derive(Clone, Debug, Default)]
pub struct Rosters {
    by_class: OrdMap<ClassId, Roster>,
    /// The students of all of them.
    total: usize,
}

impl Rosters {
    /// The roster of a class, if it has one with somebody on it.
    #[must_use]
    pub fn of(&self, class: ClassId) -> Option<&Roster> {
        self.by_class.get(&class).filter(|it| !it.is_empty())
    }

    /// The roster of a class, also if nobody is on it any more.
    #[must_use]
    pub fn latest(&self, class: ClassId) -> Option<&Roster> {
        self.by_class.get(&class)
    }

    /// The version of the roster of a class; 0 if it never had one.
    #[must_use]
    pub fn version(&self, class: ClassId) -> u64 {
        self.by_class.get(&class).map_or(0, Roster::version)
    }

    /// How many classes have had a roster.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_class.len()
    }

    /// Whether no class has had a roster.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_class.is_empty()
    }

    /// The version and the number of students that the change of a roster leads to, if all rosters together may
    /// have so many. Changes nothing.
    ///
    /// # Errors
    /// Why it is not made.
    pub fn decide(
        &self,
        class: ClassId,
        change: &RosterChange,
        total_max: usize,
    ) -> Result<(u64, u32), Refusal> {
        let none = Roster::default();
        let roster = self.by_class.get(&class).unwrap_or(&none);
        // R-ROSTER-2
        if change.base != roster.version && (change.import != roster.import || roster.version == 0)
        {
            return Err(Refusal::RosterChanged);
        }
        let mut changed = roster.clone();
        change.edits.iter().for_each(|edit| changed.edit(edit));
        let total = self.total - roster.len() + changed.len();
        // R-ROSTER-3
        if changed.len() > roster.len() && (changed.len() > ROSTER_MAX || total > total_max) {
            return Err(Refusal::NoRoom);
        }
        let students = u32::try_from(changed.len()).expect("bounded by ROSTER_MAX");
        Ok((roster.version.saturating_add(1), students))
    }

    /// Makes a change that was decided.
    pub fn apply(&mut self, class: ClassId, change: &RosterChange, version: u64) {
        let roster = self.by_class.entry(class).or_default();
        self.total -= roster.len();
        change.edits.iter().for_each(|edit| roster.edit(edit));
        (roster.version, roster.import) = (version, change.import);
        self.total += roster.len();
    }

    /// Everything that a snapshot has to keep, in the order in which [`Rosters::restore`] takes it.
    #[must_use]
    pub(crate) fn items(&self) -> RosterWalk {
        RosterWalk { classes: self.by_class.clone().into_iter(), current: None }
    }

    /// Takes back one piece of a snapshot.
    ///
    /// # Errors
    /// If it contradicts the pieces before it.
    pub(crate) fn restore(&mut self, item: RosterItem) -> Result<(), Contradiction> {
        match item {
            RosterItem::Begin { class, version, import } => {
                let entries = OrdSet::new();
                self.by_class.insert(class, Roster { version, import, entries });
            }
            RosterItem::Listed { class, listed } => {
                let roster = self.by_class.get_mut(&class);
                let roster = roster.ok_or(Contradiction("a student is of no roster"))?;
                roster.edit(&RosterEdit::Put(listed));
                self.total += 1;
            }
        }
        Ok(())
    }
}

type Shared = imbl::shared_ptr::DefaultSharedPtr;

/// What is still to be handed out of a copy.
#[derive(Clone)]
pub(crate) struct RosterWalk {
    classes: imbl::ordmap::ConsumingIter<ClassId, Roster, Shared>,
    current: Option<(ClassId, imbl::ordset::ConsumingIter<Entry, Shared>)>,
}

impl Iterator for RosterWalk {
    type Item = RosterItem;

    fn next(&mut self) -> Option<RosterItem> {
        if let Some((class, entries)) = &mut self.current
            && let Some(entry) = entries.next()
        {
            return Some(RosterItem::Listed { class: *class, listed: entry.listed() });
        }
        let (class, Roster { version, import, entries }) = self.classes.next()?;
        self.current = Some((class, entries.into_iter()));
        Some(RosterItem::Begin { class, version, import })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(number: u32) -> ClassId {
        ClassId::new(number).unwrap()
    }

    fn put(student: &str, name: &str) -> RosterEdit {
        let (student, name) = (student.parse().unwrap(), name.parse().unwrap());
        RosterEdit::Put(Listed { student, name, group: None })
    }

    fn change(base: u64, import: u64, edits: Vec<RosterEdit>) -> RosterChange {
        RosterChange { base, import, edits: edits.into() }
    }

    fn run(rosters: &mut Rosters, change: &RosterChange) -> Result<(u64, u32), Refusal> {
        let decided = rosters.decide(class(1), change, 4)?;
        rosters.apply(class(1), change, decided.0);
        Ok(decided)
    }

    fn names(rosters: &Rosters) -> Vec<String> {
        let roster = rosters.of(class(1)).unwrap();
        roster.iter().map(|it| format!("{} {}", it.student, it.name)).collect()
    }

    // spec: R-ROSTER-1
    #[test]
    fn a_roster_is_changed_student_by_student_and_a_name_is_put_in_place_of_another() {
        let mut rosters = Rosters::default();
        let both = vec![put("20", "Rui"), put("10", "Ana")];
        assert_eq!(run(&mut rosters, &change(0, 7, both)), Ok((1, 2)));
        assert_eq!(names(&rosters), ["10 Ana", "20 Rui"]);
        let edits = vec![put("10", "Ana Silva"), RosterEdit::Remove("20".parse().unwrap())];
        assert_eq!(run(&mut rosters, &change(1, 8, edits.clone())), Ok((2, 1)));
        assert_eq!(names(&rosters), ["10 Ana Silva"]);
        assert_eq!(run(&mut rosters, &change(2, 9, edits)), Ok((3, 1)), "again: the same");
        assert!(rosters.of(class(1)).unwrap().has("10".parse().unwrap()));
        assert!(!rosters.of(class(1)).unwrap().has("1".parse().unwrap()));
        assert!(rosters.of(class(2)).is_none());
    }

    #[test]
    fn numbers_of_every_length_are_found_and_are_in_the_order_of_their_bytes() {
        let nine = ["123456789", "12345678", "12345678~", "12345678!", "~~~~~~~~~", "!"];
        let longer = ["1234567890", "123456789!", "123456789~", "1234567891", "~~~~~~~~~~"];
        let longest =
            ["~".repeat(32), "123456789".repeat(3), format!("{}!", "123456789".repeat(3))];
        let mut all = [&nine[..], &longer, &longest.each_ref().map(String::as_str)].concat();
        let put_all = all.iter().map(|it| put(it, "Ana")).collect();
        let mut rosters = Rosters::default();
        let change = change(0, 7, put_all);
        rosters.apply(class(1), &change, 1);
        let roster = rosters.of(class(1)).unwrap();
        all.sort_unstable();
        assert!(roster.iter().map(|it| it.student.to_string()).eq(all.iter().copied()));
        for (place, it) in all.iter().enumerate() {
            assert!(roster.has(it.parse().unwrap()), "{it}");
            let mut without = roster.clone();
            without.edit(&RosterEdit::Remove(it.parse().unwrap()));
            assert!(!without.has(it.parse().unwrap()), "{it}");
            assert_eq!(without.len(), all.len() - 1);
            let others = all.iter().enumerate().filter(|&(other, _)| other != place);
            assert!(without.iter().map(|it| it.student.to_string()).eq(others.map(|it| *it.1)));
        }
    }

    // spec: R-ROSTER-2
    #[test]
    fn of_two_imports_at_once_the_one_that_began_on_an_old_version_is_refused() {
        let mut rosters = Rosters::default();
        assert_eq!(run(&mut rosters, &change(0, 7, vec![put("10", "Ana")])), Ok((1, 1)));
        let other = change(0, 8, vec![put("20", "Rui")]);
        assert_eq!(run(&mut rosters, &other), Err(Refusal::RosterChanged), "began before");
        assert_eq!(run(&mut rosters, &change(0, 7, vec![put("30", "Eva")])), Ok((2, 2)), "goes on");
        assert_eq!(
            run(&mut rosters, &change(2, 8, vec![put("20", "Rui")])),
            Ok((3, 3)),
            "began after"
        );
        let late = change(0, 7, vec![put("40", "Ivo")]);
        assert_eq!(
            run(&mut rosters, &late),
            Err(Refusal::RosterChanged),
            "the first goes no further"
        );
        assert_eq!(names(&rosters), ["10 Ana", "20 Rui", "30 Eva"]);
    }

    // spec: R-ROSTER-3, R-POOL-2
    #[test]
    fn all_rosters_together_have_a_bound_and_who_is_over_it_can_only_remove() {
        let mut rosters = Rosters::default();
        let four = ["1", "2", "3", "4"].map(|it| put(it, "Ana")).to_vec();
        assert_eq!(run(&mut rosters, &change(0, 7, four)), Ok((1, 4)));
        assert_eq!(run(&mut rosters, &change(1, 8, vec![put("5", "Ana")])), Err(Refusal::NoRoom));
        let put_elsewhere = change(0, 9, vec![put("5", "Ana")]);
        assert_eq!(rosters.decide(class(2), &put_elsewhere, 4), Err(Refusal::NoRoom));
        assert_eq!(rosters.decide(class(2), &put_elsewhere, 5), Ok((1, 1)), "who has more room");
        assert_eq!(rosters.decide(class(1), &change(1, 8, vec![put("4", "Rui")]), 1), Ok((2, 4)));
        let remove = RosterEdit::Remove("4".parse().unwrap());
        assert_eq!(rosters.decide(class(1), &change(1, 8, vec![remove]), 1), Ok((2, 3)));
    }

    // spec: R-ROSTER-7
    #[test]
    fn a_snapshot_restores_the_same_rosters() {
        let mut rosters = Rosters::default();
        run(&mut rosters, &change(0, 7, vec![put("10", "Ana"), put("042191010", "João d'Água")]))
            .unwrap();
        let mut restored = Rosters::default();
        rosters.items().for_each(|item| restored.restore(item).unwrap());
        assert!(restored.items().eq(rosters.items()));
        assert_eq!((restored.total, names(&restored)), (2, names(&rosters)));
        let bytes = rosters.of(class(1)).unwrap().to_bytes(class(1));
        let read = RosterObject::from_bytes(&bytes, class(1)).unwrap();
        assert_eq!((read.version, read.students.len()), (1, 2));
        assert_eq!(RosterObject::from_bytes(&bytes, class(2)), Err(NotARoster::Malformed));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(RosterObject::from_bytes(&longer, class(1)), Err(NotARoster::Malformed));
        assert_eq!(RosterObject::from_bytes(&[2], class(1)), Err(NotARoster::NewerForm));
        assert!(
            restored
                .restore(RosterItem::Listed { class: class(9), listed: read.students[0].clone() })
                .is_err()
        );
    }
}
