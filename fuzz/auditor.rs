//! A second server, as naive as the specification allows, that says what every answer must be.
//!
//! It shares no code with the product: it reads requests and writes answers itself, keeps everything
//! in ordered maps, compares bodies instead of checksums, and keeps a copy of its whole state for
//! each batch, so that a crash is going back to a copy. Only what a server may choose is taken from
//! the server and judged instead of predicted: when a client is forgotten, and how many roll calls
//! a list has.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::laws::{byte_string, crc32, frame, varint};

/// Milliseconds that a first request may be away from the server's time (R-JUDGE-11).
const WINDOW_MILLIS: u64 = 900_000;
/// Microseconds of silence after which a client may be forgotten (R-FORGET-1).
const SILENCE_MICROS: u64 = 2 * 900_000_000;
/// The end of the year 9999.
const TIME_MAX_MILLIS: u64 = 253_402_300_799_999;

pub(crate) type ClientName = [u8; 16];

/// Judges what a server says and appends.
#[derive(Default)]
pub(crate) struct Auditor {
    present: State,
    /// The state after each batch; the first is the empty one.
    saved: Vec<State>,
    /// Something happened that no batch holds yet.
    unsaved: bool,
    durable: usize,
    /// What must still be answered: the request's place and length, and the answer.
    owed: BTreeMap<usize, Owed>,
    handed: usize,
}

#[derive(Clone, Default)]
struct State {
    /// The server time (R-TIME-1).
    time: u64,
    /// The latest time that the journal holds (R-TIME-2).
    written: u64,
    clients: BTreeMap<ClientName, Client>,
    open: BTreeMap<u32, RollCall>,
    last_sheets: BTreeMap<u32, SheetInfo>,
    /// The canonical bytes of every sheet, in the order of their closes.
    sheets: Vec<Vec<u8>>,
}

#[derive(Clone)]
struct Client {
    started: u64,
    number: u64,
    /// Kind and body without the attempt.
    body: Vec<u8>,
    answer: Vec<u8>,
    /// In which batch this is.
    batch: usize,
    heard_micros: u64,
}

#[derive(Clone)]
struct RollCall {
    opened_at: u64,
    marks: Vec<(Vec<u8>, u64)>,
}

#[derive(Clone)]
struct SheetInfo {
    bytes: Vec<u8>,
}

struct Owed {
    request_bytes: usize,
    /// Not before this batch is durable (R-DURABLE-1).
    after: usize,
    /// Any of these.
    answers: Vec<Vec<u8>>,
    /// A block of this sheet: it may be known by the time of the answer.
    block: Option<(Said, [u8; 32], u64)>,
}

/// Who asked, under which number.
#[derive(Clone, Copy)]
struct Said {
    client: ClientName,
    number: u64,
}

impl Auditor {
    pub(crate) fn new() -> Self {
        Self { saved: vec![State::default()], ..Self::default() }
    }

    /// Notes a datagram that the server gets, and what it owes for it. Gives its place.
    pub(crate) fn datagram(&mut self, micros: u64, wall: u64, datagram: &[u8]) -> usize {
        let place = self.handed;
        self.handed += 1;
        let mut block = None;
        let answers = match Asked::read(datagram) {
            Reading::Nothing => return place,
            Reading::OtherVersion => vec![frame(0, 0xff, &[1, 1])],
            Reading::Asked(asked) => {
                if let What::Block { sheet, index } = asked.what {
                    block = Some((asked.said, sheet, index));
                }
                self.asked(micros, wall, &asked)
            }
        };
        let request_bytes = datagram.len();
        if !answers.is_empty() {
            let after = self.saved.len() - usize::from(!self.unsaved);
            self.owed.insert(place, Owed { request_bytes, after, answers, block });
        }
        place
    }

    /// The server appends a batch with these sheets.
    pub(crate) fn appended(&mut self, number: u64, sheets: &[Vec<u8>]) {
        assert!(self.unsaved, "a batch, although nothing happened");
        assert_eq!(number, self.saved.len() as u64, "batches are counted without gaps");
        let before = self.saved.last().expect("the empty one").sheets.len();
        assert_eq!(self.present.sheets[before..], *sheets, "the sheets that were closed");
        self.saved.push(self.present.clone());
        self.unsaved = false;
    }

