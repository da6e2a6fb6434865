//! The load that fills a server with clients: each mark is the first request of a new one, in a
//! closed loop over UDP.
//!
//! A place in flight is free again when its client has the receipt. The client's id says which place
//! and which client it is, so that nothing is kept here of those that are done.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};
use rollcall::access::Terms;
use rollcall::exchange::{Answer, Ask, Operation, Request, decode_reply, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::shell::clock::{Clock, entropy};
use rollcall::time::WallTime;
use rollcall::wire::Datagram;
use serde_json::json;

use super::batch::{self, Batch};

/// Without an answer for so long, a mark is sent again.
const RESEND_AFTER: Duration = Duration::from_millis(200);
/// The first client opens the class.
const TEACHER: u32 = 0;

/// What is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Fill {
    /// The server.
    server: SocketAddr,
    /// How many clients mark, each once.
    #[arg(long)]
    clients: u32,
    /// Marks that wait for their answers at once.
    #[arg(long, default_value_t = 256)]
    in_flight: u32,
    /// All mark the same student.
    #[arg(long)]
    same_student: bool,
}

pub(crate) fn fill(fill: &Fill) -> io::Result<()> {
    let mut run = Run::begin(fill)?;
    run.open_class()?;
    let seconds = run.mark()?;
    let millis = |micros: u64| Duration::from_micros(micros).as_secs_f64() * 1e3;
    println!(
        "{}",
        json!({
            "clients": fill.clients,
            "seconds": seconds,
            "resent": run.resent,
            "p50_ms": millis(run.latency.value_at_quantile(0.5)),
            "p99_ms": millis(run.latency.value_at_quantile(0.99)),
            "max_ms": millis(run.latency.max()),
        })
    );
    Ok(())
}

/// A client that waits for its receipt.
#[derive(Clone, Copy)]
struct Waiting {
    client: u32,
    attempt: u8,
    sent: Instant,
    first_sent: Instant,
}

struct Run<'a> {
    fill: &'a Fill,
    socket: UdpSocket,
    _watched: mio::net::UdpSocket,
    poll: Poll,
    places: Vec<Option<Waiting>>,
    outgoing: Batch,
    /// Taken out while it is gone through.
    incoming: Option<Batch>,
    started: WallTime,
    /// What tells our clients from those of another run.
    ours: [u8; 8],
    /// The next client.
    next: u32,
    latency: Histogram<u64>,
    resent: u64,
}

