//! Keys: the secret one of a service or a device, the public one that belongs to it, and how people
//! compare and write them.

use std::fmt;
use std::str::FromStr;

use blake2::digest::Mac as _;
use blake2::digest::consts::U32;
use blake2::{Blake2s256, Blake2sMac, Digest as _};
use data_encoding::{BASE32_NOPAD, Encoding};
use sha2::Sha256;
use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver as _, DefaultResolver};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::ids::DeviceId;

/// The secret X25519 key of a service or a device. It is wiped when it is dropped, and nothing shows it.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// The public X25519 key of a service or a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl SecretKey {
    /// The key with these bytes: any 32 that are secret and random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be kept where nobody else can read them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut curve = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("it has X25519");
        curve.set(&self.0);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(curve.pubkey());
        PublicKey(bytes)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

impl PublicKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The device whose key this is: all that a server keeps of it.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        // R-KEY-1
        let hash = Sha256::new().chain_update(b"rollcall/1 device").chain_update(self.0).finalize();
        DeviceId::from_bytes(*hash.first_chunk().expect("32 bytes"))
    }

    /// What people compare.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let hash =
            Sha256::new().chain_update(b"rollcall/1 fingerprint").chain_update(self.0).finalize();
        Fingerprint(*hash.first_chunk().expect("32 bytes"))
    }

    /// The key of the check of a `HELLO` to this service.
    pub(super) fn hello_key(&self) -> [u8; 32] {
        // R-HELLO-2
        Blake2s256::new().chain_update(b"rollcall/1 mac").chain_update(self.0).finalize().into()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The bytes of the check sum in a written key.
const CHECK_BYTES: usize = 4;

/// As it stands in a join link: 58 letters and digits, with a check sum.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 32 + CHECK_BYTES];
        bytes[..32].copy_from_slice(&self.0);
        bytes[32..].copy_from_slice(&check(&self.0));
        f.write_str(&text().encode(&bytes))
    }
}

/// Why a text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// It has characters that no key has, or is of another length.
    #[error("a key has 58 letters and digits: is the link whole?")]
    Form,
    /// The check sum does not fit.
    #[error("a letter of the key is wrong: copy the link again")]
    CheckSum,
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(written: &str) -> Result<Self, NotAKey> {
        let bytes = text().decode(written.to_ascii_lowercase().as_bytes());
        let bytes = bytes.map_err(|_| NotAKey::Form)?;
        let bytes: [u8; 32 + CHECK_BYTES] = bytes.try_into().map_err(|_| NotAKey::Form)?;
        let (key, sum) = bytes.split_first_chunk().expect("32 bytes and a check sum");
        if *sum == check(key) { Ok(Self(*key)) } else { Err(NotAKey::CheckSum) }
    }
}

fn check(key: &[u8; 32]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new().chain_update(b"rollcall/1 link").chain_update(key).finalize();
    *hash.first_chunk().expect("32 bytes")
}

/// RFC 4648 6 in small letters, without padding.
fn text() -> Encoding {
    let mut form = BASE32_NOPAD.specification();
    form.symbols.make_ascii_lowercase();
    form.encoding().expect("as many symbols as before")
}

/// Eighty bits of a hash of a key, in four groups that can be read aloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 10]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = text().encode(&self.0);
        for (place, letter) in letters.chars().enumerate() {
            let hyphen = if place > 0 && place % 4 == 0 { "-" } else { "" };
            write!(f, "{hyphen}{letter}")?;
        }
        Ok(())
    }
}

/// The keys that a ticket's secret gives: one for each direction.
#[derive(Clone, ZeroizeOnDrop)]
pub(super) struct DirectionKeys {
    pub(super) to_server: [u8; 32],
    pub(super) to_client: [u8; 32],
}

impl DirectionKeys {
    pub(super) fn new(secret: &[u8; 32], server: &PublicKey, device: DeviceId) -> Self {
        // R-KEY-2
        let key = |label: &[u8]| {
            let mut mac = <Blake2sMac<U32>>::new_from_slice(secret).expect("a key of 32 bytes");
            mac.update(label);
            mac.update(&server.0);
            mac.update(device.as_bytes());
            mac.finalize().into_bytes().into()
        };
        Self { to_server: key(b"rollcall/1 c2s"), to_client: key(b"rollcall/1 s2c") }
    }
}

/// Random bytes that are wiped when they are dropped.
pub(super) fn secret(rng: &mut impl rand::Rng) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    rng.fill_bytes(bytes.as_mut());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: R-KEY-1
    #[test]
    fn a_device_is_a_hash_of_its_key() {
        let key = PublicKey::from_bytes([7; 32]);
        let said = [&b"rollcall/1 device"[..], &[7; 32]].concat();
        let hash = crate::ids::ContentId::of(&said);
        assert_eq!(key.device().as_bytes(), &hash.as_bytes()[..16]);
    }

    // spec: R-KEY-2
    #[test]
    fn each_direction_has_a_key_of_its_own_that_all_parts_enter() {
        let device = DeviceId::from_bytes([1; 16]);
        let server = PublicKey::from_bytes([2; 32]);
        let keys = DirectionKeys::new(&[3; 32], &server, device);
        let mut all = vec![keys.to_server, keys.to_client];
        for other in [
            DirectionKeys::new(&[4; 32], &server, device),
            DirectionKeys::new(&[3; 32], &PublicKey::from_bytes([5; 32]), device),
            DirectionKeys::new(&[3; 32], &server, DeviceId::from_bytes([6; 16])),
        ] {
            all.extend([other.to_server, other.to_client]);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8, "no two are the same");
        let said = [&b"rollcall/1 c2s"[..], &[2; 32], &[1; 16]].concat();
        let mut mac = <Blake2sMac<U32>>::new_from_slice(&[3; 32]).unwrap();
        mac.update(&said);
        assert_eq!(keys.to_server, <[u8; 32]>::from(mac.finalize().into_bytes()));
    }

    /// RFC 7748 6.1, Alice.
    #[test]
    fn a_public_key_belongs_to_its_secret_one_as_in_the_rfc() {
        let hex = |text: &str| -> [u8; 32] {
            data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
        };
        let secret = SecretKey::from_bytes(hex(
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        ));
        let public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        assert_eq!(secret.public(), PublicKey::from_bytes(public));
        assert_eq!(format!("{secret:?}"), "SecretKey", "nothing shows it");
    }

    #[test]
    fn a_written_key_is_read_back_and_a_wrong_letter_is_noticed() {
        let key = PublicKey::from_bytes([7; 32]);
        let written = key.to_string();
        assert_eq!(written.len(), 58);
        assert_eq!(written.parse(), Ok(key));
        assert_eq!(written.to_uppercase().parse(), Ok(key), "some people's keyboards do that");
        assert_eq!(written[1..].parse::<PublicKey>(), Err(NotAKey::Form));
        assert_eq!("".parse::<PublicKey>(), Err(NotAKey::Form));
        for place in 0..written.len() - 1 {
            let mut wrong = written.clone().into_bytes();
            wrong[place] = if wrong[place] == b'q' { b'z' } else { b'q' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(wrong.parse::<PublicKey>(), Err(NotAKey::CheckSum), "letter {place}");
        }
    }

    #[test]
    fn a_fingerprint_is_four_groups_of_four() {
        let fingerprint = PublicKey::from_bytes([7; 32]).fingerprint().to_string();
        assert_eq!(fingerprint.split('-').map(str::len).collect::<Vec<_>>(), [4; 4]);
        let other = PublicKey::from_bytes([8; 32]).fingerprint().to_string();
        assert_ne!(fingerprint, other);
    }
}
