//! Objects in blocks: sheets and files of any size over datagrams. Both halves of a transfer.
//!
//! An object is bytes under the name of their content ([`ContentId`](crate::ids::ContentId)), cut
//! into numbered blocks of 1,024 bytes. The client pulls: it asks for up to 64 blocks with one small
//! request, detects what was lost and asks for that again, and its congestion control decides how much
//! may be under way. The server keeps nothing of a transfer and never sends a block twice unasked.
//!
//! ```text
//!            client                                            server
//!   Download ─────── PULL(object, cookie, first, map) ──────▶ CookieKey: has the address proved itself?
//!     path: cookie, round trip, timer, congestion                │ no: COOKIE
//!     loss: which blocks are in flight            ◀──────────────┤
//!     window: which have arrived                                 ▼ yes
//!       │     ◀───── PULLED(index, bytes) × up to 64 ────────  BlockServer: bytes from memory or disk,
//!       ▼                                                        queued by address, paced
//!   ObjectFetch: from where it was broken off, verified by name
//!       ▼
//!   SheetFetch: read as a sheet
//! ```

mod congestion;
mod cookie;
mod fetch;
mod loss;
mod object;
mod path;
mod serve;
mod sheet;
mod window;

pub(crate) use cookie::CookieKey;
pub use fetch::{Download, Event};
pub use object::{ObjectEvent, ObjectFetch, Prefix};
pub use path::PathState;
pub(crate) use serve::{BlockRequest, BlockServer, Dropped, Requester};
pub use serve::{Piece, PieceRead};
pub use sheet::{SheetEvent, SheetFailure, SheetFetch};
