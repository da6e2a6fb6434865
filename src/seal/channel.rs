//! A client's side: says `HELLO` when it needs a ticket, seals what it sends, opens what comes.
//!
//! ```text
//!            connect                WELCOME
//!   no ticket ─────▶ HELLO under way ─────▶ ready ─── three quarters of the life, RENEW, ───▶ HELLO under
//!                      │      ▲                       three sendings without an answer        way; the old
//!                      └──────┘ 5 s: a new one                                                ticket goes on
//! ```
//!
//! Whatever is said unsealed costs at most a `HELLO` in five seconds, and never makes a client speak
//! plainly: `RENEW` takes no ticket away, `VERSIONS` and plain answers are not read at all.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::envelope::{Session, read_renew};
use super::handshake::{HelloKey, Initiation, Retry};
use super::keys::{DirectionKeys, PublicKey, SecretKey};
use crate::exchange::{Reply, decode_request};
use crate::ids::DeviceId;
use crate::limits::{HELLO_RETRIES_MAX, HELLO_SPACING, RETRY_INITIAL, SILENCE_MIN, UNANSWERED_MAX};
use crate::retry::{Backoff, jittered};
use crate::time::{Instant, WallTime};
use crate::wire::{Datagram, Kind, kind_of};

/// What a datagram that arrived is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The link is a plain one: it is to be read as it is.
    Plain,
    /// An answer of the server, sealed for us.
    Reply(Reply),
    /// There is a ticket now, the first one or a new one: what waits can be sent.
    Ready,
    /// It means nothing, or nothing more.
    Ignored,
}

/// A client's sealed way to one server.
pub struct Channel {
    /// By which key the server is known.
    server: PublicKey,
    /// By which key it may be known by now: it announced that one.
    announced: Option<PublicKey>,
    /// Whether the next handshake tries that one.
    tries_announced: bool,
    key: SecretKey,
    device: DeviceId,
    rng: StdRng,
    ticket: Option<Held>,
    greeting: Option<Greeting>,
    /// When the last handshake was begun.
    greeted: Option<Instant>,
    /// Whether the `HELLO` of the greeting is to be sent now.
    send: bool,
    /// What it announced in this session.
    next: Option<PublicKey>,
}

/// A ticket.
#[derive(Clone)]
struct Held {
    session: Session,
    received: Instant,
    server_time: WallTime,
    life: Duration,
    /// What the last request would be renewed by.
    echo: Option<[u8; 16]>,
    /// The sendings since an answer was opened, and when the first of them was.
    unanswered: u32,
    unanswered_since: Instant,
}

/// A handshake that is under way.
struct Greeting {
    /// By which key the server is to answer.
    server: PublicKey,
    initiation: Initiation,
    began: Instant,
    next_send: Instant,
    backoff: Backoff,
    retries: u32,
}

impl Channel {
    /// A way to the service with this key, for the device whose secret key that is. The seed is fresh
    /// randomness.
    #[must_use]
    pub fn new(server: PublicKey, key: SecretKey, seed: [u8; 32]) -> Self {
        let device = key.public().device();
        let rng = StdRng::from_seed(seed);
        Self {
            server,
            announced: None,
            tries_announced: false,
            key,
            device,
            rng,
            ticket: None,
            greeting: None,
            greeted: None,
            send: false,
            next: None,
        }
    }

    /// The server announced earlier that it will have this key: it may have it by now.
    #[must_use]
    pub fn or_by(self, announced: Option<PublicKey>) -> Self {
        Self { announced, ..self }
    }

    /// Another channel of the same device to the same service, with the same ticket.
    #[must_use]
    pub(crate) fn for_another_socket(&self, seed: [u8; 32]) -> Self {
        let ticket =
            self.ticket.as_ref().map(|held| Held { echo: None, unanswered: 0, ..held.clone() });
        let channel = Self::new(self.server, self.key.clone(), seed);
        Self { ticket, announced: self.announced, ..channel }
    }

    /// The service's key: the one under which it answered last.
    #[must_use]
    pub fn server(&self) -> &PublicKey {
        &self.server
    }

    /// The key that the service will have next, if it said so.
    #[must_use]
    pub fn next_server(&self) -> Option<&PublicKey> {
        self.next.as_ref()
    }

