//! The student's commands for files: lists what the server offers, and fetches one.

use std::io::{self, Write as _};
use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;

use super::Exit;
use super::client::{CommandClient, Untold};
use super::json::print_json;
use super::language::{Cause, Count, decimal, text};
use super::part::{Part, Target, check_output};
use super::progress::ProgressLine;
use super::prompt::Prompt;
use super::words::{complain, printed, remark};
use crate::blocks::Prefix;
use crate::exchange::{FileEntry, FileInfo};
use crate::ids::{ContentId, FileName};
use crate::limits::TRANSFER_BEGINNINGS_MAX;
use crate::shell::clock::Clock;
use crate::shell::download::FetchError;

/// Lists and fetches files.
pub(super) struct Files {
    client: CommandClient,
}

/// A file that was saved.
struct Fetched {
    bytes: u64,
    resumed_at: u64,
    attempts: u32,
    sha256: ContentId,
}

/// Why a command failed. The person has been told.
enum Failure {
    /// The server has no such file; `reason` is the word for `--json`.
    Refused { reason: &'static str, attempts: u32 },
    /// There was no answer.
    Unknown { exit: Exit, attempts: u32 },
    /// Anything that is not the server's answer.
    Other(Exit),
}

impl Failure {
    fn new(exit: Exit, attempts: u32) -> Self {
        match exit {
            Exit::Failed => Self::Other(exit),
            _ => Self::Unknown { exit, attempts },
        }
    }

    /// A question has no answer; `before` is how many datagrams the questions before it took.
    fn untold(before: u32) -> impl Fn(Untold) -> Self {
        move |Untold { exit, attempts }| Self::new(exit, before + attempts)
    }
}

impl From<Exit> for Failure {
    fn from(exit: Exit) -> Self {
        Self::Other(exit)
    }
}

/// Tells the person why a command failed.
fn failed(what: impl std::fmt::Display) -> Exit {
    complain(what);
    Exit::Failed
}

impl Files {
    pub(super) fn new(client: CommandClient) -> Self {
        Self { client }
    }

    /// Prints the list.
    pub(super) fn list(mut self) -> Result<(), Exit> {
        let listed = self.offered();
        let (files, attempts) = listed.map_err(|failure| self.failed(None, &failure))?;
        self.show(&files, attempts)
    }

    /// Fetches a file: by its name, by its number in the list, or the one that is chosen at a prompt.
    pub(super) fn get(
        mut self,
        file: Option<&str>,
        output: Option<&Path>,
        force: bool,
    ) -> Result<(), Exit> {
        if let Some(output) = output {
            check_output(output).map_err(failed)?;
        }
        let found = match file {
            Some(text) => self.find(text),
            None => self.choose(),
        };
        let found = found.map_err(|failure| self.failed(file, &failure))?;
        let Some((name, attempts)) = found else { return Ok(()) };
        let target = Target::new(&name, output).map_err(failed)?;
        target.check(force).map_err(failed)?;
        let clock = Clock::start();
        let fetched = self.fetch(&name, &target, force, attempts);
        let fetched = fetched.map_err(|failure| self.failed(Some(name.as_str()), &failure))?;
        if self.client.json() {
            let line = FetchedLine {
                name: name.as_str(),
                bytes: fetched.bytes,
                sha256: format!("{:?}", fetched.sha256),
                path: target.path().display().to_string(),
                resumed_at: fetched.resumed_at,
                attempts: fetched.attempts,
            };
            return printed(print_json(&line));
        }
        let micros = clock.now().instant.as_micros().max(1);
        let (path, all) = (target.path().display(), size(fetched.bytes));
        let arrived = fetched.bytes - fetched.resumed_at;
        let rate = u128::from(arrived) * 1_000_000 / u128::from(micros);
        let rate = size(u64::try_from(rate).unwrap_or(u64::MAX));
        let tenths = micros.div_ceil(100_000);
        let seconds = decimal(format_args!("{}.{}", tenths / 10, tenths % 10));
        let said = match fetched.resumed_at {
            0 => text!("fetched", path, all, seconds, rate),
            before if before == fetched.bytes => text!("fetched-before", path, all),
            before => {
                let (before, rest) = (size(before), size(arrived));
                text!("fetched-rest", path, all, before, rest, seconds, rate)
            }
        };
        printed(writeln!(io::stdout(), "{said}"))
    }

