//! What teachers and students do, told with the real commands: roll calls from the opening to the
//! sheet, at a prompt and in scripts, and what a program reads of them.
#![cfg(unix)]

use std::io::pipe;
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use rollcall::exchange::{
    Answer, Ask, Marked, Opened, Operation, Query, Refusal, Refused, Reply, decode_reply,
    decode_request, encode_reply,
};
use rollcall::shell::clock::Clock;
use rollcall::wire::Datagram;
use serde_json::{Value, json};

use support::process::{Finished, Process, TIMEOUT};
use support::raw::{Raw, first_request, mark};
use support::{Call, Place, SERVER, STUDENT, Server, TEACHER, counters, run, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

/// The field names of an object, sorted.
fn fields(object: &Value) -> Vec<&str> {
    let mut fields: Vec<_> =
        object.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

/// Fails unless this is a time in RFC 3339, in UTC, with milliseconds.
#[track_caller]
fn assert_is_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("a time is text, not {value}"));
    let time = DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(time.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true), text);
}

/// The attempts that an object tells; on a network without losses there is one for each question.
#[track_caller]
fn assert_has_attempts(object: &Value) {
    assert!(object["attempts"].as_u64().is_some_and(|attempts| attempts >= 1), "{object}");
}

/// Without what may differ between two tellings of the same thing.
fn told(mut object: Value) -> Value {
    let fields = object.as_object_mut().expect("an object");
    fields.remove("attempts");
    fields.remove("already_closed");
    object
}

#[test]
fn a_roll_call_goes_from_the_opening_to_the_sheet_in_order_of_arrival() {
    let server = Server::in_memory();
    let opened = server.teacher(["open", "3030"]).expect(0).object();
    assert_eq!((&opened["class"], &opened["already_open"]), (&json!(3030), &json!(false)));
    let arrival = ["50", "10", "042191010", "30", "20", "40"];
    let mut times = vec![opened["opened_at"].clone()];
    for student in arrival {
        let receipt = server.student(["mark", "3030", student]).expect(0).object();
        assert_eq!(receipt["class"], 3030, "{receipt}");
        assert_eq!(receipt["student"], student, "{receipt}");
        assert_eq!(receipt["outcome"], "present", "{receipt}");
        times.push(receipt["at"].clone());
    }
    let closed = server.teacher(["close", "3030"]).expect(0);
    let sheet = closed.object();
    times.push(sheet["closed_at"].clone());
    assert_eq!(sheet["students"], json!(arrival), "{closed}");
    assert_eq!(sheet["opened_at"], opened["opened_at"], "{closed}");
    times.iter().for_each(assert_is_time);
    assert!(times.is_sorted_by_key(ToString::to_string), "{times:?}");
}

#[test]
fn one_student_client_marks_several_students_in_their_order() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let arrival = ["10", "20", "30", "40", "50", "042191010"];
    let marked = server.client(STUDENT).args(["--json", "mark", "3030"]).args(arrival).run();
    let receipts = marked.expect(0).objects();
    let names: Vec<_> = receipts.iter().map(|receipt| &receipt["student"]).collect();
    assert_eq!(names, arrival);
    assert!(receipts.iter().all(|receipt| receipt["outcome"] == "present"), "{receipts:?}");
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(arrival));
}

#[test]
fn people_read_the_same_as_programs() {
    let server = Server::in_memory();
    let opened = server.client(TEACHER).args(["open", "7"]).run().expect(0);
    assert!(opened.stdout.starts_with("Class 7 was opened at "), "{opened}");
    let marked = server.client(STUDENT).args(["mark", "7", "042191010"]).run().expect(0);
    assert!(marked.stdout.starts_with("042191010 was marked present in class 7 at "), "{marked}");
    let closed = server.client(TEACHER).args(["close", "7"]).run().expect(0);
    let lines: Vec<_> = closed.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{closed}");
    assert!(lines[0].starts_with("Class 7 was closed at "), "{closed}");
    assert!(lines[0].ends_with(" +00:00. 1 student answered:"), "the zone, once\n{closed}");
    assert!(lines[1].trim_start().starts_with("1  042191010 "), "{closed}");
    let again = server.client(STUDENT).args(["mark", "7", "042191010"]).run().expect(3);
    let late = "error: 042191010 was refused at ";
    assert!(again.stderr.starts_with(late), "{again}");
    assert!(again.stderr.contains(": class 7 was closed at "), "{again}");
    for quiet in [&opened, &marked, &closed] {
        assert_eq!(quiet.stderr, "", "{quiet}");
    }
}

#[test]
fn closing_one_class_touches_no_other() {
    let server = Server::in_memory();
    for class in ["1", "2", "4294967295"] {
        server.teacher(["open", class]).expect(0);
        server.student(["mark", class, "10", &format!("of-{class}")]).expect(0);
    }
    let first = server.teacher(["close", "1"]).expect(0).object();
    assert_eq!(first["students"], json!(["10", "of-1"]));
    let open = server.teacher(["status"]).expect(0);
    let open: Vec<_> =
        open.objects().iter().map(|it| (it["class"].clone(), it["present"].clone())).collect();
    assert_eq!(open, [(json!(2), json!(2)), (json!(4_294_967_295_u32), json!(2))]);
    server.student(["mark", "2", "30"]).expect(0);
    let second = server.teacher(["close", "2"]).expect(0).object();
    assert_eq!(second["students"], json!(["10", "of-2", "30"]));
    let last = server.teacher(["close", "4294967295"]).expect(0).object();
    assert_eq!(last["students"], json!(["10", "of-4294967295"]));
}

#[test]
fn a_mark_without_an_open_roll_call_is_refused_with_class_zero_and_exit_code_3() {
    let server = Server::in_memory();
    let assert_refused = |refused: &Finished| {
        let answer = refused.object();
        assert_eq!(answer["class"], 0, "{refused}");
        assert_eq!(answer["student"], "10", "{refused}");
        assert_eq!(answer["outcome"], "refused", "{refused}");
        assert_eq!(answer["reason"], "not_open", "{refused}");
        assert_is_time(&answer["at"]);
    };
    let never_opened = server.student(["mark", "1010", "10"]);
    assert_refused(&never_opened.expect_error(3, "no open roll call"));
    server.teacher(["open", "1010"]).expect(0);
    server.teacher(["close", "1010"]).expect(0);
    let late = server.student(["mark", "1010", "10"]).expect_error(3, "class 1010 was closed at ");
    assert_refused(&late);
    assert_is_time(&late.object()["closed_at"]);
    assert_eq!(never_opened_has_no_close(&server), Value::Null);
    let sheet = server.teacher(["sheet", "1010"]).expect(0).object();
    assert_eq!(sheet["students"], json!([]), "a refused mark is on no sheet");
}

