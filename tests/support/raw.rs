//! A client that is a bare socket: it sends what it is told, whatever that is, and shows what comes
//! back.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rollcall::access::Terms;
use rollcall::exchange::{Ask, Operation, Query, Reply, Request, decode_reply, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::shell::clock::{Clock, entropy};
use rollcall::wire::Datagram;

use super::Server;
use super::process::{Stream, TIMEOUT};

/// A socket that is connected to the server: it takes datagrams from no other address.
pub(crate) struct Raw {
    socket: UdpSocket,
    server_log: Stream,
}

impl Raw {
    pub(crate) fn to(server: &Server) -> Self {
        Self::at(server.address(), server.log().clone())
    }

    pub(crate) fn at(server: SocketAddr, server_log: Stream) -> Self {
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).expect("a free port");
        socket.connect(server).expect("a way to the server");
        socket.set_read_timeout(Some(TIMEOUT)).expect("longer than zero");
        Self { socket, server_log }
    }

    /// Sends one datagram. That nobody listened to the one before is no failure.
    #[track_caller]
    pub(crate) fn send(&self, datagram: &[u8]) {
        let sent = match self.socket.send(datagram) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.socket.send(datagram)
            }
            other => other,
        };
        assert_eq!(sent.map_err(|error| error.kind()), Ok(datagram.len()), "\n{}", self.report());
    }

    /// The next datagram from the server.
    #[track_caller]
    pub(crate) fn receive(&self) -> Vec<u8> {
        let mut space = vec![0; 1 << 16];
        match self.socket.recv(&mut space) {
            Ok(length) => space[..length].to_vec(),
            Err(error) => panic!("no answer: {error}\n{}", self.report()),
        }
    }

    /// The next datagram, if one comes before it is time to ask again.
    pub(crate) fn receive_within(&self, wait: Duration) -> Option<Vec<u8>> {
        self.socket.set_read_timeout(Some(wait)).expect("longer than zero");
        let mut space = vec![0; 1 << 16];
        let received = self.socket.recv(&mut space);
        self.socket.set_read_timeout(Some(TIMEOUT)).expect("longer than zero");
        received.ok().map(|length| space[..length].to_vec())
    }

    /// All datagrams that are here already.
    pub(crate) fn receive_rest(&self) -> Vec<Vec<u8>> {
        self.socket.set_nonblocking(true).expect("an open socket");
        let mut space = vec![0; 1 << 16];
        let mut rest = Vec::new();
        while let Ok(length) = self.socket.recv(&mut space) {
            rest.push(space[..length].to_vec());
        }
        self.socket.set_nonblocking(false).expect("an open socket");
        rest
    }

    /// Sends one datagram and takes one.
    #[track_caller]
    pub(crate) fn ask(&self, datagram: &[u8]) -> Vec<u8> {
        self.send(datagram);
        self.receive()
    }

    /// Sends one datagram and reads the answer to it.
    #[track_caller]
    pub(crate) fn reply(&self, datagram: &[u8]) -> Reply {
        let bytes = self.ask(datagram);
        decode_reply(&bytes)
            .unwrap_or_else(|error| panic!("{error}: {bytes:02x?}\n{}", self.report()))
    }

    /// An honest question that only this call asks: its answer shows that the server lives, and
    /// that it had said nothing to what was sent before from here, which it reads in order.
    #[track_caller]
    pub(crate) fn expect_silence_so_far(&self, about: &str) {
        let client = new_client();
        let reply = self.ask(&status(client));
        let from = decode_reply(&reply).map(|reply| reply.client);
        let report = self.report();
        assert_eq!(from, Ok(client), "{about} was answered: {reply:02x?}\n{report}");
    }

    pub(crate) fn report(&self) -> String {
        let address = self.socket.peer_addr();
        format!("--- server {address:?}, its log\n{}", self.server_log.text())
    }
}

/// A client id that was never used before.
pub(crate) fn new_client() -> ClientId {
    let bytes = *entropy().first_chunk().expect("16 of 32 bytes");
    ClientId::from_bytes(bytes)
}

pub(crate) fn class(number: u32) -> ClassId {
    ClassId::new(number).expect("above zero")
}

pub(crate) fn open(number: u32) -> Operation {
    Operation::Open { class: class(number), terms: Terms::PLAIN }
}

pub(crate) fn close(number: u32) -> Operation {
    Operation::Close { class: class(number) }
}

pub(crate) fn mark(number: u32, student: &str) -> Operation {
    let student = student.parse().expect("a student number");
    Operation::Mark { class: class(number), student, code: None }
}

/// The datagram in which a new client asks for this as its first request.
pub(crate) fn first_request(operation: Operation) -> Vec<u8> {
    let started = Clock::start().now().wall;
    request(new_client(), 1, 1, Ask::Perform { started, operation })
}

/// The datagram in which this client asks what is open.
pub(crate) fn status(client: ClientId) -> Vec<u8> {
    request(client, 1, 1, Ask::Read(Query::Status { from: class(1) }))
}

pub(crate) fn request(client: ClientId, number: u64, attempt: u8, ask: Ask) -> Vec<u8> {
    let number = RequestNumber::new(number).expect("above zero");
    let mut datagram = Datagram::new();
    encode_request(&Request { attempt, client, number, ask }, &mut datagram);
    datagram.as_bytes().to_vec()
}

/// The same request as a client sends it the next time.
pub(crate) fn sent_again(datagram: &[u8], attempt: u8) -> Vec<u8> {
    let mut datagram = datagram.to_vec();
    datagram[4] = attempt;
    sealed(datagram)
}

/// These bytes with the checksum that fits them in place of their last four.
pub(crate) fn sealed(mut datagram: Vec<u8>) -> Vec<u8> {
    let end = datagram.len() - 4;
    let checksum = crc32fast::hash(&datagram[..end]);
    datagram[end..].copy_from_slice(&checksum.to_le_bytes());
    datagram
}

/// A whole frame of any version and kind around any body.
pub(crate) fn frame(version: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut datagram = vec![b'R', b'C', version, kind];
    datagram.extend_from_slice(body);
    datagram.extend_from_slice(&[0; 4]);
    sealed(datagram)
}
