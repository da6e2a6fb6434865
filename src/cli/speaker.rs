//! How a command speaks to its server: sealed where the server was joined, plainly on this computer or where
//! that was asked for, and not at all to a stranger.

use std::net::SocketAddr;

use super::Exit;
use super::language::text;
use super::words::{complain, failed_by, remark};
use crate::seal::{Channel, Link, PublicKey};
use crate::shell::call::ServerName;
use crate::shell::clock::entropy;
use crate::shell::keys::forbid_core_dumps;
use crate::shell::trust::{Pin, Trust, TrustError};

/// What the flags say about it.
pub(super) struct Speaker {
    /// Plain datagrams to a server that was not joined.
    pub(super) plain: bool,
    /// The server's key is forgotten first.
    pub(super) forget: bool,
}

impl Speaker {
    /// The link to this server. When there can be none, the person has been told.
    pub(super) fn link(&self, server: &ServerName, addresses: &[SocketAddr]) -> Result<Link, Exit> {
        forbid_core_dumps();
        let trust = Trust::find().map_err(failed_by)?;
        if self.forget {
            forget(&trust, server)?;
        }
        match trust.pin(server).map_err(failed_by)? {
            Some(_) if self.plain => {
                complain(text!("not-plainly", server));
                Err(Exit::Usage)
            }
            Some(pin) => sealed(&trust, &pin.key, pin.next),
            // R-PLAIN-2
            None if self.plain || addresses.iter().all(|it| it.ip().is_loopback()) => {
                Ok(Link::Plain)
            }
            None => {
                complain(text!("server-unknown", server));
                Err(Exit::Usage)
            }
        }
    }
}

/// Forgets the key of a server, and says so.
fn forget(trust: &Trust, server: &ServerName) -> Result<(), Exit> {
    if trust.forget(server).map_err(failed_by)? {
        remark(text!("key-forgotten", server));
    } else {
        remark(text!("key-not-there", server));
    }
    Ok(())
}

/// A sealed link to the server with this key.
pub(super) fn sealed(
    trust: &Trust,
    key: &PublicKey,
    announced: Option<PublicKey>,
) -> Result<Link, Exit> {
    let device = trust.device_key().map_err(failed_by)?;
    let channel = Channel::new(*key, device, entropy()).or_by(announced);
    Ok(Link::Sealed(Box::new(channel)))
}

/// What a server has told of its keys, once it has.
pub(super) fn heard(channel: &Channel) -> Option<Pin> {
    let heard = Pin { key: *channel.server(), next: channel.next_server().copied() };
    channel.is_ready().then_some(heard)
}

/// Keeps what a server has told of its keys, if that is news.
pub(super) fn learn(server: &ServerName, heard: Pin) -> Result<(), TrustError> {
    let trust = Trust::find()?;
    match trust.pin(server)? {
        Some(pin) if pin != heard => trust.keep(server, heard),
        _ => Ok(()),
    }
}
