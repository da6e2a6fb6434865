//! What can go wrong between the SQLite journal and its disk, sorted by who puts it right.
//!
//! Every message is one line that says the cause, whether anything was changed, and what to do
//! next. Causes are kept as text: nobody decides anything by them, and a reader needs the words.
//! [`ErrorKind`] is all that the users of the trait see of it.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHORT_READ;

use crate::journal::{ErrorKind, JournalError};

/// Why the journal cannot go on, with where and in which file.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The folder or a file in it cannot be used as it is: the operator's to put right. No data
    /// was changed.
    #[error("no data was changed: {problem}")]
    Folder {
        /// What is in the way.
        problem: FolderProblem,
    },
    /// Another program holds the write lock of the database: the operator's to end.
    #[error(
        "another program is writing to {}: end it and start the server again; what was not \
         acknowledged was not kept and will be asked again", path.display()
    )]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// What is on disk is not what was written. The server must not guess: an acknowledged mark
    /// might be missing.
    #[error(
        "{} is damaged, {location}: {what}; no data was changed; restore a backup: put it as \
         rollcall.sqlite3 into an empty folder, and start the server on that one",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// Where in it.
        location: Location,
        /// What was found.
        what: String,
    },
    /// A database without the log that has what was acknowledged last.
    #[error(
        "{} lacks what was acknowledged last ({what}): the server on it was not ended, and its \
         log is not here; put {}-wal of the same moment beside it, or restore a backup made with \
         rollcall-server backup; no data was changed", path.display(), path.display()
    )]
    Incomplete {
        /// The database.
        path: PathBuf,
        /// How it was noticed.
        what: String,
    },
    /// The name of a file does not lead to the file that is written to any more.
    #[error(
        "{} was deleted, moved or replaced while the server ran; nothing more was acknowledged; \
         put it back or restore a backup, and start the server again", path.display()
    )]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The system refused something that has nothing to do with the disk.
    #[error("{} cannot be opened: {cause}; no data was changed", path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// There is no room for what was to be written.
    #[error("the disk is full: free some space and start again; every acknowledged mark is kept")]
    DiskFull,
    /// The disk, or what stands between it and us, failed.
    #[error(
        "the disk failed at {}: {cause}; check the disk and start again; every acknowledged mark \
         was written, what was not acknowledged may or may not have been kept", path.display()
    )]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
}

impl From<SqliteError> for JournalError {
    fn from(error: SqliteError) -> Self {
        let kind = match error {
            SqliteError::Folder { .. } => ErrorKind::Setup,
            SqliteError::Locked { .. } => ErrorKind::Locked,
            SqliteError::Damaged { .. } => ErrorKind::Damaged,
            SqliteError::Incomplete { .. } => ErrorKind::Incomplete,
            SqliteError::Replaced { .. } => ErrorKind::Replaced,
            SqliteError::System { .. } => ErrorKind::System,
            SqliteError::DiskFull => ErrorKind::Full,
            SqliteError::Disk { .. } => ErrorKind::Unavailable,
        };
        Self::new(kind, error)
    }
}

/// What is wrong with a folder or a file, for the operator to put right.
#[derive(Debug, thiserror::Error)]
pub enum FolderProblem {
    /// There is no such folder. It is never made here: a mistyped name must not begin a new journal.
    #[error("the folder {folder} does not exist; create it with: mkdir {folder}", folder = .0.display())]
    Missing(PathBuf),
    /// There is no journal in the folder.
    #[error("there is no journal in {}; name the folder with --data", .0.display())]
    NoJournal(PathBuf),
    /// There is something else under that name.
    #[error("{} is not a folder; choose a folder for the data", .0.display())]
    NotAFolder(PathBuf),
    /// This user may not look into one of the folders on the way.
    #[error(
        "{} may not be reached by this user: give the server's user the right to enter every \
         folder on the way to it", .0.display()
    )]
    NotReachable(PathBuf),
    /// This user may not write there.
    #[error(
        "{} cannot be written by this user; give the server's user the right to write there",
        .0.display()
    )]
    NotWritable(PathBuf),
    /// Another server lives on this folder.
    #[error("{} is in use by another server; stop that one or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The file is there, but no server of this kind made it.
    #[error(
        "{} is not a journal of this server ({what}); choose another folder, or move the file away",
        path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// How it was told.
        what: String,
    },
    /// The file was written by a newer server than this.
    #[error(
        "{} has version {found} and this server reads version {known}; update the server",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version that this server reads.
        known: i64,
    },
    /// The file system cannot do what the database needs.
    #[error(
        "the file system of {} cannot hold the journal ({what}); choose a folder on a local disk",
        path.display()
    )]
    FileSystem {
        /// The file.
        path: PathBuf,
        /// What it cannot do.
        what: String,
    },
}

