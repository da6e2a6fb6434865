//! Bytes ↔ messages, in three floors that know nothing of each other's insides:
//!
//! ```text
//!   bytes      what a socket gives and takes; a `Datagram` when it is ours
//!     │  frame    length, magic, version, CRC-32: is this a whole datagram of ours?  (no serde)
//!     ▼
//!   frame      kind and body
//!     │  message  postcard, nothing left over, canonical: what does it say?
//!     ▼
//!   Request, Reply
//! ```
//!
//! Two laws hold: what can be built can be encoded, and what decodes re-encodes to the same bytes.
//! `proto-spec.md` is the specification of this module; its examples are this module's tests.

mod error;
mod frame;
mod message;

pub use error::Rejected;
pub use frame::{Datagram, MAGIC, VERSION};
pub use message::{
    Answer, Ask, Kind, Received, Reply, Request, Versions, decode_reply, decode_request,
    encode_pulled, encode_reply, encode_request,
};
