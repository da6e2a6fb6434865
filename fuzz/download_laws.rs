//! The laws of a transfer, whatever arrives: in any order, late, repeated, damaged or forged.
//!
//! * Only blocks that the object has and that have not arrived are requested, each time under the next
//!   number, with a cookie that the server gave.
//! * No more blocks are in flight than the receive buffer of the socket holds, and no more than one request
//!   before the server has accepted a cookie.
//! * A block is taken if and only if it carries the client id that was drawn for this object and the
//!   number of a request that asked for this very block, has the length that the object gives it, and
//!   was not taken before (R-TRANSFER-3). A request that a cookie answered may count for nothing.
//! * What is read is the object from where it began, in order and without a gap, if every block that was
//!   to be taken had the right bytes; late blocks of another object over the same path do not matter.
//! * It never asks for a timeout that has passed already and does nothing then.
//! * It ends once: complete when all is there, gone when the server said so, unanswered when no block
//!   was taken for the idle timeout (R-TRANSFER-7), not before and not later. With a server that answers
//!   faster than the idle timeout, it is complete in the end.
//! * An object that is verified is complete only if what was read, with the prefix, is the object. Nothing is
//!   dropped that was right; an object that was damaged is fetched once more from its beginning, and given
//!   up only after two transfers from the beginning were damaged (R-TRANSFER-9).

use std::collections::BTreeSet;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rollcall::blocks::{Download, Event, ObjectEvent, ObjectFetch, PathState, Prefix};
use rollcall::exchange::{
    Answer, Ask, FileInfo, Pull, Pulled, Reply, Request, decode_reply, decode_request, encode_reply,
};
use rollcall::ids::{ClientId, ContentId, Cookie, RequestNumber};
use rollcall::time::Instant;
use rollcall::wire::Datagram;

use crate::laws;

/// The premises of these laws.
pub(crate) mod seen {
    crate::premises::premises! {
        TAKEN: "a block came that was to be taken" => "R-TRANSFER-3";
        LATE: "a block came under a request after it was asked for again" => "R-TRANSFER-3";
        AGAIN: "a block came a second time" => "R-TRANSFER-3";
        OF_ANOTHER: "a late block of another object came, as long as the one that is missing"
            => "R-TRANSFER-3";
        GONE_OF_ANOTHER: "it was said late of another object that it is gone" => "R-TRANSFER-8";
        STRANGER: "a block came under an unknown client id" => "R-TRANSFER-3";
        NEVER_SENT: "a block came under the number of a request that was not sent" => "R-TRANSFER-3";
        BESIDE: "a missing block came under a request that had not asked for it" => "R-TRANSFER-3";
        WRONG_LENGTH: "a missing block came with a wrong length" => "R-TRANSFER-3";
        FORGED: "a block came with wrong bytes" => "what is read is the object";
        AFTER_COOKIE: "a block came under a request that a cookie had answered" => "R-TRANSFER-3";
        SAID_GONE: "it was said of a block under way that the object is gone" => "R-TRANSFER-8";
        COOKIE: "a cookie came" => "R-COOKIE-4";
        COOKIE_AGAIN: "a second cookie came without a block in between" => "R-COOKIE-6";
        SEVERAL: "a second request was sent while one was under way" => "R-TRANSFER-1, R-COOKIE-5";
        ASKED_AGAIN: "a block was asked for again" => "R-TRANSFER-6";
        RESUMED: "some blocks were here at the beginning" => "what is read is the object";
        READ_FAILED: "whoever took the bytes failed" => "what is read is the object";
        COMPLETE: "a download of several blocks was complete" => "it ends once";
        GONE: "a download ended because the object was gone" => "it ends once";
        UNANSWERED: "a download ended because no block was taken" => "R-TRANSFER-7";
        VERIFIED: "an object of several blocks was verified" => "R-TRANSFER-9";
        RESTARTED: "an object was verified after it had been damaged" => "R-TRANSFER-9";
        BAD_PREFIX: "a prefix that was not the object's was dropped" => "R-TRANSFER-9";
        DAMAGED: "an object was damaged again and given up" => "R-TRANSFER-9";
    }
}

