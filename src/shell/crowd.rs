//! Thousands of clients in one thread: each is a [`Client`] of its own, the sockets are shared.
//!
//! A reply is decoded once and finds its client by the client id that it carries. When which client
//! wants to be woken is kept in order of time, so that a turn costs what happens in it and not how
//! many are waiting.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Poll, Token};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::call::{Answered, is_refusal};
use super::clock::{Clock, entropy};
use super::download::{FetchError, Fetcher};
use super::socket::connect;
use crate::client::{LinkedClient, Output, Unanswered};
use crate::exchange::{Operation, decode_reply};
use crate::ids::ClientId;
use crate::limits::{DATAGRAMS_PER_TURN_MAX, UDP_PAYLOAD_MAX_BYTES};
use crate::seal::{Channel, Link, PublicKey, SecretKey};
use crate::time::{Instant, Now};
use crate::wire::Datagram;

/// Many clients of one server.
pub(super) struct Crowd {
    server: SocketAddr,
    /// The key of the service, if it is spoken to in sealed datagrams.
    service: Option<PublicKey>,
    /// The key of the device that opens and closes; each student has a fresh one.
    teacher: Option<SecretKey>,
    clock: Clock,
    poll: Poll,
    events: Events,
    sockets: Vec<UdpSocket>,
    /// mio tells of each arrival once: a socket stays readable until it says `WouldBlock`.
    readable: Vec<bool>,
    buffer: Vec<u8>,
    space: Datagram,
    seeds: StdRng,
    deadline: Duration,
    members: HashMap<usize, Member>,
    /// Who has a ticket and has not asked for anything yet.
    greeted: HashMap<usize, LinkedClient>,
    /// Who speaks sealed through which socket: a sealed answer names nobody, so that each has to try.
    sealed: Vec<BTreeSet<usize>>,
    /// Whose reply carries which client id.
    routes: HashMap<ClientId, usize>,
    /// When which member wants to be woken; each is here at most once.
    timers: BTreeSet<(Instant, usize)>,
    ended: Vec<Ended>,
    /// When anything at all was heard from the server.
    heard: Instant,
    datagrams: u64,
}

/// One client among many.
struct Member {
    client: LinkedClient,
    /// It only says `HELLO`.
    is_greeting: bool,
    began: Instant,
    route: Option<ClientId>,
    timer: Option<Instant>,
}

/// What a member asked is over.
pub(super) struct Ended {
    /// Whose it was.
    pub(super) place: usize,
    /// When it began.
    pub(super) began: Instant,
    /// When it ended.
    pub(super) at: Instant,
    /// How.
    pub(super) result: Result<Answered, Unanswered>,
}

