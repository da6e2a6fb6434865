//! What teachers and students do, told with the real commands: roll calls from the opening to the
//! sheet, at a prompt and in scripts, and what a program reads of them.
#![cfg(unix)]

use std::net::UdpSocket;

use chrono::{DateTime, SecondsFormat};
use rollcall::operation::Operation;
use rollcall::shell::clock::Clock;
use rollcall::wire::{Answer, Ask, Datagram, Reply, decode_request, encode_reply};
use serde_json::{Value, json};

use support::process::{Finished, PATIENCE, Process};
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
    assert!(opened.stdout.starts_with("Class 7 is open since "), "{opened}");
    let marked = server.client(STUDENT).args(["mark", "7", "042191010"]).run().expect(0);
    assert!(marked.stdout.starts_with("042191010 is present in class 7 since "), "{marked}");
    let closed = server.client(TEACHER).args(["close", "7"]).run().expect(0);
    let lines: Vec<_> = closed.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{closed}");
    assert!(lines[0].starts_with("Class 7 is closed since "), "{closed}");
    assert!(lines[0].ends_with(". 1 student answered:"), "{closed}");
    assert!(lines[1].trim_start().starts_with("1  042191010 "), "{closed}");
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
    assert_refused(&server.student(["mark", "1010", "10"]).expect_error(3, "no open roll call"));
    let sheet = server.teacher(["sheet", "1010"]).expect(0).object();
    assert_eq!(sheet["students"], json!([]), "a refused mark is on no sheet");
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
        assert!(matches!(opened.answer, Answer::Opened { already_open: false, .. }), "{opened:?}");
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
    let talk = server.client(TEACHER).run_with(input).expect(0);
    assert!(talk.stdout.starts_with("Roll call. "), "{talk}");
    assert!(talk.stdout.contains("Class: Class 3030 is open since "), "{talk}");
    assert!(talk.stdout.contains("Class: Class 3030 is closed since "), "{talk}");
    assert!(talk.stdout.contains(". 0 students answered."), "{talk}");
    // Seven lines, one of them empty, and the end of the input.
    assert_eq!(talk.stdout.matches("Class: ").count(), 8, "{talk}");
    let complaints: Vec<_> = talk.stderr.lines().collect();
    assert_eq!(complaints.len(), 4, "{talk}");
    for (complaint, wrong) in complaints.iter().zip(["maths", "0", "-1", "4294967296"]) {
        assert!(complaint.starts_with(&format!("error: '{wrong}': ")), "{complaint}\n{talk}");
    }
}

#[test]
fn a_teacher_at_the_prompt_sees_who_answered_in_the_meantime() {
    let server = Server::in_memory();
    let mut teacher = server.client(TEACHER).start();
    teacher.write(b"3030\n");
    teacher.wait_for_output("the opening", |text| text.contains("is open since"));
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
        .expect(0);
    assert_eq!(unanswered.stderr.matches("error: no answer from ").count(), 2, "{unanswered}");
}

#[test]
fn students_at_one_prompt_answer_one_after_the_other_and_mistakes_are_asked_again() {
    let server = Server::in_memory();
    server.teacher(["open", "3030"]).expect(0);
    let long = "9".repeat(33);
    let input = format!("10\n3030\nwith space\n{long}\n042191010\nmaths\n3030\n20\n7\n30\n3030\n");
    let talk = server.client(STUDENT).run_with(input.as_bytes()).expect(0);
    assert!(talk.stdout.contains("Student number: Class: 10 is present in class 3030"), "{talk}");
    assert!(talk.stdout.contains("042191010 is present in class 3030 since "), "{talk}");
    let complaints: Vec<_> = talk.stderr.lines().collect();
    assert_eq!(complaints.len(), 4, "{talk}");
    assert!(complaints[0].starts_with("error: 'with space': "), "{talk}");
    assert!(complaints[1].starts_with(&format!("error: '{long}': ")), "{talk}");
    assert!(complaints[2].starts_with("error: 'maths': "), "{talk}");
    assert!(complaints[3].starts_with("error: 20 was refused at "), "{talk}");
    let sheet = server.teacher(["close", "3030"]).expect(0).object();
    assert_eq!(sheet["students"], json!(["10", "042191010", "30"]));
}

#[test]
fn the_end_of_the_input_ends_a_prompt_with_exit_code_0() {
    let server = Server::in_memory();
    for program in [TEACHER, STUDENT] {
        let ended = server.client(program).run().expect(0);
        assert_eq!(ended.stderr, "", "{ended}");
        assert!(ended.stdout.ends_with(": \n"), "the shell's prompt begins its own line\n{ended}");
    }
    let half = server.client(STUDENT).run_with(b"10\n").expect(0);
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
        let contract = ["attempts", "class", "closed_at", "opened_at", "students"];
        assert_eq!(fields(object), contract, "{object}");
    }
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
    socket.set_read_timeout(Some(PATIENCE)).expect("longer than zero");
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
    let answer = Answer::Marked { class, at: Clock::start().now().wall, already_present: false };
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
fn a_terminal_sees_that_a_retry_is_under_way() {
    if !support::has("script") {
        return skip("there is no command 'script' to make a terminal with");
    }
    let server = own_silence();
    let address = server.local_addr().expect("bound").to_string();
    let command = format!("'{STUDENT}' --server {address} mark 3030 10");
    let student =
        Call::new(&Place::default(), "script", None).args(["-qec", &command, "/dev/null"]).start();
    answer_the_second(&server, &student);
    let marked = student.finish().expect(0);
    let (before, after) = marked
        .stdout
        .split_once(RETRY_LINE)
        .unwrap_or_else(|| panic!("no line about the retry\n{marked}"));
    assert!(before.ends_with("\r\x1b[2K"), "it takes the place of the line before\n{marked}");
    let (_, after) = after.split_once("\r\x1b[2K").expect("the line is taken away");
    assert!(after.starts_with("10 is present in class 3030 since "), "{marked}");
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
    let flag = call(STUDENT).env("ROLLCALL_SERVER", "no port here");
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
    let log = server.process().wait_for_log("its counters", |log| log.contains("clients known\n"));
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
