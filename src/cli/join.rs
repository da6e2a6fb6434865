//! `join LINK`: this computer learns by which key a server is known.

use std::io::{self, Write as _};

use super::Exit;
use super::client::ClientFlags;
use super::speaker::{heard, sealed};
use super::words::{complain, failed, printed};
use crate::seal::PublicKey;
use crate::shell::call::{CallError, Caller, ServerName, resolve};
use crate::shell::trust::{JoinLink, Pin, Trust};

/// Joins the server of the link, if it proves that it has the key.
pub(super) fn join(link: &str, flags: &ClientFlags) -> Result<(), Exit> {
    let link: JoinLink = link.parse().map_err(|error| {
        complain(format_args!("this is no join link: {error}"));
        Exit::Usage
    })?;
    let JoinLink { server, key } = &link;
    let trust = Trust::find().map_err(failed)?;
    // The key that is to be forgotten goes when this one has proved itself.
    let known = trust.pin(server).map_err(failed)?.filter(|_| !flags.forget_server);
    match known {
        Some(pin) if pin.key == *key => {
            return printed(writeln!(
                io::stdout(),
                "{server} was joined before; its key is {}",
                key.fingerprint()
            ));
        }
        Some(pin) => {
            complain(another_key(server, &pin, key));
            return Err(Exit::Failed);
        }
        None => {}
    }
    let addresses = resolve(server).map_err(failed)?;
    let sealed = sealed(&trust, key, None)?;
    let mut caller = Caller::at(addresses, sealed).map_err(failed)?;
    match caller.connect(flags.timeout) {
        Ok(()) => {}
        Err(CallError::Unanswered(_)) => {
            complain(format_args!(
                "{server} does not prove within {} that it has the key of the link; is it running, and is \
                 the link its own? Nothing was changed",
                humantime::format_duration(flags.timeout)
            ));
            return Err(Exit::Unknown);
        }
        Err(CallError::Interrupted { .. }) => return Err(Exit::Interrupted),
        Err(error) => return Err(failed(error)),
    }
    let pin = caller.channel().and_then(heard).expect("it has answered");
    trust.keep(server, pin).map_err(failed)?;
    printed(writeln!(io::stdout(), "joined {server}, whose key is {}", key.fingerprint()))
}

fn another_key(server: &ServerName, pin: &Pin, key: &PublicKey) -> String {
    format!(
        "{server} IS KNOWN BY ANOTHER KEY: {} in place of {}. Somebody may be answering in its place. Ask \
         who runs it; if the key was really changed, join again after --forget-server",
        pin.key.fingerprint(),
        key.fingerprint()
    )
}
