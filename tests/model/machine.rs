//! The server's machine: the real server, the disk beside it, and all that can be seen of both.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rollcall::access::{Guest, InviteCode, Role};
use rollcall::exchange::{
    Act, Answer, Arrived, Ask, Closed, Corrected, Marked, Opened, Operation, Outcome, Request,
    decode_reply, decode_request, encode_request,
};
use rollcall::ids::{ClientId, DeviceId, RequestNumber};
use rollcall::principal::Principal;
use rollcall::record::{Batch, Record, Recovery as _, SnapshotItem};
use rollcall::roll::{ClientRecord, ClosedSheet, Mark, RegisterItem, Sheet};
use rollcall::server::{Output, Server};
use rollcall::time::{Now, WallTime};
use rollcall::wire::Datagram;

use crate::person::Bytes;
use crate::world::{hash_of, new_hasher, student};

/// An answer on its way or in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) to: usize,
    pub(crate) bytes: Bytes,
    pub(crate) client: ClientId,
    pub(crate) number: RequestNumber,
    pub(crate) answer: Answer,
    pub(crate) hash: u64,
}

impl Said {
    pub(crate) fn new(to: usize, datagram: &[u8]) -> Self {
        let reply = decode_reply(datagram).expect("a server sends replies");
        Self {
            to,
            bytes: datagram.into(),
            client: reply.client,
            number: reply.number,
            answer: reply.answer,
            hash: hash_of(&(to, datagram)),
        }
    }

    pub(crate) fn is_outcome(&self) -> bool {
        matches!(
            self.answer,
            Answer::Opened(_)
                | Answer::Closed(_)
                | Answer::Marked(_)
                | Answer::MarkRefused(_)
                | Answer::Refused(_)
                | Answer::Arrived(_)
                | Answer::Corrected(_)
        )
    }
}

#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) server: Server<usize>,
    /// Whether something happened since the server's loop last turned.
    pub(crate) turn_due: bool,
    /// Appended, not durable yet.
    pub(crate) pending: VecDeque<Batch>,
    disk: Disk,
    /// Of the nights, those since the server was started.
    pub(crate) nights_up: u8,
    /// All that can be seen, but for the replies that wait.
    pub(crate) seen: u64,
    /// The replies that wait, and for how many commits.
    pub(crate) held: Vec<(u8, Arc<Said>)>,
}