/// When the last roll call of a class that never had one was closed.
fn never_opened_has_no_close(server: &Server) -> Value {
    server.student(["mark", "1011", "10"]).expect(3).object()["closed_at"].clone()
}

#[test]
fn a_refused_student_does_not_keep_the_others_from_being_asked() {
    let server = Server::in_memory();
    let refused = server.student(["mark", "5", "10", "20"]).expect(3);
    let students: Vec<_> = refused.objects().iter().map(|it| it["student"].clone()).collect();
    assert_eq!(students, ["10", "20"], "{refused}");
}

#[test]
fn a_second_mark_is_recognised_and_answered_with_the_first_time() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let first = server.student(["mark", "3030", "10"]).expect(0).object();
    server.student(["mark", "3030", "20"]).expect(0);
    let second = server.student(["mark", "3030", "10"]).expect(0).object();
    assert_eq!(second["outcome"], "already_present", "{second}");
    assert_eq!(second["at"], first["at"], "{second}");
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["10", "20"]));
}

#[test]
fn a_student_number_keeps_its_leading_zero_and_is_another_without_it() {
    let server = Server::in_memory();
    server.teacher(["open", "1"]).expect(0);
    let marks = server.student(["mark", "1", "042191010", "42191010"]).expect(0);
    assert!(marks.objects().iter().all(|it| it["outcome"] == "present"), "{marks}");
    let sheet = server.teacher(["close", "1"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["042191010", "42191010"]));
}

#[test]
fn opening_an_open_class_changes_nothing_and_tells_the_first_time() {
    let server = Server::in_memory();
    let first = server.teacher(["open", "3030"]).expect(0).object();
    server.student(["mark", "3030", "10"]).expect(0);
    let second = server.teacher(["open", "3030"]).expect(0).object();
    assert_eq!(second["already_open"], true, "{second}");
    assert_eq!(second["opened_at"], first["opened_at"], "{second}");
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["10"]), "the second opening forgot nobody");
}

#[test]
fn closing_again_gives_the_same_sheet() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    server.student(["mark", "3030", "10", "20"]).expect(0);
    let first = told(server.teacher(["close", "3030"]).expect(0).object());
    server.student(["mark", "3030", "30"]).expect(3);
    let second = told(server.teacher(["close", "3030"]).expect(0).object());
    assert_eq!(second, first);
    let shown = told(server.teacher(["sheet", "3030"]).expect(0).object());
    assert_eq!(shown, first);
}

#[test]
fn the_next_lesson_has_its_own_sheet_and_is_the_last_one() {
    let server = Server::in_memory();
    for student in ["10", "20"] {
        server.teacher(["open", "3030"]).expect(0);
        server.student(["mark", "3030", student]).expect(0);
        let closed = server.teacher(["close", "3030"]).expect(0).object();
        assert_eq!(closed["students"], json!([student]));
    }
    let shown = server.teacher(["sheet", "3030"]).expect(0).object();
    assert_eq!(shown["students"], json!(["20"]));
}

#[test]
fn closing_a_class_that_was_never_opened_is_refused_with_exit_code_3() {
    let server = Server::in_memory();
    server.teacher(["close", "4711"]).expect_error(3, "never had a roll call");
}

#[test]
fn the_status_tells_what_is_open_and_how_many_answered() {
    let server = Server::in_memory();
    assert_eq!(server.teacher(["status"]).expect(0).objects(), Vec::<Value>::new());
    let none = server.client(TEACHER).arg("status").run().expect(0);
    assert_eq!(none.stdout, "No roll call is open.\n", "{none}");
    let opened = server.teacher(["open", "3030"]).expect(0).object();
    server.teacher(["open", "2"]).expect(0);
    server.student(["mark", "3030", "10", "20"]).expect(0);
    let all = server.teacher(["status"]).expect(0).objects();
    let classes: Vec<_> = all.iter().map(|it| &it["class"]).collect();
    assert_eq!(classes, [2, 3030], "in order of class");
    let one = told(server.teacher(["status", "3030"]).expect(0).object());
    assert_eq!(one, told(all[1].clone()));
    assert_eq!(one["present"], 2, "{one}");
    assert_eq!(one["opened_at"], opened["opened_at"], "{one}");
    server.teacher(["status", "4"]).expect(3);
}

#[test]
fn the_status_of_more_classes_than_one_datagram_holds_is_complete() {
    let server = Server::in_memory();
    let raw = Raw::to(&server);
    let classes: Vec<u32> = (1..=200).map(|number| number * 1_000_003).collect();
    for &class in &classes {
        let opened = raw.reply(&first_request(support::raw::open(class)));
        assert!(
            matches!(opened.answer, Answer::Opened(Opened { already_open: false, .. })),
            "{opened:?}"
        );
    }
    let listed = server.teacher(["status"]).expect(0).objects();
    let listed: Vec<_> = listed.iter().map(|it| it["class"].clone()).collect();
    assert_eq!(listed, classes);
}

#[test]
fn a_class_that_was_never_closed_has_no_sheet() {
    let server = Server::in_memory();
    let nothing = server.teacher(["sheet", "3030"]).expect(3);
    assert!(nothing.stderr.contains("has no closed sheet"), "{nothing}");
    server.teacher(["open", "3030"]).expect(0);
    server.teacher(["sheet", "3030"]).expect(3);
}

#[test]
fn a_sheet_can_be_had_again_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    server.student(["mark", "3030", "10", "042191010"]).expect(0);
    let closed = told(server.teacher(["close", "3030"]).expect(0).object());
    let (setup, _) = server.stop("TERM");
    let server = setup.start();
    assert_eq!(told(server.teacher(["sheet", "3030"]).expect(0).object()), closed);
    assert_eq!(told(server.teacher(["close", "3030"]).expect(0).object()), closed);
}

#[test]
fn an_open_roll_call_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path());
    let opened = server.teacher(["open", "3030"]).expect(0).object();
    server.student(["mark", "3030", "10"]).expect(0);
    let (setup, _) = server.stop("TERM");
    let server = setup.start();
    let status = server.teacher(["status", "3030"]).expect(0).object();
    assert_eq!((&status["opened_at"], &status["present"]), (&opened["opened_at"], &json!(1)));
    server.student(["mark", "3030", "20"]).expect(0);
    let closed = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(closed["students"], json!(["10", "20"]));
}

