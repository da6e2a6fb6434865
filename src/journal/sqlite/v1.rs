//! Journals of format 1, as commit a6e08b1 and those before it wrote them: their types as they were,
//! and the way into the present ones. Nothing here follows a change of the live types, except where
//! the old ones are converted.
//!
//! A journal is migrated as a whole: its snapshot and batches are folded into a state, and that
//! becomes the snapshot of the new format. Everything is one transaction, so that
//! a crash in the middle leaves the old journal.
//!
//! What format 1 does not say is which roll call of its class each one is. The rows say it: the roll
//! calls of a class follow each other, so that their ids count them, and an open one comes after all
//! closed ones.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde::Deserialize;

use super::error::{Fault, Location};
use super::read;
use crate::access::Terms;
use crate::exchange::{self, Closed, Marked, Refused};
use crate::hashing::HashKey;
use crate::ids::{
    ClassId, ClientId, ContentId, RequestNumber, RollCallId, RollCallNumber, StudentNumber,
};
use crate::journal::encoding::decode_v1;
use crate::record::{self, Recovery as _};
use crate::roll;
use crate::state::State;
use crate::time::WallTime;

/// The version of the databases that hold it.
pub(super) const VERSION: i64 = 1;

/// The parts of the snapshot, which do not name it.
const PARTS: &str = "SELECT part, items FROM snapshot ORDER BY part";

/// What the tables of format 2 have more than those of format 1.
const TABLES: &str = "
    ALTER TABLE roll_call ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
    UPDATE roll_call SET number = counted.number FROM (
        SELECT id, row_number() OVER (PARTITION BY class ORDER BY id) AS number FROM roll_call
    ) AS counted WHERE counted.id = roll_call.id;
    DROP INDEX roll_call_by_class;
    CREATE INDEX roll_call_by_number ON roll_call (class, number);
    CREATE TABLE running (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        run   INTEGER NOT NULL
    ) STRICT;
";

#[derive(Deserialize)]
enum Record {
    Answered { at: u64, operation: Operation, client: ClientRecord },
    Forgot { at: u64, client: [u8; 16] },
    Told { at: u64 },
}

#[derive(Deserialize)]
enum SnapshotItem {
    Latest(u64),
    Client(ClientRecord),
    Register(RegisterItem),
}

#[derive(Deserialize)]
enum RegisterItem {
    NextRollCall(u64),
    LastSheet(SheetInfo),
    Open { class: u32, roll_call: u64, opened_at: u64 },
    Mark { class: u32, mark: Mark },
}

#[derive(Deserialize)]
struct Mark {
    student: String,
    at: u64,
}

#[derive(Deserialize)]
struct ClientRecord {
    client: [u8; 16],
    started: u64,
    number: u64,
    fingerprint: u32,
    outcome: Outcome,
}

#[derive(Deserialize)]
enum Operation {
    Open { class: u32 },
    Close { class: u32 },
    Mark { class: u32, student: String },
}

#[derive(Deserialize)]
enum Outcome {
    Opened { class: u32, roll_call: u64, opened_at: u64, already_open: bool },
    Closed { sheet: SheetInfo, already_closed: bool },
    Marked { class: u32, at: u64, already_present: bool },
    MarkRefused { at: u64, reason: u8 },
    Refused { at: u64, reason: u8 },
    ClockSkew { server_time: u64 },
}

#[derive(Deserialize)]
struct SheetInfo {
    class: u32,
    opened_at: u64,
    closed_at: u64,
    students: u32,
    bytes: u32,
    content: [u8; 32],
}

/// What format 1 can write and no value can be.
const NO_VALUE: &str = "its checksum matches, but it cannot be read";

/// Why an item could not be converted.
enum Failed {
    /// It has something that no value can be.
    Value,
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Failed {
    fn at(self, place: Location) -> Fault {
        match self {
            Self::Value => Fault::damaged(place, NO_VALUE),
            Self::Database(error) => error.into(),
        }
    }
}

/// Converts values, with the rows beside them.
struct Converter<'a> {
    rows: &'a Connection,
    /// The numbers of the roll calls that are open at this point of the journal.
    open: HashMap<u32, RollCallNumber>,
}