    /// Tells programs what did not work, and how the command ends.
    fn failed(&self, name: Option<&str>, failure: &Failure) -> Exit {
        let (exit, outcome, reason, attempts) = match *failure {
            Failure::Other(exit) => return exit,
            Failure::Refused { reason, attempts } => {
                (Exit::Refused, "refused", Some(reason), attempts)
            }
            Failure::Unknown { exit, attempts } => (exit, "unknown", None, attempts),
        };
        if !self.client.json() {
            return exit;
        }
        let line = FailedLine { name, outcome, reason, attempts };
        printed(print_json(&line)).map_or_else(|exit| exit, |()| exit)
    }

    /// The list of offered files.
    fn offered(&mut self) -> Result<(Vec<FileEntry>, u32), Failure> {
        let (files, attempts) = self.client.list_files().map_err(Failure::untold(0))?;
        let Some(files) = files else {
            complain(text!("files-none"));
            return Err(Failure::Refused { reason: "no_files", attempts });
        };
        Ok((files, attempts))
    }

    fn show(&self, files: &[FileEntry], attempts: u32) -> Result<(), Exit> {
        for (place, FileEntry { name, bytes }) in files.iter().enumerate() {
            let index = place + 1;
            if self.client.json() {
                let line = FileLine { index, name: name.as_str(), bytes: *bytes, attempts };
                printed(print_json(&line))?;
            } else {
                let size = size(*bytes);
                printed(writeln!(io::stdout(), "{index:>4}  {size:>12}  {name}"))?;
            }
        }
        if files.is_empty() && !self.client.json() {
            printed(writeln!(io::stdout(), "{}", text!("files-empty")))?;
        }
        Ok(())
    }

    /// The file with that name, or else the one with that number in the list.
    fn find(&mut self, text: &str) -> Result<Option<(FileName, u32)>, Failure> {
        if text.contains(['/', '\\']) {
            complain(text!("file-path", file = text));
            return Err(Exit::Usage.into());
        }
        let name = match text.parse::<FileName>() {
            Ok(name) => name,
            Err(why) => {
                complain(format_args!("'{text}': {}", why.words()));
                return Err(Exit::Usage.into());
            }
        };
        let Ok(index) = text.parse::<usize>() else { return Ok(Some((name, 0))) };
        let (files, attempts) = self.offered()?;
        if let Some(name) = pick(&files, text) {
            return Ok(Some((name, attempts)));
        }
        complain(text!("file-no-number", index, count = Count(files.len())));
        Err(Failure::Refused { reason: "no_file", attempts })
    }

    /// Shows the list and asks until one of it is named; `None` at the end of the input.
    fn choose(&mut self) -> Result<Option<(FileName, u32)>, Failure> {
        let (files, attempts) = self.offered()?;
        let mut prompt = Prompt::at_standard_input(self.client.json());
        if self.client.json() {
            // Standard output is for what is fetched.
            for (place, file) in files.iter().enumerate() {
                remark(format_args!("{:>4}  {}", place + 1, file.name));
            }
        } else {
            self.show(&files, attempts)?;
        }
        if files.is_empty() {
            return Ok(None);
        }
        let otherwise = || text!("file-form", most = files.len());
        let chosen =
            prompt.ask(&text!("question-file"), |text| pick(&files, text).ok_or_else(otherwise));
        Ok(printed(chosen)?.map(|name| (name, attempts)))
    }

