//! Closed roll calls that are in memory, so that they can be corrected or opened again.
//!
//! Owns the last revision of a few of them. It is a cache: what is not here is read from the journal. Whoever
//! makes a new revision puts it here, so that nothing here is ever old.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::{ClassId, RollCallNumber};
use crate::limits::{CORRECTED_CACHED_MAX, REOPEN_MARKS_MAX};
use crate::roll::ClosedSheet;

/// The last revisions of some closed roll calls, the one that was used last at the end.
#[derive(Clone, Default)]
pub(crate) struct KeptRollCalls {
    /// Each of a class and number; `None` if there is no such roll call.
    entries: VecDeque<(ClassId, RollCallNumber, Option<Arc<ClosedSheet>>)>,
}

/// What is known of a closed roll call.
#[derive(Clone, Copy)]
pub(crate) enum Known<'a> {
    /// It has to be read first.
    Unread,
    /// There is no such roll call.
    Absent,
    /// Its last revision.
    Here(&'a Arc<ClosedSheet>),
}

impl KeptRollCalls {
    /// The last revision of this roll call, as far as it is known here.
    pub(crate) fn get(&self, class: ClassId, number: RollCallNumber) -> Known<'_> {
        let found = self.entries.iter().find(|it| (it.0, it.1) == (class, number));
        match found.map(|it| it.2.as_ref()) {
            None => Known::Unread,
            Some(None) => Known::Absent,
            Some(Some(closed)) => Known::Here(closed),
        }
    }

    /// This is the last revision of this roll call.
    pub(crate) fn insert(
        &mut self,
        class: ClassId,
        number: RollCallNumber,
        closed: Option<Arc<ClosedSheet>>,
    ) {
        self.remove(class, number);
        // What nobody opens again is not worth the memory.
        let is_huge =
            closed.as_ref().is_some_and(|it| it.info.students as usize > REOPEN_MARKS_MAX);
        if is_huge {
            return;
        }
        if self.entries.len() >= CORRECTED_CACHED_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back((class, number, closed));
    }

    /// This roll call has no closed sheet any more that could be corrected.
    pub(crate) fn remove(&mut self, class: ClassId, number: RollCallNumber) {
        self.entries.retain(|it| (it.0, it.1) != (class, number));
    }
}
