//! The schema of the database and its versions: made, told, and brought up to date.
//!
//! Invariant: a database is of exactly one version, because whatever makes or migrates it is one
//! transaction that also writes the version.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::error::{Fault, FolderProblem, Location, SqliteError};
use super::{v1, write};
use crate::journal::encoding::encode_items;

const SCHEMA: &str = include_str!("schema.sql");
/// "ROLL": how `file` and we ourselves tell our databases from others.
const APPLICATION_ID: i64 = 0x524f_4c4c;
/// The version of the schema and of what is in the blobs.
pub(super) const VERSION: i64 = 4;
/// The version in which a snapshot was one transaction, and its parts did not name it.
const VERSION_2: i64 = 2;
/// The version in which nobody had a role.
const VERSION_3: i64 = 3;
/// What makes version 4 of version 3.
const ACCESS: &str = include_str!("access.sql");
/// What makes version 3 of version 2.
const SNAPSHOT_BY_BATCH: &str = "
    ALTER TABLE snapshot RENAME TO snapshot_2;
    CREATE TABLE snapshot (
        batch INTEGER NOT NULL,
        part  INTEGER NOT NULL,
        items BLOB NOT NULL,
        PRIMARY KEY (batch, part)
    ) STRICT;
    INSERT INTO snapshot (batch, part, items)
        SELECT (SELECT batch FROM snapshot_end), part, items FROM snapshot_2;
    DROP TABLE snapshot_2;
";

/// Whether the file was just made. Also the first look into it: other files are told apart here.
pub(super) fn is_empty(connection: &Connection, path: &Path) -> Result<bool, SqliteError> {
    match pragma(connection, "page_count") {
        Ok(pages) => Ok(pages == 0),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(not_ours(path, "it is no SQLite database"))
        }
        Err(error) => Err(Fault::Sqlite(error).at(path)),
    }
}

/// Makes a new journal, as a whole or not at all. Before the log is switched on, so that the file
/// itself says from its first moment whose it is.
pub(super) fn create(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Brings an older journal to the present form, as a whole or not at all. The sync of this
/// transaction is full, whatever the form of the log is at this moment.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    connection.pragma_update(None, "synchronous", 2)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = pragma(&transaction, "user_version")?;
    let migrated = if version == v1::VERSION { Some(v1::migrate(&transaction)?) } else { None };
    if version < VERSION_3 {
        transaction.execute_batch(SNAPSHOT_BY_BATCH)?;
    }
    transaction.execute_batch(ACCESS)?;
    if let Some((state, last_batch)) = migrated {
        write::replace_snapshot(&transaction, last_batch, &encode_items(state.items()))?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Checks that this is a journal that we can read, and tells its version.
pub(super) fn check_identity(connection: &Connection, path: &Path) -> Result<i64, SqliteError> {
    let read = |name| pragma(connection, name).map_err(|error| Fault::Sqlite(error).at(path));
    if read("application_id")? != APPLICATION_ID {
        return Err(not_ours(path, "it is a database of another program"));
    }
    match read("user_version")? {
        found @ (VERSION | VERSION_3 | VERSION_2 | v1::VERSION) => Ok(found),
        found if found > VERSION => {
            let path = path.to_owned();
            Err(FolderProblem::NewerVersion { path, found, known: VERSION }.into())
        }
        found => {
            let what = format!("version {found} was never written by any server");
            Err(Fault::damaged(Location::File, what).at(path))
        }
    }
}

fn not_ours(path: &Path, what: &str) -> SqliteError {
    FolderProblem::NotOurs { path: path.to_owned(), what: what.to_owned() }.into()
}

pub(super) fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
