//! The rules of a transfer (chapter 22 of the specification): one [`Download`], and a path of which the test
//! decides what it loses.
//!
//! No socket and no clock. A scripted server of a few lines answers; the real one is tested beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use rollcall::blocks::{Download, Event, PathState};
use rollcall::exchange::{Answer, Ask, FileInfo, Pull, Pulled, Reply, Request, decode_request};
use rollcall::ids::{ClientId, ContentId, Cookie, RequestNumber};
use rollcall::limits::{BLOCK_BYTES, BLOCKS_REORDERED_MAX};
use rollcall::time::Instant;
use rollcall::wire::Datagram;

const TIMEOUT: Duration = Duration::from_secs(30);
const ROUND_TRIP: Duration = Duration::from_millis(10);
const COOKIE: Cookie = Cookie::from_bytes([7; 16]);

/// An object of so many bytes; no two of its blocks are the same.
fn object(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at / 7 + at / BLOCK_BYTES).to_le_bytes()[0]).collect()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A request for blocks, and when it was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    attempt: u8,
    client: ClientId,
    number: RequestNumber,
    pull: Pull,
}

/// A transfer, what it sent, and what was read.
struct Line {
    download: Download,
    object: Vec<u8>,
    now: Instant,
    sent: Vec<Sent>,
    end: Option<Event>,
    read: Vec<u8>,
}

impl Line {
    /// Of an object of so many bytes; the receive buffer of the socket holds so many blocks.
    fn new(bytes: usize, buffered: u64) -> Self {
        let object = object(bytes);
        let now = Instant::from_micros(5_000_000);
        let info = FileInfo { bytes: bytes as u64, content: ContentId::of(&object) };
        let path = PathState::new(now, None);
        let download = Download::new(path, [2; 32], now, info, 0, buffered, TIMEOUT);
        let mut line =
            Self { download, object, now, sent: Vec::new(), end: None, read: Vec::new() };
        line.drain();
        line
    }

    /// One whose server has given a cookie after a round trip.
    fn proved(bytes: usize, buffered: u64) -> Self {
        let mut line = Self::new(bytes, buffered);
        line.wait(ROUND_TRIP);
        line.answer(line.last(), Answer::Cookie(COOKIE));
        line
    }

    /// The next object over the same path; none of its blocks is one of the first object's.
    fn next_object(self, bytes: usize) -> Self {
        let object: Vec<u8> = object(bytes).into_iter().map(|byte| !byte).collect();
        let info = FileInfo { bytes: bytes as u64, content: ContentId::of(&object) };
        let path = self.download.into_path();
        let download = Download::new(path, [3; 32], self.now, info, 0, 64, TIMEOUT);
        let mut line =
            Self { download, object, sent: Vec::new(), end: None, read: Vec::new(), ..self };
        line.drain();
        line
    }

    fn drain(&mut self) {
        let mut space = Datagram::new();
        while let Some(event) = self.download.poll_output(&mut space) {
            if event != Event::Transmit {
                self.end = Some(event);
                return;
            }
            let request = decode_request(space.as_bytes()).expect("a request").request;
            let Request { attempt, client, number, ask } = request;
            let Ask::Pull(pull) = ask else { panic!("{ask:?}") };
            self.sent.push(Sent { at: self.now, attempt, client, number, pull });
        }
    }

    fn wait(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
    }

    /// Advances the clock to its timeout.
    fn wake(&mut self) {
        self.now = self.now.max(self.download.poll_timeout());
        self.act();
    }

    fn act(&mut self) {
        self.download.handle_timeout(self.now);
        self.drain();
        let is_later = self.download.poll_timeout() > self.now;
        assert!(self.end.is_some() || is_later, "it asks for a time that has come");
    }

    fn last(&self) -> Sent {
        *self.sent.last().expect("something was sent")
    }

    fn answer(&mut self, sent: Sent, answer: Answer) {
        let Sent { client, number, .. } = sent;
        self.hear(client, number, answer);
    }

    fn hear(&mut self, client: ClientId, number: RequestNumber, answer: Answer) {
        self.download.handle_reply(self.now, &Reply { client, number, answer });
        self.drain();
    }

    fn block(&self, index: u32) -> Answer {
        let block = self.object.chunks(BLOCK_BYTES).nth(index as usize);
        Answer::Pulled(Pulled { index, bytes: block.unwrap_or_default().to_vec() })
    }

