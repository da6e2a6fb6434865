//! The laws of the journal: whatever stands in the database, and in whatever order, starting on it
//! ends in an error or in a whole server. A whole server gives a snapshot that makes the same
//! server again, goes on working, and its further batches can be replayed.
//!
//! Each content is read twice: as a fold of snapshot and batches, row by row as the schema tells it,
//! and by the journal itself from a real file. Both must come to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arbitrary::{Arbitrary, Unstructured};
use rollcall::access::{Guest, InviteId, PersonName, Role, RoomCode, Terms};
use rollcall::attendance::{
    Change, Correction, Listed, Plan, RosterChange, RosterEdit, Status, TrailEntry,
};
use rollcall::exchange::{
    Act, Acted, Ask, Closed, Corrected, Enrolled, Extended, Joined, Marked, Operation, Outcome,
    Refusal, Refused, Request, SheetInfo,
};
use rollcall::ids::{
    ClassId, ClientId, ContentId, DeviceId, RequestNumber, RollCallId, RollCallNumber,
    StudentNumber,
};
use rollcall::journal::encoding::{decode_items, decode_records, encode_items, encode_records};
use rollcall::journal::{DATABASE_FILE, Journal as _, SqliteJournal};
use rollcall::people::{PeopleItem, RoomSecret};
use rollcall::record::{Batch, Record, Recovery as _, SnapshotItem, SnapshotPart};
use rollcall::roll::{ClientRecord, ClosedSheet, Mark, ProceedingsItem, RegisterItem, RosterItem};
use rollcall::server::{Output, Server};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;

use crate::laws;
use crate::premises::Premise;

/// What these laws speak of.
pub(crate) mod seen {
    crate::premises::premises! {
        WHOLE: "a whole server was read" => "a whole server goes on";
        EMPTY: "an empty journal was read" => "a whole server goes on";
        WITH_MARKS: "a whole server with marks in an open class was read" => "a whole server goes on";
        WITH_CLIENTS: "a whole server that knows clients was read" => "a whole server goes on";
        WITH_PEOPLE: "a whole server that knows people was read" => "a whole server goes on";
        WITH_ROOMS: "a whole server with a roll call of a device was read" => "a whole server goes on";
        WITH_ROSTERS: "a whole server with a roster was read" => "a whole server goes on";
        WITH_PLANS: "a whole server with a planned, open roll call was read" => "a whole server goes on";
        WITH_TRAIL: "a whole server with an open roll call that was corrected was read" => "a whole server goes on";
        ENDED: "a record that a roll call was closed at its deadline was replayed" => "the file says the same";
        FROM_SNAPSHOT: "a whole server was read from a snapshot" => "the snapshot of a snapshot";
        FROM_BOTH: "a whole server was read from a snapshot and batches after it"
            => "the file says the same";
        FORGOT: "a record that a client was forgotten was replayed" => "the file says the same";
        TOLD: "a record that a time was told was replayed" => "the file says the same";
        NO_END: "a journal without the end of its snapshot was refused" => "an error or a whole server";
        PART_MISSING: "a snapshot with a missing part was refused" => "an error or a whole server";
        COUNT: "a snapshot with another number of parts was refused" => "an error or a whole server";
        PART_DAMAGED: "a damaged part was refused" => "an error or a whole server";
        PART_CONTRADICTS: "a contradiction in a snapshot was refused" => "an error or a whole server";
        NEGATIVE: "a negative number of the last batch was refused" => "an error or a whole server";
        BATCH_MISSING: "a gap between batches was refused" => "an error or a whole server";
        BATCH_DAMAGED: "a damaged batch was refused" => "an error or a whole server";
        BATCH_CONTRADICTS: "a contradiction in a batch was refused" => "an error or a whole server";
        APPENDED: "batches were appended to a file that was read" => "what was committed is there again";
        NO_MORE: "a batch was refused because its number is taken or too large"
            => "what was committed is there again";
        SHEETS: "a sheet that was closed was read again" => "what was committed is there again";
    }
}

const ROWS_MAX: usize = 40;
const HOUR_MILLIS: i64 = 3_600_000;

#[derive(Arbitrary, Debug)]
enum Row {
    Batch(Place, Blob),
    Part(Place, Blob),
    End {
        batch: Place,
        parts: Place,
    },
    NoEnd,
    /// What a server would append that has read all so far. Chance alone hardly ever makes a journal
    /// that is whole and holds anything.
    Lived(Vec<Deed>),
    /// Records, or items of a snapshot, in their place behind a right checksum.
    More(Vec<Happened>),
    Items(Vec<Kept>),
    /// What there is becomes a snapshot, as the server that has read it would make it.
    Compacted,
    /// A journal that has lived, was perhaps compacted, and lived on.
    Grown(Vec<Deed>, bool, Vec<Deed>),
    /// The snapshot ends just below the last number that there is, or just below zero.
    EndsAt(bool, u8),
}

#[derive(Arbitrary, Clone, Debug)]
enum Deed {
    Open(u8),
    /// From [`PLANNED`] on a class has a roster and a planned roll call, which ends if the number is odd.
    Close(u8),
    /// In a class that is opened for it, unless it is open. From [`STAFFED`] on, by the second number,
    /// somebody becomes a teacher and opens a class, in which others answer.
    Mark(u8, u8),
    /// An operation of a client whose clock is behind: it is told the time.
    Late,
    /// Two hours pass, and clients are forgotten.
    Silence,
}

#[derive(Arbitrary, Debug)]
enum Place {
    /// After the last one of its kind.
    Next,
    At(u8),
    Far(i64),
    /// Just below the last number that there is.
    Last(u8),
}

#[derive(Arbitrary, Debug)]
enum Blob {
    Bytes(Vec<u8>),
    /// Behind a right checksum.
    Sealed(Vec<u8>),
    Records(Vec<Happened>),
    Items(Vec<Kept>),
}

