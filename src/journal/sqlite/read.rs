//! Reading the database of a journal: the replay of a start, the sheets, the list of a class.

use std::cmp::Ordering;
use std::sync::Arc;

use imbl::OrdMap;
use rusqlite::{Connection, OptionalExtension as _};
use serde::de::DeserializeOwned;

use super::error::{Fault, Location};
use crate::attendance::{Status, Tally};
use crate::exchange::{ActRecord, MyMark, Revision, SheetInfo};
use crate::ids::{
    ActNumber, ClassId, ContentId, DeviceId, RollCallId, RollCallNumber, StudentNumber,
};
use crate::journal::Recovered;
use crate::journal::encoding::values;
use crate::limits::MARKS_PER_ROLL_CALL_MAX;
use crate::record::{Recovery, Rows, RowsQuestion};
use crate::roll::{ClosedSheet, Mark, Remarked, Sheet};
use crate::time::WallTime;

/// `length` of a blob reads no blob, so this costs a row a batch and not its bytes.
const BYTES: &str = "SELECT \
    (SELECT coalesce(sum(length(records)), 0) FROM batch), \
    (SELECT coalesce(sum(length(items)), 0) FROM snapshot \
        WHERE batch = (SELECT batch FROM snapshot_end))";

/// How much a restart would read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) batches: u64,
    pub(super) snapshot: u64,
}

pub(super) fn last_batch(connection: &Connection) -> Result<u64, Fault> {
    let newest: Option<i64> =
        connection.query_row("SELECT max(number) FROM batch", (), |row| row.get(0))?;
    match newest {
        Some(number) => from_column(number, Location::Batch(number)),
        None => Ok(snapshot_end(connection)?.0),
    }
}

/// The last batch of the snapshot, and its number of parts.
pub(super) fn snapshot_end(connection: &Connection) -> Result<(u64, i64), Fault> {
    let row: Option<(i64, i64)> = connection
        .query_row("SELECT batch, parts FROM snapshot_end", (), |row| row.try_into())
        .optional()?;
    let missing = || Fault::damaged(Location::File, "it does not say where its snapshot ends");
    let (batch, parts) = row.ok_or_else(missing)?;
    Ok((from_column(batch, Location::Batch(batch))?, parts))
}

pub(super) fn count_bytes(connection: &Connection) -> Result<Bytes, Fault> {
    let (batches, snapshot): (i64, i64) = connection.query_row(BYTES, (), |row| row.try_into())?;
    let count = |bytes| from_column(bytes, Location::File);
    Ok(Bytes { batches: count(batches)?, snapshot: count(snapshot)? })
}

/// Numbers are counted from 1 and never reach the end of an `i64`, unless the file told us so.
pub(super) fn to_column(number: u64, place: Location) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| Fault::damaged(place, "its numbers are past all counting"))
}

fn from_column(number: i64, place: Location) -> Result<u64, Fault> {
    u64::try_from(number).map_err(|_| Fault::damaged(place, "a number is below zero"))
}

/// Yields the snapshot and the batches after it, of which the last one must be this one.
pub(super) fn replay(
    connection: &Connection,
    last: u64,
    into: &mut dyn Recovery,
) -> Result<Recovered, Fault> {
    let (end, parts) = snapshot_end(connection)?;
    let mut snapshot_items = 0;
    each_part(connection, PARTS, parts, |place, blob| {
        let damaged = |why| Fault::damaged(place, why);
        for item in values(blob).map_err(damaged)? {
            let item = item.map_err(damaged)?;
            into.restore(item).map_err(|error| Fault::damaged(place, error))?;
            snapshot_items += 1;
        }
        Ok(())
    })?;
    let mut records = 0;
    let batches = each_batch(connection, end, |place, blob| {
        let damaged = |why| Fault::damaged(place, why);
        for record in values(blob).map_err(damaged)? {
            let record = record.map_err(damaged)?;
            into.replay(record).map_err(|error| Fault::damaged(place, error))?;
            records += 1;
        }
        Ok(())
    })?;
    if end + batches != last {
        return Err(Fault::damaged(Location::File, "another program has written to it"));
    }
    into.resume_after(last);
    Ok(Recovered { last_batch: last, snapshot_items, batches, records })
}

/// The parts of the snapshot that counts.
const PARTS: &str = "SELECT part, items FROM snapshot \
    WHERE batch = (SELECT batch FROM snapshot_end) ORDER BY part";

