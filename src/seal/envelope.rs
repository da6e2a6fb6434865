//! `SEALED` and `SEALED_REPLY`: the sealed envelope around the messages of [`crate::exchange`].
//!
//! ```text
//!  SEALED        RC 01 7e │ ticket 100 │ nonce 24 │ seal ( age u32 │ length u16 │ kind │ body │ zeros )
//!  SEALED_REPLY  RC 01 fe │ nonce 24 │ seal ( length u16 │ kind │ body │ zeros )
//!  RENEW         RC 01 fb │ SEALED[104..120] │ CRC-32                             24 bytes
//! ```
//!
//! Numbers are little-endian. What stands before a seal is its associated data. The body is that of the
//! plain frame, without padding.

use rand::Rng as _;
use rand::rngs::StdRng;
use zeroize::ZeroizeOnDrop;

use super::aead::{self, NONCE_BYTES, TAG_BYTES};
use super::keys::{DirectionKeys, PublicKey};
use super::ticket::{TICKET_BYTES, TicketKeys};
use crate::exchange::{
    Received, Reply, Request, decode_bare_reply, decode_bare_request, encode_bare_request,
};
use crate::ids::DeviceId;
use crate::limits::{
    DATAGRAM_MIN_BYTES, HELD_BACK_MAX, SEALED_LONG_BYTES, SEALED_ROOM_BYTES, SEALED_SHORT_BYTES,
};
use crate::stats::Counter;
use crate::time::Instant;
use crate::wire::{Datagram, Kind, checksum_is_right, header, put_checksum};

const HEADER_BYTES: usize = 4;
const TICKET_AT: usize = HEADER_BYTES;
const NONCE_AT: usize = TICKET_AT + TICKET_BYTES;
const REQUEST_TEXT_AT: usize = NONCE_AT + NONCE_BYTES;
const REPLY_TEXT_AT: usize = HEADER_BYTES + NONCE_BYTES;
const AGE_BYTES: usize = 4;
/// The length and the kind of a body.
const BODY_HEAD_BYTES: usize = 2 + 1;

/// The bytes of a body in a short `SEALED`, at most.
const SHORT_BODY_MAX_BYTES: usize =
    SEALED_SHORT_BYTES - REQUEST_TEXT_AT - AGE_BYTES - BODY_HEAD_BYTES - TAG_BYTES;
const _: () = assert!(SHORT_BODY_MAX_BYTES == 105);
/// What stands around the body of a `SEALED_REPLY`.
const REPLY_REST_BYTES: usize = REPLY_TEXT_AT + BODY_HEAD_BYTES + TAG_BYTES;

const _: () =
    assert!(SEALED_LONG_BYTES - REPLY_REST_BYTES + DATAGRAM_MIN_BYTES == SEALED_ROOM_BYTES);

/// The length of the longest plain datagram whose body fits a short `SEALED_REPLY`.
const SHORT_ROOM: usize = SEALED_SHORT_BYTES - REPLY_REST_BYTES + DATAGRAM_MIN_BYTES;

/// The length of a `RENEW`.
pub(crate) const RENEW_BYTES: usize = HEADER_BYTES + ECHO_BYTES + 4;
const ECHO_BYTES: usize = 16;

/// What a sealed answer is made with.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct Sealing {
    key: [u8; 32],
    #[zeroize(skip)]
    is_long: bool,
}

/// A request that was opened.
pub(crate) struct OpenedRequest {
    pub(crate) device: DeviceId,
    pub(crate) received: Received,
    /// The length of the longest plain datagram whose body fits the answer.
    pub(crate) room: usize,
    pub(crate) sealing: Sealing,
}

/// Why a sealed request was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// Its ticket has ended, or is of another start of this server: `RENEW` says so.
    Renew(Counter),
    /// It is not answered.
    Silent(Counter),
}

