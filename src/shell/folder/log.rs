//! What is logged about a folder, so that a broken disk or a stranger who asks a lot does not fill the log.

use std::time::Duration;

use crate::time::Instant;

/// The interval in which the lines about one kind of problem are counted.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The log of a folder, by kind of problem.
#[derive(Default)]
pub(super) struct FolderLog {
    pub(super) exhausted: RateLimitedLog<1>,
    pub(super) listing: RateLimitedLog<1>,
    pub(super) too_many: RateLimitedLog<1>,
    pub(super) unreadable: RateLimitedLog<20>,
}

/// At most so many lines in each interval.
#[derive(Default)]
pub(super) struct RateLimitedLog<const LINES: u32> {
    since: Option<Instant>,
    pub(super) lines: u32,
}

impl<const LINES: u32> RateLimitedLog<LINES> {
    /// Calls `log` if there is still a line left in this interval.
    pub(super) fn report(&mut self, now: Instant, log: impl FnOnce()) {
        if self.since.is_none_or(|since| now.since(since) >= LOG_INTERVAL) {
            self.since = Some(now);
            self.lines = 0;
        }
        if self.lines < LINES {
            self.lines += 1;
            log();
        }
    }
}
