//! The words of a roll call beyond who answered: its plan, what a student was, corrections, the roster.
//!
//! As in [`crate::ids`], each is parsed once at the edge and is valid from then on.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::access::PersonName;
use crate::ids::{RollCallNumber, StudentNumber, is_invisible};
use crate::limits::{
    ACCEPT_DELAYED_DEFAULT, GROUP_MAX_BYTES, LESSONS_MAX, REASON_MAX_BYTES, STUDENT_NAME_MAX_BYTES,
    TITLE_MAX_BYTES, WINDOW_LENGTH_MAX,
};
use crate::time::WallTime;

/// What a student was on a roll call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// There.
    Present,
    /// There, but too late.
    Late,
    /// Not there, with a reason that was accepted. An absence all the same.
    Excused,
    /// Not there.
    Absent,
    /// There, and gone before the end.
    Left,
}

impl Status {
    /// Each, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Present, Self::Late, Self::Excused, Self::Absent, Self::Left];

    /// The word for it in `--json`, exports, logs and the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Late => "late",
            Self::Excused => "excused",
            Self::Absent => "absent",
            Self::Left => "left",
        }
    }

    /// Whether the student has come, so that nobody has to look for them.
    #[must_use]
    pub fn has_come(self) -> bool {
        matches!(self, Self::Present | Self::Late | Self::Left)
    }

    /// Whether the student answered and counts as there.
    #[must_use]
    pub fn is_there(self) -> bool {
        matches!(self, Self::Present | Self::Late)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How often a student was there, over the closed roll calls of a class on whose roster the student was. All but
/// `roll_calls` count lessons: a roll call counts for as many as it was opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many roll calls these are.
    pub roll_calls: u32,
    /// Of so many lessons.
    pub of: u32,
    /// There, and in time.
    pub present: u32,
    /// There, but too late.
    pub late: u32,
    /// Not there, with a reason that was accepted.
    pub excused: u32,
    /// Not there, or gone before the end.
    pub absent: u32,
}

/// Each with how many lessons it was.
impl FromIterator<(u32, Status)> for Tally {
    fn from_iter<T: IntoIterator<Item = (u32, Status)>>(roll_calls: T) -> Self {
        let mut tally = Self::default();
        roll_calls.into_iter().for_each(|(lessons, status)| tally.count(lessons, status));
        tally
    }
}

impl Tally {
    /// Counts a roll call of so many lessons.
    pub fn count(&mut self, lessons: u32, status: Status) {
        let add = |to: &mut u32, count| *to = to.saturating_add(count);
        add(&mut self.roll_calls, 1);
        add(&mut self.of, lessons);
        let of_status = match status {
            Status::Present => &mut self.present,
            Status::Late => &mut self.late,
            Status::Excused => &mut self.excused,
            Status::Absent | Status::Left => &mut self.absent,
        };
        add(of_status, lessons);
    }

    /// There, in tenths of a percent, rounded down; nothing where nobody was expected.
    #[must_use]
    pub fn permille(&self) -> Option<u32> {
        let there = (u64::from(self.present) + u64::from(self.late)) * 1_000;
        there.checked_div(self.of.into()).map(|it| u32::try_from(it).unwrap_or(1_000))
    }

    /// So many lessons more can be missed until the student was there for fewer than `minimum` of a hundred: of
    /// those so far, or of those that are planned. An excused absence is one. Below zero: too many were missed.
    #[must_use]
    pub fn left(&self, minimum: u8, planned: Option<u32>) -> i64 {
        let of = u64::from(planned.unwrap_or(self.of).max(self.of));
        let may_miss = of * u64::from(100 - minimum.min(100)) / 100;
        i64::try_from(may_miss).unwrap_or(i64::MAX)
            - i64::from(self.absent)
            - i64::from(self.excused)
    }

    /// Whether the student was there for fewer than so many of a hundred lessons.
    #[must_use]
    pub fn is_below(&self, minimum: u8) -> bool {
        self.permille().is_some_and(|it| it < u32::from(minimum) * 10)
    }
}

/// Why a text is no line of at most so many bytes that can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALine {
    /// There is nothing to be seen.
    #[error("it has no characters")]
    Empty,
    /// There is too much.
    #[error("it has more than {0} bytes; letters with accents take two")]
    TooLong(usize),
    /// It has characters that no line has.
    #[error("it has characters that cannot be seen, or spaces around it, or two spaces in a row")]
    Character,
}

/// A text of 1 to `MAX` bytes that can be seen, in one line, without spaces around it or two in a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line<const MAX: usize>(Box<str>);

/// The name of a student, as the roster has it.
pub type StudentName = Line<STUDENT_NAME_MAX_BYTES>;
/// The group of a student, as the roster has it.
pub type Group = Line<GROUP_MAX_BYTES>;
/// Why a teacher corrected something.
pub type Reason = Line<REASON_MAX_BYTES>;
/// What a roll call is called.
pub type Title = Line<TITLE_MAX_BYTES>;

impl<const MAX: usize> Line<MAX> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is a line of at most so many bytes.
pub(crate) fn check_line(text: &str, max_bytes: usize) -> Result<(), NotALine> {
    if text.is_empty() {
        return Err(NotALine::Empty);
    }
    if text.len() > max_bytes {
        return Err(NotALine::TooLong(max_bytes));
    }
    let is_bare = text.trim() == text && !text.contains("  ");
    let odd = |it: char| is_invisible(it) || (it.is_whitespace() && it != ' ');
    if is_bare && !text.contains(odd) { Ok(()) } else { Err(NotALine::Character) }
}

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = NotALine;

    fn from_str(text: &str) -> Result<Self, NotALine> {
        check_line(text, MAX).map(|()| Self(text.into()))
    }
}

