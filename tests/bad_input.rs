//! What no honest client sends and no careful person types: it changes nothing, stops nothing, and
//! has a name.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::UdpSocket;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rollcall::exchange::{
    Answer, Ask, Marked, Pull, Pulled, Query, SheetList, StatusList, decode_reply,
};
use rollcall::ids::{Cookie, RollCallNumber};
use rollcall::wire::{Kind, VERSION, Versions};
use serde_json::{Value, json};

use support::disk::SmallDisk;
use support::process::{Finished, Process};
use support::raw::{Raw, class, close, first_request, frame, mark, new_client, open, request};
use support::raw::{sealed, status};
use support::{Call, Place, SERVER, STUDENT, Server, Setup, TEACHER};
use support::{counters, has, own_address, run, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

// Datagrams.

/// A server, a bare socket, and how often each thing should have been counted.
struct Attack {
    server: Server,
    raw: Raw,
    expected: BTreeMap<String, u64>,
}

impl Attack {
    fn begin() -> Self {
        let server = Server::in_memory();
        let raw = Raw::to(&server);
        let mut attack = Self { server, raw, expected: BTreeMap::new() };
        let opened = attack.raw.reply(&first_request(open(1))).answer;
        assert!(matches!(opened, Answer::Opened(_)), "{opened:?}");
        attack.expect("opened");
        attack
    }

    fn expect(&mut self, counter: &str) {
        *self.expected.entry(counter.to_owned()).or_default() += 1;
    }

    /// Sends what must not be answered, and shows that it was not.
    #[track_caller]
    fn ignored(&mut self, counter: &str, about: &str, datagram: &[u8]) {
        self.raw.send(datagram);
        self.raw.expect_silence_so_far(about);
        self.expect(counter);
        self.expect("query_status");
    }

    /// Sends what is answered with the versions spoken, and shows that this is all.
    #[track_caller]
    fn answered_with_versions(&mut self, about: &str, datagram: &[u8]) {
        let answer = self.raw.ask(datagram);
        assert_eq!(Versions::decode(&answer), Ok(Versions::ours()), "{about}: {answer:02x?}");
        assert!(answer.len() <= datagram.len(), "{about}: {answer:02x?} is longer");
        self.raw.expect_silence_so_far(about);
        self.expect("rejected_version");
        self.expect("query_status");
    }

    /// An honest student is served; the counters are exactly what was expected; nothing else was
    /// recorded.
    #[track_caller]
    fn end(mut self) {
        let receipt = self.server.student(["mark", "1", "honest"]).expect(0).object();
        assert_eq!(receipt["outcome"], "present", "{receipt}");
        let marked = self.raw.reply(&first_request(mark(1, "raw"))).answer;
        assert!(
            matches!(marked, Answer::Marked(Marked { already_present: false, .. })),
            "{marked:?}"
        );
        let closed = self.server.teacher(["close", "1"]).expect(0);
        assert_eq!(closed.object()["students"], json!(["honest", "raw"]), "{closed}");
        self.expected.extend([("marked".to_owned(), 2), ("closed".to_owned(), 1)]);
        let (_, ended) = self.server.stop("TERM");
        let mut counted = counters(&ended.stderr);
        // What follows from the rest, and what a slow moment may add.
        for other in ["sent", "committed", "resent", "pull", "blocks_given"] {
            counted.remove(other);
        }
        counted.retain(|name, _| !name.starts_with("duplicate_"));
        assert_eq!(counted, self.expected, "\n{ended}");
    }
}

/// A right mark, whose 48 bytes are the shortest that are read.
fn honest() -> Vec<u8> {
    let datagram = first_request(mark(1, "10"));
    assert_eq!(datagram.len(), 48);
    datagram
}

// spec: R-FRAME-5
#[test]
fn what_is_too_short_for_a_frame_is_ignored() {
    let mut attack = Attack::begin();
    attack.ignored("rejected_too_short", "an empty datagram", b"");
    for byte in [0, b'R', 0xff] {
        attack.ignored("rejected_too_short", "one byte", &[byte]);
    }
    attack.end();
}

#[test]
fn every_truncation_is_ignored() {
    let mut attack = Attack::begin();
    let honest = honest();
    for length in 0..honest.len() {
        let counter = if length < 8 { "rejected_too_short" } else { "rejected_checksum" };
        attack.ignored(counter, &format!("{length} bytes"), &honest[..length]);
    }
    attack.end();
}

// spec: R-FRAME-4, R-READ-3
#[test]
fn every_flipped_bit_is_noticed() {
    let mut attack = Attack::begin();
    let honest = honest();
    for bit in 0..honest.len() * 8 {
        let mut damaged = honest.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let about = format!("bit {bit}");
        match (bit / 8, damaged[2]) {
            (0 | 1, _) => attack.ignored("rejected_magic", &about, &damaged),
            (2, 0) => attack.ignored("rejected_negotiation", &about, &damaged),
            (2, _) => attack.answered_with_versions(&about, &damaged),
            _ => attack.ignored("rejected_checksum", &about, &damaged),
        }
    }
    attack.end();
}

// spec: R-FRAME-5, R-READ-6
#[test]
fn what_is_longer_than_a_datagram_of_ours_is_ignored() {
    let mut attack = Attack::begin();
    for length in [1_201, 1_500, 9_000, 65_507] {
        let mut long = honest();
        long.resize(length, 0);
        attack.ignored("rejected_too_long", &format!("{length} bytes"), &sealed(long));
    }
    attack.end();
}

// spec: R-FRAME-1
#[test]
fn another_protocols_datagrams_are_ignored() {
    let mut attack = Attack::begin();
    let dns =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";
    attack.ignored("rejected_magic", "a question for a name", dns);
    attack.ignored("rejected_magic", "text", b"GET / HTTP/1.1\r\n\r\n");
    attack.ignored("rejected_magic", "zeros", &[0; 1_200]);
    let mut swapped = honest();
    swapped.swap(0, 1);
    attack.ignored("rejected_magic", "a right checksum under another magic", &sealed(swapped));
    attack.end();
}

// spec: R-FRAME-2, R-VERSION-1
#[test]
fn another_version_is_told_ours_in_no_more_bytes_than_it_sent() {
    let mut attack = Attack::begin();
    for version in 2..=255 {
        let about = format!("version {version}");
        let datagram = frame(version, 1, &[0; 40]);
        attack.answered_with_versions(&about, &datagram);
        // Its checksum may be another one: nothing is known of that version but its place.
        attack.answered_with_versions(&about, &[b'R', b'C', version, 0, 0, 0, 0, 0, 0, 0]);
        let short = [b'R', b'C', version, 0, 0, 0, 0, 0, 0];
        attack.ignored("rejected_version", &format!("9 bytes of {about}"), &short);
    }
    attack.end();
}

// spec: R-VERSION-2
#[test]
fn a_datagram_about_versions_is_never_answered() {
    let mut attack = Attack::begin();
    let mut ours = rollcall::wire::Datagram::new();
    Versions::ours().encode(&mut ours);
    attack.ignored("rejected_negotiation", "our own answer about versions", ours.as_bytes());
    attack.ignored("rejected_negotiation", "a longer one", &frame(0, 0xff, &[200; 201]));
    attack.end();
}

// spec: R-FRAME-3, R-READ-5
#[test]
fn a_right_checksum_over_nonsense_is_ignored() {
    let mut attack = Attack::begin();
    for kind in 0..=255 {
        let known = Kind::TABLE.iter().find(|row| row.1 == kind).map(|row| row.0);
        let counter = match known {
            Some(Kind::Hello) => "rejected_hello",
            Some(Kind::Sealed) => "rejected_sealed_length",
            Some(known) if known.byte() < 0x80 => "rejected_body",
            _ => "rejected_kind",
        };
        for body in [&[0xff; 64][..], &[]] {
            attack.ignored(counter, &format!("kind {kind:#04x}"), &frame(VERSION, kind, body));
        }
    }
    attack.end();
}

// spec: R-KIND-1
#[test]
fn a_reply_is_never_answered() {
    let mut attack = Attack::begin();
    let marked = attack.raw.ask(&first_request(mark(9, "10")));
    attack.expect("refused_not_open");
    attack.ignored("rejected_kind", "the server's own reply", &marked);
    let listed = attack.raw.ask(&status(new_client()));
    attack.expect("query_status");
    attack.ignored("rejected_kind", "the server's own list", &listed);
    attack.end();
}

/// The places in a mark's datagram, by the form that the specification gives it.
mod at {
    pub(crate) const NUMBER: usize = 4 + 1 + 16;
    pub(crate) const STARTED: usize = NUMBER + 1;
    pub(crate) const CLASS: usize = STARTED + 6;
    pub(crate) const STUDENT: usize = CLASS + 1;
    pub(crate) const CODE: usize = STUDENT + 1 + 2;
    pub(crate) const PADDING: usize = CODE + 1;
}

/// The honest mark with these bytes in place of those from `from` on, and the right checksum.
fn changed(from: usize, length: usize, bytes: &[u8]) -> Vec<u8> {
    let honest = honest();
    assert_eq!(honest[at::NUMBER], 1, "the number");
    assert_eq!(honest[at::CLASS..at::PADDING], [1, 2, b'1', b'0', 0], "class, student, no code");
    let mut datagram = honest[..from].to_vec();
    datagram.extend_from_slice(bytes);
    datagram.extend_from_slice(&honest[from + length..]);
    sealed(datagram)
}

// spec: R-VALUE-4
#[test]
fn values_out_of_their_range_are_ignored() {
    let mut attack = Attack::begin();
    let cases: [(&str, Vec<u8>); 10] = [
        ("request number zero", changed(at::NUMBER, 1, &[0])),
        ("class zero", changed(at::CLASS, 1, &[0])),
        ("a class past 32 bits", changed(at::CLASS, 1, &[0xff, 0xff, 0xff, 0xff, 0x1f])),
        ("a start past the year 9999", changed(at::STARTED, 6, &[0xff; 9])),
        ("a student without a character", changed(at::STUDENT, 3, &[0])),
        ("a space in a student number", changed(at::STUDENT, 3, b"\x02 1")),
        ("an escape character in a student number", changed(at::STUDENT, 3, b"\x02\x1b[")),
        ("neither a code nor none", changed(at::CODE, 1, &[2, 7])),
        ("a code of seven digits", changed(at::CODE, 1, &[1, 0xc0, 0x84, 0x3d])),
        ("padding that is not zeros", changed(at::PADDING + 1, 1, &[1])),
    ];
    for (about, datagram) in cases {
        attack.ignored("rejected_body", about, &datagram);
    }
    let mut long = vec![33];
    long.extend([b'9'; 33]);
    let long = changed(at::STUDENT, 3, &long);
    attack.ignored("rejected_body", "a student number of 33 characters", &long);
    attack.end();
}

// spec: R-VALUE-1
#[test]
fn what_is_not_canonical_is_ignored() {
    let mut attack = Attack::begin();
    let cases = [
        ("an overlong request number", changed(at::NUMBER, 1, &[0x81, 0])),
        ("an overlong class", changed(at::CLASS, 1, &[0x81, 0x80, 0])),
        ("an overlong length", changed(at::STUDENT, 1, &[0x82, 0])),
    ];
    for (about, datagram) in cases {
        attack.ignored("rejected_not_canonical", about, &datagram);
    }
    attack.end();
}

// spec: R-VALUE-3
#[test]
fn bytes_after_the_body_are_noticed() {
    let mut attack = Attack::begin();
    for more in [1, 7, 1_152] {
        let honest = honest();
        let mut long = honest[..44].to_vec();
        long.resize(44 + more, 0);
        long.extend([0; 4]);
        attack.ignored("rejected_left_over", &format!("{more} bytes more"), &sealed(long));
    }
    attack.end();
}

// spec: R-SIZE-1
#[test]
fn a_request_that_is_shorter_than_its_answer_is_ignored() {
    let mut attack = Attack::begin();
    let honest = honest();
    let padding = usize::from(honest[at::PADDING]);
    assert_eq!(at::PADDING + 1 + padding + 4, honest.len(), "the padding ends the body");
    for cut in 1..=padding {
        let mut short = honest[..honest.len() - cut].to_vec();
        short[at::PADDING] = honest[at::PADDING] - u8::try_from(cut).expect("below 48");
        let short = sealed(short);
        attack.ignored("rejected_request_too_short", &format!("{} bytes", short.len()), &short);
    }
    attack.end();
}

// spec: R-SIZE-3
#[test]
fn no_answer_is_longer_than_its_request() {
    let server = Server::in_memory();
    let raw = Raw::to(&server);
    let (first, last) = (1, u32::MAX);
    let longest = |place: u32| format!("{place:~>32}");
    let mut asked: Vec<_> = [first, last].map(|class| first_request(open(class))).into();
    asked.push(first_request(open(last)));
    for place in 0..40 {
        asked.push(first_request(mark(last, &longest(place))));
        asked.push(first_request(mark(last, &longest(place))));
        asked.push(first_request(mark(2, &longest(place))));
    }
    asked.extend([last, 2, last].map(|class| first_request(close(class))));
    let query = |ask| request(new_client(), u64::MAX, 255, Ask::Read(ask));
    let at_most = RollCallNumber::MAX;
    let sheet = |number| query(Query::Sheets { class: class(number), at_most });
    asked.extend([sheet(last), sheet(2)]);
    for datagram in &asked {
        let answer = raw.ask(datagram);
        assert!(answer.len() <= datagram.len(), "{answer:02x?} to {datagram:02x?}");
    }
    let Answer::Sheets(SheetList { sheets, more: false }) = raw.reply(&sheet(last)).answer else {
        panic!("no list\n{}", raw.report())
    };
    let [info] = sheets[..] else { panic!("it was closed once: {sheets:?}") };
    for (index, bytes) in [(0, 1_024), (1, info.bytes as usize - 1_024), (2, 0)] {
        let pull = Pull { object: info.content, cookie: Cookie::NONE, first: index, wanted: 1 };
        let datagram = request(new_client(), u64::MAX, 255, Ask::Pull(pull));
        let answer = raw.ask(&datagram);
        assert!(answer.len() <= datagram.len(), "{answer:02x?} to {datagram:02x?}");
        let block = decode_reply(&answer).expect("a reply").answer;
        assert!(
            matches!(&block, Answer::Pulled(Pulled { bytes: block, .. }) if block.len() == bytes),
            "{block:?}"
        );
    }
}

/// A question for what is open, padded to this length.
fn status_of_length(length: usize) -> Vec<u8> {
    const CLASS_END: usize = at::NUMBER + 1 + 1;
    let mut datagram = status(new_client());
    datagram.truncate(CLASS_END);
    // The padding's own length is a varint.
    let padding = length - CLASS_END - 4;
    let seven_bits = |value: usize| u8::try_from(value % 128).expect("seven bits");
    if padding - 1 < 128 {
        datagram.push(seven_bits(padding - 1));
    } else {
        datagram.extend([seven_bits(padding - 2) | 0x80, seven_bits((padding - 2) / 128)]);
    }
    datagram.resize(length, 0);
    sealed(datagram)
}

// spec: R-SIZE-4, R-STATUS-3
#[test]
fn a_list_is_as_long_as_its_question_leaves_room_for() {
    let server = Server::in_memory();
    let raw = Raw::to(&server);
    for class in 1..=100 {
        raw.reply(&first_request(open(class * 40_000_000)));
    }
    let mut counts = Vec::new();
    for length in (64..=1_200).step_by(71) {
        let question = status_of_length(length);
        let answer = raw.ask(&question);
        assert!(answer.len() <= length, "{} bytes for {length}", answer.len());
        let Ok(Answer::Status(StatusList { open, more: true })) =
            decode_reply(&answer).map(|it| it.answer)
        else {
            panic!("{answer:02x?} to {question:02x?}\n{}", raw.report())
        };
        counts.push(open.len());
    }
    assert!(counts[0] >= 1 && counts.is_sorted(), "{counts:?}");
    assert!(counts.last() > Some(&50), "{counts:?}");
}

#[test]
fn a_flood_of_nonsense_from_many_sockets_does_not_keep_a_student_waiting() {
    let server = Server::in_memory();
    server.teacher(["open", "1"]).expect(0);
    let sockets: Vec<_> = (0..50).map(|_| Raw::to(&server)).collect();
    for round in 0..200_usize {
        for socket in &sockets {
            let mut nonsense = honest();
            nonsense[round % 48] ^= 0x55;
            socket.send(&nonsense);
        }
    }
    server.student(["mark", "1", "10"]).expect(0);
    assert_eq!(server.teacher(["close", "1"]).expect(0).object()["students"], json!(["10"]));
}

// What people type.

/// A client's command whose arguments are wrong: nothing is sent, nothing is printed but the error.
#[track_caller]
fn misused(program: &str, arguments: &[&OsStr], says: &str) {
    let refused = run(program, arguments).expect_error(2, says);
    assert_eq!(refused.stdout, "", "{refused}");
    assert!(refused.stderr.trim_end().ends_with("--help)"), "what to do next\n{refused}");
}

#[test]
fn a_class_that_is_none_is_wrong_usage() {
    for class in ["0", "-1", "4294967296", "maths", "", "1.5", "+1", "1 2", "99999999999999999999"]
    {
        let says = "a class is a number from 1 to 4294967295";
        for verb in ["open", "close", "status", "sheet"] {
            misused(TEACHER, &[verb.as_ref(), class.as_ref()], says);
        }
        misused(STUDENT, &["mark".as_ref(), class.as_ref(), "10".as_ref()], says);
    }
}

#[test]
fn a_student_number_that_is_none_is_wrong_usage() {
    let long = "9".repeat(33);
    let cases = [
        ("", "at least one character"),
        (&long, "at most 32 characters"),
        ("10 20", "without spaces"),
        (" 10", "without spaces"),
        ("10\t", "without spaces"),
        ("10\n20", "without spaces"),
        ("\u{1b}[31mred", "without spaces"),
        ("\u{9b}31m", "without spaces"),
        ("\u{7f}", "without spaces"),
        ("joão", "ASCII"),
        ("１０", "ASCII"),
    ];
    for (student, says) in cases {
        misused(STUDENT, &["mark".as_ref(), "1".as_ref(), student.as_ref()], says);
        // One wrong number among right ones: none of them is sent.
        let among = ["mark", "1", "10", student, "20"].map(OsStr::new);
        misused(STUDENT, &among, says);
    }
    let not_text = OsString::from_vec(vec![b'1', 0xff, 0x1b]);
    misused(STUDENT, &["mark".as_ref(), "1".as_ref(), &not_text], "UTF-8");
}

#[test]
fn a_command_that_does_not_exist_or_lacks_something_is_wrong_usage() {
    let cases: [(&str, &[&str], &str); 10] = [
        (TEACHER, &["opne", "1"], "unrecognized subcommand 'opne'; did you mean 'open'?"),
        (STUDENT, &["mark", "1", "10", "--jsno"], "did you mean '--json'?"),
        (TEACHER, &["open"], "<CLASS>"),
        (TEACHER, &["open", "1", "2"], "2"),
        (TEACHER, &["--jsno"], "--jsno"),
        (STUDENT, &["mark"], "<CLASS>"),
        (STUDENT, &["mark", "1"], "<STUDENT>"),
        (STUDENT, &["\u{1b}[2J"], "unrecognized"),
        (SERVER, &["--nonsense"], "--nonsense"),
        (SERVER, &["now"], "now"),
    ];
    for (program, arguments, says) in cases {
        let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
        misused(program, &arguments, says);
    }
}

// spec: R-RETRY-5
#[test]
fn a_deadline_that_is_none_is_wrong_usage() {
    for (deadline, says) in [
        ("0", "longer than zero"),
        ("0s", "longer than zero"),
        ("soon", "write it as 30s"),
        ("", "--timeout"),
        ("-1", "write it as 30s"),
        ("11m", "at most 10m"),
        ("99999999999999999999", "write it as 30s"),
    ] {
        let arguments = ["--timeout", deadline, "status"].map(OsStr::new);
        misused(TEACHER, &arguments, says);
        let arguments = ["--timeout", deadline, "mark", "1", "10"].map(OsStr::new);
        misused(STUDENT, &arguments, says);
    }
}

/// A student who asks a server of that name.
fn student_of(server: &str, timeout: &str) -> Finished {
    Call::new(&Place::default(), STUDENT, None)
        .args(["--server", server, "--timeout", timeout, "--json", "mark", "1", "10", "20"])
        .run()
}

#[test]
fn a_server_that_cannot_be_found_is_a_failure_of_one_line() {
    let says = "cannot find the server 'no-such-host.invalid:5050': ";
    for server in ["no-such-host.invalid:5050", "no-such-host.invalid"] {
        let lost = student_of(server, "2s").expect_error(1, says);
        assert_eq!(lost.stdout, "", "{lost}");
    }
}

#[test]
fn a_server_that_is_no_address_is_wrong_usage() {
    for server in
        ["127.0.0.1:", "127.0.0.1:99999", ":5050", ":5050:", "\u{1b}[31m:1", "", "a b", "[::1"]
    {
        for arguments in [&["mark", "1", "10"][..], &[]] {
            let mut all = vec!["--server", server];
            all.extend(arguments);
            misused(STUDENT, &all.iter().map(OsStr::new).collect::<Vec<_>>(), "write HOST:PORT");
        }
        let named = Call::new(&Place::default(), TEACHER, None).env("ROLLCALL_SERVER", server);
        named.arg("status").run().expect_error(2, "write HOST:PORT");
    }
}

#[test]
fn a_server_without_a_port_is_asked_at_the_usual_one() {
    for server in ["127.93.0.77", "::1"] {
        let Ok(usual) = UdpSocket::bind((server, 5050)) else {
            skip(&format!(
                "another program has port 5050 of {server}, or there is no such address"
            ));
            continue;
        };
        let silent = student_of(server, "100ms").expect(4);
        assert!(silent.stderr.contains(":5050 within 100ms"), "{silent}");
        usual.set_nonblocking(true).expect("an open socket");
        assert!(usual.recv_from(&mut [0; 2_048]).is_ok(), "it was asked\n{silent}");
    }
}

#[test]
fn standard_input_stands_alone_in_place_of_students() {
    let beside = ["mark", "1", "10", "-"];
    run(STUDENT, beside).expect_error(2, "write no other student beside it");
}

// spec: R-RETRY-6, R-RETRY-9
#[test]
fn no_server_is_an_unknown_outcome_after_the_deadline() {
    let closed = UdpSocket::bind(own_address()).expect("a free port");
    let address = closed.local_addr().expect("bound").to_string();
    let silent = student_of(&address, "300ms").expect(4);
    let lines: Vec<_> = silent.stderr.lines().collect();
    let objects = silent.objects();
    assert_eq!(objects.len(), 2, "one for each student\n{silent}");
    for field in ["class", "student", "outcome"] {
        let (first, second) = (&objects[0][field], &objects[1][field]);
        let expected = match field {
            "class" => (json!(1), json!(1)),
            "student" => (json!("10"), json!("20")),
            _ => (json!("unknown"), json!("not_sent")),
        };
        assert_eq!((first, second), (&expected.0, &expected.1), "{silent}");
    }
    assert!(objects[0]["attempts"].as_u64() >= Some(1) && objects[1]["attempts"] == 0, "{silent}");
    let kept = |student| {
        format!(
            "no network: the mark of {student} in class 1 is kept on this computer and will be sent, by the next \
             rollcall-student command; to wait for the network: rollcall-student send --timeout 10m"
        )
    };
    let unknown = format!(
        "error: no answer from {address} within 300ms; whether 10 was marked in class 1 is unknown \
         (are the address and the network right, and has this computer joined it?)"
    );
    assert_eq!(lines, [&*unknown, &*kept("10"), "error: not sent: 20", &*kept("20")], "{silent}");
    drop(closed);
    let refused = Call::new(&Place::default(), TEACHER, None)
        .args(["--server", &address, "--timeout", "300ms", "--json", "open", "1"])
        .run()
        .expect_error(4, &format!("nothing listens at {address}: is the server running?"));
    let object = refused.object();
    assert_eq!((&object["class"], &object["outcome"]), (&json!(1), &json!("unknown")), "{refused}");
    assert!(refused.stderr.contains("whether class 1 was opened is unknown"), "{refused}");
}

// What an operator does.

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A server on this folder that does not begin.
#[track_caller]
fn server_refuses(folder: &Path, says: &str) {
    let ended = Setup::new().listen(own_address()).folder(folder).spawn().finish();
    refused_to_serve(ended, says);
}

/// It ended with exit code 1 before it served, and one line of error is the last that it said.
#[track_caller]
fn refused_to_serve(ended: Finished, says: &str) {
    let ended = ended.expect(1);
    assert_eq!(ended.stdout, "", "it does not serve\n{ended}");
    assert_is_last_error(&ended, says);
}

/// The log ends with the one line of it that is an error.
#[track_caller]
fn assert_is_last_error(ended: &Finished, says: &str) {
    let last = ended.stderr.lines().next_back().unwrap_or_default();
    assert!(last.starts_with("error: "), "{ended}");
    assert!(last.contains(says), "it does not say '{says}'\n{ended}");
    let errors = ended.stderr.lines().filter(|line| line.starts_with("error"));
    assert_eq!(errors.count(), 1, "{ended}");
}

#[test]
fn a_port_that_another_program_uses_is_a_failure() {
    let taken = UdpSocket::bind(own_address()).expect("a free port");
    let address = taken.local_addr().expect("bound");
    let ended = Setup::new().listen(address).spawn().finish();
    refused_to_serve(ended, &format!("cannot listen on {address}: another program uses this port"));
    let one_of_two = Setup::new().listen(own_address()).listen(address).spawn().finish();
    refused_to_serve(one_of_two, "another program uses this port");
}

#[test]
fn an_address_that_this_computer_does_not_have_is_a_failure() {
    let elsewhere = "192.0.2.7:0".parse().expect("an address");
    let ended = Setup::new().listen(elsewhere).spawn().finish();
    refused_to_serve(ended, "this computer does not have that address");
}

#[test]
fn a_folder_that_is_missing_is_a_failure_and_is_not_made() {
    let folder = folder();
    let missing = folder.path().join("mistyped");
    server_refuses(&missing, &format!("create it with: mkdir {}", missing.display()));
    assert!(!missing.exists());
}

#[test]
fn a_file_in_place_of_the_folder_is_a_failure() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "text").expect("a file");
    server_refuses(&file, "is not a folder");
    server_refuses(&file.join("below"), "is not a folder");
    assert_eq!(fs::read(&file).expect("still there"), b"text");
}