    fn read(&mut self) -> &[u8] {
        let read = &mut self.read;
        let Ok(()) = self.download.read(|piece| {
            read.extend_from_slice(piece);
            Ok::<_, Infallible>(())
        });
        &self.read
    }

    /// Whether what was read is the whole object.
    fn has_all(&mut self) -> bool {
        self.read();
        self.read == self.object
    }

    /// Runs until it ends or so long has passed. Each answer comes after a round trip, unless it is
    /// lost.
    fn run(&mut self, time: Duration, mut is_lost: impl FnMut(&Sent, u32) -> bool) {
        let until = self.now.after(time);
        let mut answered = self.sent.len();
        let mut on_its_way: BTreeMap<(Instant, u64, u32), (Sent, Answer)> = BTreeMap::new();
        while self.end.is_none() {
            for &sent in &self.sent[answered..] {
                let arrives = sent.at.after(ROUND_TRIP);
                let number = sent.number.get();
                for index in sent.pull.blocks().filter(|&index| !is_lost(&sent, index)) {
                    let block = self.block(index);
                    on_its_way.insert((arrives, number, index), (sent, block));
                }
            }
            answered = self.sent.len();
            let due = self.download.poll_timeout();
            let next = on_its_way.first_key_value().map(|(&(at, ..), _)| at);
            let at = next.map_or(due, |next| next.min(due));
            if at > until {
                return;
            }
            self.now = self.now.max(at);
            while let Some(entry) = on_its_way.first_entry()
                && entry.key().0 <= self.now
            {
                let (sent, answer) = entry.remove();
                self.answer(sent, answer);
                self.read();
            }
            self.act();
        }
    }
}

// spec: R-TRANSFER-2, R-TRANSFER-10
#[test]
fn each_pull_has_a_number_of_its_own_and_asks_for_blocks_that_there_are() {
    let mut line = Line::proved(100 * BLOCK_BYTES + 1, 64);
    let mut dice = 7_u32;
    line.run(Duration::from_secs(60), |_, _| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        dice >> 28 == 0
    });
    assert_eq!(line.end, Some(Event::Complete));
    assert!(line.has_all(), "the whole object");
    for (sent, number) in line.sent.iter().zip(1..) {
        assert_eq!((sent.number.get(), sent.attempt), (number, 1));
        assert!(sent.pull.blocks().all(|index| index <= 100), "{:?}", sent.pull);
    }
}

// spec: R-COOKIE-4, R-COOKIE-5
#[test]
fn one_pull_at_a_time_until_a_cookie_is_taken() {
    let mut line = Line::new(5_000 * BLOCK_BYTES, 256);
    assert_eq!(line.sent.len(), 1);
    let first = line.last();
    assert_eq!(first.pull.cookie, Cookie::NONE);
    line.wait(ROUND_TRIP);
    line.answer(first, Answer::Cookie(COOKIE));
    assert_eq!(line.sent.len(), 2, "one more, and no other before it is answered");
    let second = line.last();
    assert_eq!(second.pull, Pull { cookie: COOKIE, ..first.pull }, "the same blocks, proved");
    line.wait(ROUND_TRIP);
    line.answer(second, line.block(0));
    line.run(ROUND_TRIP * 10, |_, _| false);
    assert!(line.sent.len() > 3);
    assert!(line.sent[1..].iter().all(|sent| sent.pull.cookie == COOKIE));
    // Another one, as after a new start of the server, for all that is under way.
    let other = Cookie::from_bytes([8; 16]);
    let known = line.sent.len();
    for place in 0..known {
        line.answer(line.sent[place], Answer::Cookie(other));
    }
    while line.sent.len() == known {
        line.wake();
    }
    while line.download.poll_timeout().since(line.last().at) < ROUND_TRIP {
        line.wake();
    }
    assert_eq!(line.sent.len(), known + 1, "again only one, until this one is taken");
    line.answer(line.last(), line.block(line.last().pull.first));
    line.run(ROUND_TRIP * 10, |_, _| false);
    assert!(line.sent.len() > known && line.sent[known..].iter().all(|it| it.pull.cookie == other));
}

