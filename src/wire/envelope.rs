//! Envelopes: what stands around a message on the wire. There is one so far, the plain one: a frame
//! around a header and the message. A sealed one will carry the same headers and messages.
//!
//! ```text
//!  request   frame ( header: attempt, client, number │ message │ padding )
//!  reply     frame ( header: client, number          │ message )
//! ```

use serde::{Deserialize, Serialize};

use super::codec::{self, MaxBytes, Message, Padding, max_bytes};
use super::frame::{self, Datagram, VERSION};
use super::{Kind, Rejected};
use crate::ids::{ClientId, RequestNumber};
use crate::limits::DATAGRAM_MIN_BYTES;

/// A message of a client.
pub(crate) trait Question: Message + Serialize {
    /// A shorter datagram with it is not read: no answer to it is longer.
    const DATAGRAM_MIN_BYTES: usize;

    /// The length to which a client pads its datagram.
    fn padded_bytes(&self) -> usize {
        Self::DATAGRAM_MIN_BYTES
    }
}

/// What stands first in every request.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RequestHeader {
    // First, because it is left out of the fingerprint. A `u8` is one byte in postcard.
    pub(crate) attempt: u8,
    pub(crate) client: ClientId,
    pub(crate) number: RequestNumber,
}

const ATTEMPT_BYTES: usize = 1;

/// What stands first in every reply: whose request is answered, and which of them.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ReplyHeader {
    pub(crate) client: ClientId,
    pub(crate) number: RequestNumber,
}

max_bytes! {
    ReplyHeader: ClientId, RequestNumber;
}

/// The length of the longest datagram that answers with this message.
pub(crate) const fn reply_max_bytes<T: MaxBytes>() -> usize {
    REPLY_REST_MAX_BYTES + T::MAX_BYTES
}

/// What a reply has around its message, at most.
pub(crate) const REPLY_REST_MAX_BYTES: usize = DATAGRAM_MIN_BYTES + ReplyHeader::MAX_BYTES;

#[derive(Serialize, Deserialize)]
struct RequestBody<T> {
    header: RequestHeader,
    message: T,
    padding: Padding,
}

/// A request's body in an envelope that is of one length anyway.
#[derive(Serialize, Deserialize)]
struct BareBody<T> {
    header: RequestHeader,
    message: T,
}

#[derive(Serialize, Deserialize)]
struct ReplyBody<T> {
    header: ReplyHeader,
    message: T,
}

/// A body out of its envelope.
#[derive(Clone, Copy)]
pub(crate) struct Opened<'a> {
    /// What its body says, perhaps.
    pub(crate) kind: Kind,
    body: &'a [u8],
    /// The length of the longest plain datagram that may answer it.
    room: usize,
    is_padded: bool,
}

/// Opens the plain envelope: steps 1 to 6 of the order of trust, but for the direction.
///
/// # Errors
/// The first check that failed.
pub(crate) fn open(datagram: &[u8]) -> Result<Opened<'_>, Rejected> {
    let frame = frame::parse(datagram)?;
    // R-FRAME-3, R-READ-1
    let kind = Kind::from_byte(frame.kind).ok_or(Rejected::Kind(frame.kind))?;
    Ok(Opened { kind, body: frame.body, room: datagram.len(), is_padded: true })
}

/// A body that came in another envelope, with room for a plain answer of that length.
///
/// # Errors
/// If there is no such kind.
pub(crate) fn bare(kind: u8, body: &[u8], room: usize) -> Result<Opened<'_>, Rejected> {
    let kind = Kind::from_byte(kind).ok_or(Rejected::Kind(kind))?;
    Ok(Opened { kind, body, room, is_padded: false })
}

impl<'a> Opened<'a> {
    /// Its body as a request with this message.
    ///
    /// # Errors
    /// The first check that failed.
    pub(crate) fn request<T>(&self) -> Result<(RequestHeader, T), Rejected>
    where
        T: Question + Deserialize<'a>,
    {
        let (header, message) = if self.is_padded {
            let valid = |body: &RequestBody<T>| body.message.is_valid();
            let RequestBody { header, message, .. } = codec::read(self.body, valid)?;
            (header, message)
        } else {
            let valid = |body: &BareBody<T>| body.message.is_valid();
            let BareBody { header, message } = codec::read(self.body, valid)?;
            (header, message)
        };
        // R-SIZE-1
        if self.room < T::DATAGRAM_MIN_BYTES {
            return Err(Rejected::RequestTooShort);
        }
        Ok((header, message))
    }

