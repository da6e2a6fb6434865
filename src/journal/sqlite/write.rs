//! What is written to the database: batches, sheets as rows, snapshots.

use rusqlite::Transaction;

use super::error::{Fault, Location};
use super::read::to_column;
use crate::ids::RollCallId;
use crate::roll::ClosedSheet;
use crate::time::WallTime;

const INSERT_BATCH: &str = "INSERT INTO batch (number, records) VALUES (?1, ?2)";
const INSERT_ROLL_CALL: &str = "INSERT INTO roll_call \
    (id, class, number, opened_at, closed_at, students, bytes, content) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Only what nobody answered is ever forgotten.
const FORGET_ROLL_CALL: &str = "DELETE FROM roll_call WHERE id = ?1 AND students = 0";
const INSERT_MARK: &str =
    "INSERT INTO mark (roll_call, position, student, at) VALUES (?1, ?2, ?3, ?4)";
const INSERT_PART: &str = "INSERT INTO snapshot (part, items) VALUES (?1, ?2)";

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
    ClosedSheet { roll_call, info, sheet }: &ClosedSheet,
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
    for (position, mark) in (1_i64..).zip(&sheet.marks) {
        insert.execute((id, position, mark.student.as_str(), millis(mark.at)))?;
    }
    Ok(())
}

/// Puts a snapshot in place of the last one and of all batches up to its own.
pub(super) fn replace_snapshot(
    transaction: &Transaction<'_>,
    batch: u64,
    parts: &[Vec<u8>],
) -> Result<(), Fault> {
    let number = to_column(batch, Location::File)?;
    transaction.execute("DELETE FROM snapshot", ())?;
    let parts = insert_snapshot(transaction, parts)?;
    transaction.execute("DELETE FROM batch WHERE number <= ?1", [number])?;
    let end = "UPDATE snapshot_end SET batch = ?1, parts = ?2";
    if transaction.execute(end, (number, parts))? != 1 {
        return Err(Fault::damaged(Location::File, "it does not say where its snapshot ends"));
    }
    Ok(())
}

/// Inserts a snapshot and tells its number of parts.
fn insert_snapshot(transaction: &Transaction<'_>, parts: &[Vec<u8>]) -> Result<i64, Fault> {
    let mut insert = transaction.prepare_cached(INSERT_PART)?;
    let mut number = 0;
    for part in parts {
        insert.execute((number, part))?;
        number += 1;
    }
    Ok(number)
}

fn millis(time: WallTime) -> i64 {
    i64::try_from(time.as_millis()).expect("below WallTime::MAX")
}