/// A record. Few different names and times, so that records meet.
#[derive(Arbitrary, Debug)]
enum Happened {
    Open {
        who: u8,
        class: u8,
        at: u8,
        roll_call: Count,
        already: bool,
    },
    Mark {
        who: u8,
        class: u8,
        at: u8,
        student: u8,
        already: bool,
    },
    Close {
        who: u8,
        class: u8,
        at: u8,
        students: u8,
        already: bool,
    },
    Refused {
        who: u8,
        class: u8,
        at: u8,
    },
    Skew {
        who: u8,
        class: u8,
        at: u8,
    },
    /// An outcome that is none of its operation.
    Odd {
        who: u8,
        class: u8,
        at: u8,
        student: u8,
    },
    Forgot {
        who: u8,
        at: u8,
    },
    Told {
        at: u8,
    },
}

#[derive(Arbitrary, Debug)]
enum Kept {
    Latest(u8),
    Client { who: u8, at: u8, number: Count },
    NextRollCall(Count),
    LastSheet { class: u8, at: u8 },
    Open { class: u8, at: u8, roll_call: Count },
    Mark { class: u8, at: u8, student: u8 },
}

#[derive(Arbitrary, Debug)]
enum Count {
    Small(u8),
    BelowEnd(u8),
    AroundColumnEnd(i8),
}

/// Applies the laws to the content that these bytes tell.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(input: &[u8]) {
    let mut bytes = Unstructured::new(input);
    let mut content = Content::default();
    for _ in 0..ROWS_MAX {
        if bytes.is_empty() {
            break;
        }
        let Ok(row) = Row::arbitrary(&mut bytes) else { break };
        content.put(row);
    }
    let folded = content.fold();
    if let Some((server, _)) = &folded {
        content.notice(server);
        check_whole(server);
    }
    check_file(&content, folded);
}

/// What stands in the three tables.
struct Content {
    batches: BTreeMap<i64, Vec<u8>>,
    parts: BTreeMap<i64, Vec<u8>>,
    end: Option<(i64, i64)>,
}

impl Default for Content {
    fn default() -> Self {
        Self { batches: BTreeMap::new(), parts: BTreeMap::new(), end: Some((0, 0)) }
    }
}

impl Content {
    fn put(&mut self, row: Row) {
        let after = |rows: &BTreeMap<i64, Vec<u8>>, first: i64| {
            rows.last_key_value().map_or(first, |(last, _)| last.saturating_add(1))
        };
        let (end, parts) = self.end.unwrap_or_default();
        match row {
            Row::Batch(place, blob) => {
                let next = after(&self.batches, end.saturating_add(1));
                self.batches.insert(place.or(next), blob.bytes());
            }
            Row::Part(place, blob) => {
                let next = after(&self.parts, 0);
                self.parts.insert(place.or(next), blob.bytes());
                // The usual case: as many parts as there are.
                if self.end.is_some_and(|(_, parts)| parts == next) {
                    self.end = Some((end, parts.saturating_add(1)));
                }
            }
            Row::End { batch, parts: count } => {
                self.end = Some((batch.or(end), count.or(parts)));
            }
            Row::NoEnd => self.end = None,
            Row::More(records) => self.put(Row::Batch(Place::Next, Blob::Records(records))),
            Row::Items(items) => self.put(Row::Part(Place::Next, Blob::Items(items))),
            Row::Lived(deeds) => {
                let Some((mut server, last)) = self.folded() else { return };
                for (number, batch) in (last + 1..).zip(lived(&mut server, &deeds)) {
                    let Ok(number) = i64::try_from(number) else { return };
                    self.batches.insert(number, encode_records(&batch.records, Vec::new()));
                }
            }
            Row::Grown(before, compacted, after) => {
                self.put(Row::Lived(before));
                if compacted {
                    self.put(Row::Compacted);
                }
                self.put(Row::Lived(after));
            }
            Row::EndsAt(last, away) => {
                let away = i64::from(away % 8);
                self.end = Some((if last { i64::MAX - away } else { -1 - away }, parts));
                self.batches.clear();
            }
            Row::Compacted => {
                let Some((server, last)) = self.folded() else { return };
                let Ok(last) = i64::try_from(last) else { return };
                let parts = encode_items(server.snapshot());
                self.end = Some((last, i64::try_from(parts.len()).expect("few")));
                self.parts = (0..).zip(parts).collect();
                self.batches.clear();
            }
        }
    }

    /// What was read here, and came to a whole server.
    fn notice(&self, server: &Server<u8>) {
        let (parts, batches) = (!self.parts.is_empty(), !self.batches.is_empty());
        seen::WHOLE.held();
        seen::EMPTY.held_if(!parts && !batches);
        seen::FROM_SNAPSHOT.held_if(parts);
        seen::FROM_BOTH.held_if(parts && batches);
        let is_mark =
            |item: &SnapshotItem| matches!(item, SnapshotItem::Register(RegisterItem::Mark { .. }));
        seen::WITH_MARKS.held_if(server.snapshot().any(|item| is_mark(&item)));
        let is_of_people = |item: &SnapshotItem| matches!(item, SnapshotItem::People(_));
        seen::WITH_PEOPLE.held_if(server.snapshot().any(|item| is_of_people(&item)));
        let is_room =
            |item: &SnapshotItem| matches!(item, SnapshotItem::People(PeopleItem::Room { .. }));
        seen::WITH_ROOMS.held_if(server.snapshot().any(|item| is_room(&item)));
        seen::WITH_CLIENTS.held_if(server.clients() > 0);
        let is_of_roster =
            |item: &SnapshotItem| matches!(item, SnapshotItem::Roster(RosterItem::Listed { .. }));
        seen::WITH_ROSTERS.held_if(server.snapshot().any(|item| is_of_roster(&item)));
        let is_planned = |item: &SnapshotItem| {
            matches!(
                item,
                SnapshotItem::Proceedings(ProceedingsItem::Begin { closes_at: Some(_), .. })
            )
        };
        seen::WITH_PLANS.held_if(server.snapshot().any(|item| is_planned(&item)));
        let is_trail = |item: &SnapshotItem| {
            matches!(item, SnapshotItem::Proceedings(ProceedingsItem::Trail { .. }))
        };
        seen::WITH_TRAIL.held_if(server.snapshot().any(|item| is_trail(&item)));
    }

