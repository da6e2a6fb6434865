//! Sealed datagrams: who asks is proved, and nobody on the way reads, forges or replays what is said.
//!
//! ```text
//!  client                                        server
//!    │ HELLO   Noise IK, first message ─────────▶ │  on a worker: two Diffie-Hellman each way
//!    │ ◀───────── Noise IK, second message WELCOME│  a ticket, the secret in it, the time
//!    │ SEALED  ticket, request ─────────────────▶ │  the ticket holds the secret and the device:
//!    │ ◀──────────────────── answer SEALED_REPLY  │  the server remembers neither
//! ```
//!
//! The mathematics is that of kept crates: the handshake is Noise IK (`snow`), as in `WireGuard`;
//! tickets and datagrams are sealed with XChaCha20-Poly1305, the stateless ticket modelled on NTS (RFC
//! 8915 6). Here are the layouts, the order in which they are checked, and the two state machines: of a
//! client ([`Channel`]) and of a server ([`Endpoint`](crate::endpoint::Endpoint)).
//!
//! A sealed datagram has one of two lengths, so that its length tells next to nothing. It carries the
//! same messages as a plain one ([`crate::exchange`]), without padding and without a CRC-32: the tag of
//! the seal is better than both.

mod aead;
mod channel;
mod envelope;
mod handshake;
mod keys;
mod link;
mod ticket;
#[cfg(test)]
mod vectors;

pub use channel::{Channel, Incoming};
pub(crate) use envelope::{
    OpenedRequest, Sealing, Unopened, open_request, seal_reply, write_renew,
};
pub use handshake::{HandshakeJob, Welcomed};
pub(crate) use handshake::{Hello, HelloKey, Retry, WELCOME_BYTES};
pub use keys::{Fingerprint, NotAKey, PublicKey, SecretKey};
pub use link::Link;
pub(crate) use ticket::TicketKeys;
