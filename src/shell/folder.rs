//! The folder of offered files, on a thread of its own: disks make one wait, and the loop must not.
//!
//! Only regular files that lie directly in the folder are offered, under names that are safe to show
//! ([`FileName`]). Files are opened relative to the folder, never by a path that somebody sent, and
//! never through a link (`cap-std`: `openat2` with `RESOLVE_BENEATH` where there is one).
//!
//! To know the content of a file takes reading all of it. That and listing the folder are done a
//! piece at a time, between orders. A file is read once for each state of it: as long as its length
//! and its times are the same, so is its content. When it is read, and when it is refused because it
//! never stays the same, is decided in [`settling`].
//!
//! Nothing of this outlives the process. After a restart a content that somebody fetches is looked
//! for in the files that may have it, by reading them; until that is done nobody is told that it is
//! not here. A cache on disk would be quicker for large files, but it would have to be believed, kept
//! and migrated, and a server without a data folder would have none.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use mio::Waker;
use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use super::clock::Clock;
use crate::exchange::{FileEntry, FileInfo, FileState};
use crate::ids::{ContentId, FileKey, FileName};
use crate::limits::{BLOCK_BYTES, FILES_MAX, HASHED_AT_ONCE_BYTES};
use crate::server::{FolderRequest, Piece, PieceRead};
use crate::time::{Instant, Now};

use contents::Contents;
use listing::{Listing, changed_at};
use settling::{QUIET, Settling, Verdict};
use stamp::{Stamp, age};

mod contents;
mod listing;
mod settling;
mod stamp;

/// The files that are kept open because they are being fetched.
const OPEN_MAX: usize = 64;

/// The files that are kept open because they are being read to know their contents.
const HASHING_MAX: usize = 64;

/// Between two listings there is this many times as long as the first one took, so that a large
/// folder that changes all the time takes a fifth of the thread at most.
const LISTING_PAUSE_RATIO: u32 = 4;

/// After a listing that failed.
const LISTING_RETRY: Duration = Duration::from_secs(1);

/// The names and the contents that are remembered because a listing has to tell whether they are
/// here. Who asks for more is told to ask again.
const SOUGHT_MAX: usize = 1_024;

/// The files that are tried in one go to find a content.
const CANDIDATES_AT_ONCE: usize = 16;

/// A content is looked for as long as somebody asks for it. Clients ask twice a second.
const SEARCH_LIFE: Duration = Duration::from_secs(5);

/// The pieces that are hashed in one go when small files may have the content that somebody waits
/// for.
const HASHED_FOR_SEARCH_PIECES: usize = 4;

/// A file that could not be read and has not changed since is tried again after this.
const UNREADABLE_RETRY: Duration = Duration::from_secs(10);

/// Between two lines in the log about the same kind of trouble with files.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// How much the files give way to all else, from 0 (nothing) to 19.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A folder that cannot be offered.
#[derive(Debug, thiserror::Error)]
#[error("cannot offer the files of {}: {source}", path.display())]
pub struct FolderError {
    path: PathBuf,
    source: io::Error,
}

/// What was done in the folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FolderDone {
    Listing(Vec<FileEntry>),
    File(FileKey, FileState),
    Piece(Piece, PieceRead),
}

/// A folder that takes orders.
pub(super) struct FolderKeeper {
    orders: Sender<FolderRequest>,
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

