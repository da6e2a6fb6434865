//! Tables of text: RFC 4180, with a byte order mark, because without it Excel shows accents as two letters.

use std::collections::BTreeMap;
use std::io;

use super::{RollCall, inert, letter};
use crate::attendance::{Line, Status};
use crate::cli::local_time::LocalTime as _;
use crate::ids::StudentNumber;
use crate::roll::SheetEntry;
use crate::time::WallTime;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The columns of the long table.
pub(super) const LONG: [&str; 17] = [
    "class",
    "title",
    "number",
    "revision",
    "lessons",
    "opened_at",
    "closed_at",
    "student",
    "name",
    "group",
    "status",
    "listed",
    "at",
    "pressed_at",
    "by",
    "reason",
    "flags",
];

fn writer() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.to_vec())
}

fn finish(writer: csv::Writer<Vec<u8>>) -> io::Result<Vec<u8>> {
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// A row for each student and roll call.
pub(super) fn long(roll_calls: &[RollCall]) -> io::Result<Vec<u8>> {
    let mut table = writer();
    table.write_record(LONG)?;
    for it in roll_calls {
        for entry in &it.entries {
            table.write_record(long_row(it, entry).map(|cell| inert(&cell)))?;
        }
    }
    finish(table)
}

/// What the long table says of a student on a roll call, as it was typed.
pub(super) fn long_row(it: &RollCall, entry: &SheetEntry) -> [String; 17] {
    let time = |at: Option<WallTime>| at.map(|at| at.local().to_rfc3339()).unwrap_or_default();
    [
        it.info.class.to_string(),
        it.title().into(),
        it.info.number.to_string(),
        it.sheet.revision().to_string(),
        it.lessons().to_string(),
        it.opened_at().to_rfc3339(),
        it.closed_at().to_rfc3339(),
        entry.student.to_string(),
        entry.name.as_ref().map_or("", Line::as_str).into(),
        entry.group.as_ref().map_or("", Line::as_str).into(),
        entry.status.name().into(),
        if entry.listed { "yes" } else { "no" }.into(),
        time(entry.at),
        time(entry.pressed_at),
        entry.by.map(|by| by.to_string()).unwrap_or_default(),
        entry.reason.as_ref().map_or("", Line::as_str).into(),
        entry.flags().collect::<Vec<_>>().join(" "),
    ]
}

/// A student in the wide table.
#[derive(Default)]
pub(super) struct Student {
    pub(super) name: String,
    pub(super) group: String,
    /// What the student was on each roll call, by its place.
    pub(super) statuses: BTreeMap<usize, Status>,
}

/// Everybody who is on one of them, by name and number.
pub(super) fn students(roll_calls: &[RollCall]) -> Vec<(StudentNumber, Student)> {
    let mut found: BTreeMap<StudentNumber, Student> = BTreeMap::new();
    for (place, it) in roll_calls.iter().enumerate() {
        for entry in &it.entries {
            let student = found.entry(entry.student).or_default();
            student.statuses.insert(place, entry.status);
            // As the last roster has it.
            if let Some(name) = &entry.name {
                student.name = name.to_string();
                student.group = entry.group.as_ref().map(ToString::to_string).unwrap_or_default();
            }
        }
    }
    let mut students: Vec<_> = found.into_iter().collect();
    students.sort_by(|one, other| (&one.1.name, one.0).cmp(&(&other.1.name, other.0)));
    students
}

/// The columns that count.
pub(super) const COUNTS: [&str; 4] = ["present", "late", "excused", "absent"];

/// How often a student was what the columns count, in lessons.
pub(super) fn counts(roll_calls: &[RollCall], student: &Student) -> [u32; 4] {
    let of = |is: fn(Status) -> bool| {
        let those = student.statuses.iter().filter(|it| is(*it.1));
        those.map(|it| u32::from(roll_calls[*it.0].lessons())).sum()
    };
    [
        of(|it| it == Status::Present),
        of(|it| it == Status::Late),
        of(|it| it == Status::Excused),
        of(|it| matches!(it, Status::Absent | Status::Left)),
    ]
}

/// The title of the column of a roll call.
pub(super) fn column(it: &RollCall) -> String {
    format!("{} #{}", it.opened_at().format("%Y-%m-%d %H:%M"), it.info.number)
}

/// A row for each student, a column for each roll call: P, L, E, A, X for who left; nothing where the student
/// was not expected and did not answer. The counts are in lessons.
pub(super) fn wide(roll_calls: &[RollCall]) -> io::Result<Vec<u8>> {
    let mut table = writer();
    let titles = ["student", "name", "group"].map(str::to_owned).into_iter();
    let counted = COUNTS.map(str::to_owned);
    table.write_record(titles.chain(roll_calls.iter().map(column)).chain(counted))?;
    for (number, student) in students(roll_calls) {
        let status =
            |place: usize| student.statuses.get(&place).map_or("", |it| letter(*it)).to_owned();
        let who = [inert(number.as_str()), inert(&student.name), inert(&student.group)];
        let statuses = (0..roll_calls.len()).map(status);
        let counts = counts(roll_calls, &student).map(|it| it.to_string());
        table.write_record(who.into_iter().chain(statuses).chain(counts))?;
    }
    finish(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::export::tests::{lesson, roll_call};

    fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
        assert!(bytes.starts_with(BYTE_ORDER_MARK), "Excel reads it as UTF-8");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[3..]);
        reader.records().map(|it| it.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn the_long_table_has_a_row_for_everybody_with_absences_and_offsets() {
        let rows = rows(&long(&[lesson()]).unwrap());
        assert_eq!(rows[0], LONG);
        let brief: Vec<_> =
            rows[1..].iter().map(|it| [7, 8, 10, 11].map(|at| it[at].as_str())).collect();
        assert_eq!(
            brief,
            [
                ["042191010", "Ana Silva", "present", "yes"],
                ["20", "João", "late", "yes"],
                ["99", "", "present", "no"],
                ["30", "Eva", "excused", "yes"],
                ["10", "'=HYPERLINK(1)", "absent", "yes"],
            ]
        );
        let offset = &rows[1][12][19..];
        assert!(
            offset.starts_with('+') || offset.starts_with('-'),
            "ISO 8601 with offset: {}",
            rows[1][12]
        );
        assert_eq!(
            (&*rows[1][16], &*rows[4][14], &*rows[4][15]),
            ("delayed", "Ana Silva", "a note")
        );
    }

    #[test]
    fn the_wide_table_counts_lessons_and_leaves_out_when_nobody_was_expected() {
        let roster = [("10", "Ana"), ("20", "Rui")];
        let first = roll_call(1, 1, &roster[..1], &[("10", 1)], &[]);
        let second = roll_call(2, 3, &roster, &[("10", 20)], &[]);
        let rows = rows(&wide(&[first, second]).unwrap());
        assert!(rows[0][3].ends_with(" #1") && rows[0][4].ends_with(" #2"), "{:?}", rows[0]);
        assert_eq!(rows[1], ["10", "Ana", "", "P", "L", "1", "3", "0", "0"]);
        assert_eq!(rows[2], ["20", "Rui", "", "", "A", "0", "0", "0", "3"]);
    }
}
