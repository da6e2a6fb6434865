//! Words for the errors of the library that a teacher or a student causes or can do something about.
//!
//! The library has them in English, for logs and for whoever uses it.

use std::error::Error;
use std::num::ParseIntError;

use super::text;
use crate::access::{NotAName, NotARoomCode, NotAnInvite};
use crate::attendance::NotALine;
use crate::ids::{NotAClass, NotAFileName, NotARollCallNumber, NotAStudent};
use crate::limits::{FILE_NAME_MAX_BYTES, PERSON_NAME_MAX_BYTES, STUDENT_LENGTH_MAX_BYTES};
use crate::roll::{NotARoster, SheetError};
use crate::seal::NotAKey;
use crate::shell::call::{CallError, NotAServer};
use crate::shell::download::FetchError;
use crate::shell::kept_marks::KeptMarkError;
use crate::shell::keys::KeyError;
use crate::shell::trust::{NotALink, TrustError};

/// Why something cannot be, or did not work.
pub(in crate::cli) trait Cause {
    /// In words for the person.
    fn words(&self) -> String;
}

impl Cause for NotAClass {
    fn words(&self) -> String {
        text!("not-a-class")
    }
}

impl Cause for NotAStudent {
    fn words(&self) -> String {
        match self {
            Self::Empty => text!("not-a-student-empty"),
            Self::TooLong => text!("not-a-student-too-long", most = STUDENT_LENGTH_MAX_BYTES),
            Self::Character => text!("not-a-student-character"),
        }
    }
}

impl Cause for NotARollCallNumber {
    fn words(&self) -> String {
        text!("not-a-roll-call-number")
    }
}

impl Cause for NotARoomCode {
    fn words(&self) -> String {
        text!("not-a-code")
    }
}

impl Cause for NotAnInvite {
    fn words(&self) -> String {
        text!("not-an-invite")
    }
}

impl Cause for NotAName {
    fn words(&self) -> String {
        match self {
            Self::Empty => text!("not-a-name-empty"),
            Self::TooLong => text!("not-a-name-too-long", most = PERSON_NAME_MAX_BYTES),
            Self::Character => text!("not-a-name-character"),
        }
    }
}

impl Cause for NotALine {
    fn words(&self) -> String {
        match self {
            Self::Empty => text!("not-a-line-empty"),
            Self::TooLong(most) => text!("not-a-line-too-long", most),
            Self::Character => text!("not-a-line-character"),
        }
    }
}

impl Cause for NotAFileName {
    fn words(&self) -> String {
        match self {
            Self::Empty => text!("not-a-file-name-empty"),
            Self::TooLong => text!("not-a-file-name-too-long", most = FILE_NAME_MAX_BYTES),
            Self::Hidden => text!("not-a-file-name-hidden"),
            Self::Character => text!("not-a-file-name-character"),
        }
    }
}

impl Cause for NotAServer {
    fn words(&self) -> String {
        text!("not-a-server")
    }
}

impl Cause for NotALink {
    fn words(&self) -> String {
        match self {
            Self::Form => text!("not-a-link"),
            Self::Server(cause) => text!("not-a-link-server", cause = cause.words()),
            Self::Key(cause) => cause.words(),
        }
    }
}

impl Cause for NotAKey {
    fn words(&self) -> String {
        match self {
            Self::Form => text!("not-a-key"),
            Self::CheckSum => text!("not-a-key-check-sum"),
        }
    }
}

impl Cause for NotARoster {
    fn words(&self) -> String {
        match self {
            Self::NewerForm => text!("roster-newer"),
            Self::Malformed => text!("roster-malformed"),
        }
    }
}

impl Cause for SheetError {
    fn words(&self) -> String {
        match self {
            Self::Damaged => text!("sheet-damaged"),
            Self::NotASheet => text!("sheet-malformed"),
            Self::NewerForm => text!("sheet-newer"),
        }
    }
}