impl<'a> Run<'a> {
    fn begin(fill: &'a Fill) -> io::Result<Self> {
        let any = match fill.server {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let socket = batch::socket(any.parse().expect("an address"))?;
        socket.connect(fill.server)?;
        let poll = Poll::new()?;
        let mut watched = mio::net::UdpSocket::from_std(socket.try_clone()?);
        poll.registry().register(&mut watched, Token(0), Interest::READABLE)?;
        let [ours, ..] = *entropy().as_chunks::<8>().0 else { unreachable!("32 bytes") };
        Ok(Self {
            fill,
            socket,
            _watched: watched,
            poll,
            places: vec![None; fill.in_flight as usize],
            outgoing: Batch::new(),
            incoming: Some(Batch::new()),
            started: Clock::start().now().wall,
            ours,
            next: TEACHER,
            latency: Histogram::new_with_bounds(1, 600_000_000, 3).expect("right bounds"),
            resent: 0,
        })
    }

    fn open_class(&mut self) -> io::Result<()> {
        self.begin_client(0)?;
        self.until_answered(|_, _| Ok(()))?;
        self.latency.reset();
        Ok(())
    }

    /// Returns how long it took.
    fn mark(&mut self) -> io::Result<f64> {
        let begin = Instant::now();
        for place in 0..self.places.len() {
            self.begin_next(place)?;
        }
        self.until_answered(Self::begin_next)?;
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Until nobody waits any more; for each receipt, what to do with the place that is free.
    fn until_answered(
        &mut self,
        go_on: impl Fn(&mut Self, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        let mut next_look = Instant::now() + RESEND_AFTER;
        loop {
            self.flush()?;
            if self.places.iter().all(Option::is_none) {
                return Ok(());
            }
            if self.receive(&go_on)? == 0 {
                self.poll.poll(&mut events, Some(RESEND_AFTER / 4))?;
            }
            if Instant::now() >= next_look {
                self.resend()?;
                next_look = Instant::now() + RESEND_AFTER / 4;
            }
        }
    }

    fn begin_next(&mut self, place: usize) -> io::Result<()> {
        if self.next > self.fill.clients { Ok(()) } else { self.begin_client(place) }
    }

    fn begin_client(&mut self, place: usize) -> io::Result<()> {
        let now = Instant::now();
        let client = self.next;
        self.next += 1;
        self.places[place] = Some(Waiting { client, attempt: 1, sent: now, first_sent: now });
        self.send(place)
    }

    fn send(&mut self, place: usize) -> io::Result<()> {
        let Some(waiting) = self.places[place] else { return Ok(()) };
        let mut datagram = Datagram::new();
        let request = Request {
            attempt: waiting.attempt,
            client: self.id(place, waiting.client),
            number: RequestNumber::FIRST,
            ask: Ask::Perform { started: self.started, operation: self.operation(waiting.client) },
        };
        encode_request(&request, &mut datagram);
        if self.outgoing.is_full() {
            self.flush()?;
        }
        self.outgoing.push(datagram.as_bytes());
        Ok(())
    }

    fn operation(&self, client: u32) -> Operation {
        let class = ClassId::new(1).expect("not zero");
        if client == TEACHER {
            return Operation::Open { class, terms: Terms::PLAIN };
        }
        let student = if self.fill.same_student { 1 } else { client };
        Operation::Mark {
            class,
            student: student.to_string().parse().expect("a student number"),
            code: None,
        }
    }

    fn id(&self, place: usize, client: u32) -> ClientId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&u32::try_from(place).expect("from a u32").to_le_bytes());
        id[4..8].copy_from_slice(&client.to_le_bytes());
        id[8..].copy_from_slice(&self.ours);
        ClientId::from_bytes(id)
    }

    /// Takes what has arrived; how many datagrams that was.
    fn receive(
        &mut self,
        go_on: &impl Fn(&mut Self, usize) -> io::Result<()>,
    ) -> io::Result<usize> {
        let mut incoming = self.incoming.take().expect("put back below");
        let count = incoming.receive(&self.socket)?;
        for datagram in incoming.datagrams() {
            if let Some(place) = self.answered(datagram)? {
                go_on(self, place)?;
            }
        }
        self.incoming = Some(incoming);
        Ok(count)
    }

    /// The place that a reply makes free; none if it is a repeat.
    fn answered(&mut self, datagram: &[u8]) -> io::Result<Option<usize>> {
        let reply = decode_reply(datagram).map_err(io::Error::other)?;
        if !matches!(reply.answer, Answer::Marked(_) | Answer::Opened(_)) {
            return Err(io::Error::other(format!("not a receipt: {reply:?}")));
        }
        let [place, client, ..] = *reply.client.as_bytes().as_chunks::<4>().0 else {
            unreachable!("16 bytes are four of four")
        };
        let (place, client) = (u32::from_le_bytes(place) as usize, u32::from_le_bytes(client));
        let free = self.places[place].take_if(|waiting| waiting.client == client);
        let Some(waiting) = free else { return Ok(None) };
        let micros = u64::try_from(waiting.first_sent.elapsed().as_micros());
        self.latency.saturating_record(micros.expect("not so long"));
        Ok(Some(place))
    }

    fn resend(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for place in 0..self.places.len() {
            let Some(waiting) = &mut self.places[place] else { continue };
            if now - waiting.sent > RESEND_AFTER {
                waiting.sent = now;
                waiting.attempt = waiting.attempt.saturating_add(1);
                self.resent += 1;
                self.send(place)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outgoing.send(&self.socket)?;
        self.outgoing.clear();
        Ok(())
    }
}
