//! A mark that is encoded once and then changed in place, so that the load costs a fraction of what
//! it loads: some 0.1 µs a mark in place of the encoder's 1 µs.
//!
//! The first encoding is the product's; only the number, the class, the student and the check sum are
//! written here, and only while they keep their lengths.

use rollcall::exchange::{Ask, Operation, Request, decode_request, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::time::WallTime;
use rollcall::wire::Datagram;

/// Where the attempt number stands: behind magic, version and kind.
const ATTEMPT: usize = 4;
/// Where the number begins: behind the attempt and the client.
const NUMBER: usize = ATTEMPT + 1 + 16;
const CHECKSUM_BYTES: usize = 4;
/// Every student number of the load has so many digits.
const DIGITS: usize = 9;
/// A class whose number takes one byte.
pub(crate) const CLASS_MAX: u32 = 127;

/// The request that a client sends, or sent last.
pub(crate) struct Mark {
    client: ClientId,
    started: WallTime,
    number: u64,
    bytes: Vec<u8>,
    /// Where the digits of the student begin; the class and their length stand before them.
    student: usize,
}

impl Mark {
    /// The first request of this client.
    pub(crate) fn new(client: ClientId, started: WallTime) -> Self {
        let mut mark = Self { client, started, number: 1, bytes: Vec::new(), student: 0 };
        mark.encode();
        mark
    }

    /// The datagram.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes it the mark of another student in that class, under that number.
    pub(crate) fn set(&mut self, number: u64, class: u32, student: u64) {
        let is_longer = varint_bytes(number) != varint_bytes(self.number);
        self.number = number;
        if is_longer {
            self.encode();
        }
        let length = varint_bytes(number);
        for (place, byte) in self.bytes[NUMBER..NUMBER + length].iter_mut().enumerate() {
            let more = if place + 1 < length { 0x80 } else { 0 };
            *byte = (number >> (7 * place) & 0x7f) as u8 | more;
        }
        self.bytes[self.student - 2] = u8::try_from(class).expect("at most CLASS_MAX");
        let mut rest = student;
        for digit in self.bytes[self.student..self.student + DIGITS].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.set_attempt(1);
    }

    /// Makes it that sending of the same request.
    pub(crate) fn set_attempt(&mut self, attempt: u8) {
        self.bytes[ATTEMPT] = attempt;
        let covered = self.bytes.len() - CHECKSUM_BYTES;
        let checksum = crc32fast::hash(&self.bytes[..covered]);
        self.bytes[covered..].copy_from_slice(&checksum.to_le_bytes());
    }

    fn encode(&mut self) {
        let class = ClassId::new(CLASS_MAX).expect("not zero");
        let student = "0".repeat(DIGITS).parse().expect("digits");
        let request = Request {
            attempt: 1,
            client: self.client,
            number: RequestNumber::new(self.number).expect("counted from 1"),
            ask: Ask::Perform {
                started: self.started,
                operation: Operation::Mark { class, student, code: None },
            },
        };
        let mut space = Datagram::new();
        encode_request(&request, &mut space);
        self.bytes = space.as_bytes().to_vec();
        // Behind the time, which may have any bytes; padding has no digits.
        let digits = |window: &[u8]| window.iter().all(|&byte| byte == b'0');
        let found = self.bytes.windows(DIGITS).rposition(digits);
        self.student = found.expect("the student is in the request");
    }
}

/// The bytes of a number on the wire.
fn varint_bytes(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Holds what is written here against the product's encoder, before anything is measured with it.
///
/// # Panics
/// If they differ.
pub(crate) fn check(client: ClientId, started: WallTime) {
    let mut mark = Mark::new(client, started);
    for (number, class, student) in
        [(1, 1, 7), (2, CLASS_MAX, 999_999_999), (127, 3, 0), (128, 3, 1), (16_384, 99, 42)]
    {
        mark.set(number, class, student);
        mark.set_attempt(2);
        let read = decode_request(mark.bytes()).expect("a request").request;
        let student = format!("{student:0DIGITS$}").parse().expect("digits");
        let operation =
            Operation::Mark { class: ClassId::new(class).expect("not zero"), student, code: None };
        let number = RequestNumber::new(number).expect("not zero");
        let ask = Ask::Perform { started, operation };
        assert_eq!(read, Request { attempt: 2, client, number, ask });
    }
}
