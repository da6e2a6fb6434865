//! A server's side of sealed datagrams, around a [`Server`] that knows nothing of keys.
//!
//! ```text
//!                       ┌── HELLO ──▶ hellos ──▶ HandshakeJob ──▶ (worker) ──▶ handle_welcomed ─▶ WELCOME
//!  handle_datagram ─────┼── SEALED ─▶ open ─────▶ Server (who: device) ──▶ seal ────────▶ SEALED_REPLY
//!                       └── plain ──▶ Server (who: plain), if plain datagrams are allowed ─▶ plain reply
//! ```
//!
//! Between two datagrams nothing is kept of a client: a ticket brings along what is needed. What waits
//! for its answer waits with the key that the answer is sealed with, and no longer.

mod hellos;
mod rates;
mod way;

use std::collections::VecDeque;
use std::hash::Hash;

use hellos::Hellos;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rates::Rates;
pub use way::Way;

use crate::blocks::CookieKey;
use crate::exchange::Ask;
use crate::limits::{HANDSHAKES_MAX, NOTICES_MAX, RENEWS_PER_SECOND_MAX};
use crate::principal::Principal;
use crate::seal::{
    HandshakeJob, Hello, HelloKey, OpenedRequest, PublicKey, Retry, TicketKeys, Unopened,
    WELCOME_BYTES, Welcomed, open_request, seal_reply, write_renew,
};
use crate::server::{Output, Server};
use crate::stats::Counter;
use crate::time::{Instant, Now};
use crate::wire::{Datagram, Kind, kind_of};

/// An effect that the endpoint asks for.
pub enum Effect<P> {
    /// An effect of the server, whose datagram is sealed where it has to be.
    Core(Output<P>),
    /// Do the work of a handshake, and hand the result to [`Endpoint::handle_welcomed`].
    Handshake(Box<HandshakeJob<P>>),
}

/// Whether a server reads plain datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainPolicy {
    /// They are read like sealed ones: on one computer, or in a network where everybody is trusted.
    Read,
    /// They are not read.
    Refuse,
}

/// A server that is spoken to in sealed datagrams, and in plain ones where that is allowed.
pub struct Endpoint<P> {
    server: Server<Way<P>>,
    plain: PlainPolicy,
    service: PublicKey,
    hello_key: HelloKey,
    /// The key that the service will have next.
    next: Option<PublicKey>,
    tickets: TicketKeys,
    hellos: Hellos<P>,
    cookie_key: CookieKey,
    rng: StdRng,
    /// The handshakes that are under way at the worker.
    under_way: usize,
    notices: VecDeque<(P, Notice)>,
    renews: Renews,
    rates: Rates,
}

/// A datagram without a message: it leaves at once, because it tells nothing that is kept.
enum Notice {
    Welcome(Box<[u8; WELCOME_BYTES]>),
    Small(Box<Datagram>),
}

/// The `RENEW`s of the present second.
struct Renews {
    second: u64,
    sent: u32,
}

impl<P> Endpoint<P> {
    /// Around this server, for the service with this key. The seed is fresh randomness, because keys are
    /// drawn of it.
    #[must_use]
    pub fn new(
        server: Server<Way<P>>,
        service: PublicKey,
        plain: PlainPolicy,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let cookie_key = CookieKey::new(rand::RngExt::random(&mut rng));
        Self {
            server,
            plain,
            hello_key: HelloKey::new(&service),
            service,
            next: None,
            tickets: TicketKeys::new(&mut rng, now),
            hellos: Hellos::new(),
            cookie_key,
            rng,
            under_way: 0,
            notices: VecDeque::new(),
            renews: Renews { second: 0, sent: 0 },
            rates: Rates::new(),
        }
    }

    /// Announces the key that the service will have next: clients trust it from then on as well.
    pub fn announce(&mut self, next: PublicKey) {
        self.next = Some(next);
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server<Way<P>> {
        &self.server
    }

    /// The server, for events that are no datagrams.
    pub fn server_mut(&mut self) -> &mut Server<Way<P>> {
        &mut self.server
    }
}

impl<P: Clone + Hash + Eq> Endpoint<P> {
    /// A datagram arrived. False if it was thrown away unread, which costs next to nothing.
    pub fn handle_datagram(&mut self, now: Now, path: P, datagram: &[u8]) -> bool {
        let from = Way::plain(path);
        if !self.server.admits(now.instant, &from) {
            return false;
        }
        let exit = match kind_of(datagram) {
            Some(Kind::Hello) => self.handle_hello(now, from.path, datagram),
            Some(Kind::Sealed) => self.handle_sealed(now, from.path, datagram),
            // R-PLAIN-1
            _ => self.server.handle_plain(now, from, datagram, self.plain == PlainPolicy::Read),
        };
        self.server.count(exit);
        true
    }