#[test]
fn a_folder_that_cannot_be_written_is_a_failure() {
    // Even the superuser makes no files there.
    let unwritable = Path::new("/proc/self");
    if !unwritable.is_dir() {
        return skip("there is no /proc, and the superuser may write everywhere else");
    }
    server_refuses(unwritable, "/proc/self");
}

#[test]
fn a_folder_that_this_user_may_not_write_is_a_failure() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("our folder");
    let mut place = Place::default();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        // We are the superuser and may write everywhere; somebody else runs the server.
        if !has("setpriv") {
            return skip("this user may write everywhere, and there is no command 'setpriv'");
        }
        place = Place::behind(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        let mut command = place.command(SERVER);
        command.arg("--version");
        if Process::spawn(command, None).finish().code() != Some(0) {
            return skip("this user may write everywhere, and nobody else can run the server");
        }
    }
    let ended =
        Setup::new().place(&place).listen(own_address()).folder(folder.path()).spawn().finish();
    refused_to_serve(ended, "cannot be written by this user");
}

/// What is in a folder, file by file.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    // The lock says nothing and stays.
    let files = paths.filter(|path| !path.ends_with("rollcall.lock"));
    files.map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect()
}

#[test]
fn a_file_that_no_server_wrote_is_a_failure_and_stays_as_it_is() {
    let folder = folder();
    let garbage = "this is no database, ".repeat(500);
    fs::write(folder.path().join("rollcall.sqlite3"), garbage).expect("a file");
    let before = contents(folder.path());
    server_refuses(folder.path(), "is not a journal of this server");
    assert_eq!(contents(folder.path()), before);
}

