//! `PULL` → `PULLED` for each block, or `COOKIE`: blocks of a sheet or a file.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask};
use crate::ids::{ContentId, Cookie};
use crate::limits::{BLOCK_BYTES, LONE_PULL_MIN_BYTES, PULL_REQUEST_MIN_BYTES};
use crate::wire::Kind;
use crate::wire::codec::{Bytes, MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, reply_max_bytes};

/// A request for blocks of an object. Nothing is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// The object.
    pub object: ContentId,
    /// What proves the client's address.
    pub cookie: Cookie,
    /// The first block that is wanted.
    pub first: u32,
    /// Which of the 64 blocks from `first` on are wanted: bit 0 is `first`, and always set.
    pub wanted: u64,
}

/// `PULLED`: one of the blocks; no bytes if there is no such object or no such block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Which block.
    pub index: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The message of `PULLED`.
#[derive(Serialize, Deserialize)]
pub(super) struct PulledMessage<'a> {
    pub(super) index: u32,
    #[serde(borrow)]
    pub(super) bytes: Bytes<'a>,
}

/// The message of `COOKIE`: the address has not proved itself; with this it can.
#[derive(Serialize, Deserialize)]
pub(super) struct CookieMessage {
    pub(super) cookie: Cookie,
}

impl Pull {
    /// Whether it names at least `first`, and no block past the last that there can be.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        // R-PULL-1
        self.wanted & 1 == 1 && self.first.checked_add(span(self.wanted) - 1).is_some()
    }

    /// The blocks that are wanted, in order.
    pub fn blocks(self) -> impl Iterator<Item = u32> {
        blocks(self.first, self.wanted)
    }
}

/// The blocks that such a map names, in order.
pub(crate) fn blocks(first: u32, map: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |bit| map & 1 << bit != 0).map(move |bit| first + bit)
}

/// How many blocks lie between the first and the last that such a map names, with both.
pub(crate) fn span(map: u64) -> u32 {
    u64::BITS - map.leading_zeros()
}

impl Message for Pull {
    const KIND: Kind = Kind::Pull;

    fn is_valid(&self) -> bool {
        Self::is_valid(self)
    }
}

impl Question for Pull {
    const DATAGRAM_MIN_BYTES: usize = PULL_REQUEST_MIN_BYTES;

    /// One block without a cookie has room in its request.
    fn padded_bytes(&self) -> usize {
        let is_lone = self.wanted == 1 && self.cookie == Cookie::NONE;
        if is_lone { LONE_PULL_MIN_BYTES } else { Self::DATAGRAM_MIN_BYTES }
    }
}

impl Message for PulledMessage<'_> {
    const KIND: Kind = Kind::Pulled;

    fn is_valid(&self) -> bool {
        self.bytes.0.len() <= BLOCK_BYTES
    }
}

impl MaxBytes for PulledMessage<'_> {
    // The length of a block takes two bytes.
    const MAX_BYTES: usize = u32::MAX_BYTES + 2 + BLOCK_BYTES;
}
const _: () = assert!(reply_max_bytes::<PulledMessage<'_>>() == LONE_PULL_MIN_BYTES);

impl Message for CookieMessage {
    const KIND: Kind = Kind::Cookie;
}

max_bytes! {
    CookieMessage: Cookie;
}
const _: () = assert!(reply_max_bytes::<CookieMessage>() <= PULL_REQUEST_MIN_BYTES);

impl From<Pull> for Ask {
    fn from(pull: Pull) -> Self {
        Self::Pull(pull)
    }
}

impl From<PulledMessage<'_>> for Answer {
    fn from(PulledMessage { index, bytes }: PulledMessage<'_>) -> Self {
        Self::Pulled(Pulled { index, bytes: bytes.0.to_vec() })
    }
}

impl From<CookieMessage> for Answer {
    fn from(CookieMessage { cookie }: CookieMessage) -> Self {
        Self::Cookie(cookie)
    }
}
