//! The status of a file: its content, how far it is hashed, or that it is not offered.

use tracing::debug;

use super::hashing::Hashing;
use super::settling::Verdict;
use super::stamp::Stamp;
use super::{Folder, Lookup, is_exhaustion};
use crate::exchange::{FileInfo, FileState};
use crate::ids::{FileKey, FileName};
use crate::limits::FILES_HASHED_AT_ONCE_MAX;
use crate::time::{Instant, Now};

impl Folder {
    /// The status of a file. Begins to hash it if its content is not known.
    pub(super) fn describe(&mut self, key: FileKey, now: Now) -> FileState {
        let name = match self.look_up(key, now) {
            Lookup::Found(name) => name,
            Lookup::NotYet => return FileState::Reading { done: 0, bytes: 0 },
            Lookup::Absent => return FileState::Absent,
        };
        let (file, stamp) = match self.open_file(&name) {
            Ok(opened) => opened,
            Err(error) if is_exhaustion(&error) => {
                self.exhausted(&error, now.instant);
                return FileState::Reading { done: 0, bytes: 0 };
            }
            Err(error) => {
                self.cannot_read(&name, None, &error, now.instant);
                return FileState::Absent;
            }
        };
        let bytes = stamp.bytes;
        if let Some(content) = self.contents.known(&name, stamp) {
            return FileState::Ready(FileInfo { bytes, content });
        }
        if let Some(reading) = self.reading(&name, stamp, now.instant) {
            return reading;
        }
        let waiting = FileState::Reading { done: 0, bytes };
        if self.is_unreadable(&name, stamp, now.instant) {
            // R-FILES-9
            return FileState::Absent;
        }
        match self.settling.judge(&name, stamp, self.contents.stamp(&name), now) {
            Verdict::Wait => return waiting,
            Verdict::Refuse => {
                debug!("'{name}' changes all the time and is not offered");
                return FileState::Absent;
            }
            // It is hashed when it is asked for again and there is room.
            Verdict::Read if self.hashing.len() >= FILES_HASHED_AT_ONCE_MAX => return waiting,
            Verdict::Read => self.hashing.push_front(Hashing::begin(name.clone(), stamp, file)),
        }
        // A small file is hashed at once.
        self.hash_some(now);
        if let Some(content) = self.contents.known(&name, stamp) {
            return FileState::Ready(FileInfo { bytes, content });
        }
        if self.is_unreadable(&name, stamp, now.instant) {
            return FileState::Absent;
        }
        self.reading(&name, stamp, now.instant).unwrap_or(waiting)
    }

    /// The status of a file that is being hashed; `None` if it is not.
    fn reading(&mut self, name: &FileName, stamp: Stamp, now: Instant) -> Option<FileState> {
        let place = self.hashing.iter().position(|it| it.name == *name)?;
        let Hashing { done, stamp: before, .. } = self.hashing[place];
        if before == stamp {
            return Some(FileState::Reading { done: done.min(stamp.bytes), bytes: stamp.bytes });
        }
        // It has changed, so what was hashed is of no use.
        self.hashing.remove(place);
        self.settling.failed(name, before, now);
        None
    }
}
