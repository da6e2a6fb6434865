//! The folder of a journal and the files in it, before SQLite sees them: may we write there, are we
//! alone, and is what we are about to read on the disk and not only in the system's memory?
//!
//! The folder is never made here: a mistyped name must not quietly begin an empty journal.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Fault, FolderProblem, JournalError, Place, of_io};

/// The database in a journal's folder.
pub const DATABASE_FILE: &str = "rollcall.sqlite3";
/// The file that a server holds locked while it lives. The lock is the system's and ends with the
/// process, however it ends; the file itself says nothing and stays.
pub const LOCK_FILE: &str = "rollcall.lock";

/// Checks that there is a folder.
pub(super) fn check(folder: &Path) -> Result<(), JournalError> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(FolderProblem::NotAFolder(folder.to_owned()).into()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Err(FolderProblem::Missing(folder.to_owned()).into()),
            io::ErrorKind::NotADirectory => {
                Err(FolderProblem::NotAFolder(folder.to_owned()).into())
            }
            _ => Err(of_io(&error, folder)),
        },
    }
}

/// Makes this process the only server on the folder, for as long as the file is kept.
pub(super) fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join(LOCK_FILE);
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|error| of_io(&error, folder))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FolderProblem::InUse(folder.to_owned()).into()),
        Err(TryLockError::Error(error)) => Err(of_io(&error, folder)),
    }
}

/// Makes durable whatever an earlier server left, before it is read.
///
/// A server that was killed between writing a batch and the end of its sync has left a batch that
/// every reader sees and no disk has. Taking it for durable would acknowledge what a power failure
/// can still undo.
///
/// Must come before SQLite opens the files: closing a file drops every lock that this process holds
/// on it.
pub(super) fn settle(database: &Path) -> Result<(), JournalError> {
    let bytes = sync(database)?;
    let log = sync(&beside(database, "-wal"))?;
    sync(&beside(database, "-journal"))?;
    // SQLite would take the empty file for a new one and throw the log away.
    if bytes == 0 && log > 0 {
        let what = "it is empty or gone, but its write-ahead log is not";
        return Err(Fault::damaged(Place::File, what).at(database));
    }
    Ok(())
}

/// Syncs a file and tells its length; a file that is not there has none.
fn sync(path: &Path) -> Result<u64, JournalError> {
    let synced = OpenOptions::new().read(true).write(true).open(path).and_then(|file| {
        file.sync_all()?;
        Ok(file.metadata()?.len())
    });
    match synced {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        other => other.map_err(|error| of_io(&error, path)),
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