const STEPS_MAX: usize = 300;
const BLOCK_BYTES: usize = 1_024;
/// More turns than a transfer takes in a few minutes in which nothing arrives.
const TURNS_MAX: usize = 20_000;
/// The cookie that the server at the end accepts.
const GOOD: Cookie = Cookie::from_bytes([0x5a; 16]);

/// The object, and the configuration of the transfer.
#[derive(Arbitrary, Debug)]
struct Plan {
    blocks: u8,
    /// The bytes of the last block, if it is not whole.
    rest: u16,
    /// The blocks that are here already.
    begin: u8,
    buffered: u8,
    idle_timeout_seconds: u8,
    /// Whether a server answers in the end.
    answered: bool,
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// One block of what this request asked for.
    Block(u8, u8),
    /// All that it asked for.
    Blocks(u8),
    /// One block with the right number of wrong bytes.
    Forged(u8, u8),
    /// One block with a wrong number of bytes.
    WrongLength(u8, u8, u16),
    /// A block that this request may not have asked for.
    Beside(u8, u16),
    /// An earlier datagram again.
    Again(u8),
    Cookie(u8, u8),
    Gone(u8),
    /// A block under an unknown client id, or under a number that was never sent.
    Stranger(bool, u8),
    /// A block of the object that was fetched before over the same path, or that it is gone.
    Earlier(u8, u8, bool),
    Bytes(Vec<u8>),
    Framed(u8, Vec<u8>),
    Micros(u16),
    Millis(u16),
    /// Its timeout, or a little before or after it.
    Timeout(i8),
    Read,
    /// The reader takes one piece and fails.
    ReadOne,
}

/// Applies the laws to the course of events that the input encodes.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(input: &[u8]) {
    check_blocks(input);
    if let Ok(plan) = ObjectPlan::arbitrary(&mut Unstructured::new(input)) {
        check_object(&plan);
    }
}

fn check_blocks(input: &[u8]) {
    let mut bytes = Unstructured::new(input);
    let Ok(plan) = Plan::arbitrary(&mut bytes) else { return };
    let mut yard = Yard::new(&plan);
    yard.drain();
    for _ in 0..STEPS_MAX {
        if bytes.is_empty() || yard.end.is_some() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        yard.step(&step);
    }
    if plan.answered {
        yard.answer_all();
    } else {
        yard.be_silent();
    }
    yard.close();
}

/// A transfer, its clock, and what was sent on both sides.
struct Yard {
    download: Download,
    object: Vec<u8>,
    begin: usize,
    buffered: usize,
    idle_timeout: Duration,
    now: Instant,
    asked: Vec<Request>,
    /// Every block that was asked for, and those of them that have not arrived.
    wanted: BTreeSet<u32>,
    under_way: BTreeSet<u32>,
    arrived: BTreeSet<u32>,
    /// Those that came under a request that a cookie had answered: they may be here.
    perhaps: BTreeSet<u32>,
    /// The requests that a cookie answered.
    refused: BTreeSet<RequestNumber>,
    /// Under which another object was fetched before.
    earlier: ClientId,
    cookies: Vec<Cookie>,
    said: Vec<Vec<u8>>,
    /// Whether any block came at all, right or not.
    served: bool,
    /// Whether every block that came had the right bytes.
    right: bool,
    /// Whether it was said that the object is gone.
    gone: bool,
    /// When the last block came that it must have taken, and that it may have taken.
    taken_at: Instant,
    perhaps_at: Instant,
    /// When each request was sent, and the longest time until one was answered.
    sent_at: Vec<Instant>,
    slowest: Duration,
    read: Vec<u8>,
    /// How many cookies came since a block was taken.
    cookies_in_a_row: usize,
    end: Option<Event>,
}

