//! How a roll call is to go: the flags of `open`, and times as teachers write them.

use std::time::Duration;

use clap::Args;

use super::Exit;
use super::language::{Cause, text};
use super::words::complain;
use crate::attendance::{NotALine, Plan, Title};
use crate::limits::{ACCEPT_DELAYED_DEFAULT, LESSONS_MAX, WINDOW_LENGTH_MAX};

/// How the roll call is to go.
#[derive(Args, Clone, Debug)]
pub(super) struct PlanFlags {
    /// Close it by itself after this time: 10m, 90s, 1h30m; at most a day.
    #[arg(long = "for", value_name = "T", value_parser = parse_window, allow_hyphen_values = true)]
    closes_after: Option<Duration>,
    /// Who answers after this time is late.
    #[arg(long, value_name = "T", value_parser = parse_window, allow_hyphen_values = true)]
    late_after: Option<Duration>,
    /// Count it as so many lessons, for reports.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u8).range(1..=i64::from(LESSONS_MAX))
    )]
    lessons: u8,
    /// What it is called, on sheets and in exports.
    #[arg(long, value_name = "TEXT", value_parser = parse_title)]
    title: Option<Title>,
    /// Take an answer that had no network when it was pressed, up to this long afterwards; 0 for never.
    #[arg(long, value_name = "T", default_value = "10m", value_parser = parse_delay, allow_hyphen_values = true)]
    accept_delayed: Duration,
}

impl PlanFlags {
    /// What they say. When they contradict each other, the person has been told.
    pub(super) fn plan(self) -> Result<Plan, Exit> {
        let Self { closes_after, late_after, lessons, title, accept_delayed } = self;
        if closes_after.zip(late_after).is_some_and(|(closes, late)| late >= closes) {
            complain(text!("plan-late-after"));
            return Err(Exit::Usage);
        }
        let accept_delayed_s =
            u16::try_from(accept_delayed.as_secs()).expect("at most ten minutes");
        Ok(Plan {
            closes_after_s: closes_after.map(seconds),
            late_after_s: late_after.map(seconds),
            lessons,
            accept_delayed_s,
            title,
        })
    }
}

/// The seconds of a time that was read here.
pub(super) fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).expect("at most a day")
}

/// Reads a time for which a roll call is open: `10m`, or a number of minutes.
pub(super) fn parse_window(text: &str) -> Result<Duration, String> {
    let duration = parse_time(text)?;
    if duration < Duration::from_secs(1) {
        return Err(text!("window-too-short"));
    }
    within(duration, WINDOW_LENGTH_MAX)
}

fn parse_delay(text: &str) -> Result<Duration, String> {
    within(parse_time(text)?, ACCEPT_DELAYED_DEFAULT)
}

fn within(duration: Duration, most: Duration) -> Result<Duration, String> {
    if duration > most {
        return Err(text!("at-most", most = humantime::format_duration(most)));
    }
    Ok(duration)
}

fn parse_time(text: &str) -> Result<Duration, String> {
    if let Ok(minutes) = text.parse::<u32>() {
        return Ok(Duration::from_secs(u64::from(minutes) * 60));
    }
    humantime::parse_duration(text).map_err(|_| text!("window-form"))
}

fn parse_title(text: &str) -> Result<Title, String> {
    text.parse().map_err(|cause: NotALine| text!("no-title", cause = cause.words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_time_or_a_number_of_minutes() {
        assert_eq!(parse_window("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_window("10"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_window("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse_window("24h"), Ok(Duration::from_secs(86_400)));
        for wrong in ["0", "-5m", "900h", "25h", "1ms", "soon", "", "99999999999"] {
            assert!(parse_window(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parse_delay("0"), Ok(Duration::ZERO));
        assert!(parse_delay("11m").is_err());
    }
}
