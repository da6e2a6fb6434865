//! The laws of the server: whatever arrives, whenever it is durable, whatever the clocks do and
//! however often the process dies, each request is answered as the auditor says, once, not before
//! it may be, and in the end every request that is owed an answer has one.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use arbitrary::{Arbitrary, Unstructured};
use rollcall::access::{InviteCode, RoomCode, Terms};
use rollcall::exchange::{
    Act, Ask, FileEntry, FileInfo, FileState, Operation, Pull, Query, Request, encode_request,
};
use rollcall::ids::{
    ActNumber, ClassId, ClientId, ContentId, Cookie, DeviceId, FileKey, RequestNumber,
    RollCallNumber,
};
use rollcall::journal::encoding::encode_items;
use rollcall::record::{Batch, Recovery as _, RowsQuestion, SnapshotItem, SnapshotPart};
use rollcall::roll::{ClosedSheet, Sheet};
use rollcall::server::{FolderRequest, Output, PieceRead, Server, SheetsQuestion};
use rollcall::stats::Counter;
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;
use sha2::{Digest as _, Sha256};

use crate::auditor::{Auditor, Content};
use crate::laws;
use crate::rows::rows;

const START_MILLIS: u64 = 1_795_353_480_000;
const STEPS_MAX: usize = 200;
const MINUTE_MILLIS: i64 = 60_000;
/// The pulled blocks that leave in one turn at most.
const BLOCKS_PER_TURN_MAX: u32 = 32;

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
    Crash(u8),
    Snapshot,
    Pull {
        who: u8,
        object: Object,
        proof: Proof,
        first: u8,
        wanted: u64,
    },
    /// A file comes, is another one now, or goes.
    Folder(u8, u8),
    /// A datagram of another version, of any length.
    Version(u8, u8),
    /// What a client does that keeps to the protocol and hears its answer. Without these, chance alone
    /// hardly ever opens a class, marks in it and closes it.
    Honest {
        who: u8,
        deed: Deed,
        /// A copy of it comes before its batch is durable.
        twice: bool,
    },
    /// A class is opened, several students are marked, and perhaps it is closed.
    Lesson {
        who: u8,
        class: u8,
        students: u8,
        closes: bool,
    },
    /// Blocks are pulled from an address that has proved itself just before, or up to three minutes
    /// ago.
    Fetch {
        who: u8,
        object: Object,
        first: u8,
        wanted: u64,
        minutes: u8,
    },
}

#[derive(Arbitrary, Debug)]
enum Deed {
    Open(u8),
    Close(u8),
    Mark(u8, u8),
}

#[derive(Arbitrary, Debug)]
enum Object {
    File(u8),
    Sheet(u8),
    None(u8),
}

#[derive(Arbitrary, Debug)]
enum Proof {
    None,
    /// What this address was given last.
    Last,
    /// What some address was given at some time.
    Others(u8),
    Made(u8),
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
    Files(u8),
    File(u8),
    FileBlock(u8, u8),
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

/// The way back to a client, by which an answer is known: the server's cookies know only the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    address: u8,
    place: usize,
}

