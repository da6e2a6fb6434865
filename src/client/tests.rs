//! The client by itself: what it sends and what it believes.

use super::*;
use crate::access::Terms;
use crate::exchange::{
    BeginAgain, Busy, FileEntry, FileList, Marked, OpenRollCall, Opened, Refusal, Refused, Request,
    SheetInfo, SheetList, StatusList, decode_request, encode_reply,
};
use crate::ids::{ClassId, ContentId, RollCallNumber};
use crate::limits::{RETRY_EVEN_WAITS, RETRY_INITIAL, RETRY_MAX};
use crate::time::WallTime;

const DEADLINE: Duration = Duration::from_secs(30);

/// A client whose clocks the test moves, and the requests that it sent.
struct Bench {
    client: Client,
    now: Now,
    sent: Vec<Request>,
    heard: Vec<Output>,
}

impl Bench {
    fn new() -> Self {
        let now = Now { instant: Instant::ZERO, wall: WallTime::from_millis(1_700_000_000_000) };
        Self { client: Client::new([7; 32]), now, sent: Vec::new(), heard: Vec::new() }
    }

    fn perform(&mut self, operation: Operation) -> &mut Self {
        self.client.perform(self.now, operation, DEADLINE);
        self.settle()
    }

    /// Lets that much time pass on both clocks, waking the client whenever it wants.
    fn wait(&mut self, wait: Duration) -> &mut Self {
        let end = self.now.instant.after(wait);
        while let Some(at) = self.client.poll_timeout().filter(|&at| at <= end) {
            self.advance(at.since(self.now.instant));
            self.settle();
        }
        self.advance(end.since(self.now.instant));
        self
    }

    /// Moves both clocks without waking the client, as when a laptop sleeps.
    fn advance(&mut self, wait: Duration) {
        self.now.instant = self.now.instant.after(wait);
        let millis = i64::try_from(wait.as_millis()).unwrap();
        self.now.wall = self.now.wall.shifted(millis);
    }

    /// The server answers the last request.
    fn answer(&mut self, answer: Answer) -> &mut Self {
        let &Request { client, number, .. } = self.last();
        self.deliver(&Reply { client, number, answer })
    }

    fn deliver(&mut self, reply: &Reply) -> &mut Self {
        let mut datagram = Datagram::new();
        encode_reply(reply, &mut datagram);
        self.client.handle_datagram(self.now, datagram.as_bytes());
        self.settle()
    }

    fn settle(&mut self) -> &mut Self {
        let mut space = Datagram::new();
        loop {
            if self.client.poll_timeout().is_some_and(|at| at <= self.now.instant) {
                self.client.handle_timeout(self.now);
            }
            match self.client.poll_output(&mut space) {
                Some(Output::Transmit) => {
                    self.sent.push(decode_request(space.as_bytes()).unwrap().request);
                }
                Some(output) => self.heard.push(output),
                None => return self,
            }
        }
    }

    fn last(&self) -> &Request {
        self.sent.last().expect("something was sent")
    }

    fn ending(&self) -> &Output {
        self.heard.last().expect("something was heard")
    }
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).unwrap()
}

fn open() -> Operation {
    Operation::Open { class: class(1), terms: Terms::PLAIN }
}

fn mark() -> Operation {
    Operation::Mark { class: class(1), student: "10".parse().unwrap(), code: None }
}

fn at() -> WallTime {
    WallTime::from_millis(1_700_000_000_000)
}

fn opened() -> Answer {
    Answer::Opened(Opened { class: class(1), opened_at: at(), already_open: false })
}

fn marked() -> Answer {
    Answer::Marked(Marked { class: class(1), at: at(), already_present: false })
}

fn begin_again() -> Answer {
    Answer::BeginAgain(BeginAgain { server_time: None })
}

