//! The same service as its TCP twin: what a good engineer would write with a thread for each
//! connection. It is what the server is compared with, so it is the best that this design allows.
//!
//! ```text
//! cargo run --release -p rollcall-lab --bin tcp_twin -- --listen 127.0.0.1:5051 [--data FOLDER | --in-memory]
//! ```
//!
//! It shares with the server what does not depend on the transport: the register, the journal and
//! the batches in it. The rest is TCP's own: length-prefixed postcard messages, `TCP_NODELAY`, a deep
//! backlog, small stacks, and a group commit of its own: all marks that arrive during a commit are
//! the next one, and each thread is woken by the batch that it waits for.
//!
//! What it does not have, because TCP does not bring it: a client whose connection breaks cannot tell
//! whether its mark was recorded, and asking again is another request.

use std::error::Error;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use clap::Parser;
use rollcall::exchange::{Operation, Outcome, Refusal, Refused};
use rollcall::hashing::HashKey;
use rollcall::ids::{ClientId, RequestNumber, RollCallId};
use rollcall::journal::{Journal, JournalError, MemoryJournal, SqliteJournal};
use rollcall::record::{Batch, Record};
use rollcall::roll::{ClientRecord, ClosedSheet, Extras, Register};
use rollcall::shell::clock::{Clock, entropy};
use rollcall::time::WallTime;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted: a whole school at once.
const BACKLOG: i32 = 4_096;
/// A connection's thread needs little, and there may be thousands.
const STACK_BYTES: usize = 64 << 10;
/// No message is longer.
const MESSAGE_MAX_BYTES: usize = 512;

#[derive(Parser)]
struct Flags {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5051")]
    listen: SocketAddr,
    /// The folder of the journal.
    #[arg(long, conflicts_with = "in_memory", required_unless_present = "in_memory")]
    data: Option<PathBuf>,
    /// Keep nothing on disk.
    #[arg(long)]
    in_memory: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let listener = listen(flags.listen)?;
    let twin = Arc::new(Twin::new());
    match flags.data {
        Some(folder) => commit_with(&twin, SqliteJournal::open(&folder)?),
        None => commit_with(&twin, MemoryJournal::new()),
    }
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        // A client that is gone before it was accepted, or too many open files: the next one.
        let Ok(stream) = stream else { continue };
        let twin = Arc::clone(&twin);
        let serve = move || serve(&twin, &stream);
        // Without a thread there is no service for this one; dropping it closes the connection.
        let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(serve);
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What all threads share.
struct Twin {
    state: Mutex<State>,
    /// There is something to commit.
    work: Condvar,
    clock: Clock,
}

struct State {
    register: Register,
    records: Vec<Record>,
    sheets: Vec<ClosedSheet>,
    forgotten: Vec<RollCallId>,
    /// The batch that is being filled.
    batch: Arc<Durability>,
    next_batch: u64,
}

/// Whether one batch is durable.
#[derive(Default)]
struct Durability {
    durable: Mutex<bool>,
    changed: Condvar,
}

impl Durability {
    fn wait(&self) {
        let durable = self.durable.lock().expect("no thread panics with it");
        drop(self.changed.wait_while(durable, |durable| !*durable));
    }

    fn reach(&self) {
        *self.durable.lock().expect("no thread panics with it") = true;
        self.changed.notify_all();
    }
}

impl Twin {
    fn new() -> Self {
        let [low, ..] = entropy().map(u128::from);
        let state = State {
            register: Register::new(HashKey::new(low)),
            records: Vec::new(),
            sheets: Vec::new(),
            forgotten: Vec::new(),
            batch: Arc::default(),
            next_batch: 1,
        };
        Self { state: Mutex::new(state), work: Condvar::new(), clock: Clock::start() }
    }

    /// Decides, does, and returns when it is durable.
    fn execute(&self, client: ClientId, number: RequestNumber, operation: Operation) -> Outcome {
        let at = self.clock.now().wall;
        let mut state = self.state.lock().expect("no thread panics with it");
        let outcome = decide(&state.register, &operation, at);
        let applied =
            state.register.apply(&operation, &outcome, Extras::default()).expect("just decided");
        state.sheets.extend(applied.closed);
        state.forgotten.extend(applied.forgotten);
        let record =
            ClientRecord { client, started: at, number, fingerprint: 0, outcome: outcome.clone() };
        state.records.push(Record::Answered { at, operation, client: record });
        let batch = Arc::clone(&state.batch);
        drop(state);
        self.work.notify_one();
        batch.wait();
        outcome
    }

    /// Commits whatever has come together, again and again.
    fn commit(&self, mut journal: impl Journal) -> Result<(), JournalError> {
        loop {
            let state = self.state.lock().expect("no thread panics with it");
            let mut state = self
                .work
                .wait_while(state, |state| state.records.is_empty())
                .expect("no thread panics with it");
            let batch = Batch {
                number: state.next_batch,
                records: std::mem::take(&mut state.records),
                sheets: std::mem::take(&mut state.sheets),
                forgotten: std::mem::take(&mut state.forgotten),
                acts: Vec::new(),
            };
            state.next_batch += 1;
            let durability = std::mem::take(&mut state.batch);
            drop(state);
            journal.commit(&batch)?;
            durability.reach();
        }
    }
}

/// What an operation leads to; who may do what is not asked here.
fn decide(register: &Register, operation: &Operation, at: WallTime) -> Outcome {
    match *operation {
        Operation::Open { class, .. } => register.decide_open(class, at),
        Operation::Close { class } => register.decide_close(class, at, Extras::default()),
        Operation::Mark { class, student, .. } => register.decide_mark(class, student, at),
        // People, plans and corrections are not compared.
        _ => Outcome::Refused(Refused { at, reason: Refusal::NoDevice }),
    }
}

/// Begins the thread that commits. If it cannot, the service ends, as the server does.
fn commit_with(twin: &Arc<Twin>, journal: impl Journal + Send + 'static) {
    let twin = Arc::clone(twin);
    thread::spawn(move || {
        if let Err(error) = twin.commit(journal) {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    });
}

/// One connection, until its client closes it.
fn serve(twin: &Twin, mut stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let [id, _] = *entropy().as_chunks::<16>().0 else { unreachable!("32 bytes are two of 16") };
    let client = ClientId::from_bytes(id);
    let mut number = RequestNumber::FIRST;
    // One system call reads a whole request.
    let mut requests = BufReader::with_capacity(MESSAGE_MAX_BYTES, stream);
    let mut space = [0; MESSAGE_MAX_BYTES];
    while let Ok(Some(operation)) = read(&mut requests, &mut space) {
        let outcome = twin.execute(client, number, operation);
        if write(&mut stream, &outcome, &mut space).is_err() {
            return;
        }
        number = number.next().expect("not so many");
    }
}

/// The next request; nothing when the client has closed.
fn read(stream: &mut impl Read, space: &mut [u8]) -> io::Result<Option<Operation>> {
    let mut length = [0; 2];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let body = space.get_mut(..u16::from_le_bytes(length).into()).ok_or_else(invalid)?;
    stream.read_exact(body)?;
    postcard::from_bytes(body).map(Some).map_err(|_| invalid())
}

fn write(stream: &mut impl Write, outcome: &Outcome, space: &mut [u8]) -> io::Result<()> {
    let (length, body) = space.split_at_mut(2);
    let written = postcard::to_slice(outcome, body).expect("an outcome is short").len();
    length.copy_from_slice(&u16::try_from(written).expect("an outcome is short").to_le_bytes());
    stream.write_all(&space[..2 + written])
}
