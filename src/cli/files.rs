//! The student's files: what the server offers, and how it gets here whole.
//!
//! What arrives is written beside the target under a name of its own, and gets its
//! own name when all of it is here and is what was announced. So a download that is cut off goes on
//! where it stopped, and nobody sees half a file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Exit;
use super::asking::{Asker, print_json};
use super::prompt::Prompt;
use super::words::{complain, counted, printed, remark};
use crate::ids::{ContentId, FileName};
use crate::limits::BLOCK_BYTES;
use crate::operation::{FileEntry, FileInfo};
use crate::shell::clock::Clock;

/// How often a file that changes while it is fetched is begun again.
const BEGINNINGS_MAX: u32 = 5;
/// What is read at once of a file that is here already.
const READ_BYTES: usize = 1 << 20;

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

impl Files {
    pub(super) fn new(asker: Asker) -> Self {
        Self { asker }
    }

    /// Shows the list.
    pub(super) fn list(mut self) -> Result<(), Exit> {
        let (files, attempts) = self.offered()?;
        self.show(&files, attempts)
    }

    /// Fetches one of them: by name, by its number in the list, or whichever is chosen.
    pub(super) fn get(
        mut self,
        file: Option<&str>,
        output: Option<&Path>,
        force: bool,
    ) -> Result<(), Exit> {
        let (name, attempts) = match file {
            Some(text) => self.find(text)?,
            None => match self.choose()? {
                Some(name) => (name, 0),
                None => return Ok(()),
            },
        };
        let target = target(&name, output);
        if !force && target.symlink_metadata().is_ok() {
            complain(format_args!(
                "{} is there already; use --force to replace it, or --output to save elsewhere",
                target.display()
            ));
            return Err(Exit::Failed);
        }
        let clock = Clock::start();
        let mut fetched = self.fetch(&name, &target, force)?;
        fetched.attempts += attempts;
        let took = clock.now().instant.as_micros();
        if self.asker.json() {
            let line = FetchedLine {
                name: name.as_str(),
                bytes: fetched.bytes,
                sha256: format!("{:?}", fetched.sha256),
                path: target.display().to_string(),
                resumed_at: fetched.resumed_at,
                attempts: fetched.attempts,
            };
            return printed(print_json(&line));
        }
        #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
        let (seconds, bytes) = (took as f64 / 1e6, (fetched.bytes - fetched.resumed_at) as f64);
        let (size, rate) = (HumanBytes(fetched.bytes), bytes / 1e6 / seconds.max(1e-6));
        let said =
            format!("{} is here: {size} in {seconds:.1} s, {rate:.1} MB/s.", target.display());
        printed(writeln!(io::stdout(), "{said}"))
    }

