//! The server by itself: what it answers, and when.

use std::collections::BTreeMap;
use std::iter;
use std::time::Duration;

use super::*;
use crate::access::Terms;
use crate::attendance::{Listed, RosterChange, RosterEdit};
use crate::exchange::{
    BeginAgain, Closed, FileEntry, FileInfo, FileList, FileState, Marked, OpenRollCall, Operation,
    Pull, Pulled, Query, Refusal, Refused, Request, StatusList, decode_reply, encode_request,
};
use crate::ids::{ClientId, Cookie, FileKey, FileName, RequestNumber};
use crate::limits::{
    BLOCK_BYTES, BLOCKS_AWAITED_MAX, BLOCKS_AWAITED_PER_ADDRESS_MAX, BLOCKS_PER_TURN_MAX,
    BLOCKS_PER_VISIT_MAX, CLIENT_SILENCE_MIN, COOKIE_LIFE, DATAGRAM_MAX_BYTES, FILE_QUESTIONS_MAX,
    LISTING_LIFE, PACE_BURST, WINDOW,
};
use crate::record::Recovery as _;
use crate::roll::{RosterObject, Sheet};

/// A server, its clocks, a journal that is a list of batches, and a folder that is a map.
struct Bench {
    server: Server<u8>,
    now: Now,
    journal: Vec<Batch>,
    files: BTreeMap<FileName, Vec<u8>>,
    /// What was done in the folder.
    orders: Vec<FolderRequest>,
}

fn start() -> WallTime {
    WallTime::from_millis(1_700_000_000_000)
}

impl Bench {
    fn new() -> Self {
        let now = Now { instant: Instant::ZERO, wall: start() };
        let (journal, files, orders) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { server: Server::new(1), now, journal, files, orders }
    }

    /// One that offers these files, and has told what is in each.
    fn offering<const N: usize>(files: [(&str, Vec<u8>); N]) -> Self {
        let mut bench = Self::new();
        bench.server.offer_files();
        bench.files = files.map(|(name, bytes)| (name.parse().unwrap(), bytes)).into();
        for name in bench.files.clone().into_keys() {
            bench.ask(&query(Query::File { file: name.key() }));
        }
        bench.orders.clear();
        bench
    }

    fn wait(&mut self, wait: Duration) -> &mut Self {
        self.now.instant = self.now.instant.after(wait);
        self.now.wall = self.now.wall.shifted(i64::try_from(wait.as_millis()).unwrap());
        self
    }

    fn send(&mut self, request: &Request) -> &mut Self {
        self.server.handle_datagram(self.now, 0, bytes_of(request).as_slice());
        self
    }

    fn send_from(&mut self, from: u8, request: &Request) -> &mut Self {
        self.server.handle_datagram(self.now, from, bytes_of(request).as_slice());
        self
    }

    /// Commits what is to be committed and collects the replies.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        self.drain_addressed().into_iter().map(|(_, reply)| reply).collect()
    }

    fn drain_addressed(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut space = Datagram::new();
        let mut replies = Vec::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Snapshot(part) => unreachable!("none is begun: {part:?}"),
                Output::Transmit { to } => replies.push((to, space.as_bytes().to_vec())),
                Output::Append(batch) => {
                    let number = batch.number;
                    self.journal.push(batch);
                    self.server.handle_durable(number);
                }
                Output::Folder(order) => self.obey(order),
                Output::ListSheets(question) => {
                    let sheets = self.journal.iter().rev().flat_map(|batch| &batch.sheets);
                    let of_class = |it: &SheetInfo| it.class == question.class;
                    let infos = sheets.map(|it| it.info).filter(of_class).collect();
                    self.server.handle_sheets(question, infos);
                }
                Output::ListRows(question) => unreachable!("nobody asks: {question:?}"),
                Output::Load(content) => {
                    let sheets = self.journal.iter().flat_map(|batch| &batch.sheets);
                    let mut sheets = sheets.map(|it| it.bytes.to_vec());
                    let bytes = sheets.find(|bytes| ContentId::of(bytes) == content);
                    self.server.handle_sheet(content, bytes);
                }
            }
        }
        replies
    }

    fn obey(&mut self, order: FolderRequest) {
        self.orders.push(order);
        match order {
            FolderRequest::List => {
                let entry = |(name, bytes): (&FileName, &Vec<u8>)| FileEntry {
                    name: name.clone(),
                    bytes: bytes.len() as u64,
                };
                self.server.handle_listing(self.files.iter().map(entry).collect());
            }
            FolderRequest::Describe(key) => {
                let found = self.files.iter().find(|(name, _)| name.key() == key);
                let state =
                    found.map_or(FileState::Absent, |(_, bytes)| FileState::Ready(info_of(bytes)));
                self.server.handle_file(key, state);
            }
            FolderRequest::Read(piece) => {
                let found = self.files.values().find(|it| ContentId::of(it) == piece.content);
                let read = found.map_or(PieceRead::Absent, |bytes| {
                    let blocks = bytes.chunks(BLOCK_BYTES).skip(piece.first as usize);
                    let blocks = blocks.take(piece.blocks as usize);
                    PieceRead::Bytes(blocks.flatten().copied().collect())
                });
                self.server.handle_piece(piece, read);
            }
        }
    }

    /// A cookie of this address.
    fn cookie(&mut self, from: u8) -> Cookie {
        let asks = pull(1, ContentId::of(b"?"), Cookie::NONE, 0, 0b11);
        let replies = self.send_from(from, &asks).drain_addressed();
        let [(to, reply)] = &replies[..] else { panic!("one answer: {replies:?}") };
        assert_eq!(*to, from);
        match decode_reply(reply).unwrap().answer {
            Answer::Cookie(cookie) => cookie,
            other => panic!("no cookie: {other:?}"),
        }
    }

    /// A block that is asked for alone, without a cookie.
    fn lone_block(&mut self, object: ContentId, first: u32) -> Vec<u8> {
        match self.ask(&pull(1, object, Cookie::NONE, first, 1)) {
            Answer::Pulled(Pulled { index, bytes }) if index == first => bytes,
            other => panic!("no block {first}: {other:?}"),
        }
    }

    /// What blocks arrive in this turn: whose pull it was, which one, and its bytes.
    fn pulled(&mut self) -> Vec<(u64, u32, Vec<u8>)> {
        let block = |reply: Vec<u8>| {
            let reply = decode_reply(&reply).unwrap();
            match reply.answer {
                Answer::Pulled(Pulled { index, bytes }) => (reply.number.get(), index, bytes),
                other => panic!("no block: {other:?}"),
            }
        };
        self.drain().into_iter().map(block).collect()
    }

    /// A batch with this request is given out, and its commit takes its time.
    fn begin_commit(&mut self, request: &Request) -> Batch {
        match self.send(request).server.poll_output(&mut Datagram::new()) {
            Some(Output::Append(batch)) => batch,
            other => panic!("not a batch: {other:?}"),
        }
    }

    /// The one answer to this request.
    fn ask(&mut self, request: &Request) -> Answer {
        let replies = self.send(request).drain();
        assert_eq!(replies.len(), 1, "one answer to {request:?}");
        assert!(replies[0].len() <= bytes_of(request).len(), "no amplification");
        let reply = decode_reply(&replies[0]).unwrap();
        assert_eq!((reply.client, reply.number), (request.client, request.number));
        reply.answer
    }

    /// The process dies and another one starts from the journal.
    fn restart(&mut self) {
        let mut server = Server::new(2);
        for batch in &self.journal {
            for record in batch.records.clone() {
                server.replay(record).unwrap();
            }
            server.resume_after(batch.number);
        }
        self.server = server;
        self.now.instant = Instant::ZERO;
    }
}