impl Converter<'_> {
    /// How many roll calls of the class came before this one, and one.
    fn number(&self, class: u32, roll_call: u64) -> Result<RollCallNumber, Failed> {
        let before = "SELECT count(*) FROM roll_call WHERE class = ?1 AND id < ?2";
        let id = i64::try_from(roll_call).map_err(|_| Failed::Value)?;
        let mut before = self.rows.prepare_cached(before)?;
        let before: u32 = before.query_row((class, id), |row| row.get(0))?;
        before.checked_add(1).and_then(RollCallNumber::new).ok_or(Failed::Value)
    }

    /// The number of a closed roll call. Two that made the same sheet are told apart by nobody.
    fn closed_number(&self, sheet: &SheetInfo) -> Result<RollCallNumber, Failed> {
        let found = "SELECT number FROM roll_call WHERE class = ?1 AND content = ?2 \
                     ORDER BY id DESC LIMIT 1";
        let mut found = self.rows.prepare_cached(found)?;
        let number = found.query_row((sheet.class, sheet.content), |row| row.get(0)).optional()?;
        number.and_then(RollCallNumber::new).ok_or(Failed::Value)
    }

    fn record(&mut self, record: Record) -> Result<record::Record, Failed> {
        Ok(match record {
            Record::Answered { at, operation, client } => {
                let closes = match operation {
                    Operation::Close { class } => Some(class),
                    _ => None,
                };
                let opens = matches!(operation, Operation::Open { .. });
                let (at, operation) = (time(at)?, convert_operation(operation)?);
                let client = self.client(client, closes)?;
                if let exchange::Outcome::Opened { class, number, already_open: false, .. } =
                    client.outcome
                    && opens
                {
                    self.open.insert(class.get(), number);
                }
                record::Record::Answered { at, operation, client }
            }
            Record::Forgot { at, client } => {
                record::Record::Forgot { at: time(at)?, client: ClientId::from_bytes(client) }
            }
            Record::Told { at } => record::Record::TimeDisclosed { at: time(at)? },
        })
    }

    fn item(&mut self, item: SnapshotItem) -> Result<record::SnapshotItem, Failed> {
        Ok(match item {
            SnapshotItem::Latest(at) => record::SnapshotItem::Latest(time(at)?),
            SnapshotItem::Client(client) => {
                record::SnapshotItem::Client(self.client(client, None)?)
            }
            SnapshotItem::Register(item) => {
                record::SnapshotItem::Register(self.register_item(item)?)
            }
        })
    }

    fn register_item(&mut self, item: RegisterItem) -> Result<roll::RegisterItem, Failed> {
        Ok(match item {
            RegisterItem::NextRollCall(id) => roll::RegisterItem::NextRollCall(RollCallId::new(id)),
            RegisterItem::LastSheet(info) => {
                let number = self.closed_number(&info)?;
                roll::RegisterItem::LastSheet(sheet(&info, number)?)
            }
            RegisterItem::Open { class: number, roll_call, opened_at } => {
                let (class, opened_at) = (class(number)?, time(opened_at)?);
                let counted = self.number(number, roll_call)?;
                self.open.insert(number, counted);
                let roll_call = RollCallId::new(roll_call);
                roll::RegisterItem::Open { class, roll_call, number: counted, opened_at }
            }
            RegisterItem::Mark { class: number, mark } => {
                let mark = roll::Mark { student: student(&mark.student)?, at: time(mark.at)? };
                roll::RegisterItem::Mark { class: class(number)?, mark }
            }
        })
    }

    /// `closes` is the class whose open roll call the outcome may have ended.
    fn client(
        &mut self,
        client: ClientRecord,
        closes: Option<u32>,
    ) -> Result<roll::ClientRecord, Failed> {
        let ClientRecord { client, started, number, fingerprint, outcome } = client;
        Ok(roll::ClientRecord {
            client: ClientId::from_bytes(client),
            started: time(started)?,
            number: RequestNumber::new(number).ok_or(Failed::Value)?,
            fingerprint,
            outcome: self.outcome(outcome, closes)?,
        })
    }

    fn outcome(
        &mut self,
        outcome: Outcome,
        closes: Option<u32>,
    ) -> Result<exchange::Outcome, Failed> {
        use exchange::Outcome as Live;
        Ok(match outcome {
            Outcome::Opened { class: number, roll_call, opened_at, already_open } => Live::Opened {
                class: class(number)?,
                roll_call: RollCallId::new(roll_call),
                number: self.number(number, roll_call)?,
                opened_at: time(opened_at)?,
                already_open,
            },
            Outcome::Closed { sheet: info, already_closed } => {
                let ended = closes.filter(|_| !already_closed);
                let open = ended.and_then(|class| self.open.remove(&class));
                let number = match open {
                    Some(number) => number,
                    None => self.closed_number(&info)?,
                };
                let sheet = sheet(&info, number)?;
                Live::Closed(Box::new(Closed { sheet, already_closed }))
            }
            Outcome::Marked { class: number, at, already_present } => {
                Live::Marked(Marked { class: class(number)?, at: time(at)?, already_present })
            }
            Outcome::MarkRefused { at, reason } => {
                Live::MarkRefused(Refused { at: time(at)?, reason: refusal(reason)? })
            }
            Outcome::Refused { at, reason } => {
                Live::Refused(Refused { at: time(at)?, reason: refusal(reason)? })
            }
            Outcome::ClockSkew { server_time } => {
                Live::ClockSkew { server_time: time(server_time)? }
            }
        })
    }
}

