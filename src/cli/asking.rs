//! What the commands that ask share: the server to ask, the waiting for it, and
//! what is said of answers.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Exit;
use super::local_time::LocalTime as _;
use super::progress::ProgressLine;
use super::words::{complain, parse_deadline, printed, remark};
use crate::blocks::Prefix;
use crate::client::inquiry::{FileInquiry, FilesInquiry, OpenInquiry, SheetsInquiry};
use crate::client::{Progress, Unanswered};
use crate::exchange::{
    Answer, Closed, FileEntry, FileInfo, Marked, OpenRollCall, Opened, Operation, Query, Refusal,
    Refused, SheetInfo,
};
use crate::ids::{ClassId, FileKey, RollCallNumber};
use crate::shell::call::{Answered, CallError, Caller, ServerName};
use crate::shell::clock::Clock;
use crate::shell::download::{Destination, FetchError, Progressed};
use crate::time::WallTime;
use crate::wire::Versions;

/// How long to look for more about an answer that is here already.
const DETAIL_DEADLINE: Duration = Duration::from_secs(3);

/// The flags that both commands have.
#[derive(Args, Clone, Debug)]
pub(super) struct AskingFlags {
    /// The server to ask; without a port: 5050.
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "ROLLCALL_SERVER",
        default_value = "127.0.0.1:5050",
        global = true
    )]
    server: String,

    /// Print one JSON object a line on standard output, and nothing else there.
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// How long to keep asking before the outcome counts as unknown, at most 10m.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        value_parser = parse_deadline,
        allow_hyphen_values = true,
        global = true
    )]
    pub(super) timeout: Duration,
}

/// Somebody who asks the server and tells the answers.
pub(super) struct Asker {
    caller: Caller,
    server: ServerName,
    flags: AskingFlags,
    line: StatusLine,
}

impl Asker {
    /// Finds the server. When it fails, the person has been told.
    pub(super) fn new(flags: AskingFlags) -> Result<Self, Exit> {
        let name = &flags.server;
        // Not sooner: what the environment says is not looked at where there is a flag.
        let server: ServerName = name.parse().map_err(|cause| {
            complain(format_args!("'{name}' is no address of a server: {cause} (see --help)"));
            Exit::Usage
        })?;
        match Caller::new(&server) {
            Ok(caller) => {
                let line = StatusLine::new(flags.timeout);
                Ok(Self { caller, server, flags, line })
            }
            Err(error) => {
                complain(error);
                Err(Exit::Failed)
            }
        }
    }

    /// The address at which the server answered last.
    pub(super) fn address(&self) -> SocketAddr {
        self.caller.address()
    }

    pub(super) fn json(&self) -> bool {
        self.flags.json
    }

    /// Performs an operation. When it fails, the person has been told.
    pub(super) fn perform(&mut self, operation: Operation) -> Result<Answered, Exit> {
        let Self { caller, flags, line, .. } = self;
        let result = caller.perform(operation, flags.timeout, &mut |it, at| line.show(it, at));
        self.told(result, Some(operation))
    }

    /// Asks a question. When it fails, the person has been told.
    pub(super) fn ask(&mut self, query: Query) -> Result<Answered, Exit> {
        let Self { caller, flags, line, .. } = self;
        let result = caller.ask(query, flags.timeout, &mut |it, at| line.show(it, at));
        self.told(result, None)
    }

    /// Asks a question whose answer only adds to what is told anyway: nothing is said if there is
    /// none.
    pub(super) fn ask_for_detail(&mut self, query: Query) -> Result<Option<Answer>, Exit> {
        let deadline = self.flags.timeout.min(DETAIL_DEADLINE);
        match self.caller.ask(query, deadline, &mut |_, _| {}) {
            Ok(answered) => Ok(Some(answered.answer)),
            Err(CallError::Interrupted { .. }) => Err(Exit::Interrupted),
            Err(_) => Ok(None),
        }
    }

    /// Fetches a sheet. When it fails, the person has been told.
    pub(super) fn fetch_sheet(
        &mut self,
        info: &SheetInfo,
    ) -> Result<(crate::roll::Sheet, u32), Exit> {
        let result = self.caller.fetch_sheet(info, self.flags.timeout);
        self.told(result, None)
    }

