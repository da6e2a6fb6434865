//! Linearizability of one class (Herlihy and Wing 1990): is there an order of all operations, each
//! at one moment between its question and its answer, in which a class with a list of students
//! gives exactly the answers that were heard?
//!
//! The search is that of Wing and Gong with the memory of Lowe: whoever may be next is tried, and a
//! place that was reached before with the same operations behind it is not searched again. An
//! operation whose outcome is unknown may take effect at any moment after its question, or never.

use std::collections::{BTreeMap, HashSet};

use rollcall::exchange::{Answer, Closed, Marked, Opened, Operation, SheetInfo};
use rollcall::ids::{ContentId, StudentNumber};
use rollcall::time::WallTime;

/// More places than any run of ours should need.
const PLACES_MAX: usize = 300_000;

/// What was asked of the class.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Do(Operation),
    /// Is it open, since when, and with how many students?
    Status,
}

/// What was heard.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Answer(Answer),
    Status(Option<(WallTime, u32)>),
}

/// One operation of the history. Without an answer its end is never.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) question: Question,
    pub(crate) heard: Option<Heard>,
}

/// How a search ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Linearizable,
    /// No order explains the answers.
    Impossible,
    /// The search was given up.
    Undecided,
}

/// A time that an unheard operation wrote: `None` until somebody reads it.
type Written = Option<WallTime>;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Class {
    open: Option<Written>,
    marks: BTreeMap<StudentNumber, Written>,
    last: Option<Last>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Last {
    Read(ContentId),
    Unread { opened_at: Written, students: usize },
}

/// Judges the history of one class that nobody had opened before.
pub(crate) fn judge(mut history: Vec<Event>) -> Finding {
    history.sort_by_key(|event| (event.begin, event.end));
    let mut search = Search { history: &history, seen: HashSet::new() };
    let done = vec![0; history.len().div_ceil(64)];
    match search.from(&done, 0, &Class::default()) {
        true => Finding::Linearizable,
        false if search.seen.len() >= PLACES_MAX => Finding::Undecided,
        false => Finding::Impossible,
    }
}

struct Search<'a> {
    history: &'a [Event],
    seen: HashSet<(Vec<u64>, Class)>,
}

impl Search<'_> {
    /// Whether the rest can be put in order. `first` is the first that is not done.
    fn from(&mut self, done: &[u64], first: usize, class: &Class) -> bool {
        let is_done = |place: usize| done[place / 64] >> (place % 64) & 1 == 1;
        let first = (first..self.history.len()).find(|&place| !is_done(place));
        let Some(first) = first else { return true };
        let open: Vec<usize> = (first..self.history.len()).filter(|&it| !is_done(it)).collect();
        // Whoever begins after somebody else's end cannot be before them.
        let horizon = open.iter().map(|&it| self.history[it].end).min().unwrap_or(u64::MAX);
        if horizon == u64::MAX {
            return true;
        }
        if self.seen.len() >= PLACES_MAX || !self.seen.insert((done.to_vec(), class.clone())) {
            return false;
        }
        let history = self.history;
        let mut next: Vec<usize> =
            open.into_iter().filter(|&it| history[it].begin <= horizon).collect();
        next.sort_by_key(|&it| history[it].end);
        next.into_iter().any(|it| {
            class.after(&history[it]).is_some_and(|class| {
                let mut done = done.to_vec();
                done[it / 64] |= 1 << (it % 64);
                self.from(&done, first, &class)
            })
        })
    }
}

impl Class {
    /// The class after this event, if what was heard could be said by it. An unheard event that
    /// changes nothing need not happen, so it cannot.
    fn after(&self, event: &Event) -> Option<Self> {
        let mut class = self.clone();
        let right = match (&event.question, &event.heard) {
            (Question::Do(operation), None) => {
                return class.unheard(operation).then_some(class);
            }
            (Question::Do(operation), Some(Heard::Answer(answer))) => {
                class.answers(operation.clone(), answer)
            }
            (Question::Status, Some(Heard::Status(told))) => class.status(*told),
            _ => false,
        };
        right.then_some(class)
    }

    fn unheard(&mut self, operation: &Operation) -> bool {
        match *operation {
            Operation::Open { .. } => {
                self.open.is_none() && {
                    self.open = Some(None);
                    true
                }
            }
            Operation::Mark { student, .. } => {
                self.open.is_some() && self.marks.insert(student, None).is_none()
            }
            Operation::Close { .. } => {
                let Some(opened_at) = self.open.take() else { return false };
                let students = std::mem::take(&mut self.marks).len();
                self.last = Some(Last::Unread { opened_at, students });
                true
            }
            _ => false,
        }
    }

    fn answers(&mut self, operation: Operation, answer: &Answer) -> bool {
        match (operation, answer) {
            (
                Operation::Open { .. },
                &Answer::Opened(Opened { opened_at, already_open: false, .. }),
            ) => self.open.replace(Some(opened_at)).is_none(),
            (
                Operation::Open { .. },
                &Answer::Opened(Opened { opened_at, already_open: true, .. }),
            ) => self.open.as_mut().is_some_and(|written| read(written, opened_at)),
            (
                Operation::Mark { student, .. },
                &Answer::Marked(Marked { at, already_present: false, .. }),
            ) => self.open.is_some() && self.marks.insert(student, Some(at)).is_none(),
            (
                Operation::Mark { student, .. },
                &Answer::Marked(Marked { at, already_present: true, .. }),
            ) => self.marks.get_mut(&student).is_some_and(|written| read(written, at)),
            (Operation::Mark { .. }, Answer::MarkRefused(_)) => self.open.is_none(),
            (Operation::Close { .. }, Answer::Closed(Closed { sheet, already_closed: false })) => {
                let Some(mut opened) = self.open.take() else { return false };
                let students = std::mem::take(&mut self.marks).len();
                self.last = Some(Last::Read(sheet.content));
                read(&mut opened, sheet.opened_at) && students == sheet.students as usize
            }
            (Operation::Close { .. }, Answer::Closed(Closed { sheet, already_closed: true })) => {
                self.open.is_none() && self.last.as_mut().is_some_and(|last| last.read(sheet))
            }
            (Operation::Close { .. }, Answer::Refused(_)) => {
                self.open.is_none() && self.last.is_none()
            }
            _ => false,
        }
    }

    fn status(&mut self, told: Option<(WallTime, u32)>) -> bool {
        match (&mut self.open, told) {
            (None, None) => true,
            (Some(written), Some((at, present))) => {
                read(written, at) && self.marks.len() == present as usize
            }
            _ => false,
        }
    }
}

impl Last {
    fn read(&mut self, told: &SheetInfo) -> bool {
        let right = match self {
            Self::Read(content) => *content == told.content,
            Self::Unread { opened_at, students } => {
                read(opened_at, told.opened_at) && *students == told.students as usize
            }
        };
        *self = Self::Read(told.content);
        right
    }
}

/// Whether this can be what is written there; it is from now on.
fn read(written: &mut Written, told: WallTime) -> bool {
    *written.get_or_insert(told) == told
}
