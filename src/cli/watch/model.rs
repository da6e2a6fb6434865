//! What is known of an open roll call, as a plain value.
//!
//! It has no clock: [`Watched::now`] is the time for which all the rest is true. Texts are as they came from the
//! network; the screen makes them safe.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset, TimeDelta};

use crate::attendance::Status;

/// How long a code of the room lives.
pub(crate) const CODE_LIFE_MS: u16 = 15_000;

/// What was remarked without making anybody look twice.
const HARMLESS_FLAGS: [&str; 2] = ["by_teacher", "called_present"];

/// A roll call as it is known at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    /// The class.
    pub(crate) class: u32,
    /// What the roll call is about.
    pub(crate) title: Option<String>,
    /// The time of this picture, in the reader's time zone.
    pub(crate) now: DateTime<FixedOffset>,
    /// Since when the roll call is open.
    pub(crate) opened_at: DateTime<FixedOffset>,
    /// From when on who answers is late.
    pub(crate) late_at: Option<DateTime<FixedOffset>>,
    /// When it closes by itself.
    pub(crate) closes_at: Option<DateTime<FixedOffset>>,
    /// When it was closed, by whomever.
    pub(crate) closed_at: Option<DateTime<FixedOffset>>,
    /// How many are there, those who came late among them.
    pub(crate) present: u32,
    /// How many of them are late.
    pub(crate) late: u32,
    /// Size of the roster.
    pub(crate) expected: Option<u32>,
    /// Who has answered or was marked, oldest first.
    pub(crate) arrivals: Vec<Arrival>,
    /// Who is expected, in the order in which they are shown. Empty if the names are not known.
    pub(crate) roster: Vec<Listed>,
    /// How many wrong codes were tried.
    pub(crate) wrong_codes: u32,
    /// How many arrivals have a flag that makes one look twice.
    pub(crate) flagged: u32,
    /// The code of the room, if the roll call has one.
    pub(crate) room: Option<Room>,
    /// The link behind the QR code. The whole class sees it, so it holds no invite.
    pub(crate) join_link: Option<String>,
    /// Whether the server answers.
    pub(crate) link: Link,
}

/// A student who answered or was marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The student number.
    pub(crate) number: String,
    /// The name, if the roster has it.
    pub(crate) name: Option<String>,
    /// When it was recorded.
    pub(crate) at: DateTime<FixedOffset>,
    /// What the student is.
    pub(crate) status: Status,
    /// What was remarked, by the names of the protocol.
    pub(crate) flags: Vec<&'static str>,
    /// Whether the student is on the roster.
    pub(crate) listed: bool,
}

impl Arrival {
    /// Whether a flag makes one look twice.
    #[must_use]
    pub(crate) fn is_flagged(&self) -> bool {
        self.flags.iter().any(|flag| !HARMLESS_FLAGS.contains(flag))
    }
}

/// A student of the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The student number.
    pub(crate) number: String,
    /// The name; may be empty.
    pub(crate) name: String,
}

/// The code of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Six digits.
    pub(crate) code: String,
    /// How long it is still accepted; 0 once it is not.
    pub(crate) left_ms: u16,
}

/// Whether the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It does.
    Connected,
    /// It does not, and what is shown is from then.
    Silent {
        /// When it answered last.
        since: DateTime<FixedOffset>,
    },
    /// It answers, and refuses to tell.
    Refused {
        /// The reason, as people read it.
        why: String,
    },
}

impl Watched {
    /// Who of the roster has not come, and what they are if it was recorded, in the order of the roster.
    #[must_use]
    pub(crate) fn missing(&self) -> Vec<(&Listed, Option<Status>)> {
        let statuses: HashMap<&str, Status> =
            self.arrivals.iter().map(|it| (it.number.as_str(), it.status)).collect();
        self.roster
            .iter()
            .map(|listed| (listed, statuses.get(listed.number.as_str()).copied()))
            .filter(|(_, status)| !status.is_some_and(Status::has_come))
            .collect()
    }

    /// The record of a student, if there is one.
    #[must_use]
    pub(crate) fn arrival(&self, number: &str) -> Option<&Arrival> {
        self.arrivals.iter().rev().find(|it| it.number == number)
    }

    /// Whether marks and extensions make sense.
    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// How long until it closes by itself; zero once it is due.
    #[must_use]
    pub(crate) fn left(&self) -> Option<TimeDelta> {
        self.closes_at.map(|at| (at - self.now).max(TimeDelta::zero()))
    }

    /// How many of a hundred expected are present; walk-ins do not make it more than all.
    pub(crate) fn percent(&self) -> Option<u32> {
        let expected = u64::from(self.expected?.max(1));
        let percent = u64::from(self.present) * 100 / expected;
        Some(u32::try_from(percent.min(100)).expect("at most 100"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(minute: u32, second: u32) -> DateTime<FixedOffset> {
        let text = format!("2026-11-22T13:{minute:02}:{second:02}-03:00");
        DateTime::parse_from_rfc3339(&text).unwrap()
    }

    fn listed(number: &str, name: &str) -> Listed {
        Listed { number: number.into(), name: name.into() }
    }

    pub(crate) fn arrival(number: &str, status: Status) -> Arrival {
        Arrival {
            number: number.into(),
            name: None,
            at: at(6, 0),
            status,
            flags: vec![],
            listed: true,
        }
    }

    pub(crate) fn watched() -> Watched {
        Watched {
            class: 3030,
            title: None,
            now: at(18, 0),
            opened_at: at(5, 0),
            late_at: None,
            closes_at: Some(at(50, 0)),
            closed_at: None,
            present: 38,
            late: 3,
            expected: Some(40),
            arrivals: vec![],
            roster: vec![listed("01", "Ana"), listed("02", "Bia"), listed("03", "Caio")],
            wrong_codes: 0,
            flagged: 0,
            room: None,
            join_link: None,
            link: Link::Connected,
        }
    }

    #[test]
    fn missing_is_who_has_not_come_whatever_was_recorded() {
        let mut watched = watched();
        assert_eq!(watched.missing().len(), 3);
        watched.arrivals = vec![
            arrival("02", Status::Excused),
            arrival("01", Status::Left),
            arrival("77", Status::Present),
        ];
        let missing: Vec<_> = watched
            .missing()
            .into_iter()
            .map(|(it, status)| (it.number.as_str(), status))
            .collect();
        assert_eq!(missing, [("02", Some(Status::Excused)), ("03", None)]);
    }

    #[test]
    fn walk_ins_do_not_make_more_than_all() {
        let mut watched = watched();
        assert_eq!(watched.percent(), Some(95));
        watched.present = u32::MAX;
        assert_eq!(watched.percent(), Some(100));
        watched.expected = Some(0);
        assert_eq!(watched.percent(), Some(100));
    }
}
