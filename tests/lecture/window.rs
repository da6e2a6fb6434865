//! How long a roll call is open, who is late, and who closes it.

use std::time::Duration;

use rollcall::shell::clock::Clock;
use rollcall::time::WallTime;
use serde_json::{Value, json};

use crate::desk::{CLASS, Desk, ROSTER, entry, lasting, masked, millis, table, text, timeless};
use crate::past::{self, mark, open_for};
use crate::support::people::School;
use crate::support::{STUDENT, TEACHER};

/// Waits until the clock has passed a time that a command told.
fn wait_past(time: &Value) {
    let moment = WallTime::from_millis(u64::try_from(millis(time)).expect("after 1970"));
    while Clock::start().now().wall.millis_after(moment) <= 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_class_is_opened_with_an_end_and_a_time_from_which_on_who_answers_is_late() {
    let desk = Desk::with_roster();
    let arguments = [
        "open",
        CLASS,
        "--for",
        "15m",
        "--late-after",
        "10m",
        "--lessons",
        "2",
        "--title",
        "Redes 1",
    ];
    let opened = desk.teacher(&arguments).expect(0);
    assert_eq!(
        desk.said(&opened),
        "Class 3030 was opened at TIME.\n\
         Who answers from TIME on is late.\n\
         It closes by itself at TIME.\n"
    );
    // Another plan changes nothing of the first.
    let again = desk.json(&["open", CLASS, "--for", "1h"]).expect(0).object();
    let opened_at = millis(&again["opened_at"]);
    assert_eq!(again["already_open"], true);
    assert_eq!(millis(&again["closes_at"]) - opened_at, 15 * 60_000);
    assert_eq!(millis(&again["late_after"]) - opened_at, 10 * 60_000);
    assert!(again.get("code").is_none(), "no code where datagrams are plain: {again}");
    let again = desk.teacher(&["open", CLASS]).expect(0);
    assert!(again.stdout.starts_with("Class 3030 was already open, since "), "{again}");
    desk.student(&["mark", CLASS, "10"]).expect(0);
    assert_eq!(
        desk.said(&desk.teacher(&["status"]).expect(0)),
        "Class 3030 is open since TIME: 1 of 4 students so far. It closes at TIME.\n"
    );
    let status = desk.json(&["status", CLASS]).expect(0).object();
    assert_eq!((&status["present"], &status["expected"]), (&json!(1), &json!(4)));
    assert_eq!(status["closes_at"], again_in_json(&desk)["closes_at"]);
    let closed = desk.json(&["close", CLASS]).expect(0).object();
    assert_eq!((&closed["title"], &closed["lessons"]), (&json!("Redes 1"), &json!(2)));
}

fn again_in_json(desk: &Desk) -> Value {
    desk.json(&["open", CLASS]).expect(0).object()
}

#[test]
fn who_is_on_no_roster_does_not_make_the_class_complete() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS, "--late-after", "1h"]).expect(0);
    desk.json_student(&["mark", CLASS, "042191010", "10", "20", "99"]).expect(0);
    desk.json(&["late", CLASS, "10"]).expect(0);
    assert_eq!(
        desk.said(&desk.teacher(&["status", CLASS]).expect(0)),
        "Class 3030 is open since TIME: 3 of 4 students, 1 of them late, 1 not on the roster, so far.\n"
    );
}

#[test]
fn a_sealed_class_is_opened_with_a_code_that_is_told_with_how_to_show_it() {
    let school = School::with_ana();
    let opened = school.run("ana", TEACHER, &["open", CLASS, "--for", "15m"]).expect(0);
    let said = masked(&timeless(&opened.stdout), "######", "CODE");
    let said = masked(&masked(&said, "for ## s", "for N s"), "for # s", "for N s");
    assert_eq!(
        said,
        "Class 3030 was opened at TIME.\n\
         It closes by itself at TIME.\n\
         The code of the room is CODE for N s more; show it with: rollcall-teacher code 3030\n"
    );
    let again = school.run("ana", TEACHER, &["--json", "open", CLASS]).expect(0).object();
    let code = text(&again["code"]);
    assert!(code.len() == 6 && code.bytes().all(|it| it.is_ascii_digit()), "{again}");
    school.make_students(&["eva"]);
    let code = school.code(CLASS);
    let marked = school.run("eva", STUDENT, &["--json", "mark", CLASS, "20", "--code", &code]);
    assert_eq!(marked.expect(0).object()["outcome"], "present");
}

