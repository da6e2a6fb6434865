//! Every text of the view, in the language of the process. Names and numbers that are passed in are safe to show
//! already.

use chrono::{DateTime, FixedOffset, TimeDelta};

use super::prompt::EXTEND_MAX_MINUTES;
use crate::attendance::Status;
use crate::cli::explain::status_in_words;
use crate::cli::language::{Count, text};
use crate::cli::local_time::day_in_words;
use crate::cli::prompt::{is_no, is_yes};

/// What a key does, for the footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Mark a student.
    Mark,
    /// Extend the roll call.
    Extend,
    /// Close it.
    Close,
    /// Show the class the code.
    Projector,
    /// Back from there.
    Names,
    /// Ask the server now.
    Refresh,
    /// Scroll those who are missing.
    Scroll,
    /// Leave the view of a roll call that stays open.
    Quit,
    /// Leave the view of one that is closed.
    Leave,
    /// Take what was typed or chosen.
    Take,
    /// Choose another of the matches.
    Choose,
    /// Yes.
    Yes,
    /// No.
    No,
    /// Back out of a prompt.
    Back,
}

#[cfg(test)]
impl Hint {
    /// Each.
    pub(crate) const ALL: [Self; 14] = [
        Self::Mark,
        Self::Extend,
        Self::Close,
        Self::Projector,
        Self::Names,
        Self::Refresh,
        Self::Scroll,
        Self::Quit,
        Self::Leave,
        Self::Take,
        Self::Choose,
        Self::Yes,
        Self::No,
        Self::Back,
    ];
}

/// The texts of the view.
pub(crate) trait Words {
    /// A time of day without seconds.
    fn clock(&self, at: DateTime<FixedOffset>) -> String;
    /// A time of day with seconds.
    fn clock_with_seconds(&self, at: DateTime<FixedOffset>) -> String;
    /// A time for a reader at `now`: with the date if that is another.
    fn moment(&self, at: DateTime<FixedOffset>, now: DateTime<FixedOffset>) -> String;
    /// How long something still lasts.
    fn left(&self, left: TimeDelta) -> String;

    /// The class, as a heading.
    fn class(&self, class: u32) -> String;
    /// Since when it is open.
    fn open_since(&self, at: &str) -> String;
    /// From when on one is late.
    fn late_from(&self, at: &str) -> String;
    /// When it closes by itself.
    fn closes_at(&self, at: &str) -> String;
    /// When it was closed.
    fn closed_at(&self, at: &str) -> String;

    /// How many are present, and how many of them late.
    fn count(&self, present: u32, expected: Option<u32>, late: u32) -> String;
    /// How many are present, for the class.
    fn present(&self, present: u32, expected: Option<u32>) -> String;
    /// A part of a hundred.
    fn percent(&self, percent: u32) -> String;

    /// Heading of the arrivals.
    fn arrivals(&self, count: usize) -> String;
    /// Instead of arrivals.
    fn nobody_yet(&self) -> String;
    /// Heading of those who are missing.
    fn missing(&self, count: usize) -> String;
    /// Which of them are shown, from 1.
    fn shown(&self, first: usize, last: usize) -> String;
    /// Instead of those who are missing.
    fn nobody_missing(&self) -> String;
    /// What a student is.
    fn status(&self, status: Status) -> String;
    /// A flag, by its name in the protocol.
    fn flag(&self, flag: &str) -> String;
    /// A student who is not on the roster.
    fn walk_in(&self) -> String;
    /// How many wrong codes were tried.
    fn wrong_codes(&self, count: u32) -> String;
    /// How many arrivals are flagged, with the mark that they have.
    fn flagged(&self, count: u32, mark: &str) -> String;

    /// The server does not answer.
    fn silent(&self, since: &str, seconds: i64) -> String;
    /// The server refuses.
    fn refused(&self, why: &str) -> String;

    /// How long the code of the room is still accepted.
    fn code_left(&self, seconds: u16) -> String;
    /// Instead of a code that is not accepted any more.
    fn code_awaited(&self) -> String;
    /// Instead of a code where there is none.
    fn no_code(&self) -> String;
    /// Instead of a code once the roll call is closed.
    fn closed(&self) -> String;

