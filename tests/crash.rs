//! Servers that are killed, at whatever moment, and what is left of what they promised.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::Path;

use rollcall::exchange::{Answer, Ask, BeginAgain, Marked, decode_reply};
use rollcall::shell::clock::Clock;
use serde_json::{Value, json};

use support::process::{Process, TIMEOUT};
use support::raw::{Raw, close, first_request, mark, new_client, open, request, sent_again};
use support::{Call, Place, STUDENT, Server, Setup, has, own_address, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The students of the sheet that is made now.
#[track_caller]
fn close_class(server: &Server, class: &str) -> Vec<String> {
    students(&server.teacher(["close", class]).expect(0).object())
}

fn students(sheet: &Value) -> Vec<String> {
    serde_json::from_value(sheet["students"].clone()).expect("a list of texts")
}

/// Without what may differ between two tellings of the same sheet.
fn told(mut sheet: Value) -> Value {
    let fields = sheet.as_object_mut().expect("an object");
    fields.remove("attempts");
    fields.remove("already_closed");
    sheet
}

#[test]
fn a_mark_survives_a_kill_between_its_receipt_and_the_close_once_and_with_its_time() {
    let folder = folder();
    let server = Server::on(folder.path());
    let opened = server.teacher(["open", "3030"]).expect(0).object();
    let receipt = server.student(["mark", "3030", "042191010"]).expect(0).object();
    let server = server.kill().start();
    let again = server.student(["mark", "3030", "042191010"]).expect(0).object();
    assert_eq!(again["outcome"], "already_present", "{again}");
    assert_eq!(again["at"], receipt["at"], "{again}");
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["042191010"]));
    assert_eq!(sheet["opened_at"], opened["opened_at"]);
    assert_eq!(time_on_sheet(folder.path(), "042191010"), receipt["at"]);
}

/// The time of a student's mark as the journal's rows tell it to people.
fn time_on_sheet(folder: &Path, student: &str) -> String {
    let journal = rusqlite::Connection::open(folder.join("rollcall.sqlite3")).expect("a journal");
    let query = "SELECT at FROM sheet WHERE student = ?1";
    journal.query_row(query, [student], |row| row.get(0)).expect("one row")
}

// spec: R-SHEET-5
#[test]
fn a_sheet_is_the_same_after_a_kill() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    server.student(["mark", "3030", "30", "10", "20"]).expect(0);
    let closed = told(server.teacher(["close", "3030"]).expect(0).object());
    let server = server.kill().start();
    assert_eq!(told(server.teacher(["sheet", "3030"]).expect(0).object()), closed);
    assert_eq!(told(server.teacher(["close", "3030"]).expect(0).object()), closed);
    server.student(["mark", "3030", "40"]).expect(3);
    assert_eq!(told(server.teacher(["sheet", "3030"]).expect(0).object()), closed);
}

#[test]
fn a_refusal_survives_a_kill_although_the_class_is_opened_later() {
    let folder = folder();
    let server = Server::on(folder.path());
    let early = first_request(mark(3030, "10"));
    let refused = Raw::to(&server).ask(&early);
    let answer = decode_reply(&refused).expect("a reply").answer;
    assert!(matches!(answer, Answer::MarkRefused(_)), "{answer:?}");
    let server = server.kill().start();
    server.teacher(["open", "3030"]).expect(0);
    assert_eq!(Raw::to(&server).ask(&early), refused, "one request has one outcome");
    assert_eq!(close_class(&server, "3030"), [""; 0]);
}

#[test]
fn a_retry_is_answered_with_the_same_bytes_before_and_after_a_kill() {
    let folder = folder();
    let server = Server::on(folder.path());
    let asked: Vec<_> = [open(1), mark(1, "10"), mark(1, "10"), mark(2, "10"), close(1), close(2)]
        .into_iter()
        .map(first_request)
        .collect();
    let raw = Raw::to(&server);
    let first: Vec<_> = asked.iter().map(|datagram| raw.ask(datagram)).collect();
    let different: BTreeSet<_> = first.iter().collect();
    assert_eq!(different.len(), asked.len(), "each request has an answer of its own");
    let again: Vec<_> = asked.iter().map(|datagram| raw.ask(datagram)).collect();
    assert_eq!(again, first, "before");
    let server = server.kill().start();
    let raw = Raw::to(&server);
    let again: Vec<_> = asked.iter().map(|datagram| raw.ask(datagram)).collect();
    assert_eq!(again, first, "after");
    let later: Vec<_> = asked.iter().map(|datagram| raw.ask(&sent_again(datagram, 7))).collect();
    assert_eq!(later, first, "after, with another attempt number");
}