fn convert_operation(operation: Operation) -> Result<exchange::Operation, Failed> {
    use exchange::Operation as Live;
    Ok(match operation {
        Operation::Open { class: number } => {
            Live::Open { class: class(number)?, terms: Terms::PLAIN }
        }
        Operation::Close { class: number } => Live::Close { class: class(number)? },
        Operation::Mark { class: number, student: text } => {
            Live::Mark { class: class(number)?, student: student(&text)?, code: None }
        }
    })
}

fn sheet(info: &SheetInfo, number: RollCallNumber) -> Result<exchange::SheetInfo, Failed> {
    Ok(exchange::SheetInfo {
        class: class(info.class)?,
        number,
        opened_at: time(info.opened_at)?,
        closed_at: time(info.closed_at)?,
        students: info.students,
        bytes: info.bytes,
        content: ContentId::from_bytes(info.content),
    })
}

fn class(number: u32) -> Result<ClassId, Failed> {
    ClassId::new(number).ok_or(Failed::Value)
}

fn student(text: &str) -> Result<StudentNumber, Failed> {
    text.parse().map_err(|_| Failed::Value)
}

fn time(millis: u64) -> Result<WallTime, Failed> {
    WallTime::try_from(millis).map_err(|_| Failed::Value)
}

fn refusal(number: u8) -> Result<exchange::Refusal, Failed> {
    exchange::Refusal::try_from(number).map_err(|_| Failed::Value)
}

/// Brings the tables to format 2, and gives the state to be kept as their snapshot and the last
/// batch that is in it.
pub(super) fn migrate(transaction: &Transaction<'_>) -> Result<(State, u64), Fault> {
    // The numbers are assigned first: the converter reads them.
    transaction.execute_batch(TABLES)?;
    let mut state = State::new(HashKey::new(0));
    let mut converter = Converter { rows: transaction, open: HashMap::new() };
    let (end, parts) = read::snapshot_end(transaction)?;
    read::each_part(transaction, PARTS, parts, |place, blob| {
        for item in decode_v1(blob).map_err(|damaged| Fault::damaged(place, damaged))? {
            let item = converter.item(item).map_err(|failed| failed.at(place))?;
            state.restore(item).map_err(|error| Fault::damaged(place, error))?;
        }
        Ok(())
    })?;
    let mut records = Vec::new();
    let batches = read::each_batch(transaction, end, |place, blob| {
        for record in decode_v1(blob).map_err(|damaged| Fault::damaged(place, damaged))? {
            records.push((place, converter.record(record).map_err(|failed| failed.at(place))?));
        }
        Ok(())
    })?;
    restore_empty(transaction, &mut state, &records)?;
    for (place, record) in records {
        state.replay(record).map_err(|error| Fault::damaged(place, error))?;
    }
    forget_empty(transaction, &mut state)?;
    Ok((state, end + batches))
}

