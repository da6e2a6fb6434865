//! Bytes ↔ bodies of messages, in layers that know nothing of each other's insides, nor of what a
//! message says ([`crate::exchange`] does):
//!
//! ```text
//!   bytes      what a socket gives and takes; a `Datagram` when it is ours
//!     │  frame     length, magic, version, CRC-32: is this a whole datagram of ours?  (no serde)
//!     ▼
//!   kind, body
//!     │  envelope  who asks, or who is answered; padding
//!     ▼
//!   message
//!     │  codec     postcard, nothing left over, canonical
//!     ▼
//!   a value of `exchange`
//! ```
//!
//! Two laws hold: what can be built can be encoded, and what decodes re-encodes to the same bytes.
//! `proto-spec.md` is the specification of this module; its examples are this module's tests.

pub(crate) mod codec;
pub(crate) mod envelope;
mod error;
mod frame;
mod kind;
mod versions;

pub use error::Rejected;
pub use frame::{Datagram, MAGIC, VERSION};
pub(crate) use frame::{checksum_is_right, put_checksum};
pub use kind::Kind;
pub use versions::Versions;

/// The first bytes of a datagram of this kind.
pub(crate) fn header(kind: Kind) -> [u8; 4] {
    frame::header(VERSION, kind.byte())
}

/// The kind of what begins like a datagram of ours.
pub(crate) fn kind_of(datagram: &[u8]) -> Option<Kind> {
    frame::kind_byte(datagram).and_then(Kind::from_byte)
}
