//! What a person's computer knows of servers: its own device key, and the key of each server that it has
//! joined, as in SSH's `known_hosts`.
//!
//! One folder: `device.key`, and `servers`, a line for each server: its address, its key, and the key
//! that it said it will have next.

use std::fmt::{self, Write as _};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use directories::ProjectDirs;

use super::keys::{self, KeyError};
use super::server_name::{NotAServer, ServerName};
use crate::seal::{NotAKey, PublicKey, SecretKey};

/// The folder, if it is not the usual one of this system.
const FOLDER_VARIABLE: &str = "ROLLCALL_CONFIG";

/// What a join link says: where a server is, and by which key it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinLink {
    /// Where it is.
    pub server: ServerName,
    /// Its key.
    pub key: PublicKey,
}

/// Why a text is no join link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALink {
    /// Another form.
    #[error("a join link looks like rollcall://HOST:PORT/#KEY")]
    Form,
    /// The address.
    #[error("its address is not understood: {0}")]
    Server(#[from] NotAServer),
    /// The key.
    #[error("{0}")]
    Key(#[from] NotAKey),
}

impl FromStr for JoinLink {
    type Err = NotALink;

    fn from_str(text: &str) -> Result<Self, NotALink> {
        let rest = text.trim().strip_prefix("rollcall://").ok_or(NotALink::Form)?;
        let (server, key) = rest.split_once('#').ok_or(NotALink::Form)?;
        let server = server.strip_suffix('/').unwrap_or(server);
        Ok(Self { server: server.parse()?, key: key.parse()? })
    }
}

impl fmt::Display for JoinLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rollcall://{}/#{}", self.server, self.key)
    }
}

/// A server that was joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Its key.
    pub key: PublicKey,
    /// The key that it announced to have next.
    pub next: Option<PublicKey>,
}

/// Why what this computer knows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The device's key.
    #[error(transparent)]
    Key(KeyError),
    /// There is none, and none can be made.
    #[error("{0}; make that folder writable, or name another one in {FOLDER_VARIABLE}")]
    NoKey(#[source] KeyError),
    /// The system does not tell where settings are kept.
    #[error("this system does not tell where to keep keys; name a folder in {FOLDER_VARIABLE}")]
    NoFolder,
    /// The list of servers cannot be read.
    #[error(
        "cannot read {}: {source}; make that folder readable, or name another one in {FOLDER_VARIABLE}",
        .path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The list of servers cannot be written.
    #[error(
        "cannot write {}: {source}; nothing was changed; make that folder writable, or name another one \
         in {FOLDER_VARIABLE}",
        .path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A line of it is damaged.
    #[error("line {line} of {} is not understood; correct or remove it", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

/// The folder with what this computer knows.
pub struct Trust {
    folder: PathBuf,
}

impl Trust {
    /// The folder that the environment names, or the usual one of this system.
    ///
    /// # Errors
    /// If there is no usual one.
    pub fn find() -> Result<Self, TrustError> {
        settings_folder().map(|folder| Self { folder })
    }

    /// The key of this device; made now if there is none yet.
    ///
    /// # Errors
    /// If it cannot be read or made.
    pub fn device_key(&self) -> Result<SecretKey, TrustError> {
        keys::load_or_make(&self.folder.join("device.key")).map_err(|error| match error {
            KeyError::Make { .. } => TrustError::NoKey(error),
            other => TrustError::Key(other),
        })
    }

    /// By which key this server is known.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn pin(&self, server: &ServerName) -> Result<Option<Pin>, TrustError> {
        let servers = self.servers()?;
        Ok(servers.into_iter().find(|it| it.0 == server.to_string()).map(|it| it.1))
    }

    /// Keeps this key for this server, in place of what was kept.
    ///
    /// # Errors
    /// If the list cannot be read or written. Nothing has changed then.
    pub fn keep(&self, server: &ServerName, pin: Pin) -> Result<(), TrustError> {
        let mut servers = self.servers()?;
        servers.retain(|it| it.0 != server.to_string());
        servers.push((server.to_string(), pin));
        self.write(&servers)
    }

    /// Forgets a server. False if it was not known.
    ///
    /// # Errors
    /// As for [`Trust::keep`].
    pub fn forget(&self, server: &ServerName) -> Result<bool, TrustError> {
        let mut servers = self.servers()?;
        let before = servers.len();
        servers.retain(|it| it.0 != server.to_string());
        if servers.len() == before {
            return Ok(false);
        }
        self.write(&servers)?;
        Ok(true)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("servers")
    }

    fn servers(&self) -> Result<Vec<(String, Pin)>, TrustError> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(TrustError::Read { path, source }),
            Ok(text) => text,
        };
        let mut servers = Vec::new();
        for (place, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let damaged = || TrustError::Line { path: path.clone(), line: place + 1 };
            servers.push(server_of(line).ok_or_else(damaged)?);
        }
        Ok(servers)
    }

    /// Writes the list to a file beside it, and gives that its name.
    fn write(&self, servers: &[(String, Pin)]) -> Result<(), TrustError> {
        let path = self.path();
        let mut text =
            String::from("# Servers that were joined: address, key, the key after that one.\n");
        for (server, Pin { key, next }) in servers {
            let next = next.map_or_else(|| "-".to_owned(), |it| it.to_string());
            let _ = writeln!(text, "{server} {key} {next}");
        }
        let written =
            keys::make_folder(&self.folder).and_then(|()| replace(&path, text.as_bytes()));
        written.map_err(|source| TrustError::Write { path, source })
    }
}

