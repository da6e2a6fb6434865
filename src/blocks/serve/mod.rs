//! The server's half of a transfer: answers requests for blocks of sheets and files. Nothing is kept of
//! a transfer; each request names all that is needed to answer it, and waits here only until its bytes
//! are read and sent.
//!
//! ```text
//!   handle_request ─┬─ a cached sheet ──────────────────────────────────┬─▶ TransmitQueue ─▶ poll_transmit
//!                   ├─ a known file ─▶ PieceReads ─▶ handle_piece ──────┤   (by address, paced)
//!                   └─ anything else ─▶ poll_load ─▶ handle_sheet ──────┘
//!                                                    └─ no sheet ─▶ PieceReads ─▶ …
//! ```
//!
//! Invariants: no more than [`BLOCKS_AWAITED_MAX`] requests wait, and no more than
//! [`BLOCKS_AWAITED_PER_ADDRESS_MAX`] of one address, wherever on this way they are.

mod cache;
mod fair;
mod pace;
mod queue;
mod reads;

use cache::{BlockRun, SheetCache};
use queue::TransmitQueue;
use reads::{PieceReads, ReadOutcome};

use crate::exchange::span;
use crate::ids::{ClientId, ContentId, RequestNumber};
use crate::limits::{BLOCKS_AWAITED_MAX, BLOCKS_AWAITED_PER_ADDRESS_MAX};
use crate::time::Instant;
use crate::waiting::Waiting;

/// Some contiguous blocks of a file, to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The file's content.
    pub content: ContentId,
    /// The first block.
    pub first: u32,
    /// How many, at most 64; the file may end before.
    pub blocks: u32,
}

/// The result of reading a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PieceRead {
    /// Its bytes, as far as the file goes.
    Bytes(Vec<u8>),
    /// It is not known yet whether a file has this content, or it cannot be read at the moment.
    NotYet,
    /// No file has this content.
    Absent,
}

/// Whom to answer: the way back, and what the reply repeats of the request.
#[derive(Clone, Debug)]
pub(crate) struct Requester<P> {
    pub(crate) to: P,
    pub(crate) client: ClientId,
    pub(crate) number: RequestNumber,
}

/// A request for blocks of an object.
#[derive(Clone, Debug)]
pub(crate) struct BlockRequest<P> {
    pub(crate) requester: Requester<P>,
    /// A hash of the requester's address: requests are queued by it.
    pub(crate) address: u64,
    pub(crate) content: ContentId,
    pub(crate) first: u32,
    /// Which of the 64 blocks from `first` on; bit 0 is `first`.
    pub(crate) map: u64,
}

impl<P> BlockRequest<P> {
    fn piece(&self) -> Piece {
        let &Self { content, first, map, .. } = self;
        Piece { content, first, blocks: span(map) }
    }
}

/// A request was dropped. Its client takes the silence for a congested path, and asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dropped;

/// Answers requests for blocks. `Clone` lets the model checker branch.
#[derive(Clone)]
pub(crate) struct BlockServer<P> {
    /// Whether an object that is no sheet may be a file.
    offers_files: bool,
    sheets: SheetCache,
    /// Requests for objects of which it is not known yet whether they are sheets.
    loading: Waiting<ContentId, BlockRequest<P>>,
    reads: PieceReads<P>,
    queue: TransmitQueue<P>,
}

impl<P> BlockServer<P> {
    pub(crate) fn new() -> Self {
        Self {
            offers_files: false,
            sheets: SheetCache::new(),
            loading: Waiting::new(BLOCKS_AWAITED_MAX),
            reads: PieceReads::new(),
            queue: TransmitQueue::new(),
        }
    }

    /// There is a folder of files to offer.
    pub(crate) fn offer_files(&mut self) {
        self.offers_files = true;
    }

    pub(crate) fn offers_files(&self) -> bool {
        self.offers_files
    }

