//! A listing of the folder under way: a few entries at a time, so that whoever waits for blocks of a
//! file does not wait for a folder with a hundred thousand.

use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use cap_std::fs::{Dir, ReadDir};

use crate::ids::FileName;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX};
use crate::time::Instant;

/// The entries that are looked at between two orders: a millisecond or two.
const ENTRIES_AT_ONCE: usize = 512;

/// A listing under way.
pub(super) struct Listing {
    entries: ReadDir,
    /// The time of the folder when it began.
    pub(super) folder_changed: Option<SystemTime>,
    pub(super) begun: Instant,
    /// The files so far, with their lengths: the first ones in the order of their names.
    pub(super) files: BTreeMap<FileName, u64>,
    /// Whether there are more than can be offered.
    pub(super) too_many: bool,
}

impl Listing {
    pub(super) fn begin(dir: &Dir, now: Instant) -> io::Result<Self> {
        Ok(Self {
            // Before the first entry: what comes or goes meanwhile makes it another time.
            folder_changed: changed_at(dir),
            entries: dir.entries()?,
            begun: now,
            files: BTreeMap::new(),
            too_many: false,
        })
    }

    /// Looks at some entries; true if these were the last.
    pub(super) fn read_some(&mut self) -> io::Result<bool> {
        for _ in 0..ENTRIES_AT_ONCE {
            let Some(entry) = self.entries.next() else { return Ok(true) };
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            if self.files.len() >= FILES_MAX && self.files.last_key_value() < Some((&name, &0)) {
                self.too_many = true;
                continue;
            }
            // Of the entry itself, not of what a link points at.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() && metadata.len() <= FILE_BYTES_MAX {
                self.insert(name, metadata.len());
            }
        }
        Ok(false)
    }

    fn insert(&mut self, name: FileName, bytes: u64) {
        self.files.insert(name, bytes);
        if self.files.len() > FILES_MAX {
            self.too_many = true;
            self.files.pop_last();
        }
    }
}

/// When a name came into the folder or went, last.
pub(super) fn changed_at(dir: &Dir) -> Option<SystemTime> {
    Some(dir.dir_metadata().ok()?.modified().ok()?.into_std())
}
