//! The worked handshake of the specification, made anew from its keys.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::envelope::{Sealing, open_request, seal_reply};
use super::handshake::{HandshakeJob, Initiation};
use super::keys::{DirectionKeys, SecretKey, secret};
use super::ticket::TicketKeys;
use super::{Channel, Hello, HelloKey, Incoming};
use crate::exchange::{
    Answer, Ask, Marked, Operation, Reply, Request, encode_reply, encode_request,
};
use crate::ids::{ClassId, ClientId, RequestNumber};
use crate::time::{Instant, WallTime};
use crate::wire::Datagram;

const SPEC: &str = include_str!("../../proto-spec.md");
const BEGIN: &str = "```sealed\n";
const END: &str = "```\n";

/// One named line of digits, in rows.
fn put(text: &mut String, name: &str, bytes: &[u8]) {
    let _ = writeln!(text, "{name} =");
    for row in bytes.chunks(48) {
        let _ = writeln!(text, "    {}", HEXLOWER.encode(row));
    }
}

/// The handshake, a mark and its answer, with keys that everybody knows.
fn worked() -> String {
    let server = SecretKey::from_bytes([0x11; 32]);
    let device = SecretKey::from_bytes([0x22; 32]);
    let wall = WallTime::from_millis(1_795_353_485_000);
    let at = |millis: u64| Instant::from_micros(millis * 1_000);

    // The channel draws its ephemeral key as this does.
    let seed = [0x33; 32];
    let ephemeral = secret(&mut StdRng::from_seed(*secret(&mut StdRng::from_seed(seed))));
    let initiation = Initiation::new(&mut StdRng::from_seed(seed), &device, &server.public());
    let mut channel = Channel::new(server.public(), device.clone(), seed);
    channel.connect(at(1_000));
    let mut hello = Datagram::new();
    assert!(channel.poll_transmit(&mut hello));
    let read = Hello::read(hello.as_bytes(), &HelloKey::new(&server.public())).unwrap();
    assert_eq!(read.first, initiation.hello.first, "the same ephemeral key");

    let mut rng = StdRng::from_seed([0x44; 32]);
    let mut tickets = TicketKeys::new(&mut rng, at(1_000));
    let job = HandshakeJob {
        path: (),
        hello: read,
        ticket_key: tickets.present(&mut rng, at(1_000)).clone(),
        seed: secret(&mut rng),
        made: at(1_000),
        wall,
        next: None,
    };
    let welcome = job.answer(&server).datagram.unwrap();
    assert_eq!(channel.handle_datagram(at(1_020), &welcome), Incoming::Ready);

    let client = ClientId::from_bytes([0x55; 16]);
    let class = ClassId::new(3030).unwrap();
    let operation = Operation::Mark { class, student: "042191010".parse().unwrap(), code: None };
    let number = RequestNumber::FIRST;
    let ask = Ask::Perform { started: wall, operation };
    let mut sealed = Datagram::new();
    encode_request(&Request { attempt: 1, client, number, ask: ask.clone() }, &mut sealed);
    assert!(channel.seal(at(1_270), &mut sealed));
    let opened = open_request(&server.public(), &tickets, at(1_300), sealed.as_bytes());
    let opened = opened.unwrap_or_else(|why| panic!("{why:?}"));
    assert_eq!(opened.device, device.public().device());
    assert_eq!(opened.received.request.ask, ask);

    let answer = Answer::Marked(Marked { class, at: wall, already_present: false });
    let mut answered = Datagram::new();
    encode_reply(&Reply { client, number, answer: answer.clone() }, &mut answered);
    let sealing: Sealing = opened.sealing;
    seal_reply(&sealing, &mut rng, &mut answered);
    let expected = Incoming::Reply(Reply { client, number, answer });
    assert_eq!(channel.handle_datagram(at(1_320), answered.as_bytes()), expected);

    let mut initiation = initiation;
    let ticket_secret = initiation.open(&welcome).expect("it is for this").secret;
    let keys = DirectionKeys::new(&ticket_secret, &server.public(), device.public().device());
    let mut text = String::new();
    put(&mut text, "server, secret", server.as_bytes());
    put(&mut text, "server, public", server.public().as_bytes());
    put(&mut text, "device, secret", device.as_bytes());
    put(&mut text, "device", device.public().device().as_bytes());
    put(&mut text, "ephemeral of the client, secret", ephemeral.as_slice());
    put(&mut text, "HELLO", hello.as_bytes());
    put(&mut text, "WELCOME", &welcome);
    put(&mut text, "secret of the ticket", &ticket_secret);
    put(&mut text, "key to the server", &keys.to_server);
    put(&mut text, "key to the client", &keys.to_client);
    put(&mut text, "SEALED", sealed.as_bytes());
    put(&mut text, "SEALED_REPLY", answered.as_bytes());
    text
}

/// `UPDATE_SPEC=1` writes it.
// spec: R-KEY-1, R-KEY-2, R-HELLO-2, R-WELCOME-1, R-SEALED-4, R-SEALED-5
#[test]
fn the_worked_handshake_has_the_bytes_of_the_specification() {
    let begin = SPEC.find(BEGIN).expect("the block is there") + BEGIN.len();
    let end = begin + SPEC[begin..].find(END).expect("it ends");
    let worked = worked();
    if std::env::var_os("UPDATE_SPEC").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/proto-spec.md");
        let text = format!("{}{worked}{}", &SPEC[..begin], &SPEC[end..]);
        std::fs::write(path, text).expect("the specification is here");
        return;
    }
    assert!(SPEC[begin..end] == worked, "made anew it is:\n{worked}");
}
