//! Secret keys on disk: a file that is its owner's only, made as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::clock::entropy;
use crate::seal::SecretKey;

/// What stands before the key in its file, so that nobody takes it for something else.
const PREFIX: &str = "ROLLCALL-SECRET-KEY-1:";
/// The longest file that is read.
const FILE_MAX_BYTES: u64 = 256;

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key in {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is none, and none can be made.
    #[error("cannot make a key in {}: {source}", .path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others can read it.
    #[error("others can read the key in {path}; if nobody has, close it: chmod 600 {path}", path = .0.display())]
    Open(PathBuf),
    /// It belongs to another user.
    #[error("the key in {} belongs to another user of this computer; run this as that user", .0.display())]
    Foreign(PathBuf),
    /// It is no key.
    #[error(
        "{path} is not a key: it is empty or damaged; put it back from a copy, or move it away to get a \
         new one, which everybody has to join again for",
        path = .0.display()
    )]
    Damaged(PathBuf),
}

/// The key in this file; a new one if there is no such file.
///
/// # Errors
/// If there is a file that is not a key, or not ours alone, or none can be made. Nothing is ever
/// overwritten.
pub fn load_or_make(path: &Path) -> Result<SecretKey, KeyError> {
    match load(path) {
        Err(KeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            // Another process may have been first.
            load(path)
        }
        other => other,
    }
}

/// The key in this file.
///
/// # Errors
/// As for [`load_or_make`], and if there is no such file.
pub fn load(path: &Path) -> Result<SecretKey, KeyError> {
    let read = |source| KeyError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read)?;
    check_owner(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    let within = file.take(FILE_MAX_BYTES).read_to_string(&mut text);
    if let Err(error) = within {
        return Err(match error.kind() {
            io::ErrorKind::InvalidData => KeyError::Damaged(path.to_owned()),
            _ => read(error),
        });
    }
    let damaged = || KeyError::Damaged(path.to_owned());
    let digits = text.trim_end().strip_prefix(PREFIX).ok_or_else(damaged)?;
    let bytes = BASE32_NOPAD.decode(digits.as_bytes()).map_err(|_| damaged())?;
    let bytes = Zeroizing::new(bytes);
    let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| damaged())?;
    Ok(SecretKey::from_bytes(bytes))
}

/// Puts the key that was announced in the place of the present one, which stays beside it.
///
/// # Errors
/// If there is none, or a file cannot be renamed. Each key is in one of the files whatever happens.
pub fn change(path: &Path) -> Result<SecretKey, KeyError> {
    let next = next_to(path);
    let key = load(&next)?;
    let mut before = path.as_os_str().to_owned();
    before.push(".before");
    let make = |source| KeyError::Make { path: path.to_owned(), source };
    fs::rename(path, &before).map_err(make)?;
    fs::rename(&next, path).map_err(make)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(make)?;
    Ok(key)
}

/// Where the key lies that is announced to take the place of this one.
#[must_use]
pub fn next_to(path: &Path) -> PathBuf {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    next.into()
}

/// A key that nobody has seen.
#[must_use]
pub fn fresh() -> SecretKey {
    SecretKey::from_bytes(entropy())
}

/// Writes a new key to a file beside it, and gives that its name unless the name is taken.
fn make(path: &Path) -> Result<(), KeyError> {
    let make = |source| KeyError::Make { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder).map_err(make)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let written = write(&beside).and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let _ = fs::remove_file(&beside);
    written.map_err(make)?;
    // The name is on disk when its folder is.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(make)
}

fn write(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let key = fresh();
    let digits = Zeroizing::new(BASE32_NOPAD.encode(key.as_bytes()));
    let line = Zeroizing::new(format!("{PREFIX}{}\n", *digits));
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Makes a folder that is its owner's only, if it is missing.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn check_owner(file: &File, path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::MetadataExt as _;

    let about =
        file.metadata().map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
    // Root may read everything, and often does for others.
    let me = rustix::process::geteuid();
    if about.uid() != me.as_raw() && !me.is_root() {
        return Err(KeyError::Foreign(path.to_owned()));
    }
    if about.mode() & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_: &File, _: &Path) -> Result<(), KeyError> {
    Ok(())
}

/// Sees to it that what is in memory is not written to a disk when this process is ended by a fault.
pub fn forbid_core_dumps() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // What cannot be forbidden is left as the operator has set it.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/device.key");
        let key = load_or_make(&path).unwrap();
        assert_eq!(load_or_make(&path).unwrap().as_bytes(), key.as_bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing beside it");
        let other = load_or_make(&folder.path().join("other.key")).unwrap();
        assert_ne!(other.as_bytes(), key.as_bytes());
    }

    #[test]
    fn a_key_file_that_is_none_or_not_ours_alone_is_told_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.key");
        let whole = {
            load_or_make(&path).unwrap();
            fs::read(&path).unwrap()
        };
        for damaged in [&b""[..], b"\xff\xfe", b"ssh-ed25519 AAAA", &whole[..40], &[b'A'; 4_000]] {
            fs::write(&path, damaged).unwrap();
            let error = load_or_make(&path).unwrap_err();
            assert!(matches!(error, KeyError::Damaged(_)), "{error}");
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
        fs::write(&path, &whole).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load_or_make(&path).unwrap_err();
            assert!(matches!(error, KeyError::Open(_)), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
}
