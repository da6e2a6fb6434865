//! Fetches objects: a socket of its own, and the loop around one [`ObjectFetch`] or [`SheetFetch`] at a
//! time. What to request, and whether what arrived is the object, is decided there.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Poll, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};

use super::call::is_refusal;
use super::clock::{Clock, entropy};
use super::interrupt::Interrupts;
use super::socket::connect;
use crate::blocks::{
    ObjectEvent, ObjectFetch, PathState, Prefix, SheetEvent, SheetFailure, SheetFetch,
};
use crate::exchange::{Answer, FileInfo, Reply, SheetInfo, decode_reply};
use crate::limits::{RECEIVES_PER_TURN_MAX, UDP_PAYLOAD_MAX_BYTES};
use crate::roll::{Sheet, SheetError};
use crate::seal::{Incoming, Link};
use crate::time::Instant;
use crate::wire::Datagram;

/// What one datagram takes of a receive buffer on Linux, at most: two kilobytes and the bookkeeping of
/// the kernel.
const BUFFERED_DATAGRAM_BYTES: usize = 2_304;

/// The receive space for one datagram, or for as many as the system joins.
const SLOT_BYTES: usize = UDP_PAYLOAD_MAX_BYTES + 1;

/// The tokens of the socket and of Ctrl-C.
const SOCKET: Token = Token(0);
const INTERRUPTED: Token = Token(1);

/// Why an object could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No block arrived for the idle timeout.
    #[error("no answer")]
    Unanswered {
        /// Whether the network said that nobody listens there.
        refused: bool,
    },
    /// Ctrl-C was pressed.
    #[error("interrupted")]
    Interrupted,
    /// The server says that this device was revoked.
    #[error("this computer was revoked")]
    Revoked,
    /// The server has no such object any more.
    #[error("the server no longer has it")]
    Gone,
    /// What arrived is not the object, also when it was fetched once more.
    #[error("what arrived is not what the server announced, twice; tell whoever runs the server")]
    Damaged,
    /// What arrived is not the announced sheet.
    #[error("{0}; fetch it again, or ask who runs the server")]
    Sheet(#[from] SheetError),
    /// No sheet of so many students has so many bytes: nothing was sent.
    #[error(
        "the server announces a sheet of {bytes} bytes for {students} students, which cannot be; ask \
         who runs the server"
    )]
    Implausible {
        /// The announced length.
        bytes: u32,
        /// The announced students.
        students: u32,
    },
    /// The destination failed.
    #[error("cannot write: {0}")]
    Write(io::Error),
    /// The system does not let us wait for an answer.
    #[error("the operating system refused: {0}")]
    System(io::Error),
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progressed {
    /// The bytes that are here.
    pub bytes: u64,
    /// The requests that were sent for it.
    pub requests: u32,
}

/// Where the bytes of an object are kept.
pub trait Destination {
    /// Appends bytes.
    ///
    /// # Errors
    /// If they cannot be written: the transfer ends.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Drops all bytes: they are not the object, which is fetched once more from its beginning.
    ///
    /// # Errors
    /// If that cannot be done: the transfer ends.
    fn clear(&mut self) -> io::Result<()>;
}

impl Destination for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        Self::clear(self);
        Ok(())
    }
}

impl FetchError {
    /// Whether the server has no such object, or not any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }
}

/// What the loop does next for a transfer.
enum Step<T> {
    /// Send the datagram in the space.
    Transmit,
    Done(T),
}

/// A transfer, as the loop sees it.
trait Transfer {
    /// What it ends with.
    type Done;

    fn handle_reply(&mut self, now: Instant, reply: &Reply);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Instant;
    fn poll(&mut self, space: &mut Datagram) -> Result<Option<Step<Self::Done>>, FetchError>;
}

/// An object on its way to its destination.
struct ObjectTransfer<'a> {
    fetch: ObjectFetch,
    destination: &'a mut dyn Destination,
    watch: &'a mut dyn FnMut(Progressed),
}

impl ObjectTransfer<'_> {
    /// Tells how far it is.
    fn report(&mut self) -> Progressed {
        let progressed = Progressed { bytes: self.fetch.bytes(), requests: self.fetch.requests() };
        (self.watch)(progressed);
        progressed
    }
}

impl Transfer for ObjectTransfer<'_> {
    type Done = Progressed;

    fn handle_reply(&mut self, now: Instant, reply: &Reply) {
        self.fetch.handle_reply(now, reply);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.fetch.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Instant {
        self.fetch.poll_timeout()
    }

    fn poll(&mut self, space: &mut Datagram) -> Result<Option<Step<Progressed>>, FetchError> {
        while let Some(event) = self.fetch.poll_output(space) {
            let failure = match event {
                ObjectEvent::Transmit => return Ok(Some(Step::Transmit)),
                ObjectEvent::Readable => {
                    let Self { fetch, destination, .. } = self;
                    fetch.read(|bytes| destination.write(bytes)).map_err(FetchError::Write)?;
                    continue;
                }
                ObjectEvent::Restarted => {
                    self.destination.clear().map_err(FetchError::Write)?;
                    continue;
                }
                ObjectEvent::Complete => return Ok(Some(Step::Done(self.report()))),
                ObjectEvent::Gone => FetchError::Gone,
                ObjectEvent::Damaged => FetchError::Damaged,
                ObjectEvent::Unanswered => FetchError::Unanswered { refused: false },
            };
            self.report();
            return Err(failure);
        }
        self.report();
        Ok(None)
    }
}

