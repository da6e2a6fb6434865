//! A server in this process that answers as it is told to, and counts what it was asked.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use rollcall::exchange::{
    Answer, Ask, Closed, FileEntry, FileInfo, FileList, FileState, Marked, OpenRollCall, Opened,
    Operation, Pull, Pulled, Query, Reply, Request, Revision, RevisionList, SheetInfo, SheetList,
    StatusList, Watched, decode_request, encode_reply,
};
use rollcall::ids::{ClassId, ContentId, Cookie, FileName, RollCallNumber};
use rollcall::roll::{Mark, Sheet};
use rollcall::time::WallTime;
use rollcall::wire::Datagram;

use crate::support::own_address;

/// What goes back for a request, as whole datagrams.
pub(crate) type Behave = fn(&mut World, &Request) -> Vec<Vec<u8>>;

/// What a server has to tell when it is honest, and what it remembers of who asked.
pub(crate) struct World {
    pub(crate) sheet: Sheet,
    pub(crate) file: Vec<u8>,
    /// How many requests have come, with this one.
    pub(crate) asked: usize,
    /// What is sent with a later request.
    pub(crate) held: Vec<Vec<u8>>,
}

/// An open roll call of seven students, without a plan or a roster.
fn watched(class: ClassId) -> Watched {
    Watched {
        class,
        number: RollCallNumber::FIRST,
        opened_at: at(1_000),
        closes_at: None,
        late_at: None,
        present: 7,
        late: 0,
        expected: None,
        expected_present: 0,
        remarked: 0,
        wrong_codes: 0,
        roster: 0,
        corrections: 0,
        code: None,
        left_ms: 0,
        title: None,
        entries: 7,
        listed: Vec::new(),
    }
}

impl World {
    pub(crate) const CLASS: u32 = 3030;
    pub(crate) const FILE_NAME: &str = "notes.pdf";
    pub(crate) const COOKIE: Cookie = Cookie::from_bytes([7; 16]);

    fn new() -> Self {
        // More than one block, and not a multiple of one.
        let marks = (0..200_u64).map(|place| Mark {
            student: format!("{:09}", 42_191_010 + place).parse().expect("a student number"),
            at: at(2_000 + place),
        });
        let sheet = Sheet {
            class: Self::class(),
            opened_at: at(1_000),
            closed_at: at(9_000),
            marks: marks.collect(),
            remarks: Vec::new(),
            supplement: None,
        };
        let file = (0..10_000_u32).map(|place| place.to_le_bytes()[0] ^ 0x5a).collect();
        Self { sheet, file, asked: 0, held: Vec::new() }
    }

    pub(crate) fn class() -> ClassId {
        ClassId::new(Self::CLASS).expect("above zero")
    }

    pub(crate) fn file_info(&self) -> FileInfo {
        FileInfo { bytes: self.file.len() as u64, content: ContentId::of(&self.file) }
    }

    pub(crate) fn sheet_info(&self) -> SheetInfo {
        self.sheet.info(RollCallNumber::FIRST)
    }

    /// What an honest server answers.
    pub(crate) fn honest(&self, request: &Request) -> Vec<Answer> {
        let one = match request.ask.clone() {
            Ask::Perform { operation: Operation::Open { class, .. }, .. } => {
                Answer::Opened(Opened { class, opened_at: at(1_000), already_open: false })
            }
            Ask::Perform { operation: Operation::Close { .. }, .. } => {
                Answer::Closed(Closed { sheet: self.sheet_info(), already_closed: false })
            }
            Ask::Perform { operation: Operation::Mark { class, .. }, .. } => {
                Answer::Marked(Marked { class, at: at(2_000), already_present: false })
            }
            Ask::Read(Query::Status { from }) => {
                let open = OpenRollCall { class: Self::class(), opened_at: at(1_000), present: 7 };
                let open = if from <= open.class { vec![open] } else { Vec::new() };
                Answer::Status(StatusList { open, more: false })
            }
            Ask::Read(Query::Sheets { .. }) => {
                Answer::Sheets(SheetList { sheets: vec![self.sheet_info()], more: false })
            }
            Ask::Read(Query::Watch { class, .. }) => Answer::Watched(Box::new(watched(class))),
            Ask::Read(Query::Revisions { .. }) => {
                let revision = Revision { revision: 1, at: at(9_000), sheet: self.sheet_info() };
                Answer::Revisions(RevisionList { revisions: vec![revision], more: false })
            }
            Ask::Read(Query::Files { from }) => {
                let files = [entry(Self::FILE_NAME, self.file.len() as u64)];
                let files = files.get(from as usize..).unwrap_or_default().to_vec();
                Answer::Files(Some(FileList { total: 1, files }))
            }
            Ask::Read(Query::File { .. }) => Answer::File(FileState::Ready(self.file_info())),
            Ask::Pull(pull) => return self.pulled(pull),
            other => panic!("nobody asks a plain server for this: {other:?}"),
        };
        vec![one]
    }

