//! `scan`: one student number a line, from a keyboard or a barcode scanner.
//!
//! A line is answered when its receipt is there; meanwhile the next ones are read. What has no answer yet is
//! asked again until there is one, or until the input has ended and the deadline has passed: nothing that was
//! read is dropped without a word.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde::Serialize;

use super::Exit;
use super::client::CommandClient;
use super::correct::did_you_mean;
use super::explain::reason;
use super::json::print_json;
use super::language::{Cause, text};
use super::prompt::{Line, Prompt, in_line};
use super::words::{complain, printed, remark, safe};
use crate::attendance::{Correction, Status};
use crate::exchange::{Answer, Corrected, Operation};
use crate::ids::{ClassId, StudentNumber};
use crate::limits::SCANS_AT_ONCE;
use crate::roll::RosterObject;
use crate::shell::call::{CallError, Caller};

/// What became of a line, or is about to.
enum Event {
    Read(StudentNumber),
    /// Lines that nobody can be asked about mark nobody; why was said of each.
    Skipped,
    Answered(StudentNumber, Answer),
    /// No answer before the deadline; it is asked again.
    Waiting(StudentNumber),
    /// No answer, and nobody asks again.
    GivenUp,
    Failed(String),
}

/// Reads numbers and marks them.
pub(super) fn scan(mut client: CommandClient, class: ClassId) -> Result<(), Exit> {
    let (fetched, _) = client.roster(class)?;
    let roster = &fetched;
    let (to_do, work) = channel::<StudentNumber>();
    let (events, told) = channel::<Event>();
    let has_ended = AtomicBool::new(false);
    let timeout = client.flags.timeout;
    let callers: Vec<_> =
        (0..SCANS_AT_ONCE).map(|_| client.another_caller()).collect::<Result<_, Exit>>()?;
    let mut desk = Desk::new(client.json(), class, roster);
    if !client.json() && io::stdin().is_terminal() {
        remark(text!("welcome-scan", class));
    }
    let work = Mutex::new(work);
    std::thread::scope(|scope| {
        for caller in callers {
            let (events, work, has_ended) = (events.clone(), &work, &has_ended);
            scope.spawn(move || mark_all(caller, class, timeout, work, &events, has_ended));
        }
        let (events, has_ended) = (events, &has_ended);
        // Not joined if the others fail: standard input may have no end.
        scope.spawn(move || {
            let mut reader = Reader { roster, class, repeated: None, skipped: false };
            read_all(&mut reader, &to_do, &events);
            has_ended.store(true, Ordering::Relaxed);
        });
        told.iter().try_for_each(|event| desk.tell(event))
    })?;
    desk.end()
}

/// What of the input is understood.
struct Reader<'a> {
    roster: &'a RosterObject,
    class: ClassId,
    /// A number that is not on the roster, and was read last.
    repeated: Option<StudentNumber>,
    /// A line was left out that nobody can be asked about.
    skipped: bool,
}

fn read_all(reader: &mut Reader<'_>, to_do: &Sender<StudentNumber>, events: &Sender<Event>) {
    let mut input = Prompt::of_lines(true);
    loop {
        let line = match input.read_quietly() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => {
                let _ = events.send(Event::Failed(text!("cannot-read-input", error)));
                return;
            }
        };
        if let Some(student) = reader.take(&line) {
            let _ = events.send(Event::Read(student));
            if to_do.send(student).is_err() {
                return;
            }
        }
    }
    if reader.skipped || (reader.repeated.is_some() && !input.is_attended()) {
        let _ = events.send(Event::Skipped);
    }
}

impl Reader<'_> {
    /// The number that a line says. One that is not on the roster is taken when it is read twice in a row,
    /// because it may be mistyped.
    fn take(&mut self, line: &Line) -> Option<StudentNumber> {
        let Ok(student) = line.only::<StudentNumber>() else {
            self.skipped |= line.unattended;
            return None;
        };
        let student = student?;
        let students = &self.roster.students;
        let is_listed = students.binary_search_by_key(&student, |it| it.student).is_ok();
        if students.is_empty() || is_listed {
            return Some(student);
        }
        let before = self.repeated.take();
        if before == Some(student) {
            return before;
        }
        self.skipped |= before.is_some() && line.unattended;
        self.repeated = Some(student);
        let (class, meant) = (self.class, did_you_mean(self.roster, student));
        let words = text!("scan-unlisted", student, class, meant);
        complain(if line.unattended { in_line(line.number, words) } else { words });
        None
    }
}