    /// The server and its last batch, if everything is in its place and fits; why not is counted.
    fn fold(&self) -> Option<(Server<u8>, u64)> {
        self.read(Premise::held)
    }

    /// The same without counting, while the content is made.
    fn folded(&self) -> Option<(Server<u8>, u64)> {
        self.read(|_| {})
    }

    fn read(&self, note: impl Fn(&Premise)) -> Option<(Server<u8>, u64)> {
        let refused = |why: &Premise| {
            note(why);
            None
        };
        let Some((end, parts)) = self.end else { return refused(&seen::NO_END) };
        let mut server = Server::new(1);
        let mut next = 0;
        for (&part, blob) in &self.parts {
            if part != next {
                return refused(&seen::PART_MISSING);
            }
            next += 1;
            let Ok(items) = decode_items(blob) else { return refused(&seen::PART_DAMAGED) };
            check_blob(blob, &written(&items));
            for item in items {
                if server.restore(item).is_err() {
                    return refused(&seen::PART_CONTRADICTS);
                }
            }
        }
        if next != parts {
            return refused(&seen::COUNT);
        }
        let Ok(mut last) = u64::try_from(end) else { return refused(&seen::NEGATIVE) };
        for (&number, blob) in &self.batches {
            last += 1;
            if u64::try_from(number) != Ok(last) {
                return refused(&seen::BATCH_MISSING);
            }
            let Ok(records) = decode_records(blob) else { return refused(&seen::BATCH_DAMAGED) };
            check_blob(blob, &encode_records(&records, Vec::new()));
            for record in records {
                let (forgot, told, ended) = (
                    matches!(record, Record::Forgot { .. }),
                    matches!(record, Record::TimeDisclosed { .. }),
                    matches!(record, Record::ClosedAtDeadline { .. }),
                );
                if server.replay(record).is_err() {
                    return refused(&seen::BATCH_CONTRADICTS);
                }
                if forgot {
                    note(&seen::FORGOT);
                }
                if told {
                    note(&seen::TOLD);
                }
                if ended {
                    note(&seen::ENDED);
                }
            }
        }
        server.resume_after(last);
        Some((server, last))
    }

    fn write(&self, database: &Path) -> rusqlite::Result<()> {
        let mut connection = rusqlite::Connection::open(database)?;
        connection.pragma_update(None, "synchronous", 0)?;
        let connection = connection.transaction()?;
        connection.execute("DELETE FROM snapshot_end", ())?;
        for row in &self.batches {
            connection.execute("INSERT INTO batch VALUES (?1, ?2)", row)?;
        }
        let batch = self.end.map_or(0, |(batch, _)| batch);
        for (part, items) in &self.parts {
            connection.execute("INSERT INTO snapshot VALUES (?1, ?2, ?3)", (batch, part, items))?;
        }
        if let Some(end) = self.end {
            connection.execute("INSERT INTO snapshot_end VALUES (1, ?1, ?2)", end)?;
        }
        connection.commit()
    }
}

impl Place {
    fn or(&self, next: i64) -> i64 {
        match *self {
            Self::Next => next,
            Self::At(place) => place.into(),
            Self::Far(place) => place,
            Self::Last(before) => i64::MAX - i64::from(before),
        }
    }
}

/// What a server appends while these things happen to it, a minute apart.
fn lived(server: &mut Server<u8>, deeds: &[Deed]) -> Vec<Batch> {
    let mut batches = Vec::new();
    let [client, behind] = strangers(server);
    let mut wall = server.latest().max(time(1));
    let mut instant = Instant::ZERO;
    let started = wall;
    let mut number = RequestNumber::FIRST;
    let opened = |deed: &Deed| match *deed {
        Deed::Mark(which, number) if number < STAFFED => vec![Deed::Open(which), deed.clone()],
        _ => vec![deed.clone()],
    };
    for deed in deeds.iter().flat_map(opened).take(20) {
        wall = wall.shifted(60_000);
        instant = instant.after(std::time::Duration::from_secs(60));
        if let Deed::Close(it) = deed
            && it >= PLANNED
        {
            for operation in planned(server, it) {
                let ask = Ask::Perform { started, operation };
                let request = Request { attempt: 1, client, number, ask };
                server.handle_datagram(Now { instant, wall }, 1, &laws::request(&request, 90));
                number = number.next().expect("a few");
            }
            if it & 1 != 0 {
                (instant, wall) = silence(server, instant, wall);
            }
            drain(server, &mut batches);
            continue;
        }
        let (who, started, operation) = match deed {
            Deed::Open(which) => {
                (client, started, Operation::Open { class: class(which), terms: Terms::PLAIN })
            }
            Deed::Close(which) => (client, started, Operation::Close { class: class(which) }),
            Deed::Mark(which, number) if number >= STAFFED => {
                batches.extend(staffed(server, which / 4, which, number));
                continue;
            }
            Deed::Mark(which, number) => {
                let operation =
                    Operation::Mark { class: class(which), student: student(number), code: None };
                (client, started, operation)
            }
            Deed::Late => {
                (behind, wall.shifted(-HOUR_MILLIS), Operation::Close { class: class(0) })
            }
            Deed::Silence => {
                (instant, wall) = silence(server, instant, wall);
                drain(server, &mut batches);
                continue;
            }
        };
        let its = if who == client { number } else { RequestNumber::FIRST };
        let ask = Ask::Perform { started, operation };
        let request = Request { attempt: 1, client: who, number: its, ask };
        server.handle_datagram(Now { instant, wall }, 1, &laws::request(&request, 90));
        if who == client {
            number = number.next().expect("a few");
        }
        drain(server, &mut batches);
    }
    batches
}

