//! A second implementation of the client, in another language and written from `proto-spec.md`
//! alone, against the real server: what the specification does not say, it cannot know.
//!
//! It is in `tests/interop/`; where there is no Python 3 these tests say so and do nothing.
#![cfg(unix)]

use std::path::Path;

use chrono::DateTime;
use serde_json::{Value, json};

use support::people::leave_admin_invite;
use support::process::Process;
use support::{Call, Place, Server, Setup, counters, has, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

const PYTHON: &str = "python3";

/// Runs one of the scripts to its end, which must be a good one; gives what it printed.
#[track_caller]
fn python(script: &str, arguments: &[&str], server: Option<&Server>) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let log = server.map(|server| server.log().clone());
    // -B: nothing is written beside the scripts.
    let call = Call::new(&Place::default(), PYTHON, log).arg("-B").arg(folder.join(script));
    call.args(arguments).run().expect(0).stdout
}

/// A story, or one command of it, played by the second client.
#[track_caller]
fn story(server: &Server, arguments: &[&str]) -> String {
    let address = server.address().to_string();
    python("story.py", &[&[&address[..]], arguments].concat(), Some(server))
}

fn no_python() -> bool {
    let missing = !has(PYTHON);
    if missing {
        skip("no python3");
    }
    missing
}

/// Student and time of each mark.
type Marks = Vec<(String, i64)>;

/// Opens, by the second client or by ours, as the other verbs do.
#[track_caller]
fn open(server: &Server, class: &str, second: bool) {
    if second {
        story(server, &["open", class]);
    } else {
        server.teacher(["open", class]).expect(0);
    }
}

/// Marks, and gives the time on the receipt.
#[track_caller]
fn mark(server: &Server, class: &str, student: &str, second: bool) -> i64 {
    if second {
        let receipt = story(server, &["mark", class, student]);
        let at = receipt.split_whitespace().find_map(|word| word.strip_prefix("at="));
        return at.and_then(|at| at.parse().ok()).expect("a time on the receipt");
    }
    let receipt = server.student(["mark", class, student]).expect(0).object();
    let at = receipt["at"].as_str().expect("a time on the receipt");
    DateTime::parse_from_rfc3339(at).expect("a time").timestamp_millis()
}

/// Closes by the second client, for whom every mark is shown with its time.
#[track_caller]
fn close_second(server: &Server, class: &str) -> Marks {
    let printed = story(server, &["close", class]);
    let marks = printed.lines().map(|line| line.split_once(' ').expect("student and time"));
    marks.map(|(student, at)| (student.to_owned(), at.parse().expect("a time"))).collect()
}

/// Closes by our teacher's command, which tells programs the students in their order.
#[track_caller]
fn close_ours(server: &Server, class: &str) -> Value {
    server.teacher(["close", class]).expect(0).object()["students"].take()
}

#[test]
fn the_second_reader_agrees_on_every_example() {
    if no_python() {
        return;
    }
    let specification = concat!(env!("CARGO_MANIFEST_DIR"), "/proto-spec.md");
    let counted = python("vectors.py", &[specification], None);
    let examples = include_str!("../proto-spec.md");
    let of = |what: &str| examples.lines().filter(|line| line.starts_with(what)).count();
    let (valid, invalid) = (of("```vector "), of("```vector-invalid "));
    let (sheets, rosters) = (of("```sheet"), of("```roster"));
    let objects = format!("{sheets} sheets, {rosters} roster");
    let expected = format!("{valid} examples, {invalid} invalid datagrams, {objects}\n");
    assert_eq!(counted, expected, "none was left out");
}

#[test]
fn the_second_client_plays_every_story() {
    if no_python() {
        return;
    }
    let server = Server::in_memory();
    story(&server, &["story"]);
    let (_, ended) = server.stop("TERM");
    let counters = counters(&ended.stderr);
    for verdict in ["conflict", "stale", "begin_again", "clock_behind", "clock_ahead"] {
        assert!(counters.contains_key(verdict), "{verdict} was never said: {counters:?}");
    }
    for (name, count) in counters.iter().filter(|(name, _)| name.starts_with("rejected_")) {
        assert_eq!((&name[..], *count), ("rejected_version", 1), "the one that asks for versions");
    }
}

