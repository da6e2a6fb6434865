//! The progress line of a transfer on a terminal. A pipe gets none.

use std::collections::VecDeque;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::language::{decimal, text};
use crate::shell::clock::Clock;
use crate::time::Instant;

/// The rate is that of the last so many seconds.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// The least time between two samples, and between two updates of the line.
const STEP: Duration = Duration::from_millis(100);
/// When nothing has arrived for so long, no rate is shown.
const SILENCE: Duration = Duration::from_secs(2);
/// On a narrower terminal no bar is shown beside the words.
const BAR_COLUMNS_MIN: u16 = 70;

/// The progress line; empty until there is something to show.
pub(super) struct ProgressLine {
    /// `None` while nothing is shown.
    bar: Option<ProgressBar>,
    clock: Clock,
    rate: Rate,
    updated: Option<Instant>,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self { bar: None, clock: Clock::start(), rate: Rate::new(), updated: None }
    }

    /// The server has hashed so many bytes of the file.
    pub(super) fn reading(&mut self, done: u64, bytes: u64) {
        let (so_far, all) = (decimal(HumanBytes(done)), decimal(HumanBytes(bytes)));
        self.draw(done, bytes, text!("server-reading", so_far, all));
    }

    /// A transfer begins: the rate counts from here.
    pub(super) fn begin(&mut self) {
        self.rate = Rate::new();
        self.updated = None;
    }

    /// So many bytes of the file are here.
    pub(super) fn arrived(&mut self, here: u64, bytes: u64) {
        let now = self.clock.now().instant;
        if self.updated.is_some_and(|at| now.since(at) < STEP) {
            return;
        }
        self.updated = Some(now);
        self.rate.sample(now, here);
        self.draw(here, bytes, words(here, bytes, self.rate.bytes_per_second(now)));
    }

    /// Clears the line, before anything else is printed.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Draws the line no wider than the terminal: a wider one would not overwrite itself.
    fn draw(&mut self, position: u64, length: u64, message: String) {
        let bar = self.bar.get_or_insert_with(|| {
            ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr())
        });
        let is_wide = columns().is_some_and(|columns| columns >= BAR_COLUMNS_MIN);
        let template = if is_wide { "{wide_bar} {msg}" } else { "{wide_msg}" };
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
        bar.set_length(length);
        bar.set_position(position);
        bar.set_message(message);
    }
}

/// The text of the line. The most important comes first: the end may be cut off.
fn words(here: u64, bytes: u64, rate: Option<u64>) -> String {
    let (so_far, all) = (decimal(HumanBytes(here)), decimal(HumanBytes(bytes)));
    match rate {
        None if here == bytes => text!("progress", so_far, all),
        None => text!("progress-waiting", so_far, all),
        Some(rate) => {
            let left = Duration::from_secs(bytes.saturating_sub(here).div_ceil(rate.max(1)));
            let left = humantime::format_duration(left);
            text!("progress-rate", so_far, all, rate = decimal(HumanBytes(rate)), left)
        }
    }
}

/// The rate of arrival over the last seconds.
struct Rate {
    samples: VecDeque<(Instant, u64)>,
    arrived: Option<Instant>,
}

impl Rate {
    fn new() -> Self {
        Self { samples: VecDeque::new(), arrived: None }
    }

    fn sample(&mut self, now: Instant, here: u64) {
        if self.samples.back().is_some_and(|(_, before)| *before > here) {
            // The transfer has restarted.
            *self = Self::new();
        }
        if self.samples.back().is_some_and(|(_, before)| *before < here) {
            self.arrived = Some(now);
        }
        self.samples.push_back((now, here));
        while self.samples.front().is_some_and(|(at, _)| now.since(*at) > RATE_WINDOW) {
            self.samples.pop_front();
        }
    }

    /// The rate; `None` while nothing arrives.
    fn bytes_per_second(&self, now: Instant) -> Option<u64> {
        if now.since(self.arrived?) >= SILENCE {
            return None;
        }
        let ((from, first), (to, last)) = (self.samples.front()?, self.samples.back()?);
        let micros = u64::try_from(to.since(*from).as_micros()).ok().filter(|it| *it > 0)?;
        let rate = u128::from(last.saturating_sub(*first)) * 1_000_000 / u128::from(micros);
        u64::try_from(rate).ok()
    }
}

#[cfg(unix)]
fn columns() -> Option<u16> {
    rustix::termios::tcgetwinsize(std::io::stderr()).ok().map(|it| it.ws_col)
}

#[cfg(not(unix))]
fn columns() -> Option<u16> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_there_is_none_while_nothing_arrives() {
        let mut rate = Rate::new();
        // What was here from before has not arrived now.
        rate.sample(at(0), 1_000_000);
        assert_eq!(rate.bytes_per_second(at(0)), None);
        for now in (100..=10_000).step_by(100) {
            rate.sample(at(now), 1_000_000 + now * 100);
        }
        assert_eq!(rate.bytes_per_second(at(10_000)), Some(100_000));
        for now in (10_100..13_000).step_by(100) {
            rate.sample(at(now), 2_000_000);
        }
        assert_eq!(rate.bytes_per_second(at(13_000)), None);
        rate.sample(at(60_000), 2_000_001);
        rate.sample(at(60_100), 2_000_101);
        assert_eq!(rate.bytes_per_second(at(60_100)), Some(1_000), "the silence is over");
    }

    #[test]
    fn all_numbers_are_of_one_family_of_units() {
        let mib = 1 << 20;
        assert_eq!(
            words(12 * mib, 48 * mib, Some(3 * mib)),
            "12.00 MiB of 48.00 MiB, 3.00 MiB/s, 12s left"
        );
        assert_eq!(words(12 * mib, 48 * mib, None), "12.00 MiB of 48.00 MiB, waiting");
        assert_eq!(words(0, 0, None), "0 B of 0 B");
    }
}
