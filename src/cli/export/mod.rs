//! `export`: closed roll calls as files for other programs.
//!
//! Each format is made of the same values ([`RollCall`]) and knows nothing of a server. No cell can become a
//! formula; every file is written whole or not at all.

mod moodle;
mod table;
mod xlsx;

use std::io::{self, Write as _};
use std::path::PathBuf;

use chrono::{DateTime, Local};
use clap::{Args, ValueEnum};

use moodle::Acronyms;

use super::Exit;
use super::client::{CommandClient, local_clock};
use super::json::{RefusedLine, print_json};
use super::language::{Count, text};
use super::local_time::LocalTime as _;
use super::sheet::SheetLine;
use super::words::{complain, failed, failed_by, printed, remark};
use super::write_file::{check_place, write_file};
use crate::attendance::Status;
use crate::exchange::SheetInfo;
use crate::ids::{ClassId, RollCallNumber};
use crate::roll::{Sheet, SheetEntry};

/// What is exported, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct ExportFlags {
    /// The class.
    #[arg(allow_negative_numbers = true)]
    class: ClassId,
    /// 'csv' has a row for each student and roll call, 'wide' a column for each roll call, 'json' an object for
    /// each; 'xlsx' is a workbook with both tables; 'moodle' is what its import of attendance takes.
    #[arg(long, value_name = "F")]
    format: Format,
    /// Where to write it. Without it: standard output; for 'xlsx' a file is needed.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The acronyms that the activity in Moodle has for present, late, excused and absent. Without it: P,L,E,A.
    #[arg(long, value_name = "LIST")]
    acronyms: Option<Acronyms>,
    /// All closed roll calls of the class; without it, only the last one.
    #[arg(long, conflicts_with = "number")]
    all: bool,
    /// The roll call with this number, as 'history' shows it.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    number: Option<RollCallNumber>,
    /// Replace a file that is there already.
    #[arg(long)]
    force: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Wide,
    Json,
    Xlsx,
    Moodle,
}

/// A closed roll call.
pub(super) struct RollCall {
    pub(super) info: SheetInfo,
    pub(super) sheet: Sheet,
    pub(super) entries: Vec<SheetEntry>,
}

impl RollCall {
    pub(super) fn new(info: SheetInfo, sheet: Sheet) -> Self {
        let entries = sheet.entries();
        Self { info, sheet, entries }
    }

    /// What it is called.
    pub(super) fn title(&self) -> &str {
        let supplement = self.sheet.supplement.as_ref();
        supplement.and_then(|it| it.plan.title.as_ref()).map_or("", |it| it.as_str())
    }

    /// How many lessons it counts for.
    pub(super) fn lessons(&self) -> u8 {
        self.sheet.supplement.as_ref().map_or(1, |it| it.plan.lessons)
    }

    /// Whether the class had a roster then.
    pub(super) fn has_roster(&self) -> bool {
        self.sheet.supplement.as_ref().is_some_and(|it| it.roster.is_some())
    }

    pub(super) fn opened_at(&self) -> DateTime<Local> {
        self.sheet.opened_at.local()
    }

    pub(super) fn closed_at(&self) -> DateTime<Local> {
        self.sheet.closed_at.local()
    }
}

/// The letter of a status, as Moodle has it; X is its own.
fn letter(status: Status) -> &'static str {
    match status {
        Status::Present => "P",
        Status::Late => "L",
        Status::Excused => "E",
        Status::Absent => "A",
        Status::Left => "X",
    }
}

/// A text that no spreadsheet takes for a formula, nor a part of it where another sign ends a cell: half of the
/// world's Excel takes a semicolon for that (OWASP, "CSV Injection").
pub(super) fn inert(text: &str) -> String {
    let mut inert = String::with_capacity(text.len() + 1);
    let mut begins_cell = true;
    for character in text.chars() {
        if begins_cell && matches!(character, '=' | '+' | '-' | '@' | '\t' | '\r') {
            inert.push('\'');
        }
        // Quotation marks around a cell are not of it.
        begins_cell = matches!(character, ',' | ';' | '\t') || (begins_cell && character == '"');
        inert.push(character);
    }
    inert
}

