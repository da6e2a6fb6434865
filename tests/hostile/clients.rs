//! Clients that send wrongly, or for ever, to the real server: it answers no more than it may, goes
//! on serving an honest client meanwhile, and ends in order.

use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use rollcall::exchange::{
    Answer, Ask, BeginAgain, Operation, Pull, Query, decode_reply, decode_request,
};
use rollcall::ids::{ClientId, ContentId, Cookie, FileKey, RollCallNumber};
use rollcall::shell::clock::Clock;
use rollcall::wire::Kind;

use crate::support::process::Process;
use crate::support::raw::{Raw, class, close, frame, mark, new_client, open, request, status};
use crate::support::{STUDENT, Server, Setup};

/// How often a client asks that does not stop.
const FOR_EVER: u64 = 20_000;
/// The same where each time is another request, which costs the server more.
const FOR_LONG: u64 = 4_000;

/// How long a question waits for its answer before it is asked again, and how often it is.
const AGAIN: Duration = Duration::from_millis(500);
const ASKED_MAX: usize = 240;

/// What is in the file that the server offers.
const FILE: &[u8] = &[5; 10_000];

/// What a hostile client asks, as this client, with this number.
struct Question {
    name: &'static str,
    ask: fn() -> Ask,
}

impl Question {
    fn datagram(&self, client: ClientId, number: u64) -> Vec<u8> {
        request(client, number, 1, (self.ask)())
    }
}

const QUESTIONS: &[Question] = &[
    Question { name: "OPEN", ask: || perform(open(77)) },
    Question { name: "CLOSE", ask: || perform(close(77)) },
    Question { name: "MARK", ask: || perform(mark(3030, "hostile")) },
    Question { name: "MARK, refused", ask: || perform(mark(78, "hostile")) },
    Question { name: "OPEN, clock behind", ask: || late(open(79)) },
    Question { name: "STATUS", ask: || Ask::Read(Query::Status { from: class(1) }) },
    Question { name: "SHEETS", ask: || sheets(3030) },
    Question { name: "SHEETS, of no class", ask: || sheets(3031) },
    Question { name: "FILES", ask: || Ask::Read(Query::Files { from: 0 }) },
    Question { name: "FILES, past the end", ask: || Ask::Read(Query::Files { from: u32::MAX }) },
    Question { name: "FILE", ask: || Ask::Read(Query::File { file: key(b'f') }) },
    Question { name: "PULL, unproved", ask: || pull(Cookie::NONE, u64::MAX) },
    Question { name: "PULL, forged", ask: || pull(Cookie::from_bytes([3; 16]), u64::MAX) },
    Question { name: "PULL, one block", ask: || pull(Cookie::NONE, 1) },
];

fn perform(operation: Operation) -> Ask {
    Ask::Perform { started: Clock::start().now().wall, operation }
}

fn late(operation: Operation) -> Ask {
    Ask::Perform { started: Clock::start().now().wall.shifted(-3_600_000), operation }
}

fn key(byte: u8) -> FileKey {
    FileKey::from_bytes([byte; 16])
}

fn sheets(number: u32) -> Ask {
    Ask::Read(Query::Sheets { class: class(number), at_most: RollCallNumber::MAX })
}

fn pull(cookie: Cookie, wanted: u64) -> Ask {
    Ask::Pull(Pull { object: ContentId::of(FILE), cookie, first: 0, wanted })
}

/// A server with an open class and a file.
fn server() -> (tempfile::TempDir, Server) {
    let files = tempfile::tempdir().expect("a folder");
    fs::write(files.path().join("notes.pdf"), FILE).expect("a file");
    let server = Setup::new().files(files.path()).start();
    server.teacher(["open", "3030"]).expect(0);
    // A file that was not asked for by its name is not known by its content yet, and a `PULL` for it
    // is dropped (R-FILES-11).
    let output = files.path().join(".fetched");
    server
        .student([OsStr::new("get"), "notes.pdf".as_ref(), "--output".as_ref(), output.as_ref()])
        .expect(0);
    (files, server)
}