impl Yard {
    fn new(plan: &Plan) -> Self {
        let rest = usize::from(plan.rest) % BLOCK_BYTES;
        let bytes = (usize::from(plan.blocks) * BLOCK_BYTES + rest) as u64;
        // No two blocks are the same.
        let object: Vec<u8> =
            (0..bytes).map(|at| (at % 251 + at / 1_024 * 7).to_le_bytes()[0]).collect();
        let info = FileInfo { bytes, content: ContentId::from_bytes([3; 32]) };
        let begin = u32::from(plan.begin).min(info.blocks());
        seen::RESUMED.held_if(begin > 0 && begin < info.blocks());
        let idle_timeout = Duration::from_secs(u64::from(plan.idle_timeout_seconds % 60) + 1);
        let now = Instant::from_micros(1_000_000);
        let (earlier, path) = Self::earlier(now);
        let buffered = plan.buffered.into();
        let download = Download::new(path, [8; 32], now, info, begin, buffered, idle_timeout);
        Self {
            download,
            begin: (begin as usize * BLOCK_BYTES).min(object.len()),
            object,
            buffered: usize::from(plan.buffered).max(1),
            idle_timeout,
            now,
            asked: Vec::new(),
            wanted: BTreeSet::new(),
            under_way: BTreeSet::new(),
            arrived: (0..begin).collect(),
            perhaps: BTreeSet::new(),
            refused: BTreeSet::new(),
            earlier,
            cookies: vec![Cookie::NONE],
            said: Vec::new(),
            served: false,
            right: true,
            gone: false,
            taken_at: now,
            perhaps_at: now,
            sent_at: Vec::new(),
            slowest: Duration::ZERO,
            read: Vec::new(),
            cookies_in_a_row: 0,
            end: None,
        }
    }

