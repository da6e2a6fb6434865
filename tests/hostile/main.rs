//! Hostile peers. Against a server that answers wrongly, and goes on doing so for ever, every command
//! ends with an exit code that its help names, after a bounded number of requests; against clients
//! that send wrongly, and go on doing so, the server goes on serving the others.
//!
//! The law is about requests, not about time: a server that keeps a command asking must not get more
//! out of it than one that says nothing, times a small factor. The only clock here is a watchdog for
//! commands that never end.

mod cases;
mod clients;
mod peer;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cases::{CASES, Case};
use peer::{Peer, World};
use support::{Call, Place, STUDENT, TEACHER};

#[expect(dead_code, reason = "each file of tests uses its part")]
#[path = "../support/mod.rs"]
mod support;

/// After so long without an end a command counts as one that never ends, and is killed. Each waits a
/// second for an answer and asks a handful of questions.
const WATCHDOG: Duration = Duration::from_secs(40);

/// Commands that run at once: nearly all of them wait.
const AT_ONCE: usize = 32;

/// How long commands wait for an answer that they should not get.
const SHORT: &str = "1s";
/// How long those wait that should get one, however busy this machine is.
const LONG: &str = "30s";

/// The commands as people type them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Open,
    Close,
    Mark,
    Status,
    Sheet,
    SheetNumber,
    History,
    Files,
    Get,
}

impl Command {
    pub(crate) const ALL: &[Self] = &[
        Self::Open,
        Self::Close,
        Self::Mark,
        Self::Status,
        Self::Sheet,
        Self::SheetNumber,
        Self::History,
        Self::Files,
        Self::Get,
    ];

    fn program(self) -> &'static str {
        match self {
            Self::Mark | Self::Files | Self::Get => STUDENT,
            _ => TEACHER,
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Open => &["open", "3030"],
            Self::Close => &["close", "3030"],
            Self::Mark => &["mark", "3030", "042191010"],
            Self::Status => &["status"],
            Self::Sheet => &["sheet", "3030"],
            Self::SheetNumber => &["sheet", "3030", "--number", "1"],
            Self::History => &["history", "3030"],
            Self::Files => &["files"],
            Self::Get => &["get", World::FILE_NAME],
        }
    }
}

/// What became of one command against one server.
struct Result {
    case: &'static Case,
    command: Command,
    exit: Option<i32>,
    requests: usize,
    error: String,
}

impl Result {
    fn of(case: &'static Case, command: Command) -> Self {
        let here = tempfile::tempdir().expect("a folder");
        let peer = Peer::start(case.behave);
        let timeout = if case.exits == [0] { LONG } else { SHORT };
        let mut call = Call::new(&Place::default(), command.program(), None)
            .args(["--server", &peer.address().to_string(), "--timeout", timeout])
            .args(command.arguments());
        if command == Command::Get {
            call = call.arg("--output").arg(here.path().join("file"));
        }
        let finished = call.start().finish_or_kill(WATCHDOG);
        let error = finished.stderr.lines().last().unwrap_or_default().to_owned();
        Self { case, command, exit: finished.code(), requests: peer.end(), error }
    }

    /// Whether it ended as it should.
    fn is_right(&self) -> bool {
        let right = self.exit.is_some_and(|exit| self.case.exits.contains(&exit));
        right && self.requests <= self.case.requests_max
    }
}

impl fmt::Display for Result {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case: Case { name, exits, requests_max, .. }, command, requests, error, .. } =
            self;
        let exit = self.exit.map_or("never ended".to_owned(), |exit| format!("exit {exit}"));
        let command = format!("{command:?}");
        write!(
            f,
            "{command:11} | {name:44} | {exit:11} of {exits:?} | {requests:7} requests of {requests_max} | {error}"
        )
    }
}

#[test]
fn every_command_ends_after_few_requests_whatever_a_server_answers() {
    let runs: Vec<_> = CASES
        .iter()
        .flat_map(|case| case.commands.iter().map(move |&command| (case, command)))
        .collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(&(case, command)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = Result::of(case, command);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no run panics");
    assert_eq!(results.len(), runs.len(), "each command against each server");
    results.sort_by_key(|result| (result.case.name, result.command as u8));
    let wrong: Vec<_> =
        results.iter().filter(|it| !it.is_right()).map(ToString::to_string).collect();
    println!("{} of {} ended as they should", results.len() - wrong.len(), results.len());
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

// spec: R-SHEET-7, R-TRANSFER-9
#[test]
fn what_does_not_fit_its_name_is_neither_shown_nor_kept() {
    let case = CASES.iter().find(|case| case.name == "bytes that never fit the name");
    let behave = case.expect("it is there").behave;
    for command in [Command::Close, Command::Sheet, Command::SheetNumber, Command::Get] {
        let here = tempfile::tempdir().expect("a folder");
        let peer = Peer::start(behave);
        let target = here.path().join("file");
        let mut call = Call::new(&Place::default(), command.program(), None)
            .args(["--server", &peer.address().to_string(), "--timeout", SHORT])
            .args(command.arguments());
        if command == Command::Get {
            call = call.arg("--output").arg(&target);
        }
        let finished = call.start().finish_or_kill(WATCHDOG);
        assert!(matches!(finished.code(), Some(1 | 4)), "{finished}");
        assert_eq!(finished.stdout, "", "{finished}");
        assert!(!target.exists(), "{finished}");
        peer.end();
    }
}

// spec: R-SHEET-4
#[test]
fn what_cannot_be_a_sheet_is_not_asked_for() {
    for name in ["a sheet of 4 GB for 3 students", "a sheet of 4 GB for 4 billion students"] {
        let case = CASES.iter().find(|case| case.name == name).expect("it is there");
        for command in [Command::Close, Command::Sheet, Command::SheetNumber] {
            let result = Result::of(case, command);
            assert_eq!((result.exit, result.requests), (Some(1), 1), "\n{result}");
        }
    }
}

#[test]
fn there_are_at_least_22_hostile_servers_each_with_a_name_of_its_own() {
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len());
    assert!(names.len() >= 22, "{}", names.len());
}

#[test]
fn the_peer_is_an_honest_server_until_a_case_makes_it_another() {
    for &command in Command::ALL {
        let result = Result::of(&cases::HONEST, command);
        assert!(result.is_right(), "\n{result}");
    }
}

#[test]
fn every_command_ends_where_nothing_listens() {
    let closed = Peer::start(cases::HONEST.behave);
    let address = closed.address().to_string();
    closed.end();
    for &command in Command::ALL {
        let finished = Call::new(&Place::default(), command.program(), None)
            .args(["--server", &address, "--timeout", "1s"])
            .args(command.arguments())
            .start()
            .finish_or_kill(WATCHDOG);
        assert!(matches!(finished.code(), Some(1 | 4)), "{finished}");
    }
}