/// Exports, and tells of it.
pub(super) fn export(mut client: CommandClient, flags: &ExportFlags) -> Result<(), Exit> {
    let &ExportFlags { class, format, ref output, ref acronyms, all, number, force } = flags;
    if format != Format::Moodle && acronyms.is_some() {
        complain(text!("export-acronyms-format"));
        return Err(Exit::Usage);
    }
    if format == Format::Xlsx && output.is_none() {
        complain(text!("export-workbook"));
        return Err(Exit::Usage);
    }
    if format == Format::Moodle && all {
        complain(text!("export-moodle-all"));
        return Err(Exit::Usage);
    }
    // Before anything is fetched.
    if let Some(path) = output {
        check_place(path, force).map_err(failed_by)?;
    }
    let roll_calls = client.closed_roll_calls(class, all, number)?;
    let bytes = match format {
        Format::Csv => table::long(&roll_calls),
        Format::Wide => table::wide(&roll_calls),
        Format::Json => json(&roll_calls),
        Format::Xlsx => xlsx::workbook(&roll_calls),
        Format::Moodle => moodle::session(&roll_calls[0], &acronyms.clone().unwrap_or_default()),
    };
    let bytes = bytes.map_err(failed)?;
    let Some(path) = output else { return printed(io::stdout().write_all(&bytes)) };
    write_file(path, &bytes, force).map_err(failed_by)?;
    if client.json() {
        return Ok(());
    }
    let (count, path) = (roll_calls.len(), path.display());
    let said = match &roll_calls[..] {
        [only] => {
            let (number, at) = (only.info.number, only.sheet.closed_at.to_local());
            text!("exported-one", number, class, at, path)
        }
        _ => text!("exported", count = Count(count), class, path),
    };
    printed(writeln!(io::stdout(), "{said}"))?;
    if format == Format::Moodle {
        tell_left_out(&roll_calls[0]);
    }
    Ok(())
}

/// Names who answered and is not in a file for Moodle.
fn tell_left_out(it: &RollCall) {
    let left_out = it.entries.iter().filter(|entry| !entry.listed && entry.status.is_there());
    let students: Vec<_> = left_out.map(|entry| entry.student.to_string()).collect();
    if !students.is_empty() {
        remark(text!("export-moodle-unlisted", students = students.join(" ")));
    }
}

