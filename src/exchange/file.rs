//! `FILE` → `FILE_INFO`: the content of one offered file.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query, SheetInfo};
use crate::ids::{ContentId, FileKey};
use crate::limits::{BLOCK_BYTES, FILE_BYTES_MAX, FILE_REQUEST_MIN_BYTES};
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// The message of `FILE`.
#[derive(Serialize, Deserialize)]
pub(super) struct File {
    pub(super) file: FileKey,
}

/// `FILE_INFO`: status of a file that was asked for. The numbers are those that postcard gives them:
/// 0 absent, 1 being read, 2 ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileState {
    /// No such file is offered.
    Absent,
    /// It is being read to find the name of its content: ask again.
    Reading {
        /// The bytes that have been read.
        done: u64,
        /// The bytes that it has.
        bytes: u64,
    },
    /// It can be fetched.
    Ready(FileInfo),
}

/// An object in brief: how to fetch and check it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its size in bytes, at most [`FILE_BYTES_MAX`].
    pub bytes: u64,
    /// The name of its content.
    pub content: ContentId,
}

impl FileInfo {
    /// How many blocks it has.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        let blocks = self.bytes.min(FILE_BYTES_MAX).div_ceil(BLOCK_BYTES as u64);
        u32::try_from(blocks).expect("FILE_BYTES_MAX is counted in u32")
    }
}

impl From<SheetInfo> for FileInfo {
    fn from(sheet: SheetInfo) -> Self {
        Self { bytes: sheet.bytes.into(), content: sheet.content }
    }
}

impl Message for File {
    const KIND: Kind = Kind::File;
}

impl Question for File {
    const DATAGRAM_MIN_BYTES: usize = FILE_REQUEST_MIN_BYTES;
}

impl Message for FileState {
    const KIND: Kind = Kind::FileInfo;

    fn is_valid(&self) -> bool {
        match *self {
            Self::Absent => true,
            Self::Reading { done, bytes } => done <= bytes && bytes <= FILE_BYTES_MAX,
            Self::Ready(FileInfo { bytes, .. }) => bytes <= FILE_BYTES_MAX,
        }
    }
}

max_bytes! {
    FileInfo: u64, ContentId;
}

impl MaxBytes for FileState {
    // Which state, and the longest: `FILE_BYTES_MAX` has 42 bits.
    const MAX_BYTES: usize = 1 + FileInfo::MAX_BYTES;
}
const _: () = assert!(reply_max_bytes::<FileState>() <= FILE_REQUEST_MIN_BYTES);

impl From<File> for Ask {
    fn from(File { file }: File) -> Self {
        Self::Read(Query::File { file })
    }
}

impl From<FileState> for Answer {
    fn from(state: FileState) -> Self {
        Self::File(state)
    }
}

/// Whether this answers the question for a file.
pub(super) fn fits(answer: &Answer) -> bool {
    matches!(answer, Answer::File(_))
}
