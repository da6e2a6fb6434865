//! The folder of offered files, on a thread of its own, because reading from disk blocks.
//!
//! Only regular files that lie directly in the folder are offered, under names that are safe to show
//! ([`FileName`]). Files are opened relative to the folder, never by a path from the network, and never
//! through a link (`cap-std`: `openat2` with `RESOLVE_BENEATH` where there is one).
//!
//! | file | owns |
//! |---|---|
//! | [`worker`] | the thread and its channels |
//! | [`listing`], [`lookups`] | a listing of the folder under way; names that the last one did not have |
//! | [`describe`] | the status of a file |
//! | [`stamp`], [`settling`] | whether a file has changed; when one that changes is hashed or refused |
//! | [`hashing`], [`contents`] | hashing files; which file is known to have which content |
//! | [`pieces`] | reading pieces of files by the name of their content |
//!
//! The content of a file is known once all of it was hashed. Hashing and listing are done a piece at a
//! time, between requests. A file is hashed again when its length or its times change.
//!
//! Nothing is kept beyond the process. After a restart, a content that is fetched is looked for by
//! hashing the files that may have it; until that is done the answer is "not known yet". A cache on disk
//! would be faster for large files, but it would have to be verified and migrated, and a server without
//! a data folder would have none.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use tracing::warn;

use super::clock::Clock;
use crate::exchange::{FileEntry, FileState};
use crate::ids::{ContentId, FileKey, FileName};
use crate::limits::{
    FILES_MAX, HASHED_AT_ONCE_BYTES, LISTING_PAUSE_RATIO, LISTING_RETRY, SETTLED_AFTER,
    UNREADABLE_RETRY,
};
use crate::server::{FolderRequest, Piece, PieceRead};
use crate::time::{Instant, Now};

use contents::Contents;
use hashing::{Hashing, Search};
use listing::{Listing, changed_at};
use log::FolderLog;
use lookups::Lookups;
use pieces::OpenFile;
use settling::Settling;
use stamp::{Stamp, age};
pub(super) use worker::FolderWorker;

mod contents;
mod describe;
mod hashing;
mod listing;
mod log;
mod lookups;
mod pieces;
mod settling;
mod stamp;
mod worker;

/// A folder that cannot be offered.
#[derive(Debug, thiserror::Error)]
#[error("cannot offer the files of {}: {source}", path.display())]
pub struct FolderError {
    path: PathBuf,
    source: io::Error,
}

/// The result of a [`FolderRequest`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FolderCompletion {
    Listing(Vec<FileEntry>),
    File(FileKey, FileState),
    Piece(Piece, PieceRead),
}

/// The files of a folder, and what is known of them.
pub struct Folder {
    dir: Dir,
    path: PathBuf,
    clock: Clock,
    /// The files that were listed last, in order of name.
    files: Vec<FileEntry>,
    names: HashMap<FileKey, FileName>,
    /// The modification time of the folder when they were listed: it changes when a name is added or
    /// removed. `None` if another change may have left the same time.
    names_of: Option<SystemTime>,
    /// The listing under way.
    listing: Option<Listing>,
    /// The number of the listing that began last, and of the last one that is complete.
    begun: u64,
    listed: u64,
    /// The next listing does not begin before.
    next_listing: Instant,
    /// Whether the list was requested and not reported.
    is_list_requested: bool,
    name_lookups: Lookups<FileKey>,
    content_lookups: Lookups<ContentId>,
    contents: Contents,
    settling: Settling,
    unreadable: HashMap<FileName, Unreadable>,
    /// Files that are being fetched, the one opened last at the end.
    open: VecDeque<OpenFile>,
    /// Files that are being hashed; the one at the front has its turn.
    hashing: VecDeque<Hashing>,
    search: Option<Search>,
    buffer: Vec<u8>,
    /// Completions that were not reported yet.
    completions: Vec<FolderCompletion>,
    log: FolderLog,
}

