//! A closed sheet, as people and programs read it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::explain::status_in_words;
use super::language::{Count, text};
use super::likeness::nearest;
use super::local_time::LocalTime as _;
use super::room::words;
use crate::access::Remarks;
use crate::attendance::{Change, Status, StudentName, TrailEntry};
use crate::exchange::{Revision, SheetInfo};
use crate::ids::{RollCallNumber, StudentNumber};
use crate::roll::{Sheet, SheetEntry};

/// Writes a sheet for people, under a heading without its end.
pub(super) fn write_sheet(out: &mut impl Write, sheet: &Sheet, heading: &str) -> io::Result<()> {
    let entries = sheet.entries();
    let end = if entries.is_empty() { "." } else { ":" };
    writeln!(out, "{heading}. {}{end}", counts(&entries, sheet))?;
    let (there, others): (Vec<_>, Vec<_>) =
        entries.iter().filter(|it| it.listed).partition(|it| it.status.is_there());
    write_entries(out, there.into_iter(), Status::Present)?;
    for status in [Status::Excused, Status::Left, Status::Absent] {
        let of_status: Vec<_> = others.iter().copied().filter(|it| it.status == status).collect();
        if !of_status.is_empty() {
            writeln!(out, "{}", title(status, of_status.len()))?;
            write_entries(out, of_status.into_iter(), status)?;
        }
    }
    let walk_ins: Vec<_> = entries.iter().filter(|it| is_walk_in(it)).collect();
    if !walk_ins.is_empty() {
        writeln!(out, "{}", text!("title-unlisted", count = Count(walk_ins.len())))?;
        write_entries(out, walk_ins.iter().copied(), Status::Present)?;
        let roster =
            sheet.supplement.as_ref().and_then(|it| it.roster.as_deref()).unwrap_or_default();
        for it in walk_ins {
            if let Some(meant) = nearest(it.student.as_str(), roster) {
                let (typed, student, name) = (it.student, meant.student, &meant.name);
                writeln!(out, "      {}", text!("sheet-may-be", typed, student, name))?;
            }
        }
    }
    write_trail(out, sheet, &entries)
}

/// Whether a student answered who is not on the roster. Whom the teacher took back is only in the trail.
fn is_walk_in(entry: &SheetEntry) -> bool {
    !entry.listed && entry.status != Status::Absent
}

/// What stands above those who were not there, or not until the end.
fn title(status: Status, count: usize) -> String {
    match status {
        Status::Excused => text!("title-excused", count = Count(count)),
        Status::Left => text!("title-left", count = Count(count)),
        _ => text!("title-absent", count = Count(count)),
    }
}

/// How many of which status, in a sentence without its end.
fn counts(entries: &[SheetEntry], sheet: &Sheet) -> String {
    let Some(supplement) = &sheet.supplement else {
        return text!("sheet-answered", count = Count(sheet.marks.len()));
    };
    let of = |status| entries.iter().filter(|it| it.listed && it.status == status).count();
    let listed = entries.iter().filter(|it| it.listed).count();
    let there = of(Status::Present) + of(Status::Late);
    let mut said = vec![if supplement.roster.is_some() {
        text!("sheet-present-of", count = Count(there), listed = Count(listed))
    } else {
        text!("sheet-present", count = Count(there))
    }];
    for status in [Status::Late, Status::Excused, Status::Left, Status::Absent] {
        if of(status) > 0 {
            said.push(count_of(status, of(status)));
        }
    }
    let walk_ins = entries.iter().filter(|it| is_walk_in(it)).count();
    if walk_ins > 0 {
        said.push(text!("count-unlisted", count = Count(walk_ins)));
    }
    said.join(", ")
}

fn count_of(status: Status, count: usize) -> String {
    let count = Count(count);
    match status {
        Status::Present => text!("count-present", count = count),
        Status::Late => text!("count-late", count = count),
        Status::Excused => text!("count-excused", count = count),
        Status::Absent => text!("count-absent", count = count),
        Status::Left => text!("count-left", count = count),
    }
}

