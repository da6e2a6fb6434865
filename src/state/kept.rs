//! Closed roll calls that are in memory, so that they can be corrected or opened again.
//!
//! Owns the last revision of a few of them. It is a cache: what is not here is read from the journal. Whoever
//! makes a new revision puts it here, so that nothing here is ever old.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::{ClassId, RollCallNumber};
use crate::limits::{CORRECTED_CACHED_BYTES, CORRECTED_CACHED_MAX, REOPEN_MARKS_MAX};
use crate::roll::ClosedSheet;

/// What is known of a closed roll call.
#[derive(Clone)]
pub(crate) enum Known {
    /// Its last revision.
    Is(Arc<ClosedSheet>),
    /// It has more marks than are kept in memory.
    TooLarge,
    /// There is no such roll call.
    Absent,
}

impl Known {
    fn bytes(&self) -> usize {
        match self {
            Self::Is(closed) => closed.info.bytes as usize,
            Self::TooLarge | Self::Absent => 0,
        }
    }
}

/// The last revisions of some closed roll calls, the newest at the end.
#[derive(Clone, Default)]
pub(crate) struct KeptRollCalls {
    entries: VecDeque<(ClassId, RollCallNumber, Known)>,
    /// The bytes of the sheets that are here.
    bytes: usize,
}

impl KeptRollCalls {
    /// What is known of this roll call; nothing if it has to be read first.
    pub(crate) fn get(&self, class: ClassId, number: RollCallNumber) -> Option<&Known> {
        let found = self.entries.iter().find(|it| (it.0, it.1) == (class, number));
        found.map(|it| &it.2)
    }

    /// The last revision of this roll call, if it is here.
    pub(crate) fn sheet(
        &self,
        class: ClassId,
        number: RollCallNumber,
    ) -> Option<&Arc<ClosedSheet>> {
        match self.get(class, number)? {
            Known::Is(closed) => Some(closed),
            Known::TooLarge | Known::Absent => None,
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
        let kept = match closed {
            None => Known::Absent,
            // It must be known all the same: who asks for its correction is told, and does not wait for ever.
            Some(it) if it.info.students as usize > REOPEN_MARKS_MAX => Known::TooLarge,
            Some(it) => Known::Is(it),
        };
        self.bytes += kept.bytes();
        self.entries.push_back((class, number, kept));
        let is_full = |it: &Self| {
            it.entries.len() > CORRECTED_CACHED_MAX || it.bytes > CORRECTED_CACHED_BYTES
        };
        while self.entries.len() > 1 && is_full(self) {
            let Some((.., oldest)) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }

    /// This roll call has no closed sheet any more that could be corrected.
    pub(crate) fn remove(&mut self, class: ClassId, number: RollCallNumber) {
        if let Some(place) = self.entries.iter().position(|it| (it.0, it.1) == (class, number)) {
            let removed = self.entries.remove(place);
            self.bytes -= removed.map_or(0, |it| it.2.bytes());
        }
    }
}
