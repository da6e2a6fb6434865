//! Fetches objects: a socket of its own, and the loop around one [`Download`] at a time.

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
use crate::blocks::{Download, Event, PathState};
use crate::exchange::{FileInfo, SheetInfo};
use crate::limits::UDP_PAYLOAD_MAX_BYTES;
use crate::roll::{Sheet, SheetError, SheetReader};
use crate::wire::Datagram;

/// What one datagram takes of a receive buffer on Linux, at most: two kilobytes and what the system
/// notes about it.
const BUFFERED_DATAGRAM_BYTES: usize = 2_304;

/// Room for one datagram, or for as many as the system joins.
const SLOT_BYTES: usize = UDP_PAYLOAD_MAX_BYTES + 1;

/// Batches that are received before what they brought is dealt with.
const BATCHES_AT_ONCE: usize = 4;

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
    /// The server has no such object any more.
    #[error("the server no longer has it")]
    Gone,
    /// What arrived is not what was announced, twice.
    #[error("{0}; fetch it again, or ask who runs the server")]
    Sheet(#[from] SheetError),
    /// No sheet has so many bytes for so many students, so none was fetched.
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
    /// Whoever takes the bytes cannot.
    #[error("cannot write: {0}")]
    Write(io::Error),
    /// The system does not let us wait for an answer.
    #[error("the operating system refused: {0}")]
    System(io::Error),
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progressed {
    /// The bytes that are here.
    pub bytes: u64,
    /// The requests that were sent for it.
    pub requests: u32,
}

/// Fetches objects from one server, one after the other. What is learnt of the way there is kept.
pub struct Fetcher {
    server: SocketAddr,
    socket: Option<(UdpSocket, UdpSocketState)>,
    /// How many blocks its buffer holds.
    buffered: u64,
    path: Option<PathState>,
    round_trip: Option<Duration>,
    poll: Poll,
    events: Events,
    interrupts: Interrupts,
    clock: Clock,
    buffer: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
    refused: bool,
}

impl Fetcher {
    /// Fetches from this address, a known round trip away perhaps. Sends nothing yet.
    ///
    /// # Errors
    /// If the system does not let us wait for events.
    pub fn new(server: SocketAddr, round_trip: Option<Duration>) -> Result<Self, FetchError> {
        let poll = Poll::new().map_err(FetchError::System)?;
        let interrupts = Interrupts::register(poll.registry(), INTERRUPTED);
        Ok(Self {
            server,
            socket: None,
            buffered: 1,
            path: None,
            round_trip,
            poll,
            events: Events::with_capacity(4),
            interrupts: interrupts.map_err(FetchError::System)?,
            clock: Clock::start(),
            buffer: Vec::new(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            refused: false,
        })
    }

    /// Fetches a whole sheet and checks it against its name; one that was damaged on the way is
    /// fetched a second time. Also tells how many requests it took.
    ///
    /// # Errors
    /// Why it could not be fetched.
    pub fn fetch_sheet(
        &mut self,
        info: &SheetInfo,
        idle_timeout: Duration,
    ) -> Result<(Sheet, u32), FetchError> {
        let &SheetInfo { bytes, students, .. } = info;
        // R-SHEET-4
        if !info.is_plausible() {
            return Err(FetchError::Implausible { bytes, students });
        }
        let mut requests = 0;
        let mut is_second = false;
        loop {
            let mut reader = SheetReader::new(*info);
            let mut take = |piece: &[u8]| {
                reader.push(piece);
                Ok(())
            };
            let done = self.fetch((*info).into(), 0, idle_timeout, &mut take, &mut |_| {})?;
            requests += done.requests;
            match reader.finish() {
                Ok(sheet) => return Ok((sheet, requests)),
                // R-TRANSFER-9
                Err(SheetError::Damaged) if !is_second => is_second = true,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Fetches an object of which the blocks before `begin` are here already. `take` gets its bytes
    /// in order; they are not yet checked against the name of the content. When no block was taken for
    /// `idle_timeout`, it ends.
    ///
    /// # Errors
    /// Why it could not be fetched. What was taken until then is good to go on from.
    pub fn fetch(
        &mut self,
        object: FileInfo,
        begin: u32,
        idle_timeout: Duration,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
        watch: &mut dyn FnMut(Progressed),
    ) -> Result<Progressed, FetchError> {
        let now = self.clock.now().instant;
        let path = self.path.take().unwrap_or_else(|| PathState::new(now, self.round_trip));
        self.refused = false;
        self.open();
        let mut download =
            Download::new(path, entropy(), now, object, begin, self.buffered, idle_timeout);
        let ended = self.run(&mut download, take, watch);
        let done = Progressed { bytes: download.bytes_read(), requests: download.requests() };
        self.path = Some(download.into_path());
        ended.map(|()| done)
    }

    fn run(
        &mut self,
        download: &mut Download,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
        watch: &mut dyn FnMut(Progressed),
    ) -> Result<(), FetchError> {
        let mut space = Datagram::new();
        let mut readable = true;
        let _waiting = self.interrupts.wait_begins();
        loop {
            if readable {
                readable = self.receive(download);
            }
            download.handle_timeout(self.clock.now().instant);
            // First ask for more, so that it is on its way while this is written.
            let mut end = None;
            while let Some(event) = download.poll_output(&mut space) {
                match event {
                    Event::Transmit => self.send(space.as_bytes()),
                    end_of_it => {
                        end = Some(end_of_it);
                        break;
                    }
                }
            }
            download.read(&mut *take).map_err(FetchError::Write)?;
            watch(Progressed { bytes: download.bytes_read(), requests: download.requests() });
            match end {
                None | Some(Event::Transmit) => {}
                Some(Event::Complete) => return Ok(()),
                Some(Event::Gone) => return Err(FetchError::Gone),
                Some(Event::Unanswered) => {
                    return Err(FetchError::Unanswered { refused: self.refused });
                }
            }
            // What has arrived by now was taken.
            if self.interrupts.arrived() {
                return Err(FetchError::Interrupted);
            }
            if !readable {
                readable = self.wait(download)?;
            }
        }
    }

    /// Waits for what comes first; true if the socket may have something.
    fn wait(&mut self, download: &Download) -> Result<bool, FetchError> {
        let timeout = download.poll_timeout().since(self.clock.now().instant);
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => Ok(!self.events.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(FetchError::System(error)),
        }
    }

    /// Sees to it that there is a socket, if there is a network.
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
        // Without a socket there is no network at the moment: a datagram lost, like any other.
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

    /// Hands what has arrived to the download; true if there may be more.
    fn receive(&mut self, download: &mut Download) -> bool {
        let Self { socket, buffer, metas, clock, refused, .. } = self;
        let Some((receiver, state)) = socket else { return false };
        for _ in 0..BATCHES_AT_ONCE {
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
                            download.handle_datagram(now, datagram);
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
