//! The domain: who is present in which class, and which requests were already answered.
//!
//! [`Register`] knows classes and students and nothing of clients; [`Sessions`] knows clients and
//! their last request and nothing of classes. Both separate deciding from doing, so that a request
//! and the replay of its record take the same path.

mod era;
mod marks;
mod register;
mod segments;
mod sessions;
mod sheet;

pub use marks::SheetBytes;
pub use register::{Applied, Contradiction, Register, RegisterItem};
pub(crate) use sessions::Walked;
pub use sessions::{ClientRecord, Sessions, Silent, Verdict};
pub use sheet::{ClosedSheet, Mark, Particulars, Remarked, Sheet, SheetError, SheetReader};
