//! The laws of the server: whatever arrives, whenever it is durable, whatever the clocks do and
//! however often the process dies, each request is answered as the auditor says, once, not before
//! it may be, and in the end every request that is owed an answer has one.

use arbitrary::{Arbitrary, Unstructured};
use rollcall::ids::{ClassId, ClientId, ContentId, RequestNumber};
use rollcall::operation::{Operation, Query};
use rollcall::record::{Batch, SnapshotItem};
use rollcall::roll::Sheet;
use rollcall::server::{Output, Server};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::{Ask, Datagram, Request};

use crate::auditor::Auditor;
use crate::laws;

const START_MILLIS: u64 = 1_795_353_480_000;
const STEPS_MAX: usize = 200;
const MINUTE_MILLIS: i64 = 60_000;

/// What happens to the server. Small numbers of everything, so that things meet.
#[derive(Arbitrary, Debug)]
enum Step {
    Ask {
        who: u8,
        number: Number,
        started: Started,
        what: What,
        padding: u8,
    },
    /// An earlier datagram again, with the attempt number that it may have by then.
    Again {
        which: u8,
        attempt: u8,
    },
    /// What the server itself said comes back to it.
    Echo(u8),
    Bytes(Vec<u8>),
    /// A body in a right frame.
    Framed(u8, Vec<u8>),
    Turn,
    Commit(u8),
    /// Both clocks go on.
    Wait(Wait),
    /// The wall clock jumps.
    Jump(i8),
    Timeout,
    Crash,
    Snapshot,
}

#[derive(Arbitrary, Debug)]
enum Number {
    Next,
    Same,
    First,
    Other(u8),
    Last,
}

#[derive(Arbitrary, Debug)]
enum Started {
    AsBefore,
    Now,
    Minutes(i8),
    Edge(i8),
}

#[derive(Arbitrary, Debug)]
enum What {
    Open(u8),
    Close(u8),
    Mark(u8, u8),
    Status(u8),
    Sheet(u8),
    Block(u8, u8),
    NoBlock(u8),
}

#[derive(Arbitrary, Debug)]
enum Wait {
    Millis(u16),
    Minutes(u8),
    /// To just about when the server wants to be woken.
    Due(i8),
    /// To just about when a client may be forgotten.
    Silence(i8),
}

/// Applies the laws to the run that these bytes tell.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(input: &[u8]) {
    let mut bytes = Unstructured::new(input);
    let mut hall = Hall::new();
    for _ in 0..STEPS_MAX {
        if bytes.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        hall.step(step);
    }
    hall.rest();
}

/// A server with its disk, its clocks, and somebody who knows what it should say.
struct Hall {
    server: Server<usize>,
    auditor: Auditor,
    micros: u64,
    wall: WallTime,
    /// Appended, not durable.
    pending: Vec<Batch>,
    durable: Vec<Batch>,
    snapshot: (u64, Vec<SnapshotItem>),
    polled: bool,
    sent: Vec<Vec<u8>>,
    heard: Vec<Vec<u8>>,
    clients: [Caller; 4],
}

/// What a client would know of itself.
#[derive(Clone, Copy)]
struct Caller {
    number: u64,
    started: WallTime,
}

impl Hall {
    fn new() -> Self {
        let wall = WallTime::from_millis(START_MILLIS);
        Self {
            server: Server::new(1),
            auditor: Auditor::new(),
            micros: 0,
            wall,
            pending: Vec::new(),
            durable: Vec::new(),
            snapshot: (0, Vec::new()),
            polled: true,
            sent: Vec::new(),
            heard: Vec::new(),
            clients: [Caller { number: 0, started: wall }; 4],
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask { who, number, started, what, padding } => {
                let datagram = self.request(who, &number, &started, &what, padding);
                self.hand(&datagram);
                self.sent.push(datagram);
            }
            Step::Again { which, attempt } => {
                let Some(datagram) = self.sent.get(usize::from(which) % self.sent.len().max(1))
                else {
                    return;
                };
                let mut body = datagram[4..datagram.len() - 4].to_vec();
                body[0] = attempt;
                let again = laws::frame(1, datagram[3], &body);
                self.hand(&again);
            }
            Step::Echo(which) => {
                let heard = self.heard.get(usize::from(which) % self.heard.len().max(1));
                if let Some(datagram) = heard.cloned() {
                    self.hand(&datagram);
                }
            }
            Step::Bytes(bytes) => self.hand(&bytes),
            Step::Framed(kind, body) => self.hand(&laws::frame(1, kind, &body)),
            Step::Turn => self.turn(),
            Step::Commit(count) => self.commit(usize::from(count % 4)),
            Step::Wait(wait) => self.wait(&wait),
            Step::Jump(minutes) => {
                self.wall = self.wall.shifted(i64::from(minutes) * MINUTE_MILLIS);
            }
            Step::Timeout => self.timeout(),
            Step::Crash => self.crash(),
            Step::Snapshot => self.keep_snapshot(),
        }
    }

