//! The one place where clocks are read and dice are thrown.

use std::time::{Duration, SystemTime};

use rand::RngExt as _;

use crate::access::InviteCode;
use crate::limits::{CLOCK_BEHIND_MAX, CLOCK_LEAP_MAX};
use crate::time::{Instant, Now, WallTime};

/// The computer's two clocks.
///
/// The date is believed as long as it goes on from the one at the start about as fast as the clock
/// that never jumps. Over a leap of more than [`CLOCK_LEAP_MAX`] it is reckoned from that clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: std::time::Instant,
    date: WallTime,
}

/// The clock at a start and the last time in the journal are implausibly far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this computer's clock shows {clock}, and the last time in the journal is {journal}: set the \
     clock right; if it is right, say so once with: rollcall-server doctor --accept-clock"
)]
pub struct ClockImplausible {
    /// The clock.
    pub clock: WallTime,
    /// The last time in the journal.
    pub journal: WallTime,
}

/// Whether a server may start at this time on a journal whose last time is that one.
///
/// # Errors
/// If the clock is more than an hour behind, or more than 400 days ahead: with a wrong clock every
/// time that is written would be wrong, and a time that is too late would stay for ever.
pub fn check_plausible(clock: WallTime, journal: WallTime) -> Result<(), ClockImplausible> {
    let apart = clock.distance(journal);
    let is_new = journal == WallTime::default();
    let most = if clock < journal { CLOCK_BEHIND_MAX } else { CLOCK_LEAP_MAX };
    // R-TIME-4
    if apart > most && !is_new { Err(ClockImplausible { clock, journal }) } else { Ok(()) }
}

impl Clock {
    /// A clock whose instants count from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn start() -> Self {
        Self { zero: std::time::Instant::now(), date: wall() }
    }

    /// What both clocks show.
    #[must_use]
    pub fn now(&self) -> Now {
        let instant = self.instant();
        let expected = self.expected(instant);
        let shown = wall();
        // R-TIME-6
        Now { instant, wall: if has_leapt(expected, shown) { expected } else { shown } }
    }

    /// The date that the computer shows, if it has leapt so far that it is not believed.
    #[must_use]
    pub fn leap(&self) -> Option<WallTime> {
        let shown = wall();
        has_leapt(self.expected(self.instant()), shown).then_some(shown)
    }

    fn expected(&self, instant: Instant) -> WallTime {
        self.date.shifted(i64::try_from(instant.as_micros() / 1_000).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn instant(&self) -> Instant {
        let micros = std::time::Instant::now().duration_since(self.zero).as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

fn has_leapt(expected: WallTime, shown: WallTime) -> bool {
    expected.distance(shown) > CLOCK_LEAP_MAX
}

/// The date, as far as the computer knows it; a date before 1970 counts as 1970.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub(super) fn wall() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// A point in time that another process can measure from: the date, and where the system has it, how long
/// after the start of the computer it was, by a clock that goes on while the computer sleeps and that nobody
/// sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    date: WallTime,
    /// Which start of the computer it was.
    boot: Option<(String, Duration)>,
}

impl Moment {
    /// The present one.
    #[must_use]
    pub fn now() -> Self {
        Self { date: wall(), boot: since_boot() }
    }

    /// One that was written down.
    #[must_use]
    pub fn from_parts(date: WallTime, boot: Option<(String, Duration)>) -> Self {
        Self { date, boot }
    }

    /// What to write down of it.
    #[must_use]
    pub fn parts(&self) -> (WallTime, Option<(&str, Duration)>) {
        (self.date, self.boot.as_ref().map(|(id, since)| (id.as_str(), *since)))
    }

    /// What the date was.
    #[must_use]
    pub fn date(&self) -> WallTime {
        self.date
    }

    /// How long after that one it is; by the date only if the computer was started between them.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        if let (Some((id, now)), Some((other, then))) = (&self.boot, &earlier.boot)
            && id == other
        {
            return now.saturating_sub(*then);
        }
        let millis = u64::try_from(self.date.millis_after(earlier.date)).unwrap_or(0);
        Duration::from_millis(millis)
    }
}

/// Which start of the computer this is, and how long ago it was.
#[cfg(target_os = "linux")]
fn since_boot() -> Option<(String, Duration)> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Some((id.trim().to_owned(), Duration::try_from(since).ok()?))
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Option<(String, Duration)> {
    None
}

/// A seed that nobody can guess, from the operating system.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where dice are thrown")]
pub fn entropy() -> [u8; 32] {
    // R-CLIENT-1
    rand::rng().random()
}

/// The code of an invite that nobody has seen.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where dice are thrown")]
pub fn fresh_invite() -> InviteCode {
    InviteCode::from_bytes(rand::rng().random())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * HOUR_MS;

    #[test]
    fn how_long_ago_it_was_is_counted_from_the_start_of_the_computer_whatever_the_date_says() {
        let at = |date, boot: Option<(&str, u64)>| Moment {
            date: WallTime::from_millis(date),
            boot: boot.map(|(id, since)| (id.into(), Duration::from_millis(since))),
        };
        let pressed = at(1_000_000, Some(("a", 500)));
        let since = |now: Moment| now.since(&pressed).as_millis();
        assert_eq!(since(at(7, Some(("a", 42_500)))), 42_000, "the date was set");
        assert_eq!(since(at(1_003_000, Some(("b", 1)))), 3_000, "started anew");
        assert_eq!(since(at(1_003_000, None)), 3_000);
        assert_eq!(since(at(7, Some(("b", 1)))), 0, "not before it was pressed");
        let (one, other) = (Moment::now(), Moment::now());
        assert!(other.since(&one) < Duration::from_secs(3_600));
        assert_eq!(cfg!(target_os = "linux"), one.boot.is_some());
    }

    // spec: R-TIME-4
    #[test]
    fn a_start_is_refused_an_hour_behind_its_journal_or_400_days_ahead_of_it() {
        let journal = WallTime::from_millis(1_700_000_000_000);
        for plausible in [0, -HOUR_MS, 400 * DAY_MS] {
            assert_eq!(check_plausible(journal.shifted(plausible), journal), Ok(()));
        }
        for implausible in [-HOUR_MS - 1, 400 * DAY_MS + 1, i64::MIN] {
            let clock = journal.shifted(implausible);
            let refused = ClockImplausible { clock, journal };
            assert_eq!(check_plausible(clock, journal), Err(refused));
            let message = refused.to_string();
            assert!(message.contains(&clock.to_string()), "{message}");
            assert!(message.contains(&journal.to_string()), "{message}");
        }
        assert_eq!(check_plausible(journal, WallTime::default()), Ok(()), "a new journal");
    }

    // spec: R-TIME-6
    #[test]
    fn a_running_server_does_not_follow_a_leap_of_its_clock() {
        let mut clock = Clock::start();
        assert_eq!(clock.leap(), None);
        assert!(clock.now().wall.distance(wall()) < CLOCK_BEHIND_MAX);
        // As if the computer had shown another date when the server began.
        for leap in [401, -401] {
            clock.date = wall().shifted(leap * DAY_MS);
            assert!(clock.leap().is_some());
            assert!(clock.now().wall >= clock.date);
            assert!(clock.now().wall.distance(clock.date) < CLOCK_BEHIND_MAX, "it goes on");
        }
        clock.date = wall().shifted(399 * DAY_MS);
        assert_eq!(clock.leap(), None);
        assert!(clock.now().wall.distance(wall()) < CLOCK_BEHIND_MAX, "it is believed");
    }
}
