//! What Moodle's import of attendance takes (`mod_attendance`, "Import attendance marks"): the headers that its
//! form looks for, one row a student, the usual letters of its statuses.

use std::io;
use std::str::FromStr;

use super::{RollCall, inert};
use crate::attendance::Status;
use crate::cli::language::text;
use crate::cli::write_file::not_made;

/// What the statuses of an activity are called, which differs with the language of the Moodle that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Acronyms {
    present: String,
    late: String,
    excused: String,
    absent: String,
}

/// Moodle's own bound.
const ACRONYM_MAX_CHARACTERS: usize = 2;

impl Default for Acronyms {
    /// Those of English.
    fn default() -> Self {
        let [present, late, excused, absent] = ["P", "L", "E", "A"].map(str::to_owned);
        Self { present, late, excused, absent }
    }
}

impl FromStr for Acronyms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_one = |it: &String| {
            let length = it.chars().count();
            (1..=ACRONYM_MAX_CHARACTERS).contains(&length) && it.chars().all(char::is_alphanumeric)
        };
        let acronyms: Vec<_> = text.split(',').map(|it| it.trim().to_owned()).collect();
        match <[String; 4]>::try_from(acronyms) {
            Ok(acronyms) if acronyms.iter().all(is_one) => {
                let [present, late, excused, absent] = acronyms;
                Ok(Self { present, late, excused, absent })
            }
            _ => Err(text!("export-acronyms-form")),
        }
    }
}

impl Acronyms {
    fn of(&self, status: Status) -> &str {
        match status {
            Status::Present => &self.present,
            Status::Late => &self.late,
            Status::Excused => &self.excused,
            // Moodle has no status for who left: the student was not there to the end.
            Status::Absent | Status::Left => &self.absent,
        }
    }
}

/// One session. Who is on no roster of the class is not in Moodle's course either.
pub(super) fn session(it: &RollCall, acronyms: &Acronyms) -> io::Result<Vec<u8>> {
    let mut table =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    table.write_record(["idnumber", "status"])?;
    for entry in it.entries.iter().filter(|entry| entry.listed) {
        let number = entry.student.as_str();
        // A quote in front would make another number of it.
        if inert(number) != number {
            return Err(not_made(text!("export-formula", number)));
        }
        table.write_record([number, acronyms.of(entry.status)])?;
    }
    table.into_inner().map_err(csv::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::export::tests::{lesson, roll_call};

    #[test]
    fn the_file_keeps_moodles_rules() {
        let text = String::from_utf8(session(&lesson(), &Acronyms::default()).unwrap()).unwrap();
        assert_eq!(text, "idnumber,status\r\n042191010,P\r\n20,L\r\n30,E\r\n10,A\r\n");
        let students: Vec<_> =
            text.lines().skip(1).map(|it| it.split(',').next().unwrap()).collect();
        let distinct: BTreeSet<_> = students.iter().collect();
        assert_eq!(distinct.len(), students.len(), "duplicates are refused");
    }

    #[test]
    fn the_acronyms_are_those_of_the_activity() {
        let acronyms = "Pr,At,Di,Au".parse().unwrap();
        let text = String::from_utf8(session(&lesson(), &acronyms).unwrap()).unwrap();
        assert_eq!(text, "idnumber,status\r\n042191010,Pr\r\n20,At\r\n30,Di\r\n10,Au\r\n");
        assert_eq!("P, L, E, A".parse(), Ok(Acronyms::default()));
        for wrong in ["", "P", "P,L,E", "P,L,E,A,X", "P,,E,A", "Pre,L,E,A", "=P,L,E,A", "P;L;E;A"] {
            assert!(wrong.parse::<Acronyms>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_that_cannot_be_handed_on_is_named() {
        let odd = roll_call(1, 1, &[("-10", "Ana")], &[], &[]);
        assert!(
            session(&odd, &Acronyms::default()).unwrap_err().to_string().contains("the number -10")
        );
    }
}