impl Transfer for SheetFetch {
    type Done = Sheet;

    fn handle_reply(&mut self, now: Instant, reply: &Reply) {
        self.handle_reply(now, reply);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Instant {
        self.poll_timeout()
    }

    fn poll(&mut self, space: &mut Datagram) -> Result<Option<Step<Sheet>>, FetchError> {
        let Some(event) = self.poll_output(space) else { return Ok(None) };
        match event {
            SheetEvent::Transmit => Ok(Some(Step::Transmit)),
            SheetEvent::Complete(sheet) => Ok(Some(Step::Done(sheet))),
            SheetEvent::Failed(SheetFailure::Gone) => Err(FetchError::Gone),
            SheetEvent::Failed(SheetFailure::Unanswered) => {
                Err(FetchError::Unanswered { refused: false })
            }
            SheetEvent::Failed(SheetFailure::Sheet(error)) => Err(error.into()),
            SheetEvent::Failed(SheetFailure::Implausible) => {
                let &SheetInfo { bytes, students, .. } = self.info();
                Err(FetchError::Implausible { bytes, students })
            }
        }
    }
}

/// Fetches objects from one server, one after the other. What is known of the path (its cookie, its
/// round trip, what it carries) is kept from one to the next.
pub struct Fetcher {
    server: SocketAddr,
    link: Link,
    socket: Option<(UdpSocket, UdpSocketState)>,
    /// How many blocks the receive buffer of the socket holds.
    buffered: u64,
    path: PathState,
    poll: Poll,
    events: Events,
    interrupts: Interrupts,
    clock: Clock,
    buffer: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
    /// Whether the network said, since the transfer began, that nobody listens there.
    refused: bool,
    /// Whether the server said, since the transfer began, that this device was revoked.
    revoked: bool,
}

impl Fetcher {
    /// Fetches from this address over this link, with a round trip that was perhaps measured before. Sends
    /// nothing yet. The clock is the one by which the link counts.
    ///
    /// # Errors
    /// If the system does not let us wait for events.
    pub fn new(
        server: SocketAddr,
        round_trip: Option<Duration>,
        link: Link,
        clock: Clock,
    ) -> Result<Self, FetchError> {
        let poll = Poll::new().map_err(FetchError::System)?;
        let interrupts = Interrupts::register(poll.registry(), INTERRUPTED);
        Ok(Self {
            server,
            link,
            socket: None,
            buffered: 1,
            path: PathState::new(clock.now().instant, round_trip),
            poll,
            events: Events::with_capacity(4),
            interrupts: interrupts.map_err(FetchError::System)?,
            clock,
            buffer: Vec::new(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            refused: false,
            revoked: false,
        })
    }

    /// The address that it fetches from.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Fetches a whole sheet. Also returns how many requests it took. When no block arrives for
    /// `idle_timeout`, it ends.
    ///
    /// # Errors
    /// Why it could not be fetched.
    pub fn fetch_sheet(
        &mut self,
        info: &SheetInfo,
        idle_timeout: Duration,
    ) -> Result<(Sheet, u32), FetchError> {
        let now = self.begin();
        let path = self.path.clone();
        let mut fetch = SheetFetch::new(path, entropy(), now, *info, self.buffered, idle_timeout);
        let ended = self.run(&mut fetch);
        let requests = fetch.requests();
        self.path = fetch.into_path();
        ended.map(|sheet| (sheet, requests))
    }

    /// Fetches an object, of which the destination has `prefix` already. What it has in the end is the
    /// object. When no block arrives for `idle_timeout`, it ends. `watch` is told how far it is.
    ///
    /// # Errors
    /// Why it could not be fetched. What the destination has got then is good to go on from, unless it
    /// is [`FetchError::Damaged`].
    pub fn fetch(
        &mut self,
        object: FileInfo,
        prefix: Prefix,
        idle_timeout: Duration,
        destination: &mut dyn Destination,
        watch: &mut dyn FnMut(Progressed),
    ) -> Result<Progressed, FetchError> {
        let now = self.begin();
        let path = self.path.clone();
        let fetch =
            ObjectFetch::new(path, entropy(), now, object, prefix, self.buffered, idle_timeout);
        let mut transfer = ObjectTransfer { fetch, destination, watch };
        let ended = self.run(&mut transfer);
        self.path = transfer.fetch.into_path();
        ended
    }

    /// A transfer begins: returns when.
    fn begin(&mut self) -> Instant {
        self.refused = false;
        self.revoked = false;
        self.open();
        self.clock.now().instant
    }

    /// Runs a transfer to its end.
    fn run<T: Transfer>(&mut self, transfer: &mut T) -> Result<T::Done, FetchError> {
        let mut space = Datagram::new();
        let mut readable = true;
        let _waiting = self.interrupts.wait_begins();
        loop {
            if readable {
                readable = self.receive(transfer);
            }
            let now = self.clock.now().instant;
            transfer.handle_timeout(now);
            self.link.handle_timeout(now);
            while self.link.poll_transmit(&mut space) {
                self.send(space.as_bytes());
            }
            while let Some(step) = transfer.poll(&mut space).map_err(|it| self.explain(it))? {
                match step {
                    // Without a ticket it counts as lost, and there will be one soon.
                    Step::Transmit => {
                        if self.link.seal(now, &mut space) {
                            self.send(space.as_bytes());
                        }
                    }
                    Step::Done(done) => return Ok(done),
                }
            }
            // Only now: what has arrived was written.
            if self.interrupts.arrived() {
                return Err(FetchError::Interrupted);
            }
            if self.revoked {
                return Err(FetchError::Revoked);
            }
            if !readable {
                let until = transfer.poll_timeout();
                let until = self.link.poll_timeout().map_or(until, |at| at.min(until));
                readable = self.wait(until)?;
            }
        }
    }

    /// Adds what only the socket knows.
    fn explain(&self, error: FetchError) -> FetchError {
        match error {
            FetchError::Unanswered { .. } => FetchError::Unanswered { refused: self.refused },
            other => other,
        }
    }

    /// Waits for an event until then; true if the socket may have a datagram.
    fn wait(&mut self, until: Instant) -> Result<bool, FetchError> {
        let timeout = until.since(self.clock.now().instant);
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => Ok(!self.events.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(FetchError::System(error)),
        }
    }

    /// Opens a socket if there is none and a network.
    fn open(&mut self) {
        if self.socket.is_some() {
            return;
        }
        let connected = connect(self.server, &self.poll, SOCKET).and_then(|socket| {
            let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
            Ok((socket, state))
        });
        self.socket = connected.ok();
        let Some((socket, state)) = &self.socket else { return };
        // A system that joins datagrams fills every slot of a batch.
        let slots = if state.gro_segments() > 1 { BATCH_SIZE } else { 1 };
        self.buffer.resize(slots * SLOT_BYTES, 0);
        let buffer = socket2::SockRef::from(socket).recv_buffer_size().unwrap_or_default();
        self.buffered = (buffer / BUFFERED_DATAGRAM_BYTES) as u64;
    }

    fn send(&mut self, datagram: &[u8]) {
        // Without a socket there is no network at the moment: the datagram counts as lost.
        self.open();
        let Some((socket, _)) = &self.socket else { return };
        match socket.send(datagram) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if is_refusal(&error) => {
                self.refused = true;
                let _ = socket.send(datagram);
            }
            Err(_) => self.socket = None,
        }
    }

