//! The laws of the wire, and a second encoder to check them with.
//!
//! The encoder here follows `proto-spec.md` and shares no code with the library: where both give the
//! same bytes, the library does what the specification says. The fuzz target and `tests/wire.rs`
//! apply the same laws; `tests/spec.rs` builds its invalid datagrams here.

use rollcall::access::{Guest, Role, Terms, Who};
use rollcall::attendance::{Correction, Listed, Plan, RosterChange, RosterEdit};
use rollcall::exchange::{
    Act, Ask, Operation, Pull, Query, Received, Request, decode_reply, decode_request,
    encode_reply, encode_request,
};
use rollcall::limits::{
    DATAGRAM_MAX_BYTES, DATAGRAM_MIN_BYTES, FILE_REQUEST_MIN_BYTES, FILES_REQUEST_MIN_BYTES,
    JOIN_REQUEST_MIN_BYTES, LIST_REQUEST_MIN_BYTES, REQUEST_MIN_BYTES, ROOM_REQUEST_MIN_BYTES,
    SHEET_REQUEST_MIN_BYTES, STATUS_REQUEST_MIN_BYTES, WORK_REQUEST_MIN_BYTES,
};
use rollcall::wire::{Datagram, Kind, Versions};

/// Whatever these bytes are, what is read from them says exactly what stands in them.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(datagram: &[u8]) {
    let readings = [check_request(datagram), check_reply(datagram), check_versions(datagram)];
    let count = readings.into_iter().filter(|&it| it).count();
    assert!(count <= 1, "a datagram is a request, a reply or about versions, and only one of them");
    assert!(count == 0 || datagram.len() <= DATAGRAM_MAX_BYTES, "a datagram that is too long");
}

/// The same bytes with magic, version and checksum put right, so that what was changed at random
/// gets past the frame and reaches the body.
pub(crate) fn mended(datagram: &[u8]) -> Option<Vec<u8>> {
    let kind = *datagram.get(3)?;
    let body = datagram.get(4..datagram.len().checked_sub(4)?)?;
    let version = u8::from(kind != Kind::Versions.byte());
    Some(frame(version, kind, body))
}

/// A whole datagram around this body.
pub(crate) fn frame(version: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut datagram = vec![b'R', b'C', version, kind];
    datagram.extend_from_slice(body);
    let checksum = crc32(&datagram);
    datagram.extend_from_slice(&checksum.to_le_bytes());
    datagram
}

/// The length of the shortest `PULL`: every number in one byte, and an empty padding.
pub(crate) const PULL_MIN_BYTES: usize = DATAGRAM_MIN_BYTES + 1 + 16 + 1 + 32 + 16 + 1 + 1 + 1;

/// A request with that many zeros of padding.
pub(crate) fn request(request: &Request, zeros: usize) -> Vec<u8> {
    let mut body = bare_body(request);
    body.extend(byte_string(&vec![0; zeros]));
    frame(1, request.ask.kind().byte(), &body)
}

/// How many zeros of padding a request of this length has.
///
/// # Panics
/// If no padding gives this length.
pub(crate) fn padding_of(request: &Request, datagram_bytes: usize) -> usize {
    let bare = DATAGRAM_MIN_BYTES + bare_body(request).len();
    match datagram_bytes.checked_sub(bare).expect("at least what it says") {
        0 => panic!("padding has a length"),
        room @ 1..=128 => room - 1,
        room => room - 2,
    }
}

/// CRC-32/ISO-HDLC, bit by bit as appendix D has it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |remainder: u32, _| (remainder >> 1) ^ (0xedb8_8320 * (remainder & 1));
    let fold = |remainder: u32, &byte: &u8| (0..8).fold(remainder ^ u32::from(byte), step);
    !bytes.iter().fold(!0, fold)
}

/// An unsigned number, seven bits a byte.
pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(0x80 | u8::try_from(number & 0x7f).expect("seven bits"));
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("seven bits"));
    bytes
}

/// Bytes or text: the length, then as they are.
pub(crate) fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let mut string = varint(bytes.len() as u64);
    string.extend_from_slice(bytes);
    string
}

