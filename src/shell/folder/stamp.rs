//! The stamp of a file: tells without reading it whether it has changed.

use std::io;
use std::time::{Duration, SystemTime};

use crate::limits::FILE_BYTES_MAX;
use crate::time::WallTime;

/// Length and times of a regular file. While they are the same, its bytes count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
    /// The ctime in seconds and nanoseconds, which no program can set, and the inode number.
    #[cfg(unix)]
    pub(super) changed: (i64, i64, u64),
}

impl Stamp {
    /// The stamp of an open file.
    ///
    /// # Errors
    /// If it is not a regular file, or too large to be offered.
    pub(super) fn of(file: &std::fs::File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            changed: {
                use std::os::unix::fs::MetadataExt as _;
                (metadata.ctime(), metadata.ctime_nsec(), metadata.ino())
            },
        })
    }

    /// How long ago the file was written; `None` if its modification time is in the future, because
    /// another computer wrote it.
    pub(super) fn age(&self, now: WallTime) -> Option<Duration> {
        age(self.modified?, now)
    }
}

/// How long ago that was; `None` for a time in the future.
pub(super) fn age(at: SystemTime, now: WallTime) -> Option<Duration> {
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    now.as_millis().checked_sub(u64::try_from(at).ok()?).map(Duration::from_millis)
}