/// An honest student, who is under way while others flood.
fn honest(server: &Server, student: &str) -> Process {
    server.client(STUDENT).args(["--json", "mark", "3030", student]).start()
}

/// Sends all of these, and takes what comes back: how many bytes went and came.
fn flood(raw: &Raw, datagrams: impl Iterator<Item = Vec<u8>>) -> (usize, usize) {
    let (mut sent, mut got) = (0, 0);
    for (place, datagram) in datagrams.enumerate() {
        raw.send(&datagram);
        sent += datagram.len();
        if place % 32 == 31 {
            got += raw.receive_rest().iter().map(Vec::len).sum::<usize>();
        }
    }
    (sent, got)
}

/// Fails if the server sent this socket more than it got from it; what is asked last shows that
/// everything before was dealt with.
#[track_caller]
fn expect_no_more_than(name: &str, raw: &Raw, (sent, mut got): (usize, usize)) {
    let last = new_client();
    let question = status(last);
    // It may be lost in a full buffer: asked until it is answered, as clients do.
    let answered = |datagram: &Vec<u8>| decode_reply(datagram).is_ok_and(|it| it.client == last);
    let mut asked = 0;
    let mut is_answered = false;
    for _ in 0..ASKED_MAX {
        raw.send(&question);
        asked += question.len();
        while !is_answered && let Some(datagram) = raw.receive_within(AGAIN) {
            got += datagram.len();
            is_answered = answered(&datagram);
        }
        if is_answered {
            got += raw.receive_rest().iter().map(Vec::len).sum::<usize>();
            break;
        }
    }
    assert!(is_answered, "{name}: nobody is answered any more\n{}", raw.report());
    assert!(got <= sent + asked, "{name}: {got} bytes for {} \n{}", sent + asked, raw.report());
}

#[test]
fn a_client_that_asks_for_ever_gets_no_more_than_it_sends_and_others_are_served() {
    let (_files, server) = server();
    for (place, question) in QUESTIONS.iter().enumerate() {
        let Question { name, .. } = question;
        let student = honest(&server, &format!("honest{place}"));
        let client = new_client();
        let same = question.datagram(client, 1);
        let raw = Raw::to(&server);
        let count = usize::try_from(FOR_EVER).expect("few");
        let flow = flood(&raw, std::iter::repeat_n(same, count));
        expect_no_more_than(&format!("{name}, the same"), &raw, flow);
        let flow = flood(&raw, (2..FOR_LONG).map(|number| question.datagram(client, number)));
        expect_no_more_than(&format!("{name}, one after the other"), &raw, flow);
        let flow = flood(&raw, (0..FOR_LONG).map(|_| question.datagram(new_client(), 1)));
        expect_no_more_than(&format!("{name}, always a new client"), &raw, flow);
        student.finish().expect(0);
    }
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    let students = sheet["students"].as_array().expect("a list");
    let honest =
        students.iter().filter(|it| it.as_str().is_some_and(|it| it.starts_with("honest")));
    assert_eq!(honest.count(), QUESTIONS.len(), "each honest student once");
    let hostile = students.iter().filter(|it| *it == "hostile");
    assert_eq!(hostile.count(), 1, "whoever marks for ever is on the sheet once");
    server.stop("TERM");
}

#[test]
fn a_client_that_asks_twice_gets_the_same_answer_twice_or_none() {
    let (_files, server) = server();
    for question in QUESTIONS {
        let raw = Raw::to(&server);
        let datagram = question.datagram(new_client(), 1);
        raw.send(&datagram);
        raw.send(&datagram);
        let first = raw.receive();
        // The second came while the first was not durable, or is answered the same.
        let last = new_client();
        raw.send(&status(last));
        let mut answers = vec![first];
        while decode_reply(answers.last().expect("one")).map(|it| it.client) != Ok(last) {
            answers.push(raw.receive());
        }
        answers.pop();
        assert!(answers.len() <= 2, "{}: {} answers", question.name, answers.len());
        let is_read = decode_request(&datagram)
            .is_ok_and(|it| !matches!(it.request.ask, Ask::Perform { .. }));
        let same = answers
            .windows(2)
            .all(|pair| pair[0] == pair[1] || is_the_time_again(&pair[0], &pair[1]));
        assert!(same || is_read, "{}: another answer the second time", question.name);
    }
    server.stop("TERM");
}