impl Hash for Way {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

/// A server with its disk, its folder, its clocks, and somebody who knows what it should say.
pub(crate) struct Hall {
    pub(crate) server: Server<Way>,
    pub(crate) auditor: Auditor,
    micros: u64,
    pub(crate) wall: WallTime,
    /// Appended, not durable.
    pending: Vec<Batch>,
    durable: Vec<Batch>,
    snapshot: (u64, Vec<SnapshotItem>),
    /// The parts of a snapshot that is being made, and one that is to be kept after its batch.
    parts: Vec<SnapshotItem>,
    part: Option<SnapshotPart>,
    /// Sheets to be read, as soon as what was appended before is durable.
    loads: Vec<ContentId>,
    /// Rows to be read, as soon as that is.
    questions: Vec<RowsQuestion>,
    /// The pulled blocks that have left in this turn.
    given: u32,
    starts: u128,
    polled: bool,
    /// Whether a snapshot was asked for that begins with the next batch.
    snapshot_due: bool,
    sent: Vec<(u8, Vec<u8>)>,
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
    pub(crate) fn new() -> Self {
        let wall = WallTime::from_millis(START_MILLIS);
        let mut auditor = Auditor::new();
        auditor.file_becomes(0, b"a", Some(content(0, 9)));
        auditor.file_becomes(0, b"b", Some(Vec::new()));
        let mut server = Server::new(1);
        server.offer_files();
        server.limit_snapshot_parts(3);
        Self {
            server,
            auditor,
            micros: 0,
            wall,
            pending: Vec::new(),
            durable: Vec::new(),
            snapshot: (0, Vec::new()),
            parts: Vec::new(),
            part: None,
            loads: Vec::new(),
            questions: Vec::new(),
            given: 0,
            starts: 1,
            polled: true,
            snapshot_due: false,
            sent: Vec::new(),
            heard: Vec::new(),
            clients: [Caller { number: 0, started: wall }; 4],
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask { who, number, started, what, padding } => {
                let datagram = self.request(who, &number, &started, &what, padding);
                self.hand(who % 4, &datagram);
                self.sent.push((who % 4, datagram));
            }
            Step::Pull { who, object, proof, first, wanted } => {
                let datagram = self.pull(who % 4, &object, &proof, first, wanted);
                self.hand(who % 4, &datagram);
                self.sent.push((who % 4, datagram));
            }
            Step::Folder(which, size) => {
                let content = (size > 0).then(|| content(which, size));
                self.auditor.file_becomes(self.micros, name(which), content);
            }
            Step::Again { which, attempt } => self.again(which, attempt),
            Step::Echo(which) => {
                let heard = self.heard.get(usize::from(which) % self.heard.len().max(1));
                if let Some(datagram) = heard.cloned() {
                    self.hand(0, &datagram);
                }
            }
            Step::Bytes(bytes) => _ = self.hand(0, &bytes),
            Step::Framed(kind, body) => _ = self.hand(0, &laws::frame(1, kind, &body)),
            Step::Turn => self.turn(),
            Step::Commit(count) => self.commit(usize::from(count % 4)),
            Step::Wait(wait) => self.wait(&wait),
            Step::Jump(minutes) => {
                self.wall = self.wall.shifted(i64::from(minutes) * MINUTE_MILLIS);
            }
            Step::Timeout => self.timeout(),
            // Not each time: what grows between two crashes is what they can destroy.
            Step::Crash(dice) if dice < 64 => self.crash(),
            Step::Crash(_) => {}
            Step::Snapshot => self.keep_snapshot(),
            Step::Version(version, length) => {
                let body = vec![0; usize::from(length)];
                self.hand(0, &laws::frame(version, 0x01, &body));
            }
            Step::Honest { who, deed, twice } => self.honest(who % 4, &deed, twice),
            Step::Lesson { who, class, students, closes } => {
                self.honest(who % 4, &Deed::Open(class), false);
                for student in 0..students % 40 {
                    // Long names, so that a sheet has several blocks.
                    self.honest(who % 4, &Deed::Mark(class, 200 + student), false);
                }
                if closes {
                    self.honest(who % 4, &Deed::Close(class), false);
                }
            }
            Step::Fetch { who, object, first, wanted, minutes } => {
                if let Object::File(which) = object {
                    // The first question makes it read, the second tells what is in it.
                    for _ in 0..2 {
                        let what = What::File(which);
                        let datagram =
                            self.request(who % 4, &Number::First, &Started::AsBefore, &what, 0);
                        self.hand(who % 4, &datagram);
                        self.settle();
                    }
                }
                for proof in [Proof::None, Proof::Last] {
                    let datagram = self.pull(who % 4, &object, &proof, first, wanted | 1);
                    self.hand(who % 4, &datagram);
                    self.sent.push((who % 4, datagram));
                    self.settle();
                    if matches!(proof, Proof::None) {
                        self.wait(&Wait::Minutes(minutes.saturating_sub(250).min(3)));
                    }
                }
            }
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
            What::Open(which) => Ok(Operation::Open { class: class(which), terms: Terms::PLAIN }),
            What::Close(which) => Ok(Operation::Close { class: class(which) }),
            What::Mark(which, student) => {
                // Long ones too, so that a sheet has several blocks.
                let length = if student < 200 { 1 } else { 32 };
                // And some with a code, which nobody looks at here.
                let code = RoomCode::new(which.into()).filter(|_| (100..200).contains(&student));
                let student = format!("{:0length$}", student % 100).parse().expect("digits");
                Ok(Operation::Mark { class: class(which), student, code })
            }
            What::Status(from) => Err(Ask::Read(Query::Status { from: class(from) })),
            What::Sheet(which) => {
                let at_most = if which < 200 { u32::MAX } else { u32::from(which - 199) };
                let at_most = RollCallNumber::new(at_most).expect("not zero");
                Err(Ask::Read(Query::Sheets { class: class(which), at_most }))
            }
            What::Block(which, index) => {
                let name = self.auditor.sheet(which.into()).unwrap_or_default();
                Err(lone_pull(ContentId::from_bytes(name), u32::from(index % 4)))
            }
            What::NoBlock(byte) => Err(lone_pull(ContentId::from_bytes([byte; 32]), 0)),
            What::Files(from) => Err(Ask::Read(Query::Files { from: from.into() })),
            What::File(which) => {
                let key = Sha256::digest(name(which))[..16].try_into().expect("16 bytes");
                Err(Ask::Read(Query::File { file: FileKey::from_bytes(key) }))
            }
            What::FileBlock(which, index) => {
                let object = self.object(&Object::File(which));
                Err(lone_pull(object, u32::from(index % 8)))
            }
        };
        // Much padding is never needed, so that some of its numbers say: what only a device may ask.
        let operation =
            if padding < OF_PEOPLE { operation } else { of_people(&operation, padding) };
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
            Err(ask) => ask,
        };
        let client = ClientId::from_bytes([who % 4; 16]);
        let number = RequestNumber::new(next).unwrap_or(RequestNumber::FIRST);
        let request = Request { attempt: 1, client, number, ask: ask.clone() };
        // Just long enough or a little longer; sometimes too short.
        let least = match ask.kind().byte() {
            0x01 | 0x03 | 0x05 => 48,
            0x04 => 108,
            0x11 => 64,
            0x18 => 76,
            0x13 | 0x16 | 0x17 | 0x19 | 0x1a => 1_161,
            0x14 => 80,
            0x15 => 1_065,
            _ => 102,
        };
        let bare = laws::request(&request, 0).len();
        let zeros = laws::padding_of(&request, least.max(bare)) + usize::from(padding % 64);
        laws::request(&request, zeros.min(laws::padding_of(&request, 1_200)))
    }

