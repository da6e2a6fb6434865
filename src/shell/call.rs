//! A client's side of the network: one question at a time, asked until it is answered.
//!
//! A server's name may have several addresses (IPv6 and IPv4): they are tried in turn until one of
//! them answers. A socket that fails is opened again with the next sending, because the laptop may
//! have left one network and joined another.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Poll, Token};

use super::clock::{Clock, entropy};
use super::download::{FetchError, Fetcher};
use super::interrupt::Interrupts;
pub use super::server_name::{NotAServer, ServerName};
use super::socket::connect;
use crate::client::inquiry::{Inquiry, Step};
use crate::client::{LinkedClient, Output, Progress, Unanswered};
use crate::exchange::{Answer, Operation, Query, Refused, SheetInfo};
use crate::limits::{SERVER_ADDRESSES_MAX, UDP_PAYLOAD_MAX_BYTES};
use crate::roll::Sheet;
use crate::seal::{Channel, Link};
use crate::time::Instant;
use crate::wire::Datagram;

/// The token of Ctrl-C; those below it are the places of the server's addresses.
const INTERRUPTED: Token = Token(SERVER_ADDRESSES_MAX);

/// Why a client could not ask, or got no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server's name cannot be found. Nothing was sent.
    #[error("cannot find the server '{server}': {reason}")]
    Resolve {
        /// What was asked for.
        server: ServerName,
        /// Why not, and what to do.
        reason: String,
    },
    /// The system does not let us wait for an answer.
    #[error("the operating system refused: {0}")]
    System(#[from] io::Error),
    /// No answer until the deadline, or the server lost track.
    #[error("no answer")]
    Unanswered(Unanswered),
    /// The server answers, and what was asked for comes no further.
    #[error("the server answers, but {0} does not come to an end; try again later")]
    Stalled(&'static str),
    /// Ctrl-C was pressed while an answer was awaited. An operation that was sent may still be
    /// executed, and stays under way: nothing more can be asked.
    #[error("interrupted")]
    Interrupted {
        /// How many datagrams were sent for it; zero if an earlier operation was being settled.
        attempts: u32,
    },
    /// The server says that this device may do nothing any more. What was sent only once was not done; of
    /// what was sent before, nothing is said.
    #[error("this device was revoked")]
    Revoked {
        /// The datagrams that were sent.
        attempts: u32,
    },
    /// The server does not answer this question to us.
    #[error("refused: {}", .refused.reason.name())]
    Refused {
        /// Why, and when.
        refused: Refused,
        /// The datagrams that it took.
        attempts: u32,
    },
    /// A sheet or a file could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// An answer, and how many datagrams it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer; it fits the question.
    pub answer: Answer,
    /// The datagrams that were sent for it.
    pub attempts: u32,
}

/// Hears what happens while an answer is awaited, and at which address nobody listened, if the network
/// said so since the last answer.
pub type Watch<'a> = dyn FnMut(&Progress, Option<SocketAddr>) + 'a;

/// A connection-less connection to one server.
pub struct Caller {
    client: LinkedClient,
    clock: Clock,
    poll: Poll,
    events: Events,
    interrupts: Interrupts,
    routes: Vec<Route>,
    /// The address to send to next, and whether it has ever answered.
    current: usize,
    confirmed: bool,
    /// The `HELLO`s that were sent since there was an answer.
    hellos: u32,
    /// The address at which nobody listened when the network last said so.
    refused_at: Option<SocketAddr>,
    /// Made with the first object.
    fetcher: Option<Fetcher>,
    buffer: Vec<u8>,
}

/// One address of the server, with the socket that is connected to it.
struct Route {
    address: SocketAddr,
    socket: Option<UdpSocket>,
}

impl Caller {
    /// A caller of the server at one of these addresses, over this link. Sends nothing yet.
    ///
    /// # Errors
    /// If the system does not let us wait for answers.
    ///
    /// # Panics
    /// If there is no address, or too many.
    pub fn at(addresses: Vec<SocketAddr>, link: Link) -> Result<Self, CallError> {
        assert!(!addresses.is_empty() && addresses.len() <= SERVER_ADDRESSES_MAX);
        let routes = addresses.into_iter().map(|address| Route { address, socket: None }).collect();
        let poll = Poll::new()?;
        let interrupts = Interrupts::register(poll.registry(), INTERRUPTED)?;
        Ok(Self {
            client: LinkedClient::new(entropy(), link),
            clock: Clock::start(),
            poll,
            events: Events::with_capacity(16),
            interrupts,
            routes,
            current: 0,
            confirmed: false,
            hellos: 0,
            refused_at: None,
            fetcher: None,
            // R-READ-6
            buffer: vec![0; UDP_PAYLOAD_MAX_BYTES + 1],
        })
    }

    /// The sealed channel, if there is one.
    #[must_use]
    pub fn channel(&self) -> Option<&Channel> {
        self.client.link().channel()
    }

    /// Says `HELLO`, and waits for the answer.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] at the deadline.
    pub fn connect(&mut self, deadline: Duration) -> Result<(), CallError> {
        let mut space = Datagram::new();
        let ends = self.now().after(deadline);
        self.client.connect(self.clock.now());
        let _waiting = self.interrupts.wait_begins();
        while !self.client.link().is_ready() {
            let now = self.clock.now();
            if now.instant >= ends {
                return Err(CallError::Unanswered(Unanswered::of_hello(self.refused_at.is_some())));
            }
            self.client.handle_timeout(now);
            self.client.connect(now);
            self.send_hellos(&mut space);
            let until = self.client.poll_timeout().unwrap_or(ends).min(ends);
            self.poll(Some(until.since(self.now())))?;
            self.receive();
            if self.interrupts.arrived() {
                return Err(CallError::Interrupted { attempts: 0 });
            }
        }
        Ok(())
    }

    /// The operation whose deadline passed and that will be settled before the next one.
    #[must_use]
    pub fn unsettled(&self) -> Option<Operation> {
        self.client.client().unsettled()
    }

    /// Goes on as another client, so that nothing of before has to be settled first: for whoever sees to it in
    /// another way.
    pub fn begin_anew(&mut self) {
        let link = self.client.link().for_another_socket(entropy());
        self.client = LinkedClient::new(entropy(), link);
    }

    /// What was measured of the way to the server: how long it is, there and back.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.client.client().round_trip()
    }

    /// The server's address to which the next datagram goes; once there was an answer, the one that
    /// it came from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.routes[self.current].address
    }

    /// The address at which nobody listened, if the network said so since the last answer.
    #[must_use]
    pub fn refused_at(&self) -> Option<SocketAddr> {
        self.refused_at
    }

    /// Performs an operation and waits for its answer.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] at the deadline: its outcome is unknown then.
    pub fn perform(
        &mut self,
        operation: Operation,
        deadline: Duration,
        watch: &mut Watch<'_>,
    ) -> Result<Answered, CallError> {
        let settling = self.client.client().unsettled().is_some();
        self.client.perform(self.clock.now(), operation, deadline);
        self.finish(settling, watch)
    }

    /// Asks a question and waits for its answer.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] at the deadline.
    pub fn ask(
        &mut self,
        query: Query,
        deadline: Duration,
        watch: &mut Watch<'_>,
    ) -> Result<Answered, CallError> {
        self.client.ask(self.clock.now(), query, deadline);
        self.finish(false, watch)
    }

    /// Fetches objects from the address that answered last. What is known of the path is kept from one
    /// object to the next.
    ///
    /// # Errors
    /// If the system does not let us wait for events.
    pub fn fetcher(&mut self) -> Result<&mut Fetcher, FetchError> {
        let address = self.address();
        if self.fetcher.as_ref().is_none_or(|fetcher| fetcher.server() != address) {
            let link = self.client.link().for_another_socket(entropy());
            self.fetcher = Some(Fetcher::new(address, self.round_trip(), link, self.clock)?);
        }
        Ok(self.fetcher.as_mut().expect("there is one now"))
    }

    /// Fetches a whole sheet and checks it against its name. Also tells how many datagrams it took.
    /// The deadline counts from the last block that came.
    ///
    /// # Errors
    /// Why it could not be fetched.
    pub fn fetch_sheet(
        &mut self,
        info: &SheetInfo,
        deadline: Duration,
    ) -> Result<(Sheet, u32), CallError> {
        Ok(self.fetcher()?.fetch_sheet(info, deadline)?)
    }

    /// Makes an inquiry, and tells what it found and how many datagrams it took. `watch` hears what
    /// happens while an answer is awaited, `follow` of the inquiry after each answer.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] if one of its questions is not answered before the deadline, which
    /// counts for each; [`CallError::Refused`] if one is refused; [`CallError::Stalled`] if the answers do not
    /// come to an end.
    pub fn inquire<I: Inquiry>(
        &mut self,
        inquiry: &mut I,
        deadline: Duration,
        watch: &mut Watch<'_>,
        follow: &mut dyn FnMut(&I),
    ) -> Result<(I::Found, u32), CallError> {
        let mut attempts = 0;
        loop {
            match inquiry.poll(self.now()) {
                Step::Ask(query) => {
                    let answered = self.ask(query, deadline, watch)?;
                    attempts += answered.attempts;
                    if let Answer::Refused(refused) = answered.answer {
                        return Err(CallError::Refused { refused, attempts });
                    }
                    inquiry.handle_answer(self.now(), answered.answer);
                    follow(inquiry);
                }
                Step::Wait(until) => self.pause(until)?,
                Step::Done(found) => return Ok((found, attempts)),
                Step::Stalled(what) => return Err(CallError::Stalled(what)),
            }
        }
    }

    /// The time by which an inquiry counts.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now().instant
    }

    /// Lets time pass.
    fn pause(&mut self, until: Instant) -> Result<(), CallError> {
        loop {
            let left = until.since(self.now());
            if left.is_zero() {
                return Ok(());
            }
            self.poll(Some(left))?;
            // Nothing is awaited: what comes is late or a copy.
            self.receive();
        }
    }

    /// Waits for the end of the exchange; `settling` says that an earlier operation comes first.
    fn finish(&mut self, mut settling: bool, watch: &mut Watch<'_>) -> Result<Answered, CallError> {
        let mut space = Datagram::new();
        let mut attempts = 0;
        let _waiting = self.interrupts.wait_begins();
        loop {
            let now = self.clock.now();
            self.client.handle_timeout(now);
            self.send_hellos(&mut space);
            while let Some(output) = self.client.poll_output(now, &mut space) {
                match output {
                    Output::Transmit => {
                        attempts += u32::from(!settling);
                        self.send(space.as_bytes());
                    }
                    Output::Progress(progress) => {
                        match progress {
                            Progress::Retrying { .. } => self.try_next_address(),
                            Progress::Settled { .. } | Progress::Abandoned { .. } => {
                                settling = false;
                            }
                            Progress::Refused => {}
                        }
                        watch(&progress, self.refused_at);
                    }
                    Output::Answered { answer: Answer::Revoked, attempts } => {
                        return Err(CallError::Revoked { attempts });
                    }
                    Output::Answered { answer, attempts } => {
                        self.refused_at = None;
                        return Ok(Answered { answer, attempts });
                    }
                    Output::Unanswered(unanswered) => {
                        return Err(CallError::Unanswered(unanswered));
                    }
                }
            }
            self.wait()?;
            self.receive();
            // What has arrived by now is told; only then is nothing known of the operation.
            if self.client.client().is_idle() {
                continue;
            }
            if self.interrupts.arrived() {
                return Err(CallError::Interrupted { attempts });
            }
        }
    }

    fn wait(&mut self) -> Result<(), CallError> {
        let now = self.clock.now().instant;
        let timeout = self.client.poll_timeout().map(|at| at.since(now));
        self.poll(timeout)
    }

    fn poll(&mut self, timeout: Option<Duration>) -> Result<(), CallError> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => Ok(other?),
        }
    }

    fn send(&mut self, datagram: &[u8]) {
        let token = Token(self.current);
        let route = &mut self.routes[self.current];
        if route.socket.is_none() {
            route.socket = connect(route.address, &self.poll, token).ok();
        }
        // Without a socket there is no network at the moment: a datagram lost, like any other.
        let Some(socket) = &route.socket else { return };
        match socket.send(datagram) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The answer to the datagram before: nobody listened there then.
            Err(error) if is_refusal(&error) => {
                let _ = socket.send(datagram);
                self.refused(self.current);
            }
            Err(_) => route.socket = None,
        }
    }

    fn refused(&mut self, index: usize) {
        let address = self.routes[index].address;
        self.client.handle_refused();
        self.refused_at = Some(address);
    }

    fn receive(&mut self) {
        for index in 0..self.routes.len() {
            while let Some(result) =
                self.routes[index].socket.as_ref().map(|socket| socket.recv(&mut self.buffer))
            {
                match result {
                    Ok(length) => {
                        let now = self.clock.now();
                        // Anybody may send anything.
                        // R-CLIENT-9
                        if self.client.handle_datagram(now, &self.buffer[..length]) {
                            self.current = index;
                            self.confirmed = true;
                            self.hellos = 0;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if is_refusal(&error) => self.refused(index),
                    Err(_) => self.routes[index].socket = None,
                }
            }
        }
    }

    /// Says `HELLO` if that is to be said. One that was said in vain may have gone to the wrong address.
    fn send_hellos(&mut self, space: &mut Datagram) {
        while self.client.poll_hello(space) {
            self.hellos += 1;
            if self.hellos > 1 {
                self.try_next_address();
            }
            self.send(space.as_bytes());
        }
    }

    fn try_next_address(&mut self) {
        if !self.confirmed {
            self.current = (self.current + 1) % self.routes.len();
        }
    }
}

/// Whether the network said that nobody listens: ICMP port unreachable, on Windows error 10054.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

/// The addresses of a server's name.
///
/// # Errors
/// If it has none.
pub fn resolve(server: &ServerName) -> Result<Vec<SocketAddr>, CallError> {
    let error = |reason: String| CallError::Resolve { server: server.clone(), reason };
    let found = (server.host.as_str(), server.port).to_socket_addrs();
    let mut addresses = Vec::new();
    for address in found.map_err(|cause| error(explain(&cause)))? {
        if !addresses.contains(&address) && addresses.len() < SERVER_ADDRESSES_MAX {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(error("the name has no address".into()));
    }
    Ok(addresses)
}

fn explain(cause: &io::Error) -> String {
    // The resolver's own words come after a prefix that says the same in longer ones.
    let words = cause.to_string();
    let words = words.rsplit(": ").next().unwrap_or_default();
    format!("{words}; is the name right, and is this computer on the network?")
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::exchange::StatusList;
    use crate::exchange::{Reply, decode_request, encode_reply};
    use crate::ids::ClassId;

    type Answering = fn(&[u8]) -> Vec<u8>;

    /// A socket in a thread of its own that says this to every request, until it is dropped.
    struct Peer {
        address: SocketAddr,
        end: Arc<AtomicBool>,
    }

    impl Peer {
        fn new(answer: Answering) -> Self {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let address = socket.local_addr().unwrap();
            let end = Arc::new(AtomicBool::new(false));
            let ended = Arc::clone(&end);
            thread::spawn(move || {
                let mut space = [0; 2_048];
                while !ended.load(Ordering::Relaxed) {
                    if let Ok((length, from)) = socket.recv_from(&mut space) {
                        let _ = socket.send_to(&answer(&space[..length]), from);
                    }
                }
            });
            Self { address, end }
        }
    }

    impl Drop for Peer {
        fn drop(&mut self) {
            self.end.store(true, Ordering::Relaxed);
        }
    }

    fn nothing_open(datagram: &[u8]) -> Vec<u8> {
        let asked = decode_request(datagram).unwrap().request;
        let answer = Answer::Status(StatusList { open: Vec::new(), more: false });
        let mut space = Datagram::new();
        encode_reply(&Reply { client: asked.client, number: asked.number, answer }, &mut space);
        space.as_bytes().to_vec()
    }

    // spec: R-CLIENT-7, R-CLIENT-9
    #[test]
    fn an_address_that_answers_with_junk_is_not_taken_for_the_server() {
        let to_a_stranger = |datagram: &[u8]| {
            let mut reply = crate::exchange::decode_reply(&nothing_open(datagram)).unwrap();
            reply.client = crate::ids::ClientId::from_bytes([7; 16]);
            let mut space = Datagram::new();
            encode_reply(&reply, &mut space);
            space.as_bytes().to_vec()
        };
        let junk: [Answering; 3] = [|_| vec![0], |datagram| datagram.to_vec(), to_a_stranger];
        for junk in junk {
            let (wrong, right) = (Peer::new(junk), Peer::new(nothing_open));
            let mut caller = Caller::at(vec![wrong.address, right.address], Link::Plain).unwrap();
            let query = Query::Status { from: ClassId::new(1).unwrap() };
            let answered = caller.ask(query, Duration::from_secs(30), &mut |_, _| {}).unwrap();
            assert!(answered.attempts >= 2, "the first went to the wrong address");
            assert_eq!(caller.address(), right.address);
            let again = caller.ask(query, Duration::from_secs(30), &mut |_, _| {}).unwrap();
            assert_eq!(again.attempts, 1, "and then no other address is tried");
        }
    }
}