fn bytes_of(request: &Request) -> Vec<u8> {
    let mut datagram = Datagram::new();
    encode_request(request, &mut datagram);
    datagram.as_bytes().to_vec()
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).unwrap()
}

fn request(who: u8, number: u64, operation: Operation) -> Request {
    Request {
        attempt: 1,
        client: ClientId::from_bytes([who; 16]),
        number: RequestNumber::new(number).unwrap(),
        ask: Ask::Perform { started: start(), operation },
    }
}

fn opening(number: u32) -> Operation {
    Operation::Open { class: class(number), terms: Terms::PLAIN }
}

fn open(who: u8, number: u64) -> Request {
    request(who, number, opening(1))
}

fn close(who: u8, number: u64) -> Request {
    request(who, number, Operation::Close { class: class(1) })
}

fn mark(who: u8, number: u64, student: &str) -> Request {
    let student = student.parse().unwrap();
    request(who, number, Operation::Mark { class: class(1), student, code: None })
}

fn query(query: Query) -> Request {
    let ask = Ask::Read(query);
    Request {
        attempt: 1,
        client: ClientId::from_bytes([99; 16]),
        number: RequestNumber::FIRST,
        ask,
    }
}

fn pull(number: u64, object: ContentId, cookie: Cookie, first: u32, wanted: u64) -> Request {
    let number = RequestNumber::new(number).unwrap();
    Request { number, ask: Ask::Pull(Pull { object, cookie, first, wanted }), ..status() }
}

fn info_of(bytes: &[u8]) -> FileInfo {
    FileInfo { bytes: bytes.len() as u64, content: ContentId::of(bytes) }
}

/// So many bytes of which each block is another.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at / 7 + at / BLOCK_BYTES).to_le_bytes()[0]).collect()
}

fn status() -> Request {
    query(Query::Status { from: class(1) })
}

#[test]
fn nothing_is_said_before_it_is_durable() {
    let mut bench = Bench::new();
    let mut space = Datagram::new();
    bench.send(&open(1, 1)).send(&status());
    let Some(Output::Append(batch)) = bench.server.poll_output(&mut space) else {
        panic!("the batch comes first")
    };
    assert_eq!(bench.server.poll_output(&mut space), None, "not even what is only read");
    bench.send(&open(1, 1));
    assert_eq!(bench.server.poll_output(&mut space), None, "a retry gets silence meanwhile");
    assert_eq!(bench.server.stats().get(Counter::InProgress), 1);
    bench.server.handle_durable(batch.number);
    assert_eq!(bench.drain().len(), 2);
}

#[test]
fn one_commit_covers_all_that_arrived_before_it() {
    let mut bench = Bench::new();
    bench.send(&open(1, 1));
    for who in 2..102 {
        bench.send(&mark(who, 1, &who.to_string()));
    }
    assert_eq!(bench.drain().len(), 101);
    assert_eq!(bench.journal.len(), 1);
}

#[test]
fn a_retry_gets_the_bytes_of_the_first_answer() {
    let mut bench = Bench::new();
    let first = bench.send(&open(1, 1)).drain();
    bench.wait(Duration::from_secs(60));
    let again = Request { attempt: 2, ..open(1, 1) };
    assert_eq!(bench.send(&again).drain(), first);
    bench.restart();
    assert_eq!(bench.send(&again).drain(), first, "after a restart");
    assert_eq!(bench.journal.len(), 1);
}

// spec: R-JUDGE-10
#[test]
fn a_full_table_of_clients_says_busy_and_remembers_nobody() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    bench.server.state.sessions.set_capacity(1);
    let ahead = start().shifted(3_600_000);
    let Ask::Perform { operation, .. } = open(2, 1).ask else { panic!("an operation") };
    let ahead = Request { ask: Ask::Perform { started: ahead, operation }, ..open(2, 1) };
    for refused in [close(2, 1), ahead] {
        assert!(matches!(bench.ask(&refused), Answer::Busy(_)));
    }
    assert_eq!((bench.server.clients(), bench.server.open_roll_calls()), (1, 1));
    assert_eq!(bench.journal.len(), 1);
    assert!(matches!(bench.ask(&close(1, 2)), Answer::Closed(_)), "the known is served");
    bench.server.state.sessions.set_capacity(2);
    assert!(matches!(bench.ask(&close(2, 1)), Answer::Closed(_)), "it was not executed");
}

