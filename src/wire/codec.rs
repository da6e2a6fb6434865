//! Bodies of datagrams ↔ values, in postcard. Knows neither frames nor headers nor what a message
//! says, so that every envelope carries the same bodies.
//!
//! Laws: a value that was written is read back; bytes that are read are the only ones that say their
//! value ([`read`]).

use postcard::ser_flavors::Size;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Kind, Rejected};
use crate::access::{InviteId, PersonName};
use crate::ids::{
    ActNumber, ClassId, ClientId, ContentId, Cookie, DeviceId, RequestNumber, RollCallNumber,
    StudentNumber,
};
use crate::limits::{DATAGRAM_MAX_BYTES, PERSON_NAME_MAX_BYTES, STUDENT_LENGTH_MAX_BYTES};
use crate::time::WallTime;

/// What a body says after its header.
pub(crate) trait Message {
    /// The kind of the datagrams that carry it.
    const KIND: Kind;

    /// Whether its values fit each other and the tables of the specification, beyond the form of
    /// each: the rest of step 7 of the order of trust.
    fn is_valid(&self) -> bool {
        true
    }
}

/// The most bytes that a value takes in a body.
pub(crate) trait MaxBytes {
    const MAX_BYTES: usize;
}

/// States [`MaxBytes`] of what is written as these fields in a row, as postcard writes structures.
macro_rules! max_bytes {
    ($($value:ty: $($field:ty),+;)+) => {
        $(impl $crate::wire::codec::MaxBytes for $value {
            const MAX_BYTES: usize = 0 $(+ <$field as $crate::wire::codec::MaxBytes>::MAX_BYTES)+;
        })+
    };
}
pub(crate) use max_bytes;

macro_rules! max_bytes_are {
    ($($value:ty: $bytes:expr;)+) => {
        $(impl MaxBytes for $value {
            const MAX_BYTES: usize = $bytes;
        })+
    };
}

max_bytes_are! {
    bool: 1;
    u8: 1;
    // A varint has seven bits in each byte.
    u16: 3;
    u32: 5;
    u64: 10;
    ClassId: u32::MAX_BYTES;
    RollCallNumber: u32::MAX_BYTES;
    RequestNumber: u64::MAX_BYTES;
    // Milliseconds up to the year 9999 have 48 bits.
    WallTime: 7;
    ClientId: 16;
    Cookie: 16;
    ContentId: 32;
    DeviceId: 16;
    InviteId: 16;
    ActNumber: u64::MAX_BYTES;
    // A text has its length before it, in one byte where it is below 2^7.
    StudentNumber: 1 + STUDENT_LENGTH_MAX_BYTES;
    PersonName: 1 + PERSON_NAME_MAX_BYTES;
}

impl<T: MaxBytes> MaxBytes for Option<T> {
    const MAX_BYTES: usize = 1 + T::MAX_BYTES;
}

/// Writes a value to the beginning of `space`, and returns its length in bytes.
///
/// # Panics
/// If there is no room for it.
pub(crate) fn write(value: &(impl Serialize + ?Sized), space: &mut [u8]) -> usize {
    postcard::to_slice(value, space).expect("the largest message fits its datagram").len()
}

/// Reads a body that is valid, has nothing left over, and is written in the one form that its values
/// have: steps 7 to 9 of the order of trust.
///
/// The only freedom that postcard leaves is to write a number with more bytes than it needs, so a
/// body that is as long as it would be if it were written again is the same body.
pub(super) fn read<'a, T>(body: &'a [u8], is_valid: impl FnOnce(&T) -> bool) -> Result<T, Rejected>
where
    T: Deserialize<'a> + Serialize,
{
    // R-VALUE-2, R-VALUE-4
    let (value, rest): (T, _) = postcard::take_from_bytes(body).map_err(|_| Rejected::Body)?;
    if !is_valid(&value) {
        return Err(Rejected::Body);
    }
    // R-VALUE-3
    if !rest.is_empty() {
        return Err(Rejected::LeftOver);
    }
    // R-VALUE-1
    match postcard::serialize_with_flavor(&value, Size::default()) {
        Ok(length) if length == body.len() => Ok(value),
        _ => Err(Rejected::NotCanonical),
    }
}

/// Bytes that postcard writes as a length and then as they are.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de [u8]>::deserialize(deserializer).map(Bytes)
    }
}

/// Zeros at the end of a request that make room for its answer: a server never sends more bytes
/// than it got (the idea of NTS, RFC 8915 5.7).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Padding {
    pub(super) length: usize,
}

impl Padding {
    /// The padding that makes something of `bare` bytes, with an empty padding in it, so long. One
    /// byte less where the length itself takes a second byte (from 128 on) that is one too many.
    pub(super) fn filling(bare: usize, bytes: usize) -> Self {
        let missing = bytes.saturating_sub(bare);
        Self { length: if missing > 128 { missing - 1 } else { missing } }
    }
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const ZEROS: [u8; DATAGRAM_MAX_BYTES] = [0; DATAGRAM_MAX_BYTES];
        serializer.serialize_bytes(&ZEROS[..self.length])
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // R-SIZE-2, R-SIZE-4
        let Bytes(bytes) = Bytes::deserialize(deserializer)?;
        if bytes.len() > DATAGRAM_MAX_BYTES || bytes.iter().any(|&byte| byte != 0) {
            return Err(serde::de::Error::custom("padding is zeros"));
        }
        Ok(Self { length: bytes.len() })
    }
}