impl<const MAX: usize> fmt::Display for Line<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Line<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<const MAX: usize> Serialize for Line<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Line<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const MAX: usize>;
        impl<const MAX: usize> serde::de::Visitor<'_> for Visitor<MAX> {
            type Value = Line<MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a line of text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Line<MAX>, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// How a roll call is to go, as the teacher says when it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// It closes by itself after so many seconds; never, if there is none.
    pub closes_after_s: Option<u32>,
    /// Who answers after so many seconds is late; nobody, if there is none.
    pub late_after_s: Option<u32>,
    /// How many lessons it counts for, from 1.
    pub lessons: u8,
    /// An answer may arrive so many seconds after it was pressed.
    pub accept_delayed_s: u16,
    /// What it is called.
    pub title: Option<Title>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            closes_after_s: None,
            late_after_s: None,
            lessons: 1,
            accept_delayed_s: seconds_of(ACCEPT_DELAYED_DEFAULT),
            title: None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "asserted where the bound is")]
const fn seconds_of(duration: Duration) -> u16 {
    duration.as_secs() as u16
}

impl Plan {
    /// Whether its values fit each other and the bounds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let Self { closes_after_s, late_after_s, lessons, accept_delayed_s, .. } = *self;
        let longest = WINDOW_LENGTH_MAX.as_secs();
        let is_length = |it: Option<u32>| it.is_none_or(|it| it > 0 && u64::from(it) <= longest);
        // R-PLAN-1
        is_length(closes_after_s)
            && is_length(late_after_s)
            && closes_after_s.zip(late_after_s).is_none_or(|(closes, late)| late < closes)
            && (1..=LESSONS_MAX).contains(&lessons)
            && accept_delayed_s <= seconds_of(ACCEPT_DELAYED_DEFAULT)
    }

    /// When a roll call closes that was opened then.
    #[must_use]
    pub fn closes_at(&self, opened_at: WallTime) -> Option<WallTime> {
        self.closes_after_s.map(|it| opened_at.after(Duration::from_secs(it.into())))
    }

    /// From when on who answers is late.
    #[must_use]
    pub fn late_at(&self, opened_at: WallTime) -> Option<WallTime> {
        self.late_after_s.map(|it| opened_at.after(Duration::from_secs(it.into())))
    }
}

/// A correction of what one student was, by a teacher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Of which roll call of the class; the open one or else the last one, if there is none.
    pub number: Option<RollCallNumber>,
    /// Whom.
    pub student: StudentNumber,
    /// What the student was. `Absent` takes back that the student was there.
    pub status: Status,
    /// Why.
    pub reason: Option<Reason>,
}

/// A student of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The number.
    pub student: StudentNumber,
    /// The name.
    pub name: StudentName,
    /// The group, where there are groups.
    pub group: Option<Group>,
}

/// One change of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RosterEdit {
    /// The student is on it, under this name and in this group.
    Put(Listed),
    /// The student is not on it.
    Remove(StudentNumber),
}

/// Some changes of a roster, which belong to one import.
///
/// The import that was begun on a version that is no longer the last one is refused, so that two who
/// import at once do not make a mixture that neither wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterChange {
    /// The version of the roster that the import was begun on; 0 for none.
    pub base: u64,
    /// Drawn at random for each import.
    pub import: u64,
    /// The changes; at least one.
    pub edits: Box<[RosterEdit]>,
}

/// What happened to a roll call beside marks: one entry of its trail, which is only ever appended to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// When.
    pub at: WallTime,
    /// By which teacher, where that is known.
    pub by: Option<PersonName>,
    /// What.
    pub change: Change,
    /// Why.
    pub reason: Option<Reason>,
}

/// What a [`TrailEntry`] says. Variants are only ever appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A student was corrected.
    Corrected {
        /// Whom.
        student: StudentNumber,
        /// What the student was before, if anything was known.
        was: Option<Status>,
        /// What the student is from then on.
        is: Status,
    },
    /// The roll call was to close at this time from then on.
    Extended {
        /// When.
        closes_at: WallTime,
    },
    /// It was closed by mistake, and opened again.
    Reopened,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_can_be_seen_in_one_line() {
        for text in ["Ana", "João d'Água-Ribeiro", "王小明", "=1+1", "a\u{301}", &"é".repeat(60)]
        {
            assert_eq!(text.parse::<StudentName>().unwrap().as_str(), text);
        }
        for (text, why) in [
            ("", NotALine::Empty),
            (" Ana", NotALine::Character),
            ("Ana  Silva", NotALine::Character),
            ("Ana\nSilva", NotALine::Character),
            ("Ana\u{202e}", NotALine::Character),
            (&"é".repeat(61), NotALine::TooLong(120)),
        ] {
            assert_eq!(text.parse::<StudentName>(), Err(why), "{text:?}");
        }
    }

    // spec: R-PLAN-1
    #[test]
    fn a_plan_is_late_before_it_closes_and_within_its_bounds() {
        let plan =
            |closes_after_s, late_after_s| Plan { closes_after_s, late_after_s, ..Plan::default() };
        for valid in [
            plan(None, None),
            plan(Some(600), Some(300)),
            plan(None, Some(1)),
            plan(Some(86_400), None),
        ] {
            assert!(valid.is_valid(), "{valid:?}");
        }
        for wrong in [
            plan(Some(0), None),
            plan(None, Some(0)),
            plan(Some(300), Some(300)),
            plan(Some(86_401), None),
            Plan { lessons: 0, ..Plan::default() },
            Plan { lessons: LESSONS_MAX + 1, ..Plan::default() },
            Plan { accept_delayed_s: 601, ..Plan::default() },
        ] {
            assert!(!wrong.is_valid(), "{wrong:?}");
        }
    }
}
