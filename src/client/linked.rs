//! A client with its link: what it asks is sealed where the link is, and waits for a ticket where there is
//! none yet.

use std::time::Duration;

use super::{Client, Output};
use crate::exchange::{Operation, Query, Reply};
use crate::seal::{Incoming, Link};
use crate::time::{Instant, Now};
use crate::wire::Datagram;

/// A [`Client`] and the [`Link`] that it speaks through. Its verbs and events are those of the client.
///
/// After each of them call [`LinkedClient::poll_hello`] and [`LinkedClient::poll_output`] until they have
/// nothing more.
pub struct LinkedClient {
    client: Client,
    link: Link,
}

impl LinkedClient {
    /// A client whose ids and jitter follow from this seed, as for [`Client::new`].
    #[must_use]
    pub fn new(seed: [u8; 32], link: Link) -> Self {
        let mut client = Client::new(seed);
        if !link.is_ready() {
            client.hold();
        }
        Self { client, link }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The link.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Gets ready to ask: says `HELLO` before anybody waits for an answer. Whoever waits for that says so again
    /// until [`Link::is_ready`]: a handshake that has no answer for five seconds is given up.
    pub fn connect(&mut self, now: Now) {
        self.link.connect(now.instant);
    }

    /// As [`Client::perform`].
    ///
    /// # Panics
    /// If something is under way.
    pub fn perform(&mut self, now: Now, operation: Operation, deadline: Duration) {
        self.link.connect(now.instant);
        self.client.perform(self.link.now(now), operation, deadline);
    }

    /// As [`Client::ask`].
    ///
    /// # Panics
    /// If something is under way.
    pub fn ask(&mut self, now: Now, query: Query, deadline: Duration) {
        self.link.connect(now.instant);
        self.client.ask(self.link.now(now), query, deadline);
    }

    /// As [`Client::handle_datagram`]; also true for an answer to a `HELLO`.
    pub fn handle_datagram(&mut self, now: Now, datagram: &[u8]) -> bool {
        match self.link.handle_datagram(now.instant, datagram) {
            Incoming::Plain => self.client.handle_datagram(now, datagram),
            Incoming::Reply(reply) => self.client.handle_reply(self.link.now(now), reply),
            Incoming::Ready => {
                self.client.release(self.link.now(now));
                true
            }
            Incoming::Ignored => false,
        }
    }

    /// As [`Client::handle_reply`].
    pub fn handle_reply(&mut self, now: Now, reply: Reply) -> bool {
        self.client.handle_reply(self.link.now(now), reply)
    }

    /// As [`Client::handle_refused`].
    pub fn handle_refused(&mut self) {
        self.client.handle_refused();
    }

    /// As [`Client::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Now) {
        // "A client that waits for nothing begins no handshake" (chapter 23.4).
        if self.client.is_idle() {
            self.link.handle_idle_timeout(now.instant);
        } else {
            self.link.handle_timeout(now.instant);
        }
        self.client.handle_timeout(self.link.now(now));
    }

    /// As [`Client::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.client.poll_timeout(), self.link.poll_timeout()].into_iter().flatten().min()
    }

    /// Writes a datagram that is to be sent and asks nothing, if there is one.
    pub fn poll_hello(&mut self, space: &mut Datagram) -> bool {
        self.link.poll_transmit(space)
    }

    /// As [`Client::poll_output`]. The datagram is sealed where the link is.
    pub fn poll_output(&mut self, now: Now, space: &mut Datagram) -> Option<Output> {
        loop {
            let output = self.client.poll_output(space)?;
            // Without a ticket nothing is asked, so there is one.
            if output != Output::Transmit || self.link.seal(now.instant, space) {
                return Some(output);
            }
        }
    }
}
