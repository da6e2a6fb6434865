//! A way to a server that loses datagrams, brings some twice, and some again seconds later.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::shell::clock::Clock;
use rollcall::time::Instant;

/// What it does to datagrams, in each direction.
#[derive(Clone, Copy)]
pub(crate) struct Habits {
    /// The part of all that is lost.
    pub(crate) lost: f64,
    /// The part of the others that comes again.
    pub(crate) repeated: f64,
    /// The part of the repeats that takes seconds, up to so many; the others take milliseconds.
    pub(crate) late: f64,
    pub(crate) late_by: Duration,
}

/// What it has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) late: u64,
}

/// Clients that send here reach the server. Each has a socket of its own towards it.
pub(crate) struct Relay {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: JoinHandle<Traffic>,
}

impl Relay {
    pub(crate) fn to(server: SocketAddr, habits: Habits, seed: u64) -> Self {
        let poll = Poll::new().expect("a poll");
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).expect("a waker"));
        let mut front = UdpSocket::bind(any()).expect("a free port");
        poll.registry().register(&mut front, FRONT, Interest::READABLE).expect("registered");
        let address = front.local_addr().expect("its address");
        let is_over = Arc::new(AtomicBool::new(false));
        let running = Running {
            poll,
            front,
            server,
            clients: Vec::new(),
            places: HashMap::new(),
            waiting: BinaryHeap::new(),
            habits,
            dice: StdRng::seed_from_u64(seed),
            traffic: Traffic::default(),
            is_over: is_over.clone(),
            clock: Clock::start(),
        };
        Self { address, is_over, waker, thread: thread::spawn(|| running.run()) }
    }

    /// Where clients send to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it.
    pub(crate) fn finish(self) -> Traffic {
        self.is_over.store(true, Ordering::Relaxed);
        self.waker.wake().expect("awake");
        self.thread.join().expect("it ended")
    }
}

const FRONT: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    ToServer,
    ToClient,
}

/// When, whose, in which direction, and what.
type Repeat = Reverse<(Instant, usize, Direction, Vec<u8>)>;

struct Running {
    poll: Poll,
    front: UdpSocket,
    server: SocketAddr,
    clients: Vec<(SocketAddr, UdpSocket)>,
    places: HashMap<SocketAddr, usize>,
    waiting: BinaryHeap<Repeat>,
    habits: Habits,
    dice: StdRng,
    traffic: Traffic,
    is_over: Arc<AtomicBool>,
    clock: Clock,
}

impl Running {
    fn run(mut self) -> Traffic {
        let mut events = Events::with_capacity(1_024);
        let mut space = vec![0; 1 << 16];
        while !self.is_over.load(Ordering::Relaxed) {
            let next = self.waiting.peek().map(|Reverse((at, ..))| *at);
            let wait = next.map(|at| at.since(self.clock.now().instant));
            match self.poll.poll(&mut events, wait) {
                // As when the tests were stopped and go on.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.expect("events"),
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    FRONT => {
                        while let Ok((length, from)) = self.front.recv_from(&mut space) {
                            let place = self.place(from);
                            self.pass(place, Direction::ToServer, &space[..length]);
                        }
                    }
                    // What is not received is lost; an error of the last sending is nothing more.
                    Token(place) => {
                        while let Ok(length) = self.clients[place].1.recv(&mut space) {
                            self.pass(place, Direction::ToClient, &space[..length]);
                        }
                    }
                }
            }
            let now = self.clock.now().instant;
            while self.waiting.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
                let Reverse((_, place, direction, datagram)) = self.waiting.pop().expect("one");
                self.send(place, direction, &datagram);
            }
        }
        self.traffic
    }

    fn place(&mut self, client: SocketAddr) -> usize {
        if let Some(&place) = self.places.get(&client) {
            return place;
        }
        let mut socket = UdpSocket::bind(any()).expect("a free port");
        socket.connect(self.server).expect("a way to the server");
        let place = self.clients.len();
        let registry = self.poll.registry();
        registry.register(&mut socket, Token(place), Interest::READABLE).expect("registered");
        self.clients.push((client, socket));
        self.places.insert(client, place);
        place
    }

    fn pass(&mut self, place: usize, direction: Direction, datagram: &[u8]) {
        let Habits { lost, repeated, late, late_by } = self.habits;
        if self.dice.random_bool(lost) {
            self.traffic.lost += 1;
            return;
        }
        self.send(place, direction, datagram);
        if self.dice.random_bool(repeated) {
            self.traffic.repeated += 1;
            let is_late = self.dice.random_bool(late);
            self.traffic.late += u64::from(is_late);
            let longest = if is_late { late_by } else { Duration::from_millis(20) };
            let wait = longest.mul_f64(self.dice.random_range(0.0..1.0));
            let at = self.clock.now().instant.after(wait);
            self.waiting.push(Reverse((at, place, direction, datagram.to_vec())));
        }
    }

    /// What the system does not take is lost as well.
    fn send(&self, place: usize, direction: Direction, datagram: &[u8]) {
        let (client, socket) = &self.clients[place];
        let _ = match direction {
            Direction::ToServer => socket.send(datagram),
            Direction::ToClient => self.front.send_to(datagram, *client),
        };
    }
}
