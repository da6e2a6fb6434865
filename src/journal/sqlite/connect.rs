//! Connections to the database: how they are opened and which promises SQLite makes on them.
//!
//! Why a write-ahead log with full synchronisation: readers never stop the server, and each commit
//! syncs the log. Copying the log into the database is SQLite's own business; if that fails, the log
//! keeps the pages and SQLite writes them all again.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::error::{Fault, FolderProblem, SqliteError};
use super::folder::Acknowledged;
use super::read::last_batch;
use crate::limits::{DEADLINE_DEFAULT, JOURNAL_LOCKED_WAIT, JOURNAL_READER_WAIT, LOG_KEPT_BYTES};

const _: () = assert!(JOURNAL_LOCKED_WAIT.as_secs() < DEADLINE_DEFAULT.as_secs());
/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The journal's own.
    Write,
    /// Reads a journal that is there, and leaves its log as it is.
    Read,
}

pub(super) fn connect(path: &Path, access: Access) -> Result<Connection, SqliteError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let create = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_CREATE,
        Access::Read => OpenFlags::empty(),
    };
    let connect = || {
        let connection = Connection::open_with_flags(path, flags | create)?;
        connection.busy_timeout(JOURNAL_LOCKED_WAIT)?;
        if access == Access::Read {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        Ok(connection)
    };
    connect().map_err(|error| Fault::Sqlite(error).at(path))
}

/// Checks that nothing is missing that was acknowledged: a server that was not ended has left its
/// mark, which is told, and what it wrote last may be in its log only.
pub(super) fn check_complete(
    connection: &Connection,
    path: &Path,
    log_bytes: Option<u64>,
    acknowledged: Option<Acknowledged>,
) -> Result<Option<i64>, SqliteError> {
    let at = |fault: Fault| fault.at(path);
    let mark: Option<i64> = connection
        .query_row("SELECT run FROM running", (), |row| row.get(0))
        .optional()
        .map_err(|error| at(error.into()))?;
    let Some(run) = mark else { return Ok(None) };
    let last = last_batch(connection).map_err(at)?;
    let what = match acknowledged.filter(|acknowledged| acknowledged.run == run) {
        Some(Acknowledged { batch, .. }) if batch <= last => return Ok(mark),
        Some(Acknowledged { batch, .. }) => format!("it ends with batch {last} of {batch}"),
        None => match log_bytes {
            None => "it has no log".to_owned(),
            Some(0) => "its log is empty".to_owned(),
            Some(_) => return Ok(mark),
        },
    };
    Err(SqliteError::Incomplete { path: path.to_owned(), what })
}

/// Switches to the write-ahead log.
pub(super) fn use_log(connection: &Connection, path: &Path) -> Result<(), SqliteError> {
    let at = |error: rusqlite::Error| Fault::Sqlite(error).at(path);
    let text = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", text).map_err(at)?;
    if mode != "wal" {
        let what = format!("it has no shared memory for a write-ahead log, only mode {mode}");
        return Err(FolderProblem::FileSystem { path: path.to_owned(), what }.into());
    }
    let settings: [(&str, i64); 5] = [
        ("synchronous", 2),
        // Where `fsync` does not reach the disk itself (macOS), ask for what does.
        ("fullfsync", 1),
        ("checkpoint_fullfsync", 1),
        ("journal_size_limit", LOG_KEPT_BYTES),
        // The schema in the file is data: it may not call functions behind our back.
        ("trusted_schema", 0),
    ];
    for (name, value) in settings {
        connection.pragma_update(None, name, value).map_err(at)?;
    }
    Ok(())
}

/// Copies into the database what an earlier server left in the log, and the mark of this one.
///
/// That writes those pages anew: if their sync had failed, they may be in the system's memory only,
/// and syncing them a second time would do nothing. A reader can keep us from copying all of it; the
/// log itself was synced before it was opened.
pub(super) fn copy_log(connection: &Connection, path: &Path) -> Result<(), SqliteError> {
    let copy = || {
        connection.busy_timeout(JOURNAL_READER_WAIT)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
        connection.busy_timeout(JOURNAL_LOCKED_WAIT)
    };
    copy().map_err(|error| Fault::Sqlite(error).at(path))
}