#[test]
fn a_teacher_at_the_prompt_opens_and_closes_and_is_asked_again_after_a_mistake() {
    let server = Server::in_memory();
    let input = b"maths\n0\n\n 3030 \n-1\n4294967296\n3030\n";
    let talk = server.client(TEACHER).run_with(input).expect(2);
    assert!(talk.stdout.starts_with("Roll call. "), "{talk}");
    assert!(talk.stdout.contains("Class: Class 3030 was opened at "), "{talk}");
    assert!(talk.stdout.contains("Class: Class 3030 was closed at "), "{talk}");
    assert!(talk.stdout.contains(". 0 students answered."), "{talk}");
    // Seven lines, one of them empty, and the end of the input.
    assert_eq!(talk.stdout.matches("Class: ").count(), 8, "{talk}");
    let complaints: Vec<_> = talk.stderr.lines().collect();
    assert_eq!(complaints.len(), 4, "{talk}");
    let wrong = ["1: 'maths'", "2: '0'", "5: '-1'", "6: '4294967296'"];
    for (complaint, wrong) in complaints.iter().zip(wrong) {
        assert!(complaint.starts_with(&format!("error: line {wrong}: ")), "{complaint}\n{talk}");
    }
}

#[test]
fn a_class_that_somebody_else_opened_is_closed_only_after_the_prompt_said_that_it_is_open() {
    let server = Server::in_memory();
    let still_open = || server.teacher(["status", "3030"]).code() == Some(0);
    server.teacher(["open", "3030"]).expect(0);
    server.student(["mark", "3030", "10"]).expect(0);
    let told = server.client(TEACHER).run_with(b"3030\n").expect(0);
    assert!(told.stdout.contains("Class 3030 is open since "), "{told}");
    assert!(told.stdout.contains(": 1 student so far."), "{told}");
    assert!(told.stderr.contains("stays open; the same line again closes it"), "{told}");
    assert!(still_open());
    let told = server.client(TEACHER).arg("--json").run_with(b"3030\n").expect(0);
    assert_eq!(told.object()["present"], 1, "{told}");
    assert!(still_open());
    let closed = server.client(TEACHER).run_with(b"3030\n3030\n").expect(0);
    assert!(closed.stdout.contains("Class 3030 was closed at "), "{closed}");
}

#[test]
fn a_class_that_was_closed_and_opened_again_by_somebody_else_is_not_closed_unseen() {
    let server = Server::in_memory();
    let mut teacher = server.client(TEACHER).start();
    teacher.write(b"3030\n");
    teacher.wait_for_output("the opening", |text| text.contains("was opened at"));
    server.teacher(["close", "3030"]).expect(0);
    let next = server.teacher(["open", "3030"]).expect(0).object();
    teacher.write(b"3030\n");
    teacher.wait_for_output("the other opening", |text| text.contains("is open since"));
    assert_eq!(
        server.teacher(["status", "3030"]).expect(0).object()["opened_at"],
        next["opened_at"]
    );
    teacher.write(b"3030\n");
    teacher.finish().expect(0);
    server.teacher(["status", "3030"]).expect(3);
}

#[test]
fn a_class_that_somebody_else_closed_is_not_opened_again_unseen() {
    let server = Server::in_memory();
    let mut teacher = server.client(TEACHER).start();
    teacher.write(b"3030\n");
    teacher.wait_for_output("the opening", |text| text.contains("was opened at"));
    server.student(["mark", "3030", "10"]).expect(0);
    server.teacher(["close", "3030"]).expect(0);
    teacher.write(b"3030\n");
    teacher.wait_for_output("the sheet", |text| text.contains(". 1 student answered:\n   1  10 "));
    server.teacher(["status", "3030"]).expect(3);
    teacher.write(b"3030\n");
    teacher.finish().expect(0);
    server.teacher(["status", "3030"]).expect(0);
}

