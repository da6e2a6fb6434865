//! Dates and times for people, in the time zone of their computer.

use chrono::{DateTime, Local, NaiveDate};

use super::language::{Language, language};
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
        self.local().format(&format!("{} %H:%M:%S", day_form())).to_string()
    }

    /// With the time zone, where it would not be obvious: `2026-11-22 13:18:05 -03:00`.
    fn to_local_with_zone(self) -> String {
        self.local().format(&format!("{} %H:%M:%S %:z", day_form())).to_string()
    }

    /// Without the date, if that is the one of `today`.
    fn to_local_on(self, today: Self) -> String {
        if self.to_local_day() == today.to_local_day() {
            return self.local().format("%H:%M:%S").to_string();
        }
        self.to_local()
    }
}

/// A day as people read it.
pub(super) fn day_in_words(day: NaiveDate) -> String {
    day.format(day_form()).to_string()
}

/// Reads a day, as programs write it or as people read it.
pub(super) fn day_from_words(words: &str) -> Option<NaiveDate> {
    let forms = ["%Y-%m-%d", day_form()];
    forms.into_iter().find_map(|form| NaiveDate::parse_from_str(words, form).ok())
}

/// How a day is written: `2026-11-22`, or `22/11/2026`.
fn day_form() -> &'static str {
    match language() {
        Language::English => "%Y-%m-%d",
        Language::Portuguese => "%d/%m/%Y",
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
    use crate::cli::language::speaking;

    #[test]
    fn a_day_is_read_as_it_is_shown() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        for language in [Language::English, Language::Portuguese] {
            speaking(language, || {
                assert_eq!(day_from_words(&day_in_words(day)), Some(day));
                assert_eq!(day_from_words("2026-11-22"), Some(day));
                assert_eq!(day_from_words("22/13/2026"), None);
            });
        }
        // Elsewhere the month may stand first.
        assert_eq!(day_from_words("11/12/2026"), None);
    }

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
