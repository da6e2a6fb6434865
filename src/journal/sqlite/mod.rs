//! The journal on disk: one SQLite database, one row a batch, sheets as rows that people can query.
//!
//! Owns the database file and the lock on its folder. Invariants: a commit is one transaction and
//! one sync, and returns after it; batches follow the snapshot without a gap; a row that was closed
//! is never written again; after a failed write nothing is written any more, because a system that
//! failed a sync may report the next one as done without having done it (Rebello et al., "Can
//! Applications Recover from fsync Failures?", 2020).
//!
//! Everything that knows SQLite is in this folder: the schema and its versions (`schema`, `v1`), the
//! connections (`connect`), what is read and written (`read`, `write`), the files (`folder`), what an
//! operator does beside running a server (`backup`), and what goes wrong (`error`).

mod backup;
mod connect;
mod error;
mod folder;
mod read;
mod schema;
mod v1;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use backup::{Backup, BackupError, Examined, backup};
pub use error::{FolderProblem, Location, SqliteError};
pub use folder::{DATABASE_FILE, LOCK_FILE, is_open_to_others, make};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use self::connect::{Access, check_complete, connect, copy_log, use_log};
use self::error::{Fault, of_io};
use self::folder::{Acknowledged, KnownFiles, Lock};
use self::read::{Bytes, count_bytes, last_batch};
use self::write::Staged;
use super::encoding::encode_records;
use super::{DiskStatus, Journal, JournalError, Recovered, SheetReader};
use crate::exchange::SheetInfo;
use crate::ids::{ClassId, ContentId, RollCallNumber};
use crate::limits::{SNAPSHOT_AFTER_MIN_BYTES, SNAPSHOT_AFTER_RATIO};
use crate::record::{Batch, Record, Recovery, Rows, RowsQuestion, SnapshotPart};

/// A journal in a folder.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Connection,
    folder: PathBuf,
    path: PathBuf,
    /// The last batch that is kept.
    last: u64,
    /// Which run of a server this is, as the database and the lock file say it from the moment on
    /// from which something may be written.
    run: Option<i64>,
    /// The last batch that is in the snapshot.
    snapshot_batch: u64,
    bytes: Bytes,
    /// The snapshot that is being written.
    staged: Option<Staged>,
    /// The memory of the last blob, to be used again.
    space: Vec<u8>,
    /// Set while something is written, so that it stays set if that fails.
    stopped: bool,
    files: KnownFiles,
    /// Dropped last: we are alone until the database is closed.
    lock: Lock,
}

