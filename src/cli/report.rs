//! `report`: how often each student of a class was there.

use std::collections::BTreeMap;
use std::io;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::client::CommandClient;
use super::export::RollCall;
use super::json::print_json;
use super::language::{Count, decimal, text};
use super::words::printed;
use crate::attendance::Tally;
use crate::ids::{ClassId, StudentNumber};

/// What is reported.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ReportFlags {
    /// The class.
    #[arg(allow_negative_numbers = true)]
    class: ClassId,
    /// Who was there for fewer of a hundred lessons is named.
    #[arg(long, value_name = "N", default_value_t = 75, allow_negative_numbers = true, value_parser = clap::value_parser!(u8).range(0..=100))]
    minimum: u8,
    /// How many lessons the course has in all: absences left are counted towards it.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    planned: Option<u32>,
}

/// A student: expected in closed roll calls on whose roster the student was, or that had none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    name: String,
    tally: Tally,
    /// The lessons of the roll calls without a roster on whose sheet the student is.
    without_roster: u32,
}

/// The percentage with one digit after the mark of this language.
pub(super) fn percent(tally: &Tally) -> String {
    decimal(tally.permille().map_or_else(|| "-".into(), |it| format!("{}.{}", it / 10, it % 10)))
}

/// A class over its closed roll calls.
#[derive(Debug, Default)]
pub(super) struct Report {
    roll_calls: usize,
    lessons: u32,
    /// By number.
    students: BTreeMap<StudentNumber, Row>,
    /// Who is on no roster of the class and answered, with how many lessons.
    walk_ins: BTreeMap<StudentNumber, u32>,
}

impl Report {
    pub(super) fn of(roll_calls: &[RollCall]) -> Self {
        let lessons = roll_calls.iter().map(|it| u32::from(it.lessons())).sum();
        let mut report = Self { roll_calls: roll_calls.len(), lessons, ..Self::default() };
        for it in roll_calls {
            report.count(it);
        }
        // Without a roster, whoever answers once is expected always.
        let without_roster: u32 =
            roll_calls.iter().filter(|it| !it.has_roster()).map(|it| u32::from(it.lessons())).sum();
        for row in report.students.values_mut() {
            let missed = without_roster.saturating_sub(row.without_roster);
            row.tally.of += missed;
            row.tally.absent += missed;
        }
        report
    }

    fn count(&mut self, it: &RollCall) {
        let lessons = u32::from(it.lessons());
        for entry in &it.entries {
            if !entry.listed {
                // Whom the teacher took back was not there.
                if entry.status.is_there() {
                    *self.walk_ins.entry(entry.student).or_default() += lessons;
                }
                continue;
            }
            let row = self.students.entry(entry.student).or_default();
            if let Some(name) = &entry.name {
                row.name = name.to_string();
            }
            row.tally.count(lessons, entry.status);
            row.without_roster += if it.has_roster() { 0 } else { lessons };
        }
    }

    /// In order of name, then number.
    fn sorted(&self) -> Vec<(StudentNumber, &Row)> {
        let mut rows: Vec<_> = self.students.iter().map(|(&number, row)| (number, row)).collect();
        rows.sort_by(|one, other| (&one.1.name, one.0).cmp(&(&other.1.name, other.0)));
        rows
    }
}

