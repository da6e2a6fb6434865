//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), in place.

use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

/// The bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
/// The bytes of a nonce: so many that it may be drawn at random, and two processes of one device need
/// no agreement.
pub(super) const NONCE_BYTES: usize = 24;
/// The bytes of a tag.
pub(super) const TAG_BYTES: usize = 16;

/// Seals the text in place, bound to the associated data. Returns the tag.
pub(super) fn seal(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    text: &mut [u8],
) -> [u8; TAG_BYTES] {
    XChaCha20Poly1305::new(key.into())
        .encrypt_in_place_detached(XNonce::from_slice(nonce), associated, text)
        .expect("a datagram is far shorter than what one nonce may seal")
        .into()
}

/// Opens in place what [`seal`] sealed. False if it was not sealed so; the text has not changed then.
#[must_use]
pub(super) fn open(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> bool {
    XChaCha20Poly1305::new(key.into())
        .decrypt_in_place_detached(
            XNonce::from_slice(nonce),
            associated,
            text,
            Tag::from_slice(tag),
        )
        .is_ok()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// The test vector of draft-irtf-cfrg-xchacha-03, A.3.1.
    #[test]
    fn the_seal_is_the_one_of_the_draft() {
        let plain =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
            the future, sunscreen would be it.";
        let associated = HEXLOWER.decode(b"50515253c0c1c2c3c4c5c6c7").unwrap();
        let key: [u8; 32] = std::array::from_fn(|place| 0x80 + u8::try_from(place).unwrap());
        let nonce: [u8; 24] = std::array::from_fn(|place| 0x40 + u8::try_from(place).unwrap());
        let mut text = *plain;
        let tag = seal(&key, &nonce, &associated, &mut text);
        assert_eq!(HEXLOWER.encode(&tag), "c0875924c1c7987947deafd8780acf49");
        assert_eq!(HEXLOWER.encode(&text[..16]), "bd6d179d3e83d43b9576579493c0e939");
        assert!(!open(&key, &nonce, b"other", &mut text, &tag));
        assert!(open(&key, &nonce, &associated, &mut text, &tag));
        assert_eq!(&text, plain);
    }
}