    /// An earlier transfer of another object over the same path: its client id, and the path.
    fn earlier(now: Instant) -> (ClientId, PathState) {
        let info = FileInfo { bytes: 5_000, content: ContentId::from_bytes([4; 32]) };
        let idle_timeout = Duration::from_secs(1);
        let mut before =
            Download::new(PathState::new(now, None), [9; 32], now, info, 0, 64, idle_timeout);
        let mut space = Datagram::new();
        assert_eq!(before.poll_output(&mut space), Some(Event::Transmit));
        (before.client(), before.into_path())
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Block(which, place) => {
                if let Some((request, index)) = self.one_of(which, place) {
                    self.give(&request, index, self.block(index));
                }
            }
            Step::Blocks(which) => {
                let Some((request, pull)) = self.request(which) else { return };
                pull.blocks().for_each(|index| self.give(&request, index, self.block(index)));
            }
            Step::Forged(which, place) => {
                if let Some((request, index)) = self.one_of(which, place) {
                    let forged = self.block(index).into_iter().map(|byte| !byte).collect();
                    self.give(&request, index, forged);
                }
            }
            Step::WrongLength(which, place, length) => {
                if let Some((request, index)) = self.one_of(which, place) {
                    self.give(&request, index, vec![7; usize::from(length) % (BLOCK_BYTES + 1)]);
                }
            }
            Step::Beside(which, index) => {
                let Some((request, _)) = self.request(which) else { return };
                // One of the object's, mostly.
                let index = u32::from(index) % (self.blocks() + 4);
                let block = self.block(index);
                // What there is not has no right bytes, and none would say that it is gone.
                self.give(&request, index, if block.is_empty() { vec![7] } else { block });
            }
            Step::Again(which) => {
                let said = self.said.get(usize::from(which) % self.said.len().max(1));
                if let Some(datagram) = said.cloned() {
                    self.hear(&datagram);
                }
            }
            Step::Cookie(which, byte) => {
                let Some((request, _)) = self.request(which) else { return };
                let cookie = Cookie::from_bytes([byte; 16]);
                seen::COOKIE.held();
                seen::COOKIE_AGAIN.held_if(self.cookies_in_a_row > 0);
                self.cookies_in_a_row += 1;
                self.cookies.push(cookie);
                self.refused.insert(request.number);
                self.say(request.client, request.number, Answer::Cookie(cookie));
            }
            Step::Gone(which) => {
                let Some((request, index)) = self.one_of(which, 0) else { return };
                self.give(&request, index, Vec::new());
            }
            Step::Stranger(other_client, byte) => {
                let Some((request, _)) = self.request(byte) else { return };
                let (client, number) = if other_client {
                    (ClientId::from_bytes([byte; 16]), request.number)
                } else {
                    (request.client, RequestNumber::new(u64::MAX).expect("not zero"))
                };
                self.say(
                    client,
                    number,
                    Answer::Pulled(Pulled { index: 0, bytes: vec![7; BLOCK_BYTES] }),
                );
            }
            Step::Earlier(number, index, gone) => {
                let number = RequestNumber::new(u64::from(number) + 1).expect("not zero");
                // One that is under way, if any is.
                let place = usize::from(index) % self.under_way.len().max(1);
                let under_way = self.under_way.iter().nth(place).copied();
                let index = under_way.unwrap_or(index.into());
                let length = if gone { 0 } else { self.block(index).len() };
                let bytes = vec![0x5e; length];
                self.say(self.earlier, number, Answer::Pulled(Pulled { index, bytes }));
            }
            Step::Bytes(ref bytes) => self.hear(bytes),
            Step::Framed(kind, ref body) => self.hear(&laws::frame(1, kind, body)),
            Step::Micros(micros) => self.wait(Duration::from_micros(micros.into())),
            Step::Millis(millis) => self.wait(Duration::from_millis(millis.into())),
            Step::Timeout(beside) => {
                let due = self.download.poll_timeout().as_micros();
                let due = Instant::from_micros(due.saturating_add_signed(beside.into()));
                self.wait(due.since(self.now));
                self.wake();
            }
            Step::Read => self.read(usize::MAX),
            Step::ReadOne => self.read(1),
        }
    }

    /// One of the requests that were sent, of the later ones first.
    fn request(&self, which: u8) -> Option<(Request, Pull)> {
        let request =
            self.asked.iter().rev().nth(usize::from(which) % self.asked.len().max(1))?.clone();
        let Ask::Pull(pull) = request.ask else { panic!("{:?} is no pull", request.ask) };
        Some((request, pull))
    }

    fn one_of(&self, which: u8, place: u8) -> Option<(Request, u32)> {
        let (request, pull) = self.request(which)?;
        let place = usize::from(place) % pull.wanted.count_ones() as usize;
        pull.blocks().nth(place).map(|index| (request, index))
    }

    fn blocks(&self) -> u32 {
        u32::try_from(self.object.len().div_ceil(BLOCK_BYTES)).expect("few")
    }

    fn block(&self, index: u32) -> Vec<u8> {
        self.object.chunks(BLOCK_BYTES).nth(index as usize).unwrap_or_default().to_vec()
    }

    /// A block comes, as the answer to this request.
    fn give(&mut self, request: &Request, index: u32, bytes: Vec<u8>) {
        self.say(request.client, request.number, Answer::Pulled(Pulled { index, bytes }));
    }

    fn say(&mut self, client: ClientId, number: RequestNumber, answer: Answer) {
        let place = usize::try_from(number.get() - 1).unwrap_or(usize::MAX);
        let sent_at = self.sent_at.get(place).copied().unwrap_or(self.now);
        self.slowest = self.slowest.max(self.now.since(sent_at));
        let mut datagram = Datagram::new();
        encode_reply(&Reply { client, number, answer }, &mut datagram);
        self.said.push(datagram.as_bytes().to_vec());
        self.hear(datagram.as_bytes());
    }

    fn hear(&mut self, datagram: &[u8]) {
        if let Ok(Reply { client, number, answer: Answer::Pulled(Pulled { index, bytes }) }) =
            decode_reply(datagram)
            && self.end.is_none()
        {
            self.notice(client, number, index, &bytes);
            if client == self.download.client() {
                self.note(number, index, &bytes);
            }
        }
        self.download.handle_datagram(self.now, datagram);
        self.drain();
    }

    /// A block comes: what it is.
    fn notice(&self, client: ClientId, number: RequestNumber, index: u32, bytes: &[u8]) {
        let right = self.block(index);
        let fits = !bytes.is_empty() && bytes.len() == right.len();
        let missing = !right.is_empty() && !self.arrived.contains(&index);
        if client != self.download.client() {
            let late = client == self.earlier;
            seen::OF_ANOTHER.held_if(late && fits && missing && self.wanted.contains(&index));
            seen::GONE_OF_ANOTHER.held_if(late && bytes.is_empty());
            return seen::STRANGER.held_if(!late);
        }
        let Some(request) = self.asked.iter().find(|it| it.number == number) else {
            return seen::NEVER_SENT.held();
        };
        let asks =
            |it: &Request| matches!(it.ask, Ask::Pull(pull) if pull.blocks().any(|it| it == index));
        if !asks(request) {
            return seen::BESIDE.held_if(fits && missing);
        }
        if bytes.is_empty() {
            return seen::SAID_GONE.held_if(self.under_way.contains(&index));
        }
        seen::WRONG_LENGTH.held_if(missing && !fits);
        seen::FORGED.held_if(missing && fits && bytes != right);
        seen::AFTER_COOKIE.held_if(self.refused.contains(&number) && fits && missing);
        let asked_again = self.asked.iter().any(|it| it.number > number && asks(it));
        seen::LATE.held_if(fits && missing && asked_again);
        seen::AGAIN.held_if(fits && !missing);
    }

    /// What must be so after this block has come.
    fn note(&mut self, number: RequestNumber, index: u32, bytes: &[u8]) {
        let Some(request) = self.asked.iter().find(|it| it.number == number) else { return };
        let asks = matches!(request.ask, Ask::Pull(pull) if pull.blocks().any(|it| it == index));
        self.served = true;
        self.gone |= bytes.is_empty();
        let right = self.block(index);
        if !asks || bytes.is_empty() || bytes.len() != right.len() {
            return;
        }
        if self.refused.contains(&number) {
            // It may take it or leave it.
            self.right &= bytes == right || self.arrived.contains(&index);
            self.perhaps.insert(index);
            self.perhaps_at = self.now;
            self.under_way.remove(&index);
        } else if self.arrived.insert(index) {
            self.under_way.remove(&index);
            self.perhaps_at = self.now;
            if self.perhaps.contains(&index) {
                // Either this is here now, or what came before it.
                self.right &= bytes == right;
                return;
            }
            seen::TAKEN.held();
            self.cookies_in_a_row = 0;
            self.right &= bytes == right;
            self.taken_at = self.now;
        }
    }

    fn wait(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
    }

    fn wake(&mut self) {
        self.download.handle_timeout(self.now);
        self.drain();
        if self.end.is_none() {
            assert!(self.download.poll_timeout() > self.now, "it asks for a time that has come");
            assert!(
                self.now.since(self.perhaps_at) < self.idle_timeout,
                "it goes on after its deadline"
            );
        }
    }

    fn drain(&mut self) {
        let mut space = Datagram::new();
        let before = self.asked.len();
        loop {
            match self.download.poll_output(&mut space) {
                None => break,
                Some(Event::Transmit) => self.sent(space.as_bytes()),
                Some(end) => {
                    self.ended(end);
                    break;
                }
            }
        }
        let sent = self.asked.len() - before;
        assert!(self.served || sent <= 1, "no more than one request before a cookie is taken");
    }

    fn sent(&mut self, datagram: &[u8]) {
        let request = decode_request(datagram).expect("what a client sends is a request").request;
        let Ask::Pull(pull) = request.ask else { panic!("{:?} is no pull", request.ask) };
        assert_eq!(self.end, None, "it has ended");
        assert_eq!(request.attempt, 1);
        assert_eq!(request.number.get(), self.asked.len() as u64 + 1, "number by number");
        assert_eq!(request.client, self.download.client());
        assert_eq!(pull.object, ContentId::from_bytes([3; 32]));
        assert!(self.cookies.contains(&pull.cookie), "a cookie that nobody gave");
        let blocks: Vec<u32> = pull.blocks().collect();
        assert!(blocks.len() <= self.buffered, "more at once than the buffer holds");
        let goes_on = blocks.iter().any(|index| !self.wanted.contains(index));
        seen::SEVERAL.held_if(goes_on && !self.under_way.is_empty());
        seen::ASKED_AGAIN.held_if(blocks.iter().any(|index| self.wanted.contains(index)));
        for index in blocks {
            assert!((index as usize) < self.object.len().div_ceil(BLOCK_BYTES), "no such block");
            assert!(!self.arrived.contains(&index), "block {index} is here");
            self.wanted.insert(index);
            self.under_way.insert(index);
        }
        // What is lost is asked for first, so that by now nothing is.
        let fits = !goes_on || self.under_way.len() <= self.buffered;
        assert!(fits, "{} blocks are under way", self.under_way.len());
        self.asked.push(request);
        self.sent_at.push(self.now);
        assert_eq!(self.download.requests() as usize, self.asked.len());
    }

    fn ended(&mut self, end: Event) {
        if self.end.replace(end).is_some() {
            assert_eq!(self.end, Some(end), "it ends in one way");
            return;
        }
        match end {
            Event::Transmit => unreachable!("that is no end"),
            Event::Gone => {
                seen::GONE.held();
                assert!(self.gone, "nobody said so");
            }
            Event::Unanswered => {
                seen::UNANSWERED.held();
                assert!(self.now.since(self.taken_at) >= self.idle_timeout, "given up too early");
            }
            Event::Complete => seen::COMPLETE.held_if(self.asked.len() > 1),
        }
    }

    fn read(&mut self, pieces: usize) {
        let mut left = pieces;
        let read = &mut self.read;
        let _ = self.download.read(|piece| {
            assert!(!piece.is_empty(), "a piece of nothing");
            read.extend_from_slice(piece);
            left -= 1;
            seen::READ_FAILED.held_if(left == 0);
            if left == 0 { Err(()) } else { Ok(()) }
        });
        let until = self.begin + self.read.len();
        assert_eq!(self.download.bytes_read(), until as u64);
        if self.right {
            assert_eq!(self.object.get(self.begin..until), Some(&self.read[..]), "its beginning");
        }
    }

    /// From now on a server answers everything, after a millisecond.
    fn answer_all(&mut self) {
        // Nothing that was requested until now is answered.
        let mut answered = self.asked.len();
        let silence = self.now.since(self.taken_at);
        for _ in 0..TURNS_MAX {
            if self.end.is_some() {
                // The timer is the round trip and four times its variation, so no longer than five
                // of the longest; if that is more than its idle timeout it may give up.
                let waits = silence + self.slowest * 5 + Duration::from_secs(1);
                let given_up = self.end == Some(Event::Unanswered);
                assert!(
                    !given_up || waits >= self.idle_timeout,
                    "given up, although it was answered"
                );
                return;
            }
            if answered < self.asked.len() {
                self.wait(Duration::from_millis(1));
            } else {
                self.now = self.now.max(self.download.poll_timeout());
            }
            while let Some(request) = self.asked.get(answered).cloned() {
                answered += 1;
                let Ask::Pull(pull) = request.ask else { panic!("{:?} is no pull", request.ask) };
                if pull.cookie == GOOD {
                    pull.blocks().for_each(|index| self.give(&request, index, self.block(index)));
                } else if pull.wanted == 1 && pull.cookie == Cookie::NONE {
                    // A lone block needs no cookie.
                    self.give(&request, pull.first, self.block(pull.first));
                } else {
                    self.cookies.push(GOOD);
                    self.refused.insert(request.number);
                    self.say(request.client, request.number, Answer::Cookie(GOOD));
                }
            }
            self.read(usize::MAX);
            self.wake();
        }
        panic!("it never ends, although everything is answered");
    }

    /// Nothing arrives any more.
    fn be_silent(&mut self) {
        for _ in 0..TURNS_MAX {
            if self.end.is_some() {
                return;
            }
            self.now = self.now.max(self.download.poll_timeout());
            self.wake();
        }
        panic!("it never ends");
    }

    fn close(&mut self) {
        self.read(usize::MAX);
        if self.end == Some(Event::Complete) {
            assert_eq!(self.begin + self.read.len(), self.object.len(), "complete");
        }
        let blocks = u32::try_from(self.object.len().div_ceil(BLOCK_BYTES)).expect("few");
        if (0..blocks).all(|index| self.arrived.contains(&index)) {
            assert_ne!(self.end, Some(Event::Unanswered), "everything has come");
        }
        self.download.handle_timeout(self.now.after(self.idle_timeout * 2));
        assert_eq!(self.download.poll_output(&mut Datagram::new()), self.end, "it ends once");
    }
}

