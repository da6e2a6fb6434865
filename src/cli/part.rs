//! Where a file is saved, and the part of it that is on disk while it is fetched.
//!
//! What arrives is written beside the target under a name of its own and is renamed to the target when
//! the file is complete. Whether it is the right file is decided by
//! [`ObjectFetch`](crate::blocks::ObjectFetch). Other users may write to the folder: a part is opened
//! without following links, and only a regular file of ours that has no other name is used.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::language::text;
use crate::blocks::Prefix;
use crate::exchange::FileInfo;
use crate::ids::{ContentId, FileName};
use crate::limits::{BLOCK_BYTES, PART_NAMES_MAX};
use crate::shell::download::Destination;

/// How much of a part is read at once to hash it.
const READ_BYTES: usize = 1 << 20;
/// Where a file is saved: a name in a folder.
pub(super) struct Target {
    path: PathBuf,
    folder: PathBuf,
    name: OsString,
}

impl Target {
    /// The target for a file of this name: `output` is a folder or a path; by default it is saved in the
    /// current folder.
    pub(super) fn new(name: &FileName, output: Option<&Path>) -> Result<Self, String> {
        let path = match output {
            None => PathBuf::from(local_name(name)),
            Some(path) if path.is_dir() => path.join(local_name(name)),
            Some(path) => path.to_owned(),
        };
        let Some(last) = path.file_name().map(OsStr::to_owned) else {
            return Err(text!("output-no-name", path = path.display()));
        };
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { path, folder, name: last })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file may be saved here. An existing file is replaced only with `force`, and anything but a
    /// regular file never.
    pub(super) fn check(&self, force: bool) -> Result<(), String> {
        if !self.folder.is_dir() {
            let (path, folder) = (self.path.display(), self.folder.display());
            return Err(text!("output-no-folder-for", path, folder));
        }
        let Ok(here) = self.path.symlink_metadata() else { return Ok(()) };
        let path = self.path.display();
        // Replacing a link replaces the link itself, but one to a device is treated as the device.
        let end = self.path.metadata();
        if [Some(&here).filter(|it| !it.is_symlink()), end.as_ref().ok()]
            .into_iter()
            .flatten()
            .any(|it| !it.is_file())
        {
            return Err(if here.is_dir() {
                text!("output-folder", path)
            } else {
                text!("output-no-file", path)
            });
        }
        if force { Ok(()) } else { Err(text!("output-there", path)) }
    }

    /// The prefix of the names of all parts for this target.
    fn prefix(&self) -> String {
        let name = format!("{:?}", ContentId::of(self.name.as_encoded_bytes()));
        format!(".rollcall-{}-", &name[..16])
    }
}

/// Refuses a path that ends like a folder and is none.
pub(super) fn check_output(output: &Path) -> Result<(), String> {
    let is_separator = |it: u8| it == b'/' || (cfg!(windows) && it == b'\\');
    let ends_in_one =
        output.as_os_str().as_encoded_bytes().last().copied().is_some_and(is_separator);
    if ends_in_one && !output.is_dir() {
        let path = output.display();
        return Err(text!("output-no-folder", path));
    }
    Ok(())
}

/// The name to save a file under. A valid [`FileName`] cannot lead out of the folder on Unix; on Windows
/// a colon can.
fn local_name(name: &FileName) -> String {
    if cfg!(windows) {
        return name.as_str().replace([':', '*', '?', '"', '<', '>', '|'], "_");
    }
    name.as_str().to_owned()
}

/// The part of a file that is on disk.
pub(super) struct Part {
    dir: Dir,
    name: String,
    file: File,
    info: FileInfo,
    /// How many bytes are on disk.
    length: u64,
    /// How many of them are from an earlier command.
    resumed_at: u64,
}

