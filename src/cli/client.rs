//! The client as the commands use it: finds the server, waits for its answers, and tells the person
//! when there is none.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::explain::{Hints, outcome, reason, revoked};
use super::json::{RefusedLine, UnknownLine, print_json};
use super::language::{Cause, text};
use super::local_time::LocalTime as _;
use super::progress::ProgressLine;
use super::speaker::{Speaker, heard, learn};
use super::status_line::StatusLine;
use super::words::{complain, failed_by, parse_deadline, printed, remark};
use crate::blocks::Prefix;
use crate::client::inquiry::{FileInquiry, FilesInquiry, ListInquiry, Listed, SheetsInquiry};
use crate::client::{Progress, Unanswered};
use crate::exchange::{
    Act, Acted, Answer, Deed, FileEntry, FileInfo, Operation, Query, Refused, SheetInfo,
};
use crate::ids::{ClassId, FileKey, RollCallNumber};
use crate::limits::DETAIL_DEADLINE;
use crate::seal::{Channel, Fingerprint, PublicKey};
use crate::shell::call::{Answered, CallError, Caller, NotAServer, ServerName, resolve};
use crate::shell::clock::Clock;
use crate::shell::download::{Destination, FetchError, Progressed};
use crate::shell::trust::{JoinLink, Pin};
use crate::time::WallTime;

/// The flags that both commands have.
#[derive(Args, Clone, Debug)]
pub(super) struct ClientFlags {
    /// The server to ask; without a port: 5050.
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "ROLLCALL_SERVER",
        default_value = "127.0.0.1:5050",
        global = true
    )]
    server: String,

    /// Speak plainly to a server that was not joined: whoever is on the way can read and change what is
    /// said. Never to one that was joined.
    #[arg(long, global = true)]
    plain: bool,

    /// Forget the key of the server, which was joined before, and speak to it as if it were unknown.
    #[arg(long, global = true)]
    pub(super) forget_server: bool,

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

/// A client that tells its person what goes on and what failed.
pub(super) struct CommandClient {
    pub(super) caller: Caller,
    server: ServerName,
    pub(super) flags: ClientFlags,
    pub(super) line: StatusLine,
    /// What the server said of its keys when it was last looked at.
    heard: Option<Pin>,
}

impl CommandClient {
    /// Finds the server. When it fails, the person has been told.
    pub(super) fn new(flags: ClientFlags) -> Result<Self, Exit> {
        let name = &flags.server;
        // Not sooner: what the environment says is not looked at where there is a flag.
        let server: ServerName = name.parse().map_err(|cause: NotAServer| {
            complain(text!("no-server", name, cause = cause.words()));
            Exit::Usage
        })?;
        let addresses = resolve(&server).map_err(failed_by)?;
        let speaker = Speaker { plain: flags.plain, forget: flags.forget_server };
        let spoken = speaker.link(&server, &addresses)?;
        let caller = Caller::at(addresses, spoken).map_err(failed_by)?;
        let line = StatusLine::new(flags.timeout);
        Ok(Self { caller, server, flags, line, heard: None })
    }

    /// The key of the service, if it is spoken to in sealed datagrams.
    pub(super) fn service(&self) -> Option<&PublicKey> {
        self.caller.channel().map(Channel::server)
    }

    /// The join link of the server, as it was reached.
    pub(super) fn link(&self) -> String {
        let link =
            |key: &PublicKey| JoinLink { server: self.server.clone(), key: *key }.to_string();
        self.service().map(link).unwrap_or_default()
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        self.service().map(PublicKey::fingerprint)
    }

    /// Gets ready before anybody is asked for anything: says `HELLO` where datagrams are sealed. Without an
    /// answer it is said again with the first request, so that nothing is told here.
    pub(super) fn get_ready(&mut self) -> Result<(), Exit> {
        match self.caller.connect(self.flags.timeout.min(DETAIL_DEADLINE)) {
            Err(CallError::Interrupted { .. }) => Err(Exit::Interrupted),
            _ => Ok(()),
        }
    }

    /// The server, as it was named.
    pub(super) fn server(&self) -> &ServerName {
        &self.server
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
        self.perform_kept(operation, false)
    }

