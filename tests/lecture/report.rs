//! `report`: how often each student was there, of what it is counted, and who is below the minimum.

use serde_json::{Value, json};

use crate::desk::{CLASS, Desk, lasting, text};

/// Opens a roll call, has these students answer, and closes it.
#[track_caller]
fn lecture(desk: &Desk, lessons: &str, students: &[&str]) {
    desk.json(&["open", CLASS, "--lessons", lessons]).expect(0);
    for student in students {
        desk.json_student(&["mark", CLASS, student]).expect(0);
    }
    desk.json(&["close", CLASS]).expect(0);
}

/// The line of a student.
#[track_caller]
fn line(desk: &Desk, student: &str, flags: &[&str]) -> Value {
    let report = desk.json(&[&["report", CLASS], flags].concat()).expect(0).objects();
    let found = report.into_iter().find(|it| text(&it["student"]) == student);
    lasting(found.unwrap_or_else(|| panic!("no line of {student}")))
}

#[test]
fn the_report_counts_lessons_of_closed_roll_calls_and_names_who_is_below_the_minimum() {
    let desk = Desk::with_roster();
    lecture(&desk, "1", &["042191010", "10"]);
    lecture(&desk, "3", &["042191010", "042191020"]);
    desk.json(&["late", CLASS, "042191010"]).expect(0);
    desk.json(&["excuse", CLASS, "10", "--reason", "medical note"]).expect(0);
    assert_eq!(
        desk.teacher(&["report", CLASS]).expect(0).stdout,
        "Class 3030, 2 closed roll calls, 4 lessons. Counted in lessons; present and late count as there.\n\
         number            name                            of  here  late   exc   abs       %  left\n\
         042191010         Ana Silva                        4     1     3     0     0   100.0     1\n\
         20                Eva Braga                        4     0     0     0     4     0.0    -3  below 75 %\n\
         042191020         João Água                        4     3     0     0     1    75.0     0\n\
         10                Rui Sá                           4     1     0     3     0    25.0    -2  below 75 %\n"
    );
    assert_eq!(
        line(&desk, "10", &[]),
        json!({"class": 3030, "student": "10", "name": "Rui Sá", "roll_calls": 2, "of": 4, "present": 1, "late": 0,
               "excused": 3, "absent": 0, "percent": 25.0, "absences_left": -2, "below_minimum": true})
    );
}

#[test]
fn the_minimum_is_what_the_school_says() {
    let desk = Desk::with_roster();
    lecture(&desk, "3", &["10"]);
    lecture(&desk, "1", &[]);
    let below = |minimum| line(&desk, "10", &["--minimum", minimum])["below_minimum"].clone();
    assert_eq!([below("75"), below("76"), below("0")], [false, true, false].map(Value::from));
    let left = |flags: &[&str]| line(&desk, "10", flags)["absences_left"].clone();
    assert_eq!(left(&["--minimum", "74", "--planned", "60"]), 14);
    assert_eq!(left(&["--planned", "60"]), 14);
    assert_eq!(left(&[]), 0);
    desk.assert_unchanged(CLASS, || {
        for wrong in ["101", "-1", "most"] {
            desk.teacher(&["report", CLASS, "--minimum", wrong]).expect_error(2, "--minimum");
        }
        desk.teacher(&["report"]).expect_error(2, "<CLASS>");
    });
}

#[test]
fn an_absence_of_a_day_with_five_lessons_counts_five_times() {
    let desk = Desk::with_roster();
    lecture(&desk, "5", &["10"]);
    assert_eq!(line(&desk, "20", &[])["absent"], 5);
    assert_eq!(line(&desk, "10", &[])["present"], 5);
}

#[test]
fn a_medical_note_is_an_absence_with_a_reason_and_no_presence() {
    let desk = Desk::with_roster();
    lecture(&desk, "4", &[]);
    desk.json(&["excuse", CLASS, "10", "--reason", "medical note"]).expect(0);
    let excused = line(&desk, "10", &[]);
    assert_eq!(
        (&excused["excused"], &excused["absent"], &excused["present"]),
        (&json!(4), &json!(0), &json!(0))
    );
    assert_eq!(excused["percent"], 0.0);
    assert_eq!(excused["absences_left"], -3);
}

#[test]
fn who_was_never_marked_has_not_a_hundred_percent() {
    let desk = Desk::with_roster();
    lecture(&desk, "1", &["10"]);
    lecture(&desk, "1", &[]);
    assert_eq!(line(&desk, "20", &[])["percent"], 0.0);
    assert_eq!(line(&desk, "10", &[])["percent"], 50.0);
}

#[test]
fn a_student_who_is_present_in_an_open_roll_call_is_not_there_thirteen_times_of_twelve() {
    let desk = Desk::with_roster();
    lecture(&desk, "12", &["10"]);
    let before = line(&desk, "10", &[]);
    desk.json(&["open", CLASS]).expect(0);
    desk.json_student(&["mark", CLASS, "10"]).expect(0);
    assert_eq!(line(&desk, "10", &[]), before, "an open roll call counts for nobody");
    assert_eq!((&before["present"], &before["of"]), (&json!(12), &json!(12)));
}

#[test]
fn who_is_on_no_roster_stands_apart_and_is_not_counted() {
    let desk = Desk::with_roster();
    lecture(&desk, "2", &["10", "99"]);
    let report = desk.teacher(&["report", CLASS]).expect(0);
    assert!(report.stdout.ends_with("Not on the roster:\n99                2\n"), "{report}");
    let walk_in = line(&desk, "99", &[]);
    assert_eq!(
        (&walk_in["walk_in"], &walk_in["of"], walk_in.get("percent")),
        (&json!(true), &json!(0), None)
    );
}

#[test]
fn a_student_who_came_to_the_class_later_is_counted_from_then_on() {
    let desk = Desk::new();
    desk.import("number,name\n10,Ana\n");
    lecture(&desk, "1", &["10"]);
    desk.import("number,name\n10,Ana\n20,Rui\n");
    lecture(&desk, "1", &["20"]);
    let rui = line(&desk, "20", &[]);
    assert_eq!((&rui["of"], &rui["percent"]), (&json!(1), &json!(100.0)));
    assert_eq!(line(&desk, "10", &[])["percent"], 50.0);
}

#[test]
fn a_class_without_a_roster_expects_whoever_answered_once() {
    let desk = Desk::new();
    lecture(&desk, "1", &["10", "20"]);
    lecture(&desk, "1", &["10"]);
    let (one, other) = (line(&desk, "10", &[]), line(&desk, "20", &[]));
    assert_eq!((&one["percent"], &other["percent"]), (&json!(100.0), &json!(50.0)));
    assert_eq!(other["absent"], 1);
}