fn answered(answer: Answer, attempts: u32) -> Output {
    Output::Answered { answer, attempts }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// spec: R-REQUEST-4, R-RETRY-9
#[test]
fn a_request_is_sent_again_with_the_same_words_until_it_is_answered() {
    let mut bench = Bench::new();
    bench.perform(mark()).wait(secs(5));
    assert!(bench.sent.len() > 3, "{} sendings", bench.sent.len());
    let first = bench.sent[0].clone();
    assert_eq!(bench.client.awaits(), Some(first.client));
    for (place, request) in bench.sent.iter().enumerate() {
        let attempt = u8::try_from(place + 1).unwrap();
        assert_eq!(*request, Request { attempt, ..first.clone() });
    }
    let attempts = u32::try_from(bench.sent.len()).unwrap();
    assert_eq!(*bench.answer(marked()).ending(), answered(marked(), attempts));
    let sent = bench.sent.len();
    bench.wait(secs(60));
    assert_eq!(bench.sent.len(), sent, "silence after the answer");
}

// spec: R-RETRY-1, R-RETRY-2, R-RETRY-3
#[test]
fn some_waits_are_even_then_they_double_up_to_their_cap_and_all_have_jitter() {
    let mut bench = Bench::new();
    bench.perform(mark());
    let mut waits = Vec::new();
    while let Some(at) = bench.client.poll_timeout().filter(|at| at.as_micros() < 20_000_000) {
        let wait = at.since(bench.now.instant);
        waits.push(wait);
        bench.wait(wait);
    }
    let mut expected = RETRY_INITIAL;
    let (even, doubled) = waits.split_at(RETRY_EVEN_WAITS as usize);
    assert!(even.iter().all(|wait| (expected..expected.mul_f64(1.5)).contains(wait)), "{even:?}");
    assert_ne!(even.iter().min(), even.iter().max(), "each has jitter of its own");
    for wait in doubled {
        expected = (expected * 2).min(RETRY_MAX);
        assert!(*wait >= expected && *wait < expected.mul_f64(1.5), "{wait:?} {expected:?}");
    }
    assert!(waits.iter().any(|wait| *wait > RETRY_MAX), "the cap is reached, before jitter");
}

// spec: R-RETRY-5, R-RETRY-6
#[test]
fn at_the_deadline_the_outcome_is_unknown_and_the_request_stays_open() {
    let mut bench = Bench::new();
    bench.perform(mark()).wait(DEADLINE);
    let attempts = u32::try_from(bench.sent.len()).unwrap();
    let unknown = Unanswered { attempts, lost: false, refused: false, busy: false, versions: None };
    assert_eq!(*bench.ending(), Output::Unanswered(unknown));
    assert_eq!(bench.client.unsettled(), Some(mark()));
    let sent = bench.sent.len();
    bench.wait(secs(60));
    assert_eq!(bench.sent.len(), sent, "silence after the deadline");
}

// spec: R-SETTLE-1, R-SETTLE-3
#[test]
fn an_open_request_is_settled_before_the_next_one_is_sent() {
    let mut bench = Bench::new();
    bench.perform(open()).wait(DEADLINE);
    let earlier = bench.last().clone();
    bench.perform(mark());
    assert_eq!((bench.last().number, bench.last().ask.clone()), (earlier.number, earlier.ask));
    bench.answer(opened());
    let settled = Output::Progress(Progress::Settled { operation: open(), answer: opened() });
    assert_eq!(*bench.ending(), settled);
    assert_eq!(bench.last().client, earlier.client);
    assert_eq!(Some(bench.last().number), earlier.number.next());
    assert_eq!(*bench.answer(marked()).ending(), answered(marked(), 1));
}

#[test]
fn what_was_never_sent_is_not_left_open() {
    let mut bench = Bench::new();
    bench.perform(open()).wait(DEADLINE);
    bench.perform(mark()).wait(DEADLINE);
    let unsent =
        Unanswered { attempts: 0, lost: false, refused: false, busy: false, versions: None };
    assert_eq!(*bench.ending(), Output::Unanswered(unsent));
    assert_eq!(bench.client.unsettled(), Some(open()), "the first is still the open one");
}

// spec: R-RETRY-7, R-AGAIN-1
#[test]
fn who_was_told_to_wait_waits_although_it_begins_again() {
    let mut bench = Bench::new();
    bench.perform(mark()).answer(Answer::Busy(Busy { retry_after_ms: 5_000 }));
    let busy_at = bench.now.instant;
    bench.answer(begin_again());
    assert_eq!(bench.sent.len(), 1, "not at once");
    bench.wait(secs(10));
    assert!(bench.sent.len() > 1);
    assert_ne!(bench.last().client, bench.sent[0].client, "under a new client id");
    let waited = bench.client.exchange.as_ref().expect("it waits").last_sent.since(busy_at);
    assert!(waited >= secs(5), "{waited:?}");
    let unknown = match bench.wait(DEADLINE).ending() {
        Output::Unanswered(unanswered) => unanswered.clone(),
        other => panic!("{other:?}"),
    };
    assert!(unknown.busy && !unknown.lost, "{unknown:?}");
}

// spec: R-SETTLE-2
#[test]
fn an_open_request_older_than_the_window_is_abandoned() {
    let mut bench = Bench::new();
    bench.perform(open()).wait(DEADLINE);
    let earlier = bench.last().clone();
    bench.wait(WINDOW).perform(mark());
    assert!(bench.heard.contains(&Output::Progress(Progress::Abandoned { operation: open() })));
    assert_ne!(bench.last().client, earlier.client);
    assert_eq!(bench.last().number, RequestNumber::FIRST);
}

// spec: R-SETTLE-1, R-AGAIN-2
#[test]
fn an_open_request_exactly_as_old_as_the_window_is_settled() {
    let mut bench = Bench::new();
    bench.perform(open()).wait(DEADLINE);
    let earlier = bench.last().clone();
    bench.wait(WINDOW.checked_sub(DEADLINE).unwrap()).perform(mark());
    assert_eq!((bench.last().client, bench.last().ask.clone()), (earlier.client, earlier.ask));
    bench.advance(Duration::from_millis(1));
    bench.answer(begin_again());
    assert!(bench.heard.contains(&Output::Progress(Progress::Abandoned { operation: open() })));
}

// spec: R-AGAIN-1
#[test]
fn begin_again_exactly_a_window_after_the_first_sending_goes_on() {
    let mut bench = Bench::new();
    bench.perform(open());
    let earlier = bench.last().clone();
    bench.now.wall = bench.now.wall.shifted(15 * 60 * 1_000);
    bench.answer(begin_again());
    assert_ne!(bench.last().client, earlier.client);
    assert_eq!(*bench.answer(opened()).ending(), answered(opened(), 2));
}

// spec: R-AGAIN-1
#[test]
fn begin_again_sends_the_same_operation_as_a_new_client() {
    let mut bench = Bench::new();
    bench.perform(open()).answer(opened()).perform(mark());
    let earlier = bench.last().clone();
    assert_eq!(earlier.number.get(), 2);
    bench.answer(begin_again());
    assert_ne!(bench.last().client, earlier.client);
    assert_eq!(bench.last().number, RequestNumber::FIRST);
    assert_eq!(*bench.answer(marked()).ending(), answered(marked(), 2));
}

// spec: R-AGAIN-2
#[test]
fn begin_again_after_a_long_sleep_leaves_the_outcome_unknown() {
    // The first sending may have been executed and forgotten while the laptop slept.
    let mut bench = Bench::new();
    bench.perform(open()).answer(opened()).perform(mark());
    bench.now.wall = bench.now.wall.shifted(31 * 60 * 1_000);
    bench.answer(begin_again());
    assert!(matches!(bench.ending(), Output::Unanswered(Unanswered { lost: true, .. })));
    assert_eq!(bench.client.unsettled(), None);
}

// spec: R-CLIENT-3, R-AGAIN-1
#[test]
fn clock_skew_teaches_the_servers_time() {
    let mut bench = Bench::new();
    let server_time = bench.now.wall.shifted(-86_400_000);
    bench.perform(open());
    let earlier = bench.last().clone();
    bench.answer(Answer::BeginAgain(BeginAgain { server_time: Some(server_time) }));
    assert_ne!(bench.last().client, earlier.client);
    let Ask::Perform { started, .. } = bench.last().ask else { panic!("an operation") };
    assert_eq!(started, server_time);
    bench.answer(opened());
    assert_eq!(*bench.ending(), answered(opened(), 2));
}

// spec: R-CLIENT-7
#[test]
fn clock_skew_to_a_query_teaches_nothing() {
    let mut bench = Bench::new();
    let at_most = RollCallNumber::MAX;
    bench.client.ask(bench.now, Query::Sheets { class: class(1), at_most }, DEADLINE);
    bench.settle();
    let server_time = bench.now.wall.shifted(-86_400_000);
    bench.answer(Answer::BeginAgain(BeginAgain { server_time: Some(server_time) }));
    let none = Answer::Sheets(SheetList { sheets: Vec::new(), more: false });
    bench.answer(none).perform(open());
    let Ask::Perform { started, .. } = bench.last().ask else { panic!("an operation") };
    assert_eq!(started, bench.now.wall, "it answers no request that is under way");
}

// spec: R-AGAIN-5
#[test]
fn a_server_that_always_sends_back_is_not_asked_faster_than_a_silent_one() {
    let mut bench = Bench::new();
    bench.perform(open()).answer(begin_again());
    let sent = bench.sent.len();
    for _ in 0..50 {
        bench.answer(begin_again());
    }
    assert_eq!(bench.sent.len(), sent);
    bench.wait(DEADLINE);
    assert!(matches!(bench.ending(), Output::Unanswered(_)));
}

// spec: R-AGAIN-3, R-AGAIN-4
#[test]
fn stale_leaves_the_outcome_unknown() {
    let mut bench = Bench::new();
    bench.perform(mark()).answer(Answer::Stale);
    assert!(matches!(bench.ending(), Output::Unanswered(Unanswered { lost: true, .. })));
    let earlier = bench.last().clone();
    bench.perform(mark());
    assert_ne!(bench.last().client, earlier.client);
}

// spec: R-CLIENT-10
#[test]
fn revoked_ends_what_is_asked_and_is_counted_under_no_client_id() {
    let mut bench = Bench::new();
    bench.perform(open()).answer(opened()).perform(mark()).answer(Answer::Revoked);
    assert_eq!(*bench.ending(), answered(Answer::Revoked, 1));
    let earlier = bench.last().clone();
    bench.wait(secs(60));
    assert_eq!(*bench.last(), earlier, "it is not sent again");
    bench.perform(mark());
    assert_ne!(bench.last().client, earlier.client);
    assert_eq!(bench.last().number, RequestNumber::FIRST);
    bench.answer(Answer::Revoked);
    bench.client.ask(bench.now, Query::Status { from: class(1) }, DEADLINE);
    bench.settle().answer(Answer::Revoked);
    assert_eq!(*bench.ending(), answered(Answer::Revoked, 1), "a question too");
}

// spec: R-AGAIN-1, R-AGAIN-2, R-AGAIN-6
#[test]
fn the_age_of_an_operation_is_counted_over_all_its_names() {
    let mut bench = Bench::new();
    bench.perform(open());
    let first = bench.last().clone();
    bench.wait(secs(1)).answer(begin_again());
    let second = bench.last().clone();
    assert_ne!(second.client, first.client);
    assert_eq!(second.number, RequestNumber::FIRST);
    // A whole window since the second name: only since the first it is more.
    bench.now.wall = bench.now.wall.shifted(15 * 60 * 1_000);
    bench.answer(begin_again());
    assert!(matches!(bench.ending(), Output::Unanswered(Unanswered { lost: true, .. })));
    assert_eq!(*bench.last(), second, "it was not sent again");
}

// spec: R-REQUEST-1, R-REQUEST-2, R-CLIENT-4
#[test]
fn operations_and_queries_are_counted_apart_from_1() {
    let mut bench = Bench::new();
    let list = Answer::Status(StatusList { open: Vec::new(), more: false });
    for count in 1..=3 {
        bench.perform(mark());
        assert_eq!(bench.last().number.get(), count);
        bench.answer(marked());
        bench.client.ask(bench.now, Query::Status { from: class(1) }, DEADLINE);
        bench.settle();
        assert_eq!(bench.last().number.get(), count);
        assert_eq!(*bench.answer(list.clone()).ending(), answered(list.clone(), 1));
    }
}

// spec: R-REQUEST-3
#[test]
fn attempts_are_counted_over_all_names_and_up_to_255() {
    let mut bench = Bench::new();
    bench.client.perform(bench.now, mark(), secs(1_000));
    bench.settle().wait(secs(1)).answer(begin_again()).wait(secs(900));
    assert!(bench.sent.len() > 260, "{} sendings", bench.sent.len());
    for (place, request) in bench.sent.iter().enumerate() {
        assert_eq!(request.attempt, u8::try_from(place + 1).unwrap_or(255));
    }
}

// spec: R-CLIENT-1
#[test]
fn no_two_clients_have_one_id() {
    let ids = (0..100).map(|_| {
        let mut bench = Bench::new();
        bench.client = Client::new(crate::shell::clock::entropy());
        bench.perform(mark());
        *bench.last().client.as_bytes()
    });
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 100);
}

