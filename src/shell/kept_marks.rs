//! Marks that had no answer yet, kept on the computer on which they were pressed, over the end of the program.
//!
//! A folder with a file for each mark, so that programs which press at the same time need no order among each
//! other. A file is there from before the first datagram until there is an answer. Whoever asks holds its lock,
//! which ends with the process: who finds a file without a lock may send its mark on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::call::ServerName;
use super::clock::Moment;
use super::keys;
use super::trust::{TrustError, settings_folder};
use crate::access::RoomCode;
use crate::ids::{ClassId, StudentNumber};
use crate::time::WallTime;

/// The name of the folder beside the keys.
const FOLDER: &str = "outbox";
/// What names of files end with; others are not looked at.
const ENDING: &str = ".mark";
/// The longest file that is read.
const FILE_MAX_BYTES: u64 = 4_096;
/// So many marks are sent on at a time.
const AT_A_TIME: usize = 1_000;

/// A mark as somebody pressed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pressed {
    /// On which server.
    pub server: ServerName,
    /// In which class.
    pub class: ClassId,
    /// For whom.
    pub student: StudentNumber,
    /// The code that was shown in the room.
    pub code: Option<RoomCode>,
    /// When.
    pub at: Moment,
}

/// The mark as it lies in its file.
#[derive(Serialize, Deserialize)]
struct Line {
    server: String,
    class: ClassId,
    student: String,
    code: Option<u32>,
    pressed_ms: u64,
    /// Which start of the computer it was, and how long after it.
    boot: Option<(String, u64)>,
}

/// Why a mark cannot be kept, or one that is kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeptMarkError {
    /// There is no place for it.
    #[error(transparent)]
    NoFolder(#[from] TrustError),
    /// The system does not let us.
    #[error("cannot keep marks in {}: {source}", .path.display())]
    System {
        /// The file or the folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is none.
    #[error("{} is not a mark; remove it", .0.display())]
    Damaged(PathBuf),
}

/// The folder of the marks that are kept.
#[derive(Clone, Debug)]
pub struct KeptMarks {
    folder: PathBuf,
}

/// A mark that is kept, while nobody else asks about it.
#[derive(Debug)]
pub struct KeptMark {
    pressed: Pressed,
    path: PathBuf,
    /// Locked.
    file: File,
}

/// What became of a mark that was to be kept.
#[derive(Debug)]
pub enum Kept {
    /// It is kept.
    New(KeptMark),
    /// The same student had pressed before in that class, and had no answer.
    Before(KeptMark),
    /// Another process is asking for the same right now.
    Elsewhere,
}

impl KeptMarks {
    /// Those of the person whose computer this is.
    ///
    /// # Errors
    /// If the system does not tell where settings are kept.
    pub fn find() -> Result<Self, KeptMarkError> {
        Ok(Self { folder: settings_folder()?.join(FOLDER) })
    }

    /// Keeps a mark, unless the same one is kept already. It survives the end of the process, and with
    /// [`KeptMark::sync`] that of the computer.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, pressed: &Pressed) -> Result<Kept, KeptMarkError> {
        let path = self.folder.join(file_name(pressed));
        // Another process may be done with the file that stood in the way.
        for _ in 0..8 {
            match self.create(&path, pressed) {
                Ok(file) => {
                    return Ok(Kept::New(KeptMark { pressed: pressed.clone(), path, file }));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(KeptMarkError::System { path, source }),
            }
            match open(&path)? {
                Opened::Mark(mark) => return Ok(Kept::Before(*mark)),
                Opened::Elsewhere => return Ok(Kept::Elsewhere),
                Opened::Gone => {}
            }
        }
        Ok(Kept::Elsewhere)
    }

    /// A file with this name and the mark in it, locked, or none.
    fn create(&self, path: &Path, pressed: &Pressed) -> io::Result<File> {
        keys::make_folder(&self.folder)?;
        let mut beside = tempfile::Builder::new().prefix("new-").tempfile_in(&self.folder)?;
        beside.write_all(&to_bytes(pressed)?)?;
        beside.as_file().try_lock()?;
        Ok(beside.persist_noclobber(path)?)
    }

    /// The marks for this server about which nobody is asking, those that were pressed first before the
    /// others; and what is wrong with the rest.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn of(
        &self,
        server: &ServerName,
    ) -> Result<(Vec<KeptMark>, Vec<KeptMarkError>), KeptMarkError> {
        let system = |source| KeptMarkError::System { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
            entries => entries.map_err(system)?,
        };
        let (mut marks, mut wrong) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry.map_err(system)?.path();
            if !path.to_string_lossy().ends_with(ENDING) || marks.len() >= AT_A_TIME {
                continue;
            }
            match open(&path) {
                Ok(Opened::Mark(mark)) if mark.pressed.server == *server => marks.push(*mark),
                Ok(_) => {}
                Err(error) => wrong.push(error),
            }
        }
        marks.sort_by_key(|it| (it.pressed.at.date(), it.pressed.student));
        Ok((marks, wrong))
    }
}

