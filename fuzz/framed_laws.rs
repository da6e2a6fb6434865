//! The laws of a body that stands in a right frame, where the frame protects nothing any more.

use rollcall::exchange::{Received, decode_request};
use rollcall::wire::{Kind, VERSION};

use crate::laws;

/// Reads a kind, the place of a change, and a body; applies the laws of the wire to the body, and
/// the law of fingerprints: sendings of one request have one, and a request that differs in a bit
/// has another.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(input: &[u8]) {
    let [place_low, place_high, kind, body @ ..] = input else { return };
    let datagram = laws::frame(VERSION, *kind, body);
    laws::check(&datagram);
    laws::check(&laws::frame(0, *kind, body));
    if *kind != Kind::Versions.byte() {
        assert_eq!(laws::mended(&datagram).as_ref(), Some(&datagram));
    }
    let Ok(Received { request, fingerprint }) = decode_request(&datagram) else { return };

    let mut later = body.to_vec();
    later[0] = later[0].wrapping_add(1);
    let again = decode_request(&laws::frame(VERSION, *kind, &later)).expect("any attempt is right");
    assert_eq!(again.fingerprint, fingerprint, "the attempt is outside of what is compared");
    assert_eq!((again.request.number, again.request.ask), (request.number, request.ask));

    let place = usize::from(u16::from_le_bytes([*place_low, *place_high]));
    let bit = 8 + place % (8 * (body.len() - 1));
    let mut other = body.to_vec();
    other[bit / 8] ^= 1 << (bit % 8);
    if let Ok(other) = decode_request(&laws::frame(VERSION, *kind, &other)) {
        assert_ne!(other.fingerprint, fingerprint, "another request");
    }
}
