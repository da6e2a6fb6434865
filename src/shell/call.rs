//! A client's side of the network: one question at a time, asked until it is answered.
//!
//! A server's name may have several addresses (IPv6 and IPv4): they are tried in turn until one of
//! them answers. A socket that fails is opened again with the next sending, because the laptop may
//! have left one network and joined another.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Poll, Token};

use super::clock::{Clock, entropy};
use super::download::{FetchError, Fetcher};
use super::interrupt::Interrupts;
use super::socket::connect;
use crate::client::{Client, Output, Unanswered};
use crate::ids::{ClassId, FileKey, RollCallNumber};
use crate::limits::{
    ASK_AGAIN_MIN, FILES_MAX, OPEN_ROLL_CALLS_MAX, READING_PROGRESS_BYTES, RETRY_MAX,
    SERVER_ADDRESSES_MAX, SHEETS_LISTED_MAX, UDP_PAYLOAD_MAX_BYTES,
};
use crate::operation::{FileEntry, FileInfo, FileState, OpenRollCall, Operation, Query, SheetInfo};
use crate::roll::Sheet;
use crate::time::Instant;
use crate::wire::{Answer, Datagram};

/// The port of a server whose address names none.
const DEFAULT_PORT: u16 = 5050;

/// The token of Ctrl-C; those below it are the places of the server's addresses.
const INTERRUPTED: Token = Token(SERVER_ADDRESSES_MAX);

/// Where a server is: a host name or an IP address, and a port. Without a port: 5050.
///
/// `localhost`, `192.0.2.7:5050`, `::1`, `[::1]` and `[::1]:5050` are all understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    host: String,
    port: u16,
}

/// A text that is no address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write HOST:PORT, for example 192.0.2.7:5050")]
pub struct NotAServer;

impl FromStr for ServerName {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(NotAServer)?;
                if !is_ipv6(host) {
                    return Err(NotAServer);
                }
                match port {
                    "" => (host, None),
                    port => (host, Some(port.strip_prefix(':').ok_or(NotAServer)?)),
                }
            }
            None if is_ipv6(text) => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|&port| port != 0).ok_or(NotAServer)?
            }
            Some(_) => return Err(NotAServer),
        };
        if !(is_ipv6(host) || is_host_name(host)) {
            return Err(NotAServer);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// An IPv6 address, with a zone perhaps: `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok()
        && !zone.is_empty()
        && zone.bytes().all(|byte| byte.is_ascii_graphic() && !b"[]%/:".contains(&byte))
}

/// An IPv4 address, or something that the resolver may know. What looks like a number and is no
/// address is refused: resolvers take `5050` for the address 0.0.19.186.
fn is_host_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_name = !text.is_empty() && text.chars().all(is_part) && !text.starts_with(['.', '-']);
    is_name && (!is_number || text.parse::<Ipv4Addr>().is_ok())
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

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

/// What a person may be told while waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The request was sent again.
    Retrying {
        /// The sendings so far, with this one.
        attempt: u32,
        /// What is left until the deadline.
        left: Duration,
    },
    /// The network says that nobody listens there: the server is not running, or not yet.
    Refused {
        /// The address that was asked.
        address: SocketAddr,
    },
    /// An operation that had been left open is answered now.
    Settled {
        /// The earlier operation.
        operation: Operation,
        /// Its answer.
        answer: Answer,
    },
    /// The outcome of an earlier operation will never be known.
    Abandoned {
        /// The earlier operation.
        operation: Operation,
    },
}

/// A connection-less connection to one server.
pub struct Caller {
    client: Client,
    clock: Clock,
    poll: Poll,
    events: Events,
    interrupts: Interrupts,
    links: Vec<Link>,
    /// The address to send to next, and whether it has ever answered.
    current: usize,
    confirmed: bool,
    /// The address at which nobody listened when the network last said so.
    refused_at: Option<SocketAddr>,
    /// Made with the first object.
    fetcher: Option<Fetcher>,
    buffer: Vec<u8>,
}

