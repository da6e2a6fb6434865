//! Questions that take several exchanges: a list page by page, a file that the server still reads.
//! Without a socket or a clock: whoever has them asks what [`Inquiry::poll`] says, hands the answer
//! back, and goes on until it is done.
//!
//! ```text
//!   poll ─▶ Ask(query) ── Client::ask … Answered ─▶ handle_answer ─▶ poll ─▶ …
//!        ─▶ Wait(until) ── nothing to ask before ─────────────────▶ poll
//!        ─▶ Done(found) or Stalled(what)
//! ```
//!
//! Every inquiry ends: an answer that is no progress is asked again ever later and not beyond the
//! idle timeout, and what grows has a bound.

mod file;
mod files;
mod idle;
mod list;
mod revisions;
mod sheets;
mod watch;

pub use file::FileInquiry;
pub use files::FilesInquiry;
pub use list::{ListInquiry, Listed};
pub use revisions::RevisionsInquiry;
pub use sheets::SheetsInquiry;
pub use watch::WatchInquiry;

use crate::exchange::{Answer, Query};
use crate::time::Instant;

/// A question that takes several exchanges.
pub trait Inquiry {
    /// What it finds out.
    type Found;

    /// What to do next. After [`Step::Done`] and [`Step::Stalled`] it is not polled again.
    fn poll(&mut self, now: Instant) -> Step<Self::Found>;

    /// The answer to the query that [`Inquiry::poll`] said last; it fits the query.
    fn handle_answer(&mut self, now: Instant, answer: Answer);
}

/// What an inquiry asks its owner to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Ask this, and hand the answer to [`Inquiry::handle_answer`].
    Ask(Query),
    /// Poll again then.
    Wait(Instant),
    /// It is over.
    Done(T),
    /// The server answers, and what is named here does not come to an end.
    Stalled(&'static str),
}