/// See [`Deed::Mark`].
const STAFFED: u8 = 168;

/// See [`Deed::Silence`].
fn silence(server: &mut Server<u8>, instant: Instant, wall: WallTime) -> (Instant, WallTime) {
    let instant = instant.after(std::time::Duration::from_secs(7_200));
    let wall = wall.shifted(2 * HOUR_MILLIS);
    server.handle_timeout(Now { instant, wall });
    (instant, wall)
}

/// See [`Deed::Close`].
const PLANNED: u8 = 128;

/// A roster, a roll call with an end, answers with and without delay, a correction and a longer time.
fn planned(server: &Server<u8>, number: u8) -> [Operation; 6] {
    let class = class(number);
    let version = server.snapshot().find_map(|item| match item {
        SnapshotItem::Roster(RosterItem::Begin { class: of, version, .. }) if of == class => {
            Some(version)
        }
        _ => None,
    });
    let base = version.unwrap_or(0);
    let change = RosterChange {
        base,
        import: number.into(),
        edits: [edit(number), edit(number / 2)].into(),
    };
    let late_after_s = (number & 1 == 0).then_some(30);
    let plan = Plan { closes_after_s: Some(3_600), late_after_s, ..Plan::default() };
    let (there, code) = (student(number), None);
    let correction = Correction {
        number: None,
        student: student(number / 2),
        status: Status::ALL[usize::from(number) % Status::ALL.len()],
        reason: (number & 2 == 0).then(|| "sat at the back".parse().expect("a reason")),
    };
    [
        Operation::Enrol { class, change },
        Operation::OpenWith { class, terms: Terms::PLAIN, plan },
        Operation::Mark { class, student: there, code },
        Operation::Deliver { class, student: student(number / 4), code, delay_ms: 1_000 },
        Operation::Correct { class, correction: Box::new(correction) },
        Operation::Extend { class, seconds: number.into() },
    ]
}

fn edit(number: u8) -> RosterEdit {
    if number & 64 == 0 {
        return RosterEdit::Remove(student(number));
    }
    let group = (number & 1 == 0).then(|| "A".parse().expect("a group"));
    RosterEdit::Put(Listed {
        student: student(number),
        name: "João d'Água".parse().expect("a name"),
        group,
    })
}

/// What a server has appended to which devices have spoken, all in one batch: what would contradict what was
/// before is left out.
fn staffed(server: &mut Server<u8>, who: u8, which: u8, number: u8) -> Option<Batch> {
    let last = server.last_batch();
    let at = who % OF_PEOPLE;
    // 0: invited, 3: a teacher, 8: open, 1: with a code, 10: somebody is there, 11: or mistypes.
    let story =
        [0, 3, 8, 1, 10, 11].map(|it| of_people(if it < 10 { 0 } else { who }, which, at & !1, it));
    let records = story.into_iter().chain([of_people(who, which, at, number)]);
    let records: Vec<_> = records.filter(|record| server.replay(record.clone()).is_ok()).collect();
    let number = last.checked_add(1).filter(|_| !records.is_empty())?;
    server.resume_after(number);
    Some(Batch { number, records, sheets: Vec::new(), forgotten: Vec::new(), acts: Vec::new() })
}

/// A blob that was read has a right checksum, and nothing stands after what was read.
///
/// Its numbers may be longer than they need to be. Then what is written again is no part of it.
fn check_blob(blob: &[u8], again: &[u8]) {
    let body = |blob: &[u8]| blob[..blob.len() - 4].to_vec();
    assert_eq!(sealed(body(blob)), blob, "a blob with a wrong checksum is read");
    let rest = body(blob).strip_prefix(&body(again)[..]).map_or(0, <[u8]>::len);
    assert_eq!(rest, 0, "a blob with something left over is read");
}

fn written(items: &[SnapshotItem]) -> Vec<u8> {
    let mut parts = encode_items(items.iter().cloned());
    assert!(parts.len() <= 1, "no part of a few items is full");
    parts.pop().unwrap_or_else(|| sealed(vec![2, 0]))
}

/// A server that was brought back is a whole one.
fn check_whole(server: &Server<u8>) {
    let items: Vec<_> = server.snapshot().collect();
    let mut marked = BTreeSet::new();
    for item in &items {
        if let SnapshotItem::Register(RegisterItem::Mark { class, mark }) = item {
            assert!(marked.insert((*class, mark.student)), "a student is on a roll call twice");
        }
    }
    let mut copy = restored(&items);
    assert_eq!(copy.snapshot().collect::<Vec<_>>(), items, "the snapshot of a snapshot");
    let blobs = encode_items(items.iter().cloned());
    let read: Vec<_> = blobs.iter().flat_map(|blob| decode_items(blob).expect("whole")).collect();
    assert_eq!(read, items, "the snapshot as it stands on disk");

    // It goes on, and the copy follows.
    let mut working = server.clone();
    let batches = work(&mut working);
    assert_eq!(records(work(&mut copy.clone())), records(batches.clone()), "it answers the same");
    for batch in batches {
        let blob = encode_records(&batch.records, Vec::new());
        for record in decode_records(&blob).expect("just written") {
            copy.replay(record).expect("what a whole server appends can be replayed");
        }
    }
    assert_eq!(state(&copy), state(&working), "the same after the same batches");
}

