//! The idle timeout of an inquiry: how long answers may come without progress.

use std::time::Duration;

use crate::limits::{ASK_AGAIN_MIN, RETRY_MAX};
use crate::time::Instant;

/// How long answers have come without progress, and when to ask again (R-FILES-6).
pub(super) struct Idle {
    timeout: Duration,
    since: Instant,
    wait: Duration,
}

impl Idle {
    pub(super) fn begin(now: Instant, timeout: Duration) -> Self {
        Self { timeout, since: now, wait: ASK_AGAIN_MIN }
    }

    pub(super) fn progressed(&mut self, now: Instant) {
        *self = Self::begin(now, self.timeout);
    }

    /// When to ask again after an answer without progress, each time twice as much later; `None` if
    /// there was no progress for the timeout.
    pub(super) fn ask_again_at(&mut self, now: Instant) -> Option<Instant> {
        // R-FILES-6
        let next = (self.wait * 2).min(RETRY_MAX);
        let wait = std::mem::replace(&mut self.wait, next);
        // R-FILES-7
        (now.since(self.since) < self.timeout).then(|| now.after(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: R-FILES-6, R-FILES-7
    #[test]
    fn what_makes_no_progress_is_asked_ever_later_and_not_for_ever() {
        let millis = |millis: u64| Duration::from_millis(millis);
        let timeout = Duration::from_secs(3);
        let mut now = Instant::ZERO;
        let mut idle = Idle::begin(now, timeout);
        let ask_until_the_end = |idle: &mut Idle, now: &mut Instant| {
            let mut waits = Vec::new();
            while let Some(at) = idle.ask_again_at(*now) {
                waits.push(at.since(*now));
                *now = at;
            }
            waits
        };
        let waits = ask_until_the_end(&mut idle, &mut now);
        assert_eq!(waits[..5], [50, 100, 200, 400, 500].map(millis));
        assert!(waits[4..].iter().all(|wait| *wait == millis(500)), "{waits:?}");
        let waited = now.since(Instant::ZERO);
        assert!((timeout..timeout + millis(500)).contains(&waited), "{waited:?}");
        idle.progressed(now);
        assert_eq!(ask_until_the_end(&mut idle, &mut now), waits, "the same after progress");
    }
}