    fn pulled(&self, pull: Pull) -> Vec<Answer> {
        if pull.cookie != Self::COOKIE {
            return vec![Answer::Cookie(Self::COOKIE)];
        }
        let answer =
            |index| Answer::Pulled(Pulled { index, bytes: self.block_of(pull.object, index) });
        pull.blocks().map(answer).collect()
    }

    /// The sheet and the file have one block from now on.
    pub(crate) fn shrink(&mut self) {
        self.sheet.marks.truncate(20);
        self.file.truncate(600);
    }

    pub(crate) fn block_of(&self, object: ContentId, index: u32) -> Vec<u8> {
        let sheet = self.sheet.to_bytes();
        let object = if object == ContentId::of(&sheet) { &sheet } else { &self.file };
        block(object, index).to_vec()
    }
}

pub(crate) fn at(millis: u64) -> WallTime {
    WallTime::from_millis(1_764_000_000_000 + millis)
}

pub(crate) fn entry(name: &str, bytes: u64) -> FileEntry {
    FileEntry { name: FileName::try_from(name.to_owned()).expect("the name of a file"), bytes }
}

fn block(object: &[u8], index: u32) -> &[u8] {
    object.chunks(1_024).nth(index as usize).unwrap_or_default()
}

/// The datagrams in which these answers go to whoever asked.
pub(crate) fn written(request: &Request, answers: Vec<Answer>) -> Vec<Vec<u8>> {
    answers.into_iter().map(|answer| reply(request, answer)).collect()
}

/// The datagram in which this answer goes to whoever asked.
pub(crate) fn reply(request: &Request, answer: Answer) -> Vec<u8> {
    let reply = Reply { client: request.client, number: request.number, answer };
    let mut datagram = Datagram::new();
    encode_reply(&reply, &mut datagram);
    datagram.as_bytes().to_vec()
}

/// A server that runs until it is ended.
pub(crate) struct Peer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Ends the thread; no client sends it.
const END: &[u8] = b"end";

impl Peer {
    pub(crate) fn start(behave: Behave) -> Self {
        let socket = UdpSocket::bind(own_address()).expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let work = move || {
            let mut world = World::new();
            let mut space = vec![0; 1 << 16];
            loop {
                // A client that is gone is none of its business.
                let Ok((length, from)) = socket.recv_from(&mut space) else { continue };
                if &space[..length] == END {
                    return;
                }
                let received = decode_request(&space[..length]).expect("the commands ask rightly");
                world.asked = counted.fetch_add(1, Ordering::Relaxed) + 1;
                for datagram in behave(&mut world, &received.request) {
                    let _ = socket.send_to(&datagram, from);
                }
            }
        };
        let thread = Some(thread::spawn(work));
        Self { address, asked, thread }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it and tells how many requests it got.
    pub(crate) fn end(mut self) -> usize {
        let socket = UdpSocket::bind(own_address()).expect("a free port");
        let thread = self.thread.take().expect("ended once");
        while !thread.is_finished() {
            // Its buffer may be full, and then this is lost.
            socket.send_to(END, self.address).expect("a way to the thread");
            thread::yield_now();
        }
        thread.join().expect("the server does not panic");
        self.asked.load(Ordering::Relaxed)
    }
}
