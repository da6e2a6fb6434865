//! What is written to the database: batches, sheets as rows, snapshots.

use rusqlite::{Connection, Transaction};

use super::error::{Fault, Location};
use super::read::{sheet_of, to_column};
use crate::access::PersonName;
use crate::attendance::{Change, Group, Reason, Status, StudentName, Title, TrailEntry};
use crate::exchange::ActRecord;
use crate::ids::{DeviceId, RollCallId, StudentNumber};
use crate::journal::encoding::ItemEncoder;
use crate::record::SnapshotPart;
use crate::roll::{ClosedSheet, Sheet};
use crate::time::WallTime;

const INSERT_BATCH: &str = "INSERT INTO batch (number, records) VALUES (?1, ?2)";
const INSERT_ROLL_CALL: &str = "INSERT INTO roll_call \
    (id, class, number, opened_at, closed_at, students, bytes, content, revision, revised_at, title, \
    lessons, supplement, terms, expected) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
const INSERT_REVISION: &str = "INSERT INTO revision \
    (roll_call, revision, class, number, opened_at, closed_at, students, content, revised_at, sheet) \
    SELECT id, revision, class, number, opened_at, closed_at, students, content, \
    coalesce(revised_at, closed_at), ?2 FROM roll_call WHERE id = ?1";
