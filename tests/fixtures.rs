//! Journals that earlier versions wrote: each must open for ever, with all that was promised in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall::access::Terms;
use rollcall::exchange::{
    Answer, Ask, BeginAgain, Closed, Marked, Opened, Operation, Outcome, Refused, Request,
    SheetInfo, decode_reply, decode_request, encode_request,
};
use rollcall::ids::{ClassId, ClientId, ContentId, RequestNumber, RollCallNumber};
use rollcall::journal::{Journal, SqliteJournal};
use rollcall::record::SnapshotItem;
use rollcall::roll::{RegisterItem, Sheet};
use rollcall::server::{Output, Server};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;
use tempfile::TempDir;

#[path = "fixtures/journal_v4.rs"]
mod journal_v4;

/// What must be found: the lines of `contents.txt`, their first word apart.
struct Contents(Vec<(String, Vec<String>)>);

impl Contents {
    fn read(format: Format) -> Self {
        let text = fs::read_to_string(format.fixture().join("contents.txt")).unwrap();
        let line = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            (words.next().unwrap(), words.collect())
        };
        Self(text.lines().map(line).collect())
    }

    fn all(&self, kind: &str) -> impl Iterator<Item = &Vec<String>> {
        let kind = kind.to_owned();
        self.0.iter().filter(move |(it, _)| *it == kind).map(|(_, words)| words)
    }

    fn number(&self, kind: &str) -> u64 {
        number(&self.all(kind).next().unwrap()[0])
    }

    /// The lines of these kinds, as they are written.
    fn lines(&self, kinds: &[&str]) -> Vec<String> {
        let lines = self.0.iter().filter(|(kind, _)| kinds.contains(&kind.as_str()));
        lines.map(|(kind, words)| format!("{kind} {}", words.join(" "))).collect()
    }
}

/// The formats that journals were written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    One,
    Two,
}

