//! `roster import`, `roster show`, `roster codes`: who belongs to a class.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Exit;
use super::client::CommandClient;
use super::export::inert;
use super::json::print_json;
use super::language::{Cause, Count, text};
use super::prompt::Prompt;
use super::roster_file;
use super::words::{complain, failed, failed_by, printed, remark, typed};
use super::write_file::{check_place, write_file};
use crate::attendance::{Listed, RosterChange, RosterEdit};
use crate::exchange::{Act, Answer, Operation, Refused};
use crate::ids::{ClassId, StudentNumber};
use crate::limits::{ROSTER_EDITS_BYTES, ROSTER_EDITS_MAX, ROSTER_IMPORTS_AT_ONCE};
use crate::roll::RosterObject;
use crate::shell::call::{CallError, Caller};
use crate::shell::clock::{entropy, fresh_invite};

/// What is done with a roster.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum RosterWork {
    /// Make the roster of a class what a file says: CSV as Moodle, Excel or SIGAA write it. What changes is
    /// shown first.
    Import {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The file.
        file: PathBuf,
        /// Do it without asking.
        #[arg(long, short)]
        yes: bool,
    },
    /// Show the roster of a class.
    Show {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
    },
    /// Make a one-time code for each student of a class, with which a device joins as that student's, for
    /// 'open --who enrolled'. As CSV for a mail merge, or as cards to be cut out if FILE ends with .html.
    Codes {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// Where to write them. Without it: standard output, as CSV.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace a file that is there already.
        #[arg(long)]
        force: bool,
    },
}

/// Does it.
pub(super) fn roster(client: CommandClient, work: RosterWork) -> Result<(), Exit> {
    match work {
        RosterWork::Import { class, file, yes } => import(client, class, &file, yes),
        RosterWork::Show { class } => show(client, class),
        RosterWork::Codes { class, output, force } => {
            codes(client, class, output.as_deref(), force)
        }
    }
}

/// What an import changes.
struct Changes {
    edits: Vec<RosterEdit>,
    added: Vec<Listed>,
    /// Each as it was and as it will be.
    changed: Vec<(Listed, Listed)>,
    removed: Vec<Listed>,
    unchanged: usize,
}

impl Changes {
    fn between(before: &[Listed], after: Vec<Listed>) -> Self {
        let mut left: BTreeMap<StudentNumber, &Listed> =
            before.iter().map(|it| (it.student, it)).collect();
        let (mut added, mut changed, mut unchanged) = (Vec::new(), Vec::new(), 0);
        for it in after {
            match left.remove(&it.student) {
                None => added.push(it),
                Some(was) if *was == it => unchanged += 1,
                Some(was) => changed.push((was.clone(), it)),
            }
        }
        let removed: Vec<_> = left.into_values().cloned().collect();
        let put = added.iter().chain(changed.iter().map(|it| &it.1)).cloned();
        let edits = put.map(RosterEdit::Put);
        let edits = edits.chain(removed.iter().map(|it| RosterEdit::Remove(it.student))).collect();
        Self { edits, added, changed, removed, unchanged }
    }

    /// The first few of each kind, one in a line.
    fn summary(&self) -> Vec<String> {
        const SHOWN_MAX: usize = 10;
        let added = self.added.iter().map(|it| format!("+ {} {}", it.student, it.name));
        let changed = self
            .changed
            .iter()
            .map(|(was, is)| format!("~ {} {} → {}", is.student, shown(was), shown(is)));
        let removed = self.removed.iter().map(|it| format!("- {} {}", it.student, it.name));
        let mut lines = Vec::new();
        for (lines_of, count) in [
            (added.collect::<Vec<_>>(), self.added.len()),
            (changed.collect(), self.changed.len()),
            (removed.collect(), self.removed.len()),
        ] {
            lines.extend(lines_of.into_iter().take(SHOWN_MAX));
            if count > SHOWN_MAX {
                lines.push(format!("  {}", text!("and-more", count = Count(count - SHOWN_MAX))));
            }
        }
        lines
    }

    fn counts(&self) -> String {
        let counts = [
            (self.added.len(), text!("import-added", count = Count(self.added.len()))),
            (self.changed.len(), text!("import-changed", count = Count(self.changed.len()))),
            (self.removed.len(), text!("import-removed", count = Count(self.removed.len()))),
            (self.unchanged, text!("import-unchanged", count = Count(self.unchanged))),
        ];
        // Of what there is none nothing is said.
        let said: Vec<_> = counts.into_iter().filter(|it| it.0 > 0).map(|it| it.1).collect();
        said.join(", ")
    }
}