    /// An operation under the number and the start that the server takes, and its answer.
    fn honest(&mut self, who: u8, deed: &Deed, twice: bool) {
        let what = match *deed {
            Deed::Open(class) => What::Open(class),
            Deed::Close(class) => What::Close(class),
            Deed::Mark(class, student) => What::Mark(class, student),
        };
        let next = self.auditor.last_number([who; 16]).map_or(1, |last| last.saturating_add(1));
        let caller = &mut self.clients[usize::from(who)];
        caller.number = next.saturating_sub(1);
        if next == 1 {
            caller.started = self.wall.max(self.server.latest());
        }
        let datagram = self.request(who, &Number::Next, &Started::AsBefore, &what, 0);
        self.hand(who, &datagram);
        if twice {
            self.turn();
            self.hand(who, &datagram);
        }
        self.sent.push((who, datagram));
        self.settle();
    }

    /// The disk keeps up, and what can be answered in this turn is.
    pub(crate) fn settle(&mut self) {
        self.turn();
        while !self.pending.is_empty() {
            self.commit(usize::MAX);
            self.turn();
        }
    }

    fn object(&self, object: &Object) -> ContentId {
        let name = match *object {
            Object::File(which) => {
                let content = self.auditor.files().get(name(which));
                content.map(|it| it.name)
            }
            Object::Sheet(which) => self.auditor.sheet(which.into()),
            Object::None(byte) => Some([byte; 32]),
        };
        ContentId::from_bytes(name.unwrap_or_default())
    }

    fn pull(&self, who: u8, object: &Object, proof: &Proof, first: u8, wanted: u64) -> Vec<u8> {
        let cookie = match *proof {
            Proof::None => None,
            Proof::Last => self.auditor.cookie(Some(who.into()), 0),
            Proof::Others(which) => self.auditor.cookie(None, which.into()),
            Proof::Made(byte) => Some([byte; 16]),
        };
        let cookie = Cookie::from_bytes(cookie.unwrap_or_default());
        // Mostly near the beginning; some at the very end, where not every map fits.
        let first = if first < 250 { u32::from(first % 8) } else { u32::MAX - u32::from(first) };
        let ask = Ask::Pull(Pull { object: self.object(object), cookie, first, wanted });
        let client = ClientId::from_bytes([who; 16]);
        laws::request(&Request { attempt: 1, client, number: RequestNumber::FIRST, ask }, 0)
    }

    fn now(&self) -> Now {
        Now { instant: Instant::from_micros(self.micros), wall: self.wall }
    }

