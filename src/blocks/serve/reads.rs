//! Requests for blocks of files whose bytes are read from disk.
//!
//! Few pieces are read ahead of what is transmitted ([`PIECES_AHEAD_MAX`]), so that reading does not
//! take the processor from operations; the requests behind them wait by address, in turn.

use std::collections::{BTreeSet, VecDeque};

use super::cache::BlockRun;
use super::fair::FairQueue;
use super::{BlockRequest, Piece, PieceRead};
use crate::ids::ContentId;
use crate::limits::{FILES_MAX, PIECES_AHEAD_MAX};

/// What became of a request when its piece was read.
pub(super) enum ReadOutcome<P> {
    /// Its bytes; none if no file has this content, or not so many blocks.
    Ready(BlockRequest<P>, BlockRun),
    /// Whether there are such bytes is not known yet: the request is dropped.
    Dropped,
}

/// Requests for pieces of files: those that wait to be read and those that are being read.
#[derive(Clone)]
pub(super) struct PieceReads<P> {
    /// Contents that a file is known to have: for these no sheet need be looked for.
    files: BTreeSet<ContentId>,
    unread: FairQueue<BlockRequest<P>>,
    /// In the order in which they were given out to be read.
    reading: VecDeque<BlockRequest<P>>,
}

impl<P> PieceReads<P> {
    pub(super) fn new() -> Self {
        Self { files: BTreeSet::new(), unread: FairQueue::new(), reading: VecDeque::new() }
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.unread.len() + self.reading.len()
    }

    /// How many requests of this address wait.
    pub(super) fn len_of(&self, address: u64) -> usize {
        let reading = self.reading.iter().filter(|request| request.address == address);
        self.unread.len_of(address) + reading.count()
    }

    /// Whether a file is known to have this content.
    pub(super) fn is_file(&self, content: ContentId) -> bool {
        self.files.contains(&content)
    }

    /// A file has this content.
    pub(super) fn learn_file(&mut self, content: ContentId) {
        if self.files.len() >= FILES_MAX {
            // More contents than there can be files: most are gone. Pulling one asks the journal again.
            self.files.clear();
        }
        self.files.insert(content);
    }

    pub(super) fn push(&mut self, request: BlockRequest<P>) {
        self.unread.push(request.address, request);
    }

    /// The next piece to read, unless enough requests are `queued` to be transmitted.
    pub(super) fn poll_piece(&mut self, queued: usize) -> Option<Piece> {
        if self.reading.len() + queued >= PIECES_AHEAD_MAX {
            return None;
        }
        let request = self.unread.pop_front()?;
        self.unread.end_turn(request.address);
        let piece = request.piece();
        self.reading.push_back(request);
        Some(piece)
    }

    /// A piece was read: what became of the first request for it; `None` if nobody waits for it.
    pub(super) fn handle_piece(&mut self, piece: Piece, read: PieceRead) -> Option<ReadOutcome<P>> {
        let bytes = match read {
            PieceRead::Bytes(bytes) => {
                self.learn_file(piece.content);
                Some(bytes)
            }
            PieceRead::NotYet => None,
            PieceRead::Absent => {
                self.files.remove(&piece.content);
                Some(Vec::new())
            }
        };
        let place = self.reading.iter().position(|request| request.piece() == piece)?;
        let request = self.reading.remove(place).expect("found above");
        Some(match bytes {
            Some(bytes) => ReadOutcome::Ready(request, BlockRun::new(piece.first, bytes)),
            None => ReadOutcome::Dropped,
        })
    }
}
