//! The folder of offered files, on a thread of its own: disks make one wait, and the loop must not.
//!
//! Only regular files that lie directly in the folder are offered, under names that are safe to show
//! ([`FileName`]). Files are opened relative to the folder, never by a path that somebody sent, and
//! never through a link (`cap-std`: `openat2` with `RESOLVE_BENEATH` where there is one).
//!
//! The name of a content takes reading the whole file. It is done a piece at a time, between orders,
//! once for each state of a file: as long as its size and its times are the same, so is its content.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use mio::Waker;
use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use super::clock::wall;

use crate::ids::{ContentId, FileKey, FileName};
use crate::limits::{BLOCK_BYTES, FILE_BYTES_MAX, FILES_MAX, HASHED_AT_ONCE_BYTES};
use crate::operation::{FileEntry, FileInfo, FileState};
use crate::server::{FolderOrder, Piece};

/// The files that are kept open because they are being fetched.
const OPEN_MAX: usize = 64;

/// The files that are kept open because their contents get their names.
const HASHING_MAX: usize = 64;

/// How much the files give way to all else, from 0 (nothing) to 19.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A file that was written so lately is not offered yet.
const SETTLED_MS: u64 = 300;

/// A folder that cannot be offered.
#[derive(Debug, thiserror::Error)]
#[error("cannot offer the files of {}: {source}", path.display())]
pub struct FolderError {
    path: PathBuf,
    source: io::Error,
}

/// What was done in the folder.
pub(super) enum FolderDone {
    Listing(Vec<FileEntry>),
    File(FileKey, FileState),
    Piece(Piece, Option<Vec<u8>>),
}

/// A folder that takes orders.
pub(super) struct FolderKeeper {
    orders: Sender<FolderOrder>,
    done: Receiver<FolderDone>,
    thread: JoinHandle<()>,
}

