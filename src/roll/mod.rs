//! The domain: who is present in which class, and which requests were already answered.
//!
//! [`Register`] knows classes and students and nothing of clients; [`Sessions`] knows clients and
//! their last request and nothing of classes. Both separate deciding from doing, so that a request
//! and the replay of its record take the same path.

mod era;
mod marks;
mod proceedings;
mod register;
mod roster;
mod segments;
mod sessions;
mod sheet;
mod supplement;

pub use marks::SheetBytes;
pub(crate) use proceedings::ProceedingsWalk;
pub use proceedings::{Agenda, Proceedings, ProceedingsItem};
#[cfg(test)]
pub(crate) use register::RegisterLimits;
pub use register::{Applied, Contradiction, Register, RegisterItem};
pub(crate) use roster::RosterWalk;
pub use roster::{NotARoster, Roster, RosterItem, RosterObject, Rosters};
pub(crate) use sessions::Walked;
pub use sessions::{ClientRecord, Sessions, Silent, Verdict};
pub use sheet::{
    ClosedSheet, Extras, Kept, Mark, Particulars, Remarked, Sheet, SheetError, SheetReader,
};
pub use supplement::{Pressed, SheetEntry, Standing, Supplement};