/// What passes datagrams on between a client and the server, and loses some of the answers.
struct Losing {
    address: SocketAddr,
    loses: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Losing {
    fn before(server: &Server, lost: fn(&Answer) -> bool) -> Self {
        let front = own_silence();
        let back = UdpSocket::bind((server.address().ip(), 0)).expect("a free port");
        back.connect(server.address()).expect("a way to the server");
        let tick = Some(Duration::from_millis(20));
        front.set_read_timeout(tick).expect("longer than zero");
        back.set_read_timeout(tick).expect("longer than zero");
        let address = front.local_addr().expect("bound");
        let (loses, ended) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let client = Arc::new(Mutex::new(None));
        let (from, to) =
            (front.try_clone().expect("a socket"), back.try_clone().expect("a socket"));
        let (its_end, its_client) = (Arc::clone(&ended), Arc::clone(&client));
        thread::spawn(move || {
            let mut space = [0; 2_048];
            while !its_end.load(Ordering::Relaxed) {
                if let Ok((length, address)) = from.recv_from(&mut space) {
                    *its_client.lock().expect("no panic") = Some(address);
                    to.send(&space[..length]).expect("a way to the server");
                }
            }
        });
        let (its_end, it_loses) = (Arc::clone(&ended), Arc::clone(&loses));
        thread::spawn(move || {
            let mut space = [0; 2_048];
            while !its_end.load(Ordering::Relaxed) {
                let Ok(length) = back.recv(&mut space) else { continue };
                let answer = decode_reply(&space[..length]).expect("a reply").answer;
                let client = client.lock().expect("no panic").expect("somebody asked");
                if !(it_loses.load(Ordering::Relaxed) && lost(&answer)) {
                    front.send_to(&space[..length], client).expect("a way back");
                }
            }
        });
        Self { address, loses, ended }
    }

    /// From now on nothing is lost.
    fn heal(&self) {
        self.loses.store(false, Ordering::Relaxed);
    }

    fn teacher(&self) -> Process {
        Call::new(&Place::default(), TEACHER, None)
            .args(["--server", &self.address.to_string(), "--timeout", "400ms"])
            .start()
    }
}

impl Drop for Losing {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_class_whose_opening_had_no_answer_is_not_closed_when_it_is_typed_again() {
    let server = Server::in_memory();
    let way = Losing::before(&server, |answer| matches!(answer, Answer::Opened(_)));
    let mut teacher = way.teacher();
    teacher.write(b"8201\n");
    teacher.wait_for_log("that nothing is known", |log| log.contains("was opened is unknown"));
    way.heal();
    teacher.write(b"8201\n");
    teacher.wait_for_output("that it is open", |text| text.contains("Class 8201 is open since "));
    teacher.wait_for_log("what closes it", |log| log.contains("the same line again closes it"));
    server.teacher(["status", "8201"]).expect(0);
    server.student(["mark", "8201", "10"]).expect(0);
    teacher.write(b"8201\n");
    teacher.wait_for_output("the sheet", |text| text.contains(". 1 student answered:"));
    let ended = teacher.finish().expect(4);
    let settled = "the opening of class 8201 from before: was opened at ";
    assert!(ended.stderr.contains(settled), "it is told when it is known\n{ended}");
}

#[test]
fn a_class_whose_close_had_no_answer_is_not_opened_when_it_is_typed_again() {
    let server = Server::in_memory();
    let way = Losing::before(&server, |answer| matches!(answer, Answer::Closed(_)));
    let mut teacher = way.teacher();
    teacher.write(b"8201\n");
    teacher.wait_for_output("the opening", |text| text.contains("was opened at"));
    server.student(["mark", "8201", "10"]).expect(0);
    teacher.write(b"8201\n");
    teacher.wait_for_log("that nothing is known", |log| log.contains("was closed is unknown"));
    way.heal();
    teacher.write(b"8201\n");
    teacher.wait_for_output("the sheet", |text| text.contains(". 1 student answered:"));
    server.teacher(["status", "8201"]).expect(3);
    teacher.finish().expect(4);
}

/// A command at a terminal of that many columns, or why there is none.
fn at_a_terminal(columns: u16, command: &str) -> Result<Call, &'static str> {
    if !support::has("script") || !support::has("stty") {
        return Err("there is no command 'script' or 'stty' to make a terminal with");
    }
    let command = format!("stty cols {columns} rows 24; exec {command}");
    let call = Call::new(&Place::default(), "script", None);
    Ok(call.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh"))
}

#[test]
fn a_teacher_at_a_terminal_is_asked_before_a_class_is_closed() {
    let server = Server::in_memory();
    let command = format!("'{TEACHER}' --server {}", server.address());
    let call = match at_a_terminal(80, &command) {
        Ok(call) => call,
        Err(why) => return skip(why),
    };
    let mut teacher = call.start();
    let questions = |teacher: &Process, count| {
        let asked = |text: &str| text.matches("Close it? [y/N] ").count() >= count;
        teacher.wait_for_output("the question", asked)
    };
    teacher.wait_for_output("the prompt", |text| text.contains("Class: "));
    teacher.write(b"3030\n");
    teacher.wait_for_output("the opening", |text| text.contains("Class 3030 was opened at "));
    server.student(["mark", "3030", "10", "20", "30"]).expect(0);
    teacher.write(b"3030\n");
    let asked = questions(&teacher, 1);
    assert!(asked.contains(", 3 present. Close it? [y/N] "), "{teacher}");
    teacher.write(b"3030\n");
    teacher.wait_for_output("that it stays", |text| text.contains("Class 3030 stays open."));
    server.teacher(["status", "3030"]).expect(0);
    // The line before comes back with the arrow key.
    teacher.write(b"\x1b[A\n");
    questions(&teacher, 2);
    teacher.write(b"y\n");
    teacher.wait_for_output("the sheet", |text| text.contains(". 3 students answered:"));
    teacher.write(b"no class\n");
    teacher.wait_for_output("the mistake", |text| text.contains("error: 'no class': "));
    teacher.finish().expect(0);
}

#[test]
fn a_teacher_at_the_prompt_sees_who_answered_in_the_meantime() {
    let server = Server::in_memory();
    let mut teacher = server.client(TEACHER).start();
    teacher.write(b"3030\n");
    teacher.wait_for_output("the opening", |text| text.contains("was opened at"));
    server.student(["mark", "3030", "10", "042191010"]).expect(0);
    teacher.write(b"3030\n");
    let shown = teacher.wait_for_output("the sheet", |text| text.contains("042191010"));
    assert!(shown.contains(". 2 students answered:\n   1  10 "), "{teacher}");
    assert!(shown.contains("\n   2  042191010 "), "{teacher}");
    teacher.finish().expect(0);
}

#[test]
fn a_teacher_at_the_prompt_goes_on_after_a_refusal_or_without_an_answer() {
    let server = Server::in_memory();
    let first = server.client(TEACHER).arg("--json").run_with(b"9\n9\n").expect(0);
    let objects = first.objects();
    assert_eq!(objects.len(), 2, "prompts are not on standard output\n{first}");
    assert!(objects[0]["already_open"] == false && objects[1]["students"] == json!([]), "{first}");
    let nobody = own_silence();
    let address = nobody.local_addr().expect("bound").to_string();
    let unanswered = Call::new(&Place::default(), TEACHER, None)
        .args(["--server", &address, "--timeout", "300ms"])
        .run_with(b"1\n2\n")
        .expect(4);
    assert_eq!(unanswered.stderr.matches("error: no answer from ").count(), 2, "{unanswered}");
}

#[test]
fn students_at_one_prompt_answer_one_after_the_other_and_mistakes_are_asked_again() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let talk = server.client(STUDENT).run_with(b"10\n3030\n042191010\n3030\n20\n7\n").expect(3);
    let marked = "Student number: Class: 10 was marked present in class 3030 at ";
    assert!(talk.stdout.contains(marked), "{talk}");
    assert!(talk.stdout.contains("042191010 was marked present in class 3030 at "), "{talk}");
    assert_eq!(talk.stderr.lines().count(), 1, "{talk}");
    assert!(talk.stderr.starts_with("error: 20 was refused at "), "{talk}");
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["10", "042191010"]));
}