impl Part {
    /// Opens the part of this content, or creates an empty one.
    pub(super) fn open(target: &Target, info: &FileInfo) -> Result<Self, String> {
        let error = |error: io::Error| {
            let folder = target.folder.display();
            text!("output-unwritten", folder, error)
        };
        let dir = Dir::open_ambient_dir(&target.folder, ambient_authority()).map_err(error)?;
        for number in 0..PART_NAMES_MAX {
            let name = Self::name(target, info, number);
            let Some(file) = open(&dir, &name).map_err(error)? else { continue };
            // Not every file system has locks. Without one, two transfers damage each other's bytes,
            // which is detected.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Err(text!("output-under-way"));
            }
            if !is_at(&dir, &name, &file) {
                // Another transfer completed it in between, or somebody moved it.
                continue;
            }
            return Self::resume(dir, name, file, *info).map_err(error);
        }
        let folder = target.folder.display();
        Err(text!("output-taken", folder))
    }

    /// Goes on after the last whole block.
    fn resume(dir: Dir, name: String, file: File, info: FileInfo) -> io::Result<Self> {
        let length = match file.metadata()?.len().min(info.bytes) {
            all if all == info.bytes => all,
            some => some - some % BLOCK_BYTES as u64,
        };
        file.set_len(length)?;
        Ok(Self { dir, name, file, info, length, resumed_at: length })
    }

    /// The name for a part of this content for this target.
    fn name(target: &Target, info: &FileInfo, number: u32) -> String {
        let (prefix, content) = (target.prefix(), format!("{:?}", info.content));
        let number = if number == 0 { String::new() } else { format!("-{number}") };
        format!("{prefix}{}{number}.part", &content[..16])
    }

    /// The object that it is a part of.
    pub(super) fn info(&self) -> FileInfo {
        self.info
    }

    /// How many bytes are on disk.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many of them are from an earlier command.
    pub(super) fn resumed_at(&self) -> u64 {
        self.resumed_at
    }

    /// Reads and hashes what is on disk; further bytes are written after it.
    pub(super) fn prefix(&mut self) -> io::Result<Prefix> {
        // What a failed write left beyond the last whole block is no part of it.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(0))?;
        let mut prefix = Prefix::default();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match self.file.read(&mut buffer)? {
                0 => break,
                read => prefix.push(&buffer[..read]),
            }
        }
        if prefix.bytes() != self.length {
            return Err(io::Error::other(text!("output-changes")));
        }
        Ok(prefix)
    }

    /// Renames it to the target, and removes the parts of other contents for the same target.
    pub(super) fn keep(self, target: &Target, force: bool) -> Result<(), String> {
        target.check(force)?;
        let error = |error: io::Error| text!("output-unsaved", path = target.path.display(), error);
        let Self { dir, name, .. } = &self;
        let done = if force {
            dir.rename(name, dir, &target.name)
        } else {
            match dir.hard_link(name, dir, &target.name) {
                Ok(()) => dir.remove_file(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
                // Not every file system has links.
                Err(_) if dir.symlink_metadata(&target.name).is_err() => {
                    dir.rename(name, dir, &target.name)
                }
                Err(error) => Err(error),
            }
        };
        done.map_err(error)?;
        remove_parts(dir, target);
        Ok(())
    }

    /// Removes it. One that cannot be removed does no harm: the next transfer of this content uses it.
    pub(super) fn remove(self) {
        let _ = self.dir.remove_file(&self.name);
    }
}

impl Destination for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.length, self.resumed_at) = (0, 0);
        Ok(())
    }
}

/// Removes the parts for this target that nobody is writing.
fn remove_parts(dir: &Dir, target: &Target) {
    let prefix = target.prefix();
    let Ok(entries) = dir.entries() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|it| it.starts_with(&prefix)) else { continue };
        if let Ok(Some(file)) = open_existing(dir, name)
            && file.try_lock().is_ok()
        {
            let _ = dir.remove_file(name);
        }
    }
}