fn database(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("rollcall.sqlite3")).expect("a database")
}

#[test]
fn another_programs_database_is_a_failure_and_stays_as_it_is() {
    let folder = folder();
    let other = database(folder.path());
    other
        .execute_batch("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('Monday')")
        .unwrap();
    drop(other);
    let before = contents(folder.path());
    server_refuses(folder.path(), "is not a journal of this server");
    assert_eq!(contents(folder.path()), before);
}

/// A folder in which a server has opened class 1, marked a student, closed class 2 and ended.
fn used_folder() -> tempfile::TempDir {
    let folder = folder();
    let server = Server::on(folder.path());
    for class in ["1", "2"] {
        server.teacher(["open", class]).expect(0);
        server.student(["mark", class, "10"]).expect(0);
    }
    server.teacher(["close", "2"]).expect(0);
    server.stop("TERM");
    folder
}

#[test]
fn a_journal_of_a_newer_server_is_a_failure() {
    let folder = used_folder();
    database(folder.path()).pragma_update(None, "user_version", 6).expect("our database");
    let before = contents(folder.path());
    server_refuses(folder.path(), "update the server");
    assert_eq!(contents(folder.path()), before);
    database(folder.path()).pragma_update(None, "user_version", 5).expect("our database");
    let server = Server::on(folder.path());
    assert_eq!(server.teacher(["close", "1"]).expect(0).object()["students"], json!(["10"]));
}