    /// The same; `kept` says that it is sent again by itself if there is no answer.
    pub(super) fn perform_kept(
        &mut self,
        operation: Operation,
        kept: bool,
    ) -> Result<Answered, Exit> {
        let Self { caller, flags, line, .. } = self;
        let result =
            caller.perform(operation.clone(), flags.timeout, &mut |it, at| line.show(it, at));
        self.told_of(result, Some(operation), kept)
    }

    /// Changes who may do what. When it fails, or is refused, the person has been told.
    pub(super) fn act(&mut self, act: Act) -> Result<ActDone, Exit> {
        let answered = self.perform(Operation::Act(act))?;
        let attempts = answered.attempts;
        match answered.answer {
            Answer::Acted(acted) => Ok(ActDone { acted, act, attempts }),
            Answer::Refused(refused) => {
                let class = Operation::Act(act).class();
                Err(self.tell_refusal(&refused, class, attempts))
            }
            _ => Err(Exit::Failed),
        }
    }

    /// Tells of something that was done: the words, or one object.
    pub(super) fn tell_act(&self, done: &ActDone, words: &str) -> Result<(), Exit> {
        if !self.json() {
            return printed(writeln!(io::stdout(), "{words}"));
        }
        printed(print_json(&ActLine {
            deed: Deed::Act(done.act).to_string(),
            at: done.acted.at.to_rfc3339(),
            count: done.acted.count,
            attempts: done.attempts,
        }))
    }

    /// Tells of a refusal, and how the command ends.
    pub(super) fn tell_refusal(
        &self,
        refused: &Refused,
        class: Option<ClassId>,
        attempts: u32,
    ) -> Exit {
        let &Refused { at, reason: why } = refused;
        let line = RefusedLine::new(class, why.name(), at, attempts);
        if self.json()
            && let Err(exit) = printed(print_json(&line))
        {
            return exit;
        }
        complain(text!("refused-at", at = at.to_local(), why = reason(why, class)));
        Exit::Refused
    }

