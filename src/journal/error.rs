//! Why a journal cannot go on: what whoever uses one may decide by, whatever store is below.
//!
//! The store says in its own words what happened, where, and what to do next: one line that says
//! the cause and whether anything was changed. Those words are kept as the error's source and are
//! never read by a program.

use std::error::Error;
use std::fmt;

/// Why a journal cannot go on.
pub struct JournalError {
    kind: ErrorKind,
    cause: Box<dyn Error + Send + Sync>,
}

/// What kind of failure it is: who puts it right, and what is known of what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The store cannot be used as it is set up: the operator's to put right. No data was changed.
    Setup,
    /// Another program holds the store's write lock: the operator's to end. What was not
    /// acknowledged was not kept.
    Locked,
    /// What is kept is not what was written. The server must not guess: an acknowledged mark might
    /// be missing. No data was changed.
    Damaged,
    /// What was acknowledged last is missing. No data was changed.
    Incomplete,
    /// What is written to was deleted, moved or replaced while the server ran.
    Replaced,
    /// The system refused something that has nothing to do with the store. No data was changed.
    System,
    /// There is no room for what was to be written. What was acknowledged is kept.
    Full,
    /// The store, or what stands between it and us, failed. What was acknowledged was written; what
    /// was not acknowledged may or may not have been kept.
    Unavailable,
    /// The journal was used after it had failed. Nothing was changed since.
    Stopped,
}

impl JournalError {
    /// A failure of this kind, in the words of the store.
    pub fn new(kind: ErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, cause: cause.into() }
    }

    /// The journal has failed before.
    #[must_use]
    pub fn stopped() -> Self {
        let cause =
            "the journal has failed before, and nothing was changed since: start the server again";
        Self::new(ErrorKind::Stopped, cause)
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The store's own error, if it is of this type; else the error as it was.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn into_cause<E: Error + 'static>(self) -> Result<E, Self> {
        let Self { kind, cause } = self;
        match cause.downcast() {
            Ok(cause) => Ok(*cause),
            Err(cause) => Err(Self { kind, cause }),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Debug for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JournalError").field(&self.kind).field(&self.cause).finish()
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