    pub(crate) fn durable(&mut self, batch: u64) {
        self.durable = usize::try_from(batch).expect("few batches");
    }

    /// The server sends an answer.
    pub(crate) fn sent(&mut self, place: usize, answer: &[u8]) {
        let owed = self.owed.remove(&place).expect("an answer that nobody waits for (R-KIND-2)");
        assert!(owed.after <= self.durable, "told before it was durable (R-DURABLE-1)");
        assert!(answer.len() <= owed.request_bytes, "longer than its request (R-SIZE-3)");
        let mut answers = owed.answers;
        if let Some((said, sheet, index)) = owed.block {
            answers.push(self.block(said, sheet, index));
        }
        assert!(
            answers.iter().any(|it| it == answer),
            "answered {answer:02x?}\n instead of {answers:02x?}"
        );
    }

    /// Time has passed for the server, which now has this time and knows these clients.
    pub(crate) fn timeout(&mut self, micros: u64, wall: u64, time: u64, known: &[ClientName]) {
        let State { clients, written, time: before, .. } = &mut self.present;
        assert!(time == *before || time == wall.max(*before), "R-TIME-1");
        *before = time;
        let forgotten: Vec<_> =
            clients.keys().filter(|client| !known.contains(client)).copied().collect();
        for client in forgotten {
            let Client { started, heard_micros, .. } = clients.remove(&client).expect("listed");
            assert!(micros.saturating_sub(heard_micros) > SILENCE_MICROS, "R-FORGET-1");
            assert!(started.abs_diff(time) > WINDOW_MILLIS, "R-FORGET-2");
            *written = time;
            self.unsaved = true;
        }
        assert_eq!(clients.len(), known.len(), "a client that nobody ever was");
    }

    /// A snapshot is written that holds everything up to the last batch.
    pub(crate) fn snapshot(&mut self) {
        assert!(!self.unsaved && self.durable + 1 == self.saved.len());
        let time = self.present.time;
        self.saved.last_mut().expect("the empty one").written = time;
    }

    /// The process dies, and another one starts from what is durable. Its clock starts at zero.
    pub(crate) fn crash(&mut self) {
        self.saved.truncate(self.durable + 1);
        self.present = self.saved[self.durable].clone();
        self.present.time = self.present.written;
        for client in self.present.clients.values_mut() {
            client.heard_micros = 0; // R-FORGET-4
        }
        self.unsaved = false;
        self.owed.clear();
    }

    /// Everything is durable and sent: nobody waits any more.
    pub(crate) fn rest(&self) {
        assert!(!self.unsaved, "something happened that was never appended");
        assert!(self.owed.is_empty(), "no answer to {:?}", self.owed.keys());
    }

    /// The names of the sheets that were closed, to be asked for.
    pub(crate) fn sheet(&self, which: usize) -> Option<[u8; 32]> {
        let sheets = &self.present.sheets;
        (!sheets.is_empty()).then(|| Sha256::digest(&sheets[which % sheets.len()]).into())
    }

    fn asked(&mut self, micros: u64, wall: u64, asked: &Asked) -> Vec<Vec<u8>> {
        let said = asked.said;
        match asked.what {
            What::Status { from } => self.lists(said, from),
            What::Sheet { class } => {
                let info = self.present.last_sheets.get(&class);
                let body = info.map_or(vec![0], |info| [&[1][..], &info.bytes].concat());
                vec![said.answer(0x92, &body)]
            }
            What::Block { sheet, index } => vec![self.block(said, sheet, index)],
            What::Perform { started, ref operation } => {
                self.judged(micros, wall, asked, started, operation).into_iter().collect()
            }
        }
    }