/// Tells the state of the closed roll calls without marks that the snapshot, as format 1 wrote it,
/// is silent about: those that no record after it closes.
fn restore_empty(
    transaction: &Transaction<'_>,
    state: &mut State,
    records: &[(Location, record::Record)],
) -> Result<(), Fault> {
    let mut closed_later: HashSet<(ClassId, RollCallNumber)> = HashSet::new();
    for (_, record) in records {
        if let record::Record::Answered { client, .. } = record
            && let exchange::Outcome::Closed(closed) = &client.outcome
            && !closed.already_closed
        {
            closed_later.insert((closed.sheet.class, closed.sheet.number));
        }
    }
    let empty = "SELECT class, id, number FROM roll_call WHERE students = 0 ORDER BY closed_at, id";
    let mut statement = transaction.prepare(empty)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let (id, number): (i64, u32) = (row.get(1)?, row.get(2)?);
        let place = Location::RollCall(id);
        let class = class(row.get(0)?).map_err(|failed| failed.at(place))?;
        let roll_call = RollCallId::new(u64::try_from(id).map_err(|_| Failed::Value.at(place))?);
        let number = RollCallNumber::new(number).ok_or_else(|| Failed::Value.at(place))?;
        if closed_later.contains(&(class, number)) {
            continue;
        }
        let item = roll::RegisterItem::Empty { class, roll_call, number };
        let item = record::SnapshotItem::Register(item);
        state.restore(item).map_err(|error| Fault::damaged(place, error))?;
    }
    drop(rows);
    // What is left of a class when its empty sheets go.
    let earlier = "SELECT max(id) FROM roll_call WHERE students > 0 AND class IN \
                   (SELECT class FROM roll_call WHERE students = 0) GROUP BY class";
    let mut statement = transaction.prepare(earlier)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let place = Location::RollCall(id);
        let info = read::info(transaction, id)?;
        let is_last =
            state.register.last_sheet(info.class).is_none_or(|last| last.number <= info.number);
        if is_last || closed_later.contains(&(info.class, info.number)) {
            continue;
        }
        let item = record::SnapshotItem::Register(roll::RegisterItem::EarlierSheet(info));
        state.restore(item).map_err(|error| Fault::damaged(place, error))?;
    }
    Ok(())
}