/// Reads the parts of a snapshot one at a time, each with its place, and checks that none is
/// missing or left over.
pub(super) fn each_part(
    connection: &Connection,
    query: &str,
    parts: i64,
    mut read: impl FnMut(Location, &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query(())?;
    let mut next = 0;
    while let Some(row) = rows.next()? {
        let place = expect_next(row.get(0)?, next, Location::Snapshot)?;
        next += 1;
        read(place, row.get_ref(1)?.as_blob().map_err(|error| Fault::damaged(place, error))?)?;
    }
    match next.cmp(&parts) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(Fault::damaged(Location::Snapshot(next), MISSING)),
        Ordering::Greater => Err(Fault::damaged(Location::Snapshot(parts), LEFT_OVER)),
    }
}

/// Reads the batches after the snapshot one at a time, each with its place; tells how many.
pub(super) fn each_batch(
    connection: &Connection,
    end: u64,
    mut read: impl FnMut(Location, &[u8]) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let mut statement = connection.prepare("SELECT number, records FROM batch ORDER BY number")?;
    let mut rows = statement.query(())?;
    let mut batches = 0;
    while let Some(row) = rows.next()? {
        batches += 1;
        let next = to_column(end.saturating_add(batches), Location::File)?;
        let place = expect_next(row.get(0)?, next, Location::Batch)?;
        read(place, row.get_ref(1)?.as_blob().map_err(|error| Fault::damaged(place, error))?)?;
    }
    Ok(batches)
}

const MISSING: &str = "it is missing";
const LEFT_OVER: &str = "it should not be there any more";

/// Rows are counted without gaps; a number that is left out is a row that was lost.
fn expect_next(found: i64, next: i64, place: fn(i64) -> Location) -> Result<Location, Fault> {
    match found.cmp(&next) {
        Ordering::Equal => Ok(place(found)),
        Ordering::Greater => Err(Fault::damaged(place(next), MISSING)),
        Ordering::Less => Err(Fault::damaged(place(found), LEFT_OVER)),
    }
}

/// The canonical bytes of a sheet.
pub(super) fn sheet(connection: &Connection, content: ContentId) -> Result<Option<Vec<u8>>, Fault> {
    // Two roll calls may have made the same sheet; either will do.
    let found: Option<i64> = connection
        .prepare_cached("SELECT id FROM roll_call WHERE content = ?1 ORDER BY id LIMIT 1")?
        .query_row([content.as_bytes()], |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => sheet_of(connection, id).map(Some),
        None => earlier_revision(connection, content),
    }
}

/// The canonical bytes of an earlier revision of a sheet.
fn earlier_revision(connection: &Connection, content: ContentId) -> Result<Option<Vec<u8>>, Fault> {
    let found: Option<(i64, Vec<u8>)> = connection
        .prepare_cached("SELECT roll_call, sheet FROM revision WHERE content = ?1 LIMIT 1")?
        .query_row([content.as_bytes()], |row| row.try_into())
        .optional()?;
    let Some((id, bytes)) = found else { return Ok(None) };
    if ContentId::of(&bytes) != content {
        return Err(Fault::damaged(Location::RollCall(id), "it is not the sheet that was closed"));
    }
    Ok(Some(bytes))
}

/// The canonical bytes of the sheet of this roll call, which must be what its row says.
pub(super) fn sheet_of(connection: &Connection, id: i64) -> Result<Vec<u8>, Fault> {
    let info = info(connection, id)?;
    let bytes = rows_of(connection, id, &info)?.to_bytes();
    if ContentId::of(&bytes) != info.content {
        return Err(Fault::damaged(Location::RollCall(id), "it is not the sheet that was closed"));
    }
    Ok(bytes)
}

/// The sheet that the rows of this roll call make.
fn rows_of(connection: &Connection, id: i64, info: &SheetInfo) -> Result<Sheet, Fault> {
    let &SheetInfo { class, opened_at, closed_at, students, .. } = info;
    let (marks, remarks) = marks(connection, id, students)?;
    let supplement: Option<Vec<u8>> = connection
        .prepare_cached("SELECT supplement FROM roll_call WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let supplement = supplement.map(|it| from_blob(&it, id)).transpose()?.map(Arc::new);
    Ok(Sheet { class, opened_at, closed_at, marks, remarks, supplement })
}

fn from_blob<T: DeserializeOwned>(blob: &[u8], id: i64) -> Result<T, Fault> {
    postcard::from_bytes(blob).map_err(|error| Fault::damaged(Location::RollCall(id), error))
}

/// The last revision of a closed roll call, with everything that is needed to correct it.
fn roll_call(
    connection: &Connection,
    class: ClassId,
    number: RollCallNumber,
) -> Result<Option<Box<ClosedSheet>>, Fault> {
    let found: Option<(i64, Option<Vec<u8>>)> = connection
        .prepare_cached(
            "SELECT id, terms FROM roll_call WHERE class = ?1 AND number = ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row((class.get(), number.get()), |row| row.try_into())
        .optional()?;
    let Some((id, terms)) = found else { return Ok(None) };
    let info = info(connection, id)?;
    let sheet = rows_of(connection, id, &info)?;
    let roll_call = RollCallId::new(from_column(id, Location::RollCall(id))?);
    let closed = ClosedSheet {
        devices: devices(connection, id)?,
        terms: terms.map(|it| from_blob(&it, id)).transpose()?,
        ..ClosedSheet::new(roll_call, number, &sheet)
    };
    if closed.info.content != info.content {
        return Err(Fault::damaged(Location::RollCall(id), "it is not the sheet that was closed"));
    }
    Ok(Some(Box::new(closed)))
}

fn devices(connection: &Connection, id: i64) -> Result<OrdMap<StudentNumber, DeviceId>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT student, device FROM mark WHERE roll_call = ?1 AND device IS NOT NULL",
    )?;
    let mut rows = statement.query([id])?;
    let mut devices = OrdMap::new();
    while let Some(row) = rows.next()? {
        let student: String = row.get(0)?;
        let student =
            student.parse().map_err(|error| Fault::damaged(Location::RollCall(id), error))?;
        devices.insert(student, DeviceId::from_bytes(row.get(1)?));
    }
    Ok(devices)
}

