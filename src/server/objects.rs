//! Sheets and files: lists, descriptions and blocks.

use std::hash::Hash;

use super::{Piece, PieceRead, Server};
use crate::blocks::{Asker, Demand, ListDemand};
use crate::exchange::{Answer, FileEntry, FileList, FileState, Pull, Request, files};
use crate::ids::{ContentId, FileKey};
use crate::limits::LONE_PULL_MIN_BYTES;
use crate::stats::Counter;
use crate::time::Now;

impl<P: Clone + Hash> Server<P> {
    /// A sheet was read: its canonical bytes, or nothing if there is no such sheet.
    pub fn handle_sheet(&mut self, content: ContentId, bytes: Option<Vec<u8>>) {
        let (demands, source) = self.supply.loaded(content, bytes.unwrap_or_default());
        for demand in demands {
            if source.is_empty() && self.offers_files {
                self.supply.wait_for_piece(demand);
            } else {
                self.supply.give(demand, source.clone());
            }
        }
    }

    /// A piece of a file was read.
    pub fn handle_piece(&mut self, piece: Piece, read: PieceRead) {
        match self.supply.read(piece, read) {
            None => {}
            Some((demand, Some(source))) => self.supply.give(demand, source),
            // Silence: whoever pulls takes it for a full path, and asks again.
            Some((_, None)) => self.stats.count(Counter::PullsFull),
        }
    }

    /// Blocks for an address that has proved itself, and a lone block for any address that sent as
    /// many bytes as it gets; for all others the means to prove it (R-COOKIE-1).
    pub(super) fn handle_pull(
        &mut self,
        now: Now,
        to: P,
        request: &Request,
        pull: Pull,
        request_bytes: usize,
    ) -> Counter {
        let asker = Asker { to, client: request.client, number: request.number };
        let Pull { object, cookie, first, wanted } = pull;
        let is_lone = wanted == 1 && request_bytes >= LONE_PULL_MIN_BYTES;
        // R-COOKIE-1, R-SIZE-5
        if !is_lone && !self.cookie_key.verify(cookie, &asker.to, now.instant) {
            let cookie = self.cookie_key.generate(&asker.to, now.instant);
            self.reply(asker, Answer::Cookie(cookie));
            return Counter::Unproved;
        }
        let address = self.admission.key_of(&asker.to);
        if !self.supply.has_room(address) {
            // Silence: whoever pulls takes it for a full path, which it is, and asks for less.
            // R-PULL-6
            return Counter::PullsFull;
        }
        let demand = Demand { asker, address, content: object, first, map: wanted };
        match self.supply.sheet(object) {
            Some(source) => self.supply.give(demand, source),
            None => self.supply.wait(demand),
        }
        Counter::Pulled
    }

    /// The folder was listed: what is offered, in order of name.
    pub fn handle_listing(&mut self, files: Vec<FileEntry>) {
        let (demands, listing) = self.supply.listed(files);
        for demand in demands {
            self.reply_files(demand, &listing);
        }
    }

    /// It is known how it stands with a file.
    pub fn handle_file(&mut self, file: FileKey, state: FileState) {
        if let FileState::Ready(info) = state {
            self.supply.know_file(info.content);
        }
        for asker in self.supply.described(file) {
            self.reply(asker, Answer::File(state));
        }
    }

    pub(super) fn handle_files(&mut self, now: Now, demand: ListDemand<P>) -> Counter {
        if !self.offers_files {
            // R-FILES-3
            self.reply(demand.asker, Answer::Files(None));
        } else if let Some(listing) = self.supply.listing(now.instant) {
            self.reply_files(demand, &listing);
        } else if !self.supply.wait_for_listing(now.instant, demand) {
            return Counter::FilesFull;
        }
        Counter::Files
    }

    fn reply_files(&mut self, demand: ListDemand<P>, listing: &[FileEntry]) {
        let ListDemand { asker, from, request_bytes } = demand;
        let total = u32::try_from(listing.len()).unwrap_or(u32::MAX);
        let rest = listing.get(from as usize..).unwrap_or_default();
        // R-FILES-1
        let files = files::that_fit(rest, request_bytes).to_vec();
        self.reply(asker, Answer::Files(Some(FileList { total, files })));
    }
}
