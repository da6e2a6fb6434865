//! The folder of a journal and the files in it, before SQLite sees them: may we write there, are we
//! alone, and is what we are about to read on the disk and not only in the system's memory?
//!
//! A folder that was named is never made here: a mistyped name must not quietly begin an empty
//! journal. Our files are for their owner only, whatever the process's umask says.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::{Fault, FolderProblem, Location, SqliteError, of_io};
use crate::journal::DiskStatus;

/// The database in a journal's folder.
pub const DATABASE_FILE: &str = "rollcall.sqlite3";
/// The file that a server holds locked while it lives. The lock is the system's and ends with the
/// process, however it ends. In the file stands which batch was acknowledged last.
pub const LOCK_FILE: &str = "rollcall.lock";

/// Makes a folder for a journal, for its owner only, and makes durable that it is there.
///
/// # Errors
/// As the system's; if there is something of that name, it is left as it is.
pub fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    set_mode(folder, 0o700)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_folder(parent.unwrap_or(Path::new(".")))
}

/// Whether others than its owner may look into the folder.
#[must_use]
pub fn is_open_to_others(folder: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        false
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Makes durable which files are in a folder. Where folders cannot be synced, the file system does
/// it by itself.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// How our files are opened: a new one is for its owner only.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes our files in the folder their owner's only, and the database, if there is none: SQLite
/// gives its other files the rights of that one. Files of another owner stay as they are.
pub(super) fn keep_private(folder: &Path) -> Result<(), SqliteError> {
    let database = folder.join(DATABASE_FILE);
    private().create(true).truncate(false).open(&database).map_err(|it| of_io(&it, &database))?;
    let log = beside(&database, "-wal");
    let shared = beside(&database, "-shm");
    for file in [&database, &log, &shared, &folder.join(LOCK_FILE)] {
        let _ = set_mode(file, 0o600);
    }
    Ok(())
}

/// Checks that there is a folder.
pub(super) fn check(folder: &Path) -> Result<(), SqliteError> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(FolderProblem::NotAFolder(folder.to_owned()).into()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Err(FolderProblem::Missing(folder.to_owned()).into()),
            io::ErrorKind::NotADirectory => {
                Err(FolderProblem::NotAFolder(folder.to_owned()).into())
            }
            io::ErrorKind::PermissionDenied => {
                Err(FolderProblem::NotReachable(folder.to_owned()).into())
            }
            _ => Err(of_io(&error, folder)),
        },
    }
}

/// What makes this process the only server on a folder, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// The folder itself is locked too: the file in it can be removed, and then a second server
    /// would lock another one.
    _folder: Option<File>,
}

/// Which batch was acknowledged last: synced when a run begins, then written after each commit
/// without. It outlives the process; after a power failure it may be older. It never says more than
/// what is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// The run of a server that it is of; the database has the same mark while that server lives.
    pub(super) run: i64,
    pub(super) batch: u64,
}

impl Acknowledged {
    const BYTES: usize = 8 + 8 + 4;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.run.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.batch.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let run = i64::from_le_bytes(*bytes.first_chunk()?);
        let batch = u64::from_le_bytes(*bytes[8..].first_chunk()?);
        let acknowledged = Self { run, batch };
        (acknowledged.to_bytes() == bytes).then_some(acknowledged)
    }

    /// What stands in the lock file of this folder.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        File::open(folder.join(LOCK_FILE)).and_then(|mut it| it.read_exact(&mut bytes)).ok()?;
        Self::from_bytes(bytes)
    }
}

impl Lock {
    pub(super) fn take(folder: &Path) -> Result<Self, SqliteError> {
        let path = folder.join(LOCK_FILE);
        let open = private().create(true).truncate(false).open(&path);
        let file = open.map_err(|error| of_io(&error, folder))?;
        try_lock(&file, folder)?;
        let locked_folder = if cfg!(unix) {
            let opened = File::open(folder).map_err(|error| of_io(&error, folder))?;
            try_lock(&opened, folder)?;
            Some(opened)
        } else {
            // An open file cannot be removed there.
            None
        };
        Ok(Self { file, _folder: locked_folder })
    }

