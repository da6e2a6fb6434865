//! The server's loop: one thread, turn after turn.
//!
//! ```text
//!   wait ─▶ receive a bounded batch ─▶ hand to the core ─▶ order a commit ─▶ send the replies ─┐
//!    ▲                                                       of what is new    of what is kept  │
//!    └──────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A commit waits for the disk on a thread of its own (`journal_worker`); the loop goes on
//! receiving meanwhile, and what arrives then is the next commit. Files are read on another
//! (`folder`).
//!
//! Nothing that a stranger sends ends the loop: errors of receiving and sending are counted, logged
//! at most once a minute, and survived. Only the journal can end it, because a server that cannot
//! keep what it promises must not promise any more.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};
use tracing::{debug, info, warn};

use super::admin_invites::{AdminInvite, AdminInvites};
use super::clock::{Clock, entropy};
use super::drops::Drops;
pub use super::folder::{Folder, FolderError};
use super::folder::{FolderCompletion, FolderWorker};
use super::handshake_worker::HandshakeWorker;
use super::journal_worker::{Command, Completion, JournalWorker, Read};
use super::log::EventLog;
use super::outbox::Outbox;
use super::signals::{Signal, SignalSource};
pub use super::socket::ReturnPath;
use super::socket::{Listener, ReceiveBuffer};
use crate::endpoint::{Effect, Endpoint, PlainPolicy, Way};
use crate::journal::{DiskStatus, Journal, JournalError};
use crate::limits::{
    ADMISSION_WINDOW, DATAGRAMS_PER_TURN_MAX, DATAGRAMS_SHED_PER_TURN_MAX, RECEIVE_BUFFER_BYTES,
    RECEIVE_ERRORS_PER_TURN_MAX,
};
use crate::record::Batch;
use crate::seal::{PublicKey, SecretKey};
use crate::server::{Output, Server};
use crate::stats::Counter;
use crate::time::{Instant, Now};
use crate::wire::Datagram;

/// The token of signals; sockets have the numbers from 0.
const SIGNALS: Token = Token(usize::MAX);
/// The token of what the other threads have done.
const DONE: Token = Token(usize::MAX - 1);

/// Between two log lines of the same kind.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Why a server could not begin, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on. Nothing was changed.
    #[error("cannot listen on {address}: {}", bind_cause(.source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The journal failed. What was acknowledged is kept; nothing was acknowledged after.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system does not let us wait for events.
    #[error("the operating system refused: {0}")]
    System(#[from] io::Error),
}

fn bind_cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it, or choose another port with --listen".into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this computer does not have that address; see its addresses with 'ip addr'".into()
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need special rights; choose a higher one with --listen".into()
        }
        _ => error.to_string(),
    }
}

/// By which key a service is known, and whether it is spoken to without it.
pub struct ServiceTrust {
    /// The service's key.
    pub key: SecretKey,
    /// The key that it will have next, if that is to be announced.
    pub next: Option<PublicKey>,
    /// Whether plain datagrams are read.
    pub plain: PlainPolicy,
    /// The folder in which invites of admins are left; none where nothing is kept.
    pub invites: Option<AdminInvites>,
}

/// A server with its sockets bound, ready to run.
pub struct Service<J> {
    endpoint: Endpoint<ReturnPath>,
    handshakes: HandshakeWorker,
    journal: JournalWorker<J>,
    folder: Option<FolderWorker>,
    invites: Option<AdminInvites>,
    /// Invites that are in a batch which is not durable yet.
    taken: Vec<(u64, AdminInvite)>,
    listeners: Vec<Listener>,
    outbox: Outbox,
    /// What the system says of dropped datagrams, what it said last, and when to ask again.
    drops: Drops,
    dropped: u64,
    next_look: Instant,
    longest_turn: Duration,
    clock: Clock,
    poll: Poll,
    signals: SignalSource,
    logs: LogLimits,
    log: EventLog,
}