fn bare_body(request: &Request) -> Vec<u8> {
    let mut body = vec![request.attempt];
    body.extend_from_slice(request.client.as_bytes());
    body.extend(varint(request.number.get()));
    match request.ask {
        Ask::Perform { started, ref operation } => {
            body.extend(varint(started.as_millis()));
            body.extend(operation_body(operation));
        }
        Ask::Read(
            Query::Status { from: class } | Query::Room { class } | Query::Roster { class },
        ) => {
            body.extend(varint(class.get().into()));
        }
        Ask::Read(Query::Watch { class, from }) => {
            body.extend(varint(class.get().into()));
            body.extend(varint(from.into()));
        }
        Ask::Read(Query::Revisions { class, number, revision }) => {
            body.extend(varint(class.get().into()));
            body.extend(varint(number.get().into()));
            body.extend(varint(revision.into()));
        }
        Ask::Read(Query::Tally { class, student }) => {
            body.extend(varint(class.get().into()));
            body.extend(byte_string(student.as_bytes()));
        }
        Ask::Read(Query::Sheets { class, at_most }) => {
            body.extend(varint(class.get().into()));
            body.extend(varint(at_most.get().into()));
        }
        Ask::Read(Query::Files { from }) => body.extend(varint(from.into())),
        Ask::Read(Query::File { file }) => body.extend_from_slice(file.as_bytes()),
        Ask::Read(Query::People { after }) => {
            body.extend(option(after.map(|device| device.as_bytes().to_vec())));
        }
        Ask::Read(Query::Acts { at_most }) => body.extend(varint(at_most.get())),
        Ask::Read(Query::Mine { skip }) => body.extend(varint(skip.into())),
        Ask::Read(Query::Spot { class, count }) => {
            body.extend(varint(class.get().into()));
            body.push(count);
        }
        Ask::Pull(Pull { object, cookie, first, wanted }) => {
            body.extend_from_slice(object.as_bytes());
            body.extend_from_slice(cookie.as_bytes());
            body.extend(varint(first.into()));
            body.extend(varint(wanted));
        }
    }
    body
}

/// What an operation says after the start of its client.
fn operation_body(operation: &Operation) -> Vec<u8> {
    let class = operation.class().map(|class| varint(class.get().into())).unwrap_or_default();
    match *operation {
        Operation::Open { terms, .. } => [class, terms_body(terms)].concat(),
        Operation::OpenWith { terms, ref plan, .. } => {
            let Plan { closes_after_s, late_after_s, lessons, accept_delayed_s, ref title } = *plan;
            let seconds = |it: Option<u32>| option(it.map(|it| varint(it.into())));
            [
                class,
                terms_body(terms),
                seconds(closes_after_s),
                seconds(late_after_s),
                vec![lessons],
                varint(accept_delayed_s.into()),
                option(title.as_ref().map(|it| byte_string(it.as_str().as_bytes()))),
            ]
            .concat()
        }
        Operation::Extend { seconds, .. } => [class, varint(seconds.into())].concat(),
        Operation::Deliver { student, code, delay_ms, .. } => {
            let code = option(code.map(|code| varint(code.get().into())));
            [class, byte_string(student.as_bytes()), code, varint(delay_ms.into())].concat()
        }
        Operation::Correct { ref correction, .. } => {
            let Correction { number, student, status, ref reason } = **correction;
            [
                class,
                option(number.map(|it| varint(it.get().into()))),
                byte_string(student.as_bytes()),
                vec![status as u8],
                option(reason.as_ref().map(|it| byte_string(it.as_str().as_bytes()))),
            ]
            .concat()
        }
        Operation::Enrol { change: RosterChange { base, import, ref edits }, .. } => {
            let count = varint(edits.len() as u64);
            let edits: Vec<_> = edits.iter().flat_map(edit_body).collect();
            [class, varint(base), varint(import), count, edits].concat()
        }
        Operation::Close { .. } | Operation::Reopen { .. } => class,
        Operation::Mark { student, code, .. } => {
            let code = option(code.map(|code| varint(code.get().into())));
            [class, byte_string(student.as_bytes()), code].concat()
        }
        Operation::Join { code } => {
            // A secret shows itself to nobody but those who read it: as text, then back.
            let text = code.to_text().replace('-', "");
            base32(&text)
        }
        Operation::Act(act) => act_body(&act, class),
    }
}

fn terms_body(Terms { who, strict, code }: Terms) -> Vec<u8> {
    let who = match who {
        Who::Anyone => 0,
        Who::Device => 1,
        Who::Enrolled => 2,
    };
    vec![who, strict.into(), code.into()]
}

fn edit_body(edit: &RosterEdit) -> Vec<u8> {
    match edit {
        RosterEdit::Put(Listed { student, name, group }) => [
            vec![0],
            byte_string(student.as_bytes()),
            byte_string(name.as_str().as_bytes()),
            option(group.as_ref().map(|it| byte_string(it.as_str().as_bytes()))),
        ]
        .concat(),
        RosterEdit::Remove(student) => [vec![1], byte_string(student.as_bytes())].concat(),
    }
}