/// The batches of a server from a snapshot are counted from 1 again.
fn records(batches: Vec<Batch>) -> Vec<Record> {
    batches.into_iter().flat_map(|batch| batch.records).collect()
}

/// What a server knows, in an order of its own: whom it has heard last is not kept.
fn state(server: &Server<u8>) -> Vec<String> {
    let mut items: Vec<_> = server.snapshot().map(|item| format!("{item:?}")).collect();
    items.sort();
    items
}

fn restored(items: &[SnapshotItem]) -> Server<u8> {
    let mut server = Server::new(2);
    for item in items.iter().cloned() {
        server.restore(item).expect("a snapshot that was made can be restored");
    }
    server
}

/// A stranger closes, opens, marks and closes each class, twice, an hour later. Another one, with a clock
/// that is behind, is told the time after that.
fn work(server: &mut Server<u8>) -> Vec<Batch> {
    let mut batches = Vec::new();
    work_and(server, |server| drain(server, &mut batches));
    batches
}

/// The same, with something else to do with the effects.
fn work_and(server: &mut Server<u8>, mut drain: impl FnMut(&mut Server<u8>)) {
    let [client, behind] = strangers(server);
    let mut number = RequestNumber::FIRST;
    let wall = server.latest().shifted(HOUR_MILLIS);
    for which in (0..3).chain(0..3) {
        let class = class(which);
        let student = student(9);
        for operation in [
            Operation::Close { class },
            Operation::Open { class, terms: Terms::PLAIN },
            Operation::Mark { class, student, code: None },
            Operation::Close { class },
        ] {
            let ask = Ask::Perform { started: wall, operation };
            hear(server, wall, &Request { attempt: 1, client, number, ask });
            number = number.next().expect("a few");
        }
        drain(server);
    }
    let operation = Operation::Close { class: class(0) };
    let ask = Ask::Perform { started: wall, operation };
    let request = Request { attempt: 1, client: behind, number: RequestNumber::FIRST, ask };
    hear(server, wall.shifted(HOUR_MILLIS), &request);
    drain(server);
}

/// Two whom nobody in the journal knows.
fn strangers(server: &Server<u8>) -> [ClientId; 2] {
    let known: Vec<_> = server.snapshot().collect();
    let is_known = |id: &ClientId| {
        known.iter().any(|item| match item {
            SnapshotItem::Client(it) | SnapshotItem::ClientOf { client: it, .. } => {
                it.client == *id
            }
            _ => false,
        })
    };
    let mut free = (0..=u8::MAX).rev().map(|byte| ClientId::from_bytes([byte; 16]));
    let mut next = || free.find(|id| !is_known(id)).expect("a journal of a few clients");
    [next(), next()]
}

fn hear(server: &mut Server<u8>, wall: WallTime, request: &Request) {
    let now = Now { instant: Instant::ZERO, wall };
    server.handle_datagram(now, 1, &laws::request(request, 90));
}

fn drain(server: &mut Server<u8>, batches: &mut Vec<Batch>) {
    let mut space = Datagram::new();
    while let Some(output) = server.poll_output(&mut space) {
        if let Output::Append(batch) = output {
            server.handle_durable(batch.number);
            batches.push(batch);
        }
    }
}

/// The journal reads the same from a file, and goes on after it: what it has committed is there
/// again when it is opened again, before and after a snapshot, and so are the sheets.
fn check_file(content: &Content, folded: Option<(Server<u8>, u64)>) {
    lay_out(content);
    let Some((mut journal, mut server)) = recover() else {
        assert!(folded.is_none(), "a whole journal is refused");
        return;
    };
    let (expected, last) = folded.expect("a damaged journal is read");
    assert_eq!(server.last_batch(), last);
    let items = |server: &Server<u8>| server.snapshot().collect::<Vec<_>>();
    assert_eq!(items(&server), items(&expected), "the file says the same");
    let batches = work(&mut server);
    for batch in &batches {
        // Numbers that are taken already, or past all counting, are an error and not a mark lost.
        if journal.commit(batch).is_err() {
            seen::NO_MORE.held();
            return;
        }
    }
    seen::APPENDED.held();
    drop(journal);
    let (mut journal, again) = recover().expect("what was committed is read again");
    assert_eq!(again.last_batch(), server.last_batch());
    assert_eq!(state(&again), state(&server), "the same after it was opened again");
    for ClosedSheet { bytes, .. } in batches.iter().flat_map(|batch| &batch.sheets) {
        seen::SHEETS.held();
        let bytes = bytes.to_vec();
        let kept = journal.sheet(ContentId::of(&bytes)).expect("a whole sheet");
        assert_eq!(kept, Some(bytes), "a sheet that was closed");
    }
    drop(journal);
    check_snapshot();
}

/// Something for the journal to keep.
enum Keep {
    Batch(Batch),
    Part(SnapshotPart),
}

/// A snapshot that is made while the server works, bit by bit: if it was killed before the last part,
/// nothing has changed; if it is whole, it makes the same server with the batches since.
fn check_snapshot() {
    let (mut journal, mut server) = recover().expect("it was read before");
    let mut to_keep = work_during_snapshot(&mut server);
    let last = to_keep.pop();
    assert!(matches!(last, Some(Keep::Part(SnapshotPart { is_last: true, .. }))));
    if !keep(&mut journal, to_keep) {
        return;
    }
    drop(journal);
    let (mut journal, mut again) = recover().expect("a snapshot that was not finished is none");
    assert_eq!(state(&again), state(&server), "the same without the snapshot");
    let to_keep = work_during_snapshot(&mut again);
    if !keep(&mut journal, to_keep) {
        return;
    }
    drop(journal);
    let (_, whole) = recover().expect("a snapshot that was made is read again");
    assert_eq!(whole.last_batch(), again.last_batch());
    assert_eq!(state(&whole), state(&again), "the same from its snapshot");
}