impl SqliteJournal {
    /// Opens the journal in this folder, or begins one if there is none in it.
    ///
    /// # Errors
    /// Nothing was changed then that anybody had been told.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        Ok(Self::open_folder(folder)?)
    }

    fn open_folder(folder: &Path) -> Result<Self, SqliteError> {
        folder::check(folder)?;
        let lock = Lock::take(folder)?;
        let path = folder.join(folder::DATABASE_FILE);
        let log_bytes = folder::settle(&path)?;
        folder::keep_private(folder)?;
        let acknowledged = Acknowledged::read(folder);
        let mut connection = connect(&path, Access::Write)?;
        let at = |fault: Fault| fault.at(&path);
        if schema::is_empty(&connection, &path)? {
            schema::create(&mut connection).map_err(at)?;
        }
        let version = schema::check_identity(&connection, &path)?;
        let left_mark = if version == v1::VERSION {
            // It has no marks of running servers.
            None
        } else {
            let checked = check_complete(&connection, &path, log_bytes, acknowledged);
            if checked.is_err() && log_bytes.is_some_and(|bytes| bytes > 0) {
                // What log there is stays as it is.
                let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
                connection.set_db_config(keep_log, true).map_err(|error| at(error.into()))?;
            }
            checked?
        };
        if version != schema::VERSION {
            schema::migrate(&mut connection).map_err(at)?;
        }
        use_log(&connection, &path)?;
        let last = last_batch(&connection).map_err(at)?;
        let (snapshot_batch, _) = read::snapshot_end(&connection).map_err(at)?;
        let bytes = count_bytes(&connection).map_err(at)?;
        if let Some(run) = left_mark {
            // Its log is copied now and may be gone after this: the lock file says that nothing lacks.
            lock.begin(Acknowledged { run, batch: last }).map_err(|error| of_io(&error, folder))?;
        }
        copy_log(&connection, &path)?;
        folder::sync_folder(folder).map_err(|error| of_io(&error, folder))?;
        Ok(Self {
            connection,
            folder: folder.to_owned(),
            path,
            last,
            run: None,
            snapshot_batch,
            bytes,
            staged: None,
            space: Vec::new(),
            stopped: false,
            files: KnownFiles::default(),
            lock,
        })
    }

    /// Marks the database as that of a running server, as soon as it is known to be whole.
    fn begin_run(&mut self) -> Result<(), SqliteError> {
        if self.run.is_some() {
            return Ok(());
        }
        let at = |error: rusqlite::Error| Fault::Sqlite(error).at(&self.path);
        let connection = &self.connection;
        let run: i64 = connection.query_row("SELECT random()", (), |row| row.get(0)).map_err(at)?;
        // The lock file is durable before the mark is: a mark without it is that of a copy.
        let acknowledged = Acknowledged { run, batch: self.last };
        self.lock.begin(acknowledged).map_err(|error| of_io(&error, &self.folder))?;
        // From here on the log goes only at an orderly end, which says so.
        let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(keep_log, true).map_err(at)?;
        let mark = "INSERT OR REPLACE INTO running (id, run) VALUES (1, ?1)";
        connection.execute(mark, [run]).map_err(at)?;
        write::forget_unfinished_snapshots(connection).map_err(|fault| fault.at(&self.path))?;
        copy_log(connection, &self.path)?;
        self.files = KnownFiles::new(&self.path);
        self.run = Some(run);
        Ok(())
    }

    /// Writes, unless writing has failed before.
    fn write(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), JournalError> {
        // R-DURABLE-3
        if std::mem::replace(&mut self.stopped, true) {
            return Err(JournalError::stopped());
        }
        self.begin_run()?;
        work(self).map_err(|fault| fault.at(&self.path))?;
        self.stopped = false;
        Ok(())
    }

    /// Checks that the files are still where they are known. If not, nothing is written any more.
    fn check_place(&mut self) -> Result<(), SqliteError> {
        let checked = self.files.check();
        self.stopped |= checked.is_err();
        checked
    }

    /// Whether this is a backup on which no server has started yet.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_backup(&self) -> Result<bool, JournalError> {
        let count = "SELECT count(*) FROM backup";
        let count: Result<i64, Fault> =
            self.connection.query_row(count, (), |row| row.get(0)).map_err(Fault::from);
        Ok(count.map_err(|fault| fault.at(&self.path))? > 0)
    }

    /// Checks everything that is kept: the database, the batches and the snapshot (which were read
    /// by [`Journal::recover`]), and every sheet against its name.
    ///
    /// # Errors
    /// At the first thing that is not as it was written.
    pub fn examine(&self) -> Result<Examined, JournalError> {
        Ok(backup::examine(&self.connection).map_err(|fault| fault.at(&self.path))?)
    }

    fn append(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.space = encode_records(&batch.records, std::mem::take(&mut self.space));
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write::insert_batch(&transaction, batch.number, &self.space)?;
        for sheet in &batch.sheets {
            write::insert_sheet(&transaction, sheet)?;
        }
        if batch.records.contains(&Record::Restored) {
            transaction.execute("DELETE FROM backup", ())?;
        }
        for act in &batch.acts {
            write::insert_act(&transaction, act)?;
        }
        for &roll_call in &batch.forgotten {
            write::forget_roll_call(&transaction, roll_call)?;
        }
        transaction.commit()?;
        self.last = batch.number;
        self.bytes.batches += self.space.len() as u64;
        Ok(())
    }

    /// Writes what of a snapshot has become long enough; with its last part, the snapshot counts.
    fn stage(&mut self, part: &SnapshotPart) -> Result<(), Fault> {
        if part.batch == self.snapshot_batch {
            // Nothing has happened since the last snapshot: it is this one.
            return Ok(());
        }
        let mut staged = self.staged.take().unwrap_or_else(|| Staged::new(part.batch));
        assert_eq!(staged.batch(), part.batch, "one snapshot at a time");
        let blobs = staged.encode(part);
        if part.is_last || !blobs.is_empty() {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            staged.insert(&transaction, &blobs)?;
            if part.is_last {
                staged.finish(&transaction)?;
            }
            transaction.commit()?;
        }
        if part.is_last {
            self.snapshot_batch = part.batch;
            self.bytes = count_bytes(&self.connection)?;
        } else {
            self.staged = Some(staged);
        }
        Ok(())
    }
}