// spec: R-COOKIE-6
#[test]
fn a_cookie_that_is_given_and_not_taken_makes_it_wait_ever_longer() {
    let mut line = Line::proved(10 * BLOCK_BYTES, 64);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let before = line.last();
        line.answer(before, Answer::Cookie(COOKIE));
        assert_eq!(line.sent.len(), waits.len() + 2, "it does not ask at once");
        line.wake();
        assert_eq!(line.last().pull.blocks().next(), Some(0));
        waits.push(line.last().at.since(before.at));
    }
    assert!(waits[0] >= ROUND_TRIP, "{waits:?}");
    for pair in waits.windows(2) {
        // Doubled, but for the jitter, up to half a second.
        assert!(pair[1] >= (pair[0] * 4 / 3).min(millis(500)), "{waits:?}");
    }
    assert!(waits.iter().all(|wait| *wait < millis(750)), "{waits:?}");
}

/// Such a server, or a network that changes the port of each datagram, is asked no faster and no longer than
/// one that does not answer.
// spec: R-COOKIE-6, R-TRANSFER-7
#[test]
fn a_new_cookie_for_each_request_is_no_progress_and_ends() {
    let mut line = Line::new(500 * BLOCK_BYTES, 256);
    let begun = line.now;
    let mut answered = 0;
    while line.end.is_none() {
        if let Some(&sent) = line.sent.get(answered) {
            answered += 1;
            line.wait(millis(1));
            let byte = u8::try_from(answered % 251 + 1).expect("a byte");
            line.answer(sent, Answer::Cookie(Cookie::from_bytes([byte; 16])));
        } else {
            line.wake();
        }
        assert!(
            line.sent.len() < 100,
            "{} requests in {:?}",
            line.sent.len(),
            line.now.since(begun)
        );
    }
    assert_eq!(line.end, Some(Event::Unanswered));
    assert_eq!(line.now, begun.after(TIMEOUT));
    assert!(line.sent.len() > 30, "it goes on asking: {}", line.sent.len());
}

/// Only a block that is taken counts as progress.
// spec: R-TRANSFER-3, R-TRANSFER-5, R-TRANSFER-7
#[test]
fn blocks_of_a_wrong_length_and_copies_are_no_progress() {
    let mut line = Line::proved(500 * BLOCK_BYTES, 256);
    line.wait(ROUND_TRIP);
    let first = line.last();
    line.answer(first, line.block(0));
    let begun = line.now;
    let mut answered = line.sent.len();
    while line.end.is_none() {
        if let Some(&sent) = line.sent.get(answered) {
            answered += 1;
            line.wait(millis(1));
            let index = sent.pull.first;
            line.answer(sent, Answer::Pulled(Pulled { index, bytes: vec![0; BLOCK_BYTES - 1] }));
            line.answer(first, line.block(0));
        } else {
            line.wake();
        }
        assert!(
            line.sent.len() < 200,
            "{} requests in {:?}",
            line.sent.len(),
            line.now.since(begun)
        );
    }
    assert_eq!((line.end, line.now), (Some(Event::Unanswered), begun.after(TIMEOUT)));
}

/// One block is given without a cookie; more are not requested without one.
// spec: R-COOKIE-1, R-COOKIE-4
#[test]
fn an_object_of_one_block_takes_one_round_trip() {
    let mut line = Line::new(BLOCK_BYTES, 256);
    let sent = line.last();
    assert_eq!((sent.pull.cookie, sent.pull.wanted), (Cookie::NONE, 1));
    line.wait(ROUND_TRIP);
    line.answer(sent, line.block(0));
    assert_eq!((line.end, line.sent.len()), (Some(Event::Complete), 1));
    assert!(line.has_all());
    // The next object is larger: no cookie is known that could be taken.
    let line = line.next_object(2 * BLOCK_BYTES);
    assert_eq!((line.sent.len(), line.last().pull.cookie), (1, Cookie::NONE));
}

// spec: R-TRANSFER-1
#[test]
fn no_more_is_under_way_than_the_socket_and_the_window_hold() {
    for (buffered, most) in [(1, 1), (3, 3), (8, 8), (10_000, 10)] {
        let line = Line::proved(500 * BLOCK_BYTES, buffered);
        let asked: BTreeSet<u32> = line.sent.iter().flat_map(|it| it.pull.blocks()).collect();
        assert_eq!(asked.len(), most, "before anything is known of the path");
    }
    // However fast the path is.
    let mut line = Line::proved(2_000 * BLOCK_BYTES, 40);
    line.run(Duration::from_secs(60), |_, _| false);
    assert_eq!(line.end, Some(Event::Complete));
    for (place, sent) in line.sent.iter().enumerate() {
        let since = line.sent[..=place].iter().filter(|it| sent.at.since(it.at) < ROUND_TRIP);
        let blocks: u32 = since.map(|it| it.pull.wanted.count_ones()).sum();
        assert!(blocks <= 40, "{blocks} blocks in one round trip");
    }
}