    /// The table of chapter 10, from top to bottom.
    fn judged(
        &mut self,
        micros: u64,
        wall: u64,
        asked: &Asked,
        started: u64,
        operation: &Operation,
    ) -> Option<Vec<u8>> {
        let Said { client, number } = asked.said;
        let state = &mut self.present;
        state.time = state.time.max(wall);
        let time = state.time;
        let first_started = match state.clients.get_mut(&client) {
            Some(known) => {
                known.heard_micros = micros;
                if known.number == number {
                    if known.body != asked.body {
                        return Some(asked.said.answer(0xa1, &[]));
                    }
                    return (known.batch <= self.durable).then(|| known.answer.clone());
                }
                if known.number.checked_add(1) != Some(number) {
                    return Some(asked.said.answer(0xa2, &[]));
                }
                known.started
            }
            None if number != 1 => return Some(asked.said.answer(0xa3, &[])),
            None => started,
        };
        let new = !state.clients.contains_key(&client);
        let answer = if new && started.abs_diff(time) > WINDOW_MILLIS {
            let answer = asked.said.answer(0xa4, &varint(time));
            if started < time {
                // Told, so the journal must hold it first (R-TIME-3).
                self.unsaved |= state.written < time;
                state.written = state.written.max(time);
                return Some(answer);
            }
            answer
        } else {
            state.execute(asked.said, operation)
        };
        state.written = time;
        self.unsaved = true;
        let batch = self.saved.len();
        let body = asked.body.clone();
        let known = Client {
            started: first_started,
            number,
            body,
            answer: answer.clone(),
            batch,
            heard_micros: micros,
        };
        self.present.clients.insert(client, known);
        Some(answer)
    }

    /// Every list that would do: all of them from `from` on, or the first few and "more".
    fn lists(&self, said: Said, from: u32) -> Vec<Vec<u8>> {
        let open: Vec<_> = self.present.open.range(from..).collect();
        let list = |count: usize| {
            let mut body = varint(count as u64);
            for &(class, roll_call) in &open[..count] {
                body.extend(varint((*class).into()));
                body.extend(varint(roll_call.opened_at));
                body.extend(varint(roll_call.marks.len() as u64));
            }
            body.push(u8::from(count < open.len()));
            said.answer(0x91, &body)
        };
        (open.len().min(1)..=open.len()).map(list).collect()
    }

    fn block(&self, said: Said, sheet: [u8; 32], index: u64) -> Vec<u8> {
        let found = self.present.sheets.iter().find(|it| Sha256::digest(it)[..] == sheet[..]);
        let block = found.and_then(|bytes| bytes.chunks(1_024).nth(usize::try_from(index).ok()?));
        said.answer(0x93, &byte_string(block.unwrap_or_default()))
    }
}

impl State {
    /// Chapter 11.
    fn execute(&mut self, said: Said, operation: &Operation) -> Vec<u8> {
        let at = self.time;
        match operation {
            Operation::Open(class) => {
                let already = self.open.contains_key(class);
                let new = || RollCall { opened_at: at, marks: Vec::new() };
                let open = self.open.entry(*class).or_insert_with(new);
                let body = [varint((*class).into()), varint(open.opened_at), vec![already.into()]];
                said.answer(0x81, &body.concat())
            }
            Operation::Mark(class, student) => {
                let Some(open) = self.open.get_mut(class) else {
                    return said.answer(0x83, &[vec![0], varint(at), vec![17]].concat());
                };
                let first = open.marks.iter().find(|mark| mark.0 == *student).map(|mark| mark.1);
                if first.is_none() {
                    open.marks.push((student.clone(), at));
                }
                let since = varint(first.unwrap_or(at));
                let standing = vec![first.is_some().into()];
                said.answer(0x83, &[varint((*class).into()), since, standing].concat())
            }
            Operation::Close(class) => {
                let open = self.open.remove(class);
                let already = open.is_none();
                if let Some(open) = open {
                    let sheet = open.sheet(*class, at);
                    self.last_sheets.insert(*class, open.info(*class, at, &sheet));
                    self.sheets.push(sheet);
                }
                match self.last_sheets.get(class) {
                    Some(info) => said.answer(0x82, &[&info.bytes[..], &[already.into()]].concat()),
                    None => said.answer(0x84, &[varint(at), vec![2]].concat()),
                }
            }
        }
    }
}

impl RollCall {
    /// The canonical bytes of chapter 12.
    fn sheet(&self, class: u32, closed_at: u64) -> Vec<u8> {
        let mut bytes = [varint(class.into()), varint(self.opened_at), varint(closed_at)].concat();
        bytes.extend(varint(self.marks.len() as u64));
        for (student, at) in &self.marks {
            bytes.extend(byte_string(student));
            bytes.extend(varint(*at));
        }
        bytes
    }