/// Marks what is read, until there is no more.
fn mark_all(
    mut caller: Caller,
    class: ClassId,
    timeout: Duration,
    work: &Mutex<Receiver<StudentNumber>>,
    events: &Sender<Event>,
    has_ended: &AtomicBool,
) {
    loop {
        let next = work.lock().expect("nobody panics with it").recv();
        let Ok(student) = next else { return };
        loop {
            let correction =
                Correction { number: None, student, status: Status::Present, reason: None };
            let operation = Operation::Correct { class, correction: Box::new(correction) };
            let was_last = has_ended.load(Ordering::Relaxed);
            let event = match caller.perform(operation, timeout, &mut |_, _| {}) {
                Ok(answered) => Event::Answered(student, answered.answer),
                Err(CallError::Unanswered(_)) if was_last => Event::GivenUp,
                Err(CallError::Unanswered(_)) => Event::Waiting(student),
                Err(error) => Event::Failed(error.words()),
            };
            let is_over = !matches!(event, Event::Waiting(_));
            if events.send(event).is_err() || is_over {
                break;
            }
        }
    }
}

/// Tells what becomes of each line.
struct Desk<'a> {
    json: bool,
    class: ClassId,
    roster: &'a RosterObject,
    waiting: BTreeSet<StudentNumber>,
    worst: Exit,
    in_colour: bool,
}

impl<'a> Desk<'a> {
    fn new(json: bool, class: ClassId, roster: &'a RosterObject) -> Self {
        let in_colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, class, roster, waiting: BTreeSet::new(), worst: Exit::Done, in_colour }
    }

    fn tell(&mut self, event: Event) -> Result<(), Exit> {
        match event {
            Event::Read(student) => _ = self.waiting.insert(student),
            Event::Answered(student, answer) => {
                self.waiting.remove(&student);
                return self.answered(student, &answer);
            }
            Event::Waiting(student) => {
                complain(text!("scan-waiting", student));
            }
            Event::Skipped => self.worst = self.worst.worse(Exit::Usage),
            Event::GivenUp => self.worst = self.worst.worse(Exit::Unknown),
            Event::Failed(error) => {
                complain(error);
                return Err(Exit::Failed);
            }
        }
        Ok(())
    }

    fn answered(&mut self, student: StudentNumber, answer: &Answer) -> Result<(), Exit> {
        let refused = match *answer {
            Answer::Refused(refused) => Some(refused.reason.name()),
            _ => None,
        };
        let (outcome, words, good) = match *answer {
            Answer::Corrected(Corrected { was: Some(Status::Present), .. }) => {
                ("already_present", text!("scan-already"), true)
            }
            Answer::Corrected(_) => ("present", text!("status-present"), true),
            Answer::Refused(refused) => ("refused", reason(refused.reason, self.class), false),
            _ => ("refused", text!("scan-no-answer"), false),
        };
        if !good {
            self.worst = self.worst.worse(Exit::Refused);
        }
        if self.json {
            let student = student.as_str();
            let class = self.class.get();
            return printed(print_json(&ScanLine { class, student, outcome, reason: refused }));
        }
        let found = self.roster.students.binary_search_by_key(&student, |it| it.student);
        let name =
            found.map(|place| self.roster.students[place].name.to_string()).unwrap_or_default();
        // A beep for what is done, two for what is not; a sign too, for whoever sees no colours.
        let (sign, colour, bell) =
            if good { ("✓", "32", "\x07") } else { ("✗", "31", "\x07\x07") };
        let line = safe(&format!("{sign} {student}  {name}  {words}"));
        let line = if self.in_colour { format!("\x1b[{colour}m{line}\x1b[0m{bell}") } else { line };
        printed(writeln!(io::stdout(), "{line}"))
    }

    /// Names what has no answer.
    fn end(self) -> Result<(), Exit> {
        if !self.waiting.is_empty() {
            let names: Vec<_> = self.waiting.iter().map(StudentNumber::as_str).collect();
            complain(text!("scan-unanswered", students = names.join(" ")));
            return Err(Exit::Unknown);
        }
        if self.worst == Exit::Done { Ok(()) } else { Err(self.worst) }
    }
}

#[derive(Serialize)]
struct ScanLine<'a> {
    class: u32,
    student: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}
