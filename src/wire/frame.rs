//! The frame: what makes bytes a whole datagram of this protocol. Knows no message.
//!
//! ```text
//!  0       1       2       3       4                    n-4     n
//! ┌───────┬───────┬───────┬───────┬─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─┬───────┐
//! │ 'R'   │ 'C'   │version│ kind  │ body (postcard)     │ CRC-32│
//! └───────┴───────┴───────┴───────┴─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─┴───────┘
//!                                                  little-endian,
//!                                       over all bytes before it
//! ```

use std::fmt;

use super::Rejected;
use crate::limits::{DATAGRAM_MAX_BYTES, DATAGRAM_MIN_BYTES};

/// The first two bytes of every datagram, `RC`.
pub const MAGIC: [u8; 2] = *b"RC";
/// The version of the protocol that this code speaks.
pub const VERSION: u8 = 1;
/// The version byte of a datagram that tells which versions are spoken. No protocol ever has it.
pub(super) const VERSION_NEGOTIATION: u8 = 0;

const HEADER_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;

const _: () = assert!(HEADER_BYTES + CHECKSUM_BYTES == DATAGRAM_MIN_BYTES);

/// A datagram that was encoded here, ready to be sent. Reused, so that sending allocates nothing.
#[derive(Clone)]
pub struct Datagram {
    bytes: [u8; DATAGRAM_MAX_BYTES],
    length: usize,
}

impl Datagram {
    /// No datagram yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; DATAGRAM_MAX_BYTES], length: 0 }
    }

    /// What is to be sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Makes this a datagram of so many bytes, which are to be written over.
    pub(crate) fn fill(&mut self, bytes: usize) -> &mut [u8] {
        self.length = bytes;
        &mut self.bytes[..bytes]
    }

    /// Kind and body of a frame that was encoded here.
    pub(crate) fn parts(&self) -> (u8, &[u8]) {
        (self.bytes[3], &self.bytes[HEADER_BYTES..self.length - CHECKSUM_BYTES])
    }

    /// Begins a frame and hands out the space for its body.
    pub(super) fn begin(&mut self, version: u8, kind: u8) -> &mut [u8] {
        // R-FRAME-1, R-FRAME-2, R-FRAME-3
        self.bytes[..HEADER_BYTES].copy_from_slice(&header(version, kind));
        self.length = 0;
        &mut self.bytes[HEADER_BYTES..DATAGRAM_MAX_BYTES - CHECKSUM_BYTES]
    }

    /// Ends the frame after a body of that many bytes.
    pub(super) fn end(&mut self, body_bytes: usize) {
        let end = HEADER_BYTES + body_bytes;
        // R-FRAME-4
        self.length = end + CHECKSUM_BYTES;
        put_checksum(&mut self.bytes[..self.length]);
    }
}

impl Default for Datagram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Datagram(")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// A whole frame: where it came from does not matter any more, only what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) body: &'a [u8],
}

/// What stands first in every datagram.
pub(crate) fn header(version: u8, kind: u8) -> [u8; HEADER_BYTES] {
    [MAGIC[0], MAGIC[1], version, kind]
}

/// The kind byte of what has the length, the magic and the version of a datagram of ours, whatever
/// else it may be.
pub(crate) fn kind_byte(datagram: &[u8]) -> Option<u8> {
    (version_of(datagram).ok()? == VERSION).then(|| datagram[3])
}

/// Writes the CRC-32 of all bytes before the last four into these.
pub(crate) fn put_checksum(datagram: &mut [u8]) {
    let (covered, checksum) =
        datagram.split_last_chunk_mut::<CHECKSUM_BYTES>().expect("room for a checksum");
    *checksum = crc32fast::hash(covered).to_le_bytes();
}

/// Whether the last four bytes are the CRC-32 of those before.
pub(crate) fn checksum_is_right(datagram: &[u8]) -> bool {
    datagram.len() >= DATAGRAM_MIN_BYTES && checked_body(datagram).is_ok()
}

/// Checks length, magic, version and checksum, in this order of trust.
pub(super) fn parse(datagram: &[u8]) -> Result<Frame<'_>, Rejected> {
    // R-READ-1
    let version = version_of(datagram)?;
    match version {
        VERSION => {}
        // R-VERSION-2
        VERSION_NEGOTIATION => return Err(Rejected::Negotiation),
        other => return Err(Rejected::Version(other)),
    }
    let body = checked_body(datagram)?;
    Ok(Frame { kind: datagram[3], body })
}

