//! Fetches one object by its name and verifies it, without a socket, a clock or a disk.
//!
//! It goes on from what is here of the object already ([`Prefix`]), hashes what arrives in order, and
//! compares the whole with the name ([`ContentId`]). An object that was damaged is fetched once more
//! from its beginning before anybody hears of it; one that is damaged again is given up.
//!
//! ```text
//!   Prefix ──▶ ObjectFetch ──▶ Readable: read the next bytes and keep them, somewhere
//!              │  Download     Restarted: drop all that is kept
//!              │  SHA-256      Complete: what is kept is the object
//!              └──────────▶    Gone, Damaged, Unanswered
//! ```

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::fetch::{Download, Event};
use super::path::PathState;
use crate::exchange::{FileInfo, Reply};
use crate::ids::{ClientId, ContentId};
use crate::limits::{BLOCK_BYTES, WHOLE_FETCHES_MAX};
use crate::time::Instant;
use crate::wire::Datagram;

/// The beginning of an object that is here: its length and the state of its hash.
///
/// Whoever has the bytes of an earlier transfer pushes them, in order.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    bytes: u64,
    hasher: Sha256,
}

impl Prefix {
    /// The next bytes are here.
    pub fn push(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// How many bytes are here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The name of an object that consists of these bytes.
    #[must_use]
    pub fn content(&self) -> ContentId {
        ContentId::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Whether an object can be fetched from here on: these are whole blocks of it, or all of it.
    fn is_of(&self, object: &FileInfo) -> bool {
        let is_whole_blocks = self.bytes.is_multiple_of(BLOCK_BYTES as u64);
        self.bytes == object.bytes || self.bytes < object.bytes && is_whole_blocks
    }
}

/// An effect or the end of an [`ObjectFetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectEvent {
    /// Send the datagram that was written into the space given to [`ObjectFetch::poll_output`].
    Transmit,
    /// There are bytes: call [`ObjectFetch::read`].
    Readable,
    /// What was read so far, and the prefix, are not the object: drop them. It is fetched once more from
    /// its beginning.
    Restarted,
    /// All bytes were read, and with the prefix they are the object.
    Complete,
    /// The server has no such object, or no longer. What was read is good to go on from.
    Gone,
    /// What arrived is not the object, also when it was fetched once more.
    Damaged,
    /// No block arrived for the idle timeout. What was read is good to go on from.
    Unanswered,
}

/// The transfer of one object that is verified.
pub struct ObjectFetch {
    download: Download,
    /// Seeds each transfer of the object.
    rng: StdRng,
    /// What is here: the prefix, and what was read.
    received: Prefix,
    /// How often it was fetched from the beginning, with the present transfer.
    whole_fetches: u32,
    /// The requests of earlier transfers.
    requests: u32,
    buffered_max: u64,
    idle_timeout: Duration,
    now: Instant,
    end: Option<ObjectEvent>,
}

impl ObjectFetch {
    /// Begins to fetch an object, of which `prefix` is here already. The seed is fresh randomness.
    /// `buffered_max` is how many blocks the receive buffer of the socket holds. When no block is taken
    /// for `idle_timeout`, it ends.
    ///
    /// # Panics
    /// If the prefix is longer than the object, or ends within a block of it.
    #[must_use]
    pub fn new(
        path: PathState,
        seed: [u8; 32],
        now: Instant,
        object: FileInfo,
        prefix: Prefix,
        buffered_max: u64,
        idle_timeout: Duration,
    ) -> Self {
        assert!(prefix.is_of(&object), "a prefix consists of whole blocks of the object");
        let mut rng = StdRng::from_seed(seed);
        let begin = FileInfo { bytes: prefix.bytes, ..object }.blocks();
        let seed = rng.random();
        Self {
            download: Download::new(path, seed, now, object, begin, buffered_max, idle_timeout),
            rng,
            whole_fetches: u32::from(prefix.bytes == 0),
            received: prefix,
            requests: 0,
            buffered_max,
            idle_timeout,
            now,
            end: None,
        }
    }

    /// What was learnt of the path, for the next object.
    #[must_use]
    pub fn into_path(self) -> PathState {
        self.download.into_path()
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> &FileInfo {
        self.download.object()
    }

    /// The client id of its requests and of the replies to them; another one after it has restarted.
    #[must_use]
    pub fn client(&self) -> ClientId {
        self.download.client()
    }

    /// How many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.requests.saturating_add(self.download.requests())
    }

    /// How many bytes of the object are here, with the prefix.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.received.bytes
    }