/// What a server gives out while it works and makes a snapshot.
fn work_during_snapshot(server: &mut Server<u8>) -> Vec<Keep> {
    let mut to_keep = Vec::new();
    let mut drain = |server: &mut Server<u8>| {
        // What was given out last time has been kept by now.
        server.handle_snapshot_kept();
        let mut space = Datagram::new();
        let mut is_done = false;
        while let Some(output) = server.poll_output(&mut space) {
            match output {
                Output::Append(batch) => {
                    server.handle_durable(batch.number);
                    to_keep.push(Keep::Batch(batch));
                }
                Output::Snapshot(part) => {
                    is_done = part.is_last;
                    to_keep.push(Keep::Part(part));
                }
                _ => {}
            }
        }
        is_done
    };
    server.limit_snapshot_parts(2);
    server.begin_snapshot();
    let mut is_done = false;
    work_and(server, |server| is_done |= drain(server));
    // A server that knew little is through with it before its work is done.
    if is_done {
        server.handle_snapshot_kept();
        server.begin_snapshot();
        is_done = false;
    }
    for _ in 0..10_000 {
        if is_done {
            break;
        }
        is_done = drain(server);
    }
    to_keep
}

/// False if there are no more numbers for batches.
fn keep(journal: &mut SqliteJournal, to_keep: Vec<Keep>) -> bool {
    for it in to_keep {
        match it {
            Keep::Batch(batch) => {
                if journal.commit(&batch).is_err() {
                    seen::NO_MORE.held();
                    return false;
                }
            }
            Keep::Part(part) => journal.keep_snapshot(&part).expect("there is room"),
        }
    }
    true
}

fn recover() -> Option<(SqliteJournal, Server<u8>)> {
    let mut journal = SqliteJournal::open(folder()).ok()?;
    let mut server = Server::new(1);
    journal.recover(&mut server).ok()?;
    Some((journal, server))
}

/// Makes the folder hold a database with this content and nothing else.
fn lay_out(content: &Content) {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    let database = folder().join(DATABASE_FILE);
    let clear = || {
        for suffix in ["", "-wal", "-shm"] {
            // What is not there need not go.
            let _ = fs::remove_file(folder().join(format!("{DATABASE_FILE}{suffix}")));
        }
    };
    clear();
    let empty = EMPTY.get_or_init(|| {
        drop(SqliteJournal::open(folder()).expect("an empty journal"));
        let bytes = fs::read(&database).expect("a file");
        clear();
        bytes
    });
    fs::write(&database, empty).expect("a file");
    content.write(&database).expect("rows of the right types");
}

/// This process's folder, in memory where the system has files there.
///
/// One for all inputs, and used again by the next process: a fuzzer that is killed cleans nothing
/// up, and must not leave a folder for each input or for each run.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<(PathBuf, File)> = OnceLock::new();
    let claim = |place: u8| {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("rollcall-fuzz-{place}"));
        fs::create_dir_all(&folder).ok()?;
        let lock = File::create(folder.join("claimed")).ok()?;
        lock.try_lock().ok()?;
        Some((folder, lock))
    };
    &FOLDER.get_or_init(|| (0..=u8::MAX).find_map(claim).expect("a folder that nobody uses")).0
}

// From few numbers to records.

