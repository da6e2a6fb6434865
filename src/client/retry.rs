//! How long a client waits for an answer before it sends again.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::limits::{RETRY_INITIAL, RETRY_JITTER, RETRY_MAX, RETRY_MIN};
use crate::round_trip::{Measured, RoundTrip};

/// A wait with its jitter, so that clients that began together do not go on together.
pub(super) fn jittered(rng: &mut StdRng, wait: Duration) -> Duration {
    // R-RETRY-3
    wait.mul_f64(rng.random_range(RETRY_JITTER))
}

impl RoundTrip {
    /// How long to wait for the first answer.
    pub(super) fn first_wait(self) -> Duration {
        match self.measured() {
            // R-RETRY-1
            None => RETRY_INITIAL,
            Some(Measured { smoothed, variation }) => {
                (smoothed + variation * 4).clamp(RETRY_MIN, RETRY_MAX)
            }
        }
    }
}
