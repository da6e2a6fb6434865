//! The laws of the client: whatever it is asked to do, whatever comes from the network and whatever
//! the clocks do.
//!
//! * One name and number stand for one request: the same bytes but for the attempt, which grows.
//! * Settle first: no other operation is sent before the last one is answered, is known not to have
//!   been executed and is the same one again, or is given up for good.
//! * Nothing is reported as answered but by an answer that fits, in the moment when it comes.
//! * What was begun ends once, at its deadline at the latest.
//! * It never asks to be woken at a time that has come and does nothing then, and it does not send
//!   faster than its shortest wait.

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rollcall::access::Terms;
use rollcall::client::{Client, Output, Progress};
use rollcall::exchange::{
    Answer, Ask, BeginAgain, Busy, Closed, FileEntry, FileInfo, FileList, FileState, Marked,
    OpenRollCall, Opened, Operation, Pulled, Query, Refusal, Refused, Reply, Request, SheetInfo,
    SheetList, StatusList, decode_reply, decode_request, encode_reply,
};
use rollcall::ids::{ClassId, ClientId, ContentId, Cookie, FileKey, RequestNumber, RollCallNumber};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::{Datagram, Versions};

use crate::laws;

/// What these laws speak of.
pub(crate) mod seen {
    crate::premises::premises! {
        ANSWERED: "an operation was answered" => "only an answer that fits is reported, at once";
        TOLD: "a question was answered" => "only an answer that fits is reported, at once";
        SETTLED: "an earlier operation was settled" => "settle first";
        FORSAKEN: "an earlier operation was given up for good" => "settle first";
        UNKNOWN: "a deadline passed without an answer" => "what was begun ends once";
        NEVER_SENT: "a deadline passed before the operation was sent" => "settle first";
        LOST: "an operation was lost" => "what is lost is said to be and not asked again";
        SENT_AGAIN: "a request was sent again" => "one name and number, one request";
        ATTEMPT_255: "a request was sent for the 255th time" => "one name and number, one request";
        NEXT: "a second operation was sent under one client id" => "number by number";
        AFTER_SILENCE: "an operation was sent after a silence longer than the window" => "R-CLIENT-5";
        AGAIN: "an operation was sent under a second client id" => "R-AGAIN-1";
        AGAIN_LATE: "it was told to begin again after the window" => "R-AGAIN-2";
        STALE: "STALE was said to an operation" => "R-AGAIN-3";
        BUSY: "BUSY was said" => "R-RETRY-7";
        SKEW: "BEGIN_AGAIN with a time was said to an operation" => "R-CLIENT-3";
        VERDICT_ON_QUESTION: "a verdict other than BUSY was said to a question" => "R-CLIENT-7";
        OTHER_NUMBER: "an answer came under another number" => "R-CLIENT-6";
        STRANGER: "an answer came under another client id" => "R-CLIENT-6";
        OTHER_KIND: "an answer of another kind or class came under the right number" => "R-CLIENT-8";
        AFTER_THE_END: "an answer came to the last request after it had ended" => "R-CLIENT-7";
        REFUSED: "the network said that nobody listens" => "R-RETRY-8";
        VERSIONS: "VERSIONS came while something was under way" => "R-VERSION-3";
        NONSENSE: "bytes came that are no reply" => "R-READ-4";
        JUMP: "the wall clock jumped while something was under way" => "R-SETTLE-2";
    }
}

const START_MILLIS: u64 = 1_795_353_480_000;
const STEPS_MAX: usize = 200;
/// More than what is sent by a person who waits for half a minute.
const SENDINGS_MAX: usize = 200;
const WINDOW: Duration = Duration::from_secs(900);
const SHORTEST_WAIT_MICROS: u64 = 100_000;