/// What is durable.
#[derive(Clone)]
struct Disk {
    /// The server that a restart would make.
    server: Server<usize>,
    sheets: Vec<Sheet>,
    executed: usize,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let disk = Disk { server: Server::new(2), sheets: Vec::new(), executed: 0 };
        Self {
            server: Server::new(1),
            turn_due: false,
            pending: VecDeque::new(),
            disk,
            nights_up: 0,
            seen: 0,
            held: Vec::new(),
        }
    }

    /// One that has a teacher: the first person's device.
    pub(crate) fn sealed(now: Now) -> Self {
        let mut machine = Self::new();
        let by = device(0);
        let name = "Ana".parse().expect("a name");
        let [admin, teacher] = [1, 2].map(|it| InviteCode::from_bytes([it; 10]));
        machine.server.invite_admin(now, admin.id(), name, now.wall.shifted(1));
        let guest = Guest::Staff { role: Role::Teacher, name };
        let mut space = Datagram::new();
        for (number, operation) in (1..).zip([
            Operation::Join { code: admin },
            Operation::Act(Act::Invite { invite: teacher.id(), guest }),
            Operation::Join { code: teacher },
        ]) {
            let ask = Ask::Perform { started: now.wall, operation };
            let number = RequestNumber::new(number).expect("above 0");
            let client = ClientId::from_bytes([0xaa; 16]);
            encode_request(&Request { attempt: 1, client, number, ask }, &mut space);
            machine.hear(now, 0, Some(by), space.as_bytes());
            while let Some(output) = machine.server.poll_output(&mut space) {
                if let Output::Append(batch) = output {
                    machine.pending.push_back(batch);
                    machine.commit();
                }
            }
        }
        machine.turn_due = false;
        machine.disk.executed = 0;
        machine
    }

    /// A request arrives from there, sealed with the key of that device or plainly.
    pub(crate) fn hear(&mut self, now: Now, from: usize, by: Option<DeviceId>, bytes: &[u8]) {
        match by {
            None => _ = self.server.handle_datagram(now, from, bytes),
            Some(device) => {
                let received = decode_request(bytes).expect("a client sends requests");
                let who = Principal::Device(device);
                self.server.handle_message(now, from, who, received, bytes.len());
            }
        }
        self.turn_due = true;
    }

    /// How many executions are durable.
    pub(crate) fn kept(&self) -> usize {
        self.disk.executed
    }

    pub(crate) fn sheets(&self) -> &[Sheet] {
        &self.disk.sheets
    }

    /// The oldest batch that waits becomes durable.
    pub(crate) fn commit(&mut self) {
        let batch = self.pending.pop_front().expect("only asked while something waits");
        for record in batch.records {
            self.disk.executed += usize::from(execution(&record).is_some());
            self.disk.server.replay(record).expect("what was appended can be replayed");
        }
        self.disk.server.resume_after(batch.number);
        self.disk.sheets.extend(batch.sheets.iter().map(ClosedSheet::sheet));
        self.server.handle_durable(batch.number);
    }

    /// The process dies, and another one starts from what is durable.
    pub(crate) fn crash(&mut self) {
        self.pending.clear();
        self.server = self.disk.server.clone();
        self.turn_due = false;
        self.nights_up = 0;
    }

    /// Whether a receipt is on disk, with its time.
    pub(crate) fn has(&self, receipt: &Said) -> bool {
        let sheets = &self.disk.sheets;
        match receipt.answer {
            Answer::Marked(Marked { at, .. })
            | Answer::Arrived(Arrived { marked: Marked { at, .. }, .. }) => {
                let mark = Mark { student: student(receipt.to), at };
                self.marks().contains(&mark) || sheets.iter().any(|it| it.marks.contains(&mark))
            }
            Answer::Opened(Opened { opened_at, .. }) => {
                let is_it = |item| match item {
                    SnapshotItem::Register(RegisterItem::Open { opened_at: it, .. }) => {
                        it == opened_at
                    }
                    _ => false,
                };
                self.disk.server.snapshot().any(is_it)
                    || sheets.iter().any(|it| it.opened_at == opened_at)
            }
            Answer::Closed(Closed { sheet, .. }) => {
                sheets.iter().any(|kept| kept.info(sheet.number) == sheet)
            }
            Answer::Corrected(Corrected { at, revision, .. }) if revision > 1 => {
                let is_told = |sheet: &Sheet| {
                    let trail = sheet.supplement.iter().flat_map(|it| &it.trail);
                    sheet.revision() == revision && trail.last().is_some_and(|last| last.at == at)
                };
                sheets.iter().any(is_told)
            }
            _ => true,
        }
    }

    /// Whether one roll call was closed in two ways, or has one revision twice.
    pub(crate) fn has_two_closes(&self) -> bool {
        let sheets = &self.disk.sheets;
        let revisions: BTreeSet<_> =
            sheets.iter().map(|it| (it.opened_at, it.revision())).collect();
        let closes: BTreeSet<_> = sheets.iter().map(|it| (it.opened_at, it.closed_at)).collect();
        let roll_calls: BTreeSet<_> = sheets.iter().map(|it| it.opened_at).collect();
        revisions.len() < sheets.len() || closes.len() > roll_calls.len()
    }

    /// Whether a student is on one sheet twice.
    pub(crate) fn has_somebody_twice(&self) -> bool {
        let open = self.marks();
        let mut lists = self.disk.sheets.iter().map(|sheet| &sheet.marks).chain([&open]);
        lists.any(|marks| {
            let students: BTreeSet<_> = marks.iter().map(|mark| mark.student).collect();
            students.len() != marks.len()
        })
    }

    /// Who is marked in what is open.
    fn marks(&self) -> Vec<Mark> {
        let mark = |item| match item {
            SnapshotItem::Register(RegisterItem::Mark { mark, .. }) => Some(mark),
            _ => None,
        };
        self.disk.server.snapshot().filter_map(mark).collect()
    }

    /// Notes what can be seen: what the server remembers and, by going through it with a clone,
    /// what it would append and what it holds back until which commit; what the disk has, if it may
    /// be needed once more.
    pub(crate) fn look(&mut self, date: WallTime, may_crash: bool) {
        let mut hasher = new_hasher();
        see_state(&self.server, date, &mut hasher);
        if may_crash {
            see_state(&self.disk.server, WallTime::default(), &mut hasher);
        }
        self.disk.sheets.len().hash(&mut hasher);
        for batch in &self.pending {
            see_records(&batch.records, &mut hasher);
        }
        self.held.clear();
        let mut future = self.server.clone();
        let mut space = Datagram::new();
        let mut to_commit: VecDeque<u64> = self.pending.iter().map(|it| it.number).collect();
        for commits in 0.. {
            while let Some(output) = future.poll_output(&mut space) {
                match output {
                    Output::Append(batch) => {
                        to_commit.push_back(batch.number);
                        see_records(&batch.records, &mut hasher);
                    }
                    Output::Transmit { to: FORGER } => {}
                    Output::Transmit { to } => {
                        let said = Said::new(to, space.as_bytes());
                        // The same again adds nothing.
                        if !self.held.iter().any(|it| it.1.hash == said.hash) {
                            self.held.push((commits, Arc::new(said)));
                        }
                    }
                    Output::Load(_)
                    | Output::ListSheets(_)
                    | Output::ListRows(_)
                    | Output::Snapshot(_)
                    | Output::Folder(_) => {
                        unreachable!("nobody asks for sheets or files")
                    }
                }
            }
            let Some(batch) = to_commit.pop_front() else { break };
            future.handle_durable(batch);
        }
        self.turn_due.hash(&mut hasher);
        self.seen = hasher.finish();
    }
}

