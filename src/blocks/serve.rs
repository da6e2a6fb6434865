//! What the server gives out in blocks: sheets and files. Nothing is kept of a transfer: every
//! request names all that is needed to answer it, and waits here only until its bytes are read.
//!
//! ```text
//!   PULL ─┬▶ a sheet that is in memory ───────────────────────────▶ given out, so many a turn
//!         ├▶ a file that is known ─▶ Read(piece) ─▶ handle_piece ─▶      "
//!         └▶ anything else ────────▶ Load(sheet) ─▶ handle_sheet ─▶      "
//!                                                    └▶ no sheet ─▶ Read(piece) …
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::fair::FairQueue;
use super::pace::Pace;
use crate::exchange::{FileEntry, span};
use crate::ids::{ClassId, ClientId, ContentId, FileKey, RequestNumber, RollCallNumber};
use crate::limits::{
    BLOCK_BYTES, BLOCKS_AWAITED_MAX, BLOCKS_AWAITED_PER_ADDRESS_MAX, BLOCKS_PER_TURN_MAX,
    BLOCKS_PER_VISIT_MAX, FILE_QUESTIONS_MAX, FILES_MAX, LISTING_LIFE, LONE_PULL_MIN_BYTES,
    PIECES_AHEAD_MAX, SHEET_QUESTIONS_MAX, SHEETS_CACHED_MAX,
};
use crate::time::Instant;

/// What a pulled block counts for where a rate is kept: the longest datagram with one, and the headers
/// of Ethernet, IP and UDP around it.
const PULLED_BYTES: u64 = LONE_PULL_MIN_BYTES as u64 + 66;

/// A run of blocks of a file to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The file's content.
    pub content: ContentId,
    /// The first block.
    pub first: u32,
    /// How many, at most 64; the file may end before.
    pub blocks: u32,
}

/// What reading a piece came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PieceRead {
    /// Its bytes, as far as the file goes.
    Bytes(Vec<u8>),
    /// It is not known yet whether a file has this content, or it cannot be read at the moment.
    NotYet,
    /// No file has this content.
    Absent,
}

/// Something to do in the folder of offered files. Whether in this order or another makes no
/// difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderRequest {
    /// List it, and then call [`Server::handle_listing`](crate::server::Server::handle_listing).
    List,
    /// Say how it stands with a file, with
    /// [`Server::handle_file`](crate::server::Server::handle_file).
    Describe(FileKey),
    /// Read a piece, and then call [`Server::handle_piece`](crate::server::Server::handle_piece).
    Read(Piece),
}

/// Somebody who waits for an answer.
#[derive(Clone, Debug)]
pub(crate) struct Asker<P> {
    pub(crate) to: P,
    pub(crate) client: ClientId,
    pub(crate) number: RequestNumber,
}

/// A request for blocks: those of the map, which counts from block `first` on.
#[derive(Clone, Debug)]
pub(crate) struct Demand<P> {
    pub(crate) asker: Asker<P>,
    /// What the address of the asker is known by among others that wait.
    pub(crate) address: u64,
    pub(crate) content: ContentId,
    pub(crate) first: u32,
    pub(crate) map: u64,
}

impl<P> Demand<P> {
    fn piece(&self) -> Piece {
        let &Self { content, first, map, .. } = self;
        Piece { content, first, blocks: span(map) }
    }
}

/// A question for the closed sheets of a class, the last one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetsQuestion {
    /// The class.
    pub class: ClassId,
    /// The highest number of a roll call to tell about.
    pub at_most: RollCallNumber,
    /// How many at most.
    pub limit: usize,
}

/// A question for the list of files.
#[derive(Clone, Debug)]
pub(crate) struct ListDemand<P> {
    pub(crate) asker: Asker<P>,
    pub(crate) from: u32,
    pub(crate) request_bytes: usize,
}

/// Blocks that are here, on their way to whoever pulled them.
#[derive(Clone)]
struct Gift<P> {
    asker: Asker<P>,
    first: u32,
    /// What is left to give of the 64 blocks from `first` on; never nothing.
    map: u64,
    source: Source,
}

/// Where the bytes of blocks are: some of the object's, from block `first` on.
#[derive(Clone)]
pub(crate) struct Source {
    first: u32,
    bytes: Arc<Vec<u8>>,
}