    /// Whether there is a ticket to seal requests with.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ticket.is_some()
    }

    /// The server's time, as far as it told.
    #[must_use]
    pub fn server_time(&self, now: Instant) -> Option<WallTime> {
        let held = self.ticket.as_ref()?;
        let since = i64::try_from(now.since(held.received).as_millis()).unwrap_or(i64::MAX);
        Some(held.server_time.shifted(since))
    }

    /// Sees to it that there is, or will be, a ticket.
    pub fn connect(&mut self, now: Instant) {
        if self.ticket.is_none() {
            self.greet(now);
        }
    }

    /// Seals a request that was written as a plain datagram: what asks knows nothing of envelopes. False,
    /// and nothing has changed, if there is no ticket yet.
    pub fn seal(&mut self, now: Instant, datagram: &mut Datagram) -> bool {
        let request = decode_request(datagram.as_bytes()).expect("it was written here").request;
        let Self { ticket: Some(held), rng, .. } = self else {
            self.greet(now);
            return false;
        };
        let age = now.since(held.received);
        let age_ms = u32::try_from(age.as_millis()).unwrap_or(u32::MAX);
        held.echo = Some(held.session.seal_request(rng, age_ms, &request, datagram));
        if held.unanswered == 0 {
            held.unanswered_since = now;
        }
        held.unanswered += 1;
        let is_silent =
            held.unanswered > UNANSWERED_MAX && now.since(held.unanswered_since) >= SILENCE_MIN;
        // R-CHANNEL-1
        if is_silent || age >= held.life * 3 / 4 {
            self.greet(now);
        }
        true
    }

    /// A datagram arrived from the server's address.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Incoming {
        // R-CHANNEL-2
        match kind_of(datagram) {
            Some(Kind::SealedReply) => self.handle_reply(datagram),
            Some(Kind::Welcome) => self.handle_welcome(now, datagram),
            Some(Kind::Retry) => self.handle_retry(now, datagram),
            Some(Kind::Renew) => self.handle_renew(now, datagram),
            _ => Incoming::Ignored,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(greeting) = &mut self.greeting else { return };
        if now.since(greeting.began) >= HELLO_SPACING {
            // R-CHANNEL-3
            self.greeting = None;
            self.greet(now);
        } else if now >= greeting.next_send {
            let wait = greeting.backoff.next_wait();
            greeting.next_send = now.after(jittered(&mut self.rng, wait));
            self.send = true;
        }
    }

    /// Time has passed for somebody who waits for nothing: a handshake that is under way goes on until it is
    /// given up, and none is begun after it.
    pub fn handle_idle_timeout(&mut self, now: Instant) {
        if self.greeting.as_ref().is_some_and(|it| now.since(it.began) >= HELLO_SPACING) {
            self.greeting = None;
            self.send = false;
        }
        self.handle_timeout(now);
    }

    /// When [`Channel::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let greeting = self.greeting.as_ref()?;
        Some(greeting.next_send.min(greeting.began.after(HELLO_SPACING)))
    }

    /// Writes the `HELLO` that is to be sent now, if there is one.
    pub fn poll_transmit(&mut self, datagram: &mut Datagram) -> bool {
        if !std::mem::take(&mut self.send) {
            return false;
        }
        let Some(greeting) = &self.greeting else { return false };
        greeting.initiation.hello.write(&HelloKey::new(&greeting.server), datagram);
        true
    }

    /// Seals any bytes under the ticket, as a device that misbehaves would.
    #[cfg(test)]
    pub(crate) fn seal_anything(&self, kind: u8, body: &[u8], last: u8) -> Vec<u8> {
        let held = self.ticket.as_ref().expect("a ticket");
        held.session.seal_anything(kind, body, last)
    }

    /// Begins a handshake, unless one was begun a moment ago.
    fn greet(&mut self, now: Instant) {
        let soon = self.greeted.is_some_and(|at| now.since(at) < HELLO_SPACING);
        if self.greeting.is_some() || soon {
            return;
        }
        self.greeted = Some(now);
        // R-CHANNEL-6
        let announced = self.announced.filter(|_| self.tries_announced);
        self.tries_announced = !self.tries_announced;
        let server = announced.unwrap_or(self.server);
        let initiation = Initiation::new(&mut self.rng, &self.key, &server);
        let mut backoff = Backoff::new(RETRY_INITIAL);
        let wait = jittered(&mut self.rng, backoff.next_wait());
        let next_send = now.after(wait);
        self.greeting =
            Some(Greeting { server, initiation, began: now, next_send, backoff, retries: 0 });
        self.send = true;
    }

    fn handle_reply(&mut self, datagram: &[u8]) -> Incoming {
        let Some(held) = &mut self.ticket else { return Incoming::Ignored };
        match held.session.open_reply(datagram) {
            Some(reply) => {
                held.unanswered = 0;
                Incoming::Reply(reply)
            }
            None => Incoming::Ignored,
        }
    }

    fn handle_welcome(&mut self, now: Instant, datagram: &[u8]) -> Incoming {
        let Some(greeting) = &mut self.greeting else { return Incoming::Ignored };
        let late = now.since(greeting.began) >= HELLO_SPACING;
        let Some(welcome) = greeting.initiation.open(datagram).filter(|_| !late) else {
            return Incoming::Ignored;
        };
        self.server = greeting.server;
        self.tries_announced = false;
        let keys = DirectionKeys::new(&welcome.secret, &self.server, self.device);
        self.next = welcome.next;
        self.ticket = Some(Held {
            session: Session { ticket: welcome.ticket, keys },
            received: now,
            server_time: welcome.server_time,
            life: Duration::from_millis(welcome.life_ms.into()),
            echo: None,
            unanswered: 0,
            unanswered_since: now,
        });
        self.greeting = None;
        self.send = false;
        Incoming::Ready
    }

    /// The server is busy: the address proves itself with the same `HELLO`. A server that says so for
    /// ever is not asked more often than one that says nothing.
    fn handle_retry(&mut self, now: Instant, datagram: &[u8]) -> Incoming {
        if let (Some(greeting), Some(retry)) = (&mut self.greeting, Retry::read(datagram))
            && retry.echo == greeting.initiation.hello.echo()
        {
            greeting.initiation.hello.cookie = retry.cookie;
            greeting.retries += 1;
            // R-CHANNEL-4
            if greeting.retries <= HELLO_RETRIES_MAX {
                greeting.next_send = now;
            }
        }
        Incoming::Ignored
    }

    fn handle_renew(&mut self, now: Instant, datagram: &[u8]) -> Incoming {
        let echo = read_renew(datagram);
        if echo.is_some() && self.ticket.as_ref().is_some_and(|held| held.echo == echo) {
            self.greet(now);
        }
        Incoming::Ignored
    }
}