/// The revisions of the sheets of a class from one down, the last one first.
fn revisions(
    connection: &Connection,
    class: ClassId,
    (number, revision): (RollCallNumber, u32),
    limit: usize,
) -> Result<Vec<Revision>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM (SELECT id, class, number, opened_at, closed_at, students, bytes, content, revision, \
            coalesce(revised_at, closed_at) FROM roll_call \
            WHERE class = ?1 AND (number, revision) <= (?2, ?3) ORDER BY number DESC LIMIT ?4) \
        UNION ALL \
        SELECT * FROM (SELECT roll_call, class, number, opened_at, closed_at, students, length(sheet), content, \
            revision, revised_at FROM revision \
            WHERE class = ?1 AND (number, revision) <= (?2, ?3) \
            ORDER BY number DESC, revision DESC LIMIT ?4) \
        ORDER BY number DESC, revision DESC LIMIT ?4",
    )?;
    // One more than is asked for tells that there are more.
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = statement.query((class.get(), number.get(), revision, limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let info: InfoRow = (
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
            row.get(7)?,
        );
        let at = to_time(row.get(9)?, Location::RollCall(info.0))?;
        found.push(Revision { revision: row.get(8)?, at, sheet: to_info(info)? });
    }
    Ok(found)
}

/// The sheet of this roll call in brief.
pub(super) fn info(connection: &Connection, id: i64) -> Result<SheetInfo, Fault> {
    let row: InfoRow = connection
        .prepare_cached(
            "SELECT id, class, number, opened_at, closed_at, students, bytes, content \
             FROM roll_call WHERE id = ?1",
        )?
        .query_row([id], |row| row.try_into())?;
    to_info(row)
}

/// The closed roll calls of a class up to this number, the last one first.
pub(super) fn history(
    connection: &Connection,
    class: ClassId,
    at_most: RollCallNumber,
    limit: usize,
) -> Result<Vec<SheetInfo>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, class, number, opened_at, closed_at, students, bytes, content \
         FROM roll_call WHERE class = ?1 AND number <= ?2 ORDER BY number DESC LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // R-SHEET-6
    let mut rows = statement.query((class.get(), at_most.get(), limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(to_info(row.try_into()?)?);
    }
    Ok(found)
}

/// Id, class, number, when it was opened and closed, students, bytes, content.
type InfoRow = (i64, u32, u32, i64, i64, u32, u32, [u8; 32]);

fn to_info(row: InfoRow) -> Result<SheetInfo, Fault> {
    let (id, class, number, opened_at, closed_at, students, bytes, content) = row;
    let place = Location::RollCall(id);
    Ok(SheetInfo {
        class: ClassId::new(class).ok_or_else(|| Fault::damaged(place, "its class is zero"))?,
        number: RollCallNumber::new(number)
            .ok_or_else(|| Fault::damaged(place, "its number is zero"))?,
        opened_at: to_time(opened_at, place)?,
        closed_at: to_time(closed_at, place)?,
        students,
        bytes,
        content: ContentId::from_bytes(content),
    })
}