/// An object a line for each roll call.
fn json(roll_calls: &[RollCall]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for it in roll_calls {
        serde_json::to_writer(&mut bytes, &SheetLine::new(&it.sheet, it.info.number, 0))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

impl CommandClient {
    /// Closed roll calls of a class, the first one first: all, one, or the last one. When there is none, the
    /// person has been told.
    pub(super) fn closed_roll_calls(
        &mut self,
        class: ClassId,
        all: bool,
        number: Option<RollCallNumber>,
    ) -> Result<Vec<RollCall>, Exit> {
        let from = number.unwrap_or(RollCallNumber::MAX);
        let mut found = 0;
        let (mut infos, attempts) = self.list_sheets(class, from, &mut |info| {
            found += 1;
            all || (found == 1 && number.is_none_or(|number| info.number == number))
        })?;
        if infos.is_empty() {
            if self.json() {
                let line = RefusedLine::new(class, "no_sheet", local_clock(), attempts);
                printed(print_json(&line))?;
            }
            complain(match number {
                Some(number) => text!("export-no-number", class, number),
                None => text!("export-none", class),
            });
            return Err(Exit::Refused);
        }
        infos.reverse();
        let fetch = |info: SheetInfo| {
            let (sheet, _) = self.fetch_sheet(&info)?;
            Ok(RollCall::new(info, sheet))
        };
        infos.into_iter().map(fetch).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::attendance::{Change, Listed, Plan, TrailEntry};
    use crate::ids::StudentNumber;
    use crate::roll::{Mark, Pressed, Standing, Supplement};
    use crate::time::WallTime;

    pub(in crate::cli) fn student(number: &str) -> StudentNumber {
        number.parse().unwrap()
    }

    /// A roll call of a class of these students, of whom these answered, at such a minute of the lesson.
    pub(in crate::cli) fn roll_call(
        number: u32,
        lessons: u8,
        roster: &[(&str, &str)],
        answered: &[(&str, u64)],
        standings: &[(&str, Status)],
    ) -> RollCall {
        let opened_at = WallTime::from_millis(1_795_000_000_000 + u64::from(number) * 86_400_000);
        let minute = |it: u64| opened_at.after(std::time::Duration::from_secs(it * 60));
        let plan = Plan { lessons, late_after_s: Some(600), ..Plan::default() };
        let mut standings: Vec<_> = standings
            .iter()
            .map(|&(it, status)| Standing { student: student(it), status })
            .collect();
        standings.sort_by_key(|it| it.student);
        let trail = standings.iter().map(|it| TrailEntry {
            at: minute(60),
            by: Some("Ana Silva".parse().unwrap()),
            change: Change::Corrected { student: it.student, was: None, is: it.status },
            reason: Some("a note".parse().unwrap()),
        });
        let listed = |&(number, name): &(&str, &str)| Listed {
            student: student(number),
            name: name.parse().unwrap(),
            group: None,
        };
        let mut roster: Vec<_> = roster.iter().map(listed).collect();
        roster.sort_by_key(|it| it.student);
        let supplement = Supplement {
            revision: 2,
            plan,
            closes_at: None,
            late_at: Some(minute(10)),
            // The first answer was delayed, if it came in time.
            pressed: answered
                .first()
                .filter(|it| it.1 < 10)
                .map(|_| Pressed { place: 0, at: minute(0) })
                .into_iter()
                .collect(),
            trail: trail.collect(),
            standings,
            roster: Some(roster),
        };
        let sheet = Sheet {
            class: ClassId::new(3030).unwrap(),
            opened_at,
            closed_at: minute(90),
            marks: answered
                .iter()
                .map(|&(it, at)| Mark { student: student(it), at: minute(at) })
                .collect(),
            remarks: vec![],
            supplement: Some(Arc::new(supplement)),
        };
        RollCall::new(sheet.info(RollCallNumber::new(number).unwrap()), sheet)
    }

    pub(in crate::cli) fn lesson() -> RollCall {
        let roster =
            [("042191010", "Ana Silva"), ("10", "=HYPERLINK(1)"), ("20", "João"), ("30", "Eva")];
        roll_call(
            7,
            2,
            &roster,
            &[("042191010", 1), ("20", 15), ("99", 2)],
            &[("30", Status::Excused)],
        )
    }

    #[test]
    fn no_cell_begins_as_a_formula() {
        for text in ["=1", "+1", "-1", "@x", "\r=1"] {
            assert_eq!(inert(text), format!("'{text}"));
        }
        // A tab ends a cell too.
        assert_eq!(inert("\t=1"), "'\t'=1");
        assert_eq!(inert("042191010"), "042191010");
        assert_eq!(inert("ill;=1+1,-2"), "ill;'=1+1,'-2");
        assert_eq!(inert("ill;\"=1\""), "ill;\"'=1\"");
        assert_eq!(inert("Ana-Maria = 1"), "Ana-Maria = 1");
        for table in [table::long(&[lesson()]), table::wide(&[lesson()])] {
            let bytes = table.unwrap();
            let mut reader = csv::Reader::from_reader(&bytes[3..]);
            for record in reader.records() {
                let is_formula = |it: &str| it.starts_with(['=', '+', '-', '@']);
                assert!(!record.unwrap().iter().any(is_formula));
            }
        }
    }

    #[test]
    fn json_has_everybody_and_times_in_utc() {
        let bytes = json(&[lesson()]).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["students"], serde_json::json!(["042191010", "20", "99"]));
        let statuses: Vec<_> = read["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses, ["present", "late", "present", "excused", "absent"]);
        assert_eq!(read["entries"][3]["by"], "Ana Silva");
        assert_eq!(read["entries"][2]["walk_in"], true);
        assert!(read["opened_at"].as_str().unwrap().ends_with('Z'));
    }
}