impl From<FolderProblem> for SqliteError {
    fn from(problem: FolderProblem) -> Self {
        Self::Folder { problem }
    }
}

/// Where in the database damage was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Location {
    /// The file as a whole.
    #[error("the file")]
    File,
    /// A part of the snapshot.
    #[error("part {0} of the snapshot")]
    Snapshot(i64),
    /// A batch.
    #[error("batch {0}")]
    Batch(i64),
    /// The rows of a closed roll call.
    #[error("the sheet of roll call {0}")]
    RollCall(i64),
}

/// Something went wrong in the database; it becomes a [`SqliteError`] when the file is named.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Damaged(Location, String),
}

impl Fault {
    pub(super) fn damaged(location: Location, what: impl Display) -> Self {
        Self::Damaged(location, what.to_string())
    }

    /// The error, told of this file.
    pub(super) fn at(self, path: &Path) -> SqliteError {
        match self {
            Self::Damaged(location, what) => {
                SqliteError::Damaged { path: path.to_owned(), location, what }
            }
            Self::Sqlite(error) => of_sqlite(&error, path),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Sorts what SQLite says. What is neither the disk's fault nor the operator's is a file that is
/// not what this code wrote: a missing table, a value of the wrong type, a row too many.
fn of_sqlite(error: &rusqlite::Error, path: &Path) -> SqliteError {
    let cause = one_line(error);
    let path = path.to_owned();
    let damaged = |path, what| SqliteError::Damaged { path, location: Location::File, what };
    let Some(sqlite) = error.sqlite_error() else { return damaged(path, cause) };
    match sqlite.code {
        ErrorCode::DiskFull => SqliteError::DiskFull,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => SqliteError::Locked { path },
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            FolderProblem::NotWritable(path).into()
        }
        // SQLite does not tell why: the system does, when it is asked once more.
        ErrorCode::CannotOpen => match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => of_io(&error, &path),
            _ => FolderProblem::NotWritable(path).into(),
        },
        ErrorCode::SystemIoFailure if sqlite.extended_code == SQLITE_IOERR_SHORT_READ => {
            damaged(path, cause)
        }
        ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::SchemaChanged
        | ErrorCode::Unknown => damaged(path, cause),
        _ => SqliteError::Disk { path, cause },
    }
}

/// Too many files are open, in the system or in this process; the same numbers on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Sorts what the system says of a file or folder that is to be written.
pub(super) fn of_io(error: &io::Error, path: &Path) -> SqliteError {
    use io::ErrorKind;
    if cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) {
        return SqliteError::System { path: path.to_owned(), cause: one_line(error) };
    }
    match error.kind() {
        // `NotFound` after the folder was seen: a folder of the system that takes no files.
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound => {
            FolderProblem::NotWritable(path.to_owned()).into()
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => SqliteError::DiskFull,
        ErrorKind::Unsupported => {
            let what = one_line(error);
            FolderProblem::FileSystem { path: path.to_owned(), what }.into()
        }
        _ => SqliteError::Disk { path: path.to_owned(), cause: one_line(error) },
    }
}

/// A message that stays one line whatever was in it.
fn one_line(error: &impl Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