impl FolderKeeper {
    /// Offers this folder. Whenever something was done, the waker wakes the loop.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn begin(folder: Folder, waker: Arc<Waker>) -> io::Result<Self> {
        // The core bounds what is under way.
        let (orders, to_do) = channel();
        let (tell, done) = channel();
        let work = move || work(folder, &to_do, &tell, &waker);
        let thread = std::thread::Builder::new().name("files".into()).spawn(work)?;
        Ok(Self { orders, done, thread })
    }

    pub(super) fn order(&self, order: FolderOrder) {
        // A thread that has ended has panicked: that is found at the end.
        let _ = self.orders.send(order);
    }

    pub(super) fn poll_done(&self) -> Option<FolderDone> {
        self.done.try_recv().ok()
    }

    pub(super) fn end(self) {
        let Self { orders, done, thread } = self;
        drop((orders, done));
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The folder's thread: orders first, and between them a piece of a file whose content has no name.
fn work(
    mut folder: Folder,
    to_do: &Receiver<FolderOrder>,
    tell: &Sender<FolderDone>,
    waker: &Waker,
) {
    give_way();
    loop {
        let order = if folder.is_idle() {
            to_do.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            to_do.try_recv()
        };
        match order {
            Ok(order) => {
                if tell.send(folder.carry_out(order)).is_err() || waker.wake().is_err() {
                    return;
                }
            }
            Err(TryRecvError::Empty) => folder.hash_some(),
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

/// Lets this thread read and hash with what the loop and the journal leave of the processor: marks
/// come before files.
#[cfg(target_os = "linux")]
fn give_way() {
    // Here each thread has a priority of its own; elsewhere this would be that of the process.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        debug!("files are read with the priority of all else: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

/// The files of a folder.
pub struct Folder {
    dir: Dir,
    path: PathBuf,
    /// The names in the folder, as it was read last.
    names: HashMap<FileKey, FileName>,
    /// The time of the folder then: it changes when a name comes or goes.
    names_of: Option<SystemTime>,
    contents: HashMap<FileName, (Stamp, ContentId)>,
    by_content: HashMap<ContentId, FileName>,
    /// Files that were seen to change: what they became, and when that was first seen.
    changing: HashMap<FileName, (Stamp, u64)>,
    /// The one opened last at the end.
    open: VecDeque<(ContentId, std::fs::File)>,
    /// Files whose content gets its name.
    hashing: VecDeque<Hashing>,
    buffer: Vec<u8>,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Changes with everything, and nobody sets it; with the file's own number.
    #[cfg(unix)]
    changed: (i64, i64, u64),
}

impl Stamp {
    /// Whether it was written just now: somebody may still be writing, and a change so soon after
    /// another may have the same time.
    fn is_fresh(&self, now: u64) -> bool {
        self.modified.is_some_and(|at| is_recent(at, now))
    }
}

struct Hashing {
    name: FileName,
    stamp: Stamp,
    file: std::fs::File,
    hasher: Sha256,
    done: u64,
}

impl Folder {
    /// The files directly in this folder.
    ///
    /// # Errors
    /// If there is no such folder, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let error = |source| FolderError { path: path.to_owned(), source };
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(error)?;
        let mut folder = Self {
            dir,
            path: path.to_owned(),
            names: HashMap::new(),
            names_of: None,
            contents: HashMap::new(),
            by_content: HashMap::new(),
            changing: HashMap::new(),
            open: VecDeque::new(),
            hashing: VecDeque::new(),
            buffer: vec![0; HASHED_AT_ONCE_BYTES],
        };
        folder.list().map_err(error)?;
        Ok(folder)
    }

    fn carry_out(&mut self, order: FolderOrder) -> FolderDone {
        match order {
            FolderOrder::List => FolderDone::Listing(self.list().unwrap_or_else(|error| {
                warn!("cannot list the files of {}: {error}", self.path.display());
                Vec::new()
            })),
            FolderOrder::Describe(key) => FolderDone::File(key, self.describe(key)),
            FolderOrder::Read(piece) => FolderDone::Piece(piece, self.read(piece)),
        }
    }

    /// What is offered, in order of name.
    fn list(&mut self) -> io::Result<Vec<FileEntry>> {
        let mut files = Vec::new();
        // A change so soon after another may have the same time: then the next one looks again.
        let now = wall().as_millis();
        self.names_of = self.changed_at().filter(|at| !is_recent(*at, now));
        for entry in self.dir.entries()? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // Of the entry itself, not of what a link points at.
            let Ok(metadata) = entry.metadata() else { continue };
            let bytes = metadata.len();
            if metadata.is_file() && bytes <= FILE_BYTES_MAX {
                files.push(FileEntry { name, bytes });
            }
        }
        // R-FILES-1
        files.sort_by(|a, b| a.name.cmp(&b.name));
        if files.len() > FILES_MAX {
            warn!("only the first {FILES_MAX} of {} files are offered", files.len());
            files.truncate(FILES_MAX);
        }
        let is_here = |name: &FileName| files.binary_search_by(|it| it.name.cmp(name)).is_ok();
        self.contents.retain(|name, _| is_here(name));
        self.by_content.retain(|_, name| is_here(name));
        self.changing.retain(|name, _| is_here(name));
        self.names = files.iter().map(|file| (file.name.key(), file.name.clone())).collect();
        Ok(files)
    }

    /// How it stands with a file; begins to read it if that has to be done first.
    fn describe(&mut self, key: FileKey) -> FileState {
        // Whoever asks for what is not there does not make us read the folder each time.
        if !self.names.contains_key(&key) && !self.has_all_names() {
            let _ = self.list();
        }
        // R-FILES-4
        let Some(name) = self.names.get(&key).cloned() else { return FileState::Absent };
        let Ok((file, stamp)) = self.open_file(&name) else { return FileState::Absent };
        if !self.is_settled(&name, stamp) {
            return FileState::Reading { done: 0, bytes: stamp.bytes };
        }
        if !self.is_known(&name, stamp)
            && !self.hashing.iter().any(|it| it.name == name && it.stamp == stamp)
        {
            self.hashing.retain(|it| it.name != name);
            // Whoever asks again when there is room gets it read then.
            if self.hashing.len() < HASHING_MAX {
                let hashing =
                    Hashing { name: name.clone(), stamp, file, hasher: Sha256::new(), done: 0 };
                self.hashing.push_front(hashing);
                // A small file is known at once.
                self.hash_some();
            }
        }
        match self.contents.get(&name) {
            Some(&(known, content)) if known == stamp => {
                // Two files may have one content: the one that was asked for is there for sure.
                self.by_content.insert(content, name);
                FileState::Ready(FileInfo { bytes: stamp.bytes, content })
            }
            _ => {
                let done = self.hashing.iter().find(|it| it.name == name).map_or(0, |it| it.done);
                FileState::Reading { done: done.min(stamp.bytes), bytes: stamp.bytes }
            }
        }
    }

    fn changed_at(&self) -> Option<SystemTime> {
        Some(self.dir.dir_metadata().ok()?.modified().ok()?.into_std())
    }

    /// Whether the folder has the names that it had when it was read.
    fn has_all_names(&self) -> bool {
        self.names_of.is_some() && self.names_of == self.changed_at()
    }

    /// Whether nobody seems to be writing to the file. Its time alone does not tell: while it is cut
    /// to be written anew, it is short and has the old one.
    fn is_settled(&mut self, name: &FileName, stamp: Stamp) -> bool {
        let now = wall().as_millis();
        let before = match self.changing.get(name) {
            Some(&(seen, since)) if seen == stamp => return now.abs_diff(since) >= SETTLED_MS,
            Some(&(seen, _)) => Some(seen),
            None => self.contents.get(name).map(|(known, _)| *known),
        };
        if before.is_some_and(|before| before != stamp) {
            self.changing.insert(name.clone(), (stamp, now));
            return false;
        }
        !stamp.is_fresh(now)
    }

    fn is_known(&self, name: &FileName, stamp: Stamp) -> bool {
        self.contents.get(name).is_some_and(|(known, _)| *known == stamp)
    }

    /// Reads a piece; nothing if no file has this content any more.
    fn read(&mut self, piece: Piece) -> Option<Vec<u8>> {
        let Piece { content, first, blocks } = piece;
        let (stamp, place) = self.opened(content)?;
        let start = u64::from(first) * BLOCK_BYTES as u64;
        let length = stamp.bytes.saturating_sub(start).min(u64::from(blocks) * BLOCK_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).expect("64 blocks at most")];
        let file = &self.open[place].1;
        let whole = read_exact_at(file, &mut bytes, start).is_ok();
        // Looked at after reading: what was read is of the file that had this content.
        // R-FILES-5
        let same = stamp_of(file).is_ok_and(|now| now == stamp);
        if whole && same {
            return Some(bytes);
        }
        self.forget(content);
        None
    }

    /// The open file with this content.
    fn opened(&mut self, content: ContentId) -> Option<(Stamp, usize)> {
        let name = self.by_content.get(&content)?.clone();
        let &(stamp, _) = self.contents.get(&name)?;
        if let Some(place) = self.open.iter().position(|(open, _)| *open == content) {
            return Some((stamp, place));
        }
        match self.open_file(&name) {
            Ok((file, now)) if now == stamp => {
                if self.open.len() >= OPEN_MAX {
                    self.open.pop_front();
                }
                self.open.push_back((content, file));
                Some((stamp, self.open.len() - 1))
            }
            _ => {
                self.forget(content);
                None
            }
        }
    }

    fn forget(&mut self, content: ContentId) {
        self.open.retain(|(open, _)| *open != content);
        if let Some(name) = self.by_content.remove(&content) {
            debug!("'{name}' is another file now");
            if let Some((stamp, _)) = self.contents.remove(&name) {
                self.changing.insert(name, (stamp, 0));
            }
        }
    }

    /// Opens a regular file directly in the folder.
    fn open_file(&self, name: &FileName) -> io::Result<(std::fs::File, Stamp)> {
        let mut options = OpenOptions::new();
        // Not through a link, and not waiting for who writes to a pipe.
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = self.dir.open_with(name.as_str(), &options)?.into_std();
        let stamp = stamp_of(&file)?;
        Ok((file, stamp))
    }

    fn is_idle(&self) -> bool {
        self.hashing.is_empty()
    }

    /// Reads a piece of the file whose turn it is.
    fn hash_some(&mut self) {
        let Some(mut hashing) = self.hashing.pop_front() else { return };
        match hashing.file.read(&mut self.buffer) {
            Ok(0) => self.hashed(hashing),
            Ok(read) => {
                hashing.hasher.update(&self.buffer[..read]);
                hashing.done += read as u64;
                if hashing.done == hashing.stamp.bytes {
                    return self.hashed(hashing);
                }
                // The next piece is another file's, if there is one: a large one does not keep a
                // small one waiting.
                self.hashing.push_back(hashing);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.hashing.push_front(hashing);
            }
            Err(error) => warn!("cannot read '{}': {error}", hashing.name),
        }
    }

    fn hashed(&mut self, hashing: Hashing) {
        let Hashing { name, stamp, file, hasher, done } = hashing;
        let same = stamp_of(&file).is_ok_and(|now| now == stamp);
        if !same || done != stamp.bytes {
            // It changed while it was read. Whoever waits for it asks again, and it is read again.
            debug!("'{name}' changed while it was read");
            return;
        }
        let content = ContentId::from_bytes(hasher.finalize().into());
        if let Some((_, before)) = self.contents.insert(name.clone(), (stamp, content)) {
            self.open.retain(|(open, _)| *open != before);
            self.by_content.remove(&before);
        }
        self.changing.remove(&name);
        self.by_content.insert(content, name);
    }
}

/// Whether that was just now; `now` is in milliseconds after 1970.
fn is_recent(at: SystemTime, now: u64) -> bool {
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    // A time to come is that of another computer's clock.
    u64::try_from(at).ok().and_then(|at| now.checked_sub(at)).is_some_and(|age| age < SETTLED_MS)
}

fn stamp_of(file: &std::fs::File) -> io::Result<Stamp> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(Stamp {
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
        #[cfg(unix)]
        changed: {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.ctime(), metadata.ctime_nsec(), metadata.ino())
        },
    })
}