// spec: R-CLIENT-2
#[test]
#[should_panic(expected = "one exchange at a time")]
fn a_second_operation_has_to_wait_for_the_first() {
    Bench::new().perform(open()).perform(mark());
}

// spec: R-READ-4, R-CLIENT-7
#[test]
fn whatever_comes_unasked_is_not_answered() {
    let mut bench = Bench::new();
    bench.perform(mark()).answer(marked());
    let (sent, heard) = (bench.sent.len(), bench.heard.len());
    for answer in [marked(), begin_again(), Answer::Busy(Busy { retry_after_ms: 0 })] {
        bench.answer(answer);
    }
    let mut request = Datagram::new();
    encode_request(bench.last(), &mut request);
    bench.client.handle_datagram(bench.now, request.as_bytes());
    bench.wait(secs(60));
    assert_eq!((bench.sent.len(), bench.heard.len()), (sent, heard));
}

// spec: R-RETRY-1
#[test]
fn the_first_wait_has_bounds() {
    for (measured, wait) in [(1, 100), (40, 120), (150, 450), (170, 500), (9_000, 500)] {
        let mut round_trip = RoundTrip::default();
        round_trip.sample(Duration::from_millis(measured));
        assert_eq!(round_trip.first_wait(), Duration::from_millis(wait), "{measured} ms");
    }
    let mut round_trip = RoundTrip::default();
    round_trip.sample(Duration::from_millis(80));
    round_trip.sample(Duration::from_millis(160));
    // srtt = 7/8 * 80 + 1/8 * 160 = 90, rttvar = 3/4 * 40 + 1/4 * 80 = 50.
    assert_eq!(round_trip.first_wait(), Duration::from_millis(290));
}

