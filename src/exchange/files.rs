//! `FILES` → `FILE_LIST`: which files are offered.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query};
use crate::ids::FileName;
use crate::limits::{
    DATAGRAM_MAX_BYTES, FILE_NAME_MAX_BYTES, FILES_REQUEST_MIN_BYTES, SEALED_ROOM_BYTES,
};
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `FILES`.
#[derive(Serialize, Deserialize)]
pub(super) struct Files {
    /// The first file to tell about, counted from 0.
    pub(super) from: u32,
}

/// The message of `FILE_LIST`: nothing if this server offers no files.
#[derive(Serialize, Deserialize)]
pub(super) struct FileListMessage<L> {
    pub(super) list: Option<L>,
}

/// A part of the list of offered files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileList {
    /// How many there are in all.
    pub total: u32,
    /// Those from the one on that was asked for, as many as the answer has room for.
    pub files: Vec<FileEntry>,
}

/// An offered file in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name.
    pub name: FileName,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Message for Files {
    const KIND: Kind = Kind::Files;
}

impl Question for Files {
    const DATAGRAM_MIN_BYTES: usize = FILES_REQUEST_MIN_BYTES;

    /// A list asks for as much room as there can be.
    fn padded_bytes(&self) -> usize {
        DATAGRAM_MAX_BYTES
    }
}

impl<L> Message for FileListMessage<L> {
    const KIND: Kind = Kind::FileList;
}

impl From<Files> for Ask {
    fn from(Files { from }: Files) -> Self {
        Self::Read(Query::Files { from })
    }
}

impl From<FileListMessage<FileList>> for Answer {
    fn from(message: FileListMessage<FileList>) -> Self {
        Self::Files(message.list)
    }
}

/// The longest part of these files that the answer to a `FILES` of this length has room for, counted
/// with every number at its longest.
#[must_use]
pub fn that_fit(files: &[FileEntry], request_bytes: usize) -> &[FileEntry] {
    // R-FILES-2, R-SIZE-3
    let mut room = room(request_bytes);
    let fit = files.iter().take_while(|file| {
        let needed = entry_bytes(file.name.as_str().len());
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    });
    &files[..fit.count()]
}

/// Whether the answer to a `FILES` of this length has room for one more file beside these, however
/// long its name is.
#[must_use]
pub fn have_room_for_another(files: &[FileEntry], request_bytes: usize) -> bool {
    let listed: usize = files.iter().map(|file| entry_bytes(file.name.as_str().len())).sum();
    listed + entry_bytes(FILE_NAME_MAX_BYTES) <= room(request_bytes)
}

/// What the answer to a `FILES` of this length has for entries, in bytes.
fn room(request_bytes: usize) -> usize {
    /// Whether there is a list, the total, and the number of entries, which is below 2^14.
    const REST_MAX_BYTES: usize = REPLY_REST_MAX_BYTES + 1 + u32::MAX_BYTES + 2;
    request_bytes.min(DATAGRAM_MAX_BYTES).saturating_sub(REST_MAX_BYTES)
}

/// What an entry with a name of this length takes of it: the length takes two bytes at most.
fn entry_bytes(name_bytes: usize) -> usize {
    2 + name_bytes + u64::MAX_BYTES
}

/// Whether this answers the question for files from that one on.
pub(super) fn fits(from: u32, answer: &Answer) -> bool {
    match answer {
        Answer::Files(None) => true,
        Answer::Files(Some(list)) => {
            // R-FILES-12
            let rises = list.files.windows(2).all(|pair| pair[0].name < pair[1].name);
            let listed = u32::try_from(list.files.len()).unwrap_or(u32::MAX);
            let is_last = from.saturating_add(listed) >= list.total;
            rises && (is_last || !have_room_for_another(&list.files, SEALED_ROOM_BYTES))
        }
        _ => false,
    }
}
