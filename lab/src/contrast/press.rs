//! The load: marks in a closed loop, so many in flight at once, over UDP.
//!
//! Each place in flight is a client of its own, with its own id and counting its requests; it sends
//! the next mark when the last one is answered. The same datagrams go to the echoes, which are told
//! apart by `echo`: their answer is the request itself.
//!
//! The load must cost less than what it loads, or it measures itself: datagrams are changed in place,
//! sent and received in batches, and the clock is read once for each batch.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};
use rollcall::access::Terms;
use rollcall::exchange::{Ask, Operation, Request, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::time::WallTime;
use rollcall::wire::Datagram;
use serde_json::json;

use super::batch::{self, Batch};
use super::mark::{self, CLASS_MAX, Mark};

/// Without an answer for so long, a mark is sent again.
const RESEND_AFTER: Duration = Duration::from_millis(200);
/// Where the client id begins in a reply: behind magic, version and kind.
const REPLY_CLIENT: usize = 4;
/// In a request the attempt number stands before it.
const REQUEST_CLIENT: usize = 5;

/// What is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Press {
    /// The server.
    pub(crate) server: SocketAddr,
    /// Marks that wait for their answers at once.
    #[arg(long)]
    pub(crate) in_flight: usize,
    /// How long, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) millis: u64,
    /// The classes that are open; marks go to them in turn.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLASS_MAX)))]
    pub(crate) classes: u32,
    /// The sockets that the clients share.
    #[arg(long, default_value_t = 4)]
    pub(crate) sockets: usize,
    /// The server is an echo.
    #[arg(long)]
    pub(crate) echo: bool,
    /// The number of the first student.
    #[arg(long, default_value_t = 0)]
    pub(crate) first_student: u64,
}

struct Client {
    id: ClientId,
    number: u64,
    mark: Mark,
    attempt: u8,
    sent: Instant,
    first_sent: Instant,
}

pub(crate) fn press(press: &Press) -> io::Result<()> {
    let mut run = Run::begin(press)?;
    run.open_classes()?;
    let (answered, seconds) = run.mark_for(Duration::from_millis(press.millis))?;
    print_summary(answered, seconds, run.resent, &run.latency);
    Ok(())
}

/// Prints what a load over either transport came to, as one line of JSON. Latencies are recorded in
/// nanoseconds.
pub(crate) fn print_summary(marks: u64, seconds: f64, resent: u64, latency: &Histogram<u64>) {
    let micros = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{}",
        json!({
            "marks": marks,
            "seconds": seconds,
            "rate": marks as f64 / seconds,
            "resent": resent,
            "p50_us": micros(0.5),
            "p99_us": micros(0.99),
            "max_us": latency.max() as f64 / 1e3,
        })
    );
}

struct Run<'a> {
    press: &'a Press,
    sockets: Vec<UdpSocket>,
    /// What the poll watches: the same sockets, held open for it.
    _watched: Vec<mio::net::UdpSocket>,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    /// What each socket sends next.
    outgoing: Vec<Batch>,
    /// Taken out while it is gone through.
    incoming: Option<Batch>,
    started: WallTime,
    /// When the last batch came, or the last look at what is to be sent again began.
    now: Instant,
    next: u64,
    latency: Histogram<u64>,
    resent: u64,
}

