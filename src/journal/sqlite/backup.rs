//! What an operator does with a journal beside running a server on it: a backup, an examination.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::connect::{Access, check_complete, connect};
use super::error::{Fault, FolderProblem, Location, SqliteError};
use super::folder::{self, Acknowledged, DATABASE_FILE};
use super::schema::{VERSION, check_identity, migrate};
use super::{read, v1, write};
use crate::hashing::HashKey;
use crate::journal::Recovered;
use crate::state::State;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name, and nothing is ever overwritten.
    #[error("{} exists already and was not changed; choose another name", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("the backup {} cannot be written: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(SqliteError),
    /// What was written is not what it should be. It was removed.
    #[error("the backup could not be read back and was removed: {0}")]
    NotWhole(SqliteError),
}

/// What is in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// What a start on it reads.
    pub recovered: Recovered,
    /// The sheets in it.
    pub examined: Examined,
    /// The roll calls that are open in it.
    pub open_roll_calls: usize,
}

/// What an examination found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// The closed roll calls whose sheets were checked against their names.
    pub sheets: u64,
    /// The marks on them.
    pub marks: u64,
}

/// Writes a backup of the journal in this folder to a new file, also while a server runs on it. The
/// backup is one database without a log; put as `rollcall.sqlite3` into an empty folder it is the
/// journal as it was at the moment when the backup began. It is read back before this returns.
///
/// # Errors
/// If the journal cannot be read or the file cannot be written. There is no file then.
pub fn backup(folder: &Path, file: &Path) -> Result<Backup, BackupError> {
    folder::check(folder).map_err(BackupError::Journal)?;
    let database = folder.join(DATABASE_FILE);
    if !database.exists() {
        return Err(BackupError::Journal(FolderProblem::NoJournal(folder.to_owned()).into()));
    }
    // In this order: a server that runs meanwhile only adds to the database.
    let acknowledged = Acknowledged::read(folder);
    let log_bytes = folder::log_bytes(&database);
    let source = connect(&database, Access::Read).map_err(BackupError::Journal)?;
    let version = check_identity(&source, &database).map_err(BackupError::Journal)?;
    if version != v1::VERSION {
        check_complete(&source, &database, log_bytes, acknowledged)
            .map_err(BackupError::Journal)?;
    }
    let cannot = |error: &dyn std::fmt::Display| BackupError::File {
        path: file.to_owned(),
        cause: error.to_string(),
    };
    let name = file.to_str().ok_or_else(|| cannot(&"its name is not UTF-8"))?;
    let made = match folder::private().create_new(true).open(file) {
        Ok(made) => made,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(file.to_owned()));
        }
        Err(error) => return Err(cannot(&error)),
    };
    let write = || -> Result<_, BackupError> {
        source.execute("VACUUM INTO ?1", [name]).map_err(|error| cannot(&error))?;
        let found = read_back(file).map_err(BackupError::NotWhole)?;
        made.sync_all().map_err(|error| cannot(&error))?;
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        folder::sync_folder(parent.unwrap_or(Path::new("."))).map_err(|error| cannot(&error))?;
        Ok(found)
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(file);
    }
    written
}

/// Takes the mark of the running server from a backup, marks it as one, and reads all of it.
fn read_back(file: &Path) -> Result<Backup, SqliteError> {
    let mut connection = connect(file, Access::Read)?;
    let read = |connection: &mut Connection| -> Result<_, Fault> {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != VERSION {
            migrate(connection)?;
        }
        connection.execute("DELETE FROM running", ())?;
        connection.execute("INSERT OR IGNORE INTO backup (id) VALUES (1)", ())?;
        write::forget_unfinished_snapshots(connection)?;
        let last = read::last_batch(connection)?;
        let mut state = State::new(HashKey::new(0));
        let recovered = read::replay(connection, last, &mut state)?;
        let examined = examine(connection)?;
        Ok(Backup { recovered, examined, open_roll_calls: state.register.open_count() })
    };
    read(&mut connection).map_err(|fault| fault.at(file))
}

/// Checks the database as SQLite sees it, and every sheet against its name.
pub(super) fn examine(connection: &Connection) -> Result<Examined, Fault> {
    let sound: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
    if sound != "ok" {
        return Err(Fault::damaged(Location::File, sound));
    }
    let mut examined = Examined::default();
    let mut statement = connection.prepare("SELECT id FROM roll_call ORDER BY id")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let info = read::info(connection, id)?;
        let bytes = read::sheet_of(connection, id)?;
        if u64::from(info.bytes) != bytes.len() as u64 {
            return Err(Fault::damaged(Location::RollCall(id), "its sheet has another length"));
        }
        examined.sheets += 1;
        examined.marks += u64::from(info.students);
    }
    let orphans = "SELECT roll_call FROM mark WHERE roll_call NOT IN (SELECT id FROM roll_call) \
                   LIMIT 1";
    let mut statement = connection.prepare(orphans)?;
    if let Some(row) = statement.query(())?.next()? {
        return Err(Fault::damaged(Location::RollCall(row.get(0)?), "it has marks and no row"));
    }
    Ok(examined)
}