impl Cause for KeyError {
    fn words(&self) -> String {
        match self {
            Self::Read { path, source } => text!("key-unread", path = path.display(), source),
            Self::Make { path, source } => text!("key-not-made", path = path.display(), source),
            Self::Open(path) => text!("key-open", path = path.display()),
            Self::Foreign(path) => text!("key-foreign", path = path.display()),
            Self::Damaged(path) => text!("key-damaged", path = path.display()),
        }
    }
}

impl Cause for TrustError {
    fn words(&self) -> String {
        match self {
            Self::Key(cause) => cause.words(),
            Self::NoKey(cause) => text!("trust-no-key", cause = cause.words()),
            Self::NoFolder => text!("trust-no-folder"),
            Self::Read { path, source } => text!("trust-unread", path = path.display(), source),
            Self::Write { path, source } => text!("trust-unwritten", path = path.display(), source),
            Self::Line { path, line } => text!("trust-line", path = path.display(), line),
        }
    }
}

impl Cause for KeptMarkError {
    fn words(&self) -> String {
        match self {
            Self::NoFolder(cause) => cause.words(),
            Self::System { path, source } => {
                text!("kept-system", path = path.display(), source)
            }
            Self::Damaged(path) => text!("kept-damaged", path = path.display()),
        }
    }
}

impl Cause for CallError {
    fn words(&self) -> String {
        match self {
            Self::Resolve { server, reason } => text!("call-unresolved", server, reason),
            Self::System(error) => text!("system-refused", error),
            Self::Unanswered(_) => text!("call-unanswered"),
            Self::Stalled(what) => text!("call-stalled", what = stalled(what)),
            Self::Interrupted { .. } => text!("interrupted"),
            Self::Revoked { .. } => text!("call-revoked"),
            Self::Refused { refused, .. } => text!("call-refused", reason = refused.reason.name()),
            Self::Fetch(error) => error.words(),
        }
    }
}

/// What a server does not bring to an end.
fn stalled(what: &str) -> String {
    match what {
        "its list of files" => text!("stalled-files"),
        "its list of marks" => text!("stalled-marks"),
        "its list of open roll calls" => text!("stalled-open-roll-calls"),
        "its list of sheets" => text!("stalled-sheets"),
        "its reading of the file" => text!("stalled-reading"),
        other => other.to_owned(),
    }
}

impl Cause for FetchError {
    fn words(&self) -> String {
        match self {
            Self::Unanswered { .. } => text!("call-unanswered"),
            Self::Interrupted => text!("interrupted"),
            Self::Revoked => text!("fetch-revoked"),
            Self::Gone => text!("fetch-gone"),
            Self::Damaged => text!("fetch-damaged"),
            Self::Sheet(cause) => text!("fetch-sheet", cause = cause.words()),
            Self::Implausible { bytes, students } => text!("fetch-implausible", bytes, students),
            Self::Write(error) => text!("fetch-unwritten", error),
            Self::System(error) => text!("system-refused", error),
        }
    }
}

/// Why an argument cannot be that. What is not known here is said as it stands.
pub(super) fn words_of(error: &(dyn Error + 'static)) -> String {
    let known: [fn(&(dyn Error + 'static)) -> Option<String>; 6] = [
        words_as::<NotAClass>,
        words_as::<NotAStudent>,
        words_as::<NotARollCallNumber>,
        words_as::<NotARoomCode>,
        words_as::<NotAName>,
        words_as::<NotAFileName>,
    ];
    if let Some(words) = known.iter().find_map(|words| words(error)) {
        return words;
    }
    if let Some(error) = error.downcast_ref::<ParseIntError>() {
        return text!("not-a-number", error);
    }
    // clap has no type for it.
    let shown = error.to_string();
    match shown.split_once(" is not in ") {
        Some((value, range)) => text!("not-in-range", value, range),
        None => shown,
    }
}

fn words_as<T: Cause + Error + 'static>(error: &(dyn Error + 'static)) -> Option<String> {
    error.downcast_ref::<T>().map(Cause::words)
}