    /// The server gets a datagram. False if it has to read something before it looks at it.
    pub(crate) fn hand(&mut self, address: u8, datagram: &[u8]) -> bool {
        let (wall, place) = (self.wall.as_millis(), self.auditor.place());
        let loading = |server: &Server<Way>| server.stats().get(Counter::Loading);
        let before = loading(&self.server);
        self.server.handle_datagram(self.now(), Way { address, place }, datagram);
        let loads = loading(&self.server) > before;
        self.auditor.datagram(address.into(), self.micros, wall, datagram, loads);
        self.polled = false;
        !loads
    }

    /// An earlier datagram again, with the attempt number that it may have by then.
    pub(crate) fn again(&mut self, which: u8, attempt: u8) {
        let which = usize::from(which) % self.sent.len().max(1);
        let Some((from, datagram)) = self.sent.get(which) else { return };
        let mut body = datagram[4..datagram.len() - 4].to_vec();
        body[0] = attempt;
        let again = laws::frame(1, datagram[3], &body);
        self.hand(*from, &again);
    }

    /// Something is asked under the number and the start that the server takes. False if it has to read
    /// something first.
    pub(crate) fn ask(&mut self, who: u8, ask: impl FnOnce(WallTime) -> Ask) -> bool {
        let next = self.auditor.last_number([who; 16]).map_or(1, |last| last.saturating_add(1));
        let caller = &mut self.clients[usize::from(who)];
        caller.number = next;
        if next == 1 {
            caller.started = self.wall.max(self.server.latest());
        }
        let client = ClientId::from_bytes([who; 16]);
        let number = RequestNumber::new(next).expect("above zero");
        let request = Request { attempt: 1, client, number, ask: ask(caller.started) };
        let mut datagram = Datagram::new();
        encode_request(&request, &mut datagram);
        let datagram = datagram.as_bytes().to_vec();
        let taken = self.hand(who, &datagram);
        self.sent.push((who, datagram));
        taken
    }

    /// The last datagram again.
    pub(crate) fn last_again(&mut self) -> bool {
        let Some((who, datagram)) = self.sent.last().cloned() else { return true };
        self.hand(who, &datagram)
    }

    /// The sheets that are durable.
    pub(crate) fn sheets(&self) -> impl Iterator<Item = &ClosedSheet> {
        self.durable.iter().flat_map(|it| &it.sheets)
    }

    /// A sheet is pulled block by block from an address that has proved itself just before.
    pub(crate) fn fetch(&mut self, who: u8, sheet: u8) {
        for proof in [Proof::None, Proof::Last] {
            let datagram = self.pull(who, &Object::Sheet(sheet), &proof, 0, 0xff);
            self.hand(who, &datagram);
            self.settle();
        }
    }