impl Source {
    /// Whether there is anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes of that block, none if it is not there.
    pub(crate) fn block(&self, index: u32) -> &[u8] {
        let bytes = &self.bytes;
        let Some(place) = index.checked_sub(self.first) else { return &[] };
        // R-SHEET-3, R-PULL-4
        let start = (place as usize).saturating_mul(BLOCK_BYTES).min(bytes.len());
        let end = start.saturating_add(BLOCK_BYTES).min(bytes.len());
        &bytes[start..end]
    }
}

/// Sheets and files, and who waits for them. A clone is what it would be in another course of events.
#[derive(Clone)]
pub(crate) struct Supply<P> {
    /// The sheets that were asked for last; the one used last at the end.
    sheets: VecDeque<(ContentId, Arc<Vec<u8>>)>,
    /// Demands for sheets that are being read.
    awaited: Vec<Demand<P>>,
    to_load: VecDeque<ContentId>,
    /// Questions for the sheets of classes that are being answered, and those to ask the journal.
    sheet_questions: Vec<(SheetsQuestion, Asker<P>)>,
    to_list: VecDeque<SheetsQuestion>,
    /// The contents of files, as far as they are known: whoever wants one need not wait until the
    /// journal was asked.
    files: BTreeSet<ContentId>,
    /// Demands for pieces that nobody reads yet: no more is read ahead than is given soon, so that
    /// reading does not take the processor from those who mark.
    unread: FairQueue<Demand<P>>,
    /// Demands for pieces that are being read, in the order of their orders.
    reading: VecDeque<Demand<P>>,
    /// Questions for files that are being answered, and for the list.
    describing: Vec<(FileKey, Asker<P>)>,
    listing: Option<(Instant, Arc<[FileEntry]>)>,
    listing_ordered: Option<Instant>,
    list_demands: Vec<ListDemand<P>>,
    orders: VecDeque<FolderRequest>,
    gifts: FairQueue<Gift<P>>,
    pace: Pace,
    now: Instant,
    /// How many blocks may still be given in this turn.
    left: u32,
    /// How many of them the address whose turn it is was given.
    visited: u32,
    /// Whether only time lets further blocks leave.
    is_paced: bool,
}

impl<P> Supply<P> {
    pub(crate) fn new() -> Self {
        Self {
            sheets: VecDeque::new(),
            awaited: Vec::new(),
            to_load: VecDeque::new(),
            sheet_questions: Vec::new(),
            to_list: VecDeque::new(),
            files: BTreeSet::new(),
            unread: FairQueue::new(),
            reading: VecDeque::new(),
            describing: Vec::new(),
            listing: None,
            listing_ordered: None,
            list_demands: Vec::new(),
            orders: VecDeque::new(),
            gifts: FairQueue::new(),
            pace: Pace::unlimited(),
            now: Instant::ZERO,
            left: BLOCKS_PER_TURN_MAX,
            visited: 0,
            is_paced: false,
        }
    }

    /// Limits the bytes of pulled blocks that leave in a second.
    pub(crate) fn limit(&mut self, bytes_per_second: u64) {
        self.pace = Pace::limited(bytes_per_second);
    }
}

impl<P: Clone> Supply<P> {
    /// A turn of the loop begins.
    pub(crate) fn begin_turn(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.left = BLOCKS_PER_TURN_MAX;
        self.is_paced = false;
    }

