//! The student's files: what the server offers, and how it gets here whole.

use std::io::{self, Write as _};
use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;

use super::Exit;
use super::asking::{Asker, Untold, print_json};
use super::part::{Part, Target, check_output};
use super::progress::ProgressLine;
use super::prompt::Prompt;
use super::words::{complain, counted, printed, remark};
use crate::exchange::{FileEntry, FileInfo};
use crate::ids::{ContentId, FileName};
use crate::shell::clock::Clock;
use crate::shell::download::FetchError;

/// How often a file of which nothing arrived before it changed or was damaged is begun again.
const BEGINNINGS_MAX: u32 = 5;
/// How often all of a file may arrive and not be what was announced.
const DAMAGED_MAX: u32 = 2;

/// Somebody who wants files.
pub(super) struct Files {
    asker: Asker,
}

/// A file that is here.
struct Fetched {
    bytes: u64,
    resumed_at: u64,
    attempts: u32,
    sha256: ContentId,
}

/// What did not work. The person has been told.
enum Failure {
    /// Why the server gives no file, as programs hear it.
    Refused { reason: &'static str, attempts: u32 },
    /// No answer, as far as that is known.
    Unknown { exit: Exit, attempts: u32 },
    /// Anything that has nothing to do with the server.
    Other(Exit),
}

impl Failure {
    fn new(exit: Exit, attempts: u32) -> Self {
        match exit {
            Exit::Failed => Self::Other(exit),
            _ => Self::Unknown { exit, attempts },
        }
    }

    /// A question has no answer; `before` counts the datagrams of those that had one.
    fn untold(before: u32) -> impl Fn(Untold) -> Self {
        move |Untold { exit, attempts }| Self::new(exit, before + attempts)
    }
}

impl From<Exit> for Failure {
    fn from(exit: Exit) -> Self {
        Self::Other(exit)
    }
}

/// A download that was begun or goes on.
struct Begun {
    part: Part,
    info: FileInfo,
    /// The bytes that were here before.
    resumed_at: u64,
}

impl Begun {
    fn new(part: Part, info: FileInfo) -> Self {
        let resumed_at = part.length();
        Self { part, info, resumed_at }
    }
}

/// Says what has nothing to do with the server.
fn failed(what: impl std::fmt::Display) -> Exit {
    complain(what);
    Exit::Failed
}

impl Files {
    pub(super) fn new(asker: Asker) -> Self {
        Self { asker }
    }

    /// Shows the list.
    pub(super) fn list(mut self) -> Result<(), Exit> {
        let listed = self.offered();
        let (files, attempts) = listed.map_err(|failure| self.failed(None, &failure))?;
        self.show(&files, attempts)
    }

