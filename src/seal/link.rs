//! How a client speaks to its server: plainly, or through a [`Channel`].

use super::{Channel, Incoming};
use crate::time::{Instant, Now};
use crate::wire::Datagram;

/// A client's way of speaking to its server.
pub enum Link {
    /// In plain datagrams.
    Plain,
    /// In sealed datagrams.
    Sealed(Box<Channel>),
}

impl Link {
    /// Whether a request can be sent now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.channel().is_none_or(Channel::is_ready)
    }

    /// The sealed channel, if it is one.
    #[must_use]
    pub fn channel(&self) -> Option<&Channel> {
        match self {
            Self::Plain => None,
            Self::Sealed(channel) => Some(channel),
        }
    }

    /// The same way of speaking for another socket: what it seals and opens is its own. The seed is fresh
    /// randomness.
    #[must_use]
    pub fn for_another_socket(&self, seed: [u8; 32]) -> Self {
        match self {
            Self::Plain => Self::Plain,
            Self::Sealed(channel) => Self::Sealed(Box::new(channel.for_another_socket(seed))),
        }
    }

    /// The time by which requests are made: that of the server, as far as it told.
    #[must_use]
    pub fn now(&self, now: Now) -> Now {
        // R-CHANNEL-5
        let told = self.channel().and_then(|channel| channel.server_time(now.instant));
        Now { wall: told.unwrap_or(now.wall), ..now }
    }

    /// As [`Channel::connect`].
    pub fn connect(&mut self, now: Instant) {
        if let Self::Sealed(channel) = self {
            channel.connect(now);
        }
    }

    /// Seals a request that was written as a plain datagram. False if that is not possible yet.
    pub fn seal(&mut self, now: Instant, datagram: &mut Datagram) -> bool {
        match self {
            Self::Plain => true,
            Self::Sealed(channel) => channel.seal(now, datagram),
        }
    }

    /// A datagram arrived from the server's address.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Incoming {
        match self {
            Self::Plain => Incoming::Plain,
            Self::Sealed(channel) => channel.handle_datagram(now, datagram),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Self::Sealed(channel) = self {
            channel.handle_timeout(now);
        }
    }

    /// As [`Channel::handle_idle_timeout`].
    pub fn handle_idle_timeout(&mut self, now: Instant) {
        if let Self::Sealed(channel) = self {
            channel.handle_idle_timeout(now);
        }
    }

    /// When [`Link::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.channel().and_then(Channel::poll_timeout)
    }

    /// Writes the datagram that the link itself has to send now, if there is one.
    pub fn poll_transmit(&mut self, datagram: &mut Datagram) -> bool {
        match self {
            Self::Plain => false,
            Self::Sealed(channel) => channel.poll_transmit(datagram),
        }
    }
}