    fn info(&self, class: u32, closed_at: u64, sheet: &[u8]) -> SheetInfo {
        let numbers = [
            u64::from(class),
            self.opened_at,
            closed_at,
            self.marks.len() as u64,
            sheet.len() as u64,
        ];
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
        bytes.extend_from_slice(&Sha256::digest(sheet));
        SheetInfo { bytes }
    }
}

impl Said {
    fn answer(self, kind: u8, rest: &[u8]) -> Vec<u8> {
        frame(1, kind, &[&self.client[..], &varint(self.number), rest].concat())
    }
}

// Reading requests.

struct Asked {
    said: Said,
    what: What,
    body: Vec<u8>,
}

enum What {
    Perform { started: u64, operation: Operation },
    Status { from: u32 },
    Sheet { class: u32 },
    Block { sheet: [u8; 32], index: u64 },
}

enum Operation {
    Open(u32),
    Close(u32),
    Mark(u32, Vec<u8>),
}

enum Reading {
    /// Never answered.
    Nothing,
    /// Answered with the versions.
    OtherVersion,
    Asked(Asked),
}

impl Asked {
    fn read(datagram: &[u8]) -> Reading {
        if !(8..=1_200).contains(&datagram.len()) || !datagram.starts_with(b"RC") {
            return Reading::Nothing;
        }
        match datagram[2] {
            1 => Self::read_body(datagram).map_or(Reading::Nothing, Reading::Asked),
            0 => Reading::Nothing,
            _ if datagram.len() >= 10 => Reading::OtherVersion,
            _ => Reading::Nothing,
        }
    }

    fn read_body(datagram: &[u8]) -> Option<Self> {
        let (covered, checksum) = datagram.split_at(datagram.len() - 4);
        if crc32(covered).to_le_bytes() != checksum {
            return None;
        }
        let kind = covered[3];
        let mut rest = Rest(&covered[4..]);
        rest.take(1)?;
        let client = rest.take(16)?.try_into().expect("16 bytes");
        let number = rest.number(u64::MAX).filter(|&number| number > 0)?;
        let (what, least) = match kind {
            0x01..=0x03 => {
                let started = rest.number(TIME_MAX_MILLIS)?;
                let class = rest.class()?;
                let (operation, least) = match kind {
                    0x01 => (Operation::Open(class), 48),
                    0x02 => (Operation::Close(class), 96),
                    _ => (Operation::Mark(class, rest.student()?), 48),
                };
                (What::Perform { started, operation }, least)
            }
            0x11 => (What::Status { from: rest.class()? }, 64),
            0x12 => (What::Sheet { class: rest.class()? }, 96),
            0x13 => {
                let sheet = rest.take(32)?.try_into().expect("32 bytes");
                (What::Block { sheet, index: rest.number(u32::MAX.into())? }, 1_060)
            }
            _ => return None,
        };
        let padding = rest.byte_string()?;
        let whole = rest.0.is_empty() && padding.iter().all(|&byte| byte == 0);
        let body = [&[kind], &covered[5..]].concat();
        let asked = Self { said: Said { client, number }, what, body };
        (whole && datagram.len() >= least).then_some(asked)
    }
}

/// What of a body is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number in the one form that it has.
    fn number(&mut self, max: u64) -> Option<u64> {
        let length = self.0.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
        let bytes = self.take(length)?;
        let number = bytes.iter().rev().try_fold(0_u64, |number, byte| {
            number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))
        })?;
        (number <= max && varint(number) == bytes).then_some(number)
    }

    fn class(&mut self) -> Option<u32> {
        let class = u32::try_from(self.number(u32::MAX.into())?).expect("bounded");
        (class > 0).then_some(class)
    }

    fn byte_string(&mut self) -> Option<&'a [u8]> {
        let length = self.number(1_200)?;
        self.take(usize::try_from(length).expect("bounded"))
    }

    fn student(&mut self) -> Option<Vec<u8>> {
        let student = self.byte_string()?;
        let fits = (1..=32).contains(&student.len()) && student.iter().all(u8::is_ascii_graphic);
        fits.then(|| student.to_vec())
    }
}