#[test]
fn after_a_line_that_is_not_understood_no_class_becomes_a_student() {
    let long = "9".repeat(33);
    let cases = [
        // What is wrong, the lines, who is marked in class 3030, and which lines were left out.
        ("a student of two words", "with space\n3030\n20\n3030\n", json!([]), "lines 1 to 4"),
        ("a student that is too long", &format!("{long}\n3030\n20\n3030\n"), json!([]), "1 to 4"),
        ("a class that is none", "10\nmaths\n3030\n20\n3030\n", json!([]), "lines 2 to 5"),
        ("a heading", "Número\n042191010\n3030\n20\n3030\n", json!([]), "lines 1 to 5"),
        ("what is not text", "\u{fffd}\n3030\n3030 3030\n", json!(["3030"]), "lines 1 to 2"),
        ("a line with both", "maths!é\n3030\n20 3030\n30\n3030\n", json!(["20", "30"]), "1 to 2"),
        ("a missing class", "10\n20 3030\n", json!(["20"]), "line 1: '10' was not marked"),
        ("a missing last class", "20 3030\n10\n", json!(["20"]), "line 2: '10' was not marked"),
        ("three fields", "10 20 3030\n3030\n20 3030", json!(["20"]), "lines 1 to 2"),
    ];
    for (about, lines, marked, skipped) in cases {
        let server = Server::in_memory();
        server.teacher(["open", "3030"]).expect(0);
        let talk = server.client(STUDENT).run_with(lines.as_bytes()).expect(2);
        assert!(talk.stderr.contains(skipped), "{about}\n{talk}");
        let sheet = server.teacher(["close", "3030"]).expect(0).object();
        assert_eq!(sheet["students"], marked, "{about}\n{talk}");
        let (_, ended) = server.stop("TERM");
        let refused = counters(&ended.stderr).contains_key("refused_not_open");
        assert!(!refused, "{about}: nobody was marked in another class\n{talk}");
    }
}

#[test]
fn a_student_and_a_class_in_one_line_are_understood_however_they_were_pasted() {
    let lines = "\u{feff}01 3030\r\n02\t3030 \r\n03;3030;\r\n\r\n\"04\",\"3030\"\r\n05\u{a0}3030\r\n\
                 06\r\n 3030\r\n07,\t3030";
    let marked = ["01", "02", "03", "04", "05", "06", "07"];
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let talk = server.client(STUDENT).arg("--json").run_with(lines.as_bytes()).expect(0);
    let outcomes: Vec<_> = talk.objects().iter().map(|it| it["outcome"].clone()).collect();
    assert_eq!(outcomes, ["present"; 7], "{talk}");
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(marked), "{talk}");
}

#[test]
fn a_paste_of_several_lines_at_a_terminal_is_not_guessed_either() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let command = format!("'{STUDENT}' --server {}", server.address());
    let call = match at_a_terminal(80, &command) {
        Ok(call) => call,
        Err(why) => return skip(why),
    };
    let mut student = call.start();
    student.wait_for_output("the prompt", |text| text.contains("Student number: "));
    student.write("\x1b[200~10\r3030\rJoão\r3030\r20\r3030\r30 3030\r\x1b[201~\r".as_bytes());
    student.wait_for_output("the last", |text| text.contains("30 was marked present"));
    student.write(b"40\n");
    student.wait_for_output("the class", |text| text.contains("Class: "));
    student.write(b"maths\n");
    student.wait_for_output("the mistake", |text| text.contains("error: 'maths': "));
    student.write(b"3030\n");
    let said = student.wait_for_output("the mark", |text| text.contains("40 was marked present"));
    assert!(said.contains("lines 3 to 6 were skipped"), "{student}");
    student.finish().expect(0);
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["10", "30", "40"]));
}

#[test]
fn students_are_read_from_standard_input_one_on_each_line() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let input = "\u{feff}10\r\n\r\n \"042191010\";\n20 21\n-\nJoão\n30";
    let list = server.client(STUDENT).args(["--json", "mark", "3030", "-"]);
    let marked = list.run_with(input.as_bytes()).expect(2);
    let names: Vec<_> = marked.objects().iter().map(|it| it["student"].clone()).collect();
    assert_eq!(names, ["10", "042191010", "-", "30"], "{marked}");
    let complaints: Vec<_> = marked.stderr.lines().collect();
    assert_eq!(complaints.len(), 2, "{marked}");
    assert!(complaints[0].starts_with("error: line 4: '20 21': "), "{marked}");
    assert!(complaints[1].starts_with("error: line 6: 'João': "), "{marked}");
    server.teacher(["close", "3030"]).expect(0);
    let refused = server.client(STUDENT).args(["--json", "mark", "3030", "-"]).run_with(b"1\n2\n");
    assert_eq!(refused.expect(3).objects().len(), 2, "a refusal does not stop the rest");
}

#[test]
fn whoever_stops_reading_does_not_make_a_command_fail() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let address = server.address().to_string();
    let run = |program, arguments: &[&str], input: &[u8]| {
        // The reader is gone before anything is written.
        let (_, stdout) = pipe().expect("a pipe");
        let (stdin, mut typing) = pipe().expect("a pipe");
        std::io::Write::write_all(&mut typing, input).expect("room for a few bytes");
        drop(typing);
        let mut command = Place::default().command(program);
        command.args(["--server", &address]).args(arguments);
        let output = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).output();
        let output = output.expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    };
    run(STUDENT, &["mark", "3030", "10", "20"], b"");
    run(STUDENT, &["--json", "mark", "3030", "30"], b"");
    run(STUDENT, &[], b"40\n3030\n50 3030\n");
    run(TEACHER, &["status"], b"");
    run(TEACHER, &["close", "3030"], b"");
    run(TEACHER, &["--json", "sheet", "3030"], b"");
    run(TEACHER, &[], b"9\n9\n");
    let sheet = server.teacher(["sheet", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["10", "20", "30", "40", "50"]), "all of it was done");
    let ninth = server.teacher(["sheet", "9"]).expect(0).object();
    assert_eq!(ninth["students"], json!([]));
}

#[test]
fn ctrl_c_while_an_answer_is_awaited_says_what_is_unknown() {
    let server = own_silence();
    let address = server.local_addr().expect("bound").to_string();
    let interrupted = |program, arguments: &[&str]| {
        let call = Call::new(&Place::default(), program, None);
        let asking = call.args(["--server", &address]).args(arguments).start();
        server.recv_from(&mut [0; 2_048]).expect("a request");
        asking.signal("INT");
        let ended = asking.finish().expect(130);
        server.set_nonblocking(true).expect("an open socket");
        while server.recv_from(&mut [0; 2_048]).is_ok() {}
        server.set_nonblocking(false).expect("an open socket");
        ended
    };
    let mark = interrupted(STUDENT, &["--json", "mark", "3030", "10", "20"]);
    let says = "error: interrupted; whether 10 was marked in class 3030 is unknown; \
                ask again to find out\nerror: not sent: 20\n";
    assert_eq!(mark.stderr, says, "{mark}");
    let objects = mark.objects();
    assert_eq!((&objects[0]["outcome"], &objects[0]["student"]), (&json!("unknown"), &json!("10")));
    assert_has_attempts(&objects[0]);
    assert_eq!((&objects[1]["outcome"], &objects[1]["attempts"]), (&json!("not_sent"), &json!(0)));
    let close = interrupted(TEACHER, &["--json", "close", "3030"]);
    assert!(close.stderr.contains("whether class 3030 was closed is unknown"), "{close}");
    let object = close.object();
    assert_eq!(
        (&object["class"], &object["outcome"]),
        (&json!(3030), &json!("unknown")),
        "{close}"
    );
    let status = interrupted(TEACHER, &["status"]);
    assert_eq!(status.stderr, "error: interrupted\n", "a question changes nothing\n{status}");
}