#[derive(Arbitrary, Debug)]
enum Step {
    Perform(What, Deadline),
    Ask(Question, Deadline),
    Reply(Whose, Said),
    /// An earlier reply again.
    Again(u8),
    Bytes(Vec<u8>),
    Framed(u8, Vec<u8>),
    Versions,
    Refused,
    /// Woken when it wants, or a little beside that.
    Timeout(i8),
    Wait(Wait),
    Jump(i8),
    /// The answer that fits, to what was sent last. Chance alone hardly ever gives it.
    Fits(bool),
    /// Woken again and again until what is under way has ended.
    UntilTheEnd,
    /// An operation, sent and answered.
    Done(What),
    /// A word on the asking, of what was sent last.
    Verdict(u8),
}

#[derive(Arbitrary, Debug)]
enum What {
    Open(u8),
    Close(u8),
    Mark(u8, u8),
}

#[derive(Arbitrary, Debug)]
enum Question {
    Status(u8),
    Sheet(u8),
    Files(u8),
    File(u8),
}

#[derive(Arbitrary, Debug)]
enum Deadline {
    Usual,
    Millis(u16),
    Minutes(u8),
}

#[derive(Arbitrary, Debug)]
enum Wait {
    Millis(u16),
    Minutes(u8),
}

#[derive(Arbitrary, Debug)]
enum Whose {
    /// The request that was sent last.
    Last,
    /// An earlier one.
    Earlier(u8),
    /// One number beside the last one.
    Beside(bool),
    Stranger(u8),
}

#[derive(Arbitrary, Debug)]
enum Said {
    /// What answers the request.
    Fitting(bool),
    Opened(u8),
    Closed(u8),
    Marked(u8),
    MarkRefused,
    Refused,
    List(Vec<u8>, bool),
    Sheet(Option<u8>),
    Stale,
    BeginAgain,
    /// With a time so many minutes away.
    BeginAgainAt(i8),
    Busy(u16),
    Files(bool),
    File(bool),
    /// What answers no question of this client.
    Pulled(u8),
    Cookie,
}

/// Applies the laws to the run that these bytes tell.
///
/// # Panics
/// If a law is broken.
pub(crate) fn check(input: &[u8]) {
    let mut bytes = Unstructured::new(input);
    let mut desk = Desk::new();
    for _ in 0..STEPS_MAX {
        if bytes.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        desk.step(&step);
    }
    desk.rest();
}

/// A client with its clocks, and somebody who knows what it may do.
struct Desk {
    client: Client,
    now: Now,
    /// What is under way: the verb that began it.
    under_way: Option<UnderWay>,
    /// The operation that was sent last, while it may still be executed.
    open: Option<Open>,
    /// Every name and number, with the bytes that it stands for and the last attempt.
    words: BTreeMap<(ClientId, bool, RequestNumber), (Vec<u8>, u8)>,
    /// The request that was sent last.
    last: Option<Request>,
    replies: Vec<Vec<u8>>,
    /// The offset of the server's clock that it was told.
    offset: i64,
    /// When it may have drawn a client id, and what `started` is then.
    starts: Vec<(Now, WallTime)>,
    /// When an operation was answered last.
    answered: Now,
}

struct UnderWay {
    asks: Option<Query>,
    operation: Option<Operation>,
    begun_micros: u64,
    deadline: Instant,
    sendings: u64,
    /// Of this verb's own request, not of an earlier one that is settled first.
    attempts: u32,
    /// An earlier operation comes first.
    settles: bool,
    /// How long ago the server had last answered an operation, when it was begun.
    silence: Duration,
}

/// An operation that was sent.
#[derive(Clone)]
struct Open {
    client: ClientId,
    number: RequestNumber,
    operation: Operation,
    first_sent: Now,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Unknown,
    Answered,
    /// The server has not executed it and will not: the same may be asked again as a new client.
    NotExecuted,
    /// It will never be known.
    Lost,
    /// That was said, too.
    LostAndTold,
}