    /// Limits the bytes of blocks that leave in a second, in all; each address gets half of it at most.
    pub(crate) fn limit(&mut self, bytes_per_second: u64) {
        self.queue.limit(bytes_per_second);
    }

    /// A turn of the loop begins: so many more blocks may be sent.
    pub(crate) fn begin_turn(&mut self, now: Instant) {
        self.queue.begin_turn(now);
    }

    /// When the next turn has to begin for the blocks that this one may not send.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.queue.poll_timeout()
    }

    /// Answers a request in the turns to come, as soon as its bytes are here.
    ///
    /// # Errors
    /// [`Dropped`] if too many requests wait, of this address or in all.
    pub(crate) fn handle_request(&mut self, request: BlockRequest<P>) -> Result<(), Dropped> {
        // R-PULL-6
        if !self.has_room(request.address) {
            return Err(Dropped);
        }
        let content = request.content;
        if let Some(run) = self.sheets.get(content) {
            self.queue.enqueue(request, run);
        } else if self.reads.is_file(content) {
            self.reads.push(request);
        } else {
            self.loading.push(content, request);
        }
        Ok(())
    }

    /// Whether all blocks of this object are in memory.
    pub(crate) fn has_sheet(&mut self, content: ContentId) -> bool {
        self.sheets.get(content).is_some()
    }

    /// These are the bytes of an object that can be pulled for a while, as a sheet can.
    pub(crate) fn keep_sheet(&mut self, content: ContentId, bytes: Vec<u8>) {
        if self.sheets.get(content).is_none() {
            self.sheets.insert(content, BlockRun::new(0, bytes));
        }
    }

    /// A sheet was read: its canonical bytes, or `None` if no sheet has this name.
    pub(crate) fn handle_sheet(&mut self, content: ContentId, bytes: Option<Vec<u8>>) {
        let run = BlockRun::new(0, bytes.unwrap_or_default());
        if !run.is_empty() {
            self.sheets.insert(content, run.clone());
        }
        for request in self.loading.take(content) {
            if run.is_empty() && self.offers_files {
                self.reads.push(request);
            } else {
                self.queue.enqueue(request, run.clone());
            }
        }
    }

    /// A piece of a file was read.
    ///
    /// # Errors
    /// [`Dropped`] if it cannot be told yet what is in it: the request for it is dropped.
    pub(crate) fn handle_piece(&mut self, piece: Piece, read: PieceRead) -> Result<(), Dropped> {
        match self.reads.handle_piece(piece, read) {
            None => Ok(()),
            Some(ReadOutcome::Dropped) => Err(Dropped),
            Some(ReadOutcome::Ready(request, run)) => {
                self.queue.enqueue(request, run);
                Ok(())
            }
        }
    }

    /// A file has this content: requests for it need not wait for the journal.
    pub(crate) fn learn_file(&mut self, content: ContentId) {
        self.reads.learn_file(content);
    }

    /// The next sheet to read, perhaps one that does not exist.
    pub(crate) fn poll_load(&mut self) -> Option<ContentId> {
        self.loading.next_to_ask()
    }

    /// The next piece of a file to read.
    pub(crate) fn poll_piece(&mut self) -> Option<Piece> {
        self.reads.poll_piece(self.queue.len())
    }

    fn has_room(&self, address: u64) -> bool {
        let all = self.loading.len() + self.reads.len() + self.queue.len();
        let loading = self.loading.iter().filter(|request| request.address == address).count();
        let theirs = loading + self.reads.len_of(address) + self.queue.len_of(address);
        all < BLOCKS_AWAITED_MAX && theirs < BLOCKS_AWAITED_PER_ADDRESS_MAX
    }
}

impl<P: Clone> BlockServer<P> {
    /// Sends the next block that may leave in this turn: `encode` gets whom it answers, its number and
    /// its bytes. Returns the way to send it.
    pub(crate) fn poll_transmit(
        &mut self,
        encode: impl FnOnce(&Requester<P>, u32, &[u8]),
    ) -> Option<P> {
        self.queue.poll_transmit(encode)
    }
}
