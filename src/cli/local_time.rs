//! Dates and times for people, in the time zone of their computer.

use chrono::{DateTime, Local, NaiveDate};

use crate::time::WallTime;

/// What people read of a [`WallTime`].
pub(super) trait LocalTime: Copy {
    /// The same moment in the reader's time zone.
    fn local(self) -> DateTime<Local>;

    /// The day: `2026-11-22`.
    fn to_local_day(self) -> NaiveDate {
        self.local().date_naive()
    }

    /// `2026-11-22 13:18:05`.
    fn to_local(self) -> String {
        self.local().format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// With the time zone, where it would not be obvious: `2026-11-22 13:18:05 -03:00`.
    fn to_local_with_zone(self) -> String {
        self.local().format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// Without the date, if that is the one of `today`.
    fn to_local_on(self, today: Self) -> String {
        let (local, today) = (self.local(), today.local());
        let same_day = local.date_naive() == today.date_naive();
        local.format(if same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
    }
}

impl LocalTime for WallTime {
    fn local(self) -> DateTime<Local> {
        self.to_utc().with_timezone(&Local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_the_date_of_another_day_only() {
        let time = WallTime::from_millis(1_764_090_000_000);
        let local = time.to_local();
        assert_eq!(time.to_local_on(time), local[11..]);
        assert_eq!(time.to_local_on(time.shifted(3 * 86_400_000)), local);
        let zone = time.to_local_with_zone();
        assert_eq!(zone.len(), local.len() + " -03:00".len());
        assert!(zone.starts_with(&local), "{zone}");
    }
}
