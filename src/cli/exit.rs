//! How a command ends.

use std::process::{ExitCode, Termination};

/// The exit code of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: any other failure.
    Failed,
    /// 2: wrong usage; nothing was sent.
    Usage,
    /// 3: the server refused it.
    Refused,
    /// 4: no answer before the deadline; the outcome is unknown.
    Unknown,
    /// 130: Ctrl-C while an answer was awaited; the outcome of an operation is unknown.
    Interrupted,
}

impl Exit {
    /// The number that a script sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unknown => 4,
            Self::Interrupted => 130,
        }
    }

    /// The one of the two with the higher code: how a command ends that did several things.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.code() > self.code() { other } else { self }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