#[test]
fn a_damaged_journal_is_a_failure_that_names_the_place() {
    let damages = [
        ("UPDATE batch SET records = zeroblob(length(records)) WHERE number = 2", "batch 2"),
        ("UPDATE batch SET records = substr(records, 1, 3) WHERE number = 3", "batch 3"),
        ("UPDATE batch SET records = CAST(x'ff' || records AS BLOB) WHERE number = 1", "batch 1"),
        // Student 10 becomes student 19, which only the checksum knows.
        (
            "UPDATE batch SET records = unhex(replace(hex(records), '023130', '023139')) \
             WHERE number = 2",
            "batch 2",
        ),
        ("DELETE FROM batch WHERE number = 2", "batch 2"),
        ("DROP TABLE batch", "batch"),
        ("DELETE FROM snapshot_end", "snapshot"),
    ];
    for (damage, place) in damages {
        let folder = used_folder();
        assert_ne!(database(folder.path()).execute(damage, ()).ok(), None, "{damage}");
        let before = contents(folder.path());
        server_refuses(folder.path(), "is damaged, ");
        server_refuses(folder.path(), place);
        assert_eq!(contents(folder.path()), before, "{damage}");
    }
}

#[test]
fn a_damaged_page_of_the_database_is_a_failure() {
    let folder = used_folder();
    let path = folder.path().join("rollcall.sqlite3");
    let mut bytes = fs::read(&path).expect("the database");
    for page in bytes.chunks_mut(4_096).skip(1) {
        page[..200].fill(0xa5);
    }
    fs::write(&path, bytes).expect("the database");
    server_refuses(folder.path(), "is damaged, ");
}