    fn request(
        &mut self,
        who: u8,
        number: &Number,
        started: &Started,
        what: &What,
        padding: u8,
    ) -> Vec<u8> {
        let class = |class: u8| ClassId::new(u32::from(class % 3) + 1).expect("not zero");
        let operation = match *what {
            What::Open(which) => Ok(Operation::Open { class: class(which) }),
            What::Close(which) => Ok(Operation::Close { class: class(which) }),
            What::Mark(which, student) => {
                // Long ones too, so that a sheet has several blocks.
                let length = if student < 200 { 1 } else { 32 };
                let student = format!("{:0length$}", student % 100).parse().expect("digits");
                Ok(Operation::Mark { class: class(which), student })
            }
            What::Status(from) => Err(Query::Status { from: class(from) }),
            What::Sheet(which) => Err(Query::Sheet { class: class(which) }),
            What::Block(which, index) => {
                let name = self.auditor.sheet(which.into()).unwrap_or_default();
                let sheet = ContentId::from_bytes(name);
                Err(Query::Block { sheet, index: u32::from(index % 4) })
            }
            What::NoBlock(byte) => {
                Err(Query::Block { sheet: ContentId::from_bytes([byte; 32]), index: 0 })
            }
        };
        let caller = &mut self.clients[usize::from(who % 4)];
        let next = match *number {
            Number::Next => caller.number.saturating_add(1),
            Number::Same => caller.number,
            Number::First => 1,
            Number::Other(number) => number.into(),
            Number::Last => u64::MAX,
        };
        let edge = |side: i8| 900_000 * i64::from(side.signum()) + i64::from(side % 3);
        match *started {
            Started::AsBefore => {}
            Started::Now => caller.started = self.wall,
            Started::Minutes(minutes) => {
                caller.started = self.wall.shifted(i64::from(minutes) * MINUTE_MILLIS);
            }
            Started::Edge(side) => caller.started = self.wall.shifted(edge(side)),
        }
        let ask = match operation {
            Ok(operation) => {
                caller.number = next;
                Ask::Perform { started: caller.started, operation }
            }
            Err(query) => Ask::Read(query),
        };
        let client = ClientId::from_bytes([who % 4; 16]);
        let number = RequestNumber::new(next).unwrap_or(RequestNumber::FIRST);
        let request = Request { attempt: 1, client, number, ask };
        // Just long enough or a little longer; sometimes too short.
        let least = match ask.kind().byte() {
            0x01 | 0x03 => 48,
            0x11 => 64,
            0x13 => 1_060,
            _ => 96,
        };
        let bare = laws::request(&request, 0).len();
        laws::request(&request, least - bare.min(least) + usize::from(padding % 64))
    }

    fn now(&self) -> Now {
        Now { instant: Instant::from_micros(self.micros), wall: self.wall }
    }

    fn hand(&mut self, datagram: &[u8]) {
        let place = self.auditor.datagram(self.micros, self.wall.as_millis(), datagram);
        self.server.handle_datagram(self.now(), place, datagram);
        self.polled = false;
    }

