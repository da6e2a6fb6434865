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
pub(super) const VERSION: i64 = 5;
/// The version in which a snapshot was one transaction, and its parts did not name it.
const VERSION_2: i64 = 2;
/// The version in which nobody had a role.
const VERSION_3: i64 = 3;
/// The version in which a sheet was who answered, and never corrected.
const VERSION_4: i64 = 4;
/// What makes version 4 of version 3.
const ACCESS: &str = include_str!("access.sql");
/// What makes version 5 of version 4.
const ATTENDANCE: &str = include_str!("attendance.sql");
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
    if version < VERSION_4 {
        transaction.execute_batch(ACCESS)?;
    }
    transaction.execute_batch(ATTENDANCE)?;
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
        found @ (VERSION | VERSION_4 | VERSION_3 | VERSION_2 | v1::VERSION) => Ok(found),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::{DATABASE_FILE, LOCK_FILE, SqliteJournal};
    use super::*;
    use crate::access::Remarks;
    use crate::ids::{ClassId, ContentId, RollCallId, RollCallNumber};
    use crate::journal::Journal as _;
    use crate::record::{Batch, Record, SnapshotItem};
    use crate::roll::{ClosedSheet, Mark, Remarked, Sheet};
    use crate::server::Server;
    use crate::time::WallTime;

    /// As commit 9e98894 and those before it made it.
    const SCHEMA_3: &str = include_str!("schema_v3.sql");

    /// Everything that a database has, table by table: columns, indices and views.
    fn parts(connection: &Connection) -> Vec<String> {
        let told = |sql: &str| {
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map((), |row| row.get(0)).unwrap();
            rows.map(|row| row.unwrap()).collect::<Vec<String>>()
        };
        // The text of a table has comments, and columns that were added stand at its end.
        let columns = "SELECT concat_ws(' ', t.name, c.cid, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk) \
             FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c WHERE t.type = 'table' ORDER BY 1";
        let others = "SELECT sql FROM sqlite_schema WHERE type <> 'table' AND sql <> '' ORDER BY 1";
        let in_one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        told(columns).into_iter().chain(told(others).into_iter().map(in_one_line)).collect()
    }

    /// The journal of format 2 that is kept for ever, brought to version 3 and no further.
    fn of_version_3() -> TempDir {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal-v2");
        let folder = tempfile::tempdir().unwrap();
        for name in [DATABASE_FILE, LOCK_FILE, "rollcall.sqlite3-wal"] {
            fs::copy(fixture.join(name), folder.path().join(name)).unwrap();
        }
        let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
        assert_eq!(pragma(&connection, "user_version"), Ok(VERSION_2));
        connection.execute_batch(SNAPSHOT_BY_BATCH).unwrap();
        connection.pragma_update(None, "user_version", VERSION_3).unwrap();
        folder
    }

    fn contents(connection: &Connection) -> Vec<[u8; 32]> {
        let mut statement =
            connection.prepare("SELECT content FROM roll_call ORDER BY id").unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }

    #[test]
    fn a_database_of_version_3_becomes_what_a_new_one_is() {
        let [mut old, mut new] = [(); 2].map(|()| Connection::open_in_memory().unwrap());
        old.execute_batch(SCHEMA_3).unwrap();
        old.pragma_update(None, "user_version", VERSION_3).unwrap();
        migrate(&mut old).unwrap();
        create(&mut new).unwrap();
        assert_eq!(parts(&old), parts(&new));
        assert!(parts(&new).len() > 30, "{:?}", parts(&new));
        assert_eq!(pragma(&old, "user_version"), Ok(VERSION));
    }

    #[test]
    fn a_journal_of_version_3_opens_with_its_sheets_and_goes_on() {
        let folder = of_version_3();
        let path = folder.path().join(DATABASE_FILE);
        let kept = contents(&Connection::open(&path).unwrap());
        assert!(kept.len() > 3, "{} sheets", kept.len());
        let mut journal = SqliteJournal::open(folder.path()).unwrap();
        let mut server = Server::<()>::new(1);
        let last = journal.recover(&mut server).unwrap().last_batch;
        let nobodys = |item: &SnapshotItem| {
            !matches!(item, SnapshotItem::People(_) | SnapshotItem::ClientOf { .. })
        };
        assert!(server.snapshot().all(|item| nobodys(&item)), "nobody has a role");
        assert!(server.clients() > 0 && server.open_roll_calls() > 0);
        journal.examine().unwrap();
        for content in kept {
            let content = ContentId::from_bytes(content);
            let bytes = journal.sheet(content).unwrap().expect("it is kept");
            assert_eq!(ContentId::of(&bytes), content);
        }
        // What only later versions have finds its place beside them.
        let at = WallTime::from_millis(1_800_000_000_000);
        let remarked = Sheet {
            class: ClassId::new(3030).unwrap(),
            opened_at: at,
            closed_at: at,
            marks: vec![Mark { student: "10".parse().unwrap(), at }],
            remarks: vec![Remarked { place: 0, remarks: Remarks::SECOND_DEVICE }],
            supplement: None,
        };
        let number = RollCallNumber::new(99).unwrap();
        let closed = ClosedSheet::new(RollCallId::new(99), number, &remarked);
        let content = closed.info.content;
        let batch = Batch {
            number: last + 1,
            records: vec![Record::TimeDisclosed { at }],
            sheets: vec![closed],
            forgotten: vec![],
            acts: vec![],
        };
        journal.commit(&batch).unwrap();
        assert_eq!(journal.sheet(content).unwrap(), Some(remarked.to_bytes()));
        drop(journal);
        let connection = Connection::open(&path).unwrap();
        let shown = "SELECT remarks FROM sheet WHERE roll_call = 99";
        let shown: String = connection.query_row(shown, (), |row| row.get(0)).unwrap();
        assert_eq!(shown, "second_device");
    }
}
