//! Every text of the view. Another language is another [`Words`].
//!
//! No method has a default, so that the compiler asks for each text that a translation lacks. Names and numbers
//! that are passed in are safe to show already.

use chrono::{DateTime, FixedOffset, TimeDelta};

use super::prompt::EXTEND_MAX_MINUTES;
use crate::attendance::Status;

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

/// The texts of the view in one language.
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

/// English.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct English;

/// The default language.
#[must_use]
pub(crate) fn words_en() -> Box<dyn Words> {
    Box::new(English)
}

fn of(present: u32, expected: Option<u32>) -> String {
    match expected {
        Some(expected) => format!("{present} of {expected} present"),
        None => format!("{present} present"),
    }
}

fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Words for English {
    fn clock(&self, at: DateTime<FixedOffset>) -> String {
        at.format("%H:%M").to_string()
    }

    fn clock_with_seconds(&self, at: DateTime<FixedOffset>) -> String {
        at.format("%H:%M:%S").to_string()
    }

    fn moment(&self, at: DateTime<FixedOffset>, now: DateTime<FixedOffset>) -> String {
        let same_day = at.date_naive() == now.date_naive();
        at.format(if same_day { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
    }

    fn left(&self, left: TimeDelta) -> String {
        let (hours, minutes, seconds) =
            (left.num_hours(), left.num_minutes() % 60, left.num_seconds() % 60);
        match hours {
            0 => format!("{minutes}:{seconds:02} left"),
            _ => format!("{hours}:{minutes:02}:{seconds:02} left"),
        }
    }

    fn class(&self, class: u32) -> String {
        format!("Class {class}")
    }

    fn open_since(&self, at: &str) -> String {
        format!("open since {at}")
    }

    fn late_from(&self, at: &str) -> String {
        format!("late from {at}")
    }

    fn closes_at(&self, at: &str) -> String {
        format!("closes at {at}")
    }

    fn closed_at(&self, at: &str) -> String {
        format!("closed at {at}")
    }

    fn count(&self, present: u32, expected: Option<u32>, late: u32) -> String {
        format!("{}, {late} late", of(present, expected))
    }

    fn present(&self, present: u32, expected: Option<u32>) -> String {
        of(present, expected)
    }

    fn percent(&self, percent: u32) -> String {
        format!("{percent} %")
    }

    fn arrivals(&self, count: usize) -> String {
        format!("Arrivals: {count}, newest first")
    }

    fn nobody_yet(&self) -> String {
        "nobody has answered yet".into()
    }

    fn missing(&self, count: usize) -> String {
        format!("Missing: {count}")
    }

    fn shown(&self, first: usize, last: usize) -> String {
        format!("{first}-{last}")
    }

    fn nobody_missing(&self) -> String {
        "nobody is missing".into()
    }

    fn status(&self, status: Status) -> String {
        match status {
            Status::Present => "present",
            Status::Late => "late",
            Status::Excused => "excused",
            Status::Absent => "absent",
            Status::Left => "left early",
        }
        .into()
    }

    fn flag(&self, flag: &str) -> String {
        match flag {
            "second_device" => "second device",
            "several_numbers" => "one device for several",
            "by_teacher" => "by the teacher",
            "many_wrong_codes" => "many wrong codes",
            "called_present" => "called, was there",
            "called_absent" => "called, was not there",
            other => return other.replace('_', " "),
        }
        .into()
    }

    fn walk_in(&self) -> String {
        "not on the roster".into()
    }

    fn wrong_codes(&self, count: u32) -> String {
        counted(count, "wrong code", "wrong codes")
    }

    fn flagged(&self, count: u32, mark: &str) -> String {
        format!("{count} flagged ({mark})")
    }

    fn silent(&self, since: &str, seconds: i64) -> String {
        format!("no answer since {since} ({seconds} s); this may be out of date")
    }

    fn refused(&self, why: &str) -> String {
        format!("the server refuses: {why}")
    }

    fn code_left(&self, seconds: u16) -> String {
        format!("for {seconds} s more")
    }

    fn code_awaited(&self) -> String {
        "waiting for the next code".into()
    }

    fn no_code(&self) -> String {
        "this roll call has no code".into()
    }

    fn closed(&self) -> String {
        "the roll call is closed".into()
    }

    fn ask_minutes(&self) -> String {
        "extend by (minutes): ".into()
    }

    fn not_minutes(&self) -> String {
        format!("write a number of minutes from 1 to {EXTEND_MAX_MINUTES}")
    }

    fn ask_student(&self) -> String {
        "mark (number or part of a name): ".into()
    }

    fn no_match(&self, typed: &str) -> String {
        format!("nobody on the roster matches '{typed}'")
    }

    fn offer_walk_in(&self, number: &str) -> String {
        format!("{number}, not on the roster")
    }

    fn ask_walk_in(&self, number: &str, nearest: Option<(&str, &str)>) -> String {
        let guess = match nearest {
            Some((number, "")) => format!("did you mean {number}? "),
            Some((number, name)) => format!("did you mean {number} {name}? "),
            None => String::new(),
        };
        format!("{number} is not on the roster; {guess}mark as walk-in? [y/N]")
    }

    fn ask_close(&self, class: u32, present: u32, expected: Option<u32>) -> String {
        format!("close class {class}? {} [y/N]", of(present, expected))
    }

    fn is_yes(&self, key: char) -> bool {
        matches!(key, 'y' | 'Y')
    }

    fn is_no(&self, key: char) -> bool {
        matches!(key, 'n' | 'N')
    }

    fn not_before_class(&self) -> String {
        "marking would show names to the class; press p first".into()
    }

    fn closed_already(&self) -> String {
        "the roll call is closed; nothing was changed".into()
    }

    fn stays_open(&self, class: u32) -> String {
        format!("the roll call of class {class} stays open; close it with 'close {class}'")
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
            Hint::Yes => "y",
            Hint::No => "n",
            Hint::Back => "Esc",
        }
        .into()
    }

    fn hint(&self, hint: Hint) -> String {
        match hint {
            Hint::Mark => "mark",
            Hint::Extend => "extend",
            Hint::Close => "close",
            Hint::Projector => "projector",
            Hint::Names => "names",
            Hint::Refresh => "refresh",
            Hint::Scroll => "scroll",
            Hint::Quit => "leave open",
            Hint::Leave => "leave",
            Hint::Take => "take",
            Hint::Choose => "choose",
            Hint::Yes => "yes",
            Hint::No => "no",
            Hint::Back => "back",
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::at;
    use super::*;

    #[test]
    fn hours_are_shown_where_there_are_any() {
        assert_eq!(English.left(TimeDelta::seconds(751)), "12:31 left");
        assert_eq!(English.left(TimeDelta::seconds(3_661)), "1:01:01 left");
        assert_eq!(English.left(TimeDelta::zero()), "0:00 left");
    }

    #[test]
    fn the_date_of_another_day_is_told() {
        assert_eq!(English.moment(at(5, 0), at(6, 0)), "13:05");
        assert_eq!(English.moment(at(5, 0), at(6, 0) + TimeDelta::days(1)), "2026-11-22 13:05");
    }

    #[test]
    fn every_hint_has_a_key_and_words() {
        for hint in Hint::ALL {
            assert!(!English.key(hint).is_empty() && !English.hint(hint).is_empty(), "{hint:?}");
        }
    }
}