/// A file that could not be read.
struct Unreadable {
    /// `None` if it could not be opened.
    stamp: Option<Stamp>,
    at: Instant,
}

/// The result of looking up a file by its key.
enum Lookup {
    Found(FileName),
    /// It is not known yet: asking again tells.
    NotYet,
    Absent,
}

impl Folder {
    /// Opens a folder and lists it.
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
            is_list_requested: false,
            name_lookups: Lookups::new(),
            content_lookups: Lookups::new(),
            contents: Contents::default(),
            settling: Settling::default(),
            unreadable: HashMap::new(),
            open: VecDeque::new(),
            hashing: VecDeque::new(),
            search: None,
            buffer: vec![0; HASHED_AT_ONCE_BYTES],
            completions: Vec::new(),
            log: FolderLog::default(),
        };
        let mut listing = folder.begin_listing().map_err(error)?;
        while !listing.read_some().map_err(error)? {}
        folder.listed(listing, folder.clock.now());
        Ok(folder)
    }

    fn handle_request(&mut self, request: FolderRequest, now: Now) {
        match request {
            FolderRequest::List => {
                self.is_list_requested = true;
                self.list_again(now);
                if self.listing.is_none() {
                    self.report_list();
                }
            }
            FolderRequest::Describe(key) => {
                let state = self.describe(key, now);
                self.completions.push(FolderCompletion::File(key, state));
            }
            FolderRequest::Read(piece) => {
                let read = self.read(piece, now);
                self.completions.push(FolderCompletion::Piece(piece, read));
            }
        }
    }

    /// Whether nothing is being listed or hashed.
    fn is_idle(&self) -> bool {
        self.hashing.is_empty() && self.listing.is_none()
    }

    /// Lists or hashes a piece.
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

    fn begin_listing(&mut self) -> io::Result<Listing> {
        let listing = Listing::begin(&self.dir, self.clock.now().instant)?;
        self.begun += 1;
        Ok(listing)
    }

    /// Begins a listing, unless the last one was a moment ago. A small folder is listed at once.
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
            self.report_list();
        }
    }

    /// A listing failed: the last list stays, because an error is not an empty folder.
    fn cannot_list(&mut self, error: &io::Error, now: Instant) {
        self.next_listing = now.after(LISTING_RETRY);
        let Self { log, path, .. } = self;
        log.listing.report(now, || {
            let what = "cannot list the files of";
            warn!("{what} {}, the last list is told: {}", path.display(), explain(error));
        });
    }

    fn listed(&mut self, listing: Listing, now: Now) {
        let Listing { files, too_many, folder_changed, begun, .. } = listing;
        if too_many {
            self.log.too_many.report(now.instant, || {
                warn!("there are more than {FILES_MAX} files: only the first ones are offered");
            });
        }
        self.listed = self.begun;
        // A further change within so short a time may leave the same time.
        let is_recent = |at| age(at, now.wall).is_some_and(|age| age < SETTLED_AFTER);
        self.names_of = folder_changed.filter(|at| !is_recent(*at));
        self.contents.listed(&files);
        let is_here = |name: &FileName| files.contains_key(name);
        self.settling.retain(is_here);
        self.unreadable.retain(|name, _| is_here(name));
        let mut known: HashMap<_, _> = self.names.drain().map(|(key, name)| (name, key)).collect();
        let mut key = |name: &FileName| known.remove(name).unwrap_or_else(|| name.key());
        self.names = files.keys().map(|name| (key(name), name.clone())).collect();
        self.files = files.into_iter().map(|(name, bytes)| FileEntry { name, bytes }).collect();
        self.name_lookups.listed(self.listed);
        self.content_lookups.listed(self.listed);
        let took = self.clock.now().instant.since(begun);
        self.next_listing = now.instant.after(took * LISTING_PAUSE_RATIO);
    }

    /// Completes the request for the list, if there is one.
    fn report_list(&mut self) {
        if std::mem::take(&mut self.is_list_requested) {
            self.completions.push(FolderCompletion::Listing(self.files.clone()));
        }
    }

    /// Whether no name was added or removed since the folder was listed.
    fn has_all_names(&self) -> bool {
        self.names_of.is_some() && self.names_of == changed_at(&self.dir)
    }

    /// Looks up a file by its key. A key of no file does not cause a listing each time it is asked for.
    fn look_up(&mut self, key: FileKey, now: Now) -> Lookup {
        if let Some(name) = self.names.get(&key) {
            return Lookup::Found(name.clone());
        }
        // R-FILES-4
        if self.has_all_names() {
            return Lookup::Absent;
        }
        let Some(certain) = self.name_lookups.ask(key, self.begun) else { return Lookup::NotYet };
        self.list_again(now);
        let found = self.names.get(&key).cloned();
        if found.is_some() || self.listed >= certain {
            self.name_lookups.remove(&key);
            return found.map_or(Lookup::Absent, Lookup::Found);
        }
        Lookup::NotYet
    }

    /// Opens a regular file directly in the folder.
    fn open_file(&self, name: &FileName) -> io::Result<(std::fs::File, Stamp)> {
        let mut options = OpenOptions::new();
        // Links are not followed, and opening a pipe does not wait for its writer.
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

    /// A file cannot be read: logged once for each state of the file.
    fn cannot_read(
        &mut self,
        name: &FileName,
        stamp: Option<Stamp>,
        error: &io::Error,
        now: Instant,
    ) {
        self.contents.skip(name);
        // Removed, or a link or a folder by now: nothing to report.
        let is_news = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => false,
            _ if is_link(error) => false,
            _ => self.unreadable.get(name).is_none_or(|before| before.stamp != stamp),
        };
        if is_news {
            self.log.unreadable.report(now, || {
                warn!("'{name}' is not offered, because it cannot be read: {error}");
            });
        }
        self.unreadable.insert(name.clone(), Unreadable { stamp, at: now });
    }

    /// The system has no more files to open: logged.
    fn exhausted(&mut self, error: &io::Error, now: Instant) {
        self.log.exhausted.report(now, || {
            warn!("cannot open a file for now: {}", explain(error));
        });
    }
}