#[test]
fn a_late_duplicate_of_an_opening_does_not_open_again_after_a_kill() {
    let folder = folder();
    let server = Server::on(folder.path());
    let raw = Raw::to(&server);
    let opening = first_request(open(1));
    let opened = raw.ask(&opening);
    close_class(&server, "1");
    let server = server.kill().start();
    assert_eq!(Raw::to(&server).ask(&opening), opened);
    server.teacher(["status", "1"]).expect(3);
}

#[test]
fn a_client_goes_on_with_its_next_request_after_a_kill() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    let (client, started) = (new_client(), Clock::start().now().wall);
    let ask = |number, student| {
        let operation = mark(1, student);
        request(client, number, 1, Ask::Perform { started, operation })
    };
    let raw = Raw::to(&server);
    raw.reply(&ask(1, "10"));
    let server = server.kill().start();
    let raw = Raw::to(&server);
    let next = raw.reply(&ask(2, "20")).answer;
    assert!(matches!(next, Answer::Marked(Marked { already_present: false, .. })), "{next:?}");
    assert_eq!(
        raw.reply(&ask(2, "30")).answer,
        Answer::BeginAgain(BeginAgain { server_time: None })
    );
    assert_eq!(raw.reply(&ask(1, "10")).answer, Answer::Stale);
    assert_eq!(raw.reply(&ask(4, "40")).answer, Answer::Stale, "a number is left out");
    assert_eq!(close_class(&server, "1"), ["10", "20"]);
}

/// A student who has begun to ask while nobody answers at that address.
fn student_who_asked_in_vain(setup: &Setup) -> Process {
    // This socket takes the first datagram in the server's place, so that it was sent for sure.
    let nobody = std::net::UdpSocket::bind(setup.address()).expect("the port is free");
    nobody.set_read_timeout(Some(TIMEOUT)).expect("longer than zero");
    let server = setup.address().to_string();
    let student = Call::new(&Place::default(), STUDENT, None)
        .args(["--server", &server, "--json", "--timeout", "2m", "mark", "3030", "10"])
        .start();
    let received = nobody.recv(&mut [0; 2_048]);
    assert!(received.is_ok(), "{received:?}\n{student}");
    student
}

#[test]
fn a_student_who_began_while_the_server_was_down_gets_a_receipt() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    let setup = server.kill();
    let student = student_who_asked_in_vain(&setup);
    let server = setup.start();
    let receipt = student.finish().expect(0).object();
    assert_eq!(receipt["outcome"], "present", "{receipt}");
    assert!(receipt["attempts"].as_u64() > Some(1), "{receipt}");
    assert_eq!(close_class(&server, "3030"), ["10"]);
}

// spec: R-RETRY-8
#[test]
fn that_nobody_listens_yet_is_only_a_hint() {
    if !has("script") {
        return skip("there is no command 'script' to make a terminal with");
    }
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    let setup = server.kill();
    let command = format!("'{STUDENT}' --server {} mark 3030 10", setup.address());
    let student =
        Call::new(&Place::default(), "script", None).args(["-qec", &command, "/dev/null"]);
    let student = student.env("TERM", "xterm").start();
    // The terminal tells of each sending: before the third, the port has refused two.
    student.wait_for_output("the third attempt", |text| text.contains("still trying (3)"));
    let server = setup.start();
    let marked = student.finish().expect(0);
    assert!(marked.stdout.contains("10 was marked present in class 3030 at "), "{marked}");
    assert_eq!(close_class(&server, "3030"), ["10"]);
}

#[test]
fn a_second_server_on_the_folder_is_refused_and_the_first_goes_on() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    let second = Setup::new().listen(own_address()).folder(folder.path()).spawn().finish();
    let second = second.expect_error(1, "is in use by another server");
    assert_eq!(second.stdout, "", "{second}");
    server.student(["mark", "1", "10"]).expect(0);
    let server = server.kill().start();
    assert_eq!(close_class(&server, "1"), ["10"]);
}

