//! Files that are there whole or not at all.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::language::{Cause, text};

/// Why a file could not be written. What was there before is there still.
#[derive(Debug)]
pub(super) enum WriteError {
    Folder(String),
    /// A device or a pipe, which is never replaced.
    Special(String),
    Exists(String),
    NoFolder {
        path: String,
        folder: String,
    },
    Io {
        path: String,
        error: io::Error,
    },
}

impl Cause for WriteError {
    fn words(&self) -> String {
        match self {
            Self::Folder(path) => text!("file-folder", path),
            Self::Special(path) => text!("file-special", path),
            Self::Exists(path) => text!("file-there", path),
            Self::NoFolder { path, folder } => text!("output-no-folder-for", path, folder),
            Self::Io { path, error } => text!("file-unwritable", path, error),
        }
    }
}

/// Says why a file could not be written, before anything is done for it.
pub(super) fn check_place(path: &Path, force: bool) -> Result<(), WriteError> {
    let shown = || path.display().to_string();
    match path.metadata() {
        Ok(it) if it.is_dir() => return Err(WriteError::Folder(shown())),
        Ok(it) if !it.is_file() => return Err(WriteError::Special(shown())),
        Ok(_) if !force => return Err(WriteError::Exists(shown())),
        Ok(it) if it.permissions().readonly() => {
            let error = io::Error::new(io::ErrorKind::PermissionDenied, text!("file-read-only"));
            return Err(WriteError::Io { path: shown(), error });
        }
        _ => {}
    }
    // It is gone at once; that it can be made is all that is asked.
    beside(path).map(drop)
}

/// Writes a file as a whole, beside its place first. One that is there stays, unless it is to be replaced.
pub(super) fn write_file(path: &Path, bytes: &[u8], force: bool) -> Result<(), WriteError> {
    check_place(path, force)?;
    let io = |error| WriteError::Io { path: path.display().to_string(), error };
    let mut file = beside(path)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(WriteError::Exists(path.display().to_string()))
        }
        Err(error) => Err(io(error.error)),
    }
}

/// A file without a name of its own yet, in the folder of that place.
fn beside(path: &Path) -> Result<NamedTempFile, WriteError> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = || path.display().to_string();
    if !folder.is_dir() {
        return Err(WriteError::NoFolder { path: shown(), folder: folder.display().to_string() });
    }
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file that is made: the umask takes from it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let made = builder.prefix(".rollcall-").tempfile_in(folder);
    made.map_err(|error| WriteError::Io { path: shown(), error })
}

/// What went wrong while a file was made.
pub(super) fn not_made(what: impl Display) -> io::Error {
    io::Error::other(what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all_and_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.csv");
        write_file(&path, b"one", false).unwrap();
        assert!(matches!(write_file(&path, b"two", false), Err(WriteError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write_file(&path, b"two", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(matches!(write_file(folder.path(), b"", true), Err(WriteError::Folder(_))));
        let nowhere = folder.path().join("not there").join("sheet.csv");
        assert!(matches!(write_file(&nowhere, b"", false), Err(WriteError::NoFolder { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    }
}