    /// The list, or that there is none.
    fn offered(&mut self) -> Result<(Vec<FileEntry>, u32), Exit> {
        let (files, attempts) = self.asker.list_files()?;
        let Some(files) = files else {
            complain("this server offers no files; whoever runs it can, with --files");
            return Err(Exit::Refused);
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
    fn find(&mut self, text: &str) -> Result<(FileName, u32), Exit> {
        let name = match text.parse::<FileName>() {
            Ok(name) => name,
            Err(why) => {
                complain(format_args!("'{text}': {why}"));
                return Err(Exit::Usage);
            }
        };
        let Ok(index) = text.parse::<usize>() else { return Ok((name, 0)) };
        let (files, attempts) = self.offered()?;
        if let Some(name) = pick(&files, text) {
            return Ok((name, attempts));
        }
        let files = counted(files.len(), "file", "files");
        complain(format_args!("there is no file number {index}; the server offers {files}"));
        Err(Exit::Refused)
    }

    /// Shows the list and asks until one of it is named; nothing at the end of the input.
    fn choose(&mut self) -> Result<Option<FileName>, Exit> {
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
        printed(prompt.ask("File: ", |text| pick(&files, text).ok_or_else(otherwise)))
    }

    /// Fetches a file; one that changes meanwhile is begun again.
    fn fetch(&mut self, name: &FileName, target: &Path, force: bool) -> Result<Fetched, Exit> {
        let bar = bar();
        let mut attempts = 0;
        for _ in 0..BEGINNINGS_MAX {
            let reading = &mut |done: u64, bytes: u64| {
                bar.set_length(bytes);
                bar.set_message("the server reads the file");
                bar.set_position(done);
            };
            let (info, more) = self.asker.describe_file(name.key(), reading)?;
            attempts += more;
            let Some(info) = info else {
                bar.finish_and_clear();
                complain(format_args!(
                    "the server offers no file '{name}'; see 'rollcall-student files'"
                ));
                return Err(Exit::Refused);
            };
            let mut part = Part::open(target, &info).map_err(|error| {
                complain(error);
                Exit::Failed
            })?;
            let resumed_at = part.length;
            let begin = part.blocks(&info);
            bar.set_length(info.bytes);
            bar.set_message(String::new());
            bar.set_position(resumed_at);
            bar.reset_eta();
            let fetched =
                self.asker.fetch(info, begin, &mut |bytes| part.write(bytes), &mut |it| {
                    bar.set_position(it.bytes);
                });
            let Some(done) = fetched.inspect_err(|_| bar.finish_and_clear())? else {
                part.remove();
                continue;
            };
            attempts += done.requests;
            if part.sha256() != info.content {
                // What was here from before, or what arrived, was not it.
                part.remove();
                continue;
            }
            bar.finish_and_clear();
            part.keep(target, force).map_err(|error| {
                complain(format_args!("cannot save {}: {error}", target.display()));
                Exit::Failed
            })?;
            return Ok(Fetched { bytes: info.bytes, resumed_at, attempts, sha256: info.content });
        }
        bar.finish_and_clear();
        complain(format_args!("'{name}' changes all the time on the server; try again later"));
        Err(Exit::Failed)
    }
}

/// The file of that name; or else that of that number in the list.
fn pick(files: &[FileEntry], text: &str) -> Option<FileName> {
    let by_name = files.iter().find(|file| file.name.as_str() == text);
    let by_number = || text.parse::<usize>().ok()?.checked_sub(1).and_then(|it| files.get(it));
    by_name.or_else(by_number).map(|file| file.name.clone())
}

/// Where a file is saved: in the folder or under the name that was given, or here.
fn target(name: &FileName, output: Option<&Path>) -> PathBuf {
    match output {
        None => PathBuf::from(local_name(name)),
        Some(path) if path.is_dir() => path.join(local_name(name)),
        Some(path) => path.to_owned(),
    }
}

/// The name for the disk of this computer. A valid name has nothing that leads elsewhere on Unix; a
/// colon does on Windows.
fn local_name(name: &FileName) -> String {
    if cfg!(windows) {
        return name.as_str().replace([':', '*', '?', '"', '<', '>', '|'], "_");
    }
    name.as_str().to_owned()
}

/// A file that is not whole yet.
struct Part {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    /// What was here at the beginning.
    length: u64,
}

impl Part {
    /// Goes on with what is here of this content, or begins.
    fn open(target: &Path, info: &FileInfo) -> Result<Self, String> {
        let path = Self::path(target, info);
        let error = |error: io::Error| format!("cannot write {}: {error}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(error)?;
        // Not every file system has locks: without one, whoever comes second finds its bytes damaged.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err("another download of this file to this place is under way".into());
        }
        let here = file.metadata().map_err(error)?.len().min(info.bytes);
        let length = match here {
            all if all == info.bytes => all,
            some => some - some % BLOCK_BYTES as u64,
        };
        file.set_len(length).map_err(error)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer).map_err(error)? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        file.seek(SeekFrom::Start(length)).map_err(error)?;
        Ok(Self { path, file, hasher, length })
    }

    /// Beside the target, under a name that only this content for this target has.
    fn path(target: &Path, info: &FileInfo) -> PathBuf {
        let mut key = info.content.as_bytes().to_vec();
        key.extend(target.file_name().unwrap_or_default().as_encoded_bytes());
        let name = format!(".rollcall-{:?}", ContentId::of(&key));
        target.with_file_name(&name[..".rollcall-".len() + 24]).with_extension("part")
    }

    /// How many blocks were here at the beginning.
    fn blocks(&self, info: &FileInfo) -> u32 {
        FileInfo { bytes: self.length, ..*info }.blocks()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// The name of what is here.
    fn sha256(&self) -> ContentId {
        ContentId::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Gives it its own name. When it reaches the disk is left to the system, as other programs that
    /// fetch files do: what a loss of power takes can be fetched again.
    fn keep(self, target: &Path, force: bool) -> io::Result<()> {
        if force {
            return std::fs::rename(&self.path, target);
        }
        match std::fs::hard_link(&self.path, target) {
            Ok(()) => std::fs::remove_file(&self.path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Not every file system has links.
            Err(_) if target.symlink_metadata().is_err() => std::fs::rename(&self.path, target),
            Err(error) => Err(error),
        }
    }

    fn remove(self) {
        // If it stays, it is in nobody's way: the next download of this content looks at it again.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A bar at a terminal; nothing in a pipe.
fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left {msg}";
    bar.set_style(ProgressStyle::with_template(style).expect("a valid template"));
    bar
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_saved_under_its_name_in_the_folder_or_under_the_name_that_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let name: FileName = "notes.pdf".parse().unwrap();
        assert_eq!(target(&name, None), Path::new("notes.pdf"));
        assert_eq!(target(&name, Some(folder.path())), folder.path().join("notes.pdf"));
        assert_eq!(target(&name, Some(Path::new("x/y"))), Path::new("x/y"));
    }

    #[test]
    fn a_part_goes_on_at_the_last_whole_block() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("notes.pdf");
        let content: Vec<u8> = (0..5_000_u32).map(|it| u8::try_from(it % 251).unwrap()).collect();
        let info = FileInfo { bytes: 5_000, content: ContentId::of(&content) };
        let mut part = Part::open(&target, &info).unwrap();
        part.write(&content[..3_000]).unwrap();
        assert!(Part::open(&target, &info).is_err(), "one at a time");
        drop(part);
        let mut part = Part::open(&target, &info).unwrap();
        assert_eq!(part.length, 2_048);
        part.write(&content[2_048..]).unwrap();
        assert_eq!(part.sha256(), info.content);
        part.keep(&target, false).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), content);
        let again = Part::open(&target, &info).unwrap();
        assert!(again.keep(&target, false).is_err(), "what is there stays");
    }
}