fn shown(it: &Listed) -> String {
    let group = it.group.as_ref().map(|it| format!(" [{it}]")).unwrap_or_default();
    format!("{}{group}", it.name)
}

fn import(mut client: CommandClient, class: ClassId, file: &Path, yes: bool) -> Result<(), Exit> {
    let wanted = roster_file::read(file).map_err(|error| {
        failed(text!("import-nothing", file = file.display(), cause = error.words()))
    })?;
    let (before, mut attempts) = client.roster(class)?;
    let total = wanted.len();
    let changes = Changes::between(&before.students, wanted);
    if !changes.edits.is_empty() {
        agree(&client, class, &changes, yes)?;
        attempts += send(&client, class, before.version, &changes.edits)?;
    }
    if client.json() {
        return printed(print_json(&ImportedLine {
            class: class.get(),
            students: total,
            added: changes.added.len(),
            changed: changes.changed.len(),
            removed: changes.removed.len(),
            unchanged: changes.unchanged,
            attempts,
        }));
    }
    let (students, changes) = (text!("students", count = Count(total)), changes.counts());
    printed(writeln!(io::stdout(), "{}", text!("imported", class, students, changes)))
}

#[derive(Serialize)]
struct ImportedLine {
    class: u32,
    students: usize,
    added: usize,
    changed: usize,
    removed: usize,
    unchanged: usize,
    attempts: u32,
}

/// Shows what changes, and asks.
fn agree(client: &CommandClient, class: ClassId, changes: &Changes, yes: bool) -> Result<(), Exit> {
    if yes {
        return Ok(());
    }
    for line in changes.summary() {
        remark(line);
    }
    if !io::stdin().is_terminal() {
        complain(text!("import-unasked", class, changes = changes.counts()));
        return Err(Exit::Usage);
    }
    let mut prompt = Prompt::at_standard_input(client.json());
    let question = text!("question-import", class, changes = changes.counts());
    if typed(prompt.confirm(&question))? {
        return Ok(());
    }
    remark(text!("import-declined"));
    Err(Exit::Failed)
}

/// Cuts edits into pieces that fit a datagram.
fn batches(edits: &[RosterEdit]) -> Vec<&[RosterEdit]> {
    let bytes = |edit: &RosterEdit| postcard::to_stdvec(edit).map_or(0, |it| it.len());
    let (mut batches, mut start, mut size) = (Vec::new(), 0, 0);
    for (place, edit) in edits.iter().enumerate() {
        let more = bytes(edit);
        if place > start && (size + more > ROSTER_EDITS_BYTES || place - start >= ROSTER_EDITS_MAX)
        {
            batches.push(&edits[start..place]);
            (start, size) = (place, 0);
        }
        size += more;
    }
    batches.push(&edits[start..]);
    batches
}

