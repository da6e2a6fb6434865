//! Questions that the core cannot answer by itself: they wait for the journal (which sheets a class
//! has) or for the folder (which files there are, what is in one).
//!
//! Each is asked for once, however many wait for it; what waits is bounded.

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;

use super::{Piece, Server};
use crate::blocks::Requester;
use crate::exchange::{
    ActList, Answer, FileEntry, FileList, FileState, MineList, RevisionList, SheetInfo, SheetList,
    Tallied, files,
};
use crate::ids::{ClassId, FileKey, RollCallNumber};
use crate::limits::{
    CORRECTIONS_AWAITED_MAX, FILE_QUESTIONS_MAX, LISTING_LIFE, SHEET_QUESTIONS_MAX,
};
use crate::record::{Rows, RowsQuestion};
use crate::stats::Counter;
use crate::time::{Instant, Now};
use crate::waiting::Waiting;

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

/// Something to do in the folder of offered files. The order in which it is done does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderRequest {
    /// List it, and then call [`Server::handle_listing`].
    List,
    /// Tell the status of a file, with [`Server::handle_file`].
    Describe(FileKey),
    /// Read a piece, and then call [`Server::handle_piece`].
    Read(Piece),
}

/// A request for the list of files.
#[derive(Clone, Debug)]
pub(super) struct ListRequest<P> {
    pub(super) requester: Requester<P>,
    /// The place in the list of the first file to tell about.
    pub(super) from: u32,
    /// The length of the request, which bounds that of the answer.
    pub(super) request_bytes: usize,
}

/// The requesters who wait, by what they wait for.
#[derive(Clone)]
pub(super) struct Questions<P> {
    sheets: Waiting<SheetsQuestion, Requester<P>>,
    rows: Waiting<RowsQuestion, Requester<P>>,
    /// Closed roll calls that are to be read, so that they can be corrected, and how many of them were
    /// asked for.
    loads: VecDeque<(ClassId, RollCallNumber)>,
    loads_asked: usize,
    files: Waiting<FileKey, Requester<P>>,
    lists: Waiting<(), ListRequest<P>>,
    /// The list of files, and when it was asked for.
    listing: Option<(Instant, Arc<[FileEntry]>)>,
    /// When the list was asked for that is not here yet.
    listing_asked_at: Option<Instant>,
}

impl<P> Questions<P> {
    pub(super) fn new() -> Self {
        Self {
            sheets: Waiting::new(SHEET_QUESTIONS_MAX),
            rows: Waiting::new(SHEET_QUESTIONS_MAX),
            loads: VecDeque::new(),
            loads_asked: 0,
            files: Waiting::new(FILE_QUESTIONS_MAX),
            lists: Waiting::new(FILE_QUESTIONS_MAX),
            listing: None,
            listing_asked_at: None,
        }
    }

    /// The next question for the journal.
    pub(super) fn poll_sheets(&mut self) -> Option<SheetsQuestion> {
        self.sheets.next_to_ask()
    }

    /// The next question for other rows of the journal.
    pub(super) fn poll_rows(&mut self) -> Option<RowsQuestion> {
        self.rows.next_to_ask()
    }

    /// This roll call is to be read. Whoever asks for its correction asks again.
    pub(super) fn load(&mut self, class: ClassId, number: RollCallNumber) {
        let is_new = !self.loads.contains(&(class, number));
        if is_new && self.loads.len() < CORRECTIONS_AWAITED_MAX {
            self.loads.push_back((class, number));
        }
    }

    /// The next roll call to be read.
    pub(super) fn poll_load(&mut self) -> Option<RowsQuestion> {
        let &(class, number) = self.loads.get(self.loads_asked)?;
        self.loads_asked += 1;
        Some(RowsQuestion::RollCall { class, number })
    }

    /// This roll call was read.
    fn loaded(&mut self, class: ClassId, number: RollCallNumber) {
        if let Some(place) = self.loads.iter().position(|it| *it == (class, number)) {
            self.loads.remove(place);
            self.loads_asked = self.loads_asked.saturating_sub(1);
        }
    }

    /// The next question for the folder.
    pub(super) fn poll_folder(&mut self) -> Option<FolderRequest> {
        let list = self.lists.next_to_ask().map(|()| FolderRequest::List);
        list.or_else(|| self.files.next_to_ask().map(FolderRequest::Describe))
    }

    /// The list of files, unless it is older than [`LISTING_LIFE`].
    fn listing(&self, now: Instant) -> Option<Arc<[FileEntry]>> {
        let (at, listing) = self.listing.as_ref()?;
        (now.since(*at) < LISTING_LIFE).then(|| Arc::clone(listing))
    }
}

impl<P: Clone + Hash> Server<P> {
    pub(super) fn handle_sheets_question(
        &mut self,
        question: SheetsQuestion,
        requester: Requester<P>,
    ) -> Counter {
        if !self.questions.sheets.has_room() {
            return Counter::SheetsFull;
        }
        self.questions.sheets.push(question, requester);
        Counter::Sheets
    }