/// An act: its number, then what it says.
fn act_body(act: &Act, class: Vec<u8>) -> Vec<u8> {
    let text = |text: &str| byte_string(text.as_bytes());
    match *act {
        Act::Invite { invite, guest } => {
            let guest = match guest {
                Guest::Staff { role, name } => {
                    let role = match role {
                        Role::Admin => 0,
                        Role::Teacher => 1,
                    };
                    [vec![0, role], text(name.as_str())].concat()
                }
                Guest::Student { student } => [vec![1], text(student.as_str())].concat(),
            };
            [vec![0], invite.as_bytes().to_vec(), guest].concat()
        }
        Act::Revoke { device } => [vec![1], device.as_bytes().to_vec()].concat(),
        Act::Release { student } => [vec![2], text(student.as_str())].concat(),
        Act::Give { to, .. } => [vec![3], class, text(to.as_str())].concat(),
        Act::Share { with, .. } => [vec![4], class, text(with.as_str())].concat(),
        Act::Call { student, there, .. } => {
            [vec![5], class, text(student.as_str()), vec![there.into()]].concat()
        }
        Act::Enrol { invite, student, .. } => {
            [vec![6], class, invite.as_bytes().to_vec(), text(student.as_str())].concat()
        }
    }
}

/// Something that may be there: a byte that says so, and what it is.
fn option(value: Option<Vec<u8>>) -> Vec<u8> {
    value.map_or(vec![0], |value| [vec![1], value].concat())
}

/// The bytes of digits of RFC 4648 base 32, five bits each.
fn base32(digits: &str) -> Vec<u8> {
    let value = |digit: u8| match digit {
        b'A'..=b'Z' => digit - b'A',
        _ => digit - b'2' + 26,
    };
    let bits =
        digits.bytes().flat_map(|digit| (0..5).rev().map(move |bit| value(digit) >> bit & 1));
    let bits: Vec<_> = bits.collect();
    bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

fn least_bytes(kind: Kind) -> usize {
    match kind {
        Kind::Open | Kind::Mark | Kind::Act | Kind::Plan | Kind::Reopen | Kind::Deliver => {
            REQUEST_MIN_BYTES
        }
        Kind::Extend | Kind::Correct | Kind::Enrol => WORK_REQUEST_MIN_BYTES,
        Kind::Join => JOIN_REQUEST_MIN_BYTES,
        Kind::Room => ROOM_REQUEST_MIN_BYTES,
        Kind::People | Kind::Acts | Kind::Mine | Kind::Spot | Kind::Watch | Kind::Revisions => {
            LIST_REQUEST_MIN_BYTES
        }
        Kind::Close | Kind::Sheets | Kind::Roster | Kind::Tally => SHEET_REQUEST_MIN_BYTES,
        Kind::Status => STATUS_REQUEST_MIN_BYTES,
        Kind::Files => FILES_REQUEST_MIN_BYTES,
        Kind::File => FILE_REQUEST_MIN_BYTES,
        Kind::Pull => PULL_MIN_BYTES,
        other => panic!("{other} is no request"),
    }
}

fn check_request(datagram: &[u8]) -> bool {
    let Ok(received) = decode_request(datagram) else { return false };
    let Received { request: read, fingerprint } = received;
    let zeros = padding_of(&read, datagram.len());
    assert_eq!(request(&read, zeros), datagram, "what was read is not what stands there");
    assert!(datagram.len() >= least_bytes(read.ask.kind()), "shorter than its answer may be");
    if let Ask::Pull(Pull { first, wanted, .. }) = read.ask {
        assert!(wanted & 1 == 1, "not the first block");
        let last = u64::from(first) + u64::from(wanted.ilog2());
        assert!(last <= u32::MAX.into(), "past the last block that there can be");
    }

    let mut compared = vec![datagram[3]];
    compared.extend_from_slice(&datagram[5..datagram.len() - 4]);
    assert_eq!(fingerprint, crc32(&compared), "the kind and the body without the attempt");

    // A request does not remember how far its sender padded it: written again it has the padding of
    // its kind, and is the same bytes only if the sender chose that, too.
    let mut again = Datagram::new();
    encode_request(&read, &mut again);
    if again.as_bytes().len() == datagram.len() {
        assert_eq!(again.as_bytes(), datagram, "written again it is other bytes");
    }
    assert_eq!(decode_request(again.as_bytes()).map(|it| it.request), Ok(read));
    true
}

fn check_reply(datagram: &[u8]) -> bool {
    let Ok(reply) = decode_reply(datagram) else { return false };
    let mut again = Datagram::new();
    encode_reply(&reply, &mut again);
    assert_eq!(again.as_bytes(), datagram, "written again it is other bytes");
    true
}

fn check_versions(datagram: &[u8]) -> bool {
    let Ok(versions) = Versions::decode(datagram) else { return false };
    let mut again = Datagram::new();
    versions.encode(&mut again);
    assert_eq!(again.as_bytes(), datagram, "written again it is other bytes");
    true
}