/// What was executed or refused by this record: by whom, what, and the entry of the client.
pub(crate) fn execution(record: &Record) -> Option<(Principal, &Operation, &ClientRecord)> {
    let is_executed =
        |it: &(_, _, &ClientRecord)| !matches!(it.2.outcome, Outcome::ClockSkew { .. });
    record.answered().filter(is_executed)
}

/// Where the forger is heard.
pub(crate) const FORGER: usize = 9;

/// Whose key the requests of a person are sealed with, or those of the forger.
pub(crate) fn device(who: usize) -> DeviceId {
    DeviceId::from_bytes([u8::try_from(who).expect("few people") + 1; 16])
}

/// The snapshot, but not in which order the clients were heard: each night they are all looked at.
/// The latest time matters only where it is later than the date.
fn see_state(server: &Server<usize>, date: WallTime, hasher: &mut impl Hasher) {
    let mut clients = Vec::new();
    for item in server.snapshot() {
        match item {
            SnapshotItem::Latest(latest) => latest.max(date).hash(hasher),
            SnapshotItem::Client(_) | SnapshotItem::ClientOf { .. } => clients.push(written(&item)),
            SnapshotItem::Register(_)
            | SnapshotItem::People(_)
            | SnapshotItem::Roster(_)
            | SnapshotItem::Proceedings(_)
            | SnapshotItem::KeptUntilPast(_) => written(&item).hash(hasher),
        }
    }
    clients.sort();
    clients.hash(hasher);
}

/// Records in their order, but for that in which clients are forgotten.
fn see_records(records: &[Record], hasher: &mut impl Hasher) {
    let is_forgotten = |record: &&Record| matches!(record, Record::Forgot { .. });
    let mut forgotten: Vec<_> = records.iter().filter(is_forgotten).map(written).collect();
    forgotten.sort();
    let others: Vec<_> = records.iter().filter(|it| !is_forgotten(it)).map(written).collect();
    (forgotten, others).hash(hasher);
}

fn written(value: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("what the server keeps can be written")
}