    /// Begins a run: what is written here is durable when this returns.
    pub(super) fn begin(&self, acknowledged: Acknowledged) -> io::Result<()> {
        let mut file = &self.file;
        file.rewind()?;
        file.write_all(&acknowledged.to_bytes())?;
        file.sync_all()
    }

    /// Writes down what is about to be acknowledged. If that fails, less is noticed later; nothing
    /// is lost by it.
    pub(super) fn record(&self, acknowledged: Acknowledged) {
        let mut file = &self.file;
        let _ = file.rewind().and_then(|()| file.write_all(&acknowledged.to_bytes()));
    }
}

fn try_lock(file: &File, folder: &Path) -> Result<(), SqliteError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(FolderProblem::InUse(folder.to_owned()).into()),
        Err(TryLockError::Error(error)) => Err(of_io(&error, folder)),
    }
}

/// Makes durable whatever an earlier server left, before it is read; tells the length of the
/// write-ahead log, if there is one.
///
/// A server that was killed between writing a batch and the end of its sync has left a batch that
/// every reader sees and no disk has. Taking it for durable would acknowledge what a power failure
/// can still undo.
///
/// Must come before SQLite opens the files: closing a file drops every lock that this process holds
/// on it.
pub(super) fn settle(database: &Path) -> Result<Option<u64>, SqliteError> {
    let bytes = sync(database)?.unwrap_or(0);
    let log = sync(&beside(database, "-wal"))?;
    sync(&beside(database, "-journal"))?;
    // SQLite would take the empty file for a new one and throw the log away.
    if bytes == 0 && log.is_some_and(|log| log > 0) {
        let what = "it is empty or gone, but its write-ahead log is not";
        return Err(Fault::damaged(Location::File, what).at(database));
    }
    Ok(log)
}

/// Syncs a file and tells its length, if it is there.
fn sync(path: &Path) -> Result<Option<u64>, SqliteError> {
    let synced = OpenOptions::new().read(true).write(true).open(path).and_then(|file| {
        file.sync_all()?;
        Ok(file.metadata()?.len())
    });
    match synced {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(|error| of_io(&error, path)),
    }
}

/// The length of the write-ahead log, if there is one.
pub(super) fn log_bytes(database: &Path) -> Option<u64> {
    fs::metadata(beside(database, "-wal")).ok().map(|found| found.len())
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The files that are written to, as they are known by name: whoever deletes or replaces one of
/// them leaves us writing into a file that nobody finds again.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    files: Vec<(PathBuf, Identity)>,
}

/// The device and the number of a file on it.
type Identity = (u64, u64);

impl KnownFiles {
    /// Watches the database and its log, which must be there.
    pub(super) fn new(database: &Path) -> Self {
        let files = [database.to_owned(), beside(database, "-wal")].into_iter();
        let known = |path: PathBuf| identity(&path).ok().flatten().map(|it| (path, it));
        Self { files: files.filter_map(known).collect() }
    }

    /// # Errors
    /// If a name does not lead to the file that is written to any more.
    pub(super) fn check(&self) -> Result<(), SqliteError> {
        for (path, known) in &self.files {
            let same = match identity(path) {
                Ok(found) => found.is_none_or(|found| found == *known),
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            if !same {
                return Err(SqliteError::Replaced { path: path.clone() });
            }
        }
        Ok(())
    }
}

/// `None` where files have no such numbers; an open file cannot be removed there.
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    let found = fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Ok(Some((found.dev(), found.ino())))
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        Ok(None)
    }
}

/// How much room there is, and how long the log is.
pub(super) fn disk_status(folder: &Path, database: &Path) -> DiskStatus {
    let log_bytes = log_bytes(database).unwrap_or(0);
    #[cfg(unix)]
    if let Ok(found) = rustix::fs::statvfs(folder) {
        return DiskStatus {
            free_bytes: Some(found.f_bavail.saturating_mul(found.f_frsize)),
            disk_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            log_bytes,
        };
    }
    let _ = folder;
    DiskStatus { log_bytes, ..DiskStatus::default() }
}