/// Deletes the rows of empty roll calls that are not kept any longer.
fn forget_empty(transaction: &Transaction<'_>, state: &mut State) -> Result<(), Fault> {
    state.register.forget_empty();
    transaction.execute_batch("CREATE TEMP TABLE kept (id INTEGER PRIMARY KEY)")?;
    {
        let mut insert = transaction.prepare("INSERT INTO temp.kept VALUES (?1)")?;
        for item in state.items() {
            if let record::SnapshotItem::Register(roll::RegisterItem::Empty { roll_call, .. }) =
                item
            {
                insert.execute([i64::try_from(roll_call.get()).unwrap_or(i64::MAX)])?;
            }
        }
    }
    let forget =
        "DELETE FROM roll_call WHERE students = 0 AND id NOT IN (SELECT id FROM temp.kept)";
    transaction.execute(forget, ())?;
    transaction.execute_batch("DROP TABLE temp.kept")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::super::schema::migrate;
    use super::super::{DATABASE_FILE, SqliteJournal};
    use super::*;
    use crate::journal::Journal as _;
    use crate::limits::EMPTY_SHEETS_KEPT_MAX;
    use crate::server::Server;

    const LOG_FILE: &str = "rollcall.sqlite3-wal";

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal-v1")
    }

    fn copy() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in [DATABASE_FILE, LOG_FILE] {
            fs::copy(fixture().join(name), folder.path().join(name)).unwrap();
        }
        folder
    }

    fn state(folder: &Path) -> Vec<record::SnapshotItem> {
        let mut journal = SqliteJournal::open(folder).unwrap();
        let mut server = Server::<()>::new(1);
        journal.recover(&mut server).unwrap();
        server.snapshot().collect()
    }

    #[test]
    fn a_migration_that_is_cut_off_anywhere_is_made_again() {
        let (folder, cut) = (copy(), tempfile::tempdir().unwrap());
        let whole = state(copy().path());
        let log = folder.path().join(LOG_FILE);
        let before = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
        // What a kill leaves at whatever moment: the database, and a part of what went to the log.
        let mut connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        migrate(&mut connection).unwrap();
        let written = fs::read(&log).unwrap();
        assert!(written.len() > before + 20_000, "it went to the log: {}", written.len());
        let mut lengths: Vec<_> = (before..written.len()).step_by(509).collect();
        lengths.push(written.len());
        let mut versions = [0; 6];
        for length in lengths {
            let database = cut.path().join(DATABASE_FILE);
            fs::copy(folder.path().join(DATABASE_FILE), &database).unwrap();
            fs::write(cut.path().join(LOG_FILE), &written[..length]).unwrap();
            let version: u32 = Connection::open(&database)
                .and_then(|it| it.pragma_query_value(None, "user_version", |row| row.get(0)))
                .unwrap();
            versions[version as usize] += 1;
            fs::copy(folder.path().join(DATABASE_FILE), &database).unwrap();
            fs::write(cut.path().join(LOG_FILE), &written[..length]).unwrap();
            assert_eq!(state(cut.path()), whole, "cut at {length} of {}", written.len());
            fs::remove_file(&database).unwrap();
        }
        assert!(versions[1] > 20 && versions[5] > 0, "both sides of the commit: {versions:?}");
    }

    #[test]
    fn a_migration_keeps_the_last_empty_sheets_and_forgets_the_others() {
        let folder = copy();
        let database = folder.path().join(DATABASE_FILE);
        let connection = Connection::open(&database).unwrap();
        connection
            .execute_batch(
                "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 5000)
                 INSERT INTO roll_call SELECT 1000 + n, 7, 1700000001000 + n, 1700000002000 + n, 0,
                     15, randomblob(32) FROM count",
            )
            .unwrap();
        drop(connection);
        let mut journal = SqliteJournal::open(folder.path()).unwrap();
        let mut server = Server::<()>::new(1);
        journal.recover(&mut server).unwrap();
        let class = |number| ClassId::new(number).unwrap();
        let kept = journal.history(class(7), RollCallNumber::new(9_999).unwrap(), 9_999).unwrap();
        assert_eq!(kept.len(), EMPTY_SHEETS_KEPT_MAX);
        assert_eq!(kept[0].number.get(), 5_000);
        assert_eq!(server.last_sheet(class(6060)), None, "its two roll calls were empty and older");
        assert_eq!(journal.history(class(6060), RollCallNumber::FIRST, 9).unwrap(), []);
        assert_eq!(server.last_sheet(class(5050)).map(|it| it.students), Some(1));
        // What goes next is the oldest that is left.
        let empty = server.snapshot().filter(|item| {
            matches!(item, record::SnapshotItem::Register(roll::RegisterItem::Empty { .. }))
        });
        assert_eq!(empty.count(), EMPTY_SHEETS_KEPT_MAX);
    }

    #[test]
    fn a_damaged_journal_of_format_1_is_not_migrated() {
        let folder = copy();
        let database = folder.path().join(DATABASE_FILE);
        let connection = Connection::open(&database).unwrap();
        connection
            .execute_batch("UPDATE batch SET records = CAST(x'00' || records AS BLOB)")
            .unwrap();
        drop(connection);
        let error = SqliteJournal::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged, batch 11"), "{error}");
        let version: i64 = Connection::open(&database)
            .and_then(|it| it.pragma_query_value(None, "user_version", |row| row.get(0)))
            .unwrap();
        assert_eq!(version, 1);
    }
}