// spec: R-JUDGE-14, R-KIND-3
#[test]
fn a_request_is_the_same_from_wherever_it_comes() {
    let mut bench = Bench::new();
    let mut space = Datagram::new();
    let mut answers = Vec::new();
    for from in [3, 4] {
        bench.server.handle_datagram(bench.now, from, &bytes_of(&open(1, 1)));
        while let Some(output) = bench.server.poll_output(&mut space) {
            match output {
                Output::Transmit { to } => {
                    assert_eq!(to, from);
                    answers.push(space.as_bytes().to_vec());
                }
                Output::Append(batch) => bench.server.handle_durable(batch.number),
                other => panic!("nothing was to be read: {other:?}"),
            }
        }
    }
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn a_refusal_is_one_outcome_too() {
    let mut bench = Bench::new();
    let refused = bench.send(&mark(2, 1, "10")).drain();
    bench.ask(&open(1, 1));
    assert_eq!(bench.send(&mark(2, 1, "10")).drain(), refused, "though it is open now");
}

#[test]
fn a_late_open_does_not_open_again_what_was_closed() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    bench.ask(&close(1, 2));
    assert_eq!(bench.ask(&open(1, 1)), Answer::Stale);
    let no_class_open = Answer::Status(StatusList { open: vec![], more: false });
    assert_eq!(bench.ask(&status()), no_class_open);
    for _ in 0..2 {
        bench.wait(CLIENT_SILENCE_MIN + Duration::from_secs(60));
        bench.server.handle_timeout(bench.now);
        let late = bench.ask(&open(1, 1));
        assert!(
            matches!(late, Answer::BeginAgain(BeginAgain { server_time: Some(_) })),
            "forgotten, and too old: {late:?}"
        );
        assert_eq!(bench.ask(&status()), no_class_open);
        bench.restart();
    }
}

#[test]
fn a_request_from_a_clock_that_is_ahead_never_becomes_punctual() {
    let mut bench = Bench::new();
    let mut early = open(1, 1);
    let started = start().shifted(i64::try_from(2 * WINDOW.as_millis()).unwrap());
    early.ask = Ask::Perform { started, operation: opening(1) };
    let skew = bench.send(&early).drain();
    bench.wait(WINDOW * 2);
    assert_eq!(bench.send(&early).drain(), skew);
    bench.restart();
    assert_eq!(bench.send(&early).drain(), skew);
    assert_eq!(bench.ask(&status()), Answer::Status(StatusList { open: vec![], more: false }));
}

// spec: R-TIME-3
#[test]
fn a_clock_that_is_behind_stays_behind_although_the_servers_clock_is_set_right() {
    let mut bench = Bench::new();
    bench.now.wall = start().shifted(86_400_000);
    let skew = bench.ask(&open(1, 1));
    assert_eq!(skew, Answer::BeginAgain(BeginAgain { server_time: Some(bench.now.wall) }));
    bench.restart();
    bench.now.wall = start();
    assert_eq!(bench.ask(&open(1, 1)), skew, "the time that was told is in the journal");
    assert_eq!(bench.journal.len(), 1, "and is not written again and again");
}

#[test]
fn a_client_whose_start_is_still_punctual_does_not_keep_others_from_being_forgotten() {
    let mut bench = Bench::new();
    let mut early = open(1, 1);
    let started = start().shifted(45 * 60 * 1_000);
    early.ask = Ask::Perform { started, operation: opening(1) };
    bench.ask(&early);
    bench.ask(&mark(2, 1, "10"));
    bench.wait(CLIENT_SILENCE_MIN + Duration::from_secs(1));
    bench.server.handle_timeout(bench.now);
    assert_eq!(bench.server.clients(), 1, "the other one is forgotten");
    bench.wait(CLIENT_SILENCE_MIN + Duration::from_secs(1));
    bench.server.handle_timeout(bench.now);
    assert_eq!(bench.server.clients(), 0);
}

// spec: R-FORGET-2
#[test]
fn a_clock_that_is_set_back_makes_nobody_forgotten() {
    let mut bench = Bench::new();
    let opened = bench.send(&open(1, 1)).drain();
    bench.now.wall = start().shifted(-86_400_000);
    bench.wait(CLIENT_SILENCE_MIN + Duration::from_secs(1));
    bench.server.handle_timeout(bench.now);
    assert_eq!(bench.server.clients(), 1, "by the server's own time it began just now");
    assert_eq!(bench.send(&open(1, 1)).drain(), opened);
}

#[test]
fn the_silent_are_looked_for_as_often_as_announced() {
    let mut bench = Bench::new();
    assert_eq!(bench.server.poll_timeout(), None, "there is nobody to forget");
    bench.ask(&open(1, 1));
    bench.wait(CLIENT_SILENCE_MIN);
    bench.server.handle_timeout(bench.now);
    let next = bench.now.instant.after(SWEEP_INTERVAL);
    assert_eq!(bench.server.poll_timeout(), Some(next));
    bench.wait(SWEEP_INTERVAL / 2);
    bench.server.handle_timeout(bench.now);
    assert_eq!(bench.server.clients(), 1, "not before the time");
    bench.wait(SWEEP_INTERVAL / 2);
    bench.server.handle_timeout(bench.now);
    assert_eq!(bench.server.clients(), 0);
}

#[test]
fn sendings_after_the_first_are_counted() {
    let mut bench = Bench::new();
    for (attempt, resent) in [(1, 0), (2, 1), (3, 2)] {
        bench.ask(&Request { attempt, ..open(1, 1) });
        assert_eq!(bench.server.stats().get(Counter::Resent), resent);
    }
}

#[test]
fn a_client_that_was_told_to_begin_again_is_not_known_after_a_restart() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    bench.wait(CLIENT_SILENCE_MIN + Duration::from_secs(1));
    bench.server.handle_timeout(bench.now);
    assert_eq!(bench.ask(&close(1, 2)), Answer::BeginAgain(BeginAgain { server_time: None }));
    bench.restart();
    assert_eq!(bench.ask(&close(1, 2)), Answer::BeginAgain(BeginAgain { server_time: None }));
}

#[test]
fn the_servers_time_never_goes_back_not_even_over_a_restart() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    bench.now.wall = start().shifted(-3_600_000);
    let marked = bench.ask(&mark(2, 1, "10"));
    assert_eq!(
        marked,
        Answer::Marked(Marked { class: class(1), at: start(), already_present: false })
    );
    bench.restart();
    let marked = bench.ask(&mark(2, 2, "20"));
    assert_eq!(
        marked,
        Answer::Marked(Marked { class: class(1), at: start(), already_present: false })
    );
}