    /// What is open, in order of class. When it fails, the person has been told.
    pub(super) fn list_open(&mut self) -> Result<(Vec<OpenRollCall>, u32), Exit> {
        let Self { caller, flags, line, .. } = self;
        let show = &mut |it: &_, at| line.show(it, at);
        let result = caller.inquire(&mut OpenInquiry::new(), flags.timeout, show, &mut |_| {});
        self.told(result, None)
    }

    /// The sheets of a class in brief, the last one first, from this number down for as long as they
    /// are wanted. When it fails, the person has been told.
    pub(super) fn list_sheets(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        wanted: &mut dyn FnMut(&SheetInfo) -> bool,
    ) -> Result<(Vec<SheetInfo>, u32), Exit> {
        let Self { caller, flags, line, .. } = self;
        let show = &mut |it: &_, at| line.show(it, at);
        let mut inquiry = SheetsInquiry::new(class, at_most, wanted);
        let result = caller.inquire(&mut inquiry, flags.timeout, show, &mut |_| {});
        self.told(result, None)
    }

    /// The list of files. When it fails, the person has been told.
    pub(super) fn list_files(&mut self) -> Result<(Option<Vec<FileEntry>>, u32), Untold> {
        let Self { caller, flags, line, .. } = self;
        let mut attempts = 1;
        let show = &mut |it: &_, at| {
            attempts = attempts_of(it).unwrap_or(attempts);
            line.show(it, at);
        };
        let mut inquiry = FilesInquiry::new(caller.now(), flags.timeout);
        let result = caller.inquire(&mut inquiry, flags.timeout, show, &mut |_| {});
        self.told(result, None).map_err(|exit| Untold { exit, attempts })
    }

    /// What is in a file. When it fails, the person has been told.
    pub(super) fn describe_file(
        &mut self,
        file: FileKey,
        reading: &mut ProgressLine,
    ) -> Result<(Option<FileInfo>, u32), Untold> {
        let Self { caller, flags, line, .. } = self;
        let mut attempts = 1;
        let reading = RefCell::new(reading);
        let show = &mut |it: &_, at| {
            attempts = attempts_of(it).unwrap_or(attempts);
            reading.borrow_mut().clear();
            line.show(it, at);
        };
        let follow = &mut |inquiry: &FileInquiry| {
            if let Some((done, bytes)) = inquiry.reading() {
                reading.borrow_mut().reading(done, bytes);
            }
        };
        let mut inquiry = FileInquiry::new(file, caller.now(), flags.timeout);
        let result = caller.inquire(&mut inquiry, flags.timeout, show, follow);
        reading.borrow_mut().clear();
        self.told(result, None).map_err(|exit| Untold { exit, attempts })
    }

    /// Fetches an object, of which the destination has `prefix` already.
    pub(super) fn fetch(
        &mut self,
        object: FileInfo,
        prefix: Prefix,
        destination: &mut dyn Destination,
        watch: &mut dyn FnMut(Progressed),
    ) -> Result<Progressed, FetchError> {
        let timeout = self.flags.timeout;
        self.caller.fetcher()?.fetch(object, prefix, timeout, destination, watch)
    }

    fn told<T>(
        &mut self,
        result: Result<T, CallError>,
        operation: Option<Operation>,
    ) -> Result<T, Exit> {
        self.line.clear();
        let (words, attempts, exit) = match result {
            Ok(answer) => return Ok(answer),
            Err(CallError::Unanswered(unanswered)) => {
                (self.explain(&unanswered, operation), unanswered.attempts, Exit::Unknown)
            }
            Err(CallError::Interrupted { attempts }) => {
                let words = match operation {
                    Some(_) if attempts > 0 => "; ask again to find out",
                    _ => "",
                };
                let outcome = outcome(operation, attempts);
                (format!("interrupted{outcome}{words}"), attempts, Exit::Interrupted)
            }
            Err(CallError::Fetch(error)) => return Err(self.fetch_failed(&error)),
            Err(error @ CallError::Stalled(_)) => {
                complain(error);
                return Err(Exit::Unknown);
            }
            Err(other) => {
                complain(other);
                return Err(Exit::Failed);
            }
        };
        if let Some(operation) = operation.filter(|_| self.json()) {
            printed(print_json(&UnknownLine::new(&operation, attempts)))?;
        }
        complain(words);
        Err(exit)
    }

    fn fetch_failed(&self, error: &FetchError) -> Exit {
        let (words, exit) = self.explain_fetch(error);
        complain(words);
        exit
    }

