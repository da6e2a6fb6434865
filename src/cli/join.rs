//! `join LINK`: this computer learns by which key a server is known, and uses an invite if there is one.

use std::io::{self, Write as _};

use serde::Serialize;

use super::Exit;
use super::client::ClientFlags;
use super::explain::{guest_in_words, refusal, revoked};
use super::json::print_json;
use super::language::{Cause, text};
use super::local_time::LocalTime as _;
use super::prompt::Prompt;
use super::speaker::{heard, sealed};
use super::words::{complain, failed_by, printed, remark, typed};
use crate::access::{Guest, InviteCode};
use crate::exchange::{Answer, Joined, Operation, Refused};
use crate::seal::PublicKey;
use crate::shell::call::{CallError, Caller, ServerName, resolve};
use crate::shell::trust::{JoinLink, NotALink, Pin, Trust};

/// Who joins, and so whether an invite is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joining {
    /// A student, who may have an invite.
    Student,
    /// Somebody who can do nothing without one.
    Staff,
}

/// Joins the server of the link, if it proves that it has the key.
pub(super) fn join(link: &str, joining: Joining, flags: &ClientFlags) -> Result<(), Exit> {
    let link: JoinLink = link.parse().map_err(|cause: NotALink| {
        complain(text!("no-join-link", cause = cause.words()));
        Exit::Usage
    })?;
    let JoinLink { server, key } = &link;
    let trust = Trust::find().map_err(failed_by)?;
    // The key that is to be forgotten goes when this one has proved itself.
    let known = trust.pin(server).map_err(failed_by)?.filter(|_| !flags.forget_server);
    if let Some(pin) = known.filter(|pin| pin.key != *key) {
        complain(another_key(server, &pin, key));
        return Err(Exit::Failed);
    }
    let addresses = resolve(server).map_err(failed_by)?;
    let mut caller = Caller::at(addresses, sealed(&trust, key, None)?).map_err(failed_by)?;
    if known.is_none() {
        connect(&mut caller, server, flags)?;
        let pin = caller.channel().and_then(heard).expect("it has answered");
        trust.keep(server, pin).map_err(failed_by)?;
    }
    let said = if known.is_some() {
        text!("joined-before", server, key = key.fingerprint())
    } else {
        text!("joined-now", server, key = key.fingerprint())
    };
    let invite = ask_for_invite(&said, joining, flags.json)?;
    match invite {
        Some(code) => use_invite(&mut caller, &link, code, flags),
        None if flags.json => {
            let server = server.to_string();
            printed(print_json(&JoinLine {
                server,
                joined_before: known.is_some(),
                ..JoinLine::default()
            }))
        }
        None => Ok(()),
    }
}

fn connect(caller: &mut Caller, server: &ServerName, flags: &ClientFlags) -> Result<(), Exit> {
    match caller.connect(flags.timeout) {
        Ok(()) => Ok(()),
        Err(CallError::Unanswered(_)) => {
            let timeout = humantime::format_duration(flags.timeout);
            complain(text!("join-unproved", server, timeout));
            Err(Exit::Unknown)
        }
        Err(CallError::Interrupted { .. }) => Err(Exit::Interrupted),
        Err(error) => Err(failed_by(error)),
    }
}

/// Tells what is so already, and asks for an invite: it is typed or pasted, because arguments are seen by
/// others and kept in histories.
fn ask_for_invite(said: &str, joining: Joining, json: bool) -> Result<Option<InviteCode>, Exit> {
    let mut prompt = Prompt::at_standard_input(json);
    printed(prompt.say(said))?;
    let question = match joining {
        Joining::Student => text!("question-invite-student"),
        Joining::Staff => text!("question-invite-staff"),
    };
    loop {
        let line = if prompt.is_attended() {
            typed(prompt.read(&question))?
        } else {
            typed(prompt.read_quietly())?
        };
        let text = line.as_ref().map(|line| line.text.as_deref().unwrap_or_default());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            if joining == Joining::Staff {
                remark(text!("join-without-invite"));
            }
            return Ok(None);
        };
        match text.parse::<InviteCode>() {
            Ok(code) => return Ok(Some(code)),
            // Not what was typed: it may be an invite with one letter too many.
            Err(cause) => complain(text!("no-invite", cause = cause.words())),
        }
        if !prompt.is_attended() {
            return Err(Exit::Usage);
        }
    }
}

fn use_invite(
    caller: &mut Caller,
    link: &JoinLink,
    code: InviteCode,
    flags: &ClientFlags,
) -> Result<(), Exit> {
    let server = &link.server;
    let result = caller.perform(Operation::Join { code }, flags.timeout, &mut |_, _| {});
    let answered = match result {
        Ok(answered) => answered,
        Err(CallError::Unanswered(_)) => {
            let timeout = humantime::format_duration(flags.timeout);
            complain(text!("join-unanswered", server, timeout));
            return Err(Exit::Unknown);
        }
        Err(CallError::Interrupted { .. }) => return Err(Exit::Interrupted),
        Err(CallError::Revoked { attempts }) => {
            let (words, exit) = revoked(Some(Operation::Join { code }), attempts);
            complain(words);
            return Err(exit);
        }
        Err(error) => return Err(failed_by(error)),
    };
    let attempts = answered.attempts;
    match answered.answer {
        Answer::Joined(Joined { at, guest }) if flags.json => {
            let (role, name, student) = match guest {
                Guest::Staff { role, name } => (role.name(), Some(name.to_string()), None),
                Guest::Student { student } => ("student", None, Some(student.to_string())),
            };
            let (server, at) = (server.to_string(), Some(at.to_rfc3339()));
            let role = Some(role);
            printed(print_json(&JoinLine {
                server,
                role,
                name,
                student,
                at,
                attempts,
                ..JoinLine::default()
            }))
        }
        Answer::Joined(Joined { at, guest }) => {
            let said = text!("joined", server, guest = guest_in_words(guest), at = at.to_local());
            printed(writeln!(io::stdout(), "{said}"))
        }
        Answer::Refused(Refused { reason, .. }) => {
            complain(text!("refused", why = refusal(reason)));
            Err(Exit::Refused)
        }
        _ => Err(Exit::Failed),
    }
}

#[derive(Default, Serialize)]
struct JoinLine {
    server: String,
    joined_before: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    student: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    attempts: u32,
}

fn another_key(server: &ServerName, pin: &Pin, key: &PublicKey) -> String {
    let (known, key) = (pin.key.fingerprint(), key.fingerprint());
    text!("join-another-key", server, known, key)
}
