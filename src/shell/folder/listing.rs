//! A listing of the folder under way: a few hundred entries at a time, so that a large folder does not
//! delay requests for blocks.

use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use cap_std::fs::{Dir, ReadDir};

use crate::ids::FileName;
use crate::limits::{FILE_BYTES_MAX, FILES_DESCRIBED_AT_ONCE, FILES_MAX};
use crate::time::Instant;

/// A listing under way.
pub(super) struct Listing {
    entries: ReadDir,
    /// The modification time of the folder when the listing began.
    pub(super) folder_changed: Option<SystemTime>,
    pub(super) begun: Instant,
    /// The files so far, with their lengths; of too many, the first in order of name.
    pub(super) files: BTreeMap<FileName, u64>,
    /// Whether there are more than can be offered.
    pub(super) too_many: bool,
}

impl Listing {
    pub(super) fn begin(dir: &Dir, now: Instant) -> io::Result<Self> {
        Ok(Self {
            // Read before the first entry, so that a change during the listing is noticed.
            folder_changed: changed_at(dir),
            entries: dir.entries()?,
            begun: now,
            files: BTreeMap::new(),
            too_many: false,
        })
    }

    /// Reads some entries; true if these were the last.
    pub(super) fn read_some(&mut self) -> io::Result<bool> {
        for _ in 0..FILES_DESCRIBED_AT_ONCE {
            let Some(entry) = self.entries.next() else { return Ok(true) };
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            if self.files.len() >= FILES_MAX && self.files.last_key_value() < Some((&name, &0)) {
                self.too_many = true;
                continue;
            }
            // Of the entry itself: links are not followed.
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

/// The modification time of a folder: when a name was last added or removed.
pub(super) fn changed_at(dir: &Dir) -> Option<SystemTime> {
    Some(dir.dir_metadata().ok()?.modified().ok()?.into_std())
}