/// The folder that the environment names, or the usual one of this system.
pub(super) fn settings_folder() -> Result<PathBuf, TrustError> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE).filter(|it| !it.is_empty()) {
        return Ok(folder.into());
    }
    let project = ProjectDirs::from("", "", "rollcall").ok_or(TrustError::NoFolder)?;
    Ok(project.config_dir().to_owned())
}

fn server_of(line: &str) -> Option<(String, Pin)> {
    let mut fields = line.split_whitespace();
    let (server, key, next) = (fields.next()?, fields.next()?, fields.next()?);
    let next = if next == "-" { None } else { Some(next.parse().ok()?) };
    let pin = Pin { key: key.parse().ok()?, next };
    fields.next().is_none().then_some((server.to_owned(), pin))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_file_name(format!("servers.new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&beside)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> PublicKey {
        PublicKey::from_bytes([number; 32])
    }

    #[test]
    fn a_link_is_read_back_and_a_wrong_one_says_what_is_wrong() {
        let link = JoinLink { server: "room.example.edu:5051".parse().unwrap(), key: key(7) };
        let text = link.to_string();
        assert_eq!(text.parse(), Ok(link.clone()));
        assert_eq!(format!("  {text}\n").parse(), Ok(link.clone()), "pasted");
        assert_eq!(text.replace("/#", "#").parse(), Ok(link), "some programs drop a slash");
        assert_eq!("https://example.edu/#x".parse::<JoinLink>(), Err(NotALink::Form));
        assert_eq!(text[..20].parse::<JoinLink>(), Err(NotALink::Form));
        let cut: NotALink = text[..text.len() - 2].parse::<JoinLink>().unwrap_err();
        assert_eq!(cut, NotALink::Key(NotAKey::Form));
        let place = text.len() - 10;
        let letter = if &text[place..=place] == "q" { "z" } else { "q" };
        let wrong = format!("{}{letter}{}", &text[..place], &text[place + 1..]);
        assert_eq!(wrong.parse::<JoinLink>(), Err(NotALink::Key(NotAKey::CheckSum)));
        assert!(matches!("rollcall://:1/#".parse::<JoinLink>(), Err(NotALink::Server(_))));
    }

    #[test]
    fn servers_are_kept_forgotten_and_a_damaged_line_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust { folder: folder.path().join("rollcall") };
        let (one, two): (ServerName, ServerName) =
            ("one:1".parse().unwrap(), "[::1]:2".parse().unwrap());
        assert_eq!(trust.pin(&one).unwrap(), None);
        let pin = Pin { key: key(1), next: None };
        trust.keep(&one, pin).unwrap();
        trust.keep(&two, Pin { key: key(2), next: Some(key(3)) }).unwrap();
        assert_eq!(trust.pin(&one).unwrap(), Some(pin));
        assert_eq!(trust.pin(&two).unwrap().unwrap().next, Some(key(3)));
        trust.keep(&one, Pin { key: key(4), next: None }).unwrap();
        assert_eq!(trust.pin(&one).unwrap().unwrap().key, key(4));
        assert!(trust.forget(&one).unwrap() && !trust.forget(&one).unwrap());
        assert_eq!(trust.pin(&one).unwrap(), None);
        fs::write(trust.path(), "# comment\n\none:1 nonsense -\n").unwrap();
        let error = trust.pin(&two).unwrap_err();
        assert!(matches!(error, TrustError::Line { line: 3, .. }), "{error}");
    }
}