/// One address of the server, with the socket that is connected to it.
struct Link {
    address: SocketAddr,
    socket: Option<UdpSocket>,
}

impl Caller {
    /// Finds the server. Sends nothing yet.
    ///
    /// # Errors
    /// If its name cannot be found.
    pub fn new(server: &ServerName) -> Result<Self, CallError> {
        Self::at(resolve(server)?)
    }

    /// A server at one of these addresses.
    fn at(addresses: Vec<SocketAddr>) -> Result<Self, CallError> {
        assert!(!addresses.is_empty() && addresses.len() <= SERVER_ADDRESSES_MAX);
        let links = addresses.into_iter().map(|address| Link { address, socket: None }).collect();
        let poll = Poll::new()?;
        let interrupts = Interrupts::register(poll.registry(), INTERRUPTED)?;
        Ok(Self {
            client: Client::new(entropy()),
            clock: Clock::start(),
            poll,
            events: Events::with_capacity(16),
            interrupts,
            links,
            current: 0,
            confirmed: false,
            refused_at: None,
            fetcher: None,
            // R-READ-6
            buffer: vec![0; UDP_PAYLOAD_MAX_BYTES + 1],
        })
    }

    /// The operation whose deadline passed and that will be settled before the next one.
    #[must_use]
    pub fn unsettled(&self) -> Option<Operation> {
        self.client.unsettled()
    }