impl Desk {
    fn new() -> Self {
        let wall = WallTime::from_millis(START_MILLIS);
        Self {
            client: Client::new([7; 32]),
            now: Now { instant: Instant::ZERO, wall },
            under_way: None,
            open: None,
            words: BTreeMap::new(),
            last: None,
            replies: Vec::new(),
            offset: 0,
            starts: Vec::new(),
            answered: Now { instant: Instant::ZERO, wall },
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Perform(what, until) => self.perform(what, until),
            Step::Ask(question, until) => self.ask(question, until),
            Step::Reply(whose, said) => {
                if let Some(datagram) = self.reply(whose, said) {
                    self.hear(&datagram);
                    self.replies.push(datagram);
                }
            }
            Step::Again(which) => {
                let which = usize::from(*which) % self.replies.len().max(1);
                if let Some(datagram) = self.replies.get(which).cloned() {
                    self.hear(&datagram);
                }
            }
            Step::Bytes(bytes) => self.hear(bytes),
            Step::Framed(kind, body) => self.hear(&laws::frame(1, *kind, body)),
            Step::Versions => {
                seen::VERSIONS.held_if(self.under_way.is_some());
                let mut datagram = Datagram::new();
                Versions::ours().encode(&mut datagram);
                self.hear(datagram.as_bytes());
            }
            Step::Refused => {
                seen::REFUSED.held_if(self.under_way.is_some());
                self.client.handle_refused();
                self.drain(None);
            }
            Step::Timeout(beside) => self.timeout(*beside),
            Step::Wait(Wait::Millis(millis)) => self.wait(Duration::from_millis((*millis).into())),
            Step::Wait(Wait::Minutes(minutes)) => {
                self.wait(Duration::from_secs(60 * u64::from(*minutes)));
            }
            Step::Fits(already) => self.step(&Step::Reply(Whose::Last, Said::Fitting(*already))),
            Step::UntilTheEnd => {
                for _ in 0..SENDINGS_MAX {
                    if self.under_way.is_some() {
                        self.timeout(0);
                    }
                }
            }
            Step::Done(what) => {
                self.perform(what, &Deadline::Usual);
                self.timeout(0);
                self.step(&Step::Fits(false));
            }
            Step::Verdict(which) => {
                let said = match which % 4 {
                    0 => Said::Stale,
                    1 => Said::BeginAgain,
                    2 => Said::BeginAgainAt(which.cast_signed()),
                    _ => Said::Busy(u16::from(*which) * 100),
                };
                self.step(&Step::Reply(Whose::Last, said));
            }
            Step::Jump(minutes) => {
                seen::JUMP.held_if(self.under_way.is_some() && *minutes != 0);
                self.now.wall = self.now.wall.shifted(i64::from(*minutes) * 60_000);
            }
        }
    }

    fn perform(&mut self, what: &What, until: &Deadline) {
        if self.under_way.is_some() {
            return;
        }
        let operation = match *what {
            What::Open(which) => Operation::Open { class: class(which), terms: Terms::PLAIN },
            What::Close(which) => Operation::Close { class: class(which) },
            What::Mark(which, student) => {
                let student = (student % 3).to_string().parse().expect("a digit");
                Operation::Mark { class: class(which), student, code: None }
            }
        };
        self.begin(None, Some(operation.clone()), until);
        let until = until.duration();
        // An id that was drawn and never used grows old, too (R-CLIENT-5).
        let now = self.now;
        // What is to begin again has had its new name since that was said, and is settled under it.
        if self.open.as_ref().is_none_or(|it| it.fate != Fate::NotExecuted) {
            self.starts.retain(|&(drawn, _)| age(drawn, now) <= WINDOW);
        }
        self.starts.push((now, now.wall.shifted(self.offset)));
        self.client.perform(self.now, operation, until);
        self.drain(None);
    }

    fn ask(&mut self, question: &Question, until: &Deadline) {
        if self.under_way.is_some() {
            return;
        }
        let query = match *question {
            Question::Status(from) => Query::Status { from: class(from) },
            Question::Sheet(which) => {
                Query::Sheets { class: class(which), at_most: RollCallNumber::MAX }
            }
            Question::Files(from) => Query::Files { from: from.into() },
            Question::File(byte) => Query::File { file: FileKey::from_bytes([byte; 16]) },
        };
        self.begin(Some(query), None, until);
        self.client.ask(self.now, query, until.duration());
        self.drain(None);
    }