impl Journal for SqliteJournal {
    fn recover(&mut self, into: &mut dyn Recovery) -> Result<Recovered, JournalError> {
        let recovered = read::replay(&self.connection, self.last, into)
            .map_err(|fault| fault.at(&self.path))?;
        self.begin_run()?;
        Ok(recovered)
    }

    /// # Panics
    /// If the batch does not follow the last one: a mistake of ours, not of the disk.
    fn commit(&mut self, batch: &Batch) -> Result<(), JournalError> {
        self.write(|journal| {
            assert_eq!(batch.number, journal.last + 1, "batches are appended in order");
            journal.append(batch)
        })?;
        self.check_place()?;
        if let Some(run) = self.run {
            self.lock.record(Acknowledged { run, batch: batch.number });
        }
        Ok(())
    }

    fn sheet(&mut self, content: ContentId) -> Result<Option<Vec<u8>>, JournalError> {
        if self.stopped {
            return Err(JournalError::stopped());
        }
        // R-SHEET-5
        Ok(read::sheet(&self.connection, content).map_err(|fault| fault.at(&self.path))?)
    }

    fn history(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        limit: usize,
    ) -> Result<Vec<SheetInfo>, JournalError> {
        if self.stopped {
            return Err(JournalError::stopped());
        }
        Ok(read::history(&self.connection, class, at_most, limit)
            .map_err(|fault| fault.at(&self.path))?)
    }

    fn rows(&mut self, question: RowsQuestion) -> Result<Rows, JournalError> {
        if self.stopped {
            return Err(JournalError::stopped());
        }
        Ok(read::rows(&self.connection, question).map_err(|fault| fault.at(&self.path))?)
    }

    fn reader(&self) -> Result<Option<Box<dyn SheetReader>>, JournalError> {
        let connection = connect(&self.path, Access::Read)?;
        Ok(Some(Box::new(Reader { connection, path: self.path.clone() })))
    }

    fn disk_status(&mut self) -> Result<DiskStatus, JournalError> {
        self.check_place()?;
        Ok(folder::disk_status(&self.folder, &self.path))
    }

    fn snapshot_due(&self) -> bool {
        let Bytes { batches, snapshot } = self.bytes;
        batches >= SNAPSHOT_AFTER_MIN_BYTES
            && batches >= snapshot.saturating_mul(SNAPSHOT_AFTER_RATIO)
    }

    /// # Panics
    /// If the batch was never appended.
    fn keep_snapshot(&mut self, part: &SnapshotPart) -> Result<(), JournalError> {
        self.write(|journal| {
            assert!(part.batch <= journal.last, "a snapshot holds only what was appended");
            journal.stage(part)
        })
    }
}

/// An orderly end: the mark of this run goes, and SQLite copies the log into the database and
/// removes it. After a failure everything is left as it is, for the next start to look at.
impl Drop for SqliteJournal {
    fn drop(&mut self) {
        if self.stopped || self.run.is_none() {
            return;
        }
        let end = || {
            self.connection.busy_timeout(Duration::ZERO)?;
            self.connection.execute("DELETE FROM running", ())?;
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        };
        // Without it the next start finds the mark, and beside it the log that belongs to it.
        let _: rusqlite::Result<bool> = end();
    }
}

