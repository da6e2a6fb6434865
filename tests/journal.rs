//! A server and its journal, told as stories: what was acknowledged comes back, and what is not a
//! journal, or not a whole one, is refused with a sentence that says what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall::access::Terms;
use rollcall::exchange::{
    Answer, Ask, BeginAgain, Closed, Operation, Request, decode_reply, encode_request,
};
use rollcall::ids::{ClassId, ClientId, ContentId, RequestNumber, RollCallNumber};
use rollcall::journal::{
    DATABASE_FILE, ErrorKind, FolderProblem, Journal, JournalError, LOCK_FILE, Location,
    MemoryJournal, Recovered, SqliteError, SqliteJournal,
};
use rollcall::limits::{CLIENT_SILENCE_MIN, EMPTY_SHEETS_KEPT_MAX, SNAPSHOT_AFTER_MIN_BYTES};
use rollcall::record::{SnapshotItem, SnapshotPart};
use rollcall::roll::{RegisterItem, Sheet};
use rollcall::server::{Output, Server, SheetsQuestion};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;
use rusqlite::Connection;
use tempfile::TempDir;

const MONDAY_MS: u64 = 1_700_000_000_000;

/// The time, moved by hand.
fn at_seconds(seconds: u64) -> Now {
    Now {
        instant: Instant::ZERO.after(Duration::from_secs(seconds)),
        wall: WallTime::from_millis(MONDAY_MS + seconds * 1_000),
    }
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).unwrap()
}

fn open(number: u32) -> Operation {
    Operation::Open { class: class(number), terms: Terms::PLAIN }
}

fn close(number: u32) -> Operation {
    Operation::Close { class: class(number) }
}

fn mark(number: u32, student: &str) -> Operation {
    Operation::Mark { class: class(number), student: student.parse().unwrap(), code: None }
}

/// A client with its own count, which began when the server's clock showed `began`.
#[derive(Clone, Copy)]
struct Client {
    id: ClientId,
    began: WallTime,
    next: u64,
}

impl Client {
    fn new(number: u64, now: Now) -> Self {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Self { id: ClientId::from_bytes(id), began: now.wall, next: 1 }
    }

    fn datagram(&mut self, operation: Operation) -> Datagram {
        let mut datagram = Datagram::new();
        let request = Request {
            attempt: 1,
            client: self.id,
            number: RequestNumber::new(self.next).unwrap(),
            ask: Ask::Perform { started: self.began, operation },
        };
        encode_request(&request, &mut datagram);
        self.next += 1;
        datagram
    }
}

/// A server on its journal, as a loop would drive them.
struct Host<J> {
    server: Server<u8>,
    journal: J,
    now: Now,
}

impl Host<SqliteJournal> {
    fn start(folder: &Path, now: Now) -> Self {
        Self::recover(folder, now).0
    }

    fn recover(folder: &Path, now: Now) -> (Self, Recovered) {
        let mut journal = SqliteJournal::open(folder).unwrap();
        let mut server = Server::new(7);
        let recovered = journal.recover(&mut server).unwrap();
        (Self { server, journal, now }, recovered)
    }

    fn compact(&mut self) {
        self.server.begin_snapshot();
        assert_eq!(self.drain().len(), 0);
    }
}

impl<J: Journal> Host<J> {
    /// Does what the server asks for until it asks for nothing more; gives the datagrams.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut space = Datagram::new();
        let mut sent = Vec::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Transmit { .. } => sent.push(space.as_bytes().to_vec()),
                Output::Append(batch) => {
                    self.journal.commit(&batch).unwrap();
                    self.server.handle_durable(batch.number);
                }
                Output::Snapshot(part) => {
                    self.journal.keep_snapshot(&part).unwrap();
                    self.server.handle_snapshot_kept();
                }
                Output::Folder(order) => unreachable!("no files are offered: {order:?}"),
                Output::ListSheets(question) => {
                    let SheetsQuestion { class, at_most, limit } = question;
                    let sheets = self.journal.history(class, at_most, limit + 1).unwrap();
                    self.server.handle_sheets(question, sheets);
                }
                Output::ListRows(question) => {
                    let rows = self.journal.rows(question).unwrap();
                    self.server.handle_rows(question, &rows);
                }
                Output::Load(content) => {
                    let bytes = self.journal.sheet(content).unwrap();
                    self.server.handle_sheet(content, bytes);
                }
            }
        }
        sent
    }

    /// Appends what there is to append, until a part of a snapshot comes or nothing more.
    fn answer_and_append(&mut self) -> Option<SnapshotPart> {
        let mut space = Datagram::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Transmit { .. } => {}
                Output::Append(batch) => {
                    self.journal.commit(&batch).unwrap();
                    self.server.handle_durable(batch.number);
                }
                Output::Snapshot(part) => return Some(part),
                other => panic!("{other:?}"),
            }
        }
        None
    }

    fn handle(&mut self, datagram: &Datagram) {
        self.server.handle_datagram(self.now, 0, datagram.as_bytes());
    }

    /// One datagram, one turn of the loop, one answer.
    fn ask(&mut self, datagram: &Datagram) -> Vec<u8> {
        self.handle(datagram);
        let mut sent = self.drain();
        assert_eq!(sent.len(), 1);
        sent.remove(0)
    }

    fn perform(&mut self, client: &mut Client, operation: Operation) -> Answer {
        answer(&self.ask(&client.datagram(operation)))
    }

    fn snapshot(&self) -> Vec<SnapshotItem> {
        self.server.snapshot().collect()
    }
}

