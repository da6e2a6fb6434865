//! Lanes: from which port the datagrams of a device leave.
//!
//! A server tells devices apart by address and port where it proves an address, waits for a handshake, or
//! serves those who wait in turn. So what belongs together leaves from a port of its own: one lane for each
//! handshake and for each ticket. A lane carries one datagram at a time, so that an answer is handed to
//! whoever asked.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::datagram::{DATAGRAM_MAX_BYTES, LaneKey, Request};

/// How long an answer is waited for. Chapter 15.2 has the page ask again long before that.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// For how long a lane that carries nothing is kept: a server takes the cookie of an address for a minute
/// or two (R-COOKIE-2).
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(120);
/// The requests that wait for one lane. A page has one or two under way.
const WAITING_MAX: usize = 4;
/// The datagrams that came too late and are passed over before one is sent.
const LATE_MAX: usize = 64;
/// For how long the address of the server's name is good.
const NAME_GOOD: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The server did not answer in time.
    Silent,
    /// Too many of the same device wait.
    Busy,
    /// The server's name has no address.
    NoAddress,
    /// The system gives no port.
    NoPort(io::Error),
}

/// Carries datagrams to one server.
pub(crate) struct Lanes {
    server: Server,
    open: Mutex<LruCache<LaneKey, Arc<Lane>>>,
    begun: Instant,
    /// When the server last answered, in milliseconds after `begun`, from 1 on; 0 if it never did.
    answered_at: AtomicU64,
}

/// The server, by its name.
struct Server {
    name: String,
    address: Mutex<Option<(SocketAddr, Instant)>>,
}

struct Lane {
    socket: UdpSocket,
    turn: tokio::sync::Semaphore,
    waiting: Mutex<(usize, Instant)>,
}

impl Lanes {
    /// So many lanes at most to that server: a name or an address, and a port.
    pub(crate) fn new(server: &str, most: NonZeroUsize) -> Self {
        let server = Server { name: server.to_owned(), address: Mutex::new(None) };
        let open = Mutex::new(LruCache::new(most));
        Self { server, open, begun: Instant::now(), answered_at: AtomicU64::new(0) }
    }

    /// How long ago the server last answered; nothing, if it never did.
    pub(crate) fn answered_ago(&self) -> Option<Duration> {
        let at = self.answered_at.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.begun.elapsed().saturating_sub(Duration::from_millis(at)))
    }

    /// How many lanes are open.
    pub(crate) fn len(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Sends a datagram, once, and waits for its answer.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn exchange(&self, request: Request<'_>) -> Result<Vec<u8>, Unanswered> {
        let deadline = Instant::now() + PATIENCE;
        let lane = self.lane(request, deadline).await?;
        let answer = lane.exchange(request, deadline).await?;
        let at = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        self.answered_at.store(at, Ordering::Relaxed);
        Ok(answer)
    }

    /// Closes lanes that carried nothing for a while.
    pub(crate) fn close_idle(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.peek_lru().is_some_and(|(_, lane)| lane.is_idle()) {
            open.pop_lru();
        }
    }

    async fn lane(&self, request: Request<'_>, deadline: Instant) -> Result<Arc<Lane>, Unanswered> {
        let key = request.lane();
        let known = |key: &LaneKey| {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.get(key).cloned()
        };
        if let Some(lane) = known(&key) {
            return Ok(lane);
        }
        let resolving = timeout_at(deadline, self.server.resolve()).await;
        let server = resolving.ok().flatten().ok_or(Unanswered::NoAddress)?;
        let made = Arc::new(Lane::to(server).await.map_err(Unanswered::NoPort)?);
        // Another request of this device may have made one meanwhile.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(open.get_or_insert(key, || made).clone())
    }
}

impl Server {
    async fn resolve(&self) -> Option<SocketAddr> {
        let known = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((address, at)) = known
            && at.elapsed() < NAME_GOOD
        {
            return Some(address);
        }
        let found = lookup_host(&self.name).await.ok().and_then(|mut all| all.next());
        // A name that has no address for a moment has its last one.
        let address = found.or(known.map(|it| it.0))?;
        let mut place = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some((address, Instant::now()));
        Some(address)
    }
}

impl Lane {
    async fn to(server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        // Whatever comes from elsewhere is not seen.
        socket.connect(server).await?;
        let waiting = Mutex::new((0, Instant::now()));
        Ok(Self { socket, turn: tokio::sync::Semaphore::new(1), waiting })
    }

    fn is_idle(&self) -> bool {
        let (waiting, since) = *self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting == 0 && since.elapsed() > IDLE_MAX
    }

    async fn exchange(
        &self,
        request: Request<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Unanswered> {
        let _waits = Waits::begin(self).ok_or(Unanswered::Busy)?;
        let turn = timeout_at(deadline, self.turn.acquire()).await;
        let _turn = turn.map_err(|_| Unanswered::Silent)?.expect("it is never closed");
        let mut space = [0; DATAGRAM_MAX_BYTES + 1];
        for _ in 0..LATE_MAX {
            match self.socket.try_recv(&mut space) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A datagram that comes too late, or the word that an earlier one did not arrive.
                Ok(_) | Err(_) => {}
            }
        }
        let answer = async {
            // What cannot be sent is as good as lost: the page asks again.
            let _ = self.socket.send(request.bytes()).await;
            loop {
                if let Ok(length) = self.socket.recv(&mut space).await
                    && request.may_be_answered_by(&space[..length])
                {
                    return space[..length].to_vec();
                }
            }
        };
        timeout_at(deadline, answer).await.map_err(|_| Unanswered::Silent)
    }
}

/// A request that waits for a lane or its answer.
struct Waits<'a>(&'a Lane);

impl<'a> Waits<'a> {
    fn begin(lane: &'a Lane) -> Option<Self> {
        let mut waiting = lane.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.0 >= WAITING_MAX {
            return None;
        }
        waiting.0 += 1;
        Some(Self(lane))
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = (waiting.0 - 1, Instant::now());
    }
}