    /// When there are blocks that only a later turn may give: when to begin it.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.gifts.is_empty() {
            return None;
        }
        if self.is_paced {
            return Some(self.now.after(self.pace.wait(PULLED_BYTES)));
        }
        (self.left == 0).then_some(Instant::ZERO)
    }

    /// How many demands wait for bytes or for their turn.
    fn waiting(&self) -> usize {
        self.awaited.len() + self.unread.len() + self.reading.len() + self.gifts.len()
    }

    /// Whether one more demand of this address has room.
    pub(crate) fn has_room(&self, address: u64) -> bool {
        let of_address = |demand: &&Demand<P>| demand.address == address;
        let theirs = self.unread.len_of(address) + self.gifts.len_of(address);
        let read = self.reading.iter().chain(&self.awaited).filter(of_address);
        self.waiting() < BLOCKS_AWAITED_MAX
            && theirs + read.count() < BLOCKS_AWAITED_PER_ADDRESS_MAX
    }

    /// The source of a sheet that is in memory.
    pub(crate) fn sheet(&mut self, content: ContentId) -> Option<Source> {
        let place = self.sheets.iter().position(|(kept, _)| *kept == content)?;
        let used = self.sheets.remove(place).expect("found above");
        let bytes = Arc::clone(&used.1);
        self.sheets.push_back(used);
        Some(Source { first: 0, bytes })
    }

    /// Lets a demand wait until its bytes are read. There must be room.
    pub(crate) fn wait(&mut self, demand: Demand<P>) {
        let content = demand.content;
        if self.files.contains(&content) {
            return self.unread.push(demand.address, demand);
        }
        if !self.awaited.iter().any(|other| other.content == content) {
            self.to_load.push_back(content);
        }
        self.awaited.push(demand);
    }

    /// Lets a question for the sheets of a class wait until it is answered; false if there is no room.
    pub(crate) fn wait_for_sheets(&mut self, question: SheetsQuestion, asker: Asker<P>) -> bool {
        if self.sheet_questions.len() >= SHEET_QUESTIONS_MAX {
            return false;
        }
        if !self.sheet_questions.iter().any(|(other, _)| *other == question) {
            self.to_list.push_back(question);
        }
        self.sheet_questions.push((question, asker));
        true
    }

    /// The next question for the journal.
    pub(crate) fn next_sheets_question(&mut self) -> Option<SheetsQuestion> {
        self.to_list.pop_front()
    }

    /// A question for the sheets of a class is answered: who waited for that.
    pub(crate) fn sheets_listed(&mut self, question: SheetsQuestion) -> Vec<Asker<P>> {
        let ready = self.sheet_questions.extract_if(.., |(other, _)| *other == question);
        ready.map(|(_, asker)| asker).collect()
    }

    /// The next sheet to load.
    pub(crate) fn next_load(&mut self) -> Option<ContentId> {
        self.to_load.pop_front()
    }

    /// The next thing to do in the folder.
    pub(crate) fn next_order(&mut self) -> Option<FolderRequest> {
        if let Some(order) = self.orders.pop_front() {
            return Some(order);
        }
        if self.reading.len() + self.gifts.len() >= PIECES_AHEAD_MAX {
            return None;
        }
        let demand = self.unread.pop_front()?;
        self.unread.end_turn(demand.address);
        let piece = demand.piece();
        self.reading.push_back(demand);
        Some(FolderRequest::Read(piece))
    }

    /// A sheet was read, or is not there (no bytes): the demands that waited for it.
    pub(crate) fn loaded(
        &mut self,
        content: ContentId,
        bytes: Vec<u8>,
    ) -> (Vec<Demand<P>>, Source) {
        let ready = self.awaited.extract_if(.., |demand| demand.content == content).collect();
        let bytes = Arc::new(bytes);
        if !bytes.is_empty() {
            if self.sheets.len() >= SHEETS_CACHED_MAX {
                self.sheets.pop_front();
            }
            self.sheets.push_back((content, Arc::clone(&bytes)));
        }
        (ready, Source { first: 0, bytes })
    }

    /// No sheet has this content: lets the demand wait until it is known whether a file has it.
    pub(crate) fn wait_for_piece(&mut self, demand: Demand<P>) {
        self.unread.push(demand.address, demand);
    }

    /// A piece was read: who demanded it, and its bytes; no source if it cannot be told yet.
    pub(crate) fn read(
        &mut self,
        piece: Piece,
        read: PieceRead,
    ) -> Option<(Demand<P>, Option<Source>)> {
        let bytes = match read {
            PieceRead::Bytes(bytes) => {
                self.know_file(piece.content);
                Some(bytes)
            }
            PieceRead::NotYet => None,
            PieceRead::Absent => {
                // Another file by now: whoever asks what is in it learns what it is.
                self.files.remove(&piece.content);
                Some(Vec::new())
            }
        };
        let wants = |demand: &Demand<P>| demand.piece() == piece;
        let place = self.reading.iter().position(wants)?;
        let demand = self.reading.remove(place).expect("found above");
        let source = bytes.map(|bytes| Source { first: piece.first, bytes: Arc::new(bytes) });
        Some((demand, source))
    }

    /// Gives blocks to who pulled them, in the turns to come.
    pub(crate) fn give(&mut self, demand: Demand<P>, source: Source) {
        let Demand { asker, address, first, map, .. } = demand;
        // Of an object that is not here one answer says it all.
        // R-PULL-3
        let map = if source.block(first).is_empty() { 1 } else { map };
        self.gifts.push(address, Gift { asker, first, map, source });
    }

    /// Gives the next block that may be given in this turn: to whom, which, and its bytes. Tells the
    /// way there.
    pub(crate) fn give_next(&mut self, give: impl FnOnce(&Asker<P>, u32, &[u8])) -> Option<P> {
        if self.left == 0 || !self.find_paced() {
            return None;
        }
        let (address, gift) = self.gifts.front_mut()?;
        self.left -= 1;
        self.visited += 1;
        let index = gift.first + gift.map.trailing_zeros();
        // R-PULL-2, R-PULL-5
        gift.map &= gift.map - 1;
        give(&gift.asker, index, gift.source.block(index));
        let to = gift.asker.to.clone();
        let is_given = gift.map == 0;
        if is_given {
            self.gifts.pop_front();
        }
        // R-PULL-8
        if is_given || self.visited >= BLOCKS_PER_VISIT_MAX {
            self.end_visit(address);
        }
        Some(to)
    }

    fn end_visit(&mut self, address: u64) {
        self.gifts.end_turn(address);
        self.visited = 0;
    }

    /// Gives the turn to the first address that may be given a block now; false if there is none.
    fn find_paced(&mut self) -> bool {
        for _ in 0..self.gifts.callers() {
            let Some((address, _)) = self.gifts.front_mut() else { return false };
            // R-PULL-8
            if self.pace.takes(self.now, address, PULLED_BYTES) {
                return true;
            }
            self.end_visit(address);
        }
        self.is_paced = !self.gifts.is_empty();
        false
    }

    /// The list of files, if it was read lately.
    pub(crate) fn listing(&self, now: Instant) -> Option<Arc<[FileEntry]>> {
        let (at, listing) = self.listing.as_ref()?;
        (now.since(*at) < LISTING_LIFE).then(|| Arc::clone(listing))
    }

    /// Lets a question for the list wait until it is read; false if there is no room.
    pub(crate) fn wait_for_listing(&mut self, now: Instant, demand: ListDemand<P>) -> bool {
        if self.list_demands.len() >= FILE_QUESTIONS_MAX {
            return false;
        }
        if self.listing_ordered.is_none() {
            self.listing_ordered = Some(now);
            self.orders.push_back(FolderRequest::List);
        }
        self.list_demands.push(demand);
        true
    }

    /// The list was read: who waited for it.
    pub(crate) fn listed(
        &mut self,
        files: Vec<FileEntry>,
    ) -> (Vec<ListDemand<P>>, Arc<[FileEntry]>) {
        let at = self.listing_ordered.take().unwrap_or(Instant::ZERO);
        let listing: Arc<[FileEntry]> = files.into();
        self.listing = Some((at, Arc::clone(&listing)));
        (std::mem::take(&mut self.list_demands), listing)
    }

    /// Lets a question for a file wait; false if there is no room.
    pub(crate) fn wait_for_file(&mut self, file: FileKey, asker: Asker<P>) -> bool {
        if self.describing.len() >= FILE_QUESTIONS_MAX {
            return false;
        }
        if !self.describing.iter().any(|(other, _)| *other == file) {
            self.orders.push_back(FolderRequest::Describe(file));
        }
        self.describing.push((file, asker));
        true
    }

    /// It is known how it stands with a file: who waited for that.
    pub(crate) fn described(&mut self, file: FileKey) -> Vec<Asker<P>> {
        let ready = self.describing.extract_if(.., |(other, _)| *other == file);
        ready.map(|(_, asker)| asker).collect()
    }

    /// The content is that of a file.
    pub(crate) fn know_file(&mut self, content: ContentId) {
        if self.files.len() >= FILES_MAX {
            // More contents than there can be files: most are gone. Who pulls one asks again.
            self.files.clear();
        }
        self.files.insert(content);
    }
}