/// Opens a request: the order of checks of R-SEALED-1.
pub(crate) fn open_request(
    server: &PublicKey,
    tickets: &TicketKeys,
    now: Instant,
    datagram: &[u8],
) -> Result<OpenedRequest, Unopened> {
    use Unopened::{Renew, Silent};
    // R-SEALED-1
    let is_long = match datagram.len() {
        SEALED_SHORT_BYTES => false,
        SEALED_LONG_BYTES => true,
        _ => return Err(Silent(Counter::SealedLength)),
    };
    let ticket = &datagram[TICKET_AT..NONCE_AT];
    let ticket_key = tickets.of(ticket).ok_or(Renew(Counter::TicketUnknown))?;
    let unsealed = ticket_key.unseal(ticket).ok_or(Silent(Counter::TicketForged))?;
    if !unsealed.lives(now) {
        return Err(Renew(Counter::TicketEnded));
    }
    let keys = DirectionKeys::new(&unsealed.secret, server, unsealed.device);
    let mut space = [0; SEALED_LONG_BYTES];
    let text = open(&keys.to_server, datagram, REQUEST_TEXT_AT, &mut space);
    let text = text.ok_or(Silent(Counter::SealedForged))?;
    let (age, text) = text.split_first_chunk().expect("an age");
    // R-SEALED-3
    let held_back = unsealed.held_back_ms(u32::from_le_bytes(*age), now);
    if u128::from(held_back) > HELD_BACK_MAX.as_millis() {
        return Err(Renew(Counter::HeldBack));
    }
    let (kind, body) = body_of(text).ok_or(Silent(Counter::Body))?;
    let room = datagram.len() - REPLY_REST_BYTES + DATAGRAM_MIN_BYTES;
    let received = decode_bare_request(kind, body, room).map_err(|it| Silent(it.into()))?;
    let sealing = Sealing { key: keys.to_client, is_long };
    Ok(OpenedRequest { device: unsealed.device, received, room, sealing })
}

/// Writes a reply that was encoded as a plain one, sealed.
pub(crate) fn seal_reply(sealing: &Sealing, rng: &mut StdRng, datagram: &mut Datagram) {
    let (kind, body) = datagram.parts();
    let mut text = [0; SEALED_LONG_BYTES];
    let length = put_body(&mut text, kind, body);
    // Only a block for an address that has proved itself is longer than its request.
    // R-SEALED-5
    let is_long = sealing.is_long || body.len() > SEALED_SHORT_BYTES - REPLY_REST_BYTES;
    let bytes = if is_long { SEALED_LONG_BYTES } else { SEALED_SHORT_BYTES };
    let space = datagram.fill(bytes);
    space[..HEADER_BYTES].copy_from_slice(&header(Kind::SealedReply));
    rng.fill_bytes(&mut space[HEADER_BYTES..REPLY_TEXT_AT]);
    seal(&sealing.key, REPLY_TEXT_AT, &text[..length], space);
}

/// What a client seals its requests with.
#[derive(Clone, ZeroizeOnDrop)]
pub(super) struct Session {
    pub(super) ticket: [u8; TICKET_BYTES],
    pub(super) keys: DirectionKeys,
}

impl Session {
    /// Writes a request that is sealed so long after the ticket was received. Returns what a `RENEW`
    /// of it echoes.
    pub(super) fn seal_request(
        &self,
        rng: &mut StdRng,
        age_ms: u32,
        request: &Request,
        datagram: &mut Datagram,
    ) -> [u8; ECHO_BYTES] {
        let mut text = [0; SEALED_LONG_BYTES];
        text[..AGE_BYTES].copy_from_slice(&age_ms.to_le_bytes());
        let head = AGE_BYTES + BODY_HEAD_BYTES;
        let bare = encode_bare_request(request, &mut text[head..]);
        let (kind, body_bytes) = (bare.kind, bare.bytes);
        // R-SEALED-4
        let is_long = bare.padded_bytes > SHORT_ROOM || body_bytes > SHORT_BODY_MAX_BYTES;
        put_head(&mut text[AGE_BYTES..], kind, body_bytes);
        let bytes = if is_long { SEALED_LONG_BYTES } else { SEALED_SHORT_BYTES };
        let space = datagram.fill(bytes);
        space[..HEADER_BYTES].copy_from_slice(&header(Kind::Sealed));
        space[TICKET_AT..NONCE_AT].copy_from_slice(&self.ticket);
        rng.fill_bytes(&mut space[NONCE_AT..REQUEST_TEXT_AT]);
        let echo = *space[NONCE_AT..].first_chunk().expect("a nonce");
        seal(&self.keys.to_server, REQUEST_TEXT_AT, &text[..head + body_bytes], space);
        echo
    }