    fn begin(&mut self, asks: Option<Query>, operation: Option<Operation>, until: &Deadline) {
        let deadline = self.now.instant.after(until.duration());
        let begun_micros = self.now.instant.as_micros();
        let settles = operation.is_some()
            && self.open.as_ref().is_some_and(|open| {
                matches!(open.fate, Fate::Unknown | Fate::NotExecuted)
                    && age(open.first_sent, self.now) <= WINDOW
            });
        self.under_way = Some(UnderWay {
            asks,
            operation,
            begun_micros,
            deadline,
            sendings: 0,
            attempts: 0,
            settles,
            silence: age(self.answered, self.now),
        });
    }

    fn reply(&self, whose: &Whose, said: &Said) -> Option<Vec<u8>> {
        let last = self.last.clone()?;
        let (client, number) = match *whose {
            Whose::Last => (last.client, last.number),
            Whose::Earlier(which) => {
                let &(client, _, number) =
                    self.words.keys().nth(usize::from(which) % self.words.len())?;
                (client, number)
            }
            Whose::Beside(above) => {
                let number = last.number.get().checked_add_signed(if above { 1 } else { -1 })?;
                (last.client, RequestNumber::new(number)?)
            }
            Whose::Stranger(byte) => (ClientId::from_bytes([byte; 16]), last.number),
        };
        let mut datagram = Datagram::new();
        encode_reply(&Reply { client, number, answer: self.answer(&last, said) }, &mut datagram);
        Some(datagram.as_bytes().to_vec())
    }

    fn answer(&self, last: &Request, said: &Said) -> Answer {
        let at = self.now.wall;
        let reason = Refusal::NotOpen;
        match *said {
            Said::Fitting(already) => fitting(last, at, already),
            Said::Opened(which) => {
                Answer::Opened(Opened { class: class(which), opened_at: at, already_open: false })
            }
            Said::Closed(which) => {
                Answer::Closed(Closed { sheet: sheet(class(which), at), already_closed: false })
            }
            Said::Marked(which) => {
                Answer::Marked(Marked { class: class(which), at, already_present: false })
            }
            Said::MarkRefused => Answer::MarkRefused(Refused { at, reason }),
            Said::Refused => Answer::Refused(Refused { at, reason }),
            Said::List(ref classes, more) => {
                let open = |&which: &u8| OpenRollCall {
                    class: class(which),
                    opened_at: at,
                    present: which.into(),
                };
                Answer::Status(StatusList {
                    open: classes.iter().take(8).map(open).collect(),
                    more,
                })
            }
            Said::Sheet(which) => {
                let sheets = which.map(|which| sheet(class(which), at)).into_iter().collect();
                Answer::Sheets(SheetList { sheets, more: false })
            }
            Said::Stale => Answer::Stale,
            Said::BeginAgain => Answer::BeginAgain(BeginAgain { server_time: None }),
            Said::BeginAgainAt(minutes) => Answer::BeginAgain(BeginAgain {
                server_time: Some(at.shifted(i64::from(minutes) * 60_000)),
            }),
            Said::Busy(retry_after_ms) => Answer::Busy(Busy { retry_after_ms }),
            Said::Files(offered) => files(offered),
            Said::File(ready) => file(ready),
            Said::Pulled(byte) => Answer::Pulled(Pulled { index: 0, bytes: vec![byte; 3] }),
            Said::Cookie => Answer::Cookie(Cookie::from_bytes([1; 16])),
        }
    }

    /// A datagram comes: what it means is known before the client is asked.
    fn hear(&mut self, datagram: &[u8]) {
        let reply = decode_reply(datagram).ok();
        self.notice(reply.as_ref());
        let fits = reply.filter(|reply| self.is_awaited(reply)).map(|reply| reply.answer);
        if let Some(answer) = &fits {
            self.learn(answer);
        }
        self.client.handle_datagram(self.now, datagram);
        self.drain(fits.filter(|answer| !is_verdict(answer)));
    }

