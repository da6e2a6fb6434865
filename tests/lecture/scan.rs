//! `scan`: a keyboard or a barcode scanner is a pipe of numbers.

use serde_json::json;

use crate::desk::{CLASS, Desk, entry, statuses, table, text};
use crate::support::TEACHER;
use crate::support::process::Finished;

/// Scans these lines.
#[track_caller]
fn scan(desk: &Desk, json: bool, lines: &[u8]) -> Finished {
    let scan = desk.server.client(TEACHER).args(["scan", CLASS]);
    let scan = if json { scan.arg("--json") } else { scan };
    scan.run_with(lines)
}

/// The lines of an output, in order: several numbers are sent at once.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_scanner_marks_one_number_a_line_and_asks_again_for_one_that_is_on_no_roster() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    desk.json_student(&["mark", CLASS, "10"]).expect(0);
    let scanned = scan(&desk, false, b"10\r\n042191010\n\n  20 \n555\n555\n4219102\n").expect(2);
    assert_eq!(
        sorted(&scanned.stdout),
        [
            "✓ 042191010  Ana Silva  present",
            "✓ 10  Rui Sá  was there already",
            "✓ 20  Eva Braga  present",
            "✓ 555    present",
        ]
    );
    assert_eq!(
        scanned.stderr,
        "error: line 5: 555 is not on the roster of class 3030 and was not marked; the same number again marks it all the same\n\
         error: line 7: 4219102 is not on the roster of class 3030 and was not marked; the same number again marks it \
         all the same; did you mean 042191020 João Água?\n"
    );
    let closed = desk.json(&["close", CLASS]).expect(0).object();
    let expected = [
        ("042191010", "present"),
        ("042191020", "absent"),
        ("10", "present"),
        ("20", "present"),
        ("555", "present"),
    ];
    assert_eq!(statuses(&closed), table(&expected));
}

#[test]
fn a_line_that_is_no_number_is_named_and_keeps_no_other_from_being_marked() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    let long = "1".repeat(33);
    let lines =
        [&b"10\nJo\xe3o\n"[..], "João\n2 0\n".as_bytes(), long.as_bytes(), b"\n20\n042191010"];
    let scanned = scan(&desk, true, &lines.concat()).expect(2);
    let mut objects = scanned.objects();
    objects.sort_by_key(|it| text(&it["student"]));
    let present = |student| json!({"class": 3030, "student": student, "outcome": "present"});
    assert_eq!(objects, ["042191010", "10", "20"].map(present), "the last line needs no end");
    assert_eq!(
        scanned.stderr,
        format!(
            "error: line 2: the line is not text (UTF-8)\n\
             error: line 3: 'João': a student number is made of letters, digits and signs of ASCII, without spaces\n\
             error: line 4: '2 0': write only one on each line\n\
             error: line 5: '{long}': a student number has at most 32 characters\n"
        )
    );
}

#[test]
fn a_scanner_is_told_why_nothing_is_marked() {
    let desk = Desk::with_roster();
    let scanned = scan(&desk, false, b"10\n20\n").expect(3);
    let why = "class 3030 never had a roll call";
    assert_eq!(
        sorted(&scanned.stdout),
        [format!("✗ 10  Rui Sá  {why}"), format!("✗ 20  Eva Braga  {why}")]
    );
    let scanned = scan(&desk, true, b"10\n").expect(3);
    assert_eq!(
        scanned.object(),
        json!({"class": 3030, "student": "10", "outcome": "refused", "reason": "never_opened"})
    );
    desk.teacher(&["scan", "0"]).expect_error(2, "a class is a number");
    desk.teacher(&["scan"]).expect_error(2, "<CLASS>");
}

#[test]
fn a_scanner_that_gets_no_answer_names_every_number_and_none_is_said_to_be_recorded() {
    let desk = Desk::with_journal();
    desk.import("number,name\n10,Rui\n20,Eva\n30,Ivo\n");
    desk.json(&["open", CLASS]).expect(0);
    let scan = desk.server.client(TEACHER).args(["scan", CLASS, "--timeout", "3s"]);
    let mut scan = scan.start();
    scan.write(b"10\n");
    scan.wait_for_output("the first one", |text| text.contains("✓ 10  Rui  "));
    let down = desk.killed();
    scan.write(b"20\n30\n99\n99\n");
    let scanned = scan.finish().expect(4);
    assert_eq!(scanned.stdout.lines().count(), 1, "{scanned}");
    let last = scanned.stderr.lines().last();
    assert_eq!(
        last,
        Some("error: no answer, and perhaps not marked: 20 30 99; scan them again"),
        "{scanned}"
    );
    let desk = down.started();
    let status = desk.json(&["status", CLASS]).expect(0).object();
    assert_eq!(status["present"], 1);
}

#[test]
fn a_scanner_goes_on_when_the_server_is_there_again() {
    let desk = Desk::with_journal();
    desk.json(&["open", CLASS]).expect(0);
    let scan = desk.server.client(TEACHER).args(["scan", CLASS, "--timeout", "2s", "--json"]);
    let mut scan = scan.start();
    scan.write(b"10\n");
    scan.wait_for_output("the first one", |text| text.contains("\"outcome\""));
    let down = desk.killed();
    scan.write(b"20\n30\n");
    scan.wait_for_log("that it is sent again", |text| text.contains("it is sent again"));
    let desk = down.started();
    // One that was sent before and one that was sent again are one mark.
    scan.wait_for_output("the others", |text| text.matches("\"outcome\"").count() == 3);
    scan.finish().expect(0);
    assert_eq!(
        desk.json(&["close", CLASS]).expect(0).object()["students"].as_array().map(Vec::len),
        Some(3)
    );
}
#[test]
fn a_student_who_is_marked_by_telephone_scanner_and_teacher_is_on_the_sheet_once() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    let receipt = desk.json_student(&["mark", CLASS, "10"]).expect(0).object();
    scan(&desk, true, b"10\n10\n").expect(0);
    desk.json(&["mark", CLASS, "10"]).expect(0);
    let again = desk.json_student(&["mark", CLASS, "10"]).expect(0).object();
    assert_eq!((&again["outcome"], &again["at"]), (&json!("already_present"), &receipt["at"]));
    let closed = desk.json(&["close", CLASS]).expect(0).object();
    assert_eq!(closed["students"], json!(["10"]));
    assert_eq!(statuses(&closed)["10"], "present");
    assert_eq!(entry(&closed, "10")["at"], receipt["at"], "the first time");
}