impl Blob {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Sealed(bytes) => sealed(bytes),
            Self::Records(records) => {
                let records: Vec<_> = records.iter().map(Happened::record).collect();
                encode_records(&records, Vec::new())
            }
            Self::Items(items) => {
                let items: Vec<_> = items.iter().map(Kept::item).collect();
                written(&items)
            }
        }
    }
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = laws::crc32(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

impl Happened {
    fn record(&self) -> Record {
        let (who, at, operation, outcome) = match *self {
            Self::Open { who, class: which, at, ref roll_call, already } => {
                let class = class(which);
                let opened_at = time(at);
                let roll_call = RollCallId::new(roll_call.number());
                let number = RollCallNumber::FIRST;
                let outcome =
                    Outcome::Opened { class, roll_call, number, opened_at, already_open: already };
                (who, at, Operation::Open { class, terms: Terms::PLAIN }, outcome)
            }
            Self::Mark { who, class: which, at, student: number, already } => {
                let (class, student) = (class(which), student(number));
                let outcome =
                    Outcome::Marked(Marked { class, at: time(at), already_present: already });
                (who, at, Operation::Mark { class, student, code: None }, outcome)
            }
            Self::Close { who, class: which, at, students, already } => {
                let class = class(which);
                let sheet = sheet(class, at, students % 4);
                let outcome = Outcome::Closed(Box::new(Closed { sheet, already_closed: already }));
                (who, at, Operation::Close { class }, outcome)
            }
            Self::Refused { who, class: which, at } => {
                let outcome =
                    Outcome::Refused(Refused { at: time(at), reason: Refusal::TooManyOpen });
                (who, at, Operation::Open { class: class(which), terms: Terms::PLAIN }, outcome)
            }
            Self::Skew { who, class: which, at } => {
                let outcome = Outcome::ClockSkew { server_time: time(at) };
                (who, at, Operation::Close { class: class(which) }, outcome)
            }
            Self::Odd { who, class: which, at, student: number } if number >= OF_ATTENDANCE => {
                return of_attendance(who, which, at, number);
            }
            Self::Odd { who, class: which, at, student: number } if number >= OF_PEOPLE => {
                return of_people(who, which, at, number);
            }
            Self::Odd { who, class: which, at, student: number } => {
                let outcome = Outcome::Marked(Marked {
                    class: class(number),
                    at: time(at),
                    already_present: false,
                });
                (who, at, Operation::Open { class: class(which), terms: Terms::PLAIN }, outcome)
            }
            Self::Forgot { who, at } => {
                return Record::Forgot { at: time(at), client: client(who) };
            }
            Self::Told { at } => return Record::TimeDisclosed { at: time(at) },
        };
        let client = client_record(who, at, &Count::Small(at), outcome);
        Record::Answered { at: time(at), operation, client }
    }
}

impl Kept {
    fn item(&self) -> SnapshotItem {
        let register = match *self {
            Self::Latest(at) => return SnapshotItem::Latest(time(at)),
            Self::Client { who, at, ref number } => {
                let outcome =
                    Outcome::MarkRefused(Refused { at: time(at), reason: Refusal::NotOpen });
                return SnapshotItem::Client(client_record(who, at, number, outcome));
            }
            Self::NextRollCall(ref count) => {
                RegisterItem::NextRollCall(RollCallId::new(count.number()))
            }
            Self::LastSheet { class: which, at } if at >= OF_ATTENDANCE => {
                return item_of_attendance(which, at);
            }
            Self::LastSheet { class: which, at } if at >= OF_PEOPLE => {
                return item_of_people(which, at);
            }
            Self::LastSheet { class: which, at } => {
                RegisterItem::LastSheet(sheet(class(which), at, 1))
            }
            Self::Open { class: which, at, ref roll_call } => RegisterItem::Open {
                class: class(which),
                roll_call: RollCallId::new(roll_call.number()),
                number: RollCallNumber::FIRST,
                opened_at: time(at),
            },
            Self::Mark { class: which, at, student: number } => {
                let mark = Mark { student: student(number), at: time(at) };
                RegisterItem::Mark { class: class(which), mark }
            }
        };
        SnapshotItem::Register(register)
    }
}

/// What has a number from here on is about people: so the inputs that were found before keep their meaning.
const OF_PEOPLE: u8 = 128;

/// What has a number from here on is about rosters, plans and corrections.
const OF_ATTENDANCE: u8 = 216;

/// A record about a roster or a planned roll call; whatever came before it.
fn of_attendance(who: u8, which: u8, at: u8, number: u8) -> Record {
    let (class, student, wall) = (class(which), student(which), time(at % OF_PEOPLE));
    let (number, of) = (number % 8, RollCallNumber::new(u32::from(which % 3)));
    let (operation, outcome) = match number {
        0 | 1 => {
            let change = RosterChange {
                base: u64::from(who % 3),
                import: who.into(),
                edits: [edit(at), edit(which | 64)].into(),
            };
            let enrolled =
                Enrolled { at: wall, class, version: u64::from(who % 3) + 1, students: 1 };
            (Operation::Enrol { class, change }, Outcome::Enrolled(enrolled))
        }
        2 | 3 => {
            let ends = |it: u8| (it & 1 == 0).then(|| u32::from(it) + 1);
            let plan =
                Plan { closes_after_s: ends(at), late_after_s: ends(who), ..Plan::default() };
            let opened = Outcome::Opened {
                class,
                roll_call: RollCallId::new(at.into()),
                number: RollCallNumber::FIRST,
                opened_at: wall,
                already_open: false,
            };
            (Operation::OpenWith { class, terms: Terms::PLAIN, plan }, opened)
        }
        4 => {
            let status = Status::ALL[usize::from(who) % Status::ALL.len()];
            let correction = Box::new(Correction { number: of, student, status, reason: None });
            let (revision, was) = ((who / 8 % 3).into(), (at & 1 == 0).then_some(status));
            let corrected = Corrected {
                at: wall,
                class,
                number: of.unwrap_or(RollCallNumber::FIRST),
                revision,
                was,
            };
            let revised = (revision > 0).then(|| Box::new(sheet(class, at, 1)));
            (Operation::Correct { class, correction }, Outcome::Corrected { corrected, revised })
        }
        5 => {
            let extended = Extended { at: wall, class, closes_at: time(who) };
            (Operation::Extend { class, seconds: 60 }, Outcome::Extended(extended))
        }
        6 => {
            let closed =
                Box::new(Closed { sheet: sheet(class, at % OF_PEOPLE, 1), already_closed: false });
            return Record::ClosedAtDeadline { class, closed };
        }
        _ => {
            let reopened = Outcome::Reopened {
                at: wall,
                class,
                roll_call: RollCallId::new(at.into()),
                number: RollCallNumber::FIRST,
                opened_at: wall,
            };
            (Operation::Reopen { class }, reopened)
        }
    };
    let client = client_record(who, at, &Count::Small(at), outcome);
    Record::Answered { at: wall, operation, client }
}

/// A piece of the rosters or of what open roll calls have beside their marks.
fn item_of_attendance(which: u8, at: u8) -> SnapshotItem {
    let (class, student, wall) = (class(which), student(which), time(which));
    let begun = |closes_at, closed_revision| ProceedingsItem::Begin {
        class,
        plan: Plan::default(),
        closes_at,
        late_at: None,
        closed_revision,
    };
    SnapshotItem::Proceedings(match at % 8 {
        0 => {
            let (version, import) = ((which >> 6).into(), which.into());
            return SnapshotItem::Roster(RosterItem::Begin { class, version, import });
        }
        1 | 2 => {
            let RosterEdit::Put(listed) = edit(which | 64) else { unreachable!("it is put") };
            return SnapshotItem::Roster(RosterItem::Listed { class, listed });
        }
        3 => begun(Some(wall), 0),
        4 => begun(None, (which / 8).into()),
        5 => {
            let status = Status::ALL[usize::from(which) % Status::ALL.len()];
            ProceedingsItem::Standing { class, student, status }
        }
        6 => ProceedingsItem::Pressed { class, student, at: wall },
        _ => {
            let change = Change::Extended { closes_at: wall };
            let entry = TrailEntry { at: wall, by: None, change, reason: None };
            ProceedingsItem::Trail { class, entry }
        }
    })
}

/// A record about people and rooms; whatever came before it, so that most contradict nothing and say little.
fn of_people(who: u8, which: u8, at: u8, number: u8) -> Record {
    let (class, student, by, name) = (class(which), student(which), device(who), person(at));
    let wall = time(at % OF_PEOPLE);
    let invite = InviteId::from_bytes([which % 4; 16]);
    let role = if who & 4 == 0 { Role::Teacher } else { Role::Admin };
    let guest = if at & 1 == 0 { Guest::Staff { role, name } } else { Guest::Student { student } };
    let acted = Outcome::Acted(Acted { at: wall, count: 1 });
    let code = RoomCode::new(which.into());
    let mark = Operation::Mark { class, student, code };
    let terms = Terms { strict: at & 2 != 0, ..Terms::SEALED };
    let (operation, outcome) = match number % 12 {
        0 => return Record::AdminInvited { at: wall, invite, name, ends_at: time(at) },
        1 => return Record::CodeDrawn { class, secret: RoomSecret::from_bytes([at; 20]) },
        2 => return Record::Restored,
        3 => {
            let joined = Box::new(Joined { at: wall, guest });
            let code = rollcall::access::InviteCode::SPENT;
            (Operation::Join { code }, Outcome::Joined { invite, joined })
        }
        4 => (Operation::Act(Act::Invite { invite, guest }), acted),
        5 => (Operation::Act(Act::Revoke { device: device(which) }), acted),
        6 => (Operation::Act(Act::Give { class, to: name }), acted),
        7 => (Operation::Act(Act::Call { class, student, there: at & 2 == 0 }), acted),
        8 | 9 => {
            let roll_call = RollCallId::new(at.into());
            let number = RollCallNumber::FIRST;
            let opened =
                Outcome::Opened { class, roll_call, number, opened_at: wall, already_open: false };
            (Operation::Open { class, terms }, opened)
        }
        10 => {
            let marked = Marked { class, at: wall, already_present: at & 4 != 0 };
            (mark, Outcome::Marked(marked))
        }
        _ => (mark, Outcome::MarkRefused(Refused { at: wall, reason: Refusal::WrongCode })),
    };
    let client = client_record(who, at, &Count::Small(at), outcome);
    Record::AnsweredTo { at: wall, by, operation, client }
}

/// A piece of who may do what, written by hand as the journal has it.
fn item_of_people(which: u8, at: u8) -> SnapshotItem {
    let id = |byte: u8| vec![byte % 4; 16];
    let class = laws::varint(class(which).get().into());
    let student = laws::byte_string(student(which).as_bytes());
    let name = laws::byte_string(person(which).as_str().as_bytes());
    // The last number that a person can have, too.
    let person = laws::varint(if which == 255 { u32::MAX.into() } else { u64::from(which % 3) });
    let wall = laws::varint(time(which).as_millis());
    let kind = at % 12;
    let rest = match kind {
        0 => laws::varint(if which == 255 { u64::MAX } else { which.into() }),
        1 => [person, name].concat(),
        2 => [id(which), person, wall, vec![which >> 7 & 1, which >> 6 & 1]].concat(),
        3 => id(which),
        4 => [id(which), vec![0, which & 1], name, wall, vec![0]].concat(),
        5 | 6 => [class, person].concat(),
        7 => [student, id(at), vec![which & 1]].concat(),
        8 => [class, vec![which % 3, at & 1, 1, 1], vec![at; 20], laws::varint(which.into())]
            .concat(),
        9 => [class, student, id(at)].concat(),
        10 => [class, student, vec![which % 64]].concat(),
        _ => [class, vec![1], student, vec![which]].concat(),
    };
    let blob = sealed([&[2, 1, 4, kind][..], &rest].concat());
    decode_items(&blob).expect("it is written rightly").remove(0)
}

fn device(which: u8) -> DeviceId {
    DeviceId::from_bytes([which % 4; 16])
}

fn person(which: u8) -> PersonName {
    ["Ana", "Eva", "João"][usize::from(which % 3)].parse().expect("a name")
}

impl Count {
    fn number(&self) -> u64 {
        match *self {
            Self::Small(number) => number.into(),
            Self::BelowEnd(number) => u64::MAX - u64::from(number),
            Self::AroundColumnEnd(number) => (1_u64 << 63).wrapping_add_signed(number.into()),
        }
    }
}

fn client_record(who: u8, at: u8, number: &Count, outcome: Outcome) -> ClientRecord {
    let number = RequestNumber::new(number.number()).unwrap_or(RequestNumber::FIRST);
    ClientRecord { client: client(who), started: time(at), number, fingerprint: 7, outcome }
}

fn client(who: u8) -> ClientId {
    ClientId::from_bytes([who % 4; 16])
}

fn class(which: u8) -> ClassId {
    ClassId::new(u32::from(which % 3) + 1).expect("not zero")
}

fn student(number: u8) -> StudentNumber {
    (number % 10).to_string().parse().expect("a digit")
}

/// The times at both ends, and some between.
fn time(at: u8) -> WallTime {
    match at {
        u8::MAX => WallTime::MAX,
        at => WallTime::from_millis(u64::from(at) * 300_000),
    }
}

fn sheet(class: ClassId, at: u8, students: u8) -> SheetInfo {
    let at = time(at);
    let content = ContentId::from_bytes([students; 32]);
    let number = RollCallNumber::FIRST;
    let students = students.into();
    SheetInfo { class, number, opened_at: at, closed_at: at, students, bytes: 9, content }
}
