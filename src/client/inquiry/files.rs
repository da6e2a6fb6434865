//! The whole list of offered files.

use std::time::Duration;

use super::idle::Idle;
use super::{Inquiry, Step};
use crate::exchange::{Answer, FileEntry, FileList, Query};
use crate::limits::FILES_MAX;
use crate::time::Instant;

/// Asks for the offered files, in order of name; finds nothing if the server offers none.
pub struct FilesInquiry {
    files: Vec<FileEntry>,
    /// The most that were listed before the folder changed.
    longest: usize,
    idle: Idle,
    next: Next,
}

enum Next {
    Ask,
    Wait(Instant),
    Done(Option<Vec<FileEntry>>),
    Stalled,
}

impl FilesInquiry {
    /// The list may change while it is told; if it has not grown for the idle timeout, it stalls.
    #[must_use]
    pub fn new(now: Instant, idle_timeout: Duration) -> Self {
        let idle = Idle::begin(now, idle_timeout);
        Self { files: Vec::new(), longest: 0, idle, next: Next::Ask }
    }

    /// Adds a page; if it does not go on where the last one ended, the folder changed meanwhile, and
    /// the list begins anew.
    fn add(&mut self, list: &mut FileList) {
        let follows = match (self.files.last(), list.files.first()) {
            (Some(before), Some(after)) => before.name < after.name,
            _ => true,
        };
        if follows && !list.files.is_empty() {
            self.files.append(&mut list.files);
        } else if !follows || list.total as usize != self.files.len() {
            self.files.clear();
        }
    }
}

impl Inquiry for FilesInquiry {
    type Found = Option<Vec<FileEntry>>;

    fn poll(&mut self, now: Instant) -> Step<Self::Found> {
        match &mut self.next {
            Next::Wait(until) if *until > now => Step::Wait(*until),
            Next::Ask | Next::Wait(_) => {
                let from = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
                Step::Ask(Query::Files { from })
            }
            Next::Done(files) => Step::Done(files.take()),
            Next::Stalled => Step::Stalled("its list of files"),
        }
    }

    fn handle_answer(&mut self, now: Instant, answer: Answer) {
        let Answer::Files(Some(mut list)) = answer else {
            self.next = Next::Done(None);
            return;
        };
        self.add(&mut list);
        self.next = if self.files.len() >= (list.total as usize).min(FILES_MAX) {
            Next::Done(Some(std::mem::take(&mut self.files)))
        } else if self.files.len() > self.longest {
            self.longest = self.files.len();
            self.idle.progressed(now);
            Next::Ask
        } else {
            self.idle.ask_again_at(now).map_or(Next::Stalled, Next::Wait)
        };
    }
}