    /// A handshake is done.
    pub fn handle_welcomed(&mut self, welcomed: Welcomed<P>) {
        self.under_way = self.under_way.saturating_sub(1);
        match welcomed.datagram {
            Some(datagram) => self.notify(welcomed.path, Notice::Welcome(Box::new(datagram))),
            None => self.server.count(Counter::HelloUnopened),
        }
    }

    /// Time has passed: a turn of the loop begins.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tickets.rotate(&mut self.rng, now.instant);
        self.server.handle_timeout(now);
    }

    /// When [`Endpoint::handle_timeout`] wants to be called next, if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        // Keys of tickets are looked at with each datagram, and need no turn of their own.
        self.server.poll_timeout()
    }

    /// The next effect, or `None` when there is nothing to do until the next event. A datagram to send
    /// is written into `space`.
    pub fn poll_output(&mut self, now: Now, space: &mut Datagram) -> Option<Effect<P>> {
        if let Some((to, notice)) = self.notices.pop_front() {
            match notice {
                Notice::Welcome(bytes) => space.fill(WELCOME_BYTES).copy_from_slice(&bytes[..]),
                Notice::Small(datagram) => space.clone_from(&datagram),
            }
            return Some(Effect::Core(Output::Transmit { to }));
        }
        if self.under_way < HANDSHAKES_MAX
            && let Some((path, hello)) = self.hellos.pop()
        {
            self.under_way += 1;
            return Some(Effect::Handshake(Box::new(self.job(now, path, hello))));
        }
        let output = self.server.poll_output(space)?;
        Some(Effect::Core(output.map_path(|way| {
            if let Some(sealing) = &way.sealing {
                seal_reply(sealing, &mut self.rng, space);
            }
            way.path
        })))
    }

    fn handle_hello(&mut self, now: Now, path: P, datagram: &[u8]) -> Counter {
        let Some(hello) = Hello::read(datagram, &self.hello_key) else {
            return Counter::HelloForged;
        };
        // R-HELLO-3, R-HELLO-4
        if self.hellos.under_pressure(now.instant)
            && !self.cookie_key.verify(hello.cookie, &path, now.instant)
        {
            let cookie = self.cookie_key.generate(&path, now.instant);
            let mut retry = Datagram::new();
            Retry { echo: hello.echo(), cookie }.write(&mut retry);
            self.notify(path, Notice::Small(Box::new(retry)));
            return Counter::HelloUnproved;
        }
        if self.hellos.push(&mut self.rng, path, hello) {
            Counter::Hello
        } else {
            Counter::HelloRepeated
        }
    }

    fn handle_sealed(&mut self, now: Now, path: P, datagram: &[u8]) -> Counter {
        self.tickets.rotate(&mut self.rng, now.instant);
        match open_request(&self.service, &self.tickets, now.instant, datagram) {
            Ok(OpenedRequest { device, received, room, sealing }) => {
                let from = Way { path, sealing: Some(sealing) };
                if let Ask::Perform { .. } = received.request.ask
                    && !self.server.is_revoked(device)
                    && let Err(wait) = self.rates.take(device, now.instant)
                {
                    self.server.handle_too_fast(from, &received.request, wait);
                    return Counter::DeviceBusy;
                }
                self.server.handle_message(now, from, Principal::Device(device), received, room)
            }
            Err(Unopened::Silent(counter)) => counter,
            Err(Unopened::Renew(counter)) => {
                // R-RENEW-1
                if self.renews.may_leave(now.instant) {
                    let mut renew = Datagram::new();
                    write_renew(datagram, &mut renew);
                    self.notify(path, Notice::Small(Box::new(renew)));
                }
                counter
            }
        }
    }

    fn job(&mut self, now: Now, path: P, hello: Hello) -> HandshakeJob<P> {
        let ticket_key = self.tickets.present(&mut self.rng, now.instant).clone();
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        rand::Rng::fill_bytes(&mut self.rng, seed.as_mut());
        HandshakeJob {
            path,
            hello,
            ticket_key,
            seed,
            made: now.instant,
            // What a client makes of it must not be ahead of what this server has written.
            wall: self.server.latest().max(now.wall),
            next: self.next,
        }
    }

    fn notify(&mut self, to: P, notice: Notice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push_back((to, notice));
        }
    }
}

impl Renews {
    fn may_leave(&mut self, now: Instant) -> bool {
        let second = now.as_micros() / 1_000_000;
        if second != self.second {
            *self = Self { second, sent: 0 };
        }
        self.sent += 1;
        self.sent <= RENEWS_PER_SECOND_MAX
    }
}

#[cfg(test)]
mod tests;