fn answer(datagram: &[u8]) -> Answer {
    decode_reply(datagram).unwrap().answer
}

fn content(answer: &Answer) -> ContentId {
    let Answer::Closed(Closed { sheet, .. }) = answer else { panic!("{answer:?}") };
    sheet.content
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join(DATABASE_FILE)
}

/// A second program on the same database.
fn sql(folder: &TempDir) -> Connection {
    Connection::open(database(folder)).unwrap()
}

fn count(connection: &Connection, query: &str) -> i64 {
    connection.query_row(query, (), |row| row.get(0)).unwrap()
}

/// Opens the folder, recovers from it and gives the error, which is one line.
fn refusal(folder: &Path) -> (JournalError, String) {
    let opened = SqliteJournal::open(folder);
    let error = opened.and_then(|mut journal| journal.recover(&mut Server::<u8>::new(1)));
    let error = error.expect_err("it is refused");
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    println!("{message}");
    (error, message)
}

fn problem(folder: &Path) -> (FolderProblem, String) {
    let (error, message) = refusal(folder);
    assert_eq!(error.kind(), ErrorKind::Setup);
    match error.into_cause() {
        Ok(SqliteError::Folder { problem }) => (problem, message),
        other => panic!("{other:?}"),
    }
}

fn damage(folder: &Path) -> (Location, String) {
    let (error, message) = refusal(folder);
    assert_eq!(error.kind(), ErrorKind::Damaged);
    match error.into_cause() {
        Ok(SqliteError::Damaged { location, .. }) => (location, message),
        other => panic!("{other:?}"),
    }
}

// What was acknowledged comes back.

#[test]
fn everything_comes_back_and_a_retry_gets_the_same_bytes() {
    let folder = folder();
    let now = at_seconds(0);
    let mut teacher = Client::new(1, now);
    let mut requests = vec![teacher.datagram(open(3030))];
    for number in 0..40 {
        let mut student = Client::new(100 + number, now);
        requests.push(student.datagram(mark(3030, &format!("0421910{number:02}"))));
    }
    requests.push(Client::new(2, now).datagram(mark(99, "1")));
    requests.push(Client::new(3, now).datagram(open(4040)));
    requests.push(Client::new(4, now).datagram(mark(4040, "7")));
    requests.push(Client::new(5, now).datagram(close(4040)));
    let mut early = Client::new(6, at_seconds(99_999));
    requests.push(early.datagram(mark(3030, "5")));

    let mut host = Host::start(folder.path(), now);
    let answers: Vec<_> = requests.iter().map(|request| host.ask(request)).collect();
    let state = host.snapshot();
    drop(host);

    let (mut host, recovered) = Host::recover(folder.path(), at_seconds(60));
    assert_eq!(host.snapshot(), state);
    let expected = Recovered {
        last_batch: requests.len() as u64,
        snapshot_items: 0,
        batches: requests.len() as u64,
        records: requests.len() as u64,
    };
    assert_eq!(recovered, expected);
    assert_eq!((host.server.clients(), host.server.open_roll_calls()), (requests.len(), 1));
    for (request, answer) in requests.iter().zip(&answers) {
        assert_eq!(host.ask(request), *answer, "the first answer, to the byte");
    }
    assert_eq!(host.server.last_batch(), expected.last_batch, "nothing was executed again");

    let closed = host.perform(&mut teacher, close(3030));
    let bytes = host.journal.sheet(content(&closed)).unwrap().unwrap();
    let Answer::Closed(Closed { sheet, .. }) = closed else { unreachable!() };
    assert_eq!(Sheet::from_bytes(&bytes, &sheet).unwrap().marks.len(), 40);
}