/// Opens or creates a part; `None` if something else has this name.
fn open(dir: &Dir, name: &str) -> io::Result<Option<File>> {
    match open_existing(dir, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => return Ok(None),
        opened => return opened,
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    match dir.open_with(name, &options) {
        Ok(file) => Ok(Some(file.into_std())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a part; `None` if it is not a regular file of ours with this name only.
fn open_existing(dir: &Dir, name: &str) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options)?.into_std();
    Ok(is_ours(&file)?.then_some(file))
}

#[cfg(unix)]
fn is_ours(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let it = file.metadata()?;
    let me = rustix::process::geteuid().as_raw();
    Ok(it.is_file() && it.uid() == me && it.nlink() == 1)
}

#[cfg(not(unix))]
fn is_ours(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.is_file())
}

/// Whether this file is still the one with this name.
#[cfg(unix)]
fn is_at(dir: &Dir, name: &str, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (dir.symlink_metadata(name), file.metadata()) {
        (Ok(there), Ok(here)) => {
            let there =
                (cap_std::fs::MetadataExt::dev(&there), cap_std::fs::MetadataExt::ino(&there));
            there == (here.dev(), here.ino())
        }
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(dir: &Dir, name: &str, _: &File) -> bool {
    dir.symlink_metadata(name).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn target(folder: &Path) -> Target {
        Target::new(&"notes.pdf".parse().unwrap(), Some(folder)).unwrap()
    }

    fn content() -> (Vec<u8>, FileInfo) {
        let content: Vec<u8> = (0..5_000_u32).map(|it| u8::try_from(it % 251).unwrap()).collect();
        let info = FileInfo { bytes: 5_000, content: ContentId::of(&content) };
        (content, info)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_saved_under_its_name_in_the_folder_or_under_the_name_that_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let name: FileName = "notes.pdf".parse().unwrap();
        let path = |output| Target::new(&name, output).unwrap().path;
        assert_eq!(path(None), Path::new("notes.pdf"));
        assert_eq!(path(Some(folder.path())), folder.path().join("notes.pdf"));
        assert_eq!(path(Some(Path::new("x/y"))), Path::new("x/y"));
        assert!(Target::new(&name, Some(Path::new("no/.."))).is_err());
    }

    #[test]
    fn a_part_goes_on_at_the_last_whole_block() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path());
        let (content, info) = content();
        let mut part = Part::open(&target, &info).unwrap();
        part.write(&content[..3_000]).unwrap();
        assert!(Part::open(&target, &info).is_err(), "one at a time");
        drop(part);
        let mut part = Part::open(&target, &info).unwrap();
        assert_eq!((part.length(), part.resumed_at()), (2_048, 2_048));
        assert_eq!(part.prefix().unwrap().content(), ContentId::of(&content[..2_048]));
        part.write(&content[2_048..]).unwrap();
        assert_eq!(part.prefix().unwrap().content(), info.content);
        part.keep(&target, false).unwrap();
        assert_eq!(fs::read(target.path()).unwrap(), content);
        let again = Part::open(&target, &info).unwrap();
        assert!(again.keep(&target, false).is_err(), "what is there stays");
    }

    #[cfg(unix)]
    #[test]
    fn what_somebody_else_put_under_the_name_of_a_part_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path());
        let (content, info) = content();
        let mine = folder.path().join("mine");
        fs::write(&mine, "not to be overwritten").unwrap();
        let path = |number| folder.path().join(Part::name(&target, &info, number));
        std::os::unix::fs::symlink(&mine, path(0)).unwrap();
        fs::hard_link(&mine, path(1)).unwrap();
        fs::create_dir(path(2)).unwrap();
        std::os::unix::fs::symlink("nowhere", path(3)).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path(4)).status();
        assert!(made.unwrap().success());
        let mut part = Part::open(&target, &info).unwrap();
        assert_eq!(part.name, Part::name(&target, &info, 5));
        part.write(&content).unwrap();
        part.keep(&target, false).unwrap();
        assert_eq!(fs::read(target.path()).unwrap(), content);
        assert_eq!(fs::read(&mine).unwrap(), b"not to be overwritten");
        for number in 5..PART_NAMES_MAX {
            fs::create_dir(path(number)).unwrap();
        }
        let error = Part::open(&target, &info).err().unwrap();
        assert!(error.contains("--output"), "{error}");
    }

    #[test]
    fn the_parts_of_what_the_file_was_before_go_when_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path());
        let other = Target::new(&"other".parse().unwrap(), Some(folder.path())).unwrap();
        let (content, info) = content();
        let of = |text: &str| FileInfo { bytes: 9_999, content: ContentId::of(text.as_bytes()) };
        drop(Part::open(&target, &of("older")).unwrap());
        let under_way = Part::open(&target, &of("newer")).unwrap();
        drop(Part::open(&other, &of("older")).unwrap());
        let mut part = Part::open(&target, &info).unwrap();
        part.write(&content).unwrap();
        part.keep(&target, false).unwrap();
        let mut left = vec![under_way.name.clone(), Part::name(&other, &of("older"), 0)];
        left.push("notes.pdf".into());
        left.sort();
        assert_eq!(names(folder.path()), left);
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path());
        assert!(target.check(false).is_ok());
        fs::write(target.path(), "mine").unwrap();
        assert!(target.check(false).unwrap_err().contains("--force"));
        assert!(target.check(true).is_ok());
        fs::remove_file(target.path()).unwrap();
        fs::create_dir(target.path()).unwrap();
        assert!(target.check(true).unwrap_err().contains("is a folder"));
        fs::remove_dir(target.path()).unwrap();
        for device in ["/dev/null", "/dev/zero"] {
            std::os::unix::fs::symlink(device, target.path()).unwrap();
            assert!(target.check(true).is_err(), "{device}");
            fs::remove_file(target.path()).unwrap();
        }
        let null = Target::new(&"a".parse().unwrap(), Some(Path::new("/dev/null"))).unwrap();
        assert!(null.check(true).unwrap_err().contains("never replaced"));
        let nowhere = folder.path().join("no/folder");
        let nowhere = Target::new(&"a".parse().unwrap(), Some(&nowhere)).unwrap();
        assert!(nowhere.check(false).unwrap_err().contains("make it first"));
        assert!(check_output(Path::new("no folder/")).is_err());
        assert!(check_output(Path::new("no folder")).is_ok());
    }
}
