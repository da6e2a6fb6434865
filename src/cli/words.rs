//! What is said to people, and how arguments are read.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::time::Duration;

use clap::Parser;

use super::Exit;
use super::language::{Cause, misused, speak_as_environment, text, with_help};
use crate::limits::DEADLINE_MAX;

/// Reads the command line of `T`, or says in one line what is wrong with it. From here on the process speaks the
/// language of its environment.
pub(super) fn parse<T: Parser>(arguments: &[std::ffi::OsString]) -> Result<T, Exit> {
    speak_as_environment();
    let mut command = with_help(T::command());
    let matches = command.try_get_matches_from_mut(arguments);
    let parsed = matches.and_then(|mut it| T::from_arg_matches_mut(&mut it));
    parsed.map_err(|error| {
        if !error.use_stderr() {
            // `--help` and `--version`: asked for, so not an error.
            let _ = error.print();
            return Exit::Done;
        }
        complain(text!("usage", cause = misused(&error), program = command.get_name()));
        Exit::Usage
    })
}

/// Says on standard error what went wrong, in one line.
pub(super) fn complain(what: impl Display) {
    // Nobody may be listening; that is no second error.
    let _ = writeln!(io::stderr(), "{}", safe(&text!("error", what)));
}

/// Says what went wrong; the command ends with it.
pub(super) fn failed(error: impl Display) -> Exit {
    complain(error);
    Exit::Failed
}

/// Says which cause it had that something failed; the command ends with it.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped with it")]
pub(super) fn failed_by(cause: impl Cause) -> Exit {
    failed(cause.words())
}

/// Says something on standard error that is not an error.
pub(super) fn remark(what: impl Display) {
    let _ = writeln!(io::stderr(), "{}", safe(&what.to_string()));
}

/// What cannot be printed (a full disk) ends the command. A closed pipe does not: whoever read from
/// it has seen enough, and what was asked for is done all the same.
pub(super) fn printed<T: Default>(result: io::Result<T>) -> Result<T, Exit> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(T::default()),
        result => result.map_err(|error| {
            complain(text!("cannot-print", error));
            Exit::Failed
        }),
    }
}

/// Standard input that cannot be read ends the command.
pub(super) fn typed<T>(result: io::Result<T>) -> Result<T, Exit> {
    result.map_err(|error| {
        complain(text!("cannot-read-input", error));
        Exit::Failed
    })
}

/// A text that cannot steer a terminal: control characters are written out.
pub(super) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Reads a deadline: `30s`, `500ms`, `2m`, or a number of seconds.
pub(super) fn parse_deadline(text: &str) -> Result<Duration, String> {
    let deadline = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|_| text!("deadline-form"))?,
    };
    if deadline.is_zero() {
        return Err(text!("deadline-zero"));
    }
    if deadline > DEADLINE_MAX {
        return Err(text!("at-most", most = humantime::format_duration(DEADLINE_MAX)));
    }
    Ok(deadline)
}

/// `1 student`, `2 students`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_time_or_a_number_of_seconds() {
        assert_eq!(parse_deadline("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_deadline("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_deadline("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_deadline("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["0", "0s", "-1", "-1s", "soon", "", "11m", "99999999999999999999"] {
            assert!(parse_deadline(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_a_terminal() {
        assert_eq!(safe("a\u{1b}[31mb\n\u{9b}c\u{7f}"), "a\\u{1b}[31mb\\n\\u{9b}c\\u{7f}");
        assert_eq!(safe("João 3º"), "João 3º");
    }
}
