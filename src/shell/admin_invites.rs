//! Invites of admins, which are made at the server's terminal, whether a server runs or not: a file in the
//! folder of the journal for each, with what is not secret of it. The server takes it into its journal.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::access::{InviteId, PersonName};
use crate::limits::INVITE_FILES_MAX;
use crate::time::WallTime;

/// What the name of such a file begins with.
const PREFIX: &str = "admin-invite-";
/// Two changes of a folder that are closer than this may leave the same time.
const TICK: Duration = Duration::from_millis(50);

/// An invite of an admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminInvite {
    /// Its name.
    pub invite: InviteId,
    /// Whom.
    pub name: PersonName,
    /// Until when it can be used.
    pub ends_at: WallTime,
}

impl AdminInvite {
    /// Leaves it in the folder of a journal.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn leave_in(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(self.file());
        // Read only under its own name: as a whole.
        let beside = folder.join(format!("new-{}", self.file()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        let written = writeln!(file, "{} {}", self.ends_at.as_millis(), self.name)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&beside, &path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }

    fn file(&self) -> String {
        format!("{PREFIX}{:?}", self.invite)
    }

    fn read(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
        let bytes = HEXLOWER_PERMISSIVE.decode(name.as_bytes()).ok()?;
        let text = fs::read_to_string(path).ok()?;
        let (ends_at, name) = text.trim_end_matches('\n').split_once(' ')?;
        Some(Self {
            invite: InviteId::from_bytes(bytes.try_into().ok()?),
            name: name.parse().ok()?,
            ends_at: ends_at.parse::<u64>().ok()?.try_into().ok()?,
        })
    }
}

/// The folder in which they are left.
pub struct AdminInvites {
    folder: PathBuf,
    /// When the folder had changed last, the last time that it was read.
    seen: Option<SystemTime>,
}

impl AdminInvites {
    /// Those in the folder of a journal.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: None }
    }

    /// What lies there, if the folder has changed since the last time. Costs one question to the system
    /// where it has not.
    pub(super) fn look(&mut self, now: WallTime) -> Vec<AdminInvite> {
        let Ok(changed) = fs::metadata(&self.folder).and_then(|it| it.modified()) else {
            return Vec::new();
        };
        if self.seen == Some(changed) {
            return Vec::new();
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now.as_millis());
        let is_settled = now.duration_since(changed).is_ok_and(|age| age > TICK);
        self.seen = is_settled.then_some(changed);
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        paths.filter_map(|path| AdminInvite::read(&path)).take(INVITE_FILES_MAX).collect()
    }

    /// Removes one that is in the journal.
    pub(super) fn remove(&self, invite: &AdminInvite) {
        // If that fails it is there again, and known.
        let _ = fs::remove_file(self.folder.join(invite.file()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_found_until_it_is_removed_and_anything_else_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let mut invites = AdminInvites::in_folder(folder.path());
        let now = WallTime::from_millis(1_700_000_000_000);
        assert_eq!(invites.look(now), []);
        let left = AdminInvite {
            invite: InviteId::from_bytes([7; 16]),
            name: "Rui Sá".parse().unwrap(),
            ends_at: now,
        };
        left.leave_in(folder.path()).unwrap();
        fs::write(folder.path().join("admin-invite-0011"), "1 Eva\n").unwrap();
        fs::write(
            folder.path().join(format!("{PREFIX}{:?}", left.invite).replace("07", "08")),
            "x",
        )
        .unwrap();
        assert_eq!(invites.look(now), [left]);
        invites.remove(&left);
        assert_eq!(invites.look(now), []);
    }
}