#[test]
fn a_refusal_is_told_whatever_becomes_of_the_question_when_the_class_was_closed() {
    let server = own_silence();
    let address = server.local_addr().expect("bound").to_string();
    let call = Call::new(&Place::default(), STUDENT, None).args(["--server", &address, "--json"]);
    let student = call.args(["mark", "3030", "10", "20"]).start();
    let mut space = [0; 2_048];
    let mut asked = || {
        let (length, from) = server.recv_from(&mut space).expect("a request");
        (decode_request(&space[..length]).expect("a request").request, from)
    };
    let (mark, from) = asked();
    let at = Clock::start().now().wall;
    let answer = Answer::MarkRefused(Refused { at, reason: Refusal::NotOpen });
    let mut datagram = Datagram::new();
    encode_reply(&Reply { client: mark.client, number: mark.number, answer }, &mut datagram);
    server.send_to(datagram.as_bytes(), from).expect("a way back");
    while !matches!(asked().0.ask, Ask::Read(Query::Sheets { .. })) {}
    student.signal("INT");
    let ended = student.finish().expect(130);
    let objects = ended.objects();
    assert_eq!(
        (&objects[0]["outcome"], &objects[0]["closed_at"]),
        (&json!("refused"), &Value::Null)
    );
    assert_eq!(objects[1]["outcome"], "not_sent", "{ended}");
    assert!(ended.stderr.contains("class 3030 has no open roll call"), "{ended}");
}

#[test]
fn ctrl_c_at_an_idle_prompt_ends_it_as_usual() {
    let server = Server::in_memory();
    for program in [TEACHER, STUDENT] {
        let mut process = server.client(program).start();
        process.wait_for_output("the prompt", |text| text.ends_with(": "));
        // Once it has waited for an answer it is the same.
        process.write(if program == TEACHER { b"1\n1\n" } else { b"1 1\n1 1\n" });
        process.wait_for_output("the third prompt", |text| text.matches(": ").count() >= 3);
        process.signal("INT");
        let ended = process.finish();
        assert_eq!(ended.code(), None, "the signal ended it\n{ended}");
    }
}

#[test]
fn the_end_of_the_input_ends_a_prompt_with_exit_code_0() {
    let server = Server::in_memory();
    for program in [TEACHER, STUDENT] {
        let ended = server.client(program).run().expect(0);
        assert_eq!(ended.stderr, "", "{ended}");
        assert!(ended.stdout.ends_with(": \n"), "the shell's prompt begins its own line\n{ended}");
    }
    let half = server.client(STUDENT).run_with(b"10\n").expect(2);
    assert!(half.stdout.ends_with("Class: \n"), "{half}");
    let counted = server.stop("TERM").1;
    assert!(counted.stderr.contains("counters: nothing yet"), "nothing was sent\n{counted}");
}

#[test]
fn open_mark_and_status_tell_programs_exactly_the_fields_of_the_contract() {
    let server = Server::in_memory();
    let opened = server.teacher(["open", "1"]).expect(0).object();
    assert_eq!(fields(&opened), ["already_open", "attempts", "class", "opened_at"]);
    assert_is_time(&opened["opened_at"]);
    let marks = server.student(["mark", "1", "10", "10"]).expect(0).objects();
    for receipt in &marks {
        assert_eq!(fields(receipt), ["at", "attempts", "class", "outcome", "student"]);
        assert_is_time(&receipt["at"]);
        assert_has_attempts(receipt);
    }
    let refused = server.student(["mark", "2", "10"]).expect(3).object();
    assert_eq!(fields(&refused), ["at", "attempts", "class", "outcome", "reason", "student"]);
    let status = server.teacher(["status", "1"]).expect(0).object();
    assert_eq!(fields(&status), ["attempts", "class", "opened_at", "present"]);
    assert_is_time(&status["opened_at"]);
    for object in [&opened, &refused, &status] {
        assert_has_attempts(object);
    }
}

#[test]
fn close_and_sheet_tell_programs_exactly_the_fields_of_the_contract() {
    let server = Server::in_memory();
    server.teacher(["open", "1"]).expect(0);
    server.student(["mark", "1", "10"]).expect(0);
    let closed = server.teacher(["close", "1"]).expect(0).object();
    let sheet = server.teacher(["sheet", "1"]).expect(0).object();
    for object in [&sheet, &closed] {
        assert_is_time(&object["opened_at"]);
        assert_is_time(&object["closed_at"]);
        assert_has_attempts(object);
        let contract = [
            "attempts",
            "class",
            "closed_at",
            "entries",
            "number",
            "opened_at",
            "revision",
            "students",
        ];
        assert_eq!(fields(object), contract, "{object}");
        let entry = &object["entries"][0];
        assert_eq!(fields(entry), ["at", "by", "flags", "status", "student"], "{object}");
        assert_is_time(&entry["at"]);
        assert_eq!((&entry["student"], &entry["flags"]), (&json!("10"), &json!([])), "{object}");
    }
}

