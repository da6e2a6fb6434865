//! What may pass: sealed datagrams and handshakes, told by their length and their first four bytes.
//!
//! The relay has no key. It knows as much of a datagram as anybody on the way: its kind, and by which bytes
//! the answers to a handshake say what they answer (chapter 23 of the specification).

use std::ops::Range;

use rollcall::limits::{SEALED_LONG_BYTES, SEALED_SHORT_BYTES};
use rollcall::wire::{Kind, MAGIC, VERSION};

/// The longest datagram, in either direction.
pub(crate) const DATAGRAM_MAX_BYTES: usize = SEALED_LONG_BYTES;

const HELLO_BYTES: usize = 256;
const WELCOME_BYTES: usize = 244;
const RETRY_BYTES: usize = 40;
const RENEW_BYTES: usize = 24;
/// Of a `HELLO`, what its answers repeat: the begin of its ephemeral key.
const HELLO_ECHO: Range<usize> = 20..36;
/// Of a `SEALED`, what a `RENEW` repeats: the begin of its nonce.
const SEALED_ECHO: Range<usize> = 104..120;
/// Where an answer repeats it.
const ECHO: Range<usize> = 4..20;
/// The ticket of a `SEALED`.
const TICKET: Range<usize> = 4..104;

/// What a page may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// A `HELLO`.
    Hello(&'a [u8]),
    /// A `SEALED`.
    Sealed(&'a [u8]),
}

/// What the datagrams of one device have in common, as long as they do: those of one handshake, and those
/// under one ticket.
pub(crate) type LaneKey = Box<[u8]>;

impl<'a> Request<'a> {
    /// Reads what a page sent; nothing, if it may not pass.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        // R-RELAY-1
        match (kind(bytes)?, bytes.len()) {
            (Kind::Hello, HELLO_BYTES) => Some(Self::Hello(bytes)),
            (Kind::Sealed, SEALED_SHORT_BYTES | SEALED_LONG_BYTES) => Some(Self::Sealed(bytes)),
            _ => None,
        }
    }

    /// The datagram.
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Hello(bytes) | Self::Sealed(bytes) => bytes,
        }
    }

    /// Whose datagram it is, as far as anybody can see.
    pub(crate) fn lane(self) -> LaneKey {
        // R-RELAY-4
        match self {
            Self::Hello(bytes) => bytes[HELLO_ECHO].into(),
            Self::Sealed(bytes) => bytes[TICKET].into(),
        }
    }

    /// Whether that may be the answer. Of a sealed answer only the page can tell.
    pub(crate) fn may_be_answered_by(self, answer: &[u8]) -> bool {
        let echoes = |bytes: &[u8], range: Range<usize>| answer[ECHO] == bytes[range];
        // R-RELAY-3
        match (self, kind(answer), answer.len()) {
            (Self::Hello(hello), Some(Kind::Welcome), WELCOME_BYTES)
            | (Self::Hello(hello), Some(Kind::Retry), RETRY_BYTES) => echoes(hello, HELLO_ECHO),
            (Self::Sealed(sealed), Some(Kind::Renew), RENEW_BYTES) => echoes(sealed, SEALED_ECHO),
            (Self::Sealed(_), Some(Kind::SealedReply), SEALED_SHORT_BYTES | SEALED_LONG_BYTES) => {
                true
            }
            _ => false,
        }
    }
}

fn kind(bytes: &[u8]) -> Option<Kind> {
    let &[first, second, VERSION, kind, ..] = bytes else { return None };
    if [first, second] == MAGIC { Kind::from_byte(kind) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(kind: Kind, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length).map(|it| u8::try_from(it % 251).unwrap()).collect();
        bytes[..4].copy_from_slice(&[MAGIC[0], MAGIC[1], VERSION, kind.byte()]);
        bytes
    }

    // spec: R-RELAY-1
    #[test]
    fn only_handshakes_and_sealed_requests_of_their_lengths_pass() {
        for (kind, byte, _) in Kind::TABLE {
            for length in (0..=1_300).filter(|it| *it != 0) {
                let mut bytes = datagram(Kind::Hello, length.max(4));
                bytes[3] = byte;
                bytes.truncate(length);
                let passes =
                    matches!((kind, length), (Kind::Hello, 256) | (Kind::Sealed, 256 | 1_200));
                assert_eq!(Request::read(&bytes).is_some(), passes, "{kind:?} of {length}");
            }
        }
        for (place, byte) in [(0, b'X'), (1, b'X'), (2, 0), (2, 2), (3, 0xff)] {
            let mut bytes = datagram(Kind::Sealed, 256);
            bytes[place] = byte;
            assert_eq!(Request::read(&bytes), None);
        }
        assert_eq!(Request::read(&[]), None);
    }

    // spec: R-RELAY-3
    #[test]
    fn only_what_can_be_the_answer_is_taken_for_it() {
        let (hello, sealed) = (datagram(Kind::Hello, 256), datagram(Kind::Sealed, 256));
        let (hello, sealed) = (Request::read(&hello).unwrap(), Request::read(&sealed).unwrap());
        let answer = |kind, length, echo: &[u8]| {
            let mut bytes = datagram(kind, length);
            bytes[ECHO].copy_from_slice(echo);
            bytes
        };
        let (of_hello, of_sealed) = (&hello.bytes()[20..36], &sealed.bytes()[104..120]);
        assert!(hello.may_be_answered_by(&answer(Kind::Welcome, 244, of_hello)));
        assert!(hello.may_be_answered_by(&answer(Kind::Retry, 40, of_hello)));
        assert!(sealed.may_be_answered_by(&answer(Kind::Renew, 24, of_sealed)));
        for length in [256, 1_200] {
            assert!(sealed.may_be_answered_by(&datagram(Kind::SealedReply, length)));
            assert!(!hello.may_be_answered_by(&datagram(Kind::SealedReply, length)));
        }
        assert!(!hello.may_be_answered_by(&answer(Kind::Welcome, 244, of_sealed)), "another's");
        assert!(!sealed.may_be_answered_by(&answer(Kind::Renew, 24, of_hello)), "an earlier one's");
        assert!(!sealed.may_be_answered_by(&answer(Kind::Welcome, 244, of_hello)));
        assert!(!sealed.may_be_answered_by(&datagram(Kind::SealedReply, 257)));
        assert!(!sealed.may_be_answered_by(&datagram(Kind::Marked, 64)), "plain");
        assert!(!sealed.may_be_answered_by(&[]));
    }

    // spec: R-RELAY-4
    #[test]
    fn what_is_of_one_handshake_or_one_ticket_has_one_lane() {
        let lane = |bytes: &[u8]| Request::read(bytes).unwrap().lane();
        for (kind, same, others) in [(Kind::Hello, 4, 20), (Kind::Sealed, 104, 103)] {
            let bytes = datagram(kind, 256);
            let changed = |place: usize| {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                changed
            };
            assert_eq!(lane(&changed(same)), lane(&bytes), "a cookie, a nonce");
            assert_ne!(lane(&changed(others)), lane(&bytes));
        }
    }
}
