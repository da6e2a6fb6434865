//! Reads pieces of files by the name of their content.

use std::fs::File;
use std::io;

use tracing::debug;

use super::stamp::Stamp;
use super::{Folder, is_exhaustion};
use crate::ids::FileName;
use crate::limits::{BLOCK_BYTES, FILES_OPEN_MAX};
use crate::server::{Piece, PieceRead};
use crate::time::{Instant, Now};

/// A file that is being fetched.
pub(super) struct OpenFile {
    pub(super) name: FileName,
    stamp: Stamp,
    file: File,
}

impl Folder {
    /// Reads a piece of any file that has its content.
    pub(super) fn read(&mut self, piece: Piece, now: Now) -> PieceRead {
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

    /// Reads a piece of this file; `None` if the file has changed.
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
            if self.open.len() >= FILES_OPEN_MAX {
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
        // Checked after reading, so that what was read is of the content.
        // R-FILES-5
        let is_same = Stamp::of(file)? == stamp;
        Ok(is_same.then_some(bytes))
    }

    /// The file no longer has the content that was hashed.
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
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
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