#[test]
fn an_unknown_version_is_answered_and_everything_else_invalid_is_not() {
    let mut bench = Bench::new();
    let mut datagram = bytes_of(&open(1, 1));
    datagram[2] = 9;
    bench.server.handle_datagram(bench.now, 0, &datagram);
    let replies = bench.drain();
    assert_eq!(Versions::decode(&replies[0]), Ok(Versions::ours()));
    bench.server.handle_datagram(bench.now, 0, &replies[0]);
    bench.server.handle_datagram(bench.now, 0, b"RC\x09xxxxxx");
    bench.server.handle_datagram(bench.now, 0, b"");
    datagram[2] = 1;
    datagram[9] ^= 1;
    bench.server.handle_datagram(bench.now, 0, &datagram);
    assert!(bench.drain().is_empty());
    let counted: Vec<_> = bench.server.stats().iter().collect();
    let expected = [
        ("rejected_too_short", 1),
        ("rejected_version", 2),
        ("rejected_negotiation", 1),
        ("rejected_checksum", 1),
    ];
    assert_eq!(counted, expected);
}

#[test]
fn a_reply_that_comes_back_is_not_answered() {
    let mut bench = Bench::new();
    for reply in bench.send(&open(1, 1)).drain() {
        bench.server.handle_datagram(bench.now, 0, &reply);
    }
    assert!(bench.drain().is_empty());
}

#[test]
fn a_sheet_is_fetched_block_by_block() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    for number in 1..=200_u64 {
        bench.ask(&mark(2, number, &format!("student-{number}")));
    }
    let Answer::Closed(Closed { sheet: info, .. }) = bench.ask(&close(1, 2)) else {
        panic!("closed")
    };
    let mut bytes = Vec::new();
    for index in 0..=info.bytes.div_ceil(1_024) {
        bytes.extend(bench.lone_block(info.content, index));
    }
    let sheet = Sheet::from_bytes(&bytes, &info).unwrap();
    assert_eq!(sheet.marks.len(), 200);
    assert_eq!(sheet.marks[199].student.as_str(), "student-200");
    assert!(bench.lone_block(ContentId::of(b"?"), 0).is_empty());
}

#[test]
fn a_sheet_is_read_from_disk_once() {
    let mut bench = Bench::new();
    let mut sheets = Vec::new();
    for number in [1, 3] {
        bench.ask(&open(1, number));
        bench.wait(Duration::from_secs(1));
        let closed = bench.ask(&close(1, number + 1));
        let Answer::Closed(Closed { sheet, .. }) = closed else { panic!("{closed:?}") };
        sheets.push(sheet.content);
    }
    let blocks = [0, 0, 1, 1, 0, 1].map(|sheet| pull(1, sheets[sheet], Cookie::NONE, 0, 1));
    // What is asked for while the sheet is read waits for it too.
    bench.send(&blocks[0]).send(&blocks[1]).send(&blocks[2]).send(&blocks[3]);
    let mut space = Datagram::new();
    for sheet in sheets {
        assert_eq!(bench.server.poll_output(&mut space), Some(Output::Load(sheet)));
    }
    assert_eq!(bench.server.poll_output(&mut space), None);
    for batch in &bench.journal {
        for ClosedSheet { bytes, .. } in &batch.sheets {
            let bytes = bytes.to_vec();
            bench.server.handle_sheet(ContentId::of(&bytes), Some(bytes));
        }
    }
    assert_eq!(bench.drain().len(), 4);
    bench.send(&blocks[4]).send(&blocks[5]);
    for _ in 0..2 {
        let output = bench.server.poll_output(&mut space);
        assert!(matches!(output, Some(Output::Transmit { .. })), "{output:?}");
    }
}

#[test]
fn status_fills_what_room_the_request_has_and_says_that_there_is_more() {
    let mut bench = Bench::new();
    for number in 1..=100 {
        bench.ask(&request(1, number.into(), opening(number)));
    }
    let mut from = class(1);
    let mut listed: Vec<OpenRollCall> = Vec::new();
    loop {
        let Answer::Status(StatusList { open, more }) = bench.ask(&query(Query::Status { from }))
        else {
            panic!("a list")
        };
        listed.extend(&open);
        if !more {
            break;
        }
        from = class(listed.last().unwrap().class.get() + 1);
    }
    let numbers: Vec<_> = listed.iter().map(|it| it.class.get()).collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_snapshot_and_the_batches_after_it_are_the_same_server() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    bench.ask(&mark(2, 1, "10"));
    bench.ask(&close(1, 2));
    bench.ask(&open(1, 3));
    let snapshot: Vec<_> = bench.server.snapshot().collect();
    let covered = bench.server.last_batch();
    let reply = bench.send(&mark(3, 1, "20")).drain();
    bench.ask(&request(4, 1, Operation::Close { class: class(77) }));

    let mut restored: Server<u8> = Server::new(3);
    for item in snapshot {
        restored.restore(item).unwrap();
    }
    for batch in bench.journal.iter().filter(|batch| batch.number > covered) {
        for record in batch.records.clone() {
            restored.replay(record).unwrap();
        }
        restored.resume_after(batch.number);
    }
    let items = |server: &Server<u8>| server.snapshot().collect::<Vec<_>>();
    assert_eq!(items(&restored), items(&bench.server));
    bench.server = restored;
    assert_eq!(bench.send(&mark(3, 1, "20")).drain(), reply);
}

#[test]
fn what_arrives_during_a_commit_is_the_next_one() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    let mut space = Datagram::new();
    let first = bench.begin_commit(&mark(2, 1, "10"));
    bench.send(&mark(3, 1, "20")).send(&mark(4, 1, "30"));
    assert_eq!(bench.server.poll_output(&mut space), None, "one batch is under way");
    bench.server.handle_durable(first.number);
    bench.server.recycle(first.clone());
    let Some(Output::Append(second)) = bench.server.poll_output(&mut space) else {
        panic!("the next batch")
    };
    assert_eq!((second.number, second.records.len()), (first.number + 1, 2));
    let answered = bench.server.poll_output(&mut space);
    assert_eq!(answered, Some(Output::Transmit { to: 0 }), "the first mark");
    assert_eq!(bench.server.poll_output(&mut space), None, "the others wait");
    bench.server.handle_durable(second.number);
    assert_eq!(bench.drain().len(), 2);
}