// spec: R-TRANSFER-3
#[test]
fn only_blocks_that_were_asked_for_are_taken() {
    let mut line = Line::proved(3 * BLOCK_BYTES + 5, 64);
    let sent = line.last();
    let Sent { client, number, .. } = sent;
    let wrong = |index, length| Answer::Pulled(Pulled { index, bytes: vec![0xee; length] });
    line.hear(ClientId::from_bytes([9; 16]), number, wrong(0, BLOCK_BYTES));
    line.hear(client, number.next().expect("a number"), wrong(0, BLOCK_BYTES));
    line.answer(sent, wrong(4, BLOCK_BYTES));
    line.answer(sent, wrong(u32::MAX, BLOCK_BYTES));
    line.answer(sent, wrong(0, BLOCK_BYTES - 1));
    line.answer(sent, wrong(3, BLOCK_BYTES));
    line.answer(sent, wrong(3, 4));
    assert!(line.read().is_empty());
    for index in [2, 0, 3] {
        line.answer(sent, line.block(index));
        line.answer(sent, wrong(index, BLOCK_BYTES.min(if index == 3 { 5 } else { BLOCK_BYTES })));
    }
    assert_eq!((line.end, line.read().len()), (None, BLOCK_BYTES));
    line.answer(sent, line.block(1));
    assert_eq!(line.end, Some(Event::Complete));
    assert!(line.has_all());
}

/// The network duplicates a datagram, and the copy arrives seconds later, during another transfer.
// spec: R-TRANSFER-2, R-TRANSFER-3
#[test]
fn a_late_block_of_one_object_is_never_put_into_the_next() {
    let mut line = Line::proved(3 * BLOCK_BYTES, 64);
    let first = line.last();
    let late: Vec<_> = (0..3).map(|index| line.block(index)).collect();
    for block in &late {
        line.answer(first, block.clone());
    }
    assert_eq!(line.end, Some(Event::Complete));
    let mut line = line.next_object(4 * BLOCK_BYTES);
    // Before the first block of the new one was asked for, while it is under way, and when it
    // counts as lost.
    for _ in 0..3 {
        for block in &late {
            line.answer(first, block.clone());
        }
        line.answer(first, Answer::Pulled(Pulled { index: 0, bytes: Vec::new() }));
        assert_eq!((line.end, line.read().len()), (None, 0));
        line.wake();
    }
    line.run(Duration::from_secs(20), |_, _| false);
    assert_eq!(line.end, Some(Event::Complete));
    assert!(line.has_all(), "of the bytes of its own object only");
}

// spec: R-TRANSFER-4, R-TRANSFER-6
#[test]
fn a_block_that_was_overtaken_is_asked_for_again_before_anything_new() {
    let mut line = Line::proved(400 * BLOCK_BYTES, 64);
    line.run(Duration::from_secs(60), |sent, index| index == 150 && sent.pull.first != 150);
    assert_eq!(line.end, Some(Event::Complete));
    let asked = |sent: &&Sent| sent.pull.blocks().any(|index| index == 150);
    let [first, again] = &line.sent.iter().filter(asked).collect::<Vec<_>>()[..] else {
        panic!("asked for twice")
    };
    let waited = again.at.since(first.at);
    assert!(waited >= ROUND_TRIP + ROUND_TRIP / 4, "{waited:?}");
    assert!(waited < ROUND_TRIP * 2, "long before a timer runs out: {waited:?}");
    let at_once = line.sent.iter().filter(|sent| sent.at == again.at);
    assert_eq!(at_once.map(|it| it.pull.first).next(), Some(150), "before anything new");
}

// spec: R-TRANSFER-5, R-TRANSFER-6, R-TRANSFER-7
#[test]
fn when_nothing_arrives_everything_is_asked_for_again_ever_later_until_it_gives_up() {
    let mut line = Line::new(500 * BLOCK_BYTES, 256);
    let begun = line.now;
    while line.end.is_none() {
        line.wake();
    }
    assert_eq!(line.end, Some(Event::Unanswered));
    assert_eq!(line.now, begun.after(TIMEOUT));
    let waits: Vec<_> = line.sent.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
    assert_eq!(waits[0], millis(200), "the first wait, without a measured round trip");
    // Twice as long, and up to half of the next timer more.
    assert!((millis(400)..=millis(650)).contains(&waits[1]), "{waits:?}");
    assert!(waits[2..].iter().all(|wait| (millis(500)..=millis(750)).contains(wait)), "{waits:?}");
    assert!(line.sent.iter().all(|sent| sent.pull.first == 0), "what was lost, and nothing new");
}

