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
    Exists(String),
    Io { path: String, error: io::Error },
}

impl Cause for WriteError {
    fn words(&self) -> String {
        match self {
            Self::Folder(path) => text!("file-folder", path),
            Self::Exists(path) => text!("file-there", path),
            Self::Io { path, error } => text!("file-unwritable", path, error),
        }
    }
}

/// Writes a file as a whole, beside its place first. One that is there stays, unless it is to be replaced.
pub(super) fn write_file(path: &Path, bytes: &[u8], force: bool) -> Result<(), WriteError> {
    let shown = || path.display().to_string();
    if path.is_dir() {
        return Err(WriteError::Folder(shown()));
    }
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> io::Result<NamedTempFile> {
        if force && path.metadata().is_ok_and(|it| it.permissions().readonly()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text!("file-read-only")));
        }
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any file that is made: the umask takes from it.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.prefix(".rollcall-").tempfile_in(parent)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let io = |error| WriteError::Io { path: shown(), error };
    let file = written().map_err(io)?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(WriteError::Exists(shown()))
        }
        Err(error) => Err(io(error.error)),
    }
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
        assert!(matches!(write_file(&nowhere, b"", false), Err(WriteError::Io { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    }
}