/// Writes entries under a title that says what they are: `usual`.
fn write_entries<'a>(
    out: &mut impl Write,
    entries: impl Iterator<Item = &'a SheetEntry>,
    usual: Status,
) -> io::Result<()> {
    for (place, entry) in entries.enumerate() {
        let student = entry.student;
        let name = entry.name.as_ref().map(|it| format!("  {it}")).unwrap_or_default();
        let at = entry.at.map(|at| format!("  {}", at.to_local())).unwrap_or_default();
        write!(out, "{:>4}  {student:<16}{at}{name}", place + 1)?;
        if entry.status != usual {
            write!(out, "  {}", status_in_words(entry.status))?;
        }
        if let Some(pressed_at) = entry.pressed_at {
            write!(out, "  {}", text!("sheet-pressed", at = pressed_at.to_local()))?;
        }
        for remark in entry.remarks.names() {
            write!(out, "  {}", words(remark))?;
        }
        if let Some(reason) = &entry.reason {
            write!(out, "  ({reason})")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// What happened beside marks.
fn write_trail(out: &mut impl Write, sheet: &Sheet, entries: &[SheetEntry]) -> io::Result<()> {
    let Some(supplement) = sheet.supplement.as_ref().filter(|it| !it.trail.is_empty()) else {
        return Ok(());
    };
    writeln!(out, "{}", text!("sheet-trail", revision = supplement.revision))?;
    let names = names(entries);
    supplement.trail.iter().try_for_each(|entry| {
        writeln!(out, "      {}  {}", entry.at.to_local(), told(entry, &names))
    })
}

/// A closed sheet in one line: which, when, how many of which status.
pub(super) fn brief(info: &SheetInfo, sheet: &Sheet) -> String {
    let &SheetInfo { number, opened_at, closed_at, .. } = info;
    let (from, to) = (opened_at.to_local(), closed_at.to_local_on(opened_at));
    let counts = counts(&sheet.entries(), sheet);
    format!("{number:>4}  {}  {counts}", text!("from-to", from, to))
}

/// A revision like [`brief`], with a second line that says what made it.
pub(super) fn brief_revision(it: &Revision, sheet: &Sheet) -> String {
    let line = brief(&it.sheet, sheet);
    if it.revision <= 1 {
        return line;
    }
    let revised = text!("revised", revision = it.revision, at = it.at.to_local());
    match sheet.supplement.as_ref().and_then(|it| it.trail.last()) {
        Some(entry) => {
            format!("{line}\n      {revised}: {}", told(entry, &names(&sheet.entries())))
        }
        None => format!("{line}\n      {revised}"),
    }
}

type Names<'a> = BTreeMap<StudentNumber, &'a StudentName>;

fn names(entries: &[SheetEntry]) -> Names<'_> {
    entries.iter().filter_map(|it| Some((it.student, it.name.as_ref()?))).collect()
}

/// What an entry of a trail says, without its time.
fn told(entry: &TrailEntry, names: &Names<'_>) -> String {
    let who = |student: StudentNumber| match names.get(&student) {
        Some(name) => format!("{student} {name}"),
        None => student.to_string(),
    };
    let TrailEntry { at, by, change, reason } = entry;
    let what = match change {
        Change::Corrected { student, was: Some(was), is } => {
            format!("{}: {} → {}", who(*student), status_in_words(*was), status_in_words(*is))
        }
        Change::Corrected { student, was: None, is } => {
            format!("{}: {}", who(*student), status_in_words(*is))
        }
        Change::Extended { closes_at } => {
            text!("trail-extended", at = closes_at.to_local_on(*at))
        }
        Change::Reopened => text!("trail-reopened"),
    };
    let by = by.map(|name| format!(", {}", text!("trail-by", name))).unwrap_or_default();
    let reason = reason.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    format!("{what}{by}{reason}")
}

/// A line of `--json` for a closed sheet.
#[derive(Serialize)]
pub(super) struct SheetLine {
    class: u32,
    number: u32,
    revision: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lessons: Option<u8>,
    opened_at: String,
    closed_at: String,
    students: Vec<String>,
    entries: Vec<EntryLine>,
    attempts: u32,
}

/// A line of `--json` for a revision of a closed sheet.
#[derive(Serialize)]
pub(super) struct HistoryLine {
    class: u32,
    number: u32,
    opened_at: String,
    closed_at: String,
    /// Of the roster, if there is one.
    present: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<usize>,
    walk_ins: usize,
    revision: u32,
    revised_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    attempts: u32,
}

impl HistoryLine {
    pub(super) fn new(it: &Revision, sheet: &Sheet, attempts: u32) -> Self {
        let SheetInfo { class, number, opened_at, closed_at, .. } = it.sheet;
        let entries = sheet.entries();
        let count = |of: fn(&SheetEntry) -> bool| entries.iter().filter(|it| of(it)).count();
        let supplement = sheet.supplement.as_ref();
        let has_roster = supplement.is_some_and(|it| it.roster.is_some());
        let last = supplement.filter(|_| it.revision > 1).and_then(|it| it.trail.last());
        Self {
            class: class.get(),
            number: number.get(),
            opened_at: opened_at.to_rfc3339(),
            closed_at: closed_at.to_rfc3339(),
            present: count(|it| it.listed && it.status.is_there()),
            expected: has_roster.then(|| count(|it| it.listed)),
            walk_ins: count(is_walk_in),
            revision: it.revision,
            revised_at: it.at.to_rfc3339(),
            by: last.and_then(|it| it.by.as_ref()).map(ToString::to_string),
            attempts,
        }
    }
}

/// A student on a sheet.
#[derive(Serialize)]
pub(super) struct EntryLine {
    student: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pressed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    walk_in: bool,
    flags: Vec<&'static str>,
}

impl EntryLine {
    pub(super) fn new(entry: &SheetEntry) -> Self {
        // Who said so: the student, or a teacher, whose name is known where the teacher has joined.
        let by = match (&entry.by, entry.at) {
            (Some(name), _) => Some(name.to_string()),
            _ if entry.corrected || entry.remarks.has(Remarks::BY_TEACHER) => {
                Some("teacher".into())
            }
            (_, Some(_)) => Some("student".into()),
            _ => None,
        };
        Self {
            student: entry.student.to_string(),
            name: entry.name.as_ref().map(ToString::to_string),
            group: entry.group.as_ref().map(ToString::to_string),
            status: entry.status.name(),
            at: entry.at.map(crate::time::WallTime::to_rfc3339),
            pressed_at: entry.pressed_at.map(crate::time::WallTime::to_rfc3339),
            by,
            reason: entry.reason.as_ref().map(ToString::to_string),
            walk_in: !entry.listed,
            flags: entry.flags().collect(),
        }
    }
}

impl SheetLine {
    pub(super) fn new(sheet: &Sheet, number: RollCallNumber, attempts: u32) -> Self {
        let entries = sheet.entries();
        let plan = sheet.supplement.as_ref().map(|it| &it.plan);
        let there = entries.iter().filter(|it| it.status.is_there());
        Self {
            class: sheet.class.get(),
            number: number.get(),
            revision: sheet.revision(),
            title: plan.and_then(|it| it.title.as_ref()).map(ToString::to_string),
            lessons: plan.map(|it| it.lessons).filter(|&it| it > 1),
            opened_at: sheet.opened_at.to_rfc3339(),
            closed_at: sheet.closed_at.to_rfc3339(),
            students: there.map(|it| it.student.to_string()).collect(),
            entries: entries.iter().map(EntryLine::new).collect(),
            attempts,
        }
    }
}