    /// Fetches a file; one that changes meanwhile is begun again.
    fn fetch(
        &mut self,
        name: &FileName,
        target: &Target,
        force: bool,
        before: u32,
    ) -> Result<Fetched, Failure> {
        let mut line = ProgressLine::new();
        let mut attempts = before;
        let mut begun: Option<Part> = None;
        let mut in_vain = 0;
        while in_vain < TRANSFER_BEGINNINGS_MAX {
            let Some(info) = self.describe(name, &mut line, &mut attempts)? else {
                // The server has neither the file nor its earlier content.
                begun.into_iter().for_each(Part::remove);
                complain(text!("file-none", name));
                return Err(Failure::Refused { reason: "no_file", attempts });
            };
            let mut part = match begun.take() {
                Some(part) if part.info() == info => part,
                other => {
                    in_vain += u32::from(other.is_some());
                    // The server no longer has its content, so nobody can complete it.
                    other.into_iter().for_each(Part::remove);
                    Part::open(target, &info).map_err(failed)?
                }
            };
            let length_before = part.length();
            let prefix = part.prefix().map_err(|error| failed(text!("file-not-resumed", error)))?;
            let fetched = self.fetch_rest(&mut part, prefix, &mut line, &mut attempts);
            line.clear();
            match fetched {
                Ok(()) => return Self::save(part, target, force, attempts),
                Err(FetchError::Gone) => {
                    in_vain += u32::from(part.length() == length_before);
                    begun = Some(part);
                }
                Err(FetchError::Damaged) => return Err(damaged(part, name)),
                Err(error) => return Err(self.broken_off(part, target, &error, attempts)),
            }
        }
        complain(text!("file-changes", name));
        Err(Exit::Failed.into())
    }

    /// What is in a file now; `None` if the server does not offer it.
    fn describe(
        &mut self,
        name: &FileName,
        line: &mut ProgressLine,
        attempts: &mut u32,
    ) -> Result<Option<FileInfo>, Failure> {
        let described = self.client.describe_file(name.key(), line);
        let (info, more) = described.map_err(Failure::untold(*attempts))?;
        *attempts += more;
        Ok(info)
    }

    /// Fetches what is not on disk yet.
    fn fetch_rest(
        &mut self,
        part: &mut Part,
        prefix: Prefix,
        line: &mut ProgressLine,
        attempts: &mut u32,
    ) -> Result<(), FetchError> {
        let info = part.info();
        let mut requests = 0;
        line.begin();
        let fetched = self.client.fetch(info, prefix, part, &mut |progressed| {
            requests = progressed.requests;
            line.arrived(progressed.bytes, info.bytes);
        });
        *attempts += requests;
        fetched.map(|_| ())
    }

    /// Gives a file that is complete its name.
    fn save(part: Part, target: &Target, force: bool, attempts: u32) -> Result<Fetched, Failure> {
        let (FileInfo { bytes, content: sha256 }, resumed_at) = (part.info(), part.resumed_at());
        part.keep(target, force).map_err(failed)?;
        Ok(Fetched { bytes, resumed_at, attempts, sha256 })
    }

    /// A transfer was broken off: tells why, what is kept, and how to go on.
    fn broken_off(
        &mut self,
        part: Part,
        target: &Target,
        error: &FetchError,
        attempts: u32,
    ) -> Failure {
        let (why, exit) = match error {
            FetchError::Write(error) => {
                let path = target.path().display();
                let words = match error.kind() {
                    io::ErrorKind::StorageFull => text!("file-unwritten-full", path, error),
                    _ => text!("file-unwritten", path, error),
                };
                (words, Exit::Failed)
            }
            other => self.client.explain_fetch(other),
        };
        if part.length() == 0 {
            part.remove();
            complain(why);
        } else {
            let (kept, all) = (size(part.length()), size(part.info().bytes));
            complain(text!("file-broken-off", why, kept, all));
        }
        Failure::new(exit, attempts)
    }
}

/// What arrived is not the file, also when it was fetched once more.
fn damaged(part: Part, name: &FileName) -> Failure {
    part.remove();
    complain(text!("file-damaged", name));
    Exit::Failed.into()
}

/// So many bytes as people read them.
fn size(bytes: u64) -> String {
    decimal(HumanBytes(bytes))
}

/// The file with that name, or else the one with that number in the list.
fn pick(files: &[FileEntry], text: &str) -> Option<FileName> {
    let by_name = files.iter().find(|file| file.name.as_str() == text);
    let by_number = || text.parse::<usize>().ok()?.checked_sub(1).and_then(|it| files.get(it));
    by_name.or_else(by_number).map(|file| file.name.clone())
}

#[derive(Serialize)]
struct FileLine<'a> {
    index: usize,
    name: &'a str,
    bytes: u64,
    attempts: u32,
}

#[derive(Serialize)]
struct FetchedLine<'a> {
    name: &'a str,
    bytes: u64,
    sha256: String,
    path: String,
    resumed_at: u64,
    attempts: u32,
}

/// A line of `--json` for what was refused or has no answer.
#[derive(Serialize)]
struct FailedLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    attempts: u32,
}
