//! What is written to the database: batches, sheets as rows, snapshots.

use rusqlite::{Connection, Transaction};

use super::error::{Fault, Location};
use super::read::to_column;
use crate::access::PersonName;
use crate::exchange::ActRecord;
use crate::ids::{DeviceId, RollCallId};
use crate::journal::encoding::ItemEncoder;
use crate::record::SnapshotPart;
use crate::roll::ClosedSheet;
use crate::time::WallTime;

const INSERT_BATCH: &str = "INSERT INTO batch (number, records) VALUES (?1, ?2)";
const INSERT_ROLL_CALL: &str = "INSERT INTO roll_call \
    (id, class, number, opened_at, closed_at, students, bytes, content) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
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

/// Inserts a closed sheet as rows.
pub(super) fn insert_sheet(
    transaction: &Transaction<'_>,
    ClosedSheet { roll_call, info, bytes, remarks, devices }: &ClosedSheet,
) -> Result<(), Fault> {
    let id = to_column(roll_call.get(), Location::File)?;
    let mut insert = transaction.prepare_cached(INSERT_ROLL_CALL)?;
    insert.execute((
        id,
        info.class.get(),
        info.number.get(),
        millis(info.opened_at),
        millis(info.closed_at),
        info.students,
        info.bytes,
        info.content.as_bytes(),
    ))?;
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
