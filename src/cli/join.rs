//! `join LINK`: this computer learns by which key a server is known, and uses an invite if there is one.

use std::io::{self, Write as _};

use serde::Serialize;

use super::Exit;
use super::client::ClientFlags;
use super::explain::{refusal, revoked};
use super::json::print_json;
use super::local_time::LocalTime as _;
use super::prompt::Prompt;
use super::speaker::{heard, sealed};
use super::words::{complain, failed, printed, remark, typed};
use crate::access::{Guest, InviteCode};
use crate::exchange::{Answer, Joined, Operation, Refused};
use crate::seal::PublicKey;
use crate::shell::call::{CallError, Caller, ServerName, resolve};
use crate::shell::trust::{JoinLink, Pin, Trust};

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
    let link: JoinLink = link.parse().map_err(|error| {
        complain(format_args!("this is no join link: {error}"));
        Exit::Usage
    })?;
    let JoinLink { server, key } = &link;
    let trust = Trust::find().map_err(failed)?;
    // The key that is to be forgotten goes when this one has proved itself.
    let known = trust.pin(server).map_err(failed)?.filter(|_| !flags.forget_server);
    if let Some(pin) = known.filter(|pin| pin.key != *key) {
        complain(another_key(server, &pin, key));
        return Err(Exit::Failed);
    }
    let addresses = resolve(server).map_err(failed)?;
    let mut caller = Caller::at(addresses, sealed(&trust, key, None)?).map_err(failed)?;
    if known.is_none() {
        connect(&mut caller, server, flags)?;
        let pin = caller.channel().and_then(heard).expect("it has answered");
        trust.keep(server, pin).map_err(failed)?;
    }
    let said = if known.is_some() { "was joined before" } else { "is joined" };
    let invite = ask_for_invite(&format!("{server} {said}"), key, joining, flags.json)?;
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
            complain(format_args!(
                "{server} does not prove within {} that it has the key of the link; is it running, and is \
                 the link its own? Nothing was changed",
                humantime::format_duration(flags.timeout)
            ));
            Err(Exit::Unknown)
        }
        Err(CallError::Interrupted { .. }) => Err(Exit::Interrupted),
        Err(error) => Err(failed(error)),
    }
}

/// Tells what is so already, and asks for an invite: it is typed or pasted, because arguments are seen by
/// others and kept in histories.
fn ask_for_invite(
    said: &str,
    key: &PublicKey,
    joining: Joining,
    json: bool,
) -> Result<Option<InviteCode>, Exit> {
    let mut prompt = Prompt::at_standard_input(json);
    printed(prompt.say(&format!("{said}; its key is {}", key.fingerprint())))?;
    let question = match joining {
        Joining::Student => "Invite for your number, if you were given one (else Enter): ",
        Joining::Staff => "Invite, from an admin: ",
    };
    loop {
        let line = if prompt.is_attended() {
            typed(prompt.read(question))?
        } else {
            typed(prompt.read_quietly())?
        };
        let text = line.as_ref().map(|line| line.text.as_deref().unwrap_or_default());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            if joining == Joining::Staff {
                remark("without an invite this computer may answer roll calls, and hold none");
            }
            return Ok(None);
        };
        match text.parse() {
            Ok(code) => return Ok(Some(code)),
            // Not what was typed: it may be an invite with one letter too many.
            Err(cause) => complain(format_args!("this is no invite: {cause}")),
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
            complain(format_args!(
                "no answer from {server} within {}; whether the invite was used is unknown; the same again \
                 finds out",
                humantime::format_duration(flags.timeout)
            ));
            return Err(Exit::Unknown);
        }
        Err(CallError::Interrupted { .. }) => return Err(Exit::Interrupted),
        Err(CallError::Revoked { attempts }) => {
            let (words, exit) = revoked(Some(Operation::Join { code }), attempts);
            complain(words);
            return Err(exit);
        }
        Err(error) => return Err(failed(error)),
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
            let at = at.to_local();
            printed(writeln!(io::stdout(), "joined {server} as {guest} at {at}"))
        }
        Answer::Refused(Refused { reason, .. }) => {
            complain(format_args!("refused: {}", refusal(reason)));
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
    format!(
        "{server} IS KNOWN BY ANOTHER KEY: {} in place of {}. Somebody may be answering in its place. Ask \
         who runs it; if the key was really changed, join again after --forget-server",
        pin.key.fingerprint(),
        key.fingerprint()
    )
}