/// An object that is verified, and what happens to its transfers.
#[derive(Arbitrary, Debug)]
struct ObjectPlan {
    blocks: u8,
    /// The bytes of the last block, if it is not whole.
    rest: u16,
    /// The blocks that are here already.
    prefix: u8,
    /// Whether they are not the object's.
    is_prefix_damaged: bool,
    /// By transfer, a block that arrives with wrong bytes.
    damaged: [Option<u8>; 4],
    /// The transfer in which the object is gone, and from which block on.
    gone: Option<(u8, u8)>,
}

/// Fetches an object from a server that does what the plan says.
fn check_object(plan: &ObjectPlan) {
    let length = usize::from(plan.blocks % 40) * BLOCK_BYTES + usize::from(plan.rest) % BLOCK_BYTES;
    let object: Vec<u8> =
        (0..length).map(|at| (at % 251 + at / BLOCK_BYTES * 7).to_le_bytes()[0]).collect();
    let mut kept = object[..(usize::from(plan.prefix) * BLOCK_BYTES).min(length)].to_vec();
    if plan.is_prefix_damaged {
        for byte in &mut kept {
            *byte = !*byte;
        }
    }
    let mut prefix = Prefix::default();
    prefix.push(&kept);
    let info = FileInfo { bytes: length as u64, content: ContentId::of(&object) };
    let mut now = Instant::from_micros(1_000_000);
    let path = PathState::new(now, None);
    let mut fetch = ObjectFetch::new(path, [7; 32], now, info, prefix, 64, Duration::from_secs(9));
    let (mut space, mut clients, mut restarts) = (Datagram::new(), BTreeSet::new(), 0);
    // Transfers from the beginning of which all bytes were read and were wrong.
    let mut wrong = 0;
    let mut whole = kept.is_empty();
    let mut transfer = 0;
    for _ in 0..TURNS_MAX {
        let mut requests = Vec::new();
        while let Some(event) = fetch.poll_output(&mut space) {
            match event {
                ObjectEvent::Transmit => {
                    let request = decode_request(space.as_bytes()).expect("a request").request;
                    if clients.insert(request.client) {
                        transfer = clients.len() - 1;
                    }
                    requests.push(request);
                }
                ObjectEvent::Readable => {
                    let read = fetch.read(|bytes| {
                        kept.extend_from_slice(bytes);
                        Ok::<(), ()>(())
                    });
                    assert!(read.is_ok());
                }
                ObjectEvent::Restarted => {
                    assert!(kept.len() == length && kept != object, "what was right is dropped");
                    seen::BAD_PREFIX.held_if(!whole);
                    wrong += usize::from(whole);
                    (whole, restarts) = (true, restarts + 1);
                    kept.clear();
                }
                ObjectEvent::Complete => {
                    assert!(kept == object, "what is complete is the object");
                    seen::VERIFIED.held_if(length > BLOCK_BYTES);
                    seen::RESTARTED.held_if(wrong > 0);
                    return;
                }
                ObjectEvent::Damaged => {
                    assert!(kept.len() == length && kept != object, "what was right is given up");
                    assert_eq!(wrong + usize::from(whole), 2, "after {restarts} restarts");
                    seen::DAMAGED.held();
                    return;
                }
                ObjectEvent::Gone => {
                    assert!(plan.gone.is_some_and(|(gone, _)| usize::from(gone) == transfer));
                    return;
                }
                ObjectEvent::Unanswered => panic!("everything is answered"),
            }
        }
        assert!(restarts <= 2);
        now = if requests.is_empty() { now.max(fetch.poll_timeout()) } else { now };
        now = now.after(Duration::from_micros(200));
        for request in requests {
            for answer in plan.answers(transfer, &object, &request) {
                let (client, number) = (request.client, request.number);
                fetch.handle_reply(now, &Reply { client, number, answer });
            }
        }
        fetch.handle_timeout(now);
    }
    panic!("it never ends, although everything is answered");
}

impl ObjectPlan {
    fn answers(&self, transfer: usize, object: &[u8], request: &Request) -> Vec<Answer> {
        let Ask::Pull(pull) = request.ask else { panic!("{:?} is no pull", request.ask) };
        let is_lone = pull.wanted == 1 && pull.cookie == Cookie::NONE;
        if pull.cookie != GOOD && !is_lone {
            return vec![Answer::Cookie(GOOD)];
        }
        let answer = |index: u32| {
            let block = object.chunks(BLOCK_BYTES).nth(index as usize).unwrap_or_default();
            let is = |planned: u8| u32::from(planned) == index;
            let is_damaged = self.damaged.get(transfer).copied().flatten().is_some_and(is);
            let absent = self.gone.is_some_and(|(gone, from)| {
                usize::from(gone) == transfer && index >= u32::from(from)
            });
            let bytes = match block {
                _ if absent => Vec::new(),
                block if is_damaged => block.iter().map(|byte| !byte).collect(),
                block => block.to_vec(),
            };
            Answer::Pulled(Pulled { index, bytes })
        };
        pull.blocks().map(answer).collect()
    }
}
