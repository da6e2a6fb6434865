//! What the relay counts. Nothing of what it carries.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Counter {
            $($(#[$doc])* $name,)*
        }

        const NAMES: &[&str] = &[$($word),*];
    };
}

counters! {
    /// A connection was taken.
    Connections = "connections",
    /// A connection was closed at once: there are too many.
    TooManyConnections = "too_many_connections",
    /// A connection ended before TLS was agreed on.
    TlsFailed = "tls_failed",
    /// A datagram was carried to the server and its answer back.
    Carried = "carried",
    /// The server did not answer a datagram in time.
    Silent = "server_silent",
    /// A datagram of a device of which too many wait.
    Busy = "lane_busy",
    /// The server's name has no address.
    NoAddress = "server_without_address",
    /// The system gave no port.
    NoPort = "no_port",
    /// What came was no datagram that may pass.
    NotSealed = "not_sealed",
    /// A body was too long.
    TooLong = "too_long",
    /// A body did not come in time, or not whole.
    Slow = "slow",
    /// An address sent too much.
    Limited = "limited",
    /// Another page sent it.
    Foreign = "foreign",
    /// Anything else that is not there.
    Other = "other",
}

/// The counters of a relay.
#[derive(Debug)]
pub(crate) struct Stats([AtomicU64; NAMES.len()]);

impl Stats {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU64::new(0) }; NAMES.len()])
    }

    /// How often it was counted.
    pub(crate) fn get(&self, it: Counter) -> u64 {
        self.0[it as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, it: Counter) {
        self.0[it as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, it)) in NAMES.iter().zip(&self.0).enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{name}={}", it.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}