impl KeptMark {
    /// What was pressed.
    #[must_use]
    pub fn pressed(&self) -> &Pressed {
        &self.pressed
    }

    /// How long ago it was pressed.
    #[must_use]
    pub fn ago(&self) -> Duration {
        Moment::now().since(&self.pressed.at)
    }

    /// When it was pressed, by the clock of this computer.
    #[must_use]
    pub fn at(&self) -> WallTime {
        self.pressed.at.date()
    }

    /// Writes it through to the disk.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn sync(&self) -> Result<(), KeptMarkError> {
        let synced = self.file.sync_all().and_then(|()| sync_folder(&self.path));
        synced.map_err(|source| self.error(source))
    }

    /// Puts what was pressed now in its place.
    ///
    /// # Errors
    /// If it cannot be written. What was there may be damaged then.
    pub fn replace(&mut self, pressed: &Pressed) -> Result<(), KeptMarkError> {
        let written = to_bytes(pressed).and_then(|bytes| {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(&bytes)
        });
        written.map_err(|source| self.error(source))?;
        self.pressed = pressed.clone();
        Ok(())
    }

    /// There is an answer: it need not be kept any more.
    ///
    /// # Errors
    /// If it cannot be removed; it is sent once more then, which does no harm.
    pub fn discard(self) -> Result<(), KeptMarkError> {
        // Empty first: who has opened it and waits for the lock finds nothing in it.
        let discarded = self.file.set_len(0).and_then(|()| fs::remove_file(&self.path));
        match discarded {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|source| self.error(source)),
        }
    }

    fn error(&self, source: io::Error) -> KeptMarkError {
        KeptMarkError::System { path: self.path.clone(), source }
    }
}

enum Opened {
    Mark(Box<KeptMark>),
    Elsewhere,
    Gone,
}

fn open(path: &Path) -> Result<Opened, KeptMarkError> {
    let error = |source| KeptMarkError::System { path: path.to_owned(), source };
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Opened::Gone),
        file => file.map_err(error)?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Opened::Elsewhere),
        Err(TryLockError::Error(source)) => return Err(error(source)),
    }
    let mut bytes = Vec::new();
    (&mut file).take(FILE_MAX_BYTES).read_to_end(&mut bytes).map_err(error)?;
    if bytes.is_empty() {
        // Its process was done with it, or was ended before it could write.
        let _ = fs::remove_file(path);
        return Ok(Opened::Gone);
    }
    let pressed = from_bytes(&bytes).ok_or_else(|| KeptMarkError::Damaged(path.to_owned()))?;
    Ok(Opened::Mark(Box::new(KeptMark { pressed, path: path.to_owned(), file })))
}

/// The same name for the same student in the same class of the same server.
fn file_name(pressed: &Pressed) -> String {
    let Pressed { server, class, student, .. } = pressed;
    let hash = Sha256::digest(format!("{server} {class} {student}"));
    format!("{}{ENDING}", HEXLOWER.encode(&hash[..16]))
}

