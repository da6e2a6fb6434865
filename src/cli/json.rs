//! What programs read: one object a line.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::exchange::Operation;
use crate::ids::ClassId;
use crate::time::WallTime;

/// A line of `--json` for what was refused without being a mark.
#[derive(Serialize)]
pub(super) struct RefusedLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<u32>,
    outcome: &'static str,
    reason: &'static str,
    at: String,
    attempts: u32,
}

impl RefusedLine {
    pub(super) fn new(
        class: impl Into<Option<ClassId>>,
        reason: &'static str,
        at: WallTime,
        attempts: u32,
    ) -> Self {
        let (class, at) = (class.into().map(ClassId::get), at.to_rfc3339());
        Self { class, outcome: "refused", reason, at, attempts }
    }
}

/// A line of `--json` for an operation without an answer.
#[derive(Serialize)]
pub(super) struct UnknownLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    student: Option<String>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    kept: bool,
    attempts: u32,
}

impl UnknownLine {
    /// Without a datagram it was not sent, and is certain not to happen; unless it is kept and will be.
    pub(super) fn new(operation: &Operation, attempts: u32, kept: bool) -> Self {
        let student = match operation {
            Operation::Mark { student, .. } | Operation::Deliver { student, .. } => {
                Some(student.as_str().to_owned())
            }
            _ => None,
        };
        let outcome = if attempts == 0 { "not_sent" } else { "unknown" };
        Self { class: operation.class().map(ClassId::get), student, outcome, kept, attempts }
    }
}

/// Prints one object as a line of its own.
pub(super) fn print_json(object: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(object).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{line}")
}