/// Reads sheets by a connection of its own.
struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl SheetReader for Reader {
    fn sheet(&mut self, content: ContentId) -> Result<Option<Vec<u8>>, JournalError> {
        // One transaction, so that the marks are those of the row.
        let read = || {
            let transaction = self.connection.unchecked_transaction()?;
            read::sheet(&transaction, content)
        };
        Ok(read().map_err(|fault: Fault| fault.at(&self.path))?)
    }

    fn history(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        limit: usize,
    ) -> Result<Vec<SheetInfo>, JournalError> {
        Ok(read::history(&self.connection, class, at_most, limit)
            .map_err(|fault| fault.at(&self.path))?)
    }

    fn rows(&mut self, question: RowsQuestion) -> Result<Rows, JournalError> {
        Ok(read::rows(&self.connection, question).map_err(|fault| fault.at(&self.path))?)
    }
}

#[cfg(test)]
mod tests {
    use super::schema::pragma;
    use super::*;
    use crate::access::Terms;
    use crate::exchange::{Act, ActRecord, Deed, MyMark, Operation, Outcome, Refusal, Refused};
    use crate::ids::{ActNumber, ClientId, DeviceId, RequestNumber, RollCallId};
    use crate::journal::{ErrorKind, MemoryJournal};
    use crate::limits::LOG_KEPT_BYTES;
    use crate::record::{Record, SnapshotItem};
    use crate::roll::{ClientRecord, ClosedSheet, Mark, Sheet};
    use crate::server::Server;
    use crate::time::WallTime;

    fn record(number: u64) -> Record {
        let at = WallTime::from_millis(number);
        Record::Answered {
            at,
            operation: Operation::Open { class: ClassId::new(3030).unwrap(), terms: Terms::PLAIN },
            client: ClientRecord {
                client: ClientId::from_bytes([7; 16]),
                started: at,
                number: RequestNumber::new(number).unwrap(),
                fingerprint: 0,
                outcome: Outcome::Refused(Refused { at, reason: Refusal::TooManyOpen }),
            },
        }
    }

    fn batch(number: u64, records: usize) -> Batch {
        Batch {
            number,
            records: vec![record(number); records],
            sheets: vec![],
            forgotten: vec![],
            acts: vec![],
        }
    }

    /// A sheet whose times do not depend on its roll call.
    fn sheet(students: u32) -> Sheet {
        let at = WallTime::from_millis(1_700_000_000_001);
        let mark = |number: u32| Mark { student: format!("{number:09}").parse().unwrap(), at };
        Sheet {
            class: ClassId::new(3030).unwrap(),
            opened_at: at,
            closed_at: at,
            marks: (0..students).map(mark).collect(),
            remarks: Vec::new(),
            supplement: None,
        }
    }

    /// The sheet of the class's first, second, … roll call.
    fn closed(id: u32, students: u32) -> ClosedSheet {
        let number = RollCallNumber::new(id).unwrap();
        ClosedSheet::new(RollCallId::new(id.into()), number, &sheet(students))
    }

    fn journal() -> (tempfile::TempDir, SqliteJournal) {
        let folder = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(folder.path()).unwrap();
        (folder, journal)
    }

    fn items() -> impl Iterator<Item = SnapshotItem> + Clone {
        std::iter::once(SnapshotItem::Latest(WallTime::from_millis(9)))
    }

    /// A snapshot in one part.
    fn snapshot(batch: u64, items: impl IntoIterator<Item = SnapshotItem>) -> SnapshotPart {
        SnapshotPart { batch, items: items.into_iter().collect(), is_last: true }
    }