#[test]
fn a_sheet_is_the_same_after_every_restart() {
    let folder = folder();
    let now = at_seconds(0);
    let mut teacher = Client::new(1, now);
    let mut host = Host::start(folder.path(), now);
    host.perform(&mut teacher, open(3030));
    for student in ["042191010", "10", "a~!"] {
        host.now = at_seconds(host.now.instant.as_micros() / 1_000_000 + 1);
        host.perform(&mut teacher, mark(3030, student));
    }
    let closed = host.perform(&mut teacher, close(3030));
    let first = host.journal.sheet(content(&closed)).unwrap();
    let Answer::Closed(Closed { sheet, .. }) = closed else { unreachable!() };
    assert!(Sheet::from_bytes(first.as_ref().unwrap(), &sheet).is_ok());
    for round in 0..3 {
        host.compact();
        drop(host);
        host = Host::start(folder.path(), at_seconds(60 + round));
        assert_eq!(host.journal.sheet(sheet.content).unwrap(), first);
        let again = host.perform(&mut teacher, close(3030));
        assert_eq!(again, Answer::Closed(Closed { sheet, already_closed: true }));
    }
    assert_eq!(host.journal.sheet(ContentId::of(b"no such sheet")).unwrap(), None);
}

#[test]
fn a_snapshot_and_the_batches_after_it_are_the_same_as_all_batches() {
    let (with, without) = (folder(), folder());
    let mut hosts = [&with, &without].map(|folder| Host::start(folder.path(), at_seconds(0)));
    let mut clients: Vec<_> = (0..50).map(|number| Client::new(number, at_seconds(0))).collect();
    for step in 0..600_u32 {
        let client = &mut clients[(step * 7 % 50) as usize];
        let number = 1 + step % 3;
        let operation = match step % 40 {
            0..3 => open(number),
            37..40 => close(number),
            _ => mark(number, &format!("{}", step % 101)),
        };
        let datagram = client.datagram(operation);
        let [first, second] = &mut hosts;
        for host in [&mut *first, second] {
            host.now = at_seconds(u64::from(step));
        }
        assert_eq!(first.ask(&datagram), second.ask(&datagram));
        if step % 150 == 100 {
            first.compact();
        }
    }
    drop(hosts);
    let (first, compacted) = Host::recover(with.path(), at_seconds(600));
    let (second, whole) = Host::recover(without.path(), at_seconds(600));
    assert_eq!(first.snapshot(), second.snapshot());
    assert_eq!((whole.batches, whole.snapshot_items), (600, 0));
    assert_eq!(compacted.batches, 49);
    assert!(compacted.snapshot_items > 50);
    assert_eq!(compacted.last_batch, whole.last_batch);
}

/// A snapshot is made in small parts while requests go on; after each of them a copy of the files is
/// taken, as a kill would leave them.
#[test]
fn a_snapshot_under_way_changes_nothing_that_a_restart_brings_back() {
    let folder = folder();
    let mut host = Host::start(folder.path(), at_seconds(0));
    host.server.limit_snapshot_parts(3);
    let mut clients: Vec<_> = (0..30).map(|number| Client::new(number, host.now)).collect();
    let (mut kept, mut forgotten, mut begun_after, mut waiting) = (0, 0, 0, None);
    for step in 0..2_000_u32 {
        // Whoever asks is known, new, or was silent for so long that it is forgotten by now.
        let which = (step * 7 % 30) as usize;
        if step % 5 == 0 {
            clients[which] = Client::new(1_000 + u64::from(step), host.now);
        }
        let number = 1 + step % 4;
        let operation = match step % 10 {
            0 => open(number),
            9 => close(number),
            _ => mark(number, &step.to_string()),
        };
        let minutes = u64::from(step);
        host.now = at_seconds(minutes * 60);
        let known = host.server.clients();
        host.server.handle_timeout(host.now);
        forgotten += known - host.server.clients();
        host.handle(&clients[which].datagram(operation));
        waiting = host.answer_and_append().or(waiting);
        if step == 100 || (kept > 0 && waiting.is_none()) {
            begun_after = host.server.last_batch();
            host.server.begin_snapshot();
            waiting = host.answer_and_append();
        }
        if step < 100 {
            continue;
        }
        if let Some(part) = waiting.take_if(|_| step % 3 == 0) {
            assert_eq!(part.batch, begun_after);
            host.journal.keep_snapshot(&part).unwrap();
            assert_eq!(host.server.handle_snapshot_kept(), part.is_last);
            waiting = host.answer_and_append();
            if part.is_last {
                kept += 1;
                let since = i64::try_from(host.server.last_batch() - begun_after).unwrap();
                assert_eq!(held(&folder).batches, since);
            }
        }
        let (after, recovered) = Host::recover(killed(&folder).path(), host.now);
        assert_eq!(recovered.last_batch, host.server.last_batch());
        assert_eq!(sorted(&after.snapshot()), sorted(&host.snapshot()), "after step {step}");
        if kept == 5 {
            break;
        }
    }
    assert!(kept == 5 && forgotten > 20, "{kept} snapshots, {forgotten} clients forgotten");
}