    /// What was measured of the way to the server: how long it is, there and back.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.client.round_trip()
    }

    /// The server's address to which the next datagram goes; once there was an answer, the one that
    /// it came from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.links[self.current].address
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
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Answered, CallError> {
        let settling = self.client.unsettled().is_some();
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
        watch: &mut dyn FnMut(Progress),
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
            self.fetcher = Some(Fetcher::new(address, self.round_trip())?);
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

    /// The open roll calls, in order of class, and how many datagrams it took.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] if a part of the list is not answered before the deadline;
    /// [`CallError::Stalled`] if the server lists more than any server holds.
    pub fn list_open(
        &mut self,
        deadline: Duration,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<(Vec<OpenRollCall>, u32), CallError> {
        let (mut listed, mut attempts) = (Vec::<OpenRollCall>::new(), 0);
        let mut from = ClassId::new(1);
        while let Some(first) = from {
            let answered = self.ask(Query::Status { from: first }, deadline, watch)?;
            attempts += answered.attempts;
            let Answer::Status { open, more } = answered.answer else { break };
            listed.extend(open);
            if listed.len() > OPEN_ROLL_CALLS_MAX {
                return Err(CallError::Stalled("its list of open roll calls"));
            }
            let last = listed.last().filter(|_| more);
            from = last.and_then(|last| last.class.get().checked_add(1)).and_then(ClassId::new);
        }
        Ok((listed, attempts))
    }

    /// The closed sheets of a class in brief, the last one first, from this number down for as long as
    /// `wanted` wants them; and how many datagrams it took.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] if a part of the list is not answered before the deadline;
    /// [`CallError::Stalled`] if the server lists more than a class ever has.
    pub fn list_sheets(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        deadline: Duration,
        wanted: &mut dyn FnMut(&SheetInfo) -> bool,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<(Vec<SheetInfo>, u32), CallError> {
        let (mut listed, mut attempts) = (Vec::<SheetInfo>::new(), 0);
        let mut next = Some(at_most);
        while let Some(at_most) = next {
            let answered = self.ask(Query::Sheets { class, at_most }, deadline, watch)?;
            attempts += answered.attempts;
            let Answer::Sheets { sheets, more } = answered.answer else { break };
            let before = listed.len();
            let page = sheets.len();
            listed.extend(sheets.into_iter().take_while(|info| wanted(info)));
            if listed.len() > SHEETS_LISTED_MAX {
                return Err(CallError::Stalled("its list of sheets"));
            }
            let all_wanted = listed.len() == before + page;
            let last = listed.last().filter(|_| more && all_wanted);
            next = last.and_then(|last| RollCallNumber::new(last.number.get() - 1));
        }
        Ok((listed, attempts))
    }

    /// The whole list of offered files, in order of name, and how many datagrams it took; nothing if
    /// the server offers none.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] if a part of it is not answered before the deadline;
    /// [`CallError::Stalled`] if the list did not grow for as long.
    pub fn list_files(
        &mut self,
        deadline: Duration,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<(Option<Vec<FileEntry>>, u32), CallError> {
        let (mut files, mut attempts) = (Vec::<FileEntry>::new(), 0);
        let mut idle = Idle::begin(self.clock.now().instant, deadline);
        let mut longest = 0;
        loop {
            let from = u32::try_from(files.len()).unwrap_or(u32::MAX);
            let answered = self.ask(Query::Files { from }, deadline, watch)?;
            attempts += answered.attempts;
            let Answer::Files(Some(list)) = answered.answer else { return Ok((None, attempts)) };
            let follows = match (files.last(), list.files.first()) {
                (Some(before), Some(after)) => before.name < after.name,
                _ => true,
            };
            if follows && !list.files.is_empty() {
                files.extend(list.files);
            } else if !follows || list.total as usize != files.len() {
                // The folder changed meanwhile: from the beginning.
                files.clear();
            }
            if files.len() >= (list.total as usize).min(FILES_MAX) {
                return Ok((Some(files), attempts));
            }
            if files.len() > longest {
                longest = files.len();
                idle.progressed(self.clock.now().instant);
            } else {
                self.pause(&mut idle, "its list of files")?;
            }
        }
    }

    /// Asks for the status of a file until the server has read it, and how many datagrams that
    /// took; nothing if it offers no such file. `reading` hears how far the server is.
    ///
    /// # Errors
    /// [`CallError::Unanswered`] if there is no answer before the deadline, which counts from the
    /// last one; [`CallError::Stalled`] if the server has not read on for as long.
    pub fn describe_file(
        &mut self,
        file: FileKey,
        deadline: Duration,
        watch: &mut dyn FnMut(Progress),
        reading: &mut dyn FnMut(u64, u64),
    ) -> Result<(Option<FileInfo>, u32), CallError> {
        let mut attempts = 0;
        let mut idle = Idle::begin(self.clock.now().instant, deadline);
        let mut furthest = 0;
        loop {
            let answered = self.ask(Query::File { file }, deadline, watch)?;
            attempts += answered.attempts;
            match answered.answer {
                Answer::File(FileState::Ready(info)) => return Ok((Some(info), attempts)),
                Answer::File(FileState::Reading { done, bytes }) => {
                    reading(done, bytes);
                    if done >= furthest + READING_PROGRESS_BYTES {
                        furthest = done;
                        idle.progressed(self.clock.now().instant);
                    }
                }
                _ => return Ok((None, attempts)),
            }
            self.pause(&mut idle, "its reading of the file")?;
        }
    }

    /// Lets time pass before the next question after an answer that did not end it.
    fn pause(&mut self, idle: &mut Idle, what: &'static str) -> Result<(), CallError> {
        let now = self.clock.now().instant;
        let until = now.after(idle.wait(now).ok_or(CallError::Stalled(what))?);
        loop {
            let left = until.since(self.clock.now().instant);
            if left.is_zero() {
                return Ok(());
            }
            self.poll(Some(left))?;
            // Nothing is awaited: what comes is late or a copy.
            self.receive(&mut |_| {});
        }
    }

    /// Waits for the end of the exchange; `settling` says that an earlier operation comes first.
    fn finish(
        &mut self,
        mut settling: bool,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<Answered, CallError> {
        let mut space = Datagram::new();
        let mut attempts = 0;
        let _waiting = self.interrupts.wait_begins();
        loop {
            self.client.handle_timeout(self.clock.now());
            while let Some(output) = self.client.poll_output(&mut space) {
                match output {
                    Output::Transmit => {
                        attempts += u32::from(!settling);
                        self.send(space.as_bytes(), watch);
                    }
                    Output::Retrying { attempt, left } => {
                        self.try_next_address();
                        watch(Progress::Retrying { attempt, left });
                    }
                    Output::Settled { operation, answer } => {
                        settling = false;
                        watch(Progress::Settled { operation, answer });
                    }
                    Output::Abandoned { operation } => {
                        settling = false;
                        watch(Progress::Abandoned { operation });
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
            self.receive(watch);
            // What has arrived by now is told; only then is nothing known of the operation.
            if self.client.is_idle() {
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

    fn send(&mut self, datagram: &[u8], watch: &mut dyn FnMut(Progress)) {
        let token = Token(self.current);
        let link = &mut self.links[self.current];
        if link.socket.is_none() {
            link.socket = connect(link.address, &self.poll, token).ok();
        }
        // Without a socket there is no network at the moment: a datagram lost, like any other.
        let Some(socket) = &link.socket else { return };
        match socket.send(datagram) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The answer to the datagram before: nobody listened there then.
            Err(error) if is_refusal(&error) => {
                let _ = socket.send(datagram);
                self.refused(self.current, watch);
            }
            Err(_) => link.socket = None,
        }
    }

    fn refused(&mut self, index: usize, watch: &mut dyn FnMut(Progress)) {
        let address = self.links[index].address;
        self.client.handle_refused();
        self.refused_at = Some(address);
        watch(Progress::Refused { address });
    }

    fn receive(&mut self, watch: &mut dyn FnMut(Progress)) {
        for index in 0..self.links.len() {
            while let Some(result) =
                self.links[index].socket.as_ref().map(|socket| socket.recv(&mut self.buffer))
            {
                match result {
                    Ok(length) => {
                        let now = self.clock.now();
                        // Anybody may send anything.
                        // R-CLIENT-9
                        if self.client.handle_datagram(now, &self.buffer[..length]) {
                            self.current = index;
                            self.confirmed = true;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if is_refusal(&error) => self.refused(index, watch),
                    Err(_) => self.links[index].socket = None,
                }
            }
        }
    }

    fn try_next_address(&mut self) {
        if !self.confirmed {
            self.current = (self.current + 1) % self.links.len();
        }
    }
}

/// How long answers have come without progress, and how long to wait before the next question
/// (R-FILES-6).
struct Idle {
    timeout: Duration,
    since: Instant,
    wait: Duration,
}

impl Idle {
    fn begin(now: Instant, timeout: Duration) -> Self {
        Self { timeout, since: now, wait: ASK_AGAIN_MIN }
    }

    fn progressed(&mut self, now: Instant) {
        *self = Self::begin(now, self.timeout);
    }

    /// How long to wait now, and twice as long the next time; `None` if there was no progress for the
    /// timeout.
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        // R-FILES-6
        let next = (self.wait * 2).min(RETRY_MAX);
        let wait = std::mem::replace(&mut self.wait, next);
        // R-FILES-7
        (now.since(self.since) < self.timeout).then_some(wait)
    }
}

/// Whether the network said that nobody listens: ICMP port unreachable, on Windows error 10054.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

fn resolve(server: &ServerName) -> Result<Vec<SocketAddr>, CallError> {
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
    use crate::ids::ClassId;
    use crate::wire::{Reply, decode_request, encode_reply};

    // spec: R-FILES-6, R-FILES-7
    #[test]
    fn what_makes_no_progress_is_asked_ever_later_and_not_for_ever() {
        let millis = |millis: u64| Duration::from_millis(millis);
        let timeout = Duration::from_secs(3);
        let mut now = Instant::ZERO;
        let mut idle = Idle::begin(now, timeout);
        let ask_until_the_end = |idle: &mut Idle, now: &mut Instant| {
            let mut waits = Vec::new();
            while let Some(wait) = idle.wait(*now) {
                waits.push(wait);
                *now = now.after(wait);
            }
            waits
        };
        let waits = ask_until_the_end(&mut idle, &mut now);
        assert_eq!(waits[..5], [50, 100, 200, 400, 500].map(millis));
        assert!(waits[4..].iter().all(|wait| *wait == millis(500)), "{waits:?}");
        let waited = now.since(Instant::ZERO);
        assert!((timeout..timeout + millis(500)).contains(&waited), "{waited:?}");
        idle.progressed(now);
        assert_eq!(ask_until_the_end(&mut idle, &mut now), waits, "the same after progress");
    }

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
        let answer = Answer::Status { open: Vec::new(), more: false };
        let mut space = Datagram::new();
        encode_reply(&Reply { client: asked.client, number: asked.number, answer }, &mut space);
        space.as_bytes().to_vec()
    }

    // spec: R-CLIENT-7, R-CLIENT-9
    #[test]
    fn an_address_that_answers_with_junk_is_not_taken_for_the_server() {
        let to_a_stranger = |datagram: &[u8]| {
            let mut reply = crate::wire::decode_reply(&nothing_open(datagram)).unwrap();
            reply.client = crate::ids::ClientId::from_bytes([7; 16]);
            let mut space = Datagram::new();
            encode_reply(&reply, &mut space);
            space.as_bytes().to_vec()
        };
        let junk: [Answering; 3] = [|_| vec![0], |datagram| datagram.to_vec(), to_a_stranger];
        for junk in junk {
            let (wrong, right) = (Peer::new(junk), Peer::new(nothing_open));
            let mut caller = Caller::at(vec![wrong.address, right.address]).unwrap();
            let query = Query::Status { from: ClassId::new(1).unwrap() };
            let answered = caller.ask(query, Duration::from_secs(30), &mut |_| {}).unwrap();
            assert!(answered.attempts >= 2, "the first went to the wrong address");
            assert_eq!(caller.address(), right.address);
            let again = caller.ask(query, Duration::from_secs(30), &mut |_| {}).unwrap();
            assert_eq!(again.attempts, 1, "and then no other address is tried");
        }
    }

    #[test]
    fn an_address_may_leave_out_the_port() {
        for (text, whole) in [
            ("localhost", "localhost:5050"),
            ("localhost:6000", "localhost:6000"),
            ("192.0.2.7", "192.0.2.7:5050"),
            ("192.0.2.7:1", "192.0.2.7:1"),
            ("rollcall.example.edu:65535", "rollcall.example.edu:65535"),
            ("::1", "[::1]:5050"),
            ("[::1]", "[::1]:5050"),
            ("[::1]:6000", "[::1]:6000"),
            ("fe80::1%eth0", "[fe80::1%eth0]:5050"),
            ("[fe80::1%2]:6000", "[fe80::1%2]:6000"),
            ("escola_1.exemplo", "escola_1.exemplo:5050"),
        ] {
            let server: ServerName = text.parse().unwrap();
            assert_eq!(server.to_string(), whole, "{text}");
            assert_eq!(whole.parse(), Ok(server), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_looked_up() {
        for text in [
            "",
            ":",
            ":5050",
            "localhost:",
            "localhost:0",
            "localhost:99999",
            "localhost:+5",
            "localhost:port",
            "localhost:5050:",
            "5050",
            "127.0.0.256",
            "127.1",
            "[::1",
            "[::1]5050",
            "[localhost]:5050",
            "[]:5050",
            "1:2:3",
            "http://localhost:5050",
            "no host here",
            "\u{1b}[31m:1",
            "-host:5050",
            "fe80::1%:5050",
        ] {
            assert_eq!(text.parse::<ServerName>(), Err(NotAServer), "{text:?}");
        }
    }
}