    #[test]
    fn the_database_is_in_the_log_mode_with_full_synchronisation() {
        let (_folder, journal) = journal();
        let read = |name| pragma(&journal.connection, name).unwrap();
        assert_eq!(read("synchronous"), 2);
        assert_eq!(read("application_id"), 0x524f_4c4c);
        assert_eq!(read("user_version"), 5);
        assert_eq!(read("journal_size_limit"), LOG_KEPT_BYTES);
        let mode = journal.connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
        assert_eq!(mode, Ok("wal".to_owned()));
    }

    #[test]
    fn a_full_disk_stops_the_journal_and_loses_nothing_that_was_kept() {
        let (folder, mut journal) = journal();
        journal.commit(&batch(1, 3)).unwrap();
        let pages = pragma(&journal.connection, "page_count").unwrap();
        journal.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let error = journal.commit(&batch(2, 10_000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full);
        assert_eq!(
            error.to_string(),
            "the disk is full: free some space and start again; every acknowledged mark is kept"
        );
        // Even what would have room: the server must stop.
        for stopped in [
            journal.commit(&batch(2, 1)).unwrap_err(),
            journal.keep_snapshot(&snapshot(1, items())).unwrap_err(),
            journal.sheet(ContentId::of(b"")).unwrap_err(),
        ] {
            assert_eq!(stopped.kind(), ErrorKind::Stopped);
        }
        drop(journal);
        let mut journal = SqliteJournal::open(folder.path()).unwrap();
        assert_eq!(journal.last, 1);
        journal.commit(&batch(2, 1)).unwrap();
    }

    #[test]
    fn a_snapshot_that_finds_the_disk_full_changes_nothing() {
        let (folder, mut journal) = journal();
        journal.commit(&batch(1, 3)).unwrap();
        let pages = pragma(&journal.connection, "page_count").unwrap();
        journal.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let many = items().cycle().take(100_000);
        let error = journal.keep_snapshot(&snapshot(1, many)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full);
        let bytes = journal.bytes;
        drop(journal);
        let mut journal = SqliteJournal::open(folder.path()).unwrap();
        assert_eq!((journal.last, journal.bytes), (1, bytes));
        let recovered = journal.recover(&mut Server::<u8>::new(1)).unwrap();
        assert_eq!((recovered.snapshot_items, recovered.batches, recovered.records), (0, 1, 3));
    }

    #[test]
    fn a_program_that_keeps_the_write_lock_stops_the_server_in_the_end() {
        let (folder, mut journal) = journal();
        journal.connection.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(folder.path().join(folder::DATABASE_FILE)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = journal.commit(&batch(1, 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(journal.commit(&batch(1, 1)).unwrap_err().kind(), ErrorKind::Stopped);
    }

    #[test]
    #[should_panic(expected = "batches are appended in order")]
    fn a_batch_that_leaves_one_out_is_our_own_mistake() {
        journal().1.commit(&batch(2, 1)).unwrap();
    }

    #[test]
    fn a_snapshot_is_due_by_bytes_and_in_proportion_to_the_last_one() {
        let (_folder, mut journal) = journal();
        let due = |journal: &mut SqliteJournal, batches, snapshot| {
            journal.bytes = Bytes { batches, snapshot };
            journal.snapshot_due()
        };
        assert!(!due(&mut journal, SNAPSHOT_AFTER_MIN_BYTES - 1, 0));
        assert!(due(&mut journal, SNAPSHOT_AFTER_MIN_BYTES, 0));
        let large = SNAPSHOT_AFTER_MIN_BYTES;
        assert!(!due(&mut journal, large * SNAPSHOT_AFTER_RATIO - 1, large));
        assert!(due(&mut journal, large * SNAPSHOT_AFTER_RATIO, large));
        assert!(!due(&mut journal, u64::MAX - 1, u64::MAX));
    }

    #[test]
    fn bytes_are_counted_as_they_are_in_the_file() {
        let (_folder, mut journal) = journal();
        for number in 1..=5 {
            journal.commit(&batch(number, 100)).unwrap();
            assert_eq!(journal.bytes, count_bytes(&journal.connection).unwrap());
        }
        let before = journal.bytes.batches;
        journal.keep_snapshot(&snapshot(3, items())).unwrap();
        assert!(journal.bytes.snapshot > 0);
        assert!(journal.bytes.batches < before / 2, "two of five batches are left");
        assert_eq!(journal.bytes, count_bytes(&journal.connection).unwrap());
        let recovered = journal.recover(&mut Server::<u8>::new(1)).unwrap();
        assert_eq!((recovered.last_batch, recovered.batches), (5, 2));
    }

    /// So many clients that a part of a snapshot is a few rows long.
    fn many() -> Vec<SnapshotItem> {
        let Record::Answered { client, .. } = record(1) else { unreachable!() };
        vec![SnapshotItem::Client(client); 100_000]
    }

    fn staged(journal: &SqliteJournal) -> i64 {
        let staged = "SELECT count(*) FROM snapshot \
                      WHERE batch <> (SELECT batch FROM snapshot_end)";
        journal.connection.query_row(staged, (), |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_log_stays_short_while_a_large_snapshot_is_written() {
        let (folder, mut journal) = journal();
        let log = folder.path().join("rollcall.sqlite3-wal");
        let length = || i64::try_from(std::fs::metadata(&log).unwrap().len()).unwrap();
        journal.commit(&batch(1, 1)).unwrap();
        for number in 2..=20 {
            let part = SnapshotPart { batch: 1, items: many(), is_last: number == 20 };
            journal.keep_snapshot(&part).unwrap();
            journal.commit(&batch(number, 1)).unwrap();
            assert!(length() <= LOG_KEPT_BYTES, "{}", length());
        }
        assert!(
            journal.bytes.snapshot > 2 * LOG_KEPT_BYTES.unsigned_abs(),
            "the test is too small"
        );
        journal.keep_snapshot(&snapshot(20, items())).unwrap();
        journal.commit(&batch(21, 1)).unwrap();
        assert!(length() <= LOG_KEPT_BYTES, "{}", length());
    }

    #[test]
    fn a_snapshot_counts_from_its_last_part_on_and_not_before() {
        let (folder, mut journal) = journal();
        for number in 1..=3 {
            journal.commit(&batch(number, 1)).unwrap();
        }
        journal.keep_snapshot(&snapshot(1, items())).unwrap();
        let part = |is_last| SnapshotPart { batch: 3, items: many(), is_last };
        for number in 4..=6 {
            journal.keep_snapshot(&part(false)).unwrap();
            journal.commit(&batch(number, 1)).unwrap();
        }
        assert!(staged(&journal) >= 6, "the test is too small: {}", staged(&journal));
        assert!(journal.bytes.snapshot < 100);
        // A kill, here in the shape of a start on what there is.
        drop(journal);
        let mut journal = SqliteJournal::open(folder.path()).unwrap();
        let recovered = journal.recover(&mut Server::<u8>::new(1)).unwrap();
        assert_eq!((recovered.snapshot_items, recovered.batches, recovered.last_batch), (1, 5, 6));
        assert_eq!(staged(&journal), 0);
        // The same one once more, to its end.
        journal.keep_snapshot(&part(false)).unwrap();
        journal.commit(&batch(7, 1)).unwrap();
        journal.keep_snapshot(&part(true)).unwrap();
        assert_eq!(staged(&journal), 0);
        assert_eq!(journal.bytes, count_bytes(&journal.connection).unwrap());
        let recovered = journal.recover(&mut Server::<u8>::new(1)).unwrap();
        assert_eq!((recovered.snapshot_items, recovered.batches), (200_000, 4));
        // Nothing has happened since, so that there is nothing to keep.
        journal.keep_snapshot(&part(true)).unwrap();
        assert_eq!(staged(&journal), 0);
    }

    /// What was done, the n-th act.
    fn act(number: u64) -> ActRecord {
        let by = (number > 1).then(|| DeviceId::from_bytes([7; 16]));
        let name = by.map(|_| "João".parse().unwrap());
        let number = ActNumber::new(number).unwrap();
        let deed = Deed::Act(Act::Revoke { device: DeviceId::from_bytes([9; 16]) });
        ActRecord { number, at: WallTime::from_millis(number.get()), by, name, deed }
    }

    #[test]
    fn acts_and_the_marks_of_a_device_are_read_page_by_page_the_last_one_first() {
        fn check(mut journal: impl Journal) {
            let device = DeviceId::from_bytes([7; 16]);
            let mut sheets = [1, 2, 3].map(|id| closed(id, 4));
            for closed in &mut sheets {
                // One of them answered from that device, and one from another.
                let other = DeviceId::from_bytes([8; 16]);
                closed.devices.insert("000000001".parse().unwrap(), device);
                closed.devices.insert("000000002".parse().unwrap(), other);
            }
            let acts = (1..=5).map(act).collect();
            journal.commit(&Batch { sheets: sheets.into(), acts, ..batch(1, 1) }).unwrap();
            let page = |it: &mut dyn Journal, at_most, limit| {
                let at_most = ActNumber::new(at_most).unwrap();
                match it.rows(RowsQuestion::Acts { at_most, limit }).unwrap() {
                    Rows::Acts(acts) => acts,
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(page(&mut journal, 4, 2), [4, 3, 2].map(act), "as many and one more");
            assert_eq!(page(&mut journal, u64::MAX, 9), [5, 4, 3, 2, 1].map(act));
            let mut mine = |device, skip, limit| match journal
                .rows(RowsQuestion::Mine { device, skip, limit })
                .unwrap()
            {
                Rows::Mine(marks) => marks,
                other => panic!("{other:?}"),
            };
            let mark = |number: u32| MyMark {
                class: ClassId::new(3030).unwrap(),
                number: RollCallNumber::new(number).unwrap(),
                student: "000000001".parse().unwrap(),
                at: sheet(0).opened_at,
            };
            assert_eq!(mine(device, 0, 1), [3, 2].map(mark));
            assert_eq!(mine(device, 2, 9), [1].map(mark));
            assert_eq!(mine(DeviceId::from_bytes([1; 16]), 0, 9), []);
        }
        check(journal().1);
        check(MemoryJournal::new());
    }

    #[test]
    fn two_roll_calls_that_made_the_same_sheet_are_both_kept() {
        let (_folder, mut journal) = journal();
        let twice = [1, 2].map(|id| closed(id, 0));
        journal.commit(&Batch { sheets: twice.into(), ..batch(1, 1) }).unwrap();
        let found = journal.sheet(closed(1, 0).info.content).unwrap();
        assert_eq!(found, Some(sheet(0).to_bytes()));
        assert_eq!(journal.sheet(closed(1, 1).info.content).unwrap(), None);
    }

    #[test]
    fn a_sheet_that_was_changed_is_damaged_and_not_given() {
        let changes = [
            "UPDATE mark SET student = '999' WHERE position = 2",
            "UPDATE mark SET student = 'two words' WHERE position = 2",
            "UPDATE mark SET at = -1",
            "UPDATE mark SET at = 999999999999999",
            "DELETE FROM mark WHERE position = 3",
            "UPDATE roll_call SET class = 0",
            "UPDATE roll_call SET class = 99999999999",
            "UPDATE roll_call SET closed_at = closed_at + 1",
        ];
        for change in changes {
            let (_folder, mut journal) = journal();
            let sheets = vec![closed(1, 3)];
            journal.commit(&Batch { sheets, ..batch(1, 1) }).unwrap();
            assert!(journal.connection.execute(change, ()).unwrap() > 0, "{change}");
            let error = journal.sheet(closed(1, 3).info.content).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{change}: {error:?}");
            // What it is asked for next has nothing to do with it.
            journal.commit(&batch(2, 1)).unwrap();
        }
    }
}
