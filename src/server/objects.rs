//! Sheets and files in blocks.

use std::hash::Hash;

use super::{Piece, PieceRead, Server};
use crate::blocks::{BlockRequest, Dropped, Requester};
use crate::exchange::{Answer, Pull, Request};
use crate::ids::ContentId;
use crate::limits::LONE_PULL_MIN_BYTES;
use crate::stats::Counter;
use crate::time::Now;

impl<P: Clone + Hash> Server<P> {
    /// A sheet was read: its canonical bytes, or nothing if there is no such sheet.
    pub fn handle_sheet(&mut self, content: ContentId, bytes: Option<Vec<u8>>) {
        self.blocks.handle_sheet(content, bytes);
    }

    /// A piece of a file was read.
    pub fn handle_piece(&mut self, piece: Piece, read: PieceRead) {
        if let Err(Dropped) = self.blocks.handle_piece(piece, read) {
            self.stats.count(Counter::PullsFull);
        }
    }

    /// A request for blocks. An address that has proved itself gets them, and so does any address that
    /// asks for one block in a request as long as the answer; every other one gets a cookie to prove
    /// itself with (R-COOKIE-1).
    pub(super) fn handle_pull(
        &mut self,
        now: Now,
        to: P,
        request: &Request,
        pull: Pull,
        request_bytes: usize,
    ) -> Counter {
        let requester = Requester { to, client: request.client, number: request.number };
        let Pull { object, cookie, first, wanted } = pull;
        let is_lone = wanted == 1 && request_bytes >= LONE_PULL_MIN_BYTES;
        // R-COOKIE-1, R-SIZE-5
        if !is_lone && !self.cookie_key.verify(cookie, &requester.to, now.instant) {
            let cookie = self.cookie_key.generate(&requester.to, now.instant);
            self.reply(requester, Answer::Cookie(cookie));
            return Counter::Unproved;
        }
        let address = self.admission.key_of(&requester.to);
        let blocks = BlockRequest { requester, address, content: object, first, map: wanted };
        match self.blocks.handle_request(blocks) {
            Ok(()) => Counter::Pulled,
            // R-PULL-6
            Err(Dropped) => Counter::PullsFull,
        }
    }
}
