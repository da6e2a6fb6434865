//! What Moodle's import of attendance takes (`mod_attendance`, "Import attendance marks"): the headers that its
//! form looks for, one row a student, the usual letters of its statuses.

use std::io;

use super::{RollCall, inert, letter};
use crate::attendance::Status;
use crate::cli::language::text;
use crate::cli::write_file::not_made;

/// One session. Who is on no roster of the class is not in Moodle's course either.
pub(super) fn session(it: &RollCall) -> io::Result<Vec<u8>> {
    let mut table =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    table.write_record(["idnumber", "status"])?;
    for entry in it.entries.iter().filter(|entry| entry.listed) {
        let number = entry.student.as_str();
        // A quote in front would make another number of it.
        if inert(number) != number {
            return Err(not_made(text!("export-formula", number)));
        }
        let status = match entry.status {
            // Moodle has no letter for it: the student was not there to the end.
            Status::Left => "A",
            other => letter(other),
        };
        table.write_record([number, status])?;
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
        let text = String::from_utf8(session(&lesson()).unwrap()).unwrap();
        assert_eq!(text, "idnumber,status\r\n042191010,P\r\n20,L\r\n30,E\r\n10,A\r\n");
        let students: Vec<_> =
            text.lines().skip(1).map(|it| it.split(',').next().unwrap()).collect();
        let distinct: BTreeSet<_> = students.iter().collect();
        assert_eq!(distinct.len(), students.len(), "duplicates are refused");
    }

    #[test]
    fn a_number_that_cannot_be_handed_on_is_named() {
        let odd = roll_call(1, 1, &[("-10", "Ana")], &[], &[]);
        assert!(session(&odd).unwrap_err().to_string().contains("the number -10"));
    }
}