    /// The sheets of a class were read, the highest number first: as many as the question asks for,
    /// and one more if there are more.
    pub fn handle_sheets(&mut self, question: SheetsQuestion, mut sheets: Vec<SheetInfo>) {
        // R-SHEET-8
        let more = sheets.len() > question.limit;
        sheets.truncate(question.limit);
        for requester in self.questions.sheets.take(question) {
            self.reply(requester, Answer::Sheets(SheetList { sheets: sheets.clone(), more }));
        }
    }

    pub(super) fn handle_rows_question(
        &mut self,
        question: RowsQuestion,
        requester: Requester<P>,
    ) -> Counter {
        if !self.questions.rows.has_room() {
            return Counter::SheetsFull;
        }
        self.questions.rows.push(question, requester);
        Counter::Asked
    }

    /// Rows were read: as many as the question asks for, and one more if there are more.
    pub fn handle_rows(&mut self, question: RowsQuestion, rows: &Rows) {
        if let (RowsQuestion::RollCall { class, number }, Rows::RollCall(closed)) = (question, rows)
        {
            self.questions.loaded(class, number);
            let closed = closed.as_deref().cloned().map(Arc::new);
            self.state.kept.insert(class, number, closed);
            return;
        }
        for requester in self.questions.rows.take(question) {
            let answer = match (question, rows) {
                (RowsQuestion::Acts { limit, .. }, Rows::Acts(acts)) => {
                    let (acts, more) = page(acts, limit);
                    Answer::Acts(ActList { acts, more })
                }
                (RowsQuestion::Mine { limit, .. }, Rows::Mine(marks)) => {
                    let (marks, more) = page(marks, limit);
                    Answer::Mine(MineList { marks, more })
                }
                (RowsQuestion::Tally { class, student }, &Rows::Tally(tally)) => {
                    Answer::Tallied(Tallied { class, student, tally })
                }
                (RowsQuestion::Revisions { limit, .. }, Rows::Revisions(revisions)) => {
                    // R-WATCH-3
                    let (revisions, more) = page(revisions, limit);
                    Answer::Revisions(RevisionList { revisions, more })
                }
                _ => unreachable!("rows answer the question that they were read for"),
            };
            self.reply(requester, answer);
        }
    }

    pub(super) fn handle_files(&mut self, now: Now, request: ListRequest<P>) -> Counter {
        if !self.blocks.offers_files() {
            // R-FILES-3
            self.reply(request.requester, Answer::Files(None));
        } else if let Some(listing) = self.questions.listing(now.instant) {
            self.reply_files(request, &listing);
        } else if self.questions.lists.has_room() {
            self.questions.listing_asked_at.get_or_insert(now.instant);
            self.questions.lists.push((), request);
        } else {
            return Counter::FilesFull;
        }
        Counter::Files
    }

    /// The folder was listed: what is offered, in order of name.
    pub fn handle_listing(&mut self, files: Vec<FileEntry>) {
        let asked_at = self.questions.listing_asked_at.take().unwrap_or(Instant::ZERO);
        let listing: Arc<[FileEntry]> = files.into();
        self.questions.listing = Some((asked_at, Arc::clone(&listing)));
        for request in self.questions.lists.take(()) {
            self.reply_files(request, &listing);
        }
    }

    fn reply_files(&mut self, request: ListRequest<P>, listing: &[FileEntry]) {
        let ListRequest { requester, from, request_bytes } = request;
        let total = u32::try_from(listing.len()).unwrap_or(u32::MAX);
        let rest = listing.get(from as usize..).unwrap_or_default();
        // R-FILES-1
        let files = files::that_fit(rest, request_bytes).to_vec();
        self.reply(requester, Answer::Files(Some(FileList { total, files })));
    }

    pub(super) fn handle_file_question(
        &mut self,
        file: FileKey,
        requester: Requester<P>,
    ) -> Counter {
        if !self.blocks.offers_files() {
            // R-FILES-3
            self.reply(requester, Answer::File(FileState::Absent));
        } else if self.questions.files.has_room() {
            self.questions.files.push(file, requester);
        } else {
            return Counter::FilesFull;
        }
        Counter::File
    }

    /// The status of a file is known.
    pub fn handle_file(&mut self, file: FileKey, state: FileState) {
        if let FileState::Ready(info) = state {
            self.blocks.learn_file(info.content);
        }
        for requester in self.questions.files.take(file) {
            self.reply(requester, Answer::File(state));
        }
    }
}

/// The first so many, and whether there are more.
fn page<T: Copy>(rows: &[T], limit: usize) -> (Vec<T>, bool) {
    (rows.iter().copied().take(limit).collect(), rows.len() > limit)
}