    /// The server's loop turns, with a disk that takes its time.
    pub(crate) fn turn(&mut self) {
        let mut space = Datagram::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Append(batch) => {
                    let sheets: Vec<_> = batch.sheets.iter().map(bytes_read).collect();
                    self.auditor.appended(batch.number, &sheets);
                    if std::mem::take(&mut self.snapshot_due) {
                        assert!(self.auditor.snapshot_begins(), "it begins with this batch");
                    }
                    self.pending.push(batch);
                }
                Output::Transmit { to } => {
                    self.auditor.sent(to.place, space.as_bytes());
                    self.given += u32::from(space.as_bytes()[3] == 0x95);
                    assert!(self.given <= BLOCKS_PER_TURN_MAX, "too many blocks in one turn");
                    self.heard.push(space.as_bytes().to_vec());
                }
                Output::Snapshot(part) => self.part = Some(part),
                Output::Folder(order) => self.obey(order),
                Output::Load(content) => {
                    self.loads.push(content);
                    self.load();
                }
                Output::ListSheets(question) => self.list_sheets(question),
                Output::ListRows(question) => {
                    self.questions.push(question);
                    self.load();
                }
            }
        }
        // While the disk is at work, a sheet that is pulled may have to wait for it to be read.
        if self.pending.is_empty() && self.auditor.owes_blocks() {
            assert_eq!(self.server.poll_timeout(), Some(Instant::ZERO), "there is more to give");
        }
        self.polled = true;
    }

    /// Reads the sheets of a class in brief, of what is durable.
    fn list_sheets(&mut self, question: SheetsQuestion) {
        let SheetsQuestion { class, at_most, limit } = question;
        let infos = self.durable.iter().flat_map(|it| &it.sheets).map(|it| it.info);
        let infos = infos.filter(|it| it.class == class && it.number <= at_most);
        // Of each its last revision.
        let last: BTreeMap<_, _> = infos.map(|it| (it.number, it)).collect();
        self.server.handle_sheets(question, last.into_values().rev().take(limit + 1).collect());
    }

    /// Reads sheets, after what was appended before is durable.
    fn load(&mut self) {
        if !self.pending.is_empty() {
            return;
        }
        for content in self.loads.drain(..) {
            let mut sheets = self.durable.iter().flat_map(|it| &it.sheets);
            let found = sheets.find_map(|closed| {
                Some(bytes_read(closed)).filter(|bytes| ContentId::of(bytes) == content)
            });
            self.server.handle_sheet(content, found);
            self.polled = false;
        }
        for question in self.questions.drain(..) {
            let sheets: Vec<_> = self.durable.iter().flat_map(|it| &it.sheets).collect();
            self.server.handle_rows(question, &rows(question, &sheets));
            self.polled = false;
        }
    }

    /// Does what is to be done in the folder.
    fn obey(&mut self, order: FolderRequest) {
        let files = self.auditor.files();
        match order {
            FolderRequest::List => {
                let entry = |(name, content): (&Vec<u8>, &Content)| FileEntry {
                    name: std::str::from_utf8(name).expect("a name").parse().expect("a name"),
                    bytes: content.bytes.len() as u64,
                };
                self.server.handle_listing(files.iter().map(entry).collect());
            }
            FolderRequest::Describe(key) => {
                let of = |name: &[u8]| Sha256::digest(name)[..16] == *key.as_bytes();
                let Some((_, content)) = files.iter().find(|(name, _)| of(name)) else {
                    return self.server.handle_file(key, FileState::Absent);
                };
                let Content { ref bytes, name } = *content;
                let bytes = bytes.len() as u64;
                // At first a file is being read.
                let state = if self.auditor.knows(name) {
                    FileState::Ready(FileInfo { bytes, content: ContentId::from_bytes(name) })
                } else {
                    FileState::Reading { done: 0, bytes }
                };
                self.auditor.tells(name);
                self.server.handle_file(key, state);
            }
            FolderRequest::Read(piece) => {
                let found = files.values().find(|it| it.name == *piece.content.as_bytes());
                let read = found.map_or(PieceRead::Absent, |content| {
                    let blocks = content.bytes.chunks(1_024).skip(piece.first as usize);
                    let blocks = blocks.take(piece.blocks as usize);
                    PieceRead::Bytes(blocks.flatten().copied().collect())
                });
                self.server.handle_piece(piece, read);
            }
        }
    }

    pub(crate) fn commit(&mut self, count: usize) {
        for batch in self.pending.drain(..count.min(self.pending.len())) {
            self.server.handle_durable(batch.number);
            self.auditor.durable(batch.number);
            self.durable.push(batch);
            self.polled = false;
        }
        self.load();
        for _ in 0..count {
            if !self.keep_part() {
                break;
            }
            self.turn();
        }
    }

    /// Keeps a part of a snapshot whose batch is durable.
    fn keep_part(&mut self) -> bool {
        let durable = self.durable.last().map_or(0, |batch| batch.number);
        let Some(part) = self.part.take_if(|part| part.batch <= durable) else { return false };
        self.parts.extend(part.items);
        self.server.handle_snapshot_kept();
        if part.is_last {
            self.snapshot = (part.batch, std::mem::take(&mut self.parts));
            self.auditor.snapshot_is_kept();
        }
        true
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

    /// Both clocks go on.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.micros += 1_000 * millis;
        self.wall = self.wall.shifted(i64::try_from(millis).expect("a few hours"));
    }

    pub(crate) fn timeout(&mut self) {
        let before = self.server.last_batch();
        let clients = self.server.clients();
        self.server.handle_timeout(self.now());
        self.given = 0;
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

    pub(crate) fn keep_snapshot(&mut self) {
        // One at a time, and of what there is a batch of.
        let is_idle = self.part.is_none() && self.parts.is_empty() && !self.snapshot_due;
        if self.polled && is_idle {
            // What waits for the batch before to be durable is in none yet: then it begins with the next.
            self.snapshot_due = !self.auditor.snapshot_begins();
            assert!(!self.snapshot_due || !self.pending.is_empty(), "everything is in a batch");
            self.server.begin_snapshot();
            self.polled = false;
        }
    }

    pub(crate) fn crash(&mut self) {
        let is_durable = self.pending.is_empty() && self.auditor.is_saved();
        let before = is_durable.then(|| state_of(&self.server));
        self.pending.clear();
        self.loads.clear();
        self.questions.clear();
        self.parts.clear();
        self.part = None;
        self.snapshot_due = false;
        self.auditor.crash();
        self.micros = 0;
        self.given = 0;
        // Each process has a secret of its own.
        self.starts += 1;
        let mut server = Server::new(self.starts);
        server.offer_files();
        server.limit_snapshot_parts(3);
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
        if let Some(before) = before {
            assert_eq!(state_of(&server), before, "the journal is not what happened");
        }
        self.server = server;
        self.polled = true;
    }

    /// The disk keeps up, and everybody gets an answer.
    pub(crate) fn rest(&mut self) {
        self.settle();
        while self.auditor.owes_blocks() {
            self.timeout();
            self.turn();
            self.commit(usize::MAX);
            self.turn();
        }
        self.auditor.rest();
    }
}