// spec: R-RETRY-7
#[test]
fn busy_is_waited_for() {
    let mut bench = Bench::new();
    bench.perform(mark()).answer(Answer::Busy(Busy { retry_after_ms: 5_000 }));
    let sent = bench.sent.len();
    bench.wait(Duration::from_millis(4_999));
    assert_eq!(bench.sent.len(), sent);
    bench.wait(secs(5));
    assert!(bench.sent.len() > sent);
}

// spec: R-RETRY-7
#[test]
fn busy_is_waited_for_beyond_the_deadline() {
    let mut bench = Bench::new();
    bench.perform(open()).wait(secs(29)).answer(Answer::Busy(Busy { retry_after_ms: 60_000 }));
    let sent = bench.sent.len();
    bench.wait(secs(1)).perform(mark()).wait(secs(29));
    assert_eq!(bench.sent.len(), sent, "settling begins no sooner");
    bench.wait(secs(1)).perform(mark()).wait(secs(28));
    assert_eq!(bench.sent.len(), sent, "nor the second time");
    bench.wait(secs(1));
    assert_eq!(bench.sent.len(), sent + 1);
    assert_eq!(bench.last().ask, bench.sent[0].ask);
}

// spec: R-CLIENT-6, R-CLIENT-7, R-CLIENT-8, R-READ-1
#[test]
fn answers_to_others_to_other_requests_and_of_other_kinds_are_ignored() {
    let mut bench = Bench::new();
    bench.perform(mark()).answer(marked()).perform(mark());
    let heard = bench.heard.len();
    let &Request { client, number, .. } = bench.last();
    let stranger = ClientId::from_bytes([1; 16]);
    let other_class = Answer::Marked(Marked { class: class(2), at: at(), already_present: false });
    let wrong = [
        Reply { client: stranger, number, answer: marked() },
        Reply { client, number: RequestNumber::FIRST, answer: marked() },
        Reply { client, number: number.next().unwrap(), answer: marked() },
        Reply { client, number, answer: opened() },
        Reply { client, number, answer: other_class },
        Reply {
            client,
            number,
            answer: Answer::Status(StatusList { open: Vec::new(), more: false }),
        },
        Reply {
            client,
            number,
            answer: Answer::Refused(Refused { at: at(), reason: Refusal::NotOpen }),
        },
    ];
    for reply in wrong {
        bench.deliver(&reply);
        assert_eq!(bench.heard.len(), heard, "{reply:?}");
    }
    bench.client.handle_datagram(bench.now, b"nonsense");
    assert_eq!(*bench.answer(marked()).ending(), answered(marked(), 1));
}

