//! The load that does not wait: so many marks begin in a second, whether earlier ones are answered
//! or not, as in a school that does not know how its server fares.
//!
//! Each mark is a request by one of a large pool of clients. A client whose mark is unanswered sends
//! it again as the real client does (five times after 200 ms, then doubling to 500 ms, each wait longer by a random part) and
//! begins no other. A mark that is due when no client is free is counted as not begun.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::access::Terms;
use rollcall::client::Backoff;
use rollcall::exchange::{Ask, Operation, Request, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::limits::{RETRY_INITIAL, RETRY_JITTER};
use rollcall::shell::clock::{Clock, entropy};
use rollcall::time::WallTime;
use rollcall::wire::{Datagram, Kind};
use serde_json::json;

use super::batch::{self, Batch};

/// Where the client id begins in a reply, and the number behind it.
const REPLY_CLIENT: usize = 4;
const REPLY_NUMBER: usize = REPLY_CLIENT + 16;
/// The precision of waiting.
const TICK: Duration = Duration::from_millis(10);
/// Longer than any wait, in ticks.
const WHEEL_TICKS: u64 = 512;
/// The marks that begin before answers are looked for.
const BURST: u64 = 1_024;

/// What is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Offer {
    /// The server.
    server: SocketAddr,
    /// The marks that begin in one second.
    #[arg(long)]
    rate: u64,
    /// How long, in milliseconds.
    #[arg(long, default_value_t = 3_000)]
    millis: u64,
    /// The clients.
    #[arg(long, default_value_t = 200_000)]
    pool: u32,
    /// The classes that are open; marks go to them in turn.
    #[arg(long, default_value_t = 100)]
    classes: u32,
    /// The sockets that the clients share.
    #[arg(long, default_value_t = 16)]
    sockets: u32,
}

pub(crate) fn offer(offer: &Offer) -> io::Result<()> {
    open_classes(offer)?;
    let mut run = Run::begin(offer)?;
    let seconds = run.offer_for(Duration::from_millis(offer.millis))?;
    let micros = |quantile| run.latency.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{}",
        json!({
            "seconds": seconds,
            "receipts": run.receipts,
            "rate": run.receipts as f64 / seconds,
            "begun": run.begun,
            "not_begun": run.not_begun,
            "resent": run.resent,
            "datagrams": run.begun + run.resent,
            "p50_us": micros(0.5),
            "p99_us": micros(0.99),
        })
    );
    Ok(())
}

/// One client opens all classes, one after the other.
fn open_classes(offer: &Offer) -> io::Result<()> {
    let socket = connected(offer.server)?;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(RETRY_INITIAL))?;
    let teacher = ClientId::from_bytes(std::array::from_fn(|place| entropy()[place]));
    let started = Clock::start().now().wall;
    let (mut datagram, mut answer) = (Datagram::new(), [0; 64]);
    for number in 1..=offer.classes {
        let request = Request {
            attempt: 1,
            client: teacher,
            number: RequestNumber::new(number.into()).expect("counted from 1"),
            ask: Ask::Perform {
                started,
                operation: Operation::Open { class: class(number), terms: Terms::PLAIN },
            },
        };
        encode_request(&request, &mut datagram);
        socket.send(datagram.as_bytes())?;
        while let Err(error) = socket.recv(&mut answer) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(error);
            }
            socket.send(datagram.as_bytes())?;
        }
    }
    Ok(())
}

struct Client {
    number: RequestNumber,
    student: u64,
    attempt: u8,
    /// The waits, before their random parts.
    backoff: Backoff,
    began: Instant,
    /// The tick at which the mark is sent again; nothing if the client is free.
    due: Option<u64>,
}

struct Run<'a> {
    offer: &'a Offer,
    sockets: Vec<UdpSocket>,
    /// Registered, and so kept.
    _watched: Vec<mio::net::UdpSocket>,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    free: VecDeque<u32>,
    /// Who may be due in which tick; who was answered since is passed over.
    wheel: Vec<Vec<u32>>,
    tick: u64,
    /// What each socket sends next.
    outgoing: Vec<Batch>,
    /// Taken out while it is gone through.
    incoming: Option<Batch>,
    zero: Instant,
    started: WallTime,
    /// What makes the client ids differ from those of every other run.
    seed: [u8; 32],
    dice: StdRng,
    begun: u64,
    not_begun: u64,
    resent: u64,
    receipts: u64,
    latency: Histogram<u64>,
}

impl<'a> Run<'a> {
    fn begin(offer: &'a Offer) -> io::Result<Self> {
        let poll = Poll::new()?;
        let (mut sockets, mut watched) = (Vec::new(), Vec::new());
        for index in 0..offer.sockets {
            let socket = connected(offer.server)?;
            let mut watch = mio::net::UdpSocket::from_std(socket.try_clone()?);
            poll.registry().register(&mut watch, Token(index as usize), Interest::READABLE)?;
            sockets.push(socket);
            watched.push(watch);
        }
        let zero = Instant::now();
        let client = |_| Client {
            number: RequestNumber::FIRST,
            student: 0,
            attempt: 0,
            backoff: Backoff::new(RETRY_INITIAL),
            began: zero,
            due: None,
        };
        Ok(Self {
            offer,
            outgoing: sockets.iter().map(|_| Batch::new()).collect(),
            sockets,
            _watched: watched,
            poll,
            events: Events::with_capacity(64),
            clients: (0..offer.pool).map(client).collect(),
            free: (0..offer.pool).collect(),
            wheel: (0..WHEEL_TICKS).map(|_| Vec::new()).collect(),
            tick: 0,
            incoming: Some(Batch::new()),
            zero,
            started: Clock::start().now().wall,
            seed: entropy(),
            dice: StdRng::from_seed(entropy()),
            begun: 0,
            not_begun: 0,
            resent: 0,
            receipts: 0,
            latency: Histogram::new_with_bounds(1, 120_000_000_000, 3).expect("right bounds"),
        })
    }