#[test]
fn the_second_client_plays_every_story_through_a_network_that_loses_and_doubles() {
    if no_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path());
    story(&server, &["story", "0.2", "0.2", "3"]);
    let (_, ended) = server.stop("TERM");
    let counters = counters(&ended.stderr);
    assert!(counters["duplicate_repeated"] > 0, "answers were lost: {counters:?}");
    assert!(counters["resent"] > 0, "requests were lost: {counters:?}");
}

#[test]
fn the_two_clients_hold_one_roll_call_and_read_the_same_sheet() {
    if no_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path());
    // Opened, marked and closed by either client, and asked by the other one after that.
    for (class, opens_second) in [("3030", true), ("3031", false)] {
        open(&server, class, opens_second);
        let mut expected = Marks::new();
        for (place, student) in ["042191010", "z", "42191010", "a"].into_iter().enumerate() {
            let at = mark(&server, class, student, (place % 2 == 0) != opens_second);
            expected.push((student.to_owned(), at));
        }
        let students: Vec<_> = expected.iter().map(|mark| &mark.0[..]).collect();
        if opens_second {
            assert_eq!(close_second(&server, class), expected);
            assert_eq!(close_ours(&server, class), json!(students));
        } else {
            assert_eq!(close_ours(&server, class), json!(students));
            assert_eq!(close_second(&server, class), expected);
        }
    }
}

/// A Python 3 that has `PyNaCl` (Debian: python3-nacl), for the second sealed client.
fn python_with_nacl() -> Option<&'static str> {
    let has_nacl = |python: &&str| {
        let tried = std::process::Command::new(python).args(["-c", "import nacl"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let found = [PYTHON, "/usr/bin/python3"].into_iter().find(has_nacl);
    if found.is_none() {
        skip("no python3 with PyNaCl (Debian: python3-nacl)");
    }
    found
}

/// A story of the second sealed client, which knows the specification alone. `meanwhile` gets the process
/// and the server, and gives the server back.
#[track_caller]
fn sealed_story(arguments: &[&str], meanwhile: impl FnOnce(&mut Process, Server) -> Server) {
    let Some(python) = python_with_nacl() else { return };
    let data = tempfile::tempdir().expect("a folder");
    let server = Setup::new().folder(data.path()).sealed().start();
    let invite = leave_admin_invite(data.path(), "Rui");
    let has_link = |text: &str| text.contains("join link: ");
    let log = server.process().wait_for_log("its join link", has_link);
    let link = log.lines().find_map(|line| line.split_once("join link: ")).expect("its link").1;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/sealed.py");
    let mut story = Call::new(&Place::default(), python, Some(server.log().clone()))
        .arg("-B")
        .arg(script)
        .arg(link.trim())
        .args(["--invite", &invite])
        .args(arguments)
        .start();
    let server = meanwhile(&mut story, server);
    story.finish().expect(0);
    server.stop("TERM");
}

#[test]
fn the_second_sealed_client_agrees_on_the_worked_handshake() {
    let Some(python) = python_with_nacl() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Call::new(&Place::default(), python, None)
        .arg("-B")
        .arg(root.join("tests/interop/sealed.py"))
        .arg("worked")
        .arg(root.join("proto-spec.md"))
        .run()
        .expect(0);
}

#[test]
fn the_second_sealed_client_holds_a_roll_call() {
    sealed_story(&["all"], |_, server| server);
}

#[test]
fn the_second_sealed_client_holds_a_roll_call_over_a_network_that_loses_and_doubles() {
    sealed_story(&["all", "0.2", "0.1", "1"], |_, server| server);
}

#[test]
fn the_second_sealed_client_plans_and_corrects_over_a_network_that_loses_and_doubles() {
    sealed_story(&["attendance", "0.2", "0.1", "2"], |_, server| server);
}

#[test]
fn the_second_sealed_client_may_do_what_it_may_and_nothing_else() {
    sealed_story(&["room"], |_, server| server);
}

#[test]
fn the_second_sealed_client_goes_on_after_the_server_was_killed() {
    sealed_story(&["restart", "7"], |story, server| {
        story.wait_for_output("that it waits", |text| text.contains("start the server anew now"));
        let server = server.kill().start();
        story.write(b"\n");
        server
    });
}

#[test]
fn the_second_sealed_client_is_refused_what_the_specification_refuses() {
    sealed_story(&["strict"], |_, server| server);
}

#[test]
fn the_second_sealed_client_bears_a_hostile_network() {
    sealed_story(&["hostile"], |_, server| server);
}