    /// Question for the minutes of an extension.
    fn ask_minutes(&self) -> String;
    /// What was typed is no number of minutes.
    fn not_minutes(&self) -> String;
    /// Question for a student.
    fn ask_student(&self) -> String;
    /// Nobody was found.
    fn no_match(&self, typed: &str) -> String;
    /// Entry for a number that is not on the roster.
    fn offer_walk_in(&self, number: &str) -> String;
    /// Question whether to mark a number that is not on the roster. `nearest` is a number and a name.
    fn ask_walk_in(&self, number: &str, nearest: Option<(&str, &str)>) -> String;
    /// Question whether to close.
    fn ask_close(&self, class: u32, present: u32, expected: Option<u32>) -> String;
    /// Whether a key means yes.
    fn is_yes(&self, key: char) -> bool;
    /// Whether a key means no.
    fn is_no(&self, key: char) -> bool;

    /// Marking would show names to the class.
    fn not_before_class(&self) -> String;
    /// The roll call is closed, so that nothing can be done.
    fn closed_already(&self) -> String;
    /// What is said when the view is left and the roll call is not closed.
    fn stays_open(&self, class: u32) -> String;

    /// The name of a key.
    fn key(&self, hint: Hint) -> String;
    /// What a key does, in a word.
    fn hint(&self, hint: Hint) -> String;
}

/// The language that this process speaks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spoken;

/// The texts in the language that this process speaks.
#[must_use]
pub(crate) fn spoken_words() -> Box<dyn Words> {
    Box::new(Spoken)
}

fn of(present: u32, expected: Option<u32>) -> String {
    match expected {
        Some(expected) => {
            text!("sheet-present-of", count = Count(present), listed = Count(expected))
        }
        None => text!("count-present", count = Count(present)),
    }
}

impl Words for Spoken {
    fn clock(&self, at: DateTime<FixedOffset>) -> String {
        at.format("%H:%M").to_string()
    }

    fn clock_with_seconds(&self, at: DateTime<FixedOffset>) -> String {
        at.format("%H:%M:%S").to_string()
    }

    fn moment(&self, at: DateTime<FixedOffset>, now: DateTime<FixedOffset>) -> String {
        if at.date_naive() == now.date_naive() {
            return self.clock(at);
        }
        format!("{} {}", day_in_words(at.date_naive()), self.clock(at))
    }

    fn left(&self, left: TimeDelta) -> String {
        let (hours, minutes, seconds) =
            (left.num_hours(), left.num_minutes() % 60, left.num_seconds() % 60);
        let left = match hours {
            0 => format!("{minutes}:{seconds:02}"),
            _ => format!("{hours}:{minutes:02}:{seconds:02}"),
        };
        text!("watch-left", left)
    }

    fn class(&self, class: u32) -> String {
        text!("watch-class", class)
    }

    fn open_since(&self, at: &str) -> String {
        text!("watch-open-since", at)
    }

    fn late_from(&self, at: &str) -> String {
        text!("watch-late-from", at)
    }

    fn closes_at(&self, at: &str) -> String {
        text!("watch-closes-at", at)
    }

    fn closed_at(&self, at: &str) -> String {
        text!("watch-closed-at", at)
    }

    fn count(&self, present: u32, expected: Option<u32>, late: u32) -> String {
        text!("watch-count", present = of(present, expected), late = Count(late))
    }

    fn present(&self, present: u32, expected: Option<u32>) -> String {
        of(present, expected)
    }

    fn percent(&self, percent: u32) -> String {
        format!("{percent} %")
    }

    fn arrivals(&self, count: usize) -> String {
        text!("watch-arrivals", count = Count(count))
    }

    fn nobody_yet(&self) -> String {
        text!("watch-nobody-yet")
    }

    fn missing(&self, count: usize) -> String {
        text!("watch-missing", count = Count(count))
    }

    fn shown(&self, first: usize, last: usize) -> String {
        format!("{first}-{last}")
    }

    fn nobody_missing(&self) -> String {
        text!("watch-nobody-missing")
    }

    fn status(&self, status: Status) -> String {
        match status {
            Status::Left => text!("watch-left-early"),
            other => status_in_words(other),
        }
    }

    fn flag(&self, flag: &str) -> String {
        match flag {
            "second_device" => text!("watch-second-device"),
            "several_numbers" => text!("watch-several-numbers"),
            "by_teacher" => text!("watch-by-teacher"),
            "many_wrong_codes" => text!("remark-many-wrong-codes"),
            "called_present" => text!("watch-called-present"),
            "called_absent" => text!("watch-called-absent"),
            other => other.replace('_', " "),
        }
    }

    fn walk_in(&self) -> String {
        text!("watch-walk-in")
    }

    fn wrong_codes(&self, count: u32) -> String {
        text!("watch-wrong-codes", count = Count(count))
    }