// spec: R-FILES-12
#[test]
fn pages_of_files_that_do_not_rise_or_could_be_longer_are_ignored() {
    let page = |names: &[String], total| {
        let entry = |name: &String| FileEntry { name: name.parse().unwrap(), bytes: 1 };
        Answer::Files(Some(FileList { total, files: names.iter().map(entry).collect() }))
    };
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    // 42 bytes, and 267 for each of the first three: a sealed answer has 318 bytes left.
    let long = ["a", "b", "c"].map(|it| it.repeat(255));
    let rest = |bytes: usize| [&long[..], &["d".repeat(bytes)]].concat();
    let mut bench = Bench::new();
    bench.client.ask(bench.now, Query::Files { from: 2 }, DEADLINE);
    bench.settle();
    let heard = bench.heard.len();
    let wrong = [
        page(&names(&["b", "a"]), 4),
        page(&names(&["a", "a"]), 4),
        page(&[], 3),
        page(&names(&["a"]), 4),
        page(&long, 6),
        page(&rest(39), 7),
    ];
    for answer in wrong {
        bench.answer(answer.clone());
        assert_eq!(bench.heard.len(), heard, "{answer:?}");
    }
    let right = page(&rest(40), 7);
    assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
    for right in [page(&names(&["a", "b"]), 4), page(&[], 0), Answer::Files(None)] {
        bench.client.ask(bench.now, Query::Files { from: 2 }, DEADLINE);
        bench.settle();
        assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
    }
}

