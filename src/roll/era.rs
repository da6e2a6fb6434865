//! How a table is read bit by bit while it changes.
//!
//! Each thing in the table has the era in which it was handed out or written last. A walk begins an
//! era: whatever is of the last one has still to be handed out, by the walk when it comes there, or
//! before that by whoever is about to change it. So a walk hands out everything as it was when the
//! walk began, each thing once. When it ends, everything is of its era.

/// One of two eras: nothing is ever older than the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Era(bool);

impl Era {
    /// The era after this one.
    pub(super) fn next(self) -> Self {
        Self(!self.0)
    }
}
