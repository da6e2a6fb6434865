//! Durable storage for a server: batches of records, closed sheets, snapshots, and recovery from them.
//!
//! ```text
//!   Server ── Append(batch) ──▶ commit  ──▶ ┌─────────────────────────────────┐
//!          ◀─ handle_durable ──             │ batches   since the snapshot    │
//!          ── Load(content) ──▶ sheet   ──▶ │ sheets    as rows, for ever     │
//!          ◀─ handle_sheet ────             │ snapshot  what was alive        │
//!          ── Snapshot(part) ▶ keep_snapshot └─────────────────────────────────┘
//!          ◀─ restore, replay ─ recover ──────────────┘
//! ```
//!
//! The state of a server is the fold of the snapshot and the batches after it. A snapshot takes the
//! place of all batches before it, so that the journal and a restart are as large as what is alive,
//! not as what ever happened; only closed sheets stay for ever, and no restart reads them.
//!
//! [`SqliteJournal`] keeps its promise across crashes; [`MemoryJournal`] keeps it as long as its
//! process lives. Neither knows a clock, a socket, a message or a server: a start yields values to
//! whatever takes them ([`Recovery`]).

pub mod encoding;
mod error;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::{ErrorKind, JournalError};
pub use memory::MemoryJournal;
#[cfg(feature = "sqlite")]
pub use sqlite::{
    Backup, BackupError, DATABASE_FILE, Examined, FolderProblem, LOCK_FILE, Location, SqliteError,
    SqliteJournal, backup, is_open_to_others, make,
};

use crate::exchange::SheetInfo;
use crate::ids::{ClassId, ContentId, RollCallNumber};
use crate::limits::{DISK_RESERVE_BYTES, DISK_RESERVE_PART, LOG_LONG_BYTES, LOG_MAX_BYTES};
use crate::record::{Batch, Recovery, Rows, RowsQuestion, SnapshotPart};

/// The status of the disk under a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStatus {
    /// The free bytes, if the system tells them.
    pub free_bytes: Option<u64>,
    /// The size of the disk.
    pub disk_bytes: u64,
    /// The length of the write-ahead log.
    pub log_bytes: u64,
}

impl DiskStatus {
    /// Whether too little room is left to begin another roll call.
    #[must_use]
    pub fn is_low(&self) -> bool {
        let reserve = DISK_RESERVE_BYTES.min(self.disk_bytes / DISK_RESERVE_PART);
        self.free_bytes.is_some_and(|free| free < reserve) || self.log_bytes > LOG_MAX_BYTES
    }

    /// Whether the log is so long that another program must be keeping it from being copied.
    #[must_use]
    pub fn log_is_long(&self) -> bool {
        self.log_bytes > LOG_LONG_BYTES
    }
}

/// A second connection to a journal: reads closed sheets without waiting for a commit.
pub trait SheetReader: Send {
    /// As [`Journal::sheet`], of everything that was durable when it was asked for.
    ///
    /// # Errors
    /// If the sheet cannot be read or is not what its name says.
    fn sheet(&mut self, content: ContentId) -> Result<Option<Vec<u8>>, JournalError>;

    /// As [`Journal::history`].
    ///
    /// # Errors
    /// As for [`SheetReader::sheet`].
    fn history(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        limit: usize,
    ) -> Result<Vec<SheetInfo>, JournalError>;

    /// As [`Journal::rows`].
    ///
    /// # Errors
    /// As for [`SheetReader::sheet`].
    fn rows(&mut self, question: RowsQuestion) -> Result<Rows, JournalError>;
}

/// Counts of what a start read, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The number of the last batch.
    pub last_batch: u64,
    /// The items of the snapshot.
    pub snapshot_items: u64,
    /// The batches after the snapshot.
    pub batches: u64,
    /// Their records.
    pub records: u64,
}

/// A store of batches, sheets and snapshots.
pub trait Journal {
    /// Yields everything that is kept and is not a closed sheet, in order: the last snapshot, then
    /// the batches after it. To be called once, before anything is appended.
    ///
    /// # Errors
    /// If the journal is damaged or cannot be read, or `into` finds that what it gets contradicts
    /// itself. What `into` has taken is then of no use.
    fn recover(&mut self, into: &mut dyn Recovery) -> Result<Recovered, JournalError>;

    /// Appends the batch and makes it durable: when this returns, no crash undoes it.
    ///
    /// # Errors
    /// Whether the batch was kept is then unknown until the journal is opened again. This journal
    /// must not be used any more, and the server must stop and acknowledge nothing.
    fn commit(&mut self, batch: &Batch) -> Result<(), JournalError>;

    /// The canonical bytes of a closed sheet, by its name; `None` if there is no such sheet.
    ///
    /// # Errors
    /// If the sheet cannot be read or is not what its name says. Nothing was changed.
    fn sheet(&mut self, content: ContentId) -> Result<Option<Vec<u8>>, JournalError>;

    /// The closed roll calls of a class from this number down, the last one first, at most so many.
    ///
    /// # Errors
    /// As for [`Journal::sheet`].
    fn history(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        limit: usize,
    ) -> Result<Vec<SheetInfo>, JournalError>;

    /// Other rows, as many as the question asks for and one more.
    ///
    /// # Errors
    /// As for [`Journal::sheet`].
    fn rows(&mut self, question: RowsQuestion) -> Result<Rows, JournalError>;

    /// A second connection, to read sheets on another thread; `None` if this journal never waits for
    /// a disk and needs none.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn reader(&self) -> Result<Option<Box<dyn SheetReader>>, JournalError>;

    /// The status of the disk. To be asked about once a second.
    ///
    /// # Errors
    /// If the journal is not where it was. It must not be used any more.
    fn disk_status(&mut self) -> Result<DiskStatus, JournalError>;

    /// Whether a snapshot pays now: enough was appended since the last one, in bytes and in
    /// proportion to it.
    fn snapshot_due(&self) -> bool;

    /// Keeps a part of a snapshot. With its last part the snapshot takes the place of the one before
    /// and of all batches up to and including its own, as a whole or not at all; until then nothing
    /// of it counts. The batch must have been committed before the first part.
    ///
    /// # Errors
    /// As for [`Journal::commit`]; the state that the journal keeps is the same either way.
    fn keep_snapshot(&mut self, part: &SnapshotPart) -> Result<(), JournalError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_low_below_its_reserve_or_when_the_log_has_eaten_it() {
        let disk_bytes = 100 << 30;
        let large =
            |free_bytes| DiskStatus { free_bytes: Some(free_bytes), disk_bytes, log_bytes: 0 };
        assert!(large(DISK_RESERVE_BYTES - 1).is_low());
        assert!(!large(DISK_RESERVE_BYTES).is_low());
        let small = |free_bytes| DiskStatus {
            free_bytes: Some(free_bytes),
            disk_bytes: 16 << 20,
            log_bytes: 0,
        };
        assert!(small((1 << 20) - 1).is_low());
        assert!(!small(1 << 20).is_low());
        assert!(!DiskStatus::default().is_low(), "nothing is known");
        let log = |log_bytes| DiskStatus { log_bytes, ..large(DISK_RESERVE_BYTES) };
        assert!(!log(LOG_LONG_BYTES).log_is_long() && log(LOG_LONG_BYTES + 1).log_is_long());
        assert!(!log(LOG_MAX_BYTES).is_low() && log(LOG_MAX_BYTES + 1).is_low());
    }
}