    pub(super) fn order(&self, order: FolderRequest) {
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

/// The folder's thread: orders first, and between them a piece of what takes long.
fn work(
    mut folder: Folder,
    to_do: &Receiver<FolderRequest>,
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
        let now = folder.clock.now();
        match order {
            Ok(order) => folder.carry_out(order, now),
            Err(TryRecvError::Empty) => folder.work_some(now),
            Err(TryRecvError::Disconnected) => return,
        }
        if folder.done.is_empty() {
            continue;
        }
        for done in folder.done.drain(..) {
            if tell.send(done).is_err() {
                return;
            }
        }
        if waker.wake().is_err() {
            return;
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
    clock: Clock,
    /// What is offered, as it was listed last.
    files: Vec<FileEntry>,
    names: HashMap<FileKey, FileName>,
    /// The time of the folder then: it changes when a name comes or goes.
    names_of: Option<SystemTime>,
    listing: Option<Listing>,
    /// The number of the listing that began last, and of the last one that was done to its end.
    begun: u64,
    listed: u64,
    /// The next listing does not begin before.
    next_listing: Instant,
    list_ordered: bool,
    sought_names: Sought<FileKey>,
    sought_contents: Sought<ContentId>,
    contents: Contents,
    settling: Settling,
    unreadable: HashMap<FileName, Unreadable>,
    /// The one opened last at the end.
    open: VecDeque<OpenFile>,
    /// Files that are being read to know their contents.
    hashing: VecDeque<Hashing>,
    search: Option<Search>,
    buffer: Vec<u8>,
    /// What was done and nobody has been told yet.
    done: Vec<FolderDone>,
    trouble: Trouble,
}

struct OpenFile {
    name: FileName,
    stamp: Stamp,
    file: std::fs::File,
}

struct Hashing {
    name: FileName,
    stamp: Stamp,
    file: std::fs::File,
    hasher: Sha256,
    done: u64,
}

/// A file that could not be read.
struct Unreadable {
    /// Nothing if it could not even be opened.
    stamp: Option<Stamp>,
    at: Instant,
}

/// A content that may be in a file that nobody has read yet.
#[derive(Clone, Copy)]
struct Search {
    content: ContentId,
    longer_than: u64,
    until: Instant,
}

/// What somebody asked for and the last listing does not have: it is not here if a listing that
/// began later does not have it either.
struct Sought<K> {
    /// The number of the listing that had begun last.
    asked_in: HashMap<K, u64>,
}

impl<K: Eq + std::hash::Hash> Sought<K> {
    fn new() -> Self {
        Self { asked_in: HashMap::new() }
    }

    /// Somebody asks for it: the number of the listing after which its absence is certain. Nothing
    /// if no more can be remembered.
    fn ask(&mut self, key: K, begun: u64) -> Option<u64> {
        if self.asked_in.len() >= SOUGHT_MAX && !self.asked_in.contains_key(&key) {
            return None;
        }
        Some(*self.asked_in.entry(key).or_insert(begun) + 1)
    }

    fn found(&mut self, key: &K) {
        self.asked_in.remove(key);
    }

    /// A listing is done: who has not asked since the one before has given up.
    fn listed(&mut self, listed: u64) {
        self.asked_in.retain(|_, asked_in| listed <= *asked_in + 1);
    }
}

/// What the operator was told lately.
#[derive(Default)]
struct Trouble {
    exhausted: RateLimitedLog<1>,
    listing: RateLimitedLog<1>,
    too_many: RateLimitedLog<1>,
    unreadable: RateLimitedLog<20>,
}

/// So many lines in each interval, at most.
#[derive(Default)]
struct RateLimitedLog<const LINES: u32> {
    since: Option<Instant>,
    lines: u32,
}

impl<const LINES: u32> RateLimitedLog<LINES> {
    fn report(&mut self, now: Instant, report: impl FnOnce()) {
        if self.since.is_none_or(|since| now.since(since) >= LOG_INTERVAL) {
            self.since = Some(now);
            self.lines = 0;
        }
        if self.lines < LINES {
            self.lines += 1;
            report();
        }
    }
}

/// Which name a key is that of.
enum Place {
    Here(FileName),
    /// It is not known yet: who asks again learns more.
    NotYet,
    Absent,
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
            clock: Clock::start(),
            files: Vec::new(),
            names: HashMap::new(),
            names_of: None,
            listing: None,
            begun: 0,
            listed: 0,
            next_listing: Instant::ZERO,
            list_ordered: false,
            sought_names: Sought::new(),
            sought_contents: Sought::new(),
            contents: Contents::default(),
            settling: Settling::default(),
            unreadable: HashMap::new(),
            open: VecDeque::new(),
            hashing: VecDeque::new(),
            search: None,
            buffer: vec![0; HASHED_AT_ONCE_BYTES],
            done: Vec::new(),
            trouble: Trouble::default(),
        };
        let mut listing = folder.begin_listing().map_err(error)?;
        while !listing.read_some().map_err(error)? {}
        folder.listed(listing, folder.clock.now());
        Ok(folder)
    }

    fn carry_out(&mut self, order: FolderRequest, now: Now) {
        match order {
            FolderRequest::List => {
                self.list_ordered = true;
                self.list_again(now);
                if self.listing.is_none() {
                    self.tell_list();
                }
            }
            FolderRequest::Describe(key) => {
                let state = self.describe(key, now);
                self.done.push(FolderDone::File(key, state));
            }
            FolderRequest::Read(piece) => {
                let read = self.read(piece, now);
                self.done.push(FolderDone::Piece(piece, read));
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.hashing.is_empty() && self.listing.is_none()
    }

    /// A piece of what takes long.
    fn work_some(&mut self, now: Now) {
        if self.listing.is_some() {
            self.list_some(now);
        } else {
            self.hash_some(now);
            if self.hashing.is_empty() {
                self.search_on(now);
            }
        }
    }

    // The list.

    fn begin_listing(&mut self) -> io::Result<Listing> {
        let listing = Listing::begin(&self.dir, self.clock.now().instant)?;
        self.begun += 1;
        Ok(listing)
    }

    /// Sees to it that the folder is being listed, unless that was done lately; a small folder is
    /// listed then.
    fn list_again(&mut self, now: Now) {
        if self.listing.is_none() {
            if now.instant < self.next_listing {
                return;
            }
            match self.begin_listing() {
                Ok(listing) => self.listing = Some(listing),
                Err(error) => return self.cannot_list(&error, now.instant),
            }
        }
        self.list_some(now);
    }

    fn list_some(&mut self, now: Now) {
        let Some(mut listing) = self.listing.take() else { return };
        match listing.read_some() {
            Ok(false) => self.listing = Some(listing),
            Ok(true) => self.listed(listing, now),
            Err(error) => self.cannot_list(&error, now.instant),
        }
        if self.listing.is_none() {
            self.tell_list();
        }
    }

    /// An error is not an empty folder: what was listed last stays.
    fn cannot_list(&mut self, error: &io::Error, now: Instant) {
        self.next_listing = now.after(LISTING_RETRY);
        let Self { trouble, path, .. } = self;
        trouble.listing.report(now, || {
            let what = "cannot list the files of";
            warn!("{what} {}, the last list is told: {}", path.display(), explain(error));
        });
    }

    fn listed(&mut self, listing: Listing, now: Now) {
        let Listing { files, too_many, folder_changed, begun, .. } = listing;
        if too_many {
            self.trouble.too_many.report(now.instant, || {
                warn!("there are more than {FILES_MAX} files: only the first ones are offered");
            });
        }
        self.listed = self.begun;
        // A change so soon after another may have the same time: then the next one looks again.
        let is_recent = |at| age(at, now.wall).is_some_and(|age| age < QUIET);
        self.names_of = folder_changed.filter(|at| !is_recent(*at));
        self.contents.listed(&files);
        let is_here = |name: &FileName| files.contains_key(name);
        self.settling.retain(is_here);
        self.unreadable.retain(|name, _| is_here(name));
        let mut known: HashMap<_, _> = self.names.drain().map(|(key, name)| (name, key)).collect();
        let mut key = |name: &FileName| known.remove(name).unwrap_or_else(|| name.key());
        self.names = files.keys().map(|name| (key(name), name.clone())).collect();
        self.files = files.into_iter().map(|(name, bytes)| FileEntry { name, bytes }).collect();
        self.sought_names.listed(self.listed);
        self.sought_contents.listed(self.listed);
        let took = self.clock.now().instant.since(begun);
        self.next_listing = now.instant.after(took * LISTING_PAUSE_RATIO);
    }

    fn tell_list(&mut self) {
        if std::mem::take(&mut self.list_ordered) {
            self.done.push(FolderDone::Listing(self.files.clone()));
        }
    }

    /// Whether the folder has the names that it had when it was listed.
    fn has_all_names(&self) -> bool {
        self.names_of.is_some() && self.names_of == changed_at(&self.dir)
    }

    /// The name with this key. Whoever asks for what is not there does not make us list the folder
    /// each time.
    fn name(&mut self, key: FileKey, now: Now) -> Place {
        if let Some(name) = self.names.get(&key) {
            return Place::Here(name.clone());
        }
        // R-FILES-4
        if self.has_all_names() {
            return Place::Absent;
        }
        let Some(certain) = self.sought_names.ask(key, self.begun) else { return Place::NotYet };
        self.list_again(now);
        let found = self.names.get(&key).cloned();
        if found.is_some() || self.listed >= certain {
            self.sought_names.found(&key);
            return found.map_or(Place::Absent, Place::Here);
        }
        Place::NotYet
    }

    // The state of a file.

    /// The status of a file; begins to read it if that has to be done first.
    fn describe(&mut self, key: FileKey, now: Now) -> FileState {
        let name = match self.name(key, now) {
            Place::Here(name) => name,
            Place::NotYet => return FileState::Reading { done: 0, bytes: 0 },
            Place::Absent => return FileState::Absent,
        };
        let (file, stamp) = match self.open_file(&name) {
            Ok(opened) => opened,
            Err(error) if is_exhaustion(&error) => {
                self.exhausted(&error, now.instant);
                return FileState::Reading { done: 0, bytes: 0 };
            }
            Err(error) => {
                self.cannot_read(&name, None, &error, now.instant);
                return FileState::Absent;
            }
        };
        let bytes = stamp.bytes;
        if let Some(content) = self.contents.known(&name, stamp) {
            return FileState::Ready(FileInfo { bytes, content });
        }
        if let Some(reading) = self.reading(&name, stamp, now.instant) {
            return reading;
        }
        let waiting = FileState::Reading { done: 0, bytes };
        if self.is_unreadable(&name, stamp, now.instant) {
            // R-FILES-9
            return FileState::Absent;
        }
        match self.settling.judge(&name, stamp, self.contents.stamp(&name), now) {
            Verdict::Wait => return waiting,
            Verdict::Refuse => {
                debug!("'{name}' changes all the time and is not offered");
                return FileState::Absent;
            }
            // Whoever asks again when there is room gets it read then.
            Verdict::Read if self.hashing.len() >= HASHING_MAX => return waiting,
            Verdict::Read => self.hashing.push_front(Hashing::begin(name.clone(), stamp, file)),
        }
        // A small file is known at once.
        self.hash_some(now);
        if let Some(content) = self.contents.known(&name, stamp) {
            return FileState::Ready(FileInfo { bytes, content });
        }
        if self.is_unreadable(&name, stamp, now.instant) {
            return FileState::Absent;
        }
        self.reading(&name, stamp, now.instant).unwrap_or(waiting)
    }

    /// How far a file that is being read is.
    fn reading(&mut self, name: &FileName, stamp: Stamp, now: Instant) -> Option<FileState> {
        let place = self.hashing.iter().position(|it| it.name == *name)?;
        let Hashing { done, stamp: before, .. } = self.hashing[place];
        if before == stamp {
            return Some(FileState::Reading { done: done.min(stamp.bytes), bytes: stamp.bytes });
        }
        // In vain: it has changed already.
        self.hashing.remove(place);
        self.settling.failed(name, before, now);
        None
    }

    /// Opens a regular file directly in the folder.
    fn open_file(&self, name: &FileName) -> io::Result<(std::fs::File, Stamp)> {
        let mut options = OpenOptions::new();
        // Not through a link, and not waiting for who writes to a pipe.
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = self.dir.open_with(name.as_str(), &options)?.into_std();
        let stamp = Stamp::of(&file)?;
        Ok((file, stamp))
    }

    fn is_unreadable(&self, name: &FileName, stamp: Stamp, now: Instant) -> bool {
        self.unreadable
            .get(name)
            .is_some_and(|it| it.stamp == Some(stamp) && now.since(it.at) < UNREADABLE_RETRY)
    }

    /// Says so once for each state of the file.
    fn cannot_read(
        &mut self,
        name: &FileName,
        stamp: Option<Stamp>,
        error: &io::Error,
        now: Instant,
    ) {
        self.contents.skip(name);
        // Gone, or a link or a folder by now: that is nobody's mistake.
        let is_news = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => false,
            _ if is_link(error) => false,
            _ => self.unreadable.get(name).is_none_or(|before| before.stamp != stamp),
        };
        if is_news {
            self.trouble.unreadable.report(now, || {
                warn!("'{name}' is not offered, because it cannot be read: {error}");
            });
        }
        self.unreadable.insert(name.clone(), Unreadable { stamp, at: now });
    }

    fn exhausted(&mut self, error: &io::Error, now: Instant) {
        self.trouble.exhausted.report(now, || {
            warn!("cannot open a file for now: {}", explain(error));
        });
    }

    // The contents.

    /// Reads a piece of whichever file has this content.
    fn read(&mut self, piece: Piece, now: Now) -> PieceRead {
        loop {
            // R-FILES-10
            while let Some(name) = self.contents.name(piece.content).cloned() {
                match self.read_from(&name, piece) {
                    Ok(Some(bytes)) => return PieceRead::Bytes(bytes),
                    Err(error) if is_exhaustion(&error) => {
                        self.exhausted(&error, now.instant);
                        return PieceRead::NotYet;
                    }
                    // Another one may have it.
                    Ok(None) | Err(_) => self.forget(&name, now.instant),
                }
            }
            // R-FILES-11
            if !self.find(piece, now) {
                return PieceRead::Absent;
            }
            if self.contents.name(piece.content).is_none() {
                return PieceRead::NotYet;
            }
        }
    }

    /// Reads a piece of this file; nothing if it is another one by now.
    fn read_from(&mut self, name: &FileName, piece: Piece) -> io::Result<Option<Vec<u8>>> {
        let Piece { first, blocks, .. } = piece;
        let Some(stamp) = self.contents.stamp(name) else { return Ok(None) };
        let opened = self.open.iter().position(|it| it.name == *name && it.stamp == stamp);
        let place = if let Some(place) = opened {
            place
        } else {
            let (file, now) = self.open_file(name)?;
            if now != stamp {
                return Ok(None);
            }
            if self.open.len() >= OPEN_MAX {
                self.open.pop_front();
            }
            self.open.push_back(OpenFile { name: name.clone(), stamp, file });
            self.open.len() - 1
        };
        let start = u64::from(first) * BLOCK_BYTES as u64;
        let length = stamp.bytes.saturating_sub(start).min(u64::from(blocks) * BLOCK_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).expect("64 blocks at most")];
        let file = &self.open[place].file;
        read_exact_at(file, &mut bytes, start)?;
        // Looked at after reading: what was read is of the file that had this content.
        // R-FILES-5
        let is_same = Stamp::of(file)? == stamp;
        Ok(is_same.then_some(bytes))
    }

    /// The file has not the content any more that it had when it was read.
    fn forget(&mut self, name: &FileName, now: Instant) {
        debug!("'{name}' is another file now");
        self.open.retain(|it| it.name != *name);
        if let Some(before) = self.contents.forget(name) {
            self.settling.changed(name, before, now);
        }
        if let Ok((_, stamp)) = self.open_file(name) {
            self.contents.is_unread(name, stamp.bytes);
        }
    }

    /// Looks for a content that no known file has, in those that nobody has read yet: after a
    /// restart that is any of them. False if it is not here.
    fn find(&mut self, piece: Piece, now: Now) -> bool {
        let Piece { content, first, .. } = piece;
        if !self.has_all_names() {
            let Some(certain) = self.sought_contents.ask(content, self.begun) else { return true };
            if self.listed < certain {
                self.list_again(now);
            }
            if self.listed < certain {
                return true;
            }
            self.sought_contents.found(&content);
        }
        let longer_than = u64::from(first) * BLOCK_BYTES as u64;
        let until = now.instant.after(SEARCH_LIFE);
        self.search = Some(Search { content, longer_than, until });
        for _ in 0..HASHED_FOR_SEARCH_PIECES {
            if !self.search_on(now) {
                return self.contents.name(content).is_some();
            }
            // Small files are known at once.
            self.hash_some(now);
        }
        true
    }

    /// Begins to read the next file that may have the content that somebody looks for. False if
    /// there is none.
    fn search_on(&mut self, now: Now) -> bool {
        let Some(Search { content, longer_than, until }) = self.search else { return false };
        if until < now.instant || self.contents.name(content).is_some() {
            self.search = None;
            return false;
        }
        loop {
            let candidates = self.contents.candidates(content, longer_than);
            let names: Vec<_> = candidates.take(CANDIDATES_AT_ONCE).cloned().collect();
            if names.is_empty() {
                self.search = None;
                return false;
            }
            let mut left = false;
            for name in &names {
                left |= self.read_candidate(name, now);
            }
            if left {
                return true;
            }
        }
    }

    /// Sees to it that this file is read; false if that cannot be.
    fn read_candidate(&mut self, name: &FileName, now: Now) -> bool {
        if self.hashing.iter().any(|it| it.name == *name) {
            return true;
        }
        let (file, stamp) = match self.open_file(name) {
            Ok(opened) => opened,
            Err(error) if is_exhaustion(&error) => {
                self.exhausted(&error, now.instant);
                return true;
            }
            Err(error) => {
                self.cannot_read(name, None, &error, now.instant);
                return false;
            }
        };
        let known = self.contents.stamp(name);
        let is_unreadable = self.is_unreadable(name, stamp, now.instant);
        match self.settling.judge(name, stamp, known, now) {
            Verdict::Read if !is_unreadable => {
                // One after the other: the first ones may have it.
                if self.hashing.is_empty() {
                    self.hashing.push_back(Hashing::begin(name.clone(), stamp, file));
                }
                true
            }
            Verdict::Wait if !is_unreadable => true,
            _ => {
                self.contents.skip(name);
                false
            }
        }
    }

    /// Reads a piece of the file whose turn it is.
    fn hash_some(&mut self, now: Now) {
        let Some(mut hashing) = self.hashing.pop_front() else { return };
        match hashing.file.read(&mut self.buffer) {
            Ok(0) => self.hashed(hashing, now.instant),
            Ok(read) => {
                hashing.hasher.update(&self.buffer[..read]);
                hashing.done += read as u64;
                if hashing.done == hashing.stamp.bytes {
                    return self.hashed(hashing, now.instant);
                }
                // The next piece is another file's, if there is one: a large one does not keep a
                // small one waiting.
                self.hashing.push_back(hashing);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.hashing.push_front(hashing);
            }
            Err(error) => {
                let Hashing { name, stamp, .. } = hashing;
                self.cannot_read(&name, Some(stamp), &error, now.instant);
            }
        }
    }

    fn hashed(&mut self, hashing: Hashing, now: Instant) {
        let Hashing { name, stamp, file, hasher, done } = hashing;
        // R-FILES-8
        if !Stamp::of(&file).is_ok_and(|now| now == stamp) {
            // Whoever waits for it asks again, and it is read again.
            debug!("'{name}' changed while it was read");
            return self.settling.failed(&name, stamp, now);
        }
        if done != stamp.bytes {
            let error = io::Error::other("it does not have the length that it is said to have");
            return self.cannot_read(&name, Some(stamp), &error, now);
        }
        let content = ContentId::from_bytes(hasher.finalize().into());
        self.open.retain(|it| it.name != name);
        self.settling.settled(&name);
        self.unreadable.remove(&name);
        self.contents.learn(&name, stamp, content);
    }
}

impl Hashing {
    fn begin(name: FileName, stamp: Stamp, file: std::fs::File) -> Self {
        Self { name, stamp, file, hasher: Sha256::new(), done: 0 }
    }
}

/// Whether the system has no more files to open: of the process (`EMFILE`) or in all (`ENFILE`).
fn is_exhaustion(error: &io::Error) -> bool {
    let numbers: &[i32] = if cfg!(windows) { &[4] } else { &[24, 23] };
    error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

/// Whether a name is a link, which is not followed.
fn is_link(error: &io::Error) -> bool {
    // `ErrorKind::FilesystemLoop` is not stable; Linux has 40, macOS and the BSDs 62.
    let number = if cfg!(target_os = "linux") { 40 } else { 62 };
    cfg!(unix) && error.raw_os_error() == Some(number)
}

/// The error, and what to do.
fn explain(error: &io::Error) -> String {
    if is_exhaustion(error) {
        return format!("{error}; raise the limit of open files (ulimit -n) and start it again");
    }
    error.to_string()
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
    use std::fs::{self, File};

    use super::*;
    use crate::time::WallTime;

    const A_DAY: Duration = Duration::from_secs(86_400);

    /// Writes a file that seems to have been there for long.
    fn write(place: &tempfile::TempDir, name: &str, content: &[u8]) {
        let path = place.path().join(name);
        fs::write(&path, content).expect("written");
        let file = File::options().write(true).open(path).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH + A_DAY).expect("an old file");
    }

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

    /// Offers a folder in which no name has come or gone lately.
    fn open(place: &tempfile::TempDir) -> Folder {
        let dir = File::open(place.path()).expect("a folder");
        dir.set_modified(SystemTime::UNIX_EPOCH + A_DAY).expect("an old folder");
        Folder::open(place.path()).expect("a folder")
    }

    fn key(name: &str) -> FileKey {
        name.parse::<FileName>().expect("a name").key()
    }

    fn describe(folder: &mut Folder, name: &str) -> FileState {
        folder.describe(key(name), folder.clock.now())
    }

    fn ready(bytes: &[u8]) -> FileState {
        FileState::Ready(FileInfo { bytes: bytes.len() as u64, content: ContentId::of(bytes) })
    }

    /// The first block of a content, asked for until that is settled as a client does.
    fn first_block(folder: &mut Folder, content: ContentId) -> Option<Vec<u8>> {
        for _ in 0..100_000 {
            match folder.read(Piece { content, first: 0, blocks: 1 }, folder.clock.now()) {
                PieceRead::Bytes(bytes) => return Some(bytes),
                PieceRead::Absent => return None,
                PieceRead::NotYet => folder.work_some(folder.clock.now()),
            }
        }
        panic!("asked for ever");
    }

    /// Each file that is being read is an open one, and the journal needs some too.
    #[test]
    fn whoever_asks_for_many_files_has_few_of_them_open() {
        let (_place, mut folder, keys) = of_large_files(HASHING_MAX + 30);
        let now = folder.clock.now();
        for &key in &keys {
            assert!(matches!(folder.describe(key, now), FileState::Reading { .. }));
            assert!(folder.hashing.len() <= HASHING_MAX);
        }
        assert_eq!(folder.hashing.len(), HASHING_MAX, "as many as it may");
        // The others are read when they are asked for again.
        for &key in &keys {
            folder.describe(key, now);
            while !folder.is_idle() {
                folder.work_some(now);
            }
            assert!(matches!(folder.describe(key, now), FileState::Ready(_)));
        }
    }

    #[test]
    fn a_content_is_here_for_as_long_as_one_of_its_files_is() {
        let place = tempfile::tempdir().expect("a folder");
        let same = vec![7; 5_000];
        for name in ["a", "b", "c"] {
            write(&place, name, &same);
        }
        let mut folder = Folder::open(place.path()).expect("a folder");
        // Nobody has asked for the third one.
        for name in ["a", "b"] {
            assert_eq!(describe(&mut folder, name), ready(&same));
        }
        let content = ContentId::of(&same);
        for name in ["b", "a"] {
            fs::remove_file(place.path().join(name)).expect("removed");
            let block = first_block(&mut folder, content);
            assert_eq!(block.as_deref(), Some(&same[..BLOCK_BYTES]), "without {name}");
        }
        fs::write(place.path().join("c"), "another one").expect("written");
        assert_eq!(first_block(&mut folder, content), None);
    }

    #[test]
    fn after_a_restart_a_content_is_found_again_in_the_file_that_has_it() {
        let place = tempfile::tempdir().expect("a folder");
        let large = vec![1; 3 * HASHED_AT_ONCE_BYTES];
        for name in 0..50 {
            write(&place, &format!("small {name}"), name.to_string().as_bytes());
        }
        write(&place, "large", &large);
        let mut folder = open(&place);
        let block = first_block(&mut folder, ContentId::of(&large));
        assert_eq!(block.as_deref(), Some(&large[..BLOCK_BYTES]));
        assert_eq!(first_block(&mut folder, ContentId::of(b"42")).as_deref(), Some(&b"42"[..]));
        assert_eq!(first_block(&mut folder, ContentId::of(b"in no file")), None);
        let begun = folder.begun;
        assert_eq!(first_block(&mut folder, ContentId::of(b"nor this")), None);
        assert_eq!(folder.begun, begun, "everything has been read");
    }

    #[test]
    fn of_a_file_that_has_another_length_now_the_content_is_gone_at_once() {
        let place = tempfile::tempdir().expect("a folder");
        write(&place, "notes", &[1; 5_000]);
        // What takes long to read, and was never asked for.
        let file = File::create(place.path().join("image")).expect("a file");
        file.set_len(100 * HASHED_AT_ONCE_BYTES as u64).expect("a sparse file");
        let mut folder = open(&place);
        assert_eq!(describe(&mut folder, "notes"), ready(&[1; 5_000]));
        fs::write(place.path().join("notes"), [1; 4_999]).expect("written");
        let piece = Piece { content: ContentId::of(&[1; 5_000]), first: 0, blocks: 1 };
        assert!(matches!(folder.read(piece, folder.clock.now()), PieceRead::Absent));
        assert!(folder.hashing.is_empty());
        assert!(matches!(describe(&mut folder, "notes"), FileState::Reading { bytes: 4_999, .. }));
    }

    #[test]
    fn a_large_folder_that_changes_all_the_time_is_listed_seldom() {
        let place = tempfile::tempdir().expect("a folder");
        for name in 0..2_000 {
            File::create(place.path().join(format!("{name}"))).expect("a file");
        }
        let mut folder = Folder::open(place.path()).expect("a folder");
        let begun = folder.begun;
        let now = Now { instant: folder.next_listing, ..folder.clock.now() };
        // As if it had changed just now, each time.
        folder.names_of = None;
        let unknown = |number: u32| key(&format!("unknown {number}"));
        for number in 0..10_000 {
            let state = folder.describe(unknown(number), now);
            assert_eq!(state, FileState::Reading { done: 0, bytes: 0 });
            let state = folder.describe(key("7"), now);
            assert_ne!(state, FileState::Absent, "what is listed is there meanwhile");
        }
        assert_eq!(folder.begun, begun + 1);
        while !folder.is_idle() {
            folder.work_some(now);
        }
        assert_eq!(folder.listed, begun + 1);
        // Whoever asked before that listing began and asks again is answered.
        folder.names_of = None;
        assert_eq!(folder.describe(unknown(0), now), FileState::Absent);
        folder.carry_out(FolderRequest::List, now);
        assert!(matches!(&folder.done[..], [FolderDone::Listing(files)] if files.len() == 2_000));
        assert_eq!(folder.begun, begun + 1, "the last list is told");
    }

    #[test]
    fn a_new_file_is_found_in_a_folder_that_changes_all_the_time() {
        let place = tempfile::tempdir().expect("a folder");
        let mut folder = Folder::open(place.path()).expect("a folder");
        for number in 0..100 {
            let name = number.to_string();
            write(&place, &name, name.as_bytes());
            folder.names_of = None;
            let state = loop {
                match describe(&mut folder, &name) {
                    FileState::Reading { .. } => folder.work_some(folder.clock.now()),
                    state => break state,
                }
            };
            assert_eq!(state, ready(name.as_bytes()));
        }
    }

    /// The memory of this process seems to be an empty file, and its first byte cannot be read.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_cannot_be_read_is_not_offered() {
        let mut folder = Folder::open(Path::new("/proc/self")).expect("a folder");
        let wall = WallTime::from_millis(folder.clock.now().wall.as_millis() + 60_000);
        for _ in 0..3 {
            let now = Now { wall, ..folder.clock.now() };
            assert_eq!(folder.describe(key("mem"), now), FileState::Absent);
        }
        assert_eq!(folder.unreadable.len(), 1);
        assert_eq!(folder.trouble.unreadable.lines, 1, "said once");
    }
}