/// A class that is opened again for one late student has two sheets that day, and neither hides the
/// other.
#[test]
fn a_class_that_was_opened_again_shows_its_earlier_sheets_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path());
    for students in [&["10", "20", "30"][..], &["late"], &[]] {
        server.teacher(["open", "3030"]).expect(0);
        for student in students {
            server.student(["mark", "3030", student]).expect(0);
        }
        server.teacher(["close", "3030"]).expect(0);
    }
    server.teacher(["open", "3030"]).expect(0);
    let number = |number: &str| server.teacher(["sheet", "3030", "--number", number]);
    assert_eq!(number("1").expect(0).object()["students"], json!(["10", "20", "30"]));
    assert_eq!(number("2").expect(0).object()["students"], json!(["late"]));
    let refused = number("4").expect(3);
    assert_eq!(refused.object()["reason"], "no_sheet", "open, and not closed\n{refused}");
    assert!(refused.stderr.contains("rollcall-teacher history 3030"), "{refused}");
    let last = server.teacher(["sheet", "3030"]).expect(0).object();
    assert_eq!((&last["number"], &last["students"]), (&json!(3), &json!([])));
    let history = server.teacher(["history", "3030"]).expect(0).objects();
    let told: Vec<_> = history.iter().map(|it| (&it["number"], &it["present"])).collect();
    let expected = [(json!(1), json!(3)), (json!(2), json!(1)), (json!(3), json!(0))];
    assert_eq!(told, expected.each_ref().map(|(number, present)| (number, present)));
    for line in &history {
        let contract = [
            "attempts",
            "class",
            "closed_at",
            "number",
            "opened_at",
            "present",
            "revised_at",
            "revision",
            "walk_ins",
        ];
        assert_eq!(fields(line), contract, "{line}");
    }
    // For people the others of that day are named.
    let words = server.client(TEACHER).args(["sheet", "3030"]).run().expect(0);
    assert!(words.stdout.contains("2 other sheets of class 3030 that day:"), "{words}");
    assert!(words.stdout.contains("   1  ") && words.stdout.contains("  3 students"), "{words}");
    assert!(words.stdout.contains("rollcall-teacher sheet 3030 --number 2"), "{words}");
    let day = &history[0]["closed_at"].as_str().expect("a time")[..10];
    let of_day = server.teacher(["sheet", "3030", "--date", day]).expect(0).objects();
    assert_eq!(of_day.len(), 3, "all of that day");
    server.teacher(["sheet", "3030", "--date", "1999-12-31"]).expect(3);
    server.teacher(["sheet", "3030", "--date", "yesterday"]).expect(2);
    server.teacher(["history", "7"]).expect(3);
    // Kept, and numbered on, over a restart.
    server.stop("TERM");
    let server = Server::on(folder.path());
    server.teacher(["close", "3030"]).expect(0);
    let history = server.teacher(["history", "3030"]).expect(0).objects();
    assert_eq!(history.last().expect("four")["number"], 4);
}