/// Whether the system has no more files to open: of the process (`EMFILE`) or in all (`ENFILE`).
fn is_exhaustion(error: &io::Error) -> bool {
    let numbers: &[i32] = if cfg!(windows) { &[4] } else { &[24, 23] };
    error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

/// Whether a name is a link: links are not followed.
fn is_link(error: &io::Error) -> bool {
    // `ErrorKind::FilesystemLoop` is not stable; Linux has 40, macOS and the BSDs 62.
    let number = if cfg!(target_os = "linux") { 40 } else { 62 };
    cfg!(unix) && error.raw_os_error() == Some(number)
}

/// The error, and what to do about it.
fn explain(error: &io::Error) -> String {
    if is_exhaustion(error) {
        return format!("{error}; raise the limit of open files (ulimit -n) and start it again");
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::exchange::FileInfo;
    use crate::limits::{BLOCK_BYTES, FILES_HASHED_AT_ONCE_MAX};
    use crate::time::WallTime;
    use std::time::Duration;

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
        let (_place, mut folder, keys) = of_large_files(FILES_HASHED_AT_ONCE_MAX + 30);
        let now = folder.clock.now();
        for &key in &keys {
            assert!(matches!(folder.describe(key, now), FileState::Reading { .. }));
            assert!(folder.hashing.len() <= FILES_HASHED_AT_ONCE_MAX);
        }
        assert_eq!(folder.hashing.len(), FILES_HASHED_AT_ONCE_MAX, "as many as it may");
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
        folder.handle_request(FolderRequest::List, now);
        assert!(
            matches!(&folder.completions[..], [FolderCompletion::Listing(files)] if files.len() == 2_000)
        );
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
        assert_eq!(folder.log.unreadable.lines, 1, "said once");
    }
}