#[test]
fn a_sheet_is_read_after_the_batch_that_may_hold_it() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    let mut space = Datagram::new();
    let first = bench.begin_commit(&mark(2, 1, "10"));
    let sheet = ContentId::of(b"whatever was closed just now");
    bench.send(&close(1, 2)).send(&pull(1, sheet, Cookie::NONE, 0, 1));
    assert_eq!(bench.server.poll_output(&mut space), None, "the close is not given out yet");
    bench.server.handle_durable(first.number);
    let next = bench.server.poll_output(&mut space);
    assert!(matches!(next, Some(Output::Append(_))), "{next:?}");
    assert_eq!(bench.server.poll_output(&mut space), Some(Output::Load(sheet)));
}

#[test]
fn too_many_replies_that_wait_are_a_bound_and_lose_nothing() {
    let mut bench = Bench::new();
    bench.ask(&open(1, 1));
    let datagram = bytes_of(&status());
    for _ in 0..REPLIES_HELD_MAX {
        bench.server.handle_datagram(bench.now, 0, &datagram);
    }
    bench.send(&mark(2, 1, "10"));
    assert_eq!(bench.server.stats().get(Counter::Overloaded), 1);
    assert_eq!(bench.drain().len(), REPLIES_HELD_MAX);
    assert!(matches!(bench.ask(&mark(2, 1, "10")), Answer::Marked(_)));
}

// spec: R-MARKED-1
#[test]
fn a_refused_mark_has_class_zero_on_the_wire() {
    let mut bench = Bench::new();
    let replies = bench.send(&mark(2, 1, "10")).drain();
    // Header, client id, number 1; then the class.
    assert_eq!(replies[0][4 + 16 + 1], 0);
    let refused = Answer::MarkRefused(Refused { at: start(), reason: Refusal::NotOpen });
    assert_eq!(decode_reply(&replies[0]).unwrap().answer, refused);
    assert!(replies[0].len() <= DATAGRAM_MAX_BYTES);
}

// Objects in blocks.

