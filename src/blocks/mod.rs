//! Objects of any size over datagrams: the client's half.
//!
//! An object is bytes under the name of their content ([`ContentId`](crate::ids::ContentId)), cut
//! into numbered blocks. The client pulls: it asks for up to 64 blocks with one small request,
//! notices what is missing, asks for that again, and decides how much may be on its way. The server
//! keeps nothing of a transfer and never sends anything twice by itself.
//!
//! ```text
//!   Download ── PULL(first, bitmap) ──▶ server          congestion (BBR): how many blocks may be
//!            ◀─ PULLED(index, bytes) ─  64 of them        on their way, how fast to ask
//!            ◀─ COOKIE ───────────────  not proved yet   flights: which request went unanswered
//!      │
//!      └─▶ read: the bytes in order, as far as they are whole
//! ```

mod congestion;
mod cookie;
mod fair;
mod fetch;
mod pace;
mod serve;

pub(crate) use cookie::CookieKey;
pub use fetch::{Download, Event, PathState};
pub(crate) use serve::{Asker, Demand, ListDemand, Supply};
pub use serve::{FolderRequest, Piece, PieceRead, SheetsQuestion};