    /// A datagram arrived from the server's address. One that answers no request in flight is ignored.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.now = self.now.max(now);
        self.download.handle_datagram(now, datagram);
    }

    /// A reply arrived.
    pub fn handle_reply(&mut self, now: Instant, reply: &Reply) {
        self.now = self.now.max(now);
        self.download.handle_reply(now, reply);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.download.handle_timeout(now);
    }

    /// When [`ObjectFetch::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.download.poll_timeout()
    }

    /// The next effect, or `None` when there is nothing to do until the next event: requests first, so
    /// that more is in flight while bytes are written. A datagram to send is written into `space`. Once
    /// it has ended, its end is returned each time.
    pub fn poll_output(&mut self, space: &mut Datagram) -> Option<ObjectEvent> {
        if self.end.is_some() {
            return self.end;
        }
        let event = self.download.poll_output(space);
        if event == Some(Event::Transmit) {
            return Some(ObjectEvent::Transmit);
        }
        if self.download.is_readable() {
            return Some(ObjectEvent::Readable);
        }
        match event? {
            Event::Complete if self.received.content() == self.object().content => {
                self.end = Some(ObjectEvent::Complete);
            }
            // R-TRANSFER-9
            Event::Complete if self.whole_fetches < WHOLE_FETCHES_MAX => {
                self.restart();
                return Some(ObjectEvent::Restarted);
            }
            Event::Complete => self.end = Some(ObjectEvent::Damaged),
            Event::Gone => self.end = Some(ObjectEvent::Gone),
            Event::Unanswered => self.end = Some(ObjectEvent::Unanswered),
            Event::Transmit => unreachable!("returned above"),
        }
        self.end
    }

    /// Reads all bytes that have arrived in order, piece by piece.
    ///
    /// # Errors
    /// Those of `take`; the piece that it was given counts as read.
    pub fn read<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let Self { download, received, .. } = self;
        download.read(|bytes| {
            received.push(bytes);
            take(bytes)
        })
    }

    /// Fetches the object from its beginning.
    fn restart(&mut self) {
        self.whole_fetches += 1;
        self.received = Prefix::default();
        self.requests = self.requests();
        let &mut Self { now, buffered_max, idle_timeout, .. } = self;
        let (path, object) = (self.download.path().clone(), *self.object());
        // R-TRANSFER-2
        let seed = self.rng.random();
        self.download = Download::new(path, seed, now, object, 0, buffered_max, idle_timeout);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::exchange::Pulled;
    use crate::exchange::{Answer, Ask, decode_request};
    use crate::ids::RequestNumber;

    const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

    /// A fetch, what it gave out, and a server that answers each request at once.
    struct Line {
        fetch: ObjectFetch,
        object: Vec<u8>,
        kept: Vec<u8>,
        /// The client ids of its requests, each once.
        clients: Vec<ClientId>,
        restarts: u32,
        now: Instant,
    }

    fn object(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at / 7 + at / BLOCK_BYTES).to_le_bytes()[0]).collect()
    }

    impl Line {
        /// Of an object of so many bytes, of which `kept` is here.
        fn new(bytes: usize, kept: Vec<u8>) -> Self {
            let object = object(bytes);
            let info = FileInfo { bytes: bytes as u64, content: ContentId::of(&object) };
            let mut prefix = Prefix::default();
            kept.chunks(1_000).for_each(|piece| prefix.push(piece));
            let now = Instant::from_micros(1_000_000);
            let path = PathState::new(now, None);
            let fetch = ObjectFetch::new(path, [5; 32], now, info, prefix, 64, IDLE_TIMEOUT);
            Self { fetch, object, kept, clients: Vec::new(), restarts: 0, now }
        }

        /// Lets the server answer until it ends; `bytes` makes of the number of the transfer and a block
        /// what arrives.
        fn run(&mut self, mut bytes: impl FnMut(u32, u32, &[u8]) -> Vec<u8>) -> ObjectEvent {
            let mut space = Datagram::new();
            let mut requests = Vec::new();
            for _ in 0..100_000 {
                while let Some(event) = self.fetch.poll_output(&mut space) {
                    match event {
                        ObjectEvent::Transmit => {
                            let asked = decode_request(space.as_bytes()).expect("a request");
                            requests.push(asked.request);
                        }
                        ObjectEvent::Readable => self.read(),
                        ObjectEvent::Restarted => {
                            self.restarts += 1;
                            self.kept.clear();
                        }
                        end => return end,
                    }
                }
                self.now = self.now.max(self.fetch.poll_timeout());
                if !requests.is_empty() {
                    self.now = self.now.after(Duration::from_millis(1));
                }
                for request in requests.drain(..) {
                    let Ask::Pull(pull) = request.ask else { panic!("{request:?}") };
                    if !self.clients.contains(&request.client) {
                        self.clients.push(request.client);
                    }
                    let transfer = u32::try_from(self.clients.len()).expect("few");
                    for index in pull.blocks() {
                        let block = self.object.chunks(BLOCK_BYTES).nth(index as usize);
                        let bytes = bytes(transfer, index, block.unwrap_or_default());
                        self.answer(request.client, request.number, index, bytes);
                    }
                }
                self.fetch.handle_timeout(self.now);
            }
            panic!("it does not end");
        }

        fn answer(&mut self, client: ClientId, number: RequestNumber, index: u32, bytes: Vec<u8>) {
            let answer = Answer::Pulled(Pulled { index, bytes });
            self.fetch.handle_reply(self.now, &Reply { client, number, answer });
        }

        fn read(&mut self) {
            let Ok(()) = self.fetch.read(|bytes| {
                self.kept.extend_from_slice(bytes);
                Ok::<(), Infallible>(())
            });
        }
    }

    fn whole(_: u32, _: u32, block: &[u8]) -> Vec<u8> {
        block.to_vec()
    }

    fn damaged(block: &[u8]) -> Vec<u8> {
        block.iter().map(|byte| !byte).collect()
    }

    #[test]
    fn an_object_of_any_length_arrives_whole() {
        for bytes in [0, 1, 1_023, 1_024, 1_025, 100_000] {
            let mut line = Line::new(bytes, Vec::new());
            assert_eq!(line.run(whole), ObjectEvent::Complete, "{bytes} bytes");
            assert!(line.kept == line.object && line.restarts == 0);
            let again = line.fetch.poll_output(&mut Datagram::new());
            assert_eq!(again, Some(ObjectEvent::Complete), "and stays so");
        }
    }

    #[test]
    fn what_is_here_is_not_fetched_again() {
        for blocks in [0, 10, 48] {
            let mut line = Line::new(50_000, object(50_000)[..blocks * BLOCK_BYTES].to_vec());
            let mut lowest = u32::MAX;
            let end = line.run(|_, index, block| {
                lowest = lowest.min(index);
                block.to_vec()
            });
            assert_eq!((end, lowest as usize), (ObjectEvent::Complete, blocks));
            assert!(line.kept == line.object);
        }
        let mut line = Line::new(50_000, object(50_000));
        assert_eq!(line.run(whole), ObjectEvent::Complete);
        assert!(line.clients.is_empty(), "all of it is here");
    }

    // spec: R-TRANSFER-2, R-TRANSFER-9
    #[test]
    fn an_object_that_was_damaged_is_fetched_once_more_before_anybody_hears_of_it() {
        let mut line = Line::new(50_000, Vec::new());
        let end = line.run(|transfer, index, block| match (transfer, index) {
            (1, 17) => damaged(block),
            _ => block.to_vec(),
        });
        assert_eq!((end, line.restarts), (ObjectEvent::Complete, 1));
        assert!(line.kept == line.object);
        assert_eq!(line.clients.len(), 2, "under a client id of its own");
        assert_eq!(line.fetch.bytes(), 50_000);
    }

    // spec: R-TRANSFER-9
    #[test]
    fn an_object_that_is_damaged_again_is_given_up() {
        let mut line = Line::new(50_000, Vec::new());
        let end = line.run(|_, _, block| damaged(block));
        assert_eq!((end, line.restarts, line.clients.len()), (ObjectEvent::Damaged, 1, 2));
    }

    // spec: R-TRANSFER-9
    #[test]
    fn a_prefix_that_is_damaged_is_fetched_too() {
        let mut line = Line::new(50_000, damaged(&object(50_000)[..10 * BLOCK_BYTES]));
        assert_eq!(line.run(whole), ObjectEvent::Complete);
        assert!(line.kept == line.object && line.restarts == 1);
        // All of it is here, and none of it is right.
        let mut line = Line::new(50_000, damaged(&object(50_000)));
        assert_eq!(line.run(whole), ObjectEvent::Complete);
        assert!(line.kept == line.object && line.clients.len() == 1);
    }

    #[test]
    fn what_has_arrived_is_read_before_it_ends() {
        let mut line = Line::new(50_000, Vec::new());
        let end = line.run(|_, index, block| match index {
            30.. => Vec::new(),
            _ => block.to_vec(),
        });
        assert_eq!(end, ObjectEvent::Gone);
        assert!(line.kept.len() >= BLOCK_BYTES && line.object.starts_with(&line.kept));
        assert_eq!(line.fetch.bytes(), line.kept.len() as u64);
        let mut line = Line::new(50_000, Vec::new());
        assert_eq!(line.run(|_, _, _| vec![1; 3]), ObjectEvent::Unanswered);
        assert!(line.kept.is_empty());
    }

    #[test]
    #[should_panic(expected = "whole blocks")]
    fn a_prefix_that_ends_within_a_block_is_refused() {
        Line::new(50_000, object(1_025));
    }
}
