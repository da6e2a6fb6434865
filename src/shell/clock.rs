//! The one place where clocks are read and dice are thrown.

use std::time::SystemTime;

use rand::RngExt as _;

use crate::time::{Instant, Now, WallTime};

/// The computer's two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: std::time::Instant,
}

impl Clock {
    /// A clock whose instants count from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn start() -> Self {
        Self { zero: std::time::Instant::now() }
    }

    /// What both clocks show.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { instant: self.instant(), wall: wall() }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn instant(&self) -> Instant {
        let micros = std::time::Instant::now().duration_since(self.zero).as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// The date, as far as the computer knows it; a date before 1970 counts as 1970.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub(super) fn wall() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// A seed that nobody can guess, from the operating system.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where dice are thrown")]
pub fn entropy() -> [u8; 32] {
    // R-CLIENT-1
    rand::rng().random()
}
