//! The load over TCP: marks in a closed loop, so many connections at once, each kept open or made
//! anew for each mark.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rollcall::access::Terms;
use rollcall::exchange::Operation;
use rollcall::ids::ClassId;

use super::press::print_summary;

/// What is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PressTcp {
    /// The server.
    pub(crate) server: SocketAddr,
    /// Connections at once, each with one mark that waits for its answer.
    #[arg(long)]
    pub(crate) in_flight: usize,
    /// How long, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) millis: u64,
    /// The classes that are opened; marks go to them in turn.
    #[arg(long, default_value_t = 100)]
    pub(crate) classes: u32,
    /// A connection for each mark, instead of one that is kept open.
    #[arg(long)]
    pub(crate) churn: bool,
    /// The number of the first student.
    #[arg(long, default_value_t = 0)]
    pub(crate) first_student: u64,
}

pub(crate) fn press(press: &PressTcp) -> io::Result<()> {
    open_classes(press.server, press.classes)?;
    let mut run = Run::begin(press)?;
    let (answered, seconds) = run.mark_for(Duration::from_millis(press.millis))?;
    print_summary(answered, seconds, run.broken, &run.latency);
    Ok(())
}

/// Opens classes 1 to so many, over a connection of its own.
pub(crate) fn open_classes(server: SocketAddr, classes: u32) -> io::Result<()> {
    let mut stream = std::net::TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut space = [0; 512];
    for number in 1..=classes {
        let class = ClassId::new(number).expect("not zero");
        let length = request(&Operation::Open { class, terms: Terms::PLAIN }, &mut space);
        stream.write_all(&space[..length])?;
        stream.read_exact(&mut space[..2])?;
        let length = usize::from(u16::from_le_bytes([space[0], space[1]]));
        stream.read_exact(&mut space[..length])?;
    }
    Ok(())
}

/// The bytes of a request, and their length.
pub(crate) fn request(operation: &Operation, space: &mut [u8]) -> usize {
    let (length, body) = space.split_at_mut(2);
    let written = postcard::to_slice(operation, body).expect("short").len();
    length.copy_from_slice(&u16::try_from(written).expect("short").to_le_bytes());
    2 + written
}

struct Connection {
    stream: TcpStream,
    began: Instant,
    asked: bool,
}

struct Run<'a> {
    press: &'a PressTcp,
    poll: Poll,
    connections: Vec<Connection>,
    next: u64,
    latency: Histogram<u64>,
    broken: u64,
}

impl<'a> Run<'a> {
    fn begin(press: &'a PressTcp) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::new();
        for index in 0..press.in_flight {
            let stream = connect(press.server, &poll, index)?;
            connections.push(Connection { stream, began: Instant::now(), asked: false });
        }
        let latency = Histogram::new_with_bounds(1, 120_000_000_000, 3).expect("right bounds");
        Ok(Self { press, poll, connections, next: press.first_student, latency, broken: 0 })
    }

    fn mark_for(&mut self, time: Duration) -> io::Result<(u64, f64)> {
        let begin = Instant::now();
        let end = begin + time;
        let mut events = Events::with_capacity(512);
        let mut answered = 0;
        while Instant::now() < end {
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                let index = event.token().0;
                if event.is_writable() && !self.connections[index].asked {
                    self.ask(index)?;
                }
                if event.is_readable() && self.take_answer(index)? {
                    answered += 1;
                }
            }
        }
        Ok((answered, begin.elapsed().as_secs_f64()))
    }

    fn ask(&mut self, index: usize) -> io::Result<()> {
        let number = u32::try_from(self.next % u64::from(self.press.classes)).expect("small") + 1;
        let class = ClassId::new(number).expect("not zero");
        let student = self.next.to_string().parse().expect("a student number");
        let mut space = [0; 64];
        let length = request(&Operation::Mark { class, student, code: None }, &mut space);
        self.next += 1;
        let connection = &mut self.connections[index];
        if !self.press.churn {
            connection.began = Instant::now();
        }
        connection.asked = true;
        match connection.stream.write(&space[..length]) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.asked = false;
                Ok(())
            }
            Err(_) => self.begin_again(index),
        }
    }

    fn take_answer(&mut self, index: usize) -> io::Result<bool> {
        let connection = &mut self.connections[index];
        let mut space = [0; 512];
        match connection.stream.read(&mut space) {
            Ok(0) => {
                self.begin_again(index)?;
                Ok(false)
            }
            // An answer is shorter than a segment, so it is never in two pieces here.
            Ok(_) => {
                let nanos = connection.began.elapsed().as_nanos();
                self.latency.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
                if self.press.churn {
                    self.connect(index)?;
                } else {
                    self.ask(index)?;
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(_) => {
                self.begin_again(index)?;
                Ok(false)
            }
        }
    }

    fn begin_again(&mut self, index: usize) -> io::Result<()> {
        self.broken += 1;
        self.connect(index)
    }

    fn connect(&mut self, index: usize) -> io::Result<()> {
        self.poll.registry().deregister(&mut self.connections[index].stream)?;
        let began = Instant::now();
        let stream = connect(self.press.server, &self.poll, index)?;
        self.connections[index] = Connection { stream, began, asked: false };
        Ok(())
    }
}

fn connect(server: SocketAddr, poll: &Poll, index: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, Token(index), interest)?;
    Ok(stream)
}