    /// Why something could not be fetched, and how the command ends.
    pub(super) fn explain_fetch(&self, error: &FetchError) -> (String, Exit) {
        let refused = match *error {
            FetchError::Unanswered { refused } => refused,
            FetchError::Interrupted => return (error.to_string(), Exit::Interrupted),
            _ => return (error.to_string(), Exit::Failed),
        };
        let refused_at = refused.then(|| self.caller.address());
        let hints = Hints { versions: None, busy: false, refused_at };
        (self.no_answer("", &hints), Exit::Unknown)
    }

    fn explain(&self, unanswered: &Unanswered, operation: Option<Operation>) -> String {
        let outcome = outcome(operation, unanswered.attempts);
        if unanswered.lost {
            let server = &self.server;
            return format!("{server} no longer knows this client{outcome}; ask again to find out");
        }
        let hints = Hints {
            versions: unanswered.versions.as_ref(),
            busy: unanswered.busy,
            refused_at: self.caller.refused_at().filter(|_| unanswered.refused),
        };
        self.no_answer(&outcome, &hints)
    }

    fn no_answer(&self, outcome: &str, hints: &Hints<'_>) -> String {
        let server = &self.server;
        let timeout = humantime::format_duration(self.flags.timeout);
        format!("no answer from {server} within {timeout}{outcome} ({hints})")
    }
}

/// What may be the reason that there was no answer.
struct Hints<'a> {
    /// The versions of the protocol that the server speaks, if it said that ours is none of them.
    versions: Option<&'a Versions>,
    /// Whether the server said that it has no room.
    busy: bool,
    /// Where the network said that nobody listens.
    refused_at: Option<SocketAddr>,
}

impl std::fmt::Display for Hints<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(versions) = self.versions {
            return write!(f, "it speaks version {:?} of the protocol; update", versions.spoken());
        }
        if self.busy {
            return write!(f, "the server is there, but full: try again in a few minutes");
        }
        match self.refused_at {
            Some(address) => write!(f, "nothing listens at {address}: is the server running?"),
            None => write!(f, "are the address and the network right?"),
        }
    }
}

/// What is known of an operation without an answer, as the rest of a sentence.
fn outcome(operation: Option<Operation>, attempts: u32) -> String {
    match operation {
        None => String::new(),
        Some(operation) if attempts == 0 => format!("; {} was not sent", subject(&operation)),
        Some(operation) => format!("; whether {} is unknown", done(&operation)),
    }
}

/// A question about files that has no answer, of which programs have not been told yet.
pub(super) struct Untold {
    pub(super) exit: Exit,
    /// The datagrams that were sent for the last of its requests.
    pub(super) attempts: u32,
}

fn attempts_of(progress: &Progress) -> Option<u32> {
    match progress {
        Progress::Retrying { attempt, .. } => Some(*attempt),
        _ => None,
    }
}

/// An operation as the subject of a sentence.
fn subject(operation: &Operation) -> String {
    match operation {
        Operation::Open { class } => format!("the opening of class {class}"),
        Operation::Close { class } => format!("the close of class {class}"),
        Operation::Mark { class, student } => format!("the mark of {student} in class {class}"),
    }
}

/// An operation as something that may have happened.
fn done(operation: &Operation) -> String {
    match operation {
        Operation::Open { class } => format!("class {class} was opened"),
        Operation::Close { class } => format!("class {class} was closed"),
        Operation::Mark { class, student } => format!("{student} was marked in class {class}"),
    }
}

/// Why something was refused, in words for the person.
pub(super) fn reason(refusal: Refusal, class: ClassId) -> String {
    match refusal {
        Refusal::NotOpen => {
            format!("class {class} has no open roll call; ask the teacher to open it")
        }
        Refusal::NeverOpened => format!("class {class} never had a roll call"),
        Refusal::RollCallFull => format!("the roll call of class {class} is full"),
        Refusal::TooManyOpen => "too many roll calls are open; close some first".into(),
        Refusal::DiskLow => {
            "the server's disk is almost full, and only open roll calls go on; ask who runs it"
                .into()
        }
        Refusal::TooManyClasses => "this server keeps no more classes; ask who runs it".into(),
    }
}

/// A line of `--json` for what was refused without being a mark.
#[derive(Serialize)]
pub(super) struct RefusedLine {
    class: u32,
    outcome: &'static str,
    reason: &'static str,
    at: String,
    attempts: u32,
}