/// From this padding on a request is another one, which plain requests may not ask or not so.
const OF_PEOPLE: u8 = 192;

/// What only a device may ask for, in place of this.
fn of_people(asked: &Result<Operation, Ask>, which: u8) -> Result<Operation, Ask> {
    let is_odd = which % 2 == 1;
    let device = DeviceId::from_bytes([which; 16]);
    match *asked {
        Ok(Operation::Open { class, .. }) if is_odd => {
            Ok(Operation::Open { class, terms: Terms::SEALED })
        }
        Ok(Operation::Mark { class, student, .. }) => {
            Ok(Operation::Mark { class, student, code: RoomCode::new(which.into()) })
        }
        Ok(Operation::Close { .. }) if is_odd => {
            Ok(Operation::Join { code: InviteCode::from_bytes([which; 10]) })
        }
        Ok(Operation::Open { class, .. }) => {
            let to = "João d'Água 王".parse().expect("a name");
            Ok(Operation::Act(Act::Give { class, to }))
        }
        Ok(_) => Ok(Operation::Act(Act::Revoke { device })),
        Err(Ask::Read(Query::Status { from })) => Err(Ask::Read(Query::Room { class: from })),
        Err(Ask::Read(Query::Sheets { class, .. })) => {
            Err(Ask::Read(Query::Spot { class, count: which % 20 + 1 }))
        }
        Err(Ask::Read(Query::Files { from })) => Err(Ask::Read(Query::Mine { skip: from })),
        Err(Ask::Read(_)) => Err(Ask::Read(Query::People { after: is_odd.then_some(device) })),
        Err(_) => Err(Ask::Read(Query::Acts { at_most: ActNumber::MAX })),
    }
}

fn name(which: u8) -> &'static [u8] {
    [&b"a"[..], b"b", b"Week 3.pdf"][usize::from(which % 3)]
}

/// Some bytes, others for another file or size.
fn content(which: u8, size: u8) -> Vec<u8> {
    (0..u32::from(size) * 300).map(|at| (at / 100).to_le_bytes()[0] ^ which).collect()
}

/// What a server knows, but for the time and the order in which its clients were heard.
fn state_of(server: &Server<Way>) -> Vec<Vec<u8>> {
    let is_kept = |item: &SnapshotItem| {
        !matches!(item, SnapshotItem::Latest(_) | SnapshotItem::KeptUntilPast(_))
    };
    let items = server.snapshot().filter(is_kept);
    let mut written: Vec<_> = items.map(|item| encode_items([item]).concat()).collect();
    written.sort();
    written
}

/// The bytes of a sheet that was made, which are those of what it says, and are read as that.
fn bytes_read(closed: &ClosedSheet) -> Vec<u8> {
    let (bytes, sheet) = (closed.bytes.to_vec(), closed.sheet());
    if sheet.supplement.is_none() {
        assert_eq!(bytes_of(&sheet), bytes, "a sheet has one form");
    }
    assert_eq!(sheet.to_bytes(), bytes, "written again it is other bytes");
    assert_eq!(Sheet::from_bytes(&bytes, &closed.info), Ok(sheet), "it is read as another sheet");
    bytes
}

fn client_of(item: SnapshotItem) -> Option<[u8; 16]> {
    match item {
        SnapshotItem::Client(record) | SnapshotItem::ClientOf { client: record, .. } => {
            Some(*record.client.as_bytes())
        }
        _ => None,
    }
}

/// One block, asked for without a cookie.
fn lone_pull(object: ContentId, first: u32) -> Ask {
    Ask::Pull(Pull { object, cookie: Cookie::NONE, first, wanted: 1 })
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