    /// Hands what has arrived to the transfer; true if there may be more.
    fn receive(&mut self, transfer: &mut impl Transfer) -> bool {
        let Self { socket, buffer, metas, clock, refused, revoked, link, .. } = self;
        let Some((receiver, state)) = socket else { return false };
        for _ in 0..RECEIVES_PER_TURN_MAX {
            let mut slots: Vec<_> =
                buffer.chunks_exact_mut(SLOT_BYTES).map(IoSliceMut::new).collect();
            let result = receiver
                .try_io(|| state.recv(UdpSockRef::from(&*receiver), &mut slots, &mut metas[..]));
            match result {
                Ok(count) => {
                    let now = clock.now().instant;
                    for (meta, slot) in
                        metas.iter().zip(buffer.chunks_exact(SLOT_BYTES)).take(count)
                    {
                        // Datagrams that the system joined, each as long as the first.
                        for datagram in slot[..meta.len].chunks(meta.stride.max(1)) {
                            let reply = match link.handle_datagram(now, datagram) {
                                Incoming::Plain => decode_reply(datagram).ok(),
                                // It opened, so the server has said it, and of the whole device.
                                Incoming::Reply(Reply { answer: Answer::Revoked, .. }) => {
                                    *revoked = true;
                                    None
                                }
                                Incoming::Reply(reply) => Some(reply),
                                Incoming::Ready | Incoming::Ignored => None,
                            };
                            if let Some(reply) = reply {
                                transfer.handle_reply(now, &reply);
                            }
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if is_refusal(&error) => *refused = true,
                Err(_) => {
                    *socket = None;
                    return false;
                }
            }
        }
        true
    }
}