    /// What comes, and what of it is no answer.
    fn notice(&self, reply: Option<&Reply>) {
        let Some(reply) = reply else { return seen::NONSENSE.held() };
        let Some(last) = &self.last else { return };
        let (same_client, same_number) = (reply.client == last.client, reply.number == last.number);
        let Some(under_way) = &self.under_way else {
            return seen::AFTER_THE_END.held_if(same_client && same_number);
        };
        let verdict = is_verdict(&reply.answer);
        seen::STRANGER.held_if(!same_client && same_number);
        seen::OTHER_NUMBER.held_if(same_client && !same_number);
        let ours = same_client && same_number;
        seen::OTHER_KIND.held_if(ours && !verdict && !self.is_awaited(reply));
        let busy = matches!(reply.answer, Answer::Busy(_));
        seen::BUSY.held_if(ours && busy);
        seen::VERDICT_ON_QUESTION.held_if(ours && verdict && !busy && under_way.asks.is_some());
    }

    /// Whether it answers the request that is under way and was sent.
    fn is_awaited(&self, reply: &Reply) -> bool {
        let Some(under_way) = &self.under_way else { return false };
        let named = |client, number| (reply.client, reply.number) == (client, number);
        match (under_way.asks, &self.open) {
            (Some(query), _) => {
                let sent = self
                    .last
                    .as_ref()
                    .filter(|last| under_way.sendings > 0 && last.ask == Ask::Read(query));
                sent.is_some_and(|last| named(last.client, last.number))
                    && (is_verdict(&reply.answer) || fits_query(query, &reply.answer))
            }
            (None, Some(open)) if open.fate == Fate::Unknown => {
                named(open.client, open.number)
                    && (is_verdict(&reply.answer) || fits_operation(&open.operation, &reply.answer))
            }
            _ => false,
        }
    }

    fn learn(&mut self, answer: &Answer) {
        let now = self.now;
        let asks = self.under_way.as_ref().is_some_and(|it| it.asks.is_some());
        if asks {
            return;
        }
        if let Answer::BeginAgain(BeginAgain { server_time: Some(server_time) }) = answer {
            seen::SKEW.held();
            self.offset = server_time.millis_after(now.wall);
        }
        self.starts.push((now, now.wall.shifted(self.offset)));
        let Some(open) = &mut self.open else { return };
        open.fate = match answer {
            Answer::Busy(_) => return,
            Answer::Stale => {
                seen::STALE.held();
                Fate::Lost
            }
            Answer::BeginAgain(_) => {
                let late = age(open.first_sent, now) > WINDOW;
                seen::AGAIN_LATE.held_if(late);
                if late { Fate::Lost } else { Fate::NotExecuted }
            }
            _ => Fate::Answered,
        };
        if open.fate == Fate::Answered {
            self.answered = now;
        }
    }

    fn timeout(&mut self, beside: i8) {
        let Some(at) = self.client.poll_timeout() else { return };
        let micros = at.as_micros().saturating_add_signed(beside.into());
        self.wait(Duration::from_micros(micros.saturating_sub(self.now.instant.as_micros())));
        self.client.handle_timeout(self.now);
        self.drain(None);
        let later = |at: Instant| at > self.now.instant;
        assert!(self.client.poll_timeout().is_none_or(later), "it asks for a time that has come");
        let over = self.under_way.as_ref().is_some_and(|it| it.deadline <= self.now.instant);
        assert!(!over, "it goes on after its deadline");
    }

    fn wait(&mut self, wait: Duration) {
        self.now.instant = self.now.instant.after(wait);
        let millis = i64::try_from(wait.as_millis()).expect("a few hours");
        self.now.wall = self.now.wall.shifted(millis);
    }