    /// Its body as a reply with this message.
    ///
    /// # Errors
    /// The first check that failed.
    pub(crate) fn reply<T>(&self) -> Result<(ReplyHeader, T), Rejected>
    where
        T: Message + Serialize + Deserialize<'a>,
    {
        let valid = |body: &ReplyBody<T>| body.message.is_valid();
        let ReplyBody { header, message } = codec::read(self.body, valid)?;
        Ok((header, message))
    }

    /// Why a datagram of this kind is not read as a plain request: it goes in the other direction, or
    /// belongs to another envelope.
    pub(crate) fn no_request(&self) -> Rejected {
        self.refuse(|byte| byte < 0x80)
    }

    /// Why a datagram of this kind is not read as a plain reply.
    pub(crate) fn no_reply(&self) -> Rejected {
        self.refuse(|byte| byte >= 0x80)
    }

    fn refuse(&self, is_of_this_direction: impl FnOnce(u8) -> bool) -> Rejected {
        // R-KIND-1, R-READ-5
        let byte = self.kind.byte();
        if self.kind.is_sealed() && is_of_this_direction(byte) {
            Rejected::Sealed
        } else {
            Rejected::Kind(byte)
        }
    }

    /// CRC-32 of the kind and of the body of a request without its attempt number.
    pub(crate) fn fingerprint(&self) -> u32 {
        // R-JUDGE-12, R-REQUEST-5
        let mut fingerprint = crc32fast::Hasher::new();
        fingerprint.update(&[self.kind.byte()]);
        fingerprint.update(&self.body[ATTEMPT_BYTES..]);
        fingerprint.finalize()
    }
}

/// Where a request is written to.
pub(crate) trait RequestWriter {
    /// Writes it.
    fn write<T: Question>(&mut self, header: RequestHeader, message: T);
}

impl RequestWriter for Datagram {
    fn write<T: Question>(&mut self, header: RequestHeader, message: T) {
        write_request(header, message, self);
    }
}

/// A request's body for an envelope of one length.
pub(crate) struct Bare<'a> {
    pub(crate) space: &'a mut [u8],
    /// Its length.
    pub(crate) bytes: usize,
    /// The byte of its kind.
    pub(crate) kind: u8,
    /// The plain datagram is padded to this length, for the longest answer.
    pub(crate) padded_bytes: usize,
}

impl<'a> Bare<'a> {
    pub(crate) fn new(space: &'a mut [u8]) -> Self {
        Self { space, bytes: 0, kind: 0, padded_bytes: 0 }
    }
}

impl RequestWriter for Bare<'_> {
    fn write<T: Question>(&mut self, header: RequestHeader, message: T) {
        self.kind = T::KIND.byte();
        self.padded_bytes = message.padded_bytes();
        self.bytes = codec::write(&BareBody { header, message }, self.space);
    }
}

/// Writes a request, padded so that no answer to it is longer than itself.
fn write_request<T: Question>(header: RequestHeader, message: T, datagram: &mut Datagram) {
    let bytes = message.padded_bytes();
    let space = datagram.begin(VERSION, T::KIND.byte());
    let mut body = RequestBody { header, message, padding: Padding::default() };
    let bare = DATAGRAM_MIN_BYTES + codec::write(&body, space);
    body.padding = Padding::filling(bare, bytes);
    let length = codec::write(&body, space);
    datagram.end(length);
}

/// Writes a reply.
///
/// # Panics
/// If it does not fit a datagram.
pub(crate) fn write_reply<T: Message + Serialize>(
    header: ReplyHeader,
    message: &T,
    datagram: &mut Datagram,
) {
    let space = datagram.begin(VERSION, T::KIND.byte());
    let length = codec::write(&ReplyBody { header, message }, space);
    datagram.end(length);
}