#[test]
fn every_receipt_is_on_the_sheet_once_after_ten_kills_among_students() {
    let folder = folder();
    let mut server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    let mut names = BTreeSet::new();
    let mut retried = 0;
    for round in 0..10 {
        let student = |place: usize| {
            let name = format!("0{round}{place}");
            let call = server.client(STUDENT).args(["--json", "--timeout", "2m", "mark", "3030"]);
            (call.arg(&name).start(), name)
        };
        let mut students: Vec<_> = (0..6).map(student).collect();
        // The others are wherever they are when this one has its receipt.
        let (first, name) = students.remove(round % 6);
        let receipt = first.finish().expect(0).object();
        assert_eq!((&receipt["class"], &receipt["student"]), (&json!(3030), &json!(name)));
        names.insert(name);
        server = server.kill().start();
        for (student, name) in students {
            let receipt = student.finish().expect(0).object();
            assert_eq!((&receipt["class"], &receipt["student"]), (&json!(3030), &json!(name)));
            assert_eq!(receipt["outcome"], "present", "its retry is no second mark: {receipt}");
            retried += i32::from(receipt["attempts"].as_u64() > Some(1));
            names.insert(name);
        }
    }
    let mut listed = close_class(&server, "3030");
    listed.sort_unstable();
    assert_eq!(listed, Vec::from_iter(names), "each of them once");
    println!("{retried} of 50 had to ask again");
}

#[test]
fn a_kill_right_after_an_acknowledgement_loses_none() {
    let folder = folder();
    let mut server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    let mut acknowledged = BTreeSet::new();
    let mut asked = Vec::new();
    for round in 0..20 {
        let raw = Raw::to(&server);
        let requests = (0..40).map(|place| {
            let student = format!("{round}-{place}");
            (first_request(mark(1, &student)), student)
        });
        let requests: Vec<_> = requests.collect();
        for (datagram, _) in &requests {
            raw.send(datagram);
        }
        let first = raw.receive();
        let setup = server.kill();
        // What it sent before it died is here: on this computer nothing is on its way.
        for reply in std::iter::once(first).chain(raw.receive_rest()) {
            acknowledged.insert(reply);
        }
        asked.extend(requests);
        server = setup.start();
    }
    let before = server.teacher(["status", "1"]).expect(0).object()["present"].clone();
    assert!(before.as_u64() >= Some(acknowledged.len() as u64), "{before} of {acknowledged:?}");
    let raw = Raw::to(&server);
    let receipts: BTreeSet<_> = asked.iter().map(|(datagram, _)| raw.ask(datagram)).collect();
    let lost: Vec<_> = acknowledged.difference(&receipts).collect();
    assert!(lost.is_empty(), "acknowledged and not kept: {lost:02x?}\n{}", raw.report());
    let names: BTreeSet<_> = asked.into_iter().map(|(_, student)| student).collect();
    let mut listed = close_class(&server, "1");
    listed.sort_unstable();
    assert_eq!(listed, Vec::from_iter(names), "each of them once");
}

#[test]
fn a_server_that_is_asked_to_stop_during_a_commit_finishes_it_and_answers() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    // Whoever writes to the database keeps the commit waiting.
    let other = rusqlite::Connection::open(folder.path().join("rollcall.sqlite3")).expect("open");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let raw = Raw::to(&server);
    raw.send(&first_request(mark(3030, "10")));
    // The counters are shown by a loop that does not wait with the commit. The first time it may
    // not have read the mark yet; then it reads it in the same turn.
    for shown in 1..=2 {
        server.process().signal("USR1");
        let all = |log: &str| log.matches(" clients known; longest turn").count() >= shown;
        server.process().wait_for_log("its counters", all);
    }
    let log = server.process().stderr().text();
    assert!(log.contains("marked=1"), "the loop waits with the commit\n{log}");
    server.process().signal("TERM");
    server.process().wait_for_log("the wish", |log| log.contains("asked to stop"));
    other.execute_batch("ROLLBACK").expect("it was begun");
    let answer = decode_reply(&raw.receive()).expect("a reply").answer;
    assert!(matches!(answer, Answer::Marked(Marked { already_present: false, .. })), "{answer:?}");
    let (setup, _) = server.finish();
    let server = setup.start();
    assert_eq!(close_class(&server, "3030"), ["10"]);
}