    /// Takes what the client puts out. `fits` is the answer that came in this moment, if it fits.
    fn drain(&mut self, fits: Option<Answer>) {
        let mut fits = fits;
        let mut space = Datagram::new();
        while let Some(output) = self.client.poll_output(&mut space) {
            match output {
                Output::Transmit => self.sent(space.as_bytes()),
                Output::Progress(Progress::Retrying { .. } | Progress::Refused) => {
                    assert!(self.under_way.is_some(), "nothing is under way");
                }
                Output::Progress(Progress::Settled { operation, answer }) => {
                    seen::SETTLED.held();
                    let open = self.open.clone().expect("something was sent");
                    assert_eq!((open.operation, open.fate), (operation, Fate::Answered));
                    assert_eq!(Some(answer), fits.take(), "settled by an answer that fits");
                    self.go_on();
                }
                Output::Progress(Progress::Abandoned { operation }) => {
                    seen::FORSAKEN.held();
                    let open = self.open.as_mut().expect("something was sent");
                    assert_eq!(open.operation, operation);
                    let old = age(open.first_sent, self.now) > WINDOW;
                    assert!(old || open.fate == Fate::Lost, "abandoned too early");
                    open.fate = Fate::LostAndTold;
                    self.go_on();
                }
                Output::Answered { answer, attempts } => {
                    assert_eq!(Some(answer), fits.take(), "answered by an answer that fits");
                    let ended = self.under_way.take().expect("it ends what was under way, once");
                    seen::ANSWERED.held_if(ended.operation.is_some());
                    seen::TOLD.held_if(ended.asks.is_some());
                    assert_eq!(attempts, ended.attempts, "as many datagrams as were sent");
                }
                Output::Unanswered(unanswered) => {
                    let ended = self.under_way.take().expect("it ends what was under way, once");
                    let open = self.open.as_mut();
                    let lost = open.filter(|open| {
                        open.fate == Fate::Lost && Some(&open.operation) == ended.operation.as_ref()
                    });
                    seen::LOST.held_if(unanswered.lost);
                    seen::UNKNOWN.held_if(!unanswered.lost);
                    seen::NEVER_SENT.held_if(unanswered.attempts == 0 && ended.operation.is_some());
                    let late = self.now.instant >= ended.deadline;
                    assert!(late || unanswered.lost, "given up before the deadline");
                    assert!(!unanswered.lost || lost.is_some(), "lost, although it may be known");
                    if let Some(open) = lost {
                        open.fate = Fate::LostAndTold;
                    }
                    assert_eq!(unanswered.attempts, ended.attempts, "as many as were sent");
                }
            }
        }
        assert_eq!(fits, None, "an answer that fits is reported");
        assert_eq!(self.client.is_idle(), self.under_way.is_none());
    }

    /// The earlier operation does not stand before the next one any more.
    fn go_on(&mut self) {
        let under_way = self.under_way.as_mut().expect("the next one is under way");
        under_way.settles = false;
        under_way.silence = Duration::ZERO;
    }

    fn sent(&mut self, datagram: &[u8]) {
        let request = decode_request(datagram).expect("what a client sends is a request").request;
        let Request { attempt, client, number, ask } = request.clone();
        let reads = matches!(ask, Ask::Read(_));
        let same = [&datagram[3..4], &datagram[5..datagram.len() - 4]].concat();
        let before = self.words.insert((client, reads, number), (same.clone(), attempt));
        if let Some((words, earlier)) = before {
            seen::SENT_AGAIN.held();
            seen::ATTEMPT_255.held_if(attempt == u8::MAX);
            assert_eq!(words, same, "other words under the same number");
            assert!(attempt > earlier || attempt == u8::MAX, "the attempt grows");
        }
        self.last = Some(request);
        match ask {
            Ask::Read(query) => {
                let under_way = self.under_way.as_ref().expect("something was asked");
                assert_eq!(under_way.asks, Some(query));
            }
            Ask::Perform { started, operation } => {
                self.sent_operation(client, number, started, operation);
            }
            other @ Ask::Pull(_) => panic!("{other:?} is no matter of this client"),
        }
        let under_way = self.under_way.as_mut().expect("something is under way");
        under_way.sendings += 1;
        // The first sending, the first after beginning again, and the first of the next operation.
        let waited = self.now.instant.as_micros() - under_way.begun_micros;
        assert!(under_way.sendings <= 5 + waited / SHORTEST_WAIT_MICROS, "a flood");
        assert!(self.now.instant < under_way.deadline, "sent after the deadline");
        under_way.attempts += u32::from(!under_way.settles);
    }