    /// Seals any bytes in a short request, with that as the last byte of the zeros.
    #[cfg(test)]
    pub(super) fn seal_anything(&self, kind: u8, body: &[u8], last: u8) -> Vec<u8> {
        let mut text = [0; SEALED_SHORT_BYTES - REQUEST_TEXT_AT - TAG_BYTES];
        put_body(&mut text[AGE_BYTES..], kind, body);
        *text.last_mut().expect("some") = last;
        let mut datagram = vec![0; SEALED_SHORT_BYTES];
        datagram[..HEADER_BYTES].copy_from_slice(&header(Kind::Sealed));
        datagram[TICKET_AT..NONCE_AT].copy_from_slice(&self.ticket);
        seal(&self.keys.to_server, REQUEST_TEXT_AT, &text, &mut datagram);
        datagram
    }

    /// Opens a reply; `None` if it is none for this session.
    pub(super) fn open_reply(&self, datagram: &[u8]) -> Option<Reply> {
        let mut space = [0; SEALED_LONG_BYTES];
        if ![SEALED_SHORT_BYTES, SEALED_LONG_BYTES].contains(&datagram.len()) {
            return None;
        }
        let text = open(&self.keys.to_client, datagram, REPLY_TEXT_AT, &mut space)?;
        let (kind, body) = body_of(text)?;
        decode_bare_reply(kind, body).ok()
    }
}

/// `RENEW`: the ticket of that request is not known any more.
pub(crate) fn write_renew(sealed: &[u8], datagram: &mut Datagram) {
    let space = datagram.fill(RENEW_BYTES);
    space[..HEADER_BYTES].copy_from_slice(&header(Kind::Renew));
    space[HEADER_BYTES..][..ECHO_BYTES].copy_from_slice(&sealed[NONCE_AT..][..ECHO_BYTES]);
    put_checksum(space);
}

/// What a `RENEW` echoes of a request; `None` if the datagram is none.
pub(super) fn read_renew(datagram: &[u8]) -> Option<[u8; ECHO_BYTES]> {
    if datagram.len() != RENEW_BYTES || !checksum_is_right(datagram) {
        return None;
    }
    datagram[HEADER_BYTES..].first_chunk().copied()
}

/// Seals a text into the datagram, after the nonce that stands before it, and fills it up with zeros.
fn seal(key: &[u8; 32], text_at: usize, text: &[u8], datagram: &mut [u8]) {
    let (associated, rest) = datagram.split_at_mut(text_at);
    let (space, tag) = rest.split_last_chunk_mut::<TAG_BYTES>().expect("room for a tag");
    space[..text.len()].copy_from_slice(text);
    space[text.len()..].fill(0);
    let nonce = associated.last_chunk::<NONCE_BYTES>().expect("a nonce");
    *tag = aead::seal(key, nonce, associated, space);
}

/// Opens the text of a datagram into `space`.
fn open<'a>(
    key: &[u8; 32],
    datagram: &[u8],
    text_at: usize,
    space: &'a mut [u8],
) -> Option<&'a [u8]> {
    let (associated, rest) = datagram.split_at(text_at);
    let (sealed, tag) = rest.split_last_chunk::<TAG_BYTES>().expect("a tag");
    let nonce = associated.last_chunk::<NONCE_BYTES>().expect("a nonce");
    let text = &mut space[..sealed.len()];
    text.copy_from_slice(sealed);
    aead::open(key, nonce, associated, text, tag).then_some(&*text)
}

fn put_head(text: &mut [u8], kind: u8, length: usize) {
    let bytes = u16::try_from(length).expect("shorter than a datagram");
    text[..2].copy_from_slice(&bytes.to_le_bytes());
    text[2] = kind;
}

/// Writes length, kind and body; returns how many bytes they are.
fn put_body(text: &mut [u8], kind: u8, body: &[u8]) -> usize {
    put_head(text, kind, body.len());
    text[BODY_HEAD_BYTES..][..body.len()].copy_from_slice(body);
    BODY_HEAD_BYTES + body.len()
}

/// The kind and the body in a text: nothing but zeros follows (R-SEALED-2).
fn body_of(text: &[u8]) -> Option<(u8, &[u8])> {
    // R-SEALED-2
    let (length, rest) = text.split_first_chunk()?;
    let (&kind, rest) = rest.split_first()?;
    let (body, zeros) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    zeros.iter().all(|&byte| byte == 0).then_some((kind, body))
}