// spec: R-COOKIE-1, R-SIZE-5
#[test]
fn who_has_not_proved_an_address_gets_a_cookie_and_nothing_else() {
    let file = bytes(100 * BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    let object = ContentId::of(&file);
    let wrong = Cookie::from_bytes([7; 16]);
    for (object, cookie) in
        [(object, Cookie::NONE), (object, wrong), (ContentId::of(b"?"), Cookie::NONE)]
    {
        let asks = pull(1, object, cookie, 0, u64::MAX);
        // One answer, for the same request, and no longer than it.
        let answer = bench.ask(&asks);
        assert!(matches!(answer, Answer::Cookie(_)), "{answer:?}");
    }
    let shortest = pull(1, object, wrong, 0, 1);
    assert!(matches!(bench.ask(&shortest), Answer::Cookie(_)));
    for _ in 0..5 {
        bench.wait(COOKIE_LIFE);
        bench.server.handle_timeout(bench.now);
        assert!(bench.drain().is_empty());
    }
    assert!(bench.orders.is_empty(), "no disk works for a stranger");
    assert_eq!(bench.server.stats().get(Counter::Unproved), 4);
}

// spec: R-TIME-2, R-TIME-5
#[test]
fn a_clock_that_was_set_back_executes_nothing_twice_when_it_comes_there_again() {
    let mut bench = Bench::new();
    let right = bench.now.wall;
    // For a while the clock is three hours ahead, and so are the clients, as they were told.
    bench.now.wall = right.shifted(3 * 3_600_000);
    let began = bench.now.wall;
    let ahead = |who, operation| Request {
        attempt: 1,
        client: ClientId::from_bytes([who; 16]),
        number: RequestNumber::FIRST,
        ask: Ask::Perform { started: began, operation },
    };
    let opening = ahead(1, opening(1));
    let closing = ahead(2, Operation::Close { class: class(1) });
    let first = bench.ask(&opening);
    bench.ask(&closing);
    bench.server.accept_clock(right);
    bench.drain();
    bench.now.wall = right;
    // Over a snapshot and a start the same is known.
    let items: Vec<_> = bench.server.snapshot().collect();
    let mut copy = Server::<u8>::new(9);
    items.iter().cloned().for_each(|item| copy.restore(item).unwrap());
    assert_eq!(copy.snapshot().collect::<Vec<_>>(), items);
    bench.restart();
    assert_eq!(bench.server.latest(), right, "times go on from the clock");
    // Nobody says a word until the clock is where it was.
    for _ in 0..12 {
        bench.wait(CLIENT_SILENCE_MIN / 2);
        bench.server.handle_timeout(bench.now);
        bench.drain();
        assert_eq!(bench.server.clients(), 2, "{}", bench.now.wall);
        assert_eq!(bench.ask(&opening), first, "the first answer, and nothing is opened");
        assert_eq!(bench.server.open_roll_calls(), 0);
    }
    assert!(began.distance(bench.now.wall) <= WINDOW, "a first request would be punctual");
    // Then they are forgotten like everybody else.
    for _ in 0..3 {
        bench.wait(CLIENT_SILENCE_MIN + Duration::from_secs(1));
        bench.server.handle_timeout(bench.now);
        bench.drain();
    }
    assert_eq!(bench.server.clients(), 0);
    assert!(matches!(bench.ask(&opening), Answer::BeginAgain(BeginAgain { server_time: Some(_) })));
}

// spec: R-PULL-2, R-PULL-5, R-KIND-2, R-SHEET-3
#[test]
fn who_has_a_cookie_gets_the_blocks_that_are_wanted_and_only_those() {
    let file = bytes(99 * BLOCK_BYTES + 5);
    let mut bench = Bench::offering([("a", file.clone()), ("b", bytes(3))]);
    let object = ContentId::of(&file);
    let cookie = bench.cookie(0);
    let block =
        |index: u32| file.chunks(BLOCK_BYTES).nth(index as usize).unwrap_or_default().to_vec();
    for (first, wanted, indices) in [
        (0, 1, vec![0]),
        (3, 0b1101, vec![3, 5, 6]),
        (20, u64::MAX, (20..84).collect()),
        (36, 1 | 1 << 63, vec![36, 99]),
        (99, 1, vec![99]),
    ] {
        bench.send(&pull(8, object, cookie, first, wanted));
        let expected: Vec<_> = indices.into_iter().map(|it| (8, it, block(it))).collect();
        let mut given = Vec::new();
        while given.len() < expected.len() {
            bench.server.handle_timeout(bench.now);
            let turn = bench.pulled();
            assert!(!turn.is_empty(), "{} of {} blocks", given.len(), expected.len());
            given.extend(turn);
        }
        assert!(given == expected);
    }
    for _ in 0..5 {
        bench.wait(Duration::from_secs(1));
        bench.server.handle_timeout(bench.now);
        assert!(bench.drain().is_empty(), "nothing is sent again that was not asked for again");
    }
    assert_eq!(bench.server.stats().get(Counter::BlocksGiven), 1 + 3 + 64 + 2 + 1);
}

// spec: R-PULL-2
#[test]
fn a_sheet_is_pulled_like_a_file_and_a_file_is_asked_for_block_by_block_like_a_sheet() {
    let file = bytes(2 * BLOCK_BYTES + 9);
    let mut bench = Bench::offering([("a", file.clone())]);
    bench.ask(&open(1, 1));
    for number in 1..=200_u64 {
        bench.ask(&mark(2, number, &format!("student-{number}")));
    }
    let Answer::Closed(Closed { sheet: info, .. }) = bench.ask(&close(1, 2)) else {
        panic!("closed")
    };
    let cookie = bench.cookie(0);
    let wanted = u64::MAX >> (64 - info.bytes.div_ceil(1_024));
    let blocks = bench.send(&pull(1, info.content, cookie, 0, wanted)).pulled();
    let whole: Vec<u8> = blocks.into_iter().flat_map(|(_, _, bytes)| bytes).collect();
    assert_eq!(Sheet::from_bytes(&whole, &info).unwrap().marks.len(), 200);
    let mut whole = Vec::new();
    for index in 0..=3 {
        whole.extend(bench.lone_block(ContentId::of(&file), index));
    }
    assert_eq!(whole, file);
}

// spec: R-COOKIE-1, R-COOKIE-2
#[test]
fn a_cookie_of_another_address_or_an_earlier_time_is_answered_with_a_new_one() {
    let file = bytes(BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    let object = ContentId::of(&file);
    let cookie = bench.cookie(0);
    let asks = pull(1, object, cookie, 0, 1);
    assert_eq!(bench.send(&asks).pulled(), [(1, 0, file.clone())]);
    let stolen = bench.send_from(1, &asks).drain_addressed();
    let [(1, reply)] = &stolen[..] else { panic!("one answer to address 1: {stolen:?}") };
    let Answer::Cookie(other) = decode_reply(reply).unwrap().answer else { panic!("a cookie") };
    assert_ne!(other, cookie);
    bench.wait((2 * COOKIE_LIFE).saturating_sub(Duration::from_micros(1)));
    assert_eq!(bench.send(&asks).pulled().len(), 1, "to the end of the next minute");
    bench.wait(Duration::from_micros(1));
    let Answer::Cookie(renewed) = bench.ask(&asks) else { panic!("it is too old") };
    assert_ne!(renewed, cookie);
    assert_eq!(bench.send(&pull(2, object, renewed, 0, 1)).pulled(), [(2, 0, file)]);
    bench.restart();
    assert!(matches!(bench.ask(&asks), Answer::Cookie(_)), "it was another server's");
}

// spec: R-PULL-3, R-PULL-4, R-FILES-5
#[test]
fn what_is_not_there_is_answered_without_bytes() {
    let file = bytes(2 * BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    let object = ContentId::of(&file);
    let cookie = bench.cookie(0);
    let absent = pull(1, ContentId::of(b"?"), cookie, 7, u64::MAX);
    assert_eq!(bench.send(&absent).pulled(), [(1, 7, vec![])], "one answer says it all");
    let past = bench.send(&pull(2, object, cookie, 1, 0b111)).pulled();
    let empty = |index| (2, index, vec![]);
    assert_eq!(past, [(2, 1, file[BLOCK_BYTES..].to_vec()), empty(2), empty(3)]);
    let far = bench.send(&pull(3, object, cookie, u32::MAX, 1)).pulled();
    assert_eq!(far, [(3, u32::MAX, vec![])]);
    bench.files.clear();
    for number in 4..=5 {
        let gone = bench.send(&pull(number, object, cookie, 0, 0b11)).pulled();
        assert_eq!(gone, [(number, 0, vec![])], "the file is another one by now");
    }
}

#[test]
fn so_many_blocks_leave_in_one_turn_and_the_others_at_once_in_the_next() {
    let file = bytes(64 * BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    let object = ContentId::of(&file);
    let cookie = bench.cookie(0);
    bench.server.handle_timeout(bench.now);
    for number in 1..=5 {
        bench.send(&pull(number, object, cookie, 0, u64::MAX));
    }
    let mut arrived = Vec::new();
    for _ in 0..320 / BLOCKS_PER_TURN_MAX {
        let turn = bench.pulled();
        assert_eq!(turn.len(), BLOCKS_PER_TURN_MAX as usize);
        arrived.extend(turn.into_iter().map(|(number, index, _)| (number, index)));
        let at_once = bench.server.poll_timeout() == Some(Instant::ZERO);
        assert_eq!(at_once, arrived.len() < 320, "the next turn comes at once");
        assert!(bench.drain().is_empty(), "the turn is over");
        bench.server.handle_timeout(bench.now);
    }
    let wanted = (1..=5).flat_map(|number| (0..64).map(move |index| (number, index)));
    assert_eq!(arrived, wanted.collect::<Vec<_>>());
    assert_eq!(bench.server.poll_timeout(), None);
}

#[test]
fn a_turn_counts_blocks_and_not_how_often_it_was_polled() {
    let file = bytes(BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    let cookie = bench.cookie(0);
    bench.server.handle_timeout(bench.now);
    for number in 1..=BLOCKS_PER_TURN_MAX.into() {
        let block = bench.send(&pull(number, ContentId::of(&file), cookie, 0, 1)).pulled();
        assert_eq!(block.len(), 1, "pull {number}");
    }
}

// spec: R-PULL-7
#[test]
fn answers_to_marks_leave_before_blocks_that_wait() {
    let file = bytes(64 * BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    bench.ask(&open(1, 1));
    let cookie = bench.cookie(0);
    bench.server.handle_timeout(bench.now);
    for number in 1..=5 {
        bench.send(&pull(number, ContentId::of(&file), cookie, 0, u64::MAX));
    }
    // The pieces are read, and the first block leaves; then somebody marks.
    let mut space = Datagram::new();
    loop {
        match bench.server.poll_output(&mut space) {
            Some(Output::Folder(order)) => bench.obey(order),
            Some(Output::Transmit { .. }) => break,
            other => panic!("{other:?}"),
        }
    }
    bench.send(&mark(2, 1, "10"));
    let turn = bench.drain();
    let first = decode_reply(&turn[0]).unwrap().answer;
    assert!(matches!(first, Answer::Marked(_)), "{first:?}");
    assert_eq!(turn.len(), 1 + BLOCKS_PER_TURN_MAX as usize - 1);
    bench.send(&mark(3, 1, "20"));
    let next = bench.drain();
    let answers: Vec<_> = next.iter().map(|it| decode_reply(it).unwrap().answer).collect();
    assert!(matches!(answers[..], [Answer::Marked(_)]), "though no more blocks may leave");
}

// spec: R-PULL-6
#[test]
fn more_pulls_than_have_room_are_dropped_and_counted() {
    let file = bytes(64 * BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    let cookie = bench.cookie(0);
    let asks = |number| pull(number, ContentId::of(&file), cookie, 0, 1);
    bench.server.handle_timeout(bench.now);
    let room = BLOCKS_AWAITED_PER_ADDRESS_MAX as u64;
    for number in 1..=room + 3 {
        bench.send(&asks(number));
    }
    assert_eq!(bench.server.stats().get(Counter::PullsFull), 3);
    assert_eq!(bench.server.stats().get(Counter::Pulled), room);
    let mut arrived = bench.pulled();
    while bench.server.poll_timeout() == Some(Instant::ZERO) {
        bench.server.handle_timeout(bench.now);
        arrived.extend(bench.pulled());
    }
    let numbers: Vec<_> = arrived.iter().map(|it| it.0).collect();
    assert_eq!(numbers, (1..=room).collect::<Vec<_>>());
    bench.server.handle_timeout(bench.now);
    assert_eq!(bench.send(&asks(9_999)).pulled().len(), 1, "there is room again");
}

// spec: R-PULL-6, R-PULL-8
#[test]
fn an_address_that_pulls_without_end_takes_room_and_turns_from_nobody_else() {
    let file = bytes(64 * BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    let cookies = [0, 1].map(|from| bench.cookie(from));
    let asks = |number, from: u8, wanted| {
        pull(number, ContentId::of(&file), cookies[usize::from(from)], 0, wanted)
    };
    bench.server.handle_timeout(bench.now);
    for number in 1..=2 * BLOCKS_AWAITED_MAX as u64 {
        bench.send_from(0, &asks(number, 0, u64::MAX));
    }
    bench.send_from(1, &asks(1, 1, 0b111));
    let mut to = Vec::new();
    for _ in 0..3 {
        to.extend(bench.drain_addressed().into_iter().map(|(to, _)| to));
        bench.server.handle_timeout(bench.now);
    }
    let first = to.iter().position(|&to| to == 1).expect("the other one is served");
    assert_eq!(first, BLOCKS_PER_VISIT_MAX as usize, "after one run of the first");
    assert_eq!(to.iter().filter(|&&to| to != 0).count(), 3);
}

// spec: R-PULL-7, R-PULL-8
#[test]
fn blocks_leave_no_faster_than_their_rate_and_answers_to_marks_do_not_wait() {
    const RATE: u64 = 1 << 20;
    let file = bytes(64 * BLOCK_BYTES);
    let mut bench = Bench::offering([("a", file.clone())]);
    bench.server.limit_blocks(RATE);
    bench.ask(&open(1, 1));
    let cookies = [0, 1, 2].map(|from| bench.cookie(from));
    let (mut blocks, mut number) = ([0_u64; 3], 1);
    for _ in 0..300 {
        number += 1;
        for from in [0, 1, 2] {
            let cookie = cookies[usize::from(from)];
            let pulls = pull(number, ContentId::of(&file), cookie, 0, u64::MAX);
            bench.send_from(from, &pulls);
        }
        bench.send_from(9, &mark(2, number, &number.to_string()));
        bench.server.handle_timeout(bench.now);
        let sent = bench.drain_addressed();
        assert_eq!(sent.iter().filter(|(to, _)| *to == 9).count(), 1, "the mark");
        for (to, _) in sent.iter().filter(|(to, _)| *to != 9) {
            blocks[usize::from(*to)] += 1;
        }
        let next = bench.server.poll_timeout().expect("there are blocks that wait");
        assert!(next > bench.now.instant && next <= bench.now.instant.after(PACE_BURST));
        bench.wait(Duration::from_millis(10));
    }
    // Three seconds have passed; a block is some 1,100 bytes on the link.
    let all = 3 * RATE / 1_131;
    let sum: u64 = blocks.iter().sum();
    assert!(sum.abs_diff(all) < all / 20, "{sum} of {all}");
    assert!(blocks.iter().all(|part| part.abs_diff(all / 3) < all / 20), "{blocks:?}");
}

// spec: R-FILES-1, R-FILES-2
#[test]
fn the_list_of_files_is_told_in_pages_that_fit() {
    let mut bench = Bench::offering([]);
    for number in 0..60 {
        let name = format!("{}{number:03}", "x".repeat(number * 4));
        bench.files.insert(name.parse().unwrap(), bytes(number));
    }
    let in_order = bench.files.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64));
    let in_order: Vec<_> = in_order.collect();
    let mut listed = Vec::new();
    let mut pages = 0;
    while listed.len() < in_order.len() {
        let from = u32::try_from(listed.len()).unwrap();
        let answer = bench.ask(&query(Query::Files { from }));
        let Answer::Files(Some(FileList { total: 60, files })) = answer else {
            panic!("{answer:?}")
        };
        assert!(!files.is_empty(), "every page goes on");
        listed.extend(files.into_iter().map(|it| (it.name, it.bytes)));
        pages += 1;
    }
    assert_eq!(listed, in_order);
    assert!((2..60).contains(&pages), "{pages} pages");
    let from = query(Query::Files { from: 57 });
    let Answer::Files(Some(list)) = bench.ask(&from) else { panic!("a list") };
    assert!(list.files.iter().map(|it| &it.name).eq(in_order[57..].iter().map(|it| &it.0)));
    for from in [60, 61, u32::MAX] {
        let answer = bench.ask(&query(Query::Files { from }));
        assert_eq!(answer, Answer::Files(Some(FileList { total: 60, files: vec![] })));
    }
}

// spec: R-FILES-3
#[test]
fn a_server_without_files_says_so() {
    let mut bench = Bench::new();
    let file = "a".parse::<FileName>().unwrap().key();
    assert_eq!(bench.ask(&query(Query::Files { from: 0 })), Answer::Files(None));
    assert_eq!(bench.ask(&query(Query::File { file })), Answer::File(FileState::Absent));
    let cookie = bench.cookie(0);
    let absent = bench.send(&pull(1, ContentId::of(b"a"), cookie, 0, 1)).pulled();
    assert_eq!(absent, [(1, 0, vec![])]);
    assert!(bench.orders.is_empty(), "there is no folder");
}

// spec: R-FILES-11
#[test]
fn of_what_may_still_be_found_nobody_is_told_that_it_is_not_here() {
    let mut bench = Bench::offering([]);
    let file = bytes(5);
    let content = ContentId::of(&file);
    let cookie = bench.cookie(0);
    let mut space = Datagram::new();
    let piece = Piece { content, first: 0, blocks: 1 };
    bench.server.handle_timeout(bench.now);
    bench.send(&pull(1, content, cookie, 0, 1));
    assert_eq!(bench.server.poll_output(&mut space), Some(Output::Load(content)));
    bench.server.handle_sheet(content, None);
    let order = bench.server.poll_output(&mut space);
    assert_eq!(order, Some(Output::Folder(FolderRequest::Read(piece))));
    bench.server.handle_piece(piece, PieceRead::NotYet);
    assert!(bench.drain().is_empty(), "silence");
    // Nobody has asked for the file by its name, and it is given all the same.
    bench.files.insert("a".parse().unwrap(), file.clone());
    let asks = pull(3, content, cookie, 0, 1);
    assert_eq!(bench.send(&asks).pulled(), [(3, 0, file.clone())]);
    bench.files.clear();
    let asks = pull(4, content, cookie, 0, 1);
    assert_eq!(bench.send(&asks).pulled(), [(4, 0, vec![])]);
}

// spec: R-FILES-4
#[test]
fn a_file_is_found_by_the_key_of_its_name() {
    let mut bench = Bench::offering([("a", bytes(5)), ("b", bytes(7))]);
    let mut ask = |key| bench.ask(&query(Query::File { file: key }));
    let key = |name: &str| name.parse::<FileName>().unwrap().key();
    assert_eq!(ask(key("b")), Answer::File(FileState::Ready(info_of(&bytes(7)))));
    assert_eq!(ask(key("c")), Answer::File(FileState::Absent));
    let name_and_zeros = FileKey::from_bytes(*b"a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(ask(name_and_zeros), Answer::File(FileState::Absent));
}

#[test]
fn a_file_that_is_being_read_is_told_as_that() {
    let mut bench = Bench::offering([]);
    let file = "a".parse::<FileName>().unwrap().key();
    bench.send(&query(Query::File { file }));
    let mut space = Datagram::new();
    let order = bench.server.poll_output(&mut space);
    assert_eq!(order, Some(Output::Folder(FolderRequest::Describe(file))));
    let reading = FileState::Reading { done: 1, bytes: 2 };
    bench.server.handle_file(file, reading);
    assert_eq!(decode_reply(&bench.drain()[0]).unwrap().answer, Answer::File(reading));
}

#[test]
fn the_folder_is_asked_once_for_many_who_ask() {
    let mut bench = Bench::offering([]);
    bench.files.insert("a".parse().unwrap(), bytes(5));
    let file = "a".parse::<FileName>().unwrap().key();
    let lists = query(Query::Files { from: 0 });
    let asks = query(Query::File { file });
    let questions = [&lists, &asks, &lists, &asks, &asks];
    for question in questions {
        bench.send(question);
    }
    assert_eq!(bench.drain().len(), questions.len());
    let once = [FolderRequest::List, FolderRequest::Describe(file)];
    assert_eq!(bench.orders, once);
    bench.ask(&lists);
    assert_eq!(bench.orders, once, "the list was read just now");
    bench.wait(LISTING_LIFE);
    bench.ask(&lists);
    assert_eq!(bench.orders[2..], [FolderRequest::List], "and is read again after a while");
    for asks in iter::repeat_n(&asks, FILE_QUESTIONS_MAX + 1) {
        bench.send(asks);
    }
    assert_eq!(bench.server.stats().get(Counter::FilesFull), 1);
    assert_eq!(bench.drain().len(), FILE_QUESTIONS_MAX);
}

// spec: R-ROSTER-5
#[test]
fn a_roster_that_was_emptied_has_the_version_that_is_told() {
    let mut bench = Bench::new();
    let student = "10".parse().unwrap();
    let put = RosterEdit::Put(Listed { student, name: "Ana".parse().unwrap(), group: None });
    for (number, base, edit) in [(1, 0, put), (2, 1, RosterEdit::Remove(student))] {
        let change = RosterChange { base, import: number, edits: Box::new([edit]) };
        bench.ask(&request(1, number, Operation::Enrol { class: class(1), change }));
    }
    let Answer::Roster(info) = bench.ask(&query(Query::Roster { class: class(1) })) else {
        panic!("a roster")
    };
    assert_eq!((info.version, info.students), (2, 0));
    let object = RosterObject::from_bytes(&bench.lone_block(info.content, 0), class(1)).unwrap();
    assert_eq!((object.version, object.students.len()), (2, 0));
}