// spec: R-TRANSFER-7
#[test]
fn it_goes_on_for_as_long_as_blocks_arrive() {
    let mut line = Line::proved(4 * BLOCK_BYTES, 1);
    let begun = line.now;
    for index in 0..3 {
        line.wait(TIMEOUT.saturating_sub(millis(1)));
        line.answer(line.last(), line.block(index));
        line.download.handle_timeout(line.now);
        line.drain();
        assert_eq!(line.end, None);
    }
    assert!(line.now.since(begun) > TIMEOUT * 2);
    line.wait(TIMEOUT);
    line.download.handle_timeout(line.now);
    line.drain();
    assert_eq!(line.end, Some(Event::Unanswered));
    assert_eq!(line.read().len(), 3 * BLOCK_BYTES, "what has come is good to go on from");
}

// spec: R-TRANSFER-8
#[test]
fn an_object_that_is_gone_is_not_asked_for_again() {
    let mut line = Line::proved(500 * BLOCK_BYTES, 64);
    line.answer(line.last(), Answer::Pulled(Pulled { index: 0, bytes: Vec::new() }));
    assert_eq!(line.end, Some(Event::Gone));
    let sent = line.sent.len();
    for _ in 0..10 {
        line.wait(TIMEOUT);
        line.wake();
        line.answer(line.last(), line.block(0));
    }
    assert_eq!((line.sent.len(), line.end), (sent, Some(Event::Gone)));
}

// spec: R-TRANSFER-9
#[test]
fn a_byte_that_is_wrong_is_found_by_the_name() {
    let mut line = Line::proved(2 * BLOCK_BYTES, 64);
    let sent = line.last();
    let name = line.download.object().content;
    let mut wrong = line.object[..BLOCK_BYTES].to_vec();
    wrong[77] ^= 1;
    line.answer(sent, Answer::Pulled(Pulled { index: 0, bytes: wrong }));
    line.answer(sent, line.block(1));
    assert_eq!(line.end, Some(Event::Complete));
    assert_ne!(ContentId::of(line.read()), name);
}

#[test]
fn what_comes_late_is_taken_and_not_asked_for_again() {
    let mut line = Line::proved(10 * BLOCK_BYTES, 64);
    let first = line.last();
    line.wake();
    let second = line.last();
    assert!(second.number > first.number);
    let blocks: Vec<u32> = (0..10).collect();
    for &index in &blocks {
        line.answer(first, line.block(index));
    }
    assert_eq!(line.end, Some(Event::Complete), "though the first request counted as lost");
    assert!(line.has_all());
}

#[test]
fn what_was_overtaken_is_taken_also_after_the_last_block_of_its_request_came() {
    let mut line = Line::proved(10 * BLOCK_BYTES, 64);
    let first = line.last();
    line.wait(ROUND_TRIP);
    line.answer(first, line.block(8));
    let sent = line.sent.len();
    while line.sent.len() == sent {
        line.wake();
    }
    assert_eq!(line.last().pull.first, 0, "what counts as lost is asked for again");
    for index in [9, 0, 1, 2, 3, 4, 5, 6, 7] {
        line.answer(first, line.block(index));
    }
    assert_eq!(line.end, Some(Event::Complete));
    assert!(line.has_all());
}

#[test]
fn no_more_than_so_many_blocks_wait_for_one_that_is_missing() {
    let blocks = BLOCKS_REORDERED_MAX + 500;
    let mut line = Line::proved(blocks as usize * BLOCK_BYTES, 256);
    line.run(Duration::from_secs(20), |_, index| index == 3);
    assert_eq!(line.end, None);
    let last = line.sent.iter().flat_map(|it| it.pull.blocks()).max();
    assert_eq!(last, Some(3 + BLOCKS_REORDERED_MAX - 1));
    line.run(Duration::from_secs(60), |_, _| false);
    assert_eq!(line.end, Some(Event::Complete));
    assert!(line.has_all());
}

#[test]
fn an_object_without_bytes_is_complete_at_once() {
    let line = Line::new(0, 64);
    assert_eq!((line.end, line.sent.len()), (Some(Event::Complete), 0));
}