    /// Offers marks for so long and tells how long it was.
    fn offer_for(&mut self, time: Duration) -> io::Result<f64> {
        self.zero = Instant::now();
        loop {
            let elapsed = self.zero.elapsed();
            if elapsed >= time {
                return Ok(elapsed.as_secs_f64());
            }
            let begun = self.begin_marks(elapsed)?;
            self.resend(elapsed)?;
            self.flush()?;
            let received = self.receive()?;
            if begun == 0 && received == 0 {
                self.poll.poll(&mut self.events, Some(Duration::from_millis(1)))?;
            }
        }
    }

    /// Begins the marks that are due by now; how many that were.
    fn begin_marks(&mut self, elapsed: Duration) -> io::Result<u64> {
        let due = u128::from(self.offer.rate) * elapsed.as_micros() / 1_000_000;
        let due =
            u64::try_from(due).expect("not so many").saturating_sub(self.begun + self.not_begun);
        let due = due.min(BURST);
        for begun in 0..due {
            let Some(index) = self.free.pop_front() else {
                self.not_begun += due - begun;
                return Ok(begun);
            };
            let student = self.begun;
            self.begun += 1;
            let client = &mut self.clients[index as usize];
            *client = Client {
                number: client.number,
                student,
                attempt: 0,
                backoff: Backoff::new(RETRY_INITIAL),
                began: Instant::now(),
                due: None,
            };
            self.send(index)?;
        }
        Ok(due)
    }

    /// Sends again what was due since the last time.
    fn resend(&mut self, elapsed: Duration) -> io::Result<()> {
        let now = ticks(elapsed);
        while self.tick < now {
            self.tick += 1;
            for index in std::mem::take(&mut self.wheel[slot(self.tick)]) {
                if self.clients[index as usize].due == Some(self.tick) {
                    self.resent += 1;
                    self.send(index)?;
                }
            }
        }
        Ok(())
    }

    /// Sends the client's mark once more and winds its clock.
    fn send(&mut self, index: u32) -> io::Result<()> {
        let client = &mut self.clients[index as usize];
        client.attempt = client.attempt.saturating_add(1);
        let wait = client.backoff.next_wait().mul_f64(self.dice.random_range(RETRY_JITTER));
        let due = ticks(self.zero.elapsed() + wait) + 1;
        client.due = Some(due);
        self.wheel[slot(due)].push(index);
        let place = u32::try_from(client.student % u64::from(self.offer.classes)).expect("a u32");
        let student = client.student.to_string().parse().expect("a student number");
        let operation = Operation::Mark { class: class(place + 1), student, code: None };
        let mut id = [0; 16];
        id[..4].copy_from_slice(&index.to_le_bytes());
        id[4..].copy_from_slice(&self.seed[..12]);
        let request = Request {
            attempt: client.attempt,
            client: ClientId::from_bytes(id),
            number: client.number,
            ask: Ask::Perform { started: self.started, operation },
        };
        let mut datagram = Datagram::new();
        encode_request(&request, &mut datagram);
        let outgoing = &mut self.outgoing[(index % self.offer.sockets) as usize];
        outgoing.push(datagram.as_bytes());
        if outgoing.is_full() { self.flush() } else { Ok(()) }
    }

    /// Takes what has arrived, one call for each socket; how many receipts that were.
    fn receive(&mut self) -> io::Result<u64> {
        let before = self.receipts;
        let mut incoming = self.incoming.take().expect("put back below");
        for socket in 0..self.sockets.len() {
            if incoming.receive(&self.sockets[socket])? == 0 {
                continue;
            }
            let now = Instant::now();
            for datagram in incoming.datagrams() {
                self.take(now, datagram);
            }
        }
        self.incoming = Some(incoming);
        Ok(self.receipts - before)
    }

    fn take(&mut self, now: Instant, datagram: &[u8]) {
        if datagram[3] != Kind::Marked.byte() {
            return;
        }
        let index = datagram[REPLY_CLIENT..REPLY_CLIENT + 4].try_into().expect("four bytes");
        let index = u32::from_le_bytes(index);
        let client = &mut self.clients[index as usize];
        let number = u64::from(datagram[REPLY_NUMBER] & 0x7f);
        // A second answer to the same mark, or one to the mark before.
        if client.due.is_none() || number != client.number.get() & 0x7f {
            return;
        }
        client.due = None;
        client.number = client.number.next().expect("not so many");
        let nanos = (now - client.began).as_nanos();
        self.latency.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.receipts += 1;
        self.free.push_back(index);
    }

    fn flush(&mut self) -> io::Result<()> {
        for (socket, outgoing) in self.sockets.iter().zip(&mut self.outgoing) {
            outgoing.send(socket)?;
            outgoing.clear();
        }
        Ok(())
    }
}

fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    let socket = batch::socket(any.parse().expect("an address"))?;
    socket.connect(server)?;
    Ok(socket)
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros() / TICK.as_micros()).expect("not so long")
}

fn slot(tick: u64) -> usize {
    usize::try_from(tick % WHEEL_TICKS).expect("a few hundred")
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).expect("not zero")
}