const INSERT_ENTRY: &str = "INSERT INTO entry (roll_call, student, name, section, status, listed) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_TRAIL: &str = "INSERT INTO trail \
    (roll_call, position, at, name, student, was, status, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Only what nobody answered is ever forgotten.
const FORGET_ROLL_CALL: &str = "DELETE FROM roll_call WHERE id = ?1 AND students = 0";
const INSERT_MARK: &str = "INSERT INTO mark (roll_call, position, student, at, remarks, device) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_ACT: &str =
    "INSERT INTO act (number, at, device, name, deed, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_PART: &str = "INSERT INTO snapshot (batch, part, items) VALUES (?1, ?2, ?3)";

/// Inserts a batch, its records already encoded.
pub(super) fn insert_batch(
    transaction: &Transaction<'_>,
    number: u64,
    records: &[u8],
) -> Result<(), Fault> {
    let number = to_column(number, Location::File)?;
    transaction.prepare_cached(INSERT_BATCH)?.execute((number, records))?;
    Ok(())
}

/// Deletes the row of a roll call that nobody answered.
pub(super) fn forget_roll_call(
    transaction: &Transaction<'_>,
    roll_call: RollCallId,
) -> Result<(), Fault> {
    let id = to_column(roll_call.get(), Location::File)?;
    transaction.prepare_cached(FORGET_ROLL_CALL)?.execute([id])?;
    Ok(())
}

/// Inserts a closed sheet as rows, in place of those of its earlier revision, which is kept whole.
pub(super) fn insert_sheet(
    transaction: &Transaction<'_>,
    closed: &ClosedSheet,
) -> Result<(), Fault> {
    let ClosedSheet { roll_call, info, bytes, remarks, devices, supplement, terms } = closed;
    let id = to_column(roll_call.get(), Location::File)?;
    if closed.revision() > 1 {
        keep_revision(transaction, id)?;
    }
    let in_bytes = |it: postcard::Result<Vec<u8>>| it.expect("it can be written");
    let plan = supplement.as_ref().map(|it| &it.plan);
    let mut insert = transaction.prepare_cached(INSERT_ROLL_CALL)?;
    insert.execute(rusqlite::params![
        id,
        info.class.get(),
        info.number.get(),
        millis(info.opened_at),
        millis(info.closed_at),
        info.students,
        info.bytes,
        info.content.as_bytes(),
        closed.revision(),
        (closed.revision() > 1).then(|| millis(closed.revised_at())),
        plan.and_then(|it| it.title.as_ref()).map(Title::as_str),
        plan.map_or(1, |it| it.lessons),
        supplement.as_deref().map(|it| in_bytes(postcard::to_stdvec(it))),
        terms.map(|it| in_bytes(postcard::to_stdvec(&it))),
        supplement
            .as_ref()
            .and_then(|it| it.roster.as_ref())
            .map(|it| to_column(it.len() as u64, Location::File))
            .transpose()?,
    ])?;
    if let Some(supplement) = supplement {
        insert_entries(transaction, id, &closed.sheet())?;
        insert_trail(transaction, id, &supplement.trail)?;
    }
    let mut insert = transaction.prepare_cached(INSERT_MARK)?;
    let mut remarks = remarks.iter().peekable();
    for (position, mark) in (1_i64..).zip(bytes.marks()) {
        let remarked = remarks.next_if(|it| i64::from(it.place) + 1 == position);
        let remarked = u8::from(remarked.map(|it| it.remarks).unwrap_or_default());
        let device = devices.get(&mark.student).map(DeviceId::as_bytes);
        let student = mark.student.as_str();
        insert.execute((id, position, student, millis(mark.at), remarked, device))?;
    }
    Ok(())
}

/// Moves the rows of a roll call's sheet to the earlier revisions.
fn keep_revision(transaction: &Transaction<'_>, id: i64) -> Result<(), Fault> {
    let sheet = sheet_of(transaction, id)?;
    transaction.prepare_cached(INSERT_REVISION)?.execute((id, sheet))?;
    for table in ["mark", "entry", "trail"] {
        let delete = format!("DELETE FROM {table} WHERE roll_call = ?1");
        transaction.prepare_cached(&delete)?.execute([id])?;
    }
    transaction.prepare_cached("DELETE FROM roll_call WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn insert_entries(transaction: &Transaction<'_>, id: i64, sheet: &Sheet) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(INSERT_ENTRY)?;
    for entry in sheet.entries() {
        insert.execute((
            id,
            entry.student.as_str(),
            entry.name.as_ref().map(StudentName::as_str),
            entry.group.as_ref().map(Group::as_str),
            entry.status.name(),
            entry.listed,
        ))?;
    }
    Ok(())
}

fn insert_trail(transaction: &Transaction<'_>, id: i64, trail: &[TrailEntry]) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(INSERT_TRAIL)?;
    for (position, TrailEntry { at, by, change, reason }) in (1_i64..).zip(trail) {
        let (student, was, status) = match *change {
            Change::Corrected { student, was, is } => (Some(student), was, is.name()),
            Change::Extended { .. } => (None, None, "extended"),
            Change::Reopened => (None, None, "reopened"),
        };
        insert.execute((
            id,
            position,
            millis(*at),
            by.as_ref().map(PersonName::as_str),
            student.as_ref().map(StudentNumber::as_str),
            was.map(Status::name),
            status,
            reason.as_ref().map(Reason::as_str),
        ))?;
    }
    Ok(())
}

/// Inserts what an admin or a teacher did.
pub(super) fn insert_act(transaction: &Transaction<'_>, act: &ActRecord) -> Result<(), Fault> {
    transaction.prepare_cached(INSERT_ACT)?.execute((
        to_column(act.number.get(), Location::File)?,
        millis(act.at),
        act.by.as_ref().map(DeviceId::as_bytes),
        act.name.as_ref().map(PersonName::as_str),
        act.deed.to_string(),
        postcard::to_stdvec(act).expect("an act can be written"),
    ))?;
    Ok(())
}

/// A snapshot whose parts are being written.
#[derive(Debug)]
pub(super) struct Staged {
    /// The last batch that is in it.
    batch: u64,
    /// How many rows were written.
    parts: i64,
    encoder: ItemEncoder,
}

impl Staged {
    pub(super) fn new(batch: u64) -> Self {
        Self { batch, parts: 0, encoder: ItemEncoder::default() }
    }

    pub(super) fn batch(&self) -> u64 {
        self.batch
    }

    /// Encodes the items of a part; gives the blobs that can be written, of which there are none as
    /// long as there are few items.
    pub(super) fn encode(&mut self, part: &SnapshotPart) -> Vec<Vec<u8>> {
        let Self { encoder, .. } = self;
        let mut blobs: Vec<_> = part.items.iter().filter_map(|item| encoder.push(item)).collect();
        if part.is_last {
            blobs.extend(encoder.finish());
        }
        blobs
    }

    /// Writes blobs as the next parts.
    pub(super) fn insert(
        &mut self,
        transaction: &Transaction<'_>,
        blobs: &[Vec<u8>],
    ) -> Result<(), Fault> {
        let batch = to_column(self.batch, Location::File)?;
        let mut insert = transaction.prepare_cached(INSERT_PART)?;
        for blob in blobs {
            insert.execute((batch, self.parts, blob))?;
            self.parts += 1;
        }
        Ok(())
    }

    /// Puts the snapshot, which is whole, in place of the last one and of all batches up to its own.
    pub(super) fn finish(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        let batch = to_column(self.batch, Location::File)?;
        let end = "UPDATE snapshot_end SET batch = ?1, parts = ?2";
        if transaction.execute(end, (batch, self.parts))? != 1 {
            return Err(Fault::damaged(Location::File, "it does not say where its snapshot ends"));
        }
        forget_unfinished_snapshots(transaction)?;
        transaction.execute("DELETE FROM batch WHERE number <= ?1", [batch])?;
        Ok(())
    }
}

/// Deletes the parts of every snapshot but the one that counts.
pub(super) fn forget_unfinished_snapshots(connection: &Connection) -> Result<(), Fault> {
    let others = "DELETE FROM snapshot WHERE batch <> (SELECT batch FROM snapshot_end)";
    connection.execute(others, ())?;
    Ok(())
}

/// Writes a snapshot in place of whatever there is, in one transaction.
pub(super) fn replace_snapshot(
    transaction: &Transaction<'_>,
    batch: u64,
    blobs: &[Vec<u8>],
) -> Result<(), Fault> {
    transaction.execute("DELETE FROM snapshot", ())?;
    let mut staged = Staged::new(batch);
    staged.insert(transaction, blobs)?;
    staged.finish(transaction)
}

fn millis(time: WallTime) -> i64 {
    i64::try_from(time.as_millis()).expect("below WallTime::MAX")
}