#[test]
fn what_is_left_of_a_snapshot_that_was_not_finished_counts_for_nothing_and_goes() {
    let folder = written();
    let rows = |folder: &TempDir| count(&sql(folder), "SELECT count(*) FROM snapshot");
    let state = Host::start(folder.path(), at_seconds(0)).snapshot();
    for batch in [2, 4, 8] {
        let unfinished = "INSERT INTO snapshot SELECT ?1, part + 1, x'00' FROM snapshot";
        sql(&folder).execute(unfinished, [batch]).unwrap();
        assert_eq!(rows(&folder), 2);
        assert_eq!(Host::start(folder.path(), at_seconds(0)).snapshot(), state);
        assert_eq!(rows(&folder), 1);
    }
}

/// The items in an order of their own, because whom a server heard last is not kept; nor is a time
/// that nobody was told.
fn sorted(items: &[SnapshotItem]) -> Vec<String> {
    let told = items.iter().filter(|item| !matches!(item, SnapshotItem::Latest(_)));
    let mut items: Vec<_> = told.map(|item| format!("{item:?}")).collect();
    items.sort();
    items
}

/// The files as a kill at this moment would leave them.
fn killed(folder: &TempDir) -> TempDir {
    let copy = self::folder();
    for name in [DATABASE_FILE, "rollcall.sqlite3-wal", LOCK_FILE] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
fn a_server_that_was_killed_comes_back_from_the_log() {
    let folder = folder();
    let now = at_seconds(0);
    let mut teacher = Client::new(1, now);
    let mut host = Host::start(folder.path(), now);
    host.perform(&mut teacher, open(3030));
    let request = teacher.datagram(mark(3030, "042191010"));
    let answer = host.ask(&request);
    // What a killed process leaves: the files as they are, the log not copied back.
    let copy = killed(&folder);
    let mut after = Host::start(copy.path(), now);
    assert_eq!(after.ask(&request), answer);
    assert_eq!(after.snapshot(), host.snapshot());
}

#[test]
fn a_torn_end_of_the_log_is_what_was_never_acknowledged() {
    let (folder, copy) = (folder(), folder());
    let now = at_seconds(0);
    let mut teacher = Client::new(1, now);
    let mut host = Host::start(folder.path(), now);
    let log = |folder: &TempDir| folder.path().join("rollcall.sqlite3-wal");
    host.perform(&mut teacher, open(3030));
    let before = (host.snapshot(), fs::metadata(log(&folder)).unwrap().len());
    let request = teacher.datagram(mark(3030, "042191010"));
    host.ask(&request);
    let whole = fs::read(log(&folder)).unwrap();
    for length in (usize::try_from(before.1).unwrap()..whole.len()).step_by(511) {
        fs::copy(database(&folder), database(&copy)).unwrap();
        fs::write(log(&copy), &whole[..length]).unwrap();
        let mut after = Host::start(copy.path(), now);
        assert_eq!(after.snapshot(), before.0, "cut at {length}");
        assert!(matches!(answer(&after.ask(&request)), Answer::Marked(_)));
    }
}

/// A line of the view `sheet`: class, roll call, position, student, name, status, time, remarks, and both times of the roll
/// call.
type Line = (u32, i64, i64, String, Option<String>, String, String, String, String, String);

#[test]
fn people_read_closed_sheets_while_the_server_runs() {
    let folder = folder();
    let mut host = Host::start(folder.path(), at_seconds(0));
    let mut teacher = Client::new(1, host.now);
    host.perform(&mut teacher, open(3030));
    for student in ["042191010", "10"] {
        host.now = Now { wall: host.now.wall.shifted(1_001), ..host.now };
        host.perform(&mut teacher, mark(3030, student));
    }
    let reader = sql(&folder);
    assert_eq!(count(&reader, "SELECT count(*) FROM sheet"), 0, "it is not closed yet");
    // A reader in the middle of reading neither waits nor is waited for.
    reader.execute_batch("BEGIN; SELECT * FROM roll_call").unwrap();
    host.perform(&mut teacher, close(3030));
    host.compact();
    reader.execute_batch("COMMIT").unwrap();
    let mut statement = reader.prepare("SELECT * FROM sheet WHERE class = 3030").unwrap();
    let columns = statement.column_names().collect::<Vec<_>>().join(" ");
    assert_eq!(
        columns,
        "class roll_call position student name status at remarks opened_at closed_at"
    );
    let rows: Vec<Line> =
        statement.query_map((), |row| row.try_into()).unwrap().map(Result::unwrap).collect();
    let text = |seconds: u64| WallTime::from_millis(MONDAY_MS + seconds).to_rfc3339();
    let line = |position, student: &str, at| {
        let (student, present) = (student.to_owned(), "present".to_owned());
        let times = (text(at), text(0), text(2_002));
        (3030, 1, position, student, None, present, times.0, String::new(), times.1, times.2)
    };
    assert_eq!(rows, [line(1, "042191010", 1_001), line(2, "10", 2_002)]);
}

#[test]
fn a_server_in_memory_gives_its_sheets() {
    let now = at_seconds(0);
    let mut host = Host { server: Server::new(7), journal: MemoryJournal::new(), now };
    let mut teacher = Client::new(1, now);
    host.perform(&mut teacher, open(3030));
    host.perform(&mut teacher, mark(3030, "042191010"));
    let closed = host.perform(&mut teacher, close(3030));
    let bytes = host.journal.sheet(content(&closed)).unwrap().unwrap();
    assert_eq!(ContentId::of(&bytes), content(&closed));
}

// spec: R-SHEET-6
#[test]
fn the_sheets_of_a_class_are_listed_the_last_one_first() {
    fn check<J: Journal>(mut host: Host<J>) {
        let mut teacher = Client::new(1, host.now);
        let mut contents = Vec::new();
        for round in 0..4 {
            host.now = at_seconds(round);
            for number in [3030, 4040] {
                host.perform(&mut teacher, open(number));
                host.perform(&mut teacher, mark(number, &round.to_string()));
                let closed = host.perform(&mut teacher, close(number));
                if number == 3030 {
                    contents.push(content(&closed));
                }
            }
        }
        host.perform(&mut teacher, open(3030));
        contents.reverse();
        let mut listed = |at_most, limit| -> Vec<_> {
            let at_most = RollCallNumber::new(at_most).unwrap();
            let found = host.journal.history(class(3030), at_most, limit).unwrap();
            found.into_iter().map(|it| (it.number.get(), it.content)).collect()
        };
        let all: Vec<_> = [4, 3, 2, 1].into_iter().zip(contents).collect();
        assert_eq!(listed(u32::MAX, 100), all);
        assert_eq!(listed(4, 2), all[..2]);
        assert_eq!(listed(2, 100), all[2..]);
        assert_eq!(listed(9, 0), []);
    }
    let (folder, now) = (folder(), at_seconds(0));
    check(Host::start(folder.path(), now));
    check(Host { server: Server::new(7), journal: MemoryJournal::new(), now });
    let (host, _) = Host::recover(folder.path(), at_seconds(9));
    assert_eq!(host.server.last_sheet(class(3030)).map(|it| it.number.get()), Some(4));
}

// spec: R-SHEET-5
#[test]
fn who_opens_and_closes_without_end_leaves_a_bounded_journal() {
    let folder = folder();
    let mut host = Host::start(folder.path(), at_seconds(0));
    let mut teacher = Client::new(1, host.now);
    host.perform(&mut teacher, open(3030));
    host.perform(&mut teacher, mark(3030, "10"));
    let kept = content(&host.perform(&mut teacher, close(3030)));
    let mut stranger = Client::new(2, host.now);
    let rows = i64::try_from(EMPTY_SHEETS_KEPT_MAX).unwrap();
    let mut first = None;
    for round in 0..EMPTY_SHEETS_KEPT_MAX + 500 {
        host.now = Now { wall: host.now.wall.shifted(1), ..host.now };
        let number = 1 + u32::try_from(round).unwrap() % 3;
        host.handle(&stranger.datagram(open(number)));
        host.handle(&stranger.datagram(close(number)));
        let sent = host.drain();
        first.get_or_insert_with(|| content(&answer(&sent[1])));
        if round == EMPTY_SHEETS_KEPT_MAX / 2 {
            host.compact();
        }
    }
    let query = "SELECT count(*) FROM roll_call WHERE students = 0";
    assert_eq!(count(&sql(&folder), query), rows);
    assert_eq!(host.journal.sheet(first.unwrap()).unwrap(), None, "the first is forgotten");
    assert!(host.journal.sheet(kept).unwrap().is_some(), "what somebody is on is not");
    // A start anew forgets the same ones.
    let state = host.snapshot();
    drop(host);
    let mut host = Host::start(folder.path(), at_seconds(60));
    assert_eq!(host.snapshot(), state);
    host.perform(&mut stranger, open(9));
    host.perform(&mut stranger, close(9));
    assert_eq!(count(&sql(&folder), query), rows);
}

// The size of a journal follows what is alive.

/// What a journal holds beside its sheets, in rows and bytes.
#[derive(Debug)]
struct Held {
    batches: i64,
    batch_bytes: i64,
    snapshot_bytes: i64,
}

fn held(folder: &TempDir) -> Held {
    let connection = sql(folder);
    Held {
        batches: count(&connection, "SELECT count(*) FROM batch"),
        batch_bytes: count(&connection, "SELECT coalesce(sum(length(records)), 0) FROM batch"),
        snapshot_bytes: count(&connection, "SELECT coalesce(sum(length(items)), 0) FROM snapshot"),
    }
}

#[test]
fn a_million_marks_in_closed_classes_leave_a_small_journal() {
    const ROLL_CALLS: u32 = 2_000;
    const STUDENTS: u32 = 500;
    const CLASSES: u32 = 100;
    const STUDENTS_PER_CLIENT: u32 = 25;
    #[expect(clippy::disallowed_methods, reason = "printed, and nothing depends on it")]
    let began = std::time::Instant::now();

    let folder = folder();
    let mut host = Host::start(folder.path(), at_seconds(0));
    let (mut largest_batch_bytes, mut clients, mut most_clients) = (0, 0, 0);
    for roll_call in 0..ROLL_CALLS {
        // One a minute, so that clients are silent for long enough to be forgotten.
        host.now = at_seconds(60 * u64::from(roll_call));
        host.server.handle_timeout(host.now);
        let number = 1 + roll_call % CLASSES;
        let mut new_client = || {
            clients += 1;
            Client::new(clients, host.now)
        };
        let mut teacher = new_client();
        let mut datagrams = vec![teacher.datagram(open(number))];
        let mut student_client = new_client();
        for student in 0..STUDENTS {
            if student % STUDENTS_PER_CLIENT == 0 {
                student_client = new_client();
            }
            datagrams.push(student_client.datagram(mark(number, &format!("{student:09}"))));
        }
        datagrams.push(teacher.datagram(close(number)));
        for turn in datagrams.chunks(500) {
            for datagram in turn {
                host.handle(datagram);
            }
            assert_eq!(host.drain().len(), turn.len());
        }
        most_clients = most_clients.max(host.server.clients());
        if host.journal.snapshot_due() {
            let before = held(&folder);
            largest_batch_bytes = largest_batch_bytes.max(before.batch_bytes);
            host.compact();
            assert_eq!(held(&folder).batches, 0);
        }
    }
    let state = host.snapshot();
    drop(host);
    println!("written in {:?}; at most {most_clients} clients at once", began.elapsed());

    let left = held(&folder);
    println!("{left:?}");
    let bound = i64::try_from(SNAPSHOT_AFTER_MIN_BYTES).unwrap() + (1 << 20);
    assert!(largest_batch_bytes < bound, "{largest_batch_bytes}");
    assert!(left.batch_bytes < bound);
    assert!(left.snapshot_bytes < 1 << 20);
    assert!(left.batches < 400);
    let marks = i64::from(ROLL_CALLS * STUDENTS);
    assert_eq!(count(&sql(&folder), "SELECT count(*) FROM mark"), marks);

    #[expect(clippy::disallowed_methods, reason = "printed, and nothing depends on it")]
    let began = std::time::Instant::now();
    let (mut host, recovered) = Host::recover(folder.path(), at_seconds(60 * 2_000));
    println!("recovered in {:?}: {recovered:?}", began.elapsed());
    assert_eq!(host.snapshot(), state);
    assert_eq!(recovered.batches, u64::try_from(left.batches).unwrap());

    // Nobody comes any more: what is left is the last sheet of each class.
    let silence = CLIENT_SILENCE_MIN.as_secs() + 1;
    host.now = at_seconds(60 * 2_000 + silence);
    while host.server.clients() > 0 {
        host.server.handle_timeout(host.now);
        host.drain();
    }
    host.compact();
    let forgotten = held(&folder);
    println!("{forgotten:?}");
    assert!(forgotten.snapshot_bytes < left.snapshot_bytes / 2);
    assert!(forgotten.snapshot_bytes < i64::from(CLASSES) * 80);
    let sheets =
        |item: &&SnapshotItem| matches!(item, SnapshotItem::Register(RegisterItem::LastSheet(_)));
    assert_eq!(host.snapshot().iter().filter(sheets).count(), CLASSES as usize);
}

#[test]
fn a_forgotten_client_stays_forgotten_after_a_restart() {
    let folder = folder();
    let mut host = Host::start(folder.path(), at_seconds(0));
    let request = Client::new(1, host.now).datagram(open(3030));
    host.ask(&request);
    host.now = at_seconds(CLIENT_SILENCE_MIN.as_secs() + 1);
    host.server.handle_timeout(host.now);
    host.drain();
    let now = host.now;
    drop(host);
    let mut host = Host::start(folder.path(), now);
    assert_eq!((host.server.clients(), host.server.open_roll_calls()), (0, 1));
    assert!(matches!(
        answer(&host.ask(&request)),
        Answer::BeginAgain(BeginAgain { server_time: Some(_) })
    ));
}

// What is refused.

#[test]
fn a_second_server_on_the_folder_is_refused_while_the_first_lives() {
    let folder = folder();
    let first = SqliteJournal::open(folder.path()).unwrap();
    let (problem, message) = problem(folder.path());
    assert!(matches!(problem, FolderProblem::InUse(_)));
    assert!(message.contains("is in use by another server"), "{message}");
    drop(first);
    SqliteJournal::open(folder.path()).unwrap();
    assert!(folder.path().join(LOCK_FILE).exists(), "the file stays, the lock does not");
}

#[test]
fn a_folder_that_does_not_exist_is_not_made() {
    let parent = folder();
    let folder = parent.path().join("data");
    let (problem, message) = problem(&folder);
    assert!(matches!(problem, FolderProblem::Missing(_)));
    let advice = format!("does not exist; create it with: mkdir {}", folder.display());
    assert!(message.ends_with(&advice), "{message}");
    assert!(!folder.exists());
}

#[test]
fn a_file_is_not_a_folder() {
    let parent = folder();
    let file = parent.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(matches!(problem(&file).0, FolderProblem::NotAFolder(_)));
    assert!(matches!(problem(&file.join("data")).0, FolderProblem::NotAFolder(_)));
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.path().join("try"), "").is_ok() {
        println!("skipped: root may write anywhere");
        return;
    }
    assert!(matches!(problem(folder.path()).0, FolderProblem::NotWritable(_)));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_of_the_system_that_nobody_may_write_is_refused() {
    for folder in ["/sys", "/proc"].map(Path::new).into_iter().filter(|folder| folder.is_dir()) {
        let (problem, message) = problem(folder);
        assert!(matches!(problem, FolderProblem::NotWritable(_)), "{problem:?}");
        assert!(message.contains("cannot be written by this user"), "{message}");
    }
}

#[test]
fn what_is_no_database_is_not_touched() {
    for bytes in [b"hello".to_vec(), vec![0xa5; 100_000], vec![0; 8_192]] {
        let folder = folder();
        fs::write(database(&folder), &bytes).unwrap();
        let (problem, message) = problem(folder.path());
        assert!(matches!(problem, FolderProblem::NotOurs { .. }));
        assert!(message.contains("is not a journal of this server"), "{message}");
        assert_eq!(fs::read(database(&folder)).unwrap(), bytes);
    }
}

#[test]
fn a_database_of_another_program_is_not_touched() {
    for setup in ["", "PRAGMA application_id = 5;", "PRAGMA journal_mode = WAL;"] {
        let folder = folder();
        let other = sql(&folder);
        other
            .execute_batch(&format!("{setup} CREATE TABLE batch (x); PRAGMA user_version=1"))
            .unwrap();
        drop(other);
        let before = fs::read(database(&folder)).unwrap();
        assert!(matches!(problem(folder.path()).0, FolderProblem::NotOurs { .. }));
        assert_eq!(fs::read(database(&folder)).unwrap(), before);
    }
}

#[test]
fn a_journal_of_a_newer_server_is_refused_with_both_versions() {
    let folder = folder();
    drop(SqliteJournal::open(folder.path()).unwrap());
    sql(&folder).pragma_update(None, "user_version", 6).unwrap();
    let (problem, message) = problem(folder.path());
    assert!(matches!(problem, FolderProblem::NewerVersion { found: 6, known: 5, .. }));
    assert!(message.ends_with("has version 6 and this server reads version 5; update the server"));
    sql(&folder).pragma_update(None, "user_version", 0).unwrap();
    assert_eq!(damage(folder.path()).0, Location::File);
}

/// A journal with a snapshot of batches 1 to 3 and the batches 4 to 8.
fn written() -> TempDir {
    let folder = folder();
    let mut host = Host::start(folder.path(), at_seconds(0));
    let mut teacher = Client::new(1, host.now);
    host.perform(&mut teacher, open(3030));
    for student in 2..=8 {
        host.perform(&mut teacher, mark(3030, &student.to_string()));
        if student == 3 {
            host.compact();
        }
    }
    folder
}

#[test]
fn a_whole_journal_is_not_damaged() {
    let (_, recovered) = Host::recover(written().path(), at_seconds(0));
    assert_eq!((recovered.last_batch, recovered.batches), (8, 5));
}

#[test]
fn damage_is_told_with_its_place() {
    let flip = "(SELECT substr(records, 1, 9) || char(1) || substr(records, 11) FROM batch b \
                WHERE b.number = batch.number)";
    let cases = [
        (
            format!("UPDATE batch SET records = CAST({flip} AS BLOB) WHERE number = 6"),
            Location::Batch(6),
        ),
        ("UPDATE batch SET records = x'' WHERE number = 8".to_owned(), Location::Batch(8)),
        ("DELETE FROM batch WHERE number = 5".to_owned(), Location::Batch(5)),
        ("DELETE FROM batch WHERE number = 4".to_owned(), Location::Batch(4)),
        (
            "INSERT INTO batch SELECT 3, records FROM batch WHERE number = 4".to_owned(),
            Location::Batch(3),
        ),
        (
            "INSERT INTO batch SELECT 9, records FROM batch WHERE number = 4".to_owned(),
            Location::Batch(9),
        ),
        ("UPDATE batch SET number = 100 WHERE number = 8".to_owned(), Location::Batch(8)),
        ("DELETE FROM snapshot".to_owned(), Location::Snapshot(0)),
        ("UPDATE snapshot SET items = x'0000000000'".to_owned(), Location::Snapshot(0)),
        (
            "INSERT INTO snapshot SELECT batch, 1, items FROM snapshot".to_owned(),
            Location::Snapshot(1),
        ),
        ("UPDATE snapshot_end SET parts = 2".to_owned(), Location::Snapshot(1)),
        ("UPDATE snapshot_end SET batch = 2".to_owned(), Location::Snapshot(0)),
        ("UPDATE snapshot_end SET batch = 4".to_owned(), Location::Snapshot(0)),
        ("UPDATE snapshot SET batch = 4".to_owned(), Location::Snapshot(0)),
        (
            "UPDATE snapshot_end SET batch = 2; UPDATE snapshot SET batch = 2".to_owned(),
            Location::Batch(3),
        ),
        (
            "UPDATE snapshot_end SET batch = 4; UPDATE snapshot SET batch = 4".to_owned(),
            Location::Batch(4),
        ),
        ("UPDATE snapshot_end SET batch = -1".to_owned(), Location::Batch(-1)),
        ("DELETE FROM snapshot_end".to_owned(), Location::File),
        ("DROP TABLE batch".to_owned(), Location::File),
        ("DROP TABLE snapshot_end".to_owned(), Location::File),
    ];
    for (change, place) in cases {
        let folder = written();
        sql(&folder).execute_batch(&change).unwrap();
        let (found, message) = damage(folder.path());
        assert_eq!(found, place, "{change}");
        assert!(message.contains(&place.to_string()), "{message}");
        assert!(message.contains("into an empty folder"), "{message}");
    }
}

#[test]
fn a_batch_that_contradicts_the_ones_before_it_is_damage() {
    let folder = written();
    let other = written();
    let connection = sql(&folder);
    // A whole batch of this server, but of another time: the mark is there already.
    let records: Vec<u8> = sql(&other)
        .query_row("SELECT records FROM batch WHERE number = 5", (), |row| row.get(0))
        .unwrap();
    connection.execute("UPDATE batch SET records = ?1 WHERE number = 7", [records]).unwrap();
    drop(connection);
    let (place, message) = damage(folder.path());
    assert_eq!(place, Location::Batch(7));
    assert!(message.contains("a student is marked a second time"), "{message}");
}

#[test]
fn a_file_that_was_cut_is_damaged() {
    let whole = fs::read(database(&written())).unwrap();
    for keep in [1, 3, 5, 8] {
        let folder = folder();
        let length = whole.len() * keep / 10;
        fs::write(database(&folder), &whole[..length]).unwrap();
        assert_eq!(damage(folder.path()).0, Location::File, "cut at {length} of {}", whole.len());
    }
}

#[test]
fn a_log_without_its_database_is_damage_and_not_a_new_journal() {
    let (folder, copy) = (folder(), folder());
    let mut host = Host::start(folder.path(), at_seconds(0));
    let mut teacher = Client::new(1, host.now);
    host.perform(&mut teacher, open(3030));
    let log = "rollcall.sqlite3-wal";
    fs::copy(folder.path().join(log), copy.path().join(log)).unwrap();
    let before = fs::read(copy.path().join(log)).unwrap();
    let (place, message) = damage(copy.path());
    assert_eq!(place, Location::File);
    assert!(message.contains("empty or gone"), "{message}");
    assert_eq!(fs::read(copy.path().join(log)).unwrap(), before);
}

#[test]
fn a_changed_byte_anywhere_is_noticed_or_changes_nothing() {
    let original = written();
    let whole = fs::read(database(&original)).unwrap();
    let state = Host::start(original.path(), at_seconds(0)).snapshot();
    let folder = folder();
    for place in (0..whole.len()).step_by(31) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0xff;
        fs::write(database(&folder), &bytes).unwrap();
        let mut server = Server::<u8>::new(1);
        let opened = SqliteJournal::open(folder.path());
        if opened.and_then(|mut journal| journal.recover(&mut server)).is_ok() {
            assert_eq!(server.snapshot().collect::<Vec<_>>(), state, "byte {place}");
        }
    }
}
