//! The server's core by itself: marks go in as datagrams, batches and replies come out, and there is
//! no socket and no clock. Measured by the chapters *growth* and *hot path* of the contrast.
//!
//! Datagrams are encoded before anything is timed, so that the time is the server's alone.

use std::hint::black_box;
use std::ops::Range;

use rollcall::access::Terms;
use rollcall::attendance::{Listed, Plan, RosterChange, RosterEdit};
use rollcall::exchange::{Ask, Operation, Request, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::record::Batch;
use rollcall::server::{Output, Server};
use rollcall::stats::Counter;
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;

/// The date at which all of it happens, in milliseconds: as long as present-day dates.
const TODAY: u64 = 1_800_000_000_000;
/// The client that opens the classes is none of those that mark.
const TEACHER: u64 = u64::MAX;
/// The changes of a roster that fit into one datagram, with names of this length.
const EDITS: usize = 20;

/// Datagrams, one behind the other.
#[derive(Clone, Default)]
pub struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    fn push(&mut self, client: u64, number: u64, operation: Operation, space: &mut Datagram) {
        let request = Request {
            attempt: 1,
            client: ClientId::from_bytes(u128::from(client).to_le_bytes()),
            number: RequestNumber::new(number).expect("counted from 1"),
            ask: Ask::Perform { started: today(), operation },
        };
        encode_request(&request, space);
        self.bytes.extend_from_slice(space.as_bytes());
        self.ends.push(self.bytes.len());
    }

    /// How many requests there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The places of the requests, so many in a turn.
    pub fn turns(&self, in_a_turn: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let end = self.count();
        (0..end).step_by(in_a_turn).map(move |from| from..end.min(from + in_a_turn))
    }

    fn get(&self, index: usize) -> &[u8] {
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[begin..self.ends[index]]
    }
}

/// Whoever sends: so many clients, each counting its requests, and students who all differ.
#[derive(Clone)]
pub struct School {
    clients: u64,
    marks: u64,
    opened: u64,
}

impl School {
    /// A school with so many clients that mark; no class is open.
    #[must_use]
    pub fn new(clients: u64) -> Self {
        Self { clients, marks: 0, opened: 0 }
    }

    /// Opens the classes after those that were opened before.
    pub fn open(&mut self, classes: u32) -> Requests {
        let (mut requests, mut space) = (Requests::default(), Datagram::new());
        for _ in 0..classes {
            self.opened += 1;
            let class = class(u32::try_from(self.opened).expect("not so many"));
            requests.push(
                TEACHER,
                self.opened,
                Operation::Open { class, terms: Terms::PLAIN },
                &mut space,
            );
        }
        requests
    }

    /// So many students on the roster of a class: those who mark first.
    pub fn enrol(&mut self, number: u32, students: usize) -> Requests {
        let (mut requests, mut space) = (Requests::default(), Datagram::new());
        let listed = |it: usize| {
            let student = format!("{it:09}").parse().expect("a student number");
            let name = format!("Maria das Dores Silva {it}").parse().expect("a name");
            RosterEdit::Put(Listed { student, name, group: None })
        };
        let all: Vec<_> = (0..students).map(listed).collect();
        for (base, edits) in (0..).zip(all.chunks(EDITS)) {
            self.opened += 1;
            let change = RosterChange { base, import: 1, edits: edits.into() };
            let operation = Operation::Enrol { class: class(number), change };
            requests.push(TEACHER, self.opened, operation, &mut space);
        }
        requests
    }

    /// Opens a class with an end and a time from which on who answers is late.
    pub fn open_planned(&mut self, number: u32) -> Requests {
        let (closes_after_s, late_after_s) = (Some(1_800), Some(900));
        let plan = Plan { closes_after_s, late_after_s, ..Plan::default() };
        let class = class(number);
        self.of_teacher(Operation::OpenWith { class, terms: Terms::PLAIN, plan })
    }

    /// Closes a class.
    pub fn close(&mut self, number: u32) -> Requests {
        self.of_teacher(Operation::Close { class: class(number) })
    }

    fn of_teacher(&mut self, operation: Operation) -> Requests {
        let (mut requests, mut space) = (Requests::default(), Datagram::new());
        self.opened += 1;
        requests.push(TEACHER, self.opened, operation, &mut space);
        requests
    }

    /// New students, the clients and the classes in turn.
    pub fn mark(&mut self, count: usize, classes: Range<u32>) -> Requests {
        let (mut requests, mut space) = (Requests::default(), Datagram::new());
        let width = u64::from(classes.end - classes.start);
        for _ in 0..count {
            let (client, number) = (self.marks % self.clients, self.marks / self.clients + 1);
            let place = u32::try_from(self.marks % width).expect("below a u32");
            let student = format!("{:09}", self.marks).parse().expect("a student number");
            let operation =
                Operation::Mark { class: class(classes.start + place), student, code: None };
            requests.push(client, number, operation, &mut space);
            self.marks += 1;
        }
        requests
    }
}

fn today() -> WallTime {
    WallTime::from_millis(TODAY)
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).expect("counted from 1")
}

/// A server in our hands.
#[derive(Clone)]
pub struct Drive {
    /// The server; the addresses of its clients are numbers.
    pub server: Server<u32>,
    space: Datagram,
}

impl Drive {
    /// An empty server with this seed.
    #[must_use]
    pub fn new(seed: u128) -> Self {
        Self { server: Server::new(seed), space: Datagram::new() }
    }

    /// This server.
    #[must_use]
    pub fn of(server: Server<u32>) -> Self {
        Self { server, space: Datagram::new() }
    }

    /// How many students were newly marked.
    #[must_use]
    pub fn marked(&self) -> u64 {
        self.server.stats().get(Counter::Marked)
    }

    /// Hands over the requests, so many before each commit. `keep` is the journal.
    pub fn run(&mut self, requests: &Requests, in_a_turn: usize, mut keep: impl FnMut(&Batch)) {
        for turn in requests.turns(in_a_turn) {
            self.turn(requests, turn, &mut keep);
        }
    }

    /// Hands over these requests and carries out what comes of it.
    pub fn turn(
        &mut self,
        requests: &Requests,
        places: Range<usize>,
        keep: &mut impl FnMut(&Batch),
    ) {
        let now = Now { instant: Instant::ZERO, wall: today() };
        for place in places {
            self.server.handle_datagram(now, 0, requests.get(place));
        }
        while let Some(output) = self.server.poll_output(&mut self.space) {
            match output {
                Output::Transmit { .. } => {
                    black_box(self.space.as_bytes());
                }
                Output::Append(batch) => {
                    keep(&batch);
                    self.server.handle_durable(batch.number);
                    self.server.recycle(batch);
                }
                Output::Load(_)
                | Output::ListSheets(_)
                | Output::ListRows(_)
                | Output::Snapshot(_)
                | Output::Folder(_) => {
                    unreachable!("nobody asks for a sheet")
                }
            }
        }
    }
}