impl<'a> Run<'a> {
    fn begin(press: &'a Press) -> io::Result<Self> {
        let poll = Poll::new()?;
        let (mut sockets, mut watched) = (Vec::new(), Vec::new());
        for index in 0..press.sockets.min(press.in_flight) {
            let any = match press.server {
                SocketAddr::V4(_) => "0.0.0.0:0",
                SocketAddr::V6(_) => "[::]:0",
            };
            let socket = batch::socket(any.parse().expect("an address"))?;
            socket.connect(press.server)?;
            let mut watch = mio::net::UdpSocket::from_std(socket.try_clone()?);
            poll.registry().register(&mut watch, Token(index), Interest::READABLE)?;
            sockets.push(socket);
            watched.push(watch);
        }
        let now = Instant::now();
        let run: [u8; 32] = rollcall::shell::clock::entropy();
        let started = rollcall::shell::clock::Clock::start().now().wall;
        mark::check(ClientId::from_bytes([0x30; 16]), started);
        let client = |index: usize| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&u32::try_from(index).expect("not so many").to_le_bytes());
            id[4..].copy_from_slice(&run[..12]);
            let id = ClientId::from_bytes(id);
            Client {
                id,
                number: 1,
                mark: Mark::new(id, started),
                attempt: 1,
                sent: now,
                first_sent: now,
            }
        };
        Ok(Self {
            press,
            outgoing: sockets.iter().map(|_| Batch::new()).collect(),
            sockets,
            _watched: watched,
            poll,
            events: Events::with_capacity(64),
            clients: (0..press.in_flight).map(client).collect(),
            incoming: Some(Batch::new()),
            started,
            now,
            next: press.first_student,
            latency: Histogram::new_with_bounds(1, 120_000_000_000, 3).expect("right bounds"),
            resent: 0,
        })
    }

    /// One client opens all classes, one after the other.
    fn open_classes(&mut self) -> io::Result<()> {
        for number in 1..=self.press.classes {
            let mut space = Datagram::new();
            let client = &self.clients[0];
            let request = Request {
                attempt: 1,
                client: client.id,
                number: RequestNumber::new(client.number).expect("counted from 1"),
                ask: Ask::Perform {
                    started: self.started,
                    operation: Operation::Open { class: class(number), terms: Terms::PLAIN },
                },
            };
            encode_request(&request, &mut space);
            let mut answered = 0;
            while answered == 0 {
                self.outgoing[0].push(space.as_bytes());
                self.flush()?;
                self.wait()?;
                answered = self.receive(|_, _| Ok(()))?;
            }
        }
        self.latency.reset();
        Ok(())
    }

    fn mark_for(&mut self, time: Duration) -> io::Result<(u64, f64)> {
        let begin = Instant::now();
        self.now = begin;
        let end = begin + time;
        for index in 0..self.clients.len() {
            self.begin_mark(index)?;
        }
        self.flush()?;
        let mut answered = 0;
        let mut next_look = begin + RESEND_AFTER;
        loop {
            let some = self.receive(Self::begin_mark)?;
            answered += some;
            self.flush()?;
            let now = Instant::now();
            if now >= end {
                return Ok((answered, begin.elapsed().as_secs_f64()));
            }
            if some == 0 {
                self.wait()?;
            }
            if now >= next_look {
                self.resend()?;
                next_look = now + RESEND_AFTER / 4;
            }
        }
    }

    fn begin_mark(&mut self, index: usize) -> io::Result<()> {
        let class = u32::try_from(self.next % u64::from(self.press.classes)).expect("smaller") + 1;
        let student = self.next;
        self.next += 1;
        let client = &mut self.clients[index];
        client.mark.set(client.number, class, student);
        client.attempt = 1;
        client.first_sent = self.now;
        self.send(index)
    }

    fn send(&mut self, index: usize) -> io::Result<()> {
        let socket = index % self.sockets.len();
        if self.outgoing[socket].is_full() {
            self.flush()?;
        }
        let client = &mut self.clients[index];
        client.sent = self.now;
        self.outgoing[socket].push(client.mark.bytes());
        Ok(())
    }

    /// Takes what has arrived and goes on with each client that was answered.
    fn receive(
        &mut self,
        mut go_on: impl FnMut(&mut Self, usize) -> io::Result<()>,
    ) -> io::Result<u64> {
        let at = if self.press.echo { REQUEST_CLIENT } else { REPLY_CLIENT };
        let mut answered = 0;
        let mut incoming = self.incoming.take().expect("put back below");
        for socket in 0..self.sockets.len() {
            let count = incoming.receive(&self.sockets[socket])?;
            if count > 0 {
                self.now = Instant::now();
                let now = self.now;
                for datagram in incoming.datagrams() {
                    let index = u32::from_le_bytes(datagram[at..at + 4].try_into().expect("four"));
                    let client = &mut self.clients[index as usize];
                    let number = u64::from(datagram[at + 16]);
                    if number & 0x7f != client.number & 0x7f {
                        continue;
                    }
                    let nanos = (now - client.first_sent).as_nanos();
                    self.latency.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
                    client.number += 1;
                    answered += 1;
                    go_on(self, index as usize)?;
                }
            }
        }
        self.incoming = Some(incoming);
        Ok(answered)
    }

    fn resend(&mut self) -> io::Result<()> {
        self.now = Instant::now();
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            if self.now - client.sent > RESEND_AFTER {
                client.attempt = client.attempt.saturating_add(1);
                client.mark.set_attempt(client.attempt);
                self.resent += 1;
                self.send(index)?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        for (socket, outgoing) in self.sockets.iter().zip(&mut self.outgoing) {
            outgoing.send(socket)?;
            outgoing.clear();
        }
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        self.poll.poll(&mut self.events, Some(RESEND_AFTER))
    }
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).expect("not zero")
}