fn marks(
    connection: &Connection,
    id: i64,
    students: u32,
) -> Result<(Vec<Mark>, Vec<Remarked>), Fault> {
    let place = Location::RollCall(id);
    let mut statement = connection.prepare_cached(
        "SELECT student, at, remarks FROM mark WHERE roll_call = ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([id])?;
    let mut marks = Vec::with_capacity(students.min(MARKS_PER_ROLL_CALL_MAX) as usize);
    let mut remarked = Vec::new();
    while let Some(row) = rows.next()? {
        let remarks: u8 = row.get(2)?;
        if remarks != 0 {
            let remarks = remarks.try_into().map_err(|error| Fault::damaged(place, error))?;
            let place = u32::try_from(marks.len()).expect("bounded by MARKS_PER_ROLL_CALL_MAX");
            remarked.push(Remarked { place, remarks });
        }
        let text = row.get_ref(0)?.as_str().map_err(|error| Fault::damaged(place, error))?;
        let student: StudentNumber = text.parse().map_err(|error| Fault::damaged(place, error))?;
        marks.push(Mark { student, at: to_time(row.get(1)?, place)? });
    }
    Ok((marks, remarked))
}

/// Other rows, as many as the question asks for and one more.
pub(super) fn rows(connection: &Connection, question: RowsQuestion) -> Result<Rows, Fault> {
    match question {
        RowsQuestion::Acts { at_most, limit } => acts(connection, at_most, limit).map(Rows::Acts),
        RowsQuestion::Mine { device, skip, limit } => {
            mine(connection, device, skip, limit).map(Rows::Mine)
        }
        RowsQuestion::Tally { class, student } => {
            tally(connection, class, student).map(Rows::Tally)
        }
        RowsQuestion::Revisions { class, number, revision, limit } => {
            revisions(connection, class, (number, revision), limit).map(Rows::Revisions)
        }
        RowsQuestion::RollCall { class, number } => {
            roll_call(connection, class, number).map(Rows::RollCall)
        }
    }
}

/// What admins and teachers did, the last act first.
fn acts(
    connection: &Connection,
    at_most: ActNumber,
    limit: usize,
) -> Result<Vec<ActRecord>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT record FROM act WHERE number <= ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let at_most = i64::try_from(at_most.get()).unwrap_or(i64::MAX);
    let mut rows = statement.query((at_most, to_limit(limit)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let record = row.get_ref(0)?.as_blob();
        let record = record.map_err(|error| Fault::damaged(Location::File, error))?;
        let act = postcard::from_bytes(record);
        found.push(act.map_err(|error| Fault::damaged(Location::File, error))?);
    }
    Ok(found)
}

/// The marks that were made from a device, the last roll call first.
fn mine(
    connection: &Connection,
    device: DeviceId,
    skip: u32,
    limit: usize,
) -> Result<Vec<MyMark>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT roll_call.id, roll_call.class, roll_call.number, mark.student, mark.at \
         FROM mark JOIN roll_call ON roll_call.id = mark.roll_call WHERE mark.device = ?1 \
         ORDER BY mark.roll_call DESC, mark.position LIMIT ?2 OFFSET ?3",
    )?;
    let mut rows = statement.query((device.as_bytes(), to_limit(limit), skip))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let place = Location::RollCall(row.get(0)?);
        let damaged = |what| Fault::damaged(place, what);
        let student: String = row.get(3)?;
        found.push(MyMark {
            class: ClassId::new(row.get(1)?).ok_or_else(|| damaged("its class is zero"))?,
            number: RollCallNumber::new(row.get(2)?)
                .ok_or_else(|| damaged("its number is zero"))?,
            student: student.parse().map_err(|error| Fault::damaged(place, error))?,
            at: to_time(row.get(4)?, place)?,
        });
    }
    Ok(found)
}

/// How often a student was there, where the class had a roster with the student on it.
// R-TALLY-2
fn tally(connection: &Connection, class: ClassId, student: StudentNumber) -> Result<Tally, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT roll_call.id, roll_call.lessons, entry.status FROM roll_call \
         JOIN entry ON entry.roll_call = roll_call.id AND entry.student = ?2 \
         WHERE roll_call.class = ?1 AND roll_call.expected IS NOT NULL AND entry.listed",
    )?;
    let mut rows = statement.query((class.get(), student.as_str()))?;
    let mut tally = Tally::default();
    while let Some(row) = rows.next()? {
        let place = Location::RollCall(row.get(0)?);
        let status: String = row.get(2)?;
        let status = Status::ALL.into_iter().find(|it| it.name() == status);
        let status = status.ok_or_else(|| Fault::damaged(place, "a status is none"))?;
        tally.count(row.get(1)?, status);
    }
    Ok(tally)
}

/// So many rows and one more.
fn to_limit(limit: usize) -> i64 {
    i64::try_from(limit + 1).unwrap_or(i64::MAX)
}

fn to_time(millis: i64, place: Location) -> Result<WallTime, Fault> {
    let millis = from_column(millis, place)?;
    WallTime::try_from(millis).map_err(|error| Fault::damaged(place, error))
}
