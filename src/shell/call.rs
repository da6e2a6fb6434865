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
use super::socket::connect;
use crate::client::{Client, Output, Unanswered};
use crate::ids::{ClassId, FileKey};
use crate::limits::{
    ASK_AGAIN_MIN, FILES_MAX, OPEN_ROLL_CALLS_MAX, READING_PROGRESS_BYTES, RETRY_MAX,
    SERVER_ADDRESSES_MAX, UDP_PAYLOAD_MAX_BYTES,
};
use crate::operation::{FileEntry, FileInfo, FileState, OpenRollCall, Operation, Query, SheetInfo};
use crate::roll::Sheet;
use crate::time::Instant;
use crate::wire::{Answer, Datagram};

/// Why a client could not ask, or got no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server's name cannot be found. Nothing was sent.
    #[error("cannot find the server '{server}': {reason}")]
    Resolve {
        /// What was asked for.
        server: String,
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
        /// The how-manieth sending.
        attempt: u32,
        /// What is left until the deadline.
        left: Duration,
    },
    /// An operation that had been left open is answered now.
    Settled {
        /// The earlier operation.
        operation: Operation,
        /// Its answer.
        answer: Answer,
    },
    /// The outcome of an earlier operation will never be known.
    Forsaken {
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
    links: Vec<Link>,
    /// The address to send to next, and whether it has ever answered.
    current: usize,
    confirmed: bool,
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
    pub fn new(server: &str) -> Result<Self, CallError> {
        let links =
            resolve(server)?.into_iter().map(|address| Link { address, socket: None }).collect();
        Ok(Self {
            client: Client::new(entropy()),
            clock: Clock::start(),
            poll: Poll::new()?,
            events: Events::with_capacity(16),
            links,
            current: 0,
            confirmed: false,
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
        self.client.perform(self.clock.now(), operation, deadline);
        self.finish(watch)
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
        self.finish(watch)
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
        let mut fetcher = Fetcher::new(self.address(), self.round_trip())?;
        Ok(fetcher.fetch_sheet(info, deadline)?)
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
            self.receive();
        }
    }

    fn finish(&mut self, watch: &mut dyn FnMut(Progress)) -> Result<Answered, CallError> {
        let mut space = Datagram::new();
        loop {
            self.client.handle_timeout(self.clock.now());
            while let Some(output) = self.client.poll_output(&mut space) {
                match output {
                    Output::Transmit => self.send(space.as_bytes()),
                    Output::Retrying { attempt, left } => {
                        self.try_next_address();
                        watch(Progress::Retrying { attempt, left });
                    }
                    Output::Settled { operation, answer } => {
                        watch(Progress::Settled { operation, answer });
                    }
                    Output::Forsaken { operation } => watch(Progress::Forsaken { operation }),
                    Output::Answered { answer, attempts } => {
                        return Ok(Answered { answer, attempts });
                    }
                    Output::Unanswered(unanswered) => {
                        return Err(CallError::Unanswered(unanswered));
                    }
                }
            }
            self.wait()?;
            self.receive();
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
                self.client.handle_refused();
                let _ = socket.send(datagram);
            }
            Err(_) => link.socket = None,
        }
    }

    fn receive(&mut self) {
        for index in 0..self.links.len() {
            while let Some(result) =
                self.links[index].socket.as_ref().map(|socket| socket.recv(&mut self.buffer))
            {
                match result {
                    Ok(length) => {
                        let now = self.clock.now();
                        self.client.handle_datagram(now, &self.buffer[..length]);
                        self.current = index;
                        self.confirmed = true;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if is_refusal(&error) => self.client.handle_refused(),
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
        let next = (self.wait * 2).min(RETRY_MAX);
        let wait = std::mem::replace(&mut self.wait, next);
        (now.since(self.since) < self.timeout).then_some(wait)
    }
}

/// Whether the network said that nobody listens: ICMP port unreachable, on Windows error 10054.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

fn resolve(server: &str) -> Result<Vec<SocketAddr>, CallError> {
    let error = |reason: String| CallError::Resolve { server: server.to_owned(), reason };
    if !server.contains(':') {
        return Err(error(format!("the port is missing; write it as {server}:5050")));
    }
    let mut addresses = Vec::new();
    for address in server.to_socket_addrs().map_err(|cause| error(explain(&cause)))? {
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
    if cause.kind() == io::ErrorKind::InvalidInput {
        return "write it as HOST:PORT, for example 192.0.2.7:5050".into();
    }
    // The resolver's own words come after a prefix that says the same in longer ones.
    let words = cause.to_string();
    let words = words.rsplit(": ").next().unwrap_or_default();
    format!("{words}; is the name right, and is this computer on the network?")
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
