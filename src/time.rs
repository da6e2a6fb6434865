//! Time as the core knows it: handed in, never read.
//!
//! Two clocks, because they answer two questions. [`Instant`] never jumps and is used to wait;
//! [`WallTime`] is the date that people read and may be wrong by days.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A point on a clock that never jumps, in microseconds since an arbitrary zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    micros: u64,
}

impl Instant {
    /// Where the clock starts.
    pub const ZERO: Self = Self { micros: 0 };

    /// That many microseconds after zero.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// Microseconds after zero.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// How long after `earlier` this is; nothing if it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }

    /// This point and `wait` more, or the end of time.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        Self { micros: self.micros.saturating_add(wait) }
    }
}

/// A date and time as a computer's clock shows it: milliseconds since 1970-01-01 00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct WallTime {
    millis: u64,
}

impl WallTime {
    /// The latest time that can be written as a date: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self { millis: 253_402_300_799_999 };

    /// That many milliseconds after 1970, or [`WallTime::MAX`].
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self { millis: millis.min(Self::MAX.millis) }
    }

    /// Milliseconds after 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// How far apart two times are.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.millis.abs_diff(other.millis))
    }

    /// Milliseconds from `other` to this, negative if this is the earlier.
    #[must_use]
    pub fn millis_after(self, other: Self) -> i64 {
        let difference = i128::from(self.millis) - i128::from(other.millis);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }

    /// This time moved by that many milliseconds, kept within the dates that can be written.
    #[must_use]
    pub fn shifted(self, millis: i64) -> Self {
        Self::from_millis(self.millis.saturating_add_signed(millis))
    }

    /// So long after it, or the last time that there is.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        self.shifted(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// As RFC 3339 in UTC with milliseconds, for programs.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// As a date and time of chrono.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        let millis = i64::try_from(self.millis).expect("below WallTime::MAX");
        DateTime::from_timestamp_millis(millis).expect("a date below the year 10000")
    }
}

/// A number of milliseconds past the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} ms after 1970 is past the year 9999")]
pub struct NotADate(u64);

impl TryFrom<u64> for WallTime {
    type Error = NotADate;

    fn try_from(millis: u64) -> Result<Self, NotADate> {
        // R-VALUE-4
        if millis > Self::MAX.millis { Err(NotADate(millis)) } else { Ok(Self { millis }) }
    }
}

impl From<WallTime> for u64 {
    fn from(time: WallTime) -> u64 {
        time.millis
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// Both clocks at one moment: what the core is told with every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// To wait by.
    pub instant: Instant,
    /// To write down.
    pub wall: WallTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(WallTime::from_millis(0).to_rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(WallTime::MAX.to_rfc3339(), "9999-12-31T23:59:59.999Z");
        assert_eq!(WallTime::from_millis(u64::MAX), WallTime::MAX);
    }

    #[test]
    fn a_shift_goes_both_ways_and_stops_at_the_ends() {
        let noon = WallTime::from_millis(43_200_000);
        assert_eq!(noon.shifted(-200).as_millis(), 43_199_800);
        assert_eq!(noon.shifted(200).as_millis(), 43_200_200);
        assert_eq!(noon.shifted(i64::MIN).as_millis(), 0);
        assert_eq!(noon.shifted(i64::MAX), WallTime::MAX);
    }

    #[test]
    fn instants_do_not_go_below_zero_or_past_the_end() {
        let early = Instant::from_micros(5);
        assert_eq!(Instant::ZERO.since(early), Duration::ZERO);
        assert_eq!(early.since(Instant::ZERO), Duration::from_micros(5));
        assert_eq!(early.after(Duration::MAX).as_micros(), u64::MAX);
    }
}