    /// Fetches one of them: by name, by its number in the list, or whichever is chosen.
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
        if self.asker.json() {
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
        let (path, size) = (target.path().display(), HumanBytes(fetched.bytes));
        let arrived = fetched.bytes - fetched.resumed_at;
        let rate = u128::from(arrived) * 1_000_000 / u128::from(micros);
        let rate = HumanBytes(u64::try_from(rate).unwrap_or(u64::MAX));
        let tenths = micros.div_ceil(100_000);
        let (seconds, tenths) = (tenths / 10, tenths % 10);
        let said = match fetched.resumed_at {
            0 => format!("{path} is here: {size} in {seconds}.{tenths} s, {rate}/s."),
            all if all == fetched.bytes => format!("{path} is here: {size} were here before."),
            some => {
                let (some, rest) = (HumanBytes(some), HumanBytes(arrived));
                format!(
                    "{path} is here: {size}, of which {some} were here before and {rest} came in \
                     {seconds}.{tenths} s, {rate}/s."
                )
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
        if !self.asker.json() {
            return exit;
        }
        let line = FailedLine { name, outcome, reason, attempts };
        printed(print_json(&line)).map_or_else(|exit| exit, |()| exit)
    }

    /// The list, or that there is none.
    fn offered(&mut self) -> Result<(Vec<FileEntry>, u32), Failure> {
        let (files, attempts) = self.asker.list_files().map_err(Failure::untold(0))?;
        let Some(files) = files else {
            complain("this server offers no files; whoever runs it can, with --files");
            return Err(Failure::Refused { reason: "no_files", attempts });
        };
        Ok((files, attempts))
    }

    fn show(&self, files: &[FileEntry], attempts: u32) -> Result<(), Exit> {
        for (place, FileEntry { name, bytes }) in files.iter().enumerate() {
            let index = place + 1;
            if self.asker.json() {
                let line = FileLine { index, name: name.as_str(), bytes: *bytes, attempts };
                printed(print_json(&line))?;
            } else {
                let size = HumanBytes(*bytes).to_string();
                printed(writeln!(io::stdout(), "{index:>4}  {size:>12}  {name}"))?;
            }
        }
        if files.is_empty() && !self.asker.json() {
            printed(writeln!(io::stdout(), "The folder of offered files is empty."))?;
        }
        Ok(())
    }

    /// The file of that name; or else that of that number in the list.
    fn find(&mut self, text: &str) -> Result<Option<(FileName, u32)>, Failure> {
        if text.contains(['/', '\\']) {
            complain(format_args!("'{text}' is a path; give a file name"));
            return Err(Exit::Usage.into());
        }
        let name = match text.parse::<FileName>() {
            Ok(name) => name,
            Err(why) => {
                complain(format_args!("'{text}': {why}"));
                return Err(Exit::Usage.into());
            }
        };
        let Ok(index) = text.parse::<usize>() else { return Ok(Some((name, 0))) };
        let (files, attempts) = self.offered()?;
        if let Some(name) = pick(&files, text) {
            return Ok(Some((name, attempts)));
        }
        let files = counted(files.len(), "file", "files");
        complain(format_args!("there is no file number {index}; the server offers {files}"));
        Err(Failure::Refused { reason: "no_file", attempts })
    }

    /// Shows the list and asks until one of it is named; nothing at the end of the input.
    fn choose(&mut self) -> Result<Option<(FileName, u32)>, Failure> {
        let (files, attempts) = self.offered()?;
        let mut prompt = Prompt::at_standard_input(self.asker.json());
        if self.asker.json() {
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
        let otherwise = || format!("type a number from 1 to {}, or a name", files.len());
        let chosen = prompt.ask("File: ", |text| pick(&files, text).ok_or_else(otherwise));
        Ok(printed(chosen)?.map(|name| (name, attempts)))
    }

    /// Fetches a file; one that changes meanwhile is begun again, and so is one that is damaged.
    fn fetch(
        &mut self,
        name: &FileName,
        target: &Target,
        force: bool,
        before: u32,
    ) -> Result<Fetched, Failure> {
        let mut line = ProgressLine::new();
        let mut attempts = before;
        let mut here: Option<Begun> = None;
        let (mut in_vain, mut damaged) = (0, 0);
        while in_vain < BEGINNINGS_MAX {
            let described = self.asker.describe_file(name.key(), &mut line);
            let (info, more) = described.map_err(Failure::untold(attempts))?;
            attempts += more;
            let Some(info) = info else {
                if let Some(Begun { part, .. }) = here {
                    // The server has neither the file nor what was in it.
                    part.remove();
                }
                complain(format_args!(
                    "the server offers no file '{name}', or cannot read it; see 'rollcall-student \
                     files'"
                ));
                return Err(Failure::Refused { reason: "no_file", attempts });
            };
            let mut begun = match here.take() {
                Some(begun) if begun.info == info => begun,
                other => {
                    if let Some(Begun { part, .. }) = other {
                        // Nobody can ever finish it.
                        part.remove();
                        in_vain += 1;
                    }
                    Begun::new(Part::open(target, &info).map_err(failed)?, info)
                }
            };
            let length_before = begun.part.length();
            let fetched = self.fetch_rest(&mut begun, &mut line, &mut attempts);
            line.clear();
            match fetched {
                Ok(()) => {}
                Err(FetchError::Gone) => {
                    in_vain += u32::from(begun.part.length() == length_before);
                    here = Some(begun);
                    continue;
                }
                Err(error) => return Err(self.broken_off(begun, target, &error, attempts)),
            }
            let Begun { mut part, resumed_at, .. } = begun;
            // R-TRANSFER-9
            if part.sha256() == info.content {
                part.keep(target, force).map_err(failed)?;
                let FileInfo { bytes, content: sha256 } = info;
                return Ok(Fetched { bytes, resumed_at, attempts, sha256 });
            }
            // What was here from before is damaged, or what has arrived.
            damaged += u32::from(resumed_at == 0);
            if damaged >= DAMAGED_MAX {
                part.remove();
                complain(format_args!(
                    "'{name}' arrived twice, and both times it was not what the server announced; \
                     tell whoever runs the server"
                ));
                return Err(Exit::Failed.into());
            }
            part.clear().map_err(|error| failed(format!("cannot write: {error}")))?;
            here = Some(Begun::new(part, info));
        }
        complain(format_args!("'{name}' changes all the time on the server; try again later"));
        Err(Exit::Failed.into())
    }

    /// Fetches what is not here yet.
    fn fetch_rest(
        &mut self,
        begun: &mut Begun,
        line: &mut ProgressLine,
        attempts: &mut u32,
    ) -> Result<(), FetchError> {
        let Begun { part, info, .. } = begun;
        let mut requests = 0;
        line.begin();
        let fetched =
            self.asker.fetch(*info, part.blocks(info), &mut |bytes| part.write(bytes), &mut |it| {
                requests = it.requests;
                line.arrived(it.bytes, info.bytes);
            });
        *attempts += requests;
        fetched.map(|_| ())
    }

    /// A download ended before its end: says why, what is kept of it, and how to go on.
    fn broken_off(
        &mut self,
        begun: Begun,
        target: &Target,
        error: &FetchError,
        attempts: u32,
    ) -> Failure {
        let (why, exit) = match error {
            FetchError::Write(error) => {
                let what = match error.kind() {
                    io::ErrorKind::StorageFull => "; make room there",
                    _ => "",
                };
                (format!("cannot write {}: {error}{what}", target.path().display()), Exit::Failed)
            }
            other => self.asker.explain_fetch(other),
        };
        let Begun { part, info, .. } = begun;
        if part.length() == 0 {
            part.remove();
            complain(why);
        } else {
            let (kept, all) = (HumanBytes(part.length()), HumanBytes(info.bytes));
            complain(format_args!(
                "{why}; {kept} of {all} are kept: run the same command again to go on"
            ));
        }
        Failure::new(exit, attempts)
    }
}

/// The file of that name; or else that of that number in the list.
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

/// What was refused, or has no answer.
#[derive(Serialize)]
struct FailedLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    attempts: u32,
}