    /// The server's loop turns, with a disk that takes its time.
    fn turn(&mut self) {
        let mut space = Datagram::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Append(batch) => {
                    let sheets: Vec<_> = batch.sheets.iter().map(|it| bytes_of(&it.1)).collect();
                    self.auditor.appended(batch.number, &sheets);
                    self.pending.push(batch);
                }
                Output::Transmit { to } => {
                    self.auditor.sent(to, space.as_bytes());
                    self.heard.push(space.as_bytes().to_vec());
                }
                Output::Folder(order) => unreachable!("no files are offered: {order:?}"),
                Output::Load(content) => {
                    let kept = self.durable.iter().chain(&self.pending);
                    let mut sheets = kept.flat_map(|it| &it.sheets).map(|it| bytes_of(&it.1));
                    let bytes = sheets.find(|bytes| ContentId::of(bytes) == content);
                    self.server.handle_sheet(content, bytes);
                }
            }
        }
        self.polled = true;
    }

    fn commit(&mut self, count: usize) {
        for batch in self.pending.drain(..count.min(self.pending.len())) {
            self.server.handle_durable(batch.number);
            self.auditor.durable(batch.number);
            self.durable.push(batch);
            self.polled = false;
        }
    }

    fn wait(&mut self, wait: &Wait) {
        let micros = match *wait {
            Wait::Millis(millis) => u64::from(millis) * 1_000,
            Wait::Minutes(minutes) => u64::from(minutes) * 60_000_000,
            Wait::Due(beside) => {
                let due = self.server.poll_timeout().map_or(0, Instant::as_micros);
                due.saturating_sub(self.micros).saturating_add_signed(beside.into())
            }
            Wait::Silence(beside) => 1_800_000_000_u64.saturating_add_signed(beside.into()),
        };
        self.micros += micros;
        let millis = i64::try_from(micros.div_ceil(1_000)).expect("a few hours");
        self.wall = self.wall.shifted(millis);
    }

    fn timeout(&mut self) {
        let before = self.server.last_batch();
        let clients = self.server.clients();
        self.server.handle_timeout(self.now());
        assert_eq!(self.server.last_batch(), before, "batches are given out by polling");
        if self.server.clients() == clients {
            let later = |at: Instant| at.as_micros() > self.micros;
            assert!(self.server.poll_timeout().is_none_or(later), "it asks for what it just had");
        }
        let known: Vec<_> = self.server.snapshot().filter_map(client_of).collect();
        let time = self.server.latest().as_millis();
        self.auditor.timeout(self.micros, self.wall.as_millis(), time, &known);
        self.polled = false;
    }

    fn keep_snapshot(&mut self) {
        if self.polled && self.pending.is_empty() {
            self.auditor.snapshot();
            self.snapshot = (self.server.last_batch(), self.server.snapshot().collect());
        }
    }

    fn crash(&mut self) {
        self.pending.clear();
        self.auditor.crash();
        self.micros = 0;
        let mut server = Server::new(self.durable.len() as u128);
        let (covered, items) = &self.snapshot;
        for item in items.iter().cloned() {
            server.restore(item).expect("a snapshot that was made can be restored");
        }
        server.resume_after(*covered);
        for batch in self.durable.iter().filter(|batch| batch.number > *covered) {
            for record in batch.records.iter().cloned() {
                server.replay(record).expect("what was appended can be replayed");
            }
            server.resume_after(batch.number);
        }
        self.server = server;
        self.polled = true;
    }

    /// The disk keeps up, and everybody gets an answer.
    fn rest(&mut self) {
        self.turn();
        while !self.pending.is_empty() {
            self.commit(usize::MAX);
            self.turn();
        }
        self.auditor.rest();
    }
}

fn client_of(item: SnapshotItem) -> Option<[u8; 16]> {
    match item {
        SnapshotItem::Client(record) => Some(*record.client.as_bytes()),
        _ => None,
    }
}

/// The canonical bytes of chapter 12, written apart from the library.
fn bytes_of(sheet: &Sheet) -> Vec<u8> {
    let numbers = [
        u64::from(sheet.class.get()),
        sheet.opened_at.as_millis(),
        sheet.closed_at.as_millis(),
        sheet.marks.len() as u64,
    ];
    let mut bytes: Vec<u8> = numbers.into_iter().flat_map(laws::varint).collect();
    for mark in &sheet.marks {
        bytes.extend(laws::byte_string(mark.student.as_bytes()));
        bytes.extend(laws::varint(mark.at.as_millis()));
    }
    bytes
}