    fn sent_operation(
        &mut self,
        client: ClientId,
        number: RequestNumber,
        started: WallTime,
        operation: Operation,
    ) {
        let now = self.now;
        let wanted = self.under_way.as_ref().and_then(|it| it.operation.clone());
        let earlier = self.open.clone();
        let goes_on = earlier.as_ref().is_some_and(|it| (it.client, it.number) == (client, number));
        if goes_on {
            let earlier = earlier.expect("just seen");
            assert_eq!(earlier.operation, operation);
            assert_eq!(earlier.fate, Fate::Unknown, "asked again after it was settled");
            return;
        }
        let mut first_sent = now;
        if let Some(earlier) = earlier.clone() {
            match earlier.fate {
                Fate::Unknown => panic!("settle first: {:?} is open", earlier.operation),
                Fate::NotExecuted => {
                    seen::AGAIN.held();
                    assert_eq!(operation, earlier.operation, "settle first");
                    first_sent = earlier.first_sent;
                    assert_ne!(client, earlier.client, "as a new client");
                }
                Fate::Lost => panic!("R-AGAIN-2, R-AGAIN-3: {operation:?} is asked again"),
                Fate::LostAndTold => assert_ne!(client, earlier.client, "as a new client"),
                Fate::Answered => {
                    let next = earlier.number.next();
                    assert!(client != earlier.client || Some(number) == next, "number by number");
                    let silence = self.under_way.as_ref().map_or(Duration::ZERO, |it| it.silence);
                    seen::AFTER_SILENCE.held_if(silence > WINDOW);
                    seen::NEXT.held_if(client == earlier.client);
                    assert!(client != earlier.client || silence <= WINDOW, "R-CLIENT-5");
                }
            }
            if earlier.fate != Fate::NotExecuted {
                assert_eq!(Some(&operation), wanted.as_ref(), "what was asked for");
            }
        } else {
            assert_eq!(Some(&operation), wanted.as_ref(), "what was asked for");
        }
        if earlier.as_ref().is_none_or(|it| it.client != client) {
            assert_eq!(number, RequestNumber::FIRST, "a new client begins with 1");
            let drawn = self.starts.iter().any(|it| it.1 == started);
            assert!(drawn, "started when it drew its name, and that is not long ago");
        }
        self.open = Some(Open { client, number, operation, first_sent, fate: Fate::Unknown });
    }

    /// Nothing comes any more: what is under way ends, in few steps.
    fn rest(&mut self) {
        for _ in 0..100_000 {
            if self.under_way.is_none() {
                assert_eq!(self.client.poll_timeout(), None);
                return;
            }
            self.timeout(0);
        }
        panic!("it never ends");
    }
}

impl Deadline {
    fn duration(&self) -> Duration {
        match *self {
            Self::Usual => Duration::from_secs(30),
            Self::Millis(millis) => Duration::from_millis(millis.into()),
            Self::Minutes(minutes) => Duration::from_secs(60 * u64::from(minutes % 20)),
        }
    }
}

fn class(which: u8) -> ClassId {
    ClassId::new(u32::from(which % 3) + 1).expect("not zero")
}

fn sheet(class: ClassId, at: WallTime) -> SheetInfo {
    let content = ContentId::from_bytes([1; 32]);
    let number = RollCallNumber::FIRST;
    SheetInfo { class, number, opened_at: at, closed_at: at, students: 1, bytes: 3, content }
}

fn fitting(request: &Request, at: WallTime, already: bool) -> Answer {
    match request.ask.clone() {
        Ask::Perform { operation: Operation::Open { class, .. }, .. } => {
            Answer::Opened(Opened { class, opened_at: at, already_open: already })
        }
        Ask::Perform { operation: Operation::Close { class }, .. } => {
            Answer::Closed(Closed { sheet: sheet(class, at), already_closed: already })
        }
        Ask::Perform { operation: Operation::Mark { class, .. }, .. } => {
            Answer::Marked(Marked { class, at, already_present: already })
        }
        Ask::Read(Query::Status { from }) => {
            let open = OpenRollCall { class: from, opened_at: at, present: 0 };
            Answer::Status(StatusList { open: vec![open], more: false })
        }
        Ask::Read(Query::Sheets { class, .. }) => Answer::Sheets(SheetList {
            sheets: already.then(|| sheet(class, at)).into_iter().collect(),
            more: false,
        }),
        Ask::Read(Query::Files { .. }) => files(already),
        Ask::Read(Query::File { .. }) => file(already),
        other => panic!("{other:?} is no matter of this client"),
    }
}