// spec: R-SHEET-6, R-SHEET-8
#[test]
fn more_sheets_than_one_answer_holds_are_listed_page_by_page() {
    let server = Server::in_memory();
    for _ in 0..40 {
        server.teacher(["open", "7"]).expect(0);
        server.teacher(["close", "7"]).expect(0);
    }
    let history = server.teacher(["history", "7"]).expect(0).objects();
    let numbers: Vec<_> =
        history.iter().map(|it| it["number"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    assert!(history[0]["attempts"].as_u64().expect("a count") >= 3, "{history:?}");
}

#[test]
fn the_help_of_each_command_has_examples() {
    for (program, name) in
        [(SERVER, "rollcall-server"), (TEACHER, "rollcall-teacher"), (STUDENT, "rollcall-student")]
    {
        let help = run(program, ["--help"]).expect(0);
        assert_eq!(help.stderr, "", "{help}");
        let (_, examples) = help.stdout.split_once("Examples:\n").expect("examples");
        assert!(examples.lines().next().is_some_and(|line| line.contains(name)), "{help}");
        assert!(examples.contains("Exit codes: 0 "), "{help}");
        let version = run(program, ["--version"]).expect(0);
        assert_eq!(version.stdout, format!("{name} {}\n", env!("CARGO_PKG_VERSION")), "{version}");
    }
}

#[test]
fn the_sheet_of_a_class_of_three_hundred_is_complete() {
    let server = Server::in_memory();
    server.teacher(["open", "300"]).expect(0);
    let students: Vec<_> = (1..=300).map(|number| format!("04219{number:04}")).collect();
    let rooms: Vec<_> = students
        .chunks(100)
        .map(|room| server.client(STUDENT).args(["--json", "mark", "300"]).args(room).start())
        .collect();
    let receipts: Vec<_> =
        rooms.into_iter().flat_map(|room| room.finish().expect(0).objects()).collect();
    assert_eq!(receipts.len(), 300);
    let closed = server.teacher(["close", "300"]).expect(0);
    let sheet = closed.object();
    // Several blocks: one request to close, one that proves the address, one for them all.
    assert!(sheet["attempts"].as_u64().is_some_and(|attempts| attempts >= 3), "{sheet}");
    let mut listed: Vec<_> =
        sheet["students"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let place = |name: &str| listed.iter().position(|listed| *listed == name);
    for room in students.chunks(100) {
        let places: Vec<_> = room.iter().map(|student| place(student)).collect();
        assert!(places.is_sorted() && places[0].is_some(), "in order of arrival\n{closed}");
    }
    listed.sort_unstable();
    assert_eq!(listed, students, "each of them once");
    let shown = server.client(TEACHER).args(["sheet", "300"]).run().expect(0);
    assert_eq!(shown.stdout.lines().count(), 301, "{shown}");
}

/// A socket that takes datagrams and says nothing until it is told to.
fn own_silence() -> UdpSocket {
    let socket = UdpSocket::bind(support::own_address()).expect("a free port");
    socket.set_read_timeout(Some(TIMEOUT)).expect("longer than zero");
    socket
}

/// Lets the first datagram be lost and answers the second, whatever mark it is.
fn answer_the_second(server: &UdpSocket, student: &Process) {
    let mut space = [0; 2_048];
    let mut received = || {
        let (length, from) =
            server.recv_from(&mut space).unwrap_or_else(|error| panic!("{error}\n{student}"));
        (decode_request(&space[..length]).expect("a request").request, from)
    };
    let (first, _) = received();
    let (second, from) = received();
    assert_eq!((first.attempt, second.attempt), (1, 2), "{student}");
    let Ask::Perform { operation: Operation::Mark { class, .. }, .. } = second.ask else {
        panic!("not a mark: {second:?}")
    };
    assert_eq!((second.client, second.number, second.ask), (first.client, first.number, first.ask));
    let answer =
        Answer::Marked(Marked { class, at: Clock::start().now().wall, already_present: false });
    let mut datagram = Datagram::new();
    let reply = Reply { client: second.client, number: second.number, answer };
    encode_reply(&reply, &mut datagram);
    server.send_to(datagram.as_bytes(), from).expect("a way back");
}

const RETRY_LINE: &str = "no answer yet, trying again (2)";

#[test]
fn a_pipe_sees_nothing_of_a_retry_but_the_attempts() {
    let server = own_silence();
    let address = server.local_addr().expect("bound").to_string();
    let student = Call::new(&Place::default(), STUDENT, None)
        .args(["--server", &address, "--json", "mark", "3030", "10"])
        .start();
    answer_the_second(&server, &student);
    let marked = student.finish().expect(0);
    assert_eq!(marked.stderr, "", "{marked}");
    assert_eq!(marked.object()["attempts"], 2, "{marked}");
}

#[test]
fn a_terminal_sees_that_a_retry_is_under_way_in_one_line_however_narrow_it_is() {
    for columns in [80, 20] {
        let server = own_silence();
        let address = server.local_addr().expect("bound").to_string();
        let command = format!("'{STUDENT}' --server {address} mark 3030 10");
        let student = match at_a_terminal(columns, &command) {
            Ok(call) => call.start(),
            Err(why) => return skip(why),
        };
        answer_the_second(&server, &student);
        let marked = student.finish().expect(0);
        let shown = &RETRY_LINE[..RETRY_LINE.len().min(columns.into())];
        let (before, after) = marked
            .stdout
            .split_once(shown)
            .unwrap_or_else(|| panic!("no line about the retry\n{marked}"));
        assert!(!before.contains('\n'), "{marked}");
        let (_, answer) = after.rsplit_once("\x1b[2K").expect("the line is taken away");
        assert!(answer.starts_with("10 was marked present in class 3030 at "), "{marked}");
        assert_eq!(after.matches('\n').count(), 1, "one line in all\n{marked}");
    }
}

#[test]
fn a_terminal_sees_at_once_that_nothing_listens() {
    let closed = own_silence();
    let address = closed.local_addr().expect("bound").to_string();
    drop(closed);
    let command = format!("'{STUDENT}' --server {address} --timeout 300ms mark 3030 10");
    let student = match at_a_terminal(100, &command) {
        Ok(call) => call.run().expect(4),
        Err(why) => return skip(why),
    };
    let first = format!("nothing listens at {address} yet; still trying (1), ");
    assert!(student.stdout.contains(&first), "before it tries again\n{student}");
    let last = format!("is unknown (nothing listens at {address}: is the server running?)");
    assert!(student.stdout.contains(&last), "{student}");
}

#[test]
fn the_environment_names_the_server_unless_the_flag_does() {
    let server = Server::in_memory();
    let address = server.address().to_string();
    let call = |program| {
        let log = Some(server.log().clone());
        Call::new(&Place::default(), program, log).arg("--json")
    };
    call(TEACHER).env("ROLLCALL_SERVER", &address).args(["open", "1"]).run().expect(0);
    call(STUDENT).env("ROLLCALL_SERVER", &address).args(["mark", "1", "10"]).run().expect(0);
    let flag = call(STUDENT).env("ROLLCALL_SERVER", "no server here");
    flag.args(["mark", "1", "20", "--server", &address]).run().expect(0);
    let sheet = call(TEACHER).env("ROLLCALL_SERVER", &address).args(["close", "1"]).run();
    assert_eq!(sheet.expect(0).object()["students"], json!(["10", "20"]));
}

#[test]
fn a_server_that_is_told_no_folder_makes_one_where_it_was_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let mut command = Place::default().command(SERVER);
        command.args(["--listen", &support::own_address().to_string()]);
        command.current_dir(folder.path());
        let process = Process::spawn(command, None);
        let said = process.wait_for_output("where it listens", |text| text.contains('\n'));
        let address = said.trim_end().strip_prefix("listening on ").expect("an address").to_owned();
        (process, address)
    };
    let ask = |address: &str, arguments: &[&str]| {
        let call = Call::new(&Place::default(), TEACHER, None).args(["--server", address]);
        call.arg("--json").args(arguments).run().expect(0).object()
    };
    let (server, address) = start();
    let opened = ask(&address, &["open", "3030"]);
    server.signal("TERM");
    server.finish().expect(0);
    assert!(folder.path().join("rollcall-data").join("rollcall.sqlite3").is_file());
    let (_server, address) = start();
    assert_eq!(ask(&address, &["status", "3030"])["opened_at"], opened["opened_at"]);
}

#[test]
fn sigterm_and_sigint_end_the_server_in_order_and_log_its_counters() {
    for signal in ["TERM", "INT"] {
        let server = Server::in_memory();
        server.teacher(["open", "1"]).expect(0);
        server.student(["mark", "1", "10", "10"]).expect(0);
        let (_, ended) = server.stop(signal);
        let counters = counters(&ended.stderr);
        for name in ["opened", "marked", "already_present"] {
            assert_eq!(counters.get(name), Some(&1), "{name}\n{ended}");
        }
        assert!(counters.get("sent") >= Some(&3), "{ended}");
    }
}

#[test]
fn sigusr1_logs_the_counters_and_the_server_goes_on() {
    let server = Server::in_memory();
    server.teacher(["open", "1"]).expect(0);
    server.process().signal("USR1");
    let log = server
        .process()
        .wait_for_log("its counters", |log| log.contains(" clients known; longest turn"));
    assert_eq!(counters(&log).get("opened"), Some(&1), "{log}");
    assert!(log.contains("; 1 roll calls open, 1 clients known"), "{log}");
    server.student(["mark", "1", "10"]).expect(0);
    let (_, ended) = server.stop("TERM");
    assert_eq!(counters(&ended.stderr).get("marked"), Some(&1), "{ended}");
}

#[test]
fn the_same_datagram_again_is_answered_with_the_same_bytes_and_counted_once() {
    let server = Server::in_memory();
    server.teacher(["open", "1"]).expect(0);
    let raw = Raw::to(&server);
    let datagram = first_request(mark(1, "10"));
    let first = raw.ask(&datagram);
    assert_eq!(raw.ask(&datagram), first);
    let later = support::raw::sent_again(&datagram, 9);
    assert_eq!(raw.ask(&later), first, "the attempt number is no part of the request");
    let (_, ended) = server.stop("TERM");
    let counters = counters(&ended.stderr);
    assert_eq!(counters.get("marked"), Some(&1), "{ended}");
    assert_eq!(counters.get("duplicate_repeated"), Some(&2), "{ended}");
    assert_eq!(counters.get("resent"), Some(&1), "{ended}");
}
