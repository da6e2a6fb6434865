//! What is in a file.

use std::time::Duration;

use super::idle::Idle;
use super::{Inquiry, Step};
use crate::exchange::{Answer, FileInfo, FileState, Query};
use crate::ids::FileKey;
use crate::limits::READING_PROGRESS_BYTES;
use crate::time::Instant;

/// Asks for the status of a file until the server has read it; finds nothing if it offers no such
/// file.
pub struct FileInquiry {
    file: FileKey,
    /// The bytes that the server had read when it last made progress.
    furthest: u64,
    idle: Idle,
    next: Next,
    /// How far the server is: the bytes that it has read, and all.
    reading: Option<(u64, u64)>,
}

enum Next {
    Ask,
    Wait(Instant),
    Done(Option<FileInfo>),
    Stalled,
}

impl FileInquiry {
    /// If the server has not read on for the idle timeout, it stalls.
    #[must_use]
    pub fn new(file: FileKey, now: Instant, idle_timeout: Duration) -> Self {
        let idle = Idle::begin(now, idle_timeout);
        Self { file, furthest: 0, idle, next: Next::Ask, reading: None }
    }

    /// How far the server is, if it still reads the file: the bytes that it has read, and all.
    #[must_use]
    pub fn reading(&self) -> Option<(u64, u64)> {
        self.reading
    }

    fn handle_reading(&mut self, now: Instant, done: u64, bytes: u64) {
        self.reading = Some((done, bytes));
        if done >= self.furthest.saturating_add(READING_PROGRESS_BYTES) {
            self.furthest = done;
            self.idle.progressed(now);
        }
        self.next = self.idle.ask_again_at(now).map_or(Next::Stalled, Next::Wait);
    }
}

impl Inquiry for FileInquiry {
    type Found = Option<FileInfo>;

    fn poll(&mut self, now: Instant) -> Step<Self::Found> {
        match self.next {
            Next::Wait(until) if until > now => Step::Wait(until),
            Next::Ask | Next::Wait(_) => Step::Ask(Query::File { file: self.file }),
            Next::Done(found) => Step::Done(found),
            Next::Stalled => Step::Stalled("its reading of the file"),
        }
    }

    fn handle_answer(&mut self, now: Instant, answer: Answer) {
        self.reading = None;
        match answer {
            Answer::File(FileState::Ready(info)) => self.next = Next::Done(Some(info)),
            Answer::File(FileState::Reading { done, bytes }) => {
                self.handle_reading(now, done, bytes);
            }
            _ => self.next = Next::Done(None),
        }
    }
}