impl Format {
    fn fixture(self) -> PathBuf {
        let name = match self {
            Self::One => "tests/fixtures/journal-v1",
            Self::Two => "tests/fixtures/journal-v2",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
    }

    /// A copy of the journal as a killed process left it.
    fn copy(self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let files: &[&str] = match self {
            Self::One => &["rollcall.sqlite3", "rollcall.sqlite3-wal"],
            Self::Two => &["rollcall.sqlite3", "rollcall.sqlite3-wal", "rollcall.lock"],
        };
        for name in files {
            fs::copy(self.fixture().join(name), folder.path().join(name)).unwrap();
        }
        folder
    }

    /// A number that journals of format 1 do not have.
    fn since_two(self, number: RollCallNumber) -> String {
        if self == Self::One { String::new() } else { format!(" {number}") }
    }

    /// What `contents.txt` tells of the state.
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::One => &["latest", "next_roll_call", "last_sheet", "open", "mark", "client"],
            Self::Two => &[
                "latest",
                "next_roll_call",
                "last_sheet",
                "earlier_sheet",
                "empty",
                "open",
                "mark",
                "client",
                "kept",
            ],
        }
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |place| u8::from_str_radix(&text[place..place + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn client(text: &str) -> ClientId {
    ClientId::from_bytes(unhex(text).try_into().unwrap())
}

fn time(text: &str) -> WallTime {
    WallTime::from_millis(number(text))
}

/// A time as `--json` tells it.
fn time_of(text: &serde_json::Value) -> WallTime {
    let text = text.as_str().unwrap();
    let at = chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
    WallTime::from_millis(at.try_into().unwrap())
}

fn operation(words: &[String]) -> Operation {
    let class: ClassId = words[1].parse().unwrap();
    match words[0].as_str() {
        "open" => Operation::Open { class, terms: Terms::PLAIN },
        "close" => Operation::Close { class },
        "mark" => {
            let student = words[2].parse().unwrap();
            Operation::Mark { class, student, code: None }
        }
        other => panic!("{other}"),
    }
}

/// The items of a state as `contents.txt` of a format writes them.
impl Format {
    fn sheet_words(self, info: &SheetInfo) -> String {
        let SheetInfo { class, number, opened_at, closed_at, students, bytes, content } = info;
        let (opened_at, closed_at) = (opened_at.as_millis(), closed_at.as_millis());
        let number = self.since_two(*number);
        format!("{class} {opened_at} {closed_at} {students} {bytes} {content:?}{number}")
    }

    fn outcome_words(self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Opened { class, roll_call, number, opened_at, already_open } => {
                let (roll_call, opened_at) = (roll_call.get(), opened_at.as_millis());
                let number = self.since_two(*number);
                format!("opened {class} {roll_call} {opened_at} {already_open}{number}")
            }
            Outcome::Closed(closed) => {
                let Closed { sheet, already_closed } = &**closed;
                format!("closed {} {already_closed}", self.sheet_words(sheet))
            }
            Outcome::Marked(Marked { class, at, already_present }) => {
                format!("marked {class} {} {already_present}", at.as_millis())
            }
            Outcome::MarkRefused(Refused { at, reason }) => {
                format!("mark_refused {} {}", at.as_millis(), reason.name())
            }
            Outcome::Refused(Refused { at, reason }) => {
                format!("refused {} {}", at.as_millis(), reason.name())
            }
            Outcome::ClockSkew { server_time } => {
                format!("clock_ahead {}", server_time.as_millis())
            }
            other => unreachable!("nobody had a role, and no roll call a plan: {other:?}"),
        }
    }

    /// Nothing for what the format does not have.
    fn item_words(self, item: &SnapshotItem) -> Option<String> {
        let words = match item {
            SnapshotItem::Latest(at) => format!("latest {}", at.as_millis()),
            SnapshotItem::Register(item) => self.register_words(item),
            SnapshotItem::Client(record) => format!(
                "client {:?} {} {} {:08x} {}",
                record.client,
                record.started.as_millis(),
                record.number.get(),
                record.fingerprint,
                self.outcome_words(&record.outcome)
            ),
            SnapshotItem::KeptUntilPast(client) => format!("kept {client:?}"),
            SnapshotItem::People(_) | SnapshotItem::ClientOf { .. } => {
                unreachable!("nobody had a role")
            }
            SnapshotItem::Roster(_) | SnapshotItem::Proceedings(_) => {
                unreachable!("there were no rosters and no plans")
            }
        };
        let kind = words.split(' ').next().unwrap();
        self.kinds().contains(&kind).then_some(words)
    }

    fn register_words(self, item: &RegisterItem) -> String {
        match item {
            RegisterItem::NextRollCall(id) => format!("next_roll_call {}", id.get()),
            RegisterItem::LastSheet(info) => format!("last_sheet {}", self.sheet_words(info)),
            RegisterItem::EarlierSheet(info) => format!("earlier_sheet {}", self.sheet_words(info)),
            RegisterItem::LastNumber { class, number } => format!("last_number {class} {number}"),
            RegisterItem::Empty { class, roll_call, number } => {
                format!("empty {class} {} {number}", roll_call.get())
            }
            RegisterItem::Open { class, roll_call, number, opened_at } => {
                let (roll_call, opened_at) = (roll_call.get(), opened_at.as_millis());
                format!("open {class} {roll_call} {opened_at}{}", self.since_two(*number))
            }
            RegisterItem::Mark { class, mark } => {
                format!("mark {class} {} {}", mark.student, mark.at.as_millis())
            }
        }
    }
}

struct Host {
    server: Server<u8>,
    journal: SqliteJournal,
    now: Now,
}

impl Host {
    fn start(folder: &Path, wall: WallTime) -> Self {
        let mut journal = SqliteJournal::open(folder).unwrap();
        let mut server = Server::new(3);
        journal.recover(&mut server).unwrap();
        Self { server, journal, now: Now { instant: Instant::ZERO, wall } }
    }

    /// One datagram, one turn, one answer.
    fn ask(&mut self, datagram: &[u8]) -> Vec<u8> {
        self.now.instant = self.now.instant.after(Duration::from_millis(1));
        self.server.handle_datagram(self.now, 0, datagram);
        let mut space = Datagram::new();
        let mut sent = Vec::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Transmit { .. } => sent.push(space.as_bytes().to_vec()),
                Output::Append(batch) => {
                    self.journal.commit(&batch).unwrap();
                    self.server.handle_durable(batch.number);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sent.len(), 1);
        sent.remove(0)
    }

    fn perform(&mut self, id: u64, operation: Operation) -> Answer {
        let mut bytes = [0xee; 16];
        bytes[..8].copy_from_slice(&id.to_be_bytes());
        let request = Request {
            attempt: 1,
            client: ClientId::from_bytes(bytes),
            number: RequestNumber::FIRST,
            ask: Ask::Perform { started: self.now.wall, operation },
        };
        let mut datagram = Datagram::new();
        encode_request(&request, &mut datagram);
        let reply = self.ask(datagram.as_bytes());
        decode_reply(&reply).unwrap().answer
    }

    fn items(&self, format: Format) -> BTreeSet<String> {
        self.server.snapshot().filter_map(|item| format.item_words(&item)).collect()
    }

    /// That everything is as it was promised.
    fn check(&mut self, format: Format, contents: &Contents) {
        assert_eq!(self.server.last_batch(), contents.number("last_batch"));
        let expected = contents.lines(format.kinds());
        let found = self.items(format);
        assert_eq!(found, BTreeSet::from_iter(expected.clone()));
        assert_eq!(found.len(), expected.len());
        // Marks in their order.
        let marks: Vec<_> =
            self.server.snapshot().filter_map(|it| format.item_words(&it)).collect();
        let marks: Vec<_> = marks.into_iter().filter(|it| it.starts_with("mark ")).collect();
        assert_eq!(marks, contents.lines(&["mark"]));
        for words in contents.all("sheet") {
            let bytes = unhex(words.last().unwrap());
            let content = unhex(&words[5]).try_into().unwrap();
            let found = self.journal.sheet(ContentId::from_bytes(content)).unwrap();
            assert_eq!(found, Some(bytes), "{words:?}");
        }
    }
}

#[test]
fn a_journal_of_format_1_opens_with_everything_that_was_promised_in_it() {
    opens_with_everything(Format::One);
}

#[test]
fn a_journal_of_format_2_opens_with_everything_that_was_promised_in_it() {
    opens_with_everything(Format::Two);
    let contents = Contents::read(Format::Two);
    for kind in Format::Two.kinds().iter().chain(&["forgotten", "sheet", "retry"]) {
        assert!(contents.all(kind).next().is_some(), "the fixture has no {kind}");
    }
}

fn opens_with_everything(format: Format) {
    let contents = Contents::read(format);
    let folder = format.copy();
    let latest = WallTime::from_millis(contents.number("latest"));
    let mut host = Host::start(folder.path(), latest);
    host.check(format, &contents);
    drop(host);
    // What was migrated is found again, with nothing to do.
    let mut host = Host::start(folder.path(), latest);
    host.check(format, &contents);
    for words in contents.all("sheet") {
        let content = ContentId::from_bytes(unhex(&words[5]).try_into().unwrap());
        let bytes = host.journal.sheet(content).unwrap().unwrap();
        assert_eq!(ContentId::of(&bytes), content);
    }
}

#[test]
fn the_roll_calls_in_a_journal_of_format_1_are_counted_by_class() {
    let contents = Contents::read(Format::One);
    let folder = Format::One.copy();
    let latest = WallTime::from_millis(contents.number("latest"));
    let mut host = Host::start(folder.path(), latest);
    let counted = |host: &mut Host, class: u32, at_most: u32, limit: usize| -> Vec<(u32, String)> {
        let (class, at_most) = (ClassId::new(class), RollCallNumber::new(at_most));
        let found = host.journal.history(class.unwrap(), at_most.unwrap(), limit).unwrap();
        found.into_iter().map(|it| (it.number.get(), format!("{:?}", it.content))).collect()
    };
    for class in [1, 3030, 4040, 5050, 6060, 7070, 8080, 9090, u32::MAX] {
        let closed = contents.all("sheet").filter(|it| it[0] == class.to_string());
        let mut expected: Vec<_> = (1..).zip(closed.map(|it| it[5].clone())).collect();
        expected.reverse();
        assert_eq!(counted(&mut host, class, u32::MAX, 100), expected, "class {class}");
    }
    assert_eq!(counted(&mut host, 5050, u32::MAX, 1)[0].0, 2);
    assert_eq!(counted(&mut host, 5050, 1, 100).len(), 1);
    // Class 7070 is open for the second time.
    let class = ClassId::new(7070).unwrap();
    host.perform(1, Operation::Close { class });
    let numbers: Vec<_> =
        counted(&mut host, 7070, u32::MAX, 9).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [2, 1]);
}

#[test]
fn a_retry_of_a_request_in_a_journal_of_format_1_is_not_read_and_executes_nothing() {
    // A `CLOSE` is longer by now, and an `OPEN` and a `MARK` say more: no such datagram is understood any
    // more ("until the first release is tagged, the wire may change in one step"); their outcomes are kept.
    let (asked, past) = retries_are_answered_as_then(Format::One, |_| true);
    assert!(asked == 0 && past > 3, "{past} of another form");
}

#[test]
fn a_retry_of_a_request_in_a_journal_of_format_2_gets_the_answer_of_that_time() {
    // As above, but for `CLOSE`.
    let (asked, past) = retries_are_answered_as_then(Format::Two, |operation| operation != "close");
    assert!(asked > 0 && past > 3, "{asked} retries, {past} of another form");
}

/// `is_past` tells the operations whose datagrams were different. Gives how many retries were answered, and
/// how many were of another form.
fn retries_are_answered_as_then(format: Format, is_past: impl Fn(&str) -> bool) -> (usize, usize) {
    let contents = Contents::read(format);
    let folder = format.copy();
    let latest = WallTime::from_millis(contents.number("latest"));
    let mut host = Host::start(folder.path(), latest);
    let before = host.items(format);
    let (mut asked, mut past) = (0, 0);
    for words in contents.all("retry") {
        let (request, reply) = (&words[words.len() - 2], &words[words.len() - 1]);
        if is_past(&words[3]) {
            past += 1;
            let old = unhex(request);
            assert!(decode_request(&old).is_err(), "{words:?}");
            host.server.handle_datagram(Now { instant: Instant::ZERO, wall: latest }, 1, &old);
            continue;
        }
        let again = Request {
            attempt: 1,
            client: client(&words[0]),
            number: RequestNumber::new(number(&words[1])).unwrap(),
            ask: Ask::Perform {
                started: time(&words[2]),
                operation: operation(&words[3..words.len() - 2]),
            },
        };
        let mut datagram = Datagram::new();
        encode_request(&again, &mut datagram);
        assert_eq!(datagram.as_bytes(), unhex(request), "{words:?}");
        let told = host.ask(datagram.as_bytes());
        assert_eq!(told, host.ask(datagram.as_bytes()), "a retry gets the same bytes");
        let kept = contents.all("client").find(|it| it[0] == words[0]).unwrap();
        let outcome = kept[4..].join(" ");
        let answer = decode_reply(&told).unwrap().answer;
        if let Answer::BeginAgain(BeginAgain { server_time: Some(at) }) = answer {
            assert_eq!(format!("clock_ahead {}", at.as_millis()), outcome);
        } else {
            // What has not changed on the wire is the same to the byte.
            assert_eq!(told, unhex(reply), "{words:?}");
        }
        asked += 1;
    }
    assert_eq!(asked + past, contents.all("client").count());
    assert_eq!(host.server.last_batch(), contents.number("last_batch"), "nothing is executed");
    assert_eq!(host.items(format), before);
    (asked, past)
}

#[test]
fn a_server_goes_on_with_a_journal_of_format_1() {
    goes_on(Format::One);
}

#[test]
fn a_server_goes_on_with_a_journal_of_format_2() {
    goes_on(Format::Two);
}

fn goes_on(format: Format) {
    let contents = Contents::read(format);
    let folder = format.copy();
    let latest = WallTime::from_millis(contents.number("latest"));
    let mut host = Host::start(folder.path(), latest.shifted(1_000));
    for words in contents.all("open") {
        let class: ClassId = words[0].parse().unwrap();
        let marked: Vec<_> =
            contents.all("mark").filter(|it| it[0] == words[0]).map(|it| it[1].clone()).collect();
        let answer = host.perform(u64::from(class.get()), Operation::Close { class });
        let Answer::Closed(Closed { sheet, already_closed: false }) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(sheet.opened_at, time(&words[2]));
        let bytes = host.journal.sheet(sheet.content).unwrap().unwrap();
        let sheet = Sheet::from_bytes(&bytes, &sheet).unwrap();
        let students: Vec<_> = sheet.marks.iter().map(|it| it.student.to_string()).collect();
        assert_eq!(students, marked, "class {class}");
    }
    let class = ClassId::new(3030).unwrap();
    let answer = host.perform(99, Operation::Open { class, terms: Terms::PLAIN });
    assert!(matches!(answer, Answer::Opened(Opened { already_open: false, .. })), "{answer:?}");
    assert!(host.server.last_batch() > contents.number("last_batch"));
}