pub(super) fn report(mut client: CommandClient, flags: ReportFlags) -> Result<(), Exit> {
    let ReportFlags { class, minimum, planned } = flags;
    let roll_calls = client.closed_roll_calls(class, true, None)?;
    let report = Report::of(&roll_calls);
    if client.json() {
        return printed(print_lines(class, &report, minimum, planned));
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    printed(write_table(&mut out, class, &report, minimum, planned))
}

fn write_table(
    out: &mut impl io::Write,
    class: ClassId,
    report: &Report,
    minimum: u8,
    planned: Option<u32>,
) -> io::Result<()> {
    let roll_calls = text!("roll-calls-closed", count = Count(report.roll_calls));
    let lessons = text!("lessons", count = Count(report.lessons));
    writeln!(out, "{}", text!("report-heading", class, roll_calls, lessons))?;
    writeln!(
        out,
        "{:<16}  {:<28} {:>5} {:>5} {:>5} {:>5} {:>5} {:>7} {:>5}",
        text!("column-number"),
        text!("column-name"),
        text!("column-of"),
        text!("column-present"),
        text!("column-late"),
        text!("column-excused"),
        text!("column-absent"),
        "%",
        text!("column-left")
    )?;
    for (number, row) in report.sorted() {
        let Row { name, tally, .. } = row;
        let Tally { of, present, late, excused, absent, .. } = tally;
        let (percent, left) = (percent(tally), tally.left(minimum, planned));
        let below = if tally.is_below(minimum) {
            format!("  {}", text!("report-below", minimum))
        } else {
            String::new()
        };
        writeln!(
            out,
            "{number:<16}  {name:<28} {of:>5} {present:>5} {late:>5} {excused:>5} {absent:>5} {percent:>7} {left:>5}{below}"
        )?;
    }
    if !report.walk_ins.is_empty() {
        writeln!(out, "{}", text!("report-unlisted"))?;
        for (number, lessons) in &report.walk_ins {
            writeln!(out, "{number:<16}  {lessons}")?;
        }
    }
    out.flush()
}

fn print_lines(
    class: ClassId,
    report: &Report,
    minimum: u8,
    planned: Option<u32>,
) -> io::Result<()> {
    for (number, row) in report.sorted() {
        print_json(&ReportLine {
            class: class.get(),
            student: number.as_str(),
            name: Some(row.name.as_str()).filter(|it| !it.is_empty()),
            roll_calls: report.roll_calls,
            tally: TallyFields::of(&row.tally, minimum, planned),
            walk_in: false,
        })?;
    }
    for (number, &lessons) in &report.walk_ins {
        print_json(&ReportLine {
            class: class.get(),
            student: number.as_str(),
            name: None,
            roll_calls: report.roll_calls,
            tally: TallyFields { present: lessons, ..TallyFields::default() },
            walk_in: true,
        })?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ReportLine<'a> {
    class: u32,
    student: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    roll_calls: usize,
    #[serde(flatten)]
    tally: TallyFields,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    walk_in: bool,
}

/// How often a student was there, as programs read it.
#[derive(Default, Serialize)]
pub(super) struct TallyFields {
    of: u32,
    present: u32,
    late: u32,
    excused: u32,
    absent: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
    absences_left: i64,
    below_minimum: bool,
}

impl TallyFields {
    pub(super) fn of(tally: &Tally, minimum: u8, planned: Option<u32>) -> Self {
        let &Tally { of, present, late, excused, absent, .. } = tally;
        Self {
            of,
            present,
            late,
            excused,
            absent,
            percent: tally.permille().map(|it| f64::from(it) / 10.0),
            absences_left: tally.left(minimum, planned),
            below_minimum: tally.is_below(minimum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attendance::Status;
    use crate::cli::export::tests::{roll_call, student};

    fn row(report: &Report, number: &str) -> Row {
        report.students[&student(number)].clone()
    }

    #[test]
    fn nobody_has_more_presences_than_lessons_and_the_denominator_is_the_closed_ones() {
        let roster = [("10", "Ana"), ("20", "Rui")];
        let report = Report::of(&[
            roll_call(1, 1, &roster[..1], &[("10", 1), ("99", 1)], &[]),
            roll_call(2, 3, &roster, &[("10", 20)], &[("20", Status::Excused)]),
        ]);
        assert_eq!((report.roll_calls, report.lessons), (2, 4));
        let ana = row(&report, "10");
        assert_eq!(
            (ana.tally.of, ana.tally.present, ana.tally.late, ana.tally.permille()),
            (4, 1, 3, Some(1_000))
        );
        let rui = row(&report, "20");
        assert_eq!(
            (rui.tally.of, rui.tally.excused, rui.tally.permille()),
            (3, 3, Some(0)),
            "counted from when he came"
        );
        assert!(rui.tally.is_below(75) && !ana.tally.is_below(75));
        assert_eq!(report.walk_ins[&student("99")], 1);
        for row in report.students.values() {
            assert_eq!(
                row.tally.present + row.tally.late + row.tally.excused + row.tally.absent,
                row.tally.of,
                "never 13 of 12"
            );
        }
    }

    #[test]
    fn absences_left_count_towards_what_is_planned() {
        let roster = [("10", "Ana")];
        let absent = |number| roll_call(number, 2, &roster, &[], &[]);
        let report = Report::of(&[absent(1), absent(2)]);
        let ana = row(&report, "10");
        assert_eq!(ana.tally.left(75, None), -3, "one lesson of four may be missed");
        assert_eq!(ana.tally.left(75, Some(60)), 11, "fifteen of sixty");
        assert_eq!(ana.tally.left(74, Some(60)), 11);
        assert_eq!(ana.tally.left(0, Some(60)), 56);
    }

    #[test]
    fn two_hundred_roll_calls_of_three_hundred_are_reported() {
        let names: Vec<_> = (0..300).map(|it| format!("{it:05}")).collect();
        let roster: Vec<_> = names.iter().map(|it| (it.as_str(), "Ana")).collect();
        let answered: Vec<_> = names.iter().step_by(2).map(|it| (it.as_str(), 1)).collect();
        let calls: Vec<_> = (1..=200).map(|it| roll_call(it, 1, &roster, &answered, &[])).collect();
        let report = Report::of(&calls);
        assert_eq!(row(&report, "00000").tally.permille(), Some(1_000));
        assert_eq!(row(&report, "00001").tally.permille(), Some(0));
    }
}
