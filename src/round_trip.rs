//! How long the way to the server and back takes, as far as it was measured.

use std::time::Duration;

/// The smoothed round trip and its variation (RFC 6298 2).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoundTrip {
    measured: Option<Measured>,
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) smoothed: Duration,
    pub(crate) variation: Duration,
}

impl RoundTrip {
    /// Takes one more sample. Whose it was must be certain (Karn and Partridge 1987).
    pub(crate) fn sample(&mut self, sample: Duration) {
        self.measured = Some(match self.measured {
            None => Measured { smoothed: sample, variation: sample / 2 },
            Some(Measured { smoothed, variation }) => Measured {
                smoothed: (smoothed * 7 + sample) / 8,
                variation: (variation * 3 + smoothed.abs_diff(sample)) / 4,
            },
        });
    }

    /// What is known of it.
    pub(crate) fn measured(self) -> Option<Measured> {
        self.measured
    }
}