    fn flagged(&self, count: u32, mark: &str) -> String {
        text!("watch-flagged", count = Count(count), mark)
    }

    fn silent(&self, since: &str, seconds: i64) -> String {
        text!("watch-silent", since, seconds)
    }

    fn refused(&self, why: &str) -> String {
        text!("watch-refused", why)
    }

    fn code_left(&self, seconds: u16) -> String {
        text!("code-left", left = seconds)
    }

    fn code_awaited(&self) -> String {
        text!("watch-code-awaited")
    }

    fn no_code(&self) -> String {
        text!("watch-no-code")
    }

    fn closed(&self) -> String {
        text!("watch-closed")
    }

    fn ask_minutes(&self) -> String {
        text!("watch-question-minutes")
    }

    fn not_minutes(&self) -> String {
        text!("watch-minutes-form", most = EXTEND_MAX_MINUTES)
    }

    fn ask_student(&self) -> String {
        text!("watch-question-student")
    }

    fn no_match(&self, typed: &str) -> String {
        text!("watch-no-match", typed)
    }

    fn offer_walk_in(&self, number: &str) -> String {
        text!("watch-offer-walk-in", number)
    }

    fn ask_walk_in(&self, number: &str, nearest: Option<(&str, &str)>) -> String {
        let Some((near, name)) = nearest else {
            return text!("watch-question-walk-in", number);
        };
        let meant = format!("{near} {name}");
        text!("watch-question-walk-in-or", number, meant = meant.trim_end())
    }

    fn ask_close(&self, class: u32, present: u32, expected: Option<u32>) -> String {
        text!("watch-question-close", class, present = of(present, expected))
    }

    fn is_yes(&self, key: char) -> bool {
        is_yes(&key.to_string())
    }

    fn is_no(&self, key: char) -> bool {
        is_no(&key.to_string())
    }

    fn not_before_class(&self) -> String {
        text!("watch-not-before-class")
    }

    fn closed_already(&self) -> String {
        text!("watch-closed-already")
    }

    fn stays_open(&self, class: u32) -> String {
        text!("watch-stays-open", class)
    }

    fn key(&self, hint: Hint) -> String {
        match hint {
            Hint::Mark => "m",
            Hint::Extend => "e",
            Hint::Close => "c",
            Hint::Projector | Hint::Names => "p",
            Hint::Refresh => "r",
            Hint::Scroll | Hint::Choose => "↑↓",
            Hint::Quit | Hint::Leave => "q",
            Hint::Take => "Enter",
            Hint::Yes => return text!("watch-key-yes"),
            Hint::No => return text!("watch-key-no"),
            Hint::Back => "Esc",
        }
        .into()
    }

    fn hint(&self, hint: Hint) -> String {
        match hint {
            Hint::Mark => text!("watch-hint-mark"),
            Hint::Extend => text!("watch-hint-extend"),
            Hint::Close => text!("watch-hint-close"),
            Hint::Projector => text!("watch-hint-projector"),
            Hint::Names => text!("watch-hint-names"),
            Hint::Refresh => text!("watch-hint-refresh"),
            Hint::Scroll => text!("watch-hint-scroll"),
            Hint::Quit => text!("watch-hint-quit"),
            Hint::Leave => text!("watch-hint-leave"),
            Hint::Take => text!("watch-hint-take"),
            Hint::Choose => text!("watch-hint-choose"),
            Hint::Yes => text!("watch-hint-yes"),
            Hint::No => text!("watch-hint-no"),
            Hint::Back => text!("watch-hint-back"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::at;
    use super::*;

    #[test]
    fn hours_are_shown_where_there_are_any() {
        assert_eq!(Spoken.left(TimeDelta::seconds(751)), "12:31 left");
        assert_eq!(Spoken.left(TimeDelta::seconds(3_661)), "1:01:01 left");
        assert_eq!(Spoken.left(TimeDelta::zero()), "0:00 left");
    }

    #[test]
    fn the_date_of_another_day_is_told() {
        assert_eq!(Spoken.moment(at(5, 0), at(6, 0)), "13:05");
        assert_eq!(Spoken.moment(at(5, 0), at(6, 0) + TimeDelta::days(1)), "2026-11-22 13:05");
    }

    #[test]
    fn every_hint_has_a_key_and_words() {
        for hint in Hint::ALL {
            assert!(!Spoken.key(hint).is_empty() && !Spoken.hint(hint).is_empty(), "{hint:?}");
        }
    }
}