/// Sends edits, several at once, so that a lost datagram holds up one of them only. They belong to one import:
/// whichever arrives first begins it. Gives how many datagrams it took.
fn send(
    client: &CommandClient,
    class: ClassId,
    base: u64,
    edits: &[RosterEdit],
) -> Result<u32, Exit> {
    let batches = batches(edits);
    let import = u64::from_le_bytes(*entropy().first_chunk().expect("32 bytes"));
    let change = |edits: &[RosterEdit]| RosterChange { base, import, edits: edits.into() };
    let bar = progress_bar(edits.len());
    let (next, attempts, stopped) =
        (Mutex::new(batches.iter()), AtomicU32::new(0), AtomicBool::new(false));
    let timeout = client.flags.timeout;
    let work = |mut caller: Caller| -> Result<(), Failure> {
        loop {
            let batch = next.lock().expect("nobody panics with it").next();
            let Some(batch) = batch.filter(|_| !stopped.load(Ordering::Relaxed)) else {
                return Ok(());
            };
            let operation = Operation::Enrol { class, change: change(batch) };
            let answered = caller.perform(operation, timeout, &mut |_, _| {});
            let answered = answered.inspect_err(|_| stopped.store(true, Ordering::Relaxed));
            let answered = answered.map_err(Failure::Call)?;
            attempts.fetch_add(answered.attempts, Ordering::Relaxed);
            match answered.answer {
                Answer::Enrolled(_) => bar.inc(batch.len() as u64),
                Answer::Refused(refused) => {
                    stopped.store(true, Ordering::Relaxed);
                    return Err(Failure::Refused(refused));
                }
                _ => {
                    return Err(Failure::Refused(Refused {
                        at: crate::time::WallTime::default(),
                        reason: crate::exchange::Refusal::NoRoom,
                    }));
                }
            }
        }
    };
    let count = batches.len().min(ROSTER_IMPORTS_AT_ONCE);
    let callers: Vec<_> =
        (0..count).map(|_| client.another_caller()).collect::<Result<_, Exit>>()?;
    let ended: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            callers.into_iter().map(|caller| scope.spawn(|| work(caller))).collect();
        threads.into_iter().map(|it| it.join().expect("no thread panics")).collect()
    });
    bar.finish_and_clear();
    let attempts = attempts.load(Ordering::Relaxed);
    match ended.into_iter().find_map(Result::err) {
        None => Ok(attempts),
        Some(Failure::Refused(refused)) => {
            Err(client.tell_refusal(&refused, Some(class), attempts))
        }
        Some(Failure::Call(error)) => {
            let exit = if matches!(error, CallError::Interrupted { .. }) {
                Exit::Interrupted
            } else {
                Exit::Unknown
            };
            complain(text!("import-broken-off", cause = error.words(), class));
            Err(exit)
        }
    }
}

enum Failure {
    Call(CallError),
    Refused(Refused),
}

fn progress_bar(students: usize) -> ProgressBar {
    // A few are quicker than a bar is read.
    if students < 100 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(students as u64), ProgressDrawTarget::stderr());
    let template =
        format!("{{wide_bar}} {}", text!("import-progress", done = "{pos}", all = "{len}"));
    bar.with_style(ProgressStyle::with_template(&template).expect("a valid template"))
}

fn show(mut client: CommandClient, class: ClassId) -> Result<(), Exit> {
    let (roster, attempts) = client.roster(class)?;
    if client.json() {
        return printed(roster.students.iter().try_for_each(|it| {
            print_json(&ListedLine {
                class: class.get(),
                student: it.student.as_str(),
                name: it.name.as_str(),
                group: it.group.as_ref().map(crate::attendance::Line::as_str),
                attempts,
            })
        }));
    }
    if roster.students.is_empty() {
        remark(text!("roster-none", class));
        return Ok(());
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut print = || -> io::Result<()> {
        let students = text!("students", count = Count(roster.students.len()));
        writeln!(out, "{}", text!("roster-heading", class, students))?;
        for (place, it) in roster.students.iter().enumerate() {
            writeln!(out, "{:>4}  {:<16}  {}", place + 1, it.student, shown(it))?;
        }
        out.flush()
    };
    printed(print())
}

#[derive(Serialize)]
struct ListedLine<'a> {
    class: u32,
    student: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    attempts: u32,
}

/// A student with the code that was made for a device.
struct Code {
    student: Listed,
    code: String,
}

fn codes(
    mut client: CommandClient,
    class: ClassId,
    output: Option<&Path>,
    force: bool,
) -> Result<(), Exit> {
    let (RosterObject { students, .. }, _) = client.roster(class)?;
    if students.is_empty() {
        complain(text!("roster-none", class));
        return Err(Exit::Failed);
    }
    // Before a code is made that could not be written down.
    if let Some(path) = output {
        check_place(path, force).map_err(failed_by)?;
    }
    let mut made = Vec::with_capacity(students.len());
    for student in students {
        let code = fresh_invite();
        let act = Act::Enrol { class, invite: code.id(), student: student.student };
        client.act(act)?;
        made.push(Code { student, code: code.to_text() });
    }
    let link = client.link();
    let is_cards =
        output.and_then(Path::extension).is_some_and(|it| it.eq_ignore_ascii_case("html"));
    if client.json() && output.is_none() {
        return printed(
            made.iter().try_for_each(|it| print_json(&CodeLine::new(class, it, &link))),
        );
    }
    let text =
        if is_cards { cards(class, &link, &made) } else { table(&link, &made).map_err(failed)? };
    match output {
        None => printed(io::stdout().write_all(&text)),
        Some(path) => {
            write_file(path, &text, force).map_err(failed_by)?;
            if client.json() {
                return Ok(());
            }
            let said = text!("codes-written", count = Count(made.len()), path = path.display());
            printed(writeln!(io::stdout(), "{said}"))
        }
    }
}