/// Checks that this is a whole datagram about versions and gives its body.
pub(super) fn parse_negotiation(datagram: &[u8], kind: u8) -> Result<&[u8], Rejected> {
    match version_of(datagram)? {
        VERSION_NEGOTIATION => {}
        other => return Err(Rejected::Version(other)),
    }
    let body = checked_body(datagram)?;
    if datagram[3] == kind { Ok(body) } else { Err(Rejected::Kind(datagram[3])) }
}

fn version_of(datagram: &[u8]) -> Result<u8, Rejected> {
    // R-FRAME-5
    if datagram.len() < DATAGRAM_MIN_BYTES {
        return Err(Rejected::TooShort);
    }
    if datagram.len() > DATAGRAM_MAX_BYTES {
        return Err(Rejected::TooLong);
    }
    // R-FRAME-1
    if datagram[..2] != MAGIC {
        return Err(Rejected::Magic);
    }
    Ok(datagram[2])
}

fn checked_body(datagram: &[u8]) -> Result<&[u8], Rejected> {
    let (covered, checksum) =
        datagram.split_last_chunk::<CHECKSUM_BYTES>().expect("not shorter than a frame");
    if crc32fast::hash(covered) != u32::from_le_bytes(*checksum) {
        return Err(Rejected::Checksum);
    }
    Ok(&covered[HEADER_BYTES..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(version: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        let mut datagram = Datagram::new();
        datagram.begin(version, kind)[..body.len()].copy_from_slice(body);
        datagram.end(body.len());
        datagram.as_bytes().to_vec()
    }

    #[test]
    fn a_frame_that_was_built_is_parsed_back() {
        let bytes = datagram(VERSION, 7, b"body");
        assert_eq!(parse(&bytes), Ok(Frame { kind: 7, body: b"body" }));
    }

    #[test]
    fn a_frame_has_room_for_the_longest_body_and_is_shown_in_hexadecimal() {
        let mut datagram = Datagram::new();
        assert_eq!(datagram.begin(VERSION, 7).len(), DATAGRAM_MAX_BYTES - DATAGRAM_MIN_BYTES);
        datagram.end(DATAGRAM_MAX_BYTES - DATAGRAM_MIN_BYTES);
        assert_eq!(datagram.as_bytes().len(), DATAGRAM_MAX_BYTES);
        assert!(parse(datagram.as_bytes()).is_ok(), "the longest of all is read");
        datagram.end(0);
        let crc = crc32fast::hash(b"RC\x01\x07").swap_bytes();
        assert_eq!(format!("{datagram:?}"), format!("Datagram(52430107{crc:08x})"));
    }

    #[test]
    fn the_crc_is_the_one_of_ethernet_and_zip() {
        // The check value of CRC-32/ISO-HDLC, RFC 3720 B.4 and every catalogue.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = datagram(VERSION, 7, b"body");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        let bytes = datagram(VERSION, 7, b"body");
        for length in 0..bytes.len() {
            let error = parse(&bytes[..length]).unwrap_err();
            let expected =
                if length < DATAGRAM_MIN_BYTES { Rejected::TooShort } else { Rejected::Checksum };
            assert_eq!(error, expected, "{length} bytes");
        }
    }

    // spec: R-READ-1
    #[test]
    fn trust_is_given_in_the_order_of_the_specification() {
        // Each of these is wrong in its own way and in every later way.
        assert_eq!(parse(b"xxxxxxx"), Err(Rejected::TooShort));
        assert_eq!(parse(&[b'x'; DATAGRAM_MAX_BYTES + 1]), Err(Rejected::TooLong));
        assert_eq!(parse(b"xxxxxxxx"), Err(Rejected::Magic));
        assert_eq!(parse(b"RC\x02xxxxx"), Err(Rejected::Version(2)));
        assert_eq!(parse(b"RC\x00xxxxx"), Err(Rejected::Negotiation));
        assert_eq!(parse(b"RC\x01xxxxx"), Err(Rejected::Checksum));
        assert_eq!(parse(&[0; 64]), Err(Rejected::Magic), "all zeros");
    }
}
