//! How long a client waits for an answer before it sends again.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::limits::{RETRY_EVEN_WAITS, RETRY_INITIAL, RETRY_JITTER, RETRY_MAX, RETRY_MIN};
use crate::round_trip::{Measured, RoundTrip};

/// The waits of one request, before jitter: some of one length, then each twice the one before it.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    wait: Duration,
    waits: u32,
}

impl Backoff {
    /// Waits of which the first is so long.
    #[must_use]
    pub fn new(first: Duration) -> Self {
        Self { wait: first, waits: 0 }
    }

    /// How long to wait after the next sending.
    pub fn next_wait(&mut self) -> Duration {
        // R-RETRY-2
        if self.waits >= RETRY_EVEN_WAITS {
            self.wait = (self.wait * 2).min(RETRY_MAX);
        }
        self.waits = self.waits.saturating_add(1);
        self.wait
    }
}

/// A wait with its jitter, so that clients that began together do not go on together.
pub(crate) fn jittered(rng: &mut StdRng, wait: Duration) -> Duration {
    // R-RETRY-3
    wait.mul_f64(rng.random_range(RETRY_JITTER))
}

impl RoundTrip {
    /// How long to wait for the first answer.
    pub(crate) fn first_wait(self) -> Duration {
        match self.measured() {
            // R-RETRY-1
            None => RETRY_INITIAL,
            Some(Measured { smoothed, variation }) => {
                (smoothed + variation * 4).clamp(RETRY_MIN, RETRY_MAX)
            }
        }
    }
}