    /// Asks a question that not everybody is answered. When it fails, or is refused, the person has been
    /// told.
    pub(super) fn ask_with_right(
        &mut self,
        query: Query,
        class: Option<ClassId>,
    ) -> Result<Answered, Exit> {
        let answered = self.ask(query)?;
        match answered.answer {
            Answer::Refused(refused) => Err(self.tell_refusal(&refused, class, answered.attempts)),
            _ => Ok(answered),
        }
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

    /// A whole list. When it fails, or is refused, the person has been told.
    pub(super) fn list<T: Listed>(&mut self) -> Result<(Vec<T>, u32), Exit> {
        let Self { caller, flags, line, .. } = self;
        let show = &mut |it: &_, at| line.show(it, at);
        let mut inquiry = ListInquiry::new();
        let result = caller.inquire(&mut inquiry, flags.timeout, show, &mut |_| {});
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
        self.told_about(result, class)
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

    /// Keeps what the server says of its keys, when it says something else than before.
    fn learn(&mut self) {
        let said = self.caller.channel().and_then(heard);
        if said == self.heard {
            return;
        }
        self.heard = said;
        if let Some(Err(error)) = said.map(|said| learn(&self.server, said)) {
            remark(text!("keys-not-kept", cause = error.words()));
        }
    }

    /// Another caller of the same server, for what is asked beside the rest. When there can be none, the
    /// person has been told.
    pub(super) fn another_caller(&self) -> Result<Caller, Exit> {
        let addresses = vec![self.address()];
        let speaker = Speaker { plain: self.flags.plain, forget: false };
        let spoken = speaker.link(&self.server, &addresses)?;
        Caller::at(addresses, spoken).map_err(failed_by)
    }

    /// As [`CommandClient::told`], of a question about a class.
    pub(super) fn told_about<T>(
        &mut self,
        result: Result<T, CallError>,
        class: ClassId,
    ) -> Result<T, Exit> {
        match result {
            Err(CallError::Refused { refused, attempts }) => {
                self.line.clear();
                self.learn();
                Err(self.tell_refusal(&refused, Some(class), attempts))
            }
            result => self.told(result, None),
        }
    }

    pub(super) fn told<T>(
        &mut self,
        result: Result<T, CallError>,
        operation: Option<Operation>,
    ) -> Result<T, Exit> {
        self.told_of(result, operation, false)
    }

    fn told_of<T>(
        &mut self,
        result: Result<T, CallError>,
        operation: Option<Operation>,
        kept: bool,
    ) -> Result<T, Exit> {
        self.line.clear();
        self.learn();
        let (words, attempts, exit) = match result {
            Ok(answer) => return Ok(answer),
            Err(CallError::Unanswered(unanswered)) => {
                (self.explain(&unanswered, operation.clone()), unanswered.attempts, Exit::Unknown)
            }
            Err(CallError::Interrupted { attempts }) => {
                let outcome = outcome(operation.clone(), attempts);
                let words = match operation {
                    Some(_) if attempts > 0 => text!("interrupted-unknown", outcome),
                    _ => text!("interrupted-with", outcome),
                };
                (words, attempts, Exit::Interrupted)
            }
            Err(CallError::Revoked { attempts }) => {
                let (words, exit) = revoked(operation.clone(), attempts);
                if exit == Exit::Refused {
                    return Err(self.tell_revoked(operation, &words, attempts));
                }
                (words, attempts, exit)
            }
            Err(CallError::Refused { refused, attempts }) => {
                return Err(self.tell_refusal(&refused, None, attempts));
            }
            Err(CallError::Fetch(error)) => return Err(self.fetch_failed(&error)),
            Err(error @ CallError::Stalled(_)) => {
                complain(error.words());
                return Err(Exit::Unknown);
            }
            Err(other) => return Err(failed_by(other)),
        };
        if let Some(operation) = operation.filter(|_| self.json()) {
            let kept = kept && exit == Exit::Unknown;
            printed(print_json(&UnknownLine::new(&operation, attempts, kept)))?;
        }
        complain(words);
        Err(exit)
    }

    /// Tells that nothing was done, because this device may do nothing any more.
    fn tell_revoked(&self, operation: Option<Operation>, words: &str, attempts: u32) -> Exit {
        let class = operation.and_then(|it| it.class());
        let line = RefusedLine::new(class, "revoked", local_clock(), attempts);
        if self.json()
            && let Err(exit) = printed(print_json(&line))
        {
            return exit;
        }
        complain(words);
        Exit::Refused
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
            FetchError::Interrupted => return (error.words(), Exit::Interrupted),
            FetchError::Revoked => return revoked(None, 1),
            _ => return (error.words(), Exit::Failed),
        };
        let refused_at = refused.then(|| self.caller.address());
        let key = self.fingerprint();
        let hints = Hints { versions: None, busy: false, refused_at, key };
        (self.no_answer("", &hints), Exit::Unknown)
    }

    fn explain(&self, unanswered: &Unanswered, operation: Option<Operation>) -> String {
        let outcome = outcome(operation, unanswered.attempts);
        if unanswered.lost {
            let server = &self.server;
            return text!("client-forgotten", server, outcome);
        }
        let hints = Hints {
            versions: unanswered.versions.as_ref(),
            busy: unanswered.busy,
            refused_at: self.caller.refused_at().filter(|_| unanswered.refused),
            key: self.fingerprint(),
        };
        self.no_answer(&outcome, &hints)
    }

    fn no_answer(&self, outcome: &str, hints: &Hints<'_>) -> String {
        let server = &self.server;
        let timeout = humantime::format_duration(self.flags.timeout);
        text!("no-answer", server, timeout, outcome, hints)
    }
}

/// An act that is done.
pub(super) struct ActDone {
    acted: Acted,
    act: Act,
    attempts: u32,
}

impl ActDone {
    /// Whether it had not been so before.
    pub(super) fn changed(&self) -> bool {
        self.acted.count > 0
    }

    /// How much was touched.
    pub(super) fn count(&self) -> u32 {
        self.acted.count
    }

    /// When.
    pub(super) fn at(&self) -> WallTime {
        self.acted.at
    }

    /// The datagrams that it took.
    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }
}

#[derive(Serialize)]
struct ActLine {
    deed: String,
    at: String,
    count: u32,
    attempts: u32,
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

/// The date and time on this computer, for answers that carry none.
pub(super) fn local_clock() -> WallTime {
    Clock::start().now().wall
}