// spec: R-STATUS-4
#[test]
fn lists_out_of_order_and_short_ones_with_more_are_ignored() {
    let list = |classes: &[u32], more| {
        let open = classes.iter().map(|&number| OpenRollCall {
            class: class(number),
            opened_at: at(),
            present: 0,
        });
        Answer::Status(StatusList { open: open.collect(), more })
    };
    let mut bench = Bench::new();
    bench.client.ask(bench.now, Query::Status { from: class(5) }, DEADLINE);
    bench.settle();
    let heard = bench.heard.len();
    let wrong = [
        list(&[7, 6], false),
        list(&[6, 6], false),
        list(&[4, 6], false),
        list(&[4], false),
        list(&[7, 6], true),
        list(&[4, 6], true),
        list(&[], true),
        // A page that is not the last one is full, with what a sealed answer has room for.
        list(&(5..5 + 65).collect::<Vec<_>>(), true),
    ];
    for answer in wrong {
        bench.answer(answer.clone());
        assert_eq!(bench.heard.len(), heard, "{answer:?}");
    }
    let right = list(&(5..5 + 66).collect::<Vec<_>>(), true);
    assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
}

// spec: R-SHEET-9
#[test]
fn sheets_of_another_class_out_of_order_or_too_few_with_more_are_ignored() {
    let listed = |numbers: &[u32], of: u32, more| {
        let info = |&number: &u32| SheetInfo {
            class: class(of),
            number: RollCallNumber::new(number).unwrap(),
            opened_at: at(),
            closed_at: at(),
            students: 0,
            bytes: 16,
            content: ContentId::of(b"a sheet"),
        };
        Answer::Sheets(SheetList { sheets: numbers.iter().map(info).collect(), more })
    };
    let mut bench = Bench::new();
    let at_most = RollCallNumber::new(50).unwrap();
    bench.client.ask(bench.now, Query::Sheets { class: class(1), at_most }, DEADLINE);
    bench.settle();
    let heard = bench.heard.len();
    let wrong = [
        listed(&[3, 2], 2, false),
        listed(&[51, 50], 1, false),
        listed(&[2, 3], 1, false),
        listed(&[3, 3], 1, false),
        listed(&[], 1, true),
        listed(&(1..=16).rev().collect::<Vec<_>>(), 1, true),
    ];
    for answer in wrong {
        bench.answer(answer.clone());
        assert_eq!(bench.heard.len(), heard, "{answer:?}");
    }
    let right = listed(&(34..=50).rev().collect::<Vec<_>>(), 1, true);
    assert_eq!(*bench.answer(right.clone()).ending(), answered(right, 1));
}

