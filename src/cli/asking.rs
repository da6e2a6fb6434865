//! What the commands that ask share: the server to ask, the waiting for it, and
//! what is said of answers.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::progress::ProgressLine;
use super::words::{complain, parse_deadline, remark};
use crate::client::Unanswered;
use crate::ids::{ClassId, FileKey};
use crate::operation::{FileEntry, FileInfo, OpenRollCall, Operation, Query, Refusal};
use crate::shell::call::{Answered, CallError, Caller, Progress};
use crate::shell::download::{FetchError, Fetcher, Progressed};
use crate::time::WallTime;
use crate::wire::Answer;

/// The flags that both commands have.
#[derive(Args, Clone, Debug)]
pub(super) struct AskingFlags {
    /// The server to ask.
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
    flags: AskingFlags,
    line: StatusLine,
}

impl Asker {
    pub(super) fn new(flags: AskingFlags) -> Result<Self, Exit> {
        match Caller::new(&flags.server) {
            Ok(caller) => Ok(Self { caller, flags, line: StatusLine::new() }),
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
        let Self { caller, flags, line } = self;
        let result = caller.perform(operation, flags.timeout, &mut |progress| line.show(progress));
        self.told(result, Some(operation))
    }

    /// Asks a question. When it fails, the person has been told.
    pub(super) fn ask(&mut self, query: Query) -> Result<Answered, Exit> {
        let Self { caller, flags, line } = self;
        let result = caller.ask(query, flags.timeout, &mut |progress| line.show(progress));
        self.told(result, None)
    }

    /// Fetches a sheet. When it fails, the person has been told.
    pub(super) fn fetch_sheet(
        &mut self,
        info: &crate::operation::SheetInfo,
    ) -> Result<(crate::roll::Sheet, u32), Exit> {
        let result = self.caller.fetch_sheet(info, self.flags.timeout);
        self.told(result, None)
    }

    /// What is open, in order of class. When it fails, the person has been told.
    pub(super) fn list_open(&mut self) -> Result<(Vec<OpenRollCall>, u32), Exit> {
        let Self { caller, flags, line } = self;
        let result = caller.list_open(flags.timeout, &mut |progress| line.show(progress));
        self.told(result, None)
    }

    /// The list of files. When it fails, the person has been told.
    pub(super) fn list_files(&mut self) -> Result<(Option<Vec<FileEntry>>, u32), Untold> {
        let Self { caller, flags, line } = self;
        let mut attempts = 1;
        let show = &mut |progress| {
            attempts = attempts_of(&progress).unwrap_or(1);
            line.show(progress);
        };
        let result = caller.list_files(flags.timeout, show);
        self.told(result, None).map_err(|exit| Untold { exit, attempts })
    }

    /// What is in a file. When it fails, the person has been told.
    pub(super) fn describe_file(
        &mut self,
        file: FileKey,
        reading: &mut ProgressLine,
    ) -> Result<(Option<FileInfo>, u32), Untold> {
        let Self { caller, flags, line } = self;
        let mut attempts = 1;
        let reading = RefCell::new(reading);
        let show = &mut |progress| {
            attempts = attempts_of(&progress).unwrap_or(1);
            reading.borrow_mut().clear();
            line.show(progress);
        };
        let tell = &mut |done, bytes| reading.borrow_mut().reading(done, bytes);
        let result = caller.describe_file(file, flags.timeout, show, tell);
        reading.borrow_mut().clear();
        self.told(result, None).map_err(|exit| Untold { exit, attempts })
    }

    /// Fetches an object from block `begin` on.
    pub(super) fn fetch(
        &mut self,
        object: FileInfo,
        begin: u32,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
        watch: &mut dyn FnMut(Progressed),
    ) -> Result<Progressed, FetchError> {
        Fetcher::new(self.caller.address(), self.caller.round_trip())
            .and_then(|mut it| it.fetch(object, begin, self.flags.timeout, take, watch))
    }

    fn told<T>(
        &mut self,
        result: Result<T, CallError>,
        operation: Option<Operation>,
    ) -> Result<T, Exit> {
        self.line.clear();
        result.map_err(|error| match error {
            CallError::Unanswered(unanswered) => {
                complain(self.explain(&unanswered, operation));
                Exit::Unknown
            }
            CallError::Fetch(error) => self.fetch_failed(&error),
            CallError::Stalled(_) => {
                complain(error);
                Exit::Unknown
            }
            other => {
                complain(other);
                Exit::Failed
            }
        })
    }

    fn fetch_failed(&self, error: &FetchError) -> Exit {
        let (words, exit) = self.explain_fetch(error);
        complain(words);
        exit
    }

    /// Why something could not be fetched, and how the command ends.
    pub(super) fn explain_fetch(&self, error: &FetchError) -> (String, Exit) {
        let FetchError::Unanswered { refused } = *error else {
            return (error.to_string(), Exit::Failed);
        };
        let unanswered =
            Unanswered { attempts: 1, lost: false, refused, busy: false, versions: None };
        (self.explain(&unanswered, None), Exit::Unknown)
    }

    fn explain(&self, unanswered: &Unanswered, operation: Option<Operation>) -> String {
        let AskingFlags { server, timeout, .. } = &self.flags;
        let outcome = match operation {
            None => String::new(),
            Some(operation) if unanswered.attempts == 0 => {
                format!("; {} was not sent", subject(&operation))
            }
            Some(operation) => {
                format!("; whether {} is unknown", done(&operation))
            }
        };
        if unanswered.lost {
            return format!("{server} no longer knows this client{outcome}; ask again to find out");
        }
        let timeout = humantime::format_duration(*timeout);
        let hint = match (&unanswered.versions, unanswered.refused) {
            (Some(versions), _) => {
                format!("it speaks version {:?} of the protocol; update", versions.spoken())
            }
            (None, true) => "nothing listens there: is the server running?".to_owned(),
            (None, false) => "are the address and the network right?".to_owned(),
        };
        format!("no answer from {server} within {timeout}{outcome} ({hint})")
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
        Refusal::TooManyClasses => "this server keeps no more classes; ask who runs it".into(),
    }
}

/// A line of `--json` for what was refused without being a mark.
#[derive(Serialize)]
pub(super) struct RefusedLine {
    class: u32,
    outcome: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    attempts: u32,
}

impl RefusedLine {
    pub(super) fn new(
        class: ClassId,
        reason: &'static str,
        at: Option<WallTime>,
        attempts: u32,
    ) -> Self {
        let at = at.map(WallTime::to_rfc3339);
        Self { class: class.get(), outcome: "refused", reason, at, attempts }
    }
}

/// Prints one object as a line of its own.
pub(super) fn print_json(object: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(object).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{line}")
}

/// The line at the bottom of a terminal that tells that a retry is under way. A pipe gets none.
struct StatusLine {
    visible: bool,
    shown: bool,
}

impl StatusLine {
    fn new() -> Self {
        Self { visible: io::stderr().is_terminal(), shown: false }
    }

    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Retrying { attempt, left } => self.show_retry(attempt, left),
            Progress::Settled { operation, answer } => {
                self.clear();
                remark(format_args!("{} from before: {}", subject(&operation), settled(&answer)));
            }
            Progress::Forsaken { operation } => {
                self.clear();
                remark(format_args!(
                    "{} from before: the outcome will not be known any more",
                    subject(&operation)
                ));
            }
        }
    }

    fn show_retry(&mut self, attempt: u32, left: Duration) {
        if !self.visible {
            return;
        }
        let seconds = left.as_secs_f64().ceil();
        let mut stderr = io::stderr();
        let _ =
            write!(stderr, "\r\x1b[2Kno answer yet, trying again ({attempt}), {seconds} s left");
        let _ = stderr.flush();
        self.shown = true;
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

fn settled(answer: &Answer) -> String {
    match answer {
        Answer::Opened { opened_at, .. } => format!("open since {}", opened_at.to_local()),
        Answer::Closed { sheet, .. } => format!("closed at {}", sheet.closed_at.to_local()),
        Answer::Marked { at, .. } => format!("recorded at {}", at.to_local()),
        Answer::MarkRefused { at, reason } | Answer::Refused { at, reason } => {
            format!("refused at {} ({})", at.to_local(), reason.name())
        }
        _ => "answered".into(),
    }
}