#[test]
fn a_server_is_told_once_where_it_keeps_what_it_promises() {
    let both = ["--in-memory", "--data", "somewhere"].map(OsStr::new);
    misused(SERVER, &both, "cannot be used with");
}

#[test]
fn an_address_that_is_none_is_wrong_usage() {
    for address in ["", "localhost", "5050", "127.0.0.1", "127.0.0.1:99999", "\u{1b}[1m:1"] {
        misused(SERVER, &["--in-memory", "--listen", address].map(OsStr::new), "--listen");
    }
    let mut many = vec![OsStr::new("--in-memory")];
    many.extend(["--listen", "127.0.0.1:0"].map(OsStr::new).repeat(17));
    run(SERVER, many).expect_error(2, "at most 16 addresses");
}

// A disk that is full.

// spec: R-DURABLE-3
#[test]
fn a_full_disk_stops_the_server_and_loses_no_receipt() {
    let disk = match SmallDisk::new("8m") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    disk.fill(7_168);
    let setup = Setup::new().place(&disk.place).folder(&disk.path);
    let server = setup.start();
    server.teacher(["open", "1"]).expect(0);
    let names: Vec<_> = (0..400).map(|number| format!("0{number}")).collect();
    let student = server
        .client(STUDENT)
        .args(["--json", "--timeout", "2m", "mark", "1"])
        .args(&names)
        .start();
    let (setup, ended) = server.finish();
    assert_eq!(ended.code(), Some(1), "{ended}");
    assert_is_last_error(&ended, "the disk is full: free some space and start again");
    let counted = counters(&ended.stderr);
    let acknowledged = counted.get("sent").copied().unwrap_or_default();
    assert!((2..400).contains(&acknowledged), "it was full in the middle\n{ended}");
    disk.free();
    // The student is still asking, and goes on with the next one after the answer.
    let server = setup.start();
    let receipts = student.finish().expect(0);
    let marked = receipts.objects();
    assert_eq!(marked.len(), names.len(), "{receipts}");
    assert!(marked.iter().all(|receipt| receipt["outcome"] == "present"), "{receipts}");
    let closed = server.teacher(["close", "1"]).expect(0);
    let listed: Vec<Value> = closed.object()["students"].as_array().expect("a list").clone();
    assert_eq!(listed, names, "every receipt is on the sheet, once, in order\n{closed}");
}