#[test]
fn what_is_cut_or_is_no_request_is_not_answered() {
    let (_files, server) = server();
    let raw = Raw::to(&server);
    for question in QUESTIONS {
        let datagram = question.datagram(new_client(), 1);
        for length in (0..datagram.len()).step_by(7) {
            raw.send(&datagram[..length]);
        }
        raw.expect_silence_so_far(question.name);
    }
    for (_, byte, name) in Kind::TABLE.into_iter().filter(|row| row.1 >= 0x80) {
        for length in [0, 17, 40, 500] {
            raw.send(&frame(1, byte, &vec![1; length]));
            raw.send(&frame(0, byte, &vec![1; length]));
        }
        raw.expect_silence_so_far(name);
    }
    server.stop("TERM");
}

/// Whether both say only that a clock is behind, and the second what time it is by then.
///
/// R-JUDGE-8: "A server MUST answer an operation of an unknown client with number 1 whose `started` is
/// more than the window before the server time with `BEGIN_AGAIN` and the server time, and MUST NOT
/// execute it." Unlike R-JUDGE-9 it asks for no memory of the answer, so the time goes on.
fn is_the_time_again(first: &[u8], second: &[u8]) -> bool {
    let time = |datagram: &[u8]| match decode_reply(datagram).ok()?.answer {
        Answer::BeginAgain(BeginAgain { server_time }) => server_time,
        _ => None,
    };
    matches!((time(first), time(second)), (Some(first), Some(second)) if first <= second)
}

#[test]
fn numbers_out_of_order_execute_nothing() {
    let (_files, server) = server();
    let raw = Raw::to(&server);
    for number in [2, 3, u64::from(u32::MAX), u64::MAX] {
        let answer =
            raw.reply(&request(new_client(), number, 1, perform(mark(3030, "ghost")))).answer;
        assert!(!matches!(answer, Answer::Marked(_)), "{number}: {answer:?}");
    }
    // One that is known, and leaves some out, goes back, or asks for something else.
    let client = new_client();
    let first = raw.reply(&request(client, 1, 1, perform(mark(3030, "first")))).answer;
    assert!(matches!(first, Answer::Marked(_)), "{first:?}");
    for number in [3, u64::MAX, 1] {
        let answer = raw.reply(&request(client, number, 1, perform(mark(3030, "ghost")))).answer;
        assert!(!matches!(answer, Answer::Marked(_)), "{number}: {answer:?}");
    }
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], serde_json::json!(["first"]));
    server.stop("TERM");
}

#[test]
fn a_client_that_pulls_for_ever_does_not_keep_others_from_marking() {
    let (_files, server) = server();
    let raw = Raw::to(&server);
    let object = ContentId::of(FILE);
    let client = new_client();
    let pull = |cookie, number| {
        request(client, number, 1, Ask::Pull(Pull { object, cookie, first: 0, wanted: u64::MAX }))
    };
    let Answer::Cookie(cookie) = raw.reply(&pull(Cookie::NONE, 1)).answer else {
        panic!("a cookie comes first\n{}", raw.report())
    };
    let student = honest(&server, "honest");
    let (_, got) = flood(&raw, (2..FOR_LONG).map(|number| pull(cookie, number)));
    // It is served, by now or soon.
    if got == 0 {
        let block = decode_reply(&raw.receive()).expect("an answer").answer;
        assert!(matches!(block, Answer::Pulled(_)), "{block:?}");
    }
    student.finish().expect(0);
    server.stop("TERM");
}