#[derive(Serialize)]
struct CodeLine<'a> {
    class: u32,
    student: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    code: &'a str,
    link: &'a str,
}

impl<'a> CodeLine<'a> {
    fn new(class: ClassId, Code { student, code }: &'a Code, link: &'a str) -> Self {
        Self {
            class: class.get(),
            student: student.student.as_str(),
            name: student.name.as_str(),
            group: student.group.as_ref().map(crate::attendance::Line::as_str),
            code,
            link,
        }
    }
}

fn table(link: &str, codes: &[Code]) -> Result<Vec<u8>, csv::Error> {
    let mut table =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    table.write_record(["number", "name", "group", "code", "link"])?;
    for Code { student, code } in codes {
        let group = student.group.as_ref().map_or("", crate::attendance::Line::as_str);
        let who = [student.student.as_str(), student.name.as_str(), group].map(inert);
        table.write_record(who.iter().map(String::as_str).chain([code.as_str(), link]))?;
    }
    Ok(table.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// A page with cards to be cut out, four in a line.
fn cards(class: ClassId, link: &str, codes: &[Code]) -> Vec<u8> {
    let (title, of_class) = (text!("cards-title", class), text!("card-class", class));
    let card = |Code { student, code }: &Code| {
        format!(
            "<div><b>{}</b><br>{}<br>{of_class}<p><code>{code}</code></p><small>rollcall-student join '{}'</small></div>\n",
            escaped(student.name.as_str()),
            escaped(student.student.as_str()),
            escaped(link)
        )
    };
    let cards: String = codes.iter().map(card).collect();
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{title}</title><style>\
         body{{display:grid;grid-template-columns:repeat(4,1fr);font:11pt sans-serif}}\
         div{{border:1px dashed #888;padding:3mm;break-inside:avoid}}code{{font-size:13pt}}\
         small{{font-size:6pt;word-break:break-all}}</style>\n{cards}"
    )
    .into_bytes()
}

/// A text as it stands in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn student(number: &str, name: &str) -> Listed {
        Listed { student: number.parse().unwrap(), name: name.parse().unwrap(), group: None }
    }

    #[test]
    fn an_import_changes_only_what_differs() {
        let before = [student("10", "Ana"), student("20", "Rui"), student("30", "Eva")];
        let after = vec![student("10", "Ana"), student("20", "Rui Costa"), student("40", "Ivo")];
        let changes = Changes::between(&before, after.clone());
        assert_eq!(changes.counts(), "1 new, 1 changed, 1 gone, 1 as before");
        assert_eq!(changes.summary(), ["+ 40 Ivo", "~ 20 Rui → Rui Costa", "- 30 Eva"]);
        assert_eq!(changes.edits.len(), 3);
        let again = Changes::between(&after, after.clone());
        assert!(again.edits.is_empty(), "again: nothing");
        assert_eq!(again.counts(), "3 as before");
    }

    #[test]
    fn every_batch_fits_a_datagram_and_nobody_is_left_out() {
        let name = "é".repeat(60);
        let edits: Vec<_> = (0..500)
            .map(|it| {
                RosterEdit::Put(student(
                    &format!("{it:032}"),
                    if it % 3 == 0 { &name } else { "Ana" },
                ))
            })
            .collect();
        let batches = batches(&edits);
        assert_eq!(batches.concat(), edits);
        for batch in batches {
            let change = RosterChange { base: u64::MAX, import: u64::MAX, edits: batch.into() };
            let bytes = postcard::to_stdvec(&change).unwrap().len();
            assert!((1..=ROSTER_EDITS_MAX).contains(&batch.len()) && bytes < 1_100, "{bytes}");
        }
    }

    #[test]
    fn a_name_on_a_card_is_a_text_and_not_a_page() {
        let code =
            Code { student: student("10", "<script>alert(1)</script>"), code: "AAAA".into() };
        let page =
            String::from_utf8(cards(ClassId::new(1).unwrap(), "rollcall://x/#k", &[code])).unwrap();
        assert!(!page.contains("<script"), "{page}");
    }
}