fn to_bytes(pressed: &Pressed) -> io::Result<Vec<u8>> {
    let (date, boot) = pressed.at.parts();
    let line = Line {
        server: pressed.server.to_string(),
        class: pressed.class,
        student: pressed.student.as_str().to_owned(),
        code: pressed.code.map(RoomCode::get),
        pressed_ms: date.as_millis(),
        boot: boot.map(|(id, since)| (id.to_owned(), millis(since))),
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn from_bytes(bytes: &[u8]) -> Option<Pressed> {
    let line: Line = serde_json::from_slice(bytes).ok()?;
    let code = match line.code {
        Some(code) => Some(RoomCode::new(code)?),
        None => None,
    };
    let boot = line.boot.map(|(id, since)| (id, Duration::from_millis(since)));
    Some(Pressed {
        server: line.server.parse().ok()?,
        class: line.class,
        student: line.student.parse().ok()?,
        code,
        at: Moment::from_parts(WallTime::from_millis(line.pressed_ms), boot),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(server: &str, student: &str, at: u64) -> Pressed {
        Pressed {
            server: server.parse().unwrap(),
            class: ClassId::new(3030).unwrap(),
            student: student.parse().unwrap(),
            code: RoomCode::new(42),
            at: Moment::from_parts(WallTime::from_millis(at), None),
        }
    }

    fn new(kept: Kept) -> KeptMark {
        match kept {
            Kept::New(mark) => mark,
            other => panic!("{other:?}"),
        }
    }

    fn students(marks: &KeptMarks, server: &str) -> Vec<String> {
        let (found, wrong) = marks.of(&server.parse().unwrap()).unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        found.iter().map(|it| it.pressed().student.as_str().to_owned()).collect()
    }

    #[test]
    fn a_mark_is_kept_over_the_end_of_its_process_until_there_is_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let marks = KeptMarks { folder: folder.path().join("outbox") };
        let press = pressed("room", "10", 1_000);
        let held = new(marks.keep(&press).unwrap());
        assert!(students(&marks, "room").is_empty(), "somebody asks about it");
        assert!(matches!(marks.keep(&press).unwrap(), Kept::Elsewhere));
        held.sync().unwrap();
        drop(held);
        drop(new(marks.keep(&pressed("room", "20", 500)).unwrap()));
        drop(new(marks.keep(&pressed("elsewhere", "10", 1_000)).unwrap()));
        assert_eq!(students(&marks, "room"), ["20", "10"], "the first one first");
        let again = marks.keep(&Pressed { at: Moment::now(), code: None, ..press.clone() });
        let Kept::Before(before) = again.unwrap() else { panic!("it was kept before") };
        assert_eq!(*before.pressed(), press, "with the time and the code of then");
        before.discard().unwrap();
        assert_eq!(students(&marks, "room"), ["20"]);
        assert_eq!(students(&marks, "elsewhere"), ["10"]);
    }

    #[test]
    fn what_is_pressed_anew_takes_the_place_of_what_was_refused() {
        let folder = tempfile::tempdir().unwrap();
        let marks = KeptMarks { folder: folder.path().to_owned() };
        let mut mark = new(marks.keep(&pressed("room", "10", 123_456_789)).unwrap());
        let anew = Pressed { code: None, ..pressed("room", "10", 7) };
        mark.replace(&anew).unwrap();
        drop(mark);
        let (found, _) = marks.of(&anew.server).unwrap();
        assert_eq!(*found[0].pressed(), anew);
    }

    #[test]
    fn a_file_that_is_no_mark_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let marks = KeptMarks { folder: folder.path().to_owned() };
        drop(new(marks.keep(&pressed("room", "10", 1_000)).unwrap()));
        let damaged = folder.path().join("x.mark");
        for text in [
            "{",
            "{}",
            "\u{0}",
            r#"{"server":"room","class":0,"student":"10","code":null,"pressed_ms":1,"boot":null}"#,
        ] {
            fs::write(&damaged, text).unwrap();
            let (found, wrong) = marks.of(&"room".parse().unwrap()).unwrap();
            assert_eq!(found.len(), 1);
            assert!(matches!(&wrong[..], [KeptMarkError::Damaged(path)] if *path == damaged));
        }
        fs::write(folder.path().join("note.txt"), "{").unwrap();
        fs::write(&damaged, "").unwrap();
        assert_eq!(students(&marks, "room"), ["10"], "an empty one was ended in the middle");
        assert!(!damaged.exists());
    }

    #[test]
    fn without_a_folder_nothing_is_kept_and_it_is_said_why() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("outbox"), "a file").unwrap();
        let marks = KeptMarks { folder: folder.path().join("outbox") };
        let error = marks.keep(&pressed("room", "10", 1)).unwrap_err();
        assert!(error.to_string().starts_with("cannot keep marks in "), "{error}");
        let nowhere = KeptMarks { folder: folder.path().join("never") };
        assert!(students(&nowhere, "room").is_empty());
    }
}