fn files(offered: bool) -> Answer {
    let entry = FileEntry { name: "a".parse().expect("a name"), bytes: 3 };
    Answer::Files(offered.then(|| FileList { total: 1, files: vec![entry] }))
}

fn file(ready: bool) -> Answer {
    let info = FileInfo { bytes: 3, content: ContentId::from_bytes([1; 32]) };
    Answer::File(if ready { FileState::Ready(info) } else { FileState::Absent })
}

/// A word on the asking itself; a query cannot be ended by one.
fn is_verdict(answer: &Answer) -> bool {
    matches!(answer, Answer::Stale | Answer::BeginAgain(_) | Answer::Busy(_))
}

/// The table of chapter 5, and R-CLIENT-8.
fn fits_operation(operation: &Operation, answer: &Answer) -> bool {
    let asked = operation.class().expect("it is about a class");
    match operation {
        Operation::Open { .. } => match answer {
            Answer::Opened(Opened { class, .. }) => *class == asked,
            Answer::Refused(_) => true,
            _ => false,
        },
        Operation::Close { .. } => match answer {
            Answer::Closed(Closed { sheet, .. }) => sheet.class == asked,
            Answer::Refused(_) => true,
            _ => false,
        },
        Operation::Mark { .. } => match answer {
            Answer::Marked(Marked { class, .. }) => *class == asked,
            Answer::MarkRefused(_) => true,
            _ => false,
        },
        other => panic!("{other:?} is not asked here"),
    }
}

fn fits_query(query: Query, answer: &Answer) -> bool {
    match (query, answer) {
        (Query::Status { from }, Answer::Status(StatusList { open, more })) => {
            let mut least = u64::from(from.get());
            let rises = open.iter().all(|it| {
                let class = u64::from(it.class.get());
                let fits = class >= least;
                least = class + 1;
                fits
            });
            // A page that is not the last one is full, with what a sealed answer has room for (R-STATUS-4).
            rises && (open.len() >= (1_161 - 37) / 17 || !more)
        }
        (Query::Sheets { class, at_most }, Answer::Sheets(SheetList { sheets, more })) => {
            let mut most = u64::from(at_most.get());
            let falls = sheets.iter().all(|it| {
                let number = u64::from(it.number.get());
                let fits = it.class == class && number <= most;
                most = number - 1;
                fits
            });
            // And so is this one (R-SHEET-9).
            falls && (sheets.len() >= (1_161 - 36) / 66 || !more)
        }
        (Query::Files { from }, Answer::Files(Some(list))) => {
            let names: Vec<_> = list.files.iter().map(|it| it.name.as_str()).collect();
            let rises = names.windows(2).all(|pair| pair[0] < pair[1]);
            let is_last = u64::from(from) + names.len() as u64 >= u64::from(list.total);
            // No file has room beside those of a page that is not the last one (R-FILES-12).
            let bytes: usize = names.iter().map(|name| 12 + name.len()).sum();
            rises && (is_last || 42 + bytes + 267 > 1_161)
        }
        (Query::Files { .. }, Answer::Files(None)) | (Query::File { .. }, Answer::File(_)) => true,
        _ => false,
    }
}

/// By the clock that shows more.
fn age(from: Now, to: Now) -> Duration {
    let wall = from.wall.as_millis().abs_diff(to.wall.as_millis());
    let waited = to.instant.as_micros().saturating_sub(from.instant.as_micros());
    Duration::from_millis(wall).max(Duration::from_micros(waited))
}