#[cfg(unix)]
fn read_exact_at(file: &std::fs::File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_exact_at(file: &std::fs::File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                start += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    const A_DAY: Duration = Duration::from_secs(86_400);

    /// A folder with so many files, too large to be known at once, that were written long ago.
    fn of_large_files(count: usize) -> (tempfile::TempDir, Folder, Vec<FileKey>) {
        let place = tempfile::tempdir().expect("a folder");
        let name = |number| format!("{number}.bin").parse::<FileName>().expect("a name");
        for number in 0..count {
            let file = File::create(place.path().join(name(number).as_str())).expect("a file");
            file.set_len(2 * HASHED_AT_ONCE_BYTES as u64).expect("a sparse file");
            file.set_modified(SystemTime::UNIX_EPOCH + A_DAY).expect("an old file");
        }
        let folder = Folder::open(place.path()).expect("a folder");
        (place, folder, (0..count).map(|number| name(number).key()).collect())
    }

    /// Each file that is being read is an open one, and the journal needs some too.
    #[test]
    fn whoever_asks_for_many_files_has_few_of_them_open() {
        let (_place, mut folder, keys) = of_large_files(HASHING_MAX + 30);
        for &key in &keys {
            assert!(matches!(folder.describe(key), FileState::Reading { .. }));
            assert!(folder.hashing.len() <= HASHING_MAX);
        }
        assert_eq!(folder.hashing.len(), HASHING_MAX, "as many as it may");
        // The others are read when they are asked for again.
        for &key in &keys {
            folder.describe(key);
            while !folder.is_idle() {
                folder.hash_some();
            }
            assert!(matches!(folder.describe(key), FileState::Ready(_)));
        }
    }
}
