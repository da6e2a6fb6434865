//! Questions about roll calls and sheets.

use std::hash::Hash;

use super::{Server, SheetsQuestion};
use crate::blocks::{Asker, ListDemand};
use crate::exchange::{
    Answer, FileState, Query, Request, SheetInfo, SheetList, StatusList, sheets, status,
};
use crate::stats::Counter;
use crate::time::Now;

impl<P: Clone + Hash> Server<P> {
    pub(super) fn handle_query(
        &mut self,
        now: Now,
        from: P,
        request: &Request,
        query: Query,
        request_bytes: usize,
    ) -> Counter {
        let asker = Asker { to: from, client: request.client, number: request.number };
        match query {
            Query::Status { from: class } => {
                let capacity = status::capacity(request_bytes);
                let mut rest = self.state.register.open_from(class);
                let open: Vec<_> = rest.by_ref().take(capacity).collect();
                // R-STATUS-2
                let more = rest.next().is_some();
                drop(rest);
                self.reply(asker, Answer::Status(StatusList { open, more }));
                Counter::Status
            }
            Query::Sheets { class, at_most } => {
                let limit = sheets::capacity(request_bytes);
                let question = SheetsQuestion { class, at_most, limit };
                if self.supply.wait_for_sheets(question, asker) {
                    Counter::Sheets
                } else {
                    Counter::SheetsFull
                }
            }
            Query::Files { from } => {
                self.handle_files(now, ListDemand { asker, from, request_bytes })
            }
            Query::File { file } => {
                if !self.offers_files {
                    // R-FILES-3
                    self.reply(asker, Answer::File(FileState::Absent));
                } else if !self.supply.wait_for_file(file, asker) {
                    return Counter::FilesFull;
                }
                Counter::File
            }
        }
    }

    /// The sheets of a class were read, the highest number first: as many as the question asks for,
    /// and one more if there are more.
    pub fn handle_sheets(&mut self, question: SheetsQuestion, mut sheets: Vec<SheetInfo>) {
        // R-SHEET-8
        let more = sheets.len() > question.limit;
        sheets.truncate(question.limit);
        for asker in self.supply.sheets_listed(question) {
            self.reply(asker, Answer::Sheets(SheetList { sheets: sheets.clone(), more }));
        }
    }
}