#[test]
fn what_is_no_plan_is_wrong_usage_and_opens_nothing() {
    let desk = Desk::with_roster();
    let long = "é".repeat(41);
    desk.assert_unchanged(CLASS, || {
        for (flags, says) in [
            (&["--for", "0"][..], "it must be a second or longer"),
            (&["--for", "-5m"], "write it as 10m, 90s or 1h30m; a number alone is minutes"),
            (&["--for", "soon"], "write it as 10m, 90s or 1h30m"),
            (&["--for", ""], "write it as 10m, 90s or 1h30m"),
            (&["--for", "900h"], "it can be at most 1day"),
            (&["--for", "1441"], "it can be at most 1day"),
            (&["--late-after", "0"], "it must be a second or longer"),
            (
                &["--for", "5m", "--late-after", "5m"],
                "--late-after has to be before the end that --for says; nobody could be late otherwise",
            ),
            (&["--for", "5m", "--late-after", "6m"], "--late-after has to be before the end"),
            (&["--lessons", "0"], "1..=20"),
            (&["--lessons", "21"], "1..=20"),
            (&["--lessons", "two"], "--lessons"),
            (&["--title", ""], "a title cannot be that: it has no characters"),
            (&["--title", &long], "a title cannot be that: it has more than 80 bytes"),
            (&["--title", "a\tb"], "a title cannot be that: it has characters that cannot be seen"),
            (&["--accept-delayed", "11m"], "it can be at most 10m"),
            (&["--accept-delayed", "-1s"], "write it as 10m, 90s or 1h30m"),
            (&["--who", "enrolled"], "leave out --who, --strict and --code"),
            (&["--code", "--no-code"], "--no-code"),
        ] {
            let told = desk.teacher(&[&["open", CLASS], flags].concat()).expect_error(2, says);
            assert_eq!(told.stdout, "", "{flags:?}");
        }
    });
}

#[test]
fn who_answers_after_the_time_is_late_and_told_so() {
    let write = |data: &std::path::Path| {
        past::write(data, &[(600, open_for(60, 5)), (500, mark("10")), (200, mark("20"))]);
    };
    let desk = Desk::with_past(write);
    let late = desk.student(&["mark", CLASS, "042191010"]).expect(0);
    assert_eq!(desk.said(&late), "042191010 was marked late in class 3030 at TIME.\n");
    let late = desk.json_student(&["mark", CLASS, "30"]).expect(0).object();
    let told = json!({"class": 3030, "student": "30", "at": late["at"], "outcome": "late"});
    assert_eq!(lasting(late), told);
    let closed = desk.teacher(&["close", CLASS]).expect(0);
    assert_eq!(
        desk.said(&closed),
        "Class 3030 was closed at TIME +00:00. 4 students present, 3 of them late:\n   \
         1  10                TIME\n   \
         2  20                TIME  late\n   \
         3  042191010         TIME  late\n   \
         4  30                TIME  late\n"
    );
    let students = &desk.sheet()["students"];
    assert_eq!(*students, json!(["10", "20", "042191010", "30"]), "who is late is there");
}

#[test]
fn a_student_who_presses_again_after_the_time_is_not_late() {
    let write = |data: &std::path::Path| {
        past::write(data, &[(600, open_for(60, 5)), (500, mark("10"))]);
    };
    let desk = Desk::with_past(write);
    let again = desk.json_student(&["mark", CLASS, "10"]).expect(0).object();
    assert_eq!(again["outcome"], "already_present", "{again}");
    let closed = desk.json(&["close", CLASS]).expect(0).object();
    assert_eq!(entry(&closed, "10")["status"], "present");
    assert_eq!(entry(&closed, "10")["at"], again["at"], "the first time");
}

/// The end of the roll call, a second from now: whoever answered before is not late for it.
#[track_caller]
fn end_soon(desk: &Desk) -> Value {
    desk.json(&["extend", CLASS, "1s"]).expect(0).object()["closes_at"].clone()
}

#[test]
fn a_class_that_its_teacher_forgets_to_close_closes_by_itself() {
    let desk = Desk::with_roster();
    let opened = desk.json(&["open", CLASS, "--for", "1s"]).expect(0).object();
    assert_eq!(millis(&opened["closes_at"]) - millis(&opened["opened_at"]), 1_000);
    desk.wait_for_close(CLASS);
    assert_eq!(desk.sheet()["closed_at"], opened["closes_at"], "at the time that was said");
}

#[test]
fn everybody_who_did_not_answer_is_written_down_as_absent_by_the_deadline_too() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    let receipt = desk.json_student(&["mark", CLASS, "10", "99"]).expect(0).objects();
    let closes_at = end_soon(&desk);
    desk.wait_for_close(CLASS);
    let sheet = desk.sheet();
    assert_eq!(sheet["closed_at"], closes_at);
    assert_eq!(entry(&sheet, "10")["at"], receipt[0]["at"]);
    let expected = [
        ("042191010", "absent"),
        ("042191020", "absent"),
        ("10", "present"),
        ("20", "absent"),
        ("99", "present"),
    ];
    assert_eq!(desk.statuses(), table(&expected));
    // A close that comes after it is answered with the same sheet.
    let late = desk.json(&["close", CLASS]).expect(0).object();
    assert_eq!(lasting(late), lasting(sheet));
    let refused = desk.student(&["mark", CLASS, "20"]).expect(3);
    assert_eq!(
        desk.warned(&refused),
        "error: 20 was refused at TIME: class 3030 was closed at TIME\n"
    );
}

