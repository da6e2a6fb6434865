//! Hashes files, a piece at a time, to know their contents: those that were asked for by name, and those
//! that may have a content that somebody fetches.

use std::fs::File;
use std::io::{self, Read as _};

use sha2::{Digest as _, Sha256};
use tracing::debug;

use super::settling::Verdict;
use super::stamp::Stamp;
use super::{Folder, is_exhaustion};
use crate::ids::{ContentId, FileName};
use crate::limits::{BLOCK_BYTES, SEARCH_CANDIDATES_AT_ONCE, SEARCH_LIFE, SEARCH_PIECES_PER_TURN};
use crate::server::Piece;
use crate::time::{Instant, Now};

/// A file that is being hashed.
pub(super) struct Hashing {
    pub(super) name: FileName,
    pub(super) stamp: Stamp,
    file: File,
    hasher: Sha256,
    /// How many bytes are hashed.
    pub(super) done: u64,
}

impl Hashing {
    pub(super) fn begin(name: FileName, stamp: Stamp, file: File) -> Self {
        Self { name, stamp, file, hasher: Sha256::new(), done: 0 }
    }
}

/// A content that is looked for in files that are not hashed yet.
#[derive(Clone, Copy)]
pub(super) struct Search {
    content: ContentId,
    /// It has more bytes than this.
    longer_than: u64,
    until: Instant,
}

impl Folder {
    /// Looks for a content that no hashed file has in those that are not hashed yet; after a restart
    /// these are all. False if no file has it.
    pub(super) fn find(&mut self, piece: Piece, now: Now) -> bool {
        let Piece { content, first, .. } = piece;
        if !self.has_all_names() {
            let Some(certain) = self.content_lookups.ask(content, self.begun) else { return true };
            if self.listed < certain {
                self.list_again(now);
            }
            if self.listed < certain {
                return true;
            }
            self.content_lookups.remove(&content);
        }
        let longer_than = u64::from(first) * BLOCK_BYTES as u64;
        let until = now.instant.after(SEARCH_LIFE);
        self.search = Some(Search { content, longer_than, until });
        for _ in 0..SEARCH_PIECES_PER_TURN {
            if !self.search_on(now) {
                return self.contents.name(content).is_some();
            }
            // Small files are hashed at once.
            self.hash_some(now);
        }
        true
    }

    /// Begins to hash the next file that may have the content that is looked for. False if there is
    /// none.
    pub(super) fn search_on(&mut self, now: Now) -> bool {
        let Some(Search { content, longer_than, until }) = self.search else { return false };
        if until < now.instant || self.contents.name(content).is_some() {
            self.search = None;
            return false;
        }
        loop {
            let candidates = self.contents.candidates(content, longer_than);
            let names: Vec<_> = candidates.take(SEARCH_CANDIDATES_AT_ONCE).cloned().collect();
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

    /// Begins to hash this file, unless others are hashed first; false if it cannot be hashed.
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
                // One after another: an earlier one may have the content.
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

    /// Hashes a piece of the file whose turn it is.
    pub(super) fn hash_some(&mut self, now: Now) {
        let Some(mut hashing) = self.hashing.pop_front() else { return };
        match hashing.file.read(&mut self.buffer) {
            Ok(0) => self.hashed(hashing, now.instant),
            Ok(read) => {
                hashing.hasher.update(&self.buffer[..read]);
                hashing.done += read as u64;
                if hashing.done == hashing.stamp.bytes {
                    return self.hashed(hashing, now.instant);
                }
                // Files take turns: a small one does not wait for a large one.
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

    /// A file was hashed to its end.
    fn hashed(&mut self, hashing: Hashing, now: Instant) {
        let Hashing { name, stamp, file, hasher, done } = hashing;
        // R-FILES-8
        if !Stamp::of(&file).is_ok_and(|now| now == stamp) {
            // It is asked for again, and hashed again.
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