impl<J: Journal + Send + 'static> Service<J> {
    /// Binds the addresses for this server, whose state is already that of the journal, which has this
    /// key, and which offers the files of this folder.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub fn bind(
        mut server: Server<Way<ReturnPath>>,
        trust: ServiceTrust,
        journal: J,
        folder: Option<Folder>,
        addresses: &[SocketAddr],
    ) -> Result<Self, ServeError> {
        let poll = Poll::new()?;
        let signals = SignalSource::register(poll.registry(), SIGNALS)?;
        let mut listeners = Vec::with_capacity(addresses.len());
        for (index, &address) in addresses.iter().enumerate() {
            let bind = |source| ServeError::Bind { address, source };
            let mut listener = Listener::bind(address).map_err(bind)?;
            poll.registry().register(&mut listener.socket, Token(index), Interest::READABLE)?;
            report_buffer(&listener);
            listeners.push(listener);
        }
        if folder.is_some() {
            server.offer_files();
        }
        // There can be one waker for each poll: the threads share it.
        let waker = Arc::new(Waker::new(poll.registry(), DONE)?);
        let folder = folder.map(|it| FolderWorker::spawn(it, Arc::clone(&waker))).transpose()?;
        let handshakes = HandshakeWorker::spawn(trust.key.clone(), Arc::clone(&waker))?;
        let clock = Clock::start();
        let service = trust.key.public();
        let mut endpoint =
            Endpoint::new(server, service, trust.plain, entropy(), clock.now().instant);
        if let Some(next) = trust.next {
            endpoint.announce(next);
        }
        Ok(Self {
            endpoint,
            handshakes,
            journal: JournalWorker::spawn(journal, waker)?,
            folder,
            invites: trust.invites,
            taken: Vec::new(),
            drops: Drops::of(&listeners),
            dropped: 0,
            next_look: Instant::ZERO,
            longest_turn: Duration::ZERO,
            listeners,
            outbox: Outbox::new(),
            clock,
            poll,
            signals,
            logs: LogLimits::default(),
            log: EventLog::new(),
        })
    }

    /// The addresses that are listened on, with the ports that the system chose.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners.iter().map(|listener| listener.address)
    }

    /// Serves until the operator stops it.
    ///
    /// # Errors
    /// If the journal fails, or the system does not let us wait. What was acknowledged is kept.
    pub fn run(mut self) -> Result<(), ServeError> {
        let ended = self.run_turns();
        self.journal.join();
        self.handshakes.join();
        if let Some(folder) = self.folder {
            folder.join();
        }
        info!("counters: {}; {}", self.endpoint.server().stats(), longest(self.longest_turn));
        ended
    }

    fn run_turns(&mut self) -> Result<(), ServeError> {
        let mut events = Events::with_capacity(64);
        let mut buffer = ReceiveBuffer::new();
        let mut space = Datagram::new();
        // mio tells of each arrival once: a socket stays readable until it says `WouldBlock`.
        let mut readable = vec![true; self.listeners.len()];
        loop {
            self.wait(&mut events, readable.contains(&true))?;
            let began = self.clock.now().instant;
            for event in &events {
                if event.token() == SIGNALS {
                    if self.handle_signals() == Some(Signal::Stop) {
                        return self.finish(&mut space);
                    }
                } else if let Some(readable) = readable.get_mut(event.token().0) {
                    *readable = true;
                }
            }
            self.take_invites();
            let is_busy = self.receive(&mut buffer, &mut readable);
            let now = self.clock.now();
            if is_busy {
                self.look_for_overflow(now);
            }
            self.watch_clock(now);
            self.endpoint.handle_timeout(now);
            self.carry_out(&mut space)?;
            let took = self.clock.now().instant.since(began);
            self.longest_turn = self.longest_turn.max(took);
        }
    }

    fn wait(&mut self, events: &mut Events, more_to_read: bool) -> Result<(), ServeError> {
        let timeout = if more_to_read {
            Some(Duration::ZERO)
        } else {
            let now = self.clock.now().instant;
            self.endpoint.poll_timeout().map(|at| at.since(now))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Acts on the signals that have arrived; a signal to stop is passed on.
    fn handle_signals(&mut self) -> Option<Signal> {
        let mut stop = None;
        for signal in self.signals.pending() {
            match signal {
                Signal::ShowCounters => info!(
                    "counters: {}; {} roll calls open, {} clients known; {}",
                    self.endpoint.server().stats(),
                    self.endpoint.server().open_roll_calls(),
                    self.endpoint.server().clients(),
                    longest(self.longest_turn)
                ),
                Signal::Stop => {
                    info!("asked to stop");
                    stop = Some(signal);
                }
            }
        }
        stop
    }

    /// Takes the invites of admins that were left since the last turn, before anybody can use them.
    fn take_invites(&mut self) {
        let Some(invites) = &mut self.invites else { return };
        for left in invites.look(self.clock.now().wall) {
            let AdminInvite { invite, name, ends_at } = left;
            let server = self.endpoint.server_mut();
            if server.invite_admin(self.clock.now(), invite, name, ends_at) {
                info!("an admin is invited until {ends_at}: {name}");
            }
            if !self.taken.iter().any(|(_, taken)| *taken == left) {
                self.taken.push((server.last_batch() + 1, left));
            }
        }
    }

    /// Hands a bounded number of datagrams to the core, from all sockets in turn. True if they were so
    /// many that others may have found no room in a receive buffer.
    fn receive(&mut self, buffer: &mut ReceiveBuffer, readable: &mut [bool]) -> bool {
        let mut left = DATAGRAMS_PER_TURN_MAX;
        // What is thrown away unread has a bound of its own, so that a flood does not fill the turn.
        let mut may_shed = DATAGRAMS_SHED_PER_TURN_MAX;
        let mut errors = 0;
        while left > 0 && may_shed > 0 && readable.contains(&true) {
            for (index, readable) in readable.iter_mut().enumerate() {
                if !*readable {
                    continue;
                }
                let Self { endpoint, listeners, clock, logs, log, .. } = self;
                let now = clock.now();
                let mut shed = 0;
                let handle = |path: ReturnPath, datagram: &[u8]| {
                    let is_read = endpoint.handle_datagram(now, path, datagram);
                    shed += usize::from(!is_read);
                    log.heard(&path, endpoint.server().asked());
                };
                match buffer.receive(index, &listeners[index], handle) {
                    Ok(datagrams) => {
                        left = left.saturating_sub(datagrams - shed);
                        may_shed = may_shed.saturating_sub(shed);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => *readable = false,
                    // Windows reports a client that is gone (10054), Linux what ICMP brought. Any
                    // stranger can cause these, so none of them means anything about the socket.
                    Err(error) => {
                        endpoint.server_mut().count(Counter::ReceiveFailed);
                        logs.receiving.report(now.instant, || {
                            warn!("receiving failed, and goes on: {error}");
                        });
                        errors += 1;
                        left = if errors < RECEIVE_ERRORS_PER_TURN_MAX { left } else { 0 };
                    }
                }
            }
        }
        left < DATAGRAMS_PER_TURN_MAX / 2 || may_shed < DATAGRAMS_SHED_PER_TURN_MAX
    }

    /// Asks the system now and then whether it had to drop datagrams.
    fn look_for_overflow(&mut self, now: Now) {
        if now.instant < self.next_look {
            return;
        }
        self.next_look = now.instant.after(2 * ADMISSION_WINDOW);
        let Some(dropped) = self.drops.count() else { return };
        if dropped > self.dropped {
            self.endpoint.server_mut().handle_overflow(now);
        }
        self.dropped = dropped;
    }

    /// Carries out all that the core asks for; replies leave after their commit.
    fn carry_out(&mut self, space: &mut Datagram) -> Result<(), ServeError> {
        loop {
            let now = self.clock.now();
            while let Some(effect) = self.endpoint.poll_output(now, space) {
                let output = match effect {
                    Effect::Core(output) => output,
                    Effect::Handshake(job) => {
                        self.handshakes.send(*job);
                        continue;
                    }
                };
                match output {
                    Output::Append(batch) => self.append(batch),
                    Output::Snapshot(part) => self.journal.send(Command::KeepSnapshot(part)),
                    Output::Load(content) => self.journal.send(Command::Read(Read::Sheet(content))),
                    Output::ListSheets(question) => {
                        self.journal.send(Command::Read(Read::List(question)));
                    }
                    Output::ListRows(question) => {
                        self.journal.send(Command::Read(Read::Rows(question)));
                    }
                    Output::Folder(request) => {
                        self.folder.as_ref().expect("files are offered").send(request);
                    }
                    Output::Transmit { to } => {
                        if self.outbox.push(to, space.as_bytes()) {
                            self.send();
                        }
                    }
                }
            }
            // R-DURABLE-3
            if let Some(done) = self.journal.poll_completion()? {
                self.handle_completion(done);
            } else if let Some(done) = self.folder.as_ref().and_then(FolderWorker::poll_completion)
            {
                self.handle_folder_completion(done);
            } else if let Some(done) = self.handshakes.poll_done() {
                self.endpoint.handle_welcomed(done);
            } else {
                break;
            }
        }
        self.send();
        Ok(())
    }

    /// Finishes what was begun: whoever was heard is answered.
    fn finish(&mut self, space: &mut Datagram) -> Result<(), ServeError> {
        self.carry_out(space)?;
        while let Some(done) = self.journal.wait_completion()? {
            self.handle_completion(done);
            self.carry_out(space)?;
        }
        Ok(())
    }

    fn append(&mut self, batch: Batch) {
        self.log.begin_commit();
        self.journal.send(Command::Commit(batch));
    }

    fn handle_completion(&mut self, done: Completion) {
        let Self { endpoint, log, invites, taken, .. } = self;
        let server = endpoint.server_mut();
        match done {
            Completion::Committed { batch, snapshot_due } => {
                log.committed(&batch);
                if let Some(invites) = invites {
                    let kept = taken.extract_if(.., |(number, _)| *number <= batch.number);
                    kept.for_each(|(_, invite)| invites.remove(&invite));
                }
                server.handle_durable(batch.number);
                server.recycle(batch);
                if snapshot_due {
                    server.begin_snapshot();
                }
            }
            Completion::Read(content, bytes) => server.handle_sheet(content, bytes),
            Completion::Listed(question, sheets) => server.handle_sheets(question, sheets),
            Completion::Rows(question, rows) => server.handle_rows(question, &rows),
            Completion::SnapshotKept => {
                if server.handle_snapshot_kept() {
                    debug!("snapshot of {} clients", server.clients());
                }
            }
            Completion::DiskStatus(status) => self.handle_disk_status(status),
        }
    }

    /// Stops and lets begin new roll calls as the disk has room, and tells the operator.
    fn handle_disk_status(&mut self, status: DiskStatus) {
        let low = status.is_low();
        self.endpoint.server_mut().set_disk_low(low);
        if !low && self.logs.disk_was_low {
            info!("the disk has room again: roll calls are opened");
        }
        self.logs.disk_was_low = low;
        if !low && !status.log_is_long() {
            return;
        }
        self.logs.disk.report(self.clock.now().instant, || warn_of(status));
    }

    fn handle_folder_completion(&mut self, done: FolderCompletion) {
        match done {
            FolderCompletion::Listing(files) => self.endpoint.server_mut().handle_listing(files),
            FolderCompletion::File(file, state) => {
                self.endpoint.server_mut().handle_file(file, state);
            }
            FolderCompletion::Piece(piece, bytes) => {
                self.endpoint.server_mut().handle_piece(piece, bytes);
            }
        }
    }

    /// Sends the replies that were collected.
    fn send(&mut self) {
        let Self { endpoint, outbox, listeners, clock, logs, .. } = self;
        let server = endpoint.server_mut();
        outbox.flush(listeners, |path, result| match result {
            Ok(()) => server.count(Counter::Sent),
            Err(error) => {
                server.count(Counter::SendFailed);
                logs.sending.report(clock.now().instant, || {
                    warn!("a reply to {} could not be sent: {error}", path.client);
                });
            }
        });
    }

    /// Tells the operator when the computer's clock is behind the time that was already written.
    fn watch_clock(&mut self, now: Now) {
        if let Some(shown) = self.clock.leap() {
            self.logs.clock.report(now.instant, || {
                warn!(
                    "this computer's clock has leapt to {shown} and is not believed; times go on \
                     from {}; set the clock right",
                    now.wall
                );
            });
        }
        let latest = self.endpoint.server().latest();
        let behind = latest.distance(now.wall);
        if latest > now.wall && behind > Duration::from_secs(1) {
            self.logs.clock.report(now.instant, || {
                warn!(
                    "this computer's clock went back by {}; times stay at {latest} until it has \
                     caught up",
                    humantime::format_duration(Duration::from_secs(behind.as_secs()))
                );
            });
        }
    }
}

/// The longest turn of the loop, as the log tells it.
fn longest(turn: Duration) -> String {
    let micros = turn.as_micros();
    format!("longest turn {}.{} ms", micros / 1_000, micros % 1_000 / 100)
}

fn warn_of(status: DiskStatus) {
    let DiskStatus { free_bytes, log_bytes, .. } = status;
    let mib = |bytes: u64| bytes >> 20;
    if status.log_is_long() {
        let and = if status.is_low() { "; no new roll call is opened until then" } else { "" };
        warn!(
            "the write-ahead log of the journal is {} MiB long: another program stays inside of a \
             transaction on the database; end it{and}",
            mib(log_bytes)
        );
    } else {
        warn!(
            "the disk of the journal has {} MiB left: no new roll call is opened, what is open goes \
             on; free some space",
            mib(free_bytes.unwrap_or(0))
        );
    }
}

fn report_buffer(listener: &Listener) {
    let Listener { address, receive_buffer_bytes, .. } = listener;
    info!("receive buffer of {address}: {receive_buffer_bytes} bytes");
    if *receive_buffer_bytes < RECEIVE_BUFFER_BYTES {
        info!(
            "the system allows less than the {RECEIVE_BUFFER_BYTES} bytes that were asked for; for \
             more than a few hundred students at once: sysctl -w \
             net.core.rmem_max={RECEIVE_BUFFER_BYTES}"
        );
    }
}

/// The warnings that can repeat without end.
#[derive(Default)]
struct LogLimits {
    receiving: RateLimitedLog,
    sending: RateLimitedLog,
    clock: RateLimitedLog,
    disk: RateLimitedLog,
    disk_was_low: bool,
}

/// At most one line in [`LOG_INTERVAL`], so that a flood of errors is not a flood of lines.
#[derive(Default)]
struct RateLimitedLog {
    last: Option<Instant>,
}

impl RateLimitedLog {
    fn report(&mut self, now: Instant, report: impl FnOnce()) {
        if self.last.is_none_or(|last| now.since(last) >= LOG_INTERVAL) {
            self.last = Some(now);
            report();
        }
    }
}