impl Crowd {
    /// Nobody yet, with that many sockets to this server.
    pub(super) fn new(
        server: SocketAddr,
        service: Option<PublicKey>,
        teacher: Option<SecretKey>,
        sockets: usize,
        deadline: Duration,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let connect = |index| connect(server, &poll, Token(index));
        let sockets = (0..sockets).map(connect).collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            server,
            service,
            teacher,
            sealed: vec![BTreeSet::new(); sockets.len()],
            clock: Clock::start(),
            poll,
            events: Events::with_capacity(sockets.len()),
            readable: vec![false; sockets.len()],
            sockets,
            buffer: vec![0; UDP_PAYLOAD_MAX_BYTES + 1],
            space: Datagram::new(),
            seeds: StdRng::from_seed(entropy()),
            deadline,
            members: HashMap::new(),
            greeted: HashMap::new(),
            routes: HashMap::new(),
            timers: BTreeSet::new(),
            ended: Vec::new(),
            heard: Instant::ZERO,
            datagrams: 0,
        })
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// How many are waiting for an answer.
    pub(super) fn waiting(&self) -> usize {
        self.members.len()
    }

    /// When the server was last heard.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// The datagrams that were sent so far, by all.
    pub(super) fn datagrams(&self) -> u64 {
        self.datagrams
    }

    /// A new client comes and asks for this; nobody else may be at this place.
    pub(super) fn perform(&mut self, place: usize, operation: Operation) {
        let now = self.clock.now();
        let mut client = self.greeted.remove(&place).unwrap_or_else(|| self.client(&operation));
        client.perform(now, operation, self.deadline);
        self.join(place, client, now, false);
    }

    /// A new client comes and only says `HELLO`; the next to come to this place is the same one.
    pub(super) fn greet(&mut self, place: usize) {
        let now = self.clock.now();
        let link = self.link(None);
        let mut client = LinkedClient::new(self.seeds.random(), link);
        client.connect(now);
        self.join(place, client, now, true);
    }

    /// A client for this operation: a student has a device of its own.
    fn client(&mut self, operation: &Operation) -> LinkedClient {
        let device = match operation {
            Operation::Mark { .. } => None,
            _ => self.teacher.clone(),
        };
        let link = self.link(device);
        LinkedClient::new(self.seeds.random(), link)
    }

    /// A link for the device with this key, or for a new one.
    fn link(&mut self, device: Option<SecretKey>) -> Link {
        let Some(service) = self.service else { return Link::Plain };
        let device = device.unwrap_or_else(|| SecretKey::from_bytes(self.seeds.random()));
        Link::Sealed(Box::new(Channel::new(service, device, self.seeds.random())))
    }

    /// What fetches sheets from the server.
    pub(super) fn fetcher(&mut self) -> Result<Fetcher, FetchError> {
        let link = self.link(None);
        Fetcher::new(self.server, None, link, self.clock)
    }

    fn socket_of(&self, place: usize) -> usize {
        place % self.sockets.len()
    }

    fn join(&mut self, place: usize, client: LinkedClient, now: Now, is_greeting: bool) {
        if self.service.is_some() {
            let socket = self.socket_of(place);
            self.sealed[socket].insert(place);
        }
        let member = Member { client, is_greeting, began: now.instant, route: None, timer: None };
        let before = self.members.insert(place, member);
        assert!(before.is_none(), "one client at one place");
        self.wake(place, now);
    }

    /// Waits until something happens, at the longest until then, and does what is to be done.
    /// Returns what is over; who ended is gone.
    pub(super) fn turn(&mut self, until: Option<Instant>) -> io::Result<Vec<Ended>> {
        self.wait(until)?;
        self.receive();
        loop {
            let now = self.clock.now();
            let Some(&(at, place)) = self.timers.first() else { break };
            if at > now.instant {
                break;
            }
            self.wake(place, now);
        }
        Ok(std::mem::take(&mut self.ended))
    }

    fn wait(&mut self, until: Option<Instant>) -> io::Result<()> {
        let timer = self.timers.first().map(|&(at, _)| at);
        let until = [timer, until].into_iter().flatten().min();
        let at_once = self.readable.contains(&true) || !self.ended.is_empty();
        let timeout = if at_once {
            Some(Duration::ZERO)
        } else {
            let now = self.clock.now().instant;
            until.map(|at| at.since(now))
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            self.readable[event.token().0] = true;
        }
        Ok(())
    }

    /// Takes a bounded number of datagrams from all sockets in turn.
    fn receive(&mut self) {
        let mut left = DATAGRAMS_PER_TURN_MAX;
        while left > 0 && self.readable.contains(&true) {
            for index in 0..self.sockets.len() {
                if !self.readable[index] {
                    continue;
                }
                left = left.saturating_sub(1);
                match self.sockets[index].recv(&mut self.buffer) {
                    Ok(length) => self.deliver(index, length),
                    // The server is not there at the moment; whoever asked will ask again.
                    Err(error) if is_refusal(&error) => {}
                    Err(_) => self.readable[index] = false,
                }
            }
        }
    }

    fn deliver(&mut self, socket: usize, length: usize) {
        if self.service.is_some() {
            return self.deliver_sealed(socket, length);
        }
        let Ok(reply) = decode_reply(&self.buffer[..length]) else { return };
        let now = self.clock.now();
        self.heard = now.instant;
        // Of somebody who has gone: the answer to a repetition.
        let Some(&place) = self.routes.get(&reply.client) else { return };
        let member = self.members.get_mut(&place).expect("routes lead to members");
        member.client.handle_reply(now, reply);
        self.wake(place, now);
    }

    fn deliver_sealed(&mut self, socket: usize, length: usize) {
        let now = self.clock.now();
        self.heard = now.instant;
        let Self { sealed, members, buffer, .. } = self;
        let taker = sealed[socket].iter().copied().find(|place| {
            let member = members.get_mut(place).expect("who speaks is a member");
            member.client.handle_datagram(now, &buffer[..length])
        });
        if let Some(place) = taker {
            self.wake(place, now);
        }
    }

    /// A member goes.
    fn leave(&mut self, place: usize) -> Option<Member> {
        let socket = self.socket_of(place);
        self.sealed[socket].remove(&place);
        let member = self.members.remove(&place)?;
        member.route.map(|route| self.routes.remove(&route));
        member.timer.map(|timer| self.timers.remove(&(timer, place)));
        Some(member)
    }

    /// Lets a member do what it wants, and remembers when it wants to be woken again.
    fn wake(&mut self, place: usize, now: Now) {
        let member = self.members.get_mut(&place).expect("timers are of members");
        member.client.handle_timeout(now);
        if member.is_greeting {
            member.client.connect(now);
        }
        let mut over = None;
        while member.client.poll_hello(&mut self.space) {
            self.datagrams += 1;
            let socket = &self.sockets[place % self.sockets.len()];
            send(socket, self.space.as_bytes());
        }
        while let Some(output) = member.client.poll_output(now, &mut self.space) {
            match output {
                Output::Transmit => {
                    self.datagrams += 1;
                    let socket = &self.sockets[place % self.sockets.len()];
                    send(socket, self.space.as_bytes());
                }
                Output::Answered { answer, attempts } => {
                    over = Some(Ok(Answered { answer, attempts }));
                }
                Output::Unanswered(unanswered) => over = Some(Err(unanswered)),
                // Told to people who wait; the other two need an operation left open before.
                Output::Progress(_) => {}
            }
        }
        let (route, timer) = (member.client.client().awaits(), member.client.poll_timeout());
        if member.route != route {
            member.route.map(|old| self.routes.remove(&old));
            route.map(|new| self.routes.insert(new, place));
            member.route = route;
        }
        if member.timer != timer {
            member.timer.map(|old| self.timers.remove(&(old, place)));
            timer.map(|new| self.timers.insert((new, place)));
            member.timer = timer;
        }
        let is_late = now.instant.since(member.began) >= self.deadline;
        if member.is_greeting && (member.client.link().is_ready() || is_late) {
            let member = self.leave(place).expect("it was there");
            if !is_late {
                self.greeted.insert(place, member.client);
            }
            return;
        }
        if let Some(result) = over {
            let began = member.began;
            self.leave(place);
            self.ended.push(Ended { place, began, at: now.instant, result });
        }
    }
}

/// Sends a datagram; one that the system does not take is lost like any other.
fn send(socket: &UdpSocket, datagram: &[u8]) {
    // A refusal is the answer to the datagram before: nobody listened there then.
    if socket.send(datagram).is_err_and(|error| is_refusal(&error)) {
        let _ = socket.send(datagram);
    }
}