impl RefusedLine {
    pub(super) fn new(class: ClassId, reason: &'static str, at: WallTime, attempts: u32) -> Self {
        let at = at.to_rfc3339();
        Self { class: class.get(), outcome: "refused", reason, at, attempts }
    }
}

/// A line of `--json` for an operation without an answer.
#[derive(Serialize)]
pub(super) struct UnknownLine {
    class: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    student: Option<String>,
    outcome: &'static str,
    attempts: u32,
}

impl UnknownLine {
    /// Without a datagram it was not sent, and is certain not to happen.
    pub(super) fn new(operation: &Operation, attempts: u32) -> Self {
        let student = match operation {
            Operation::Mark { student, .. } => Some(student.as_str().to_owned()),
            Operation::Open { .. } | Operation::Close { .. } => None,
        };
        let outcome = if attempts == 0 { "not_sent" } else { "unknown" };
        Self { class: operation.class().get(), student, outcome, attempts }
    }
}

/// The date and time on this computer, for answers that carry none.
pub(super) fn local_clock() -> WallTime {
    Clock::start().now().wall
}

/// Prints one object as a line of its own.
pub(super) fn print_json(object: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(object).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{line}")
}

/// The line at the bottom of a terminal that tells what is waited for. A pipe gets none.
struct StatusLine {
    bar: Option<ProgressBar>,
    timeout: Duration,
    attempt: u32,
    left: Duration,
    /// Where nobody listened, the last two times.
    refused: [Option<SocketAddr>; 2],
}

impl StatusLine {
    fn new(timeout: Duration) -> Self {
        Self { bar: None, timeout, attempt: 1, left: timeout, refused: [None; 2] }
    }

    fn show(&mut self, progress: &Progress, refused_at: Option<SocketAddr>) {
        match progress {
            &Progress::Retrying { attempt, left } => {
                self.attempt = attempt;
                self.left = left;
                self.refused = [self.refused[1], None];
                self.draw();
            }
            Progress::Refused => {
                self.refused[1] = refused_at;
                self.draw();
            }
            Progress::Settled { operation, answer } => {
                self.clear();
                remark(format_args!("{} from before: {}", subject(operation), settled(answer)));
            }
            Progress::Abandoned { operation } => {
                self.clear();
                remark(format_args!(
                    "{} from before: the outcome will not be known any more",
                    subject(operation)
                ));
            }
        }
    }

    fn draw(&mut self) {
        let message = self.message();
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // As wide as the terminal, so that it never goes on in a second line.
            bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("a valid template"));
            bar
        });
        bar.set_message(message);
    }

    fn message(&self) -> String {
        let (attempt, left) = (self.attempt, self.left.as_secs_f64().ceil());
        match self.refused[1].or(self.refused[0]) {
            Some(address) => {
                format!("nothing listens at {address} yet; still trying ({attempt}), {left} s left")
            }
            None => format!("no answer yet, trying again ({attempt}), {left} s left"),
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        *self = Self::new(self.timeout);
    }
}

fn settled(answer: &Answer) -> String {
    match answer {
        Answer::Opened(Opened { opened_at, already_open: false, .. }) => {
            format!("was opened at {}", opened_at.to_local())
        }
        Answer::Opened(Opened { opened_at, .. }) => {
            format!("was already open since {}", opened_at.to_local())
        }
        Answer::Closed(Closed { sheet, .. }) => {
            format!("was closed at {}", sheet.closed_at.to_local())
        }
        Answer::Marked(Marked { at, .. }) => format!("was recorded at {}", at.to_local()),
        Answer::MarkRefused(Refused { at, reason }) | Answer::Refused(Refused { at, reason }) => {
            format!("was refused at {} ({})", at.to_local(), reason.name())
        }
        _ => "was answered".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_is_explained_by_what_is_known_for_sure_first() {
        let versions = Versions::ours();
        let refused_at = Some("127.0.0.1:5050".parse().unwrap());
        let all = Hints { versions: Some(&versions), busy: true, refused_at };
        assert!(all.to_string().ends_with("of the protocol; update"));
        let full = Hints { versions: None, ..all };
        assert_eq!(full.to_string(), "the server is there, but full: try again in a few minutes");
        let refused = Hints { busy: false, ..full };
        let says = "nothing listens at 127.0.0.1:5050: is the server running?";
        assert_eq!(refused.to_string(), says);
        let silent = Hints { refused_at: None, ..refused };
        assert_eq!(silent.to_string(), "are the address and the network right?");
    }
}