// spec: R-VERSION-3, R-RETRY-8
#[test]
fn a_refused_connection_and_unknown_versions_are_only_hints() {
    let mut bench = Bench::new();
    bench.perform(mark());
    bench.client.handle_refused();
    let mut datagram = Datagram::new();
    Versions::ours().encode(&mut datagram);
    bench.client.handle_datagram(bench.now, datagram.as_bytes());
    bench.settle();
    assert!(!bench.client.is_idle());
    bench.wait(DEADLINE);
    let Output::Unanswered(unanswered) = bench.ending() else { panic!("no answer came") };
    assert!(unanswered.refused);
    assert_eq!(unanswered.versions, Some(Versions::ours()));
}

// spec: R-RETRY-4
#[test]
fn karns_rule_only_single_sendings_are_measured() {
    let mut bench = Bench::new();
    bench.perform(mark()).wait(secs(1)).answer(marked());
    assert!(bench.client.round_trip().is_none(), "it was sent several times");
    bench.perform(mark());
    bench.wait(Duration::from_millis(80)).answer(marked());
    assert_eq!(bench.client.round_trip(), Some(Duration::from_millis(80)));
    assert_eq!(bench.client.round_trip.first_wait(), Duration::from_millis(240));
}

// spec: R-CLIENT-5
#[test]
fn a_client_that_was_idle_for_longer_than_the_window_begins_anew() {
    let mut bench = Bench::new();
    bench.perform(open()).answer(opened());
    let earlier = bench.last().clone();
    bench.wait(WINDOW).perform(mark());
    assert_eq!(bench.last().client, earlier.client);
    bench.answer(marked()).wait(WINDOW + secs(1)).perform(mark());
    assert_ne!(bench.last().client, earlier.client);
}
