//! Questions about roll calls and sheets.

use std::hash::Hash;

use super::questions::ListRequest;
use super::{Server, SheetsQuestion};
use crate::blocks::Requester;
use crate::exchange::{Answer, Query, Request, StatusList, sheets, status};
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
        let requester = Requester { to: from, client: request.client, number: request.number };
        match query {
            Query::Status { from: class } => {
                let capacity = status::capacity(request_bytes);
                let mut rest = self.state.register.open_from(class);
                let open: Vec<_> = rest.by_ref().take(capacity).collect();
                // R-STATUS-2
                let more = rest.next().is_some();
                drop(rest);
                self.reply(requester, Answer::Status(StatusList { open, more }));
                Counter::Status
            }
            Query::Sheets { class, at_most } => {
                let limit = sheets::capacity(request_bytes);
                let question = SheetsQuestion { class, at_most, limit };
                self.handle_sheets_question(question, requester)
            }
            Query::Files { from } => {
                self.handle_files(now, ListRequest { requester, from, request_bytes })
            }
            Query::File { file } => self.handle_file_question(file, requester),
        }
    }
}
