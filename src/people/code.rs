//! The code that is shown in the room: TOTP (RFC 6238) with steps of fifteen seconds.

use std::fmt;

use serde::{Deserialize, Serialize};
use totp_rs::{Algorithm, TOTP};

use crate::access::RoomCode;
use crate::limits::{ROOM_CODE_DIGITS, ROOM_CODE_STEP, ROOM_CODE_STEPS_TAKEN};
use crate::time::{Instant, Now};

/// The secret from which the codes of one roll call are made: 160 random bits (RFC 4226 4).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSecret([u8; 20]);

impl RoomSecret {
    /// The secret with these bytes, which are fresh randomness.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The code of a step.
    ///
    /// # Panics
    /// Never: what makes codes makes six digits.
    #[must_use]
    pub fn code(&self, step: u64) -> RoomCode {
        let digits = ROOM_CODE_DIGITS as usize;
        // One step is one second of the generator's time: the steps are counted here.
        let codes = TOTP::new_unchecked(Algorithm::SHA1, digits, 0, 1, self.0.to_vec());
        codes.generate(step).parse().expect("six digits")
    }

    /// Whether a code is taken in a step: it is the step's, or that of one just before it.
    #[must_use]
    pub fn takes(&self, code: RoomCode, step: u64) -> bool {
        // R-CODE-1
        let first = step.saturating_sub(ROOM_CODE_STEPS_TAKEN - 1);
        (first..=step).any(|step| self.code(step) == code)
    }
}

/// Without the secret.
impl fmt::Debug for RoomSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomSecret(..)")
    }
}

/// By which the steps are counted: the server's time when it started, and from then on the monotonic clock,
/// so that a clock that is set back neither freezes a code nor shows an old one again.
#[derive(Clone, Copy, Debug)]
pub struct CodeClock {
    wall_ms: u64,
    at: Instant,
}

impl CodeClock {
    /// A clock that begins at this time.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self { wall_ms: now.wall.as_millis(), at: now.instant }
    }

    /// The step of so many milliseconds ago.
    #[must_use]
    pub fn step_ago(&self, now: Instant, delay_ms: u32) -> u64 {
        self.time_ms(now).saturating_sub(delay_ms.into()) / Self::step_ms()
    }

    fn step_ms() -> u64 {
        u64::try_from(ROOM_CODE_STEP.as_millis()).expect("some seconds")
    }

    fn time_ms(&self, now: Instant) -> u64 {
        let since = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        // R-CODE-2
        self.wall_ms.saturating_add(since)
    }

    /// The step of this moment, and for how many milliseconds it lasts.
    #[must_use]
    pub fn step(&self, now: Instant) -> (u64, u16) {
        let (step_ms, time) = (Self::step_ms(), self.time_ms(now));
        let left = step_ms - time % step_ms;
        (time / step_ms, u16::try_from(left).expect("below fifteen seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    /// RFC 6238, appendix B, the rows of SHA-1, cut to six digits; RFC 4226, appendix D has the same
    /// generator counted from 0.
    #[test]
    fn codes_are_those_of_the_test_vectors() {
        let secret = RoomSecret::from_bytes(*b"12345678901234567890");
        let rows = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583];
        for (step, row) in (0..).zip(rows) {
            assert_eq!(secret.code(step).get(), row);
        }
        for (time, row) in
            [(59_u64, 94_287_082_u32), (1_111_111_109, 7_081_804), (2_000_000_000, 69_279_037)]
        {
            assert_eq!(secret.code(time / 30).get(), row % 1_000_000);
        }
    }

    // spec: R-CODE-1
    #[test]
    fn the_code_that_is_shown_and_the_two_before_it_are_taken() {
        let secret = RoomSecret::from_bytes([7; 20]);
        let taken = (90..=110).filter(|&step| secret.takes(secret.code(step), 100));
        assert_eq!(taken.collect::<Vec<_>>(), [98, 99, 100]);
        assert!(secret.takes(secret.code(0), 0), "the first step of all");
    }

    // spec: R-CODE-2
    #[test]
    fn steps_go_on_whatever_the_wall_clock_does() {
        let at = |millis: u64| Instant::from_micros(millis * 1_000);
        let now = Now { instant: at(1_000), wall: WallTime::from_millis(1_000_007_000) };
        let clock = CodeClock::new(now);
        assert_eq!(clock.step(at(1_000)), (66_667, 13_000));
        assert_eq!(clock.step(at(13_999)), (66_667, 1));
        assert_eq!(clock.step(at(14_000)), (66_668, 15_000));
    }
}