#[test]
fn a_server_that_is_killed_before_the_end_closes_at_the_time_that_was_said() {
    let desk = Desk::with_journal();
    desk.import(ROSTER);
    desk.json(&["open", CLASS]).expect(0);
    desk.json_student(&["mark", CLASS, "10"]).expect(0);
    let closes_at = end_soon(&desk);
    let down = desk.killed();
    wait_past(&closes_at);
    let desk = down.started();
    desk.wait_for_close(CLASS);
    let sheet = desk.sheet();
    assert_eq!(sheet["closed_at"], closes_at, "not when the server was there again");
    assert_eq!(desk.statuses()["10"], "present");
    assert_eq!(desk.statuses()["20"], "absent");
    let desk = desk.restarted();
    assert_eq!(lasting(desk.sheet()), lasting(sheet), "once");
    assert_eq!(desk.json(&["history", CLASS]).expect(0).objects().len(), 1);
}

#[test]
fn a_deadline_of_yesterday_is_not_moved_to_today_by_a_start() {
    const DAY_S: u32 = 86_400;
    let write = |data: &std::path::Path| {
        past::write(data, &[(DAY_S, open_for(15, 5)), (DAY_S - 60, mark("10"))]);
    };
    let desk = Desk::with_past(write);
    desk.wait_for_close(CLASS);
    let sheet = desk.sheet();
    assert_eq!(millis(&sheet["closed_at"]) - millis(&sheet["opened_at"]), 15 * 60_000);
    assert_eq!(sheet["students"], json!(["10"]));
    // Who comes today is in no roll call of yesterday.
    desk.json_student(&["mark", CLASS, "20"]).expect(3);
    assert_eq!(lasting(desk.sheet()), lasting(sheet));
}

#[test]
fn a_class_is_extended_by_what_is_said() {
    let desk = Desk::with_journal();
    let opened =
        desk.json(&["open", CLASS, "--for", "15m", "--late-after", "10m"]).expect(0).object();
    assert_eq!(
        desk.said(&desk.teacher(&["extend", CLASS, "5m"]).expect(0)),
        "Class 3030 closes at TIME.\n"
    );
    let extended = desk.json(&["extend", CLASS, "90s"]).expect(0).object();
    assert_eq!(millis(&extended["closes_at"]) - millis(&opened["closes_at"]), 390_000);
    let told = json!({"class": 3030, "at": extended["at"], "closes_at": extended["closes_at"]});
    assert_eq!(lasting(extended), told);
    let desk = desk.restarted();
    let again = again_in_json(&desk);
    assert_eq!(millis(&again["closes_at"]) - millis(&opened["closes_at"]), 390_000);
    assert_eq!(millis(&again["late_after"]) - millis(&opened["late_after"]), 390_000);
    desk.json(&["close", CLASS]).expect(0);
    let sheet = desk.teacher(&["sheet", CLASS]).expect(0);
    assert_eq!(sheet.stdout.matches("  extended to ").count(), 2, "{sheet}");
    // One without an end gets one.
    let opened = desk.json(&["open", CLASS]).expect(0).object();
    assert!(opened.get("closes_at").is_none(), "{opened}");
    let extended = desk.json(&["extend", CLASS, "10"]).expect(0).object();
    assert_eq!(millis(&extended["closes_at"]) - millis(&extended["at"]), 600_000);
}

#[test]
fn what_cannot_be_extended_is_told_and_changes_nothing() {
    let desk = Desk::new();
    desk.json(&["open", CLASS, "--for", "15m"]).expect(0);
    desk.assert_unchanged(CLASS, || {
        for (by, says) in [
            ("0", "it must be a second or longer"),
            ("-5m", "write it as 10m, 90s or 1h30m"),
            ("25h", "it can be at most 1day"),
            ("soon", "write it as 10m, 90s or 1h30m"),
        ] {
            desk.teacher(&["extend", CLASS, by]).expect_error(2, says);
        }
        desk.teacher(&["extend", CLASS]).expect_error(2, "<T>");
    });
    desk.json(&["close", CLASS]).expect(0);
    desk.assert_unchanged(CLASS, || {
        for (class, reason) in [(CLASS, "not_open"), ("7", "not_open")] {
            let refused = desk.json(&["extend", class, "5m"]).expect(3).object();
            assert_eq!(text(&refused["reason"]), reason);
            let says = format!(
                "class {class} has no open roll call; the teacher opens one with: rollcall-teacher open {class}"
            );
            desk.teacher(&["extend", class, "5m"]).expect_error(3, &says);
        }
    });
}
